/*
 * draw_report.c - see draw_report.h.
 */
#include "seal/draw_report.h"

#include "bet/bet.h"
#include "lib/limits.h"
#include "lib/program.h"
#include "seal/canonical.h"
#include "store/csv_reader.h"
#include "store/data_directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_SOURCES = NUMBER_BY_COMMAND + 1 };

#define PROGRAM "lottery-server " PROGRAM_VERSION

void draw_report_close(struct draw_report *report)
{
    free(report->agencies);
    *report = (struct draw_report){0};
}

/* ---------------------------------------------------------------- making ---- */

static int compare_agencies(const void *left, const void *right)
{
    const struct draw_report_agency *a = left;
    const struct draw_report_agency *b = right;
    return (a->agency > b->agency) - (a->agency < b->agency);
}

static bool take_agencies_of(const struct seal *seal, struct draw_report *report)
{
    report->agencies = calloc(seal->agency_count + 1, sizeof *report->agencies);
    report->agency_count = report->agencies == NULL ? 0 : seal->agency_count;
    for (size_t i = 0; i < report->agency_count; i++) {
        report->agencies[i].agency = seal->agencies[i].agency;
    }
    return report->agencies != NULL;
}

/* Counts a row of winners.csv. False, with the failure, when no agency of the seal has it. */
static bool count_row(const char *row, size_t bytes, struct draw_report *report,
                      struct failure *failure)
{
    struct draw_report_agency wanted = {.agency = 0};
    const size_t end_bytes = sizeof "\r\n" - 1;
    struct draw_report_agency *agency = NULL;
    if (bytes > end_bytes && bet_csv_parse(row, bytes - end_bytes, &wanted.agency) == BET_VALID) {
        agency = bsearch(&wanted, report->agencies, report->agency_count, sizeof wanted,
                         compare_agencies);
    }
    if (agency == NULL) {
        return failure_set(failure,
                           DATA_WINNERS_FILE " is damaged: row %" PRIu64
                                             " is no bet of an agency of the seal",
                           report->winners_rows + 1);
    }
    agency->winners++;
    report->winners_rows++;
    return true;
}

static bool take_rows(const char *rows, size_t bytes, struct sha256 *sha256,
                      struct draw_report *report, struct failure *failure)
{
    sha256_extend(sha256, rows, bytes);
    report->winners_bytes += bytes;
    for (const char *at = rows; at < rows + bytes;) {
        const char *line_feed = memchr(at, '\n', (size_t)(rows + bytes - at));
        if (!count_row(at, (size_t)(line_feed + 1 - at), report, failure)) {
            return false;
        }
        at = line_feed + 1;
    }
    return true;
}

static enum seal_end read_winners(int winners_file, struct sha256 *sha256,
                                  bool (*should_stop)(void), struct draw_report *report,
                                  struct failure *failure)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_FAILED;
    enum seal_end end = SEAL_GOOD;
    if (csv_reader_open(&reader, winners_file, 0)) {
        while (end == SEAL_GOOD && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
            if (should_stop()) {
                failure_set(failure, "stopped while " DATA_WINNERS_FILE " was hashed");
                end = SEAL_INTERRUPTED;
            } else if (!take_rows(rows, bytes, sha256, report, failure)) {
                end = SEAL_DAMAGED;
            }
        }
    }
    if (end == SEAL_GOOD && read == CSV_FAILED) {
        failure_set_errno(failure, "read " DATA_WINNERS_FILE);
        end = SEAL_FAILED;
    }
    int saved_errno = errno;
    csv_reader_close(&reader);
    errno = saved_errno;
    return end;
}

enum seal_end draw_report_make(int winners_file, const struct seal *seal,
                               const struct sha256_digest *seal_sha256,
                               const struct lottery_terms *terms, int64_t drawn_at_ms,
                               bool (*should_stop)(void), struct draw_report *report,
                               struct failure *failure)
{
    struct sha256 sha256;
    *report = (struct draw_report){.program = PROGRAM,
                                   .number_by = terms->number_by,
                                   .winning_number = terms->winning_number,
                                   .drawn_at_ms = drawn_at_ms,
                                   .seal_sha256 = *seal_sha256};
    (void)snprintf(report->identity, sizeof report->identity, "%s", seal->identity);
    (void)snprintf(report->draw, sizeof report->draw, "%s", seal->terms.draw);
    if (!take_agencies_of(seal, report) || !sha256_open(&sha256)) {
        failure_set(failure, "there is no memory for " DATA_DRAW_FILE);
        draw_report_close(report);
        return SEAL_FAILED;
    }
    enum seal_end end = read_winners(winners_file, &sha256, should_stop, report, failure);
    int saved_errno = errno;
    sha256_end(&sha256, &report->winners_sha256);
    sha256_close(&sha256);
    if (end != SEAL_GOOD) {
        draw_report_close(report);
    }
    errno = saved_errno;
    return end;
}

/* ------------------------------------------------------------------ text ---- */

static const char *format_word(unsigned index)
{
    (void)index;
    return "lottery draw 1";
}

static const char *number_source_word(unsigned index)
{
    return control_number_source_name((enum number_source)index);
}

#define FIELD(field) offsetof(struct draw_report, field), 0
#define TEXT_FIELD(field)                                                                          \
    offsetof(struct draw_report, field), sizeof((struct draw_report *)NULL)->field
