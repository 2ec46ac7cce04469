/*
 * test_done_file.c - done.csv is read up to its first damage and goes on from there.
 */
#include "server/done_file.h"

#include "lib/log.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { LINES_MAX = 70000, ZEROS = 4096, MANY_LINES = 60000, LINE_BYTES_MAX = 11 };

struct lines {
    size_t count;
    uint32_t agencies[LINES_MAX];
};

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct done_file file;
    struct lines lines;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.lines.count = 0;
    fixture.file = (struct done_file){.descriptor = -1};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of every tail */
    scratch_open(&fixture.scratch);
    fixture.directory = (struct data_directory){
        .path = fixture.scratch.path, .descriptor = fixture.scratch.descriptor, .lock = -1};
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    done_file_close(&fixture->file);
    scratch_close(&fixture->scratch);
    return 0;
}

static void note_line(void *context, uint32_t agency)
{
    struct lines *lines = context;
    assert_true(lines->count < LINES_MAX);
    lines->agencies[lines->count++] = agency;
}

/*
 * What a disk holds, while the page cache shows a line that could not be written: the
 * file is overwritten with it as soon as the kernel is asked to forget the file.
 */
static const char *stored; /* NULL: what the cache shows */

/* In place of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int posix_fadvise(int file, off_t from, off_t count, int advice)
{
    if (stored != NULL && from == 0 && count == 0 && advice == POSIX_FADV_DONTNEED) {
        assert_int_equal(pwrite(file, stored, strlen(stored), 0), strlen(stored));
        stored = NULL;
    }
    return 0;
}

static int syncs_to_fail; /* the next ones */

/* In place of libc's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fsync(int file)
{
    if (syncs_to_fail > 0) {
        syncs_to_fail--;
        errno = EIO;
        return -1;
    }
    return fdatasync(file);
}

static void open_file(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    fixture->lines.count = 0;
    if (done_file_open(&fixture->directory, &fixture->file, note_line, &fixture->lines, &failure) !=
        DONE_OPEN) {
        fail_msg("%s", failure.text);
    }
    assert_true(fixture->file.descriptor >= 0);
}

/* Opens the file with these bytes, twice, and expects that `good` of them are what is left. */
static void expect_good(struct fixture *fixture, const char *bytes, size_t count, size_t good,
                        size_t lines)
{
    scratch_write(&fixture->scratch, DATA_DONE_FILE, bytes, count);
    for (int opened = 0; opened < 2; opened++) {
        open_file(fixture);
        assert_int_equal(fixture->file.bytes, good);
        assert_int_equal(fixture->lines.count, lines);
        done_file_close(&fixture->file);
        size_t left = 0;
        char *file = scratch_read(&fixture->scratch, DATA_DONE_FILE, &left);
        bool same = left == good && memcmp(file, bytes, good) == 0;
        free(file);
        assert_true(same);
    }
}

static void a_file_that_is_missing_is_made(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture);
    assert_int_equal(fixture->file.bytes, 0);
    assert_int_equal(fixture->lines.count, 0);
    assert_true(scratch_has(&fixture->scratch, DATA_DONE_FILE));
}

static void a_tail_torn_at_any_byte_is_cut_behind_the_last_whole_line(void **state)
{
    struct fixture *fixture = *state;
    static const char bytes[] = "1\n22\n0\n4294967295\n007\n";
    static const uint32_t agencies[] = {1, 22, 0, 4294967295, 7};
    for (size_t count = 0; count < sizeof bytes; count++) {
        size_t good = 0;
        size_t lines = 0;
        for (size_t i = 0; i < count; i++) {
            if (bytes[i] == '\n') {
                good = i + 1;
                lines++;
            }
        }
        expect_good(fixture, bytes, count, good, lines);
        assert_memory_equal(fixture->lines.agencies, agencies, lines * sizeof agencies[0]);
    }
}

static void pages_that_were_never_written_are_cut_off_with_all_behind_them(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[4 + ZEROS + 2] = "1\n2\n";
    expect_good(fixture, bytes, 4 + 1, 4, 2);
    expect_good(fixture, bytes, 4 + ZEROS, 4, 2);
    bytes[4 + ZEROS] = '3';
    bytes[4 + ZEROS + 1] = '\n';
    expect_good(fixture, bytes, sizeof bytes, 4, 2);
    expect_good(fixture, bytes + 4, ZEROS + 2, 0, 0);
}

static void good_lines_behind_a_bad_one_are_cut_off_with_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"\n",
                                      "\r\n",
                                      "2\r\n",
                                      "x\n",
                                      "-2\n",
                                      "+2\n",
                                      " 2\n",
                                      "4294967296\n",
                                      "2 \n",
                                      "2,\n",
                                      "0x2\n",
                                      "2.0\n",
                                      "99999999999999999999\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bytes[64];
        int count = snprintf(bytes, sizeof bytes, "1\n%s3\n", bad[i]);
        expect_good(fixture, bytes, (size_t)count, 2, 1);
        assert_int_equal(fixture->lines.agencies[0], 1);
    }
}

