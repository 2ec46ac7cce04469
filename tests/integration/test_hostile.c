/*
 * test_hostile.c - five agencies are served while somebody means the server no good.
 *
 * The short form of make bench-hostile: what is served, kept, bounded and stored, and no figures.
 * The hostile peers come from 127.0.0.2, and once from 127.0.0.1, as the agencies do.
 */
#include "server/heritage.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { AGENCIES = 5, CONNECTIONS = 64, STRANGERS = 16, HOSTILE_MAX = 300, ROUND = 20 };

#define HERE      "127.0.0.1"
#define ELSEWHERE "127.0.0.2"

struct scene {
    struct stage *stage;
    struct server *server;
    struct peer *known[AGENCIES];
    unsigned batches; /* of each of the five, acknowledged */
    int sockets[HOSTILE_MAX];
    unsigned count;
};

static bool close_hostile(void *thing)
{
    struct scene *scene = thing;
    for (unsigned i = 0; i < scene->count; i++) {
        (void)close(scene->sockets[i]);
    }
    scene->count = 0;
    return true;
}

/* Each of the five has another batch acknowledged, on the connection that it has had all along. */
static void five_bet(struct scene *scene)
{
    for (unsigned i = 0; i < AGENCIES; i++) {
        peer_send(scene->known[i], bets_batch(scene->stage, i + 1, scene->batches, 1));
    }
    for (unsigned i = 0; i < AGENCIES; i++) {
        peer_expect(scene->known[i], "server:0\r\n");
    }
    scene->batches++;
}

static struct scene *open_scene(struct stage *stage)
{
    struct scene *scene = stage_allocate(stage, sizeof *scene);
    scene->stage = stage;
    scene->server =
        server_start(stage, ENVIRONMENT("LIMITS_MAX_CONNECTIONS=64", "AGENCIES_ALLOWED=1-9"));
    stage_own(stage, scene, close_hostile);
    for (unsigned i = 0; i < AGENCIES; i++) {
        scene->known[i] = peer_connect(scene->server);
    }
    five_bet(scene);
    return scene;
}

