/*
 * test_log_format.c - the three forms of a line: what a program reads from them is what was said,
 * also where a line is as long as it may be and a stranger has chosen the text.
 */
#include "lib/log_format.h"

#include "lib/text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

struct fixture {
    struct log_fields own, tail;
    struct log_record record;
    char text[LOG_DATAGRAM_BYTES + 1];
    size_t bytes;
};

static const struct log_decoration plain = {.is_coloured = false};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.record = {.moment = {.tv_sec = 1795000000, .tv_nsec = 7000000},
                                          .level = LOG_LEVEL_CRITICAL,
                                          .message = LOG_STORE_DISK_FULL,
                                          .own = &fixture.own,
                                          .tail = &fixture.tail,
                                          .program = "lottery-server"}};
    log_fields_add(&fixture.tail, "pid: %d", 17);
    *state = &fixture;
    return 0;
}

static void format_with(struct fixture *fixture,
                        size_t (*format)(const struct log_record *, const struct log_decoration *,
                                         char *),
                        const struct log_decoration *decoration)
{
    fixture->bytes = format(&fixture->record, decoration, fixture->text);
    assert_in_range(fixture->bytes, 1, LOG_LINE_BYTES);
    assert_int_equal(fixture->text[fixture->bytes - 1], '\n');
    fixture->text[fixture->bytes] = '\0';
    assert_true(text_is_clean(fixture->text, fixture->bytes - 1));
}

static json_t *read_json(struct fixture *fixture)
{
    json_error_t error;
    format_with(fixture, log_format_json, &plain);
    json_t *object = json_loadb(fixture->text, fixture->bytes, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        fail_msg("%s: %s", error.text, fixture->text);
    }
    return object;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static void expect_hint(const char *hint)
{
    const char *expected = log_message_text(LOG_STORE_DISK_FULL)->hint;
    assert_non_null(expected);
    assert_string_equal(hint, expected);
}

static void text_has_the_courses_form_first_and_the_hint_last(void **state)
{
    struct fixture *fixture = *state;
    char end[512];
    log_fields_add(&fixture->own, "result: in_progress | file: %s", "bets.csv");
    format_with(fixture, log_format_text, &plain);
    const char *words = strstr(fixture->text, " CRITICAL action: store | result: in_progress | "
                                              "file: bets.csv | pid: 17 | id: LT-2201 | hint: ");
    assert_ptr_equal(words, fixture->text + strlen("2026-11-18 12:26:40.007+00:00"));
    (void)snprintf(end, sizeof end, " | hint: %s\n", log_message_text(LOG_STORE_DISK_FULL)->hint);
    assert_string_equal(fixture->text + fixture->bytes - strlen(end), end);
    fixture->record.level = LOG_LEVEL_INFO;
    format_with(fixture, log_format_text, &plain);
    assert_null(strstr(fixture->text, "hint"));
}

static void a_line_for_the_journals_stream_begins_with_its_priority(void **state)
{
    struct fixture *fixture = *state;
    static const char *const prefixes[LOG_LEVELS] = {"<7>2", "<6>2", "<4>2", "<3>2", "<2>2"};
    const struct log_decoration decoration = {.has_priority = true};
    for (int level = 0; level < LOG_LEVELS; level++) {
        fixture->record.level = (enum log_level)level;
        format_with(fixture, log_format_text, &decoration);
        assert_memory_equal(fixture->text, prefixes[level], 4);
    }
}

static void json_has_each_field_under_its_name(void **state)
{
    struct fixture *fixture = *state;
    log_fields_add(&fixture->own, "result: %s | file: %s | position: %u | tls.mode: off | id: %d",
                   "fail", "a\"b\\c\x01", 4294967295U, 3);
    json_t *object = read_json(fixture);
    assert_string_equal(text_of(object, "level"), "CRITICAL");
    assert_string_equal(text_of(object, "id"), "LT-2201");
    assert_string_equal(text_of(object, "action"), "store");
    assert_string_equal(text_of(object, "result"), "fail");
    assert_string_equal(text_of(object, "file"), "a\"b\\c?");
    assert_string_equal(text_of(object, "tls.mode"), "off");
    assert_string_equal(text_of(object, "program"), "lottery-server");
    expect_hint(text_of(object, "hint"));
    assert_int_equal(json_integer_value(json_object_get(object, "position")), 4294967295);
    assert_int_equal(json_integer_value(json_object_get(object, "pid")), 17);
    assert_int_equal(json_integer_value(json_object_get(object, "field_id")), 3);
    json_decref(object);
}

/* Every length around a line's, of bytes that grow when they are escaped, and of characters. */
static void json_is_valid_wherever_it_is_cut(void **state)
{
    struct fixture *fixture = *state;
    static const char *const pieces[] = {"x", "\"", "\\", "\xc3\x91", "\xf0\x9f\x98\x80", "|"};
    static char value[2 * LOG_LINE_BYTES];
    enum { STEP = 3 };
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        size_t piece = strlen(pieces[i]);
        for (size_t length = 0; length + piece < LOG_LINE_BYTES + 64; length += STEP * piece) {
            for (size_t at = 0; at < length; at += piece) {
                memcpy(value + at, pieces[i], piece);
            }
            fixture->own = (struct log_fields){.bytes = 0};
            log_fields_add(&fixture->own, "result: fail | reason: %.*s | position: %d", (int)length,
                           value, 1234567);
            json_t *object = read_json(fixture);
            assert_string_equal(text_of(object, "result"), "fail");
            const json_t *position = json_object_get(object, "position");
            assert_true(position == NULL || json_integer_value(position) == 1234567 ||
                        json_is_string(position));
            expect_hint(text_of(object, "hint"));
            json_decref(object);
        }
    }
}

