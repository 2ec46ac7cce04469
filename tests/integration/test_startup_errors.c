/*
 * test_startup_errors.c - what keeps a program from starting is said in one
 * clear line, with an exit status, and nothing stays behind.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { DIRECTORY_MODE = 0700 };

/* The program has ended so, saying one line in which all of this stands, in this order. */
static void expect_one_line(struct program *program, struct program_end end, int status,
                            const char *const *fragments)
{
    const char *errors = program_errors(program);
    const char *line_feed = strchr(errors, '\n');
    const char *at = errors;
    if (end.status != status || line_feed == NULL || line_feed[1] != '\0') {
        fail_msg("status %d, and it said:\n%s", end.status, errors);
    }
    for (; *fragments != NULL; fragments++) {
        at = strstr(at, *fragments);
        if (at == NULL) {
            stage_fail_at(__FILE__, __LINE__, "\"%s\" is missing in: %s", *fragments, errors);
        }
    }
}

#define FRAGMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Starts a server that can't, and expects its one line, and that nothing is left. */
static void expect_refusal(struct stage *stage, const char *directory,
                           const char *const *environment, const char *const *fragments)
{
    struct program_end end;
    struct program *program = server_start_in_vain(stage, directory, NULL, environment, &end);
    expect_one_line(program, end, EXIT_FAILURE, fragments);
    stage_expect_nothing_left(stage);
}

/* The same, of a configuration that is wrong: `config` is its file, or NULL. */
static void expect_wrong_configuration(struct stage *stage, const char *config,
                                       const char *const *environment, const char *const *fragments)
{
    struct program_end end;
    struct program *program = server_start_in_vain(
        stage, NULL, config == NULL ? NULL : ARGUMENTS("-c", config), environment, &end);
    expect_one_line(program, end, PROGRAM_EXIT_CONFIG, fragments);
    stage_expect_nothing_left(stage);
}

/* ----------------------------------------------------------- configuration ---- */

static void a_wrong_configuration_file_is_named_with_line_and_key(void **state)
{
    static const struct {
        const char *text;
        const char *place;
        const char *word;
    } wrongs[] = {
        {"server:\n  port: 1\n  prot: 2\n", ":3:", "server.prot"},
        {"server:\n  port: twelve\n", ":2:", "server.port"},
        {"server:\n  port: 65536\n", ":2:", "server.port"},
        {"# none\n\nlog:\n  level: LOUD\n", ":4:", "log.level"},
        {"winners:\n  wait: 5 bananas\n", ":2:", "winners.wait"},
        {"ack_after: never\n", ":1:", "ack_after"},
        {"start:\n  verify: some\n", ":2:", "start.verify"},
        {"agencies:\n  expected: 0\n", ":2:", "agencies.expected"},
        {"agencies:\n  allowed: 5-1\n", ":2:", "agencies.allowed"},
        {"server:\n  port: [1, 2]\n", ":2:", "server.port"},
        {"ring:\n  bytes: 100k\n", ":2:", "ring.bytes"},
        {"server:\n  port: 1\n\tport: 2\n", ":3:", ""},
    };
    struct stage *stage = *state;
    const char *config = stage_path(stage, "wrong.yaml");
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        files_write(config, wrongs[i].text);
        expect_wrong_configuration(stage, config, NULL,
                                   FRAGMENTS("wrong.yaml", wrongs[i].place, wrongs[i].word));
        assert_false(files_exist(stage_path(stage, "data")));
    }
}

static void a_missing_configuration_file_is_named(void **state)
{
    struct stage *stage = *state;
    expect_wrong_configuration(stage, stage_path(stage, "nowhere.yaml"), NULL,
                               FRAGMENTS("nowhere.yaml", "No such file"));
}

static void a_wrong_environment_variable_is_named(void **state)
{
    expect_wrong_configuration(*state, NULL, ENVIRONMENT("SERVER_PORT=http"),
                               FRAGMENTS("SERVER_PORT"));
    expect_wrong_configuration(*state, NULL, ENVIRONMENT("NUMBER_OF_CLIENTS=-3"),
                               FRAGMENTS("NUMBER_OF_CLIENTS"));
}

static void an_unknown_option_is_answered_with_the_usage(void **state)
{
    struct program_end end;
    struct program *program =
        server_start_in_vain(*state, NULL, ARGUMENTS("--port", "80"), NULL, &end);
    assert_int_equal(end.status, 2);
    assert_non_null(strstr(program_errors(program), "usage: lottery-server"));
    stage_expect_nothing_left(*state);
}

