/*
 * test_stat.c - lottery-stat beside a real server: what it shows, and what it
 * answers where there is none.
 */
#include "lib/program.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define ROW_A "Ana,Paz,11111111,1980-01-31,1"
#define ROW_B "Luz,Sol,22222222,1990-12-01,2"

enum {
    STATUS_FOUND = 0,
    STATUS_WRONG_USAGE = 2,
    STATUS_NO_SERVER = 3,
    STATUS_STARTING = 4,
    STATUS_OTHER_VERSION = 5
};

enum { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN }; /* of --check */

enum { RING_BYTES = 65536, SLOTS = 8, AGENCIES = 8, SCREEN_BYTES = 1 << 20 };

/* -------------------------------------------------------------- running it ---- */

/* Runs lottery-stat on this data directory to its end. */
static struct program *run_stat(struct stage *stage, const char *directory, const char *option,
                                int status)
{
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    const struct program_plan plan = {.name = "lottery-stat",
                                      .arguments = option == NULL ? NULL : ARGUMENTS(option),
                                      .environment = ENVIRONMENT(data)};
    struct program_end end;
    struct program *program = program_run(stage, &plan, &end);
    if (end.status != status) {
        program_show(program);
    }
    assert_int_equal(end.status, status);
    return program;
}

static const char *output_of(const struct server *server, const char *option)
{
    return program_log(run_stat(server->stage, server->directory, option, STATUS_FOUND));
}

/* The answer is a status and one line on the standard error; in metrics, a 0 as well. */
static void expect_answer(struct stage *stage, const char *directory, int status, const char *words)
{
    static const char *const options[] = {NULL, "--ready", "--json", "--prometheus"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        struct program *program = run_stat(stage, directory, options[i], status);
        const char *errors = program_errors(program);
        bool is_metrics = options[i] != NULL && strcmp(options[i], "--prometheus") == 0;
        const char *answer = strrchr(program_log(program), '#');
        assert_string_equal(answer == NULL ? "" : answer,
                            is_metrics ? "# TYPE lottery_up gauge\nlottery_up 0\n" : "");
        assert_non_null(strstr(errors, words));
        assert_ptr_equal(strchr(errors, '\n'), errors + strlen(errors) - 1);
    }
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* ----------------------------------------------------------------- outputs ---- */

/* A server with agency 1 (two bets, connected) and agency 2 (done, gone). */
static struct server *start_busy(struct stage *stage)
{
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=3"));
    struct peer *done = peer_connect(server);
    peer_ask(done, "2:5\r\n", "server:0\r\n");
    pid_t gone = server_handler_pid(server, done->port);
    peer_close(done);
    server_await_log(server, 1, stage_text(stage, "action: reap*pid: %d", (int)gone));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "1:4:" ROW_A "\n" ROW_B "\n\r\n", "server:0\r\n");
    server_await_activity(server, peer->port, SLOT_RECEIVING);
    return server;
}

static void json_is_valid_and_tells_what_happened(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_busy(stage);
    struct program *stat = run_stat(stage, server->directory, "--json", STATUS_FOUND);
    struct program_end end;
    (void)program_run(
        stage,
        &(struct program_plan){.name = "python3",
                               .arguments = ARGUMENTS("-m", "json.tool", stat->log_path)},
        &end);
    assert_int_equal(end.status, 0);
    const char *json = program_log(stat);
    unsigned bytes = (unsigned)files_size(server_file(server, "bets.csv"));
    assert_has(json, stage_text(stage, "\"pid\": %d", (int)server->program->pid));
    assert_has(json, stage_text(stage, "\"head_bytes\": %u, \"durable_bytes\": %u", bytes, bytes));
    assert_has(json, stage_text(stage, "\"pid\": %d", (int)server_storer_pid(server)));
    assert_has(json, "\"phase\": \"ready\"");
    assert_has(json, "\"agencies_done\": 1, \"agencies_expected\": 3, \"drawn\": false");
    assert_has(json, "\"missing\": 2, \"waiting\": 0, \"connected\": 1");
    assert_has(json, "\"connections_accepted\": 2");
    assert_has(json, "\"handlers_exited\": 1");
    assert_has(
        json,
        stage_text(stage, "{\"id\": 1, \"phase\": \"open\", \"bets\": 2, \"bytes\": %u", bytes));
    assert_has(json, "{\"id\": 2, \"phase\": \"done\", \"bets\": 0, \"bytes\": 0");
    assert_has(json, "{\"id\": 3, \"phase\": \"never\", \"bets\": 0, \"bytes\": 0");
    assert_has(json, "\"draw\": {\"name\": \"1\", \"state\": \"open\", \"closes_at_ms\": null");
    assert_has(json, "\"agency\": 1, \"activity\": \"receiving\"");
}

