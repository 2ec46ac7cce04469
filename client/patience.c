/*
 * patience.c - see patience.h.
 */
#include "client/patience.h"

void patience_start(struct patience *patience, int64_t lapse_ms, int64_t now_ms)
{
    *patience = (struct patience){
        .lapse_ms = lapse_ms, .since_ms = now_ms, .pause_ms = PATIENCE_FIRST_PAUSE_MS};
}

void patience_progress(struct patience *patience, int64_t now_ms)
{
    patience->since_ms = now_ms;
    patience->pause_ms = PATIENCE_FIRST_PAUSE_MS;
    patience->progressed = true;
}

void patience_connected(struct patience *patience)
{
    patience->progressed = false;
}

void patience_lost(struct patience *patience, int64_t now_ms)
{
    if (patience->progressed) {
        patience->since_ms = now_ms;
    }
}

int64_t patience_deadline_ms(const struct patience *patience)
{
    return patience->since_ms + patience->lapse_ms;
}

int64_t patience_next_pause_ms(struct patience *patience, uint32_t random)
{
    int64_t longest_ms = patience->pause_ms;
    int64_t shortest_ms = longest_ms / 2;
    patience->pause_ms = longest_ms * 2;
    if (patience->pause_ms > PATIENCE_LONGEST_PAUSE_MS) {
        patience->pause_ms = PATIENCE_LONGEST_PAUSE_MS;
    }
    return shortest_ms + random % (longest_ms - shortest_ms + 1);
}
