/*
 * checks_winners.c - the winners, found again in bets.csv; see checks.h.
 *
 * Two passes over bets.csv. The first counts each agency's winning rows and their bytes, which
 * gives each agency its place in winners.csv. The second compares each winning row with the bytes
 * at its agency's place. Memory holds an entry for each agency.
 */
#include "verify/checks.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "store/csv_reader.h"
#include "store/data_directory.h"
#include "store/file_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROW_END "\r\n"

enum { ROW_END_BYTES = sizeof ROW_END - 1, COMPARE_BYTES = 64 * 1024 };

/* An agency's winners; in the order of the digest's agencies. */
struct share {
    uint64_t rows, bytes;
    uint64_t position; /* where its next row stands in winners.csv */
};

struct reckoning {
    const struct draw_files *files;
    uint32_t number;
    struct share *shares; /* owned */
    uint64_t rows, bytes; /* of all of them */
    bool comparing;       /* in the second pass */
    bool differs;
    bool failed; /* winners.csv can't be read; errno says why */
};

static struct share *share_of(const struct reckoning *reckoning, uint32_t agency)
{
    const struct bets_digest *digest = &reckoning->files->digest;
    const struct bets_agency *entry = bets_digest_find(digest, agency);
    return entry == NULL ? NULL : &reckoning->shares[entry - digest->agencies];
}

/* True when the row, without its CRLF, ends in the number. */
static bool wins(const struct reckoning *reckoning, const char *row, size_t bytes)
{
    const char *comma = memrchr(row, ',', bytes);
    uint32_t number = 0;
    return comma != NULL &&
           bet_parse_uint32(comma + 1, (size_t)(row + bytes - comma - 1), &number) &&
           number == reckoning->number;
}

/* Compares with winners.csv at the position. */
static void compare(struct reckoning *reckoning, const char *row, size_t bytes, uint64_t position)
{
    char there[COMPARE_BYTES];
    for (size_t at = 0; at < bytes && !reckoning->differs; at += sizeof there) {
        size_t count = bytes - at < sizeof there ? bytes - at : sizeof there;
        ssize_t got = file_read_up_to(reckoning->files->winners, there, count, position + at);
        reckoning->failed = reckoning->failed || got < 0;
        reckoning->differs = got != (ssize_t)count || memcmp(there, row + at, count) != 0;
    }
}

/* `bytes` includes the row's end. */
static void take_row(struct reckoning *reckoning, const char *row, size_t bytes)
{
    uint32_t agency = 0;
    if (bytes <= ROW_END_BYTES || !wins(reckoning, row, bytes - ROW_END_BYTES) ||
        memcmp(row + bytes - ROW_END_BYTES, ROW_END, ROW_END_BYTES) != 0 ||
        bet_csv_parse(row, bytes - ROW_END_BYTES, &agency) != BET_VALID) {
        return;
    }
    struct share *share = share_of(reckoning, agency);
    if (share == NULL) {
        return;
    }
    if (reckoning->comparing) {
        compare(reckoning, row, bytes, share->position);
        share->position += bytes;
    } else {
        share->rows++;
        share->bytes += bytes;
    }
}

static bool pass(struct reckoning *reckoning)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_FAILED;
    if (csv_reader_open(&reader, reckoning->files->bets, 0)) {
        while (!reckoning->differs &&
               (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
            for (const char *row = rows; row < rows + bytes;) {
                const char *line_feed = memchr(row, '\n', (size_t)(rows + bytes - row));
                take_row(reckoning, row, (size_t)(line_feed + 1 - row));
                row = line_feed + 1;
            }
        }
    }
    csv_reader_close(&reader);
    return read != CSV_FAILED && !reckoning->failed;
}

static void give_places(struct reckoning *reckoning)
{
    for (size_t i = 0; i < reckoning->files->digest.agency_count; i++) {
        reckoning->shares[i].position = reckoning->bytes;
        reckoning->bytes += reckoning->shares[i].bytes;
        reckoning->rows += reckoning->shares[i].rows;
    }
}

/* ---------------------------------------------------------------- checks ---- */

static void check_winners(const struct reckoning *reckoning, uint64_t file_bytes,
                          struct verify_report *report)
{
    if (reckoning->differs || file_bytes != reckoning->bytes) {
        verify_report_set(report, CHECK_WINNERS, VERDICT_FAIL,
                          DATA_WINNERS_FILE " is not the %" PRIu64
                                            " winning rows of " DATA_BETS_FILE " by agency",
                          reckoning->rows);
    } else {
        verify_report_set(report, CHECK_WINNERS, VERDICT_OK,
                          "%" PRIu64 " rows with %" PRIu32 ", found again", reckoning->rows,
                          reckoning->number);
    }
}

static bool counts_agree(const struct reckoning *reckoning, const struct draw_report *draw)
{
    uint64_t counted = 0;
    for (size_t i = 0; i < draw->agency_count; i++) {
        const struct share *share = share_of(reckoning, draw->agencies[i].agency);
        uint64_t rows = share == NULL ? 0 : share->rows;
        if (draw->agencies[i].winners != rows) {
            return false;
        }
        counted += rows;
    }
    return counted == reckoning->rows;
}

