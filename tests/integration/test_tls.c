/*
 * TLS at the server: who is served, who is not, and what is told to whom.
 */
#include "lib/program.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/tls_peer.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DAY_S = 24 * 3600,
    HALF_A_DAY_S = DAY_S / 2,
    LONG_S = 100 * DAY_S,
    LIVE_MODE = 0700,
    SHORT_S = 2,
    CLOCK_LOOK_MS = 50
};

/* A server with TLS, and certificates for it and for agencies. */
struct scene {
    struct stage *stage;
    struct issuer *authority;
    struct identity server_identity, agency_1, agency_2;
    struct server *server;
};

static const struct certificate_wish server_wish = {.names = "DNS:localhost,IP:127.0.0.1",
                                                    .expires_in_s = LONG_S};
static const struct certificate_wish wish_1 = {.names = "URI:urn:lottery:agency:1"};
static const struct certificate_wish wish_2 = {.names = "URI:urn:lottery:agency:2"};
static const struct certificate_wish gateway_wish = {.names = "URI:urn:lottery:agency:2-4"};

static bool release_issuer(void *thing)
{
    issuer_close(thing);
    return true;
}

static void copy_file(struct stage *stage, const char *from, const char *to)
{
    files_write(to, files_read(stage, from, NULL));
}

static void set_up(struct scene *scene, struct stage *stage)
{
    *scene = (struct scene){.stage = stage, .authority = issuer_open(stage, "lottery")};
    stage_own(stage, scene->authority, release_issuer);
    scene->server_identity = issuer_issue(scene->authority, "server", &server_wish);
    scene->agency_1 = issuer_issue(scene->authority, "agency-1", &wish_1);
    scene->agency_2 = issuer_issue(scene->authority, "agency-2", &wish_2);
}

static const char *setting(struct stage *stage, const char *name, const char *value)
{
    return stage_text(stage, "%s=%s", name, value);
}

static void start_with(struct scene *scene, const char *mode, const char *crl, const char *more,
                       const char *and_more)
{
    struct stage *stage = scene->stage;
    scene->server = server_start(
        stage, ENVIRONMENT(setting(stage, "TLS_MODE", mode),
                           setting(stage, "TLS_CERTIFICATE", scene->server_identity.certificate),
                           setting(stage, "TLS_KEY", scene->server_identity.key),
                           setting(stage, "TLS_CA", scene->authority->path),
                           setting(stage, "TLS_CRL", crl), more, and_more));
}

static void start(struct scene *scene, const char *mode, const char *crl, const char *more)
{
    start_with(scene, mode, crl, more, NULL);
}

/* Awaits that a handler waits, after so many connections that have left theirs. */
static void await_returned(const struct server *server, int count)
{
    struct segment segment = server_attach(server);
    const struct shared_supervisor *counters = &segment.shared->supervisor;
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while ((atomic_load(&counters->handlers_returned) != (uint64_t)count ||
            atomic_load(&counters->handlers_ahead) == 0) &&
           deadline_pause(deadline)) {
    }
    assert_int_equal(atomic_load(&counters->handlers_returned), count);
    segment_unmap(&segment);
}

static struct tls_peer *connect_as(const struct scene *scene, const struct identity *identity)
{
    const struct tls_peer_wish wish = {.identity = identity};
    return tls_peer_connect(scene->server, scene->authority, &wish);
}

static void expect_end(struct tls_peer *peer, const char *says)
{
    const char *why = peer->is_open ? tls_peer_await_end(peer) : peer->failure.text;
    if (strstr(why, says) == NULL) {
        fail_msg("the connection ends with \"%s\", not \"%s\"", why, says);
    }
}

/* ----------------------------------------------------------------- who may speak ---- */

#define BET_OF_1 "1:BET:Ana,Pérez,30904465,1999-03-17,7574\n\r\n"

