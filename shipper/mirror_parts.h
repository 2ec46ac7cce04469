/*
 * mirror_parts.h - what the parts of a standby's mirror have in common.
 *
 * Its life is in mirror.c, which opens and settles the files and hands each record to its part:
 * mirror_files.c puts small files in place, control first, and mirror_claims.c follows the log to another
 * writer or into the next draw. mirror_draw.c is the draw that the directory has, and mirror_checks.c what
 * a record may not say. What holds for all of them stands in mirror.h.
 *
 * Included by these files alone. Called by the process's one thread.
 */
#ifndef SHIPPER_MIRROR_PARTS_H
#define SHIPPER_MIRROR_PARTS_H

#include "engine/log_state.h"
#include "engine/record.h"
#include "lib/failure.h"
#include "shipper/mirror.h"
#include "store/control.h"

#include <stdbool.h>
#include <stdint.h>

static inline enum mirror_end mirror_end_of(bool done)
{
    return done ? MIRROR_APPLIED : MIRROR_FAILED;
}

/* ---------------------------------------------------------- mirror_draw.c */

/* True for the draw that the directory has. */
bool mirror_is_of_draw(const struct mirror *mirror, const char *identity);

/* True for a draw that stands in the archive: the directory is further than the log at this place. */
bool mirror_is_past(struct mirror *mirror, const char *identity);

/* True while the files are what the server of this directory has written, by its own last claim. */
bool mirror_has_own_files(const struct mirror *mirror);

/*
 * Bets may come before their draw's control, and control is the first file of a draw. So a claim that
 * begins a draw makes one that holds its place; its draw's name is the identity.
 */
bool mirror_is_place_holder(const struct control *control);

/* Makes the control that holds the place of this draw's. False with the failure. */
bool mirror_hold_place(struct mirror *mirror, const char *identity, struct failure *failure);

/*
 * Puts the log's control in place, with this directory's own ipc_key and ring_bytes. One of another draw
 * archives the files of the draw before; one of a draw that was held makes the winners. False with the
 * failure.
 */
bool mirror_take_control(struct mirror *mirror, struct control *control, struct failure *failure);

/* -------------------------------------------------------- mirror_checks.c */

/* The lines are bets, or say what their agencies have. Counts the bets. */
enum mirror_end mirror_check_lines(struct mirror *mirror, const struct record *record,
                                   struct failure *failure);

/* Reads the control that is the record's bytes. It is of the record's draw. `kind` says what that is. */
enum mirror_end mirror_read_control(const struct record *record, const char *kind,
                                    struct control *control, struct failure *failure);

/* Control tells of bytes that are in the log, and of no step back. */
enum mirror_end mirror_check_control(const struct mirror *mirror, const struct record *record,
                                     const struct control *control, struct failure *failure);

/* One draw has one seal and one result: those of the log are the directory's. */
enum mirror_end mirror_check_results(const struct mirror *mirror, const struct control *logged,
                                     struct failure *failure);

/* --------------------------------------------------------- mirror_files.c */

/* Puts a small file in place, once all that the log has before it is durable. */
enum mirror_end mirror_apply_file(struct mirror *mirror, const struct record *record,
                                  struct failure *failure);

/*
 * Renames the files of a former primary that its successor may make otherwise, and removes those that
 * count its own bytes. Those that belong to what the log's control says are in the log, and are the same.
 * False with the failure.
 */
bool mirror_put_files_aside(const struct mirror *mirror, uint64_t epoch, struct failure *failure);

/* -------------------------------------------------------- mirror_claims.c */

/* Follows a claim: of another writer, or of the next draw. `before` is what the log said up to it. */
enum mirror_end mirror_follow_claim(struct mirror *mirror, const struct record *claim,
                                    const struct log_state *before, int64_t stored_at_ms,
                                    struct failure *failure);

#endif
