/*
 * shipper.c - see shipper.h.
 */
#include "shipper/shipper.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "shipper/beat.h"
#include "shipper/centre_desk.h"
#include "shipper/log_note.h"
#include "shipper/own_files.h"
#include "shipper/shipment.h"
#include "shipper/stop_signal.h"
#include "shm/replica.h"
#include "shm/segment.h"
#include "shm/waiting.h"
#include "store/data_directory.h"
#include "store/replication.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CALL_MS = 3000,   /* of one call of the engine; an election takes 4 to 9 s, and is waited for */
    CONNECT_MS = 500, /* for the first connection; it goes on trying afterwards */
    CALL_LEAST_MS = 100, /* of one call, however little time is left */
    RETRY_MS = 100,      /* between two tries */
    SOON_MS = 1,
    LOOK_MS = 500,         /* at the connection, where there is nothing to do */
    LOOK_FENCED_MS = 1000, /* at the log, where there has been nothing to append */
    TELL_AFTER_MS = 1000   /* an append that waits for longer is told of */
};

struct shipper {
    const struct shipper_setting *setting;
    struct data_directory directory; /* path, descriptor and access alone */
    struct segment segment;
    struct shared_shipper *shared;
    struct own_files files;
    struct engine *engine;
    struct shipment shipment;
    struct shipment_counts told; /* what the segment has of them */
    struct beat beat;
    struct centre_desk desk; /* of a draw that several centres hold */
    char *lines;             /* what is on its way */
    size_t lines_capacity;
    bool has_claimed;
    bool has_shipped_files;  /* since the claim */
    bool has_opened;         /* the log has begun the next draw: nothing more of this one */
    struct own_file opening; /* its control */
    struct record beginning; /* the claim by which it does */
    int64_t waits_since_ms;  /* 0: the engine answers */
    bool has_told_waiting;
    int64_t stops_at_ms;           /* 0: it has not been asked to */
    int64_t looked_at_ms;          /* whether another node has claimed the log */
    uint64_t looked_after_appends; /* how many there were then */
};

/* -------------------------------------------------------------- telling ---- */

static void set_state(struct shipper *shipper, enum shipper_state state)
{
    atomic_store(&shipper->shared->state, (uint32_t)state);
}

static void tell_error(struct shipper *shipper, const char *text)
{
    replica_tell(&shipper->segment, shipper->shared->error, sizeof shipper->shared->error, text);
    atomic_store_explicit(&shipper->shared->error_at_ms, clock_wall_ms(), memory_order_relaxed);
}

static void tell_connection(struct shipper *shipper)
{
    struct engine_state state;
    char text[SHARED_ENGINE_BYTES];
    engine_describe(shipper->engine, &state);
    (void)snprintf(text, sizeof text, "%.100s%s%.20s", state.server,
                   state.version[0] == '\0' ? "" : " ", state.version);
    atomic_store(&shipper->shared->connected, state.connected ? 1 : 0);
    atomic_store_explicit(&shipper->shared->reconnects, state.reconnects, memory_order_relaxed);
    if (strcmp(text, shipper->shared->engine) != 0) {
        replica_tell(&shipper->segment, shipper->shared->engine, sizeof shipper->shared->engine,
                     text);
    }
}

/* 0: this shipper has not claimed the log, or has lost it. */
static uint64_t claimed_epoch(const struct shipper *shipper)
{
    return shipper->has_claimed ? shipper->shipment.log.epoch : 0;
}

static void note_beat(struct shipper *shipper)
{
    const struct log_state *log = &shipper->shipment.log;
    beat_note(&shipper->beat, claimed_epoch(shipper), log->bets_end, log->done_end);
}

