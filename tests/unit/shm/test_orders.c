/*
 * test_orders.c - one order at a time, answered once, also by the successor of a storer that died.
 */
#include "shm/orders.h"

#include "shm/waiting.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 65536, NUMBER = 7574 };

struct fixture {
    struct scratch scratch;
    struct segment segment;
};

static const struct order draw = {
    .kind = ORDER_DRAW, .number = NUMBER, .text = "9f86d081", .reason = "because"};

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    scratch_open(&fixture.scratch);
    segments_create(&fixture.scratch, (struct segment_plan){.ring_bytes = RING_BYTES},
                    &fixture.segment);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

static void expect_draw(const struct segment *segment)
{
    struct order found = {.number = 0};
    assert_true(orders_next(segment, &found));
    assert_int_equal(found.kind, ORDER_DRAW);
    assert_int_equal(found.number, NUMBER);
    assert_string_equal(found.text, draw.text);
    assert_string_equal(found.reason, draw.reason);
}

static void without_an_order_there_is_nothing_to_do_and_nothing_said(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    struct order found;
    bool carried_out = true;
    char text[SHARED_ANSWER_BYTES] = "something";
    assert_false(orders_next(segment, &found));
    assert_true(orders_take_answer(segment, &carried_out, text));
    assert_false(carried_out);
    assert_string_equal(text, "");
}

static void an_order_is_found_and_its_answer_taken(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    struct order found;
    bool carried_out = false;
    char text[SHARED_ANSWER_BYTES];
    assert_true(orders_post(segment, &draw));
    assert_false(orders_take_answer(segment, &carried_out, text));
    expect_draw(segment);
    orders_answer(segment, true, "drawn");
    assert_false(orders_next(segment, &found));
    assert_true(orders_take_answer(segment, &carried_out, text));
    assert_true(carried_out);
    assert_string_equal(text, "drawn");
}

static void a_second_order_waits_until_the_first_is_answered(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    const struct order close = {.kind = ORDER_CLOSE, .text = "17,42"};
    struct order found;
    bool carried_out = true;
    char text[SHARED_ANSWER_BYTES];
    assert_true(orders_post(segment, &draw));
    assert_false(orders_post(segment, &close));
    expect_draw(segment);
    orders_answer(segment, false, "not sealed");
    assert_true(orders_take_answer(segment, &carried_out, text));
    assert_false(carried_out);
    assert_string_equal(text, "not sealed");
    assert_true(orders_post(segment, &close));
    assert_true(orders_next(segment, &found));
    assert_int_equal(found.kind, ORDER_CLOSE);
    assert_string_equal(found.text, "17,42");
    assert_string_equal(found.reason, "");
}

/* A storer that died in the middle of its answer has written a part of it. */
static void the_successor_of_a_storer_finds_the_order_again(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    bool carried_out = false;
    char text[SHARED_ANSWER_BYTES];
    assert_true(orders_post(segment, &draw));
    expect_draw(segment);
    (void)strcpy(segment->shared->order.answer, "half an ans");
    assert_false(orders_take_answer(segment, &carried_out, text));
    expect_draw(segment);
    orders_answer(segment, true, "drawn");
    assert_true(orders_take_answer(segment, &carried_out, text));
    assert_string_equal(text, "drawn");
}

static void an_order_wakes_the_storer(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    wait_set_up_storer(segment);
    atomic_store(&segment->shared->storer.sleeping, 1);
    assert_true(orders_post(segment, &draw));
    assert_int_equal(sem_trywait(&segment->shared->storer.wakeup), 0);
}

static void long_texts_are_cut_and_terminated(void **state)
{
    const struct segment *segment = &((struct fixture *)*state)->segment;
    char answer[2 * SHARED_ANSWER_BYTES];
    char text[SHARED_ANSWER_BYTES];
    struct order order = {.kind = ORDER_CLOSE};
    struct order found;
    bool carried_out = false;
    memset(order.text, 't', sizeof order.text - 1);
    memset(order.reason, 'r', sizeof order.reason - 1);
    memset(answer, 'a', sizeof answer);
    answer[sizeof answer - 1] = '\0';
    assert_true(orders_post(segment, &order));
    assert_true(orders_next(segment, &found));
    assert_string_equal(found.text, order.text);
    assert_string_equal(found.reason, order.reason);
    orders_answer(segment, true, answer);
    assert_true(orders_take_answer(segment, &carried_out, text));
    assert_int_equal(strlen(text), SHARED_ANSWER_BYTES - 1);
}

#define ORDERS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ORDERS_TEST(without_an_order_there_is_nothing_to_do_and_nothing_said),
        ORDERS_TEST(an_order_is_found_and_its_answer_taken),
        ORDERS_TEST(a_second_order_waits_until_the_first_is_answered),
        ORDERS_TEST(the_successor_of_a_storer_finds_the_order_again),
        ORDERS_TEST(an_order_wakes_the_storer),
        ORDERS_TEST(long_texts_are_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
