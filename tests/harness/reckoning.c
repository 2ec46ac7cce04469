/*
 * reckoning.c - see reckoning.h.
 */
#include "tests/harness/reckoning.h"

#include "tests/harness/files.h"
#include "tests/harness/program.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS = 6, DECIMAL = 10, HEXADECIMAL = 16 };

#define WHOLE_FILE UINT64_MAX

/* ----------------------------------------------------------------- RFC 4180 ---- */

struct reader {
    const char *path;
    char *at;  /* what is read next */
    char *out; /* where the unquoted text goes: never past `at` */
    char *end;
    size_t row;
};

static _Noreturn void fail_row(const struct reader *reader, const char *fault)
{
    stage_fail_at(__FILE__, __LINE__, "%s: row %zu: %s", reader->path, reader->row, fault);
}

/* Copies a quoted field without its quotes; a quote inside stands there twice. */
static void take_quoted(struct reader *reader)
{
    for (reader->at++; reader->at < reader->end; reader->at++) {
        if (*reader->at == '"') {
            reader->at++;
            if (reader->at == reader->end || *reader->at != '"') {
                return;
            }
        }
        *reader->out++ = *reader->at;
    }
    fail_row(reader, "a quote is never closed");
}

static void take_plain(struct reader *reader)
{
    while (reader->at < reader->end && strchr(",\r\n\"", *reader->at) == NULL) {
        *reader->out++ = *reader->at++;
    }
}

/* Reads one field; true when another one follows in its row. */
static bool take_field(struct reader *reader)
{
    if (reader->at < reader->end && *reader->at == '"') {
        take_quoted(reader);
    } else {
        take_plain(reader);
    }
    if (reader->at < reader->end && *reader->at == ',') {
        *reader->out++ = *reader->at++;
        return true;
    }
    if (reader->end - reader->at < 2 || reader->at[0] != '\r' || reader->at[1] != '\n') {
        fail_row(reader, "it does not end in CRLF");
    }
    reader->at += 2;
    return false;
}

/* Reads a row into "agency,first,last,document,birthdate,number", terminated. */
static char *take_row(struct reader *reader)
{
    char *row = reader->out;
    int fields = 1;
    reader->row++;
    while (take_field(reader)) {
        fields++;
    }
    if (fields != FIELDS) {
        fail_row(reader, "not six fields");
    }
    *reader->out++ = '\0';
    return row;
}

static struct reckoned_row understand(const struct reader *reader, char *text)
{
    char *bet = NULL;
    struct reckoned_row row = {.agency = (uint32_t)strtoul(text, &bet, DECIMAL)};
    if (bet == text || *bet != ',') {
        fail_row(reader, "no agency in front");
    }
    row.bet = bet + 1;
    row.number = (uint32_t)strtoul(strrchr(bet, ',') + 1, NULL, DECIMAL);
    return row;
}

/* All rows of a file, or those of its first `bytes` bytes, which have to be there. */
static struct reckoning *read_rows(struct stage *stage, const char *path, uint64_t bytes)
{
    struct reckoning *reckoning = stage_allocate(stage, sizeof *reckoning);
    size_t there = 0;
    char *text = files_read(stage, path, &there);
    if (bytes == WHOLE_FILE) {
        bytes = there;
    } else if (there < bytes) {
        stage_fail_at(__FILE__, __LINE__, "%s: %zu bytes, %llu are said to be durable", path, there,
                      (unsigned long long)bytes);
    }
    size_t rows_max = 0;
    for (uint64_t i = 0; i < bytes; i++) {
        rows_max += text[i] == '\n';
    }
    reckoning->rows = stage_allocate(stage, (rows_max + 1) * sizeof *reckoning->rows);
    struct reader reader = {.path = path, .at = text, .out = text, .end = text + bytes};
    while (reader.at < reader.end) {
        reckoning->rows[reckoning->count++] = understand(&reader, take_row(&reader));
    }
    return reckoning;
}

struct reckoning *reckoning_read(struct stage *stage, const char *path)
{
    return files_exist(path) ? read_rows(stage, path, WHOLE_FILE)
                             : stage_allocate(stage, sizeof(struct reckoning));
}

struct reckoning *reckoning_read_start(struct stage *stage, const char *path, uint64_t bytes)
{
    return read_rows(stage, path, bytes);
}

/* ------------------------------------------------------------- counting ---- */

size_t reckoning_count(const struct reckoning *reckoning, uint32_t agency)
{
    size_t count = 0;
    for (size_t i = 0; i < reckoning->count; i++) {
        count += reckoning->rows[i].agency == agency;
    }
    return count;
}

size_t reckoning_count_number(const struct reckoning *reckoning, uint32_t agency, uint32_t number)
{
    size_t count = 0;
    for (size_t i = 0; i < reckoning->count; i++) {
        count += reckoning->rows[i].agency == agency && reckoning->rows[i].number == number;
    }
    return count;
}

