/*
 * feed_fixture.h - a log in memory, as a shipper writes it, for the tests of who reads it.
 *
 * Included by one test program each; everything is static.
 */
#ifndef HARNESS_FEED_FIXTURE_H
#define HARNESS_FEED_FIXTURE_H

#include "engine/engine_memory.h"
#include "engine/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

#define FIXTURE_IDENTITY "00112233445566778899aabbccddeeff"

/* A writer of the centre "north". */
struct fixture {
    struct engine_memory *memory;
    struct engine *writer;
    struct engine *reader;
    uint64_t last; /* sequence */
    uint64_t epoch;
    uint64_t bets_end, done_end;
    const char *node;
    const char *identity;
};

static void fixture_open(struct fixture *fixture)
{
    static const char *const subjects[] = {"lottery.north.bets", "lottery.north.done",
                                           "lottery.north.file", "lottery.north.claim"};
    struct failure failure;
    *fixture = (struct fixture){
        .memory = engine_memory_make(), .node = "one-01234567", .identity = FIXTURE_IDENTITY};
    assert_non_null(fixture->memory);
    fixture->writer = engine_open_memory(fixture->memory);
    fixture->reader = engine_open_memory(fixture->memory);
    assert_int_equal(
        engine_make_stream(fixture->writer, "BETS_north", subjects, 4, 1, 1000, &failure),
        ENGINE_STORED);
}

static void fixture_close(struct fixture *fixture)
{
    engine_close(fixture->writer);
    engine_close(fixture->reader);
    engine_memory_drop(fixture->memory);
}

/* Appends the record as it is. */
static void fixture_append(struct fixture *fixture, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    char subject[ENGINE_SUBJECT_BYTES];
    struct failure failure;
    assert_true(record_make_nonce(record->nonce, &failure));
    record_write_subject(subject, "north", record->kind);
    const struct engine_append append = {.stream = "BETS_north",
                                         .subject = subject,
                                         .expectation = ENGINE_AFTER_SEQUENCE,
                                         .expected = fixture->last,
                                         .headers = headers,
                                         .header_count = record_write(record, headers),
                                         .bytes = record->bytes,
                                         .count = (size_t)record->length};
    assert_int_equal(engine_append(fixture->writer, &append, 1000, &fixture->last, &failure),
                     ENGINE_STORED);
}

/* What all records of the writer have. */
static struct record fixture_record(const struct fixture *fixture, enum record_kind kind,
                                    const char *text)
{
    struct record record = {.kind = kind,
                            .epoch = fixture->epoch,
                            .bytes = text,
                            .length = text == NULL ? 0 : strlen(text)};
    (void)snprintf(record.identity, sizeof record.identity, "%s", fixture->identity);
    (void)snprintf(record.node, sizeof record.node, "%s", fixture->node);
    return record;
}

static inline void fixture_claim(struct fixture *fixture)
{
    fixture->epoch++;
    struct record record = fixture_record(fixture, RECORD_CLAIM, NULL);
    record.bets_end = fixture->bets_end;
    record.done_end = fixture->done_end;
    fixture_append(fixture, &record);
}

/* Begins the next draw. */
static inline void fixture_open_draw(struct fixture *fixture, const char *identity,
                                     const char *control)
{
    fixture->epoch++;
    fixture->identity = identity;
    fixture->bets_end = 0;
    fixture->done_end = 0;
    struct record record = fixture_record(fixture, RECORD_CLAIM, control);
    fixture_append(fixture, &record);
}

/* Rows of bets.csv. */
static inline void fixture_bets(struct fixture *fixture, const char *rows, unsigned count)
{
    struct record record = fixture_record(fixture, RECORD_BETS, rows);
    record.offset = fixture->bets_end;
    record.rows = count;
    fixture_append(fixture, &record);
    fixture->bets_end += record.length;
}

static inline void fixture_done(struct fixture *fixture, const char *line)
{
    struct record record = fixture_record(fixture, RECORD_DONE, line);
    record.offset = fixture->done_end;
    record.rows = 1;
    fixture_append(fixture, &record);
    fixture->done_end += record.length;
}

static inline void fixture_file(struct fixture *fixture, const char *name, const char *text)
{
    struct record record = fixture_record(fixture, RECORD_FILE, text);
    (void)snprintf(record.name, sizeof record.name, "%s", name);
    fixture_append(fixture, &record);
}

#endif
