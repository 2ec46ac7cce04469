/*
 * test_recovery.c - what a crash can have done to the files is cut off and
 * counted right; what no crash can have done is refused, and left untouched.
 */
#include "server/recovery.h"

#include "lib/log.h"
#include "shm/agencies.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 16384, AGENCY_LIMIT = 8 };

#define ROW_OF_1  "1,a,b,1,2000-01-01,7574\r\n"
#define ROW_OF_2  "2,\"\"\"c\",d,1,2000-01-01,7574\r\n"
#define ROW_OF_15 "15,Peñé,f,1,2000-01-01,7574\r\n"

struct fixture {
    struct scratch scratch;
    struct heritage heritage;
};

/* ------------------------------------------------- a disk that has lied ---- */

/*
 * What a disk holds of a file whose pages could not be written, while the page cache
 * shows them: here the file itself is the page cache, and is overwritten
 * with the disk's bytes as soon as the kernel is asked to forget it.
 */
static struct {
    const char *bytes; /* NULL: the disk holds what the cache shows */
    size_t count;
    bool synced; /* the file was, before it was to be forgotten */
    off_t from;  /* as far back as that was asked for */
} disk;

/* In place of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fsync(int file)
{
    disk.synced = true;
    return fdatasync(file);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int posix_fadvise(int file, off_t from, off_t count, int advice)
{
    if (advice == POSIX_FADV_DONTNEED && disk.bytes != NULL) {
        assert_true(disk.synced); /* else dirty pages would stay */
        assert_int_equal(count, 0);
        disk.from = from;
        assert_int_equal(pwrite(file, disk.bytes, disk.count, 0), disk.count);
        disk.bytes = NULL;
    }
    return 0;
}

static void let_the_disk_hold(const char *bytes, size_t count)
{
    disk.bytes = bytes;
    disk.count = count;
    disk.synced = false;
    disk.from = -1;
}

static void create_segment(struct fixture *fixture)
{
    struct failure failure;
    const struct segment_plan plan = {
        .directory_device = fixture->scratch.device,
        .directory_inode = fixture->scratch.inode,
        .ring_bytes = RING_BYTES,
        .agency_limit = AGENCY_LIMIT,
        .agencies_expected = 1,
        .slot_capacity = 1,
    };
    assert_true(segment_create(&plan, &fixture->heritage.segment, &failure));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.config = {.ring_bytes = RING_BYTES}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_CRITICAL);
    scratch_open(&fixture.scratch);
    fixture.heritage.directory = (struct data_directory){
        .path = fixture.scratch.path, .descriptor = fixture.scratch.descriptor, .lock = -1};
    create_segment(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->heritage.segment.shared != NULL) {
        segment_remove(&fixture->heritage.segment);
    }
    scratch_close(&fixture->scratch);
    return 0;
}

/* A server that starts anew with these files; "" stands for a file that is missing. */
static bool recover(struct fixture *fixture, const char *bets, size_t bets_bytes, const char *done,
                    struct failure *failure)
{
    segment_remove(&fixture->heritage.segment);
    create_segment(fixture);
    (void)unlinkat(fixture->scratch.descriptor, "bets.csv", 0);
    (void)unlinkat(fixture->scratch.descriptor, "done.csv", 0);
    if (bets_bytes > 0) {
        scratch_write(&fixture->scratch, "bets.csv", bets, bets_bytes);
    }
    if (done[0] != '\0') {
        scratch_write(&fixture->scratch, "done.csv", done, strlen(done));
    }
    return recovery_run(&fixture->heritage, failure);
}

static void expect_file(const struct fixture *fixture, const char *name, const char *bytes,
                        size_t count)
{
    size_t got = 0;
    char *file = scratch_read(&fixture->scratch, name, &got);
    assert_int_equal(got, count);
    assert_memory_equal(file, bytes, count);
    free(file);
}

/* The counts of one agency; it may be missing where they are none. */
static void expect_agency(const struct fixture *fixture, uint32_t id, uint64_t bets, uint64_t bytes)
{
    const struct agency *agency = agencies_find(&fixture->heritage.segment, id);
    if (agency == NULL) {
        assert_int_equal(bets, 0);
        return;
    }
    assert_int_equal(atomic_load(&agency->bets), bets);
    assert_int_equal(atomic_load(&agency->bytes), bytes);
    assert_int_equal(atomic_load(&agency->end_position),
                     atomic_load(&fixture->heritage.segment.shared->positions.head));
}

