/*
 * test_admin.c - what lottery-admin says of a directory, with a server and without one, and that
 * saying it changes nothing.
 */
#include "lib/checksum.h"
#include "store/archive.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/sealed_draw.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { STATUS_WELL = 0, STATUS_NOT_WELL = 1, STATUS_WRONG_USAGE = 2, STATUS_UNREAD = 3 };

/* ------------------------------------------------------------- running it ---- */

/* Runs lottery-admin about this directory, which is that of its configuration. */
static struct program *run_admin(struct stage *stage, const char *directory,
                                 const char *const *arguments, int status)
{
    struct program_end end;
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", directory);
    struct program *admin = program_run(stage,
                                        &(struct program_plan){.name = "lottery-admin",
                                                               .arguments = arguments,
                                                               .environment = ENVIRONMENT(data)},
                                        &end);
    if (end.status != status) {
        program_show(admin);
    }
    assert_int_equal(end.status, status);
    return admin;
}

static struct program *check(struct stage *stage, const char *directory, int status)
{
    return run_admin(stage, directory, ARGUMENTS("check", directory, "--full"), status);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* Has Python read what was printed, as `d`, and wants the expression to be true. */
static void expect_json(struct stage *stage, const struct program *program, const char *expression)
{
    struct program_end end;
    const char *script = stage_text(
        stage, "import json,sys\nd=json.load(open(sys.argv[1]))\nassert %s, d", expression);
    struct program *python =
        program_run(stage,
                    &(struct program_plan){.name = "python3",
                                           .arguments = ARGUMENTS("-c", script, program->log_path)},
                    &end);
    if (end.status != 0) {
        fail_msg("%s: %s", expression, program_errors(python));
    }
}

/* ---------------------------------------------------------- who is missing ---- */

/* Of five agencies, 1 and 2 are done, 3 has bet, 4 and 5 never came. */
static struct server *start_with_missing(struct stage *stage)
{
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n2:5\r\n", "server:0\r\nserver:0\r\n");
    peer_ask(peer, bets_batch(stage, 3, 0, 7), "server:0\r\n");
    return server;
}

static void a_running_server_tells_who_is_missing(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    const char *text =
        program_log(run_admin(stage, server->directory, ARGUMENTS("status"), STATUS_WELL));
    assert_has(text, "draw 1: open\nserver: running, pid ");
    assert_has(text, "bets: 7\nagencies: 5 expected, 2 done\n");
    assert_has(text, "  never came   4-5\n  betting      3\n  done         1-2\n");
    assert_has(text, "next: closes when agencies 3-5 are done\n");
    struct program *json =
        run_admin(stage, server->directory, ARGUMENTS("status", "--json"), STATUS_WELL);
    expect_json(stage, json, "d['running'] and d['state'] == 'open' and d['agencies_done'] == 2");
    expect_json(stage, json,
                "[(a['agency'], a['state'], a['missing'], a['bets']) for a in d['agencies']] == "
                "[(4, 'never', True, 0), (5, 'never', True, 0), (3, 'betting', True, 7), "
                "(1, 'done', False, 0), (2, 'done', False, 0)]");
    expect_json(stage, json, "[a['connected'] for a in d['agencies']] == [0, 0, 1, 0, 0]");
}

static void the_files_of_a_stopped_one_tell_the_same(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    server_stop_well(server);
    const char *text =
        program_log(run_admin(stage, server->directory, ARGUMENTS("status"), STATUS_WELL));
    assert_has(text, "server: not running");
    assert_has(text, "bets: 7\n");
    assert_has(text, "  never came   4-5\n  not done     3\n  done         1-2\n");
    struct program *json =
        run_admin(stage, server->directory, ARGUMENTS("status", "--json"), STATUS_WELL);
    expect_json(stage, json, "not d['running'] and d['bets'] == 7");
    expect_json(stage, json, "d['agencies'][2]['state'] == 'open'");
    (void)run_admin(stage, stage_path(stage, "nothing"), ARGUMENTS("status"), STATUS_NOT_WELL);
}

static void where_any_agency_may_come_the_missing_ones_are_counted(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=4", "AGENCIES_ALLOWED=any"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "9:5\r\n", "server:0\r\n");
    const char *text =
        program_log(run_admin(stage, server->directory, ARGUMENTS("status"), STATUS_WELL));
    assert_has(text, "  done         9\n  never came   3 not known by name\n");
}

/* -------------------------------------------------------------- list, show ---- */

static void all_draws_are_listed_and_each_is_shown(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    const char *directory = server->directory;
    (void)run_admin(
        stage, directory,
        ARGUMENTS("open", "w2", "--abandon", "--reason", "a \"trial\"", "--agencies", "1-3"),
        STATUS_WELL);
    struct program *list = run_admin(stage, directory, ARGUMENTS("list", "--json"), STATUS_WELL);
    expect_json(stage, list,
                "[(w['draw'], w['state'], w['current']) for w in d['draws']] == "
                "[('1', 'abandoned', False), ('w2', 'new', True)]");
    expect_json(stage, list, "d['draws'][0]['abandoned_reason'] == 'a \"trial\"'");
    assert_has(program_log(run_admin(stage, directory, ARGUMENTS("list"), STATUS_WELL)),
               "\n1                abandoned ");
    const char *shown =
        program_log(run_admin(stage, directory, ARGUMENTS("show", "1"), STATUS_WELL));
    assert_has(shown, "  state              abandoned\n");
    assert_has(shown, "  winning number     7574\n");
    struct program *show =
        run_admin(stage, directory, ARGUMENTS("show", "w2", "--json"), STATUS_WELL);
    expect_json(stage, show,
                "d['agencies_allowed'] == '1-3' and d['winning_number'] is None and "
                "d['number_by'] == 'command' and d['bets'] == 0");
    struct program *none =
        run_admin(stage, directory, ARGUMENTS("show", "../data"), STATUS_NOT_WELL);
    assert_has(program_errors(none), "has no draw");
    (void)run_admin(stage, directory, ARGUMENTS("show"), STATUS_WRONG_USAGE);
    (void)run_admin(stage, directory, ARGUMENTS("list", "--full"), STATUS_WRONG_USAGE);
}

static void a_sealed_draw_is_shown_with_its_seal(void **state)
{
    struct stage *stage = *state;
    const char *directory = stage_path(stage, "data");
    assert_int_equal(mkdir(directory, 0700), 0);
    sealed_draw_make(directory, &(struct sealed_draw_plan){.state = CONTROL_SEALED,
                                                           .number_by = NUMBER_BY_COMMAND});
    struct program *show =
        run_admin(stage, directory, ARGUMENTS("show", "2026-W48", "--json"), STATUS_WELL);
    expect_json(stage, show,
                "d['state'] == 'sealed' and len(d['seal_sha256']) == 64 and d['bets'] == 8 and "
                "d['winning_number'] is None and d['closed_without'] == '3,5'");
    const char *text = program_log(run_admin(stage, directory, ARGUMENTS("status"), STATUS_WELL));
    assert_has(text, "next: waits for `lottery-admin draw --number N --seal ");
}

/* ------------------------------------------------------------------- check ---- */

/* What `find` and `sha256sum` tell of the directory: names, modes, times, contents. */
static const char *look_at(struct stage *stage, const char *directory)
{
    struct program_end end;
    const char *script =
        stage_text(stage,
                   "cd '%s' && find . -printf '%%p %%s %%m %%T@ %%C@\\n' | sort && "
                   "find . -type f | sort | xargs sha256sum",
                   directory);
    struct program *program = program_run(
        stage, &(struct program_plan){.name = "sh", .arguments = ARGUMENTS("-c", script)}, &end);
    assert_int_equal(end.status, 0);
    return program_log(program);
}

static void checking_changes_nothing_and_needs_no_right_to_write(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const char *directory = stage_path(stage, "data");
    assert_int_equal(mkdir(directory, 0700), 0);
    sealed_draw_make(directory, &(struct sealed_draw_plan){.state = CONTROL_DRAWN});
    (void)program_run(
        stage,
        &(struct program_plan){.name = "chmod", .arguments = ARGUMENTS("-R", "a-w", directory)},
        &end);
    const char *before = look_at(stage, directory);
    struct program *full = check(stage, directory, STATUS_WELL);
    assert_has(program_log(full), "current draw 2026-W48: drawn; bets 8, ");
    assert_has(program_log(full), "all is well\n");
    (void)run_admin(stage, directory, ARGUMENTS("check", directory), STATUS_WELL);
    /* Without an operand it is the configuration's. */
    const char *text = program_log(run_admin(stage, directory, ARGUMENTS("check"), STATUS_WELL));
    assert_has(text, stage_text(stage, "%s: ", directory));
    (void)run_admin(stage, directory, ARGUMENTS("check", directory, directory), STATUS_WRONG_USAGE);
    text = program_log(run_admin(stage, directory, ARGUMENTS("status"), STATUS_WELL));
    assert_has(text, "\nnumber: 7574, winners: 4\n");
    (void)run_admin(stage, directory, ARGUMENTS("list"), STATUS_WELL);
    assert_string_equal(look_at(stage, directory), before);
    assert_int_equal(chmod(directory, 0700), 0); /* so that it can be removed */
}

static void a_server_at_work_is_checked_and_says_so(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    struct program *json = run_admin(stage, server->directory,
                                     ARGUMENTS("check", server->directory, "--json"), STATUS_WELL);
    expect_json(stage, json,
                "d['running'] and d['well'] and d['draws'][0]['bets'] == 7 and "
                "d['start'].startswith('refuse')");
    server_stop_well(server);
    json = run_admin(stage, server->directory,
                     ARGUMENTS("check", server->directory, "--full", "--json"), STATUS_WELL);
    expect_json(stage, json,
                "not d['running'] and d['start'] == 'go on selling for draw 1' and "
                "d['draws'][0]['agencies_done'] == 2");
}

static void damage_is_told_and_a_start_refuses_it_too(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    struct program_end end;
    server_stop_well(server);
    const char *bets = server_file(server, "bets.csv");
    size_t bytes = 0;
    const char *was = files_read(stage, bets, &bytes);
    files_write_bytes(bets, was, bytes - 10);
    struct program *json = run_admin(
        stage, server->directory, ARGUMENTS("check", server->directory, "--json"), STATUS_NOT_WELL);
    expect_json(
        stage, json,
        "not d['well'] and d['draws'][0]['problems'] and d['start'].startswith('refuse: ')");
    (void)server_start_in_vain(stage, server->directory, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=5"),
                               &end);
    assert_int_equal(end.status, 1);
    files_write_bytes(bets, was, bytes);
    (void)check(stage, server->directory, STATUS_WELL);
    assert_int_equal(chmod(bets, 0644), 0);
    assert_has(program_log(check(stage, server->directory, STATUS_NOT_WELL)), "chmod 600");
    assert_int_equal(chmod(bets, 0600), 0);
    files_write(server_file(server, "control"), "lottery data 3\n");
    assert_has(program_log(check(stage, server->directory, STATUS_NOT_WELL)), "control is damaged");
    assert_int_equal(unlink(server_file(server, "control")), 0);
    assert_has(program_log(check(stage, server->directory, STATUS_NOT_WELL)),
               "there is no control");
    (void)check(stage, stage_path(stage, "nothing"), STATUS_UNREAD);
}

/* Writes a control of version 2, as servers of version 1.0 did. */
static void write_old_control(const char *path, uint64_t bets_bytes, uint64_t done_bytes)
{
    char text[2048];
    int used = snprintf(text, sizeof text,
                        "lottery data 2\nidentity 5b1e00112233445566778899aabbccdd\n"
                        "ipc_key 6f0c2d1a\nring_bytes 8388608\nagencies_expected 5\n"
                        "agencies_allowed 1-5\nwinning_number 7574\nstate open\n"
                        "bets_bytes %" PRIu64 "\ndone_bytes %" PRIu64 "\n"
                        "drawn_bets 0\ndrawn_bytes 0\ndrawn_checksum 0000000000000000\n"
                        "winners 0\nwinners_bytes 0\nwinners_checksum 0000000000000000\n",
                        bets_bytes, done_bytes);
    (void)snprintf(text + used, sizeof text - (size_t)used, "checksum " CHECKSUM_FORMAT "\n",
                   checksum_extend(CHECKSUM_EMPTY, text, (size_t)used));
    files_write(path, text);
}

static void a_directory_of_version_1_is_understood(void **state)
{
    struct stage *stage = *state;
    struct server *server = start_with_missing(stage);
    server_stop_well(server);
    write_old_control(server_file(server, "control"), files_size(server_file(server, "bets.csv")),
                      files_size(server_file(server, "done.csv")));
    assert_int_equal(unlink(server_file(server, "checkpoint")), 0); /* of another identity */
    assert_has(program_log(check(stage, server->directory, STATUS_WELL)),
               "current draw 1: open; bets 7, ");
    assert_has(program_log(run_admin(stage, server->directory, ARGUMENTS("show", "1"), 0)),
               "  identity           5b1e00112233445566778899aabbccdd\n");
    server_stop_well(
        server_start_with(stage, server->directory, NULL, ENVIRONMENT("NUMBER_OF_AGENCIES=5")));
    (void)check(stage, server->directory, STATUS_WELL);
}

/* ---------------------------------------------------------------- archives ---- */

/*
 * Leaves a directory as `open w2` does when it is killed after its commit: the next draw is the
 * current one, and no file has been moved.
 */
static const char *make_half_archived(struct stage *stage)
{
    const char *path = stage_path(stage, "half");
    struct data_directory directory = {.path = path, .lock = -1};
    struct control finished;
    struct control next;
    struct failure failure;
    bool synced = false;
    assert_int_equal(mkdir(path, 0700), 0);
    sealed_draw_make(path, &(struct sealed_draw_plan){.state = CONTROL_DRAWN});
    directory.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory.descriptor >= 0);
    assert_int_equal(control_read(&directory, &finished, &failure), CONTROL_READ);
    assert_true(archive_prepare(&directory, &finished, &synced, &failure));
    assert_true(control_make(&next, &failure));
    next.terms = finished.terms;
    next.terms_by = TERMS_BY_COMMAND;
    next.ipc_key = finished.ipc_key;
    next.ring_bytes = finished.ring_bytes;
    (void)snprintf(next.terms.draw, sizeof next.terms.draw, "w2");
    (void)snprintf(next.archiving, sizeof next.archiving, "%s", finished.terms.draw);
    assert_true(control_write(&directory, &next, &synced, &failure));
    assert_int_equal(close(directory.descriptor), 0);
    return path;
}