size_t reckoning_count_bet(const struct reckoning *reckoning, uint32_t agency, const char *bet)
{
    size_t count = 0;
    for (size_t i = 0; i < reckoning->count; i++) {
        count +=
            reckoning->rows[i].agency == agency && strcmp(reckoning->rows[i].bet, bet) == 0 ? 1 : 0;
    }
    return count;
}

/* ------------------------------------------------------------ checksums ---- */

/* The remainder of sum * 256 + byte, by long division, bit by bit: slow, and easily seen to be right. */
static uint64_t append_byte(uint64_t sum, unsigned char byte)
{
    const uint64_t modulus = UINT64_C(0xffffffffffffffc5);
    for (int bit = 7; bit >= 0; bit--) {
        bool carry = sum >> 63 != 0;
        sum = sum << 1 | ((unsigned)byte >> bit & 1U);
        if (carry || sum >= modulus) {
            sum -= modulus; /* 2^64 that was carried comes back by the wrap-around */
        }
    }
    return sum;
}

uint64_t reckoning_sum(uint64_t checksum, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        checksum = append_byte(checksum, (unsigned char)bytes[i]);
    }
    return checksum;
}

/* The number in front of the row's first comma: not strtoul, which a sanitizer lets look at the
 * whole rest. */
static uint32_t agency_of(const char *row, const char *end)
{
    uint32_t agency = 0;
    for (; row < end && *row >= '0' && *row <= '9'; row++) {
        agency = agency * DECIMAL + (uint32_t)(*row - '0');
    }
    return agency;
}

uint64_t reckoning_checksum(struct stage *stage, const char *path, uint64_t bytes, uint32_t agency,
                            size_t rows, size_t *found)
{
    size_t there = 0;
    size_t count = 0;
    uint64_t sum = 0;
    const char *text = files_read(stage, path, &there);
    const char *end = text + (bytes < there ? bytes : there);
    for (const char *row = text; row < end && count < rows;) {
        const char *line_feed = memchr(row, '\n', (size_t)(end - row));
        const char *next = line_feed == NULL ? end : line_feed + 1;
        if (agency_of(row, next) == agency) {
            sum = reckoning_sum(sum, row, (size_t)(next - row));
            count++;
        }
        row = next;
    }
    if (found != NULL) {
        *found = count;
    }
    return sum;
}

/* ---------------------------------------------------------------- books ---- */

/* A data directory whose files are held against each other, and who asked for that. */
struct books {
    struct stage *stage;
    const char *directory;
    const char *control;
    const char *file;
    int line;
};

static const char *book_path(const struct books *books, const char *name)
{
    return stage_text(books->stage, "%s/%s", books->directory, name);
}

static void expect_book(const struct books *books, const char *what, uint64_t found,
                        uint64_t expected)
{
    if (found != expected) {
        stage_fail_at(books->file, books->line, "%s: %s is %llu (%016llx), reckoned %llu (%016llx)",
                      books->directory, what, (unsigned long long)found, (unsigned long long)found,
                      (unsigned long long)expected, (unsigned long long)expected);
    }
}

/* What stands behind this name in control. */
static const char *control_text(const struct books *books, const char *name)
{
    const char *label = stage_text(books->stage, "\n%s ", name);
    const char *place = strstr(books->control, label);
    if (place != NULL) {
        return place + strlen(label);
    }
    stage_fail_at(books->file, books->line, "%s: control has no %s", books->directory, name);
}

static uint64_t control_number(const struct books *books, const char *name, int base)
{
    return strtoull(control_text(books, name), NULL, base);
}

static void expect_control(const struct books *books)
{
    const char *last = control_text(books, "checksum");
    size_t before = (size_t)(last - books->control) - strlen("checksum ");
    expect_book(books, "control's checksum", control_number(books, "checksum", HEXADECIMAL),
                reckoning_sum(0, books->control, before));
}

/* A line "agency,bets,position,rows checksum,line checksum". */
static void expect_done_line(const struct books *books, const char *line, size_t bytes)
{
    const char *bets_file = book_path(books, "bets.csv");
    char *at = NULL;
    size_t rows = 0;
    uint32_t agency = (uint32_t)strtoul(line, &at, DECIMAL);
    uint64_t bets = strtoull(at + 1, &at, DECIMAL);
    uint64_t position = strtoull(at + 1, &at, DECIMAL);
    uint64_t checksum = strtoull(at + 1, &at, HEXADECIMAL);
    size_t before = (size_t)(at + 1 - line);
    uint64_t reckoned =
        reckoning_checksum(books->stage, bets_file, WHOLE_FILE, agency, SIZE_MAX, &rows);
    expect_book(books, "a done line's own checksum", strtoull(at + 1, &at, HEXADECIMAL),
                reckoning_sum(0, line, before));
    expect_book(books, "the end of a done line", (uint64_t)(at - line), bytes);
    expect_book(books, "the bets of an agency that is done", bets, rows);
    expect_book(books, "the checksum of an agency that is done", checksum, reckoned);
    expect_book(books, "a done line's position, at most", position > files_size(bets_file), false);
}

