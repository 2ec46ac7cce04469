/*
 * operator.c - see operator.h.
 */
#include "server/supervisor/operator.h"

#include "bet/agency_set.h"
#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "lib/timestamp.h"
#include "shm/orders.h"
#include "store/archive.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- answers ---- */

enum {
    PROMOTED_PATIENCE_MS = 30000, /* of an operator, for the claim of a server that listens */
    PROMOTED_LOOK_MS = 50
};

static void answer(struct heritage *heritage, bool carried_out, const char *text)
{
    log_write(carried_out ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              carried_out ? LOG_ADMIN_DONE : LOG_ADMIN_REFUSED, "result: %s | answer: %s",
              carried_out ? "success" : "fail", text);
    admin_door_answer(&heritage->door, carried_out, text);
}

/* ------------------------------------------------------------------- open ---- */

/* Fills in which centres draw it together, this one among them. */
static bool set_centres(const struct admin_request *request, const struct server_config *config,
                        const struct lottery_terms *before, struct lottery_terms *terms,
                        struct failure *failure)
{
    struct centre_set centres;
    const bool alone = strcmp(request->centres, ADMIN_NO_CENTRES) == 0;
    const char *text = alone                          ? ""
                       : request->centres[0] != '\0'  ? request->centres
                       : control_says_centres(before) ? before->centres_expected
                                                      : config->centres_expected;
    if (!server_config_draws_with(config, text, "--centres", &centres, failure)) {
        return false;
    }
    centre_set_write(&centres, terms->centres_expected);
    return true;
}

/* Fills in the terms of the next draw: what the request does not say is as in the draw before. */
static bool set_terms(const struct admin_request *request, const struct server_config *config,
                      const struct lottery_terms *before, struct lottery_terms *terms,
                      struct failure *failure)
{
    struct agency_set agencies;
    const char *allowed =
        request->agencies[0] != '\0' ? request->agencies : before->agencies_allowed;
    *terms = (struct lottery_terms){
        .agencies_expected = before->agencies_expected,
        .number_by = request->has_number ? NUMBER_BY_OPENING : NUMBER_BY_COMMAND,
        .winning_number = request->number,
        .closes_at_ms = request->closes_at_ms,
    };
    (void)snprintf(terms->draw, sizeof terms->draw, "%s", request->draw);
    if (!set_centres(request, config, before, terms, failure) ||
        !agency_set_parse(allowed, "--agencies", &agencies, failure)) {
        return false;
    }
    if (request->agencies[0] != '\0' && !agencies.any) {
        terms->agencies_expected = (uint32_t)agency_set_size(&agencies);
    }
    (void)agency_set_write(&agencies, terms->agencies_allowed, sizeof terms->agencies_allowed);
    uint64_t many = agencies.any ? terms->agencies_expected : agency_set_size(&agencies);
    if (many > config->limit_agencies) {
        return failure_set(
            failure, "--agencies: %" PRIu64 " agencies are more than limits.agencies (%" PRIu32 ")",
            many, config->limit_agencies);
    }
    if (terms->closes_at_ms != 0 && terms->closes_at_ms <= clock_wall_ms()) {
        char closes[TIMESTAMP_BYTES];
        timestamp_write(terms->closes_at_ms, closes);
        return failure_set(failure, "--closes: %s is over", closes);
    }
    return true;
}

/* May a draw of this name follow the current one? */
static bool may_follow(const struct admin_request *request, const struct control *current,
                       const struct data_directory *directory, struct failure *failure)
{
    if (strcmp(request->draw, current->terms.draw) == 0 || archive_has(directory, request->draw)) {
        return failure_set(failure,
                           "there has been a draw %s: its name can't be given a second time",
                           request->draw);
    }
    return current->state == CONTROL_DRAWN || request->abandon ||
           failure_set(failure,
                       "draw %s is %s and has not been held: hold it first (lottery-admin status "
                       "says what is missing), or give it up for good with --abandon",
                       current->terms.draw, control_state_name(current->state));
}

/* Copies to `finished` what the archive is to say of the current draw. */
static bool finish_current(const struct operator_desk *desk, const struct heritage *heritage,
                           struct control *finished, struct failure *failure)
{
    if (control_read(&heritage->directory, finished, failure) != CONTROL_READ) {
        return false;
    }
    if (finished->state != CONTROL_DRAWN) {
        finished->state = CONTROL_ABANDONED;
        finished->abandoned_at_ms = control_step_ms(finished);
        finished->bets_bytes = atomic_load(&heritage->segment.shared->positions.durable);
        (void)snprintf(finished->abandoned_reason, sizeof finished->abandoned_reason, "%s",
                       desk->abandon_reason);
    }
    return true;
}

/* Writes it into the archive's directory. */
static bool archive_current(const struct operator_desk *desk, const struct heritage *heritage,
                            struct failure *failure)
{
    struct control finished;
    bool synced = true;
    return finish_current(desk, heritage, &finished, failure) &&
           archive_prepare(&heritage->directory, &finished, &synced, failure);
}

/*
 * Judges the request; if it is possible, the supervisor finds opens_next set. The archive is
 * prepared already here, so that a full disk, or something in the way, is told before anybody is
 * disconnected.
 */
static bool prepare_open(struct operator_desk *desk, struct heritage *heritage,
                         const struct admin_request *request, struct failure *failure)
{
    struct control current;
    struct control *next = &desk->next;
    if (control_read(&heritage->directory, &current, failure) != CONTROL_READ) {
        return false;
    }
    if (!may_follow(request, &current, &heritage->directory, failure) ||
        !control_make(next, failure) ||
        !set_terms(request, &heritage->config, &current.terms, &next->terms, failure)) {
        return false;
    }
    next->terms_by = TERMS_BY_COMMAND;
    next->ipc_key = current.ipc_key;
    next->ring_bytes = current.ring_bytes;
    (void)snprintf(next->archiving, sizeof next->archiving, "%s", current.terms.draw);
    (void)snprintf(desk->abandon_reason, sizeof desk->abandon_reason, "%s", request->reason);
    desk->opens_next = archive_current(desk, heritage, failure);
    return desk->opens_next;
}

