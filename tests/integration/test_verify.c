/*
 * test_verify.c - both verifiers on the same good and damaged directories: the same verdicts.
 */
#include "seal/draw_report.h"
#include "seal/signature.h"
#include "store/data_directory.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/program.h"
#include "tests/harness/sealed_draw.h"
#include "verify/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { VERDICT_AND_NAME = 23, PYTHON_PATH_BYTES = 4096, MANY = 16 };

/* An empty directory of the stage. */
static const char *make_directory(struct stage *stage, const char *name)
{
    const char *path = stage_path(stage, "%s", name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static const char *make_draw(struct stage *stage, const char *name,
                             const struct sealed_draw_plan *plan)
{
    const char *path = make_directory(stage, name);
    sealed_draw_make(path, plan);
    return path;
}

static const char *make_key(struct stage *stage)
{
    struct failure failure;
    const char *key = stage_path(stage, "seal.key");
    assert_true(signature_make_key(key, &failure));
    return key;
}

/* ------------------------------------------------------------ both of them ---- */

static const char *python_verifier(struct stage *stage)
{
    char folder[PYTHON_PATH_BYTES];
    assert_non_null(getcwd(folder, sizeof folder));
    return stage_text(stage, "%s/verify/lottery-verify.py", folder);
}

/* Runs one of them; returns its output. */
static const char *run(struct stage *stage, const char *name, const char *const *arguments,
                       int *status)
{
    struct program_end end;
    struct program *program =
        program_run(stage, &(struct program_plan){.name = name, .arguments = arguments}, &end);
    *status = end.status;
    return program_log(program);
}

/* The lines' verdicts and names alone: what is wrong may be worded in two ways. */
static const char *verdicts_of(struct stage *stage, const char *output)
{
    const char *verdicts = "";
    while (*output != '\0') {
        size_t bytes = strcspn(output, "\n");
        size_t kept = bytes < VERDICT_AND_NAME ? bytes : VERDICT_AND_NAME;
        verdicts = stage_text(stage, "%s%.*s\n", verdicts, (int)kept, output);
        output += bytes + (output[bytes] == '\n' ? 1 : 0);
    }
    return verdicts;
}

/* Runs both with these arguments and expects the status; returns what lottery-verify printed. */
static const char *expect_both(struct stage *stage, int expected, const char *const *arguments)
{
    const char *python_arguments[MANY] = {python_verifier(stage)};
    int status = 0;
    int python_status = 0;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i + 2 < MANY);
        python_arguments[i + 1] = arguments[i];
    }
    const char *output = run(stage, "lottery-verify", arguments, &status);
    const char *python_output = run(stage, "python3", python_arguments, &python_status);
    if (status != expected || python_status != expected) {
        fail_msg("expected %d, got %d from lottery-verify:\n%s\nand %d from "
                 "lottery-verify.py:\n%s",
                 expected, status, output, python_status, python_output);
    }
    if (expected == 1) {
        assert_string_equal(verdicts_of(stage, output), verdicts_of(stage, python_output));
    } else {
        assert_string_equal(output, python_output);
    }
    return output;
}

/* The draw in the directory has these checks that FAIL, separated by blanks, and no others. */
static void expect_failing(struct stage *stage, const char *path, const char *expected)
{
    const char *output = expect_both(stage, 1, ARGUMENTS("-q", path));
    const char *failing = "";
    for (const char *line = output; strncmp(line, "FAIL ", 5) == 0;
         line += strcspn(line, "\n") + 1) {
        const char *name = line + strlen("FAIL    ");
        failing = stage_text(stage, "%s%s%.*s", failing, failing[0] == '\0' ? "" : " ",
                             (int)strcspn(name, " "), name);
    }
    assert_string_equal(failing, expected);
}

/* ------------------------------------------------------------- good ones ---- */

