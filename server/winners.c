/*
 * winners.c - see winners.h. winners.csv never changes once it is there, so a
 * handler reads it without asking anybody.
 */
#include "server/winners.h"

#include "lib/bet.h"
#include "server/csv_reader.h"

#include <fcntl.h>
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
    bool stopped;
    bool damaged; /* what stands at the position is no bet */
    bool failed;  /* there was no memory */
};

/* One row of winners.csv, `bytes` bytes without CRLF, in the form of the wire. */
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

/* Rows of one agency that stand together, all of them valid. */
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

/* Whose a row was that is no bet any more can't be known: nobody is given what comes behind it. */
static void look_through(struct lookup *lookup, const char *rows, size_t bytes)
{
    lookup->at = rows;
    size_t good = bet_csv_scan(rows, bytes, take_run, lookup);
    lookup->position += good;
    if (good < bytes && !lookup->stopped) {
        lookup->damaged = true;
        lookup->stopped = true;
    }
}

/* False, with the failure, unless every row of the agency has been given that was wanted. */
static bool judge(const struct lookup *lookup, enum csv_read read, const char *path,
                  struct failure *failure)
{
    if (lookup->damaged) {
        return failure_set(failure, "%s/" DATA_WINNERS_FILE " is damaged: at byte %llu is no bet",
                           path, (unsigned long long)lookup->position);
    }
    return (read != CSV_FAILED && !lookup->failed) ||
           failure_set_errno(failure, "read %s/" DATA_WINNERS_FILE, path);
}

/* A last row without its LF is none of ours: the file was whole when it was put into place. */
static bool ends_at(int file, uint64_t position)
{
    struct stat status;
    return fstat(file, &status) == 0 && (uint64_t)status.st_size == position;
}

bool winners_read(const struct data_directory *directory, uint32_t agency,
                  bool (*each)(void *context, const char *row, size_t bytes), void *context,
                  struct failure *failure)
{
    int file = openat(directory->descriptor, DATA_WINNERS_FILE, O_RDONLY | O_CLOEXEC);
    struct csv_reader reader;
    if (file < 0 || !csv_reader_open(&reader, file, 0)) {
        (void)failure_set_errno(failure, "open %s/" DATA_WINNERS_FILE, directory->path);
        if (file >= 0) {
            (void)close(file);
        }
        return false;
    }
    struct lookup lookup = {.agency = agency, .each = each, .context = context};
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    while (!lookup.stopped && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        look_through(&lookup, rows, bytes);
    }
    if (read == CSV_END && !ends_at(file, lookup.position)) {
        lookup.damaged = true;
    }
    bool complete = judge(&lookup, read, directory->path, failure);
    csv_reader_close(&reader);
    (void)close(file);
    return complete;
}
