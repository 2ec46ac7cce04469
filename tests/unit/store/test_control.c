/*
 * test_control.c - control is read as it was written, or refused: whatever byte of it is another.
 */
#include "store/control.h"

#include "lib/checksum.h"
#include "lib/timestamp.h"
#include "store/centre_set.h"
#include "store/data_directory.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { TEXT_BYTES_MAX = 4096, BYTE_VALUES = 256, SYNCED_STATUS = 40, NOT_SYNCED_STATUS = 41 };

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct control control; /* as it stands in the file */
    char text[TEXT_BYTES_MAX];
    size_t bytes; /* of the text, which is the file's */
};

/* ------------------------------------------------------------ in place of libc's ---- */

static int syncs_before_failure = -1; /* -1: none fails */

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int fsync(int file)
{
    if (syncs_before_failure == 0) {
        syncs_before_failure = -1;
        errno = EIO;
        return -1;
    }
    syncs_before_failure -= syncs_before_failure > 0 ? 1 : 0;
    return fdatasync(file);
}

/* ---------------------------------------------------------------- fixture ---- */

/* No two numbers of it are the same, so none can be taken for another. */
static const struct control example = {
    .identity = "00112233445566778899aabbccddeeff",
    .ipc_key = 0x12abcdef,
    .ring_bytes = 8388608,
    .terms = {.draw = "2026-W48",
              .agencies_expected = 5,
              .winning_number = 7574,
              .agencies_allowed = "1-3,7",
              .centres_expected = "north,south",
              .number_by = NUMBER_BY_COMMAND,
              .number_given = true,
              .closes_at_ms = 1796000000001},
    .terms_by = TERMS_BY_COMMAND,
    .opened_at_ms = 1796000000002,
    .state = CONTROL_DRAWN,
    .archiving = "2026-W47",
    .bets_bytes = 1001,
    .done_bytes = 1002,
    .closing = {.at_ms = 1796000000003,
                .by = CLOSED_BY_COMMAND,
                .without = "3,7",
                .reason = "no line to Ushuaia"},
    .sealed_at_ms = 1796000000004,
    .seal_sha256 = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    .drawn_at_ms = 1796000000005,
    .draw_sha256 = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
    .abandoned_at_ms = 1796000000006,
    .abandoned_reason = "only for this test",
    .draw = {.bets = 1003,
             .bytes = 1004,
             .checksum = UINT64_C(0x0123456789abcdef),
             .winners = 1005,
             .winners_bytes = 1006,
             .winners_file_checksum = UINT64_C(0xfedcba9876543210)},
};

static void write_control(struct fixture *fixture, const struct control *control)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    if (!control_write(&fixture->directory, control, &synced, &failure)) {
        fail_msg("%s", failure.text);
    }
    assert_true(synced);
    assert_false(scratch_has(&fixture->scratch, DATA_CONTROL_UNFINISHED_FILE));
    char *text = scratch_read(&fixture->scratch, DATA_CONTROL_FILE, &fixture->bytes);
    assert_true(fixture->bytes < sizeof fixture->text);
    memcpy(fixture->text, text, fixture->bytes + 1);
    free(text);
    fixture->control = *control;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.bytes = 0};
    *state = &fixture;
    syncs_before_failure = -1;
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    write_control(&fixture, &example);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

static void expect_equal(const struct control *found, const struct control *expected)
{
    assert_string_equal(found->identity, expected->identity);
    assert_int_equal(found->ipc_key, expected->ipc_key);
    assert_int_equal(found->ring_bytes, expected->ring_bytes);
    assert_true(control_terms_equal(&found->terms, &expected->terms));
    assert_int_equal(found->terms.number_given, expected->terms.number_given);
    assert_int_equal(found->terms.winning_number, expected->terms.winning_number);
    assert_int_equal(found->terms_by, expected->terms_by);
    assert_int_equal(found->opened_at_ms, expected->opened_at_ms);
    assert_int_equal(found->state, expected->state);
    assert_string_equal(found->archiving, expected->archiving);
    assert_int_equal(found->closing.at_ms, expected->closing.at_ms);
    assert_int_equal(found->closing.by, expected->closing.by);
    assert_string_equal(found->closing.without, expected->closing.without);
    assert_string_equal(found->closing.reason, expected->closing.reason);
    assert_int_equal(found->sealed_at_ms, expected->sealed_at_ms);
    assert_string_equal(found->seal_sha256, expected->seal_sha256);
    assert_int_equal(found->drawn_at_ms, expected->drawn_at_ms);
    assert_string_equal(found->draw_sha256, expected->draw_sha256);
    assert_int_equal(found->abandoned_at_ms, expected->abandoned_at_ms);
    assert_string_equal(found->abandoned_reason, expected->abandoned_reason);
    assert_int_equal(found->bets_bytes, expected->bets_bytes);
    assert_int_equal(found->done_bytes, expected->done_bytes);
    assert_memory_equal(&found->draw, &expected->draw, sizeof found->draw);
}

