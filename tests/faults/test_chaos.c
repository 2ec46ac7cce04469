/*
 * test_chaos.c - random kills of everything, until enough have been survived.
 *
 *     make chaos [SEED=...] [KILLS=2000] [SECONDS=...] [ROUND=...] [TLS=1]
 *
 * A round is a fresh lottery: real agencies, that resume, send generated files
 * while chaos_plan.h decides who dies. An agency that is killed is run again; a
 * server that is killed is started again. The round ends when every agency has
 * got its winners. Then each bet has to be stored exactly once and in order,
 * and the winners have to be those that an independent reckoning finds.
 *
 * A third of the rounds hold several draws in the same directory, led by
 * chaos_operator.h: agencies come late or never, sales are closed without them,
 * a draw is abandoned in the middle of betting, the next one is opened while
 * agencies still ask for their winners. An agency whose draw is over without
 * all of its bets says so, and ends. chaos_judge.h judges a draw when it was
 * drawn, and all of them at the end of the round.
 *
 * Goes on until KILLS kills, or SECONDS seconds (0: no limit), and ends its
 * round. ROUND does only that one round. A failed round is had again by the
 * SEED and ROUND that are printed when it begins. V=1 tells which servers died how.
 *
 * With TLS=1 all of it goes by TLS, each agency with a certificate of its own; of the handlers that
 * are to be killed, a quarter are spared, and the keyholder is killed in their place.
 */
#include "tests/faults/chaos_judge.h"
#include "tests/faults/chaos_operator.h"
#include "tests/faults/chaos_plan.h"
#include "tests/harness/agency.h"
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/proc.h"
#include "tests/harness/reckoning.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    HANDLERS_MAX = 64,
    DRAW_MS = 60000, /* a round that takes longer for each of its draws hangs */
    US_PER_SECOND = 1000000,
    MS_PER_SECOND = 1000,
    NS_PER_US = 1000,
    SEED_DEFAULT = 1184, /* a large lottery, then three draws: by command, abandoned, by command */
    SECONDS_DEFAULT = 8,
    AGENCY_SETTINGS_MAX = 16
};

/* An agency of one draw. */
struct contestant {
    uint32_t draw, id;
    const char *bets, *winners; /* files */
    struct program *program;    /* its newest run; NULL: it has not come yet */
    uint64_t acknowledged;      /* as far as its runs have told */
    bool killed, finished;
    int status; /* once it has finished */
};

struct round {
    struct stage *stage;
    bool by_tls;
    struct chaos_plan plan;
    struct lottery *lottery;
    struct chaos_operator operator;
    struct contestant agencies[CHAOS_DRAWS_MAX][CHAOS_AGENCIES_MAX];
    uint32_t lives, kills, steps;
    uint32_t opened;                     /* draws */
    uint32_t opened_at[CHAOS_DRAWS_MAX]; /* steps */
    bool armed;
    bool struck;         /* the server that lives now has lost a process at a fault point */
    pid_t stopped;       /* 0: nobody */
    pid_t killed_storer; /* the latest one; 0: none */
    struct deadline deadline;
};

/* The whole run. */
struct chaos {
    struct stage *stage; /* of the round */
    uint64_t seed, kills_wanted, seconds;
    bool by_tls;
    unsigned long keyholders; /* of the kills of handlers, those of the keyholder */
    struct deadline end;
    unsigned long kills[CHAOS_KINDS];
    unsigned long rounds, bets;
    unsigned long draws[CHAOS_ENDINGS];
    unsigned long too_late; /* agencies whose draw was over without all of their bets */
    unsigned long commands; /* of operators */
    unsigned long servers, refused_starts, supervisors_at_points;
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
    round->struck = false;
    lottery_start(round->lottery, fault[0] == '\0' ? NULL : fault); /* its recovery has to live */
    if (still_armed) {
        lottery_arm(round->lottery);
    }
    chaos->servers++;
}

static bool has_several_draws(const struct round *round)
{
    return round->plan.draw_count > 1;
}

