/*
 * test_gallery_people.c - the gallery of disasters, fourth room: what hands do, not crashes.
 *
 * Somebody removes a lock, starts the server with other values, edits, cuts, replaces or
 * restores a file, types into netcat, or takes the server's objects away. Each
 * disaster ends in one of two ways: all that was acknowledged is there, once, by an independent
 * reading of the files; or the server refuses, says why, and has touched nothing.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BETS = 40, SOON_MS = 5000 };

static const char *const five[] = {"NUMBER_OF_AGENCIES=5", "WINNERS_WAIT=10s", NULL};
static const char *const one[] = {"NUMBER_OF_AGENCIES=1", "WINNERS_WAIT=10s", NULL};

#define FILES 6

static const char *const names[FILES] = {"bets.csv",   "done.csv",    "control",
                                         "checkpoint", "winners.csv", "lock"};

/* All files of a data directory, as they were. */
struct picture {
    char *bytes[FILES];
    size_t count[FILES];
};

static struct picture take_picture(struct stage *stage, const char *directory)
{
    struct picture picture = {0};
    for (int i = 0; i < FILES; i++) {
        picture.bytes[i] =
            files_load(stage_text(stage, "%s/%s", directory, names[i]), &picture.count[i]);
        if (picture.bytes[i] != NULL) {
            (void)stage_keep(stage, picture.bytes[i]);
        }
    }
    return picture;
}

/* The lock holds a pid and no bets: it may differ. */
static void expect_same(const struct picture *before, const struct picture *after)
{
    for (int i = 0; i < FILES - 1; i++) {
        assert_int_equal(before->bytes[i] == NULL, after->bytes[i] == NULL);
        assert_int_equal(before->count[i], after->count[i]);
        if (before->bytes[i] != NULL) {
            assert_memory_equal(before->bytes[i], after->bytes[i], before->count[i]);
        }
    }
}

/* A start ends with this status, says this, and has touched nothing. */
static void expect_start_ends(struct stage *stage, const char *const *environment, int status,
                              const char *reason)
{
    const char *directory = stage_path(stage, "data");
    struct picture before = take_picture(stage, directory);
    struct program_end end;
    struct program *failed = server_start_in_vain(stage, directory, NULL, environment, &end);
    if (end.status != status || strstr(program_errors(failed), reason) == NULL) {
        program_show(failed);
    }
    assert_int_equal(end.status, status);
    assert_non_null(strstr(program_errors(failed), reason));
    struct picture after = take_picture(stage, directory);
    expect_same(&before, &after);
}

static void expect_refused(struct stage *stage, const char *const *environment, const char *reason)
{
    expect_start_ends(stage, environment, EXIT_FAILURE, reason);
}

/* The server ends by itself, soon, with status 1. */
static void expect_end(struct server *server, const char *log_pattern)
{
    (void)server_await_log(server, 1, log_pattern);
    assert_int_equal(program_await_end(server->program).status, 1);
}

/* Five agencies have bet, four of them are done; then everything is killed. */
static struct server *kill_five_of_whom_four_are_done(struct stage *stage)
{
    struct server *server = server_start(stage, five);
    struct peer *peer = peer_connect(server);
    for (unsigned id = 1; id <= 5; id++) {
        peer_ask(peer, bets_batch(stage, id, 0, BETS), "server:0\r\n");
    }
    for (unsigned id = 1; id <= 4; id++) {
        peer_ask(peer, stage_text(stage, "%u:5\r\n", id), "server:0\r\n");
    }
    server_kill_everything(server);
    return server;
}

static void finish_five(struct stage *stage, struct server *server)
{
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "5:5\r\n5:6\r\n", "server:0\r\nserver:3:\r\n");
    for (unsigned id = 1; id <= 5; id++) {
        bets_expect_stored(server, id, 0, BETS);
    }
    server_stop_well(server);
    stage_expect_nothing_left(stage);
}

/* ------------------------------------------------------------------ the lock ---- */

static void disaster_68_the_lock_is_removed_and_a_second_server_is_started(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    assert_int_equal(unlink(server_file(server, "lock")), 0);
    struct server *second = server_start(stage, one); /* waits until the first one has ended */
    assert_int_equal(server_count_log(server, "action: server_exit*"), 1);
    expect_end(server, "CRITICAL*lock*");
    peer = peer_connect(second);
    peer_ask(peer, bets_batch(stage, 1, BETS, 1), "server:0\r\n");
    bets_expect_stored(second, 1, 0, BETS + 1);
}

