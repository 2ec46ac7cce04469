/*
 * target_recovery.c - a data directory of any bytes, as a start finds it.
 *
 * Promises: a start never breaks on it; it refuses and changes nothing, or
 * keeps a start of bets.csv that is valid rows and of done.csv that is valid
 * lines, counts exactly those, and ends at the first byte that is not valid; nothing
 * that control, a line of done.csv or the draw's record proves is ever cut off; a
 * second start finds the same and changes nothing.
 *
 * The input: a byte that says what control is (see below), a byte that says how much of both
 * files it proves, in quarters, a byte with the length of done.csv, done.csv, and the rest is
 * bets.csv. Where a flag says so, each byte of done.csv stands for a line of the server's own.
 */
#include "bet/bet.h"
#include "lib/checksum.h"
#include "lib/log.h"
#include "server/heritage.h"
#include "server/supervisor/recovery.h"
#include "shm/agencies.h"
#include "shm/ring.h"
#include "store/done_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum {
    RING_BYTES = 4096, /* small, so that damage further from the end than a ring is found soon */
    LARGE_RING_BYTES = 65536,
    AGENCIES = 8,
    HEADER_BYTES = 3,
    QUARTERS = 4,
    PROVEN_VALUES = 16, /* of each file's quarters in their byte */
    FLAG_CHECKPOINT = 8,
    FLAG_OWN_LINES = 16,
    LINES_MAX = 256,
    POSITION_BIT = 0x80 /* of a byte that stands for a line: one byte more than there is */
};

enum control_kind {
    KIND_NONE,
    KIND_NEW,
    KIND_OPEN,
    KIND_DRAWN, /* among all valid rows */
    KIND_OTHER_VERSION,
    KIND_OLD_LAYOUT,
    KINDS
};

/* What the directory holds at first. */
struct found {
    enum control_kind kind;
    struct control control; /* of the kinds that have one */
    const char *done, *bets;
    size_t done_bytes, bets_bytes;
    bool has_checkpoint; /* of any bytes: those of bets.csv */
};

/* What a start makes of it. */
struct outcome {
    bool accepted;
    uint64_t position, checksum;
    uint64_t bets, bytes, present, done;
};

static const char identity[] = "00112233445566778899aabbccddeeff";
static const char old_layout[] = "lottery data 1\nring_bytes 4096\n";
static const char other_version[] = "lottery data 5\nring_bytes 4096\n";

static struct segment segment;

static void remove_segment(void)
{
    segment_remove(&segment);
}

/* Made once; the part that a start fills is emptied for each. */
static void open_segment(void)
{
    if (segment.shared == NULL) {
        struct stat status;
        struct failure failure;
        FUZZ_EXPECT(fstat(scratch_directory, &status) == 0);
        const struct segment_plan plan = {.directory_device = status.st_dev,
                                          .directory_inode = status.st_ino,
                                          .ring_bytes = RING_BYTES,
                                          .agency_limit = AGENCIES,
                                          .agencies_expected = AGENCIES,
                                          .slot_capacity = 1};
        FUZZ_EXPECT(segment_create(&plan, &segment, &failure) && atexit(remove_segment) == 0);
    }
    size_t capacity = segment.shared->identity.agency_capacity;
    memset(segment.agencies, 0, capacity * sizeof *segment.agencies);
    segment.shared->append.agencies_present = 0;
    atomic_store(&segment.shared->storer.agencies_done, 0);
    ring_start_at(&segment, 0, CHECKSUM_EMPTY);
}

static struct outcome count_outcome(bool accepted)
{
    struct outcome outcome = {.accepted = accepted,
                              .position = atomic_load(&segment.shared->positions.head),
                              .checksum = segment.shared->append.checksum};
    for (uint32_t i = 0; i < segment.shared->identity.agency_capacity; i++) {
        const struct agency *agency = &segment.agencies[i];
        if (atomic_load(&agency->present) != 0) {
            outcome.present++;
            outcome.bets += atomic_load(&agency->bets);
            outcome.bytes += atomic_load(&agency->bytes);
            outcome.done += atomic_load(&agency->phase) == AGENCY_DONE ? 1 : 0;
        }
    }
    return outcome;
}

static struct server_config config(void)
{
    return (struct server_config){.lottery_name = CONTROL_FIRST_DRAW,
                                  .ring_bytes = RING_BYTES,
                                  .agencies_expected = AGENCIES,
                                  .allowed = {.any = true}};
}

/* From the lock to control, as the supervisor does it. */
static struct outcome start(void)
{
    struct heritage heritage = {.config = config(), .gate_id = -1};
    struct failure failure = {.text = ""};
    bool accepted = false;
    open_segment();
    heritage.segment = segment;
    if (data_directory_open(scratch_path, NULL, 0, &heritage.directory, &failure)) {
        accepted = recovery_run(&heritage, &failure);
        data_directory_close(&heritage.directory);
    }
    FUZZ_EXPECT(accepted || failure.text[0] != '\0');
    return count_outcome(accepted);
}

