/*
 * claim.h - what one connection has claimed by STATUS, and what an ERROR makes of it.
 *
 * STATUS claims an agency: it gives the connection the agency's newest epoch. Only the connection
 * with that epoch may store bets for the agency. An ERROR on the connection breaks its claim.
 * Everything for the claimed agency is refused then, until the next STATUS. So what a connection
 * stores under a claim is a prefix of what it sent.
 *
 * Called by the handler's process alone. If it dies, its claim dies with it. The agency keeps the
 * epoch until another connection claims it.
 */
#ifndef SERVER_HANDLER_CLAIM_H
#define SERVER_HANDLER_CLAIM_H

#include "server/handler/peer_log.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <stdint.h>

enum claim_state { CLAIM_NONE, CLAIM_HELD, CLAIM_BROKEN };

struct claim {
    enum claim_state state;
    const struct agency *agency; /* of a claim that is held or broken */
    uint64_t epoch;
    uint64_t followers, follower_bets; /* refused since it is broken, not logged yet */
};

/* Claims the agency in place of what was claimed before, whose followers are logged. */
void claim_take(struct claim *claim, const struct agency *agency, uint64_t epoch,
                struct peer_log *log);

/*
 * The epoch by which the connection may store for the agency: EPOCH_UNFENCED without a claim on it.
 */
uint64_t claim_epoch(const struct claim *claim, const struct agency *agency);

/* Breaks the claim, if there is one. */
void claim_break(struct claim *claim);

/* True when the claim on this agency is broken, so that its messages are refused. */
bool claim_bars(const struct claim *claim, const struct agency *agency);

/* Counts a follower: a message, with its bets, that was refused because the claim is broken. */
void claim_count_follower(struct claim *claim, uint64_t bets);

/* Logs how many followers were counted, if there are any. Called when the claim ends. */
void claim_tell_followers(const struct claim *claim, struct peer_log *log);

#endif
