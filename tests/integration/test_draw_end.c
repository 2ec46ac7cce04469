/*
 * test_draw_end.c - a draw of a real server comes to its end: sales are closed, it is sealed and
 * drawn. What is left stands up before lottery-verify, and a start refuses what was changed in it.
 */
#include "lib/clock.h"
#include "lib/program.h"
#include "lib/timestamp.h"
#include "seal/signature.h"
#include "store/data_directory.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/server.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define TWO_AGENCIES "NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s"
#define BY_COMMAND   "LOTTERY_DRAW=command"
#define ROW_OF_2     "2,Eva,Paz,2,1980-01-31,7575\r\n"

/* Every file of a draw, but lock. */
static const char *const names[] = {
    DATA_CONTROL_FILE,    DATA_BETS_FILE,           DATA_DONE_FILE,
    DATA_CHECKPOINT_FILE, DATA_SEAL_FILE,           DATA_SEAL_SIGNATURE_FILE,
    DATA_DRAW_FILE,       DATA_DRAW_SIGNATURE_FILE, DATA_WINNERS_FILE};

enum { FILES = sizeof names / sizeof names[0] };

/* The files of a draw at one moment. */
struct files {
    const char *bytes[FILES]; /* NULL: it is not there */
    size_t counts[FILES];
};

static const char *path_of(struct stage *stage, const char *name)
{
    return stage_path(stage, "data/%s", name);
}

static struct files keep(struct stage *stage)
{
    struct files files = {.counts = {0}};
    for (size_t i = 0; i < FILES; i++) {
        if (files_exist(path_of(stage, names[i]))) {
            files.bytes[i] = files_read(stage, path_of(stage, names[i]), &files.counts[i]);
        }
    }
    return files;
}

static void put_back(struct stage *stage, const struct files *files)
{
    for (size_t i = 0; i < FILES; i++) {
        if (files->bytes[i] != NULL) {
            files_write_bytes(path_of(stage, names[i]), files->bytes[i], files->counts[i]);
        } else {
            (void)unlink(path_of(stage, names[i]));
        }
    }
}

static void expect_same(struct stage *stage, const struct files *before)
{
    struct files after = keep(stage);
    for (size_t i = 0; i < FILES; i++) {
        bool same = (before->bytes[i] == NULL) == (after.bytes[i] == NULL) &&
                    before->counts[i] == after.counts[i] &&
                    (after.bytes[i] == NULL ||
                     memcmp(before->bytes[i], after.bytes[i], after.counts[i]) == 0);
        if (!same) {
            fail_msg("%s was touched", names[i]);
        }
    }
}

/* A start with these files refuses for this reason, and touches none of them. */
static void expect_refused(struct stage *stage, const char *const *environment, const char *reason)
{
    struct program_end end;
    struct files before = keep(stage);
    struct program *program = server_start_in_vain(stage, NULL, NULL, environment, &end);
    assert_int_equal(end.status, 1);
    if (strstr(program_errors(program), reason) == NULL) {
        fail_msg("'%s' does not say '%s'", program_errors(program), reason);
    }
    expect_same(stage, &before);
    stage_expect_nothing_left(stage);
}

static void expect_state(struct stage *stage, const char *state)
{
    const char *control = files_read(stage, path_of(stage, DATA_CONTROL_FILE), NULL);
    assert_non_null(strstr(control, stage_text(stage, "\nstate %s\n", state)));
}

/* Runs both verifiers on the data directory, and expects this exit status of each. */
static void expect_verdict(struct stage *stage, int status)
{
    char folder[PATH_MAX];
    const char *data = stage_path(stage, "data");
    assert_non_null(getcwd(folder, sizeof folder));
    const struct program_plan plans[] = {
        {.name = "lottery-verify", .arguments = ARGUMENTS(data)},
        {.name = "python3",
         .arguments = ARGUMENTS(stage_text(stage, "%s/verify/lottery-verify.py", folder), data)}};
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
        struct program_end end;
        struct program *program = program_run(stage, &plans[i], &end);
        if (end.status != status) {
            fail_msg("%s: %d: %s%s", plans[i].name, end.status, program_log(program),
                     program_errors(program));
        }
    }
}

/* Runs lottery-admin with these arguments, and expects this exit status. Returns what it printed. */
static const char *administer(struct stage *stage, const char *const *arguments, int status)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-admin",
                                      .arguments = arguments,
                                      .environment = ENVIRONMENT(stage_text(
                                          stage, "DATA_DIRECTORY=%s", stage_path(stage, "data")))};
    struct program *program = program_run(stage, &plan, &end);
    if (end.status != status) {
        fail_msg("%d: %s%s", end.status, program_log(program), program_errors(program));
    }
    return program_log(program);
}

