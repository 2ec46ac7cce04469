/*
 * main.c - lottery-admin: what an operator does to a lottery's data directory.
 *
 * One command a run. Exit status: 0 when it was done, 1 when it was not and
 * standard error says why, 2 when it was called wrongly.
 */
#include "admin/backup.h"
#include "lib/standard_streams.h"
#include "server/server_config.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM_NAME    "lottery-admin"
#define PROGRAM_VERSION "1.0"

enum { EXIT_USAGE = 2 };

static const char usage[] =
    "usage: " PROGRAM_NAME " [-c FILE] [-h] [-V] COMMAND\n"
    "Administers the data directory that a lottery-server's configuration names.\n"
    "  -c FILE      the server's configuration; without it ./config.yaml where there is one\n"
    "  -h           print this and stop\n"
    "  -V           print the version and stop\n"
    "  backup DEST  copy the data directory to DEST, which must not be there; the server may run.\n"
    "               To restore: stop the server, put a copy of DEST in the place of "
    "data.directory\n";

enum options_end { OPTIONS_GO_ON, OPTIONS_ENOUGH, OPTIONS_WRONG };

static enum options_end wrong_usage(const char *what)
{
    (void)fprintf(stderr, PROGRAM_NAME ": %s\n%s", what, usage);
    return OPTIONS_WRONG;
}

static enum options_end read_options(int argc, char **argv, const char **file)
{
    int option = 0;
    while ((option = getopt(argc, argv, "c:hV")) != -1) {
        switch (option) {
        case 'c':
            *file = optarg;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return OPTIONS_ENOUGH;
        case 'V':
            (void)puts(PROGRAM_NAME " " PROGRAM_VERSION);
            return OPTIONS_ENOUGH;
        default:
            return wrong_usage("unknown option");
        }
    }
    if (argc - optind != 2 || strcmp(argv[optind], "backup") != 0) {
        return wrong_usage("the command is backup DEST");
    }
    return OPTIONS_GO_ON;
}

static int complain(const struct failure *failure)
{
    (void)fprintf(stderr, PROGRAM_NAME ": %s\n", failure->text);
    return EXIT_FAILURE;
}

static int back_up(const struct server_config *config, const char *destination)
{
    struct backup_report report;
    struct failure failure;
    if (!backup_make(config->data_directory, destination, &report, &failure)) {
        return complain(&failure);
    }
    (void)printf("%s: lottery %s, %s, %" PRIu64 " bytes of bets, %" PRIu64 " agencies done\n",
                 destination, report.identity, report.state, report.bets_bytes,
                 report.agencies_done);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    struct server_config config;
    struct failure failure;
    if (!standard_streams_open(&failure)) {
        return complain(&failure);
    }
    (void)signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an errno like others */
    enum options_end end = read_options(argc, argv, &file);
    if (end != OPTIONS_GO_ON) {
        return end == OPTIONS_WRONG ? EXIT_USAGE : EXIT_SUCCESS;
    }
    if (!server_config_load(file, &config, &failure)) {
        return complain(&failure);
    }
    return back_up(&config, argv[optind + 1]);
}
