/*
 * test_national_orders.c - what a storer does with an operator's orders, and when its draw is due, where
 * several centres hold the draw. The test is the shipper.
 */
#include "server/storer/holding.h"
#include "server/storer/order_desk.h"

#include "lib/log.h"
#include "shm/centres.h"
#include "shm/orders.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/sealed_draw.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { NUMBER = 4242, RING_BYTES = 65536 };

struct fixture {
    struct scratch scratch;
    struct heritage heritage;
    struct disk disk;
    struct storage storage;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    fixture = (struct fixture){.heritage = {.config = {.centres_expected = "A,B"}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS);
    scratch_open(&fixture.scratch);
    sealed_draw_make(
        fixture.scratch.path,
        &(struct sealed_draw_plan){.number_by = NUMBER_BY_COMMAND, .state = CONTROL_SEALED});
    fixture.heritage.directory = scratch_directory(&fixture.scratch);
    fixture.heritage.news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    segments_create(&fixture.scratch, (struct segment_plan){.ring_bytes = RING_BYTES},
                    &fixture.heritage.segment);
    fixture.disk =
        (struct disk){.heritage = &fixture.heritage, .segment = &fixture.heritage.segment};
    fixture.storage = (struct storage){.disk = &fixture.disk};
    assert_int_equal(control_read(&fixture.heritage.directory, &fixture.storage.control, &failure),
                     CONTROL_READ);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->heritage.news);
    segments_remove(&fixture->scratch, &fixture->heritage.segment);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* -------------------------------------------------------------- the operator ---- */

static void post_draw(struct fixture *fixture, uint32_t number)
{
    struct order order = {.kind = ORDER_DRAW, .number = number};
    (void)snprintf(order.text, sizeof order.text, "%s", fixture->storage.control.seal_sha256);
    assert_true(orders_post(&fixture->heritage.segment, &order));
}

static void post_close_centre(struct fixture *fixture)
{
    const struct order order = {.kind = ORDER_CLOSE_CENTRE, .text = "B", .reason = "flooded"};
    assert_true(orders_post(&fixture->heritage.segment, &order));
}

static void expect_open(struct fixture *fixture)
{
    struct order order;
    assert_true(order_desk_look(&fixture->storage));
    assert_true(orders_next(&fixture->heritage.segment, &order));
}

static void expect_answer(struct fixture *fixture, bool expected, const char *words)
{
    bool carried_out = !expected;
    char text[SHARED_ANSWER_BYTES] = "";
    assert_true(order_desk_look(&fixture->storage));
    assert_true(orders_take_answer(&fixture->heritage.segment, &carried_out, text));
    if (carried_out != expected || strstr(text, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, words);
    }
}

/* --------------------------------------------------------------- the number ---- */

static void no_number_is_taken_before_all_centres_are_closed(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->heritage.segment;
    uint32_t number = 0;
    post_draw(fixture, NUMBER);
    expect_answer(fixture, false, "this one is not closed in the engine yet");
    centres_tell(segment, CENTRE_AWAITS, "draw waits for B");
    post_draw(fixture, NUMBER);
    expect_answer(fixture, false,
                  "no number is taken before all centres are closed: draw waits for B");
    assert_false(centres_was_number_said(segment, &number));
    assert_false(fixture->storage.control.terms.number_given);
}

static void a_number_waits_for_the_engine_and_is_due_with_its_release(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->heritage.segment;
    uint32_t number = 0;
    centres_tell(segment, CENTRE_READY, "");
    post_draw(fixture, NUMBER);
    expect_open(fixture);
    expect_open(fixture); /* the next storer finds it, and says it again */
    assert_true(centres_was_number_said(segment, &number));
    assert_int_equal(number, NUMBER);
    assert_false(holding_is_due(&fixture->storage));
    centres_release(segment, NUMBER, "");
    centres_tell(segment, CENTRE_RELEASED, "");
    expect_open(fixture); /* answered when the draw has been held */
    assert_false(centres_was_number_said(segment, &number));
    assert_true(holding_is_due(&fixture->storage));
}

static void a_number_that_came_too_late_is_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->heritage.segment;
    uint32_t number = 0;
    centres_tell(segment, CENTRE_READY, "");
    post_draw(fixture, NUMBER);
    expect_open(fixture);
    centres_release(segment, NUMBER + 1, "");
    centres_tell(segment, CENTRE_RELEASED, "");
    expect_answer(fixture, false, "the number of this draw is 4243, said at another centre");
    assert_false(centres_was_number_said(segment, &number));
    assert_true(holding_is_due(&fixture->storage));
}

static void a_number_is_answered_when_the_draw_is_held_back(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->heritage.segment;
    centres_tell(segment, CENTRE_READY, "");
    post_draw(fixture, NUMBER);
    expect_open(fixture);
    centres_tell(segment, CENTRE_HELD, "draw was drawn with another number");
    expect_answer(fixture, false, "drawn with another number");
    assert_false(holding_is_due(&fixture->storage));
}

static void a_known_number_waits_for_the_release_too(void **state)
{
    struct fixture *fixture = *state;
    fixture->storage.control.terms.number_by = NUMBER_BY_CONFIGURATION;
    fixture->storage.control.terms.winning_number = NUMBER;
    assert_false(holding_is_due(&fixture->storage));
    fixture->heritage.config.centres_expected[0] = '\0';
    assert_true(holding_is_due(&fixture->storage)); /* alone */
}

static void control_with_another_number_than_the_centres_is_not_drawn(void **state)
{
    struct fixture *fixture = *state;
    fixture->storage.control.terms.number_given = true;
    fixture->storage.control.terms.winning_number = NUMBER;
    centres_release(&fixture->heritage.segment, NUMBER + 1, "");
    assert_true(holding_is_due(&fixture->storage));
    assert_false(holding_hold_draw(&fixture->storage));
    assert_int_equal(faccessat(fixture->scratch.descriptor, "winners.csv", F_OK, 0), -1);
}

/* --------------------------------------------------------------- closing out ---- */

static void an_order_to_close_a_centre_out_is_the_shipper_s(void **state)
{
    struct fixture *fixture = *state;
    const struct segment *segment = &fixture->heritage.segment;
    post_close_centre(fixture);
    expect_open(fixture);
    assert_true(centres_are_asked(segment));
    centres_answer(segment, false, "centre B takes part");
    expect_answer(fixture, false, "centre B takes part");
    assert_false(centres_are_asked(segment));
    post_close_centre(fixture); /* the answer before is not this one's */
    expect_open(fixture);
    centres_answer(segment, true, "centre B is closed out");
    expect_answer(fixture, true, "centre B is closed out");
}

static void a_centre_that_draws_alone_closes_none_out(void **state)
{
    struct fixture *fixture = *state;
    fixture->heritage.config.centres_expected[0] = '\0';
    post_close_centre(fixture);
    expect_answer(fixture, false, "draws alone");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_number_is_taken_before_all_centres_are_closed),
        TEST(a_number_waits_for_the_engine_and_is_due_with_its_release),
        TEST(a_number_that_came_too_late_is_refused),
        TEST(a_number_is_answered_when_the_draw_is_held_back),
        TEST(a_known_number_waits_for_the_release_too),
        TEST(control_with_another_number_than_the_centres_is_not_drawn),
        TEST(an_order_to_close_a_centre_out_is_the_shipper_s),
        TEST(a_centre_that_draws_alone_closes_none_out),
    };
    return cmocka_run_group_tests_name("server/storer/national_orders", tests, NULL, NULL);
}