/* ------------------------------------------------------------------ network ---- */

static void a_port_in_use_is_named(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct program_end end;
    struct program *second =
        server_start_in_vain(stage, stage_path(stage, "other"), NULL,
                             ENVIRONMENT(stage_text(stage, "SERVER_PORT=%u", server->port)), &end);
    expect_one_line(second, end, EXIT_FAILURE,
                    FRAGMENTS(stage_text(stage, "%u", server->port), "Address already in use"));
    assert_false(files_exist(stage_path(stage, "other/bets.csv")));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "still here\n", "still here\n");
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void an_address_that_is_not_ours_is_named(void **state)
{
    expect_refusal(*state, NULL, ENVIRONMENT("SERVER_ADDRESS=203.0.113.7"),
                   FRAGMENTS("203.0.113.7", "Cannot assign requested address"));
}

/* ----------------------------------------------------------- data directory ---- */

static void a_data_directory_that_can_not_be_is_named(void **state)
{
    struct stage *stage = *state;
    files_write(stage_path(stage, "file"), "not a directory");
    expect_refusal(stage, stage_path(stage, "file"), NULL,
                   FRAGMENTS("data directory", "/file", "Not a directory"));
    expect_refusal(stage, stage_path(stage, "file/below"), NULL,
                   FRAGMENTS("data directory", "/file/below", "Not a directory"));
    expect_refusal(stage, stage_path(stage, "missing/below"), NULL,
                   FRAGMENTS("data directory", "/missing/below", "No such file"));
    assert_string_equal(files_read(stage, stage_path(stage, "file"), NULL), "not a directory");
}

/* A data directory in which a server has been that stored nothing. */
static const char *make_data(struct stage *stage, const char *const *environment)
{
    server_stop_well(server_start(stage, environment));
    return stage_path(stage, "data");
}

static void a_directory_where_bets_csv_should_be_is_named(void **state)
{
    struct stage *stage = *state;
    const char *data = make_data(stage, NULL);
    assert_int_equal(unlink(stage_path(stage, "data/bets.csv")), 0);
    assert_int_equal(mkdir(stage_path(stage, "data/bets.csv"), DIRECTORY_MODE), 0);
    expect_refusal(stage, data, NULL, FRAGMENTS("bets.csv is a directory", "move it away"));
}

