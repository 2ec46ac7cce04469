/*
 * test_text.c - which bytes are text, against a decoder that looks at one
 * code point at a time.
 */
#include "lib/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum {
    AROUND_BYTES = 24, /* three of the words that plain text is looked at in */
    CHARACTER_BYTES_MAX = 4,
    CODE_POINTS = 0x110000
};

/* ----------------------------------------------------------- reckoning ---- */

static bool is_clean_code_point(uint32_t code)
{
    bool control = code <= 0x1f || (code >= 0x7f && code <= 0x9f);
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return !control && !surrogate && code < CODE_POINTS;
}

/* The only encoding of a code point (RFC 3629, section 3); returns its bytes. */
static size_t encode(uint32_t code, unsigned char *out)
{
    if (code < 0x80) {
        out[0] = (unsigned char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (unsigned char)(0x80U | (code & 0x3fU));
        code >>= 6;
    }
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (unsigned char)(marks[bytes] | code);
    return bytes;
}

/* Decodes by the lengths of the lead byte alone; right when encoding gives the same bytes again. */
static bool is_clean_slowly(const unsigned char *text, size_t bytes)
{
    while (bytes > 0) {
        size_t length = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
        if (length > bytes) {
            return false;
        }
        uint32_t code = length == 1 ? text[0] : text[0] & (0xffU >> (length + 1));
        for (size_t i = 1; i < length; i++) {
            code = code << 6 | (text[i] & 0x3fU);
        }
        unsigned char again[CHARACTER_BYTES_MAX + 1];
        if (!is_clean_code_point(code) || encode(code, again) != length ||
            memcmp(again, text, length) != 0) {
            return false;
        }
        text += length;
        bytes -= length;
    }
    return true;
}

static bool is_clean(const unsigned char *text, size_t bytes)
{
    return text_is_clean((const char *)text, bytes);
}

static void expect_reckoning(const unsigned char *text, size_t bytes)
{
    bool expected = is_clean_slowly(text, bytes);
    if (is_clean(text, bytes) != expected) {
        fail_msg("%zu bytes from 0x%02x%02x on: not %d", bytes, text[0], bytes > 1 ? text[1] : 0,
                 expected);
    }
}

/* --------------------------------------------------------------- tests ---- */

static void no_bytes_are_clean_text(void **state)
{
    (void)state;
    assert_true(text_is_clean("", 0));
}

static void every_byte_is_judged_at_every_place_of_a_text_of_every_length(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes <= AROUND_BYTES; bytes++) {
        for (size_t at = 0; at < bytes; at++) {
            for (unsigned value = 0; value <= 0xff; value++) {
                unsigned char text[AROUND_BYTES];
                memset(text, '~', sizeof text);
                text[at] = (unsigned char)value;
                assert_int_equal(is_clean(text, bytes), value >= 0x20 && value < 0x7f);
            }
        }
    }
}

static void every_code_point_is_judged_by_its_category(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < CODE_POINTS + 0x1000; code++) {
        unsigned char text[AROUND_BYTES];
        size_t before = code % 9;
        memset(text, ' ', sizeof text);
        size_t bytes = before + encode(code, text + before);
        if (is_clean(text, bytes) != is_clean_code_point(code)) {
            fail_msg("U+%04X", code);
        }
        assert_int_equal(is_clean(text, sizeof text), is_clean_code_point(code));
    }
}

static void a_character_cut_short_is_no_text(void **state)
{
    (void)state;
    for (uint32_t code = 0x80; code < CODE_POINTS; code += 0x35) {
        unsigned char text[2 * CHARACTER_BYTES_MAX] = "x";
        size_t bytes = encode(code, text + 1);
        for (size_t left = 1; left < bytes; left++) {
            assert_false(is_clean(text, 1 + left));
            text[1 + left] = 'x'; /* and what follows is no continuation */
            assert_false(is_clean(text, 2 + left));
            (void)encode(code, text + 1);
        }
    }
}