static const char *const *agency_settings(const struct round *round,
                                          const struct contestant *agency)
{
    struct stage *stage = round->stage;
    const char *draw = round->operator.records[agency->draw].name;
    const char **settings = stage_allocate(stage, AGENCY_SETTINGS_MAX * sizeof *settings);
    size_t used = 0;
    settings[used++] = stage_text(stage, "CLI_BATCH_MAXAMOUNT=%u", round->plan.batch);
    settings[used++] = stage_text(stage, "CLI_BATCH_INFLIGHT=%u", round->plan.in_flight);
    settings[used++] = stage_text(stage, "CLI_WINNERS_FILE=%s", agency->winners);
    settings[used++] = "CLI_LOOP_PERIOD=50ms";
    settings[used++] = "CLI_LOOP_LAPSE=40s";
    settings[used++] = has_several_draws(round) ? stage_text(stage, "CLI_LOTTERY_NAME=%s", draw)
                                                : "CLI_LOTTERY_NAME=";
    if (round->by_tls) {
        settings[used++] = "CLI_TLS_MODE=required";
        settings[used++] = "CLI_TLS_CA=pki/ca.pem";
        settings[used++] = stage_text(stage, "CLI_TLS_CERTIFICATE=pki/agency-%u.pem", agency->id);
        settings[used++] = stage_text(stage, "CLI_TLS_KEY=pki/agency-%u.key", agency->id);
    }
    return settings;
}

static void start_agency(struct round *round, struct contestant *agency)
{
    agency->killed = false;
    agency->program = agency_start(round->lottery->server, agency->id, agency->bets,
                                   agency_settings(round, agency));
}

static void make_certificates(const struct round *round, const char *const *words)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-admin", .arguments = words};
    (void)program_run(round->stage, &plan, &end);
    assert_int_equal(end.status, 0);
}

/* An authority in the stage's directory, in which all programs run. */
static void found_authority(const struct round *round)
{
    const char *words[CHAOS_AGENCIES_MAX + 3] = {"pki", "agency"};
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        words[i + 2] = stage_text(round->stage, "%u", i + 1);
    }
    make_certificates(round, ARGUMENTS("pki", "init", "127.0.0.1"));
    make_certificates(round, words);
}

/* Has the files of bets made, each draw's in a folder of its own. */
static void generate(const struct round *round, uint32_t draw)
{
    struct stage *stage = round->stage;
    const char *folder = stage_path(stage, "draw-%u", draw);
    const struct program_plan plan = {
        .name = "lottery-generate",
        .arguments = ARGUMENTS("-d", folder, "-a", stage_text(stage, "%u", round->plan.agencies),
                               "-n", stage_text(stage, "%u", round->plan.bets), "-s",
                               stage_text(stage, "%u", round->plan.draws[draw].bets_seed), "-w",
                               stage_text(stage, "%u", round->plan.draws[draw].number)),
    };
    struct program_end end;
    assert_int_equal(mkdir(folder, S_IRWXU), 0);
    (void)program_run(stage, &plan, &end);
    assert_int_equal(end.status, 0);
}

static void prepare_agencies(struct round *round, uint32_t draw)
{
    generate(round, draw);
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        round->agencies[draw][i] = (struct contestant){
            .draw = draw,
            .id = i + 1,
            .bets = stage_path(round->stage, "draw-%u/agency-%u.csv", draw, i + 1),
            .winners = stage_path(round->stage, "draw-%u/winners-%u.csv", draw, i + 1),
            .finished = round->plan.draws[draw].comes_after[i] == CHAOS_NEVER};
    }
}

static const char *const *compose_settings(const struct round *round)
{
    struct stage *stage = round->stage;
    const char **settings = stage_allocate(stage, LOTTERY_SETTINGS_MAX * sizeof *settings);
    size_t used = 0;
    settings[used++] = stage_text(stage, "NUMBER_OF_AGENCIES=%u", round->plan.agencies);
    settings[used++] = stage_text(stage, "RING_BYTES=%uk", round->plan.ring_kib);
    settings[used++] = "LIMITS_MESSAGE_BYTES=16k";
    settings[used++] = "LIMITS_MAX_CONNECTIONS=64";
    settings[used++] = round->plan.agencies % 2 == 0 ? "LIMITS_CONNECTIONS_PER_HANDLER=20"
                                                     : "LIMITS_CONNECTIONS_PER_HANDLER=1";
    settings[used++] = "WINNERS_WAIT=300ms";
    settings[used++] = round->plan.ack_after_written ? "ACK_AFTER=written" : "ACK_AFTER=synced";
    settings[used++] = stage_text(stage, "LOTTERY_NAME=%s", round->operator.records[0].name);
    settings[used++] =
        round->plan.draws[0].number_by_command ? "LOTTERY_DRAW=command" : "LOTTERY_DRAW=automatic";
    if (round->by_tls) {
        settings[used++] = "TLS_MODE=required";
        settings[used++] = "TLS_CERTIFICATE=pki/server.pem";
        settings[used++] = "TLS_KEY=pki/server.key";
        settings[used++] = "TLS_CA=pki/ca.pem";
        settings[used++] = "TLS_CRL=pki/crl.pem";
    }
    return settings;
}

