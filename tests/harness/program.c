/*
 * program.c - see program.h.
 */
#include "tests/harness/program.h"

#include "tests/harness/deadline.h"
#include "tests/harness/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FILE_MODE = 0644,
    VARIABLES_MAX = 64,
    ARGUMENTS_MAX = 16,
    PATTERN_BYTES = 256,
    SIGNAL_STATUS = 128,
    CANNOT_EXECUTE = 127,
    SHOWN_BYTES = 8192
};

/* ------------------------------------------------------------- starting ---- */

/* The program's file: an absolute path, because it starts in another directory. */
static const char *find_program(struct stage *stage, const char *name)
{
    static const char ours[] = "lottery-";
    if (strncmp(name, ours, sizeof ours - 1) != 0) {
        return name;
    }
    const char *directory = getenv("LOTTERY_BIN");
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", directory == NULL ? "bin" : directory, name);
    char *absolute = realpath(path, NULL);
    if (absolute == NULL) {
        stage_fail_at(__FILE__, __LINE__, "%s: %s (LOTTERY_BIN says where the programs are)", path,
                      strerror(errno));
    }
    return stage_keep(stage, absolute);
}

static size_t add_variables(const char **variables, size_t used, const char *const *more)
{
    for (; more != NULL && *more != NULL && used < VARIABLES_MAX; more++) {
        variables[used++] = *more;
    }
    return used;
}

/*
 * A sanitizer maps memory, opens files and starts threads for itself, which no list of system calls
 * can know. So its programs are not confined; all others are.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNCONFINED "CONFINEMENT=off"
#else
#define UNCONFINED ((const char *)NULL)
#endif

bool program_is_confined(void)
{
    return UNCONFINED == NULL;
}

/* What the programs get from us whatever the test says: where things are, how to be watched. */
static size_t add_inherited(struct stage *stage, const char **variables, size_t used)
{
    static const char *const names[] = {"PATH",          "HOME",         "TMPDIR", "ASAN_OPTIONS",
                                        "UBSAN_OPTIONS", "LSAN_OPTIONS", "TZ"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && used < VARIABLES_MAX; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL) {
            variables[used++] = stage_text(stage, "%s=%s", names[i], value);
        }
    }
    return used;
}

static bool redirect(const char *path, int descriptor)
{
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return file >= 0 && dup2(file, descriptor) == descriptor;
}

static bool redirect_output(const struct program *program, int output)
{
    return output > 0 ? dup2(output, STDOUT_FILENO) == STDOUT_FILENO
                      : redirect(program->log_path, STDOUT_FILENO);
}

