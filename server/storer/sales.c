/*
 * sales.c - see sales.h.
 */
#include "server/storer/sales.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/text.h"
#include "server/server_config.h"
#include "server/signals.h"
#include "server/storer/done_round.h"
#include "server/storer/flush.h"
#include "server/storer/roll_call.h"
#include "shm/agencies.h"
#include "shm/centres.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_BYTES = 256 }; /* of the agencies that an answer names */

/* What control says where the agencies that were closed out do not fit: all without a line. */
#define WITHOUT_TOO_MANY "any"

void sales_take_over(const struct storage *storage)
{
    const struct segment *segment = &storage->disk->heritage->segment;
    if (storage_is_on_sale(storage)) {
        agencies_reopen(segment);
    } else {
        (void)agencies_close_for_draw(segment); /* a new segment does not know of it */
    }
}

/* ------------------------------------------------------------------ time ---- */

/* Milliseconds until the closing time, 0 when it has come; `ms` where that is sooner, or none is. */
static int64_t until_closing_ms(const struct storage *storage, int64_t ms)
{
    int64_t closes_at_ms = storage->control.terms.closes_at_ms;
    int64_t left_ms = closes_at_ms - clock_wall_ms();
    if (closes_at_ms == 0 || left_ms > ms) {
        return ms;
    }
    return left_ms > 0 ? left_ms : 0;
}

int64_t sales_patience_ms(const struct storage *storage, int64_t ms)
{
    return storage_is_on_sale(storage) ? until_closing_ms(storage, ms) : ms;
}

/* ----------------------------------------------------------------- steps ---- */

/*
 * Makes all that was appended durable, and stores every DONE. An agency that asks while the others
 * are stored is stored, too: it is done, and must not be closed out. False when something fails.
 */
static bool settle(struct storage *storage, enum roll_scope scope, struct roll *roll)
{
    const struct segment *segment = storage->disk->segment;
    if (!flush_appended(storage)) {
        return false;
    }
    for (;;) {
        agencies_announce_done(segment); /* also for a handler that died before it could */
        if (!done_round_store_asked(storage)) {
            return false;
        }
        if (!roll_call(storage->disk->heritage, scope, roll)) {
            log_critical(LOG_SALES_NO_MEMORY, "result: fail | error: no memory for the agencies");
            return false;
        }
        if (!roll->asked) {
            return true;
        }
        roll_close(roll);
    }
}

static void tell_closed(const struct storage *storage)
{
    const struct segment *segment = storage->disk->segment;
    const struct closing *closing = &storage->control.closing;
    log_info(
        LOG_SALES_CLOSED,
        "result: success | por: %s | agencias: %" PRIu64 " | sin: %s | apuestas: %" PRIu64 "%-s%s",
        control_closed_by_name(closing->by), atomic_load(&segment->shared->storer.agencies_done),
        closing->without[0] == '\0' ? "-" : closing->without, storage_stock(storage).rows,
        closing->reason[0] == '\0' ? "" : " | reason: ", closing->reason);
}

/* The commit point. Bets are refused, and everything is stored, before this is called. */
static bool commit(struct storage *storage, const struct closing *closing)
{
    fault_point("sales.settled");
    if (!storage_write_last_checkpoint(storage) || !storage_note_closed(storage, closing)) {
        return false;
    }
    fault_point("sales.closed");
    tell_closed(storage);
    agencies_announce_done(storage->disk->segment); /* who asked meanwhile gets its answer */
    return done_round_store_asked(storage);
}

/* By the time: not before it, though the clock may have been set back since. */
static int64_t closed_at_ms(const struct storage *storage, enum closed_by by)
{
    int64_t now_ms = control_step_ms(&storage->control);
    int64_t closes_at_ms = by == CLOSED_BY_TIME ? storage->control.terms.closes_at_ms : 0;
    return now_ms > closes_at_ms ? now_ms : closes_at_ms;
}

/* ------------------------- by the agencies, by the time, by the other centres ---- */

#define OUT_OF_THE_DRAW "this centre was closed out of the draw (close-centre)"

