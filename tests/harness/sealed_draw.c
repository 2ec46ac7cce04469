/*
 * sealed_draw.c - see sealed_draw.h.
 */
#include "tests/harness/sealed_draw.h"

#include "lib/checksum.h"
#include "seal/draw_report.h"
#include "seal/signature.h"
#include "store/checkpoint.h"
#include "store/data_directory.h"
#include "store/done_file.h"
#include "store/draw.h"
#include "tests/harness/files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { AGENCIES = 4, RING_BYTES = 1048576 };

static const char bets[] = "1,Ana,P\xc3\xa9rez,30904465,1999-03-17,7574\r\n"
                           "1,\"Juan \"\"Pepe\"\"\",Ruiz,2,2000-02-29,7\r\n"
                           "2,Eva,Sol,3,1970-01-01,07574\r\n"
                           "5,Leo,Paz,4,2001-12-31,17574\r\n"
                           "1,Iris,Luna,5,1999-03-17,7574\r\n"
                           "2,Ada,Mar,6,1950-06-30,1\r\n"
                           "5,Teo,Gil,7,1985-05-05,7574\r\n"
                           "2,Noa,Rey,8,1999-09-09,4294967295\r\n";

static const uint32_t agencies[AGENCIES] = {1, 2, 3, 5};

struct making {
    struct data_directory directory;
    const struct sealed_draw_plan *plan;
    struct control control;
    struct seal seal;
    struct sha256_digest seal_sha256;
};

static bool never(void)
{
    return false;
}

