/*
 * storage.c - see storage.h.
 *
 * A file of a running server may be replaced by a hand. A storer that went on with such a file
 * would tell winners, or refuse bets, by another lottery; so each file is compared with what the
 * segment knows before it is used.
 */
#include "server/storer/storage.h"

#include "lib/log.h"
#include "server/signals.h"
#include "shm/agencies.h"
#include "shm/replica.h"
#include "store/file_io.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --------------------------------------------------------------- control ---- */

/* Another lottery's number, or a draw that was told and is taken back, can't be undone. */
static bool is_our_control(const struct storage *storage, struct failure *failure)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    const struct control *control = &storage->control;
    const struct shared *shared = storage->disk->segment->shared;
    bool stored = atomic_load(&shared->positions.durable) > 0;
    bool drawn = atomic_load(&shared->storer.drawn) != 0;
    bool came_so_far = (uint32_t)control->state >= atomic_load(&shared->storer.draw_state);
    return (came_so_far && strcmp(control->identity, directory->control.identity) == 0 &&
            control_terms_equal(&control->terms, &directory->control.terms) &&
            control->bets_bytes <= atomic_load(&shared->positions.head) &&
            (control->state != CONTROL_NEW || !stored) &&
            (control->state == CONTROL_DRAWN || !drawn)) ||
           failure_set(failure,
                       "%s/" DATA_CONTROL_FILE " (lottery %s, state %s) is not the one that this "
                       "server, of lottery %s, wrote: somebody replaced it while the server was "
                       "running; restore all files from one backup",
                       directory->path, control->identity, control_state_name(control->state),
                       directory->control.identity);
}

static bool open_control(struct storage *storage, struct failure *failure)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    if (control_read(directory, &storage->control, failure) != CONTROL_READ) {
        return false;
    }
    if (!is_our_control(storage, failure)) {
        disk_distrust(storage->disk, DISK_FILE_CHANGED);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ bets ---- */

/* False with the failure, and with the disk distrusted where it is another file. */
static bool is_our_bets_file(const struct storage *storage, struct disk_file *bets,
                             struct failure *failure)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    if (!disk_identify(bets)) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, directory->path);
    }
    if (directory->bets_inode != 0 && directory->bets_inode != bets->inode) {
        disk_distrust(storage->disk, DISK_FILE_CHANGED);
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " is not the file that the server was started "
                           "with: put that one back",
                           directory->path);
    }
    return true;
}

bool storage_open_bets(const struct storage *storage, struct disk_file *bets,
                       struct failure *failure)
{
    *bets = (struct disk_file){
        .name = DATA_BETS_FILE,
        .descriptor = data_directory_open_file(&storage->disk->heritage->directory, DATA_BETS_FILE,
                                               O_RDWR, failure),
    };
    if (bets->descriptor < 0) {
        return false;
    }
    if (is_our_bets_file(storage, bets, failure)) {
        return true;
    }
    (void)close(bets->descriptor);
    bets->descriptor = -1;
    return false;
}

/* ------------------------------------------------------------------ done ---- */

/*
 * Each line must be of an agency that has asked to be done, with the bets that it has. Each agency
 * that is done must have a line.
 */
static bool are_our_lines(const struct storage *storage, struct failure *failure)
{
    const struct segment *segment = storage->disk->segment;
    const struct done_file *done = &storage->done;
    uint64_t known = 0;
    size_t ours = 0;
    for (size_t i = 0; i < done->count; i++) {
        const struct done_line *line = &done->lines[i];
        const struct agency *agency = agencies_find(segment, line->agency);
        bool is_ours = agency != NULL && atomic_load(&agency->phase) != AGENCY_OPEN &&
                       atomic_load(&agency->bets) == line->bets &&
                       atomic_load(&agency->checksum) == line->checksum;
        ours += is_ours;
        known += is_ours && atomic_load(&agency->phase) == AGENCY_DONE;
    }
    uint64_t agencies_done = atomic_load(&segment->shared->storer.agencies_done);
    return (ours == done->count && known == agencies_done) ||
           failure_set(failure,
                       "%s/" DATA_DONE_FILE " has %zu lines, %zu of them of agencies that are done "
                       "with such bets, and %" PRIu64 " agencies were done: somebody replaced it "
                       "while the server was running; restore all files from one backup",
                       storage->disk->heritage->directory.path, done->count, ours, agencies_done);
}

