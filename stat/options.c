/*
 * options.c - see options.h.
 */
#include "stat/options.h"

#include "lib/decimal.h"
#include "shm/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An option that chooses an output has the id OPTION_OUTPUT plus the output's number. */
enum {
    OPTION_INTERVAL = PROGRAM_LONG_ONLY,
    OPTION_HANDLERS,
    OPTION_WARNING_DISK,
    OPTION_CRITICAL_DISK,
    OPTION_SILENT,
    OPTION_CLOSING,
    OPTION_CERTIFICATE,
    OPTION_OUTPUT /* the last one */
};

static const struct program_option program_options[] = {
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the server's configuration; without it ./config.yaml where there is one. Its "
                "data.directory (or DATA_DIRECTORY) tells which server"},
    {.id = OPTION_OUTPUT + OUTPUT_WATCH,
     .name = "watch",
     .meaning = "like top: show it again and again, with rates; q or ^C ends it"},
    {.id = OPTION_INTERVAL,
     .name = "interval",
     .argument = "SECONDS",
     .meaning = "of --watch, 0.1 to 3600; 1 without it"},
    {.id = OPTION_OUTPUT + OUTPUT_JSON, .name = "json", .meaning = "for programs"},
    {.id = OPTION_OUTPUT + OUTPUT_PROMETHEUS,
     .name = "prometheus",
     .meaning = "as exposition text, format 0.0.4; lottery_up 0 where there is no server"},
    {.id = OPTION_HANDLERS,
     .name = "handlers",
     .meaning = "with --prometheus: series of each handler, too, which end with its connection"},
    {.id = OPTION_OUTPUT + OUTPUT_READY,
     .name = "ready",
     .meaning = "the exit status tells whether a connection would be served and acknowledged now; "
                "the reason why not is said on standard error"},
    {.id = OPTION_OUTPUT + OUTPUT_CHECK,
     .name = "check",
     .meaning = "one line and a status, as a monitoring plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 "
                "UNKNOWN. What needs a look has an id, which docs/runbook.md explains"},
    {.id = OPTION_WARNING_DISK,
     .name = "warning-disk",
     .argument = "MINUTES",
     .meaning = "with --check: WARNING where the disk is full within that; 240 without it"},
    {.id = OPTION_CRITICAL_DISK,
     .name = "critical-disk",
     .argument = "MINUTES",
     .meaning = "with --check: CRITICAL where the disk is full within that; 30 without it"},
    {.id = OPTION_SILENT,
     .name = "silent",
     .argument = "MINUTES",
     .meaning =
         "with --check: WARNING where an agency that is not done has said nothing for so long, "
         "or has not connected so long after the start; 30 without it"},
    {.id = OPTION_CLOSING,
     .name = "closing",
     .argument = "MINUTES",
     .meaning =
         "with --check: CRITICAL where sales end within that and an agency never connected; 60 "
         "without it"},
    {.id = OPTION_CERTIFICATE,
     .name = "certificate",
     .argument = "DAYS",
     .meaning =
         "with --check: WARNING where a certificate or a revocation list ends within that; 30 "
         "without it"},
    {.id = OPTION_OUTPUT + OUTPUT_EXPLAIN, .name = "explain", .meaning = "explain every figure"},
    {.id = 't', .name = "test", .meaning = "test the configuration and stop"},
};

const struct program_manual options_manual = {
    .name = "lottery-stat",
    .purpose = "Shows what is inside the national lottery's central server. It only reads, and "
               "takes no lock.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .statuses =
        {
            {EXIT_SUCCESS, "it was shown; --ready: the server is ready; --check: OK"},
            {EXIT_FAILURE, "something failed: access, output; --check: WARNING"},
            {PROGRAM_EXIT_USAGE, "it was called wrongly; --check: CRITICAL"},
            {EXIT_NO_SERVER, "no server: none was started on this data directory, or it has ended; "
                             "--check: UNKNOWN, of whatever kind"},
            {EXIT_STARTING, "the server is starting"},
            {EXIT_OTHER_VERSION, "the server is of another version: use its own lottery-stat"},
            {EXIT_NOT_SERVING, "--ready: it is stopping, or would not serve and acknowledge now"},
            {PROGRAM_EXIT_CONFIG, "the server's configuration is wrong"},
        },
    .formats = {{"segment", SHARED_LAYOUT_VERSION}},
    .description = {"Shows the ring, every agency, every handler and what it waits for, the storer "
                    "and its syncs, and every kind of death. --explain explains all of it.",
                    "It may be called by the server's user, and by members of data.group."},
    .examples = {{"lottery-stat -c server.yaml --watch", "look on"},
                 {"lottery-stat -c server.yaml --ready && echo ready",
                  "wait for no server, ask whether there is one"},
                 {"lottery-stat -c server.yaml --check --silent 15",
                  "what Nagios or Icinga calls"}},
};

