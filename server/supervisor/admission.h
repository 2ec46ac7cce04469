/*
 * admission.h - decides who is let in, and who gives its place up for that.
 *
 * Why it exists: each connection is a process, and there are only so many. Whoever has not said who
 * it is must not keep those out who are known. What others do: sshd drops strangers at random
 * (MaxStartups), Postfix and HAProxy count by address. Here the place is taken from the address
 * that has most strangers, and there from the one that came first.
 *
 * What it promises:
 * - At most limits.max_connections handlers stay, and at most limits.unidentified_connections of
 *   them are strangers. The others are there only for those who have said who they are, and none
 *   of these is evicted.
 * - A newcomer whose address does not have most strangers finds a place at once.
 * - A newcomer from the very address that has most of them takes the place of the first of these,
 *   if it has spoken already, as an agency does with its first packet. Silent ones do so only a
 *   limited number of times a second; else a flood would become a storm of forks.
 * - Refusing costs an accept and a close.
 * - A balancer of server.proxy_from is judged by the number of places alone: whose connections it
 *   forwards is known only after its header has come (handler/proxied_peer.h).
 *
 * Called by the supervisor alone; it stands in its private memory. If it dies, it dies with it.
 */
#ifndef SERVER_SUPERVISOR_ADMISSION_H
#define SERVER_SUPERVISOR_ADMISSION_H

#include "lib/rate_limit.h"
#include "server/heritage.h"
#include "server/listener.h"
#include "server/supervisor/handler_book.h"
#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

struct admission {
    struct handler_book handlers;
    uint32_t connections_max, strangers_max, per_address_max;
    struct rate_limit connection_rate, stranger_rate; /* of an address */
    struct rate_limit eviction_rate;                  /* by silent newcomers of the same address */
    uint64_t eviction_bucket;
    int64_t looked_at_ns;                /* when the slots were last looked at */
    const struct address_set *balancers; /* server.proxy_from, the configuration's */
};

/* False, with nothing to close, if there is no memory. */
bool admission_open(struct admission *admission, const struct server_config *config);
void admission_close(struct admission *admission);

/*
 * Takes over changed limits. limit_connections is not above that of admission_open. Where more are
 * connected than may be, those that have said who they are stay, and nobody comes in before there is a
 * place. What each address has used up stays used up.
 */
void admission_renew(struct admission *admission, const struct server_config *config);

/* True when a connection may be accepted: there is a place, or a stranger that would give up one. */
bool admission_has_room(struct admission *admission, const struct segment *segment);

/* What becomes of a newcomer. */
struct admission_verdict {
    bool admitted;
    enum refusal_reason reason; /* where it was not */
    uint32_t address;           /* for handler_book_note, where it was */
    uint32_t evicted_slot; /* whose handler was asked to leave for it; ADDRESS_NONE: nobody's */
};

/*
 * Judges a connection that was just accepted, with this socket; admission_has_room was true, and a
 * slot is free. It may evict a stranger: its slot is marked, and its handler gets SIGTERM. Counts
 * what it refuses.
 */
struct admission_verdict admission_judge(struct admission *admission, const struct segment *segment,
                                         int socket, const struct listener_peer *peer);

/*
 * Takes a handler that has been reaped out of the book. If its connection never said who it is, its
 * address is charged for that; not where it was silent and was evicted, which is limited otherwise,
 * and else would keep agencies of its address out. The slot is still as its handler left it.
 */
void admission_bury(struct admission *admission, const struct segment *segment,
                    uint32_t slot_index);

#endif
