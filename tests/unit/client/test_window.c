/*
 * test_window.c - batches leave the window in the order in which they came.
 */
#include "client/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

static void push_row(struct window *window, uint64_t line)
{
    const struct window_batch batch = {.begin = {.offset = line * 10, .line = line}, .rows = 1};
    window_push(window, &batch);
}

static void what_goes_in_first_comes_out_first_round_and_round(void **state)
{
    (void)state;
    struct window window;
    struct failure failure;
    assert_true(window_open(&window, 3, &failure));
    uint64_t in = 0;
    uint64_t out = 0;
    for (int turn = 0; turn < 10; turn++) {
        while (!window_is_full(&window)) {
            push_row(&window, in++);
        }
        assert_int_equal(window_pop(&window).begin.line, out++);
        assert_int_equal(window_pop(&window).begin.line, out++);
    }
    window_close(&window);
}

static void a_window_of_one_is_full_or_empty(void **state)
{
    (void)state;
    struct window window;
    struct failure failure;
    assert_true(window_open(&window, 1, &failure));
    assert_true(window_is_empty(&window));
    assert_false(window_is_full(&window));
    push_row(&window, 7);
    assert_true(window_is_full(&window));
    assert_int_equal(window_pop(&window).begin.offset, 70);
    assert_true(window_is_empty(&window));
    window_close(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_first_comes_out_first_round_and_round),
        cmocka_unit_test(a_window_of_one_is_full_or_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
