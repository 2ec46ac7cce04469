/*
 * counters.c - see counters.h. A new figure is a field of the snapshot, filled in by
 * snapshot.c, and an entry here.
 */
#include "stat/counters.h"

#include "server/server_config.h"
#include "shm/centres.h"
#include "shm/heartbeat.h"
#include "shm/slots.h"
#include "store/control.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------ declarations ---- */

#define SERVER(field) .section = SECTION_SERVER, .offset = offsetof(struct snapshot_server, field)
#define RING(field)   .section = SECTION_RING, .offset = offsetof(struct snapshot_ring, field)
#define STORER(field) .section = SECTION_STORER, .offset = offsetof(struct snapshot_storer, field)
#define DRAW(field)   .section = SECTION_DRAW, .offset = offsetof(struct snapshot_draw, field)
#define GATE(field)   .section = SECTION_GATE, .offset = offsetof(struct snapshot_gate, field)
#define DEATHS(field) .section = SECTION_DEATHS, .offset = offsetof(struct snapshot_deaths, field)
#define KEYHOLDER(field)                                                                           \
    .section = SECTION_KEYHOLDER, .offset = offsetof(struct snapshot_keyholder, field)
#define TLS(field) .section = SECTION_TLS, .offset = offsetof(struct snapshot_tls, field)
#define REPLICA(field)                                                                             \
    .section = SECTION_REPLICA, .offset = offsetof(struct snapshot_replica, field)
#define CONFINEMENT(field)                                                                         \
    .section = SECTION_CONFINEMENT, .offset = offsetof(struct snapshot_confinement, field)
#define AGENCY(field) .section = SECTION_AGENCIES, .offset = offsetof(struct snapshot_agency, field)
#define HANDLER(field)                                                                             \
    .section = SECTION_HANDLERS, .offset = offsetof(struct snapshot_handler, field)
#define REFUSAL(field)                                                                             \
    .section = SECTION_REFUSALS, .offset = offsetof(struct snapshot_refusal, field)
#define CENTRES(field)                                                                             \
    .section = SECTION_CENTRES, .offset = offsetof(struct snapshot_centres, field)
#define CENTRE(field) .section = SECTION_CENTRE, .offset = offsetof(struct snapshot_centre, field)
#define TIMES(field)  .section = SECTION_TIMES, .offset = offsetof(struct snapshot_times, field)
#define DISK(field)   .section = SECTION_DISK, .offset = offsetof(struct snapshot_disk, field)
#define GAUGE(name)   .type = METRIC_GAUGE, .metric = "lottery_" name
#define COUNTER(name) .type = METRIC_COUNTER, .metric = "lottery_" name "_total"

/* ------------------------------------------------------------- state sets ---- */

static const char *draw_state_at(size_t index)
{
    return index <= CONTROL_ABANDONED ? control_state_name((enum control_state)index) : NULL;
}

static const char *number_by_at(size_t index)
{
    return index <= NUMBER_BY_COMMAND ? control_number_source_name((enum number_source)index)
                                      : NULL;
}

static const char *confinement_at(size_t index)
{
    return server_config_confinement_name((uint32_t)index);
}

static const char *tls_mode_at(size_t index)
{
    static const char *const words[] = {"off", "on"};
    return index < sizeof words / sizeof words[0] ? words[index] : NULL;
}

static const char *centres_state_at(size_t index)
{
    /* The first one tells that there are none, and the text is empty then. */
    return index + 1 < CENTRE_STATES ? centres_state_name((enum centre_state)(index + 1)) : NULL;
}

static const char *centre_standing_at(size_t index)
{
    return index < CENTRE_STANDINGS ? centres_standing_name((enum centre_standing)index) : NULL;
}

static const char *agency_phase_at(size_t index)
{
    return index < STANDING_UNKNOWN ? snapshot_standing_name((enum snapshot_standing)index) : NULL;
}

static const char *handler_activity_at(size_t index)
{
    return index + SLOT_STARTING < SLOT_ACTIVITIES
               ? slot_activity_name((enum slot_activity)(index + SLOT_STARTING))
               : NULL;
}