static void each_stage_has_its_status(struct stage *stage, enum number_source number_by)
{
    static const struct {
        enum control_state state;
        int status;
    } stages[] = {{CONTROL_OPEN, VERIFY_EXIT_NOT_SEALED},
                  {CONTROL_CLOSED, VERIFY_EXIT_NOT_SEALED},
                  {CONTROL_SEALED, VERIFY_EXIT_NOT_DRAWN},
                  {CONTROL_DRAWN, 0}};
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        const char *name = stage_text(stage, "draw-%d-%d", (int)number_by, (int)stages[i].state);
        const char *path =
            make_draw(stage, name,
                      &(struct sealed_draw_plan){.number_by = number_by, .state = stages[i].state});
        const char *output = expect_both(stage, stages[i].status, ARGUMENTS(path));
        assert_null(strstr(output, "FAIL"));
        (void)expect_both(stage, stages[i].status, ARGUMENTS("--json", path));
        assert_string_equal(expect_both(stage, stages[i].status, ARGUMENTS("-q", path)), "");
    }
}

static void draws_of_every_stage_and_number_are_well(void **state)
{
    struct stage *stage = *state;
    each_stage_has_its_status(stage, NUMBER_BY_CONFIGURATION);
    each_stage_has_its_status(stage, NUMBER_BY_OPENING);
    each_stage_has_its_status(stage, NUMBER_BY_COMMAND);
}

static void a_draw_of_several_centres_is_well_and_names_what_they_said(void **state)
{
    struct stage *stage = *state;
    struct sealed_draw_plan plan = {.centres = "A,B,C", .drawing = "drawn"};
    assert_null(strstr(expect_both(stage, 0, ARGUMENTS(make_draw(stage, "together", &plan))),
                       "skipped seal-terms"));
    plan.drawing = NULL;
    expect_failing(stage, make_draw(stage, "without", &plan), "draw-terms");
    plan = (struct sealed_draw_plan){.drawing = "drawn"};
    expect_failing(stage, make_draw(stage, "alone", &plan), "draw-terms");
}

static void signatures_are_checked_with_a_key(void **state)
{
    struct stage *stage = *state;
    const char *key = make_key(stage);
    const char *public_key = stage_text(stage, "%s.pub", key);
    const char *path = make_draw(stage, "draw", &(struct sealed_draw_plan){.key = key});
    const char *output = expect_both(stage, 0, ARGUMENTS("--key", public_key, path));
    assert_non_null(strstr(output, "ok      seal-signature"));
    assert_non_null(strstr(output, "ok      draw-signature"));
    output = expect_both(stage, 0, ARGUMENTS(path));
    assert_non_null(strstr(output, "skipped seal-signature  no key was given"));

    assert_int_equal(unlink(stage_text(stage, "%s/draw.sig", path)), 0);
    (void)expect_both(stage, 0, ARGUMENTS(path));
    (void)expect_both(stage, 1, ARGUMENTS("--key", public_key, path));

    assert_int_equal(unlink(public_key), 0);
    assert_int_equal(unlink(key), 0);
    (void)make_key(stage); /* another one */
    output = expect_both(stage, 1, ARGUMENTS("--key", public_key, path));
    assert_non_null(strstr(output, "seal.json was not signed with this key"));
}

/* A good draw under another one's name, and one that no archive holds, are not what was asked for. */
static void expect_archived_draws_to_be_what_they_are_called(struct stage *stage, const char *path)
{
    const char *other = stage_text(stage, "%s/draws/2026-W47", path);
    const char *sealed = stage_text(stage, "%s/draws/2026-W46", path);
    assert_int_equal(mkdir(other, 0700), 0);
    sealed_draw_make(other, &(struct sealed_draw_plan){.draw = "2026-W45"});
    const char *output = expect_both(stage, 1, ARGUMENTS("-q", "--draw", "2026-W47", path));
    assert_non_null(strstr(output, "archive as 2026-W47, and is draw 2026-W45, drawn\n"));
    (void)expect_both(stage, 1, ARGUMENTS("--all", path));
    (void)expect_both(stage, 0, ARGUMENTS(other));
    assert_int_equal(rename(other, stage_text(stage, "%s/draws/2026-W45", path)), 0);
    (void)expect_both(stage, 0, ARGUMENTS("--all", path));

    assert_int_equal(mkdir(sealed, 0700), 0);
    sealed_draw_make(sealed,
                     &(struct sealed_draw_plan){.draw = "2026-W46", .state = CONTROL_SEALED});
    output = expect_both(stage, 1, ARGUMENTS("-q", "--draw", "2026-W46", path));
    assert_non_null(strstr(output, "archive as 2026-W46, and is draw 2026-W46, sealed\n"));
    assert_int_equal(rename(sealed, stage_path(stage, "sealed")), 0);
}