static void a_data_directory_in_use_is_refused_and_its_server_named(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    struct program_end end;
    struct program *second = server_start_in_vain(stage, server->directory, NULL, NULL, &end);
    expect_one_line(second, end, EXIT_FAILURE,
                    FRAGMENTS(server->directory, "in use by another server", "pid",
                              stage_text(stage, "%d", (int)server->program->pid)));
    peer_ask(peer, bets_batch(stage, 1, 2, 2), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

/* Starts a server on a directory with this file in it, which it has to refuse and to leave alone. */
static void expect_untouched(struct stage *stage, const char *data, const char *name,
                             const char *text, const char *const *fragments)
{
    const char *path = stage_path(stage, "data/%s", name);
    files_write(path, text);
    expect_refusal(stage, data, ENVIRONMENT("RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=16k"),
                   fragments);
    assert_string_equal(files_read(stage, path, NULL), text);
    files_remove_tree(data);
}

/* A directory in which no server has been. */
static void expect_untouched_alone(struct stage *stage, const char *name, const char *text,
                                   const char *const *fragments)
{
    const char *data = stage_path(stage, "data");
    assert_int_equal(mkdir(data, DIRECTORY_MODE), 0);
    expect_untouched(stage, data, name, text, fragments);
}

/* One in which a server has been, and has stored nothing. */
static void expect_untouched_after(struct stage *stage, const char *name, const char *text,
                                   const char *const *fragments)
{
    const char *data = make_data(stage, ENVIRONMENT("RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=16k"));
    expect_untouched(stage, data, name, text, fragments);
}

static void a_file_that_is_no_bets_csv_is_refused_and_left_alone(void **state)
{
    static const char *const foreign[] = {
        "nombre,apellido,documento\r\n1,2,3\r\n",
        "Ana,Paz,11111111,1980-01-31,1\r\n",
        "PK\x03\x04 a spreadsheet",
        "\n",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        expect_untouched_alone(*state, "bets.csv", foreign[i],
                               FRAGMENTS("control is missing", "bets.csv", "nothing was touched"));
        expect_untouched_after(*state, "bets.csv", foreign[i],
                               FRAGMENTS("bets.csv", "no file of bets", "nothing was touched"));
    }
}

static void a_bets_csv_damaged_far_from_its_end_is_refused_and_left_alone(void **state)
{
    enum { ROWS = 4000 };
    struct stage *stage = *state;
    const char *rows = bets_repeat(stage, "1,Ana,Paz,11111111,1980-01-31,1\r\n", ROWS);
    expect_untouched_after(
        stage, "bets.csv",
        stage_text(stage, "1,Ana,Paz,11111111,1980-01-31,1\r\n1,Ana,Paz,\r\n%s", rows),
        FRAGMENTS("bets.csv", "damaged", "row 2", "nothing was touched"));
}

static void a_data_directory_of_another_version_is_refused_and_left_alone(void **state)
{
    expect_untouched_alone(*state, "layout", "lottery data 1\nring_bytes 65536\n",
                           FRAGMENTS("data directory", "version 1.0", "nothing was touched"));
    expect_untouched_alone(*state, "control", "lottery data 99\nring_bytes 65536\n",
                           FRAGMENTS("control", "version 99", "nothing was touched"));
    expect_untouched_alone(*state, "control", "somebody else's file",
                           FRAGMENTS("control", "damaged", "nothing was touched"));
    expect_untouched_after(*state, "control", "", FRAGMENTS("control", "damaged"));
}

/* -------------------------------------------------------------------- agency ---- */

static void an_agency_without_its_file_says_so(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    struct program *agency = agency_start(server, 1, stage_path(stage, "nowhere.csv"), NULL);
    expect_one_line(agency, program_await_end(agency), PROGRAM_EXIT_DATA,
                    FRAGMENTS("lottery-agency", "nowhere.csv", "No such file"));
    assert_int_equal(server_count_log(server, "accept_connections"), 0);
}

static void an_agency_that_is_not_allowed_says_so(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    files_write(stage_path(stage, "bets.csv"), "Ana,Paz,11111111,1980-01-31,1\n");
    struct program *agency = agency_start(server, 6, stage_path(stage, "bets.csv"), NULL);
    assert_int_equal(program_await_end(agency).status, PROGRAM_EXIT_REFUSED);
    (void)program_await_log(agency, 1, "result: fail*refused agency 6");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void
an_agency_whose_file_holds_a_wrong_row_names_it_and_stores_none_of_its_batch(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    files_write(stage_path(stage, "bets.csv"), "Ana,Paz,11111111,1980-01-31,1\n"
                                               "Ana,Paz,11111111,1980-02-31,1\n"
                                               "Ana,Paz,11111111,1980-01-31,2\n");
    struct program *agency = agency_start(server, 1, stage_path(stage, "bets.csv"), NULL);
    assert_int_equal(program_await_end(agency).status, PROGRAM_EXIT_DATA);
    (void)program_await_log(agency, 1, "result: fail*bets.csv*2*birthdate");
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_wrong_configuration_file_is_named_with_line_and_key),
        STAGE_TEST(a_missing_configuration_file_is_named),
        STAGE_TEST(a_wrong_environment_variable_is_named),
        STAGE_TEST(an_unknown_option_is_answered_with_the_usage),
        STAGE_TEST(a_port_in_use_is_named),
        STAGE_TEST(an_address_that_is_not_ours_is_named),
        STAGE_TEST(a_data_directory_that_can_not_be_is_named),
        STAGE_TEST(a_directory_where_bets_csv_should_be_is_named),
        STAGE_TEST(a_data_directory_in_use_is_refused_and_its_server_named),
        STAGE_TEST(a_file_that_is_no_bets_csv_is_refused_and_left_alone),
        STAGE_TEST(a_bets_csv_damaged_far_from_its_end_is_refused_and_left_alone),
        STAGE_TEST(a_data_directory_of_another_version_is_refused_and_left_alone),
        STAGE_TEST(an_agency_without_its_file_says_so),
        STAGE_TEST(an_agency_that_is_not_allowed_says_so),
        STAGE_TEST(an_agency_whose_file_holds_a_wrong_row_names_it_and_stores_none_of_its_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
