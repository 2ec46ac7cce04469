/*
 * snapshot.c - see snapshot.h. Each function copies one section.
 */
#include "stat/snapshot.h"

#include "bet/agency_set.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/text.h"
#include "server/processes.h"
#include "shm/centres.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/refusals.h"
#include "shm/replica.h"
#include "shm/slots.h"
#include "stat/readiness.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MS_PER_SECOND = 1000, RING_READ_TRIES = 8 };

static const struct snapshot_disk unknown_disk = {SNAPSHOT_UNKNOWN, SNAPSHOT_UNKNOWN,
                                                  SNAPSHOT_UNKNOWN};

static const char *const phase_names[] = {
    [SHARED_NOT_READY] = "not ready",
    [SHARED_STARTING] = "starting",
    [SHARED_READY] = "ready",
    [SHARED_STOPPING] = "stopping",
};

static const char *const security_names[] = {
    [SLOT_PLAIN] = "plain",
    [SLOT_ENCRYPTED] = "encrypted",
    [SLOT_CERTIFIED] = "certified",
};

/* What the storer does. */
enum storer_activity { STORER_NONE, STORER_NO_ROOM, STORER_SLEEPING, STORER_WORKING };

static const char *const storer_names[] = {
    [STORER_NONE] = "none",
    [STORER_NO_ROOM] = "no room",
    [STORER_SLEEPING] = "sleeping",
    [STORER_WORKING] = "working",
};

static const char *const shipper_names[SHIPPER_STATES] = {
    [SHIPPER_OFF] = "none",
    [SHIPPER_STARTING] = "starting",
    [SHIPPER_CONNECTING] = "connecting",
    [SHIPPER_CLAIMING] = "claiming",
    [SHIPPER_SHIPPING] = "shipping",
    [SHIPPER_WAITING] = "waiting",
    [SHIPPER_FENCED] = "fenced",
    [SHIPPER_BEHIND] = "behind",
    [SHIPPER_REFUSED] = "refused",
    [SHIPPER_STRANGER] = "stranger",
};

static const char *const standing_names[STANDINGS] = {
    [STANDING_NEVER] = "never", [STANDING_OPEN] = "open", [STANDING_ASKED] = "asked",
    [STANDING_OUT] = "out",     [STANDING_DONE] = "done", [STANDING_UNKNOWN] = "unknown",
};

#define LOOK(atomic) atomic_load_explicit(&(atomic), memory_order_relaxed)

#define COUNT_OF(names) (sizeof(names) / sizeof((names)[0]))

const char *snapshot_phase_at(size_t index)
{
    return index < COUNT_OF(phase_names) ? phase_names[index] : NULL;
}

const char *snapshot_security_at(size_t index)
{
    return index < COUNT_OF(security_names) ? security_names[index] : NULL;
}

const char *snapshot_storer_activity_at(size_t index)
{
    return index < COUNT_OF(storer_names) ? storer_names[index] : NULL;
}

const char *snapshot_shipper_state_at(size_t index)
{
    return index < COUNT_OF(shipper_names) ? shipper_names[index] : NULL;
}

static const char *name_of(const char *const *names, size_t count, uint64_t value)
{
    return value < count ? names[value] : "unknown";
}

static void set_word(char word[SNAPSHOT_WORD_BYTES], const char *text)
{
    snprintf(word, SNAPSHOT_WORD_BYTES, "%s", text);
}

/* In the segment, 0 is the moment, pid or port that there is none of. */
static uint64_t unless_zero(int64_t value)
{
    return value <= 0 ? SNAPSHOT_UNKNOWN : (uint64_t)value;
}

/* Milliseconds of a moment in seconds since 1970; of none, unknown. */
static uint64_t moment_ms(int64_t moment_s)
{
    return moment_s <= 0 ? SNAPSHOT_UNKNOWN : (uint64_t)moment_s * MS_PER_SECOND;
}

/* ------------------------------------------------------------------ lists ---- */

const char *snapshot_standing_name(enum snapshot_standing standing)
{
    return standing_names[standing];
}

enum snapshot_standing snapshot_standing_of(const struct snapshot_agency *agency)
{
    enum snapshot_standing standing = STANDING_NEVER;
    while (standing < STANDING_UNKNOWN && strcmp(agency->phase, standing_names[standing]) != 0) {
        standing++;
    }
    return standing;
}

static int compare_ids(const void *left, const void *right)
{
    uint64_t first = ((const struct snapshot_agency *)left)->id;
    uint64_t second = ((const struct snapshot_agency *)right)->id;
    return (first > second) - (first < second);
}

