/*
 * recovery.c - see recovery.h.
 *
 * When the tail is cut: the storer syncs what it has written before it writes more. So a power loss
 * can damage only what one flush wrote, at most a ring's worth of bytes at the end. With ack_after:
 * synced none of these bytes was acknowledged. The pages of a flush reach the disk in any order, so
 * that good rows behind the first bad one are cut off with it.
 *
 * When the server refuses to start: a crash can't damage bytes that are further from the end, nor
 * bytes that a witness proves to have been durable. The witnesses are the checkpoint, the lines of
 * done.csv, and control: each was written only after the bytes that it speaks of were durable.
 * Where a witness and bets.csv disagree, nothing is touched: cutting would lose acknowledged bets.
 *
 * What can't be known: whether a damaged row that no witness reaches (of the last second) was
 * acknowledged. It is cut, and the log says so.
 *
 * Everything is read and judged first; only then are files made, cut and written.
 */
#include "server/supervisor/recovery.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "lib/log.h"
#include "shm/agencies.h"
#include "shm/ring.h"
#include "store/checkpoint.h"
#include "store/csv_reader.h"
#include "store/done_file.h"
#include "store/file_io.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is found out about bets.csv. */
struct tally {
    struct segment *segment;
    const char *at; /* in the rows that are being scanned: where the next run begins */
    uint64_t rows;
    uint64_t good_bytes; /* of whole, valid rows at the start */
    uint64_t file_bytes;
    uint64_t checksum; /* of the good bytes */
    bool table_full;
};

/* A recovery that is going on; -1: a file that is not open. */
struct recovery {
    struct heritage *heritage;
    struct control control; /* as it will be written when everything has been accepted */
    int bets;
    struct done_file done;
    struct tally tally;
    uint64_t counted_bytes; /* that a checkpoint had counted already */
    struct failure *failure;
};

/* ----------------------------------------------------------------- rows ---- */

/* Counts rows of one agency that stand together. */
static void count_run(void *context, uint32_t id, uint64_t rows, uint64_t bytes)
{
    struct tally *tally = context;
    struct agency *agency = agencies_find_or_add(tally->segment, id);
    const char *run = tally->at;
    tally->at += bytes;
    tally->rows += rows;
    if (agency == NULL) {
        tally->table_full = true;
        return;
    }
    agencies_add_stored(agency, rows, run, (size_t)bytes);
}

/* Counts rows from tally->good_bytes on, until the first one that is not valid. */
static bool tally_rows(int file, struct tally *tally, const char *path, struct failure *failure)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    if (!csv_reader_open(&reader, file, tally->good_bytes)) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
    }
    enum csv_read read = CSV_END;
    bool all_good = true;
    while (all_good && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        tally->at = rows;
        size_t good = bet_csv_scan(rows, bytes, count_run, tally);
        tally->checksum = checksum_extend(tally->checksum, rows, good);
        tally->good_bytes += good;
        all_good = good == bytes;
    }
    csv_reader_close(&reader);
    if (read == CSV_FAILED) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
    }
    return !tally->table_full ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " has more agencies than limits.agencies: nothing was "
                       "touched",
                       path);
}

/* ----------------------------------------------------------------- tail ---- */

