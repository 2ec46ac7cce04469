/*
 * test_admin_request.c - a request has exactly one text, and every other text is refused.
 */
#include "server/admin_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define SEAL                                                                                       \
    "9f86d081884c7d659a2feaa0c55ad015"                                                             \
    "a3bf4f1b2b0b822cd15d6c15b0f00a08"

/* 2026-12-05T20:00:00.000Z */
#define CLOSES_AT_MS INT64_C(1796500800000)

static const struct {
    const char *text;
    struct admin_request request;
} pairs[] = {
    {"close\n\n", {.command = ADMIN_CLOSE}},
    {"close\nwithout 17,42\nreason no line to them\n\n",
     {.command = ADMIN_CLOSE, .without = "17,42", .reason = "no line to them"}},
    {"draw\nnumber 0\nseal " SEAL "\n\n",
     {.command = ADMIN_DRAW, .has_number = true, .seal = SEAL}},
    {"draw\nnumber 4294967295\nseal " SEAL "\n\n",
     {.command = ADMIN_DRAW, .has_number = true, .number = UINT32_MAX, .seal = SEAL}},
    {"close-centre\nreason flooded\ncentre B-1\n\n",
     {.command = ADMIN_CLOSE_CENTRE, .reason = "flooded", .centre = "B-1"}},
    {"open 2026-W49\n\n", {.command = ADMIN_OPEN, .draw = "2026-W49"}},
    {"open 2026-W49\nagencies 1-60\ncloses 2026-12-05T20:00:00.000Z\nnumber 7574\nabandon\nreason "
     "a test\n\n",
     {.command = ADMIN_OPEN,
      .draw = "2026-W49",
      .agencies = "1-60",
      .closes_at_ms = CLOSES_AT_MS,
      .has_number = true,
      .number = 7574,
      .abandon = true,
      .reason = "a test"}},
    {"open 2026-W49\ncentres A,B\n\n",
     {.command = ADMIN_OPEN, .draw = "2026-W49", .centres = "A,B"}},
    {"open 2026-W49\nagencies 1\ncentres -\nnumber 1\n\n",
     {.command = ADMIN_OPEN,
      .draw = "2026-W49",
      .agencies = "1",
      .centres = ADMIN_NO_CENTRES,
      .has_number = true,
      .number = 1}},
    {"open closes\nagencies any\n\n", {.command = ADMIN_OPEN, .draw = "closes", .agencies = "any"}},
};

enum { PAIRS = sizeof pairs / sizeof pairs[0] };

static bool are_equal(const struct admin_request *a, const struct admin_request *b)
{
    return a->command == b->command && strcmp(a->draw, b->draw) == 0 &&
           strcmp(a->agencies, b->agencies) == 0 && strcmp(a->centres, b->centres) == 0 &&
           a->closes_at_ms == b->closes_at_ms && a->has_number == b->has_number &&
           a->number == b->number && a->abandon == b->abandon &&
           strcmp(a->without, b->without) == 0 && strcmp(a->reason, b->reason) == 0 &&
           strcmp(a->seal, b->seal) == 0 && strcmp(a->centre, b->centre) == 0;
}

static void expect_refusal(const char *text, size_t bytes)
{
    struct admin_request request;
    struct failure failure = {.text = ""};
    if (admin_request_parse(text, bytes, &request, &failure)) {
        fail_msg("was taken: %s", text);
    }
    assert_string_not_equal(failure.text, "");
}

static void a_request_is_written_and_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        char text[ADMIN_REQUEST_BYTES_MAX];
        struct admin_request request;
        struct failure failure = {.text = ""};
        size_t bytes = admin_request_write(&pairs[i].request, text);
        assert_string_equal(text, pairs[i].text);
        assert_int_equal(bytes, strlen(text));
        if (!admin_request_parse(text, bytes, &request, &failure)) {
            fail_msg("%s", failure.text);
        }
        assert_true(are_equal(&request, &pairs[i].request));
    }
}

static void commands_have_names(void **state)
{
    (void)state;
    assert_string_equal(admin_command_name(ADMIN_CLOSE), "close");
    assert_string_equal(admin_command_name(ADMIN_DRAW), "draw");
    assert_string_equal(admin_command_name(ADMIN_OPEN), "open");
    assert_string_equal(admin_command_name(ADMIN_CLOSE_CENTRE), "close-centre");
}

static void a_request_is_whole_with_its_empty_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIRS; i++) {
        size_t bytes = strlen(pairs[i].text);
        assert_true(admin_request_is_whole(pairs[i].text, bytes));
        for (size_t part = 0; part < bytes; part++) {
            assert_false(admin_request_is_whole(pairs[i].text, part));
            expect_refusal(pairs[i].text, part);
        }
    }
}

static void the_longest_request_fits(void **state)
{
    (void)state;
    char text[ADMIN_REQUEST_BYTES_MAX];
    struct admin_request request = {.command = ADMIN_OPEN,
                                    .closes_at_ms = CLOSES_AT_MS,
                                    .has_number = true,
                                    .number = UINT32_MAX,
                                    .abandon = true};
    struct admin_request again;
    struct failure failure = {.text = ""};
    memset(request.draw, 'd', sizeof request.draw - 1);
    memset(request.agencies, '1', sizeof request.agencies - 1);
    memset(request.centres, 'A', sizeof request.centres - 1);
    memset(request.reason, 'r', sizeof request.reason - 1);
    size_t bytes = admin_request_write(&request, text);
    assert_true(bytes < sizeof text);
    assert_true(admin_request_parse(text, bytes, &again, &failure));
    assert_true(are_equal(&request, &again));
    /* Of no command, but written all the same. */
    memset(request.without, '1', sizeof request.without - 1);
    memset(request.seal, 'a', sizeof request.seal - 1);
    assert_true(admin_request_write(&request, text) < sizeof text);
    expect_refusal(text, strlen(text));
}

