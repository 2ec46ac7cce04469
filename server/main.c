/*
 * main.c - lottery-server: the centre.
 *
 * Reads the options and the configuration, and becomes the supervisor, with --follow after a life as
 * a standby. The supervisor ends here, and its children end in processes.c. Exit status: 0 after a
 * graceful stop, 1 when something failed, 2 when it was called wrongly, 4 when another node has taken
 * over, 78 when the configuration is wrong.
 */
#include "bet/message.h"
#include "lib/log.h"
#include "lib/process_title.h"
#include "lib/program.h"
#include "lib/robust_mutex.h"
#include "server/confinement_identity.h"
#include "server/file_trial.h"
#include "server/listen_fds.h"
#include "server/predecessor.h"
#include "server/server_config.h"
#include "server/server_keys.h"
#include "server/service_manager.h"
#include "server/signals.h"
#include "server/standby.h"
#include "server/start_trial.h"
#include "server/supervisor/supervisor.h"
#include "shm/layout.h"
#include "store/checkpoint.h"
#include "store/control.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { OPTION_FOLLOW = PROGRAM_LONG_ONLY, OPTION_REPLACE };

struct options {
    const char *file; /* NULL: the default */
    bool only_test, only_print;
    bool follows, replaces;
};

static const struct program_option program_options[] = {
    {.id = 'c',
     .name = "config",
     .argument = "FILE",
     .meaning = "the configuration; without it ./config.yaml where there is one"},
    {.id = 't',
     .name = "test",
     .meaning = "test the configuration, and whether directory, port and shared memory would let a "
                "server start; list all mistakes, and stop"},
    {.id = 'T',
     .name = "print-values",
     .meaning = "print every value that would count, and where it comes from, and stop"},
    {.id = OPTION_FOLLOW,
     .name = "follow",
     .meaning =
         "be a standby: copy what the primary of replication.centre stores, and take its place "
         "when it is silent for replication.takeover_after, or by lottery-admin promote"},
    {.id = OPTION_REPLACE,
     .name = "replace",
     .meaning = "take the place of the server that runs in the same data directory: test as -t "
                "does, get its listening sockets, await its end, and serve; nobody is refused "
                "meanwhile. Where no server runs, start. Under systemd: systemctl restart"},
};

static const struct program_manual manual = {
    .name = "lottery-server",
    .purpose =
        "The national lottery's central server: stores bets, holds the draw, tells the winners.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .keys = &server_config_table,
    .keys_page = "lottery-server.yaml",
    .statuses =
        {
            {EXIT_SUCCESS, "it was stopped and has stored everything; -t: all is right"},
            {EXIT_FAILURE, "it could not start, or could not go on; the last lines say why; -t: "
                           "this machine would not let it start"},
            {SUPERVISOR_EXIT_FENCED, "another node writes the log of this centre, or the log has "
                                     "more than this disk: start with --follow"},
            {PROGRAM_EXIT_CONFIG, "the configuration is wrong, or a file that it names"},
        },
    .formats = {{"control", CONTROL_VERSION},
                {"checkpoint", CHECKPOINT_VERSION},
                {"segment", SHARED_LAYOUT_VERSION},
                {"protocol", MESSAGE_PROTOCOL_VERSION}},
    .description =
        {"Runs in the foreground and writes its log to standard output. A supervisor accepts "
         "connections and forks a handler for each; one storer writes bets.csv and syncs it. A bet "
         "that was acknowledged is on the disk.",
         "SIGTERM, SIGINT and SIGQUIT stop it gracefully: what has arrived is answered and stored. "
         "SIGHUP reads the configuration and the files of TLS again. SIGKILL of any of its "
         "processes loses nothing that was acknowledged; a server that is started again goes on.",
         "One server to a data directory. The draw's state is in the directory, and nothing else "
         "has to be kept. The files bets.csv, done.csv and winners.csv may be read at any time and "
         "must never be written."},
    .examples = {{"lottery-server -t -c server.yaml", "test a configuration; nothing is started"},
                 {"lottery-server -T -c server.yaml", "every value, and where it comes from"},
                 {"DATA_DIRECTORY=/srv/lottery lottery-server", "start without a file"}},
};

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct options *options = context;
    if (id == 'c') {
        options->file = argument;
    } else if (id == OPTION_FOLLOW) {
        options->follows = true;
    } else if (id == OPTION_REPLACE) {
        options->replaces = true;
    } else if (id == 't') {
        options->only_test = true;
    } else {
        options->only_print = true;
    }
    return PROGRAM_GO_ON;
}

