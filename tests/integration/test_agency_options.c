/*
 * test_agency_options.c - an agency that is told everything by its command line, and how it ends.
 */
#include "lib/program.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static const char good_rows[] = "Ana,Paz,11111111,1980-01-31,7574\n"
                                "Eva,Paz,22222222,1981-02-28,1\n";

static struct program *run_agency(struct stage *stage, const char *const *arguments, int status)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-agency", .arguments = arguments};
    struct program *program = program_run(stage, &plan, &end);
    if (end.status != status) {
        program_show(program);
    }
    assert_int_equal(end.status, status);
    return program;
}

static const char *address_of(const struct server *server)
{
    return stage_text(server->stage, "127.0.0.1:%u", server->port);
}

static void options_alone_are_enough(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    const char *bets = stage_path(stage, "bets.csv");
    const char *winners = stage_path(stage, "winners.csv");
    files_write(bets, good_rows);
    (void)run_agency(stage,
                     ARGUMENTS("--id", "1", "--server", address_of(server), "--bets", bets,
                               "--winners", winners, "--wait", "10m"),
                     EXIT_SUCCESS);
    assert_string_equal(files_read(stage, winners, NULL), "Ana,Paz,11111111,1980-01-31,7574\n");
}

static void options_win_over_environment_and_file(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    files_write(stage_path(stage, "config.yaml"), "id: 7\nloop: {lapse: 1s}\n");
    const struct program_plan plan = {
        .name = "lottery-agency",
        .arguments = ARGUMENTS("-T", "--id", "8", "--id", "9", "--server", "there:1"),
        .environment = ENVIRONMENT("CLI_ID=6", "SERVER_HOST=elsewhere", "CLI_BETS_FILE=b.csv")};
    struct program *program = program_run(stage, &plan, &end);
    assert_int_equal(end.status, 0);
    assert_int_equal(program_count_log(program, "id  *9  *--id"), 1);
    assert_int_equal(program_count_log(program, "server.address  *there:1  *--server"), 1);
    assert_int_equal(program_count_log(program, "loop.lapse  *1s  *config.yaml:2"), 1);
    assert_int_equal(program_count_log(program, "bets.file  *b.csv  *CLI_BETS_FILE"), 1);
}

static void what_is_wrong_with_options_is_told_all_at_once(void **state)
{
    struct program *program =
        run_agency(*state, ARGUMENTS("-t", "--id", "x", "--server", "nowhere", "--wait", "5"),
                   PROGRAM_EXIT_CONFIG);
    assert_non_null(strstr(program_errors(program), "--id: \"x\" is not a whole number"));
    assert_non_null(strstr(program_errors(program), "--server: \"nowhere\" is not host:port"));
    assert_non_null(strstr(program_errors(program), "--wait: \"5\" is not a duration"));
}

static void each_end_has_its_own_status(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("AGENCIES_ALLOWED=1-2"));
    const char *address = address_of(server);
    const char *good = stage_path(stage, "good.csv");
    const char *bad = stage_path(stage, "bad.csv");
    files_write(good, good_rows);
    files_write(bad, "Ana,Paz,11111111,1980-02-31,1\n");
    (void)run_agency(stage, ARGUMENTS("--id", "1", "--server", address, "--bets", bad),
                     PROGRAM_EXIT_DATA);
    (void)run_agency(stage, ARGUMENTS("--id", "1", "--server", address, "--bets", "none.csv"),
                     PROGRAM_EXIT_DATA);
    (void)run_agency(stage, ARGUMENTS("--id", "3", "--server", address, "--bets", good),
                     PROGRAM_EXIT_REFUSED);
    const struct program_plan plan = {
        .name = "lottery-agency",
        .arguments = ARGUMENTS("--id", "1", "--server", address, "--bets", good)};
    struct program *waiting = program_start(stage, &plan);
    (void)program_await_log(waiting, 1, "action: apuesta_enviada | result: success*");
    assert_int_equal(program_stop(waiting, SIGTERM).status, PROGRAM_EXIT_STOPPED);
    assert_int_equal(program_count_log(waiting, "action: agency_exit | result: success"), 1);
    const struct program_plan of_docker = {.name = "lottery-agency",
                                           .arguments = plan.arguments,
                                           .environment = ENVIRONMENT("CLI_EXIT_STOPPED=0")};
    waiting = program_start(stage, &of_docker);
    (void)program_await_log(waiting, 1, "action: reanudar | result: success*");
    assert_int_equal(program_stop(waiting, SIGTERM).status, EXIT_SUCCESS);
    server_stop_well(server);
    (void)run_agency(stage,
                     ARGUMENTS("--id", "1", "--server", address, "--bets", good, "--wait", "300ms"),
                     PROGRAM_EXIT_UNREACHABLE);
}

static void a_check_lists_every_bad_row_and_asks_nobody(void **state)
{
    struct stage *stage = *state;
    files_write(stage_path(stage, "bets.csv"), "Ana,Paz,11111111,1980-01-31,7574\r\n"
                                               "Ana,Paz,11111111,1980-02-31,1\n"
                                               "Ana,Paz\n");
    struct program *program =
        run_agency(stage, ARGUMENTS("--check", "bets.csv"), PROGRAM_EXIT_DATA);
    assert_string_equal(program_log(program),
                        "bets.csv:2: the birthdate is not a date YYYY-MM-DD: "
                        "\"Ana,Paz,11111111,1980-02-31,1\"\n"
                        "bets.csv:3: not five fields: \"Ana,Paz\"\n"
                        "bets.csv: 3 rows, 2 bad; 1 end in CRLF, which is as good as LF\n");
    files_write(stage_path(stage, "bets.csv"), good_rows);
    program = run_agency(stage, ARGUMENTS("--check", "bets.csv"), EXIT_SUCCESS);
    assert_string_equal(program_log(program), "bets.csv: 2 rows, 0 bad\n");
    program = run_agency(stage, ARGUMENTS("--check", "none.csv"), PROGRAM_EXIT_DATA);
    assert_non_null(strstr(program_errors(program), "none.csv: No such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(options_alone_are_enough),
        STAGE_TEST(options_win_over_environment_and_file),
        STAGE_TEST(what_is_wrong_with_options_is_told_all_at_once),
        STAGE_TEST(each_end_has_its_own_status),
        STAGE_TEST(a_check_lists_every_bad_row_and_asks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
