/*
 * test_done_file.c - done.csv is read up to its first damage, and refused where that
 * lies before what is proven.
 */
#include "store/done_file.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES_MAX = 1024, ZEROS = 4096, LINES_MAX = 32767, BYTE_VALUES = 256 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct done_file file;
};

/* Lines that a file may hold, and where each of them ends. */
static const struct done_line examples[] = {
    {.agency = 1, .bets = 3, .position = 100, .checksum = UINT64_C(0x0123456789abcdef)},
    {.agency = 22, .bets = 0, .position = 100, .checksum = 0},
    {.agency = 0, .bets = 1, .position = 101, .checksum = 1},
    {.agency = UINT32_MAX, .bets = UINT64_MAX, .position = UINT64_MAX, .checksum = UINT64_MAX},
    {.agency = 7, .bets = 10, .position = 5000000000, .checksum = UINT64_C(0xffffffffffffffc4)},
};

enum { EXAMPLES = sizeof examples / sizeof examples[0] };

struct text {
    char bytes[TEXT_BYTES_MAX];
    size_t count;
    size_t ends[EXAMPLES + 1]; /* of so many lines */
};

static void write_examples(struct text *text)
{
    *text = (struct text){.count = 0};
    for (size_t i = 0; i < EXAMPLES; i++) {
        text->count += done_file_write_line(text->bytes + text->count, &examples[i]);
        text->ends[i + 1] = text->count;
    }
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.file = (struct done_file){.descriptor = -1};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR); /* not of every tail */
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    done_file_close(&fixture->file);
    scratch_close(&fixture->scratch);
    return 0;
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

static void open_file(struct fixture *fixture, bool make, uint64_t proven_bytes)
{
    struct failure failure = {.text = ""};
    done_file_close(&fixture->file);
    if (done_file_open(&fixture->directory, make, proven_bytes, &fixture->file, &failure) !=
        DONE_OPEN) {
        fail_msg("%s", failure.text);
    }
}

static void cut_file(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    if (done_file_cut(&fixture->directory, &fixture->file, &failure) != DONE_OPEN) {
        fail_msg("%s", failure.text);
    }
    assert_int_equal(fixture->file.torn_bytes, 0);
}

static void expect_bytes(struct fixture *fixture, const char *bytes, size_t count)
{
    size_t left = 0;
    char *file = scratch_read(&fixture->scratch, DATA_DONE_FILE, &left);
    bool same = left == count && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same);
}

static void expect_line(const struct done_line *found, const struct done_line *expected)
{
    assert_int_equal(found->agency, expected->agency);
    assert_int_equal(found->bets, expected->bets);
    assert_int_equal(found->position, expected->position);
    assert_int_equal(found->checksum, expected->checksum);
}

/* Opens the file with these bytes, of which `good` are good and `proven` proven, and cuts it, twice. */
static void expect_good(struct fixture *fixture, const char *bytes, size_t count, size_t good,
                        size_t lines, uint64_t proven)
{
    scratch_write(&fixture->scratch, DATA_DONE_FILE, bytes, count);
    for (int opened = 0; opened < 2; opened++) {
        open_file(fixture, opened == 1, proven);
        assert_int_equal(fixture->file.bytes, good);
        assert_int_equal(fixture->file.torn_bytes, opened == 0 ? count - good : 0);
        assert_int_equal(fixture->file.count, lines);
        expect_bytes(fixture, bytes, opened == 0 ? count : good); /* opening changes nothing */
        cut_file(fixture);
        expect_bytes(fixture, bytes, good);
    }
}

/* The file stays as it is. */
static void expect_damaged(struct fixture *fixture, const char *bytes, size_t count,
                           uint64_t proven, const char *reason)
{
    struct failure failure = {.text = ""};
    done_file_close(&fixture->file);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, bytes, count);
    for (int make = 0; make <= 1; make++) {
        enum done_open opened =
            done_file_open(&fixture->directory, make == 1, proven, &fixture->file, &failure);
        assert_int_equal(fixture->file.descriptor, -1);
        assert_null(fixture->file.lines);
        if (opened != DONE_DAMAGED || strstr(failure.text, reason) == NULL ||
            strstr(failure.text, fixture->scratch.path) == NULL) {
            fail_msg("%d, '%s' does not say '%s'", (int)opened, failure.text, reason);
        }
        expect_bytes(fixture, bytes, count);
    }
}

/* ------------------------------------------------------------------ lines ---- */