static void log_config(const struct server_config *config)
{
    char description[LOG_LINE_BYTES];
    config_describe(&server_config_table, config, description, sizeof description);
    log_info(LOG_CONFIG_READ, "result: success%-s", description);
}

/* Warns of a configuration that is allowed, but with which the draw would never be held. */
static void log_doubt(const struct server_config *config)
{
    struct failure doubt;
    if (!server_config_can_draw(config, &doubt)) {
        log_warning(LOG_CONFIG_DOUBTFUL, "result: in_progress | reason: %s", doubt.text);
    }
}

/* Warns if a handler that is killed while it appends would block all others for ever. */
static void log_emulation(void)
{
    if (!robust_mutex_works()) {
        log_warning(LOG_ROBUST_MUTEXES_MISSING,
                    "result: in_progress | reason: this kernel has no robust mutexes (user-mode "
                    "emulation?), so a handler that is killed while it appends "
                    "blocks all others until the server is started again");
    }
}

/*
 * Loads the configuration and checks the files that it names. The keys have to be readable for whom
 * the server becomes, and not for root alone. Each mistake is complained of. False: it is not known whom
 * the server becomes, so nothing that belongs to anybody was looked at.
 */
static bool load(const struct options *options, struct server_config *config,
                 struct config_origin *origins, struct program_complaints *complaints)
{
    static const enum server_key of_identity[] = {KEY_USER, KEY_DATA_GROUP};
    struct failure failure;
    const struct config_request request = {
        .file = options->file, .tell = program_complain_of, .context = complaints};
    (void)server_config_read(&request, config, origins, &failure);
    if (!server_keys_are_sure(origins, of_identity, sizeof of_identity / sizeof of_identity[0])) {
        return false;
    }
    if (!confinement_become(config->user, config->data_group, &failure)) {
        program_complain_of(failure.text, complaints);
        return false;
    }
    file_trial_run(config, origins, program_complain_of, complaints);
    return true;
}

/* Answers -t: looks at this machine, too, and lists what is wrong there. Returns the exit status. */
static int test(const struct server_config *config, const char *file,
                const struct config_origin *origins, struct program_complaints *complaints)
{
    const bool is_right = complaints->count == 0;
    bool runs = false;
    if (is_right) {
        log_doubt(config);
    }
    bool can_start = start_trial_run(config, origins, program_complain_of, complaints, &runs);
    if (!is_right) {
        return PROGRAM_EXIT_CONFIG;
    }
    if (!can_start) {
        return EXIT_FAILURE;
    }
    program_tell_config_ok(&manual, file);
    if (runs) {
        printf("%s: a server runs in %s\n", manual.name, config->data_directory);
    }
    return program_finish_output(&manual);
}

/* Becomes the server that runs in the directory. Until that stops, each mistake leaves it alone. */
static int replace(const struct server_config *config, const struct config_origin *origins,
                   struct service_manager *manager, const struct listeners *listeners)
{
    struct program_complaints complaints = {.manual = &manual};
    bool runs = false;
    struct predecessor predecessor;
    struct failure failure;
    if (!start_trial_run(config, origins, program_complain_of, &complaints, &runs)) {
        return EXIT_FAILURE;
    }
    switch (predecessor_ask(&predecessor, config, runs, &failure)) {
    case PREDECESSOR_NONE:
        log_warning(LOG_REPLACE_FINDS_NOBODY,
                    "result: success | reason: no server runs in %s: this is an ordinary start",
                    config->data_directory);
        return supervisor_run(config, manager, NULL, listeners, -1);
    case PREDECESSOR_GIVES:
        if (predecessor_await_end(&predecessor, &failure)) {
            return supervisor_run(config, manager, &predecessor, &predecessor.listeners, -1);
        }
        break;
    case PREDECESSOR_REFUSES:
        break;
    }
    log_critical(LOG_REPLACE_REFUSED, "result: fail | error: %s", failure.text);
    log_complain("%s", failure.text);
    return EXIT_FAILURE;
}

