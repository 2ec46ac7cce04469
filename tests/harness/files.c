/*
 * files.c - see files.h.
 */
#include "tests/harness/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0600, DESCRIPTORS_MAX = 16 };

static _Noreturn void fail_on(const char *verb, const char *path)
{
    stage_fail_at(__FILE__, __LINE__, "%s %s: %s", verb, path, strerror(errno));
}

void files_write_bytes(const char *path, const void *bytes, size_t count)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        fail_on("create", path);
    }
    ssize_t written = write(file, bytes, count);
    (void)close(file);
    if (written != (ssize_t)count) {
        fail_on("write", path);
    }
}

void files_write(const char *path, const char *text)
{
    files_write_bytes(path, text, strlen(text));
}

/* Reads until the end, also of a file that grows meanwhile; NULL with errno on failure. */
static char *read_all(int file, size_t *count)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return NULL;
    }
    size_t capacity = (size_t)status.st_size;
    char *text = malloc(capacity + 1);
    *count = 0;
    while (text != NULL && *count < capacity) {
        ssize_t got = read(file, text + *count, capacity - *count);
        if (got <= 0) {
            break;
        }
        *count += (size_t)got;
    }
    if (text != NULL) {
        text[*count] = '\0';
    }
    return text;
}

char *files_load(const char *path, size_t *count)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return NULL;
    }
    char *text = read_all(file, count);
    (void)close(file);
    return text;
}

char *files_read(struct stage *stage, const char *path, size_t *count)
{
    size_t bytes = 0;
    char *text = files_load(path, &bytes);
    if (text == NULL) {
        fail_on("read", path);
    }
    if (count != NULL) {
        *count = bytes;
    }
    return stage_keep(stage, text);
}

bool files_exist(const char *path)
{
    return access(path, F_OK) == 0;
}

uint64_t files_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

void files_remove_tree(const char *path)
{
    (void)nftw(path, remove_entry, DESCRIPTORS_MAX, FTW_DEPTH | FTW_PHYS);
}
