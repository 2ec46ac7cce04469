/*
 * happenings.c - see happenings.h.
 */
#include "web/happenings.h"

#include "shm/heartbeat.h"
#include "stat/json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Counters whose growth is a happening, in the order in which such things follow each other. */
static const struct {
    const char *kind;
    size_t offset; /* of an uint64_t in the snapshot */
} growths[] = {
    {"handler_killed", offsetof(struct snapshot, deaths.handlers_killed)},
    {"handler_failed", offsetof(struct snapshot, deaths.handlers_failed)},
    {"handler_forbidden", offsetof(struct snapshot, deaths.handlers_forbidden)},
    {"storer_died", offsetof(struct snapshot, deaths.storer_deaths)},
    {"storer_forbidden", offsetof(struct snapshot, deaths.storers_forbidden)},
    {"lock_repaired", offsetof(struct snapshot, deaths.lock_recoveries)},
    {"storer_started", offsetof(struct snapshot, storer.restarts)},
    {"keyholder_died", offsetof(struct snapshot, keyholder.deaths)},
    {"shipper_died", offsetof(struct snapshot, replica.deaths)},
    {"log_lost", offsetof(struct snapshot, server.log_lines_lost)},
    {"agency_done", offsetof(struct snapshot, draw.done)},
};

void happenings_note(struct happenings *happenings, uint64_t at_ms, const char *kind,
                     uint64_t count, const char *detail)
{
    struct happening *happening = &happenings->newest[happenings->count % HAPPENINGS_KEPT];
    *happening = (struct happening){
        .number = ++happenings->count, .at_ms = at_ms, .count = count, .kind = kind};
    (void)snprintf(happening->detail, sizeof happening->detail, "%s", detail);
}

static uint64_t number_at(const struct snapshot *snapshot, size_t offset)
{
    uint64_t number = 0;
    memcpy(&number, (const char *)snapshot + offset, sizeof number);
    return number;
}

/* Notes that a state has begun, or has ended. */
static void note_turn(struct happenings *happenings, uint64_t at_ms, bool before, bool now,
                      const char *began, const char *ended)
{
    if (before != now) {
        happenings_note(happenings, at_ms, now ? began : ended, 1, "");
    }
}

static bool is_late(uint64_t beat_age_ms)
{
    return beat_age_ms != SNAPSHOT_UNKNOWN && beat_age_ms > HEARTBEAT_LATE_MS;
}

static bool is_same_server(const struct snapshot *one, const struct snapshot *other)
{
    return one->server.pid == other->server.pid &&
           one->server.started_at_ms == other->server.started_at_ms;
}

void happenings_compare(struct happenings *happenings, const struct snapshot *older,
                        const struct snapshot *newer)
{
    const uint64_t at_ms = newer->taken_at_ms;
    bool same_draw = strcmp(older->draw.name, newer->draw.name) == 0;
    if (!is_same_server(older, newer)) {
        happenings_note(happenings, at_ms, "server_replaced", 1, "");
        return;
    }
    for (size_t i = 0; i < sizeof growths / sizeof growths[0]; i++) {
        uint64_t before = number_at(older, growths[i].offset);
        uint64_t now = number_at(newer, growths[i].offset);
        if (now > before && now != SNAPSHOT_UNKNOWN) {
            happenings_note(happenings, at_ms, growths[i].kind, now - before, "");
        }
    }
    note_turn(happenings, at_ms, older->storer.no_room != 0, newer->storer.no_room != 0,
              "disk_full", "disk_has_room");
    note_turn(happenings, at_ms, is_late(older->server.beat_age_ms),
              is_late(newer->server.beat_age_ms), "supervisor_stands", "supervisor_goes_on");
    note_turn(happenings, at_ms, is_late(older->storer.beat_age_ms),
              is_late(newer->storer.beat_age_ms), "storer_stands", "storer_goes_on");
    if (!same_draw) {
        happenings_note(happenings, at_ms, "draw_opened", 1, newer->draw.name);
    } else if (strcmp(older->draw.state, newer->draw.state) != 0) {
        happenings_note(happenings, at_ms, "draw_state", 1, newer->draw.state);
    }
}

void happenings_print(FILE *file, const struct happenings *happenings, uint64_t limit)
{
    uint64_t kept = happenings->count < HAPPENINGS_KEPT ? happenings->count : HAPPENINGS_KEPT;
    kept = kept < limit ? kept : limit;
    fputc('[', file);
    for (uint64_t i = happenings->count - kept; i < happenings->count; i++) {
        const struct happening *happening = &happenings->newest[i % HAPPENINGS_KEPT];
        fprintf(file,
                "%s{\"number\": %" PRIu64 ", \"at_ms\": %" PRIu64 ", \"kind\": \"%s\", "
                "\"count\": %" PRIu64 ", \"detail\": ",
                i == happenings->count - kept ? "" : ", ", happening->number, happening->at_ms,
                happening->kind, happening->count);
        json_print_string(file, happening->detail);
        fputc('}', file);
    }
    fputc(']', file);
}
