/*
 * draw.c - see draw.h.
 *
 * Two steps. The scan goes over bets.csv once, on all processors (row_crew.h), and appends every
 * winning row to a scratch file, counting each agency's bytes. The sort gives each agency its
 * place in winners.csv by those counts, and copies the scratch file's rows
 * there. If the storer dies in here, the next one starts the draw again and
 * truncates what it finds.
 *
 * The scan compares the checksum of all that it reads with that of what was stored; if they
 * differ, there is no draw. It parses only the rows that win, so it can often, but not always,
 * name the place of the first change.
 */
#include "store/draw.h"

#include "bet/bet.h"
#include "lib/byte_search.h"
#include "lib/checksum.h"
#include "lib/fault_point.h"
#include "lib/limits.h"
#include "store/csv_reader.h"
#include "store/file_io.h"
#include "store/row_crew.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SCRATCH_BUFFER_BYTES = 64 * 1024,
    ENDING_BYTES_MAX = 16, /* "4294967295\r\n" */
    SHARE_INDEX_CAPACITY = 1 << 16
};

#define SCRATCH_FILE    DATA_WINNERS_FILE ".unsorted"
#define UNFINISHED_FILE DATA_WINNERS_FILE ".tmp"

/* An agency's part of winners.csv. */
struct share {
    uint32_t agency;
    uint64_t bytes;
    uint64_t position; /* where its next row goes */
};

struct draw {
    const struct data_directory *directory;
    char ending[ENDING_BYTES_MAX]; /* how a winning row ends: number CRLF */
    size_t ending_bytes;
    int bets, scratch, unfinished; /* descriptors; -1: not open */
    struct share *shares;  /* owned; LIMITS_AGENCIES_MAX; in the order in which they were met */
    uint16_t *share_index; /* owned; open hash: 1 + a share's place in `shares`; 0: free */
    size_t share_count;
    bool (*should_stop)(void);
    const struct draw_stock *stored;
    uint64_t scratch_bytes; /* written to the scratch file */
    uint64_t winners, winners_bytes, winners_checksum;
    uint64_t scanned;  /* bytes of bets.csv before those that are looked at */
    uint64_t rows;     /* in them */
    uint64_t checksum; /* of them */
    bool damaged;      /* bets.csv is not what was stored; `failure` says where */
    bool stopped;      /* should_stop said so */
    bool failed;       /* a row that wins could not be kept: `error` is its errno */
    int error;
    struct failure *failure;
    char *buffer; /* owned; of rows on their way to a file */
    size_t buffered;
};

/* --------------------------------------------------------------- shares ---- */

/* The place of the agency in the index, or the free one for it. Knuth's multiplicative hash. */
static uint16_t *index_of(const struct draw *draw, uint32_t agency)
{
    uint32_t at = (agency * UINT32_C(2654435761)) >> 16;
    while (draw->share_index[at] != 0 && draw->shares[draw->share_index[at] - 1].agency != agency) {
        at = (at + 1) % SHARE_INDEX_CAPACITY;
    }
    return &draw->share_index[at];
}

/* Adds a share at a free place of the index. False when there are more agencies than possible. */
static bool add_share(struct draw *draw, uint32_t agency, uint16_t *index)
{
    if (draw->share_count == LIMITS_AGENCIES_MAX) {
        draw->damaged = true;
        return failure_set(draw->failure,
                           "%s/" DATA_BETS_FILE " is damaged: there are winners of more than %d "
                           "agencies",
                           draw->directory->path, LIMITS_AGENCIES_MAX);
    }
    draw->shares[draw->share_count] = (struct share){.agency = agency};
    *index = (uint16_t)++draw->share_count;
    return true;
}

static int compare_shares(const void *left, const void *right)
{
    const struct share *a = left;
    const struct share *b = right;
    return (a->agency > b->agency) - (a->agency < b->agency);
}

static void give_shares_their_places(struct draw *draw)
{
    uint64_t position = 0;
    qsort(draw->shares, draw->share_count, sizeof *draw->shares, compare_shares);
    memset(draw->share_index, 0, SHARE_INDEX_CAPACITY * sizeof *draw->share_index);
    for (size_t i = 0; i < draw->share_count; i++) {
        draw->shares[i].position = position;
        position += draw->shares[i].bytes;
        *index_of(draw, draw->shares[i].agency) = (uint16_t)(i + 1);
    }
    draw->winners_bytes = position;
}

static uint32_t agency_of(const char *row)
{
    return (uint32_t)strtoul(row, NULL, 10);
}

/* -------------------------------------------------------------- writing ---- */

