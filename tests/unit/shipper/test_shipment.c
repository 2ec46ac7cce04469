/*
 * test_shipment.c - what a writer of the log was told to be stored is there once, whatever the engine
 * does; and who may not write says why.
 *
 * The engine is in memory. Each try of an append fails in each way, in all orders; each time the whole
 * log is read and folded at the end.
 */
#include "shipper/shipment.h"

#include "engine/engine_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum {
    TIMEOUT_MS = 10,
    REPLICAS = 3,
    FAULTS = ENGINE_MEMORY_REFUSE + 1, /* of a try, none included; to be forbidden is an end */
    TRIES_FAULTY = 4,
    PATIENCE = 50, /* calls until an append must have been answered */
    RECORDS = 4,
    STREAM_BYTES = 4096
};

#define CENTRE   "north"
#define NODE     "a-00000001"
#define RIVAL    "b-00000002"
#define IDENTITY "0123456789abcdef0123456789abcdef"
#define OTHER    "ffffffffffffffffffffffffffffffff"

/* What this node's files hold. */
static const char bets_csv[] =
    "1,a,b,1,2000-01-01,7574\n1,c,d,2,2000-01-01,1\n2,e,f,3,2000-01-01,2\n";
static const char done_csv[] = "1,2,44,0\n";

struct fixture {
    struct engine_memory *memory;
    struct engine *engine, *rivals;
    struct shipment shipment, rival;
    const char *bets;               /* what the files hold now */
    const struct control *archived; /* the one draw of the archive; NULL: there is none */
    bool is_old_copy;               /* they lack what the log has of small files */
};

static struct failure failure;

static bool read_files(void *context, enum record_kind kind, uint64_t offset, void *bytes,
                       size_t count, struct failure *reason)
{
    const struct fixture *fixture = context;
    (void)reason;
    memcpy(bytes, (kind == RECORD_BETS ? fixture->bets : done_csv) + offset, count);
    return true;
}

static bool knows_file(void *context, const struct record *record, struct failure *reason)
{
    const struct fixture *fixture = context;
    return !fixture->is_old_copy || failure_set(reason, "an older %s", record->name);
}

static bool find_archived(void *context, const char *identity, struct control *archived)
{
    const struct fixture *fixture = context;
    if (fixture->archived == NULL || strcmp(fixture->archived->identity, identity) != 0) {
        return false;
    }
    *archived = *fixture->archived;
    return true;
}

static struct shipment_files files_of(struct fixture *fixture)
{
    return (struct shipment_files){.bets_end = strlen(fixture->bets),
                                   .done_end = strlen(done_csv),
                                   .read = read_files,
                                   .knows = knows_file,
                                   .find_archived = find_archived,
                                   .context = fixture};
}

static void open_all(struct fixture *fixture)
{
    *fixture = (struct fixture){.memory = engine_memory_make(), .bets = bets_csv};
    assert_non_null(fixture->memory);
    fixture->engine = engine_open_memory(fixture->memory);
    fixture->rivals = engine_open_memory(fixture->memory);
    assert_non_null(fixture->engine);
    assert_non_null(fixture->rivals);
    shipment_open(&fixture->shipment, fixture->engine, CENTRE, NODE, IDENTITY, REPLICAS,
                  TIMEOUT_MS);
    shipment_open(&fixture->rival, fixture->rivals, CENTRE, RIVAL, IDENTITY, REPLICAS, TIMEOUT_MS);
}

