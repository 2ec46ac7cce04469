/*
 * options.c - see options.h.
 */
#include "feed/options.h"

#include "feed/stop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENGINE_PATIENCE_MS = 2000 };

enum {
    OPTION_SERVERS = PROGRAM_LONG_ONLY,
    OPTION_CENTRE,
    OPTION_CREDENTIALS,
    OPTION_CA,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_FROM,
    OPTION_POSITION,
    OPTION_FOLLOW,
    OPTION_FORMAT,
    OPTION_POSTGRES,
    OPTION_EXPORT,
    OPTION_DRAWS
};

static const struct program_option program_options[] = {
    {.id = OPTION_SERVERS,
     .name = "servers",
     .argument = "URLS",
     .meaning = "the engine, like nats://10.0.0.1:4222,nats://10.0.0.2:4222; without it "
                "$REPLICATION_SERVERS"},
    {.id = OPTION_CENTRE,
     .name = "centre",
     .argument = "NAME",
     .meaning = "whose bets; without it $REPLICATION_CENTRE"},
    {.id = OPTION_CREDENTIALS,
     .name = "credentials",
     .argument = "FILE",
     .meaning = "the .creds file by which the engine knows this feed"},
    {.id = OPTION_CA,
     .name = "ca",
     .argument = "FILE",
     .meaning = "PEM file of who signs the engine's certificates, where it speaks TLS"},
    {.id = OPTION_CERTIFICATE,
     .name = "certificate",
     .argument = "FILE",
     .meaning = "PEM file of this feed's certificate, where the engine asks for one"},
    {.id = OPTION_KEY, .name = "key", .argument = "FILE", .meaning = "PEM file of its key"},
    {.id = OPTION_FROM,
     .name = "from",
     .argument = "POSITION",
     .meaning = "go on after it: 0 (the beginning, and the default), a message's number, or what a "
                "feed has printed"},
    {.id = OPTION_POSITION,
     .name = "position",
     .argument = "FILE",
     .meaning = "keep the position there, and go on after it the next time"},
    {.id = OPTION_FOLLOW,
     .name = "follow",
     .meaning = "do not end: go on with what will be stored, and wait for whoever is away"},
    {.id = OPTION_FORMAT,
     .name = "format",
     .argument = "csv|json",
     .meaning =
         "csv, the rows of bets.csv, and the default; or json, a line a bet, and the position "
         "after each group"},
    {.id = OPTION_POSTGRES,
     .name = "postgres",
     .argument = "DSN",
     .meaning = "store into PostgreSQL instead, each bet exactly once; the password stands in "
                "~/.pgpass, not here"},
    {.id = OPTION_EXPORT,
     .name = "export",
     .meaning =
         "print every message with its headers as JSON, unchecked, for lottery-verify --log"},
    {.id = OPTION_DRAWS,
     .name = "draws",
     .meaning = "with --export: the stream DRAW, which all centres share"},
};

const struct program_manual feed_manual = {
    .name = "lottery-feed",
    .purpose =
        "Reads the bets of a centre from its replicated log, checked, as CSV, JSON or into SQL.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .statuses =
        {{EXIT_SUCCESS, "all that the log had is delivered; or it was stopped"},
         {EXIT_FAILURE, "where it delivers to has failed; the last line says why"},
         {FEED_EXIT_BROKEN, "the log is not right: a gap, a wrong CRC, a writer without right"},
         {FEED_EXIT_MOVED, "another feed delivers to the same place"},
         {PROGRAM_EXIT_UNREACHABLE, "the engine, or PostgreSQL, could not be reached for too long"},
         {PROGRAM_EXIT_REFUSED, "the engine can't be used with these settings, or is too old"}},
    .description =
        {"Reads the log that a centre's server ships to the engine (NATS JetStream), from a "
         "position on, and checks each record: its CRC, its place in the file, and that its writer "
         "had the "
         "right to write. The first record that is wrong ends it.",
         "A position stands for everything up to it. It is printed at the end (on standard error), "
         "behind each group of JSON lines, and kept where --position or --postgres says."},
    .examples = {{"lottery-feed --servers nats://10.0.0.1:4222 --centre north >bets.csv",
                  "all bets so far"},
                 {"lottery-feed --centre north --format json --from 0 --follow",
                  "every bet as it is stored, the engine by $REPLICATION_SERVERS"},
                 {"lottery-feed --centre north --postgres dbname=lottery --follow",
                  "every bet into PostgreSQL, once"},
                 {"lottery-feed --centre north --export >north.jsonl",
                  "all of the log, for an auditor"}},
};

