/*
 * test_checkpoints.c - when the storer takes a checkpoint, and when it may be written.
 *
 * The one that is due in a second is not waited for: either the time is asked to be over
 * (checkpoints_hurry), or it is put far into the future.
 */
#include "server/storer/checkpoints.h"

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "shm/agencies.h"
#include "tests/harness/heritages.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, AGENCY_LIMIT = 4, ROW_BYTES = 25, FAR_MS = 3600 * 1000 };

static const char identity[] = "00112233445566778899aabbccddeeff";
static const char rows[] = "1,a,b,1,2000-01-01,7574\r\n1,c,d,1,2000-01-01,7574\r\n";

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    struct checkpoints checkpoints;
    int bets;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.bets = -1};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of the failures that are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = AGENCY_LIMIT});
    scratch_write(&fixture.scratch, DATA_BETS_FILE, rows, sizeof rows - 1);
    fixture.bets = openat(fixture.scratch.descriptor, DATA_BETS_FILE, O_RDONLY | O_CLOEXEC);
    assert_true(fixture.bets >= 0);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    checkpoints_close(&fixture->checkpoints);
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    if (fixture->bets >= 0) {
        (void)close(fixture->bets);
    }
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* So many rows of agency 1 have been appended. */
static void append(const struct fixture *fixture, uint64_t count)
{
    struct agency *agency = agencies_find_or_add(&fixture->heritage.segment, 1);
    assert_non_null(agency);
    uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, rows, (size_t)count * ROW_BYTES);
    atomic_store(&agency->bets, count);
    atomic_store(&agency->bytes, count * ROW_BYTES);
    atomic_store(&agency->checksum, checksum);
    atomic_store(&fixture->heritage.segment.shared->positions.head, count * ROW_BYTES);
    fixture->heritage.segment.shared->append.checksum = checksum;
}

/* So many rows are on the disk. */
static void flush(const struct fixture *fixture, uint64_t count)
{
    atomic_store(&fixture->heritage.segment.shared->positions.durable, count * ROW_BYTES);
}

static bool are_due(struct fixture *fixture)
{
    return checkpoints_are_due(&fixture->checkpoints, &fixture->heritage.segment);
}

static void write_it(struct fixture *fixture)
{
    checkpoints_write(&fixture->checkpoints, &fixture->heritage.directory, identity, fixture->bets);
    assert_null(fixture->checkpoints.taken.agencies);
}

/* The file says this many rows of agency 1. */
static void expect_file(const struct fixture *fixture, uint64_t count)
{
    struct checkpoint checkpoint;
    struct failure failure = {.text = ""};
    if (checkpoint_read(&fixture->heritage.directory, identity, fixture->bets,
                        CHECKPOINT_VERIFY_ALL, &checkpoint, &failure) != CHECKPOINT_READ) {
        fail_msg("no checkpoint: %s", failure.text);
    }
    assert_int_equal(checkpoint.position, count * ROW_BYTES);
    assert_int_equal(checkpoint.count, 1);
    assert_int_equal(checkpoint.agencies[0].id, 1);
    assert_int_equal(checkpoint.agencies[0].bets, count);
    assert_int_equal(checkpoint.agencies[0].bytes, count * ROW_BYTES);
    checkpoint_close(&checkpoint);
}

/* ------------------------------------------------------------------- when ---- */

static void none_is_due_while_nothing_is_durable(void **state)
{
    struct fixture *fixture = *state;
    assert_false(are_due(fixture));
    append(fixture, 1);
    assert_false(are_due(fixture));
    assert_null(fixture->checkpoints.taken.agencies); /* nor is one taken */
}

static void one_is_written_only_when_all_that_it_counts_is_durable(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 2);
    flush(fixture, 1);
    assert_false(are_due(fixture)); /* it was taken, and waits for the second row */
    assert_non_null(fixture->checkpoints.taken.agencies);
    assert_int_equal(fixture->checkpoints.taken.position, 2 * ROW_BYTES);
    assert_false(are_due(fixture));
    flush(fixture, 2);
    assert_true(are_due(fixture));
    write_it(fixture);
    expect_file(fixture, 2);
}

static void what_is_appended_after_it_was_taken_is_not_in_it(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    checkpoints_take(&fixture->checkpoints, &fixture->heritage.segment);
    append(fixture, 2);
    flush(fixture, 2);
    assert_true(are_due(fixture));
    assert_int_equal(fixture->checkpoints.taken.position, ROW_BYTES);
    write_it(fixture);
    expect_file(fixture, 1);
}

static void one_that_is_taken_again_counts_everything(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    checkpoints_take(&fixture->checkpoints, &fixture->heritage.segment);
    append(fixture, 2);
    checkpoints_take(&fixture->checkpoints,
                     &fixture->heritage.segment); /* the first one is freed */
    flush(fixture, 1);
    assert_false(are_due(fixture));
    flush(fixture, 2);
    assert_true(are_due(fixture));
    write_it(fixture);
    expect_file(fixture, 2);
}