static void a_data_directory_and_its_archive_are_found_by_name(void **state)
{
    struct stage *stage = *state;
    const char *path = make_draw(stage, "data", &(struct sealed_draw_plan){.draw = "2026-W49"});
    (void)make_directory(stage, "data/draws");
    (void)make_draw(stage, "data/draws/2026-W48", &(struct sealed_draw_plan){.draw = NULL});
    files_write(stage_path(stage, "data/lock"), "1\n");
    files_write(stage_path(stage, "data/admin.sock"), "");
    const char *output = expect_both(stage, 0, ARGUMENTS(path));
    assert_non_null(strstr(output, "all are there\n"));
    assert_non_null(strstr(output, "draw 2026-W49: drawn, all is well"));
    output = expect_both(stage, 0, ARGUMENTS("--draw", "2026-W48", path));
    assert_non_null(strstr(output, "draw 2026-W48: drawn, all is well"));
    output = expect_both(stage, 0, ARGUMENTS("--draw", "2026-W49", path));
    assert_non_null(strstr(output, "draw 2026-W49: drawn, all is well"));
    output = expect_both(stage, 0, ARGUMENTS("--all", path));
    assert_non_null(strstr(output, "draw 2026-W48: drawn, all is well"));
    assert_non_null(strstr(output, "draw 2026-W49: drawn, all is well"));
    (void)expect_both(stage, 0, ARGUMENTS("--all", "--json", path));
    (void)expect_both(stage, 3, ARGUMENTS("--draw", "2026-W50", path));
    expect_archived_draws_to_be_what_they_are_called(stage, path);

    /* A server that was killed while it opened the next draw has prepared this one's archive. */
    (void)make_directory(stage, "data/draws/2026-W49");
    (void)expect_both(stage, 0, ARGUMENTS("--all", path));
    const char *prepared = stage_path(stage, "data/draws/2026-W49/control");
    assert_int_equal(link(stage_path(stage, "data/control"), prepared), 0);
    (void)expect_both(stage, 0, ARGUMENTS("--all", path));

    assert_int_equal(unlink(stage_path(stage, "data/draws/2026-W48/winners.csv")), 0);
    (void)expect_both(stage, 1, ARGUMENTS("--all", path));
    assert_int_equal(symlink("bets.csv", stage_path(stage, "data/draws/2026-W48/winners.csv")), 0);
    (void)expect_both(stage, 3, ARGUMENTS("--all", path));
}

/* A server writes no checkpoint before there are bets. */
static void a_draw_without_bets_is_well_while_its_server_runs(void **state)
{
    struct stage *stage = *state;
    struct server *server =
        server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "LOTTERY_DRAW=command"));
    struct peer *peer = peer_connect(server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    (void)server_await_log(server, 1, "action: sello | result: success*");
    (void)expect_both(stage, 5, ARGUMENTS(server->directory));
}

static void a_file_that_nobody_knows_is_told(void **state)
{
    struct stage *stage = *state;
    const char *path = make_draw(stage, "draw", &(struct sealed_draw_plan){.draw = NULL});
    files_write(stage_text(stage, "%s/notes", path), "");
    const char *output = expect_both(stage, 0, ARGUMENTS(path));
    assert_non_null(strstr(output, "all are there; not known here: notes\n"));
}

