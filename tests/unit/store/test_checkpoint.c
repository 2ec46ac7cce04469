/*
 * test_checkpoint.c - a checkpoint is restored whole or not at all, and a
 * recovery that goes on from one ends where one that counts everything does.
 * Bets that a whole one proves are never cut off.
 */
#include "store/checkpoint.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "server/storer/checkpoints.h"
#include "server/supervisor/recovery.h"
#include "shm/agencies.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/segments.h"

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
    CLAIMED_AGENCY = 2,
    ROWS = 400,      /* of the file when the checkpoint is made: more than its proof */
    MORE_ROWS = 100, /* that come behind it */
    ROW_BYTES_MAX = 64,
    PROOF_BYTES = 4096, /* of bets.csv, that a checkpoint is held against */
    FILE_BYTES_MAX = (ROWS + MORE_ROWS) * ROW_BYTES_MAX,
};

#define CHECKPOINT_TMP DATA_CHECKPOINT_FILE ".tmp"

static const char identity[] = "00112233445566778899aabbccddeeff";

/* What a table says of the agencies 1 to AGENCIES. */
struct counts {
    uint64_t bets[AGENCIES + 1], bytes[AGENCIES + 1], checksums[AGENCIES + 1];
    uint64_t position, checksum; /* of all */
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
    if (fixture->heritage.segment.shared != NULL) {
        segment_remove(&fixture->heritage.segment);
    }
    segments_create(&fixture->scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = agency_limit},
                    &fixture->heritage.segment);
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
        counts->checksums[agency] =
            checksum_extend(counts->checksums[agency], fixture->bets + used, (size_t)bytes);
        used += (size_t)bytes;
    }
    counts->position = used;
    counts->checksum = checksum_extend(CHECKSUM_EMPTY, fixture->bets, used);
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
        atomic_store(&agency->checksum, counts->checksums[id]);
        atomic_store(&agency->epoch, id == CLAIMED_AGENCY ? 7 : EPOCH_UNFENCED);
    }
    atomic_store(&fixture->heritage.segment.shared->positions.head, counts->position);
    fixture->heritage.segment.shared->append.checksum = counts->checksum;
}

/* What the storer would take now; the caller closes it. */
static struct checkpoint take(struct fixture *fixture)
{
    struct checkpoints checkpoints = {.due_ms = 0};
    checkpoints_take(&checkpoints, &fixture->heritage.segment);
    assert_non_null(checkpoints.taken.agencies);
    return checkpoints.taken;
}

/* Writes and closes it. */
static bool write_checkpoint_to(struct fixture *fixture, struct checkpoint *checkpoint,
                                const char *lottery, int bets_file)
{
    bool written = checkpoint_write(checkpoint, &fixture->heritage.directory, lottery, bets_file);
    checkpoint_close(checkpoint);
    return written;
}

static bool write_checkpoint(struct fixture *fixture, struct checkpoint *checkpoint)
{
    return write_checkpoint_to(fixture, checkpoint, identity, fixture->file);
}

static void remove_checkpoint(const struct fixture *fixture)
{
    (void)unlinkat(fixture->scratch.descriptor, DATA_CHECKPOINT_FILE, 0);
}

static void make_checkpoint(struct fixture *fixture)
{
    fill_table(fixture, &fixture->at_checkpoint);
    struct checkpoint checkpoint = take(fixture);
    assert_int_equal(checkpoint.position, fixture->at_checkpoint.position);
    fill_table(fixture, &fixture->at_end); /* what comes later is not in it */
    assert_true(write_checkpoint(fixture, &checkpoint));
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
}

/* What the server before this one has noted, of the terms that the configuration has too. */
static void set_control(struct fixture *fixture)
{
    struct control *control = &fixture->heritage.directory.control;
    fixture->heritage.config = (struct server_config){
        .ring_bytes = RING_BYTES, .agencies_expected = AGENCIES, .allowed = {.any = true}};
    *control = (struct control){.ring_bytes = RING_BYTES, .state = CONTROL_OPEN};
    memcpy(control->identity, identity, sizeof identity);
    server_config_terms(&fixture->heritage.config, &control->terms);
    fixture->heritage.directory.has_control = true;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    fixture.file = -1;
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of every refusal */
    scratch_open(&fixture.scratch);
    fixture.heritage.directory = scratch_directory(&fixture.scratch);
    set_control(&fixture);
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
        assert_int_equal(atomic_load(&agency->checksum), counts->checksums[id]);
    }
    assert_int_equal(fixture->heritage.segment.shared->append.agencies_present, AGENCIES);
}

