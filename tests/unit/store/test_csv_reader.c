/*
 * test_csv_reader.c - what the reader gives is the file, in whole rows, wherever its buffer ends.
 */
#include "store/csv_reader.h"

#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BUFFER_BYTES = 256 * 1024, FILE_BYTES_MAX = 5 * BUFFER_BYTES, NEAR_BYTES = 3 };

struct fixture {
    struct scratch scratch;
    struct csv_reader reader;
    int file;
    char *bytes; /* of the file: owned */
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.file = -1};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.bytes = malloc(FILE_BYTES_MAX);
    assert_non_null(fixture.bytes);
    return 0;
}

static void close_all(struct fixture *fixture)
{
    csv_reader_close(&fixture->reader);
    if (fixture->file >= 0) {
        (void)close(fixture->file);
        fixture->file = -1;
    }
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close_all(fixture);
    free(fixture->bytes);
    scratch_close(&fixture->scratch);
    return 0;
}

static void open_at(struct fixture *fixture, const void *bytes, size_t count, uint64_t position)
{
    close_all(fixture);
    scratch_write(&fixture->scratch, "rows", bytes, count);
    fixture->file = openat(fixture->scratch.descriptor, "rows", O_RDONLY | O_CLOEXEC);
    assert_true(fixture->file >= 0);
    assert_true(csv_reader_open(&fixture->reader, fixture->file, position));
}

/* Reads to the end and expects whole rows, one behind the other, up to `rows_end`. */
static void expect_rows(struct fixture *fixture, const char *bytes, uint64_t from,
                        uint64_t rows_end)
{
    const char *rows = NULL;
    size_t count = 0;
    uint64_t at = from;
    enum csv_read read = CSV_END;
    while ((read = csv_reader_next(&fixture->reader, &rows, &count)) == CSV_ROWS) {
        assert_true(count > 0 && count <= rows_end - at);
        assert_memory_equal(rows, bytes + at, count);
        assert_int_equal(rows[count - 1], '\n');
        at += count;
    }
    assert_int_equal(read, CSV_END);
    assert_int_equal(at, rows_end);
    assert_int_equal(csv_reader_next(&fixture->reader, &rows, &count),
                     CSV_END); /* and stays there */
}

/* Reads ranges of so many bytes to the end, and expects each row once, in the range it begins in. */
static void expect_ranges(const struct fixture *fixture, const char *bytes, uint64_t rows_end,
                          uint64_t range_bytes)
{
    struct csv_range range = {.file = fixture->file, .to = range_bytes};
    struct csv_buffer buffer;
    struct csv_rows rows;
    uint64_t at = 0;
    enum csv_read read = CSV_END;
    assert_true(csv_buffer_open(&buffer));
    do {
        read = csv_range_read(&range, &buffer, &rows);
        if (rows.bytes > 0) {
            assert_int_equal(rows.position, at);
            assert_in_range(at, range.from, range.to - 1);
            assert_true(rows.bytes <= rows_end - at);
            assert_memory_equal(rows.rows, bytes + at, rows.bytes);
            at += rows.bytes;
        }
        range.from = range.to;
        range.to += range_bytes;
    } while (read == CSV_ROWS);
    csv_buffer_close(&buffer);
    assert_int_equal(read, CSV_END);
    assert_int_equal(at, rows_end);
}

static void expect_file_of_rows(struct fixture *fixture, size_t count, size_t rows_end)
{
    open_at(fixture, fixture->bytes, count, 0);
    expect_rows(fixture, fixture->bytes, 0, rows_end);
    expect_ranges(fixture, fixture->bytes, rows_end, CSV_RANGE_BYTES);
    expect_ranges(fixture, fixture->bytes, rows_end, BUFFER_BYTES / 3);
}

static void a_rest_without_a_line_end_is_not_given(void **state)
{
    struct fixture *fixture = *state;
    static const char rows[] = "1\r\n22\r\n\n3";
    static const size_t rows_end[] = {0, 0, 0, 3, 3, 3, 3, 7, 8, 8};
    for (size_t count = 0; count < sizeof rows; count++) {
        open_at(fixture, rows, count, 0);
        expect_rows(fixture, rows, 0, rows_end[count]);
        for (uint64_t range_bytes = 1; range_bytes <= sizeof rows; range_bytes++) {
            expect_ranges(fixture, rows, rows_end[count], range_bytes);
        }
    }
}

static void reading_begins_where_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    static const char rows[] = "1\r\n22\r\n333\r\n";
    for (uint64_t from = 0; from < sizeof rows; from++) {
        open_at(fixture, rows, sizeof rows - 1, from);
        expect_rows(fixture, rows, from, sizeof rows - 1);
    }
    open_at(fixture, rows, sizeof rows - 1, 1000); /* behind the end */
    expect_rows(fixture, rows, 1000, 1000);
}

static void rows_may_end_near_the_buffers_end(void **state)
{
    struct fixture *fixture = *state;
    for (size_t end = BUFFER_BYTES - NEAR_BYTES; end <= BUFFER_BYTES + NEAR_BYTES; end++) {
        memset(fixture->bytes, 'x', FILE_BYTES_MAX);
        fixture->bytes[9] = '\n';
        fixture->bytes[end - 1] = '\n';
        fixture->bytes[end + 9] = '\n';
        expect_file_of_rows(fixture, end + 10, end + 10);
        expect_file_of_rows(fixture, end + 9, end);
        expect_file_of_rows(fixture, end, end);
        expect_file_of_rows(fixture, end - 1, 10);
    }
}