static void what_is_called_wrongly_or_is_not_there_has_its_status(void **state)
{
    struct stage *stage = *state;
    const char *path = make_draw(stage, "draw", &(struct sealed_draw_plan){.draw = NULL});
    (void)expect_both(stage, 3, ARGUMENTS(stage_path(stage, "nothing")));
    (void)expect_both(stage, 3, ARGUMENTS("--key", stage_text(stage, "%s/bets.csv", path), path));
    (void)expect_both(stage, 2, ARGUMENTS("--draw", "../draw", path));
    (void)expect_both(stage, 2, ARGUMENTS("--prove", "1", path));
    (void)expect_both(stage, 2, ARGUMENTS("--prove", "4294967296:1", path));
    (void)expect_both(stage, 2, ARGUMENTS("--proof", path));
    (void)expect_both(stage, 2, ARGUMENTS(path, path));
    assert_int_equal(unlink(stage_text(stage, "%s/bets.csv", path)), 0);
    (void)expect_both(stage, 3, ARGUMENTS("--prove", "1:1", path));
}

/* Who asks for signatures is not told that all is well when none could be checked. */
static void a_key_without_openssl_is_refused(void **state)
{
    struct stage *stage = *state;
    struct program_end end;
    const char *key = make_key(stage);
    const char *path = make_draw(stage, "draw", &(struct sealed_draw_plan){.key = key});
    const char *const script = "python=$(python3 -c 'import sys; print(sys.executable)')\n"
                               "PATH=/nowhere exec \"$python\" \"$@\"";
    struct program *program =
        program_run(stage,
                    &(struct program_plan){
                        .name = "sh",
                        .arguments = ARGUMENTS("-c", script, "sh", python_verifier(stage), "--key",
                                               stage_text(stage, "%s.pub", key), path)},
                    &end);
    assert_int_equal(end.status, 3);
    assert_non_null(strstr(program_errors(program), "there is no openssl command"));
}

/* ---------------------------------------------------------- forged ones ---- */

/* Has `change` forge control, whose checksum agrees again. */
static void forge_control(struct stage *stage, const char *path,
                          void (*change)(struct control *control))
{
    struct failure failure;
    struct control control;
    bool synced = false;
    const struct data_directory directory = {
        .path = path, .descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .lock = -1};
    (void)stage;
    assert_int_equal(control_read(&directory, &control, &failure), CONTROL_READ);
    change(&control);
    assert_true(control_write(&directory, &control, &synced, &failure));
    close(directory.descriptor);
}

static void other_number(struct control *control)
{
    control->terms.winning_number = 7;
}

static void other_seal(struct control *control)
{
    control->seal_sha256[0] = control->seal_sha256[0] == '0' ? '1' : '0';
}

static void other_draw_hash(struct control *control)
{
    control->draw_sha256[0] = control->draw_sha256[0] == '0' ? '1' : '0';
}

static void sealed_too_late(struct control *control)
{
    control->sealed_at_ms = control->drawn_at_ms + 1;
}

static void closed_otherwise(struct control *control)
{
    (void)snprintf(control->closing.without, sizeof control->closing.without, "5");
}

static void fewer_agencies_allowed(struct control *control)
{
    (void)snprintf(control->terms.agencies_allowed, sizeof control->terms.agencies_allowed, "1-2");
}

static void back_to_sealed(struct control *control)
{
    control->state = CONTROL_SEALED;
}

static void being_moved(struct control *control)
{
    (void)snprintf(control->archiving, sizeof control->archiving, "2026-W47");
}

static void a_forged_control_disagrees_with_seal_and_draw(void **state)
{
    static const struct {
        void (*change)(struct control *control);
        const char *failing;
    } forgeries[] = {{other_number, "seal-terms draw-terms winners draw-winners"},
                     {other_seal, "seal-hash"},
                     {other_draw_hash, "draw-hash"},
                     {sealed_too_late, "seal-terms times"},
                     {closed_otherwise, "seal-terms"},
                     {fewer_agencies_allowed, "agencies seal-terms"},
                     {back_to_sealed, "state"},
                     {being_moved, "state"}};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        const char *path = make_draw(stage, stage_text(stage, "forged-%zu", i),
                                     &(struct sealed_draw_plan){.draw = NULL});
        forge_control(stage, path, forgeries[i].change);
        expect_failing(stage, path, forgeries[i].failing);
    }
}