static void close_all(struct fixture *fixture)
{
    engine_close(fixture->engine);
    engine_close(fixture->rivals);
    engine_memory_drop(fixture->memory);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    open_all(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    close_all(*state);
    return 0;
}

/* ---- helpers ---------------------------------------------------------------- */

/* What is appended in turn: two rows, a row, the line of an agency, control. */
static struct record plan_record(int index)
{
    const char *second = strchr(strchr(bets_csv, '\n') + 1, '\n') + 1;
    switch (index) {
    case 0:
        return (struct record){.kind = RECORD_BETS,
                               .rows = 2,
                               .bytes = bets_csv,
                               .length = (uint64_t)(second - bets_csv)};
    case 1:
        return (struct record){
            .kind = RECORD_BETS, .rows = 1, .bytes = second, .length = strlen(second)};
    case 2:
        return (struct record){
            .kind = RECORD_DONE, .rows = 1, .bytes = done_csv, .length = strlen(done_csv)};
    default:
        return (struct record){
            .kind = RECORD_FILE, .name = "control", .bytes = "control\n", .length = 8};
    }
}

/* The faults of the tries that are still to come, as the digits of a number. */
static enum engine_memory_fault next_fault(unsigned *plan)
{
    enum engine_memory_fault fault = (enum engine_memory_fault)(*plan % FAULTS);
    *plan /= FAULTS;
    return fault;
}

static enum shipment_end claim(struct fixture *fixture, struct shipment *shipment)
{
    const struct shipment_files files = files_of(fixture);
    enum shipment_end end = SHIPMENT_WAITING;
    for (int i = 0; i < PATIENCE && end == SHIPMENT_WAITING; i++) {
        end = shipment_claim(shipment, &files, &failure);
    }
    return end;
}

static enum shipment_end append(struct fixture *fixture, struct shipment *shipment,
                                struct record *record, unsigned *plan)
{
    enum shipment_end end = SHIPMENT_WAITING;
    for (int i = 0; i < PATIENCE && end == SHIPMENT_WAITING; i++) {
        engine_memory_fail_append(fixture->engine, next_fault(plan));
        end = shipment_append(shipment, record, &failure);
    }
    return end;
}

/* Appends the records from `first` up to `end` without faults. */
static void append_plan(struct fixture *fixture, struct shipment *shipment, int first, int end)
{
    unsigned none = 0;
    for (int i = first; i < end; i++) {
        struct record record = plan_record(i);
        assert_int_equal(append(fixture, shipment, &record, &none), SHIPMENT_STORED);
    }
}

/* What a reader finds, all of it. */
struct found {
    char bets[STREAM_BYTES], done[STREAM_BYTES];
    unsigned files, claims;
    struct log_state log;
};

static void read_all(const struct fixture *fixture, struct found *found)
{
    struct engine_message message;
    struct record record;
    memset(found, 0, sizeof *found);
    for (uint64_t sequence = 1;; sequence++) {
        enum engine_reading reading =
            engine_read(fixture->rivals, fixture->shipment.stream, sequence, 0, &message, &failure);
        if (reading == ENGINE_NOTHING) {
            return;
        }
        assert_int_equal(reading, ENGINE_READ);
        if (!record_read(&message, &record, &failure) ||
            !log_state_fold(&found->log, &record, sequence, &failure)) {
            fail_msg("%s", failure.text);
        }
        if (record.kind == RECORD_BETS) {
            memcpy(found->bets + record.offset, record.bytes, record.length);
        } else if (record.kind == RECORD_DONE) {
            memcpy(found->done + record.offset, record.bytes, record.length);
        }
        found->files += record.kind == RECORD_FILE;
        found->claims += record.kind == RECORD_CLAIM;
    }
}

static void assert_failure(const char *text)
{
    if (strstr(failure.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", failure.text, text);
    }
}

/* ---- shipping ---------------------------------------------------------------- */

static void what_is_shipped_is_in_the_log_once_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    assert_int_equal(fixture->shipment.log.epoch, 1);
    append_plan(fixture, &fixture->shipment, 0, RECORDS);
    read_all(fixture, &found);
    assert_string_equal(found.bets, bets_csv);
    assert_string_equal(found.done, done_csv);
    assert_int_equal(found.files, 1);
    assert_int_equal(found.claims, 1);
    assert_int_equal(found.log.sequence, fixture->shipment.log.sequence);
    assert_int_equal(fixture->shipment.counts.appends, RECORDS + 1);
    assert_int_equal(fixture->shipment.counts.unknown, 0);
}

/* All orders of faults of the first tries: each record is there once, whatever was answered. */
static void every_order_of_faults_leaves_each_record_once(void **state)
{
    unsigned plans = 1;
    (void)state;
    for (int i = 0; i < TRIES_FAULTY; i++) {
        plans *= FAULTS;
    }
    for (unsigned plan = 0; plan < plans; plan++) {
        struct fixture fixture;
        struct found found;
        unsigned left = plan;
        open_all(&fixture);
        assert_int_equal(claim(&fixture, &fixture.shipment), SHIPMENT_STORED);
        for (int i = 0; i < RECORDS; i++) {
            struct record record = plan_record(i);
            if (append(&fixture, &fixture.shipment, &record, &left) != SHIPMENT_STORED) {
                fail_msg("plan %u, record %d: %s", plan, i, failure.text);
            }
        }
        read_all(&fixture, &found);
        assert_string_equal(found.bets, bets_csv);
        assert_string_equal(found.done, done_csv);
        assert_int_equal(found.files, 1);
        assert_int_equal(found.claims, 1);
        close_all(&fixture);
    }
}

/* The claim itself fails in each way; a claim that arrives late is another one's before the next. */
static void every_fault_of_a_claim_leaves_one_that_counts(void **state)
{
    (void)state;
    for (unsigned plan = 0; plan < FAULTS * FAULTS * FAULTS; plan++) {
        struct fixture fixture;
        struct found found;
        unsigned left = plan;
        open_all(&fixture);
        const struct shipment_files files = files_of(&fixture);
        enum shipment_end end = SHIPMENT_WAITING;
        for (int i = 0; i < PATIENCE && end == SHIPMENT_WAITING; i++) {
            engine_memory_fail_append(fixture.engine, next_fault(&left));
            end = shipment_claim(&fixture.shipment, &files, &failure);
        }
        assert_int_equal(end, SHIPMENT_STORED);
        engine_memory_fail_append(fixture.engine, ENGINE_MEMORY_NO_FAULT);
        append_plan(&fixture, &fixture.shipment, 0, RECORDS);
        read_all(&fixture, &found);
        assert_string_equal(found.bets, bets_csv);
        assert_int_equal(found.log.epoch, fixture.shipment.log.epoch);
        close_all(&fixture);
    }
}

/* A writer dies with an append on its way, which is stored, lost or late: the next one goes on. */
static void the_next_writer_goes_on_where_the_log_ends(void **state)
{
    (void)state;
    for (unsigned fault = 0; fault < FAULTS; fault++) {
        for (int dies_at = 0; dies_at < RECORDS; dies_at++) {
            struct fixture fixture;
            struct found found;
            open_all(&fixture);
            assert_int_equal(claim(&fixture, &fixture.shipment), SHIPMENT_STORED);
            append_plan(&fixture, &fixture.shipment, 0, dies_at);
            struct record last = plan_record(dies_at);
            engine_memory_fail_append(fixture.engine, (enum engine_memory_fault)fault);
            (void)shipment_append(&fixture.shipment, &last, &failure);
            struct shipment next;
            shipment_open(&next, fixture.engine, CENTRE, NODE, IDENTITY, REPLICAS, TIMEOUT_MS);
            assert_int_equal(claim(&fixture, &next), SHIPMENT_STORED);
            for (int i = 0; i < RECORDS; i++) {
                struct record record = plan_record(i);
                unsigned none = 0;
                uint64_t at = record.kind == RECORD_BETS ? next.log.bets_end : next.log.done_end;
                uint64_t from = (uint64_t)((const char *)record.bytes -
                                           (record.kind == RECORD_BETS ? bets_csv : done_csv));
                if (record.kind == RECORD_FILE || from == at) {
                    assert_int_equal(append(&fixture, &next, &record, &none), SHIPMENT_STORED);
                }
            }
            read_all(&fixture, &found);
            assert_string_equal(found.bets, bets_csv);
            assert_string_equal(found.done, done_csv);
            close_all(&fixture);
        }
    }
}

static void an_engine_that_is_away_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    const struct shipment_files files = files_of(fixture);
    struct record record = plan_record(0);
    struct found found;
    engine_memory_set_away(fixture->engine, true);
    assert_int_equal(shipment_claim(&fixture->shipment, &files, &failure), SHIPMENT_WAITING);
    engine_memory_set_away(fixture->engine, false);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    engine_memory_set_away(fixture->engine, true);
    for (int i = 0; i < PATIENCE; i++) {
        assert_int_equal(shipment_append(&fixture->shipment, &record, &failure), SHIPMENT_WAITING);
    }
    engine_memory_set_away(fixture->engine, false);
    assert_int_equal(shipment_append(&fixture->shipment, &record, &failure), SHIPMENT_STORED);
    read_all(fixture, &found);
    assert_int_equal(found.log.sequence, 2);
    assert_int_equal(fixture->shipment.counts.unknown, PATIENCE);
}

