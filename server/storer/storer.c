/*
 * storer.c - the life of a byte: from the ring to the disk.
 *
 * Why it exists: one writer needs no locks on the files, and one fdatasync
 * serves all the agencies that appended since the last one (group commit).
 *
 * What it promises: `durable` is moved only after fdatasync has returned, and while the file that
 * was synced is still the one under its name. An agency's done becomes durable after all its bets.
 * The draw is held once, after the last agency's done, and winners.csv and control are in place
 * before the gate opens. The log has a done and the draw before any agency is answered by them.
 *
 * How it stops: SIGTERM. It goes on until no handler is left and the ring is
 * empty, because handlers wait for it. The supervisor sends SIGTERM last; when
 * the supervisor has died the kernel sends it to all at once.
 *
 * If it dies: everything it knows is in the segment and in the files. The next
 * storer writes [written, head) again, reads control and done.csv again, holds the draw
 * again if control does not say that it was held, and wakes everybody.
 */
#include "server/storer/storer.h"

#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "server/signals.h"
#include "server/storer/checkpoints.h"
#include "server/storer/disk.h"
#include "shm/agencies.h"
#include "shm/gate.h"
#include "shm/heartbeat.h"
#include "shm/ring.h"
#include "shm/waiting.h"
#include "store/done_file.h"
#include "store/draw.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DRAIN_LOOK_MS = 50, /* a killed handler does not tell that it is gone */
    DONE_ROUND_MAX = 256
};

struct storer {
    const struct heritage *heritage;
    const struct segment *segment;
    struct shared_storer *shared;
    struct disk disk;
    struct disk_file bets; /* bets.csv */
    struct done_file done;
    struct control control; /* as it stands on the disk */
    bool crowd_told;        /* more agencies than are expected have been seen */
    int64_t quorum_at_ms;   /* since when enough are done, monotonic clock; 0: they are not */
    struct checkpoints checkpoints;
};

