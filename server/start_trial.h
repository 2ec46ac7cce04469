/*
 * start_trial.h - what of this machine would keep a server from starting: directory, port, memory.
 *
 * Why it exists: -t is called before a server is restarted, often by a unit's ExecStartPre or
 * ExecReload. A start that fails stops the lottery, and a test that fails does not.
 *
 * What it promises: nothing is made, removed or changed. A server that runs on the directory has its
 * port and its memory already, so these are not tried then. Called by main, as the user that the
 * server would be.
 */
#ifndef SERVER_START_TRIAL_H
#define SERVER_START_TRIAL_H

#include "server/server_config.h"

/*
 * Looks at everything that a start needs, and calls `tell` with each thing that is wrong. `origins`
 * say which keys are in doubt: what those name is not looked at, and without the directory neither
 * port nor memory, because it is not known whose they are. *runs says whether a server runs on the
 * directory. Returns true when nothing is wrong.
 */
bool start_trial_run(const struct server_config *config, const struct config_origin *origins,
                     void (*tell)(const char *mistake, void *context), void *context, bool *runs);

#endif
