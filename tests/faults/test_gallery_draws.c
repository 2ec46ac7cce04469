/*
 * test_gallery_draws.c - the gallery of disasters, fifth room: the server dies while the next draw
 * is opened.
 *
 * One table: the place where the supervisor dies, and which draw is the current one after it. Each
 * disaster happens twice in the same directory: first to a draw that has been held, and the
 * supervisor is killed; then to one that is given up in the middle of betting, and everything is
 * killed at once. Afterwards each draw has all of its files, in one place, and every bet that was
 * acknowledged. At the end only the next draw's storer dies.
 */
#include "tests/harness/deadline.h"
#include "tests/harness/faults.h"
#include "tests/harness/faults_bettor.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { BETTORS = 2, ROWS = 60, HALF = 3, NAMES = 4 };

/* Of a draw; each file in either place. */
static const char *const names[NAMES] = {"bets.csv", "done.csv", "winners.csv", "checkpoint"};

static const char *const settings[] = {"NUMBER_OF_AGENCIES=2", "WINNERS_WAIT=10s", "RING_BYTES=64k",
                                       "LIMITS_MESSAGE_BYTES=16k", NULL};

struct disaster {
    const char *place; /* a fault point, and the arrival */
    bool committed;    /* the next draw is the current one by then */
    const char *again; /* where the next start dies, too; NULL: it lives */
    bool forbidden;    /* the supervisor dies by a forbidden system call */
};

struct scene {
    struct stage *stage;
    const struct disaster *disaster;
    struct lottery *lottery;
    struct bettor *bettors[BETTORS]; /* of the current draw */
};

/* The files of a draw, as they were. */
struct picture {
    const char *text[NAMES]; /* NULL: there was none */
};

/* ---- the operator ---- */

static struct program *open_draw(const struct scene *scene, const char *name)
{
    const char *directory =
        stage_text(scene->stage, "DATA_DIRECTORY=%s", scene->lottery->directory);
    const struct program_plan plan = {.name = "lottery-admin",
                                      .arguments = ARGUMENTS("open", name, "--number", "7574",
                                                             "--abandon", "--reason", "gallery"),
                                      .environment = ENVIRONMENT(directory)};
    return program_start(scene->stage, &plan);
}

/* Opens it undisturbed. */
static void open_draw_well(const struct scene *scene, const char *name)
{
    struct program *admin = open_draw(scene, name);
    if (program_await_end(admin).status != 0) {
        program_show(admin);
        stage_fail_at(__FILE__, __LINE__, "draw %s was not opened", name);
    }
}

/* ---- the agencies ---- */

static void begin_to_bet(struct scene *scene)
{
    for (uint32_t i = 0; i < BETTORS; i++) {
        scene->bettors[i] = bettor_open(scene->lottery, i + 1, ROWS);
        bettor_resume(scene->bettors[i]);
        bettor_send(scene->bettors[i], HALF);
        assert_true(bettor_take_answers(scene->bettors[i]));
    }
}

static void hold_draw(const struct scene *scene)
{
    for (int i = 0; i < BETTORS; i++) {
        if (scene->bettors[i]->peer == NULL) {
            bettor_resume(scene->bettors[i]);
        }
        bettor_send_all(scene->bettors[i]);
        bettor_say_done(scene->bettors[i]);
    }
    for (int i = 0; i < BETTORS; i++) {
        bettor_take_winners(scene->bettors[i]);
    }
}

static void hang_up(const struct scene *scene)
{
    for (int i = 0; i < BETTORS; i++) {
        bettor_hang_up(scene->bettors[i]);
    }
}

/* ---- the files ---- */

static const char *current_file(const struct scene *scene, const char *name)
{
    return stage_text(scene->stage, "%s/%s", scene->lottery->directory, name);
}

static const char *archived_file(const struct scene *scene, const char *draw, const char *name)
{
    return stage_text(scene->stage, "%s/draws/%s/%s", scene->lottery->directory, draw, name);
}

static struct picture take_picture(const struct scene *scene)
{
    struct picture picture;
    for (int i = 0; i < NAMES; i++) {
        const char *path = current_file(scene, names[i]);
        picture.text[i] = files_exist(path) ? files_read(scene->stage, path, NULL) : NULL;
    }
    return picture;
}

static bool says(const struct scene *scene, const char *path, const char *line)
{
    const char *text = files_read(scene->stage, path, NULL);
    return strstr(text, stage_text(scene->stage, "\n%s\n", line)) != NULL;
}

