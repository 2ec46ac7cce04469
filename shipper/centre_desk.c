/*
 * centre_desk.c - see centre_desk.h.
 */
#include "shipper/centre_desk.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "seal/record.h"
#include "shm/centres.h"
#include "shm/orders.h"
#include "shm/replica.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_EVERY_MS = 500,      /* for what other centres say, while the draw waits for it */
    LOOK_SELDOM_MS = 5000,    /* while bets are sold, which a slow answer here would hold up */
    ORDER_PATIENCE_MS = 20000 /* of an operator, while the engine does not answer */
};

_Static_assert((int)SHARED_CENTRES_MAX == (int)CENTRES_MAX + (int)CENTRE_STRANGERS_MAX,
               "the segment has room for all centres and strangers");
_Static_assert((int)SHARED_HELD_BYTES >= (int)FAILURE_TEXT_BYTES &&
                   (int)SHARED_CENTRE_BYTES == (int)CENTRE_NAME_BYTES,
               "texts are not cut");

bool centre_desk_open(struct centre_desk *desk, const struct centre_desk_setting *setting,
                      struct failure *failure)
{
    *desk = (struct centre_desk){.setting = *setting};
    if (!centre_set_parse(setting->expected, "centres.expected", &desk->expected, failure)) {
        return false;
    }
    if (desk->expected.count == 0) {
        return true;
    }
    if (centre_set_find(&desk->expected, setting->own) < 0) {
        return failure_set(failure, "centres.expected: %s does not name this centre, %s",
                           setting->expected, setting->own);
    }
    desk->centre = malloc(sizeof *desk->centre);
    return desk->centre != NULL || failure_set_errno(failure, "allocate the list of centres");
}

void centre_desk_close(struct centre_desk *desk)
{
    free(desk->centre);
    desk->centre = NULL;
}

/* ------------------------------------------------------------------- files ---- */

/* Reads the seal once; control names it. */
static bool read_seal(struct centre_desk *desk, struct failure *failure)
{
    struct seal seal;
    if (desk->has_seal || desk->control.state < CONTROL_SEALED ||
        desk->control.seal_sha256[0] == '\0') {
        return true;
    }
    if (record_read_seal(desk->setting.directory, &desk->control, &seal, failure) != SEAL_GOOD) {
        return false;
    }
    desk->agencies = seal.agency_count;
    desk->bets = seal.bets_rows;
    desk->bytes = seal.bets_bytes;
    desk->has_seal = true;
    seal_close(&seal);
    return true;
}

static bool read_files(struct centre_desk *desk, struct failure *failure)
{
    char draw[CONTROL_DRAW_BYTES];
    (void)snprintf(draw, sizeof draw, "%s", desk->control.terms.draw);
    if (control_read(desk->setting.directory, &desk->control, failure) != CONTROL_READ) {
        return false;
    }
    if (strcmp(draw, desk->control.terms.draw) != 0) { /* also the first time */
        centre_begin(desk->centre, desk->setting.own, desk->control.terms.draw, &desk->expected);
        desk->has_seal = false;
    }
    return read_seal(desk, failure);
}

static struct centre_facts facts_of(const struct centre_desk *desk, uint64_t epoch)
{
    struct centre_facts facts = {.node = desk->setting.node,
                                 .epoch = epoch,
                                 .identity = desk->control.identity,
                                 .terms = &desk->control.terms,
                                 .sealed = desk->has_seal,
                                 .is_copied = replica_is_complete(desk->setting.segment),
                                 .seal_sha256 = desk->control.seal_sha256,
                                 .agencies = desk->agencies,
                                 .bets = desk->bets,
                                 .bytes = desk->bytes};
    facts.number_said = centres_was_number_said(desk->setting.segment, &facts.number);
    return facts;
}

/* ----------------------------------------------------------------- telling ---- */

static void show_centres(const struct centre_desk *desk, const struct centre_facts *facts)
{
    const struct centre *centre = desk->centre;
    for (uint32_t i = 0; i < centre->entry_count; i++) {
        const struct centre_entry *entry = &centre->entries[i];
        centres_show(desk->setting.segment, i, entry->name,
                     centre_standing_of(centre, entry, facts),
                     entry->sequence != 0 && entry->readable ? entry->closed.bets : 0);
    }
}

