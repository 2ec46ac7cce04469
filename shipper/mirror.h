/*
 * mirror.h - the files of a standby: what the centre's log says, byte for byte.
 *
 * Why it exists: a standby takes over with its own files, by the recovery of any start. So they have to
 * be what the primary's files are, at each moment, and durable.
 *
 * What it promises: bytes of bets.csv and done.csv stand at the log's offsets. A small file (control,
 * seal.json, ...) comes into place only when all that the log has before it is durable. Control keeps
 * this directory's own ipc_key and ring_bytes. The state file never says more than what is synced.
 *
 * A directory whose node was the primary (REPLICATION_PRIMARY in its state file) may have bytes that
 * the log lacks. Until the claim of another node they are compared with the log and not written; at that
 * claim what is behind it is put aside (unacknowledged.h). Bytes before it that differ are refused.
 * It may also be an older copy of that directory, which lacks what the log has: bytes, seal, draw and
 * the steps of control come from the log then, so that no draw is sealed or held a second time.
 *
 * A claim that begins the next draw has its control: the files of the draw before are archived, and that
 * comes into place, whoever had written them. So a directory whose node died over the opening of a draw
 * comes after the log. Records of a draw that is in the archive already are passed over.
 *
 * If the process dies, the next one goes on from the state file: what it had written behind it comes
 * from the log once more.
 *
 * Called by lottery-shipper as a standby, by its one thread, under the server's lock of the directory.
 */
#ifndef SHIPPER_MIRROR_H
#define SHIPPER_MIRROR_H

#include "engine/log_state.h"
#include "lib/failure.h"
#include "shipper/bet_count.h"
#include "shipper/mirror_file.h"
#include "store/data_directory.h"
#include "store/replication.h"

#include <stdbool.h>
#include <stdint.h>

struct mirror {
    const struct data_directory *directory;
    char node[REPLICATION_NODE_BYTES]; /* our own */
    struct replication_state state;    /* as it stands in the file, but for what is for people */
    struct log_state log;              /* up to the last record that was applied */
    struct control control;            /* of the directory */
    bool has_control;
    struct control logged; /* the draw's as the log has said it last, since this process began */
    bool has_logged;
    bool
        awaits_control; /* another node has taken over, and the log has no control since our claim */
    struct mirror_file bets, done;
    struct bet_count count;
    uint64_t proved_at; /* the sequence at which bets.csv was proved last; 0: it was not */
    char past[RECORD_IDENTITY_BYTES]; /* of a draw that was found in the archive; "": none was */
};

/*
 * Opens the files of the directory, and the state, which is made where there is none. `node` is this
 * node's name (replication_name_node). Any end but MIRROR_APPLIED comes with the failure. The caller calls mirror_close
 * in any case.
 */
enum mirror_end mirror_open(struct mirror *mirror, const struct data_directory *directory,
                            const char *node, struct failure *failure);

void mirror_close(struct mirror *mirror);

/*
 * Applies the record that the log has at `sequence`, the one after mirror->log.sequence.
 * `stored_at_ms` is the engine's time of it.
 */
enum mirror_end mirror_apply(struct mirror *mirror, const struct record *record, uint64_t sequence,
                             int64_t stored_at_ms, struct failure *failure);

/* Makes all that was applied durable, and then writes the state and the checkpoint. */
enum mirror_end mirror_settle(struct mirror *mirror, struct failure *failure);

/* Makes all that was applied durable. */
enum mirror_end mirror_sync(struct mirror *mirror, struct failure *failure);

/* How much of what was applied is not durable yet. */
uint64_t mirror_unsynced_bytes(const struct mirror *mirror);

/* True when this node could serve from its files: there is a draw, and its control is the log's. */
bool mirror_may_take_over(const struct mirror *mirror, struct failure *failure);

/*
 * Syncs, and compares each byte of bets.csv that was counted as it came with what is there now, under its
 * name. MIRROR_REFUSED: a hand, or the disk, has changed it since. Recovery would find that, too, but
 * only behind the claim, when no other node may serve any more. Reads the whole file; once for each end
 * of the log.
 */
enum mirror_end mirror_prove(struct mirror *mirror, struct failure *failure);

/*
 * Notes that this node has claimed the log: all up to its claim was applied and settled. From here on
 * the files may have more than the log. False with the failure.
 */
bool mirror_become_primary(struct mirror *mirror, struct failure *failure);

#endif
