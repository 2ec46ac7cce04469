/*
 * test_recovery.c - what a crash can have done to the files is cut off and
 * counted right; what no crash can have done, and what a witness contradicts, is
 * refused, and left untouched.
 */
#include "server/supervisor/recovery.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "server/storer/checkpoints.h"
#include "shm/agencies.h"
#include "store/checkpoint.h"
#include "store/done_file.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 16384, AGENCY_LIMIT = 8, IPC_KEY = 0x1234, DONE_BYTES_MAX = 1024 };

static const char identity[] = "00112233445566778899aabbccddeeff";

#define ROW_OF_1  "1,a,b,1,2000-01-01,7574\r\n"
#define ROW_OF_2  "2,\"\"\"c\",d,1,2000-01-01,7574\r\n"
#define ROW_OF_15 "15,Peñé,f,1,2000-01-01,7574\r\n"

struct fixture {
    struct scratch scratch;
    struct heritage heritage;
    struct control control; /* what the server before has noted */
    bool has_control;
};

/* Bytes of done.csv. */
struct done_text {
    char bytes[DONE_BYTES_MAX];
    size_t count;
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
    segments_create(&fixture->scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = AGENCY_LIMIT},
                    &fixture->heritage.segment);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.config = {.ring_bytes = RING_BYTES,
                                                       .agencies_expected = 3,
                                                       .allowed = {.any = true},
                                                       .lottery_name = "1",
                                                       .winning_number = 7574}},
                               .control = {.ring_bytes = RING_BYTES, .state = CONTROL_OPEN},
                               .has_control = true};
    memcpy(fixture.control.identity, identity, sizeof identity);
    server_config_terms(&fixture.heritage.config, &fixture.control.terms);
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_CRITICAL);
    scratch_open(&fixture.scratch);
    fixture.heritage.directory = (struct data_directory){.path = fixture.scratch.path,
                                                         .descriptor = fixture.scratch.descriptor,
                                                         .lock = -1,
                                                         .ipc_key = IPC_KEY};
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

static void remove_files(struct fixture *fixture)
{
    static const char *const files[] = {DATA_BETS_FILE, DATA_DONE_FILE, DATA_CONTROL_FILE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)unlinkat(fixture->scratch.descriptor, files[i], 0);
    }
}

/* A server that starts anew with these files, and with what the fixture's control says. */
static bool start(struct fixture *fixture, struct failure *failure)
{
    segment_remove(&fixture->heritage.segment);
    create_segment(fixture);
    fixture->heritage.directory.control = fixture->control;
    fixture->heritage.directory.has_control = fixture->has_control;
    return recovery_run(&fixture->heritage, failure);
}

/* As start; no bytes stand for a file that is missing. */
static bool recover(struct fixture *fixture, const char *bets, size_t bets_bytes, const char *done,
                    size_t done_bytes, struct failure *failure)
{
    remove_files(fixture);
    if (bets_bytes > 0) {
        scratch_write(&fixture->scratch, DATA_BETS_FILE, bets, bets_bytes);
    }
    if (done_bytes > 0) {
        scratch_write(&fixture->scratch, DATA_DONE_FILE, done, done_bytes);
    }
    return start(fixture, failure);
}

/* Adds the line of an agency that was done with what it has in these bets, up to their end. */
static void put_done(struct done_text *done, uint32_t agency, const char *bets)
{
    struct done_line line = {
        .agency = agency, .position = strlen(bets), .checksum = CHECKSUM_EMPTY};
    for (const char *row = bets; *row != '\0';) {
        size_t bytes = strcspn(row, "\n") + 1;
        if (strtoul(row, NULL, 10) == agency) {
            line.bets++;
            line.checksum = checksum_extend(line.checksum, row, bytes);
        }
        row += bytes;
    }
    assert_true(done->count + DONE_LINE_BYTES_MAX <= sizeof done->bytes);
    done->count += done_file_write_line(done->bytes + done->count, &line);
}

/* What stands in a file; NULL where there is none. */
static char *look_at(const struct fixture *fixture, const char *name, size_t *count)
{
    *count = 0;
    return scratch_has(&fixture->scratch, name) ? scratch_read(&fixture->scratch, name, count)
                                                : NULL;
}