static void tell_closed_out(const struct storage *storage, enum closed_by by,
                            const struct roll *roll)
{
    for (size_t i = 0; i < roll->count; i++) {
        const struct agency *agency = agencies_find(storage->disk->segment, roll->missing[i]);
        log_warning(LOG_AGENCY_CLOSED_OUT,
                    "result: in_progress | closed_out: agency %" PRIu32 " | cantidad: %" PRIu64
                    " | reason: %s",
                    roll->missing[i], agency == NULL ? 0 : atomic_load(&agency->bets),
                    by == CLOSED_BY_TIME ? "the closing time has come (lottery.closes), and this "
                                           "one is not done: what it has stored takes part"
                                         : OUT_OF_THE_DRAW
                        ": what this agency has stored takes no part");
    }
}

/* Closes the sales without the agencies that are missing then. */
static bool close_without_missing(struct storage *storage, enum closed_by by)
{
    const struct heritage *heritage = storage->disk->heritage;
    struct closing closing = {.by = by};
    struct roll roll = {0};
    (void)agencies_close_for_draw(&heritage->segment);
    if (!settle(storage, by == CLOSED_BY_TIME ? ROLL_ALLOWED : ROLL_KNOWN, &roll)) {
        return false;
    }
    if (by == CLOSED_BY_AGENCIES) {
        quorum_tell_cut_off(heritage);
    } else {
        tell_closed_out(storage, by, &roll);
    }
    if (!roll_write(roll.missing, roll.count, closing.without, sizeof closing.without)) {
        (void)snprintf(closing.without, sizeof closing.without, WITHOUT_TOO_MANY);
    }
    roll_close(&roll);
    if (by == CLOSED_BY_COMMAND) {
        (void)snprintf(closing.reason, sizeof closing.reason, OUT_OF_THE_DRAW);
    }
    closing.at_ms = closed_at_ms(storage, by);
    return commit(storage, &closing);
}

bool sales_look(struct storage *storage)
{
    if (!storage_is_on_sale(storage) || signals_terminate_requested()) {
        return true;
    }
    if (quorum_is_complete(&storage->quorum, storage->disk->heritage)) {
        return close_without_missing(storage, CLOSED_BY_AGENCIES);
    }
    if (centres_are_sales_over(storage->disk->segment)) {
        return close_without_missing(storage, CLOSED_BY_COMMAND);
    }
    return until_closing_ms(storage, 1) > 0 || close_without_missing(storage, CLOSED_BY_TIME);
}

/* ------------------------------------------------------------ by command ---- */

/* An order, as it was understood. */
struct demand {
    struct agency_set named; /* to be closed out */
    const char *reason;
    char *answer; /* SHARED_ANSWER_BYTES: why it is refused */
};

