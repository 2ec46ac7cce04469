/*
 * test_engine_access.c - who gets to the engine: TLS both ways, names of servers, rights by centre.
 */
#include "tests/harness/certificates.h"
#include "tests/harness/cluster.h"
#include "tests/harness/engine_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { PATIENCE_MS = 15000, REFUSAL_MS = 1500 };

#define STREAM  "BETS_north"
#define SUBJECT "lottery.north.bets"

static struct failure failure;

static enum engine_answer make_stream(struct engine *engine, int64_t timeout_ms)
{
    const char *subjects[] = {SUBJECT};
    return engine_make_stream(engine, STREAM, subjects, 1, 1, timeout_ms, &failure);
}

static enum engine_answer append(struct engine *engine, uint64_t expected, int64_t timeout_ms)
{
    uint64_t sequence = 0;
    const struct engine_append append = {.stream = STREAM,
                                         .subject = SUBJECT,
                                         .expected = expected,
                                         .bytes = "bytes",
                                         .count = strlen("bytes")};
    return engine_append(engine, &append, timeout_ms, &sequence, &failure);
}

static bool is_connected(const struct engine *engine)
{
    struct engine_state state;
    engine_describe(engine, &state);
    return state.connected;
}

/* ---------------------------------------------------------------------- TLS ---- */

/* A node that wants certificates of this authority, and has one with these names. */
static struct cluster *start_encrypted(struct issuer *authority, const char *names)
{
    const struct identity node =
        issuer_issue(authority, "node", &(struct certificate_wish){.names = names});
    return cluster_start(authority->stage, 1,
                         stage_text(authority->stage,
                                    "tls { cert_file: \"%s\", key_file: \"%s\", ca_file: \"%s\", "
                                    "verify: true }",
                                    node.certificate, node.key, authority->path));
}

static struct engine_access access_of(struct issuer *authority, struct cluster *cluster)
{
    const struct identity shipper = issuer_issue(
        authority, "shipper", &(struct certificate_wish){.names = "DNS:shipper.north"});
    struct engine_access access = engine_client_access(cluster->servers);
    access.ca = authority->path;
    access.certificate = shipper.certificate;
    access.key = shipper.key;
    return access;
}

static void both_sides_show_certificates(void **state)
{
    struct issuer *authority = issuer_open(*state, "one");
    struct cluster *cluster = start_encrypted(authority, "DNS:localhost,IP:127.0.0.1");
    const struct engine_access access = access_of(authority, cluster);
    struct engine *engine = engine_client_open_with(*state, &access, PATIENCE_MS);
    assert_true(is_connected(engine));
    assert_int_equal(make_stream(engine, PATIENCE_MS), ENGINE_STORED);
    assert_int_equal(append(engine, 0, PATIENCE_MS), ENGINE_STORED);
    issuer_close(authority);
}

static void without_a_certificate_there_is_no_connection(void **state)
{
    struct issuer *authority = issuer_open(*state, "one");
    struct cluster *cluster = start_encrypted(authority, "DNS:localhost,IP:127.0.0.1");
    struct engine_access access = access_of(authority, cluster);
    access.certificate = "";
    access.key = "";
    struct engine *engine = engine_client_open_with(*state, &access, REFUSAL_MS);
    assert_int_equal(make_stream(engine, REFUSAL_MS), ENGINE_UNKNOWN);
    assert_false(is_connected(engine));
    issuer_close(authority);
}

static void a_server_of_another_authority_is_not_talked_to(void **state)
{
    struct issuer *authority = issuer_open(*state, "one");
    struct issuer *stranger = issuer_open(*state, "other");
    struct cluster *cluster = start_encrypted(authority, "DNS:localhost,IP:127.0.0.1");
    struct engine_access access = access_of(authority, cluster);
    access.ca = stranger->path;
    struct engine *engine = engine_client_open_with(*state, &access, REFUSAL_MS);
    assert_int_equal(make_stream(engine, REFUSAL_MS), ENGINE_UNKNOWN);
    assert_false(is_connected(engine));
    issuer_close(stranger);
    issuer_close(authority);
}

