/*
 * test_agencies.c - the table of agencies: nothing is mixed up in it, however
 * its entries collide, and what is read under the lock is of one moment.
 */
#include "shm/agencies.h"

#include "lib/checksum.h"
#include "lib/log.h"
#include "shm/append_lock.h"
#include "shm/ring.h"
#include "shm/slots.h"
#include "tests/harness/emulated.h"
#include "tests/harness/processes.h"
#include "tests/harness/segments.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    RING_BYTES = 64 * 1024,
    LIMIT = 8,
    MOVERS = 3,
    SNAPSHOTS = 3000,
    ADDERS = 6,
    ROUNDS_OF_ADDING = 40,
    ROUNDS_OF_DONE = 20000,
    LOOKS_AT_DONE = 20,
    ASKER = 1, /* a slot */
    SLOTS = 2,
};

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct segment segment;
};

static void create_segment(struct fixture *fixture)
{
    segments_create(&fixture->scratch,
                    (struct segment_plan){.ring_bytes = RING_BYTES,
                                          .agency_limit = LIMIT,
                                          .agencies_expected = LIMIT,
                                          .slot_capacity = SLOTS},
                    &fixture->segment);
}

static void empty_the_table(struct fixture *fixture)
{
    segment_remove(&fixture->segment);
    create_segment(fixture);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.segment = {0}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    create_segment(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    processes_close(&fixture->processes);
    segments_remove(&fixture->scratch, &fixture->segment);
    return 0;
}

static struct agency *add(struct fixture *fixture, uint32_t id)
{
    struct agency *agency = agencies_find_or_add(&fixture->segment, id);
    assert_non_null(agency);
    assert_int_equal(agency->id, id);
    assert_int_equal(atomic_load(&agency->present), 1);
    return agency;
}

static struct shared_storer *storer(struct fixture *fixture)
{
    return &fixture->segment.shared->storer;
}

/* ---------------------------------------------------------------- table ---- */

static void an_agency_is_found_once_it_was_added(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t ids[] = {0, 1, UINT32_MAX, UINT32_C(1) << 31};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_null(agencies_find(&fixture->segment, ids[i]));
        struct agency *agency = add(fixture, ids[i]);
        assert_ptr_equal(agencies_find(&fixture->segment, ids[i]), agency);
        assert_ptr_equal(add(fixture, ids[i]), agency);
        assert_int_equal(atomic_load(&agency->phase), AGENCY_OPEN);
        assert_int_equal(atomic_load(&agency->epoch), EPOCH_UNFENCED);
        assert_int_equal(atomic_load(&agency->bets), 0);
        assert_int_equal(fixture->segment.shared->append.agencies_present, i + 1);
    }
}

/* Ids of the same place, for every place: they run on behind it, around the table's end as well. */
static void agencies_whose_places_collide_are_kept_apart(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t capacity = fixture->segment.shared->identity.agency_capacity;
    for (uint32_t place = 0; place < capacity; place++) {
        empty_the_table(fixture);
        for (uint32_t i = 0; i < LIMIT; i++) {
            const uint32_t id = place + i * capacity;
            assert_null(agencies_find(&fixture->segment, id));
            atomic_store(&add(fixture, id)->bets, id + 1);
        }
        for (uint32_t i = 0; i < LIMIT; i++) {
            const struct agency *agency = agencies_find(&fixture->segment, place + i * capacity);
            assert_non_null(agency);
            assert_int_equal(agency->id, place + i * capacity);
            assert_int_equal(atomic_load(&agency->bets), place + i * capacity + 1);
            assert_true(agency >= fixture->segment.agencies);
            assert_true(agency < fixture->segment.agencies + capacity);
        }
        assert_null(agencies_find(&fixture->segment, place + LIMIT * capacity));
    }
}

