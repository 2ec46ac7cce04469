/*
 * main.c - lottery-server: the centre.
 *
 * Reads the options and the configuration and hands over to the supervisor.
 * The supervisor's process ends here; its children end where they have become what they
 * are (processes.h). Exit status: 0 after a graceful stop, 1 when something failed, 2
 * when it was called wrongly.
 */
#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "lib/process_title.h"
#include "lib/robust_mutex.h"
#include "lib/standard_streams.h"
#include "server/server_config.h"
#include "server/supervisor/supervisor.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM_NAME    "lottery-server"
#define PROGRAM_VERSION "1.0"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: " PROGRAM_NAME " [-c FILE] [-t] [-h] [-V]\n"
    "The national lottery's central server: stores bets, holds the draw, tells the winners.\n"
    "  -c FILE  the configuration; without it ./config.yaml where there is one\n"
    "  -t       check the configuration and stop\n"
    "  -h       print this and the keys of the configuration, and stop\n"
    "  -V       print the version and stop\n";

struct options {
    const char *file; /* NULL: the default */
    bool only_check;
};

enum options_end { OPTIONS_GO_ON, OPTIONS_ENOUGH, OPTIONS_WRONG };

static enum options_end wrong_usage(void)
{
    (void)fputs(usage, stderr);
    return OPTIONS_WRONG;
}

static enum options_end read_options(int argc, char **argv, struct options *options)
{
    int option = 0;
    while ((option = getopt(argc, argv, "c:thV")) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 't':
            options->only_check = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            config_print_help(&server_config_table, stdout);
            return OPTIONS_ENOUGH;
        case 'V':
            (void)puts(PROGRAM_NAME " " PROGRAM_VERSION);
            return OPTIONS_ENOUGH;
        default:
            return wrong_usage();
        }
    }
    return optind == argc ? OPTIONS_GO_ON : wrong_usage();
}

static void log_config(const struct server_config *config)
{
    char description[LOG_LINE_BYTES];
    config_describe(&server_config_table, config, description, sizeof description);
    log_info("action: config | result: success%s", description);
}

/* What is no error, but nobody can have meant. */
static void log_doubt(const struct server_config *config)
{
    struct failure doubt;
    if (!server_config_can_draw(config, &doubt)) {
        log_warning("action: config | result: in_progress | %s", doubt.text);
    }
}

/* The server works there as long as nobody is killed. */
static void log_emulation(void)
{
    if (!robust_mutex_works()) {
        log_warning("action: append_lock | result: in_progress | reason: this kernel has no robust "
                    "mutexes (user-mode emulation?), so a handler that is killed while it appends "
                    "blocks all others until the server is started again");
    }
}

static int complain(const struct failure *failure)
{
    (void)fprintf(stderr, PROGRAM_NAME ": %s\n", failure->text);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct server_config config;
    struct failure failure;
    process_title_open(argc, argv);
    file_size_limit_as_error();
    if (!standard_streams_open(&failure)) {
        return complain(&failure);
    }
    enum options_end end = read_options(argc, argv, &options);
    if (end != OPTIONS_GO_ON) {
        return end == OPTIONS_WRONG ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (!server_config_load(options.file, &config, &failure)) {
        return complain(&failure);
    }
    if (options.only_check) {
        log_doubt(&config);
        (void)puts(PROGRAM_NAME ": configuration ok");
        return EXIT_SUCCESS;
    }
    log_set_threshold((enum log_level)config.log_level);
    log_open();
    log_config(&config);
    log_doubt(&config);
    log_emulation();
    int status = supervisor_run(&config);
    log_close();
    return status;
}
