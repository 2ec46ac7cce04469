/*
 * verdict.c - see verdict.h. Each function judges one subject, and adds what it finds.
 */
#include "stat/verdict.h"

#include "lib/text.h"
#include "shm/centres.h"
#include "shm/heartbeat.h"
#include "stat/following.h"
#include "stat/json.h"
#include "stat/units.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MINUTES_MS(count) (UINT64_C(60000) * (count))
#define DAYS_MS(count)    (UINT64_C(86400000) * (count))
#define MIB(count)        (UINT64_C(1048576) * (count))

enum {
    MS_PER_SECOND = 1000,
    RATE_SECONDS = 60, /* between the looks that a rate is computed from */
    IDS_NAMED = 5,     /* agencies that a text names; of the others it has the number */
    IDS_BYTES = 80,
    REFUSED_A_MINUTE = 10 /* on average: fewer come from scans alone */
};

static const uint64_t free_warning_bytes = MIB(1024);
static const uint64_t free_critical_bytes = MIB(128); /* twice what is allocated ahead */
static const uint64_t certificate_critical_ms = DAYS_MS(3);
static const uint64_t starting_ms = MINUTES_MS(1); /* a shipper may take that to begin */
static const uint64_t standby_late_ms = UINT64_C(10) * MS_PER_SECOND;
static const uint64_t standby_lag_bytes = MIB(64);

const struct verdict_limits verdict_default_limits = {
    .disk_warning_ms = MINUTES_MS(240),
    .disk_critical_ms = MINUTES_MS(30),
    .silent_ms = MINUTES_MS(30),
    .closing_ms = MINUTES_MS(60),
    .certificate_ms = DAYS_MS(30),
};

/* ---------------------------------------------------------------- the list ---- */