/* Every file that a server makes, and whatever a start could touch. */
static const char *const all_files[] = {
    DATA_BETS_FILE,       DATA_DONE_FILE,    DATA_CONTROL_FILE,
    DATA_CHECKPOINT_FILE, DATA_WINNERS_FILE, "checkpoint.tmp",
    "winners.csv.tmp",    "control.tmp",     "winners.csv.unsorted"};

enum { ALL_FILES = sizeof all_files / sizeof all_files[0] };

/* Starts with the files that are there, and expects that it refuses and every one stays as it is. */
static void expect_start_refused(struct fixture *fixture, const char *reason)
{
    struct failure failure = {.text = ""};
    char *before[ALL_FILES];
    size_t counts[ALL_FILES];
    const char *touched = NULL;
    scratch_write(&fixture->scratch, "checkpoint.tmp", "half", 4);
    for (size_t i = 0; i < ALL_FILES; i++) {
        before[i] = look_at(fixture, all_files[i], &counts[i]);
    }
    bool recovered = start(fixture, &failure);
    for (size_t i = 0; i < ALL_FILES; i++) {
        size_t count = 0;
        char *after = look_at(fixture, all_files[i], &count);
        bool same = (before[i] == NULL) == (after == NULL) && count == counts[i] &&
                    (after == NULL || memcmp(before[i], after, count) == 0);
        touched = same ? touched : all_files[i];
        free(before[i]);
        free(after);
    }
    if (recovered || touched != NULL || strstr(failure.text, reason) == NULL ||
        strstr(failure.text, fixture->scratch.path) == NULL) {
        fail_msg("recovered: %d, touched: %s, '%s' does not say '%s'", recovered,
                 touched == NULL ? "nothing" : touched, failure.text, reason);
    }
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

/* What control says afterwards, in the file and in memory. */
static void expect_noted(const struct fixture *fixture, uint64_t bets_bytes, uint64_t done_bytes)
{
    struct control control;
    struct failure failure = {.text = ""};
    const struct data_directory *directory = &fixture->heritage.directory;
    if (control_read(directory, &control, &failure) != CONTROL_READ) {
        fail_msg("%s", failure.text);
    }
    assert_int_equal(control.bets_bytes, bets_bytes);
    assert_int_equal(control.done_bytes, done_bytes);
    assert_int_equal(control.ring_bytes, RING_BYTES);
    assert_true(control_terms_equal(&control.terms, &directory->control.terms));
    assert_string_equal(control.identity, directory->control.identity);
    assert_int_equal(control.state, directory->control.state);
    assert_true(directory->has_control);
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
    if (!recover(fixture, bets, bytes, "", 0, &failure)) {
        fail_msg("%zu bytes: %s", bytes, failure.text);
    }
    expect_file(fixture, "bets.csv", bets, good);
    const struct shared_positions *positions = &fixture->heritage.segment.shared->positions;
    assert_int_equal(atomic_load(&positions->head), good);
    assert_int_equal(atomic_load(&positions->written), good);
    assert_int_equal(atomic_load(&positions->durable), good);
    assert_int_equal(fixture->heritage.segment.shared->append.checksum,
                     checksum_extend(CHECKSUM_EMPTY, bets, good));
    expect_noted(fixture, good, 0);
}

/* With a torn line in done.csv. */
static void expect_refused(struct fixture *fixture, const char *bets, size_t bytes,
                           const char *reason)
{
    remove_files(fixture);
    scratch_write(&fixture->scratch, DATA_BETS_FILE, bets, bytes);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, "1,2", 3);
    expect_start_refused(fixture, reason);
}

/* --------------------------------------------------------------- tests ---- */

