/*
 * sealing.h - the storer makes the seal of a draw whose sales are closed.
 *
 * seal.json (seal/seal.h) is in place, with its signature where seal.key is set, before control
 * says that the draw is sealed, which is the commit point. The number of a draw by command is not
 * taken before that, so whoever has the seal's hash knows that the number came after it.
 *
 * Used by the storer's process alone. When it dies before control says so, the next storer seals
 * the same bytes again. Where the first one had put its seal.json into place, the time in it is
 * kept, so that the hash is the same: control may also be a restored one, of a seal that was told.
 */
#ifndef SERVER_STORER_SEALING_H
#define SERVER_STORER_SEALING_H

#include "server/storer/storage.h"

#include <stdbool.h>

/*
 * True when sales are closed, the draw is not sealed, the engine has all of it, where bets are copied,
 * and the server is not stopping.
 */
bool sealing_is_due(const struct storage *storage);

/*
 * Seals, and waits for room where the disk is full. True, too, when the server is stopping and
 * leaves the seal to the next start. False, and the log says why, when the draw can't be sealed:
 * the storer has to end.
 */
bool sealing_seal(struct storage *storage);

#endif
