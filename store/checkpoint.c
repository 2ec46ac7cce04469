/*
 * checkpoint.c - see checkpoint.h.
 *
 * The file is replaced by a rename. So after the death of a process its name is that of the
 * old whole checkpoint or of the new one. After a power loss there may be none, or one whose
 * pages did not all reach the disk.
 */
#include "store/checkpoint.h"

#include "lib/checksum.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "LTRCPKT2"; its last byte is the version's digit */
#define CHECKPOINT_MAGIC (UINT64_C(0x00544b504352544c) | (uint64_t)('0' + CHECKPOINT_VERSION) << 56)
#define UNFINISHED_FILE  DATA_CHECKPOINT_FILE ".tmp"

/* The beginning of the file; the agencies follow. */
struct checkpoint_header {
    uint64_t magic;
    uint64_t checksum; /* of everything after it in the file */
    char identity[CONTROL_IDENTITY_DIGITS];
    uint64_t position;      /* of bets.csv, durable up to here */
    uint64_t bets_checksum; /* of all bytes before the position */
    uint64_t proof;         /* of up to CHECKPOINT_PROOF_BYTES before the position */
    uint64_t count;         /* of agencies */
};

static size_t agencies_bytes(uint64_t count)
{
    return count * sizeof(struct checkpoint_agency);
}

static uint64_t sum(const struct checkpoint_header *header,
                    const struct checkpoint_agency *agencies)
{
    size_t skipped = offsetof(struct checkpoint_header, identity);
    uint64_t checksum =
        checksum_extend(CHECKSUM_EMPTY, (const char *)header + skipped, sizeof *header - skipped);
    return checksum_extend(checksum, agencies, agencies_bytes(header->count));
}

/* Computes the proof. False when the file ends before the position, or can't be read. */
static bool prove(int bets_file, uint64_t position, uint64_t *proof)
{
    char bytes[CHECKPOINT_PROOF_BYTES];
    size_t count = position < CHECKPOINT_PROOF_BYTES ? (size_t)position : CHECKPOINT_PROOF_BYTES;
    ssize_t got = file_read_up_to(bets_file, bytes, count, position - count);
    *proof = checksum_extend(CHECKSUM_EMPTY, bytes, got > 0 ? (size_t)got : 0);
    return got == (ssize_t)count;
}

bool checkpoint_open(struct checkpoint *checkpoint, size_t capacity)
{
    *checkpoint = (struct checkpoint){.capacity = capacity};
    checkpoint->agencies = calloc(capacity + 1, sizeof *checkpoint->agencies);
    return checkpoint->agencies != NULL;
}

void checkpoint_close(struct checkpoint *checkpoint)
{
    free(checkpoint->agencies);
    *checkpoint = (struct checkpoint){0};
}

/* --------------------------------------------------------------- writing ---- */

static bool write_file(const struct data_directory *directory,
                       const struct checkpoint_header *header, const struct checkpoint *checkpoint)
{
    const struct checkpoint_agency *agencies = checkpoint->agencies;
    struct failure failure;
    int file = data_directory_open_file(directory, UNFINISHED_FILE, O_WRONLY | O_CREAT | O_TRUNC,
                                        &failure);
    if (file < 0) {
        return false;
    }
    bool written = file_write_all(file, header, sizeof *header, 0) &&
                   file_write_all(file, agencies, agencies_bytes(header->count), sizeof *header) &&
                   (!checkpoint->is_last || file_sync(file));
    close(file);
    return written && renameat(directory->descriptor, UNFINISHED_FILE, directory->descriptor,
                               DATA_CHECKPOINT_FILE) == 0;
}

bool checkpoint_write(const struct checkpoint *checkpoint, const struct data_directory *directory,
                      const char *identity, int bets_file)
{
    struct checkpoint_header header = {.magic = CHECKPOINT_MAGIC,
                                       .position = checkpoint->position,
                                       .bets_checksum = checkpoint->checksum,
                                       .count = checkpoint->count};
    memcpy(header.identity, identity, sizeof header.identity);
    bool written = prove(bets_file, header.position, &header.proof);
    header.checksum = sum(&header, checkpoint->agencies);
    written = written && write_file(directory, &header, checkpoint);
    if (!written) {
        log_warning(LOG_CHECKPOINT_NOT_WRITTEN, "result: fail | position: %" PRIu64 " | error: %s",
                    checkpoint->position, strerror(errno));
        unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
    }
    return written;
}

void checkpoint_remove_unfinished(const struct data_directory *directory)
{
    unlinkat(directory->descriptor, UNFINISHED_FILE, 0);
}

/* --------------------------------------------------------------- reading ---- */

