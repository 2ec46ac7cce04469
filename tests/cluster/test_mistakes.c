/*
 * test_mistakes.c - what people and foreign programs do to a centre: a standby that is started as a primary,
 * a file that is edited, messages in the log that nobody of the lottery wrote, a mode that is changed, sales
 * that end in the middle of a takeover.
 *
 * Whatever it is: what was acknowledged is there, once, nobody else acknowledges, and a line says what to do.
 */
#include "engine/record.h"
#include "lib/clock.h"
#include "lib/timestamp.h"
#include "tests/harness/bets.h"
#include "tests/harness/centre.h"
#include "tests/harness/deadline.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"
#include "tests/harness/shipped.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    CALL_MS = 5000,
    REFUSED = 1,  /* the exit status of a standby that can't follow */
    NOT_DONE = 3, /* lottery-admin's, of an order that was refused */
    CLOSES_IN_MS = 4000,
    SILENCE_MS = 300
};

#define CENTRE  "north"
#define ACK     "server:0\r\n"
#define BETS_AT "lottery." CENTRE ".bets"

static struct failure failure;

/* ---- a foreign program ------------------------------------------------------------ */

static struct engine *open_foreigner(const struct centre *centre)
{
    return engine_client_open(centre->stage, centre->engine->servers);
}

/* Appends after the last message, as whoever may publish can. */
static void append_as_foreigner(struct engine *engine, uint64_t expected, const char *subject,
                                const struct engine_header *headers, size_t header_count)
{
    static const char text[] = "none of the lottery wrote this\n";
    uint64_t sequence = 0;
    const struct engine_append append = {.stream = "BETS_" CENTRE,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = expected,
                                         .headers = headers,
                                         .header_count = header_count,
                                         .bytes = header_count == 0 ? text : NULL,
                                         .count = header_count == 0 ? strlen(text) : 0};
    if (engine_append(engine, &append, CALL_MS, &sequence, &failure) != ENGINE_STORED) {
        fail_msg("%s", failure.text);
    }
}

/* A claim that is well formed, by a node that is none. */
static void claim_for_nobody(const struct centre *centre)
{
    struct engine *engine = open_foreigner(centre);
    const struct shipped *story = shipped_read(centre->stage, engine, CENTRE);
    struct engine_header headers[ENGINE_HEADERS_MAX];
    struct record claim = {.kind = RECORD_CLAIM,
                           .epoch = story->log.epoch + 5,
                           .node = "nobody",
                           .bets_end = story->log.bets_end,
                           .done_end = story->log.done_end};
    (void)snprintf(claim.identity, sizeof claim.identity, "%s", story->log.identity);
    assert_true(record_make_nonce(claim.nonce, &failure));
    const size_t count = record_write(&claim, headers);
    append_as_foreigner(engine, story->log.sequence, "lottery." CENTRE ".claim", headers, count);
}

/* ---- the wrong start ---------------------------------------------------------------- */

static void a_standby_that_is_started_as_a_primary_ends_and_follows_again(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    server_stop_well(standby);
    struct program_end end;
    struct program *mistaken = server_start_in_vain(centre->stage, centre->directories[1], NULL,
                                                    centre_environment(centre, 1, "1h"), &end);
    assert_int_equal(end.status, CENTRE_FENCED);
    assert_non_null(strstr(program_log(mistaken), "lottery-server --follow"));
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), ACK);
    struct server *again = centre_start_standby(centre, 1, "1h");
    centre_await_all_same(primary, again, false);
    server_stop_well(again);
    server_stop_well(primary);
    bets_expect_stored(primary, 1, 0, 15);
}

/* Each directory knows which node it is: the one that wrote last goes on, whatever name it is given. */
static void directories_that_are_swapped_serve_what_was_acknowledged(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    (void)centre_sell(primary, standby, 10);
    server_stop_well(standby);
    server_stop_well(primary);
    const char *first = centre->directories[0];
    centre->directories[0] = centre->directories[1];
    centre->directories[1] = first;
    struct program_end end;
    (void)server_start_in_vain(centre->stage, centre->directories[0], NULL,
                               centre_environment(centre, 0, "1h"), &end);
    assert_int_equal(end.status, CENTRE_FENCED);
    struct server *serving = centre_start_standby(centre, 1, "1s"); /* it was the primary */
    centre_await_takeover(serving);
    struct server *following = centre_start_standby(centre, 0, "1h");
    struct peer *peer = peer_connect(serving);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), ACK);
    centre_await_all_same(serving, following, false);
    server_stop_well(following);
    server_stop_well(serving);
    bets_expect_stored(serving, 1, 0, 15);
}

/* ---- an edited file ----------------------------------------------------------------- */

static void edit(const struct server *server)
{
    size_t bytes = 0;
    char *text = files_load(server_file(server, "bets.csv"), &bytes);
    assert_non_null(text);
    text[2]++;
    FILE *file = fopen(server_file(server, "bets.csv"), "r+");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    free(text);
}

