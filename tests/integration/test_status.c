/*
 * test_status.c - STATUS and STATE: how much is stored, and whose bets count.
 */
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static struct server *start(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s"));
}

static void status_counts_what_the_agency_has_stored(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    struct peer *other = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 0, 150), "server:0\r\n");
    peer_ask(other, bets_batch(stage, 2, 0, 7), "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:150,open*\r\n");
    peer_ask(peer, "1:status\r\n", "server:STATE:150,open*,1\r\n");
    peer_ask(other, "2:7\r\n", "server:8:7,open*\r\n");
}

static void status_counts_batches_that_came_right_before_it(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = peer_connect(start(stage));
    peer_send(peer, stage_text(stage, "%s1:7\r\n%s1:7\r\n", bets_batch(stage, 1, 0, 5),
                               bets_batch(stage, 1, 5, 6)));
    peer_expect(peer, "server:0\r\nserver:8:5,open*\r\nserver:0\r\nserver:8:11,open*\r\n");
}

static void the_state_goes_from_open_over_done_to_drawn(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = peer_connect(start(stage));
    peer_ask(peer, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:2,open*\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:2,done*\r\n");
    peer_ask(peer, "2:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "2:5\r\n2:6\r\n", "server:0\r\nserver:3:\r\n"); /* the draw is held by then */
    peer_ask(peer, "1:7\r\n2:7\r\n", "server:8:2,drawn*\r\nserver:8:0,drawn*\r\n");
}

/* ------------------------------------------------------ checksum and identity ---- */

/* What STATE has to be, by an independent reading of the files. */
static const char *reckon_state(struct server *server, uint32_t agency, const char *phase,
                                size_t rows)
{
    struct stage *stage = server->stage;
    size_t found = 0;
    uint64_t checksum = reckoning_checksum(stage, server_file(server, "bets.csv"), UINT64_MAX,
                                           agency, rows, &found);
    const char *control = files_read(stage, server_file(server, "control"), NULL);
    const char *identity = strstr(control, "\nidentity ");
    assert_non_null(identity);
    return stage_text(stage, "server:8:%zu,%s,%016llx,%.32s\r\n", found, phase,
                      (unsigned long long)checksum, identity + strlen("\nidentity "));
}

static void the_state_has_the_checksum_of_the_agencys_rows_and_the_lotterys_identity(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    struct peer *other = peer_connect(server);
    peer_ask(peer, "1:7\r\n", reckon_state(server, 1, "open", SIZE_MAX));
    for (unsigned bets = 0; bets < 60; bets += 20) {
        peer_ask(peer, bets_batch(stage, 1, bets, 20), "server:0\r\n");
        peer_ask(other, bets_batch(stage, 2, bets, 7), "server:0\r\n");
        peer_ask(peer, "1:7\r\n", reckon_state(server, 1, "open", SIZE_MAX));
        peer_ask(other, "2:7\r\n", reckon_state(server, 2, "open", SIZE_MAX));
    }
    const char *of_two = reckon_state(server, 2, "open", SIZE_MAX);
    peer_ask(peer, "1:5\r\n1:7\r\n",
             stage_text(stage, "server:0\r\n%s", reckon_state(server, 1, "done", SIZE_MAX)));
    server_stop_well(server);
    server = start(stage);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", reckon_state(server, 1, "done", SIZE_MAX));
    peer_ask(peer, "2:7\r\n", of_two);
}

static void names_with_quotes_are_summed_as_they_stand_in_the_file(void **state)
{
    struct server *server = start(*state);
    struct peer *peer = peer_connect(server);
    peer_ask(peer,
             "1:4:An\"a,Pe\xc3\xb1"
             "a,1,1980-01-31,1\n\r\n",
             "server:0\r\n");
    peer_ask(peer, "1:7\r\n", reckon_state(server, 1, "open", SIZE_MAX));
}

/* ------------------------------------------------------------------ prefix ---- */

static void prefix_tells_the_state_of_an_agencys_first_rows(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    for (unsigned bets = 0; bets < 40; bets += 10) {
        peer_ask(peer, bets_batch(stage, 1, bets, 10), "server:0\r\n");
        peer_ask(peer, bets_batch(stage, 2, bets, 10), "server:0\r\n");
    }
    for (unsigned rows = 0; rows <= 40; rows += 5) {
        peer_ask(peer, stage_text(stage, "1:9:%u\r\n", rows),
                 reckon_state(server, 1, "open", rows));
    }
    peer_ask(peer, "1:5\r\n1:9:1\r\n",
             stage_text(stage, "server:0\r\n%s", reckon_state(server, 1, "done", 1)));
    peer_ask(peer, "2:prefix:0\r\n", "server:STATE:0,open*\r\n");
}

static void prefix_of_more_rows_than_there_are_or_of_no_number_is_refused(void **state)
{
    static const char *const wrongs[] = {"4", "18446744073709551615", "", "-1", "x", "1 ", "1,2"};
    struct stage *stage = *state;
    struct peer *peer = peer_connect(start(stage));
    peer_ask(peer, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        peer_ask(peer, stage_text(stage, "1:9:%s\r\n", wrongs[i]), "server:1\r\n");
    }
    peer_ask(peer, "1:9:3\r\n", "server:8:3,open*\r\n");
}

static void prefix_claims_nothing(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *claiming = peer_connect(server);
    struct peer *asking = peer_connect(server);
    peer_ask(claiming, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(asking, "1:9:0\r\n", "server:8:0,open*\r\n");
    peer_ask(claiming, bets_batch(stage, 1, 0, 3), "server:0\r\n");
}

/* Its own batches that come right before are among the rows that it asks for. */
static void prefix_sees_batches_that_came_right_before_it(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_send(peer, stage_text(stage, "%s1:9:5\r\n", bets_batch(stage, 1, 0, 5)));
    peer_expect(peer, "server:0\r\nserver:8:5,open*\r\n");
}

/* Acknowledged is told by STATUS and PREFIX alike, whatever the disk has by then. */
static void prefix_sees_all_that_is_acknowledged_when_written(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2", "ACK_AFTER=written"));
    struct peer *peer = peer_connect(server);
    for (unsigned bets = 0; bets < 300; bets += 3) {
        peer_send(peer, stage_text(stage, "%s1:9:%u\r\n", bets_batch(stage, 1, bets, 3), bets + 3));
        peer_expect(peer, stage_text(stage, "server:0\r\nserver:8:%u,open*\r\n", bets + 3));
    }
}

/* ----------------------------------------------------------------- fencing ---- */

static void a_newer_status_fences_the_older_connection(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *older = peer_connect(server);
    struct peer *newer = peer_connect(server);
    peer_ask(older, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(older, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    peer_ask(newer, "1:7\r\n", "server:8:3,open*\r\n");
    peer_ask(older, bets_batch(stage, 1, 3, 3), "server:1\r\n");
    peer_ask(older, bets_batch(stage, 1, 3, 3), "server:1\r\n");
    peer_ask(newer, bets_batch(stage, 1, 3, 2), "server:0\r\n");
    peer_ask(newer, "1:7\r\n", "server:8:5,open*\r\n");
    bets_expect_stored(server, 1, 0, 5);
    (void)server_await_log(server, 1, "apuesta_recibida | result: fail | cantidad: 3 | agency: 1");
}

static void a_connection_that_was_fenced_can_claim_the_agency_back(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *one = peer_connect(server);
    struct peer *two = peer_connect(server);
    peer_ask(one, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(two, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(one, bets_batch(stage, 1, 0, 1), "server:1\r\n");
    peer_ask(one, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(one, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    peer_ask(two, bets_batch(stage, 1, 1, 1), "server:1\r\n");
    bets_expect_stored(server, 1, 0, 1);
}

static void expect_state(struct peer *peer, uint32_t agency, unsigned bets)
{
    struct stage *stage = peer->server->stage;
    peer_ask(peer, stage_text(stage, "%u:7\r\n", agency),
             stage_text(stage, "server:8:%u,open*\r\n", bets));
}

static void a_connection_without_a_claim_is_served_until_somebody_claims(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *plain = peer_connect(server);
    struct peer *claiming = peer_connect(server);
    peer_ask(plain, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    expect_state(claiming, 1, 1);
    peer_ask(plain, bets_batch(stage, 1, 1, 1), "server:1\r\n");
    peer_ask(plain, "1:5\r\n", "server:1\r\n");
    peer_ask(claiming, bets_batch(stage, 1, 1, 1), "server:0\r\n");
    peer_close(claiming); /* it stays claimed: who goes on has to know what is stored */
    peer_ask(plain, bets_batch(stage, 1, 2, 1), "server:1\r\n");
    peer_ask(plain, bets_batch(stage, 2, 0, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 2);
    (void)server_await_log(server, 2, "WARNING*apuesta_recibida | result: fail*send STATUS first");
}

static void a_stranger_cannot_say_done_for_an_agency_that_is_sending(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *agency = peer_connect(server);
    struct peer *stranger = peer_connect(server);
    expect_state(agency, 1, 0);
    peer_ask(agency, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    peer_ask(stranger, "1:done\n", "server:ERROR\r\n");
    (void)server_await_log(
        server, 1,
        stage_text(stage,
                   "WARNING*agency: 1 | reason: *send STATUS first*pid: %d | ip: 127.0.0.1:%u",
                   (int)server_handler_pid(server, stranger->port), stranger->port));
    peer_ask(agency, bets_batch(stage, 1, 2, 2), "server:0\r\n");
    peer_ask(agency, "1:5\r\n", "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
}

static void who_was_fenced_stays_fenced_whatever_it_claims_next(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *one = peer_connect(server);
    struct peer *two = peer_connect(server);
    expect_state(one, 1, 0);
    expect_state(two, 1, 0);
    expect_state(one, 2, 0);
    peer_ask(one, bets_batch(stage, 1, 0, 1), "server:1\r\n");
    peer_ask(one, "1:5\r\n", "server:1\r\n");
    peer_ask(two, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 1);
}

static void the_log_says_which_way_a_connection_was_refused(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *older = peer_connect(server);
    struct peer *newer = peer_connect(server);
    expect_state(older, 1, 0);
    expect_state(newer, 1, 0);
    peer_send(older,
              stage_text(stage, "%s%s", bets_batch(stage, 1, 0, 2), bets_batch(stage, 1, 2, 3)));
    peer_expect(older, "server:1\r\nserver:1\r\n");
    (void)server_await_log(server, 1, "WARNING*result: fail*a newer connection has taken*pid: ");
    expect_state(older, 2, 0);
    peer_ask(older, bets_batch(stage, 1, 0, 2), "server:1\r\n");
    (void)server_await_log(server, 1, "WARNING*result: fail*claimed by another connection*pid: ");
}

static void fencing_one_agency_leaves_the_others_alone(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *one = peer_connect(server);
    struct peer *two = peer_connect(server);
    peer_ask(one, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(two, "2:7\r\n", "server:8:0,open*\r\n");
    peer_ask(one, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    peer_ask(two, bets_batch(stage, 2, 0, 1), "server:0\r\n");
}

static void a_fenced_connection_may_still_ask_and_not_say_done(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *older = peer_connect(server);
    struct peer *newer = peer_connect(server);
    peer_ask(older, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(newer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(older, "1:5\r\n", "server:1\r\n");
    peer_ask(newer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    peer_ask(newer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(older, "1:6\r\n", "server:3:\r\n");
}

/* ---------------------------------------------------------- after a refusal ---- */

static void
after_a_refused_batch_a_claimed_connection_is_refused_until_the_next_status(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_send(peer, stage_text(stage, "%s1:4:bad\n\r\n%s", bets_batch(stage, 1, 0, 2),
                               bets_batch(stage, 1, 2, 2)));
    peer_expect(peer, "server:0\r\nserver:1\r\nserver:1\r\n");
    peer_ask(peer, bets_batch(stage, 1, 2, 2), "server:1\r\n");
    peer_ask(peer, "1:7\r\n", "server:8:2,open*\r\n");
    peer_ask(peer, bets_batch(stage, 1, 2, 2), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
    (void)server_await_log(server, 1,
                           "result: fail | cantidad: 4 | agency: 1*earlier message*"
                           "messages: 2 | pid: *ip: ");
}

/*
 * Whatever gets ERROR, and whoever it is for: what is stored under a claim is a prefix of
 * what was sent.
 */
static void any_error_breaks_the_claim(void **state)
{
    static const struct {
        const char *message;
        const char *answer;
    } wrongs[] = {
        {"1:4:bad\n\r\n", "server:1\r\n"},
        {"1:4:\r\n", "server:1\r\n"},
        {"1:4\r\n", "server:1\r\n"},
        {"1:BETS:Ana,Paz,1,1980-01-31,1\n\r\n", "server:ERROR\r\n"},
        {"x:4:Ana,Paz,1,1980-01-31,1\n\r\n", "server:1\r\n"},
        {"1:44:Ana,Paz,1,1980-01-31,1\n\r\n", "server:1\r\n"},
        {"7:4:Ana,Paz,1,1980-01-31,1\n\r\n", "server:1\r\n"},
        {"2:4:bad\n\r\n", "server:1\r\n"},
        {"3:5\r\n", "server:1\r\n"},
        {"1:0\r\n", "server:1\r\n"},
        {"1:8:1,open\r\n", "server:1\r\n"},
        {"server:4:Ana,Paz,1,1980-01-31,1\n\r\n", "server:1\r\n"},
        {"1:9:x\r\n", "server:1\r\n"},
        {"1:9:99999999\r\n", "server:1\r\n"},
        {"1:5:now\r\n", "server:1\r\n"},
        {"1:2:now\r\n", "server:1\r\n"},
        {"1:4:Ana,Paz,1,1980-01-31,1\r\n", "server:1\r\n"},
        {"1:Ana,Paz,1,1980-01-31,1\r\n", "server:1\n"},
        {"1:bad,\n\r\n", "server:1\n"},
        {"hola\n", "server:1\r\n"},
        {"hola\r\n", "server:1\r\n"},
        {"\n", "server:1\r\n"},
        {"Ana,Paz,1,1980-01-31,1\n", "server:1\r\n"},
    };
    struct stage *stage = *state;
    struct server *server = start(stage);
    unsigned stored = 0;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct peer *peer = peer_connect(server);
        expect_state(peer, 1, stored);
        peer_send(peer, stage_text(stage, "%s%s%s%s1:5\r\n", bets_batch(stage, 1, stored, 2),
                                   wrongs[i].message, bets_batch(stage, 1, stored + 2, 3),
                                   bets_batch(stage, 1, stored + 5, 1)));
        peer_expect(peer, "server:0\r\n");
        peer_expect(peer, wrongs[i].answer);
        peer_expect(peer, "server:1\r\nserver:1\r\nserver:1\r\n");
        stored += 2;
        expect_state(peer, 1, stored);
        peer_ask(peer, bets_batch(stage, 1, stored, 1), "server:0\r\n");
        stored += 1;
        peer_close(peer);
    }
    bets_expect_stored(server, 1, 0, stored);
}

/* The refusal shows only when the turn is appended, with the claimed agency's batch behind it. */
static void a_batch_refused_for_another_agency_breaks_the_claim_before_the_next_one(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *other = peer_connect(server);
    struct peer *peer = peer_connect(server);
    expect_state(other, 2, 0);
    expect_state(peer, 1, 0);
    peer_send(peer, stage_text(stage, "%s%s%s", bets_batch(stage, 1, 0, 1),
                               bets_batch(stage, 2, 0, 1), bets_batch(stage, 1, 1, 1)));
    peer_expect(peer, "server:0\r\nserver:1\r\nserver:1\r\n");
    bets_expect_stored(server, 1, 0, 1);
    bets_expect_stored(server, 2, 0, 0);
}

static void a_broken_claim_concerns_no_other_agency(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    expect_state(peer, 1, 0);
    peer_ask(peer, "1:44\r\n", "server:1\r\n");
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:1\r\n");
    peer_ask(peer, bets_batch(stage, 2, 0, 1), "server:0\r\n"); /* nobody has claimed it */
    bets_expect_stored(server, 2, 0, 1);
}

static void after_a_refused_batch_a_claimed_connection_may_not_say_done(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "1:4:\r\n1:5\r\n", "server:1\r\nserver:1\r\n");
    peer_ask(peer, "1:7\r\n1:5\r\n", "server:8:0,open*\r\nserver:0\r\n");
}

static void without_a_claim_a_refused_batch_concerns_nobody_else(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_send(peer, stage_text(stage, "%s1:4:bad\n\r\n%s", bets_batch(stage, 1, 0, 2),
                               bets_batch(stage, 1, 2, 2)));
    peer_expect(peer, "server:0\r\nserver:1\r\nserver:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(status_counts_what_the_agency_has_stored),
        STAGE_TEST(status_counts_batches_that_came_right_before_it),
        STAGE_TEST(the_state_goes_from_open_over_done_to_drawn),
        STAGE_TEST(the_state_has_the_checksum_of_the_agencys_rows_and_the_lotterys_identity),
        STAGE_TEST(names_with_quotes_are_summed_as_they_stand_in_the_file),
        STAGE_TEST(prefix_tells_the_state_of_an_agencys_first_rows),
        STAGE_TEST(prefix_of_more_rows_than_there_are_or_of_no_number_is_refused),
        STAGE_TEST(prefix_claims_nothing),
        STAGE_TEST(prefix_sees_batches_that_came_right_before_it),
        STAGE_TEST(prefix_sees_all_that_is_acknowledged_when_written),
        STAGE_TEST(a_newer_status_fences_the_older_connection),
        STAGE_TEST(a_connection_that_was_fenced_can_claim_the_agency_back),
        STAGE_TEST(a_connection_without_a_claim_is_served_until_somebody_claims),
        STAGE_TEST(a_stranger_cannot_say_done_for_an_agency_that_is_sending),
        STAGE_TEST(who_was_fenced_stays_fenced_whatever_it_claims_next),
        STAGE_TEST(the_log_says_which_way_a_connection_was_refused),
        STAGE_TEST(fencing_one_agency_leaves_the_others_alone),
        STAGE_TEST(a_fenced_connection_may_still_ask_and_not_say_done),
        STAGE_TEST(after_a_refused_batch_a_claimed_connection_is_refused_until_the_next_status),
        STAGE_TEST(any_error_breaks_the_claim),
        STAGE_TEST(a_batch_refused_for_another_agency_breaks_the_claim_before_the_next_one),
        STAGE_TEST(a_broken_claim_concerns_no_other_agency),
        STAGE_TEST(after_a_refused_batch_a_claimed_connection_may_not_say_done),
        STAGE_TEST(without_a_claim_a_refused_batch_concerns_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