static void what_the_engine_forbids_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct record record = plan_record(0);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    engine_memory_fail_append(fixture->engine, ENGINE_MEMORY_FORBID);
    assert_int_equal(shipment_append(&fixture->shipment, &record, &failure), SHIPMENT_REFUSED);
}

static void a_record_may_have_what_the_engine_takes_less_the_headers(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(shipment_room(&fixture->shipment),
                     ENGINE_MEMORY_PAYLOAD_MAX - RECORD_OVERHEAD_BYTES);
    engine_memory_set_payload_max(fixture->memory, RECORD_OVERHEAD_BYTES);
    assert_int_equal(shipment_room(&fixture->shipment), 0);
}

/* ---- fences ------------------------------------------------------------------ */

/* Moves the log on by a claim of this node. */
static void claim_for(struct fixture *fixture, const char *node)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    struct record record = {.kind = RECORD_CLAIM, .identity = IDENTITY};
    struct found found;
    (void)snprintf(record.node, sizeof record.node, "%s", node);
    uint64_t sequence = 0;
    read_all(fixture, &found);
    record.epoch = found.log.epoch + 1;
    record.bets_end = found.log.bets_end;
    record.done_end = found.log.done_end;
    assert_true(record_make_nonce(record.nonce, &failure));
    const struct engine_append rivals = {.stream = fixture->rival.stream,
                                         .subject = fixture->rival.subjects[RECORD_CLAIM],
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = found.log.sequence,
                                         .headers = headers,
                                         .header_count = record_write(&record, headers)};
    assert_int_equal(engine_append(fixture->rivals, &rivals, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
}

/* As another node does that takes over. */
static void take_over(struct fixture *fixture)
{
    claim_for(fixture, RIVAL);
}

/* Wherever the rival's claim comes, and whatever becomes of this node's append: nothing after it. */
static void a_writer_that_was_taken_over_stores_nothing_any_more(void **state)
{
    (void)state;
    for (unsigned plan = 0; plan < FAULTS * FAULTS; plan++) {
        for (int at = 0; at < RECORDS; at++) {
            struct fixture fixture;
            struct found before;
            struct found after;
            unsigned left = plan;
            open_all(&fixture);
            assert_int_equal(claim(&fixture, &fixture.shipment), SHIPMENT_STORED);
            append_plan(&fixture, &fixture.shipment, 0, at);
            take_over(&fixture);
            read_all(&fixture, &before);
            struct record record = plan_record(at);
            assert_int_equal(append(&fixture, &fixture.shipment, &record, &left), SHIPMENT_FENCED);
            assert_failure(RIVAL " has written record");
            read_all(&fixture, &after);
            assert_int_equal(after.log.sequence, before.log.sequence);
            assert_string_equal(after.log.node, RIVAL);
            close_all(&fixture);
        }
    }
}

/* The append was stored before the rival claimed, and the answer came never: it is in the log. */
static void an_append_before_the_rivals_claim_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct record record = plan_record(0);
    struct record next = plan_record(1);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    engine_memory_fail_append(fixture->engine, ENGINE_MEMORY_ANSWER_LOST);
    engine_memory_set_stale(fixture->engine, fixture->shipment.log.sequence);
    assert_int_equal(shipment_append(&fixture->shipment, &record, &failure), SHIPMENT_WAITING);
    take_over(fixture);
    engine_memory_set_stale(fixture->engine, 0);
    assert_int_equal(shipment_append(&fixture->shipment, &record, &failure), SHIPMENT_STORED);
    assert_int_equal(shipment_append(&fixture->shipment, &next, &failure), SHIPMENT_FENCED);
}