static bool flush_scratch(struct draw *draw)
{
    if (!file_write_all(draw->scratch, draw->buffer, draw->buffered, draw->scratch_bytes)) {
        return false;
    }
    draw->scratch_bytes += draw->buffered;
    draw->buffered = 0;
    return true;
}

/* ----------------------------------------------------------------- scan ---- */

/* A row wins when its number, without leading zeros, has the winning digits. */
static bool is_whole_number(const char *rows, const char *digits)
{
    while (digits > rows && digits[-1] == '0') {
        digits--;
    }
    return digits > rows && digits[-1] == ',';
}

/* False, with the failure, when the row at position `at` is no bet. `bytes` includes its CRLF. */
static bool is_bet(struct draw *draw, const char *row, size_t bytes, uint64_t at)
{
    uint32_t agency = 0;
    enum bet_fault fault = bet_csv_parse(row, bytes - (sizeof "\r\n" - 1), &agency);
    if (fault != BET_VALID) {
        draw->damaged = true;
        failure_set(draw->failure,
                    "%s/" DATA_BETS_FILE " is damaged: what would win at byte %" PRIu64
                    " is no bet (%s)",
                    draw->directory->path, at, bet_fault_text(fault));
    }
    return fault == BET_VALID;
}

static bool keep_winner(struct draw *draw, const char *row, size_t bytes)
{
    uint32_t agency = agency_of(row);
    uint16_t *index = index_of(draw, agency);
    if (*index == 0 && !add_share(draw, agency, index)) {
        return false;
    }
    struct share *share = &draw->shares[*index - 1];
    share->bytes += bytes;
    draw->winners++;
    if (draw->buffered + bytes > SCRATCH_BUFFER_BYTES && !flush_scratch(draw)) {
        return false;
    }
    if (bytes > SCRATCH_BUFFER_BYTES) {
        draw->scratch_bytes += bytes;
        return file_write_all(draw->scratch, row, bytes, draw->scratch_bytes - bytes);
    }
    memcpy(draw->buffer + draw->buffered, row, bytes);
    draw->buffered += bytes;
    return true;
}

/* Keeps the rows that win. `first` is where the first ending of one may be. */
static bool keep_winners(struct draw *draw, const char *rows, size_t bytes, const char *first)
{
    const char *end = rows + bytes;
    for (const char *from = first; from < end;) {
        const char *ending =
            byte_search(from, (size_t)(end - from), draw->ending, draw->ending_bytes);
        if (ending == NULL) {
            break;
        }
        from = ending + draw->ending_bytes;
        if (!is_whole_number(rows, ending)) {
            continue;
        }
        const char *before = memrchr(rows, '\n', (size_t)(ending - rows));
        const char *row = before == NULL ? rows : before + 1;
        size_t row_bytes = (size_t)(from - row);
        if (!is_bet(draw, row, row_bytes, draw->scanned + (uint64_t)(row - rows)) ||
            !keep_winner(draw, row, row_bytes)) {
            return false;
        }
    }
    return true;
}

/* False, with the failure, when what was read is not what was stored. */
static bool is_complete(struct draw *draw)
{
    const struct draw_stock *stored = draw->stored;
    draw->damaged = draw->scanned != stored->bytes || draw->rows != stored->rows ||
                    draw->checksum != stored->checksum;
    return !draw->damaged ||
           failure_set(draw->failure,
                       "%s/" DATA_BETS_FILE " was changed: %" PRIu64 " rows in %" PRIu64
                       " bytes of checksum " CHECKSUM_FORMAT " are there, and %" PRIu64
                       " bets in %" PRIu64 " bytes of checksum " CHECKSUM_FORMAT
                       " were stored: no draw is held; restore all files from one backup",
                       draw->directory->path, draw->rows, draw->scanned, draw->checksum,
                       stored->rows, stored->bytes, stored->checksum);
}

static bool is_stopping(struct draw *draw)
{
    draw->stopped = draw->should_stop();
    return draw->stopped;
}

/* What is seen in some rows before it is their turn. */
struct seen {
    size_t bytes; /* of those rows that were stored; bytes after them in the file do not count */
    uint64_t rows, checksum;
    const char *ending; /* the first place where a row that wins may end, or NULL */
};

/* row_work's `look`. */
static void look_at_rows(void *context, const struct row_piece *piece)
{
    const struct draw *draw = context;
    const uint64_t stored = draw->stored->bytes;
    const uint64_t left = piece->position < stored ? stored - piece->position : 0;
    const size_t bytes = piece->bytes < left ? piece->bytes : (size_t)left;
    *(struct seen *)piece->findings = (struct seen){
        .bytes = bytes,
        .rows = byte_count(piece->rows, bytes, '\n'),
        .checksum = checksum_extend(CHECKSUM_EMPTY, piece->rows, bytes),
        .ending = byte_search(piece->rows, bytes, draw->ending, draw->ending_bytes),
    };
}

