/*
 * dialogue_draws.c - see dialogue_parts.h: the draw that a message is about.
 */
#include "server/handler/dialogue_parts.h"

#include "server/handler/peer_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct control *dialogue_current_draw(const struct dialogue *dialogue)
{
    return &dialogue->heritage->directory.control;
}

/* Opens an earlier draw. With NAMED_NONE, `reason` says why, for the agency. */
static enum named_draw open_past_draw(const struct dialogue *dialogue, uint32_t agency,
                                      const char *name, struct past_draw *past,
                                      char reason[DIALOGUE_REASON_BYTES])
{
    const char *current = dialogue_current_draw(dialogue)->terms.draw;
    struct failure failure;
    switch (past_draw_open(&dialogue->heritage->directory, name, past, &failure)) {
    case PAST_DRAW_OPEN:
        return NAMED_PAST;
    case PAST_DRAW_UNKNOWN:
        (void)snprintf(reason, DIALOGUE_REASON_BYTES,
                       "there is no draw %s here; the current draw is %s", name, current);
        return NAMED_NONE;
    case PAST_DRAW_UNREAD:
        break;
    }
    peer_log_limited(dialogue->log, LOG_LEVEL_ERROR, LOG_ARCHIVE_NOT_READ,
                     "result: fail | agency: %" PRIu32 " | error: %s", agency, failure.text);
    (void)snprintf(reason, DIALOGUE_REASON_BYTES,
                   "the server can't read the draw %s; the current draw is %s", name, current);
    return NAMED_NONE;
}

enum named_draw dialogue_find_draw(const struct dialogue *dialogue, const struct message *message,
                                   struct past_draw *past, char reason[DIALOGUE_REASON_BYTES])
{
    const char *current = dialogue_current_draw(dialogue)->terms.draw;
    char name[CONTROL_DRAW_BYTES] = "";
    if (message->body_bytes == 0) {
        return NAMED_CURRENT;
    }
    if (!message_is_draw_name(message->body, message->body_bytes)) {
        (void)snprintf(reason, DIALOGUE_REASON_BYTES,
                       "that is no name of a draw; the current draw is %s", current);
        return NAMED_NONE;
    }
    memcpy(name, message->body, message->body_bytes);
    return strcmp(name, current) == 0
               ? NAMED_CURRENT
               : open_past_draw(dialogue, message->sender, name, past, reason);
}
