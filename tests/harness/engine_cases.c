/*
 * engine_cases.c - see engine_cases.h.
 */
#include "tests/harness/engine_cases.h"

#include "engine/log_state.h"
#include "engine/record.h"
#include "lib/thread.h"
#include "tests/harness/deadline.h"
#include "tests/harness/streams.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { TIMEOUT_MS = 20000, SHORT_MS = 100, MESSAGES = 60 };

static struct failure failure;

/* A stream of the case's own, with two subjects. */
struct scene {
    struct engine *engine;
    struct engine *other; /* a second client */
    char stream[ENGINE_SUBJECT_BYTES];
    char bets[ENGINE_SUBJECT_BYTES];
    char done[ENGINE_SUBJECT_BYTES];
};

static void make_scene(struct scene *scene, void **state, const char *name)
{
    const struct engine_cases *cases = *state;
    (void)snprintf(scene->stream, sizeof scene->stream, "BETS_%s", name);
    (void)snprintf(scene->bets, sizeof scene->bets, "lottery.%s.bets", name);
    (void)snprintf(scene->done, sizeof scene->done, "lottery.%s.done", name);
    scene->engine = cases->open_client(cases->context);
    scene->other = cases->open_client(cases->context);
    assert_non_null(scene->engine);
    assert_non_null(scene->other);
    const char *subjects[] = {scene->bets, scene->done};
    streams_make(scene->engine, scene->stream, subjects, 2, cases->replicas);
}

static void leave_scene(struct scene *scene)
{
    engine_close(scene->other);
    engine_close(scene->engine);
}

static enum engine_answer append_text(struct engine *engine, const struct scene *scene,
                                      const char *subject, enum engine_expectation expectation,
                                      uint64_t expected, const char *text, uint64_t *sequence)
{
    const struct engine_append append = {.stream = scene->stream,
                                         .subject = subject,
                                         .expectation = expectation,
                                         .expected = expected,
                                         .bytes = text,
                                         .count = strlen(text)};
    return engine_append(engine, &append, TIMEOUT_MS, sequence, &failure);
}

static void expect_stored(struct scene *scene, const char *subject, uint64_t expected,
                          const char *text)
{
    uint64_t sequence = 0;
    assert_int_equal(append_text(scene->engine, scene, subject, ENGINE_AFTER_SEQUENCE, expected,
                                 text, &sequence),
                     ENGINE_STORED);
    assert_int_equal(sequence, expected + 1);
}

static void expect_message(struct engine *engine, const struct scene *scene, uint64_t sequence,
                           const char *text)
{
    struct engine_message message;
    assert_int_equal(engine_read(engine, scene->stream, sequence, TIMEOUT_MS, &message, &failure),
                     ENGINE_READ);
    assert_int_equal(message.sequence, sequence);
    assert_int_equal(message.count, strlen(text));
    assert_memory_equal(message.bytes, text, message.count);
}

