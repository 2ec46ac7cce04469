/*
 * test_log_audit.c - the engine's log beside the files: what agrees, and each way not to.
 *
 * Each test makes a sealed and drawn directory, the log that a shipper would have made of it, and the
 * export of that; damages one of them; and expects one line to FAIL, with these words.
 */
#include "tests/harness/feed_fixture.h"

#include "feed/export.h"
#include "seal/canonical.h"
#include "seal/draw_report.h"
#include "store/data_directory.h"
#include "tests/harness/files.h"
#include "tests/harness/program.h"
#include "tests/harness/sealed_draw.h"
#include "tests/harness/stage.h"
#include "verify/log_audit.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 50, ARGUMENTS_MAX = 16 };

#define LOTTERY_VERIFY_PY "verify/lottery-verify.py"

#define OTHER_IDENTITY "ffeeddccbbaa99887766554433221100"

/* ------------------------------------------------------------------- a centre ---- */

struct centre {
    struct stage *stage;
    const char *path;
    struct control control;
    struct fixture log; /* BETS_north, and DRAW */
    uint64_t national;  /* last sequence of DRAW */
};

static struct control read_control(const char *directory)
{
    char path[STAGE_PATH_BYTES + sizeof "/" DATA_CONTROL_FILE];
    struct control control;
    struct failure failure;
    (void)snprintf(path, sizeof path, "%s/" DATA_CONTROL_FILE, directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(control_read_file(fileno(file), path, &control, &failure), CONTROL_READ);
    (void)fclose(file);
    return control;
}

static char *read_text(const struct centre *centre, const char *name, size_t *bytes)
{
    return files_read(centre->stage, stage_text(centre->stage, "%s/%s", centre->path, name), bytes);
}

static void ship_file(struct centre *centre, const char *name)
{
    size_t bytes = 0;
    const char *text = read_text(centre, name, &bytes);
    struct record record = fixture_record(&centre->log, RECORD_FILE, text);
    record.length = bytes;
    (void)snprintf(record.name, sizeof record.name, "%s", name);
    fixture_append(&centre->log, &record);
}

/* Two records of bets, with a claim between them; done.csv; the small files. */
static void ship(struct centre *centre)
{
    char *bets = read_text(centre, DATA_BETS_FILE, NULL);
    char *second = strchr(bets, '\n') + 1;
    char *first = stage_keep(centre->stage, strndup(bets, (size_t)(second - bets)));
    fixture_claim(&centre->log);
    fixture_bets(&centre->log, first, 1);
    centre->log.node = "two-89abcdef";
    fixture_claim(&centre->log);
    fixture_bets(&centre->log, second, SEALED_DRAW_ROWS - 1);
    struct record done =
        fixture_record(&centre->log, RECORD_DONE, read_text(centre, DATA_DONE_FILE, NULL));
    done.rows = 2;
    fixture_append(&centre->log, &done);
    centre->log.done_end += done.length;
    ship_file(centre, DATA_CONTROL_FILE);
    ship_file(centre, DATA_SEAL_FILE);
    ship_file(centre, DATA_DRAW_FILE);
}

static struct centre *open_centre_unshipped(struct stage *stage, const char *name,
                                            enum control_state stands)
{
    const struct sealed_draw_plan plan = {.state = stands, .centres = "north,south"};
    struct centre *centre = stage_allocate(stage, sizeof *centre);
    centre->stage = stage;
    centre->path = stage_path(stage, "%s", name);
    assert_int_equal(mkdir(centre->path, 0700), 0);
    sealed_draw_make(centre->path, &plan);
    centre->control = read_control(centre->path);
    fixture_open(&centre->log);
    centre->log.identity = centre->control.identity;
    return centre;
}

static struct centre *open_centre(struct stage *stage)
{
    struct centre *centre = open_centre_unshipped(stage, "north", CONTROL_NEW);
    ship(centre);
    return centre;
}

static const char *export_stream(struct centre *centre, const char *stream)
{
    struct stop stop = {0};
    struct failure failure;
    const char *path = stage_path(centre->stage, "%s.jsonl", stream);
    FILE *output = fopen(path, "we");
    assert_non_null(output);
    (void)export_run(centre->log.reader, stream, &stop, PATIENCE_MS, output, &failure);
    assert_int_equal(fclose(output), 0);
    return path;
}

/* What lottery-verify.py, which shares no code, says of the same; the caller drops it. */
static json_t *ask_second_opinion(struct stage *stage, const char *const *directories,
                                  size_t directory_count, const char *const *exports)
{
    char path[PATH_MAX];
    assert_non_null(realpath(LOTTERY_VERIFY_PY, path)); /* programs run elsewhere */
    const char *arguments[ARGUMENTS_MAX] = {path, "--json"};
    size_t count = 2;
    struct program_end end;
    for (size_t i = 0; i < directory_count; i++) {
        arguments[count++] = directories[i];
    }
    for (size_t i = 0; exports[i] != NULL; i++) {
        arguments[count++] = "--log";
        arguments[count++] = exports[i];
    }
    assert_true(count < ARGUMENTS_MAX);
    struct program *verifier =
        program_run(stage, &(struct program_plan){.name = "python3", .arguments = arguments}, &end);
    json_t *said = json_loads(program_log(verifier), 0, NULL);
    if (said == NULL) {
        fail_msg("lottery-verify.py ended with %d:\n%s", end.status, program_errors(verifier));
    }
    return said;
}

/* Both have the same verdict in each line. */
static void expect_second_opinion(struct stage *stage, const struct log_audit *audit,
                                  const char *const *directories, size_t directory_count,
                                  const char *const *exports)
{
    json_t *said = ask_second_opinion(stage, directories, directory_count, exports);
    for (size_t i = 0; i < directory_count; i++) {
        const json_t *draw = json_array_get(json_object_get(said, "draws"), i);
        for (enum log_check check = 0; check < LOG_CHECKS; check++) {
            const struct verify_line *line = &audit->draws[i].lines[check];
            const json_t *other = json_array_get(json_object_get(draw, "log"), check);
            const char *verdict = json_string_value(json_object_get(other, "verdict"));
            assert_non_null(verdict);
            if (strcmp(verdict, verify_verdict_name(line->verdict)) != 0) {
                fail_msg("line %d is %s (%s), and lottery-verify.py has %s (%s)", check,
                         verify_verdict_name(line->verdict), line->text, verdict,
                         json_string_value(json_object_get(other, "text")));
            }
        }
    }
    json_decref(said);
}

static void judge(struct stage *stage, struct log_audit *audit, const char *const *directories,
                  size_t directory_count, const char *const *exports)
{
    struct failure failure;
    bool good = log_audit_open(audit, directories, directory_count, &failure);
    for (const char *const *export = exports; good && *export != NULL; export ++) {
        good = log_audit_read(audit, *export, &failure);
    }
    if (!good || !log_audit_judge(audit, &failure)) {
        fail_msg("%s", failure.text);
    }
    expect_second_opinion(stage, audit, directories, directory_count, exports);
}

/* The directory of the centre beside its log. */
static void judge_centre(struct log_audit *audit, struct centre *centre)
{
    const char *const exports[] = {export_stream(centre, "BETS_north"), NULL};
    judge(centre->stage, audit, &centre->path, 1, exports);
}

/* Line `check` has this verdict and text, in which "*" is anything; all others don't FAIL. */
static void expect_line(const struct log_draw *draw, enum log_check check,
                        enum verify_verdict verdict, const char *text)
{
    const struct verify_line *line = &draw->lines[check];
    if (line->verdict != verdict || strstr(line->text, text) == NULL) {
        fail_msg("line %d is %s: %s", check, verify_verdict_name(line->verdict), line->text);
    }
    for (enum log_check i = 0; i < LOG_CHECKS; i++) {
        if (i != check && draw->lines[i].verdict == VERDICT_FAIL) {
            fail_msg("line %d fails too: %s", i, draw->lines[i].text);
        }
    }
}

/* Exports the centre's log and expects so; ends the centre's log. */
static void expect(struct centre *centre, enum log_check check, enum verify_verdict verdict,
                   const char *text)
{
    struct log_audit audit;
    judge_centre(&audit, centre);
    expect_line(&audit.draws[0], check, verdict, text);
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

/* Changes a file of the directory: its byte at `at`, from the end where that is negative. */
static void flip(const struct centre *centre, const char *name, long at)
{
    const char *path = stage_text(centre->stage, "%s/%s", centre->path, name);
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_true(fputc(byte ^ 1, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

/* ------------------------------------------------------------- bets and lines ---- */

static void a_log_that_reproduces_the_files_agrees(void **state)
{
    struct centre *centre = open_centre(*state);
    struct log_audit audit;
    judge_centre(&audit, centre);
    const struct log_draw *draw = &audit.draws[0];
    assert_true(log_audit_is_good(draw));
    assert_string_equal(draw->lines[LOG_CHECK_LOG].text,
                        "8 records of the epochs 1 to 2: each whole, in its place, by who had "
                        "claimed the log");
    assert_non_null(strstr(draw->lines[LOG_CHECK_BETS].text, " bytes are the log's"));
    assert_string_equal(draw->lines[LOG_CHECK_FILES].text,
                        "2 of seal, draw and signatures, all the log's");
    assert_int_equal(draw->lines[LOG_CHECK_NATIONAL].verdict, VERDICT_SKIPPED);
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void a_byte_of_bets_csv_that_the_log_has_not_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    flip(centre, DATA_BETS_FILE, 40);
    expect(centre, LOG_CHECK_BETS, VERDICT_FAIL,
           "bets.csv differs from the log from byte 40 on (record 4, epoch 2 of two-89abcdef)");
}

static void rows_that_the_log_has_and_bets_csv_has_not_are_named(void **state)
{
    struct centre *centre = open_centre(*state);
    const char *path = stage_text(centre->stage, "%s/bets.csv", centre->path);
    assert_int_equal(truncate(path, 100), 0);
    expect(centre, LOG_CHECK_BETS, VERDICT_FAIL,
           "bets.csv ends at byte 100, and the log has more (record 4)");
}

static void rows_that_bets_csv_has_and_the_log_has_not_are_named(void **state)
{
    struct centre *centre = open_centre(*state);
    engine_memory_lose_from(centre->log.memory, "BETS_north", 4);
    struct log_audit audit;
    judge_centre(&audit, centre);
    assert_non_null(strstr(audit.draws[0].lines[LOG_CHECK_BETS].text,
                           " bytes, and the log ends at byte 39 of it"));
    assert_int_equal(audit.draws[0].lines[LOG_CHECK_BETS].verdict, VERDICT_FAIL);
    assert_int_equal(audit.draws[0].lines[LOG_CHECK_DONE].verdict, VERDICT_FAIL);
    assert_non_null(strstr(audit.draws[0].lines[LOG_CHECK_FILES].text,
                           "there is a seal.json, and the log has none"));
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void a_byte_of_done_csv_that_the_log_has_not_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    flip(centre, DATA_DONE_FILE, 3);
    expect(centre, LOG_CHECK_DONE, VERDICT_FAIL, "done.csv differs from the log from byte 3 on");
}

static void another_seal_or_draw_than_the_log_s_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    flip(centre, DATA_DRAW_FILE, 10);
    expect(centre, LOG_CHECK_FILES, VERDICT_FAIL, "draw.json is not the one of the log (record 8)");
}

/* A draw that was held twice, or sealed twice: the files are those of the second time. */
static void two_seals_or_draws_of_one_lottery_are_named(void **state)
{
    static const char *const names[] = {DATA_SEAL_FILE, DATA_DRAW_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct centre *centre = open_centre_unshipped(*state, names[i], CONTROL_NEW);
        ship(centre);
        ship_file(centre, names[i]); /* the same once more: a shipper died */
        struct log_audit audit;
        judge_centre(&audit, centre);
        assert_true(log_audit_is_good(&audit.draws[0]));
        log_audit_close(&audit);
        flip(centre, names[i], 10);
        ship_file(centre, names[i]);
        expect(centre, LOG_CHECK_FILES, VERDICT_FAIL,
               stage_text(*state, "the log has two of %s: record 9, and another one, record 10",
                          names[i]));
    }
}

static void a_missing_draw_that_the_log_has_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    assert_int_equal(unlink(stage_text(centre->stage, "%s/draw.json", centre->path)), 0);
    expect(centre, LOG_CHECK_FILES, VERDICT_FAIL, "there is no draw.json, and the log has one");
}

/* ------------------------------------------------------------------ a wrong log ---- */

/* The log is over where the fault is: what comes behind is not judged. */
static void expect_log(struct centre *centre, const char *text)
{
    expect(centre, LOG_CHECK_LOG, VERDICT_FAIL, text);
}

static void a_wrong_crc_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    engine_memory_flip_bit(centre->log.memory, "BETS_north", 4);
    expect_log(centre,
               "message 4 of lottery.north.bets is no right record: its bytes have the CRC ");
}

static void a_gap_and_an_overlap_are_named(void **state)
{
    struct centre *centre = open_centre_unshipped(*state, "north", CONTROL_NEW);
    fixture_claim(&centre->log);
    centre->log.bets_end = 10;
    fixture_bets(&centre->log, "1,a,b,1,2000-01-01,1\r\n", 1);
    expect_log(centre,
               "record 2 of the log can't come next: gap: its bytes begin at 10, and the log "
               "ends at 0");
    centre = open_centre_unshipped(*state, "south", CONTROL_NEW);
    char *bets = read_text(centre, DATA_BETS_FILE, NULL);
    strchr(bets, '\n')[1] = '\0';
    fixture_claim(&centre->log);
    fixture_bets(&centre->log, bets, 1);
    centre->log.bets_end = 0;
    fixture_bets(&centre->log, bets, 1);
    expect_log(centre, "overlap: its bytes begin at 0, and the log ends at 39");
}

static void rows_that_a_record_has_not_are_named(void **state)
{
    struct centre *centre = open_centre_unshipped(*state, "north", CONTROL_NEW);
    fixture_claim(&centre->log);
    fixture_bets(&centre->log, "1,a,b,1,2000-01-01,1\r\n", 2);
    expect_log(centre, "is no right record: it has 1 lines and tells of 2");
}

static void a_missing_record_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    struct log_audit audit;
    const char *path = export_stream(centre, "BETS_north");
    char *text = files_read(centre->stage, path, NULL);
    char *third = strchr(strchr(text, '\n') + 1, '\n') + 1;
    char *fourth = strchr(third, '\n') + 1;
    memmove(third, fourth, strlen(fourth) + 1);
    files_write(path, text);
    const char *const exports[] = {path, NULL};
    judge(centre->stage, &audit, &centre->path, 1, exports);
    expect_line(&audit.draws[0], LOG_CHECK_LOG, VERDICT_FAIL,
                "record 4 of the log can't come next: the one before it was 2");
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void a_writer_without_right_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    centre->log.node = "one-01234567";
    centre->log.epoch = 1;
    fixture_file(&centre->log, DATA_CONTROL_FILE, "late");
    expect_log(centre, "one-01234567 wrote it in epoch 1, and two-89abcdef has claimed 2 at 3: the "
                       "engine has not kept the old writer out");
}

static void a_claim_that_does_not_fence_what_is_before_it_is_named(void **state)
{
    struct centre *centre = open_centre(*state);
    centre->log.bets_end -= 10;
    fixture_claim(&centre->log);
    expect_log(centre, "record 9 of the log can't come next: it claims a log with ");
    centre = open_centre_unshipped(*state, "south", CONTROL_NEW);
    ship(centre);
    centre->log.epoch = 1;
    fixture_claim(&centre->log); /* epoch 2 again */
    expect_log(centre, "it claims epoch 2, and two-89abcdef has claimed 2");
}

static void a_log_of_another_lottery_is_named(void **state)
{
    struct centre *centre = open_centre_unshipped(*state, "north", CONTROL_NEW);
    centre->log.identity = OTHER_IDENTITY;
    ship(centre);
    struct log_audit audit;
    judge_centre(&audit, centre);
    expect_line(&audit.draws[0], LOG_CHECK_LOG, VERDICT_FAIL, "no export has the lottery ");
    assert_int_equal(audit.draws[0].lines[LOG_CHECK_BETS].verdict, VERDICT_SKIPPED);
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void what_is_no_export_is_no_verdict(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"", "is empty"},
        {"x\n", "no.jsonl, line 1: it is no JSON: "},
        {"{}\n", "no.jsonl, line 1: it is no line of `lottery-feed --export`"},
        {"{\"sequence\":1,\"stored_at_ms\":1,\"stream\":\"BETS_a\",\"subject\":\"s\",\"headers\":{}"
         ","
         "\"base64\":\"?\"}\n",
         "line 1: it is no line of `lottery-feed --export`"},
        {"{\"sequence\":1,\"stored_at_ms\":1,\"stream\":\"DRAW\",\"subject\":\"s.closed.a\","
         "\"headers\":{},\"base64\":\"Zg==\"}\n"
         "{\"sequence\":2,\"stored_at_ms\":1,\"stream\":\"BETS_a\",\"subject\":\"s\",\"headers\":{}"
         ","
         "\"text\":\"\"}\n",
         "line 2: is of the stream BETS_a, and those before of DRAW"},
    };
    struct centre *centre = open_centre(*state);
    const char *path = stage_path(centre->stage, "no.jsonl");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct log_audit audit;
        struct failure failure = {.text = ""};
        files_write(path, cases[i].text);
        assert_true(log_audit_open(&audit, &centre->path, 1, &failure));
        assert_false(log_audit_read(&audit, path, &failure));
        if (strstr(failure.text, cases[i].reason) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", failure.text, cases[i].reason);
        }
        log_audit_close(&audit);
    }
    fixture_close(&centre->log);
}