static void expect_read(struct fixture *fixture, const struct control *expected)
{
    struct control found;
    struct failure failure = {.text = ""};
    if (control_read(&fixture->directory, &found, &failure) != CONTROL_READ) {
        fail_msg("%s", failure.text);
    }
    expect_equal(&found, expected);
}

/* With these bytes in the file; they stay there. */
static void expect_refused(struct fixture *fixture, const char *bytes, size_t count,
                           const char *reason)
{
    struct control found;
    struct failure failure = {.text = ""};
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, bytes, count);
    if (control_read(&fixture->directory, &found, &failure) != CONTROL_REFUSED) {
        fail_msg("read, or absent: '%.*s'", (int)count, bytes);
    }
    if (strstr(failure.text, fixture->scratch.path) == NULL ||
        strstr(failure.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
    size_t left = 0;
    char *file = scratch_read(&fixture->scratch, DATA_CONTROL_FILE, &left);
    bool same = left == count && memcmp(file, bytes, count) == 0;
    free(file);
    assert_true(same);
}

/* A file of this text with the checksum that fits it, as a hand that knows how would write it. */
static size_t forge(const char *text, char forged[TEXT_BYTES_MAX])
{
    return (size_t)snprintf(forged, TEXT_BYTES_MAX, "%schecksum " CHECKSUM_FORMAT "\n", text,
                            checksum_extend(CHECKSUM_EMPTY, text, strlen(text)));
}

static void expect_text_refused(struct fixture *fixture, const char *text, const char *reason)
{
    char forged[TEXT_BYTES_MAX];
    size_t count = forge(text, forged);
    expect_refused(fixture, forged, count, reason);
}

/* ------------------------------------------------------------- round trip ---- */

static void what_was_written_is_read(void **state)
{
    struct fixture *fixture = *state;
    expect_read(fixture, &example);
    expect_read(fixture, &example); /* reading changes nothing */
}

static void the_least_and_the_most_of_every_field_are_read(void **state)
{
    struct fixture *fixture = *state;
    struct control control = {.identity = "00000000000000000000000000000000",
                              .ring_bytes = 1,
                              .terms = {.draw = "1", .agencies_expected = 1},
                              .state = CONTROL_NEW};
    write_control(fixture, &control);
    expect_read(fixture, &control);
    control = (struct control){
        .identity = "ffffffffffffffffffffffffffffffff",
        .ipc_key = UINT32_MAX,
        .ring_bytes = CONTROL_RING_BYTES_MAX,
        .terms = {.agencies_expected = UINT32_MAX,
                  .winning_number = UINT32_MAX,
                  .closes_at_ms = TIMESTAMP_MS_MAX},
        .opened_at_ms = TIMESTAMP_MS_MAX,
        .state = CONTROL_ABANDONED,
        .bets_bytes = UINT64_MAX,
        .done_bytes = UINT64_MAX,
        .draw = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
    memset(control.terms.draw, 'W', sizeof control.terms.draw - 1);
    memset(control.terms.agencies_allowed, '9', sizeof control.terms.agencies_allowed - 1);
    memset(control.terms.centres_expected, 'Z', sizeof control.terms.centres_expected - 1);
    for (size_t i = 0; i + CENTRE_NAME_BYTES < sizeof control.terms.centres_expected;
         i += CENTRE_NAME_BYTES) { /* A...A,B...B: as long as a list can be */
        memset(control.terms.centres_expected + i, (int)('A' + i / CENTRE_NAME_BYTES),
               CENTRE_NAME_BYTES - 1);
        control.terms.centres_expected[i + CENTRE_NAME_BYTES - 1] = ',';
    }
    memset(control.closing.without, '9', sizeof control.closing.without - 1);
    memset(control.closing.reason, 'r', sizeof control.closing.reason - 1);
    write_control(fixture, &control);
    expect_read(fixture, &control);
}

/* As a server of version 1.0 has written it: it knew one lottery a directory. */
static void the_first_version_is_read_as_the_first_draw(void **state)
{
    struct fixture *fixture = *state;
    static const char older[] = "lottery data 2\n"
                                "identity 00112233445566778899aabbccddeeff\n"
                                "ipc_key 12abcdef\n"
                                "ring_bytes 8388608\n"
                                "agencies_expected 5\n"
                                "agencies_allowed 1-3,7\n"
                                "winning_number 7574\n"
                                "state open\n"
                                "bets_bytes 1001\n"
                                "done_bytes 1002\n"
                                "drawn_bets 0\n"
                                "drawn_bytes 0\n"
                                "drawn_checksum 0000000000000000\n"
                                "winners 0\n"
                                "winners_bytes 0\n"
                                "winners_checksum 0000000000000000\n";
    const struct control expected = {
        .identity = "00112233445566778899aabbccddeeff",
        .ipc_key = 0x12abcdef,
        .ring_bytes = 8388608,
        .terms = {.draw = CONTROL_FIRST_DRAW,
                  .agencies_expected = 5,
                  .winning_number = 7574,
                  .agencies_allowed = "1-3,7",
                  .centres_expected = CONTROL_CENTRES_UNSAID},
        .state = CONTROL_OPEN,
        .bets_bytes = 1001,
        .done_bytes = 1002,
    };
    char text[TEXT_BYTES_MAX];
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, text, forge(older, text));
    expect_read(fixture, &expected);
    expect_text_refused(fixture, "lottery data 2\nidentity 00112233445566778899aabbccddeeff\n",
                        "is damaged");
    write_control(fixture, &expected);
    assert_memory_equal(fixture->text, "lottery data 4\n", sizeof "lottery data 4");
}

/* As the version before has written it: it did not say which centres draw together. */
static void the_version_before_leaves_the_centres_unsaid(void **state)
{
    struct fixture *fixture = *state;
    struct control expected = example;
    char older[TEXT_BYTES_MAX];
    char text[TEXT_BYTES_MAX];
    const char *line = strstr(fixture->text, "centres_expected ");
    const char *rest = strchr(line, '\n') + 1;
    (void)snprintf(older, sizeof older, "lottery data 3\n%.*s%.*s",
                   (int)(line - strchr(fixture->text, '\n') - 1), strchr(fixture->text, '\n') + 1,
                   (int)(strstr(rest, "\nchecksum ") + 1 - rest), rest);
    (void)snprintf(expected.terms.centres_expected, sizeof expected.terms.centres_expected,
                   CONTROL_CENTRES_UNSAID);
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, text, forge(older, text));
    expect_read(fixture, &expected);
    write_control(fixture, &expected); /* of a draw that was sealed before, it stays unsaid */
    assert_non_null(strstr(fixture->text, "\ncentres_expected ?\n"));
    expect_read(fixture, &expected);
}

