/*
 * engine_nats.c - NATS JetStream by libnats: the one file that knows either. See engine.h.
 *
 * In this order: the clock; the connection, which everything else waits for; an append; a message that the
 * leader is asked for; messages in a row; a stream's settings; texts that are told and heard; opening.
 *
 * An append is a request to the stream's subject, whose answer the stream's leader gives when a quorum
 * has the message. Single messages are read from the leader; messages in a row come from a consumer, which
 * sends them ahead, and the leader is asked where nothing comes.
 *
 * libnats has threads of its own from engine_open_nats on. They inherit the mask of signals, so that all
 * are blocked in them, and never call anything here.
 */
#include "engine/engine_calls.h"
#include "engine/server_greeting.h"
#include "lib/clock.h"

#include <inttypes.h>
#include <nats/nats.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SERVERS_MAX = 16,
    CONNECT_TIMEOUT_MS = 2000,
    RECONNECT_WAIT_MS = 250,
    /* A server that is stopped or cut off is given up after some seconds, and another one tried. */
    WRITE_TIMEOUT_MS = 2000,
    PING_INTERVAL_MS = 2000,
    PINGS_OUT_MAX = 2,
    RECONNECT_BUFFER_BYTES = 1, /* 0 would be libnats' default, 8 MiB of old appends */
    PAUSE_MS = 20,              /* between looks at a connection, or a leader, that is not there */
    ANSWER_MS = 2000,           /* for a leader to say what there is, whoever waits for how long */
    ELECTION_MS = 15 * 1000,    /* two leaders may contradict each other no longer */
    SILENCE_MS = 12 * 1000,     /* a server without answers for longer than an election is left */
    HEARTBEAT_NS = 1000 * 1000 * 1000,
    RESCUES_MAX = 2 /* messages in a row that a consumer did not send: it is gone */
};

#define OWN_HEADERS "Nats-" /* names of NATS's own headers begin so */

/* Messages that are read in a row. */
struct row {
    char stream[ENGINE_SUBJECT_BYTES];
    uint64_t next;                  /* 0: none has been read */
    natsSubscription *subscription; /* NULL: none, or none yet */
    unsigned rescues;               /* in a row */
    int64_t missing_since_ms;       /* the stream goes on after `next`, which is not there; 0: no */
};

struct nats {
    struct engine base;
    natsOptions *options;
    pthread_mutex_t lock; /* held while `connection` changes, and while another thread tells */
    natsConnection *connection; /* NULL: there has been none yet, or libnats has given it up */
    jsCtx *jetstream;           /* of the connection */
    char listens_to[ENGINE_SUBJECT_BYTES]; /* "": nothing */
    natsSubscription *listening;           /* of the connection; NULL: none */
    uint64_t reconnects;                   /* of connections that were given up */
    int64_t silent_since_ms; /* no call was answered since then; 0: the last one was */
    natsMsg *given;          /* what the last call returned points into it */
    struct row row;
    char version
        [SERVER_GREETING_VERSION_BYTES]; /* of the server that was connected last; "": none */
    char server[ENGINE_VALUE_BYTES];     /* and its URL */
};

static struct nats *nats_of(struct engine *engine)
{
    return (struct nats *)engine;
}

static int64_t time_left(int64_t deadline_ms)
{
    const int64_t left = deadline_ms - clock_monotonic_ms();
    return left > 0 ? left : 0;
}

/* What the server said last of this connection, for failures: missing rights, for example. */
static const char *last_words(const struct nats *nats)
{
    const char *words = NULL;
    if (nats->connection != NULL) {
        (void)natsConnection_GetLastError(nats->connection, &words);
    }
    return words == NULL ? "" : words;
}

static bool is_connected(const struct nats *nats)
{
    return nats->connection != NULL &&
           natsConnection_Status(nats->connection) == NATS_CONN_STATUS_CONNECTED;
}

/* What libnats, or JetStream by it, says of the call that failed: without the line of its source. */
static const char *last_reason(natsStatus status)
{
    const char *reason = nats_GetLastError(NULL);
    if (reason == NULL || reason[0] == '\0') {
        return natsStatus_GetText(status);
    }
    const char *end = reason[0] == '(' ? strstr(reason, "): ") : NULL;
    return end == NULL ? reason : end + strlen("): ");
}

/* Describes why a call of libnats failed. Always false. */
static bool fail(const struct nats *nats, struct failure *failure, const char *what,
                 const char *stream, natsStatus status)
{
    const char *words = last_words(nats);
    return failure_set(failure, "%s %s: %s%s%s", what, stream, last_reason(status),
                       words[0] == '\0' ? "" : "; the server said: ", words);
}

/* ------------------------------------------------------------------- clock ---- */

