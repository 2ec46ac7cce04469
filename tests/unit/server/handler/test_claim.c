/*
 * test_claim.c - what a connection has claimed decides which agency it may store for: with the
 * agency's newest epoch, and not after an ERROR.
 *
 * Epochs are those of a real agencies table. Lines are read back from a pipe in the place of
 * standard output.
 */
#include "server/handler/claim.h"

#include "shm/agencies.h"
#include "tests/harness/segments.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, AGENCY_LIMIT = 4, SENDER = 7, OTHER = 8, TEXT_BYTES = 4096 };

struct fixture {
    struct scratch scratch;
    struct segment segment;
    struct agency *agency, *other;
    struct claim claim, peers_claim; /* of two connections */
    struct slot slot;
    struct peer_log log;
    int pipe[2];
    char text[TEXT_BYTES];
};

/* A server that has just started: nobody is connected, and no agency is claimed. */
static void start_server(struct fixture *fixture)
{
    segments_create(&fixture->scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES, .agency_limit = AGENCY_LIMIT},
                    &fixture->segment);
    fixture->agency = agencies_find_or_add(&fixture->segment, SENDER);
    fixture->other = agencies_find_or_add(&fixture->segment, OTHER);
    fixture->claim = (struct claim){0};
    fixture->peers_claim = (struct claim){0};
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.slot = {.peer = "192.0.2.1:40000"}};
    *state = &fixture;
    assert_int_equal(pipe2(fixture.pipe, O_CLOEXEC | O_NONBLOCK), 0);
    peer_log_open(&fixture.log, &fixture.slot);
    scratch_open(&fixture.scratch);
    start_server(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_remove(&fixture->segment);
    scratch_close(&fixture->scratch);
    close(fixture->pipe[0]);
    close(fixture->pipe[1]);
    return 0;
}

/* A STATUS for the agency. Lines that it logs are in fixture->text. Returns how many they are. */
static size_t send_status(struct fixture *fixture, struct claim *claim, struct agency *agency)
{
    struct agency_claim given = agencies_claim(&fixture->segment, agency);
    fflush(stdout);
    int standard_output = dup(STDOUT_FILENO);
    dup2(fixture->pipe[1], STDOUT_FILENO); /* until it is back, no assertion may speak */
    claim_take(claim, agency, given.epoch, &fixture->log);
    dup2(standard_output, STDOUT_FILENO);
    close(standard_output);
    ssize_t bytes = read(fixture->pipe[0], fixture->text, sizeof fixture->text - 1);
    fixture->text[bytes < 0 ? 0 : bytes] = '\0';
    size_t lines = 0;
    for (const char *at = fixture->text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    return lines;
}

/* Whether a batch for the agency is stored, by what batches.c and ring.c ask. */
static bool may_store(const struct claim *claim, const struct agency *agency)
{
    return !claim_bars(claim, agency) && agencies_admits(agency, claim_epoch(claim, agency));
}

/* --------------------------------------------------------------- epochs ---- */

static void without_a_claim_a_connection_has_no_epoch(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim_epoch(&fixture->claim, fixture->agency), EPOCH_UNFENCED);
    assert_false(claim_bars(&fixture->claim, fixture->agency));
    assert_true(may_store(&fixture->claim, fixture->agency)); /* nobody has claimed it */
}

static void a_claim_has_the_agencys_newest_epoch(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(send_status(fixture, &fixture->claim, fixture->agency), 0);
    assert_int_equal(fixture->claim.state, CLAIM_HELD);
    assert_int_equal(claim_epoch(&fixture->claim, fixture->agency),
                     atomic_load(&fixture->agency->epoch));
    assert_int_not_equal(claim_epoch(&fixture->claim, fixture->agency), EPOCH_UNFENCED);
    assert_true(may_store(&fixture->claim, fixture->agency));
}

static void a_claim_counts_for_its_agency_alone(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    assert_int_equal(claim_epoch(&fixture->claim, fixture->other), EPOCH_UNFENCED);
    assert_true(may_store(&fixture->claim, fixture->other)); /* nobody has claimed that one */
    send_status(fixture, &fixture->peers_claim, fixture->other);
    assert_false(may_store(&fixture->claim, fixture->other));
}

static void a_connection_without_a_claim_is_shut_out_by_the_first_claim(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->peers_claim, fixture->agency);
    assert_false(may_store(&fixture->claim, fixture->agency));
    assert_int_equal(append_refusal(claim_epoch(&fixture->claim, fixture->agency)),
                     APPEND_UNCLAIMED);
}

static void a_second_peer_that_claims_the_agency_fences_the_first(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    send_status(fixture, &fixture->peers_claim, fixture->agency);
    assert_false(may_store(&fixture->claim, fixture->agency));
    assert_int_equal(append_refusal(claim_epoch(&fixture->claim, fixture->agency)), APPEND_FENCED);
    assert_false(claim_bars(&fixture->claim, fixture->agency)); /* the fence refuses, not this */
    assert_true(may_store(&fixture->peers_claim, fixture->agency));
}

static void a_fenced_connection_that_claims_again_fences_the_other(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    send_status(fixture, &fixture->peers_claim, fixture->agency);
    send_status(fixture, &fixture->claim, fixture->agency);
    assert_true(may_store(&fixture->claim, fixture->agency));
    assert_false(may_store(&fixture->peers_claim, fixture->agency));
}

static void claiming_another_agency_gives_the_first_up(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    send_status(fixture, &fixture->claim, fixture->other);
    assert_int_equal(claim_epoch(&fixture->claim, fixture->agency), EPOCH_UNFENCED);
    assert_false(may_store(&fixture->claim, fixture->agency)); /* it stays claimed, by nobody */
    assert_true(may_store(&fixture->claim, fixture->other));
}

