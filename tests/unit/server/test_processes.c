/*
 * test_processes.c - a forked child becomes what its role is, and ends there.
 *
 * The supervisor of each test is a child of the harness's: its own children have to find it
 * as their parent, and it may die before them.
 */
#include "server/processes.h"

#include "lib/log.h"
#include "server/signals.h"
#include "shm/gate.h"
#include "shm/slots.h"
#include "shm/waiting.h"
#include "tests/harness/heritages.h"
#include "tests/harness/proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 4096,
    MESSAGE_BYTES = 8192,
    TIMEOUT_MS = 60000,
    LINK_BYTES = 64,
    /* How a supervisor ends that has seen something wrong; no status of a child's. */
    NO_CHILD = 90,
    CAME_BACK = 91,
    WRONG_NAME = 92,
    KEPT_OPEN = 93,
    NOT_READY = 94
};

/* Seen by all processes of a test. */
struct seen {
    _Atomic int exit_handlers; /* that ran in a child */
    _Atomic int came_back;     /* children that returned from process_fork */
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    uint32_t key;
    struct seen *seen;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.config = {.ring_bytes = RING_BYTES,
                                                       .agencies_expected = 1,
                                                       .limit_agencies = 1,
                                                       .limit_message_bytes = MESSAGE_BYTES,
                                                       .timeout_message_ms = TIMEOUT_MS,
                                                       .timeout_answer_ms = TIMEOUT_MS}}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES});
    heritages_add_lottery(&fixture.scratch, &fixture.heritage);
    fixture.key = segment_key(fixture.scratch.device, fixture.scratch.inode);
    fixture.seen =
        mmap(NULL, sizeof *fixture.seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(fixture.seen, MAP_FAILED);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    (void)munmap(fixture->seen, sizeof *fixture->seen);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* ----------------------------------------------------------- a supervisor ---- */

static struct seen *seen_by_exit;

static void note_exit_handler(void)
{
    atomic_fetch_add(&seen_by_exit->exit_handlers, 1);
}

static void become_supervisor(struct fixture *fixture)
{
    seen_by_exit = fixture->seen;
    signals_prepare_supervisor();
    fixture->heritage.supervisor_pid = getpid();
    (void)atexit(note_exit_handler); /* the harness ends this process without it */
}

/* Returns the child's pid, or ends this process. */
static pid_t fork_role(struct fixture *fixture, enum process_role role,
                       const struct process_errand *errand)
{
    pid_t pid = process_fork(&fixture->heritage, role, errand);
    if (pid == 0) {
        atomic_fetch_add(&fixture->seen->came_back, 1);
        _exit(CAME_BACK);
    }
    if (pid < 0) {
        _exit(NO_CHILD);
    }
    return pid;
}

/* The exit status of the child; of one that was killed, 128 and the signal. */
static int await_status(pid_t pid)
{
    int status = 0;
    if (waitpid(pid, &status, 0) != pid) {
        return NO_CHILD;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* True when this descriptor of the process is the same file as ours is. */
static bool has_open(pid_t pid, int descriptor)
{
    char path[LINK_BYTES];
    char ours[LINK_BYTES] = "";
    char its[LINK_BYTES] = "";
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    ssize_t got = readlink(path, ours, sizeof ours - 1);
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, descriptor);
    return got > 0 && readlink(path, its, sizeof its - 1) == got && strcmp(ours, its) == 0;
}

static int look_at(pid_t pid, enum process_role role, int supervisors, int listener)
{
    char name[PROC_NAME_BYTES] = "";
    if (proc_parent(pid, name) != getpid() || strcmp(name, process_role_name(role)) != 0) {
        return WRONG_NAME;
    }
    return has_open(pid, supervisors) || has_open(pid, listener) ? KEPT_OPEN : 0;
}

/* A storer that is asked to stop once it is ready, and has been looked at. */
static int supervise_storer(void *context)
{
    struct fixture *fixture = context;
    int ready[2];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte = 0;
    become_supervisor(fixture);
    if (listener < 0 || pipe(ready) != 0) {
        return NOT_READY;
    }
    fixture->heritage.listeners = (struct listeners){.count = 1, .descriptors = {listener}};
    wait_set_up_storer(&fixture->heritage.segment);
    const struct process_errand errand = {.descriptor = ready[1], .supervisors = ready[0]};
    pid_t pid = fork_role(fixture, PROCESS_STORER, &errand);
    (void)close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        return await_status(pid); /* it was never ready */
    }
    int wrong = look_at(pid, PROCESS_STORER, ready[0], listener);
    (void)kill(pid, SIGTERM);
    int status = await_status(pid);
    return wrong != 0 ? wrong : status;
}

/* A storer that is left alone once it is ready. */
static int leave_storer(void *context)
{
    struct fixture *fixture = context;
    int ready[2];
    char byte = 0;
    become_supervisor(fixture);
    if (pipe(ready) != 0) {
        return NOT_READY;
    }
    wait_set_up_storer(&fixture->heritage.segment);
    const struct process_errand errand = {.descriptor = ready[1], .supervisors = ready[0]};
    (void)fork_role(fixture, PROCESS_STORER, &errand);
    (void)close(ready[1]); /* a storer that fails ends the reading too */
    return read(ready[0], &byte, 1) == 1 ? 0 : NOT_READY;
}

/* A handler whose peer says something that is answered, and goes. */
static int supervise_handler(void *context)
{
    static const char question[] = "1:5\r\n";
    struct fixture *fixture = context;
    int ends[2];
    char answer[LINK_BYTES];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    become_supervisor(fixture);
    if (listener < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        return NOT_READY;
    }
    fixture->heritage.listeners = (struct listeners){.count = 1, .descriptors = {listener}};
    slot_set_up(&fixture->heritage.segment, 0, "peer");
    const struct process_errand errand = {
        .descriptor = ends[0], .supervisors = ends[1], .slot_index = 0};
    pid_t pid = fork_role(fixture, PROCESS_HANDLER, &errand);
    (void)close(ends[0]);
    if (send(ends[1], question, sizeof question - 1, MSG_NOSIGNAL) < 0 ||
        recv(ends[1], answer, sizeof answer, 0) <= 0) {
        return await_status(pid); /* it did not serve */
    }
    int wrong = look_at(pid, PROCESS_HANDLER, ends[1], listener);
    (void)close(ends[1]);
    if (wrong != 0) {
        (void)kill(pid, SIGKILL); /* with our end open it would wait for itself */
    }
    int status = await_status(pid);
    return wrong != 0 ? wrong : status;
}

static void expect_status(struct fixture *fixture, int (*supervise)(void *context), int status)
{
    pid_t pid = processes_start(&fixture->processes, supervise, fixture);
    processes_expect_exit(&fixture->processes, pid, status);
    assert_int_equal(atomic_load(&fixture->seen->came_back), 0);
    assert_int_equal(atomic_load(&fixture->seen->exit_handlers), 0);
}

/* ------------------------------------------------------------------ tests ---- */

static void a_storer_ends_where_its_entry_does(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, supervise_storer, STORER_EXIT_DRAINED);
    atomic_store(&fixture->heritage.segment.shared->storer.sync_failed, 1);
    expect_status(fixture, supervise_storer, STORER_EXIT_DISK_DISTRUSTED);
}

