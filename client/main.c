/*
 * main.c - lottery-agency: one agency of the lottery.
 *
 * Reads the options and the configuration, does the job (job.h), and turns its end into an exit
 * status. The table of the manual has all of them.
 */
#include "bet/bet.h"
#include "bet/message.h"
#include "client/client_config.h"
#include "client/credentials.h"
#include "client/file_check.h"
#include "client/job.h"
#include "lib/log.h"
#include "lib/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_OTHER_BETS = 3, EXIT_OTHER_DRAW = 4, EXIT_UNTRUSTED = 5 };

enum {
    OPTION_ID = PROGRAM_LONG_ONLY,
    OPTION_SERVER,
    OPTION_BETS,
    OPTION_WINNERS,
    OPTION_WAIT,
    OPTION_CHECK
};

struct options {
    const char *file; /* NULL: the default */
    struct config_given given[PROGRAM_OPTIONS_MAX];
    size_t given_count;
    uint32_t progress_lines_up;
    bool only_test, only_print;
    const char *check; /* a file of bets; NULL: none */
};

static const struct program_option program_options[] = {
    {.id = OPTION_ID, .name = "id", .argument = "NUMBER", .meaning = "number of the agency"},
    {.id = OPTION_SERVER,
     .name = "server",
     .argument = "HOST:PORT",
     .meaning = "the lottery's server (server.address)"},
    {.id = OPTION_BETS,
     .name = "bets",
     .argument = "FILE",
     .meaning = "CSV file of the bets (bets.file)"},
    {.id = OPTION_WINNERS,
     .name = "winners",
     .argument = "FILE",
     .meaning = "where the agency's winners are written (winners.file)"},
    {.id = OPTION_WAIT,
     .name = "wait",
     .argument = "TIME",
     .meaning = "give up after this time without progress, 20s or 10m (loop.lapse)"},
    {.id = OPTION_CHECK,
     .name = "check",
     .argument = "FILE",
     .meaning = "list every row of a file that is no bet, ask no server, and stop"},
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the configuration; without it ./config.yaml where there is one. The options above "
                "win over it, and over the environment"},
    {.id = 'P',
     .name = "progress-lines",
     .argument = "LINES",
     .meaning = "draw the progress bar so many lines above the cursor"},
    {.id = 't',
     .name = "test",
     .meaning =
         "test the configuration, the files of TLS and every row of the file of bets that is "
         "named, list all mistakes, and stop"},
    {.id = 'T',
     .name = "print-values",
     .meaning = "print every value that would count, and where it comes from, and stop"},
};

/* The keys that options set; their numbers begin at OPTION_ID. */
static const struct config_given keys_of_options[] = {
    {.option = "--id", .path = "id"},           {.option = "--server", .path = "server.address"},
    {.option = "--bets", .path = "bets.file"},  {.option = "--winners", .path = "winners.file"},
    {.option = "--wait", .path = "loop.lapse"},
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
            {EXIT_SUCCESS, "it has told its winners; --check: every row is a bet"},
            {EXIT_FAILURE, "something failed; the last line says why"},
            {EXIT_OTHER_BETS, "the file is not the one whose bets are stored"},
            {EXIT_OTHER_DRAW, "its draw is over without all bets, or is not there"},
            {EXIT_UNTRUSTED, "it and the server do not accept each other (TLS)"},
            {PROGRAM_EXIT_DATA, "the file of bets can't be read, or a row of it is no bet"},
            {PROGRAM_EXIT_UNREACHABLE, "no server could be reached within --wait; call it again"},
            {PROGRAM_EXIT_STOPPED, "SIGTERM or SIGINT has stopped it before the winners were "
                                   "known (exit.stopped); call it again"},
            {PROGRAM_EXIT_REFUSED, "the server refuses what the agency asks; the last ERROR line "
                                   "has its reason"},
            {PROGRAM_EXIT_CONFIG, "the configuration is wrong, or a file of TLS"},
        },
    .formats = {{"protocol", MESSAGE_PROTOCOL_VERSION}},
    .description =
        {"Asks the server how many of the file's bets it has stored, sends the others, says that "
         "it is done, waits for the draw, and tells its winners. It may be killed and started "
         "again at any time: no bet is stored twice, and none is left out.",
         "Rows of the file are first,last,document,birthdate,number. Lines end in LF or CRLF.",
         "It gives up after --wait without progress. Waiting for the draw is not lack of "
         "progress."},
    .examples =
        {{"lottery-agency --id 3 --server central:12345 --bets b.csv --winners w.csv --wait 10m",
          "bet, without file or environment"},
         {"lottery-agency --check bets.csv", "what is wrong with a file, row by row"},
         {"lottery-agency -c client.yaml", "bet as a configuration says"},
         {"CLI_ID=3 lottery-agency -T", "every value, and where it comes from"}},
};

/* Notes what an option gives to a key; it may be given several times. */
static enum program_reading note_key(struct options *options, const struct config_given *key,
                                     const char *value)
{
    size_t index = 0;
    while (index < options->given_count && options->given[index].option != key->option) {
        index++;
    }
    options->given[index] = *key;
    options->given[index].value = value;
    options->given_count += index == options->given_count ? 1 : 0;
    return PROGRAM_GO_ON;
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    switch (id) {
    case 'c':
        options->file = argument;
        return PROGRAM_GO_ON;
    case 't':
        options->only_test = true;
        return PROGRAM_GO_ON;
    case 'T':
        options->only_print = true;
        return PROGRAM_GO_ON;
    case 'P':
        return bet_parse_uint32(argument, strlen(argument), &options->progress_lines_up)
                   ? PROGRAM_GO_ON
                   : program_misused(&manual, "-P %s: not a number of lines", argument);
    case OPTION_CHECK:
        options->check = argument;
        return PROGRAM_GO_ON;
    default:
        return note_key(options, &keys_of_options[id - OPTION_ID], argument);
    }
}

