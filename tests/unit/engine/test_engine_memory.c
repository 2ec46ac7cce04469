/*
 * test_engine_memory.c - the engine in memory does what every engine does, and fails as it is told.
 */
#include "engine/engine_memory.h"

#include "tests/harness/engine_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define STREAM  "BETS_a"
#define SUBJECT "lottery.a.bets"

static struct failure failure;

struct fixture {
    struct engine_memory *memory;
    struct engine *engine;
    struct engine *other;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    const char *subjects[] = {SUBJECT};
    fixture.memory = engine_memory_make();
    fixture.engine = engine_open_memory(fixture.memory);
    fixture.other = engine_open_memory(fixture.memory);
    *state = &fixture;
    return engine_make_stream(fixture.engine, STREAM, subjects, 1, 3, 0, &failure) == ENGINE_STORED
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    engine_close(fixture->engine);
    engine_close(fixture->other);
    engine_memory_drop(fixture->memory);
    return 0;
}

static enum engine_answer append(struct engine *engine, uint64_t expected, const char *text)
{
    uint64_t sequence = 0;
    const struct engine_append append = {.stream = STREAM,
                                         .subject = SUBJECT,
                                         .expected = expected,
                                         .bytes = text,
                                         .count = strlen(text)};
    return engine_append(engine, &append, 0, &sequence, &failure);
}

static uint64_t last_of(struct engine *engine)
{
    uint64_t sequence = UINT64_MAX;
    assert_int_equal(engine_last_sequence(engine, STREAM, 0, &sequence, &failure), ENGINE_READ);
    return sequence;
}

static enum engine_reading read_text(struct engine *engine, uint64_t sequence, const char *text)
{
    struct engine_message message;
    const enum engine_reading reading =
        engine_read(engine, STREAM, sequence, 0, &message, &failure);
    if (reading == ENGINE_READ) {
        assert_int_equal(message.count, strlen(text));
        assert_memory_equal(message.bytes, text, message.count);
    }
    return reading;
}

static void an_answer_is_lost_after_storing(void **state)
{
    const struct fixture *at = *state;
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_ANSWER_LOST);
    assert_int_equal(append(at->engine, 0, "stored"), ENGINE_UNKNOWN);
    assert_int_equal(append(at->engine, 0, "stored"), ENGINE_REFUSED);
    assert_int_equal(read_text(at->engine, 1, "stored"), ENGINE_READ);
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_ANSWER_LOST);
    assert_int_equal(append(at->engine, 0, "in the wrong place"), ENGINE_UNKNOWN);
    assert_int_equal(last_of(at->engine), 1);
}

static void an_append_is_lost(void **state)
{
    const struct fixture *at = *state;
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_LOST);
    assert_int_equal(append(at->engine, 0, "lost"), ENGINE_UNKNOWN);
    assert_int_equal(last_of(at->engine), 0);
    assert_int_equal(append(at->engine, 0, "again"), ENGINE_STORED);
}

static void a_late_append_and_the_second_one_exclude_each_other(void **state)
{
    const struct fixture *at = *state;
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_LATE);
    assert_int_equal(append(at->engine, 0, "late"), ENGINE_UNKNOWN);
    assert_int_equal(read_text(at->engine, 1, ""), ENGINE_NOTHING);
    assert_int_equal(append(at->engine, 0, "late"), ENGINE_REFUSED);
    assert_int_equal(read_text(at->engine, 1, "late"), ENGINE_READ);
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_LATE);
    assert_int_equal(append(at->engine, 0, "late, and out of place"), ENGINE_UNKNOWN);
    assert_int_equal(append(at->other, 1, "next"), ENGINE_STORED);
    assert_int_equal(last_of(at->engine), 2);
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_LATE);
    assert_int_equal(append(at->engine, 2, "never arrives"), ENGINE_UNKNOWN);
}

static void an_append_is_refused_or_forbidden_once(void **state)
{
    const struct fixture *at = *state;
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_REFUSE);
    assert_int_equal(append(at->engine, 0, "x"), ENGINE_REFUSED);
    engine_memory_fail_append(at->engine, ENGINE_MEMORY_FORBID);
    assert_int_equal(append(at->engine, 0, "x"), ENGINE_FORBIDDEN);
    assert_int_equal(append(at->engine, 0, "x"), ENGINE_STORED);
}

