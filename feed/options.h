/*
 * options.h - the command line of lottery-feed, and of lottery-feed-postgres, which it executes.
 *
 * Both programs take the same options, so that one can hand its own to the other.
 */
#ifndef FEED_OPTIONS_H
#define FEED_OPTIONS_H

#include "engine/engine.h"
#include "engine/record.h"
#include "feed/feeding.h"
#include "lib/program.h"

#include <stdbool.h>

/* Exit statuses, beside program.h's. */
enum { FEED_EXIT_BROKEN = 3, FEED_EXIT_MOVED = 4 };

/* Texts are argv's. */
struct feed_options {
    struct engine_access access;
    const char *centre;
    const char *from;          /* NULL: not given */
    const char *position_file; /* NULL: not given */
    const char *postgres;      /* a connection string of libpq; NULL: standard output */
    bool json;
    bool follows;
    bool exports;
    bool draws; /* of --export: the stream DRAW */
    char stream[ENGINE_SUBJECT_BYTES];
};

/* Describes lottery-feed. */
extern const struct program_manual feed_manual;

/* Reads and checks the command line. */
enum program_reading feed_options_read(int argc, char **argv, struct feed_options *options);

/*
 * Blocks signals and opens the engine. On failure returns NULL and sets *status to the exit status, after
 * a complaint.
 */
struct engine *feed_open_engine(const struct feed_options *options, int *status);

/* Complains of an end that is no success. Returns the exit status. */
int feed_exit_status(enum feeding_end end, const struct failure *failure);

#endif
