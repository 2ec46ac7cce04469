/*
 * engine_memory.c - see engine_memory.h.
 *
 * One lock is held in every call. A stream is an array of pointers to messages, NULL for a lost one. A
 * message is stored, and handed out, as one allocation: the struct, its headers' names, and the bytes.
 */
#include "engine/engine_memory.h"

#include "engine/engine_calls.h"
#include "lib/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECTS_MAX = 8, CAPACITY_FIRST = 64 };

struct stream {
    char name[ENGINE_SUBJECT_BYTES]; /* empty: this place is free */
    char subjects[SUBJECTS_MAX][ENGINE_SUBJECT_BYTES];
    size_t subject_count;
    unsigned replicas;
    struct engine_message **messages; /* message 1 is at 0 */
    uint64_t last;
    size_t capacity;
};

struct client {
    struct engine base;
    struct engine_memory *memory;
    enum engine_memory_fault fault;
    bool away;
    uint64_t stale;               /* 0: not */
    struct engine_message *given; /* what the last call returned */
    char listens_to[ENGINE_SUBJECT_BYTES];
    char heard[ENGINE_MEMORY_HEARD_MAX][ENGINE_VALUE_BYTES]; /* the oldest first */
    size_t heard_count;
};

struct engine_memory {
    pthread_mutex_t lock;
    pthread_cond_t stored;
    struct stream streams[ENGINE_MEMORY_STREAMS_MAX];
    struct client *clients[ENGINE_MEMORY_CLIENTS_MAX];
    size_t payload_max;
    /* An append that arrives late. */
    struct stream *late_stream; /* NULL: there is none */
    struct engine_message *late;
    enum engine_expectation late_expectation;
    uint64_t late_expected;
};

static struct client *client_of(struct engine *engine)
{
    return (struct client *)engine;
}

/* ---------------------------------------------------------------- messages ---- */

static size_t names_bytes(const struct engine_header *headers, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(headers[i].name) + 1;
    }
    return bytes;
}

/* A copy in one allocation. Whoever has no memory for a test ends it. */
static struct engine_message *copy_message(const struct engine_message *message)
{
    const size_t names = names_bytes(message->headers, message->header_count);
    struct engine_message *copy = malloc(sizeof *copy + names + message->count);
    if (copy == NULL) {
        abort();
    }
    *copy = *message;
    char *at = (char *)(copy + 1);
    for (size_t i = 0; i < copy->header_count; i++) {
        const size_t bytes = strlen(message->headers[i].name) + 1;
        copy->headers[i].name = memcpy(at, message->headers[i].name, bytes);
        at += bytes;
    }
    copy->bytes = at;
    if (message->count > 0) {
        memcpy(at, message->bytes, message->count);
    }
    return copy;
}

static struct engine_message *message_of(const struct engine_append *append)
{
    const bool is_strange = append->header_count > ENGINE_HEADERS_MAX;
    struct engine_message message = {.stored_at_ms = clock_wall_ms(),
                                     .header_count = is_strange ? 0 : append->header_count,
                                     .has_strange_headers = is_strange,
                                     .bytes = append->bytes,
                                     .count = append->count};
    (void)snprintf(message.subject, sizeof message.subject, "%s", append->subject);
    if (message.header_count > 0) {
        memcpy(message.headers, append->headers, message.header_count * sizeof *append->headers);
    }
    return copy_message(&message);
}

/* ----------------------------------------------------------------- streams ---- */

static struct stream *find_stream(struct engine_memory *memory, const char *name)
{
    for (size_t i = 0; i < ENGINE_MEMORY_STREAMS_MAX; i++) {
        if (strcmp(memory->streams[i].name, name) == 0) {
            return &memory->streams[i];
        }
    }
    return NULL;
}

static bool has_subject(const struct stream *stream, const char *subject)
{
    for (size_t i = 0; i < stream->subject_count; i++) {
        const size_t bytes = strlen(stream->subjects[i]);
        const bool rest = bytes > 0 && stream->subjects[i][bytes - 1] == '>';
        if (rest ? strncmp(stream->subjects[i], subject, bytes - 1) == 0
                 : strcmp(stream->subjects[i], subject) == 0) {
            return true;
        }
    }
    return false;
}

/* The last message of the subject up to `last`; NULL: there is none. */
static struct engine_message *last_of(const struct stream *stream, const char *subject,
                                      uint64_t last)
{
    for (uint64_t sequence = last; sequence > 0; sequence--) {
        struct engine_message *message = stream->messages[sequence - 1];
        if (message != NULL && strcmp(message->subject, subject) == 0) {
            return message;
        }
    }
    return NULL;
}