/* ---------------------------------------------------------------- edited files ---- */

static void disaster_69_a_bit_flips_in_the_second_row(void **state)
{
    struct stage *stage = *state;
    struct server *server = kill_five_of_whom_four_are_done(stage);
    const char *path = server_file(server, "bets.csv");
    size_t count = 0;
    char *bets = files_read(stage, path, &count);
    char *second_row = strchr(bets, '\n') + 1;
    second_row[4] ^= 1;
    files_write_bytes(path, bets, count);
    expect_refused(stage, five, "was changed");
    assert_int_equal(unlink(server_file(server, "checkpoint")), 0);
    expect_refused(stage, five, "nothing was touched");
    second_row[4] ^= 1;
    files_write_bytes(path, bets, count);
    finish_five(stage, server_start(stage, five));
}

static void disaster_70_the_tail_is_cut_at_a_rows_end(void **state)
{
    struct stage *stage = *state;
    struct server *server = kill_five_of_whom_four_are_done(stage);
    const char *path = server_file(server, "bets.csv");
    size_t count = 0;
    char *bets = files_read(stage, path, &count);
    for (size_t end = count - 1; end > 0; end--) {
        if (bets[end - 1] == '\n' && (count - end) % 7 == 0) {
            files_write_bytes(path, bets, end);
            expect_refused(stage, five, "acknowledged bets are missing");
        }
    }
    assert_int_equal(unlink(server_file(server, "checkpoint")), 0);
    files_write_bytes(path, bets, (size_t)(strchr(bets, '\n') + 1 - bets));
    expect_refused(stage, five, "acknowledged bets are missing");
    assert_int_equal(unlink(path), 0);
    expect_refused(stage, five, "acknowledged bets are missing");
    files_write_bytes(path, bets, count);
    finish_five(stage, server_start(stage, five));
}

static void disaster_71_each_byte_of_done_csv_is_changed(void **state)
{
    struct stage *stage = *state;
    struct server *server = kill_five_of_whom_four_are_done(stage);
    const char *path = server_file(server, "done.csv");
    size_t count = 0;
    char *done = files_read(stage, path, &count);
    for (size_t i = 0; i < count; i += 3) {
        char kept = done[i];
        done[i] = kept == '7' ? '8' : '7';
        files_write_bytes(path, done, count);
        expect_refused(stage, five, "agencies that were done are missing");
        done[i] = kept;
    }
    files_write_bytes(path, done, count - 1);
    expect_refused(stage, five, "agencies that were done are missing");
    assert_int_equal(unlink(path), 0);
    expect_refused(stage, five, "agencies that were done are missing");
    files_write_bytes(path, done, count);
    finish_five(stage, server_start(stage, five));
}

static void disaster_72_each_byte_of_control_is_changed(void **state)
{
    struct stage *stage = *state;
    struct server *server = kill_five_of_whom_four_are_done(stage);
    const char *path = server_file(server, "control");
    size_t count = 0;
    char *control = files_read(stage, path, &count);
    for (size_t i = 0; i < count; i += 5) {
        char kept = control[i];
        control[i] = kept == '7' ? '8' : '7';
        files_write_bytes(path, control, count);
        expect_refused(stage, five, "nothing was touched");
        control[i] = kept;
    }
    assert_int_equal(unlink(path), 0);
    expect_refused(stage, five, "control is missing");
    files_write_bytes(path, control, count);
    finish_five(stage, server_start(stage, five));
}

/* ----------------------------------------------------------- start-up values ---- */

static void disaster_73_the_server_is_started_with_other_terms(void **state)
{
    struct stage *stage = *state;
    (void)kill_five_of_whom_four_are_done(stage);
    expect_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5", "WINNING_NUMBER=896"),
                   "winning number 7574, and now");
    expect_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=4"), "of other terms");
    expect_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5", "AGENCIES_ALLOWED=1-6"),
                   "of other terms");
    expect_start_ends(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=0"), PROGRAM_EXIT_CONFIG, "from 1 to");
    finish_five(stage,
                server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5", "AGENCIES_ALLOWED=5,1-4",
                                                "WINNERS_WAIT=10s")));
}

