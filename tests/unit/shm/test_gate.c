/*
 * test_gate.c - the gate, as `ipcs` would show it, and with handlers that die.
 */
#include "shm/gate.h"

#include "lib/limits.h"
#include "lib/log.h"
#include "shm/segment.h"
#include "tests/harness/processes.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    MISSING = 3,
    WAITERS = 5,
    LONG_MS = 60000,
    SHORT_MS = 30,
    PERMISSIONS = 0777,
    NOT_ENTERED = 100 /* an exit status */
};

union semun { /* POSIX leaves its definition to the caller */
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    uint32_t key;
    int id;
    int told[2]; /* a pipe: children say that they have entered */
};

/* The kernel's semget, but where the machine has no more sets. */
static bool is_out_of_sets;

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int semget(key_t key, int count, int flags)
{
    if (is_out_of_sets) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_semget, key, count, flags);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    fixture = (struct fixture){.id = -1, .told = {-1, -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_int_equal(pipe(fixture.told), 0);
    fixture.key = segment_key(fixture.scratch.device, fixture.scratch.inode);
    assert_true(gate_create(fixture.key, MISSING, &fixture.id, &failure));
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    gate_remove(fixture->id);
    (void)close(fixture->told[0]);
    (void)close(fixture->told[1]);
    scratch_close(&fixture->scratch);
    return 0;
}

static int wait_at_gate(void *context)
{
    const struct fixture *fixture = context;
    return (int)gate_wait(fixture->id, LONG_MS);
}

static bool all_wait(const void *context)
{
    const struct fixture *fixture = context;
    struct gate_counts counts = {0};
    return gate_read(fixture->id, &counts) && counts.waiting == WAITERS;
}

static void start_waiters(struct fixture *fixture, pid_t *pids)
{
    for (int i = 0; i < WAITERS; i++) {
        pids[i] = processes_start(&fixture->processes, wait_at_gate, fixture);
    }
    processes_await(all_wait, fixture);
}

static void expect_answers(struct fixture *fixture, const pid_t *pids, enum gate_answer answer)
{
    for (int i = 0; i < WAITERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], (int)answer);
    }
}

static void expect_counts(const struct fixture *fixture, uint32_t missing, uint32_t waiting,
                          uint32_t handlers)
{
    struct gate_counts counts = {99, 99, 99};
    assert_true(gate_read(fixture->id, &counts));
    assert_int_equal(counts.missing, missing);
    assert_int_equal(counts.waiting, waiting);
    assert_int_equal(counts.handlers, handlers);
}

/* --------------------------------------------------------------- tests ---- */

static void that_the_machine_has_no_more_sets_says_what_to_raise(void **state)
{
    (void)state;
    int id = -1;
    struct failure failure;
    is_out_of_sets = true;
    bool created = gate_create(1, MISSING, &id, &failure);
    is_out_of_sets = false;
    assert_false(created);
    assert_non_null(strstr(failure.text, "kernel.sem"));
}

static void ipcs_shows_a_set_of_two_that_only_its_user_may_read(void **state)
{
    const struct fixture *fixture = *state;
    struct semid_ds status = {.sem_nsems = 0};
    union semun argument = {.buf = &status};
    assert_int_equal(semget((key_t)fixture->key, 0, 0), fixture->id);
    assert_int_equal(semctl(fixture->id, 0, IPC_STAT, argument), 0);
    assert_int_equal(status.sem_perm.mode & PERMISSIONS, 0600);
    assert_int_equal(status.sem_nsems, 2);
    assert_int_equal(semctl(fixture->id, 0, GETVAL), MISSING);
    assert_int_equal(semctl(fixture->id, 1, GETVAL), 0);
    expect_counts(fixture, MISSING, 0, 0);
}

