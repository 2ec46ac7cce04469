/*
 * test_peer_log.c - every line names the connection, and one connection's lines are limited.
 *
 * Lines are read back from a pipe in the place of standard output.
 */
#include "server/handler/peer_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES = 48 * 1024, MANY_LINES = 100 };

struct fixture {
    struct slot slot;
    struct peer_log log;
    int pipe[2];
    int standard_output;
    char text[TEXT_BYTES];
    char ending[256]; /* of every line */
};

/* From here to read_lines nothing may fail: cmocka speaks on standard output too. */
static void open_log(struct fixture *fixture)
{
    (void)fflush(stdout);
    fixture->standard_output = dup(STDOUT_FILENO);
    (void)dup2(fixture->pipe[1], STDOUT_FILENO);
    peer_log_open(&fixture->log, &fixture->slot);
}

/* Gives standard output back. Returns how many lines were written; they are in fixture->text. */
static size_t read_lines(struct fixture *fixture)
{
    (void)dup2(fixture->standard_output, STDOUT_FILENO);
    (void)close(fixture->standard_output);
    ssize_t bytes = read(fixture->pipe[0], fixture->text, sizeof fixture->text - 1);
    fixture->text[bytes < 0 ? 0 : bytes] = '\0';
    size_t lines = 0;
    for (const char *at = fixture->text; (at = strchr(at, '\n')) != NULL; at++) {
        size_t length = strlen(fixture->ending);
        assert_memory_equal(at - length, fixture->ending, length);
        lines++;
    }
    return lines;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.slot = {.peer = "[2001:db8::1]:40000"}};
    *state = &fixture;
    assert_int_equal(pipe2(fixture.pipe, O_CLOEXEC | O_NONBLOCK), 0);
    (void)snprintf(fixture.ending, sizeof fixture.ending, " | pid: %d | ip: %s", (int)getpid(),
                   fixture.slot.peer);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)close(fixture->pipe[0]);
    (void)close(fixture->pipe[1]);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

static void a_line_ends_in_the_handler_and_its_peer(void **state)
{
    struct fixture *fixture = *state;
    open_log(fixture);
    peer_log_write(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "cantidad: %d", 5);
    peer_log_limited(&fixture->log, LOG_LEVEL_WARNING, LOG_MESSAGE_REFUSED, "reason: %s", "c");
    peer_log_close(&fixture->log);
    assert_int_equal(read_lines(fixture), 2);
    assert_non_null(
        strstr(fixture->text, "INFO     action: apuesta_recibida | cantidad: 5 | pid: "));
    assert_non_null(strstr(fixture->text, "WARNING  action: receive_message | reason: c | pid: "));
}

static void a_line_of_a_forwarded_connection_names_the_balancer_too(void **state)
{
    struct fixture *fixture = *state;
    (void)snprintf(fixture->slot.via, sizeof fixture->slot.via, "10.0.0.5:40123");
    (void)snprintf(fixture->ending, sizeof fixture->ending, " | pid: %d | ip: %s | via: %s",
                   (int)getpid(), fixture->slot.peer, fixture->slot.via);
    char longest[2 * LOG_LINE_BYTES];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    open_log(fixture);
    peer_log_write(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "result: fail");
    peer_log_write(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "%s", longest);
    assert_int_equal(read_lines(fixture), 2);
}

static void a_line_that_is_too_long_keeps_the_name_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    char longest[2 * LOG_LINE_BYTES];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    open_log(fixture);
    peer_log_write(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "%s", longest);
    assert_int_equal(read_lines(fixture), 1);
}

static void what_can_be_repeated_is_counted_behind_a_burst(void **state)
{
    struct fixture *fixture = *state;
    open_log(fixture);
    for (int i = 0; i < MANY_LINES; i++) {
        peer_log_limited(&fixture->log, LOG_LEVEL_WARNING, LOG_BETS_REFUSED, "result: fail");
    }
    peer_log_close(&fixture->log);
    peer_log_close(&fixture->log); /* told once */
    assert_int_equal(read_lines(fixture), LOG_LIMIT_BURST + 1);
    assert_non_null(
        strstr(fixture->text, "action: log_limit | result: in_progress | suppressed: 80 "));
}

static void what_is_not_limited_is_never_suppressed(void **state)
{
    struct fixture *fixture = *state;
    open_log(fixture);
    for (int i = 0; i < MANY_LINES; i++) {
        peer_log_limited(&fixture->log, LOG_LEVEL_WARNING, LOG_BETS_REFUSED, "result: fail");
        peer_log_write(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_STORED, "result: success");
    }
    assert_int_equal(read_lines(fixture), LOG_LIMIT_BURST + MANY_LINES);
}

static void lines_below_the_threshold_are_neither_written_nor_counted(void **state)
{
    struct fixture *fixture = *state;
    log_set_threshold(LOG_LEVEL_WARNING);
    open_log(fixture);
    for (int i = 0; i < MANY_LINES; i++) {
        peer_log_limited(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "result: fail");
    }
    int64_t due_ms = peer_log_summarize(&fixture->log);
    peer_log_close(&fixture->log);
    assert_int_equal(read_lines(fixture), 0);
    assert_int_equal(due_ms, -1);
}

static void a_summary_that_is_not_due_says_when_it_is(void **state)
{
    struct fixture *fixture = *state;
    open_log(fixture);
    for (int i = 0; i < MANY_LINES; i++) {
        peer_log_limited(&fixture->log, LOG_LEVEL_INFO, LOG_BETS_REFUSED, "result: fail");
    }
    fixture->log.limit.summary_at_ms += LOG_LIMIT_SUMMARY_MS; /* however slow the machine is */
    int64_t due_ms = peer_log_summarize(&fixture->log);
    fixture->log.limit.summary_at_ms -= LOG_LIMIT_SUMMARY_MS;
    fixture->log.limit.summary_at_ms -= LOG_LIMIT_SUMMARY_MS;
    int64_t told_ms = peer_log_summarize(&fixture->log);
    assert_int_equal(read_lines(fixture), LOG_LIMIT_BURST + 1);
    assert_in_range(due_ms, 1, 2 * LOG_LIMIT_SUMMARY_MS);
    assert_int_equal(told_ms, -1);
}

#define PEER_LOG_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PEER_LOG_TEST(a_line_ends_in_the_handler_and_its_peer),
        PEER_LOG_TEST(a_line_of_a_forwarded_connection_names_the_balancer_too),
        PEER_LOG_TEST(a_line_that_is_too_long_keeps_the_name_at_its_end),
        PEER_LOG_TEST(what_can_be_repeated_is_counted_behind_a_burst),
        PEER_LOG_TEST(what_is_not_limited_is_never_suppressed),
        PEER_LOG_TEST(lines_below_the_threshold_are_neither_written_nor_counted),
        PEER_LOG_TEST(a_summary_that_is_not_due_says_when_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
