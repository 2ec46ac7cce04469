/*
 * key_trial.h - whether the private key can be read, before there is a keyholder.
 *
 * Why it exists: a key that is encrypted, cut short, or another certificate's, would be found by the
 * keyholder, when a server that was to be replaced or restarted has ended already.
 *
 * What it promises: a child reads the key and ends, so that it never was in the memory of the process
 * that becomes the supervisor. The child leaves no core file. If it dies, that is a failure.
 *
 * Called by main, before there are other processes.
 */
#ifndef SERVER_KEYHOLDER_KEY_TRIAL_H
#define SERVER_KEYHOLDER_KEY_TRIAL_H

#include "lib/failure.h"
#include "server/key_channel.h"

#include <stdbool.h>

/* True where a keyholder could sign with it; else the failure says what is wrong (private_key_read). */
bool key_trial_run(const struct held_key *held, struct failure *failure);

#endif
