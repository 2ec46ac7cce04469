/*
 * main.c - lottery-web: a page that shows what the server's processes share.
 *
 * Reads the options and the server's configuration, listens, gives up its rights
 * (web_confinement.h), and then does two things in turn until a signal ends it: it looks at the
 * server (observer.h), and serves what it has seen (site.h). It has one thread and waits in one
 * place. The program only reads, so the server does not notice it. If it dies, nothing remains of
 * it. Exit status: 0 after a signal that asked it to end, 1 when something failed, 2 when it was
 * called wrongly.
 */
#include "lib/clock.h"
#include "lib/log.h"
#include "server/confinement_identity.h"
#include "server/listener.h"
#include "server/server_config.h"
#include "server/signals.h"
#include "web/observer.h"
#include "web/site.h"
#include "web/web_confinement.h"
#include "web/web_options.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often it looks at the server: while a page is open, and else, for the history. */
enum { LOOK_WATCHED_MS = 200, LOOK_ALONE_MS = 1000 };
enum { BACKLOG = 16, ACCEPTS_A_TURN = 16 };

struct web {
    struct listeners listeners;
    struct observer observer;
    struct site site;
    int64_t look_at_ms;   /* of the monotonic clock: the next look */
    bool is_out_of_files; /* a connection could not be accepted; tried again after the next look */
};

/* ------------------------------------------------------------------- turns ---- */

/* Waits until there is something to do. */
static void await(struct web *web)
{
    struct pollfd files[LISTENERS_MAX + 1] = {{.fd = web->site.events, .events = POLLIN}};
    nfds_t count = 1;
    for (size_t i = 0; i < web->listeners.count && !web->is_out_of_files; i++) {
        files[count++] = (struct pollfd){.fd = web->listeners.descriptors[i], .events = POLLIN};
    }
    int64_t left_ms = web->look_at_ms - clock_monotonic_ms();
    struct timespec timeout =
        clock_interval(site_patience_ms(&web->site, left_ms > 0 ? left_ms : 0));
    (void)ppoll(files, count, &timeout, signals_sleep_mask());
}

static void accept_some(struct web *web)
{
    for (size_t i = 0; i < web->listeners.count; i++) {
        int left = ACCEPTS_A_TURN;
        while (left > 0 && site_accept(&web->site, web->listeners.descriptors[i])) {
            left--;
        }
        if (left > 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
            web->is_out_of_files = true;
        }
    }
}

static void look(struct web *web)
{
    struct failure failure;
    observer_look(&web->observer);
    if (!site_publish(&web->site, &failure)) {
        log_warning(LOG_WEB_EVENT_LOST, "result: fail | reason: %s", failure.text);
    }
    web->is_out_of_files = false;
    bool is_watched = web->site.streams.count > 0;
    web->look_at_ms = clock_monotonic_ms() + (is_watched ? LOOK_WATCHED_MS : LOOK_ALONE_MS);
}

/* The first page that is opened does not wait for a look that is a second away. */
static void hurry(struct web *web)
{
    int64_t soon_ms = clock_monotonic_ms() + LOOK_WATCHED_MS;
    if (web->site.streams.count > 0 && web->look_at_ms > soon_ms) {
        web->look_at_ms = soon_ms;
    }
}

static void serve(struct web *web)
{
    while (!signals_terminate_requested()) {
        await(web);
        accept_some(web);
        if (clock_monotonic_ms() >= web->look_at_ms) {
            look(web);
        }
        site_serve(&web->site);
        hurry(web);
    }
}

/* -------------------------------------------------------------------- life ---- */

static void log_listeners(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct listener_peer bound;
        unsigned port = 0;
        if (listener_describe(listeners->descriptors[i], &bound, &port)) {
            log_info(LOG_WEB_LISTENING, "result: success | url: http://%s/", bound.text);
        }
    }
}

static bool listen_at(const struct server_config *config, const struct web_options *options,
                      struct listeners *listeners, struct failure *failure)
{
    struct server_config own = *config;
    (void)snprintf(own.address, sizeof own.address, "%s", options->address);
    own.port = options->port;
    own.listen_backlog = BACKLOG;
    return listeners_open(&own, listeners, failure);
}

static bool run(const struct server_config *config, const struct web_options *options,
                struct failure *failure)
{
    struct web web = {.listeners = {0}};
    bool opened = listen_at(config, options, &web.listeners, failure) &&
                  site_open(&web.site, &web.observer, options->names, failure) &&
                  web_confinement_enter(config, failure);
    if (opened) {
        observer_open(&web.observer, config->data_directory);
        log_listeners(&web.listeners);
        serve(&web);
        char request[SIGNALS_REQUEST_BYTES];
        signals_describe_request(request);
        log_info(LOG_WEB_STOPPED, "result: success | reason: %s", request);
    }
    site_close(&web.site);
    observer_close(&web.observer);
    listeners_close(&web.listeners);
    return opened;
}

int main(int argc, char **argv)
{
    struct program_complaints complaints = {.manual = &web_manual};
    struct web_options options;
    struct server_config config;
    struct failure failure;
    if (!program_begin(&web_manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = web_options_read(argc, argv, &options);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&web_manual, reading);
    }
    const struct config_request request = {
        .file = options.file, .tell = program_complain_of, .context = &complaints};
    if (!server_config_load(&request, &config, &failure)) {
        return PROGRAM_EXIT_CONFIG;
    }
    if (!confinement_become(config.user, config.data_group, &failure)) {
        return program_complain(&web_manual, EXIT_FAILURE, "%s", failure.text);
    }
    if (options.only_check) {
        program_tell_config_ok(&web_manual, options.file);
        return program_finish_output(&web_manual);
    }
    log_set_threshold((enum log_level)config.log_level);
    log_set_format((enum log_format)config.log_format);
    log_open();
    signals_prepare_supervisor();
    bool done = run(&config, &options, &failure);
    log_close();
    return done ? EXIT_SUCCESS : program_complain(&web_manual, EXIT_FAILURE, "%s", failure.text);
}