static void a_line_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        char text[DONE_LINE_BYTES_MAX];
        struct done_line found;
        size_t bytes = done_file_write_line(text, &examples[i]);
        assert_int_equal(text[bytes - 1], '\n');
        assert_true(bytes < DONE_LINE_BYTES_MAX);
        assert_true(done_file_parse_line(text, bytes - 1, &found));
        expect_line(&found, &examples[i]);
    }
}

static void a_line_has_its_fields_in_order_and_its_own_checksum_last(void **state)
{
    (void)state;
    char text[DONE_LINE_BYTES_MAX];
    char expected[DONE_LINE_BYTES_MAX];
    static const char fields[] = "1,3,100,0123456789abcdef,";
    (void)snprintf(expected, sizeof expected, "%s" CHECKSUM_FORMAT "\n", fields,
                   checksum_extend(CHECKSUM_EMPTY, fields, strlen(fields)));
    (void)done_file_write_line(text, &examples[0]);
    assert_string_equal(text, expected);
}

static void a_line_with_any_other_byte_is_no_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        char text[DONE_LINE_BYTES_MAX];
        struct done_line found;
        size_t bytes = done_file_write_line(text, &examples[i]) - 1;
        for (size_t at = 0; at < bytes; at++) {
            for (int flip = 1; flip < BYTE_VALUES; flip++) {
                text[at] = (char)(text[at] ^ flip);
                if (done_file_parse_line(text, bytes, &found)) {
                    fail_msg("taken for a line: '%.*s'", (int)bytes, text);
                }
                text[at] = (char)(text[at] ^ flip);
            }
        }
        for (size_t shorter = 0; shorter < bytes; shorter++) {
            assert_false(done_file_parse_line(text, shorter, &found));
            assert_false(done_file_parse_line(text + bytes - shorter, shorter, &found));
        }
        assert_true(done_file_parse_line(text, bytes, &found));
    }
}

/* With the checksum that fits it: another spelling of a line is none. */
static void another_spelling_is_no_line_even_where_its_checksum_fits(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "",
        "1",
        "1,",
        "1,3,100,",
        ",,,,",
        "01,3,100,0123456789abcdef,",
        "+1,3,100,0123456789abcdef,",
        " 1,3,100,0123456789abcdef,",
        "-1,3,100,0123456789abcdef,",
        "4294967296,3,100,0123456789abcdef,",
        "1,03,100,0123456789abcdef,",
        "1,3,100 ,0123456789abcdef,",
        "1,18446744073709551616,100,0123456789abcdef,",
        "1,3,100,0123456789ABCDEF,",
        "1,3,100,123456789abcdef,",
        "1,3,100,0x123456789abcdef,",
        "1,3,100,00123456789abcdef,",
        "1,3,100,0123456789abcdef,,",
        "1,3,0123456789abcdef,",
        "1,3,100,0123456789abcdef,0,",
        "1;3;100;0123456789abcdef;",
        "1,3,100,0123456789abcdef",
        "1111111111111111111111111111111111111111111111,3,100,0123456789abcdef,",
        "11111111111111111111111111111111111111111111111111111111111111111111111111111111111,",
    };
    char text[2 * DONE_LINE_BYTES_MAX];
    struct done_line found;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        int bytes = snprintf(text, sizeof text, "%s" CHECKSUM_FORMAT, fields[i],
                             checksum_extend(CHECKSUM_EMPTY, fields[i], strlen(fields[i])));
        if (done_file_parse_line(text, (size_t)bytes, &found)) {
            fail_msg("taken for a line: '%s'", text);
        }
    }
    static const char right[] = "1,3,100,0123456789abcdef,";
    int bytes = snprintf(text, sizeof text, "%s" CHECKSUM_FORMAT, right,
                         checksum_extend(CHECKSUM_EMPTY, right, strlen(right)));
    assert_true(done_file_parse_line(text, (size_t)bytes, &found));
}

/* ------------------------------------------------------------------- files ---- */

static void a_file_that_is_missing_is_made_where_that_is_wanted(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture, false, 0);
    assert_int_equal(fixture->file.descriptor, -1);
    assert_int_equal(fixture->file.count, 0);
    cut_file(fixture); /* harmless */
    assert_false(scratch_has(&fixture->scratch, DATA_DONE_FILE));
    open_file(fixture, true, 0);
    assert_true(fixture->file.descriptor >= 0);
    assert_int_equal(fixture->file.bytes, 0);
    assert_int_equal(fixture->file.count, 0);
    assert_true(scratch_has(&fixture->scratch, DATA_DONE_FILE));
}

