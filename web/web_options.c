/*
 * web_options.c - see web_options.h.
 */
#include "web/web_options.h"

#include "bet/bet.h"

#include <stdlib.h>
#include <string.h>

enum { OPTION_ADDRESS = PROGRAM_LONG_ONLY, OPTION_PORT, OPTION_NAMES };

static const struct program_option program_options[] = {
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the server's configuration; without it ./config.yaml where there is one. Its "
                "data.directory (or DATA_DIRECTORY) tells which server"},
    {.id = OPTION_ADDRESS,
     .name = "address",
     .argument = "ADDRESS",
     .meaning = "where to listen; localhost without it. Whoever reaches another address sees "
                "everything that the page shows"},
    {.id = OPTION_PORT,
     .name = "port",
     .argument = "PORT",
     .meaning = "12380 without it; 0: one that the kernel chooses, and the log tells"},
    {.id = OPTION_NAMES,
     .name = "names",
     .argument = "NAME,NAME",
     .meaning = "by which it may be asked, besides localhost and addresses; others are refused"},
    {.id = 't', .name = "test", .meaning = "test the configuration and stop"},
};

const struct program_manual web_manual = {
    .name = "lottery-web",
    .purpose = "A page that shows what is inside the national lottery's central server. It only "
               "reads, and takes no lock.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .statuses = {{EXIT_SUCCESS, "it was stopped; -t: the configuration is right"},
                 {EXIT_FAILURE, "it could not start, or could not go on"},
                 {PROGRAM_EXIT_CONFIG, "the configuration is wrong"}},
    .description = {"Serves a page, its events and metrics by HTTP, to this machine alone unless "
                    "--address says another one. It shows the server of one data directory, and "
                    "says so while there is none."},
    .examples = {{"lottery-web -c server.yaml", "look at http://localhost:12380/"}},
};

static enum program_reading take_port(const char *text, uint32_t *port)
{
    if (!bet_parse_uint32(text, strlen(text), port) || *port > UINT16_MAX) {
        return program_misused(&web_manual, "--port %s: not a number from 0 to 65535", text);
    }
    return PROGRAM_GO_ON;
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct web_options *options = context;
    switch (id) {
    case 'c':
        options->file = argument;
        return PROGRAM_GO_ON;
    case OPTION_ADDRESS:
        options->address = argument;
        return PROGRAM_GO_ON;
    case OPTION_PORT:
        return take_port(argument, &options->port);
    case OPTION_NAMES:
        options->names = argument;
        return PROGRAM_GO_ON;
    default:
        options->only_check = true;
        return PROGRAM_GO_ON;
    }
}

enum program_reading web_options_read(int argc, char **argv, struct web_options *options)
{
    *options = (struct web_options){.address = "localhost", .port = WEB_PORT_DEFAULT, .names = ""};
    return program_read_options(&web_manual, argc, argv, take_option, options);
}