static void bytes_come_back_from_base64(void **state)
{
    struct centre *centre = open_centre_unshipped(*state, "north", CONTROL_NEW);
    const char *signature = stage_text(centre->stage, "%s/seal.sig", centre->path);
    files_write_bytes(signature, "\0\xff\x80\n", 4);
    ship(centre);
    ship_file(centre, DATA_SEAL_SIGNATURE_FILE);
    expect(centre, LOG_CHECK_FILES, VERDICT_OK, "3 of seal, draw and signatures");
    centre = open_centre_unshipped(*state, "south", CONTROL_NEW);
    files_write_bytes(stage_text(centre->stage, "%s/seal.sig", centre->path), "\0\xff\x80", 3);
    ship(centre);
    ship_file(centre, DATA_SEAL_SIGNATURE_FILE);
    flip(centre, DATA_SEAL_SIGNATURE_FILE, 0);
    expect(centre, LOG_CHECK_FILES, VERDICT_FAIL, "seal.sig is not the one of the log (record 9)");
}

/* ------------------------------------------------------------- the common draw ---- */

static void append_national(struct centre *centre, const char *subject, char *text, size_t bytes)
{
    struct failure failure;
    const struct engine_append append = {.stream = NATIONAL_STREAM,
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = centre->national,
                                         .bytes = text,
                                         .count = bytes};
    assert_int_equal(engine_append(centre->log.writer, &append, 1000, &centre->national, &failure),
                     ENGINE_STORED);
    free(text);
}