static void check_counts(const struct reckoning *reckoning, uint64_t file_bytes,
                         uint64_t file_checksum_found, const struct sha256_digest *sha256,
                         struct verify_report *report)
{
    const struct draw_files *files = reckoning->files;
    const struct draw_record *record = &files->control.draw;
    const struct draw_report *draw = &files->report;
    if (files->has_control && files->control.state == CONTROL_DRAWN &&
        (record->winners != reckoning->rows || record->winners_bytes != file_bytes ||
         record->winners_file_checksum != file_checksum_found)) {
        verify_report_set(report, CHECK_DRAW_WINNERS, VERDICT_FAIL, "control has other figures");
    } else if (draw_files_are_drawn(files) && !files->has_report) {
        verify_report_set(report, CHECK_DRAW_WINNERS, VERDICT_SKIPPED, "%s",
                          files->draw_text.bytes == NULL ? "there is no " DATA_DRAW_FILE
                                                         : DATA_DRAW_FILE " can't be read");
    } else if (files->has_report &&
               (draw->winners_bytes != file_bytes || !sha256_equal(&draw->winners_sha256, sha256) ||
                !counts_agree(reckoning, draw))) {
        verify_report_set(report, CHECK_DRAW_WINNERS, VERDICT_FAIL,
                          DATA_DRAW_FILE " has other figures");
    } else {
        verify_report_set(report, CHECK_DRAW_WINNERS, VERDICT_OK, "their hash and counts agree");
    }
}

/* Hashes winners.csv. False with the failure. */
static bool hash_winners(const struct draw_files *files, uint64_t *bytes, uint64_t *checksum,
                         struct sha256_digest *digest, struct failure *failure)
{
    struct sha256 sha256;
    char piece[COMPARE_BYTES];
    ssize_t got = 1;
    *bytes = 0;
    *checksum = CHECKSUM_EMPTY;
    if (!sha256_open(&sha256)) {
        return failure_set(failure, "there is no memory to hash " DATA_WINNERS_FILE);
    }
    while ((got = file_read_up_to(files->winners, piece, sizeof piece, *bytes)) > 0) {
        sha256_extend(&sha256, piece, (size_t)got);
        *checksum = checksum_extend(*checksum, piece, (size_t)got);
        *bytes += (uint64_t)got;
    }
    sha256_end(&sha256, digest);
    sha256_close(&sha256);
    return got == 0 || failure_set_errno(failure, "read %s/" DATA_WINNERS_FILE, files->path);
}

/* The number by which the draw was held; false where nothing says it. */
static bool find_number(const struct draw_files *files, uint32_t *number)
{
    bool in_control = files->has_control && control_has_number(&files->control.terms);
    *number = in_control ? files->control.terms.winning_number : files->report.winning_number;
    return in_control || files->has_report;
}

static const char *why_no_winners(const struct draw_files *files, uint32_t *number)
{
    bool drawn = draw_files_are_drawn(files) ||
                 (files->has_control && files->control.state == CONTROL_DRAWN);
    if (!drawn) {
        return "the draw has not been held yet";
    }
    if (!files->has_bets) {
        return "there is no " DATA_BETS_FILE;
    }
    if (files->winners < 0) {
        return "there is no " DATA_WINNERS_FILE;
    }
    return find_number(files, number) ? NULL : "the number is not known";
}

static bool reckon(struct reckoning *reckoning, struct verify_report *report,
                   struct failure *failure)
{
    const struct draw_files *files = reckoning->files;
    struct sha256_digest sha256;
    uint64_t bytes = 0;
    uint64_t checksum = 0;
    if (!pass(reckoning)) {
        return failure_set_errno(failure, "read %s/" DATA_BETS_FILE, files->path);
    }
    give_places(reckoning);
    reckoning->comparing = true;
    if (!pass(reckoning)) {
        return failure_set_errno(failure, "read the bets and winners in %s", files->path);
    }
    if (!hash_winners(files, &bytes, &checksum, &sha256, failure)) {
        return false;
    }
    check_winners(reckoning, bytes, report);
    check_counts(reckoning, bytes, checksum, &sha256, report);
    return true;
}

bool checks_of_winners(const struct draw_files *files, struct verify_report *report,
                       struct failure *failure)
{
    struct reckoning reckoning = {.files = files};
    const char *why = why_no_winners(files, &reckoning.number);
    if (why != NULL) {
        verify_report_set(report, CHECK_WINNERS, VERDICT_SKIPPED, "%s", why);
        verify_report_set(report, CHECK_DRAW_WINNERS, VERDICT_SKIPPED, "%s", why);
        return true;
    }
    reckoning.shares = calloc(files->digest.agency_count + 1, sizeof *reckoning.shares);
    if (reckoning.shares == NULL) {
        return failure_set_errno(failure, "count the winners in %s", files->path);
    }
    bool reckoned = reckon(&reckoning, report, failure);
    free(reckoning.shares);
    return reckoned;
}
