/*
 * test_feed.c - lottery-feed behind a real engine: what it prints, and each bet in PostgreSQL once,
 * whoever is killed in the middle.
 */
#include "engine/record.h"
#include "tests/harness/cluster.h"
#include "tests/harness/deadline.h"
#include "tests/harness/engine_client.h"
#include "tests/harness/files.h"
#include "tests/harness/postgres.h"
#include "tests/harness/streams.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    PATIENCE_MS = 20000,
    APPEND_MS = 2000,
    ROW_BYTES = 96,
    ROWS = 1000,  /* of a record */
    RECORDS = 20, /* of a round */
    ROUNDS = 16,
    BETS = ROWS * RECORDS * ROUNDS
};

static struct failure failure;

/* ------------------------------------------------------------------ the writer ---- */

/* What a shipper of the centre "north" does. */
struct writer {
    struct engine *engine;
    uint64_t last;  /* sequence */
    uint64_t bets;  /* rows */
    char *expected; /* all rows, with LF, as psql prints them */
    size_t used;    /* of it */
    uint64_t end;   /* of the draw's bets.csv */
    unsigned draws; /* that were opened; the next ones have other identities */
};

static void write_identity(const struct writer *writer, char identity[RECORD_IDENTITY_BYTES])
{
    (void)snprintf(identity, RECORD_IDENTITY_BYTES, "%032x", writer->draws);
}

/* Appends, and goes on when the answer is lost: the record is there or not. */
static void append(struct writer *writer, struct record *record)
{
    struct engine_header headers[ENGINE_HEADERS_MAX];
    char subject[ENGINE_SUBJECT_BYTES];
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    uint64_t expected = writer->last;
    (void)snprintf(record->node, sizeof record->node, "one-01234567");
    write_identity(writer, record->identity);
    record->epoch = 1 + writer->draws;
    assert_true(record_make_nonce(record->nonce, &failure));
    record_write_subject(subject, "north", record->kind);
    const struct engine_append append = {.stream = "BETS_north",
                                         .subject = subject,
                                         .expected = expected,
                                         .headers = headers,
                                         .header_count = record_write(record, headers),
                                         .bytes = record->bytes,
                                         .count = (size_t)record->length};
    while (writer->last == expected) {
        uint64_t last = 0;
        if (engine_append(writer->engine, &append, APPEND_MS, &last, &failure) == ENGINE_STORED ||
            engine_last_sequence(writer->engine, "BETS_north", APPEND_MS, &last, &failure) ==
                ENGINE_READ) {
            writer->last = last;
        }
        if (writer->last == expected && !deadline_pause(deadline)) {
            fail_msg("%s", failure.text);
        }
    }
    assert_int_equal(writer->last, expected + 1);
}

/* It will write so many records of bets, at most. */
static struct writer *open_writer(struct cluster *cluster, size_t records_max)
{
    static const char *const subjects[] = {"lottery.north.bets", "lottery.north.done",
                                           "lottery.north.file", "lottery.north.claim"};
    struct writer *writer = stage_allocate(cluster->stage, sizeof *writer);
    writer->expected = stage_allocate(cluster->stage, records_max * ROWS * ROW_BYTES + 1);
    writer->engine = engine_client_open(cluster->stage, cluster->servers);
    streams_make(writer->engine, "BETS_north", subjects, 4, cluster->count);
    struct record claim = {.kind = RECORD_CLAIM};
    append(writer, &claim);
    return writer;
}

/* A record of ROWS bets, no two of which are alike. */
static void write_bets(struct writer *writer)
{
    char rows[ROWS * ROW_BYTES];
    size_t used = 0;
    for (unsigned i = 0; i < ROWS; i++, writer->bets++) {
        size_t begin = used;
        used += (size_t)snprintf(rows + used, sizeof rows - used,
                                 "%llu,\"Ana \"\"%llu\"\"\",Núñez,%08llu,1990-01-31,%llu",
                                 (unsigned long long)(writer->bets % 5 + 1),
                                 (unsigned long long)writer->bets, (unsigned long long)writer->bets,
                                 (unsigned long long)(writer->bets % 10000));
        memcpy(writer->expected + writer->used, rows + begin, used - begin);
        writer->used += used - begin;
        writer->expected[writer->used++] = '\n';
        rows[used++] = '\r';
        rows[used++] = '\n';
    }
    struct record record = {
        .kind = RECORD_BETS, .bytes = rows, .length = used, .offset = writer->end, .rows = ROWS};
    append(writer, &record);
    writer->end += used;
}