static void a_new_directory_gets_its_files(void **state)
{
    struct fixture *fixture = *state;
    const struct control *control = &fixture->heritage.directory.control;
    fixture->has_control = false;
    expect_recovered(fixture, "", 0, 0);
    assert_true(scratch_has(&fixture->scratch, DATA_BETS_FILE));
    assert_int_equal(strspn(control->identity, "0123456789abcdef"), CONTROL_IDENTITY_DIGITS);
    assert_string_not_equal(control->identity, identity);
    assert_int_equal(control->ipc_key, IPC_KEY);
    assert_int_equal(control->state, CONTROL_NEW);
    assert_true(control_terms_equal(&control->terms, &fixture->control.terms));
}

static void a_lottery_keeps_its_identity(void **state)
{
    struct fixture *fixture = *state;
    expect_recovered(fixture, ROW_OF_1, sizeof ROW_OF_1 - 1, sizeof ROW_OF_1 - 1);
    assert_string_equal(fixture->heritage.directory.control.identity, identity);
    assert_int_equal(fixture->heritage.directory.control.state, CONTROL_OPEN);
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

static void the_ring_of_the_server_that_wrote_last_is_what_counts(void **state)
{
    struct fixture *fixture = *state;
    static char bets[sizeof ROW_OF_1 + RING_BYTES + 1];
    const size_t good = sizeof ROW_OF_1 - 1;
    memset(bets, 'x', sizeof bets);
    memcpy(bets, ROW_OF_1, good);
    fixture->control.ring_bytes = 100;
    expect_refused(fixture, bets, good + 101, "100 at most");
    fixture->control.ring_bytes = RING_BYTES + 1;
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
    if (!recover(fixture, cached, sizeof cached - 1, "", 0, &failure)) {
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
    bool recovered = recover(fixture, bets, BYTES, "", 0, &failure);
    free(bets);
    assert_true(recovered);
    assert_true(disk.from > BYTES / 2);
    assert_true(disk.from <= BYTES - RING_BYTES);
}

/* ---------------------------------------------------------------- done.csv ---- */

static void agencies_that_are_done_are_known_again(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct done_text done = {.count = 0};
    put_done(&done, 2, ROW_OF_1 ROW_OF_2);
    put_done(&done, 7, ROW_OF_1 ROW_OF_2); /* without any bets */
    if (!recover(fixture, ROW_OF_1 ROW_OF_2, sizeof ROW_OF_1 ROW_OF_2 - 1, done.bytes, done.count,
                 &failure)) {
        fail_msg("%s", failure.text);
    }
    const struct segment *segment = &fixture->heritage.segment;
    assert_int_equal(atomic_load(&segment->shared->storer.agencies_done), 2);
    assert_int_equal(atomic_load(&agencies_find(segment, 1)->phase), AGENCY_OPEN);
    assert_int_equal(atomic_load(&agencies_find(segment, 2)->phase), AGENCY_DONE);
    assert_int_equal(atomic_load(&agencies_find(segment, 7)->phase), AGENCY_DONE);
    expect_noted(fixture, sizeof ROW_OF_1 ROW_OF_2 - 1, done.count);
}

/* Whole and true, and once too often; else the storer would be the first to find it. */
static void an_agency_that_is_done_twice_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    put_done(&done, 2, ROW_OF_1 ROW_OF_2);
    put_done(&done, 7, ROW_OF_1 ROW_OF_2);
    put_done(&done, 2, ROW_OF_1 ROW_OF_2);
    remove_files(fixture);
    scratch_write(&fixture->scratch, DATA_BETS_FILE, ROW_OF_1 ROW_OF_2,
                  sizeof ROW_OF_1 ROW_OF_2 - 1);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, done.bytes, done.count);
    expect_start_refused(fixture, "it has two lines of agency 2; nothing was touched");
}

static void a_done_line_cut_short_is_no_line(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct done_text done = {.count = 0};
    put_done(&done, 2, "");
    size_t good = done.count;
    put_done(&done, 15, "");
    assert_true(recover(fixture, "", 0, done.bytes, done.count - 1, &failure));
    expect_file(fixture, "done.csv", done.bytes, good);
    assert_null(agencies_find(&fixture->heritage.segment, 15));
    assert_null(agencies_find(&fixture->heritage.segment, 1));
    assert_int_equal(atomic_load(&fixture->heritage.segment.shared->storer.agencies_done), 1);
    expect_noted(fixture, 0, good);
}

