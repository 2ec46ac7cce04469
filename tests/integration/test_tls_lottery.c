/*
 * test_tls_lottery.c - whole lotteries by TLS: real agencies, a real server, certificates of
 * `lottery-admin pki`; while processes die, certificates change, and somebody listens on the way.
 */
#include "tests/harness/agency.h"
#include "tests/harness/deadline.h"
#include "tests/harness/eavesdropper.h"
#include "tests/harness/files.h"
#include "tests/harness/proc.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum {
    AGENCIES = 5,
    WINNING_NUMBER = 7574,
    EXIT_UNTRUSTED = 5, /* of lottery-agency */
    SETTINGS_MAX = 12
};

/* An authority, a server that requires its certificates, and its agencies. */
struct scene {
    struct stage *stage;
    struct server *server;
    struct program *agencies[AGENCIES];
};

static void run(struct stage *stage, const char *name, const char *const *arguments)
{
    struct program_end end;
    struct program *program =
        program_run(stage, &(struct program_plan){.name = name, .arguments = arguments}, &end);
    if (end.status != EXIT_SUCCESS) {
        program_show(program);
        stage_fail_at(__FILE__, __LINE__, "%s ends with %d", name, end.status);
    }
}

#define PKI(stage, ...) run(stage, "lottery-admin", ARGUMENTS("pki", __VA_ARGS__))

/* Makes the authority in DIRECTORY/pki, and the files of the five. */
static void prepare(struct scene *scene, struct stage *stage, uint64_t bets)
{
    *scene = (struct scene){.stage = stage};
    PKI(stage, "init", "127.0.0.1");
    PKI(stage, "agency", "1", "2", "3", "4", "5");
    agency_generate(stage, AGENCIES, bets);
}

static void start_server(struct scene *scene, const char *mode)
{
    struct stage *stage = scene->stage;
    const char *pki = stage_path(stage, "pki");
    scene->server =
        server_start(stage, ENVIRONMENT(stage_text(stage, "TLS_MODE=%s", mode),
                                        stage_text(stage, "TLS_CERTIFICATE=%s/server.pem", pki),
                                        stage_text(stage, "TLS_KEY=%s/server.key", pki),
                                        stage_text(stage, "TLS_CA=%s/ca.pem", pki),
                                        stage_text(stage, "TLS_CRL=%s/crl.pem", pki),
                                        stage_text(stage, "NUMBER_OF_AGENCIES=%d", AGENCIES)));
}

/* The settings of an agency that shows its certificate, and these (or NULL for none). */
static const char *const *encrypted(struct stage *stage, uint32_t id, const char *const *more)
{
    const char **settings = stage_allocate(stage, SETTINGS_MAX * sizeof *settings);
    const char *pki = stage_path(stage, "pki");
    size_t count = 0;
    settings[count++] = "CLI_TLS_MODE=required";
    settings[count++] = stage_text(stage, "CLI_TLS_CERTIFICATE=%s/agency-%u.pem", pki, id);
    settings[count++] = stage_text(stage, "CLI_TLS_KEY=%s/agency-%u.key", pki, id);
    settings[count++] = stage_text(stage, "CLI_TLS_CA=%s/ca.pem", pki);
    while (more != NULL && *more != NULL) {
        assert_true(count < SETTINGS_MAX - 1);
        settings[count++] = *more++;
    }
    return settings;
}

static void start_agency(struct scene *scene, uint32_t id, const char *const *more)
{
    struct stage *stage = scene->stage;
    scene->agencies[id - 1] =
        agency_start(scene->server, id, agency_bets_file(stage, id), encrypted(stage, id, more));
}

/* ------------------------------------------------------------------ the end ---- */

/* What the agency sent is stored, in order; and its winners are those of its rows that won. */
static size_t expect_fits(const struct scene *scene, const struct reckoning *stored, uint32_t id)
{
    struct stage *stage = scene->stage;
    struct reckoning winners = {.rows =
                                    stage_allocate(stage, stored->count * sizeof *stored->rows)};
    reckoning_expect_file(stage, stored, id, agency_bets_file(stage, id), SIZE_MAX);
    for (size_t i = 0; i < stored->count; i++) {
        if (stored->rows[i].agency == id && stored->rows[i].number == WINNING_NUMBER) {
            winners.rows[winners.count++] = stored->rows[i];
        }
    }
    reckoning_expect_file(stage, &winners, id, agency_winners_file(stage, id), SIZE_MAX);
    (void)program_await_log(
        scene->agencies[id - 1], 1,
        stage_text(stage, "consulta_ganadores*cant_ganadores: %zu", winners.count));
    return winners.count;
}

