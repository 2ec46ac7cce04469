/*
 * main.c - lottery-shipper: the one program of the server that talks to the engine.
 *
 * lottery-server executes it, and says by options what its configuration says: so both have read the
 * same file once, whatever a hand does to it meanwhile. It is a program of its own because the client of
 * NATS starts threads, after which no process may fork. shipper.h tells its life beside a server, and
 * follow.h that of a standby.
 */
#include "lib/decimal.h"
#include "lib/log.h"
#include "lib/process_title.h"
#include "lib/program.h"
#include "shipper/confine.h"
#include "shipper/follow.h"
#include "shipper/shipper.h"
#include "shipper/stop_signal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BASE = 16,
    FIRST_DESCRIPTOR = 3, /* after the standard streams */
    CONNECT_MS = 3000     /* for a standby's first connection; it goes on trying afterwards */
};

enum option_id {
    OPTION_DIRECTORY = PROGRAM_LONG_ONLY,
    OPTION_GROUP,
    OPTION_SEGMENT,
    OPTION_IDENTITY,
    OPTION_SERVERS,
    OPTION_CENTRE,
    OPTION_CENTRES,
    OPTION_NODE,
    OPTION_REPLICAS,
    OPTION_CREDENTIALS,
    OPTION_CA,
    OPTION_CERTIFICATE,
    OPTION_KEY,
    OPTION_PATIENCE,
    OPTION_LOG_LEVEL,
    OPTION_LOG_FORMAT,
    OPTION_CONFINED,
    OPTION_FOLLOW,
    OPTION_DESCRIPTOR,
    OPTION_WORDS,
    OPTION_TAKEOVER_AFTER
};

static const struct program_option program_options[] = {
    {OPTION_DIRECTORY, "directory", "PATH", "data.directory", true},
    {OPTION_GROUP, "group", "GID", "the number of data.group", false},
    {OPTION_SEGMENT, "segment", "KEY", "of a server's shared memory, in hexadecimal", false},
    {OPTION_IDENTITY, "identity", "ID", "of the draw that a server's directory holds", false},
    {OPTION_SERVERS, "servers", "URLS", "replication.servers", true},
    {OPTION_CENTRE, "centre", "NAME", "replication.centre", true},
    {OPTION_CENTRES, "centres", "NAMES", "centres.expected", false},
    {OPTION_NODE, "node", "NAME", "this node's name", true},
    {OPTION_REPLICAS, "replicas", "N", "replication.replicas", false},
    {OPTION_CREDENTIALS, "credentials", "FILE", "replication.credentials", false},
    {OPTION_CA, "ca", "FILE", "replication.ca", false},
    {OPTION_CERTIFICATE, "certificate", "FILE", "replication.certificate", false},
    {OPTION_KEY, "key", "FILE", "replication.key", false},
    {OPTION_PATIENCE, "patience", "MS", "how long it goes on once it is asked to end", false},
    {OPTION_LOG_LEVEL, "log-level", "LEVEL", "log.level", false},
    {OPTION_LOG_FORMAT, "log-format", "FORMAT", "log.format", false},
    {OPTION_CONFINED, "confined", NULL, "confinement is enforced", false},
    {OPTION_FOLLOW, "follow", NULL, "be the shipper of a standby", false},
    {OPTION_DESCRIPTOR, "descriptor", "N", "of a standby: the directory, open and locked", false},
    {OPTION_WORDS, "words", "N", "of a standby: the pipe to its server", false},
    {OPTION_TAKEOVER_AFTER, "takeover-after", "MS", "replication.takeover_after", false},
};

static const struct program_manual manual = {
    .name = "lottery-shipper",
    .purpose =
        "Copies what a lottery-server has stored to NATS JetStream. lottery-server starts it.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .statuses =
        {
            {SHIPPER_EXIT_STOPPED,
             "it was asked to end, and everything is copied; of a standby: or the log is its own"},
            {SHIPPER_EXIT_FAILED, "something failed; another one may do better"},
            {SHIPPER_EXIT_FENCED, "another node has claimed the log"},
            {SHIPPER_EXIT_BEHIND, "the log has more than this node's files"},
            {SHIPPER_EXIT_REFUSED,
             "the engine's settings or version, or files that differ from the log: an operator is "
             "needed"},
            {SHIPPER_EXIT_STRANGER,
             "the log is another lottery's, or the directory another centre's"},
        },
};

struct options {
    struct shipper_setting setting;
    enum log_level log_level;
    enum log_format log_format;
    bool is_confined;
    bool follows;
    uint64_t descriptor, words, takeover_after_ms; /* where it does */
};

/* Reads a number from `minimum` to `maximum`. */
static enum program_reading take_number(const char *name, const char *argument, uint64_t minimum,
                                        uint64_t maximum, uint64_t *number)
{
    return decimal_parse(argument, strlen(argument), number) && *number >= minimum &&
                   *number <= maximum
               ? PROGRAM_GO_ON
               : program_misused(&manual, "--%s: \"%s\" is no such number", name, argument);
}

static enum program_reading take_key(struct options *options, const char *argument)
{
    char *end = NULL;
    unsigned long key = strtoul(argument, &end, KEY_BASE);
    options->setting.segment_key = (uint32_t)key;
    return *argument != '\0' && *end == '\0' && key != 0 && key <= UINT32_MAX
               ? PROGRAM_GO_ON
               : program_misused(&manual, "--segment: \"%s\" is no key", argument);
}