static void a_full_table_takes_no_other_agency_and_keeps_its_own(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t id = 1; id <= LIMIT; id++) {
        (void)add(fixture, id);
    }
    assert_null(agencies_find_or_add(&fixture->segment, LIMIT + 1));
    assert_null(agencies_find_or_add(&fixture->segment, 0));
    assert_null(agencies_find(&fixture->segment, LIMIT + 1));
    for (uint32_t id = 1; id <= LIMIT; id++) {
        assert_ptr_equal(add(fixture, id), agencies_find(&fixture->segment, id));
    }
    assert_int_equal(fixture->segment.shared->append.agencies_present, LIMIT);
}

struct adder {
    struct fixture *fixture;
    uint32_t from;
};

/* Adds all ids, each adder beginning with another one. */
static int add_all(void *context)
{
    const struct adder *adder = context;
    for (uint32_t i = 0; i < LIMIT; i++) {
        uint32_t id = 3 * ((adder->from + i) % LIMIT);
        const struct agency *agency = agencies_find_or_add(&adder->fixture->segment, id);
        if (agency == NULL || agency->id != id ||
            agencies_find(&adder->fixture->segment, id) != agency) {
            return 1;
        }
    }
    return 0;
}

static void an_agency_that_many_add_at_once_is_there_once(void **state)
{
    struct fixture *fixture = *state;
    struct adder adders[ADDERS];
    pid_t pids[ADDERS];
    for (int round = 0; round < ROUNDS_OF_ADDING; round++) {
        empty_the_table(fixture);
        processes_close(&fixture->processes);
        processes_open(&fixture->processes);
        for (uint32_t i = 0; i < ADDERS; i++) {
            adders[i] = (struct adder){.fixture = fixture, .from = i};
            pids[i] = processes_start(&fixture->processes, add_all, &adders[i]);
        }
        processes_release(&fixture->processes);
        for (uint32_t i = 0; i < ADDERS; i++) {
            processes_expect_exit(&fixture->processes, pids[i], 0);
        }
        uint32_t present = 0;
        for (uint32_t i = 0; i < fixture->segment.shared->identity.agency_capacity; i++) {
            present += atomic_load(&fixture->segment.agencies[i].present);
        }
        assert_int_equal(present, LIMIT);
        assert_int_equal(fixture->segment.shared->append.agencies_present, LIMIT);
    }
}

static int die_while_adding(void *context)
{
    struct fixture *fixture = context;
    append_lock(&fixture->segment);
    for (uint32_t i = 0; i < fixture->segment.shared->identity.agency_capacity; i++) {
        fixture->segment.agencies[i].id = LIMIT; /* as far as one gets before `present` */
    }
    (void)raise(SIGKILL);
    return 0;
}

static void an_agency_whose_adder_died_is_not_there_and_can_be_added(void **state)
{
    skip_without_robust_mutexes();
    struct fixture *fixture = *state;
    processes_release(&fixture->processes);
    pid_t pid = processes_start(&fixture->processes, die_while_adding, fixture);
    assert_true(WIFSIGNALED(processes_wait(&fixture->processes, pid)));
    assert_null(agencies_find(&fixture->segment, LIMIT));
    for (uint32_t id = 1; id <= LIMIT; id++) {
        assert_null(agencies_find(&fixture->segment, id));
        (void)add(fixture, id);
    }
    assert_true(agencies_take_done_news(&fixture->segment)); /* the dead may have had some */
}

/* --------------------------------------------------------------- claims ---- */

static void each_claim_has_a_newer_epoch_of_its_own_agency(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 1);
    struct agency *other = add(fixture, 2);
    uint64_t last = EPOCH_UNFENCED;
    for (int i = 0; i < 3; i++) {
        struct agency_claim claim = agencies_claim(&fixture->segment, agency);
        assert_true(claim.epoch > last);
        assert_int_equal(atomic_load(&agency->epoch), claim.epoch);
        last = claim.epoch;
    }
    assert_int_equal(atomic_load(&other->epoch), EPOCH_UNFENCED);
}

