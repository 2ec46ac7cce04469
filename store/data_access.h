/*
 * data_access.h - who may reach what the server keeps: its own user, and the group of data.group.
 *
 * Bets hold names, documents and birth dates, and a process that can open the lock file or
 * map the shared memory can stop the server. So only the server's user may use directory,
 * files, shared memory and semaphores (0700, 0600); with data.group, that group may read them
 * (0750, 0640). If something that is there already is open to more users, or belongs to
 * another user, the server refuses to start, changes nothing, and names the command that
 * mends it.
 *
 * The functions keep no state. Any process of the server may call, and so may lottery-admin.
 */
#ifndef STORE_DATA_ACCESS_H
#define STORE_DATA_ACCESS_H

#include "lib/failure.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Zeroed: no group, the server's user alone. */
struct data_access {
    bool has_group;
    gid_t group;       /* where has_group */
    bool numbers_only; /* messages name users by number: their names can't be looked up any more */
};

/*
 * Resolves data.group, a name or a number, into *access; empty or NULL means no group.
 * Returns false and describes the failure when there is no such group.
 */
bool data_access_resolve(const char *group, struct data_access *access, struct failure *failure);

/* Return the mode that a directory, or a file, must have: 0700 and 0600, or 0750 and 0640. */
mode_t data_access_directory_mode(const struct data_access *access);
mode_t data_access_file_mode(const struct data_access *access);

/*
 * Gives a file or directory that was just made this mode, and the group of `access`,
 * whatever the umask is. `path` is for the message. Returns false with errno and the failure
 * when that is not permitted, or the file system keeps no modes.
 */
bool data_access_set(int descriptor, mode_t mode, const struct data_access *access,
                     const char *path, struct failure *failure);

/*
 * Checks what was there already: it must be a directory (`is_directory`) or a regular file
 * with one name, belong to the server's user, and give no right that our mode does not give.
 * Fewer rights are fine. `path` is for the message. Returns false with errno EPERM and a
 * failure that says what is wrong and which command mends it. errno ESTALE: the file has no name
 * any more, as one that was replaced by a rename after it was opened. What stands under the name
 * now has to be opened.
 */
bool data_access_check(const struct stat *status, const struct data_access *access,
                       bool is_directory, const char *path, struct failure *failure);

/* Writes "lottery (uid 10001)", or "uid 10001" for a user without a name. */
enum { DATA_ACCESS_USER_BYTES = 64 };
void data_access_describe_user(uid_t user, char text[DATA_ACCESS_USER_BYTES]);

#endif
