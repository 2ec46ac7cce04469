/*
 * feeding.h - a centre's log, from where a sink stands, record by record into that sink.
 *
 * Each record is checked before it is delivered: its headers, its CRC (record.h), and that it can come
 * next (log_state.h). The first one that is not right ends the feed: what comes behind it can't be
 * told from what somebody lost or wrote without right. Records are committed in groups, as many as
 * there are, up to FEEDING_GROUP_BYTES.
 *
 * Called by main's one thread. If the process dies, the sink has what was committed, and the next feed
 * goes on behind it.
 */
#ifndef FEED_FEEDING_H
#define FEED_FEEDING_H

#include "engine/engine.h"
#include "feed/sink.h"
#include "feed/stop.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    FEEDING_GROUP_BYTES = 4 << 20,
    /* How long it goes on without progress where it does not follow: longer than an election. */
    FEEDING_PATIENCE_MS = 30000
};

enum feeding_end {
    FEEDING_DONE,   /* all that the log had when it began is delivered; or it was asked to stop */
    FEEDING_BROKEN, /* the log is not right, or not the one that the position is of */
    FEEDING_AWAY,   /* the engine or the sink could not be reached for too long */
    FEEDING_MOVED,  /* another feed has moved the sink's position */
    FEEDING_FAILED  /* the sink has failed */
};

struct feeding_plan {
    struct engine *engine;
    const char *stream;
    struct sink *sink;
    struct stop *stop;
    bool follows;        /* goes on with what will be appended, and waits for whoever is away */
    int64_t patience_ms; /* FEEDING_PATIENCE_MS, but for tests */
};

/*
 * Feeds. Says on standard error what it waits for (log_complain). `failure` says why, with every end
 * but FEEDING_DONE. `position`: what is committed, where that is known; else "".
 */
enum feeding_end feeding_run(const struct feeding_plan *plan, char position[POSITION_BYTES],
                             struct failure *failure);

#endif
