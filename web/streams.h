/*
 * streams.h - the readers of /events, and what each of them has been sent.
 *
 * Server-sent events (HTML, 9.2): a response that does not end, of which each event is the newest
 * state. All readers share the text of an event, a frame. A reader that is slow keeps the frame
 * that it is in the middle of, then gets the newest one, and never those between: so it costs one
 * frame at most, and nobody waits for it. A reader without news is suspended.
 *
 * Called by lottery-web alone, in its one thread.
 */
#ifndef WEB_STREAMS_H
#define WEB_STREAMS_H

#include "lib/failure.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STREAMS_MAX = 32 };

struct stream;
struct frame;

/* Zeroed: nobody reads, and nothing has been published. */
struct streams {
    struct frame *newest;
    struct stream *first;
    size_t count;
    bool closing;
};

/*
 * Publishes the next frame: a JSON text, terminated, which becomes one event and stays the
 * caller's. `number` is its id. False with the failure when there is no memory; the frame before
 * stays the newest.
 */
bool streams_publish(struct streams *streams, const char *json, uint64_t number,
                     struct failure *failure);

/*
 * Makes the response that a new reader gets, whose first event is the newest frame. NULL when there
 * are STREAMS_MAX of them already, or there is no memory. The caller queues and destroys it.
 */
struct MHD_Response *streams_open(struct streams *streams, struct MHD_Connection *connection);

/*
 * Wakes all readers, so that their responses end. The caller runs the daemon once more, and stops
 * it, before it calls streams_free.
 */
void streams_end(struct streams *streams);

/* Frees the newest frame. No reader may be left. */
void streams_free(struct streams *streams);

#endif
