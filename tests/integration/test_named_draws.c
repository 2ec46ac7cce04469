/*
 * test_named_draws.c - STATUS and REQUEST that name a draw, and the reasons of ERRORs.
 *
 * The archives of earlier draws are made by hand (tests/harness/archives.h).
 */
#include "shm/segment.h"
#include "store/data_directory.h"
#include "tests/harness/archives.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define ROW_1     ARCHIVES_ROW_1
#define ROW_3     ARCHIVES_ROW_3
#define ROWS_OF_1 ARCHIVES_ROWS_OF_1
#define ROWS_OF_2 ARCHIVES_ROWS_OF_2

static struct server *start(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("LOTTERY_NAME=2026-W48", "NUMBER_OF_AGENCIES=2",
                                           "AGENCIES_ALLOWED=1-3", "WINNERS_WAIT=0s"));
}

/* STATE of an archive of archives_make. */
static const char *archived_state(struct stage *stage, const char *rows, unsigned count,
                                  const char *phase, const char *draw)
{
    return stage_text(stage, "server:8:%u,%s,%016llx," ARCHIVES_IDENTITY ",%s\r\n", count, phase,
                      (unsigned long long)archives_checksum(rows), draw);
}

#define OVER "server:1:the draw 2026-W47 is over (drawn); bets are taken for 2026-W48\r\n"

/* --------------------------------------------------------------- current draw ---- */

static void a_connection_that_speaks_of_draws_is_told_the_name(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    const char *const questions[] = {"1:7:*\r\n", "1:7:2026-W48\r\n"};
    const char *const by_name[] = {"1:status\r\n", "1:Status:*\r\n", "1:STATUS:2026-W48\r\n"};
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, questions[i], "server:8:0,open*,2026-W48\r\n");
        peer_ask(peer, "1:7\r\n", "server:8:0,open*,2026-W48\r\n");
        peer_ask(peer, "1:9:0\r\n", "server:8:0,open*,2026-W48\r\n");
    }
    for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, by_name[i], "server:STATE:0,open*,2026-W48\r\n");
    }
}

/* lottery-agency 1.0 takes STATE with four fields only, and no ERROR with a body. */
static void a_connection_that_does_not_sees_what_it_always_saw(void **state)
{
    struct stage *stage = *state;
    struct peer *peer = peer_connect(start(stage));
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "1:7:\r\n", "server:8:0,open*\r\n");
    peer_ask(peer, "1:4:bad\n\r\n", "server:1\r\n");
    peer_ask(peer, "1:bet:bad\n\r\n", "server:ERROR\r\n");
    peer_ask(peer, "1:bad,bad\n\r\n", "server:1\n");
    peer_ask(peer, "1:6\r\n", "server:2\r\n");
    peer_ask(peer, "1:request\r\n", "server:WAIT\r\n");
}