/*
 * In the place of the C library's, which libnats calls. Its waits end at a time of the wall clock: one that
 * is set back meanwhile would make a wait of 100 ms last for hours, and with it keep a standby from taking
 * over. So each wait is turned into one by the monotonic clock. It takes every condition of the program for
 * one of the wall clock: our own code calls pthread_cond_clockwait, and names the clock.
 */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    const int64_t ms_per_second = 1000;
    const int64_t ns_per_ms = INT64_C(1000) * 1000;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    const int64_t left_ms = (until->tv_sec - now.tv_sec) * ms_per_second +
                            (until->tv_nsec - now.tv_nsec + ns_per_ms - 1) / ns_per_ms;
    const struct timespec deadline = clock_deadline(left_ms > 0 ? left_ms : 0);
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &deadline);
}

/* -------------------------------------------------------------- connection ---- */

/* "nats://user:word@host:4222" becomes "nats://host:4222", as everybody may see it. */
static void forget_user(char *url)
{
    const char *at = strrchr(url, '@');
    char *host = strstr(url, "://");
    if (at != NULL && host != NULL && host < at) {
        memmove(host + strlen("://"), at + 1, strlen(at + 1) + 1);
    }
}

/* Looks at the server's version where it is another server than before. */
static bool check_server(struct nats *nats, struct failure *failure)
{
    char url[ENGINE_VALUE_BYTES] = "";
    if (natsConnection_GetConnectedUrl(nats->connection, url, sizeof url) != NATS_OK) {
        return failure_set(failure, "the engine: no connection");
    }
    forget_user(url);
    if (strcmp(url, nats->server) != 0 || nats->version[0] == '\0') {
        nats->version[0] = '\0'; /* also of the same one, where another did not answer meanwhile */
        if (!server_greeting_ask(url, CONNECT_TIMEOUT_MS, nats->version, failure)) {
            return false;
        }
        (void)snprintf(nats->server, sizeof nats->server, "%s", url);
    }
    return server_greeting_is_sound(nats->version) ||
           failure_set(failure,
                       "nats-server %s at %s loses what it has acknowledged; 2.10.23 is the oldest "
                       "that may be used, with `sync_interval: always`",
                       nats->version, url);
}

static void forget_row(struct row *row)
{
    natsSubscription_Destroy(row->subscription);
    row->subscription = NULL;
    row->rescues = 0;
}

/*
 * libnats' reader may be about to give a message to a subscription while that is destroyed, and libnats
 * 3.4 has freed it then. The answer to a flush comes after all that the reader was about.
 */
static void close_row(struct nats *nats)
{
    struct row *row = &nats->row;
    if (row->subscription != NULL && natsSubscription_Unsubscribe(row->subscription) == NATS_OK) {
        (void)natsConnection_FlushTimeout(nats->connection, ANSWER_MS);
    }
    forget_row(row);
}

static uint64_t count_reconnects(const struct nats *nats)
{
    uint64_t count = 0;
    natsStatistics *statistics = NULL;
    if (nats->connection != NULL && natsStatistics_Create(&statistics) == NATS_OK &&
        natsConnection_GetStats(nats->connection, statistics) == NATS_OK) {
        (void)natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, &count);
    }
    natsStatistics_Destroy(statistics);
    return nats->reconnects + count;
}

static void set_connection(struct nats *nats, natsConnection *connection)
{
    (void)pthread_mutex_lock(&nats->lock);
    nats->connection = connection;
    (void)pthread_mutex_unlock(&nats->lock);
}

/* Gives up the connection and all that hangs on it. */
static void disconnect(struct nats *nats)
{
    natsConnection *connection = nats->connection;
    nats->reconnects = count_reconnects(nats) + (connection != NULL ? 1 : 0);
    set_connection(nats, NULL);
    natsConnection_Close(connection); /* its reader ends: it gives messages to what is freed next */
    forget_row(&nats->row);
    natsSubscription_Destroy(nats->listening);
    jsCtx_Destroy(nats->jetstream);
    natsConnection_Destroy(connection);
    nats->listening = NULL;
    nats->jetstream = NULL;
}

static bool connect_now(struct nats *nats, struct failure *failure)
{
    natsConnection *connection = NULL;
    natsStatus status = natsConnection_Connect(&connection, nats->options);
    if (status == NATS_OK) {
        set_connection(nats, connection);
        status = natsConnection_JetStream(&nats->jetstream, connection, NULL);
    }
    if (status == NATS_OK && nats->listens_to[0] != '\0') {
        status = natsConnection_SubscribeSync(&nats->listening, connection, nats->listens_to);
    }
    if (status != NATS_OK) {
        (void)failure_set(failure, "connect to the engine: %s", last_reason(status));
        disconnect(nats);
    }
    return status == NATS_OK;
}