/* Begins the next draw. */
static void open_draw(struct writer *writer)
{
    static const char control[] = "of the next draw";
    struct record claim = {.kind = RECORD_CLAIM, .bytes = control, .length = sizeof control - 1};
    writer->draws++;
    writer->end = 0;
    append(writer, &claim);
}

/* ---------------------------------------------------------------------- feeds ---- */

static struct program *start_feed(struct cluster *cluster, const char *const *arguments)
{
    const struct program_plan plan = {
        .name = "lottery-feed",
        .arguments = arguments,
        .environment =
            ENVIRONMENT(stage_text(cluster->stage, "REPLICATION_SERVERS=%s", cluster->servers),
                        "REPLICATION_CENTRE=north")};
    return program_start(cluster->stage, &plan);
}

static struct program *expect_feed(struct cluster *cluster, int status,
                                   const char *const *arguments)
{
    struct program *feed = start_feed(cluster, arguments);
    struct program_end end = program_await_end(feed);
    if (end.status != status) {
        program_show(feed);
        fail_msg("the feed ended with %d", end.status);
    }
    return feed;
}

static bool has_postgres_feed(void)
{
    char path[STAGE_PATH_BYTES];
    const char *bin = getenv("LOTTERY_BIN");
    (void)snprintf(path, sizeof path, "%s/lottery-feed-postgres", bin == NULL ? "bin" : bin);
    return access(path, X_OK) == 0;
}

/* Skips a test where there is no PostgreSQL, or no program for it. */
static void need_postgres(void)
{
    if (!postgres_is_here() || !has_postgres_feed()) {
        skip();
    }
}

/* PostgreSQL has every bet, once, in the log's order, and the position behind the last record. */
static void expect_all_bets(const struct postgres *postgres, const struct writer *writer)
{
    struct stage *stage = postgres->stage;
    const char *counts = postgres_ask(
        postgres, "SELECT count(*), (SELECT count(*) FROM lottery_records), "
                  "(SELECT split_part(stands_at, '/', 1) FROM lottery_feed) FROM lottery_bets");
    assert_string_equal(
        counts, stage_text(stage, "%llu|%llu|%llu\n", (unsigned long long)writer->bets,
                           (unsigned long long)writer->last, (unsigned long long)writer->last));
    const char *bets = postgres_ask(
        postgres, "COPY (SELECT agency, first_name, last_name, document, birthdate, number "
                  "FROM lottery_bets ORDER BY sequence, line) TO STDOUT (FORMAT csv)");
    assert_int_equal(strlen(bets), writer->used);
    assert_memory_equal(bets, writer->expected, writer->used);
    const char *draws = postgres_ask(postgres, "SELECT count(DISTINCT lottery), count(content) "
                                               "FROM lottery_records WHERE kind = 'claim'");
    assert_string_equal(draws, stage_text(stage, "%u|%u\n", writer->draws + 1, writer->draws));
    char identity[RECORD_IDENTITY_BYTES];
    write_identity(writer, identity);
    assert_string_equal(
        postgres_ask(postgres,
                     "SELECT split_part(stands_at, '/', 4), split_part(stands_at, '/', 6) "
                     "FROM lottery_feed"),
        stage_text(stage, "%llu|%s\n", (unsigned long long)writer->end, identity));
}

/* ------------------------------------------------------------------- printing ---- */

static void a_feed_prints_what_was_stored_and_goes_on_behind_its_position(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct writer *writer = open_writer(cluster, 4);
    const char *kept = stage_path(stage, "position");
    write_bets(writer);
    write_bets(writer);
    struct program *first = expect_feed(cluster, 0, ARGUMENTS("--position", kept));
    assert_int_equal(strlen(program_log(first)), writer->end);
    const char *said = strstr(program_errors(first), "position: 3/1/1/");
    assert_non_null(said);
    uint64_t before = writer->end;
    write_bets(writer);
    struct program *second = expect_feed(cluster, 0, ARGUMENTS("--position", kept));
    assert_int_equal(strlen(program_log(second)), writer->end - before);
    struct program *third = expect_feed(cluster, 0, ARGUMENTS("--position", kept));
    assert_string_equal(program_log(third), "");
    const char *from = stage_text(stage, "%.*s", (int)strcspn(said + strlen("position: "), "\n"),
                                  said + strlen("position: "));
    struct program *json = expect_feed(cluster, 0, ARGUMENTS("--from", from, "--format", "json"));
    assert_int_equal(program_count_log(json, "{\"sequence\":4,\"lottery\":\"00000000"), ROWS);
    assert_int_equal(program_count_log(json, "{\"position\":\"4/1/1/"), 1);
    struct program *exported = expect_feed(cluster, 0, ARGUMENTS("--export"));
    assert_int_equal(program_count_log(exported, "{\"sequence\":"), 4);
    open_draw(writer);
    (void)expect_feed(cluster, 0, ARGUMENTS("--position", kept)); /* stands at the opening */
    write_bets(writer);
    struct program *next =
        expect_feed(cluster, 0, ARGUMENTS("--position", kept, "--format", "json"));
    assert_int_equal(
        program_count_log(next, "{\"sequence\":6,\"lottery\":\"0000000*1\",\"offset\""), ROWS);
    assert_int_equal(program_count_log(next, "\"offset\":0,"), 1);
}

