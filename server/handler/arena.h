/*
 * arena.h - a handler's private memory: taken in one piece, given back in one piece.
 *
 * Its pages come with their first use, so that a connection that says nothing
 * costs nothing, and none of the memory that the supervisor had before the fork is
 * touched, which would have to be copied.
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
