/*
 * shipped.c - see shipped.h.
 */
#include "tests/harness/shipped.h"

#include "tests/harness/deadline.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { PATIENCE_MS = 20000 };

/* Copies the bytes of a record to where they belong. */
static void put(struct stage *stage, char **text, uint64_t end, const struct record *record)
{
    char *longer = stage_allocate(stage, (size_t)end + 1);
    memcpy(longer, *text, (size_t)record->offset);
    memcpy(longer + record->offset, record->bytes, (size_t)record->length);
    *text = longer;
}

static void note(struct stage *stage, struct shipped *shipped, const struct record *record)
{
    if (record->kind == RECORD_BETS) {
        put(stage, &shipped->bets, shipped->log.bets_end, record);
    } else if (record->kind == RECORD_DONE) {
        put(stage, &shipped->done, shipped->log.done_end, record);
    }
    shipped->claims += record->kind == RECORD_CLAIM;
    shipped->files += record->kind == RECORD_FILE;
    shipped->last = *record;
    shipped->last.bytes = NULL;
}

struct shipped *shipped_read(struct stage *stage, struct engine *engine, const char *centre)
{
    struct shipped *shipped = stage_allocate(stage, sizeof *shipped);
    char stream[ENGINE_SUBJECT_BYTES];
    struct engine_message message;
    struct record record;
    struct failure failure;
    record_write_stream(stream, centre);
    shipped->bets = stage_allocate(stage, 1);
    shipped->done = stage_allocate(stage, 1);
    for (uint64_t sequence = 1;; sequence++) {
        struct deadline deadline = deadline_in(PATIENCE_MS);
        enum engine_reading reading = ENGINE_AWAY;
        while (reading == ENGINE_AWAY && deadline_pause(deadline)) {
            reading = engine_read(engine, stream, sequence, 0, &message, &failure);
        }
        if (reading == ENGINE_NOTHING) {
            return shipped;
        }
        assert_int_equal(reading, ENGINE_READ);
        if (!record_read(&message, &record, &failure) ||
            !log_state_fold(&shipped->log, &record, sequence, &failure)) {
            fail_msg("%s", failure.text);
        }
        note(stage, shipped, &record);
    }
}

struct shipped *shipped_expect(struct stage *stage, struct engine *engine, const char *centre,
                               const struct server *server)
{
    struct shipped *shipped = shipped_read(stage, engine, centre);
    size_t bets_bytes = 0;
    size_t done_bytes = 0;
    const char *bets = files_read(stage, server_file(server, "bets.csv"), &bets_bytes);
    const char *done = files_read(stage, server_file(server, "done.csv"), &done_bytes);
    assert_int_equal(shipped->log.bets_end, bets_bytes);
    assert_int_equal(shipped->log.done_end, done_bytes);
    assert_memory_equal(shipped->bets, bets, bets_bytes);
    assert_memory_equal(shipped->done, done, done_bytes);
    return shipped;
}

struct shipped *shipped_expect_files(struct stage *stage, const char *servers, const char *centre,
                                     const struct server *server)
{
    return shipped_expect(stage, engine_client_open(stage, servers), centre, server);
}
