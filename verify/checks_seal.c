/*
 * checks_seal.c - seal.json against control and the files that it seals; see checks.h.
 */
#include "verify/checks.h"

#include "bet/agency_set.h"
#include "seal/signature.h"
#include "store/data_directory.h"
#include "store/done_file.h"

#include <inttypes.h>
#include <string.h>

#define NOT_SEALED "the draw is not sealed yet"

/* Why what needs the seal is skipped; NULL: it is not. */
static const char *why_no_seal(const struct draw_files *files)
{
    if (!draw_files_are_sealed(files)) {
        return NOT_SEALED;
    }
    if (files->seal_text.bytes == NULL) {
        return "there is no " DATA_SEAL_FILE;
    }
    return files->has_seal ? NULL : DATA_SEAL_FILE " can't be read";
}

static bool skips(struct verify_report *report, enum verify_check check, const char *why)
{
    if (why != NULL) {
        verify_report_set(report, check, VERDICT_SKIPPED, "%s", why);
    }
    return why != NULL;
}

static void check_seal(const struct draw_files *files, struct verify_report *report)
{
    if (!draw_files_are_sealed(files) || files->seal_text.bytes == NULL) {
        (void)skips(report, CHECK_SEAL, why_no_seal(files));
    } else if (!files->has_seal) {
        verify_report_set(report, CHECK_SEAL, VERDICT_FAIL, "%s", files->seal_fault);
    } else {
        verify_report_set(report, CHECK_SEAL, VERDICT_OK, "canonical, by %s", files->seal.program);
    }
}

static void check_hash(const struct draw_files *files, struct verify_report *report)
{
    char digits[SHA256_DIGITS + 1];
    const struct sha256_digest *sha256 = &files->seal_text.sha256;
    if (!draw_files_are_sealed(files) || files->seal_text.bytes == NULL) {
        (void)skips(report, CHECK_SEAL_HASH, why_no_seal(files));
    } else if (!files->has_control && !files->has_report) {
        (void)skips(report, CHECK_SEAL_HASH, "nothing that can be read has it");
    } else if (files->has_control &&
               strcmp(sha256_write(digits, sha256), files->control.seal_sha256) != 0) {
        verify_report_set(report, CHECK_SEAL_HASH, VERDICT_FAIL, "control has another one: %s",
                          files->control.seal_sha256);
    } else if (files->has_report && !sha256_equal(sha256, &files->report.seal_sha256)) {
        verify_report_set(report, CHECK_SEAL_HASH, VERDICT_FAIL,
                          DATA_DRAW_FILE " was made after another seal");
    } else {
        verify_report_set(report, CHECK_SEAL_HASH, VERDICT_OK, "%s", sha256_write(digits, sha256));
    }
}

static bool closings_equal(const struct closing *one, const struct closing *other)
{
    return one->at_ms == other->at_ms && one->by == other->by &&
           strcmp(one->without, other->without) == 0 && strcmp(one->reason, other->reason) == 0;
}

static void check_terms(const struct draw_files *files, struct verify_report *report)
{
    const struct seal *seal = &files->seal;
    const struct control *control = &files->control;
    if (skips(report, CHECK_SEAL_TERMS, why_no_seal(files)) ||
        skips(report, CHECK_SEAL_TERMS, files->has_control ? NULL : "control is not whole")) {
        return;
    }
    if (strcmp(seal->identity, control->identity) != 0) {
        verify_report_set(report, CHECK_SEAL_TERMS, VERDICT_FAIL, "it seals another draw");
    } else if (!control_terms_equal(&seal->terms, &control->terms)) {
        verify_report_set(report, CHECK_SEAL_TERMS, VERDICT_FAIL, "control has other terms");
    } else if (seal->opened_at_ms != control->opened_at_ms ||
               seal->sealed_at_ms != control->sealed_at_ms ||
               !closings_equal(&seal->closing, &control->closing)) {
        verify_report_set(report, CHECK_SEAL_TERMS, VERDICT_FAIL,
                          "control was opened, closed or sealed otherwise");
    } else {
        verify_report_set(report, CHECK_SEAL_TERMS, VERDICT_OK, "as control has them");
    }
}

static const char *why_no_bets(const struct draw_files *files)
{
    return files->has_bets ? NULL : "there is no " DATA_BETS_FILE;
}