static void make_national(struct centre *centre)
{
    static const char *const subjects[] = {NATIONAL_SUBJECTS};
    struct failure failure;
    assert_int_equal(
        engine_make_stream(centre->log.writer, NATIONAL_STREAM, subjects, 1, 1, 1000, &failure),
        ENGINE_STORED);
}

/* What the centre of the directory says; and another one, which has no directory here. */
static struct national_closed closed_of(const struct centre *centre, const char *name)
{
    struct national_closed closed = {
        .by = NATIONAL_BY_CENTRE,
        .terms = centre->control.terms,
        .agencies = 4,
        .bets = SEALED_DRAW_ROWS,
        .bytes = files_size(stage_text(centre->stage, "%s/bets.csv", centre->path)),
        .node = "one",
        .epoch = 1};
    (void)snprintf(closed.centre, sizeof closed.centre, "%s", name);
    (void)snprintf(closed.identity, sizeof closed.identity, "%s",
                   strcmp(name, "north") == 0 ? centre->control.identity : OTHER_IDENTITY);
    (void)snprintf(closed.seal_sha256, sizeof closed.seal_sha256, "%s",
                   centre->control.seal_sha256);
    return closed;
}

/* Says it, and notes in `drawn` what the draw has to say of it. */
static void say_closed(struct centre *centre, const struct national_closed *closed,
                       struct national_drawn *drawn)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    struct sha256_digest sha256;
    size_t bytes = 0;
    char *text = national_write_closed(closed, &bytes);
    assert_non_null(text);
    assert_true(sha256_of(text, bytes, &sha256));
    national_share_of(closed, &sha256, &drawn->shares[drawn->share_count++]);
    drawn->bets += closed->bets;
    drawn->bytes += closed->bytes;
    national_closed_subject(closed->terms.draw, closed->centre, subject);
    append_national(centre, subject, text, bytes);
}