/* Adds what has happened since the last call. The counters are the segment's, of all its shippers. */
static void tell_counts(struct shipper *shipper)
{
    const struct shipment_counts *now = &shipper->shipment.counts;
    const struct shipment_counts *told = &shipper->told;
    struct shared_shipper *shared = shipper->shared;
    atomic_fetch_add(&shared->bytes, now->bytes - told->bytes);
    atomic_fetch_add(&shared->appends, now->appends - told->appends);
    atomic_fetch_add(&shared->refused, now->refused - told->refused);
    atomic_fetch_add(&shared->unknown, now->unknown - told->unknown);
    atomic_fetch_add(&shared->append_total_ns, now->total_ns - told->total_ns);
    atomic_store(&shared->append_last_ns, now->last_ns);
    if (now->worst_ns > atomic_load(&shared->append_worst_ns)) {
        atomic_store(&shared->append_worst_ns, now->worst_ns);
    }
    atomic_store(&shared->epoch, claimed_epoch(shipper));
    atomic_store(&shared->sequence, shipper->shipment.log.sequence);
    shipper->told = *now;
    note_beat(shipper);
}

/* The engine does not answer. Says so once, when that has lasted a while. */
static void note_waiting(struct shipper *shipper, const struct failure *failure)
{
    int64_t now_ms = clock_monotonic_ms();
    tell_error(shipper, failure->text);
    tell_connection(shipper);
    if (shipper->waits_since_ms == 0) {
        shipper->waits_since_ms = now_ms;
    }
    set_state(shipper, atomic_load(&shipper->shared->connected) == 0 ? SHIPPER_CONNECTING
                       : shipper->has_claimed                        ? SHIPPER_WAITING
                                                                     : SHIPPER_CLAIMING);
    if (!shipper->has_told_waiting && now_ms - shipper->waits_since_ms >= TELL_AFTER_MS) {
        shipper->has_told_waiting = true;
        log_warning(LOG_ENGINE_AWAY,
                    "result: in_progress | error: %s | waiting: for the engine; "
                    "what it does not have yet waits on the disk",
                    failure->text);
    }
}

static void note_answer(struct shipper *shipper)
{
    if (shipper->has_told_waiting) {
        log_info(LOG_ENGINE_BACK,
                 "result: success | reason: the engine answers again | after_ms: %" PRId64,
                 clock_monotonic_ms() - shipper->waits_since_ms);
    }
    shipper->waits_since_ms = 0;
    shipper->has_told_waiting = false;
    set_state(shipper, shipper->has_claimed ? SHIPPER_SHIPPING : SHIPPER_CLAIMING);
}

/* ------------------------------------------------------------- stopping ---- */

/* True once it was asked to end, and has tried for as long as it may. */
static bool is_out_of_patience(struct shipper *shipper)
{
    if (!stop_signal_has_come()) {
        return false;
    }
    if (shipper->stops_at_ms == 0) {
        shipper->stops_at_ms = clock_monotonic_ms() + shipper->setting->patience_ms;
    }
    return clock_monotonic_ms() >= shipper->stops_at_ms;
}

/* How long the next call of the engine may take: no longer than there is time before the end. */
static void limit_call(struct shipper *shipper)
{
    int64_t left_ms = CALL_MS;
    if (stop_signal_has_come()) {
        (void)is_out_of_patience(shipper); /* which begins to count with the first look */
        left_ms = shipper->stops_at_ms - clock_monotonic_ms();
    }
    shipper->shipment.timeout_ms = left_ms > CALL_MS         ? CALL_MS
                                   : left_ms < CALL_LEAST_MS ? CALL_LEAST_MS
                                                             : left_ms;
}

static bool never(const void *context)
{
    (void)context;
    return false;
}

/* Waits a moment before the next try. False when it is time to end. */
static bool pause_before_retry(struct shipper *shipper)
{
    if (is_out_of_patience(shipper)) {
        return false;
    }
    note_beat(shipper);
    struct timespec pause = clock_interval(RETRY_MS);
    (void)nanosleep(&pause, NULL);
    return true;
}

/* ------------------------------------------------------------- claiming ---- */

