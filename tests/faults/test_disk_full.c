/*
 * test_disk_full.c - a disk without room, and a disk that lies.
 *
 * Full: nobody gets an ACK, nobody gets an ERROR, the server says so once and
 * stays up; when there is room it goes on as if nothing had been. A disk that
 * fails to sync: the server stops, acknowledges nothing any more, and never
 * tries that sync again. A draw for which there is no room is not opened.
 *
 * The shim makes the disk full at a byte of the test's choosing; and where the
 * test may mount, a real file system is filled to the last byte as well.
 */
#include "server/storer/overlap.h"
#include "shm/heartbeat.h"
#include "tests/faults/shim/bettor.h"
#include "tests/faults/shim/shimmed.h"
#include "tests/harness/bets.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    AGENCIES = 3,
    BETS = 60,
    BATCH = 10,
    WINDOW = 2,
    SHUTDOWN_MS = 1000,
    RETRIES = 3, /* of the write, before a test goes on */
    FAILED = 1
};

#define FULL "action: store | result: in_progress | file: *%s | error: No space left on device"
#define ROOM "action: store | result: success*room: there is again"

/* A lottery of a few agencies, and what its servers are told. */
struct scene {
    struct stage *stage;
    const char *directory;
    const char *settings[8];
    size_t count;
    struct bettor *bettors[AGENCIES];
};

static struct scene *set_scene(struct stage *stage, size_t agencies)
{
    struct scene *scene = stage_allocate(stage, sizeof *scene);
    *scene = (struct scene){
        .stage = stage,
        .directory = stage_path(stage, "data"),
        .settings = {stage_text(stage, "NUMBER_OF_AGENCIES=%zu", agencies), BETTOR_WINNING_NUMBER,
                     "RING_BYTES=64k", "LIMITS_MESSAGE_BYTES=2k", "WINNERS_WAIT=5s",
                     "TIMEOUTS_SHUTDOWN=1s"},
        .count = agencies,
    };
    for (uint32_t i = 0; i < agencies; i++) {
        scene->bettors[i] = bettor_new(stage, i + 1, BETS, BATCH, WINDOW);
    }
    return scene;
}

static struct shimmed *start(const struct scene *scene, const char *rules)
{
    const struct shimmed_plan plan = {
        .directory = scene->directory, .rules = rules, .settings = scene->settings};
    struct shimmed *shimmed = shimmed_start(scene->stage, &plan);
    if (shimmed->server.port == 0) {
        program_show(shimmed->server.program);
        stage_fail_at(__FILE__, __LINE__, "the server did not start");
    }
    return shimmed;
}

static enum bettors_end serve(const struct scene *scene, const struct server *server, int64_t ms)
{
    return bettors_run(scene->bettors, scene->count, server->program, server->port,
                       deadline_in(ms));
}

/* Serves the agencies until the server has said that it waits for room for `file`, and has tried. */
static void bet_until_full(const struct scene *scene, const struct server *server, const char *file)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    const _Atomic uint64_t *retries = &segment.shared->storer.write_retries;
    while (atomic_load(retries) < RETRIES && deadline_left_ms(deadline) > 0) {
        assert_int_equal(serve(scene, server, 1), BETTORS_OUT_OF_TIME);
    }
    bool full = atomic_load(retries) >= RETRIES;
    segment_unmap(&segment);
    assert_true(full);
    assert_int_equal(server_count_log(server, stage_text(scene->stage, FULL, file)), 1);
    assert_int_equal(server_count_log(server, ROOM), 0);
}

/* Nobody was sent away (an ERROR fails the test by itself), and the server said all that once. */
static void expect_to_go_on(const struct scene *scene, const struct server *server)
{
    assert_int_equal(serve(scene, server, DEADLINE_MS), BETTORS_FINISHED);
    for (size_t i = 0; i < scene->count; i++) {
        assert_int_equal(scene->bettors[i]->connections, 1);
    }
    assert_int_equal(server_count_log(server, stage_text(scene->stage, FULL, "")), 1);
    assert_int_equal(server_count_log(server, ROOM), 1);
    bettors_expect_stored(scene->bettors, scene->count, server);
}

static void go_on_without_failures(const struct scene *scene)
{
    struct server *server =
        server_start_with(scene->stage, scene->directory, NULL, scene->settings);
    bettors_expect_promised(scene->bettors, scene->count, server);
    assert_int_equal(serve(scene, server, DEADLINE_MS), BETTORS_FINISHED);
    bettors_expect_stored(scene->bettors, scene->count, server);
    server_stop_well(server);
    reckoning_expect_books(scene->stage, scene->directory);
    shimmed_expect_nothing_shared(scene->directory);
}

