/*
 * national.h - the records of stream DRAW: what the centres of one national draw say of it.
 *
 *   lottery.draw.NAME.closed.CENTRE   a centre's sales are closed and sealed: what it has. Or an
 *                                     operator says that the draw is held without that centre
 *   lottery.draw.NAME.drawn           the draw: the number, and every centre's `closed`, by SHA-256
 *
 * In a subject each `.` of the draw's name is written `=`, which no name has. `drawn` is there once
 * or never. Of a centre there is one `closed`; where an operator had to close out a centre whose
 * record contradicts the others', a second one, and the last one before `drawn` counts.
 *
 * Each payload is canonical JSON (canonical.h): one record has one text, and its SHA-256 says all
 * of it. Shown with line breaks:
 *
 *   {"agencies":5,"bets":78697,"bytes":3906000,"centre":"A","closed_by":"centre","draw":"2026-W48",
 *    "epoch":3,"expected":"A,B,C","format":"lottery closed 1","identity":"5b1e...","node":"one",
 *    "reason":"-","seal_sha256":"...",
 *    "terms":{"agencies_allowed":"1-5","agencies_expected":5,"closes_at":"-","number_by":"command",
 *             "winning_number":null}}
 *
 *   {"bets":157394,"bytes":7812000,"centre":"A",
 *    "centres":[{"agencies":5,"bets":78697,"bytes":3906000,"centre":"A","closed_by":"centre",
 *                "closed_sha256":"...","seal_sha256":"..."}, ...],
 *    "draw":"2026-W48","epoch":3,"format":"lottery drawn 1","node":"one","winning_number":7574}
 *
 * `closed_by` is `centre` or `operator`. Of a centre that an operator has closed out, agencies,
 * bets and bytes are 0, identity and seal_sha256 `-`, and `terms` those of the centre where the
 * operator was. `node` and `epoch` are of the shipper that appended, `centre` of a `drawn` is that
 * shipper's. `centres` has each expected centre once, in ascending order; `bets` and `bytes` are
 * their sums, and `closed_sha256` is over the payload of the centre's `closed` record.
 *
 * Pure functions. Called by lottery-shipper, which writes and reads them, and by lottery-verify.
 */
#ifndef SEAL_NATIONAL_H
#define SEAL_NATIONAL_H

#include "lib/failure.h"
#include "seal/sha256.h"
#include "store/centre_set.h"
#include "store/control.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NATIONAL_STREAM   "DRAW"
#define NATIONAL_SUBJECTS "lottery.draw.>" /* all of the stream */

enum {
    NATIONAL_NODE_BYTES = 128,   /* a node's name, with its NUL */
    NATIONAL_SUBJECT_BYTES = 128 /* with its NUL */
};

enum national_closer { NATIONAL_BY_CENTRE, NATIONAL_BY_OPERATOR, NATIONAL_CLOSERS };

/* A centre's `closed`. */
struct national_closed {
    char centre[CENTRE_NAME_BYTES];
    enum national_closer by;
    char reason[CONTROL_REASON_BYTES];          /* the operator's; empty: none */
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* of the centre's draw; empty: closed out */
    struct lottery_terms terms;     /* of NUMBER_BY_COMMAND no number; the centres are `expected` */
    uint64_t agencies, bets, bytes; /* of the seal */
    char seal_sha256[CONTROL_SHA256_DIGITS + 1]; /* of seal.json; empty: closed out */
    char node[NATIONAL_NODE_BYTES];
    uint64_t epoch;
};

/* What `drawn` says of a centre. */
struct national_share {
    char centre[CENTRE_NAME_BYTES];
    enum national_closer by;
    uint64_t agencies, bets, bytes;
    struct sha256_digest closed_sha256;
    char seal_sha256[CONTROL_SHA256_DIGITS + 1];
};

struct national_drawn {
    char draw[CONTROL_DRAW_BYTES];
    char centre[CENTRE_NAME_BYTES];
    char node[NATIONAL_NODE_BYTES];
    uint64_t epoch;
    uint32_t winning_number;
    uint64_t bets, bytes;
    uint32_t share_count;
    struct national_share shares[CENTRES_MAX]; /* ascending by centre */
};

/* The subjects of a draw. */
void national_closed_subject(const char *draw, const char *centre,
                             char subject[NATIONAL_SUBJECT_BYTES]);
void national_drawn_subject(const char *draw, char subject[NATIONAL_SUBJECT_BYTES]);

/* Return the text, terminated, which the caller frees, and its bytes. NULL: no memory. */
char *national_write_closed(const struct national_closed *closed, size_t *bytes);
char *national_write_drawn(const struct national_drawn *drawn, size_t *bytes);

/*
 * Read a payload; `place` is for messages. True when the function above makes exactly this text of
 * it; else false with the failure.
 */
bool national_parse_closed(const char *text, size_t bytes, const char *place,
                           struct national_closed *closed, struct failure *failure);
bool national_parse_drawn(const char *text, size_t bytes, const char *place,
                          struct national_drawn *drawn, struct failure *failure);

/*
 * Fills in what `drawn` says of a centre by its `closed` record, whose payload has this SHA-256.
 */
void national_share_of(const struct national_closed *closed, const struct sha256_digest *sha256,
                       struct national_share *share);

/* True when both say the same of the centre. */
bool national_shares_equal(const struct national_share *one, const struct national_share *other);

#endif