/* The directory's own note of which bytes its claim covers. */
static bool note_claim(struct shipper *shipper, struct failure *failure)
{
    struct replication_state state;
    bool synced = true;
    if (!replication_settle(&shipper->directory, &state, failure)) {
        return false;
    }
    state.role = REPLICATION_PRIMARY;
    log_note_write(&state, &shipper->shipment.log);
    state.connected = true;
    state.written_at_ms = clock_wall_ms();
    state.why[0] = '\0';
    return replication_write(&shipper->directory, &state, &synced, failure);
}

/* In which epoch this node has claimed the log, as far as its directory knows; 0: it does not. */
static uint64_t own_epoch(const struct shipper *shipper)
{
    struct replication_state state;
    struct failure ignored;
    return replication_read(&shipper->directory, &state, &ignored) == REPLICATION_READ &&
                   strcmp(state.writer, shipper->shipment.node) == 0
               ? state.epoch
               : 0;
}

/* The engine had acknowledged more than it has: it has lost it, and gets it once more. */
static void tell_lost(const struct shipper *shipper, const char *how)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    log_critical(LOG_ENGINE_LOST_BETS,
                 "result: fail | error: the engine has lost what it had "
                 "acknowledged: %s | acknowledged: %" PRIu64 " | it_has: %" PRIu64
                 " | reason: does every node of it run with sync_interval: always? It gets the "
                 "bets once more from " DATA_BETS_FILE,
                 how, atomic_load(&positions->replicated), shipper->shipment.log.bets_end);
}

/* A claim that begins a draw says its control, unless that speaks of bytes which are not in the log yet. */
static bool offer_control(struct shipper *shipper, struct failure *failure)
{
    struct control control = {.bets_bytes = 0};
    shipper->shipment.control = NULL;
    shipper->shipment.control_bytes = 0;
    if (!own_files_read_small(&shipper->files, &control, failure)) {
        return false;
    }
    const struct own_file *own_control = own_files_control(&shipper->files);
    if (own_control != NULL && control.bets_bytes == 0 && control.done_bytes == 0) {
        shipper->shipment.control = own_control->bytes;
        shipper->shipment.control_bytes = own_control->count;
    }
    return true;
}

static enum shipment_end claim(struct shipper *shipper, struct failure *failure)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    const struct shipment_files files = {.bets_end = atomic_load(&positions->durable),
                                         .done_end = atomic_load(&positions->done_durable),
                                         .read = own_files_read,
                                         .knows = own_files_know,
                                         .find_archived = own_files_find_archived,
                                         .context = &shipper->files};
    if (!offer_control(shipper, failure)) {
        return SHIPMENT_FAILED;
    }
    limit_call(shipper);
    shipper->shipment.own_epoch = own_epoch(shipper);
    enum shipment_end end = shipment_claim(&shipper->shipment, &files, failure);
    if (end != SHIPMENT_STORED) {
        return end;
    }
    const struct log_state *log = &shipper->shipment.log;
    if (!note_claim(shipper, failure)) {
        return SHIPMENT_FAILED;
    }
    shipper->has_claimed = true;
    shipper->has_shipped_files = false; /* whatever the engine has of them */
    own_files_forget_shipped(&shipper->files);
    log_info(LOG_CENTRE_LOG_CLAIMED,
             "result: success | claimed: epoch %" PRIu64
             " | node: %s | stream: %s | sequence: %" PRIu64 " | bets_end: %" PRIu64
             " | done_end: %" PRIu64,
             log->epoch, log->node, shipper->shipment.stream, log->sequence, log->bets_end,
             log->done_end);
    if (log->bets_end < atomic_load(&positions->replicated)) {
        tell_lost(shipper, "found at a claim");
    }
    return SHIPMENT_STORED;
}

/* ------------------------------------------------------------- shipping ---- */

/* Appends until there is an answer. WAITING: it is time to end. */
static enum shipment_end append(struct shipper *shipper, struct record *record,
                                struct failure *failure)
{
    for (;;) {
        limit_call(shipper);
        enum shipment_end end = shipment_append(&shipper->shipment, record, failure);
        tell_counts(shipper);
        if (end != SHIPMENT_WAITING) {
            note_answer(shipper);
            return end;
        }
        note_waiting(shipper, failure);
        if (!pause_before_retry(shipper)) {
            return SHIPMENT_WAITING;
        }
    }
}

