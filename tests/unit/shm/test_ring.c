/*
 * test_ring.c - bytes on their way to the disk: in one process, byte by byte;
 * then with many writers, who are killed wherever they happen to be.
 *
 * The test plays the storer. Each writer appends numbered rows of its own
 * agency, going on where the agency's count says; so every row that is lost,
 * doubled or counted wrongly breaks the row of numbers.
 */
#include "shm/ring.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "shm/agencies.h"
#include "shm/replica.h"
#include "shm/slots.h"
#include "shm/waiting.h"
#include "tests/harness/emulated.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 256 * 1024,
    WRITERS = 6,
    SLOTS = 8,
    LAG_BYTES = 4096,
    STREAM_BYTES = 512 * 1024 * 1024,
    ROWS_TOGETHER_MAX = 300,
    FILLING_BYTES = 400,
    ROW_BYTES_MAX = FILLING_BYTES + 64,
    DIGITS_MAX = 20,
    ROWS_OF_A_WRITER = 10000,
    KILLS = 300,
    LOOK_MS = 20,
    APPENDS_OF_A_LIFE = 16,
    SPIN_MAX = 100000,
    NO_ROOM_STATUS = 3
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct segment segment;
    struct agency *agency;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.agency = NULL};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of every repair */
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    segments_create(&fixture.scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES,
                                          .agency_limit = SLOTS,
                                          .agencies_expected = SLOTS,
                                          .slot_capacity = SLOTS},
                    &fixture.segment);
    for (uint32_t i = 0; i < SLOTS; i++) {
        slot_set_up(&fixture.segment, i, "test");
    }
    fixture.agency = agencies_find_or_add(&fixture.segment, 1);
    assert_non_null(fixture.agency);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

static struct shared_positions *positions(struct fixture *fixture)
{
    return &fixture->segment.shared->positions;
}

/* As the one that may: the agency's latest claim, if there is any. */
static struct append append_of(struct agency *agency, const char *bytes, size_t count,
                               uint64_t bets)
{
    return (struct append){.agency = agency,
                           .epoch = atomic_load(&agency->epoch),
                           .bytes = bytes,
                           .count = count,
                           .bets = bets,
                           .checksum = checksum_extend(CHECKSUM_EMPTY, bytes, count),
                           .checksum_factor = checksum_factor(count)};
}

static enum append_result append_as_agency(struct fixture *fixture, const char *bytes, size_t count,
                                           uint64_t bets, uint64_t *end)
{
    const struct append append = append_of(fixture->agency, bytes, count, bets);
    return ring_append(&fixture->segment, 0, &append, end);
}

static void write_pending(struct fixture *fixture, size_t count)
{
    struct ring_pending pending = ring_take_pending(&fixture->segment);
    assert_true(count <= pending.count);
    ring_report_written(&fixture->segment, pending.from + count);
    wake_waiters(&fixture->segment, WAIT_FOR_SPACE, pending.from + count);
}

/* ----------------------------------------------------------- one process ---- */

static void positions_start_where_the_file_ends(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t position = (UINT64_C(1) << 40) + 12345;
    const uint64_t checksum = UINT64_C(0x1234567890abcdef);
    ring_start_at(&fixture->segment, position, checksum);
    assert_int_equal(fixture->segment.shared->append.checksum, checksum);
    assert_int_equal(atomic_load(&positions(fixture)->head), position);
    assert_int_equal(atomic_load(&positions(fixture)->written), position);
    assert_int_equal(atomic_load(&positions(fixture)->durable), position);
    struct ring_pending pending = ring_take_pending(&fixture->segment);
    assert_int_equal(pending.from, position);
    assert_int_equal(pending.count, 0);
}