static void expect_last(struct engine *engine, const struct scene *scene, uint64_t expected)
{
    uint64_t sequence = UINT64_MAX;
    assert_int_equal(engine_last_sequence(engine, scene->stream, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_READ);
    assert_int_equal(sequence, expected);
}

/* ------------------------------------------------------------------- cases ---- */

static void a_stream_is_made_once_and_compared_afterwards(void **state)
{
    const struct engine_cases *cases = *state;
    struct scene scene;
    make_scene(&scene, state, "made");
    const char *subjects[] = {scene.bets, scene.done};
    assert_int_equal(engine_make_stream(scene.other, scene.stream, subjects, 2, cases->replicas,
                                        TIMEOUT_MS, &failure),
                     ENGINE_STORED);
    assert_int_equal(engine_make_stream(scene.other, scene.stream, subjects, 1, cases->replicas,
                                        TIMEOUT_MS, &failure),
                     ENGINE_FORBIDDEN);
    assert_non_null(strstr(failure.text, "settings"));
    expect_last(scene.other, &scene, 0);
    leave_scene(&scene);
}

static void an_append_is_stored_after_what_it_expects_and_nowhere_else(void **state)
{
    struct scene scene;
    uint64_t sequence = 0;
    make_scene(&scene, state, "compared");
    assert_int_equal(append_text(scene.engine, &scene, scene.bets, ENGINE_AFTER_SEQUENCE, 1,
                                 "too far", &sequence),
                     ENGINE_REFUSED);
    expect_stored(&scene, scene.bets, 0, "first");
    expect_stored(&scene, scene.done, 1, "second");
    assert_int_equal(
        append_text(scene.engine, &scene, scene.bets, ENGINE_AFTER_SEQUENCE, 1, "late", &sequence),
        ENGINE_REFUSED);
    assert_int_equal(
        append_text(scene.engine, &scene, scene.bets, ENGINE_AFTER_SEQUENCE, 0, "later", &sequence),
        ENGINE_REFUSED);
    expect_last(scene.engine, &scene, 2);
    expect_message(scene.engine, &scene, 1, "first");
    expect_message(scene.engine, &scene, 2, "second");
    leave_scene(&scene);
}

static void of_two_writers_one_is_refused(void **state)
{
    struct scene scene;
    uint64_t sequence = 0;
    make_scene(&scene, state, "rivals");
    expect_stored(&scene, scene.bets, 0, "mine");
    assert_int_equal(append_text(scene.other, &scene, scene.bets, ENGINE_AFTER_SEQUENCE, 1,
                                 "a claim", &sequence),
                     ENGINE_STORED);
    assert_int_equal(
        append_text(scene.engine, &scene, scene.bets, ENGINE_AFTER_SEQUENCE, 1, "mine", &sequence),
        ENGINE_REFUSED);
    expect_last(scene.engine, &scene, 2);
    expect_message(scene.engine, &scene, 2, "a claim");
    leave_scene(&scene);
}

static void a_subject_takes_its_first_message_once(void **state)
{
    struct scene scene;
    uint64_t sequence = 0;
    make_scene(&scene, state, "once");
    expect_stored(&scene, scene.bets, 0, "before");
    assert_int_equal(append_text(scene.engine, &scene, scene.done, ENGINE_AFTER_OF_SUBJECT, 0,
                                 "once", &sequence),
                     ENGINE_STORED);
    assert_int_equal(sequence, 2);
    assert_int_equal(append_text(scene.other, &scene, scene.done, ENGINE_AFTER_OF_SUBJECT, 0,
                                 "twice", &sequence),
                     ENGINE_REFUSED);
    expect_stored(&scene, scene.bets, 2, "between");
    assert_int_equal(
        append_text(scene.other, &scene, scene.done, ENGINE_AFTER_OF_SUBJECT, 2, "next", &sequence),
        ENGINE_STORED);
    assert_int_equal(sequence, 4);
    leave_scene(&scene);
}

static void a_message_is_read_as_it_was_appended(void **state)
{
    struct scene scene;
    struct engine_message message;
    uint64_t sequence = 0;
    const struct engine_header headers[] = {{.name = "Lottery-Node", .value = "a host:1, \"x\""},
                                            {.name = "Lottery-Epoch", .value = "7"}};
    const char bytes[] = "\0\r\n\xff\x80 bytes\0";
    make_scene(&scene, state, "whole");
    const struct engine_append append = {.stream = scene.stream,
                                         .subject = scene.done,
                                         .headers = headers,
                                         .header_count = 2,
                                         .bytes = bytes,
                                         .count = sizeof bytes};
    assert_int_equal(engine_append(scene.engine, &append, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
    assert_int_equal(engine_read(scene.other, scene.stream, 1, TIMEOUT_MS, &message, &failure),
                     ENGINE_READ);
    assert_string_equal(message.subject, scene.done);
    assert_true(message.stored_at_ms > INT64_C(1600000000000));
    assert_int_equal(message.count, sizeof bytes);
    assert_memory_equal(message.bytes, bytes, sizeof bytes);
    assert_int_equal(message.header_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const bool first = strcmp(message.headers[i].name, headers[0].name) == 0;
        assert_string_equal(message.headers[i].name, headers[first ? 0 : 1].name);
        assert_string_equal(message.headers[i].value, headers[first ? 0 : 1].value);
    }
    leave_scene(&scene);
}

/* Any program that may publish can write such a message: it is there, and it is none of ours. */
static void a_message_with_strange_headers_is_there_without_them(void **state)
{
    enum { TOO_MANY = ENGINE_HEADERS_MAX + 1 };
    struct scene scene;
    struct engine_message message;
    uint64_t sequence = 0;
    char names[TOO_MANY][16];
    struct engine_header headers[TOO_MANY];
    for (size_t i = 0; i < TOO_MANY; i++) {
        (void)snprintf(names[i], sizeof names[i], "X-%zu", i);
        headers[i] = (struct engine_header){.name = names[i], .value = "x"};
    }
    make_scene(&scene, state, "strange");
    const struct engine_append append = {.stream = scene.stream,
                                         .subject = scene.bets,
                                         .headers = headers,
                                         .header_count = TOO_MANY,
                                         .bytes = "x",
                                         .count = 1};
    assert_int_equal(engine_append(scene.engine, &append, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
    expect_stored(&scene, scene.bets, 1, "next");
    assert_int_equal(engine_read(scene.other, scene.stream, 1, TIMEOUT_MS, &message, &failure),
                     ENGINE_READ);
    assert_true(message.has_strange_headers);
    assert_int_equal(message.header_count, 0);
    assert_int_equal(engine_read(scene.other, scene.stream, 2, TIMEOUT_MS, &message, &failure),
                     ENGINE_READ);
    assert_false(message.has_strange_headers);
    leave_scene(&scene);
}

static void messages_are_read_in_a_row_and_out_of_it(void **state)
{
    struct scene scene;
    char text[32];
    make_scene(&scene, state, "rows");
    for (uint64_t i = 0; i < MESSAGES; i++) {
        (void)snprintf(text, sizeof text, "message %u", (unsigned)i + 1);
        expect_stored(&scene, i % 2 == 0 ? scene.bets : scene.done, i, text);
    }
    const uint64_t starts[] = {1, 30, 2, MESSAGES, 1};
    for (size_t start = 0; start < sizeof starts / sizeof starts[0]; start++) {
        for (uint64_t i = starts[start]; i <= MESSAGES; i++) {
            (void)snprintf(text, sizeof text, "message %u", (unsigned)i);
            expect_message(scene.other, &scene, i, text);
        }
    }
    leave_scene(&scene);
}

static void two_streams_are_read_in_turn(void **state)
{
    struct scene one;
    struct scene two;
    make_scene(&one, state, "turn-one");
    make_scene(&two, state, "turn-two");
    for (uint64_t i = 0; i < 3; i++) {
        expect_stored(&one, one.bets, i, "of one");
        expect_stored(&two, two.bets, i, "of two");
    }
    for (uint64_t i = 1; i <= 3; i++) {
        expect_message(one.engine, &one, i, "of one");
        expect_message(one.engine, &two, i, "of two");
    }
    leave_scene(&two);
    leave_scene(&one);
}

static void what_is_not_there_yet_is_nothing(void **state)
{
    struct scene scene;
    struct engine_message message;
    make_scene(&scene, state, "nothing");
    assert_int_equal(engine_read(scene.other, scene.stream, 1, 0, &message, &failure),
                     ENGINE_NOTHING);
    assert_int_equal(engine_read(scene.other, scene.stream, 1, SHORT_MS, &message, &failure),
                     ENGINE_NOTHING);
    expect_stored(&scene, scene.bets, 0, "now");
    expect_message(scene.other, &scene, 1, "now");
    assert_int_equal(engine_read(scene.other, scene.stream, 2, 0, &message, &failure),
                     ENGINE_NOTHING);
    assert_int_equal(engine_read(scene.other, scene.stream, 2, SHORT_MS, &message, &failure),
                     ENGINE_NOTHING);
    expect_stored(&scene, scene.bets, 1, "then");
    expect_message(scene.other, &scene, 2, "then");
    leave_scene(&scene);
}

static void *append_soon(void *context)
{
    struct scene *scene = context;
    uint64_t sequence = 0;
    const struct deadline soon = deadline_in(SHORT_MS);
    while (deadline_pause(soon)) {
    }
    return append_text(scene->engine, scene, scene->bets, ENGINE_AFTER_SEQUENCE, 0, "at last",
                       &sequence) == ENGINE_STORED
               ? scene
               : NULL;
}

static void a_reader_sleeps_until_there_is_a_message(void **state)
{
    struct scene scene;
    pthread_t writer;
    void *stored = NULL;
    make_scene(&scene, state, "sleeper");
    const int64_t began_ms = deadline_clock_ms();
    assert_int_equal(thread_start(&writer, append_soon, &scene), 0);
    expect_message(scene.other, &scene, 1, "at last");
    assert_true(deadline_clock_ms() - began_ms < TIMEOUT_MS / 2);
    assert_int_equal(pthread_join(writer, &stored), 0);
    assert_non_null(stored);
    leave_scene(&scene);
}

static void the_last_message_of_a_subject_is_found(void **state)
{
    struct scene scene;
    struct engine_message message;
    make_scene(&scene, state, "last");
    assert_int_equal(
        engine_read_last(scene.other, scene.stream, scene.done, TIMEOUT_MS, &message, &failure),
        ENGINE_NOTHING);
    expect_stored(&scene, scene.done, 0, "a line");
    expect_stored(&scene, scene.bets, 1, "rows");
    expect_stored(&scene, scene.bets, 2, "more rows");
    assert_int_equal(
        engine_read_last(scene.other, scene.stream, scene.done, TIMEOUT_MS, &message, &failure),
        ENGINE_READ);
    assert_int_equal(message.sequence, 1);
    assert_memory_equal(message.bytes, "a line", message.count);
    assert_int_equal(
        engine_read_last(scene.other, scene.stream, scene.bets, TIMEOUT_MS, &message, &failure),
        ENGINE_READ);
    assert_int_equal(message.sequence, 3);
    leave_scene(&scene);
}

static void without_the_stream_nothing_is_known_and_reading_says_so(void **state)
{
    struct scene scene;
    struct engine_message message;
    uint64_t sequence = 0;
    make_scene(&scene, state, "there");
    const struct engine_append append = {
        .stream = "BETS_nowhere", .subject = "lottery.nowhere.bets", .bytes = "x", .count = 1};
    assert_int_equal(engine_append(scene.engine, &append, SHORT_MS, &sequence, &failure),
                     ENGINE_UNKNOWN);
    assert_int_equal(engine_read(scene.engine, "BETS_nowhere", 1, SHORT_MS, &message, &failure),
                     ENGINE_BROKEN);
    assert_int_equal(
        engine_last_sequence(scene.engine, "BETS_nowhere", SHORT_MS, &sequence, &failure),
        ENGINE_BROKEN);
    leave_scene(&scene);
}

/* Appends so many bytes after `expected`, and reads them back where they were stored. */
static enum engine_answer append_bytes(struct scene *scene, uint64_t expected, size_t count)
{
    struct engine_message message;
    uint64_t sequence = 0;
    char *bytes = malloc(count);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (char)(i * 7 % 251);
    }
    const struct engine_append append = {.stream = scene->stream,
                                         .subject = scene->bets,
                                         .expected = expected,
                                         .bytes = bytes,
                                         .count = count};
    const enum engine_answer answer =
        engine_append(scene->engine, &append, TIMEOUT_MS, &sequence, &failure);
    if (answer == ENGINE_STORED) {
        assert_int_equal(
            engine_read(scene->other, scene->stream, sequence, TIMEOUT_MS, &message, &failure),
            ENGINE_READ);
        assert_int_equal(message.count, count);
        assert_memory_equal(message.bytes, bytes, count);
    }
    free(bytes);
    return answer;
}

static void the_largest_message_is_stored_and_a_larger_one_forbidden(void **state)
{
    struct scene scene;
    make_scene(&scene, state, "large");
    const size_t max = engine_payload_max(scene.engine);
    assert_true(max >= (size_t)64 * 1024);
    assert_int_equal(append_bytes(&scene, 0, max - RECORD_OVERHEAD_BYTES), ENGINE_STORED);
    assert_int_equal(append_bytes(&scene, 1, max + 1), ENGINE_FORBIDDEN);
    assert_int_equal(append_bytes(&scene, 1, 1), ENGINE_STORED);
    leave_scene(&scene);
}

static void what_is_told_is_heard_by_who_listens(void **state)
{
    struct scene scene;
    char text[32] = "";
    make_scene(&scene, state, "told");
    assert_false(engine_hear(scene.other, text, sizeof text));
    assert_true(engine_listen(scene.other, "lottery.told.alive", &failure));
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!engine_hear(scene.other, text, sizeof text) && deadline_pause(deadline)) {
        engine_tell(scene.engine, "lottery.other.alive", "another's");
        engine_tell(scene.engine, "lottery.told.alive", "7 a-node 100 20");
    }
    assert_string_equal(text, "7 a-node 100 20");
    leave_scene(&scene);
}

static void the_connection_is_described(void **state)
{
    struct scene scene;
    struct engine_state described;
    make_scene(&scene, state, "described");
    engine_describe(scene.engine, &described);
    assert_true(described.connected);
    assert_string_not_equal(described.server, "");
    assert_string_not_equal(described.version, "");
    assert_int_equal(described.reconnects, 0);
    leave_scene(&scene);
}

/* Appends a record as a shipper does, and folds what is read of it. */
static void ship(struct scene *scene, struct log_state *log, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    struct engine_message message;
    struct record read;
    uint64_t sequence = 0;
    char subject[ENGINE_SUBJECT_BYTES];
    record_write_subject(subject, "records", record->kind);
    assert_true(record_make_nonce(record->nonce, &failure));
    const struct engine_append append = {.stream = scene->stream,
                                         .subject = subject,
                                         .expected = log->sequence,
                                         .headers = headers,
                                         .header_count = record_write(record, headers),
                                         .bytes = record->bytes,
                                         .count = record->length};
    assert_int_equal(engine_append(scene->engine, &append, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
    assert_int_equal(
        engine_read(scene->other, scene->stream, sequence, TIMEOUT_MS, &message, &failure),
        ENGINE_READ);
    assert_string_equal(record_nonce_of(&message), record->nonce);
    assert_true(record_read(&message, &read, &failure));
    assert_int_equal(read.kind, record->kind);
    assert_true(log_state_fold(log, &read, sequence, &failure));
}

static void a_log_of_records_is_what_was_shipped(void **state)
{
    const struct engine_cases *cases = *state;
    struct scene scene;
    struct log_state log = {0};
    char subjects[RECORD_KINDS][ENGINE_SUBJECT_BYTES];
    const char *all[RECORD_KINDS];
    struct record record = {.kind = RECORD_CLAIM,
                            .identity = "0123456789abcdef0123456789abcdef",
                            .epoch = 1,
                            .node = "a-node-1"};
    make_scene(&scene, state, "unused");
    record_write_stream(scene.stream, "records");
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        record_write_subject(subjects[kind], "records", (enum record_kind)kind);
        all[kind] = subjects[kind];
    }
    streams_make(scene.engine, scene.stream, all, RECORD_KINDS, cases->replicas);
    ship(&scene, &log, &record);
    record.kind = RECORD_BETS;
    record.bytes = "1,a,b,1,1990-01-01,7\n2,a,b,1,1990-01-01,7\n";
    record.length = strlen(record.bytes);
    record.rows = 2;
    ship(&scene, &log, &record);
    assert_int_equal(log.bets_end, record.length);
    record.kind = RECORD_FILE;
    (void)snprintf(record.name, sizeof record.name, "control");
    ship(&scene, &log, &record);
    assert_int_equal(log.sequence, 3);
    leave_scene(&scene);
}

int engine_cases_run(const char *name, struct engine_cases *cases)
{
    struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_made_once_and_compared_afterwards),
        cmocka_unit_test(an_append_is_stored_after_what_it_expects_and_nowhere_else),
        cmocka_unit_test(of_two_writers_one_is_refused),
        cmocka_unit_test(a_subject_takes_its_first_message_once),
        cmocka_unit_test(a_message_is_read_as_it_was_appended),
        cmocka_unit_test(a_message_with_strange_headers_is_there_without_them),
        cmocka_unit_test(messages_are_read_in_a_row_and_out_of_it),
        cmocka_unit_test(two_streams_are_read_in_turn),
        cmocka_unit_test(what_is_not_there_yet_is_nothing),
        cmocka_unit_test(a_reader_sleeps_until_there_is_a_message),
        cmocka_unit_test(the_last_message_of_a_subject_is_found),
        cmocka_unit_test(without_the_stream_nothing_is_known_and_reading_says_so),
        cmocka_unit_test(the_largest_message_is_stored_and_a_larger_one_forbidden),
        cmocka_unit_test(what_is_told_is_heard_by_who_listens),
        cmocka_unit_test(the_connection_is_described),
        cmocka_unit_test(a_log_of_records_is_what_was_shipped),
    };
    const size_t count = sizeof tests / sizeof tests[0];
    for (size_t i = 0; i < count; i++) {
        tests[i].initial_state = cases;
    }
    return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}
