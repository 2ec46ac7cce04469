/*
 * congestion.c - see congestion.h.
 */
#include "client/congestion.h"

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void begin_epoch(struct congestion *congestion, int64_t now_us)
{
    congestion->began_us = now_us;
    congestion->began_sent_bytes = congestion->sent_bytes;
    congestion->began_answered_bytes = congestion->answered_bytes;
    congestion->delayed_bytes = 0;
    congestion->delay_sum = 0;
    congestion->was_full = false;
}

/* At the next multiple of the period on the wall clock, which is the same moment for all agencies. */
static void schedule_look(struct congestion *congestion, int64_t now_us)
{
    int64_t wall_us = now_us + congestion->wall_ahead_us;
    congestion->next_look_us = now_us + CONGESTION_PERIOD_US - wall_us % CONGESTION_PERIOD_US;
}

void congestion_begin(struct congestion *congestion, uint64_t limit_bytes, int64_t now_us,
                      int64_t wall_us)
{
    *congestion = (struct congestion){.limit_bytes = limit_bytes,
                                      .window_bytes = smaller(CONGESTION_FIRST_BYTES, limit_bytes),
                                      .wall_ahead_us = wall_us - now_us};
    schedule_look(congestion, now_us);
    begin_epoch(congestion, now_us);
}

bool congestion_has_room(const struct congestion *congestion)
{
    return congestion->sent_bytes - congestion->answered_bytes < congestion->window_bytes;
}

void congestion_note_sent(struct congestion *congestion, uint64_t bytes)
{
    congestion->sent_bytes += bytes;
    congestion->was_full |= !congestion_has_room(congestion);
}

/* ------------------------------------------------------------- the window ---- */

/* The bytes that are acknowledged in `length_us` at the epoch's rate. */
static uint64_t bytes_in(const struct congestion *congestion, int64_t length_us, int64_t now_us)
{
    int64_t epoch_us = now_us > congestion->began_us ? now_us - congestion->began_us : 1;
    uint64_t bytes = congestion->answered_bytes - congestion->began_answered_bytes;
    return length_us > 0 ? bytes * (uint64_t)length_us / (uint64_t)epoch_us : 0;
}

/* What may come of storing together, and is no queue yet. */
static int64_t tolerated_delay_us(const struct congestion *congestion)
{
    int64_t least_us = congestion->least_delay_us;
    int64_t more_us = CONGESTION_TOLERANCE * least_us;
    return least_us + (more_us < CONGESTION_TOLERANCE_US ? more_us : CONGESTION_TOLERANCE_US);
}

static void set_window(struct congestion *congestion, int64_t delay_us, int64_t now_us)
{
    int64_t queued_us = delay_us - tolerated_delay_us(congestion);
    uint64_t queue_bytes = bytes_in(congestion, queued_us, now_us);
    uint64_t allowed_bytes =
        smaller(CONGESTION_QUEUE_LEAST_BYTES + bytes_in(congestion, CONGESTION_QUEUE_US, now_us),
                CONGESTION_QUEUE_MOST_BYTES);
    uint64_t lasting_bytes = smaller(queue_bytes, congestion->queue_bytes);
    uint64_t window_bytes = congestion->window_bytes;
    congestion->queue_bytes = queue_bytes;
    if (lasting_bytes > allowed_bytes) {
        congestion->window_bytes -= smaller((lasting_bytes - allowed_bytes) / 2, window_bytes / 2);
    } else if (queue_bytes < allowed_bytes && congestion->was_full) {
        uint64_t growth_bytes = queue_bytes == 0 ? window_bytes : (allowed_bytes - queue_bytes) / 2;
        congestion->window_bytes =
            smaller(window_bytes + smaller(growth_bytes, window_bytes), congestion->limit_bytes);
    }
}

/* --------------------------------------------------------------- the look ---- */

static void begin_look(struct congestion *congestion, int64_t now_us)
{
    congestion->is_looking = true;
    congestion->resting_bytes = congestion->window_bytes;
    congestion->window_bytes = smaller(CONGESTION_LOOK_BYTES, congestion->window_bytes);
    congestion->least_delay_us = 0;
    congestion->look_us = congestion->delay_us * 3 / 4;
    begin_epoch(congestion, now_us);
}

static void end_look(struct congestion *congestion, int64_t now_us)
{
    congestion->is_looking = false;
    congestion->window_bytes = congestion->resting_bytes;
    schedule_look(congestion, now_us);
}

static void judge(struct congestion *congestion, int64_t now_us)
{
    int64_t delay_us = (int64_t)(congestion->delay_sum / congestion->delayed_bytes) + 1;
    congestion->delay_us = delay_us;
    if (congestion->least_delay_us == 0 || delay_us < congestion->least_delay_us) {
        congestion->least_delay_us = delay_us;
    }
    if (!congestion->is_looking) {
        set_window(congestion, delay_us, now_us);
    } else if (now_us - congestion->look_began_us >= congestion->look_us &&
               now_us - congestion->look_began_us >= CONGESTION_LOOK_US) {
        end_look(congestion, now_us);
    }
}

void congestion_note_answered(struct congestion *congestion, uint64_t bytes, int64_t sent_us,
                              int64_t now_us)
{
    congestion->answered_bytes += bytes;
    if (!congestion->is_looking && now_us >= congestion->next_look_us) {
        begin_look(congestion, now_us);
    }
    if (congestion->answered_bytes <= congestion->began_sent_bytes) {
        return;
    }
    if (congestion->is_looking && congestion->least_delay_us == 0 &&
        congestion->delayed_bytes == 0) {
        congestion->look_began_us = sent_us;
    }
    congestion->delayed_bytes += bytes;
    congestion->delay_sum += bytes * (uint64_t)(now_us - sent_us);
    if (congestion->delayed_bytes >= congestion->window_bytes) {
        judge(congestion, now_us);
        begin_epoch(congestion, now_us);
    }
}
