/*
 * replacement.c - see replacement.h.
 */
#include "server/replacement.h"

enum { DOUBLINGS_MAX = 6 }; /* then the pause is REPLACEMENT_PAUSE_MAX_MS */

int64_t replacement_pause_ms(unsigned deaths, unsigned at_once)
{
    if (deaths <= at_once) {
        return 0;
    }
    const unsigned doublings = deaths - at_once - 1;
    const int64_t pause_ms = (int64_t)REPLACEMENT_PAUSE_MS
                             << (doublings < DOUBLINGS_MAX ? doublings : DOUBLINGS_MAX);
    return pause_ms < REPLACEMENT_PAUSE_MAX_MS ? pause_ms : REPLACEMENT_PAUSE_MAX_MS;
}
