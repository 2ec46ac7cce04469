/*
 * peer.h - what a system that is measured beside the lottery's server has to do.
 *
 * One file knows each system, by its own C library (peer_postgres.c, peer_redis.c, peer_nats.c).
 * All of this is called by one process of lottery-peers, an agency's, and never shared.
 */
#ifndef TESTS_BENCH_PEER_H
#define TESTS_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PEER_WINDOW_MAX = 64, PEER_ANSWER_TIMEOUT_MS = 30000 };

/* Batches made before the clock starts, one behind the other: rows as bets.csv has them. */
struct peer_batches {
    char *bytes;     /* owned: "agency,row\n" each */
    size_t *offsets; /* owned: of batch i; offsets[count] is the end */
    size_t count;
    unsigned bets; /* of each */
};

/* Makes about `bytes_wanted` bytes of what lottery-bench sends. False without memory. */
bool peer_batches_make(struct peer_batches *batches, unsigned agency, unsigned bets,
                       size_t bytes_wanted);
void peer_batches_free(struct peer_batches *batches);

/* What one agency asks for. */
struct peer_plan {
    const struct peer_batches *batches; /* outlives the connection */
    uint16_t port;                      /* on 127.0.0.1 */
    unsigned agency;                    /* from 1 */
    unsigned window;                    /* unanswered batches at most, up to PEER_WINDOW_MAX */
};

/*
 * One way to store batches. A batch in flight has a slot, 0 to window - 1, that the caller chooses.
 * Whoever fails has said why on stderr.
 */
struct peer {
    const char *name;
    /* Makes the table or stream. Called once, in a process of its own, before any `open`. */
    bool (*prepare)(uint16_t port);
    /* Connects, and brings the batches into the form that is sent. NULL: it failed. */
    void *(*open)(const struct peer_plan *plan);
    /* Sends the batch of this index, or has the library do so. */
    bool (*send)(void *connection, unsigned slot, size_t batch);
    /* Waits for answers, one at least. Returns how many slots were acknowledged; -1: one failed. */
    int (*take)(void *connection, unsigned slots[PEER_WINDOW_MAX]);
    void (*close)(void *connection);
};

extern const struct peer peer_postgres_copy, peer_postgres_insert;
extern const struct peer peer_redis, peer_redis_rows;
extern const struct peer peer_nats;

/* Slots whose answers come in the order of their batches. */
struct peer_queue {
    unsigned slots[PEER_WINDOW_MAX];
    unsigned first, count;
};

static inline void peer_queue_push(struct peer_queue *queue, unsigned slot)
{
    queue->slots[(queue->first + queue->count++) % PEER_WINDOW_MAX] = slot;
}

static inline unsigned peer_queue_pop(struct peer_queue *queue)
{
    unsigned slot = queue->slots[queue->first];
    queue->first = (queue->first + 1) % PEER_WINDOW_MAX;
    queue->count--;
    return slot;
}

#endif
