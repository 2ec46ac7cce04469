/*
 * test_failing_calls.c - every call that a small lottery makes fails once.
 *
 * A first run behind the shim learns how many calls of each kind there are, in
 * all processes together. Then there is a run for each of them, in which just
 * that call fails. The server has to go on, or to stop with a status that is not
 * 0 and a line that says why; agencies never lose what was promised to them, and
 * nothing hangs or is left behind. A server without the shim then goes on, and
 * each bet is there exactly once.
 *
 * Then there are calls that are interrupted or short time and again, which is
 * nothing special, and calls that fail for good.
 */
#include "tests/faults/shim/bettor.h"
#include "tests/faults/shim/shimmed.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    AGENCIES = 2,
    BETS = 6,
    BATCH = 3,
    WINDOW = 1,
    NAME_BYTES = 96,
    RULE_BYTES = 64,
    WORKERS = 4,
    PATIENCE_MS = 1000, /* with a server that goes on, but can't serve */
    ABORTED = 128 + SIGABRT
};

#define SETTINGS                                                                                   \
    "NUMBER_OF_AGENCIES=2", BETTOR_WINNING_NUMBER, "RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=2k",    \
        "LIMITS_MAX_CONNECTIONS=16", "WINNERS_WAIT=5s", "TIMEOUTS_SHUTDOWN=2s"

/* What may be refused to a call, and how. */
struct refusal {
    enum shim_call call;
    const char *error;
};

static const struct refusal refusals[] = {
    {SHIM_pwrite, "EIO"},        {SHIM_pwrite, "ENOSPC"},
    {SHIM_write, "EIO"},         {SHIM_pread, "EIO"},
    {SHIM_read, "EIO"},          {SHIM_fdatasync, "EIO"},
    {SHIM_fsync, "EIO"},         {SHIM_ftruncate, "EIO"},
    {SHIM_fallocate, "ENOSPC"},  {SHIM_posix_fallocate, "ENOSPC"},
    {SHIM_open, "EMFILE"},       {SHIM_openat, "EMFILE"},
    {SHIM_renameat, "EIO"},      {SHIM_unlinkat, "EIO"},
    {SHIM_faccessat, "EIO"},     {SHIM_mkdir, "EACCES"},
    {SHIM_flock, "EIO"},         {SHIM_mmap, "ENOMEM"},
    {SHIM_shm_open, "EMFILE"},   {SHIM_fork, "EAGAIN"},
    {SHIM_pipe, "EMFILE"},       {SHIM_semget, "ENOSPC"},
    {SHIM_semctl, "EACCES"},     {SHIM_semop, "ENOSPC"},
    {SHIM_semtimedop, "ENOMEM"}, {SHIM_sem_init, "EIO"},
    {SHIM_sem_wait, "EIO"},      {SHIM_sem_clockwait, "EIO"},
    {SHIM_socket, "EMFILE"},     {SHIM_bind, "EACCES"},
    {SHIM_listen, "EACCES"},     {SHIM_accept4, "EMFILE"},
    {SHIM_recv, "ECONNRESET"},   {SHIM_send, "ECONNRESET"},
    {SHIM_ppoll, "ENOMEM"},      {SHIM_getrandom, "EINTR"},
};

enum { REFUSALS = sizeof refusals / sizeof refusals[0] };

/* Nothing special: no connection is lost, and the server stops well. */
static const char *const harmless_rules[] = {
    "short:pwrite:every-1",     "short:write:every-1",     "short:pread:every-1",
    "short:read:every-1",       "short:recv:every-1",      "short:send:every-1",
    "eintr:pwrite:every-2",     "eintr:pread:every-2",     "eintr:recv:every-2",
    "eintr:send:every-2",       "eintr:ppoll:every-2",     "eintr:accept4:every-2",
    "eintr:sem_wait:every-1",   "eintr:flock:1",           "eintr:sem_clockwait:every-1",
    "eintr:semtimedop:every-2", "eintr:fdatasync:every-2", "eintr:fsync:every-2",
    "directories:EINVAL",       "directories:EOPNOTSUPP",
};

enum { HARMLESS = sizeof harmless_rules / sizeof harmless_rules[0] };

