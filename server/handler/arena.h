/*
 * arena.h - a handler's private memory: taken in one piece, given back in one piece.
 *
 * A page is taken when it is first written, so that a silent connection takes none. The arena is
 * mapped after the fork. Writing to memory that the supervisor had before would make the kernel copy
 * its pages. Called by the handler's process alone.
 */
#ifndef SERVER_HANDLER_ARENA_H
#define SERVER_HANDLER_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena {
    char *memory; /* NULL: not open */
    size_t bytes, used;
};

/* Reserves `bytes` bytes of zeros. False with errno where there is no memory. */
bool arena_open(struct arena *arena, size_t bytes);

/* Gives all of it back. Does nothing where it is not open. */
void arena_close(struct arena *arena);

/* Takes a part, aligned for any type. A part that does not fit breaks an invariant. */
void *arena_take(struct arena *arena, size_t bytes);

/* Bytes that a part of `bytes` bytes takes of the arena, its alignment included. */
size_t arena_part_bytes(size_t bytes);

#endif
