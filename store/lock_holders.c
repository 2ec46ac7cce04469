/*
 * lock_holders.c - see lock_holders.h.
 *
 * A process that we may not look into, or that ends meanwhile, is skipped.
 */
#include "store/lock_holders.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PATH_BYTES = 64, INFO_BYTES = 1024, LINE_BYTES = 256 };

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

/* True where nobody but its parent knows of the process any more: its files are closed. */
static bool is_zombie(int pid)
{
    char path[PATH_BYTES];
    char text[LINE_BYTES] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    const char *line = fgets(text, sizeof text, file);
    (void)fclose(file);
    const char *name_end = line == NULL ? NULL : strrchr(line, ')');
    return name_end != NULL && strncmp(name_end, ") Z", sizeof ") Z" - 1) == 0;
}

static bool has_ended(int pid)
{
    return pid > 0 && ((kill(pid, 0) != 0 && errno == ESRCH) || is_zombie(pid));
}

/*
 * Reads "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF" (proc_locks(5)), and returns the pid where it
 * is a flock on this file; else 0. A line of one that waits has "->" before FLOCK.
 */
static int read_taker(char *line, uint64_t device, uint64_t inode)
{
    enum { FIELD_KIND = 1, FIELD_PID = 4, FIELD_FILE, FIELDS, HEXADECIMAL = 16, DECIMAL = 10 };
    char *fields[FIELDS];
    char *rest = line;
    for (size_t i = 0; i < FIELDS; i++) {
        fields[i] = strtok_r(rest, " ", &rest);
        if (fields[i] == NULL) {
            return 0;
        }
    }
    char *end = fields[FIELD_FILE];
    const unsigned of_major = (unsigned)strtoul(end, &end, HEXADECIMAL);
    end += *end == ':' ? 1 : 0;
    const unsigned of_minor = (unsigned)strtoul(end, &end, HEXADECIMAL);
    end += *end == ':' ? 1 : 0;
    bool is_it = strcmp(fields[FIELD_KIND], "FLOCK") == 0 &&
                 makedev(of_major, of_minor) == device && strtoull(end, NULL, DECIMAL) == inode;
    return is_it ? (int)strtol(fields[FIELD_PID], NULL, DECIMAL) : 0;
}

bool lock_holders_taker_has_ended(uint64_t device, uint64_t inode)
{
    char line[LINE_BYTES];
    bool ended = false;
    FILE *locks = fopen("/proc/locks", "re");
    while (locks != NULL && !ended && fgets(line, sizeof line, locks) != NULL) {
        ended = has_ended(read_taker(line, device, inode));
    }
    if (locks != NULL) {
        (void)fclose(locks);
    }
    return ended;
}
