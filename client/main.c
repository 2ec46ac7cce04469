/*
 * main.c - lottery-agency: one agency of the lottery.
 *
 * Reads the options and the configuration, does the job (job.h), and turns
 * its end into an exit status: 0 when all of it worked or somebody asked it to
 * stop, 1 when something failed, 2 when it was called wrongly, 3 when what the server
 * has stored are not the bets of the file.
 */
#include "client/client_config.h"
#include "client/job.h"
#include "bet/bet.h"
#include "lib/file_size_limit.h"
#include "lib/log.h"
#include "lib/standard_streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_NAME    "lottery-agency"
#define PROGRAM_VERSION "1.0"

enum { EXIT_USAGE = 2, EXIT_OTHER_BETS = 3 };

static const char usage[] =
    "usage: " PROGRAM_NAME " [-c FILE] [-P LINES] [-t] [-h] [-V]\n"
    "Sends an agency's bets to the lottery's central server and asks for its winners.\n"
    "  -c FILE   the configuration; without it ./config.yaml where there is one\n"
    "  -P LINES  draw the progress bar so many lines above the cursor\n"
    "  -t        check the configuration and stop\n"
    "  -h        print this and the keys of the configuration, and stop\n"
    "  -V        print the version and stop\n"
    "Exit status: 0 told its winners, or stopped by SIGTERM or SIGINT; 1 failed, the last line\n"
    "says why; 2 called wrongly; 3 the file is not the one whose bets are stored.\n";

struct options {
    const char *file; /* NULL: the default */
    uint32_t progress_lines_up;
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
    while ((option = getopt(argc, argv, "c:P:thV")) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 'P':
            if (!bet_parse_uint32(optarg, strlen(optarg), &options->progress_lines_up)) {
                (void)fprintf(stderr, PROGRAM_NAME ": -P %s: not a number of lines\n", optarg);
                return OPTIONS_WRONG;
            }
            break;
        case 't':
            options->only_check = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            config_print_help(&client_config_table, stdout);
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

static void log_config(const struct client_config *config)
{
    char description[LOG_LINE_BYTES];
    config_describe(&client_config_table, config, description, sizeof description);
    log_info("action: config | result: success%s", description);
}

static int exit_status(enum job_step step)
{
    if (step == JOB_OTHER_BETS) {
        return EXIT_OTHER_BETS;
    }
    return step == JOB_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int do_job(struct job *job)
{
    int status = exit_status(job_run(job));
    job_close(job);
    log_info("action: agency_exit | result: %s", status == EXIT_SUCCESS ? "success" : "fail");
    log_close();
    return status;
}

static int complain(const struct failure *failure)
{
    (void)fprintf(stderr, PROGRAM_NAME ": %s\n", failure->text);
    return EXIT_FAILURE;
}

static int run(int argc, char **argv, struct interrupt *interrupt)
{
    struct options options = {0};
    struct client_config config;
    struct failure failure;
    struct job job;
    enum options_end end = read_options(argc, argv, &options);
    if (end != OPTIONS_GO_ON) {
        return end == OPTIONS_WRONG ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (!client_config_load(options.file, &config, &failure) || !job_check(&config, &failure)) {
        return complain(&failure);
    }
    if (options.only_check) {
        (void)puts(PROGRAM_NAME ": configuration ok");
        return EXIT_SUCCESS;
    }
    log_set_threshold((enum log_level)config.log_level);
    log_open();
    if (!job_open(&job, &config, interrupt, options.progress_lines_up, &failure)) {
        return complain(&failure);
    }
    log_config(&config);
    return do_job(&job);
}

int main(int argc, char **argv)
{
    struct interrupt interrupt;
    struct failure failure;
    file_size_limit_as_error();
    if (!standard_streams_open(&failure) || !interrupt_open(&interrupt, &failure)) {
        return complain(&failure);
    }
    int status = run(argc, argv, &interrupt);
    interrupt_close(&interrupt);
    return status;
}