static void the_next_one_is_due_a_second_later(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    flush(fixture, 1);
    assert_true(are_due(fixture)); /* the first one at once */
    int64_t before_ms = clock_monotonic_ms();
    write_it(fixture);
    assert_in_range(fixture->checkpoints.due_ms, before_ms + 1000, clock_monotonic_ms() + 1000);
    append(fixture, 2);
    flush(fixture, 2);
    fixture->checkpoints.due_ms += FAR_MS;
    assert_false(are_due(fixture));
    assert_null(fixture->checkpoints.taken.agencies);
    fixture->checkpoints.due_ms = clock_monotonic_ms(); /* the time has come */
    assert_true(are_due(fixture));
}

static void one_that_is_hurried_does_not_wait_for_its_time(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    flush(fixture, 1);
    fixture->checkpoints.due_ms = clock_monotonic_ms() + FAR_MS;
    assert_false(are_due(fixture));
    checkpoints_hurry(&fixture->checkpoints);
    assert_true(are_due(fixture));
    write_it(fixture);
    expect_file(fixture, 1);
}

static void where_nothing_has_come_in_since_no_hurry_makes_one_due(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    flush(fixture, 1);
    assert_true(are_due(fixture));
    write_it(fixture);
    checkpoints_hurry(&fixture->checkpoints);
    assert_false(are_due(fixture));
    assert_null(fixture->checkpoints.taken.agencies);
}

/* ---------------------------------------------------------------- writing ---- */

static void where_none_was_taken_none_is_written(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    flush(fixture, 1);
    write_it(fixture);
    checkpoints_take(&fixture->checkpoints, &fixture->heritage.segment);
    checkpoints_close(&fixture->checkpoints);
    write_it(fixture);
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
    assert_int_equal(fixture->checkpoints.written_position, 0);
}

/* Else a disk that takes none would be asked for one with every flush. */
static void one_that_cannot_be_written_is_not_tried_again_at_once(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1);
    flush(fixture, 1);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_CHECKPOINT_FILE, 0700), 0);
    assert_true(are_due(fixture));
    write_it(fixture);
    assert_false(are_due(fixture));
    assert_int_equal(fixture->checkpoints.written_position, ROW_BYTES);
    assert_in_range(fixture->checkpoints.due_ms, 1, clock_monotonic_ms() + 1000);
    assert_int_equal(unlinkat(fixture->scratch.descriptor, DATA_CHECKPOINT_FILE, AT_REMOVEDIR), 0);
    append(fixture, 2);
    flush(fixture, 2);
    checkpoints_hurry(&fixture->checkpoints);
    assert_true(are_due(fixture));
    write_it(fixture);
    expect_file(fixture, 2);
}

/* -------------------------------------------------------------- no memory ---- */

enum { MEMORY_BYTES = 1 << 30, NO_LIMIT = 99 };

/* In a child: the table has more entries than memory takes. */
static int take_without_memory(void *context)
{
    struct fixture *fixture = context;
    const struct rlimit limit = {MEMORY_BYTES, MEMORY_BYTES};
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        return NO_LIMIT;
    }
    fixture->heritage.segment.shared->identity.agency_capacity = UINT32_MAX;
    bool due = are_due(fixture);
    checkpoints_take(&fixture->checkpoints, &fixture->heritage.segment);
    bool taken = fixture->checkpoints.taken.agencies != NULL;
    checkpoints_write(&fixture->checkpoints, &fixture->heritage.directory, identity, fixture->bets);
    return due || taken ? 1 : 0;
}

static void without_memory_there_is_none(void **state)
{
    struct fixture *fixture = *state;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* its allocator wants more address space, and ends a program that gets none */
#endif
    append(fixture, 1);
    flush(fixture, 1);
    uint32_t capacity = fixture->heritage.segment.shared->identity.agency_capacity;
    pid_t pid = processes_start(&fixture->processes, take_without_memory, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
    fixture->heritage.segment.shared->identity.agency_capacity = capacity;
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
    assert_true(are_due(fixture)); /* where there is some again, there is one again */
}

#define CHECKPOINTS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECKPOINTS_TEST(none_is_due_while_nothing_is_durable),
        CHECKPOINTS_TEST(one_is_written_only_when_all_that_it_counts_is_durable),
        CHECKPOINTS_TEST(what_is_appended_after_it_was_taken_is_not_in_it),
        CHECKPOINTS_TEST(one_that_is_taken_again_counts_everything),
        CHECKPOINTS_TEST(the_next_one_is_due_a_second_later),
        CHECKPOINTS_TEST(one_that_is_hurried_does_not_wait_for_its_time),
        CHECKPOINTS_TEST(where_nothing_has_come_in_since_no_hurry_makes_one_due),
        CHECKPOINTS_TEST(where_none_was_taken_none_is_written),
        CHECKPOINTS_TEST(one_that_cannot_be_written_is_not_tried_again_at_once),
        CHECKPOINTS_TEST(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
