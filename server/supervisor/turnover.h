/*
 * turnover.h - one draw after another: starts the current one, and makes the next one current.
 *
 * What it promises: nothing is written before all children of the draw before have ended, and the listeners
 * stay open, so whoever connects meanwhile waits. If the next draw can't be opened, the current one goes on.
 *
 * Called by the supervisor alone. If it dies between two draws, the next start finds in `control` which one is
 * the current one.
 */
#ifndef SERVER_SUPERVISOR_TURNOVER_H
#define SERVER_SUPERVISOR_TURNOVER_H

#include "server/supervisor/supervisor_state.h"

/* Starts the current draw: after this the server serves. False with the failure. */
bool turnover_start(struct supervisor *supervisor, struct failure *failure);

/*
 * Ends the current draw and makes the next one the current one, for turnover_start. False, with the failure
 * and without children, when no draw can go on.
 */
bool turnover_run(struct supervisor *supervisor, struct failure *failure);

/*
 * Makes what a start of the current draw needs, after everything was stopped for a successor that has gone.
 * False with the failure.
 */
bool turnover_resume(struct supervisor *supervisor, struct failure *failure);

#endif
