/*
 * test_log_output.c - writing to readers that are slow, have stopped, or are gone.
 */
#include "lib/log_output.h"

#include "tests/harness/outlet.h"
#include "tests/harness/processes.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    LINE_BYTES = 150,
    FILL_BYTES = 1 << 20,
    AT_ONCE_MS = 5000, /* on a busy machine; for ever is what it must not take */
    LINES = 200
};

struct fixture {
    struct processes processes;
    struct scratch scratch;
    struct outlet outlet;
    struct log_output output;
};

static char line[LINE_BYTES];

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.outlet.reader = fixture.outlet.writer = -1;
    fixture.output = (struct log_output){.descriptor = -1};
    *state = &fixture;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    memset(line, 'x', sizeof line);
    line[LINE_BYTES - 1] = '\n';
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    return 0;
}

static void close_all(struct fixture *fixture)
{
    log_output_close(&fixture->output);
    outlet_close(&fixture->outlet);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    close_all(fixture);
    scratch_close(&fixture->scratch);
    return 0;
}

static void open_outlet(struct fixture *fixture, enum outlet_kind kind)
{
    outlet_open(&fixture->outlet, kind, fixture->scratch.path);
    log_output_open(&fixture->output, fixture->outlet.writer);
}

static bool write_line(struct fixture *fixture, enum log_patience patience)
{
    return log_output_write(&fixture->output, line, sizeof line, patience) == sizeof line;
}

/* Until nothing more goes in; each write ends at once. */
static void fill(struct fixture *fixture)
{
    int64_t began_ms = processes_now_ms();
    size_t written = 0;
    while (written < FILL_BYTES && write_line(fixture, LOG_PATIENCE_NONE)) {
        written += sizeof line;
    }
    assert_true(written > 0 && written < FILL_BYTES);
    assert_int_equal(errno, EAGAIN);
    assert_true(processes_now_ms() - began_ms < AT_ONCE_MS);
}

/* --------------------------------------------------------------- opening ---- */

static void what_a_descriptor_is_decides_how_it_is_written_to(void **state)
{
    struct fixture *fixture = *state;
    for (enum outlet_kind kind = OUTLET_PIPE; kind < OUTLET_KINDS; kind++) {
        open_outlet(fixture, kind);
        assert_int_equal(fixture->output.kind,
                         kind == OUTLET_SOCKETS ? LOG_OUTPUT_SOCKET : LOG_OUTPUT_OWN);
        assert_true(write_line(fixture, LOG_PATIENCE_NONE));
        close_all(fixture);
    }
}

static void files_and_devices_are_written_to_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "log", "", 0);
    fixture->outlet.writer =
        openat(fixture->scratch.descriptor, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
    errno = ERANGE;
    log_output_open(&fixture->output, fixture->outlet.writer);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(fixture->output.kind, LOG_OUTPUT_FILE);
    assert_int_equal(fixture->output.descriptor, fixture->outlet.writer);
    assert_true(write_line(fixture, LOG_PATIENCE_FAIR));
    size_t count = 0;
    char *written = scratch_read(&fixture->scratch, "log", &count);
    assert_int_equal(count, sizeof line);
    assert_memory_equal(written, line, sizeof line);
    free(written);
    close_all(fixture);
    fixture->outlet.writer = open("/dev/full", O_WRONLY | O_CLOEXEC);
    log_output_open(&fixture->output, fixture->outlet.writer);
    assert_int_equal(fixture->output.kind, LOG_OUTPUT_FILE);
    assert_false(write_line(fixture, LOG_PATIENCE_FAIR));
    assert_int_equal(errno, ENOSPC);
}

static void the_description_that_others_share_stays_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    for (enum outlet_kind kind = OUTLET_PIPE; kind < OUTLET_KINDS; kind++) {
        open_outlet(fixture, kind);
        assert_int_equal(fcntl(fixture->outlet.writer, F_GETFL) & O_NONBLOCK, 0);
        close_all(fixture);
    }
}

/* --------------------------------------------------------------- waiting ---- */

static void a_reader_that_has_stopped_keeps_nobody(void **state)
{
    struct fixture *fixture = *state;
    for (enum outlet_kind kind = OUTLET_PIPE; kind < OUTLET_KINDS; kind++) {
        open_outlet(fixture, kind);
        fill(fixture);
        int64_t began_ms = processes_now_ms();
        while (write_line(fixture, LOG_PATIENCE_ONCE)) { /* a terminal moves bytes on for a while */
            began_ms = processes_now_ms();
        }
        assert_int_equal(errno, EAGAIN);
        int64_t elapsed_ms = processes_now_ms() - began_ms;
        assert_true(elapsed_ms >= LOG_WAIT_MS - 1 && elapsed_ms < AT_ONCE_MS);
        close_all(fixture);
    }
}