static bool open_done(struct storage *storage, struct failure *failure)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    enum done_open opened =
        done_file_open(directory, true, storage->control.done_bytes, &storage->done, failure);
    if (opened == DONE_OPEN && !are_our_lines(storage, failure)) {
        opened = DONE_DAMAGED;
    }
    if (opened == DONE_OPEN) {
        opened = done_file_cut(directory, &storage->done, failure);
    }
    if (opened == DONE_NOT_SYNCED) {
        disk_distrust(storage->disk, DISK_SYNC_FAILED);
    } else if (opened == DONE_DAMAGED) {
        disk_distrust(storage->disk, DISK_DAMAGED);
    }
    if (opened != DONE_OPEN) {
        return false;
    }
    storage->done_csv.descriptor = storage->done.descriptor;
    replica_note_done(storage->disk->segment, storage->done.bytes);
    return disk_identify(&storage->done_csv) ||
           failure_set_errno(failure, "stat %s/" DATA_DONE_FILE, directory->path);
}

/* ----------------------------------------------------------------- state ---- */

/* Shows what control says, which is durable. */
static void show_state(const struct storage *storage)
{
    atomic_store(&storage->disk->segment->shared->storer.draw_state,
                 (uint32_t)storage->control.state);
}

/* Writes control, and shows its state. False as disk_write_control. */
static bool write_control(const struct storage *storage)
{
    if (!disk_write_control(storage->disk, &storage->control)) {
        return false;
    }
    show_state(storage);
    return true;
}

/* ------------------------------------------------------------------- all ---- */

/*
 * Makes the files' names durable: that of a control whose writer died between its rename and the
 * sync of the directory, by which things are told; and that of a done.csv that has just been made,
 * for whose lines control vouches next.
 */
static bool sync_names(const struct storage *storage, struct failure *failure)
{
    const struct data_directory *directory = &storage->disk->heritage->directory;
    if (!file_sync_directory(directory->descriptor, directory->path)) {
        disk_distrust(storage->disk, DISK_SYNC_FAILED);
        return failure_set_errno(failure, "sync %s", directory->path);
    }
    return true;
}

bool storage_open(struct storage *storage, struct disk *disk, struct failure *failure)
{
    *storage = (struct storage){
        .disk = disk,
        .bets = {.name = DATA_BETS_FILE, .descriptor = -1},
        .done = {.descriptor = -1},
        .done_csv = {.name = DATA_DONE_FILE, .descriptor = -1},
    };
    disk->ahead = &storage->bets;
    if (open_control(storage, failure) && storage_open_bets(storage, &storage->bets, failure) &&
        open_done(storage, failure) && sync_names(storage, failure)) {
        /* The storer before this one may have died before it did. */
        replica_note_file(disk->segment);
        show_state(storage);
        return true;
    }
    storage_close(storage);
    return false;
}

void storage_close(struct storage *storage)
{
    checkpoints_close(&storage->checkpoints);
    done_file_close(&storage->done);
    if (disk_is_trusted(storage->disk)) {
        disk_release_allocated(&storage->bets);
    }
    if (storage->bets.descriptor >= 0) {
        (void)close(storage->bets.descriptor);
    }
    storage->disk->ahead = NULL;
}

static void add_bets(void *context, const struct agency *agency)
{
    uint64_t *rows = context;
    *rows += atomic_load_explicit(&agency->bets, memory_order_relaxed);
}

