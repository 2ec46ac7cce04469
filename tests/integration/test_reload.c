/*
 * test_reload.c - SIGHUP: what a server that runs takes over of its configuration, and what not.
 */
#include "lib/log.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { LOOK_MS = 100, STRANGER_UID = 65534 };

/* A server whose file is `config`, in a place of its own. */
struct scene {
    struct stage *stage;
    const char *config;
    struct server *server;
};

static void start(struct scene *scene, struct stage *stage, const char *text,
                  const char *const *environment)
{
    scene->stage = stage;
    scene->config = stage_path(stage, "server.yaml");
    files_write(scene->config, text);
    scene->server = server_start_with(stage, NULL, ARGUMENTS("-c", scene->config), environment);
}

/* Sends SIGHUP, and awaits the last line of the `count`-th reload. */
static void hang_up(const struct scene *scene, size_t count, const char *end)
{
    assert_int_equal(kill(scene->server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene->server, count, end);
}

#define DONE  "action: reload | result: success | configuration:"
#define WRONG "action: reload | result: fail | mistakes:"

static void reload_with(const struct scene *scene, size_t count, const char *text)
{
    files_write(scene->config, text);
    hang_up(scene, count, DONE);
}

/* ----------------------------------------------------------------- testing ---- */

static void a_file_with_mistakes_changes_nothing_and_each_is_told(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  connections_per_address: 1\n", NULL);
    files_write(scene.config, "limits:\n  connections_per_address: 7\n  max_conections: 3\n"
                              "timeouts:\n  idle: soon\nring:\n  bytes: 64k\n");
    hang_up(&scene, 1, WRONG " 3 |");
    (void)server_await_log(scene.server, 1,
                           "ERROR *reload | result: fail | error: *server.yaml:3: "
                           "limits.max_conections: unknown key");
    (void)server_await_log(scene.server, 1, "reload | result: fail *server.yaml:5: timeouts.idle");
    (void)server_await_log(scene.server, 1, "reload | result: fail *ring.bytes (64k) has");
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "here\n", "here\n");
    peer_expect_close(peer_connect(scene.server));
    assert_int_equal(server_count_log(scene.server, "reload | result: success"), 0);
}

/* What is right by itself can be wrong with what the server was started with. */
static void a_value_that_the_ring_of_the_start_can_not_hold_is_refused(void **state)
{
    struct scene scene;
    start(&scene, *state, "ring:\n  bytes: 256k\n", NULL);
    files_write(scene.config, "ring:\n  bytes: 8M\nlimits:\n  message_bytes: 1M\n");
    hang_up(&scene, 1, WRONG " 1 |");
    (void)server_await_log(scene.server, 1, "reload | result: fail *ring.bytes (256k)");
}

static void a_file_that_is_gone_is_no_reason_for_defaults(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  connections_per_address: 1\n", NULL);
    assert_int_equal(unlink(scene.config), 0);
    hang_up(&scene, 1, WRONG " 1 |");
    (void)server_await_log(scene.server, 1, "reload | result: fail *server.yaml: cannot open it");
    reload_with(&scene, 1, "limits:\n  connections_per_address: 1\n");
    (void)server_await_log(scene.server, 1, DONE " unchanged");
}

/* ---------------------------------------------------------------- changing ---- */

/* To open a pipe would wait for whoever writes it, and the server with it. */
static void what_is_no_file_is_not_waited_for(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  bets_per_second: 7\n", NULL);
    assert_int_equal(unlink(scene.config), 0);
    assert_int_equal(mkfifo(scene.config, 0600), 0);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: fail *is no regular file");
    assert_int_equal(unlink(scene.config), 0);
    assert_int_equal(mkdir(scene.config, 0700), 0);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 2, "action: reload | result: fail *is no regular file");
    assert_int_equal(rmdir(scene.config), 0);
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "here\n", "here\n");
    server_stop_well(scene.server);
}

