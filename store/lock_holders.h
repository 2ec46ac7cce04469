/*
 * lock_holders.h - which processes hold a file's flock(2), for whoever is refused it.
 *
 * /proc/locks names the process that called flock. That one may be long dead,
 * while children that inherited the descriptor hold the lock on: they are found
 * by their open descriptors instead.
 */
#ifndef STORE_LOCK_HOLDERS_H
#define STORE_LOCK_HOLDERS_H

#include <stddef.h>

/*
 * Writes the pids of all processes that hold a flock on the file that is open as
 * `file`, " 12 34", terminated, and " ..." behind them where there is no room for
 * more. Empty where none can be seen: they are another user's, or in another pid
 * namespace. Whoever has the file open without the lock, as the caller has, is
 * left out. `capacity` is at least LOCK_HOLDERS_BYTES_MIN. Any process may call it.
 */
void lock_holders_list(int file, char *pids, size_t capacity);

enum { LOCK_HOLDERS_BYTES_MIN = 32 };

#endif
