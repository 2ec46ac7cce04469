/*
 * proc.c - see proc.h.
 */
#include "tests/harness/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 64, LINE_BYTES = 512, DECIMAL = 10 };

/* The line is `1234 (name, with anything in it) S 1 ...`: a state, then the parent. */
static pid_t read_line(const char *line, char *name)
{
    const char *begin = strchr(line, '(');
    const char *end = strrchr(line, ')');
    if (begin == NULL || end == NULL || strlen(end) < sizeof ") S " - 1) {
        return 0;
    }
    if (name != NULL) {
        (void)snprintf(name, PROC_NAME_BYTES, "%.*s", (int)(end - begin - 1), begin + 1);
    }
    return (pid_t)strtol(end + sizeof ") S " - 1, NULL, DECIMAL);
}

pid_t proc_parent(pid_t pid, char name[PROC_NAME_BYTES])
{
    char path[PATH_BYTES];
    char line[LINE_BYTES] = "";
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return 0;
    }
    pid_t parent = fgets(line, sizeof line, file) == NULL ? 0 : read_line(line, name);
    (void)fclose(file);
    return parent;
}

unsigned proc_children(pid_t parent, const char *wanted, pid_t *pids, unsigned capacity)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry = NULL;
    unsigned count = 0;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char name[PROC_NAME_BYTES] = "";
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, DECIMAL);
        if (!isdigit((unsigned char)entry->d_name[0]) || proc_parent(pid, name) != parent ||
            (wanted != NULL && strcmp(name, wanted) != 0)) {
            continue;
        }
        if (count < capacity) {
            pids[count] = pid;
        }
        count++;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return count;
}

void proc_command_line(pid_t pid, char line[PROC_LINE_BYTES])
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    FILE *file = fopen(path, "re");
    size_t count = file == NULL ? 0 : fread(line, 1, PROC_LINE_BYTES - 1, file);
    if (file != NULL) {
        (void)fclose(file);
    }
    while (count > 0 && line[count - 1] == '\0') {
        count--;
    }
    line[count] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (line[i] == '\0') {
            line[i] = ' ';
        }
    }
}
