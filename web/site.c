/*
 * site.c - see site.h.
 */
#include "web/site.h"

#include "web/host_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char no_content[] = "default-src 'none'";

/* --------------------------------------------------------------- answers ---- */

/* Queues a response with the headers that all have, and destroys it. */
static enum MHD_Result send_response(struct MHD_Connection *connection, unsigned status,
                                     struct MHD_Response *response, const char *type,
                                     const char *policy)
{
    const char *const headers[][2] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"Content-Security-Policy", policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
    };
    bool complete = response != NULL;
    for (size_t i = 0; complete && i < sizeof headers / sizeof headers[0]; i++) {
        complete = MHD_add_response_header(response, headers[i][0], headers[i][1]) == MHD_YES;
    }
    enum MHD_Result result = complete ? MHD_queue_response(connection, status, response) : MHD_NO;
    if (response != NULL) {
        MHD_destroy_response(response);
    }
    return result;
}

static enum MHD_Result send_words(struct MHD_Connection *connection, unsigned status,
                                  const char *words)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(words), (void *)words, MHD_RESPMEM_PERSISTENT);
    if (response != NULL && status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    return send_response(connection, status, response, "text/plain; charset=utf-8", no_content);
}

/* Prints what the observer has seen into memory, which the caller frees; NULL: there is none. */
static char *print_state(const struct observer *observer, bool as_prometheus,
                         enum observer_extent extent, size_t *bytes)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, bytes);
    if (file == NULL) {
        return NULL;
    }
    if (as_prometheus) {
        observer_print_prometheus(file, observer);
    } else {
        observer_print_json(file, observer, extent);
    }
    bool printed = ferror(file) == 0;
    if (fclose(file) != 0 || !printed) {
        free(text);
        return NULL;
    }
    return text;
}

/* --------------------------------------------------------------- resources ---- */

typedef enum MHD_Result send_resource(struct site *site, struct MHD_Connection *connection);

static enum MHD_Result send_page(struct site *site, struct MHD_Connection *connection)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        site->page.bytes, (void *)site->page.text, MHD_RESPMEM_PERSISTENT);
    return send_response(connection, MHD_HTTP_OK, response, "text/html; charset=utf-8",
                         site->page.policy);
}

static enum MHD_Result send_state(struct site *site, struct MHD_Connection *connection,
                                  bool as_prometheus, const char *type)
{
    size_t bytes = 0;
    observer_look_if_older(site->observer, SITE_FRESH_MS);
    char *text = print_state(site->observer, as_prometheus, OBSERVER_ALL, &bytes);
    if (text == NULL) {
        return send_words(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
    }
    return send_response(connection, MHD_HTTP_OK, response, type, no_content);
}

static enum MHD_Result send_json(struct site *site, struct MHD_Connection *connection)
{
    return send_state(site, connection, false, "application/json; charset=utf-8");
}

static enum MHD_Result send_metrics(struct site *site, struct MHD_Connection *connection)
{
    return send_state(site, connection, true, "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result send_events(struct site *site, struct MHD_Connection *connection)
{
    struct MHD_Response *response = streams_open(&site->streams, connection);
    if (response == NULL) {
        return send_words(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                          "too many pages are open already\n");
    }
    (void)MHD_add_response_header(response, "X-Accel-Buffering", "no"); /* of nginx */
    return send_response(connection, MHD_HTTP_OK, response, "text/event-stream", no_content);
}

static const struct {
    const char *path;
    send_resource *send;
} resources[] = {
    {"/", send_page},
    {"/metrics", send_metrics},
    {"/state.json", send_json},
    {"/events", send_events},
};

/* ---------------------------------------------------------------- requests ---- */

static enum MHD_Result answer(struct site *site, struct MHD_Connection *connection,
                              const char *path)
{
    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        if (strcmp(path, resources[i].path) == 0) {
            return resources[i].send(site, connection);
        }
    }
    return send_words(connection, MHD_HTTP_NOT_FOUND,
                      "there are /, /metrics, /state.json and /events\n");
}

/*
 * Called by libmicrohttpd: once when the headers are there, where only a refusal may be answered,
 * then for each part of a body, and at last without one.
 */
static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *upload, size_t *upload_bytes, void **request)
{
    static char has_begun;
    struct site *site = context;
    (void)version;
    (void)upload;
    if (*request != NULL) {
        bool has_body = *upload_bytes != 0;
        *upload_bytes = 0;
        return has_body ? MHD_YES : answer(site, connection, path);
    }
    *request = &has_begun;
    const char *host =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (!host_name_is_ours(host, site->host_names)) {
        return send_words(connection, MHD_HTTP_MISDIRECTED_REQUEST,
                          "this name is not served here: ask by address, by localhost, or by a "
                          "name that lottery-web was given (--names)\n");
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return send_words(connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                          "everything here is only read\n");
    }
    return MHD_YES;
}

/* -------------------------------------------------------------------- life ---- */

bool site_open(struct site *site, struct observer *observer, const char *host_names,
               struct failure *failure)
{
    *site = (struct site){.events = -1, .observer = observer, .host_names = host_names};
    if (!page_open(&site->page, failure)) {
        return false;
    }
    site->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        take_request, site, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SITE_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SITE_TIMEOUT_S, MHD_OPTION_SIGPIPE_HANDLED_BY_APP,
        1, MHD_OPTION_END);
    const union MHD_DaemonInfo *information =
        site->daemon == NULL ? NULL : MHD_get_daemon_info(site->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (information == NULL) {
        site_close(site);
        return failure_set_errno(failure, "start libmicrohttpd");
    }
    site->events = information->epoll_fd;
    return true;
}

bool site_accept(struct site *site, int listener)
{
    struct sockaddr_storage address = {0};
    socklen_t bytes = sizeof address;
    int connection =
        accept4(listener, (struct sockaddr *)&address, &bytes, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) {
        return false;
    }
    /* One that is too many is closed in there. */
    (void)MHD_add_connection(site->daemon, connection, (const struct sockaddr *)&address, bytes);
    return true;
}

void site_serve(struct site *site)
{
    (void)MHD_run(site->daemon);
}

int64_t site_patience_ms(const struct site *site, int64_t limit_ms)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    bool has_timeout = MHD_get_timeout(site->daemon, &timeout_ms) == MHD_YES;
    return has_timeout && (int64_t)timeout_ms < limit_ms ? (int64_t)timeout_ms : limit_ms;
}

bool site_publish(struct site *site, struct failure *failure)
{
    size_t bytes = 0;
    char *json = print_state(site->observer, false, OBSERVER_NEWEST, &bytes);
    if (json == NULL) {
        return failure_set_errno(failure, "print what the server's state is");
    }
    bool published = streams_publish(&site->streams, json, site->observer->looks, failure);
    free(json);
    return published;
}

void site_close(struct site *site)
{
    if (site->daemon != NULL) {
        streams_end(&site->streams);
        (void)MHD_run(site->daemon);
        MHD_stop_daemon(site->daemon);
        site->daemon = NULL;
    }
    streams_free(&site->streams);
}
