/*
 * window.h - the batches that are on their way and not answered yet, oldest first.
 *
 * Answers come in the order of the questions, so a queue of where each batch
 * stands in the file is all that is needed to know what an answer is about.
 * The rows themselves are not kept: they can be read again.
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
    uint64_t end_offset; /* behind its last row */
};

struct window {
    struct window_batch *batches;
    size_t capacity;
    size_t oldest; /* index of the oldest batch */
    size_t count;
};

/* Room for `capacity` batches, at least one. */
bool window_open(struct window *window, size_t capacity, struct failure *failure);

void window_close(struct window *window);

bool window_is_full(const struct window *window);

bool window_is_empty(const struct window *window);

/* The window must not be full. */
void window_push(struct window *window, const struct window_batch *batch);

/* Takes the oldest batch out. The window must not be empty. */
struct window_batch window_pop(struct window *window);

#endif