/*
 * Who has been claimed is claimed, by nobody who is there. Recovery alone, without one, does
 * not know it.
 */
static void expect_claims(const struct fixture *fixture)
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        const struct agency *agency = agencies_find(&fixture->heritage.segment, id);
        assert_int_equal(atomic_load(&agency->epoch) != EPOCH_UNFENCED, id == CLAIMED_AGENCY);
    }
}

/* What a start goes on from. */
struct counted {
    uint64_t position, bets, checksum;
};

/* Reads it, and fills the table from it as recovery does. */
static enum checkpoint_answer restore_by(struct fixture *fixture, enum checkpoint_verify verify,
                                         struct counted *counted, struct failure *failure)
{
    struct checkpoint read;
    *counted = (struct counted){0};
    *failure = (struct failure){.text = ""};
    enum checkpoint_answer answer = checkpoint_read(&fixture->heritage.directory, identity,
                                                    fixture->file, verify, &read, failure);
    if (answer != CHECKPOINT_READ) {
        assert_null(read.agencies);
        assert_int_equal(read.position, 0);
        return answer;
    }
    counted->position = read.position;
    counted->checksum = read.checksum;
    for (size_t i = 0; i < read.count; i++) {
        const struct checkpoint_agency *from = &read.agencies[i];
        struct agency *agency =
            agencies_find_or_add(&fixture->heritage.segment, (uint32_t)from->id);
        assert_non_null(agency);
        atomic_store(&agency->bets, from->bets);
        atomic_store(&agency->bytes, from->bytes);
        atomic_store(&agency->checksum, from->checksum);
        if ((from->id & CHECKPOINT_CLAIMED) != 0) {
            atomic_store(&agency->epoch, EPOCH_UNFENCED + 1);
        }
        counted->bets += from->bets;
    }
    checkpoint_close(&read);
    return answer;
}

/* Into a new table. */
static void expect_restored_to(struct fixture *fixture, enum checkpoint_verify verify,
                               const struct counts *counts, uint64_t bets)
{
    struct counted counted;
    struct failure failure;
    create_segment(fixture, AGENCY_LIMIT);
    if (restore_by(fixture, verify, &counted, &failure) != CHECKPOINT_READ) {
        fail_msg("not restored: %s", failure.text);
    }
    assert_int_equal(counted.position, counts->position);
    assert_int_equal(counted.checksum, counts->checksum);
    assert_int_equal(counted.bets, bets);
    expect_counts(fixture, counts);
    expect_claims(fixture);
}

static void expect_restored(struct fixture *fixture)
{
    expect_restored_to(fixture, CHECKPOINT_VERIFY_ALL, &fixture->at_checkpoint, ROWS);
    expect_restored_to(fixture, CHECKPOINT_VERIFY_END, &fixture->at_checkpoint, ROWS);
}

/* The table, which has to be empty before, stays so. */
static void expect_answer(struct fixture *fixture, enum checkpoint_verify verify,
                          enum checkpoint_answer expected, const char *what, size_t where)
{
    struct counted counted;
    struct failure failure;
    enum checkpoint_answer answer = restore_by(fixture, verify, &counted, &failure);
    if (answer != expected || counted.position != 0 || counted.bets != 0 || counted.checksum != 0 ||
        fixture->heritage.segment.shared->append.agencies_present != 0) {
        fail_msg("%s %zu: answer %d, up to %llu: %s", what, where, (int)answer,
                 (unsigned long long)counted.position, failure.text);
    }
    if (expected == CHECKPOINT_REFUSED) {
        assert_non_null(strstr(failure.text, fixture->scratch.path));
        assert_non_null(strstr(failure.text, DATA_CHECKPOINT_FILE));
    }
}

static void expect_none(struct fixture *fixture, const char *what, size_t where)
{
    expect_answer(fixture, CHECKPOINT_VERIFY_ALL, CHECKPOINT_NONE, what, where);
}

