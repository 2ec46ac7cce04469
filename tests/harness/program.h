/*
 * program.h - a real program that a test has started: its log, its end.
 *
 * The program's standard output goes to a file (its log), its standard error
 * to another one; both can be searched and awaited. It runs in the stage's
 * directory, so that no config.yaml of the checkout is picked up, and with
 * nothing in its environment but what the test gives and what every process
 * needs. When the stage is taken down a program that still runs is killed; one
 * that a sanitizer complained about fails the test then.
 */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include "tests/harness/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* "NAME=value" strings for the program's environment; or NULL for none. The first of two wins. */
#define ENVIRONMENT(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Arguments behind the program's name; or NULL for none. */
#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct program_plan {
    const char *name; /* "lottery-..." in LOTTERY_BIN (default bin); others are found by PATH */
    const char *const *arguments;
    const char *const *environment;
    const char *const *more_environment; /* what `environment` does not say; or NULL */
    int output;      /* a descriptor for standard output, in place of the log's file; 0: none */
    int last_signal; /* what ends it when the stage is taken down; 0: SIGKILL */
};

/* How a program has ended. */
struct program_end {
    int status;         /* the exit status; or 128 and the number of the signal */
    int64_t elapsed_ms; /* from the call that awaited it, or asked for it, to the end */
};

struct program {
    struct stage *stage;
    const char *name;
    pid_t pid;
    bool ended;              /* it has been reaped */
    int last_signal;         /* of the plan */
    int status;              /* as waitpid gave it, once it has ended */
    int log_watch;           /* inotify, of the log */
    const char *log_path;    /* standard output */
    const char *errors_path; /* standard error */
};

struct program *program_start(struct stage *stage, const struct program_plan *plan);

/* Awaits the end; fails the test when it does not come within DEADLINE_MS. */
struct program_end program_await_end(struct program *program);

/* Sends the signal and awaits the end. */
struct program_end program_stop(struct program *program, int signal_number);

/* True when the program has ended by now; reaps it then. */
bool program_has_ended(struct program *program);

/* Runs a program to its end: for checks like `lottery-server -t`. */
struct program *program_run(struct stage *stage, const struct program_plan *plan,
                            struct program_end *end);

/* All that the program has logged, or said on standard error, so far; the stage's. */
const char *program_log(struct program *program);
const char *program_errors(struct program *program);

/*
 * How many lines of the log match the pattern, in which "*" stands for anything
 * (fnmatch; it may start and end anywhere in the line): "action: sorteo*success".
 */
size_t program_count_log(struct program *program, const char *pattern);

/*
 * Awaits at least `count` such lines; fails the test, and shows the log, when
 * they don't come within DEADLINE_MS or the program ends without them. Returns
 * a copy of the last of them, which is the stage's.
 */
#define program_await_log(program, count, pattern)                                                 \
    program_await_log_at(program, count, pattern, __FILE__, __LINE__)
const char *program_await_log_at(struct program *program, size_t count, const char *pattern,
                                 const char *file, int line);

/* True where programs are kept to what they may do: not where a sanitizer is built into them. */
bool program_is_confined(void);

/* Prints the log and what was said on standard error, for people who read a failed test. */
void program_show(struct program *program);

#endif
