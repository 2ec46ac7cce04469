/*
 * test_mirror.c - a standby's files are what the log says, whatever they were before.
 */
#include "shipper/mirror.h"

#include "lib/checksum.h"
#include "store/checkpoint.h"
#include "store/done_file.h"
#include "tests/harness/processes.h"
#include "tests/harness/scratch_directory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

#define DRAW_1 "0123456789abcdef0123456789abcdef"
#define DRAW_2 "fedcba9876543210fedcba9876543210"
#define ROW_1  "1,Ana,Paz,30904465,1999-03-17,2201\r\n"
#define ROW_2  "2,Eva,Sol,30904466,1999-03-18,7574\r\n"
#define ROW_3  "1,Leo,Rio,30904467,1999-03-19,7575\r\n"

struct fixture {
    struct scratch scratch;
    struct data_directory directory;
    struct mirror mirror;
    uint64_t epoch;
    const char *node; /* who writes the log */
    const char *identity;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.node = "north", .identity = DRAW_1};
    scratch_open(&fixture.scratch);
    fixture.directory = scratch_directory(&fixture.scratch);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    scratch_close(&fixture->scratch);
    return 0;
}

/* Opens the mirror, of the node "south". */
static enum mirror_end begin(struct fixture *fixture, struct failure *failure)
{
    return mirror_open(&fixture->mirror, &fixture->directory, "south", failure);
}

static void must_begin(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    if (begin(fixture, &failure) != MIRROR_APPLIED) {
        fail_msg("%s", failure.text);
    }
}

static enum mirror_end try_apply(struct fixture *fixture, struct record *record,
                                 struct failure *failure)
{
    record->epoch = fixture->epoch;
    (void)snprintf(record->node, sizeof record->node, "%s", fixture->node);
    (void)snprintf(record->identity, sizeof record->identity, "%s", fixture->identity);
    return mirror_apply(&fixture->mirror, record, fixture->mirror.log.sequence + 1, 1700000000000,
                        failure);
}

static void apply(struct fixture *fixture, struct record *record)
{
    struct failure failure = {.text = ""};
    if (try_apply(fixture, record, &failure) != MIRROR_APPLIED) {
        fail_msg("%s", failure.text);
    }
}

static void claim(struct fixture *fixture, const char *node)
{
    const bool same = strcmp(fixture->mirror.log.identity, fixture->identity) == 0;
    struct record record = {.kind = RECORD_CLAIM,
                            .bets_end = same ? fixture->mirror.log.bets_end : 0,
                            .done_end = same ? fixture->mirror.log.done_end : 0};
    fixture->node = node;
    fixture->epoch = fixture->mirror.log.epoch + 1;
    apply(fixture, &record);
}

static struct record lines_of(const struct fixture *fixture, enum record_kind kind,
                              const char *text)
{
    const struct log_state *log = &fixture->mirror.log;
    return (struct record){.kind = kind,
                           .offset = kind == RECORD_BETS ? log->bets_end : log->done_end,
                           .rows = 1,
                           .bytes = text,
                           .length = strlen(text)};
}

static void add(struct fixture *fixture, enum record_kind kind, const char *text)
{
    struct record record = lines_of(fixture, kind, text);
    apply(fixture, &record);
}

static void add_file(struct fixture *fixture, const char *name, const char *text)
{
    struct record record = {.kind = RECORD_FILE, .bytes = text, .length = strlen(text)};
    (void)snprintf(record.name, sizeof record.name, "%s", name);
    apply(fixture, &record);
}

static struct control some_control(const char *identity, const char *draw, enum control_state state)
{
    struct control control = {.ipc_key = 0x1234,
                              .ring_bytes = 1 << 20,
                              .terms = {.agencies_expected = 2, .agencies_allowed = "1-2"},
                              .opened_at_ms = 1600000000000,
                              .state = state};
    (void)snprintf(control.identity, sizeof control.identity, "%s", identity);
    (void)snprintf(control.terms.draw, sizeof control.terms.draw, "%s", draw);
    return control;
}

