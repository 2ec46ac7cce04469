/*
 * test_own_memory.c - memory that children do not inherit.
 */
#include "lib/own_memory.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { COUNT = 10000 };

static void it_is_zeroed_and_can_be_written(void **state)
{
    (void)state;
    uint32_t *numbers = own_memory_open(COUNT, sizeof *numbers);
    assert_non_null(numbers);
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_int_equal(numbers[i], 0);
        numbers[i] = i;
    }
    assert_int_equal(numbers[COUNT - 1], COUNT - 1);
    own_memory_close(numbers, COUNT, sizeof *numbers);
    own_memory_close(NULL, COUNT, sizeof *numbers);
}

static void a_child_that_reads_it_dies(void **state)
{
    (void)state;
    volatile char *secret = own_memory_open(COUNT, 1);
    const struct rlimit no_core = {0, 0};
    int status = 0;
    assert_non_null(secret);
    secret[0] = 1;
    pid_t pid = fork();
    if (pid == 0) {
        (void)setrlimit(RLIMIT_CORE, &no_core);
        (void)signal(SIGSEGV, SIG_DFL); /* cmocka's would report a failure */
        _exit(secret[0]);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 1);
    assert_int_equal(secret[0], 1);
    own_memory_close((void *)secret, COUNT, 1);
}

static void more_than_there_can_be_is_refused(void **state)
{
    (void)state;
    assert_null(own_memory_open(SIZE_MAX / 2, 4));
    assert_int_equal(errno, ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_zeroed_and_can_be_written),
        cmocka_unit_test(a_child_that_reads_it_dies),
        cmocka_unit_test(more_than_there_can_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
