/*
 * test_arena.c - parts of one piece: zeros, aligned, apart, and never more than there is.
 */
#include "server/handler/arena.h"

#include "lib/log.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ARENA_BYTES = 64 * 1024, PARTS = 40, FILLINGS = 250, LINE_BYTES = 64 };

struct fixture {
    struct processes processes;
    struct arena arena;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.arena = {0}};
    *state = &fixture;
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_true(arena_open(&fixture.arena, ARENA_BYTES));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    arena_close(&fixture->arena);
    processes_close(&fixture->processes);
    return 0;
}

static void an_arena_is_zeros(void **state)
{
    struct fixture *fixture = *state;
    const char *part = arena_take(&fixture->arena, ARENA_BYTES);
    for (size_t i = 0; i < ARENA_BYTES; i++) {
        assert_int_equal(part[i], 0);
    }
}

static void parts_are_aligned_and_apart(void **state)
{
    struct fixture *fixture = *state;
    char *parts[PARTS];
    size_t bytes[PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        bytes[i] = 1 + i * 7;
        parts[i] = arena_take(&fixture->arena, bytes[i]);
        assert_int_equal((uintptr_t)parts[i] % alignof(max_align_t), 0);
        memset(parts[i], (int)(i % FILLINGS) + 1, bytes[i]);
    }
    for (size_t i = 0; i < PARTS; i++) {
        for (size_t k = 0; k < bytes[i]; k++) {
            assert_int_equal(parts[i][k], (int)(i % FILLINGS) + 1);
        }
    }
}

static void what_a_part_takes_can_be_reckoned_before(void **state)
{
    struct fixture *fixture = *state;
    size_t expected = 0;
    for (size_t bytes = 0; bytes <= 3 * (size_t)LINE_BYTES; bytes++) {
        assert_true(arena_part_bytes(bytes) >= bytes);
        assert_true(arena_part_bytes(bytes) < bytes + LINE_BYTES);
        (void)arena_take(&fixture->arena, bytes);
        expected += arena_part_bytes(bytes);
        assert_int_equal(fixture->arena.used, expected);
    }
}

static void an_arena_can_be_taken_to_its_last_byte(void **state)
{
    struct fixture *fixture = *state;
    (void)arena_take(&fixture->arena, ARENA_BYTES - LINE_BYTES);
    char *last = arena_take(&fixture->arena, LINE_BYTES);
    memset(last, 'x', LINE_BYTES);
    assert_int_equal(fixture->arena.used, ARENA_BYTES);
    assert_ptr_equal(last + LINE_BYTES, fixture->arena.memory + ARENA_BYTES);
}

static int take_one_too_many(void *context)
{
    struct fixture *fixture = context;
    processes_die_quietly();
    if (freopen("/dev/null", "w", stdout) == NULL) {
        return 1;
    }
    (void)arena_take(&fixture->arena, 1);
    return 0;
}

static void a_part_that_does_not_fit_stops_the_process(void **state)
{
    struct fixture *fixture = *state;
    (void)arena_take(&fixture->arena, ARENA_BYTES - LINE_BYTES);
    processes_expect_exit(&fixture->processes,
                          processes_start(&fixture->processes, take_one_too_many, fixture), 0);
    (void)arena_take(&fixture->arena, LINE_BYTES);
    int status = processes_wait(&fixture->processes,
                                processes_start(&fixture->processes, take_one_too_many, fixture));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void memory_that_is_not_to_be_had_is_a_failure(void **state)
{
    (void)state;
    struct arena arena = {0};
    errno = 0;
    assert_false(arena_open(&arena, SIZE_MAX / 2));
    assert_int_equal(errno, ENOMEM);
    assert_null(arena.memory);
    arena_close(&arena); /* harmless */
}

static void closing_gives_the_memory_back(void **state)
{
    struct fixture *fixture = *state;
    char *memory = arena_take(&fixture->arena, 1);
    unsigned char resident = 0;
    memory[0] = 'x';
    assert_int_equal(mincore(memory, 1, &resident), 0);
    arena_close(&fixture->arena);
    assert_null(fixture->arena.memory);
    assert_int_equal(mincore(memory, 1, &resident), -1);
    assert_int_equal(errno, ENOMEM); /* nothing is mapped there */
    arena_close(&fixture->arena);    /* twice is once */
}

#define ARENA_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(an_arena_is_zeros),
        ARENA_TEST(parts_are_aligned_and_apart),
        ARENA_TEST(what_a_part_takes_can_be_reckoned_before),
        ARENA_TEST(an_arena_can_be_taken_to_its_last_byte),
        ARENA_TEST(a_part_that_does_not_fit_stops_the_process),
        ARENA_TEST(memory_that_is_not_to_be_had_is_a_failure),
        ARENA_TEST(closing_gives_the_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
