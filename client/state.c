/*
 * state.c - see state.h.
 */
#include "client/state.h"

#include "lib/checksum.h"
#include "lib/decimal.h"

#include <string.h>

enum { STATE_PHASES = STATE_ABANDONED + 1, BITS_A_DIGIT = 4 };

static const char *const phase_names[STATE_PHASES] = {[STATE_OPEN] = "open",
                                                      [STATE_DONE] = "done",
                                                      [STATE_CLOSED] = "closed",
                                                      [STATE_DRAWN] = "drawn",
                                                      [STATE_ABANDONED] = "abandoned"};

const char *state_phase_name(enum state_phase phase)
{
    return phase_names[phase];
}

/* The part of the body that has not been read. */
struct rest {
    const char *text;
    size_t bytes;
};

/* Takes the part before the next comma, or all of it where there is none. */
static struct rest next_field(struct rest *rest)
{
    const char *comma = memchr(rest->text, ',', rest->bytes);
    size_t bytes = comma == NULL ? rest->bytes : (size_t)(comma - rest->text);
    struct rest field = {rest->text, bytes};
    size_t used = comma == NULL ? bytes : bytes + 1;
    *rest = (struct rest){rest->text + used, rest->bytes - used};
    return field;
}

static bool parse_phase(struct rest name, enum state_phase *phase)
{
    for (int i = 0; i < STATE_PHASES; i++) {
        if (name.bytes == strlen(phase_names[i]) &&
            memcmp(name.text, phase_names[i], name.bytes) == 0) {
            *phase = (enum state_phase)i;
            return true;
        }
    }
    return false;
}

/* Reads `count` lower-case hexadecimal digits and nothing else. *value gets the last 16 of them. */
static bool parse_hexadecimal(struct rest digits, size_t count, uint64_t *value)
{
    static const char values[] = "0123456789abcdef";
    *value = 0;
    for (size_t i = 0; i < digits.bytes; i++) {
        const char *digit = memchr(values, digits.text[i], sizeof values - 1);
        if (digit == NULL) {
            return false;
        }
        *value = *value << BITS_A_DIGIT | (uint64_t)(digit - values);
    }
    return digits.bytes == count;
}

/* Checksum and identity, and the draw's name where there is one. */
static bool parse_content(struct rest rest, struct state *state)
{
    const char *end = rest.text + rest.bytes;
    struct rest checksum = next_field(&rest);
    struct rest identity = next_field(&rest);
    bool has_draw = identity.text + identity.bytes != end;
    uint64_t ignored = 0;
    if (!parse_hexadecimal(checksum, CHECKSUM_DIGITS, &state->checksum) ||
        !parse_hexadecimal(identity, STATE_IDENTITY_DIGITS, &ignored) ||
        (has_draw && !message_is_draw_name(rest.text, rest.bytes))) {
        return false;
    }
    memcpy(state->identity, identity.text, STATE_IDENTITY_DIGITS);
    memcpy(state->draw, rest.text, rest.bytes);
    state->has_content = true;
    return true;
}

bool state_parse(const char *body, size_t bytes, struct state *state)
{
    struct state parsed = {0};
    struct rest rest = {body, bytes};
    struct rest stored = next_field(&rest);
    struct rest phase = next_field(&rest);
    bool ends_here = phase.text + phase.bytes == body + bytes;
    if (!decimal_parse(stored.text, stored.bytes, &parsed.stored) ||
        !parse_phase(phase, &parsed.phase) || (!ends_here && !parse_content(rest, &parsed))) {
        return false;
    }
    *state = parsed;
    return true;
}
