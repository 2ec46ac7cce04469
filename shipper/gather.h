/*
 * gather.h - whether the next record of bets waits a moment for more of them.
 *
 * A short append takes as long as a shorter one. Agencies that wait for their answers fall into groups
 * by it: while an append has the batches of some, those of the others become durable, and the next append
 * has these alone. So two groups take turns for ever, and each waits for two appends. Those that were
 * answered a moment ago come again within a fraction of an append. A record that waits for them has the
 * batches of both groups, and everybody waits for one append.
 *
 * What it promises: no record waits for longer than a part of what an append takes, records that are long
 * anyway don't wait, and where waiting has brought little, it is not tried again soon.
 *
 * Pure: used by lottery-shipper beside a primary (primary_stock.c), about the struct that it has.
 */
#ifndef SHIPPER_GATHER_H
#define SHIPPER_GATHER_H

#include <stdint.h>

enum {
    GATHER_BYTES = 64 * 1024, /* up to there an append takes about as long as a shorter one */
    GATHER_RECORDS = 16       /* that don't wait, after one that waited in vain */
};

/* Starts as zeros: nothing is waited for. */
struct gather {
    uint64_t last; /* bytes of the last record: they were answered, and as many may come again */
    uint64_t left; /* bytes that were durable beside it */
    unsigned rest; /* records that don't wait */
};

/*
 * How many bytes the next record waits for. 0: it does not wait. Called once a record: it counts those that
 * don't wait.
 */
uint64_t gather_bytes(struct gather *gather);

/* For how long it waits at most, in ns, where the last append took `append_ns`. */
int64_t gather_patience_ns(uint64_t append_ns);

/* Notes that a record has waited for `wanted` bytes, had `before` of them at first and `after` in the end. */
void gather_note_wait(struct gather *gather, uint64_t wanted, uint64_t before, uint64_t after);

/* Notes that a record of `bytes` bytes was appended; `left` were durable then, and not in it. */
void gather_note_record(struct gather *gather, uint64_t bytes, uint64_t left);

#endif