static void say_drawn(struct centre *centre, const struct national_drawn *drawn)
{
    char subject[NATIONAL_SUBJECT_BYTES];
    size_t bytes = 0;
    char *text = national_write_drawn(drawn, &bytes);
    assert_non_null(text);
    national_drawn_subject(drawn->draw, subject);
    append_national(centre, subject, text, bytes);
}

static struct national_drawn drawn_of(const struct centre *centre)
{
    struct national_drawn drawn = {
        .centre = "south", .node = "one", .epoch = 1, .winning_number = SEALED_DRAW_NUMBER};
    (void)snprintf(drawn.draw, sizeof drawn.draw, "%s", centre->control.terms.draw);
    return drawn;
}

/* Makes DRAW, where both centres say that they have closed; returns what the draw has to say. */
static struct national_drawn close_both(struct centre *centre)
{
    struct national_drawn drawn = drawn_of(centre);
    const struct national_closed north = closed_of(centre, "north");
    const struct national_closed south = closed_of(centre, "south");
    make_national(centre);
    say_closed(centre, &north, &drawn);
    say_closed(centre, &south, &drawn);
    return drawn;
}

static void expect_nation(struct centre *centre, enum verify_verdict verdict, const char *text)
{
    struct log_audit audit;
    const char *const exports[] = {export_stream(centre, "BETS_north"),
                                   export_stream(centre, NATIONAL_STREAM), NULL};
    judge(centre->stage, &audit, &centre->path, 1, exports);
    expect_line(&audit.draws[0], LOG_CHECK_NATIONAL, verdict, text);
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void a_draw_of_all_centres_agrees(void **state)
{
    struct centre *centre = open_centre(*state);
    struct national_drawn drawn = close_both(centre);
    say_drawn(centre, &drawn);
    expect_nation(centre, VERDICT_OK, "centre north of 2: number 7574, 8 of 16 bets");
}

/* Has draw.json name the draw with this record. */
static void name_drawing(const struct centre *centre, const char *record, size_t bytes)
{
    char path[PATH_MAX];
    struct draw_report report;
    struct failure failure;
    size_t text_bytes = 0;
    (void)snprintf(path, sizeof path, "%s/draw.json", centre->path);
    int file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    char *text = canonical_read_file(file, path, &text_bytes, &failure);
    assert_true(draw_report_parse(text, text_bytes, path, &report, &failure));
    free(text);
    report.is_national = true;
    assert_true(sha256_of(record, bytes, &report.national_sha256));
    text = draw_report_write_text(&report, &text_bytes);
    draw_report_close(&report);
    assert_int_equal(pwrite(file, text, text_bytes, 0), text_bytes);
    free(text);
    (void)close(file);
}

static void a_draw_that_names_another_drawing_is_found(void **state)
{
    for (int wrong = 0; wrong <= 1; wrong++) {
        struct centre *centre = open_centre_unshipped(*state, wrong == 0 ? "f" : "g", CONTROL_NEW);
        struct national_drawn drawn = close_both(centre);
        size_t bytes = 0;
        say_drawn(centre, &drawn);
        char *record = national_write_drawn(&drawn, &bytes);
        name_drawing(centre, record, bytes - (size_t)wrong);
        free(record);
        ship(centre);
        expect_nation(centre, wrong == 0 ? VERDICT_OK : VERDICT_FAIL,
                      wrong == 0 ? "8 of 16 bets" : "names another drawing than message 3");
    }
}

/* Both say it, and the draw is wrong in one thing. */
static void expect_wrong_drawn(void **state, const char *name,
                               void (*change)(struct national_drawn *drawn), const char *text)
{
    struct centre *centre = open_centre_unshipped(*state, name, CONTROL_NEW);
    ship(centre);
    struct national_drawn drawn = close_both(centre);
    change(&drawn);
    say_drawn(centre, &drawn);
    expect_nation(centre, VERDICT_FAIL, text);
}

static void change_number(struct national_drawn *drawn)
{
    drawn->winning_number++;
}

static void change_bets(struct national_drawn *drawn)
{
    drawn->shares[1].bets++;
    drawn->bets++;
}

static void leave_one_out(struct national_drawn *drawn)
{
    drawn->share_count = 1;
    drawn->bets = drawn->shares[0].bets;
    drawn->bytes = drawn->shares[0].bytes;
}

static void count_a_stranger(struct national_drawn *drawn)
{
    struct national_share *stranger = &drawn->shares[drawn->share_count++];
    *stranger = drawn->shares[1];
    (void)snprintf(stranger->centre, sizeof stranger->centre, "west");
    drawn->bets += stranger->bets;
    drawn->bytes += stranger->bytes;
}

static void change_sum(struct national_drawn *drawn)
{
    drawn->bets++;
}

static void a_draw_that_is_wrong_of_the_centres_is_named(void **state)
{
    expect_wrong_drawn(state, "a", change_number,
                       "this centre drew with number 7574, and the draw has 7575 (message 3)");
    expect_wrong_drawn(state, "b", change_bets,
                       "the draw counts 9 bets of centre south by another word than that centre's "
                       "(message 2: 8 bets)");
    expect_wrong_drawn(state, "c", leave_one_out,
                       "the draw counts the centres north, and centre north expected north,south");
    expect_wrong_drawn(state, "d", count_a_stranger,
                       "the draw counts centre west, which had not closed before it");
    expect_wrong_drawn(state, "e", change_sum, "the centres' bets are not those of the draw");
}

/* One centre says it, and is wrong in one thing. */
static void expect_wrong_closed(void **state, const char *name,
                                void (*change)(struct national_closed *closed), const char *text)
{
    struct centre *centre = open_centre_unshipped(*state, name, CONTROL_NEW);
    ship(centre);
    struct national_drawn drawn = drawn_of(centre);
    struct national_closed north = closed_of(centre, "north");
    make_national(centre);
    change(&north);
    say_closed(centre, &north, &drawn);
    expect_nation(centre, VERDICT_FAIL, text);
}

static void change_seal(struct national_closed *closed)
{
    closed->seal_sha256[0] = closed->seal_sha256[0] == '0' ? '1' : '0';
}

static void change_bytes(struct national_closed *closed)
{
    closed->bytes++;
}

static void change_bets_of(struct national_closed *closed)
{
    closed->bets++;
}

static void change_agencies(struct national_closed *closed)
{
    closed->agencies--;
}

static void change_centres(struct national_closed *closed)
{
    (void)snprintf(closed->terms.centres_expected, sizeof closed->terms.centres_expected,
                   "east,north,south");
}

static void change_draw(struct national_closed *closed)
{
    (void)snprintf(closed->terms.draw, sizeof closed->terms.draw, "2026-W49");
}

static void change_identity(struct national_closed *closed)
{
    (void)snprintf(closed->identity, sizeof closed->identity, OTHER_IDENTITY);
}

static void change_nothing(struct national_closed *closed)
{
    (void)closed;
}

static void what_a_centre_said_otherwise_is_named(void **state)
{
    expect_wrong_closed(state, "a", change_seal,
                        "centre north closed with another seal than this one (message 1)");
    expect_wrong_closed(state, "b", change_bytes, " bytes of bets, and here are ");
    expect_wrong_closed(state, "g", change_bets_of,
                        "centre north closed with 9 bets of 4 agencies, and 8 of 4 were sealed");
    expect_wrong_closed(state, "h", change_agencies,
                        "centre north closed with 8 bets of 3 agencies, and 8 of 4 were sealed");
    expect_wrong_closed(state, "c", change_draw,
                        "centre north said that this lottery is draw 2026-W49, and it is 2026-W48");
    expect_wrong_closed(state, "d", change_identity, "no centre has closed with the lottery ");
    expect_wrong_closed(state, "f", change_centres,
                        "centre north closed with the centres east,north,south, and here "
                        "north,south draw together");
    expect_wrong_closed(state, "e", change_nothing,
                        "this centre has drawn, and DRAW has no drawing of 2026-W48");
}

static void a_centre_that_waits_for_others_is_well_so_far(void **state)
{
    struct centre *centre = open_centre_unshipped(*state, "north", CONTROL_SEALED);
    struct national_drawn drawn = drawn_of(centre);
    struct national_closed north = closed_of(centre, "north");
    make_national(centre);
    say_closed(centre, &north, &drawn);
    const char *const exports[] = {export_stream(centre, NATIONAL_STREAM), NULL};
    struct log_audit audit;
    judge(centre->stage, &audit, &centre->path, 1, exports);
    assert_int_equal(audit.draws[0].lines[LOG_CHECK_NATIONAL].verdict, VERDICT_OK);
    assert_string_equal(audit.draws[0].lines[LOG_CHECK_NATIONAL].text,
                        "centre north has closed with this seal; the draw waits for others");
    log_audit_close(&audit);
    fixture_close(&centre->log);
}

static void two_drawings_of_one_draw_are_named(void **state)
{
    struct centre *centre = open_centre(*state);
    struct national_drawn drawn = close_both(centre);
    say_drawn(centre, &drawn);
    drawn.winning_number++;
    say_drawn(centre, &drawn);
    expect_nation(centre, VERDICT_FAIL, "draw 2026-W48 is drawn twice, by the messages 3 and 4");
}

/* What came after the drawing changes nothing, and what came before it is replaced by it. */
static void the_last_word_of_a_centre_before_the_draw_counts(void **state)
{
    struct centre *centre = open_centre(*state);
    struct national_drawn drawn = drawn_of(centre);
    struct national_drawn forgotten = drawn;
    struct national_closed north = closed_of(centre, "north");
    struct national_closed south = closed_of(centre, "south");
    make_national(centre);
    south.bets--;
    say_closed(centre, &south, &forgotten);
    say_closed(centre, &north, &drawn);
    south.bets++;
    say_closed(centre, &south, &drawn);
    say_drawn(centre, &drawn);
    south.bets--;
    say_closed(centre, &south, &forgotten);
    expect_nation(centre, VERDICT_OK, "centre north of 2: number 7574, 8 of 16 bets");
}

static void directories_of_one_draw_have_one_number(void **state)
{
    struct stage *stage = *state;
    struct centre *north = open_centre(stage);
    struct centre *south = open_centre_unshipped(stage, "south", CONTROL_NEW);
    const char *const paths[] = {north->path, south->path};
    const char *const exports[] = {export_stream(north, "BETS_north"), NULL};
    struct log_audit audit;
    judge(stage, &audit, paths, 2, exports);
    assert_non_null(strstr(audit.draws[0].lines[LOG_CHECK_NATIONAL].text,
                           "1 other directories have the same number 7574"));
    log_audit_close(&audit);
    struct failure failure;
    assert_true(log_audit_open(&audit, paths, 2, &failure));
    audit.draws[1].control.terms.winning_number = 1; /* as if its control said so */
    assert_true(log_audit_read(&audit, exports[0], &failure));
    assert_true(log_audit_judge(&audit, &failure));
    expect_line(&audit.draws[0], LOG_CHECK_NATIONAL, VERDICT_FAIL, "number 7574 here, and 1 in ");
    log_audit_close(&audit);
    fixture_close(&north->log);
    fixture_close(&south->log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_log_that_reproduces_the_files_agrees),
        STAGE_TEST(a_byte_of_bets_csv_that_the_log_has_not_is_named),
        STAGE_TEST(rows_that_the_log_has_and_bets_csv_has_not_are_named),
        STAGE_TEST(rows_that_bets_csv_has_and_the_log_has_not_are_named),
        STAGE_TEST(a_byte_of_done_csv_that_the_log_has_not_is_named),
        STAGE_TEST(another_seal_or_draw_than_the_log_s_is_named),
        STAGE_TEST(two_seals_or_draws_of_one_lottery_are_named),
        STAGE_TEST(a_missing_draw_that_the_log_has_is_named),
        STAGE_TEST(rows_that_a_record_has_not_are_named),
        STAGE_TEST(a_wrong_crc_is_named),
        STAGE_TEST(a_gap_and_an_overlap_are_named),
        STAGE_TEST(a_missing_record_is_named),
        STAGE_TEST(a_writer_without_right_is_named),
        STAGE_TEST(a_claim_that_does_not_fence_what_is_before_it_is_named),
        STAGE_TEST(a_log_of_another_lottery_is_named),
        STAGE_TEST(what_is_no_export_is_no_verdict),
        STAGE_TEST(bytes_come_back_from_base64),
        STAGE_TEST(a_draw_of_all_centres_agrees),
        STAGE_TEST(a_draw_that_names_another_drawing_is_found),
        STAGE_TEST(a_draw_that_is_wrong_of_the_centres_is_named),
        STAGE_TEST(what_a_centre_said_otherwise_is_named),
        STAGE_TEST(a_centre_that_waits_for_others_is_well_so_far),
        STAGE_TEST(two_drawings_of_one_draw_are_named),
        STAGE_TEST(the_last_word_of_a_centre_before_the_draw_counts),
        STAGE_TEST(directories_of_one_draw_have_one_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