/* row_work's `take`. */
static bool take_rows(void *context, const struct row_piece *piece)
{
    struct draw *draw = context;
    const struct seen *seen = piece->findings;
    if (seen->ending != NULL && !keep_winners(draw, piece->rows, seen->bytes, seen->ending)) {
        draw->failed = true;
        draw->error = errno;
        return false;
    }
    draw->scanned += seen->bytes;
    draw->rows += seen->rows;
    draw->checksum = checksum_join(draw->checksum, seen->checksum, checksum_factor(seen->bytes));
    return draw->scanned < draw->stored->bytes;
}

/* row_work's `may_go_on`. */
static bool goes_on(void *context)
{
    return !is_stopping(context);
}

/* Scans the bytes that were stored. */
static bool scan(struct draw *draw)
{
    const struct row_work work = {.context = draw,
                                  .findings_bytes = sizeof(struct seen),
                                  .look = look_at_rows,
                                  .take = take_rows,
                                  .may_go_on = goes_on};
    if (row_crew_run(draw->bets, 0, draw->stored->bytes, &work) == CSV_FAILED) {
        return false;
    }
    errno = draw->error;
    return !draw->failed && !draw->stopped && is_complete(draw) && flush_scratch(draw);
}

/* ----------------------------------------------------------------- sort ---- */

/* The bytes of the first rows of `rows` that belong to one agency. */
static size_t run_of_agency(const char *rows, size_t bytes, uint32_t agency)
{
    size_t at = 0;
    while (at < bytes && agency_of(rows + at) == agency) {
        const char *line_feed = memchr(rows + at, '\n', bytes - at);
        at = (size_t)(line_feed + 1 - rows);
    }
    return at;
}

static bool place_rows(struct draw *draw, const char *rows, size_t bytes)
{
    while (bytes > 0) {
        uint16_t index = *index_of(draw, agency_of(rows));
        if (index == 0) { /* we wrote it a moment ago */
            draw->damaged = true;
            return failure_set(draw->failure,
                               "%s/" SCRATCH_FILE " was changed while the draw was held: no draw "
                               "is held",
                               draw->directory->path);
        }
        struct share *share = &draw->shares[index - 1];
        size_t run = run_of_agency(rows, bytes, share->agency);
        if (!file_write_all(draw->unfinished, rows, run, share->position)) {
            return false;
        }
        share->position += run;
        rows += run;
        bytes -= run;
    }
    return true;
}

/* Gives each agency its place in winners.csv, and copies its rows there. */
static bool sort_by_agency(struct draw *draw)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    give_shares_their_places(draw);
    if (!csv_reader_open(&reader, draw->scratch, 0)) {
        return false;
    }
    enum csv_read read = CSV_END;
    bool placed = true;
    while (placed && !is_stopping(draw) &&
           (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        placed = place_rows(draw, rows, bytes);
    }
    csv_reader_close(&reader);
    return placed && !draw->stopped && read == CSV_END;
}

/* ---------------------------------------------------------------- files ---- */

static int open_new(const struct draw *draw, const char *name)
{
    return data_directory_open_file(draw->directory, name, O_RDWR | O_CREAT | O_TRUNC,
                                    draw->failure);
}

static bool open_files(struct draw *draw)
{
    draw->bets = data_directory_open_file(draw->directory, DATA_BETS_FILE, O_RDONLY, draw->failure);
    if (draw->bets < 0) {
        return false;
    }
    draw->scratch = open_new(draw, SCRATCH_FILE);
    if (draw->scratch < 0) {
        return false;
    }
    draw->unfinished = open_new(draw, UNFINISHED_FILE);
    draw->buffer = malloc(SCRATCH_BUFFER_BYTES);
    draw->shares = calloc(LIMITS_AGENCIES_MAX, sizeof *draw->shares);
    draw->share_index = calloc(SHARE_INDEX_CAPACITY, sizeof *draw->share_index);
    return draw->unfinished >= 0 && draw->buffer != NULL && draw->shares != NULL &&
           draw->share_index != NULL;
}

static void close_files(struct draw *draw)
{
    const int descriptors[] = {draw->unfinished, draw->scratch, draw->bets};
    for (size_t i = 0; i < sizeof descriptors / sizeof descriptors[0]; i++) {
        if (descriptors[i] >= 0) {
            close(descriptors[i]);
        }
    }
    unlinkat(draw->directory->descriptor, SCRATCH_FILE, 0);
    free(draw->buffer);
    free(draw->shares);
    free(draw->share_index);
}

