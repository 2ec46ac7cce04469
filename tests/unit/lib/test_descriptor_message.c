/*
 * test_descriptor_message.c - a descriptor on its way through a pair of sockets.
 */
#include "lib/descriptor_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

struct fixture {
    int give, take; /* the pair */
    int read_end, write_end;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    int pair[2];
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe(ends), 0);
    fixture = (struct fixture){
        .give = pair[0], .take = pair[1], .read_end = ends[0], .write_end = ends[1]};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    const struct fixture *fixture = *state;
    close(fixture->give);
    close(fixture->take);
    close(fixture->read_end);
    close(fixture->write_end);
    return 0;
}

static void the_descriptor_and_the_bytes_arrive(void **state)
{
    const struct fixture *fixture = *state;
    char bytes[8] = "";
    char through = 0;
    int descriptor = 0;
    int flags = 0;
    assert_int_equal(descriptor_message_send(fixture->give, "abc", 3, fixture->write_end), 3);
    assert_int_equal(
        descriptor_message_receive(fixture->take, bytes, sizeof bytes, &descriptor, &flags), 3);
    assert_memory_equal(bytes, "abc", 3);
    assert_true(descriptor >= 0 && descriptor != fixture->write_end);
    assert_int_equal(flags & (MSG_TRUNC | MSG_CTRUNC), 0);
    assert_int_equal(write(descriptor, "x", 1), 1);
    assert_int_equal(read(fixture->read_end, &through, 1), 1);
    assert_int_equal(through, 'x');
    close(descriptor);
}

static void without_one_there_is_none(void **state)
{
    const struct fixture *fixture = *state;
    char bytes[8] = "";
    int descriptor = 0;
    int flags = 0;
    assert_int_equal(
        descriptor_message_receive(fixture->take, bytes, sizeof bytes, &descriptor, &flags), -1);
    assert_int_equal(descriptor, DESCRIPTOR_MESSAGE_NONE);
    assert_int_equal(send(fixture->give, "abc", 3, 0), 3);
    descriptor = 0;
    assert_int_equal(
        descriptor_message_receive(fixture->take, bytes, sizeof bytes, &descriptor, &flags), 3);
    assert_int_equal(descriptor, DESCRIPTOR_MESSAGE_NONE);
}

/* A second one would stay open in the receiver, who knows of one. */
static void of_two_one_is_taken_and_told(void **state)
{
    const struct fixture *fixture = *state;
    const int both[2] = {fixture->read_end, fixture->write_end};
    union {
        struct cmsghdr header; /* aligns */
        char bytes[CMSG_SPACE(sizeof both)];
    } control = {.bytes = ""};
    char bytes[8] = "a";
    struct iovec piece = {.iov_base = bytes, .iov_len = 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    int descriptor = 0;
    int flags = 0;
    *rights = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof both)};
    memcpy(CMSG_DATA(rights), both, sizeof both);
    assert_int_equal(sendmsg(fixture->give, &message, 0), 1);
    int next = dup(fixture->take); /* the lowest number that is free */
    close(next);
    assert_int_equal(
        descriptor_message_receive(fixture->take, bytes, sizeof bytes, &descriptor, &flags), 1);
    assert_true((flags & MSG_CTRUNC) != 0);
    assert_int_equal(descriptor, next);
    int after = dup(fixture->take);
    assert_int_equal(after, next + 1); /* no other one was opened */
    close(after);
    close(descriptor);
}

#define MESSAGE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(the_descriptor_and_the_bytes_arrive),
        MESSAGE_TEST(without_one_there_is_none),
        MESSAGE_TEST(of_two_one_is_taken_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