/* Notes whether the call that has just ended was answered, whatever the answer was. */
static void note_answer(struct nats *nats, bool was_answered)
{
    if (was_answered) {
        nats->silent_since_ms = 0;
    } else if (nats->silent_since_ms == 0) {
        nats->silent_since_ms = clock_monotonic_ms();
    }
}

/*
 * A server that is cut off from the others keeps our connection, and can answer nothing. Another one
 * may: which one is connected to next is libnats' choice, by chance.
 */
static void leave_silent_server(struct nats *nats)
{
    if (nats->silent_since_ms != 0 && clock_monotonic_ms() - nats->silent_since_ms >= SILENCE_MS) {
        nats->silent_since_ms = 0;
        disconnect(nats);
    }
}

/*
 * Waits until there is a connection, to a server that may be used. libnats goes on by itself where one
 * is lost, until it is told twice that it may not come in; then, and at first, we connect.
 */
static bool wait_for_connection(struct nats *nats, int64_t deadline_ms, struct failure *failure)
{
    leave_silent_server(nats);
    (void)failure_set(failure, "the engine: the connection is lost");
    while (!is_connected(nats)) {
        const bool given_up = nats->connection == NULL || natsConnection_IsClosed(nats->connection);
        if (given_up) {
            disconnect(nats);
        }
        if (given_up && connect_now(nats, failure)) {
            break;
        }
        if (time_left(deadline_ms) == 0) {
            return false;
        }
        nats_Sleep(given_up ? RECONNECT_WAIT_MS : PAUSE_MS);
    }
    return check_server(nats, failure);
}

/* Did nobody answer because there is no leader now? Then nothing was stored, and asking again is right. */
static bool is_leaderless(natsStatus status, jsErrCode code)
{
    return status == NATS_NO_RESPONDERS || code == JSClusterNotAvailErr ||
           code == JSClusterNoPeersErr || code == JSStreamOfflineErr;
}

/* Waits a moment. False where there is no time for another try. */
static bool pause_before_retry(int64_t deadline_ms)
{
    if (time_left(deadline_ms) == 0) {
        return false;
    }
    nats_Sleep(PAUSE_MS);
    return true;
}

/* Options of a question to the leader, which it has some time to answer. */
static jsOptions *options_until(jsOptions *options, int64_t deadline_ms)
{
    const int64_t left = time_left(deadline_ms);
    (void)jsOptions_Init(options);
    options->Wait = left > ANSWER_MS ? left : ANSWER_MS;
    return options;
}

static natsStatus set_servers(natsOptions *options, const char *servers)
{
    const char *urls[SERVERS_MAX];
    int count = 0;
    char *rest = NULL;
    char *copy = strdup(servers);
    if (copy == NULL) {
        return NATS_NO_MEMORY;
    }
    for (char *url = strtok_r(copy, ", ", &rest); url != NULL && count < SERVERS_MAX;
         url = strtok_r(NULL, ", ", &rest)) {
        urls[count++] = url;
    }
    const natsStatus status =
        count == 0 ? NATS_INVALID_ARG : natsOptions_SetServers(options, urls, count);
    free(copy);
    return status;
}

static natsStatus set_secrets(natsOptions *options, const struct engine_access *access)
{
    natsStatus status = NATS_OK;
    if (access->credentials[0] != '\0') {
        status = natsOptions_SetUserCredentialsFromFiles(options, access->credentials, NULL);
    }
    if (status == NATS_OK && access->ca[0] != '\0') {
        status = natsOptions_SetSecure(options, true);
        status =
            status != NATS_OK ? status : natsOptions_LoadCATrustedCertificates(options, access->ca);
    }
    if (status == NATS_OK && access->certificate[0] != '\0') {
        status = natsOptions_LoadCertificatesChain(options, access->certificate, access->key);
    }
    return status;
}

static natsStatus set_habits(natsOptions *options, const char *name)
{
    const natsStatus statuses[] = {
        natsOptions_SetName(options, name),
        natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS),
        natsOptions_SetMaxReconnect(options, -1),
        natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS),
        natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER_BYTES),
        natsOptions_SetFailRequestsOnDisconnect(options, true),
        natsOptions_SetIgnoreDiscoveredServers(options, true),
        natsOptions_SetWriteDeadline(options, WRITE_TIMEOUT_MS),
        natsOptions_SetPingInterval(options, PING_INTERVAL_MS),
        natsOptions_SetMaxPingsOut(options, PINGS_OUT_MAX),
        natsOptions_SetSendAsap(options, true),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i] != NATS_OK) {
            return statuses[i];
        }
    }
    return NATS_OK;
}

static natsStatus make_options(natsOptions **options, const struct engine_access *access)
{
    natsStatus status = natsOptions_Create(options);
    status = status != NATS_OK ? status : set_servers(*options, access->servers);
    status = status != NATS_OK ? status : set_secrets(*options, access);
    return status != NATS_OK ? status : set_habits(*options, access->name);
}

