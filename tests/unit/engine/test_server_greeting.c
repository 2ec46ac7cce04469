/*
 * test_server_greeting.c - a server's version is found in what it says first, and old ones are refused.
 */
#include "engine/server_greeting.h"

#include "engine/engine.h"
#include "lib/thread.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TIMEOUT_MS = 5000, SHORT_MS = 100, URL_BYTES = 64, CONNECTIONS = 8 };

static struct failure failure;
static char version[SERVER_GREETING_VERSION_BYTES];

/* A server that greets, and then says what NATS's client wants to hear of one that is there. */
struct greeter {
    const char *greeting; /* "": it says nothing */
    int listener;
    pthread_t thread;
    char url[URL_BYTES];
};

static void greet(int client, const char *greeting)
{
    char heard[1024];
    (void)send(client, greeting, strlen(greeting), MSG_NOSIGNAL);
    while (recv(client, heard, sizeof heard, 0) > 0 && greeting[0] != '\0') {
        (void)send(client, "PONG\r\n", strlen("PONG\r\n"), MSG_NOSIGNAL);
    }
    (void)close(client);
}

struct greeted {
    int client;
    const char *greeting;
};

static void *greet_one(void *context)
{
    struct greeted *greeted = context;
    greet(greeted->client, greeted->greeting);
    return NULL;
}

static void *greet_all(void *context)
{
    const struct greeter *greeter = context;
    struct greeted greeted[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    size_t count = 0;
    int client = 0;
    while (count < CONNECTIONS && (client = accept(greeter->listener, NULL, NULL)) >= 0) {
        greeted[count] = (struct greeted){.client = client, .greeting = greeter->greeting};
        count += thread_start(&threads[count], greet_one, &greeted[count]) == 0 ? 1 : 0;
    }
    for (size_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return NULL;
}

static void start_greeter(struct greeter *greeter, const char *greeting)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof address;
    greeter->greeting = greeting;
    greeter->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(greeter->listener, (struct sockaddr *)&address, bytes), 0);
    assert_int_equal(listen(greeter->listener, CONNECTIONS), 0);
    assert_int_equal(getsockname(greeter->listener, (struct sockaddr *)&address, &bytes), 0);
    (void)snprintf(greeter->url, sizeof greeter->url, "nats://127.0.0.1:%u",
                   ntohs(address.sin_port));
    assert_int_equal(thread_start(&greeter->thread, greet_all, greeter), 0);
}

static void stop_greeter(struct greeter *greeter)
{
    (void)shutdown(greeter->listener, SHUT_RDWR);
    (void)pthread_join(greeter->thread, NULL);
    (void)close(greeter->listener);
}

static void a_version_is_found_in_a_greeting(void **state)
{
    (void)state;
    assert_true(server_greeting_read(
        "INFO {\"server_id\":\"NC\",\"version\":\"2.10.27\",\"proto\":1}\r\n", version));
    assert_string_equal(version, "2.10.27");
    const char *wrong[] = {"",
                           "SSH-2.0-OpenSSH_9.2\r\n",
                           "INFO {\"server_id\":\"NC\"}",
                           "INFO {\"version\":\"2.10",
                           "INFO {\"version\":\"\"}",
                           "HTTP {\"version\":\"2.10.27\"}",
                           "INFO {\"version\":\"2.10.27-and-many-more-characters-than-any\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(server_greeting_read(wrong[i], version));
    }
}

static void versions_that_lose_acknowledged_messages_are_not_sound(void **state)
{
    (void)state;
    const char *sound[] = {"2.10.23", "2.10.27", "2.10.100", "2.11.0", "2.12.3-RC.1", "3.0.0"};
    const char *others[] = {"2.10.22", "2.9.10", "2.10.2", "1.4.1", "2", "2.11", "dev", ""};
    for (size_t i = 0; i < sizeof sound / sizeof sound[0]; i++) {
        assert_true(server_greeting_is_sound(sound[i]));
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(server_greeting_is_sound(others[i]));
    }
}

static void a_server_is_asked_by_its_url(void **state)
{
    struct greeter greeter;
    char url[2 * URL_BYTES];
    (void)state;
    start_greeter(&greeter, "INFO {\"version\":\"2.10.27\"}\r\n");
    assert_true(server_greeting_ask(greeter.url, TIMEOUT_MS, version, &failure));
    assert_string_equal(version, "2.10.27");
    (void)snprintf(url, sizeof url, "tls://user:p@ss@[::ffff:%s]:%s", "127.0.0.1",
                   strrchr(greeter.url, ':') + 1);
    assert_true(server_greeting_ask(url, TIMEOUT_MS, version, &failure));
    stop_greeter(&greeter);
}

static void who_does_not_greet_is_no_server(void **state)
{
    struct greeter greeter;
    (void)state;
    start_greeter(&greeter, "");
    assert_false(server_greeting_ask(greeter.url, SHORT_MS, version, &failure));
    assert_non_null(strstr(failure.text, "greet"));
    stop_greeter(&greeter);
    assert_false(server_greeting_ask(greeter.url, SHORT_MS, version, &failure));
    assert_non_null(strstr(failure.text, "connect"));
    const char *no_urls[] = {
        "", "nats://", "nats://host", "nats://:4222", "nats://[]:4222", "nats://host:123456789"};
    for (size_t i = 0; i < sizeof no_urls / sizeof no_urls[0]; i++) {
        assert_false(server_greeting_ask(no_urls[i], SHORT_MS, version, &failure));
        assert_non_null(strstr(failure.text, "no URL"));
    }
}

static void debian_12_s_server_is_refused_by_name(void **state)
{
    struct greeter greeter;
    (void)state;
    start_greeter(&greeter, "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"headers\":true,"
                            "\"max_payload\":1048576,\"jetstream\":true}\r\n");
    const struct engine_access access = {.servers = greeter.url,
                                         .credentials = "",
                                         .ca = "",
                                         .certificate = "",
                                         .key = "",
                                         .name = "test"};
    assert_null(engine_open_nats(&access, TIMEOUT_MS, &failure));
    assert_non_null(strstr(failure.text, "nats-server 2.9.10"));
    stop_greeter(&greeter);
}

static void what_can_not_work_is_refused_at_once(void **state)
{
    struct engine_access access = {
        .servers = "", .credentials = "", .ca = "", .certificate = "", .key = "", .name = "test"};
    sigset_t before;
    sigset_t none;
    (void)state;
    assert_null(engine_open_nats(&access, 0, &failure));
    access.servers = "nats://127.0.0.1:1";
    access.ca = "/nowhere/ca.pem";
    assert_null(engine_open_nats(&access, 0, &failure));
    (void)sigemptyset(&none);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &none, &before), 0);
    assert_null(engine_open_nats(&access, 0, &failure));
    assert_non_null(strstr(failure.text, "signals"));
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_found_in_a_greeting),
        cmocka_unit_test(versions_that_lose_acknowledged_messages_are_not_sound),
        cmocka_unit_test(a_server_is_asked_by_its_url),
        cmocka_unit_test(who_does_not_greet_is_no_server),
        cmocka_unit_test(debian_12_s_server_is_refused_by_name),
        cmocka_unit_test(what_can_not_work_is_refused_at_once),
    };
    sigset_t all;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0) {
        return EXIT_FAILURE;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
