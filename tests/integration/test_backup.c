/*
 * test_backup.c - a backup of a running server holds together, and a copy that does not is refused.
 */
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static const char *const terms[] = {"NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s", NULL};

/* Runs lottery-admin backup on the server's directory. */
static struct program *back_up(struct stage *stage, const char *directory, const char *destination,
                               int expected_status)
{
    struct program_end end;
    struct program *admin =
        program_run(stage,
                    &(struct program_plan){.name = "lottery-admin",
                                           .arguments = ARGUMENTS("backup", destination),
                                           .environment = ENVIRONMENT(
                                               stage_text(stage, "DATA_DIRECTORY=%s", directory))},
                    &end);
    assert_int_equal(end.status, expected_status);
    return admin;
}

/* Copies one file as any tool does, at whatever moment this is. */
static void copy(struct stage *stage, const char *from, const char *to, const char *name)
{
    size_t bytes = 0;
    const char *text = files_read(stage, stage_text(stage, "%s/%s", from, name), &bytes);
    files_write_bytes(stage_text(stage, "%s/%s", to, name), text, bytes);
}

static void a_stopped_servers_backup_is_the_same_lottery(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    server_stop_well(server);
    const char *backup = stage_path(stage, "backup");
    struct program *admin = back_up(stage, server->directory, backup, 0);
    assert_non_null(strstr(program_log(admin), "1 agencies done"));
    struct server *restored = server_start_with(stage, backup, NULL, terms);
    peer = peer_connect(restored);
    peer_ask(peer, "2:5\r\n2:6\r\n", "server:0\r\nserver:3:\r\n");
    bets_expect_stored(restored, 1, 0, 10);
}

static void every_backup_of_a_server_at_work_holds_together(void **state)
{
    enum { ROWS = 1000000, BACKUPS = 8 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    agency_generate(stage, 1, ROWS);
    agency_generate(stage, 2, ROWS / 3);
    struct program *agencies[] = {agency_start(server, 1, agency_bets_file(stage, 1), NULL),
                                  agency_start(server, 2, agency_bets_file(stage, 2), NULL)};
    for (int i = 0; i < BACKUPS; i++) {
        const char *backup = stage_path(stage, "backup-%d", i);
        (void)back_up(stage, server->directory, backup, 0);
        struct server *restored = server_start_with(stage, backup, NULL, terms);
        server_stop_well(restored);
        const struct reckoning *stored =
            reckoning_read(stage, stage_text(stage, "%s/bets.csv", backup));
        for (uint32_t id = 1; id <= 2; id++) {
            reckoning_expect_file(stage, stored, id, agency_bets_file(stage, id),
                                  reckoning_count(stored, id));
        }
        files_remove_tree(backup);
    }
    agency_expect_success(agencies[0]);
    agency_expect_success(agencies[1]);
}

static void files_copied_in_the_wrong_order_are_refused(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    const char *backup = stage_path(stage, "backup");
    assert_int_equal(mkdir(backup, 0700), 0);
    copy(stage, server->directory, backup, "bets.csv");
    peer_ask(peer, bets_batch(stage, 1, 10, 10), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    copy(stage, server->directory, backup, "done.csv");
    copy(stage, server->directory, backup, "control");
    struct program_end end;
    struct program *failed = server_start_in_vain(stage, backup, NULL, terms, &end);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(failed), "acknowledged bets are missing"));
}

static void a_directory_that_can_t_be_trusted_is_not_copied(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, bets_batch(stage, 1, 0, 10), "server:0\r\n");
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    server_stop_well(server);
    assert_int_equal(truncate(server_file(server, "bets.csv"), 50), 0);
    const char *backup = stage_path(stage, "backup");
    struct program *admin = back_up(stage, server->directory, backup, 1);
    assert_non_null(strstr(program_errors(admin), "can't be trusted"));
    assert_false(files_exist(backup));
    assert_false(files_exist(stage_text(stage, "%s.unfinished", backup)));
}

/*
 * What a start would refuse is no backup: an edited row, a row cut off, another checkpoint, a
 * winner put in.
 */
static void a_directory_that_no_start_would_accept_is_not_copied(void **state)
{
    struct stage *stage = *state;
    static const struct {
        const char *name;
        bool appends; /* else its third byte is changed */
        const char *words;
    } deeds[] = {{"bets.csv", false, "bets.csv was changed"},
                 {"winners.csv", true, "winners.csv was changed"},
                 {"bets.csv", true, "bets.csv was changed after the draw"}};
    struct server *server = server_start(stage, terms);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:4:Ana,Paz,1,1980-01-31,7574\n\r\n", "server:0\r\n");
    peer_ask(peer, "1:5\r\n2:5\r\n2:6\r\n", "server:0\r\nserver:0\r\nserver:3:\r\n");
    server_stop_well(server);
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        const char *path = server_file(server, deeds[i].name);
        const char *row = "1,Max,Pan,3,1980-01-31,7574\r\n";
        size_t bytes = 0;
        const char *was = files_read(stage, path, &bytes);
        const char *changed = deeds[i].appends ? stage_text(stage, "%s%s", was, row)
                                               : stage_text(stage, "%.2sZ%s", was, was + 3);
        files_write_bytes(path, changed, strlen(changed));
        const char *backup = stage_path(stage, "backup-%zu", i);
        struct program *admin = back_up(stage, server->directory, backup, 1);
        assert_non_null(strstr(program_errors(admin), deeds[i].words));
        assert_non_null(strstr(program_errors(admin), server->directory));
        assert_false(files_exist(backup));
        assert_false(files_exist(stage_text(stage, "%s.unfinished", backup)));
        files_write_bytes(path, was, bytes);
    }
    (void)back_up(stage, server->directory, stage_path(stage, "backup"), 0);
}

static void a_backup_replaces_nothing(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, terms);
    const char *backup = stage_path(stage, "backup");
    assert_int_equal(mkdir(backup, 0700), 0);
    struct program *admin = back_up(stage, server->directory, backup, 1);
    assert_non_null(strstr(program_errors(admin), "is there already"));
    admin = back_up(stage, stage_path(stage, "nothing"), stage_path(stage, "other"), 1);
    assert_non_null(strstr(program_errors(admin), "a server makes it when it starts"));
    (void)back_up(stage, stage_path(stage, "nothing"), stage_path(stage, "other"), 1);
    assert_false(files_exist(stage_path(stage, "other.unfinished")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_stopped_servers_backup_is_the_same_lottery),
        STAGE_TEST(every_backup_of_a_server_at_work_holds_together),
        STAGE_TEST(files_copied_in_the_wrong_order_are_refused),
        STAGE_TEST(a_directory_that_can_t_be_trusted_is_not_copied),
        STAGE_TEST(a_directory_that_no_start_would_accept_is_not_copied),
        STAGE_TEST(a_backup_replaces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
