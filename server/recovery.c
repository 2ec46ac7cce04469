/*
 * recovery.c - see recovery.h.
 *
 * Why cutting is right: a byte of bets.csv is acknowledged only after
 * fdatasync has returned for it, and the storer syncs what it has written
 * before it writes more. So a power loss can damage only what one flush wrote,
 * at most a ring's worth of bytes at the end, all of it unacknowledged. Its
 * pages may have reached the disk in any order: good rows behind the first bad
 * one are cut off with it.
 *
 * When it is not: damage further from the end is no crash's work. Nor is damage
 * to bytes that something else proves to have been durable: a whole checkpoint
 * was written only after the bytes before its position were, and winners.csv
 * only after all of them were, with none behind them. Cutting there would lose
 * acknowledged bets: the server refuses to start, and touches nothing.
 *
 * What it can't know: a damaged row within the last ring's worth, behind the
 * checkpoint and before the draw, looks the same whether it was acknowledged or
 * not. It is cut, and the log says so.
 */
#include "server/recovery.h"

#include "lib/bet.h"
#include "lib/log.h"
#include "server/checkpoint.h"
#include "server/csv_reader.h"
#include "server/done_file.h"
#include "server/file_io.h"
#include "shm/agencies.h"
#include "shm/ring.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0644 };

/* What is found out about bets.csv. */
struct stock {
    struct segment *segment;
    uint64_t rows;
    uint64_t good_bytes; /* of whole, valid rows at the start */
    bool table_full;
};

/* ----------------------------------------------------------------- rows ---- */

static void add(_Atomic uint64_t *count, uint64_t amount)
{
    uint64_t before = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, before + amount, memory_order_relaxed);
}

/* Counts rows of one agency that stand together. */
static void count_run(void *context, uint32_t id, uint64_t rows, uint64_t bytes)
{
    struct stock *stock = context;
    struct agency *agency = agencies_find_or_add(stock->segment, id);
    if (agency == NULL) {
        stock->table_full = true;
        return;
    }
    add(&agency->bets, rows);
    add(&agency->bytes, bytes);
    stock->rows += rows;
}

/* Counts rows from stock->good_bytes on, until the first one that is not valid. */
static bool take_stock(int file, struct stock *stock, const char *path, struct failure *failure)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    if (!csv_reader_open(&reader, file, stock->good_bytes)) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
    }
    enum csv_read read = CSV_END;
    bool all_good = true;
    while (all_good && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        size_t good = bet_csv_scan(rows, bytes, count_run, stock);
        stock->good_bytes += good;
        all_good = good == bytes;
    }
    csv_reader_close(&reader);
    if (read == CSV_FAILED) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
    }
    return !stock->table_full ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " has more agencies than limits.agencies: nothing was "
                       "touched",
                       path);
}

/* ----------------------------------------------------------------- tail ---- */

/* How many bytes at the end of the file a crash of the server before this one can have damaged. */
static uint64_t crash_bytes_of(const struct heritage *heritage)
{
    uint64_t last_ring_bytes = heritage->directory.last_ring_bytes;
    return last_ring_bytes != 0 ? last_ring_bytes : heritage->config.ring_bytes;
}

enum { START_BYTES = 4096 };

/* True when the file begins as a row does: with an agency, or as much of one as there is. */
static bool begins_like_a_row(const char *start, size_t bytes)
{
    enum { AGENCY_DIGITS_MAX = BET_AGENCY_PREFIX_BYTES_MAX - 1 };
    size_t digits = 0;
    while (digits < bytes && isdigit((unsigned char)start[digits])) {
        digits++;
    }
    return digits > 0 && digits <= AGENCY_DIGITS_MAX &&
           (digits == bytes || start[digits] == ',' || start[digits] == '\0');
}

/* True when the first line stops before its end: at a zero, or at the end of the file. */
static bool is_first_line_torn(int file, uint64_t longest_bytes)
{
    char piece[START_BYTES];
    ssize_t got = 0;
    for (uint64_t at = 0; at <= longest_bytes; at += (uint64_t)got) {
        got = pread(file, piece, sizeof piece, (off_t)at);
        if (got <= 0) {
            return got == 0;
        }
        const char *line_feed = memchr(piece, '\n', (size_t)got);
        size_t line_bytes = line_feed == NULL ? (size_t)got : (size_t)(line_feed - piece);
        bool zeros = memchr(piece, '\0', line_bytes) != NULL;
        if (zeros || line_feed != NULL) {
            return zeros;
        }
    }
    return false;
}