static bool is_expected(const struct stream *stream, const char *subject,
                        enum engine_expectation expectation, uint64_t expected)
{
    if (expectation == ENGINE_AFTER_SEQUENCE) {
        return stream->last == expected;
    }
    const struct engine_message *last = last_of(stream, subject, stream->last);
    return expected == (last == NULL ? 0 : last->sequence);
}

/* Takes the message over. */
static void store(struct engine_memory *memory, struct stream *stream,
                  struct engine_message *message)
{
    if (stream->last == stream->capacity) {
        const size_t capacity = stream->capacity == 0 ? CAPACITY_FIRST : 2 * stream->capacity;
        struct engine_message **more =
            realloc((void *)stream->messages, capacity * sizeof(struct engine_message *));
        if (more == NULL) {
            abort();
        }
        stream->messages = more;
        stream->capacity = capacity;
    }
    stream->messages[stream->last++] = message;
    message->sequence = stream->last;
    (void)pthread_cond_broadcast(&memory->stored);
}

static void drop_from(struct stream *stream, uint64_t sequence)
{
    while (stream->last >= sequence) {
        free(stream->messages[--stream->last]);
    }
}

static void drop_stream(struct stream *stream)
{
    drop_from(stream, 1);
    free((void *)stream->messages);
    memset(stream, 0, sizeof *stream);
}

/* What was late arrives: in its place, or nowhere. */
static void let_late_arrive(struct engine_memory *memory)
{
    struct stream *stream = memory->late_stream;
    if (stream == NULL) {
        return;
    }
    memory->late_stream = NULL;
    if (is_expected(stream, memory->late->subject, memory->late_expectation,
                    memory->late_expected)) {
        store(memory, stream, memory->late);
    } else {
        free(memory->late);
    }
}

/* --------------------------------------------------------------- appending ---- */

static enum engine_answer fail_append(struct client *client, struct stream *stream,
                                      const struct engine_append *append,
                                      enum engine_memory_fault fault, struct failure *failure)
{
    struct engine_memory *memory = client->memory;
    switch (fault) {
    case ENGINE_MEMORY_ANSWER_LOST:
        if (is_expected(stream, append->subject, append->expectation, append->expected)) {
            store(memory, stream, message_of(append));
        }
        break;
    case ENGINE_MEMORY_LATE:
        memory->late_stream = stream;
        memory->late = message_of(append);
        memory->late_expectation = append->expectation;
        memory->late_expected = append->expected;
        break;
    case ENGINE_MEMORY_REFUSE:
        (void)failure_set(failure, "append to %s: refused, as told", append->stream);
        return ENGINE_REFUSED;
    case ENGINE_MEMORY_FORBID:
        (void)failure_set(failure, "append to %s: forbidden, as told", append->stream);
        return ENGINE_FORBIDDEN;
    default:
        break;
    }
    (void)failure_set(failure, "append to %s: no answer, as told", append->stream);
    return ENGINE_UNKNOWN;
}

static enum engine_answer append_now(struct client *client, const struct engine_append *append,
                                     uint64_t *sequence, struct failure *failure)
{
    struct engine_memory *memory = client->memory;
    struct stream *stream = find_stream(memory, append->stream);
    const enum engine_memory_fault fault = client->fault;
    if (append->count > memory->payload_max) {
        (void)failure_set(failure, "append to %s: %zu bytes, and a message may have %zu",
                          append->stream, append->count, memory->payload_max);
        return ENGINE_FORBIDDEN;
    }
    if (client->away || stream == NULL || !has_subject(stream, append->subject)) {
        (void)failure_set(failure, "append to %s: nobody answers", append->stream);
        return ENGINE_UNKNOWN;
    }
    let_late_arrive(memory);
    client->fault = ENGINE_MEMORY_NO_FAULT;
    if (fault != ENGINE_MEMORY_NO_FAULT) {
        return fail_append(client, stream, append, fault, failure);
    }
    if (!is_expected(stream, append->subject, append->expectation, append->expected)) {
        (void)failure_set(failure,
                          "append to %s: refused, after %" PRIu64 ", where the last is %" PRIu64,
                          append->stream, append->expected, stream->last);
        return ENGINE_REFUSED;
    }
    store(memory, stream, message_of(append));
    *sequence = stream->last;
    return ENGINE_STORED;
}

