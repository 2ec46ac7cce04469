/*
 * test_draws.c - one draw after another in the same directory, opened by `lottery-admin open` while
 * agencies are connected.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/stage.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TURNOVER_MS = 5000, WINNING_NUMBER = 7574, KILLED = 128 + SIGKILL };

#define WINNER "Ana,Paz,1,1980-01-31,7574"

static const char *const terms[] = {"NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=20s",
                                    "TIMEOUTS_SHUTDOWN=1s", NULL};

/* ---------------------------------------------------------------- opening ---- */

/* Starts `lottery-admin WORDS...` on a directory. */
static struct program *ask_at(struct stage *stage, const char *directory,
                              const char *const *arguments)
{
    const struct program_plan plan = {
        .name = "lottery-admin",
        .arguments = arguments,
        .environment = ENVIRONMENT(stage_text(stage, "DATA_DIRECTORY=%s", directory)),
        .more_environment = terms};
    return program_start(stage, &plan);
}

static struct program *ask(const struct server *server, const char *const *arguments)
{
    return ask_at(server->stage, server->directory, arguments);
}

/* Awaits an end with this status; the words are on standard output (0), or on standard error. */
static void expect_end(struct program *admin, int status, const char *words)
{
    struct program_end end = program_await_end(admin);
    const char *said = status == 0 ? program_log(admin) : program_errors(admin);
    if (end.status != status || strstr(said, words) == NULL) {
        program_show(admin);
        stage_fail_at(__FILE__, __LINE__, "status %d and '%s' were expected, %d came", status,
                      words, end.status);
    }
}

/* Opens the next draw, within the time that it may take. */
static void open_next(const struct server *server, const char *const *arguments)
{
    struct deadline deadline = deadline_in(TURNOVER_MS);
    expect_end(ask(server, arguments), 0,
               stage_text(server->stage, "draw %s is open", arguments[1]));
    assert_true(deadline_left_ms(deadline) > 0);
}

static void expect_refusal(const struct server *server, const char *const *arguments,
                           const char *words)
{
    expect_end(ask(server, arguments), 1, words);
}

/* control of the current draw, or of one in the archive, has this line. */
static void expect_control(const struct server *server, const char *draw, const char *line)
{
    const char *path =
        draw == NULL ? server_file(server, "control")
                     : stage_text(server->stage, "%s/draws/%s/control", server->directory, draw);
    const char *text = files_read(server->stage, path, NULL);
    if (strstr(text, stage_text(server->stage, "\n%s\n", line)) == NULL) {
        stage_fail_at(__FILE__, __LINE__, "%s has no line '%s':\n%s", path, line, text);
    }
}

static void expect_archived(const struct server *server, const char *draw, const char *name,
                            const char *text)
{
    const char *path = stage_text(server->stage, "%s/draws/%s/%s", server->directory, draw, name);
    assert_string_equal(files_read(server->stage, path, NULL), text);
}

/* Two agencies bet a row each, of which one wins, and the draw is held. */
static void play(const struct server *server)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
    peer_ask(peer, bets_batch(server->stage, 2, 0, 1), "server:0\r\n");
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n2:6\r\n", "server:3:1," WINNER "\n\r\nserver:3:\r\n");
    peer_close(peer);
}

/* -------------------------------------------------------------- in a row ---- */

