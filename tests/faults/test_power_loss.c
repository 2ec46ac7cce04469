/*
 * test_power_loss.c - the machine loses power at any point: what was promised is there.
 *
 * First some lotteries are held behind the shim, which notes what their disks
 * were told, and in which agencies note what they were promised. Then, again
 * and again, the power fails at a random point of one of them: a directory is
 * built as the disk may have held it then (shim/cut.h), a server is started on
 * it, and the agencies go on. What they were promised by then must be true, and
 * the end must be the same as without the power loss.
 *
 *   LOTTERY_CUTS=300 LOTTERY_SEED=7 build/plain/tests/faults/test_power_loss
 *
 * Some of the lotteries run over two draws: the operator opens the second one, when the first one
 * has been held or in the middle of betting, and the power fails there most of the time. Then one
 * of the two draws has to be the current one, the second one if the operator was told so. What was
 * promised in the first one is in its bets, in the data directory or in the archive.
 *
 * A cut depends on nothing but the recorded lottery and the seed, which its
 * message tells; the recording itself differs from run to run, as the agencies
 * of a lottery are served in whatever order they come.
 */
#include "tests/faults/power_lotteries.h"
#include "tests/faults/shim/shimmed.h"
#include "tests/harness/agency.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { CUTS_OF_A_TEST_RUN = 24, CUTS_MAX = 100000, NAME_BYTES = 64, DECIMAL = 10 };

struct cut {
    const struct recordings *recordings;
    struct stage *stage;
    uint64_t seed;
    char name[NAME_BYTES];
};

/* --------------------------------------------------------------- cutting ---- */

static bool is_open_of(const struct cut_record *record, const char *name)
{
    size_t bytes = strlen(name);
    return record->header.kind == JOURNAL_OPEN && record->header.payload_bytes == bytes &&
           memcmp(record->payload, name, bytes) == 0;
}

/* The point at which most of bets.csv had been written and not yet synced. */
static size_t find_widest_gap(const struct cut_journal *journal)
{
    uint64_t bets = 0; /* its handle, in the storer of the time */
    uint64_t unsynced = 0;
    uint64_t most = 0;
    size_t point = 0;
    for (size_t i = 0; i < journal->count; i++) {
        const struct cut_record *record = &journal->records[i];
        bool of_bets = record->header.handle == bets;
        if (is_open_of(record, "bets.csv")) {
            bets = record->header.handle;
        } else if (of_bets && record->header.kind == JOURNAL_SYNC) {
            unsynced = 0;
        } else if (of_bets && record->header.kind == JOURNAL_WRITE) {
            unsynced += record->header.payload_bytes;
        }
        if (unsynced > most) {
            most = unsynced;
            point = i + 1;
        }
    }
    return point;
}

/* The next point that is beside a record which is no write and no promise. */
static size_t find_rare(const struct cut_journal *journal, size_t point, uint64_t *seed)
{
    for (; point < journal->count; point++) {
        enum journal_kind kind = (enum journal_kind)journal->records[point].header.kind;
        if (kind != JOURNAL_WRITE && kind != JOURNAL_NOTE) {
            break;
        }
    }
    return point + cut_random_below(seed, 2);
}

/* Right behind the first promise that an agency is done. */
static size_t find_first_done(const struct cut_journal *journal)
{
    static const char done[] = " done ";
    size_t point = 0;
    while (point < journal->count &&
           (journal->records[point].header.kind != JOURNAL_NOTE ||
            memmem(journal->records[point].payload, journal->records[point].header.payload_bytes,
                   done, sizeof done - 1) == NULL)) {
        point++;
    }
    return point < journal->count ? point + 1 : point;
}

/* Any point after the seal was begun. */
static size_t find_ending(const struct cut_journal *journal, uint64_t *seed)
{
    size_t point = 0;
    while (point < journal->count && !is_open_of(&journal->records[point], "seal.json.tmp")) {
        point++;
    }
    return point + cut_random_below(seed, journal->count - point + 1);
}

/*
 * Right behind the rename by which control says that sales are closed. Nothing is written anew after
 * it, so what was renamed before has to be there whatever becomes of the names.
 */
