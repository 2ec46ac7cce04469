/*
 * storage.h - where one lottery is stored: its files, as the storer has them open.
 *
 * A storer opens the storage when it starts and closes it when it ends. All that ends with the
 * lottery is in this struct. The trust in the disk (disk.h) is not: it does not come back with
 * another lottery. Used by the storer's process alone. When that dies, the next storer opens the
 * files again and finds in them what was durable.
 */
#ifndef SERVER_STORER_STORAGE_H
#define SERVER_STORER_STORAGE_H

#include "lib/failure.h"
#include "server/storer/checkpoints.h"
#include "server/storer/disk.h"
#include "server/storer/quorum.h"
#include "store/control.h"
#include "store/done_file.h"
#include "store/draw.h"

#include <stdbool.h>
#include <stdint.h>

struct storage {
    struct disk *disk;
    struct control control;    /* as it stands on the disk */
    struct disk_file bets;     /* bets.csv */
    struct done_file done;     /* done.csv: what is in it */
    struct disk_file done_csv; /* done.csv, to be written; the descriptor is that of `done` */
    struct checkpoints checkpoints;
    struct quorum quorum;
};

/*
 * Opens control, bets.csv and done.csv of the disk's directory, and compares them with what the
 * segment knows. What the storer before this one wrote to control and done.csv is durable
 * afterwards. The count of agencies that are done (agencies_recount_done) must be right before.
 * Returns false with the failure, and leaves nothing open, when a file can't be opened, or was
 * changed; the disk is distrusted in the second case. After true the caller calls storage_close.
 */
bool storage_open(struct storage *storage, struct disk *disk, struct failure *failure);

/*
 * Opens bets.csv for writing, by a descriptor that the caller closes. False with the failure, and
 * with the disk distrusted where another file stands there.
 */
bool storage_open_bets(const struct storage *storage, struct disk_file *bets,
                       struct failure *failure);

/* True once control says that there are bets. */
bool storage_has_begun(const struct storage *storage);

/* True until control says that sales are closed. */
bool storage_is_on_sale(const struct storage *storage);

/* Closes the files, and gives back the blocks that were allocated ahead if the disk is trusted. */
void storage_close(struct storage *storage);

/* What has been stored: rows, bytes and checksum, of one moment. Takes the append lock. */
struct draw_stock storage_stock(const struct storage *storage);

/*
 * True when the storer is stopping and may end well without a seal or a draw that it has begun: the
 * next start makes it.
 */
bool storage_may_leave_rest(const struct storage *storage);

/* True while bets.csv is in place and holds at least `bytes` bytes; disk_is_in_place says more. */
bool storage_has_bets(struct storage *storage, uint64_t bytes);

/*
 * True while bets.csv and done.csv are in place, as long as when sales were closed. They are read by
 * their descriptors, so a draw could be held of files that nobody can be shown.
 */
bool storage_has_final_files(struct storage *storage);

/* ------------------------------------------------------ what control says
 *
 * Each writes control, shows the state in the segment once that is durable, and waits for room where the disk is full. False, and the log says why,
 * where it can't be written (disk_write_control).
 */

/*
 * Notes that the lottery has begun, which fixes its terms. Called before a first bet is
 * acknowledged; afterwards it does nothing. bets.csv is durable up to `durable`.
 */
bool storage_note_begun(struct storage *storage, uint64_t durable);

/*
 * Notes how far done.csv is durable. Called before an agency is told that it is done, so that a
 * start that finds fewer lines knows that one is missing.
 */
bool storage_note_done(struct storage *storage);

/*
 * Notes that sales are closed: bets.csv and done.csv are durable as they are, and not a byte of
 * them changes any more.
 */
bool storage_note_closed(struct storage *storage, const struct closing *closing);

/* Notes the seal, which is in place; `sha256` is that of seal.json, 64 hexadecimal digits. */
bool storage_note_sealed(struct storage *storage, int64_t sealed_at_ms, const char *sha256);

/* Notes the number that came by command. There is no other one from here on. */
bool storage_note_number(struct storage *storage, uint32_t number);

/*
 * Notes a draw, whose winners.csv and draw.json are in place; `sha256` is that of draw.json. It
 * counts as held from here on, and nothing undoes it.
 */
bool storage_note_draw(struct storage *storage, const struct draw_record *record,
                       int64_t drawn_at_ms, const char *sha256);

/*
 * Writes the checkpoint that was taken, whose bytes are durable. False when bets.csv is not in
 * place any more: a checkpoint vouches for it. A checkpoint that can't be written is no failure.
 */
bool storage_write_checkpoint(struct storage *storage);

/*
 * Takes and writes the last checkpoint of the draw, whose bets are all durable and no more come:
 * sales are closed, or the storer ends, and the supervisor may archive the draw as abandoned. It is
 * durable afterwards, under its name, too. False as above, and when that could not be synced.
 */
bool storage_write_last_checkpoint(struct storage *storage);

#endif