static void prometheus_tells_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_busy(stage);
    const char *text = output_of(server, "--prometheus");
    unsigned long long bytes = files_size(server_file(server, "bets.csv"));
    assert_has(text, "# TYPE lottery_bets_total counter\nlottery_bets_total 2\n");
    assert_has(text, stage_text(stage, "\nlottery_ring_durable_bytes_total %llu\n", bytes));
    assert_has(text, "\nlottery_agency_bets_total{agency=\"1\"} 2\n");
    assert_has(text, "\nlottery_agency_phase{agency=\"2\",phase=\"done\"} 1\n");
    assert_has(text, "\nlottery_gate_missing 2\n");
    assert_has(text, "\nlottery_handlers_exited_total 1\n");
}

static void the_table_tells_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_busy(stage);
    const char *table = output_of(server, NULL);
    assert_has(table, "server   phase            ready");
    assert_has(table, "bets                 2");
    assert_has(table,
               "gate     missing              2  waiting              0  connected            1");
    assert_has(table, "           1  open           2");
    assert_has(table, "           2  done           0");
    assert_has(table, "127.0.0.1:");
}

static void the_draw_and_a_waiting_look_up_are_seen(void **state)
{
    struct server *server =
        server_start(*state, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s"));
    struct peer *first = peer_connect(server);
    struct peer *second = peer_connect(server);
    peer_ask(first, "1:4:Ana,Paz,11111111,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(first, "1:5\r\n", "server:0\r\n");
    peer_send(first, "1:6\r\n");
    server_await_waiting(server, 1);
    const char *before = output_of(server, "--json");
    assert_has(before, "\"missing\": 1, \"waiting\": 1, \"connected\": 2");
    assert_has(before, "\"activity\": \"waiting at gate\"");
    peer_ask(second, "2:5\r\n", "server:0\r\n");
    (void)peer_receive_message(first);
    const char *after = output_of(server, "--json");
    assert_has(after, "\"drawn\": true, \"winners\": 1, \"took_ns\": ");
    assert_has(after, "\"missing\": 0, \"waiting\": 0, \"connected\": 2");
}

static void a_killed_handler_and_storer_are_counted(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    server_kill_handler(server, peer->port);
    server_await_log(server, 1, "action: reap*role: handler*");
    server_kill_storer(server);
    server_await_log(server, 2, "action: storer_start | result: success*");
    const char *json = output_of(server, "--json");
    assert_has(json, "\"handlers_killed\": 1, \"storer_deaths\": 1");
    assert_has(json, "\"restarts\": 1");
    assert_has(json, "\"handlers\": []");
}

static void the_configuration_file_tells_which_server(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    const char *file = stage_path(stage, "server.yaml");
    files_write(file, stage_text(stage, "data:\n  directory: %s\n", server->directory));
    struct program_end end;
    struct program *program =
        program_run(stage,
                    &(struct program_plan){.name = "lottery-stat",
                                           .arguments = ARGUMENTS("-c", file, "--json")},
                    &end);
    assert_int_equal(end.status, STATUS_FOUND);
    assert_has(program_log(program), stage_text(stage, "\"pid\": %d", (int)server->program->pid));
}

static void minus_t_checks_the_configuration_and_needs_no_server(void **state)
{
    struct stage *stage = *state;
    const char *config = stage_path(stage, "server.yaml");
    const struct program_plan plan = {.name = "lottery-stat",
                                      .arguments = ARGUMENTS("-t", "-c", config)};
    struct program_end end;
    files_write(config, "server:\n  port: 4711\n");
    struct program *good = program_run(stage, &plan, &end);
    assert_int_equal(end.status, STATUS_FOUND);
    assert_string_equal(program_log(good),
                        stage_text(stage, "lottery-stat: configuration ok (%s)\n", config));
    files_write(config, "server:\n  port: 4711\n  gate: 1\n");
    struct program *bad = program_run(stage, &plan, &end);
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    assert_has(program_errors(bad), "server.yaml:3: server.gate");
}

static void explaining_needs_no_server(void **state)
{
    struct program *program = run_stat(*state, "/nowhere", "--explain", STATUS_FOUND);
    assert_has(program_log(program), "head_bytes  (bytes; table: head");
    (void)run_stat(*state, "/nowhere", "--bogus", STATUS_WRONG_USAGE);
}

/* ------------------------------------------------------------------ answers ---- */

static void readiness_comes_and_goes_with_the_server(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    expect_answer(stage, directory, STATUS_NO_SERVER, "no server");
    struct server *server = server_start(stage, NULL);
    server_await_log(server, 1, "action: storer_start | result: success*");
    struct program *ready = run_stat(stage, server->directory, "--ready", STATUS_FOUND);
    assert_string_equal(program_log(ready), "");
    assert_string_equal(program_errors(ready), "");
    server_stop_well(server);
    expect_answer(stage, server->directory, STATUS_NO_SERVER, "no server");
}

static void a_killed_servers_leftovers_are_no_server(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    server_kill_everything(server);
    expect_answer(stage, server->directory, STATUS_NO_SERVER, "killed");
}

/* A segment without a server: the test holds the lock in its place. */
struct impostor {
    struct segment segment;
    int lock;
    const char *directory;
};

static bool release_impostor(void *thing)
{
    struct impostor *impostor = thing;
    segment_remove(&impostor->segment);
    return close(impostor->lock) == 0;
}

static struct impostor *pose_as_server(struct stage *stage)
{
    struct impostor *impostor = stage_allocate(stage, sizeof *impostor);
    struct failure failure;
    struct stat status;
    impostor->directory = stage_path(stage, "posed");
    assert_int_equal(mkdir(impostor->directory, 0755), 0);
    assert_int_equal(stat(impostor->directory, &status), 0);
    impostor->lock = open(stage_path(stage, "posed/lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(flock(impostor->lock, LOCK_EX | LOCK_NB), 0);
    const struct segment_plan plan = {.directory_device = status.st_dev,
                                      .directory_inode = status.st_ino,
                                      .ring_bytes = RING_BYTES,
                                      .agency_limit = AGENCIES,
                                      .agencies_expected = 1,
                                      .slot_capacity = SLOTS};
    assert_true(segment_create(&plan, &impostor->segment, &failure));
    stage_own(stage, impostor, release_impostor);
    return impostor;
}

static void a_server_that_starts_says_so(void **state)
{
    struct stage *stage = *state;
    struct impostor *impostor = pose_as_server(stage);
    expect_answer(stage, impostor->directory, STATUS_STARTING, "starting");
    segment_publish(&impostor->segment, SHARED_STARTING);
    expect_answer(stage, impostor->directory, STATUS_STARTING, "starting");
    segment_publish(&impostor->segment, SHARED_READY);
    (void)run_stat(stage, impostor->directory, NULL, STATUS_FOUND);
}

static void another_version_says_so(void **state)
{
    struct stage *stage = *state;
    struct impostor *impostor = pose_as_server(stage);
    impostor->segment.shared->identity.layout_version += 1;
    segment_publish(&impostor->segment, SHARED_READY);
    expect_answer(stage, impostor->directory, STATUS_OTHER_VERSION, "another version");
}

/* ------------------------------------------------------------------- checking ---- */

static const char *check_of(struct stage *stage, const char *directory, int status)
{
    struct program *program = run_stat(stage, directory, "--check", status);
    const char *line = program_log(program);
    assert_string_equal(program_errors(program), "");
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    return line;
}

static void a_check_is_one_line_and_a_plugins_status(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    assert_has(check_of(stage, directory, STATUS_CRITICAL), "LOTTERY CRITICAL - no server: ");
    assert_has(check_of(stage, directory, STATUS_CRITICAL), " [LT-3001]\n");
    struct server *server = start_busy(stage);
    const char *well = check_of(stage, server->directory, STATUS_OK);
    assert_has(well, "LOTTERY OK - draw 1 open, 2 bets, 1 of 3 agencies done");
    assert_has(well, "; agency 3 never connected [LT-3006]");
    assert_has(well, " | bets=2c connections=1 agencies_done=1 agencies_expected=3 disk_free=");
    server_kill_storer(server);
    server_await_log(server, 2, "action: storer_start | result: success*");
    assert_has(check_of(stage, server->directory, STATUS_WARNING),
               "LOTTERY WARNING - storers that died: 1 in ");
    const char *json = output_of(server, "--json");
    assert_has(json, "\"needs_look\": [\n    {\"id\": \"LT-3009\", \"severity\": \"warning\", ");
}

static void a_check_that_can_not_be_made_is_unknown(void **state)
{
    struct stage *stage = *state;
    const char *config = stage_path(stage, "server.yaml");
    struct program_end end;
    files_write(config, "server:\n  gate: 1\n");
    struct program *wrong =
        program_run(stage,
                    &(struct program_plan){.name = "lottery-stat",
                                           .arguments = ARGUMENTS("--check", "-c", config)},
                    &end);
    assert_int_equal(end.status, STATUS_UNKNOWN);
    assert_has(program_log(wrong), "LOTTERY UNKNOWN - ");
    (void)program_run(stage,
                      &(struct program_plan){.name = "lottery-stat",
                                             .arguments = ARGUMENTS("--check", "--silent", "x")},
                      &end);
    assert_int_equal(end.status, STATUS_UNKNOWN);
    struct impostor *impostor = pose_as_server(stage);
    assert_has(check_of(stage, impostor->directory, STATUS_WARNING), "[LT-3025]\n");
    impostor->segment.shared->identity.layout_version += 1;
    segment_publish(&impostor->segment, SHARED_READY);
    assert_has(check_of(stage, impostor->directory, STATUS_UNKNOWN), "[LT-3005]\n");
}

/* ----------------------------------------------------------------- watching ---- */

static void watching_into_a_file_is_a_table_after_the_other(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    struct program *watch = program_start(
        stage, &(struct program_plan){.name = "lottery-stat",
                                      .arguments = ARGUMENTS("--watch", "--interval", "0.1"),
                                      .environment = ENVIRONMENT(data)});
    program_await_log(watch, 1, "no server*");
    struct server *server = start_busy(stage);
    assert_string_equal(server->directory, directory);
    program_await_log(watch, 2, "rates*bets*/s*");
    server_stop_well(server);
    size_t gone = program_count_log(watch, "no server*");
    program_await_log(watch, gone + 1, "no server*");
    assert_int_equal(program_stop(watch, SIGTERM).status, 0);
    assert_null(strchr(program_log(watch), '\x1b'));
}

/* lottery-stat --watch on a terminal of its own. */
struct terminal {
    int master;
    pid_t pid; /* 0: it has been reaped */
    size_t used;
    char shown[SCREEN_BYTES];
};

static bool release_terminal(void *thing)
{
    struct terminal *terminal = thing;
    if (terminal->pid > 0) {
        (void)kill(terminal->pid, SIGKILL);
        (void)waitpid(terminal->pid, NULL, 0);
    }
    return close(terminal->master) == 0;
}

static void become_watcher(const char *slave, const char *program, const char *data)
{
    enum { VARIABLE_BYTES = 512 };
    char directory[VARIABLE_BYTES];
    (void)snprintf(directory, sizeof directory, "%s", data);
    (void)setsid();
    int terminal = open(slave, O_RDWR); /* the controlling one from now on */
    if (terminal >= 0 && dup2(terminal, STDIN_FILENO) >= 0 && dup2(terminal, STDOUT_FILENO) >= 0) {
        char kind[] = "TERM=xterm";
        (void)execle(program, "lottery-stat", "--watch", "--interval", "0.1", (char *)NULL,
                     (char *const[]){directory, kind, NULL});
    }
    _exit(127);
}

static struct terminal *watch_on_terminal(const struct server *server)
{
    struct stage *stage = server->stage;
    const char *bin = getenv("LOTTERY_BIN");
    const char *program = stage_text(stage, "%s/lottery-stat", bin == NULL ? "bin" : bin);
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", server->directory);
    const struct winsize window = {.ws_row = 24, .ws_col = 80};
    struct terminal *terminal = stage_allocate(stage, sizeof *terminal);
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->master >= 0);
    assert_int_equal(grantpt(terminal->master), 0);
    assert_int_equal(unlockpt(terminal->master), 0);
    assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &window), 0);
    const char *slave = stage_text(stage, "%s", ptsname(terminal->master));
    terminal->pid = fork();
    if (terminal->pid == 0) {
        become_watcher(slave, program, data);
    }
    assert_true(terminal->pid > 0);
    stage_own(stage, terminal, release_terminal);
    return terminal;
}

/* Reads on until the text has been shown; NULL: until the other side is closed. */
static void await_shown(struct terminal *terminal, const char *text)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (text == NULL || strstr(terminal->shown, text) == NULL) {
        struct pollfd poll_master = {.fd = terminal->master, .events = POLLIN};
        if (poll(&poll_master, 1, deadline_left_ms(deadline)) <= 0) {
            fail_msg("not shown in time: %s", text == NULL ? "the end" : text);
        }
        size_t room = sizeof terminal->shown - 1 - terminal->used;
        ssize_t got = read(terminal->master, terminal->shown + terminal->used, room);
        if (got <= 0) {
            assert_null(text);
            return;
        }
        terminal->used += (size_t)got;
    }
}

