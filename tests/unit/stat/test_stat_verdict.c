/*
 * test_stat_verdict.c - what needs a look, of snapshots that were made by hand.
 */
#include "stat/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define MINUTES_MS(count) (UINT64_C(60000) * (count))
#define NOW_MS            UINT64_C(1800000000000)
#define SECOND_NS         UINT64_C(1000000000)
#define GB(count)         (UINT64_C(1000000000) * (count))

enum { AGENCIES = 8 };

static struct snapshot_agency agencies[AGENCIES];

/* A server that nothing is wrong with, two hours old; all agencies are done. */
static struct snapshot make_snapshot(void)
{
    struct snapshot snapshot = {
        .taken_ns = 1000 * SECOND_NS,
        .taken_at_ms = NOW_MS,
        .server = {.pid = 7, .started_at_ms = 1, .uptime_ms = MINUTES_MS(120), .ready = 1},
        .disk = {.free_bytes = GB(900), .size_bytes = GB(1000)},
        .draw = {.name = "W48", .state = "open", .closes_at_ms = SNAPSHOT_UNKNOWN},
        .confinement = {.user = 1000},
        .tls = {.mode = "off"},
        .agencies = agencies,
        .agency_count = AGENCIES,
    };
    for (size_t i = 0; i < AGENCIES; i++) {
        agencies[i] = (struct snapshot_agency){
            .id = i + 1, .phase = "done", .seen_at_ms = NOW_MS - MINUTES_MS(60)};
    }
    return snapshot;
}

static struct verdicts judge(const struct snapshot *snapshot, const struct verdict_rate *rate)
{
    struct verdicts verdicts;
    verdicts_of_server(snapshot, rate, &verdict_default_limits, &verdicts);
    return verdicts;
}

/* The list is this one verdict. */
static void expect(const struct verdicts *verdicts, enum log_message number,
                   enum verdict_severity severity, const char *text)
{
    assert_int_equal(verdicts->count, 1);
    assert_string_equal(verdicts->items[0].text, text);
    assert_int_equal(verdicts->items[0].number, number);
    assert_int_equal(verdicts->items[0].severity, severity);
    assert_int_equal(verdicts_worst(verdicts), severity);
    assert_true(strlen(verdicts->items[0].hint) > 0);
}

static void expect_of(const struct snapshot *snapshot, enum log_message number,
                      enum verdict_severity severity, const char *text)
{
    struct verdicts verdicts = judge(snapshot, NULL);
    expect(&verdicts, number, severity, text);
}

static void expect_nothing_of(const struct snapshot *snapshot)
{
    struct verdicts verdicts = judge(snapshot, NULL);
    assert_int_equal(verdicts.count, 0);
    assert_int_equal(verdicts_worst(&verdicts), VERDICT_NOTE);
}

static void set_phase(size_t index, const char *phase, uint64_t seen_at_ms)
{
    struct snapshot_agency *agency = &agencies[index];
    (void)snprintf(agency->phase, sizeof agency->phase, "%s", phase);
    agency->missing = 1;
    agency->seen_at_ms = seen_at_ms;
}

static void a_server_that_is_well_needs_no_look(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    expect_nothing_of(&snapshot);
}

static void an_agency_that_never_connected_has_its_number(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    set_phase(6, "never", SNAPSHOT_UNKNOWN);
    expect_of(&snapshot, LOG_VERDICT_AGENCY_NEVER, VERDICT_WARNING, "agency 7 never connected");
    snapshot.server.uptime_ms = MINUTES_MS(2);
    expect_of(&snapshot, LOG_VERDICT_AGENCY_NEVER, VERDICT_NOTE, "agency 7 never connected");
    set_phase(7, "never", SNAPSHOT_UNKNOWN);
    snapshot.draw.closes_at_ms = NOW_MS + MINUTES_MS(12);
    expect_of(&snapshot, LOG_VERDICT_AGENCY_NEVER, VERDICT_CRITICAL,
              "agencies 7, 8 never connected, and sales end in 12m 00s");
}

static void many_agencies_are_counted(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    for (size_t i = 1; i < AGENCIES; i++) {
        set_phase(i, "never", SNAPSHOT_UNKNOWN);
    }
    expect_of(&snapshot, LOG_VERDICT_AGENCY_NEVER, VERDICT_WARNING,
              "agencies 2, 3, 4, 5, 6 and 2 more never connected");
}