static void a_newer_one_takes_the_olders_place_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct stat before;
    struct stat after;
    struct control newer = example;
    newer.bets_bytes = 2002;
    assert_int_equal(fstatat(fixture->scratch.descriptor, DATA_CONTROL_FILE, &before, 0), 0);
    assert_int_equal(linkat(fixture->scratch.descriptor, DATA_CONTROL_FILE,
                            fixture->scratch.descriptor, "old", 0),
                     0); /* so that its inode is not used again */
    char *older = fixture->text;
    char *copy = strdup(older);
    assert_non_null(copy);
    write_control(fixture, &newer);
    expect_read(fixture, &newer);
    assert_int_equal(fstatat(fixture->scratch.descriptor, DATA_CONTROL_FILE, &after, 0), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    size_t count = 0;
    char *old = scratch_read(&fixture->scratch, "old", &count); /* never written in place */
    bool same = strcmp(old, copy) == 0;
    free(old);
    free(copy);
    assert_true(same);
}

static void the_file_is_text_that_a_person_can_read(void **state)
{
    struct fixture *fixture = *state;
    static const char expected[] =
        "lottery data 4\n"
        "identity 00112233445566778899aabbccddeeff\n"
        "draw 2026-W48\n"
        "ipc_key 12abcdef\n"
        "ring_bytes 8388608\n"
        "agencies_expected 5\n"
        "agencies_allowed 1-3,7\n"
        "centres_expected north,south\n"
        "terms_by command\n"
        "number_by command\n"
        "winning_number 7574\n"
        "opened_at 2026-11-30T00:53:20.002Z\n"
        "closes_at 2026-11-30T00:53:20.001Z\n"
        "state drawn\n"
        "archiving 2026-W47\n"
        "bets_bytes 1001\n"
        "done_bytes 1002\n"
        "closed_at 2026-11-30T00:53:20.003Z\n"
        "closed_by command\n"
        "closed_without 3,7\n"
        "closed_reason no line to Ushuaia\n"
        "sealed_at 2026-11-30T00:53:20.004Z\n"
        "seal_sha256 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "drawn_at 2026-11-30T00:53:20.005Z\n"
        "draw_sha256 202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f\n"
        "abandoned_at 2026-11-30T00:53:20.006Z\n"
        "abandoned_reason only for this test\n"
        "drawn_bets 1003\n"
        "drawn_bytes 1004\n"
        "drawn_checksum 0123456789abcdef\n"
        "winners 1005\n"
        "winners_bytes 1006\n"
        "winners_checksum fedcba9876543210\n"
        "checksum ";
    assert_memory_equal(fixture->text, expected, sizeof expected - 1);
    assert_int_equal(fixture->bytes, sizeof expected - 1 + 16 + 1);
}

