/*
 * test_chaos.c - random kills of everything, until enough have been survived.
 *
 *     make chaos [SEED=...] [KILLS=2000] [SECONDS=...] [ROUND=...]
 *
 * A round is a fresh lottery: real agencies, that resume, send generated files
 * while chaos_plan.h decides who dies. An agency that is killed is run again; a
 * server that is killed is started again. The round ends when every agency has
 * got its winners. Then each bet has to be stored exactly once and in order,
 * and the winners have to be those that an independent reckoning finds.
 *
 * Goes on until KILLS kills, or SECONDS seconds (0: no limit), and ends its
 * round. ROUND does only that one round. A failed round is had again by the
 * SEED and ROUND that are printed when it begins. V=1 tells which servers died how.
 */
#include "tests/faults/chaos_plan.h"
#include "tests/harness/agency.h"
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    HANDLERS_MAX = 64,
    ROUND_MS = 60000, /* a round that takes longer hangs */
    US_PER_SECOND = 1000000,
    MS_PER_SECOND = 1000,
    NS_PER_US = 1000,
    SEED_DEFAULT = 7574,
    SECONDS_DEFAULT = 8
};

struct contestant {
    struct program *program;
    uint32_t id;
    bool killed, finished;
};

struct round {
    struct stage *stage;
    struct chaos_plan plan;
    struct lottery *lottery;
    struct contestant agencies[CHAOS_AGENCIES_MAX];
    uint32_t lives, kills;
    bool armed;
    pid_t stopped;       /* 0: nobody */
    pid_t killed_storer; /* the latest one; 0: none */
    struct deadline deadline;
};

/* The whole run. */
struct chaos {
    struct stage *stage; /* of the round */
    uint64_t seed, kills_wanted, seconds;
    struct deadline end;
    unsigned long kills[CHAOS_KINDS];
    unsigned long rounds, bets, servers, refused_starts;
};

static unsigned long sum_of_kills(const struct chaos *chaos)
{
    unsigned long sum = 0;
    for (int i = 0; i < CHAOS_KINDS; i++) {
        sum += i == CHAOS_STOP ? 0 : chaos->kills[i];
    }
    return sum;
}

static bool is_enough(const struct chaos *chaos)
{
    return (chaos->kills_wanted > 0 && sum_of_kills(chaos) >= chaos->kills_wanted) ||
           (chaos->seconds > 0 && deadline_left_ms(chaos->end) == 0);
}

static void count_kill(struct chaos *chaos, struct round *round, enum chaos_kind kind)
{
    chaos->kills[kind]++;
    round->kills++;
}

/* -------------------------------------------------------------- starting ---- */

static void start_server(struct chaos *chaos, struct round *round)
{
    char fault[CHAOS_FAULT_BYTES];
    chaos_choose_fault(&round->plan, round->lives++, fault);
    bool still_armed = round->armed && unlink(round->lottery->token) == 0;
    lottery_start(round->lottery, fault[0] == '\0' ? NULL : fault); /* its recovery has to live */
    if (still_armed) {
        lottery_arm(round->lottery);
    }
    chaos->servers++;
}

static void start_agency(struct round *round, struct contestant *agency)
{
    struct stage *stage = round->stage;
    const char *path = agency_bets_file(stage, agency->id);
    agency->killed = false;
    agency->program =
        agency_start(round->lottery->server, agency->id, path,
                     ENVIRONMENT(stage_text(stage, "CLI_BATCH_MAXAMOUNT=%u", round->plan.batch),
                                 stage_text(stage, "CLI_BATCH_INFLIGHT=%u", round->plan.in_flight),
                                 "CLI_LOOP_PERIOD=50ms", "CLI_LOOP_LAPSE=40s"));
}

static void generate(struct round *round)
{
    struct stage *stage = round->stage;
    const struct program_plan plan = {
        .name = "lottery-generate",
        .arguments =
            ARGUMENTS("-d", stage->directory, "-a", stage_text(stage, "%u", round->plan.agencies),
                      "-n", stage_text(stage, "%u", round->plan.bets), "-s",
                      stage_text(stage, "%u", round->plan.bets_seed)),
    };
    struct program_end end;
    (void)program_run(stage, &plan, &end);
    assert_int_equal(end.status, 0);
}