static void request_may_name_the_current_draw(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(
        stage, ENVIRONMENT("LOTTERY_NAME=2026-W48", "NUMBER_OF_AGENCIES=1", "WINNERS_WAIT=1ms"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6:2026-W48\r\n", "server:2\r\n");
    peer_ask(peer, "1:4:" ROW_1 "\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    (void)server_await_log(server, 1, "sorteo | result: success");
    peer_ask(peer, "1:6:2026-W48\r\n", "server:3:1," ROW_1 "\n\r\n");
    peer_ask(peer, "1:7:2026-W48\r\n", "server:8:1,drawn*,2026-W48\r\n");
}

/* -------------------------------------------------------------- earlier draws ---- */

static void status_of_an_earlier_draw_tells_what_is_stored_there(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    archives_make(server, "2026-W46", CONTROL_ABANDONED);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7:2026-W47\r\n", archived_state(stage, ROWS_OF_1, 2, "drawn", "2026-W47"));
    peer_ask(peer, "2:7:2026-W47\r\n", archived_state(stage, ROWS_OF_2, 1, "drawn", "2026-W47"));
    peer_ask(peer, "3:7:2026-W47\r\n", archived_state(stage, "", 0, "drawn", "2026-W47"));
    peer_ask(peer, "2:7:2026-W46\r\n",
             archived_state(stage, ROWS_OF_2, 1, "abandoned", "2026-W46"));
}

static void prefix_after_it_is_about_that_draw(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7:2026-W47\r\n", archived_state(stage, ROWS_OF_1, 2, "drawn", "2026-W47"));
    peer_ask(peer, "1:9:1\r\n", archived_state(stage, "1," ROW_1 "\r\n", 1, "drawn", "2026-W47"));
    peer_ask(peer, "1:9:3\r\n",
             "server:1:so many rows are not stored, or the server can't read them now\r\n");
    peer_ask(peer, "1:7:2026-W48\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_ask(peer, "1:9:0\r\n", "server:8:0,open*,2026-W48\r\n");
}

static void who_asked_for_an_earlier_draw_bets_for_none(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    struct peer *peer = peer_connect(server);
    peer_send(peer, stage_text(stage, "1:7:2026-W47\r\n%s1:5\r\n", bets_batch(stage, 1, 0, 3)));
    peer_expect(peer, archived_state(stage, ROWS_OF_1, 2, "drawn", "2026-W47"));
    peer_expect(peer, OVER OVER);
    peer_ask(peer, bets_batch(stage, 2, 0, 1), OVER);
    peer_ask(peer, "1:7:*\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_ask(peer, bets_batch(stage, 1, 0, 3), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 3);
}

static void request_of_an_earlier_draw_gives_its_winners(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6:2026-W47\r\n", "server:3:1," ROW_1 "\n\r\n");
    peer_ask(peer, "2:request:2026-W47\r\n", "server:WINNERS:2," ROW_3 "\n\r\n");
    peer_ask(peer, "3:6:2026-W47\r\n", "server:3:\r\n");
    peer_ask(peer, "1:6\r\n", "server:2\r\n");
}

static void a_draw_without_winners_says_why(void **state)
{
    struct server *server = start(*state);
    archives_make(server, "2026-W46", CONTROL_ABANDONED);
    archives_make(server, "2026-W45", CONTROL_SEALED);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6:2026-W46\r\n",
             "server:1:the draw 2026-W46 has no winners: it was left abandoned: the hall "
             "burnt\r\n");
    peer_ask(peer, "1:6:2026-W45\r\n",
             "server:1:the draw 2026-W45 has no winners: it was left sealed\r\n");
}

static void changed_winners_of_an_earlier_draw_are_told_to_nobody(void **state)
{
    struct server *server = start(*state);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    archives_write(server, "2026-W47", DATA_WINNERS_FILE, "1," ROW_1 "\r\n2," ROW_1 "\r\n");
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:6:2026-W47\r\n", "server:1:the winners were changed\r\n");
}

static void a_damaged_archive_is_told_nothing_of(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    struct peer *peer = peer_connect(server);
    archives_write(server, "2026-W47", DATA_BETS_FILE, ROWS_OF_1);
    peer_ask(peer, "1:7:2026-W47\r\n", archived_state(stage, ROWS_OF_1, 2, "drawn", "2026-W47"));
    peer_ask(peer, "2:7:2026-W47\r\n",
             "server:1:the server can't tell what is stored in the draw 2026-W47\r\n");
    peer_ask(peer, bets_batch(stage, 2, 0, 1), OVER);
    archives_write(server, "2026-W47", DATA_DONE_FILE, "1,2,3\n");
    peer_ask(peer, "1:7:2026-W47\r\n",
             "server:1:the server can't tell what is stored in the draw 2026-W47\r\n");
    archives_write(server, "2026-W47", DATA_CONTROL_FILE, "lottery data 3\n");
    peer_ask(peer, "1:7:2026-W47\r\n",
             "server:1:the server can't read the draw 2026-W47; the current draw is 2026-W48\r\n");
    (void)server_await_log(server, 1, "ERROR*read_archive | result: fail | agency: 1*2026-W47");
    (void)server_await_log(server, 1, "WARNING*2026-W47/bets.csv is damaged");
}

/* -------------------------------------------------------- no draw of that name ---- */

static void a_draw_that_is_not_there_is_refused_with_the_current_one(void **state)
{
    static const char *const types[] = {"7", "6"};
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, stage_text(stage, "1:%s:2026-W49\r\n", types[i]),
                 "server:1:there is no draw 2026-W49 here; the current draw is 2026-W48\r\n");
    }
}

static void what_is_no_name_of_a_draw_opens_nothing(void **state)
{
    static const char *const names[] = {"..",
                                        "../control",
                                        "../draws/2026-W47",
                                        "2026-W47/../2026-W47",
                                        "/etc",
                                        ".",
                                        "-",
                                        "2026 W47",
                                        "2026-W47\n",
                                        "2026-W47\r",
                                        "a234567890123456789012345678901234",
                                        "**",
                                        "\xc3\xb1"};
    struct stage *stage = *state;
    struct server *server = start(stage);
    archives_make(server, "2026-W47", CONTROL_DRAWN);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, stage_text(stage, "1:7:%s\r\n1:6:%s\r\n", names[i], names[i]),
                 "server:1:that is no name of a draw; the current draw is 2026-W48\r\n"
                 "server:1:that is no name of a draw; the current draw is 2026-W48\r\n");
        peer_close(peer);
    }
    struct peer *peer = peer_connect(server);
    peer_send_bytes(peer, "1:6:2026-W47\0\r\n", sizeof "1:6:2026-W47\0\r\n" - 1);
    peer_expect(peer, "server:1:that is no name of a draw; the current draw is 2026-W48\r\n");
    peer_ask(peer, "1:6:*\r\n",
             "server:1:that is no name of a draw; the current draw is 2026-W48\r\n");
}

