/*
 * test_checkpoint.c - a checkpoint is restored whole or not at all, and a
 * recovery that goes on from one ends where one that counts everything does.
 * What a whole one promises is never cut off.
 */
#include "server/checkpoint.h"

#include "lib/log.h"
#include "server/recovery.h"
#include "shm/agencies.h"
#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 16384,
    AGENCY_LIMIT = 8,
    AGENCIES = 3,
    ROWS = 400,      /* of the file when the checkpoint is made: more than its proof */
    MORE_ROWS = 100, /* that come behind it */
    ROW_BYTES_MAX = 64,
    PROOF_BYTES = 4096, /* of bets.csv, that a checkpoint is held against */
    FILE_BYTES_MAX = (ROWS + MORE_ROWS) * ROW_BYTES_MAX,
};

#define CHECKPOINT_TMP DATA_CHECKPOINT_FILE ".tmp"

/* What a table says of the agencies 1 to AGENCIES. */
struct counts {
    uint64_t bets[AGENCIES + 1], bytes[AGENCIES + 1];
    uint64_t position;
};

struct fixture {
    struct scratch scratch;
    struct heritage heritage;
    char bets[FILE_BYTES_MAX]; /* of bets.csv */
    size_t checkpoint_bytes, all_bytes;
    struct counts at_checkpoint, at_end;
    int file; /* bets.csv */
};

static void create_segment(struct fixture *fixture, uint32_t agency_limit)
{
    struct failure failure;
    const struct segment_plan plan = {
        .directory_device = fixture->scratch.device,
        .directory_inode = fixture->scratch.inode,
        .ring_bytes = RING_BYTES,
        .agency_limit = agency_limit,
        .agencies_expected = 1,
        .slot_capacity = 1,
    };
    if (fixture->heritage.segment.shared != NULL) {
        segment_remove(&fixture->heritage.segment);
    }
    assert_true(segment_create(&plan, &fixture->heritage.segment, &failure));
}

/* Adds rows from number `from` on; the agencies take turns, each by runs of its own length. */
static size_t put_rows(struct fixture *fixture, size_t used, struct counts *counts, unsigned from,
                       unsigned rows)
{
    for (unsigned i = from; i < from + rows; i++) {
        unsigned agency = 1 + i % 7 % AGENCIES;
        int bytes = snprintf(fixture->bets + used, ROW_BYTES_MAX,
                             "%u,Ana %u,Peña,%u,1999-03-17,%u\r\n", agency, i, i * 7919, i);
        counts->bets[agency]++;
        counts->bytes[agency] += (uint64_t)bytes;
        used += (size_t)bytes;
    }
    counts->position = used;
    return used;
}

static void write_bets(struct fixture *fixture, const void *bytes, size_t count)
{
    if (fixture->file >= 0) {
        (void)close(fixture->file);
    }
    scratch_write(&fixture->scratch, DATA_BETS_FILE, bytes, count);
    fixture->file = openat(fixture->scratch.descriptor, DATA_BETS_FILE, O_RDONLY | O_CLOEXEC);
    assert_true(fixture->file >= 0);
}

/* Fills the table as if these had been appended. */
static void fill_table(struct fixture *fixture, const struct counts *counts)
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        struct agency *agency = agencies_find_or_add(&fixture->heritage.segment, id);
        assert_non_null(agency);
        atomic_store(&agency->bets, counts->bets[id]);
        atomic_store(&agency->bytes, counts->bytes[id]);
    }
    atomic_store(&fixture->heritage.segment.shared->positions.head, counts->position);
}

static void make_checkpoint(struct fixture *fixture)
{
    struct checkpoint checkpoint = {0};
    fill_table(fixture, &fixture->at_checkpoint);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    assert_int_equal(checkpoint.position, fixture->at_checkpoint.position);
    fill_table(fixture, &fixture->at_end); /* what comes later is not in it */
    checkpoint_write(&checkpoint, &fixture->heritage.directory, fixture->file);
    assert_null(checkpoint.image);
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.file = -1;
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of every refusal */
    scratch_open(&fixture.scratch);
    fixture.heritage.config.ring_bytes = RING_BYTES;
    fixture.heritage.directory = (struct data_directory){
        .path = fixture.scratch.path, .descriptor = fixture.scratch.descriptor, .lock = -1};
    create_segment(&fixture, AGENCY_LIMIT);
    fixture.checkpoint_bytes = put_rows(&fixture, 0, &fixture.at_checkpoint, 0, ROWS);
    fixture.at_end = fixture.at_checkpoint;
    fixture.all_bytes =
        put_rows(&fixture, fixture.checkpoint_bytes, &fixture.at_end, ROWS, MORE_ROWS);
    write_bets(&fixture, fixture.bets, fixture.all_bytes);
    make_checkpoint(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->file >= 0) {
        (void)close(fixture->file);
    }
    if (fixture->heritage.segment.shared != NULL) {
        segment_remove(&fixture->heritage.segment);
    }
    scratch_close(&fixture->scratch);
    return 0;
}

