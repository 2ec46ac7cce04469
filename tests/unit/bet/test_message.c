/*
 * test_message.c - every dialect, in one piece and cut at every place, and
 * streams of nonsense against a reading that starts from the first byte each time.
 */
#include "bet/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { STREAM_BYTES_MAX = 512, STREAMS = 100000 };

#define ROW "Santiago Lionel,Lorca,30904465,1999-03-17,2201\n"

#define SIXTEEN    "0123456789abcdef"
#define SIXTY_FOUR SIXTEEN SIXTEEN SIXTEEN SIXTEEN

/* A message, and what it says. */
struct example {
    const char *text;
    bool single;
    enum message_frame frame;
    enum message_type type;
    enum message_dialect dialect;
    bool from_server;
    uint32_t sender;
    const char *body;
};

static const struct example examples[] = {
    {"1:4:" ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, ROW},
    {"1:4:" ROW ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, ROW ROW},
    {"1:4:a,b\n\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, "a,b\n"},
    {"1:4:\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, ""},
    {"1:4\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, ""},
    {"1:4:x\ry\nz\n\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1,
     "x\ry\nz\n"},
    {"1:4:x:y\n\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_CODE, false, 1, "x:y\n"},
    {"4294967295:5\r\n", false, MESSAGE_WHOLE, MESSAGE_DONE, MESSAGE_BY_CODE, false, 4294967295U,
     ""},
    {"0:6\r\n", false, MESSAGE_WHOLE, MESSAGE_REQUEST, MESSAGE_BY_CODE, false, 0, ""},
    {"7:6:\r\n", false, MESSAGE_WHOLE, MESSAGE_REQUEST, MESSAGE_BY_CODE, false, 7, ""},
    {"12:7\r\n", false, MESSAGE_WHOLE, MESSAGE_STATUS, MESSAGE_BY_CODE, false, 12, ""},
    {"12:7\n", false, MESSAGE_WHOLE, MESSAGE_STATUS, MESSAGE_BY_CODE, false, 12, ""},
    {"12:7:2026-W48\r\n", false, MESSAGE_WHOLE, MESSAGE_STATUS, MESSAGE_BY_CODE, false, 12,
     "2026-W48"},
    {"12:status:*\r\n", false, MESSAGE_WHOLE, MESSAGE_STATUS, MESSAGE_BY_NAME, false, 12, "*"},
    {"1:request:../x\r\n", false, MESSAGE_WHOLE, MESSAGE_REQUEST, MESSAGE_BY_NAME, false, 1,
     "../x"},
    {"1:9:900\r\n", false, MESSAGE_WHOLE, MESSAGE_PREFIX, MESSAGE_BY_CODE, false, 1, "900"},
    {"1:done\r\n", false, MESSAGE_WHOLE, MESSAGE_DONE, MESSAGE_BY_NAME, false, 1, ""},
    {"1:Done\n", false, MESSAGE_WHOLE, MESSAGE_DONE, MESSAGE_BY_NAME, false, 1, ""},
    {"1:BET:" ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_NAME, false, 1, ROW},
    {"1:bEt:" ROW "\r\n", true, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_BY_NAME, false, 1, ROW},
    {"1:request\r\n", false, MESSAGE_WHOLE, MESSAGE_REQUEST, MESSAGE_BY_NAME, false, 1, ""},
    {"1:" ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_BATCH, false, 1, ROW},
    {"1:" ROW ROW ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_BATCH, false, 1,
     ROW ROW ROW},
    {"1:a,b\n\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_BATCH, false, 1, "a,b\n"},
    {"1:a,b:c\n\r\n", false, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_BATCH, false, 1,
     "a,b:c\n"},
    {"1:a,b\n", true, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_SINGLE, false, 1, "a,b"},
    {"1:a,b\r\n", true, MESSAGE_WHOLE, MESSAGE_BET, MESSAGE_UNTYPED_SINGLE, false, 1, "a,b"},
    {"server:0\r\n", false, MESSAGE_WHOLE, MESSAGE_ACK, MESSAGE_BY_CODE, true, 0, ""},
    {"server:0\n", false, MESSAGE_WHOLE, MESSAGE_ACK, MESSAGE_BY_CODE, true, 0, ""},
    {"server:1\r\n", false, MESSAGE_WHOLE, MESSAGE_ERROR, MESSAGE_BY_CODE, true, 0, ""},
    {"server:1:row 2: a, b\r\n", false, MESSAGE_WHOLE, MESSAGE_ERROR, MESSAGE_BY_CODE, true, 0,
     "row 2: a, b"},
    {"server:ERROR:no\r\n", false, MESSAGE_WHOLE, MESSAGE_ERROR, MESSAGE_BY_NAME, true, 0, "no"},
    {"server:WAIT\r\n", false, MESSAGE_WHOLE, MESSAGE_WAIT, MESSAGE_BY_NAME, true, 0, ""},
    {"server:3:1," ROW "\r\n", false, MESSAGE_WHOLE, MESSAGE_WINNERS, MESSAGE_BY_CODE, true, 0,
     "1," ROW},
    {"server:8:5,open\r\n", false, MESSAGE_WHOLE, MESSAGE_STATE, MESSAGE_BY_CODE, true, 0,
     "5,open"},
    {"test\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0, "test\n"},
    {"\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0, "\n"},
    {"a,b,c\n", true, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0, "a,b,c\n"},
    {"test\r\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0, "test\r\n"},
    {"\r\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0, "\r\n"},
    {"[CLIENT 1] Message N°1\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0,
     "[CLIENT 1] Message N°1\n"},
    {SIXTY_FOUR "\n", false, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0,
     SIXTY_FOUR "\n"},
    {SIXTY_FOUR "\r\n", true, MESSAGE_PROBE, MESSAGE_ERROR, MESSAGE_BY_CODE, false, 0,
     SIXTY_FOUR "\r\n"},
    {.text = SIXTY_FOUR "x\n", .frame = MESSAGE_MALFORMED},
    {.text = SIXTY_FOUR "x\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "a\tb\n", .frame = MESSAGE_MALFORMED},
    {.text = "a\rb\n", .frame = MESSAGE_MALFORMED},
    {.text = "a\r\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "\xff\n", .frame = MESSAGE_MALFORMED},
    {.text = ROW, .frame = MESSAGE_MALFORMED},
    {.text = "1," ROW, .single = true, .frame = MESSAGE_MALFORMED},
    {.text = "1:4:a,b\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:4:" ROW "a,b\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:bet:a,b\r\n", .single = true, .frame = MESSAGE_MALFORMED},
    {.text = "1:4:x\r\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:a,b\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:a,b\nc,d\r\n", .frame = MESSAGE_MALFORMED},
    {.text = ":5\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "x:5\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "-1:5\r\n", .frame = MESSAGE_MALFORMED},
    {.text = " 1:5\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "servers:0\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "serve:0\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "4294967296:5\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:\n", .frame = MESSAGE_MALFORMED},
    {.text = "1::\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:10\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:5 \r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:4294967300\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:-1\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:dones\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:don\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:5:body\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:wait:body\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:0:body\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "1:nonsense:" ROW ROW "\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "x:" ROW ROW "\r\n", .frame = MESSAGE_MALFORMED},
    {.text = "x:" ROW, .single = true, .frame = MESSAGE_MALFORMED},
};

enum { EXAMPLES = sizeof examples / sizeof examples[0] };

/* The same bytes in memory of exactly that size, for AddressSanitizer; the caller's. */
static char *exact_copy(const char *bytes, size_t count)
{
    char *copy = malloc(count > 0 ? count : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, count);
    return copy;
}

static enum message_frame parse_whole(const char *buffer, size_t bytes, bool single,
                                      struct message *message)
{
    size_t scanned = 0;
    enum message_frame frame = message_parse(buffer, bytes, single, &scanned, message);
    assert_true(frame == MESSAGE_INCOMPLETE || scanned == 0);
    return frame;
}

static void expect_example(const struct example *example, enum message_frame frame,
                           const struct message *message, const char *buffer)
{
    if (frame != example->frame) {
        fail_msg("frame %d of '%s'", (int)frame, example->text);
    }
    assert_int_equal(message->bytes, strlen(example->text));
    if (frame == MESSAGE_MALFORMED) {
        assert_non_null(message->fault);
        return;
    }
    assert_null(message->fault);
    assert_int_equal(message->body_bytes, strlen(example->body));
    assert_memory_equal(message->body, example->body, message->body_bytes);
    assert_true(message->body >= buffer &&
                message->body + message->body_bytes <= buffer + message->bytes);
    if (frame == MESSAGE_WHOLE) {
        assert_int_equal(message->type, example->type);
        assert_int_equal(message->dialect, example->dialect);
        assert_int_equal(message->from_server, example->from_server);
        assert_int_equal(message->from_agency, !example->from_server);
        assert_int_equal(message->sender, example->sender);
    }
}

static void every_dialect_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        struct message message;
        char *buffer = exact_copy(examples[i].text, strlen(examples[i].text));
        enum message_frame frame =
            parse_whole(buffer, strlen(examples[i].text), examples[i].single, &message);
        expect_example(&examples[i], frame, &message, buffer);
        free(buffer);
    }
}

static void a_message_in_two_pieces_is_the_same_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const struct example *example = &examples[i];
        size_t bytes = strlen(example->text);
        for (size_t cut = 0; cut < bytes; cut++) {
            struct message message;
            size_t scanned = 0;
            char *first = exact_copy(example->text, cut);
            char *both = exact_copy(example->text, bytes); /* the buffer may move in between */
            assert_int_equal(message_parse(first, cut, example->single, &scanned, &message),
                             MESSAGE_INCOMPLETE);
            free(first);
            assert_in_range(scanned, 0, cut);
            enum message_frame frame =
                message_parse(both, bytes, example->single, &scanned, &message);
            expect_example(example, frame, &message, both);
            assert_int_equal(scanned, 0);
            free(both);
        }
    }
}

static void a_message_byte_by_byte_is_the_same_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        const struct example *example = &examples[i];
        size_t bytes = strlen(example->text);
        size_t scanned = 0;
        struct message message;
        for (size_t there = 0; there < bytes; there++) {
            assert_int_equal(
                message_parse(example->text, there, example->single, &scanned, &message),
                MESSAGE_INCOMPLETE);
        }
        enum message_frame frame =
            message_parse(example->text, bytes, example->single, &scanned, &message);
        expect_example(example, frame, &message, example->text);
    }
}

static void what_was_looked_at_in_vain_is_not_looked_at_again(void **state)
{
    (void)state;
    char buffer[] = "1:4:a,b,1,2000-01-01,1\nc,d,1,2000-01-01,1\n";
    size_t bytes = sizeof buffer - 1;
    size_t scanned = 0;
    struct message message;
    assert_int_equal(message_parse(buffer, bytes, false, &scanned, &message), MESSAGE_INCOMPLETE);
    assert_int_equal(scanned, bytes - 1); /* the last byte may be a CR */
}

static void messages_one_behind_the_other_are_taken_one_by_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXAMPLES; i++) {
        for (size_t j = 0; j < EXAMPLES; j++) {
            char buffer[STREAM_BYTES_MAX];
            struct message message;
            if (examples[i].single != examples[j].single) {
                continue;
            }
            int bytes = snprintf(buffer, sizeof buffer, "%s%s", examples[i].text, examples[j].text);
            enum message_frame frame =
                parse_whole(buffer, (size_t)bytes, examples[i].single, &message);
            expect_example(&examples[i], frame, &message, buffer);
            const char *next = buffer + message.bytes;
            frame = parse_whole(next, (size_t)bytes - message.bytes, examples[j].single, &message);
            expect_example(&examples[j], frame, &message, next);
        }
    }
}

static void a_line_that_looks_like_a_bet_is_told_from_other_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool bare_bet;
    } lines[] = {
        {ROW, true},
        {"1," ROW, true},
        {",,,,\r\n", true},
        {"\xff,,,,\n", true},
        {"a,b,c,d\n", false},
        {SIXTY_FOUR "x\n", false},
        {"1:4:a,b\r\n", false},
        {"1:" ROW "\r\n", false},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct message message;
        (void)parse_whole(lines[i].line, strlen(lines[i].line), false, &message);
        assert_int_equal(message.bare_bet, lines[i].bare_bet);
    }
}

static void a_batch_with_windows_line_ends_has_no_whole_message_in_it(void **state)
{
    (void)state;
    static const char row[] = "Ana,Paz,11111111,1980-01-31,1\r\n";
    static const char *const heads[] = {"1:4:", "1:bet:", "1:"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char batch[STREAM_BYTES_MAX];
        int bytes = snprintf(batch, sizeof batch, "%s%s%s%s\r\n", heads[i], row, row, row);
        struct message message;
        for (const char *at = batch; at < batch + bytes; at += message.bytes) {
            enum message_frame frame =
                parse_whole(at, (size_t)(batch + bytes - at), false, &message);
            /* The empty line at the end: a probe, were it the first thing on its connection. */
            assert_int_equal(frame, *at == '\r' ? MESSAGE_PROBE : MESSAGE_MALFORMED);
        }
    }
}

static void one_whole_untyped_row_is_told_from_the_start_of_anything_else(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_row;
    } starts[] = {
        {"1:" ROW, true},    {"x:a,b\n", true}, {"1:" ROW ROW, false}, {"1:a,b", false},
        {"1:4:" ROW, false}, {ROW, false},      {"1:4:a", false},      {"", false},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        assert_int_equal(message_is_untyped_row(starts[i].text, strlen(starts[i].text)),
                         starts[i].is_row);
    }
}

/* --------------------------------------------------------------- streams ---- */

/* Where the first message ends, read byte by byte; 0 where it has not ended. */
static size_t end_slowly(const char *text, size_t bytes, bool single)
{
    size_t colons = 0;
    bool comma_in_type = false;
    for (size_t i = 0; i < bytes; i++) {
        bool crlf = i > 0 && text[i] == '\n' && text[i - 1] == '\r';
        if (crlf) {
            return i + 1;
        }
        if (text[i] == '\n') { /* a bare one: the end of the first line */
            bool line_is_message =
                colons == 0 || (colons == 1 && !comma_in_type) || (comma_in_type && single);
            for (; !line_is_message && i < bytes; i++) {
                if (i > 0 && text[i] == '\n' && text[i - 1] == '\r') {
                    return i + 1;
                }
            }
            return line_is_message ? i + 1 : 0;
        }
        colons += text[i] == ':' ? 1 : 0;
        comma_in_type |= text[i] == ',' && colons == 1;
    }
    return 0;
}

static void streams_of_nonsense_are_cut_as_by_the_slow_reckoning(void **state)
{
    (void)state;
    static const char likely[] = "1:,\r\n\n:4a\r1";
    unsigned seed = 1;
    for (int i = 0; i < STREAMS; i++) {
        char text[32];
        struct message message;
        struct message again;
        size_t scanned = 0;
        size_t bytes = (unsigned)rand_r(&seed) % sizeof text;
        bool single = rand_r(&seed) % 2 == 0;
        for (size_t at = 0; at < bytes; at++) {
            text[at] = likely[(unsigned)rand_r(&seed) % (sizeof likely - 1)];
        }
        size_t end = end_slowly(text, bytes, single);
        enum message_frame frame = parse_whole(text, bytes, single, &message);
        assert_int_equal(frame == MESSAGE_INCOMPLETE, end == 0);
        assert_true(end == 0 || message.bytes == end);
        for (size_t there = 0; there < end; there++) {
            assert_int_equal(message_parse(text, there, single, &scanned, &again),
                             MESSAGE_INCOMPLETE);
        }
        if (end != 0) {
            assert_int_equal(message_parse(text, bytes, single, &scanned, &again), frame);
            assert_int_equal(again.bytes, message.bytes);
            assert_ptr_equal(again.body, message.body);
            assert_int_equal(again.body_bytes, message.body_bytes);
            assert_int_equal(again.type, message.type);
        }
    }
}

/* --------------------------------------------------------------- answers ---- */

static void expect_written(const char *out, size_t bytes, const char *expected)
{
    assert_int_equal(bytes, strlen(expected));
    assert_memory_equal(out, expected, bytes);
}

static void answers_are_written_in_the_dialect_of_the_question(void **state)
{
    (void)state;
    static const struct {
        enum message_type type;
        enum message_dialect dialect;
        bool with_body;
        const char *text;
    } answers[] = {
        {MESSAGE_ACK, MESSAGE_BY_CODE, false, "server:0\r\n"},
        {MESSAGE_ERROR, MESSAGE_BY_CODE, false, "server:1\r\n"},
        {MESSAGE_WINNERS, MESSAGE_BY_CODE, true, "server:3:"},
        {MESSAGE_WAIT, MESSAGE_BY_NAME, false, "server:WAIT\r\n"},
        {MESSAGE_STATE, MESSAGE_BY_NAME, true, "server:STATE:"},
        {MESSAGE_ACK, MESSAGE_UNTYPED_BATCH, false, "server:0\n"},
        {MESSAGE_ERROR, MESSAGE_UNTYPED_SINGLE, false, "server:1\n"},
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        char out[MESSAGE_HEADER_BYTES_MAX];
        size_t bytes =
            message_write_answer(out, answers[i].type, answers[i].dialect, answers[i].with_body);
        expect_written(out, bytes, answers[i].text);
    }
}

static void every_answer_fits_and_is_understood(void **state)
{
    (void)state;
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        for (int dialect = 0; dialect <= MESSAGE_UNTYPED_SINGLE; dialect++) {
            char out[MESSAGE_HEADER_BYTES_MAX];
            struct message message;
            size_t bytes = message_write_answer(out, (enum message_type)type,
                                                (enum message_dialect)dialect, false);
            assert_int_equal(parse_whole(out, bytes, false, &message), MESSAGE_WHOLE);
            assert_int_equal(message.type, type);
            assert_true(message.from_server);
            assert_int_equal(message.bytes, bytes);
        }
    }
}