static void count(_Atomic uint64_t *counter, uint64_t amount)
{
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

/* ---------------------------------------------------------------- flush ---- */

static void note_sync_time(struct shared_storer *shared, uint64_t elapsed_ns)
{
    atomic_store_explicit(&shared->sync_last_ns, elapsed_ns, memory_order_relaxed);
    count(&shared->sync_total_ns, elapsed_ns);
    if (elapsed_ns > atomic_load_explicit(&shared->sync_worst_ns, memory_order_relaxed)) {
        atomic_store_explicit(&shared->sync_worst_ns, elapsed_ns, memory_order_relaxed);
    }
}

/* Wakes who waits for an acknowledgement, where `moved` is the position that those wait for. */
static void wake_if_safe(const struct storer *storer, const _Atomic uint64_t *moved,
                         uint64_t position)
{
    if (heritage_safe_position(storer->heritage) == moved) {
        fault_point("storer.reported");
        wake_waiters(storer->segment, WAIT_FOR_COMMIT, position);
    }
}

/*
 * Tells the handlers how far bets.csv is written, and wakes as many of those that wait for space
 * as there is room for. Their bytes bring about the next flush, and that one wakes others.
 */
static void report_written(struct storer *storer, uint64_t position)
{
    const struct segment *segment = storer->segment;
    ring_report_written(segment, position);
    fault_point("storer.written");
    wake_for_space(segment, position, ring_room(segment));
    wake_if_safe(storer, &segment->shared->positions.written, position);
}

/*
 * Tells the handlers how far bets.csv is durable. A ring that is empty by now got no bytes from
 * those that report_written woke, so that no flush is coming to wake the others: all are woken.
 */
static void report_durable(struct storer *storer, uint64_t position)
{
    const struct segment *segment = storer->segment;
    ring_report_durable(segment, position);
    if (ring_room(segment) == segment->shared->identity.ring_bytes) {
        wake_waiters(segment, WAIT_FOR_SPACE, position);
    }
    wake_if_safe(storer, &segment->shared->positions.durable, position);
}

static bool are_bets_in_place(struct storer *storer, uint64_t bytes)
{
    return disk_is_in_place(&storer->disk, &storer->bets, bytes);
}

/*
 * A checkpoint vouches for bytes that are in place. False when they are not; a checkpoint that
 * can't be written is no failure.
 */
static bool write_checkpoint(struct storer *storer)
{
    if (!are_bets_in_place(storer, storer->checkpoints.taken.position)) {
        return false;
    }
    checkpoints_write(&storer->checkpoints, &storer->heritage->directory, storer->control.identity,
                      storer->bets.descriptor);
    return true;
}

/*
 * Control says that the lottery has begun, and so fixes its terms, before a first bet is
 * acknowledged.
 */
static bool note_first_bets(struct storer *storer, uint64_t durable)
{
    if (storer->control.state != CONTROL_NEW) {
        return true;
    }
    storer->control.state = CONTROL_OPEN;
    storer->control.bets_bytes = durable;
    return disk_write_control(&storer->disk, &storer->control);
}

/* Takes everything that has been appended to the disk: one pwrite, one fdatasync. */
static bool flush(struct storer *storer)
{
    struct ring_pending pending = ring_take_pending(storer->segment);
    uint64_t end = pending.from + pending.count;
    if (end == atomic_load(&storer->segment->shared->positions.durable)) {
        return true;
    }
    if (!are_bets_in_place(storer, pending.from)) {
        return false;
    }
    disk_allocate_ahead(&storer->bets, end);
    fault_point("storer.before_write");
    if (!disk_write(&storer->disk, &storer->bets, pending.bytes, pending.count, pending.from)) {
        return false;
    }
    fault_point("storer.unreported");
    report_written(storer, end);
    int64_t began_ns = clock_monotonic_ns();
    if (!disk_sync(&storer->disk, &storer->bets)) {
        return false;
    }
    note_sync_time(storer->shared, (uint64_t)(clock_monotonic_ns() - began_ns));
    if (!are_bets_in_place(storer, end) || !note_first_bets(storer, end)) {
        return false;
    }
    count(&storer->shared->flushes, 1);
    count(&storer->shared->flushed_bytes, pending.count);
    fault_point("storer.synced");
    report_durable(storer, end);
    return true;
}

/* ----------------------------------------------------------------- done ---- */

static uint32_t agencies_missing(const struct storer *storer)
{
    uint64_t expected = storer->heritage->config.agencies_expected;
    uint64_t done = atomic_load(&storer->shared->agencies_done);
    return done >= expected ? 0 : (uint32_t)(expected - done);
}

/* The last one is taken off the gate only when the draw has been held. */
static void set_gate(const struct storer *storer)
{
    uint32_t missing = agencies_missing(storer);
    bool drawn = atomic_load(&storer->shared->drawn) != 0;
    gate_set_missing(storer->heritage->gate_id, drawn ? 0 : missing == 0 ? 1 : missing);
}

/* Agencies whose done is stored together: one write, one fdatasync. */
struct done_round {
    struct agency *agencies[DONE_ROUND_MAX];
    size_t count;
    char lines[DONE_ROUND_MAX * DONE_LINE_BYTES_MAX];
    size_t bytes;
};

static void gather_asked(const struct storer *storer, uint32_t *cursor, struct done_round *round)
{
    struct agency *agency = NULL;
    round->count = 0;
    while (round->count < DONE_ROUND_MAX &&
           (agency = agencies_next_asked(storer->segment, cursor)) != NULL) {
        round->agencies[round->count++] = agency;
    }
}

/* Nothing is appended for an agency that has asked: its counts are final. */
static void write_lines(const struct storer *storer, struct done_round *round)
{
    round->bytes = 0;
    for (size_t i = 0; i < round->count; i++) {
        const struct agency *agency = round->agencies[i];
        const struct done_line line = {
            .agency = agency->id,
            .bets = atomic_load(&agency->bets),
            .position = atomic_load(&storer->segment->shared->positions.durable),
            .checksum = atomic_load(&agency->checksum),
        };
        round->bytes += done_file_write_line(round->lines + round->bytes, &line);
    }
}

/* The log has it before any handler can see it, and so before the agency is answered. */
static void tell_and_mark_done(struct storer *storer, struct agency *agency)
{
    uint64_t missing = agencies_missing(storer);
    const struct slot *asker = agencies_done_asker(storer->segment, agency);
    log_info("action: agencia_terminada | result: success | agency: %u | cantidad: %" PRIu64
             " | faltan: %" PRIu64 " | pid: %d | ip: %s",
             agency->id, atomic_load(&agency->bets), missing > 0 ? missing - 1 : 0,
             asker == NULL ? 0 : (int)atomic_load(&asker->pid),
             asker == NULL ? "gone" : asker->peer);
    agencies_set_done(storer->segment, agency);
}

/*
 * Control says how far done.csv is durable. It is written before an agency is told that it is done,
 * so that a start that finds fewer lines knows that one is missing.
 */
static bool note_done_bytes(struct storer *storer)
{
    storer->control.bets_bytes = atomic_load(&storer->segment->shared->positions.durable);
    storer->control.done_bytes = storer->done.bytes;
    storer->control.state =
        storer->control.state == CONTROL_NEW ? CONTROL_OPEN : storer->control.state;
    return disk_write_control(&storer->disk, &storer->control);
}

static bool write_round(struct storer *storer, const struct done_round *round)
{
    const struct disk_file file = {.name = DATA_DONE_FILE, .descriptor = storer->done.descriptor};
    uint64_t end = storer->done.bytes + round->bytes;
    if (!disk_is_in_place(&storer->disk, &file, storer->done.bytes)) {
        return false;
    }
    fault_point("done.before_write");
    if (!disk_write(&storer->disk, &file, round->lines, round->bytes, storer->done.bytes)) {
        return false;
    }
    fault_point("done.written");
    if (!disk_sync(&storer->disk, &file) || !disk_is_in_place(&storer->disk, &file, end)) {
        return false;
    }
    storer->done.bytes = end;
    fault_point("done.synced");
    return note_done_bytes(storer);
}

/*
 * The agencies appended their last bets before they asked: flushing now makes all of those durable.
 */
static bool store_round(struct storer *storer, struct done_round *round)
{
    if (!flush(storer) ||
        !are_bets_in_place(storer, atomic_load(&storer->segment->shared->positions.durable))) {
        return false;
    }
    write_lines(storer, round);
    if (!write_round(storer, round)) {
        return false;
    }
    for (size_t i = 0; i < round->count; i++) {
        tell_and_mark_done(storer, round->agencies[i]);
    }
    set_gate(storer);
    wake_waiters(storer->segment, WAIT_FOR_DONE, UINT64_MAX);
    checkpoints_hurry(&storer->checkpoints);
    return true;
}

static bool store_done(struct storer *storer)
{
    if (!agencies_take_done_news(storer->segment)) {
        return true;
    }
    struct done_round round;
    uint32_t cursor = 0;
    for (gather_asked(storer, &cursor, &round); round.count > 0;
         gather_asked(storer, &cursor, &round)) {
        if (!store_round(storer, &round)) {
            return false;
        }
    }
    return true;
}

/* ----------------------------------------------------------------- draw ---- */

/*
 * Makes winners.csv, waiting for room where the disk is full. False, and the log says why, where it
 * can't be made, or the server is to stop.
 */
static bool make_winners(struct storer *storer, const struct draw_stock *stored,
                         struct draw_record *record)
{
    struct failure failure;
    for (;;) { /* until there is room */
        switch (draw_hold(&storer->heritage->directory, stored,
                          storer->control.terms.winning_number, signals_terminate_requested, record,
                          &failure)) {
        case DRAW_HELD:
            disk_note_room(&storer->disk, DATA_WINNERS_FILE);
            return true;
        case DRAW_INTERRUPTED:
            log_info("action: sorteo | result: in_progress | reason: %s", failure.text);
            return false;
        case DRAW_NO_ROOM:
            if (!signals_terminate_requested()) {
                disk_wait_for_room(&storer->disk, DATA_WINNERS_FILE);
                continue;
            }
            break;
        case DRAW_NOT_SYNCED:
            disk_distrust(&storer->disk, DISK_SYNC_FAILED);
            break;
        case DRAW_DAMAGED:
            disk_distrust(&storer->disk, DISK_DAMAGED);
            break;
        case DRAW_FAILED:
        case DRAW_MISSING:
            break;
        }
        log_critical("action: sorteo | result: fail | error: %s", failure.text);
        return false;
    }
}

/* The log has the draw before any handler can see it, and so before any agency is told winners. */
static void tell_draw(const struct storer *storer)
{
    log_info("action: sorteo | result: success | agencias: %" PRIu64 " | ganadores: %" PRIu64
             " | numero: %" PRIu32 " | apuestas: %" PRIu64,
             atomic_load(&storer->shared->agencies_done), storer->control.draw.winners,
             storer->control.terms.winning_number, storer->control.draw.bets);
}

/* From here on the winners are told. */
static void show_draw(const struct storer *storer)
{
    const struct draw_record *draw = &storer->control.draw;
    atomic_store(&storer->shared->winners, draw->winners);
    atomic_store(&storer->shared->winners_bytes, draw->winners_bytes);
    atomic_store(&storer->shared->winners_checksum, draw->winners_file_checksum);
    atomic_store(&storer->shared->drawn, 1);
}

static void add_bets(void *context, const struct agency *agency)
{
    uint64_t *rows = context;
    *rows += atomic_load_explicit(&agency->bets, memory_order_relaxed);
}

/* Those that the draw does not wait for. */
struct open_agencies {
    uint64_t count;
    bool tell; /* each of them, in the log */
};

static void note_open(void *context, const struct agency *agency)
{
    struct open_agencies *open = context;
    if (atomic_load(&agency->phase) != AGENCY_OPEN) {
        return;
    }
    open->count++;
    if (open->tell) {
        log_warning("action: sorteo | result: in_progress | cut_off: agency %u | cantidad: %" PRIu64
                    " | reason: enough agencies are done (agencies.expected), and this one is not: "
                    "what it has stored takes part, what it still has to send does not",
                    agency->id, atomic_load(&agency->bets));
    }
}

/* With agencies.grace set, the draw waits a while for those that have begun and are not done. */
static bool is_grace_over(struct storer *storer)
{
    int64_t grace_ms = (int64_t)storer->heritage->config.agencies_grace_ms;
    int64_t now_ms = clock_monotonic_ms();
    struct open_agencies open = {0};
    if (storer->quorum_at_ms == 0) {
        storer->quorum_at_ms = now_ms;
    }
    if (grace_ms == 0 || now_ms - storer->quorum_at_ms >= grace_ms) {
        return true;
    }
    agencies_visit(storer->segment, note_open, &open);
    return open.count == 0;
}

/* Where any agency may speak, a quorum that is too small cuts off those that are slower. */
static void tell_crowd(struct storer *storer)
{
    uint32_t seen = storer->segment->shared->append.agencies_present; /* a glance: no lock */
    uint64_t expected = storer->heritage->config.agencies_expected;
    if (seen > expected && !storer->crowd_told) {
        storer->crowd_told = true;
        log_warning("action: agencias | result: in_progress | vistas: %u | esperadas: %" PRIu64
                    " | reason: more agencies have spoken than the draw waits for: those that are "
                    "not done when %" PRIu64 " are will be cut off; raise agencies.expected "
                    "(AGENCY_QUORUM_MIN) for the next lottery, or set agencies.grace",
                    seen, expected, expected);
    }
}

/* A storer that is to stop may end well without winners.csv: the next start makes it. */
static bool may_leave_to_next_start(const struct storer *storer)
{
    return signals_terminate_requested() && storer->disk.trust == DISK_TRUSTED;
}

/* The draw has been held once control says so, and nothing undoes it afterwards. */
static bool hold_draw(struct storer *storer)
{
    int64_t began_ns = clock_monotonic_ns();
    struct draw_stock stored = {.bytes = agencies_close_for_draw(storer->segment)};
    stored.checksum = agencies_snapshot(storer->segment, add_bets, &stored.rows).checksum;
    agencies_visit(storer->segment, note_open, &(struct open_agencies){.tell = true});
    struct draw_record record;
    if (!flush(storer) || !are_bets_in_place(storer, stored.bytes)) {
        return false;
    }
    if (!make_winners(storer, &stored, &record)) {
        return may_leave_to_next_start(storer);
    }
    storer->control.state = CONTROL_DRAWN;
    storer->control.bets_bytes = stored.bytes;
    storer->control.draw = record;
    if (!disk_write_control(&storer->disk, &storer->control)) {
        return false;
    }
    fault_point("draw.noted");
    atomic_store(&storer->shared->draw_ns, (uint64_t)(clock_monotonic_ns() - began_ns));
    tell_draw(storer);
    show_draw(storer);
    fault_point("draw.before_gate");
    set_gate(storer);
    return true;
}

static bool hold_draw_if_due(struct storer *storer)
{
    return atomic_load(&storer->shared->drawn) != 0 || agencies_missing(storer) > 0 ||
           signals_terminate_requested() || !is_grace_over(storer) || hold_draw(storer);
}

/* ----------------------------------------------------------------- life ---- */

/* Agencies in done.csv whose storer died before it could say so. */
static void adopt_done(struct storer *storer)
{
    for (size_t i = 0; i < storer->done.count; i++) {
        struct agency *agency = agencies_find(storer->segment, storer->done.lines[i].agency);
        if (agency != NULL && atomic_load(&agency->phase) != AGENCY_DONE) {
            tell_and_mark_done(storer, agency);
        }
    }
}

/*
 * A storer that was killed between a failed sync and its own end is replaced like any other.
 * Its successor must not go on: its own sync would succeed, without the pages that failed.
 */
static bool is_disk_trusted(struct storer *storer)
{
    if (atomic_load(&storer->shared->sync_failed) == 0) {
        return true;
    }
    disk_distrust(&storer->disk, DISK_DISTRUSTED_BEFORE);
    log_critical("action: storer_start | result: fail | error: a sync failed, or a file was "
                 "changed, and the storer that found it died before it could stop the server");
    return false;
}

static bool open_bets(struct storer *storer, struct failure *failure)
{
    const struct data_directory *directory = &storer->heritage->directory;
    struct stat status;
    storer->bets.descriptor = data_directory_open_file(directory, DATA_BETS_FILE, O_RDWR, failure);
    if (storer->bets.descriptor < 0) {
        return false;
    }
    if (fstat(storer->bets.descriptor, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, directory->path);
    }
    if (directory->bets_inode != 0 && directory->bets_inode != status.st_ino) {
        disk_distrust(&storer->disk, DISK_FILE_CHANGED);
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " is not the file that the server was started "
                           "with: put that one back",
                           directory->path);
    }
    return true;
}

