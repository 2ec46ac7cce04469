/*
 * seal.c - makes a seal, and compares files with one; see seal.h.
 */
#include "seal/seal.h"

#include "bet/agency_set.h"
#include "lib/limits.h"
#include "lib/program.h"
#include "store/data_directory.h"
#include "store/done_file.h"
#include "store/file_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One more than there can be, so that one too many is noticed. */
enum { AGENCIES_MAX = LIMITS_AGENCIES_MAX };
enum { DONE_BYTES_MAX = (LIMITS_AGENCIES_MAX + 1) * DONE_LINE_BYTES_MAX, READ_BYTES = 256 * 1024 };

#define PROGRAM "lottery-server " PROGRAM_VERSION

void seal_close(struct seal *seal)
{
    free(seal->agencies);
    *seal = (struct seal){0};
}

static int compare_agencies(const void *left, const void *right)
{
    const struct seal_agency *a = left;
    const struct seal_agency *b = right;
    return (a->agency > b->agency) - (a->agency < b->agency);
}

const struct seal_agency *seal_find(const struct seal *seal, uint32_t agency)
{
    const struct seal_agency wanted = {.agency = agency};
    return seal->agency_count == 0 ? NULL
                                   : bsearch(&wanted, seal->agencies, seal->agency_count,
                                             sizeof *seal->agencies, compare_agencies);
}

/* ---------------------------------------------------------------- making ---- */

/* SEAL_GOOD when the file has these bytes. */
static enum seal_end expect_bytes(int file, const char *name, uint64_t bytes, const char *witness,
                                  struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        failure_set_errno(failure, "stat %s", name);
        return SEAL_FAILED;
    }
    if ((uint64_t)status.st_size != bytes) {
        failure_set(failure,
                    "%s has %" PRIu64 " bytes, and %s says %" PRIu64
                    ": restore all files from one backup",
                    name, (uint64_t)status.st_size, witness, bytes);
        return SEAL_DAMAGED;
    }
    return SEAL_GOOD;
}

/* Takes one line of done.csv. SEAL_DAMAGED when it is none, or says other than bets.csv. */
static enum seal_end take_line(const char *text, size_t bytes, const struct bets_digest *bets,
                               struct seal *seal, struct failure *failure)
{
    struct done_line line;
    struct seal_agency *agency = &seal->agencies[seal->agency_count];
    if (!done_file_parse_line(text, bytes, &line)) {
        failure_set(failure, DATA_DONE_FILE ": line %zu is damaged", seal->agency_count + 1);
        return SEAL_DAMAGED;
    }
    *agency = (struct seal_agency){.agency = line.agency};
    const struct bets_agency *stored = bets_digest_find(bets, line.agency);
    const struct bets_agency none = {.agency = line.agency};
    const struct bets_agency *found = stored == NULL ? &none : stored;
    if (found->rows != line.bets || found->checksum != line.checksum ||
        line.position > seal->bets_bytes) {
        failure_set(failure,
                    DATA_DONE_FILE " says that agency %" PRIu32 " has %" PRIu64
                                   " bets, and " DATA_BETS_FILE " has %" PRIu64
                                   " of it, or other ones: restore all files from one backup",
                    line.agency, line.bets, found->rows);
        return SEAL_DAMAGED;
    }
    agency->rows = found->rows;
    if (stored != NULL) {
        agency->sha256 = stored->sha256;
    } else if (!sha256_of("", 0, &agency->sha256)) {
        failure_set_errno(failure, "hash no rows");
        return SEAL_FAILED;
    }
    seal->agency_count++;
    return SEAL_GOOD;
}

/* True when this agency has an entry among the first `count`, which are in ascending order. */
static bool has_entry(const struct seal *seal, size_t count, uint32_t agency)
{
    const struct seal_agency wanted = {.agency = agency};
    return count > 0 &&
           bsearch(&wanted, seal->agencies, count, sizeof wanted, compare_agencies) != NULL;
}

