/*
 * observer.c - see observer.h.
 */
#include "web/observer.h"

#include "lib/clock.h"
#include "lib/program.h"
#include "shm/slots.h"
#include "stat/following.h"
#include "stat/json.h"
#include "stat/prometheus.h"

#include <inttypes.h>
#include <string.h>

enum { NEWEST_SAMPLES = 2, NEWEST_HAPPENINGS = 16 };

static const char *const answer_names[] = {
    [TARGET_FOUND] = "found",
    [TARGET_ABSENT] = "absent",
    [TARGET_STARTING] = "starting",
    [TARGET_STANDBY] = "standby",
    [TARGET_OTHER_VERSION] = "other_version",
    [TARGET_FAILED] = "failed",
};

/* What has happened when an answer follows another one. */
static const char *const turn_names[] = {
    [TARGET_FOUND] = "server_found",
    [TARGET_ABSENT] = "server_gone",
    [TARGET_STARTING] = "server_starting",
    [TARGET_STANDBY] = "server_is_standby",
    [TARGET_OTHER_VERSION] = "server_of_other_version",
    [TARGET_FAILED] = "server_not_seen",
};

/* ---------------------------------------------------------------- looking ---- */

/* Takes a snapshot of the server, if there is one. */
static enum target_answer ask(const char *directory, struct snapshot *snapshot,
                              struct replication_state *replication, struct failure *reason)
{
    struct target target;
    enum target_answer answer = target_attach(directory, &target, reason);
    if (answer != TARGET_FOUND) {
        *replication =
            answer == TARGET_STANDBY ? target.replication : (struct replication_state){0};
        return answer;
    }
    bool taken = target_take_snapshot(&target, snapshot, reason);
    target_leave(&target);
    if (!taken) {
        snapshot_free(snapshot);
        return TARGET_FAILED;
    }
    reason->text[0] = '\0';
    return TARGET_FOUND;
}

/* Remembers what differs from the look before. */
static void remember(struct observer *observer, enum target_answer answer,
                     const struct snapshot *snapshot, uint64_t now_ms)
{
    bool is_first = observer->looks == 0;
    if (is_first || answer != observer->answer) {
        observer->since_ms = now_ms;
        happenings_note(&observer->happenings, now_ms, turn_names[answer], 1, "");
    } else if (answer == TARGET_FOUND) {
        happenings_compare(&observer->happenings, &observer->snapshot, snapshot);
    }
    history_look(&observer->history, answer == TARGET_FOUND ? snapshot : NULL, now_ms,
                 (uint64_t)clock_monotonic_ns());
}

void observer_look(struct observer *observer)
{
    struct snapshot snapshot = {0};
    enum target_answer answer =
        ask(observer->directory, &snapshot, &observer->replication, &observer->reason);
    remember(observer, answer, &snapshot, (uint64_t)clock_wall_ms());
    if (answer == TARGET_FOUND) {
        verdict_rate_note(&observer->rate, &snapshot);
    }
    snapshot_free(&observer->snapshot);
    observer->snapshot = snapshot;
    observer->answer = answer;
    observer->looks++;
    observer->looked_at_ms = clock_monotonic_ms();
}

void observer_look_if_older(struct observer *observer, int64_t age_ms)
{
    if (clock_monotonic_ms() - observer->looked_at_ms > age_ms) {
        observer_look(observer);
    }
}

void observer_open(struct observer *observer, const char *directory)
{
    *observer = (struct observer){.directory = directory};
    observer_look(observer);
}

void observer_close(struct observer *observer)
{
    snapshot_free(&observer->snapshot);
}

/* --------------------------------------------------------------- printing ---- */

/* How many handlers do what, also of those that are left out. */
static void print_activities(FILE *file, const struct snapshot *snapshot)
{
    const char *comma = "";
    fputc('{', file);
    for (enum slot_activity activity = SLOT_STARTING; activity < SLOT_ACTIVITIES; activity++) {
        const char *name = slot_activity_name(activity);
        uint64_t count = 0;
        for (size_t i = 0; i < snapshot->handler_count; i++) {
            count += strcmp(snapshot->handlers[i].activity, name) == 0 ? 1 : 0;
        }
        fprintf(file, "%s\"%s\": %" PRIu64, comma, name, count);
        comma = ", ";
    }
    fputc('}', file);
}

static void print_web(FILE *file, const struct observer *observer, enum observer_extent extent)
{
    bool all = extent == OBSERVER_ALL;
    fprintf(file,
            "\n  \"web\": {\"version\": \"" PROGRAM_VERSION "\", \"look\": %" PRIu64
            ", \"now_ms\": %" PRIu64 ", \"since_ms\": %" PRIu64 ", \"answer\": \"%s\", "
            "\"reason\": ",
            observer->looks, (uint64_t)clock_wall_ms(), observer->since_ms,
            answer_names[observer->answer]);
    json_print_string(file, observer->reason.text);
    fprintf(file, ", \"agencies\": %zu, \"handlers\": %zu, \"activities\": ",
            observer->snapshot.agency_count, observer->snapshot.handler_count);
    print_activities(file, &observer->snapshot);
    fputs(",\n  \"happenings\": ", file);
    happenings_print(file, &observer->happenings, all ? HAPPENINGS_KEPT : NEWEST_HAPPENINGS);
    fputs(",\n  \"history\": ", file);
    history_print(file, &observer->history, all ? HISTORY_SAMPLES : NEWEST_SAMPLES);
    fputc('}', file);
}

/* Where there is no server, it is the first member. */
static void print_needs_look(FILE *file, const struct verdicts *verdicts)
{
    fputs("\n  \"needs_look\": ", file);
    verdicts_print_json(file, verdicts);
    fputc(',', file);
}

static size_t at_most(size_t count, size_t limit)
{
    return count < limit ? count : limit;
}

void observer_print_json(FILE *file, const struct observer *observer, enum observer_extent extent)
{
    struct snapshot shown = observer->snapshot; /* its lists stay the observer's */
    if (extent == OBSERVER_NEWEST) {
        shown.agency_count = at_most(shown.agency_count, OBSERVER_ROWS_MAX);
        shown.handler_count = at_most(shown.handler_count, OBSERVER_ROWS_MAX);
    }
    fputc('{', file);
    struct verdicts verdicts;
    if (observer->answer == TARGET_FOUND) {
        verdicts_of_server(&observer->snapshot, &observer->rate, &verdict_default_limits,
                           &verdicts);
        json_print_members(file, &shown, &verdicts);
        fputc(',', file);
    } else if (observer->answer == TARGET_STANDBY) {
        verdicts_of_standby(&observer->replication, (uint64_t)clock_wall_ms(), &verdicts);
        print_needs_look(file, &verdicts);
    } else {
        verdicts_of_answer(observer->answer, observer->reason.text, &verdicts);
        print_needs_look(file, &verdicts);
    }
    print_web(file, observer, extent);
    fputs("\n}\n", file);
}

void observer_print_prometheus(FILE *file, const struct observer *observer)
{
    prometheus_print_up(file, observer->answer == TARGET_FOUND);
    if (observer->answer == TARGET_FOUND) {
        prometheus_print(file, &observer->snapshot, PROMETHEUS_BOUNDED);
    } else if (observer->answer == TARGET_STANDBY) {
        following_print_metrics(file, &observer->replication);
    }
}