static size_t find_closing(const struct cut_journal *journal)
{
    static const char renamed[] = "control.tmp\0control";
    size_t point = 0;
    for (size_t i = 0; i < journal->count && !is_open_of(&journal->records[i], "seal.json.tmp");
         i++) {
        const struct cut_record *record = &journal->records[i];
        if (record->header.kind == JOURNAL_RENAME &&
            record->header.payload_bytes == sizeof renamed &&
            memcmp(record->payload, renamed, sizeof renamed) == 0) {
            point = i + 1;
        }
    }
    return point;
}

/* Half of the time one of two draws. */
static const struct recording *pick_recording(const struct recordings *recordings, uint64_t *seed)
{
    size_t first = cut_random_below(seed, 2) == 0 ? 0 : POWER_RECORDINGS_OF_ONE_DRAW;
    size_t count =
        first == 0 ? POWER_RECORDINGS_OF_ONE_DRAW : POWER_RECORDINGS - POWER_RECORDINGS_OF_ONE_DRAW;
    return &recordings->all[first + cut_random_below(seed, count)];
}

/* Mostly any point; sometimes one where more than usual is at stake. */
static size_t pick_point(const struct recording *recording, uint64_t *seed)
{
    enum { WIDEST_GAP, FIRST_DONE, RARE, RARE_TOO, RARE_AGAIN, ENDING, CLOSING, KINDS = 10 };
    const struct cut_journal *journal = recording->journal;
    size_t point = cut_random_below(seed, journal->count + 1);
    if (recording->second != NO_SECOND_DRAW && cut_random_below(seed, 4) > 0) {
        return power_find_opening(journal, seed);
    }
    switch (cut_random_below(seed, KINDS)) {
    case WIDEST_GAP:
        return find_widest_gap(journal);
    case FIRST_DONE:
        return find_first_done(journal);
    case RARE:
    case RARE_TOO:
    case RARE_AGAIN:
        return find_rare(journal, point, seed);
    case ENDING:
        return find_ending(journal, seed);
    case CLOSING:
        return find_closing(journal);
    default:
        return point;
    }
}

/* The last agency is played by a bettor, or by the program, which resumes as agencies do. */
static void hold_to_the_end(const struct server *server, struct bettor *const *bettors,
                            bool with_program)
{
    struct program *program = with_program ? power_start_agency(server, bettors[0]->draw) : NULL;
    size_t count = with_program ? POWER_BETTORS : POWER_AGENCIES;
    if (power_serve(server, bettors, count, DEADLINE_MS) != BETTORS_FINISHED) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the lottery came to no end");
    }
    if (program != NULL) {
        agency_expect_success(program);
    }
    bettors_expect_stored(bettors, POWER_AGENCIES, server);
}

static void stop(const struct cut *cut, struct server *server)
{
    server_stop_well(server);
    reckoning_expect_books(cut->stage, server->directory);
    shimmed_expect_nothing_shared(server->directory);
}

/* The first draw's files are whole in its archive, and what was promised in it is there. */
static void expect_archive(const struct server *server, struct bettor *const *bettors,
                           enum second_draw second)
{
    const struct server archived = {.stage = server->stage,
                                    .directory = server_file(server, "draws/" POWER_FIRST_DRAW)};
    if (second == AFTER_A_HELD_ONE) {
        bettors_expect_stored(bettors, POWER_AGENCIES, &archived);
    } else {
        bettors_expect_promised(bettors, POWER_AGENCIES, &archived);
    }
    reckoning_expect_books(server->stage, archived.directory);
}

static void expect_all_verified(const struct server *server)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-verify",
                                      .arguments = ARGUMENTS("--all", server->directory)};
    struct program *program = program_run(server->stage, &plan, &end);
    if (end.status != 0) {
        program_show(program);
        stage_fail_at(__FILE__, __LINE__, "lottery-verify --all ends with %d", end.status);
    }
}

/* The first draw goes on, and then the second one is opened. */
static void go_on_with_first_draw(const struct server *server, struct bettor *const *bettors,
                                  enum second_draw second)
{
    bettors_expect_promised(bettors, POWER_AGENCIES, server);
    if (second == AFTER_A_HELD_ONE) {
        hold_to_the_end(server, bettors, false);
    }
    power_open_second(server, second);
    assert_true(power_is_second_open(server));
}

