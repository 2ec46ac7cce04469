/*
 * roll_call.h - which agencies have not been done yet, for the closing of sales.
 *
 * Where the terms name the agencies that may bet, all of these are called, and those that never
 * came are missing, too. Where any agency may bet, those are called that have spoken.
 *
 * Used by the storer's process alone.
 */
#ifndef SERVER_STORER_ROLL_CALL_H
#define SERVER_STORER_ROLL_CALL_H

#include "bet/agency_set.h"
#include "server/heritage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roll {
    uint32_t *missing; /* owned; ascending */
    size_t count;      /* of them */
    uint64_t done;     /* agencies whose DONE has been asked for or stored */
    bool asked;        /* one has asked, and its DONE is not stored */
};

/* Who is called besides the agencies that have spoken. */
enum roll_scope { ROLL_KNOWN, ROLL_ALLOWED };

/* Calls the roll. False when there is no memory. After true the caller calls roll_close. */
bool roll_call(const struct heritage *heritage, enum roll_scope scope, struct roll *roll);

void roll_close(struct roll *roll);

/* True when that agency is done, or has asked to be. */
bool roll_is_done(const struct heritage *heritage, uint32_t agency);

/*
 * Writes the agencies as a set, "3,17-20"; false, and the text is cut, when it does not fit into
 * `capacity` bytes or a set.
 */
bool roll_write(const uint32_t *agencies, size_t count, char *text, size_t capacity);

#endif