static void check_bets(const struct draw_files *files, struct verify_report *report)
{
    char digits[SHA256_DIGITS + 1];
    const struct seal *seal = &files->seal;
    const struct bets_digest *digest = &files->digest;
    if (skips(report, CHECK_SEAL_BETS, why_no_seal(files)) ||
        skips(report, CHECK_SEAL_BETS, why_no_bets(files))) {
        return;
    }
    if (digest->bytes != seal->bets_bytes || digest->rows != seal->bets_rows) {
        verify_report_set(report, CHECK_SEAL_BETS, VERDICT_FAIL,
                          "%" PRIu64 " rows in %" PRIu64 " bytes were sealed, and %" PRIu64
                          " in %" PRIu64 " are there",
                          seal->bets_rows, seal->bets_bytes, digest->rows, digest->bytes);
    } else if (!sha256_equal(&digest->sha256, &seal->bets_sha256)) {
        verify_report_set(report, CHECK_SEAL_BETS, VERDICT_FAIL, "its SHA-256 is %s",
                          sha256_write(digits, &digest->sha256));
    } else {
        verify_report_set(report, CHECK_SEAL_BETS, VERDICT_OK, "%s",
                          sha256_write(digits, &digest->sha256));
    }
}

/* True when the entry is what bets.csv has of the agency. */
static bool agency_agrees(const struct seal_agency *sealed, const struct bets_digest *digest)
{
    const struct bets_agency *found = bets_digest_find(digest, sealed->agency);
    struct sha256_digest nothing;
    if (found == NULL) {
        return sealed->rows == 0 && sha256_of("", 0, &nothing) &&
               sha256_equal(&sealed->sha256, &nothing);
    }
    return found->rows == sealed->rows && sha256_equal(&found->sha256, &sealed->sha256);
}

/* The first agency that differs; false: none does. */
static bool find_other_agency(const struct draw_files *files, uint32_t *agency)
{
    const struct seal *seal = &files->seal;
    for (size_t i = 0; i < seal->agency_count; i++) {
        *agency = seal->agencies[i].agency;
        if (!agency_agrees(&seal->agencies[i], &files->digest)) {
            return true;
        }
    }
    for (size_t i = 0; i < files->digest.agency_count; i++) {
        *agency = files->digest.agencies[i].agency;
        if (seal_find(seal, *agency) == NULL) {
            return true;
        }
    }
    return false;
}

/*
 * True when closed_out is set of the agencies of `without`, and of no others. Where those were too
 * many to be named it is `any`, and says nothing of a single one.
 */
static bool closed_out_is_named(const struct seal *seal)
{
    struct agency_set without = {.count = 0};
    struct failure failure;
    uint64_t closed_out = 0;
    if (seal->closing.without[0] != '\0' &&
        !agency_set_parse(seal->closing.without, "without", &without, &failure)) {
        return false;
    }
    for (size_t i = 0; i < seal->agency_count; i++) {
        const struct seal_agency *entry = &seal->agencies[i];
        closed_out += entry->closed_out ? 1 : 0;
        if (!without.any && entry->closed_out != agency_set_has(&without, entry->agency)) {
            return false;
        }
    }
    return without.any || closed_out == agency_set_size(&without);
}

/*
 * True when each agency of the seal has a line in done.csv or was closed out, and none has both.
 * Of another done.csv than the sealed one nothing is said here: CHECK_SEAL_DONE finds it.
 */
static bool closed_out_is_not_done(const struct draw_files *files)
{
    const struct draw_text *done = &files->done;
    size_t not_done = files->seal.agency_count;
    if (done->bytes == NULL || !sha256_equal(&done->sha256, &files->seal.done_sha256)) {
        return true;
    }
    for (size_t at = 0; at < done->count;) {
        struct done_line line;
        size_t bytes = strcspn(done->bytes + at, "\n");
        const struct seal_agency *entry = done_file_parse_line(done->bytes + at, bytes, &line)
                                              ? seal_find(&files->seal, line.agency)
                                              : NULL;
        if (entry == NULL || entry->closed_out || not_done == 0) {
            return false;
        }
        not_done--;
        at += bytes + 1;
    }
    for (size_t i = 0; i < files->seal.agency_count; i++) {
        not_done -= files->seal.agencies[i].closed_out ? 1 : 0;
    }
    return not_done == 0;
}

