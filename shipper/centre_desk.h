/*
 * centre_desk.h - a primary's part in a draw of several centres: from its files and its segment to
 * stream DRAW (centre.h), and back.
 *
 * Twice a second, less often while bets are sold, and at once where something has changed here, it
 * reads control and the seal, looks
 * at the stream, and shows in the segment how far the centres are (shm/centres.h). What the storer has
 * handed on, a number or an order to close a centre out, it carries out. It says in the log what is
 * waited for, and what contradicts, each once.
 *
 * Used by the shipper of a primary, in its own loop, after it has claimed the log. If that dies, the
 * next one begins anew.
 */
#ifndef SHIPPER_CENTRE_DESK_H
#define SHIPPER_CENTRE_DESK_H

#include "shipper/centre.h"
#include "shm/segment.h"
#include "store/data_directory.h"

struct centre_desk_setting {
    const char *own, *node;                 /* names; the caller's, and outlive the desk */
    const char *expected;                   /* centres.expected; "": there is nothing to do */
    unsigned replicas;                      /* of stream DRAW */
    int64_t call_ms;                        /* of one call of the engine */
    const struct data_directory *directory; /* path, descriptor and access alone */
    const struct segment *segment;
};

/* What the desk was called for last. */
struct centre_desk_seen {
    uint64_t asked, said;
    uint32_t draw_state;
    bool is_copied;
};

struct centre_desk {
    struct centre_desk_setting setting;
    struct centre_set expected;
    struct centre *centre; /* owned; NULL: there is nothing to do, or it has not begun */
    bool has_stream;
    struct control control; /* as it was read last */
    bool has_seal;
    uint64_t agencies, bets, bytes; /* of the seal */
    struct centre_desk_seen seen;
    int64_t next_ms;        /* when it looks again where nothing changes, monotonic */
    int64_t asked_since_ms; /* since when an order waits for the engine; 0: none does */
    char told[FAILURE_TEXT_BYTES];
    enum centre_state told_state;
};

/* False with the failure where the list is none, or there is no memory. Then the caller has to end. */
bool centre_desk_open(struct centre_desk *desk, const struct centre_desk_setting *setting,
                      struct failure *failure);

void centre_desk_close(struct centre_desk *desk);

/* Does what is due; `epoch` is that of this shipper's claim. */
void centre_desk_attend(struct centre_desk *desk, struct engine *engine, uint64_t epoch);

/* True when something has changed here since it was attended last: the shipper need not sleep. */
bool centre_desk_has_work(const struct centre_desk *desk);

#endif