/* Fills header and checkpoint from the file. False when the file is not a whole checkpoint. */
static bool load_whole(int file, struct checkpoint_header *header, struct checkpoint *checkpoint)
{
    struct stat status;
    if (fstat(file, &status) != 0 ||
        file_read_up_to(file, header, sizeof *header, 0) != (ssize_t)sizeof *header ||
        header->magic != CHECKPOINT_MAGIC || header->count > LIMITS_AGENCIES_MAX ||
        (uint64_t)status.st_size != sizeof *header + agencies_bytes(header->count) ||
        !checkpoint_open(checkpoint, header->count)) {
        return false;
    }
    size_t bytes = agencies_bytes(header->count);
    checkpoint->position = header->position;
    checkpoint->checksum = header->bets_checksum;
    checkpoint->count = header->count;
    return file_read_up_to(file, checkpoint->agencies, bytes, sizeof *header) == (ssize_t)bytes &&
           header->checksum == sum(header, checkpoint->agencies);
}

bool checkpoint_load(int descriptor, struct checkpoint_file *file)
{
    struct checkpoint_header header;
    *file = (struct checkpoint_file){.proof = 0};
    if (!load_whole(descriptor, &header, &file->checkpoint)) {
        checkpoint_close(&file->checkpoint);
        return false;
    }
    memcpy(file->identity, header.identity, sizeof header.identity);
    file->proof = header.proof;
    return true;
}

/* True when bets.csv reaches the position and its bytes before that are unchanged. */
static bool agrees(const struct data_directory *directory, const struct checkpoint_header *header,
                   int bets_file, enum checkpoint_verify verify, struct failure *failure)
{
    uint64_t found = 0;
    struct stat status = {0};
    if (bets_file >= 0 && fstat(bets_file, &status) != 0) {
        return failure_set_errno(failure, "stat %s/" DATA_BETS_FILE, directory->path);
    }
    if ((uint64_t)status.st_size < header->position) {
        return failure_set(failure,
                           "%s/" DATA_BETS_FILE " ends at byte %" PRIu64 ", and %" PRIu64
                           " bytes were durable (" DATA_CHECKPOINT_FILE " proves it): acknowledged "
                           "bets are missing, nothing was touched; is this a copy that was made "
                           "of a running server's files? Restore all files from one backup",
                           directory->path, (uint64_t)status.st_size, header->position);
    }
    bool read = verify == CHECKPOINT_VERIFY_END
                    ? prove(bets_file, header->position, &found)
                    : header->position == 0 || file_checksum(bets_file, header->position, &found) ==
                                                   (int64_t)header->position;
    if (!read) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, directory->path);
    }
    uint64_t expected = verify == CHECKPOINT_VERIFY_END ? header->proof : header->bets_checksum;
    return found == expected ||
           failure_set(failure,
                       "%s/" DATA_BETS_FILE " was changed: the first %" PRIu64 " bytes are not "
                       "those that were stored (checksum " CHECKSUM_FORMAT
                       ", and " DATA_CHECKPOINT_FILE " has " CHECKSUM_FORMAT
                       "): nothing was touched; restore all files from one backup",
                       directory->path, header->position, found, expected);
}

static bool is_of_lottery(const struct data_directory *directory,
                          const struct checkpoint_header *header, const char *identity,
                          struct failure *failure)
{
    return memcmp(header->identity, identity, sizeof header->identity) == 0 ||
           failure_set(failure,
                       "%s/" DATA_CHECKPOINT_FILE
                       " belongs to lottery %.32s, and " DATA_CONTROL_FILE
                       " to %s: nothing was touched; restore all files from one backup",
                       directory->path, header->identity, identity);
}

enum checkpoint_answer checkpoint_read(const struct data_directory *directory, const char *identity,
                                       int bets_file, enum checkpoint_verify verify,
                                       struct checkpoint *checkpoint, struct failure *failure)
{
    struct checkpoint_header header;
    *checkpoint = (struct checkpoint){0};
    int file = data_directory_open_file(directory, DATA_CHECKPOINT_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT ? CHECKPOINT_NONE : CHECKPOINT_REFUSED;
    }
    bool whole = load_whole(file, &header, checkpoint);
    close(file);
    if (!whole) {
        log_warning(LOG_CHECKPOINT_TORN,
                    "result: fail | file: %s/" DATA_CHECKPOINT_FILE
                    " | reason: it is not whole, as a power loss can leave it: " DATA_BETS_FILE
                    " is counted from its beginning",
                    directory->path);
        checkpoint_close(checkpoint);
        return CHECKPOINT_NONE;
    }
    if (!is_of_lottery(directory, &header, identity, failure) ||
        !agrees(directory, &header, bets_file, verify, failure)) {
        checkpoint_close(checkpoint);
        return CHECKPOINT_REFUSED;
    }
    return CHECKPOINT_READ;
}