static void more_agencies_that_are_done_than_the_table_holds_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    remove_files(fixture);
    for (uint32_t agency = 1; agency <= AGENCY_LIMIT + 1; agency++) {
        put_done(&done, agency, "");
    }
    scratch_write(&fixture->scratch, DATA_BETS_FILE, "1,", 2);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, done.bytes, done.count);
    expect_start_refused(fixture, "more agencies than limits.agencies");
}

/* --------------------------------------------------------------- witnesses ---- */

#define ALL_ROWS ROW_OF_1 ROW_OF_2 ROW_OF_15 ROW_OF_1

/* These bets and these lines in the files. */
static void write_files(struct fixture *fixture, const char *bets, size_t bytes,
                        const struct done_text *done)
{
    remove_files(fixture);
    scratch_write(&fixture->scratch, DATA_BETS_FILE, bets, bytes);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, done->bytes, done->count);
}

static void expect_accepted(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    if (!start(fixture, &failure)) {
        fail_msg("%s", failure.text);
    }
}

static void bets_before_what_control_proves_are_never_cut_off(void **state)
{
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    for (size_t bytes = 0; bytes < sizeof ALL_ROWS; bytes++) {
        fixture->control.bets_bytes = sizeof ALL_ROWS - 1;
        write_files(fixture, ALL_ROWS, bytes, &nobody);
        if (bytes < sizeof ALL_ROWS - 1) {
            expect_start_refused(fixture, "(control proves it)");
        } else {
            expect_accepted(fixture);
        }
    }
    char damaged[] = ALL_ROWS;
    damaged[sizeof ROW_OF_1 - 1] = 'x'; /* of the second row */
    write_files(fixture, damaged, sizeof damaged - 1, &nobody);
    expect_start_refused(fixture, "(row 2)");
    fixture->control.bets_bytes = sizeof ROW_OF_1 - 1;
    expect_accepted(fixture); /* nobody proves more than the first one */
    expect_file(fixture, DATA_BETS_FILE, ROW_OF_1, sizeof ROW_OF_1 - 1);
}

static void bets_that_are_missing_where_there_were_some_are_not_made_anew(void **state)
{
    struct fixture *fixture = *state;
    remove_files(fixture);
    fixture->control.bets_bytes = 1;
    expect_start_refused(fixture, "(control proves it)");
    fixture->control.bets_bytes = 0;
    struct done_text done = {.count = 0};
    put_done(&done, 7, ROW_OF_1); /* it had none of its own */
    scratch_write(&fixture->scratch, DATA_DONE_FILE, done.bytes, done.count);
    expect_start_refused(fixture, "(done.csv proves it)");
}

static void bets_before_what_a_done_line_proves_are_never_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    put_done(&done, 7, ALL_ROWS); /* it had none: its line's position is all that speaks */
    for (size_t bytes = 0; bytes < sizeof ALL_ROWS - 1; bytes++) {
        write_files(fixture, ALL_ROWS, bytes, &done);
        expect_start_refused(fixture, "(done.csv proves it)");
    }
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &done);
    expect_accepted(fixture);
}

/* Each of them as valid as what was stored. */
static void rows_of_an_agency_that_is_done_are_what_they_were(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    put_done(&done, 1, ALL_ROWS);
    static const char *const others[] = {
        "1,A,b,1,2000-01-01,7574\r\n" ROW_OF_2 ROW_OF_15 ROW_OF_1,
        ROW_OF_1 ROW_OF_2 ROW_OF_15 "1,a,b,1,2000-01-01,7575\r\n",
        ROW_OF_1 ROW_OF_2 ROW_OF_15 "2,a,b,1,2000-01-01,7574\r\n",
        ROW_OF_1 ROW_OF_2 ROW_OF_15 ROW_OF_1 ROW_OF_1,
        ROW_OF_1 ROW_OF_1 ROW_OF_1 ROW_OF_2 ROW_OF_15,
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_files(fixture, others[i], strlen(others[i]), &done);
        expect_start_refused(fixture, "was changed: agency 1 was done with 2 bets");
    }
    /* What others append afterwards, and in between, is theirs. */
    static const char more[] = ROW_OF_2 ROW_OF_1 ROW_OF_15 ROW_OF_1 ROW_OF_2;
    write_files(fixture, more, sizeof more - 1, &done);
    expect_accepted(fixture);
}