static void a_directory_without_it_is_not_refused(void **state)
{
    struct fixture *fixture = *state;
    struct control found;
    struct failure failure = {.text = ""};
    assert_int_equal(unlinkat(fixture->scratch.descriptor, DATA_CONTROL_FILE, 0), 0);
    assert_int_equal(control_read(&fixture->directory, &found, &failure), CONTROL_ABSENT);
    assert_string_equal(found.identity, "");
    assert_int_equal(found.state, CONTROL_NEW);
}

/* ----------------------------------------------------------------- damage ---- */

static void every_other_value_of_every_byte_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (size_t at = 0; at < fixture->bytes; at++) {
        for (int flip = 1; flip < BYTE_VALUES; flip += at % 7 == 0 ? 1 : 31) {
            char kept = fixture->text[at];
            fixture->text[at] = (char)(kept ^ flip);
            expect_refused(fixture, fixture->text, fixture->bytes, DATA_CONTROL_FILE);
            fixture->text[at] = kept;
        }
    }
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, fixture->text, fixture->bytes);
    expect_read(fixture, &example);
}

static void every_other_length_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (size_t count = 0; count < fixture->bytes; count++) {
        expect_refused(fixture, fixture->text, count, "is damaged");
    }
    static const char *const extra[] = {"\n", " ", "x", "checksum 0000000000000000\n"};
    for (size_t i = 0; i < sizeof extra / sizeof extra[0]; i++) {
        char longer[TEXT_BYTES_MAX];
        memcpy(longer, fixture->text, fixture->bytes);
        memcpy(longer + fixture->bytes, extra[i], strlen(extra[i]));
        expect_refused(fixture, longer, fixture->bytes + strlen(extra[i]), "is damaged");
    }
    static char zeros[3 * TEXT_BYTES_MAX];
    memcpy(zeros, fixture->text, fixture->bytes);
    for (size_t count = fixture->bytes + 1; count <= sizeof zeros; count = count * 3 / 2) {
        expect_refused(fixture, zeros, count, "is damaged");
    }
    memset(zeros, 0, fixture->bytes); /* pages that were never written */
    expect_refused(fixture, zeros, fixture->bytes, "is damaged");
}