/* What a start refuses, `check` tells. */
static void expect_check_to_say(struct stage *stage, const char *reason)
{
    const char *told = administer(stage, ARGUMENTS("check", stage_path(stage, "data")), 1);
    if (strstr(told, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", told, reason);
    }
}

/* The hash that control has of the seal. */
static const char *seal_in(struct stage *stage, const struct files *files)
{
    static const char name[] = "\nseal_sha256 ";
    const char *seal = strstr(files->bytes[0], name);
    assert_non_null(seal);
    return stage_text(stage, "%.64s", seal + sizeof name - 1);
}

static void play(struct server *server)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "2:4:Eva,Paz,2,1980-01-31,7575\n\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
}

/* ------------------------------------------------------------- its three ways ---- */

static void the_courses_way_closes_seals_and_draws_by_itself(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT(TWO_AGENCIES));
    play(server);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    (void)server_await_log(server, 1, "action: cierre_ventas | result: success | por: agencies");
    (void)server_await_log(server, 1, "action: sello | result: success | apuestas: 2");
    (void)server_await_log(server, 1, "action: sorteo | result: success | agencias: 2");
    server_stop_well(server);
    expect_state(stage, "drawn");
    expect_verdict(stage, 0);
    server = server_start(stage, ENVIRONMENT(TWO_AGENCIES));
    peer = peer_connect(server);
    peer_ask(peer, "2:6\r\n", "server:3:\r\n");
    server_stop_well(server);
    expect_verdict(stage, 0);
}

static void sales_end_at_their_time_without_who_is_missing(void **state)
{
    enum { SOON_MS = 2000 };
    struct stage *stage = *state;
    char at[TIMESTAMP_BYTES];
    timestamp_write(clock_wall_ms() + SOON_MS, at);
    const char *const *environment =
        ENVIRONMENT(TWO_AGENCIES, stage_text(stage, "LOTTERY_CLOSES=%s", at));
    struct server *server = server_start(stage, environment);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n"); /* by then */
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:1\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n"); /* changes nothing */
    (void)server_await_log(server, 1, "WARNING*cierre_ventas*closed_out: agency 1 | cantidad: 1");
    (void)server_await_log(server, 1, "WARNING*cierre_ventas*closed_out: agency 2 | cantidad: 0");
    (void)server_await_log(server, 1, "cierre_ventas | result: success | por: time*sin: 1-2");
    server_stop_well(server);
    expect_verdict(stage, 0);
    server_stop_well(server_start(stage, environment));
}

/* Nothing was sold: a time that is past is a mistake, and begins no draw. */
static void a_draw_does_not_begin_after_its_end(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    struct program *program = server_start_in_vain(
        stage, NULL, NULL, ENVIRONMENT(TWO_AGENCIES, "LOTTERY_CLOSES=2020-01-01T00:00:00Z"), &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(program), "which is past"));
}

static void an_operator_closes_and_draws(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT(TWO_AGENCIES, BY_COMMAND));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    (void)administer(stage, ARGUMENTS("close"), 1);
    peer_ask(peer, "2:4:Eva,Paz,2,1980-01-31,7575\n\r\n", "server:0\r\n");
    static const char sealed[] = "draw 1 is sealed: ";
    const char *seal = strstr(administer(stage, ARGUMENTS("close", "--without", "2"), 0), sealed);
    assert_non_null(seal);
    seal += sizeof sealed - 1;
    assert_int_equal(strspn(seal, "0123456789abcdef"), CONTROL_SHA256_DIGITS);
    peer_ask(peer, "2:4:Eva,Paz,2,1980-01-31,7575\n\r\n", "server:1\r\n");
    server_kill_everything(server); /* and nothing of it is forgotten */
    server = server_start(stage, ENVIRONMENT(TWO_AGENCIES, BY_COMMAND));
    expect_state(stage, "sealed");
    (void)administer(
        stage, ARGUMENTS("draw", "--number", "7574", "--seal", stage_text(stage, "%.64s", seal)),
        0);
    peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    server_stop_well(server);
    expect_verdict(stage, 0);
}

/* ------------------------------------------------------------------ the key ---- */

