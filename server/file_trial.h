/*
 * file_trial.h - whether the files that the configuration names can be used: keys and certificates.
 *
 * Why it exists: a server that starts with a certificate of another key refuses all agencies, and one
 * that can't sign finds it out at the draw. What is found here, before a start, a replacement or by -t,
 * stops nobody.
 *
 * Called by main, as the user that the server would be. No state.
 */
#ifndef SERVER_FILE_TRIAL_H
#define SERVER_FILE_TRIAL_H

#include "server/server_config.h"

typedef void file_trial_tell(const char *mistake, void *context);

/*
 * Tries all of them, and calls `tell` with each thing that is wrong. What a key names that is in doubt
 * by `origins` is not looked at.
 */
void file_trial_run(const struct server_config *config, const struct config_origin *origins,
                    file_trial_tell *tell, void *context);

#endif