/* Memory for a record of bets. False where the engine has not told yet how long one may be. */
static bool make_room(struct shipper *shipper, struct failure *failure)
{
    size_t room = shipment_room(&shipper->shipment);
    if (room == 0) {
        size_t most = engine_payload_max(shipper->engine);
        return most == 0 ? failure_set(failure, "there is no connection to the engine")
                         : failure_set(failure,
                                       "the engine takes messages of %zu bytes, and no bet fits "
                                       "in: raise max_payload of its servers",
                                       most);
    }
    if (room > shipper->lines_capacity) {
        char *more = realloc(shipper->lines, room);
        if (more == NULL) {
            return failure_set(failure, "no memory for a record of %zu bytes", room);
        }
        shipper->lines = more;
        shipper->lines_capacity = room;
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
static enum shipment_end ship_some(struct shipper *shipper, enum record_kind kind, uint64_t end,
                                   struct failure *failure)
{
    const struct log_state *log = &shipper->shipment.log;
    uint64_t from = kind == RECORD_BETS ? log->bets_end : log->done_end;
    struct record record = {.kind = kind};
    if (!make_room(shipper, failure)) {
        return SHIPMENT_WAITING;
    }
    size_t room = shipment_room(&shipper->shipment);
    size_t wanted = end - from < room ? (size_t)(end - from) : room;
    if (!own_files_read(&shipper->files, kind, from, shipper->lines, wanted, failure)) {
        return SHIPMENT_FAILED;
    }
    record.length = whole_lines(shipper->lines, wanted, &record.rows);
    record.bytes = shipper->lines;
    if (record.length == 0) {
        failure_set(failure, "%s has no end of a line in %zu bytes at %" PRIu64,
                    kind == RECORD_BETS ? DATA_BETS_FILE : DATA_DONE_FILE, wanted, from);
        return SHIPMENT_FAILED;
    }
    return append(shipper, &record, failure);
}

static enum shipment_end ship_file(struct shipper *shipper, int index, struct failure *failure)
{
    struct record record;
    if (!own_files_offer(&shipper->files, index, &record)) {
        return SHIPMENT_STORED;
    }
    size_t room = shipment_room(&shipper->shipment);
    if (room != 0 && record.length > room) {
        failure_set(failure,
                    "%s has %" PRIu64
                    " bytes, and the engine takes %zu: raise max_payload of its servers",
                    record.name, record.length, room);
        return SHIPMENT_REFUSED;
    }
    enum shipment_end end = append(shipper, &record, failure);
    if (end == SHIPMENT_STORED) {
        own_files_note_shipped(&shipper->files, index);
    }
    return end;
}

/* What is to be copied, as it is at one moment; each of it stands on what is below it alone. */
struct stock {
    uint64_t files_made, done_end, bets_end;
    bool has_files;
};

static struct stock take_stock(const struct shipper *shipper, uint64_t files_made, bool has_files)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    struct stock stock = {.files_made = files_made, .has_files = has_files};
    stock.done_end = atomic_load(&positions->done_durable);
    stock.bets_end = atomic_load(&positions->durable);
    return stock;
}

/* True where a small file was made since then: bets that are durable now may stand on it. */
static bool is_overtaken(const struct shipper *shipper, const struct stock *stock)
{
    return atomic_load(&shipper->segment.shared->positions.files_made) != stock->files_made;
}

/*
 * How far the next record of bets may go. What has become durable while the last one was on its way goes
 * with it: one append of a mebibyte takes little longer than one of a tenth.
 */
static uint64_t bets_to_ship(const struct shipper *shipper, const struct stock *stock)
{
    uint64_t durable = atomic_load(&shipper->segment.shared->positions.durable);
    return stock->has_files || is_overtaken(shipper, stock) ? stock->bets_end : durable;
}

static void report(const struct shipper *shipper)
{
    const struct log_state *log = &shipper->shipment.log;
    fault_point("shipper.waking");
    replica_report_bets(&shipper->segment, log->bets_end);
    replica_report_done(&shipper->segment, log->done_end);
}

/*
 * Ships bets, lines of done.csv and files, in this order. Where there are files, nothing is reported
 * before they are in the log: a bet is not acknowledged before the control that was durable before it.
 */
static enum shipment_end ship_stock(struct shipper *shipper, const struct stock *stock,
                                    struct failure *failure)
{
    const struct log_state *log = &shipper->shipment.log;
    enum shipment_end end = SHIPMENT_STORED;
    while (end == SHIPMENT_STORED && log->bets_end < stock->bets_end) {
        end = ship_some(shipper, RECORD_BETS, bets_to_ship(shipper, stock), failure);
        if (end == SHIPMENT_STORED && !stock->has_files) {
            report(shipper);
        }
    }
    while (end == SHIPMENT_STORED && log->done_end < stock->done_end) {
        end = ship_some(shipper, RECORD_DONE, stock->done_end, failure);
    }
    for (int i = 0; end == SHIPMENT_STORED && stock->has_files && i < OWN_FILES_SMALL; i++) {
        end = ship_file(shipper, i, failure);
    }
    if (end != SHIPMENT_STORED) {
        return end;
    }
    report(shipper);
    if (stock->has_files) {
        shipper->has_shipped_files = true;
        replica_report_files(&shipper->segment, stock->files_made);
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
static bool are_files_due(const struct shipper *shipper)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    return !shipper->has_shipped_files ||
           atomic_load(&positions->files_made) != atomic_load(&positions->files_replicated);
}

static enum shipment_end ship(struct shipper *shipper, struct failure *failure)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    uint64_t files_made = atomic_load(&positions->files_made);
    bool has_files = are_files_due(shipper);
    struct control control = {.bets_bytes = 0};
    if (has_files && !own_files_read_small(&shipper->files, &control, failure)) {
        return SHIPMENT_FAILED;
    }
    const struct stock stock = take_stock(shipper, files_made, has_files);
    if (is_overtaken(shipper, &stock)) {
        return SHIPMENT_STORED; /* its bets may stand on a file that was not read: once more */
    }
    if (!stands_on_stock(&control, &stock)) {
        const struct timespec pause = clock_interval(SOON_MS);
        (void)nanosleep(&pause, NULL);
        return SHIPMENT_STORED; /* nothing of it, and nothing is told */
    }
    return ship_stock(shipper, &stock, failure);
}

static bool has_to_ship(const struct shipper *shipper)
{
    const struct shared_positions *positions = &shipper->segment.shared->positions;
    const struct log_state *log = &shipper->shipment.log;
    return atomic_load(&positions->durable) > log->bets_end ||
           atomic_load(&positions->done_durable) > log->done_end || are_files_due(shipper);
}

/* The supervisor wants the next draw. One that asks this process to end meanwhile has given it up. */
static bool is_to_open(const struct shipper *shipper)
{
    const struct shared_shipper *shared = shipper->shared;
    return !shipper->has_opened && atomic_load(&shared->opening) != 0 &&
           (!stop_signal_has_come() || atomic_load(&shared->opened) == OPENING_TRIED);
}

static bool has_work(const void *context)
{
    const struct shipper *shipper = context;
    return has_to_ship(shipper) || is_to_open(shipper) ||
           (stop_signal_has_come() ? shipper->stops_at_ms == 0
                                   : centre_desk_has_work(&shipper->desk));
}

/* ------------------------------------------------------------ next draw ---- */

static void note_opened(struct shipper *shipper, const struct control *next)
{
    shipper->has_opened = true;
    beat_note(&shipper->beat, 0, 0, 0); /* a standby gives whoever has claimed time to start */
    atomic_store(&shipper->shared->opened, OPENING_BEGUN);
    log_info(LOG_DRAW_BEGUN_IN_LOG, "result: success | begun: draw %s | lottery: %s | stream: %s",
             next->terms.draw, next->identity, shipper->shipment.stream);
}

/* Before a claim: the shipper before this one may have begun the next draw, and died over it. */
static enum shipment_end look_for_opened(struct shipper *shipper, struct failure *failure)
{
    struct control next;
    bool has_begun = false;
    if (!own_files_read_opening(&shipper->files, &shipper->opening, &next, failure)) {
        return SHIPMENT_FAILED;
    }
    limit_call(shipper);
    enum shipment_end end =
        shipment_has_begun(&shipper->shipment, next.identity, &has_begun, failure);
    if (end == SHIPMENT_STORED && has_begun) {
        note_opened(shipper, &next);
    }
    return end;
}

/* All of this draw is in the log: begins the next one. */
static enum shipment_end open_next(struct shipper *shipper, struct failure *failure)
{
    struct control next;
    if (!own_files_read_opening(&shipper->files, &shipper->opening, &next, failure)) {
        return SHIPMENT_FAILED;
    }
    limit_call(shipper);
    if (atomic_exchange(&shipper->shared->opened, OPENING_TRIED) != OPENING_TRIED) {
        log_info(LOG_DRAW_BEGINS_IN_LOG, "result: in_progress | begins: draw %s | lottery: %s",
                 next.terms.draw, next.identity);
    }
    fault_point("shipper.opening");
    enum shipment_end end =
        shipment_begin_next(&shipper->shipment, &shipper->beginning, next.identity,
                            shipper->opening.bytes, shipper->opening.count, failure);
    if (end == SHIPMENT_STORED) {
        fault_point("shipper.opened");
        note_opened(shipper, &next);
    }
    return end;
}

/* ----------------------------------------------------------------- life ---- */

/* True while a storer may still make something durable. */
static bool is_storer_at_work(const struct shipper *shipper)
{
    int32_t storer = atomic_load(&shipper->segment.shared->storer.pid);
    return storer != 0 && (kill(storer, 0) == 0 || errno != ESRCH);
}

/* True when it was asked to end, and there is nothing left to do, or no time. */
static bool is_finished(struct shipper *shipper)
{
    if (!stop_signal_has_come()) {
        return false;
    }
    return shipper->has_opened || is_out_of_patience(shipper) ||
           (shipper->has_claimed && !is_storer_at_work(shipper) && !has_to_ship(shipper));
}

static enum shipper_exit over(struct shipper *shipper, enum shipper_state state,
                              enum shipper_exit status, const struct failure *failure)
{
    set_state(shipper, state);
    tell_error(shipper, failure->text);
    log_critical(LOG_SHIPPER_REFUSED, "result: fail | error: %s", failure->text);
    return status;
}

/* What a step that did not succeed means for this process. True when it goes on. */
static bool go_on_after(struct shipper *shipper, enum shipment_end end,
                        const struct failure *failure, enum shipper_exit *status)
{
    switch (end) {
    case SHIPMENT_STORED:
        return true;
    case SHIPMENT_WAITING:
        note_waiting(shipper, failure);
        (void)pause_before_retry(shipper);
        return true;
    case SHIPMENT_LOST:
        tell_error(shipper, failure->text);
        tell_lost(shipper, failure->text);
        shipper->has_claimed = false;
        return true;
    case SHIPMENT_FENCED:
        *status = over(shipper, SHIPPER_FENCED, SHIPPER_EXIT_FENCED, failure);
        return false;
    case SHIPMENT_BEHIND:
        *status = over(shipper, SHIPPER_BEHIND, SHIPPER_EXIT_BEHIND, failure);
        return false;
    case SHIPMENT_REFUSED:
        *status = over(shipper, SHIPPER_REFUSED, SHIPPER_EXIT_REFUSED, failure);
        return false;
    case SHIPMENT_STRANGER:
        *status = over(shipper, SHIPPER_STRANGER, SHIPPER_EXIT_STRANGER, failure);
        return false;
    case SHIPMENT_FAILED:
        tell_error(shipper, failure->text);
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure->text);
        break;
    }
    *status = SHIPPER_EXIT_FAILED;
    return false;
}