static void put(const struct making *making, const char *name, const void *bytes, size_t count)
{
    char path[STAGE_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", making->directory.path, name);
    files_write_bytes(path, bytes, count);
    assert_int_equal(chmod(path, 0600), 0);
}

static int open_file(const struct making *making, const char *name)
{
    int file = openat(making->directory.descriptor, name, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    return file;
}

/* What one agency has: counted row by row. */
static struct done_line count_agency(const char *text, uint32_t agency)
{
    struct done_line line = {.agency = agency, .checksum = CHECKSUM_EMPTY};
    for (const char *row = text; *row != '\0';) {
        size_t bytes = strcspn(row, "\n") + 1;
        if (strtoul(row, NULL, 10) == agency) {
            line.bets++;
            line.checksum = checksum_extend(line.checksum, row, bytes);
            line.position = (uint64_t)(row + bytes - text);
        }
        row += bytes;
    }
    return line;
}

static void put_checkpoint(const struct making *making, const char *text)
{
    struct checkpoint checkpoint;
    assert_true(checkpoint_open(&checkpoint, AGENCIES));
    checkpoint.position = strlen(text);
    checkpoint.checksum = checksum_extend(CHECKSUM_EMPTY, text, strlen(text));
    for (size_t i = 0; i < AGENCIES; i++) {
        const struct done_line line = count_agency(text, agencies[i]);
        uint64_t bytes = 0;
        for (const char *row = text; *row != '\0'; row += strcspn(row, "\n") + 1) {
            bytes += strtoul(row, NULL, 10) == agencies[i] ? strcspn(row, "\n") + 1 : 0;
        }
        if (line.bets > 0) {
            checkpoint.agencies[checkpoint.count++] =
                (struct checkpoint_agency){.id = line.agency | CHECKPOINT_CLAIMED,
                                           .bets = line.bets,
                                           .bytes = bytes,
                                           .checksum = line.checksum};
        }
    }
    int file = open_file(making, DATA_BETS_FILE);
    assert_true(checkpoint_write(&checkpoint, &making->directory, making->control.identity, file));
    close(file);
    checkpoint_close(&checkpoint);
}

/* As control has it. */
static bool is_closed_out(uint32_t agency)
{
    return agency == 3 || agency == 5;
}

static void put_sales(struct making *making)
{
    char done[AGENCIES * DONE_LINE_BYTES_MAX];
    size_t used = 0;
    const char *text = bets;
    put(making, DATA_BETS_FILE, text, strlen(text));
    for (size_t i = AGENCIES; i-- > 0;) { /* in the order in which they were done */
        if (is_closed_out(agencies[i])) {
            continue;
        }
        const struct done_line line = count_agency(text, agencies[i]);
        char line_text[DONE_LINE_BYTES_MAX];
        size_t bytes = done_file_write_line(line_text, &line);
        memcpy(done + used, line_text, bytes);
        used += bytes;
    }
    put(making, DATA_DONE_FILE, done, used);
    put_checkpoint(making, text);
    making->control.bets_bytes = strlen(text);
    making->control.done_bytes = used;
}

/* Writes the text, signs it, and notes its SHA-256 in `digits`; the text is freed. */
static void put_text(const struct making *making, const char *name, const char *signature_name,
                     char *text, size_t bytes, char digits[CONTROL_SHA256_DIGITS + 1])
{
    struct sha256_digest digest;
    struct failure failure;
    assert_non_null(text);
    assert_true(sha256_of(text, bytes, &digest));
    (void)sha256_write(digits, &digest);
    put(making, name, text, bytes);
    if (making->plan->key != NULL) {
        struct signature signature;
        assert_true(signature_make(making->plan->key, text, bytes, &signature, &failure));
        put(making, signature_name, signature.bytes, sizeof signature.bytes);
    }
    free(text);
}

static void put_seal(struct making *making)
{
    struct failure failure = {.text = ""};
    size_t bytes = 0;
    int bets_file = open_file(making, DATA_BETS_FILE);
    int done_file = open_file(making, DATA_DONE_FILE);
    if (seal_make(bets_file, done_file, &making->control, SEALED_DRAW_SEALED_MS, never,
                  &making->seal, &failure) != SEAL_GOOD) {
        fail_msg("%s", failure.text);
    }
    close(bets_file);
    close(done_file);
    char *text = seal_write_text(&making->seal, &bytes);
    put_text(making, DATA_SEAL_FILE, DATA_SEAL_SIGNATURE_FILE, text, bytes,
             making->control.seal_sha256);
    assert_true(sha256_parse(making->control.seal_sha256, &making->seal_sha256));
    making->control.sealed_at_ms = SEALED_DRAW_SEALED_MS;
}

static void hold_draw(struct making *making)
{
    struct failure failure = {.text = ""};
    struct draw_report report;
    struct control *control = &making->control;
    const char *text = bets;
    const struct draw_stock stored = {.bytes = strlen(text),
                                      .rows = SEALED_DRAW_ROWS,
                                      .checksum =
                                          checksum_extend(CHECKSUM_EMPTY, text, strlen(text))};
    size_t bytes = 0;
    control->terms.winning_number = SEALED_DRAW_NUMBER;
    control->terms.number_given = control->terms.number_by == NUMBER_BY_COMMAND;
    assert_int_equal(
        draw_hold(&making->directory, &stored, SEALED_DRAW_NUMBER, never, &control->draw, &failure),
        DRAW_HELD);
    int winners = open_file(making, DATA_WINNERS_FILE);
    assert_int_equal(draw_report_make(winners, &making->seal, &making->seal_sha256, &control->terms,
                                      SEALED_DRAW_DRAWN_MS, never, &report, &failure),
                     SEAL_GOOD);
    close(winners);
    if (making->plan->drawing != NULL) {
        report.is_national = true;
        assert_true(sha256_of(making->plan->drawing, strlen(making->plan->drawing),
                              &report.national_sha256));
    }
    char *report_text = draw_report_write_text(&report, &bytes);
    put_text(making, DATA_DRAW_FILE, DATA_DRAW_SIGNATURE_FILE, report_text, bytes,
             control->draw_sha256);
    draw_report_close(&report);
    control->drawn_at_ms = SEALED_DRAW_DRAWN_MS;
}

void sealed_draw_make(const char *path, const struct sealed_draw_plan *plan)
{
    struct failure failure;
    bool synced = false;
    struct making making = {
        .directory = {.path = path, .lock = -1},
        .plan = plan,
        .control = {.identity = "5b1e00112233445566778899aabbccdd",
                    .ipc_key = 0x6f0c2d1a,
                    .ring_bytes = RING_BYTES,
                    .terms = {.agencies_expected = AGENCIES,
                              .agencies_allowed = "1-5",
                              .number_by = plan->number_by,
                              .winning_number = SEALED_DRAW_NUMBER},
                    .opened_at_ms = SEALED_DRAW_OPENED_MS,
                    .state = plan->state == CONTROL_NEW ? CONTROL_DRAWN : plan->state,
                    .closing = {.at_ms = SEALED_DRAW_CLOSED_MS,
                                .by = CLOSED_BY_COMMAND,
                                .without = "3,5",
                                .reason = "no line to \"5\" since noon"}}};
    struct control *control = &making.control;
    (void)snprintf(control->terms.draw, sizeof control->terms.draw, "%s",
                   plan->draw == NULL ? "2026-W48" : plan->draw);
    (void)snprintf(control->terms.centres_expected, sizeof control->terms.centres_expected, "%s",
                   plan->centres == NULL ? "" : plan->centres);
    if (plan->number_by == NUMBER_BY_COMMAND) {
        control->terms.winning_number = 0;
    }
    making.directory.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(making.directory.descriptor >= 0);
    put_sales(&making);
    if (control->state == CONTROL_OPEN) {
        control->closing = (struct closing){0};
    }
    if (control->state == CONTROL_SEALED || control->state == CONTROL_DRAWN) {
        put_seal(&making);
    }
    if (control->state == CONTROL_DRAWN) {
        hold_draw(&making);
    }
    seal_close(&making.seal);
    assert_true(control_write(&making.directory, control, &synced, &failure));
    close(making.directory.descriptor);
}