/* Adds an agency that was closed out, unless it has one of the first `lines` entries. */
static enum seal_end add_closed_out(uint32_t agency, size_t lines, const struct bets_digest *bets,
                                    struct seal *seal, struct failure *failure)
{
    if (has_entry(seal, lines, agency)) {
        return SEAL_GOOD;
    }
    if (seal->agency_count == AGENCIES_MAX) {
        failure_set(failure, "there are more than %d agencies", AGENCIES_MAX);
        return SEAL_DAMAGED;
    }
    struct seal_agency *entry = &seal->agencies[seal->agency_count];
    const struct bets_agency *stored = bets_digest_find(bets, agency);
    *entry = (struct seal_agency){.agency = agency, .closed_out = true};
    if (stored != NULL) {
        entry->rows = stored->rows;
        entry->sha256 = stored->sha256;
    } else if (!sha256_of("", 0, &entry->sha256)) {
        failure_set_errno(failure, "hash no rows");
        return SEAL_FAILED;
    }
    seal->agency_count++;
    return SEAL_GOOD;
}

/* Adds the agencies that control names. */
static enum seal_end add_named(const struct agency_set *without, size_t lines,
                               const struct bets_digest *bets, struct seal *seal,
                               struct failure *failure)
{
    enum seal_end end = SEAL_GOOD;
    for (uint32_t i = 0; i < without->count; i++) {
        for (uint64_t id = without->ranges[i].first;
             id <= without->ranges[i].last && end == SEAL_GOOD; id++) {
            end = add_closed_out((uint32_t)id, lines, bets, seal, failure);
        }
    }
    return end;
}

/*
 * Adds the agencies with bets that are not done. SEAL_DAMAGED when control does not say of one that
 * it was closed out.
 */
static enum seal_end add_with_bets(const struct agency_set *without, size_t lines,
                                   const struct bets_digest *bets, struct seal *seal,
                                   struct failure *failure)
{
    enum seal_end end = SEAL_GOOD;
    for (size_t i = 0; i < bets->agency_count && end == SEAL_GOOD; i++) {
        uint32_t agency = bets->agencies[i].agency;
        if (without->any) {
            end = add_closed_out(agency, lines, bets, seal, failure);
        } else if (!has_entry(seal, lines, agency) && !agency_set_has(without, agency)) {
            failure_set(failure,
                        DATA_BETS_FILE " has rows of agency %" PRIu32
                                       ", which is neither done (" DATA_DONE_FILE
                                       ") nor closed out (" DATA_CONTROL_FILE ")",
                        agency);
            end = SEAL_DAMAGED;
        }
    }
    return end;
}

/* Sorts the agencies of done.csv. SEAL_DAMAGED when one is there twice. */
static enum seal_end sort_agencies(struct seal *seal, struct failure *failure)
{
    qsort(seal->agencies, seal->agency_count, sizeof *seal->agencies, compare_agencies);
    for (size_t i = 1; i < seal->agency_count; i++) {
        if (seal->agencies[i - 1].agency == seal->agencies[i].agency) {
            failure_set(failure, DATA_DONE_FILE " has two lines of agency %" PRIu32,
                        seal->agencies[i].agency);
            return SEAL_DAMAGED;
        }
    }
    return SEAL_GOOD;
}

/* Marks the agencies that were closed out, and adds those that have no line in done.csv. */
static enum seal_end take_closed_out(const struct bets_digest *bets, struct seal *seal,
                                     struct failure *failure)
{
    struct agency_set without = {.count = 0};
    size_t lines = seal->agency_count;
    if (seal->closing.without[0] != '\0' &&
        !agency_set_parse(seal->closing.without, DATA_CONTROL_FILE ": closed_without", &without,
                          failure)) {
        return SEAL_DAMAGED;
    }
    for (size_t i = 0; i < lines && !without.any; i++) {
        seal->agencies[i].closed_out = agency_set_has(&without, seal->agencies[i].agency);
    }
    enum seal_end end = add_named(&without, lines, bets, seal, failure);
    if (end == SEAL_GOOD) {
        end = add_with_bets(&without, lines, bets, seal, failure);
    }
    qsort(seal->agencies, seal->agency_count, sizeof *seal->agencies, compare_agencies);
    return end;
}