/* ------------------------------------------------------------- disk full ---- */

/* The disk is full for this file, and those whose names begin like it, after so many bytes. */
static void fill_and_make_room(const struct scene *scene, uint64_t bytes, const char *file)
{
    struct shimmed *shimmed =
        start(scene, stage_text(scene->stage, "full:%llu:%s", (unsigned long long)bytes, file));
    bet_until_full(scene, &shimmed->server, file);
    atomic_store(&shimmed->counts->room, 1);
    expect_to_go_on(scene, &shimmed->server);
    server_stop_well(&shimmed->server);
    shimmed_expect_gone(shimmed);
}

static void bets_wait_for_room_and_are_stored_then(void **state)
{
    enum { SOME_BETS = 3000 };
    fill_and_make_room(set_scene(*state, AGENCIES), SOME_BETS, "bets.csv");
}

static void a_done_waits_for_room_and_is_stored_then(void **state)
{
    enum { HALF_A_LINE = 20 };
    fill_and_make_room(set_scene(*state, 1), HALF_A_LINE, "done.csv");
}

static void the_draw_waits_for_room_and_is_held_then(void **state)
{
    enum { ONE_WINNER_AND_A_HALF = 66 }; /* it is written twice: found, and sorted */
    fill_and_make_room(set_scene(*state, 1), ONE_WINNER_AND_A_HALF, "winners.csv");
}

static void the_seal_waits_for_room_and_is_made_then(void **state)
{
    enum { HALF_A_SEAL = 400 };
    fill_and_make_room(set_scene(*state, 1), HALF_A_SEAL, "seal.json");
}

static void the_draws_report_waits_for_room_and_is_made_then(void **state)
{
    enum { HALF_A_REPORT = 200 };
    fill_and_make_room(set_scene(*state, 1), HALF_A_REPORT, "draw.json");
}

/* The bytes of all controls of a server that comes as far as this; it leaves nothing behind. */
static uint64_t bytes_of_controls(const struct scene *scene, bool with_a_bet)
{
    struct shimmed *shimmed = start(scene, "full:999999999:control");
    if (with_a_bet) {
        struct peer *peer = peer_connect(&shimmed->server);
        peer_ask(peer, bets_batch(scene->stage, 1, 0, 1), "server:0\r\n");
    }
    uint64_t bytes = atomic_load(&shimmed->counts->full_file_bytes);
    server_stop_well(&shimmed->server);
    files_remove_tree(scene->directory);
    assert_true(bytes > 0);
    return bytes;
}

/* The first bet is noted there, before it is acknowledged; and so is the first agency that is done. */
static void control_waits_for_room_and_is_written_then(void **state)
{
    for (int with_a_bet = 0; with_a_bet <= 1; with_a_bet++) {
        enum { HALF_OF_IT = 200 };
        const struct scene *scene = set_scene(*state, 1);
        fill_and_make_room(scene, bytes_of_controls(scene, with_a_bet != 0) + HALF_OF_IT,
                           "control");
        files_remove_tree(scene->directory);
    }
}

static void a_full_server_that_is_asked_to_stop_does_so_in_time(void **state)
{
    const struct scene *scene = set_scene(*state, AGENCIES);
    struct shimmed *shimmed = start(scene, "full:3000:bets.csv");
    bet_until_full(scene, &shimmed->server, "bets.csv");
    struct program_end end = server_stop(&shimmed->server);
    assert_true(end.elapsed_ms < SHUTDOWN_MS + server_stop_limit_ms());
    assert_int_equal(end.status, FAILED); /* not all of what it had taken could be stored */
    shimmed_expect_gone(shimmed);
    bettors_hang_up(scene->bettors, scene->count);
    go_on_without_failures(scene);
}

/* ------------------------------------------------------ a real file system ---- */

static bool release_mount(void *thing)
{
    return umount2(thing, MNT_DETACH) == 0;
}

/* Takes all that is left of the file system, to the last byte. */
static void take_all_room(const char *path)
{
    static const char block[4096];
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    for (size_t part = sizeof block; part > 0;) {
        part = write(file, block, part) > 0 ? part : part / 2;
    }
    assert_int_equal(errno, ENOSPC);
    (void)close(file);
}