/* How many bytes at the end of the file a crash of the server before this one can have damaged. */
static uint64_t crash_bytes_of(const struct heritage *heritage)
{
    const struct data_directory *directory = &heritage->directory;
    return directory->has_control ? directory->control.ring_bytes : heritage->config.ring_bytes;
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

/* A tail that nothing vouches for: false where no crash can have left it. */
static bool judge_tail(const struct recovery *recovery)
{
    const struct tally *tally = &recovery->tally;
    const char *path = recovery->heritage->directory.path;
    uint64_t tail_bytes = tally->file_bytes - tally->good_bytes;
    uint64_t crash_bytes = crash_bytes_of(recovery->heritage);
    if (tally->rows == 0 && tail_bytes > 0 && !may_be_ours(recovery->bets, crash_bytes)) {
        return failure_set(recovery->failure,
                           "%s/" DATA_BETS_FILE " is no file of bets: nothing was touched", path);
    }
    return tail_bytes <= crash_bytes ||
           failure_set(recovery->failure,
                       "%s/" DATA_BETS_FILE " is damaged at byte %" PRIu64 " (row %" PRIu64
                       "), %" PRIu64 " bytes before its end, and a crash can damage %" PRIu64
                       " at most: nothing was touched; restore all files from one backup",
                       path, tally->good_bytes, tally->rows + 1, tail_bytes, crash_bytes);
}

/* ------------------------------------------------------------- witnesses ---- */

/* False where this witness says that more than the good bytes was durable. */
static bool reaches(const struct recovery *recovery, uint64_t proven_bytes, const char *witness)
{
    const struct tally *tally = &recovery->tally;
    return tally->good_bytes >= proven_bytes ||
           failure_set(recovery->failure,
                       "%s/" DATA_BETS_FILE " is missing, ends, or is damaged, at byte %" PRIu64
                       " (row %" PRIu64 "), and %" PRIu64 " bytes were durable (%s proves it): "
                       "acknowledged bets are missing, nothing was touched; restore all files "
                       "from one backup",
                       recovery->heritage->directory.path, tally->good_bytes, tally->rows + 1,
                       proven_bytes, witness);
}

/* An agency that is done has exactly the rows that it was done with. */
static bool agrees_with_line(const struct recovery *recovery, const struct done_line *line)
{
    if (!reaches(recovery, line->position, DATA_DONE_FILE)) {
        return false;
    }
    const struct agency *agency = agencies_find(&recovery->heritage->segment, line->agency);
    uint64_t bets = agency == NULL ? 0 : atomic_load(&agency->bets);
    uint64_t checksum = agency == NULL ? CHECKSUM_EMPTY : atomic_load(&agency->checksum);
    return (bets == line->bets && checksum == line->checksum) ||
           failure_set(recovery->failure,
                       "%s/" DATA_BETS_FILE " was changed: agency %" PRIu32
                       " was done with %" PRIu64 " bets of checksum " CHECKSUM_FORMAT
                       " (" DATA_DONE_FILE "), and %" PRIu64 " bets of checksum " CHECKSUM_FORMAT
                       " are there: nothing was touched; "
                       "restore all files from one backup",
                       recovery->heritage->directory.path, line->agency, line->bets, line->checksum,
                       bets, checksum);
}

/* The draw was held among exactly these bytes, and nothing is written behind them. */
static bool agrees_with_draw(const struct recovery *recovery)
{
    const struct draw_record *draw = &recovery->control.draw;
    const struct tally *tally = &recovery->tally;
    if (recovery->control.state != CONTROL_DRAWN) {
        return true;
    }
    return (tally->file_bytes == draw->bytes && tally->good_bytes == draw->bytes &&
            tally->rows == draw->bets && tally->checksum == draw->checksum) ||
           failure_set(recovery->failure,
                       "%s/" DATA_BETS_FILE " was changed after the draw: %" PRIu64 " bets in "
                       "%" PRIu64 " of %" PRIu64 " bytes, checksum " CHECKSUM_FORMAT
                       ", and the draw was held among %" PRIu64 " bets in %" PRIu64
                       " bytes, checksum " CHECKSUM_FORMAT " (" DATA_CONTROL_FILE
                       "): nothing was touched; restore all files from one backup",
                       recovery->heritage->directory.path, tally->rows, tally->good_bytes,
                       tally->file_bytes, tally->checksum, draw->bets, draw->bytes, draw->checksum);
}

/*
 * Winners are there only once all expected agencies are done, and control has long said that
 * something was stored: else it is control, or done.csv, that is from before the draw. Drawn
 * again, with other bets, would be another draw. A crash between the winners' renaming and
 * control's leaves them with all that are done.
 */
static bool agrees_with_winners(const struct recovery *recovery)
{
    const struct control *control = &recovery->control;
    const struct data_directory *directory = &recovery->heritage->directory;
    struct stat status;
    bool may_be_there = control->state == CONTROL_DRAWN ||
                        (control->state == CONTROL_OPEN &&
                         recovery->done.count >= control->terms.agencies_expected);
    if (may_be_there ||
        fstatat(directory->descriptor, DATA_WINNERS_FILE, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return may_be_there || errno == ENOENT ||
               failure_set_errno(recovery->failure, "look at %s/" DATA_WINNERS_FILE,
                                 directory->path);
    }
    return failure_set(recovery->failure,
                       "%s/" DATA_WINNERS_FILE
                       " is there, so a draw has been held, and " DATA_CONTROL_FILE
                       " (state %s) and " DATA_DONE_FILE " (%zu of %" PRIu32
                       " agencies) are from before it: it is not held again, nothing was touched; "
                       "restore all files from one backup",
                       directory->path, control_state_name(control->state), recovery->done.count,
                       control->terms.agencies_expected);
}

/*
 * Before the first flush has been noted in control there is no more of bets.csv than that
 * flush, and of done.csv only lines of agencies without bets.
 */
static bool agrees_with_new_control(const struct recovery *recovery)
{
    uint64_t proven_bytes = 0;
    for (size_t i = 0; i < recovery->done.count; i++) {
        uint64_t position = recovery->done.lines[i].position;
        proven_bytes = position > proven_bytes ? position : proven_bytes;
    }
    return recovery->control.state != CONTROL_NEW ||
           (proven_bytes == 0 &&
            recovery->tally.good_bytes <= crash_bytes_of(recovery->heritage)) ||
           failure_set(
               recovery->failure,
               "%s/" DATA_CONTROL_FILE " says that nothing has been stored yet, and there "
               "are %" PRIu64 " bets, and %zu agencies are done: it is another lottery's, or "
               "from before them; nothing was touched; restore all files from one backup",
               recovery->heritage->directory.path, recovery->tally.rows, recovery->done.count);
}

static bool hear_witnesses(const struct recovery *recovery)
{
    if (!agrees_with_winners(recovery) || !agrees_with_new_control(recovery) ||
        !reaches(recovery, recovery->control.bets_bytes, DATA_CONTROL_FILE)) {
        return false;
    }
    for (size_t i = 0; i < recovery->done.count; i++) {
        if (!agrees_with_line(recovery, &recovery->done.lines[i])) {
            return false;
        }
    }
    return agrees_with_draw(recovery);
}

/* ----------------------------------------------------------------- terms ---- */

/* What defines the lottery is fixed once anything of it has been stored. */
static bool settle_terms(struct recovery *recovery)
{
    struct lottery_terms wanted;
    struct control *control = &recovery->control;
    server_config_terms(&recovery->heritage->config, &wanted);
    bool stored =
        control->state != CONTROL_NEW || recovery->tally.good_bytes > 0 || recovery->done.bytes > 0;
    if (!stored) {
        control->terms = wanted;
        return true;
    }
    if (control->state == CONTROL_NEW) {
        control->state = CONTROL_OPEN;
    }
    const struct lottery_terms *fixed = &control->terms;
    return control_terms_equal(fixed, &wanted) ||
           failure_set(recovery->failure,
                       "the lottery in %s is of other terms than the configuration: agencies "
                       "expected %" PRIu32 " and allowed %s, winning number %" PRIu32
                       ", and now expected %" PRIu32 " and allowed %s, winning number %" PRIu32
                       ". Bets have been stored under the former: nothing was touched; start with "
                       "them, or name another data.directory for another lottery (Compose: docker "
                       "compose down -v ends this one, bets and all)",
                       recovery->heritage->directory.path, fixed->agencies_expected,
                       fixed->agencies_allowed, fixed->winning_number, wanted.agencies_expected,
                       wanted.agencies_allowed, wanted.winning_number);
}

/* ---------------------------------------------------------------- files ---- */

static bool read_done(struct recovery *recovery)
{
    return done_file_open(&recovery->heritage->directory, false, recovery->control.done_bytes,
                          &recovery->done, recovery->failure) == DONE_OPEN;
}

/*
 * Where bets.csv is missing, descriptor -1 stands for an empty file until everything is accepted.
 */
static bool open_bets(struct recovery *recovery)
{
    recovery->bets = data_directory_open_file(&recovery->heritage->directory, DATA_BETS_FILE,
                                              O_RDWR, recovery->failure);
    return recovery->bets >= 0 || errno == ENOENT;
}

/*
 * What is counted has to be on the disk. What a killed server wrote may stand only in the
 * page cache: it is synced. And after a failed fdatasync the page cache may hold what the
 * disk does not, for good: what can have been unsynced, a ring's worth at the end, is
 * forgotten and read again. What lies before it stays cached, so that a warm start is cheap.
 */
static bool sync_and_forget_tail(struct recovery *recovery)
{
    const struct heritage *heritage = recovery->heritage;
    struct stat status;
    uint64_t crash_bytes = crash_bytes_of(heritage);
    if (fstat(recovery->bets, &status) != 0) {
        return failure_set_errno(recovery->failure, "stat %s/" DATA_BETS_FILE,
                                 heritage->directory.path);
    }
    recovery->tally.file_bytes = (uint64_t)status.st_size;
    uint64_t from =
        recovery->tally.file_bytes > crash_bytes ? recovery->tally.file_bytes - crash_bytes : 0;
    return file_sync_and_forget(recovery->bets, from) ||
           failure_set_errno(recovery->failure, "sync %s/" DATA_BETS_FILE,
                             heritage->directory.path);
}

/* False where there are more agencies than the table takes: nothing is filled then. */
static bool fill_agencies(struct recovery *recovery, const struct checkpoint *checkpoint)
{
    struct segment *segment = &recovery->heritage->segment;
    if (checkpoint->count > segment->shared->identity.agency_limit) {
        return false;
    }
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_agency *from = &checkpoint->agencies[i];
        struct agency *agency = agencies_find_or_add(segment, (uint32_t)from->id);
        agencies_set_stored(agency, from->bets, from->bytes, from->checksum);
        if ((from->id & CHECKPOINT_CLAIMED) != 0) {
            atomic_store(&agency->epoch, EPOCH_UNFENCED + 1);
        }
        recovery->tally.rows += from->bets;
    }
    return true;
}

/* Counting begins behind a checkpoint that agrees with bets.csv. False where it does not. */
static bool go_on_from_checkpoint(struct recovery *recovery, enum checkpoint_verify verify)
{
    struct checkpoint checkpoint;
    enum checkpoint_answer answer =
        checkpoint_read(&recovery->heritage->directory, recovery->control.identity, recovery->bets,
                        verify, &checkpoint, recovery->failure);
    if (answer == CHECKPOINT_READ && fill_agencies(recovery, &checkpoint)) {
        recovery->counted_bytes = checkpoint.position;
        recovery->tally.good_bytes = checkpoint.position;
        recovery->tally.checksum = checkpoint.checksum;
    }
    checkpoint_close(&checkpoint);
    return answer != CHECKPOINT_REFUSED;
}

static bool count_bets(struct recovery *recovery)
{
    struct heritage *heritage = recovery->heritage;
    struct tally *tally = &recovery->tally;
    enum checkpoint_verify verify = heritage->config.start_verify == START_VERIFY_END
                                        ? CHECKPOINT_VERIFY_END
                                        : CHECKPOINT_VERIFY_ALL;
    if (recovery->bets >= 0 && !sync_and_forget_tail(recovery)) {
        return false;
    }
    if (!go_on_from_checkpoint(recovery, verify)) {
        return false;
    }
    return recovery->bets < 0 ||
           tally_rows(recovery->bets, tally, heritage->directory.path, recovery->failure);
}

/* ----------------------------------------------------------- going on ---- */

static bool cut_bets(struct recovery *recovery)
{
    const struct data_directory *directory = &recovery->heritage->directory;
    const struct tally *tally = &recovery->tally;
    if (recovery->bets < 0) {
        recovery->bets = data_directory_open_file(directory, DATA_BETS_FILE, O_RDWR | O_CREAT,
                                                  recovery->failure);
        return recovery->bets >= 0;
    }
    if (tally->file_bytes == tally->good_bytes) {
        return true;
    }
    log_warning("action: recover | result: success | file: " DATA_BETS_FILE " | cut_bytes: %" PRIu64
                " | at: %" PRIu64,
                tally->file_bytes - tally->good_bytes, tally->good_bytes);
    return (ftruncate(recovery->bets, (off_t)tally->good_bytes) == 0 &&
            file_sync(recovery->bets)) ||
           failure_set_errno(recovery->failure, "cut the tail of %s/" DATA_BETS_FILE,
                             directory->path);
}

static bool mark_done(struct recovery *recovery)
{
    struct segment *segment = &recovery->heritage->segment;
    for (size_t i = 0; i < recovery->done.count; i++) {
        struct agency *agency = agencies_find_or_add(segment, recovery->done.lines[i].agency);
        if (agency == NULL) {
            return failure_set(recovery->failure,
                               "%s/" DATA_DONE_FILE " has more agencies than limits.agencies",
                               recovery->heritage->directory.path);
        }
        if (atomic_load(&agency->phase) != AGENCY_DONE) {
            agencies_set_done(segment, agency);
        }
    }
    return true;
}

/* Files that were made in this start have to be found by the next one, control first of all. */
static bool write_control(struct recovery *recovery)
{
    struct data_directory *directory = &recovery->heritage->directory;
    struct control *control = &recovery->control;
    bool synced = true;
    control->ring_bytes = recovery->heritage->config.ring_bytes;
    control->ipc_key = directory->ipc_key;
    if (control->state != CONTROL_NEW) {
        control->bets_bytes = recovery->tally.good_bytes;
        control->done_bytes = recovery->done.bytes;
    }
    if (!control_write(directory, control, &synced, recovery->failure)) {
        return false;
    }
    directory->control = *control;
    directory->has_control = true;
    return true;
}

static void log_recovered(const struct recovery *recovery)
{
    const struct control *control = &recovery->control;
    log_info("action: recover | result: success | bets: %" PRIu64 " | bytes: %" PRIu64
             " | from_checkpoint: %" PRIu64 " | checksum: " CHECKSUM_FORMAT
             " | lottery: %s | agencies_done: %zu",
             recovery->tally.rows, recovery->tally.good_bytes, recovery->counted_bytes,
             recovery->tally.checksum, control->identity, recovery->done.count);
    if (control->state == CONTROL_DRAWN) {
        log_warning("action: recover | result: success | drawn: yes | winning_number: %" PRIu32
                    " | ganadores: %" PRIu64
                    " | reason: this lottery's draw has been held: winners are told, and bets "
                    "refused. For a new lottery, stop the server and take %s away (Compose: "
                    "docker compose down -v)",
                    control->terms.winning_number, control->draw.winners,
                    recovery->heritage->directory.path);
    } else {
        log_info("action: recover | result: success | drawn: no | winning_number: %" PRIu32,
                 control->terms.winning_number);
    }
}

static bool go_on(struct recovery *recovery)
{
    struct heritage *heritage = recovery->heritage;
    if (!mark_done(recovery) || !cut_bets(recovery) ||
        done_file_cut(&heritage->directory, &recovery->done, recovery->failure) != DONE_OPEN ||
        !write_control(recovery)) {
        return false;
    }
    struct stat status;
    if (fstat(recovery->bets, &status) != 0) {
        return failure_set_errno(recovery->failure, "stat %s/" DATA_BETS_FILE,
                                 heritage->directory.path);
    }
    heritage->directory.bets_inode = status.st_ino;
    checkpoint_remove_unfinished(&heritage->directory);
    agencies_set_end_positions(&heritage->segment, recovery->tally.good_bytes);
    ring_start_at(&heritage->segment, recovery->tally.good_bytes, recovery->tally.checksum);
    log_recovered(recovery);
    return true;
}

/*
 * Control is there before any other file is: whoever finds others without it knows that it was
 * taken away.
 */
static bool make_control(struct recovery *recovery)
{
    struct heritage *heritage = recovery->heritage;
    if (heritage->directory.has_control) {
        recovery->control = heritage->directory.control;
        return true;
    }
    if (!control_make(&recovery->control, recovery->failure)) {
        return false;
    }
    server_config_terms(&heritage->config, &recovery->control.terms);
    return write_control(recovery);
}

static void close_recovery(struct recovery *recovery)
{
    done_file_close(&recovery->done);
    if (recovery->bets >= 0) {
        (void)close(recovery->bets);
    }
}

bool recovery_run(struct heritage *heritage, struct failure *failure)
{
    struct recovery recovery = {
        .heritage = heritage,
        .bets = -1,
        .done = {.descriptor = -1},
        .tally = {.segment = &heritage->segment, .checksum = CHECKSUM_EMPTY},
        .failure = failure,
    };
    bool recovered = make_control(&recovery) && read_done(&recovery) && open_bets(&recovery) &&
                     count_bets(&recovery) && judge_tail(&recovery) && hear_witnesses(&recovery) &&
                     settle_terms(&recovery) && go_on(&recovery);
    close_recovery(&recovery);
    return recovered;
}
