/*
 * test_standby_faults.c - a standby's shipper dies at each place where that could matter.
 *
 * Its server executes it again; what it left half done is completed, and nothing is done twice.
 */
#include "tests/harness/bets.h"
#include "tests/harness/centre.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/operator.h"
#include "tests/harness/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

/* While it follows from the beginning. */
static const char *const following[] = {
    "mirror.claim:1:KILL",   "control.synced:1:KILL", "control.renamed:1:KILL",
    "mirror.control:1:KILL", "mirror.control:2:KILL", "mirror.written:1:KILL",
    "mirror.written:3:KILL", "mirror.synced:1:KILL",  "mirror.settled:1:KILL",
    "mirror.settled:2:KILL", "whole.synced:3:KILL",   "whole.synced:2:KILL",
    "whole.renamed:2:KILL",  "whole.renamed:3:KILL"};

static void a_standby_that_dies_anywhere_follows_on(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct peer *peer = peer_connect(primary);
    unsigned stored = 0;
    for (size_t i = 0; i < sizeof following / sizeof following[0]; i++) {
        for (int batch = 0; batch < 3; batch++, stored += 10) {
            peer_ask(peer, bets_batch(centre->stage, 1, stored, 10), "server:0\r\n");
        }
        centre->directories[1] = stage_path(centre->stage, "standby-%zu", i);
        centre_arm(centre, following[i]);
        struct server *standby = server_follow(centre->stage, centre->directories[1],
                                               centre_environment(centre, 1, "1h"));
        centre_await_fault(centre);
        centre_await_all_same(primary, standby, false);
        server_stop_well(standby);
    }
}

static const char *const shipping[] = {"shipper.read:1:KILL",     "shipper.appended:2:KILL",
                                       "shipper.acked:1:KILL",    "shipper.acked:3:KILL",
                                       "shipper.appended:4:KILL", "shipper.waking:1:KILL"};

static void a_primarys_shipper_that_dies_anywhere_is_replaced(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    for (size_t i = 0; i < sizeof shipping / sizeof shipping[0]; i++) {
        centre->name = stage_text(centre->stage, "north-%zu", i);
        centre->directories[0] = stage_path(centre->stage, "primary-%zu", i);
        centre->directories[1] = stage_path(centre->stage, "standby-%zu", i);
        centre_arm(centre, shipping[i]);
        struct server *primary = centre_start_primary(centre, 0);
        struct peer *peer = peer_connect(primary);
        peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
        peer_ask(peer, bets_batch(centre->stage, 1, 10, 10), "server:0\r\n");
        centre_await_fault(centre);
        struct server *standby = centre_start_standby(centre, 1, "1h");
        peer_ask(peer, bets_batch(centre->stage, 1, 20, 10), "server:0\r\n");
        centre_await_all_same(primary, standby, false);
        server_stop_well(standby);
        server_stop_well(primary);
        bets_expect_stored(primary, 1, 0, 30);
    }
}

static void return_with(void **state, const char *fault)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *standby = centre_take_over_from_one_with_more(centre, 10, 7);
    centre_arm(centre, fault);
    struct server *returned = centre_start_standby(centre, 0, "1h");
    centre_await_fault(centre);
    centre_await_all_same(standby, returned, false);
    size_t bytes = 0;
    char *aside = files_load(server_file(returned, "bets.csv.unacknowledged.2"), &bytes);
    unsigned lines = 0;
    assert_non_null(aside);
    for (const char *at = aside; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    free(aside);
    assert_int_equal(lines, 7);
    assert_false(files_exist(server_file(returned, "bets.csv.unacknowledged.2.2")));
    server_stop_well(returned);
}

static void a_copy_of_what_is_put_aside_is_made_again(void **state)
{
    return_with(state, "unacknowledged.copied:1:KILL");
}

static void what_is_put_aside_is_not_put_aside_twice(void **state)
{
    return_with(state, "unacknowledged.named:1:KILL");
}

static void what_was_cut_off_is_followed_from_there(void **state)
{
    return_with(state, "unacknowledged.cut:1:KILL");
}

static void one_that_dies_behind_its_claim_claims_again(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(centre->stage, 1, 0, 10), "server:0\r\n");
    centre_arm(centre, "follow.claimed:1:KILL");
    struct server *standby = centre_start_standby(centre, 1, "1s");
    centre_await_same(primary, standby, "bets.csv");
    server_kill_everything(primary);
    centre_await_fault(centre);
    centre_await_takeover(standby);
    bets_expect_stored(standby, 1, 0, 10);
}

/* Nothing is as before: so the order is carried out, by the next one. */
static void an_order_over_which_the_shipper_dies_is_carried_out_by_the_next_one(void **state)
{
    struct centre *centre = centre_open(*state, "2");
    struct server *primary = centre_start_primary(centre, 0);
    centre_arm(centre, "follow.claimed:1:KILL");
    struct server *standby = centre_start_standby(centre, 1, "1h");
    (void)centre_sell(primary, standby, 10);
    operator_administer(standby, ARGUMENTS("promote"), 0, "by claim 4 of the log");
    centre_await_fault(centre);
    assert_int_equal(program_await_end(primary->program).status, CENTRE_FENCED);
    bets_expect_stored(standby, 1, 0, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_standby_that_dies_anywhere_follows_on),
        STAGE_TEST(a_primarys_shipper_that_dies_anywhere_is_replaced),
        STAGE_TEST(a_copy_of_what_is_put_aside_is_made_again),
        STAGE_TEST(what_is_put_aside_is_not_put_aside_twice),
        STAGE_TEST(what_was_cut_off_is_followed_from_there),
        STAGE_TEST(one_that_dies_behind_its_claim_claims_again),
        STAGE_TEST(an_order_over_which_the_shipper_dies_is_carried_out_by_the_next_one),
    };
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
