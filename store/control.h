/*
 * control.h - the file `control`: which draw a data directory holds, and its state.
 *
 * The file holds the draw's name and identity, the terms that define it, its state, the record
 * of what became of it (closed, sealed, drawn), and the positions that were durable when the
 * file was written. It is text, with a checksum as its last line. It is replaced by a rename, so
 * a reader finds one whole version. A file that can't be parsed was changed by something other
 * than the server.
 *
 * Every position in it was durable before it was written. So a bets.csv or done.csv that ends
 * before such a position has lost what was acknowledged.
 *
 * The supervisor writes it during recovery and when the next draw is opened, while there is no
 * storer; otherwise the storer does. lottery-stat, lottery-admin and lottery-verify read it.
 */
#ifndef STORE_CONTROL_H
#define STORE_CONTROL_H

#include "lib/config.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data_directory;

enum {
    CONTROL_VERSION = 4, /* of the file's format */
    CONTROL_IDENTITY_DIGITS = 32,
    CONTROL_DRAW_BYTES = 33,    /* of a draw's name, with its NUL */
    CONTROL_SHA256_DIGITS = 64, /* lower-case hexadecimal */
    CONTROL_REASON_BYTES = 128
};

/* The name of the first draw where the configuration has no other one. */
#define CONTROL_FIRST_DRAW "1"

/* In the place of a list of centres: the draw was begun by a server whose control had none. */
#define CONTROL_CENTRES_UNSAID "?"

/* The largest ring that can be configured (server_keys.c): recovery never cuts a longer tail. */
#define CONTROL_RING_BYTES_MAX (UINT64_C(1024) * 1024 * 1024)

/* Who has said, or is to say, the winning number. */
enum number_source {
    NUMBER_BY_CONFIGURATION, /* known before the first bet */
    NUMBER_BY_OPENING,       /* `open --number`: known before the first bet, too */
    NUMBER_BY_COMMAND        /* `draw --number`: after the seal */
};

/* Who has said the other terms. */
enum terms_source { TERMS_BY_CONFIGURATION, TERMS_BY_COMMAND };

/* What defines a draw. Fixed once anything of it has been stored; but for a number by command. */
struct lottery_terms {
    char draw[CONTROL_DRAW_BYTES]; /* its name: control_is_draw_name */
    uint32_t agencies_expected;
    char agencies_allowed[CONFIG_TEXT_BYTES]; /* "1-3,7" in ascending order, or "any" */
    /* That draw together, "A,B,C" in ascending order; empty: this one alone. Or CONTROL_CENTRES_UNSAID. */
    char centres_expected[CONFIG_TEXT_BYTES];
    enum number_source number_by;
    bool number_given; /* of NUMBER_BY_COMMAND alone: the command has come */
    uint32_t winning_number;
    int64_t closes_at_ms; /* sales end then, ms since 1970; 0: at no time */
};

enum control_state {
    CONTROL_NEW,      /* nothing has been stored: the terms may still change */
    CONTROL_OPEN,     /* something has been stored */
    CONTROL_CLOSED,   /* no bet is taken any more; done.csv has a line for each agency with bets */
    CONTROL_SEALED,   /* seal.json says what bets.csv is, byte for byte */
    CONTROL_DRAWN,    /* the draw has been held */
    CONTROL_ABANDONED /* the next draw was opened without this one's having been drawn */
};

/* Who has ended the sales. */
enum closed_by { CLOSED_BY_NOBODY, CLOSED_BY_AGENCIES, CLOSED_BY_COMMAND, CLOSED_BY_TIME };

/* How sales were closed; zeros before that. */
struct closing {
    int64_t at_ms; /* since 1970 */
    enum closed_by by;
    char without[CONFIG_TEXT_BYTES];   /* agencies that were closed out, "17,42"; empty: none */
    char reason[CONTROL_REASON_BYTES]; /* what the operator typed; empty: nothing */
};

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
    enum terms_source terms_by;
    int64_t opened_at_ms; /* since 1970; 0: not known, a server of version 1.0 made the draw */
    enum control_state state;
    /* The draw before this one, while its files are still to be moved to its archive
     * (archive.h); empty: none. */
    char archiving[CONTROL_DRAW_BYTES];
    uint64_t bets_bytes; /* bets.csv was durable up to here */
    uint64_t done_bytes; /* done.csv was durable up to here */
    struct closing closing;
    int64_t sealed_at_ms;                        /* since 1970; 0: not sealed */
    char seal_sha256[CONTROL_SHA256_DIGITS + 1]; /* of seal.json; empty: not sealed */
    int64_t drawn_at_ms;                         /* since 1970; 0: not drawn, or not known */
    char draw_sha256[CONTROL_SHA256_DIGITS + 1]; /* of draw.json; empty: not drawn, or not known */
    int64_t abandoned_at_ms;                     /* since 1970; 0: not abandoned */
    char abandoned_reason[CONTROL_REASON_BYTES]; /* what the operator typed; empty: nothing */
    struct draw_record draw;                     /* zeros before the draw */
};