static void expect_counts(const struct fixture *fixture, const struct counts *counts)
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        const struct agency *agency = agencies_find(&fixture->heritage.segment, id);
        assert_non_null(agency);
        assert_int_equal(atomic_load(&agency->bets), counts->bets[id]);
        assert_int_equal(atomic_load(&agency->bytes), counts->bytes[id]);
    }
    assert_int_equal(fixture->heritage.segment.shared->append.agencies_present, AGENCIES);
}

static uint64_t restore(struct fixture *fixture, uint64_t *bets)
{
    *bets = 0;
    return checkpoint_restore(&fixture->heritage.directory, &fixture->heritage.segment,
                              fixture->file, bets);
}

/* Into a new table. */
static void expect_restored(struct fixture *fixture)
{
    uint64_t bets = 0;
    create_segment(fixture, AGENCY_LIMIT);
    assert_int_equal(restore(fixture, &bets), fixture->at_checkpoint.position);
    assert_int_equal(bets, ROWS);
    expect_counts(fixture, &fixture->at_checkpoint);
}

/* The table, which has to be empty before, stays so. */
static void expect_refused(struct fixture *fixture, const char *what, size_t where)
{
    uint64_t bets = 0;
    uint64_t position = restore(fixture, &bets);
    if (position != 0 || bets != 0 ||
        fixture->heritage.segment.shared->append.agencies_present != 0) {
        fail_msg("%s %zu: restored up to %llu", what, where, (unsigned long long)position);
    }
}

/* ------------------------------------------------------- write and restore ---- */

static void what_was_written_is_restored(void **state)
{
    struct fixture *fixture = *state;
    expect_restored(fixture);
    expect_restored(fixture); /* reading it changes nothing */
}

static void there_is_none_where_none_was_written(void **state)
{
    struct fixture *fixture = *state;
    checkpoint_remove(&fixture->heritage.directory);
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
    create_segment(fixture, AGENCY_LIMIT);
    expect_refused(fixture, "no file", 0);
    checkpoint_remove(&fixture->heritage.directory); /* harmless */
}

static void a_newer_checkpoint_takes_the_olders_place(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bets = 0;
    struct checkpoint checkpoint = {0};
    fill_table(fixture, &fixture->at_checkpoint);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    fill_table(fixture, &fixture->at_end);
    checkpoint_take(&checkpoint, &fixture->heritage.segment); /* the first one is freed */
    checkpoint_write(&checkpoint, &fixture->heritage.directory, fixture->file);
    create_segment(fixture, AGENCY_LIMIT);
    assert_int_equal(restore(fixture, &bets), fixture->all_bytes);
    assert_int_equal(bets, ROWS + MORE_ROWS);
    expect_counts(fixture, &fixture->at_end);
}

static void a_checkpoint_that_was_dropped_is_not_written(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = {0};
    checkpoint_remove(&fixture->heritage.directory);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    checkpoint_drop(&checkpoint);
    assert_null(checkpoint.image);
    assert_int_equal(checkpoint.position, 0);
    checkpoint_write(&checkpoint, &fixture->heritage.directory, fixture->file);
    checkpoint_drop(&checkpoint);
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
}

static void one_that_cannot_be_written_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = {0};
    fill_table(fixture, &fixture->at_end);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    int empty = openat(fixture->scratch.descriptor, "empty", O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(empty >= 0);
    checkpoint_write(&checkpoint, &fixture->heritage.directory, empty); /* it lacks the bytes */
    (void)close(empty);
    assert_null(checkpoint.image);
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    expect_restored(fixture);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, CHECKPOINT_TMP, 0755), 0);
    fill_table(fixture, &fixture->at_end);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    checkpoint_write(&checkpoint, &fixture->heritage.directory, fixture->file);
    assert_null(checkpoint.image);
    expect_restored(fixture);
}