/* clang-format off */
const struct counter counters[] = {
    /* ---- server ---- */
    {SERVER(phase), .name = "phase", .label = "phase", .unit = UNIT_TEXT, GAUGE("server_phase"), .state_at = snapshot_phase_at,
     .explanation = "ready: connections are accepted. stopping: the server is shutting down, "
                    "handlers finish first, then the storer."},
    {SERVER(uptime_ms), .name = "uptime_ms", .label = "uptime", .unit = UNIT_SPAN_MS,
     GAUGE("server_uptime_seconds"),
     .explanation = "Time since this server made its shared memory. Counters start at zero then; "
                    "bets and positions go on where the files are."},
    {SERVER(bets), .name = "bets", .label = "bets", .unit = UNIT_COUNT, COUNTER("bets"),
     .rate = "bets",
     .explanation = "Bets of all agencies that have been taken: those that stood in bets.csv at "
                    "the start, and those appended since, the ones on their way to the disk "
                    "included."},
    {SERVER(pid), .name = "pid", .label = "pid", .unit = UNIT_NUMBER, GAUGE("server_pid"),
     .explanation = "Process id of the supervisor, the server's first process: SIGTERM to it "
                    "stops the server gracefully."},
    {SERVER(port), .name = "port", .label = "port", .unit = UNIT_NUMBER, GAUGE("server_port"),
     .explanation = "TCP port on which the server listens, the same on all of its addresses; "
                    "with server.port 0, the one that the kernel has chosen."},
    {SERVER(agencies), .name = "agencies", .label = "agencies", .unit = UNIT_COUNT,
     GAUGE("agencies"),
     .explanation = "Agencies that have ever spoken, to this server or to those before it on the "
                    "same files."},
    {SERVER(connections_open), .name = "connections_open", .label = "open", .unit = UNIT_COUNT,
     GAUGE("connections_open"),
     .explanation = "Connections that are open now, each with a handler, as the supervisor "
                    "counts them."},
    {SERVER(handlers_ahead), .name = "handlers_ahead", .label = "ahead", .unit = UNIT_COUNT,
     GAUGE("handlers_ahead"),
     .explanation = "Processes that wait for a connection, forked before it comes "
                    "(limits.handlers_ahead). They are no connections and count for no limit."},
    {SERVER(connections_accepted), .name = "connections_accepted", .label = "accepted",
     .unit = UNIT_COUNT, COUNTER("connections_accepted"),
     .explanation = "Connections that were given a handler since the start."},
    {SERVER(connections_refused), .name = "connections_refused", .label = "refused",
     .unit = UNIT_COUNT, COUNTER("connections_refused"),
     .explanation = "Connections that were closed before their first message, because of the "
                    "limits of their address, or of those that have not said who they are: the list of "
                    "refusals has the reasons."},
    {SERVER(log_lines_lost), .name = "log_lines_lost", .label = "log lost", .unit = UNIT_COUNT,
     COUNTER("log_lines_lost"),
     .explanation = "Lines that did not get into the log, because its reader had stopped or was "
                    "too slow, or its disk was full. Nothing waits for the log."},
    {SERVER(started_at_ms), .name = "started_at_ms", .unit = UNIT_MOMENT_MS,
     GAUGE("server_start_time_seconds"),
     .explanation = "When this server was started."},
    {SERVER(ready), .name = "ready", .unit = UNIT_FLAG, GAUGE("server_ready"),
     .explanation = "1 while a connection would be served and acknowledged, which is what --ready "
                    "answers: supervisor and storer go on, the disk has room, the limit of "
                    "connections is not reached, the semaphore set is there."},
    {SERVER(beat_age_ms), .name = "beat_age_ms", .label = "beat late",
     .shown_from = HEARTBEAT_LATE_MS, .unit = UNIT_SPAN_MS, GAUGE("server_beat_age_seconds"),
     .explanation = "Time since the supervisor last showed that it goes on, which it does each "
                    "second. Above 3 seconds, and only then in the table: it is stopped, or dead."},
    {SERVER(halted), .name = "halted", .unit = UNIT_FLAG, GAUGE("server_halted"),
     .explanation = "1 when the storer is gone for good, so that nothing can be stored any more "
                    "and the server is ending. The log says why."},
    {SERVER(version), .name = "version", .unit = UNIT_TEXT,
     .explanation = "Version of the server's programs; in Prometheus, of lottery_build_info."},
    {SERVER(commit), .name = "commit", .unit = UNIT_TEXT,
     .explanation = "The commit that the server was built of; in Prometheus, of lottery_build_info."},

    /* ---- ring ---- */
    {RING(head), .name = "head_bytes", .label = "head", .unit = UNIT_BYTES,
     COUNTER("ring_head_bytes"), .rate = "appended",
     .explanation = "Position in bets.csv behind the newest byte that a handler has appended. "
                    "Positions are file offsets and only grow; durable <= written <= head."},
    {RING(durable), .name = "durable_bytes", .label = "durable", .unit = UNIT_BYTES,
     COUNTER("ring_durable_bytes"),
     .explanation = "Position up to which the disk has the bytes (fdatasync has returned). Only "
                    "now are bets acknowledged, unless ack_after is `written`."},
    {RING(fill), .name = "fill", .label = "fill", .unit = UNIT_PART, GAUGE("ring_fill_ratio"),
     .explanation = "used / size, 0 to 1. Near 1 all the time: the disk is slower than the "
                    "agencies."},
    {RING(written), .name = "written_bytes", .label = "written", .unit = UNIT_BYTES,
     COUNTER("ring_written_bytes"),
     .explanation = "Position up to which the kernel has the bytes (pwrite has returned). Their "
                    "space in the ring is free again."},
    {RING(used), .name = "used_bytes", .label = "used", .unit = UNIT_BYTES,
     GAUGE("ring_used_bytes"),
     .explanation = "head - written: bytes in the ring that the kernel does not have yet. A full "
                    "ring makes handlers wait, and so their agencies."},
    {RING(size), .name = "size_bytes", .label = "size", .unit = UNIT_BYTES,
     GAUGE("ring_size_bytes"),
     .explanation = "Size of the ring, ring.bytes of the configuration."},
    {RING(unsynced), .name = "unsynced_bytes", .label = "unsynced", .unit = UNIT_BYTES,
     GAUGE("ring_unsynced_bytes"),
     .explanation = "head - durable: bytes that a power failure would lose now. None of them has "
                    "been acknowledged, unless ack_after is `written`."},
    {RING(waiting_for_space), .name = "waiting_for_space", .label = "want space",
     .unit = UNIT_COUNT, GAUGE("ring_waiting_for_space"),
     .explanation = "Handlers that sleep because the ring is full."},
    {RING(waiting_for_commit), .name = "waiting_for_commit", .label = "want sync",
     .unit = UNIT_COUNT, GAUGE("ring_waiting_for_commit"),
     .explanation = "Handlers that sleep until the disk has their bets, to acknowledge them."},

    /* ---- storer ---- */
    {STORER(activity), .name = "activity", .label = "state", .unit = UNIT_TEXT,
     GAUGE("storer_activity"), .state_at = snapshot_storer_activity_at,
     .explanation = "working: writing, syncing or drawing. sleeping: nothing to store. no room: "
                    "it waits for room on the disk, and nothing is acknowledged meanwhile. none: "
                    "it died and another is being started."},
    {STORER(flushes), .name = "flushes", .label = "flushes", .unit = UNIT_COUNT,
     COUNTER("storer_flushes"), .rate = "flushes",
     .explanation = "Flushes of bets.csv since the start: one pwrite and one fdatasync for all "
                    "agencies that had appended."},
    {STORER(sync_mean_ns), .name = "sync_mean_ns", .label = "sync mean", .unit = UNIT_NANOSECONDS,
     GAUGE("storer_sync_mean_seconds"),
     .explanation = "sync_total_ns / flushes."},
    {STORER(pid), .name = "pid", .label = "pid", .unit = UNIT_NUMBER, GAUGE("storer_pid"),
     .explanation = "Process id of the storer, the one process that writes the files; unknown "
                    "while there is none."},
    {STORER(bets_a_flush), .name = "bets_per_flush", .label = "bets/flush", .unit = UNIT_MEAN,
     GAUGE("storer_bets_per_flush"),
     .explanation = "The same in bets, of the mean length of all bets: how many bets share one "
                    "fdatasync."},
    {STORER(sync_last_ns), .name = "sync_last_ns", .label = "sync last", .unit = UNIT_NANOSECONDS,
     GAUGE("storer_sync_last_seconds"),
     .explanation = "How long the latest fdatasync of bets.csv took. No acknowledgement is "
                    "faster than that."},
    {STORER(restarts), .name = "restarts", .label = "restarts", .unit = UNIT_COUNT,
     COUNTER("storer_restarts"),
     .explanation = "Storers that were started to replace one that died. Nothing is lost by it."},
    {STORER(bytes_a_flush), .name = "bytes_per_flush", .label = "bytes/flush",
     .unit = UNIT_MEAN_BYTES, GAUGE("storer_bytes_per_flush"),
     .explanation = "flushed_bytes / flushes. Grows under load: while one flush is on its way, "
                    "the next one gathers."},
    {STORER(sync_worst_ns), .name = "sync_worst_ns", .label = "sync worst",
     .unit = UNIT_NANOSECONDS, GAUGE("storer_sync_worst_seconds"),
     .explanation = "The longest fdatasync of bets.csv since the start."},
    {STORER(no_room_reason), .name = "no_room_reason", .label = "no room", .unit = UNIT_TEXT,
     .explanation = "Why it waits for room: ENOSPC, the file system is full; EDQUOT, the user's "
                    "quota is. Unknown while it does not."},
    {STORER(write_retries), .name = "write_retries", .label = "retries", .unit = UNIT_COUNT,
     COUNTER("storer_write_retries"),
     .explanation = "Writes that were tried again because there was no room on the disk."},
    {STORER(beat_age_ms), .name = "beat_age_ms", .label = "beat late",
     .shown_from = HEARTBEAT_LATE_MS, .unit = UNIT_SPAN_MS, GAUGE("storer_beat_age_seconds"),
     .explanation = "Time since the storer last showed that it goes on, which it does each second. "
                    "Above 3 seconds, and only then in the table: it waits for the disk, holds "
                    "a long draw, or is stopped."},
    {STORER(no_room), .name = "no_room", .unit = UNIT_FLAG, GAUGE("storer_no_room"),
     .explanation = "1 while the storer waits for room on the disk and tries again and again."},
    {STORER(flushed_bytes), .name = "flushed_bytes", .unit = UNIT_BYTES,
     COUNTER("storer_flushed_bytes"),
     .explanation = "Bytes that those flushes carried."},
    {STORER(syncs_overlapped), .name = "syncs_overlapped", .unit = UNIT_COUNT,
     COUNTER("storer_syncs_overlapped"),
     .explanation = "Flushes whose fdatasync began while that of another one ran. None on a fast "
                    "disk; almost all on one whose syncs take longer than 0.3 ms by themselves."},
    {STORER(sync_total_ns), .name = "sync_total_ns", .unit = UNIT_NANOSECONDS,
     COUNTER("storer_sync_seconds"),
     .explanation = "Time spent in fdatasync of bets.csv since the start. Its growth a second "
                    "is how many of them run at once, on average: below 1, the part of the time in "
                    "which the storer waits for the disk."},

    /* ---- times ---- */
    {TIMES(acks), .name = "acks", .label = "acks", .unit = UNIT_COUNT,
     .explanation = "Batches that were acknowledged since the start. In Prometheus: the histogram "
                    "lottery_ack_seconds, of the time from the moment that a batch was received to "
                    "its ACK. A wait for limits.bets_per_second does not count."},
    {TIMES(ack_mean_ns), .name = "ack_mean_ns", .label = "ack mean", .unit = UNIT_NANOSECONDS,
     .explanation = "Mean of those times."},
    {TIMES(ack_most_ns), .name = "ack_most_ns", .label = "99% within", .unit = UNIT_NANOSECONDS,
     .explanation = "99 of 100 of those times are no longer than that: the bound of a bucket of the "
                    "histogram. Unknown where it is above the last bound, 10 s."},
    {TIMES(sync_most_ns), .name = "sync_most_ns", .label = "syncs 99%", .unit = UNIT_NANOSECONDS,
     .explanation = "The same of fdatasync of bets.csv; the histogram is "
                    "lottery_storer_sync_duration_seconds."},

    /* ---- disk ---- */
    {DISK(free_bytes), .name = "free_bytes", .label = "free", .unit = UNIT_BYTES,
     GAUGE("disk_free_bytes"),
     .explanation = "Bytes that the server may still fill of the file system that the data "
                    "directory stands on. bets.csv is allocated up to 64 MiB ahead of its end."},
    {DISK(size_bytes), .name = "size_bytes", .label = "size", .unit = UNIT_BYTES,
     GAUGE("disk_size_bytes"),
     .explanation = "Size of that file system."},
    {DISK(checkpoint_at_ms), .name = "checkpoint_at_ms", .label = "checkpoint",
     .unit = UNIT_MOMENT_MS, GAUGE("checkpoint_timestamp_seconds"),
     .explanation = "When the newest checkpoint was written, which is about once a second while bets "
                    "come: a start counts bets.csv from there. Unknown where there is none."},

    /* ---- draw ---- */
    {DRAW(name), .name = "name", .label = "name", .unit = UNIT_TEXT, GAUGE("draw_name"),
     .explanation = "The draw's name, as control in the data directory has it."},
    {DRAW(state), .name = "state", .label = "state", .unit = UNIT_TEXT, GAUGE("draw_state"), .state_at = draw_state_at,
     .explanation = "new: nothing has been stored. open: bets are taken. closed: sales have ended, "
                    "and the seal is being made. sealed: bets.csv is what seal.json says, and the "
                    "draw may be held. drawn: it has been. abandoned: the next draw was opened "
                    "without it."},
    {DRAW(closes_at_ms), .name = "closes_at_ms", .label = "closes in", .unit = UNIT_DEADLINE_MS,
     GAUGE("draw_closes_timestamp_seconds"),
     .explanation = "When sales end by themselves; on a terminal, how long that is from now. "
                    "Unknown where no such time was set."},
    {DRAW(done), .name = "agencies_done", .label = "done", .unit = UNIT_COUNT,
     GAUGE("draw_agencies_done"),
     .explanation = "Agencies whose DONE is on the disk."},
    {DRAW(expected), .name = "agencies_expected", .label = "expected", .unit = UNIT_COUNT,
     GAUGE("draw_agencies_expected"),
     .explanation = "The draw is held when this many agencies are done; agencies.expected of the "
                    "configuration."},
    {DRAW(drawn), .name = "drawn", .label = "drawn", .unit = UNIT_FLAG, GAUGE("draw_drawn"),
     .explanation = "1 once winners.csv is in place: agencies get their winners, and no bet is "
                    "taken any more."},
    {DRAW(winners), .name = "winners", .label = "winners", .unit = UNIT_COUNT,
     GAUGE("draw_winners"),
     .explanation = "Bets that won. Unknown before the draw."},
    {DRAW(took_ns), .name = "took_ns", .label = "took", .unit = UNIT_NANOSECONDS,
     GAUGE("draw_seconds"),
     .explanation = "How long the draw took, from the last agency's DONE to winners.csv in "
                    "place. Unknown where an earlier server held it."},
    {DRAW(unnamed), .name = "agencies_unnamed", .label = "unnamed", .shown_from = 1,
     .unit = UNIT_COUNT, GAUGE("draw_agencies_unnamed"),
     .explanation = "Expected agencies that have not come and are not known by name, because "
                    "agencies.allowed is any; 0 where it names them. Only then in the table."},
    {DRAW(number_by), .name = "number_by", .label = "number by", .unit = UNIT_TEXT,
     GAUGE("draw_number_by"), .state_at = number_by_at,
     .explanation = "How the winning number comes. configuration, opening: it was known before "
                    "the first bet. command: by lottery-admin draw, after the seal."},
    {DRAW(seal_sha256), .name = "seal_sha256", .label = "seal", .shown_if_known = true,
     .unit = UNIT_TEXT, GAUGE("draw_seal"),
     .explanation = "SHA-256 of seal.json, which lottery-admin draw has to be given. Unknown "
                    "until sales are closed and the bets are sealed."},

    /* ---- gate ---- */
    {GATE(missing), .name = "missing", .label = "missing", .unit = UNIT_COUNT,
     GAUGE("gate_missing"),
     .explanation = "Agencies that the draw waits for: the value of semaphore 0 in "
                    "`ipcs -s -i ID`. 0: drawn."},
    {GATE(waiting), .name = "waiting", .label = "waiting", .unit = UNIT_COUNT,
     GAUGE("gate_waiting"),
     .explanation = "Winner look-ups that wait for the draw now: zcount of semaphore 0. Each "
                    "waits for winners.wait at most, is told to wait, and asks again."},
    {GATE(connected), .name = "connected", .label = "connected", .unit = UNIT_COUNT,
     GAUGE("gate_connected"),
     .explanation = "Handlers alive as the kernel counts them: the value of semaphore 1. The "
                    "kernel takes back what a killed one added."},
    {GATE(id), .name = "id", .label = "semid", .unit = UNIT_NUMBER, GAUGE("gate_semaphore_id"),
     .explanation = "ID of the System V semaphore set, for `ipcs -s -i ID`."},

    /* ---- deaths ---- */
    {DEATHS(handlers_returned), .name = "handlers_returned", .label = "returned",
     .unit = UNIT_COUNT, COUNTER("handlers_returned"),
     .explanation = "Connections whose end was not that of their handler, which was kept for "
                    "another one (limits.connections_per_handler)."},
    {DEATHS(handlers_exited), .name = "handlers_exited", .label = "exited", .unit = UNIT_COUNT,
     COUNTER("handlers_exited"),
     .explanation = "Handlers that ended as they should, because their connection did."},
    {DEATHS(handlers_failed), .name = "handlers_failed", .label = "failed", .unit = UNIT_COUNT,
     COUNTER("handlers_failed"),
     .explanation = "Handlers that ended with a non-zero status; the log says why."},
    {DEATHS(handlers_killed), .name = "handlers_killed", .label = "killed", .unit = UNIT_COUNT,
     COUNTER("handlers_killed"),
     .explanation = "Handlers that a signal ended: killed from outside, or crashed. Their "
                    "agencies connect again and lose nothing."},
    {DEATHS(storer_deaths), .name = "storer_deaths", .label = "storers", .unit = UNIT_COUNT,
     COUNTER("storer_deaths"),
     .explanation = "Storers that ended before they were asked to; each one is replaced."},
    {DEATHS(lock_recoveries), .name = "lock_recoveries", .label = "lock owners",
     .unit = UNIT_COUNT, COUNTER("lock_recoveries"),
     .explanation = "How often a process died while it held the append lock. The next owner "
                    "finished what it had begun, or undid it."},
    {DEATHS(handlers_forbidden), .name = "handlers_forbidden", .label = "forbidden",
     .unit = UNIT_COUNT, COUNTER("handlers_forbidden"),
     .explanation = "Handlers that were ended because they made a system call that no handler "
                    "may do; the log names it (action: confinement). Somebody may have taken "
                    "one over, or this platform's C library needs one call more."},
    {DEATHS(storers_forbidden), .name = "storers_forbidden", .label = "forb storer",
     .shown_from = 1, .unit = UNIT_COUNT, COUNTER("storers_forbidden"),
     .explanation = "The same of storers, which are among the storers' deaths, too. Only then in "
                    "the table."},

    /* ---- confinement ---- */
    {CONFINEMENT(mode), .name = "mode", .label = "mode", .unit = UNIT_TEXT,
     GAUGE("confinement_mode"), .state_at = confinement_at,
     .explanation = "enforce: a process that does what it may not do ends. log: the kernel's log "
                    "tells of forbidden system calls, and they are done. off: nothing is "
                    "forbidden."},
    {CONFINEMENT(user), .name = "user", .label = "uid", .unit = UNIT_NUMBER,
     GAUGE("confinement_user"),
     .explanation = "User ID of all processes. 0 is root: set server.user."},
    {CONFINEMENT(capabilities), .name = "capabilities", .label = "caps",
     .unit = UNIT_COUNT, GAUGE("confinement_capabilities"),
     .explanation = "Capabilities of root's that the processes have kept; none with enforce."},
    {CONFINEMENT(calls_supervisor), .name = "calls_supervisor", .label = "supervisor",
     .unit = UNIT_COUNT, GAUGE("confinement_calls_supervisor"),
     .explanation = "System calls that the supervisor may do, at least with some arguments: its "
                    "own and those of its children. Unknown: all of them."},
    {CONFINEMENT(calls_storer), .name = "calls_storer", .label = "storer",
     .unit = UNIT_COUNT, GAUGE("confinement_calls_storer"),
     .explanation = "System calls that the storer may do. Unknown: all of them."},
    {CONFINEMENT(calls_handler), .name = "calls_handler", .label = "handler",
     .unit = UNIT_COUNT, GAUGE("confinement_calls_handler"),
     .explanation = "System calls that a handler may do. Unknown: all of them."},
    {CONFINEMENT(calls_keyholder), .name = "calls_keyholder", .label = "key",
     .unit = UNIT_COUNT, GAUGE("confinement_calls_keyholder"),
     .explanation = "System calls that the keyholder may do. Unknown: all of them."},
    {CONFINEMENT(calls_shipper), .name = "calls_shipper", .label = "shipper",
     .shown_if_known = true, .unit = UNIT_COUNT, GAUGE("confinement_calls_shipper"),
     .explanation = "System calls that the shipper may do until it is started. Unknown: all of them, "
                    "or there is none."},
    {CONFINEMENT(landlock_version), .name = "landlock_version", .label = "Landlock",
     .unit = UNIT_NUMBER, GAUGE("confinement_landlock_version"),
     .explanation = "The kernel's version of Landlock, by which files are confined. 0: none."},
    {CONFINEMENT(missing), .name = "missing", .label = "missing", .shown_if_known = true,
     .unit = UNIT_TEXT, GAUGE("confinement_missing"),
     .explanation = "What the kernel lacks: seccomp, Landlock. Unknown where it lacks nothing."},

    /* ---- keyholder ---- */
    {KEYHOLDER(pid), .name = "keyholder_pid", .label = "pid", .shown_from = 1, .unit = UNIT_NUMBER,
     GAUGE("keyholder_pid"),
     .explanation = "Process id of the keyholder, which has the server's private key; 0: there is "
                    "none just now, or tls.mode is off."},
    {KEYHOLDER(signatures), .name = "signatures", .label = "signed", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("keyholder_signatures"),
     .explanation = "Handshakes that the keyholder has signed. A connection that resumes a session "
                    "needs none."},
    {KEYHOLDER(refused), .name = "signatures_refused", .label = "refused", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("keyholder_refused"),
     .explanation = "Requests of handlers that it did not sign: no handshake of a TLS server, or "
                    "not with this key. Above 0, a handler may have been taken over."},
    {KEYHOLDER(malformed), .name = "requests_malformed", .label = "malformed", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("keyholder_malformed"),
     .explanation = "Messages of handlers that were no request, and were dropped. Above 0, a "
                    "handler may have been taken over."},
    {KEYHOLDER(abandoned), .name = "requests_abandoned", .label = "abandoned", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("keyholder_abandoned"),
     .explanation = "Requests whose handler had given up, or died, by the time the keyholder took "
                    "them. Many: more handshakes come than it can sign."},
    {KEYHOLDER(starts), .name = "keyholder_starts", .unit = UNIT_COUNT,
     COUNTER("keyholder_starts"),
     .explanation = "Keyholders started, the first one included."},
    {KEYHOLDER(deaths), .name = "keyholder_deaths", .label = "deaths", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("keyholder_deaths"),
     .explanation = "Keyholders that ended before they were asked to; each one is replaced."},
    /* ---- tls ---- */
    {TLS(mode), .name = "mode", .label = "mode", .unit = UNIT_TEXT, GAUGE("tls_mode"), .state_at = tls_mode_at,
     .explanation = "on: connections may be encrypted, and agencies may show certificates. off: "
                    "everything is plain text, and a number is all that an agency shows."},
    {TLS(certificate_expires_at_ms), .name = "certificate_expires_at_ms", .label = "cert ends",
     .shown_if_known = true, .unit = UNIT_DEADLINE_MS,
     GAUGE("tls_certificate_expiry_timestamp_seconds"),
     .explanation = "When the server's certificate ends: no agency connects after that. Unknown "
                    "without TLS."},
    {TLS(ca_expires_at_ms), .name = "ca_expires_at_ms", .label = "CA ends",
     .shown_if_known = true, .unit = UNIT_DEADLINE_MS, GAUGE("tls_ca_expiry_timestamp_seconds"),
     .explanation = "When the first of the authorities that sign the agencies' certificates ends."},
    {TLS(crl_expires_at_ms), .name = "crl_expires_at_ms", .label = "list ends",
     .shown_if_known = true, .unit = UNIT_DEADLINE_MS, GAUGE("tls_crl_expiry_timestamp_seconds"),
     .explanation = "When the revocation list ends: without a newer one no certificate is accepted "
                    "after that. Unknown where there is no list."},
    {TLS(handshakes), .name = "handshakes", .label = "handshakes", .unit = UNIT_COUNT,
     COUNTER("tls_handshakes"),
     .explanation = "Connections that were encrypted since the start."},
    {TLS(resumed), .name = "resumed", .label = "resumed", .unit = UNIT_COUNT,
     COUNTER("tls_resumed"),
     .explanation = "Those of them that went on with an earlier session, which costs no signature."},
    {TLS(failed), .name = "failed", .label = "failed", .unit = UNIT_COUNT, COUNTER("tls_failed"),
     .explanation = "Connections that were closed because they were no TLS, or showed no "
                    "certificate that is good here. The log says which and why."},

    /* ---- replica ---- */
    {REPLICA(role), .name = "role", .label = "role", .shown_if_known = true, .unit = UNIT_TEXT,
     GAUGE("replica_role"),
     .explanation = "primary: this server's bets are copied to an engine. Unknown where nothing is "
                    "copied, which is so where replication.servers is empty."},
    {REPLICA(state), .name = "state", .label = "state", .shown_if_known = true, .unit = UNIT_TEXT,
     GAUGE("replica_state"), .state_at = snapshot_shipper_state_at,
     .explanation = "shipping: what is durable is copied as it comes. connecting, claiming, starting: "
                    "what they say. waiting: an append has no answer, and there may be no quorum. "
                    "refused: an operator is needed; the log says why. fenced, behind: this server "
                    "is over, and ends."},
    {REPLICA(lag), .name = "lag_bytes", .label = "lag", .shown_if_known = true, .unit = UNIT_BYTES,
     GAUGE("replica_lag_bytes"),
     .explanation = "Bytes of bets.csv that have been appended here and the engine does not have, as "
                    "far as is known. At replication.lag_bytes appends wait."},
    {REPLICA(replicated), .name = "replicated_bytes", .label = "replicated",
     .shown_if_known = true, .unit = UNIT_BYTES, COUNTER("replica_replicated_bytes"),
     .explanation = "Position in bets.csv up to which a quorum of the engine has the bets, too; up to "
                    "here they are acknowledged with ack_after: replicated."},
    {REPLICA(epoch), .name = "epoch", .label = "epoch", .shown_if_known = true,
     .unit = UNIT_NUMBER, GAUGE("replica_epoch"),
     .explanation = "Number of the claim by which this node writes the log. It grows with each start "
                    "of a shipper, and with each takeover."},
    {REPLICA(sequence), .name = "sequence", .label = "sequence", .shown_if_known = true,
     .unit = UNIT_NUMBER, GAUGE("replica_sequence"),
     .explanation = "Number of the log's last record that this node knows of."},
    {REPLICA(append_mean_ns), .name = "append_mean_ns", .label = "append mean",
     .shown_if_known = true, .unit = UNIT_NANOSECONDS, GAUGE("replica_append_mean_seconds"),
     .explanation = "Mean time from the moment that a record is sent until a quorum has it, the "
                    "repetitions of those that were not answered included."},
    {REPLICA(append_last_ns), .name = "append_last_ns", .label = "append last",
     .shown_if_known = true, .unit = UNIT_NANOSECONDS, GAUGE("replica_append_last_seconds"),
     .explanation = "The same of the latest record."},
    {REPLICA(append_worst_ns), .name = "append_worst_ns", .label = "worst",
     .shown_if_known = true, .unit = UNIT_NANOSECONDS, GAUGE("replica_append_worst_seconds"),
     .explanation = "The same of the slowest record since the start. Some seconds: the engine has "
                    "elected another leader meanwhile."},
    {REPLICA(unknown), .name = "unknown", .label = "unanswered", .shown_from = 1,
     .unit = UNIT_COUNT, COUNTER("replica_unknown"),
     .explanation = "Appends without an answer. Each was read back, and repeated where it was not "
                    "there."},
    {REPLICA(refused), .name = "refused", .label = "refused", .shown_from = 1, .unit = UNIT_COUNT,
     COUNTER("replica_refused"),
     .explanation = "Appends that the engine refused because another record was the last one: its "
                    "answer had been lost, or another node writes."},
    {REPLICA(deaths), .name = "deaths", .label = "deaths", .shown_from = 1, .unit = UNIT_COUNT,
     COUNTER("replica_deaths"),
     .explanation = "Shippers that ended before they were asked to; each one is replaced."},
    {REPLICA(waiting_for_lag), .name = "waiting_for_lag", .label = "want lag", .shown_from = 1,
     .unit = UNIT_COUNT, GAUGE("replica_waiting_for_lag"),
     .explanation = "Handlers that wait until the engine lacks less than replication.lag_bytes."},
    {REPLICA(node), .name = "node", .label = "node", .shown_if_known = true, .unit = UNIT_TEXT,
     GAUGE("replica_node"),
     .explanation = "The name by which this node writes the log."},
    {REPLICA(engine), .name = "engine", .label = "engine", .shown_if_known = true,
     .unit = UNIT_TEXT, GAUGE("replica_engine"),
     .explanation = "The server of the engine that the shipper is connected to, or was last, and its "
                    "version."},
    {REPLICA(error), .name = "error", .label = "error", .shown_if_known = true, .unit = UNIT_TEXT,
     .explanation = "What failed last, also where it has been mended since: error_at_ms says when."},
    {REPLICA(error_at_ms), .name = "error_at_ms", .unit = UNIT_MOMENT_MS,
     GAUGE("replica_error_timestamp_seconds"),
     .explanation = "When that was. Unknown: never."},
    {REPLICA(beat_age_ms), .name = "beat_age_ms", .label = "beat late",
     .shown_from = HEARTBEAT_LATE_MS, .unit = UNIT_SPAN_MS, GAUGE("replica_beat_age_seconds"),
     .explanation = "Time since the shipper last showed that it lives, which it does twice a second. "
                    "Above 3 seconds, and only then in the table: it is stopped, or dead."},
    {REPLICA(connected), .name = "connected", .unit = UNIT_FLAG, GAUGE("replica_connected"),
     .explanation = "1 while the shipper is connected to one of replication.servers."},
    {REPLICA(pid), .name = "pid", .unit = UNIT_NUMBER, GAUGE("replica_pid"),
     .explanation = "Process id of lottery-shipper. Unknown while there is none."},
    {REPLICA(lag_limit), .name = "lag_limit_bytes", .unit = UNIT_BYTES,
     GAUGE("replica_lag_limit_bytes"),
     .explanation = "replication.lag_bytes of the configuration."},
    {REPLICA(done_lag), .name = "done_lag_bytes", .unit = UNIT_BYTES,
     GAUGE("replica_done_lag_bytes"),
     .explanation = "Bytes of done.csv that are durable here and the engine does not have."},
    {REPLICA(files_lag), .name = "files_lag", .unit = UNIT_COUNT, GAUGE("replica_files_lag"),
     .explanation = "Versions of control, seal and draw that are durable here and the engine does not "
                    "have. What the public is told of a draw waits until this is 0."},
    {REPLICA(waiting_for_copy), .name = "waiting_for_copy", .unit = UNIT_COUNT,
     GAUGE("replica_waiting_for_copy"),
     .explanation = "Handlers that wait until the engine has an agency's DONE."},
    {REPLICA(appends), .name = "appends", .unit = UNIT_COUNT, COUNTER("replica_appends"),
     .explanation = "Records that were stored, claims and files included."},
    {REPLICA(bytes), .name = "bytes", .unit = UNIT_BYTES, COUNTER("replica_bytes"),
     .explanation = "Bytes that those carried."},
    {REPLICA(append_total_ns), .name = "append_total_ns", .unit = UNIT_NANOSECONDS,
     COUNTER("replica_append_seconds"),
     .explanation = "Time that all of them took. Its growth a second is the part of the time in which "
                    "the shipper waits for the engine."},
    {REPLICA(reconnects), .name = "reconnects", .unit = UNIT_COUNT,
     COUNTER("replica_reconnects"),
     .explanation = "How often this shipper had lost its connection and got another one."},
    {REPLICA(starts), .name = "starts", .unit = UNIT_COUNT, COUNTER("replica_starts"),
     .explanation = "Shippers started, the first one included."},
    /* ---- centres ---- */
    {CENTRES(state), .name = "state", .label = "state", .shown_if_known = true, .unit = UNIT_TEXT,
     GAUGE("centres_state"), .state_at = centres_state_at,
     .explanation = "Of a draw that several centres hold: open: this centre is not closed in the "
                    "engine yet. awaits: it is, and others are not. ready: all are, and the number "
                    "is awaited (lottery-admin draw). released: all may draw. held: something "
                    "contradicts, and this centre draws nothing. Unknown where it draws alone."},
    {CENTRES(count), .name = "count", .label = "centres", .shown_from = 1, .unit = UNIT_COUNT,
     GAUGE("centres"),
     .explanation = "Centres of the draw: those of centres.expected, and others that have closed "
                    "it. 0 where this centre draws alone."},
    {CENTRES(awaited), .name = "awaited", .label = "awaited", .shown_from = 1, .unit = UNIT_COUNT,
     GAUGE("centres_awaited"),
     .explanation = "Those of them that are not closed yet: the draw waits for them, or for an "
                    "operator who closes them out (lottery-admin close-centre)."},
    {CENTRES(contradicting), .name = "contradicting", .label = "contradict", .shown_from = 1,
     .unit = UNIT_COUNT, GAUGE("centres_contradicting"),
     .explanation = "Those that are closed with another number, or expect other centres: the draw "
                    "is held until an operator has mended that. The log says which."},
    {CENTRES(released), .name = "released", .label = "released", .shown_from = 1,
     .unit = UNIT_FLAG, GAUGE("centres_released"),
     .explanation = "1 once the engine has the draw of all centres, so that this one draws."},
    {CENTRES(number), .name = "number", .label = "number", .shown_if_known = true,
     .unit = UNIT_NUMBER, GAUGE("centres_number"),
     .explanation = "The winning number of all centres, once it is released."},
    {CENTRES(reason), .name = "waits_for", .label = "reason", .shown_if_known = true,
     .unit = UNIT_TEXT,
     .explanation = "What the draw waits for, or what contradicts."},

    /* ---- agencies ---- */
    {AGENCY(id), .name = "id", .label = "agency", .width = 10, .unit = UNIT_NUMBER, .key = true,
     .explanation = "The agency's number."},
    {AGENCY(phase), .name = "phase", .label = "phase", .width = 5, .unit = UNIT_TEXT,
     GAUGE("agency_phase"), .state_at = agency_phase_at,
     .explanation = "never: agencies.allowed names it, and nothing of it has come. open: it may "
                    "bet. asked: it has said that it is done, which is on its way to the disk. "
                    "out: sales were closed without its being done, and its stored bets take "
                    "part. done: that is on the disk."},
    {AGENCY(bets), .name = "bets", .label = "bets", .width = 9, .unit = UNIT_COUNT,
     COUNTER("agency_bets"), .rate = "bets/s",
     .explanation = "Bets of this agency that have been taken, by this server and those before "
                    "it; what STATUS tells the agency once they are on the disk."},
    {AGENCY(bytes), .name = "bytes", .label = "bytes", .width = 8, .unit = UNIT_BYTES,
     COUNTER("agency_bytes"), .rate = "bytes/s",
     .explanation = "Bytes that those bets take in bets.csv."},
    {AGENCY(seen_at_ms), .name = "seen_at_ms", .label = "seen", .width = 7, .unit = UNIT_MOMENT_MS,
     GAUGE("agency_last_seen_timestamp_seconds"),
     .explanation = "When its latest message came, to this server."},
    {AGENCY(claims), .name = "claims", .unit = UNIT_COUNT, COUNTER("agency_claims"),
     .explanation = "How often a connection took the agency over with STATUS; above 1 it has "
                    "connected again."},
    {AGENCY(end_position), .name = "end_bytes", .unit = UNIT_BYTES, GAUGE("agency_end_bytes"),
     .explanation = "Position in bets.csv behind its newest bet: all its bets are on the disk "
                    "when the ring's durable_bytes has reached it."},
    {AGENCY(missing), .name = "missing", .unit = UNIT_FLAG, GAUGE("agency_missing"),
     .explanation = "1 while sales are open and it is not done: the draw may be waiting for it."},

    /* ---- handlers ---- */
    {HANDLER(pid), .name = "pid", .label = "handler", .width = 7, .unit = UNIT_NUMBER, .key = true,
     .explanation = "Process id of the handler, the process that serves one connection."},
    {HANDLER(peer), .name = "peer", .label = "peer", .width = 21, .unit = UNIT_TEXT, .key = true,
     .explanation = "Address and port whose connection it is: of the other end, or those that a "
                    "balancer's PROXY header names."},
    {HANDLER(via), .name = "via", .unit = UNIT_TEXT,
     .explanation = "Address and port of the balancer that forwards the connection "
                    "(server.proxy_from); unknown where there is none."},
    {HANDLER(agency), .name = "agency", .label = "agency", .width = 6, .unit = UNIT_NUMBER,
     GAUGE("handler_agency"),
     .explanation = "The agency that sent the latest message; unknown before the first one."},
    {HANDLER(activity), .name = "activity", .label = "does", .width = 18, .unit = UNIT_TEXT,
     GAUGE("handler_activity"), .state_at = handler_activity_at,
     .explanation = "receiving: waits for its peer. working: parses and appends. waiting for "
                    "space: the ring is full. waiting for commit: until the disk has its bets. "
                    "waiting for done: until the disk has the agency's DONE. waiting at gate: "
                    "until the draw. waiting for turn: the agency has reached "
                    "limits.bets_per_second. waiting for the engine: it lacks "
                    "replication.lag_bytes. waiting for copy: until it has the DONE. answering, closing: what they say."},
    {HANDLER(since_ms), .name = "since_ms", .label = "for", .width = 7, .unit = UNIT_MOMENT_MS,
     GAUGE("handler_since_timestamp_seconds"),
     .explanation = "When it began to do that."},
    {HANDLER(bets), .name = "bets", .label = "bets", .width = 9, .unit = UNIT_COUNT,
     COUNTER("handler_bets"), .rate = "bets/s",
     .explanation = "Bets that it has acknowledged."},
    {HANDLER(messages), .name = "messages", .label = "messages", .width = 9, .unit = UNIT_COUNT,
     COUNTER("handler_messages"),
     .explanation = "Whole messages that it has read."},
    {HANDLER(bytes), .name = "bytes", .label = "bytes", .width = 8, .unit = UNIT_BYTES,
     COUNTER("handler_received_bytes"), .rate = "bytes/s",
     .explanation = "Bytes that it has received."},
    {HANDLER(connected_at_ms), .name = "connected_at_ms", .label = "open", .width = 7,
     .unit = UNIT_MOMENT_MS, GAUGE("handler_connected_timestamp_seconds"),
     .explanation = "When the connection was accepted; on a terminal, how long it is open."},
    {HANDLER(security), .name = "security", .label = "security", .width = 9, .unit = UNIT_TEXT,
     GAUGE("handler_security"), .state_at = snapshot_security_at,
     .explanation = "plain: what is sent can be read and changed on the way. encrypted: TLS, and "
                    "nothing tells who it is. certified: TLS with a certificate, for the agencies "
                    "in speaks_for."},
    {HANDLER(speaks_for), .name = "speaks_for", .unit = UNIT_TEXT,
     GAUGE("handler_speaks_for"),
     .explanation = "The agencies that the connection's certificate names."},
    {HANDLER(certificate), .name = "certificate", .unit = UNIT_TEXT,
     .explanation = "Serial number of its certificate, in hexadecimal."},
    {HANDLER(certificate_expires_at_ms), .name = "certificate_expires_at_ms",
     .unit = UNIT_DEADLINE_MS, GAUGE("handler_certificate_expiry_timestamp_seconds"),
     .explanation = "When its certificate ends."},
    {HANDLER(awaited), .name = "awaited_bytes", .unit = UNIT_BYTES,
     GAUGE("handler_awaited_bytes"),
     .explanation = "The position that it waits for, or last waited for: of the ring's written "
                    "for space, of its durable (or written) for commit."},

    /* ---- refusals ---- */
    {REFUSAL(reason), .name = "reason", .label = "reason", .width = 11, .unit = UNIT_TEXT,
     .key = true,
     .explanation = "What was refused, and by which limit. Connections, when they were accepted: "
                    "per_address, connections, strangers (so many of their address ended without "
                    "having said who they are), no_place (the places of strangers are taken by "
                    "its own address). Connections, later: evicted (a stranger gave its place "
                    "up), messages and probes (too many of them were refused). Messages: "
                    "not_allowed (agencies.allowed), bets."},
    {REFUSAL(total), .name = "total", .label = "refused", .width = 9, .unit = UNIT_COUNT,
     COUNTER("refused"),
     .explanation = "How many were refused for this reason since the start. The table shows a "
                    "reason once it has refused something."},

    /* ---- a centre ---- */
    {CENTRE(name), .name = "centre", .label = "centre", .width = 11, .unit = UNIT_TEXT, .key = true,
     .explanation = "Name of the centre, as centres.expected has it."},
    {CENTRE(standing), .name = "standing", .label = "standing", .width = 11, .unit = UNIT_TEXT,
     GAUGE("centre_standing"), .state_at = centre_standing_at,
     .explanation = "awaited: it is not closed yet. closed: it is, with a seal. closed out: by an "
                    "operator, without its bets. contradicts: it is closed, and what it says does "
                    "not agree with this centre."},
    {CENTRE(bets), .name = "bets", .label = "bets", .width = 9, .unit = UNIT_COUNT,
     GAUGE("centre_bets"),
     .explanation = "Bets with which it takes part; 0 before it is closed."},
};
/* clang-format on */