/*
 * A file whose very first row is bad may be our first flush cut short, or no
 * file of ours. Ours is torn, never wrong: its first line begins like a row and then
 * stops, at the file's end or at a page that was never written and reads as zeros. A
 * line that is whole, or begins like anything else, is somebody else's. No row of
 * ours is longer than a flush, `longest_bytes`.
 */
static bool may_be_ours(int file, uint64_t longest_bytes)
{
    char start[START_BYTES];
    ssize_t got = pread(file, start, sizeof start, 0);
    if (got <= 0) {
        return false;
    }
    return start[0] == '\0' ||
           (begins_like_a_row(start, (size_t)got) && is_first_line_torn(file, longest_bytes));
}

/* False where a whole checkpoint says that more than the good bytes was durable. */
static bool keeps_promise(const struct heritage *heritage, const struct stock *stock,
                          struct failure *failure)
{
    uint64_t promised = checkpoint_promise(&heritage->directory);
    return stock->good_bytes >= promised ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " ends, or is damaged, at byte %llu (row %llu), and "
                       "%llu bytes were durable (" DATA_CHECKPOINT_FILE " proves it): acknowledged "
                       "bets are missing, nothing was touched",
                       heritage->directory.path, (unsigned long long)stock->good_bytes,
                       (unsigned long long)stock->rows + 1, (unsigned long long)promised);
}

/* The draw is held when every byte is durable, and nothing is ever written behind them. */
static bool was_not_drawn(const struct heritage *heritage, const struct stock *stock,
                          struct failure *failure)
{
    const char *path = heritage->directory.path;
    bool held = false;
    if (!recovery_look_for_draw(&heritage->directory, &held)) {
        return failure_set_errno(failure, "look for %s/" DATA_WINNERS_FILE, path);
    }
    return !held ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " ends, or is damaged, at byte %llu (row %llu), and it "
                       "was whole when the draw was held (" DATA_WINNERS_FILE " is there): "
                       "nothing was touched",
                       path, (unsigned long long)stock->good_bytes,
                       (unsigned long long)stock->rows + 1);
}

static bool judge_tail(const struct heritage *heritage, int file, const struct stock *stock,
                       uint64_t file_bytes, struct failure *failure)
{
    const char *path = heritage->directory.path;
    uint64_t tail_bytes = file_bytes - stock->good_bytes;
    uint64_t crash_bytes = crash_bytes_of(heritage);
    if (stock->rows == 0 && !may_be_ours(file, crash_bytes)) {
        return failure_set(failure, "%s/" DATA_BETS_FILE " is no file of bets: nothing was touched",
                           path);
    }
    if (tail_bytes > crash_bytes) {
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " is damaged at byte %llu (row %llu), %llu bytes "
                           "before its end, and a crash can damage %llu at most: nothing was "
                           "touched",
                           path, (unsigned long long)stock->good_bytes,
                           (unsigned long long)stock->rows + 1, (unsigned long long)tail_bytes,
                           (unsigned long long)crash_bytes);
    }
    return was_not_drawn(heritage, stock, failure);
}

static bool cut_tail(const struct heritage *heritage, int file, const struct stock *stock,
                     struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, heritage->directory.path);
    }
    uint64_t file_bytes = (uint64_t)status.st_size;
    if (file_bytes == stock->good_bytes) {
        return true;
    }
    if (!judge_tail(heritage, file, stock, file_bytes, failure)) {
        return false;
    }
    log_warning("action: recover | result: success | file: " DATA_BETS_FILE
                " | cut_bytes: %llu | at: %llu",
                (unsigned long long)(file_bytes - stock->good_bytes),
                (unsigned long long)stock->good_bytes);
    if (ftruncate(file, (off_t)stock->good_bytes) != 0 || !file_sync(file)) {
        return failure_set_errno(failure, "cut the tail of %s/" DATA_BETS_FILE,
                                 heritage->directory.path);
    }
    return true;
}

/* ---------------------------------------------------------------- files ---- */

/* Every bet of an agency lies before the end of the file; that is all that STATUS needs. */
static void set_end_positions(struct segment *segment, uint64_t position)
{
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        struct agency *agency = &segment->agencies[i];
        if (atomic_load(&agency->present) != 0) {
            atomic_store(&agency->end_position, position);
        }
    }
}