/* An order to promote would else fence the primary, and nobody could serve. */
static void a_standby_whose_bets_were_edited_does_not_claim(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    edit(standby);
    struct program *order = operator_run(standby, "lottery-admin", ARGUMENTS("promote"), 1);
    assert_non_null(strstr(program_errors(order), "was changed"));
    assert_int_equal(program_await_end(standby->program).status, REFUSED);
    assert_int_equal(
        server_count_log(standby,
                         "action: follow | result: fail | sequence*was changed*name an empty*"),
        1);
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), ACK);
    server_stop_well(primary);
    bets_expect_stored(primary, 1, 0, 15);
}

/* ---- foreign messages ---------------------------------------------------------------- */

static void a_claim_by_nobody_ends_the_primary_and_the_standby_serves(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, 10);
    claim_for_nobody(centre);
    peer_send(peer, bets_batch(centre->stage, 1, 10, 7));
    peer_expect_close(peer);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    centre_await_takeover(standby);
    peer = peer_connect(standby);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), ACK);
    server_stop_well(standby);
    bets_expect_stored(standby, 1, 0, 15);
}

/* Nobody appends to such a log any more; the primary has everything, and fills another one. */
static void garbage_in_the_log_ends_both_and_the_primary_fills_a_new_log(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1h");
    struct peer *peer = centre_sell(primary, standby, 10);
    struct engine *engine = open_foreigner(centre);
    const struct shipped *story = shipped_read(centre->stage, engine, CENTRE);
    append_as_foreigner(engine, story->log.sequence, BETS_AT, NULL, 0);
    assert_int_equal(program_await_end(standby->program).status, REFUSED);
    assert_int_equal(server_count_log(standby, "is no right record*another replication.centre"), 1);
    peer_send(peer, bets_batch(centre->stage, 1, 10, 7));
    peer_expect_close(peer);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    assert_int_equal(server_count_log(primary, "somebody else*another replication.centre"), 1);
    centre->name = "north-2";
    primary = centre_start_primary(centre, 0);
    peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 17, 5), ACK);
    server_stop_well(primary);
    bets_expect_stored(primary, 1, 0, 22);
}

/* Deletes the centre's stream, as an operator of the engine can, and awaits that it is gone. */
static void delete_stream(const struct centre *centre)
{
    static const char order[] =
        "CONNECT {\"verbose\":false}\r\n"
        "SUB lottery.test.answer 1\r\n"
        "PUB $JS.API.STREAM.DELETE.BETS_" CENTRE " lottery.test.answer 0\r\n\r\n";
    char heard[8192];
    size_t count = 0;
    const struct timeval timeout = {.tv_sec = CALL_MS / 1000};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)centre->engine->nodes[0].port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int engine = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(engine >= 0);
    assert_int_equal(setsockopt(engine, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout), 0);
    assert_int_equal(connect(engine, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(engine, order, sizeof order - 1, MSG_NOSIGNAL), sizeof order - 1);
    do {
        const ssize_t got = recv(engine, heard + count, sizeof heard - 1 - count, 0);
        assert_true(got > 0);
        count += (size_t)got;
        heard[count] = '\0';
    } while (strstr(heard, "\"success\"") == NULL);
    (void)close(engine);
}

/* The primary ships all of it again; a standby that knows the old one must not take the new one for it. */
static void a_stream_that_is_deleted_is_filled_again_and_standbys_begin_anew(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, 10);
    delete_stream(centre);
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), ACK);
    assert_true(server_count_log(primary, "has lost what it had acknowledged") > 0);
    assert_int_equal(program_await_end(standby->program).status, REFUSED);
    assert_int_equal(
        server_count_log(standby, "does not have what it had acknowledged*don't empty it"), 1);
    struct server *anew = centre_start_standby(centre, 2, "1h");
    peer_ask(peer, bets_batch(centre->stage, 1, 15, 5), ACK);
    centre_await_all_same(primary, anew, false);
    server_stop_well(anew);
    server_stop_well(primary);
    bets_expect_stored(anew, 1, 0, 20);
}

/* ---- what is changed between two starts ------------------------------------------------ */

static struct server *start_acknowledging(const struct centre *centre, const char *ack_after)
{
    const char *const *values = centre_environment(centre, 0, "5s");
    const char *environment[16] = {NULL};
    for (size_t i = 0; values[i] != NULL; i++) {
        environment[i] = strncmp(values[i], "ACK_AFTER=", strlen("ACK_AFTER=")) == 0
                             ? stage_text(centre->stage, "ACK_AFTER=%s", ack_after)
                             : values[i];
    }
    return server_start_with(centre->stage, centre->directories[0], NULL, environment);
}

