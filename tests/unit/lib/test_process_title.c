/*
 * test_process_title.c - what ps shows of a process that has given itself a title.
 *
 * Titles stand where the kernel put this program's arguments, so each test is a forked
 * child: it changes its own copy of them, and looks at /proc/self as ps does.
 */
#include "lib/process_title.h"

#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    SHOWN_BYTES = 131072, /* arguments and environment of a test's run fit in */
    COMM_BYTES_MAX = 15,  /* of a process's name, to the kernel (prctl(2)) */
    VARIABLES = 512
};

#define TITLE "lottery-handler"

/* What main was called with; the strings of the environment stand right after the arguments. */
static int main_argc;
static char **main_argv;

static char shown[SHOWN_BYTES + 1];

static bool is_set_to(const char *variable, const char *value)
{
    const char *found = getenv(variable);
    return found != NULL && strcmp(found, value) == 0;
}

/* Reads a whole file of /proc/self into `shown`. Returns its bytes; -1 where it can't be read. */
static ssize_t look_at(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;
    ssize_t count = 0;
    memset(shown, 0, sizeof shown);
    while (file >= 0 && (got = read(file, shown + count, SHOWN_BYTES - (size_t)count)) > 0) {
        count += got;
    }
    if (file >= 0) {
        (void)close(file);
    }
    return file < 0 || got < 0 ? -1 : count;
}

/* True when ps -f shows exactly this: ps makes blanks of zeros, and none follow. */
static bool shows_command_line(const char *title)
{
    ssize_t count = look_at("/proc/self/cmdline");
    size_t length = strlen(title);
    if (count < (ssize_t)length || memcmp(shown, title, length) != 0) {
        return false;
    }
    for (ssize_t i = (ssize_t)length; i < count; i++) {
        if (shown[i] != '\0') {
            return false;
        }
    }
    return true;
}

/* True when ps -e shows this, up to what the kernel keeps of it. */
static bool shows_name(const char *title)
{
    char expected[COMM_BYTES_MAX + 2] = "";
    size_t length = strnlen(title, COMM_BYTES_MAX);
    memcpy(expected, title, length);
    expected[length] = '\n';
    return look_at("/proc/self/comm") == (ssize_t)length + 1 && strcmp(shown, expected) == 0;
}

static int set_up(void **state)
{
    static struct processes processes;
    processes_open(&processes);
    processes_release(&processes);
    *state = &processes;
    return 0;
}

static int tear_down(void **state)
{
    processes_close(*state);
    return 0;
}

static void expect_of_child(void **state, int (*body)(void *context))
{
    struct processes *processes = *state;
    processes_expect_exit(processes, processes_start(processes, body, NULL), 0);
}

/* --------------------------------------------------------------- children ---- */

/* Each ends with 0, or with the number of what is not as it should be. */

static int take_a_title(void *context)
{
    (void)context;
    process_title_open(main_argc, main_argv);
    process_title_set(TITLE);
    if (!shows_command_line(TITLE)) {
        return 1;
    }
    return shows_name(TITLE) ? 0 : 2;
}

/* A shorter one leaves nothing of a longer one. */
static int take_one_after_the_other(void *context)
{
    static const char *const titles[] = {"lottery-handler", "lottery", "lottery-storer", ""};
    (void)context;
    process_title_open(main_argc, main_argv);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        process_title_set(titles[i]);
        if (!shows_command_line(titles[i]) || !shows_name(titles[i])) {
            return (int)i + 1;
        }
    }
    return 0;
}

static int keep_the_environment(void *context)
{
    static char *before[VARIABLES];
    size_t count = 0;
    (void)context;
    for (; count < VARIABLES && environ[count] != NULL; count++) {
        before[count] = strdup(environ[count]);
    }
    static char title[SHOWN_BYTES];
    memset(title, 'x', sizeof title - 1); /* over all of what was there */
    process_title_open(main_argc, main_argv);
    process_title_set(title);
    for (size_t i = 0; i < count; i++) {
        const char *value = strchr(before[i], '=') + 1;
        before[i][value - before[i] - 1] = '\0';
        if (!is_set_to(before[i], value)) {
            return 1;
        }
    }
    if (count == 0 || environ[count] != NULL) {
        return 2;
    }
    if (setenv("NEW_ONE", "there", 1) != 0 || !is_set_to("NEW_ONE", "there")) {
        return 3;
    }
    (void)setenv(before[0], "changed", 1);
    return is_set_to(before[0], "changed") ? 0 : 4;
}

