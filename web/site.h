/*
 * site.h - what lottery-web serves by HTTP: the page, /metrics, /state.json, /events.
 *
 * Everything is read by GET or HEAD, and nothing that is sent to it changes anything. A request
 * whose Host is not ours gets 421 (host_name.h). No answer may be read by a page of another origin.
 * libmicrohttpd speaks HTTP; it has no thread and no socket of its own. Connections are
 * SITE_CONNECTIONS_MAX at most, and one that is silent, or does not read, for SITE_TIMEOUT_S is
 * closed.
 *
 * Called by lottery-web alone, in its one thread. No call waits for a client.
 */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include "lib/failure.h"
#include "web/observer.h"
#include "web/page.h"
#include "web/streams.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

/* SITE_FRESH_MS: a look at the server that is no older answers a request. */
enum { SITE_CONNECTIONS_MAX = 64, SITE_TIMEOUT_S = 15, SITE_FRESH_MS = 100 };

struct site {
    struct MHD_Daemon *daemon; /* owned */
    int events;                /* a descriptor that can be read when site_serve has to be called */
    const char *host_names;    /* the caller's; see host_name_is_ours */
    struct observer *observer; /* the caller's */
    struct page page;
    struct streams streams;
};

/* Opens the site; `observer` and `host_names` must outlive it. False with the failure. */
bool site_open(struct site *site, struct observer *observer, const char *host_names,
               struct failure *failure);

/*
 * Accepts one connection of this listener, which must not block; closes it where there are
 * SITE_CONNECTIONS_MAX already. Returns false with errno when none was accepted, EAGAIN when none
 * is waiting.
 */
bool site_accept(struct site *site, int listener);

/* Does what can be done without waiting. */
void site_serve(struct site *site);

/* Returns within how many milliseconds site_serve has to be called again; `limit_ms` at most. */
int64_t site_patience_ms(const struct site *site, int64_t limit_ms);

/*
 * Gives what the observer has seen to all readers of /events, to whom the next site_serve sends it.
 * False with the failure.
 */
bool site_publish(struct site *site, struct failure *failure);

/* Ends all connections and frees everything. */
void site_close(struct site *site);

#endif