struct draw_stock storage_stock(const struct storage *storage)
{
    struct draw_stock stock = {.rows = 0};
    struct agencies_total total = agencies_snapshot(storage->disk->segment, add_bets, &stock.rows);
    stock.bytes = total.head;
    stock.checksum = total.checksum;
    return stock;
}

bool storage_may_leave_rest(const struct storage *storage)
{
    return signals_terminate_requested() && disk_is_trusted(storage->disk);
}

bool storage_has_begun(const struct storage *storage)
{
    return storage->control.state != CONTROL_NEW;
}

bool storage_is_on_sale(const struct storage *storage)
{
    return storage->control.state == CONTROL_NEW || storage->control.state == CONTROL_OPEN;
}

bool storage_has_bets(struct storage *storage, uint64_t bytes)
{
    return disk_is_in_place(storage->disk, &storage->bets, bytes);
}

bool storage_has_final_files(struct storage *storage)
{
    return disk_is_in_place(storage->disk, &storage->bets, storage->control.bets_bytes) &&
           disk_is_in_place(storage->disk, &storage->done_csv, storage->control.done_bytes);
}

/* ------------------------------------------------------ what control says ---- */

bool storage_note_begun(struct storage *storage, uint64_t durable)
{
    if (storage->control.state != CONTROL_NEW) {
        return true;
    }
    storage->control.state = CONTROL_OPEN;
    storage->control.bets_bytes = durable;
    return write_control(storage);
}

bool storage_note_done(struct storage *storage)
{
    struct control *control = &storage->control;
    control->bets_bytes = atomic_load(&storage->disk->segment->shared->positions.durable);
    control->done_bytes = storage->done.bytes;
    control->state = control->state == CONTROL_NEW ? CONTROL_OPEN : control->state;
    return write_control(storage);
}

bool storage_note_closed(struct storage *storage, const struct closing *closing)
{
    struct control *control = &storage->control;
    control->state = CONTROL_CLOSED;
    control->bets_bytes = atomic_load(&storage->disk->segment->shared->positions.durable);
    control->done_bytes = storage->done.bytes;
    control->closing = *closing;
    return write_control(storage);
}

bool storage_note_sealed(struct storage *storage, int64_t sealed_at_ms, const char *sha256)
{
    struct control *control = &storage->control;
    control->state = CONTROL_SEALED;
    control->sealed_at_ms = sealed_at_ms;
    (void)snprintf(control->seal_sha256, sizeof control->seal_sha256, "%s", sha256);
    return write_control(storage);
}

bool storage_note_number(struct storage *storage, uint32_t number)
{
    storage->control.terms.number_given = true;
    storage->control.terms.winning_number = number;
    return write_control(storage);
}

bool storage_note_draw(struct storage *storage, const struct draw_record *record,
                       int64_t drawn_at_ms, const char *sha256)
{
    struct control *control = &storage->control;
    control->state = CONTROL_DRAWN;
    control->draw = *record;
    control->drawn_at_ms = drawn_at_ms;
    (void)snprintf(control->draw_sha256, sizeof control->draw_sha256, "%s", sha256);
    return write_control(storage);
}

bool storage_write_checkpoint(struct storage *storage)
{
    if (!storage_has_bets(storage, storage->checkpoints.taken.position)) {
        return false;
    }
    checkpoints_write(&storage->checkpoints, &storage->disk->heritage->directory,
                      storage->control.identity, storage->bets.descriptor);
    return true;
}

/*
 * Its name is durable before control is written: a power loss may keep control's new name and lose
 * this one, and the checkpoint before it was never synced.
 */
bool storage_write_last_checkpoint(struct storage *storage)
{
    struct failure failure;
    checkpoints_take(&storage->checkpoints, storage->disk->segment);
    storage->checkpoints.taken.is_last = true;
    if (!storage_write_checkpoint(storage)) {
        return false;
    }
    if (!sync_names(storage, &failure)) {
        log_critical(LOG_STORE_SMALL_FILE_FAILED, "result: fail | error: %s", failure.text);
        return false;
    }
    return true;
}