static void nats_close(struct engine *engine)
{
    struct nats *nats = nats_of(engine);
    disconnect(nats);
    natsMsg_Destroy(nats->given);
    natsOptions_Destroy(nats->options);
    (void)pthread_mutex_destroy(&nats->lock);
    free(nats);
}

/* --------------------------------------------------------------- appending ---- */

static natsStatus make_message(const struct engine_append *append, natsMsg **message)
{
    char expected[ENGINE_VALUE_BYTES];
    natsStatus status =
        natsMsg_Create(message, append->subject, NULL, append->bytes, (int)append->count);
    for (size_t i = 0; status == NATS_OK && i < append->header_count; i++) {
        status = natsMsgHeader_Set(*message, append->headers[i].name, append->headers[i].value);
    }
    (void)snprintf(expected, sizeof expected, "%" PRIu64, append->expected);
    return status != NATS_OK ? status
                             : natsMsgHeader_Set(*message,
                                                 append->expectation == ENGINE_AFTER_SEQUENCE
                                                     ? "Nats-Expected-Last-Sequence"
                                                     : "Nats-Expected-Last-Subject-Sequence",
                                                 expected);
}

/* An acknowledgement counts where it says what only this append can have brought about. */
static enum engine_answer judge_stored(const struct engine_append *append, const jsPubAck *stored,
                                       uint64_t *sequence, struct failure *failure)
{
    const bool after_sequence = append->expectation == ENGINE_AFTER_SEQUENCE;
    if (stored->Duplicate || stored->Sequence <= append->expected ||
        (after_sequence && stored->Sequence != append->expected + 1) ||
        strcmp(stored->Stream, append->stream) != 0) {
        (void)failure_set(failure,
                          "append to %s after %" PRIu64
                          ": a strange answer: stored in %s at %" PRIu64 "%s",
                          append->stream, append->expected, stored->Stream, stored->Sequence,
                          stored->Duplicate ? ", a duplicate" : "");
        return ENGINE_UNKNOWN;
    }
    *sequence = stored->Sequence;
    return ENGINE_STORED;
}

static enum engine_answer judge_failed(const struct nats *nats, const struct engine_append *append,
                                       natsStatus status, jsErrCode code, struct failure *failure)
{
    (void)fail(nats, failure, "append to", append->stream, status);
    switch ((int)code) {
    case JSStreamWrongLastSequenceErr:
        return ENGINE_REFUSED;
    case JSStreamMessageExceedsMaximumErr:
        return ENGINE_FORBIDDEN;
    default:
        return status == NATS_MAX_PAYLOAD ? ENGINE_FORBIDDEN : ENGINE_UNKNOWN;
    }
}

static enum engine_answer nats_append(struct engine *engine, const struct engine_append *append,
                                      int64_t timeout_ms, uint64_t *sequence,
                                      struct failure *failure)
{
    struct nats *nats = nats_of(engine);
    const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    natsMsg *message = NULL;
    jsPubAck *stored = NULL;
    jsPubOptions options;
    jsErrCode code = 0;
    if (!wait_for_connection(nats, deadline_ms, failure)) {
        return ENGINE_UNKNOWN;
    }
    (void)jsPubOptions_Init(&options);
    natsStatus status = make_message(append, &message);
    if (status == NATS_OK) {
        do {
            const int64_t left = time_left(deadline_ms);
            options.MaxWait = left > PAUSE_MS ? left : PAUSE_MS;
            status = js_PublishMsg(&stored, nats->jetstream, message, &options, &code);
        } while (is_leaderless(status, code) && pause_before_retry(deadline_ms));
    }
    const enum engine_answer answer = status == NATS_OK
                                          ? judge_stored(append, stored, sequence, failure)
                                          : judge_failed(nats, append, status, code, failure);
    note_answer(nats, answer != ENGINE_UNKNOWN);
    jsPubAck_Destroy(stored);
    natsMsg_Destroy(message);
    return answer;
}

/* ---------------------------------------------------------- single messages ---- */

static enum engine_reading judge_unread(const struct nats *nats, const char *stream,
                                        natsStatus status, jsErrCode code, struct failure *failure)
{
    (void)fail(nats, failure, "read", stream, status);
    switch ((int)code) {
    case JSNoMessageFoundErr:
        return ENGINE_NOTHING;
    case JSStreamNotFoundErr:
        return ENGINE_BROKEN;
    default:
        return ENGINE_AWAY;
    }
}

/*
 * Fills in headers, but for NATS's own. Where a foreign program has written too many, too long ones, or
 * some that can't be read, the message has none, and says so: nothing is lost, and nobody would be
 * served by reading it again.
 */