/* A storer has to have said what is durable: before that, a log with more is no log that is ahead. */
static bool is_ready(const struct shipper *shipper)
{
    return atomic_load(&shipper->segment.shared->positions.files_made) > 0;
}

/* What is due of a draw of several centres, of which this node speaks once it has claimed. */
static void attend_to_centres(struct shipper *shipper)
{
    if (shipper->has_claimed && !stop_signal_has_come()) {
        centre_desk_attend(&shipper->desk, shipper->engine, shipper->shipment.log.epoch);
    }
}

/* A primary that has nothing to append asks once a second whether it still is one. */
static enum shipment_end look_around(struct shipper *shipper, struct failure *failure)
{
    const uint64_t appends = shipper->shipment.counts.appends;
    const int64_t now_ms = clock_monotonic_ms();
    if (appends != shipper->looked_after_appends ||
        now_ms - shipper->looked_at_ms < LOOK_FENCED_MS) {
        if (appends != shipper->looked_after_appends) {
            shipper->looked_after_appends = appends;
            shipper->looked_at_ms = now_ms;
        }
        return SHIPMENT_STORED;
    }
    shipper->looked_at_ms = now_ms;
    return shipment_look(&shipper->shipment, failure);
}

/* Claims, or copies what there is; then, where that is wanted, begins the next draw. */
static enum shipment_end step(struct shipper *shipper, struct failure *failure)
{
    if (!shipper->has_claimed) {
        enum shipment_end end =
            is_to_open(shipper) ? look_for_opened(shipper, failure) : SHIPMENT_STORED;
        if (end == SHIPMENT_STORED && !shipper->has_opened) {
            end = claim(shipper, failure);
            tell_counts(shipper);
        }
        return end;
    }
    enum shipment_end end = ship(shipper, failure);
    end = end == SHIPMENT_STORED ? look_around(shipper, failure) : end;
    return end == SHIPMENT_STORED && is_to_open(shipper) && !has_to_ship(shipper)
               ? open_next(shipper, failure)
               : end;
}

