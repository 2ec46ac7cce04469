/*
 * replacement.h - how long to wait before a child that has died is replaced.
 *
 * Why it exists: a keyholder or a shipper that can't live dies again and again, and the machine has
 * other work. The first deaths of a row are replaced at once, because somebody waits; then there is a
 * pause, which doubles with each death up to REPLACEMENT_PAUSE_MAX_MS. A child that has lived for
 * REPLACEMENT_LIVED_MS ends a row. The storer's keeper has another rule, and gives up (keeper.h).
 *
 * Pure. Called by the supervisor's keepers, and by a standby.
 */
#ifndef SERVER_REPLACEMENT_H
#define SERVER_REPLACEMENT_H

#include <stdint.h>

enum {
    REPLACEMENT_LIVED_MS = 10000,
    REPLACEMENT_AT_ONCE = 5, /* deaths of a row, where agencies wait for the next child */
    REPLACEMENT_PAUSE_MS = 100,
    REPLACEMENT_PAUSE_MAX_MS = 5000
};

/* Returns the pause after so many deaths in a row, of which `at_once` are replaced without one. */
int64_t replacement_pause_ms(unsigned deaths, unsigned at_once);

#endif
