/*
 * test_decimal.c - decimals are what printf writes, and nothing behind them is touched.
 */
#include "lib/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ROUNDS = 200000, UNTOUCHED = 'X', SPARE_BYTES = 4 };

static void expect_as_printf(uint32_t value)
{
    char expected[DECIMAL_UINT32_BYTES_MAX + 1];
    char got[DECIMAL_UINT32_BYTES_MAX + SPARE_BYTES];
    size_t bytes = (size_t)snprintf(expected, sizeof expected, "%u", value);
    memset(got, UNTOUCHED, sizeof got);
    const char *end = decimal_write(got, value);
    if (end != got + bytes || memcmp(got, expected, bytes) != 0) {
        fail_msg("%s became '%.*s'", expected, (int)sizeof got, got);
    }
    for (size_t i = bytes; i < sizeof got; i++) {
        assert_int_equal(got[i], UNTOUCHED);
    }
}

static void every_number_of_digits_is_written_whole(void **state)
{
    (void)state;
    expect_as_printf(0);
    for (uint64_t power = 1; power <= UINT32_MAX; power *= 10) {
        expect_as_printf((uint32_t)power - 1);
        expect_as_printf((uint32_t)power);
        expect_as_printf((uint32_t)power + 1);
    }
    expect_as_printf(UINT32_MAX - 1);
    expect_as_printf(UINT32_MAX);
}

static void random_numbers_of_all_sizes_are_written_as_by_printf(void **state)
{
    (void)state;
    unsigned seed = 4294967;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t value = (uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed);
        expect_as_printf(value >> rand_r(&seed) % 32);
    }
}

static void a_place_of_just_the_longest_number_is_enough(void **state)
{
    (void)state;
    char *place = malloc(DECIMAL_UINT32_BYTES_MAX); /* AddressSanitizer watches its end */
    assert_non_null(place);
    assert_ptr_equal(decimal_write(place, UINT32_MAX), place + DECIMAL_UINT32_BYTES_MAX);
    assert_memory_equal(place, "4294967295", DECIMAL_UINT32_BYTES_MAX);
    free(place);
}

static void expect_grouped(uint64_t value, const char *expected)
{
    char text[DECIMAL_GROUPED_BYTES];
    assert_ptr_equal(decimal_write_grouped(text, value), text);
    assert_string_equal(text, expected);
}

static void commas_stand_between_groups_of_three_digits(void **state)
{
    (void)state;
    expect_grouped(0, "0");
    expect_grouped(12, "12");
    expect_grouped(999, "999");
    expect_grouped(1000, "1,000");
    expect_grouped(1234567, "1,234,567");
    expect_grouped(100000, "100,000");
    expect_grouped(UINT64_MAX, "18,446,744,073,709,551,615");
}

static void expect_parsed(const char *digits, uint64_t expected)
{
    uint64_t value = ~expected;
    assert_true(decimal_parse(digits, strlen(digits), &value));
    assert_int_equal(value, expected);
}

static void decimals_below_10_to_the_19th_are_read(void **state)
{
    (void)state;
    expect_parsed("0", 0);
    expect_parsed("7", 7);
    expect_parsed("007", 7);
    expect_parsed("4294967296", UINT64_C(4294967296));
    expect_parsed("9999999999999999999", UINT64_C(9999999999999999999));
    uint64_t value = 0;
    assert_true(decimal_parse("123x", 3, &value)); /* so many bytes and no more */
    assert_int_equal(value, 123);
}

static void anything_else_is_no_decimal(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", " 1", "1 ", "+1", "-1", "1.0", "1,", "0x1", "x", "1\n", "10000000000000000000"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t value = 99;
        assert_false(decimal_parse(texts[i], strlen(texts[i]), &value));
        assert_int_equal(value, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_of_digits_is_written_whole),
        cmocka_unit_test(random_numbers_of_all_sizes_are_written_as_by_printf),
        cmocka_unit_test(commas_stand_between_groups_of_three_digits),
        cmocka_unit_test(decimals_below_10_to_the_19th_are_read),
        cmocka_unit_test(anything_else_is_no_decimal),
        cmocka_unit_test(a_place_of_just_the_longest_number_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
