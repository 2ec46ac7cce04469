/*
 * control.h - what the lottery in a data directory is, and how far it has come: the file `control`.
 *
 * The file says who the lottery is (identity), what defines it (terms), how far it has
 * come (state), and what had been made durable when the file was written. It is text, with
 * a checksum as its last line, and is replaced by a rename: whoever reads it finds one
 * whole version. A version that can't be read was changed by something else than us.
 *
 * It is a witness: every position in it was durable before it was written, so a
 * bets.csv or done.csv that ends before one has lost what was acknowledged.
 *
 * Written by the supervisor during recovery, and by the storer from then on, never by both.
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

/* The largest ring that a server can have had (server_config.c): more of a tail is never cut. */
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
 * Reads an open control file, from its beginning; `path` is for messages. CONTROL_READ
 * or CONTROL_REFUSED. For those who look at another user's directory: lottery-stat.
 */
enum control_answer control_read_file(int file, const char *path, struct control *control,
                                      struct failure *failure);

/* Reads the file of our own directory. Any process of the server may call. */
enum control_answer control_read(const struct data_directory *directory, struct control *control,
                                 struct failure *failure);

/*
 * Replaces the file, durably: when it returns true, this version is what a power loss
 * leaves. False with the failure and errno; *synced is false where a sync was what failed,
 * and then it is not known which version the disk holds.
 */
bool control_write(const struct data_directory *directory, const struct control *control,
                   bool *synced, struct failure *failure);

/* A new lottery's control: a random identity, CONTROL_NEW. False when there is no randomness. */
bool control_make(struct control *control, struct failure *failure);

/* True when the terms are the same. */
bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other);

/* "new", "open" or "drawn". */
const char *control_state_name(enum control_state state);

#endif