static void a_file_that_is_missing_and_proven_is_never_made(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    for (int make = 0; make <= 1; make++) {
        assert_int_equal(
            done_file_open(&fixture->directory, make == 1, 1, &fixture->file, &failure),
            DONE_DAMAGED);
        assert_non_null(strstr(failure.text, "is missing"));
        assert_non_null(strstr(failure.text, "1 bytes were durable"));
        assert_non_null(strstr(failure.text, fixture->scratch.path));
        assert_false(scratch_has(&fixture->scratch, DATA_DONE_FILE));
    }
}

static void a_tail_torn_at_any_byte_is_cut_behind_the_last_whole_line(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    write_examples(&text);
    for (size_t count = 0; count <= text.count; count++) {
        size_t lines = EXAMPLES;
        while (text.ends[lines] > count) {
            lines--;
        }
        expect_good(fixture, text.bytes, count, text.ends[lines], lines, text.ends[lines]);
        for (size_t i = 0; i < lines; i++) {
            expect_line(&fixture->file.lines[i], &examples[i]);
        }
    }
}

static void a_file_that_ends_before_what_is_proven_is_damaged(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    write_examples(&text);
    for (size_t lines = 1; lines <= EXAMPLES; lines++) {
        for (size_t count = 0; count < text.ends[lines]; count++) {
            expect_damaged(fixture, text.bytes, count, text.ends[lines], "were durable");
        }
    }
    expect_damaged(fixture, text.bytes, text.count, text.count + 1, "were durable");
}

static void any_other_byte_before_what_is_proven_is_damage_and_behind_it_a_tail(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    write_examples(&text);
    for (size_t proven = 1; proven <= EXAMPLES; proven += 2) {
        size_t line = 0;
        for (size_t at = 0; at < text.count; at++) {
            line += at >= text.ends[line + 1] ? 1 : 0;
            text.bytes[at] = (char)(text.bytes[at] ^ 1);
            if (at < text.ends[proven]) {
                expect_damaged(fixture, text.bytes, text.count, text.ends[proven], "were durable");
            } else {
                expect_good(fixture, text.bytes, text.count, text.ends[line], line,
                            text.ends[proven]);
            }
            text.bytes[at] = (char)(text.bytes[at] ^ 1);
        }
    }
}

/* The storer before this one wrote them, and did not live to note how far. */
static void whole_lines_behind_what_is_proven_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    write_examples(&text);
    for (size_t proven = 0; proven <= EXAMPLES; proven++) {
        expect_good(fixture, text.bytes, text.count, text.count, EXAMPLES, text.ends[proven]);
    }
}

static void pages_that_were_never_written_are_cut_off_with_all_behind_them(void **state)
{
    struct fixture *fixture = *state;
    static char bytes[TEXT_BYTES_MAX + ZEROS + DONE_LINE_BYTES_MAX];
    struct text text;
    write_examples(&text);
    const size_t good = text.ends[2];
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, text.bytes, good);
    expect_good(fixture, bytes, good + 1, good, 2, good);
    expect_good(fixture, bytes, good + ZEROS, good, 2, good);
    size_t more = done_file_write_line(bytes + good + ZEROS, &examples[3]);
    expect_good(fixture, bytes, good + ZEROS + more, good, 2, good);
    expect_good(fixture, bytes + good, ZEROS + more, 0, 0, 0);
    expect_damaged(fixture, bytes, good + ZEROS + more, good + 1, "were durable");
}

static void a_line_of_another_kind_is_cut_off_with_those_behind_it(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"\n", "\r\n", "2\n", "x\n", "1,3,100\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char bytes[TEXT_BYTES_MAX];
        size_t good = done_file_write_line(bytes, &examples[0]);
        memcpy(bytes + good, bad[i], strlen(bad[i]));
        size_t count = good + strlen(bad[i]);
        count += done_file_write_line(bytes + count, &examples[1]);
        expect_good(fixture, bytes, count, good, 1, good);
        expect_damaged(fixture, bytes, count, count, "were durable");
    }
}

static void an_agency_that_stands_there_twice_is_told_and_kept(void **state)
{
    struct fixture *fixture = *state;
    char bytes[TEXT_BYTES_MAX];
    static const size_t order[] = {4, 4, 0, 4};
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        count += done_file_write_line(bytes + count, &examples[order[i]]);
    }
    expect_good(fixture, bytes, count, count, 4, count);
    for (size_t i = 0; i < 4; i++) {
        expect_line(&fixture->file.lines[i], &examples[order[i]]);
    }
}