static void limits_and_times_count_for_connections_that_come_later(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  message_bytes: 2k\n  handlers_ahead: 4\n",
          ENVIRONMENT("LIMITS_HANDLERS_AHEAD="));
    struct peer *before = peer_connect(scene.server);
    peer_ask(before, bets_batch(scene.stage, 1, 0, 1), "server:0\r\n");
    reload_with(&scene, 1,
                "limits:\n  message_bytes: 256k\n  handlers_ahead: 2\n"
                "timeouts:\n  idle: 200ms\n");
    (void)server_await_log(
        scene.server, 1,
        "INFO *reload | result: success | key: limits.message_bytes | before: 2k "
        "| now: 256k");
    (void)server_await_log(scene.server, 1, "key: limits.handlers_ahead | before: 4 | now: 2");
    (void)server_await_log(scene.server, 1, "key: timeouts.idle | before: 10m | now: 200ms");
    (void)server_await_log(scene.server, 1, DONE " changed | keys_changed: 3 *restart: 0");
    struct peer *after = peer_connect(scene.server);
    peer_ask(after, bets_batch(scene.stage, 2, 0, 2000), "server:0\r\n");
    peer_expect_close(after); /* it was idle */
    peer_ask(before, bets_batch(scene.stage, 1, 1, 1), "server:0\r\n");
    peer_send(before, bets_batch(scene.stage, 1, 2, 2000));
    peer_expect(before, "server:1\r\n"); /* longer than what it began with may be */
    bets_expect_stored(scene.server, 2, 0, 2000);
}

static void a_key_that_needs_a_restart_is_told_each_time(void **state)
{
    struct scene scene;
    start(&scene, *state, "ack_after: synced\n", NULL);
    reload_with(&scene, 1, "ack_after: written\nwinners:\n  wait: 5s\n");
    (void)server_await_log(
        scene.server, 1,
        "WARNING *reload | result: in_progress | key: ack_after | before: synced "
        "| file: written | reason: needs a restart");
    (void)server_await_log(scene.server, 1, "key: winners.wait | before: 1s | now: 5s");
    hang_up(&scene, 2, DONE);
    (void)server_await_log(scene.server, 2, "key: ack_after | before: synced | file: written");
    assert_int_equal(server_count_log(scene.server, "key: winners.wait"), 1);
    reload_with(&scene, 3, "winners:\n  wait: 5s\n");
    (void)server_await_log(scene.server, 1, DONE " unchanged");
}

static void a_key_that_is_removed_is_at_its_default_again(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  connections_per_address: 1\n", NULL);
    struct peer *one = peer_connect(scene.server);
    peer_ask(one, "here\n", "here\n");
    reload_with(&scene, 1, "");
    (void)server_await_log(scene.server, 1,
                           "key: limits.connections_per_address | before: 1 | now: 0");
    struct peer *two = peer_connect(scene.server);
    peer_ask(two, "here\n", "here\n");
}

static void the_environment_wins_as_it_did_at_the_start(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  connections_per_address: 9\n",
          ENVIRONMENT("LIMITS_CONNECTIONS_PER_ADDRESS=1"));
    reload_with(&scene, 1, "limits:\n  connections_per_address: 5\n");
    (void)server_await_log(scene.server, 1, DONE " unchanged");
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "here\n", "here\n");
    peer_expect_close(peer_connect(scene.server));
}

static void without_a_file_there_is_nothing_to_read(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    files_write(stage_path(stage, "config.yaml"), "limits:\n  max_connections: 1\n");
    assert_int_equal(kill(server->program->pid, SIGHUP), 0);
    (void)server_await_log(server, 1, DONE " unchanged");
}