/* Renames winners.csv into place and syncs the directory, so that the name is durable. */
static enum draw_end put_into_place(const struct draw *draw)
{
    int directory = draw->directory->descriptor;
    if (!file_sync(draw->unfinished)) {
        return DRAW_NOT_SYNCED;
    }
    fault_point("draw.synced");
    if (renameat(directory, UNFINISHED_FILE, directory, DATA_WINNERS_FILE) != 0) {
        return DRAW_FAILED;
    }
    fault_point("draw.renamed");
    return file_sync_directory(directory, draw->directory->path) ? DRAW_HELD : DRAW_NOT_SYNCED;
}

/* Describes the failure, unless the scan has done so. Returns the draw's answer. */
static enum draw_end explain(const struct draw *draw, enum draw_end end)
{
    if (draw->damaged) {
        return DRAW_DAMAGED;
    }
    if (draw->stopped) {
        failure_set(draw->failure, "stopped before the draw was held: the next start holds it");
        return DRAW_INTERRUPTED;
    }
    failure_set_errno(draw->failure, "%s the draw in %s", end == DRAW_NOT_SYNCED ? "sync" : "hold",
                      draw->directory->path);
    return end == DRAW_FAILED && file_is_disk_full(errno) ? DRAW_NO_ROOM : end;
}

enum draw_end draw_hold(const struct data_directory *directory, const struct draw_stock *stored,
                        uint32_t winning_number, bool (*should_stop)(void),
                        struct draw_record *record, struct failure *failure)
{
    struct draw draw = {.directory = directory,
                        .failure = failure,
                        .bets = -1,
                        .scratch = -1,
                        .unfinished = -1,
                        .checksum = CHECKSUM_EMPTY,
                        .stored = stored,
                        .should_stop = should_stop};
    draw.ending_bytes =
        (size_t)snprintf(draw.ending, sizeof draw.ending, "%" PRIu32 "\r\n", winning_number);
    fault_point("draw.begun");
    enum draw_end end = DRAW_FAILED;
    if (open_files(&draw) && scan(&draw) && sort_by_agency(&draw) &&
        file_checksum(draw.unfinished, draw.winners_bytes, &draw.winners_checksum) ==
            (int64_t)draw.winners_bytes) {
        end = put_into_place(&draw);
    }
    int saved_errno = errno;
    if (end != DRAW_HELD) {
        end = explain(&draw, end);
    }
    *record = (struct draw_record){.bets = draw.rows,
                                   .bytes = draw.scanned,
                                   .checksum = draw.checksum,
                                   .winners = draw.winners,
                                   .winners_bytes = draw.winners_bytes,
                                   .winners_file_checksum = draw.winners_checksum};
    close_files(&draw);
    errno = saved_errno;
    return end;
}

/* ------------------------------------------------------ after the draw ---- */

static enum draw_end compare(const struct data_directory *directory, int file,
                             const struct draw_record *record, struct failure *failure)
{
    uint64_t checksum = 0;
    struct stat status;
    int64_t bytes = file_checksum(file, record->winners_bytes, &checksum);
    if (bytes < 0 || fstat(file, &status) != 0) {
        failure_set_errno(failure, "read %s/" DATA_WINNERS_FILE, directory->path);
        return DRAW_FAILED;
    }
    if ((uint64_t)bytes == record->winners_bytes && (uint64_t)status.st_size == (uint64_t)bytes &&
        checksum == record->winners_file_checksum) {
        return DRAW_HELD;
    }
    failure_set(failure,
                "%s/" DATA_WINNERS_FILE " was changed: it has %" PRIu64
                " bytes, and the draw gave %" PRIu64 " bytes of checksum " CHECKSUM_FORMAT
                " (" DATA_CONTROL_FILE "): nobody is told winners by it; move it away, and the "
                "next start makes it again from " DATA_BETS_FILE,
                directory->path, (uint64_t)status.st_size, record->winners_bytes,
                record->winners_file_checksum);
    return DRAW_DAMAGED;
}

enum draw_end draw_check(const struct data_directory *directory, const struct draw_record *record,
                         struct failure *failure)
{
    unlinkat(directory->descriptor, SCRATCH_FILE, 0);
    unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
    int file = data_directory_open_file(directory, DATA_WINNERS_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT ? DRAW_MISSING : DRAW_FAILED;
    }
    enum draw_end end = compare(directory, file, record, failure);
    close(file);
    return end;
}