static void every_pair_of_bytes_is_judged_as_by_the_slow_reckoning(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair <= 0xffff; pair++) {
        const unsigned char text[] = {(unsigned char)(pair >> 8), (unsigned char)pair};
        expect_reckoning(text, sizeof text);
    }
}

static void longer_sequences_are_judged_as_by_the_slow_reckoning(void **state)
{
    (void)state;
    static const unsigned char edges[] = {'A',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                          0xbf, 0xc0, 0xc2, 0xe0, 0xf4, 0xff};
    enum { EDGES = sizeof edges };
    for (unsigned lead = 0x80; lead <= 0xff; lead++) {
        for (unsigned i = 0; i < 0x100 * EDGES * EDGES; i++) {
            const unsigned char text[] = {(unsigned char)lead, (unsigned char)(i / EDGES / EDGES),
                                          edges[i / EDGES % EDGES], edges[i % EDGES]};
            expect_reckoning(text, 3);
            expect_reckoning(text, 4);
        }
    }
}

static void what_keeps_a_text_from_being_clean_is_blanked_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after;
    } texts[] = {
        {"", ""},
        {"a longer text, clean", "a longer text, clean"},
        {"\n", "?"},
        {"0123456\t89abcdef\x1b", "0123456?89abcdef?"},
        {"Pe\xc3\xb1\xe9 Pe\xc3\xb1", "Pe\xc3\xb1? Pe\xc3\xb1"},
        {"\xc2\x9bx\xe6\x97", "??x??"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[32];
        size_t bytes = strlen(texts[i].before);
        memcpy(text, texts[i].before, bytes + 1);
        text_make_clean(text, bytes);
        assert_string_equal(text, texts[i].after);
        assert_true(text_is_clean(text, bytes));
    }
}

static void columns_are_characters_and_lines_end_at_words(void **state)
{
    (void)state;
    assert_int_equal(text_columns(""), 0);
    assert_int_equal(text_columns("Córdoba \xe2\x82\xac"), 9);
    assert_int_equal(text_columns("\xc3"), 1); /* cut short: a byte that is no character */
    assert_int_equal(text_prefix_bytes("ñandú", 1), 2);
    assert_int_equal(text_prefix_bytes("ñandú", 5), 7);
    assert_int_equal(text_prefix_bytes("ñandú", 9), 7);
    assert_int_equal(text_line_bytes("Córdoba awaits", 14), 15);
    assert_int_equal(text_line_bytes("Córdoba awaits", 13), 8);
    assert_int_equal(text_line_bytes("Córdoba awaits", 7), 8);
    assert_int_equal(text_line_bytes("Córdoba awaits", 2),
                     3); /* a word is broken, a character not */
}

static void a_name_is_of_letters_digits_and_what_is_allowed_beside(void **state)
{
    (void)state;
    assert_true(text_is_name("azAZ09-", 7, 7, "-"));
    assert_false(text_is_name("azAZ09-", 7, 6, "-"));
    assert_false(text_is_name("azAZ09-", 7, 7, "._"));
    assert_true(text_is_name("a,b", 1, 7, ""));
    assert_false(text_is_name("", 0, 7, "-"));
    for (int c = 0; c <= UINT8_MAX; c++) {
        const char name[] = {'n', (char)c};
        const bool fits =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
        assert_int_equal(text_is_name(name, sizeof name, sizeof name, "."), fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_are_clean_text),
        cmocka_unit_test(every_byte_is_judged_at_every_place_of_a_text_of_every_length),
        cmocka_unit_test(every_code_point_is_judged_by_its_category),
        cmocka_unit_test(a_character_cut_short_is_no_text),
        cmocka_unit_test(every_pair_of_bytes_is_judged_as_by_the_slow_reckoning),
        cmocka_unit_test(longer_sequences_are_judged_as_by_the_slow_reckoning),
        cmocka_unit_test(what_keeps_a_text_from_being_clean_is_blanked_and_nothing_else),
        cmocka_unit_test(columns_are_characters_and_lines_end_at_words),
        cmocka_unit_test(a_name_is_of_letters_digits_and_what_is_allowed_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