/* The text of a control, by way of a directory of its own. Freed by the caller. */
static char *text_of(const struct control *control)
{
    struct scratch scratch;
    struct failure failure = {.text = ""};
    bool synced = false;
    size_t bytes = 0;
    scratch_open(&scratch);
    const struct data_directory directory = {
        .path = scratch.path, .descriptor = scratch.descriptor, .lock = -1};
    assert_true(control_write(&directory, control, &synced, &failure));
    char *text = scratch_read(&scratch, DATA_CONTROL_FILE, &bytes);
    scratch_close(&scratch);
    return text;
}

static void add_control(struct fixture *fixture, const char *draw, enum control_state state)
{
    const struct control control = some_control(fixture->identity, draw, state);
    char *text = text_of(&control);
    add_file(fixture, DATA_CONTROL_FILE, text);
    free(text);
}

static void settle(struct fixture *fixture)
{
    struct failure failure = {.text = ""};
    if (mirror_settle(&fixture->mirror, &failure) != MIRROR_APPLIED) {
        fail_msg("%s", failure.text);
    }
}

static void expect_file(const struct fixture *fixture, const char *name, const char *text)
{
    size_t bytes = 0;
    char *found = scratch_read(&fixture->scratch, name, &bytes);
    assert_string_equal(found, text);
    assert_int_equal(bytes, strlen(text));
    free(found);
}

/* ----------------------------------------------------------------- tests ---- */

static void an_empty_directory_becomes_the_primarys(void **state)
{
    struct fixture *fixture = *state;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_NEW);
    add(fixture, RECORD_BETS, ROW_1 ROW_2);
    char line[DONE_LINE_BYTES_MAX];
    (void)done_file_write_line(
        line,
        &(struct done_line){.agency = 2,
                            .bets = 1,
                            .position = strlen(ROW_1 ROW_2),
                            .checksum = checksum_extend(CHECKSUM_EMPTY, ROW_2, strlen(ROW_2))});
    add(fixture, RECORD_DONE, line);
    add_control(fixture, "1", CONTROL_CLOSED);
    add_file(fixture, DATA_SEAL_FILE, "{\"seal\":1}");
    add(fixture, RECORD_BETS, ROW_3);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
    expect_file(fixture, DATA_DONE_FILE, line);
    expect_file(fixture, DATA_SEAL_FILE, "{\"seal\":1}");
    assert_int_equal(fixture->mirror.control.state, CONTROL_CLOSED);
    assert_int_equal(fixture->mirror.control.ipc_key, 0); /* the primary's is its own */
    assert_int_equal(fixture->mirror.state.role, REPLICATION_STANDBY);
    mirror_close(&fixture->mirror);
}

static void its_own_key_and_ring_stay(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    bool synced = false;
    struct control own = some_control(DRAW_1, "1", CONTROL_OPEN);
    struct control read;
    own.ipc_key = 0xabcd;
    own.ring_bytes = 1 << 22;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_NEW);
    settle(fixture);
    mirror_close(&fixture->mirror);
    assert_true(control_write(&fixture->directory, &own, &synced, &failure)); /* its server ran */
    must_begin(fixture);
    add_control(fixture, "1", CONTROL_OPEN);
    mirror_close(&fixture->mirror);
    assert_int_equal(control_read(&fixture->directory, &read, &failure), CONTROL_READ);
    assert_int_equal(read.ipc_key, 0xabcd);
    assert_int_equal(read.ring_bytes, 1 << 22);
}

static void after_a_kill_it_goes_on_from_its_state(void **state)
{
    struct fixture *fixture = *state;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    const uint64_t settled = fixture->mirror.log.sequence;
    add(fixture, RECORD_BETS, ROW_2); /* is in the file, and not in the state */
    mirror_close(&fixture->mirror);
    must_begin(fixture);
    assert_int_equal(fixture->mirror.log.sequence, settled);
    add(fixture, RECORD_BETS, ROW_2);
    add(fixture, RECORD_BETS, ROW_3);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
    mirror_close(&fixture->mirror);
}