static void open_round(struct chaos *chaos, struct round *round)
{
    struct chaos_plan *plan = &round->plan;
    operator_begin(&round->operator, plan);
    if (round->by_tls) {
        found_authority(round);
    }
    for (uint32_t draw = 0; draw < plan->draw_count; draw++) {
        prepare_agencies(round, draw);
    }
    round->lottery = lottery_open(round->stage, compose_settings(round));
    round->operator.lottery = round->lottery;
    start_server(chaos, round);
    round->opened = 1;
    round->deadline = deadline_in((int64_t)DRAW_MS * plan->draw_count);
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

static bool kill_handler(struct chaos *chaos, const struct round *round, uint32_t pick)
{
    enum { KEYHOLDER_EVERY = 4 };
    pid_t keyholder = 0;
    if (!round->by_tls || pick % KEYHOLDER_EVERY != 0) {
        return send_signal(pick_handler(round, pick), SIGKILL);
    }
    (void)proc_children(round->lottery->server->program->pid, "lottery-key", &keyholder, 1);
    bool killed = send_signal(keyholder, SIGKILL);
    chaos->keyholders += killed ? 1 : 0;
    return killed;
}

static bool kill_agency(struct round *round, uint32_t pick)
{
    uint32_t draw = pick / round->plan.agencies % round->opened;
    struct contestant *agency = &round->agencies[draw][pick % round->plan.agencies];
    if (agency->finished || agency->killed || agency->program == NULL ||
        program_has_ended(agency->program)) {
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
        return kill_handler(chaos, round, step->pick);
    case CHAOS_STORER:
        round->killed_storer = lottery_storer(round->lottery);
        return send_signal(round->killed_storer, SIGKILL);
    case CHAOS_AGENCY:
        return kill_agency(round, step->pick);
    case CHAOS_FAULT_POINT:
        arm_fault(round);
        return false;
    case CHAOS_OPERATOR:
        return operator_kill(&round->operator);
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
    for (uint32_t draw = 0; draw < round->opened; draw++) {
        for (uint32_t i = 0; i < round->plan.agencies; i++) {
            const struct contestant *agency = &round->agencies[draw][i];
            if (!agency->finished && agency->program != NULL && agency->program != program) {
                program_show(agency->program);
            }
        }
    }
    program_show(program);
    program_show(round->lottery->server->program);
    stage_fail_at(__FILE__, __LINE__, "%s", what);
}

/* What the agency's newest run has been told to be stored. No server may ever tell less. */
static void note_acknowledged(const struct round *round, struct contestant *agency)
{
    static const char label[] = " | guardadas: ";
    if (agency->program == NULL) {
        return;
    }
    if (program_count_log(agency->program, "reason: the server had acknowledged") > 0) {
        fail_round(round, agency->program, "an agency's bets are stored no more");
    }
    const char *text = program_log(agency->program);
    for (const char *at = text; (at = strstr(at, label)) != NULL; at += sizeof label - 1) {
        uint64_t told = strtoull(at + sizeof label - 1, NULL, 10);
        agency->acknowledged = told > agency->acknowledged ? told : agency->acknowledged;
    }
}

static void note_end(struct chaos *chaos, struct round *round, struct contestant *agency)
{
    int status = agency->program->status;
    note_acknowledged(round, agency);
    if (WIFSIGNALED(status) && agency->killed) {
        count_kill(chaos, round, CHAOS_AGENCY);
        start_agency(round, agency);
        return;
    }
    agency->finished = true;
    agency->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    bool may_be_late = round->plan.draws[agency->draw].ending != CHAOS_BY_AGENCIES;
    if (agency->status != EXIT_SUCCESS && !(may_be_late && agency->status == CHAOS_OTHER_DRAW)) {
        fail_round(round, agency->program, "an agency failed");
    }
}

/* Starts agencies that are due, and those that were killed. Returns how many of the draw are left. */
static uint32_t look_after_draw(struct chaos *chaos, struct round *round, uint32_t draw)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        struct contestant *agency = &round->agencies[draw][i];
        if (!agency->finished && agency->program == NULL) {
            uint32_t after = round->plan.draws[draw].comes_after[i];
            if (round->steps - round->opened_at[draw] >= after) {
                start_agency(round, agency);
            }
        } else if (!agency->finished && program_has_ended(agency->program)) {
            note_end(chaos, round, agency);
        }
        left += !agency->finished;
    }
    return left;
}