/* In the child: from fork to exec. */
static void become(const struct program *program, int output, char *const *arguments,
                   char **variables, const char *path, pid_t parent)
{
    sigset_t none; /* a test that has blocked signals has not blocked them for its programs */
    (void)sigemptyset(&none);
    environ = variables;
    if (sigprocmask(SIG_SETMASK, &none, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 &&
        getppid() == parent && chdir(program->stage->directory) == 0 &&
        redirect("/dev/null", STDIN_FILENO) && redirect_output(program, output) &&
        redirect(program->errors_path, STDERR_FILENO)) {
        (void)execvp(path, arguments);
        perror(path);
    }
}

static void fork_program(struct program *program, const struct program_plan *plan)
{
    const char *path = find_program(program->stage, plan->name);
    const char *variables[VARIABLES_MAX + 1] = {NULL};
    size_t used = add_variables(variables, 0, plan->environment);
    used = add_variables(variables, used, plan->more_environment);
    used = add_variables(variables, used, (const char *const[]){UNCONFINED, NULL});
    (void)add_inherited(program->stage, variables, used);
    const char *arguments[ARGUMENTS_MAX + 1] = {plan->name};
    for (size_t i = 0; plan->arguments != NULL && plan->arguments[i] != NULL; i++) {
        arguments[i + 1 < ARGUMENTS_MAX ? i + 1 : ARGUMENTS_MAX - 1] = plan->arguments[i];
    }
    pid_t parent = getpid();
    program->pid = fork();
    if (program->pid == 0) {
        become(program, plan->output, (char *const *)arguments, (char **)variables, path, parent);
        _exit(CANNOT_EXECUTE);
    }
    if (program->pid < 0) {
        program->ended = true;
        stage_fail_at(__FILE__, __LINE__, "fork: %s", strerror(errno));
    }
}

/* --------------------------------------------------------------- ending ---- */

/* The watch goes with it: a user may have 128 of them, and a test may run more programs. */
static void note_end(struct program *program, int status)
{
    program->ended = true;
    program->status = status;
    if (program->log_watch >= 0) {
        (void)close(program->log_watch);
        program->log_watch = -1;
    }
}

bool program_has_ended(struct program *program)
{
    int status = 0;
    if (!program->ended && waitpid(program->pid, &status, WNOHANG) == program->pid) {
        note_end(program, status);
    }
    return program->ended;
}

/* True when it ended in time. */
static bool await_end(struct program *program, struct deadline deadline)
{
    if (program_has_ended(program)) {
        return true;
    }
    int descriptor = (int)syscall(SYS_pidfd_open, program->pid, 0);
    struct pollfd poll_end = {.fd = descriptor, .events = POLLIN};
    while (!program_has_ended(program) && deadline_left_ms(deadline) > 0) {
        if (descriptor < 0) {
            (void)deadline_pause(deadline);
        } else {
            (void)poll(&poll_end, 1, deadline_left_ms(deadline));
        }
    }
    if (descriptor >= 0) {
        (void)close(descriptor);
    }
    return program->ended;
}

struct program_end program_await_end(struct program *program)
{
    int64_t began_ms = deadline_clock_ms();
    if (!await_end(program, deadline_in(DEADLINE_MS))) {
        program_show(program);
        stage_fail_at(__FILE__, __LINE__, "%s (pid %d) did not end within %d ms", program->name,
                      (int)program->pid, DEADLINE_MS);
    }
    return (struct program_end){.status = WIFEXITED(program->status)
                                              ? WEXITSTATUS(program->status)
                                              : SIGNAL_STATUS + WTERMSIG(program->status),
                                .elapsed_ms = deadline_clock_ms() - began_ms};
}

struct program_end program_stop(struct program *program, int signal_number)
{
    if (!program_has_ended(program)) {
        (void)kill(program->pid, signal_number);
    }
    return program_await_end(program);
}

/* The sanitizers' findings, which no test may overlook. */
static bool is_healthy(struct program *program)
{
    static const char *const complaints[] = {"Sanitizer", "runtime error:"};
    const char *errors = program_errors(program);
    for (size_t i = 0; i < sizeof complaints / sizeof complaints[0]; i++) {
        if (strstr(errors, complaints[i]) != NULL) {
            (void)fprintf(stderr, "%s (pid %d):\n%s\n", program->name, (int)program->pid, errors);
            return false;
        }
    }
    return true;
}

static bool release_program(void *thing)
{
    struct program *program = thing;
    if (!program_has_ended(program)) {
        (void)kill(program->pid, program->last_signal);
        (void)waitpid(program->pid, &program->status, 0);
    }
    if (program->log_watch >= 0) {
        (void)close(program->log_watch);
    }
    return is_healthy(program);
}

/* ------------------------------------------------------------------ life ---- */

struct program *program_start(struct stage *stage, const struct program_plan *plan)
{
    static unsigned number; /* of the files' names, which are different within a stage */
    struct program *program = stage_allocate(stage, sizeof *program);
    *program = (struct program){.stage = stage,
                                .name = plan->name,
                                .last_signal = plan->last_signal == 0 ? SIGKILL : plan->last_signal,
                                .log_watch = -1};
    program->log_path = stage_path(stage, "%s-%u.log", plan->name, ++number);
    program->errors_path = stage_path(stage, "%s-%u.errors", plan->name, number);
    files_write(program->log_path, "");
    files_write(program->errors_path, "");
    program->log_watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (program->log_watch < 0 ||
        inotify_add_watch(program->log_watch, program->log_path, IN_MODIFY) < 0) {
        stage_fail_at(__FILE__, __LINE__, "inotify: %s", strerror(errno));
    }
    fork_program(program, plan);
    stage_own(stage, program, release_program);
    return program;
}

struct program *program_run(struct stage *stage, const struct program_plan *plan,
                            struct program_end *end)
{
    struct program *program = program_start(stage, plan);
    *end = program_await_end(program);
    return program;
}

/* ------------------------------------------------------------------- log ---- */

const char *program_log(struct program *program)
{
    return files_read(program->stage, program->log_path, NULL);
}

const char *program_errors(struct program *program)
{
    return files_read(program->stage, program->errors_path, NULL);
}

static bool line_matches(const char *line, const char *pattern)
{
    char anywhere[PATTERN_BYTES];
    (void)snprintf(anywhere, sizeof anywhere, "*%s*", pattern);
    return fnmatch(anywhere, line, FNM_NOESCAPE) == 0;
}

/* Counts whole lines that match; *last, where wanted, gets a copy of the last one. */
static size_t count_lines(struct program *program, const char *pattern, const char **last)
{
    size_t count = 0;
    size_t bytes = 0;
    char *text = files_load(program->log_path, &bytes);
    const char *found = NULL;
    const char *text_end = text == NULL ? NULL : text + bytes;
    for (char *line = text, *end = NULL;
         line < text_end && (end = memchr(line, '\n', (size_t)(text_end - line))) != NULL;
         line = end + 1) {
        *end = '\0';
        if (line_matches(line, pattern)) {
            count++;
            found = line;
        }
    }
    if (last != NULL && found != NULL) {
        *last = stage_keep(program->stage, strdup(found));
    }
    free(text);
    return count;
}

size_t program_count_log(struct program *program, const char *pattern)
{
    return count_lines(program, pattern, NULL);
}

/* Sleeps until the log has grown, or a little while: the program may have ended. */
static void await_log_growth(struct program *program, struct deadline deadline)
{
    enum { LOOK_AT_PROGRAM_MS = 100 };
    char events[4096];
    struct pollfd growth = {.fd = program->log_watch, .events = POLLIN};
    int left_ms = deadline_left_ms(deadline);
    (void)poll(&growth, 1, left_ms < LOOK_AT_PROGRAM_MS ? left_ms : LOOK_AT_PROGRAM_MS);
    while (read(program->log_watch, events, sizeof events) > 0) {
    }
}

const char *program_await_log_at(struct program *program, size_t count, const char *pattern,
                                 const char *file, int line)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    size_t found = 0;
    for (bool more = true; more; await_log_growth(program, deadline)) {
        more = !program_has_ended(program) && deadline_left_ms(deadline) > 0;
        found = count_lines(program, pattern, NULL);
        if (found >= count) {
            const char *last = "";
            (void)count_lines(program, pattern, &last);
            return last;
        }
    }
    program_show(program);
    stage_fail_at(file, line, "%zu lines like \"%s\" awaited in the log of %s, %zu came", count,
                  pattern, program->name, found);
}

static void show_end_of(const char *what, const char *text)
{
    size_t bytes = strlen(text);
    if (bytes > 0) {
        (void)fprintf(stderr, "--- %s\n%s---\n", what,
                      bytes > SHOWN_BYTES ? text + bytes - SHOWN_BYTES : text);
    }
}

void program_show(struct program *program)
{
    show_end_of(program->log_path, program_log(program));
    show_end_of(program->errors_path, program_errors(program));
}