/* Puts `with` in the place of the first `what` of a file, both of the same length. */
static void replace(struct stage *stage, const char *path, const char *name, const char *what,
                    const char *with)
{
    size_t count = 0;
    const char *file = stage_text(stage, "%s/%s", path, name);
    char *bytes = files_load(file, &count);
    stage_keep(stage, bytes);
    char *place = memmem(bytes, count, what, strlen(what));
    assert_non_null(place);
    size_t replaced = strlen(what);
    assert_int_equal(strlen(with), replaced);
    memcpy(place, with, replaced);
    files_write_bytes(file, bytes, count);
}

static void changed_files_fail_in_the_checks_that_are_about_them(void **state)
{
    static const struct {
        const char *name, *what, *with, *failing;
    } changes[] = {
        {"bets.csv", "Ana,", "Ann,",
         "bets done checkpoint seal-bets seal-agencies seal-tree winners"},
        {"bets.csv", "2,Ada,Mar,6,1950-06-30,1\r\n5,Teo,Gil,7,1985-05-05,7574\r\n",
         "5,Teo,Gil,7,1985-05-05,7574\r\n2,Ada,Mar,6,1950-06-30,1\r\n",
         "bets checkpoint seal-bets seal-tree"},
        {"bets.csv", "1970-01-01", "1970-00-01",
         "rows bets done checkpoint seal-bets seal-agencies seal-tree winners draw-winners"},
        {"bets.csv", "\r\n5,Leo", "\r\n6,Leo",
         "agencies bets done checkpoint seal-bets seal-agencies seal-tree"},
        {"done.csv", "2,3,", "2,4,", "done seal-done"},
        {"checkpoint", "LTRCPKT2", "LTRCPKT3", "checkpoint"},
        {"seal.json", "no line", "no lime", "seal-hash seal-terms"},
        {"seal.json", "\"closed_out\":true,\"rows\":0", "\"closed_out\":true,\"rows\":1",
         "seal seal-hash"},
        {"draw.json", "\"winners\":2", "\"winners\":0", "draw draw-hash"},
        {"draw.json", "13:04:17", "13:04:16", "draw-hash draw-terms"},
        {"winners.csv", "Ana,", "Ann,", "winners draw-winners"},
        {"control", "state drawn", "state drawm", "control"},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *path = make_draw(stage, stage_text(stage, "changed-%zu", i),
                                     &(struct sealed_draw_plan){.draw = NULL});
        replace(stage, path, changes[i].name, changes[i].what, changes[i].with);
        expect_failing(stage, path, changes[i].failing);
    }
}

/* Sales are open, so a last line may be there in part: but not one that control has counted. */
static void a_line_that_control_has_counted_is_not_one_that_is_being_written(void **state)
{
    static const struct {
        const char *name, *failing;
    } files[] = {{"bets.csv", "rows done"}, {"done.csv", "done"}};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *path = make_draw(stage, stage_text(stage, "counted-%zu", i),
                                     &(struct sealed_draw_plan){.state = CONTROL_OPEN});
        const char *file = stage_text(stage, "%s/%s", path, files[i].name);
        size_t count = 0;
        char *bytes = stage_keep(stage, files_load(file, &count));
        files_write_bytes(file, stage_text(stage, "%.*sx", (int)count, bytes), count + 1);
        (void)expect_both(stage, VERIFY_EXIT_NOT_SEALED, ARGUMENTS(path));
        bytes[count - 1] = 'x';
        files_write_bytes(file, bytes, count);
        assert_int_equal(unlink(stage_text(stage, "%s/checkpoint", path)), 0);
        expect_failing(stage, path, files[i].failing);
    }
}

/* Has `change` forge the seal, which is canonical again. */
static void forge_seal(struct stage *stage, const char *path, void (*change)(struct seal *seal))
{
    struct failure failure;
    struct seal seal;
    size_t count = 0;
    const char *file = stage_text(stage, "%s/seal.json", path);
    char *text = stage_keep(stage, files_load(file, &count));
    assert_true(seal_parse(text, count, file, &seal, &failure));
    change(&seal);
    text = stage_keep(stage, seal_write_text(&seal, &count));
    files_write_bytes(file, text, count);
    seal_close(&seal);
}

static void name_nobody(struct seal *seal)
{
    (void)snprintf(seal->closing.without, sizeof seal->closing.without, "any");
}