const size_t counter_count = sizeof counters / sizeof counters[0];

/* ----------------------------------------------------------------- sections ---- */

static const struct {
    const char *name, *explanation;
    size_t offset; /* of its struct in the snapshot; lists have none */
} sections[SECTIONS] = {
    [SECTION_SERVER] = {"server", "the server as a whole", offsetof(struct snapshot, server)},
    [SECTION_RING] = {"ring", "shared memory that holds the newest bytes of bets.csv",
                      offsetof(struct snapshot, ring)},
    [SECTION_STORER] = {"storer", "the process that writes the files and holds the draw",
                        offsetof(struct snapshot, storer)},
    [SECTION_TIMES] = {"times",
                       "how long agencies wait for an acknowledgement, and the storer for the disk",
                       offsetof(struct snapshot, times)},
    [SECTION_DISK] = {"disk", "the file system of the data directory",
                      offsetof(struct snapshot, disk)},
    [SECTION_DRAW] = {"draw", "how far the draw is", offsetof(struct snapshot, draw)},
    [SECTION_GATE] = {"gate", "the semaphore set that winner look-ups wait at, which ipcs shows",
                      offsetof(struct snapshot, gate)},
    [SECTION_DEATHS] = {"deaths", "processes that have ended since the start, by kind",
                        offsetof(struct snapshot, deaths)},
    [SECTION_CONFINEMENT] = {"confined", "what the server's processes may do at most",
                             offsetof(struct snapshot, confinement)},
    [SECTION_KEYHOLDER] = {"key", "the process with the private key, where there is TLS",
                           offsetof(struct snapshot, keyholder)},
    [SECTION_TLS] = {"tls", "encryption, and what it rests on", offsetof(struct snapshot, tls)},
    [SECTION_REPLICA] = {"replica", "the copy of the bets that an engine keeps, where there is one",
                         offsetof(struct snapshot, replica)},
    [SECTION_CENTRES] = {"national", "a draw that several centres hold together",
                         offsetof(struct snapshot, centres)},
    [SECTION_AGENCIES] = {"agencies",
                          "a row an agency; also those that are expected by name and "
                          "have never come",
                          0},
    [SECTION_HANDLERS] = {"handlers", "a row a connection", 0},
    [SECTION_REFUSALS] = {"refused", "connections and messages that the limits refused, by reason",
                          0},
    [SECTION_CENTRE] = {"centres", "a row a centre of such a draw", 0},
};