static void the_next_line_goes_behind_the_good_ones(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    char line[DONE_LINE_BYTES_MAX];
    write_examples(&text);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.ends[2] + 3);
    open_file(fixture, true, text.ends[1]);
    cut_file(fixture);
    ssize_t bytes = (ssize_t)done_file_write_line(line, &examples[4]);
    assert_int_equal(
        pwrite(fixture->file.descriptor, line, (size_t)bytes, (off_t)fixture->file.bytes), bytes);
    open_file(fixture, false, text.ends[2] + (uint64_t)bytes);
    assert_int_equal(fixture->file.count, 3);
    assert_int_equal(fixture->file.torn_bytes, 0);
    expect_line(&fixture->file.lines[2], &examples[4]);
}

static void a_line_that_only_the_page_cache_holds_is_no_line(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    struct text on_disk;
    struct failure failure = {.text = ""};
    write_examples(&text);
    write_examples(&on_disk);
    on_disk.bytes[text.ends[2] - 2] = '?'; /* of the second line, something else */
    on_disk.bytes[text.ends[2]] = '\0';
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.ends[2]);
    stored = on_disk.bytes;
    open_file(fixture, false, text.ends[1]);
    assert_int_equal(fixture->file.count, 1);
    assert_int_equal(fixture->file.bytes, text.ends[1]);
    done_file_close(&fixture->file);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.ends[2]);
    stored = on_disk.bytes;
    assert_int_equal(
        done_file_open(&fixture->directory, false, text.ends[2], &fixture->file, &failure),
        DONE_DAMAGED);
}

/* As many as there can be agencies, and one more; more than the reader's buffer holds. */
static void as_many_lines_as_there_can_be_agencies_are_read_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    char *bytes = malloc((size_t)(LINES_MAX + 1) * DONE_LINE_BYTES_MAX);
    assert_non_null(bytes);
    size_t used = 0;
    size_t last = 0;
    for (uint32_t i = 0; i <= LINES_MAX; i++) {
        const struct done_line line = {
            .agency = i * 71000, .bets = i, .position = i, .checksum = i};
        last = used;
        used += done_file_write_line(bytes + used, &line);
    }
    expect_good(fixture, bytes, last, last, LINES_MAX, last);
    for (uint32_t i = 0; i < LINES_MAX; i++) {
        assert_int_equal(fixture->file.lines[i].agency, i * 71000);
    }
    expect_good(fixture, bytes, used - 1, last, LINES_MAX, last); /* the last one is torn */
    expect_damaged(fixture, bytes, used, 0, "more lines than there can be agencies (32767)");
    bytes[0] = 'x'; /* damage in the first piece ends it there */
    expect_good(fixture, bytes, used, 0, 0, 0);
    expect_damaged(fixture, bytes, used, 1, "at byte 0");
    free(bytes);
}

/* ---------------------------------------------------------------- failures ---- */

static void a_file_that_cannot_be_opened_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_DONE_FILE, 0755), 0);
    assert_int_equal(done_file_open(&fixture->directory, true, 0, &fixture->file, &failure),
                     DONE_NOT_OPEN);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_non_null(strstr(failure.text, DATA_DONE_FILE " is a directory"));
    assert_int_equal(fixture->file.descriptor, -1);
    done_file_close(&fixture->file); /* harmless */
}

static void a_link_is_not_followed(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    scratch_write(&fixture->scratch, "elsewhere", "", 0);
    assert_int_equal(symlinkat("elsewhere", fixture->scratch.descriptor, DATA_DONE_FILE), 0);
    assert_int_equal(done_file_open(&fixture->directory, true, 0, &fixture->file, &failure),
                     DONE_NOT_OPEN);
    assert_non_null(strstr(failure.text, DATA_DONE_FILE));
}

static void a_file_that_cannot_be_synced_is_another_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct text text;
    write_examples(&text);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.count);
    syncs_to_fail = 1;
    assert_int_equal(done_file_open(&fixture->directory, true, 0, &fixture->file, &failure),
                     DONE_NOT_SYNCED);
    assert_int_equal(syncs_to_fail, 0); /* and was not tried again */
    assert_non_null(strstr(failure.text, "sync "));
    assert_int_equal(fixture->file.descriptor, -1);
    assert_int_equal(fixture->file.count, 0);
}

static void a_cut_that_cannot_be_synced_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct text text;
    write_examples(&text);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.count - 1);
    open_file(fixture, false, 0);
    syncs_to_fail = 1;
    assert_int_equal(done_file_cut(&fixture->directory, &fixture->file, &failure), DONE_NOT_SYNCED);
    assert_int_equal(syncs_to_fail, 0);
    assert_non_null(strstr(failure.text, "cut the tail of "));
    assert_non_null(strstr(failure.text, fixture->scratch.path));
}

