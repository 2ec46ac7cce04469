/*
 * sink.h - where a feed delivers to: standard output, PostgreSQL, or what a test looks into.
 *
 * A sink keeps the feed's position together with what was delivered, as well as it can: in one
 * transaction where it has some, so that each record is there exactly once whoever is killed.
 *
 * Called by the feed's one thread. Each sink has a struct of its own that begins with `struct sink`.
 */
#ifndef FEED_SINK_H
#define FEED_SINK_H

#include "engine/engine.h"
#include "engine/record.h"
#include "feed/position.h"
#include "lib/failure.h"

enum sink_end {
    SINK_WORKED,
    SINK_AWAY,  /* it can't be reached, or has lost what was not committed: ask where it stands */
    SINK_MOVED, /* another feed has moved its position meanwhile: nothing was delivered */
    SINK_FAILED /* it won't get better by itself; the failure says why */
};

struct sink;

struct sink_calls {
    /*
     * Says where it stands: the position that it keeps, after which it wants to be given records. What
     * was delivered and not committed is forgotten.
     */
    enum sink_end (*stand)(struct sink *sink, char position[POSITION_BYTES],
                           struct failure *failure);
    /* Takes a record, which it has to copy. It may be committed later, or never. */
    enum sink_end (*take)(struct sink *sink, const struct engine_message *message,
                          const struct record *record, struct failure *failure);
    /*
     * Keeps all that was taken, and the position behind it, where it still stands at `before`; all of
     * that or nothing.
     */
    enum sink_end (*commit)(struct sink *sink, const char *before, const char *after,
                            struct failure *failure);
};

struct sink {
    const struct sink_calls *calls;
};

#endif
