/*
 * test_admission.c - who is let in, and who gives its place up.
 *
 * Handlers are children that wait for a signal, and the segment is a real one.
 */
#include "server/supervisor/admission.h"

#include "shm/slots.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { CONNECTIONS = 8, STRANGERS = 4, RING_BYTES = 65536, GOOD = 1, BAD = 2, OTHER = 3 };

struct fixture {
    struct scratch scratch;
    struct segment segment;
    struct processes processes;
    struct server_config config;
    struct admission admission;
    int silent[2], talking[2]; /* both ends of a connection; the second one is the newcomer's */
    bool newcomers_talk;
};

static int wait_for_a_signal(void *context)
{
    (void)context;
    (void)pause();
    return 0;
}

static void open_admission(struct fixture *fixture)
{
    admission_close(&fixture->admission);
    assert_true(admission_open(&fixture->admission, &fixture->config));
}

static int set_up(void **state)
{
    static struct fixture fixture;
    *state = &fixture;
    fixture.config =
        (struct server_config){.limit_connections = CONNECTIONS, .limit_unidentified = STRANGERS};
    scratch_open(&fixture.scratch);
    segments_create(&fixture.scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES,
                                          .slot_capacity = CONNECTIONS + HERITAGE_LEAVING_MAX},
                    &fixture.segment);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    assert_true(admission_open(&fixture.admission, &fixture.config));
    fixture.newcomers_talk = false;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fixture.silent), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fixture.talking), 0);
    assert_int_equal(write(fixture.talking[1], "1", 1), 1);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    for (int end = 0; end < 2; end++) {
        (void)close(fixture->silent[end]);
        (void)close(fixture->talking[end]);
    }
    admission_close(&fixture->admission);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

static struct admission_verdict judge(struct fixture *fixture, uint64_t origin)
{
    const struct listener_peer peer = {.origin = origin};
    int socket = fixture->newcomers_talk ? fixture->talking[0] : fixture->silent[0];
    return admission_judge(&fixture->admission, &fixture->segment, socket, &peer);
}

/* A newcomer that is let in. Returns its slot; *evicted is that of who went for it. */
static uint32_t let_in(struct fixture *fixture, uint64_t origin, uint32_t *evicted)
{
    struct handler_book *handlers = &fixture->admission.handlers;
    assert_true(admission_has_room(&fixture->admission, &fixture->segment));
    struct admission_verdict verdict = judge(fixture, origin);
    assert_true(verdict.admitted);
    *evicted = verdict.evicted_slot;
    uint32_t slot = handler_book_take_slot(handlers);
    slot_set_up(&fixture->segment, slot, "");
    pid_t pid = processes_start(&fixture->processes, wait_for_a_signal, NULL);
    handler_book_note(handlers, slot, pid, verdict.address);
    return slot;
}

/* One for whom nobody has to go. */
static uint32_t let_in_freely(struct fixture *fixture, uint64_t origin)
{
    uint32_t evicted = 0;
    uint32_t slot = let_in(fixture, origin, &evicted);
    assert_int_equal(evicted, ADDRESS_NONE);
    return slot;
}

static void identify(struct fixture *fixture, uint32_t slot)
{
    slot_identify(&fixture->segment.slots[slot]);
}

/* Makes the next call look at the slots, however little time has gone by. */
static void look_again(struct fixture *fixture)
{
    fixture->admission.looked_at_ns = 0;
}

static uint64_t refused(const struct fixture *fixture, enum refusal_reason reason)
{
    return atomic_load(&fixture->segment.shared->refusals.counts[reason]);
}

static void expect_refused(struct fixture *fixture, uint64_t origin, enum refusal_reason reason)
{
    uint64_t before = refused(fixture, reason);
    struct admission_verdict verdict = judge(fixture, origin);
    assert_false(verdict.admitted);
    assert_int_equal(verdict.reason, reason);
    assert_int_equal(refused(fixture, reason), before + 1);
}