/* ---- claims that are refused --------------------------------------------------- */

static void a_log_of_another_lottery_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    struct shipment other;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    shipment_open(&other, fixture->engine, CENTRE, NODE, OTHER, REPLICAS, TIMEOUT_MS);
    assert_int_equal(claim(fixture, &other), SHIPMENT_STRANGER);
    assert_failure("is of lottery " IDENTITY ", which node " NODE
                   " writes, and this directory holds " OTHER);
}

/* ---- the next draw ------------------------------------------------------------- */

#define NEXT_CONTROL "control of the next draw\n"

static enum shipment_end begin_next(struct fixture *fixture, unsigned *plan)
{
    struct record beginning = {.nonce = ""};
    enum shipment_end end = SHIPMENT_WAITING;
    for (int i = 0; i < PATIENCE && end == SHIPMENT_WAITING; i++) {
        engine_memory_fail_append(fixture->engine, next_fault(plan));
        end = shipment_begin_next(&fixture->shipment, &beginning, OTHER, NEXT_CONTROL,
                                  strlen(NEXT_CONTROL), &failure);
    }
    engine_memory_fail_append(fixture->engine, ENGINE_MEMORY_NO_FAULT);
    return end;
}

static void every_fault_of_an_opening_leaves_one_opening(void **state)
{
    (void)state;
    for (unsigned plan = 0; plan < FAULTS * FAULTS * FAULTS; plan++) {
        struct fixture fixture;
        struct found found;
        unsigned left = plan;
        bool has_begun = false;
        open_all(&fixture);
        assert_int_equal(claim(&fixture, &fixture.shipment), SHIPMENT_STORED);
        append_plan(&fixture, &fixture.shipment, 0, RECORDS);
        assert_int_equal(shipment_has_begun(&fixture.shipment, OTHER, &has_begun, &failure),
                         SHIPMENT_STORED);
        assert_false(has_begun);
        assert_int_equal(begin_next(&fixture, &left), SHIPMENT_STORED);
        assert_int_equal(shipment_has_begun(&fixture.shipment, OTHER, &has_begun, &failure),
                         SHIPMENT_STORED);
        assert_true(has_begun);
        append_plan(&fixture, &fixture.shipment, 0, 1);
        read_all(&fixture, &found);
        assert_int_equal(found.claims, 2);
        assert_string_equal(found.log.identity, OTHER);
        assert_int_equal(found.log.bets_end, plan_record(0).length);
        close_all(&fixture);
    }
}