static int compare_standings(const void *left, const void *right)
{
    enum snapshot_standing first = snapshot_standing_of(left);
    enum snapshot_standing second = snapshot_standing_of(right);
    return first != second ? (first > second) - (first < second) : compare_ids(left, right);
}

/* What the snapshot's agencies are judged by. */
struct roll {
    enum control_state state; /* of the draw */
    struct agency_set allowed, without;
};

/* Of control; `state` is the segment's, for where control is not known. */
static struct roll make_roll(enum control_state state, const struct control *control)
{
    struct roll roll = {.state = state, .allowed = {.any = true}};
    struct failure ignored;
    if (control == NULL) {
        return roll;
    }
    roll.state = control->state;
    if (!agency_set_parse(control->terms.agencies_allowed, "", &roll.allowed, &ignored)) {
        roll.allowed = (struct agency_set){.any = true};
    }
    if (control->closing.without[0] != '\0' &&
        !agency_set_parse(control->closing.without, "", &roll.without, &ignored)) {
        roll.without = (struct agency_set){0};
    }
    return roll;
}

static bool is_on_sale(const struct roll *roll)
{
    return roll->state == CONTROL_NEW || roll->state == CONTROL_OPEN;
}

static void judge_agency(const struct roll *roll, enum snapshot_standing standing,
                         struct snapshot_agency *agency)
{
    if (standing != STANDING_DONE && agency_set_has(&roll->without, (uint32_t)agency->id)) {
        standing = STANDING_OUT;
    }
    agency->missing = standing != STANDING_DONE && is_on_sale(roll) ? 1 : 0;
    set_word(agency->phase, standing_names[standing]);
}

static enum snapshot_standing standing_of_phase(uint64_t phase)
{
    return phase == AGENCY_DONE         ? STANDING_DONE
           : phase == AGENCY_DONE_ASKED ? STANDING_ASKED
           : phase == AGENCY_OPEN       ? STANDING_OPEN
           : phase == AGENCY_CLOSED_OUT ? STANDING_OUT
                                        : STANDING_UNKNOWN;
}

static void copy_agencies(const struct segment *segment, const struct roll *roll,
                          struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < segment->shared->identity.agency_capacity; i++) {
        const struct agency *agency = &segment->agencies[i];
        if (atomic_load_explicit(&agency->present, memory_order_acquire) == 0) {
            continue;
        }
        struct snapshot_agency *copy = &snapshot->agencies[snapshot->agency_count++];
        *copy = (struct snapshot_agency){
            .id = agency->id,
            .bets = LOOK(agency->bets),
            .bytes = LOOK(agency->bytes),
            .end_position = LOOK(agency->end_position),
            .claims = LOOK(agency->epoch),
            .seen_at_ms = unless_zero(LOOK(agency->seen_at_ms)),
        };
        judge_agency(roll, standing_of_phase(LOOK(agency->phase)), copy);
    }
    qsort(snapshot->agencies, snapshot->agency_count, sizeof snapshot->agencies[0], compare_ids);
}

/*
 * Adds the agencies that are expected by name and are not among the first `known` ones, which
 * ascend. None when they are more than the server's table takes: control is another server's.
 */
static void add_absent(const struct roll *roll, uint64_t limit, struct snapshot *snapshot)
{
    size_t known = snapshot->agency_count;
    if (roll->allowed.any || agency_set_size(&roll->allowed) > limit) {
        return;
    }
    for (uint32_t i = 0; i < roll->allowed.count; i++) {
        const struct agency_range *range = &roll->allowed.ranges[i];
        for (uint64_t id = range->first; id <= range->last; id++) {
            struct snapshot_agency absent = {.id = id, .seen_at_ms = SNAPSHOT_UNKNOWN};
            if (bsearch(&absent, snapshot->agencies, known, sizeof absent, compare_ids) == NULL) {
                judge_agency(roll, STANDING_NEVER, &absent);
                snapshot->agencies[snapshot->agency_count++] = absent;
            }
        }
    }
}

/* Completes the list, which ascends so far, and puts it into its order. */
static void finish_agencies(const struct roll *roll, uint64_t limit, struct snapshot *snapshot)
{
    add_absent(roll, limit, snapshot);
    qsort(snapshot->agencies, snapshot->agency_count, sizeof snapshot->agencies[0],
          compare_standings);
}

/* Copies a text of the segment, of `bytes` bytes, which may be damaged; `copy` has room for it. */
static void copy_text(const char *field, size_t bytes, char *copy)
{
    slot_copy_text(field, bytes, copy);
    text_make_clean(copy, strlen(copy));
}

