/*
 * tally.c - see tally.h.
 */
#include "server/supervisor/tally.h"

#include "lib/checksum.h"
#include "server/supervisor/counting.h"
#include "shm/agencies.h"
#include "store/checkpoint.h"
#include "store/file_io.h"

#include <sys/stat.h>

uint64_t tally_crash_bytes(const struct heritage *heritage)
{
    return heritage->directory.control.ring_bytes;
}

/*
 * A killed server can have left bytes that stand only in the page cache, so the file is synced.
 * After a failed fdatasync the page cache can hold for good what the disk does not. So the bytes
 * that can have been unsynced then, a ring's worth at the end, are forgotten and read again. The
 * bytes before them stay cached, so that a warm start is cheap.
 */
static bool sync_and_forget_tail(const struct heritage *heritage, int bets, struct tally *tally,
                                 struct failure *failure)
{
    struct stat status;
    uint64_t crash_bytes = tally_crash_bytes(heritage);
    if (fstat(bets, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, heritage->directory.path);
    }
    tally->file_bytes = (uint64_t)status.st_size;
    uint64_t from = tally->file_bytes > crash_bytes ? tally->file_bytes - crash_bytes : 0;
    return file_sync_and_forget(bets, from) ||
           failure_set_errno(failure, "sync %s/" DATA_BETS_FILE, heritage->directory.path);
}

/* ----------------------------------------------------------- checkpoint ---- */

/* Fills the table. If the table takes fewer agencies, it fills nothing and returns false. */
static bool fill_agencies(const struct segment *segment, const struct checkpoint *checkpoint,
                          struct tally *tally)
{
    if (checkpoint->count > segment->shared->identity.agency_limit) {
        return false;
    }
    for (size_t i = 0; i < checkpoint->count; i++) {
        const struct checkpoint_agency *from = &checkpoint->agencies[i];
        struct agency *agency = agencies_find_or_add(segment, (uint32_t)from->id);
        agencies_set_stored(agency, from->bets, from->bytes, from->checksum);
        if ((from->id & CHECKPOINT_CLAIMED) != 0) {
            atomic_store(&agency->epoch, EPOCH_UNFENCED + 1);
        }
        tally->rows += from->bets;
    }
    return true;
}

/* Takes over what a checkpoint has counted. False with the failure when the file disagrees. */
static bool start_from_checkpoint(const struct heritage *heritage, int bets, struct tally *tally,
                                  struct failure *failure)
{
    struct checkpoint checkpoint;
    enum checkpoint_verify verify = heritage->config.start_verify == START_VERIFY_END
                                        ? CHECKPOINT_VERIFY_END
                                        : CHECKPOINT_VERIFY_ALL;
    enum checkpoint_answer answer =
        checkpoint_read(&heritage->directory, heritage->directory.control.identity, bets, verify,
                        &checkpoint, failure);
    if (answer == CHECKPOINT_READ && fill_agencies(&heritage->segment, &checkpoint, tally)) {
        tally->checkpoint_bytes = checkpoint.position;
        tally->good_bytes = checkpoint.position;
        tally->checksum = checkpoint.checksum;
    }
    checkpoint_close(&checkpoint);
    return answer != CHECKPOINT_REFUSED;
}

/* ----------------------------------------------------------------- rows ---- */

/* Counts rows from tally->good_bytes on, until the first one that is not valid. */
static bool count_rows(const struct heritage *heritage, int bets, struct tally *tally,
                       struct failure *failure)
{
    const char *path = heritage->directory.path;
    struct counting_total total = {
        .rows = tally->rows, .bytes = tally->good_bytes, .checksum = tally->checksum};
    enum counting_end end = counting_run(&heritage->segment, bets, tally->file_bytes, &total);
    tally->rows = total.rows;
    tally->good_bytes = total.bytes;
    tally->checksum = total.checksum;
    switch (end) {
    case COUNTING_DONE:
        return true;
    case COUNTING_TABLE_FULL:
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " has more agencies than limits.agencies: nothing "
                           "was touched",
                           path);
    case COUNTING_FAILED:
        break;
    }
    return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, path);
}

bool tally_count(const struct heritage *heritage, int bets, struct tally *tally,
                 struct failure *failure)
{
    *tally = (struct tally){.checksum = CHECKSUM_EMPTY};
    return (bets < 0 || sync_and_forget_tail(heritage, bets, tally, failure)) &&
           start_from_checkpoint(heritage, bets, tally, failure) &&
           (bets < 0 || count_rows(heritage, bets, tally, failure));
}
