/*
 * terms.h - the terms of a lottery, which can't change once something has been stored under them.
 *
 * Why it exists: a start refuses other terms, and so do -t and --replace, before the server that runs
 * has stopped.
 *
 * Pure. Called by the supervisor's recovery, and by main.
 */
#ifndef SERVER_TERMS_H
#define SERVER_TERMS_H

#include "lib/failure.h"
#include "store/control.h"

#include <stdbool.h>

/*
 * Sets the terms of a lottery under which nothing is stored to those that the configuration wants, and
 * of one from before centres.expected its centres. Returns false with the failure, which names the
 * directory, where something is stored and the terms differ, or the sales of a new draw would end in
 * the past.
 */
bool terms_settle(struct control *control, const struct lottery_terms *wanted, bool stored,
                  const char *directory, struct failure *failure);

#endif