static void a_key_that_cannot_sign_is_told_before_the_start(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const char *key = stage_text(stage, "SEAL_KEY=%s", stage_path(stage, "none.pem"));
    const struct program_plan plan = {
        .name = "lottery-server", .arguments = ARGUMENTS("-t"), .environment = ENVIRONMENT(key)};
    struct program *program = program_run(stage, &plan, &end);
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    assert_non_null(strstr(program_errors(program), "seal.key: "));
    program = server_start_in_vain(stage, NULL, NULL, ENVIRONMENT(key), &end);
    assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
    assert_non_null(strstr(program_errors(program), "seal.key: "));
}

/* It is taken away while bets come in: the draw waits, closed, for a server that can sign. */
static void a_key_that_is_gone_at_the_end_ends_the_server(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const char *key = stage_path(stage, "key.pem");
    (void)administer(stage, ARGUMENTS("key", key), 0);
    const char *const *environment =
        ENVIRONMENT(TWO_AGENCIES, stage_text(stage, "SEAL_KEY=%s", key));
    struct server *server = server_start(stage, environment);
    const char *private_key = files_read(stage, key, NULL);
    assert_int_equal(unlink(key), 0);
    play(server);
    (void)server_await_log(server, 1, "CRITICAL*action: firma | result: fail");
    assert_int_equal(program_await_end(server->program).status, 1);
    expect_state(stage, "closed");
    assert_false(files_exist(path_of(stage, DATA_SEAL_FILE)));
    struct program *program = server_start_in_vain(stage, NULL, NULL, environment, &end);
    assert_non_null(strstr(program_errors(program), "seal.key: "));
    files_write(key, private_key);
    assert_int_equal(chmod(key, S_IRUSR | S_IWUSR), 0);
    server = server_start(stage, environment);
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    server_stop_well(server);
    assert_int_equal(files_size(path_of(stage, DATA_SEAL_SIGNATURE_FILE)), SIGNATURE_BYTES);
    assert_int_equal(files_size(path_of(stage, DATA_DRAW_SIGNATURE_FILE)), SIGNATURE_BYTES);
    expect_verdict(stage, 0);
}

/* ----------------------------------------------------------------- what hands do ---- */

/* What is done to one file, and what the start says. */
struct tampering {
    const char *name;
    enum { REMOVED, FLIPPED, DOUBLED, A_ROW_OF_2_MORE } how;
    const char *reason;
};

static void tamper(struct stage *stage, const struct tampering *tampering)
{
    size_t count = 0;
    const char *path = path_of(stage, tampering->name);
    char *bytes = files_read(stage, path, &count);
    if (tampering->how == REMOVED) {
        assert_int_equal(unlink(path), 0);
    } else if (tampering->how == FLIPPED) {
        bytes[count / 2] ^= 1;
        files_write_bytes(path, bytes, count);
    } else {
        const char *more = tampering->how == DOUBLED ? bytes : ROW_OF_2;
        files_write(path, stage_text(stage, "%s%s", bytes, more));
    }
}

static void expect_each_refused(struct stage *stage, const char *const *environment,
                                const struct tampering *tamperings, size_t count)
{
    struct files good = keep(stage);
    for (size_t i = 0; i < count; i++) {
        tamper(stage, &tamperings[i]);
        expect_refused(stage, environment, tamperings[i].reason);
        put_back(stage, &good);
    }
    server_stop_well(server_start(stage, environment));
}

static void a_start_refuses_what_was_changed_after_the_seal(void **state)
{
    static const struct tampering tamperings[] = {
        {DATA_SEAL_FILE, REMOVED, "seal.json is missing"},
        {DATA_SEAL_FILE, FLIPPED, "seal.json was changed: its SHA-256 is"},
        {DATA_SEAL_FILE, DOUBLED, "seal.json was changed: its SHA-256 is"},
        {DATA_BETS_FILE, A_ROW_OF_2_MORE, "bets.csv was changed: it has"},
        {DATA_BETS_FILE, DOUBLED, "bets.csv was changed: agency 1 was done with"},
        {DATA_BETS_FILE, REMOVED, "bets.csv is missing"},
        {DATA_DONE_FILE, DOUBLED, "done.csv was changed: it has"},
        {DATA_DONE_FILE, REMOVED, "done.csv is missing"},
    };
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT(TWO_AGENCIES, BY_COMMAND);
    struct server *server = server_start(stage, environment);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    (void)administer(stage, ARGUMENTS("close", "--without", "2"), 0);
    server_stop_well(server);
    assert_int_equal(unlink(path_of(stage, DATA_CHECKPOINT_FILE)), 0); /* it would find most */
    expect_each_refused(stage, environment, tamperings, sizeof tamperings / sizeof tamperings[0]);
}

