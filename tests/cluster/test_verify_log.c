/*
 * test_verify_log.c - two centres sell and hold one draw: what the engine has of it, exported, beside
 * their directories.
 */
#include "tests/harness/agency.h"
#include "tests/harness/cluster.h"
#include "tests/harness/files.h"
#include "tests/harness/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { CENTRES = 2, BETS = 4000 };

static const char *const names[CENTRES] = {"A", "B"};

static struct server *start_centre(struct cluster *cluster, int centre)
{
    struct stage *stage = cluster->stage;
    return server_start_with(
        stage, stage_path(stage, "centre-%s", names[centre]), NULL,
        ENVIRONMENT(stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers),
                    stage_text(stage, "REPLICATION_CENTRE=%s", names[centre]),
                    "REPLICATION_REPLICAS=1", "CENTRES_EXPECTED=A,B", "NUMBER_OF_AGENCIES=1",
                    stage_text(stage, "AGENCIES_ALLOWED=%d", centre + 1), "ACK_AFTER=replicated"));
}

/* What the feed prints of a stream, in a file. */
static const char *export_stream(struct cluster *cluster, const char *name,
                                 const char *const *arguments)
{
    struct stage *stage = cluster->stage;
    struct program_end end;
    const struct program_plan plan = {
        .name = "lottery-feed",
        .arguments = arguments,
        .environment = ENVIRONMENT(stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers))};
    struct program *feed = program_run(stage, &plan, &end);
    if (end.status != 0) {
        program_show(feed);
        fail_msg("the feed ended with %d", end.status);
    }
    const char *path = stage_path(stage, "%s.jsonl", name);
    files_write(path, program_log(feed));
    return path;
}

/* Holds the exports against both directories; returns what was said. */
static const char *verify(struct stage *stage, const char *const *arguments, int status)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-verify", .arguments = arguments};
    struct program *verifier = program_run(stage, &plan, &end);
    if (end.status != status) {
        program_show(verifier);
        fail_msg("lottery-verify ended with %d", end.status);
    }
    return program_log(verifier);
}

static void expect_said(const char *output, const char *text)
{
    if (strstr(output, text) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", text, output);
    }
}

static void what_the_engine_has_of_a_common_draw_is_what_the_centres_have(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct server *servers[CENTRES];
    struct program *agencies[CENTRES];
    agency_generate(stage, CENTRES, BETS);
    for (int i = 0; i < CENTRES; i++) {
        uint32_t id = (uint32_t)i + 1;
        servers[i] = start_centre(cluster, i);
        agencies[i] = agency_start(servers[i], id, agency_bets_file(stage, id), NULL);
    }
    for (int i = 0; i < CENTRES; i++) {
        agency_expect_success(agencies[i]);
    }
    for (int i = 0; i < CENTRES; i++) {
        server_stop_well(servers[i]);
    }
    const char *a = export_stream(cluster, "A", ARGUMENTS("--export", "--centre", "A"));
    const char *b = export_stream(cluster, "B", ARGUMENTS("--export", "--centre", "B"));
    const char *draws = export_stream(cluster, "draws", ARGUMENTS("--export", "--draws"));
    const char *const *all = ARGUMENTS("--log", a, "--log", draws, "--log", b,
                                       servers[0]->directory, servers[1]->directory);
    const char *output = verify(stage, all, 0);
    expect_said(output, "draw 1: the log agrees\nok      control ");
    expect_said(output, "national        centre A of 2: number 7574, ");
    expect_said(output, "national        centre B of 2: number 7574, ");
    expect_said(output, " of 4000 bets\n");
    expect_said(verify(stage, ARGUMENTS("--json", "--log", a, servers[0]->directory), 0),
                "\"log\":[{");
    char *bets = files_read(stage, server_file(servers[1], "bets.csv"), NULL);
    bets[strlen(bets) - 3]++;
    files_write(server_file(servers[1], "bets.csv"), bets);
    output = verify(stage, all, 1);
    expect_said(output, "draw 1: the log agrees\n");
    expect_said(output, "FAIL    log-bets        bets.csv differs from the log from byte ");
    (void)verify(stage, ARGUMENTS("--log", a), 2);
    (void)verify(stage,
                 ARGUMENTS("--log", server_file(servers[0], "bets.csv"), servers[0]->directory), 3);
    stage_expect_nothing_left(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(what_the_engine_has_of_a_common_draw_is_what_the_centres_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