static void expect_both_draws(struct stage *stage, const char *directory)
{
    const char *text = program_log(check(stage, directory, STATUS_WELL));
    assert_has(text, "current draw w2: new; bets 0, ");
    assert_has(text, "archived draw 2026-W48: drawn; bets 8, ");
}

static void a_backup_between_two_draws_is_completed_by_a_start(void **state)
{
    struct stage *stage = *state;
    const char *half = make_half_archived(stage);
    const char *copy = stage_path(stage, "copy");
    assert_has(program_log(check(stage, half, STATUS_WELL)),
               "note: the files of draw 2026-W48 are on their way to draws/2026-W48");
    expect_both_draws(stage, half);
    (void)run_admin(stage, half, ARGUMENTS("backup", copy), STATUS_WELL);
    expect_both_draws(stage, copy);
    assert_true(files_exist(stage_text(stage, "%s/bets.csv", copy)));
    server_stop_well(server_start_with(stage, copy, NULL, NULL));
    expect_both_draws(stage, copy);
    assert_true(files_exist(stage_text(stage, "%s/draws/2026-W48/bets.csv", copy)));
}

static void a_backup_has_the_archives_and_refuses_a_damaged_one(void **state)
{
    struct stage *stage = *state;
    const char *directory = make_half_archived(stage);
    const char *copy = stage_path(stage, "copy");
    server_stop_well(server_start_with(stage, directory, NULL, NULL)); /* moves the files */
    struct program *json =
        run_admin(stage, directory, ARGUMENTS("backup", copy, "--json"), STATUS_WELL);
    expect_json(stage, json, "d['draw'] == 'w2' and d['archived_draws'] == 1");
    expect_both_draws(stage, copy);
    const char *seal = stage_text(stage, "%s/draws/2026-W48/seal.json", directory);
    files_write(seal, "{}");
    assert_has(program_log(check(stage, directory, STATUS_NOT_WELL)), "seal.json was changed");
    const char *other = stage_path(stage, "other");
    struct program *refused =
        run_admin(stage, directory, ARGUMENTS("backup", other), STATUS_NOT_WELL);
    assert_has(program_errors(refused), "seal.json was changed");
    assert_has(program_errors(refused), directory);
    assert_false(files_exist(other));
    assert_false(files_exist(stage_text(stage, "%s.unfinished", other)));
}