static void a_claim_tells_the_bets_and_where_they_end(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 1);
    const uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, "12345", 5);
    struct append append = {.agency = agency,
                            .bytes = "12345",
                            .count = 5,
                            .bets = 3,
                            .checksum = checksum,
                            .checksum_factor = checksum_factor(5)};
    uint64_t end = 0;
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_DONE);
    append.agency = add(fixture, 2);
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_DONE);
    struct agency_claim claim = agencies_claim(&fixture->segment, agency);
    assert_int_equal(claim.bets, 3);
    assert_int_equal(claim.checksum, checksum);
    assert_int_equal(claim.end_position, 5);
    claim = agencies_claim(&fixture->segment, append.agency);
    assert_int_equal(claim.bets, 3);
    assert_int_equal(claim.checksum, checksum);
    assert_int_equal(claim.end_position, 10);
}

/* ----------------------------------------------------------------- done ---- */

static void whoever_asks_to_be_done_is_news_for_the_storer(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 5);
    uint32_t cursor = 0;
    int tokens = 0;
    assert_false(agencies_take_done_news(&fixture->segment));
    assert_null(agencies_next_asked(&fixture->segment, &cursor));
    atomic_store(&storer(fixture)->sleeping, 1);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
    assert_int_equal(sem_getvalue(&storer(fixture)->wakeup, &tokens), 0);
    assert_int_equal(tokens, 1);
    assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE_ASKED);
    assert_true(agencies_take_done_news(&fixture->segment));
    assert_false(agencies_take_done_news(&fixture->segment)); /* taken is taken */
    cursor = 0;
    assert_ptr_equal(agencies_next_asked(&fixture->segment, &cursor), agency);
    assert_null(agencies_next_asked(&fixture->segment, &cursor));
    assert_int_equal(atomic_load(&storer(fixture)->agencies_done), 0);
    agencies_set_done(&fixture->segment, agency);
    assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE);
    assert_int_equal(atomic_load(&storer(fixture)->agencies_done), 1);
    cursor = 0;
    assert_null(agencies_next_asked(&fixture->segment, &cursor));
}

static void asking_again_is_harmless_before_and_after(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 5);
    uint32_t cursor = 0;
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
    assert_ptr_equal(agencies_next_asked(&fixture->segment, &cursor), agency);
    assert_null(agencies_next_asked(&fixture->segment, &cursor));
    agencies_set_done(&fixture->segment, agency);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
    assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE);
    cursor = 0;
    assert_null(agencies_next_asked(&fixture->segment, &cursor));
    assert_int_equal(atomic_load(&storer(fixture)->agencies_done), 1);
}

static int ask_for_ever(void *context)
{
    struct segment *segment = context;
    struct agency *agency = agencies_find(segment, 1);
    while (agencies_ask_done(segment, ASKER, agency, EPOCH_UNFENCED)) { /* nobody fences it */
    }
    return 0;
}

static bool has_asked(const void *context)
{
    const struct agency *agency = context;
    return atomic_load(&agency->phase) == AGENCY_DONE_ASKED;
}

/* Counted twice, it would stand for another agency that is still betting. */
static void an_agency_that_asks_while_it_becomes_done_stays_done(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 1);
    pid_t asker = processes_start(&fixture->processes, ask_for_ever, &fixture->segment);
    processes_release(&fixture->processes);
    for (int round = 0; round < ROUNDS_OF_DONE; round++) {
        processes_await(has_asked, agency);
        agencies_set_done(&fixture->segment, agency);
        for (int i = 0; i < LOOKS_AT_DONE; i++) {
            assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE);
        }
        atomic_store(&agency->phase, AGENCY_OPEN);
    }
    (void)processes_kill(&fixture->processes, asker);
}

static void whom_a_newer_claim_fences_may_not_say_done(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 5);
    struct agency_claim older = agencies_claim(&fixture->segment, agency);
    struct agency_claim newer = agencies_claim(&fixture->segment, agency);
    assert_false(agencies_ask_done(&fixture->segment, ASKER, agency, older.epoch));
    assert_int_equal(atomic_load(&agency->phase), AGENCY_OPEN);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, newer.epoch));
    assert_int_equal(atomic_load(&agency->phase), AGENCY_DONE_ASKED);
}

