/*
 * options.c - see options.h.
 */
#include "stat/options.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "usage: " OPTIONS_PROGRAM " [-c FILE] [--watch [--interval SECONDS] | --json | --prometheus |\n"
    "                    --ready | --explain] [-t] [-h] [-V]\n"
    "Shows what is inside the national lottery's central server. It only reads, and takes\n"
    "no lock: the server does not notice.\n"
    "  -c, --config FILE   the server's configuration; without it ./config.yaml where there is\n"
    "                      one. Its data.directory (or DATA_DIRECTORY) tells which server\n"
    "      --watch         like top: show it again and again, with rates; q or ^C ends it\n"
    "      --interval SECONDS\n"
    "                      of --watch, 0.1 to 3600; 1 without it\n"
    "      --json          for programs\n"
    "      --prometheus    as exposition text, format 0.0.4\n"
    "      --ready         the exit status tells whether a connection would be served and\n"
    "                      acknowledged now; the reason why not is said on standard error\n"
    "      --explain       explain every figure\n"
    "  -t, --check         check the configuration and stop\n"
    "  -h, --help          print this and stop\n"
    "  -V, --version       print the version and stop\n"
    "Exit status:\n"
    "  0  it was shown; --ready: the server is ready\n"
    "  1  something failed: configuration, access, output\n"
    "  2  it was called wrongly\n"
    "  3  no server: none was started on this data directory, or it has ended or was killed\n"
    "  4  the server is starting\n"
    "  5  the server is of another version: use its own " OPTIONS_PROGRAM "\n"
    "  6  --ready: it is stopping, or a connection would not be served and acknowledged now\n";

/* What getopt_long returns for options that have no short form; of outputs, which one is added. */
enum { LONG_OUTPUT = 256, LONG_INTERVAL = 512 };

static const struct option long_options[] = {
    {"config", required_argument, NULL, 'c'},
    {"watch", no_argument, NULL, LONG_OUTPUT + OUTPUT_WATCH},
    {"interval", required_argument, NULL, LONG_INTERVAL},
    {"json", no_argument, NULL, LONG_OUTPUT + OUTPUT_JSON},
    {"prometheus", no_argument, NULL, LONG_OUTPUT + OUTPUT_PROMETHEUS},
    {"ready", no_argument, NULL, LONG_OUTPUT + OUTPUT_READY},
    {"explain", no_argument, NULL, LONG_OUTPUT + OUTPUT_EXPLAIN},
    {"check", no_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static enum options_end complain(const char *what)
{
    (void)fprintf(stderr, OPTIONS_PROGRAM ": %s\nTry '" OPTIONS_PROGRAM " --help'.\n", what);
    return OPTIONS_WRONG;
}

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

static enum options_end take_output(struct options *options, enum options_output output)
{
    if (options->output != OUTPUT_TABLE && options->output != output) {
        return complain("--watch, --json, --prometheus, --ready, --explain: one of them only");
    }
    options->output = output;
    return OPTIONS_GO_ON;
}

static enum options_end take_interval(struct options *options, const char *text)
{
    return options_parse_interval(text, &options->interval_ms)
               ? OPTIONS_GO_ON
               : complain("--interval: not a number of seconds from 0.1 to 3600");
}

static enum options_end take_option(int option, struct options *options)
{
    switch (option) {
    case 'c':
        options->file = optarg;
        return OPTIONS_GO_ON;
    case 't':
        options->only_check = true;
        return OPTIONS_GO_ON;
    case LONG_INTERVAL:
        return take_interval(options, optarg);
    case 'h':
        (void)fputs(usage, stdout);
        return OPTIONS_ENOUGH;
    case 'V':
        (void)puts(OPTIONS_PROGRAM " " OPTIONS_VERSION);
        return OPTIONS_ENOUGH;
    case '?':
        (void)fputs("Try '" OPTIONS_PROGRAM " --help'.\n", stderr);
        return OPTIONS_WRONG;
    default:
        return take_output(options, (enum options_output)(option - LONG_OUTPUT));
    }
}

enum options_end options_read(int argc, char **argv, struct options *options)
{
    *options = (struct options){.output = OUTPUT_TABLE};
    int option = 0;
    while ((option = getopt_long(argc, argv, "c:thV", long_options, NULL)) != -1) {
        enum options_end end = take_option(option, options);
        if (end != OPTIONS_GO_ON) {
            return end;
        }
    }
    if (optind != argc) {
        return complain("there are no arguments, only options");
    }
    if (options->interval_ms != 0 && options->output != OUTPUT_WATCH) {
        return complain("--interval is of --watch only");
    }
    options->interval_ms = options->interval_ms == 0 ? INTERVAL_DEFAULT_MS : options->interval_ms;
    return OPTIONS_GO_ON;
}
