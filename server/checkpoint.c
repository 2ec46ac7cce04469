/*
 * checkpoint.c - see checkpoint.h.
 *
 * The file is replaced by a rename, so one of two whole checkpoints stands
 * under its name; after a power loss perhaps none, or one whose pages did not
 * all arrive.
 */
#include "server/checkpoint.h"

#include "lib/log.h"
#include "server/file_io.h"
#include "shm/agencies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_MODE = 0644,
    PROOF_BYTES = 4096, /* of bets.csv, before the position: what the checkpoint is held against */
    AGENCIES_MAX = 32767
};

#define CHECKPOINT_MAGIC UINT64_C(0x31544b504352544c) /* "LTRCPKT1" */
#define UNFINISHED_FILE  DATA_CHECKPOINT_FILE ".tmp"

struct checkpoint_agency {
    uint64_t id, bets, bytes;
};

/* As it stands in the file. */
struct checkpoint_image {
    uint64_t magic;
    uint64_t checksum; /* of everything behind it */
    uint64_t position; /* of bets.csv, durable up to here */
    uint64_t proof;    /* checksum of up to PROOF_BYTES before the position */
    uint64_t count;
    struct checkpoint_agency agencies[];
};

static size_t image_bytes(uint64_t count)
{
    return sizeof(struct checkpoint_image) + count * sizeof(struct checkpoint_agency);
}

/* FNV-1a (Fowler, Noll, Vo): against torn pages, not against malice. */
static uint64_t checksum(const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t image_checksum(const struct checkpoint_image *image)
{
    size_t skipped = offsetof(struct checkpoint_image, position);
    return checksum((const char *)image + skipped, image_bytes(image->count) - skipped);
}

/* False when the file does not reach up to the position. */
static bool prove(int bets_file, uint64_t position, uint64_t *proof)
{
    char bytes[PROOF_BYTES];
    size_t count = position < PROOF_BYTES ? (size_t)position : PROOF_BYTES;
    ssize_t got = pread(bets_file, bytes, count, (off_t)(position - count));
    *proof = checksum(bytes, got > 0 ? (size_t)got : 0);
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
        .id = agency->id,
        .bets = atomic_load_explicit(&agency->bets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&agency->bytes, memory_order_relaxed),
    };
}

void checkpoint_take(struct checkpoint *checkpoint, struct segment *segment)
{
    checkpoint_drop(checkpoint);
    uint64_t room = segment->shared->identity.agency_capacity;
    checkpoint->image = calloc(1, image_bytes(room));
    if (checkpoint->image != NULL) {
        checkpoint->position = agencies_snapshot(segment, note_agency, checkpoint->image);
    }
}

static bool write_image(const struct data_directory *directory,
                        const struct checkpoint_image *image)
{
    int file = openat(directory->descriptor, UNFINISHED_FILE,
                      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (file < 0) {
        return false;
    }
    bool written = file_write_all(file, image, image_bytes(image->count), 0);
    (void)close(file);
    return written && renameat(directory->descriptor, UNFINISHED_FILE, directory->descriptor,
                               DATA_CHECKPOINT_FILE) == 0;
}

void checkpoint_write(struct checkpoint *checkpoint, const struct data_directory *directory,
                      int bets_file)
{
    struct checkpoint_image *image = checkpoint->image;
    if (image == NULL) {
        return;
    }
    image->magic = CHECKPOINT_MAGIC;
    image->position = checkpoint->position;
    bool written = prove(bets_file, image->position, &image->proof);
    image->checksum = image_checksum(image);
    written = written && write_image(directory, image);
    if (!written) {
        log_warning("action: checkpoint | result: fail | position: %llu | error: %s",
                    (unsigned long long)checkpoint->position, strerror(errno));
        (void)unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
    }
    checkpoint_drop(checkpoint);
}

void checkpoint_remove(const struct data_directory *directory)
{
    (void)unlinkat(directory->descriptor, DATA_CHECKPOINT_FILE, 0);
}

void checkpoint_remove_unfinished(const struct data_directory *directory)
{
    (void)unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
}

/* --------------------------------------------------------------- reading ---- */

/* The file's content; NULL where there is none, or it is no whole checkpoint. */
static struct checkpoint_image *read_image(const struct data_directory *directory)
{
    int file = openat(directory->descriptor, DATA_CHECKPOINT_FILE, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0) {
        return NULL;
    }
    struct checkpoint_image *image = NULL;
    bool whole = false;
    if (fstat(file, &status) == 0 && status.st_size >= (off_t)sizeof *image &&
        status.st_size <= (off_t)image_bytes(AGENCIES_MAX)) {
        size_t bytes = (size_t)status.st_size;
        image = malloc(bytes);
        whole = image != NULL && pread(file, image, bytes, 0) == (ssize_t)bytes &&
                image->magic == CHECKPOINT_MAGIC && image->count <= AGENCIES_MAX &&
                image_bytes(image->count) == bytes && image->checksum == image_checksum(image);
    }
    (void)close(file);
    if (!whole) {
        free(image);
        return NULL;
    }
    return image;
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
        atomic_store(&agency->bets, from->bets);
        atomic_store(&agency->bytes, from->bytes);
        *bets += from->bets;
    }
    return true;
}

uint64_t checkpoint_promise(const struct data_directory *directory)
{
    struct checkpoint_image *image = read_image(directory);
    uint64_t position = image == NULL ? 0 : image->position;
    free(image);
    return position;
}

uint64_t checkpoint_restore(const struct data_directory *directory, struct segment *segment,
                            int bets_file, uint64_t *bets)
{
    struct checkpoint_image *image = read_image(directory);
    if (image == NULL) {
        return 0;
    }
    uint64_t proof = 0;
    uint64_t position = image->position;
    if (!prove(bets_file, position, &proof) || proof != image->proof) {
        log_warning("action: checkpoint | result: fail | position: %llu | reason: it does not "
                    "agree with " DATA_BETS_FILE ", which is counted from its beginning",
                    (unsigned long long)position);
        position = 0;
    } else if (!fill_agencies(image, segment, bets)) {
        position = 0;
    }
    free(image);
    return position;
}
