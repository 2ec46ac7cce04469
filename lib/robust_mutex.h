/*
 * robust_mutex.h - whether the kernel hands on a mutex whose owner has died.
 *
 * A Linux kernel does. User-mode emulation (qemu-user, by which images for another
 * architecture are built and tried) does not: glibc creates and locks robust mutexes
 * there without an error, and they stay locked for ever when their owner is killed.
 */
#ifndef LIB_ROBUST_MUTEX_H
#define LIB_ROBUST_MUTEX_H

#include <stdbool.h>

/*
 * True where robust mutexes do what they promise: the kernel keeps a list of them for
 * each thread, get_robust_list(2). Any process may call it; nothing is changed.
 */
bool robust_mutex_works(void);

#endif
