/*
 * test_process_title.c - what ps shows changes, and the environment stays.
 */
#include "lib/process_title.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_BYTES = 4096 };

static void read_own(const char *path, char text[TEXT_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, text, TEXT_BYTES - 1);
    text[got > 0 ? got : 0] = '\0';
    (void)close(file);
}

/* In a process of its own: the title of the test's stays. */
static int run(bool (*act)(void))
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(act() ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool shows_title(void)
{
    char text[TEXT_BYTES];
    process_title_set("lottery-somebody");
    read_own("/proc/self/comm", text);
    bool named = strcmp(text, "lottery-somebod\n") == 0; /* the kernel keeps 15 bytes */
    read_own("/proc/self/cmdline", text);
    return named && strcmp(text, "lottery-somebody") == 0;
}

static bool keeps_environment(void)
{
    process_title_set("lottery-with-a-title-that-is-longer-than-the-arguments-were");
    const char *kept = getenv("LOTTERY_TITLE_TEST");
    bool is_kept = kept != NULL && strcmp(kept, "kept") == 0;
    bool is_set = setenv("LOTTERY_TITLE_TEST", "new", 1) == 0;
    const char *changed = getenv("LOTTERY_TITLE_TEST");
    return is_kept && is_set && changed != NULL && strcmp(changed, "new") == 0;
}

static bool cuts_long_title(void)
{
    static char title[1 << 20];
    char text[TEXT_BYTES];
    memset(title, 'x', sizeof title - 1);
    process_title_set(title);
    read_own("/proc/self/cmdline", text);
    return text[0] == 'x' && getenv("PATH") != NULL;
}

static void ps_shows_the_title(void **state)
{
    (void)state;
    assert_int_equal(run(shows_title), 0);
}

static void the_environment_is_readable_and_writable_afterwards(void **state)
{
    (void)state;
    assert_int_equal(run(keeps_environment), 0);
}

static void a_title_longer_than_its_place_is_cut(void **state)
{
    (void)state;
    assert_int_equal(run(cuts_long_title), 0);
}

int main(int argc, char **argv)
{
    (void)setenv("LOTTERY_TITLE_TEST", "kept", 1);
    process_title_open(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ps_shows_the_title),
        cmocka_unit_test(the_environment_is_readable_and_writable_afterwards),
        cmocka_unit_test(a_title_longer_than_its_place_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
