/*
 * bet_count.c - see bet_count.h.
 */
#include "shipper/bet_count.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "store/csv_reader.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* ----------------------------------------------------------------- table ---- */

bool bet_count_open(struct bet_count *count, struct failure *failure)
{
    *count = (struct bet_count){.latest = 0};
    if (!checkpoint_open(&count->checkpoint, LIMITS_AGENCIES_MAX)) {
        return failure_set_errno(failure, "make a table of agencies");
    }
    count->checkpoint.checksum = CHECKSUM_EMPTY;
    return true;
}

void bet_count_close(struct bet_count *count)
{
    checkpoint_close(&count->checkpoint);
}

/* The index of the agency, or where it belongs. */
static size_t place_of(const struct checkpoint *checkpoint, uint32_t agency)
{
    size_t first = 0;
    size_t end = checkpoint->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if ((uint32_t)checkpoint->agencies[middle].id < agency) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* The agency's entry, which is made where there is none; NULL: there are too many. */
static struct checkpoint_agency *find_or_add(struct bet_count *count, uint32_t agency)
{
    struct checkpoint *checkpoint = &count->checkpoint;
    struct checkpoint_agency *agencies = checkpoint->agencies;
    size_t index = count->latest;
    if (index >= checkpoint->count || (uint32_t)agencies[index].id != agency) {
        index = place_of(checkpoint, agency);
    }
    count->latest = index;
    if (index < checkpoint->count && (uint32_t)agencies[index].id == agency) {
        return &agencies[index];
    }
    if (checkpoint->count == checkpoint->capacity) {
        return NULL;
    }
    memmove(&agencies[index + 1], &agencies[index], (checkpoint->count - index) * sizeof *agencies);
    agencies[index] = (struct checkpoint_agency){.id = agency, .checksum = CHECKSUM_EMPTY};
    checkpoint->count++;
    return &agencies[index];
}

/* ------------------------------------------------------------------ rows ---- */

struct scan {
    struct bet_count *count;
    const char *at; /* where the next run of one agency's rows begins */
};

/* bet_csv_scan's `run`. */
static void add_run(void *context, uint32_t id, uint64_t rows, uint64_t bytes)
{
    struct scan *scan = context;
    struct checkpoint_agency *agency = find_or_add(scan->count, id);
    if (agency == NULL) {
        scan->count->is_off = true;
    } else {
        const uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, scan->at, (size_t)bytes);
        const uint64_t factor = checksum_factor(bytes);
        struct checkpoint *checkpoint = &scan->count->checkpoint;
        agency->bets += rows;
        agency->bytes += bytes;
        agency->checksum = checksum_join(agency->checksum, checksum, factor);
        checkpoint->checksum = checksum_join(checkpoint->checksum, checksum, factor);
        checkpoint->position += bytes;
    }
    scan->at += bytes;
}

bool bet_count_add(struct bet_count *count, const void *rows, size_t bytes, uint64_t offset)
{
    const uint64_t counted = count->checkpoint.position;
    if (count->is_off || offset + bytes <= counted) {
        return true;
    }
    const size_t before = offset < counted ? (size_t)(counted - offset) : 0;
    struct scan scan = {.count = count, .at = (const char *)rows + before};
    count->is_off = offset > counted ||
                    bet_csv_scan(scan.at, bytes - before, add_run, &scan) != bytes - before ||
                    count->is_off;
    return !count->is_off;
}

bool bet_count_agrees(const struct bet_count *count, uint32_t agency, uint64_t bets,
                      uint64_t checksum)
{
    const struct checkpoint *checkpoint = &count->checkpoint;
    const size_t index = place_of(checkpoint, agency);
    if (count->is_off) {
        return true;
    }
    if (index == checkpoint->count || (uint32_t)checkpoint->agencies[index].id != agency) {
        return bets == 0 && checksum == CHECKSUM_EMPTY;
    }
    return checkpoint->agencies[index].bets == bets &&
           checkpoint->agencies[index].checksum == checksum;
}

/* ---------------------------------------------------------------- resume ---- */

/* Takes over a checkpoint that fits. */
static void adopt(struct bet_count *count, const struct checkpoint *from, uint64_t end)
{
    if (from->position > end) {
        return;
    }
    for (size_t i = 0; i < from->count; i++) {
        struct checkpoint_agency *agency = find_or_add(count, (uint32_t)from->agencies[i].id);
        if (agency == NULL) {
            count->is_off = true;
            return;
        }
        const uint64_t id = agency->id;
        *agency = from->agencies[i];
        agency->id = id;
    }
    count->checkpoint.position = from->position;
    count->checkpoint.checksum = from->checksum;
}

/* True where the checkpoint in the directory is of this draw, and of no byte from `end` on. */
static bool is_covered(const struct data_directory *directory, const char *identity, uint64_t end)
{
    struct checkpoint_file stored;
    struct failure ignored;
    bool is_covered = false;
    int file = data_directory_open_file(directory, DATA_CHECKPOINT_FILE, O_RDONLY, &ignored);
    if (file < 0) {
        return false;
    }
    if (checkpoint_load(file, &stored)) {
        is_covered = strcmp(stored.identity, identity) == 0 && stored.checkpoint.position <= end;
        checkpoint_close(&stored.checkpoint);
    }
    (void)close(file);
    return is_covered;
}

/* Counts from where the checkpoint ends. */
static bool count_up_to(struct bet_count *count, int bets, uint64_t end)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    if (!csv_reader_open(&reader, bets, count->checkpoint.position)) {
        return false;
    }
    while (!count->is_off && count->checkpoint.position < end &&
           (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        const uint64_t left = end - count->checkpoint.position;
        if (!bet_count_add(count, rows, bytes < left ? bytes : (size_t)left,
                           count->checkpoint.position)) {
            log_warning(LOG_ROWS_NOT_COUNTED,
                        "result: fail | position: %" PRIu64
                        " | reason: these rows are none that a server writes, so they are not "
                        "counted; a takeover will judge them",
                        count->checkpoint.position);
        }
    }
    csv_reader_close(&reader);
    return read != CSV_FAILED;
}

enum bet_count_answer bet_count_resume(struct bet_count *count,
                                       const struct data_directory *directory, const char *identity,
                                       int bets, uint64_t end, struct failure *failure)
{
    struct checkpoint stored;
    switch (checkpoint_read(directory, identity, bets, CHECKPOINT_VERIFY_ALL, &stored, failure)) {
    case CHECKPOINT_READ:
        adopt(count, &stored, end);
        checkpoint_close(&stored);
        break;
    case CHECKPOINT_NONE:
        break;
    case CHECKPOINT_REFUSED:
        if (is_covered(directory, identity, end)) {
            return BET_COUNT_CHANGED;
        }
        break;
    }
    if (!count_up_to(count, bets, end)) {
        (void)failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
        return BET_COUNT_FAILED;
    }
    return BET_COUNT_RESUMED;
}

void bet_count_write(const struct bet_count *count, const struct data_directory *directory,
                     const char *identity, int bets)
{
    if (!count->is_off && count->checkpoint.position > 0) {
        (void)checkpoint_write(&count->checkpoint, directory, identity, bets);
    }
}
