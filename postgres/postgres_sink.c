/*
 * postgres_sink.c - see postgres_sink.h.
 *
 * What is taken gathers in memory. So a transaction lives within one call of commit, and no state of
 * the connection outlives one.
 */
#include "postgres/postgres_sink.h"

#include "feed/copy_text.h"

#include <libpq-fe.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COPY_PIECE_BYTES = 1 << 20 };

struct postgres_sink {
    struct sink base;
    const char *dsn;
    const char *centre;
    PGconn *connection; /* NULL: none */
    bool has_tables;    /* they were made, or found */
    struct copy_text bets;
    struct copy_text records;
};

/* Two feeds that make the tables at once would fail: the lock is for that, and of this schema alone. */
static const char make_tables[] =
    "BEGIN;"
    "SELECT pg_advisory_xact_lock(hashtext('lottery_feed ' || current_schema()));"
    "CREATE TABLE IF NOT EXISTS lottery_feed ("
    " centre text PRIMARY KEY, stands_at text NOT NULL,"
    " changed_at timestamptz NOT NULL DEFAULT now());"
    "CREATE TABLE IF NOT EXISTS lottery_records ("
    " centre text NOT NULL, sequence bigint NOT NULL, kind text NOT NULL, epoch bigint NOT NULL,"
    " node text NOT NULL, lottery text NOT NULL, begins_at bigint, length bigint NOT NULL,"
    " rows bigint, name text, content bytea, stored_at timestamptz NOT NULL,"
    " PRIMARY KEY (centre, sequence));"
    "CREATE TABLE IF NOT EXISTS lottery_bets ("
    " centre text NOT NULL, sequence bigint NOT NULL, line bigint NOT NULL,"
    " agency bigint NOT NULL, first_name text NOT NULL, last_name text NOT NULL,"
    " document text NOT NULL, birthdate date NOT NULL, number bigint NOT NULL,"
    " PRIMARY KEY (centre, sequence, line));"
    "CREATE OR REPLACE VIEW lottery_sales AS"
    " SELECT r.lottery, r.stored_at, b.* FROM lottery_bets b"
    " JOIN lottery_records r USING (centre, sequence);"
    "CREATE OR REPLACE VIEW lottery_draws AS"
    " SELECT DISTINCT ON (centre, lottery) centre, lottery, draw ->> 'draw' AS draw,"
    " (draw ->> 'winning_number')::bigint AS winning_number, stored_at AS drawn_at"
    " FROM (SELECT *, convert_from(content, 'UTF8')::jsonb AS draw FROM lottery_records"
    " WHERE kind = 'file' AND name = 'draw.json') f ORDER BY centre, lottery, sequence DESC;"
    "COMMIT";

/* So that a feed needs no right to make any, and waits for no reader of a view, where all are there. */
static const char count_tables[] =
    "SELECT count(*) FROM (VALUES ('lottery_feed'), ('lottery_records'), ('lottery_bets'), "
    "('lottery_sales'), ('lottery_draws')) made (name) WHERE to_regclass(name) IS NOT NULL";
static const char all_tables[] = "5";

static struct postgres_sink *sink_of(struct sink *base)
{
    return (struct postgres_sink *)base;
}

/* ------------------------------------------------------------------ failures ---- */

/* What PostgreSQL says, in one line. */
static void describe(const struct postgres_sink *sink, const char *what, struct failure *failure)
{
    (void)failure_set(failure, "PostgreSQL: %s: %.400s", what, PQerrorMessage(sink->connection));
    for (char *at = strchr(failure->text, '\n'); at != NULL && at[1] != '\0';
         at = strchr(at, '\n')) {
        *at = ' ';
    }
    size_t bytes = strlen(failure->text);
    if (bytes > 0 && failure->text[bytes - 1] == '\n') {
        failure->text[bytes - 1] = '\0';
    }
}

/*
 * True for what passes by itself, by the class of the error: no connection, a rollback that PostgreSQL
 * chose, no room, a lock that was not to be had, an operator who stops it, a standby that takes no writes.
 */
static bool passes(const char *sqlstate)
{
    static const char *const classes[] = {"08", "25", "40", "53", "55", "57"};
    for (size_t i = 0; sqlstate != NULL && i < sizeof classes / sizeof classes[0]; i++) {
        if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0) {
            return true;
        }
    }
    return sqlstate == NULL; /* libpq's own failure, of the connection */
}