static void whoever_holds_no_claim_may_say_done_until_somebody_does(void **state)
{
    struct fixture *fixture = *state;
    struct agency *free_agency = add(fixture, 5);
    struct agency *claimed = add(fixture, 6);
    struct agency_claim claim = agencies_claim(&fixture->segment, claimed);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, free_agency, EPOCH_UNFENCED));
    assert_false(agencies_ask_done(&fixture->segment, ASKER, claimed, EPOCH_UNFENCED));
    assert_false(agencies_ask_done(&fixture->segment, ASKER, claimed, claim.epoch + 1));
    assert_int_equal(atomic_load(&claimed->phase), AGENCY_OPEN);
    assert_int_equal(atomic_load(&claimed->done_slot), 0);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, claimed, claim.epoch));
    /* Nor may it say so again, once it is done. */
    agencies_set_done(&fixture->segment, claimed);
    assert_false(agencies_ask_done(&fixture->segment, ASKER, claimed, EPOCH_UNFENCED));
}

static void only_the_current_claim_admits(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 5);
    assert_true(agencies_admits(agency, EPOCH_UNFENCED));
    for (int i = 0; i < 3; i++) {
        uint64_t epoch = agencies_claim(&fixture->segment, agency).epoch;
        assert_true(agencies_admits(agency, epoch));
        assert_false(agencies_admits(agency, epoch - 1));
        assert_false(agencies_admits(agency, epoch + 1));
        assert_false(agencies_admits(agency, EPOCH_UNFENCED));
    }
}

/* As the supervisor and a handler do it. */
static void give_slot(struct fixture *fixture, uint32_t index, uint32_t agency)
{
    slot_set_up(&fixture->segment, index, "192.0.2.1:5");
    atomic_store(&fixture->segment.slots[index].agency, agency);
    atomic_store(&fixture->segment.slots[index].agency_known, 1);
}

static void the_connection_that_closed_an_agency_is_known(void **state)
{
    struct fixture *fixture = *state;
    struct agency *agency = add(fixture, 5);
    const struct slot *asker = &fixture->segment.slots[ASKER];
    assert_null(agencies_done_asker(&fixture->segment, agency));
    give_slot(fixture, ASKER, 5);
    give_slot(fixture, 0, 5);
    assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
    assert_ptr_equal(agencies_done_asker(&fixture->segment, agency), asker);
    /* Who only repeats it has not closed it. */
    assert_true(agencies_ask_done(&fixture->segment, 0, agency, EPOCH_UNFENCED));
    assert_ptr_equal(agencies_done_asker(&fixture->segment, agency), asker);
    /* The slot is somebody else's now. */
    slot_set_up(&fixture->segment, ASKER, "192.0.2.2:6");
    assert_null(agencies_done_asker(&fixture->segment, agency));
    give_slot(fixture, ASKER, 6);
    assert_null(agencies_done_asker(&fixture->segment, agency));
}

/* Of eight: 1 and 5 are open, 2 and 6 done, the rest has asked. */
static void make_a_mixed_table(struct fixture *fixture)
{
    for (uint32_t id = 1; id <= LIMIT; id++) {
        struct agency *agency = add(fixture, id);
        if (id % 4 != 1) {
            assert_true(agencies_ask_done(&fixture->segment, ASKER, agency, EPOCH_UNFENCED));
        }
        if (id % 4 == 2) {
            agencies_set_done(&fixture->segment, agency);
        }
    }
}