static void check_agencies(const struct draw_files *files, struct verify_report *report)
{
    uint32_t agency = 0;
    if (skips(report, CHECK_SEAL_AGENCIES, why_no_seal(files)) ||
        skips(report, CHECK_SEAL_AGENCIES, why_no_bets(files))) {
        return;
    }
    if (find_other_agency(files, &agency)) {
        verify_report_set(report, CHECK_SEAL_AGENCIES, VERDICT_FAIL,
                          "other rows of agency %" PRIu32 " were sealed", agency);
    } else if (!closed_out_is_named(&files->seal)) {
        verify_report_set(report, CHECK_SEAL_AGENCIES, VERDICT_FAIL,
                          "those that are closed out are not those of \"without\"");
    } else if (!closed_out_is_not_done(files)) {
        verify_report_set(report, CHECK_SEAL_AGENCIES, VERDICT_FAIL,
                          "those that are not closed out are not those of " DATA_DONE_FILE);
    } else {
        verify_report_set(report, CHECK_SEAL_AGENCIES, VERDICT_OK, "rows and hash of %zu agencies",
                          files->seal.agency_count);
    }
}

static void check_tree(const struct draw_files *files, struct verify_report *report)
{
    char digits[SHA256_DIGITS + 1];
    if (skips(report, CHECK_SEAL_TREE, why_no_seal(files)) ||
        skips(report, CHECK_SEAL_TREE, why_no_bets(files))) {
        return;
    }
    bool equal = sha256_equal(&files->digest.merkle_root, &files->seal.merkle_root);
    verify_report_set(report, CHECK_SEAL_TREE, equal ? VERDICT_OK : VERDICT_FAIL, "%s%s",
                      equal ? "" : "its root is ",
                      sha256_write(digits, &files->digest.merkle_root));
}

static void check_done(const struct draw_files *files, struct verify_report *report)
{
    char digits[SHA256_DIGITS + 1];
    if (skips(report, CHECK_SEAL_DONE, why_no_seal(files)) ||
        skips(report, CHECK_SEAL_DONE,
              files->done.bytes == NULL ? "there is no " DATA_DONE_FILE : NULL)) {
        return;
    }
    bool equal = files->done.count == files->seal.done_bytes &&
                 sha256_equal(&files->done.sha256, &files->seal.done_sha256);
    verify_report_set(report, CHECK_SEAL_DONE, equal ? VERDICT_OK : VERDICT_FAIL, "%s%s",
                      equal ? "" : "its SHA-256 is ", sha256_write(digits, &files->done.sha256));
}

void check_signature(const struct signed_file *file, const char *key, const char *pending,
                     enum verify_check check, struct verify_report *report)
{
    struct signature signature;
    struct failure failure;
    if (skips(report, check, pending)) {
        return;
    }
    if (file->signature->bytes == NULL) {
        verify_report_set(report, check, key == NULL ? VERDICT_SKIPPED : VERDICT_FAIL,
                          "there is no %s", file->signature_name);
        return;
    }
    if (file->signature->count != SIGNATURE_BYTES) {
        verify_report_set(report, check, VERDICT_FAIL, "%s has not %d bytes", file->signature_name,
                          SIGNATURE_BYTES);
        return;
    }
    if (key == NULL) {
        verify_report_set(report, check, VERDICT_SKIPPED, "no key was given");
        return;
    }
    memcpy(signature.bytes, file->signature->bytes, SIGNATURE_BYTES);
    bool good = signature_check(key, file->text->bytes, file->text->count, &signature, &failure) ==
                SIGNATURE_GOOD;
    verify_report_set(report, check, good ? VERDICT_OK : VERDICT_FAIL,
                      good ? "%s was signed with this key" : "%s was not signed with this key",
                      file->name);
}

void checks_of_seal(const struct draw_files *files, const char *key, struct verify_report *report)
{
    check_seal(files, report);
    check_hash(files, report);
    check_terms(files, report);
    check_bets(files, report);
    check_agencies(files, report);
    check_tree(files, report);
    check_done(files, report);
    const char *pending = !draw_files_are_sealed(files)    ? NOT_SEALED
                          : files->seal_text.bytes == NULL ? "there is no " DATA_SEAL_FILE
                                                           : NULL;
    const struct signed_file file = {&files->seal_text, &files->seal_signature, DATA_SEAL_FILE,
                                     DATA_SEAL_SIGNATURE_FILE};
    check_signature(&file, key, pending, CHECK_SEAL_SIGNATURE, report);
}
