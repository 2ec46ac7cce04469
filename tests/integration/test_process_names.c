/*
 * test_process_names.c - whoever looks with ps sees which process is which.
 *
 * `ps -e` shows the kernel's name of a process, `ps -f` its command line (proc(5)).
 */
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static void expect_role(const struct server *server, pid_t pid, const char *role)
{
    char name[PROC_NAME_BYTES] = "";
    char line[PROC_LINE_BYTES];
    assert_int_equal(proc_parent(pid, name), server->program->pid);
    proc_command_line(pid, line);
    assert_string_equal(name, role);
    assert_string_equal(line, role);
}

static struct peer *connect_and_ask(const struct server *server)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n"); /* so its handler is there */
    return peer;
}

static void each_process_is_shown_by_its_role(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    const struct peer *first = connect_and_ask(server);
    const struct peer *second = connect_and_ask(server);
    expect_role(server, server_storer_pid(server), "lottery-storer");
    expect_role(server, server_handler_pid(server, first->port), "lottery-handler");
    expect_role(server, server_handler_pid(server, second->port), "lottery-handler");
    assert_int_equal(proc_children(server->program->pid, NULL, NULL, 0), 3);
    server_stop_well(server);
}

/* It is the one that was started, by these arguments. */
static void the_supervisor_is_shown_as_it_was_started(void **state)
{
    struct stage *stage = *state;
    const char *file = stage_path(stage, "the server's.yaml");
    files_write(file, "log:\n  level: info\n");
    struct server *server = server_start_with(stage, NULL, ARGUMENTS("-c", file), NULL);
    (void)connect_and_ask(server);
    pid_t pid = server->program->pid;
    const char *end = stage_text(stage, "lottery-server -c %s", file);
    char name[PROC_NAME_BYTES] = "";
    char line[PROC_LINE_BYTES];
    assert_int_equal(proc_parent(pid, name), getpid());
    proc_command_line(pid, line);
    assert_string_equal(name, "lottery-server");
    assert_true(strlen(line) >= strlen(end));
    assert_string_equal(line + strlen(line) - strlen(end), end);
    server_stop_well(server);
}

static void a_storer_that_takes_over_is_shown_by_its_role_too(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    server_kill_storer(server);
    (void)server_await_log(server, 2, "action: storer_start | result: success");
    expect_role(server, server_storer_pid(server), "lottery-storer");
    server_stop_well(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(each_process_is_shown_by_its_role),
        STAGE_TEST(the_supervisor_is_shown_as_it_was_started),
        STAGE_TEST(a_storer_that_takes_over_is_shown_by_its_role_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
