/*
 * data_access.c - see data_access.h.
 */
#include "store/data_access.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    DIRECTORY_MODE = 0700,
    DIRECTORY_MODE_FOR_GROUP = 0750,
    FILE_MODE = 0600,
    FILE_MODE_FOR_GROUP = 0640,
    NAME_BYTES = 40,
    DECIMAL = 10
};

#define PERMISSIONS (S_IRWXU | S_IRWXG | S_IRWXO)

/* ---------------------------------------------------------------- names ---- */

/* A user or group as chown and chgrp take it: the name, or the number of one without a name. */
static void name_user(const struct data_access *access, uid_t user, char name[NAME_BYTES])
{
    const struct passwd *entry = access->numbers_only ? NULL : getpwuid(user);
    if (entry != NULL) {
        snprintf(name, NAME_BYTES, "%s", entry->pw_name);
    } else {
        snprintf(name, NAME_BYTES, "%u", (unsigned)user);
    }
}

static void name_group(const struct data_access *access, gid_t group, char name[NAME_BYTES])
{
    const struct group *entry = access->numbers_only ? NULL : getgrgid(group);
    if (entry != NULL) {
        snprintf(name, NAME_BYTES, "%s", entry->gr_name);
    } else {
        snprintf(name, NAME_BYTES, "%u", (unsigned)group);
    }
}

static void describe_user(const struct data_access *access, uid_t user,
                          char text[DATA_ACCESS_USER_BYTES])
{
    const struct passwd *entry = access->numbers_only ? NULL : getpwuid(user);
    if (entry != NULL) {
        snprintf(text, DATA_ACCESS_USER_BYTES, "%s (uid %u)", entry->pw_name, (unsigned)user);
    } else {
        snprintf(text, DATA_ACCESS_USER_BYTES, "uid %u", (unsigned)user);
    }
}

void data_access_describe_user(uid_t user, char text[DATA_ACCESS_USER_BYTES])
{
    const struct data_access any = {.numbers_only = false};
    describe_user(&any, user, text);
}

bool data_access_resolve(const char *group, struct data_access *access, struct failure *failure)
{
    *access = (struct data_access){.has_group = group != NULL && group[0] != '\0'};
    if (group == NULL || !access->has_group) {
        return true;
    }
    const struct group *entry = getgrnam(group);
    if (entry != NULL) {
        access->group = entry->gr_gid;
        return true;
    }
    /* A number need not be a known group's: containers often have no names. */
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(group, &end, DECIMAL);
    access->group = (gid_t)number;
    return (isdigit((unsigned char)group[0]) != 0 && *end == '\0' && errno == 0 &&
            number < UINT32_MAX) ||
           failure_set(failure,
                       "data.group: there is no group '%s' here: make it (groupadd %s), give its "
                       "number, or leave data.group empty",
                       group, group);
}

/* ---------------------------------------------------------------- modes ---- */

mode_t data_access_directory_mode(const struct data_access *access)
{
    return access->has_group ? DIRECTORY_MODE_FOR_GROUP : DIRECTORY_MODE;
}

mode_t data_access_file_mode(const struct data_access *access)
{
    return access->has_group ? FILE_MODE_FOR_GROUP : FILE_MODE;
}

static bool give_to_group(int descriptor, const struct data_access *access, const char *path,
                          struct failure *failure)
{
    if (!access->has_group || fchown(descriptor, (uid_t)-1, access->group) == 0) {
        return true;
    }
    char user[NAME_BYTES];
    char group[NAME_BYTES];
    int error = errno; /* looking names up changes it */
    name_user(access, geteuid(), user);
    name_group(access, access->group, group);
    errno = error;
    return failure_set_errno(failure,
                             "give %s to the group %s of data.group, which the server's user has "
                             "to be a member of (usermod -aG %s %s, then start it anew)",
                             path, group, group, user);
}

bool data_access_set(int descriptor, mode_t mode, const struct data_access *access,
                     const char *path, struct failure *failure)
{
    struct stat status;
    if (!give_to_group(descriptor, access, path, failure)) {
        return false;
    }
    if (fchmod(descriptor, mode) != 0 || fstat(descriptor, &status) != 0) {
        return failure_set_errno(failure, "set the mode of %s to %04o", path, (unsigned)mode);
    }
    if ((status.st_mode & PERMISSIONS & ~mode) != 0) {
        errno = EPERM;
        return failure_set(failure,
                           "%s was given mode %04o and has %04o: its file system keeps no modes; "
                           "mount it with uid=%u,umask=077 or put data.directory elsewhere",
                           path, (unsigned)mode, (unsigned)(status.st_mode & PERMISSIONS),
                           (unsigned)geteuid());
    }
    return true;
}

