/*
 * test_web.c - lottery-web beside a real server, over real sockets: what it serves, what it refuses,
 * who can hold it up, and that it goes on without its server.
 */
#include "store/data_directory.h"
#include "store/replication.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "web/site.h"
#include "web/streams.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define ROW_A "Ana,Paz,11111111,1980-01-31,1"
#define ROW_B "Luz,Sol,22222222,1990-12-01,2"

enum { ANSWER_BYTES = 4 << 20, SMALL_BYTES = 4096, DECIMAL = 10 };

/* A lottery-web, and where it listens. */
struct web {
    struct stage *stage;
    struct program *program;
    unsigned port;
};

/* A connection to it, and what has come over it. */
struct client {
    int socket;
    char *text; /* terminated */
    size_t bytes;
};

/* ----------------------------------------------------------------- starting ---- */

static struct program *start_program(struct stage *stage, const char *directory,
                                     const char *const *arguments)
{
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    const struct program_plan plan = {
        .name = "lottery-web", .arguments = arguments, .environment = ENVIRONMENT(data)};
    return program_start(stage, &plan);
}

static struct web *start_web_with(struct stage *stage, const char *directory, const char *names)
{
    struct web *web = stage_allocate(stage, sizeof *web);
    *web = (struct web){.stage = stage};
    web->program = start_program(
        stage, directory, ARGUMENTS("--address", "127.0.0.1", "--port", "0", "--names", names));
    const char *line =
        program_await_log(web->program, 1, "action: listen*success*url: http://127.0.0.1:*");
    const char *url = strstr(line, "url: http://127.0.0.1:");
    assert_non_null(url);
    web->port = (unsigned)strtoul(url + strlen("url: http://127.0.0.1:"), NULL, DECIMAL);
    return web;
}

static struct web *start_web(const struct server *server)
{
    return start_web_with(server->stage, server->directory, "");
}

