/*
 * checkpoint.c - see checkpoint.h.
 *
 * The file is replaced by a rename, so one of two whole checkpoints stands
 * under its name; after a power loss perhaps none, or one whose pages did not
 * all arrive.
 */
#include "server/checkpoint.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "server/file_io.h"
#include "shm/agencies.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROOF_BYTES = 4096, /* of bets.csv, before the position: read even where not all of it is */
    AGENCIES_MAX = 32767
};

#define CHECKPOINT_MAGIC UINT64_C(0x32544b504352544c) /* "LTRCPKT2" */
#define UNFINISHED_FILE  DATA_CHECKPOINT_FILE ".tmp"

/* `id` has CLAIMED added to it where the agency has been claimed. */
struct checkpoint_agency {
    uint64_t id, bets, bytes, checksum;
};

#define CLAIMED (UINT64_C(1) << 32)

/* As it stands in the file. */
struct checkpoint_image {
    uint64_t magic;
    uint64_t checksum; /* of everything behind it */
    char identity[CONTROL_IDENTITY_DIGITS];
    uint64_t position;      /* of bets.csv, durable up to here */
    uint64_t bets_checksum; /* of all bytes before the position */
    uint64_t proof;         /* of up to PROOF_BYTES before the position */
    uint64_t count;
    struct checkpoint_agency agencies[];
};

static size_t image_bytes(uint64_t count)
{
    return sizeof(struct checkpoint_image) + count * sizeof(struct checkpoint_agency);
}

static uint64_t image_checksum(const struct checkpoint_image *image)
{
    size_t skipped = offsetof(struct checkpoint_image, identity);
    return checksum_extend(CHECKSUM_EMPTY, (const char *)image + skipped,
                           image_bytes(image->count) - skipped);
}

/* False when the file does not reach up to the position, or can't be read. */
static bool prove(int bets_file, uint64_t position, uint64_t *proof)
{
    char bytes[PROOF_BYTES];
    size_t count = position < PROOF_BYTES ? (size_t)position : PROOF_BYTES;
    ssize_t got = file_read_up_to(bets_file, bytes, count, position - count);
    *proof = checksum_extend(CHECKSUM_EMPTY, bytes, got > 0 ? (size_t)got : 0);
    return got == (ssize_t)count;
}

/* --------------------------------------------------------------- writing ---- */

void checkpoint_drop(struct checkpoint *checkpoint)
{
    free(checkpoint->image);
    *checkpoint = (struct checkpoint){0};
}

static void note_agency(void *context, const struct agency *agency)
{
    struct checkpoint_image *image = context;
    image->agencies[image->count++] = (struct checkpoint_agency){
        .id = agency->id | (atomic_load(&agency->epoch) == EPOCH_UNFENCED ? 0 : CLAIMED),
        .bets = atomic_load_explicit(&agency->bets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&agency->bytes, memory_order_relaxed),
        .checksum = atomic_load_explicit(&agency->checksum, memory_order_relaxed),
    };
}

void checkpoint_take(struct checkpoint *checkpoint, struct segment *segment)
{
    checkpoint_drop(checkpoint);
    uint64_t room = segment->shared->identity.agency_capacity;
    checkpoint->image = calloc(1, image_bytes(room));
    if (checkpoint->image != NULL) {
        struct agencies_total total = agencies_snapshot(segment, note_agency, checkpoint->image);
        checkpoint->position = total.head;
        checkpoint->image->bets_checksum = total.checksum;
    }
}

static bool write_image(const struct data_directory *directory,
                        const struct checkpoint_image *image)
{
    struct failure failure;
    int file = data_directory_open_file(directory, UNFINISHED_FILE, O_WRONLY | O_CREAT | O_TRUNC,
                                        &failure);
    if (file < 0) {
        return false;
    }
    bool written = file_write_all(file, image, image_bytes(image->count), 0);
    (void)close(file);
    return written && renameat(directory->descriptor, UNFINISHED_FILE, directory->descriptor,
                               DATA_CHECKPOINT_FILE) == 0;
}

bool checkpoint_write(struct checkpoint *checkpoint, const struct data_directory *directory,
                      const char *identity, int bets_file)
{
    struct checkpoint_image *image = checkpoint->image;
    if (image == NULL) {
        return false;
    }
    image->magic = CHECKPOINT_MAGIC;
    memcpy(image->identity, identity, sizeof image->identity);
    image->position = checkpoint->position;
    bool written = prove(bets_file, image->position, &image->proof);
    image->checksum = image_checksum(image);
    written = written && write_image(directory, image);
    if (!written) {
        log_warning("action: checkpoint | result: fail | position: %" PRIu64 " | error: %s",
                    checkpoint->position, strerror(errno));
        (void)unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
    }
    checkpoint_drop(checkpoint);
    return written;
}

void checkpoint_remove_unfinished(const struct data_directory *directory)
{
    (void)unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
}

/* --------------------------------------------------------------- reading ---- */

static bool is_whole(const struct checkpoint_image *image, size_t bytes)
{
    return image->magic == CHECKPOINT_MAGIC && image->count <= AGENCIES_MAX &&
           image_bytes(image->count) == bytes && image->checksum == image_checksum(image);
}

/* The file's content where it is a whole checkpoint, else NULL. */
static struct checkpoint_image *load_whole(int file)
{
    struct checkpoint_image *image = NULL;
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size < (off_t)sizeof *image ||
        status.st_size > (off_t)image_bytes(AGENCIES_MAX)) {
        return NULL;
    }
    size_t bytes = (size_t)status.st_size;
    image = malloc(bytes);
    if (image == NULL || file_read_up_to(file, image, bytes, 0) != (ssize_t)bytes ||
        !is_whole(image, bytes)) {
        free(image);
        return NULL;
    }
    return image;
}