static void expect_refused(struct fixture *fixture, const char *what, size_t where)
{
    expect_answer(fixture, CHECKPOINT_VERIFY_ALL, CHECKPOINT_REFUSED, what, where);
    expect_answer(fixture, CHECKPOINT_VERIFY_END, CHECKPOINT_REFUSED, what, where);
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
    remove_checkpoint(fixture);
    create_segment(fixture, AGENCY_LIMIT);
    expect_none(fixture, "no file", 0);
}

static void a_newer_checkpoint_takes_the_olders_place(void **state)
{
    struct fixture *fixture = *state;
    fill_table(fixture, &fixture->at_end);
    struct checkpoint checkpoint = take(fixture);
    assert_true(write_checkpoint(fixture, &checkpoint));
    expect_restored_to(fixture, CHECKPOINT_VERIFY_ALL, &fixture->at_end, ROWS + MORE_ROWS);
    expect_restored_to(fixture, CHECKPOINT_VERIFY_END, &fixture->at_end, ROWS + MORE_ROWS);
}

static void one_that_was_closed_is_empty_and_may_be_closed_again(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = take(fixture);
    checkpoint_close(&checkpoint);
    assert_null(checkpoint.agencies);
    assert_int_equal(checkpoint.position, 0);
    checkpoint_close(&checkpoint);
}

static void writing_one_leaves_it_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint = take(fixture);
    const struct checkpoint before = checkpoint;
    assert_true(
        checkpoint_write(&checkpoint, &fixture->heritage.directory, identity, fixture->file));
    assert_ptr_equal(checkpoint.agencies, before.agencies);
    assert_int_equal(checkpoint.count, before.count);
    assert_int_equal(checkpoint.position, before.position);
    assert_int_equal(checkpoint.checksum, before.checksum);
    assert_true(write_checkpoint(fixture, &checkpoint));
}

static void one_without_agencies_is_read_too(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint;
    struct failure failure;
    assert_true(checkpoint_open(&checkpoint, 0));
    assert_true(write_checkpoint(fixture, &checkpoint));
    assert_int_equal(checkpoint_read(&fixture->heritage.directory, identity, fixture->file,
                                     CHECKPOINT_VERIFY_ALL, &checkpoint, &failure),
                     CHECKPOINT_READ);
    assert_int_equal(checkpoint.position, 0);
    assert_int_equal(checkpoint.count, 0);
    checkpoint_close(&checkpoint);
}

static void one_that_cannot_be_written_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    fill_table(fixture, &fixture->at_end);
    struct checkpoint checkpoint = take(fixture);
    int empty = openat(fixture->scratch.descriptor, "empty", O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(empty >= 0);
    assert_false(
        write_checkpoint_to(fixture, &checkpoint, identity, empty)); /* it lacks the bytes */
    (void)close(empty);
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    expect_restored(fixture);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, CHECKPOINT_TMP, 0755), 0);
    fill_table(fixture, &fixture->at_end);
    checkpoint = take(fixture);
    assert_false(write_checkpoint(fixture, &checkpoint));
    expect_restored(fixture);
}

static void one_that_cannot_be_put_into_place_leaves_nothing_unfinished(void **state)
{
    struct fixture *fixture = *state;
    remove_checkpoint(fixture);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_CHECKPOINT_FILE, 0755), 0);
    struct checkpoint checkpoint = take(fixture);
    assert_false(write_checkpoint(fixture, &checkpoint));
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    create_segment(fixture, AGENCY_LIMIT);
    expect_answer(fixture, CHECKPOINT_VERIFY_ALL, CHECKPOINT_REFUSED, "directory", 0);
}

static void a_short_file_of_bets_is_proved_by_all_of_it(void **state)
{
    struct fixture *fixture = *state;
    memset(&fixture->at_checkpoint, 0, sizeof fixture->at_checkpoint);
    size_t bytes = put_rows(fixture, 0, &fixture->at_checkpoint, 0, AGENCIES);
    assert_true(bytes < PROOF_BYTES);
    write_bets(fixture, fixture->bets, bytes);
    make_checkpoint(fixture);
    expect_restored_to(fixture, CHECKPOINT_VERIFY_ALL, &fixture->at_checkpoint, AGENCIES);
    expect_restored_to(fixture, CHECKPOINT_VERIFY_END, &fixture->at_checkpoint, AGENCIES);
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
            expect_none(fixture, "wrong byte", at);
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
        expect_none(fixture, "length", length);
    }
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count + 1);
    expect_none(fixture, "length", count + 1);
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count + ZEROS);
    expect_none(fixture, "length", count + ZEROS);
    memset(longer, 0, count); /* pages that were never written */
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, longer, count);
    free(longer);
    expect_none(fixture, "zeros", count);
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

