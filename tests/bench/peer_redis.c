/*
 * peer_redis.c - Redis: a list that each batch is appended to, by hiredis.
 *
 * redis: a batch is one element, the text that bets.csv would hold. This is the least that Redis can
 * be asked to do. redis-rows: a row is one element, so that rows can be read one by one; still one
 * command a batch, since a command is what Redis acknowledges.
 * Commands are formatted before the clock starts and pipelined: what waits is sent together.
 */
#include "tests/bench/peer.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { KEY_BYTES_MAX = 16, MS_PER_SECOND = 1000 };

struct redis_connection {
    redisContext *context;
    struct peer_queue queue;
    char **commands; /* owned, in the wire's format: of batch i */
    size_t *bytes;   /* owned: of its command */
    size_t count;
};

/* Redis makes a list when something is appended to it. */
static bool prepare_redis(uint16_t port)
{
    (void)port;
    return true;
}

static void close_redis(void *self)
{
    struct redis_connection *connection = self;
    for (size_t i = 0; connection->commands != NULL && i < connection->count; i++) {
        redisFreeCommand(connection->commands[i]);
    }
    free(connection->commands);
    free(connection->bytes);
    if (connection->context != NULL) {
        redisFree(connection->context);
    }
    free(connection);
}

/* RPUSH KEY ELEMENT...: the batch as it stands, or each of its rows. */
static bool format_batch(struct redis_connection *connection, const struct peer_plan *plan,
                         size_t batch, bool rows, const char **words, size_t *lengths)
{
    const struct peer_batches *batches = plan->batches;
    const char *text = batches->bytes + batches->offsets[batch];
    const char *end = batches->bytes + batches->offsets[batch + 1];
    char key[KEY_BYTES_MAX];
    int count = 2;
    words[0] = "RPUSH";
    words[1] = key;
    lengths[0] = strlen(words[0]);
    lengths[1] = (size_t)snprintf(key, sizeof key, "bets:%u", plan->agency);
    while (text < end) {
        size_t bytes = rows ? strcspn(text, "\n") + 1 : (size_t)(end - text);
        words[count] = text;
        lengths[count++] = bytes;
        text += bytes;
    }
    long long formatted =
        redisFormatCommandArgv(&connection->commands[batch], count, words, lengths);
    connection->bytes[batch] = formatted > 0 ? (size_t)formatted : 0;
    return formatted > 0;
}

static bool format_batches(struct redis_connection *connection, const struct peer_plan *plan,
                           bool rows)
{
    const char **words = calloc(plan->batches->bets + 2, sizeof *words);
    size_t *lengths = calloc(plan->batches->bets + 2, sizeof *lengths);
    connection->count = plan->batches->count;
    connection->commands = calloc(connection->count, sizeof *connection->commands);
    connection->bytes = calloc(connection->count, sizeof *connection->bytes);
    bool formatted = words != NULL && lengths != NULL && connection->commands != NULL &&
                     connection->bytes != NULL;
    for (size_t i = 0; formatted && i < connection->count; i++) {
        formatted = format_batch(connection, plan, i, rows, words, lengths);
    }
    free(words);
    free(lengths);
    return formatted;
}

static void *open_redis(const struct peer_plan *plan, bool rows)
{
    const struct timeval timeout = {.tv_sec = PEER_ANSWER_TIMEOUT_MS / MS_PER_SECOND};
    struct redis_connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL || !format_batches(connection, plan, rows)) {
        (void)fputs("lottery-peers: redis: no memory\n", stderr);
    } else if ((connection->context = redisConnect("127.0.0.1", plan->port)) == NULL ||
               connection->context->err != 0 ||
               redisSetTimeout(connection->context, timeout) != REDIS_OK) {
        (void)fprintf(stderr, "lottery-peers: redis: connect to port %u: %s\n", plan->port,
                      connection->context != NULL ? connection->context->errstr : "no memory");
    } else {
        return connection;
    }
    if (connection != NULL) {
        close_redis(connection);
    }
    return NULL;
}

static void *open_whole(const struct peer_plan *plan)
{
    return open_redis(plan, false);
}

static void *open_rows(const struct peer_plan *plan)
{
    return open_redis(plan, true);
}

static bool send_redis(void *self, unsigned slot, size_t batch)
{
    struct redis_connection *connection = self;
    peer_queue_push(&connection->queue, slot);
    return redisAppendFormattedCommand(connection->context, connection->commands[batch],
                                       connection->bytes[batch]) == REDIS_OK;
}

/* RPUSH answers how long the list has become; anything else is an error. */
static bool is_acknowledged(redisReply *reply)
{
    bool acknowledged = reply->type == REDIS_REPLY_INTEGER;
    if (!acknowledged) {
        (void)fprintf(stderr, "lottery-peers: redis: RPUSH: %s\n",
                      reply->str != NULL ? reply->str : "unexpected answer");
    }
    freeReplyObject(reply);
    return acknowledged;
}

/* Sends what waits, blocks for one answer, and takes those that have come with it. */
static int take_redis(void *self, unsigned slots[PEER_WINDOW_MAX])
{
    struct redis_connection *connection = self;
    void *reply = NULL;
    int taken = 0;
    if (redisGetReply(connection->context, &reply) != REDIS_OK) {
        (void)fprintf(stderr, "lottery-peers: redis: %s\n", connection->context->errstr);
        return -1;
    }
    while (reply != NULL) {
        if (!is_acknowledged(reply)) {
            return -1;
        }
        slots[taken++] = peer_queue_pop(&connection->queue);
        reply = NULL;
        if (redisReaderGetReply(connection->context->reader, &reply) != REDIS_OK) {
            (void)fputs("lottery-peers: redis: an answer can't be read\n", stderr);
            return -1;
        }
    }
    return taken;
}

const struct peer peer_redis = {.name = "redis",
                                .prepare = prepare_redis,
                                .open = open_whole,
                                .send = send_redis,
                                .take = take_redis,
                                .close = close_redis};

const struct peer peer_redis_rows = {.name = "redis-rows",
                                     .prepare = prepare_redis,
                                     .open = open_rows,
                                     .send = send_redis,
                                     .take = take_redis,
                                     .close = close_redis};
