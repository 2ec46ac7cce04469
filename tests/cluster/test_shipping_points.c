/*
 * test_shipping_points.c - a shipper dies at a named place (lib/fault_point.h): before it sends a record,
 * before it has seen the answer, after that, and before it has told it. Whatever the place, and whichever
 * record it is, the next shipper leaves the log as it would have been.
 *
 * The programs are those of the fault tests, which have the points compiled in.
 */
#include "tests/harness/agency.h"
#include "tests/harness/cluster.h"
#include "tests/harness/faults.h"
#include "tests/harness/files.h"
#include "tests/harness/server.h"
#include "tests/harness/shipped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { NODES = 3, AGENCIES = 2, BETS = 4000 };

/* The claim is the first record of a shipper, then come bets, done.csv and small files in turn. */
static const char *const faults[] = {
    "shipper.read:1:KILL",     "shipper.read:2:KILL",     "shipper.read:3:KILL",
    "shipper.read:6:KILL",     "shipper.appended:1:KILL", "shipper.appended:2:KILL",
    "shipper.appended:3:KILL", "shipper.appended:6:KILL", "shipper.acked:1:KILL",
    "shipper.acked:2:KILL",    "shipper.acked:4:KILL",    "shipper.waking:1:KILL",
    "shipper.waking:2:KILL",   "shipper.waking:4:KILL"};

static void run_lottery(struct stage *stage, const struct cluster *cluster, const char *fault,
                        unsigned number)
{
    struct program *agencies[AGENCIES];
    const char *centre = stage_text(stage, "c%u", number);
    const char *token = stage_path(stage, "token%u", number);
    files_write(token, "");
    struct server *server = server_start_with(
        stage, stage_path(stage, "data%u", number), NULL,
        ENVIRONMENT(stage_text(stage, "REPLICATION_SERVERS=%s", cluster->servers),
                    stage_text(stage, "REPLICATION_CENTRE=%s", centre), "ACK_AFTER=replicated",
                    "NUMBER_OF_AGENCIES=2", stage_text(stage, "LOTTERY_FAULT=%s", fault),
                    stage_text(stage, "LOTTERY_FAULT_TOKEN=%s", token)));
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agencies[id - 1] = agency_start(server, id, agency_bets_file(stage, id),
                                        ENVIRONMENT("CLI_LOOP_LAPSE=60s"));
    }
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agency_expect_success(agencies[id - 1]);
    }
    server_stop_well(server);
    if (files_exist(token)) {
        fail_msg("%s: no shipper came to this place", fault);
    }
    assert_int_equal(server_count_log(server, "role: shipper | pid: "), 2);
    (void)shipped_expect_files(stage, cluster->servers, centre, server);
}

static void a_shipper_that_dies_at_any_place_leaves_each_record_once(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, NODES, "");
    agency_generate(stage, AGENCIES, BETS);
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        run_lottery(stage, cluster, faults[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_shipper_that_dies_at_any_place_leaves_each_record_once),
    };
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
