/*
 * congestion.h - how many bytes of batches an agency leaves unanswered: the window, which it finds
 * by itself.
 *
 * One batch at a time wastes the connection's delay. Too many wait in the server's queues, where
 * they delay all agencies and speed up none. What is best depends on the delay, on the disk, and on
 * how many agencies share the server, and none of that stands in a configuration.
 *
 * As in TCP Vegas and FAST, an estimate of the bytes that wait in queues rules the window: the rate of
 * acknowledgements, times the delay that they have beyond a tolerated one. The least delay that was
 * seen is tolerated, and CONGESTION_TOLERANCE times as much beside it (but CONGESTION_TOLERANCE_US at
 * most), which may come of storing more together, and then it pays. A window without a queue doubles.
 * Else it goes half of the way to where the queue is as long as it may be: CONGESTION_QUEUE_LEAST_BYTES
 * and what the rate brings in CONGESTION_QUEUE_US, at most CONGESTION_QUEUE_MOST_BYTES. So growth has
 * an end, and agencies that share a server have the same queue in it, which gives them the same share
 * of it. Where the delay is the same whatever the window, the window grows to its limit.
 *
 * The window is judged once an epoch: when as many bytes are acknowledged as the window has, of
 * batches that were sent after the last judgement. So batches that are acknowledged in one burst
 * count as one. A queue that shows in one epoch alone is a server that has stalled, and the window
 * stays as it is. It also stays while something else than the window keeps the agency from sending.
 *
 * An agency that comes later sees the queues of the others as a part of its least delay, and would
 * take more than its share. Also, paths change. So the agencies look for the least delay again, all at
 * the same moments of the wall clock, each CONGESTION_PERIOD_US: their windows are small then, for
 * CONGESTION_LOOK_US and most of the delay that there was, and the queues are empty. Where clocks
 * differ by more than that, a look finds the queues of the others. Windows are larger then, up to the
 * limit, and shares less equal.
 *
 * Pure functions: the caller gives the time, in us of a clock that does not go back. They belong to
 * one connection; a new connection begins anew, because it may lead to another server.
 */
#ifndef CLIENT_CONGESTION_H
#define CLIENT_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CONGESTION_FIRST_BYTES = 1 << 17, /* the window at the start: 16 batches of 8 kB */
    CONGESTION_LOOK_BYTES = 1 << 15,  /* and while the least delay is looked for */
    CONGESTION_QUEUE_LEAST_BYTES = 1 << 16,
    CONGESTION_QUEUE_MOST_BYTES = 1 << 19,
    CONGESTION_QUEUE_US = 20000,
    CONGESTION_TOLERANCE = 4,
    CONGESTION_TOLERANCE_US = 200000,
    CONGESTION_LOOK_US = 20000,
    CONGESTION_PERIOD_US = 4000000
};

struct congestion {
    uint64_t limit_bytes;
    uint64_t window_bytes;
    uint64_t sent_bytes, answered_bytes; /* of the connection so far */
    uint64_t queue_bytes;                /* as the latest epoch showed it */
    int64_t delay_us;                    /* as the latest epoch showed it */
    int64_t least_delay_us;              /* 0: no epoch is over yet */

    /* The look for the least delay. */
    int64_t wall_ahead_us; /* of the wall clock, before the caller's */
    int64_t next_look_us;
    bool is_looking;
    int64_t look_began_us;  /* when the first batch was sent in it, once that is answered */
    int64_t look_us;        /* how long it lasts from then on, at least */
    uint64_t resting_bytes; /* the window after the look */

    /* The epoch. */
    int64_t began_us;
    uint64_t began_sent_bytes, began_answered_bytes;
    uint64_t delayed_bytes; /* answered of those that were sent in the epoch */
    uint64_t delay_sum;     /* of those, each byte's delay in us */
    bool was_full;          /* the window has kept the agency from sending */
};

/*
 * Begins at `now_us`, when the wall clock shows `wall_us`, with nothing on its way. The window never
 * exceeds `limit_bytes`, above 0.
 */
void congestion_begin(struct congestion *congestion, uint64_t limit_bytes, int64_t now_us,
                      int64_t wall_us);

/* True when another batch may be sent. That is always so when every batch has been answered. */
bool congestion_has_room(const struct congestion *congestion);

/* A batch of `bytes` bytes, above 0, is sent. */
void congestion_note_sent(struct congestion *congestion, uint64_t bytes);

/* The oldest batch, sent at `sent_us` with `bytes` bytes, is acknowledged at `now_us`. */
void congestion_note_answered(struct congestion *congestion, uint64_t bytes, int64_t sent_us,
                              int64_t now_us);

#endif