/* Nobody who is known is closed; who comes waits in the backlog until there is a place. */
static void limits_below_what_is_in_use_let_everybody_stay(void **state)
{
    enum { KNOWN = 3 };
    struct scene scene;
    start(&scene, *state, "limits:\n  max_connections: 4\n", NULL);
    struct peer *known[KNOWN];
    for (unsigned i = 0; i < KNOWN; i++) {
        known[i] = peer_connect(scene.server);
        peer_ask(known[i], bets_batch(scene.stage, i + 1, 0, 1), "server:0\r\n");
    }
    reload_with(&scene, 1, "limits:\n  max_connections: 2\n");
    (void)server_await_log(scene.server, 1, "key: limits.max_connections | before: 4 | now: 2");
    struct peer *waits = peer_connect(scene.server);
    peer_send(waits, bets_batch(scene.stage, 4, 0, 1));
    for (unsigned i = 0; i < KNOWN; i++) {
        peer_ask(known[i], bets_batch(scene.stage, i + 1, 1, 1), "server:0\r\n");
    }
    assert_false(peer_has_news(waits, LOOK_MS));
    peer_close(known[0]);
    peer_close(known[1]);
    peer_expect(waits, "server:0\r\n");
    reload_with(&scene, 2, "limits:\n  max_connections: 5\n");
    (void)server_await_log(scene.server, 1,
                           "WARNING *key: limits.max_connections | before: 2 | file: 5 *restart");
    reload_with(&scene, 3, "limits:\n  max_connections: 4\n");
    (void)server_await_log(scene.server, 1, "key: limits.max_connections | before: 2 | now: 4");
}

/* A quarter of what there is, and not of what the file wants after a restart. */
static void the_part_of_strangers_follows_the_limit(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  max_connections: 8\n", NULL);
    reload_with(&scene, 1, "limits:\n  max_connections: 4\n");
    (void)server_await_log(scene.server, 1,
                           "key: limits.unidentified_connections | before: 2 | now: 1");
    reload_with(&scene, 2, "limits:\n  max_connections: 800\n");
    (void)server_await_log(scene.server, 2, DONE);
    assert_int_equal(server_count_log(scene.server, "key: limits.unidentified_connections"), 1);
}

/* ------------------------------------------------------------- log, rights ---- */

