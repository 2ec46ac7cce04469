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
#include <unistd.h>

struct lookup {
    uint32_t agency;
    bool (*each)(void *context, const char *row, size_t bytes);
    void *context;
    bool stopped;
    bool failed; /* there was no memory */
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

static void look_through(struct lookup *lookup, const char *rows, size_t bytes)
{
    const char *end = rows + bytes;
    while (rows < end && !lookup->stopped) {
        const char *line_feed = memchr(rows, '\n', (size_t)(end - rows));
        size_t row_bytes = (size_t)(line_feed - rows) - 1; /* without its CR */
        if (strtoul(rows, NULL, 10) == lookup->agency) {
            lookup->stopped = !give_row(lookup, rows, row_bytes);
        }
        rows = line_feed + 1;
    }
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
    bool complete = read != CSV_FAILED && !lookup.failed;
    if (!complete) {
        (void)failure_set_errno(failure, "read %s/" DATA_WINNERS_FILE, directory->path);
    }
    csv_reader_close(&reader);
    (void)close(file);
    return complete;
}