static void what_is_appended_is_pending_until_it_is_written(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    assert_int_equal(append_as_agency(fixture, "one\r\n", 5, 1, &end), APPEND_DONE);
    assert_int_equal(end, 5);
    assert_int_equal(append_as_agency(fixture, "two\r\nthree\r\n", 12, 2, &end), APPEND_DONE);
    assert_int_equal(end, 17);
    struct ring_pending pending = ring_take_pending(&fixture->segment);
    assert_int_equal(pending.from, 0);
    assert_int_equal(pending.count, 17);
    assert_memory_equal(pending.bytes, "one\r\ntwo\r\nthree\r\n", 17);
    ring_report_written(&fixture->segment, 5);
    pending = ring_take_pending(&fixture->segment);
    assert_int_equal(pending.from, 5);
    assert_memory_equal(pending.bytes, "two\r\nthree\r\n", pending.count);
    ring_report_durable(&fixture->segment, 5);
    assert_int_equal(atomic_load(&positions(fixture)->durable), 5);
    assert_int_equal(atomic_load(&positions(fixture)->written), 5);
    assert_int_equal(atomic_load(&positions(fixture)->head), 17);
}

static void an_append_wakes_the_storer_where_it_sleeps(void **state)
{
    struct fixture *fixture = *state;
    struct shared_storer *storer = &fixture->segment.shared->storer;
    uint64_t end = 0;
    int tokens = -1;
    assert_int_equal(append_as_agency(fixture, "x", 1, 1, &end), APPEND_DONE);
    assert_int_equal(sem_getvalue(&storer->wakeup, &tokens), 0);
    assert_int_equal(tokens, 0);
    atomic_store(&storer->sleeping, 1);
    assert_int_equal(append_as_agency(fixture, "x", 1, 1, &end), APPEND_DONE);
    assert_int_equal(sem_getvalue(&storer->wakeup, &tokens), 0);
    assert_int_equal(tokens, 1);
}

static void an_agencys_counts_move_with_head(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    struct agency *other = agencies_find_or_add(&fixture->segment, 2);
    assert_int_equal(append_as_agency(fixture, "12345", 5, 2, &end), APPEND_DONE);
    assert_int_equal(append_as_agency(fixture, "67", 2, 1, &end), APPEND_DONE);
    assert_int_equal(atomic_load(&fixture->agency->bets), 3);
    assert_int_equal(atomic_load(&fixture->agency->bytes), 7);
    assert_int_equal(atomic_load(&fixture->agency->end_position), 7);
    assert_int_equal(atomic_load(&other->bets), 0);
    assert_int_equal(fixture->segment.shared->append.intent.head_after, 0);
}

/* The checksums are joined of the pieces' own: what comes out is that of all the bytes, in order. */
static void checksums_of_appends_are_joined_by_agency_and_for_all(void **state)
{
    struct fixture *fixture = *state;
    enum { APPENDS = 200, PIECE_BYTES_MAX = 500 };
    static char all[APPENDS * PIECE_BYTES_MAX];
    struct agency *const agencies[] = {fixture->agency, agencies_find_or_add(&fixture->segment, 2)};
    uint64_t checksums[2] = {CHECKSUM_EMPTY, CHECKSUM_EMPTY};
    const uint64_t before = checksum_extend(CHECKSUM_EMPTY, "stored before\r\n", 15);
    unsigned seed = 11;
    size_t used = 0;
    ring_start_at(&fixture->segment, 15, before);
    for (int i = 0; i < APPENDS; i++) {
        uint64_t end = 0;
        int which = rand_r(&seed) % 2;
        size_t count = 1 + (size_t)rand_r(&seed) % PIECE_BYTES_MAX;
        char *piece = all + used;
        for (size_t byte = 0; byte < count; byte++) {
            piece[byte] = (char)rand_r(&seed);
        }
        const struct append append = append_of(agencies[which], piece, count, 1);
        assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_DONE);
        used += count;
        checksums[which] = checksum_extend(checksums[which], piece, count);
        assert_int_equal(atomic_load(&agencies[0]->checksum), checksums[0]);
        assert_int_equal(atomic_load(&agencies[1]->checksum), checksums[1]);
        assert_int_equal(fixture->segment.shared->append.checksum,
                         checksum_extend(before, all, used));
    }
}

static void bytes_across_the_rings_end_stand_in_one_piece(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    for (uint64_t before = 0; before <= 9; before++) {
        ring_start_at(&fixture->segment, 5 * (uint64_t)RING_BYTES - before, CHECKSUM_EMPTY);
        assert_int_equal(append_as_agency(fixture, "123456789", 9, 1, &end), APPEND_DONE);
        assert_int_equal(end, 5 * (uint64_t)RING_BYTES - before + 9);
        struct ring_pending pending = ring_take_pending(&fixture->segment);
        assert_int_equal(pending.count, 9);
        assert_memory_equal(pending.bytes, "123456789", 9);
        for (uint64_t i = 0; i < 9; i++) { /* and each byte at its place, modulo the ring */
            assert_int_equal(fixture->segment.data[(end - 9 + i) % RING_BYTES], '1' + (int)i);
        }
    }
}

