/*
 * test_admin_door.c - a client at the door is heard, refused or given up, and never waited for.
 *
 * The test is the owner of the door and its clients at once, so whatever waited would hang it.
 */
#include "server/admin_door.h"

#include "lib/log.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    CLIENTS = 3,
    PATIENCE_MS = 5000, /* of the door */
    FOREVER_MS = 3600000,
    MS_A_SECOND = 1000,
    NS_A_MS = 1000000,
    OWNERS_MODE = 0700,
    SMALL_BUFFER = 1
};

#define OPEN_REQUEST "open W48\nnumber 7\n\n"

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct admin_door door;
    struct admin_request request;
    int clients[CLIENTS];
    char answer[ADMIN_ANSWER_BYTES_MAX];
};

/* ---- in place of libc's ---- */

static int64_t passed_ms; /* that the monotonic clock is ahead */
static bool is_stranger;  /* who is at the other end of the door */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_MONOTONIC) {
        now->tv_sec += passed_ms / MS_A_SECOND;
        now->tv_nsec += passed_ms % MS_A_SECOND * NS_A_MS;
    }
    return result;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int getsockopt(int socket, int level, int name, void *value, socklen_t *bytes)
{
    int result = (int)syscall(SYS_getsockopt, socket, level, name, value, bytes);
    if (is_stranger && name == SO_PEERCRED) {
        ((struct ucred *)value)->uid = STRANGER_UID;
    }
    return result;
}

/* ---- surroundings ---- */

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure = {.text = ""};
    passed_ms = 0;
    is_stranger = false;
    fixture = (struct fixture){.clients = {-1, -1, -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_CRITICAL);
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    if (!admin_door_open(&fixture.door, &fixture.directory, &failure)) {
        (void)fprintf(stderr, "%s\n", failure.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < CLIENTS; i++) {
        if (fixture->clients[i] >= 0) {
            (void)close(fixture->clients[i]);
        }
    }
    admin_door_close(&fixture->door, &fixture->directory);
    scratch_close(&fixture->scratch);
    return 0;
}

/* Connects; false with errno when nobody listens. */
static bool try_to_knock(struct fixture *fixture, size_t client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/" ADMIN_SOCKET_FILE,
                   fixture->scratch.path);
    fixture->clients[client] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fixture->clients[client], (const struct sockaddr *)&address, sizeof address) ==
           0;
}

static void knock(struct fixture *fixture, size_t client)
{
    assert_true(try_to_knock(fixture, client));
}

static void say(struct fixture *fixture, size_t client, const char *text)
{
    ssize_t bytes = (ssize_t)strlen(text);
    assert_int_equal(send(fixture->clients[client], text, (size_t)bytes, MSG_NOSIGNAL), bytes);
}

static void leave(struct fixture *fixture, size_t client)
{
    (void)close(fixture->clients[client]);
    fixture->clients[client] = -1;
}

/* Lets the door go on as long as there is something to do; true when a request has come in. */
static bool go_on(struct fixture *fixture)
{
    struct pollfd poll_one;
    do {
        if (admin_door_go_on(&fixture->door, true, &fixture->request)) {
            return true;
        }
        admin_door_watch(&fixture->door, &poll_one);
    } while (poll_one.fd >= 0 && poll(&poll_one, 1, 0) > 0);
    return false;
}

/* Reads to the end of the stream, which has come already. */
static const char *hear(struct fixture *fixture, size_t client)
{
    size_t used = 0;
    for (ssize_t got = 1; got > 0; used += got > 0 ? (size_t)got : 0) {
        got = recv(fixture->clients[client], fixture->answer + used,
                   sizeof fixture->answer - 1 - used, MSG_DONTWAIT);
        if (got < 0 && errno != ECONNRESET) { /* what it had sent was not read */
            fail_msg("the stream has not ended: %s", strerror(errno));
        }
    }
    fixture->answer[used] = '\0';
    return fixture->answer;
}

