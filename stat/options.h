/*
 * options.h - lottery-stat's command line, and its exit statuses.
 *
 * Called by main, once.
 */
#ifndef STAT_OPTIONS_H
#define STAT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_PROGRAM "lottery-stat"
#define OPTIONS_VERSION "1.0"

/* Beside EXIT_SUCCESS, and EXIT_FAILURE for what failed on our side. -h lists them. */
enum {
    EXIT_USAGE = 2,
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

enum options_end { OPTIONS_GO_ON, OPTIONS_ENOUGH, OPTIONS_WRONG };

/*
 * Reads them. OPTIONS_ENOUGH: -h or -V has been answered on the standard
 * output. OPTIONS_WRONG: what is wrong has been said on the standard error.
 */
enum options_end options_read(int argc, char **argv, struct options *options);

/* "0.5", "2" to milliseconds, within the bounds above; false for anything else. */
bool options_parse_interval(const char *text, uint64_t *interval_ms);

#endif
