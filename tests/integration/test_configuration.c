/*
 * test_configuration.c - where the server's settings come from, and what they do.
 */
#include "lib/program.h"
#include "server/server_config.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h> /* after what it needs */

#define CONFIG_LINE "action: config | result: success*"

static void the_file_wins_over_the_default_and_the_environment_over_both(void **state)
{
    struct stage *stage = *state;
    const char *config = stage_path(stage, "server.yaml");
    files_write(config, "lottery:\n  winning_number: 1111\n"
                        "limits:\n  message_bytes: 2k\n"
                        "agencies:\n  expected: 3\n");
    struct server *server =
        server_start_with(stage, NULL, ARGUMENTS("-c", config),
                          ENVIRONMENT("WINNING_NUMBER=2222", "NUMBER_OF_AGENCIES="));
    (void)server_await_log(server, 1, CONFIG_LINE "lottery.winning_number: 2222");
    (void)server_await_log(server, 1, CONFIG_LINE "limits.message_bytes: 2k");
    (void)server_await_log(server, 1, CONFIG_LINE "agencies.expected: 3");
    (void)server_await_log(server, 1, CONFIG_LINE "limits.max_connections: 4096");
}

static void config_yaml_of_the_working_directory_is_read(void **state)
{
    struct stage *stage = *state;
    files_write(stage_path(stage, "config.yaml"), "untyped_messages: single\n");
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:Ana,Paz,11111111,1980-01-31,1\n", "server:0\n");
}

static void the_file_that_is_delivered_says_what_the_defaults_are(void **state)
{
    struct stage *stage = *state;
    char *delivered = realpath("server/config.yaml", NULL);
    if (delivered == NULL) {
        fail_msg("server/config.yaml: tests are run in the checkout");
    }
    stage_keep(stage, delivered);
    struct server *by_default = server_start(stage, NULL);
    server_stop_well(by_default);
    struct server *by_file = server_start_with(stage, NULL, ARGUMENTS("-c", delivered), NULL);
    const char *one = strstr(server_await_log(by_default, 1, CONFIG_LINE), "action:");
    const char *two = strstr(server_await_log(by_file, 1, CONFIG_LINE), "action:");
    const char *end = strstr(one, " | pid: "); /* what follows is who says it */
    assert_non_null(end);
    size_t bytes = (size_t)(end - one) + strlen(" | pid: ");
    assert_true(strlen(two) > bytes);
    assert_memory_equal(one, two, bytes);
}

/* --------------------------------------------------------------------- -t ---- */

static void minus_t_checks_the_configuration_and_starts_nothing(void **state)
{
    struct stage *stage = *state;
    const char *config = stage_path(stage, "server.yaml");
    struct program_end end;
    files_write(config, "server:\n  port: 4711\n");
    struct program *good =
        server_start_in_vain(stage, NULL, ARGUMENTS("-t", "-c", config), NULL, &end);
    assert_int_equal(end.status, 0);
    assert_non_null(strstr(program_log(good), "configuration ok"));
    files_write(config, "server:\n  port: 4711\n  gate: 1\n");
    struct program *bad =
        server_start_in_vain(stage, NULL, ARGUMENTS("-t", "-c", config), NULL, &end);
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    assert_non_null(strstr(program_errors(bad), "server.yaml:3: server.gate"));
    assert_false(files_exist(stage_path(stage, "data")));
    stage_expect_nothing_left(stage);
}

static struct program_end test_config(struct stage *stage, const char *const *environment,
                                      struct program **program)
{
    struct program_end end;
    *program = server_start_in_vain(stage, NULL, ARGUMENTS("-t"), environment, &end);
    return end;
}

/* A configuration with four mistakes: each program that reads it tells all of them. */
static void expect_all_mistakes(struct stage *stage, const char *name, const char *argument)
{
    struct program_end end;
    files_write(stage_path(stage, "config.yaml"), "server:\n  adress: localhost\n"
                                                  "ring:\n  bytes: 64k\n"
                                                  "lottery:\n  name: \"no name\"\n");
    const struct program_plan plan = {.name = name,
                                      .arguments = ARGUMENTS(argument),
                                      .environment = ENVIRONMENT("TIMEOUTS_IDLE=long")};
    struct program *program = program_run(stage, &plan, &end);
    static const char *const wanted[] = {
        "config.yaml:2: server.adress: unknown key; did you mean address?",
        "TIMEOUTS_IDLE: \"long\" is not a duration",
        "config.yaml:4: ring.bytes: ring.bytes (64k) has to hold 4 messages",
        "config.yaml:6: lottery.name: \"no name\" is no name of a draw"};
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(program_errors(program), wanted[i]) == NULL) {
            fail_msg("%s: no \"%s\" in: %s", name, wanted[i], program_errors(program));
        }
    }
    assert_string_equal(program_log(program), "");
}

