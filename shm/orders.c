/*
 * orders.c - see orders.h.
 */
#include "shm/orders.h"

#include "shm/waiting.h"

#include <stdio.h>

static bool is_answered(const struct shared_order *shared)
{
    return atomic_load(&shared->answered) == atomic_load(&shared->posted);
}

bool orders_post(const struct segment *segment, const struct order *order)
{
    struct shared_order *shared = &segment->shared->order;
    if (!is_answered(shared)) {
        return false;
    }
    shared->kind = (uint32_t)order->kind;
    shared->number = order->number;
    (void)snprintf(shared->text, sizeof shared->text, "%s", order->text);
    (void)snprintf(shared->reason, sizeof shared->reason, "%s", order->reason);
    atomic_fetch_add(&shared->posted, 1);
    wake_storer(segment);
    return true;
}

bool orders_take_answer(const struct segment *segment, bool *carried_out,
                        char text[SHARED_ANSWER_BYTES])
{
    const struct shared_order *shared = &segment->shared->order;
    if (!is_answered(shared)) {
        return false;
    }
    *carried_out = shared->carried_out != 0;
    (void)snprintf(text, SHARED_ANSWER_BYTES, "%s", shared->answer);
    return true;
}

bool orders_next(const struct segment *segment, struct order *order)
{
    const struct shared_order *shared = &segment->shared->order;
    if (is_answered(shared)) {
        return false;
    }
    order->kind = (enum order_kind)shared->kind;
    order->number = shared->number;
    (void)snprintf(order->text, sizeof order->text, "%s", shared->text);
    (void)snprintf(order->reason, sizeof order->reason, "%s", shared->reason);
    return true;
}

void orders_answer(const struct segment *segment, bool carried_out, const char *text)
{
    struct shared_order *shared = &segment->shared->order;
    shared->carried_out = carried_out ? 1 : 0;
    (void)snprintf(shared->answer, sizeof shared->answer, "%s", text);
    atomic_store(&shared->answered, atomic_load(&shared->posted));
}