static void a_feed_follows_until_it_is_stopped_also_over_an_engine_that_dies(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 3, "");
    struct writer *writer = open_writer(cluster, 3);
    write_bets(writer);
    struct program *feed = start_feed(cluster, ARGUMENTS("--follow", "--format", "json"));
    (void)program_await_log(feed, 1, "{\"position\":\"2/");
    unsigned leader = cluster_leader_of(cluster, "BETS_north");
    cluster_kill_node(cluster, leader);
    write_bets(writer);
    (void)program_await_log(feed, 1, "{\"position\":\"3/");
    cluster_start_node(cluster, leader);
    write_bets(writer);
    (void)program_await_log(feed, 1, "{\"position\":\"4/");
    assert_int_equal(program_count_log(feed, "{\"sequence\":"), 3 * ROWS);
    assert_int_equal(program_stop(feed, SIGTERM).status, 0);
}

static void a_feed_that_can_t_go_on_says_why_by_its_status(void **state)
{
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct writer *writer = open_writer(cluster, 3);
    write_bets(writer);
    (void)expect_feed(cluster, 3, ARGUMENTS("--from", "7"));
    (void)expect_feed(cluster, 2, ARGUMENTS("--from", "x"));
    (void)expect_feed(cluster, 3, ARGUMENTS("--centre", "south"));
    struct record gap = {.kind = RECORD_BETS,
                         .bytes = "1,a,b,1,2000-01-01,1\r\n",
                         .length = 22,
                         .offset = writer->end + 1,
                         .rows = 1};
    append(writer, &gap);
    struct program *feed = expect_feed(cluster, 3, ARGUMENTS("--from", "0"));
    assert_int_equal(strlen(program_log(feed)), writer->end);
    assert_non_null(strstr(program_errors(feed),
                           "record 3 of the log can't come next: gap: its bytes begin at"));
}

/* ----------------------------------------------------------------- PostgreSQL ---- */

static void each_bet_is_stored_once_whoever_is_killed(void **state)
{
    need_postgres();
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct postgres *postgres = postgres_start(stage);
    struct writer *writer = open_writer(cluster, BETS / ROWS);
    const char *const *follow = ARGUMENTS("--postgres", postgres->dsn, "--follow");
    struct program *feed = start_feed(cluster, follow);
    srandom(1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        long moment = random() % RECORDS;
        for (long i = 0; i < RECORDS; i++) {
            write_bets(writer);
            if (i != moment) {
                continue;
            }
            if (round % 2 == 1) { /* whoever is killed then has the opening before or behind it */
                open_draw(writer);
            }
            bool kills_postgres = round % 3 != 0;
            if (kills_postgres) {
                postgres_crash(postgres);
            }
            if (round % 3 != 1) {
                (void)program_stop(feed, SIGKILL);
                feed = start_feed(cluster, follow);
            }
            if (kills_postgres) {
                postgres_restart(postgres);
            }
            if (round % 4 == 3) {
                cluster_kill_node(cluster, 0);
                cluster_start_node(cluster, 0);
                cluster_await_ready(cluster);
            }
        }
    }
    postgres_await_ready(postgres);
    assert_int_equal(program_stop(feed, SIGTERM).status, 0);
    (void)expect_feed(cluster, 0, ARGUMENTS("--postgres", postgres->dsn));
    expect_all_bets(postgres, writer);
    (void)expect_feed(cluster, 0, ARGUMENTS("--postgres", postgres->dsn));
    expect_all_bets(postgres, writer);
}