static void expect_watch_ends(struct terminal *terminal)
{
    int status = 0;
    await_shown(terminal, NULL);
    assert_int_equal(waitpid(terminal->pid, &status, 0), terminal->pid);
    terminal->pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    static const char restored[] = "\x1b[?25h\x1b[?1049l";
    assert_string_equal(terminal->shown + terminal->used - strlen(restored), restored);
}

static void watching_gives_the_terminal_back_on_interrupt(void **state)
{
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    await_shown(terminal, "\x1b[?1049h");
    await_shown(terminal, "127.0.0.1:");
    assert_int_equal(write(terminal->master, "\x03", 1), 1); /* ^C */
    expect_watch_ends(terminal);
}

static void watching_ends_on_q_and_follows_the_windows_size(void **state)
{
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    const struct winsize narrow = {.ws_row = 6, .ws_col = 33};
    await_shown(terminal, "127.0.0.1:");
    assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &narrow), 0);
    await_shown(terminal, "\x1b[K         bets                 2");
    assert_int_equal(write(terminal->master, "q", 1), 1);
    expect_watch_ends(terminal);
}

static void watching_sorts_filters_and_scrolls_by_keys(void **state)
{
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    await_shown(terminal, "? help  q quit  / filter  s sort: state  m missing only: no");
    await_shown(terminal, "\r\n\x1b[K           3  never ");
    assert_int_equal(write(terminal->master, "b", 1), 1);
    await_shown(terminal, "s sort: bets");
    assert_int_equal(write(terminal->master, "m\t", 2), 2);
    await_shown(terminal, "m missing only: yes");
    assert_int_equal(write(terminal->master, "\x1b[", 2), 2); /* an arrow, in two pieces */
    assert_int_equal(write(terminal->master, "Bl", 2), 2);
    await_shown(terminal, "s sort: silent");
    assert_int_equal(kill(terminal->pid, SIGQUIT), 0);
    expect_watch_ends(terminal);
}