static void disaster_74_a_drawn_lottery_is_started_with_another_number(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\nEva,Paz,2,1980-01-31,896\n\r\n1:5\r\n",
             "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    server_stop_well(server);
    const char *winners = files_read(stage, server_file(server, "winners.csv"), NULL);
    assert_int_equal(unlink(server_file(server, "winners.csv")), 0);
    expect_refused(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "WINNING_NUMBER=896"),
                   "of other terms");
    server = server_start(stage, one);
    (void)server_await_log(server, 1, "WARNING*recover*drawn: yes*winning_number: 7574");
    (void)server_await_log(server, 1, "WARNING*sorteo*made again as the draw gave it");
    assert_string_equal(files_read(stage, server_file(server, "winners.csv"), NULL), winners);
    peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
}

static void disaster_75_a_winner_is_put_in_by_hand(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n1:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    const char *path = server_file(server, "winners.csv");
    const char *winners = files_read(stage, path, NULL);
    const char *forged =
        stage_text(stage, "%s1,Mallory,Fraud,11111111,1980-01-31,7574\r\n", winners);
    files_write(path, forged);
    peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:1\r\n");
    (void)server_await_log(server, 1, "ERROR*consulta_ganadores | result: fail*was changed");
    server_stop_well(server);
    expect_refused(stage, one, "");
    files_write(path, winners);
    server = server_start(stage, one);
    peer = peer_connect(server);
    peer_ask(peer, "1:6\r\n", "server:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
}

static void disaster_76_a_bet_is_changed_after_the_draw(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\nEva,Paz,2,1980-01-31,7228\n\r\n1:5\r\n1:6\r\n",
             "server:0\r\nserver:0\r\nserver:3:1,Ana,Paz,1,1980-01-31,7574\n\r\n");
    server_stop_well(server);
    const char *path = server_file(server, "bets.csv");
    size_t count = 0;
    char *bets = files_read(stage, path, &count);
    static const char winning[] = {'7', '5', '7', '4'};
    memcpy(strstr(bets, "7228"), winning, sizeof winning);
    files_write_bytes(path, bets, count);
    expect_refused(stage, one, "was changed");
    assert_int_equal(unlink(server_file(server, "checkpoint")), 0);
    expect_refused(stage, one, "nothing was touched");
}

/* --------------------------------------------------- under a running server ---- */

struct hand {
    const char *(*does)(struct stage *stage, const struct server *server);
};

static const char *removes_the_directory(struct stage *stage, const struct server *server)
{
    (void)stage;
    files_remove_tree(server->directory);
    return "the directory";
}

static const char *moves_the_directory(struct stage *stage, const struct server *server)
{
    assert_int_equal(rename(server->directory, stage_path(stage, "elsewhere")), 0);
    return "the directory";
}

static const char *replaces_bets(struct stage *stage, const struct server *server)
{
    files_write(stage_path(stage, "new"), "");
    assert_int_equal(rename(stage_path(stage, "new"), server_file(server, "bets.csv")), 0);
    return "bets.csv";
}

static const char *empties_bets(struct stage *stage, const struct server *server)
{
    (void)stage;
    assert_int_equal(truncate(server_file(server, "bets.csv"), 0), 0);
    return "bets.csv";
}

static const char *moves_bets(struct stage *stage, const struct server *server)
{
    assert_int_equal(rename(server_file(server, "bets.csv"), stage_path(stage, "moved")), 0);
    return "bets.csv";
}

/* What was acknowledged before stays where the hand has put it; nothing is acknowledged after it. */
static void a_hand_is_at_the_data(void **state, const struct hand *hand)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    (void)hand->does(stage, server);
    peer_send(peer, bets_batch(stage, 1, BETS, 1));
    peer_expect_close(peer);
    expect_end(server, "CRITICAL*");
    stage_expect_nothing_left(stage);
}

static void disaster_77_the_data_directory_is_removed(void **state)
{
    a_hand_is_at_the_data(state, &(struct hand){removes_the_directory});
}

static void disaster_78_bets_csv_is_replaced(void **state)
{
    a_hand_is_at_the_data(state, &(struct hand){replaces_bets});
}

static void disaster_79_bets_csv_is_emptied(void **state)
{
    a_hand_is_at_the_data(state, &(struct hand){empties_bets});
}

static void disaster_80_bets_csv_is_moved(void **state)
{
    a_hand_is_at_the_data(state, &(struct hand){moves_bets});
}

