/*
 * test_failure.c - a failure's text is whole or cut, terminated, and of the errno that there was.
 */
#include "lib/failure.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { UNTOUCHED = 'X', LONGEST = FAILURE_TEXT_BYTES - 1 };

/* A failure, and what stands behind it in memory. */
struct guarded {
    struct failure failure;
    char behind[8];
};

static void open_guarded(struct guarded *guarded)
{
    memset(guarded, UNTOUCHED, sizeof *guarded);
}

static void expect_guarded(const struct guarded *guarded)
{
    for (size_t i = 0; i < sizeof guarded->behind; i++) {
        assert_int_equal(guarded->behind[i], UNTOUCHED);
    }
}

static void a_failure_says_what_it_was_given(void **state)
{
    (void)state;
    struct failure failure;
    assert_false(failure_set(&failure, "open %s: %d%%", "bets.csv", 7));
    assert_string_equal(failure.text, "open bets.csv: 7%");
    assert_false(failure_set(&failure, "x")); /* nothing of the former one is left */
    assert_string_equal(failure.text, "x");
}

static void errno_is_said_in_words_and_kept(void **state)
{
    (void)state;
    struct failure failure;
    errno = ENOSPC;
    assert_false(failure_set_errno(&failure, "write %s", "bets.csv"));
    assert_int_equal(errno, ENOSPC);
    assert_string_equal(failure.text, "write bets.csv: No space left on device");
    errno = EIO;
    assert_false(failure_set_errno(&failure, "%s", ""));
    assert_string_equal(failure.text, ": Input/output error");
    errno = EFBIG;
    assert_false(failure_set_errno(&failure, "write bets.csv"));
    assert_string_equal(failure.text, "write bets.csv: File too large (raise the limit of file "
                                      "sizes: ulimit -f)");
    errno = EACCES;
    assert_false(failure_set(&failure, "no errno in here"));
    assert_int_equal(errno, EACCES);
    assert_string_equal(failure.text, "no errno in here");
}

static void a_text_is_cut_where_the_room_ends(void **state)
{
    (void)state;
    char text[2 * FAILURE_TEXT_BYTES];
    memset(text, 'a', sizeof text);
    for (int length = LONGEST - 2; length <= LONGEST + 2; length++) {
        struct guarded guarded;
        open_guarded(&guarded);
        assert_false(failure_set(&guarded.failure, "%.*s", length, text));
        size_t kept = length < LONGEST ? (size_t)length : LONGEST;
        assert_int_equal(strlen(guarded.failure.text), kept);
        assert_memory_equal(guarded.failure.text, text, kept);
        expect_guarded(&guarded);
    }
}

static void the_text_of_errno_is_cut_with_the_rest(void **state)
{
    (void)state;
    char text[2 * FAILURE_TEXT_BYTES];
    char expected[3 * FAILURE_TEXT_BYTES];
    memset(text, 'b', sizeof text);
    for (int length = LONGEST - 40; length <= LONGEST + 2; length++) {
        struct guarded guarded;
        open_guarded(&guarded);
        errno = ENOENT;
        assert_false(failure_set_errno(&guarded.failure, "%.*s", length, text));
        assert_int_equal(errno, ENOENT);
        int whole =
            snprintf(expected, sizeof expected, "%.*s: No such file or directory", length, text);
        expected[whole < LONGEST ? whole : LONGEST] = '\0';
        assert_string_equal(guarded.failure.text, expected);
        expect_guarded(&guarded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_says_what_it_was_given),
        cmocka_unit_test(errno_is_said_in_words_and_kept),
        cmocka_unit_test(a_text_is_cut_where_the_room_ends),
        cmocka_unit_test(the_text_of_errno_is_cut_with_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