/* For good, from somewhere in the middle on. */
static const char *const lasting_rules[] = {
    "fail:pwrite:from-4:EIO",
    "fail:fdatasync:from-2:EIO",
    "fail:fsync:from-8:EIO",
    "fail:openat:from-9:EMFILE",
    "fail:fork:from-3:EAGAIN",
    "fail:accept4:from-2:EMFILE",
    "fail:recv:from-3:ECONNRESET",
    "fail:send:from-2:ECONNRESET",
    "fail:semop:from-2:ENOSPC",
    "fail:renameat:from-2:EIO",
    "fail:semtimedop:from-1:ENOMEM",
    "fail:ppoll:from-9:ENOMEM",
    "directories:EIO",
};

enum { LASTING = sizeof lasting_rules / sizeof lasting_rules[0] };

struct trial {
    struct stage *stage;
    char name[NAME_BYTES];
    char rule[RULE_BYTES];
    enum shim_call call;
    int64_t patience_ms;
};

struct lesson {
    struct stage *stage;
    uint64_t calls[SHIM_CALL_COUNT];
};

/* ---------------------------------------------------------------- a trial ---- */

static struct bettor *const *make_bettors(struct stage *stage)
{
    struct bettor **bettors = stage_allocate(stage, sizeof(struct bettor *[AGENCIES]));
    for (uint32_t i = 0; i < AGENCIES; i++) {
        bettors[i] = bettor_new(stage, i + 1, BETS, BATCH, WINDOW);
    }
    return bettors;
}

static struct shimmed *start_with(struct stage *stage, const char *rules,
                                  const char *const *settings)
{
    const struct shimmed_plan plan = {
        .directory = stage_path(stage, "data"), .rules = rules, .settings = settings};
    return shimmed_start(stage, &plan);
}

static struct shimmed *start(struct stage *stage, const char *rules)
{
    return start_with(stage, rules, ENVIRONMENT(SETTINGS));
}

static _Noreturn void fail_trial(const struct trial *trial, const struct shimmed *shimmed,
                                 const char *what, int status)
{
    program_show(shimmed->server.program);
    stage_fail_at(__FILE__, __LINE__, "%s: %s (status %d)", trial->rule, what, status);
}

/*
 * sem_init fails for a wrong value alone, and so the server takes a failure for
 * an invariant broken: the supervisor aborts. And a semaphore set whose removal
 * is refused stays. In both cases it is the next start that clears up.
 */
static bool may_leave_something(const struct trial *trial, const struct shimmed *shimmed,
                                int status)
{
    return (trial->call == SHIM_sem_init && status == ABORTED) ||
           (trial->call == SHIM_semctl &&
            program_count_log(shimmed->server.program,
                              "action: remove_shared_memory | result: fail") > 0);
}

/* It has stopped: well, or not, but then it says why; and nothing of it is left. */
static void judge_end(const struct trial *trial, const struct shimmed *shimmed, int status,
                      bool asked)
{
    if (may_leave_something(trial, shimmed, status)) {
        return;
    }
    if (status == 0 && !asked) {
        fail_trial(trial, shimmed, "it ended without being asked to, with success", status);
    }
    if (status > 1) {
        fail_trial(trial, shimmed, "it did not end by itself", status);
    }
    if (status == 1 && !shimmed_complained(shimmed)) {
        fail_trial(trial, shimmed, "it failed and did not say why", status);
    }
    shimmed_expect_gone(shimmed);
}

/* The lottery behind the shim, as far as it gets; then the server's end. */
static void hold_with_failures(const struct trial *trial, const struct shimmed *shimmed,
                               struct bettor *const *bettors)
{
    const struct server *server = &shimmed->server;
    enum bettors_end end = BETTORS_LEFT_ALONE;
    if (server->port != 0) {
        end = bettors_run(bettors, AGENCIES, server->program, server->port,
                          deadline_in(trial->patience_ms));
        bettors_hang_up(bettors, AGENCIES);
    }
    if (end == BETTORS_OUT_OF_TIME && trial->patience_ms == DEADLINE_MS) {
        fail_trial(trial, shimmed, "it hangs", -1);
    }
    struct program_end stopped = end == BETTORS_LEFT_ALONE ? program_await_end(server->program)
                                                           : program_stop(server->program, SIGTERM);
    judge_end(trial, shimmed, stopped.status, end != BETTORS_LEFT_ALONE);
}

