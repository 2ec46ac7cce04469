/*
 * primary_stock.c - what there is to copy, and its order: bets, lines of done.csv, small files. See primary.h.
 *
 * Nothing stands in the log before what it stands on, and nobody is told that a bet is replicated before the
 * control is that was durable before it. If the process dies in between, the next one looks again at what
 * there is.
 */
#include "shipper/primary.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "shm/replica.h"
#include "shm/waiting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SOON_MS = 1 };

/* Appends until there is an answer. WAITING: it is time to end. */
static enum shipment_end append(struct primary *primary, struct record *record,
                                struct failure *failure)
{
    for (;;) {
        primary_limit_call(primary);
        enum shipment_end end = shipment_append(&primary->shipment, record, failure);
        primary_tell_counts(primary);
        if (end != SHIPMENT_WAITING) {
            primary_note_answer(primary);
            return end;
        }
        primary_note_waiting(primary, failure);
        if (!primary_pause_before_retry(primary)) {
            return SHIPMENT_WAITING;
        }
    }
}

/* Memory for a record of bets. False where the engine has not told yet how long one may be. */
static bool make_room(struct primary *primary, struct failure *failure)
{
    size_t room = shipment_room(&primary->shipment);
    if (room == 0) {
        size_t most = engine_payload_max(primary->engine);
        return most == 0 ? failure_set(failure, "there is no connection to the engine")
                         : failure_set(failure,
                                       "the engine takes messages of %zu bytes, and no bet fits "
                                       "in: raise max_payload of its servers",
                                       most);
    }
    if (room > primary->lines_capacity) {
        char *more = realloc(primary->lines, room);
        if (more == NULL) {
            return failure_set(failure, "no memory for a record of %zu bytes", room);
        }
        primary->lines = more;
        primary->lines_capacity = room;
    }
    return true;
}

/* The length of the whole lines in there, and how many they are. */
static size_t whole_lines(const char *lines, size_t count, uint64_t *rows)
{
    size_t whole = 0;
    *rows = 0;
    for (const char *at = lines, *end = lines + count;
         at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++) {
        whole = (size_t)(at - lines) + 1;
        (*rows)++;
    }
    return whole;
}

/* Ships one record of a file that grows, from where the log ends, `end` at most. */
static enum shipment_end ship_some(struct primary *primary, enum record_kind kind, uint64_t end,
                                   struct failure *failure)
{
    const struct log_state *log = &primary->shipment.log;
    uint64_t from = kind == RECORD_BETS ? log->bets_end : log->done_end;
    struct record record = {.kind = kind};
    if (!make_room(primary, failure)) {
        return SHIPMENT_WAITING;
    }
    size_t room = shipment_room(&primary->shipment);
    size_t wanted = end - from < room ? (size_t)(end - from) : room;
    if (!own_files_read(&primary->files, kind, from, primary->lines, wanted, failure)) {
        return SHIPMENT_FAILED;
    }
    record.length = whole_lines(primary->lines, wanted, &record.rows);
    record.bytes = primary->lines;
    if (record.length == 0) {
        failure_set(failure, "%s has no end of a line in %zu bytes at %" PRIu64,
                    kind == RECORD_BETS ? DATA_BETS_FILE : DATA_DONE_FILE, wanted, from);
        return SHIPMENT_FAILED;
    }
    return append(primary, &record, failure);
}

static enum shipment_end ship_file(struct primary *primary, int index, struct failure *failure)
{
    struct record record;
    if (!own_files_offer(&primary->files, index, &record)) {
        return SHIPMENT_STORED;
    }
    size_t room = shipment_room(&primary->shipment);
    if (room != 0 && record.length > room) {
        failure_set(failure,
                    "%s has %" PRIu64
                    " bytes, and the engine takes %zu: raise max_payload of its servers",
                    record.name, record.length, room);
        return SHIPMENT_REFUSED;
    }
    enum shipment_end end = append(primary, &record, failure);
    if (end == SHIPMENT_STORED) {
        own_files_note_shipped(&primary->files, index);
    }
    return end;
}

/* What is to be copied, as it is at one moment; each of it stands on what is below it alone. */
struct stock {
    uint64_t files_made, done_end, bets_end;
    bool has_files;
};

static struct stock take_stock(const struct primary *primary, uint64_t files_made, bool has_files)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    struct stock stock = {.files_made = files_made, .has_files = has_files};
    stock.done_end = atomic_load(&positions->done_durable);
    stock.bets_end = atomic_load(&positions->durable);
    return stock;
}

/* True where a small file was made since then: bets that are durable now may stand on it. */
static bool is_overtaken(const struct primary *primary, const struct stock *stock)
{
    return atomic_load(&primary->segment.shared->positions.files_made) != stock->files_made;
}

/*
 * How far the next record of bets may go. What has become durable while the last one was on its way goes
 * with it: one append of a mebibyte takes little longer than one of a tenth.
 */
static uint64_t bets_to_ship(const struct primary *primary, const struct stock *stock)
{
    uint64_t durable = atomic_load(&primary->segment.shared->positions.durable);
    return stock->has_files || is_overtaken(primary, stock) ? stock->bets_end : durable;
}

/* What await_more waits for. */
struct awaited {
    const _Atomic uint64_t *durable;
    uint64_t position;
};

static bool is_durable(const void *context)
{
    const struct awaited *awaited = context;
    return atomic_load(awaited->durable) >= awaited->position;
}