static void add(struct verdicts *verdicts, enum log_message number, enum verdict_severity severity,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

static void add(struct verdicts *verdicts, enum log_message number, enum verdict_severity severity,
                const char *format, ...)
{
    if (verdicts->count == VERDICTS_MAX) {
        return;
    }
    struct verdict *verdict = &verdicts->items[verdicts->count++];
    *verdict = (struct verdict){
        .number = number, .severity = severity, .hint = log_message_text(number)->hint};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(verdict->text, sizeof verdict->text, format, arguments);
    va_end(arguments);
    text_make_clean(verdict->text, strlen(verdict->text));
}

static int compare(const void *left, const void *right)
{
    const struct verdict *first = left;
    const struct verdict *second = right;
    if (first->severity != second->severity) {
        return (int)second->severity - (int)first->severity;
    }
    return (int)first->number - (int)second->number;
}

static void sort(struct verdicts *verdicts)
{
    qsort(verdicts->items, verdicts->count, sizeof verdicts->items[0], compare);
}

/* -------------------------------------------------------------------- disk ---- */

void verdict_rate_note(struct verdict_rate *rate, const struct snapshot *snapshot)
{
    static const double ns_per_second = 1e9;
    const struct snapshot_server *server = &snapshot->server;
    bool is_same = rate->at_ns != 0 && rate->pid == server->pid &&
                   rate->started_at_ms == server->started_at_ms;
    double elapsed_s = (double)(snapshot->taken_ns - rate->at_ns) / ns_per_second;
    if (is_same && elapsed_s < RATE_SECONDS) {
        return;
    }
    uint64_t bytes = snapshot->storer.flushed_bytes;
    *rate = (struct verdict_rate){
        .pid = server->pid,
        .started_at_ms = server->started_at_ms,
        .at_ns = snapshot->taken_ns,
        .flushed_bytes = bytes,
        .known = is_same,
        .bytes_a_second = is_same ? (double)(bytes - rate->flushed_bytes) / elapsed_s : 0,
    };
}

/* False when the rate is not known, or nothing comes. */
static bool find_rate(const struct snapshot *snapshot, const struct verdict_rate *rate,
                      double *bytes_a_second, const char **of_when)
{
    if (rate != NULL && rate->known) {
        *bytes_a_second = rate->bytes_a_second;
        *of_when = "at this rate";
    } else {
        uint64_t seconds = snapshot->server.uptime_ms / MS_PER_SECOND;
        if (seconds < RATE_SECONDS) {
            return false;
        }
        *bytes_a_second = (double)snapshot->storer.flushed_bytes / (double)seconds;
        *of_when = "at the mean rate since the start";
    }
    return *bytes_a_second > 0;
}

static bool is_on_sale(const struct snapshot *snapshot)
{
    const char *state = snapshot->draw.state;
    return strcmp(state, control_state_name(CONTROL_NEW)) == 0 ||
           strcmp(state, control_state_name(CONTROL_OPEN)) == 0;
}

static void judge_disk(const struct snapshot *snapshot, const struct verdict_rate *rate,
                       const struct verdict_limits *limits, struct verdicts *verdicts)
{
    const struct snapshot_storer *storer = &snapshot->storer;
    uint64_t bytes = snapshot->disk.free_bytes;
    char free_text[UNITS_TEXT_BYTES];
    double a_second = 0;
    const char *of_when = "";
    if (storer->no_room != 0) {
        add(verdicts, LOG_VERDICT_NO_ROOM, VERDICT_CRITICAL,
            "no room on the disk (%s): nothing is acknowledged", storer->no_room_reason);
        return;
    }
    if (bytes == SNAPSHOT_UNKNOWN || !is_on_sale(snapshot)) {
        return;
    }
    units_bytes((double)bytes, free_text);
    if (find_rate(snapshot, rate, &a_second, &of_when) &&
        (double)bytes / a_second * MS_PER_SECOND < (double)limits->disk_warning_ms) {
        uint64_t left_ms = (uint64_t)((double)bytes / a_second * MS_PER_SECOND);
        char within[UNITS_TEXT_BYTES];
        units_duration_ms(left_ms, within);
        add(verdicts, LOG_VERDICT_DISK_FULL_SOON,
            left_ms < limits->disk_critical_ms || bytes < free_critical_bytes ? VERDICT_CRITICAL
                                                                              : VERDICT_WARNING,
            "disk full in %s %s (%s free)", within, of_when, free_text);
    } else if (bytes < free_warning_bytes) {
        add(verdicts, LOG_VERDICT_DISK_FULL_SOON,
            bytes < free_critical_bytes ? VERDICT_CRITICAL : VERDICT_WARNING,
            "the disk has %s free", free_text);
    }
}

/* ---------------------------------------------------------------- agencies ---- */

/* Agencies that share a verdict. */
struct group {
    char ids[IDS_BYTES]; /* "17, 42" */
    size_t used, count;
    const struct snapshot_agency *first;
};

static void group_add(struct group *group, const struct snapshot_agency *agency)
{
    if (group->count < IDS_NAMED) {
        int written = snprintf(group->ids + group->used, IDS_BYTES - group->used, "%s%" PRIu64,
                               group->count == 0 ? "" : ", ", agency->id);
        group->used += written > 0 ? (size_t)written : 0;
    }
    group->first = group->count++ == 0 ? agency : group->first;
}

/* "agency 17", "agencies 17, 42", "agencies 1, 2, 3, 4, 5 and 12 more". */
static void group_write(const struct group *group, char text[VERDICT_TEXT_BYTES])
{
    int used = snprintf(text, VERDICT_TEXT_BYTES, "%s %s",
                        group->count == 1 ? "agency" : "agencies", group->ids);
    if (group->count > IDS_NAMED && used > 0) {
        (void)snprintf(text + used, VERDICT_TEXT_BYTES - (size_t)used, " and %zu more",
                       group->count - IDS_NAMED);
    }
}

static bool closes_soon(const struct snapshot *snapshot, const struct verdict_limits *limits)
{
    uint64_t closes_at_ms = snapshot->draw.closes_at_ms;
    return closes_at_ms != SNAPSHOT_UNKNOWN &&
           closes_at_ms < snapshot->taken_at_ms + limits->closing_ms;
}

/* How long it has said nothing, to this server. */
static uint64_t silent_ms(const struct snapshot *snapshot, const struct snapshot_agency *agency)
{
    uint64_t since_ms = snapshot->taken_at_ms - agency->seen_at_ms;
    bool is_heard =
        agency->seen_at_ms != SNAPSHOT_UNKNOWN && agency->seen_at_ms <= snapshot->taken_at_ms;
    return is_heard && since_ms < snapshot->server.uptime_ms ? since_ms
                                                             : snapshot->server.uptime_ms;
}

/*
 * At a draw's start nobody has connected yet, which needs no look. Later the draw waits for them, and
 * shortly before sales end they may lose theirs.
 */
static void judge_never(const struct snapshot *snapshot, const struct verdict_limits *limits,
                        const struct group *never, struct verdicts *verdicts)
{
    char who[VERDICT_TEXT_BYTES];
    bool is_late = snapshot->server.uptime_ms > limits->silent_ms;
    if (never->count == 0 ||
        (!is_late && !closes_soon(snapshot, limits) && never->count == snapshot->agency_count)) {
        return;
    }
    group_write(never, who);
    if (closes_soon(snapshot, limits)) {
        char closes[UNITS_TEXT_BYTES];
        uint64_t at_ms = snapshot->draw.closes_at_ms;
        units_duration_ms(at_ms > snapshot->taken_at_ms ? at_ms - snapshot->taken_at_ms : 0,
                          closes);
        add(verdicts, LOG_VERDICT_AGENCY_NEVER, VERDICT_CRITICAL,
            "%s never connected, and sales end in %s", who, closes);
    } else {
        add(verdicts, LOG_VERDICT_AGENCY_NEVER, is_late ? VERDICT_WARNING : VERDICT_NOTE,
            "%s never connected", who);
    }
}

static void judge_silent(const struct snapshot *snapshot, const struct verdict_limits *limits,
                         const struct group *silent, struct verdicts *verdicts)
{
    char who[VERDICT_TEXT_BYTES];
    char since[UNITS_TEXT_BYTES];
    if (silent->count == 0) {
        return;
    }
    group_write(silent, who);
    if (silent->count == 1) {
        char bets[UNITS_TEXT_BYTES];
        units_duration_ms(silent_ms(snapshot, silent->first), since);
        units_count(silent->first->bets, bets);
        add(verdicts, LOG_VERDICT_AGENCY_SILENT, VERDICT_WARNING,
            "%s silent for %s, %s bets, not done", who, since, bets);
    } else {
        units_duration_ms(limits->silent_ms, since);
        add(verdicts, LOG_VERDICT_AGENCY_SILENT, VERDICT_WARNING,
            "%s silent for more than %s, and not done", who, since);
    }
}

static void judge_agencies(const struct snapshot *snapshot, const struct verdict_limits *limits,
                           struct verdicts *verdicts)
{
    struct group never = {.count = 0};
    struct group silent = {.count = 0};
    for (size_t i = 0; i < snapshot->agency_count; i++) {
        const struct snapshot_agency *agency = &snapshot->agencies[i];
        enum snapshot_standing standing = snapshot_standing_of(agency);
        if (agency->missing == 0) {
            continue;
        }
        if (standing == STANDING_NEVER) {
            group_add(&never, agency);
        } else if (standing == STANDING_OPEN && silent_ms(snapshot, agency) > limits->silent_ms) {
            group_add(&silent, agency);
        }
    }
    judge_never(snapshot, limits, &never, verdicts);
    judge_silent(snapshot, limits, &silent, verdicts);
    uint64_t unnamed = snapshot->draw.unnamed;
    if (unnamed > 0 && unnamed != SNAPSHOT_UNKNOWN && closes_soon(snapshot, limits)) {
        add(verdicts, LOG_VERDICT_AGENCIES_UNNAMED, VERDICT_WARNING,
            "%" PRIu64 " expected agencies never connected, and have no name here", unnamed);
    }
}

/* ------------------------------------------------------------- what counts up ---- */

/* True while it happened VERDICT_FADE_MS ago or less, on average over the server's life. */
static bool is_recent(const struct snapshot *snapshot, uint64_t count)
{
    return count > 0 && snapshot->server.uptime_ms / VERDICT_FADE_MS < count;
}

static void judge_count(const struct snapshot *snapshot, enum log_message number,
                        enum verdict_severity severity, uint64_t count, const char *what,
                        struct verdicts *verdicts)
{
    if (is_recent(snapshot, count)) {
        char uptime[UNITS_TEXT_BYTES];
        units_duration_ms(snapshot->server.uptime_ms, uptime);
        add(verdicts, number, severity, "%s: %" PRIu64 " in %s", what, count, uptime);
    }
}

static void judge_refusals(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    const struct snapshot_refusal *most = &snapshot->refusals[0];
    uint64_t total = 0;
    uint64_t minutes = snapshot->server.uptime_ms / MINUTES_MS(1) + 1;
    for (size_t i = 0; i < REFUSAL_REASONS; i++) {
        const struct snapshot_refusal *refusal = &snapshot->refusals[i];
        total += refusal->total;
        most = refusal->total > most->total ? refusal : most;
    }
    if (total / minutes >= REFUSED_A_MINUTE) {
        char uptime[UNITS_TEXT_BYTES];
        units_duration_ms(snapshot->server.uptime_ms, uptime);
        add(verdicts, LOG_VERDICT_REFUSED, VERDICT_WARNING,
            "%" PRIu64 " connections or messages refused in %s, most of them: %s", total, uptime,
            most->reason);
    }
}

static void judge_counts(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    const struct snapshot_deaths *deaths = &snapshot->deaths;
    const struct snapshot_keyholder *key = &snapshot->keyholder;
    judge_count(snapshot, LOG_VERDICT_STORER_DEATHS, VERDICT_WARNING, deaths->storer_deaths,
                "storers that died", verdicts);
    judge_count(snapshot, LOG_VERDICT_LOCK_RECOVERIES, VERDICT_WARNING, deaths->lock_recoveries,
                "owners of the lock that died", verdicts);
    judge_count(snapshot, LOG_VERDICT_HANDLERS_KILLED, VERDICT_WARNING, deaths->handlers_killed,
                "handlers killed by signals", verdicts);
    judge_count(snapshot, LOG_VERDICT_FORBIDDEN, VERDICT_CRITICAL,
                deaths->handlers_forbidden + deaths->storers_forbidden,
                "processes that did what they may never do", verdicts);
    judge_count(snapshot, LOG_VERDICT_LOG_LOST, VERDICT_WARNING, snapshot->server.log_lines_lost,
                "lines of the log that were lost", verdicts);
    judge_count(snapshot, LOG_VERDICT_KEYHOLDER, VERDICT_CRITICAL, key->refused + key->malformed,
                "requests to the keyholder that no handler makes", verdicts);
    judge_count(snapshot, LOG_VERDICT_KEYHOLDER, VERDICT_WARNING, key->deaths,
                "keyholders that died", verdicts);
    judge_count(snapshot, LOG_VERDICT_SHIPPER_DEATHS, VERDICT_WARNING, snapshot->replica.deaths,
                "shippers that died", verdicts);
    judge_refusals(snapshot, verdicts);
}

/* ------------------------------------------------------------ replication ---- */

/* No state of the shipper's lasts, but for these four, which need an operator. */
static bool is_final_state(const char *state)
{
    return strcmp(state, snapshot_shipper_state_at(SHIPPER_FENCED)) == 0 ||
           strcmp(state, snapshot_shipper_state_at(SHIPPER_BEHIND)) == 0 ||
           strcmp(state, snapshot_shipper_state_at(SHIPPER_REFUSED)) == 0 ||
           strcmp(state, snapshot_shipper_state_at(SHIPPER_STRANGER)) == 0;
}

static void judge_replica(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    const struct snapshot_replica *replica = &snapshot->replica;
    char lag[UNITS_TEXT_BYTES];
    if (replica->role[0] == '\0') {
        return;
    }
    bool is_final = is_final_state(replica->state);
    bool is_late =
        replica->beat_age_ms != SNAPSHOT_UNKNOWN && replica->beat_age_ms > HEARTBEAT_LATE_MS;
    bool is_shipping =
        strcmp(replica->state, snapshot_shipper_state_at(SHIPPER_SHIPPING)) == 0 && !is_late;
    units_bytes(replica->lag == SNAPSHOT_UNKNOWN ? 0 : (double)replica->lag, lag);
    if (!is_shipping && (is_final || snapshot->server.uptime_ms > starting_ms)) {
        add(verdicts, LOG_VERDICT_NOT_SHIPPING, is_final ? VERDICT_CRITICAL : VERDICT_WARNING,
            "bets are not copied: the shipper is %s%s, the engine lacks %s",
            is_late ? "silent, and was " : "", replica->state, lag);
    }
    if (replica->waiting_for_lag > 0) {
        add(verdicts, LOG_VERDICT_REPLICA_LAG, VERDICT_CRITICAL,
            "%" PRIu64 " handlers wait: the engine lacks %s, the limit", replica->waiting_for_lag,
            lag);
    } else if (replica->lag != SNAPSHOT_UNKNOWN && replica->lag > replica->lag_limit / 2) {
        add(verdicts, LOG_VERDICT_REPLICA_LAG, VERDICT_WARNING,
            "the engine lacks %s, more than half of replication.lag_bytes", lag);
    }
}

static void judge_centres(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    const struct snapshot_centres *centres = &snapshot->centres;
    if (strcmp(centres->state, centres_state_name(CENTRE_HELD)) == 0 ||
        centres->contradicting > 0) {
        add(verdicts, LOG_VERDICT_CENTRES_HELD, VERDICT_CRITICAL, "the draw is held: %s",
            centres->reason);
    } else if (strcmp(centres->state, centres_state_name(CENTRE_AWAITS)) == 0) {
        add(verdicts, LOG_VERDICT_CENTRES_AWAITED, VERDICT_WARNING,
            "%" PRIu64 " of %" PRIu64 " centres are not closed: %s", centres->awaited,
            centres->count, centres->reason);
    }
}

/* --------------------------------------------------------------- the rest ---- */

static void judge_readiness(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    if (snapshot->server.ready == 0 && snapshot->storer.no_room == 0) {
        add(verdicts, LOG_VERDICT_NOT_READY, VERDICT_CRITICAL, "not ready: %s",
            snapshot->not_ready);
    }
}

static void judge_end(const struct snapshot *snapshot, const struct verdict_limits *limits,
                      const char *what, uint64_t ends_at_ms, struct verdicts *verdicts)
{
    char left[UNITS_TEXT_BYTES];
    if (ends_at_ms == SNAPSHOT_UNKNOWN ||
        ends_at_ms > snapshot->taken_at_ms + limits->certificate_ms) {
        return;
    }
    bool is_over = ends_at_ms <= snapshot->taken_at_ms;
    uint64_t left_ms = is_over ? 0 : ends_at_ms - snapshot->taken_at_ms;
    units_duration_ms(is_over ? snapshot->taken_at_ms - ends_at_ms : left_ms, left);
    add(verdicts, LOG_VERDICT_CERTIFICATE,
        left_ms < certificate_critical_ms ? VERDICT_CRITICAL : VERDICT_WARNING,
        is_over ? "%s ended %s ago: no agency connects" : "%s ends in %s", what, left);
}

static void judge_certificates(const struct snapshot *snapshot, const struct verdict_limits *limits,
                               struct verdicts *verdicts)
{
    const struct snapshot_tls *tls = &snapshot->tls;
    if (strcmp(tls->mode, "on") == 0) {
        judge_end(snapshot, limits, "the server's certificate", tls->certificate_expires_at_ms,
                  verdicts);
        judge_end(snapshot, limits, "an authority of the agencies", tls->ca_expires_at_ms,
                  verdicts);
        judge_end(snapshot, limits, "the revocation list", tls->crl_expires_at_ms, verdicts);
    }
}

static void judge_draw(const struct snapshot *snapshot, struct verdicts *verdicts)
{
    if (strcmp(snapshot->draw.state, control_state_name(CONTROL_SEALED)) == 0 &&
        strcmp(snapshot->draw.number_by, control_number_source_name(NUMBER_BY_COMMAND)) == 0 &&
        snapshot->centres.state[0] == '\0') {
        add(verdicts, LOG_VERDICT_NUMBER_AWAITED, VERDICT_NOTE,
            "the draw %s is sealed and waits for its number", snapshot->draw.name);
    }
    if (snapshot->confinement.user == 0) {
        add(verdicts, LOG_VERDICT_ROOT, VERDICT_NOTE, "the server runs as root");
    }
}

void verdicts_of_server(const struct snapshot *snapshot, const struct verdict_rate *rate,
                        const struct verdict_limits *limits, struct verdicts *verdicts)
{
    verdicts->count = 0;
    judge_readiness(snapshot, verdicts);
    judge_disk(snapshot, rate, limits, verdicts);
    judge_agencies(snapshot, limits, verdicts);
    judge_counts(snapshot, verdicts);
    judge_replica(snapshot, verdicts);
    judge_centres(snapshot, verdicts);
    judge_certificates(snapshot, limits, verdicts);
    judge_draw(snapshot, verdicts);
    sort(verdicts);
}

static uint64_t age_at(uint64_t now_ms, int64_t moment_ms)
{
    return moment_ms > 0 && (uint64_t)moment_ms < now_ms ? now_ms - (uint64_t)moment_ms : 0;
}

void verdicts_of_standby(const struct replication_state *state, uint64_t now_ms,
                         struct verdicts *verdicts)
{
    char text[UNITS_TEXT_BYTES];
    uint64_t age_ms = age_at(now_ms, state->written_at_ms);
    uint64_t heard_ms = age_at(now_ms, state->heard_at_ms);
    verdicts->count = 0;
    if (age_ms > standby_late_ms) {
        units_duration_ms(age_ms, text);
        add(verdicts, LOG_VERDICT_STANDBY, VERDICT_CRITICAL,
            "the standby's shipper has said nothing for %s", text);
    } else if (state->why[0] != '\0') {
        add(verdicts, LOG_VERDICT_STANDBY, VERDICT_CRITICAL, "the standby does not go on: %s",
            state->why);
    } else if (!state->connected) {
        add(verdicts, LOG_VERDICT_STANDBY, VERDICT_CRITICAL,
            "the standby is not connected to the engine, and takes nothing over");
    } else if (following_lag_bytes(state) > standby_lag_bytes) {
        units_bytes((double)following_lag_bytes(state), text);
        add(verdicts, LOG_VERDICT_STANDBY, VERDICT_WARNING,
            "the standby lacks %s of its primary's bets", text);
    } else if (heard_ms > standby_late_ms) {
        units_duration_ms(heard_ms, text);
        add(verdicts, LOG_VERDICT_STANDBY, VERDICT_WARNING,
            "the standby has not heard its primary for %s", text);
    }
}

void verdicts_of_answer(enum target_answer answer, const char *reason, struct verdicts *verdicts)
{
    verdicts->count = 0;
    switch (answer) {
    case TARGET_ABSENT:
        add(verdicts, LOG_VERDICT_NO_SERVER, VERDICT_CRITICAL, "%s", reason);
        break;
    case TARGET_STARTING:
        add(verdicts, LOG_VERDICT_STARTING, VERDICT_WARNING, "%s", reason);
        break;
    case TARGET_OTHER_VERSION:
    case TARGET_FAILED:
        add(verdicts, LOG_VERDICT_NOT_SEEN, VERDICT_UNKNOWN, "%s", reason);
        break;
    case TARGET_FOUND:
    case TARGET_STANDBY:
        break;
    }
}

/* ---------------------------------------------------------------- printing ---- */

enum verdict_severity verdicts_worst(const struct verdicts *verdicts)
{
    return verdicts->count == 0 ? VERDICT_NOTE : verdicts->items[0].severity;
}

const char *verdict_severity_name(enum verdict_severity severity)
{
    static const char *const names[VERDICT_SEVERITIES] = {[VERDICT_NOTE] = "note",
                                                          [VERDICT_WARNING] = "warning",
                                                          [VERDICT_CRITICAL] = "critical",
                                                          [VERDICT_UNKNOWN] = "unknown"};
    return names[severity];
}

void verdict_write_id(const struct verdict *verdict, char id[VERDICT_ID_BYTES])
{
    (void)snprintf(id, VERDICT_ID_BYTES, "LT-%04d", (int)verdict->number);
}

void verdicts_print_json(FILE *file, const struct verdicts *verdicts)
{
    fputc('[', file);
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *verdict = &verdicts->items[i];
        char id[VERDICT_ID_BYTES];
        verdict_write_id(verdict, id);
        fprintf(file,
                "%s\n    {\"id\": \"%s\", \"severity\": \"%s\", \"text\": ", i == 0 ? "" : ",", id,
                verdict_severity_name(verdict->severity));
        json_print_string(file, verdict->text);
        fputs(", \"hint\": ", file);
        json_print_string(file, verdict->hint);
        fputc('}', file);
    }
    fputs(verdicts->count > 0 ? "\n  ]" : "]", file);
}