/* Its files are still those of the draw before: the log is what counts. */
static void a_writer_whose_log_is_a_draw_further_is_behind(void **state)
{
    struct fixture *fixture = *state;
    unsigned none = 0;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    assert_int_equal(begin_next(fixture, &none), SHIPMENT_STORED);
    shipment_open(&fixture->shipment, fixture->engine, CENTRE, NODE, IDENTITY, REPLICAS,
                  TIMEOUT_MS);
    fixture->shipment.own_epoch = 1;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_BEHIND);
    assert_failure("has begun the next draw in the log, " OTHER);
}

static void a_rivals_claim_before_the_opening_keeps_it_out(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    unsigned none = 0;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    take_over(fixture);
    assert_int_equal(begin_next(fixture, &none), SHIPMENT_FENCED);
    read_all(fixture, &found);
    assert_string_equal(found.log.identity, IDENTITY);
}

/* The directory went on to the next draw without an engine. */
static void a_log_with_all_of_the_draw_before_is_gone_on_with(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    struct control archived = {
        .identity = IDENTITY, .bets_bytes = sizeof bets_csv - 1, .done_bytes = sizeof done_csv - 1};
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    fixture->archived = &archived;
    shipment_open(&fixture->shipment, fixture->engine, CENTRE, NODE, OTHER, REPLICAS, TIMEOUT_MS);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_REFUSED);
    assert_failure("and the archive has");
    archived.done_bytes = 0;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    read_all(fixture, &found);
    assert_string_equal(found.log.identity, OTHER);
}