static void a_handler_ends_where_its_entry_does(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, supervise_handler, EXIT_SUCCESS);
    assert_true(gate_exists(fixture->key, getuid())); /* what is shared is the supervisor's */
    gate_remove(fixture->heritage.gate_id);
    expect_status(fixture, supervise_handler, EXIT_FAILURE);
}

/* One that was not its child's parent any more when the child looked. */
static int supervise_another_s_storer(void *context)
{
    struct fixture *fixture = context;
    become_supervisor(fixture);
    fixture->heritage.supervisor_pid = getppid();
    const struct process_errand errand = {.descriptor = PROCESS_NO_DESCRIPTOR,
                                          .supervisors = PROCESS_NO_DESCRIPTOR};
    wait_set_up_storer(&fixture->heritage.segment);
    return await_status(fork_role(fixture, PROCESS_STORER, &errand));
}

static bool is_cleared_up(const void *context)
{
    const struct fixture *fixture = context;
    struct segment segment = {0};
    struct failure failure;
    enum segment_answer answer = segment_attach(fixture->key, &segment, &failure);
    if (answer == SEGMENT_ATTACHED) {
        segment_unmap(&segment);
    }
    return answer == SEGMENT_ABSENT && !gate_exists(fixture->key, getuid());
}

static void a_storer_whose_supervisor_has_died_clears_up(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, leave_storer, 0);
    processes_await(is_cleared_up, fixture);
}

static void a_storer_whose_supervisor_was_dead_before_it_began_only_clears_up(void **state)
{
    struct fixture *fixture = *state;
    expect_status(fixture, supervise_another_s_storer, EXIT_FAILURE);
    assert_true(is_cleared_up(fixture));
    assert_int_equal(atomic_load(&fixture->heritage.segment.shared->storer.pid), 0);
}

static void each_role_has_a_name_that_ps_shows_whole(void **state)
{
    enum { COMM_BYTES_MAX = 15 };
    (void)state;
    for (int role = 0; role < PROCESS_ROLES; role++) {
        const char *name = process_role_name((enum process_role)role);
        assert_non_null(name);
        assert_int_equal(strncmp(name, "lottery-", 8), 0);
        assert_in_range(strlen(name), 1, COMM_BYTES_MAX);
    }
}

#define PROCESSES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROCESSES_TEST(a_storer_ends_where_its_entry_does),
        PROCESSES_TEST(a_handler_ends_where_its_entry_does),
        PROCESSES_TEST(a_storer_whose_supervisor_has_died_clears_up),
        PROCESSES_TEST(a_storer_whose_supervisor_was_dead_before_it_began_only_clears_up),
        cmocka_unit_test(each_role_has_a_name_that_ps_shows_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