static void the_journal_has_priority_identifier_and_each_field(void **state)
{
    struct fixture *fixture = *state;
    log_fields_add(&fixture->own, "result: fail | tls.mode: %s", "x | PRIORITY=7\nPRIORITY=7");
    fixture->bytes = log_format_journal(&fixture->record, fixture->text);
    fixture->text[fixture->bytes] = '\0';
    assert_memory_equal(fixture->text, "MESSAGE=action: store | result: fail | ", 39);
    assert_non_null(strstr(fixture->text, "\nPRIORITY=2\n"));
    assert_null(strstr(fixture->text, "\nPRIORITY=7\n"));
    assert_non_null(strstr(fixture->text, "\nLOTTERY_ID=LT-2201\n"));
    assert_non_null(strstr(fixture->text, "\nMESSAGE_ID=6f1c0e5a9b7d4e2f8a3c51d7e94b2201\n"));
    assert_non_null(strstr(fixture->text, "\nSYSLOG_IDENTIFIER=lottery-server\n"));
    assert_non_null(strstr(fixture->text, "\nLOTTERY_ACTION=store\n"));
    assert_non_null(strstr(fixture->text, "\nLOTTERY_RESULT=fail\n"));
    assert_non_null(strstr(fixture->text, "\nLOTTERY_TLS_MODE=x ? PRIORITY=7?PRIORITY=7\n"));
    assert_non_null(strstr(fixture->text, "\nLOTTERY_PID=17\n"));
}

static void the_journals_datagram_is_whole_fields_at_any_length(void **state)
{
    struct fixture *fixture = *state;
    static char value[2 * LOG_LINE_BYTES];
    memset(value, 'x', sizeof value - 1);
    log_fields_add(&fixture->own, "result: fail | reason: %s", value);
    fixture->bytes = log_format_journal(&fixture->record, fixture->text);
    assert_in_range(fixture->bytes, LOG_LINE_BYTES, LOG_DATAGRAM_BYTES);
    fixture->text[fixture->bytes] = '\0';
    assert_int_equal(fixture->text[fixture->bytes - 1], '\n');
    assert_non_null(strstr(fixture->text, "\nLOTTERY_PID=17\n"));
    for (const char *line = fixture->text; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t name = strspn(line, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        assert_int_equal(line[name], '=');
    }
}

#define FORMAT_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORMAT_TEST(text_has_the_courses_form_first_and_the_hint_last),
        FORMAT_TEST(a_line_for_the_journals_stream_begins_with_its_priority),
        FORMAT_TEST(json_has_each_field_under_its_name),
        FORMAT_TEST(json_is_valid_wherever_it_is_cut),
        FORMAT_TEST(the_journal_has_priority_identifier_and_each_field),
        FORMAT_TEST(the_journals_datagram_is_whole_fields_at_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
