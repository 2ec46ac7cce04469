/*
 * census.c - see census.h.
 */
#include "admin/census.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "store/checkpoint.h"
#include "store/csv_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROWTH = 64 };

/* ----------------------------------------------------------------- files ---- */

static bool is_in(const struct data_directory *directory, const char *name)
{
    struct stat status;
    return fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static const struct data_directory *home_of(const struct census_place *place, const char *name)
{
    return place->before != NULL && !is_in(place->directory, name) ? place->before
                                                                   : place->directory;
}

int census_open_file(const struct census_place *place, const char *name, struct failure *failure)
{
    return data_directory_open_file(home_of(place, name), name, O_RDONLY, failure);
}

/* What an error of opening a file that is there means. */
static enum census_end end_of_error(int error)
{
    return error == EPERM ? CENSUS_REFUSED : CENSUS_FAILED;
}

/* -------------------------------------------------------------- agencies ---- */

/* The index of the agency, or where it belongs. */
static size_t place_of(const struct census *census, uint32_t agency)
{
    size_t first = 0;
    size_t end = census->agency_count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (census->agencies[middle].agency < agency) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

const struct census_agency *census_find(const struct census *census, uint32_t agency)
{
    size_t index = place_of(census, agency);
    return index < census->agency_count && census->agencies[index].agency == agency
               ? &census->agencies[index]
               : NULL;
}

/* Returns the agency's entry, which is made where there is none; NULL: no memory. */
static struct census_agency *find_or_add(struct census *census, uint32_t agency)
{
    size_t index = place_of(census, agency);
    if (index < census->agency_count && census->agencies[index].agency == agency) {
        return &census->agencies[index];
    }
    if (census->agency_count == census->agency_capacity) {
        size_t capacity = census->agency_capacity * 2 + GROWTH;
        struct census_agency *agencies =
            reallocarray(census->agencies, capacity, sizeof *census->agencies);
        if (agencies == NULL) {
            return NULL;
        }
        census->agencies = agencies;
        census->agency_capacity = capacity;
    }
    memmove(&census->agencies[index + 1], &census->agencies[index],
            (census->agency_count - index) * sizeof *census->agencies);
    census->agencies[index] = (struct census_agency){.agency = agency, .checksum = CHECKSUM_EMPTY};
    census->agency_count++;
    return &census->agencies[index];
}

/* -------------------------------------------------------------- done.csv ---- */

static bool add_done(struct census *census, const struct done_line *line)
{
    if (census->done_count == census->done_capacity) {
        size_t capacity = census->done_capacity * 2 + GROWTH;
        struct done_line *lines = reallocarray(census->done, capacity, sizeof *census->done);
        if (lines == NULL) {
            return false;
        }
        census->done = lines;
        census->done_capacity = capacity;
    }
    census->done[census->done_count++] = *line;
    return true;
}

/* Takes the good lines at the start of `text`. False when there is no memory. */
static bool take_lines(struct census *census, const char *text, size_t bytes, bool *all_good)
{
    size_t at = 0;
    while (at < bytes) {
        const char *line_feed = memchr(text + at, '\n', bytes - at);
        struct done_line line;
        *all_good = line_feed != NULL &&
                    done_file_parse_line(text + at, (size_t)(line_feed - text) - at, &line);
        if (!*all_good) {
            return true;
        }
        if (!add_done(census, &line)) {
            return false;
        }
        census->done_bytes += (size_t)(line_feed + 1 - text) - at;
        at = (size_t)(line_feed + 1 - text);
    }
    return true;
}

static bool read_done_lines(struct census *census, int file)
{
    struct csv_reader reader;
    const char *lines = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    bool all_good = true;
    bool taken = true;
    if (!csv_reader_open(&reader, file, 0)) {
        return false;
    }
    while (taken && all_good && (read = csv_reader_next(&reader, &lines, &bytes)) == CSV_ROWS) {
        taken = take_lines(census, lines, bytes, &all_good);
    }
    csv_reader_close(&reader);
    return taken && read != CSV_FAILED;
}

static enum census_end read_done(const struct census_place *place, struct census *census,
                                 struct failure *failure)
{
    struct stat status;
    int file = census_open_file(place, DATA_DONE_FILE, failure);
    if (file < 0) {
        return errno == ENOENT ? CENSUS_TAKEN : end_of_error(errno);
    }
    bool read = fstat(file, &status) == 0 && read_done_lines(census, file);
    if (read) {
        census->done_file_bytes = (uint64_t)status.st_size;
    } else {
        failure_set_errno(failure, "read %s/" DATA_DONE_FILE, place->directory->path);
    }
    (void)close(file);
    return read ? CENSUS_TAKEN : CENSUS_FAILED;
}

/* -------------------------------------------------------------- bets.csv ---- */

/* A scan of rows. */
struct scan {
    struct census *census;
    const char *run; /* where the next run of one agency's rows begins */
    bool no_memory;
};

static void count_run(void *context, uint32_t id, uint64_t rows, uint64_t bytes)
{
    struct scan *scan = context;
    struct census_agency *agency = find_or_add(scan->census, id);
    if (agency == NULL) {
        scan->no_memory = true;
    } else {
        agency->bets += rows;
        agency->bytes += bytes;
        agency->checksum = checksum_extend(agency->checksum, scan->run, (size_t)bytes);
        scan->census->rows += rows;
    }
    scan->run += bytes;
}

/* What the checkpoint vouches for, to be compared on the way. */
struct milestone {
    uint64_t position, checksum;
};

/*
 * Adds good rows to the checksum. False when the rows before the milestone's position are not
 * those that it was made of.
 */
static bool add_checksum(struct census *census, const char *rows, size_t bytes,
                         const struct milestone *milestone)
{
    size_t before = 0;
    bool agrees = true;
    if (milestone->position > census->bets_bytes &&
        milestone->position - census->bets_bytes <= bytes) {
        before = (size_t)(milestone->position - census->bets_bytes);
        census->checksum = checksum_extend(census->checksum, rows, before);
        agrees = census->checksum == milestone->checksum;
    }
    census->checksum = checksum_extend(census->checksum, rows + before, bytes - before);
    census->bets_bytes += bytes;
    return agrees;
}

/* Counts rows until the first one that is not valid. */
static enum census_end count_rows(int file, const char *path, const struct milestone *milestone,
                                  struct census *census, struct failure *failure)
{
    struct scan scan = {.census = census};
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_END;
    bool all_good = true;
    bool agrees = true;
    if (!csv_reader_open(&reader, file, census->bets_bytes)) {
        failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
        return CENSUS_FAILED;
    }
    while (all_good && agrees && !scan.no_memory &&
           (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        scan.run = rows;
        size_t good = bet_csv_scan(rows, bytes, count_run, &scan);
        agrees = add_checksum(census, rows, good, milestone);
        all_good = good == bytes;
    }
    csv_reader_close(&reader);
    if (read == CSV_FAILED || scan.no_memory) {
        failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
        return CENSUS_FAILED;
    }
    if (!agrees || census->bets_bytes < milestone->position) {
        failure_set(failure,
                    "%s/" DATA_BETS_FILE " was changed: the first %" PRIu64
                    " bytes are not those that were stored (" DATA_CHECKPOINT_FILE " proves it)",
                    path, milestone->position);
        return CENSUS_REFUSED;
    }
    return CENSUS_TAKEN;
}

/* Takes over what the checkpoint has counted. */
static bool start_from(const struct checkpoint *checkpoint, struct census *census)
{
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_agency *from = &checkpoint->agencies[i];
        if (from->bets == 0) {
            continue; /* it has been claimed, and has stored nothing */
        }
        struct census_agency *agency = find_or_add(census, (uint32_t)from->id);
        if (agency == NULL) {
            return false;
        }
        *agency = (struct census_agency){.agency = (uint32_t)from->id,
                                         .bets = from->bets,
                                         .bytes = from->bytes,
                                         .checksum = from->checksum};
        census->rows += from->bets;
    }
    census->bets_bytes = checkpoint->position;
    census->checksum = checkpoint->checksum;
    return true;
}

static enum census_end count_bets(const struct census_place *place, int bets, const char *identity,
                                  bool all, struct census *census, struct failure *failure)
{
    struct checkpoint checkpoint;
    struct milestone milestone = {0};
    switch (checkpoint_read(home_of(place, DATA_CHECKPOINT_FILE), identity, bets,
                            CHECKPOINT_VERIFY_END, &checkpoint, failure)) {
    case CHECKPOINT_REFUSED:
        return CENSUS_REFUSED;
    case CHECKPOINT_NONE:
        break;
    case CHECKPOINT_READ:
        census->checkpoint_bytes = checkpoint.position;
        break;
    }
    bool begun = true;
    if (all) {
        milestone = (struct milestone){checkpoint.position, checkpoint.checksum};
    } else {
        begun = start_from(&checkpoint, census);
    }
    checkpoint_close(&checkpoint);
    if (!begun) {
        failure_set_errno(failure, "count %s/" DATA_BETS_FILE, place->directory->path);
        return CENSUS_FAILED;
    }
    return bets < 0 ? CENSUS_TAKEN
                    : count_rows(bets, place->directory->path, &milestone, census, failure);
}

static enum census_end read_bets(const struct census_place *place, const char *identity, bool all,
                                 struct census *census, struct failure *failure)
{
    struct stat status = {0};
    int bets = census_open_file(place, DATA_BETS_FILE, failure);
    if (bets < 0 && errno != ENOENT) {
        return end_of_error(errno);
    }
    census->has_bets = bets >= 0;
    if (bets >= 0 && fstat(bets, &status) != 0) {
        failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, place->directory->path);
        (void)close(bets);
        return CENSUS_FAILED;
    }
    census->bets_file_bytes = (uint64_t)status.st_size;
    enum census_end end = count_bets(place, bets, identity, all, census, failure);
    /* A server has appended more meanwhile. */
    if (census->bets_bytes > census->bets_file_bytes) {
        census->bets_file_bytes = census->bets_bytes;
    }
    if (bets >= 0) {
        (void)close(bets);
    }
    return end;
}

/* ----------------------------------------------------------------- whole ---- */

enum census_end census_take(const struct census_place *place, const char *identity, bool all,
                            struct census *census, struct failure *failure)
{
    *census = (struct census){.checksum = CHECKSUM_EMPTY};
    enum census_end end = read_done(place, census, failure);
    if (end == CENSUS_TAKEN) {
        end = read_bets(place, identity, all, census, failure);
    }
    if (end != CENSUS_TAKEN) {
        census_close(census);
        return end;
    }
    for (size_t i = 0; i < census->done_count; i++) {
        size_t index = place_of(census, census->done[i].agency);
        if (index < census->agency_count &&
            census->agencies[index].agency == census->done[i].agency) {
            census->agencies[index].is_done = true;
        }
    }
    return end;
}

void census_close(struct census *census)
{
    free(census->agencies);
    free(census->done);
    *census = (struct census){0};
}