static void all_that_have_asked_are_found_and_no_others(void **state)
{
    struct fixture *fixture = *state;
    uint32_t cursor = 0;
    unsigned found = 0;
    make_a_mixed_table(fixture);
    for (const struct agency *agency = NULL;
         (agency = agencies_next_asked(&fixture->segment, &cursor)) != NULL;) {
        assert_true(agency->id % 4 == 3 || agency->id % 4 == 0);
        assert_int_equal(found >> agency->id & 1, 0);
        found |= 1U << agency->id;
    }
    assert_int_equal(found, 1U << 3 | 1U << 4 | 1U << 7 | 1U << 8);
}

static void those_that_are_done_can_be_counted_anew(void **state)
{
    struct fixture *fixture = *state;
    agencies_recount_done(&fixture->segment);
    assert_int_equal(atomic_load(&storer(fixture)->agencies_done), 0);
    make_a_mixed_table(fixture);
    static const uint64_t wrong[] = {0, 1, 3, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        atomic_store(&storer(fixture)->agencies_done, wrong[i]);
        agencies_recount_done(&fixture->segment);
        assert_int_equal(atomic_load(&storer(fixture)->agencies_done), 2);
    }
}

/* ------------------------------------------------------------ snapshots ---- */

struct sums {
    uint64_t agencies, bets, bytes, checksums, ids;
};

static void sum_up(void *context, const struct agency *agency)
{
    struct sums *sums = context;
    sums->agencies++;
    sums->ids += agency->id;
    sums->bets += atomic_load(&agency->bets);
    sums->bytes += atomic_load(&agency->bytes);
    sums->checksums += atomic_load(&agency->checksum);
}

static void a_snapshot_has_every_agency_once(void **state)
{
    struct fixture *fixture = *state;
    struct sums sums = {0};
    struct agencies_total total = agencies_snapshot(&fixture->segment, sum_up, &sums);
    assert_int_equal(total.head, 0);
    assert_int_equal(total.checksum, CHECKSUM_EMPTY);
    assert_int_equal(sums.agencies, 0);
    make_a_mixed_table(fixture);
    atomic_store(&fixture->segment.shared->positions.head, 4711);
    fixture->segment.shared->append.checksum = 815;
    total = agencies_snapshot(&fixture->segment, sum_up, &sums);
    assert_int_equal(total.head, 4711);
    assert_int_equal(total.checksum, 815);
    assert_int_equal(sums.agencies, LIMIT);
    assert_int_equal(sums.ids, LIMIT * (LIMIT + 1) / 2);
}

struct mover {
    struct fixture *fixture;
    uint32_t id;
};

/* Moves its agency's bytes and head until the server is halted, as appends do, but for the ring. */
static int move_until_halted(void *context)
{
    const struct mover *mover = context;
    struct segment *segment = &mover->fixture->segment;
    struct agency *agency = agencies_find_or_add(segment, mover->id);
    while (agency != NULL && atomic_load(&segment->shared->lifecycle.halted) == 0) {
        append_lock(segment);
        atomic_fetch_add(&agency->bytes, mover->id);
        atomic_fetch_add(&agency->checksum, mover->id);
        atomic_fetch_add(&segment->shared->positions.head, mover->id);
        segment->shared->append.checksum += mover->id;
        append_unlock(segment);
    }
    return agency == NULL;
}

static bool all_move(const void *context)
{
    const struct fixture *fixture = context;
    for (uint32_t id = 1; id <= MOVERS; id++) {
        const struct agency *agency = agencies_find(&fixture->segment, id);
        if (agency == NULL || atomic_load(&agency->bytes) == 0) {
            return false;
        }
    }
    return true;
}

static void a_snapshot_is_of_one_moment(void **state)
{
    struct fixture *fixture = *state;
    struct mover movers[MOVERS];
    pid_t pids[MOVERS];
    processes_release(&fixture->processes);
    for (uint32_t i = 0; i < MOVERS; i++) {
        movers[i] = (struct mover){.fixture = fixture, .id = i + 1};
        pids[i] = processes_start(&fixture->processes, move_until_halted, &movers[i]);
    }
    processes_await(all_move, fixture);
    for (int i = 0; i < SNAPSHOTS; i++) {
        struct sums sums = {0};
        struct agencies_total total = agencies_snapshot(&fixture->segment, sum_up, &sums);
        assert_int_equal(sums.bytes, total.head);
        assert_int_equal(sums.checksums, total.checksum);
    }
    atomic_store(&fixture->segment.shared->lifecycle.halted, 1);
    for (uint32_t i = 0; i < MOVERS; i++) {
        processes_expect_exit(&fixture->processes, pids[i], 0);
    }
}

