/*
 * recovery.h - what the server does first: it counts what it has stored.
 *
 * Reads bets.csv and done.csv, fills the agencies table and the ring's
 * positions from them, and cuts off what a crash has left half written. After
 * it the server goes on where the one before it was. Called by the supervisor alone.
 */
#ifndef SERVER_SUPERVISOR_RECOVERY_H
#define SERVER_SUPERVISOR_RECOVERY_H

#include "lib/failure.h"
#include "server/heritage.h"

#include <stdbool.h>

/*
 * Called by the supervisor, before there are other processes. Refuses, and
 * touches nothing, where bets.csv is no file of ours, is damaged further from
 * its end than a crash can damage it, disagrees with a witness (checkpoint, done.csv,
 * control), or where the configuration's terms are not the lottery's. What it has found
 * is in heritage->directory.control afterwards.
 */
bool recovery_run(struct heritage *heritage, struct failure *failure);

#endif
