/*
 * control.h - the file `control`: which lottery a data directory holds, and its state.
 *
 * The file holds the lottery's identity, the terms that define it, its state, and the
 * positions that were durable when the file was written. It is text, with a checksum as its
 * last line. It is replaced by a rename, so a reader finds one whole version. A file that
 * can't be parsed was changed by something other than the server.
 *
 * Every position in it was durable before it was written. So a bets.csv or done.csv that ends
 * before such a position has lost what was acknowledged.
 *
 * The supervisor writes it during recovery, before it starts a storer; from then on the storer
 * does. lottery-stat and lottery-admin read it.
 */
#ifndef STORE_CONTROL_H
#define STORE_CONTROL_H

#include "lib/config.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct data_directory;

/* What defines a lottery. Fixed once anything of it has been stored. */
struct lottery_terms {
    uint32_t agencies_expected;
    uint32_t winning_number;
    char agencies_allowed[CONFIG_TEXT_BYTES]; /* "1-3,7" in ascending order, or "any" */
};

enum control_state {
    CONTROL_NEW,  /* nothing has been stored: the terms may still change */
    CONTROL_OPEN, /* something has been stored */
    CONTROL_DRAWN /* the draw has been held */
};

enum { CONTROL_IDENTITY_DIGITS = 32 };

/* The largest ring that can be configured (server_config.c): recovery never cuts a longer tail. */
#define CONTROL_RING_BYTES_MAX (UINT64_C(1024) * 1024 * 1024)

/* A draw that has been held. */
struct draw_record {
    uint64_t bets, bytes, checksum;                         /* of bets.csv: all of it */
    uint64_t winners, winners_bytes, winners_file_checksum; /* of winners.csv: all of it */
};

struct control {
    char identity[CONTROL_IDENTITY_DIGITS + 1]; /* random, lower-case hexadecimal */
    uint32_t ipc_key;                           /* of the segment's name and the semaphore set */
    uint64_t ring_bytes;                        /* of the server that writes here */
    struct lottery_terms terms;
    enum control_state state;
    uint64_t bets_bytes;     /* bets.csv was durable up to here */
    uint64_t done_bytes;     /* done.csv was durable up to here */
    struct draw_record draw; /* zeros before the draw */
};

enum control_answer {
    CONTROL_READ,
    CONTROL_ABSENT,
    CONTROL_REFUSED /* damaged, of another version, or not to be read; the failure says which */
};

/*
 * Reads an open control file from its beginning; `path` is for messages. Returns CONTROL_READ,
 * or CONTROL_REFUSED with the failure. Called by lottery-stat, which may look at another
 * user's directory.
 */
enum control_answer control_read_file(int file, const char *path, struct control *control,
                                      struct failure *failure);

/*
 * Reads the file of our own directory. CONTROL_REFUSED is described in `failure`. Called by
 * the supervisor, the storer and lottery-admin.
 */
enum control_answer control_read(const struct data_directory *directory, struct control *control,
                                 struct failure *failure);

/*
 * Replaces the file, durably: once it has returned true, a power loss leaves this version.
 * Returns false with the failure and errno. *synced is false if a sync was what failed; then
 * it is not known which version the disk holds. Called by the supervisor during recovery, by
 * the storer, and by lottery-admin for a copy.
 */
bool control_write(const struct data_directory *directory, const struct control *control,
                   bool *synced, struct failure *failure);

/*
 * Fills in a new lottery's control: a random identity, CONTROL_NEW. False with the failure when
 * the kernel gives no random bytes. Called by the supervisor during recovery.
 */
bool control_make(struct control *control, struct failure *failure);

/* True when the terms are the same. Any process may call. */
bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other);

/* Returns "new", "open" or "drawn". Any process may call. */
const char *control_state_name(enum control_state state);

#endif
