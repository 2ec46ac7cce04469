/*
 * power_lotteries.c - see power_lotteries.h.
 */
#include "tests/faults/power_lotteries.h"

#include "tests/faults/shim/shimmed.h"
#include "tests/harness/agency.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    BETS = 1500,
    BATCH = 40,
    SMALL_BATCH = 10, /* of those whose many syncs overlap */
    SMALL_WINDOW = 3,
    WINDOW = 40,         /* all of them together have more on their way than the ring holds */
    EARLY_RECORDS = 14,  /* the power fails while the very first server starts */
    SYNCS_TO_COMMIT = 3, /* of the data directory, in an opening; the third is that of its commit */
    KILLED = 128 + SIGKILL
};

/* Strikes when the test has set the rule's counter close to that number. */
#define KILL_BEFORE_SYNC_OF_COMMIT "kill:fsync:1000:EIO:>control"
#define SYNCS_BEFORE_RULE_IS_DUE   (UINT64_C(1000) - SYNCS_TO_COMMIT)

/* ------------------------------------------------------------- agencies ---- */

static struct bettor *const *new_bettors(struct stage *stage, unsigned draw, unsigned batch,
                                         unsigned window)
{
    struct bettor **bettors = stage_allocate(stage, sizeof(struct bettor *[POWER_AGENCIES]));
    for (size_t i = 0; i < POWER_AGENCIES; i++) {
        bettors[i] = bettor_new(stage, (uint32_t)i + 1, BETS, batch, window);
        bettors[i]->draw = draw;
    }
    return bettors;
}

struct bettor *const *power_bettors(struct stage *stage, unsigned draw)
{
    return new_bettors(stage, draw, BATCH, WINDOW);
}

/* The file of the agency whose part the program lottery-agency plays. */
static const char *write_bets(struct stage *stage, unsigned draw)
{
    enum { ROW_BYTES = 80 };
    char *text = stage_allocate(stage, (size_t)BETS * ROW_BYTES);
    size_t used = 0;
    for (unsigned n = 0; n < BETS; n++) {
        unsigned bet = POWER_AGENCIES * BETTOR_FIRST_FACTOR + draw * BETTOR_DRAW_BETS + n;
        used += (size_t)snprintf(text + used, ROW_BYTES, "%s\n", bets_row(stage, bet));
    }
    const char *path = agency_bets_file(stage, POWER_AGENCIES);
    files_write(path, text);
    return path;
}

struct program *power_start_agency(const struct server *server, unsigned draw)
{
    return agency_start(server, POWER_AGENCIES, write_bets(server->stage, draw),
                        ENVIRONMENT("CLI_BATCH_MAXAMOUNT=10"));
}

void power_remember(struct bettor *const *bettors, const struct recording *recording, size_t point)
{
    const struct cut_journal *journal = recording->journal;
    if (recording->before != NULL) {
        power_remember(bettors, recording->before, recording->before_point);
    }
    for (size_t i = 0; i < point && i < journal->count; i++) {
        const struct cut_record *record = &journal->records[i];
        for (size_t b = 0; record->header.kind == JOURNAL_NOTE && b < POWER_AGENCIES; b++) {
            (void)bettor_remember(bettors[b], record->payload, record->header.payload_bytes);
        }
    }
}

enum bettors_end power_serve(const struct server *server, struct bettor *const *bettors,
                             size_t count, int64_t ms)
{
    return bettors_run(bettors, count, server->program, server->port, deadline_in(ms));
}

/* -------------------------------------------------------------- operator ---- */

static struct program *ask_for_second_draw(const struct server *server, enum second_draw second)
{
    const char *directory = stage_text(server->stage, "DATA_DIRECTORY=%s", server->directory);
    const struct program_plan plan = {
        .name = "lottery-admin",
        .arguments = second == AFTER_AN_ABANDONED_ONE
                         ? ARGUMENTS("open", POWER_SECOND_DRAW, "--number", BETTOR_SECOND_NUMBER,
                                     "--abandon", "--reason", "power loss")
                         : ARGUMENTS("open", POWER_SECOND_DRAW, "--number", BETTOR_SECOND_NUMBER),
        .environment = ENVIRONMENT(directory)};
    return program_start(server->stage, &plan);
}