static void lines_before_what_control_proves_are_never_cut_off(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    put_done(&done, 1, ALL_ROWS);
    put_done(&done, 2, ALL_ROWS);
    const size_t all = done.count;
    fixture->control.done_bytes = all;
    for (done.count = 0; done.count < all; done.count++) {
        write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &done);
        expect_start_refused(fixture, "agencies that were done are missing");
    }
    (void)unlinkat(fixture->scratch.descriptor, DATA_DONE_FILE, 0);
    expect_start_refused(fixture, "agencies that were done are missing");
    done.count = all;
    done.bytes[3] ^= 1;
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &done);
    expect_start_refused(fixture, "agencies that were done are missing");
    done.bytes[3] ^= 1;
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &done);
    expect_accepted(fixture);
}

static void a_checkpoint_is_a_witness_too(void **state)
{
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    struct checkpoints checkpoints = {.due_ms = 0};
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &nobody);
    expect_accepted(fixture);
    int file = openat(fixture->scratch.descriptor, DATA_BETS_FILE, O_RDONLY | O_CLOEXEC);
    checkpoints_take(&checkpoints, &fixture->heritage.segment);
    bool written =
        checkpoint_write(&checkpoints.taken, &fixture->heritage.directory, identity, file);
    checkpoints_close(&checkpoints);
    (void)close(file);
    assert_true(written);
    for (size_t bytes = 0; bytes < sizeof ALL_ROWS - 1; bytes++) {
        write_files(fixture, ALL_ROWS, bytes, &nobody);
        expect_start_refused(fixture, "(checkpoint proves it)");
    }
    char others[] = ALL_ROWS;
    others[2] = 'A';
    write_files(fixture, others, sizeof others - 1, &nobody);
    expect_start_refused(fixture, "was changed");
    memcpy(fixture->control.identity, "f", 1); /* control of another lottery */
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &nobody);
    expect_start_refused(fixture, "belongs to lottery 00112233445566778899aabbccddeeff");
}

static void nothing_at_all_may_change_once_the_draw_was_held(void **state)
{
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    fixture->control.state = CONTROL_DRAWN;
    fixture->control.draw = (struct draw_record){
        .bets = 4,
        .bytes = sizeof ALL_ROWS - 1,
        .checksum = checksum_extend(CHECKSUM_EMPTY, ALL_ROWS, sizeof ALL_ROWS - 1)};
    static const char *const others[] = {
        ALL_ROWS ROW_OF_1,
        ALL_ROWS "1,a",
        ALL_ROWS "x",
        ROW_OF_1 ROW_OF_2 ROW_OF_15,
        ROW_OF_1 ROW_OF_2 ROW_OF_15 "1,a",
        "1,",
        "",
        ROW_OF_1 ROW_OF_2 ROW_OF_15 "1,a,b,1,2000-01-01,7575\r\n",
        ROW_OF_1 ROW_OF_15 ROW_OF_2 ROW_OF_1,
        "3,a,b,1,2000-01-01,7574\r\n" ROW_OF_2 ROW_OF_15 ROW_OF_1,
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        write_files(fixture, others[i], strlen(others[i]), &nobody);
        expect_start_refused(fixture, "was changed after the draw");
    }
    (void)unlinkat(fixture->scratch.descriptor, DATA_BETS_FILE, 0);
    expect_start_refused(fixture, "was changed after the draw");
    write_files(fixture, ALL_ROWS, sizeof ALL_ROWS - 1, &nobody);
    for (int field = 0; field < 3; field++) {
        uint64_t *const fields[] = {&fixture->control.draw.bets, &fixture->control.draw.bytes,
                                    &fixture->control.draw.checksum};
        ++*fields[field];
        expect_start_refused(fixture, "was changed after the draw");
        --*fields[field];
    }
    expect_accepted(fixture);
    assert_int_equal(fixture->heritage.directory.control.state, CONTROL_DRAWN);
    assert_memory_equal(&fixture->heritage.directory.control.draw, &fixture->control.draw,
                        sizeof fixture->control.draw);
}