/* The draw's files are in its archive, and not a byte of them differs. */
static void expect_archived(const struct scene *scene, const char *draw, const char *state,
                            const struct picture *before)
{
    for (int i = 0; i < NAMES; i++) {
        const char *path = archived_file(scene, draw, names[i]);
        assert_int_equal(files_exist(path), before->text[i] != NULL);
        if (before->text[i] != NULL) {
            assert_string_equal(files_read(scene->stage, path, NULL), before->text[i]);
        }
    }
    const char *control = archived_file(scene, draw, "control");
    assert_true(says(scene, control, stage_text(scene->stage, "draw %s", draw)));
    assert_true(says(scene, control, stage_text(scene->stage, "state %s", state)));
}

/* The archived bets are the agencies' own, in order: at least those that were acknowledged. */
static void expect_acknowledged(const struct scene *scene, const char *draw)
{
    struct reckoning *stored = reckoning_read(scene->stage, archived_file(scene, draw, "bets.csv"));
    for (int i = 0; i < BETTORS; i++) {
        const struct bettor *bettor = scene->bettors[i];
        size_t count = reckoning_count(stored, bettor->agency.id);
        assert_in_range(count, bettor->acknowledged, bettor->sent_at_most);
        reckoning_expect_file(scene->stage, stored, bettor->agency.id, bettor->agency.bets, count);
    }
}

/* ---- the disaster ---- */

static const char *fault(const struct scene *scene, const char *place, const char *signal_name)
{
    return stage_text(scene->stage, "%s:%s", place, signal_name);
}

/* Asks for the next draw, and the server dies on its way. */
static void open_and_die(const struct scene *scene, const char *name)
{
    struct lottery *lottery = scene->lottery;
    lottery_arm(lottery);
    struct program *admin = open_draw(scene, name);
    lottery_await_fault(lottery);
    if (scene->disaster->forbidden && strcmp(name, "W2") == 0) { /* later, it is stopped */
        assert_int_equal(program_await_end(lottery->server->program).status, 128 + SIGSYS);
        assert_int_equal(server_count_log(lottery->server, "confinement | result: fail | role: "
                                                           "supervisor | pid: *call: execve"),
                         1);
    }
    server_kill_everything(lottery->server); /* whoever is left, or stands still */
    hang_up(scene);
    assert_int_equal(program_await_end(admin).status, EXIT_FAILURE);
    assert_non_null(strstr(program_errors(admin), "ended before it answered"));
    if (scene->disaster->again != NULL) {
        lottery_arm(lottery);
        struct program *program =
            lottery_start_only(lottery, fault(scene, scene->disaster->again, "KILL"));
        assert_int_equal(program_await_end(program).status, 128 + SIGKILL);
        assert_true(lottery_fault_struck(lottery));
    }
}

/*
 * The next start has one of the two draws, by when the server died. Where that is the old one, it
 * goes on, and the next one is opened once more. Then another server goes on with that.
 */
static void go_on(const struct scene *scene, const char *old, const char *name,
                  const struct picture *before)
{
    struct lottery *lottery = scene->lottery;
    const char *control = current_file(scene, "control");
    lottery_start(lottery, NULL);
    assert_true(says(scene, control, "archiving -"));
    if (!scene->disaster->committed) {
        assert_true(says(scene, control, stage_text(scene->stage, "draw %s", old)));
        assert_string_equal(files_read(scene->stage, current_file(scene, "bets.csv"), NULL),
                            before->text[0]);
        for (int i = 0; i < BETTORS; i++) {
            bettor_resume(scene->bettors[i]); /* what is acknowledged is told */
        }
        open_draw_well(scene, name);
        hang_up(scene);
    }
    assert_true(says(scene, control, stage_text(scene->stage, "draw %s", name)));
    assert_int_equal(files_size(current_file(scene, "bets.csv")), 0);
    assert_int_equal(files_size(current_file(scene, "done.csv")), 0);
    assert_false(files_exist(current_file(scene, "winners.csv")));
    server_stop_well(lottery->server);
}