static int append_one_byte(void *context)
{
    struct fixture *fixture = context;
    uint64_t end = 0;
    const struct append append = {.agency = fixture->agency, .bytes = "x", .count = 1, .bets = 1};
    return (int)ring_append(&fixture->segment, 0, &append, &end);
}

static bool waits_for_space(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&fixture->segment.shared->waiters.bits[WAIT_FOR_SPACE][0]) == 1;
}

static void a_ring_can_be_filled_to_the_last_byte_and_no_further(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[RING_BYTES];
    uint64_t end = 0;
    ring_start_at(&fixture->segment, 777, CHECKSUM_EMPTY);
    assert_int_equal(append_as_agency(fixture, bytes, sizeof bytes, 1, &end), APPEND_DONE);
    assert_int_equal(ring_take_pending(&fixture->segment).count, RING_BYTES);
    processes_release(&fixture->processes);
    pid_t writer = processes_start(&fixture->processes, append_one_byte, fixture);
    processes_await(waits_for_space, fixture);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].awaited), 778);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].activity), SLOT_WAITING_FOR_SPACE);
    assert_int_equal(atomic_load(&positions(fixture)->head), 777 + RING_BYTES);
    write_pending(fixture, 1);
    processes_expect_exit(&fixture->processes, writer, APPEND_DONE);
    assert_int_equal(ring_take_pending(&fixture->segment).count, RING_BYTES);
    assert_int_equal(fixture->segment.data[777], 'x');
}

static void who_comes_while_others_wait_for_space_waits_for_its_turn(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    atomic_store(&fixture->segment.shared->waiters.space_is_scarce, 1);
    assert_int_equal(append_as_agency(fixture, "first", 5, 1, &end), APPEND_DONE); /* empty ring */
    processes_release(&fixture->processes);
    pid_t writer = processes_start(&fixture->processes, append_one_byte, fixture);
    processes_await(waits_for_space, fixture);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].awaited), 1);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].wanted), 1);
    assert_int_equal(atomic_load(&positions(fixture)->head), 5);
    write_pending(fixture, 5);
    processes_expect_exit(&fixture->processes, writer, APPEND_DONE);
    assert_int_equal(atomic_load(&positions(fixture)->head), 6);
}

static bool waits_for_the_engine(const void *context)
{
    const struct fixture *fixture = context;
    return atomic_load(&fixture->segment.shared->waiters.bits[WAIT_FOR_LAG][0]) == 1;
}

/* The ring is empty, and the engine lacks as much as it may: only the shipper makes space then. */
static void an_append_waits_while_the_engine_lacks_too_much(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[LAG_BYTES];
    uint64_t end = 0;
    fixture->segment.shared->identity.lag_bytes = LAG_BYTES;
    assert_int_equal(append_as_agency(fixture, bytes, sizeof bytes, 1, &end), APPEND_DONE);
    write_pending(fixture, LAG_BYTES);
    ring_report_durable(&fixture->segment, LAG_BYTES);
    processes_release(&fixture->processes);
    pid_t writer = processes_start(&fixture->processes, append_one_byte, fixture);
    processes_await(waits_for_the_engine, fixture);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].awaited), 1);
    assert_int_equal(atomic_load(&fixture->segment.slots[0].activity), SLOT_WAITING_FOR_LAG);
    wake_waiters(&fixture->segment, WAIT_FOR_SPACE, LAG_BYTES); /* the storer's does not help */
    assert_int_equal(atomic_load(&positions(fixture)->head), LAG_BYTES);
    replica_report_bets(&fixture->segment, 1);
    processes_expect_exit(&fixture->processes, writer, APPEND_DONE);
    assert_int_equal(atomic_load(&positions(fixture)->head), LAG_BYTES + 1);
}

