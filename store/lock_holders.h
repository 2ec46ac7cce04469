/*
 * lock_holders.h - which processes hold a file's flock(2), for the message of a refused start.
 *
 * /proc/locks names the process that called flock. That process may have ended, while children
 * that inherited the descriptor still hold the lock. So the holders are found by their open
 * descriptors.
 *
 * Called by the supervisor. No state.
 */
#ifndef STORE_LOCK_HOLDERS_H
#define STORE_LOCK_HOLDERS_H

#include <stddef.h>

/*
 * Writes into `pids` the pids of all processes that hold a flock on the open file `file`:
 * " 12 34", terminated, with " ..." at the end when there is no room for more. The text is
 * empty when no holder can be seen: they are another user's, or in another pid namespace. A
 * process that has the file open without the lock, as the caller has, is not listed.
 * `capacity` is at least LOCK_HOLDERS_BYTES_MIN.
 */
void lock_holders_list(int file, char *pids, size_t capacity);

enum { LOCK_HOLDERS_BYTES_MIN = 32 };

#endif