void power_open_second(const struct server *server, enum second_draw second)
{
    struct program *admin = ask_for_second_draw(server, second);
    if (program_await_end(admin).status != 0) {
        program_show(admin);
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "draw " POWER_SECOND_DRAW " was not opened");
    }
}

bool power_is_second_open(const struct server *server)
{
    const char *control = files_read(server->stage, server_file(server, "control"), NULL);
    bool is_second = strstr(control, "\ndraw " POWER_SECOND_DRAW "\n") != NULL;
    assert_true(is_second || strstr(control, "\ndraw " POWER_FIRST_DRAW "\n") != NULL);
    assert_non_null(strstr(control, "\narchiving -\n"));
    return is_second;
}

/* ------------------------------------------------------------- recording ---- */

/* A lottery that is being recorded. */
struct scene {
    struct stage *stage;
    const struct recording *recording;
    struct shimmed_plan plan;
    struct shimmed *shimmed;
    struct bettor *const *bettors[POWER_DRAWS];
    int journal;
};

static void note(const struct scene *scene, const char *text)
{
    assert_true(bettors_note(scene->journal, text));
}

static void open_journal(struct scene *scene)
{
    const mode_t mode = 0600;
    scene->journal = open(scene->plan.journal, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode);
    if (scene->journal < 0) {
        stage_fail_at(__FILE__, __LINE__, "%s: no journal", scene->plan.journal);
    }
    for (size_t draw = 0; draw < POWER_DRAWS; draw++) {
        for (size_t i = 0; i < POWER_BETTORS; i++) {
            scene->bettors[draw][i]->journal = scene->journal;
        }
    }
}

/* A third of the bets of the first draw. */
static void begin_to_bet(const struct scene *scene)
{
    while (scene->bettors[0][0]->acknowledged < BETS / 3) {
        (void)power_serve(&scene->shimmed->server, scene->bettors[0], POWER_BETTORS, 1);
    }
}

/* The server is stopped in the middle of the lottery, and started again. */
static void restart(struct scene *scene)
{
    begin_to_bet(scene);
    server_stop_well(&scene->shimmed->server);
    bettors_hang_up(scene->bettors[0], POWER_BETTORS);
    scene->shimmed = shimmed_start(scene->stage, &scene->plan);
}

static void hold_draw(const struct scene *scene, unsigned draw)
{
    const struct server *server = &scene->shimmed->server;
    struct program *program = power_start_agency(server, draw);
    if (power_serve(server, scene->bettors[draw], POWER_BETTORS, DEADLINE_MS) != BETTORS_FINISHED) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "draw %u of the lottery came to no end", draw + 1);
    }
    agency_expect_success(program);
}

/*
 * What the first draw's agencies are told while the second one is opened is promised, too. False
 * when the server died of its rules before it answered.
 */
static bool open_among_bettors(struct scene *scene)
{
    const struct server *server = &scene->shimmed->server;
    struct bettor *const *bettors = scene->bettors[0];
    struct program *admin = ask_for_second_draw(server, scene->recording->second);
    for (size_t i = 0; i < POWER_BETTORS; i++) {
        bettors[i]->stays_away = true;
    }
    while (!program_has_ended(admin)) {
        (void)power_serve(server, bettors, POWER_BETTORS, 1);
    }
    (void)power_serve(server, bettors, POWER_BETTORS, 1);
    bettors_hang_up(bettors, POWER_BETTORS);
    return program_await_end(admin).status == 0;
}

/* The server has died of the rules, and the next one knows none. */
static void go_on_with_another_server(struct scene *scene)
{
    struct server *died = &scene->shimmed->server;
    assert_non_null(scene->plan.rules);
    assert_int_equal(program_await_end(died->program).status, KILLED);
    server_await_orphans(died);
    scene->plan.rules = NULL;
    scene->shimmed = shimmed_start(scene->stage, &scene->plan);
}

