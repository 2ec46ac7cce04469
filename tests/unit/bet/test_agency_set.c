/*
 * test_agency_set.c - sets of agencies, and their text.
 */
#include "bet/agency_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES = 256 };

static struct agency_set parsed(const char *text)
{
    struct agency_set set;
    struct failure failure = {.text = ""};
    if (!agency_set_parse(text, "here", &set, &failure)) {
        fail_msg("\"%s\": %s", text, failure.text);
    }
    return set;
}

static void expect_text(const struct agency_set *set, const char *expected)
{
    char text[TEXT_BYTES];
    assert_int_equal(agency_set_write(set, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static void equal_sets_have_equal_texts(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"1-5", "1-5"},
        {"5,3,4,1,2", "1-5"},
        {" 7 , 1-3 ", "1-3,7"},
        {"0,4294967295", "0,4294967295"},
        {"0-4294967295", "0-4294967295"},
        {"3-3", "3"},
        {"1,3,5", "1,3,5"},
        {"ANY", "any"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct agency_set set = parsed(texts[i][0]);
        expect_text(&set, texts[i][1]);
        set = parsed(texts[i][1]);
        expect_text(&set, texts[i][1]);
    }
}

static void what_is_no_set_is_refused_with_its_place(void **state)
{
    (void)state;
    static const char *const refused[][2] = {
        {"", "is not like"},
        {"x", "is not like"},
        {"1-", "is not like"},
        {"5-1", "is not like"},
        {"1,", "is not like"},
        {",1", "is not like"},
        {"1;2", "is not like"},
        {"-1", "is not like"},
        {"4294967296", "is not like"},
        {"1-3,2", "agency 2 is named twice"},
        {"7,7", "agency 7 is named twice"},
        {"1-3,any", "is not like"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct agency_set set;
        struct failure failure = {.text = ""};
        assert_false(agency_set_parse(refused[i][0], "here", &set, &failure));
        assert_non_null(strstr(failure.text, refused[i][1]));
        assert_memory_equal(failure.text, "here: ", sizeof "here: " - 1);
    }
}

static void an_agency_is_in_the_set_or_is_not(void **state)
{
    (void)state;
    struct agency_set set = parsed("1-3,7");
    assert_int_equal(agency_set_size(&set), 4);
    assert_true(agency_set_has(&set, 1));
    assert_true(agency_set_has(&set, 3));
    assert_true(agency_set_has(&set, 7));
    assert_false(agency_set_has(&set, 0));
    assert_false(agency_set_has(&set, 4));
    set = parsed("any");
    assert_true(agency_set_has(&set, 4));
    assert_int_equal(agency_set_size(&set), 0);
    set = (struct agency_set){.any = false};
    assert_false(agency_set_has(&set, 0));
    expect_text(&set, "");
}

static void agencies_are_added_as_long_as_there_are_ranges(void **state)
{
    (void)state;
    struct agency_set set = {.any = false};
    assert_true(agency_set_add(&set, 0));
    assert_true(agency_set_add(&set, 1));
    assert_true(agency_set_add(&set, 1));
    assert_int_equal(set.count, 1);
    expect_text(&set, "0-1");
    for (uint32_t i = 1; i < AGENCY_RANGES_MAX; i++) {
        assert_true(agency_set_add(&set, 10 * i));
    }
    assert_false(agency_set_add(&set, 5));
    assert_false(agency_set_has(&set, 5));
    assert_true(agency_set_add(&set, 11));
    assert_int_equal(agency_set_size(&set), AGENCY_RANGES_MAX + 2);
}

static void a_text_that_does_not_fit_is_cut_and_its_length_told(void **state)
{
    (void)state;
    char text[4];
    struct agency_set set = parsed("1-3,7");
    assert_int_equal(agency_set_write(&set, text, sizeof text), 5);
    assert_string_equal(text, "1-3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sets_have_equal_texts),
        cmocka_unit_test(what_is_no_set_is_refused_with_its_place),
        cmocka_unit_test(an_agency_is_in_the_set_or_is_not),
        cmocka_unit_test(agencies_are_added_as_long_as_there_are_ranges),
        cmocka_unit_test(a_text_that_does_not_fit_is_cut_and_its_length_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