static void a_certificate_speaks_for_its_own_agency_alone(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", "LOG_LEVEL=INFO");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    tls_peer_ask(one, BET_OF_1, "server:ACK\r\n");
    static const char *const foreign[] = {"2:BET:Ana,Gil,30904466,1999-03-17,7574\n\r\n",
                                          "2:DONE\r\n", "2:REQUEST\r\n", "2:STATUS\r\n",
                                          "2:PREFIX:0\r\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        tls_peer_ask(one, foreign[i],
                     "server:ERROR:the certificate * speaks for agency 1 alone\r\n");
    }
    (void)server_await_log(
        scene.server, 5,
        "WARNING *certificate * speaks for agency 1 alone | pid: * | ip: 127.0.0.1:*");
    tls_peer_ask(one, "1:status\r\n", "server:STATE:1,open,*\r\n");
    struct tls_peer *two = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
    server_stop_well(scene.server);
}

static void a_gateway_speaks_for_the_agencies_of_its_list(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    struct identity gateway = issuer_issue(scene.authority, "gateway", &gateway_wish);
    struct tls_peer *peer = connect_as(&scene, &gateway);
    tls_peer_ask(peer, "2:status\r\n", "server:STATE:0,open,*\r\n");
    tls_peer_ask(peer, "4:status\r\n", "server:STATE:0,open,*\r\n");
    tls_peer_ask(peer, "5:status\r\n", "server:ERROR:*for agency 2-4 alone\r\n");
    tls_peer_ask(peer, "1:status\r\n", "server:ERROR:*for agency 2-4 alone\r\n");
}

static void each_certificate_that_is_not_good_is_refused(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    struct issuer *stranger = issuer_open(*state, "stranger");
    stage_own(scene.stage, stranger, release_issuer);
    const struct certificate_wish late = {.names = wish_1.names, .expires_in_s = -60};
    const struct certificate_wish early = {.names = wish_1.names, .begins_in_s = 3600};
    const struct certificate_wish no_name = {.names = "DNS:agency-1"};
    const struct certificate_wish any_name = {.names = "URI:urn:lottery:agency:any"};
    struct identity revoked = issuer_issue(scene.authority, "revoked", &wish_1);
    const struct {
        struct identity identity;
        const char *server_says, *client_says;
    } cases[] = {
        {issuer_issue(scene.authority, "late", &late), "has expired", "has expired"},
        {issuer_issue(scene.authority, "early", &early), "not yet valid", "not accept"},
        {issuer_issue(stranger, "foreign", &wish_1), "not signed by an authority", "the CA"},
        {revoked, "has been revoked", "has been revoked"},
    };
    start(&scene, "required", issuer_revoke(scene.authority, "lottery", &revoked.serial, 1, LONG_S),
          NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_end(connect_as(&scene, &cases[i].identity), cases[i].client_says);
        (void)server_await_log(
            scene.server, 1,
            stage_text(scene.stage, "action: tls | result: fail *%s", cases[i].server_says));
    }
    expect_end(connect_as(&scene, NULL), "none was shown");
    const struct identity nameless[] = {
        issuer_issue(scene.authority, "no-name", &no_name),
        issuer_issue(scene.authority, "any-name", &any_name),
    };
    for (size_t i = 0; i < 2; i++) {
        struct tls_peer *peer = connect_as(&scene, &nameless[i]);
        tls_peer_expect(peer, "server:ERROR:the certificate speaks for no agency\r\n");
        expect_end(peer, "");
    }
    struct tls_peer *good = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(good, "1:status\r\n", "server:STATE:0,open,*\r\n");
}

/* ------------------------------------------------------ plain text and TLS ---- */

static void plain_text_is_refused_where_tls_is_required(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    struct peer *plain = peer_connect(scene.server);
    peer_ask(plain, "1:5\r\n",
             "server:ERROR:this server speaks TLS alone: set tls.mode to "
             "required\r\n");
    peer_expect_close(plain);
    (void)server_await_log(scene.server, 1, "WARNING *plain text, and tls.mode is required");
    assert_int_equal(files_size(server_file(scene.server, "done.csv")), 0);
    struct peer *forwarded = peer_connect(scene.server);
    peer_ask(forwarded, "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n",
             "server:ERROR:a PROXY header from an address that server.proxy_from doesn't name\r\n");
}

static void plain_text_and_tls_stand_side_by_side_where_it_is_optional(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "optional", "", NULL);
    struct peer *plain = peer_connect(scene.server);
    peer_ask(plain, "3:5\r\n", "server:0\r\n");
    struct tls_peer *nobody = connect_as(&scene, NULL);
    tls_peer_ask(nobody, "4:5\r\n", "server:0\r\n");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:5\r\n", "server:0\r\n");
    tls_peer_ask(one, "2:5\r\n", "server:1\r\n");
}