static void at_the_beginning_nobody_is_late(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    for (size_t i = 0; i < AGENCIES; i++) {
        set_phase(i, "never", SNAPSHOT_UNKNOWN);
    }
    snapshot.server.uptime_ms = MINUTES_MS(29);
    expect_nothing_of(&snapshot);
}

/* What came before this server does not count: an agency had no chance to speak to it. */
static void an_agency_that_is_silent_has_its_bets(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    agencies[2].bets = 12400;
    set_phase(2, "open", NOW_MS - MINUTES_MS(38));
    expect_of(&snapshot, LOG_VERDICT_AGENCY_SILENT, VERDICT_WARNING,
              "agency 3 silent for 38m 00s, 12,400 bets, not done");
    set_phase(3, "open", NOW_MS - MINUTES_MS(90));
    expect_of(&snapshot, LOG_VERDICT_AGENCY_SILENT, VERDICT_WARNING,
              "agencies 3, 4 silent for more than 30m 00s, and not done");
    snapshot.server.uptime_ms = MINUTES_MS(5);
    expect_nothing_of(&snapshot);
}

static void a_disk_that_fills_up_says_when(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.disk.free_bytes = GB(2);
    snapshot.storer.flushed_bytes = GB(10); /* in 7200 s */
    expect_of(&snapshot, LOG_VERDICT_DISK_FULL_SOON, VERDICT_CRITICAL,
              "disk full in 24m 00s at the mean rate since the start (2.0 GB free)");
    snapshot.server.uptime_ms = 59000;
    expect_nothing_of(&snapshot);
    snapshot.server.uptime_ms = MINUTES_MS(120);
    (void)snprintf(snapshot.draw.state, sizeof snapshot.draw.state, "drawn");
    expect_nothing_of(&snapshot);
}

static void a_rate_of_two_looks_goes_before_the_mean(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    struct verdict_rate rate = {0};
    snapshot.disk.free_bytes = GB(2);
    snapshot.storer.flushed_bytes = GB(10);
    verdict_rate_note(&rate, &snapshot);
    assert_false(rate.known);
    snapshot.taken_ns += 30 * SECOND_NS;
    verdict_rate_note(&rate, &snapshot);
    assert_false(rate.known);
    snapshot.taken_ns += 70 * SECOND_NS;
    snapshot.storer.flushed_bytes += 40000000; /* in 100 s */
    verdict_rate_note(&rate, &snapshot);
    assert_true(rate.known);
    struct verdicts verdicts = judge(&snapshot, &rate);
    expect(&verdicts, LOG_VERDICT_DISK_FULL_SOON, VERDICT_WARNING,
           "disk full in 1h 23m at this rate (2.0 GB free)");
    snapshot.server.pid++; /* another server */
    snapshot.storer.flushed_bytes = 0;
    verdict_rate_note(&rate, &snapshot);
    assert_false(rate.known);
}

static void a_disk_with_little_room_needs_a_look_at_any_rate(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.disk.free_bytes = 900000000;
    expect_of(&snapshot, LOG_VERDICT_DISK_FULL_SOON, VERDICT_WARNING, "the disk has 900 MB free");
    snapshot.disk.free_bytes = 90000000;
    expect_of(&snapshot, LOG_VERDICT_DISK_FULL_SOON, VERDICT_CRITICAL, "the disk has 90.0 MB free");
    snapshot.disk.free_bytes = SNAPSHOT_UNKNOWN;
    expect_nothing_of(&snapshot);
}

/* The reason of both is that there is no room; one verdict says it. */
static void a_full_disk_is_told_once(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.server.ready = 0;
    snapshot.storer.no_room = 1;
    (void)snprintf(snapshot.storer.no_room_reason, sizeof snapshot.storer.no_room_reason, "ENOSPC");
    snapshot.disk.free_bytes = 0;
    expect_of(&snapshot, LOG_VERDICT_NO_ROOM, VERDICT_CRITICAL,
              "no room on the disk (ENOSPC): nothing is acknowledged");
    snapshot.storer.no_room = 0;
    snapshot.disk.free_bytes = GB(2);
    (void)snprintf(snapshot.not_ready, sizeof snapshot.not_ready, "there is no storer");
    expect_of(&snapshot, LOG_VERDICT_NOT_READY, VERDICT_CRITICAL, "not ready: there is no storer");
}

