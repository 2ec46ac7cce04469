/*
 * window.c - see window.h.
 */
#include "client/window.h"

#include "lib/log.h"

#include <stdlib.h>

bool window_open(struct window *window, size_t capacity, struct failure *failure)
{
    *window = (struct window){.capacity = capacity};
    window->batches = calloc(capacity, sizeof *window->batches);
    if (window->batches == NULL) {
        return failure_set_errno(failure, "memory for %zu batches on their way", capacity);
    }
    return true;
}

void window_close(struct window *window)
{
    free(window->batches);
    *window = (struct window){0};
}

bool window_is_full(const struct window *window)
{
    return window->count == window->capacity;
}

bool window_is_empty(const struct window *window)
{
    return window->count == 0;
}

void window_push(struct window *window, const struct window_batch *batch)
{
    invariant(!window_is_full(window), "%zu of %zu batches", window->count, window->capacity);
    window->batches[(window->oldest + window->count) % window->capacity] = *batch;
    window->count++;
}

struct window_batch window_pop(struct window *window)
{
    invariant(!window_is_empty(window), "%zu of %zu batches", window->count, window->capacity);
    struct window_batch batch = window->batches[window->oldest];
    window->oldest = (window->oldest + 1) % window->capacity;
    window->count--;
    return batch;
}