static void two_neighbours_that_change_places_are_refused(void **state)
{
    struct fixture *fixture = *state;
    for (size_t at = 0; at + 1 < fixture->bytes; at++) {
        char *text = fixture->text;
        char first = text[at];
        if (first != text[at + 1]) {
            text[at] = text[at + 1];
            text[at + 1] = first;
            expect_refused(fixture, text, fixture->bytes, DATA_CONTROL_FILE);
            text[at + 1] = text[at];
            text[at] = first;
        }
    }
}

/* The text of the file up to its checksum, with `from` in place of the first `to`. */
static void expect_replaced_refused(struct fixture *fixture, const char *from, const char *to,
                                    const char *reason)
{
    char text[TEXT_BYTES_MAX];
    size_t before_checksum = (size_t)(strstr(fixture->text, "\nchecksum ") + 1 - fixture->text);
    const char *place = strstr(fixture->text, from);
    assert_non_null(place);
    (void)snprintf(text, sizeof text, "%.*s%s%.*s", (int)(place - fixture->text), fixture->text, to,
                   (int)(before_checksum - (size_t)(place - fixture->text) - strlen(from)),
                   place + strlen(from));
    expect_text_refused(fixture, text, reason);
}

/* What the file says, and what it must not say in its place. */
static const char *const spellings[][2] = {
    {"bets_bytes 1001", "bets_bytes 01001"},
    {"bets_bytes 1001", "bets_bytes +1001"},
    {"bets_bytes 1001", "bets_bytes  1001"},
    {"bets_bytes 1001", "bets_bytes 1001 "},
    {"bets_bytes 1001", "bets_bytes 0x3e9"},
    {"bets_bytes 1001", "bets_bytes -1"},
    {"bets_bytes 1001", "bets_bytes "},
    {"bets_bytes 1001", "bets_bytes"},
    {"bets_bytes 1001", "bets_bytes 18446744073709551616"},
    {"bets_bytes 1001\n", ""},
    {"bets_bytes 1001\n", "bets_bytes 1001\nbets_bytes 1001\n"},
    {"bets_bytes 1001\ndone_bytes 1002\n", "done_bytes 1002\nbets_bytes 1001\n"},
    {"winning_number 7574", "winning_number 4294974870"}, /* 2^32 more */
    {"agencies_expected 5", "agencies_expected 0"},
    {"ring_bytes 8388608", "ring_bytes 0"},
    {"ring_bytes 8388608", "ring_bytes 1073741825"}, /* more than a server can have */
    {"drawn_checksum 0123456789abcdef", "drawn_checksum 0123456789ABCDEF"},
    {"drawn_checksum 0123456789abcdef", "drawn_checksum 123456789abcdef"},
    {"ipc_key 12abcdef", "ipc_key 0x12abcdef"},
    {"state drawn", "state Drawn"},
    {"state drawn", "state drawn2"},
    {"state drawn", "state "},
    {"identity 0011", "identity 001"},
    {"identity 0011", "identity 00112"},
    {"identity 00112233445566778899aabb", "identity 00112233445566778899AABB"},
    {"identity 0011", "identity g011"},
    {"lottery data 4", "lottery data 2"},
    {"lottery data 4", "lottery data 03"},
    {"lottery data 4", "lottery data  3"},
    {"draw 2026-W48", "draw "},
    {"draw 2026-W48", "draw -"},
    {"draw 2026-W48", "draw ../W48"},
    {"draw 2026-W48", "draw 2026-W48/"},
    {"draw 2026-W48", "draw 2026-W48-and-33-characters-long--"},
    {"archiving 2026-W47", "archiving .."},
    {"centres_expected north,south", "centres_expected south,north"},
    {"centres_expected north,south", "centres_expected north, south"},
    {"centres_expected north,south", "centres_expected north,north"},
    {"centres_expected north,south", "centres_expected ??"},
    {"centres_expected north,south", "centres_expected "},
    {"centres_expected north,south\n", ""},
    {"number_by command", "number_by Command"},
    {"winning_number 7574", "winning_number "},
    {"opened_at 2026-11-30T00:53:20.002Z", "opened_at 2026-11-30T00:53:20.02Z"},
    {"opened_at 2026-11-30T00:53:20.002Z", "opened_at 2026-11-31T00:53:20.002Z"},
    {"opened_at 2026-11-30T00:53:20.002Z", "opened_at 1970-01-01T00:00:00.000Z"},
    {"closed_by command", "closed_by nobody"},
    {"abandoned_reason only", "abandoned_reason \x7fonly"},
    {"closed_reason no line", "closed_reason \x01no line"},
    {"seal_sha256 00", "seal_sha256 0"},
    {"draw_sha256 20", "draw_sha256 X0"},
    {"lottery data 4", "lottery data 4 "},
    {"winners 1005\n", "winners 1005\r\n"},
};

