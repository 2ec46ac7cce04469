/*
 * test_state.c - the server's answer to STATUS, and what is none.
 */
#include "client/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static bool parse(const char *body, struct state *state)
{
    return state_parse(body, strlen(body), state);
}

static void count_and_phase_are_read(void **unused)
{
    (void)unused;
    struct state state;
    assert_true(parse("0,open", &state));
    assert_int_equal(state.stored, 0);
    assert_int_equal(state.phase, STATE_OPEN);
    assert_true(parse("26936,done", &state));
    assert_int_equal(state.stored, 26936);
    assert_int_equal(state.phase, STATE_DONE);
    assert_true(parse("5000000000,drawn", &state));
    assert_int_equal(state.stored, 5000000000U);
    assert_int_equal(state.phase, STATE_DRAWN);
}

#define CHECKSUM "0123456789abcdef"
#define IDENTITY "00112233445566778899aabbccddeeff"

static void checksum_and_identity_are_read(void **unused)
{
    (void)unused;
    struct state state;
    assert_true(parse("900,open," CHECKSUM "," IDENTITY, &state));
    assert_int_equal(state.stored, 900);
    assert_int_equal(state.phase, STATE_OPEN);
    assert_true(state.has_content);
    assert_int_equal(state.checksum, 0x0123456789abcdefU);
    assert_string_equal(state.identity, IDENTITY);
}

static void an_older_server_tells_neither(void **unused)
{
    (void)unused;
    struct state state;
    assert_true(parse("900,done", &state));
    assert_false(state.has_content);
    assert_string_equal(state.identity, "");
}

static void the_draws_name_is_read(void **unused)
{
    (void)unused;
    struct state state;
    assert_true(parse("900,closed," CHECKSUM "," IDENTITY ",2026-W48", &state));
    assert_int_equal(state.phase, STATE_CLOSED);
    assert_string_equal(state.identity, IDENTITY);
    assert_string_equal(state.draw, "2026-W48");
    assert_true(
        parse("900,abandoned," CHECKSUM "," IDENTITY ",12345678901234567890123456789012", &state));
    assert_int_equal(state.phase, STATE_ABANDONED);
    assert_string_equal(state.draw, "12345678901234567890123456789012");
    assert_true(parse("900,open," CHECKSUM "," IDENTITY, &state));
    assert_string_equal(state.draw, "");
}

static void every_phase_has_the_name_that_it_is_read_by(void **unused)
{
    (void)unused;
    static const char *const names[] = {"open", "done", "closed", "drawn", "abandoned"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(state_phase_name((enum state_phase)i), names[i]);
    }
}

static void anything_else_is_refused(void **unused)
{
    (void)unused;
    static const char *const bodies[] = {"",
                                         ",",
                                         "1",
                                         "1,",
                                         ",open",
                                         "open,1",
                                         "1,OPEN",
                                         "1,open,",
                                         "-1,open",
                                         "1 ,open",
                                         "1,opened",
                                         "1,ope",
                                         "x,open",
                                         "+1,open",
                                         "1,open\n",
                                         "0x1,open",
                                         "99999999999999999999,open",
                                         "1,open," CHECKSUM,
                                         "1,open," CHECKSUM ",",
                                         "1,open,," IDENTITY,
                                         "1,open," CHECKSUM "," IDENTITY ",",
                                         "1,open," CHECKSUM "," IDENTITY "0",
                                         "1,open,0" CHECKSUM "," IDENTITY,
                                         "1,open,x123456789abcdef," IDENTITY,
                                         "1,open,0123456789ABCDEF," IDENTITY,
                                         "1,open," CHECKSUM ",00112233445566778899aabbccddeef",
                                         "1,open," CHECKSUM ",00112233445566778899aabbccddeefg",
                                         "1,open," IDENTITY "," CHECKSUM,
                                         "1,open," CHECKSUM "," IDENTITY ",../x",
                                         "1,open," CHECKSUM "," IDENTITY ",a,b",
                                         "1,open," CHECKSUM "," IDENTITY ",a,",
                                         "1,open," CHECKSUM "," IDENTITY
                                         ",123456789012345678901234567890123",
                                         "1,open," CHECKSUM ",2026-W48",
                                         "1,open,2026-W48"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct state state;
        assert_false(parse(bodies[i], &state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_and_phase_are_read),
        cmocka_unit_test(checksum_and_identity_are_read),
        cmocka_unit_test(an_older_server_tells_neither),
        cmocka_unit_test(the_draws_name_is_read),
        cmocka_unit_test(every_phase_has_the_name_that_it_is_read_by),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