/*
 * Each line is of an agency that has asked, and has the counts that it had then: done.csv may
 * have been overwritten, by a hand, with that of another lottery. So each agency that is done
 * has a line.
 */
static bool are_our_lines(const struct storer *storer, struct failure *failure)
{
    const struct done_file *done = &storer->done;
    uint64_t known = 0;
    size_t ours = 0;
    for (size_t i = 0; i < done->count; i++) {
        const struct done_line *line = &done->lines[i];
        const struct agency *agency = agencies_find(storer->segment, line->agency);
        bool is_ours = agency != NULL && atomic_load(&agency->phase) != AGENCY_OPEN &&
                       atomic_load(&agency->bets) == line->bets &&
                       atomic_load(&agency->checksum) == line->checksum;
        ours += is_ours;
        known += is_ours && atomic_load(&agency->phase) == AGENCY_DONE;
    }
    uint64_t agencies_done = atomic_load(&storer->shared->agencies_done);
    return (ours == done->count && known == agencies_done) ||
           failure_set(failure,
                       "%s/" DATA_DONE_FILE " has %zu lines, %zu of them of agencies that are done "
                       "with such bets, and %" PRIu64 " agencies were done: somebody replaced it "
                       "while the server was running; restore all files from one backup",
                       storer->heritage->directory.path, done->count, ours, agencies_done);
}

