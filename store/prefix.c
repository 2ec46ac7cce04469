/*
 * prefix.c - see prefix.h.
 */
#include "store/prefix.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "store/csv_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct prefix {
    uint32_t agency;
    uint64_t rows_left;
    uint64_t checksum;
    const char *at;   /* in the piece that is scanned: where its next run of rows begins */
    uint64_t scanned; /* bytes of bets.csv, all of them valid rows */
    bool stopped;
};

/* The bytes of the first `rows` rows of a run, which has more rows than that. */
static size_t bytes_of_rows(const char *run, uint64_t rows, uint64_t run_bytes)
{
    const char *at = run;
    for (; rows > 0; rows--) {
        const char *line_feed = memchr(at, '\n', (size_t)(run + run_bytes - at));
        at = line_feed + 1;
    }
    return (size_t)(at - run);
}

/* Takes rows of one agency that stand together, all of them valid. */
static void take_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct prefix *prefix = context;
    const char *run = prefix->at;
    prefix->at += bytes;
    if (agency != prefix->agency || prefix->rows_left == 0) {
        return;
    }
    size_t taken = (size_t)bytes;
    if (rows > prefix->rows_left) {
        rows = prefix->rows_left;
        taken = bytes_of_rows(run, rows, bytes);
    }
    prefix->checksum = checksum_extend(prefix->checksum, run, taken);
    prefix->rows_left -= rows;
}

static bool is_stopping(struct prefix *prefix, bool (*should_stop)(void))
{
    prefix->stopped = should_stop();
    return prefix->stopped;
}

/*
 * Scans until enough rows were found, no more are left, or a row is no bet. It is unknown
 * whose bet that row was, so no row after it is counted. False with errno when reading fails.
 */
static bool scan(int file, uint64_t safe, struct prefix *prefix, bool (*should_stop)(void))
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    bool all_good = true;
    if (!csv_reader_open(&reader, file, 0)) {
        return false;
    }
    while (all_good && prefix->rows_left > 0 && prefix->scanned < safe &&
           !is_stopping(prefix, should_stop) &&
           (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        uint64_t left = safe - prefix->scanned;
        size_t whole = bytes < left ? bytes : (size_t)left;
        prefix->at = rows;
        size_t good = bet_csv_scan(rows, whole, take_run, prefix);
        prefix->scanned += good;
        all_good = good == whole;
    }
    csv_reader_close(&reader);
    return read != CSV_FAILED;
}

/* False, with the failure, unless all rows that were asked for were found. */
static bool judge(const struct prefix *prefix, uint64_t safe, uint64_t rows, const char *path,
                  struct failure *failure)
{
    if (prefix->rows_left == 0) {
        return true;
    }
    if (prefix->stopped) {
        return failure_set(failure, "the server is stopping");
    }
    if (prefix->scanned < safe) {
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " is damaged: at byte %" PRIu64 " is no bet", path,
                           prefix->scanned);
    }
    return failure_set(failure, "only %" PRIu64 " of %" PRIu64 " rows are stored",
                       rows - prefix->rows_left, rows);
}

bool prefix_checksum(const struct data_directory *directory, uint64_t safe, uint32_t agency,
                     uint64_t rows, bool (*should_stop)(void), uint64_t *checksum,
                     struct failure *failure)
{
    struct prefix prefix = {.agency = agency, .rows_left = rows, .checksum = CHECKSUM_EMPTY};
    int file = data_directory_open_file(directory, DATA_BETS_FILE, O_RDONLY, failure);
    if (file < 0) {
        return false;
    }
    bool scanned = scan(file, safe, &prefix, should_stop);
    if (!scanned) {
        failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
    }
    close(file);
    *checksum = prefix.checksum;
    return scanned && judge(&prefix, safe, rows, directory->path, failure);
}

/* The length that the file has to have. False with the failure when it has another one. */
static bool check_length(const struct data_directory *directory, int file, uint64_t *bytes,
                         struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, directory->path);
    }
    uint64_t there = (uint64_t)status.st_size;
    if (*bytes != 0 && *bytes != there) {
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " is damaged: it has %" PRIu64
                           " bytes, and the draw %" PRIu64,
                           directory->path, there, *bytes);
    }
    *bytes = there;
    return true;
}

bool prefix_count(const struct data_directory *directory, uint64_t bytes, uint32_t agency,
                  bool (*should_stop)(void), uint64_t *rows, uint64_t *checksum,
                  struct failure *failure)
{
    struct prefix prefix = {.agency = agency, .rows_left = UINT64_MAX, .checksum = CHECKSUM_EMPTY};
    int file = data_directory_open_file(directory, DATA_BETS_FILE, O_RDONLY, failure);
    if (file < 0) {
        *rows = 0;
        *checksum = CHECKSUM_EMPTY;
        return errno == ENOENT && bytes == 0;
    }
    bool counted = check_length(directory, file, &bytes, failure);
    if (counted && !scan(file, bytes, &prefix, should_stop)) {
        counted = failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
    }
    (void)close(file);
    *rows = UINT64_MAX - prefix.rows_left;
    *checksum = prefix.checksum;
    return counted &&
           (prefix.scanned == bytes || judge(&prefix, bytes, UINT64_MAX, directory->path, failure));
}
