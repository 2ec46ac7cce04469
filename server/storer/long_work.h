/*
 * long_work.h - sealing and drawing take as long as the disk does: what happens meanwhile.
 *
 * They read all of bets.csv, and the storer does nothing else. So they ask from time to time
 * whether to stop. Each time the storer's heart beats, or lottery-stat would take it for stuck.
 *
 * Used by the storer's process alone. What is kept is where the beat stands: the functions of
 * seal/ and store/ call back without a context.
 */
#ifndef SERVER_STORER_LONG_WORK_H
#define SERVER_STORER_LONG_WORK_H

#include "shm/segment.h"

#include <stdbool.h>

/* Called once, before the first long work. The segment stays mapped as long as the process lives. */
void long_work_begin(const struct segment *segment);

/* Beats the heart. True when the storer has been asked to stop. */
bool long_work_should_stop(void);

#endif
