/*
 * test_byte_search.c - byte_search finds what memmem finds, on every kind of processor.
 *
 * Each test goes through both ways: the one that this processor takes, and the
 * one of those that can do no more than they have to.
 */
#include "lib/byte_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_BYTES = 700 }; /* several blocks of every width, and what is left of one */

typedef const char *search_function(const char *text, size_t bytes, const char *needle,
                                    size_t needle_bytes);
typedef size_t count_function(const char *text, size_t bytes, char byte);

static search_function *const searches[] = {byte_search, byte_search_portable};
static count_function *const counts[] = {byte_count, byte_count_portable};
enum { WAYS = sizeof searches / sizeof searches[0] };

static void a_needle_is_found_at_every_place(void **state)
{
    (void)state;
    static const char needle[] = {'7', '5', '7', '4', '\r', '\n'};
    char text[TEXT_BYTES];
    for (size_t place = 0; place + sizeof needle <= sizeof text; place++) {
        memset(text, '7', sizeof text);
        memcpy(text + place, needle, sizeof needle);
        for (int way = 0; way < WAYS; way++) {
            assert_ptr_equal(searches[way](text, sizeof text, needle, sizeof needle), text + place);
        }
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    memset(text, '7', sizeof text);
    for (int way = 0; way < WAYS; way++) {
        assert_null(searches[way](text, sizeof text, "7574\r\n", 6));
        assert_null(searches[way](text, 0, "7", 1));
        assert_null(searches[way]("757", 3, "7574", 4));
    }
}

static void a_needle_that_ends_behind_the_text_is_not_found(void **state)
{
    (void)state;
    char text[TEXT_BYTES];
    memset(text, '9', sizeof text);
    text[sizeof text - 2] = '\r';
    text[sizeof text - 1] = '\n';
    for (int way = 0; way < WAYS; way++) {
        assert_null(searches[way](text, sizeof text - 1, "9\r\n", 3));
        assert_ptr_equal(searches[way](text, sizeof text, "9\r\n", 3), text + sizeof text - 3);
    }
}

static void random_texts_of_few_letters_give_what_memmem_gives(void **state)
{
    (void)state;
    unsigned seed = 20261123;
    for (int round = 0; round < 20000; round++) {
        char text[TEXT_BYTES];
        char needle[7]; /* so long that most are somewhere in a text, and not at its start */
        size_t bytes = (size_t)rand_r(&seed) % sizeof text;
        size_t needle_bytes = 1 + (size_t)rand_r(&seed) % sizeof needle;
        for (size_t i = 0; i < bytes; i++) {
            text[i] = (char)('a' + rand_r(&seed) % 3);
        }
        for (size_t i = 0; i < needle_bytes; i++) {
            needle[i] = (char)('a' + rand_r(&seed) % 3);
        }
        for (int way = 0; way < WAYS; way++) {
            assert_ptr_equal(searches[way](text, bytes, needle, needle_bytes),
                             memmem(text, bytes, needle, needle_bytes));
        }
    }
}

static void as_many_bytes_are_counted_as_there_are(void **state)
{
    (void)state;
    enum { BYTES = 20000 }; /* more than all counters hold at once */
    static char text[BYTES];
    unsigned seed = 20261125;
    size_t expected = 0;
    for (size_t i = 0; i < BYTES; i++) {
        text[i] = (char)(rand_r(&seed) % 3 == 0 ? '\n' : 'x');
        expected += text[i] == '\n' ? 1 : 0;
        assert_int_equal(byte_count(text, i + 1, '\n'), expected);
        assert_int_equal(byte_count_portable(text, i + 1, '\n'), expected);
    }
    memset(text, (char)0xff, sizeof text);
    for (int way = 0; way < WAYS; way++) {
        assert_int_equal(counts[way](text, sizeof text, (char)0xff), BYTES);
        assert_int_equal(counts[way](text + 1, sizeof text - 1, '\n'), 0);
        assert_int_equal(counts[way](text, 0, (char)0xff), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_needle_is_found_at_every_place),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(a_needle_that_ends_behind_the_text_is_not_found),
        cmocka_unit_test(as_many_bytes_are_counted_as_there_are),
        cmocka_unit_test(random_texts_of_few_letters_give_what_memmem_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