static void forget_shown(struct terminal *terminal)
{
    terminal->used = 0;
    memset(terminal->shown, 0, sizeof terminal->shown);
}

static void watching_explains_its_keys_and_filters(void **state)
{
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    await_shown(terminal, "LT-3006  agency 3 never connected");
    assert_int_equal(write(terminal->master, "?", 1), 1);
    await_shown(terminal, "Esc           show all again");
    assert_int_equal(write(terminal->master, " /done", 6), 6);
    await_shown(terminal, "/done_  Enter: keep it  Esc: show all");
    await_shown(terminal, "no connection like that");
    assert_int_equal(write(terminal->master, "\r", 1), 1);
    await_shown(terminal, "/done (Esc)  s sort: state");
    forget_shown(terminal);
    assert_int_equal(write(terminal->master, "\x1b", 1), 1); /* Escape, and nothing after it */
    await_shown(terminal, "/ filter");
    await_shown(terminal, "127.0.0.1:");
    assert_int_equal(write(terminal->master, "q", 1), 1);
    expect_watch_ends(terminal);
}

/* On the narrowest window that people have, no line of it is cut off. */
static void the_help_of_keys_fits_a_narrow_window(void **state)
{
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    const struct winsize narrow = {.ws_row = 24, .ws_col = 40};
    await_shown(terminal, "127.0.0.1:");
    assert_int_equal(ioctl(terminal->master, TIOCSWINSZ, &narrow), 0);
    assert_int_equal(write(terminal->master, "?", 1), 1);
    await_shown(terminal, "\n\x1b[K/ TEXT   show what has TEXT: an agency's\r");
    await_shown(terminal, "\n\x1b[K         number, a state, or a peer, and\r");
    await_shown(terminal, "\n\x1b[Kfigure.");
    assert_int_equal(write(terminal->master, "q", 1), 1);
    expect_watch_ends(terminal);
}

