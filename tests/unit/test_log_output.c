/*
 * test_log_output.c - writing to readers that are slow, have stopped, or are gone.
 */
#include "lib/log_output.h"

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

/* Something with a reader, who reads when the test says so. */
struct outlet {
    struct processes processes;
    struct scratch scratch;
    int reader, writer;
    struct log_output output;
};

static char line[LINE_BYTES];

static int set_up(void **state)
{
    static struct outlet outlet;
    outlet = (struct outlet){.reader = -1, .writer = -1};
    outlet.output.descriptor = -1;
    *state = &outlet;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    memset(line, 'x', sizeof line);
    line[LINE_BYTES - 1] = '\n';
    scratch_open(&outlet.scratch);
    processes_open(&outlet.processes);
    processes_release(&outlet.processes);
    return 0;
}

static void close_one(int *descriptor)
{
    if (*descriptor >= 0) {
        (void)close(*descriptor);
    }
    *descriptor = -1;
}

static int tear_down(void **state)
{
    struct outlet *outlet = *state;
    processes_close(&outlet->processes);
    log_output_close(&outlet->output);
    close_one(&outlet->reader);
    close_one(&outlet->writer);
    scratch_close(&outlet->scratch);
    return 0;
}

/* -------------------------------------------------------------- outlets ---- */

static void open_pipe(struct outlet *outlet)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    outlet->reader = ends[0];
    outlet->writer = ends[1];
}

static void open_fifo(struct outlet *outlet)
{
    char path[SCRATCH_PATH_BYTES + 8];
    (void)snprintf(path, sizeof path, "%s/fifo", outlet->scratch.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    outlet->reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    outlet->writer = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(outlet->reader >= 0 && outlet->writer >= 0);
    assert_int_equal(fcntl(outlet->reader, F_SETFL, 0), 0);
}

static void open_terminal(struct outlet *outlet)
{
    outlet->reader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outlet->reader >= 0);
    assert_int_equal(grantpt(outlet->reader), 0);
    assert_int_equal(unlockpt(outlet->reader), 0);
    outlet->writer = open(ptsname(outlet->reader), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(outlet->writer >= 0);
}

static void open_sockets(struct outlet *outlet)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    outlet->reader = ends[0];
    outlet->writer = ends[1];
}

static const struct {
    void (*open)(struct outlet *outlet);
    enum log_output_kind kind;
} outlets[] = {
    {open_pipe, LOG_OUTPUT_OWN},
    {open_fifo, LOG_OUTPUT_OWN},
    {open_terminal, LOG_OUTPUT_OWN},
    {open_sockets, LOG_OUTPUT_SOCKET},
};

enum { OUTLETS = sizeof outlets / sizeof outlets[0] };

static void close_outlet(struct outlet *outlet)
{
    log_output_close(&outlet->output);
    close_one(&outlet->reader);
    close_one(&outlet->writer);
}

static bool write_line(struct outlet *outlet, enum log_patience patience)
{
    return log_output_write(&outlet->output, line, sizeof line, patience) == sizeof line;
}

/* Until nothing more goes in; each write ends at once. */
static void fill(struct outlet *outlet)
{
    int64_t began_ms = processes_now_ms();
    size_t written = 0;
    while (written < FILL_BYTES && write_line(outlet, LOG_PATIENCE_NONE)) {
        written += sizeof line;
    }
    assert_true(written > 0 && written < FILL_BYTES);
    assert_int_equal(errno, EAGAIN);
    assert_true(processes_now_ms() - began_ms < AT_ONCE_MS);
}

/* --------------------------------------------------------------- opening ---- */

static void what_a_descriptor_is_decides_how_it_is_written_to(void **state)
{
    struct outlet *outlet = *state;
    for (size_t i = 0; i < OUTLETS; i++) {
        outlets[i].open(outlet);
        errno = ERANGE;
        log_output_open(&outlet->output, outlet->writer);
        assert_int_equal(errno, ERANGE);
        assert_int_equal(outlet->output.kind, outlets[i].kind);
        assert_true(write_line(outlet, LOG_PATIENCE_NONE));
        close_outlet(outlet);
    }
}

static void files_and_devices_are_written_to_as_they_are(void **state)
{
    struct outlet *outlet = *state;
    scratch_write(&outlet->scratch, "log", "", 0);
    outlet->writer = openat(outlet->scratch.descriptor, "log", O_WRONLY | O_APPEND | O_CLOEXEC);
    log_output_open(&outlet->output, outlet->writer);
    assert_int_equal(outlet->output.kind, LOG_OUTPUT_FILE);
    assert_int_equal(outlet->output.descriptor, outlet->writer);
    assert_true(write_line(outlet, LOG_PATIENCE_FAIR));
    size_t count = 0;
    char *written = scratch_read(&outlet->scratch, "log", &count);
    assert_int_equal(count, sizeof line);
    assert_memory_equal(written, line, sizeof line);
    free(written);
    close_outlet(outlet);
    outlet->writer = open("/dev/full", O_WRONLY | O_CLOEXEC);
    log_output_open(&outlet->output, outlet->writer);
    assert_int_equal(outlet->output.kind, LOG_OUTPUT_FILE);
    assert_false(write_line(outlet, LOG_PATIENCE_FAIR));
    assert_int_equal(errno, ENOSPC);
}