/* Sets *image to the whole checkpoint, or to NULL where there is none. False where there is one
 * that may not be opened. */
static bool read_image(const struct data_directory *directory, struct checkpoint_image **image,
                       struct failure *failure)
{
    *image = NULL;
    int file = data_directory_open_file(directory, DATA_CHECKPOINT_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT;
    }
    *image = load_whole(file);
    (void)close(file);
    if (*image == NULL) {
        log_warning("action: checkpoint | result: fail | file: %s/" DATA_CHECKPOINT_FILE
                    " | reason: it is no whole one, as after a power loss: " DATA_BETS_FILE
                    " is counted from its beginning",
                    directory->path);
    }
    return true;
}

static bool fill_agencies(const struct checkpoint_image *image, struct segment *segment,
                          uint64_t *bets)
{
    if (image->count > segment->shared->identity.agency_limit) {
        return false;
    }
    for (uint64_t i = 0; i < image->count; i++) {
        const struct checkpoint_agency *from = &image->agencies[i];
        struct agency *agency = agencies_find_or_add(segment, (uint32_t)from->id);
        if ((from->id & CLAIMED) != 0) {
            atomic_store(&agency->epoch, EPOCH_UNFENCED + 1);
        }
        atomic_store(&agency->bets, from->bets);
        atomic_store(&agency->bytes, from->bytes);
        atomic_store(&agency->checksum, from->checksum);
        *bets += from->bets;
    }
    return true;
}

/* True where bets.csv reaches up to the position, and is up to there what it was. */
static bool agrees(const struct data_directory *directory, const struct checkpoint_image *image,
                   int bets_file, enum checkpoint_verify verify, struct failure *failure)
{
    uint64_t found = 0;
    struct stat status = {0};
    if (bets_file >= 0 && fstat(bets_file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, directory->path);
    }
    if ((uint64_t)status.st_size < image->position) {
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " ends at byte %" PRIu64 ", and %" PRIu64
                           " bytes were durable (" DATA_CHECKPOINT_FILE " proves it): acknowledged "
                           "bets are missing, nothing was touched; is this a copy that was made "
                           "of a running server's files? Restore all files from one backup",
                           directory->path, (uint64_t)status.st_size, image->position);
    }
    bool read = verify == CHECKPOINT_VERIFY_END
                    ? prove(bets_file, image->position, &found)
                    : image->position == 0 || file_checksum(bets_file, image->position, &found) ==
                                                  (int64_t)image->position;
    if (!read) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
    }
    uint64_t expected = verify == CHECKPOINT_VERIFY_END ? image->proof : image->bets_checksum;
    return found == expected ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " was changed: the first %" PRIu64 " bytes are not "
                       "those that were stored (checksum " CHECKSUM_FORMAT
                       ", and " DATA_CHECKPOINT_FILE " has " CHECKSUM_FORMAT
                       "): nothing was touched; "
                       "restore all files from one backup",
                       directory->path, image->position, found, expected);
}

/* False, with the failure, where it is another lottery's. */
static bool belongs(const struct data_directory *directory, const struct checkpoint_image *image,
                    const char *identity, struct failure *failure)
{
    return memcmp(image->identity, identity, sizeof image->identity) == 0 ||
           failure_set(failure,
                       "%s/" DATA_CHECKPOINT_FILE
                       " belongs to lottery %.32s, and " DATA_CONTROL_FILE
                       " to %s: nothing was touched; restore all files from one "
                       "backup",
                       directory->path, image->identity, identity);
}

static enum checkpoint_answer restore(const struct data_directory *directory,
                                      const struct checkpoint_image *image, const char *identity,
                                      struct segment *segment, int bets_file,
                                      enum checkpoint_verify verify,
                                      struct checkpoint_counted *counted, struct failure *failure)
{
    if (!belongs(directory, image, identity, failure) ||
        !agrees(directory, image, bets_file, verify, failure)) {
        return CHECKPOINT_REFUSED;
    }
    uint64_t bets = 0;
    if (!fill_agencies(image, segment, &bets)) {
        return CHECKPOINT_NONE;
    }
    *counted = (struct checkpoint_counted){
        .position = image->position, .bets = bets, .checksum = image->bets_checksum};
    return CHECKPOINT_RESTORED;
}

enum checkpoint_answer checkpoint_restore(const struct data_directory *directory,
                                          const char *identity, struct segment *segment,
                                          int bets_file, enum checkpoint_verify verify,
                                          struct checkpoint_counted *counted,
                                          struct failure *failure)
{
    *counted = (struct checkpoint_counted){0};
    struct checkpoint_image *image = NULL;
    if (!read_image(directory, &image, failure)) {
        return CHECKPOINT_REFUSED;
    }
    if (image == NULL) {
        return CHECKPOINT_NONE;
    }
    enum checkpoint_answer answer =
        restore(directory, image, identity, segment, bets_file, verify, counted, failure);
    free(image);
    return answer;
}

bool checkpoint_check(const struct data_directory *directory, const char *identity, int bets_file,
                      struct failure *failure)
{
    struct checkpoint_image *image = NULL;
    bool holds =
        read_image(directory, &image, failure) &&
        (image == NULL || (belongs(directory, image, identity, failure) &&
                           agrees(directory, image, bets_file, CHECKPOINT_VERIFY_ALL, failure)));
    free(image);
    return holds;
}
