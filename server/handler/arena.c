/*
 * arena.c - see arena.h.
 */
#include "server/handler/arena.h"

#include "lib/log.h"

#include <sys/mman.h>

enum { PART_ALIGNMENT = 64 };

bool arena_open(struct arena *arena, size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *arena = (struct arena){.memory = memory == MAP_FAILED ? NULL : memory, .bytes = bytes};
    return arena->memory != NULL;
}

void arena_close(struct arena *arena)
{
    if (arena->memory != NULL) {
        munmap(arena->memory, arena->bytes);
        arena->memory = NULL;
    }
}

size_t arena_part_bytes(size_t bytes)
{
    return (bytes + PART_ALIGNMENT - 1) / PART_ALIGNMENT * PART_ALIGNMENT;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    size_t part_bytes = arena_part_bytes(bytes);
    invariant(bytes <= part_bytes && part_bytes <= arena->bytes - arena->used, "%zu bytes of %zu",
              part_bytes, arena->bytes - arena->used);
    void *part = arena->memory + arena->used;
    arena->used += part_bytes;
    return part;
}
