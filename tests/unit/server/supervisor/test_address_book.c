/*
 * test_address_book.c - counts of addresses, the one with most strangers, and who is forgotten.
 */
#include "server/supervisor/address_book.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* after what it needs */

enum { CONNECTIONS = 64, MANY = 20000 };

static struct address_book book;

static int set_up(void **state)
{
    (void)state;
    assert_true(address_book_open(&book, CONNECTIONS));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    address_book_close(&book);
    return 0;
}

static uint32_t connect_from(uint64_t origin)
{
    uint32_t address = address_book_find(&book, origin);
    address_book_add_connection(&book, address);
    return address;
}

/* The origin that has most strangers. */
static uint64_t busiest(void)
{
    return book.entries[address_book_busiest(&book)].origin;
}

static void an_address_is_found_again(void **state)
{
    (void)state;
    for (uint64_t origin = 1; origin <= CONNECTIONS; origin++) {
        (void)connect_from(origin << 32);
    }
    for (uint64_t origin = 1; origin <= CONNECTIONS; origin++) {
        uint32_t address = address_book_find(&book, origin << 32);
        assert_int_equal(book.entries[address].connections, 1);
        assert_int_equal(book.entries[address].strangers, 1);
    }
}

static void the_busiest_address_is_the_one_with_most_strangers(void **state)
{
    (void)state;
    assert_int_equal(address_book_busiest(&book), ADDRESS_NONE);
    uint32_t first = connect_from(1);
    assert_int_equal(busiest(), 1);
    (void)connect_from(2);
    (void)connect_from(2);
    assert_int_equal(busiest(), 2);
    address_book_add_connection(&book, first);
    address_book_add_connection(&book, first);
    assert_int_equal(busiest(), 1);
    address_book_remove_stranger(&book, first); /* it has said who it is, and stays */
    address_book_remove_stranger(&book, first);
    assert_int_equal(busiest(), 2);
    assert_int_equal(book.entries[first].connections, 3);
}

/* Knuth's generator (MMIX), so that each run is the same. */
static uint32_t draw_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

/* Against a plain count of the same events. */
static void it_agrees_with_a_plain_count_at_each_step(void **state)
{
    enum { ORIGINS = 8, STEPS = 20000 };
    uint32_t counts[ORIGINS] = {0};
    uint32_t total = 0;
    (void)state;
    uint64_t random = 1;
    for (int step = 0; step < STEPS; step++) {
        uint32_t origin = draw_number(&random) % ORIGINS;
        uint32_t address = address_book_find(&book, origin);
        if (total < CONNECTIONS && draw_number(&random) % 2 == 0) {
            address_book_add_connection(&book, address);
            counts[origin]++;
            total++;
        } else if (counts[origin] > 0) {
            address_book_remove_stranger(&book, address);
            address_book_remove_connection(&book, address);
            counts[origin]--;
            total--;
        }
        uint32_t most = 0;
        for (int i = 0; i < ORIGINS; i++) {
            most = counts[i] > most ? counts[i] : most;
        }
        assert_int_equal(book.busiest, most);
        assert_true(most == 0 ? address_book_busiest(&book) == ADDRESS_NONE
                              : counts[busiest()] == most);
    }
}

static void the_address_that_is_gone_longest_is_forgotten_first(void **state)
{
    (void)state;
    uint32_t kept = connect_from(1);
    uint32_t gone = connect_from(2);
    book.entries[kept].stranger_bucket = 11;
    book.entries[gone].stranger_bucket = 22;
    address_book_remove_stranger(&book, gone);
    address_book_remove_connection(&book, gone);
    assert_int_equal(book.entries[address_book_find(&book, 2)].stranger_bucket, 22);
    for (uint64_t origin = 3; origin < MANY; origin++) {
        (void)address_book_find(&book, origin);
    }
    assert_int_equal(book.entries[address_book_find(&book, 1)].stranger_bucket, 11);
    assert_int_equal(address_book_find(&book, 1), kept);
    assert_int_equal(book.entries[address_book_find(&book, 2)].stranger_bucket, 0);
}

static void there_is_an_entry_for_each_connection_of_another_address(void **state)
{
    (void)state;
    for (uint64_t origin = 0; origin < MANY; origin++) {
        (void)address_book_find(&book, origin);
    }
    for (uint64_t origin = 0; origin < CONNECTIONS; origin++) {
        (void)connect_from(MANY + origin);
    }
    for (uint64_t origin = 0; origin < MANY; origin++) {
        (void)address_book_find(&book, origin);
    }
    for (uint64_t origin = 0; origin < CONNECTIONS; origin++) {
        assert_int_equal(book.entries[address_book_find(&book, MANY + origin)].connections, 1);
    }
}

#define ADDRESS_BOOK_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADDRESS_BOOK_TEST(an_address_is_found_again),
        ADDRESS_BOOK_TEST(the_busiest_address_is_the_one_with_most_strangers),
        ADDRESS_BOOK_TEST(it_agrees_with_a_plain_count_at_each_step),
        ADDRESS_BOOK_TEST(the_address_that_is_gone_longest_is_forgotten_first),
        ADDRESS_BOOK_TEST(there_is_an_entry_for_each_connection_of_another_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