static void a_row_longer_than_the_buffer_is_given_whole(void **state)
{
    struct fixture *fixture = *state;
    static const size_t row_bytes[] = {BUFFER_BYTES - 1, BUFFER_BYTES, BUFFER_BYTES + 1,
                                       (size_t)2 * BUFFER_BYTES, (size_t)4 * BUFFER_BYTES};
    for (size_t i = 0; i < sizeof row_bytes / sizeof row_bytes[0]; i++) {
        for (size_t before = 0; before <= 10; before += 10) {
            memset(fixture->bytes, 'x', FILE_BYTES_MAX);
            if (before > 0) {
                fixture->bytes[before - 1] = '\n';
            }
            size_t end = before + row_bytes[i];
            fixture->bytes[end - 1] = '\n';
            fixture->bytes[end + 4] = '\n';
            expect_file_of_rows(fixture, end + 5, end + 5);
            expect_file_of_rows(fixture, end - 1, before); /* never ended */
        }
    }
}

static void rows_of_random_lengths_are_all_given(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 30904465;
    size_t used = 0;
    while (used < FILE_BYTES_MAX - 200) {
        size_t row_bytes = 1 + (size_t)rand_r(&seed) % 199;
        memset(fixture->bytes + used, 'a' + rand_r(&seed) % 26, row_bytes);
        fixture->bytes[used + row_bytes - 1] = '\n';
        used += row_bytes;
    }
    memset(fixture->bytes + used, 'z', FILE_BYTES_MAX - used);
    expect_file_of_rows(fixture, used, used);
    expect_file_of_rows(fixture, FILE_BYTES_MAX, used);
}

static void rows_that_come_later_are_given_later(void **state)
{
    struct fixture *fixture = *state;
    const char *rows = NULL;
    size_t count = 0;
    open_at(fixture, "1\n2", 3, 0);
    expect_rows(fixture, "1\n2", 0, 2);
    int writer = openat(fixture->scratch.descriptor, "rows", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(writer >= 0);
    ssize_t written = write(writer, "2\n3\n", 4);
    (void)close(writer);
    assert_int_equal(written, 4);
    assert_int_equal(csv_reader_next(&fixture->reader, &rows, &count), CSV_ROWS);
    assert_int_equal(count, 5);
    assert_memory_equal(rows, "22\n3\n", 5);
}

static void what_cannot_be_read_is_a_failure_and_no_end(void **state)
{
    struct fixture *fixture = *state;
    const char *rows = NULL;
    size_t count = 0;
    open_at(fixture, "1\n", 2, 0);
    struct csv_reader reader;
    assert_true(csv_reader_open(&reader, fixture->scratch.descriptor, 0));
    errno = 0;
    enum csv_read of_directory = csv_reader_next(&reader, &rows, &count);
    int error = errno;
    csv_reader_close(&reader);
    assert_int_equal(of_directory, CSV_FAILED);
    assert_int_equal(error, EISDIR);
    const struct csv_range range = {.file = fixture->scratch.descriptor, .to = CSV_RANGE_BYTES};
    struct csv_buffer buffer;
    struct csv_rows none;
    assert_true(csv_buffer_open(&buffer));
    errno = 0;
    of_directory = csv_range_read(&range, &buffer, &none);
    error = errno;
    csv_buffer_close(&buffer);
    assert_int_equal(of_directory, CSV_FAILED);
    assert_int_equal(error, EISDIR);
    assert_int_equal(none.bytes, 0);
}

static void the_file_is_the_callers_and_stays_open(void **state)
{
    struct fixture *fixture = *state;
    char byte = 0;
    open_at(fixture, "1\n", 2, 0);
    expect_rows(fixture, "1\n", 0, 2);
    csv_reader_close(&fixture->reader);
    csv_reader_close(&fixture->reader); /* twice is once */
    assert_int_equal(read(fixture->file, &byte, 1), 1);
    assert_int_equal(byte, '1'); /* its offset was never moved */
}

/* It might be anything: such a file must not be read into memory whole. */
static void a_row_longer_than_any_of_ours_ends_the_reading(void **state)
{
    struct fixture *fixture = *state;
    const char *rows = NULL;
    size_t count = 0;
    open_at(fixture, "1,a\r\n", 5, 0);
    int file = openat(fixture->scratch.descriptor, "rows", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(file, (off_t)(8 * CSV_ROW_BYTES_MAX)), 0); /* zeros, on no disk */
    assert_int_equal(close(file), 0);
    assert_int_equal(csv_reader_next(&fixture->reader, &rows, &count), CSV_ROWS);
    assert_int_equal(count, 5);
    assert_int_equal(csv_reader_next(&fixture->reader, &rows, &count), CSV_END);
    assert_true(fixture->reader.capacity <= 2 * CSV_ROW_BYTES_MAX);
    assert_int_equal(csv_reader_next(&fixture->reader, &rows, &count), CSV_END); /* it stays so */
    const struct csv_range range = {.file = fixture->file, .to = CSV_RANGE_BYTES};
    struct csv_buffer buffer;
    struct csv_rows first;
    assert_true(csv_buffer_open(&buffer));
    assert_int_equal(csv_range_read(&range, &buffer, &first), CSV_END);
    assert_int_equal(first.bytes, 5);
    assert_true(buffer.capacity <= 2 * CSV_ROW_BYTES_MAX);
    csv_buffer_close(&buffer);
}

#define READER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READER_TEST(a_rest_without_a_line_end_is_not_given),
        READER_TEST(reading_begins_where_it_is_told),
        READER_TEST(rows_may_end_near_the_buffers_end),
        READER_TEST(a_row_longer_than_the_buffer_is_given_whole),
        READER_TEST(rows_of_random_lengths_are_all_given),
        READER_TEST(rows_that_come_later_are_given_later),
        READER_TEST(what_cannot_be_read_is_a_failure_and_no_end),
        READER_TEST(the_file_is_the_callers_and_stays_open),
        READER_TEST(a_row_longer_than_any_of_ours_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