static void several_draws_follow_each_other_in_place(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    for (unsigned draw = 1; draw <= 4; draw++) {
        play(server);
        const char *bets = files_read(stage, server_file(server, "bets.csv"), NULL);
        const char *winners = files_read(stage, server_file(server, "winners.csv"), NULL);
        const char *next = stage_text(stage, "%u", draw + 1);
        open_next(server, ARGUMENTS("open", next, "--number", "7574"));
        const char *name = stage_text(stage, "%u", draw);
        expect_archived(server, name, "bets.csv", bets);
        expect_archived(server, name, "winners.csv", winners);
        expect_control(server, name, "state drawn");
        expect_control(server, name, stage_text(stage, "draw %u", draw));
        expect_control(server, NULL, stage_text(stage, "draw %s", next));
        expect_control(server, NULL, "archiving -");
        expect_control(server, NULL, "terms_by command");
        assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
        assert_false(files_exist(server_file(server, "winners.csv")));
    }
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void the_next_draw_has_its_own_number_and_agencies(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    play(server);
    open_next(server, ARGUMENTS("open", "W48", "--number", "1234", "--agencies", "7-8", "--closes",
                                "2099-12-31T20:00:00Z"));
    expect_control(server, NULL, "agencies_expected 2");
    expect_control(server, NULL, "agencies_allowed 7-8");
    expect_control(server, NULL, "winning_number 1234");
    expect_control(server, NULL, "number_by opening");
    expect_control(server, NULL, "closes_at 2099-12-31T20:00:00.000Z");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:1\r\n");
    peer = peer_connect(server);
    peer_ask(peer, "7:4:Ana,Paz,1,1980-01-31,1234\n\r\n", "server:0\r\n");
    peer_ask(peer, "8:4:" WINNER "\n\r\n", "server:0\r\n");
    peer_ask(peer, "7:5\r\n8:5\r\n7:6\r\n8:6\r\n",
             "server:0\r\nserver:0\r\nserver:3:7,Ana,Paz,1,1980-01-31,1234\n\r\nserver:3:\r\n");
}

static void what_open_does_not_say_is_as_in_the_draw_before(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    play(server);
    open_next(server, ARGUMENTS("open", "a", "--number", "7574", "--agencies", "1,2,5"));
    expect_control(server, NULL, "agencies_expected 3");
    open_next(server, ARGUMENTS("open", "b", "--number", "1", "--abandon"));
    expect_control(server, NULL, "agencies_expected 3");
    expect_control(server, NULL, "agencies_allowed 1-2,5");
}

static void json_says_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    expect_end(ask(server, ARGUMENTS("open", "W48", "--json", "--number", "1", "--abandon")), 0,
               "{\"ok\": true, \"command\": \"open\", \"answer\": \"draw W48 is open");
    struct program *refused = ask(server, ARGUMENTS("open", "W48", "--json", "--abandon"));
    assert_int_equal(program_await_end(refused).status, 1);
    assert_non_null(strstr(program_log(refused), "{\"ok\": false, \"command\": \"open\""));
}

/* ----------------------------------------------------------- under people ---- */

static void whoever_waits_at_the_gate_is_let_go_and_comes_back(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_send(peer, "1:6\r\n");
    server_await_waiting(server, 1);
    open_next(server,
              ARGUMENTS("open", "W48", "--number", "7574", "--abandon", "--reason", "a rehearsal"));
    (void)peer_drain(peer);
    expect_control(server, "1", "state abandoned");
    expect_control(server, "1", "abandoned_reason a rehearsal");
    expect_archived(server, "1", "bets.csv", "1," WINNER "\r\n");
    assert_false(files_exist(stage_text(stage, "%s/draws/1/winners.csv", server->directory)));
    play(server);
}