static void an_agency_that_stands_there_twice_is_told_and_kept(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t agencies[] = {7, 7, 1, 7};
    expect_good(fixture, "7\n7\n1\n7\n", 8, 8, 4);
    assert_memory_equal(fixture->lines.agencies, agencies, sizeof agencies);
}

static void the_next_line_goes_behind_the_good_ones(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_DONE_FILE, "1\n2\n345", 7);
    open_file(fixture);
    assert_int_equal(pwrite(fixture->file.descriptor, "6\n", 2, (off_t)fixture->file.bytes), 2);
    done_file_close(&fixture->file);
    expect_good(fixture, "1\n2\n6\n", 6, 6, 3);
    assert_int_equal(fixture->lines.agencies[2], 6);
}

static void a_line_that_only_the_page_cache_holds_is_no_line(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, DATA_DONE_FILE, "1\n2\n", 4);
    stored = "1\n??"; /* of the second one, something else */
    open_file(fixture);
    assert_int_equal(fixture->lines.count, 1);
    assert_int_equal(fixture->file.bytes, 2);
}

/* More than the reader's buffer holds. */
static void a_long_file_is_read_to_its_end(void **state)
{
    struct fixture *fixture = *state;
    char *bytes = malloc((size_t)MANY_LINES * LINE_BYTES_MAX + 2);
    assert_non_null(bytes);
    size_t used = 0;
    for (uint32_t i = 0; i < MANY_LINES; i++) {
        used += (size_t)snprintf(bytes + used, LINE_BYTES_MAX + 1, "%u\n", i * 71000);
    }
    expect_good(fixture, bytes, used, used, MANY_LINES);
    for (uint32_t i = 0; i < MANY_LINES; i++) {
        assert_int_equal(fixture->lines.agencies[i], i * 71000);
    }
    bytes[used] = '\n'; /* an empty line */
    expect_good(fixture, bytes, used + 1, used, MANY_LINES);
    bytes[0] = 'x'; /* damage in the first piece ends it there */
    expect_good(fixture, bytes, used, 0, 0);
    free(bytes);
}

static void a_file_that_cannot_be_opened_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_DONE_FILE, 0755), 0);
    assert_int_equal(
        done_file_open(&fixture->directory, &fixture->file, note_line, &fixture->lines, &failure),
        DONE_NOT_OPEN);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_non_null(strstr(failure.text, DATA_DONE_FILE ": Is a directory"));
    assert_int_equal(fixture->file.descriptor, -1);
    done_file_close(&fixture->file); /* harmless */
}

static void a_file_that_cannot_be_synced_is_another_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    scratch_write(&fixture->scratch, DATA_DONE_FILE, "1\n", 2);
    syncs_to_fail = 1;
    assert_int_equal(
        done_file_open(&fixture->directory, &fixture->file, note_line, &fixture->lines, &failure),
        DONE_NOT_SYNCED);
    assert_int_equal(syncs_to_fail, 0); /* and was not tried again */
    assert_non_null(strstr(failure.text, "sync "));
    assert_int_equal(fixture->file.descriptor, -1);
    assert_int_equal(fixture->lines.count, 0);
}

static void closing_twice_is_closing_once(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture);
    int descriptor = fixture->file.descriptor;
    done_file_close(&fixture->file);
    assert_int_equal(fixture->file.descriptor, -1);
    assert_int_equal(dup2(fixture->scratch.descriptor, descriptor),
                     descriptor); /* somebody else's */
    done_file_close(&fixture->file);
    assert_int_equal(close(descriptor), 0);
}

#define DONE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DONE_TEST(a_file_that_is_missing_is_made),
        DONE_TEST(a_tail_torn_at_any_byte_is_cut_behind_the_last_whole_line),
        DONE_TEST(pages_that_were_never_written_are_cut_off_with_all_behind_them),
        DONE_TEST(good_lines_behind_a_bad_one_are_cut_off_with_it),
        DONE_TEST(an_agency_that_stands_there_twice_is_told_and_kept),
        DONE_TEST(the_next_line_goes_behind_the_good_ones),
        DONE_TEST(a_line_that_only_the_page_cache_holds_is_no_line),
        DONE_TEST(a_long_file_is_read_to_its_end),
        DONE_TEST(a_file_that_cannot_be_opened_is_a_failure),
        DONE_TEST(a_file_that_cannot_be_synced_is_another_failure),
        DONE_TEST(closing_twice_is_closing_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