/*
 * What is counted has to be on the disk. What a killed server wrote may stand only in the
 * page cache: it is synced. And after a failed fdatasync the page cache may hold what the
 * disk does not, for good: what can have been unsynced, a ring's worth at the end, is
 * forgotten and read again. What lies before it stays cached, so that a warm start is cheap.
 */
static bool sync_and_forget_tail(const struct heritage *heritage, int file, struct failure *failure)
{
    struct stat status;
    uint64_t crash_bytes = crash_bytes_of(heritage);
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, heritage->directory.path);
    }
    uint64_t file_bytes = (uint64_t)status.st_size;
    uint64_t from = file_bytes > crash_bytes ? file_bytes - crash_bytes : 0;
    return file_sync_and_forget(file, from) ||
           failure_set_errno(failure, "sync %s/" DATA_BETS_FILE, heritage->directory.path);
}

static bool recover_bets(struct heritage *heritage, int file, struct failure *failure)
{
    struct stock stock = {.segment = &heritage->segment};
    if (!sync_and_forget_tail(heritage, file, failure)) {
        return false;
    }
    const uint64_t checkpoint_bytes =
        checkpoint_restore(&heritage->directory, &heritage->segment, file, &stock.rows);
    stock.good_bytes = checkpoint_bytes;
    if (!take_stock(file, &stock, heritage->directory.path, failure) ||
        !keeps_promise(heritage, &stock, failure) || !cut_tail(heritage, file, &stock, failure)) {
        return false;
    }
    checkpoint_remove_unfinished(&heritage->directory);
    if (checkpoint_bytes == 0) {
        checkpoint_remove(&heritage->directory);
    }
    set_end_positions(&heritage->segment, stock.good_bytes);
    ring_start_at(&heritage->segment, stock.good_bytes);
    log_info("action: recover | result: success | bets: %llu | bytes: %llu | from_checkpoint: %llu",
             (unsigned long long)stock.rows, (unsigned long long)stock.good_bytes,
             (unsigned long long)checkpoint_bytes);
    return true;
}

struct done_stock {
    struct segment *segment;
    bool table_full;
};

static void mark_done(void *context, uint32_t id)
{
    struct done_stock *stock = context;
    struct agency *agency = agencies_find_or_add(stock->segment, id);
    if (agency == NULL) {
        stock->table_full = true;
    } else if (atomic_load(&agency->phase) != AGENCY_DONE) {
        agencies_set_done(stock->segment, agency);
    }
}

static bool recover_done(struct heritage *heritage, struct failure *failure)
{
    struct done_file file;
    struct done_stock stock = {.segment = &heritage->segment};
    if (done_file_open(&heritage->directory, &file, mark_done, &stock, failure) != DONE_OPEN) {
        return false;
    }
    done_file_close(&file);
    return !stock.table_full ||
           failure_set(failure, "%s/" DATA_DONE_FILE " has more agencies than limits.agencies",
                       heritage->directory.path);
}

bool recovery_look_for_draw(const struct data_directory *directory, bool *held)
{
    *held = faccessat(directory->descriptor, DATA_WINNERS_FILE, F_OK, 0) == 0;
    return *held || errno == ENOENT;
}

/* Files that were made in this start have to be found by the next one. */
static bool sync_directory(const struct data_directory *directory, struct failure *failure)
{
    return file_sync_directory(directory->descriptor, directory->path) ||
           failure_set_errno(failure, "sync %s", directory->path);
}

/* A file that is missing is made, unless what stands beside it shows that there was one. */
static int open_bets(const struct heritage *heritage, struct failure *failure)
{
    const struct data_directory *directory = &heritage->directory;
    const struct stock nothing = {.rows = 0};
    int file = openat(directory->descriptor, DATA_BETS_FILE, O_RDWR | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) {
        if (!keeps_promise(heritage, &nothing, failure) ||
            !was_not_drawn(heritage, &nothing, failure)) {
            return -1;
        }
        file =
            openat(directory->descriptor, DATA_BETS_FILE, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    }
    if (file < 0) {
        (void)failure_set_errno(failure, "open %s/" DATA_BETS_FILE, directory->path);
    }
    return file;
}

bool recovery_run(struct heritage *heritage, struct failure *failure)
{
    int file = open_bets(heritage, failure);
    if (file < 0) {
        return false;
    }
    bool recovered =
        recover_bets(heritage, file, failure) && recover_done(heritage, failure) &&
        sync_directory(&heritage->directory, failure) &&
        data_directory_claim(&heritage->directory, heritage->config.ring_bytes, failure);
    (void)close(file);
    return recovered;
}
