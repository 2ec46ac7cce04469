/*
 * options.h - lottery-stat's command line, and its exit statuses.
 *
 * Called by main, once.
 */
#ifndef STAT_OPTIONS_H
#define STAT_OPTIONS_H

#include "lib/program.h"

#include <stdbool.h>
#include <stdint.h>

/* Beside EXIT_SUCCESS, EXIT_FAILURE and PROGRAM_EXIT_USAGE. -h lists them. */
enum {
    EXIT_NO_SERVER = 3,
    EXIT_STARTING = 4,
    EXIT_OTHER_VERSION = 5,
    EXIT_NOT_SERVING = 6 /* --ready only: it is stopping, or can't serve now */
};

enum options_output {
    OUTPUT_TABLE,
    OUTPUT_WATCH,
    OUTPUT_JSON,
    OUTPUT_PROMETHEUS,
    OUTPUT_READY,
    OUTPUT_EXPLAIN
};

enum { INTERVAL_DEFAULT_MS = 1000, INTERVAL_MIN_MS = 100, INTERVAL_MAX_MS = 3600 * 1000 };

struct options {
    const char *file; /* the server's configuration; NULL: the default */
    enum options_output output;
    uint64_t interval_ms; /* of OUTPUT_WATCH */
    bool only_check;      /* of the configuration */
};

/* The name, the options and the exit statuses of lottery-stat. Constant. */
extern const struct program_manual options_manual;

/*
 * Reads the command line into *options. PROGRAM_ENOUGH and PROGRAM_WRONG are
 * program_read_options' answers: standard output, or standard error, has the text.
 */
enum program_reading options_read(int argc, char **argv, struct options *options);

/* "0.5", "2" to milliseconds, within the bounds above; false for anything else. */
bool options_parse_interval(const char *text, uint64_t *interval_ms);

#endif
