/*
 * accepting.h - who connects gets a handler, or is refused.
 *
 * What it promises: at most ACCEPTS_A_ROUND connections are taken at an address before the others', and the
 * children, are looked after; lines about those who are not let in are limited. Where the machine has no
 * process or descriptor left, there is a pause, and those who connect wait in the backlog.
 *
 * Called by the supervisor alone.
 */
#ifndef SERVER_SUPERVISOR_ACCEPTING_H
#define SERVER_SUPERVISOR_ACCEPTING_H

#include "server/supervisor/supervisor_state.h"

/* Accepts at each address where poll(2) has found somebody, in turn. */
void accepting_at_all(struct supervisor *supervisor, const struct pollfd polls[LISTENERS_MAX]);

/* Says in the log how many lines about refusals were left out; nothing for 0. */
void accepting_log_suppressed(uint64_t suppressed);

#endif
