/*
 * order_desk.c - see order_desk.h.
 */
#include "server/storer/order_desk.h"

#include "lib/fault_point.h"
#include "lib/log.h"
#include "lib/timestamp.h"
#include "seal/record.h"
#include "server/signals.h"
#include "server/storer/holding.h"
#include "server/storer/sales.h"
#include "shm/centres.h"
#include "shm/orders.h"
#include "shm/replica.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void storer_answer_order(const struct storage *storage, bool carried_out, const char *text)
{
    orders_answer(storage->disk->segment, carried_out, text);
    heritage_tell_news(storage->disk->heritage);
}

static void refuse(const struct storage *storage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void refuse(const struct storage *storage, const char *format, ...)
{
    char answer[SHARED_ANSWER_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(answer, sizeof answer, format, arguments);
    va_end(arguments);
    storer_answer_order(storage, false, answer);
}

static void confirm(const struct storage *storage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void confirm(const struct storage *storage, const char *format, ...)
{
    char answer[SHARED_ANSWER_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(answer, sizeof answer, format, arguments);
    va_end(arguments);
    storer_answer_order(storage, true, answer);
}

/* The hash comes last, so that a script finds it. */
static void answer_sealed(const struct storage *storage)
{
    confirm(storage, "draw %s is sealed: %s", storage->control.terms.draw,
            storage->control.seal_sha256);
}

static void answer_drawn(const struct storage *storage)
{
    const struct control *control = &storage->control;
    confirm(storage,
            "draw %s is drawn: number %" PRIu32 ", %" PRIu64 " winners among %" PRIu64
            " bets; draw.json: %s",
            control->terms.draw, control->terms.winning_number, control->draw.winners,
            control->draw.bets, control->draw_sha256);
}

/* ----------------------------------------------------------------- close ---- */

/* True when the sales were closed by this very order, or by one that says the same. */
static bool was_closed_by(const struct control *control, const struct order *order)
{
    struct agency_set named = {.count = 0};
    struct agency_set without = {.count = 0};
    struct failure ignored;
    if (control->closing.by != CLOSED_BY_COMMAND ||
        strcmp(control->closing.reason, order->reason) != 0 ||
        (order->text[0] != '\0' && !agency_set_parse(order->text, "order", &named, &ignored)) ||
        (control->closing.without[0] != '\0' &&
         !agency_set_parse(control->closing.without, "control", &without, &ignored))) {
        return false;
    }
    /* One that was named may have been done before the closing, and is not among them then. */
    for (uint32_t i = 0; i < without.count; i++) {
        for (uint64_t id = without.ranges[i].first; id <= without.ranges[i].last; id++) {
            if (!agency_set_has(&named, (uint32_t)id)) {
                return false;
            }
        }
    }
    return true;
}

static void answer_closed(const struct storage *storage, const struct order *order)
{
    const struct control *control = &storage->control;
    char at[TIMESTAMP_BYTES];
    if (was_closed_by(control, order)) {
        answer_sealed(storage);
        return;
    }
    timestamp_write(control->closing.at_ms, at);
    refuse(storage,
           "the draw is %s already: its sales were closed at %s (by: %s%s%s)%s%s; nothing is left "
           "to be closed",
           control_state_name(control->state), control->closing.at_ms == 0 ? "-" : at,
           control_closed_by_name(control->closing.by),
           control->closing.without[0] == '\0' ? "" : ", without ", control->closing.without,
           control->seal_sha256[0] == '\0' ? "" : ", and its seal is ", control->seal_sha256);
}

static bool look_at_close(struct storage *storage, const struct order *order)
{
    if (storage_is_on_sale(storage)) {
        char answer[SHARED_ANSWER_BYTES];
        switch (sales_close_by_order(storage, order, answer)) {
        case SALES_CLOSED:
            return true; /* to be answered when the draw is sealed */
        case SALES_REFUSED:
            storer_answer_order(storage, false, answer);
            return true;
        case SALES_FAILED:
            return false;
        }
    }
    if (storage->control.state != CONTROL_CLOSED && replica_is_complete(storage->disk->segment)) {
        answer_closed(storage, order);
    }
    return true;
}

/* ------------------------------------------------------------------ draw ---- */

/* Before the number is taken: once it is, only the key that signed the seal lets the draw be held. */
static bool can_sign_draw(const struct storage *storage)
{
    const struct heritage *heritage = storage->disk->heritage;
    struct failure failure;
    if (record_agrees_with_key(&heritage->directory, heritage->config.seal_key, &failure)) {
        return true;
    }
    refuse(storage, "%s", failure.text);
    return false;
}

/* True when this order may give the number, or has given it. Else it is refused. */
static bool may_draw(const struct storage *storage, const struct order *order)
{
    const struct control *control = &storage->control;
    const struct lottery_terms *terms = &control->terms;
    if (terms->number_by != NUMBER_BY_COMMAND) {
        refuse(storage,
               "the number of this draw is %" PRIu32 ", by its %s, and is known from the "
               "beginning: it is drawn without a command as soon as it is sealed",
               terms->winning_number, control_number_source_name(terms->number_by));
        return false;
    }
    if (control->seal_sha256[0] == '\0') {
        refuse(storage,
               "the draw is %s: no number is taken before it is sealed; close its sales first",
               control_state_name(control->state));
        return false;
    }
    if (strcmp(order->text, control->seal_sha256) != 0) {
        refuse(storage, "that is not the hash of this draw's seal: see lottery-admin status");
        return false;
    }
    if (terms->number_given && terms->winning_number != order->number) {
        refuse(storage,
               "the number of this draw is %" PRIu32 " already, and there is never a second one",
               terms->winning_number);
        return false;
    }
    return terms->number_given || can_sign_draw(storage);
}

/*
 * Of a draw of several centres the number counts once the engine has it. Hands it to the shipper; the
 * order is answered when the draw has been held with it, or here, where there is another number.
 */
static void say_number(const struct storage *storage, const struct order *order)
{
    const struct segment *segment = storage->disk->segment;
    enum centre_state state = centres_state(segment);
    char reason[SHARED_HELD_BYTES] = "";
    uint32_t number = 0;
    if (centres_are_released(segment, &number)) {
        centres_unsay_number(segment);
        if (number != order->number) {
            refuse(storage,
                   "the number of this draw is %" PRIu32
                   ", said at another centre, and there is never a second one",
                   number);
        }
        return;
    }
    if (state == CENTRE_READY) {
        centres_say_number(segment, order->number);
        return;
    }
    centres_unsay_number(segment);
    centres_read_reason(segment, reason);
    refuse(storage, "no number is taken before all centres are closed: %s",
           reason[0] == '\0' ? "this one is not closed in the engine yet" : reason);
}

static bool look_at_draw(struct storage *storage, const struct order *order)
{
    if (!may_draw(storage, order)) {
        return true;
    }
    if (holding_is_national(storage) && !storage->control.terms.number_given) {
        say_number(storage, order);
        return true; /* the number is taken when the draw is due: holding.h */
    }
    if (storage->control.state == CONTROL_DRAWN) {
        if (replica_is_complete(storage->disk->segment)) {
            answer_drawn(storage);
        }
        return true;
    }
    if (storage->control.terms.number_given) {
        return true; /* to be answered when the draw has been held */
    }
    if (!storage_note_number(storage, order->number)) {
        return false;
    }
    fault_point("draw.numbered");
    log_info(LOG_NUMBER_TAKEN, "result: success | numero: %" PRIu32 " | sello: %s", order->number,
             storage->control.seal_sha256);
    return true;
}

/* --------------------------------------------------------------- centres ---- */

static void look_at_close_centre(const struct storage *storage)
{
    const struct segment *segment = storage->disk->segment;
    bool carried_out = false;
    char answer[SHARED_ANSWER_BYTES];
    if (!holding_is_national(storage)) {
        refuse(storage, "this centre draws alone (centres.expected is empty)");
    } else if (centres_take_answer(segment, &carried_out, answer)) {
        storer_answer_order(storage, carried_out, answer);
    } else {
        centres_hand_on_order(segment);
    }
}

/* ------------------------------------------------------------------ desk ---- */

bool order_desk_look(struct storage *storage)
{
    struct order order;
    if (signals_terminate_requested() || !orders_next(storage->disk->segment, &order)) {
        return true;
    }
    switch (order.kind) {
    case ORDER_CLOSE:
        return look_at_close(storage, &order);
    case ORDER_DRAW:
        return look_at_draw(storage, &order);
    case ORDER_CLOSE_CENTRE:
        look_at_close_centre(storage);
        return true;
    }
    refuse(storage, "no such order: %d", (int)order.kind);
    return true;
}