/* What the storer before this one wrote and did not live to note is noted before it is told. */
static bool open_done(struct storer *storer, struct failure *failure)
{
    const struct data_directory *directory = &storer->heritage->directory;
    enum done_open opened =
        done_file_open(directory, true, storer->control.done_bytes, &storer->done, failure);
    if (opened == DONE_OPEN && !are_our_lines(storer, failure)) {
        opened = DONE_DAMAGED;
    }
    if (opened == DONE_OPEN) {
        opened = done_file_cut(directory, &storer->done, failure);
    }
    if (opened == DONE_NOT_SYNCED) {
        disk_distrust(&storer->disk, DISK_SYNC_FAILED);
    } else if (opened == DONE_DAMAGED) {
        disk_distrust(&storer->disk, DISK_DAMAGED);
    }
    return opened == DONE_OPEN;
}

/*
 * Control may have been put into the place of the one that this server wrote, by a hand. A
 * storer that took another lottery's number, or took back a draw that was told, would do what
 * can't be undone.
 */
static bool is_our_control(const struct storer *storer, struct failure *failure)
{
    const struct data_directory *directory = &storer->heritage->directory;
    const struct control *control = &storer->control;
    const struct shared *shared = storer->segment->shared;
    bool stored = atomic_load(&shared->positions.durable) > 0;
    bool drawn = atomic_load(&shared->storer.drawn) != 0;
    return (strcmp(control->identity, directory->control.identity) == 0 &&
            control_terms_equal(&control->terms, &directory->control.terms) &&
            control->bets_bytes <= atomic_load(&shared->positions.head) &&
            (control->state != CONTROL_NEW || !stored) &&
            (control->state == CONTROL_DRAWN || !drawn)) ||
           failure_set(failure,
                       "%s/" DATA_CONTROL_FILE " (lottery %s, state %s) is not the one that this "
                       "server, of lottery %s, wrote: somebody replaced it while the server was "
                       "running; restore all files from one backup",
                       directory->path, control->identity, control_state_name(control->state),
                       directory->control.identity);
}