static void give_headers(natsMsg *found, struct engine_message *message)
{
    const char **names = NULL;
    int count = 0;
    bool fits = true;
    const natsStatus status = natsMsgHeader_Keys(found, &names, &count);
    message->header_count = 0;
    message->has_strange_headers = false;
    if (status == NATS_NOT_FOUND) {
        return;
    }
    for (int i = 0; status == NATS_OK && fits && i < count; i++) {
        const char *value = "";
        if (strncmp(names[i], OWN_HEADERS, strlen(OWN_HEADERS)) == 0) {
            continue;
        }
        (void)natsMsgHeader_Get(found, names[i], &value);
        fits = message->header_count < ENGINE_HEADERS_MAX && strlen(value) < ENGINE_VALUE_BYTES;
        if (fits) {
            struct engine_header *header = &message->headers[message->header_count++];
            header->name = names[i];
            (void)snprintf(header->value, sizeof header->value, "%s", value);
        }
    }
    free((void *)names);
    if (status != NATS_OK || !fits) {
        message->header_count = 0;
        message->has_strange_headers = true;
    }
}

/* Takes `found` over. */
static enum engine_reading give(struct nats *nats, natsMsg *found, uint64_t sequence,
                                int64_t stored_at_ns, struct engine_message *message)
{
    const int64_t ns_per_ms = INT64_C(1000) * 1000;
    natsMsg_Destroy(nats->given);
    nats->given = found;
    message->sequence = sequence;
    message->stored_at_ms = stored_at_ns / ns_per_ms;
    (void)snprintf(message->subject, sizeof message->subject, "%s", natsMsg_GetSubject(found));
    message->bytes = natsMsg_GetData(found);
    message->count = (size_t)natsMsg_GetDataLength(found);
    give_headers(found, message);
    return ENGINE_READ;
}

/* Asks the leader: for the message `sequence`, or where `subject` is not NULL for the last one of it. */
static enum engine_reading read_single(struct nats *nats, const char *stream, const char *subject,
                                       uint64_t sequence, int64_t deadline_ms,
                                       struct engine_message *message, struct failure *failure)
{
    natsMsg *found = NULL;
    natsStatus status = NATS_OK;
    jsErrCode code = 0;
    jsOptions options;
    if (!wait_for_connection(nats, deadline_ms, failure)) {
        return ENGINE_AWAY;
    }
    do {
        (void)options_until(&options, deadline_ms);
        status = subject != NULL
                     ? js_GetLastMsg(&found, nats->jetstream, stream, subject, &options, &code)
                     : js_GetMsg(&found, nats->jetstream, stream, sequence, &options, &code);
    } while (is_leaderless(status, code) && pause_before_retry(deadline_ms));
    note_answer(nats, status == NATS_OK || code == JSNoMessageFoundErr);
    return status == NATS_OK
               ? give(nats, found, natsMsg_GetSequence(found), natsMsg_GetTime(found), message)
               : judge_unread(nats, stream, status, code, failure);
}

static enum engine_reading nats_read_last(struct engine *engine, const char *stream,
                                          const char *subject, int64_t timeout_ms,
                                          struct engine_message *message, struct failure *failure)
{
    return read_single(nats_of(engine), stream, subject, 0, clock_monotonic_ms() + timeout_ms,
                       message, failure);
}

/* The stream's settings and state, as its leader has them. */
static enum engine_reading read_info(struct nats *nats, const char *stream, int64_t deadline_ms,
                                     jsStreamInfo **info, struct failure *failure)
{
    natsStatus status = NATS_OK;
    jsErrCode code = 0;
    jsOptions options;
    if (!wait_for_connection(nats, deadline_ms, failure)) {
        return ENGINE_AWAY;
    }
    do {
        (void)options_until(&options, deadline_ms);
        status = js_GetStreamInfo(info, nats->jetstream, stream, &options, &code);
    } while (is_leaderless(status, code) && pause_before_retry(deadline_ms));
    note_answer(nats, status == NATS_OK || code == JSStreamNotFoundErr);
    return status == NATS_OK ? ENGINE_READ : judge_unread(nats, stream, status, code, failure);
}

/*
 * A node that has just been started again may tell of the stream as it left it. Messages come from the
 * leader alone: so the last one is the last one where the leader has none after it.
 */
static enum engine_reading nats_last_sequence(struct engine *engine, const char *stream,
                                              int64_t timeout_ms, uint64_t *sequence,
                                              struct failure *failure)
{
    struct nats *nats = nats_of(engine);
    const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    enum engine_reading next = ENGINE_READ;
    do {
        struct engine_message message;
        jsStreamInfo *info = NULL;
        const enum engine_reading reading = read_info(nats, stream, deadline_ms, &info, failure);
        *sequence = reading == ENGINE_READ ? info->State.LastSeq : 0;
        jsStreamInfo_Destroy(info);
        if (reading != ENGINE_READ) {
            return reading;
        }
        next = read_single(nats, stream, NULL, *sequence + 1, deadline_ms, &message, failure);
        if (next == ENGINE_NOTHING) {
            return ENGINE_READ;
        }
    } while (next == ENGINE_READ && pause_before_retry(deadline_ms));
    return next == ENGINE_READ ? ENGINE_AWAY : next;
}

