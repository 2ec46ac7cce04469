/*
 * stop.h - how a feed is asked to stop: SIGTERM and SIGINT, which are blocked and asked for.
 *
 * The client of NATS starts threads, and none of them may take a signal. So both are blocked, with all
 * others, before the engine is opened, and the feed looks for them between two records.
 *
 * Called by main, and by the feed's one thread.
 */
#ifndef FEED_STOP_H
#define FEED_STOP_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

struct stop {
    int signal; /* that asked this process to stop; 0: none so far */
};

/* Blocks all signals for the rest of the process's life, and ignores SIGPIPE. False with the failure. */
bool stop_block(struct failure *failure);

/* True where one has come. */
bool stop_is_asked(struct stop *stop);

/* Waits for so long, or until one comes. */
void stop_pause(struct stop *stop, int64_t ms);

#endif