static void no_bet_comes_behind_the_head_of_the_draw(void **state)
{
    struct fixture *fixture = *state;
    struct append append = {.agency = add(fixture, 1), .bytes = "12345", .count = 5, .bets = 1};
    uint64_t end = 0;
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_DONE);
    assert_int_equal(agencies_close_for_draw(&fixture->segment), 5);
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_SALES_CLOSED);
    append.agency = add(fixture, 2); /* nor of anybody who comes later */
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_SALES_CLOSED);
    assert_int_equal(agencies_close_for_draw(&fixture->segment), 5);
    assert_int_equal(agencies_claim(&fixture->segment, add(fixture, 1)).bets, 1);
}

/* Until control says that sales are closed they may go on; a DONE is heard all the same. */
static void sales_that_are_reopened_take_bets_and_keep_who_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct append append = {.agency = add(fixture, 1), .bytes = "12345", .count = 5, .bets = 1};
    struct agency *other = add(fixture, 2);
    uint64_t end = 0;
    (void)agencies_close_for_draw(&fixture->segment);
    assert_true(agencies_ask_done(&fixture->segment, 0, other, EPOCH_UNFENCED));
    assert_int_equal(atomic_load(&other->phase), AGENCY_DONE_ASKED);
    agencies_reopen(&fixture->segment);
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_DONE);
    append.agency = other;
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_AGENCY_CLOSED);
    (void)agencies_close_for_draw(&fixture->segment);
    agencies_set_closed_out(other);
    assert_int_equal(ring_append(&fixture->segment, 0, &append, &end), APPEND_SALES_CLOSED);
    agencies_recount_done(&fixture->segment);
    assert_int_equal(atomic_load(&fixture->segment.shared->storer.agencies_done), 0);
}

#define AGENCIES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGENCIES_TEST(an_agency_is_found_once_it_was_added),
        AGENCIES_TEST(agencies_whose_places_collide_are_kept_apart),
        AGENCIES_TEST(a_full_table_takes_no_other_agency_and_keeps_its_own),
        AGENCIES_TEST(an_agency_that_many_add_at_once_is_there_once),
        AGENCIES_TEST(an_agency_whose_adder_died_is_not_there_and_can_be_added),
        AGENCIES_TEST(each_claim_has_a_newer_epoch_of_its_own_agency),
        AGENCIES_TEST(a_claim_tells_the_bets_and_where_they_end),
        AGENCIES_TEST(whoever_asks_to_be_done_is_news_for_the_storer),
        AGENCIES_TEST(asking_again_is_harmless_before_and_after),
        AGENCIES_TEST(an_agency_that_asks_while_it_becomes_done_stays_done),
        AGENCIES_TEST(whom_a_newer_claim_fences_may_not_say_done),
        AGENCIES_TEST(whoever_holds_no_claim_may_say_done_until_somebody_does),
        AGENCIES_TEST(only_the_current_claim_admits),
        AGENCIES_TEST(the_connection_that_closed_an_agency_is_known),
        AGENCIES_TEST(all_that_have_asked_are_found_and_no_others),
        AGENCIES_TEST(those_that_are_done_can_be_counted_anew),
        AGENCIES_TEST(a_snapshot_has_every_agency_once),
        AGENCIES_TEST(a_snapshot_is_of_one_moment),
        AGENCIES_TEST(no_bet_comes_behind_the_head_of_the_draw),
        AGENCIES_TEST(sales_that_are_reopened_take_bets_and_keep_who_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