static void disaster_81_the_data_directory_is_moved_while_nothing_happens(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    (void)moves_the_directory(stage, server);
    int64_t began_ms = deadline_clock_ms();
    expect_end(server, "CRITICAL*");
    assert_true(deadline_clock_ms() - began_ms < SOON_MS * deadline_patience());
    assert_int_equal(rename(stage_path(stage, "elsewhere"), server->directory), 0);
    server = server_start(stage, one);
    bets_expect_stored(server, 1, 0, BETS);
}

static void disaster_82_done_csv_is_removed_before_a_done(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, five);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    const char *done = files_read(stage, server_file(server, "done.csv"), NULL);
    assert_int_equal(unlink(server_file(server, "done.csv")), 0);
    peer_send(peer, "2:5\r\n");
    peer_expect_close(peer);
    expect_end(server, "CRITICAL*done.csv*");
    expect_refused(stage, five, "agencies that were done are missing");
    files_write(server_file(server, "done.csv"), done);
    server = server_start(stage, five);
    assert_int_equal(server_gate(server).missing, 4);
}

/* ----------------------------------------------------------------- typed in ---- */

static void disaster_83_a_malformed_message_stands_between_two_batches(void **state)
{
    static const char *const malformed[] = {"1:BETS:a\r\n", "x:4:a\r\n",  "1:44:a\r\n",
                                            "9:4:a\r\n",    "1:0\r\n",    "1:4:\r\n",
                                            "hola\n",       "1:4:a\n\r\n"};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const char *directory = stage_path(stage, "data-%zu", i);
        struct server *server = server_start_with(stage, directory, NULL, one);
        struct peer *peer = peer_connect(server);
        peer_send(peer, "1:7\r\n");
        (void)peer_receive_message(peer);
        peer_ask(peer, bets_batch(stage, 1, 0, 1), "server:0\r\n");
        peer_send(peer, malformed[i]);
        const char *answer = peer_receive_message(peer);
        assert_true(strcmp(answer, "server:1\r\n") == 0 || strcmp(answer, "server:ERROR\r\n") == 0);
        peer_ask(peer, bets_batch(stage, 1, 1, 1), "server:1\r\n");
        peer_ask(peer, "1:5\r\n", "server:1\r\n");
        peer_send(peer, "1:7\r\n");
        assert_non_null(strstr(peer_receive_message(peer), "server:8:1,open,"));
        peer_ask(peer, bets_batch(stage, 1, 1, 1), "server:0\r\n");
        bets_expect_stored(server, 1, 0, 2);
        server_stop_well(server);
    }
}

static void disaster_84_who_was_fenced_takes_another_agency_and_comes_back(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, five);
    struct peer *first = peer_connect(server);
    struct peer *second = peer_connect(server);
    peer_send(first, "1:7\r\n");
    (void)peer_receive_message(first);
    peer_send(second, "1:7\r\n");
    (void)peer_receive_message(second);
    peer_send(first, "2:7\r\n");
    (void)peer_receive_message(first);
    peer_ask(first, bets_batch(stage, 1, 0, 1), "server:1\r\n");
    peer_ask(first, "1:5\r\n", "server:1\r\n");
    peer_ask(second, bets_batch(stage, 1, 0, 1), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 1);
}

static void disaster_85_a_stranger_says_done_for_an_agency_at_work(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, five);
    struct peer *agency = peer_connect(server);
    struct peer *stranger = peer_connect(server);
    peer_send(agency, "1:7\r\n");
    (void)peer_receive_message(agency);
    peer_ask(agency, bets_batch(stage, 1, 0, 2), "server:0\r\n");
    peer_ask(stranger, "1:done\r\n", "server:ERROR\r\n");
    peer_ask(stranger, bets_batch(stage, 1, 2, 1), "server:1\r\n");
    (void)server_await_log(server, 1,
                           stage_text(stage, "WARNING*ip: 127.0.0.1:%u", stranger->port));
    peer_ask(agency, bets_batch(stage, 1, 2, 2), "server:0\r\n");
    bets_expect_stored(server, 1, 0, 4);
}

static void disaster_86_a_batch_comes_with_windows_line_ends(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, five);
    const char *rows = "1:4:Ana,Paz,1,1980-01-31,1\r\nEva,Paz,2,1980-01-31,2\r\n\r\n";
    for (size_t cut = 1; cut < strlen(rows); cut++) {
        struct peer *peer = peer_connect(server);
        peer_send_bytes(peer, rows, cut);
        peer_send(peer, rows + cut);
        peer_half_close(peer);
        assert_non_null(strstr(peer_receive_message(peer), "server:1"));
        peer_close(peer);
    }
    assert_int_equal(files_size(server_file(server, "bets.csv")), 0);
}

