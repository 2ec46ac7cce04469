/*
 * agencies.h - the table of agencies: what each has stored, and whether it is done.
 *
 * An open hash table of cache lines. Entries are added under the append lock
 * and never removed or moved, so that looking one up needs no lock.
 */
#ifndef SHM_AGENCIES_H
#define SHM_AGENCIES_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* The entry of an agency, or NULL. Any process may call. */
struct agency *agencies_find(const struct segment *segment, uint32_t id);

/*
 * The entry of an agency, made where there was none; NULL when the table is
 * full (agency_limit). Called by handlers and by recovery.
 */
struct agency *agencies_find_or_add(const struct segment *segment, uint32_t id);

/* What an agency asks for with STATUS. */
struct agency_claim {
    uint64_t epoch;        /* of the asking connection, to append with: never EPOCH_UNFENCED */
    uint64_t bets;         /* appended so far */
    uint64_t checksum;     /* of those bets' rows in bets.csv */
    uint64_t end_position; /* once `durable` has reached this, those bets are safe */
};

/* Makes the caller's connection the one that may append, and fences all older claims. */
struct agency_claim agencies_claim(const struct segment *segment, struct agency *agency);

/*
 * Under the append lock: may who holds `epoch` append for the agency, or say that it
 * is done? `epoch` is what agencies_claim gave, or EPOCH_UNFENCED for a connection
 * without a claim on it, which may only as long as nobody has ever claimed the agency.
 */
bool agencies_admits(const struct agency *agency, uint64_t epoch);

/* What becomes of an append (ring.h). */
enum append_result {
    APPEND_DONE,
    APPEND_FENCED,        /* a newer connection has taken the agency over */
    APPEND_UNCLAIMED,     /* another connection has claimed the agency, and this one has not */
    APPEND_AGENCY_CLOSED, /* the agency has said that it is done */
    APPEND_DRAW_HELD,     /* the draw has begun: no bet is taken any more */
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
 * Closes the agency for bets and asks the storer to store that it is done; it
 * is durable when agency->phase has become AGENCY_DONE. Asking again is
 * harmless. False, and nothing is changed, when agencies_admits says no.
 * Called by the handler of slot `slot_index`.
 */
bool agencies_ask_done(const struct segment *segment, uint32_t slot_index, struct agency *agency,
                       uint64_t epoch);

/* --------------------------------------------------------- for the storer */

/* True when there may be agencies whose DONE is not stored yet. Clears the news. */
bool agencies_take_done_news(const struct segment *segment);

/* The next entry from *cursor on that has asked and is not stored yet, or NULL; *cursor starts at 0. */
struct agency *agencies_next_asked(const struct segment *segment, uint32_t *cursor);

/*
 * The slot of the connection whose DONE closed the agency, for the log; NULL when nobody's
 * did, or when the slot serves another agency by now.
 */
const struct slot *agencies_done_asker(const struct segment *segment, const struct agency *agency);

/* The agency's DONE is durable. */
void agencies_set_done(const struct segment *segment, struct agency *agency);

/* Counts those whose DONE is durable anew: the last storer may have died between the two. */
void agencies_recount_done(const struct segment *segment);

/* Calls `each` for every agency, without the lock: counts may be of different moments. */
void agencies_visit(const struct segment *segment,
                    void (*each)(void *context, const struct agency *agency), void *context);

/* All of bets.csv at a moment, appended and not yet all of it durable. */
struct agencies_total {
    uint64_t head;
    uint64_t checksum; /* of everything below head */
};

/*
 * Calls `each` for every agency under the append lock, so that all counts are
 * of the same moment; returns head and checksum at that moment. `each` must not block.
 */
struct agencies_total agencies_snapshot(const struct segment *segment,
                                        void (*each)(void *context, const struct agency *agency),
                                        void *context);

/* Refuses every bet from now on; returns head, behind which nothing will come any more. */
uint64_t agencies_close_for_draw(const struct segment *segment);

#endif