static void another_spelling_is_refused_even_where_its_checksum_fits(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        expect_replaced_refused(fixture, spellings[i][0], spellings[i][1], "is damaged");
    }
    char unchanged[TEXT_BYTES_MAX];
    char forged[TEXT_BYTES_MAX];
    expect_text_refused(fixture, "", "is damaged");
    (void)snprintf(unchanged, sizeof unchanged, "%.*s",
                   (int)(strstr(fixture->text, "\nchecksum ") + 1 - fixture->text), fixture->text);
    scratch_write(&fixture->scratch, DATA_CONTROL_FILE, forged, forge(unchanged, forged));
    expect_read(fixture, &example); /* this one is the spelling that is right */
}

static void another_version_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    static const char *const versions[] = {"1", "5", "10", "4294967295"};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        char line[64];
        char reason[80];
        (void)snprintf(line, sizeof line, "lottery data %s\n", versions[i]);
        (void)snprintf(reason, sizeof reason, "has version %s, this server knows versions 2 to 4",
                       versions[i]);
        expect_refused(fixture, line, strlen(line), reason);
        expect_replaced_refused(fixture, "lottery data 4\n", line, reason);
    }
    static const char *const none[] = {"lottery data 0\n",
                                       "lottery data \n",
                                       "lottery data -1\n",
                                       "lottery data 4294967296\n",
                                       "lottery data",
                                       "lottery data 4\n",
                                       "Lottery data 3\n",
                                       "something else\n",
                                       "\n",
                                       ""};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        expect_refused(fixture, none[i], strlen(none[i]), "is damaged");
    }
}

static void what_is_no_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct control found;
    struct failure failure = {.text = ""};
    int directory = fixture->scratch.descriptor;
    assert_int_equal(renameat(directory, DATA_CONTROL_FILE, directory, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", directory, DATA_CONTROL_FILE), 0);
    assert_int_equal(control_read(&fixture->directory, &found, &failure), CONTROL_REFUSED);
    assert_non_null(strstr(failure.text, fixture->scratch.path));
    assert_int_equal(unlinkat(directory, DATA_CONTROL_FILE, 0), 0);
    assert_int_equal(mkdirat(directory, DATA_CONTROL_FILE, 0700), 0);
    assert_int_equal(control_read(&fixture->directory, &found, &failure), CONTROL_REFUSED);
    assert_non_null(strstr(failure.text, "is a directory"));
}

/* ---------------------------------------------------------- failing writes ---- */

static void expect_not_written(struct fixture *fixture, bool synced_expected, const char *reason)
{
    struct failure failure = {.text = ""};
    struct control newer = example;
    bool synced = !synced_expected;
    newer.bets_bytes = 2002;
    assert_false(control_write(&fixture->directory, &newer, &synced, &failure));
    assert_int_equal(synced, synced_expected);
    if (strstr(failure.text, fixture->scratch.path) == NULL ||
        strstr(failure.text, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", failure.text, reason);
    }
}

static void one_that_cannot_be_opened_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_CONTROL_UNFINISHED_FILE, 0700), 0);
    expect_not_written(fixture, true, "where a regular file has to be");
    expect_read(fixture, &example);
}