static enum shipper_exit serve(struct shipper *shipper)
{
    struct failure failure = {.text = ""};
    enum shipper_exit status = SHIPPER_EXIT_STOPPED;
    while (!is_finished(shipper)) {
        enum shipment_end end = SHIPMENT_STORED;
        if (!is_ready(shipper) || shipper->has_opened) {
            wait_for_shipment(&shipper->segment, never, NULL, RETRY_MS);
            continue;
        }
        end = step(shipper, &failure);
        if (end == SHIPMENT_STORED) {
            note_answer(shipper);
        }
        if (!go_on_after(shipper, end, &failure, &status)) {
            return status;
        }
        tell_connection(shipper);
        if (end == SHIPMENT_STORED && !shipper->has_opened) {
            attend_to_centres(shipper);
            wait_for_shipment(&shipper->segment, has_work, shipper,
                              stop_signal_has_come() ? RETRY_MS : LOOK_MS);
            tell_counts(shipper);
        }
    }
    const bool has_all = shipper->has_claimed && !has_to_ship(shipper);
    return has_all || shipper->has_opened ? SHIPPER_EXIT_STOPPED : SHIPPER_EXIT_FAILED;
}

/* Joins the server whose child this process is. */
static bool join(struct shipper *shipper, struct failure *failure)
{
    const struct shipper_setting *setting = shipper->setting;
    shipper->directory.descriptor = open(setting->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (shipper->directory.descriptor < 0) {
        return failure_set_errno(failure, "open %s", setting->directory);
    }
    if (segment_join(setting->segment_key, &shipper->segment, failure) != SEGMENT_ATTACHED) {
        return false;
    }
    shipper->shared = &shipper->segment.shared->shipper;
    if (shipper->segment.shared->identity.supervisor_pid != getppid()) {
        segment_unmap(&shipper->segment);
        return failure_set(failure,
                           "shared memory %s is not that of the server that has started "
                           "this process",
                           shipper->segment.name);
    }
    return true;
}

static void leave(struct shipper *shipper)
{
    own_files_close(&shipper->files);
    free(shipper->opening.bytes);
    free(shipper->lines);
    log_follow_threshold(NULL);
    log_count_losses_in(NULL);
    segment_unmap(&shipper->segment);
    (void)close(shipper->directory.descriptor);
}

static bool open_desk(struct shipper *shipper, struct failure *failure)
{
    const struct shipper_setting *setting = shipper->setting;
    const struct centre_desk_setting desk = {.own = setting->centre,
                                             .node = setting->node,
                                             .expected = setting->centres,
                                             .replicas = setting->replicas,
                                             .call_ms = CALL_MS,
                                             .directory = &shipper->directory,
                                             .segment = &shipper->segment};
    return centre_desk_open(&shipper->desk, &desk, failure);
}

/* With the segment: connects, serves and closes. */
static enum shipper_exit live(struct shipper *shipper)
{
    const struct shipper_setting *setting = shipper->setting;
    struct failure failure;
    shipper->engine = engine_open_nats(&setting->access, CONNECT_MS, &failure);
    if (shipper->engine == NULL) {
        return over(shipper, SHIPPER_REFUSED, SHIPPER_EXIT_REFUSED, &failure);
    }
    shipment_open(&shipper->shipment, shipper->engine, setting->centre, setting->node,
                  setting->identity, setting->replicas, CALL_MS);
    enum shipper_exit status = SHIPPER_EXIT_FAILED;
    if (!open_desk(shipper, &failure) ||
        !beat_start(&shipper->beat, shipper->engine, &shipper->segment, setting->centre,
                    setting->node, &failure)) {
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure.text);
    } else {
        stop_signal_let_in(&shipper->shared->wakeup);
        wake_everybody(&shipper->segment);
        status = serve(shipper);
        beat_stop(&shipper->beat);
    }
    centre_desk_close(&shipper->desk);
    engine_close(shipper->engine);
    return status;
}