_Static_assert((int)SNAPSHOT_WORD_BYTES >= (int)SHARED_NAMES_BYTES, "speaks_for has room");
_Static_assert((int)SNAPSHOT_SERIAL_BYTES >= (int)SHARED_SERIAL_BYTES, "certificate has room");

/* What is known of who is at the other end. */
static void copy_security(const struct slot *slot, struct snapshot_handler *copy)
{
    uint32_t security = atomic_load_explicit(&slot->security, memory_order_acquire);
    copy->certificate_expires_at_ms = SNAPSHOT_UNKNOWN;
    set_word(copy->security,
             name_of(security_names, sizeof security_names / sizeof security_names[0], security));
    if (security == SLOT_CERTIFIED) {
        copy_text(slot->speaks_for, sizeof slot->speaks_for, copy->speaks_for);
        copy_text(slot->certificate, sizeof slot->certificate, copy->certificate);
        copy->certificate_expires_at_ms = moment_ms(LOOK(slot->certificate_expires_at_s));
    }
}

/* False when the slot is free, or was given to another connection meanwhile. */
static bool copy_slot(const struct slot *slot, struct snapshot_handler *copy)
{
    uint32_t version = 0;
    char peer[SHARED_PEER_BYTES];
    char via[SHARED_PEER_BYTES];
    int32_t pid = 0;
    if (!slot_read_peer(slot, &version, peer, via) || (pid = LOOK(slot->pid)) == 0) {
        return false;
    }
    bool known = LOOK(slot->agency_known) != 0;
    *copy = (struct snapshot_handler){
        .pid = unless_zero(pid),
        .agency = known ? LOOK(slot->agency) : SNAPSHOT_UNKNOWN,
        .since_ms = unless_zero(LOOK(slot->since_ms)),
        .awaited = LOOK(slot->awaited),
        .bets = LOOK(slot->bets),
        .messages = LOOK(slot->messages),
        .bytes = LOOK(slot->bytes),
        .connected_at_ms = unless_zero(LOOK(slot->connected_at_ms)),
    };
    set_word(copy->activity, slot_activity_name((enum slot_activity)LOOK(slot->activity)));
    copy_security(slot, copy);
    text_make_clean(peer, strlen(peer));
    text_make_clean(via, strlen(via));
    snprintf(copy->peer, sizeof copy->peer, "%s", peer);
    snprintf(copy->via, sizeof copy->via, "%s", via);
    return slot_is_unchanged(slot, version);
}

static void copy_slots(const struct segment *segment, struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < segment->shared->identity.slot_capacity; i++) {
        if (copy_slot(&segment->slots[i], &snapshot->handlers[snapshot->handler_count])) {
            snapshot->handler_count++;
        }
    }
}

/* --------------------------------------------------------------- sections ---- */

static uint64_t age_of(const _Atomic int64_t *beat_at_ms)
{
    int64_t age_ms = heartbeat_age_ms(beat_at_ms);
    return age_ms < 0 ? SNAPSHOT_UNKNOWN : (uint64_t)age_ms;
}

static void copy_server(const struct segment *segment, struct snapshot *snapshot)
{
    const struct shared *shared = segment->shared;
    const struct shared_supervisor *supervisor = &shared->supervisor;
    struct failure reason = {.text = ""};
    int64_t uptime_ms = clock_boot_ms() - shared->identity.started_boot_ms;
    uint32_t phase = atomic_load_explicit(&shared->lifecycle.phase, memory_order_acquire);
    snapshot->server = (struct snapshot_server){
        .pid = unless_zero(shared->identity.supervisor_pid),
        .port = unless_zero(LOOK(supervisor->port)),
        .started_at_ms = (uint64_t)shared->identity.started_at_s * MS_PER_SECOND,
        .uptime_ms = uptime_ms > 0 ? (uint64_t)uptime_ms : 0,
        .ready = readiness_judge(segment, &reason) ? 1 : 0,
        .beat_age_ms = age_of(&supervisor->beat_at_ms),
        .halted = LOOK(shared->lifecycle.halted),
        .agencies = snapshot->agency_count, /* those that never came are added later */
        .connections_accepted = LOOK(supervisor->connections_accepted),
        .connections_refused = LOOK(supervisor->connections_refused),
        .connections_open = LOOK(supervisor->connections_open),
        .handlers_ahead = LOOK(supervisor->handlers_ahead),
        .log_lines_lost = LOOK(shared->log.lines),
    };
    set_word(snapshot->server.phase,
             name_of(phase_names, sizeof phase_names / sizeof phase_names[0], phase));
    slot_copy_text(shared->identity.version, sizeof shared->identity.version,
                   snapshot->server.version);
    slot_copy_text(shared->identity.commit, sizeof shared->identity.commit,
                   snapshot->server.commit);
    text_make_clean(snapshot->server.version, strlen(snapshot->server.version));
    text_make_clean(snapshot->server.commit, strlen(snapshot->server.commit));
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        snapshot->server.bets += snapshot->agencies[i].bets;
    }
    snprintf(snapshot->not_ready, sizeof snapshot->not_ready, "%s",
             snapshot->server.ready != 0 ? "" : reason.text);
}