static void a_dead_servers_set_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    int old = fixture->id;
    assert_true(gate_create(fixture->key, LIMITS_AGENCIES_MAX, &fixture->id, &failure));
    assert_int_not_equal(fixture->id, old);
    struct gate_counts counts;
    assert_false(gate_read(old, &counts));
    expect_counts(fixture, LIMITS_AGENCIES_MAX, 0, 0);
}

static void a_set_of_another_shape_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    int id = -1;
    gate_remove(fixture->id);
    fixture->id = semget((key_t)fixture->key, 1, IPC_CREAT | IPC_EXCL | 0600);
    assert_true(fixture->id >= 0);
    assert_false(gate_create(fixture->key, MISSING, &id, &failure));
    assert_int_equal(errno, EEXIST); /* another key may do */
    assert_int_equal(semctl(fixture->id, 0, GETVAL), 0);
}

static int squat(void *context)
{
    const struct fixture *fixture = context;
    return stranger_become() && semget((key_t)fixture->key, 2, IPC_CREAT | IPC_EXCL | 0666) >= 0
               ? 0
               : 1;
}

/* Root may remove others' sets only with CAP_SYS_ADMIN, which no image is built with. */
static int stop_squatting(void *context)
{
    const struct fixture *fixture = context;
    return stranger_become() && semctl(fixture->id, 0, IPC_RMID) == 0 ? 0 : 1;
}

/* A set of our shape, that we may even remove, being root: it is another user's all the same. */
static void another_users_set_is_refused_and_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    int id = -1;
    STRANGER_NEEDED();
    gate_remove(fixture->id);
    pid_t pid = processes_start(&fixture->processes, squat, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
    fixture->id = semget((key_t)fixture->key, 0, 0);
    assert_true(fixture->id >= 0);
    assert_false(gate_create(fixture->key, MISSING, &id, &failure));
    assert_int_equal(errno, EEXIST);
    assert_non_null(strstr(failure.text, "another user's"));
    assert_int_equal(semctl(fixture->id, 0, GETVAL), 0);
    assert_true(gate_exists(fixture->key, STRANGER_UID));
    assert_false(gate_exists(fixture->key, geteuid()));
    pid = processes_start(&fixture->processes, stop_squatting, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
}

static void it_is_opened_to_one_group(void **state)
{
    const struct fixture *fixture = *state;
    struct failure failure;
    struct semid_ds status = {.sem_nsems = 0};
    union semun argument = {.buf = &status};
    assert_true(gate_open_to_group(fixture->id, getegid(), &failure));
    assert_int_equal(semctl(fixture->id, 0, IPC_STAT, argument), 0);
    assert_int_equal(status.sem_perm.mode & PERMISSIONS, 0640);
    assert_int_equal(status.sem_perm.gid, getegid());
}

static void a_set_that_is_gone_is_noticed_by_whoever_looks_or_enters(void **state)
{
    struct fixture *fixture = *state;
    struct failure what = {.text = ""};
    assert_true(gate_is_in_place(fixture->id, fixture->key, &what));
    int old = fixture->id;
    gate_remove(old);
    assert_false(gate_is_in_place(old, fixture->key, &what));
    assert_non_null(strstr(what.text, "has been removed"));
    assert_false(gate_enter(old, &what));
    assert_non_null(strstr(what.text, "RemoveIPC"));
    assert_true(gate_create(fixture->key, MISSING, &fixture->id, &what));
    assert_false(gate_is_in_place(old, fixture->key, &what));
    assert_non_null(strstr(what.text, "another one"));
}

static void waiters_go_when_the_last_agency_is_done_and_not_before(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[WAITERS];
    start_waiters(fixture, pids);
    gate_set_missing(fixture->id, 1);
    expect_counts(fixture, 1, WAITERS, 0);
    gate_set_missing(fixture->id, 0);
    expect_answers(fixture, pids, GATE_OPEN);
    expect_counts(fixture, 0, 0, 0);
    assert_int_equal(gate_wait(fixture->id, 0), GATE_OPEN);
}

static void waiting_has_a_limit(void **state)
{
    const struct fixture *fixture = *state;
    int64_t started_ms = processes_now_ms();
    assert_int_equal(gate_wait(fixture->id, 0), GATE_CLOSED);
    assert_int_equal(gate_wait(fixture->id, SHORT_MS), GATE_CLOSED);
    assert_true(processes_now_ms() - started_ms >= SHORT_MS - 1);
}

static void waiters_go_when_the_set_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct gate_counts counts;
    struct failure failure;
    pid_t pids[WAITERS];
    start_waiters(fixture, pids);
    gate_remove(fixture->id);
    expect_answers(fixture, pids, GATE_REMOVED);
    assert_int_equal(gate_wait(fixture->id, LONG_MS), GATE_REMOVED);
    assert_false(gate_read(fixture->id, &counts));
    assert_false(gate_enter(fixture->id, &failure));
    gate_set_missing(fixture->id, 1); /* harmless: the server goes down */
}

