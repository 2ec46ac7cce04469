/*
 * position.c - see position.h.
 */
#include "feed/position.h"

#include "lib/decimal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char beginning[] = "0";

void position_write(char text[POSITION_BYTES], const struct position *position)
{
    const struct log_state *state = &position->state;
    if (state->sequence == 0) {
        (void)snprintf(text, POSITION_BYTES, "%s", beginning);
        return;
    }
    (void)snprintf(text, POSITION_BYTES,
                   "%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%" PRIu64 "/%s/%s/%s",
                   state->sequence, state->epoch, state->claimed_at, state->bets_end,
                   state->done_end, state->identity, position->nonce, state->node);
}

/* Takes a number and the slash behind it. */
static bool take_number(const char **text, uint64_t *number)
{
    size_t digits = strcspn(*text, "/");
    bool taken = (*text)[digits] == '/' && decimal_parse(*text, digits, number);
    *text += taken ? digits + 1 : 0;
    return taken;
}

/* Takes a word of exactly `bytes` less its NUL, and the slash behind it. */
static bool take_word(const char **text, char *word, size_t bytes)
{
    size_t length = strcspn(*text, "/");
    if ((*text)[length] != '/' || length + 1 != bytes) {
        return false;
    }
    memcpy(word, *text, length);
    word[length] = '\0';
    *text += bytes;
    return true;
}

static bool read_whole(const char *text, struct position *position)
{
    struct log_state *state = &position->state;
    const char *at = text;
    if (!take_number(&at, &state->sequence) || !take_number(&at, &state->epoch) ||
        !take_number(&at, &state->claimed_at) || !take_number(&at, &state->bets_end) ||
        !take_number(&at, &state->done_end) ||
        !take_word(&at, state->identity, sizeof state->identity) ||
        !take_word(&at, position->nonce, sizeof position->nonce)) {
        return false;
    }
    size_t bytes = strlen(at);
    if (bytes == 0 || bytes >= sizeof state->node || strpbrk(at, " \t\r\n") != NULL) {
        return false;
    }
    memcpy(state->node, at, bytes + 1);
    position->delivered = state->sequence;
    return state->claimed_at > 0 && state->claimed_at <= state->sequence && state->epoch > 0;
}

bool position_read(const char *text, struct position *position, struct failure *failure)
{
    memset(position, 0, sizeof *position);
    if (decimal_parse(text, strlen(text), &position->delivered)) {
        return true;
    }
    if (strlen(text) < POSITION_BYTES && read_whole(text, position)) {
        return true;
    }
    memset(position, 0, sizeof *position);
    return failure_set(failure,
                       "\"%.100s\" is no position: 0 for the beginning, a message's number, or "
                       "what a feed has printed or kept",
                       text);
}