static void a_cut_that_is_refused_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct text text;
    write_examples(&text);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.count - 1);
    open_file(fixture, false, 0);
    int read_only = openat(fixture->scratch.descriptor, DATA_DONE_FILE, O_RDONLY | O_CLOEXEC);
    assert_int_equal(dup2(read_only, fixture->file.descriptor), fixture->file.descriptor);
    (void)close(read_only);
    assert_int_equal(done_file_cut(&fixture->directory, &fixture->file, &failure), DONE_NOT_OPEN);
    assert_true(fixture->file.torn_bytes > 0);
}

static void closing_twice_is_closing_once(void **state)
{
    struct fixture *fixture = *state;
    open_file(fixture, true, 0);
    int descriptor = fixture->file.descriptor;
    done_file_close(&fixture->file);
    assert_int_equal(fixture->file.descriptor, -1);
    assert_int_equal(dup2(fixture->scratch.descriptor, descriptor),
                     descriptor); /* somebody else's */
    done_file_close(&fixture->file);
    assert_int_equal(close(descriptor), 0);
}

/* ---------------------------------------------------------------- finding ---- */

static void the_line_of_an_agency_is_found_and_of_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    struct done_line line;
    struct failure failure;
    assert_int_equal(done_file_find(&fixture->directory, 1, &line, &failure), DONE_NOT_FOUND);
    write_examples(&text);
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.count);
    for (size_t i = 0; i < EXAMPLES; i++) {
        assert_int_equal(done_file_find(&fixture->directory, examples[i].agency, &line, &failure),
                         DONE_FOUND);
        expect_line(&line, &examples[i]);
    }
    assert_int_equal(done_file_find(&fixture->directory, 2, &line, &failure), DONE_NOT_FOUND);
}

static void behind_a_wrong_line_no_agency_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct text text;
    struct done_line line;
    struct failure failure;
    write_examples(&text);
    text.bytes[text.ends[1]] ^= 1;
    scratch_write(&fixture->scratch, DATA_DONE_FILE, text.bytes, text.count);
    assert_int_equal(done_file_find(&fixture->directory, 1, &line, &failure), DONE_FOUND);
    assert_int_equal(done_file_find(&fixture->directory, 7, &line, &failure), DONE_UNREAD);
    assert_non_null(strstr(failure.text, DATA_DONE_FILE " is damaged"));
}

#define DONE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_read_as_it_was_written),
        cmocka_unit_test(a_line_has_its_fields_in_order_and_its_own_checksum_last),
        cmocka_unit_test(a_line_with_any_other_byte_is_no_line),
        cmocka_unit_test(another_spelling_is_no_line_even_where_its_checksum_fits),
        DONE_TEST(a_file_that_is_missing_is_made_where_that_is_wanted),
        DONE_TEST(a_file_that_is_missing_and_proven_is_never_made),
        DONE_TEST(a_tail_torn_at_any_byte_is_cut_behind_the_last_whole_line),
        DONE_TEST(a_file_that_ends_before_what_is_proven_is_damaged),
        DONE_TEST(any_other_byte_before_what_is_proven_is_damage_and_behind_it_a_tail),
        DONE_TEST(whole_lines_behind_what_is_proven_are_kept),
        DONE_TEST(pages_that_were_never_written_are_cut_off_with_all_behind_them),
        DONE_TEST(a_line_of_another_kind_is_cut_off_with_those_behind_it),
        DONE_TEST(an_agency_that_stands_there_twice_is_told_and_kept),
        DONE_TEST(the_next_line_goes_behind_the_good_ones),
        DONE_TEST(a_line_that_only_the_page_cache_holds_is_no_line),
        DONE_TEST(as_many_lines_as_there_can_be_agencies_are_read_and_no_more),
        DONE_TEST(a_file_that_cannot_be_opened_is_a_failure),
        DONE_TEST(a_link_is_not_followed),
        DONE_TEST(a_file_that_cannot_be_synced_is_another_failure),
        DONE_TEST(a_cut_that_cannot_be_synced_is_told_as_such),
        DONE_TEST(a_cut_that_is_refused_is_a_failure),
        DONE_TEST(closing_twice_is_closing_once),
        DONE_TEST(the_line_of_an_agency_is_found_and_of_no_other),
        DONE_TEST(behind_a_wrong_line_no_agency_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