static void its_checkpoint_counts_each_row_once(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint checkpoint;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_2 ROW_1);
    settle(fixture);
    add(fixture, RECORD_BETS, ROW_3);
    mirror_close(&fixture->mirror); /* killed: the checkpoint is of the rows before */
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_3);
    settle(fixture);
    assert_int_equal(checkpoint_read(&fixture->directory, DRAW_1, fixture->mirror.bets.descriptor,
                                     CHECKPOINT_VERIFY_ALL, &checkpoint, &failure),
                     CHECKPOINT_READ);
    assert_int_equal(checkpoint.position, strlen(ROW_1 ROW_2 ROW_3));
    assert_int_equal(checkpoint.count, 2);
    assert_int_equal(checkpoint.agencies[0].id, 1);
    assert_int_equal(checkpoint.agencies[0].bets, 2);
    assert_int_equal(checkpoint.agencies[0].checksum,
                     checksum_extend(CHECKSUM_EMPTY, ROW_1 ROW_3, strlen(ROW_1 ROW_3)));
    assert_int_equal(checkpoint.agencies[1].bets, 1);
    checkpoint_close(&checkpoint);
    mirror_close(&fixture->mirror);
}

/* Makes the directory that of the primary "south", which has claimed epoch 1 as record 1. */
static void be_primary(struct fixture *fixture, const char *bets)
{
    struct failure failure = {.text = ""};
    bool synced = false;
    const struct control control = some_control(DRAW_1, "1", CONTROL_OPEN);
    struct replication_state own = {.id = "00c0ffee",
                                    .role = REPLICATION_PRIMARY,
                                    .identity = DRAW_1,
                                    .writer = "south",
                                    .epoch = 1,
                                    .sequence = 1};
    assert_true(control_write(&fixture->directory, &control, &synced, &failure));
    assert_true(replication_write(&fixture->directory, &own, &synced, &failure));
    scratch_write(&fixture->scratch, DATA_BETS_FILE, bets, strlen(bets));
    scratch_write(&fixture->scratch, DATA_DONE_FILE, "", 0);
    fixture->node = "south";
    fixture->epoch = 1;
}

static void what_a_primary_has_behind_anothers_claim_is_put_aside(void **state)
{
    struct fixture *fixture = *state;
    be_primary(fixture, ROW_1 ROW_2 ROW_3);
    scratch_write(&fixture->scratch, DATA_CHECKPOINT_FILE, "one of its own", 14);
    must_begin(fixture);
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
    claim(fixture, "north");
    expect_file(fixture, DATA_BETS_FILE, ROW_1);
    expect_file(fixture, DATA_BETS_FILE ".unacknowledged.2", ROW_2 ROW_3);
    assert_int_equal(fixture->mirror.state.role, REPLICATION_STANDBY);
    assert_int_equal(fixture->mirror.state.takeover_count, 1);
    add(fixture, RECORD_BETS, ROW_3);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_3);
    mirror_close(&fixture->mirror);
    must_begin(fixture); /* and it is a standby as any other */
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_3);
    mirror_close(&fixture->mirror);
}

static void what_was_put_aside_is_never_overwritten(void **state)
{
    struct fixture *fixture = *state;
    be_primary(fixture, ROW_1 ROW_2);
    scratch_write(&fixture->scratch, DATA_BETS_FILE ".unacknowledged.2", "older", 5);
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    claim(fixture, "north");
    expect_file(fixture, DATA_BETS_FILE ".unacknowledged.2", "older");
    expect_file(fixture, DATA_BETS_FILE ".unacknowledged.2.2", ROW_2);
    expect_file(fixture, DATA_BETS_FILE, ROW_1);
    mirror_close(&fixture->mirror);
}

static void a_move_that_was_not_finished_is_completed(void **state)
{
    struct fixture *fixture = *state;
    be_primary(fixture, ROW_1 ROW_2);
    scratch_write(&fixture->scratch, DATA_BETS_FILE ".unacknowledged.2", ROW_2, strlen(ROW_2));
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    claim(fixture, "north");
    expect_file(fixture, DATA_BETS_FILE, ROW_1);
    assert_false(scratch_has(&fixture->scratch, DATA_BETS_FILE ".unacknowledged.2.2"));
    mirror_close(&fixture->mirror);
}

static void a_primary_that_claims_again_keeps_all(void **state)
{
    struct fixture *fixture = *state;
    be_primary(fixture, ROW_1 ROW_2 ROW_3);
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    claim(fixture, "south");
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
    assert_int_equal(fixture->mirror.state.role, REPLICATION_PRIMARY);
    assert_int_equal(fixture->mirror.state.sequence, fixture->mirror.log.sequence);
    mirror_close(&fixture->mirror);
}

