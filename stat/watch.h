/*
 * watch.h - lottery-stat --watch: the table again and again, with rates.
 *
 * It looks for the server again each time, so it goes on after the server was restarted, and
 * may be started before the server. It ends on q and on every signal that would end a program
 * otherwise, SIGKILL and crashes apart. SIGTSTP (^Z) gives the terminal back until SIGCONT;
 * SIGWINCH draws again. Called by lottery-stat.
 *
 * What needs a look (verdict.h) comes first. Keys: ? explains them; / filters both lists by what is
 * typed, and shows them alone, and Escape shows all again; s, i, b, l sort the agencies by state, id, bets, and how long they
 * have been silent; m shows only the missing ones; Tab chooses the list that arrows, page, home and end
 * scroll; any other key looks at the server at once.
 */
#ifndef STAT_WATCH_H
#define STAT_WATCH_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Watches the server of this data directory, every `interval_ms` milliseconds, until the user
 * ends it. Returns false and describes the failure when it can't go on. Called by main.
 */
bool watch_run(const char *directory, uint64_t interval_ms, struct failure *failure);

#endif