static void log_state(const struct centre_desk *desk, enum centre_state state, const char *reason)
{
    const struct centre *centre = desk->centre;
    switch (state) {
    case CENTRE_HELD:
        log_critical(LOG_CENTRES_CONTRADICT,
                     "result: fail | sorteo: %s | error: %s | reason: this centre draws nothing "
                     "until it is mended (docs/draws.md)",
                     centre->draw, reason);
        break;
    case CENTRE_AWAITS:
    case CENTRE_READY:
        log_info(LOG_CENTRES_AWAITED, "result: in_progress | sorteo: %s | reason: %s", centre->draw,
                 state == CENTRE_READY
                     ? "all are closed; the number is awaited (lottery-admin draw)"
                     : reason);
        break;
    case CENTRE_RELEASED:
        log_info(LOG_CENTRES_DREW,
                 "result: success | sorteo: %s | centros: %s | apuestas: %" PRIu64
                 " | numero: %" PRIu32 " | por: %s",
                 centre->draw, centre->expected_text, centre->drawn.bets,
                 centre->drawn.winning_number, centre->drawn.centre);
        break;
    case CENTRE_UNKNOWN:
    case CENTRE_OPEN:
    case CENTRE_STATES:
        break;
    }
}

static void tell(struct centre_desk *desk, enum centre_state state, const char *reason)
{
    centres_tell(desk->setting.segment, state, reason);
    if (state == desk->told_state && strcmp(reason, desk->told) == 0) {
        return;
    }
    desk->told_state = state;
    (void)snprintf(desk->told, sizeof desk->told, "%s", reason);
    log_state(desk, state, reason);
}

/* The engine does not answer, which the shipper tells; or it wants an operator. The state stays. */
static void tell_reason(const struct centre_desk *desk, const struct failure *failure)
{
    centres_tell(desk->setting.segment, centres_state(desk->setting.segment), failure->text);
}

/* ----------------------------------------------------------------- looking ---- */

static bool make_stream(struct centre_desk *desk, struct engine *engine, struct failure *failure)
{
    if (desk->has_stream) {
        return true;
    }
    enum engine_answer answer =
        centre_make_stream(engine, desk->setting.replicas, desk->setting.call_ms, failure);
    desk->has_stream = answer == ENGINE_STORED;
    if (answer == ENGINE_FORBIDDEN) {
        tell(desk, CENTRE_HELD, failure->text);
    }
    return desk->has_stream;
}

static void look(struct centre_desk *desk, struct engine *engine, const struct centre_facts *facts)
{
    enum centre_state state = CENTRE_UNKNOWN;
    struct failure failure = {.text = ""};
    switch (centre_look(desk->centre, engine, facts, desk->setting.call_ms, &state, &failure)) {
    case CENTRE_LOOKED:
        break;
    case CENTRE_AWAY:
        tell_reason(desk, &failure);
        return;
    case CENTRE_MISSING:
        desk->has_stream = false;
        tell(desk, CENTRE_HELD, failure.text);
        return;
    case CENTRE_ANEW:
        desk->has_stream = false;
        log_critical(
            LOG_CENTRES_STREAM_ANEW,
            "result: fail | sorteo: %s | error: %s | reason: this centre reads it from its "
            "beginning, and says again what it has said",
            desk->centre->draw, failure.text);
        tell_reason(desk, &failure);
        return;
    }
    show_centres(desk, facts);
    if (centre_is_closed_out(desk->centre) && desk->control.state < CONTROL_CLOSED) {
        centres_close_sales(desk->setting.segment); /* what it would sell belongs to no draw */
    }
    if (state == CENTRE_RELEASED) {
        char sha256[SHA256_DIGITS + 1];
        fault_point("centre.drawn");
        centres_release(desk->setting.segment, desk->centre->drawn.winning_number,
                        sha256_write(sha256, &desk->centre->drawn_sha256));
    }
    tell(desk, state, state == CENTRE_HELD || state == CENTRE_AWAITS ? failure.text : "");
}