/* Mounts a file system of 128 KiB at "small"; skips the test where it may not. */
static void mount_small(struct stage *stage)
{
    char *mount_point = strdup(stage_path(stage, "small"));
    (void)stage_keep(stage, mount_point);
    assert_int_equal(mkdir(mount_point, 0700), 0);
    if (mount("lottery", mount_point, "tmpfs", MS_NOSUID | MS_NODEV, "size=128k") != 0) {
        print_message("mount: %s\n", strerror(errno));
        skip();
    }
    stage_own(stage, mount_point, release_mount);
}

static void a_real_file_system_is_filled_and_freed(void **state)
{
    struct stage *stage = *state;
    const char *ballast = stage_path(stage, "small/ballast");
    mount_small(stage);
    struct scene *scene = set_scene(stage, AGENCIES);
    scene->directory = stage_path(stage, "small/data");
    struct server *server = server_start_with(stage, scene->directory, NULL, scene->settings);
    take_all_room(ballast);
    bet_until_full(scene, server, "bets.csv");
    assert_int_equal(unlink(ballast), 0);
    expect_to_go_on(scene, server);
    server_stop_well(server);
    shimmed_expect_nothing_shared(scene->directory);
}

/* ------------------------------------------------------ the next draw ---- */

#define FIRST_BET "1:4:Ana,Paz,1,1980-01-31,7\n\r\n"

/* lottery-admin opens the draw "next"; returns it once it has ended with this status. */
static struct program *open_next(const struct scene *scene, const struct server *server, int status)
{
    const char *directory = stage_text(scene->stage, "DATA_DIRECTORY=%s", server->directory);
    const struct program_plan plan = {.name = "lottery-admin",
                                      .arguments =
                                          ARGUMENTS("open", "next", "--number", "7", "--abandon"),
                                      .environment = ENVIRONMENT(directory)};
    struct program_end end;
    struct program *admin = program_run(scene->stage, &plan, &end);
    if (end.status != status) {
        program_show(server->program);
        stage_fail_at(__FILE__, __LINE__, "lottery-admin ended with %d: %s", end.status,
                      program_errors(admin));
    }
    return admin;
}

/* A start on what is there now: this draw, with its bet, is the current one; or in the archive. */
static void expect_draw(const struct scene *scene, const char *draw)
{
    bool is_next = strcmp(draw, "next") == 0;
    struct server *server =
        server_start_with(scene->stage, scene->directory, NULL, scene->settings);
    const char *control = files_read(scene->stage, server_file(server, "control"), NULL);
    assert_non_null(strstr(control, stage_text(scene->stage, "\ndraw %s\n", draw)));
    assert_true(files_size(server_file(server, is_next ? "draws/1/bets.csv" : "bets.csv")) > 0);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", is_next ? "server:8:0,open*\r\n" : "server:8:1,open*\r\n");
    server_stop_well(server);
    shimmed_expect_nothing_shared(scene->directory);
}

static void a_draw_is_not_opened_on_a_full_disk_and_the_current_one_goes_on(void **state)
{
    struct stage *stage = *state;
    mount_small(stage);
    struct scene *scene = set_scene(stage, 1);
    scene->directory = stage_path(stage, "small/data");
    struct server *server = server_start_with(stage, scene->directory, NULL, scene->settings);
    struct peer *peer = peer_connect(server);
    peer_ask(peer, FIRST_BET, "server:0\r\n");
    take_all_room(stage_path(stage, "small/ballast"));
    struct program *admin = open_next(scene, server, FAILED);
    assert_non_null(strstr(program_errors(admin), "No space left on device"));
    assert_false(peer_has_news(peer, 0)); /* nobody was disconnected for it */
    assert_int_equal(unlink(stage_path(stage, "small/ballast")), 0);
    peer_ask(peer, FIRST_BET, "server:0\r\n");
    (void)open_next(scene, server, 0);
    peer = peer_connect(server);
    peer_ask(peer, "1:7\r\n", "server:8:0,open*\r\n");
    server_stop_well(server);
    expect_draw(scene, "next");
}

/*
 * Everything but the next draw's control had room. The draw is not opened, which is answered; and as
 * no start has room for its control either, the server ends.
 */