static void each_mode_goes_on_with_what_the_one_before_has_left(void **state)
{
    static const char *const modes[] = {"synced", "replicated", "written", "replicated"};
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = NULL;
    struct server *standby = centre_start_standby(centre, 1, "1h");
    unsigned stored = 0;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        primary = start_acknowledging(centre, modes[i]);
        struct peer *peer = peer_connect(primary);
        peer_ask(peer, bets_batch(centre->stage, 1, stored, 10), ACK);
        stored += 10;
        peer_close(peer);
        centre_await_same(primary, standby, "bets.csv");
        server_stop_well(primary);
    }
    bets_expect_stored(standby, 1, 0, stored);
    server_stop_well(standby);
}

/* ---- the end of sales, and processes that stand still -------------------------------------- */

static void sales_that_end_while_nobody_serves_are_closed_by_who_takes_over(void **state)
{
    char at[TIMESTAMP_BYTES];
    struct centre *centre = centre_open(*state, "2");
    timestamp_write(clock_wall_ms() + CLOSES_IN_MS, at);
    const char *closes = stage_text(centre->stage, "LOTTERY_CLOSES=%s", at);
    const char *environments[2][16] = {{NULL}};
    for (unsigned node = 0; node < 2; node++) {
        size_t count = 0;
        for (const char *const *value = centre_environment(centre, node, "4s"); *value != NULL;) {
            environments[node][count++] = *value++;
        }
        environments[node][count] = closes;
    }
    struct server *primary =
        server_start_with(centre->stage, centre->directories[0], NULL, environments[0]);
    (void)server_await_log(primary, 1, "action: replica | result: success | claimed: epoch*");
    struct server *standby = server_follow(centre->stage, centre->directories[1], environments[1]);
    standby->port = centre->ports[1];
    (void)centre_sell(primary, standby, 10);
    server_kill_everything(primary);
    centre_await_takeover(standby);
    (void)server_await_log(standby, 1, "cierre_ventas | result: success | por: time*");
    (void)server_await_log(standby, 1, "action: sorteo | result: success*");
    struct peer *peer = peer_connect(standby);
    peer_ask(peer, bets_batch(centre->stage, 1, 10, 5), "server:1\r\n");
    server_stop_well(standby);
    bets_expect_stored(standby, 1, 0, 10);
}

static void a_storer_that_stands_still_is_taken_over_and_acknowledges_nothing_more(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, 10);
    pid_t storer = 0;
    assert_int_equal(proc_children(primary->program->pid, "lottery-storer", &storer, 1), 1);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    peer_send(peer, bets_batch(centre->stage, 1, 10, 7));
    centre_await_takeover(standby);
    struct peer *other = peer_connect(standby);
    peer_ask(other, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(other, bets_batch(centre->stage, 1, 10, 5), ACK);
    (void)kill(storer, SIGCONT);
    peer_expect_close(peer);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    server_stop_well(standby);
    bets_expect_stored(standby, 1, 0, 15);
}

/* The agency would be told that bets are not stored which the other node may have acknowledged. */
static void a_primary_that_was_fenced_does_not_answer_status(void **state)
{
    const struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, 10);
    peer_ask(peer, "1:7\r\n", "server:8:10,open*\r\n"); /* also where nothing is to be shipped */
    const pid_t shipper = centre_signal_shipper(primary, SIGSTOP);
    centre_await_takeover(standby);
    struct peer *other = peer_connect(standby);
    peer_ask(other, "1:7\r\n", "server:8:10,open*\r\n");
    peer_ask(other, bets_batch(centre->stage, 1, 10, 5), ACK);
    struct peer *late = peer_connect(primary);
    peer_send(late, "1:7\r\n");
    assert_false(peer_has_news(late, SILENCE_MS));
    assert_int_equal(kill(shipper, SIGCONT), 0);
    peer_expect_close(late);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    server_stop_well(standby);
    bets_expect_stored(standby, 1, 0, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_standby_that_is_started_as_a_primary_ends_and_follows_again),
        STAGE_TEST(directories_that_are_swapped_serve_what_was_acknowledged),
        STAGE_TEST(a_standby_whose_bets_were_edited_does_not_claim),
        STAGE_TEST(a_claim_by_nobody_ends_the_primary_and_the_standby_serves),
        STAGE_TEST(garbage_in_the_log_ends_both_and_the_primary_fills_a_new_log),
        STAGE_TEST(a_stream_that_is_deleted_is_filled_again_and_standbys_begin_anew),
        STAGE_TEST(each_mode_goes_on_with_what_the_one_before_has_left),
        STAGE_TEST(sales_that_end_while_nobody_serves_are_closed_by_who_takes_over),
        STAGE_TEST(a_storer_that_stands_still_is_taken_over_and_acknowledges_nothing_more),
        STAGE_TEST(a_primary_that_was_fenced_does_not_answer_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