static void expect_refusal(struct fixture *fixture, size_t client, const char *reason)
{
    const char *answer = hear(fixture, client);
    if (strncmp(answer, "fail ", strlen("fail ")) != 0 || strstr(answer, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", answer, reason);
    }
    assert_ptr_equal(strchr(answer, '\n'), answer + strlen(answer) - 1);
}

/* A whole life, to see that the door is as good as new. */
static void expect_service(struct fixture *fixture)
{
    enum { CLIENT = CLIENTS - 1 };
    knock(fixture, CLIENT);
    say(fixture, CLIENT, OPEN_REQUEST);
    assert_true(go_on(fixture));
    assert_string_equal(fixture->request.draw, "W48");
    admin_door_answer(&fixture->door, true, "it is open");
    assert_string_equal(hear(fixture, CLIENT), "ok it is open\n");
    leave(fixture, CLIENT);
    assert_int_equal(fixture->door.state, ADMIN_DOOR_FREE);
}

/* ------------------------------------------------------------- requests ---- */

static void a_request_is_heard_and_answered(void **state)
{
    struct fixture *fixture = *state;
    assert_false(go_on(fixture));
    assert_int_equal(admin_door_patience_ms(&fixture->door), -1);
    expect_service(fixture);
    expect_service(fixture);
}

/* The owner may look at other things: nobody is let in, and nobody's time stands still. */
static void nothing_is_done_for_who_is_not_ready(void **state)
{
    struct fixture *fixture = *state;
    knock(fixture, 0);
    say(fixture, 0, "open W4");
    assert_false(admin_door_go_on(&fixture->door, false, &fixture->request));
    assert_int_equal(fixture->door.state, ADMIN_DOOR_FREE);
    assert_false(go_on(fixture));
    say(fixture, 0, "8\n\n");
    assert_false(admin_door_go_on(&fixture->door, false, &fixture->request));
    assert_int_equal(fixture->door.state, ADMIN_DOOR_READING);
    passed_ms = PATIENCE_MS;
    assert_false(admin_door_go_on(&fixture->door, false, &fixture->request));
    assert_int_equal(fixture->door.state, ADMIN_DOOR_FREE);
}

static void a_request_may_come_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    const char *text = OPEN_REQUEST;
    knock(fixture, 0);
    for (size_t i = 0; text[i] != '\0'; i++) {
        const char byte[] = {text[i], '\0'};
        assert_false(go_on(fixture));
        say(fixture, 0, byte);
    }
    assert_true(go_on(fixture));
    assert_int_equal(fixture->request.number, 7);
}

static void a_malformed_request_is_refused_with_its_reason(void **state)
{
    struct fixture *fixture = *state;
    knock(fixture, 0);
    say(fixture, 0, "open ../../x\n\n");
    assert_false(go_on(fixture));
    expect_refusal(fixture, 0, "open");
    expect_service(fixture);
}

static void a_request_without_end_is_refused_once_it_is_too_long(void **state)
{
    struct fixture *fixture = *state;
    char text[ADMIN_REQUEST_BYTES_MAX + 1];
    memset(text, 'x', ADMIN_REQUEST_BYTES_MAX);
    text[ADMIN_REQUEST_BYTES_MAX] = '\0';
    knock(fixture, 0);
    say(fixture, 0, text);
    say(fixture, 0, text); /* which nobody reads */
    assert_false(go_on(fixture));
    expect_refusal(fixture, 0, "longer than any");
    expect_service(fixture);
}

static void a_long_answer_is_cut_and_ends_its_line(void **state)
{
    struct fixture *fixture = *state;
    char text[2 * ADMIN_ANSWER_BYTES_MAX];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    knock(fixture, 0);
    say(fixture, 0, "close\n\n");
    assert_true(go_on(fixture));
    admin_door_answer(&fixture->door, false, text);
    expect_refusal(fixture, 0, "aaa");
    assert_in_range(strlen(fixture->answer), ADMIN_ANSWER_BYTES_MAX - 8, ADMIN_ANSWER_BYTES_MAX);
}

static void the_second_client_waits_for_the_first_ones_answer(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd poll_one;
    knock(fixture, 0);
    knock(fixture, 1);
    say(fixture, 1, "close\n\n");
    say(fixture, 0, OPEN_REQUEST);
    assert_true(go_on(fixture));
    assert_int_equal(fixture->request.command, ADMIN_OPEN);
    admin_door_watch(&fixture->door, &poll_one);
    assert_int_equal(poll_one.fd, -1); /* its owner is to move next, however long that takes */
    assert_int_equal(admin_door_patience_ms(&fixture->door), -1);
    passed_ms += FOREVER_MS;
    assert_false(go_on(fixture));
    admin_door_answer(&fixture->door, true, "first");
    assert_string_equal(hear(fixture, 0), "ok first\n");
    assert_true(go_on(fixture));
    assert_int_equal(fixture->request.command, ADMIN_CLOSE);
    admin_door_answer(&fixture->door, true, "second");
    assert_string_equal(hear(fixture, 1), "ok second\n");
}

/* ------------------------------------------------------------ strangers ---- */

static void a_stranger_is_refused_whatever_it_says(void **state)
{
    struct fixture *fixture = *state;
    is_stranger = true;
    knock(fixture, 0);
    say(fixture, 0, OPEN_REQUEST);
    assert_false(go_on(fixture));
    expect_refusal(fixture, 0, "only the server's user");
    is_stranger = false;
    expect_service(fixture);
}