/* All agencies have ended well, all bets are stored, and the auditor's program finds no fault. */
static void expect_a_good_end(struct scene *scene, uint64_t bets)
{
    size_t winners = 0;
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agency_expect_success(scene->agencies[id - 1]);
    }
    (void)server_await_log(scene->server, 1, "action: sorteo | result: success");
    const struct reckoning *stored =
        reckoning_read(scene->stage, server_file(scene->server, "bets.csv"));
    assert_int_equal(stored->count, bets);
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        winners += expect_fits(scene, stored, id);
    }
    assert_true(winners > 0);
    server_stop_well(scene->server);
    run(scene->stage, "lottery-verify", ARGUMENTS("--all", scene->server->directory));
    stage_expect_nothing_left(scene->stage);
}

static void five_agencies_with_the_generated_dataset_get_their_winners(void **state)
{
    enum { BETS = 78697 };
    struct scene scene;
    prepare(&scene, *state, BETS);
    start_server(&scene, "required");
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        start_agency(&scene, id, ENVIRONMENT("CLI_LOG_LEVEL=DEBUG"));
    }
    expect_a_good_end(&scene, BETS);
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        assert_true(program_count_log(scene.agencies[id - 1], "| tls: TLSv1.3 |") > 0);
    }
}

/* ------------------------------------------------------------- who dies meanwhile ---- */

/* Knuth's generator (MMIX), so that each run decides the same. */
static uint32_t draw_number(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*random >> 33);
}

/* SIGKILL to a child of the supervisor that is named so. False where there is none just now. */
static bool kill_one(const struct scene *scene, const char *name, uint32_t pick)
{
    enum { CHILDREN_MAX = 16 };
    pid_t pids[CHILDREN_MAX];
    unsigned found = proc_children(scene->server->program->pid, name, pids, CHILDREN_MAX);
    if (found == 0) {
        return false;
    }
    return kill(pids[pick % (found < CHILDREN_MAX ? found : CHILDREN_MAX)], SIGKILL) == 0;
}

static bool have_all_ended(struct scene *scene)
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        if (!program_has_ended(scene->agencies[id - 1])) {
            return false;
        }
    }
    return true;
}

static void nothing_is_lost_by_tls_whoever_dies(void **state)
{
    enum { BETS = 30000, KILLS = 40, PAUSES_MAX = 15 };
    static const char *const names[] = {"lottery-handler", "lottery-storer", "lottery-key",
                                        "lottery-handler"};
    enum { NAMES = sizeof names / sizeof names[0] };
    struct scene scene;
    unsigned killed[NAMES] = {0};
    uint64_t random = 12;
    prepare(&scene, *state, BETS);
    start_server(&scene, "required");
    for (uint32_t id = 1; id <= AGENCIES; id++) { /* small batches, so that it takes a while */
        start_agency(&scene, id,
                     ENVIRONMENT("CLI_BATCH_MAXAMOUNT=5", "CLI_BATCH_INFLIGHT=2",
                                 "CLI_LOOP_PERIOD=20ms", "CLI_LOOP_LAPSE=30s"));
    }
    struct deadline deadline = deadline_in(DEADLINE_MS);
    for (unsigned i = 0; i < KILLS && !have_all_ended(&scene); i++) {
        uint32_t kind = draw_number(&random) % NAMES;
        killed[kind] += kill_one(&scene, names[kind], draw_number(&random)) ? 1 : 0;
        for (uint32_t pauses = draw_number(&random) % PAUSES_MAX; pauses > 0; pauses--) {
            assert_true(deadline_pause(deadline));
        }
        if (i == NAMES) { /* each kind has died, and there is still much to send */
            assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
        }
    }
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    expect_a_good_end(&scene, BETS);
    for (unsigned kind = 0; kind < NAMES; kind++) {
        if (killed[kind] == 0) {
            fail_msg("no %s was killed", names[kind]);
        }
    }
}

/* ------------------------------------------------------------------- revocation ---- */

/* Agency 3 is at work when it is revoked; the others go on, and 3 with a new certificate. */
static void a_revoked_agency_ends_and_the_others_go_on(void **state)
{
    enum { BETS = 20000, REVOKED = 3 };
    struct scene scene;
    struct stage *stage = *state;
    prepare(&scene, stage, BETS);
    start_server(&scene, "required");
    start_agency(&scene, REVOKED,
                 ENVIRONMENT("CLI_BATCH_MAXAMOUNT=1", "CLI_BATCH_INFLIGHT=1",
                             "CLI_LOOP_PERIOD=20ms", "CLI_LOOP_LAPSE=5s", "CLI_LOG_LEVEL=DEBUG"));
    (void)program_await_log(scene.agencies[REVOKED - 1], 1,
                            "apuesta_enviada | result: success | cantidad: 1");
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        if (id != REVOKED) {
            start_agency(&scene, id, NULL);
        }
    }
    PKI(stage, "revoke", "3");
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1,
                           "action: reload | result: success*revoked_connections: 1");
    struct program *revoked = scene.agencies[REVOKED - 1];
    assert_int_equal(program_await_end(revoked).status, EXIT_UNTRUSTED);
    (void)program_await_log(revoked, 1, "the peer says that our certificate has been revoked");
    PKI(stage, "agency", "3");
    start_agency(&scene, REVOKED, NULL);
    expect_a_good_end(&scene, BETS);
}