static void minus_t_lists_all_mistakes(void **state)
{
    expect_all_mistakes(*state, "lottery-server", "-t");
}

static void whoever_reads_the_server_s_configuration_lists_all_mistakes(void **state)
{
    expect_all_mistakes(*state, "lottery-stat", "-t");
    expect_all_mistakes(*state, "lottery-stat", "--json");
    expect_all_mistakes(*state, "lottery-web", "-t");
    expect_all_mistakes(*state, "lottery-admin", "status");
}

static void minus_t_looks_at_directory_port_and_shared_memory(void **state)
{
    struct stage *stage = *state;
    struct program *program = NULL;
    struct server *server = server_start(stage, NULL);
    const char *port = stage_text(stage, "SERVER_PORT=%u", server->port);
    assert_int_equal(test_config(stage, ENVIRONMENT(port), &program).status, 0);
    assert_non_null(strstr(program_log(program), "lottery-server: a server runs in "));
    const char *other = stage_path(stage, "missing/data");
    struct program_end end = test_config(
        stage, ENVIRONMENT(port, stage_text(stage, "DATA_DIRECTORY=%s", other)), &program);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), "create data directory"));
    assert_non_null(strstr(program_errors(program), "Address already in use"));
    assert_int_equal(chmod(server->directory, 0755), 0);
    assert_int_equal(test_config(stage, NULL, &program).status, 1);
    assert_non_null(strstr(program_errors(program), "chmod"));
    assert_int_equal(chmod(server->directory, 0700), 0);
    server_stop_well(server);
    assert_int_equal(test_config(stage, ENVIRONMENT(port), &program).status, 0);
    assert_non_null(strstr(program_log(program), "configuration ok (no file)\n"));
}

static void expect_told(struct program *program, const char *const *wanted, size_t count)
{
    const char *at = program_errors(program);
    for (size_t i = 0; i < count; i++) {
        const char *found = strstr(at, wanted[i]);
        if (found == NULL) {
            fail_msg("no \"%s\", or not in this order: %s", wanted[i], program_errors(program));
            return; /* which fail_msg does not, and clang-tidy can't see it */
        }
        at = found;
    }
}

/* Of the machine, too: all that can be looked at, although something else is wrong. */
static void minus_t_looks_at_what_right_keys_name_although_others_are_wrong(void **state)
{
    struct stage *stage = *state;
    struct program *program = NULL;
    const struct server *server = server_start(stage, NULL);
    const char *port = stage_text(stage, "SERVER_PORT=%u", server->port);
    const char *missing = stage_text(stage, "DATA_DIRECTORY=%s", stage_path(stage, "missing/data"));
    files_write(stage_path(stage, "config.yaml"), "limits:\n  bogus: 3\nring:\n  bytes: much\n");
    struct program_end end =
        test_config(stage,
                    ENVIRONMENT(port, missing, "TIMEOUTS_IDLE=long", "SEAL_KEY=/nowhere/seal.key",
                                "TLS_MODE=required", "TLS_CERTIFICATE=/nowhere/cert.pem",
                                "TLS_KEY=/nowhere/key.pem", "TLS_CA=/dev/null"),
                    &program);
    static const char *const all[] = {"limits.bogus: unknown key",
                                      "ring.bytes: \"much\" is not",
                                      "TIMEOUTS_IDLE: \"long\" is not",
                                      "seal.key: open /nowhere/seal.key: No such",
                                      "tls.certificate: open /nowhere/cert.pem: No such",
                                      "tls.key: open /nowhere/key.pem: No such",
                                      "tls.ca: open /dev/null: it is a device",
                                      "create data directory",
                                      "Address already in use"};
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    expect_told(program, all, sizeof all / sizeof all[0]);
}

/* What is the default only because of a mistake is not what was wanted, and nothing is told of it. */
static void minus_t_does_not_look_at_what_a_wrong_key_names(void **state)
{
    static const char *const files[] = {
        "server:\n  prot: 4711\n",            /* which port? */
        "serber:\n  port: 4711\n",            /* the same */
        "server:\n  address: [a, b]\n",       /* which address? */
        "data:\n  directry: elsewhere\n",     /* is it this server's port? */
        "server:\n  user: {name: lottery}\n", /* what may that user do? */
        "limits:\n  agencies: 9\n\t: ",       /* no YAML; what else stands there? */
    };
    struct stage *stage = *state;
    const struct server *server = server_start(stage, NULL);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct program_end end;
        files_write(stage_path(stage, "config.yaml"), files[i]);
        const struct program_plan plan = {
            .name = "lottery-server",
            .arguments = ARGUMENTS("-t"),
            .environment =
                ENVIRONMENT(stage_text(stage, "SERVER_PORT=%s",
                                       i == 2 ? stage_text(stage, "%u", server->port) : ""),
                            "SERVER_ADDRESS=", "SERVER_USER=", "DATA_DIRECTORY=")};
        struct program *program = program_run(stage, &plan, &end);
        const char *line_feed = strchr(program_errors(program), '\n');
        assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
        if (line_feed == NULL || line_feed[1] != '\0') {
            fail_msg("%s is more than one mistake: %s", files[i], program_errors(program));
        }
    }
}