/* ------------------------------------------------------------------- terms ---- */

static void expect_other_terms_refused(struct fixture *fixture)
{
    const struct server_config kept = fixture->heritage.config;
    fixture->heritage.config.agencies_expected++;
    expect_start_refused(fixture, "configuration: agencies expected 3, and now 4. Bets");
    fixture->heritage.config = kept;
    fixture->heritage.config.winning_number = 1;
    expect_start_refused(fixture, "configuration: winning number 7574, and now 1. Bets");
    fixture->heritage.config = kept;
    fixture->heritage.config.allowed.any = false;
    fixture->heritage.config.allowed.ranges[0] = (struct agency_range){1, 15};
    fixture->heritage.config.allowed.count = 1;
    expect_start_refused(fixture, "configuration: agencies allowed any, and now 1-15. Bets");
    fixture->heritage.config = kept;
    (void)snprintf(fixture->heritage.config.centres_expected, CONFIG_TEXT_BYTES, "B,A");
    expect_start_refused(fixture,
                         "configuration: centres.expected this centre alone, and now A,B. Bets");
    fixture->heritage.config = kept;
}

static void other_terms_are_refused_once_something_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct done_text done = {.count = 0};
    write_files(fixture, ROW_OF_1, sizeof ROW_OF_1 - 1, &done);
    expect_other_terms_refused(fixture);
    write_files(fixture, "", 0, &done); /* control says that there was something */
    expect_other_terms_refused(fixture);
    fixture->control.state = CONTROL_NEW; /* its server died before it could note the first bet */
    write_files(fixture, ROW_OF_1, sizeof ROW_OF_1 - 1, &done);
    expect_other_terms_refused(fixture);
    put_done(&done, 7, "");
    write_files(fixture, "", 0, &done);
    expect_other_terms_refused(fixture);
    expect_accepted(fixture);
    assert_int_equal(fixture->heritage.directory.control.state, CONTROL_OPEN);
}

static void set_centres(struct fixture *fixture, const char *of_control,
                        const char *of_configuration)
{
    (void)snprintf(fixture->control.terms.centres_expected, CONFIG_TEXT_BYTES, "%s", of_control);
    (void)snprintf(fixture->heritage.config.centres_expected, CONFIG_TEXT_BYTES, "%s",
                   of_configuration);
}

/* Whatever has become of the draw. One that was held here has no seal, as in version 1.0. */
static void other_centres_are_refused_in_every_state(void **state)
{
    static const enum control_state states[] = {CONTROL_OPEN, CONTROL_CLOSED, CONTROL_DRAWN};
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    fixture->control.draw.checksum = CHECKSUM_EMPTY;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        fixture->control.state = states[i];
        set_centres(fixture, "A,B", "B,C,A");
        write_files(fixture, "", 0, &nobody);
        expect_start_refused(fixture, "centres.expected A,B, and now A,B,C. Bets");
        set_centres(fixture, "A,B", "");
        expect_start_refused(fixture, "centres.expected A,B, and now this centre alone. Bets");
        set_centres(fixture, "A,B", "B,A"); /* the same, however it is spelled */
        expect_accepted(fixture);
    }
}

/* A server of before has begun the draw: from its first start here on, control says the centres. */
static void centres_that_control_did_not_say_are_noted_until_the_draw_is_sealed(void **state)
{
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    const struct lottery_terms *terms = &fixture->heritage.directory.control.terms;
    fixture->control.draw.checksum = CHECKSUM_EMPTY;
    fixture->control.state = CONTROL_CLOSED;
    set_centres(fixture, CONTROL_CENTRES_UNSAID, "B,A");
    write_files(fixture, "", 0, &nobody);
    expect_accepted(fixture);
    assert_string_equal(terms->centres_expected, "A,B");
    fixture->control.state = CONTROL_DRAWN; /* its seal does not have them either */
    write_files(fixture, "", 0, &nobody);
    expect_accepted(fixture);
    assert_string_equal(terms->centres_expected, CONTROL_CENTRES_UNSAID);
}