static enum seal_end take_lines(const char *text, size_t bytes, const struct bets_digest *bets,
                                struct seal *seal, struct failure *failure)
{
    for (const char *at = text; at < text + bytes;) {
        const char *line_feed = memchr(at, '\n', (size_t)(text + bytes - at));
        if (line_feed == NULL || seal->agency_count == LIMITS_AGENCIES_MAX) {
            failure_set(failure, DATA_DONE_FILE " has an unfinished line, or more than %d",
                        LIMITS_AGENCIES_MAX);
            return SEAL_DAMAGED;
        }
        enum seal_end end = take_line(at, (size_t)(line_feed - at), bets, seal, failure);
        if (end != SEAL_GOOD) {
            return end;
        }
        at = line_feed + 1;
    }
    enum seal_end end = sort_agencies(seal, failure);
    return end == SEAL_GOOD ? take_closed_out(bets, seal, failure) : end;
}

/* Reads done.csv, whose bytes are known, hashes it and takes its lines. */
static enum seal_end take_done(int done_file, const struct bets_digest *bets, struct seal *seal,
                               struct failure *failure)
{
    if (seal->done_bytes > DONE_BYTES_MAX) {
        failure_set(failure, DATA_DONE_FILE " has %" PRIu64 " bytes: too many", seal->done_bytes);
        return SEAL_DAMAGED;
    }
    size_t bytes = (size_t)seal->done_bytes;
    char *text = malloc(bytes + 1);
    seal->agencies = calloc(AGENCIES_MAX, sizeof *seal->agencies);
    enum seal_end end = SEAL_FAILED;
    if (text == NULL || seal->agencies == NULL ||
        file_read_up_to(done_file, text, bytes, 0) != (ssize_t)bytes ||
        !sha256_of(text, bytes, &seal->done_sha256)) {
        failure_set_errno(failure, "read and hash " DATA_DONE_FILE);
    } else {
        end = take_lines(text, bytes, bets, seal, failure);
    }
    free(text);
    return end;
}

static enum seal_end take_bets(int bets_file, bool (*should_stop)(void), struct bets_digest *bets,
                               struct seal *seal, struct failure *failure)
{
    switch (
        bets_digest_make(bets_file, DATA_BETS_FILE, seal->bets_bytes, should_stop, bets, failure)) {
    case BETS_DIGEST_FAILED:
        return SEAL_FAILED;
    case BETS_DIGEST_STOPPED:
        return SEAL_INTERRUPTED;
    case BETS_DIGEST_MADE:
        break;
    }
    seal->bets_rows = bets->rows;
    seal->bets_checksum = bets->checksum;
    seal->bets_sha256 = bets->sha256;
    seal->merkle_root = bets->merkle_root;
    if (bets->bad_rows > 0 || bets->bytes != seal->bets_bytes) {
        failure_set(failure,
                    DATA_BETS_FILE " is damaged: %" PRIu64 " rows are no bets, the first at byte "
                                   "%" PRIu64 ": restore all files from one backup",
                    bets->bad_rows, bets->first_bad);
        return SEAL_DAMAGED;
    }
    return SEAL_GOOD;
}

static enum seal_end take_files(int bets_file, int done_file, bool (*should_stop)(void),
                                struct seal *seal, struct failure *failure)
{
    struct bets_digest bets = {0};
    enum seal_end end =
        expect_bytes(bets_file, DATA_BETS_FILE, seal->bets_bytes, DATA_CONTROL_FILE, failure);
    if (end == SEAL_GOOD) {
        end = expect_bytes(done_file, DATA_DONE_FILE, seal->done_bytes, DATA_CONTROL_FILE, failure);
    }
    if (end == SEAL_GOOD) {
        end = take_bets(bets_file, should_stop, &bets, seal, failure);
    }
    if (end == SEAL_GOOD) {
        end = take_done(done_file, &bets, seal, failure);
    }
    int saved_errno = errno;
    bets_digest_close(&bets);
    errno = saved_errno;
    return end;
}