static void open_round(struct chaos *chaos, struct round *round)
{
    struct stage *stage = round->stage;
    const char **settings = stage_allocate(stage, LOTTERY_SETTINGS_MAX * sizeof *settings);
    size_t used = 0;
    settings[used++] = stage_text(stage, "NUMBER_OF_AGENCIES=%u", round->plan.agencies);
    settings[used++] = stage_text(stage, "RING_BYTES=%uk", round->plan.ring_kib);
    settings[used++] = "LIMITS_MESSAGE_BYTES=16k";
    settings[used++] = "LIMITS_MAX_CONNECTIONS=64";
    settings[used++] = "WINNERS_WAIT=300ms";
    settings[used++] = round->plan.ack_after_written ? "ACK_AFTER=written" : "ACK_AFTER=synced";
    generate(round);
    round->lottery = lottery_open(stage, settings);
    start_server(chaos, round);
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        round->agencies[i].id = i + 1;
        start_agency(round, &round->agencies[i]);
    }
    round->deadline = deadline_in(ROUND_MS);
}

/* -------------------------------------------------------------- killing ---- */

static bool send_signal(pid_t pid, int signal_number)
{
    return pid > 0 && kill(pid, signal_number) == 0;
}

static pid_t pick_handler(const struct round *round, uint32_t pick)
{
    pid_t pids[HANDLERS_MAX];
    size_t count = lottery_handlers(round->lottery, pids, HANDLERS_MAX);
    return count == 0 ? 0 : pids[pick % count];
}

static bool kill_agency(struct round *round, uint32_t pick)
{
    struct contestant *agency = &round->agencies[pick % round->plan.agencies];
    if (agency->finished || agency->killed || program_has_ended(agency->program)) {
        return false;
    }
    agency->killed = true;
    return send_signal(agency->program->pid, SIGKILL);
}

static bool kill_server(struct chaos *chaos, struct round *round, const struct chaos_step *step)
{
    if (getenv("V") != NULL) { /* as for the other tests: say more */
        (void)printf("  server %u: %s\n", round->lives, chaos_kind_name(step->kind));
        (void)fflush(stdout);
    }
    if (step->kind == CHAOS_SUPERVISOR_AND_STORER) {
        (void)send_signal(lottery_storer(round->lottery), SIGKILL);
    }
    if (step->kind == CHAOS_SUPERVISOR || step->kind == CHAOS_SUPERVISOR_AND_STORER) {
        server_kill_supervisor(round->lottery->server);
        lottery_reap_orphans();
    } else {
        server_kill_everything(round->lottery->server);
    }
    if (step->kind == CHAOS_STARTING) {
        enum { STARTING_US = 12000 };
        const struct timespec while_it_starts = {.tv_nsec =
                                                     (long)(step->pick % STARTING_US) * NS_PER_US};
        struct program *starting = lottery_start_only(round->lottery, NULL);
        (void)nanosleep(&while_it_starts, NULL);
        (void)program_stop(starting, SIGKILL);
    }
    start_server(chaos, round);
    return true;
}

/* Counts a fault that has struck since the last step, and arms the next one. */
static void arm_fault(struct round *round)
{
    if (round->plan.fault_points && !round->armed) {
        lottery_arm(round->lottery);
        round->armed = true;
    }
}

static bool stop_somebody(struct round *round, uint32_t pick)
{
    pid_t storer = lottery_storer(round->lottery);
    round->stopped = pick % 4 == 0 ? storer : pick_handler(round, pick);
    return send_signal(round->stopped, SIGSTOP);
}

static void wake_stopped(struct round *round)
{
    (void)send_signal(round->stopped, SIGCONT);
    round->stopped = 0;
}