static void any_other_byte_of_all_that_was_counted_refutes_it_where_all_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct counted counted;
    struct failure failure;
    create_segment(fixture, AGENCY_LIMIT);
    for (size_t at = 0; at < fixture->checkpoint_bytes; at += at % 131 == 0 ? 1 : 13) {
        fixture->bets[at] ^= 1;
        write_bets(fixture, fixture->bets, fixture->all_bytes);
        fixture->bets[at] ^= 1;
        expect_answer(fixture, CHECKPOINT_VERIFY_ALL, CHECKPOINT_REFUSED, "changed byte", at);
    }
    fixture->bets[0] ^= 1; /* far before the end: found by whoever reads it, and by nobody else */
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    assert_true(fixture->checkpoint_bytes > PROOF_BYTES);
    assert_int_equal(restore_by(fixture, CHECKPOINT_VERIFY_END, &counted, &failure),
                     CHECKPOINT_READ);
}

/* The agencies have the same counts, and so has the file: the order of its rows is another one. */
static void rows_that_have_changed_places_refute_it(void **state)
{
    struct fixture *fixture = *state;
    char rows[2 * ROW_BYTES_MAX];
    const char *second = strchr(fixture->bets, '\n') + 1;
    size_t first_bytes = (size_t)(second - fixture->bets);
    size_t second_bytes = (size_t)(strchr(second, '\n') + 1 - second);
    memcpy(rows, second, second_bytes);
    memcpy(rows + second_bytes, fixture->bets, first_bytes);
    memcpy(fixture->bets, rows, first_bytes + second_bytes);
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    create_segment(fixture, AGENCY_LIMIT);
    expect_answer(fixture, CHECKPOINT_VERIFY_ALL, CHECKPOINT_REFUSED, "rows", 0);
}

static void one_of_another_lottery_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct counted counted;
    struct failure failure;
    static const char other[] = "00112233445566778899aabbccddeef0";
    fill_table(fixture, &fixture->at_end);
    struct checkpoint checkpoint = take(fixture);
    assert_true(write_checkpoint_to(fixture, &checkpoint, other, fixture->file));
    create_segment(fixture, AGENCY_LIMIT);
    expect_refused(fixture, "identity", 0);
    assert_int_equal(restore_by(fixture, CHECKPOINT_VERIFY_ALL, &counted, &failure),
                     CHECKPOINT_REFUSED);
    assert_non_null(strstr(failure.text, other));
    assert_non_null(strstr(failure.text, identity));
}

