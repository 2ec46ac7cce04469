/*
 * test_wire.c - bytes to and from any server, friendly or not.
 */
#include "client/wire.h"

#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { SOON_MS = 5000 };

/* A wire and the other end of its socket. */
struct pair {
    struct interrupt interrupt;
    struct wire wire;
    int server;
};

static void open_pair(struct pair *pair)
{
    int ends[2];
    struct failure failure;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_true(interrupt_open(&pair->interrupt, &failure));
    assert_true(wire_open(&pair->wire, &pair->interrupt, ends[0], &failure));
    pair->server = ends[1];
}

static void close_pair(struct pair *pair)
{
    wire_close(&pair->wire);
    (void)close(pair->server);
    interrupt_close(&pair->interrupt);
}

static void say(const struct pair *pair, const char *text)
{
    assert_int_equal(write(pair->server, text, strlen(text)), strlen(text));
}

static enum wire_end transfer(struct pair *pair, struct failure *why)
{
    return wire_transfer(&pair->wire, clock_monotonic_ms() + SOON_MS, why);
}

static void answers_come_one_by_one_out_of_one_read(void **state)
{
    (void)state;
    struct pair pair;
    struct message answer;
    struct failure why;
    open_pair(&pair);
    say(&pair, "server:0\r\nserver:8:5,open\r\nserver:2");
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_ANSWER);
    assert_int_equal(answer.type, MESSAGE_ACK);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_ANSWER);
    assert_int_equal(answer.type, MESSAGE_STATE);
    assert_int_equal(answer.body_bytes, 6);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_NOTHING);
    assert_true(wire_has_unread(&pair.wire));
    say(&pair, "\r\n");
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_ANSWER);
    assert_int_equal(answer.type, MESSAGE_WAIT);
    assert_false(wire_has_unread(&pair.wire));
    close_pair(&pair);
}

static void what_is_no_servers_answer_is_nonsense(void **state)
{
    (void)state;
    static const char *const texts[] = {"hello\n",          "hello\r\n",   "1:5\r\n",
                                        "server:77\r\n",    "server:\r\n", ":0\r\n",
                                        "server:0:body\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pair pair;
        struct message answer;
        struct failure why;
        open_pair(&pair);
        say(&pair, texts[i]);
        assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
        assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_NONSENSE);
        close_pair(&pair);
    }
}

static void an_answer_without_end_is_given_up(void **state)
{
    (void)state;
    static char noise[WIRE_SHORT_ANSWER_BYTES];
    struct pair pair;
    struct message answer;
    struct failure why;
    memset(noise, 'x', sizeof noise);
    noise[0] = ':';
    open_pair(&pair);
    assert_int_equal(write(pair.server, noise, sizeof noise), sizeof noise);
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_NOTHING);
    say(&pair, "x");
    assert_int_equal(transfer(&pair, &why), WIRE_LOST);
    close_pair(&pair);
}

static void a_long_answer_is_taken_where_one_is_expected(void **state)
{
    (void)state;
    static char rows[3 * WIRE_SHORT_ANSWER_BYTES];
    struct pair pair;
    struct message answer;
    struct failure why;
    memset(rows, 'x', sizeof rows);
    open_pair(&pair);
    pair.wire.answer_bytes_max = WIRE_ROWS_BYTES;
    say(&pair, "server:3:");
    assert_int_equal(write(pair.server, rows, sizeof rows), sizeof rows);
    say(&pair, "\r\n");
    while (wire_next(&pair.wire, &answer, &why) == WIRE_NOTHING) {
        assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    }
    assert_int_equal(answer.type, MESSAGE_WINNERS);
    assert_int_equal(answer.body_bytes, sizeof rows);
    close_pair(&pair);
}

/* Has WINNERS begun, where the server has said this and nothing more? */
static bool begins(const char *text)
{
    struct pair pair;
    struct failure why;
    open_pair(&pair);
    say(&pair, text);
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    bool answer = wire_begins(&pair.wire, MESSAGE_WINNERS);
    close_pair(&pair);
    return answer;
}

static void an_answer_that_has_begun_is_known_by_its_header(void **state)
{
    (void)state;
    static const char *const no_winners[] = {
        "s",         "server:",     "server:3",          "server:3\r\n",           "server:2\r\n",
        "1:4:a",     "server:4:a",  "server:33:a",       "server:8:0,open",        "servers:3:a",
        "a,b,3:c:d", "\r\nserver:", "server:0\r\n1:3:a", "server:2\r\nserver:3:1,"};
    assert_true(begins("server:3:"));
    assert_true(begins("server:3:\r\n"));
    assert_true(begins("server:3:1,Ana"));
    assert_true(begins("SERVER:winners:1,Ana,Sosa\n1,"));
    for (size_t i = 0; i < sizeof no_winners / sizeof no_winners[0]; i++) {
        if (begins(no_winners[i])) {
            fail_msg("WINNERS began with \"%s\"", no_winners[i]);
        }
    }
}