/* A server without the shim goes on with what is there, to the end. */
static void go_on_without_failures(struct stage *stage, struct bettor *const *bettors)
{
    for (size_t i = 0; i < AGENCIES; i++) {
        bettors[i]->step = BETTOR_ASKS; /* those who were told ask again */
    }
    struct server *server =
        server_start_with(stage, stage_path(stage, "data"), NULL, ENVIRONMENT(SETTINGS));
    bettors_expect_promised(bettors, AGENCIES, server);
    if (bettors_run(bettors, AGENCIES, server->program, server->port, deadline_in(DEADLINE_MS)) !=
        BETTORS_FINISHED) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the lottery came to no end");
    }
    bettors_expect_stored(bettors, AGENCIES, server);
    server_stop_well(server);
    reckoning_expect_books(stage, server->directory);
    shimmed_expect_nothing_shared(server->directory);
}

static void the_server_goes_on_or_stops_and_says_why(void **state)
{
    const struct trial *trial = *state;
    struct shimmed *shimmed = start(trial->stage, trial->rule);
    struct bettor *const *bettors = make_bettors(trial->stage);
    hold_with_failures(trial, shimmed, bettors);
    go_on_without_failures(trial->stage, bettors);
}

static void nobody_notices(void **state)
{
    const struct trial *trial = *state;
    struct shimmed *shimmed = start(trial->stage, trial->rule);
    struct bettor *const *bettors = make_bettors(trial->stage);
    if (shimmed->server.port == 0) {
        fail_trial(trial, shimmed, "it does not start", -1);
    }
    hold_with_failures(trial, shimmed, bettors);
    for (size_t i = 0; i < AGENCIES; i++) {
        assert_int_equal(bettors[i]->connections, 1);
        assert_int_equal(bettors[i]->step, BETTOR_FINISHED);
    }
    if (strstr(trial->rule, ":sem") == NULL) { /* waiting is not always called for */
        assert_true(atomic_load(&shimmed->counts->faults) > 0);
    }
    assert_int_equal(program_await_end(shimmed->server.program).status, 0);
    bettors_expect_stored(bettors, AGENCIES, &shimmed->server);
    bool without_directories = strstr(trial->rule, "directories") != NULL;
    assert_int_equal(program_count_log(shimmed->server.program, "WARNING*sync_directory | *power"),
                     without_directories ? 1 : 0);
}

/* The second fork is the one that is to replace the storer: no handler is forked ahead. */
static void a_storer_that_can_not_be_forked_at_once_is_forked_later(void **state)
{
    const struct trial *trial = *state;
    struct shimmed *shimmed =
        start_with(trial->stage, trial->rule, ENVIRONMENT(SETTINGS, "LIMITS_HANDLERS_AHEAD=0"));
    struct bettor *const *bettors = make_bettors(trial->stage);
    server_kill_storer(&shimmed->server);
    (void)server_await_log(&shimmed->server, 1, "storer_start | result: fail | error: fork");
    (void)server_await_log(&shimmed->server, 2, "storer_start | result: success");
    hold_with_failures(trial, shimmed, bettors);
    assert_int_equal(program_await_end(shimmed->server.program).status, 0);
    bettors_expect_stored(bettors, AGENCIES, &shimmed->server);
}

/* --------------------------------------------------------------- learning ---- */

static void a_small_lottery_makes_these_calls(void **state)
{
    struct lesson *lesson = *state;
    struct shimmed *shimmed = start(lesson->stage, NULL);
    struct bettor *const *bettors = make_bettors(lesson->stage);
    const struct trial nothing_fails = {.rule = "no failures", .patience_ms = DEADLINE_MS};
    hold_with_failures(&nothing_fails, shimmed, bettors);
    bettors_expect_stored(bettors, AGENCIES, &shimmed->server);
    assert_true(shimmed_calls(shimmed, SHIM_pwrite) > 0); /* the shim is there */
    for (int i = 0; i < SHIM_CALL_COUNT; i++) {
        lesson->calls[i] = shimmed_calls(shimmed, (enum shim_call)i);
        print_message("%s: %llu\n", shimmed_call_name((enum shim_call)i),
                      (unsigned long long)lesson->calls[i]);
    }
}

/* ----------------------------------------------------------------- trials ---- */

static int set_up_trial(void **state)
{
    struct trial *trial = *state;
    void *stage = NULL;
    int result = stage_set_up(&stage);
    trial->stage = stage;
    return result;
}

static int tear_down_trial(void **state)
{
    struct trial *trial = *state;
    void *stage = trial->stage;
    return stage_tear_down(&stage);
}

