/*
 * test_similar.c - which known name was meant.
 */
#include "lib/similar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static const char *const known[] = {"address", "port", "listen_backlog", "proxy_from", "user", "x"};

static void assert_meant(const char *written, const char *meant)
{
    struct similar similar;
    similar_begin(&similar, written, strlen(written));
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        similar_offer(&similar, known[i], strlen(known[i]));
    }
    if (meant == NULL) {
        assert_null(similar.best);
        return;
    }
    assert_non_null(similar.best);
    assert_int_equal(similar.best_bytes, strlen(meant));
    assert_memory_equal(similar.best, meant, similar.best_bytes);
}

static void a_letter_that_is_wrong_missing_or_too_many_is_forgiven(void **state)
{
    (void)state;
    assert_meant("adress", "address");
    assert_meant("addresss", "address");
    assert_meant("addrass", "address");
    assert_meant("listenbacklog", "listen_backlog");
    assert_meant("usr", "user");
}

static void neighbours_may_change_places_and_the_case_is_ignored(void **state)
{
    (void)state;
    assert_meant("prot", "port");
    assert_meant("Port", "port");
    assert_meant("porxy_form", "proxy_from");
}

static void what_is_like_nothing_is_meant_to_be_nothing(void **state)
{
    (void)state;
    assert_meant("", NULL);
    assert_meant("y", NULL);
    assert_meant("gate", NULL);
    assert_meant("winning_number", NULL);
    assert_meant("a_name_that_is_longer_than_any_that_this_program_knows", NULL);
}

static void the_nearest_wins_and_then_the_first(void **state)
{
    (void)state;
    struct similar similar;
    similar_begin(&similar, "pork", 4);
    similar_offer(&similar, "fork", 4);
    similar_offer(&similar, "port", 4);
    assert_string_equal(similar.best, "fork");
    similar_offer(&similar, "pork", 4);
    assert_string_equal(similar.best, "pork");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_that_is_wrong_missing_or_too_many_is_forgiven),
        cmocka_unit_test(neighbours_may_change_places_and_the_case_is_ignored),
        cmocka_unit_test(what_is_like_nothing_is_meant_to_be_nothing),
        cmocka_unit_test(the_nearest_wins_and_then_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