static void all_waits_together_are_a_small_part_of_the_time(void **state)
{
    struct fixture *fixture = *state;
    open_outlet(fixture, OUTLET_PIPE);
    fill(fixture);
    int64_t began_ms = processes_now_ms();
    for (int i = 0; i < LINES; i++) {
        assert_false(write_line(fixture, LOG_PATIENCE_FAIR));
    }
    assert_true(processes_now_ms() - began_ms < LINES * LOG_WAIT_MS / 4);
}

/* In a child, and so a little later: takes something. */
static int read_later(void *context)
{
    enum { TAKEN_BYTES = 8192 };
    const struct fixture *fixture = context;
    char taken[TAKEN_BYTES];
    return read(fixture->outlet.reader, taken, sizeof taken) > 0 ? 0 : 1;
}

static void a_reader_that_is_only_slow_gets_the_line(void **state)
{
    struct fixture *fixture = *state;
    for (enum outlet_kind kind = OUTLET_PIPE; kind < OUTLET_KINDS; kind++) {
        open_outlet(fixture, kind);
        fill(fixture);
        pid_t pid = processes_start(&fixture->processes, read_later, fixture);
        /* As long as it can: the child may not have been given the processor yet. */
        size_t done = 0;
        for (int64_t began_ms = processes_now_ms();
             done < sizeof line && processes_now_ms() - began_ms < AT_ONCE_MS;) {
            done += log_output_write(&fixture->output, line, sizeof line - done, LOG_PATIENCE_LAST);
        }
        processes_expect_exit(&fixture->processes, pid, 0);
        assert_int_equal(done, sizeof line);
        close_all(fixture);
    }
}

static void a_terminal_that_was_stopped_keeps_nobody(void **state)
{
    struct fixture *fixture = *state;
    open_outlet(fixture, OUTLET_TERMINAL);
    assert_true(write_line(fixture, LOG_PATIENCE_NONE));
    assert_int_equal(tcflow(fixture->outlet.writer, TCOOFF), 0); /* ^S */
    assert_false(write_line(fixture, LOG_PATIENCE_ONCE));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(tcflow(fixture->outlet.writer, TCOON), 0); /* ^Q */
    assert_true(write_line(fixture, LOG_PATIENCE_ONCE));
}

static void a_reader_that_has_gone_is_no_reason_to_wait(void **state)
{
    struct fixture *fixture = *state;
    for (enum outlet_kind kind = OUTLET_PIPE; kind < OUTLET_KINDS; kind++) {
        open_outlet(fixture, kind);
        (void)close(fixture->outlet.reader);
        fixture->outlet.reader = -1;
        assert_false(write_line(fixture, LOG_PATIENCE_LAST));
        assert_true(errno == EPIPE || errno == EIO);
        close_all(fixture);
    }
}

/* -------------------------------------------- what can't be opened anew ---- */

static void open_shared_outlet(struct fixture *fixture, enum outlet_kind kind)
{
    outlet_open(&fixture->outlet, kind, fixture->scratch.path);
    log_output_open_shared(&fixture->output, fixture->outlet.writer);
}

static void a_description_that_is_not_our_own_keeps_nobody_either(void **state)
{
    static const enum outlet_kind kinds[] = {OUTLET_PIPE, OUTLET_FIFO, OUTLET_TERMINAL};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        open_shared_outlet(fixture, kinds[i]);
        fill(fixture);
        while (write_line(fixture, LOG_PATIENCE_ONCE)) { /* as above */
        }
        assert_int_equal(errno, EAGAIN);
        close_all(fixture);
    }
}

static void a_terminal_of_somebody_elses_that_was_stopped_keeps_nobody(void **state)
{
    struct fixture *fixture = *state;
    open_shared_outlet(fixture, OUTLET_TERMINAL);
    assert_true(write_line(fixture, LOG_PATIENCE_NONE));
    assert_int_equal(tcflow(fixture->outlet.writer, TCOOFF), 0);
    assert_false(write_line(fixture, LOG_PATIENCE_ONCE));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(tcflow(fixture->outlet.writer, TCOON), 0);
}

#define OUTPUT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(what_a_descriptor_is_decides_how_it_is_written_to),
        OUTPUT_TEST(files_and_devices_are_written_to_as_they_are),
        OUTPUT_TEST(the_description_that_others_share_stays_as_it_is),
        OUTPUT_TEST(a_reader_that_has_stopped_keeps_nobody),
        OUTPUT_TEST(all_waits_together_are_a_small_part_of_the_time),
        OUTPUT_TEST(a_reader_that_is_only_slow_gets_the_line),
        OUTPUT_TEST(a_terminal_that_was_stopped_keeps_nobody),
        OUTPUT_TEST(a_reader_that_has_gone_is_no_reason_to_wait),
        OUTPUT_TEST(a_description_that_is_not_our_own_keeps_nobody_either),
        OUTPUT_TEST(a_terminal_of_somebody_elses_that_was_stopped_keeps_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
