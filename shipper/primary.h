/*
 * primary.h - what the parts of lottery-shipper beside a primary have in common.
 *
 * Its life is in shipper.c, which calls the parts: primary_claims.c claims the log and begins the next
 * draw in it, primary_stock.c copies, primary_patience.c bounds how long any of it tries, and
 * primary_telling.c tells segment, log and standbys of it. What holds for all of them stands in
 * shipper.h, and what one append is in shipment.h.
 *
 * Included by these files alone. Called by the process's first thread.
 */
#ifndef SHIPPER_PRIMARY_H
#define SHIPPER_PRIMARY_H

#include "shipper/beat.h"
#include "shipper/centre_desk.h"
#include "shipper/gather.h"
#include "shipper/own_files.h"
#include "shipper/shipment.h"
#include "shipper/shipper.h"
#include "shm/segment.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PRIMARY_CALL_MS =
        3000, /* of one call of the engine; an election takes 4 to 9 s, and is waited for */
    PRIMARY_RETRY_MS = 100 /* between two tries */
};

struct primary {
    const struct shipper_setting *setting;
    struct data_directory directory; /* path, descriptor and access alone */
    struct segment segment;
    struct shared_shipper *shared;
    struct own_files files;
    struct engine *engine;
    struct shipment shipment;
    struct shipment_counts told; /* what the segment has of them */
    struct beat beat;
    struct centre_desk desk; /* of a draw that several centres hold */
    char *lines;             /* what is on its way */
    size_t lines_capacity;
    struct gather gather;
    bool has_claimed;
    bool can_note_claims;    /* the directory has taken such a note since this process began */
    bool has_shipped_files;  /* since the claim */
    bool has_opened;         /* the log has begun the next draw: nothing more of this one */
    struct own_file opening; /* its control */
    struct record beginning; /* the claim by which it does */
    int64_t waits_since_ms;  /* 0: the engine answers */
    bool has_told_waiting;
    int64_t stops_at_ms;           /* 0: it has not been asked to */
    int64_t looked_at_ms;          /* whether another node has claimed the log */
    uint64_t looked_after_appends; /* how many there were then */
};

/* ------------------------------------------------------ primary_telling.c */

/* Stores the state in the segment. */
void primary_set_state(struct primary *primary, enum shipper_state state);

/* Stores in the segment what went wrong last, and when. */
void primary_tell_error(struct primary *primary, const char *text);

/* Stores in the segment whether, and to what, there is a connection. */
void primary_tell_connection(struct primary *primary);

/* Stores how far the log is, for the heartbeats to standbys: this process is at work. */
void primary_note_beat(struct primary *primary);

/* Adds what has happened since the last call to the segment's counters, which are those of all shippers. */
void primary_tell_counts(struct primary *primary);

/* The engine does not answer, for this reason. The log is told once, when that has lasted a while. */
void primary_note_waiting(struct primary *primary, const struct failure *failure);

/* The engine answers. The log is told where it was told that it did not. */
void primary_note_answer(struct primary *primary);

/* The engine has lost what it had acknowledged, and gets it once more. `how` is for people. */
void primary_tell_lost(const struct primary *primary, const char *how);

/* ----------------------------------------------------- primary_patience.c */

/* True once the process was asked to end, and has tried for as long as it may. */
bool primary_is_out_of_patience(struct primary *primary);

/* Sets how long the next call of the engine may take: no longer than there is time before the end. */
void primary_limit_call(struct primary *primary);

/* Waits a moment before the next try. False when it is time to end. */
bool primary_pause_before_retry(struct primary *primary);

/* ------------------------------------------------------- primary_claims.c */

/* Claims the log, once. */
enum shipment_end primary_claim(struct primary *primary, struct failure *failure);

/* Before a claim: the shipper before this one may have begun the next draw, and died over it. */
enum shipment_end primary_look_for_opened(struct primary *primary, struct failure *failure);

/* All of this draw is in the log: begins the next one there. */
enum shipment_end primary_open_next(struct primary *primary, struct failure *failure);

/* -------------------------------------------------------- primary_stock.c */

/* True where something of this node is not in the log yet. */
bool primary_has_to_ship(const struct primary *primary);

/* True where a handler has asked whether this node still writes, and no append since then has shown it. */
bool primary_has_to_prove(const struct primary *primary);

/*
 * Ships, and answers those who had asked before it began. Where there was nothing to append, control goes
 * to the log once more: a reading is no proof, because a leader that was cut off from the others reads as
 * it was.
 */
enum shipment_end primary_ship_and_prove(struct primary *primary, struct failure *failure);

/* Copies what there is now. STORED: all of it is in the log, or there is more to look at. */
enum shipment_end primary_ship(struct primary *primary, struct failure *failure);

#endif