/* A server with agency 1 (two bets, connected). */
static struct server *start_busy(struct stage *stage, struct peer **peer)
{
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=3"));
    *peer = peer_connect(server);
    peer_ask(*peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(*peer, "1:4:" ROW_A "\n" ROW_B "\n\r\n", "server:0\r\n");
    return server;
}

/* ------------------------------------------------------------------- asking ---- */

static bool close_client(void *thing)
{
    struct client *client = thing;
    if (client->socket >= 0) {
        close(client->socket);
        client->socket = -1;
    }
    return true;
}

/* Connects, with a receive buffer of so many bytes; 0: the kernel's choice. */
static struct client *open_client(const struct web *web, int buffer_bytes)
{
    struct client *client = stage_allocate(web->stage, sizeof *client);
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)web->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *client = (struct client){.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                              .text = stage_allocate(web->stage, ANSWER_BYTES)};
    stage_own(web->stage, client, close_client);
    if (buffer_bytes > 0) {
        assert_int_equal(
            setsockopt(client->socket, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes),
            0);
    }
    assert_int_equal(connect(client->socket, (const struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static void say(struct client *client, const char *text)
{
    (void)send(client->socket, text, strlen(text), MSG_NOSIGNAL);
}

/* Receives what comes next, at most `capacity` bytes. False at the end, or when nothing comes. */
static bool hear(struct client *client, struct deadline deadline)
{
    struct pollfd file = {.fd = client->socket, .events = POLLIN};
    assert_true(client->bytes < ANSWER_BYTES - 1);
    if (poll(&file, 1, deadline_left_ms(deadline)) != 1) {
        return false;
    }
    ssize_t bytes =
        recv(client->socket, client->text + client->bytes, ANSWER_BYTES - 1 - client->bytes, 0);
    client->bytes += bytes > 0 ? (size_t)bytes : 0;
    client->text[client->bytes] = '\0';
    return bytes > 0;
}

/* Everything up to the end of the connection. */
static const char *hear_all(struct client *client)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (hear(client, deadline)) {
    }
    assert_true(deadline_left_ms(deadline) > 0);
    return client->text;
}

static bool has_heard(struct client *client, const char *words)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (strstr(client->text, words) == NULL) {
        if (!hear(client, deadline)) {
            return false;
        }
    }
    return true;
}

static void await_words(const struct web *web, struct client *client, const char *words)
{
    if (!has_heard(client, words)) {
        program_show(web->program);
        fail_msg("\"%s\" does not come: %s", words, client->text);
    }
}

/* The whole answer to one request, on a connection of its own. */
static const char *ask(const struct web *web, const char *request)
{
    struct client *client = open_client(web, 0);
    say(client, request);
    return hear_all(client);
}

static const char *get(const struct web *web, const char *path)
{
    return ask(web, stage_text(web->stage,
                               "GET %s HTTP/1.1\r\nHost: localhost:%u\r\nConnection: close\r\n\r\n",
                               path, web->port));
}

static unsigned status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.", 7) == 0 ? (unsigned)strtoul(answer + 9, NULL, DECIMAL) : 0;
}

static const char *body_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

static struct client *open_events(const struct web *web, int buffer_bytes)
{
    struct client *client = open_client(web, buffer_bytes);
    say(client, "GET /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return client;
}

/* Awaits that /state.json says so. */
static void await_state(const struct web *web, const char *words)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (strstr(get(web, "/state.json"), words) == NULL) {
        if (!deadline_pause(deadline)) {
            program_show(web->program);
            fail_msg("/state.json never says: %s\n%s", words, get(web, "/state.json"));
        }
    }
}

/* ---------------------------------------------------------------- resources ---- */

static void the_page_comes_with_a_policy_that_lets_nothing_else_in(void **state)
{
    const struct web *web = start_web(server_start(*state, NULL));
    const char *answer = get(web, "/");
    assert_int_equal(status_of(answer), 200);
    assert_has(answer, "\r\nContent-Type: text/html; charset=utf-8\r\n");
    assert_has(answer, "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-");
    assert_has(answer, "frame-ancestors 'none'\r\n");
    assert_has(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
    assert_has(answer, "\r\nCross-Origin-Resource-Policy: same-origin\r\n");
    assert_null(strstr(answer, "Access-Control"));
    assert_memory_equal(body_of(answer), "<!doctype html>", 15);
    assert_has(answer, "</html>\n");
}

static void state_json_is_what_lottery_stat_prints_and_more(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = NULL;
    const struct server *server = start_busy(stage, &peer);
    const struct web *web = start_web(server);
    const char *answer = get(web, "/state.json");
    assert_int_equal(status_of(answer), 200);
    assert_has(answer, "\r\nContent-Type: application/json; charset=utf-8\r\n");
    const char *file = stage_path(stage, "state.json");
    files_write(file, body_of(answer));
    struct program_end end;
    (void)program_run(
        stage,
        &(struct program_plan){.name = "python3", .arguments = ARGUMENTS("-m", "json.tool", file)},
        &end);
    assert_int_equal(end.status, 0);
    assert_has(answer, stage_text(stage, "\"pid\": %d", (int)server->program->pid));
    assert_has(answer, "\"agencies_done\": 0, \"agencies_expected\": 3, \"drawn\": false");
    assert_has(answer, "{\"id\": 1, \"phase\": \"open\", \"bets\": 2,");
    assert_has(answer, "\"answer\": \"found\", \"reason\": \"\", \"agencies\": 3, \"handlers\": 1");
    assert_has(answer, "\"kind\": \"server_found\"");
    assert_has(answer, "\"history\": [");
}

static void metrics_are_those_of_lottery_stat_and_whether_it_is_up(void **state)
{
    struct peer *peer = NULL;
    const struct web *web = start_web(start_busy(*state, &peer));
    const char *answer = get(web, "/metrics");
    assert_int_equal(status_of(answer), 200);
    assert_has(answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_has(answer, "\n# TYPE lottery_up gauge\nlottery_up 1\n");
    assert_has(answer, "\n# TYPE lottery_bets_total counter\nlottery_bets_total 2\n");
    assert_has(answer, "\nlottery_agency_bets_total{agency=\"1\"} 2\n");
}

static void events_begin_at_once_and_bring_what_changes(void **state)
{
    struct peer *peer = NULL;
    const struct web *web = start_web(start_busy(*state, &peer));
    struct client *client = open_events(web, 0);
    await_words(web, client, "\nevent: state\ndata: {");
    assert_int_equal(status_of(client->text), 200);
    assert_has(client->text, "\r\nContent-Type: text/event-stream\r\n");
    await_words(web, client, "{\"id\": 1, \"phase\": \"open\", \"bets\": 2,");
    peer_ask(peer, "1:4:" ROW_A "\n\r\n", "server:0\r\n");
    await_words(web, client, "{\"id\": 1, \"phase\": \"open\", \"bets\": 3,");
}

/* ------------------------------------------------------------------ refusals ---- */

static void what_is_no_reading_is_refused(void **state)
{
    struct stage *stage = *state;
    const struct web *web = start_web(server_start(stage, NULL));
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        const char *answer =
            ask(web, stage_text(stage,
                                "%s /state.json HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Length: 3\r\nConnection: close\r\n\r\nabc",
                                methods[i]));
        assert_int_equal(status_of(answer), 405);
        assert_has(answer, "\r\nAllow: GET, HEAD\r\n");
    }
    assert_int_equal(status_of(get(web, "/nothing")), 404);
    assert_int_equal(status_of(get(web, "/../etc/passwd")), 404);
    assert_int_equal(status_of(get(web, "//")), 404);
    const char *head =
        ask(web, "HEAD /state.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_int_equal(status_of(head), 200);
    assert_string_equal(body_of(head), "");
    const char *with_body = ask(web, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
                                     "Content-Length: 3\r\nConnection: close\r\n\r\nabc");
    assert_int_equal(status_of(with_body), 200);
}

static void what_is_no_http_does_no_harm(void **state)
{
    struct stage *stage = *state;
    const struct web *web = start_web(server_start(stage, NULL));
    char *headers = stage_allocate(stage, ANSWER_BYTES);
    memset(headers, 'x', ANSWER_BYTES - 1);
    const char *const noises[] = {
        "1:7\r\n\r\n", "\r\n\r\n\r\n", "GET",
        stage_text(stage, "GET / HTTP/1.1\r\nHost: localhost\r\nX: %.200000s\r\n\r\n", headers)};
    for (size_t i = 0; i < sizeof noises / sizeof noises[0]; i++) {
        struct client *client = open_client(web, 0);
        say(client, noises[i]);
        (void)shutdown(client->socket, SHUT_WR); /* it may have closed already */
    }
    assert_int_equal(status_of(get(web, "/")), 200);
}

/* A page of a stranger's whose name has got our address (DNS rebinding). */
static void other_names_than_ours_are_refused(void **state)
{
    struct stage *stage = *state;
    const struct server *server = server_start(stage, NULL);
    const struct web *web = start_web_with(stage, server->directory, "centre.example");
    static const char *const strange[] = {"Host: evil.example\r\n",
                                          "Host: 127.0.0.1.evil.example\r\n", "Host: \r\n", ""};
    static const char *const paths[] = {"/", "/state.json", "/metrics", "/events", "/nothing"};
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        for (size_t j = 0; j < sizeof paths / sizeof paths[0]; j++) {
            const char *answer =
                ask(web, stage_text(stage, "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n",
                                    paths[j], strange[i]));
            assert_true(status_of(answer) == 421 || status_of(answer) == 400);
            assert_null(strstr(answer, "\"web\""));
            assert_null(strstr(answer, "lottery_up"));
        }
    }
    static const char *const ours[] = {"127.0.0.1", "localhost:1", "[::1]:80",
                                       "centre.example:443"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        const char *answer =
            ask(web, stage_text(stage, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                                ours[i]));
        assert_int_equal(status_of(answer), 200);
    }
}

/* ------------------------------------------------------------------- crowds ---- */

static void slow_readers_hold_nobody_up(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = NULL;
    struct server *server = start_busy(stage, &peer);
    const struct web *web = start_web(server);
    struct client *slow = open_events(web, SMALL_BYTES);
    for (int i = 1; i < STREAMS_MAX / 2; i++) {
        (void)open_events(web, SMALL_BYTES);
    }
    struct client *quick = open_events(web, 0);
    (void)open_client(web, 0); /* one that says nothing */
    say(open_client(web, 0), "GET / HT");
    for (unsigned i = 1; i <= 8; i++) {
        peer_ask(peer, "1:4:" ROW_A "\n\r\n", "server:0\r\n");
        await_words(web, quick,
                    stage_text(stage, "{\"id\": 1, \"phase\": \"open\", \"bets\": %u,", 2 + i));
        assert_int_equal(status_of(get(web, "/metrics")), 200);
    }
    /* Where it reads again, what it gets is whole, and at last the newest. */
    await_words(web, slow, "{\"id\": 1, \"phase\": \"open\", \"bets\": 10,");
    assert_has(slow->text, "\nevent: state\ndata: {");
}

static void more_readers_than_there_is_room_for_are_told_so(void **state)
{
    const struct web *web = start_web(server_start(*state, NULL));
    struct client *readers[STREAMS_MAX];
    for (int i = 0; i < STREAMS_MAX; i++) {
        readers[i] = open_events(web, 0);
        await_words(web, readers[i], "\nevent: state\n");
    }
    assert_int_equal(status_of(get(web, "/events")), 503);
    assert_int_equal(status_of(get(web, "/")), 200);
    (void)close_client(readers[0]);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct client *next = open_events(web, 0);
    while (!has_heard(next, "\nevent: state\n")) {
        assert_true(deadline_pause(deadline));
        (void)close_client(next);
        next = open_events(web, 0);
    }
}

static void more_connections_than_there_is_room_for_are_closed(void **state)
{
    const struct web *web = start_web(server_start(*state, NULL));
    struct client *clients[SITE_CONNECTIONS_MAX];
    for (int i = 0; i < SITE_CONNECTIONS_MAX; i++) {
        clients[i] = open_client(web, 0);
        say(clients[i], "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        await_words(web, clients[i], "</html>\n");
    }
    assert_string_equal(get(web, "/"), "");
    say(clients[0], "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await_words(web, clients[0], "\nlottery_up 1\n");
    (void)close_client(clients[0]);
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (status_of(get(web, "/")) != 200) {
        assert_true(deadline_pause(deadline));
    }
}

/* --------------------------------------------------------- the server's life ---- */

static void it_says_that_the_server_is_gone_and_that_it_is_back(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, NULL);
    const struct web *web = start_web(server);
    struct client *reader = open_events(web, 0);
    await_words(web, reader, "\"answer\": \"found\"");
    server_stop_well(server);
    await_words(web, reader, "\"answer\": \"absent\", \"reason\": \"no server: nobody holds ");
    await_state(web, "\"answer\": \"absent\"");
    assert_null(strstr(get(web, "/state.json"), "\"ring\""));
    const char *metrics = get(web, "/metrics");
    assert_int_equal(status_of(metrics), 200);
    assert_has(metrics, "\nlottery_up 0\n");
    assert_null(strstr(metrics, "lottery_bets_total"));
    assert_int_equal(status_of(get(web, "/")), 200);
    struct server *next = server_start_with(stage, server->directory, NULL, NULL);
    const char *pid =
        stage_text(stage, "\"pid\": %d, \"port\": %u", (int)next->program->pid, next->port);
    await_words(web, reader, pid);
    await_state(web, pid);
    assert_has(get(web, "/state.json"), "\"kind\": \"server_gone\"");
    assert_has(get(web, "/metrics"), "\nlottery_up 1\n");
}

static void a_killed_server_is_gone_too(void **state)
{
    struct server *server = server_start(*state, NULL);
    const struct web *web = start_web(server);
    server_kill_everything(server);
    await_state(web, "was left by one that was killed");
}

/* This process is what the standby would be: it holds the directory's locks, and writes its state. */
static void a_standby_is_told_as_one(void **state)
{
    struct server *server = server_start(*state, NULL);
    const struct web *web = start_web(server);
    struct data_directory directory;
    struct failure failure = {.text = ""};
    const struct replication_state standby = {.id = "00c0ffee",
                                              .role = REPLICATION_STANDBY,
                                              .writer = "north-1",
                                              .epoch = 3,
                                              .connected = true};
    bool synced = false;
    server_stop_well(server);
    if (!data_directory_open(server->directory, NULL, DEADLINE_MS, &directory, &failure) ||
        !replication_write(&directory, &standby, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    await_state(web, "\"answer\": \"standby\", \"reason\": \"a standby holds ");
    const char *json = get(web, "/state.json");
    assert_has(json, "follows north-1, epoch 3");
    assert_has(json, "\"kind\": \"server_is_standby\"");
    assert_has(get(web, "/metrics"), "\nlottery_up 0\n");
    data_directory_close(&directory);
}

static void deaths_and_repairs_are_told(void **state)
{
    struct peer *peer = NULL;
    struct server *server = start_busy(*state, &peer);
    const struct web *web = start_web(server);
    server_kill_handler(server, peer->port);
    await_state(web, "\"kind\": \"handler_killed\", \"count\": 1");
    server_kill_storer(server);
    await_state(web, "\"kind\": \"storer_died\", \"count\": 1");
    await_state(web, "\"kind\": \"storer_started\", \"count\": 1");
}

/* ------------------------------------------------------------------ own life ---- */

static void it_ends_well_with_readers_before_it(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct stage *stage = *state;
    const struct server *server = server_start(stage, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct web *web = start_web(server);
        struct client *reader = open_events(web, 0);
        await_words(web, reader, "\nevent: state\n");
        (void)open_events(web, SMALL_BYTES);
        struct program_end end = program_stop(web->program, signals[i]);
        assert_int_equal(end.status, 0);
        assert_string_equal(program_errors(web->program), "");
        (void)hear_all(reader);
    }
}

static void what_keeps_it_from_starting_is_said(void **state)
{
    struct stage *stage = *state;
    const struct server *server = server_start(stage, NULL);
    struct program *program =
        start_program(stage, stage_path(stage, "nowhere"), ARGUMENTS("--port", "0"));
    assert_int_equal(program_await_end(program).status, 1);
    assert_has(program_errors(program), "open data directory ");
    const struct web *web = start_web(server);
    program = start_program(
        stage, server->directory,
        ARGUMENTS("--address", "127.0.0.1", "--port", stage_text(stage, "%u", web->port)));
    assert_int_equal(program_await_end(program).status, 1);
    assert_has(program_errors(program), "choose another port");
    program = start_program(stage, server->directory, ARGUMENTS("--port", "65536"));
    assert_int_equal(program_await_end(program).status, 2);
}

/* It reads what strangers send, and has the server's own limits. */
static void it_is_confined(void **state)
{
    struct stage *stage = *state;
    if (!program_is_confined()) {
        skip();
    }
    const struct web *web = start_web(server_start(stage, NULL));
    (void)get(web, "/");
    char status[SMALL_BYTES] = "";
    FILE *file = fopen(stage_text(stage, "/proc/%d/status", (int)web->program->pid), "r");
    assert_non_null(file);
    status[fread(status, 1, sizeof status - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_has(status, "NoNewPrivs:\t1\n");
    assert_has(status, "Seccomp:\t2\n");
    assert_has(status, "CapPrm:\t0000000000000000\n");
    assert_has(status, "CapBnd:\t0000000000000000\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(the_page_comes_with_a_policy_that_lets_nothing_else_in),
        STAGE_TEST(state_json_is_what_lottery_stat_prints_and_more),
        STAGE_TEST(metrics_are_those_of_lottery_stat_and_whether_it_is_up),
        STAGE_TEST(events_begin_at_once_and_bring_what_changes),
        STAGE_TEST(what_is_no_reading_is_refused),
        STAGE_TEST(what_is_no_http_does_no_harm),
        STAGE_TEST(other_names_than_ours_are_refused),
        STAGE_TEST(slow_readers_hold_nobody_up),
        STAGE_TEST(more_readers_than_there_is_room_for_are_told_so),
        STAGE_TEST(more_connections_than_there_is_room_for_are_closed),
        STAGE_TEST(it_says_that_the_server_is_gone_and_that_it_is_back),
        STAGE_TEST(a_killed_server_is_gone_too),
        STAGE_TEST(a_standby_is_told_as_one),
        STAGE_TEST(deaths_and_repairs_are_told),
        STAGE_TEST(it_ends_well_with_readers_before_it),
        STAGE_TEST(what_keeps_it_from_starting_is_said),
        STAGE_TEST(it_is_confined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
