/*
 * test_record.c - a record is read as it was written, or refused: whatever is wrong with a header or byte.
 */
#include "engine/record.h"

#include "lib/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define IDENTITY "00112233445566778899aabbccddeeff"
#define ROWS     "1,Ana,Paz,30904465,1999-03-17,2201\r\n2,Eva,Sol,1,1990-01-01,7\r\n"

static struct failure failure;

/* A message, and what its record is made of: a test changes one thing. */
struct written {
    struct record record;
    struct engine_message message;
};

/* One of each kind; no two numbers are the same, so that none can be taken for another. */
static void write_one(struct written *written, enum record_kind kind)
{
    struct record *record = &written->record;
    memset(written, 0, sizeof *written);
    *record =
        (struct record){.kind = kind, .identity = IDENTITY, .epoch = 7, .node = "host-1.x-0a"};
    assert_true(record_make_nonce(record->nonce, &failure));
    switch (kind) {
    case RECORD_BETS:
    case RECORD_DONE:
        record->offset = UINT64_C(1) << 40;
        record->rows = 2;
        record->bytes = ROWS;
        record->length = strlen(ROWS);
        break;
    case RECORD_FILE:
        (void)snprintf(record->name, sizeof record->name, "seal.json");
        record->bytes = "{}";
        record->length = 2;
        break;
    default:
        record->bets_end = 4096;
        record->done_end = 90;
        break;
    }
    written->message.sequence = 5;
    written->message.header_count = record_write(record, written->message.headers);
    written->message.bytes = record->bytes;
    written->message.count = record->length;
    record_write_subject(written->message.subject, "north", kind);
}

static char *value_of(struct written *written, const char *name)
{
    for (size_t i = 0; i < written->message.header_count; i++) {
        if (strcmp(written->message.headers[i].name, name) == 0) {
            return written->message.headers[i].value;
        }
    }
    fail_msg("there is no header %s", name);
    return NULL;
}

static void set_value(struct written *written, const char *name, const char *value)
{
    (void)snprintf(value_of(written, name), ENGINE_VALUE_BYTES, "%s", value);
}

static void expect_refused(const struct written *written, const char *why)
{
    struct record read;
    assert_false(record_read(&written->message, &read, &failure));
    if (strstr(failure.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", failure.text, why);
    }
}

static void names_are_those_of_the_centre(void **state)
{
    char name[ENGINE_SUBJECT_BYTES];
    (void)state;
    record_write_stream(name, "north");
    assert_string_equal(name, "BETS_north");
    record_write_subject(name, "north", RECORD_CLAIM);
    assert_string_equal(name, "lottery.north.claim");
    record_write_alive(name, "north");
    assert_string_equal(name, "lottery.north.alive");
    assert_true(record_is_centre("North-1"));
    assert_true(record_is_centre("12345678901234567890123456789012"));
    const char *wrong[] = {"", "a.b", "a b", "a*", "ñ", "123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(record_is_centre(wrong[i]));
    }
}

static void a_record_of_each_kind_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        struct written written;
        struct record read;
        write_one(&written, (enum record_kind)kind);
        assert_true(record_read(&written.message, &read, &failure));
        assert_int_equal(read.kind, kind);
        assert_string_equal(read.identity, written.record.identity);
        assert_int_equal(read.epoch, written.record.epoch);
        assert_string_equal(read.node, written.record.node);
        assert_string_equal(read.nonce, written.record.nonce);
        assert_int_equal(read.offset, written.record.offset);
        assert_int_equal(read.rows, written.record.rows);
        assert_string_equal(read.name, written.record.name);
        assert_int_equal(read.bets_end, written.record.bets_end);
        assert_int_equal(read.done_end, written.record.done_end);
        assert_int_equal(read.length, written.record.length);
        assert_int_equal(read.crc32c, written.record.crc32c);
        assert_ptr_equal(read.bytes, written.message.bytes);
        assert_string_equal(record_nonce_of(&written.message), written.record.nonce);
    }
}

static void headers_are_text_that_anybody_can_read(void **state)
{
    struct written written;
    char crc[ENGINE_VALUE_BYTES];
    (void)state;
    write_one(&written, RECORD_BETS);
    assert_string_equal(value_of(&written, "Lottery-Offset"), "1099511627776");
    assert_string_equal(value_of(&written, "Lottery-Identity"), IDENTITY);
    (void)snprintf(crc, sizeof crc, "%08x", crc32c_extend(CRC32C_EMPTY, ROWS, strlen(ROWS)));
    assert_string_equal(value_of(&written, "Lottery-Crc32c"), crc);
}

static void each_nonce_is_another_one(void **state)
{
    char one[RECORD_NONCE_BYTES];
    char other[RECORD_NONCE_BYTES];
    (void)state;
    assert_true(record_make_nonce(one, &failure));
    assert_true(record_make_nonce(other, &failure));
    assert_int_equal(strlen(one), RECORD_NONCE_BYTES - 1);
    assert_string_not_equal(one, other);
}

static void a_record_without_one_of_its_headers_is_refused(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < RECORD_KINDS; kind++) {
        struct written whole;
        write_one(&whole, (enum record_kind)kind);
        for (size_t i = 0; i < whole.message.header_count; i++) {
            struct written written = whole;
            written.message.headers[i] = written.message.headers[--written.message.header_count];
            expect_refused(&written, whole.message.headers[i].name);
        }
    }
    struct written written;
    write_one(&written, RECORD_BETS);
    written.message.header_count = 0;
    assert_null(record_nonce_of(&written.message));
}

