/*
 * archives.c - see archives.h.
 */
#include "tests/harness/archives.h"

#include "lib/checksum.h"
#include "store/archive.h"
#include "store/done_file.h"
#include "tests/harness/files.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static const char bets[] = "1," ARCHIVES_ROW_1 "\r\n"
                           "2," ARCHIVES_ROW_3 "\r\n"
                           "1," ARCHIVES_ROW_2 "\r\n";
static const char winners[] = "1," ARCHIVES_ROW_1 "\r\n2," ARCHIVES_ROW_3 "\r\n";

uint64_t archives_checksum(const char *rows)
{
    return checksum_extend(CHECKSUM_EMPTY, rows, strlen(rows));
}

static const char *archive_path(struct server *server, const char *draw, const char *file)
{
    return server_file(server, stage_text(server->stage, ARCHIVE_DIRECTORY "/%s%s%s", draw,
                                          file[0] == '\0' ? "" : "/", file));
}

void archives_write(struct server *server, const char *draw, const char *file, const char *text)
{
    const char *path = archive_path(server, draw, file);
    files_write(path, text);
    assert_int_equal(chmod(path, 0600), 0);
}

static void write_control(struct server *server, const struct control *control)
{
    struct failure failure;
    bool synced = false;
    const char *path = archive_path(server, control->terms.draw, "");
    struct data_directory directory = {.path = path, .lock = -1};
    directory.descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(directory.descriptor >= 0);
    assert_true(control_write(&directory, control, &synced, &failure));
    (void)close(directory.descriptor);
}

void archives_make(struct server *server, const char *draw, enum control_state state)
{
    struct control control = {
        .identity = ARCHIVES_IDENTITY,
        .ring_bytes = 65536,
        .terms = {.agencies_expected = 2, .agencies_allowed = "1-5", .winning_number = 7574},
        .state = state,
        .bets_bytes = sizeof bets - 1,
        .draw = {.bets = 3,
                 .bytes = sizeof bets - 1,
                 .checksum = archives_checksum(bets),
                 .winners = 2,
                 .winners_bytes = sizeof winners - 1,
                 .winners_file_checksum = archives_checksum(winners)}};
    const struct done_line done = {.agency = 1,
                                   .bets = 2,
                                   .position = sizeof bets - 1,
                                   .checksum = archives_checksum(ARCHIVES_ROWS_OF_1)};
    char line[DONE_LINE_BYTES_MAX];
    (void)snprintf(control.terms.draw, sizeof control.terms.draw, "%s", draw);
    if (state != CONTROL_DRAWN) {
        control.draw = (struct draw_record){0};
    }
    if (state == CONTROL_ABANDONED) {
        (void)snprintf(control.abandoned_reason, sizeof control.abandoned_reason, "the hall burnt");
    }
    (void)mkdir(server_file(server, ARCHIVE_DIRECTORY), 0700);
    assert_int_equal(mkdir(archive_path(server, draw, ""), 0700), 0);
    write_control(server, &control);
    control.done_bytes = done_file_write_line(line, &done);
    archives_write(server, draw, DATA_BETS_FILE, bets);
    archives_write(server, draw, DATA_DONE_FILE, line);
    if (state == CONTROL_DRAWN) {
        archives_write(server, draw, DATA_WINNERS_FILE, winners);
    }
}
