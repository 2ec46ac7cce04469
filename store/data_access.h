/*
 * data_access.h - who may reach what the server keeps: its own user, and the group of data.group.
 *
 * Bets carry names, documents and birth dates, and a process that can open the
 * lock file or map the shared memory can stop the server. So directory, files,
 * shared memory and semaphores are the server's user's alone (0700, 0600), or, where
 * data.group names a group, also readable by that group (0750, 0640). What is
 * there already and is open to more people, or belongs to another user, is
 * refused with the command that mends it: the server changes nobody's decision.
 *
 * No state; any process of the server may call.
 */
#ifndef STORE_DATA_ACCESS_H
#define STORE_DATA_ACCESS_H

#include "lib/failure.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* The zeroed one is: no group, the server's user alone. */
struct data_access {
    bool has_group;
    gid_t group; /* where has_group */
};

/*
 * Resolves data.group: a name or a number; empty, or NULL, for none. Returns
 * false and describes the failure where there is no such group.
 */
bool data_access_resolve(const char *group, struct data_access *access, struct failure *failure);

/* What a directory, or a file, has to have: 0700 and 0600, or 0750 and 0640. */
mode_t data_access_directory_mode(const struct data_access *access);
mode_t data_access_file_mode(const struct data_access *access);

/*
 * Gives what has just been made this mode, and the group where there is one,
 * whatever the umask was. `path` is for the message. Returns false, with errno, and
 * describes the failure where that is not permitted or the file system keeps no modes.
 */
bool data_access_set(int descriptor, mode_t mode, const struct data_access *access,
                     const char *path, struct failure *failure);

/*
 * Checks what was there already: a directory (where `mode` is a directory's) or
 * a regular file with one name, the server's own, and open to nobody whom the mode
 * does not name; a narrower one is fine. Returns false, with errno EPERM, and a
 * failure that says what it is and which command mends it.
 */
bool data_access_check(const struct stat *status, const struct data_access *access,
                       bool is_directory, const char *path, struct failure *failure);

/* "lottery (uid 10001)", or "uid 10001" where it has no name. */
enum { DATA_ACCESS_USER_BYTES = 64 };
void data_access_describe_user(uid_t user, char text[DATA_ACCESS_USER_BYTES]);

#endif
