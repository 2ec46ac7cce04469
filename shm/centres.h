/*
 * centres.h - a draw that several centres hold: what the storer wants of the shipper, and learns of it.
 *
 * The shipper reads in the engine how far the centres are. The storer draws once the shipper has
 * released the draw, and hands it what an operator wants: the number, where it comes by command, and to
 * hold the draw without a centre. struct shared_centres (layout.h) says who writes what.
 *
 * If the storer dies over an order, the next one finds it and hands it on again, which changes
 * nothing. If the shipper dies, the next one finds what was asked.
 */
#ifndef SHM_CENTRES_H
#define SHM_CENTRES_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns "open", "awaits", ...; of a centre's standing "awaited", "closed", ... Any process. */
const char *centres_state_name(enum centre_state state);
const char *centres_standing_name(enum centre_standing standing);

/* How far the draw is. Any process may call. */
enum centre_state centres_state(const struct segment *segment);

/* Copies what is waited for, or contradicts; "": nothing. Any process may call. */
void centres_read_reason(const struct segment *segment, char reason[SHARED_HELD_BYTES]);

/* ----------------------------------------------------------- by the storer */

/* True, with the number, once this centre may draw. Any process may call. */
bool centres_are_released(const struct segment *segment, uint32_t *number);

/* Copies the SHA-256 of what the centres have said of the draw, once it is released. */
void centres_read_drawn(const struct segment *segment, char sha256[SHARED_DIGEST_BYTES]);

/* Hands the number that an operator has said to the shipper; or takes it back. */
void centres_say_number(const struct segment *segment, uint32_t number);
void centres_unsay_number(const struct segment *segment);

/* Hands the order on that there is (orders.h), which is to close a centre out. */
void centres_hand_on_order(const struct segment *segment);

/* True when this centre was closed out of the draw. */
bool centres_are_sales_over(const struct segment *segment);

/* True, with the shipper's answer, when that order has been answered. */
bool centres_take_answer(const struct segment *segment, bool *carried_out,
                         char text[SHARED_ANSWER_BYTES]);

/* ---------------------------------------------------------- by the shipper */

/* True, with the number, when an operator has said it here. */
bool centres_was_number_said(const struct segment *segment, uint32_t *number);

/* True while there is an order to close a centre out that is not answered. */
bool centres_are_asked(const struct segment *segment);

/* Answers it, and wakes the storer. */
void centres_answer(const struct segment *segment, bool carried_out, const char *text);

/* Shows a centre; `place` is below SHARED_CENTRES_MAX. */
void centres_show(const struct segment *segment, uint32_t place, const char *name,
                  enum centre_standing standing, uint64_t bets);

/* Shows how far the draw is and why, and wakes the storer where that is news. */
void centres_tell(const struct segment *segment, enum centre_state state, const char *reason);

/* Says that this centre was closed out of the draw: the storer ends its sales, for good. */
void centres_close_sales(const struct segment *segment);

/* Releases the draw, as `drawn` with this SHA-256 and number says: for good. Then, centres_tell. */
void centres_release(const struct segment *segment, uint32_t number, const char *sha256);

#endif