static void a_log_that_has_more_than_this_disk_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    fixture->bets = "1,a,b,1,2000-01-01,7574\n";
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_BEHIND);
    assert_failure("the log has 66 bytes of bets.csv");
}

static void a_log_with_a_later_step_of_the_draw_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, RECORDS);
    fixture->is_old_copy = true;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_BEHIND);
    assert_failure("an older control");
    fixture->is_old_copy = false;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
}

static void a_log_with_other_bytes_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    static char others[sizeof bets_csv];
    memcpy(others, bets_csv, sizeof others);
    others[2] = 'x';
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    fixture->bets = others;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_REFUSED);
    assert_failure("the log's bytes of bets.csv at 0 are others than this node's");
}

/* Also where the rival's bytes differ: that it was taken over is what has to be told. */
static void a_log_that_another_node_has_claimed_is_not_claimed(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    take_over(fixture);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_FENCED);
    assert_failure("node " RIVAL " has claimed the log in epoch 2");
}

static void a_stream_without_a_claim_is_no_log(void **state)
{
    struct fixture *fixture = *state;
    uint64_t sequence = 0;
    const char *subjects[] = {"lottery." CENTRE ".bets", "lottery." CENTRE ".done",
                              "lottery." CENTRE ".file", "lottery." CENTRE ".claim"};
    assert_int_equal(engine_make_stream(fixture->rivals, fixture->rival.stream, subjects,
                                        RECORD_KINDS, REPLICAS, TIMEOUT_MS, &failure),
                     ENGINE_STORED);
    const struct engine_append strange = {.stream = fixture->rival.stream,
                                          .subject = subjects[0],
                                          .expectation = ENGINE_AFTER_SEQUENCE,
                                          .bytes = "x",
                                          .count = 1};
    assert_int_equal(engine_append(fixture->rivals, &strange, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_FENCED);
    assert_failure("somebody else than a server of the lottery");
}

/* ---- who may publish, and is none of the lottery ---------------------------------- */

/* Appends behind the writer's last record, as it would: in its name, with what the test has changed. */
static void forge(struct fixture *fixture, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    const struct shipment *shipment = &fixture->shipment;
    uint64_t sequence = 0;
    (void)snprintf(record->identity, sizeof record->identity, IDENTITY);
    (void)snprintf(record->node, sizeof record->node, NODE);
    assert_true(record_make_nonce(record->nonce, &failure));
    const struct engine_append message = {.stream = shipment->stream,
                                          .subject = shipment->subjects[record->kind],
                                          .expectation = ENGINE_AFTER_SEQUENCE,
                                          .expected = shipment->log.sequence,
                                          .header_count = record_write(record, headers),
                                          .headers = headers,
                                          .bytes = record->bytes,
                                          .count = (size_t)record->length};
    assert_int_equal(engine_append(fixture->rivals, &message, TIMEOUT_MS, &sequence, &failure),
                     ENGINE_STORED);
}

static void a_record_forged_in_ones_own_name_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    struct record forged = plan_record(1);
    struct record record = plan_record(1);
    unsigned none = 0;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    forged.epoch = fixture->shipment.log.epoch;
    forged.offset = fixture->shipment.log.bets_end;
    forge(fixture, &forged);
    assert_int_equal(append(fixture, &fixture->shipment, &record, &none), SHIPMENT_FENCED);
    assert_failure("is forged in the name of this node");
    assert_failure("another replication.centre");
}