static void tls_is_told_apart_where_it_is_off(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    scene.server = server_start(scene.stage, NULL);
    struct tls_peer *peer = connect_as(&scene, &scene.agency_1);
    assert_false(peer->is_open);
    expect_end(peer, "what came is no TLS");
    (void)server_await_log(scene.server, 1, "WARNING *tls.mode is off");
}

static void a_handshake_that_stops_is_given_up(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", "TIMEOUTS_MESSAGE=200ms");
    struct peer *plain = peer_connect(scene.server);
    peer_send_bytes(plain, "\x16\x03\x01\x02\x00\x01", 6);
    peer_expect_close(plain);
    (void)server_await_log(scene.server, 1, "the handshake was not over in timeouts.message");
}

static void rubbish_that_looks_like_tls_is_refused(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    struct peer *plain = peer_connect(scene.server);
    peer_send_bytes(plain, "\x16\x03\x01\x00\x05nopenope", 13);
    (void)peer_drain(plain);
    (void)server_await_log(scene.server, 1, "action: tls | result: fail");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:5\r\n", "server:0\r\n");
}

static void the_oldest_version_is_as_configured(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const struct tls_peer_wish old = {.identity = &scene.agency_1,
                                      .maximum_version = TLS1_2_VERSION};
    start(&scene, "required", "", NULL);
    struct tls_peer *peer = tls_peer_connect(scene.server, scene.authority, &old);
    assert_false(peer->is_open);
    expect_end(peer, "no version of TLS in common");
    server_stop_well(scene.server);
    start(&scene, "required", "", "TLS_MINIMUM=1.2");
    peer = tls_peer_connect(scene.server, scene.authority, &old);
    tls_peer_ask(peer, "1:5\r\n", "server:0\r\n");
    assert_string_equal(SSL_get_version(peer->stream.ssl), "TLSv1.2");
}

/* ------------------------------------------------------------- what is sent ---- */

static bool wire_has(const struct tls_peer *peer, const char *text)
{
    return memmem(peer->wire, peer->wire_bytes, text, strlen(text)) != NULL;
}

static void no_name_can_be_read_on_the_way(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", "NUMBER_OF_AGENCIES=1");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, BET_OF_1, "server:ACK\r\n");
    tls_peer_ask(one, "1:DONE\r\n", "server:ACK\r\n");
    tls_peer_ask(one, "1:REQUEST\r\n", "server:WINNERS:1,Ana,Pérez,30904465,1999-03-17,7574\n\r\n");
    assert_true(one->wire_bytes > strlen(BET_OF_1));
    static const char *const secrets[] = {"Ana",  "Pérez",   "30904465",   "1999-03-17",
                                          "7574", "server:", "urn:lottery"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assert_false(wire_has(one, secrets[i]));
    }
}

/* The server takes all records that have come: none waits in the stream while it sleeps. */
static void many_small_messages_in_few_records_are_all_answered(void **state)
{
    enum { MESSAGES = 3000 };
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", "LIMITS_MESSAGE_BYTES=1k");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    char *all = stage_allocate(scene.stage, MESSAGES * (sizeof BET_OF_1 - 1) + 1);
    for (size_t i = 0; i < MESSAGES; i++) {
        memcpy(all + i * (sizeof BET_OF_1 - 1), BET_OF_1, sizeof BET_OF_1 - 1);
    }
    tls_peer_send(one, all);
    for (size_t i = 0; i < MESSAGES; i++) {
        tls_peer_expect(one, "server:ACK\r\n");
    }
    tls_peer_ask(one, "1:7\r\n", "server:8:3000,open,*\r\n");
}

/* ---------------------------------------------------------------- resumption ---- */