static void terms_may_change_as_long_as_nothing_is_stored(void **state)
{
    struct fixture *fixture = *state;
    const struct done_text nobody = {.count = 0};
    const struct control *control = &fixture->heritage.directory.control;
    fixture->control.state = CONTROL_NEW;
    fixture->heritage.config.agencies_expected = 9;
    fixture->heritage.config.winning_number = 1;
    set_centres(fixture, "A,B", "A,C");
    write_files(fixture, "1,a", 3, &nobody); /* torn: it was never acknowledged */
    expect_accepted(fixture);
    assert_int_equal(control->terms.agencies_expected, 9);
    assert_int_equal(control->terms.winning_number, 1);
    assert_string_equal(control->terms.centres_expected, "A,C");
    assert_int_equal(control->state, CONTROL_NEW);
    assert_string_equal(control->identity, identity);
    expect_noted(fixture, 0, 0);
}

static void what_is_no_term_may_change(void **state)
{
    struct fixture *fixture = *state;
    fixture->heritage.config.limit_connections = 7;
    fixture->heritage.config.timeout_idle_ms = 7;
    fixture->control.ring_bytes = 4096;
    expect_recovered(fixture, ROW_OF_1, sizeof ROW_OF_1 - 1, sizeof ROW_OF_1 - 1);
}

#define RECOVERY_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RECOVERY_TEST(a_new_directory_gets_its_files),
        RECOVERY_TEST(a_lottery_keeps_its_identity),
        RECOVERY_TEST(every_agencys_rows_are_counted),
        RECOVERY_TEST(a_tail_torn_at_any_byte_is_cut_at_the_last_whole_row),
        RECOVERY_TEST(pages_that_were_never_written_are_cut_off_with_all_behind_them),
        RECOVERY_TEST(good_rows_behind_a_bad_one_are_cut_off_with_it),
        RECOVERY_TEST(a_file_that_is_not_ours_is_refused_and_left_alone),
        RECOVERY_TEST(a_torn_first_row_is_ours_however_long_it_is),
        RECOVERY_TEST(damage_further_from_the_end_than_a_crash_can_reach_is_refused),
        RECOVERY_TEST(the_ring_of_the_server_that_wrote_last_is_what_counts),
        RECOVERY_TEST(more_agencies_than_the_table_holds_are_refused),
        RECOVERY_TEST(what_only_the_page_cache_holds_is_not_counted),
        RECOVERY_TEST(only_the_end_of_a_large_file_is_read_again),
        RECOVERY_TEST(agencies_that_are_done_are_known_again),
        RECOVERY_TEST(an_agency_that_is_done_twice_is_refused),
        RECOVERY_TEST(a_done_line_cut_short_is_no_line),
        RECOVERY_TEST(more_agencies_that_are_done_than_the_table_holds_are_refused),
        RECOVERY_TEST(bets_before_what_control_proves_are_never_cut_off),
        RECOVERY_TEST(bets_that_are_missing_where_there_were_some_are_not_made_anew),
        RECOVERY_TEST(bets_before_what_a_done_line_proves_are_never_cut_off),
        RECOVERY_TEST(rows_of_an_agency_that_is_done_are_what_they_were),
        RECOVERY_TEST(lines_before_what_control_proves_are_never_cut_off),
        RECOVERY_TEST(a_checkpoint_is_a_witness_too),
        RECOVERY_TEST(nothing_at_all_may_change_once_the_draw_was_held),
        RECOVERY_TEST(other_terms_are_refused_once_something_is_stored),
        RECOVERY_TEST(other_centres_are_refused_in_every_state),
        RECOVERY_TEST(centres_that_control_did_not_say_are_noted_until_the_draw_is_sealed),
        RECOVERY_TEST(terms_may_change_as_long_as_nothing_is_stored),
        RECOVERY_TEST(what_is_no_term_may_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
