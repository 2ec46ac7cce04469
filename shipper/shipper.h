/*
 * shipper.h - the life of lottery-shipper beside a primary: it copies what is durable to the engine.
 *
 * Why it exists: what one machine has stored is gone with it. The engine keeps a copy on a quorum of
 * other machines, and the server acknowledges, where ack_after says so, what has arrived there.
 *
 * What it promises: nothing stands in the log before what it stands on. Bets come first, then the lines
 * of done.csv, then the small files that are about them; and a bet is not told to be replicated before
 * the control is that was durable before it. It reads durable bytes alone, by position, from the files,
 * so the engine is never ahead of this disk, and however slow it is, the ring does not fill with it.
 *
 * It holds no lock, and the server goes on without it: bets wait on the disk until the next shipper has
 * read in the log where to go on. It ends the server in one way: it stores SHIPPER_FENCED or
 * SHIPPER_BEHIND in the segment, and ends with that status.
 *
 * The next draw: when the supervisor wants it (shared_shipper.opening) and all of this one is copied, it
 * begins the next one in the log, by one record that has its control. The log decides whether the draw
 * is open; the directory comes after it.
 *
 * How it stops: SIGTERM. It goes on until the storer has ended and all that is durable is copied, but no
 * longer than its patience.
 */
#ifndef SHIPPER_SHIPPER_H
#define SHIPPER_SHIPPER_H

#include "engine/engine.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* By what the supervisor's configuration says. Texts are the caller's, and outlive the shipper. */
struct shipper_setting {
    const char *directory; /* data.directory */
    const char *identity;  /* of its draw */
    uint32_t segment_key;
    bool has_group; /* data.group */
    gid_t group;
    const char *centre, *node;
    const char *centres; /* centres.expected; "": this one draws alone */
    unsigned replicas;
    struct engine_access access;
    int64_t patience_ms; /* timeouts.shutdown */
};

/* The exit statuses of lottery-shipper. */
enum shipper_exit {
    SHIPPER_EXIT_STOPPED = 0, /* asked to, or promoted: there is nothing left to copy */
    SHIPPER_EXIT_FAILED = 1,  /* another one may do better */
    SHIPPER_EXIT_FENCED = 4,
    SHIPPER_EXIT_BEHIND = 5,
    SHIPPER_EXIT_REFUSED =
        6, /* the engine's settings or version, or files that differ from the log */
    SHIPPER_EXIT_STRANGER = 7 /* the log is another lottery's */
};

/* Lives from the segment to the end, and returns the exit status. Called by main alone. */
enum shipper_exit shipper_run(const struct shipper_setting *setting);

#endif
