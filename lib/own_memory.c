/*
 * own_memory.c - see own_memory.h.
 */
#include "lib/own_memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

void *own_memory_open(size_t count, size_t bytes)
{
    if (count > SIZE_MAX / bytes) {
        errno = ENOMEM;
        return NULL;
    }
    void *memory =
        mmap(NULL, count * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    (void)madvise(memory, count * bytes, MADV_DONTFORK);
    return memory;
}

void own_memory_close(void *memory, size_t count, size_t bytes)
{
    if (memory != NULL) {
        (void)munmap(memory, count * bytes);
    }
}
