/*
 * target_seal.c - a seal.json, a draw.json or a proof of any bytes.
 *
 * Promises: what is read is written again as the very same bytes, so every file has one text;
 * everything else is refused, and says of which file and why, and leaves nothing to be freed.
 *
 * The input: a byte that says which of the three it is; the rest is the file.
 */
#include "seal/canonical.h"
#include "seal/draw_report.h"
#include "seal/proof.h"
#include "seal/seal.h"
#include "tests/fuzz/fuzz.h"

enum { HEADER_BYTES = 1, KINDS = 3 };

#define NAME "a/file.json"

static void expect_text(char *again, size_t again_bytes, const char *text, size_t bytes)
{
    FUZZ_EXPECT(again != NULL && again_bytes == bytes && memcmp(again, text, bytes) == 0);
    free(again);
}

static bool read_seal(const char *text, size_t bytes, struct failure *failure)
{
    struct seal seal;
    size_t again_bytes = 0;
    if (!seal_parse(text, bytes, NAME, &seal, failure)) {
        FUZZ_EXPECT(seal.agencies == NULL);
        return false;
    }
    char *again = seal_write_text(&seal, &again_bytes);
    expect_text(again, again_bytes, text, bytes);
    for (size_t i = 0; i < seal.agency_count; i++) {
        FUZZ_EXPECT(seal_find(&seal, seal.agencies[i].agency) == &seal.agencies[i]);
    }
    seal_close(&seal);
    return true;
}

static bool read_report(const char *text, size_t bytes, struct failure *failure)
{
    struct draw_report report;
    size_t again_bytes = 0;
    if (!draw_report_parse(text, bytes, NAME, &report, failure)) {
        FUZZ_EXPECT(report.agencies == NULL);
        return false;
    }
    char *again = draw_report_write_text(&report, &again_bytes);
    expect_text(again, again_bytes, text, bytes);
    draw_report_close(&report);
    return true;
}

static bool read_proof(const char *text, size_t bytes, struct failure *failure)
{
    struct proof proof;
    size_t again_bytes = 0;
    if (!proof_parse(text, bytes, NAME, &proof, failure)) {
        FUZZ_EXPECT(proof.row == NULL);
        return false;
    }
    char *again = proof_write_text(&proof, &again_bytes);
    expect_text(again, again_bytes, text, bytes);
    const struct seal no_seal = {.bets_rows = proof.rows};
    FUZZ_EXPECT(!proof_check(&proof, &no_seal, &proof.seal_sha256, failure));
    proof_close(&proof);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static bool (*const readers[KINDS])(const char *text, size_t bytes, struct failure *failure) = {
        read_seal, read_report, read_proof};
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    struct failure failure = {.text = ""};
    char *text = fuzz_copy(data + HEADER_BYTES, bytes - HEADER_BYTES);
    if (!readers[data[0] % KINDS](text, bytes - HEADER_BYTES, &failure)) {
        FUZZ_EXPECT(strstr(failure.text, NAME) != NULL);
    }
    free(text);
    return 0;
}