/* What lies after arguments and environment (the program's file name, for the loader) is not ours. */
static int take_a_title_that_is_too_long(void *context)
{
    static char title[SHOWN_BYTES];
    size_t room = 0;
    (void)context;
    for (int i = 0; i < main_argc; i++) {
        room += strlen(main_argv[i]) + 1;
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        room += strlen(*variable) + 1;
    }
    const char *end = main_argv[0] + room;
    char after = *end;
    memset(title, 'x', sizeof title - 1);
    if (room >= sizeof title) {
        return 1;
    }
    process_title_open(main_argc, main_argv);
    process_title_set(title);
    if (end[-1] != '\0' || *end != after || memchr(main_argv[0], '\0', room) != end - 1) {
        return 2;
    }
    title[room - 1] = '\0';
    return look_at("/proc/self/cmdline") >= 0 && strncmp(shown, title, room - 1) == 0 ? 0 : 3;
}

/* execve(2) allows it, before Linux 5.18 at least. */
static int have_no_arguments(void *context)
{
    char *none[] = {NULL};
    (void)context;
    ssize_t before_bytes = look_at("/proc/self/cmdline");
    static char before[SHOWN_BYTES + 1];
    memcpy(before, shown, sizeof before);
    process_title_open(0, none);
    process_title_set(TITLE);
    if (look_at("/proc/self/cmdline") != before_bytes || strcmp(shown, before) != 0) {
        return 1;
    }
    return shows_name(TITLE) ? 0 : 2;
}

static int open_nothing(void *context)
{
    (void)context;
    process_title_set(TITLE); /* the name needs no room */
    return shows_name(TITLE) ? 0 : 1;
}

/* As where something before main has moved the environment: only the arguments are room. */
static int have_the_environment_elsewhere(void *context)
{
    char *elsewhere[] = {strdup("HERE=there"), NULL};
    char *first_variable = environ[0];
    char kept = *first_variable;
    (void)context;
    environ = elsewhere;
    static char title[SHOWN_BYTES];
    memset(title, 'x', sizeof title - 1);
    process_title_open(main_argc, main_argv);
    process_title_set(title);
    if (*first_variable != kept || !is_set_to("HERE", "there")) {
        return 1;
    }
    size_t room = (size_t)(first_variable - main_argv[0]);
    return memchr(main_argv[0], '\0', room) == first_variable - 1 ? 0 : 2;
}

/* ------------------------------------------------------------------ tests ---- */

static void a_title_is_what_ps_shows(void **state)
{
    expect_of_child(state, take_a_title);
    expect_of_child(state, take_one_after_the_other);
}

static void the_environment_can_be_read_afterwards(void **state)
{
    expect_of_child(state, keep_the_environment);
}

static void a_title_that_is_longer_than_its_room_is_cut(void **state)
{
    expect_of_child(state, take_a_title_that_is_too_long);
    expect_of_child(state, have_the_environment_elsewhere);
}

static void without_arguments_or_before_it_was_opened_only_the_name_changes(void **state)
{
    expect_of_child(state, have_no_arguments);
    expect_of_child(state, open_nothing);
}

#define TITLE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv)
{
    main_argc = argc;
    main_argv = argv;
    const struct CMUnitTest tests[] = {
        TITLE_TEST(a_title_is_what_ps_shows),
        TITLE_TEST(the_environment_can_be_read_afterwards),
        TITLE_TEST(a_title_that_is_longer_than_its_room_is_cut),
        TITLE_TEST(without_arguments_or_before_it_was_opened_only_the_name_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
