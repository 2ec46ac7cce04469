/*
 * whole_file.c - see whole_file.h.
 */
#include "store/whole_file.h"

#include "lib/fault_point.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 64 };

static bool put_into_place(const struct data_directory *directory, int file, const char *unfinished,
                           const char *name, bool *synced, struct failure *failure)
{
    /* Most are written once a draw, and control again and again: a test says which it means. */
    const bool is_control = strcmp(name, DATA_CONTROL_FILE) == 0;
    *synced = file_sync(file);
    if (!*synced) {
        return failure_set_errno(failure, "sync %s/%s", directory->path, unfinished);
    }
    fault_point(is_control ? "control.synced" : "whole.synced");
    if (renameat(directory->descriptor, unfinished, directory->descriptor, name) != 0) {
        return failure_set_errno(failure, "rename %s/%s to %s", directory->path, unfinished, name);
    }
    fault_point(is_control ? "control.renamed" : "whole.renamed");
    *synced = file_sync_directory(directory->descriptor, directory->path);
    return *synced || failure_set_errno(failure, "sync %s", directory->path);
}

bool whole_file_write(const struct data_directory *directory, const char *name, const void *bytes,
                      size_t count, bool *synced, struct failure *failure)
{
    char unfinished[NAME_BYTES_MAX];
    (void)snprintf(unfinished, sizeof unfinished, "%s.tmp", name);
    *synced = true;
    int file =
        data_directory_open_file(directory, unfinished, O_WRONLY | O_CREAT | O_TRUNC, failure);
    if (file < 0) {
        return false;
    }
    bool written = file_write_all(file, bytes, count, 0)
                       ? put_into_place(directory, file, unfinished, name, synced, failure)
                       : failure_set_errno(failure, "write %s/%s", directory->path, unfinished);
    int saved_errno = errno;
    close(file);
    errno = saved_errno;
    return written;
}