static void an_unfinished_one_is_overwritten(void **state)
{
    struct fixture *fixture = *state;
    static char garbage[TEXT_BYTES_MAX];
    memset(garbage, 'x', sizeof garbage);
    scratch_write(&fixture->scratch, DATA_CONTROL_UNFINISHED_FILE, garbage, sizeof garbage);
    write_control(fixture, &example);
    expect_read(fixture, &example);
}

static void a_link_is_not_followed_when_it_is_written(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "victim", "kept", 4);
    assert_int_equal(symlinkat("victim", fixture->scratch.descriptor, DATA_CONTROL_UNFINISHED_FILE),
                     0);
    expect_not_written(fixture, true, "where a regular file has to be");
    size_t count = 0;
    char *victim = scratch_read(&fixture->scratch, "victim", &count);
    bool same = strcmp(victim, "kept") == 0;
    free(victim);
    assert_true(same);
    expect_read(fixture, &example);
}

static void one_that_cannot_be_synced_is_told_as_such_and_not_put_into_place(void **state)
{
    struct fixture *fixture = *state;
    syncs_before_failure = 0;
    expect_not_written(fixture, false, "sync ");
    expect_read(fixture, &example);
}

/* Either version may be what a power loss leaves; the directory shows the newer one. */
static void a_directory_that_cannot_be_synced_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    struct control newer = example;
    newer.bets_bytes = 2002;
    syncs_before_failure = 1;
    expect_not_written(fixture, false, "sync ");
    expect_read(fixture, &newer);
}

static void one_that_cannot_be_put_into_place_is_a_failure(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(unlinkat(fixture->scratch.descriptor, DATA_CONTROL_FILE, 0), 0);
    assert_int_equal(mkdirat(fixture->scratch.descriptor, DATA_CONTROL_FILE, 0700), 0);
    expect_not_written(fixture, true, "rename ");
}

/* The kernel takes a part and refuses the rest, as a full disk does. */
static int write_over_the_limit(void *context)
{
    const struct fixture *fixture = context;
    struct failure failure;
    bool synced = false;
    const struct rlimit limit = {100, 100};
    if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || setrlimit(RLIMIT_FSIZE, &limit) != 0 ||
        control_write(&fixture->directory, &example, &synced, &failure)) {
        return 1;
    }
    return synced ? SYNCED_STATUS : NOT_SYNCED_STATUS;
}

static void one_that_is_written_in_part_leaves_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    struct processes processes;
    processes_open(&processes);
    processes_release(&processes);
    pid_t pid = processes_start(&processes, write_over_the_limit, fixture);
    processes_expect_exit(&processes, pid, SYNCED_STATUS);
    processes_close(&processes);
    expect_read(fixture, &example);
}

/* ------------------------------------------------------------------ others ---- */

static void no_two_lotteries_have_the_same_identity(void **state)
{
    struct fixture *fixture = *state;
    struct control first;
    struct control second;
    struct failure failure;
    assert_true(control_make(&first, &failure));
    assert_true(control_make(&second, &failure));
    assert_string_not_equal(first.identity, second.identity);
    assert_int_equal(strspn(first.identity, "0123456789abcdef"), CONTROL_IDENTITY_DIGITS);
    assert_int_equal(first.state, CONTROL_NEW);
    assert_int_equal(first.bets_bytes, 0);
    first.ring_bytes = 1; /* what its maker has to add */
    first.terms = (struct lottery_terms){.draw = "1", .agencies_expected = 1};
    write_control(fixture, &first);
    expect_read(fixture, &first);
}