static void a_server_of_another_name_is_not_talked_to(void **state)
{
    struct issuer *authority = issuer_open(*state, "one");
    struct cluster *cluster = start_encrypted(authority, "DNS:elsewhere.example");
    const struct engine_access access = access_of(authority, cluster);
    struct engine *engine = engine_client_open_with(*state, &access, REFUSAL_MS);
    assert_int_equal(make_stream(engine, REFUSAL_MS), ENGINE_UNKNOWN);
    assert_false(is_connected(engine));
    issuer_close(authority);
}

/* ------------------------------------------------------------------- rights ---- */

/* What docs/past-one-machine.md gives a centre; `reader` is a feed's. */
static const char users[] =
    "authorization { users = [\n"
    "  { user: north, password: n, permissions: {\n"
    "      publish: [\"lottery.north.>\", \"$JS.API.STREAM.INFO.BETS_north\",\n"
    "                \"$JS.API.STREAM.CREATE.BETS_north\", \"$JS.API.STREAM.MSG.GET.BETS_north\",\n"
    "                \"$JS.API.CONSUMER.CREATE.BETS_north\", \"$JS.API.CONSUMER.*.BETS_north.>\",\n"
    "                \"$JS.FC.BETS_north.>\"]\n"
    "      subscribe: [\"_INBOX.>\", \"lottery.north.alive\"] } }\n"
    "  { user: south, password: s, permissions: {\n"
    "      publish: [\"lottery.south.>\", \"$JS.API.STREAM.*.BETS_south\"]\n"
    "      subscribe: [\"_INBOX.>\"] } }\n"
    "] }";

static struct engine *open_user(struct cluster *cluster, const char *user)
{
    const struct engine_access access = engine_client_access(
        stage_text(cluster->stage, "nats://%s@127.0.0.1:%u", user, cluster->nodes[0].port));
    return engine_client_open_with(cluster->stage, &access, PATIENCE_MS);
}

static void a_centre_writes_and_reads_its_own_log(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, users);
    struct engine *engine = open_user(cluster, "north:n");
    struct engine_message message;
    struct engine_state described;
    engine_describe(engine, &described);
    assert_string_equal(described.server,
                        stage_text(*state, "nats://127.0.0.1:%u", cluster->nodes[0].port));
    assert_int_equal(make_stream(engine, PATIENCE_MS), ENGINE_STORED);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(append(engine, i, PATIENCE_MS), ENGINE_STORED);
    }
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(engine_read(engine, STREAM, i, PATIENCE_MS, &message, &failure),
                         ENGINE_READ);
    }
    assert_int_equal(engine_read_last(engine, STREAM, SUBJECT, PATIENCE_MS, &message, &failure),
                     ENGINE_READ);
}

static void a_centre_does_not_write_another_s_log(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, users);
    struct engine *north = open_user(cluster, "north:n");
    struct engine *south = open_user(cluster, "south:s");
    uint64_t sequence = UINT64_MAX;
    assert_int_equal(make_stream(north, PATIENCE_MS), ENGINE_STORED);
    assert_int_equal(append(south, 0, REFUSAL_MS), ENGINE_UNKNOWN);
    assert_non_null(strstr(failure.text, "ermission"));
    assert_int_equal(engine_last_sequence(north, STREAM, PATIENCE_MS, &sequence, &failure),
                     ENGINE_READ);
    assert_int_equal(sequence, 0);
}

static void a_wrong_password_is_no_connection(void **state)
{
    struct cluster *cluster = cluster_start(*state, 1, users);
    const struct engine_access access = engine_client_access(
        stage_text(*state, "nats://north:wrong@127.0.0.1:%u", cluster->nodes[0].port));
    struct engine *engine = engine_client_open_with(*state, &access, REFUSAL_MS);
    assert_int_equal(make_stream(engine, REFUSAL_MS), ENGINE_UNKNOWN);
    assert_non_null(strstr(failure.text, "uthorization"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(both_sides_show_certificates),
        STAGE_TEST(without_a_certificate_there_is_no_connection),
        STAGE_TEST(a_server_of_another_authority_is_not_talked_to),
        STAGE_TEST(a_server_of_another_name_is_not_talked_to),
        STAGE_TEST(a_centre_writes_and_reads_its_own_log),
        STAGE_TEST(a_centre_does_not_write_another_s_log),
        STAGE_TEST(a_wrong_password_is_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