static void waiting_for_space_ends_when_the_server_is_halted(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[RING_BYTES];
    uint64_t end = 0;
    assert_int_equal(append_as_agency(fixture, bytes, sizeof bytes, 1, &end), APPEND_DONE);
    processes_release(&fixture->processes);
    pid_t writer = processes_start(&fixture->processes, append_one_byte, fixture);
    atomic_store(&fixture->segment.slots[0].pid, (int32_t)writer);
    processes_await(waits_for_space, fixture);
    wait_halt(&fixture->segment);
    processes_expect_exit(&fixture->processes, writer, APPEND_HALTED);
    assert_int_equal(atomic_load(&fixture->agency->bets), 1);
}

static void expect_refusal(struct fixture *fixture, uint64_t epoch, enum append_result expected)
{
    uint64_t end = 99;
    const struct append append = {
        .agency = fixture->agency, .epoch = epoch, .bytes = "x", .count = 1, .bets = 1};
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), expected);
    assert_int_equal(end, 99);
    assert_int_equal(ring_take_pending(&fixture->segment).count, 0);
    assert_int_equal(atomic_load(&fixture->agency->bets), 0);
    assert_int_equal(atomic_load(&fixture->agency->end_position), 0);
}

static void a_newer_claim_fences_older_ones_and_who_has_none(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    struct agency_claim older = agencies_claim(&fixture->segment, fixture->agency);
    struct agency_claim newer = agencies_claim(&fixture->segment, fixture->agency);
    expect_refusal(fixture, older.epoch, APPEND_FENCED);
    expect_refusal(fixture, newer.epoch + 1, APPEND_FENCED);
    expect_refusal(fixture, EPOCH_UNFENCED, APPEND_UNCLAIMED);
    const struct append claimed = {
        .agency = fixture->agency, .epoch = newer.epoch, .bytes = "x", .count = 1, .bets = 1};
    assert_int_equal(ring_append(&fixture->segment, 0, &claimed, &end), APPEND_DONE);
    fixture->agency = agencies_find_or_add(&fixture->segment, 2); /* which nobody has claimed */
    assert_int_equal(append_as_agency(fixture, "y", 1, 1, &end), APPEND_DONE);
}

static void an_agency_that_is_done_appends_no_more(void **state)
{
    struct fixture *fixture = *state;
    uint64_t end = 0;
    assert_true(agencies_ask_done(&fixture->segment, 0, fixture->agency, EPOCH_UNFENCED));
    expect_refusal(fixture, EPOCH_UNFENCED, APPEND_AGENCY_CLOSED);
    agencies_set_done(&fixture->segment, fixture->agency);
    expect_refusal(fixture, EPOCH_UNFENCED, APPEND_AGENCY_CLOSED);
    fixture->agency = agencies_find_or_add(&fixture->segment, 2);
    assert_int_equal(append_as_agency(fixture, "y", 1, 1, &end), APPEND_DONE);
}

static void nothing_is_appended_once_the_draw_has_begun(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(agencies_close_for_draw(&fixture->segment), 0);
    expect_refusal(fixture, EPOCH_UNFENCED, APPEND_SALES_CLOSED);
}

static void every_result_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i <= APPEND_HALTED; i++) {
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(append_result_text((enum append_result)i),
                                    append_result_text((enum append_result)j));
        }
    }
}

/* ---------------------------------------------------------------- writers ---- */

/* One writer: the agency and the slot of its number. */
struct writer {
    struct fixture *fixture;
    uint64_t rows; /* when it has as many, it ends; 0: never */
    uint32_t number;
    bool mortal; /* it dies now and then by itself, holding the lock */
};

static char *write_decimal(char *out, uint64_t value)
{
    char digits[DIGITS_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0) {
        *out++ = digits[--count];
    }
    *out++ = ',';
    return out;
}

/*
 * Row `index` of an agency: its length follows from both. Made in no time, so that a
 * writer is copying under the lock, and may be killed there, as often as not.
 */
static size_t write_row(char *out, uint32_t agency, uint64_t index)
{
    char *end = write_decimal(write_decimal(out, agency), index);
    size_t filling = (index * 7 + (uint64_t)agency * 13) % FILLING_BYTES;
    memset(end, (int)('a' + index % 26), filling);
    end[filling] = '\r';
    end[filling + 1] = '\n';
    return (size_t)(end - out) + filling + 2;
}

