/*
 * options.h - the command line of lottery-stat, and its exit statuses.
 *
 * Why it exists: main acts on one struct of options that go together. What contradicts itself is
 * refused here. Called by lottery-stat alone; nothing here outlives its process.
 */
#ifndef STAT_OPTIONS_H
#define STAT_OPTIONS_H

#include "lib/program.h"
#include "stat/verdict.h"

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses besides EXIT_SUCCESS, EXIT_FAILURE and PROGRAM_EXIT_USAGE. -h lists all of them. */
enum {
    EXIT_NO_SERVER = 3,
    EXIT_STARTING = 4,
    EXIT_OTHER_VERSION = 5,
    EXIT_NOT_SERVING = 6 /* with --ready: the server is stopping, or can't serve now */
};

enum options_output {
    OUTPUT_TABLE,
    OUTPUT_WATCH,
    OUTPUT_JSON,
    OUTPUT_PROMETHEUS,
    OUTPUT_READY,
    OUTPUT_CHECK,
    OUTPUT_EXPLAIN
};

enum { INTERVAL_DEFAULT_MS = 1000, INTERVAL_MIN_MS = 100, INTERVAL_MAX_MS = 3600 * 1000 };

struct options {
    const char *file; /* the server's configuration; NULL: the default */
    enum options_output output;
    uint64_t interval_ms;         /* of OUTPUT_WATCH */
    bool with_handlers;           /* of OUTPUT_PROMETHEUS */
    bool has_limits;              /* one of them was given */
    struct verdict_limits limits; /* of OUTPUT_CHECK; the defaults elsewhere */
    bool only_check;              /* check the configuration and stop */
};

/* The name, the options and the exit statuses of lottery-stat. Constant. */
extern const struct program_manual options_manual;

/*
 * Reads the command line into *options. Returns PROGRAM_GO_ON when they go together. For every
 * other answer (program_read_options) its text has been printed. Called by main, before anything
 * else.
 */
enum program_reading options_read(int argc, char **argv, struct options *options);

/*
 * Reads seconds ("0.5", "2") into milliseconds. False when the text is no number within
 * INTERVAL_MIN_MS and INTERVAL_MAX_MS; *interval_ms is kept then. Called by options_read.
 */
bool options_parse_interval(const char *text, uint64_t *interval_ms);

#endif