static void an_answer_of_any_length_is_taken_row_by_row(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    struct pair pair;
    struct failure why;
    const char *line = NULL;
    size_t bytes = 0;
    unsigned rows = 0;
    open_pair(&pair);
    pair.wire.answer_bytes_max = WIRE_ROWS_BYTES;
    say(&pair, "server:3:");
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_true(wire_begins(&pair.wire, MESSAGE_WINNERS));
    for (unsigned said = 0; rows < ROWS;) {
        for (unsigned some = 0; some < 100 && said < ROWS; some++, said++) {
            say(&pair, "1,Ana,Sosa,20000000,1990-01-01,7574\n");
        }
        assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
        while (wire_next_line(&pair.wire, &line, &bytes)) {
            assert_int_equal(bytes, 36);
            rows++;
        }
    }
    assert_in_range(pair.wire.in_capacity, 1, WIRE_ROWS_BYTES);
    close_pair(&pair);
}

static void a_closed_end_is_seen_without_waiting(void **state)
{
    (void)state;
    struct pair pair;
    struct message answer;
    struct failure why;
    open_pair(&pair);
    assert_false(wire_is_closed(&pair.wire));
    say(&pair, "server:0\r\n");
    assert_int_equal(shutdown(pair.server, SHUT_RDWR), 0);
    assert_false(wire_is_closed(&pair.wire)); /* there is something to be read */
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_false(wire_is_closed(&pair.wire));
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_ANSWER);
    assert_int_equal(pair.wire.answers, 1);
    assert_true(wire_is_closed(&pair.wire));
    assert_int_equal(transfer(&pair, &why), WIRE_LOST);
    assert_true(pair.wire.hung_up);
    close_pair(&pair);
}

static void what_is_committed_between_two_turns_leaves_together(void **state)
{
    (void)state;
    char got[64];
    struct pair pair;
    struct failure why;
    open_pair(&pair);
    memcpy(wire_reserve(&pair.wire, 5), "1:7\r\n", 5);
    wire_commit(&pair.wire, 5);
    memcpy(wire_reserve(&pair.wire, 5), "1:5\r\n", 5);
    wire_commit(&pair.wire, 5);
    assert_int_equal(wire_transfer(&pair.wire, clock_monotonic_ms(), &why), WIRE_LAPSED);
    assert_int_equal(read(pair.server, got, sizeof got), 10);
    assert_memory_equal(got, "1:7\r\n1:5\r\n", 10);
    close_pair(&pair);
}

static void there_is_no_room_for_more_than_the_wire_holds(void **state)
{
    (void)state;
    struct pair pair;
    open_pair(&pair);
    assert_non_null(wire_reserve(&pair.wire, WIRE_OUT_BYTES));
    assert_null(wire_reserve(&pair.wire, WIRE_OUT_BYTES + 1));
    wire_commit(&pair.wire, WIRE_OUT_BYTES - 10);
    assert_non_null(wire_reserve(&pair.wire, 10));
    assert_null(wire_reserve(&pair.wire, 11));
    close_pair(&pair);
}

static void answers_that_came_before_the_end_are_still_read(void **state)
{
    (void)state;
    struct pair pair;
    struct message answer;
    struct failure why;
    open_pair(&pair);
    say(&pair, "server:1\r\n");
    assert_int_equal(shutdown(pair.server, SHUT_RDWR), 0);
    memcpy(wire_reserve(&pair.wire, 5), "1:5\r\n", 5);
    wire_commit(&pair.wire, 5);
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_int_equal(wire_next(&pair.wire, &answer, &why), WIRE_ANSWER);
    assert_int_equal(answer.type, MESSAGE_ERROR);
    assert_int_equal(transfer(&pair, &why), WIRE_LOST);
    close_pair(&pair);
}

static void lines_come_back_as_they_are(void **state)
{
    (void)state;
    const char *line = NULL;
    size_t bytes = 0;
    struct pair pair;
    struct failure why;
    open_pair(&pair);
    say(&pair, "[CLIENT 1] Message\nrest");
    assert_int_equal(transfer(&pair, &why), WIRE_MOVED);
    assert_true(wire_next_line(&pair.wire, &line, &bytes));
    assert_int_equal(bytes, 19);
    assert_memory_equal(line, "[CLIENT 1] Message\n", bytes);
    assert_false(wire_next_line(&pair.wire, &line, &bytes));
    close_pair(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_one_by_one_out_of_one_read),
        cmocka_unit_test(what_is_no_servers_answer_is_nonsense),
        cmocka_unit_test(an_answer_without_end_is_given_up),
        cmocka_unit_test(a_long_answer_is_taken_where_one_is_expected),
        cmocka_unit_test(an_answer_that_has_begun_is_known_by_its_header),
        cmocka_unit_test(an_answer_of_any_length_is_taken_row_by_row),
        cmocka_unit_test(a_closed_end_is_seen_without_waiting),
        cmocka_unit_test(what_is_committed_between_two_turns_leaves_together),
        cmocka_unit_test(there_is_no_room_for_more_than_the_wire_holds),
        cmocka_unit_test(answers_that_came_before_the_end_are_still_read),
        cmocka_unit_test(lines_come_back_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