/* True when somebody was hit. */
static bool take_step(struct chaos *chaos, struct round *round, const struct chaos_step *step)
{
    switch (step->kind) {
    case CHAOS_HANDLER:
        return send_signal(pick_handler(round, step->pick), SIGKILL);
    case CHAOS_STORER:
        round->killed_storer = lottery_storer(round->lottery);
        return send_signal(round->killed_storer, SIGKILL);
    case CHAOS_AGENCY:
        return kill_agency(round, step->pick);
    case CHAOS_FAULT_POINT:
        arm_fault(round);
        return false;
    case CHAOS_STOP:
        chaos->kills[CHAOS_STOP] += stop_somebody(round, step->pick);
        return false;
    case CHAOS_SUPERVISOR:
    case CHAOS_SUPERVISOR_AND_STORER:
    case CHAOS_EVERYTHING:
    case CHAOS_STARTING:
        return kill_server(chaos, round, step);
    case CHAOS_KINDS:
        break;
    }
    return false;
}

/* ------------------------------------------------------------ looking on ---- */

/* What all of the round's programs have complained about. */
static void show_complaints(const struct stage *stage)
{
    DIR *directory = opendir(stage->directory);
    const struct dirent *entry = NULL;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        size_t bytes = 0;
        char path[STAGE_PATH_BYTES + sizeof entry->d_name];
        (void)snprintf(path, sizeof path, "%s/%s", stage->directory, entry->d_name);
        char *text = strstr(path, ".log") == NULL ? NULL : files_load(path, &bytes);
        char *rest = NULL;
        for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL;
             line = strtok_r(NULL, "\n", &rest)) {
            if (strstr(line, " INFO ") == NULL) {
                (void)fprintf(stderr, "%s: %s\n", entry->d_name, line);
            }
        }
        free(text);
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
}

static void fail_round(const struct round *round, struct program *program, const char *what)
{
    show_complaints(round->stage);
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        if (!round->agencies[i].finished && round->agencies[i].program != program) {
            program_show(round->agencies[i].program);
        }
    }
    program_show(program);
    program_show(round->lottery->server->program);
    stage_fail_at(__FILE__, __LINE__, "%s", what);
}

static void note_end(struct chaos *chaos, struct round *round, struct contestant *agency)
{
    int status = agency->program->status;
    if (WIFSIGNALED(status) && agency->killed) {
        count_kill(chaos, round, CHAOS_AGENCY);
        start_agency(round, agency);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        agency->finished = true;
    } else {
        fail_round(round, agency->program, "an agency failed");
    }
}

/* Starts killed agencies again. Returns how many have not got their winners yet. */
static uint32_t look_after_agencies(struct chaos *chaos, struct round *round)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        struct contestant *agency = &round->agencies[i];
        if (!agency->finished && program_has_ended(agency->program)) {
            note_end(chaos, round, agency);
        }
        left += !agency->finished;
    }
    return left;
}

static void look_after_server(struct chaos *chaos, struct round *round)
{
    lottery_reap_orphans();
    if (round->armed && lottery_fault_struck(round->lottery)) {
        round->armed = false;
        count_kill(chaos, round, CHAOS_FAULT_POINT);
    }
    if (program_has_ended(round->lottery->server->program)) {
        fail_round(round, round->lottery->server->program, "the server ended by itself");
    }
}

static void let_time_go_by(uint32_t us)
{
    const struct timespec pause = {.tv_sec = us / US_PER_SECOND,
                                   .tv_nsec = (long)(us % US_PER_SECOND) * NS_PER_US};
    (void)nanosleep(&pause, NULL);
}

static void fight(struct chaos *chaos, struct round *round)
{
    while (look_after_agencies(chaos, round) > 0) {
        struct chaos_step step = chaos_next_step(&round->plan);
        let_time_go_by(step.pause_us);
        wake_stopped(round);
        look_after_server(chaos, round);
        bool in_peace = round->kills >= round->plan.kills || is_enough(chaos);
        if (!in_peace && take_step(chaos, round, &step) && step.kind != CHAOS_AGENCY) {
            count_kill(chaos, round, step.kind);
        }
        if (deadline_left_ms(round->deadline) == 0) {
            fail_round(round, round->lottery->server->program, "the round does not end");
        }
    }
    wake_stopped(round);
}

/* On a busy machine a killed process may live on for a while: the server is to have seen its end. */
static void await_last_kill(const struct round *round)
{
    const struct shared_storer *storer = &round->lottery->segment.shared->storer;
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (round->killed_storer != 0 && atomic_load(&storer->pid) == round->killed_storer &&
           deadline_pause(deadline)) {
    }
}

