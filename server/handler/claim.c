/*
 * claim.c - see claim.h.
 */
#include "server/handler/claim.h"

#include <inttypes.h>

void claim_tell_followers(const struct claim *claim, struct peer_log *log)
{
    if (claim->followers > 0) {
        peer_log_limited(log, LOG_LEVEL_INFO, LOG_BETS_AFTER_REFUSAL,
                         "result: fail | cantidad: %" PRIu64 " | agency: %" PRIu32
                         " | reason: an earlier message of this connection was refused | messages: "
                         "%" PRIu64,
                         claim->follower_bets, claim->agency->id, claim->followers);
    }
}

void claim_take(struct claim *claim, const struct agency *agency, uint64_t epoch,
                struct peer_log *log)
{
    claim_tell_followers(claim, log);
    *claim = (struct claim){.state = CLAIM_HELD, .agency = agency, .epoch = epoch};
}

uint64_t claim_epoch(const struct claim *claim, const struct agency *agency)
{
    return claim->state != CLAIM_NONE && claim->agency == agency ? claim->epoch : EPOCH_UNFENCED;
}

void claim_break(struct claim *claim)
{
    if (claim->state == CLAIM_HELD) {
        claim->state = CLAIM_BROKEN;
    }
}

bool claim_bars(const struct claim *claim, const struct agency *agency)
{
    return claim->state == CLAIM_BROKEN && claim->agency == agency;
}

void claim_count_follower(struct claim *claim, uint64_t bets)
{
    claim->followers++;
    claim->follower_bets += bets;
}