/* Judges a failure, and gives the connection up: its transaction goes with it. */
static enum sink_end give_up(struct postgres_sink *sink, const PGresult *result, const char *what,
                             struct failure *failure)
{
    bool lost = PQstatus(sink->connection) != CONNECTION_OK;
    bool passing = lost || passes(PQresultErrorField(result, PG_DIAG_SQLSTATE));
    describe(sink, what, failure);
    PQfinish(sink->connection);
    sink->connection = NULL;
    return passing ? SINK_AWAY : SINK_FAILED;
}

/* Runs a command with up to three texts; *result, where wanted, is the caller's to clear. */
static enum sink_end run(struct postgres_sink *sink, const char *what, const char *command,
                         const char *const *texts, int count, PGresult **kept,
                         struct failure *failure)
{
    PGresult *result =
        count == 0 ? PQexec(sink->connection, command)
                   : PQexecParams(sink->connection, command, count, NULL, texts, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        enum sink_end end = give_up(sink, result, what, failure);
        PQclear(result);
        return end;
    }
    if (kept != NULL) {
        *kept = result;
    } else {
        PQclear(result);
    }
    return SINK_WORKED;
}

/* ------------------------------------------------------------------ standing ---- */

static enum sink_end connect_to(struct postgres_sink *sink, struct failure *failure)
{
    /* What stands behind dbname wins over the connection string, what stands before it does not. */
    const char *const names[] = {"connect_timeout",
                                 "tcp_user_timeout",
                                 "keepalives_idle",
                                 "fallback_application_name",
                                 "dbname",
                                 "client_encoding",
                                 NULL};
    const char *const values[] = {"10", "30000", "10", "lottery-feed", sink->dsn, "UTF8", NULL};
    sink->connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(sink->connection) != CONNECTION_OK) {
        return give_up(sink, NULL, "connect", failure);
    }
    return run(sink, "set up the session",
               "SET lock_timeout = '30s'; SET client_min_messages = warning", NULL, 0, NULL,
               failure);
}

static enum sink_end find_or_make_tables(struct postgres_sink *sink, struct failure *failure)
{
    PGresult *result = NULL;
    enum sink_end end = run(sink, "look for the tables", count_tables, NULL, 0, &result, failure);
    if (end != SINK_WORKED) {
        return end;
    }
    bool are_there = strcmp(PQgetvalue(result, 0, 0), all_tables) == 0;
    PQclear(result);
    end =
        are_there ? SINK_WORKED : run(sink, "make the tables", make_tables, NULL, 0, NULL, failure);
    sink->has_tables = end == SINK_WORKED;
    return end;
}

static enum sink_end read_position(struct postgres_sink *sink, char position[POSITION_BYTES],
                                   struct failure *failure)
{
    PGresult *result = NULL;
    enum sink_end end =
        run(sink, "look up the position", "SELECT stands_at FROM lottery_feed WHERE centre = $1",
            &sink->centre, 1, &result, failure);
    if (end != SINK_WORKED) {
        return end;
    }
    bool found = PQntuples(result) == 1 && PQgetlength(result, 0, 0) < POSITION_BYTES;
    if (found) {
        (void)snprintf(position, POSITION_BYTES, "%s", PQgetvalue(result, 0, 0));
    } else {
        (void)failure_set(
            failure, "PostgreSQL: lottery_feed has no position of the centre %s that can be one",
            sink->centre);
    }
    PQclear(result);
    return found ? SINK_WORKED : SINK_FAILED;
}

static enum sink_end stand(struct sink *base, char position[POSITION_BYTES],
                           struct failure *failure)
{
    struct postgres_sink *sink = sink_of(base);
    enum sink_end end = SINK_WORKED;
    copy_text_clear(&sink->bets);
    copy_text_clear(&sink->records);
    if (sink->connection == NULL) {
        end = connect_to(sink, failure);
    }
    if (end == SINK_WORKED && !sink->has_tables) {
        end = find_or_make_tables(sink, failure);
    }
    if (end == SINK_WORKED) {
        end = run(sink, "begin the feed of this centre",
                  "INSERT INTO lottery_feed (centre, stands_at) VALUES ($1, '0') "
                  "ON CONFLICT (centre) DO NOTHING",
                  &sink->centre, 1, NULL, failure);
    }
    return end == SINK_WORKED ? read_position(sink, position, failure) : end;
}

/* -------------------------------------------------------------------- rows ---- */

static enum sink_end take(struct sink *base, const struct engine_message *message,
                          const struct record *record, struct failure *failure)
{
    struct postgres_sink *sink = sink_of(base);
    if (copy_text_add_record(&sink->records, sink->centre, message, record) &&
        (record->kind != RECORD_BETS ||
         copy_text_add_bets(&sink->bets, sink->centre, message, record))) {
        return SINK_WORKED;
    }
    (void)failure_set_errno(failure, "memory for a transaction's rows");
    return SINK_FAILED;
}