static enum engine_answer memory_append(struct engine *engine, const struct engine_append *append,
                                        int64_t timeout_ms, uint64_t *sequence,
                                        struct failure *failure)
{
    struct client *client = client_of(engine);
    (void)timeout_ms;
    (void)pthread_mutex_lock(&client->memory->lock);
    const enum engine_answer answer = append_now(client, append, sequence, failure);
    (void)pthread_mutex_unlock(&client->memory->lock);
    return answer;
}

/* ----------------------------------------------------------------- reading ---- */

/* How far this client sees. */
static uint64_t last_seen(const struct client *client, const struct stream *stream)
{
    const bool stale = client->stale != 0 && client->stale < stream->last;
    return stale ? client->stale : stream->last;
}

static enum engine_reading find_readable(const struct client *client, const char *name,
                                         struct stream **stream, struct failure *failure)
{
    if (client->away) {
        (void)failure_set(failure, "read %s: no connection, as told", name);
        return ENGINE_AWAY;
    }
    *stream = find_stream(client->memory, name);
    if (*stream == NULL) {
        (void)failure_set(failure, "read %s: there is no such stream", name);
        return ENGINE_BROKEN;
    }
    return ENGINE_READ;
}

static void give(struct client *client, const struct engine_message *found,
                 struct engine_message *message)
{
    free(client->given);
    client->given = copy_message(found);
    *message = *client->given;
}

static enum engine_reading memory_last_sequence(struct engine *engine, const char *name,
                                                int64_t timeout_ms, uint64_t *sequence,
                                                struct failure *failure)
{
    struct client *client = client_of(engine);
    struct stream *stream = NULL;
    (void)timeout_ms;
    (void)pthread_mutex_lock(&client->memory->lock);
    const enum engine_reading reading = find_readable(client, name, &stream, failure);
    if (reading == ENGINE_READ) {
        *sequence = last_seen(client, stream);
    }
    (void)pthread_mutex_unlock(&client->memory->lock);
    return reading;
}

static enum engine_reading memory_read_last(struct engine *engine, const char *name,
                                            const char *subject, int64_t timeout_ms,
                                            struct engine_message *message, struct failure *failure)
{
    struct client *client = client_of(engine);
    struct stream *stream = NULL;
    (void)timeout_ms;
    (void)pthread_mutex_lock(&client->memory->lock);
    enum engine_reading reading = find_readable(client, name, &stream, failure);
    if (reading == ENGINE_READ) {
        const struct engine_message *last = last_of(stream, subject, last_seen(client, stream));
        if (last != NULL) {
            give(client, last, message);
        } else {
            reading = ENGINE_NOTHING;
        }
    }
    (void)pthread_mutex_unlock(&client->memory->lock);
    return reading;
}

static enum engine_reading read_now(struct client *client, const char *name, uint64_t sequence,
                                    struct engine_message *message, struct failure *failure)
{
    struct stream *stream = NULL;
    const enum engine_reading reading = find_readable(client, name, &stream, failure);
    if (reading != ENGINE_READ) {
        return reading;
    }
    if (sequence == 0 || sequence > last_seen(client, stream)) {
        return ENGINE_NOTHING;
    }
    if (stream->messages[sequence - 1] == NULL) {
        (void)failure_set(failure, "read %s: message %" PRIu64 " is missing", name, sequence);
        return ENGINE_BROKEN;
    }
    give(client, stream->messages[sequence - 1], message);
    return ENGINE_READ;
}

static enum engine_reading memory_read(struct engine *engine, const char *name, uint64_t sequence,
                                       int64_t timeout_ms, struct engine_message *message,
                                       struct failure *failure)
{
    struct client *client = client_of(engine);
    struct engine_memory *memory = client->memory;
    const struct timespec deadline = clock_deadline(timeout_ms);
    (void)pthread_mutex_lock(&memory->lock);
    enum engine_reading reading = read_now(client, name, sequence, message, failure);
    while (reading == ENGINE_NOTHING && timeout_ms > 0 &&
           pthread_cond_clockwait(&memory->stored, &memory->lock, CLOCK_MONOTONIC, &deadline) !=
               ETIMEDOUT) {
        reading = read_now(client, name, sequence, message, failure);
    }
    (void)pthread_mutex_unlock(&memory->lock);
    return reading;
}

/* ----------------------------------------------- streams, texts, description ---- */

static bool same_settings(const struct stream *stream, const char *const *subjects,
                          size_t subject_count, unsigned replicas)
{
    bool same = stream->replicas == replicas && stream->subject_count == subject_count;
    for (size_t i = 0; same && i < subject_count; i++) {
        same = strcmp(stream->subjects[i], subjects[i]) == 0;
    }
    return same;
}