static void judge(struct round *round)
{
    await_last_kill(round);
    struct lottery_agency agencies[CHAOS_AGENCIES_MAX];
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        uint32_t id = i + 1;
        agencies[i] = (struct lottery_agency){.id = id,
                                              .bets = agency_bets_file(round->stage, id),
                                              .winners = agency_winners_file(round->stage, id)};
    }
    lottery_expect_exactly_once(round->lottery, agencies, round->plan.agencies);
    lottery_close(round->lottery);
}

/* ------------------------------------------------------------------- run ---- */

static void run_round(struct chaos *chaos, uint32_t number)
{
    struct round *round = stage_allocate(chaos->stage, sizeof *round);
    round->stage = chaos->stage;
    round->plan = chaos_plan_round(chaos->seed, number);
    const struct chaos_plan *plan = &round->plan;
    (void)printf("SEED=%llu ROUND=%u: %u agencies, %u bets by %u, %u in flight, ring %u KiB, "
                 "%u kills%s%s\n",
                 (unsigned long long)chaos->seed, number, plan->agencies, plan->bets, plan->batch,
                 plan->in_flight, plan->ring_kib, plan->kills,
                 plan->fault_points ? ", fault points" : "",
                 plan->ack_after_written ? ", ACK after written" : "");
    (void)fflush(stdout);
    open_round(chaos, round);
    fight(chaos, round);
    judge(round);
    chaos->rounds++;
    chaos->bets += plan->bets;
    chaos->refused_starts += round->lottery->refused_starts;
}

static int64_t read_number(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? otherwise : strtoll(text, NULL, 0);
}

static void print_summary(const struct chaos *chaos)
{
    (void)printf("chaos: SEED=%llu: %lu kills survived", (unsigned long long)chaos->seed,
                 sum_of_kills(chaos));
    for (int i = 0; i < CHAOS_KINDS; i++) {
        (void)printf("%s %lu %s",
                     i == 0            ? " ("
                     : i == CHAOS_STOP ? "); and"
                                       : ",",
                     chaos->kills[i], chaos_kind_name((enum chaos_kind)i));
    }
    (void)printf("; %lu rounds, %lu servers (%lu had to be started again: orphans), %lu bets, none "
                 "lost, none doubled\n",
                 chaos->rounds, chaos->servers, chaos->refused_starts, chaos->bets);
    (void)fflush(stdout);
}

/* A round's programs and files go when it is over: a run may have hundreds. */
static void change_stage(struct chaos *chaos)
{
    void *stage = chaos->stage;
    assert_int_equal(stage_tear_down(&stage), 0);
    assert_int_equal(stage_set_up(&stage), 0);
    chaos->stage = stage;
}

static void no_bet_is_lost_or_doubled_whoever_dies(void **state)
{
    struct chaos *chaos = *state;
    int64_t round = read_number("ROUND", -1);
    if (round >= 0) {
        run_round(chaos, (uint32_t)round);
    }
    for (uint32_t number = 0; round < 0 && !is_enough(chaos); number++) {
        run_round(chaos, number);
        change_stage(chaos);
    }
    print_summary(chaos);
}

static int set_up(void **state)
{
    static struct chaos chaos;
    void *stage = NULL;
    chaos.seed = (uint64_t)read_number("SEED", SEED_DEFAULT);
    chaos.kills_wanted = (uint64_t)read_number("KILLS", 0);
    chaos.seconds = (uint64_t)read_number("SECONDS", chaos.kills_wanted == 0 ? SECONDS_DEFAULT : 0);
    chaos.end.at_ms = deadline_clock_ms() + (int64_t)chaos.seconds * MS_PER_SECOND;
    int result = stage_set_up(&stage);
    chaos.stage = stage;
    *state = &chaos;
    return result;
}

static int tear_down(void **state)
{
    struct chaos *chaos = *state;
    void *stage = chaos->stage;
    return stage_tear_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_bet_is_lost_or_doubled_whoever_dies, set_up, tear_down)};
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