static void a_session_is_resumed_until_the_files_are_read_again(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    struct tls_peer *first = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(first, "1:status\r\n", "server:STATE:0,open,*\r\n");
    SSL_SESSION *session = tls_peer_leave(first);
    const struct tls_peer_wish again = {.identity = &scene.agency_1, .session = session};
    struct tls_peer *second = tls_peer_connect(scene.server, scene.authority, &again);
    tls_peer_ask(second, "1:status\r\n", "server:STATE:0,open,*\r\n");
    assert_true(tls_stream_is_resumed(&second->stream));
    tls_peer_ask(second, BET_OF_1, "server:ACK\r\n");
    tls_peer_ask(second, "2:status\r\n", "server:ERROR:*for agency 1 alone\r\n");
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    tls_peer_ask(second, "1:status\r\n", "server:STATE:1,open,*\r\n");
    struct tls_peer *third = tls_peer_connect(scene.server, scene.authority, &again);
    tls_peer_ask(third, "1:status\r\n", "server:STATE:1,open,*\r\n");
    assert_false(tls_stream_is_resumed(&third->stream));
    SSL_SESSION_free(session);
    struct segment segment = server_attach(scene.server);
    assert_int_equal(atomic_load(&segment.shared->tls.handshakes), 3);
    assert_int_equal(atomic_load(&segment.shared->tls.resumed), 1);
    segment_unmap(&segment);
}

/* The session that a first connection leaves. */
static SSL_SESSION *leave_session(const struct scene *scene, const struct identity *identity)
{
    struct tls_peer *first = connect_as(scene, identity);
    tls_peer_ask(first, "1:status\r\n", "server:STATE:0,open,*\r\n");
    return tls_peer_leave(first);
}

static void a_session_does_not_outlive_its_server(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    SSL_SESSION *session = leave_session(&scene, &scene.agency_1);
    const struct tls_peer_wish again = {.identity = &scene.agency_1, .session = session};
    server_stop_well(scene.server);
    start(&scene, "required", "", NULL);
    struct tls_peer *second = tls_peer_connect(scene.server, scene.authority, &again);
    tls_peer_ask(second, "1:status\r\n", "server:STATE:0,open,*\r\n");
    assert_false(tls_stream_is_resumed(&second->stream));
    SSL_SESSION_free(session);
}

/* A ticket is good for longer than the certificate may be. */
static void a_session_is_not_resumed_after_its_certificate_s_end(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    const struct certificate_wish short_wish = {.names = wish_1.names, .expires_in_s = SHORT_S};
    struct identity agency = issuer_issue(scene.authority, "short", &short_wish);
    time_t end = time(NULL) + SHORT_S;
    struct tls_peer *first = connect_as(&scene, &agency);
    tls_peer_ask(first, "1:status\r\n", "server:STATE:0,open,*\r\n");
    SSL_SESSION *session = tls_peer_leave(first);
    while (time(NULL) <= end) {
        (void)poll(NULL, 0, CLOCK_LOOK_MS);
    }
    const struct tls_peer_wish again = {.identity = &agency, .session = session};
    expect_end(tls_peer_connect(scene.server, scene.authority, &again), "has expired");
    (void)server_await_log(scene.server, 1, "action: tls | result: fail *has expired");
    SSL_SESSION_free(session);
}

/* -------------------------------------------------------------------- reload ---- */

static void a_revoked_certificate_is_out_at_the_next_reload(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const char *crl = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    start(&scene, "required", crl, NULL);
    SSL_SESSION *session = leave_session(&scene, &scene.agency_1);
    const struct tls_peer_wish again = {.identity = &scene.agency_1, .session = session};
    struct tls_peer *one = tls_peer_connect(scene.server, scene.authority, &again);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    struct tls_peer *two = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
    (void)issuer_revoke(scene.authority, "lottery", &scene.agency_1.serial, 1, LONG_S);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    expect_end(one, "");
    (void)server_await_log(scene.server, 1, "WARNING *certificate is revoked: the connection is");
    (void)server_await_log(scene.server, 1, "reload | result: success *revoked_connections: 1");
    expect_end(connect_as(&scene, &scene.agency_1), "has been revoked");
    expect_end(tls_peer_connect(scene.server, scene.authority, &again), "has been revoked");
    SSL_SESSION_free(session);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
}

