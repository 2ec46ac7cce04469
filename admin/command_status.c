/*
 * command_status.c - `lottery-admin status`: the current draw, who is missing, what comes next.
 *
 * A running server is looked at as lottery-stat does it, without asking it; of a stopped one the
 * files are counted, from their checkpoint on. Nothing is changed.
 */
#include "admin/census.h"
#include "admin/command.h"
#include "admin/draw_facts.h"
#include "admin/outlook.h"
#include "admin/place.h"
#include "bet/agency_set.h"
#include "lib/decimal.h"
#include "stat/following.h"
#include "stat/target.h"
#include "stat/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An agency that is not done, and of which nothing has come for longer, is told as silent. */
enum { SILENT_MS = 60 * 1000 };

/* How an operator sees an agency. */
enum group {
    GROUP_NEVER,
    GROUP_OPEN, /* of a stopped server: it was betting */
    GROUP_BETTING,
    GROUP_SILENT,
    GROUP_ASKED,
    GROUP_OUT,
    GROUP_DONE,
    GROUPS
};

static const struct {
    const char *name, *label;
} groups[GROUPS] = {
    [GROUP_NEVER] = {"never", "never came"},  [GROUP_OPEN] = {"open", "not done"},
    [GROUP_BETTING] = {"betting", "betting"}, [GROUP_SILENT] = {"silent", "silent"},
    [GROUP_ASKED] = {"asked", "saying done"}, [GROUP_OUT] = {"out", "closed out"},
    [GROUP_DONE] = {"done", "done"},
};

struct status {
    const char *directory;
    struct control control;
    struct snapshot snapshot;
    bool is_running;   /* the snapshot is of a server; else of its files */
    const char *found; /* what was found in place of a running server */
    bool is_standby;   /* one runs here */
    struct replication_state replication;
};

/* ---------------------------------------------------------------- looking ---- */

static void add_stored(struct snapshot_agency *stored, size_t *count, uint32_t id, uint64_t bets,
                       uint64_t bytes, bool done)
{
    struct snapshot_agency *agency = &stored[(*count)++];
    *agency = (struct snapshot_agency){
        .id = id, .bets = bets, .bytes = bytes, .seen_at_ms = SNAPSHOT_UNKNOWN};
    (void)snprintf(agency->phase, sizeof agency->phase, "%s",
                   snapshot_standing_name(done ? STANDING_DONE : STANDING_OPEN));
}

/* Makes the snapshot of what was counted: agencies with rows, and those that are done without. */
static bool take_census(const struct control *control, const struct census *census,
                        struct snapshot *snapshot, struct failure *failure)
{
    size_t count = 0;
    struct snapshot_agency *stored =
        calloc(census->agency_count + census->done_count + 1, sizeof *stored);
    if (stored == NULL) {
        return failure_set_errno(failure, "list %zu agencies", census->agency_count);
    }
    for (size_t i = 0; i < census->agency_count; i++) {
        const struct census_agency *agency = &census->agencies[i];
        add_stored(stored, &count, agency->agency, agency->bets, agency->bytes, agency->is_done);
    }
    for (size_t i = 0; i < census->done_count; i++) {
        if (census_find(census, census->done[i].agency) == NULL) {
            add_stored(stored, &count, census->done[i].agency, 0, 0, true);
        }
    }
    bool made = snapshot_of_files(control, stored, count, snapshot, failure);
    free(stored);
    return made;
}

/* The files of a draw that is being archived are not the current draw's, which has none. */
static bool count_files(const struct data_directory *directory, struct status *status,
                        struct failure *failure)
{
    struct census census = {0};
    const struct census_place place = {.directory = directory};
    if (status->control.archiving[0] == '\0' &&
        census_take(&place, status->control.identity, false, &census, failure) != CENSUS_TAKEN) {
        return false;
    }
    bool made = take_census(&status->control, &census, &status->snapshot, failure);
    census_close(&census);
    return made;
}

