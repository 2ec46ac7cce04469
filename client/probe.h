/*
 * probe.h - echo probes: does the server answer at all?
 *
 * The course's first exercises: one connection each, one line, which has to
 * come back unchanged. Nothing is stored by it.
 */
#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include "client/job.h"

/* Sends loop.amount probes, loop.period apart; none is a success. The first failure ends it. */
enum job_step probe_run(struct job *job);

#endif
