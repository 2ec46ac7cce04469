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
 * A cut depends on nothing but the recorded lottery and the seed, which its
 * message tells; the recording itself differs from run to run, as the agencies
 * of a lottery are served in whatever order they come.
 */
#include "tests/faults/shim/bettor.h"
#include "tests/faults/shim/cut.h"
#include "tests/faults/shim/shimmed.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    AGENCIES = 4, /* bettors; the program lottery-agency is one more */
    PROGRAM_AGENCY = AGENCIES + 1,
    BETS = 1500,
    BATCH = 40,
    WINDOW = 40, /* all of them together have more on their way than the ring holds */
    CUTS_OF_A_TEST_RUN = 20,
    CUTS_MAX = 100000,
    RECORDINGS = 6,
    EARLY_RECORDS = 14, /* the power fails while the very first server starts */
    NAME_BYTES = 64,
    DECIMAL = 10
};

#define SETTINGS                                                                                   \
    ENVIRONMENT("NUMBER_OF_AGENCIES=5", BETTOR_WINNING_NUMBER, "RING_BYTES=64k",                   \
                "LIMITS_MESSAGE_BYTES=2k", "WINNERS_WAIT=5s")

/* One lottery, held to its end. */
struct recording {
    const char *name;
    const char *base; /* what was on the disk when it began; may be missing */
    struct cut_journal *journal;
    bool restarted; /* by a graceful stop, in the middle */
};

struct recordings {
    struct stage *stage; /* which they belong to */
    struct recording all[RECORDINGS];
    uint64_t seed;
};

struct cut {
    const struct recordings *recordings;
    struct stage *stage;
    uint64_t seed;
    char name[NAME_BYTES];
};

/* ------------------------------------------------------------- agencies ---- */

static struct bettor *const *make_bettors(struct stage *stage, size_t count)
{
    struct bettor **bettors = stage_allocate(stage, sizeof(struct bettor *[PROGRAM_AGENCY]));
    for (size_t i = 0; i < count; i++) {
        bettors[i] = bettor_new(stage, (uint32_t)i + 1, BETS, BATCH, WINDOW);
    }
    return bettors;
}

/* The file of the agency whose part the program lottery-agency plays. */
static const char *write_bets(struct stage *stage)
{
    enum { ROW_BYTES = 80 };
    char *text = stage_allocate(stage, (size_t)BETS * ROW_BYTES);
    size_t used = 0;
    for (unsigned n = 0; n < BETS; n++) {
        used += (size_t)snprintf(text + used, ROW_BYTES, "%s\n",
                                 bets_row(stage, PROGRAM_AGENCY * BETTOR_FIRST_FACTOR + n));
    }
    const char *path = agency_bets_file(stage, PROGRAM_AGENCY);
    files_write(path, text);
    return path;
}

static struct program *start_program_agency(const struct server *server)
{
    return agency_start(server, PROGRAM_AGENCY, write_bets(server->stage),
                        ENVIRONMENT("CLI_BATCH_MAXAMOUNT=10"));
}

/* ------------------------------------------------------------- recording ---- */

static int open_journal(const char *path, struct bettor *const *bettors)
{
    int journal = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (journal < 0) {
        stage_fail_at(__FILE__, __LINE__, "%s: no journal", path);
    }
    for (size_t i = 0; i < AGENCIES; i++) {
        bettors[i]->journal = journal;
    }
    return journal;
}

static enum bettors_end serve_bettors(const struct server *server, struct bettor *const *bettors,
                                      size_t count, int64_t ms)
{
    return bettors_run(bettors, count, server->program, server->port, deadline_in(ms));
}

/* The server is stopped in the middle of the lottery, and started again. */
static struct shimmed *restart(struct stage *stage, const struct shimmed_plan *plan,
                               struct shimmed *shimmed, struct bettor *const *bettors)
{
    while (bettors[0]->acknowledged < BETS / 3) {
        (void)serve_bettors(&shimmed->server, bettors, AGENCIES, 1);
    }
    server_stop_well(&shimmed->server);
    bettors_hang_up(bettors, AGENCIES);
    return shimmed_start(stage, plan);
}

static void hold_lottery(struct shimmed *shimmed, struct bettor *const *bettors)
{
    struct program *program = start_program_agency(&shimmed->server);
    if (serve_bettors(&shimmed->server, bettors, AGENCIES, DEADLINE_MS) != BETTORS_FINISHED) {
        program_show(shimmed->server.program);
        stage_fail_at(__FILE__, __LINE__, "the lottery came to no end");
    }
    agency_expect_success(program);
}

/* Holds a lottery on what `base` holds, behind the shim, and reads what was noted of it. */
static void hold_and_note(struct stage *stage, const char *name, const char *base,
                          const char *rules, struct recording *recording)
{
    const struct shimmed_plan plan = {.directory = stage_path(stage, "%s-disk", name),
                                      .journal = stage_path(stage, "%s-journal", name),
                                      .rules = rules,
                                      .settings = SETTINGS};
    const struct cut_journal nothing = {0};
    recording->name = name;
    recording->base = base;
    cut_build(&nothing, base, 0, 0, plan.directory);
    struct shimmed *shimmed = shimmed_start(stage, &plan);
    struct bettor *const *bettors = make_bettors(stage, AGENCIES);
    int journal = open_journal(plan.journal, bettors);
    if (recording->restarted) {
        shimmed = restart(stage, &plan, shimmed, bettors);
    }
    hold_lottery(shimmed, bettors);
    (void)close(journal);
    server_stop_well(&shimmed->server);
    shimmed_expect_gone(shimmed);
    recording->journal = cut_journal_read(stage, plan.journal);
    assert_true(recording->journal->count > EARLY_RECORDS);
}

