/*
 * lock_holders.h - which processes hold a file's flock(2), for the message of a refused start.
 *
 * /proc/locks names the process that called flock. That process may have ended, while children
 * that inherited the descriptor still hold the lock. So the holders are found by their open
 * descriptors.
 *
 * Called by the supervisor, and by lottery-stat. No state.
 */
#ifndef STORE_LOCK_HOLDERS_H
#define STORE_LOCK_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Writes into `pids` the pids of all processes that hold a flock on the open file `file`:
 * " 12 34", terminated, with " ..." at the end when there is no room for more. The text is
 * empty when no holder can be seen: they are another user's, or in another pid namespace. A
 * process that has the file open without the lock, as the caller has, is not listed.
 * `capacity` is at least LOCK_HOLDERS_BYTES_MIN.
 */
void lock_holders_list(int file, char *pids, size_t capacity);

enum { LOCK_HOLDERS_BYTES_MIN = 32 };

/*
 * True where a flock is held on this file, and the process that has taken it has ended: those that
 * inherited it hold it on. False where that can't be seen, as of a process in another pid namespace;
 * in any namespace but the machine's first one, the kernel shows no lock of a dead process.
 */
bool lock_holders_taker_has_ended(uint64_t device, uint64_t inode);

#endif