struct trials {
    struct trial *all;
    struct CMUnitTest *tests;
    size_t count;
};

static struct trial *add_trial(struct trials *trials, CMUnitTestFunction function, const char *rule)
{
    struct trial *trial = &trials->all[trials->count];
    trial->patience_ms = DEADLINE_MS;
    trial->call = SHIM_CALL_COUNT;
    (void)snprintf(trial->rule, sizeof trial->rule, "%s", rule);
    (void)snprintf(trial->name, sizeof trial->name, "LOTTERY_SHIM=%s", rule);
    trials->tests[trials->count++] = (struct CMUnitTest){.name = trial->name,
                                                         .test_func = function,
                                                         .setup_func = set_up_trial,
                                                         .teardown_func = tear_down_trial,
                                                         .initial_state = trial};
    return trial;
}

static void add_refusal(struct trials *trials, const struct refusal *refusal, uint64_t calls)
{
    for (uint64_t n = 1; n <= calls; n++) {
        char rule[RULE_BYTES];
        (void)snprintf(rule, sizeof rule, "fail:%s:%llu:%s", shimmed_call_name(refusal->call),
                       (unsigned long long)n, refusal->error);
        add_trial(trials, the_server_goes_on_or_stops_and_says_why, rule)->call = refusal->call;
    }
}

static size_t count_trials(const struct lesson *lesson)
{
    size_t count = HARMLESS + LASTING + 1;
    for (size_t i = 0; i < REFUSALS; i++) {
        count += lesson->calls[refusals[i].call];
    }
    return count;
}

static void add_all(struct trials *trials, const struct lesson *lesson)
{
    for (size_t i = 0; i < REFUSALS; i++) {
        add_refusal(trials, &refusals[i], lesson->calls[refusals[i].call]);
    }
    for (size_t i = 0; i < HARMLESS; i++) {
        (void)add_trial(trials, nobody_notices, harmless_rules[i]);
    }
    for (size_t i = 0; i < LASTING; i++) {
        add_trial(trials, the_server_goes_on_or_stops_and_says_why, lasting_rules[i])->patience_ms =
            PATIENCE_MS;
    }
    (void)add_trial(trials, a_storer_that_can_not_be_forked_at_once_is_forked_later,
                    "fail:fork:2:EAGAIN");
}

/* Every WORKERS-th trial, beginning with the worker's own number. */
static int run_share(struct trials *trials, size_t worker)
{
    size_t share = 0;
    for (size_t i = worker; i < trials->count; i += WORKERS) {
        trials->tests[share++] = trials->tests[i];
    }
    return _cmocka_run_group_tests("failing calls", trials->tests, share, NULL, NULL);
}

/* Trials mostly wait (for the disk, for pauses), and each has a directory and a port of its own. */
static int run_all_shares(struct trials *trials)
{
    int failed = 0;
    pid_t workers[WORKERS];
    (void)fflush(stdout);
    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = fork();
        if (workers[i] == 0) {
            failed = run_share(trials, i);
            (void)fflush(stdout);
            _exit(failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        }
    }
    for (size_t i = 0; i < WORKERS; i++) {
        int status = 0;
        bool well = workers[i] > 0 && waitpid(workers[i], &status, 0) == workers[i] && status == 0;
        failed += well ? 0 : 1;
    }
    return failed;
}

static int try_everything(const struct lesson *lesson)
{
    size_t count = count_trials(lesson);
    struct trials trials = {.all = calloc(count, sizeof *trials.all),
                            .tests = calloc(count, sizeof *trials.tests)};
    int failed = 1;
    if (trials.all != NULL && trials.tests != NULL) {
        add_all(&trials, lesson);
        failed = run_all_shares(&trials);
    }
    free(trials.tests);
    free(trials.all);
    return failed;
}

int main(void)
{
    struct lesson lesson = {0};
    void *stage = NULL;
    if (stage_set_up(&stage) != 0) {
        return EXIT_FAILURE;
    }
    lesson.stage = stage;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(a_small_lottery_makes_these_calls, &lesson)};
    int failed = cmocka_run_group_tests_name("failing calls: lesson", tests, NULL, NULL);
    if (stage_tear_down(&stage) != 0) {
        return EXIT_FAILURE;
    }
    return failed != 0 ? failed : try_everything(&lesson);
}