/* Recovers from these bets, and expects that `good` bytes of them are left. */
static void expect_recovered(struct fixture *fixture, const char *bets, size_t bytes, size_t good)
{
    struct failure failure;
    if (!recover(fixture, bets, bytes, "", &failure)) {
        fail_msg("%zu bytes: %s", bytes, failure.text);
    }
    expect_file(fixture, "bets.csv", bets, good);
    const struct shared_positions *positions = &fixture->heritage.segment.shared->positions;
    assert_int_equal(atomic_load(&positions->head), good);
    assert_int_equal(atomic_load(&positions->written), good);
    assert_int_equal(atomic_load(&positions->durable), good);
}

static void expect_refused(struct fixture *fixture, const char *bets, size_t bytes,
                           const char *reason)
{
    struct failure failure = {.text = ""};
    if (recover(fixture, bets, bytes, "1\n2", &failure)) {
        fail_msg("recovered from '%.20s'", bets);
    }
    assert_non_null(strstr(failure.text, reason));
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    expect_file(fixture, "bets.csv", bets, bytes);
    expect_file(fixture, "done.csv", "1\n2", 3);
    assert_false(scratch_has(&fixture->scratch, "layout"));
}

/* --------------------------------------------------------------- tests ---- */

static void a_new_directory_gets_its_files(void **state)
{
    struct fixture *fixture = *state;
    expect_recovered(fixture, "", 0, 0);
    assert_true(scratch_has(&fixture->scratch, "bets.csv"));
    assert_true(scratch_has(&fixture->scratch, "done.csv"));
    assert_true(scratch_has(&fixture->scratch, "layout"));
    assert_int_equal(fixture->heritage.directory.last_ring_bytes, RING_BYTES);
    bool held = true;
    assert_true(recovery_look_for_draw(&fixture->heritage.directory, &held));
    assert_false(held);
    scratch_write(&fixture->scratch, "winners.csv", "", 0);
    assert_true(recovery_look_for_draw(&fixture->heritage.directory, &held));
    assert_true(held);
}

static void every_agencys_rows_are_counted(void **state)
{
    struct fixture *fixture = *state;
    static const char bets[] = ROW_OF_2 ROW_OF_1 ROW_OF_15 ROW_OF_2 ROW_OF_2;
    expect_recovered(fixture, bets, sizeof bets - 1, sizeof bets - 1);
    expect_agency(fixture, 1, 1, sizeof ROW_OF_1 - 1);
    expect_agency(fixture, 2, 3, 3 * (sizeof ROW_OF_2 - 1));
    expect_agency(fixture, 15, 1, sizeof ROW_OF_15 - 1);
}

static void a_tail_torn_at_any_byte_is_cut_at_the_last_whole_row(void **state)
{
    struct fixture *fixture = *state;
    static const char bets[] = ROW_OF_1 ROW_OF_2 ROW_OF_15;
    const size_t ends[] = {0, sizeof ROW_OF_1 - 1, sizeof ROW_OF_1 ROW_OF_2 - 1, sizeof bets - 1};
    for (size_t bytes = 0; bytes < sizeof bets; bytes++) {
        size_t rows = 3;
        while (ends[rows] > bytes) {
            rows--;
        }
        expect_recovered(fixture, bets, bytes, ends[rows]);
        expect_agency(fixture, 1, rows >= 1 ? 1 : 0, sizeof ROW_OF_1 - 1);
        expect_agency(fixture, 2, rows >= 2 ? 1 : 0, sizeof ROW_OF_2 - 1);
        expect_agency(fixture, 15, rows >= 3 ? 1 : 0, sizeof ROW_OF_15 - 1);
    }
}

static void pages_that_were_never_written_are_cut_off_with_all_behind_them(void **state)
{
    struct fixture *fixture = *state;
    enum { ZEROS = 4096 };
    static char bets[sizeof ROW_OF_1 + ZEROS + sizeof ROW_OF_2];
    const size_t good = sizeof ROW_OF_1 - 1;
    memcpy(bets, ROW_OF_1, good);
    expect_recovered(fixture, bets, good + ZEROS, good);
    memcpy(bets + good + ZEROS, ROW_OF_2, sizeof ROW_OF_2 - 1);
    expect_recovered(fixture, bets, good + ZEROS + sizeof ROW_OF_2 - 1, good);
    expect_agency(fixture, 2, 0, 0);
    memset(bets, 0, good); /* the very first page */
    expect_recovered(fixture, bets, good + ZEROS + sizeof ROW_OF_2 - 1, 0);
}