/* Handlers that were forked ahead have what was read before; they are replaced. */
static void a_handler_that_waited_over_a_reload_gets_no_connection(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const char *crl = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    start(&scene, "required", crl, "LIMITS_HANDLERS_AHEAD=4");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    struct tls_peer *two = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
    (void)issuer_revoke(scene.authority, "lottery", &scene.agency_1.serial, 1, LONG_S);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "reload | result: success *revoked_connections: 1");
    expect_end(connect_as(&scene, &scene.agency_1), "has been revoked");
    two = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
    assert_int_equal(server_count_log(scene.server, "it is to connect again"), 0);
}

/* The same process serves both, and knows nothing of the first one any more. */
static void a_handler_that_returned_takes_nobody_for_the_one_before(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const struct identity *agencies[] = {&scene.agency_1, &scene.agency_2};
    pid_t pids[2] = {0, 0};
    const char *crl = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    const char *more = "LIMITS_CONNECTIONS_PER_HANDLER=100";
    start_with(&scene, "optional", crl, "LIMITS_HANDLERS_AHEAD=1", more);
    for (int i = 0; i < 2; i++) {
        await_returned(scene.server, i);
        struct tls_peer *one = connect_as(&scene, agencies[i]);
        tls_peer_ask(one, i == 0 ? "2:status\r\n" : "1:status\r\n", "server:ERROR:*alone\r\n");
        tls_peer_ask(one, i == 0 ? "1:status\r\n" : "2:status\r\n", "server:STATE:0,open,*\r\n");
        assert_false(tls_stream_is_resumed(&one->stream));
        pids[i] = server_handler_pid(scene.server, one->peer->port);
        SSL_SESSION_free(tls_peer_leave(one));
    }
    assert_int_equal(pids[0], pids[1]);
    await_returned(scene.server, 2);
    struct peer *plain = peer_connect(scene.server);
    peer_ask(plain, "1:7\r\n", "server:8:0,open*\r\n"); /* without a certificate: anybody */
    assert_int_equal(server_handler_pid(scene.server, plain->port), pids[0]);
}

/* Whoever was accepted before the reload has a handler that does not know the new list. */
static void a_revoked_certificate_is_not_shown_to_a_handler_of_before(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const char *crl = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    start(&scene, "required", crl, NULL);
    struct peer *silent = peer_connect(scene.server);
    (void)server_await_log(scene.server, 1, "action: accept_connections | result: success");
    (void)issuer_revoke(scene.authority, "lottery", &scene.agency_1.serial, 1, LONG_S);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    const struct tls_peer_wish late = {.identity = &scene.agency_1, .peer = silent};
    struct tls_peer *one = tls_peer_connect(scene.server, scene.authority, &late);
    tls_peer_send(one, "1:status\r\n");
    expect_end(one, "");
    (void)server_await_log(scene.server, 1, "it is to connect again");
    struct tls_peer *two = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(two, "2:status\r\n", "server:STATE:0,open,*\r\n");
}

static void an_authority_that_was_revoked_speaks_for_nobody(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    struct stage *stage = scene.stage;
    struct issuer *below = issuer_open_below(scene.authority, "below");
    stage_own(stage, below, release_issuer);
    struct identity agency = issuer_issue(
        below, "agency-3", &(struct certificate_wish){.names = "URI:urn:lottery:agency:3"});
    files_write(agency.certificate,
                stage_text(stage, "%s%s", files_read(stage, agency.certificate, NULL),
                           files_read(stage, below->path, NULL)));
    const char *list_below = issuer_revoke(below, "below", NULL, 0, LONG_S);
    const char *list = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    const char *both = stage_path(stage, "both.pem");
    files_write(both, stage_text(stage, "%s%s", files_read(stage, list, NULL),
                                 files_read(stage, list_below, NULL)));
    start(&scene, "required", both, NULL);
    struct tls_peer *good = connect_as(&scene, &agency);
    tls_peer_ask(good, "3:status\r\n", "server:STATE:0,open,*\r\n");
    long serial = ASN1_INTEGER_get(X509_get0_serialNumber(below->certificate));
    (void)issuer_revoke(scene.authority, "lottery", &serial, 1, LONG_S);
    files_write(both, stage_text(stage, "%s%s", files_read(stage, list, NULL),
                                 files_read(stage, list_below, NULL)));
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    expect_end(connect_as(&scene, &agency), "has been revoked");
}