static void the_socket_is_its_owners_alone(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    assert_int_equal(fstatat(fixture->scratch.descriptor, ADMIN_SOCKET_FILE, &status, 0), 0);
    assert_true(S_ISSOCK(status.st_mode));
    assert_int_equal(status.st_mode & ALLPERMS, OWNERS_MODE);
}

/* ------------------------------------------------- slow, and gone again ---- */

static void a_client_that_says_nothing_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    knock(fixture, 0);
    say(fixture, 0, "open W4");
    assert_false(go_on(fixture));
    assert_in_range(admin_door_patience_ms(&fixture->door), 1, PATIENCE_MS);
    passed_ms = PATIENCE_MS - MS_A_SECOND;
    assert_false(go_on(fixture));
    assert_int_equal(fixture->door.state, ADMIN_DOOR_READING);
    passed_ms = PATIENCE_MS;
    assert_int_equal(admin_door_patience_ms(&fixture->door), 0);
    assert_false(go_on(fixture));
    assert_string_equal(hear(fixture, 0), "");
    expect_service(fixture);
}

static void a_client_that_does_not_read_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    char text[ADMIN_ANSWER_BYTES_MAX];
    struct pollfd poll_one;
    int small = SMALL_BUFFER;
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    knock(fixture, 0);
    say(fixture, 0, "close\n\n");
    assert_true(go_on(fixture));
    assert_int_equal(setsockopt(fixture->door.client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                     0);
    while (send(fixture->door.client, text, sizeof text, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    admin_door_answer(&fixture->door, true, text);
    assert_int_equal(fixture->door.state, ADMIN_DOOR_ANSWERING);
    admin_door_watch(&fixture->door, &poll_one);
    assert_int_equal(poll_one.events, POLLOUT);
    assert_false(go_on(fixture));
    passed_ms = PATIENCE_MS;
    assert_false(go_on(fixture));
    assert_int_equal(fixture->door.state, ADMIN_DOOR_FREE);
    expect_service(fixture);
}

static void a_client_that_leaves_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    knock(fixture, 0);
    leave(fixture, 0);
    assert_false(go_on(fixture));
    knock(fixture, 0);
    say(fixture, 0, "open W48\n");
    assert_false(go_on(fixture));
    leave(fixture, 0);
    assert_false(go_on(fixture));
    knock(fixture, 0);
    say(fixture, 0, OPEN_REQUEST);
    leave(fixture, 0); /* what it has asked for is done all the same */
    assert_true(go_on(fixture));
    admin_door_answer(&fixture->door, true, "into the void");
    assert_int_equal(fixture->door.state, ADMIN_DOOR_FREE);
    expect_service(fixture);
}

static void a_client_may_stop_sending_after_its_request(void **state)
{
    struct fixture *fixture = *state;
    knock(fixture, 0);
    say(fixture, 0, OPEN_REQUEST);
    assert_int_equal(shutdown(fixture->clients[0], SHUT_WR), 0);
    assert_true(go_on(fixture));
    admin_door_answer(&fixture->door, true, "it is open");
    assert_string_equal(hear(fixture, 0), "ok it is open\n");
}

static void a_client_that_can_not_be_let_in_is_let_in_later(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd poll_one;
    struct rlimit before;
    knock(fixture, 0);
    say(fixture, 0, OPEN_REQUEST);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none_left = {.rlim_cur = 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none_left), 0);
    bool heard = go_on(fixture);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(heard);
    admin_door_watch(&fixture->door, &poll_one);
    assert_int_equal(poll_one.fd, -1); /* or the owner would be woken at once, again and again */
    int64_t patience_ms = admin_door_patience_ms(&fixture->door);
    assert_in_range(patience_ms, 1, PATIENCE_MS);
    assert_false(go_on(fixture));
    passed_ms += patience_ms;
    assert_true(go_on(fixture));
}

/* ----------------------------------------------------------------- life ---- */

static void a_closed_door_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct pollfd poll_one;
    knock(fixture, 0);
    say(fixture, 0, OPEN_REQUEST);
    assert_true(go_on(fixture));
    admin_door_close(&fixture->door, &fixture->directory);
    assert_string_equal(hear(fixture, 0), "");
    assert_false(scratch_has(&fixture->scratch, ADMIN_SOCKET_FILE));
    admin_door_watch(&fixture->door, &poll_one);
    assert_int_equal(poll_one.fd, -1);
    assert_false(admin_door_go_on(&fixture->door, true, &fixture->request));
    admin_door_answer(&fixture->door, true, "nobody");
}

