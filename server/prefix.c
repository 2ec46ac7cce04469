/*
 * prefix.c - see prefix.h.
 */
#include "server/prefix.h"

#include "lib/bet.h"
#include "lib/checksum.h"
#include "server/csv_reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct prefix {
    uint32_t agency;
    uint64_t rows_left;
    uint64_t checksum;
    const char *at; /* in the piece that is scanned: where its next run of rows begins */
};

/* The bytes of the first `rows` rows of a run that has more. */
static size_t bytes_of_rows(const char *run, uint64_t rows, uint64_t run_bytes)
{
    const char *at = run;
    for (; rows > 0; rows--) {
        const char *line_feed = memchr(at, '\n', (size_t)(run + run_bytes - at));
        at = line_feed + 1;
    }
    return (size_t)(at - run);
}

/* Rows of one agency that stand together, all of them valid. */
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

/* Scans until there are rows enough, or no more; false with errno when reading fails. */
static bool scan(int file, uint64_t durable, struct prefix *prefix, bool (*should_stop)(void))
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    uint64_t scanned = 0;
    enum csv_read read = CSV_END;
    if (!csv_reader_open(&reader, file, 0)) {
        return false;
    }
    while (prefix->rows_left > 0 && scanned < durable && !should_stop() &&
           (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        uint64_t left = durable - scanned;
        size_t whole = bytes < left ? bytes : (size_t)left;
        prefix->at = rows;
        scanned += bet_csv_scan(rows, whole, take_run, prefix);
    }
    csv_reader_close(&reader);
    return read != CSV_FAILED;
}

bool prefix_checksum(const struct data_directory *directory, uint64_t durable, uint32_t agency,
                     uint64_t rows, bool (*should_stop)(void), uint64_t *checksum,
                     struct failure *failure)
{
    struct prefix prefix = {.agency = agency, .rows_left = rows, .checksum = CHECKSUM_EMPTY};
    int file = data_directory_open_file(directory, DATA_BETS_FILE, O_RDONLY, failure);
    if (file < 0) {
        return false;
    }
    bool scanned = scan(file, durable, &prefix, should_stop);
    if (!scanned) {
        (void)failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
    }
    (void)close(file);
    *checksum = prefix.checksum;
    return scanned && (prefix.rows_left == 0 ||
                       failure_set(failure, "only %" PRIu64 " of %" PRIu64 " rows are stored",
                                   rows - prefix.rows_left, rows));
}