static void what_counts_up_fades_by_itself(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.deaths.storer_deaths = 1;
    expect_of(&snapshot, LOG_VERDICT_STORER_DEATHS, VERDICT_WARNING,
              "storers that died: 1 in 2h 00m");
    snapshot.server.uptime_ms = MINUTES_MS(25 * UINT64_C(60));
    expect_nothing_of(&snapshot);
    snapshot.deaths.storer_deaths = 2;
    expect_of(&snapshot, LOG_VERDICT_STORER_DEATHS, VERDICT_WARNING,
              "storers that died: 2 in 1d 01h");
}

static void refusals_need_a_look_from_ten_a_minute_on(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.refusals[1] = (struct snapshot_refusal){.reason = "strangers", .total = 900};
    expect_nothing_of(&snapshot);
    snapshot.refusals[2] = (struct snapshot_refusal){.reason = "bets", .total = 1100};
    expect_of(&snapshot, LOG_VERDICT_REFUSED, VERDICT_WARNING,
              "2000 connections or messages refused in 2h 00m, most of them: bets");
}

static void a_copy_that_does_not_go_on_is_told(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    struct snapshot_replica *replica = &snapshot.replica;
    *replica = (struct snapshot_replica){.role = "primary",
                                         .state = "shipping",
                                         .lag = 1000000,
                                         .lag_limit = 64000000,
                                         .beat_age_ms = 200};
    expect_nothing_of(&snapshot);
    (void)snprintf(replica->state, sizeof replica->state, "waiting");
    expect_of(&snapshot, LOG_VERDICT_NOT_SHIPPING, VERDICT_WARNING,
              "bets are not copied: the shipper is waiting, the engine lacks 1.0 MB");
    (void)snprintf(replica->state, sizeof replica->state, "refused");
    expect_of(&snapshot, LOG_VERDICT_NOT_SHIPPING, VERDICT_CRITICAL,
              "bets are not copied: the shipper is refused, the engine lacks 1.0 MB");
    (void)snprintf(replica->state, sizeof replica->state, "shipping");
    replica->lag = 40000000;
    expect_of(&snapshot, LOG_VERDICT_REPLICA_LAG, VERDICT_WARNING,
              "the engine lacks 40.0 MB, more than half of replication.lag_bytes");
    replica->waiting_for_lag = 3;
    expect_of(&snapshot, LOG_VERDICT_REPLICA_LAG, VERDICT_CRITICAL,
              "3 handlers wait: the engine lacks 40.0 MB, the limit");
}

static void a_text_keeps_its_letters_and_loses_what_a_terminal_obeys(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.centres = (struct snapshot_centres){.contradicting = 1};
    (void)snprintf(snapshot.centres.reason, sizeof snapshot.centres.reason,
                   "Córdoba \x1b[31mtwice\n");
    expect_of(&snapshot, LOG_VERDICT_CENTRES_HELD, VERDICT_CRITICAL,
              "the draw is held: Córdoba ?[31mtwice?");
}

static void a_certificate_is_told_before_it_ends(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.tls =
        (struct snapshot_tls){.mode = "on",
                              .certificate_expires_at_ms = NOW_MS + MINUTES_MS(29 * UINT64_C(1440)),
                              .ca_expires_at_ms = SNAPSHOT_UNKNOWN,
                              .crl_expires_at_ms = SNAPSHOT_UNKNOWN};
    expect_of(&snapshot, LOG_VERDICT_CERTIFICATE, VERDICT_WARNING,
              "the server's certificate ends in 29d 00h");
    snapshot.tls.certificate_expires_at_ms = NOW_MS - MINUTES_MS(2);
    expect_of(&snapshot, LOG_VERDICT_CERTIFICATE, VERDICT_CRITICAL,
              "the server's certificate ended 2m 00s ago: no agency connects");
    snapshot.tls.certificate_expires_at_ms = NOW_MS + MINUTES_MS(31 * UINT64_C(1440));
    expect_nothing_of(&snapshot);
}

