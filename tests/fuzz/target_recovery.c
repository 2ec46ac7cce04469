/*
 * target_recovery.c - a data directory of any bytes, as a start finds it.
 *
 * Promises: a start never breaks on it; it refuses and changes nothing, or
 * keeps a start of bets.csv that is valid rows and of done.csv that is valid
 * lines, counts exactly those, and ends at the first byte that is not valid; a
 * second start finds the same and changes nothing.
 *
 * The input: a byte that says what `layout` and `checkpoint` hold, a byte with
 * the length of done.csv, done.csv, and the rest is bets.csv.
 */
#include "lib/bet.h"
#include "lib/log.h"
#include "server/heritage.h"
#include "server/recovery.h"
#include "shm/agencies.h"
#include "shm/ring.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

enum {
    RING_BYTES = 4096, /* small, so that damage further from the end than a ring is found soon */
    AGENCIES = 8,
    HEADER_BYTES = 2,
    LAYOUT_KINDS = 4,
    CHECKPOINT_BIT = 4
};

/* What the directory holds at first. */
struct found {
    const char *layout; /* NULL: none */
    const char *done, *bets;
    size_t done_bytes, bets_bytes;
    bool has_checkpoint; /* of any bytes: those of bets.csv */
};

/* What a start makes of it. */
struct outcome {
    bool accepted;
    uint64_t position;
    uint64_t bets, bytes, present, done;
};

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
    ring_start_at(&segment, 0);
}

static struct outcome count_outcome(bool accepted)
{
    struct outcome outcome = {.accepted = accepted,
                              .position = atomic_load(&segment.shared->positions.head)};
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

/* From the lock to the layout, as the supervisor does it. */
static struct outcome start(void)
{
    struct heritage heritage = {.config = {.ring_bytes = RING_BYTES}, .gate_id = -1};
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

static size_t valid_rows(const struct found *found, uint64_t *rows)
{
    size_t at = 0;
    *rows = 0;
    while (at < found->bets_bytes) {
        const char *row = found->bets + at;
        const char *line_feed = memchr(row, '\n', found->bets_bytes - at);
        uint32_t agency = 0;
        if (line_feed == NULL || line_feed == row || line_feed[-1] != '\r' ||
            bet_csv_parse(row, (size_t)(line_feed - row) - 1, &agency) != BET_VALID) {
            break;
        }
        at += (size_t)(line_feed + 1 - row);
        ++*rows;
    }
    return at;
}

static void check_accepted(const struct found *found, const struct outcome *outcome)
{
    uint64_t rows = 0;
    size_t good = valid_rows(found, &rows);
    FUZZ_EXPECT(outcome->position == good && outcome->bytes == good && outcome->bets == rows);
    FUZZ_EXPECT(found->bets_bytes - good <= RING_BYTES || found->layout != NULL);
    FUZZ_EXPECT(scratch_holds(DATA_BETS_FILE, found->bets, good));
    FUZZ_EXPECT(outcome->present <= AGENCIES);
    FUZZ_EXPECT(atomic_load(&segment.shared->storer.agencies_done) == outcome->done);
    ssize_t done_kept = scratch_bytes(DATA_DONE_FILE);
    FUZZ_EXPECT(done_kept >= 0 && (size_t)done_kept <= found->done_bytes);
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, found->done, (size_t)done_kept));
    FUZZ_EXPECT(done_kept == 0 || found->done[done_kept - 1] == '\n');
}

static void check_refused(const struct found *found)
{
    FUZZ_EXPECT(scratch_holds(DATA_BETS_FILE, found->bets, found->bets_bytes));
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, found->done, found->done_bytes));
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
        FUZZ_EXPECT(again.present == outcome->present);
    }
}

static void write_found(const struct found *found)
{
    scratch_open();
    scratch_write(DATA_BETS_FILE, found->bets, found->bets_bytes);
    scratch_write(DATA_DONE_FILE, found->done, found->done_bytes);
    if (found->layout != NULL) {
        scratch_write("layout", found->layout, strlen(found->layout));
    }
    if (found->has_checkpoint) {
        scratch_write(DATA_CHECKPOINT_FILE, found->bets, found->bets_bytes);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const layouts[LAYOUT_KINDS] = {NULL, "lottery data 1\nring_bytes 4096\n",
                                                      "lottery data 1\nring_bytes 65536\n",
                                                      "lottery data 2\nring_bytes 4096\n"};
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    size_t rest = bytes - HEADER_BYTES;
    size_t done_bytes = data[1] < rest ? data[1] : rest;
    const struct found found = {.layout = layouts[data[0] % LAYOUT_KINDS],
                                .has_checkpoint = (data[0] & CHECKPOINT_BIT) != 0,
                                .done = (const char *)data + HEADER_BYTES,
                                .done_bytes = done_bytes,
                                .bets = (const char *)data + HEADER_BYTES + done_bytes,
                                .bets_bytes = rest - done_bytes};
    log_set_threshold(LOG_LEVELS);
    write_found(&found);
    struct outcome outcome = start();
    if (outcome.accepted) {
        check_accepted(&found, &outcome);
    } else {
        check_refused(&found);
    }
    check_again(&outcome);
    return 0;
}
