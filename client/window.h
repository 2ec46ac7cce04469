/*
 * window.h - a queue of the batches that were sent and are not answered yet, oldest first.
 *
 * Answers come in the order of the batches, so an answer is about the oldest one. The
 * queue holds where each batch stands in the file. It does not hold the batch's rows,
 * because they can be read again.
 */
#ifndef CLIENT_WINDOW_H
#define CLIENT_WINDOW_H

#include "client/dataset.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct window_batch {
    struct dataset_mark begin; /* of its first row */
    uint64_t rows;
    uint64_t end_offset; /* after its last row */
    uint64_t bytes;      /* of its message */
    int64_t sent_us;     /* when it was composed to be sent, us of CLOCK_MONOTONIC */
};

struct window {
    struct window_batch *batches;
    size_t capacity;
    size_t oldest; /* index of the oldest batch */
    size_t count;
};

/* Makes room for `capacity` batches, at least one. Returns false with the failure: no memory. */
bool window_open(struct window *window, size_t capacity, struct failure *failure);

/* Frees the room. */
void window_close(struct window *window);

/* True when there is no room for another batch. */
bool window_is_full(const struct window *window);

/* True when every batch has been answered. */
bool window_is_empty(const struct window *window);

/* Adds a copy of the batch as the youngest. The window must not be full. */
void window_push(struct window *window, const struct window_batch *batch);

/* Takes the oldest batch out. The window must not be empty. */
struct window_batch window_pop(struct window *window);

#endif
