/*
 * place.c - see place.h.
 */
#include "admin/place.h"

#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse_owner(const char *path, uid_t user, struct failure *failure)
{
    char owner[DATA_ACCESS_USER_BYTES];
    data_access_describe_user(user, owner);
    return failure_set(failure,
                       "%s belongs to %s: run lottery-admin as that user, as whom the server runs",
                       path, owner);
}

/* stat tells the owner even of a directory that can't be opened. */
bool place_explain_unopened(const char *path, struct failure *failure)
{
    struct stat status;
    int error = errno;
    if (error == ENOENT) {
        return failure_set(failure,
                           "there is no data directory %s: a server makes it when it starts; where "
                           "it is another one, name it, or the server's configuration (-c FILE)",
                           path);
    }
    if (error == EACCES && stat(path, &status) == 0 && status.st_uid != geteuid()) {
        return refuse_owner(path, status.st_uid, failure);
    }
    errno = error;
    return failure_set_errno(failure, "open data directory %s", path);
}

bool place_open(const char *path, struct data_directory *directory, struct failure *failure)
{
    struct stat status;
    *directory = (struct data_directory){.path = path, .lock = -1};
    directory->descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->descriptor < 0 || fstat(directory->descriptor, &status) != 0) {
        (void)place_explain_unopened(path, failure);
        place_close(directory);
        return false;
    }
    directory->access =
        (struct data_access){.has_group = (status.st_mode & S_IRWXG) != 0, .group = status.st_gid};
    if (status.st_uid != geteuid()) {
        place_close(directory);
        return refuse_owner(path, status.st_uid, failure);
    }
    return true;
}

void place_close(struct data_directory *directory)
{
    if (directory->descriptor >= 0) {
        (void)close(directory->descriptor);
        directory->descriptor = -1;
    }
}

enum control_answer place_read_control(const struct data_directory *directory,
                                       struct control *control, struct failure *failure)
{
    enum control_answer answer = control_read(directory, control, failure);
    if (answer == CONTROL_ABSENT) {
        failure_set(failure, "%s holds no lottery: there is no " DATA_CONTROL_FILE,
                    directory->path);
    }
    return answer;
}

/* Reads the open file; NULL with errno. */
static char *read_whole(int file, size_t *bytes)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return NULL;
    }
    if (status.st_size > PLACE_FILE_BYTES_MAX) {
        errno = EFBIG;
        return NULL;
    }
    char *text = malloc((size_t)status.st_size + 1);
    ssize_t got = text == NULL ? -1 : file_read_up_to(file, text, (size_t)status.st_size, 0);
    if (got < 0) {
        free(text);
        return NULL;
    }
    text[got] = '\0';
    *bytes = (size_t)got;
    return text;
}

char *place_read_file(const struct data_directory *directory, const char *name, size_t *bytes,
                      struct failure *failure)
{
    int file = data_directory_open_file(directory, name, O_RDONLY, failure);
    if (file < 0) {
        return NULL;
    }
    char *text = read_whole(file, bytes);
    if (text == NULL) {
        failure_set_errno(failure, "read %s/%s", directory->path, name);
    }
    int error = errno;
    (void)close(file);
    errno = error;
    return text;
}
