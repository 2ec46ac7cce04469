/*
 * test_proof.c - a proof holds for its row and its seal, and for nothing else.
 */
#include "seal/proof.h"

#include "tests/harness/processes.h"
#include "tests/harness/sealed_draw.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

struct fixture {
    struct scratch scratch;
    struct seal seal;
    struct sha256_digest seal_sha256;
    int bets;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct failure failure;
    size_t bytes = 0;
    *state = &fixture;
    scratch_open(&fixture.scratch);
    sealed_draw_make(fixture.scratch.path, &(struct sealed_draw_plan){.draw = NULL});
    fixture.bets = openat(fixture.scratch.descriptor, "bets.csv", O_RDONLY | O_CLOEXEC);
    char *text = scratch_read(&fixture.scratch, "seal.json", &bytes);
    assert_true(seal_parse(text, bytes, "seal.json", &fixture.seal, &failure));
    assert_true(sha256_of(text, bytes, &fixture.seal_sha256));
    free(text);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    seal_close(&fixture->seal);
    close(fixture->bets);
    scratch_close(&fixture->scratch);
    return 0;
}

static enum proof_end make(struct fixture *fixture, uint32_t agency, uint64_t number,
                           struct proof *proof, struct failure *failure)
{
    return proof_make(fixture->bets, &fixture->seal, &fixture->seal_sha256, agency, number, proof,
                      failure);
}

static bool check(const struct fixture *fixture, const struct proof *proof)
{
    struct failure failure;
    return proof_check(proof, &fixture->seal, &fixture->seal_sha256, &failure);
}

static void every_row_of_every_agency_can_be_proven(void **state)
{
    struct fixture *fixture = *state;
    uint64_t proven = 0;
    for (size_t i = 0; i < fixture->seal.agency_count; i++) {
        const struct seal_agency *agency = &fixture->seal.agencies[i];
        for (uint64_t number = 1; number <= agency->rows; number++) {
            struct proof proof;
            struct proof again;
            struct failure failure = {.text = ""};
            size_t bytes = 0;
            assert_int_equal(make(fixture, agency->agency, number, &proof, &failure), PROOF_MADE);
            assert_true(check(fixture, &proof));
            char *text = proof_write_text(&proof, &bytes);
            assert_true(proof_parse(text, bytes, "proof", &again, &failure));
            assert_true(check(fixture, &again));
            assert_string_equal(again.row, proof.row);
            assert_true(strtoul(proof.row, NULL, 10) == agency->agency);
            free(text);
            proof_close(&again);
            proof_close(&proof);
            proven++;
        }
    }
    assert_int_equal(proven, SEALED_DRAW_ROWS);
}

static void rows_that_are_not_there_have_no_proof(void **state)
{
    struct fixture *fixture = *state;
    struct proof proof;
    struct failure failure;
    assert_int_equal(make(fixture, 1, 4, &proof, &failure), PROOF_NO_ROW);
    assert_non_null(strstr(failure.text, "agency 1 has 3 rows"));
    assert_int_equal(make(fixture, 3, 1, &proof, &failure), PROOF_NO_ROW);
    assert_null(proof.row);
}

static void a_file_that_was_changed_proves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct proof proof;
    struct failure failure;
    size_t bytes = 0;
    char *text = scratch_read(&fixture->scratch, "bets.csv", &bytes);
    text[bytes - 3] ^= 1;
    scratch_write(&fixture->scratch, "bets.csv", text, bytes);
    free(text);
    assert_int_equal(make(fixture, 1, 1, &proof, &failure), PROOF_CHANGED);
    assert_null(proof.row);
}

static void every_other_byte_of_a_proof_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct proof proof;
    struct failure failure;
    size_t bytes = 0;
    assert_int_equal(make(fixture, 1, 1, &proof, &failure), PROOF_MADE);
    char *text = proof_write_text(&proof, &bytes);
    proof_close(&proof);
    for (size_t at = 0; at < bytes; at++) {
        for (int bit = 1; bit < 256; bit *= 2) {
            text[at] = (char)(text[at] ^ bit);
            if (proof_parse(text, bytes, "proof", &proof, &failure)) {
                assert_false(check(fixture, &proof));
                proof_close(&proof);
            }
            text[at] = (char)(text[at] ^ bit);
        }
        assert_false(proof_parse(text, at, "proof", &proof, &failure));
    }
    free(text);
}

static void a_proof_belongs_to_one_seal(void **state)
{
    struct fixture *fixture = *state;
    struct proof proof;
    struct failure failure;
    assert_int_equal(make(fixture, 5, 2, &proof, &failure), PROOF_MADE);
    fixture->seal_sha256.bytes[0] ^= 1;
    assert_false(check(fixture, &proof));
    fixture->seal_sha256.bytes[0] ^= 1;
    fixture->seal.merkle_root.bytes[0] ^= 1;
    assert_false(check(fixture, &proof));
    fixture->seal.merkle_root.bytes[0] ^= 1;
    fixture->seal.bets_rows++;
    assert_false(check(fixture, &proof));
    fixture->seal.bets_rows--;
    assert_true(check(fixture, &proof));
    proof_close(&proof);
}

#define PROOF_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROOF_TEST(every_row_of_every_agency_can_be_proven),
        PROOF_TEST(rows_that_are_not_there_have_no_proof),
        PROOF_TEST(a_file_that_was_changed_proves_nothing),
        PROOF_TEST(every_other_byte_of_a_proof_is_refused),
        PROOF_TEST(a_proof_belongs_to_one_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