enum control_answer {
    CONTROL_READ,
    CONTROL_ABSENT,
    CONTROL_REFUSED /* damaged, of another version, or not to be read; the failure says which */
};

/*
 * Reads an open control file from its beginning; `path` is for messages. Files of the versions before
 * are read, too: one of version 2 is the first draw's, and none says which centres draw together
 * (CONTROL_CENTRES_UNSAID). Returns CONTROL_READ, or CONTROL_REFUSED with
 * the failure. Called by lottery-stat, which may look at another user's directory, and by
 * lottery-verify.
 */
enum control_answer control_read_file(int file, const char *path, struct control *control,
                                      struct failure *failure);

/*
 * Reads a control that is in memory, as another node has sent it; `path` is for messages. As
 * control_read_file. Called by lottery-shipper.
 */
enum control_answer control_read_text(const char *text, size_t bytes, const char *path,
                                      struct control *control, struct failure *failure);

/*
 * Reads the file of our own directory. CONTROL_REFUSED is described in `failure`. Called by
 * the supervisor, the storer, handlers (of an archive) and lottery-admin.
 */
enum control_answer control_read(const struct data_directory *directory, struct control *control,
                                 struct failure *failure);

/*
 * Replaces the file, durably: once it has returned true, a power loss leaves this version.
 * Returns false with the failure and errno. *synced is false if a sync was what failed; then
 * it is not known which version the disk holds. Called by the supervisor during recovery and
 * for an archive, by the storer, and by lottery-admin for a copy.
 */
bool control_write(const struct data_directory *directory, const struct control *control,
                   bool *synced, struct failure *failure);

/*
 * The same, under the name `opening`: control of the next draw, which the log is to begin. It is none of
 * this directory's yet. Called by the supervisor.
 */
bool control_write_opening(const struct data_directory *directory, const struct control *control,
                           struct failure *failure);

/*
 * Fills in a new draw's control: a random identity, the moment, CONTROL_NEW, no terms. False with
 * the failure when the kernel gives no random bytes. Called by the supervisor.
 */
bool control_make(struct control *control, struct failure *failure);

/*
 * The time of the draw's next step, ms since 1970: now, or the time of the step before where the
 * clock has been set back behind it. So the steps of a draw are in their order whatever the clock
 * does, and a draw that was held as it should be stands up before the verifiers.
 */
int64_t control_step_ms(const struct control *control);

/*
 * True when `other`, of the same draw, says what `own` does not: a later step, a number or another one,
 * another seal, another draw. So `own` is of an older copy of the directory. Pure. Called by lottery-shipper.
 */
bool control_is_older(const struct control *own, const struct control *other);

/*
 * True when the terms are the same; the number counts only where it is known from the beginning, and
 * the centres only where both say them.
 */
bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other);

/* True when the terms say which centres draw together: several, or this one alone. */
bool control_says_centres(const struct lottery_terms *terms);

/* True when the winning number is known. Any process may call. */
bool control_has_number(const struct lottery_terms *terms);

/*
 * True when a draw may have this name: 1 to 32 letters, digits, `.`, `_` and `-` of ASCII, of
 * which the first is a letter or a digit. So it is the name of a file, too. Any process may call.
 */
bool control_is_draw_name(const char *name);

/* The words of the file, for messages too. Any process may call. */
const char *control_state_name(enum control_state state);      /* "new", "open", ... */
const char *control_number_source_name(enum number_source by); /* "configuration", ... */
const char *control_terms_source_name(enum terms_source by);   /* "configuration", "command" */
const char *control_closed_by_name(enum closed_by by);         /* "-", "agencies", ... */

#endif
