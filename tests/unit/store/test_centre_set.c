/*
 * test_centre_set.c - lists of centres: read, written in order, and refused.
 */
#include "store/centre_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static void equal_lists_have_equal_texts(void **state)
{
    (void)state;
    const char *const texts[] = {"A,B,C", "C, B ,A", " B,A,C "};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct centre_set set;
        struct failure failure;
        char text[CONFIG_TEXT_BYTES];
        assert_true(centre_set_parse(texts[i], "here", &set, &failure));
        centre_set_write(&set, text);
        assert_string_equal(text, "A,B,C");
        assert_int_equal(set.count, 3);
        assert_int_equal(centre_set_find(&set, "B"), 1);
        assert_int_equal(centre_set_find(&set, "D"), -1);
    }
}

static void no_text_is_no_centres(void **state)
{
    (void)state;
    struct centre_set set;
    struct failure failure;
    char text[CONFIG_TEXT_BYTES];
    assert_true(centre_set_parse(" ", "here", &set, &failure));
    assert_int_equal(set.count, 0);
    centre_set_write(&set, text);
    assert_string_equal(text, "");
}

static void a_list_that_is_none_is_refused(void **state)
{
    (void)state;
    const char *const texts[] = {"A,,B", "A,",  ",A",   "A,B,A",
                                 "A B",  "A.B", "A,B*", "A23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct centre_set set;
        struct failure failure;
        assert_false(centre_set_parse(texts[i], "here", &set, &failure));
        assert_memory_equal(failure.text, "here: ", 6);
    }
}

static void more_centres_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    char text[CONFIG_TEXT_BYTES] = "";
    struct centre_set set;
    struct failure failure;
    size_t used = 0;
    for (int i = 0; i <= CENTRES_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%sc%d", i == 0 ? "" : ",", i);
    }
    assert_false(centre_set_parse(text, "here", &set, &failure));
    *strrchr(text, ',') = '\0';
    assert_true(centre_set_parse(text, "here", &set, &failure));
    assert_int_equal(set.count, CENTRES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_lists_have_equal_texts),
        cmocka_unit_test(no_text_is_no_centres),
        cmocka_unit_test(a_list_that_is_none_is_refused),
        cmocka_unit_test(more_centres_than_there_is_room_for_are_refused),
    };
    return cmocka_run_group_tests_name("store/centre_set", tests, NULL, NULL);
}