/*
 * The storer before this one may have died between the rename of control and the sync of the
 * directory: what is told by it has to be what a power loss leaves.
 */
static bool open_control(struct storer *storer, struct failure *failure)
{
    const struct data_directory *directory = &storer->heritage->directory;
    if (control_read(directory, &storer->control, failure) != CONTROL_READ) {
        return false;
    }
    if (!is_our_control(storer, failure)) {
        disk_distrust(&storer->disk, DISK_FILE_CHANGED);
        return false;
    }
    if (!file_sync_directory(directory->descriptor, directory->path)) {
        disk_distrust(&storer->disk, DISK_SYNC_FAILED);
        return failure_set_errno(failure, "sync %s", directory->path);
    }
    return true;
}

static bool open_files(struct storer *storer)
{
    struct failure failure;
    agencies_recount_done(storer->segment); /* the storer before this one may have died at it */
    if (open_control(storer, &failure) && open_bets(storer, &failure) &&
        open_done(storer, &failure)) {
        return true;
    }
    log_critical("action: storer_start | result: fail | error: %s", failure.text);
    return false;
}

static void close_files(struct storer *storer)
{
    checkpoints_close(&storer->checkpoints);
    done_file_close(&storer->done);
    if (storer->disk.trust == DISK_TRUSTED) {
        disk_release_allocated(&storer->bets);
    }
    if (storer->bets.descriptor >= 0) {
        (void)close(storer->bets.descriptor);
    }
}