/* --------------------------------------------------------------- checks ---- */

static const char *name_type(mode_t mode)
{
    return S_ISREG(mode)    ? "a regular file"
           : S_ISDIR(mode)  ? "a directory"
           : S_ISLNK(mode)  ? "a symbolic link, and the server follows none here"
           : S_ISFIFO(mode) ? "a named pipe"
           : S_ISSOCK(mode) ? "a socket"
                            : "a device";
}

static bool check_type(const struct stat *status, bool is_directory, const char *path,
                       struct failure *failure)
{
    bool right = is_directory ? S_ISDIR(status->st_mode) : S_ISREG(status->st_mode);
    return right ||
           failure_set(failure, "%s is %s, where %s has to be: move it away", path,
                       name_type(status->st_mode), is_directory ? "a directory" : "a regular file");
}

static bool check_owner(const struct stat *status, const struct data_access *access,
                        bool is_directory, const char *path, struct failure *failure)
{
    if (status->st_uid == geteuid()) {
        return true;
    }
    char theirs[DATA_ACCESS_USER_BYTES];
    char ours[DATA_ACCESS_USER_BYTES];
    char name[NAME_BYTES];
    describe_user(access, status->st_uid, theirs);
    describe_user(access, geteuid(), ours);
    name_user(access, geteuid(), name);
    return failure_set(failure,
                       "%s belongs to %s, and the server runs as %s: chown %s%s %s (as root), or "
                       "run the server as that user",
                       path, theirs, ours, is_directory ? "-R " : "", name, path);
}

/* If a group has any right, it must be the group of data.group. */
static bool check_group(const struct stat *status, const struct data_access *access,
                        bool is_directory, const char *path, struct failure *failure)
{
    if (!access->has_group || (status->st_mode & S_IRWXG) == 0 || status->st_gid == access->group) {
        return true;
    }
    char theirs[NAME_BYTES];
    char ours[NAME_BYTES];
    name_group(access, status->st_gid, theirs);
    name_group(access, access->group, ours);
    return failure_set(failure, "%s is open to the group %s, and data.group is %s: chgrp %s%s %s",
                       path, theirs, ours, is_directory ? "-R " : "", ours, path);
}

static bool check_mode(const struct stat *status, const struct data_access *access,
                       bool is_directory, const char *path, struct failure *failure)
{
    mode_t allowed =
        is_directory ? data_access_directory_mode(access) : data_access_file_mode(access);
    mode_t mode = status->st_mode & PERMISSIONS;
    if ((mode & ~allowed) == 0) {
        return check_group(status, access, is_directory, path, failure);
    }
    if (is_directory) {
        return failure_set(failure,
                           "%s has mode %04o, and nobody but the server%s may reach what is in "
                           "it: chmod %o %s (with all that is in it: chmod -R u=rwX,%s %s)",
                           path, (unsigned)mode, access->has_group ? " and data.group" : "",
                           (unsigned)allowed, path, access->has_group ? "g=rX,o=" : "go=", path);
    }
    return failure_set(
        failure, "%s has mode %04o, and nobody but the server%s may reach it: chmod %o %s", path,
        (unsigned)mode, access->has_group ? " and data.group" : "", (unsigned)allowed, path);
}

/* A hard link elsewhere would let others read and write our file under its other name. */
static bool check_names(const struct stat *status, bool is_directory, const char *path,
                        struct failure *failure)
{
    if (is_directory || status->st_nlink == 1) {
        return true;
    }
    if (status->st_nlink == 0) {
        return failure_set(failure, "%s was removed or replaced while it was opened: try again",
                           path);
    }
    return failure_set(
        failure,
        "%s has %" PRIu64
        " names (hard links), and the others lead into it too: cp -p %s %s.copy && mv %s.copy %s",
        path, (uint64_t)status->st_nlink, path, path, path, path);
}

bool data_access_check(const struct stat *status, const struct data_access *access,
                       bool is_directory, const char *path, struct failure *failure)
{
    bool right = check_type(status, is_directory, path, failure) &&
                 check_owner(status, access, is_directory, path, failure) &&
                 check_mode(status, access, is_directory, path, failure) &&
                 check_names(status, is_directory, path, failure);
    if (!right) {
        errno = !is_directory && status->st_nlink == 0 ? ESTALE : EPERM;
    }
    return right;
}