static void a_disk_that_fills_up_while_a_draw_is_opened_leaves_the_old_one(void **state)
{
    enum { HALF_OF_IT = 200 };
    const struct scene *scene = set_scene(*state, 1);
    uint64_t bytes = bytes_of_controls(scene, true) + HALF_OF_IT;
    struct shimmed *shimmed =
        start(scene, stage_text(scene->stage, "full:%llu:control", (unsigned long long)bytes));
    struct peer *peer = peer_connect(&shimmed->server);
    peer_ask(peer, FIRST_BET, "server:0\r\n");
    struct program *admin = open_next(scene, &shimmed->server, FAILED);
    assert_non_null(strstr(program_errors(admin), "No space left on device"));
    assert_int_equal(program_await_end(shimmed->server.program).status, FAILED);
    shimmed_expect_gone(shimmed);
    expect_draw(scene, "1");
}

/*
 * It is not known what the disk has, so the server ends, and the next start reads it. The directory is
 * synced by the start, for the first bet, by each storer, and twice for the archive before that.
 */
static void a_failed_sync_of_the_next_draws_control_stops_the_server(void **state)
{
    static const struct {
        const char *rule;
        const char *draw; /* that the disk of this test has */
    } syncs[] = {{"fail:fsync:4:EIO:control.tmp", "1"}, {"fail:fsync:7:EIO:>control", "next"}};
    for (size_t i = 0; i < sizeof syncs / sizeof syncs[0]; i++) {
        const struct scene *scene = set_scene(*state, 1);
        struct shimmed *shimmed = start(scene, syncs[i].rule);
        struct peer *peer = peer_connect(&shimmed->server);
        peer_ask(peer, FIRST_BET, "server:0\r\n");
        struct program *admin = open_next(scene, &shimmed->server, FAILED);
        assert_non_null(strstr(program_errors(admin), "Input/output error"));
        assert_int_equal(program_await_end(shimmed->server.program).status, FAILED);
        assert_int_equal(atomic_load(&shimmed->counts->sync_failed), 1);
        shimmed_expect_gone(shimmed);
        expect_draw(scene, syncs[i].draw);
        files_remove_tree(scene->directory);
    }
}

/* ------------------------------------------------------ a disk that lies ---- */

/* The sync that fails is the last one: who waits gets nothing, and nobody tries it again. */
static void expect_stop(const struct scene *scene, const char *rules, const char *error)
{
    struct shimmed *shimmed = start(scene, rules);
    const struct server *server = &shimmed->server;
    assert_int_equal(serve(scene, server, DEADLINE_MS), BETTORS_LEFT_ALONE);
    assert_int_equal(program_await_end(server->program).status, FAILED);
    assert_int_equal(atomic_load(&shimmed->counts->sync_failed), 1);
    assert_int_equal(atomic_load(&shimmed->counts->syncs_after_fail), 0);
    assert_int_equal(server_count_log(server, stage_text(scene->stage, " CRITICAL *%s", error)), 1);
    assert_int_equal(server_count_log(server, "action: server_exit | result: fail"), 1);
    shimmed_expect_gone(shimmed);
    go_on_without_failures(scene);
}

static void a_failed_sync_of_bets_stops_the_server(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fdatasync:1:EIO", "Input/output error");
}

static void a_failed_sync_in_the_middle_stops_the_server(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fdatasync:3:EIO", "Input/output error");
}

/*
 * On a slow disk several syncs run at once. Whichever of them fails, those beside it acknowledge
 * nothing that the next start does not find, and no storer goes on.
 */
static void a_sync_that_fails_among_others_stops_the_server(void **state)
{
    enum { FIRST = 2 * OVERLAP_SYNCS, FAILURES = 6, MANY_BETS = 300, SMALL_BATCH = 2 };
    uint64_t at_once = 0;
    for (unsigned i = 0; i < FAILURES; i++) {
        struct scene *scene = set_scene(*state, AGENCIES);
        for (uint32_t agency = 0; agency < scene->count; agency++) {
            scene->bettors[agency] =
                bettor_new(scene->stage, agency + 1, MANY_BETS, SMALL_BATCH, WINDOW);
        }
        struct shimmed *shimmed = start(
            scene, stage_text(scene->stage, "slow:500 fail:fdatasync:%u:EIO:bets.csv", FIRST + i));
        assert_int_equal(serve(scene, &shimmed->server, DEADLINE_MS), BETTORS_LEFT_ALONE);
        assert_int_equal(program_await_end(shimmed->server.program).status, FAILED);
        assert_int_equal(atomic_load(&shimmed->counts->sync_failed), 1);
        assert_int_equal(
            server_count_log(&shimmed->server, " CRITICAL *fdatasync: Input/output error"), 1);
        uint64_t most = atomic_load(&shimmed->counts->syncs_at_once_most);
        at_once = most > at_once ? most : at_once;
        shimmed_expect_gone(shimmed);
        go_on_without_failures(scene);
        files_remove_tree(scene->directory);
    }
    assert_true(at_once > 1);
}