static void a_header_that_is_malformed_is_refused(void **state)
{
    static const struct {
        enum record_kind kind;
        const char *header;
        const char *value;
    } wrong[] = {
        {RECORD_BETS, "Lottery-Identity", ""},
        {RECORD_BETS, "Lottery-Identity", "00112233445566778899aabbccddee"},
        {RECORD_BETS, "Lottery-Identity", "00112233445566778899AABBCCDDEEFF"},
        {RECORD_BETS, "Lottery-Identity", IDENTITY "0"},
        {RECORD_BETS, "Lottery-Epoch", ""},
        {RECORD_BETS, "Lottery-Epoch", "-1"},
        {RECORD_BETS, "Lottery-Epoch", "7x"},
        {RECORD_BETS, "Lottery-Epoch", "99999999999999999999"},
        {RECORD_BETS, "Lottery-Node", ""},
        {RECORD_BETS, "Lottery-Node", "two words"},
        {RECORD_BETS, "Lottery-Node", "tilde\x7f"},
        {RECORD_BETS, "Lottery-Nonce", "1"},
        {RECORD_BETS, "Lottery-Offset", "0x10"},
        {RECORD_BETS, "Lottery-Rows", "two"},
        {RECORD_BETS, "Lottery-Crc32c", "1234567"},
        {RECORD_BETS, "Lottery-Crc32c", "ABCDEF01"},
        {RECORD_FILE, "Lottery-Name", ""},
        {RECORD_FILE, "Lottery-Name", "../control"},
        {RECORD_FILE, "Lottery-Name", ".hidden"},
        {RECORD_FILE, "Lottery-Name", "a/b"},
        {RECORD_FILE, "Lottery-Name", "123456789012345678901234567890123"},
        {RECORD_CLAIM, "Lottery-Bets-End", "4k"},
        {RECORD_CLAIM, "Lottery-Done-End", " 90"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct written written;
        write_one(&written, wrong[i].kind);
        set_value(&written, wrong[i].header, wrong[i].value);
        expect_refused(&written, wrong[i].header);
    }
    struct written written;
    write_one(&written, RECORD_BETS);
    memset(value_of(&written, "Lottery-Node"), 'a', RECORD_NODE_BYTES);
    expect_refused(&written, "Lottery-Node");
}

static void bytes_that_are_not_those_of_the_headers_are_refused(void **state)
{
    struct written written;
    (void)state;
    write_one(&written, RECORD_BETS);
    written.message.count--;
    expect_refused(&written, "bytes and tells of");
    for (size_t i = 0; i < strlen(ROWS); i++) {
        char bytes[] = ROWS;
        bytes[i] = (char)(bytes[i] ^ 1);
        write_one(&written, RECORD_BETS);
        written.message.bytes = bytes;
        expect_refused(&written, "CRC");
    }
    write_one(&written, RECORD_FILE);
    set_value(&written, "Lottery-Crc32c", "00000000");
    expect_refused(&written, "CRC");
}

/* Writes the headers anew, after the test has changed the record. */
static void write_again(struct written *written)
{
    written->message.header_count = record_write(&written->record, written->message.headers);
    written->message.bytes = written->record.bytes;
    written->message.count = written->record.length;
}

static void epochs_that_nobody_writes_in_and_strange_headers_are_refused(void **state)
{
    static const uint64_t epochs[] = {0, RECORD_EPOCH_MAX + 1};
    struct written written;
    (void)state;
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        write_one(&written, RECORD_CLAIM);
        written.record.epoch = epochs[i];
        write_again(&written);
        expect_refused(&written, "nobody has written in epoch");
    }
    write_one(&written, RECORD_BETS);
    written.message.has_strange_headers = true;
    expect_refused(&written, "too many, too long");
}

static void bets_are_whole_lines_and_a_claim_has_no_bytes(void **state)
{
    struct written written;
    (void)state;
    write_one(&written, RECORD_BETS);
    written.record.length--;
    write_again(&written);
    expect_refused(&written, "whole lines");
    written.record.length = 0;
    write_again(&written);
    expect_refused(&written, "whole lines");
    write_one(&written, RECORD_DONE);
    const uint64_t rows = written.record.rows;
    written.record.rows = 0;
    write_again(&written);
    expect_refused(&written, "and tells of 0");
    written.record.rows = rows + 1;
    write_again(&written);
    expect_refused(&written, "lines and tells of");
    write_one(&written, RECORD_CLAIM);
    written.record.bytes = "x";
    written.record.length = 1;
    write_again(&written);
    expect_refused(&written, "claim");
}

static void a_subject_of_no_record_is_refused(void **state)
{
    const char *subjects[] = {"lottery.north.alive", "lottery.north.", "bets",
                              "lottery.north.betss"};
    struct written written;
    (void)state;
    write_one(&written, RECORD_BETS);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        (void)snprintf(written.message.subject, ENGINE_SUBJECT_BYTES, "%s", subjects[i]);
        expect_refused(&written, "subject");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_the_centre),
        cmocka_unit_test(a_record_of_each_kind_is_read_as_it_was_written),
        cmocka_unit_test(headers_are_text_that_anybody_can_read),
        cmocka_unit_test(each_nonce_is_another_one),
        cmocka_unit_test(a_record_without_one_of_its_headers_is_refused),
        cmocka_unit_test(a_header_that_is_malformed_is_refused),
        cmocka_unit_test(bytes_that_are_not_those_of_the_headers_are_refused),
        cmocka_unit_test(epochs_that_nobody_writes_in_and_strange_headers_are_refused),
        cmocka_unit_test(bets_are_whole_lines_and_a_claim_has_no_bytes),
        cmocka_unit_test(a_subject_of_no_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