static bool refuse(const struct demand *demand, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(const struct demand *demand, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(demand->answer, SHARED_ANSWER_BYTES, format, arguments);
    va_end(arguments);
    return false;
}

static bool understand(const struct order *order, struct demand *demand)
{
    struct failure failure;
    if (order->text[0] != '\0' &&
        !agency_set_parse(order->text, "agencies to be closed out", &demand->named, &failure)) {
        return refuse(demand, "%s", failure.text);
    }
    if (demand->named.any || agency_set_size(&demand->named) > LIMITS_AGENCIES_MAX) {
        return refuse(demand, "agencies are closed out by their numbers, not by \"%s\"",
                      order->text);
    }
    if (strlen(order->reason) >= CONTROL_REASON_BYTES ||
        !text_is_clean(order->reason, strlen(order->reason))) {
        return refuse(demand, "the reason has to be printable text of at most %d bytes",
                      CONTROL_REASON_BYTES - 1);
    }
    return true;
}

/* Each agency that is named may be: it is one of this draw's, and not done. */
static bool are_names_right(const struct storage *storage, const struct demand *demand)
{
    const struct heritage *heritage = storage->disk->heritage;
    for (uint32_t i = 0; i < demand->named.count; i++) {
        for (uint64_t id = demand->named.ranges[i].first; id <= demand->named.ranges[i].last;
             id++) {
            uint32_t agency = (uint32_t)id;
            if (roll_is_done(heritage, agency)) {
                return refuse(demand, "agency %" PRIu32 " is done: leave it out", agency);
            }
            if (!server_config_allows(&heritage->config, agency) &&
                agencies_find(&heritage->segment, agency) == NULL) {
                return refuse(demand, "agency %" PRIu32 " is not one of this draw's (%s)", agency,
                              storage->control.terms.agencies_allowed);
            }
        }
    }
    return true;
}

/* Every agency that is missing is named. */
static bool are_names_enough(const struct storage *storage, const struct demand *demand,
                             const struct roll *roll)
{
    size_t unnamed = 0;
    for (size_t i = 0; i < roll->count; i++) {
        if (!agency_set_has(&demand->named, roll->missing[i])) {
            roll->missing[unnamed++] = roll->missing[i];
        }
    }
    if (unnamed > 0) {
        char names[NAMES_BYTES];
        bool all = roll_write(roll->missing, unnamed, names, sizeof names);
        return refuse(demand,
                      "%zu agenc%s not done: %s%s; wait, or name each that is to be closed out "
                      "with what it has stored (--without)",
                      unnamed, unnamed == 1 ? "y is" : "ies are", names, all ? "" : "...");
    }
    uint64_t named = agency_set_size(&demand->named);
    uint64_t limit = storage->disk->heritage->config.limit_agencies;
    if (roll->done + named > limit) {
        return refuse(demand,
                      "%" PRIu64 " agencies are done and %" PRIu64 " named: more than "
                      "limits.agencies (%" PRIu64 ")",
                      roll->done, named, limit);
    }
    uint64_t expected = storage->control.terms.agencies_expected;
    return !storage->disk->heritage->config.allowed.any || roll->done + named >= expected ||
           refuse(demand,
                  "%" PRIu64 " agencies are done and %" PRIu64 " named, and %" PRIu64
                  " are expected: wait for the others, or name them, too",
                  roll->done, named, expected);
}

static bool may_close(const struct storage *storage, const struct demand *demand)
{
    struct roll roll;
    if (!are_names_right(storage, demand)) {
        return false;
    }
    if (!roll_call(storage->disk->heritage, ROLL_ALLOWED, &roll)) {
        return refuse(demand, "there is no memory for the agencies: try again");
    }
    bool enough = are_names_enough(storage, demand, &roll);
    roll_close(&roll);
    return enough;
}

/* Those that are named, without one that was done just now. They fit: so did the order's text. */
static void write_without(const struct storage *storage, const struct demand *demand,
                          struct closing *closing)
{
    struct agency_set without = {.count = 0};
    bool fits = true;
    for (uint32_t i = 0; i < demand->named.count; i++) {
        for (uint64_t id = demand->named.ranges[i].first; id <= demand->named.ranges[i].last;
             id++) {
            fits = (roll_is_done(storage->disk->heritage, (uint32_t)id) ||
                    agency_set_add(&without, (uint32_t)id)) &&
                   fits;
        }
    }
    if (!fits || agency_set_write(&without, closing->without, sizeof closing->without) >=
                     sizeof closing->without) {
        (void)snprintf(closing->without, sizeof closing->without, WITHOUT_TOO_MANY);
    }
}

/*
 * Looks once more now that no bet is taken: an agency may have begun since the first look. Then the
 * sales go on as if there had been no order.
 */
static enum sales_answer close_by_demand(struct storage *storage, const struct demand *demand)
{
    const struct segment *segment = storage->disk->segment;
    struct closing closing = {.by = CLOSED_BY_COMMAND};
    struct roll roll = {0};
    (void)agencies_close_for_draw(segment);
    if (!settle(storage, ROLL_ALLOWED, &roll)) {
        return SALES_FAILED;
    }
    bool enough = are_names_enough(storage, demand, &roll);
    roll_close(&roll);
    if (!enough) {
        agencies_reopen(segment);
        return SALES_REFUSED;
    }
    write_without(storage, demand, &closing);
    (void)snprintf(closing.reason, sizeof closing.reason, "%s", demand->reason);
    closing.at_ms = closed_at_ms(storage, CLOSED_BY_COMMAND);
    return commit(storage, &closing) ? SALES_CLOSED : SALES_FAILED;
}

enum sales_answer sales_close_by_order(struct storage *storage, const struct order *order,
                                       char answer[SHARED_ANSWER_BYTES])
{
    struct demand demand = {.reason = order->reason, .answer = answer};
    answer[0] = '\0';
    if (!understand(order, &demand) || !may_close(storage, &demand)) {
        return SALES_REFUSED;
    }
    return close_by_demand(storage, &demand);
}