/* The options that are texts: where each one goes. */
static const char **text_of(struct options *options, int id)
{
    struct shipper_setting *setting = &options->setting;
    switch (id) {
    case OPTION_DIRECTORY:
        return &setting->directory;
    case OPTION_IDENTITY:
        return &setting->identity;
    case OPTION_SERVERS:
        return &setting->access.servers;
    case OPTION_CENTRE:
        return &setting->centre;
    case OPTION_CENTRES:
        return &setting->centres;
    case OPTION_NODE:
        return &setting->node;
    case OPTION_CREDENTIALS:
        return &setting->access.credentials;
    case OPTION_CA:
        return &setting->access.ca;
    case OPTION_CERTIFICATE:
        return &setting->access.certificate;
    case OPTION_KEY:
        return &setting->access.key;
    default:
        return NULL;
    }
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    const char **text = text_of(options, id);
    uint64_t number = 0;
    enum program_reading reading = PROGRAM_GO_ON;
    if (text != NULL) {
        *text = argument;
        return PROGRAM_GO_ON;
    }
    switch (id) {
    case OPTION_SEGMENT:
        return take_key(options, argument);
    case OPTION_GROUP:
        reading = take_number("group", argument, 0, UINT32_MAX, &number);
        options->setting.has_group = true;
        options->setting.group = (gid_t)number;
        return reading;
    case OPTION_REPLICAS:
        reading = take_number("replicas", argument, 1, UINT32_MAX, &number);
        options->setting.replicas = (unsigned)number;
        return reading;
    case OPTION_PATIENCE:
        reading = take_number("patience", argument, 0, INT32_MAX, &number);
        options->setting.patience_ms = (int64_t)number;
        return reading;
    case OPTION_CONFINED:
        options->is_confined = true;
        return PROGRAM_GO_ON;
    case OPTION_FOLLOW:
        options->follows = true;
        return PROGRAM_GO_ON;
    case OPTION_DESCRIPTOR:
        return take_number("descriptor", argument, FIRST_DESCRIPTOR, INT32_MAX,
                           &options->descriptor);
    case OPTION_WORDS:
        return take_number("words", argument, FIRST_DESCRIPTOR, INT32_MAX, &options->words);
    case OPTION_TAKEOVER_AFTER:
        return take_number("takeover-after", argument, 1, INT32_MAX, &options->takeover_after_ms);
    case OPTION_LOG_FORMAT:
        return log_format_from_name(argument, &options->log_format)
                   ? PROGRAM_GO_ON
                   : program_misused(&manual, "--log-format: \"%s\" is no format", argument);
    default:
        return log_level_from_name(argument, &options->log_level)
                   ? PROGRAM_GO_ON
                   : program_misused(&manual, "--log-level: \"%s\" is no level", argument);
    }
}

static bool is_complete(const struct options *options)
{
    const struct shipper_setting *setting = &options->setting;
    const bool has_place =
        options->follows
            ? options->descriptor != 0 && options->words != 0 && options->takeover_after_ms != 0
            : setting->identity != NULL && setting->segment_key != 0;
    return has_place && setting->directory != NULL && setting->access.servers != NULL &&
           setting->centre != NULL && setting->node != NULL;
}

/* The life of a standby's shipper. */
static enum shipper_exit follow(const struct options *options)
{
    static const enum shipper_exit statuses[] = {[FOLLOW_STOPPED] = SHIPPER_EXIT_STOPPED,
                                                 [FOLLOW_CLAIMED] = SHIPPER_EXIT_STOPPED,
                                                 [FOLLOW_FAILED] = SHIPPER_EXIT_FAILED,
                                                 [FOLLOW_REFUSED] = SHIPPER_EXIT_REFUSED};
    const struct shipper_setting *setting = &options->setting;
    const struct data_directory directory = {
        .path = setting->directory,
        .descriptor = (int)options->descriptor,
        .lock = -1,
        .access = {.has_group = setting->has_group, .group = setting->group}};
    struct failure failure;
    stop_signal_block();
    struct engine *engine = engine_open_nats(&setting->access, CONNECT_MS, &failure);
    if (engine == NULL) {
        log_critical(LOG_STANDBY_FAILED, "result: fail | error: %s", failure.text);
        return SHIPPER_EXIT_REFUSED;
    }
    const struct follow_plan plan = {.engine = engine,
                                     .directory = &directory,
                                     .centre = setting->centre,
                                     .node = setting->node,
                                     .takeover_after_ms = options->takeover_after_ms,
                                     .words = (int)options->words};
    enum follow_end end = follow_run(&plan);
    engine_close(engine);
    return statuses[end];
}

int main(int argc, char **argv)
{
    struct options options = {
        .setting = {.centres = "",
                    .replicas = 3,
                    .access = {.credentials = "", .ca = "", .certificate = "", .key = ""}},
        .log_level = LOG_LEVEL_INFO};
    struct failure failure;
    process_title_open(argc, argv);
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, &options);
    if (reading == PROGRAM_GO_ON && !is_complete(&options)) {
        reading = program_misused(&manual, "lottery-server starts this program, with its options");
    }
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&manual, reading);
    }
    options.setting.access.name = options.setting.node;
    log_set_threshold(options.log_level);
    log_set_format(options.log_format);
    log_open();
    int status = SHIPPER_EXIT_FAILED;
    if (options.is_confined && !confine(&failure)) {
        log_critical(LOG_CONFINEMENT_FAILED, "result: fail | role: shipper | error: %s",
                     failure.text);
    } else {
        status = (int)(options.follows ? follow(&options) : shipper_run(&options.setting));
    }
    log_close();
    return status;
}
