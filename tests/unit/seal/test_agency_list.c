/*
 * test_agency_list.c - which agencies a list has.
 */
#include "seal/agency_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void numbers_and_ranges_are_in_the_list(void **state)
{
    (void)state;
    assert_true(agency_list_has("1-3,7", 1));
    assert_true(agency_list_has("1-3,7", 3));
    assert_true(agency_list_has("1-3,7", 7));
    assert_true(agency_list_has("17,42", 42));
    assert_true(agency_list_has("0-4294967295", 4294967295U));
}

static void any_has_all_of_them(void **state)
{
    (void)state;
    assert_true(agency_list_has("any", 0));
    assert_true(agency_list_has("any", 4294967295U));
}

static void others_are_not(void **state)
{
    (void)state;
    assert_false(agency_list_has("1-3,7", 4));
    assert_false(agency_list_has("1-3,7", 0));
    assert_false(agency_list_has("", 0));
    assert_false(agency_list_has("17", 1));
    assert_false(agency_list_has("x,1", 1));
    assert_false(agency_list_has("1-x,2", 2));
    assert_false(agency_list_has("99999999999,2", 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_ranges_are_in_the_list),
        cmocka_unit_test(any_has_all_of_them),
        cmocka_unit_test(others_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