/* ------------------------------------------------------------- reckoning ---- */

/* What valid rows at the start hold, of one agency or of all (-1). */
struct rows {
    uint64_t rows, bytes, checksum;
    size_t end; /* of the valid rows, whosever they are */
};

static struct rows reckon(const char *bets, size_t bytes, int64_t wanted)
{
    struct rows rows = {.checksum = CHECKSUM_EMPTY};
    while (rows.end < bytes) {
        const char *row = bets + rows.end;
        const char *line_feed = memchr(row, '\n', bytes - rows.end);
        uint32_t agency = 0;
        if (line_feed == NULL || line_feed == row || line_feed[-1] != '\r' ||
            bet_csv_parse(row, (size_t)(line_feed - row) - 1, &agency) != BET_VALID) {
            break;
        }
        size_t row_bytes = (size_t)(line_feed + 1 - row);
        if (wanted < 0 || agency == wanted) {
            rows.rows++;
            rows.bytes += row_bytes;
            rows.checksum = checksum_extend(rows.checksum, row, row_bytes);
        }
        rows.end += row_bytes;
    }
    return rows;
}

/* ---------------------------------------------------------------- checks ---- */

static void check_lines(const struct found *found, size_t kept, uint64_t good)
{
    for (size_t at = 0; at < kept;) {
        struct done_line line;
        size_t bytes = (size_t)((const char *)memchr(found->done + at, '\n', kept - at) + 1 -
                                (found->done + at));
        FUZZ_EXPECT(done_file_parse_line(found->done + at, bytes - 1, &line));
        struct rows rows = reckon(found->bets, (size_t)good, line.agency);
        FUZZ_EXPECT(line.position <= good && line.bets == rows.rows &&
                    line.checksum == rows.checksum);
        at += bytes;
    }
}

static void check_control(const struct found *found, uint64_t good, uint64_t done_kept)
{
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    struct control control;
    struct failure failure;
    FUZZ_EXPECT(control_read(&directory, &control, &failure) == CONTROL_READ);
    FUZZ_EXPECT(control.ring_bytes == RING_BYTES);
    FUZZ_EXPECT(
        (control.state == CONTROL_NEW) ==
        (good == 0 && done_kept == 0 && (found->kind == KIND_NEW || found->kind == KIND_NONE)));
    FUZZ_EXPECT(control.bets_bytes == good && control.done_bytes == done_kept);
    FUZZ_EXPECT(found->kind == KIND_NONE || strcmp(control.identity, identity) == 0);
}

static void check_accepted(const struct found *found, const struct outcome *outcome)
{
    struct rows all = reckon(found->bets, found->bets_bytes, -1);
    const uint64_t good = all.end;
    FUZZ_EXPECT(outcome->position == good && outcome->bytes == good && outcome->bets == all.rows);
    FUZZ_EXPECT(outcome->checksum == all.checksum);
    FUZZ_EXPECT(found->kind < KIND_OTHER_VERSION && good >= found->control.bets_bytes);
    FUZZ_EXPECT(found->kind == KIND_NONE ? found->bets_bytes + found->done_bytes == 0
                                         : found->bets_bytes - good <= found->control.ring_bytes);
    FUZZ_EXPECT(found->kind != KIND_DRAWN || found->bets_bytes == good);
    FUZZ_EXPECT(scratch_holds(DATA_BETS_FILE, found->bets, (size_t)good));
    FUZZ_EXPECT(outcome->present <= AGENCIES);
    FUZZ_EXPECT(atomic_load(&segment.shared->storer.agencies_done) == outcome->done);
    ssize_t done_kept = scratch_bytes(DATA_DONE_FILE);
    FUZZ_EXPECT(done_kept >= 0 && (size_t)done_kept <= found->done_bytes);
    FUZZ_EXPECT((uint64_t)done_kept >= found->control.done_bytes);
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, found->done, (size_t)done_kept));
    FUZZ_EXPECT(done_kept == 0 || found->done[done_kept - 1] == '\n');
    check_lines(found, (size_t)done_kept, good);
    check_control(found, good, (uint64_t)done_kept);
}

static void check_refused(const struct found *found, const char *control, size_t control_bytes)
{
    FUZZ_EXPECT(scratch_holds(DATA_BETS_FILE, found->bets, found->bets_bytes));
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, found->done, found->done_bytes));
    FUZZ_EXPECT(control == NULL ? scratch_bytes(DATA_CONTROL_FILE) < 0
                                : scratch_holds(DATA_CONTROL_FILE, control, control_bytes));
}