static void copy_tls(const struct shared *shared, struct snapshot_tls *copy)
{
    const struct shared_tls *tls = &shared->tls;
    *copy = (struct snapshot_tls){
        .certificate_expires_at_ms = moment_ms(LOOK(tls->certificate_expires_at_s)),
        .ca_expires_at_ms = moment_ms(LOOK(tls->ca_expires_at_s)),
        .crl_expires_at_ms = moment_ms(LOOK(tls->crl_expires_at_s)),
        .handshakes = LOOK(tls->handshakes),
        .resumed = LOOK(tls->resumed),
        .failed = LOOK(tls->failed),
    };
    set_word(copy->mode, LOOK(tls->is_on) != 0 ? "on" : "off");
}

static uint64_t count_waiters(const struct shared *shared, enum wait_kind kind)
{
    uint64_t count = 0;
    for (size_t i = 0; i < SHARED_WAITER_WORDS; i++) {
        count += (uint64_t)__builtin_popcountll(LOOK(shared->waiters.bits[kind][i]));
    }
    return count;
}

/*
 * Reads the smallest first, so that durable <= written <= head holds. If `written` did not
 * move meanwhile, head belongs to it; else reads again. After RING_READ_TRIES the values may
 * be further apart than the ring is long, and copy_ring calls the ring full.
 */
static void copy_positions(const struct shared *shared, struct snapshot_ring *ring)
{
    const struct shared_positions *positions = &shared->positions;
    for (int tries = 0; tries < RING_READ_TRIES; tries++) {
        ring->durable = atomic_load_explicit(&positions->durable, memory_order_acquire);
        ring->written = atomic_load_explicit(&positions->written, memory_order_acquire);
        ring->head = atomic_load_explicit(&positions->head, memory_order_acquire);
        if (LOOK(positions->written) == ring->written) {
            break;
        }
    }
}

static void copy_ring(const struct shared *shared, struct snapshot_ring *ring)
{
    copy_positions(shared, ring);
    uint64_t used = ring->head - ring->written;
    ring->size = shared->identity.ring_bytes;
    ring->used = used < ring->size ? used : ring->size;
    ring->unsynced = ring->head - ring->durable;
    ring->fill = ring->size == 0 ? 0 : (double)ring->used / (double)ring->size;
    ring->waiting_for_space = count_waiters(shared, WAIT_FOR_SPACE);
    ring->waiting_for_commit = count_waiters(shared, WAIT_FOR_COMMIT);
}

/* Flushes are counted in bytes, so bets a flush come from the mean length of all bets. */
static void derive_flush_means(const struct snapshot *snapshot, struct snapshot_storer *storer)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        bytes += snapshot->agencies[i].bytes;
    }
    if (storer->flushes == 0) {
        storer->bytes_a_flush = NAN;
        storer->bets_a_flush = NAN;
        storer->sync_last_ns = storer->sync_worst_ns = storer->sync_mean_ns = SNAPSHOT_UNKNOWN;
        return;
    }
    storer->bytes_a_flush = (double)storer->flushed_bytes / (double)storer->flushes;
    storer->bets_a_flush =
        bytes == 0 ? NAN : storer->bytes_a_flush * (double)snapshot->server.bets / (double)bytes;
    storer->sync_mean_ns = storer->sync_total_ns / storer->flushes;
}

/* Its leader may sleep while its other threads sync. */
static bool is_storer_idle(const struct shared *shared)
{
    return LOOK(shared->storer.sleeping) != 0 &&
           LOOK(shared->positions.durable) == LOOK(shared->positions.written);
}