/* Dies under the lock with all but the last byte copied: that one cannot be read. */
static int append_and_die_while_copying(const struct segment *segment, uint32_t slot_index,
                                        const struct append *append)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t room = (append->count + page - 1) / page * page;
    char *bytes =
        mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED || munmap(bytes + room, page) != 0) {
        return 1;
    }
    struct segment own = *segment;
    struct append deadly = *append;
    uint64_t end = 0;
    deadly.bytes = memcpy(bytes + room - append->count, append->bytes, append->count);
    deadly.count++;
    return (int)ring_append(&own, slot_index, &deadly, &end);
}

/* Dies with head moved and the counts not yet: it can only read the agencies' table. */
static int append_and_die_before_counting(const struct segment *segment, uint32_t slot_index,
                                          const struct append *append)
{
    size_t bytes = segment->shared->identity.agency_capacity * sizeof *segment->agencies;
    struct agency *copy =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) {
        return 1;
    }
    memcpy(copy, segment->agencies, bytes); /* its own entry is written by nobody else */
    if (mprotect(copy, bytes, PROT_READ) != 0) {
        return 1;
    }
    struct segment own = *segment;
    struct append deadly = *append;
    uint64_t end = 0;
    deadly.agency = copy + (append->agency - segment->agencies);
    own.agencies = copy;
    return (int)ring_append(&own, slot_index, &deadly, &end);
}

/* What a handler does: claims its agency, and appends what is not stored yet. */
static int run_writer(void *context)
{
    const struct writer *writer = context;
    processes_die_quietly();
    struct segment *segment = &writer->fixture->segment;
    struct agency *agency = agencies_find_or_add(segment, writer->number);
    const struct agency_claim claim = agencies_claim(segment, agency);
    unsigned seed = writer->number + (unsigned)claim.epoch;
    uint64_t next = claim.bets;
    while (writer->rows == 0 || next < writer->rows) {
        static char rows[(size_t)ROWS_TOGETHER_MAX * ROW_BYTES_MAX];
        size_t bytes = 0;
        uint64_t bets = 0;
        uint64_t wanted = 1 + (uint64_t)rand_r(&seed) % ROWS_TOGETHER_MAX;
        for (; bets < wanted && (writer->rows == 0 || next + bets < writer->rows); bets++) {
            bytes += write_row(rows + bytes, writer->number, next + bets);
        }
        struct append append = append_of(agency, rows, bytes, bets);
        append.epoch = claim.epoch;
        if (writer->mortal && rand_r(&seed) % APPENDS_OF_A_LIFE == 0) {
            return rand_r(&seed) % 2 == 0
                       ? append_and_die_while_copying(segment, writer->number, &append)
                       : append_and_die_before_counting(segment, writer->number, &append);
        }
        uint64_t end = 0;
        enum append_result result = ring_append(segment, writer->number, &append, &end);
        if (result != APPEND_DONE) {
            return NO_ROOM_STATUS;
        }
        next += bets;
        if (rand_r(&seed) % 4 == 0 && !wait_until(segment, writer->number, WAIT_FOR_COMMIT,
                                                  &segment->shared->positions.durable, end)) {
            return NO_ROOM_STATUS;
        }
    }
    return 0;
}

static pid_t start_writer(struct writer *writer)
{
    struct segment *segment = &writer->fixture->segment;
    slot_set_up(segment, writer->number, "test");
    pid_t pid = processes_start(&writer->fixture->processes, run_writer, writer);
    atomic_store(&segment->slots[writer->number].pid, (int32_t)pid);
    return pid;
}

/* ----------------------------------------------------------------- storer ---- */

/* What the storer has "written": the file, in memory. */
struct stream {
    char *bytes;
    uint64_t used, checked;
    uint64_t rows[WRITERS + 1];      /* seen of each agency */
    uint64_t checksums[WRITERS + 1]; /* of them */
};

static bool has_pending(const void *context)
{
    return ring_take_pending(context).count > 0;
}

static void report_durable(struct segment *segment, uint64_t position)
{
    ring_report_durable(segment, position);
    wake_waiters(segment, WAIT_FOR_COMMIT, position);
}

