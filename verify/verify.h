/*
 * verify.h - all checks of one draw, on a copy of its files, without the server.
 *
 * Called by lottery-verify, and by tests.
 */
#ifndef VERIFY_VERIFY_H
#define VERIFY_VERIFY_H

#include "lib/failure.h"
#include "verify/report.h"

#include <stdbool.h>

/*
 * Checks the draw whose files stand in the directory `path`: an archive, or a data directory, whose
 * current draw it is. `archived_as` is the name that an archive has to have: NULL where it may have
 * any, and of a current draw. `key` is the path of the public key, or NULL. Fills the whole report. Returns
 * false with the failure when the directory, or a file that is there, can't be read. Nothing is
 * written anywhere. Memory does not grow with the number of bets.
 */
bool verify_draw(const char *path, const char *archived_as, const char *key,
                 struct verify_report *report, struct failure *failure);

#endif