static void copy_storer(const struct shared *shared, struct snapshot *snapshot)
{
    const struct shared_storer *storer = &shared->storer;
    struct snapshot_storer *copy = &snapshot->storer;
    uint64_t starts = LOOK(shared->supervisor.storer_starts);
    int error = LOOK(storer->retry_errno);
    const char *error_name = error == 0 ? "" : strerrorname_np(error);
    *copy = (struct snapshot_storer){
        .pid = unless_zero(LOOK(storer->pid)),
        .restarts = starts > 0 ? starts - 1 : 0,
        .flushes = LOOK(storer->flushes),
        .flushed_bytes = LOOK(storer->flushed_bytes),
        .syncs_overlapped = LOOK(storer->syncs_overlapped),
        .sync_last_ns = LOOK(storer->sync_last_ns),
        .sync_worst_ns = LOOK(storer->sync_worst_ns),
        .sync_total_ns = LOOK(storer->sync_total_ns),
        .write_retries = LOOK(storer->write_retries),
        .beat_age_ms = age_of(&storer->beat_at_ms),
        .no_room = error != 0 ? 1 : 0,
    };
    set_word(copy->no_room_reason, error_name == NULL ? "unknown" : error_name);
    enum storer_activity activity = copy->pid == SNAPSHOT_UNKNOWN ? STORER_NONE
                                    : error != 0                  ? STORER_NO_ROOM
                                    : is_storer_idle(shared)      ? STORER_SLEEPING
                                                                  : STORER_WORKING;
    set_word(copy->activity, storer_names[activity]);
    derive_flush_means(snapshot, copy);
}

/* Fills in what control says of the draw. */
static void copy_terms(const struct control *control, struct snapshot_draw *draw)
{
    const struct lottery_terms *terms = &control->terms;
    draw->closes_at_ms = unless_zero(terms->closes_at_ms);
    snprintf(draw->name, sizeof draw->name, "%s", terms->draw);
    set_word(draw->number_by, control_number_source_name(terms->number_by));
    snprintf(draw->seal_sha256, sizeof draw->seal_sha256, "%s", control->seal_sha256);
    if (control->state == CONTROL_DRAWN) {
        draw->winners = control->draw.winners;
    }
}

/* Expected agencies that are not done, and that no row of the list stands for. */
static uint64_t count_unnamed(const struct roll *roll, const struct snapshot *snapshot)
{
    uint64_t expected = snapshot->draw.expected;
    return roll->allowed.any && is_on_sale(roll) && expected > snapshot->agency_count
               ? expected - snapshot->agency_count
               : 0;
}

/* Of a draw that an earlier server held, the segment has neither time nor winners. */
static void copy_draw(const struct shared *shared, const struct control *control,
                      const struct roll *roll, struct snapshot *snapshot)
{
    const struct shared_storer *storer = &shared->storer;
    uint64_t took_ns = LOOK(storer->draw_ns);
    snapshot->draw = (struct snapshot_draw){
        .closes_at_ms = SNAPSHOT_UNKNOWN,
        .expected = shared->identity.agencies_expected,
        .done = LOOK(storer->agencies_done),
        .drawn = LOOK(storer->drawn),
        .winners = took_ns == 0 ? SNAPSHOT_UNKNOWN : LOOK(storer->winners),
        .took_ns = took_ns == 0 ? SNAPSHOT_UNKNOWN : took_ns,
    };
    snapshot->draw.unnamed = count_unnamed(roll, snapshot);
    if (roll->state <= CONTROL_ABANDONED) {
        set_word(snapshot->draw.state, control_state_name(roll->state));
    }
    if (control != NULL) {
        copy_terms(control, &snapshot->draw);
    }
}

static void copy_gate(const struct shared *shared, struct snapshot_gate *gate)
{
    struct gate_counts counts;
    *gate = (struct snapshot_gate){
        .id = shared->identity.gate_id < 0 ? SNAPSHOT_UNKNOWN : (uint64_t)shared->identity.gate_id,
        .missing = SNAPSHOT_UNKNOWN,
        .waiting = SNAPSHOT_UNKNOWN,
        .connected = SNAPSHOT_UNKNOWN,
    };
    if (shared->identity.gate_id >= 0 && gate_read(shared->identity.gate_id, &counts)) {
        gate->missing = counts.missing;
        gate->waiting = counts.waiting;
        gate->connected = counts.handlers;
    }
}

static void copy_deaths(const struct shared *shared, struct snapshot_deaths *deaths)
{
    const struct shared_supervisor *supervisor = &shared->supervisor;
    *deaths = (struct snapshot_deaths){
        .handlers_returned = LOOK(supervisor->handlers_returned),
        .handlers_exited = LOOK(supervisor->handlers_exited),
        .handlers_failed = LOOK(supervisor->handlers_failed),
        .handlers_killed = LOOK(supervisor->handlers_killed),
        .storer_deaths = LOOK(supervisor->storer_deaths),
        .lock_recoveries = LOOK(shared->append.recoveries),
        .handlers_forbidden = LOOK(supervisor->handlers_forbidden),
        .storers_forbidden = LOOK(supervisor->storers_forbidden),
    };
}

