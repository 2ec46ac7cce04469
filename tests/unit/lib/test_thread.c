/*
 * test_thread.c - what a thread beside the first one has: its stack, and its signals.
 */
#include "lib/thread.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* after what it needs */

enum { STACK_BYTES = 1024 * 1024 };

struct seen {
    sigset_t mask;
    size_t stack_bytes;
};

static void *look(void *context)
{
    struct seen *seen = context;
    pthread_attr_t attributes;
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstacksize(&attributes, &seen->stack_bytes);
        pthread_attr_destroy(&attributes);
    }
    return seen;
}

static void a_thread_has_its_stack_and_no_signal_but_its_own(void **state)
{
    (void)state;
    struct seen seen = {.stack_bytes = 0};
    sigset_t before;
    sigset_t after;
    pthread_t thread;
    void *result = NULL;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(thread_start(&thread, look, &seen), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &seen);
    assert_true(seen.stack_bytes == STACK_BYTES);
    assert_int_equal(sigismember(&seen.mask, SIGTERM), 1);
    assert_int_equal(sigismember(&seen.mask, SIGUSR1), 1);
    assert_int_equal(sigismember(&seen.mask, SIGSYS), 0);
    assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
    assert_int_equal(sigismember(&after, SIGUSR1), sigismember(&before, SIGUSR1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_has_its_stack_and_no_signal_but_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