static void close_out_one_that_is_done(struct seal *seal)
{
    name_nobody(seal);
    seal->agencies[0].closed_out = true;
}

static void forget_one_that_was_closed_out(struct seal *seal)
{
    name_nobody(seal);
    seal->agencies[2].closed_out = false;
}

static void leave_out_one_that_was_named(struct seal *seal)
{
    seal->agencies[2] = seal->agencies[3];
    seal->agency_count = 3;
}

static void a_seal_that_closes_out_other_agencies_than_those_without_a_line_fails(void **state)
{
    static const struct {
        void (*change)(struct seal *seal);
        const char *failing;
    } forgeries[] = {
        {name_nobody, "seal-hash seal-terms"},
        {close_out_one_that_is_done, "seal-hash seal-terms seal-agencies"},
        {forget_one_that_was_closed_out, "seal-hash seal-terms seal-agencies"},
        {leave_out_one_that_was_named, "seal-hash seal-agencies draw-terms"},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        const char *path = make_draw(stage, stage_text(stage, "closed-out-%zu", i),
                                     &(struct sealed_draw_plan){.draw = NULL});
        forge_seal(stage, path, forgeries[i].change);
        expect_failing(stage, path, forgeries[i].failing);
    }
}

static void a_number_that_came_before_the_seal_fails(void **state)
{
    struct stage *stage = *state;
    const char *path =
        make_draw(stage, "early", &(struct sealed_draw_plan){.number_by = NUMBER_BY_COMMAND});
    replace(stage, path, "draw.json", "13:04:17", "13:04:15");
    expect_failing(stage, path, "draw-hash draw-terms number");
}

/* ----------------------------------------------------------- every byte ---- */

struct tampering {
    const char *path, *key;
    FILE *judged;
    size_t changes;
};

/* Judges the directory as it is now, and writes the verdicts down. */
static void judge(struct tampering *tampering, const char *name, const char *how, size_t at)
{
    struct verify_report report;
    struct failure failure = {.text = ""};
    char verdicts[VERIFY_CHECKS + 1] = "";
    if (!verify_draw(tampering->path, NULL, tampering->key, &report, &failure)) {
        fail_msg("%s %s %zu: %s", name, how, at, failure.text);
    }
    for (size_t i = 0; i < VERIFY_CHECKS; i++) {
        verdicts[i] = verify_verdict_name(report.lines[i].verdict)[0];
    }
    if (verify_report_status(&report) != VERIFY_EXIT_FAIL) {
        fail_msg("%s %s %zu is not found: %s", name, how, at, verdicts);
    }
    assert_true(fprintf(tampering->judged, "%s %s %zu %s\n", name, how, at, verdicts) > 0);
    tampering->changes++;
}