/* Takes some of what is pending, as a disk would; sleeps where there is nothing. */
static void store_some(struct fixture *fixture, struct stream *stream, unsigned *seed)
{
    struct segment *segment = &fixture->segment;
    struct ring_pending pending = ring_take_pending(segment);
    if (pending.count == 0) {
        report_durable(segment, stream->used);
        wait_for_work(segment, has_pending, segment, LOOK_MS);
        return;
    }
    if (rand_r(seed) % 3 == 0) {
        pending.count = 1 + (size_t)rand_r(seed) % pending.count;
    }
    assert_int_equal(pending.from, stream->used);
    assert_true(stream->used + pending.count <= STREAM_BYTES);
    memcpy(stream->bytes + stream->used, pending.bytes, pending.count);
    stream->used += pending.count;
    ring_report_written(segment, stream->used);
    wake_waiters(segment, WAIT_FOR_SPACE, stream->used);
    if (rand_r(seed) % 3 != 0) {
        report_durable(segment, stream->used);
    }
}

/* Every whole row in the stream has to be the next one of its agency. */
static void check_rows(struct stream *stream)
{
    while (stream->checked < stream->used) {
        const char *row = stream->bytes + stream->checked;
        const char *line_feed = memchr(row, '\n', stream->used - stream->checked);
        if (line_feed == NULL) {
            return;
        }
        char expected[ROW_BYTES_MAX];
        size_t bytes = (size_t)(line_feed + 1 - row);
        unsigned long agency = strtoul(row, NULL, 10);
        assert_in_range(agency, 1, WRITERS);
        size_t expected_bytes = write_row(expected, (uint32_t)agency, stream->rows[agency]);
        if (bytes != expected_bytes || memcmp(row, expected, bytes) != 0) {
            fail_msg("at %llu: '%.*s' instead of '%.*s'", (unsigned long long)stream->checked,
                     (int)bytes, row, (int)expected_bytes, expected);
        }
        stream->rows[agency]++;
        stream->checksums[agency] = checksum_extend(stream->checksums[agency], row, bytes);
        stream->checked += bytes;
    }
}