static void check_again(const struct outcome *outcome)
{
    ssize_t bets_bytes = scratch_bytes(DATA_BETS_FILE);
    ssize_t done_bytes = scratch_bytes(DATA_DONE_FILE);
    struct outcome again = start();
    FUZZ_EXPECT(again.accepted == outcome->accepted);
    FUZZ_EXPECT(scratch_bytes(DATA_BETS_FILE) == bets_bytes);
    FUZZ_EXPECT(scratch_bytes(DATA_DONE_FILE) == done_bytes);
    if (outcome->accepted) {
        FUZZ_EXPECT(again.position == outcome->position && again.bets == outcome->bets);
        FUZZ_EXPECT(again.bytes == outcome->bytes && again.done == outcome->done);
        FUZZ_EXPECT(again.present == outcome->present && again.checksum == outcome->checksum);
    }
}

/* ----------------------------------------------------------------- input ---- */

static struct control make_control(const struct found *found, uint8_t proven)
{
    static const enum control_state states[KINDS] = {
        [KIND_NEW] = CONTROL_NEW, [KIND_OPEN] = CONTROL_OPEN, [KIND_DRAWN] = CONTROL_DRAWN};
    const struct server_config of_today = config();
    struct control control = {.state = states[found->kind],
                              .ring_bytes =
                                  found->kind == KIND_OPEN ? LARGE_RING_BYTES : RING_BYTES};
    memcpy(control.identity, identity, sizeof identity);
    server_config_terms(&of_today, &control.terms);
    if (found->kind == KIND_OPEN || found->kind == KIND_DRAWN) {
        control.bets_bytes =
            found->bets_bytes * (proven % PROVEN_VALUES % (QUARTERS + 1)) / QUARTERS;
        control.done_bytes =
            found->done_bytes * (proven / PROVEN_VALUES % (QUARTERS + 1)) / QUARTERS;
    }
    if (found->kind == KIND_DRAWN) {
        struct rows all = reckon(found->bets, found->bets_bytes, -1);
        control.draw =
            (struct draw_record){.bets = all.rows, .bytes = all.end, .checksum = all.checksum};
    }
    return control;
}

/* Lines of agencies that were done with the valid rows that are there. */
static size_t write_own_lines(char *text, const char *bytes, size_t count, const char *bets,
                              size_t bets_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        uint32_t agency = byte % (AGENCIES + 1U);
        struct rows rows = reckon(bets, bets_bytes, agency);
        const struct done_line line = {.agency = agency,
                                       .bets = rows.rows,
                                       .position = rows.end + ((byte & POSITION_BIT) != 0 ? 1 : 0),
                                       .checksum = rows.checksum};
        used += done_file_write_line(text + used, &line);
    }
    return used;
}

static void write_found(const struct found *found)
{
    struct failure failure;
    bool synced = false;
    scratch_open();
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    scratch_write(DATA_BETS_FILE, found->bets, found->bets_bytes);
    scratch_write(DATA_DONE_FILE, found->done, found->done_bytes);
    if (found->kind == KIND_OLD_LAYOUT) {
        scratch_write("layout", old_layout, strlen(old_layout));
    } else if (found->kind == KIND_OTHER_VERSION) {
        scratch_write(DATA_CONTROL_FILE, other_version, strlen(other_version));
    } else if (found->kind != KIND_NONE) {
        FUZZ_EXPECT(control_write(&directory, &found->control, &synced, &failure));
    }
    if (found->has_checkpoint) {
        scratch_write(DATA_CHECKPOINT_FILE, found->bets, found->bets_bytes);
    }
}

static void try_start(const struct found *found)
{
    static char control[4096];
    ssize_t control_bytes = -1;
    write_found(found);
    int file = openat(scratch_directory, DATA_CONTROL_FILE, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        control_bytes = read(file, control, sizeof control);
        (void)close(file);
    }
    struct outcome outcome = start();
    if (outcome.accepted) {
        check_accepted(found, &outcome);
    } else {
        check_refused(found, control_bytes < 0 ? NULL : control, (size_t)control_bytes);
    }
    check_again(&outcome);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char own_lines[LINES_MAX * DONE_LINE_BYTES_MAX];
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    size_t rest = bytes - HEADER_BYTES;
    size_t done_bytes = data[2] < rest ? data[2] : rest;
    struct found found = {.kind = (enum control_kind)(data[0] % FLAG_CHECKPOINT % KINDS),
                          .has_checkpoint = (data[0] & FLAG_CHECKPOINT) != 0,
                          .done = (const char *)data + HEADER_BYTES,
                          .done_bytes = done_bytes,
                          .bets = (const char *)data + HEADER_BYTES + done_bytes,
                          .bets_bytes = rest - done_bytes};
    if ((data[0] & FLAG_OWN_LINES) != 0) {
        found.done_bytes =
            write_own_lines(own_lines, found.done, done_bytes, found.bets, found.bets_bytes);
        found.done = own_lines;
    }
    if (found.kind != KIND_NONE) {
        found.control = make_control(&found, data[1]);
    }
    log_set_threshold(LOG_LEVELS);
    try_start(&found);
    return 0;
}