static void a_newcomer_takes_the_place_of_the_first_stranger_of_the_busiest_address(void **state)
{
    struct fixture *fixture = *state;
    uint32_t evicted = ADDRESS_NONE;
    (void)let_in_freely(fixture, OTHER);
    uint32_t first = let_in_freely(fixture, BAD);
    (void)let_in_freely(fixture, BAD);
    (void)let_in_freely(fixture, BAD);
    pid_t pid = fixture->admission.handlers.slots[first].pid;
    (void)let_in(fixture, GOOD, &evicted);
    assert_int_equal(evicted, first);
    int status = processes_wait(&fixture->processes, pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    assert_int_equal(fixture->admission.handlers.strangers, STRANGERS);
    assert_int_equal(refused(fixture, REFUSAL_EVICTED), 1);
}

static void who_has_said_who_it_is_is_never_evicted(void **state)
{
    struct fixture *fixture = *state;
    uint32_t evicted = ADDRESS_NONE;
    uint32_t good[CONNECTIONS];
    for (uint32_t i = 0; i < STRANGERS; i++) {
        good[i] = let_in_freely(fixture, BAD);
        identify(fixture, good[i]);
    }
    look_again(fixture); /* all of them have places of their own */
    for (uint32_t i = STRANGERS; i < CONNECTIONS; i++) {
        good[i] = let_in_freely(fixture, BAD);
    }
    /* Full: one that came late gives its place up, and not those who came first. */
    (void)let_in(fixture, GOOD, &evicted);
    assert_int_equal(evicted, good[STRANGERS]);
    for (uint32_t i = 0; i < STRANGERS; i++) {
        assert_int_equal(atomic_load(&fixture->segment.slots[good[i]].standing), SLOT_IDENTIFIED);
    }
}

/* It says who it is after the slots were looked at, and before its place is taken. */
static void who_speaks_at_the_last_moment_stays(void **state)
{
    struct fixture *fixture = *state;
    uint32_t evicted = ADDRESS_NONE;
    uint32_t slots[STRANGERS];
    for (uint32_t i = 0; i < STRANGERS; i++) {
        slots[i] = let_in_freely(fixture, BAD);
    }
    fixture->admission.looked_at_ns = INT64_MAX; /* it looks no more */
    identify(fixture, slots[0]);
    (void)let_in(fixture, GOOD, &evicted);
    assert_true(evicted == ADDRESS_NONE || evicted == slots[1]);
    assert_int_equal(atomic_load(&fixture->segment.slots[slots[0]].standing), SLOT_IDENTIFIED);
}

/* The slots were looked at just now, and all have said since then who they are. */
static void those_who_are_known_by_now_keep_no_newcomer_out(void **state)
{
    struct fixture *fixture = *state;
    uint32_t slots[STRANGERS];
    for (uint32_t i = 0; i < STRANGERS; i++) {
        slots[i] = let_in_freely(fixture, BAD);
    }
    fixture->admission.looked_at_ns = INT64_MAX; /* it looks no more */
    for (uint32_t i = 0; i < STRANGERS; i++) {
        identify(fixture, slots[i]);
    }
    (void)let_in_freely(fixture, GOOD);
    assert_int_equal(fixture->admission.handlers.strangers, 1);
    assert_int_equal(refused(fixture, REFUSAL_NO_PLACE), 0);
}

/* The handler takes its first message when it has been asked to leave: it leaves all the same. */
static void who_was_evicted_is_not_identified_any_more(void **state)
{
    struct fixture *fixture = *state;
    uint32_t slot = let_in_freely(fixture, BAD);
    assert_true(slot_evict(&fixture->segment.slots[slot]));
    slot_identify(&fixture->segment.slots[slot]);
    assert_false(slot_is_identified(&fixture->segment.slots[slot]));
    assert_false(slot_evict(&fixture->segment.slots[slot]));
}

static void all_places_taken_by_the_known_let_nobody_in(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        look_again(fixture);
        identify(fixture, let_in_freely(fixture, BAD));
    }
    look_again(fixture);
    assert_false(admission_has_room(&fixture->admission, &fixture->segment));
}