/* A week's file never goes into another week, also when it follows without waiting. */
static void bets_after_a_refused_draw_are_refused(void **state)
{
#define NOT_THERE "there is no draw 2026-W49 here; the current draw is 2026-W48\r\n"
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_send(peer, stage_text(stage, "1:7:2026-W49\r\n%s1:done\r\n", bets_batch(stage, 1, 0, 3)));
    peer_expect(peer, "server:1:" NOT_THERE "server:1:" NOT_THERE "server:ERROR:" NOT_THERE);
    peer_ask(peer, "1:7:2026-W48\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
}

/* -------------------------------------------------------------------- reasons ---- */

static void errors_carry_their_reason(void **state)
{
    static const struct {
        const char *message;
        const char *answer;
    } wrongs[] = {
        {"1:4:" ROW_1 "\nAna,Paz,1,1980-02-31,1\n\r\n",
         "server:1:row 2: the birthdate is not a date YYYY-MM-DD\r\n"},
        {"1:BET:" ROW_1 "\nAna,Paz,1,1980-02-31,1\n\r\n",
         "server:ERROR:row 2: the birthdate is not a date YYYY-MM-DD\r\n"},
        {"1:4:\r\n", "server:1:the batch is empty\r\n"},
        {"1:44\r\n", "server:1:the type is unknown\r\n"},
        {"1:5:now\r\n", "server:1:this type takes no body\r\n"},
        {"x:5\r\n", "server:1:the sender is not a number\r\n"},
        {"9:5\r\n", "server:1:the agency is not allowed\r\n"},
        {"1:0\r\n", "server:1:the type is the server's\r\n"},
        {"1:9:x\r\n", "server:1:PREFIX takes a number of rows\r\n"},
        {"2:4:" ROW_1 "\n\r\n", "server:1:the agency is claimed by another connection: send "
                                "STATUS first\r\n"},
        {"1:" ROW_1 "\nAna,Paz,1,1980-02-31,1\n\r\n",
         "server:1\n"}, /* exercise 6 knows no reason */
    };
    struct server *server = start(*state);
    struct peer *other = peer_connect(server);
    peer_ask(other, "2:7\r\n", "server:8:0,open*\r\n");
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "1:7:*\r\n", "server:8:0,open*,2026-W48\r\n");
        peer_ask(peer, wrongs[i].message, wrongs[i].answer);
        peer_ask(peer, "1:4:" ROW_1 "\n\r\n",
                 "server:1:an earlier message of this connection was refused\r\n");
        peer_close(peer);
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

static void the_sender_of_a_status_that_is_not_allowed_is_told_so(void **state)
{
    struct server *server = start(*state);
    struct peer *by_code = peer_connect(server);
    struct peer *by_name = peer_connect(server);
    peer_ask(by_code, "9:7\r\n", "server:1\r\n");
    peer_ask(by_code, "9:7:*\r\n", "server:1:the agency is not allowed\r\n");
    peer_ask(by_name, "9:status\r\n", "server:ERROR:the agency is not allowed\r\n");
}

static void an_error_before_the_status_has_no_reason(void **state)
{
    struct peer *peer = peer_connect(start(*state));
    peer_send(peer, "1:4:bad\n\r\n1:7:*\r\n1:4:bad\n\r\n");
    peer_expect(peer, "server:1\r\nserver:8:0,open*,2026-W48\r\n"
                      "server:1:row 1: not five fields\r\n");
}

static void a_message_that_does_not_end_is_told_why(void **state)
{
    struct peer *peer = peer_connect(start(*state));
    peer_ask(peer, "1:7:*\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_send(peer, "1:4:" ROW_1 "\n");
    peer_half_close(peer);
    peer_expect(peer, "server:1:the connection ended before the message did\r\n");
    peer_expect_close(peer);
}

/* ------------------------------------------------------------------ after sales ---- */

static void after_the_draw_bets_are_refused_and_done_changes_nothing(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "AGENCIES_ALLOWED=1-5",
                                        "LOTTERY_NAME=2026-W48", "WINNERS_WAIT=10s"));
    struct peer *late = peer_connect(server);
    struct peer *peer = peer_connect(server);
    peer_ask(late, "2:7:*\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_ask(late, bets_batch(stage, 2, 0, 2), "server:0\r\n");
    peer_ask(peer, "1:5\r\n1:6\r\n", "server:0\r\nserver:3:\r\n");
    uint64_t done_bytes = files_size(server_file(server, "done.csv"));
    peer_ask(late, "2:5\r\n", "server:0\r\n");
    peer_ask(late, bets_batch(stage, 2, 2, 2),
             "server:1:sales are closed: no bet is taken any more\r\n");
    peer_ask(late, "2:7:2026-W48\r\n", "server:8:2,drawn*,2026-W48\r\n");
    assert_int_equal(files_size(server_file(server, "done.csv")), done_bytes);
}

/* What the storer does to the shared memory when it closes the sales. */
static void close_sales(const struct server *server)
{
    struct segment attached = server_attach(server);
    int file = shm_open(attached.name, O_RDWR, 0);
    assert_true(file >= 0);
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    shared->append.draw_closed = 1;
    atomic_store(&shared->storer.draw_state, CONTROL_CLOSED);
    (void)munmap(shared, sizeof *shared);
    (void)close(file);
    segment_unmap(&attached);
}

static void an_agency_that_is_not_done_when_sales_are_closed_learns_it(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    struct peer *plain = peer_connect(server);
    peer_ask(peer, "1:7:*\r\n", "server:8:0,open*,2026-W48\r\n");
    peer_ask(peer, "1:4:" ROW_1 "\n\r\n", "server:0\r\n");
    peer_ask(plain, "2:4:" ROW_1 "\n\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    uint64_t done_bytes = files_size(server_file(server, "done.csv"));
    close_sales(server);
    peer_ask(peer, bets_batch(stage, 1, 1, 2),
             "server:1:sales are closed: no bet is taken any more\r\n");
    peer_ask(peer, "1:7:2026-W48\r\n", "server:8:1,closed*,2026-W48\r\n");
    peer_ask(peer, "2:7:2026-W48\r\n", "server:8:1,done*,2026-W48\r\n");
    peer_ask(plain, "1:7\r\n", "server:8:1,done*\r\n"); /* it would not understand "closed" */
    peer_ask(plain, "1:5\r\n1:6\r\n", "server:0\r\nserver:2\r\n");
    peer_ask(peer, "1:7:*\r\n", "server:8:1,closed*,2026-W48\r\n");
    assert_int_equal(files_size(server_file(server, "done.csv")), done_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_connection_that_speaks_of_draws_is_told_the_name),
        STAGE_TEST(a_connection_that_does_not_sees_what_it_always_saw),
        STAGE_TEST(request_may_name_the_current_draw),
        STAGE_TEST(status_of_an_earlier_draw_tells_what_is_stored_there),
        STAGE_TEST(prefix_after_it_is_about_that_draw),
        STAGE_TEST(who_asked_for_an_earlier_draw_bets_for_none),
        STAGE_TEST(request_of_an_earlier_draw_gives_its_winners),
        STAGE_TEST(a_draw_without_winners_says_why),
        STAGE_TEST(changed_winners_of_an_earlier_draw_are_told_to_nobody),
        STAGE_TEST(a_damaged_archive_is_told_nothing_of),
        STAGE_TEST(a_draw_that_is_not_there_is_refused_with_the_current_one),
        STAGE_TEST(what_is_no_name_of_a_draw_opens_nothing),
        STAGE_TEST(bets_after_a_refused_draw_are_refused),
        STAGE_TEST(errors_carry_their_reason),
        STAGE_TEST(the_sender_of_a_status_that_is_not_allowed_is_told_so),
        STAGE_TEST(an_error_before_the_status_has_no_reason),
        STAGE_TEST(a_message_that_does_not_end_is_told_why),
        STAGE_TEST(an_agency_that_is_not_done_when_sales_are_closed_learns_it),
        STAGE_TEST(after_the_draw_bets_are_refused_and_done_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