static bool add_stream(struct engine_memory *memory, const char *name, const char *const *subjects,
                       size_t subject_count, unsigned replicas)
{
    struct stream *stream = find_stream(memory, "");
    if (stream == NULL || subject_count > SUBJECTS_MAX) {
        return false;
    }
    (void)snprintf(stream->name, sizeof stream->name, "%s", name);
    for (size_t i = 0; i < subject_count; i++) {
        (void)snprintf(stream->subjects[i], ENGINE_SUBJECT_BYTES, "%s", subjects[i]);
    }
    stream->subject_count = subject_count;
    stream->replicas = replicas;
    return true;
}

static enum engine_answer memory_make_stream(struct engine *engine, const char *name,
                                             const char *const *subjects, size_t subject_count,
                                             unsigned replicas, int64_t timeout_ms,
                                             struct failure *failure)
{
    struct client *client = client_of(engine);
    struct engine_memory *memory = client->memory;
    enum engine_answer answer = ENGINE_STORED;
    (void)timeout_ms;
    (void)pthread_mutex_lock(&memory->lock);
    const struct stream *stream = find_stream(memory, name);
    if (client->away) {
        (void)failure_set(failure, "make the stream %s: no connection, as told", name);
        answer = ENGINE_UNKNOWN;
    } else if (stream != NULL && !same_settings(stream, subjects, subject_count, replicas)) {
        (void)failure_set(failure, "the stream %s is there with other settings", name);
        answer = ENGINE_FORBIDDEN;
    } else if (stream == NULL && !add_stream(memory, name, subjects, subject_count, replicas)) {
        (void)failure_set(failure, "make the stream %s: too many streams or subjects", name);
        answer = ENGINE_FORBIDDEN;
    }
    (void)pthread_mutex_unlock(&memory->lock);
    return answer;
}

static size_t memory_payload_max(const struct engine *engine)
{
    return ((const struct client *)engine)->memory->payload_max;
}

static void let_hear(struct client *client, const char *text)
{
    if (client->heard_count == ENGINE_MEMORY_HEARD_MAX) {
        client->heard_count--;
        memmove(client->heard[0], client->heard[1], client->heard_count * sizeof client->heard[0]);
    }
    (void)snprintf(client->heard[client->heard_count++], ENGINE_VALUE_BYTES, "%s", text);
}

static void memory_tell(struct engine *engine, const char *subject, const char *text)
{
    struct client *teller = client_of(engine);
    struct engine_memory *memory = teller->memory;
    (void)pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < ENGINE_MEMORY_CLIENTS_MAX; i++) {
        struct client *client = memory->clients[i];
        if (client != NULL && !client->away && !teller->away &&
            strcmp(client->listens_to, subject) == 0) {
            let_hear(client, text);
        }
    }
    (void)pthread_mutex_unlock(&memory->lock);
}

static bool memory_listen(struct engine *engine, const char *subject, struct failure *failure)
{
    struct client *client = client_of(engine);
    (void)failure;
    (void)pthread_mutex_lock(&client->memory->lock);
    (void)snprintf(client->listens_to, sizeof client->listens_to, "%s", subject);
    (void)pthread_mutex_unlock(&client->memory->lock);
    return true;
}

static bool memory_hear(struct engine *engine, char *text, size_t size)
{
    struct client *client = client_of(engine);
    (void)pthread_mutex_lock(&client->memory->lock);
    const bool heard = client->heard_count > 0;
    if (heard) {
        (void)snprintf(text, size, "%s", client->heard[0]);
        client->heard_count--;
        memmove(client->heard[0], client->heard[1], client->heard_count * sizeof client->heard[0]);
    }
    (void)pthread_mutex_unlock(&client->memory->lock);
    return heard;
}

static void memory_describe(const struct engine *engine, struct engine_state *state)
{
    memset(state, 0, sizeof *state);
    state->connected = !((const struct client *)engine)->away;
    (void)snprintf(state->server, sizeof state->server, "%s", state->connected ? "memory" : "");
    (void)snprintf(state->version, sizeof state->version, "memory");
}

static void memory_close(struct engine *engine)
{
    struct client *client = client_of(engine);
    struct engine_memory *memory = client->memory;
    (void)pthread_mutex_lock(&memory->lock);
    for (size_t i = 0; i < ENGINE_MEMORY_CLIENTS_MAX; i++) {
        memory->clients[i] = memory->clients[i] == client ? NULL : memory->clients[i];
    }
    (void)pthread_mutex_unlock(&memory->lock);
    free(client->given);
    free(client);
}