static void a_flood_from_one_address_evicts_its_own_only_so_often(void **state)
{
    enum { FLOOD = 1000, AT_ONCE = 100 };
    struct fixture *fixture = *state;
    uint32_t evicted = ADDRESS_NONE;
    uint32_t admitted = 0;
    /* As many at once, and then so few that it is the same however slow the machine is. */
    fixture->admission.eviction_rate = rate_limit_make(1, AT_ONCE);
    for (uint32_t i = 0; i < STRANGERS; i++) {
        (void)let_in_freely(fixture, BAD);
    }
    for (uint32_t i = 0; i < FLOOD; i++) {
        struct handler_book *handlers = &fixture->admission.handlers;
        struct admission_verdict verdict = judge(fixture, BAD);
        admitted += verdict.admitted ? 1 : 0;
        if (verdict.evicted_slot != ADDRESS_NONE) {
            assert_int_equal(handlers->slots[verdict.evicted_slot].standing, HANDLER_LEAVING);
            (void)processes_wait(&fixture->processes, handlers->slots[verdict.evicted_slot].pid);
            admission_bury(&fixture->admission, &fixture->segment, verdict.evicted_slot);
            uint32_t slot = handler_book_take_slot(handlers);
            slot_set_up(&fixture->segment, slot, "");
            handler_book_note(handlers, slot,
                              processes_start(&fixture->processes, wait_for_a_signal, NULL),
                              verdict.address);
        }
    }
    assert_in_range(admitted, AT_ONCE, FLOOD / 4);
    assert_int_equal(refused(fixture, REFUSAL_NO_PLACE), FLOOD - admitted);
    /* Others find a place all the while; and so does one of the same address that has spoken. */
    (void)let_in(fixture, GOOD, &evicted);
    assert_int_not_equal(evicted, ADDRESS_NONE);
    fixture->newcomers_talk = true;
    (void)let_in(fixture, BAD, &evicted);
    assert_int_not_equal(evicted, ADDRESS_NONE);
}

static void strangers_that_went_without_a_word_empty_their_address_s_bucket(void **state)
{
    enum { A_SECOND = 2, BURST = 6 * A_SECOND };
    struct fixture *fixture = *state;
    fixture->config.limit_stranger_rate = A_SECOND;
    open_admission(fixture);
    for (uint32_t i = 0; i < 2 * BURST; i++) { /* these say who they are */
        uint32_t slot = let_in_freely(fixture, BAD);
        identify(fixture, slot);
        (void)processes_kill(&fixture->processes, fixture->admission.handlers.slots[slot].pid);
        admission_bury(&fixture->admission, &fixture->segment, slot);
    }
    for (uint32_t i = 0; i < BURST; i++) {
        uint32_t slot = let_in_freely(fixture, BAD);
        (void)processes_kill(&fixture->processes, fixture->admission.handlers.slots[slot].pid);
        admission_bury(&fixture->admission, &fixture->segment, slot);
    }
    expect_refused(fixture, BAD, REFUSAL_STRANGERS);
    (void)let_in_freely(fixture, GOOD);
}