static void watching_goes_on_after_it_was_stopped(void **state)
{
    int status = 0;
    struct server *server = start_busy(*state);
    struct terminal *terminal = watch_on_terminal(server);
    await_shown(terminal, "127.0.0.1:");
    assert_int_equal(kill(terminal->pid, SIGTSTP), 0);
    assert_int_equal(waitpid(terminal->pid, &status, WUNTRACED), terminal->pid);
    assert_true(WIFSTOPPED(status));
    await_shown(terminal, "\x1b[?25h\x1b[?1049l");
    forget_shown(terminal);
    assert_int_equal(kill(terminal->pid, SIGCONT), 0);
    await_shown(terminal, "\x1b[?1049h");
    assert_int_equal(write(terminal->master, "q", 1), 1);
    expect_watch_ends(terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(json_is_valid_and_tells_what_happened),
        STAGE_TEST(prometheus_tells_the_same),
        STAGE_TEST(the_table_tells_the_same),
        STAGE_TEST(the_draw_and_a_waiting_look_up_are_seen),
        STAGE_TEST(a_killed_handler_and_storer_are_counted),
        STAGE_TEST(the_configuration_file_tells_which_server),
        STAGE_TEST(minus_t_checks_the_configuration_and_needs_no_server),
        STAGE_TEST(explaining_needs_no_server),
        STAGE_TEST(readiness_comes_and_goes_with_the_server),
        STAGE_TEST(a_killed_servers_leftovers_are_no_server),
        STAGE_TEST(a_server_that_starts_says_so),
        STAGE_TEST(another_version_says_so),
        STAGE_TEST(a_check_is_one_line_and_a_plugins_status),
        STAGE_TEST(a_check_that_can_not_be_made_is_unknown),
        STAGE_TEST(watching_into_a_file_is_a_table_after_the_other),
        STAGE_TEST(watching_gives_the_terminal_back_on_interrupt),
        STAGE_TEST(watching_ends_on_q_and_follows_the_windows_size),
        STAGE_TEST(watching_sorts_filters_and_scrolls_by_keys),
        STAGE_TEST(watching_explains_its_keys_and_filters),
        STAGE_TEST(the_help_of_keys_fits_a_narrow_window),
        STAGE_TEST(watching_goes_on_after_it_was_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
