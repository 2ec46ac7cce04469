/*
 * watch.h - lottery-stat --watch: the table again and again, with rates.
 *
 * Looks for the server anew each time, so that it survives the server's
 * restart and may be started before it. Ends on SIGINT, SIGTERM, SIGHUP and q;
 * SIGTSTP (^Z) gives the terminal back until SIGCONT; SIGWINCH redraws.
 */
#ifndef STAT_WATCH_H
#define STAT_WATCH_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Watches the server of this data directory until somebody ends it. Returns
 * false and describes the failure when it could not go on. Called by main.
 */
bool watch_run(const char *directory, uint64_t interval_ms, struct failure *failure);

#endif
