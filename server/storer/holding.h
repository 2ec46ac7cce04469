/*
 * holding.h - the storer's draw: when it is due, how it is held, and how it is taken over.
 *
 * The draw is held once, among the bets that were sealed (sealing.h), when the number is known.
 * bets.csv is held against the seal first. winners.csv and draw.json are in place before control
 * says that the draw was held; control says so before the log has it, the log before any handler
 * sees it, and the gate opens last. Where bets are copied to an engine, each of these steps waits until
 * the engine has all that it stands on (shm/replica.h): seal, draw, gate. Where several centres draw
 * together, the draw waits until the shipper has released it (shm/centres.h), and is held with the
 * number that comes with that.
 *
 * Called by the storer's process alone. When it dies before control says that the draw was held,
 * the next storer holds it again, among the same bets. When it dies later, the next storer, or the
 * next start, adopts it.
 */
#ifndef SERVER_STORER_HOLDING_H
#define SERVER_STORER_HOLDING_H

#include "server/storer/storage.h"

#include <stdbool.h>

/* True when several centres hold this draw: centres.expected is set. */
bool holding_is_national(const struct storage *storage);

/*
 * True when the draw is sealed and not held, its number is known, the engine has the seal, all centres
 * are closed, and the server is not stopping.
 */
bool holding_is_due(const struct storage *storage);

/*
 * Holds the draw, and waits for room where the disk is full. True, too, when the server is stopping
 * and leaves the draw to the next start. False, and the log says why, when it can't be held: the
 * storer has to end.
 */
bool holding_hold_draw(struct storage *storage);

/*
 * Tells the draw, and opens the gate, if control says that it was held, nobody was told yet, and the
 * engine has it, too, where bets are copied. A server that is stopping leaves it to the next start,
 * which may have winners.csv to make again.
 */
void holding_tell_if_due(const struct storage *storage);

/*
 * Takes over a draw that control says was held. Makes winners.csv again where it is missing. False
 * as above, and with the disk distrusted where winners.csv is not the one of that draw. To be
 * called once, when the storage has just been opened and its bets are durable.
 */
bool holding_adopt_draw(struct storage *storage);

#endif