static void terms_are_the_same_where_all_of_them_are(void **state)
{
    (void)state;
    struct lottery_terms other = example.terms;
    assert_true(control_terms_equal(&example.terms, &other));
    other.agencies_expected++;
    assert_false(control_terms_equal(&example.terms, &other));
    other = example.terms;
    other.winning_number++; /* the command has named another one: no term of the beginning */
    assert_true(control_terms_equal(&example.terms, &other));
    other.number_by = NUMBER_BY_OPENING;
    assert_false(control_terms_equal(&example.terms, &other));
    struct lottery_terms known = other;
    known.winning_number++;
    assert_false(control_terms_equal(&known, &other));
    other = example.terms;
    other.draw[0] = '3';
    assert_false(control_terms_equal(&example.terms, &other));
    other = example.terms;
    other.closes_at_ms++;
    assert_false(control_terms_equal(&example.terms, &other));
    other = example.terms;
    other.agencies_allowed[0] = '2';
    assert_false(control_terms_equal(&example.terms, &other));
    other = example.terms;
    other.centres_expected[0] = '\0'; /* this centre alone */
    assert_true(control_says_centres(&other));
    assert_false(control_terms_equal(&example.terms, &other));
    (void)snprintf(other.centres_expected, sizeof other.centres_expected, "north,west");
    assert_false(control_terms_equal(&example.terms, &other));
    (void)snprintf(other.centres_expected, sizeof other.centres_expected, CONTROL_CENTRES_UNSAID);
    assert_false(control_says_centres(&other));
    assert_true(control_terms_equal(&example.terms, &other));
    assert_true(control_terms_equal(&other, &example.terms));
}

static void every_state_has_a_name_of_its_own(void **state)
{
    (void)state;
    assert_string_equal(control_state_name(CONTROL_NEW), "new");
    assert_string_equal(control_state_name(CONTROL_OPEN), "open");
    assert_string_equal(control_state_name(CONTROL_CLOSED), "closed");
    assert_string_equal(control_state_name(CONTROL_SEALED), "sealed");
    assert_string_equal(control_state_name(CONTROL_DRAWN), "drawn");
    assert_string_equal(control_state_name(CONTROL_ABANDONED), "abandoned");
}

#define CONTROL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* A number by command, once it was told, is that of the draw for ever. */
static void a_control_without_the_number_of_another_one_is_older(void **state)
{
    struct control own = {.state = CONTROL_SEALED};
    struct control other = {.state = CONTROL_SEALED};
    (void)state;
    own.terms.number_by = NUMBER_BY_COMMAND;
    other.terms = own.terms;
    assert_false(control_is_older(&own, &other));
    other.terms.number_given = true;
    other.terms.winning_number = 1;
    assert_true(control_is_older(&own, &other));
    assert_false(control_is_older(&other, &own));
    own.terms = other.terms;
    assert_false(control_is_older(&own, &other));
    own.terms.winning_number = 2;
    own.state = CONTROL_DRAWN; /* it went on by itself */
    assert_true(control_is_older(&own, &other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTROL_TEST(what_was_written_is_read),
        CONTROL_TEST(the_least_and_the_most_of_every_field_are_read),
        CONTROL_TEST(the_first_version_is_read_as_the_first_draw),
        CONTROL_TEST(the_version_before_leaves_the_centres_unsaid),
        CONTROL_TEST(a_newer_one_takes_the_olders_place_at_once),
        CONTROL_TEST(the_file_is_text_that_a_person_can_read),
        CONTROL_TEST(a_directory_without_it_is_not_refused),
        CONTROL_TEST(every_other_value_of_every_byte_is_refused),
        CONTROL_TEST(every_other_length_is_refused),
        CONTROL_TEST(two_neighbours_that_change_places_are_refused),
        CONTROL_TEST(another_spelling_is_refused_even_where_its_checksum_fits),
        CONTROL_TEST(another_version_is_told_as_such),
        CONTROL_TEST(what_is_no_file_is_refused),
        CONTROL_TEST(one_that_cannot_be_opened_leaves_the_one_before),
        CONTROL_TEST(an_unfinished_one_is_overwritten),
        CONTROL_TEST(a_link_is_not_followed_when_it_is_written),
        CONTROL_TEST(one_that_cannot_be_synced_is_told_as_such_and_not_put_into_place),
        CONTROL_TEST(a_directory_that_cannot_be_synced_is_told_as_such),
        CONTROL_TEST(one_that_cannot_be_put_into_place_is_a_failure),
        CONTROL_TEST(one_that_is_written_in_part_leaves_the_one_before),
        CONTROL_TEST(no_two_lotteries_have_the_same_identity),
        cmocka_unit_test(terms_are_the_same_where_all_of_them_are),
        cmocka_unit_test(every_state_has_a_name_of_its_own),
        cmocka_unit_test(a_control_without_the_number_of_another_one_is_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