static void hold_two_draws(const struct cut *cut, const struct recording *recording, size_t point,
                           struct server *server)
{
    struct bettor *const *first = power_bettors(cut->stage, 0);
    struct bettor *const *second = power_bettors(cut->stage, 1);
    power_remember(first, recording, point);
    power_remember(second, recording, point);
    bool was_opened = power_find_note(recording->journal, 0, POWER_NOTE_OPENED) < point;
    bool is_second = power_is_second_open(server);
    if (was_opened && !is_second) {
        stage_fail_at(__FILE__, __LINE__, "draw " POWER_SECOND_DRAW " was opened, and is not");
    }
    if (!is_second) {
        go_on_with_first_draw(server, first, recording->second);
    }
    expect_archive(server, first, recording->second);
    bettors_expect_promised(second, POWER_AGENCIES, server);
    hold_to_the_end(server, second, (cut->seed & 3U) == 0);
    stop(cut, server);
    expect_all_verified(server);
}

static void hold_one_draw(const struct cut *cut, const struct recording *recording, size_t point,
                          struct server *server)
{
    struct bettor *const *bettors = power_bettors(cut->stage, 0);
    power_remember(bettors, recording, point);
    bettors_expect_promised(bettors, POWER_AGENCIES, server);
    hold_to_the_end(server, bettors, (cut->seed & 3U) == 0);
    stop(cut, server);
}

static void nothing_promised_before_the_cut_is_lost(void **state)
{
    struct cut *cut = *state;
    uint64_t seed = cut->seed;
    const struct recording *recording = pick_recording(cut->recordings, &seed);
    size_t point = pick_point(recording, &seed);
    const char *directory = stage_path(cut->stage, "data");
    print_message("%s: %s, after %zu of %zu records\n", cut->name, recording->name, point,
                  recording->journal->count);
    cut_build(recording->journal, recording->base, point, cut_random(&seed), directory);
    struct server *server = server_start_with(cut->stage, directory, NULL, POWER_SETTINGS);
    if (recording->second == NO_SECOND_DRAW) {
        hold_one_draw(cut, recording, point, server);
    } else {
        hold_two_draws(cut, recording, point, server);
    }
}

/* ----------------------------------------------------------------- tests ---- */

static void lotteries_are_recorded(void **state)
{
    power_record_all(*state);
}

static int set_up_cut(void **state)
{
    struct cut *cut = *state;
    void *stage = NULL;
    int result = stage_set_up(&stage);
    cut->stage = stage;
    return result;
}

static int tear_down_cut(void **state)
{
    struct cut *cut = *state;
    void *stage = cut->stage;
    return stage_tear_down(&stage);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL ? otherwise : strtoull(text, NULL, DECIMAL);
}

static int cut_again_and_again(const struct recordings *recordings, size_t count)
{
    struct cut *cuts = calloc(count, sizeof *cuts);
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    int failed = 1;
    uint64_t seed = recordings->seed;
    for (size_t i = 0; cuts != NULL && tests != NULL && i < count; i++) {
        cuts[i] = (struct cut){.recordings = recordings, .seed = cut_random(&seed)};
        (void)snprintf(cuts[i].name, sizeof cuts[i].name, "cut %zu, seed %llx", i + 1,
                       (unsigned long long)cuts[i].seed);
        tests[i] = (struct CMUnitTest){.name = cuts[i].name,
                                       .test_func = nothing_promised_before_the_cut_is_lost,
                                       .setup_func = set_up_cut,
                                       .teardown_func = tear_down_cut,
                                       .initial_state = &cuts[i]};
    }
    if (cuts != NULL && tests != NULL) {
        failed = _cmocka_run_group_tests("power loss: cuts", tests, count, NULL, NULL);
    }
    free(tests);
    free(cuts);
    return failed;
}

int main(void)
{
    struct recordings recordings = {.seed = number_of("LOTTERY_SEED", 1)};
    uint64_t count = number_of("LOTTERY_CUTS", CUTS_OF_A_TEST_RUN);
    void *stage = NULL;
    if (stage_set_up(&stage) != 0) {
        return EXIT_FAILURE;
    }
    recordings.stage = stage;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(lotteries_are_recorded, &recordings)};
    int failed = cmocka_run_group_tests_name("power loss: lotteries", tests, NULL, NULL);
    if (failed == 0) {
        failed = cut_again_and_again(&recordings, count < CUTS_MAX ? count : CUTS_MAX);
    }
    return stage_tear_down(&stage) == 0 ? failed : EXIT_FAILURE;
}