static void the_description_that_others_share_stays_as_it_is(void **state)
{
    struct outlet *outlet = *state;
    for (size_t i = 0; i < OUTLETS; i++) {
        outlets[i].open(outlet);
        int flags = fcntl(outlet->writer, F_GETFL);
        log_output_open(&outlet->output, outlet->writer);
        assert_int_equal(fcntl(outlet->writer, F_GETFL), flags);
        assert_int_equal(flags & O_NONBLOCK, 0);
        close_outlet(outlet);
    }
}

/* --------------------------------------------------------------- waiting ---- */

static void a_reader_that_has_stopped_keeps_nobody(void **state)
{
    struct outlet *outlet = *state;
    for (size_t i = 0; i < OUTLETS; i++) {
        outlets[i].open(outlet);
        log_output_open(&outlet->output, outlet->writer);
        fill(outlet);
        int64_t began_ms = processes_now_ms();
        while (write_line(outlet, LOG_PATIENCE_ONCE)) { /* a terminal moves bytes on for a while */
            began_ms = processes_now_ms();
        }
        assert_int_equal(errno, EAGAIN);
        int64_t elapsed_ms = processes_now_ms() - began_ms;
        assert_true(elapsed_ms >= LOG_WAIT_MS - 1 && elapsed_ms < AT_ONCE_MS);
        close_outlet(outlet);
    }
}

static void all_waits_together_are_a_small_part_of_the_time(void **state)
{
    struct outlet *outlet = *state;
    open_pipe(outlet);
    log_output_open(&outlet->output, outlet->writer);
    fill(outlet);
    int64_t began_ms = processes_now_ms();
    for (int i = 0; i < LINES; i++) {
        assert_false(write_line(outlet, LOG_PATIENCE_FAIR));
    }
    assert_true(processes_now_ms() - began_ms < LINES * LOG_WAIT_MS / 4);
}

/* In a child, and so a little later: takes something. */
static int read_later(void *context)
{
    enum { TAKEN_BYTES = 8192 };
    const struct outlet *outlet = context;
    char taken[TAKEN_BYTES];
    return read(outlet->reader, taken, sizeof taken) > 0 ? 0 : 1;
}

static void a_reader_that_is_only_slow_gets_the_line(void **state)
{
    struct outlet *outlet = *state;
    for (size_t i = 0; i < OUTLETS; i++) {
        outlets[i].open(outlet);
        log_output_open(&outlet->output, outlet->writer);
        fill(outlet);
        pid_t pid = processes_start(&outlet->processes, read_later, outlet);
        /* As long as it can: the child may not have been given the processor yet. */
        size_t done = 0;
        for (int64_t began_ms = processes_now_ms();
             done < sizeof line && processes_now_ms() - began_ms < AT_ONCE_MS;) {
            done += log_output_write(&outlet->output, line, sizeof line - done, LOG_PATIENCE_LAST);
        }
        processes_expect_exit(&outlet->processes, pid, 0);
        assert_int_equal(done, sizeof line);
        close_outlet(outlet);
    }
}

static void a_terminal_that_was_stopped_keeps_nobody(void **state)
{
    struct outlet *outlet = *state;
    open_terminal(outlet);
    log_output_open(&outlet->output, outlet->writer);
    assert_true(write_line(outlet, LOG_PATIENCE_NONE));
    assert_int_equal(tcflow(outlet->writer, TCOOFF), 0); /* ^S */
    assert_false(write_line(outlet, LOG_PATIENCE_ONCE));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(tcflow(outlet->writer, TCOON), 0); /* ^Q */
    assert_true(write_line(outlet, LOG_PATIENCE_ONCE));
}

static void a_reader_that_has_gone_is_no_reason_to_wait(void **state)
{
    struct outlet *outlet = *state;
    for (size_t i = 0; i < OUTLETS; i++) {
        outlets[i].open(outlet);
        log_output_open(&outlet->output, outlet->writer);
        close_one(&outlet->reader);
        assert_false(write_line(outlet, LOG_PATIENCE_LAST));
        assert_true(errno == EPIPE || errno == EIO);
        close_outlet(outlet);
    }
}

/* -------------------------------------------- what can't be opened anew ---- */

static void a_description_that_is_not_our_own_keeps_nobody_either(void **state)
{
    static void (*const open_outlet[])(struct outlet *) = {open_pipe, open_fifo};
    struct outlet *outlet = *state;
    for (size_t i = 0; i < sizeof open_outlet / sizeof open_outlet[0]; i++) {
        open_outlet[i](outlet);
        log_output_open(&outlet->output, outlet->writer);
        log_output_close(&outlet->output);
        outlet->output =
            (struct log_output){.descriptor = outlet->writer, .kind = LOG_OUTPUT_SHARED};
        fill(outlet);
        assert_false(write_line(outlet, LOG_PATIENCE_ONCE));
        assert_int_equal(errno, EAGAIN);
        close_outlet(outlet);
    }
}

static void a_terminal_of_somebody_elses_that_was_stopped_keeps_nobody(void **state)
{
    struct outlet *outlet = *state;
    open_terminal(outlet);
    outlet->output = (struct log_output){.descriptor = outlet->writer, .kind = LOG_OUTPUT_SHARED};
    assert_true(write_line(outlet, LOG_PATIENCE_NONE));
    assert_int_equal(tcflow(outlet->writer, TCOOFF), 0);
    assert_false(write_line(outlet, LOG_PATIENCE_ONCE));
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(tcflow(outlet->writer, TCOON), 0);
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
