/*
 * orders.h - one order at a time, from the supervisor to the storer, and its answer.
 *
 * What an operator wants of a draw (close the sales, hold the draw) only the storer can do,
 * because it alone writes the files. The supervisor posts the order and wakes the storer; the
 * storer carries it out or refuses it, and answers. If the storer dies in between, the order
 * stands, and the next storer finds it: so carrying an order out a second time must change
 * nothing. If the supervisor dies, the order is forgotten with the segment.
 *
 * struct shared_order (layout.h) says who writes what, and in which order.
 */
#ifndef SHM_ORDERS_H
#define SHM_ORDERS_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* An order, or a copy of one. Texts are terminated; longer ones are cut. */
struct order {
    enum order_kind kind;
    uint32_t number;
    char text[SHARED_ORDER_TEXT_BYTES];
    char reason[SHARED_ORDER_TEXT_BYTES];
};

/*
 * Posts the order and wakes the storer. Returns false, and changes nothing, when the storer has
 * not answered the one before. Called by the supervisor.
 */
bool orders_post(const struct segment *segment, const struct order *order);

/*
 * Returns true, and the answer, when the order that was posted last has been answered, or none
 * has been posted; text is "" then. Called by the supervisor.
 */
bool orders_take_answer(const struct segment *segment, bool *carried_out,
                        char text[SHARED_ANSWER_BYTES]);

/* Returns whether there is an order to be answered, and copies it. Called by the storer. */
bool orders_next(const struct segment *segment, struct order *order);

/* Answers the order that orders_next has given. Called by the storer. */
void orders_answer(const struct segment *segment, bool carried_out, const char *text);

#endif