static void good_rows_behind_a_bad_one_are_cut_off_with_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {
        "1,a,b,x,2000-01-01,7574\r\n", "1,a,b,1,2000-13-01,7574\r\n",   "\r\n", "\n",
        "1,a,b,1,2000-01-01,7574\n",   "1,a,b,1,2000-01-01,7574\r\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bets[256];
        int bytes = snprintf(bets, sizeof bets, "%s%s%s", ROW_OF_1, bad[i], ROW_OF_2);
        expect_recovered(fixture, bets, (size_t)bytes, sizeof ROW_OF_1 - 1);
        expect_agency(fixture, 2, 0, 0);
    }
}

static void a_file_that_is_not_ours_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char *const foreign[] = {
        "Santiago Lionel,Lorca,30904465,1999-03-17,2201\n",
        "id,name\n1,x\n",
        "\n",
        " 1,a,b\r\n",
        "{\"json\": 1}",
        "-1,a,b,1,2000-01-01,7574\r\n",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        expect_refused(fixture, foreign[i], strlen(foreign[i]), "no file of bets");
    }
}

/* A message may be 64 kB and more, and so may the names in it. */
static void a_torn_first_row_is_ours_however_long_it_is(void **state)
{
    struct fixture *fixture = *state;
    static char bets[RING_BYTES + 1];
    memset(bets, 'x', sizeof bets);
    memcpy(bets, "1,", 2);
    static const size_t lengths[] = {4095, 4096, 4097, 8192, 10000, RING_BYTES};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        expect_recovered(fixture, bets, lengths[i], 0);
        bets[lengths[i] - 1] = '\0'; /* and pages behind it that were never written */
        expect_recovered(fixture, bets, RING_BYTES, 0);
        (void)unlinkat(fixture->scratch.descriptor, "layout", 0);
        bets[lengths[i] - 1] = '\n'; /* a whole line, and no row */
        expect_refused(fixture, bets, RING_BYTES, "no file of bets");
        bets[lengths[i] - 1] = 'x';
    }
    memset(bets, '1', sizeof bets); /* no agency has so many digits */
    expect_refused(fixture, bets, RING_BYTES, "no file of bets");
}

static void damage_further_from_the_end_than_a_crash_can_reach_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static char bets[sizeof ROW_OF_1 + RING_BYTES + 1];
    const size_t good = sizeof ROW_OF_1 - 1;
    memset(bets, 'x', sizeof bets);
    memcpy(bets, ROW_OF_1, good);
    expect_refused(fixture, bets, good + RING_BYTES + 1, "row 2");
    expect_recovered(fixture, bets, good + RING_BYTES, good);
}

/* The draw is held when all of bets.csv is durable, and nothing is written behind it. */
static void no_damage_at_all_is_cut_off_once_the_draw_was_held(void **state)
{
    struct fixture *fixture = *state;
    static const char bets[] = ROW_OF_1 ROW_OF_2;
    scratch_write(&fixture->scratch, "winners.csv", "", 0);
    expect_refused(fixture, bets, sizeof bets - 2, "when the draw was held");
    expect_refused(fixture, bets, 1, "when the draw was held");
    expect_recovered(fixture, bets, sizeof bets - 1, sizeof bets - 1);
    (void)unlinkat(fixture->scratch.descriptor, "bets.csv", 0);
    struct failure failure = {.text = ""};
    assert_false(recovery_run(&fixture->heritage, &failure));
    assert_non_null(strstr(failure.text, "when the draw was held"));
    assert_false(scratch_has(&fixture->scratch, "bets.csv"));
}

static void the_ring_of_the_server_that_wrote_last_is_what_counts(void **state)
{
    struct fixture *fixture = *state;
    static char bets[sizeof ROW_OF_1 + RING_BYTES + 1];
    const size_t good = sizeof ROW_OF_1 - 1;
    memset(bets, 'x', sizeof bets);
    memcpy(bets, ROW_OF_1, good);
    fixture->heritage.directory.last_ring_bytes = 100;
    expect_refused(fixture, bets, good + 101, "100 at most");
    fixture->heritage.directory.last_ring_bytes = RING_BYTES + 1;
    expect_recovered(fixture, bets, good + RING_BYTES + 1, good);
}

