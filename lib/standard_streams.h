/*
 * standard_streams.h - makes sure that a program has its three standard streams.
 *
 * A program may be started with one of descriptors 0 to 2 closed (`<&-`). The
 * next file that it opens gets that number then, and a log line or a complaint
 * would be written into the bets.
 *
 * Called by program_begin (program.h) before anything is opened.
 */
#ifndef LIB_STANDARD_STREAMS_H
#define LIB_STANDARD_STREAMS_H

#include "lib/failure.h"

#include <stdbool.h>

/*
 * Opens /dev/null for each of descriptors 0 to 2 that is closed, and leaves the
 * others alone. Returns false and describes the failure when it can't be opened; some
 * of those that were closed are still closed then.
 */
bool standard_streams_open(struct failure *failure);

#endif
