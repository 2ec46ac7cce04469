/*
 * follow.h - lottery-shipper's life as a standby: log to files, and the claim.
 *
 * `lottery-server --follow` holds the directory's lock and executes lottery-shipper --follow, which
 * reads the centre's log, applies it (mirror.h), and claims it when the primary is silent or the
 * operator wants it (takeover.h). It tells its server by lines on a pipe (struct follow_plan.words):
 *
 *     control           control has come into place: its terms can be compared
 *     refused TEXT      an order to promote can't be carried out, and why
 *     claimed EPOCH     the log is ours, and all of it is in our files, synced: it ends with 0
 *
 * SIGTERM ends it, with 0 and without a word. SIGUSR1 is the order to promote.
 *
 * If it dies, its server executes it again, and it goes on from the state file. If its server dies, the
 * kernel sends it SIGTERM.
 */
#ifndef SHIPPER_FOLLOW_H
#define SHIPPER_FOLLOW_H

#include "engine/engine.h"
#include "store/data_directory.h"

#include <stdint.h>

enum follow_end {
    FOLLOW_STOPPED,
    FOLLOW_CLAIMED,
    FOLLOW_FAILED, /* another process may succeed */
    FOLLOW_REFUSED /* the files and the log don't fit: a person decides */
};

struct follow_plan {
    struct engine *engine;
    const struct data_directory *directory; /* locked by the server */
    const char *centre;
    const char *node; /* this node's name */
    uint64_t takeover_after_ms;
    int words; /* the end of the pipe to write to; -1: none */
};

/* Follows until one of the ends. All signals are blocked. What ends it is logged. */
enum follow_end follow_run(const struct follow_plan *plan);

#endif