static void minus_t_finds_other_terms_than_those_of_what_is_stored(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    struct server *server = server_start(stage, NULL);
    const char *const *others = ENVIRONMENT("NUMBER_OF_AGENCIES=7");
    (void)server_start_in_vain(stage, server->directory, ARGUMENTS("-t"), others, &end);
    assert_int_equal(end.status, EXIT_SUCCESS); /* nothing is stored yet */
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    struct program *program =
        server_start_in_vain(stage, server->directory, ARGUMENTS("-t"), others, &end);
    assert_int_equal(end.status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(program), "is of other terms than the configuration"));
    (void)server_start_in_vain(stage, server->directory, ARGUMENTS("-t"), NULL, &end);
    assert_int_equal(end.status, EXIT_SUCCESS);
}

static void capital_t_prints_each_value_and_where_it_comes_from(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    files_write(stage_path(stage, "config.yaml"), "limits:\n  agencies: 9\n");
    const struct program_plan plan = {.name = "lottery-server",
                                      .arguments = ARGUMENTS("-T"),
                                      .environment = ENVIRONMENT("WINNING_NUMBER=2222")};
    struct program *program = program_run(stage, &plan, &end);
    assert_int_equal(end.status, 0);
    assert_int_equal(program_count_log(program, "limits.agencies  *9  *config.yaml:2"), 1);
    assert_int_equal(program_count_log(program, "lottery.winning_number  *2222  *WINNING_NUMBER"),
                     1);
    assert_int_equal(program_count_log(program, "ring.bytes  *8M  *default"), 1);
    assert_false(files_exist(stage_path(stage, "data")));
}

/* Beside a service named "server", an orchestrator sets this for everybody. */
static void what_an_orchestrator_sets_is_ignored_with_a_warning(void **state)
{
    static const char *const names[] = {"lottery-server", "lottery-agency", "lottery-stat"};
    struct stage *stage = *state;
    files_write(stage_path(stage, "port.yaml"), "server: {port: 0}\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct program_end end;
        bool is_agency = strcmp(names[i], "lottery-agency") == 0;
        const struct program_plan plan = {
            .name = names[i],
            .arguments = is_agency ? ARGUMENTS("-t") : ARGUMENTS("-t", "-c", "port.yaml"),
            .environment = ENVIRONMENT("SERVER_PORT=tcp://10.96.0.12:12345", "CLI_ID=1",
                                       "SERVER_HOST=server")};
        struct program *program = program_run(stage, &plan, &end);
        assert_int_equal(end.status, 0);
        assert_string_equal(program_log(program),
                            stage_text(stage, "%s: configuration ok (%s)\n", names[i],
                                       is_agency ? "no file" : "port.yaml"));
        assert_non_null(strstr(program_errors(program),
                               "WARNING: SERVER_PORT=tcp://10.96.0.12:12345 is ignored"));
    }
}

static void fewer_agencies_than_the_draw_needs_are_a_warning(void **state)
{
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT("AGENCIES_ALLOWED=1-2,7", "NUMBER_OF_AGENCIES=4");
    struct program_end end;
    struct program *check = server_start_in_vain(stage, NULL, ARGUMENTS("-t"), environment, &end);
    assert_int_equal(end.status, 0);
    assert_int_equal(program_count_log(check, "WARNING*agencies.allowed: 1-2,7*expected: 4*"), 1);
    assert_int_equal(program_count_log(check, "configuration ok"), 1);
    struct server *server = server_start(stage, environment);
    (void)server_await_log(server, 1, "WARNING*agencies.allowed: 1-2,7*agencies.expected: 4*");
    server_stop_well(server);
    server = server_start(stage, ENVIRONMENT("AGENCIES_ALLOWED=1-2,7", "NUMBER_OF_AGENCIES=3"));
    assert_int_equal(server_count_log(server, "WARNING*agencies"), 0);
}

static void help_and_version_are_printed_by_every_program(void **state)
{
    static const char *const names[] = {"lottery-server", "lottery-agency", "lottery-stat"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct program_end end;
        struct program_plan plan = {.name = names[i], .arguments = ARGUMENTS("-h")};
        struct program *program = program_run(*state, &plan, &end);
        assert_int_equal(end.status, 0);
        assert_non_null(strstr(program_log(program), stage_text(*state, "usage: %s", names[i])));
        plan.arguments = ARGUMENTS("-V");
        program = program_run(*state, &plan, &end);
        assert_int_equal(end.status, 0);
        assert_memory_equal(program_log(program), names[i], strlen(names[i]));
    }
}

