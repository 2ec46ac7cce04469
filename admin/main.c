/*
 * main.c - lottery-admin: what an operator does with a lottery's data directory.
 *
 * The program runs one command and ends. It reads the server's configuration to find the data
 * directory. The server may run: it is not asked, and does not notice. If the program dies, the
 * command's own file says what remains (backup.h). Exit status: 0 when the command was carried out,
 * 1 when it failed and standard error says why, 2 when the program was called wrongly.
 */
#include "admin/backup.h"
#include "lib/program.h"
#include "server/server_config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct program_option program_options[] = {
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the server's configuration; without it ./config.yaml where there is one"},
};

static const struct program_manual manual = {
    .name = "lottery-admin",
    .purpose = "Administers the data directory that a lottery-server's configuration names.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .operands = "COMMAND",
    .operands_explained =
        "Commands:\n"
        "  backup DEST  copy the data directory to DEST, which must not be there; the server may\n"
        "               run. To restore: stop the server, put a copy of DEST in the place of\n"
        "               data.directory\n",
};

static enum program_reading take_option(int id, const char *argument, void *context)
{
    const char **file = context;
    (void)id; /* -c is the only one */
    *file = argument;
    return PROGRAM_GO_ON;
}

static enum program_reading read_options(int argc, char **argv, const char **file)
{
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, file);
    if (reading == PROGRAM_GO_ON && (argc - optind != 2 || strcmp(argv[optind], "backup") != 0)) {
        return program_misused(&manual, "the command is backup DEST");
    }
    return reading;
}

static int back_up(const struct server_config *config, const char *destination)
{
    struct backup_report report;
    struct failure failure;
    if (!backup_make(config->data_directory, destination, &report, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    printf("%s: lottery %s, %s, %" PRIu64 " bytes of bets, %" PRIu64 " agencies done\n",
           destination, report.identity, report.state, report.bets_bytes, report.agencies_done);
    return program_finish_output(&manual);
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    struct server_config config;
    struct failure failure;
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = read_options(argc, argv, &file);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&manual, reading);
    }
    if (!server_config_load(file, &config, &failure)) {
        return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
    }
    return back_up(&config, argv[optind + 1]);
}