static const struct engine_calls memory_calls = {
    .close = memory_close,
    .make_stream = memory_make_stream,
    .payload_max = memory_payload_max,
    .append = memory_append,
    .last_sequence = memory_last_sequence,
    .read_last = memory_read_last,
    .read = memory_read,
    .tell = memory_tell,
    .listen = memory_listen,
    .hear = memory_hear,
    .describe = memory_describe,
};

/* ------------------------------------------------------------- for the test ---- */

struct engine_memory *engine_memory_make(void)
{
    struct engine_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        return NULL;
    }
    memory->payload_max = ENGINE_MEMORY_PAYLOAD_MAX;
    (void)pthread_mutex_init(&memory->lock, NULL);
    (void)pthread_cond_init(&memory->stored, NULL);
    return memory;
}

void engine_memory_drop(struct engine_memory *memory)
{
    if (memory == NULL) {
        return;
    }
    for (size_t i = 0; i < ENGINE_MEMORY_STREAMS_MAX; i++) {
        drop_stream(&memory->streams[i]);
    }
    if (memory->late_stream != NULL) {
        free(memory->late);
    }
    (void)pthread_cond_destroy(&memory->stored);
    (void)pthread_mutex_destroy(&memory->lock);
    free(memory);
}

struct engine *engine_open_memory(struct engine_memory *memory)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        return NULL;
    }
    client->base.calls = &memory_calls;
    client->memory = memory;
    (void)pthread_mutex_lock(&memory->lock);
    size_t place = 0;
    while (place < ENGINE_MEMORY_CLIENTS_MAX && memory->clients[place] != NULL) {
        place++;
    }
    const bool room = place < ENGINE_MEMORY_CLIENTS_MAX;
    if (room) {
        memory->clients[place] = client;
    }
    (void)pthread_mutex_unlock(&memory->lock);
    if (!room) {
        free(client);
        return NULL;
    }
    return &client->base;
}

void engine_memory_fail_append(struct engine *engine, enum engine_memory_fault fault)
{
    (void)pthread_mutex_lock(&client_of(engine)->memory->lock);
    client_of(engine)->fault = fault;
    (void)pthread_mutex_unlock(&client_of(engine)->memory->lock);
}

void engine_memory_set_away(struct engine *engine, bool away)
{
    (void)pthread_mutex_lock(&client_of(engine)->memory->lock);
    client_of(engine)->away = away;
    (void)pthread_mutex_unlock(&client_of(engine)->memory->lock);
}

void engine_memory_set_stale(struct engine *engine, uint64_t last)
{
    (void)pthread_mutex_lock(&client_of(engine)->memory->lock);
    client_of(engine)->stale = last;
    (void)pthread_mutex_unlock(&client_of(engine)->memory->lock);
}

void engine_memory_set_payload_max(struct engine_memory *memory, size_t bytes)
{
    (void)pthread_mutex_lock(&memory->lock);
    memory->payload_max = bytes;
    (void)pthread_mutex_unlock(&memory->lock);
}

void engine_memory_lose_from(struct engine_memory *memory, const char *stream, uint64_t sequence)
{
    (void)pthread_mutex_lock(&memory->lock);
    drop_from(find_stream(memory, stream), sequence);
    (void)pthread_mutex_unlock(&memory->lock);
}

void engine_memory_lose_one(struct engine_memory *memory, const char *stream, uint64_t sequence)
{
    (void)pthread_mutex_lock(&memory->lock);
    struct engine_message **message = &find_stream(memory, stream)->messages[sequence - 1];
    free(*message);
    *message = NULL;
    (void)pthread_mutex_unlock(&memory->lock);
}

void engine_memory_lose_stream(struct engine_memory *memory, const char *stream)
{
    (void)pthread_mutex_lock(&memory->lock);
    drop_stream(find_stream(memory, stream));
    (void)pthread_mutex_unlock(&memory->lock);
}

void engine_memory_flip_bit(struct engine_memory *memory, const char *stream, uint64_t sequence)
{
    (void)pthread_mutex_lock(&memory->lock);
    struct engine_message *message = find_stream(memory, stream)->messages[sequence - 1];
    char *bytes = (char *)(message + 1) + names_bytes(message->headers, message->header_count);
    *bytes = (char)(*bytes ^ 1);
    (void)pthread_mutex_unlock(&memory->lock);
}
