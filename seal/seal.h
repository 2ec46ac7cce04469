/*
 * seal.h - seal.json: what bets.csv and done.csv are, byte for byte, before the draw.
 *
 * The storer makes the seal when sales are closed and all is durable. After that no byte of either
 * file may change: every start, and the draw, compare them with the seal. Whoever has the
 * SHA-256 of seal.json has all of it in 32 bytes: each row, each agency's rows, the terms.
 * docs/draws.md has the format, and says what a seal proves.
 *
 * Memory does not grow with the number of bets. Called by the storer and lottery-verify; reading
 * and comparing also by the supervisor during recovery.
 */
#ifndef SEAL_SEAL_H
#define SEAL_SEAL_H

#include "lib/failure.h"
#include "seal/bets_digest.h"
#include "store/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEAL_PROGRAM_BYTES = 64 };

/* An agency that has bets, a line in done.csv, or was closed out. */
struct seal_agency {
    uint32_t agency;
    bool closed_out; /* sales were closed without its DONE */
    uint64_t rows;
    struct sha256_digest sha256; /* of its rows in their order, with their CRLF */
};

struct seal {
    char identity[CONTROL_IDENTITY_DIGITS + 1];
    struct lottery_terms terms;       /* of NUMBER_BY_COMMAND the number is not given yet */
    char program[SEAL_PROGRAM_BYTES]; /* "lottery-server 1.0" */
    int64_t opened_at_ms;             /* since 1970; 0: not known */
    struct closing closing;
    int64_t sealed_at_ms;
    uint64_t bets_bytes, bets_rows;
    uint64_t bets_checksum; /* by lib/checksum.h; not in the text: 0 in a seal that was read */
    struct sha256_digest bets_sha256, merkle_root;
    uint64_t done_bytes;
    struct sha256_digest done_sha256;
    struct seal_agency *agencies; /* owned; in ascending order */
    size_t agency_count;
};

enum seal_end {
    SEAL_GOOD,
    SEAL_FAILED,     /* a file can't be read, or there is no memory: may be tried again; errno */
    SEAL_DAMAGED,    /* the files are not what was stored, or not what was sealed */
    SEAL_INTERRUPTED /* should_stop said so */
};

/*
 * Makes the seal of the open files bets.csv and done.csv, whole, for the draw that `control`
 * describes: closed, with both files' bytes. After SEAL_GOOD the caller closes *seal; else it is
 * zeroed, and the failure says why. SEAL_DAMAGED: a row is no bet, a file's bytes are not
 * control's, or done.csv does not agree with bets.csv. Calls `should_stop` some hundred times
 * a second. Called by the storer.
 */
enum seal_end seal_make(int bets_file, int done_file, const struct control *control,
                        int64_t sealed_at_ms, bool (*should_stop)(void), struct seal *seal,
                        struct failure *failure);

/*
 * Compares the open files with the seal: bytes and SHA-256. Answers as seal_make does. It takes
 * what reading and hashing bets.csv once takes. Called at each start, and before the draw.
 */
enum seal_end seal_compare(const struct seal *seal, int bets_file, int done_file,
                           bool (*should_stop)(void), struct failure *failure);

/* Returns seal.json, terminated, which the caller frees, and its bytes; NULL: no memory. */
char *seal_write_text(const struct seal *seal, size_t *bytes);

/*
 * Reads seal.json; `path` is for messages. True when seal_write_text makes exactly this text of
 * *seal, which the caller closes then; else false with the failure, and *seal is zeroed.
 */
bool seal_parse(const char *text, size_t bytes, const char *path, struct seal *seal,
                struct failure *failure);

/* The agency's entry, or NULL where it has none. */
const struct seal_agency *seal_find(const struct seal *seal, uint32_t agency);

/* Frees the agencies and zeroes the seal. */
void seal_close(struct seal *seal);

#endif