static void copy_keyholder(const struct shared *shared, struct snapshot_keyholder *keyholder)
{
    const struct shared_keyholder *figures = &shared->keyholder;
    *keyholder = (struct snapshot_keyholder){
        .pid = (uint64_t)(uint32_t)LOOK(figures->pid),
        .signatures = LOOK(figures->signatures),
        .refused = LOOK(figures->refused),
        .malformed = LOOK(figures->malformed),
        .abandoned = LOOK(figures->abandoned),
        .starts = LOOK(figures->starts),
        .deaths = LOOK(figures->deaths),
    };
}

/* A text of the shipper's, whatever stands there. */
static void copy_told(const struct segment *segment, const char *text, size_t size, char *copy)
{
    replica_read(segment, text, size, copy);
    text_make_clean(copy, strlen(copy));
}

static uint64_t above(uint64_t value, uint64_t other)
{
    return value > other ? value - other : 0;
}

static void copy_replica(const struct segment *segment, struct snapshot_replica *copy)
{
    const struct shared *shared = segment->shared;
    const struct shared_shipper *figures = &shared->shipper;
    const struct shared_positions *positions = &shared->positions;
    uint64_t appends = LOOK(figures->appends);
    *copy = (struct snapshot_replica){.replicated = SNAPSHOT_UNKNOWN,
                                      .lag = SNAPSHOT_UNKNOWN,
                                      .lag_limit = SNAPSHOT_UNKNOWN,
                                      .epoch = SNAPSHOT_UNKNOWN,
                                      .sequence = SNAPSHOT_UNKNOWN,
                                      .append_last_ns = SNAPSHOT_UNKNOWN,
                                      .append_mean_ns = SNAPSHOT_UNKNOWN,
                                      .append_worst_ns = SNAPSHOT_UNKNOWN,
                                      .pid = SNAPSHOT_UNKNOWN,
                                      .error_at_ms = SNAPSHOT_UNKNOWN,
                                      .beat_age_ms = SNAPSHOT_UNKNOWN};
    if (shared->identity.lag_bytes == 0) {
        return;
    }
    copy->replicated = LOOK(positions->replicated);
    copy->lag = above(LOOK(positions->head), copy->replicated);
    copy->lag_limit = shared->identity.lag_bytes;
    copy->done_lag = above(LOOK(positions->done_durable), LOOK(positions->done_replicated));
    copy->files_lag = above(LOOK(positions->files_made), LOOK(positions->files_replicated));
    copy->waiting_for_lag = count_waiters(shared, WAIT_FOR_LAG);
    copy->waiting_for_copy = count_waiters(shared, WAIT_FOR_COPY);
    copy->epoch = unless_zero((int64_t)LOOK(figures->epoch));
    copy->sequence = LOOK(figures->sequence);
    copy->pid = unless_zero(LOOK(figures->pid));
    copy->connected = LOOK(figures->connected);
    copy->appends = appends;
    copy->bytes = LOOK(figures->bytes);
    copy->refused = LOOK(figures->refused);
    copy->unknown = LOOK(figures->unknown);
    copy->reconnects = LOOK(figures->reconnects);
    copy->starts = LOOK(figures->starts);
    copy->deaths = LOOK(figures->deaths);
    copy->append_total_ns = LOOK(figures->append_total_ns);
    if (appends > 0) {
        copy->append_last_ns = LOOK(figures->append_last_ns);
        copy->append_worst_ns = LOOK(figures->append_worst_ns);
        copy->append_mean_ns = copy->append_total_ns / appends;
    }
    copy->error_at_ms = unless_zero(LOOK(figures->error_at_ms));
    copy->beat_age_ms = age_of(&figures->beat_at_ms);
    set_word(copy->role, "primary");
    set_word(copy->state, name_of(shipper_names, COUNT_OF(shipper_names), LOOK(figures->state)));
    copy_told(segment, figures->node, sizeof copy->node, copy->node);
    copy_told(segment, figures->engine, sizeof copy->engine, copy->engine);
    copy_told(segment, figures->error, sizeof copy->error, copy->error);
}

/* How many calls a kind of process may do. */
static uint64_t calls_of(const struct shared_confinement *confinement, unsigned index)
{
    return unless_zero(confinement->calls[index]);
}