const char *section_name(enum section section)
{
    return sections[section].name;
}

const char *section_explanation(enum section section)
{
    return sections[section].explanation;
}

bool section_is_list(enum section section)
{
    return section == SECTION_AGENCIES || section == SECTION_HANDLERS ||
           section == SECTION_REFUSALS || section == SECTION_CENTRE;
}

size_t section_rows(const struct snapshot *snapshot, enum section section)
{
    return section == SECTION_AGENCIES   ? snapshot->agency_count
           : section == SECTION_HANDLERS ? snapshot->handler_count
           : section == SECTION_REFUSALS ? (size_t)REFUSAL_REASONS
           : section == SECTION_CENTRE   ? (size_t)snapshot->centres.count
                                         : 1;
}

const void *section_row(const struct snapshot *snapshot, enum section section, size_t index)
{
    if (section == SECTION_AGENCIES) {
        return &snapshot->agencies[index];
    }
    if (section == SECTION_HANDLERS) {
        return &snapshot->handlers[index];
    }
    if (section == SECTION_REFUSALS) {
        return &snapshot->refusals[index];
    }
    if (section == SECTION_CENTRE) {
        return &snapshot->centre_list[index];
    }
    return (const char *)snapshot + sections[section].offset;
}

static bool is_same_row(enum section section, const void *left, const void *right)
{
    if (section == SECTION_AGENCIES) {
        const struct snapshot_agency *first = left;
        const struct snapshot_agency *second = right;
        return first->id == second->id;
    }
    if (section == SECTION_HANDLERS) {
        const struct snapshot_handler *first = left;
        const struct snapshot_handler *second = right;
        return first->pid == second->pid && first->connected_at_ms == second->connected_at_ms;
    }
    if (section == SECTION_REFUSALS) {
        const struct snapshot_refusal *first = left;
        const struct snapshot_refusal *second = right;
        return strcmp(first->reason, second->reason) == 0;
    }
    if (section == SECTION_CENTRE) {
        const struct snapshot_centre *first = left;
        const struct snapshot_centre *second = right;
        return strcmp(first->name, second->name) == 0;
    }
    return true;
}

