/*
 * sealing.c - see sealing.h.
 */
#include "server/storer/sealing.h"

#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/log.h"
#include "seal/record.h"
#include "seal/seal.h"
#include "server/signals.h"
#include "server/storer/long_work.h"
#include "server/storer/publication.h"
#include "shm/replica.h"

#include <inttypes.h>
#include <stdlib.h>

bool sealing_is_due(const struct storage *storage)
{
    return storage->control.state == CONTROL_CLOSED && !signals_terminate_requested() &&
           replica_is_complete(storage->disk->segment);
}

/*
 * SEAL_GOOD when the bets that were sealed are those that were stored. The rows of an agency that
 * was closed out have no other witness.
 */
static enum seal_end expect_stored(const struct storage *storage, const struct seal *seal,
                                   struct failure *failure)
{
    const struct draw_stock stored = storage_stock(storage);
    if (seal->bets_rows == stored.rows && seal->bets_bytes == stored.bytes &&
        seal->bets_checksum == stored.checksum) {
        return SEAL_GOOD;
    }
    failure_set(failure,
                DATA_BETS_FILE " was changed: %" PRIu64 " rows in %" PRIu64
                               " bytes of checksum " CHECKSUM_FORMAT " are there, and %" PRIu64
                               " bets in %" PRIu64 " bytes of checksum " CHECKSUM_FORMAT
                               " were stored: restore all files from one backup",
                seal->bets_rows, seal->bets_bytes, seal->bets_checksum, stored.rows, stored.bytes,
                stored.checksum);
    return SEAL_DAMAGED;
}

/* False, and the log says why, when there is none. After true the caller closes *seal. */
static bool make_seal(struct storage *storage, struct seal *seal)
{
    struct failure failure;
    int64_t before_ms = record_sealed_at_ms(&storage->disk->heritage->directory, &storage->control);
    enum seal_end end =
        seal_make(storage->bets.descriptor, storage->done.descriptor, &storage->control,
                  before_ms != 0 ? before_ms : control_step_ms(&storage->control),
                  long_work_should_stop, seal, &failure);
    if (end == SEAL_GOOD) {
        end = expect_stored(storage, seal, &failure);
        if (end == SEAL_GOOD) {
            return true;
        }
        seal_close(seal);
    }
    if (end == SEAL_INTERRUPTED) {
        log_info(LOG_SEAL_INTERRUPTED, "result: in_progress | reason: stopped before the draw was "
                                       "sealed: the next start seals it");
        return false;
    }
    if (end == SEAL_DAMAGED) {
        disk_distrust(storage->disk, DISK_DAMAGED);
    }
    log_critical(LOG_SEAL_FAILED, "result: fail | error: %s/: %s",
                 storage->disk->heritage->directory.path, failure.text);
    return false;
}

static bool publish(struct storage *storage, const struct seal *seal)
{
    char sha256[SHA256_DIGITS + 1];
    struct publication publication = {.name = DATA_SEAL_FILE,
                                      .signature_name = DATA_SEAL_SIGNATURE_FILE};
    char *text = seal_write_text(seal, &publication.bytes);
    publication.text = text;
    if (text == NULL) {
        log_critical(LOG_SEAL_FAILED, "result: fail | error: no memory for " DATA_SEAL_FILE);
        return false;
    }
    bool published = publication_make(storage->disk, &publication, sha256);
    free(text);
    return published && storage_note_sealed(storage, seal->sealed_at_ms, sha256);
}

bool sealing_seal(struct storage *storage)
{
    int64_t began_ms = clock_monotonic_ms();
    struct seal seal;
    fault_point("seal.begun");
    if (!publication_can_sign(storage->disk)) {
        return false;
    }
    if (!make_seal(storage, &seal)) {
        return storage_may_leave_rest(storage);
    }
    bool sealed = publish(storage, &seal);
    uint64_t rows = seal.bets_rows;
    seal_close(&seal);
    if (!sealed) {
        return storage_may_leave_rest(storage);
    }
    fault_point("seal.noted");
    log_info(LOG_DRAW_SEALED,
             "result: success | apuestas: %" PRIu64 " | sha256: %s | firma: %s | ms: %" PRId64,
             rows, storage->control.seal_sha256,
             storage->disk->heritage->config.seal_key[0] == '\0' ? "no" : "yes",
             clock_monotonic_ms() - began_ms);
    return true;
}