/* Opens the second draw, if what the lottery began with has not got it already. */
static void turn_to_second_draw(struct scene *scene)
{
    note(scene, POWER_NOTE_OPENING);
    if (scene->recording->arms_rule) {
        atomic_store(&scene->shimmed->counts->rule_calls[0], SYNCS_BEFORE_RULE_IS_DUE);
    }
    if (!power_is_second_open(&scene->shimmed->server) && !open_among_bettors(scene)) {
        go_on_with_another_server(scene);
    }
    assert_null(scene->plan.rules); /* they have struck */
    if (!power_is_second_open(&scene->shimmed->server)) {
        power_open_second(&scene->shimmed->server, scene->recording->second);
    }
    assert_true(power_is_second_open(&scene->shimmed->server));
    note(scene, POWER_NOTE_OPENED);
}

static void hold_lottery(struct scene *scene)
{
    const struct recording *recording = scene->recording;
    if (recording->restarted) {
        restart(scene);
    }
    if (recording->second == AFTER_AN_ABANDONED_ONE) {
        begin_to_bet(scene);
    } else if (recording->before == NULL) {
        hold_draw(scene, 0);
    }
    if (recording->second != NO_SECOND_DRAW) {
        turn_to_second_draw(scene);
        hold_draw(scene, 1);
    }
}

