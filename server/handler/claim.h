/*
 * claim.h - what one connection has claimed by STATUS, and what an ERROR makes of it.
 *
 * STATUS claims an agency: it gives the connection the agency's newest epoch, and only who has
 * that epoch may store bets for the agency. An ERROR on the connection breaks its claim: from then
 * on everything for the claimed agency is refused, until the next STATUS. So what a connection
 * stores under a claim is a prefix of what it sent.
 *
 * Called by the handler's process alone. If it dies, its claim dies with it; the agency keeps the
 * epoch until somebody else claims.
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
    uint64_t followers, follower_bets; /* messages that were refused since it is broken, untold */
};

/* Claims the agency in place of what was claimed before; the log gets the sum of its followers. */
void claim_take(struct claim *claim, const struct agency *agency, uint64_t epoch,
                struct peer_log *log);

/*
 * The epoch by which the connection may store for the agency: EPOCH_UNFENCED without a claim on it.
 */
uint64_t claim_epoch(const struct claim *claim, const struct agency *agency);

/* Breaks the claim, if there is one. */
void claim_break(struct claim *claim);

/* True when the claim on this agency is broken: nothing more may be done under it. */
bool claim_bars(const struct claim *claim, const struct agency *agency);

/* Counts a message that was refused because the claim is broken, with its bets. */
void claim_count_follower(struct claim *claim, uint64_t bets);

/* Logs the sum of the followers, if there are any. Called when the claim ends. */
void claim_tell_followers(const struct claim *claim, struct peer_log *log);

#endif