/* ------------------------------------------------------- messages in a row ---- */

/* Has the messages from row.next on sent ahead. */
static natsStatus open_row(struct nats *nats)
{
    jsSubOptions options;
    struct row *row = &nats->row;
    (void)jsSubOptions_Init(&options);
    options.Stream = row->stream;
    options.Config.AckPolicy = js_AckNone;
    options.Config.DeliverPolicy = js_DeliverByStartSequence;
    options.Config.OptStartSeq = row->next;
    options.Config.FlowControl = true;
    options.Config.Heartbeat = HEARTBEAT_NS;
    options.Config.MemoryStorage = true;
    options.Config.Replicas = 1;
    return js_SubscribeSync(&row->subscription, nats->jetstream, ">", NULL, &options, NULL);
}

/*
 * Takes the next message of the row from what was sent ahead. NULL: nothing has come in time, or others
 * than the next one, and the leader has to be asked.
 */
static natsMsg *take_sent(struct nats *nats, int64_t deadline_ms, int64_t *stored_at_ns)
{
    struct row *row = &nats->row;
    natsMsg *sent = NULL;
    while (natsSubscription_NextMsg(&sent, row->subscription, time_left(deadline_ms)) == NATS_OK) {
        jsMsgMetaData *place = NULL;
        const natsStatus status = natsMsg_GetMetaData(&place, sent);
        const uint64_t sequence = status == NATS_OK ? place->Sequence.Stream : UINT64_MAX;
        *stored_at_ns = status == NATS_OK ? place->Timestamp : 0;
        jsMsgMetaData_Destroy(place);
        if (sequence == row->next) {
            return sent;
        }
        natsMsg_Destroy(sent);
        if (sequence > row->next) {
            close_row(nats); /* some were sent while there was no connection */
            return NULL;
        }
    }
    return NULL;
}

/* The row's next message from the leader: what was not sent ahead, and perhaps should have been. */
static enum engine_reading rescue(struct nats *nats, int64_t deadline_ms,
                                  struct engine_message *message, struct failure *failure)
{
    struct row *row = &nats->row;
    const enum engine_reading reading =
        read_single(nats, row->stream, NULL, row->next, deadline_ms, message, failure);
    if (reading == ENGINE_READ && ++row->rescues > RESCUES_MAX) {
        close_row(nats);
    }
    return reading;
}

static enum engine_reading read_in_row(struct nats *nats, int64_t deadline_ms,
                                       struct engine_message *message, struct failure *failure)
{
    struct row *row = &nats->row;
    int64_t stored_at_ns = 0;
    if (!wait_for_connection(nats, deadline_ms, failure)) {
        return ENGINE_AWAY;
    }
    if (row->subscription != NULL || open_row(nats) == NATS_OK) {
        natsMsg *sent = take_sent(nats, deadline_ms, &stored_at_ns);
        if (sent != NULL) {
            row->rescues = 0;
            return give(nats, sent, row->next, stored_at_ns, message);
        }
    }
    return rescue(nats, deadline_ms, message, failure);
}

/*
 * The leader has no such message: none yet, or none any more? Where the stream goes on after it, one
 * leader may just have followed another, so that it is asked until that can't be any more.
 */
static enum engine_reading judge_nothing(struct nats *nats, int64_t deadline_ms,
                                         struct failure *failure)
{
    struct row *row = &nats->row;
    jsStreamInfo *info = NULL;
    const int64_t now_ms = clock_monotonic_ms();
    enum engine_reading reading = read_info(nats, row->stream, deadline_ms, &info, failure);
    if (reading == ENGINE_READ && info->State.LastSeq < row->next) {
        reading = ENGINE_NOTHING;
    } else if (reading == ENGINE_READ) {
        (void)failure_set(failure,
                          "read %s: message %" PRIu64 " is missing, and the last one is %" PRIu64,
                          row->stream, row->next, info->State.LastSeq);
        row->missing_since_ms = row->missing_since_ms == 0 ? now_ms : row->missing_since_ms;
        reading = now_ms - row->missing_since_ms < ELECTION_MS ? ENGINE_AWAY : ENGINE_BROKEN;
    }
    jsStreamInfo_Destroy(info);
    return reading;
}

