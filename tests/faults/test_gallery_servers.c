/*
 * test_gallery_servers.c - the gallery of disasters, third room: whole servers die, and come back.
 *
 * Around them two agencies of raw connections that keep the books, and in the
 * rows of the table, where everything dies while the storer stands still at a
 * named place, two lottery-agencies that resume by themselves.
 */
#include "tests/harness/agency.h"
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/faults_bettor.h"
#include "tests/harness/proc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ROWS = 200, SERVER_KILLED = 128 + SIGKILL };

static const char *const settings[] = {"NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s", "RING_BYTES=64k",
                                       "LIMITS_MESSAGE_BYTES=16k", NULL};

struct flight {
    struct lottery *lottery;
    struct bettor *first, *second;
};

/* Everything is in flight: batches without an answer, connections that say nothing. */
static struct flight begin(struct stage *stage)
{
    struct flight flight = {.lottery = lottery_open(stage, settings)};
    lottery_start(flight.lottery, NULL);
    flight.first = bettor_open(flight.lottery, 1, ROWS);
    flight.second = bettor_open(flight.lottery, 2, ROWS);
    bettor_resume(flight.first);
    bettor_resume(flight.second);
    bettor_send(flight.first, 3);
    bettor_send(flight.second, 3);
    assert_true(bettor_take_answers(flight.first));
    assert_true(bettor_take_answers(flight.second));
    bettor_send(flight.first, 8);
    bettor_send(flight.second, 8);
    return flight;
}

/* Stops the storer, whose pid it returns, and has a handler wait for it. */
static pid_t make_a_handler_wait(struct flight *flight)
{
    pid_t storer = lottery_storer(flight->lottery);
    assert_int_equal(kill(storer, SIGSTOP), 0);
    lottery_await_stopped(flight->lottery, storer);
    bettor_send(flight->first, 1);
    server_await_activity(flight->lottery->server, flight->first->peer->port,
                          SLOT_WAITING_FOR_COMMIT);
    return storer;
}

/* What has still been answered counts; nothing else does. */
static void take_last_answers(struct flight *flight)
{
    (void)bettor_take_answers(flight->first);
    (void)bettor_take_answers(flight->second);
    bettor_hang_up(flight->first);
    bettor_hang_up(flight->second);
    lottery_expect_stored(flight->lottery, &flight->first->agency, flight->first->acknowledged);
    lottery_expect_stored(flight->lottery, &flight->second->agency, flight->second->acknowledged);
}

static void finish(struct flight *flight)
{
    struct bettor *const bettors[] = {flight->first, flight->second};
    for (int i = 0; i < 2; i++) {
        bettor_resume(bettors[i]);
        bettor_send_all(bettors[i]);
        bettor_say_done(bettors[i]);
    }
    bettor_take_winners(flight->first);
    bettor_take_winners(flight->second);
    const struct lottery_agency agencies[] = {flight->first->agency, flight->second->agency};
    lottery_expect_exactly_once(flight->lottery, agencies, 2);
}

static void end_well(struct flight *flight)
{
    finish(flight);
    lottery_expect_deaths(flight->lottery, (struct lottery_deaths){0});
    lottery_close(flight->lottery);
}

/* ----------------------------------------------------------- supervisors ---- */