#define OTHER CANONICAL_OTHER, 0, 0, NULL
#define TABLE(members)                                                                             \
    {                                                                                              \
        (members), sizeof(members) / sizeof(members)[0]                                            \
    }

static const struct canonical_member report_members[] = {
    {"agencies", OTHER},
    {"draw", CANONICAL_TEXT, TEXT_FIELD(draw), NULL},
    {"drawn_at", CANONICAL_MOMENT, FIELD(drawn_at_ms), NULL},
    {"format", CANONICAL_CONSTANT, 0, 0, format_word},
    {"identity", CANONICAL_TEXT, TEXT_FIELD(identity), NULL},
    {"number_by", CANONICAL_WORD, offsetof(struct draw_report, number_by), NUMBER_SOURCES,
     number_source_word},
    {"program", CANONICAL_TEXT, TEXT_FIELD(program), NULL},
    {"seal_sha256", CANONICAL_DIGEST, FIELD(seal_sha256), NULL},
    {"winners", OTHER},
    {"winning_number", CANONICAL_UINT32, FIELD(winning_number), NULL},
    {"national_sha256", CANONICAL_DIGEST, FIELD(national_sha256), NULL}, /* of a national draw */
};

static const struct canonical_member winners_members[] = {
    {"bytes", CANONICAL_UINT64, FIELD(winners_bytes), NULL},
    {"rows", CANONICAL_UINT64, FIELD(winners_rows), NULL},
    {"sha256", CANONICAL_DIGEST, FIELD(winners_sha256), NULL},
};

static const struct canonical_member agency_members[] = {
    {"agency", CANONICAL_UINT32, offsetof(struct draw_report_agency, agency), 0, NULL},
    {"winners", CANONICAL_UINT64, offsetof(struct draw_report_agency, winners), 0, NULL},
};

enum { REPORT_MEMBERS = sizeof report_members / sizeof report_members[0] };

static const struct canonical_table national_table = {report_members, REPORT_MEMBERS};
static const struct canonical_table report_table = {report_members, REPORT_MEMBERS - 1};
static const struct canonical_table winners_table = TABLE(winners_members);
static const struct canonical_table agency_table = TABLE(agency_members);

static json_t *make_agencies(const struct draw_report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; i < report->agency_count; i++) {
        if (json_array_append_new(array, canonical_make(&agency_table, &report->agencies[i])) !=
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

char *draw_report_write_text(const struct draw_report *report, size_t *bytes)
{
    json_t *object = canonical_make(report->is_national ? &national_table : &report_table, report);
    if (json_object_set_new(object, "winners", canonical_make(&winners_table, report)) != 0 ||
        json_object_set_new(object, "agencies", make_agencies(report)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return canonical_write(object, bytes);
}

static bool take_agencies(const json_t *array, const char *path, struct draw_report *report,
                          struct failure *failure)
{
    size_t count = json_array_size(array);
    uint64_t winners = 0;
    if (!json_is_array(array) || count > LIMITS_AGENCIES_MAX) {
        return failure_set(failure, "%s: \"agencies\" is no array of up to %d", path,
                           LIMITS_AGENCIES_MAX);
    }
    report->agencies = calloc(count + 1, sizeof *report->agencies);
    if (report->agencies == NULL) {
        return failure_set_errno(failure, "read %s", path);
    }
    for (report->agency_count = 0; report->agency_count < count; report->agency_count++) {
        struct draw_report_agency *agency = &report->agencies[report->agency_count];
        if (!canonical_take(json_array_get(array, report->agency_count), &agency_table, path,
                            agency, failure)) {
            return false;
        }
        if (report->agency_count > 0 && agency[-1].agency >= agency->agency) {
            return failure_set(failure, "%s: the agencies are not in ascending order", path);
        }
        winners += agency->winners;
    }
    return winners == report->winners_rows ||
           failure_set(failure, "%s: the agencies' winners are not the rows of winners.csv", path);
}

static bool take(json_t *object, const char *path, struct draw_report *report,
                 struct failure *failure)
{
    char where[FAILURE_TEXT_BYTES];
    (void)snprintf(where, sizeof where, "%s: \"winners\"", path);
    report->is_national = json_object_get(object, "national_sha256") != NULL;
    if (!canonical_take(object, report->is_national ? &national_table : &report_table, path, report,
                        failure) ||
        !canonical_take(json_object_get(object, "winners"), &winners_table, where, report,
                        failure) ||
        !take_agencies(json_object_get(object, "agencies"), path, report, failure)) {
        return false;
    }
    return (strspn(report->identity, "0123456789abcdef") == CONTROL_IDENTITY_DIGITS &&
            control_is_draw_name(report->draw) && report->drawn_at_ms != 0) ||
           failure_set(failure, "%s: it does not say which draw it is, or when it was held", path);
}

bool draw_report_parse(const char *text, size_t bytes, const char *path, struct draw_report *report,
                       struct failure *failure)
{
    *report = (struct draw_report){0};
    json_t *object = canonical_parse(text, bytes, path, failure);
    bool taken = object != NULL && take(object, path, report, failure);
    json_decref(object);
    if (!taken) {
        draw_report_close(report);
    }
    return taken;
}