/* ------------------------------------------------------------------ orders ---- */

static void answer_order(struct centre_desk *desk, bool carried_out, const char *text)
{
    desk->asked_since_ms = 0;
    centres_answer(desk->setting.segment, carried_out, text);
}

/* The engine has not answered: the operator is told so after a while. */
static void keep_waiting(struct centre_desk *desk, const struct failure *failure)
{
    int64_t now_ms = clock_monotonic_ms();
    struct failure text;
    if (desk->asked_since_ms == 0) {
        desk->asked_since_ms = now_ms;
    }
    if (now_ms - desk->asked_since_ms >= ORDER_PATIENCE_MS) {
        (void)failure_set(&text, "the engine does not answer, so it is not known: %s; ask again",
                          failure->text);
        answer_order(desk, false, text.text);
    }
}

static void close_out(struct centre_desk *desk, struct engine *engine,
                      const struct centre_facts *facts)
{
    struct order order;
    struct failure failure = {.text = ""};
    if (!orders_next(desk->setting.segment, &order) || order.kind != ORDER_CLOSE_CENTRE) {
        answer_order(desk, false, "there is no such order any more");
        return;
    }
    switch (centre_close_out(desk->centre, engine, facts, order.text, order.reason,
                             desk->setting.call_ms, &failure)) {
    case CENTRE_OUT:
        fault_point("centre.closed_out");
        log_warning(LOG_CENTRE_CLOSED_OUT,
                    "result: success | sorteo: %s | closed_out: centre %s | reason: %s",
                    desk->centre->draw, order.text, order.reason);
        (void)failure_set(&failure, "centre %s is closed out of draw %s", order.text,
                          desk->centre->draw);
        answer_order(desk, true, failure.text);
        break;
    case CENTRE_OUT_REFUSED:
        answer_order(desk, false, failure.text);
        break;
    case CENTRE_OUT_AWAY:
        keep_waiting(desk, &failure);
        break;
    }
}

/* -------------------------------------------------------------------- life ---- */

/* How long nothing has to be looked at where nothing changes here. */
static int64_t pause_ms(const struct centre_desk *desk)
{
    enum centre_state state = centres_state(desk->setting.segment);
    bool waits = desk->asked_since_ms != 0 || state == CENTRE_AWAITS || state == CENTRE_READY ||
                 (desk->has_seal && state != CENTRE_RELEASED);
    return waits ? LOOK_EVERY_MS : LOOK_SELDOM_MS;
}

static struct centre_desk_seen see(const struct centre_desk *desk)
{
    const struct segment *segment = desk->setting.segment;
    return (struct centre_desk_seen){
        .asked = atomic_load(&segment->shared->centres.asked),
        .said = atomic_load(&segment->shared->centres.number_said),
        .draw_state = atomic_load(&segment->shared->storer.draw_state),
        .is_copied = replica_is_complete(segment),
    };
}

/* While bets come, the copy is now complete and now not: that alone is news of a sealed draw only. */
bool centre_desk_has_work(const struct centre_desk *desk)
{
    if (desk->centre == NULL) {
        return false;
    }
    struct centre_desk_seen now = see(desk);
    return now.asked != desk->seen.asked || now.said != desk->seen.said ||
           now.draw_state != desk->seen.draw_state ||
           (now.draw_state == CONTROL_SEALED && now.is_copied != desk->seen.is_copied);
}

void centre_desk_attend(struct centre_desk *desk, struct engine *engine, uint64_t epoch)
{
    struct failure failure = {.text = ""};
    int64_t now_ms = clock_monotonic_ms();
    if (desk->centre == NULL || (now_ms < desk->next_ms && !centre_desk_has_work(desk))) {
        return;
    }
    desk->seen = see(desk);
    if (!read_files(desk, &failure) || !make_stream(desk, engine, &failure)) {
        tell_reason(desk, &failure);
    } else {
        struct centre_facts facts = facts_of(desk, epoch);
        if (centres_are_asked(desk->setting.segment)) {
            close_out(desk, engine, &facts);
        }
        look(desk, engine, &facts);
    }
    desk->next_ms = clock_monotonic_ms() + pause_ms(desk);
}