static enum program_reading take_format(const char *argument, struct feed_options *options)
{
    options->json = strcmp(argument, "json") == 0;
    return options->json || strcmp(argument, "csv") == 0
               ? PROGRAM_GO_ON
               : program_misused(&feed_manual, "--format %s: is neither csv nor json", argument);
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct feed_options *options = context;
    switch (id) {
    case OPTION_SERVERS:
        options->access.servers = argument;
        break;
    case OPTION_CENTRE:
        options->centre = argument;
        break;
    case OPTION_CREDENTIALS:
        options->access.credentials = argument;
        break;
    case OPTION_CA:
        options->access.ca = argument;
        break;
    case OPTION_CERTIFICATE:
        options->access.certificate = argument;
        break;
    case OPTION_KEY:
        options->access.key = argument;
        break;
    case OPTION_FROM:
        options->from = argument;
        break;
    case OPTION_POSITION:
        options->position_file = argument;
        break;
    case OPTION_FOLLOW:
        options->follows = true;
        break;
    case OPTION_FORMAT:
        return take_format(argument, options);
    case OPTION_POSTGRES:
        options->postgres = argument;
        break;
    case OPTION_EXPORT:
        options->exports = true;
        break;
    default:
        options->draws = true;
        break;
    }
    return PROGRAM_GO_ON;
}

static const char *text_or_variable(const char *text, const char *variable)
{
    const char *value = text == NULL ? getenv(variable) : text;
    return value == NULL ? "" : value;
}

static enum program_reading check(struct feed_options *options)
{
    struct position position;
    struct failure failure;
    if (options->access.servers[0] == '\0') {
        return program_misused(&feed_manual, "--servers is missing: where is the engine?");
    }
    if (options->draws && !options->exports) {
        return program_misused(&feed_manual, "--draws goes with --export alone");
    }
    if (!options->draws && !record_is_centre(options->centre)) {
        return program_misused(&feed_manual,
                               "--centre \"%.60s\": is no centre's name: 1 to 32 letters, digits "
                               "and -",
                               options->centre);
    }
    if (options->exports && (options->follows || options->json || options->from != NULL ||
                             options->position_file != NULL || options->postgres != NULL)) {
        return program_misused(&feed_manual,
                               "--export takes the whole stream as it is, and none of --from, "
                               "--position, --follow, --format, --postgres");
    }
    if (options->postgres != NULL &&
        (options->json || options->from != NULL || options->position_file != NULL)) {
        return program_misused(&feed_manual, "--postgres keeps the position itself, and takes none "
                                             "of --from, --position and --format json");
    }
    if (options->from != NULL && !position_read(options->from, &position, &failure)) {
        return program_misused(&feed_manual, "--from: %s", failure.text);
    }
    return PROGRAM_GO_ON;
}

enum program_reading feed_options_read(int argc, char **argv, struct feed_options *options)
{
    *options = (struct feed_options){
        .access = {
            .credentials = "", .ca = "", .certificate = "", .key = "", .name = feed_manual.name}};
    enum program_reading reading =
        program_read_options(&feed_manual, argc, argv, take_option, options);
    if (reading != PROGRAM_GO_ON) {
        return reading;
    }
    options->access.servers = text_or_variable(options->access.servers, "REPLICATION_SERVERS");
    options->centre = text_or_variable(options->centre, "REPLICATION_CENTRE");
    reading = check(options);
    if (reading == PROGRAM_GO_ON) {
        if (options->draws) {
            (void)snprintf(options->stream, sizeof options->stream, "DRAW");
        } else {
            record_write_stream(options->stream, options->centre);
        }
    }
    return reading;
}

struct engine *feed_open_engine(const struct feed_options *options, int *status)
{
    struct failure failure;
    if (!stop_block(&failure)) {
        *status = program_complain(&feed_manual, EXIT_FAILURE, "%s", failure.text);
        return NULL;
    }
    struct engine *engine = engine_open_nats(&options->access, ENGINE_PATIENCE_MS, &failure);
    if (engine == NULL) {
        *status = program_complain(&feed_manual, PROGRAM_EXIT_REFUSED, "%s", failure.text);
    }
    return engine;
}

int feed_exit_status(enum feeding_end end, const struct failure *failure)
{
    static const int statuses[] = {[FEEDING_DONE] = EXIT_SUCCESS,
                                   [FEEDING_BROKEN] = FEED_EXIT_BROKEN,
                                   [FEEDING_AWAY] = PROGRAM_EXIT_UNREACHABLE,
                                   [FEEDING_MOVED] = FEED_EXIT_MOVED,
                                   [FEEDING_FAILED] = EXIT_FAILURE};
    return end == FEEDING_DONE ? EXIT_SUCCESS
                               : program_complain(&feed_manual, statuses[end], "%s", failure->text);
}
