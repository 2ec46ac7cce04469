/*
 * robust_mutex.h - tells whether the kernel releases a mutex whose owner has died.
 *
 * A Linux kernel does. User-mode emulation (qemu-user, by which images for another
 * architecture are built and tried) does not: glibc creates and locks robust mutexes
 * there without an error, and they stay locked for ever when their owner is killed.
 */
#ifndef LIB_ROBUST_MUTEX_H
#define LIB_ROBUST_MUTEX_H

#include <stdbool.h>

/*
 * True where robust mutexes work: the kernel has a list of them for each thread,
 * get_robust_list(2). Any process may call it; it changes nothing.
 */
bool robust_mutex_works(void);

#endif
