/*
 * test_centre_desk.c - from a data directory and a segment to the stream of the draw, and back.
 */
#include "shipper/centre_desk.h"

#include "engine/engine_memory.h"
#include "shm/centres.h"
#include "shm/orders.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/sealed_draw.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { NUMBER = 4242, CALL_MS = 100, RING_BYTES = 65536 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct segment segment;
    struct engine_memory *memory;
    struct engine *engine; /* of centre A, whose desk it is */
    struct centre_desk desk;
    /* Centre B, without files. */
    struct engine *other_engine;
    struct centre other;
    struct lottery_terms other_terms;
    struct centre_facts other_facts;
};

static void open_desk(struct fixture *fixture)
{
    struct failure failure;
    const struct centre_desk_setting setting = {.own = "A",
                                                .node = "node",
                                                .expected = "A,B",
                                                .replicas = 1,
                                                .call_ms = CALL_MS,
                                                .directory = &fixture->directory,
                                                .segment = &fixture->segment};
    assert_true(centre_desk_open(&fixture->desk, &setting, &failure));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct centre_set both;
    struct failure failure;
    fixture = (struct fixture){.memory = engine_memory_make()};
    *state = &fixture;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    sealed_draw_make(fixture.scratch.path,
                     &(struct sealed_draw_plan){.draw = "2026.48",
                                                .number_by = NUMBER_BY_COMMAND,
                                                .state = CONTROL_SEALED});
    segments_create(&fixture.scratch, (struct segment_plan){.ring_bytes = RING_BYTES},
                    &fixture.segment);
    fixture.engine = engine_open_memory(fixture.memory);
    fixture.other_engine = engine_open_memory(fixture.memory);
    open_desk(&fixture);
    fixture.other_terms = (struct lottery_terms){.draw = "2026.48",
                                                 .agencies_allowed = "9",
                                                 .agencies_expected = 1,
                                                 .number_by = NUMBER_BY_COMMAND};
    fixture.other_facts = (struct centre_facts){
        .node = "other",
        .epoch = 1,
        .identity = "0123456789abcdef0123456789abcdef",
        .terms = &fixture.other_terms,
        .sealed = true,
        .is_copied = true,
        .seal_sha256 = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        .bets = 100};
    assert_true(centre_set_parse("A,B", "test", &both, &failure));
    centre_begin(&fixture.other, "B", "2026.48", &both);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    centre_desk_close(&fixture->desk);
    engine_close(fixture->engine);
    engine_close(fixture->other_engine);
    engine_memory_drop(fixture->memory);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

/* Attends at once, however short ago the last time was. */
static enum centre_state attend(struct fixture *fixture)
{
    fixture->desk.next_ms = 0;
    centre_desk_attend(&fixture->desk, fixture->engine, 1);
    return centres_state(&fixture->segment);
}

static enum centre_state let_other_look(struct fixture *fixture)
{
    enum centre_state state = CENTRE_UNKNOWN;
    struct failure failure;
    assert_int_equal(centre_look(&fixture->other, fixture->other_engine, &fixture->other_facts,
                                 CALL_MS, &state, &failure),
                     CENTRE_LOOKED);
    return state;
}

static void assert_reason(const struct fixture *fixture, const char *text)
{
    char reason[SHARED_HELD_BYTES] = "";
    centres_read_reason(&fixture->segment, reason);
    if (strstr(reason, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", reason, text);
    }
}

static void a_sealed_draw_is_told_and_others_are_awaited(void **state)
{
    struct fixture *fixture = *state;
    const struct shared_centres *centres = &fixture->segment.shared->centres;
    assert_int_equal(attend(fixture), CENTRE_AWAITS);
    assert_reason(fixture, "to be closed: B");
    assert_int_equal(atomic_load(&centres->count), 2);
    assert_string_equal(centres->centres[0].name, "A");
    assert_int_equal(atomic_load(&centres->centres[0].standing), CENTRE_CLOSED);
    assert_int_equal(atomic_load(&centres->centres[0].bets), SEALED_DRAW_ROWS);
    assert_int_equal(atomic_load(&centres->centres[1].standing), CENTRE_AWAITED);
    assert_int_equal(let_other_look(fixture), CENTRE_READY);
    assert_int_equal(attend(fixture), CENTRE_READY);
    assert_reason(fixture, "");
}

static void a_number_that_was_said_here_is_released_everywhere(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = 0;
    (void)attend(fixture);
    (void)let_other_look(fixture);
    assert_int_equal(attend(fixture), CENTRE_READY);
    assert_false(centre_desk_has_work(&fixture->desk));
    centres_say_number(&fixture->segment, NUMBER);
    assert_true(centre_desk_has_work(&fixture->desk));
    assert_false(centres_are_released(&fixture->segment, &number));
    centre_desk_attend(&fixture->desk, fixture->engine, 1); /* without waiting for its turn */
    assert_int_equal(centres_state(&fixture->segment), CENTRE_RELEASED);
    assert_true(centres_are_released(&fixture->segment, &number));
    assert_int_equal(number, NUMBER);
    assert_int_equal(let_other_look(fixture), CENTRE_RELEASED);
}

static void a_draw_that_was_drawn_elsewhere_is_released_to_a_new_shipper(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = 0;
    (void)attend(fixture);
    fixture->other_facts.number_said = true;
    fixture->other_facts.number = NUMBER;
    assert_int_equal(let_other_look(fixture), CENTRE_RELEASED);
    centre_desk_close(&fixture->desk);
    open_desk(fixture);
    assert_int_equal(attend(fixture), CENTRE_RELEASED);
    assert_true(centres_are_released(&fixture->segment, &number));
    assert_int_equal(number, NUMBER);
}

static void post(struct fixture *fixture, const char *centre)
{
    struct order order = {.kind = ORDER_CLOSE_CENTRE, .reason = "flooded"};
    (void)snprintf(order.text, sizeof order.text, "%s", centre);
    assert_true(orders_post(&fixture->segment, &order));
    centres_hand_on_order(&fixture->segment);
}

static void assert_answer(struct fixture *fixture, bool expected, const char *text)
{
    bool carried_out = !expected;
    char answer[SHARED_ANSWER_BYTES] = "";
    assert_true(centres_take_answer(&fixture->segment, &carried_out, answer));
    assert_int_equal(carried_out, expected);
    if (strstr(answer, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", answer, text);
    }
    orders_answer(&fixture->segment, carried_out, answer);
}

static void an_order_to_close_a_centre_out_is_carried_out_once(void **state)
{
    struct fixture *fixture = *state;
    bool ignored = false;
    char answer[SHARED_ANSWER_BYTES];
    (void)attend(fixture);
    post(fixture, "X");
    assert_true(centre_desk_has_work(&fixture->desk));
    (void)attend(fixture);
    assert_answer(fixture, false, "none of this draw's");
    post(fixture, "B");
    engine_memory_set_away(fixture->engine, true);
    (void)attend(fixture);
    assert_false(centres_take_answer(&fixture->segment, &ignored, answer));
    engine_memory_set_away(fixture->engine, false);
    assert_int_equal(attend(fixture), CENTRE_READY);
    assert_answer(fixture, true, "centre B is closed out of draw 2026.48");
    assert_int_equal(atomic_load(&fixture->segment.shared->centres.centres[1].standing),
                     CENTRE_CLOSED_OUT);
    assert_int_equal(let_other_look(fixture), CENTRE_HELD);
}

static void an_engine_that_is_away_keeps_the_state_and_is_told(void **state)
{
    struct fixture *fixture = *state;
    (void)attend(fixture);
    engine_memory_set_away(fixture->engine, true);
    assert_int_equal(attend(fixture), CENTRE_AWAITS);
    assert_reason(fixture, "no connection");
}

/* The desk makes the stream again, and says again what this centre has said. */
static void a_stream_that_was_deleted_is_made_again(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(attend(fixture), CENTRE_AWAITS);
    engine_memory_lose_stream(fixture->memory, NATIONAL_STREAM);
    assert_int_equal(attend(fixture), CENTRE_HELD);
    assert_reason(fixture, "no such stream");
    fixture->desk.centre->patience_ms = 0;
    (void)attend(fixture);
    assert_reason(fixture, "ends before message 1");
    assert_int_equal(attend(fixture), CENTRE_AWAITS);
    assert_int_equal(let_other_look(fixture), CENTRE_READY);
}

static void files_that_cannot_be_read_draw_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(unlinkat(fixture->scratch.descriptor, "seal.json", 0), 0);
    assert_int_equal(attend(fixture), CENTRE_UNKNOWN);
    assert_reason(fixture, "seal.json is missing");
}

static void a_centre_that_draws_alone_has_nothing_to_do(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct centre_desk desk;
    struct centre_desk_setting setting = fixture->desk.setting;
    setting.expected = "";
    assert_true(centre_desk_open(&desk, &setting, &failure));
    centre_desk_attend(&desk, fixture->engine, 1);
    assert_false(centre_desk_has_work(&desk));
    assert_int_equal(centres_state(&fixture->segment), CENTRE_UNKNOWN);
    setting.expected = "B,C";
    assert_false(centre_desk_open(&desk, &setting, &failure));
    setting.expected = "A,,B";
    assert_false(centre_desk_open(&desk, &setting, &failure));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sealed_draw_is_told_and_others_are_awaited),
        TEST(a_number_that_was_said_here_is_released_everywhere),
        TEST(a_draw_that_was_drawn_elsewhere_is_released_to_a_new_shipper),
        TEST(an_order_to_close_a_centre_out_is_carried_out_once),
        TEST(an_engine_that_is_away_keeps_the_state_and_is_told),
        TEST(a_stream_that_was_deleted_is_made_again),
        TEST(files_that_cannot_be_read_draw_nothing),
        TEST(a_centre_that_draws_alone_has_nothing_to_do),
    };
    return cmocka_run_group_tests_name("shipper/centre_desk", tests, NULL, NULL);
}
