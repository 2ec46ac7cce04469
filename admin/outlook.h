/*
 * outlook.h - what becomes of a draw next, in a sentence for an operator.
 *
 * Pure functions. Called by lottery-admin, for `status` and `check`.
 */
#ifndef ADMIN_OUTLOOK_H
#define ADMIN_OUTLOOK_H

#include "stat/snapshot.h"
#include "store/control.h"

#include <stddef.h>

enum { OUTLOOK_BYTES = 1024 };

/*
 * Writes what the draw waits for, "closes when agencies 3,5 are done" for example. `snapshot`
 * names the missing agencies; `control` has the terms. The text is cut at OUTLOOK_BYTES.
 */
void outlook_write(const struct control *control, const struct snapshot *snapshot,
                   char text[OUTLOOK_BYTES]);

/* Writes what a start would do with a draw whose files are well, as far as control tells. */
void outlook_write_start(const struct control *control, char text[OUTLOOK_BYTES]);

#endif