/* Lives as a standby first, where that is wanted, and returns the exit status. */
static int live(struct server_config *config, struct service_manager *manager, bool follows,
                const struct listeners *listeners)
{
    struct failure failure;
    int promoter = -1;
    switch (follows ? standby_run(config, manager, &promoter, &failure) : STANDBY_TOOK_OVER) {
    case STANDBY_TOOK_OVER:
        return supervisor_run(config, manager, NULL, listeners, promoter);
    case STANDBY_STOPPED:
        log_info(LOG_SERVER_EXITED, "result: success | end: stopped_as_asked");
        return EXIT_SUCCESS;
    case STANDBY_FAILED:
        break;
    }
    log_critical(LOG_STANDBY_FAILED, "result: fail | error: %s", failure.text);
    log_complain("%s", failure.text);
    return EXIT_FAILURE;
}

/* Nobody is served worse where the service manager hears nothing; it will say so in its own time. */
static void open_manager(struct service_manager *manager)
{
    struct failure failure;
    if (!service_manager_open(manager, &failure)) {
        log_warning(LOG_MANAGER_UNREACHABLE,
                    "result: fail | error: %s | reason: the service manager that started this "
                    "server will not hear from it",
                    failure.text);
    }
}

/* Opens `listeners` from what the service manager has given: none, where that was nothing. */
static bool use_given(const struct options *options, const struct server_config *config,
                      struct service_manager *manager, struct listen_fds *given,
                      struct listeners *listeners, struct failure *failure)
{
    *listeners = (struct listeners){0};
    if (given->sockets.count == 0) {
        return true;
    }
    if (options->replaces) {
        listeners_close(&given->sockets);
        return failure_set(failure, "--replace: the service manager has given this start the "
                                    "sockets already: start it without --replace");
    }
    if (!options->follows) {
        return listen_fds_open(given, config, listeners, failure);
    }
    service_manager_forget(manager, LISTEN_FDS_KEPT_NAME);
    log_info(LOG_GIVEN_SOCKETS_DECLINED,
             "result: success | closed: %zu | reason: a standby listens nowhere",
             given->sockets.count);
    return listen_fds_decline(given, failure);
}

static bool inherit(const struct options *options, const struct server_config *config,
                    struct service_manager *manager, struct listeners *listeners)
{
    struct listen_fds given;
    struct failure failure;
    if (listen_fds_take(&given, &failure) &&
        use_given(options, config, manager, &given, listeners, &failure)) {
        return true;
    }
    log_critical(LOG_GIVEN_SOCKETS_REFUSED, "result: fail | error: %s", failure.text);
    log_complain("%s", failure.text);
    return false;
}

static int serve(struct server_config *config, const struct config_origin *origins,
                 const struct options *options)
{
    struct service_manager manager;
    struct listeners listeners;
    int status = EXIT_FAILURE;
    signals_keep_hangup();
    log_set_threshold((enum log_level)config->log_level);
    log_set_format((enum log_format)config->log_format);
    log_open();
    log_config(config);
    log_doubt(config);
    log_emulation();
    open_manager(&manager);
    if (inherit(options, config, &manager, &listeners)) {
        status = options->replaces ? replace(config, origins, &manager, &listeners)
                                   : live(config, &manager, options->follows, &listeners);
    }
    service_manager_close(&manager);
    log_close();
    return status;
}

static int run_with(const struct options *options, struct server_config *config,
                    struct config_origin *origins)
{
    struct program_complaints complaints = {.manual = &manual};
    const bool is_known = load(options, config, origins, &complaints);
    if (is_known && options->only_test && !options->only_print) {
        return test(config, options->file, origins, &complaints);
    }
    if (complaints.count > 0) {
        return PROGRAM_EXIT_CONFIG;
    }
    if (options->only_print) {
        config_print_values(&server_config_table, config, origins, stdout);
        return program_finish_output(&manual);
    }
    return serve(config, origins, options);
}

static int run(const struct options *options)
{
    struct server_config config;
    struct config_origin *origins = calloc(server_config_table.count, sizeof *origins);
    if (origins == NULL) {
        return program_complain(&manual, EXIT_FAILURE, "no memory for the configuration");
    }
    int status = run_with(options, &config, origins);
    free(origins);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    process_title_open(argc, argv);
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, &options);
    if (reading == PROGRAM_GO_ON && options.follows && options.replaces) {
        return program_complain(&manual, PROGRAM_EXIT_USAGE,
                                "--follow and --replace: a standby replaces nobody");
    }
    return reading == PROGRAM_GO_ON ? run(&options) : program_exit_status(&manual, reading);
}
