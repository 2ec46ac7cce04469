/*
 * main.c - lottery-stat: shows what the server's processes share.
 *
 * Reads the options and the server's configuration, finds the server's shared memory (target.h),
 * and prints what it holds: once, or with --watch again and again. The program only reads and takes
 * no lock, so the server does not notice it. If the program dies, nothing remains of it.
 * options.h has the exit statuses.
 */
#include "lib/log_output.h"
#include "server/server_config.h"
#include "stat/check.h"
#include "stat/explain.h"
#include "stat/following.h"
#include "stat/json.h"
#include "stat/options.h"
#include "stat/prometheus.h"
#include "stat/readiness.h"
#include "stat/table.h"
#include "stat/target.h"
#include "stat/watch.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int complain(const struct failure *failure, int status)
{
    return program_complain(&options_manual, status, "%s", failure->text);
}

static int show(const struct options *options, const struct target *target)
{
    struct snapshot snapshot;
    struct failure failure;
    if (!target_take_snapshot(target, &snapshot, &failure)) {
        snapshot_free(&snapshot);
        return complain(&failure, EXIT_FAILURE);
    }
    struct verdicts verdicts;
    verdicts_of_server(&snapshot, NULL, &options->limits, &verdicts);
    if (options->output == OUTPUT_JSON) {
        json_print(stdout, &snapshot, &verdicts);
    } else if (options->output == OUTPUT_PROMETHEUS) {
        prometheus_print_up(stdout, true);
        prometheus_print(stdout, &snapshot,
                         options->with_handlers ? PROMETHEUS_HANDLERS : PROMETHEUS_BOUNDED);
    } else {
        struct winsize window;
        bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0;
        table_print(stdout, &snapshot,
                    &(struct table_view){.columns = known ? window.ws_col : 0,
                                         .verdicts = &verdicts,
                                         .colored = log_output_takes_colours(STDOUT_FILENO)});
    }
    snapshot_free(&snapshot);
    return program_finish_output(&options_manual);
}

static int show_standby(const struct options *options, const struct replication_state *state)
{
    if (options->output == OUTPUT_JSON) {
        following_print_json(stdout, state);
    } else if (options->output == OUTPUT_PROMETHEUS) {
        prometheus_print_up(stdout, false);
        following_print_metrics(stdout, state);
    } else {
        following_print(stdout, state);
    }
    return program_finish_output(&options_manual);
}

static int check(const struct options *options, const char *directory)
{
    int status = check_print(stdout, directory, &options->limits);
    return program_finish_output(&options_manual) == EXIT_SUCCESS ? status : VERDICT_UNKNOWN;
}

static int look_once(const struct options *options, const char *directory)
{
    static const int statuses[] = {
        [TARGET_FOUND] = EXIT_SUCCESS,       [TARGET_ABSENT] = EXIT_NO_SERVER,
        [TARGET_STARTING] = EXIT_STARTING,   [TARGET_OTHER_VERSION] = EXIT_OTHER_VERSION,
        [TARGET_STANDBY] = EXIT_NOT_SERVING, [TARGET_FAILED] = EXIT_FAILURE,
    };
    struct target target;
    struct failure failure;
    enum target_answer answer = target_attach(directory, &target, &failure);
    if (answer == TARGET_STANDBY && options->output != OUTPUT_READY) {
        return show_standby(options, &target.replication);
    }
    if (answer != TARGET_FOUND) {
        /* Whoever writes this into a file for Prometheus has to see the 0 there. */
        if (options->output == OUTPUT_PROMETHEUS) {
            prometheus_print_up(stdout, false);
            (void)program_finish_output(&options_manual);
        }
        return complain(&failure, statuses[answer]);
    }
    int status = EXIT_SUCCESS;
    if (options->output != OUTPUT_READY) {
        status = show(options, &target);
    } else if (!readiness_judge(&target.segment, &failure)) {
        status = complain(&failure, EXIT_NOT_SERVING);
    }
    target_leave(&target);
    return status;
}

/* Carries out what was asked for, as far as it needs the configuration. Returns the exit status. */
static int run(const struct options *options)
{
    struct program_complaints complaints = {.manual = &options_manual};
    bool judges = options->output == OUTPUT_CHECK; /* whose one line tells the first mistake */
    const struct config_request request = {
        .file = options->file, .tell = judges ? NULL : program_complain_of, .context = &complaints};
    struct server_config config;
    struct failure failure;
    if (!server_config_load(&request, &config, &failure)) {
        return judges ? check_print_unknown(stdout, failure.text) : PROGRAM_EXIT_CONFIG;
    }
    if (options->only_check) {
        program_tell_config_ok(&options_manual, options->file);
        return program_finish_output(&options_manual);
    }
    if (judges) {
        return check(options, config.data_directory);
    }
    if (options->output != OUTPUT_WATCH) {
        return look_once(options, config.data_directory);
    }
    return watch_run(config.data_directory, options->interval_ms, &failure)
               ? EXIT_SUCCESS
               : complain(&failure, EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    struct options options;
    if (!program_begin(&options_manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = options_read(argc, argv, &options);
    if (reading != PROGRAM_GO_ON) {
        /* A plugin that is called wrongly is UNKNOWN, and not CRITICAL. */
        return reading == PROGRAM_WRONG && check_is_asked_for(argc, argv)
                   ? VERDICT_UNKNOWN
                   : program_exit_status(&options_manual, reading);
    }
    if (options.output == OUTPUT_EXPLAIN) {
        explain_print(stdout);
        return program_finish_output(&options_manual);
    }
    return run(&options);
}