static uint32_t look_after_agencies(struct chaos *chaos, struct round *round)
{
    uint32_t left = 0;
    for (uint32_t draw = 0; draw < round->opened; draw++) {
        left += look_after_draw(chaos, round, draw);
    }
    return left;
}

/* Where the supervisor has died at a fault point, the next server is started. */
static void look_after_server(struct chaos *chaos, struct round *round)
{
    struct program *program = round->lottery->server->program;
    bool has_ended = program_has_ended(program); /* before the token: it goes first */
    lottery_reap_orphans();
    if (round->armed && lottery_fault_struck(round->lottery)) {
        round->armed = false;
        round->struck = true;
        count_kill(chaos, round, CHAOS_FAULT_POINT);
    }
    if (has_ended) {
        if (!round->struck || !WIFSIGNALED(program->status) ||
            WTERMSIG(program->status) != SIGKILL) {
            fail_round(round, program, "the server ended by itself");
        }
        chaos->supervisors_at_points++;
        start_server(chaos, round);
    }
    if (has_several_draws(round)) {
        lottery_attach_again(round->lottery);
    }
}

/* --------------------------------------------------------------- judging ---- */

static struct chaos_verdict judge_draw(struct round *round, uint32_t draw, const char *directory)
{
    struct chaos_witness witnesses[CHAOS_AGENCIES_MAX];
    const struct operator_record *record = &round->operator.records[draw];
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        struct contestant *agency = &round->agencies[draw][i];
        note_acknowledged(round, agency);
        witnesses[i] =
            (struct chaos_witness){.id = agency->id,
                                   .bets = agency->bets,
                                   .winners = agency->winners,
                                   .acknowledged = agency->acknowledged,
                                   .has_ended = agency->finished && agency->program != NULL,
                                   .status = agency->status};
    }
    return chaos_judge(round->stage, &(struct chaos_case){.directory = directory,
                                                          .name = record->name,
                                                          .number = round->plan.draws[draw].number,
                                                          .seal = record->seal,
                                                          .was_drawn = record->drawn,
                                                          .witnesses = witnesses,
                                                          .witness_count = round->plan.agencies});
}

static void look_after_operator(struct round *round, uint32_t agencies_left)
{
    if (!has_several_draws(round)) {
        return;
    }
    if (operator_look(&round->operator, agencies_left == 0)) {
        uint32_t draw = round->operator.current;
        (void)judge_draw(round, draw, round->lottery->directory);
    }
    while (round->opened <= round->operator.current) {
        round->opened_at[round->opened++] = round->steps;
    }
}

/* ------------------------------------------------------------------ fight ---- */

static void let_time_go_by(uint32_t us)
{
    const struct timespec pause = {.tv_sec = us / US_PER_SECOND,
                                   .tv_nsec = (long)(us % US_PER_SECOND) * NS_PER_US};
    (void)nanosleep(&pause, NULL);
}