/* As recovery leaves an agency that a checkpoint has as claimed. */
static void after_a_restart_only_a_new_claim_stores(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    segment_remove(&fixture->segment);
    start_server(fixture);
    atomic_store(&fixture->agency->epoch, EPOCH_UNFENCED + 1);
    assert_false(may_store(&fixture->claim, fixture->agency));
    send_status(fixture, &fixture->claim, fixture->agency);
    assert_true(may_store(&fixture->claim, fixture->agency));
    assert_int_equal(claim_epoch(&fixture->claim, fixture->agency), EPOCH_UNFENCED + 2);
}

/* --------------------------------------------------------------- broken ---- */

static void an_error_bars_the_claimed_agency_until_the_next_status(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    uint64_t epoch = claim_epoch(&fixture->claim, fixture->agency);
    claim_break(&fixture->claim);
    claim_break(&fixture->claim); /* another ERROR changes nothing */
    assert_true(claim_bars(&fixture->claim, fixture->agency));
    assert_int_equal(claim_epoch(&fixture->claim, fixture->agency), epoch);
    assert_false(may_store(&fixture->claim, fixture->agency));
    send_status(fixture, &fixture->claim, fixture->agency);
    assert_false(claim_bars(&fixture->claim, fixture->agency));
    assert_true(may_store(&fixture->claim, fixture->agency));
}

static void a_broken_claim_bars_no_other_agency(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    claim_break(&fixture->claim);
    assert_false(claim_bars(&fixture->claim, fixture->other));
    assert_true(may_store(&fixture->claim, fixture->other));
}

static void an_error_breaks_the_claim_of_its_own_connection_alone(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    send_status(fixture, &fixture->peers_claim, fixture->agency);
    claim_break(&fixture->claim);
    assert_true(claim_bars(&fixture->claim, fixture->agency));
    assert_true(may_store(&fixture->peers_claim, fixture->agency));
}

static void an_error_without_a_claim_bars_nothing(void **state)
{
    struct fixture *fixture = *state;
    claim_break(&fixture->claim);
    assert_int_equal(fixture->claim.state, CLAIM_NONE);
    assert_false(claim_bars(&fixture->claim, fixture->agency));
    assert_false(claim_bars(&fixture->claim, NULL)); /* the agency of no claim */
    send_status(fixture, &fixture->claim, fixture->agency);
    assert_true(may_store(&fixture->claim, fixture->agency));
}

static void what_is_stored_under_a_claim_is_a_prefix_of_what_is_sent(void **state)
{
    enum { BATCHES = 6, NONE = BATCHES };
    struct fixture *fixture = *state;
    for (int refused = 0; refused <= NONE; refused++) { /* each batch in turn is a wrong one */
        int stored = 0;
        send_status(fixture, &fixture->claim, fixture->agency);
        for (int batch = 0; batch < BATCHES; batch++) {
            bool may = may_store(&fixture->claim, fixture->agency);
            if (batch == refused) {
                claim_break(&fixture->claim);
            } else if (may) {
                assert_int_equal(batch, stored);
                stored++;
            }
        }
        assert_int_equal(stored, refused);
    }
}

/* ------------------------------------------------------------ followers ---- */

static void the_next_claim_tells_the_sum_of_the_followers_once(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    claim_break(&fixture->claim);
    claim_count_follower(&fixture->claim, 20);
    claim_count_follower(&fixture->claim, 0); /* a DONE */
    claim_count_follower(&fixture->claim, 22);
    size_t lines = send_status(fixture, &fixture->claim, fixture->other);
    if (lines != 1 || strstr(fixture->text, "result: fail | cantidad: 42 | agency: 7 ") == NULL ||
        strstr(fixture->text, "| messages: 3 | ") == NULL) {
        fail_msg("%zu lines: %s", lines, fixture->text);
    }
    assert_int_equal(send_status(fixture, &fixture->claim, fixture->agency), 0);
}

static void a_claim_that_was_broken_by_the_last_message_tells_nothing(void **state)
{
    struct fixture *fixture = *state;
    send_status(fixture, &fixture->claim, fixture->agency);
    claim_break(&fixture->claim);
    assert_int_equal(send_status(fixture, &fixture->claim, fixture->agency), 0);
}

#define CLAIM_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM_TEST(without_a_claim_a_connection_has_no_epoch),
        CLAIM_TEST(a_claim_has_the_agencys_newest_epoch),
        CLAIM_TEST(a_claim_counts_for_its_agency_alone),
        CLAIM_TEST(a_connection_without_a_claim_is_shut_out_by_the_first_claim),
        CLAIM_TEST(a_second_peer_that_claims_the_agency_fences_the_first),
        CLAIM_TEST(a_fenced_connection_that_claims_again_fences_the_other),
        CLAIM_TEST(claiming_another_agency_gives_the_first_up),
        CLAIM_TEST(after_a_restart_only_a_new_claim_stores),
        CLAIM_TEST(an_error_bars_the_claimed_agency_until_the_next_status),
        CLAIM_TEST(a_broken_claim_bars_no_other_agency),
        CLAIM_TEST(an_error_breaks_the_claim_of_its_own_connection_alone),
        CLAIM_TEST(an_error_without_a_claim_bars_nothing),
        CLAIM_TEST(what_is_stored_under_a_claim_is_a_prefix_of_what_is_sent),
        CLAIM_TEST(the_next_claim_tells_the_sum_of_the_followers_once),
        CLAIM_TEST(a_claim_that_was_broken_by_the_last_message_tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
