/*
 * following.h - what lottery-stat shows of a standby.
 *
 * A standby has no shared memory: what it is and how far it has come stands in the file `replication`,
 * which it writes once a second. So a figure may be a second old, and `state_age_ms` says how old.
 *
 * Called by lottery-stat, and by lottery-admin for `status`.
 */
#ifndef STAT_FOLLOWING_H
#define STAT_FOLLOWING_H

#include "store/replication.h"

#include <stdint.h>
#include <stdio.h>

enum { FOLLOWING_WORDS_BYTES = 128 };

/* Bytes of bets.csv that its primary has said to have, and the standby lacks. */
uint64_t following_lag_bytes(const struct replication_state *state);

/* Writes what it does: "follows node-1, epoch 3", "follows; the engine is away", ... */
void following_write_words(const struct replication_state *state,
                           char words[FOLLOWING_WORDS_BYTES]);

void following_print(FILE *file, const struct replication_state *state);
void following_print_json(FILE *file, const struct replication_state *state);
void following_print_metrics(FILE *file, const struct replication_state *state);

#endif