static void fight(struct chaos *chaos, struct round *round)
{
    uint32_t left = 0;
    while ((left = look_after_agencies(chaos, round)) > 0 || !operator_is_done(&round->operator)) {
        struct chaos_step step = chaos_next_step(&round->plan);
        round->steps++;
        let_time_go_by(step.pause_us);
        wake_stopped(round);
        look_after_server(chaos, round);
        look_after_operator(round, left);
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

/*
 * Nobody is to die any more when the server is stopped. Who has taken the token by now has not
 * ended yet perhaps, and nothing tells who it is: it gets a moment for that.
 */
static void disarm(struct chaos *chaos, struct round *round)
{
    enum { MOMENT_US = 200000 };
    if (round->armed && unlink(round->lottery->token) != 0) {
        let_time_go_by(MOMENT_US);
        look_after_server(chaos, round);
    }
    round->armed = false;
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

static void judge_one_draw(struct chaos *chaos, struct round *round)
{
    struct lottery_agency agencies[CHAOS_AGENCIES_MAX];
    for (uint32_t i = 0; i < round->plan.agencies; i++) {
        const struct contestant *agency = &round->agencies[0][i];
        agencies[i] = (struct lottery_agency){
            .id = agency->id, .bets = agency->bets, .winners = agency->winners};
    }
    lottery_expect_exactly_once(round->lottery, agencies, round->plan.agencies);
    chaos->bets += round->plan.bets;
    chaos->draws[CHAOS_BY_AGENCIES]++;
}

/* The auditor's program finds all draws well, the last one held. */
static void expect_verified(const struct round *round)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-verify",
                                      .arguments = ARGUMENTS("--all", round->lottery->directory)};
    struct program *verify = program_run(round->stage, &plan, &end);
    if (end.status != EXIT_SUCCESS) {
        program_show(verify);
        stage_fail_at(__FILE__, __LINE__, "lottery-verify --all ended with %d", end.status);
    }
}

/* Each draw where it is by now, archived or current; no server is there any more. */
static void judge_all_draws(struct chaos *chaos, struct round *round)
{
    const char *directory = round->lottery->directory;
    for (uint32_t draw = 0; draw < round->plan.draw_count; draw++) {
        bool is_last = draw + 1 == round->plan.draw_count;
        const char *place = is_last ? directory
                                    : stage_text(round->stage, "%s/draws/%s", directory,
                                                 round->operator.records[draw].name);
        struct chaos_verdict verdict = judge_draw(round, draw, place);
        reckoning_expect_books(round->stage, place);
        chaos->bets += verdict.bets;
        chaos->draws[verdict.ending]++;
        chaos->too_late += verdict.too_late;
    }
    expect_verified(round);
}

static void judge(struct chaos *chaos, struct round *round)
{
    disarm(chaos, round);
    await_last_kill(round);
    if (!has_several_draws(round)) {
        judge_one_draw(chaos, round);
    }
    lottery_close(round->lottery);
    if (has_several_draws(round)) {
        judge_all_draws(chaos, round);
    }
    chaos->commands += round->operator.commands;
}

/* ------------------------------------------------------------------- run ---- */

static void print_plan(const struct chaos *chaos, const struct chaos_plan *plan, uint32_t number)
{
    (void)printf("SEED=%llu ROUND=%u: %u agencies, %u bets by %u, %u in flight, ring %u KiB, "
                 "%u kills%s%s\n",
                 (unsigned long long)chaos->seed, number, plan->agencies, plan->bets, plan->batch,
                 plan->in_flight, plan->ring_kib, plan->kills,
                 plan->fault_points ? ", fault points" : "",
                 plan->ack_after_written ? ", ACK after written" : "");
    for (uint32_t i = 0; plan->draw_count > 1 && i < plan->draw_count; i++) {
        const struct chaos_draw *draw = &plan->draws[i];
        (void)printf("  draw %u of %u: ended by %s, number %u%s%s\n", i + 1, plan->draw_count,
                     chaos_ending_name(draw->ending), draw->number,
                     draw->number_by_command ? " by command" : "", draw->hasty ? ", hasty" : "");
    }
    (void)fflush(stdout);
}

static void run_round(struct chaos *chaos, uint32_t number)
{
    struct round *round = stage_allocate(chaos->stage, sizeof *round);
    round->stage = chaos->stage;
    round->by_tls = chaos->by_tls;
    round->plan = chaos_plan_round(chaos->seed, number);
    print_plan(chaos, &round->plan, number);
    open_round(chaos, round);
    fight(chaos, round);
    judge(chaos, round);
    chaos->rounds++;
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
    (void)printf("; %lu rounds, draws ended", chaos->rounds);
    for (int i = 0; i < CHAOS_ENDINGS; i++) {
        (void)printf("%s %lu by %s", i == 0 ? "" : ",", chaos->draws[i],
                     chaos_ending_name((enum chaos_ending)i));
    }
    (void)printf("; %lu agencies too late, %lu commands of operators; %lu servers (%lu had to be "
                 "started again: orphans; %lu died at fault points); %lu bets, none lost, none "
                 "doubled",
                 chaos->too_late, chaos->commands, chaos->servers, chaos->refused_starts,
                 chaos->supervisors_at_points, chaos->bets);
    if (chaos->by_tls) {
        (void)printf("; by TLS, %lu of the handlers were keyholders", chaos->keyholders);
    }
    (void)printf("\n");
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
    chaos.by_tls = read_number("TLS", 0) != 0;
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