static void ignore_signal(int signal_number)
{
    (void)signal_number;
}

static void a_signal_ends_the_wait(void **state)
{
    struct fixture *fixture = *state;
    const struct sigaction action = {.sa_handler = ignore_signal};
    struct sigaction before;
    pid_t pids[WAITERS];
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0); /* children inherit it */
    start_waiters(fixture, pids);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(kill(pids[i], SIGUSR1), 0);
    }
    expect_answers(fixture, pids, GATE_INTERRUPTED);
}

static int enter_and_stay(void *context)
{
    const struct fixture *fixture = context;
    struct failure failure;
    if (!gate_enter(fixture->id, &failure) || write(fixture->told[1], "x", 1) != 1) {
        return NOT_ENTERED;
    }
    return (int)gate_wait(fixture->id, LONG_MS);
}

static void handlers_are_counted_exactly_however_they_end(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[WAITERS];
    char told = 0;
    for (int i = 0; i < WAITERS; i++) {
        pids[i] = processes_start(&fixture->processes, enter_and_stay, fixture);
        assert_int_equal(read(fixture->told[0], &told, 1), 1);
    }
    processes_await(all_wait, fixture);
    expect_counts(fixture, MISSING, WAITERS, WAITERS);
    (void)processes_kill(&fixture->processes, pids[0]);
    (void)processes_kill(&fixture->processes, pids[1]);
    expect_counts(fixture, MISSING, WAITERS - 2, WAITERS - 2);
    gate_set_missing(fixture->id, 1); /* does not disturb what the kernel will take back */
    expect_counts(fixture, 1, WAITERS - 2, WAITERS - 2);
    (void)processes_kill(&fixture->processes, pids[2]);
    expect_counts(fixture, 1, WAITERS - 3, WAITERS - 3);
    gate_set_missing(fixture->id, 0);
    processes_expect_exit(&fixture->processes, pids[3], GATE_OPEN);
    processes_expect_exit(&fixture->processes, pids[4], GATE_OPEN);
    expect_counts(fixture, 0, 0, 0);
}

#define GATE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(that_the_machine_has_no_more_sets_says_what_to_raise),
        GATE_TEST(ipcs_shows_a_set_of_two_that_only_its_user_may_read),
        GATE_TEST(a_dead_servers_set_is_replaced),
        GATE_TEST(a_set_of_another_shape_is_refused_and_left_alone),
        GATE_TEST(another_users_set_is_refused_and_left_alone),
        GATE_TEST(it_is_opened_to_one_group),
        GATE_TEST(a_set_that_is_gone_is_noticed_by_whoever_looks_or_enters),
        GATE_TEST(waiters_go_when_the_last_agency_is_done_and_not_before),
        GATE_TEST(waiting_has_a_limit),
        GATE_TEST(waiters_go_when_the_set_is_removed),
        GATE_TEST(a_signal_ends_the_wait),
        GATE_TEST(handlers_are_counted_exactly_however_they_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
