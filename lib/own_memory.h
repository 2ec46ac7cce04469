/*
 * own_memory.h - memory that the children of a process do not inherit.
 *
 * Why it exists: a server that forks for each connection pays for each page that it has written: a
 * fork copies its entry, the end of the child drops it, and the next write copies the page. And what
 * a child does not have, nobody who takes the child over can read.
 *
 * A child that touches it dies by SIGSEGV. If the process dies, the memory is gone with it.
 */
#ifndef LIB_OWN_MEMORY_H
#define LIB_OWN_MEMORY_H

#include <stddef.h>

/*
 * Returns zeroed memory for `count` elements of `bytes` each, neither of them 0, or NULL with errno.
 * The caller closes it. Where the kernel can't keep it from children, they have it.
 */
void *own_memory_open(size_t count, size_t bytes);

/* Gives it back; the arguments are those of own_memory_open. NULL is nothing. */
void own_memory_close(void *memory, size_t count, size_t bytes);

#endif