enum shipper_exit shipper_run(const struct shipper_setting *setting)
{
    struct shipper shipper = {
        .setting = setting,
        .directory = {.path = setting->directory,
                      .access = {.has_group = setting->has_group,
                                 .group = setting->group,
                                 .numbers_only = true}},
    };
    struct failure failure;
    own_files_open(&shipper.files, &shipper.directory);
    stop_signal_block();
    if (!join(&shipper, &failure)) {
        log_error(LOG_SHIPPER_FAILED, "result: fail | error: %s", failure.text);
        return SHIPPER_EXIT_FAILED;
    }
    atomic_store(&shipper.shared->pid, (int32_t)getpid());
    log_count_losses_in(&shipper.segment.shared->log);
    log_follow_threshold(&shipper.segment.shared->supervisor.log_level);
    replica_tell(&shipper.segment, shipper.shared->node, sizeof shipper.shared->node,
                 setting->node);
    set_state(&shipper, SHIPPER_STARTING);
    log_info(LOG_SHIPPER_STARTED, "result: success | pid: %d | node: %s", (int)getpid(),
             setting->node);
    enum shipper_exit status = live(&shipper);
    log_write(status == SHIPPER_EXIT_STOPPED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
              status == SHIPPER_EXIT_STOPPED ? LOG_SHIPPER_STOPPED : LOG_SHIPPER_BROKE_OFF,
              "result: %s | replicated: %" PRIu64 " | durable: %" PRIu64,
              status == SHIPPER_EXIT_STOPPED ? "success" : "fail",
              atomic_load(&shipper.segment.shared->positions.replicated),
              atomic_load(&shipper.segment.shared->positions.durable));
    leave(&shipper);
    return status;
}
