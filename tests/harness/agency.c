/*
 * agency.c - see agency.h.
 */
#include "tests/harness/agency.h"

const char *agency_winners_file(struct stage *stage, uint32_t id)
{
    return stage_path(stage, "winners-%u.csv", id);
}

const char *agency_bets_file(struct stage *stage, uint32_t id)
{
    return stage_path(stage, "agency-%u.csv", id);
}

struct program *agency_start(const struct server *server, uint32_t id, const char *bets_path,
                             const char *const *environment)
{
    struct stage *stage = server->stage;
    const struct program_plan plan = {
        .name = "lottery-agency",
        .environment = environment,
        .more_environment =
            ENVIRONMENT(stage_text(stage, "CLI_ID=%u", id),
                        stage_text(stage, "CLI_SERVER_ADDRESS=127.0.0.1:%u", server->port),
                        stage_text(stage, "CLI_BETS_FILE=%s", bets_path),
                        stage_text(stage, "CLI_WINNERS_FILE=%s", agency_winners_file(stage, id)),
                        "CLI_LOOP_PERIOD=100ms", "CLI_LOOP_LAPSE=10s",
                        /* a handler that is killed again and again is no old server */
                        "CLI_RESUME=required"),
    };
    return program_start(stage, &plan);
}

void agency_expect_success_at(struct program *agency, const char *file, int line)
{
    struct program_end end = program_await_end(agency);
    if (end.status != 0) {
        program_show(agency);
        stage_fail_at(file, line, "the agency ended with %d", end.status);
    }
}

void agency_generate(struct stage *stage, uint32_t agencies, uint64_t bets)
{
    const struct program_plan plan = {
        .name = "lottery-generate",
        .arguments = ARGUMENTS("-d", stage->directory, "-a", stage_text(stage, "%u", agencies),
                               "-n", stage_text(stage, "%llu", (unsigned long long)bets)),
    };
    struct program_end end;
    struct program *generate = program_run(stage, &plan, &end);
    if (end.status != 0) {
        program_show(generate);
        stage_fail_at(__FILE__, __LINE__, "lottery-generate ended with %d", end.status);
    }
}
