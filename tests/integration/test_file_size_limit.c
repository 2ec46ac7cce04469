/*
 * test_file_size_limit.c - under `ulimit -f` no program ends without a word, half a file or
 * shared memory left behind.
 */
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h> /* after what it needs */

#define REASON "File too large (raise the limit of file sizes: ulimit -f)"

enum { MIB = 1024 * 1024, ROWS = 4000 };

/* What is started from here on may write files of so many bytes; RLIM_INFINITY: as before. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_server_whose_segment_is_too_large_says_so_and_leaves_nothing(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    limit_files((rlim_t)4 * MIB);
    struct program *server = server_start_in_vain(stage, NULL, NULL, NULL, &end);
    limit_files(RLIM_INFINITY);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(server), "shared memory"));
    assert_non_null(strstr(program_errors(server), REASON));
    stage_expect_nothing_left(stage);
}

static void a_server_whose_bets_grow_too_large_says_so_and_keeps_what_it_acknowledged(void **state)
{
    struct stage *stage = *state;
    limit_files(MIB);
    struct server *server = server_start(
        stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "RING_BYTES=256k", "LIMITS_MESSAGE_BYTES=8k",
                           "LIMITS_MAX_CONNECTIONS=16", "LIMITS_AGENCIES=16"));
    limit_files(RLIM_INFINITY);
    agency_generate(stage, 1, 60000);
    struct program *agency =
        agency_start(server, 1, agency_bets_file(stage, 1),
                     ENVIRONMENT("CLI_LOOP_LAPSE=1s", "CLI_BATCH_MAXAMOUNT=50"));
    assert_int_equal(program_await_end(server->program).status, 1);
    assert_int_not_equal(server_count_log(server, "CRITICAL*action: store*bets.csv*" REASON), 0);
    stage_expect_nothing_left(stage);
    assert_int_equal(program_await_end(agency).status, PROGRAM_EXIT_UNREACHABLE);
    server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    agency_expect_success(agency_start(server, 1, agency_bets_file(stage, 1), NULL));
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
}

/* ROWS bets on the winning number. */
static const char *write_winners(struct stage *stage)
{
    static const char format[] = "Ana María,de la Quintana y Otero,%u,1980-01-31,7574\n";
    char *rows = stage_allocate(stage, ROWS * (sizeof format + 10));
    char *at = rows;
    for (unsigned i = 0; i < ROWS; i++) {
        at += sprintf(at, format, 10000000 + i);
    }
    const char *path = stage_path(stage, "winning.csv");
    files_write(path, rows);
    return path;
}

static void an_agency_whose_winners_are_too_many_says_so_and_leaves_no_half_file(void **state)
{
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    const char *bets = write_winners(stage);
    limit_files((rlim_t)ROWS * 20);
    struct program *agency = agency_start(server, 1, bets, NULL);
    limit_files(RLIM_INFINITY);
    struct program_end end = program_await_end(agency);
    const char *partial = stage_text(stage, "%s.partial", agency_winners_file(stage, 1));
    assert_int_equal(end.status, 1);
    assert_int_equal(program_count_log(agency, "ERROR*" REASON), 1);
    assert_false(files_exist(partial));
    assert_false(files_exist(agency_winners_file(stage, 1)));
}

static void a_generator_whose_files_are_too_large_says_so(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const struct program_plan plan = {
        .name = "lottery-generate", .arguments = ARGUMENTS("-n", "100000", "-d", stage->directory)};
    limit_files((rlim_t)MIB / 2);
    struct program *generate = program_run(stage, &plan, &end);
    limit_files(RLIM_INFINITY);
    assert_int_equal(end.status, 1);
    assert_non_null(strstr(program_errors(generate), REASON));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_server_whose_segment_is_too_large_says_so_and_leaves_nothing),
        STAGE_TEST(a_server_whose_bets_grow_too_large_says_so_and_keeps_what_it_acknowledged),
        STAGE_TEST(an_agency_whose_winners_are_too_many_says_so_and_leaves_no_half_file),
        STAGE_TEST(a_generator_whose_files_are_too_large_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
