/*
 * sales.h - the end of sales: when it comes, who is closed out by it, and its steps.
 *
 * Sales end in three ways.
 *
 *   - The expected agencies are done, and the grace is over (quorum.h). Who has spoken and is not
 *     done is cut off.
 *   - The time has come that the terms name. Who is not done is closed out, and so is every allowed
 *     agency that never came.
 *   - By command. Then every agency that is missing has to be named.
 *
 * In each case what an agency has stored by then takes part.
 *
 * The steps: from the first one on no bet is taken. What was appended before is made durable, and
 * every DONE that was asked for is stored. Then control says that sales are closed, which is the
 * commit point. Not a byte of bets.csv or done.csv changes after it.
 *
 * Used by the storer's process alone. When it dies before control says so, the draw is open: the
 * next storer takes bets again (sales_take_over), and looks again whether sales end.
 */
#ifndef SERVER_STORER_SALES_H
#define SERVER_STORER_SALES_H

#include "server/storer/storage.h"
#include "shm/orders.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Makes the segment say of bets what control says: a storer that died may have closed the sales in
 * one and not in the other. Called once by each storer, before it is ready.
 */
void sales_take_over(const struct storage *storage);

/* Returns how long the storer may sleep before it has to look at the closing time; at most `ms`. */
int64_t sales_patience_ms(const struct storage *storage, int64_t ms);

/*
 * Closes the sales when the agencies or the time end them, and the server is not stopping. False,
 * and the log says why, when that can't be done: the storer has to end.
 */
bool sales_look(struct storage *storage);

enum sales_answer {
    SALES_CLOSED,
    SALES_REFUSED, /* nothing has changed; the answer says why, and what to do */
    SALES_FAILED   /* the storer has to end, and the log says why */
};

/* Closes the sales, which are open, by an ORDER_CLOSE. */
enum sales_answer sales_close_by_order(struct storage *storage, const struct order *order,
                                       char answer[SHARED_ANSWER_BYTES]);

#endif