/* The one that leads sleeps then, and the one that has synced waits until it may lead. */
static void a_storer_shows_life_after_syncs_that_overlapped(void **state)
{
    enum { BATCHES = 3 * OVERLAP_SYNCS, BEATS_MS = 3 * HEARTBEAT_EVERY_MS };
    const struct scene *scene = set_scene(*state, AGENCIES);
    struct shimmed *shimmed = start(scene, "slow:1000");
    struct peer *peer = peer_connect(&shimmed->server);
    for (unsigned i = 0; i < BATCHES; i++) {
        peer_ask(peer, bets_batch(scene->stage, 1, i, 1), "server:0\r\n");
    }
    struct segment segment = server_attach(&shimmed->server);
    const _Atomic int64_t *beat = &segment.shared->storer.beat_at_ms;
    const int64_t latest = atomic_load(beat) + BEATS_MS;
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (atomic_load(beat) < latest && deadline_pause(deadline)) {
    }
    bool beats = atomic_load(beat) >= latest;
    segment_unmap(&segment);
    assert_true(beats);
    server_stop_well(&shimmed->server);
    shimmed_expect_gone(shimmed);
}

static void a_disk_that_is_full_at_the_sync_is_none_to_wait_for(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fdatasync:2:ENOSPC", "No space left on device");
}

static void a_failed_sync_of_the_winners_stops_the_server(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fsync:1:EIO:winners.csv.tmp",
                "sorteo | result: fail*Input/output error");
}

static void a_failed_sync_of_the_directory_stops_the_server(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fsync:1:EIO:>winners.csv",
                "sorteo | result: fail*Input/output error");
}

static void a_failed_sync_of_an_agencys_done_stops_the_server(void **state)
{
    expect_stop(set_scene(*state, AGENCIES), "fail:fdatasync:1:EIO:done.csv",
                "done.csv | fdatasync: Input/output error");
}

/* A start writes it twice: the third one notes the first bet, the last one the draw. */
static void a_failed_sync_of_control_stops_the_server(void **state)
{
    static const char *const files[] = {"control.tmp", ">control"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (int sync = 3; sync <= 5; sync++) {
            const struct scene *scene = set_scene(*state, 1);
            int call = i == 0 ? sync : sync + 1; /* each storer syncs the directory, too */
            expect_stop(scene, stage_text(scene->stage, "fail:fsync:%d:EIO:%s", call, files[i]),
                        "store | result: fail | error: sync *Input/output error");
            files_remove_tree(scene->directory);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(bets_wait_for_room_and_are_stored_then),
        STAGE_TEST(a_done_waits_for_room_and_is_stored_then),
        STAGE_TEST(the_seal_waits_for_room_and_is_made_then),
        STAGE_TEST(the_draws_report_waits_for_room_and_is_made_then),
        STAGE_TEST(the_draw_waits_for_room_and_is_held_then),
        STAGE_TEST(control_waits_for_room_and_is_written_then),
        STAGE_TEST(a_full_server_that_is_asked_to_stop_does_so_in_time),
        STAGE_TEST(a_real_file_system_is_filled_and_freed),
        STAGE_TEST(a_draw_is_not_opened_on_a_full_disk_and_the_current_one_goes_on),
        STAGE_TEST(a_disk_that_fills_up_while_a_draw_is_opened_leaves_the_old_one),
        STAGE_TEST(a_failed_sync_of_the_next_draws_control_stops_the_server),
        STAGE_TEST(a_failed_sync_of_bets_stops_the_server),
        STAGE_TEST(a_failed_sync_in_the_middle_stops_the_server),
        STAGE_TEST(a_sync_that_fails_among_others_stops_the_server),
        STAGE_TEST(a_storer_shows_life_after_syncs_that_overlapped),
        STAGE_TEST(a_disk_that_is_full_at_the_sync_is_none_to_wait_for),
        STAGE_TEST(a_failed_sync_of_the_winners_stops_the_server),
        STAGE_TEST(a_failed_sync_of_the_directory_stops_the_server),
        STAGE_TEST(a_failed_sync_of_an_agencys_done_stops_the_server),
        STAGE_TEST(a_failed_sync_of_control_stops_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
