/*
 * print_sink.h - a feed's rows on standard output: the CSV of bets.csv, or JSON lines.
 *
 * With JSON, a line {"position":"..."} follows the rows that it stands behind: a reader that keeps it
 * together with them has each bet once. With CSV the position is kept in a file, after the rows have
 * left the process: if it is killed in between, the next feed prints the rows of the last group again.
 *
 * Called by the feed's one thread.
 */
#ifndef FEED_PRINT_SINK_H
#define FEED_PRINT_SINK_H

#include "feed/sink.h"

#include <stdbool.h>
#include <stdio.h>

struct print_sink {
    struct sink base;
    FILE *output;              /* the caller's */
    const char *position_file; /* NULL: none */
    bool json;
    char position[POSITION_BYTES];
};

/*
 * Prints to `output`. It stands at `from`; where `position_file` is not NULL and there is such a file,
 * at what that says. False with the failure where that can't be read.
 */
bool print_sink_open(struct print_sink *sink, FILE *output, bool json, const char *from,
                     const char *position_file, struct failure *failure);

#endif