/*
 * The power failed in the first start, while control was renamed into place. A
 * directory that has bets.csv but no control would be the worst; a server that syncs
 * the one before it makes the other leaves none such, and any will do then.
 */
static const char *cut_at_control(struct stage *stage, const struct cut_journal *journal,
                                  uint64_t *seed)
{
    enum { TRIES = 32 };
    const char *early = NULL;
    size_t point = 0;
    while (journal->records[point++].header.kind != JOURNAL_RENAME) {
    }
    for (unsigned i = 0; i < TRIES; i++) {
        early = stage_path(stage, "early-%u", i);
        cut_build(journal, stage_path(stage, "none"), point, cut_random(seed), early);
        if (files_exist(stage_path(stage, "early-%u/bets.csv", i)) &&
            !files_exist(stage_path(stage, "early-%u/control", i))) {
            break;
        }
    }
    return early;
}

static void lotteries_are_recorded(void **state)
{
    struct recordings *recordings = *state;
    struct stage *stage = recordings->stage;
    struct recording *all = recordings->all;
    const char *none = stage_path(stage, "none");
    hold_and_note(stage, "undisturbed", none, NULL, &all[0]);
    /* Each of these storers would write another ring full, unless it first syncs what is there. */
    hold_and_note(stage, "storers-killed-before-syncs", none,
                  "kill:fdatasync:3 kill:fdatasync:4 kill:fdatasync:5 kill:fdatasync:6 "
                  "kill:fdatasync:7 kill:fdatasync:8 kill:fdatasync:9",
                  &all[1]);
    hold_and_note(stage, "storers-killed-in-the-draw", none,
                  "kill:fsync:1:EIO:seal.json.tmp kill:fsync:1:EIO:>seal.json "
                  "kill:fsync:1:EIO:winners.csv.tmp kill:fsync:1:EIO:>winners.csv "
                  "kill:fsync:1:EIO:draw.json.tmp kill:fsync:1:EIO:>draw.json",
                  &all[2]);
    const char *early = stage_path(stage, "early");
    size_t point = cut_random_below(&recordings->seed, EARLY_RECORDS);
    cut_build(all[0].journal, none, point, cut_random(&recordings->seed), early);
    hold_and_note(stage, "on-what-a-cut-left", early, NULL, &all[3]);
    early = cut_at_control(stage, all[0].journal, &recordings->seed);
    hold_and_note(stage, "on-what-a-cut-at-control-left", early, NULL, &all[4]);
    all[5].restarted = true;
    hold_and_note(stage, "stopped-and-started-again", none, NULL, &all[5]);
}

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

/* Mostly any point; sometimes one where more than usual is at stake. */
static size_t pick_point(const struct cut_journal *journal, uint64_t *seed)
{
    enum { WIDEST_GAP, FIRST_DONE, RARE, RARE_TOO, RARE_AGAIN, ENDING, KINDS = 9 };
    size_t point = cut_random_below(seed, journal->count + 1);
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
    default:
        return point;
    }
}

/* What was promised up to the cut is all that the agencies know. */
static void remember_promises(struct bettor *const *bettors, size_t count,
                              const struct cut_journal *journal, size_t point)
{
    for (size_t i = 0; i < point && i < journal->count; i++) {
        const struct cut_record *record = &journal->records[i];
        for (size_t b = 0; record->header.kind == JOURNAL_NOTE && b < count; b++) {
            (void)bettor_remember(bettors[b], record->payload, record->header.payload_bytes);
        }
    }
}

/* The last agency is played by a bettor, or by the program, which resumes as agencies do. */
static void hold_to_the_end(const struct server *server, struct bettor *const *bettors,
                            bool with_program)
{
    struct program *program = with_program ? start_program_agency(server) : NULL;
    size_t count = with_program ? AGENCIES : PROGRAM_AGENCY;
    if (serve_bettors(server, bettors, count, DEADLINE_MS) != BETTORS_FINISHED) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "the lottery came to no end");
    }
    if (program != NULL) {
        agency_expect_success(program);
    }
    bettors_expect_stored(bettors, PROGRAM_AGENCY, server);
}

static void nothing_promised_before_the_cut_is_lost(void **state)
{
    struct cut *cut = *state;
    uint64_t seed = cut->seed;
    const struct recording *recording = &cut->recordings->all[cut_random_below(&seed, RECORDINGS)];
    size_t point = pick_point(recording->journal, &seed);
    const char *directory = stage_path(cut->stage, "data");
    print_message("%s: %s, after %zu of %zu records\n", cut->name, recording->name, point,
                  recording->journal->count);
    cut_build(recording->journal, recording->base, point, cut_random(&seed), directory);
    struct bettor *const *bettors = make_bettors(cut->stage, PROGRAM_AGENCY);
    remember_promises(bettors, PROGRAM_AGENCY, recording->journal, point);
    struct server *server = server_start_with(cut->stage, directory, NULL, SETTINGS);
    bettors_expect_promised(bettors, PROGRAM_AGENCY, server);
    hold_to_the_end(server, bettors, cut_random_below(&seed, 4) == 0);
    server_stop_well(server);
    reckoning_expect_books(cut->stage, directory);
    shimmed_expect_nothing_shared(directory);
}

/* ----------------------------------------------------------------- tests ---- */

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