static void one_that_cannot_be_put_into_place_leaves_nothing_unfinished(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = {0};
    checkpoint_remove(&fixture->heritage.directory);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_CHECKPOINT_FILE, 0755), 0);
    checkpoint_take(&checkpoint, &fixture->heritage.segment);
    checkpoint_write(&checkpoint, &fixture->heritage.directory, fixture->file);
    assert_null(checkpoint.image);
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    create_segment(fixture, AGENCY_LIMIT);
    expect_refused(fixture, "directory", 0);
}

static void a_short_file_of_bets_is_proved_by_all_of_it(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bets = 0;
    memset(&fixture->at_checkpoint, 0, sizeof fixture->at_checkpoint);
    size_t bytes = put_rows(fixture, 0, &fixture->at_checkpoint, 0, AGENCIES);
    assert_true(bytes < PROOF_BYTES);
    write_bets(fixture, fixture->bets, bytes);
    make_checkpoint(fixture);
    create_segment(fixture, AGENCY_LIMIT);
    assert_int_equal(restore(fixture, &bets), bytes);
    assert_int_equal(bets, AGENCIES);
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t at = 0; at < bytes; at++) {
        fixture->bets[at] ^= 1;
        write_bets(fixture, fixture->bets, bytes);
        fixture->bets[at] ^= 1;
        expect_refused(fixture, "changed byte of bets.csv", at);
    }
}

/* ---------------------------------------------------------------- damage ---- */

static void every_single_byte_of_it_that_is_wrong_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 0;
    char *image = scratch_read(&fixture->scratch, DATA_CHECKPOINT_FILE, &count);
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t at = 0; at < count; at++) {
        static const char flips[] = {1, (char)0x80, (char)0xff};
        for (size_t i = 0; i < sizeof flips; i++) {
            image[at] = (char)(image[at] ^ flips[i]);
            scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, image, count);
            image[at] = (char)(image[at] ^ flips[i]);
            expect_refused(fixture, "wrong byte", at);
        }
    }
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, image, count);
    free(image);
    expect_restored(fixture);
}

static void a_checkpoint_of_another_length_is_none(void **state)
{
    struct fixture *fixture = *state;
    enum { ZEROS = 4096 };
    size_t count = 0;
    char *image = scratch_read(&fixture->scratch, DATA_CHECKPOINT_FILE, &count);
    char *longer = calloc(1, count + ZEROS);
    assert_non_null(longer);
    memcpy(longer, image, count);
    free(image);
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t length = 0; length < count; length++) {
        scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, length);
        expect_refused(fixture, "length", length);
    }
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count + 1);
    expect_refused(fixture, "length", count + 1);
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count + ZEROS);
    expect_refused(fixture, "length", count + ZEROS);
    memset(longer, 0, count); /* pages that were never written */
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count);
    free(longer);
    expect_refused(fixture, "zeros", count);
}

static void a_file_of_bets_cut_below_its_position_refutes_it(void **state)
{
    struct fixture *fixture = *state;
    static const size_t lost[] = {1, 2, 100, PROOF_BYTES - 1, PROOF_BYTES, PROOF_BYTES + 1};
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        write_bets(fixture, fixture->bets, fixture->checkpoint_bytes - lost[i]);
        expect_refused(fixture, "bytes lost", lost[i]);
    }
    write_bets(fixture, "", 0);
    expect_refused(fixture, "bytes left", 0);
    write_bets(fixture, fixture->bets, fixture->checkpoint_bytes); /* just enough */
    expect_restored(fixture);
}

static void bets_that_are_others_just_before_its_position_refute_it(void **state)
{
    struct fixture *fixture = *state;
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t back = 1; back <= PROOF_BYTES; back += back < 8 || back > PROOF_BYTES - 8 ? 1 : 7) {
        char *byte = &fixture->bets[fixture->checkpoint_bytes - back];
        *byte ^= 1;
        write_bets(fixture, fixture->bets, fixture->all_bytes);
        *byte ^= 1;
        expect_refused(fixture, "changed byte back", back);
    }
}

