/*
 * peer_postgres.c - PostgreSQL: a table of bets, a transaction a batch, by libpq.
 *
 * postgres-copy: COPY of the batch's rows, the fastest way to bring rows into a table. A connection
 * runs one COPY at a time, and libpq's pipeline takes none; so an agency has as many connections as
 * batches in flight, and PostgreSQL may put their commits into one sync.
 * postgres-insert: INSERT of arrays, one a column, prepared, over one connection in pipeline mode. One
 * process of PostgreSQL runs them one after the other, a commit each.
 */
#include "tests/bench/peer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTION_BYTES = 96, COLUMNS = 6 };

static bool complain(const char *what, const PGconn *connection)
{
    (void)fprintf(stderr, "lottery-peers: postgres: %s: %s", what, PQerrorMessage(connection));
    return false;
}

static PGconn *connect_to(uint16_t port)
{
    char text[CONNECTION_BYTES];
    (void)snprintf(text, sizeof text,
                   "host=127.0.0.1 port=%u user=lottery dbname=postgres sslmode=disable", port);
    PGconn *connection = PQconnectdb(text);
    if (PQstatus(connection) != CONNECTION_OK) {
        (void)complain("connect", connection);
        PQfinish(connection);
        return NULL;
    }
    return connection;
}

static bool prepare_postgres(uint16_t port)
{
    PGconn *connection = connect_to(port);
    if (connection == NULL) {
        return false;
    }
    PGresult *result = PQexec(connection, "CREATE TABLE bets (agency integer NOT NULL, "
                                          "first_name text NOT NULL, last_name text NOT NULL, "
                                          "document integer NOT NULL, birthdate date NOT NULL, "
                                          "number integer NOT NULL)");
    bool made =
        PQresultStatus(result) == PGRES_COMMAND_OK || complain("make the table", connection);
    PQclear(result);
    PQfinish(connection);
    return made;
}

/* ------------------------------------------------------------------ COPY ---- */

enum copy_state { COPY_IDLE, COPY_ASKED, COPY_SENT };

/* A connection a slot. */
struct copy_peer {
    const struct peer_batches *batches;
    unsigned window;
    PGconn *connections[PEER_WINDOW_MAX];
    enum copy_state states[PEER_WINDOW_MAX];
    size_t sending[PEER_WINDOW_MAX]; /* the slot's batch */
};

static void close_copy(void *self)
{
    struct copy_peer *peer = self;
    for (unsigned i = 0; i < peer->window; i++) {
        PQfinish(peer->connections[i]);
    }
    free(peer);
}

static void *open_copy(const struct peer_plan *plan)
{
    struct copy_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        (void)fputs("lottery-peers: postgres: no memory\n", stderr);
        return NULL;
    }
    peer->batches = plan->batches;
    for (peer->window = 0; peer->window < plan->window; peer->window++) {
        peer->connections[peer->window] = connect_to(plan->port);
        if (peer->connections[peer->window] == NULL) {
            close_copy(peer);
            return NULL;
        }
    }
    return peer;
}

/* Asks for a COPY: its rows may follow when PostgreSQL has said that it takes them. */
static bool send_copy(void *self, unsigned slot, size_t batch)
{
    struct copy_peer *peer = self;
    peer->states[slot] = COPY_ASKED;
    peer->sending[slot] = batch;
    return PQsendQuery(peer->connections[slot], "COPY bets FROM STDIN (FORMAT csv)") == 1 ||
           complain("COPY", peer->connections[slot]);
}

static bool send_rows(struct copy_peer *peer, unsigned slot)
{
    const size_t *offsets = peer->batches->offsets;
    size_t batch = peer->sending[slot];
    PGconn *connection = peer->connections[slot];
    peer->states[slot] = COPY_SENT;
    return (PQputCopyData(connection, peer->batches->bytes + offsets[batch],
                          (int)(offsets[batch + 1] - offsets[batch])) == 1 &&
            PQputCopyEnd(connection, NULL) == 1 && PQflush(connection) == 0) ||
           complain("send rows", connection);
}

/* Takes what has come on the slot's connection. False: it failed. An idle state: acknowledged. */
static bool advance_copy(struct copy_peer *peer, unsigned slot)
{
    PGconn *connection = peer->connections[slot];
    if (PQconsumeInput(connection) != 1) {
        return complain("receive", connection);
    }
    while (peer->states[slot] != COPY_IDLE && PQisBusy(connection) == 0) {
        PGresult *result = PQgetResult(connection);
        ExecStatusType status = PQresultStatus(result);
        bool ended = result == NULL;
        PQclear(result);
        if (!ended && status != PGRES_COPY_IN && status != PGRES_COMMAND_OK) {
            return complain("COPY", connection);
        }
        if (ended) {
            peer->states[slot] = COPY_IDLE;
        } else if (status == PGRES_COPY_IN && !send_rows(peer, slot)) {
            return false;
        } else if (status == PGRES_COPY_IN) {
            break;
        }
    }
    return true;
}

static int take_copy(void *self, unsigned slots[PEER_WINDOW_MAX])
{
    struct copy_peer *peer = self;
    int taken = 0;
    while (taken == 0) {
        struct pollfd watched[PEER_WINDOW_MAX];
        for (unsigned i = 0; i < peer->window; i++) {
            bool busy = peer->states[i] != COPY_IDLE;
            watched[i] =
                (struct pollfd){.fd = busy ? PQsocket(peer->connections[i]) : -1, .events = POLLIN};
        }
        if (poll(watched, peer->window, PEER_ANSWER_TIMEOUT_MS) <= 0) {
            (void)fputs("lottery-peers: postgres: no answer in time\n", stderr);
            return -1;
        }
        for (unsigned i = 0; i < peer->window; i++) {
            if (watched[i].revents != 0 && !advance_copy(peer, i)) {
                return -1;
            }
            if (watched[i].revents != 0 && peer->states[i] == COPY_IDLE) {
                slots[taken++] = i;
            }
        }
    }
    return taken;
}