static void other_bytes_before_the_claim_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    be_primary(fixture, ROW_1 ROW_2);
    must_begin(fixture);
    struct record record = lines_of(fixture, RECORD_BETS, ROW_3 ROW_2);
    assert_int_equal(try_apply(fixture, &record, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "other bytes than the log"));
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2);
    mirror_close(&fixture->mirror);
}

/* The log gets the control of a draw whose seal has these digits. */
static struct record sealed(const struct fixture *fixture, char digit, char **text)
{
    struct control control = some_control(DRAW_1, "1", CONTROL_SEALED);
    control.bets_bytes = fixture->mirror.log.bets_end;
    control.sealed_at_ms = control.opened_at_ms + 1;
    control.closing = (struct closing){.at_ms = control.sealed_at_ms, .by = CLOSED_BY_AGENCIES};
    memset(control.seal_sha256, digit, CONTROL_SHA256_DIGITS);
    *text = text_of(&control);
    return (struct record){
        .kind = RECORD_FILE, .name = DATA_CONTROL_FILE, .bytes = *text, .length = strlen(*text)};
}

/* Somebody puts Tuesday's copy back, of a node whose draw was sealed on Wednesday. */
static void an_older_copy_takes_the_seal_from_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct control control;
    char *text = NULL;
    be_primary(fixture, ROW_1);
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    add(fixture, RECORD_BETS, ROW_2);
    add_file(fixture, DATA_SEAL_FILE, "the seal");
    struct record record = sealed(fixture, 'a', &text);
    apply(fixture, &record);
    free(text);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2);
    expect_file(fixture, DATA_SEAL_FILE, "the seal");
    assert_int_equal(control_read(&fixture->directory, &control, &failure), CONTROL_READ);
    assert_int_equal(control.state, CONTROL_SEALED);
    mirror_close(&fixture->mirror);
}

static void a_second_seal_of_the_same_draw_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    char *first = NULL;
    char *second = NULL;
    be_primary(fixture, ROW_1);
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    struct record record = sealed(fixture, 'a', &first);
    apply(fixture, &record);
    record = sealed(fixture, 'b', &second);
    assert_int_equal(try_apply(fixture, &record, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "another seal"));
    free(first);
    free(second);
    mirror_close(&fixture->mirror);
}

/* Closed, and waiting to be drawn with this number. */
static struct control numbered(uint32_t number)
{
    struct control control = some_control(DRAW_1, "1", CONTROL_CLOSED);
    control.terms.number_by = NUMBER_BY_COMMAND;
    control.terms.number_given = true;
    control.terms.winning_number = number;
    return control;
}

/* Its operator was told number 1, and another one's 2: as after a copy that went on by itself. */
static void a_second_number_of_the_same_draw_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    const struct control own = numbered(1);
    const struct control logged = numbered(2);
    bool synced = false;
    be_primary(fixture, ROW_1);
    assert_true(control_write(&fixture->directory, &own, &synced, &failure));
    must_begin(fixture);
    add(fixture, RECORD_BETS, ROW_1);
    char *text = text_of(&logged);
    struct record record = {
        .kind = RECORD_FILE, .name = DATA_CONTROL_FILE, .bytes = text, .length = strlen(text)};
    assert_int_equal(try_apply(fixture, &record, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "the log has another number of the draw"));
    free(text);
    mirror_close(&fixture->mirror);
}

static void a_file_that_lost_synced_bytes_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    mirror_close(&fixture->mirror);
    scratch_write(&fixture->scratch, DATA_BETS_FILE, ROW_1, strlen(ROW_1) - 1);
    assert_int_equal(begin(fixture, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "were synced"));
    mirror_close(&fixture->mirror);
}

/* Else it takes over, its recovery refuses the file, and the node that could serve is fenced. */
static void a_file_that_was_changed_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    char changed[] = ROW_1 ROW_2;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1 ROW_2);
    settle(fixture);
    mirror_close(&fixture->mirror);
    must_begin(fixture);
    mirror_close(&fixture->mirror);
    changed[2]++;
    scratch_write(&fixture->scratch, DATA_BETS_FILE, changed, strlen(changed));
    assert_int_equal(begin(fixture, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "was changed"));
    mirror_close(&fixture->mirror);
}