static enum engine_reading nats_read(struct engine *engine, const char *stream, uint64_t sequence,
                                     int64_t timeout_ms, struct engine_message *message,
                                     struct failure *failure)
{
    struct nats *nats = nats_of(engine);
    struct row *row = &nats->row;
    const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    const bool in_row = sequence == row->next && strcmp(stream, row->stream) == 0;
    enum engine_reading reading = ENGINE_NOTHING;
    if (!in_row) {
        close_row(nats);
        row->next = sequence;
        row->missing_since_ms = 0;
        (void)snprintf(row->stream, sizeof row->stream, "%s", stream);
        reading = read_single(nats, stream, NULL, sequence, deadline_ms, message, failure);
    }
    if (reading == ENGINE_NOTHING && (in_row || timeout_ms > 0)) {
        reading = read_in_row(nats, deadline_ms, message, failure);
    }
    if (reading == ENGINE_NOTHING) {
        return judge_nothing(nats, deadline_ms, failure);
    }
    if (reading == ENGINE_READ) {
        row->next = sequence + 1;
        row->missing_since_ms = 0;
    }
    return reading;
}

/* ----------------------------------------------------------------- streams ---- */

static void fill_in_settings(jsStreamConfig *settings, const char *stream,
                             const char *const *subjects, size_t subject_count, unsigned replicas)
{
    (void)jsStreamConfig_Init(settings);
    settings->Name = stream;
    settings->Subjects = (const char **)subjects;
    settings->SubjectsLen = (int)subject_count;
    settings->Storage = js_FileStorage;
    settings->Replicas = replicas;
    settings->DenyDelete = true;
    settings->DenyPurge = true;
}