static void copy_confinement(const struct shared *shared, struct snapshot_confinement *copy)
{
    static const char *const missing[] = {"", "seccomp", "Landlock", "seccomp, Landlock"};
    const struct shared_confinement *confinement = &shared->confinement;
    *copy = (struct snapshot_confinement){
        .user = confinement->user,
        .capabilities = (uint64_t)__builtin_popcountll(confinement->capabilities),
        .landlock_version = confinement->landlock_version,
        .calls_supervisor = calls_of(confinement, CONFINEMENT_SUPERVISOR),
        .calls_storer = calls_of(confinement, CONFINEMENT_CHILDREN + PROCESS_STORER),
        .calls_handler = calls_of(confinement, CONFINEMENT_CHILDREN + PROCESS_HANDLER),
        .calls_keyholder = calls_of(confinement, CONFINEMENT_CHILDREN + PROCESS_KEYHOLDER),
        .calls_shipper = calls_of(confinement, CONFINEMENT_CHILDREN + PROCESS_SHIPPER),
    };
    const char *mode = server_config_confinement_name(confinement->mode);
    set_word(copy->mode, mode == NULL ? "unknown" : mode);
    set_word(copy->missing,
             name_of(missing, sizeof missing / sizeof missing[0], confinement->missing));
}

static void copy_centre(const struct segment *segment, const struct shared_centre *centre,
                        struct snapshot *snapshot)
{
    struct snapshot_centre *copy = &snapshot->centre_list[snapshot->centres.count++];
    enum centre_standing standing = (enum centre_standing)LOOK(centre->standing);
    char name[SHARED_CENTRE_BYTES] = "";
    replica_read(segment, centre->name, sizeof centre->name, name);
    (void)snprintf(copy->name, sizeof copy->name, "%s", name);
    set_word(copy->standing, centres_standing_name(standing));
    copy->bets = LOOK(centre->bets);
    snapshot->centres.awaited += standing == CENTRE_AWAITED ? 1 : 0;
    snapshot->centres.contradicting += standing == CENTRE_CONTRADICTS ? 1 : 0;
}

static void copy_centres(const struct segment *segment, struct snapshot *snapshot)
{
    const struct shared_centres *centres = &segment->shared->centres;
    uint32_t count = LOOK(centres->count);
    uint32_t number = 0;
    bool released = centres_are_released(segment, &number);
    snapshot->centres = (struct snapshot_centres){.released = released ? 1 : 0,
                                                  .number = released ? number : SNAPSHOT_UNKNOWN};
    if (centres_state(segment) != CENTRE_UNKNOWN) {
        set_word(snapshot->centres.state, centres_state_name(centres_state(segment)));
    }
    centres_read_reason(segment, snapshot->centres.reason);
    for (uint32_t i = 0; i < count && i < SHARED_CENTRES_MAX; i++) {
        copy_centre(segment, &centres->centres[i], snapshot);
    }
}

/* The bound of the bucket that holds the value which 99 of 100 do not exceed; the last has none. */
static uint64_t most_ns(const struct histogram_sum *sum)
{
    enum { PARTS = 100 };
    uint64_t count = 0;
    uint64_t below = 0;
    for (size_t i = 0; i <= SHARED_HISTOGRAM_BOUNDS; i++) {
        count += sum->counts[i];
    }
    for (size_t i = 0; count > 0 && i < SHARED_HISTOGRAM_BOUNDS; i++) {
        below += sum->counts[i];
        if (count - below <= count / PARTS) {
            return histogram_bound_ns(i);
        }
    }
    return SNAPSHOT_UNKNOWN;
}

static void copy_times(const struct shared *shared, struct snapshot *snapshot)
{
    uint64_t acks = 0;
    histogram_add(&shared->times.syncs, &snapshot->syncs);
    for (size_t i = 0; i < SHARED_ACK_SHARDS; i++) {
        histogram_add(&shared->times.acks[i], &snapshot->acks);
    }
    for (size_t i = 0; i <= SHARED_HISTOGRAM_BOUNDS; i++) {
        acks += snapshot->acks.counts[i];
    }
    snapshot->times = (struct snapshot_times){
        .acks = acks,
        .ack_mean_ns = acks == 0 ? SNAPSHOT_UNKNOWN : snapshot->acks.sum_ns / acks,
        .ack_most_ns = most_ns(&snapshot->acks),
        .sync_most_ns = most_ns(&snapshot->syncs),
    };
}

static void copy_refusals(const struct shared *shared, struct snapshot_refusal *refusals)
{
    for (enum refusal_reason reason = 0; reason < REFUSAL_REASONS; reason++) {
        set_word(refusals[reason].reason, refusal_name(reason));
        refusals[reason].total = LOOK(shared->refusals.counts[reason]);
    }
}