/* The claim comes after this look: so another node can serve. */
static void a_file_that_is_changed_while_it_is_followed_is_found_before_a_claim(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    char changed[] = ROW_1 ROW_2 ROW_1;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1 ROW_2);
    assert_int_equal(mirror_prove(&fixture->mirror, &failure), MIRROR_APPLIED);
    add(fixture, RECORD_BETS, ROW_1);
    changed[2]++;
    scratch_write(&fixture->scratch, DATA_BETS_FILE, changed, strlen(changed));
    assert_int_equal(mirror_prove(&fixture->mirror, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "was changed"));
    assert_non_null(strstr(failure.text, "name an empty data.directory"));
    mirror_close(&fixture->mirror);
}

/* ---- right records of wrong contents ------------------------------------------------ */

/* A standby of a log with three rows, of agencies 1 and 2. */
static void begin_with_rows(struct fixture *fixture)
{
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1 ROW_2 ROW_3);
}

static void expect_content_refused(struct fixture *fixture, struct record *record, const char *why)
{
    struct failure failure = {.text = ""};
    assert_int_equal(try_apply(fixture, record, &failure), MIRROR_REFUSED);
    if (strstr(failure.text, why) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", failure.text, why);
    }
    assert_non_null(strstr(failure.text, "none that a server of the lottery writes"));
    mirror_close(&fixture->mirror);
}

static void rows_that_are_no_bets_do_not_come_into_the_file(void **state)
{
    static const char *const forged[] = {"none of the lottery wrote this\n",
                                         ROW_1 "x\r\n",
                                         "1,Ana,Paz,30904465,1999-03-17,2201\n",
                                         "\r\n",
                                         "0" ROW_1,
                                         "1,Ana,Paz,30904465,1999-13-17,2201\r\n"};
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
        struct fixture *fixture = *state;
        begin_with_rows(fixture);
        struct record record = lines_of(fixture, RECORD_BETS, forged[i]);
        expect_content_refused(fixture, &record, "its rows are no bets");
        expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
        tear_down(state);
        set_up(state);
    }
}

static void lines_that_are_not_what_an_agency_has_do_not_come_into_the_file(void **state)
{
    const uint64_t sum = checksum_extend(CHECKSUM_EMPTY, ROW_2, strlen(ROW_2));
    const uint64_t all = strlen(ROW_1 ROW_2 ROW_3);
    const struct done_line forged[] = {
        {.agency = 2, .bets = 2, .position = all, .checksum = sum},
        {.agency = 2, .bets = 1, .position = all, .checksum = sum + 1},
        {.agency = 2, .bets = 1, .position = all + 1, .checksum = sum},
        {.agency = 3, .bets = 1, .position = all, .checksum = sum},
    };
    for (size_t i = 0; i <= sizeof forged / sizeof forged[0]; i++) {
        struct fixture *fixture = *state;
        char text[DONE_LINE_BYTES_MAX] = "2,1,72,0,0\n"; /* without its checksum */
        if (i < sizeof forged / sizeof forged[0]) {
            (void)done_file_write_line(text, &forged[i]);
        }
        begin_with_rows(fixture);
        struct record record = lines_of(fixture, RECORD_DONE, text);
        expect_content_refused(fixture, &record, "not what the agencies have");
        expect_file(fixture, DATA_DONE_FILE, "");
        tear_down(state);
        set_up(state);
    }
}

static void expect_control_refused(struct fixture *fixture, const struct control *control,
                                   const char *why)
{
    char *text = text_of(control);
    struct record record = {
        .kind = RECORD_FILE, .name = DATA_CONTROL_FILE, .bytes = text, .length = strlen(text)};
    expect_content_refused(fixture, &record, why);
    free(text);
}

/* It would open sales again that have been closed. */
static void control_that_takes_a_step_back_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct control read;
    struct failure failure = {.text = ""};
    const struct control back = some_control(DRAW_1, "1", CONTROL_OPEN);
    begin_with_rows(fixture);
    add_control(fixture, "1", CONTROL_CLOSED);
    expect_control_refused(fixture, &back, "takes a step of the draw back");
    assert_int_equal(control_read(&fixture->directory, &read, &failure), CONTROL_READ);
    assert_int_equal(read.state, CONTROL_CLOSED);
}

