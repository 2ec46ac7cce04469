/*
 * greeting.c - see greeting.h.
 */
#include "server/handler/greeting.h"

#include "bet/message.h"
#include "lib/clock.h"
#include "server/handler/proxy_header.h"
#include "server/signals.h"
#include "shm/slots.h"

#include <string.h>

enum {
    TLS_BYTE = 22, /* the type of a handshake record */
    NO_TIME_LIMIT = -1
};

/*
 * A plain ERROR: its reader knows no TLS, and may be any client of the exercises. lottery-agency
 * knows it by how it begins.
 */
static const char tls_alone[] =
    "server:ERROR:" MESSAGE_SPEAKS_TLS " alone: set tls.mode to required" MESSAGE_END;

static const char no_balancer[] =
    "server:ERROR:a PROXY header from an address that server.proxy_from doesn't name" MESSAGE_END;

static const char no_agency[] = "server:ERROR:the certificate speaks for no agency" MESSAGE_END;

static struct shared_tls *counters(const struct greeting *greeting)
{
    return &greeting->heritage->segment.shared->tls;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Tells the peer by `answer`, where there is one, and the log, why it is not served. */
static bool refuse(const struct greeting *greeting, const char *answer, const char *reason)
{
    count(&counters(greeting)->failed);
    peer_log_limited(greeting->log, LOG_LEVEL_WARNING, LOG_TLS_FAILED, "result: fail | reason: %s",
                     reason);
    if (answer != NULL) {
        connection_send(greeting->connection, answer, strlen(answer));
        (void)connection_flush(greeting->connection);
    }
    return false;
}

/* Waits for the first byte, at most timeouts.idle. RECEIVED: it is there, and stays to be read. */
static enum receive_result await_first_byte(const struct greeting *greeting, char *byte)
{
    uint64_t idle_ms = greeting->heritage->config.timeout_idle_ms;
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)idle_ms;
    enum receive_result result = RECEIVED_NOTHING;
    while (result == RECEIVED_NOTHING || result == RECEIVED_INTERRUPTED) {
        size_t shown = 0;
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        if (signals_terminate_requested()) {
            return RECEIVED_INTERRUPTED;
        }
        result = connection_peek(greeting->connection, byte, 1,
                                 idle_ms == 0  ? NO_TIME_LIMIT
                                 : left_ms > 0 ? left_ms
                                               : 0,
                                 &shown);
    }
    return result;
}

/* The same, told to lottery-stat and the log. False when none comes. */
static bool has_first_byte(const struct greeting *greeting, char *byte)
{
    slot_set_activity(greeting->slot, SLOT_RECEIVING);
    enum receive_result result = await_first_byte(greeting, byte);
    slot_set_activity(greeting->slot, SLOT_WORKING);
    if (result == RECEIVED_TIMEOUT) {
        log_info(LOG_CONNECTION_SILENT, "result: success | reason: silent for "
                                        "timeouts.idle");
    } else if (result == RECEIVED) {
        slot_note_first_byte(greeting->slot);
    }
    return result == RECEIVED;
}

/*
 * Shakes no hands with a certificate that may have been revoked since this handler was forked. The
 * peer connects again, to a handler that knows.
 */
static bool is_behind(const struct greeting *greeting)
{
    if (!server_tls_is_behind(&greeting->heritage->tls, &greeting->heritage->segment)) {
        return false;
    }
    peer_log_limited(greeting->log, LOG_LEVEL_INFO, LOG_TLS_LIST_RENEWED,
                     "result: success | reason: the revocation list was read again while the peer "
                     "had not shaken hands: it is to connect again");
    return true;
}

static bool shake_hands(const struct greeting *greeting, struct identity *identity)
{
    const struct server_config *config = &greeting->heritage->config;
    struct connection *connection = greeting->connection;
    struct failure failure;
    int64_t deadline_ms = clock_monotonic_ms() + (int64_t)config->timeout_message_ms;
    if (is_behind(greeting)) {
        return false; /* nor is there a keyholder for its certificate */
    }
    if (!connection_encrypt(connection, &greeting->heritage->tls.context, deadline_ms, &failure)) {
        return refuse(greeting, NULL, failure.text);
    }
    if (!identity_take(identity, &connection->tls, &failure)) {
        return refuse(greeting, no_agency, failure.text);
    }
    slot_note_security(greeting->slot, identity->serial, identity->names, identity->expires_at_s);
    if (identity->is_certified && is_behind(greeting)) {
        return false;
    }
    bool resumed = tls_stream_is_resumed(&connection->tls);
    count(&counters(greeting)->handshakes);
    if (resumed) {
        count(&counters(greeting)->resumed);
    }
    if (identity->is_certified) {
        slot_identify(greeting->slot);
    }
    log_debug(
        LOG_TLS_AGREED,
        "result: success | version: %s | resumed: %s | kernel: %s | certificate: %s | agencies: %s",
        SSL_get_version(connection->tls.ssl), resumed ? "yes" : "no",
        tls_stream_uses_kernel(&connection->tls) ? "yes" : "no",
        identity->is_certified ? identity->serial : "none", identity->names);
    return true;
}

/* A balancer's header is plain text, too: what is missing then is its name, and not TLS. */
static bool refuse_plain(const struct greeting *greeting)
{
    char begin[PROXY_HEADER_LINE_BYTES_MAX];
    size_t shown = 0;
    if (connection_peek(greeting->connection, begin, sizeof begin, 0, &shown) == RECEIVED &&
        proxy_header_is_begun(begin, shown)) {
        return refuse(greeting, no_balancer,
                      "a PROXY header from an address that server.proxy_from doesn't name");
    }
    return refuse(greeting, tls_alone, "plain text, and tls.mode is required");
}

bool greeting_exchange(const struct greeting *greeting, struct identity *identity)
{
    char byte = 0;
    *identity = (struct identity){.is_certified = false};
    if (!greeting->heritage->tls.is_on) {
        return true; /* plain text alone: the dialogue waits for the first message itself */
    }
    if (!has_first_byte(greeting, &byte)) {
        return false;
    }
    if (byte == TLS_BYTE) {
        return shake_hands(greeting, identity);
    }
    return greeting->heritage->config.tls_mode == TLS_OPTIONAL || refuse_plain(greeting);
}

bool greeting_is_tls(const struct connection *connection)
{
    size_t left = 0;
    const char *bytes = connection_bytes(connection, &left);
    return left > 0 && bytes[0] == TLS_BYTE;
}
