/*
 * test_log_fields.c - a value forges no field, whatever a stranger has put into it.
 */
#include "lib/log_fields.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define EXPECT_TEXT(expected, ...)                                                                 \
    do {                                                                                           \
        struct log_fields fields = {.bytes = 0};                                                   \
        log_fields_add(&fields, __VA_ARGS__);                                                      \
        assert_int_equal(fields.bytes, strlen(expected));                                          \
        assert_memory_equal(fields.text, expected, fields.bytes);                                  \
    } while (0)

/* Every conversion that a call may have gives what printf gives. */
static void conversions_are_those_of_printf(void **state)
{
    (void)state;
    EXPECT_TEXT("a: 0 | b: -2147483648", "a: %d | b: %i", 0, INT32_MIN);
    EXPECT_TEXT("4294967295 18446744073709551615", "%u %" PRIu64, UINT32_MAX, UINT64_MAX);
    EXPECT_TEXT("-9223372036854775808 -1 7", "%" PRId64 " %ld %zu", INT64_MIN, -1L, (size_t)7);
    EXPECT_TEXT("0x0000beef FF ff", "0x%08x %X %" PRIx64, 0xbeefU, 255U, UINT64_C(255));
    EXPECT_TEXT("ab abc c 100%", "%.*s %.3s %c %d%%", 2, "abcd", "abcd", 'c', 100);
    EXPECT_TEXT("  7", "%3d", 7);
}

static void a_value_forges_no_field(void **state)
{
    (void)state;
    EXPECT_TEXT("reason: x ? result: success ? id: LT-0000", "reason: %s",
                "x | result: success | id: LT-0000");
    EXPECT_TEXT("a: ? | b: ?", "a: %s | b: %c", "|", '|');
    EXPECT_TEXT("a: ?? | b: c", "a: %s%s | b: c", "|", "\n");
}

static void a_text_of_the_program_brings_its_fields(void **state)
{
    (void)state;
    struct log_fields fields = {.bytes = 0};
    struct log_fields_place place = {.at = 0};
    struct log_field field;
    log_fields_add(&fields, "result: fail%-s | reason: %s", " | agency: 5 | name: 05", "7");
    assert_true(log_fields_next(&fields, fields.bytes, &place, &field) && !field.is_number);
    assert_true(log_fields_next(&fields, fields.bytes, &place, &field) && field.is_number);
    assert_memory_equal(field.name, "agency", field.name_bytes);
    assert_true(log_fields_next(&fields, fields.bytes, &place, &field) && !field.is_number);
    assert_true(log_fields_next(&fields, fields.bytes, &place, &field) && !field.is_number);
    assert_memory_equal(field.value, "7", field.value_bytes);
    assert_false(log_fields_next(&fields, fields.bytes, &place, &field));
}

static void a_number_is_a_field_that_is_nothing_else(void **state)
{
    (void)state;
    struct log_fields fields = {.bytes = 0};
    struct log_fields_place place = {.at = 0};
    struct log_field field;
    const bool expected[] = {true, false, false, true};
    log_fields_add(&fields, "a: %d | b: %d of 7 | c: %08x | d: %u", -1, 2, 3U, 4U);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(log_fields_next(&fields, fields.bytes, &place, &field));
        assert_int_equal(field.is_number, expected[i]);
    }
    /* the last one is cut: 1 of 17 would be another number */
    fields = (struct log_fields){.bytes = 0};
    log_fields_add(&fields, "a: %d", 17);
    place = (struct log_fields_place){.at = 0};
    assert_true(log_fields_next(&fields, fields.bytes - 1, &place, &field));
    assert_false(field.is_number);
}

static void what_has_no_room_is_cut_between_characters(void **state)
{
    (void)state;
    static char longest[3 * LOG_FIELDS_BYTES];
    struct log_fields fields = {.bytes = 0};
    for (size_t i = 0; i + 2 < sizeof longest; i += 2) {
        longest[i] = '\xc3';
        longest[i + 1] = '\x91';
    }
    log_fields_add(&fields, "a: %s | b: %d", longest, 7);
    assert_int_equal(fields.bytes, LOG_FIELDS_BYTES - 1);
    assert_int_equal((unsigned char)fields.text[fields.bytes - 1], 0x91);
    assert_false(log_fields_have(&fields, "b"));
    assert_true(log_fields_have(&fields, "a"));
}

static void an_unknown_conversion_ends_the_line(void **state)
{
    (void)state;
    struct log_fields fields = {.bytes = 0};
    const char *format = "a: 1 | b: %e | c: %s"; /* no literal, or the compiler would know better */
    log_fields_add(&fields, format, 1.0, "x");
    assert_int_equal(fields.bytes, strlen("a: 1 | b: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_are_those_of_printf),
        cmocka_unit_test(a_value_forges_no_field),
        cmocka_unit_test(a_text_of_the_program_brings_its_fields),
        cmocka_unit_test(a_number_is_a_field_that_is_nothing_else),
        cmocka_unit_test(what_has_no_room_is_cut_between_characters),
        cmocka_unit_test(an_unknown_conversion_ends_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
