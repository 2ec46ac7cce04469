/*
 * test_checksum.c - the checksum is the number that the bytes are, and pieces can be joined.
 */
#include "lib/checksum.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BYTES_MAX = 8600, MANY_BYTES = 1024 * 1024 };

/* The definition, a bit at a time: doubling below the modulus never needs more than 64 bits. */
static uint64_t slow_checksum(const unsigned char *bytes, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count * 8; i++) {
        uint64_t bit = ((unsigned)bytes[i / 8] >> (7 - i % 8)) & 1U;
        uint64_t left = CHECKSUM_MODULUS - sum;
        sum = sum >= left ? sum - left : sum + sum;
        sum = sum == CHECKSUM_MODULUS - 1 && bit != 0 ? 0 : sum + bit;
    }
    return sum;
}

static void fill(unsigned char *bytes, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1103515245U + 12345U;
        bytes[i] = (unsigned char)(seed >> 16);
    }
}

static void known_values_are_those_of_pythons_integers(void **state)
{
    (void)state;
    /* int.from_bytes(data, "big") % (2**64 - 59) */
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, "", 0), 0);
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, "A", 1), 65);
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, "12345678", 8), UINT64_C(0x3132333435363738));
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, "\xff\xff\xff\xff\xff\xff\xff\xff", 8), 58);
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, "\xff\xff\xff\xff\xff\xff\xff\xc5", 8), 0);
    const char row[] = "1,Santiago Lionel,Lorca,30904465,1999-03-17,2201\r\n";
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, row, strlen(row)),
                     UINT64_C(3529473788130203070));
}

/* As this processor computes it, and as others do. */
static void expect_definition(const unsigned char *bytes, size_t count)
{
    const uint64_t expected = slow_checksum(bytes, count);
    assert_int_equal(checksum_extend(CHECKSUM_EMPTY, bytes, count), expected);
    assert_int_equal(checksum_extend_portable(CHECKSUM_EMPTY, bytes, count), expected);
}

static void every_length_agrees_with_the_definition(void **state)
{
    (void)state;
    unsigned char bytes[BYTES_MAX];
    fill(bytes, sizeof bytes, 7);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        expect_definition(bytes, count);
    }
    memset(bytes, 0xff, sizeof bytes);
    for (size_t count = 0; count <= sizeof bytes; count++) {
        expect_definition(bytes, count);
    }
}

static void many_bytes_agree_with_the_definition(void **state)
{
    (void)state;
    unsigned char *bytes = malloc(MANY_BYTES);
    assert_non_null(bytes);
    fill(bytes, MANY_BYTES, 17);
    expect_definition(bytes, MANY_BYTES);
    expect_definition(bytes + 1, MANY_BYTES - 3);
    memset(bytes, 0xff, MANY_BYTES);
    expect_definition(bytes, MANY_BYTES);
    free(bytes);
}

static void any_checksum_can_be_extended_by_any_processor(void **state)
{
    (void)state;
    unsigned char bytes[BYTES_MAX];
    const uint64_t starts[] = {1, UINT64_C(0xffffffff), UINT64_C(1) << 32, CHECKSUM_MODULUS - 1};
    fill(bytes, sizeof bytes, 19);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        for (size_t count = 0; count <= sizeof bytes; count++) {
            /* A join is one multiplication in 128 bits: it has no part in what is tested. */
            const uint64_t alone = checksum_extend_portable(CHECKSUM_EMPTY, bytes, count);
            const uint64_t joined = checksum_join(starts[i], alone, checksum_factor(count));
            assert_int_equal(checksum_extend(starts[i], bytes, count), joined);
            assert_int_equal(checksum_extend_portable(starts[i], bytes, count), joined);
        }
    }
}

static void pieces_give_what_the_whole_gives(void **state)
{
    (void)state;
    unsigned char bytes[BYTES_MAX];
    fill(bytes, sizeof bytes, 11);
    const uint64_t whole = checksum_extend(CHECKSUM_EMPTY, bytes, sizeof bytes);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        uint64_t first = checksum_extend(CHECKSUM_EMPTY, bytes, cut);
        uint64_t second = checksum_extend(CHECKSUM_EMPTY, bytes + cut, sizeof bytes - cut);
        assert_int_equal(checksum_extend(first, bytes + cut, sizeof bytes - cut), whole);
        assert_int_equal(checksum_join(first, second, checksum_factor(sizeof bytes - cut)), whole);
    }
}

static void every_change_of_one_byte_shows(void **state)
{
    (void)state;
    unsigned char bytes[100];
    fill(bytes, sizeof bytes, 13);
    const uint64_t whole = checksum_extend(CHECKSUM_EMPTY, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        for (unsigned change = 1; change < 256; change++) {
            bytes[i] = (unsigned char)(bytes[i] ^ change);
            assert_int_not_equal(checksum_extend(CHECKSUM_EMPTY, bytes, sizeof bytes), whole);
            bytes[i] = (unsigned char)(bytes[i] ^ change);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_are_those_of_pythons_integers),
        cmocka_unit_test(every_length_agrees_with_the_definition),
        cmocka_unit_test(many_bytes_agree_with_the_definition),
        cmocka_unit_test(any_checksum_can_be_extended_by_any_processor),
        cmocka_unit_test(pieces_give_what_the_whole_gives),
        cmocka_unit_test(every_change_of_one_byte_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