static void disaster_41_the_supervisor_dies_with_everything_in_flight(void **state)
{
    struct flight flight = begin(*state);
    server_kill_supervisor(flight.lottery->server);
    server_await_orphans(flight.lottery->server); /* they finish, and give the lock up */
    (void)server_await_log(flight.lottery->server, 1, "action: storer_stop | result: success");
    stage_expect_nothing_left(flight.lottery->stage); /* the storer was the last one */
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

static void disaster_42_the_supervisor_dies_and_the_next_one_does_not_wait(void **state)
{
    struct flight flight = begin(*state);
    server_kill_supervisor(flight.lottery->server);
    lottery_start(flight.lottery, NULL);
    lottery_reap_orphans();
    take_last_answers(&flight);
    end_well(&flight);
}

static void disaster_43_all_processes_die_at_once(void **state)
{
    struct flight flight = begin(*state);
    server_kill_everything(flight.lottery->server);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    (void)server_await_log(flight.lottery->server, 1, "action: recover*removed: semaphore set");
    end_well(&flight);
}

static void disaster_44_supervisor_and_storer_die_and_the_handlers_find_out(void **state)
{
    struct flight flight = begin(*state);
    pid_t storer = make_a_handler_wait(&flight);
    assert_int_equal(kill(storer, SIGKILL), 0);
    server_kill_supervisor(flight.lottery->server);
    server_await_orphans(flight.lottery->server);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

static void disaster_45_the_supervisor_dies_while_it_shuts_down(void **state)
{
    struct flight flight = begin(*state);
    assert_int_equal(kill(flight.lottery->server->program->pid, SIGTERM), 0);
    (void)server_await_log(flight.lottery->server, 1, "action: shutdown | result: in_progress");
    server_kill_supervisor(flight.lottery->server);
    server_await_orphans(flight.lottery->server);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

static void disaster_46_the_storer_dies_while_the_server_shuts_down(void **state)
{
    struct flight flight = begin(*state);
    pid_t storer = make_a_handler_wait(&flight);
    assert_int_equal(kill(flight.lottery->server->program->pid, SIGTERM), 0);
    (void)server_await_log(flight.lottery->server, 1, "action: shutdown | result: in_progress");
    assert_int_equal(kill(storer, SIGKILL), 0);
    assert_int_equal(program_await_end(flight.lottery->server->program).status, 0);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

static void disaster_47_a_server_dies_while_it_recovers(void **state)
{
    static const char *const places[] = {"agencies.adding:1:KILL", "agencies.adding:2:KILL"};
    struct flight flight = begin(*state);
    server_kill_everything(flight.lottery->server);
    take_last_answers(&flight);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        lottery_arm(flight.lottery);
        struct program *program = lottery_start_only(flight.lottery, places[i]);
        assert_int_equal(program_await_end(program).status, SERVER_KILLED);
    }
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

/* The refusal names the living holder, and the dead process only as the one that started it all. */
static void expect_holder(struct program *refused, pid_t living, pid_t dead)
{
    const char *holders = strstr(program_errors(refused), "(lock held by pid ");
    assert_non_null(holders);
    const char *end = strstr(holders, "; started as pid ");
    assert_non_null(end);
    const char *held_by = stage_text(refused->stage, "%.*s ", (int)(end - holders), holders);
    assert_non_null(strstr(held_by, stage_text(refused->stage, " %d ", (int)living)));
    assert_null(strstr(held_by, stage_text(refused->stage, " %d ", (int)dead)));
    assert_non_null(strstr(end, stage_text(refused->stage, " %d)", (int)dead)));
}

static void disaster_48_an_orphan_holds_the_lock_and_the_next_server_names_it(void **state)
{
    struct flight flight = begin(*state);
    pid_t handler = bettor_handler(flight.first);
    assert_int_equal(kill(handler, SIGSTOP), 0);
    lottery_await_stopped(flight.lottery, handler);
    server_kill_supervisor(flight.lottery->server);
    struct program *refused = lottery_start_only(flight.lottery, NULL);
    assert_int_equal(program_await_end(refused).status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(refused), "is in use by another server"));
    expect_holder(refused, handler, flight.lottery->server->program->pid);
    assert_int_equal(kill(handler, SIGKILL), 0);
    server_await_orphans(flight.lottery->server);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

static void disaster_49_everything_dies_ten_times_in_a_row_after_the_draw(void **state)
{
    enum { DEATHS = 10 };
    struct flight flight = begin(*state);
    finish(&flight);
    for (int i = 0; i < DEATHS; i++) {
        server_kill_everything(flight.lottery->server);
        lottery_start(flight.lottery, NULL);
        bettor_take_winners(flight.first);
    }
    end_well(&flight);
}

/* There is neither an old storer that could be seen to have ended nor a new one. */
static void disaster_66_the_supervisor_dies_between_two_storers(void **state)
{
    struct stage *stage = *state;
    struct flight flight = {.lottery = lottery_open(stage, settings)};
    lottery_arm(flight.lottery);
    lottery_start(flight.lottery, "keeper.buried:1:KILL");
    flight.first = bettor_open(flight.lottery, 1, ROWS);
    flight.second = bettor_open(flight.lottery, 2, ROWS);
    bettor_resume(flight.first);
    bettor_resume(flight.second);
    pid_t storer = make_a_handler_wait(&flight);
    assert_int_equal(kill(storer, SIGKILL), 0);
    lottery_await_fault(flight.lottery);
    server_await_orphans(flight.lottery->server);
    take_last_answers(&flight);
    lottery_start(flight.lottery, NULL);
    end_well(&flight);
}

/* The token comes when the first one is there already. */
static void disaster_67_a_storer_dies_as_it_is_born(void **state)
{
    struct stage *stage = *state;
    struct flight flight = {.lottery = lottery_open(stage, settings)};
    lottery_start(flight.lottery, "storer.born:1:KILL");
    flight.first = bettor_open(flight.lottery, 1, ROWS);
    flight.second = bettor_open(flight.lottery, 2, ROWS);
    lottery_arm(flight.lottery);
    assert_int_equal(kill(lottery_storer(flight.lottery), SIGKILL), 0);
    lottery_await_fault(flight.lottery);
    finish(&flight);
    lottery_expect_deaths(flight.lottery, (struct lottery_deaths){.storers = 2});
    lottery_close(flight.lottery);
}

/* -------------------------------------------------------------- agencies ---- */

static void disaster_50_an_agency_dies_again_and_again_in_the_middle_of_its_bets(void **state)
{
    enum { DEATHS = 5, BETS = 20000 };
    struct stage *stage = *state;
    struct lottery *lottery = lottery_open(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    lottery_start(lottery, NULL);
    agency_generate(stage, 1, BETS);
    const struct lottery_agency one = {
        .id = 1, .bets = agency_bets_file(stage, 1), .winners = agency_winners_file(stage, 1)};
    for (uint64_t death = 1; death <= DEATHS; death++) {
        struct deadline deadline = deadline_in(DEADLINE_MS);
        struct program *agency =
            agency_start(lottery->server, 1, one.bets, ENVIRONMENT("CLI_BATCH_MAXAMOUNT=10"));
        while (lottery_count_bets(lottery, 1) < death * BETS / (DEATHS + 2) &&
               deadline_pause(deadline)) {
        }
        assert_int_equal(program_stop(agency, SIGKILL).status, SERVER_KILLED);
    }
    struct program *last = agency_start(lottery->server, 1, one.bets, NULL);
    agency_expect_success(last);
    assert_true(program_count_log(last, "action: reanudar | result: success | guardadas: ") > 0);
    lottery_expect_exactly_once(lottery, &one, 1);
    lottery_close(lottery);
}

static void disaster_64_a_dead_agency_is_heard_late_and_the_living_one_goes_on(void **state)
{
    enum { BETS = 600, SOME_BETS = 100 }; /* a sync for each: disks may be slow */
    struct stage *stage = *state;
    struct lottery *lottery = lottery_open(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    lottery_start(lottery, NULL);
    agency_generate(stage, 1, BETS);
    const struct lottery_agency one = {
        .id = 1, .bets = agency_bets_file(stage, 1), .winners = agency_winners_file(stage, 1)};
    struct peer *dead = peer_connect(lottery->server);
    pid_t handler = server_handler_pid(lottery->server, dead->port);
    assert_int_equal(kill(handler, SIGSTOP), 0);
    peer_send(dead, "1:7\r\n");
    peer_close(dead);
    struct program *living = agency_start(
        lottery->server, 1, one.bets, ENVIRONMENT("CLI_BATCH_MAXAMOUNT=1", "CLI_BATCH_INFLIGHT=1"));
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (lottery_count_bets(lottery, 1) < SOME_BETS && deadline_pause(deadline)) {
    }
    assert_int_equal(kill(handler, SIGCONT), 0); /* it takes the agency over, for nobody */
    agency_expect_success(living);
    assert_int_equal(program_count_log(living, "action: connection_lost*the server refused"), 1);
    lottery_expect_exactly_once(lottery, &one, 1);
    lottery_close(lottery);
}

/* -------------------------------- everything dies while the storer is there ---- */

enum { AGENCIES = 2, BETTOR_ID = 3, TABLE_BETS = 800, TABLE_ROWS = 60 };

static void start_agencies(struct lottery *lottery, struct program *agencies[AGENCIES])
{
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        agencies[id - 1] =
            agency_start(lottery->server, id, agency_bets_file(lottery->stage, id),
                         ENVIRONMENT("CLI_BATCH_MAXAMOUNT=20", "CLI_LOOP_PERIOD=10ms"));
    }
}

static void judge_table(struct lottery *lottery, const struct bettor *bettor)
{
    struct lottery_agency all[AGENCIES + 1] = {[AGENCIES] = bettor->agency};
    for (uint32_t id = 1; id <= AGENCIES; id++) {
        all[id - 1] = (struct lottery_agency){.id = id,
                                              .bets = agency_bets_file(lottery->stage, id),
                                              .winners = agency_winners_file(lottery->stage, id)};
    }
    lottery_expect_exactly_once(lottery, all, AGENCIES + 1);
    lottery_expect_deaths(lottery, (struct lottery_deaths){0});
    lottery_close(lottery);
}

static void everything_dies_while_the_storer_is_there(void **state)
{
    struct stage *stage = *state;
    struct lottery *lottery =
        lottery_open(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=3", "WINNERS_WAIT=50ms",
                                        "RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=16k"));
    struct program *agencies[AGENCIES];
    agency_generate(stage, AGENCIES, TABLE_BETS);
    lottery_arm(lottery);
    lottery_start(lottery, stage->given);
    struct bettor *bettor = bettor_open(lottery, BETTOR_ID, TABLE_ROWS);
    bettor_resume(bettor);
    bettor_send(bettor, TABLE_ROWS / BETTOR_BATCH_ROWS);
    bettor_say(bettor, "5");
    start_agencies(lottery, agencies);
    lottery_await_fault(lottery);
    server_kill_everything(lottery->server);
    (void)bettor_take_answers(bettor);
    bettor_hang_up(bettor);
    lottery_expect_stored(lottery, &bettor->agency, bettor->acknowledged);
    lottery_start(lottery, NULL);
    bettor_resume(bettor);
    bettor_send_all(bettor);
    bettor_say_done(bettor);
    bettor_take_winners(bettor);
    agency_expect_success(agencies[0]);
    agency_expect_success(agencies[1]);
    judge_table(lottery, bettor);
}

/* cmocka wants names and functions; here the function is always the same. */
#define DISASTER(sentence, place)                                                                  \
    STAGE_TEST_GIVEN(sentence, everything_dies_while_the_storer_is_there, place)

static const struct CMUnitTest tests[] = {
    STAGE_TEST(disaster_41_the_supervisor_dies_with_everything_in_flight),
    STAGE_TEST(disaster_42_the_supervisor_dies_and_the_next_one_does_not_wait),
    STAGE_TEST(disaster_43_all_processes_die_at_once),
    STAGE_TEST(disaster_44_supervisor_and_storer_die_and_the_handlers_find_out),
    STAGE_TEST(disaster_45_the_supervisor_dies_while_it_shuts_down),
    STAGE_TEST(disaster_46_the_storer_dies_while_the_server_shuts_down),
    STAGE_TEST(disaster_47_a_server_dies_while_it_recovers),
    STAGE_TEST(disaster_48_an_orphan_holds_the_lock_and_the_next_server_names_it),
    STAGE_TEST(disaster_49_everything_dies_ten_times_in_a_row_after_the_draw),
    STAGE_TEST(disaster_50_an_agency_dies_again_and_again_in_the_middle_of_its_bets),
    DISASTER(disaster_51_everything_dies_before_the_storer_writes, "storer.before_write:2:STOP"),
    DISASTER(disaster_52_everything_dies_with_bytes_written_and_not_reported,
             "storer.unreported:2:STOP"),
    DISASTER(disaster_53_everything_dies_between_write_and_sync, "storer.written:2:STOP"),
    DISASTER(disaster_54_everything_dies_with_bytes_synced_and_nobody_told, "storer.synced:2:STOP"),
    DISASTER(disaster_55_everything_dies_before_a_done_is_written, "done.before_write:1:STOP"),
    DISASTER(disaster_56_everything_dies_between_write_and_sync_of_a_done, "done.written:1:STOP"),
    DISASTER(disaster_57_everything_dies_with_a_done_synced_and_nobody_told, "done.synced:1:STOP"),
    DISASTER(disaster_58_everything_dies_with_a_done_marked_and_not_counted,
             "done.counting:1:STOP"),
    DISASTER(disaster_59_everything_dies_as_the_storer_closes_the_bets, "draw.closing:1:STOP"),
    DISASTER(disaster_60_everything_dies_as_the_draw_begins, "draw.begun:1:STOP"),
    DISASTER(disaster_61_everything_dies_before_the_winners_are_put_into_place,
             "draw.synced:1:STOP"),
    DISASTER(disaster_62_everything_dies_after_the_winners_were_put_into_place,
             "draw.renamed:1:STOP"),
    DISASTER(disaster_63_everything_dies_after_the_draw_before_the_gate_opens,
             "draw.before_gate:1:STOP"),
    STAGE_TEST(disaster_64_a_dead_agency_is_heard_late_and_the_living_one_goes_on),
    STAGE_TEST(disaster_66_the_supervisor_dies_between_two_storers),
    STAGE_TEST(disaster_67_a_storer_dies_as_it_is_born),
};

int main(void)
{
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