/* Each of these would have refused everybody, or let somebody in who is revoked. */
static void a_list_that_is_wrong_or_cut_short_changes_nothing(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    struct stage *stage = scene.stage;
    struct issuer *other = issuer_open(stage, "other");
    stage_own(stage, other, release_issuer);
    const char *list =
        files_read(stage, issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S), NULL);
    const char *foreign = files_read(stage, issuer_revoke(other, "other", NULL, 0, LONG_S), NULL);
    const char *crl = stage_path(stage, "crl.pem");
    const struct {
        const char *text, *says;
    } cases[] = {
        {foreign, "there is none in it of the authority /CN=lottery"},
        {stage_text(stage, "%s%.150s", list, foreign), "what comes after block 1 can't be read"},
    };
    files_write(crl, list);
    start(&scene, "required", crl, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        files_write(crl, cases[i].text);
        assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
        (void)server_await_log(scene.server, 1,
                               stage_text(stage, "reload | result: fail *%s", cases[i].says));
    }
    const char *ca = files_read(stage, scene.authority->path, NULL);
    files_write(crl, list);
    files_write(scene.authority->path, stage_text(stage, "%s%.150s", ca, ca));
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "reload | result: fail *CA *can't be read");
    files_write(scene.authority->path, ca);
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
}

/* As certbot does it: what is configured is a link to a file in another directory. */
static void a_reload_follows_links_to_another_directory(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    struct stage *stage = scene.stage;
    const char *live = stage_path(stage, "live");
    assert_int_equal(mkdir(live, LIVE_MODE), 0);
    const char *certificate = stage_text(stage, "%s/cert.pem", live);
    const char *key = stage_text(stage, "%s/privkey.pem", live);
    const struct identity first = issuer_issue(scene.authority, "first", &server_wish);
    assert_int_equal(symlink(first.certificate, certificate), 0);
    assert_int_equal(symlink(first.key, key), 0);
    scene.server_identity.certificate = certificate;
    scene.server_identity.key = key;
    start(&scene, "required", "", NULL);
    struct identity renewed = issuer_issue(scene.authority, "renewed", &server_wish);
    assert_int_equal(unlink(certificate), 0);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(symlink(renewed.certificate, certificate), 0);
    assert_int_equal(symlink(renewed.key, key), 0);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    assert_int_equal(
        ASN1_INTEGER_get(X509_get0_serialNumber(tls_stream_peer_certificate(&one->stream))),
        renewed.serial);
}

static void a_reload_with_a_wrong_file_changes_nothing(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    files_write(scene.server_identity.certificate, "no certificate\n");
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "ERROR *action: reload | result: fail *server.pem");
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:5\r\n", "server:0\r\n");
}

/* Puts something that is no file of TLS in the place of one. */
static void spoil(const char *path, mode_t kind)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(kind == S_IFIFO ? mkfifo(path, 0600) : mkdir(path, LIVE_MODE), 0);
}

/* To open a pipe would wait for whoever writes it: at a reload the server, by -t whoever has called. */
static void what_is_no_file_is_waited_for_by_nobody(void **state)
{
    static const struct {
        mode_t kind;
        const char *says;
    } kinds[] = {{S_IFIFO, "it is a pipe, and no regular file"},
                 {S_IFDIR, "it is a directory, and no regular file"}};
    struct scene scene;
    struct stage *stage = *state;
    set_up(&scene, stage);
    const char *crl = issuer_revoke(scene.authority, "lottery", NULL, 0, LONG_S);
    start(&scene, "required", crl, NULL);
    const char *paths[] = {scene.server_identity.certificate, scene.server_identity.key,
                           scene.authority->path, crl};
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    size_t refused = 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const char *path = paths[i];
        if (path == NULL) {
            fail();
            return; /* which fail() does not, and clang-tidy can't see it */
        }
        const char *good = files_read(stage, path, NULL);
        for (size_t n = 0; n < sizeof kinds / sizeof kinds[0]; n++) {
            struct program_end end;
            spoil(path, kinds[n].kind);
            assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
            (void)server_await_log(scene.server, ++refused,
                                   "ERROR *action: reload | result: fail *no regular file");
            struct program *test = server_start_in_vain(
                stage, scene.server->directory, ARGUMENTS("-t"),
                ENVIRONMENT("TLS_MODE=required", setting(stage, "TLS_CERTIFICATE", paths[0]),
                            setting(stage, "TLS_KEY", paths[1]), setting(stage, "TLS_CA", paths[2]),
                            setting(stage, "TLS_CRL", crl)),
                &end);
            assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
            assert_non_null(strstr(program_errors(test), kinds[n].says));
            assert_int_equal(remove(path), 0);
            files_write(path, good);
            assert_int_equal(chmod(path, 0600), 0);
        }
    }
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
}