static void an_agency_writes_by_code(void **state)
{
    (void)state;
    char out[MESSAGE_HEADER_BYTES_MAX];
    expect_written(out, message_write_from_agency(out, 1, MESSAGE_BET, true), "1:4:");
    expect_written(out, message_write_from_agency(out, 4294967295U, MESSAGE_DONE, false),
                   "4294967295:5\r\n");
}

/* -------------------------------------------------------- names and reasons ---- */

static void a_draws_name_is_a_files_name_of_plain_characters(void **state)
{
    (void)state;
    static const char *const good[] = {"1", "2026-W48", "a._-", "Z",
                                       "01234567890123456789012345678901"};
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "-a",
                                      "_a",
                                      "a/b",
                                      "a b",
                                      "a\n",
                                      "\xc3\xb1",
                                      "*",
                                      "a,b",
                                      "a:b",
                                      "012345678901234567890123456789012"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(message_is_draw_name(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(message_is_draw_name(bad[i], strlen(bad[i])));
    }
    assert_false(message_is_draw_name("a\0", 2));
}

/* Writes an ERROR with this reason, parses it, and expects to read that. */
static void expect_reason(uint64_t row, const char *written, const char *expected)
{
    char text[MESSAGE_HEADER_BYTES_MAX + MESSAGE_REASON_BYTES_MAX + sizeof MESSAGE_END];
    char reason[MESSAGE_REASON_BYTES_MAX + 1];
    struct message message;
    size_t bytes = message_write_answer(text, MESSAGE_ERROR, MESSAGE_BY_NAME, true);
    bytes += message_write_reason(text + bytes, row, written);
    assert_int_equal(parse_whole(text, bytes, false, &message), MESSAGE_WHOLE);
    assert_int_equal(message.type, MESSAGE_ERROR);
    assert_int_equal(message.bytes, bytes);
    message_read_reason(&message, reason);
    assert_string_equal(reason, expected);
}

static void a_reason_is_clean_and_of_bounded_length(void **state)
{
    (void)state;
    char longest[MESSAGE_REASON_BYTES_MAX + 2];
    char cut[MESSAGE_REASON_BYTES_MAX + 1];
    expect_reason(0, "no such day", "no such day");
    expect_reason(2, "no such day", "row 2: no such day");
    expect_reason(0, "a\rb\nc\xff", "a?b?c?");
    expect_reason(0, "", "");
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    memcpy(cut, longest, sizeof cut);
    cut[sizeof cut - 1] = '\0';
    expect_reason(0, longest, cut);
    memcpy(cut + MESSAGE_REASON_BYTES_MAX - 1, "?", sizeof "?");
    memcpy(longest + MESSAGE_REASON_BYTES_MAX - 1, "\xc3\xb1", sizeof "\xc3\xb1" - 1);
    expect_reason(0, longest, cut); /* not half a letter */
}

/* A server that is not ours may send anything. */
static void what_comes_as_a_reason_is_made_clean(void **state)
{
    (void)state;
    static const char text[] = "server:1:\x1b[31m\n\xff\0\r\n";
    char reason[MESSAGE_REASON_BYTES_MAX + 1];
    struct message message;
    assert_int_equal(parse_whole(text, sizeof text - 1, false, &message), MESSAGE_WHOLE);
    message_read_reason(&message, reason);
    assert_string_equal(reason, "?[31m???");
    assert_int_equal(parse_whole("server:1\r\n", 10, false, &message), MESSAGE_WHOLE);
    message_read_reason(&message, reason);
    assert_string_equal(reason, "");
}

static void every_type_has_its_code_and_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"ACK",  "ERROR",   "WAIT",   "WINNERS", "BET",
                                        "DONE", "REQUEST", "STATUS", "STATE",   "PREFIX"};
    assert_int_equal(MESSAGE_TYPES, sizeof names / sizeof names[0]);
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        assert_string_equal(message_type_name((enum message_type)type), names[type]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dialect_is_understood),
        cmocka_unit_test(a_message_in_two_pieces_is_the_same_message),
        cmocka_unit_test(a_message_byte_by_byte_is_the_same_message),
        cmocka_unit_test(what_was_looked_at_in_vain_is_not_looked_at_again),
        cmocka_unit_test(messages_one_behind_the_other_are_taken_one_by_one),
        cmocka_unit_test(a_line_that_looks_like_a_bet_is_told_from_other_nonsense),
        cmocka_unit_test(a_batch_with_windows_line_ends_has_no_whole_message_in_it),
        cmocka_unit_test(one_whole_untyped_row_is_told_from_the_start_of_anything_else),
        cmocka_unit_test(streams_of_nonsense_are_cut_as_by_the_slow_reckoning),
        cmocka_unit_test(answers_are_written_in_the_dialect_of_the_question),
        cmocka_unit_test(every_answer_fits_and_is_understood),
        cmocka_unit_test(an_agency_writes_by_code),
        cmocka_unit_test(a_draws_name_is_a_files_name_of_plain_characters),
        cmocka_unit_test(a_reason_is_clean_and_of_bounded_length),
        cmocka_unit_test(what_comes_as_a_reason_is_made_clean),
        cmocka_unit_test(every_type_has_its_code_and_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