/* Holds the lottery on what its base holds, behind the shim, and reads what was noted of it. */
static void hold_and_note(struct stage *stage, struct recording *recording)
{
    const struct cut_journal nothing = {0};
    struct scene scene = {.stage = stage,
                          .recording = recording,
                          .plan = {.directory = stage_path(stage, "%s-disk", recording->name),
                                   .journal = stage_path(stage, "%s-journal", recording->name),
                                   .rules = recording->rules,
                                   .settings = POWER_SETTINGS}};
    cut_build(&nothing, recording->base, 0, 0, scene.plan.directory);
    for (unsigned draw = 0; draw < POWER_DRAWS; draw++) {
        scene.bettors[draw] = recording->overlaps
                                  ? new_bettors(stage, draw, SMALL_BATCH, SMALL_WINDOW)
                                  : power_bettors(stage, draw);
    }
    open_journal(&scene);
    if (recording->before != NULL) {
        note(&scene, POWER_NOTE_OPENING);
    }
    scene.shimmed = shimmed_start(stage, &scene.plan);
    hold_lottery(&scene);
    (void)close(scene.journal);
    server_stop_well(&scene.shimmed->server);
    if (recording->overlaps) {
        assert_true(atomic_load(&scene.shimmed->counts->syncs_at_once_most) > 1);
    }
    shimmed_expect_gone(scene.shimmed);
    recording->journal = cut_journal_read(stage, scene.plan.journal);
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

static bool is_note(const struct cut_record *record, const char *text)
{
    size_t bytes = strlen(text);
    return record->header.kind == JOURNAL_NOTE && record->header.payload_bytes == bytes &&
           memcmp(record->payload, text, bytes) == 0;
}

size_t power_find_note(const struct cut_journal *journal, size_t point, const char *text)
{
    while (point < journal->count && !is_note(&journal->records[point], text)) {
        point++;
    }
    return point;
}

/* The first record from `point` on that moves bets.csv to the archive; or `end`. */
static size_t find_moving(const struct cut_journal *journal, size_t point, size_t end)
{
    while (point < end && (journal->records[point].header.kind != JOURNAL_RENAME ||
                           strcmp(journal->records[point].payload, "bets.csv") != 0)) {
        point++;
    }
    return point;
}

size_t power_find_opening(const struct cut_journal *journal, uint64_t *seed)
{
    enum { MOVING_RECORDS = 12 }; /* the files' renames, and the syncs after them */
    size_t opening = power_find_note(journal, 0, POWER_NOTE_OPENING);
    size_t opened = power_find_note(journal, opening, POWER_NOTE_OPENED);
    if (cut_random_below(seed, 2) == 0) {
        return find_moving(journal, opening, opened) + cut_random_below(seed, MOVING_RECORDS);
    }
    return opening + cut_random_below(seed, opened - opening + 2);
}

/* The lotteries of one draw. */
static void record_single_draws(struct recordings *recordings)
{
    struct stage *stage = recordings->stage;
    struct recording *all = recordings->all;
    const char *none = stage_path(stage, "none");
    all[0] = (struct recording){.name = "undisturbed", .base = none};
    hold_and_note(stage, &all[0]);
    /* Each of these storers would write another ring full, unless it first syncs what is there. */
    all[1] = (struct recording){
        .name = "storers-killed-before-syncs",
        .base = none,
        .rules = "kill:fdatasync:3 kill:fdatasync:4 kill:fdatasync:5 kill:fdatasync:6 "
                 "kill:fdatasync:7 kill:fdatasync:8 kill:fdatasync:9"};
    hold_and_note(stage, &all[1]);
    all[2] = (struct recording){
        .name = "storers-killed-in-the-draw",
        .base = none,
        .rules = "kill:fsync:1:EIO:seal.json.tmp kill:fsync:1:EIO:>seal.json "
                 "kill:fsync:1:EIO:winners.csv.tmp kill:fsync:1:EIO:>winners.csv "
                 "kill:fsync:1:EIO:draw.json.tmp kill:fsync:1:EIO:>draw.json"};
    hold_and_note(stage, &all[2]);
    const char *early = stage_path(stage, "early");
    size_t point = cut_random_below(&recordings->seed, EARLY_RECORDS);
    cut_build(all[0].journal, none, point, cut_random(&recordings->seed), early);
    all[3] = (struct recording){.name = "on-what-a-cut-left", .base = early};
    hold_and_note(stage, &all[3]);
    early = cut_at_control(stage, all[0].journal, &recordings->seed);
    all[4] = (struct recording){.name = "on-what-a-cut-at-control-left", .base = early};
    hold_and_note(stage, &all[4]);
    all[5] =
        (struct recording){.name = "stopped-and-started-again", .base = none, .restarted = true};
    hold_and_note(stage, &all[5]);
    /* Syncs return in another order than they began. */
    all[6] = (struct recording){
        .name = "syncs-overlap", .base = none, .rules = "slow:400", .overlaps = true};
    hold_and_note(stage, &all[6]);
    all[7] = (struct recording){.name = "storers-killed-while-syncs-overlap",
                                .base = none,
                                .rules = "slow:400 kill:fdatasync:15 kill:fdatasync:18",
                                .overlaps = true};
    hold_and_note(stage, &all[7]);
}

/* The lotteries of two draws. */
static void record_two_draws(struct recordings *recordings)
{
    struct stage *stage = recordings->stage;
    struct recording *all = &recordings->all[POWER_RECORDINGS_OF_ONE_DRAW];
    const char *none = stage_path(stage, "none");
    all[0] = (struct recording){.name = "two-draws", .base = none, .second = AFTER_A_HELD_ONE};
    hold_and_note(stage, &all[0]);
    all[1] = (struct recording){
        .name = "the-first-draw-abandoned", .base = none, .second = AFTER_AN_ABANDONED_ONE};
    hold_and_note(stage, &all[1]);
    all[2] = (struct recording){.name = "killed-with-some-files-moved",
                                .base = none,
                                .rules = "kill:renameat2:3",
                                .second = AFTER_A_HELD_ONE};
    hold_and_note(stage, &all[2]);
    /* The next start must sync what this one has renamed and not synced, before it moves a file. */
    all[3] = (struct recording){.name = "killed-before-the-commit-is-synced",
                                .base = none,
                                .rules = KILL_BEFORE_SYNC_OF_COMMIT,
                                .arms_rule = true,
                                .second = AFTER_A_HELD_ONE};
    hold_and_note(stage, &all[3]);
    const char *half_open = stage_path(stage, "half-open");
    all[4] = (struct recording){.name = "on-what-a-cut-in-an-opening-left",
                                .base = half_open,
                                .second = AFTER_A_HELD_ONE,
                                .before = &all[0]};
    all[4].before_point = power_find_opening(all[0].journal, &recordings->seed);
    cut_build(all[0].journal, none, all[4].before_point, cut_random(&recordings->seed), half_open);
    hold_and_note(stage, &all[4]);
}

void power_record_all(struct recordings *recordings)
{
    record_single_draws(recordings);
    record_two_draws(recordings);
}