/* ------------------------------------------------------------------ whole ---- */

/* True when the tables lie within what is mapped. */
static bool check_bounds(const struct segment *segment, struct failure *failure)
{
    const struct shared_identity *identity = &segment->shared->identity;
    uint64_t agencies_bytes = (uint64_t)identity->agency_capacity * sizeof(struct agency);
    uint64_t slots_bytes = (uint64_t)identity->slot_capacity * sizeof(struct slot);
    uint64_t bytes = segment->map_bytes;
    bool inside = identity->agencies_offset <= bytes && identity->slots_offset <= bytes &&
                  agencies_bytes <= bytes - identity->agencies_offset &&
                  slots_bytes <= bytes - identity->slots_offset;
    return inside ||
           failure_set(failure, "shared memory %s has %" PRIu64 " bytes, less than its tables",
                       segment->name, bytes);
}

bool snapshot_take(const struct segment *segment, const struct control *control,
                   struct snapshot *snapshot, struct failure *failure)
{
    const struct shared *shared = segment->shared;
    const struct roll roll =
        make_roll((enum control_state)LOOK(shared->storer.draw_state), control);
    *snapshot = (struct snapshot){.disk = unknown_disk};
    if (!check_bounds(segment, failure)) {
        return false;
    }
    /* Those in the table, and those that may never have come. */
    size_t agencies = (size_t)shared->identity.agency_capacity + shared->identity.agency_limit;
    size_t handlers = shared->identity.slot_capacity;
    snapshot->agencies = calloc(agencies + 1, sizeof snapshot->agencies[0]);
    snapshot->handlers = calloc(handlers + 1, sizeof snapshot->handlers[0]);
    if (snapshot->agencies == NULL || snapshot->handlers == NULL) {
        return failure_set_errno(failure, "copy %zu agencies and %zu handlers", agencies, handlers);
    }
    snapshot->taken_ns = (uint64_t)clock_monotonic_ns();
    snapshot->taken_at_ms = (uint64_t)clock_wall_ms();
    copy_agencies(segment, &roll, snapshot);
    copy_slots(segment, snapshot);
    copy_server(segment, snapshot);
    copy_ring(shared, &snapshot->ring);
    copy_storer(shared, snapshot);
    copy_times(shared, snapshot);
    copy_draw(shared, control, &roll, snapshot);
    copy_gate(shared, &snapshot->gate);
    copy_deaths(shared, &snapshot->deaths);
    copy_keyholder(shared, &snapshot->keyholder);
    copy_tls(shared, &snapshot->tls);
    copy_replica(segment, &snapshot->replica);
    copy_confinement(shared, &snapshot->confinement);
    copy_centres(segment, snapshot);
    copy_refusals(shared, snapshot->refusals);
    finish_agencies(&roll, shared->identity.agency_limit, snapshot);
    return true;
}

bool snapshot_of_files(const struct control *control, const struct snapshot_agency *stored,
                       size_t count, struct snapshot *snapshot, struct failure *failure)
{
    const struct roll roll = make_roll(control->state, control);
    *snapshot = (struct snapshot){.taken_at_ms = (uint64_t)clock_wall_ms(), .disk = unknown_disk};
    snapshot->agencies = calloc(count + LIMITS_AGENCIES_MAX + 1, sizeof snapshot->agencies[0]);
    if (snapshot->agencies == NULL) {
        return failure_set_errno(failure, "list %zu agencies", count);
    }
    snapshot->draw = (struct snapshot_draw){.expected = control->terms.agencies_expected,
                                            .drawn = control->state == CONTROL_DRAWN ? 1 : 0,
                                            .winners = SNAPSHOT_UNKNOWN,
                                            .took_ns = SNAPSHOT_UNKNOWN};
    for (size_t i = 0; i < count; i++) {
        struct snapshot_agency *agency = &snapshot->agencies[snapshot->agency_count++];
        *agency = stored[i];
        judge_agency(&roll, snapshot_standing_of(agency), agency);
        snapshot->draw.done += snapshot_standing_of(agency) == STANDING_DONE ? 1 : 0;
        snapshot->server.bets += agency->bets;
    }
    qsort(snapshot->agencies, count, sizeof snapshot->agencies[0], compare_ids);
    snapshot->draw.unnamed = count_unnamed(&roll, snapshot);
    set_word(snapshot->draw.state, control_state_name(control->state));
    copy_terms(control, &snapshot->draw);
    finish_agencies(&roll, LIMITS_AGENCIES_MAX, snapshot);
    return true;
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->agencies);
    free(snapshot->handlers);
    *snapshot = (struct snapshot){0};
}