static bool has_unstored(const void *context)
{
    const struct storer *storer = context;
    const struct shared *shared = storer->segment->shared;
    return atomic_load(&shared->positions.head) != atomic_load(&shared->positions.durable) ||
           atomic_load(&shared->storer.done_pending) != 0;
}

static bool has_work(const void *context)
{
    return has_unstored(context) || signals_terminate_requested();
}

/* While stopping: nobody is left who could append, and nothing is left to store. */
static bool is_drained(const struct storer *storer)
{
    struct gate_counts counts = {0};
    bool handlers_left = gate_read(storer->heritage->gate_id, &counts) && counts.handlers > 0;
    const struct shared *shared = storer->segment->shared;
    return !handlers_left &&
           atomic_load(&shared->positions.head) == atomic_load(&shared->positions.durable);
}

/*
 * Stores until it is to stop and nothing is left, or until something fails. True when it has
 * drained.
 */
static bool serve(struct storer *storer)
{
    for (;;) {
        heartbeat_beat(&storer->shared->beat_at_ms);
        tell_crowd(storer);
        if (!flush(storer) || !store_done(storer)) {
            return false;
        }
        if (checkpoints_are_due(&storer->checkpoints, storer->segment) &&
            !write_checkpoint(storer)) {
            return false;
        }
        if (!hold_draw_if_due(storer)) {
            return false;
        }
        if (!signals_terminate_requested()) {
            wait_for_work(storer->segment, has_work, storer, HEARTBEAT_EVERY_MS);
        } else if (!is_drained(storer)) {
            wait_for_work(storer->segment, has_unstored, storer, DRAIN_LOOK_MS);
        } else {
            checkpoints_take(&storer->checkpoints, storer->segment);
            return write_checkpoint(storer);
        }
    }
}

/* winners.csv was taken away: the draw's own record says what it has to be again. */
static bool restore_winners(struct storer *storer)
{
    const struct draw_record *held = &storer->control.draw;
    const struct draw_stock stored = {
        .bytes = held->bytes, .rows = held->bets, .checksum = held->checksum};
    struct draw_record again;
    if (!make_winners(storer, &stored, &again)) {
        return false;
    }
    if (memcmp(&again, held, sizeof again) != 0) {
        disk_distrust(&storer->disk, DISK_DAMAGED);
        log_critical("action: sorteo | result: fail | error: the winners in %s are others than "
                     "those of the draw that was held: restore all files from one backup",
                     storer->heritage->directory.path);
        return false;
    }
    log_warning("action: sorteo | result: success | file: %s/" DATA_WINNERS_FILE
                " | reason: it was missing, and has been made again as the draw gave it",
                storer->heritage->directory.path);
    return true;
}

