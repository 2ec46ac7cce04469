/*
 * winners_report.c - see winners_report.h.
 */
#include "client/winners_report.h"

#include "bet/bet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
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
 * Checks that this process may write into the directory of the path. The user of a container's image
 * does not own what a host has mounted. So the failure tells who owns the directory, and the command
 * that helps.
 */
static bool check_directory(const char *path, struct failure *failure)
{
    char directory[PATH_MAX];
    struct stat status;
    const char *slash = strrchr(path, '/');
    int bytes = slash == NULL ? 0 : (int)(slash - path) + 1;
    /* The dot makes it an error, too, when a file stands where the directory should be. */
    snprintf(directory, sizeof directory, "%.*s.", bytes, path);
    if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0) {
        return true;
    }
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

/* Checks that a file which takes the place of what is at the path destroys nothing. */
static bool check_replaces(const char *path, const struct dataset *bets, struct failure *failure)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        return true; /* it is missing, or writing it will fail and say why */
    }
    if (S_ISDIR(status.st_mode)) {
        return failure_set(failure, "winners.file: %s is a directory", path);
    }
    /* A file takes the place of what is there: /dev/null would be gone for all programs. */
    if (!S_ISREG(status.st_mode)) {
        return failure_set(failure,
                           "winners.file: %s is no regular file, and would be replaced by one: "
                           "name a file",
                           path);
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

bool winners_report_open(struct winners_report *report, const char *path, uint32_t agency,
                         struct failure *failure)
{
    char partial[PATH_MAX];
    *report = (struct winners_report){.path = path, .agency = agency};
    if (path[0] == '\0') {
        return true;
    }
    if (!name_partial(path, partial, failure)) {
        return false;
    }
    report->file = fopen(partial, "we");
    return report->file != NULL || failure_set_errno(failure, "opening %s", partial);
}

/* Describes what could not be done with the file, with the text of errno; returns false. */
static bool fail(const struct winners_report *report, const char *action, struct failure *failure)
{
    return failure_set_errno(failure, "%s %s.partial", action, report->path);
}

enum winners_end winners_report_take(struct winners_report *report, const char *row, size_t bytes,
                                     struct failure *failure)
{
    const char *comma = memchr(row, ',', bytes);
    uint32_t of_agency = 0;
    struct bet bet;
    if (comma == NULL || !bet_parse_uint32(row, (size_t)(comma - row), &of_agency) ||
        bet_parse(comma + 1, bytes - (size_t)(comma + 1 - row), &bet) != BET_VALID) {
        failure_set(failure, "winner %" PRIu64 " is no bet", report->winners + 1);
        return WINNERS_NO_BET;
    }
    if (of_agency != report->agency) {
        failure_set(failure, "winner %" PRIu64 " is agency %" PRIu32 "'s, not ours",
                    report->winners + 1, of_agency);
        return WINNERS_NO_BET;
    }
    size_t rest = bytes - (size_t)(comma + 1 - row);
    if (report->file != NULL &&
        (fwrite(comma + 1, 1, rest, report->file) != rest || fputc('\n', report->file) == EOF)) {
        fail(report, "writing", failure);
        return WINNERS_NOT_WRITTEN;
    }
    report->winners++;
    return WINNERS_TAKEN;
}

bool winners_report_keep(struct winners_report *report, struct failure *failure)
{
    char partial[PATH_MAX];
    if (report->file == NULL) {
        return true;
    }
    if (fflush(report->file) != 0 || fsync(fileno(report->file)) < 0) {
        fail(report, "writing", failure);
        winners_report_discard(report);
        return false;
    }
    bool closed = fclose(report->file) == 0 || fail(report, "closing", failure);
    report->file = NULL;
    bool kept = closed && name_partial(report->path, partial, failure) &&
                (rename(partial, report->path) == 0 ||
                 failure_set_errno(failure, "renaming %s to %s", partial, report->path));
    if (!kept) {
        winners_report_discard(report);
    }
    return kept;
}

void winners_report_discard(struct winners_report *report)
{
    char partial[PATH_MAX];
    struct failure ignored;
    if (report->file != NULL) {
        fclose(report->file);
        report->file = NULL;
    }
    if (report->path[0] != '\0' && name_partial(report->path, partial, &ignored)) {
        unlink(partial);
    }
}