bool operator_write_opening(const struct operator_desk *desk, const struct heritage *heritage,
                            struct failure *failure)
{
    struct control next = desk->next;
    next.archiving[0] = '\0'; /* which is the directory's own matter */
    return control_write_opening(&heritage->directory, &next, failure);
}

bool operator_open_next(struct operator_desk *desk, struct heritage *heritage, bool *committed,
                        struct failure *failure)
{
    bool synced = true;
    *committed = false;
    if (!archive_current(desk, heritage, failure)) {
        return false;
    }
    fault_point("open.prepared");
    bool written = control_write(&heritage->directory, &desk->next, &synced, failure);
    *committed = written || !synced;
    fault_point("open.committed");
    (void)unlinkat(heritage->directory.descriptor, DATA_OPENING_FILE, 0);
    return written;
}

void operator_answer_open(struct operator_desk *desk, struct heritage *heritage,
                          const struct failure *failure)
{
    struct failure text;
    const struct control *next = &desk->next;
    if (!desk->opens_next) {
        return;
    }
    desk->opens_next = false;
    if (failure != NULL) {
        answer(heritage, false, failure->text);
        return;
    }
    const char *centres = next->terms.centres_expected;
    (void)failure_set(&text, "draw %s is open (%s), agencies expected %" PRIu32 ", allowed %s%s%s",
                      next->terms.draw, next->identity, next->terms.agencies_expected,
                      next->terms.agencies_allowed, centres[0] == '\0' ? "" : ", centres ",
                      centres);
    answer(heritage, true, text.text);
}

/* -------------------------------------------------------------- promotion ---- */

void operator_take_promoter(struct operator_desk *desk, struct heritage *heritage, int promoter)
{
    admin_door_adopt(&heritage->door, promoter);
    desk->promoted_by_ms = promoter < 0 ? 0 : clock_monotonic_ms() + PROMOTED_PATIENCE_MS;
}

int64_t operator_patience_ms(const struct operator_desk *desk)
{
    return desk->promoted_by_ms == 0 ? -1 : PROMOTED_LOOK_MS;
}

void operator_answer_promotion(struct operator_desk *desk, struct heritage *heritage,
                               const char *reason)
{
    if (desk->promoted_by_ms != 0) {
        desk->promoted_by_ms = 0;
        answer(heritage, false, reason);
    }
}

/* Listens already; has its own shipper claimed the log? */
static void attend_to_promotion(struct operator_desk *desk, struct heritage *heritage)
{
    const struct shared_shipper *shipper = &heritage->segment.shared->shipper;
    const uint64_t epoch = atomic_load(&shipper->epoch);
    if (epoch != 0) {
        struct failure text;
        desk->promoted_by_ms = 0;
        (void)failure_set(&text,
                          "this node is the primary, by claim %" PRIu64 " of the log: its files "
                          "are judged, and it listens",
                          epoch);
        answer(heritage, true, text.text);
    } else if (clock_monotonic_ms() >= desk->promoted_by_ms) {
        operator_answer_promotion(desk, heritage,
                                  "this node listens, and the engine has not answered its shipper "
                                  "yet, so it may acknowledge nothing: see lottery-stat");
    }
}

/* --------------------------------------------------------------- requests ---- */

static bool post_order(struct operator_desk *desk, struct heritage *heritage,
                       const struct admin_request *request, struct failure *failure)
{
    struct order order = {.number = request->number};
    const char *text = request->seal;
    order.kind = ORDER_DRAW;
    if (request->command == ADMIN_CLOSE) {
        order.kind = ORDER_CLOSE;
        text = request->without;
    } else if (request->command == ADMIN_CLOSE_CENTRE) {
        order.kind = ORDER_CLOSE_CENTRE;
        text = request->centre;
    }
    (void)snprintf(order.text, sizeof order.text, "%s", text);
    (void)snprintf(order.reason, sizeof order.reason, "%s", request->reason);
    desk->waits_for_storer = orders_post(&heritage->segment, &order);
    return desk->waits_for_storer ||
           failure_set(failure, "the storer is still at the order before this one: try again");
}

void operator_attend(struct operator_desk *desk, struct heritage *heritage, bool is_ready)
{
    struct admin_request request;
    struct failure failure;
    bool carried_out = false;
    char text[SHARED_ANSWER_BYTES];
    if (desk->waits_for_storer && orders_take_answer(&heritage->segment, &carried_out, text)) {
        desk->waits_for_storer = false;
        answer(heritage, carried_out, text);
    }
    if (desk->promoted_by_ms != 0) {
        attend_to_promotion(desk, heritage);
    }
    if (!admin_door_go_on(&heritage->door, is_ready, &request)) {
        return;
    }
    log_info(LOG_ADMIN_COMMAND, "result: in_progress | command: %s",
             admin_command_name(request.command));
    bool possible = false;
    if (request.command == ADMIN_REPLACE) {
        desk->hands_over = true;
        possible = true;
    } else if (request.command == ADMIN_PROMOTE) {
        (void)failure_set(&failure, "this server is the primary already; ask its standby");
    } else if (request.command == ADMIN_OPEN) {
        possible = prepare_open(desk, heritage, &request, &failure);
    } else {
        possible = post_order(desk, heritage, &request, &failure);
    }
    if (!possible) {
        answer(heritage, false, failure.text);
    }
}
