/*
 * check.c - see check.h.
 */
#include "stat/check.h"

#include "lib/clock.h"
#include "stat/following.h"
#include "stat/target.h"
#include "stat/units.h"

#include <inttypes.h>
#include <string.h>

/* A note is no trouble of a plugin. */
static int status_of(enum verdict_severity severity)
{
    return (int)severity;
}

static const char *status_name(enum verdict_severity severity)
{
    static const char *const names[VERDICT_SEVERITIES] = {[VERDICT_NOTE] = "OK",
                                                          [VERDICT_WARNING] = "WARNING",
                                                          [VERDICT_CRITICAL] = "CRITICAL",
                                                          [VERDICT_UNKNOWN] = "UNKNOWN"};
    return names[severity];
}

/* "|" would begin the figures. */
static void print_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc(*text == '|' ? '/' : *text, file);
    }
}

/* What is wrong, the worst first; `well` where nothing is. Notes are left out where something is. */
static void print_verdicts(FILE *file, const struct verdicts *verdicts, const char *well)
{
    enum verdict_severity worst = verdicts_worst(verdicts);
    fprintf(file, "LOTTERY %s - ", status_name(worst));
    if (worst == VERDICT_NOTE) {
        print_text(file, well);
    }
    for (size_t i = 0; i < verdicts->count; i++) {
        const struct verdict *verdict = &verdicts->items[i];
        char id[VERDICT_ID_BYTES];
        if (verdict->severity == VERDICT_NOTE && worst != VERDICT_NOTE) {
            continue;
        }
        verdict_write_id(verdict, id);
        fputs(i > 0 || worst == VERDICT_NOTE ? "; " : "", file);
        print_text(file, verdict->text);
        fprintf(file, " [%s]", id);
    }
}

static void print_figure(FILE *file, const char *label, uint64_t value, const char *unit)
{
    if (value != SNAPSHOT_UNKNOWN) {
        fprintf(file, " %s=%" PRIu64 "%s", label, value, unit);
    }
}

static void print_seconds(FILE *file, const char *label, uint64_t duration_ns)
{
    static const double ns_per_second = 1e9;
    if (duration_ns != SNAPSHOT_UNKNOWN) {
        fprintf(file, " %s=%.6fs", label, (double)duration_ns / ns_per_second);
    }
}

/* Labels and units as the guidelines have them: c for what only grows, B for bytes. */
static void print_figures(FILE *file, const struct snapshot *snapshot)
{
    fputs(" |", file);
    print_figure(file, "bets", snapshot->server.bets, "c");
    print_figure(file, "connections", snapshot->server.connections_open, "");
    print_figure(file, "agencies_done", snapshot->draw.done, "");
    print_figure(file, "agencies_expected", snapshot->draw.expected, "");
    print_figure(file, "disk_free", snapshot->disk.free_bytes, "B");
    print_figure(file, "unsynced", snapshot->ring.unsynced, "B");
    print_figure(file, "replica_lag", snapshot->replica.lag, "B");
    print_seconds(file, "ack_mean", snapshot->times.ack_mean_ns);
    print_seconds(file, "sync_mean", snapshot->storer.sync_mean_ns);
}

static void write_well(const struct snapshot *snapshot, char text[VERDICT_TEXT_BYTES])
{
    char bets[UNITS_TEXT_BYTES];
    units_count(snapshot->server.bets, bets);
    (void)snprintf(text, VERDICT_TEXT_BYTES,
                   "draw %s %s, %s bets, %" PRIu64 " of %" PRIu64 " agencies done",
                   snapshot->draw.name, snapshot->draw.state, bets, snapshot->draw.done,
                   snapshot->draw.expected);
}

static int check_server(FILE *file, const struct target *target,
                        const struct verdict_limits *limits)
{
    struct snapshot snapshot;
    struct verdicts verdicts;
    struct failure failure;
    char well[VERDICT_TEXT_BYTES];
    if (!target_take_snapshot(target, &snapshot, &failure)) {
        snapshot_free(&snapshot);
        return check_print_unknown(file, failure.text);
    }
    verdicts_of_server(&snapshot, NULL, limits, &verdicts);
    write_well(&snapshot, well);
    print_verdicts(file, &verdicts, well);
    print_figures(file, &snapshot);
    fputc('\n', file);
    snapshot_free(&snapshot);
    return status_of(verdicts_worst(&verdicts));
}

static int check_standby(FILE *file, const struct replication_state *state)
{
    struct verdicts verdicts;
    char words[FOLLOWING_WORDS_BYTES];
    char well[VERDICT_TEXT_BYTES];
    verdicts_of_standby(state, (uint64_t)clock_wall_ms(), &verdicts);
    following_write_words(state, words);
    (void)snprintf(well, sizeof well, "standby: %s", words);
    print_verdicts(file, &verdicts, well);
    fputs(" |", file);
    print_figure(file, "standby_lag", following_lag_bytes(state), "B");
    fputc('\n', file);
    return status_of(verdicts_worst(&verdicts));
}

int check_print(FILE *file, const char *directory, const struct verdict_limits *limits)
{
    struct target target;
    struct verdicts verdicts;
    struct failure reason;
    enum target_answer answer = target_attach(directory, &target, &reason);
    if (answer == TARGET_FOUND) {
        int status = check_server(file, &target, limits);
        target_leave(&target);
        return status;
    }
    if (answer == TARGET_STANDBY) {
        return check_standby(file, &target.replication);
    }
    verdicts_of_answer(answer, reason.text, &verdicts);
    print_verdicts(file, &verdicts, "");
    fputc('\n', file);
    return status_of(verdicts_worst(&verdicts));
}

int check_print_unknown(FILE *file, const char *reason)
{
    fputs("LOTTERY UNKNOWN - ", file);
    print_text(file, reason);
    fputc('\n', file);
    return status_of(VERDICT_UNKNOWN);
}

bool check_is_asked_for(int argc, char *const *argv)
{
    bool is_asked = false;
    for (int i = 1; i < argc; i++) {
        is_asked = is_asked || strcmp(argv[i], "--check") == 0;
    }
    return is_asked;
}
