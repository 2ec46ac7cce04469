/*
 * main.c - lottery-stat: shows what the server's processes share.
 *
 * Reads the options and the server's configuration, looks at the server once
 * (or, with --watch, again and again) and prints. It only reads: the server
 * does not notice, and if it dies nothing has to be mended. Exit status: below.
 */
#include "lib/file_size_limit.h"
#include "lib/standard_streams.h"
#include "server/server_config.h"
#include "stat/explain.h"
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
    (void)fprintf(stderr, OPTIONS_PROGRAM ": %s\n", failure->text);
    return status;
}

static int status_of(enum target_answer answer)
{
    static const int statuses[] = {
        [TARGET_FOUND] = EXIT_SUCCESS,     [TARGET_ABSENT] = EXIT_NO_SERVER,
        [TARGET_STARTING] = EXIT_STARTING, [TARGET_OTHER_VERSION] = EXIT_OTHER_VERSION,
        [TARGET_FAILED] = EXIT_FAILURE,
    };
    return statuses[answer];
}

static unsigned window_columns(void)
{
    struct winsize window;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

static void print(enum options_output output, const struct snapshot *snapshot)
{
    const struct table_view view = {.columns = window_columns()};
    if (output == OUTPUT_JSON) {
        json_print(stdout, snapshot);
    } else if (output == OUTPUT_PROMETHEUS) {
        prometheus_print(stdout, snapshot);
    } else {
        table_print(stdout, snapshot, &view);
    }
}

/* A full disk, or a reader that has gone, is told at the end at the latest. */
static int end_output(void)
{
    struct failure failure;
    if (ferror(stdout) == 0 && fflush(stdout) == 0) {
        return EXIT_SUCCESS;
    }
    (void)failure_set_errno(&failure, "write to the standard output");
    return complain(&failure, EXIT_FAILURE);
}

static int show(const struct options *options, const struct segment *segment)
{
    struct snapshot snapshot;
    struct failure failure;
    if (!snapshot_take(segment, &snapshot, &failure)) {
        snapshot_free(&snapshot);
        return complain(&failure, EXIT_FAILURE);
    }
    print(options->output, &snapshot);
    snapshot_free(&snapshot);
    return end_output();
}

static int tell_ready(const struct segment *segment)
{
    struct failure failure;
    return readiness_judge(segment, &failure) ? EXIT_SUCCESS : complain(&failure, EXIT_NOT_SERVING);
}

static int watch(const struct options *options, const char *directory)
{
    struct failure failure;
    return watch_run(directory, options->interval_ms, &failure) ? EXIT_SUCCESS
                                                                : complain(&failure, EXIT_FAILURE);
}

static int look_once(const struct options *options, const char *directory)
{
    struct segment segment;
    struct failure failure;
    enum target_answer answer = target_attach(directory, &segment, &failure);
    if (answer != TARGET_FOUND) {
        return complain(&failure, status_of(answer));
    }
    int status = options->output == OUTPUT_READY ? tell_ready(&segment) : show(options, &segment);
    segment_unmap(&segment);
    return status;
}

/* What was asked for that needs the configuration. */
static int run(const struct options *options)
{
    struct server_config config;
    struct failure failure;
    if (!server_config_load(options->file, &config, &failure)) {
        return complain(&failure, EXIT_FAILURE);
    }
    if (options->only_check) {
        (void)puts(OPTIONS_PROGRAM ": configuration ok");
        return end_output();
    }
    return options->output == OUTPUT_WATCH ? watch(options, config.data_directory)
                                           : look_once(options, config.data_directory);
}

int main(int argc, char **argv)
{
    struct options options;
    struct failure failure;
    file_size_limit_as_error();
    if (!standard_streams_open(&failure)) {
        return complain(&failure, EXIT_FAILURE);
    }
    enum options_end end = options_read(argc, argv, &options);
    if (end != OPTIONS_GO_ON) {
        return end == OPTIONS_WRONG ? EXIT_USAGE : end_output();
    }
    if (options.output == OUTPUT_EXPLAIN) {
        explain_print(stdout);
        return end_output();
    }
    return run(&options);
}
