/*
 * arena.h - a handler's private memory: taken in one piece, given back in one piece.
 *
 * A page is taken when it is first written, so that a silent connection takes none. The handler
 * does not write to memory that the supervisor had before the fork, which the kernel would have to
 * copy. Called by the handler's process alone.
 */
#ifndef SERVER_HANDLER_ARENA_H
#define SERVER_HANDLER_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    char *memory; /* NULL: not open */
    size_t bytes, used;
};

/* Reserves `bytes` bytes of zeros. False with errno when there are none to be had. */
bool arena_open(struct arena *arena, size_t bytes);
void arena_close(struct arena *arena);

/* Takes a part, aligned for any type; parts that do not fit break an invariant. */
void *arena_take(struct arena *arena, size_t bytes);

/* What a part of `bytes` bytes takes off the arena. */
size_t arena_part_bytes(size_t bytes);

#endif