static bool look_at_files(struct status *status, struct failure *failure)
{
    struct data_directory directory;
    if (!place_open(status->directory, &directory, failure)) {
        return false;
    }
    bool looked = place_read_control(&directory, &status->control, failure) == CONTROL_READ &&
                  count_files(&directory, status, failure);
    place_close(&directory);
    return looked;
}

static bool look(struct status *status, struct failure *failure)
{
    struct target target;
    enum target_answer answer = target_attach(status->directory, &target, failure);
    if (answer != TARGET_FOUND) {
        status->is_standby = answer == TARGET_STANDBY;
        status->replication = target.replication;
        status->found = answer == TARGET_STANDBY         ? "standby"
                        : answer == TARGET_STARTING      ? "starting"
                        : answer == TARGET_OTHER_VERSION ? "of another version"
                                                         : "not running";
        return look_at_files(status, failure);
    }
    status->is_running = true;
    status->control = target.control;
    bool looked =
        target.has_control
            ? target_take_snapshot(&target, &status->snapshot, failure)
            : failure_set(failure, "%s/" DATA_CONTROL_FILE " can't be read", status->directory);
    target_leave(&target);
    return looked;
}

/* ---------------------------------------------------------------- judging ---- */

static bool is_connected(const struct snapshot *snapshot, uint64_t agency)
{
    for (size_t i = 0; i < snapshot->handler_count; i++) {
        if (snapshot->handlers[i].agency == agency) {
            return true;
        }
    }
    return false;
}

/* Milliseconds since its latest message; SNAPSHOT_UNKNOWN when this server has had none. */
static uint64_t silence_of(const struct snapshot *snapshot, const struct snapshot_agency *agency)
{
    return agency->seen_at_ms == SNAPSHOT_UNKNOWN ? SNAPSHOT_UNKNOWN
           : agency->seen_at_ms > snapshot->taken_at_ms
               ? 0
               : snapshot->taken_at_ms - agency->seen_at_ms;
}

static enum group group_of(const struct status *status, const struct snapshot_agency *agency)
{
    switch (snapshot_standing_of(agency)) {
    case STANDING_NEVER:
        return GROUP_NEVER;
    case STANDING_ASKED:
        return GROUP_ASKED;
    case STANDING_OUT:
        return GROUP_OUT;
    case STANDING_DONE:
        return GROUP_DONE;
    case STANDING_OPEN:
    case STANDING_UNKNOWN:
    case STANDINGS:
        break;
    }
    return !status->is_running || agency->missing == 0                   ? GROUP_OPEN
           : silence_of(&status->snapshot, agency) < (uint64_t)SILENT_MS ? GROUP_BETTING
                                                                         : GROUP_SILENT;
}

/* -------------------------------------------------------------- for people ---- */

/* "  silent         3,7-9 (for 60 s or more)", or how many where they are too many ranges. */
static void print_group(const struct status *status, enum group group)
{
    struct agency_set set = {0};
    char text[CONFIG_TEXT_BYTES];
    size_t count = 0;
    bool fits = true;
    for (size_t i = 0; i < status->snapshot.agency_count; i++) {
        const struct snapshot_agency *agency = &status->snapshot.agencies[i];
        if (group_of(status, agency) == group) {
            fits = fits && agency_set_add(&set, (uint32_t)agency->id);
            count++;
        }
    }
    if (count == 0) {
        return;
    }
    if (!fits || agency_set_write(&set, text, sizeof text) >= sizeof text) {
        (void)snprintf(text, sizeof text, "%zu agencies", count);
    }
    printf("  %-12s %s%s\n", groups[group].label, text,
           group == GROUP_SILENT ? " (nothing came for 60 s or longer)" : "");
}