/* A draw that was held by a storer, or a server, before this one. */
static bool adopt_draw(struct storer *storer)
{
    struct failure failure;
    (void)agencies_close_for_draw(storer->segment); /* a new segment does not know of it */
    enum draw_end end = draw_check(&storer->heritage->directory, &storer->control.draw, &failure);
    if (end == DRAW_MISSING) {
        if (!restore_winners(storer)) {
            return may_leave_to_next_start(storer);
        }
    } else if (end != DRAW_HELD) {
        if (end == DRAW_DAMAGED) {
            disk_distrust(&storer->disk, DISK_DAMAGED);
        }
        log_critical("action: sorteo | result: fail | error: %s", failure.text);
        return false;
    }
    if (atomic_load(&storer->shared->drawn) == 0 &&
        atomic_load(&storer->segment->shared->supervisor.storer_deaths) > 0) {
        tell_draw(storer); /* the one that held it died before it could, or just after */
    }
    show_draw(storer);
    return true;
}

/*
 * What the storer before this one wrote and did not live to sync. It has left the
 * ring, so that as much again could be written behind it: synced before that,
 * never more than a ring's worth is at stake in a power loss (recovery.c).
 */
static bool sync_inherited(struct storer *storer)
{
    const struct shared_positions *positions = &storer->segment->shared->positions;
    uint64_t written = atomic_load(&positions->written);
    if (atomic_load(&positions->durable) == written) {
        return true;
    }
    if (!disk_sync(&storer->disk, &storer->bets) || !are_bets_in_place(storer, written) ||
        !note_first_bets(storer, written)) {
        return false;
    }
    report_durable(storer, written);
    return true;
}

/* Takes over from the storer before this one, if there was one. */
static bool take_over(struct storer *storer)
{
    if (!sync_inherited(storer) ||
        (storer->done.bytes > storer->control.done_bytes && !note_done_bytes(storer))) {
        return false;
    }
    adopt_done(storer);
    if (storer->control.state == CONTROL_DRAWN && !adopt_draw(storer)) {
        return false;
    }
    agencies_announce_done(storer->segment);
    set_gate(storer);
    wake_everybody(storer->segment);
    return true;
}

/* Nobody may read any more: a supervisor that has stopped waiting sends SIGTERM. */
static void tell_ready(int ready)
{
    log_info("action: storer_start | result: success | pid: %d", (int)getpid());
    if (ready != PROCESS_NO_DESCRIPTOR) {
        if (write(ready, "", 1) != 1) {
            log_warning("action: storer_start | result: fail | tell: %s", strerror(errno));
        }
        (void)close(ready);
    }
}

int storer_run(const struct heritage *heritage, const struct process_errand *errand)
{
    atomic_store(&heritage->segment.shared->storer.pid, (int32_t)getpid());
    fault_point("storer.born");
    struct storer storer = {
        .heritage = heritage,
        .segment = &heritage->segment,
        .shared = &heritage->segment.shared->storer,
        .disk = {.heritage = heritage, .segment = &heritage->segment, .ahead = &storer.bets},
        .bets = {.name = DATA_BETS_FILE, .descriptor = -1},
        .done = {.descriptor = -1},
    };
    signals_post_on_terminate(&storer.shared->wakeup);
    signals_unblock();
    bool drained = false;
    if (is_disk_trusted(&storer) && open_files(&storer) && take_over(&storer)) {
        tell_ready(errand->descriptor);
        drained = serve(&storer);
    }
    close_files(&storer);
    log_info("action: storer_stop | result: %s | durable: %" PRIu64 " | disk: %s",
             drained ? "success" : "fail",
             atomic_load(&heritage->segment.shared->positions.durable),
             disk_trust_name(storer.disk.trust));
    if (drained) {
        return STORER_EXIT_DRAINED;
    }
    return storer.disk.trust == DISK_TRUSTED ? STORER_EXIT_FAILED : STORER_EXIT_DISK_DISTRUSTED;
}
