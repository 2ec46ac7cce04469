/*
 * test_confinement.c - what the rules let a process do, and how it ends where they don't.
 *
 * Each attempt is a forked child that takes a rule on, tries one thing, and ends: by itself, with
 * what came of it, or by SIGSYS.
 */
#include "server/confinement.h"

#include "server/confinement_files.h"
#include "server/confinement_identity.h"
#include "tests/harness/files.h"
#include "tests/harness/stage.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINEMENT_NEEDED() skip() /* a sanitizer's own calls are in no list */
#else
#define CONFINEMENT_NEEDED()                                                                       \
    do {                                                                                           \
        if (!confinement_calls_are_there()) {                                                      \
            skip();                                                                                \
        }                                                                                          \
    } while (0)
#endif

enum { DONE = 0, NOT_CONFINED = 120, STORER = CONFINEMENT_CHILDREN, HANDLER };

/* What is tried; returns DONE, or the errno of what was refused. */
typedef int attempt(const char *directory);

static int open_before = -1; /* a descriptor, for write_to_an_open_file */

static int result_of(bool done)
{
    return done ? DONE : errno;
}

/* ------------------------------------------------------------ the attempts ---- */

static const char *below(const char *directory, const char *name)
{
    static char path[STAGE_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int do_nothing(const char *directory)
{
    (void)directory;
    return DONE;
}

static int read_a_stored_file(const char *directory)
{
    char byte = 0;
    int file = open(below(directory, "winners.csv"), O_RDONLY | O_CLOEXEC);
    return result_of(file >= 0 && pread(file, &byte, 1, 0) == 1);
}

static int read_passwd(const char *directory)
{
    (void)directory;
    return result_of(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
}

/* The certificate's name is a link, to which a renewal gives another target beside the one before. */
static int read_the_certificate_after(const char *directory)
{
    return result_of(open(below(directory, "../archive/cert2.pem"), O_RDONLY | O_CLOEXEC) >= 0);
}

static int read_what_is_beside_its_directory(const char *directory)
{
    return result_of(open(below(directory, "../passwords"), O_RDONLY | O_CLOEXEC) >= 0);
}

static int make_a_file(const char *directory)
{
    return result_of(open(below(directory, "new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

static int make_a_file_elsewhere(const char *directory)
{
    (void)directory;
    return result_of(open("/tmp/lottery-not-here", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0);
}

static int make_an_unnamed_file(const char *directory)
{
    return result_of(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) >= 0);
}

static int write_a_stored_file(const char *directory)
{
    return result_of(open(below(directory, "winners.csv"), O_RDWR | O_CLOEXEC) >= 0);
}

static int remove_a_stored_file(const char *directory)
{
    return result_of(unlinkat(AT_FDCWD, below(directory, "winners.csv"), 0) == 0);
}

static int make_a_directory(const char *directory)
{
    return result_of(mkdirat(AT_FDCWD, below(directory, "new"), 0700) == 0);
}

static int make_a_socket(const char *directory)
{
    (void)directory;
    return result_of(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

/* It could send to every socket that has a name, without connect(2). */
static int make_a_pair_of_datagrams(const char *directory)
{
    int ends[2];
    (void)directory;
    return result_of(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
}

static int make_a_pair_for_the_keyholder(const char *directory)
{
    int ends[2];
    (void)directory;
    return result_of(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
}

static int wait_a_moment(const char *directory)
{
    const struct timespec moment = {.tv_nsec = 1};
    (void)directory;
    return result_of(nanosleep(&moment, NULL) == 0);
}

/* As the C library does where it can't read the clock from the kernel's page. */
static int ask_the_kernel_for_the_time(const char *directory)
{
    struct timeval day;
    struct timespec clock;
    (void)directory;
    return result_of(syscall(SYS_gettimeofday, &day, NULL) == 0 &&
                     syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &clock) == 0);
}

static int execute(const char *directory)
{
    char *const nothing[] = {NULL};
    (void)directory;
    return result_of(execve("/bin/true", nothing, nothing) == 0);
}

static int fork_a_process(const char *directory)
{
    (void)directory;
    pid_t child = fork();
    if (child == 0) {
        _exit(DONE);
    }
    return result_of(child > 0);
}

static int make_memory_executable(const char *directory)
{
    (void)directory;
    return result_of(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                     MAP_FAILED);
}

static int change_memory_to_executable(const char *directory)
{
    (void)directory;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result_of(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
}

static int take_more_memory_than_there_is(const char *directory)
{
    (void)directory;
    return result_of(mmap(NULL, (size_t)4 << 30, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED);
}

static int open_many_files(const char *directory)
{
    int opened = 0;
    while (opened < 100 && open(directory, O_RDONLY | O_CLOEXEC) >= 0) {
        opened++;
    }
    return result_of(opened == 100);
}

static int signal_the_parent(const char *directory)
{
    (void)directory;
    return result_of(kill(getppid(), SIGCONT) == 0);
}

/* As abort(3) does to its own process. */
static int abort_the_parent(const char *directory)
{
    (void)directory;
    return result_of(syscall(SYS_tgkill, getppid(), getppid(), SIGABRT) == 0);
}

static int abort_itself(const char *directory)
{
    (void)directory;
    abort();
}

static int look_whether_the_parent_lives(const char *directory)
{
    (void)directory;
    int process = (int)syscall(SYS_pidfd_open, getppid(), 0);
    return result_of(process >= 0);
}

static int trace_the_parent(const char *directory)
{
    (void)directory;
    return result_of(syscall(SYS_ptrace, 16L /* PTRACE_ATTACH */, getppid(), 0L, 0L) == 0);
}

static int call_of_the_other_width(const char *directory)
{
    enum { X32_BIT = 0x40000000 };
    (void)directory;
    return result_of(syscall(X32_BIT | SYS_getpid) >= 0);
}

static int become_root_again(const char *directory)
{
    (void)directory;
    return result_of(setuid(0) == 0);
}

/* Of a file that was open before, as `lock` is. */
static int write_to_an_open_file(const char *directory)
{
    (void)directory;
    return result_of(write(open_before, "1", 1) == 1);
}

/* ------------------------------------------------------------- the machine ---- */

static bool prepare(struct confinement *confinement, const char *directory, int mode)
{
    static const struct confinement_rule *const rules[SHARED_CONFINED_MAX] = {
        &confinement_of_supervisor, &confinement_of_storer, &confinement_of_handler};
    static struct server_config config;
    struct failure failure;
    config = (struct server_config){.confinement = mode, .limit_message_bytes = UINT64_C(65536)};
    (void)snprintf(config.tls_certificate, sizeof config.tls_certificate, "%s/../live/cert.pem",
                   directory);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool prepared = confinement_prepare(confinement, &config, descriptor, "", rules, &failure);
    (void)close(descriptor);
    return prepared;
}

/* In a child, which the supervisor of a server would be. */
static int live(const char *directory, int mode, unsigned index, attempt *try_it)
{
    struct confinement confinement;
    struct failure failure;
    bool confined =
        prepare(&confinement, directory, mode) &&
        confinement_enter(&confinement, CONFINEMENT_SUPERVISOR, &failure) &&
        (index == CONFINEMENT_SUPERVISOR || confinement_enter(&confinement, index, &failure));
    return confined ? try_it(directory) : NOT_CONFINED;
}

/* Returns waitpid's status of a process that has tried it. */
static int try_below(const char *directory, int mode, unsigned index, attempt *try_it)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(live(directory, mode, index, try_it));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

/* The same, for what is stored in the stage's directory. */
static int try_in(struct stage *stage, int mode, unsigned index, attempt *try_it)
{
    files_write(stage_path(stage, "winners.csv"), "1");
    return try_below(stage->directory, mode, index, try_it);
}

static void expect_result(struct stage *stage, unsigned index, attempt *try_it, int result)
{
    int status = try_in(stage, CONFINEMENT_ENFORCE, index, try_it);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != result) {
        fail_msg("status 0x%x, and %d (%s) was expected", (unsigned)status, result,
                 strerror(result));
    }
}

static void expect_forbidden(struct stage *stage, unsigned index, attempt *try_it)
{
    int status = try_in(stage, CONFINEMENT_ENFORCE, index, try_it);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS || WCOREDUMP(status)) {
        fail_msg("status 0x%x, and death by SIGSYS was expected", (unsigned)status);
    }
}

/* ------------------------------------------------------------------- tests ---- */

static void a_handler_reads_what_is_stored_and_no_other_file(void **state)
{
    CONFINEMENT_NEEDED();
    struct stage *stage = *state;
    expect_result(stage, HANDLER, do_nothing, DONE);
    expect_result(stage, HANDLER, read_a_stored_file, DONE);
    if (confinement_files_version() > 0) {
        expect_result(stage, HANDLER, read_passwd, EACCES);
    }
}

static void a_handler_changes_no_file(void **state)
{
    CONFINEMENT_NEEDED();
    struct stage *stage = *state;
    static attempt *const attempts[] = {make_a_file, make_an_unnamed_file, write_a_stored_file,
                                        remove_a_stored_file, make_a_directory};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        expect_forbidden(stage, HANDLER, attempts[i]);
    }
    assert_false(files_exist(stage_path(stage, "new")));
}

static void no_child_connects_executes_forks_or_makes_code(void **state)
{
    CONFINEMENT_NEEDED();
    static attempt *const attempts[] = {
        make_a_socket,     make_a_pair_of_datagrams, execute,
        fork_a_process,    make_memory_executable,   change_memory_to_executable,
        signal_the_parent, abort_the_parent,         trace_the_parent,
        become_root_again};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        expect_forbidden(*state, STORER, attempts[i]);
        expect_forbidden(*state, HANDLER, attempts[i]);
    }
    expect_result(*state, HANDLER, look_whether_the_parent_lives, DONE);
}

static void every_process_may_abort(void **state)
{
    CONFINEMENT_NEEDED();
    static const unsigned indices[] = {CONFINEMENT_SUPERVISOR, STORER, HANDLER};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        int status = try_in(*state, CONFINEMENT_ENFORCE, indices[i], abort_itself);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

static void the_supervisor_executes_nothing_and_opens_no_connection(void **state)
{
    CONFINEMENT_NEEDED();
    static attempt *const attempts[] = {make_a_socket, execute, make_memory_executable,
                                        trace_the_parent, become_root_again};
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        expect_forbidden(*state, CONFINEMENT_SUPERVISOR, attempts[i]);
    }
    expect_result(*state, CONFINEMENT_SUPERVISOR, fork_a_process, DONE);
}

static void the_storer_writes_below_the_data_directory_alone(void **state)
{
    CONFINEMENT_NEEDED();
    struct stage *stage = *state;
    expect_result(stage, STORER, make_a_file, DONE);
    expect_result(stage, STORER, write_a_stored_file, DONE);
    expect_result(stage, STORER, remove_a_stored_file, DONE);
    expect_forbidden(stage, STORER, make_a_directory);
    if (confinement_files_version() > 0) {
        expect_result(stage, STORER, read_passwd, EACCES);
        expect_result(stage, STORER, make_a_file_elsewhere, EACCES);
    }
}

static void the_supervisor_reads_a_certificate_where_its_link_points_to(void **state)
{
    CONFINEMENT_NEEDED();
    if (confinement_files_version() == 0) {
        skip();
    }
    struct stage *stage = *state;
    const char *data = stage_path(stage, "data");
    assert_int_equal(mkdir(data, 0700), 0);
    assert_int_equal(mkdir(stage_path(stage, "live"), 0700), 0);
    assert_int_equal(mkdir(stage_path(stage, "archive"), 0700), 0);
    files_write(stage_path(stage, "archive/cert1.pem"), "1");
    files_write(stage_path(stage, "archive/cert2.pem"), "2");
    files_write(stage_path(stage, "passwords"), "3");
    assert_int_equal(symlink("../archive/cert1.pem", stage_path(stage, "live/cert.pem")), 0);
    int status =
        try_below(data, CONFINEMENT_ENFORCE, CONFINEMENT_SUPERVISOR, read_the_certificate_after);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DONE);
    status = try_below(data, CONFINEMENT_ENFORCE, CONFINEMENT_SUPERVISOR,
                       read_what_is_beside_its_directory);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EACCES);
}

/* One that writes its log to a pipe, or to nobody; and one that writes it to a file. */
static void files_that_were_open_do_not_grow(void **state)
{
    CONFINEMENT_NEEDED();
    struct stage *stage = *state;
    int outputs[] = {dup(STDOUT_FILENO), dup(STDERR_FILENO)};
    int nobody = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int file = open(stage_path(stage, "log"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int results[2] = {0};
    (void)signal(SIGXFSZ, SIG_IGN);
    open_before = open(stage_path(stage, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(open_before >= 0 && nobody >= 0 && file >= 0 && outputs[0] >= 0 && outputs[1] >= 0);
    for (int i = 0; i < 2; i++) {
        (void)dup2(nobody, STDERR_FILENO);
        (void)dup2(i == 0 ? nobody : file, STDOUT_FILENO);
        results[i] = try_in(stage, CONFINEMENT_ENFORCE, HANDLER, write_to_an_open_file);
    }
    (void)dup2(outputs[0], STDOUT_FILENO);
    (void)dup2(outputs[1], STDERR_FILENO);
    const int opened[] = {outputs[0], outputs[1], nobody, file, open_before};
    for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++) {
        (void)close(opened[i]);
    }
    assert_true(WIFEXITED(results[0]) && WIFEXITED(results[1]));
    assert_int_equal(WEXITSTATUS(results[0]), EFBIG);
    assert_int_equal(WEXITSTATUS(results[1]), DONE);
}

static void memory_and_descriptors_end(void **state)
{
    CONFINEMENT_NEEDED();
    expect_result(*state, HANDLER, take_more_memory_than_there_is, ENOMEM);
    expect_result(*state, STORER, take_more_memory_than_there_is, ENOMEM);
    expect_result(*state, HANDLER, open_many_files, EMFILE);
    expect_result(*state, STORER, open_many_files, EMFILE);
}

static void a_handler_does_what_few_connections_need(void **state)
{
    CONFINEMENT_NEEDED();
    expect_result(*state, HANDLER, wait_a_moment, DONE);
    expect_result(*state, HANDLER, make_a_pair_for_the_keyholder, DONE);
    expect_result(*state, HANDLER, ask_the_kernel_for_the_time, DONE);
    expect_result(*state, STORER, ask_the_kernel_for_the_time, DONE);
}

static void calls_of_another_width_end_the_process(void **state)
{
    CONFINEMENT_NEEDED();
    expect_forbidden(*state, HANDLER, call_of_the_other_width);
}

static void where_it_is_only_told_it_is_done(void **state)
{
    CONFINEMENT_NEEDED();
    int status = try_in(*state, CONFINEMENT_LOG, HANDLER, make_a_socket);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
    status = try_in(*state, CONFINEMENT_LOG, HANDLER, read_passwd);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
}

/* Filters are not what keeps it from that: it has none. */
static void root_that_was_given_up_does_not_come_back(void **state)
{
    (void)state;
    STRANGER_NEEDED();
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct failure failure;
        bool gone = confinement_become("nobody", "", &failure) &&
                    confinement_give_up_root(&failure) && confinement_capabilities() == 0 &&
                    setuid(0) != 0 && seteuid(0) != 0 && setgid(0) != 0 &&
                    setgroups(0, NULL) != 0 && !confinement_is_root() &&
                    prctl(PR_CAPBSET_READ, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
        _exit(gone ? DONE : NOT_CONFINED);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_handler_reads_what_is_stored_and_no_other_file),
        STAGE_TEST(a_handler_changes_no_file),
        STAGE_TEST(no_child_connects_executes_forks_or_makes_code),
        STAGE_TEST(every_process_may_abort),
        STAGE_TEST(the_supervisor_executes_nothing_and_opens_no_connection),
        STAGE_TEST(the_storer_writes_below_the_data_directory_alone),
        STAGE_TEST(the_supervisor_reads_a_certificate_where_its_link_points_to),
        STAGE_TEST(files_that_were_open_do_not_grow),
        STAGE_TEST(memory_and_descriptors_end),
        STAGE_TEST(a_handler_does_what_few_connections_need),
        STAGE_TEST(calls_of_another_width_end_the_process),
        STAGE_TEST(where_it_is_only_told_it_is_done),
        cmocka_unit_test(root_that_was_given_up_does_not_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
