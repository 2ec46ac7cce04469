/*
 * test_addresses.c - the server is found at each address of its name, and who does not find it
 * is told the reason at once and at the end.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

/* A port of ::1 that nobody listens on, by a socket that keeps it; -1 without IPv6. */
static int take_v6_port(unsigned *port)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    socklen_t bytes = sizeof address;
    int taken = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (taken >= 0 && (bind(taken, (const struct sockaddr *)&address, bytes) != 0 ||
                       getsockname(taken, (struct sockaddr *)&address, &bytes) != 0)) {
        (void)close(taken);
        taken = -1;
    }
    *port = ntohs(address.sin6_port);
    return taken;
}

static bool has_v6(void)
{
    unsigned port = 0;
    int taken = take_v6_port(&port);
    return taken >= 0 && close(taken) == 0;
}

/* The agency finishes its job at this address. */
static void expect_agency_at(struct server *server, uint32_t id, const char *host)
{
    const char *address = stage_text(server->stage, "CLI_SERVER_ADDRESS=%s:%u", host, server->port);
    agency_expect_success_at(agency_start(server, id, agency_bets_file(server->stage, id),
                                          ENVIRONMENT(address, "CLI_LOOP_LAPSE=30s")),
                             __FILE__, __LINE__);
}

static void a_server_at_localhost_is_found_at_each_loopback_address(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("SERVER_ADDRESS=localhost", "NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 20);
    expect_agency_at(server, 1, "127.0.0.1");
    expect_agency_at(server, 1, "localhost");
    if (has_v6()) {
        expect_agency_at(server, 1, "[::1]");
        const char *line =
            stage_text(stage, "action: listen | result: success*port: %u", server->port);
        (void)server_await_log(server, 2, line);
    }
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

static void a_server_that_is_not_told_where_listens_on_loopback_addresses_alone(void **state)
{
    struct stage *stage = *state;
    /* set but empty counts as not set */
    struct server *server = server_start(stage, ENVIRONMENT("SERVER_ADDRESS="));
    assert_int_equal(server_count_log(server, "action: config*server.address: localhost |"), 1);
    (void)server_await_log(server, has_v6() ? 2 : 1, "action: listen | result: success");
    assert_int_equal(server_count_log(server, "action: listen*address: 0.0.0.0 |"), 0);
    assert_int_equal(server_count_log(server, "action: listen*address: :: |"), 0);
    assert_int_equal(server_count_log(server, "action: listen*address: 127.0.0.1 |"), 1);
}

static void the_empty_address_is_every_address(void **state)
{
    struct stage *stage = *state;
    const char *config = stage_path(stage, "server.yaml");
    files_write(config, "server:\n  address: \"\"\nagencies:\n  expected: 1\n");
    struct server *server =
        server_start_with(stage, NULL, ARGUMENTS("-c", config), ENVIRONMENT("SERVER_ADDRESS="));
    agency_generate(stage, 1, 20);
    expect_agency_at(server, 1, "127.0.0.1");
    expect_agency_at(server, 1, "127.0.0.2");
    if (has_v6()) {
        expect_agency_at(server, 1, "[::1]");
    }
}

static void an_agency_finds_a_server_that_listens_on_one_family_alone(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_generate(stage, 1, 20);
    expect_agency_at(server, 1, "localhost");
    server_stop_well(server);
    if (has_v6()) {
        server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "SERVER_ADDRESS=::1"));
        expect_agency_at(server, 1, "localhost");
    }
}

static void a_port_that_is_taken_at_one_of_the_addresses_is_named(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    unsigned port = 0;
    int taken = take_v6_port(&port);
    if (taken < 0) {
        skip();
    }
    struct program *server = server_start_in_vain(
        stage, NULL, NULL,
        ENVIRONMENT("SERVER_ADDRESS=localhost", stage_text(stage, "SERVER_PORT=%u", port)), &end);
    (void)close(taken);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(
        program_errors(server),
        stage_text(stage, "listen on [::1]:%u: Address already in use; another program", port)));
    stage_expect_nothing_left(stage);
}

/* ------------------------------------------------------------------ reasons ---- */

/* An agency that gives up after a second, dialling this address. */
static struct program *dial(struct stage *stage, const char *address)
{
    files_write(stage_path(stage, "one.csv"), "Ana,Paz,1,1980-01-31,7574\n");
    const struct program_plan plan = {
        .name = "lottery-agency",
        .environment = ENVIRONMENT(
            stage_text(stage, "CLI_SERVER_ADDRESS=%s", address), "CLI_ID=1", "CLI_LOOP_LAPSE=1s",
            stage_text(stage, "CLI_BETS_FILE=%s", stage_path(stage, "one.csv")))};
    return program_start(stage, &plan);
}

static void expect_reason(struct program *agency, const char *reason)
{
    struct stage *stage = agency->stage;
    const char *at_once = stage_text(stage,
                                     "WARNING*action: connect | result: in_progress | "
                                     "reason: %s*trying_again_until: *:*:*",
                                     reason);
    const char *at_last = stage_text(stage, "ERROR*action: connect | result: fail*%s*", reason);
    (void)program_await_log(agency, 1, at_once);
    assert_int_equal(program_count_log(agency, at_last), 0);
    assert_int_equal(program_await_end(agency).status, PROGRAM_EXIT_UNREACHABLE);
    assert_int_equal(program_count_log(agency, at_last), 1);
    assert_int_equal(program_count_log(agency, "WARNING"), 1);
    assert_int_equal(program_count_log(agency, "in time"), 0);
}

static void that_nobody_listens_is_told_at_once_and_at_the_end(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1"};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        unsigned port = ports_choose();
        expect_reason(dial(stage, stage_text(stage, "%s:%u", hosts[i], port)),
                      stage_text(stage,
                                 "connecting to %s port %u: Connection refused (is the "
                                 "server running there?)",
                                 hosts[i], port));
    }
}

static void that_a_host_is_unknown_is_told_at_once_and_at_the_end(void **state)
{
    struct stage *stage = *state;
    expect_reason(dial(stage, "no-such-host.invalid:1"),
                  "looking up no-such-host.invalid port 1: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_server_at_localhost_is_found_at_each_loopback_address),
        STAGE_TEST(a_server_that_is_not_told_where_listens_on_loopback_addresses_alone),
        STAGE_TEST(the_empty_address_is_every_address),
        STAGE_TEST(an_agency_finds_a_server_that_listens_on_one_family_alone),
        STAGE_TEST(a_port_that_is_taken_at_one_of_the_addresses_is_named),
        STAGE_TEST(that_nobody_listens_is_told_at_once_and_at_the_end),
        STAGE_TEST(that_a_host_is_unknown_is_told_at_once_and_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