/* Found by -t, and before another server stops for this one, that would serve nobody. */
static void a_key_of_another_certificate_replaces_nobody(void **state)
{
    struct scene scene;
    struct program_end end;
    struct stage *stage = *state;
    set_up(&scene, stage);
    start(&scene, "required", "", NULL);
    const struct identity other = issuer_issue(scene.authority, "other", &server_wish);
    const char *const *environment =
        ENVIRONMENT("TLS_MODE=required", setting(stage, "TLS_CERTIFICATE", other.certificate),
                    setting(stage, "TLS_KEY", scene.server_identity.key),
                    setting(stage, "TLS_CA", scene.authority->path));
    for (int i = 0; i < 2; i++) {
        struct program *program =
            server_start_in_vain(stage, scene.server->directory,
                                 ARGUMENTS(i == 0 ? "-t" : "--replace"), environment, &end);
        assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
        assert_non_null(strstr(program_errors(program), "is not the key of tls.certificate"));
    }
    struct tls_peer *one = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(one, "1:status\r\n", "server:STATE:0,open,*\r\n");
    assert_int_equal(server_count_log(scene.server, "action: replace"), 0);
}

static void a_renewed_certificate_is_shown_after_a_reload(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    start(&scene, "required", "", NULL);
    struct tls_peer *before = connect_as(&scene, &scene.agency_1);
    tls_peer_ask(before, "1:status\r\n", "server:STATE:0,open,*\r\n");
    struct identity renewed = issuer_issue(scene.authority, "renewed", &server_wish);
    copy_file(scene.stage, renewed.certificate, scene.server_identity.certificate);
    copy_file(scene.stage, renewed.key, scene.server_identity.key);
    assert_int_equal(kill(scene.server->program->pid, SIGHUP), 0);
    (void)server_await_log(scene.server, 1, "action: reload | result: success");
    struct tls_peer *after = connect_as(&scene, &scene.agency_2);
    tls_peer_ask(after, "2:status\r\n", "server:STATE:0,open,*\r\n");
    assert_int_equal(
        ASN1_INTEGER_get(X509_get0_serialNumber(tls_stream_peer_certificate(&after->stream))),
        renewed.serial);
    tls_peer_ask(before, "1:status\r\n", "server:STATE:0,open,*\r\n");
}

static void what_ends_soon_is_told(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    const struct certificate_wish soon = {.names = server_wish.names,
                                          .expires_in_s = 5 * DAY_S + HALF_A_DAY_S};
    scene.server_identity = issuer_issue(scene.authority, "soon", &soon);
    start(&scene, "required",
          issuer_revoke(scene.authority, "lottery", NULL, 0, 3 * DAY_S + HALF_A_DAY_S), NULL);
    (void)server_await_log(scene.server, 1, "WARNING *soon.pem | days_left: 5 ");
    (void)server_await_log(scene.server, 1, "WARNING *lottery-crl.pem | days_left: 3 ");
    (void)server_await_log(scene.server, 1, "WARNING *lottery-ca.pem | days_left: * ");
    struct segment segment = server_attach(scene.server);
    int64_t left_s = atomic_load(&segment.shared->tls.certificate_expires_at_s) - time(NULL);
    segment_unmap(&segment);
    assert_in_range(left_s, 5 * (int64_t)DAY_S + 1, 6 * (int64_t)DAY_S - 1);
}

/* --------------------------------------------------------------------- start ---- */

