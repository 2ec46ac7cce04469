/*
 * test_bet_rules.c - numbers and birthdates at both sides of what a lottery allows.
 */
#include "bet/bet_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct bet_rules *rules, const char *rows, enum bet_fault fault,
                   size_t row)
{
    size_t found = 99;
    assert_int_equal(bet_rules_check(rules, rows, strlen(rows), &found), fault);
    if (fault != BET_VALID) {
        assert_int_equal(found, row);
    }
}

static void without_rules_every_valid_row_keeps_them(void **state)
{
    (void)state;
    const struct bet_rules rules = {.number_max = UINT32_MAX};
    assert_false(bet_rules_are_set(&rules));
    expect(&rules, "A,B,1,9999-12-31,4294967295\n", BET_VALID, 0);
}

static void a_number_above_the_highest_is_found_with_its_row(void **state)
{
    (void)state;
    const struct bet_rules rules = {.number_max = 9999};
    assert_true(bet_rules_are_set(&rules));
    expect(&rules, "A,B,1,2000-01-01,9999\nA,B,1,2000-01-01,0\n", BET_VALID, 0);
    expect(&rules, "A,B,1,2000-01-01,00009999", BET_VALID, 0);
    expect(&rules, "A,B,1,2000-01-01,9999\nA,B,1,2000-01-01,10000\n", BET_NUMBER_TOO_HIGH, 1);
}

static void who_is_born_after_the_day_is_found_with_his_row(void **state)
{
    (void)state;
    const struct bet_rules rules = {.number_max = UINT32_MAX, .born_until = "2026-11-27"};
    assert_true(bet_rules_are_set(&rules));
    expect(&rules, "A,B,1,2026-11-27,1\nA,B,1,0001-01-01,1", BET_VALID, 0);
    expect(&rules, "A,B,1,2026-11-27,1\nA,B,1,2026-11-26,1\nA,B,1,2026-11-28,1\n",
           BET_BORN_TOO_LATE, 2);
    expect(&rules, "A,B,1,2099-01-01,1\n", BET_BORN_TOO_LATE, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_rules_every_valid_row_keeps_them),
        cmocka_unit_test(a_number_above_the_highest_is_found_with_its_row),
        cmocka_unit_test(who_is_born_after_the_day_is_found_with_his_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
