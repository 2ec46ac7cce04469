/*
 * test_bet.c - every fault of a row.
 */
#include "tests/unit/bet/reckoning.h"

/* What is wrong with a row; reading it and converting it have to agree. */
static enum bet_fault fault_of_bytes(const char *row, size_t bytes)
{
    struct bet bet;
    enum bet_fault fault = bet_parse(row, bytes, &bet);
    if (bytes > 0 && memchr(row, '\n', bytes) == NULL) {
        char csv[BET_CSV_BYTES_MAX(ROW_BYTES_MAX)];
        assert_int_equal(bet_rows_to_csv(1, row, bytes, csv).fault, fault);
    }
    return fault;
}

static enum bet_fault fault_of(const char *row)
{
    return fault_of_bytes(row, strlen(row));
}

static void a_row_is_cut_into_its_five_fields(void **state)
{
    (void)state;
    static const char row[] = "Santiago Lionel,Lorca,30904465,1999-03-17,2201";
    static const char *const fields[] = {"Santiago Lionel", "Lorca", "30904465", "1999-03-17",
                                         "2201"};
    struct bet bet;
    assert_int_equal(bet_parse(row, strlen(row), &bet), BET_VALID);
    for (int i = 0; i < BET_FIELDS; i++) {
        assert_int_equal(bet.fields[i].bytes, strlen(fields[i]));
        assert_memory_equal(bet.fields[i].text, fields[i], strlen(fields[i]));
        assert_true(bet.fields[i].text >= row && bet.fields[i].text < row + sizeof row);
    }
}

static void anything_but_five_fields_is_refused(void **state)
{
    (void)state;
    assert_int_equal(fault_of(""), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01,1,"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("a,b,1,2000-01-01,1,2"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("x,x,x,x,x,x,x,x,a,b,1,2000-01-01,7"), BET_NOT_FIVE_FIELDS);
    assert_int_equal(fault_of("\"a,b\",c,1,2000-01-01,1"), BET_NOT_FIVE_FIELDS); /* no quoting */
}

static void names_may_be_anything_but_empty(void **state)
{
    (void)state;
    assert_int_equal(fault_of(",b,1,2000-01-01,1"), BET_EMPTY_NAME);
    assert_int_equal(fault_of("a,,1,2000-01-01,1"), BET_EMPTY_NAME);
    assert_int_equal(fault_of(" ,\",1,2000-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("Peñé,日本,1,2000-01-01,1"), BET_VALID);
}

static void a_document_is_digits_of_any_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"", " ", "1 ", "-1", "+1", "1.0", "12a", "0x1", "١"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,%s,2000-01-01,1", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_DOCUMENT);
    }
    assert_int_equal(fault_of("a,b,0,2000-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,123456789012345678901234567890,2000-01-01,1"), BET_VALID);
}

static void a_birthdate_has_one_shape_only(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "2000-1-1",    "2000/01/01",  "2000-01/01",
                                      "20000101",   "2000-01-01 ", " 2000-01-01", "200a-01-01",
                                      "2000-0a-01", "2000-01-0a",  "12000-01-01", "-000-01-01",
                                      "2000-01-1",  "01-01-2000",  "2000--1-01"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,%s,1", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_BIRTHDATE);
    }
}

static void every_day_of_the_calendar_is_a_birthdate_and_no_other(void **state)
{
    (void)state;
    static const int years[] = {0, 1, 4, 100, 400, 1582, 1900, 1999, 2000, 2023, 2024, 2100, 9999};
    for (size_t y = 0; y < sizeof years / sizeof years[0]; y++) {
        for (int month_and_day = 0; month_and_day < 10000; month_and_day++) {
            char row[ROW_BYTES_MAX];
            struct text date = {.count = 10};
            (void)snprintf(date.bytes, sizeof date.bytes, "%04d-%02d-%02d", years[y],
                           month_and_day / 100, month_and_day % 100);
            (void)snprintf(row, sizeof row, "a,b,1,%.10s,1", date.bytes);
            enum bet_fault expected = is_calendar_date(&date) ? BET_VALID : BET_BAD_BIRTHDATE;
            if (fault_of(row) != expected) {
                fail_msg("%s", date.bytes);
            }
        }
    }
}