/* The child's share goes; the parent's door stays. */
static void a_childs_share_is_closed_alone(void **state)
{
    struct fixture *fixture = *state;
    struct admin_door share = fixture->door;
    share.listener = dup(fixture->door.listener);
    admin_door_close_in_child(&share);
    assert_int_equal(share.listener, -1);
    assert_true(scratch_has(&fixture->scratch, ADMIN_SOCKET_FILE));
    expect_service(fixture);
}

static void the_socket_of_a_dead_server_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    admin_door_close_in_child(&fixture->door); /* as the kernel does */
    assert_true(scratch_has(&fixture->scratch, ADMIN_SOCKET_FILE));
    assert_false(try_to_knock(fixture, 0));
    assert_int_equal(errno, ECONNREFUSED);
    assert_true(admin_door_open(&fixture->door, &fixture->directory, &failure));
    expect_service(fixture);
}

static void without_a_socket_there_is_no_door_and_nothing_else_is_wrong(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct pollfd poll_one;
    admin_door_close(&fixture->door, &fixture->directory);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, ADMIN_SOCKET_FILE, OWNERS_MODE), 0);
    assert_false(admin_door_open(&fixture->door, &fixture->directory, &failure));
    assert_non_null(strstr(failure.text, ADMIN_SOCKET_FILE));
    admin_door_watch(&fixture->door, &poll_one);
    assert_int_equal(poll_one.fd, -1);
    assert_false(admin_door_go_on(&fixture->door, true, &fixture->request));
    assert_int_equal(admin_door_patience_ms(&fixture->door), -1);
    admin_door_close(&fixture->door, &fixture->directory);
    assert_true(scratch_has(&fixture->scratch, ADMIN_SOCKET_FILE)); /* it is not ours */
}

/* Whoever it is given to answers, and the next client is heard. */
static void a_client_that_is_given_away_is_its_takers(void **state)
{
    struct fixture *fixture = *state;
    char answer[ADMIN_ANSWER_BYTES_MAX] = "";
    pid_t pid = 0;
    knock(fixture, 0);
    say(fixture, 0, "replace\n\n");
    assert_true(go_on(fixture));
    assert_int_equal(fixture->request.command, ADMIN_REPLACE);
    int connection = admin_door_give_away(&fixture->door, &pid);
    assert_true(connection >= 0);
    assert_int_equal(pid, getpid());
    admin_door_answer(&fixture->door, false, "the door owes nobody an answer");
    assert_int_equal(send(connection, "taken\n", 6, MSG_NOSIGNAL), 6);
    (void)close(connection);
    assert_int_equal(recv(fixture->clients[0], answer, sizeof answer, MSG_WAITALL), 6);
    assert_string_equal(answer, "taken\n");
    knock(fixture, 1);
    say(fixture, 1, OPEN_REQUEST);
    assert_true(go_on(fixture));
    assert_int_equal(fixture->request.command, ADMIN_OPEN);
}

/* Only a request that is whole is owed an answer, which somebody else could give. */
static void nobody_is_given_away_before_the_request_is_whole(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = 0;
    assert_int_equal(admin_door_give_away(&fixture->door, &pid), -1);
    knock(fixture, 0);
    say(fixture, 0, "replace\n");
    assert_false(go_on(fixture));
    assert_int_equal(admin_door_give_away(&fixture->door, &pid), -1);
    say(fixture, 0, "\n");
    assert_true(go_on(fixture));
}

#define DOOR_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR_TEST(a_request_is_heard_and_answered),
        DOOR_TEST(nothing_is_done_for_who_is_not_ready),
        DOOR_TEST(a_request_may_come_byte_by_byte),
        DOOR_TEST(a_malformed_request_is_refused_with_its_reason),
        DOOR_TEST(a_request_without_end_is_refused_once_it_is_too_long),
        DOOR_TEST(a_long_answer_is_cut_and_ends_its_line),
        DOOR_TEST(the_second_client_waits_for_the_first_ones_answer),
        DOOR_TEST(a_stranger_is_refused_whatever_it_says),
        DOOR_TEST(the_socket_is_its_owners_alone),
        DOOR_TEST(a_client_that_says_nothing_is_given_up),
        DOOR_TEST(a_client_that_does_not_read_is_given_up),
        DOOR_TEST(a_client_that_leaves_is_forgotten),
        DOOR_TEST(a_client_may_stop_sending_after_its_request),
        DOOR_TEST(a_client_that_can_not_be_let_in_is_let_in_later),
        DOOR_TEST(a_client_that_is_given_away_is_its_takers),
        DOOR_TEST(nobody_is_given_away_before_the_request_is_whole),
        DOOR_TEST(a_closed_door_is_gone),
        DOOR_TEST(a_childs_share_is_closed_alone),
        DOOR_TEST(the_socket_of_a_dead_server_is_replaced),
        DOOR_TEST(without_a_socket_there_is_no_door_and_nothing_else_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