static void a_start_refuses_what_was_changed_after_the_draw(void **state)
{
    static const struct tampering tamperings[] = {
        {DATA_SEAL_FILE, REMOVED, "seal.json is missing"},
        {DATA_SEAL_FILE, FLIPPED, "seal.json was changed"},
        {DATA_DRAW_FILE, REMOVED, "draw.json is missing"},
        {DATA_DRAW_FILE, FLIPPED, "draw.json was changed: its SHA-256 is"},
        {DATA_DRAW_FILE, DOUBLED, "draw.json was changed: its SHA-256 is"},
        {DATA_DONE_FILE, DOUBLED, "done.csv was changed: it has"},
        {DATA_BETS_FILE, DOUBLED, "bets.csv was changed"},
    };
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT(TWO_AGENCIES);
    struct server *server = server_start(stage, environment);
    play(server);
    (void)server_await_log(server, 1, "action: sorteo | result: success");
    server_stop_well(server);
    expect_each_refused(stage, environment, tamperings, sizeof tamperings / sizeof tamperings[0]);
}

/* Each file comes into place one state before control needs it, and no sooner. */
static void a_control_from_before_what_is_there_is_refused(void **state)
{
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT(TWO_AGENCIES, BY_COMMAND);
    struct server *server = server_start(stage, environment);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    server_stop_well(server);
    struct files open = keep(stage);
    server = server_start(stage, environment);
    peer = peer_connect(server);
    peer_ask(peer, "2:5\r\n", "server:0\r\n");
    (void)server_await_log(server, 1, "action: sello | result: success");
    server_stop_well(server);
    struct files sealed = keep(stage);
    put_back(stage, &open);
    files_write_bytes(path_of(stage, DATA_SEAL_FILE), sealed.bytes[4], sealed.counts[4]);
    expect_refused(stage, environment, "seal.json is there, so the draw has been sealed");
    put_back(stage, &open);
    files_write(path_of(stage, DATA_DRAW_FILE), "{}");
    expect_refused(stage, environment, "draw.json is there, so a draw has been held");
    expect_check_to_say(stage, "draw.json is there, so a draw has been held");
    put_back(stage, &sealed);
    server_stop_well(server_start(stage, environment));
    expect_state(stage, "sealed");
}

/* There is never a second number, also where control has forgotten the first one. */
static void a_control_from_before_the_number_takes_no_second_one(void **state)
{
    struct stage *stage = *state;
    const char *const *environment = ENVIRONMENT("NUMBER_OF_AGENCIES=1", BY_COMMAND);
    struct server *server = server_start(stage, environment);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    (void)server_await_log(server, 1, "action: sello | result: success");
    struct files sealed = keep(stage);
    (void)administer(stage,
                     ARGUMENTS("draw", "--number", "7574", "--seal", seal_in(stage, &sealed)), 0);
    server_stop_well(server);
    struct files drawn = keep(stage);
    static const struct {
        const char *missing; /* NULL: nothing */
        const char *reason;
    } cases[] = {
        {NULL, "winners.csv is there, so a draw has been held"},
        {DATA_WINNERS_FILE, "draw.json is there, so a draw has been held"},
        {DATA_DRAW_FILE, "winners.csv is there, so a draw has been held"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put_back(stage, &drawn);
        files_write_bytes(path_of(stage, DATA_CONTROL_FILE), sealed.bytes[0], sealed.counts[0]);
        if (cases[i].missing != NULL) {
            assert_int_equal(unlink(path_of(stage, cases[i].missing)), 0);
        }
        expect_refused(stage, environment, cases[i].reason);
        expect_check_to_say(stage, cases[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(the_courses_way_closes_seals_and_draws_by_itself),
        STAGE_TEST(sales_end_at_their_time_without_who_is_missing),
        STAGE_TEST(a_draw_does_not_begin_after_its_end),
        STAGE_TEST(an_operator_closes_and_draws),
        STAGE_TEST(a_key_that_cannot_sign_is_told_before_the_start),
        STAGE_TEST(a_key_that_is_gone_at_the_end_ends_the_server),
        STAGE_TEST(a_start_refuses_what_was_changed_after_the_seal),
        STAGE_TEST(a_start_refuses_what_was_changed_after_the_draw),
        STAGE_TEST(a_control_from_before_what_is_there_is_refused),
        STAGE_TEST(a_control_from_before_the_number_takes_no_second_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
