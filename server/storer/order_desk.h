/*
 * order_desk.h - what an operator wants of the draw: carried out, or refused with a reason.
 *
 * An order (shm/orders.h) to close the sales is answered when the draw is sealed, with the hash of
 * the seal. One to draw is answered when the draw has been held, with the hash of draw.json. What
 * an order asks for is what the storer does anyway, so the order only makes it due: closing in
 * sales.h, drawing by the number, which control gets.
 *
 * Used by the storer's process alone. When it dies over an order, the next storer finds the order
 * again, and control says how far it had come: an order that was carried out is answered, and
 * nothing is done twice.
 */
#ifndef SERVER_STORER_ORDER_DESK_H
#define SERVER_STORER_ORDER_DESK_H

#include "server/storer/storage.h"

#include <stdbool.h>

/*
 * Looks at the order that there is, if any: begins it, answers it, or leaves it to the next look.
 * False, and the log says why, when the storer has to end.
 */
bool order_desk_look(struct storage *storage);

#endif
