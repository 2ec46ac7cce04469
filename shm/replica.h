/*
 * replica.h - what has been stored here, and how far the engine has it, too.
 *
 * Where bets are copied to an engine (replication.servers), the storer tells what it has made durable,
 * and the shipper what it has copied. Both are counts and positions in shared_positions, and only grow:
 *
 *     replicated       <= durable         bytes of bets.csv
 *     done_replicated  <= done_durable    bytes of done.csv
 *     files_replicated <= files_made      control, seal and draw: how often one was made durable
 *
 * The storer writes control after each change of done.csv. So who waits until files_replicated is what
 * files_made was waits for all that was durable then: the lines, and the bets below them.
 *
 * If the storer dies before it has counted, the next one counts when it begins. If the shipper dies
 * before it has told what the engine has, the next one reads it there.
 */
#ifndef SHM_REPLICA_H
#define SHM_REPLICA_H

#include "shm/segment.h"

#include <stdbool.h>
#include <stdint.h>

/* ----------------------------------------------------------- by the storer */

/* Says that done.csv is durable up to here. Called before replica_note_file, which wakes. */
void replica_note_done(const struct segment *segment, uint64_t bytes);

/* Counts a small file that is durable under its name, and wakes the shipper. */
void replica_note_file(const struct segment *segment);

/*
 * True when the engine has all that is durable here, and nothing else is on its way: or when nothing is
 * copied. What the public is told of a draw waits for it. Any process may call.
 */
bool replica_is_complete(const struct segment *segment);

/* ----------------------------------------------------------- by a handler */

/*
 * Asks whether this node still writes the centre's log, and wakes the shipper. Returns the question's
 * number: the answer is yes once shared_shipper's proofs_given has reached it (WAIT_FOR_COPY). Where
 * another node has claimed the log, the server is halted instead.
 */
uint64_t replica_ask_proof(const struct segment *segment);

/* ---------------------------------------------------------- by the shipper */

/* An append that was begun after this question was asked is in the log. */
void replica_report_proof(const struct segment *segment, uint64_t asked);

/*
 * Say how far the engine has bets.csv, done.csv and the small files, and wake who waits for it. A value
 * below what was told before changes nothing.
 */
void replica_report_bets(const struct segment *segment, uint64_t position);
void replica_report_done(const struct segment *segment, uint64_t bytes);
void replica_report_files(const struct segment *segment, uint64_t files_made);

/* Writes one of the texts of shared_shipper: cut at `size`, always terminated. */
void replica_tell(const struct segment *segment, char *text, size_t size, const char *value);

/* Reads one of them as it is between two changes. By anyone. */
void replica_read(const struct segment *segment, const char *text, size_t size, char *copy);

#endif