static void wrong_files_are_told_at_the_start(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    struct stage *stage = scene.stage;
    const char *certificate = setting(stage, "TLS_CERTIFICATE", scene.server_identity.certificate);
    const char *key = setting(stage, "TLS_KEY", scene.server_identity.key);
    const char *ca = setting(stage, "TLS_CA", scene.authority->path);
    const struct {
        const char *certificate, *key, *ca, *says;
    } cases[] = {
        {"TLS_CERTIFICATE=", key, ca, "TLS_MODE: is \"required\", but tls.certificate is not set"},
        {certificate, "TLS_KEY=", ca, "but tls.key is not set"},
        {certificate, key, "TLS_CA=", "but tls.ca is not set"},
        {"TLS_CERTIFICATE=/nowhere", key, ca, "tls.certificate: open /nowhere: No such file"},
        {certificate, "TLS_KEY=/nowhere", ca, "tls.key: open /nowhere: No such file"},
        {certificate, setting(stage, "TLS_KEY", scene.agency_1.key), ca,
         "is not the key of tls.certificate"},
        {certificate, key, setting(stage, "TLS_CA", scene.server_identity.key),
         "there is no certificate in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct program_end end;
        struct program *program = server_start_in_vain(
            stage, NULL, NULL,
            ENVIRONMENT("TLS_MODE=required", cases[i].certificate, cases[i].key, cases[i].ca),
            &end);
        assert_int_equal(end.status, PROGRAM_EXIT_CONFIG);
        if (strstr(program_errors(program), cases[i].says) == NULL) {
            fail_msg("\"%s\" is not \"%s\"", program_errors(program), cases[i].says);
        }
    }
}

static void an_address_that_others_reach_without_tls_is_told(void **state)
{
    struct scene scene;
    set_up(&scene, *state);
    scene.server = server_start(scene.stage, ENVIRONMENT("SERVER_ADDRESS=0.0.0.0"));
    (void)server_await_log(scene.server, 1, "WARNING *set tls.mode to required");
    server_stop_well(scene.server);
    start(&scene, "required", "", "SERVER_ADDRESS=0.0.0.0");
    assert_int_equal(server_count_log(scene.server, "set tls.mode to required"), 0);
    server_stop_well(scene.server);
    scene.server = server_start(scene.stage, NULL);
    assert_int_equal(server_count_log(scene.server, "set tls.mode to required"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_certificate_speaks_for_its_own_agency_alone),
        STAGE_TEST(a_gateway_speaks_for_the_agencies_of_its_list),
        STAGE_TEST(each_certificate_that_is_not_good_is_refused),
        STAGE_TEST(plain_text_is_refused_where_tls_is_required),
        STAGE_TEST(plain_text_and_tls_stand_side_by_side_where_it_is_optional),
        STAGE_TEST(tls_is_told_apart_where_it_is_off),
        STAGE_TEST(a_handshake_that_stops_is_given_up),
        STAGE_TEST(rubbish_that_looks_like_tls_is_refused),
        STAGE_TEST(the_oldest_version_is_as_configured),
        STAGE_TEST(no_name_can_be_read_on_the_way),
        STAGE_TEST(many_small_messages_in_few_records_are_all_answered),
        STAGE_TEST(a_session_is_resumed_until_the_files_are_read_again),
        STAGE_TEST(a_session_is_not_resumed_after_its_certificate_s_end),
        STAGE_TEST(a_session_does_not_outlive_its_server),
        STAGE_TEST(a_revoked_certificate_is_out_at_the_next_reload),
        STAGE_TEST(a_handler_that_returned_takes_nobody_for_the_one_before),
        STAGE_TEST(a_handler_that_waited_over_a_reload_gets_no_connection),
        STAGE_TEST(a_revoked_certificate_is_not_shown_to_a_handler_of_before),
        STAGE_TEST(an_authority_that_was_revoked_speaks_for_nobody),
        STAGE_TEST(a_list_that_is_wrong_or_cut_short_changes_nothing),
        STAGE_TEST(a_reload_follows_links_to_another_directory),
        STAGE_TEST(a_reload_with_a_wrong_file_changes_nothing),
        STAGE_TEST(what_is_no_file_is_waited_for_by_nobody),
        STAGE_TEST(a_key_of_another_certificate_replaces_nobody),
        STAGE_TEST(a_renewed_certificate_is_shown_after_a_reload),
        STAGE_TEST(what_ends_soon_is_told),
        STAGE_TEST(wrong_files_are_told_at_the_start),
        STAGE_TEST(an_address_that_others_reach_without_tls_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