static void more_agencies_than_the_table_holds_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char bets[1024];
    int bytes = 0;
    for (int i = 0; i <= AGENCY_LIMIT; i++) {
        if (i == AGENCY_LIMIT) {
            expect_recovered(fixture, bets, (size_t)bytes, (size_t)bytes);
            (void)unlinkat(fixture->scratch.descriptor, "layout", 0);
        }
        bytes +=
            snprintf(bets + bytes, sizeof bets - (size_t)bytes, "%d,a,b,1,2000-01-01,1\r\n", i);
    }
    expect_refused(fixture, bets, (size_t)bytes, "more agencies");
}

/* -------------------------------------------------------- failed syncs ---- */

static void what_only_the_page_cache_holds_is_not_counted(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    static const char cached[] = ROW_OF_1 ROW_OF_2 ROW_OF_15;
    static char stored[sizeof cached];
    const size_t good = sizeof ROW_OF_1 - 1;
    memcpy(stored, ROW_OF_1, good); /* and a page that was never written */
    let_the_disk_hold(stored, sizeof cached - 1);
    if (!recover(fixture, cached, sizeof cached - 1, "", &failure)) {
        fail_msg("%s", failure.text);
    }
    expect_file(fixture, "bets.csv", cached, good);
    expect_agency(fixture, 1, 1, good);
    expect_agency(fixture, 2, 0, 0);
    expect_agency(fixture, 15, 0, 0);
}

/* All that a crash can have left unsynced is read again, and not much more of a large file. */
static void only_the_end_of_a_large_file_is_read_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    enum { ROWS = 400000, ROW_BYTES = sizeof ROW_OF_1 - 1, BYTES = ROWS * ROW_BYTES };
    char *bets = malloc(BYTES);
    assert_non_null(bets);
    for (size_t at = 0; at < BYTES; at += ROW_BYTES) {
        memcpy(bets + at, ROW_OF_1, ROW_BYTES);
    }
    let_the_disk_hold(bets, BYTES);
    bool recovered = recover(fixture, bets, BYTES, "", &failure);
    free(bets);
    assert_true(recovered);
    assert_true(disk.from > BYTES / 2);
    assert_true(disk.from <= BYTES - RING_BYTES);
}

static void agencies_that_are_done_are_known_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    assert_true(
        recover(fixture, ROW_OF_1 ROW_OF_2, sizeof ROW_OF_1 ROW_OF_2 - 1, "2\n7\n2\n", &failure));
    const struct segment *segment = &fixture->heritage.segment;
    assert_int_equal(atomic_load(&segment->shared->storer.agencies_done), 2);
    assert_int_equal(atomic_load(&agencies_find(segment, 1)->phase), AGENCY_OPEN);
    assert_int_equal(atomic_load(&agencies_find(segment, 2)->phase), AGENCY_DONE);
    assert_int_equal(atomic_load(&agencies_find(segment, 7)->phase), AGENCY_DONE);
}

static void a_done_line_cut_short_is_no_line(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    assert_true(recover(fixture, "", 0, "2\n15", &failure));
    expect_file(fixture, "done.csv", "2\n", 2);
    assert_null(agencies_find(&fixture->heritage.segment, 15));
    assert_null(agencies_find(&fixture->heritage.segment, 1));
    assert_int_equal(atomic_load(&fixture->heritage.segment.shared->storer.agencies_done), 1);
}

#define RECOVERY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECOVERY_TEST(a_new_directory_gets_its_files),
        RECOVERY_TEST(every_agencys_rows_are_counted),
        RECOVERY_TEST(a_tail_torn_at_any_byte_is_cut_at_the_last_whole_row),
        RECOVERY_TEST(pages_that_were_never_written_are_cut_off_with_all_behind_them),
        RECOVERY_TEST(good_rows_behind_a_bad_one_are_cut_off_with_it),
        RECOVERY_TEST(a_file_that_is_not_ours_is_refused_and_left_alone),
        RECOVERY_TEST(a_torn_first_row_is_ours_however_long_it_is),
        RECOVERY_TEST(damage_further_from_the_end_than_a_crash_can_reach_is_refused),
        RECOVERY_TEST(no_damage_at_all_is_cut_off_once_the_draw_was_held),
        RECOVERY_TEST(the_ring_of_the_server_that_wrote_last_is_what_counts),
        RECOVERY_TEST(more_agencies_than_the_table_holds_are_refused),
        RECOVERY_TEST(what_only_the_page_cache_holds_is_not_counted),
        RECOVERY_TEST(only_the_end_of_a_large_file_is_read_again),
        RECOVERY_TEST(agencies_that_are_done_are_known_again),
        RECOVERY_TEST(a_done_line_cut_short_is_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
