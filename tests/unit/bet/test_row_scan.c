/*
 * test_row_scan.c - many bytes at once say the same as one after the other.
 */
#include "bet/row_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { BYTES_MAX = ROW_SCAN_BYTES_MAX + 200, ROUNDS = 4000, BYTE_VALUES = 256, WAYS = 2 };

static void (*const ways[WAYS])(const char *, size_t, struct row_marks *) = {row_scan,
                                                                             row_scan_portable};

/* ------------------------------------------------------------- reckoning ---- */

static bool is_continuation(unsigned char byte)
{
    return byte >= 0x80 && byte < 0xc0;
}

/* True when the byte is unusual after the one before it. */
static bool is_unusual(unsigned char before, unsigned char byte)
{
    bool letter = before == 0xc3;
    bool control = byte < ' ' && byte != '\n' && byte != '\r';
    return control || byte == 0x7f || byte == '"' || letter != is_continuation(byte) ||
           (byte >= 0xc0 && byte != 0xc3) || (before == '\r' && byte != '\n');
}

/* The byte in this place, or the end of a row after the last one. */
static unsigned char byte_or_end(const char *rows, size_t bytes, size_t place)
{
    return place < bytes ? (unsigned char)rows[place] : '\n';
}

/* Byte by byte: what the scan has to find. */
static void scan_slowly(const char *rows, size_t bytes, struct row_marks *marks)
{
    size_t scanned = bytes < ROW_SCAN_BYTES_MAX ? bytes : ROW_SCAN_BYTES_MAX;
    unsigned char before = '\n';
    *marks = (struct row_marks){0};
    marks->is_open = bytes > 0 && bytes < ROW_SCAN_BYTES_MAX && rows[bytes - 1] != '\n';
    for (size_t i = 0; i < scanned + (marks->is_open ? 1 : 0); i++) {
        const unsigned char byte = byte_or_end(rows, scanned, i);
        if (byte == ',' || byte == '\n') {
            marks->ends[marks->end_count++] = (uint16_t)i;
        }
        if (byte == '\n') {
            marks->row_ends[marks->row_count++] = (uint16_t)i;
        }
        if (is_unusual(before, byte)) {
            marks->suspect |= UINT64_C(1) << i / ROW_SCAN_BLOCK_BYTES;
        }
        before = byte;
    }
    /* What comes after a last row that ends in LF is nothing; and nothing follows a lead there. */
}

static void expect_as_byte_by_byte(const char *rows, size_t bytes)
{
    static struct row_marks expected;
    static struct row_marks marks;
    char *copy = malloc(bytes > 0 ? bytes : 1); /* of exactly this size, for AddressSanitizer */
    assert_non_null(copy);
    memcpy(copy, rows, bytes);
    scan_slowly(copy, bytes, &expected);
    for (int way = 0; way < WAYS; way++) {
        ways[way](copy, bytes, &marks);
        assert_int_equal(marks.end_count, expected.end_count);
        assert_int_equal(marks.row_count, expected.row_count);
        assert_int_equal(marks.is_open, expected.is_open);
        assert_true(marks.suspect == expected.suspect);
        assert_memory_equal(marks.ends, expected.ends,
                            expected.end_count * sizeof expected.ends[0]);
        assert_memory_equal(marks.row_ends, expected.row_ends,
                            expected.row_count * sizeof expected.row_ends[0]);
    }
    free(copy);
}

/* ----------------------------------------------------------------- tests ---- */

static void every_byte_value_falls_into_its_class_at_every_place(void **state)
{
    (void)state;
    char rows[3 * ROW_SCAN_BLOCK_BYTES];
    for (size_t place = 0; place < (size_t)2 * ROW_SCAN_BLOCK_BYTES; place++) {
        for (int byte = 0; byte < BYTE_VALUES; byte++) {
            memset(rows, 'a', sizeof rows);
            rows[place] = (char)byte;
            expect_as_byte_by_byte(rows, sizeof rows);
            expect_as_byte_by_byte(rows, place + 1);
        }
    }
}

static void every_pair_of_bytes_is_judged_at_the_border_of_two_blocks(void **state)
{
    (void)state;
    char rows[2 * ROW_SCAN_BLOCK_BYTES];
    memset(rows, 'a', sizeof rows);
    for (int first = 0; first < BYTE_VALUES; first++) {
        for (int second = 0; second < BYTE_VALUES; second++) {
            rows[ROW_SCAN_BLOCK_BYTES - 1] = (char)first;
            rows[ROW_SCAN_BLOCK_BYTES] = (char)second;
            expect_as_byte_by_byte(rows, sizeof rows);
        }
    }
}

static void any_number_of_bytes_is_scanned_up_to_the_largest(void **state)
{
    (void)state;
    static char rows[BYTES_MAX];
    static const char fills[] = "a,\n";
    for (size_t fill = 0; fill < sizeof fills - 1; fill++) {
        memset(rows, fills[fill], sizeof rows);
        for (size_t bytes = 0; bytes <= 2 * ROW_SCAN_BLOCK_BYTES + 1; bytes++) {
            expect_as_byte_by_byte(rows, bytes);
        }
        for (size_t bytes = ROW_SCAN_BYTES_MAX - ROW_SCAN_BLOCK_BYTES; bytes <= BYTES_MAX;
             bytes++) {
            expect_as_byte_by_byte(rows, bytes);
        }
    }
}

static void random_bytes_give_what_they_give_one_by_one(void **state)
{
    (void)state;
    static char rows[BYTES_MAX];
    static const char alphabet[] = "ab,,\n\r\"0\x7f\x01\xc3\xc3\xa9\xb1\xc2\x80\xff\xe2";
    unsigned seed = 20261127;
    for (int round = 0; round < ROUNDS; round++) {
        size_t bytes = (size_t)rand_r(&seed) % (round % 4 == 0 ? BYTES_MAX : 300);
        for (size_t i = 0; i < bytes; i++) {
            bool usual = rand_r(&seed) % (1 + round % 50) != 0; /* most real blocks are */
            size_t letters = usual ? 4 : sizeof alphabet - 1;
            rows[i] = alphabet[(size_t)rand_r(&seed) % letters];
        }
        expect_as_byte_by_byte(rows, bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_value_falls_into_its_class_at_every_place),
        cmocka_unit_test(every_pair_of_bytes_is_judged_at_the_border_of_two_blocks),
        cmocka_unit_test(any_number_of_bytes_is_scanned_up_to_the_largest),
        cmocka_unit_test(random_bytes_give_what_they_give_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
