/*
 * test_position.c - how far a feed has come, as text and back.
 */
#include "feed/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define WHOLE                                                                                      \
    "4711/3/4702/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100/"      \
    "one/two-01234567"

static void what_was_written_is_read_back(void **state)
{
    struct position position;
    struct failure failure;
    char text[POSITION_BYTES];
    (void)state;
    assert_true(position_read(WHOLE, &position, &failure));
    assert_int_equal(position.state.sequence, 4711);
    assert_int_equal(position.delivered, 4711);
    assert_int_equal(position.state.epoch, 3);
    assert_int_equal(position.state.claimed_at, 4702);
    assert_int_equal(position.state.bets_end, 98304);
    assert_int_equal(position.state.done_end, 51);
    assert_string_equal(position.state.identity, "00112233445566778899aabbccddeeff");
    assert_string_equal(position.nonce, "ffeeddccbbaa99887766554433221100");
    assert_string_equal(position.state.node, "one/two-01234567");
    position_write(text, &position);
    assert_string_equal(text, WHOLE);
}

static void the_beginning_and_a_number_are_positions_of_which_nothing_more_is_known(void **state)
{
    struct position position;
    struct failure failure;
    char text[POSITION_BYTES];
    (void)state;
    assert_true(position_read("0", &position, &failure));
    assert_int_equal(position.delivered, 0);
    position_write(text, &position);
    assert_string_equal(text, "0");
    assert_true(position_read("4711", &position, &failure));
    assert_int_equal(position.delivered, 4711);
    assert_int_equal(position.state.sequence, 0);
}

static void the_longest_position_fits(void **state)
{
    struct position position = {.delivered = UINT64_MAX};
    struct log_state *log = &position.state;
    char text[POSITION_BYTES];
    (void)state;
    log->sequence = log->epoch = log->claimed_at = log->bets_end = log->done_end = UINT64_MAX;
    memset(log->identity, 'a', sizeof log->identity - 1);
    memset(position.nonce, 'b', sizeof position.nonce - 1);
    memset(log->node, 'n', sizeof log->node - 1);
    position_write(text, &position);
    assert_int_equal(strlen(text), 5 * 20 + 7 + 32 + 32 + 80);
}

static void what_is_no_position_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "-1",
        "1x",
        "0 ",
        "99999999999999999999",
        "4711/3",
        "4711/3/4702/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100",
        "4711/3/4702/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100/",
        "4711/3/4702/98304/51/0011/ffeeddccbbaa99887766554433221100/one",
        "4711/3/4712/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100/"
        "one",
        "4711/0/4702/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100/"
        "one",
        "4711/3/4702/98304/51/00112233445566778899aabbccddeeff/ffeeddccbbaa99887766554433221100/o "
        "e",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct position position;
        struct failure failure;
        if (position_read(texts[i], &position, &failure)) {
            fail_msg("\"%s\" was taken for a position", texts[i]);
        }
        assert_int_equal(position.delivered, 0);
        assert_non_null(strstr(failure.text, "is no position: 0 for the beginning"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read_back),
        cmocka_unit_test(the_beginning_and_a_number_are_positions_of_which_nothing_more_is_known),
        cmocka_unit_test(the_longest_position_fits),
        cmocka_unit_test(what_is_no_position_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
