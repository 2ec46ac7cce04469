/*
 * winners_report.c - see winners_report.h.
 */
#include "client/winners_report.h"

#include "lib/bet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The name that the file has until it is whole. */
static bool name_partial(const char *path, char partial[PATH_MAX], struct failure *failure)
{
    return snprintf(partial, PATH_MAX, "%s.partial", path) < PATH_MAX ||
           failure_set(failure, "%s: the path is too long", path);
}

/*
 * Says whose directory it is, and the command that lets us in: the user of the image
 * owns nothing that a host has mounted there. errno is why we may not write.
 */
static bool refuse_directory(const char *directory, const char *path, struct failure *failure)
{
    struct stat status;
    int error = errno;
    if (error == EACCES && stat(directory, &status) == 0) {
        return failure_set(failure,
                           "winners.file: writing into the directory of %s: %s: it belongs to user "
                           "%u (mode %03o), and this is user %u. Let it write there (in a "
                           "container: from the host, the directory that is mounted): chown %u "
                           "DIRECTORY",
                           path, strerror(error), status.st_uid, status.st_mode & ALLPERMS,
                           geteuid(), geteuid());
    }
    errno = error;
    return failure_set_errno(failure, "winners.file: writing into the directory of %s", path);
}

static bool check_directory(const char *path, struct failure *failure)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int bytes = slash == NULL ? 0 : (int)(slash - path) + 1;
    /* With the dot, a file that stands where a directory should be is an error as well. */
    (void)snprintf(directory, sizeof directory, "%.*s.", bytes, path);
    return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0 ||
           refuse_directory(directory, path, failure);
}

static bool check_replaces(const char *path, const struct dataset *bets, struct failure *failure)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return true; /* not there; or we will be told when it is written */
    }
    if (S_ISDIR(status.st_mode)) {
        return failure_set(failure, "winners.file: %s is a directory", path);
    }
    return !dataset_is_at(bets, path) ||
           failure_set(failure, "winners.file: %s is the file of bets, and would be overwritten",
                       path);
}

bool winners_report_check_path(const char *path, const struct dataset *bets,
                               struct failure *failure)
{
    char partial[PATH_MAX];
    return name_partial(path, partial, failure) && check_directory(path, failure) &&
           check_replaces(path, bets, failure) && check_replaces(partial, bets, failure);
}

/* One row of a body: the part before and the part behind the first comma. */
struct winner_row {
    const char *agency;
    size_t agency_bytes;
    const char *row;
    size_t row_bytes;
};

/* Cuts the row at `body` and returns where the next one begins; NULL without a comma. */
static const char *cut_row(const char *body, const char *end, struct winner_row *winner)
{
    const char *line_feed = memchr(body, '\n', (size_t)(end - body));
    const char *row_end = line_feed == NULL ? end : line_feed;
    const char *comma = memchr(body, ',', (size_t)(row_end - body));
    if (comma == NULL) {
        return NULL;
    }
    *winner =
        (struct winner_row){body, (size_t)(comma - body), comma + 1, (size_t)(row_end - comma - 1)};
    return line_feed == NULL ? end : line_feed + 1;
}

bool winners_report_check(uint32_t agency, const char *body, size_t bytes, uint64_t *winners,
                          struct failure *failure)
{
    const char *end = body + bytes;
    uint64_t count = 0;
    while (body < end) {
        struct winner_row winner;
        struct bet bet;
        uint32_t of_agency = 0;
        body = cut_row(body, end, &winner);
        if (body == NULL || !bet_parse_uint32(winner.agency, winner.agency_bytes, &of_agency) ||
            bet_parse(winner.row, winner.row_bytes, &bet) != BET_VALID) {
            return failure_set(failure, "winner %llu is no bet", (unsigned long long)count + 1);
        }
        if (of_agency != agency) {
            return failure_set(failure, "winner %llu is agency %u's, not ours",
                               (unsigned long long)count + 1, of_agency);
        }
        count++;
    }
    *winners = count;
    return true;
}

static bool write_rows(FILE *file, const char *body, size_t bytes)
{
    const char *end = body + bytes;
    while (body < end) {
        struct winner_row winner;
        body = cut_row(body, end, &winner);
        if (body == NULL) {
            errno = EINVAL;
            return false;
        }
        if (fwrite(winner.row, 1, winner.row_bytes, file) != winner.row_bytes ||
            fputc('\n', file) == EOF) {
            return false;
        }
    }
    return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

bool winners_report_write(const char *path, const char *body, size_t bytes, struct failure *failure)
{
    char partial[PATH_MAX];
    if (!name_partial(path, partial, failure)) {
        return false;
    }
    FILE *file = fopen(partial, "we");
    if (file == NULL) {
        return failure_set_errno(failure, "opening %s", partial);
    }
    bool written = write_rows(file, body, bytes);
    int write_errno = errno;
    bool closed = fclose(file) == 0;
    if (!written || !closed) {
        errno = written ? errno : write_errno;
        (void)failure_set_errno(failure, "writing %s", partial);
        (void)unlink(partial);
        return false;
    }
    if (rename(partial, path) < 0) {
        (void)failure_set_errno(failure, "renaming %s to %s", partial, path);
        (void)unlink(partial);
        return false;
    }
    return true;
}