/* The files are moved away while they are copied. */
static void a_backup_while_draws_are_opened_holds_together(void **state)
{
    enum { DRAWS = 6 };
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=5"));
    const char *data = stage_text(stage, "DATA_DIRECTORY=%s", server->directory);
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct program_end end;
        const char *copy = stage_path(stage, "copy-%" PRIu32, i);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, bets_batch(stage, 1, 0, 100), "server:0\r\n");
        peer_close(peer);
        struct program *backup = program_start(
            stage, &(struct program_plan){.name = "lottery-admin",
                                          .arguments = ARGUMENTS("backup", copy, "--json"),
                                          .environment = ENVIRONMENT(data)});
        (void)run_admin(
            stage, server->directory,
            ARGUMENTS("open", stage_text(stage, "w%" PRIu32, i), "--abandon", "--agencies", "1-5"),
            STATUS_WELL);
        end = program_await_end(backup);
        if (end.status != 0) {
            program_show(backup);
        }
        assert_int_equal(end.status, 0);
        expect_json(
            stage, backup,
            stage_text(stage, "d['archived_draws'] in (%" PRIu32 ", %" PRIu32 ")", i, i + 1));
        (void)check(stage, copy, STATUS_WELL);
        files_remove_tree(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_running_server_tells_who_is_missing),
        STAGE_TEST(the_files_of_a_stopped_one_tell_the_same),
        STAGE_TEST(where_any_agency_may_come_the_missing_ones_are_counted),
        STAGE_TEST(all_draws_are_listed_and_each_is_shown),
        STAGE_TEST(a_sealed_draw_is_shown_with_its_seal),
        STAGE_TEST(checking_changes_nothing_and_needs_no_right_to_write),
        STAGE_TEST(a_server_at_work_is_checked_and_says_so),
        STAGE_TEST(damage_is_told_and_a_start_refuses_it_too),
        STAGE_TEST(a_directory_of_version_1_is_understood),
        STAGE_TEST(a_backup_between_two_draws_is_completed_by_a_start),
        STAGE_TEST(a_backup_has_the_archives_and_refuses_a_damaged_one),
        STAGE_TEST(a_backup_while_draws_are_opened_holds_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