/* In place: a file that is written anew is flushed to the disk by ext4 each time. */
static void flip(int file, size_t at)
{
    char byte = 0;
    assert_int_equal(pread(file, &byte, 1, (off_t)at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
}

static void tamper_with(struct stage *stage, struct tampering *tampering, const char *name)
{
    size_t count = 0;
    const char *path = stage_text(stage, "%s/%s", tampering->path, name);
    char *bytes = stage_keep(stage, files_load(path, &count));
    int file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    for (size_t at = 0; at < count; at++) {
        flip(file, at);
        judge(tampering, name, "flip", at);
        flip(file, at);
    }
    assert_int_equal(ftruncate(file, (off_t)count - 1), 0);
    judge(tampering, name, "cut", 0);
    assert_int_equal(pwrite(file, bytes + count - 1, 1, (off_t)count - 1), 1);
    assert_int_equal(pwrite(file, "x", 1, (off_t)count), 1);
    judge(tampering, name, "grow", 0);
    close(file);
    assert_int_equal(unlink(path), 0);
    judge(tampering, name, "delete", 0);
    files_write_bytes(path, bytes, count);
}

static void every_byte_that_is_changed_is_found_by_both(void **state)
{
    static const char *const names[] = {"control",    "bets.csv",  "done.csv",
                                        "checkpoint", "seal.json", "seal.sig",
                                        "draw.json",  "draw.sig",  "winners.csv"};
    struct stage *stage = *state;
    const char *key = make_key(stage);
    struct tampering tampering = {
        .path = make_draw(stage, "draw", &(struct sealed_draw_plan){.key = key}),
        .key = stage_text(stage, "%s.pub", key)};
    const char *judged = stage_path(stage, "judged");
    tampering.judged = fopen(judged, "we");
    assert_non_null(tampering.judged);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tamper_with(stage, &tampering, names[i]);
    }
    assert_int_equal(fclose(tampering.judged), 0);
    (void)expect_both(stage, 0, ARGUMENTS("--key", tampering.key, tampering.path));
    assert_true(tampering.changes > 3000);

    char folder[PYTHON_PATH_BYTES];
    int status = 0;
    assert_non_null(getcwd(folder, sizeof folder));
    const char *output =
        run(stage, "python3",
            ARGUMENTS(stage_text(stage, "%s/tests/integration/tampering.py", folder),
                      tampering.path, tampering.key, judged),
            &status);
    if (status != 0) {
        fail_msg("%s", output);
    }
    assert_string_equal(output,
                        stage_text(stage, "%zu changes, all found by both\n", tampering.changes));
}

/* --------------------------------------------------------------- proofs ---- */

static void each_accepts_the_proofs_of_the_other(void **state)
{
    struct stage *stage = *state;
    const char *key = make_key(stage);
    const char *public_key = stage_text(stage, "%s.pub", key);
    const char *path = make_draw(stage, "draw", &(struct sealed_draw_plan){.key = key});
    const char *seal = stage_text(stage, "%s/seal.json", path);
    static const char *const rows[] = {"1:1", "1:2", "1:3", "2:1", "2:3", "5:1", "5:2"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *file = stage_path(stage, "proof-%zu", i);
        const char *proof = expect_both(stage, 0, ARGUMENTS("--prove", rows[i], path));
        files_write(file, proof);
        const char *output =
            expect_both(stage, 0, ARGUMENTS("--proof", file, "--seal", seal, "--key", public_key));
        assert_non_null(strstr(output, "of 8 of draw 2026-W48 is: "));
        (void)expect_both(stage, 0, ARGUMENTS("--proof", file, "--seal", seal));
    }
    (void)expect_both(stage, 1, ARGUMENTS("--prove", "1:4", path));
    (void)expect_both(stage, 3, ARGUMENTS("--proof", path, "--seal", stage_path(stage, "none")));

    const char *file = stage_path(stage, "proof-0");
    replace(stage, stage->directory, "proof-0", "1,Ana", "2,Ana");
    (void)expect_both(stage, 1, ARGUMENTS("--proof", file, "--seal", seal));
    (void)expect_both(stage, 1, ARGUMENTS("--proof", seal, "--seal", seal));
    (void)expect_both(stage, 1, ARGUMENTS("--proof", file, "--seal", file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(draws_of_every_stage_and_number_are_well),
        STAGE_TEST(a_draw_of_several_centres_is_well_and_names_what_they_said),
        STAGE_TEST(signatures_are_checked_with_a_key),
        STAGE_TEST(a_data_directory_and_its_archive_are_found_by_name),
        STAGE_TEST(a_draw_without_bets_is_well_while_its_server_runs),
        STAGE_TEST(a_file_that_nobody_knows_is_told),
        STAGE_TEST(what_is_called_wrongly_or_is_not_there_has_its_status),
        STAGE_TEST(a_key_without_openssl_is_refused),
        STAGE_TEST(a_forged_control_disagrees_with_seal_and_draw),
        STAGE_TEST(changed_files_fail_in_the_checks_that_are_about_them),
        STAGE_TEST(a_line_that_control_has_counted_is_not_one_that_is_being_written),
        STAGE_TEST(a_seal_that_closes_out_other_agencies_than_those_without_a_line_fails),
        STAGE_TEST(a_number_that_came_before_the_seal_fails),
        STAGE_TEST(every_byte_that_is_changed_is_found_by_both),
        STAGE_TEST(each_accepts_the_proofs_of_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