/* Recovery would refuse it, when no other node may serve any more. */
static void control_of_bytes_that_are_not_in_the_log_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct control ahead = some_control(DRAW_1, "1", CONTROL_CLOSED);
    begin_with_rows(fixture);
    ahead.bets_bytes = strlen(ROW_1 ROW_2 ROW_3) + 1;
    expect_control_refused(fixture, &ahead, "bytes that are not in the log");
}

static void a_file_of_a_name_that_nobody_uses_stays_in_the_log(void **state)
{
    struct fixture *fixture = *state;
    begin_with_rows(fixture);
    add_file(fixture, DATA_BETS_FILE, "evil");
    add_file(fixture, DATA_REPLICATION_FILE, "evil");
    add_file(fixture, "evil", "evil");
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_1 ROW_2 ROW_3);
    assert_false(scratch_has(&fixture->scratch, "evil"));
    mirror_close(&fixture->mirror);
}

static void a_gap_in_the_log_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    struct record record = lines_of(fixture, RECORD_BETS, ROW_1);
    record.offset = 1;
    assert_int_equal(try_apply(fixture, &record, &failure), MIRROR_REFUSED);
    mirror_close(&fixture->mirror);
}

static void bets_may_come_before_their_control(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    assert_false(mirror_may_take_over(&fixture->mirror, &failure));
    mirror_close(&fixture->mirror);
    must_begin(fixture);
    assert_false(mirror_may_take_over(&fixture->mirror, &failure));
    add_control(fixture, "1", CONTROL_OPEN);
    assert_true(mirror_may_take_over(&fixture->mirror, &failure));
    expect_file(fixture, DATA_BETS_FILE, ROW_1);
    assert_string_equal(fixture->mirror.control.terms.draw, "1");
    assert_int_equal(fixture->mirror.control.ring_bytes, 1 << 20);
    mirror_close(&fixture->mirror);
}

static void the_next_draw_archives_the_one_before(void **state)
{
    struct fixture *fixture = *state;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "first", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    fixture->identity = DRAW_2;
    claim(fixture, "north");
    add(fixture, RECORD_BETS, ROW_2); /* before its control */
    add_control(fixture, "second", CONTROL_NEW);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_2);
    expect_file(fixture, "draws/first/" DATA_BETS_FILE, ROW_1);
    assert_string_equal(fixture->mirror.control.terms.draw, "second");
    mirror_close(&fixture->mirror);
}

/* A claim of `node` that begins the draw DRAW_2 by its control. */
static void open_second(struct fixture *fixture, const char *node)
{
    const struct control control = some_control(DRAW_2, "second", CONTROL_NEW);
    char *text = text_of(&control);
    struct record record = {.kind = RECORD_CLAIM, .bytes = text, .length = strlen(text)};
    fixture->identity = DRAW_2;
    fixture->node = node;
    fixture->epoch = fixture->mirror.log.epoch + 1;
    apply(fixture, &record);
    free(text);
}

static void an_opening_has_the_control_of_its_draw(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "first", CONTROL_DRAWN);
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    open_second(fixture, "north");
    assert_true(mirror_may_take_over(&fixture->mirror, &failure));
    assert_string_equal(fixture->mirror.control.terms.draw, "second");
    expect_file(fixture, "draws/first/" DATA_BETS_FILE, ROW_1);
    add(fixture, RECORD_BETS, ROW_2);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_2);
    mirror_close(&fixture->mirror);
}

/* It died between the control of the next draw and the state: records of the draw before come again. */
static void what_comes_again_of_the_draw_before_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct replication_state before;
    struct failure failure = {.text = ""};
    bool synced = false;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "first", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    settle(fixture);
    assert_int_equal(replication_read(&fixture->directory, &before, &failure), REPLICATION_READ);
    const struct log_state log = fixture->mirror.log;
    add(fixture, RECORD_BETS, ROW_3);
    open_second(fixture, "north");
    mirror_close(&fixture->mirror);
    assert_true(replication_write(&fixture->directory, &before, &synced, &failure));
    must_begin(fixture);
    fixture->identity = DRAW_1;
    fixture->epoch = log.epoch;
    assert_int_equal(fixture->mirror.log.bets_end, log.bets_end);
    add(fixture, RECORD_BETS, ROW_3);
    add_control(fixture, "first", CONTROL_CLOSED);
    add_file(fixture, DATA_SEAL_FILE, "{}");
    open_second(fixture, "north");
    add(fixture, RECORD_BETS, ROW_2);
    settle(fixture);
    expect_file(fixture, DATA_BETS_FILE, ROW_2);
    expect_file(fixture, "draws/first/" DATA_BETS_FILE, ROW_1 ROW_3);
    assert_string_equal(fixture->mirror.control.terms.draw, "second");
    assert_int_equal(faccessat(fixture->scratch.descriptor, DATA_SEAL_FILE, F_OK, 0), -1);
    mirror_close(&fixture->mirror);
}