/* One more hostile connection, which says this; a server that refuses it is no error. */
static void attack(struct scene *scene, const char *from, const void *bytes, size_t count)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct sockaddr_in server = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)scene->server->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_in_range(scene->count, 0, HOSTILE_MAX - 1);
    assert_int_equal(inet_pton(AF_INET, from, &own.sin_addr), 1);
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(descriptor >= 0);
    scene->sockets[scene->count++] = descriptor;
    assert_int_equal(bind(descriptor, (const struct sockaddr *)&own, sizeof own), 0);
    assert_int_equal(connect(descriptor, (const struct sockaddr *)&server, sizeof server), 0);
    (void)send(descriptor, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static uint64_t refused(const struct scene *scene, enum refusal_reason reason)
{
    struct segment segment = server_attach(scene->server);
    uint64_t count = atomic_load(&segment.shared->refusals.counts[reason]);
    segment_unmap(&segment);
    return count;
}

/*
 * The five still have the connections that they began with, a sixth gets one at once, processes are
 * bounded, and nothing is stored but what was acknowledged.
 */
static void expect_unharmed(struct scene *scene)
{
    five_bet(scene);
    struct peer *newcomer = peer_connect(scene->server);
    peer_ask(newcomer, bets_batch(scene->stage, AGENCIES + 1, scene->batches, 1), "server:0\r\n");
    assert_true(server_count_handlers(scene->server) <= CONNECTIONS + HERITAGE_LEAVING_MAX);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    unsigned bound = AGENCIES + 1 + STRANGERS; /* once those that were evicted are gone */
    while (server_count_handlers(scene->server) > bound && deadline_pause(deadline)) {
    }
    assert_true(server_count_handlers(scene->server) <= bound);
    for (unsigned i = 0; i < AGENCIES; i++) {
        bets_expect_stored(scene->server, i + 1, 0, scene->batches);
    }
    bets_expect_stored(scene->server, AGENCIES + 1, scene->batches, 1);
    const char *bets = files_read(scene->stage, server_file(scene->server, "bets.csv"), NULL);
    unsigned rows = 0;
    for (const char *at = bets; (at = strchr(at, '\n')) != NULL; at++) {
        rows++;
    }
    assert_int_equal(rows, AGENCIES * scene->batches + 1);
    assert_int_equal(server_count_log(scene->server, "reap | result: fail"), 0);
}

/* The five bet all the while. */
static void attack_many(struct scene *scene, unsigned times, const char *from, const void *bytes,
                        size_t count)
{
    for (unsigned i = 0; i < times; i++) {
        attack(scene, from, bytes, count);
        if (i % ROUND == 0) {
            five_bet(scene);
        }
    }
}

static void silent_connections_from_elsewhere(void **state)
{
    struct scene *scene = open_scene(*state);
    attack_many(scene, HOSTILE_MAX, ELSEWHERE, "", 0);
    expect_unharmed(scene);
    assert_true(refused(scene, REFUSAL_EVICTED) > 0); /* how many at most: test_admission */
}

static void silent_connections_from_the_agencies_own_address(void **state)
{
    struct scene *scene = open_scene(*state);
    attack_many(scene, HOSTILE_MAX / 2, HERE, "", 0);
    expect_unharmed(scene);
    assert_true(refused(scene, REFUSAL_EVICTED) > 0);
}

static void messages_that_arrive_byte_by_byte(void **state)
{
    enum { BYTES = 20 };
    struct scene *scene = open_scene(*state);
    attack_many(scene, HOSTILE_MAX / 2, ELSEWHERE, "1:4:", 4);
    for (unsigned i = 0; i < BYTES; i++) {
        for (unsigned j = 0; j < scene->count; j++) {
            (void)send(scene->sockets[j], "a", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        five_bet(scene);
    }
    expect_unharmed(scene);
}

/* Knuth's generator (MMIX), so that each run is the same. */
static uint32_t draw_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void handshakes_of_rubbish(void **state)
{
    enum { RUBBISH_BYTES = 256 };
    struct scene *scene = open_scene(*state);
    char rubbish[RUBBISH_BYTES] = {0x16, 0x03, 0x01};
    uint64_t random = 1;
    for (size_t i = 3; i < sizeof rubbish; i++) {
        rubbish[i] = (char)draw_number(&random);
    }
    attack_many(scene, HOSTILE_MAX, ELSEWHERE, rubbish, sizeof rubbish);
    expect_unharmed(scene);
}

static void batches_of_an_agency_that_is_not_allowed(void **state)
{
    enum { BATCHES = 12000 };
    struct scene *scene = open_scene(*state);
    const char *batches = bets_repeat(scene->stage, "99:4:A,B,1,2000-01-01,1\n\r\n", BATCHES);
    struct peer *peer = peer_connect(scene->server);
    peer_send(peer, batches);
    five_bet(scene);
    (void)peer_drain(peer);
    expect_unharmed(scene);
    assert_true(refused(scene, REFUSAL_NOT_ALLOWED) > 0);
    assert_int_equal(refused(scene, REFUSAL_MESSAGES), 1);
}

static void a_message_without_an_end(void **state)
{
    enum { BYTES = 256 * 1024 };
    struct scene *scene = open_scene(*state);
    const char *endless = bets_repeat(scene->stage, "a", BYTES);
    attack_many(scene, 3, ELSEWHERE, "1:4:", 4);
    for (unsigned i = 0; i < scene->count; i++) {
        (void)send(scene->sockets[i], endless, BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
        five_bet(scene);
    }
    expect_unharmed(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(silent_connections_from_elsewhere),
        STAGE_TEST(silent_connections_from_the_agencies_own_address),
        STAGE_TEST(messages_that_arrive_byte_by_byte),
        STAGE_TEST(handshakes_of_rubbish),
        STAGE_TEST(batches_of_an_agency_that_is_not_allowed),
        STAGE_TEST(a_message_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