static void every_other_text_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "", "\n", "\n\n", "shut\n\n", "Close\n\n", " close\n\n", "close \n\n", "close now\n\n",
        "close\r\n\r\n", "close\n\n\n", "close\n\nx", "close\n", "close",
        /* lines of another command, twice, unknown, in another order */
        ("close\nseal " SEAL "\n\n"), "close\nnumber 1\n\n", "close\nagencies 1\n\n",
        "close\nabandon\n\n", "close\ncloses 2026-12-05T20:00:00.000Z\n\n",
        "close\nwithout 1\nwithout 1\n\n", "close\nreason a\nwithout 1\n\n", "close\nwhy a\n\n",
        "close\nwithout\n\n", "close\nwithout \n\n", "close\nreason a\tb\n\n",
        "close\nreason a\x1b[2Jb\n\n",
        /* what is missing */
        "draw\n\n", "draw\nnumber 1\n\n", ("draw\nseal " SEAL "\n\n"), "open\n\n", "open \n\n",
        "close-centre\n\n", "close-centre\ncentre B\n\n", "close-centre\nreason a\n\n",
        "close-centre B\nreason a\n\n", "close-centre\ncentre B\nreason a\n\n",
        "close-centre\nreason a\ncentre B.1\n\n", "close-centre\nnumber 1\nreason a\ncentre B\n\n",
        "close\nreason a\ncentre B\n\n",
        /* what is no such value */
        ("draw\nnumber 4294967296\nseal " SEAL "\n\n"), ("draw\nnumber -1\nseal " SEAL "\n\n"),
        ("draw\nnumber 01\nseal " SEAL "\n\n"), ("draw\nnumber +1\nseal " SEAL "\n\n"),
        ("draw\nnumber \nseal " SEAL "\n\n"), ("draw\nnumber x\nseal " SEAL "\n\n"),
        ("draw\nnumber 1\nseal " SEAL "0\n\n"), ("draw W47\nnumber 1\nseal " SEAL "\n\n"),
        ("draw\nnumber 1\nseal " SEAL "\nabandon\n\n"), "open ../x\n\n", "open .\n\n",
        "open a b\n\n", "open a/b\n\n", "open -a\n\n", "open  a\n\n", "opena\n\n",
        "open 123456789012345678901234567890123\n\n", "open a\ncloses tomorrow\n\n",
        "open a\ncloses 2026-12-05T20:00:00Z\n\n", "open a\ncloses 2026-13-05T20:00:00.000Z\n\n",
        "open a\nabandon yes\n\n", "open a\nreason b\n\n", "open a\nwithout 1\n\n",
        "open a\nnumber 1\nagencies 1\n\n", ("open a\nseal " SEAL "\n\n"), "open a\nagencies \n\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_refusal(wrong[i], strlen(wrong[i]));
    }
}

static void a_text_with_a_nul_is_refused(void **state)
{
    (void)state;
    static const char in_the_reason[] = "close\nreason a\0b\n\n";
    static const char in_the_name[] = "open a\0b\n\n";
    static const char after_the_command[] = "close\0\n\n";
    expect_refusal(in_the_reason, sizeof in_the_reason - 1);
    expect_refusal(in_the_name, sizeof in_the_name - 1);
    expect_refusal(after_the_command, sizeof after_the_command - 1);
}

static void a_value_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[ADMIN_REQUEST_BYTES_MAX];
    char reason[CONTROL_REASON_BYTES + 1];
    struct admin_request request;
    struct failure failure;
    memset(reason, 'r', sizeof reason);
    for (int bytes = CONTROL_REASON_BYTES - 1; bytes <= CONTROL_REASON_BYTES; bytes++) {
        int used = snprintf(text, sizeof text, "close\nreason %.*s\n\n", bytes, reason);
        assert_int_equal(admin_request_parse(text, (size_t)used, &request, &failure),
                         bytes < CONTROL_REASON_BYTES);
    }
}

/* One byte of a good request is another one: it is refused, or is a good one itself. */
static void no_change_of_a_byte_goes_unseen(void **state)
{
    (void)state;
    enum { BYTE_VALUES = 256 };
    for (size_t i = 0; i < PAIRS; i++) {
        size_t bytes = strlen(pairs[i].text);
        for (size_t at = 0; at < bytes; at++) {
            for (int value = 0; value < BYTE_VALUES; value++) {
                char text[ADMIN_REQUEST_BYTES_MAX];
                struct admin_request request;
                struct failure failure;
                memcpy(text, pairs[i].text, bytes);
                text[at] = (char)value;
                if (admin_request_parse(text, bytes, &request, &failure)) {
                    char again[ADMIN_REQUEST_BYTES_MAX];
                    assert_int_equal(admin_request_write(&request, again), bytes);
                    assert_memory_equal(again, text, bytes);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written_and_read),
        cmocka_unit_test(commands_have_names),
        cmocka_unit_test(a_request_is_whole_with_its_empty_line),
        cmocka_unit_test(the_longest_request_fits),
        cmocka_unit_test(every_other_text_is_refused),
        cmocka_unit_test(a_text_with_a_nul_is_refused),
        cmocka_unit_test(a_value_that_is_too_long_is_refused),
        cmocka_unit_test(no_change_of_a_byte_goes_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