static void expect_done(const struct books *books)
{
    size_t bytes = 0;
    const char *path = book_path(books, "done.csv");
    const char *text = files_exist(path) ? files_read(books->stage, path, &bytes) : "";
    expect_book(books, "done_bytes", control_number(books, "done_bytes", DECIMAL), bytes);
    for (const char *line = text; line < text + bytes;) {
        const char *line_feed = memchr(line, '\n', (size_t)(text + bytes - line));
        size_t line_bytes =
            line_feed == NULL ? (size_t)(text + bytes - line) : (size_t)(line_feed - line);
        expect_done_line(books, line, line_bytes);
        line += line_bytes + 1;
    }
}

/* The count of rows in a file, its bytes and its checksum, as the draw's record has them. */
static void expect_file_in_record(const struct books *books, const char *name,
                                  const char *const labels[3])
{
    size_t bytes = 0;
    uint64_t rows = 0;
    const char *text = files_read(books->stage, book_path(books, name), &bytes);
    for (size_t i = 0; i < bytes; i++) {
        rows += text[i] == '\n';
    }
    expect_book(books, labels[0], control_number(books, labels[0], DECIMAL), rows);
    expect_book(books, labels[1], control_number(books, labels[1], DECIMAL), bytes);
    expect_book(books, labels[2], control_number(books, labels[2], HEXADECIMAL),
                reckoning_sum(0, text, bytes));
}

/* The auditor's program makes seal and winners again, and finds that all is well. */
static void expect_verified(const struct books *books)
{
    struct program_end end;
    const struct program_plan plan = {.name = "lottery-verify",
                                      .arguments = ARGUMENTS(books->directory)};
    struct program *program = program_run(books->stage, &plan, &end);
    if (end.status != 0) {
        stage_fail_at(books->file, books->line, "lottery-verify ends with %d: %s%s", end.status,
                      program_log(program), program_errors(program));
    }
}

void reckoning_expect_books_at(struct stage *stage, const char *directory, const char *file,
                               int line)
{
    static const char *const of_bets[] = {"drawn_bets", "drawn_bytes", "drawn_checksum"};
    static const char *const of_winners[] = {"winners", "winners_bytes", "winners_checksum"};
    struct books books = {.stage = stage, .directory = directory, .file = file, .line = line};
    books.control = files_read(stage, book_path(&books, "control"), NULL);
    expect_control(&books);
    expect_done(&books);
    expect_book(&books, "bets_bytes, at most",
                control_number(&books, "bets_bytes", DECIMAL) >
                    files_size(book_path(&books, "bets.csv")),
                false);
    if (strncmp(control_text(&books, "state"), "drawn\n", strlen("drawn\n")) == 0) {
        expect_file_in_record(&books, "bets.csv", of_bets);
        expect_file_in_record(&books, "winners.csv", of_winners);
        expect_verified(&books);
    }
}

/* ----------------------------------------------------------- comparison ---- */

/* A file of LF or CRLF lines, cut into them one after the other. */
struct lines {
    char *at;
    char *end; /* where a NUL stands */
};

/* The next line, terminated; NULL at the end. */
static const char *next_line(struct lines *lines)
{
    char *line = lines->at;
    if (line == lines->end) {
        return NULL;
    }
    /* not strcspn: a sanitizer would look through the whole rest for each line */
    char *line_feed = memchr(line, '\n', (size_t)(lines->end - line));
    char *line_end = line_feed == NULL ? lines->end : line_feed;
    lines->at = line_feed == NULL ? lines->end : line_feed + 1;
    *line_end = '\0';
    if (line_end > line && line_end[-1] == '\r') {
        line_end[-1] = '\0';
    }
    return line;
}

void reckoning_expect_file_at(struct stage *stage, const struct reckoning *reckoning,
                              uint32_t agency, const char *path, size_t rows, const char *file,
                              int line)
{
    size_t bytes = 0;
    char *text = files_read(stage, path, &bytes);
    struct lines lines = {.at = text, .end = text + bytes};
    size_t number = 0;
    for (size_t i = 0; i < reckoning->count; i++) {
        if (reckoning->rows[i].agency != agency) {
            continue;
        }
        const char *sent = number++ < rows ? next_line(&lines) : NULL;
        if (sent == NULL || strcmp(sent, reckoning->rows[i].bet) != 0) {
            stage_fail_at(file, line, "agency %u: row %zu was sent as \"%s\", stored as \"%s\"",
                          agency, number, sent == NULL ? "(nothing)" : sent,
                          reckoning->rows[i].bet);
        }
    }
    const char *missing = number < rows ? next_line(&lines) : NULL;
    if (missing != NULL) {
        stage_fail_at(file, line, "agency %u: row %zu, \"%s\", is not stored", agency, number + 1,
                      missing);
    }
}