static void a_claim_of_a_far_epoch_is_forged_whoever_it_names(void **state)
{
    static const uint64_t epochs[] = {UINT64_MAX, RECORD_EPOCH_MAX, RECORD_EPOCH_MAX - 1,
                                      LOG_STATE_EPOCH_STEP_MAX * 3};
    (void)state;
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        struct fixture fixture;
        struct shipment next;
        struct record forged = {.kind = RECORD_CLAIM, .epoch = epochs[i]};
        open_all(&fixture);
        assert_int_equal(claim(&fixture, &fixture.shipment), SHIPMENT_STORED);
        forge(&fixture, &forged);
        shipment_open(&next, fixture.engine, CENTRE, NODE, IDENTITY, REPLICAS, TIMEOUT_MS);
        next.own_epoch = 1;
        assert_int_equal(claim(&fixture, &next), SHIPMENT_FENCED);
        assert_failure("somebody else than a server of the lottery");
        close_all(&fixture);
    }
}

/* A purge leaves the count, and takes the messages. */
static void a_stream_whose_messages_were_deleted_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    engine_memory_lose_one(fixture->memory, fixture->shipment.stream, 1);
    engine_memory_lose_one(fixture->memory, fixture->shipment.stream, 2);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_REFUSED);
    assert_failure("somebody has deleted messages");
}

/* So nobody who remembers the log before takes a record of that one's epoch for one of this one. */
static void a_log_that_was_made_again_goes_on_with_the_epochs(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    engine_memory_lose_stream(fixture->memory, fixture->shipment.stream);
    fixture->shipment.own_epoch = 7;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    assert_int_equal(fixture->shipment.log.epoch, 8);
}

/* Who answers does not know the newest records: that is no log to be claimed. */
static void a_stale_answer_is_not_claimed_upon(void **state)
{
    struct fixture *fixture = *state;
    struct shipment next;
    struct found found;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    shipment_open(&next, fixture->engine, CENTRE, NODE, IDENTITY, REPLICAS, TIMEOUT_MS);
    engine_memory_set_stale(fixture->engine, 2);
    assert_int_equal(claim(fixture, &next), SHIPMENT_WAITING);
    engine_memory_set_stale(fixture->engine, 0);
    assert_int_equal(claim(fixture, &next), SHIPMENT_STORED);
    assert_int_equal(next.log.bets_end, strlen(bets_csv));
    read_all(fixture, &found);
    assert_int_equal(found.claims, 2);
}

/* A node of the engine that has just started tells of the claim before this node's own. */
static void a_claim_that_is_older_than_ones_own_is_no_fence(void **state)
{
    struct fixture *fixture = *state;
    struct shipment next;
    const struct shipment_files files = files_of(fixture);
    assert_int_equal(claim(fixture, &fixture->rival), SHIPMENT_STORED);
    shipment_open(&next, fixture->engine, CENTRE, NODE, IDENTITY, REPLICAS, TIMEOUT_MS);
    claim_for(fixture, NODE);
    engine_memory_set_stale(fixture->engine, 1);
    next.own_epoch = 2;
    assert_int_equal(shipment_claim(&next, &files, &failure), SHIPMENT_WAITING);
    assert_failure("node " RIVAL " has claimed the log in epoch 1");
    engine_memory_set_stale(fixture->engine, 0);
    assert_int_equal(claim(fixture, &next), SHIPMENT_STORED);
    assert_int_equal(next.log.epoch, 3);
}

/* ---- an engine that loses ------------------------------------------------------ */

static void a_log_that_has_lost_its_end_is_shipped_again(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    unsigned none = 0;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    engine_memory_lose_from(fixture->memory, fixture->shipment.stream, 2);
    struct record record = plan_record(2);
    assert_int_equal(append(fixture, &fixture->shipment, &record, &none), SHIPMENT_LOST);
    assert_failure("the log ends at record 1, and had 3");
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    assert_int_equal(fixture->shipment.log.bets_end, 0);
    append_plan(fixture, &fixture->shipment, 0, RECORDS);
    read_all(fixture, &found);
    assert_string_equal(found.bets, bets_csv);
}

