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
                                         "99999999999999999999,open"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct state state;
        assert_false(parse(bodies[i], &state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(count_and_phase_are_read),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