/* ---------------------------------------------------------------- INSERT ---- */

/* The columns of a batch as arrays in PostgreSQL's text form: {20000001,20000002}. */
struct insert_arrays {
    char *text; /* owned: of all columns */
    const char *columns[COLUMNS];
};

struct insert_peer {
    PGconn *connection;
    struct peer_queue queue;
    struct insert_arrays *batches; /* owned */
    size_t count;
};

static void close_insert(void *self)
{
    struct insert_peer *peer = self;
    for (size_t i = 0; peer->batches != NULL && i < peer->count; i++) {
        free(peer->batches[i].text);
    }
    free(peer->batches);
    PQfinish(peer->connection);
    free(peer);
}

/* Copies one column of all rows. Names of the rows have nothing that an array would have quoted. */
static size_t copy_column(char *out, const char *rows, const char *end, unsigned column)
{
    size_t used = 0;
    for (const char *row = rows; row < end; row += strcspn(row, "\n") + 1) {
        const char *field = row;
        for (unsigned i = 0; i < column; i++) {
            field += strcspn(field, ",") + 1;
        }
        size_t bytes = strcspn(field, ",\n");
        out[used++] = row == rows ? '{' : ',';
        memcpy(out + used, field, bytes);
        used += bytes;
    }
    out[used++] = '}';
    out[used++] = '\0';
    return used;
}

static bool make_arrays(struct insert_arrays *arrays, const char *rows, const char *end)
{
    size_t used = 0;
    arrays->text = malloc((size_t)(end - rows) + COLUMNS * sizeof "{}");
    for (unsigned column = 0; arrays->text != NULL && column < COLUMNS; column++) {
        arrays->columns[column] = arrays->text + used;
        used += copy_column(arrays->text + used, rows, end, column);
    }
    return arrays->text != NULL;
}

static bool make_all_arrays(struct insert_peer *peer, const struct peer_batches *batches)
{
    peer->count = batches->count;
    peer->batches = calloc(batches->count, sizeof *peer->batches);
    bool made = peer->batches != NULL;
    for (size_t i = 0; made && i < batches->count; i++) {
        made = make_arrays(&peer->batches[i], batches->bytes + batches->offsets[i],
                           batches->bytes + batches->offsets[i + 1]);
    }
    if (!made) {
        (void)fputs("lottery-peers: postgres: no memory\n", stderr);
    }
    return made;
}

static bool prepare_insert(PGconn *connection)
{
    PGresult *result =
        PQprepare(connection, "insert",
                  "INSERT INTO bets SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], "
                  "$4::integer[], $5::date[], $6::integer[])",
                  COLUMNS, NULL);
    bool prepared = PQresultStatus(result) == PGRES_COMMAND_OK || complain("prepare", connection);
    PQclear(result);
    return prepared && (PQenterPipelineMode(connection) == 1 || complain("pipeline", connection));
}

static void *open_insert(const struct peer_plan *plan)
{
    struct insert_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        (void)fputs("lottery-peers: postgres: no memory\n", stderr);
        return NULL;
    }
    if (!make_all_arrays(peer, plan->batches) ||
        (peer->connection = connect_to(plan->port)) == NULL || !prepare_insert(peer->connection)) {
        close_insert(peer);
        return NULL;
    }
    return peer;
}

/* A sync point of the pipeline ends the transaction. */
static bool send_insert(void *self, unsigned slot, size_t batch)
{
    struct insert_peer *peer = self;
    peer_queue_push(&peer->queue, slot);
    return (PQsendQueryPrepared(peer->connection, "insert", COLUMNS, peer->batches[batch].columns,
                                NULL, NULL, 0) == 1 &&
            PQpipelineSync(peer->connection) == 1) ||
           complain("INSERT", peer->connection);
}

/* A batch's answer is that of the sync point: the transaction is committed. */
static int take_insert(void *self, unsigned slots[PEER_WINDOW_MAX])
{
    struct insert_peer *peer = self;
    int taken = 0;
    while (peer->queue.count > 0 && (taken == 0 || PQisBusy(peer->connection) == 0)) {
        PGresult *result = PQgetResult(peer->connection);
        ExecStatusType status = PQresultStatus(result);
        bool ended = result == NULL; /* of one command: the next one's follow */
        PQclear(result);
        if ((!ended && status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC) ||
            PQstatus(peer->connection) != CONNECTION_OK) {
            (void)complain("INSERT", peer->connection);
            return -1;
        }
        if (!ended && status == PGRES_PIPELINE_SYNC) {
            slots[taken++] = peer_queue_pop(&peer->queue);
        }
    }
    return taken;
}

const struct peer peer_postgres_copy = {.name = "postgres-copy",
                                        .prepare = prepare_postgres,
                                        .open = open_copy,
                                        .send = send_copy,
                                        .take = take_copy,
                                        .close = close_copy};

const struct peer peer_postgres_insert = {.name = "postgres-insert",
                                          .prepare = prepare_postgres,
                                          .open = open_insert,
                                          .send = send_insert,
                                          .take = take_insert,
                                          .close = close_insert};