/* Nothing is appended any more, so the loss would be noticed by nobody. */
static void a_writer_with_nothing_to_append_sees_that_the_log_has_lost_its_end(void **state)
{
    struct fixture *fixture = *state;
    enum shipment_end end = SHIPMENT_STORED;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    engine_memory_lose_from(fixture->memory, fixture->shipment.stream, 2);
    for (int i = 0; i < PATIENCE && end == SHIPMENT_STORED; i++) {
        end = shipment_look(&fixture->shipment, &failure);
    }
    assert_int_equal(end, SHIPMENT_LOST);
    assert_failure("the log ends at record 1, and had 3");
    engine_memory_lose_stream(fixture->memory, fixture->shipment.stream);
    end = SHIPMENT_STORED;
    for (int i = 0; i < PATIENCE && end == SHIPMENT_STORED; i++) {
        end = shipment_look(&fixture->shipment, &failure);
    }
    assert_int_equal(end, SHIPMENT_LOST);
    assert_failure("the log ends at record 0, and had 3");
}

static void a_node_that_tells_old_news_for_a_moment_has_lost_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 2);
    for (int i = 0; i < PATIENCE; i++) {
        engine_memory_set_stale(fixture->engine, 1);
        assert_int_equal(shipment_look(&fixture->shipment, &failure), SHIPMENT_STORED);
        engine_memory_set_stale(fixture->engine, 0);
        assert_int_equal(shipment_look(&fixture->shipment, &failure), SHIPMENT_STORED);
    }
}

static void a_stream_that_is_gone_is_made_and_filled_again(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    enum shipment_end end = SHIPMENT_WAITING;
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, 1);
    engine_memory_lose_stream(fixture->memory, fixture->shipment.stream);
    struct record record = plan_record(1);
    for (int i = 0; i < PATIENCE && end == SHIPMENT_WAITING; i++) {
        end = shipment_append(&fixture->shipment, &record, &failure);
    }
    assert_true(end == SHIPMENT_LOST || end == SHIPMENT_REFUSED);
    assert_int_equal(claim(fixture, &fixture->shipment), SHIPMENT_STORED);
    append_plan(fixture, &fixture->shipment, 0, RECORDS);
    read_all(fixture, &found);
    assert_string_equal(found.bets, bets_csv);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_shipped_is_in_the_log_once_and_in_order),
        TEST(every_order_of_faults_leaves_each_record_once),
        TEST(every_fault_of_a_claim_leaves_one_that_counts),
        TEST(the_next_writer_goes_on_where_the_log_ends),
        TEST(an_engine_that_is_away_is_waited_for),
        TEST(what_the_engine_forbids_is_refused),
        TEST(a_record_may_have_what_the_engine_takes_less_the_headers),
        TEST(a_writer_that_was_taken_over_stores_nothing_any_more),
        TEST(an_append_before_the_rivals_claim_is_stored),
        TEST(a_log_of_another_lottery_is_not_claimed),
        TEST(every_fault_of_an_opening_leaves_one_opening),
        TEST(a_writer_whose_log_is_a_draw_further_is_behind),
        TEST(a_rivals_claim_before_the_opening_keeps_it_out),
        TEST(a_log_with_all_of_the_draw_before_is_gone_on_with),
        TEST(a_log_with_a_later_step_of_the_draw_is_not_claimed),
        TEST(a_log_that_has_more_than_this_disk_is_not_claimed),
        TEST(a_log_with_other_bytes_is_not_claimed),
        TEST(a_log_that_another_node_has_claimed_is_not_claimed),
        TEST(a_stream_without_a_claim_is_no_log),
        TEST(a_record_forged_in_ones_own_name_is_told_as_such),
        TEST(a_claim_of_a_far_epoch_is_forged_whoever_it_names),
        TEST(a_stream_whose_messages_were_deleted_is_told_as_such),
        TEST(a_log_that_was_made_again_goes_on_with_the_epochs),
        TEST(a_stale_answer_is_not_claimed_upon),
        TEST(a_claim_that_is_older_than_ones_own_is_no_fence),
        TEST(a_log_that_has_lost_its_end_is_shipped_again),
        TEST(a_writer_with_nothing_to_append_sees_that_the_log_has_lost_its_end),
        TEST(a_node_that_tells_old_news_for_a_moment_has_lost_nothing),
        TEST(a_stream_that_is_gone_is_made_and_filled_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