/* One row can't be stored: nothing of its transaction is, and the position stands. */
static void rows_and_position_are_stored_together_or_not_at_all(void **state)
{
    static const char counts[] = "SELECT split_part(stands_at, '/', 1), (SELECT count(*) FROM "
                                 "lottery_records), (SELECT count(*) FROM lottery_bets) "
                                 "FROM lottery_feed";
    need_postgres();
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct postgres *postgres = postgres_start(stage);
    struct writer *writer = open_writer(cluster, 1);
    const char *const *arguments = ARGUMENTS("--postgres", postgres->dsn);
    (void)expect_feed(cluster, 0, arguments);
    assert_string_equal(postgres_ask(postgres, counts), "1|1|0\n");
    (void)postgres_ask(postgres, "ALTER TABLE lottery_bets ADD CONSTRAINT no CHECK (number < 999)");
    write_bets(writer);
    struct program *feed = expect_feed(cluster, 1, arguments);
    assert_non_null(strstr(program_errors(feed), "violates check constraint \"no\""));
    assert_string_equal(postgres_ask(postgres, counts), "1|1|0\n");
    (void)postgres_ask(postgres, "ALTER TABLE lottery_bets DROP CONSTRAINT no");
    (void)expect_feed(cluster, 0, arguments);
    expect_all_bets(postgres, writer);
}

/* Awaits that both feeds know where they stand, or that one has ended already. */
static void await_both(const struct postgres *postgres, struct program *const feeds[2])
{
    static const char query[] =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lottery-feed' "
        "AND state = 'idle' AND (query LIKE 'SELECT stands_at%' OR query = 'COMMIT')";
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!program_has_ended(feeds[0]) && !program_has_ended(feeds[1]) &&
           strcmp(postgres_ask(postgres, query), "2\n") != 0) {
        assert_true(deadline_pause(deadline));
    }
}

static void of_two_feeds_one_ends_and_each_bet_is_stored_once(void **state)
{
    need_postgres();
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct postgres *postgres = postgres_start(stage);
    struct writer *writer = open_writer(cluster, BETS / ROWS);
    const char *const *follow = ARGUMENTS("--postgres", postgres->dsn, "--follow");
    struct program *feeds[] = {start_feed(cluster, follow), start_feed(cluster, follow)};
    await_both(postgres, feeds);
    bool ended = false;
    while (!ended && writer->bets < BETS) {
        write_bets(writer);
        ended = program_has_ended(feeds[0]) || program_has_ended(feeds[1]);
    }
    if (!ended) {
        program_show(feeds[0]);
        program_show(feeds[1]);
        fail_msg("both feeds go on; PostgreSQL has: %s",
                 postgres_ask(postgres, "SELECT stands_at, changed_at FROM lottery_feed"));
    }
    struct program *loser = program_has_ended(feeds[0]) ? feeds[0] : feeds[1];
    struct program *winner = loser == feeds[0] ? feeds[1] : feeds[0];
    assert_int_equal(program_await_end(loser).status, 4);
    assert_non_null(strstr(program_errors(loser), "another feed of the centre north"));
    assert_int_equal(program_stop(winner, SIGTERM).status, 0);
    (void)expect_feed(cluster, 0, ARGUMENTS("--postgres", postgres->dsn));
    expect_all_bets(postgres, writer);
}

/* What docs/feed.md shows. */
static void the_tables_answer_what_a_lottery_asks(void **state)
{
    need_postgres();
    struct stage *stage = *state;
    struct cluster *cluster = cluster_start(stage, 1, "");
    struct postgres *postgres = postgres_start(stage);
    struct writer *writer = open_writer(cluster, 2);
    write_bets(writer);
    write_bets(writer);
    struct record file = {.kind = RECORD_FILE, .name = "draw.json"};
    file.bytes = "{\"draw\":\"2026-W48\",\"winning_number\":42}";
    file.length = strlen(file.bytes);
    append(writer, &file);
    (void)expect_feed(cluster, 0, ARGUMENTS("--postgres", postgres->dsn));
    assert_string_equal(
        postgres_ask(postgres,
                     "SELECT agency, count(*) FROM lottery_bets GROUP BY agency ORDER BY 1"),
        "1|400\n2|400\n3|400\n4|400\n5|400\n");
    assert_string_equal(
        postgres_ask(postgres,
                     "SELECT d.draw, d.winning_number, s.agency, s.document FROM lottery_sales s "
                     "JOIN lottery_draws d USING (centre, lottery) "
                     "WHERE s.number = d.winning_number"),
        "2026-W48|42|3|00000042\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_feed_prints_what_was_stored_and_goes_on_behind_its_position),
        STAGE_TEST(a_feed_follows_until_it_is_stopped_also_over_an_engine_that_dies),
        STAGE_TEST(a_feed_that_can_t_go_on_says_why_by_its_status),
        STAGE_TEST(each_bet_is_stored_once_whoever_is_killed),
        STAGE_TEST(rows_and_position_are_stored_together_or_not_at_all),
        STAGE_TEST(of_two_feeds_one_ends_and_each_bet_is_stored_once),
        STAGE_TEST(the_tables_answer_what_a_lottery_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