static void assert_fits(const char *text)
{
    for (const char *end = NULL; (end = strchr(text, '\n')) != NULL; text = end + 1) {
        assert_in_range(end - text, 0, CONFIG_HELP_COLUMNS);
    }
}

static void help_names_every_key_within_a_hundred_columns(void **state)
{
    struct program_end end;
    struct program_plan plan = {.name = "lottery-server", .arguments = ARGUMENTS("-h")};
    const char *help = program_log(program_run(*state, &plan, &end));
    assert_fits(help);
    for (size_t i = 0; i < server_config_table.count; i++) {
        assert_non_null(strstr(help, server_config_table.keys[i].path[0]));
        assert_non_null(strstr(help, server_config_table.keys[i].environment[0]));
    }
    plan.name = "lottery-agency";
    help = program_log(program_run(*state, &plan, &end));
    assert_fits(help);
    assert_non_null(strstr(help, "winners.file  "));
    assert_non_null(strstr(help, "CLI_WINNERS_FILE, OUTPUT_FILE\n"));
}

/* ----------------------------------------------------------------- settings ---- */

static void acknowledged_when_written_is_there_when_all_processes_are_killed(void **state)
{
    enum { BATCHES = 20 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("ACK_AFTER=written"));
    struct peer *peer = peer_connect(server);
    (void)server_await_log(server, 1, CONFIG_LINE "ack_after: written");
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_ask(peer, bets_batch(stage, 1, i * 10, 10), "server:0\r\n");
    }
    peer_ask(peer, "1:7\r\n", stage_text(stage, "server:8:%d,open*\r\n", BATCHES * 10));
    server_kill_everything(server);
    server = server_start(stage, NULL);
    bets_expect_stored(server, 1, 0, BATCHES * 10);
}

static void a_quorum_lets_any_agency_speak_and_draws_when_enough_are_done(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("AGENCY_QUORUM_MIN=2", "WINNERS_WAIT=10s"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 4000000000U, 0, 1), "server:0\r\n");
    peer_ask(peer, "17:5\r\n17:5\r\n17:7\r\n", "server:0\r\nserver:0\r\nserver:8:0,done*\r\n");
    peer_ask(peer, "4000000000:5\r\n17:6\r\n", "server:0\r\nserver:3:\r\n");
    bets_expect_stored(server, 4000000000U, 0, 1);
}

static void the_smallest_ring_stores_more_than_it_can_hold(void **state)
{
    enum { BATCHES = 100, BETS = 100, RING_BYTES = 65536 };
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=16k"));
    struct peer *peer = peer_connect(server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_send(peer, bets_batch(stage, 1, i * BETS, BETS));
    }
    peer_expect(peer, bets_repeat(stage, "server:0\r\n", BATCHES));
    assert_true(files_size(server_file(server, "bets.csv")) > (uint64_t)4 * RING_BYTES);
    bets_expect_stored(server, 1, 0, BATCHES * BETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(the_file_wins_over_the_default_and_the_environment_over_both),
        STAGE_TEST(config_yaml_of_the_working_directory_is_read),
        STAGE_TEST(the_file_that_is_delivered_says_what_the_defaults_are),
        STAGE_TEST(minus_t_checks_the_configuration_and_starts_nothing),
        STAGE_TEST(minus_t_lists_all_mistakes),
        STAGE_TEST(whoever_reads_the_server_s_configuration_lists_all_mistakes),
        STAGE_TEST(minus_t_looks_at_directory_port_and_shared_memory),
        STAGE_TEST(minus_t_looks_at_what_right_keys_name_although_others_are_wrong),
        STAGE_TEST(minus_t_does_not_look_at_what_a_wrong_key_names),
        STAGE_TEST(minus_t_finds_other_terms_than_those_of_what_is_stored),
        STAGE_TEST(capital_t_prints_each_value_and_where_it_comes_from),
        STAGE_TEST(what_an_orchestrator_sets_is_ignored_with_a_warning),
        STAGE_TEST(fewer_agencies_than_the_draw_needs_are_a_warning),
        STAGE_TEST(help_and_version_are_printed_by_every_program),
        STAGE_TEST(help_names_every_key_within_a_hundred_columns),
        STAGE_TEST(acknowledged_when_written_is_there_when_all_processes_are_killed),
        STAGE_TEST(a_quorum_lets_any_agency_speak_and_draws_when_enough_are_done),
        STAGE_TEST(the_smallest_ring_stores_more_than_it_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
