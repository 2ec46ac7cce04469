/*
 * agencies.h - the table of agencies: what each has stored, who may append, and who is done.
 *
 * An open hash table of cache lines. Entries are added under the append lock
 * and never removed or moved, so looking one up needs no lock.
 *
 * Called by handlers and the storer, and by the supervisor during recovery; lottery-stat
 * reads the table itself. An entry that is returned stands in the segment and stays valid as
 * long as that is mapped. If a process dies in here, agencies.c says what is left.
 */
#ifndef SHM_AGENCIES_H
#define SHM_AGENCIES_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the entry of an agency, or NULL where there is none. Any process of the server. */
struct agency *agencies_find(const struct segment *segment, uint32_t id);

/*
 * Returns the entry of an agency, and makes it where there is none, under the lock; NULL when
 * the table has agency_limit entries already. Called by handlers and by recovery.
 */
struct agency *agencies_find_or_add(const struct segment *segment, uint32_t id);

/* Returns the agency's bucket of bets, which all of its connections share. By handlers. */
_Atomic uint64_t *agencies_bucket(const struct segment *segment, const struct agency *agency);

/* What a claim gives to the connection that made it. */
struct agency_claim {
    uint64_t epoch;        /* what this connection appends with; never EPOCH_UNFENCED */
    uint64_t bets;         /* appended so far */
    uint64_t checksum;     /* of those bets' rows in bets.csv */
    uint64_t end_position; /* once `durable` has reached this, those bets are safe */
};

/*
 * Claims the agency for the caller's connection: older claims, and connections without one,
 * are refused from now on. Takes the lock. Called by handlers, for STATUS.
 */
struct agency_claim agencies_claim(const struct segment *segment, struct agency *agency);

/*
 * Returns whether the connection with this epoch may append for the agency, or say that it
 * is done. `epoch` is what agencies_claim gave, or EPOCH_UNFENCED for a connection without
 * a claim, which is admitted until the agency is claimed for the first time. Called by
 * handlers, under the append lock.
 */
bool agencies_admits(const struct agency *agency, uint64_t epoch);

/* What becomes of an append (ring.h). */
enum append_result {
    APPEND_DONE,
    APPEND_FENCED,        /* a newer connection has taken the agency over */
    APPEND_UNCLAIMED,     /* another connection has claimed the agency, and this one has not */
    APPEND_AGENCY_CLOSED, /* the agency has said that it is done */
    APPEND_SALES_CLOSED,  /* no bet of any agency is taken */
    APPEND_HALTED         /* the ring is full, and no storer will make space (ring.h) */
};

/* The result in words, constant, for logs and answers. Any process may call. */
const char *append_result_text(enum append_result result);

/*
 * Why agencies_admits refused who holds `epoch`: APPEND_FENCED, or APPEND_UNCLAIMED for
 * EPOCH_UNFENCED. Any process may call.
 */
enum append_result append_refusal(uint64_t epoch);

/*
 * Decides whether who holds `epoch` may append bets for the agency now: APPEND_DONE for
 * yes, else why not, never APPEND_HALTED. Called by handlers, under the append lock: the
 * answer is true until the lock is given back.
 */
enum append_result agencies_check_append(const struct segment *segment, const struct agency *agency,
                                         uint64_t epoch);

/*
 * Closes the agency for bets and asks the storer to store that it is done. The DONE is
 * durable once agency->phase is AGENCY_DONE. A second call changes nothing. Where control says by
 * then that sales are closed, the DONE changes nothing, because done.csv does not change any
 * more: the phase becomes AGENCY_CLOSED_OUT. Not before: until control says so, the sales may go
 * on. Returns false, and changes nothing, when agencies_admits refuses `epoch`. Takes the lock.
 * Called by the handler of slot `slot_index`.
 */
bool agencies_ask_done(const struct segment *segment, uint32_t slot_index, struct agency *agency,
                       uint64_t epoch);

/* ------------------------------------------------------------ by recovery
 *
 * Called by the supervisor during recovery, before there are other processes that could
 * read or lock the table; so these functions take no lock.
 */

/* Counts `bets` rows more, which stand as `bytes` bytes at `rows` in bets.csv, as the agency's. */
void agencies_add_stored(struct agency *agency, uint64_t bets, const char *rows, size_t bytes);

/* Sets what a checkpoint has counted: the agency's bets, their bytes and their checksum. */
void agencies_set_stored(struct agency *agency, uint64_t bets, uint64_t bytes, uint64_t checksum);

/*
 * Sets the end position of every agency to `position`, the end of bets.csv: all of its bets
 * lie before that and are durable, and STATUS needs to know no more.
 */
void agencies_set_end_positions(const struct segment *segment, uint64_t position);

/* ---------------------------------------------------------- by the storer */

/*
 * Says that an agency may wait for its DONE to be stored. Called by a new storer, because the
 * one before it may have died after it had taken the news.
 */
void agencies_announce_done(const struct segment *segment);

/*
 * Returns whether an agency may wait for its DONE to be stored, and clears the flag. The
 * caller then looks at all of them, by agencies_next_asked.
 */
bool agencies_take_done_news(const struct segment *segment);

/*
 * Returns the next agency whose DONE was asked for and is not stored yet, or NULL after the
 * last one. *cursor is 0 before the first call, and moved by each.
 */
struct agency *agencies_next_asked(const struct segment *segment, uint32_t *cursor);

/*
 * Returns the slot of the connection whose DONE closed the agency, for the log; NULL when no
 * connection of this server did, or when the slot serves another agency now.
 */
const struct slot *agencies_done_asker(const struct segment *segment, const struct agency *agency);

/* Notes that the agency's DONE is durable. Called by the storer, and by recovery. */
void agencies_set_done(const struct segment *segment, struct agency *agency);

/*
 * Counts the agencies whose DONE is durable again, and stores the count. Called by a new
 * storer: the one before it may have died between marking an agency and counting it.
 */
void agencies_recount_done(const struct segment *segment);

/* Calls `each` for every agency, without the lock, so counts may be of different moments. */
void agencies_visit(const struct segment *segment,
                    void (*each)(void *context, const struct agency *agency), void *context);

/* All that had been appended at one moment, durable or not. */
struct agencies_total {
    uint64_t head;     /* its bytes: the position head */
    uint64_t checksum; /* of everything below head */
};

/*
 * Calls `each` for every agency under the append lock, so all counts are of the same moment,
 * and returns head and checksum of that moment. `each` must not block.
 */
struct agencies_total agencies_snapshot(const struct segment *segment,
                                        void (*each)(void *context, const struct agency *agency),
                                        void *context);

/*
 * Notes that the agency, which has asked to be done, is closed out: its DONE came after sales were
 * closed, changes nothing, and is answered.
 */
void agencies_set_closed_out(struct agency *agency);

/*
 * Makes agencies_check_append refuse every bet from now on. Returns head, which does not move
 * while that is so. Takes the lock.
 */
uint64_t agencies_close_for_draw(const struct segment *segment);

/*
 * Undoes agencies_close_for_draw, where control does not say yet that sales are closed. Takes the
 * lock.
 */
void agencies_reopen(const struct segment *segment);

#endif
