/*
 * main.c - lottery-agency: one agency of the lottery.
 *
 * Reads the options and the configuration, does the job (job.h), and turns
 * its end into an exit status: 0 when all of it worked or somebody asked it to
 * stop, 1 when something failed, 2 when it was called wrongly, 3 when the server has
 * stored other bets than those of the file, 4 when the draw is over without all of them, or is not
 * there, 5 when the agency and the server do not accept each other.
 */
#include "bet/bet.h"
#include "bet/message.h"
#include "client/client_config.h"
#include "client/credentials.h"
#include "client/job.h"
#include "lib/log.h"
#include "lib/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OTHER_BETS = 3, EXIT_OTHER_DRAW = 4, EXIT_UNTRUSTED = 5 };

struct options {
    const char *file; /* NULL: the default */
    uint32_t progress_lines_up;
    bool only_check;
};

static const struct program_option program_options[] = {
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the configuration; without it ./config.yaml where there is one"},
    {.id = 'P',
     .name = "progress-lines",
     .argument = "LINES",
     .meaning = "draw the progress bar so many lines above the cursor"},
    {.id = 't', .name = "test", .meaning = "test the configuration and stop"},
};

static const struct program_manual manual = {
    .name = "lottery-agency",
    .purpose = "Sends an agency's bets to the lottery's central server and asks for its winners.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .keys = &client_config_table,
    .keys_page = "lottery-agency.yaml",
    .statuses =
        {
            {EXIT_SUCCESS, "it told its winners, or was stopped by SIGTERM or SIGINT"},
            {EXIT_FAILURE, "something failed; the last line says why"},
            {EXIT_OTHER_BETS, "the file is not the one whose bets are stored"},
            {EXIT_OTHER_DRAW, "its draw is over without all bets, or is not there"},
            {EXIT_UNTRUSTED, "it and the server do not accept each other (TLS)"},
        },
    .formats = {{"protocol", MESSAGE_PROTOCOL_VERSION}},
    .description =
        {"Asks the server how many of the file's bets it has stored, sends the others, says that "
         "it "
         "is done, waits for the draw, and tells its winners. It may be killed and started again "
         "at "
         "any time: no bet is stored twice, and none is left out.",
         "Rows of the file are first,last,document,birthdate,number. Lines end in LF or CRLF.",
         "It gives up after --wait without progress. Waiting for the draw is not lack of "
         "progress."},
    .examples = {{"lottery-agency -c client.yaml", "bet as a file says"}},
};

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    if (id == 'c') {
        options->file = argument;
    } else if (id == 't') {
        options->only_check = true;
    } else if (!bet_parse_uint32(argument, strlen(argument), &options->progress_lines_up)) {
        return program_misused(&manual, "-P %s: not a number of lines", argument);
    }
    return PROGRAM_GO_ON;
}

/* Does the job, closes it, and logs how it ended. Returns the exit status. */
static int do_job(struct job *job)
{
    enum job_step step = job_run(job);
    int status = step == JOB_FAILED ? EXIT_FAILURE : EXIT_SUCCESS;
    if (step == JOB_OTHER_BETS) {
        status = EXIT_OTHER_BETS;
    } else if (step == JOB_OTHER_DRAW) {
        status = EXIT_OTHER_DRAW;
    } else if (step == JOB_UNTRUSTED) {
        status = EXIT_UNTRUSTED;
    }
    job_close(job);
    log_info("action: agency_exit | result: %s", status == EXIT_SUCCESS ? "success" : "fail");
    log_close();
    return status;
}

/* Opens the log and the job, and does it. */
static int run_job(const struct client_config *config, struct credentials *credentials,
                   struct interrupt *interrupt, uint32_t progress_lines_up)
{
    struct failure failure;
    struct job job;
    char description[LOG_LINE_BYTES];
    log_set_threshold((enum log_level)config->log_level);
    log_open();
    if (!job_open(&job, config, credentials, interrupt, progress_lines_up, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    config_describe(&client_config_table, config, description, sizeof description);
    log_info("action: config | result: success%s", description);
    credentials_warn(credentials, config);
    return do_job(&job);
}

static int run(int argc, char **argv, struct interrupt *interrupt)
{
    struct options options = {0};
    struct client_config config;
    struct credentials credentials;
    struct failure failure;
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, &options);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&manual, reading);
    }
    if (!client_config_load(options.file, &config, &failure) || !job_check(&config, &failure) ||
        !credentials_open(&credentials, &config, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    int status = EXIT_SUCCESS;
    if (options.only_check) {
        printf("%s: configuration ok\n", manual.name);
        status = program_finish_output(&manual);
    } else {
        status = run_job(&config, &credentials, interrupt, options.progress_lines_up);
    }
    credentials_close(&credentials);
    return status;
}

int main(int argc, char **argv)
{
    struct interrupt interrupt;
    struct failure failure;
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    if (!interrupt_open(&interrupt, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    int status = run(argc, argv, &interrupt);
    interrupt_close(&interrupt);
    return status;
}