static void open_stream(struct stream *stream)
{
    *stream = (struct stream){.bytes = mmap(NULL, STREAM_BYTES, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    assert_true(stream->bytes != MAP_FAILED);
}

/* With nobody writing any more: stores the rest, and compares all counts. */
static void expect_whole_stream(struct fixture *fixture, struct stream *stream, unsigned *seed)
{
    /* The next owner of the lock repairs what a killed one has left, as a claim does. */
    (void)agencies_claim(&fixture->segment, fixture->agency);
    while (has_pending(&fixture->segment)) {
        store_some(fixture, stream, seed);
    }
    check_rows(stream);
    assert_int_equal(stream->checked, stream->used);
    assert_int_equal(atomic_load(&positions(fixture)->head), stream->used);
    uint64_t bytes = 0;
    for (uint32_t i = 1; i <= WRITERS; i++) {
        const struct agency *agency = agencies_find(&fixture->segment, i);
        assert_non_null(agency);
        assert_int_equal(atomic_load(&agency->bets), stream->rows[i]);
        assert_int_equal(atomic_load(&agency->checksum), stream->checksums[i]);
        assert_true(atomic_load(&agency->end_position) <= stream->used);
        bytes += atomic_load(&agency->bytes);
    }
    assert_int_equal(bytes, stream->used);
    assert_int_equal(fixture->segment.shared->append.checksum,
                     checksum_extend(CHECKSUM_EMPTY, stream->bytes, stream->used));
    (void)munmap(stream->bytes, STREAM_BYTES);
}

static void many_writers_lose_and_double_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct writer writers[WRITERS + 1];
    struct stream stream;
    pid_t pids[WRITERS + 1];
    unsigned seed = 3;
    int left = WRITERS;
    open_stream(&stream);
    for (uint32_t i = 1; i <= WRITERS; i++) {
        writers[i] = (struct writer){.fixture = fixture, .number = i, .rows = ROWS_OF_A_WRITER};
        pids[i] = start_writer(&writers[i]);
    }
    processes_release(&fixture->processes);
    while (left > 0) {
        store_some(fixture, &stream, &seed);
        check_rows(&stream);
        for (uint32_t i = 1; i <= WRITERS; i++) {
            int status = 0;
            if (pids[i] != 0 && processes_has_ended(&fixture->processes, pids[i], &status)) {
                assert_int_equal(status, 0);
                pids[i] = 0;
                left--;
            }
        }
    }
    expect_whole_stream(fixture, &stream, &seed);
    for (uint32_t i = 1; i <= WRITERS; i++) {
        assert_int_equal(stream.rows[i], ROWS_OF_A_WRITER);
    }
}

static void spin(int rounds)
{
    for (volatile int i = 0; i < rounds; i++) {
    }
}

/* Puts another writer into the place of one that has died by itself. */
static void replace_the_dead(struct fixture *fixture, struct writer *writers, pid_t *pids)
{
    for (uint32_t i = 1; i <= WRITERS; i++) {
        int status = 0;
        if (processes_has_ended(&fixture->processes, pids[i], &status)) {
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
            pids[i] = start_writer(&writers[i]);
        }
    }
}

static void writers_killed_anywhere_leave_whole_rows_in_order(void **state)
{
    skip_without_robust_mutexes();
    struct fixture *fixture = *state;
    struct writer writers[WRITERS + 1];
    struct stream stream;
    pid_t pids[WRITERS + 1];
    unsigned seed = 20261123;
    open_stream(&stream);
    processes_release(&fixture->processes);
    for (uint32_t i = 1; i <= WRITERS; i++) {
        writers[i] = (struct writer){.fixture = fixture, .number = i, .mortal = i % 2 == 0};
        pids[i] = start_writer(&writers[i]);
    }
    for (int kills = 0; kills < KILLS; kills++) {
        for (int turns = rand_r(&seed) % 4; turns >= 0; turns--) {
            store_some(fixture, &stream, &seed);
        }
        uint32_t i = 1 + (uint32_t)rand_r(&seed) % WRITERS;
        spin(rand_r(&seed) % SPIN_MAX); /* writers that have just been woken are copying now */
        assert_true(WIFSIGNALED(processes_kill(&fixture->processes, pids[i])));
        pids[i] = start_writer(&writers[i]);
        replace_the_dead(fixture, writers, pids);
        check_rows(&stream);
    }
    for (uint32_t i = 1; i <= WRITERS; i++) {
        (void)processes_kill(&fixture->processes, pids[i]);
    }
    expect_whole_stream(fixture, &stream, &seed);
    assert_true(atomic_load(&fixture->segment.shared->append.recoveries) > 0);
}

/* -------------------------------------------------- deaths at chosen places ---- */

/* Writers that die on purpose while they hold the lock. */

static int die_while_copying(void *context)
{
    struct fixture *fixture = context;
    processes_die_quietly();
    const struct append append = append_of(fixture->agency, "1,0,\r\n", 6, 1);
    return append_and_die_while_copying(&fixture->segment, 1, &append);
}

static int die_before_counting(void *context)
{
    struct fixture *fixture = context;
    processes_die_quietly();
    const struct append append = append_of(fixture->agency, "1,0,\r\n", 6, 1);
    return append_and_die_before_counting(&fixture->segment, 1, &append);
}

/* True when the victim died by a signal, and not by its exit. */
static bool meets_its_death(struct fixture *fixture, int (*death)(void *context), void *victim)
{
    skip_without_robust_mutexes();
    processes_release(&fixture->processes);
    pid_t pid = processes_start(&fixture->processes, death, victim);
    return WIFSIGNALED(processes_wait(&fixture->processes, pid));
}

/* The counts and positions, and that appending goes on. */
static void expect_stored(struct fixture *fixture, uint64_t bets, uint64_t bytes)
{
    uint64_t end = 0;
    struct agency_claim claim = agencies_claim(&fixture->segment, fixture->agency);
    assert_int_equal(claim.bets, bets);
    assert_int_equal(claim.end_position, bytes);
    assert_int_equal(atomic_load(&fixture->agency->bytes), bytes);
    struct ring_pending pending = ring_take_pending(&fixture->segment);
    assert_int_equal(pending.count, bytes);
    assert_int_equal(claim.checksum, checksum_extend(CHECKSUM_EMPTY, pending.bytes, bytes));
    assert_int_equal(fixture->segment.shared->append.checksum, claim.checksum);
    assert_int_equal(append_as_agency(fixture, "next", 4, 1, &end), APPEND_DONE);
    assert_int_equal(end, bytes + 4);
    assert_memory_equal(ring_take_pending(&fixture->segment).bytes + bytes, "next", 4);
    assert_int_equal(atomic_load(&fixture->agency->bets), bets + 1);
    assert_int_equal(atomic_load(&fixture->agency->checksum),
                     checksum_extend(claim.checksum, "next", 4));
}

static void a_writer_that_dies_while_copying_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_true(meets_its_death(fixture, die_while_copying, fixture));
    expect_stored(fixture, 0, 0);
    assert_int_equal(atomic_load(&fixture->segment.shared->append.recoveries), 1);
}

