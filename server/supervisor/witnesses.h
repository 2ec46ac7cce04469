/*
 * witnesses.h - judges whether a crash can have left what a start has found.
 *
 * Why it exists: a start cuts off what a crash has left half written. If something other than a
 * crash has changed bets.csv, cutting would lose acknowledged bets.
 *
 * Which bytes a crash can damage: the storer never writes so much that more than a ring's worth of
 * bytes is written and not synced (flush.h). So a power loss can damage only that much, at the end.
 * With ack_after: synced, none of these bytes was acknowledged. The pages of flushes reach the disk
 * in any order, so good rows can stand after a bad one. They are cut off with it.
 *
 * What refuses a start: damage further from the end, or to bytes that a witness proves to have been
 * durable. The witnesses are the checkpoint (tally.h hears it), the lines of done.csv, control,
 * and what belongs to the end of a draw (ending.h): each was written only after the bytes that it
 * speaks of were durable.
 *
 * What can't be known: whether a damaged row that no witness reaches (of the last second) was
 * acknowledged. It is cut, and the log says so.
 *
 * Only reads. Called by recovery, in the supervisor, before there are other processes. If the
 * supervisor dies, the next start judges again.
 */
#ifndef SERVER_SUPERVISOR_WITNESSES_H
#define SERVER_SUPERVISOR_WITNESSES_H

#include "lib/failure.h"
#include "server/heritage.h"
#include "server/supervisor/tally.h"
#include "store/done_file.h"

#include <stdbool.h>

/* What a start has found in its data directory. */
struct findings {
    struct heritage *heritage; /* the directory, and the agencies table as it was counted */
    struct control control;
    struct done_file done;
    int bets; /* bets.csv, open; -1: there is none */
    struct tally tally;
};

/* True when a crash can have left the findings. False with the failure, which says what to do. */
bool witnesses_agree(const struct findings *findings, struct failure *failure);

#endif