/* The exit status that a job's end is. */
static int status_of(enum job_step end, const struct client_config *config)
{
    switch (end) {
    case JOB_WORKED:
        return EXIT_SUCCESS;
    case JOB_STOPPED:
        return (int)config->exit_stopped;
    case JOB_OTHER_BETS:
        return EXIT_OTHER_BETS;
    case JOB_OTHER_DRAW:
        return EXIT_OTHER_DRAW;
    case JOB_UNTRUSTED:
        return EXIT_UNTRUSTED;
    case JOB_UNREACHABLE:
        return PROGRAM_EXIT_UNREACHABLE;
    case JOB_REFUSED:
        return PROGRAM_EXIT_REFUSED;
    case JOB_BAD_BETS:
        return PROGRAM_EXIT_DATA;
    case JOB_FAILED:
    case JOB_LOST: /* job_run never returns these two */
    case JOB_NEXT:
        break;
    }
    return EXIT_FAILURE;
}

/* Does the job, closes it, and logs how it ended. A graceful stop is a success. */
static int do_job(struct job *job)
{
    enum job_step end = job_run(job);
    bool well = end == JOB_WORKED || end == JOB_STOPPED;
    job_close(job);
    log_info(LOG_AGENCY_EXITED, "result: %s", well ? "success" : "fail");
    log_close();
    return status_of(end, job->config);
}

/* Opens the log and the job, and does it. */
static int run_job(const struct client_config *config, struct credentials *credentials,
                   struct interrupt *interrupt, uint32_t progress_lines_up)
{
    struct failure failure;
    struct job job;
    char description[LOG_LINE_BYTES];
    log_set_threshold((enum log_level)config->log_level);
    log_set_format((enum log_format)config->log_format);
    log_open();
    enum job_step opened =
        job_open(&job, config, credentials, interrupt, progress_lines_up, &failure);
    if (opened != JOB_WORKED) {
        return program_complain(&manual, status_of(opened, config), "%s", failure.text);
    }
    config_describe(&client_config_table, config, description, sizeof description);
    log_info(LOG_AGENCY_CONFIG_READ, "result: success%-s", description);
    credentials_warn(credentials, config);
    return do_job(&job);
}

static int check_file(const char *path)
{
    struct file_check check;
    struct failure failure;
    if (!file_check_run(path, stdout, &check, &failure)) {
        return program_complain(&manual, PROGRAM_EXIT_DATA, "%s", failure.text);
    }
    int status = program_finish_output(&manual);
    return status == EXIT_SUCCESS && check.bad > 0 ? PROGRAM_EXIT_DATA : status;
}

/* Loads the configuration, and prints it where -T asks for that. Each mistake is complained of. */
static bool load(const struct options *options, struct client_config *config)
{
    struct program_complaints complaints = {.manual = &manual};
    struct failure failure;
    const struct config_request request = {.file = options->file,
                                           .given = options->given,
                                           .given_count = options->given_count,
                                           .tell = program_complain_of,
                                           .context = &complaints};
    struct config_origin *origins = calloc(client_config_table.count, sizeof *origins);
    if (origins == NULL) {
        program_complain_of("no memory for the configuration", &complaints);
        return false;
    }
    bool is_right = client_config_read(&request, config, origins, &failure);
    if (is_right && !job_check(config, &failure)) {
        program_complain_of(failure.text, &complaints);
        is_right = false;
    }
    if (is_right && options->only_print) {
        config_print_values(&client_config_table, config, origins, stdout);
    }
    free(origins);
    return is_right;
}

/* What -t says of a configuration that is right, and of the file of bets that it names. */
static int tell_of_test(const struct client_config *config, const char *file)
{
    program_tell_config_ok(&manual, file);
    return config->bets_file[0] != '\0' ? check_file(config->bets_file)
                                        : program_finish_output(&manual);
}

static int run(const struct options *options, struct interrupt *interrupt)
{
    struct client_config config;
    struct credentials credentials;
    struct failure failure;
    if (options->check != NULL) {
        return check_file(options->check);
    }
    if (!load(options, &config)) {
        return PROGRAM_EXIT_CONFIG;
    }
    if (options->only_print) {
        return program_finish_output(&manual);
    }
    if (!credentials_open(&credentials, &config, &failure)) {
        return program_complain(&manual, PROGRAM_EXIT_CONFIG, "%s", failure.text);
    }
    int status = options->only_test
                     ? tell_of_test(&config, options->file)
                     : run_job(&config, &credentials, interrupt, options->progress_lines_up);
    credentials_close(&credentials);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct interrupt interrupt;
    struct failure failure;
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    if (!interrupt_open(&interrupt, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, &options);
    int status = reading == PROGRAM_GO_ON ? run(&options, &interrupt)
                                          : program_exit_status(&manual, reading);
    interrupt_close(&interrupt);
    return status;
}