static void a_link_in_its_place_is_refused(void **state)
{
    struct fixture *fixture = *state;
    int directory = fixture->scratch.descriptor;
    assert_int_equal(renameat(directory, DATA_CHECKPOINT_FILE, directory, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", directory, DATA_CHECKPOINT_FILE), 0);
    create_segment(fixture, AGENCY_LIMIT);
    expect_refused(fixture, "link", 0);
}

static void what_comes_behind_its_position_does_not_matter(void **state)
{
    struct fixture *fixture = *state;
    fixture->bets[fixture->checkpoint_bytes] ^= 1;
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    expect_restored(fixture);
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
    assert_int_equal(fixture->heritage.segment.shared->append.checksum, fixture->at_end.checksum);
}

static void recovery_ends_with_the_same_counts_with_it_and_without(void **state)
{
    struct fixture *fixture = *state;
    expect_recovered(fixture);
    assert_true(scratch_has(&fixture->scratch, DATA_CHECKPOINT_FILE)); /* it was used */
    remove_checkpoint(fixture);
    expect_recovered(fixture);
}

/* They are counted again then, and found to be too many. */
static void more_agencies_than_the_table_takes_are_not_restored(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    create_segment(fixture, AGENCIES - 1);
    assert_false(recovery_run(&fixture->heritage, &failure));
    assert_non_null(strstr(failure.text, "limits.agencies"));
    create_segment(fixture, AGENCIES);
    if (!recovery_run(&fixture->heritage, &failure)) {
        fail_msg("%s", failure.text);
    }
    expect_counts(fixture, &fixture->at_end);
}

/* A row that is damaged far before the proof: whoever looks at all of it must refuse it. */
static void recovery_looks_back_unless_it_is_told_to_go_on_from_it(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    fixture->bets[0] = 'x';
    write_bets(fixture, fixture->bets, fixture->all_bytes);
    fixture->heritage.config.start_verify = START_VERIFY_END;
    expect_recovered(fixture);
    fixture->heritage.config.start_verify = START_VERIFY_ALL;
    create_segment(fixture, AGENCY_LIMIT);
    assert_false(recovery_run(&fixture->heritage, &failure));
    assert_non_null(strstr(failure.text, "was changed"));
    remove_checkpoint(fixture);
    fixture->heritage.config.start_verify = START_VERIFY_END;
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

static void a_torn_one_is_no_witness_and_an_unfinished_one_is_removed(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, "torn", 4);
    scratch_write(&fixture->scratch, CHECKPOINT_TMP, "half", 4);
    expect_recovered(fixture);
    assert_false(scratch_has(&fixture->scratch, CHECKPOINT_TMP));
    make_checkpoint(fixture); /* the next one takes its place */
    expect_recovered(fixture);
}

/* ---------------------------------------------------------------- witness ---- */

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
    assert_non_null(strstr(failure.text, DATA_BETS_FILE));
    assert_non_null(strstr(failure.text, DATA_CHECKPOINT_FILE));
    assert_non_null(strstr(failure.text, "nothing was touched"));
    assert_non_null(strstr(failure.text, fixture->scratch.path));
}

/* As valid as before, and others: no crash writes such rows. */
static void rows_that_are_valid_and_others_are_never_accepted(void **state)
{
    struct fixture *fixture = *state;
    char *const names[] = {memchr(fixture->bets, 'A', fixture->checkpoint_bytes),
                           memrchr(fixture->bets, 'A', fixture->checkpoint_bytes)};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        memcpy(names[i], "Eva", 3);
        expect_start_refused(fixture, fixture->bets, fixture->all_bytes);
        memcpy(names[i], "Ana", 3);
    }
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
        CHECKPOINT_TEST(one_that_was_closed_is_empty_and_may_be_closed_again),
        CHECKPOINT_TEST(writing_one_leaves_it_as_it_is),
        CHECKPOINT_TEST(one_without_agencies_is_read_too),
        CHECKPOINT_TEST(one_that_cannot_be_written_leaves_the_one_before),
        CHECKPOINT_TEST(one_that_cannot_be_put_into_place_leaves_nothing_unfinished),
        CHECKPOINT_TEST(a_short_file_of_bets_is_proved_by_all_of_it),
        CHECKPOINT_TEST(every_single_byte_of_it_that_is_wrong_is_noticed),
        CHECKPOINT_TEST(a_checkpoint_of_another_length_is_none),
        CHECKPOINT_TEST(a_file_of_bets_cut_below_its_position_refutes_it),
        CHECKPOINT_TEST(bets_that_are_others_just_before_its_position_refute_it),
        CHECKPOINT_TEST(any_other_byte_of_all_that_was_counted_refutes_it_where_all_is_read),
        CHECKPOINT_TEST(rows_that_have_changed_places_refute_it),
        CHECKPOINT_TEST(one_of_another_lottery_is_refused),
        CHECKPOINT_TEST(a_link_in_its_place_is_refused),
        CHECKPOINT_TEST(what_comes_behind_its_position_does_not_matter),
        CHECKPOINT_TEST(recovery_ends_with_the_same_counts_with_it_and_without),
        CHECKPOINT_TEST(more_agencies_than_the_table_takes_are_not_restored),
        CHECKPOINT_TEST(recovery_looks_back_unless_it_is_told_to_go_on_from_it),
        CHECKPOINT_TEST(a_torn_tail_behind_it_is_cut_off),
        CHECKPOINT_TEST(a_torn_one_is_no_witness_and_an_unfinished_one_is_removed),
        CHECKPOINT_TEST(rows_that_are_valid_and_others_are_never_accepted),
        CHECKPOINT_TEST(damage_before_its_position_is_never_cut_off),
        CHECKPOINT_TEST(a_file_that_ends_before_its_position_is_never_accepted),
        CHECKPOINT_TEST(a_file_that_is_missing_is_not_made_where_there_was_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