bool options_parse_interval(const char *text, uint64_t *interval_ms)
{
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(seconds)) {
        return false;
    }
    double milliseconds = seconds * 1000.0;
    if (milliseconds < INTERVAL_MIN_MS || milliseconds > INTERVAL_MAX_MS) {
        return false;
    }
    *interval_ms = (uint64_t)(milliseconds + 0.5);
    return true;
}

/* Reads a threshold of --check, a whole number from 1 on, into milliseconds. */
static enum program_reading take_threshold(const char *option, const char *argument,
                                           uint64_t unit_ms, uint64_t *limit_ms)
{
    enum { THRESHOLD_MAX = 1000000 };
    uint64_t count = 0;
    if (!decimal_parse(argument, strlen(argument), &count) || count == 0 || count > THRESHOLD_MAX) {
        return program_misused(&options_manual, "%s %s: not a whole number from 1 to %d", option,
                               argument, THRESHOLD_MAX);
    }
    *limit_ms = count * unit_ms;
    return PROGRAM_GO_ON;
}

static enum program_reading take_limit(int id, const char *argument, struct options *options)
{
    static const uint64_t minute_ms = UINT64_C(60) * 1000, day_ms = UINT64_C(24) * 60 * 60 * 1000;
    struct verdict_limits *limits = &options->limits;
    options->has_limits = true;
    switch (id) {
    case OPTION_WARNING_DISK:
        return take_threshold("--warning-disk", argument, minute_ms, &limits->disk_warning_ms);
    case OPTION_CRITICAL_DISK:
        return take_threshold("--critical-disk", argument, minute_ms, &limits->disk_critical_ms);
    case OPTION_SILENT:
        return take_threshold("--silent", argument, minute_ms, &limits->silent_ms);
    case OPTION_CLOSING:
        return take_threshold("--closing", argument, minute_ms, &limits->closing_ms);
    default: /* OPTION_CERTIFICATE */
        return take_threshold("--certificate", argument, day_ms, &limits->certificate_ms);
    }
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    enum options_output output = OUTPUT_TABLE;
    switch (id) {
    case 'c':
        options->file = argument;
        return PROGRAM_GO_ON;
    case 't':
        options->only_check = true;
        return PROGRAM_GO_ON;
    case OPTION_INTERVAL:
        return options_parse_interval(argument, &options->interval_ms)
                   ? PROGRAM_GO_ON
                   : program_misused(&options_manual,
                                     "--interval %s: not a number of seconds from 0.1 to 3600",
                                     argument);
    case OPTION_HANDLERS:
        options->with_handlers = true;
        return PROGRAM_GO_ON;
    case OPTION_WARNING_DISK:
    case OPTION_CRITICAL_DISK:
    case OPTION_SILENT:
    case OPTION_CLOSING:
    case OPTION_CERTIFICATE:
        return take_limit(id, argument, options);
    default:
        output = (enum options_output)(id - OPTION_OUTPUT);
        if (options->output != OUTPUT_TABLE && options->output != output) {
            return program_misused(&options_manual, "--watch, --json, --prometheus, --ready, "
                                                    "--check, --explain: one of them only");
        }
        options->output = output;
        return PROGRAM_GO_ON;
    }
}

enum program_reading options_read(int argc, char **argv, struct options *options)
{
    *options = (struct options){.output = OUTPUT_TABLE, .limits = verdict_default_limits};
    enum program_reading reading =
        program_read_options(&options_manual, argc, argv, take_option, options);
    if (reading != PROGRAM_GO_ON) {
        return reading;
    }
    if (options->interval_ms != 0 && options->output != OUTPUT_WATCH) {
        return program_misused(&options_manual, "--interval is of --watch only");
    }
    if (options->with_handlers && options->output != OUTPUT_PROMETHEUS) {
        return program_misused(&options_manual, "--handlers is of --prometheus only");
    }
    if (options->has_limits && options->output != OUTPUT_CHECK) {
        return program_misused(&options_manual,
                               "--warning-disk, --critical-disk, --silent, --closing, "
                               "--certificate are of --check only");
    }
    options->interval_ms = options->interval_ms == 0 ? INTERVAL_DEFAULT_MS : options->interval_ms;
    return PROGRAM_GO_ON;
}