static void a_client_without_a_connection_knows_nothing(void **state)
{
    const struct fixture *at = *state;
    const char *subjects[] = {SUBJECT};
    struct engine_message message;
    struct engine_state described;
    char text[16];
    uint64_t sequence = 0;
    assert_true(engine_listen(at->engine, "lottery.a.alive", &failure));
    engine_memory_set_away(at->engine, true);
    assert_int_equal(append(at->engine, 0, "x"), ENGINE_UNKNOWN);
    assert_int_equal(read_text(at->engine, 1, ""), ENGINE_AWAY);
    assert_int_equal(engine_last_sequence(at->engine, STREAM, 0, &sequence, &failure), ENGINE_AWAY);
    assert_int_equal(engine_read_last(at->engine, STREAM, SUBJECT, 0, &message, &failure),
                     ENGINE_AWAY);
    assert_int_equal(engine_make_stream(at->engine, STREAM, subjects, 1, 3, 0, &failure),
                     ENGINE_UNKNOWN);
    engine_tell(at->other, "lottery.a.alive", "unheard");
    assert_false(engine_hear(at->engine, text, sizeof text));
    engine_describe(at->engine, &described);
    assert_false(described.connected);
    assert_int_equal(append(at->other, 0, "y"), ENGINE_STORED);
    engine_memory_set_away(at->engine, false);
    assert_int_equal(append(at->engine, 0, "x"), ENGINE_REFUSED);
}

static void a_stale_reader_sees_less_and_appends_all_the_same(void **state)
{
    const struct fixture *at = *state;
    struct engine_message message;
    assert_int_equal(append(at->engine, 0, "one"), ENGINE_STORED);
    assert_int_equal(append(at->engine, 1, "two"), ENGINE_STORED);
    engine_memory_set_stale(at->other, 1);
    assert_int_equal(last_of(at->other), 1);
    assert_int_equal(read_text(at->other, 2, ""), ENGINE_NOTHING);
    assert_int_equal(engine_read_last(at->other, STREAM, SUBJECT, 0, &message, &failure),
                     ENGINE_READ);
    assert_int_equal(message.sequence, 1);
    assert_int_equal(append(at->other, 1, "three"), ENGINE_REFUSED);
    engine_memory_set_stale(at->other, 0);
    assert_int_equal(last_of(at->other), 2);
}

static void an_engine_loses_what_it_has_acknowledged(void **state)
{
    const struct fixture *at = *state;
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(append(at->engine, i, "text"), ENGINE_STORED);
    }
    engine_memory_flip_bit(at->memory, STREAM, 1);
    assert_int_equal(read_text(at->engine, 1, "uext"), ENGINE_READ);
    engine_memory_lose_one(at->memory, STREAM, 2);
    assert_int_equal(read_text(at->engine, 2, ""), ENGINE_BROKEN);
    engine_memory_lose_from(at->memory, STREAM, 3);
    assert_int_equal(last_of(at->engine), 2);
    engine_memory_lose_stream(at->memory, STREAM);
    assert_int_equal(read_text(at->engine, 1, ""), ENGINE_BROKEN);
}

static void a_message_may_have_as_many_bytes_as_is_set(void **state)
{
    const struct fixture *at = *state;
    engine_memory_set_payload_max(at->memory, 3);
    assert_int_equal(engine_payload_max(at->engine), 3);
    assert_int_equal(append(at->engine, 0, "four"), ENGINE_FORBIDDEN);
    assert_int_equal(append(at->engine, 0, "one"), ENGINE_STORED);
}

static void texts_that_nobody_takes_go_the_oldest_first(void **state)
{
    const struct fixture *at = *state;
    char text[2] = "";
    assert_true(engine_listen(at->engine, "lottery.a.alive", &failure));
    for (unsigned i = 0; i <= ENGINE_MEMORY_HEARD_MAX; i++) {
        engine_tell(at->other, "lottery.a.alive", (char[]){(char)('a' + (int)i), '\0'});
    }
    for (unsigned i = 1; i <= ENGINE_MEMORY_HEARD_MAX; i++) {
        assert_true(engine_hear(at->engine, text, sizeof text));
        assert_int_equal(text[0], 'a' + (int)i);
    }
    assert_false(engine_hear(at->engine, text, sizeof text));
}

static struct engine *open_client(void *memory)
{
    return engine_open_memory(memory);
}

#define FAULT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest faults[] = {
        FAULT_TEST(an_answer_is_lost_after_storing),
        FAULT_TEST(an_append_is_lost),
        FAULT_TEST(a_late_append_and_the_second_one_exclude_each_other),
        FAULT_TEST(an_append_is_refused_or_forbidden_once),
        FAULT_TEST(a_client_without_a_connection_knows_nothing),
        FAULT_TEST(a_stale_reader_sees_less_and_appends_all_the_same),
        FAULT_TEST(an_engine_loses_what_it_has_acknowledged),
        FAULT_TEST(a_message_may_have_as_many_bytes_as_is_set),
        FAULT_TEST(texts_that_nobody_takes_go_the_oldest_first),
    };
    struct engine_memory *memory = engine_memory_make();
    struct engine_cases cases = {.open_client = open_client, .context = memory, .replicas = 3};
    int failed = engine_cases_run("every engine", &cases);
    engine_memory_drop(memory);
    failed += cmocka_run_group_tests(faults, NULL, NULL);
    return failed;
}
