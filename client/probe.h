/*
 * probe.h - echo probes, which show whether the server answers.
 *
 * They are the course's first exercises. A probe sends one line on a connection of its
 * own, and the line has to come back unchanged. The server stores nothing of it.
 */
#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include "client/job.h"

/*
 * Sends loop.amount probes, loop.period apart, and ends at the first one that fails.
 * JOB_FAILED, JOB_UNTRUSTED: that one has been logged. JOB_WORKED: none failed, also where the
 * amount is 0.
 */
enum job_step probe_run(struct job *job);

#endif
