/*
 * winners.c - see winners.h. The server never changes winners.csv once it is in
 * place. Others may, so it is compared with the seal.
 */
#include "store/winners.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "store/csv_reader.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct lookup {
    uint32_t agency;
    bool (*each)(void *context, const char *row, size_t bytes);
    void *context;
    const char *at;    /* in the piece that is looked through: where its next run of rows begins */
    uint64_t position; /* in the file, behind the last row that was a bet */
    uint64_t checksum; /* of everything before it */
    bool stopped;
    bool damaged; /* what stands at the position is no bet */
    bool failed;  /* there was no memory */
};

/* Gives one row of winners.csv, `bytes` bytes without CRLF, in the form of the wire. */
static bool give_row(struct lookup *lookup, const char *row, size_t bytes)
{
    char *wire = malloc(bytes + BET_AGENCY_PREFIX_BYTES_MAX + 2);
    if (wire == NULL) {
        lookup->failed = true;
        return false;
    }
    size_t used = (size_t)snprintf(wire, BET_AGENCY_PREFIX_BYTES_MAX + 1, "%u,", lookup->agency);
    used += bet_csv_to_row(row, bytes, wire + used);
    wire[used++] = '\n';
    bool goes_on = lookup->each(lookup->context, wire, used);
    free(wire);
    return goes_on;
}

/* Takes rows of one agency that stand together, all of them valid. */
static void take_run(void *context, uint32_t agency, uint64_t rows, uint64_t bytes)
{
    struct lookup *lookup = context;
    const char *row = lookup->at;
    lookup->at += bytes;
    if (agency != lookup->agency) {
        return;
    }
    for (; rows > 0 && !lookup->stopped; rows--) {
        const char *line_feed = memchr(row, '\n', (size_t)(lookup->at - row));
        lookup->stopped = !give_row(lookup, row, (size_t)(line_feed - row) - 1); /* without CR */
        row = line_feed + 1;
    }
}

static enum winners_end fail_to_read(const char *path, struct failure *failure)
{
    failure_set_errno(failure, "read %s/" DATA_WINNERS_FILE, path);
    return WINNERS_UNREAD;
}

static enum winners_end check_seal(const struct data_directory *directory, int file,
                                   const struct winners_seal *seal, struct failure *failure)
{
    struct stat status;
    uint64_t checksum = 0;
    if (fstat(file, &status) != 0 || file_checksum(file, seal->bytes, &checksum) < 0) {
        return fail_to_read(directory->path, failure);
    }
    if ((uint64_t)status.st_size == seal->bytes && checksum == seal->checksum) {
        return WINNERS_GIVEN;
    }
    failure_set(failure,
                "%s/" DATA_WINNERS_FILE " was changed: it has %" PRIu64
                " bytes of checksum " CHECKSUM_FORMAT ", and the draw gave %" PRIu64
                " bytes of checksum " CHECKSUM_FORMAT,
                directory->path, (uint64_t)status.st_size, checksum, seal->bytes, seal->checksum);
    return WINNERS_CHANGED;
}

/* If a row is no bet, it is unknown whose winner it was; so the look-up stops there. */
static enum winners_end look_up(int file, struct lookup *lookup, const struct winners_seal *seal,
                                const char *path, struct failure *failure)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    if (!csv_reader_open(&reader, file, 0)) {
        return fail_to_read(path, failure);
    }
    while (!lookup->stopped && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        lookup->at = rows;
        size_t good = bet_csv_scan(rows, bytes, take_run, lookup);
        lookup->position += good;
        lookup->checksum = checksum_extend(lookup->checksum, rows, good);
        if (good < bytes && !lookup->stopped) {
            lookup->damaged = true;
            lookup->stopped = true;
        }
    }
    int error = errno;
    csv_reader_close(&reader);
    errno = error;
    lookup->damaged |= read == CSV_END && !lookup->stopped &&
                       (lookup->position != seal->bytes || lookup->checksum != seal->checksum);
    if (lookup->damaged) {
        failure_set(failure, "%s/" DATA_WINNERS_FILE " is damaged: at byte %" PRIu64 " is no bet",
                    path, lookup->position);
        return WINNERS_CHANGED;
    }
    return read == CSV_FAILED || lookup->failed ? fail_to_read(path, failure) : WINNERS_GIVEN;
}

enum winners_end winners_read(const struct data_directory *directory,
                              const struct winners_seal *seal, uint32_t agency,
                              bool (*each)(void *context, const char *row, size_t bytes),
                              void *context, struct failure *failure)
{
    int file = data_directory_open_file(directory, DATA_WINNERS_FILE, O_RDONLY, failure);
    if (file < 0) {
        return WINNERS_UNREAD;
    }
    struct lookup lookup = {
        .agency = agency, .each = each, .context = context, .checksum = CHECKSUM_EMPTY};
    enum winners_end end = check_seal(directory, file, seal, failure);
    if (end == WINNERS_GIVEN) {
        end = look_up(file, &lookup, seal, directory->path, failure);
    }
    close(file);
    return end;
}