static void leap_days_and_the_ends_of_time_are_known(void **state)
{
    (void)state;
    assert_int_equal(fault_of("a,b,1,2000-02-29,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,2024-02-29,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,1900-02-29,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,2023-02-29,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,2000-02-30,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,0000-01-01,1"), BET_BAD_BIRTHDATE);
    assert_int_equal(fault_of("a,b,1,0001-01-01,1"), BET_VALID);
    assert_int_equal(fault_of("a,b,1,9999-12-31,1"), BET_VALID);
}

static void a_number_is_a_decimal_below_two_to_the_32(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      "1a",
                                      "4294967296",
                                      "4294967300",
                                      "5000000000",
                                      "10000000000",
                                      "18446744073709551617",
                                      "99999999999999999999999999"};
    static const char *const good[] = {"0",      "00",         "7574",
                                       "007574", "4294967295", "00000000000000000000004294967295"};
    char row[ROW_BYTES_MAX];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,2000-01-01,%s", bad[i]);
        assert_int_equal(fault_of(row), BET_BAD_NUMBER);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        (void)snprintf(row, sizeof row, "a,b,1,2000-01-01,%s", good[i]);
        assert_int_equal(fault_of(row), BET_VALID);
    }
}

static void decimals_are_read_whole_or_not_at_all(void **state)
{
    (void)state;
    uint32_t value = 77;
    assert_false(bet_parse_uint32("", 0, &value));
    assert_false(bet_parse_uint32("12x", 3, &value));
    assert_false(bet_parse_uint32("4294967296", 10, &value));
    assert_int_equal(value, 77);
    assert_true(bet_parse_uint32("12x", 2, &value));
    assert_int_equal(value, 12);
    assert_true(bet_parse_uint32("0000000000004294967295", 22, &value));
    assert_int_equal(value, 4294967295U);
}

static void a_row_with_a_control_character_anywhere_is_refused(void **state)
{
    (void)state;
    static const char row[] = "ab,cd,12,2000-01-01,12";
    for (size_t at = 0; at < sizeof row - 1; at++) {
        static const char controls[] = {'\0', '\n', '\r', '\t', 0x1f, 0x7f};
        for (size_t i = 0; i < sizeof controls; i++) {
            char changed[sizeof row];
            memcpy(changed, row, sizeof row);
            changed[at] = controls[i];
            assert_int_equal(fault_of_bytes(changed, sizeof row - 1), BET_BAD_TEXT);
        }
    }
    assert_int_equal(fault_of("a\xff,b,1,2000-01-01,1"), BET_BAD_TEXT);
}

static void every_fault_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < BET_FAULTS; i++) {
        assert_non_null(bet_fault_text((enum bet_fault)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(bet_fault_text((enum bet_fault)i),
                                    bet_fault_text((enum bet_fault)j));
        }
    }
}

static void a_row_is_valid_exactly_when_the_slow_reckoning_says_so(void **state)
{
    (void)state;
    unsigned seed = 5;
    for (int i = 0; i < MUTATIONS; i++) {
        struct text row;
        make_random_row(&row, &seed);
        for (unsigned left = below(&seed, 3); left > 0; left--) {
            mutate(row.bytes, &row.count, &seed);
        }
        if (has_longer_characters(row.bytes, row.count)) {
            continue;
        }
        bool valid = fault_of_bytes(row.bytes, row.count) == BET_VALID;
        if (valid != is_row_slowly(&row)) {
            fail_msg("valid: %d: %.*s", valid, (int)row.count, row.bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_is_cut_into_its_five_fields),
        cmocka_unit_test(anything_but_five_fields_is_refused),
        cmocka_unit_test(names_may_be_anything_but_empty),
        cmocka_unit_test(a_document_is_digits_of_any_length),
        cmocka_unit_test(a_birthdate_has_one_shape_only),
        cmocka_unit_test(every_day_of_the_calendar_is_a_birthdate_and_no_other),
        cmocka_unit_test(leap_days_and_the_ends_of_time_are_known),
        cmocka_unit_test(a_number_is_a_decimal_below_two_to_the_32),
        cmocka_unit_test(decimals_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_row_with_a_control_character_anywhere_is_refused),
        cmocka_unit_test(every_fault_has_a_text_of_its_own),
        cmocka_unit_test(a_row_is_valid_exactly_when_the_slow_reckoning_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
