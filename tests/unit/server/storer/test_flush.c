/*
 * test_flush.c - what a storer does with the bytes that the one before it wrote and did not sync.
 *
 * The positions are set by hand, as a storer that was killed leaves them.
 */
#include "server/storer/flush.h"

#include "lib/log.h"
#include "shm/ring.h"
#include "tests/harness/heritages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 256 * 1024, ROWS = 3000 };

static const char row[] = "1,Ana,Paz,30904465,1999-03-17,7574\r\n";
#define ROW_BYTES (sizeof row - 1)

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    struct disk disk;
    struct storage storage;
    char rows[ROWS * ROW_BYTES];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure = {.text = ""};
    fixture = (struct fixture){
        .heritage = {
            .config = {.ring_bytes = RING_BYTES, .agencies_expected = 1, .limit_agencies = 1}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES});
    heritages_add_lottery(&fixture.scratch, &fixture.heritage);
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(fixture.rows + i * ROW_BYTES, row, ROW_BYTES);
    }
    scratch_write(&fixture.scratch, DATA_BETS_FILE, fixture.rows, sizeof fixture.rows);
    fixture.disk =
        (struct disk){.heritage = &fixture.heritage, .segment = &fixture.heritage.segment};
    if (!storage_open(&fixture.storage, &fixture.disk, &failure)) {
        fail_msg("%s", failure.text);
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    storage_close(&fixture->storage);
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static struct shared_positions *positions_of(struct fixture *fixture)
{
    return &fixture->heritage.segment.shared->positions;
}

/* As a storer leaves them that has written all of it, and synced a part. */
static void set_positions(struct fixture *fixture, uint64_t durable, uint64_t written)
{
    atomic_store(&positions_of(fixture)->head, written);
    atomic_store(&positions_of(fixture)->written, written);
    atomic_store(&positions_of(fixture)->durable, durable);
}

/* The file was last written in 1970. */
static void set_back(const struct fixture *fixture)
{
    const struct timespec times[2] = {{0}, {0}};
    assert_int_equal(futimens(fixture->storage.bets.descriptor, times), 0);
}

static bool is_written_since(const struct fixture *fixture)
{
    struct stat status;
    assert_int_equal(fstat(fixture->storage.bets.descriptor, &status), 0);
    return status.st_mtime != 0;
}

static void expect_rows(const struct fixture *fixture)
{
    static char found[sizeof fixture->rows + 1];
    ssize_t bytes = pread(fixture->storage.bets.descriptor, found, sizeof found, 0);
    assert_int_equal(bytes, sizeof fixture->rows);
    assert_memory_equal(found, fixture->rows, sizeof fixture->rows);
}

/* --------------------------------------------------------------- tests ---- */

/* The storer may have been killed in an fdatasync that failed: then a sync alone succeeds without. */
static void what_was_written_and_not_synced_is_written_again(void **state)
{
    struct fixture *fixture = *state;
    set_positions(fixture, ROW_BYTES, sizeof fixture->rows);
    set_back(fixture);
    assert_true(flush_inherited(&fixture->storage));
    assert_true(is_written_since(fixture));
    assert_int_equal(atomic_load(&positions_of(fixture)->durable), sizeof fixture->rows);
    expect_rows(fixture);
}

static void what_is_durable_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    set_positions(fixture, sizeof fixture->rows, sizeof fixture->rows);
    set_back(fixture);
    assert_true(flush_inherited(&fixture->storage));
    assert_false(is_written_since(fixture));
}

static void a_file_that_was_cut_meanwhile_is_found(void **state)
{
    struct fixture *fixture = *state;
    set_positions(fixture, ROW_BYTES, sizeof fixture->rows);
    assert_int_equal(ftruncate(fixture->storage.bets.descriptor, (off_t)(2 * ROW_BYTES)), 0);
    assert_false(flush_inherited(&fixture->storage));
    assert_int_equal(atomic_load(&fixture->disk.trust), DISK_FILE_CHANGED);
    assert_int_equal(atomic_load(&positions_of(fixture)->durable), ROW_BYTES);
}

/* A sync that returns after a later one must not take back what that one has made durable. */
static void what_is_durable_stays_so(void **state)
{
    struct fixture *fixture = *state;
    set_positions(fixture, 0, 2 * ROW_BYTES);
    ring_report_durable(&fixture->heritage.segment, 2 * ROW_BYTES);
    ring_report_durable(&fixture->heritage.segment, ROW_BYTES);
    assert_int_equal(atomic_load(&positions_of(fixture)->durable), 2 * ROW_BYTES);
}

#define FLUSH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLUSH_TEST(what_was_written_and_not_synced_is_written_again),
        FLUSH_TEST(what_is_durable_is_left_alone),
        FLUSH_TEST(a_file_that_was_cut_meanwhile_is_found),
        FLUSH_TEST(what_is_durable_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