static void a_server_dies_while_it_opens_a_draw(void **state)
{
    struct stage *stage = *state;
    struct scene *scene = &(struct scene){.stage = stage, .disaster = stage->given};
    const char *place = scene->disaster->place;
    if (scene->disaster->forbidden && !program_is_confined()) {
        skip();
    }
    scene->lottery = lottery_open(scene->stage, settings);
    lottery_start(scene->lottery,
                  fault(scene, place, scene->disaster->forbidden ? "CALL" : "KILL"));
    begin_to_bet(scene);
    hold_draw(scene);
    struct picture first = take_picture(scene);
    open_and_die(scene, "W2");
    go_on(scene, "1", "W2", &first);
    expect_archived(scene, "1", "drawn", &first);
    expect_acknowledged(scene, "1");

    lottery_start(scene->lottery, fault(scene, place, "STOP"));
    begin_to_bet(scene);
    struct picture second = take_picture(scene);
    open_and_die(scene, "W3");
    go_on(scene, "W2", "W3", &second);
    expect_acknowledged(scene, "W2");
    assert_true(says(scene, archived_file(scene, "W2", "control"), "state abandoned"));
    expect_archived(scene, "1", "drawn", &first);

    lottery_start(scene->lottery, NULL);
    begin_to_bet(scene);
    hold_draw(scene);
    const struct lottery_agency agencies[] = {scene->bettors[0]->agency, scene->bettors[1]->agency};
    lottery_expect_exactly_once(scene->lottery, agencies, BETTORS);
    lottery_close(scene->lottery);
}

/* ---- the storer ---- */

/* First that of the draw that is opened, then that of a start: a kill says nothing of the next one. */
static void disaster_221_the_first_storer_of_a_draw_dies_as_it_is_born(void **state)
{
    struct scene scene = {.stage = *state};
    struct lottery *lottery = scene.lottery = lottery_open(scene.stage, settings);
    lottery_start(lottery, "storer.born:1:KILL");
    begin_to_bet(&scene);
    hold_draw(&scene);
    lottery_arm(lottery);
    open_draw_well(&scene, "W2");
    assert_true(lottery_fault_struck(lottery));
    lottery_attach_again(lottery);
    lottery_expect_deaths(lottery, (struct lottery_deaths){.storers = 1});
    hang_up(&scene);
    server_stop_well(lottery->server);

    lottery_arm(lottery);
    lottery_start(lottery, "storer.born:1:KILL");
    assert_true(lottery_fault_struck(lottery));
    lottery_expect_deaths(lottery, (struct lottery_deaths){.storers = 1});
    begin_to_bet(&scene);
    hold_draw(&scene);
    const struct lottery_agency agencies[] = {scene.bettors[0]->agency, scene.bettors[1]->agency};
    lottery_expect_exactly_once(lottery, agencies, BETTORS);
    lottery_close(lottery);
}

#define DISASTER(sentence, point, is_committed, point_again)                                       \
    STAGE_TEST_GIVEN(sentence, a_server_dies_while_it_opens_a_draw,                                \
                     (&(struct disaster){                                                          \
                         .place = (point), .committed = (is_committed), .again = (point_again)}))

static const struct CMUnitTest tests[] = {
    DISASTER(disaster_93_the_server_dies_while_it_prepares_an_archive_and_agencies_bet,
             "archive.made:1", false, NULL),
    DISASTER(disaster_94_the_server_dies_while_it_prepares_an_archive_and_nobody_is_left,
             "archive.made:2", false, NULL),
    DISASTER(disaster_95_the_server_dies_with_the_archive_prepared, "open.prepared:1", false, NULL),
    DISASTER(disaster_96_the_server_dies_with_the_next_draw_noted_and_no_file_moved,
             "open.committed:1", true, NULL),
    DISASTER(disaster_97_the_server_dies_with_one_file_moved, "archive.moved:1", true, NULL),
    DISASTER(disaster_98_the_server_dies_with_some_files_moved, "archive.moved:3", true, NULL),
    DISASTER(disaster_99_the_server_dies_with_all_files_moved_and_that_not_noted,
             "archive.complete:1", true, NULL),
    DISASTER(disaster_100_the_server_dies_moving_files_and_so_does_the_next_one, "archive.moved:1",
             true, "archive.moved:8"),
    STAGE_TEST_GIVEN(
        disaster_233_the_supervisor_makes_a_forbidden_call, a_server_dies_while_it_opens_a_draw,
        (&(struct disaster){.place = "open.committed:1", .committed = true, .forbidden = true})),
    STAGE_TEST(disaster_221_the_first_storer_of_a_draw_dies_as_it_is_born),
};

int main(void)
{
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