enum seal_end seal_make(int bets_file, int done_file, const struct control *control,
                        int64_t sealed_at_ms, bool (*should_stop)(void), struct seal *seal,
                        struct failure *failure)
{
    *seal = (struct seal){.terms = control->terms,
                          .program = PROGRAM,
                          .opened_at_ms = control->opened_at_ms,
                          .closing = control->closing,
                          .sealed_at_ms = sealed_at_ms,
                          .bets_bytes = control->bets_bytes,
                          .done_bytes = control->done_bytes};
    (void)snprintf(seal->identity, sizeof seal->identity, "%s", control->identity);
    seal->terms.number_given = false; /* where it comes by command, it comes after the seal */
    enum seal_end end = take_files(bets_file, done_file, should_stop, seal, failure);
    int saved_errno = errno;
    if (end != SEAL_GOOD) {
        seal_close(seal);
    }
    errno = saved_errno;
    return end;
}

/* ------------------------------------------------------------- comparing ---- */

/* Hashes the first `bytes` bytes. */
static enum seal_end hash_file(int file, const char *name, uint64_t bytes,
                               bool (*should_stop)(void), struct sha256_digest *digest,
                               struct failure *failure)
{
    struct sha256 sha256;
    char *buffer = malloc(READ_BYTES);
    if (buffer == NULL || !sha256_open(&sha256)) {
        failure_set(failure, "there is no memory to hash %s", name);
        free(buffer);
        return SEAL_FAILED;
    }
    enum seal_end end = SEAL_GOOD;
    ssize_t got = 1;
    for (uint64_t at = 0; end == SEAL_GOOD && at < bytes && got > 0; at += (uint64_t)got) {
        uint64_t left = bytes - at;
        got = file_read_up_to(file, buffer, left < READ_BYTES ? (size_t)left : READ_BYTES, at);
        if (got < 0) {
            failure_set_errno(failure, "read %s", name);
            end = SEAL_FAILED;
        } else if (should_stop()) {
            failure_set(failure, "stopped while %s was compared with the seal", name);
            end = SEAL_INTERRUPTED;
        } else {
            sha256_extend(&sha256, buffer, (size_t)got);
        }
    }
    int saved_errno = errno;
    sha256_end(&sha256, digest);
    sha256_close(&sha256);
    free(buffer);
    errno = saved_errno;
    return end;
}

static enum seal_end compare_file(int file, const char *name, uint64_t bytes,
                                  const struct sha256_digest *sealed, bool (*should_stop)(void),
                                  struct failure *failure)
{
    struct sha256_digest found;
    enum seal_end end = expect_bytes(file, name, bytes, DATA_SEAL_FILE, failure);
    if (end == SEAL_GOOD) {
        end = hash_file(file, name, bytes, should_stop, &found, failure);
    }
    if (end == SEAL_GOOD && !sha256_equal(&found, sealed)) {
        char found_text[SHA256_DIGITS + 1];
        char sealed_text[SHA256_DIGITS + 1];
        failure_set(failure,
                    "%s was changed after it was sealed: its SHA-256 is %s, and " DATA_SEAL_FILE
                    " has %s: restore all files from one backup",
                    name, sha256_write(found_text, &found), sha256_write(sealed_text, sealed));
        return SEAL_DAMAGED;
    }
    return end;
}

enum seal_end seal_compare(const struct seal *seal, int bets_file, int done_file,
                           bool (*should_stop)(void), struct failure *failure)
{
    enum seal_end end = compare_file(done_file, DATA_DONE_FILE, seal->done_bytes,
                                     &seal->done_sha256, should_stop, failure);
    return end != SEAL_GOOD ? end
                            : compare_file(bets_file, DATA_BETS_FILE, seal->bets_bytes,
                                           &seal->bets_sha256, should_stop, failure);
}