static void a_writer_that_dies_before_counting_is_counted_by_the_next_one(void **state)
{
    struct fixture *fixture = *state;
    assert_true(meets_its_death(fixture, die_before_counting, fixture));
    assert_int_equal(atomic_load(&fixture->agency->bets), 0);
    expect_stored(fixture, 1, 6);
    assert_int_equal(atomic_load(&fixture->segment.shared->append.recoveries), 1);
}

#ifdef LOTTERY_FAULT_POINTS /* VARIANT=faults */

struct marked_victim {
    struct fixture *fixture;
    const char *fault_points;
    char token[SCRATCH_PATH_BYTES + 8];
};

static int die_at_fault_point(void *context)
{
    const struct marked_victim *victim = context;
    uint64_t end = 0;
    struct segment segment = victim->fixture->segment;
    const struct append append = append_of(victim->fixture->agency, "1,0,\r\n", 6, 1);
    if (setenv("LOTTERY_FAULT", victim->fault_points, 1) != 0 ||
        setenv("LOTTERY_FAULT_TOKEN", victim->token, 1) != 0) {
        return 1;
    }
    return (int)ring_append(&segment, 1, &append, &end);
}

static void a_writer_that_dies_at_a_fault_point_is_there_whole_or_not_at_all(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *point;
        bool stored;
    } deaths[] = {
        {"append.before:1:KILL", false}, {"append.copied:1:KILL", false},
        {"append.noted:1:KILL", false},  {"append.moved:1:KILL", true},
        {"append.counted:1:KILL", true}, {"append.after:1:KILL", true},
    };
    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
        struct marked_victim victim = {.fixture = fixture, .fault_points = deaths[i].point};
        (void)snprintf(victim.token, sizeof victim.token, "%s/token", fixture->scratch.path);
        scratch_write(&fixture->scratch, "token", "", 0);
        assert_true(meets_its_death(fixture, die_at_fault_point, &victim));
        expect_stored(fixture, deaths[i].stored ? 1 : 0, deaths[i].stored ? 6 : 0);
        (void)tear_down(state);
        (void)set_up(state);
    }
}

#endif

#define RING_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RING_TEST(positions_start_where_the_file_ends),
        RING_TEST(what_is_appended_is_pending_until_it_is_written),
        RING_TEST(an_append_wakes_the_storer_where_it_sleeps),
        RING_TEST(an_agencys_counts_move_with_head),
        RING_TEST(checksums_of_appends_are_joined_by_agency_and_for_all),
        RING_TEST(bytes_across_the_rings_end_stand_in_one_piece),
        RING_TEST(a_ring_can_be_filled_to_the_last_byte_and_no_further),
        RING_TEST(who_comes_while_others_wait_for_space_waits_for_its_turn),
        RING_TEST(an_append_waits_while_the_engine_lacks_too_much),
        RING_TEST(waiting_for_space_ends_when_the_server_is_halted),
        RING_TEST(a_newer_claim_fences_older_ones_and_who_has_none),
        RING_TEST(an_agency_that_is_done_appends_no_more),
        RING_TEST(nothing_is_appended_once_the_draw_has_begun),
        RING_TEST(every_result_has_a_text_of_its_own),
        RING_TEST(many_writers_lose_and_double_nothing),
        RING_TEST(writers_killed_anywhere_leave_whole_rows_in_order),
        RING_TEST(a_writer_that_dies_while_copying_leaves_nothing),
        RING_TEST(a_writer_that_dies_before_counting_is_counted_by_the_next_one),
#ifdef LOTTERY_FAULT_POINTS
        RING_TEST(a_writer_that_dies_at_a_fault_point_is_there_whole_or_not_at_all),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