static void what_comes_behind_its_position_does_not_matter(void **state)
{
    struct fixture *fixture = *state;
    fixture->bets[fixture->checkpoint_bytes] ^= 1;
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    expect_restored(fixture);
}

static void more_agencies_than_the_table_takes_are_not_restored(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bets = 0;
    create_segment(fixture, AGENCIES - 1);
    expect_refused(fixture, "agencies", AGENCIES);
    create_segment(fixture, AGENCIES);
    assert_int_equal(restore(fixture, &bets), fixture->at_checkpoint.position);
    expect_counts(fixture, &fixture->at_checkpoint);
}

/* -------------------------------------------------------------- recovery ---- */

static void recover(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    create_segment(fixture, AGENCY_LIMIT);
    if (!recovery_run(&fixture->heritage, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void expect_recovered(struct fixture *fixture)
{
    recover(fixture);
    expect_counts(fixture, &fixture->at_end);
    assert_int_equal(atomic_load(&fixture->heritage.segment.shared->positions.durable),
                     fixture->all_bytes);
}

static void recovery_ends_with_the_same_counts_with_it_and_without(void **state)
{
    struct fixture *fixture = *state;
    expect_recovered(fixture);
    assert_true(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE)); /* it was used */
    checkpoint_remove(&fixture->heritage.directory);
    expect_recovered(fixture);
}

/* A row that is damaged before the proof: whoever counts from the beginning must refuse it. */
static void recovery_goes_on_from_it_and_does_not_look_back(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    fixture->bets[0] = 'x';
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    expect_recovered(fixture);
    checkpoint_remove(&fixture->heritage.directory);
    create_segment(fixture, AGENCY_LIMIT);
    assert_false(recovery_run(&fixture->heritage, &failure));
}

static void a_torn_tail_behind_it_is_cut_off(void **state)
{
    struct fixture *fixture = *state;
    write_bets(fixture, fixture->bets, fixture->checkpoint_bytes + 5); /* of the next row */
    recover(fixture);
    expect_counts(fixture, &fixture->at_checkpoint);
    size_t left = 0;
    free(scratch_read(&fixture->scratch, DATA_BETS_FILE, &left));
    assert_int_equal(left, fixture->checkpoint_bytes);
    recover(fixture); /* and it is still true */
    expect_counts(fixture, &fixture->at_checkpoint);
    assert_true(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
}

/* Were it left, bets.csv could grow past it, and agree with it by its last bytes alone. */
static void one_that_was_not_used_is_removed(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, "torn", 4);
    scratch_write(&fixture->scratch, CHECKPOINT_TMP, "half", 4);
    expect_recovered(fixture);
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    make_checkpoint(fixture);
    char *name = memrchr(fixture->bets, 'A', fixture->checkpoint_bytes);
    *name = 'E'; /* as valid as before, and refuted */
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    expect_recovered(fixture);
    assert_false(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
}

/* ---------------------------------------------------------------- promise ---- */

/* Recovery refuses and names both files; they and an unfinished checkpoint stay as they are. */
static void expect_start_refused(struct fixture *fixture, const char *bets, size_t count)
{
    struct failure failure = {.text = ""};
    size_t image_bytes = 0;
    char *image = scratch_read(&fixture->scratch, DATA_CHECKPOINT_FILE, &image_bytes);
    write_bets(fixture, bets, count);
    scratch_write(&fixture->scratch, CHECKPOINT_TMP, "half", 4);
    create_segment(fixture, AGENCY_LIMIT);
    bool recovered = recovery_run(&fixture->heritage, &failure);
    size_t bets_left = 0;
    size_t image_left = 0;
    char *bets_after = scratch_read(&fixture->scratch, DATA_BETS_FILE, &bets_left);
    char *image_after = scratch_read(&fixture->scratch, DATA_CHECKPOINT_FILE, &image_left);
    bool untouched = bets_left == count && memcmp(bets_after, bets, count) == 0 &&
                     image_left == image_bytes && memcmp(image_after, image, image_bytes) == 0;
    free(image);
    free(bets_after);
    free(image_after);
    assert_false(recovered);
    assert_true(untouched);
    assert_true(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    assert_false(scratch_has(&fixture->scratch, DATA_DONE_FILE));
    assert_non_null(strstr(failure.text, DATA_CHECKPOINT_FILE " proves"));
    assert_non_null(strstr(failure.text, fixture->scratch.path));
}

static void a_promise_is_told_whatever_bets_csv_holds(void **state)
{
    struct fixture *fixture = *state;
    const struct data_directory *directory = &fixture->heritage.directory;
    assert_int_equal(checkpoint_promise(directory), fixture->checkpoint_bytes);
    write_bets(fixture, "", 0);
    assert_int_equal(checkpoint_promise(directory), fixture->checkpoint_bytes);
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, "torn", 4);
    assert_int_equal(checkpoint_promise(directory), 0);
    checkpoint_remove(directory);
    assert_int_equal(checkpoint_promise(directory), 0);
}

static void damage_before_its_position_is_never_cut_off(void **state)
{
    struct fixture *fixture = *state;
    enum { DAMAGED = 10 };
    static const size_t places[] = {DAMAGED, 1000, 3000, PROOF_BYTES - 1}; /* before the position */
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char kept[DAMAGED];
        char *at = fixture->bets + fixture->checkpoint_bytes - places[i];
        memcpy(kept, at, DAMAGED);
        memset(at, 0, DAMAGED);
        expect_start_refused(fixture, fixture->bets, fixture->all_bytes);
        memcpy(at, kept, DAMAGED);
    }
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    expect_recovered(fixture); /* restored, it is accepted */
}

static void a_file_that_ends_before_its_position_is_never_accepted(void **state)
{
    struct fixture *fixture = *state;
    const char *last_row = memrchr(fixture->bets, '\n', fixture->checkpoint_bytes - 1);
    const size_t lengths[] = {fixture->checkpoint_bytes - 1, fixture->checkpoint_bytes / 2,
                              (size_t)(last_row + 1 - fixture->bets), 1, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        expect_start_refused(fixture, fixture->bets, lengths[i]);
    }
}

static void a_file_that_is_missing_is_not_made_where_there_was_one(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    assert_int_equal(unlinkat(fixture->scratch.descriptor, DATA_BETS_FILE, 0), 0);
    create_segment(fixture, AGENCY_LIMIT);
    assert_false(recovery_run(&fixture->heritage, &failure));
    assert_non_null(strstr(failure.text, DATA_CHECKPOINT_FILE " proves"));
    assert_false(scratch_has(&fixture->scratch, DATA_BETS_FILE));
    assert_true(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE));
}

#define CHECKPOINT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECKPOINT_TEST(what_was_written_is_restored),
        CHECKPOINT_TEST(there_is_none_where_none_was_written),
        CHECKPOINT_TEST(a_newer_checkpoint_takes_the_olders_place),
        CHECKPOINT_TEST(a_checkpoint_that_was_dropped_is_not_written),
        CHECKPOINT_TEST(one_that_cannot_be_written_leaves_the_one_before),
        CHECKPOINT_TEST(one_that_cannot_be_put_into_place_leaves_nothing_unfinished),
        CHECKPOINT_TEST(a_short_file_of_bets_is_proved_by_all_of_it),
        CHECKPOINT_TEST(every_single_byte_of_it_that_is_wrong_is_noticed),
        CHECKPOINT_TEST(a_checkpoint_of_another_length_is_none),
        CHECKPOINT_TEST(a_file_of_bets_cut_below_its_position_refutes_it),
        CHECKPOINT_TEST(bets_that_are_others_just_before_its_position_refute_it),
        CHECKPOINT_TEST(what_comes_behind_its_position_does_not_matter),
        CHECKPOINT_TEST(more_agencies_than_the_table_takes_are_not_restored),
        CHECKPOINT_TEST(recovery_ends_with_the_same_counts_with_it_and_without),
        CHECKPOINT_TEST(recovery_goes_on_from_it_and_does_not_look_back),
        CHECKPOINT_TEST(a_torn_tail_behind_it_is_cut_off),
        CHECKPOINT_TEST(one_that_was_not_used_is_removed),
        CHECKPOINT_TEST(a_promise_is_told_whatever_bets_csv_holds),
        CHECKPOINT_TEST(damage_before_its_position_is_never_cut_off),
        CHECKPOINT_TEST(a_file_that_ends_before_its_position_is_never_accepted),
        CHECKPOINT_TEST(a_file_that_is_missing_is_not_made_where_there_was_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