/* Waits a moment for more bets to become durable, where that pays (gather.h). */
static void await_more(struct primary *primary)
{
    const uint64_t from = primary->shipment.log.bets_end;
    const uint64_t wanted = gather_bytes(&primary->gather);
    const struct awaited awaited = {.durable = &primary->segment.shared->positions.durable,
                                    .position = from + wanted};
    const uint64_t before = atomic_load(awaited.durable) - from;
    if (before >= wanted) {
        return;
    }
    const int64_t until_ns =
        clock_monotonic_ns() + gather_patience_ns(primary->shipment.counts.last_ns);
    while (!is_durable(&awaited) && clock_monotonic_ns() < until_ns) {
        wait_for_shipment(&primary->segment, is_durable, &awaited, SOON_MS);
    }
    gather_note_wait(&primary->gather, wanted, before, atomic_load(awaited.durable) - from);
}

/* Ships one record of bets. What a small file stands on does not wait for bets that come later. */
static enum shipment_end ship_bets(struct primary *primary, const struct stock *stock,
                                   struct failure *failure)
{
    const struct log_state *log = &primary->shipment.log;
    const uint64_t from = log->bets_end;
    if (!stock->has_files) {
        await_more(primary);
    }
    const enum shipment_end end =
        ship_some(primary, RECORD_BETS, bets_to_ship(primary, stock), failure);
    const uint64_t durable = atomic_load(&primary->segment.shared->positions.durable);
    gather_note_record(&primary->gather, log->bets_end - from, durable - log->bets_end);
    return end;
}

static void report(const struct primary *primary)
{
    const struct log_state *log = &primary->shipment.log;
    fault_point("shipper.waking");
    replica_report_bets(&primary->segment, log->bets_end);
    replica_report_done(&primary->segment, log->done_end);
}

/*
 * Ships bets, lines of done.csv and files, in this order. Where there are files, nothing is reported
 * before they are in the log: a bet is not acknowledged before the control that was durable before it.
 */
static enum shipment_end ship_stock(struct primary *primary, const struct stock *stock,
                                    struct failure *failure)
{
    const struct log_state *log = &primary->shipment.log;
    enum shipment_end end = SHIPMENT_STORED;
    while (end == SHIPMENT_STORED && log->bets_end < stock->bets_end) {
        end = ship_bets(primary, stock, failure);
        if (end == SHIPMENT_STORED && !stock->has_files) {
            report(primary);
        }
    }
    while (end == SHIPMENT_STORED && log->done_end < stock->done_end) {
        end = ship_some(primary, RECORD_DONE, stock->done_end, failure);
    }
    for (int i = 0; end == SHIPMENT_STORED && stock->has_files && i < OWN_FILES_SMALL; i++) {
        end = ship_file(primary, i, failure);
    }
    if (end != SHIPMENT_STORED) {
        return end;
    }
    report(primary);
    if (stock->has_files) {
        primary->has_shipped_files = true;
        replica_report_files(&primary->segment, stock->files_made);
    }
    return SHIPMENT_STORED;
}

/*
 * Control is written before the positions that it names are told: of the first bets, and where a storer
 * died in between. It must not stand in the log before those bytes, so it is left until they are told.
 */
static bool stands_on_stock(const struct control *control, const struct stock *stock)
{
    return control->bets_bytes <= stock->bets_end && control->done_bytes <= stock->done_end;
}

/* Each claim is followed by the small files as they are: an engine that lost any has them again. */
static bool are_files_due(const struct primary *primary)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    return !primary->has_shipped_files ||
           atomic_load(&positions->files_made) != atomic_load(&positions->files_replicated);
}

enum shipment_end primary_ship(struct primary *primary, struct failure *failure)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    uint64_t files_made = atomic_load(&positions->files_made);
    bool has_files = are_files_due(primary);
    struct control control = {.bets_bytes = 0};
    if (has_files && !own_files_read_small(&primary->files, &control, failure)) {
        return SHIPMENT_FAILED;
    }
    const struct stock stock = take_stock(primary, files_made, has_files);
    if (is_overtaken(primary, &stock)) {
        return SHIPMENT_STORED; /* its bets may stand on a file that was not read: once more */
    }
    if (!stands_on_stock(&control, &stock)) {
        const struct timespec pause = clock_interval(SOON_MS);
        (void)nanosleep(&pause, NULL);
        return SHIPMENT_STORED; /* nothing of it, and nothing is told */
    }
    return ship_stock(primary, &stock, failure);
}

bool primary_has_to_ship(const struct primary *primary)
{
    const struct shared_positions *positions = &primary->segment.shared->positions;
    const struct log_state *log = &primary->shipment.log;
    return atomic_load(&positions->durable) > log->bets_end ||
           atomic_load(&positions->done_durable) > log->done_end || are_files_due(primary);
}

/* ---------------------------------------------------------------- proving ---- */

bool primary_has_to_prove(const struct primary *primary)
{
    return atomic_load(&primary->shared->proofs_asked) !=
           atomic_load(&primary->shared->proofs_given);
}

enum shipment_end primary_ship_and_prove(struct primary *primary, struct failure *failure)
{
    const uint64_t asked = atomic_load(&primary->shared->proofs_asked);
    const uint64_t appends = primary->shipment.counts.appends;
    const bool is_asked = primary_has_to_prove(primary);
    enum shipment_end end = primary_ship(primary, failure);
    if (!is_asked || end != SHIPMENT_STORED) {
        return end;
    }
    if (primary->shipment.counts.appends == appends && !primary_has_to_ship(primary)) {
        end = ship_file(primary, own_files_offer_control_again(&primary->files), failure);
    }
    if (primary->shipment.counts.appends != appends) {
        replica_report_proof(&primary->segment, asked);
    }
    return end;
}
