/*
 * proxied_peer.c - see proxied_peer.h.
 */
#include "server/handler/proxied_peer.h"

#include "lib/clock.h"
#include "server/handler/proxy_header.h"
#include "server/signals.h"
#include "shm/refusals.h"
#include "shm/slots.h"

#include <stdio.h>

/* A header on its way: what has been taken from the socket so far, all of it the header's. */
struct arrival {
    char bytes[PROXY_HEADER_BYTES_MAX];
    size_t count;
    int64_t deadline_ms; /* of the monotonic clock */
    struct proxy_header header;
    const char *reason; /* why it is refused */
};

/* Takes the bytes that belong to the header: all that has come while it is incomplete. */
static enum proxy_header_result take_bytes(struct arrival *arrival, struct connection *connection,
                                           size_t shown)
{
    size_t taken = arrival->count;
    enum proxy_header_result result =
        proxy_header_parse(arrival->bytes, taken + shown, &arrival->header, &arrival->reason);
    if (result != PROXY_HEADER_WRONG) {
        arrival->count =
            result == PROXY_HEADER_WHOLE ? arrival->header.bytes : arrival->count + shown;
        connection_discard(connection, arrival->count - taken);
    }
    return result;
}

/* Waits until the header is there as a whole. */
static enum proxied_peer await_header(struct arrival *arrival, struct connection *connection)
{
    while (!signals_terminate_requested()) {
        size_t shown = 0;
        int64_t left_ms = arrival->deadline_ms - clock_monotonic_ms();
        enum proxy_header_result result = PROXY_HEADER_INCOMPLETE;
        switch (connection_peek(connection, arrival->bytes + arrival->count,
                                sizeof arrival->bytes - arrival->count, left_ms > 0 ? left_ms : 0,
                                &shown)) {
        case RECEIVED:
            result = take_bytes(arrival, connection, shown);
            break;
        case RECEIVED_NOTHING:
        case RECEIVED_INTERRUPTED:
            break;
        case RECEIVED_TIMEOUT:
            arrival->reason = "it did not come whole in timeouts.message";
            return PROXIED_PEER_REFUSED;
        case RECEIVED_END:
            arrival->reason = "the connection ended within it";
            return arrival->count == 0 ? PROXIED_PEER_GONE : PROXIED_PEER_REFUSED;
        case RECEIVED_ERROR:
            return PROXIED_PEER_GONE;
        }
        if (result != PROXY_HEADER_INCOMPLETE) {
            return result == PROXY_HEADER_WHOLE ? PROXIED_PEER_KNOWN : PROXIED_PEER_REFUSED;
        }
    }
    return PROXIED_PEER_GONE;
}

/*
 * Notes whose connection it is, and counts it for that host. False where that is one too many. A
 * balancer has no limit where it names itself: HAProxy's health checks do by version 1.
 */
static bool take_over(const struct heritage *heritage, uint32_t slot_index,
                      const struct proxy_header *header, const struct peer_log *log)
{
    const struct server_config *config = &heritage->config;
    if (!header->has_source) {
        peer_log_write(log, LOG_LEVEL_DEBUG, LOG_PROXY_HEADER_READ, "result: success | source: %s",
                       header->is_local ? "the balancer itself" : "unknown");
        return true;
    }
    slot_set_forwarded(&heritage->segment.slots[slot_index], header->source.text);
    bool is_limited = !address_set_has(&config->balancers, header->source.host);
    if (!slot_admit_forwarded(&heritage->segment, slot_index,
                              is_limited ? config->limit_connections_per_address : 0)) {
        atomic_fetch_add(&heritage->segment.shared->supervisor.connections_refused, 1);
        refusals_count(&heritage->segment, REFUSAL_PER_ADDRESS);
        return false;
    }
    peer_log_write(log, LOG_LEVEL_INFO, LOG_PROXY_HEADER_READ, "result: success");
    return true;
}

enum proxied_peer proxied_peer_learn(const struct heritage *heritage, uint32_t slot_index,
                                     struct connection *connection, const struct peer_log *log,
                                     char reason[MESSAGE_REASON_BYTES_MAX + 1])
{
    struct arrival arrival = {.deadline_ms = clock_monotonic_ms() +
                                             (int64_t)heritage->config.timeout_message_ms};
    enum proxied_peer learned = await_header(&arrival, connection);
    if (learned == PROXIED_PEER_REFUSED) {
        (void)snprintf(reason, MESSAGE_REASON_BYTES_MAX + 1,
                       "no PROXY header from an address that server.proxy_from names: %s",
                       arrival.reason);
    } else if (learned == PROXIED_PEER_KNOWN &&
               !take_over(heritage, slot_index, &arrival.header, log)) {
        (void)snprintf(reason, MESSAGE_REASON_BYTES_MAX + 1,
                       "more than limits.connections_per_address");
        learned = PROXIED_PEER_REFUSED;
    }
    return learned;
}
