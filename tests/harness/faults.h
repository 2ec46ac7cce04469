/*
 * faults.h - one lottery whose servers die and come back, for the fault tests.
 *
 * A lottery outlives its servers: it keeps the data directory and the port, so
 * that agencies find the next server where the last one was. Its programs are
 * those with fault points in them (lib/fault_point.h): build/faults/bin, or
 * what LOTTERY_FAULT_BIN says. Called by the test's process.
 */
#ifndef HARNESS_FAULTS_H
#define HARNESS_FAULTS_H

#include "tests/harness/server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOTTERY_WINNING_NUMBER = 7574, LOTTERY_SETTINGS_MAX = 16 };

struct lottery {
    struct stage *stage;
    unsigned port;         /* of every one of its servers; below those that the kernel gives out */
    const char *directory; /* of the data */
    const char *token;     /* the file that the process that dies removes */
    const char *const *settings; /* environment of every server */
    struct server *server;       /* the newest one */
    unsigned refused_starts;     /* servers that gave up because a dead one's child still lived */
    struct segment segment;      /* that server's, read-only; it can be read after its death */
};

/* To be called first by main: the harness starts the programs that have fault points. */
void faults_use_programs(void);

/* Opens a lottery without a server. `settings`: ENVIRONMENT(...) that outlives it, or NULL. */
struct lottery *lottery_open(struct stage *stage, const char *const *settings);

/*
 * Starts the next server, and awaits that it listens. `fault` is what
 * LOTTERY_FAULT is to be ("storer.written:3:KILL"), which happens once it is armed; NULL: none.
 */
void lottery_start(struct lottery *lottery, const char *fault);

/* Starts a server without awaiting anything of it: it may die on its way. */
struct program *lottery_start_only(struct lottery *lottery, const char *fault);

/*
 * Attaches to the segment that the server has by now, another one after each opening of a draw;
 * keeps the one before while there is none.
 */
void lottery_attach_again(struct lottery *lottery);

/* ---- faults ---- */

/* Puts the token there: the next process that arrives where it is meant dies. */
void lottery_arm(const struct lottery *lottery);

/* True once the token has been taken. */
bool lottery_fault_struck(const struct lottery *lottery);
void lottery_await_fault(const struct lottery *lottery);

/* ---- processes, by the pids in the segment ---- */

/* The pid, or 0 where there is none, or it has ended already, or is no child of the server. */
pid_t lottery_storer(const struct lottery *lottery);

/* As many live handlers as there is room for; returns how many there are of those. */
size_t lottery_handlers(const struct lottery *lottery, pid_t *pids, size_t capacity);

/* Awaits that a stopped process has come to rest (state T in /proc). */
void lottery_await_stopped(const struct lottery *lottery, pid_t pid);

/* Reaps children of dead supervisors that have ended by now; does not wait. */
void lottery_reap_orphans(void);

/* The bets of an agency, by the server's own counting. */
uint64_t lottery_count_bets(const struct lottery *lottery, uint32_t id);

/* ---- judges ---- */

/* What the newest server has seen dying, and repaired. */
struct lottery_deaths {
    uint64_t handlers, storers, recoveries;
    uint64_t forbidden; /* of those handlers and storers: by a forbidden system call */
    /* Only of what is expected: as many more, where one is killed that may hold the lock, or not. */
    uint64_t recoveries_by_chance;
};

/* Expects that counters and obituaries in the log agree, and come to say exactly this. */
void lottery_expect_deaths(const struct lottery *lottery, struct lottery_deaths expected);

/* An agency as the judges know it. */
struct lottery_agency {
    uint32_t id;
    const char *bets;    /* the file of its bets */
    const char *winners; /* the file of the winners that it got; NULL: not compared */
};

/*
 * Expects, by an independent reading: each agency's bets in bets.csv exactly once
 * and in order; its winners, and only those, in winners.csv and in its own
 * file; the same numbers in the segment.
 */
void lottery_expect_exactly_once(const struct lottery *lottery,
                                 const struct lottery_agency *agencies, size_t count);

/*
 * Expects of bets.csv, as far as the newest server says that it is durable, no more than
 * this: that it begins with the agency's acknowledged bets. Others may bet meanwhile.
 */
void lottery_expect_stored(const struct lottery *lottery, const struct lottery_agency *agency,
                           size_t acknowledged);

/* Stops the server well, and expects that only the lottery's own files are left of it. */
void lottery_close(struct lottery *lottery);

#endif