const void *section_find_row(const struct snapshot *snapshot, enum section section, const void *row)
{
    for (size_t i = 0; i < section_rows(snapshot, section); i++) {
        const void *candidate = section_row(snapshot, section, i);
        if (is_same_row(section, candidate, row)) {
            return candidate;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------- values ---- */

static const char *const unit_names[] = {
    [UNIT_COUNT] = "count",
    [UNIT_NUMBER] = "number",
    [UNIT_BYTES] = "bytes",
    [UNIT_NANOSECONDS] = "nanoseconds",
    [UNIT_SPAN_MS] = "milliseconds",
    [UNIT_MOMENT_MS] = "milliseconds since 1970",
    [UNIT_DEADLINE_MS] = "milliseconds since 1970",
    [UNIT_FLAG] = "0 or 1",
    [UNIT_PART] = "part, 0 to 1",
    [UNIT_MEAN] = "mean count",
    [UNIT_MEAN_BYTES] = "mean bytes",
    [UNIT_TEXT] = "text",
};

const char *counter_unit_name(enum counter_unit unit)
{
    return unit_names[unit];
}

uint64_t counter_number(const struct counter *counter, const void *row)
{
    return *(const uint64_t *)(const void *)((const char *)row + counter->offset);
}

double counter_real(const struct counter *counter, const void *row)
{
    return *(const double *)(const void *)((const char *)row + counter->offset);
}

const char *counter_text(const struct counter *counter, const void *row)
{
    return (const char *)row + counter->offset;
}

bool counter_is_real(const struct counter *counter)
{
    return counter->unit == UNIT_PART || counter->unit == UNIT_MEAN ||
           counter->unit == UNIT_MEAN_BYTES;
}

bool counter_is_shown(const struct counter *counter, const void *row)
{
    return counter->label != NULL && (!counter->shown_if_known || counter_is_known(counter, row)) &&
           (counter->shown_from == 0 || (counter_is_known(counter, row) &&
                                         counter_number(counter, row) >= counter->shown_from));
}

bool counter_is_known(const struct counter *counter, const void *row)
{
    if (counter->unit == UNIT_TEXT) {
        return counter_text(counter, row)[0] != '\0';
    }
    return counter_is_real(counter) ? isfinite(counter_real(counter, row)) != 0
                                    : counter_number(counter, row) != SNAPSHOT_UNKNOWN;
}

static void format_real(const struct counter *counter, double real, char text[UNITS_TEXT_BYTES])
{
    if (counter->unit == UNIT_PART) {
        units_percent(real, text);
    } else if (counter->unit == UNIT_MEAN_BYTES) {
        units_bytes(real, text);
    } else {
        units_mean(real, text);
    }
}

static void format_number(enum counter_unit unit, uint64_t number, uint64_t now_ms,
                          char text[UNITS_TEXT_BYTES])
{
    if (unit == UNIT_BYTES) {
        units_bytes((double)number, text);
    } else if (unit == UNIT_NANOSECONDS) {
        units_duration_ns(number, text);
    } else if (unit == UNIT_SPAN_MS) {
        units_duration_ms(number, text);
    } else if (unit == UNIT_MOMENT_MS) {
        units_duration_ms(now_ms > number ? now_ms - number : 0, text);
    } else if (unit == UNIT_DEADLINE_MS) {
        units_duration_ms(number > now_ms ? number - now_ms : 0, text);
    } else if (unit == UNIT_FLAG) {
        snprintf(text, UNITS_TEXT_BYTES, "%s", number == 0 ? "no" : "yes");
    } else if (unit == UNIT_NUMBER) {
        snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, number);
    } else {
        units_count(number, text);
    }
}

void counter_format(const struct counter *counter, const void *row, uint64_t now_ms, char *text,
                    size_t capacity)
{
    char figure[UNITS_TEXT_BYTES] = "-";
    const char *shown = figure;
    if (counter_is_known(counter, row)) {
        if (counter->unit == UNIT_TEXT) {
            shown = counter_text(counter, row);
        } else if (counter_is_real(counter)) {
            format_real(counter, counter_real(counter, row), figure);
        } else {
            format_number(counter->unit, counter_number(counter, row), now_ms, figure);
        }
    }
    snprintf(text, capacity, "%s", shown);
}

void counter_format_rate(const struct counter *counter, const void *older, const void *row,
                         double elapsed_s, char text[UNITS_TEXT_BYTES])
{
    snprintf(text, UNITS_TEXT_BYTES, "-");
    if (older == NULL || elapsed_s <= 0 || !counter_is_known(counter, older) ||
        !counter_is_known(counter, row)) {
        return;
    }
    uint64_t before = counter_number(counter, older);
    uint64_t after = counter_number(counter, row);
    double a_second = after > before ? (double)(after - before) / elapsed_s : 0;
    if (counter->unit == UNIT_BYTES) {
        units_bytes_rate(a_second, text);
    } else {
        units_count_rate(a_second, text);
    }
}