static void the_level_counts_at_once_in_all_processes(void **state)
{
    struct scene scene;
    struct stage *stage = *state;
    start(&scene, stage, "log:\n  level: INFO\n", NULL);
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    (void)server_await_log(scene.server, 1, "action: apuesta_recibida");
    reload_with(&scene, 1, "log:\n  level: ERROR\n");
    (void)server_await_log(scene.server, 1, "key: log.level | before: INFO | now: ERROR");
    peer_ask(peer, bets_batch(stage, 1, 1, 1), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    files_write(scene.config, "log:\n  level: INFO\n");
    hang_up(&scene, 1, "key: log.level | before: ERROR | now: INFO");
    peer_ask(peer, bets_batch(stage, 2, 0, 1), "server:0\r\n");
    (void)server_await_log(scene.server, 2, "action: apuesta_recibida");
    assert_int_equal(server_count_log(scene.server, "action: apuesta_recibida"), 2);
    assert_int_equal(server_count_log(scene.server, "action: agencia_terminada"), 0);
}

/* Confined, and no longer root, it reads the file that a person has put in the place of the first. */
static void a_file_is_read_with_the_rights_of_the_servers_user(void **state)
{
    struct stage *stage = *state;
    const struct passwd *stranger = getpwuid(STRANGER_UID);
    if (geteuid() != 0 || stranger == NULL) {
        skip();
        return; /* skip() does not return, which clang-tidy can't see */
    }
    const char *directory = stage_path(stage, "theirs");
    assert_int_equal(chmod(stage->directory, 0711), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(chown(directory, STRANGER_UID, stranger->pw_gid), 0);
    struct scene scene = {.stage = stage, .config = stage_path(stage, "server.yaml")};
    const char *next = stage_path(stage, "server.yaml.new");
    files_write(scene.config, "");
    assert_int_equal(chmod(scene.config, 0644), 0);
    scene.server =
        server_start_with(stage, directory, ARGUMENTS("-c", scene.config),
                          ENVIRONMENT(stage_text(stage, "SERVER_USER=%s", stranger->pw_name)));
    files_write(next, "limits:\n  connections_per_address: 1\n");
    assert_int_equal(chmod(next, 0644), 0);
    assert_int_equal(rename(next, scene.config), 0);
    hang_up(&scene, 1, DONE " changed | keys_changed: 1");
    assert_int_equal(chmod(scene.config, 0600), 0);
    hang_up(&scene, 1, WRONG " 1 |");
    (void)server_await_log(scene.server, 1, "server.yaml: cannot open it: Permission denied");
    server_stop_well(scene.server);
}

/* ------------------------------------------------------------------ storms ---- */

static void hangups_without_end_under_load_lose_no_bet(void **state)
{
    enum { AGENCIES = 3, BETS = 30000, HANGUPS = 300, PAUSE_MS = 2 };
    struct scene scene;
    struct stage *stage = *state;
    start(&scene, stage, "limits:\n  handlers_ahead: 4\nagencies:\n  expected: 3\n",
          ENVIRONMENT("LIMITS_HANDLERS_AHEAD="));
    agency_generate(stage, AGENCIES, BETS);
    struct program *agencies[AGENCIES];
    for (uint32_t i = 0; i < AGENCIES; i++) {
        agencies[i] = agency_start(scene.server, i + 1, agency_bets_file(stage, i + 1),
                                   ENVIRONMENT("CLI_BATCH_MAXAMOUNT=10"));
    }
    const char *next = stage_path(stage, "server.yaml.new");
    for (unsigned i = 0; i < HANGUPS; i++) {
        files_write(next, stage_text(stage,
                                     "limits:\n  handlers_ahead: %u\n  bets_per_second: %u\n"
                                     "agencies:\n  expected: 3\n",
                                     i % 5, i % 2 == 0 ? 0U : 100000000U));
        assert_int_equal(rename(next, scene.config),
                         0); /* one that is read meanwhile stays whole */
        assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
        (void)usleep(PAUSE_MS * 1000);
    }
    (void)server_await_log(scene.server, 2, DONE " changed");
    for (uint32_t i = 0; i < AGENCIES; i++) {
        agency_expect_success(agencies[i]);
    }
    const struct reckoning *stored = reckoning_read(stage, server_file(scene.server, "bets.csv"));
    for (uint32_t i = 0; i < AGENCIES; i++) {
        reckoning_expect_file(stage, stored, i + 1, agency_bets_file(stage, i + 1), SIZE_MAX);
    }
    assert_int_equal(server_count_log(scene.server, "ERROR"), 0);
    server_stop_well(scene.server);
}

static void a_hangup_at_a_stop_disturbs_it_in_no_way(void **state)
{
    struct scene scene;
    start(&scene, *state, "limits:\n  handlers_ahead: 4\n", ENVIRONMENT("LIMITS_HANDLERS_AHEAD="));
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, bets_batch(scene.stage, 1, 0, 1), "server:0\r\n");
    files_write(scene.config, "limits: wrong\n");
    pid_t pid = scene.server->program->pid;
    assert_int_equal(kill(pid, SIGHUP), 0);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(kill(pid, SIGHUP), 0);
    server_stop_well(scene.server);
    bets_expect_stored(scene.server, 1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_file_with_mistakes_changes_nothing_and_each_is_told),
        STAGE_TEST(a_value_that_the_ring_of_the_start_can_not_hold_is_refused),
        STAGE_TEST(a_file_that_is_gone_is_no_reason_for_defaults),
        STAGE_TEST(what_is_no_file_is_not_waited_for),
        STAGE_TEST(limits_and_times_count_for_connections_that_come_later),
        STAGE_TEST(a_key_that_needs_a_restart_is_told_each_time),
        STAGE_TEST(a_key_that_is_removed_is_at_its_default_again),
        STAGE_TEST(the_environment_wins_as_it_did_at_the_start),
        STAGE_TEST(without_a_file_there_is_nothing_to_read),
        STAGE_TEST(limits_below_what_is_in_use_let_everybody_stay),
        STAGE_TEST(the_part_of_strangers_follows_the_limit),
        STAGE_TEST(the_level_counts_at_once_in_all_processes),
        STAGE_TEST(a_file_is_read_with_the_rights_of_the_servers_user),
        STAGE_TEST(hangups_without_end_under_load_lose_no_bet),
        STAGE_TEST(a_hangup_at_a_stop_disturbs_it_in_no_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