static void what_was_acknowledged_in_the_middle_of_betting_is_archived(void **state)
{
    enum { PEERS = 8, BATCHES = 40, ROWS = 5 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peers[PEERS];
    for (unsigned i = 0; i < PEERS; i++) {
        peers[i] = peer_connect(server);
        peer_ask(peers[i], bets_batch(stage, 1 + i % 2, i * BATCHES * ROWS, ROWS), "server:0\r\n");
        for (unsigned batch = 1; batch < BATCHES; batch++) {
            peer_send(peers[i], bets_batch(stage, 1 + i % 2, (i * BATCHES + batch) * ROWS, ROWS));
        }
    }
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    uint64_t bytes = 0;
    size_t lines = 0;
    for (unsigned i = 0; i < PEERS; i++) {
        bytes += peer_drain(peers[i]);
    }
    const char *stored =
        files_read(stage, stage_text(stage, "%s/draws/1/bets.csv", server->directory), NULL);
    for (const char *at = stored; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    /* each answer is an ACK of ROWS bets; the first of each peer has been read before */
    assert_in_range(lines, (bytes / strlen("server:0\r\n") + PEERS) * ROWS, PEERS * BATCHES * ROWS);
    expect_control(server, "1", stage_text(stage, "bets_bytes %zu", strlen(stored)));
    play(server);
}

/* Whoever connects while the server is between two draws waits, and is served. */
static void nobody_is_refused_between_two_draws(void **state)
{
    enum { DRAWS = 5, CONNECTIONS = 20 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    for (unsigned draw = 0; draw < DRAWS; draw++) {
        const char *name = stage_text(stage, "W%u", draw);
        struct program *admin =
            ask(server, ARGUMENTS("open", name, "--number", "7574", "--abandon"));
        unsigned served = 0;
        while (served < CONNECTIONS || !program_has_ended(admin)) {
            struct peer *peer = peer_connect(server); /* which fails the test when it is refused */
            peer_send(peer, "1:7\r\n");
            assert_true(
                peer_has_news(peer, TURNOVER_MS)); /* STATE, or the end of the draw before */
            peer_close(peer);
            served++;
        }
        expect_end(admin, 0, "is open");
    }
}

static void agencies_that_are_at_work_come_back_to_the_next_draw(void **state)
{
    enum { ROWS = 20000 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    agency_generate(stage, 2, ROWS);
    struct peer *peer = peer_connect(server); /* one that only listens */
    struct program *agency =
        agency_start(server, 1, agency_bets_file(stage, 1), ENVIRONMENT("CLI_LOOP_PERIOD=10ms"));
    (void)program_await_log(agency, 1, "action: *");
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    peer_expect_close(peer);
    peer = peer_connect(server);
    peer_ask(peer, "2:7\r\n", "server:8:0,open*\r\n");
    (void)program_stop(agency, SIGTERM);
}

/* --------------------------------------------------------------- refusals ---- */

static void a_draw_that_can_not_be_opened_leaves_the_current_one_undisturbed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(
        stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=20s", "LIMITS_AGENCIES=50"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
    expect_refusal(server, ARGUMENTS("open", "W48"), "has not been held");
    expect_refusal(server, ARGUMENTS("open", "1", "--abandon"), "can't be given a second time");
    expect_refusal(server, ARGUMENTS("open", "W48", "--abandon", "--agencies", "1-51"),
                   "51 agencies are more than limits.agencies");
    expect_refusal(server, ARGUMENTS("open", "W48", "--abandon", "--agencies", "3-1"),
                   "--agencies");
    expect_refusal(server,
                   ARGUMENTS("open", "W48", "--abandon", "--closes", "2020-01-01T00:00:00Z"),
                   "2020-01-01T00:00:00.000Z is over");
    assert_int_equal(mkdir(server_file(server, "draws"), 0700), 0);
    assert_int_equal(mkdir(server_file(server, "draws/1"), 0700), 0);
    files_write(server_file(server, "draws/1/bets.csv"), "");
    assert_int_equal(chmod(server_file(server, "draws/1/bets.csv"), 0600), 0);
    expect_refusal(server, ARGUMENTS("open", "W48", "--abandon"), "is in the way");
    assert_false(peer_has_news(peer, 0)); /* nobody was disconnected */
    peer_ask(peer, "1:5\r\n2:5\r\n1:6\r\n", "server:0\r\nserver:0\r\nserver:3:1," WINNER "\n\r\n");
    assert_int_equal(unlink(server_file(server, "draws/1/bets.csv")), 0);
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574"));
}

static void a_name_is_given_once_for_ever(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    open_next(server, ARGUMENTS("open", "W47", "--number", "1", "--abandon"));
    open_next(server, ARGUMENTS("open", "W48", "--number", "1", "--abandon"));
    expect_refusal(server, ARGUMENTS("open", "W47", "--number", "1", "--abandon"), "second time");
    expect_refusal(server, ARGUMENTS("open", "1", "--number", "1", "--abandon"), "second time");
    expect_refusal(server, ARGUMENTS("open", "W48", "--number", "1", "--abandon"), "second time");
    server_stop_well(server);
    server = server_start(stage, terms);
    expect_refusal(server, ARGUMENTS("open", "W47", "--number", "1", "--abandon"), "second time");
}

static void what_is_mistyped_does_not_reach_the_server(void **state)
{
    enum { USAGE = 2 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    expect_end(ask(server, ARGUMENTS("open", "../x")), USAGE, "no name of a draw");
    expect_end(ask(server, ARGUMENTS("open")), USAGE, "open NAME");
    expect_end(ask(server, ARGUMENTS("open", "a", "--closes", "tomorrow")), USAGE, "no moment");
    expect_end(ask(server, ARGUMENTS("open", "a", "--number", "x")), USAGE, "no number");
    expect_end(ask(server, ARGUMENTS("open", "a", "--reason", "b")), USAGE, "for --abandon");
    expect_end(ask(server, ARGUMENTS("open", "a", "--without", "1")), USAGE, "takes no option");
    expect_end(ask(server, ARGUMENTS("draw", "--number", "1")), USAGE, "--seal");
    assert_int_equal(server_count_log(server, "action: admin"), 0);
}

/* --------------------------------------------------------------- restarts ---- */

static void a_restart_goes_on_with_the_terms_of_the_draw(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    play(server);
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--agencies", "1-2"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
    server_stop_well(server);
    server = server_start(
        stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5", "WINNING_NUMBER=1", "WINNERS_WAIT=20s"));
    assert_int_equal(server_gate(server).missing, 2);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:1,open*\r\n");
    peer_ask(peer, "3:4:" WINNER "\n\r\n", "server:1\r\n");
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:1,open*\r\n");
    peer_ask(peer, "1:5\r\n2:5\r\n1:6\r\n", "server:0\r\nserver:0\r\nserver:3:1," WINNER "\n\r\n");
}

static void a_restart_with_too_few_agencies_says_how_many_are_needed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    open_next(server,
              ARGUMENTS("open", "W48", "--number", "7574", "--agencies", "1-40", "--abandon"));
    server_stop_well(server);
    struct program_end end;
    struct program *failed = server_start_in_vain(
        stage, NULL, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "LIMITS_AGENCIES=10"), &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(failed), "set that to 40 at least"));
}

/* Whatever comes first, the request or the signal: one of the two draws is there, and is whole. */
static void a_server_that_is_stopped_during_the_turnover_stops_well(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
    pid_t handler = server_handler_pid(server, peer->port);
    assert_int_equal(kill(handler, SIGSTOP), 0); /* so that the turnover takes its time */
    struct program *admin = ask(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    (void)server_await_log(server, 1, "action: admin | result: in_progress | command: open");
    assert_int_equal(kill(server->program->pid, SIGTERM), 0);
    assert_int_equal(kill(handler, SIGCONT), 0);
    assert_int_equal(program_await_end(server->program).status, 0);
    int status = program_await_end(admin).status;
    stage_expect_nothing_left(stage);
    assert_false(files_exist(server_file(server, "admin.sock")));
    server = server_start(stage, terms);
    bool opened = strstr(files_read(stage, server_file(server, "control"), NULL), "\ndraw W48\n");
    assert_int_equal(opened, status == 0);
    const char *bets = opened ? stage_text(stage, "%s/draws/1/bets.csv", server->directory)
                              : server_file(server, "bets.csv");
    assert_string_equal(files_read(stage, bets, NULL), "1," WINNER "\r\n");
}

static void a_handler_that_has_to_be_killed_stops_no_draw(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    for (unsigned draw = 0; draw < 2; draw++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
        assert_int_equal(kill(server_handler_pid(server, peer->port), SIGSTOP), 0);
        open_next(server, ARGUMENTS("open", stage_text(stage, "W%u", draw), "--number", "7574",
                                    "--abandon"));
        peer_expect_close(peer);
        expect_archived(server, draw == 0 ? "1" : "W0", "bets.csv", "1," WINNER "\r\n");
    }
    server_stop_well(server);
}

static void a_storer_that_does_not_end_leaves_the_current_draw_at_work(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:" WINNER "\n\r\n", "server:0\r\n");
    pid_t storer = server_storer_pid(server);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    expect_refusal(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"),
                   "the current draw goes on");
    peer_expect_close(peer);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:1,open*\r\n");
    expect_control(server, NULL, "draw 1");
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    expect_archived(server, "1", "bets.csv", "1," WINNER "\r\n");
    server_stop_well(server);
}

/* ------------------------------------------------------------- the socket ---- */

static void without_a_server_lottery_admin_says_so(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    expect_end(ask_at(stage, directory, ARGUMENTS("open", "W48")), 1, "there is no data directory");
    struct server *server = server_start(stage, terms);
    server_stop_well(server);
    expect_refusal(server, ARGUMENTS("open", "W48"), "no server listens");
}

static void the_socket_of_a_killed_server_is_replaced_by_the_next_one(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    server_kill_everything(server);
    assert_true(files_exist(server_file(server, "admin.sock")));
    expect_refusal(server, ARGUMENTS("open", "W48", "--abandon"), "no server listens");
    server = server_start(stage, terms);
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
}

static void a_directory_with_a_long_path_has_a_socket(void **state)
{
    enum { PART_BYTES = 100 };
    struct stage *stage = *state;
    char part[PART_BYTES + 1];
    memset(part, 'd', PART_BYTES);
    part[PART_BYTES] = '\0';
    const char *directory = stage_path(stage, "%s", part);
    assert_int_equal(mkdir(directory, 0700), 0);
    directory = stage_text(stage, "%s/%s", directory, part);
    struct server *server = server_start_with(stage, directory, NULL, terms);
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    play(server);
}

static void where_no_socket_can_be_made_the_server_goes_on(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(mkdir(stage_path(stage, "data/admin.sock"), 0700), 0);
    struct server *server = server_start(stage, terms);
    (void)server_await_log(server, 1, "action: admin | result: fail*lottery-admin can't reach");
    play(server);
    expect_refusal(server, ARGUMENTS("open", "W48"), "no server listens");
    server_stop_well(server);
    assert_true(files_exist(stage_path(stage, "data/admin.sock")));
}

static void an_operator_who_leaves_is_obeyed_all_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    pid_t handler = server_handler_pid(server, peer->port);
    assert_int_equal(kill(handler, SIGSTOP), 0); /* the turnover waits for it */
    struct program *admin = ask(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    (void)server_await_log(server, 1, "action: admin | result: in_progress | command: open");
    (void)program_stop(admin, SIGKILL);
    assert_int_equal(kill(handler, SIGCONT), 0);
    (void)server_await_log(server, 1, "action: admin | result: success | answer: draw W48 is open");
    play(server);
}

static void control_that_is_gone_is_missed_where_there_are_archives(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    open_next(server, ARGUMENTS("open", "W48", "--number", "7574", "--abandon"));
    server_stop_well(server);
    assert_int_equal(unlink(server_file(server, "control")), 0);
    (void)unlink(server_file(server, "checkpoint")); /* it would be missed for that, too */
    struct program_end end;
    struct program *failed = server_start_in_vain(stage, NULL, NULL, terms, &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(failed), "control is missing, and draws is there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(several_draws_follow_each_other_in_place),
        STAGE_TEST(the_next_draw_has_its_own_number_and_agencies),
        STAGE_TEST(what_open_does_not_say_is_as_in_the_draw_before),
        STAGE_TEST(json_says_the_same),
        STAGE_TEST(whoever_waits_at_the_gate_is_let_go_and_comes_back),
        STAGE_TEST(what_was_acknowledged_in_the_middle_of_betting_is_archived),
        STAGE_TEST(nobody_is_refused_between_two_draws),
        STAGE_TEST(agencies_that_are_at_work_come_back_to_the_next_draw),
        STAGE_TEST(a_draw_that_can_not_be_opened_leaves_the_current_one_undisturbed),
        STAGE_TEST(a_name_is_given_once_for_ever),
        STAGE_TEST(what_is_mistyped_does_not_reach_the_server),
        STAGE_TEST(a_restart_goes_on_with_the_terms_of_the_draw),
        STAGE_TEST(a_restart_with_too_few_agencies_says_how_many_are_needed),
        STAGE_TEST(a_server_that_is_stopped_during_the_turnover_stops_well),
        STAGE_TEST(a_handler_that_has_to_be_killed_stops_no_draw),
        STAGE_TEST(a_storer_that_does_not_end_leaves_the_current_draw_at_work),
        STAGE_TEST(without_a_server_lottery_admin_says_so),
        STAGE_TEST(the_socket_of_a_killed_server_is_replaced_by_the_next_one),
        STAGE_TEST(a_directory_with_a_long_path_has_a_socket),
        STAGE_TEST(where_no_socket_can_be_made_the_server_goes_on),
        STAGE_TEST(an_operator_who_leaves_is_obeyed_all_the_same),
        STAGE_TEST(control_that_is_gone_is_missed_where_there_are_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