/* The log has begun the draw, and the primary died before its directory had. */
static void a_primary_that_died_over_an_opening_comes_after_the_log(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "first", CONTROL_OPEN);
    add(fixture, RECORD_BETS, ROW_1);
    claim(fixture, "south"); /* which is this node: it took over, and served */
    assert_true(mirror_become_primary(&fixture->mirror, &failure));
    mirror_close(&fixture->mirror);
    must_begin(fixture);
    open_second(fixture, "south");
    assert_string_equal(fixture->mirror.control.terms.draw, "second");
    expect_file(fixture, "draws/first/" DATA_BETS_FILE, ROW_1);
    assert_true(mirror_may_take_over(&fixture->mirror, &failure));
    mirror_close(&fixture->mirror);
}

static void the_log_of_another_lottery_is_told_as_one(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "first", CONTROL_OPEN);
    settle(fixture);
    mirror_close(&fixture->mirror);
    (void)unlinkat(fixture->scratch.descriptor, DATA_REPLICATION_FILE, 0);
    fixture->identity = DRAW_2;
    fixture->epoch = 1;
    fixture->node = "north";
    must_begin(fixture);
    struct record beginning = {.kind = RECORD_CLAIM};
    struct record bets = {.kind = RECORD_BETS, .rows = 1, .bytes = ROW_1, .length = strlen(ROW_1)};
    apply(fixture, &beginning);
    assert_int_equal(try_apply(fixture, &bets, &failure), MIRROR_REFUSED);
    assert_non_null(strstr(failure.text, "they are two lotteries"));
    mirror_close(&fixture->mirror);
}

static void a_node_that_took_over_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure = {.text = ""};
    struct replication_state read;
    must_begin(fixture);
    claim(fixture, "north");
    add_control(fixture, "1", CONTROL_OPEN);
    assert_true(mirror_may_take_over(&fixture->mirror, &failure));
    claim(fixture, "south");
    assert_true(mirror_become_primary(&fixture->mirror, &failure));
    mirror_close(&fixture->mirror);
    assert_int_equal(replication_read(&fixture->directory, &read, &failure), REPLICATION_READ);
    assert_int_equal(read.role, REPLICATION_PRIMARY);
    assert_int_equal(read.epoch, 2);
    assert_string_equal(read.writer, "south");
    assert_int_equal(read.takeover_count, 1);
    assert_string_equal(read.takeovers[0].node, "south");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_empty_directory_becomes_the_primarys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_own_key_and_ring_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_kill_it_goes_on_from_its_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(its_checkpoint_counts_each_row_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_primary_has_behind_anothers_claim_is_put_aside,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_put_aside_is_never_overwritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_move_that_was_not_finished_is_completed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_primary_that_claims_again_keeps_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_bytes_before_the_claim_are_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_older_copy_takes_the_seal_from_the_log, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_second_seal_of_the_same_draw_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_second_number_of_the_same_draw_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_lost_synced_bytes_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_changed_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_file_that_is_changed_while_it_is_followed_is_found_before_a_claim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_are_no_bets_do_not_come_into_the_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            lines_that_are_not_what_an_agency_has_do_not_come_into_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(control_that_takes_a_step_back_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(control_of_bytes_that_are_not_in_the_log_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_a_name_that_nobody_uses_stays_in_the_log, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_gap_in_the_log_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bets_may_come_before_their_control, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_draw_archives_the_one_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_opening_has_the_control_of_its_draw, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_again_of_the_draw_before_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_primary_that_died_over_an_opening_comes_after_the_log,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_of_another_lottery_is_told_as_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_node_that_took_over_says_so, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