static void print_for_people(const struct status *status)
{
    const struct snapshot_draw *draw = &status->snapshot.draw;
    const struct control *control = &status->control;
    char bets[DECIMAL_GROUPED_BYTES];
    char next[OUTLOOK_BYTES] = "it follows; lottery-admin promote has it take over";
    decimal_write_grouped(bets, status->snapshot.server.bets);
    if (!status->is_standby) {
        outlook_write(control, &status->snapshot, next);
    }
    printf("draw %s: %s\n", control->terms.draw, control_state_name(control->state));
    if (status->is_running) {
        printf("server: running, pid %" PRIu64 "\n", status->snapshot.server.pid);
    } else if (status->is_standby) {
        following_print(stdout, &status->replication);
    } else {
        printf("server: %s; this is what its files say\n", status->found);
    }
    if (control->archiving[0] != '\0') {
        printf("archive: the files of draw %s are being moved to draws/%s%s\n", control->archiving,
               control->archiving, status->is_running ? "" : "; a start completes that");
    }
    printf("bets: %s\n", bets);
    printf("agencies: %" PRIu64 " expected, %" PRIu64 " done\n", draw->expected, draw->done);
    for (enum group group = 0; group < GROUPS; group++) {
        print_group(status, group);
    }
    if (draw->unnamed > 0) {
        printf("  %-12s %" PRIu64 " not known by name\n", groups[GROUP_NEVER].label, draw->unnamed);
    }
    if (control->seal_sha256[0] != '\0') {
        printf("seal: %s\n", control->seal_sha256);
    }
    if (control->state == CONTROL_DRAWN) {
        char winners[DECIMAL_GROUPED_BYTES];
        decimal_write_grouped(winners, control->draw.winners);
        printf("number: %" PRIu32 ", winners: %s\n", control->terms.winning_number, winners);
    }
    printf("next: %s\n", next);
}

/* ------------------------------------------------------------ for programs ---- */

static void add_agency(struct members *members, const struct status *status,
                       const struct snapshot_agency *agency)
{
    uint64_t silence_ms = silence_of(&status->snapshot, agency);
    members_begin_object(members, NULL);
    members_add_number(members, "agency", agency->id);
    members_add_text(members, "state", groups[group_of(status, agency)].name);
    members_add_flag(members, "missing", agency->missing != 0);
    members_add_number(members, "bets", agency->bets);
    members_add_flag(members, "connected", is_connected(&status->snapshot, agency->id));
    if (silence_ms == SNAPSHOT_UNKNOWN) {
        members_add_null(members, "silent_ms");
    } else {
        members_add_number(members, "silent_ms", silence_ms);
    }
    members_end_object(members);
}

static void print_for_programs(const struct status *status)
{
    struct members members = {.file = stdout};
    char next[OUTLOOK_BYTES];
    const struct draw_facts facts = {.control = status->control,
                                     .bets = status->snapshot.server.bets};
    outlook_write(&status->control, &status->snapshot, next);
    members_begin_object(&members, NULL);
    members_add_text(&members, "directory", status->directory);
    members_add_flag(&members, "running", status->is_running);
    members_add_flag(&members, "standby", status->is_standby);
    if (status->is_standby) {
        members_add_text(&members, "follows", status->replication.writer);
        members_add_number(&members, "epoch", status->replication.epoch);
        members_add_number(&members, "lag_bytes", following_lag_bytes(&status->replication));
        members_add_flag(&members, "engine", status->replication.connected);
    }
    draw_facts_add(&members, &facts);
    members_add_known_text(&members, "archiving", status->control.archiving);
    members_add_number(&members, "agencies_done", status->snapshot.draw.done);
    members_add_number(&members, "agencies_unnamed", status->snapshot.draw.unnamed);
    members_begin_array(&members, "agencies");
    for (size_t i = 0; i < status->snapshot.agency_count; i++) {
        add_agency(&members, status, &status->snapshot.agencies[i]);
    }
    members_end_array(&members);
    members_add_text(&members, "next", next);
    members_end_object(&members);
    fputc('\n', stdout);
}

int command_status(const struct invocation *invocation, const struct server_config *config)
{
    struct status status = {.directory = config->data_directory};
    struct failure failure;
    if (!look(&status, &failure)) {
        snapshot_free(&status.snapshot);
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    if (command_option(invocation, OPTION_JSON) != NULL) {
        print_for_programs(&status);
    } else {
        print_for_people(&status);
    }
    snapshot_free(&status.snapshot);
    return program_finish_output(invocation->manual);
}