static bool has_subject(const jsStreamConfig *settings, const char *subject)
{
    for (int i = 0; i < settings->SubjectsLen; i++) {
        if (strcmp(settings->Subjects[i], subject) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_subjects(const jsStreamConfig *is, const jsStreamConfig *should)
{
    bool same = is->SubjectsLen == should->SubjectsLen;
    for (int i = 0; same && i < should->SubjectsLen; i++) {
        same = has_subject(is, should->Subjects[i]);
    }
    return same;
}

/* Returns the setting by which the stream could lose something, or take something else; NULL: none. */
static const char *find_wrong_setting(const jsStreamConfig *is, const jsStreamConfig *should)
{
    const struct {
        bool right;
        const char *name;
    } settings[] = {
        {is->Storage == js_FileStorage, "storage: has to be file"},
        {is->Replicas == should->Replicas, "num_replicas: has to be what is configured"},
        {is->DenyDelete, "deny_delete: has to be on"},
        {is->DenyPurge, "deny_purge: has to be on"},
        {is->Retention == js_LimitsPolicy, "retention: has to be limits"},
        {is->MaxAge == 0, "max_age: has to be 0"},
        {is->MaxMsgs <= 0, "max_msgs: has to be unlimited"},
        {is->MaxBytes <= 0, "max_bytes: has to be unlimited"},
        {is->MaxMsgsPerSubject <= 0, "max_msgs_per_subject: has to be unlimited"},
        {is->MaxMsgSize <= 0, "max_msg_size: has to be unlimited"},
        {!is->AllowRollup, "allow_rollup_hdrs: has to be off"},
        {!is->NoAck, "no_ack: has to be off"},
        {!is->Sealed, "sealed: has to be off"},
        {is->Mirror == NULL && is->SourcesLen == 0, "mirror, sources: have to be none"},
        {same_subjects(is, should), "subjects: have to be the centre's"},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (!settings[i].right) {
            return settings[i].name;
        }
    }
    return NULL;
}

static enum engine_answer add_stream(struct nats *nats, jsStreamConfig *settings,
                                     int64_t deadline_ms, jsStreamInfo **info,
                                     struct failure *failure)
{
    natsStatus status = NATS_OK;
    jsErrCode code = 0;
    jsOptions options;
    do {
        (void)options_until(&options, deadline_ms);
        status = js_AddStream(info, nats->jetstream, settings, &options, &code);
    } while (is_leaderless(status, code) && pause_before_retry(deadline_ms));
    note_answer(nats, status == NATS_OK);
    if (status == NATS_OK) {
        return ENGINE_STORED;
    }
    (void)fail(nats, failure, "make the stream", settings->Name, status);
    return code == 0 || is_leaderless(status, code) ? ENGINE_UNKNOWN : ENGINE_FORBIDDEN;
}

static enum engine_answer nats_make_stream(struct engine *engine, const char *stream,
                                           const char *const *subjects, size_t subject_count,
                                           unsigned replicas, int64_t timeout_ms,
                                           struct failure *failure)
{
    struct nats *nats = nats_of(engine);
    const int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    jsStreamConfig should;
    jsStreamInfo *info = NULL;
    enum engine_answer answer = ENGINE_STORED;
    fill_in_settings(&should, stream, subjects, subject_count, replicas);
    const enum engine_reading reading = read_info(nats, stream, deadline_ms, &info, failure);
    if (reading == ENGINE_BROKEN) {
        answer = add_stream(nats, &should, deadline_ms, &info, failure);
    } else if (reading != ENGINE_READ) {
        answer = ENGINE_UNKNOWN;
    }
    const char *wrong = answer == ENGINE_STORED ? find_wrong_setting(info->Config, &should) : NULL;
    if (wrong != NULL) {
        (void)failure_set(failure, "the stream %s is there with other settings: %s", stream, wrong);
        answer = ENGINE_FORBIDDEN;
    }
    jsStreamInfo_Destroy(info);
    return answer;
}

static size_t nats_payload_max(const struct engine *engine)
{
    const struct nats *nats = (const struct nats *)engine;
    const int64_t bytes =
        nats->connection == NULL ? 0 : natsConnection_GetMaxPayload(nats->connection);
    return bytes > 0 ? (size_t)bytes : 0;
}

/* ------------------------------------------------------ texts, description ---- */

static void nats_tell(struct engine *engine, const char *subject, const char *text)
{
    struct nats *nats = nats_of(engine);
    (void)pthread_mutex_lock(&nats->lock);
    if (is_connected(nats)) {
        (void)natsConnection_PublishString(nats->connection, subject, text);
    }
    (void)pthread_mutex_unlock(&nats->lock);
}

static bool nats_listen(struct engine *engine, const char *subject, struct failure *failure)
{
    struct nats *nats = nats_of(engine);
    natsSubscription_Destroy(nats->listening);
    nats->listening = NULL;
    (void)snprintf(nats->listens_to, sizeof nats->listens_to, "%s", subject);
    const natsStatus status =
        nats->connection == NULL
            ? NATS_OK /* it will be listened to from the first connection on */
            : natsConnection_SubscribeSync(&nats->listening, nats->connection, subject);
    return status == NATS_OK || fail(nats, failure, "listen to", subject, status);
}

static bool nats_hear(struct engine *engine, char *text, size_t size)
{
    struct nats *nats = nats_of(engine);
    natsMsg *heard = NULL;
    if (nats->listening == NULL ||
        natsSubscription_NextMsg(&heard, nats->listening, 0) != NATS_OK) {
        return false;
    }
    (void)snprintf(text, size, "%.*s", natsMsg_GetDataLength(heard), natsMsg_GetData(heard));
    natsMsg_Destroy(heard);
    return true;
}

static void nats_describe(const struct engine *engine, struct engine_state *state)
{
    const struct nats *nats = (const struct nats *)engine;
    memset(state, 0, sizeof *state);
    state->connected = is_connected(nats);
    state->reconnects = count_reconnects(nats);
    if (state->connected) {
        (void)snprintf(state->server, sizeof state->server, "%s", nats->server);
        (void)snprintf(state->version, sizeof state->version, "%s", nats->version);
    }
}

static const struct engine_calls nats_calls = {
    .close = nats_close,
    .make_stream = nats_make_stream,
    .payload_max = nats_payload_max,
    .append = nats_append,
    .last_sequence = nats_last_sequence,
    .read_last = nats_read_last,
    .read = nats_read,
    .tell = nats_tell,
    .listen = nats_listen,
    .hear = nats_hear,
    .describe = nats_describe,
};

/* ----------------------------------------------------------------- opening ---- */

struct engine *engine_open_nats(const struct engine_access *access, int64_t patience_ms,
                                struct failure *failure)
{
    sigset_t blocked;
    if (pthread_sigmask(SIG_SETMASK, NULL, &blocked) != 0 || sigismember(&blocked, SIGTERM) != 1) {
        (void)failure_set(failure,
                          "connect to the engine: signals are not blocked, and its client's "
                          "threads would get them");
        return NULL;
    }
    struct nats *nats = calloc(1, sizeof *nats);
    if (nats == NULL) {
        (void)failure_set_errno(failure, "connect to the engine");
        return NULL;
    }
    nats->base.calls = &nats_calls;
    (void)pthread_mutex_init(&nats->lock, NULL);
    const natsStatus status = make_options(&nats->options, access);
    if (status != NATS_OK) {
        (void)failure_set(failure, "connect to the engine at %s: %s", access->servers,
                          last_reason(status));
        nats_close(&nats->base);
        return NULL;
    }
    /* Without a connection nothing is wrong yet; with one to a server that may not be used, it is. */
    if (!wait_for_connection(nats, clock_monotonic_ms() + patience_ms, failure) &&
        nats->version[0] != '\0' && !server_greeting_is_sound(nats->version)) {
        nats_close(&nats->base);
        return NULL;
    }
    return &nats->base;
}