/* As half a handshake, or half a message. Silent ones are many, and have a limit of their own. */
static void strangers_that_have_begun_count_as_long_as_they_are_there(void **state)
{
    enum { A_SECOND = 1, BURST = 6 * A_SECOND };
    struct fixture *fixture = *state;
    uint32_t slots[BURST];
    fixture->config.limit_stranger_rate = A_SECOND;
    fixture->config.limit_unidentified = CONNECTIONS;
    open_admission(fixture);
    for (uint32_t i = 0; i < BURST; i++) {
        slots[i] = let_in_freely(fixture, BAD);
    }
    assert_true(judge(fixture, BAD).admitted);
    for (uint32_t i = 0; i < BURST; i++) {
        slot_note_first_byte(&fixture->segment.slots[slots[i]]);
    }
    look_again(fixture);
    expect_refused(fixture, BAD, REFUSAL_STRANGERS);
    assert_true(judge(fixture, GOOD).admitted);
    identify(fixture, slots[0]);
    look_again(fixture);
    assert_true(judge(fixture, BAD).admitted);
}

static void who_has_begun_and_is_evicted_is_charged(void **state)
{
    enum { A_SECOND = 1, BURST = 6 * A_SECOND };
    struct fixture *fixture = *state;
    fixture->config.limit_stranger_rate = A_SECOND;
    open_admission(fixture);
    for (uint32_t i = 0; i < BURST; i++) {
        uint32_t slot = let_in_freely(fixture, BAD);
        slot_note_first_byte(&fixture->segment.slots[slot]);
        assert_true(slot_evict(&fixture->segment.slots[slot]));
        handler_book_settle(&fixture->admission.handlers, slot, HANDLER_LEAVING);
        (void)processes_kill(&fixture->processes, fixture->admission.handlers.slots[slot].pid);
        admission_bury(&fixture->admission, &fixture->segment, slot);
    }
    expect_refused(fixture, BAD, REFUSAL_STRANGERS);
}

static void an_address_has_its_share_of_connections(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.limit_connections_per_address = 2;
    open_admission(fixture);
    uint32_t slot = let_in_freely(fixture, BAD);
    identify(fixture, let_in_freely(fixture, BAD));
    expect_refused(fixture, BAD, REFUSAL_PER_ADDRESS);
    (void)let_in_freely(fixture, GOOD);
    admission_bury(&fixture->admission, &fixture->segment, slot);
    (void)let_in_freely(fixture, BAD);
    expect_refused(fixture, BAD, REFUSAL_PER_ADDRESS);
}

static void an_address_comes_only_so_often_a_second(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.limit_connection_rate = 2;
    open_admission(fixture);
    (void)let_in_freely(fixture, BAD);
    (void)let_in_freely(fixture, BAD);
    expect_refused(fixture, BAD, REFUSAL_CONNECTIONS);
    (void)let_in_freely(fixture, GOOD);
}

/* limits.max_connections: 1. */
static void who_has_the_only_place_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    fixture->config.limit_connections = 1;
    fixture->config.limit_unidentified = 1;
    open_admission(fixture);
    (void)let_in_freely(fixture, BAD);
    assert_false(admission_has_room(&fixture->admission, &fixture->segment));
}

#define ADMISSION_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ADMISSION_TEST(a_newcomer_takes_the_place_of_the_first_stranger_of_the_busiest_address),
        ADMISSION_TEST(who_has_said_who_it_is_is_never_evicted),
        ADMISSION_TEST(who_speaks_at_the_last_moment_stays),
        ADMISSION_TEST(those_who_are_known_by_now_keep_no_newcomer_out),
        ADMISSION_TEST(who_was_evicted_is_not_identified_any_more),
        ADMISSION_TEST(all_places_taken_by_the_known_let_nobody_in),
        ADMISSION_TEST(a_flood_from_one_address_evicts_its_own_only_so_often),
        ADMISSION_TEST(strangers_that_went_without_a_word_empty_their_address_s_bucket),
        ADMISSION_TEST(strangers_that_have_begun_count_as_long_as_they_are_there),
        ADMISSION_TEST(who_has_begun_and_is_evicted_is_charged),
        ADMISSION_TEST(an_address_has_its_share_of_connections),
        ADMISSION_TEST(an_address_comes_only_so_often_a_second),
        ADMISSION_TEST(who_has_the_only_place_keeps_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
