/*
 * state.c - see state.h.
 */
#include "client/state.h"

#include <string.h>

enum { STATE_PHASES = STATE_DRAWN + 1, STORED_DIGITS_MAX = 19 };

static const char *const phase_names[STATE_PHASES] = {
    [STATE_OPEN] = "open", [STATE_DONE] = "done", [STATE_DRAWN] = "drawn"};

const char *state_phase_name(enum state_phase phase)
{
    return phase_names[phase];
}

/* A decimal of at most 19 digits, which always fits 64 bits. */
static bool parse_stored(const char *digits, size_t bytes, uint64_t *stored)
{
    uint64_t value = 0;
    if (bytes == 0 || bytes > STORED_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < bytes; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    *stored = value;
    return true;
}

bool state_parse(const char *body, size_t bytes, struct state *state)
{
    const char *comma = memchr(body, ',', bytes);
    struct state parsed;
    if (comma == NULL || !parse_stored(body, (size_t)(comma - body), &parsed.stored)) {
        return false;
    }
    const char *name = comma + 1;
    size_t name_bytes = bytes - (size_t)(name - body);
    const char *behind = memchr(name, ',', name_bytes);
    name_bytes = behind == NULL ? name_bytes : (size_t)(behind - name);
    for (int phase = 0; phase < STATE_PHASES; phase++) {
        if (name_bytes == strlen(phase_names[phase]) &&
            memcmp(name, phase_names[phase], name_bytes) == 0) {
            parsed.phase = (enum state_phase)phase;
            *state = parsed;
            return true;
        }
    }
    return false;
}
