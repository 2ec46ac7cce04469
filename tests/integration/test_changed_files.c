/*
 * test_changed_files.c - somebody changes the files of a running server: nothing is
 * acknowledged any more, and what was acknowledged is found again, or missed.
 */
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BETS = 20, FILE_MODE = 0600 };

static struct server *start(struct stage *stage)
{
    return server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=2"));
}

/* A file of the data directory, what it held, and where it was moved to. */
struct victim {
    const char *path, *elsewhere;
    const char *bytes;
    size_t count;
};

static struct victim look_at(const struct server *server, const char *name)
{
    struct victim victim = {.path = server_file(server, name),
                            .elsewhere = stage_path(server->stage, "moved-%s", name)};
    victim.bytes = files_read(server->stage, victim.path, &victim.count);
    return victim;
}

/* As a program writes that copies, or an editor: never with other permissions than the server's. */
static void write_anew(const struct victim *victim, size_t count)
{
    int file = open(victim->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    assert_true(file >= 0);
    assert_int_equal(write(file, victim->bytes, count), count);
    assert_int_equal(close(file), 0);
}

static void move_away(const struct victim *victim)
{
    assert_int_equal(rename(victim->path, victim->elsewhere), 0);
}

static void remove_it(const struct victim *victim)
{
    assert_int_equal(unlink(victim->path), 0);
}

static void replace_by_the_same(const struct victim *victim)
{
    move_away(victim);
    write_anew(victim, victim->count);
}

static void replace_by_nothing(const struct victim *victim)
{
    remove_it(victim);
    write_anew(victim, 0);
}

static void cut(const struct victim *victim)
{
    assert_int_equal(truncate(victim->path, (off_t)victim->count / 2), 0);
}

static void put_a_link(const struct victim *victim)
{
    move_away(victim);
    assert_int_equal(symlink(victim->elsewhere, victim->path), 0);
}

/* The file as it was before the deed, from a backup or from where it was moved to. */
static void restore(const struct victim *victim)
{
    (void)unlink(victim->path);
    write_anew(victim, victim->count);
}

/* The server has ended, has said why, and has not answered. */
static void expect_stop(struct server *server, struct peer *peer, const char *name)
{
    peer_expect_close(peer);
    assert_int_equal(program_await_end(server->program).status, 1);
    (void)server_await_log(
        server, 1,
        stage_text(server->stage, "CRITICAL*store | result: fail | file: *%s | found: *somebody",
                   name));
    assert_int_equal(server_count_log(server, "found: *somebody"), 1);
    stage_expect_nothing_left(server->stage);
}

typedef void deed(const struct victim *victim);

static void no_bet_is_acknowledged_once_bets_csv_was_touched(void **state)
{
    static deed *const deeds[] = {move_away,          remove_it, replace_by_the_same,
                                  replace_by_nothing, cut,       put_a_link};
    struct stage *stage = *state;
    unsigned stored = 0;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        struct server *server = start(stage);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, bets_batch(stage, 1, stored, BETS), "server:0\r\n");
        stored += BETS;
        const struct victim victim = look_at(server, "bets.csv");
        deeds[i](&victim);
        peer_send(peer, bets_batch(stage, 1, stored, BETS));
        expect_stop(server, peer, "bets.csv");
        restore(&victim);
        server = start(stage);
        bets_expect_stored(server, 1, 0, stored);
        server_stop_well(server);
    }
}

static void a_start_without_what_was_acknowledged_is_refused(void **state)
{
    static deed *const deeds[] = {remove_it, replace_by_nothing, cut};
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    server_kill_everything(server); /* no checkpoint of a graceful stop: control alone proves it */
    const struct victim victim = look_at(server, "bets.csv");
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        struct program_end end;
        deeds[i](&victim);
        struct program *program =
            server_start_in_vain(stage, NULL, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=2"), &end);
        assert_int_equal(end.status, 1);
        assert_non_null(strstr(program_errors(program), "acknowledged bets are missing"));
        restore(&victim);
    }
    bets_expect_stored(start(stage), 1, 0, BETS);
}

static void no_done_is_acknowledged_once_done_csv_was_touched(void **state)
{
    static deed *const deeds[] = {move_away, remove_it, replace_by_the_same, put_a_link};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        struct server *server = start(stage);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "1:7\r\n",
                 stage_text(stage, "server:8:%zu,open*\r\n", i)); /* claimed before */
        peer_ask(peer, bets_batch(stage, 1, (unsigned)i, 1), "server:0\r\n");
        const struct victim victim = look_at(server, "done.csv");
        deeds[i](&victim);
        peer_send(peer, "1:5\r\n");
        expect_stop(server, peer, "done.csv");
        restore(&victim);
        server = start(stage);
        peer = peer_connect(server);
        peer_ask(peer, "1:7\r\n", stage_text(stage, "server:8:%zu,open*\r\n", i + 1));
        server_stop_well(server);
    }
}

static void no_done_is_acknowledged_once_bets_csv_was_emptied(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    const struct victim victim = look_at(server, "bets.csv");
    assert_int_equal(truncate(victim.path, 0), 0);
    peer_send(peer, "1:5\r\n");
    peer_expect_close(peer);
    assert_int_equal(program_await_end(server->program).status, 1);
    stage_expect_nothing_left(stage);
    restore(&victim);
    server = start(stage);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", stage_text(stage, "server:8:%d,open*\r\n", BETS));
}

/* The whole directory is moved: whatever the server writes there goes with it. */
static void a_server_whose_directory_is_moved_goes_on_in_it(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    const char *moved = stage_path(stage, "moved");
    assert_int_equal(rename(server->directory, moved), 0);
    peer_ask(peer, bets_batch(stage, 1, BETS, BETS), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    assert_int_equal(rename(moved, server->directory), 0);
    server_stop_well(server);
    reckoning_expect_books(stage, server->directory);
    bets_expect_stored(start(stage), 1, 0, 2 * BETS);
}

/* Control that is taken away from a running server is written again with the next thing to note. */
static void a_control_that_was_removed_is_written_again(void **state)
{
    struct stage *stage = *state;
    struct server *server = start(stage);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    assert_int_equal(unlink(server_file(server, "control")), 0);
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "2:6\r\n", "server:3:\r\n");
    server_stop_well(server);
    reckoning_expect_books(stage, server->directory);
    peer = peer_connect(start(stage));
    peer_ask(peer, "1:7\r\n", stage_text(stage, "server:8:%d,drawn*\r\n", BETS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(no_bet_is_acknowledged_once_bets_csv_was_touched),
        STAGE_TEST(a_start_without_what_was_acknowledged_is_refused),
        STAGE_TEST(no_done_is_acknowledged_once_done_csv_was_touched),
        STAGE_TEST(no_done_is_acknowledged_once_bets_csv_was_emptied),
        STAGE_TEST(a_server_whose_directory_is_moved_goes_on_in_it),
        STAGE_TEST(a_control_that_was_removed_is_written_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