static void the_worst_comes_first(void **state)
{
    (void)state;
    struct snapshot snapshot = make_snapshot();
    snapshot.confinement.user = 0;
    snapshot.deaths.handlers_killed = 1;
    snapshot.deaths.handlers_forbidden = 1;
    struct verdicts verdicts = judge(&snapshot, NULL);
    assert_int_equal(verdicts.count, 3);
    assert_int_equal(verdicts.items[0].number, LOG_VERDICT_FORBIDDEN);
    assert_int_equal(verdicts.items[1].number, LOG_VERDICT_HANDLERS_KILLED);
    assert_int_equal(verdicts.items[2].number, LOG_VERDICT_ROOT);
    assert_int_equal(verdicts_worst(&verdicts), VERDICT_CRITICAL);
}

static void a_standby_is_judged_by_what_it_wrote(void **state)
{
    (void)state;
    struct verdicts verdicts;
    struct replication_state standby = {.connected = true,
                                        .epoch = 3,
                                        .heard_at_ms = (int64_t)NOW_MS - 500,
                                        .written_at_ms = (int64_t)NOW_MS - 800};
    verdicts_of_standby(&standby, NOW_MS, &verdicts);
    assert_int_equal(verdicts.count, 0);
    standby.told_bets_end = GB(1);
    verdicts_of_standby(&standby, NOW_MS, &verdicts);
    expect(&verdicts, LOG_VERDICT_STANDBY, VERDICT_WARNING,
           "the standby lacks 1.0 GB of its primary's bets");
    standby.connected = false;
    verdicts_of_standby(&standby, NOW_MS, &verdicts);
    expect(&verdicts, LOG_VERDICT_STANDBY, VERDICT_CRITICAL,
           "the standby is not connected to the engine, and takes nothing over");
    standby.written_at_ms = (int64_t)NOW_MS - 60000;
    verdicts_of_standby(&standby, NOW_MS, &verdicts);
    expect(&verdicts, LOG_VERDICT_STANDBY, VERDICT_CRITICAL,
           "the standby's shipper has said nothing for 1m 00s");
}

static void no_server_is_critical_and_one_that_is_not_seen_is_unknown(void **state)
{
    (void)state;
    struct verdicts verdicts;
    verdicts_of_answer(TARGET_ABSENT, "no server: nobody holds the lock", &verdicts);
    expect(&verdicts, LOG_VERDICT_NO_SERVER, VERDICT_CRITICAL, "no server: nobody holds the lock");
    verdicts_of_answer(TARGET_STARTING, "the server is starting", &verdicts);
    expect(&verdicts, LOG_VERDICT_STARTING, VERDICT_WARNING, "the server is starting");
    verdicts_of_answer(TARGET_FAILED, "open\nit: no", &verdicts);
    expect(&verdicts, LOG_VERDICT_NOT_SEEN, VERDICT_UNKNOWN, "open?it: no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_well_needs_no_look),
        cmocka_unit_test(an_agency_that_never_connected_has_its_number),
        cmocka_unit_test(many_agencies_are_counted),
        cmocka_unit_test(at_the_beginning_nobody_is_late),
        cmocka_unit_test(an_agency_that_is_silent_has_its_bets),
        cmocka_unit_test(a_disk_that_fills_up_says_when),
        cmocka_unit_test(a_rate_of_two_looks_goes_before_the_mean),
        cmocka_unit_test(a_disk_with_little_room_needs_a_look_at_any_rate),
        cmocka_unit_test(a_full_disk_is_told_once),
        cmocka_unit_test(what_counts_up_fades_by_itself),
        cmocka_unit_test(refusals_need_a_look_from_ten_a_minute_on),
        cmocka_unit_test(a_copy_that_does_not_go_on_is_told),
        cmocka_unit_test(a_text_keeps_its_letters_and_loses_what_a_terminal_obeys),
        cmocka_unit_test(a_certificate_is_told_before_it_ends),
        cmocka_unit_test(the_worst_comes_first),
        cmocka_unit_test(a_standby_is_judged_by_what_it_wrote),
        cmocka_unit_test(no_server_is_critical_and_one_that_is_not_seen_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
