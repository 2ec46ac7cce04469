/*
 * test_standard_streams.c - descriptors 0 to 2 are open, whatever a program was started with.
 */
#include "lib/standard_streams.h"

#include "tests/harness/processes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { STREAMS = 3, COMBINATIONS = 1 << STREAMS };

static int set_up(void **state)
{
    static struct processes processes;
    processes_open(&processes);
    *state = &processes;
    return 0;
}

static int tear_down(void **state)
{
    processes_close(*state);
    return 0;
}

static bool is_same_file(int descriptor, const struct stat *file)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 && status.st_dev == file->st_dev &&
           status.st_ino == file->st_ino;
}

/* In a child: closes what the combination's bits say, and returns 0 if all is well then. */
static int lose_and_open(void *context)
{
    unsigned closed = *(const unsigned *)context;
    struct failure failure;
    struct stat null;
    struct stat pipe_status;
    int pipe_ends[2];
    if (stat("/dev/null", &null) < 0 || pipe(pipe_ends) < 0 ||
        fstat(pipe_ends[1], &pipe_status) < 0) {
        return STREAMS;
    }
    for (int stream = 0; stream < STREAMS; stream++) {
        if (dup2(pipe_ends[1], stream) < 0 || ((closed >> stream & 1U) != 0 && close(stream) < 0)) {
            return STREAMS;
        }
    }
    if (!standard_streams_open(&failure)) {
        return STREAMS + 1;
    }
    for (int stream = 0; stream < STREAMS; stream++) {
        if (!is_same_file(stream, (closed >> stream & 1U) != 0 ? &null : &pipe_status)) {
            return STREAMS + 2;
        }
    }
    return 0;
}

static void closed_streams_are_opened_and_the_others_left_alone(void **state)
{
    struct processes *processes = *state;
    processes_release(processes);
    for (unsigned closed = 0; closed < COMBINATIONS; closed++) {
        pid_t pid = processes_start(processes, lose_and_open, &closed);
        int status = processes_wait(processes, pid);
        if (status != 0) {
            fail_msg("closed: %u, wait status %d", closed, status);
        }
    }
}

static int count_descriptors(void *context)
{
    struct failure failure;
    (void)context;
    int before = dup(STDIN_FILENO);
    if (before < 0 || close(before) < 0 || !standard_streams_open(&failure)) {
        return 1;
    }
    return dup(STDIN_FILENO) == before ? 0 : 2;
}

static void no_other_descriptor_is_used(void **state)
{
    struct processes *processes = *state;
    processes_release(processes);
    pid_t pid = processes_start(processes, count_descriptors, NULL);
    assert_int_equal(processes_wait(processes, pid), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closed_streams_are_opened_and_the_others_left_alone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_other_descriptor_is_used, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