/* --------------------------------------------------------- only one speaks TLS ---- */

static void expect_told(struct program *agency, const char *text)
{
    struct program_end end = program_await_end(agency);
    if (end.status != EXIT_UNTRUSTED) {
        program_show(agency);
    }
    assert_int_equal(end.status, EXIT_UNTRUSTED);
    (void)program_await_log(agency, 1, text);
}

static void a_plain_agency_is_told_to_set_tls_mode(void **state)
{
    struct scene scene;
    prepare(&scene, *state, 100);
    start_server(&scene, "required");
    expect_told(agency_start(scene.server, 1, agency_bets_file(*state, 1), NULL),
                "reason: the server speaks TLS: set tls.mode to required");
}

static void an_agency_by_tls_is_told_that_the_server_is_plain(void **state)
{
    struct scene scene;
    prepare(&scene, *state, 100);
    start_server(&scene, "off");
    start_agency(&scene, 1, NULL);
    expect_told(scene.agencies[0], "does not speak TLS: set tls.mode to required there");
    (void)server_await_log(scene.server, 1, "WARNING *speaks TLS, and tls.mode is off");
}

/* ------------------------------------------------------------- what can be read ---- */

/* Words of the bets, of the protocol, and of the certificates, by which one could tell who bets. */
static const char *const words[] = {
    "Lorca", "30904465", "1999-03-17", "server:", "agency", "127.0.0.1", "lottery"};
enum { WORDS = sizeof words / sizeof words[0], PROTOCOLS_WORDS = 4 };

/* Holds a lottery of one bet, with somebody on the way who listens. */
static struct eavesdropper *listen_to_a_lottery(struct stage *stage, const char *mode)
{
    struct scene scene;
    prepare(&scene, stage, 100);
    start_server(&scene, mode);
    struct eavesdropper *listener = eavesdropper_start(scene.server);
    const char *const *const settings = ENVIRONMENT(
        "NUMERO=7574", "NOMBRE=Santiago Lionel", "APELLIDO=Lorca", "DOCUMENTO=30904465",
        "NACIMIENTO=1999-03-17",
        "CLI_BETS_FILE=", stage_text(stage, "CLI_SERVER_ADDRESS=127.0.0.1:%u", listener->port));
    struct program *agency = agency_start(
        scene.server, 1, "", strcmp(mode, "off") == 0 ? settings : encrypted(stage, 1, settings));
    (void)program_await_log(agency, 1, "apuesta_enviada | result: success | dni: 30904465");
    for (uint32_t id = 2; id <= AGENCIES; id++) {
        (void)agency_start(scene.server, id, agency_bets_file(stage, id),
                           strcmp(mode, "off") == 0 ? NULL : encrypted(stage, id, NULL));
    }
    agency_expect_success(agency);
    (void)program_await_log(agency, 1, "consulta_ganadores*cant_ganadores: 1");
    eavesdropper_stop(listener);
    return listener;
}

static void nothing_of_a_lottery_can_be_read_on_the_way(void **state)
{
    enum { LEAST_BYTES = 1000 };
    const struct eavesdropper *listener = listen_to_a_lottery(*state, "required");
    assert_true(listener->bytes > LEAST_BYTES);
    for (unsigned i = 0; i < WORDS; i++) {
        if (eavesdropper_has_heard(listener, words[i])) {
            fail_msg("\"%s\" can be read", words[i]);
        }
    }
}

/* So the test above could fail. */
static void in_plain_text_all_of_it_can_be_read(void **state)
{
    const struct eavesdropper *listener = listen_to_a_lottery(*state, "off");
    for (unsigned i = 0; i < PROTOCOLS_WORDS; i++) {
        if (!eavesdropper_has_heard(listener, words[i])) {
            fail_msg("\"%s\" can't be read", words[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(five_agencies_with_the_generated_dataset_get_their_winners),
        STAGE_TEST(nothing_is_lost_by_tls_whoever_dies),
        STAGE_TEST(a_revoked_agency_ends_and_the_others_go_on),
        STAGE_TEST(a_plain_agency_is_told_to_set_tls_mode),
        STAGE_TEST(an_agency_by_tls_is_told_that_the_server_is_plain),
        STAGE_TEST(nothing_of_a_lottery_can_be_read_on_the_way),
        STAGE_TEST(in_plain_text_all_of_it_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