/* ----------------------------------------------------- objects of the system ---- */

static void disaster_87_the_semaphores_are_removed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    struct segment segment = server_attach(server);
    assert_int_equal(semctl(segment.shared->identity.gate_id, 0, IPC_RMID), 0);
    segment_unmap(&segment);
    expect_end(server, "CRITICAL*RemoveIPC*");
    server = server_start(stage, one);
    bets_expect_stored(server, 1, 0, BETS);
}

static void disaster_88_the_segment_is_removed(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    struct segment segment = server_attach(server);
    assert_int_equal(shm_unlink(segment.name), 0);
    segment_unmap(&segment);
    expect_end(server, "CRITICAL*RemoveIPC*");
    server = server_start(stage, one);
    bets_expect_stored(server, 1, 0, BETS);
}

/* ------------------------------------------------------------ modes and links ---- */

static void disaster_89_files_that_others_may_read_or_that_are_links(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, one);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, BETS), "server:0\r\n");
    struct stat status;
    assert_int_equal(stat(server->directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(stat(server_file(server, "bets.csv"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    server_stop_well(server);
    assert_int_equal(chmod(server_file(server, "bets.csv"), 0644), 0);
    expect_refused(stage, one, "chmod 600");
    assert_int_equal(chmod(server_file(server, "bets.csv"), 0600), 0);
    assert_int_equal(chmod(server->directory, 0755), 0);
    expect_refused(stage, one, "chmod 700");
    assert_int_equal(chmod(server->directory, 0700), 0);
    const char *elsewhere = stage_path(stage, "elsewhere");
    files_write(elsewhere, "precious\n");
    for (int i = 0; i < FILES; i++) {
        const char *path = server_file(server, names[i]);
        const char *kept = stage_path(stage, "kept");
        bool there = rename(path, kept) == 0;
        assert_int_equal(symlink(elsewhere, path), 0);
        struct program_end end;
        struct program *failed = server_start_in_vain(stage, NULL, NULL, one, &end);
        if (strcmp(names[i], "winners.csv") != 0) { /* not looked at before the draw */
            assert_int_equal(end.status, 1);
            assert_non_null(strstr(program_errors(failed), names[i]));
        }
        assert_string_equal(files_read(stage, elsewhere, NULL), "precious\n");
        assert_int_equal(unlink(path), 0);
        assert_true(!there || rename(kept, path) == 0);
    }
    server = server_start(stage, one);
    bets_expect_stored(server, 1, 0, BETS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(disaster_68_the_lock_is_removed_and_a_second_server_is_started),
        STAGE_TEST(disaster_69_a_bit_flips_in_the_second_row),
        STAGE_TEST(disaster_70_the_tail_is_cut_at_a_rows_end),
        STAGE_TEST(disaster_71_each_byte_of_done_csv_is_changed),
        STAGE_TEST(disaster_72_each_byte_of_control_is_changed),
        STAGE_TEST(disaster_73_the_server_is_started_with_other_terms),
        STAGE_TEST(disaster_74_a_drawn_lottery_is_started_with_another_number),
        STAGE_TEST(disaster_75_a_winner_is_put_in_by_hand),
        STAGE_TEST(disaster_76_a_bet_is_changed_after_the_draw),
        STAGE_TEST(disaster_77_the_data_directory_is_removed),
        STAGE_TEST(disaster_78_bets_csv_is_replaced),
        STAGE_TEST(disaster_79_bets_csv_is_emptied),
        STAGE_TEST(disaster_80_bets_csv_is_moved),
        STAGE_TEST(disaster_81_the_data_directory_is_moved_while_nothing_happens),
        STAGE_TEST(disaster_82_done_csv_is_removed_before_a_done),
        STAGE_TEST(disaster_83_a_malformed_message_stands_between_two_batches),
        STAGE_TEST(disaster_84_who_was_fenced_takes_another_agency_and_comes_back),
        STAGE_TEST(disaster_85_a_stranger_says_done_for_an_agency_at_work),
        STAGE_TEST(disaster_86_a_batch_comes_with_windows_line_ends),
        STAGE_TEST(disaster_87_the_semaphores_are_removed),
        STAGE_TEST(disaster_88_the_segment_is_removed),
        STAGE_TEST(disaster_89_files_that_others_may_read_or_that_are_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