/* Sends all of the text as one COPY. */
static enum sink_end copy(struct postgres_sink *sink, const char *command,
                          const struct copy_text *text, struct failure *failure)
{
    if (text->used == 0) {
        return SINK_WORKED;
    }
    PGresult *result = PQexec(sink->connection, command);
    bool sent = PQresultStatus(result) == PGRES_COPY_IN;
    for (size_t done = 0; sent && done < text->used;) {
        size_t left = text->used - done;
        int piece = left < COPY_PIECE_BYTES ? (int)left : COPY_PIECE_BYTES;
        sent = PQputCopyData(sink->connection, text->bytes + done, piece) == 1;
        done += (size_t)piece;
    }
    if (sent && PQputCopyEnd(sink->connection, NULL) == 1) {
        PQclear(result);
        result = PQgetResult(sink->connection);
        sent = PQresultStatus(result) == PGRES_COMMAND_OK;
    }
    enum sink_end end = sent ? SINK_WORKED : give_up(sink, result, command, failure);
    PQclear(result);
    while (end == SINK_WORKED && (result = PQgetResult(sink->connection)) != NULL) {
        PQclear(result); /* there is nothing more to be said of a COPY */
    }
    return end;
}

/* Moves the position, which stands locked from here on. */
static enum sink_end move(struct postgres_sink *sink, const char *before, const char *after,
                          struct failure *failure)
{
    const char *const texts[] = {sink->centre, before, after};
    PGresult *result = NULL;
    enum sink_end end = run(sink, "move the position",
                            "UPDATE lottery_feed SET stands_at = $3, changed_at = now() "
                            "WHERE centre = $1 AND stands_at = $2",
                            texts, 3, &result, failure);
    if (end == SINK_WORKED && strcmp(PQcmdTuples(result), "1") != 0) {
        (void)failure_set(
            failure,
            "PostgreSQL: another feed of the centre %s has moved its position: one of "
            "them is enough",
            sink->centre);
        end = SINK_MOVED;
    }
    PQclear(result);
    return end;
}

/* A transaction that has failed answers COMMIT with ROLLBACK. No answer: the next position tells. */
static enum sink_end finish(struct postgres_sink *sink, struct failure *failure)
{
    PGresult *result = NULL;
    enum sink_end end = run(sink, "commit", "COMMIT", NULL, 0, &result, failure);
    if (end == SINK_WORKED && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
        end = give_up(sink, NULL, "commit: it was rolled back", failure);
    }
    PQclear(result);
    return end;
}

static enum sink_end commit(struct sink *base, const char *before, const char *after,
                            struct failure *failure)
{
    struct postgres_sink *sink = sink_of(base);
    enum sink_end end = run(sink, "begin", "BEGIN", NULL, 0, NULL, failure);
    if (end == SINK_WORKED) {
        end = move(sink, before, after, failure);
    }
    if (end == SINK_WORKED) {
        end = copy(sink, copy_text_records, &sink->records, failure);
    }
    if (end == SINK_WORKED) {
        end = copy(sink, copy_text_bets, &sink->bets, failure);
    }
    if (end == SINK_WORKED) {
        end = finish(sink, failure);
    }
    copy_text_clear(&sink->bets);
    copy_text_clear(&sink->records);
    if (end == SINK_MOVED) {
        PQfinish(sink->connection); /* its transaction goes with it */
        sink->connection = NULL;
    }
    return end;
}

/* ------------------------------------------------------------------- opening ---- */

struct sink *postgres_sink_open(const char *dsn, const char *centre, struct failure *failure)
{
    static const struct sink_calls calls = {.stand = stand, .take = take, .commit = commit};
    char *error = NULL;
    PQconninfoOption *parsed = PQconninfoParse(dsn, &error);
    if (parsed == NULL) {
        (void)failure_set(failure, "--postgres: is no connection string: %.200s",
                          error == NULL ? "no memory" : error);
        PQfreemem(error);
        return NULL;
    }
    PQconninfoFree(parsed);
    struct postgres_sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) {
        (void)failure_set_errno(failure, "memory for a sink");
        return NULL;
    }
    sink->base.calls = &calls;
    sink->dsn = dsn;
    sink->centre = centre;
    return &sink->base;
}

void postgres_sink_close(struct sink *base)
{
    if (base == NULL) {
        return;
    }
    struct postgres_sink *sink = sink_of(base);
    PQfinish(sink->connection);
    copy_text_free(&sink->bets);
    copy_text_free(&sink->records);
    free(sink);
}
