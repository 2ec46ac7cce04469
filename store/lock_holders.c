/*
 * lock_holders.c - see lock_holders.h.
 *
 * A process that we may not look into, or that ends meanwhile, is skipped.
 */
#include "store/lock_holders.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 64, INFO_BYTES = 1024 };

#define MORE " ..."

/*
 * True when this open file holds the flock: then its fdinfo has a line
 * "lock: 1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF". See proc_pid_fdinfo(5).
 */
static bool shows_lock(const char *pid, const char *number)
{
    char path[PATH_BYTES];
    char info[INFO_BYTES];
    snprintf(path, sizeof path, "/proc/%.20s/fdinfo/%.20s", pid, number);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t got = read(file, info, sizeof info - 1);
    close(file);
    info[got > 0 ? got : 0] = '\0';
    return strstr(info, "FLOCK") != NULL;
}

static bool is_holder(const struct stat *file, const char *pid)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *descriptors = opendir(path);
    bool holds = false;
    const struct dirent *entry = NULL;
    while (descriptors != NULL && !holds && (entry = readdir(descriptors)) != NULL) {
        struct stat open_file;
        holds = isdigit((unsigned char)entry->d_name[0]) &&
                fstatat(dirfd(descriptors), entry->d_name, &open_file, 0) == 0 &&
                open_file.st_dev == file->st_dev && open_file.st_ino == file->st_ino &&
                shows_lock(pid, entry->d_name);
    }
    if (descriptors != NULL) {
        closedir(descriptors);
    }
    return holds;
}

void lock_holders_list(int file, char *pids, size_t capacity)
{
    struct stat status;
    size_t used = 0;
    pids[0] = '\0';
    DIR *processes = fstat(file, &status) == 0 ? opendir("/proc") : NULL;
    const struct dirent *entry = NULL;
    bool room = true;
    while (processes != NULL && room && (entry = readdir(processes)) != NULL) {
        const char *pid = entry->d_name;
        if (isdigit((unsigned char)pid[0]) && is_holder(&status, pid)) {
            room = used + strlen(pid) + 1 + sizeof MORE <= capacity;
            used += (size_t)snprintf(pids + used, capacity - used, "%s%s", room ? " " : MORE,
                                     room ? pid : "");
        }
    }
    if (processes != NULL) {
        closedir(processes);
    }
}
