/*
 * peer_nats.c - NATS JetStream: a stream on files, one message a batch, by libnats.
 *
 * What libnats calls js_PublishAsync is a request whose answer, the acknowledgement, comes to an
 * inbox. It is done here by hand, since libnats 3.4 (Debian 12) does not tell when which
 * acknowledgement came: the last word of the inbox is the slot.
 * libnats starts threads at its first call: nobody may fork after it.
 */
#include "tests/bench/peer.h"

#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECT_BYTES = 64, URL_BYTES = 32 };

struct nats_peer {
    natsConnection *connection;
    natsSubscription *answers;
    const struct peer_batches *batches;
    char subject[SUBJECT_BYTES];
    char inboxes[PEER_WINDOW_MAX][SUBJECT_BYTES]; /* of each slot */
};

static bool failed(const char *what, natsStatus status)
{
    if (status != NATS_OK) {
        (void)fprintf(stderr, "lottery-peers: nats: %s: %s\n", what, natsStatus_GetText(status));
    }
    return status != NATS_OK;
}

/* `at_once`: the caller's thread sends each message, in place of libnats' own thread. */
static natsStatus open_connection(natsConnection **connection, uint16_t port, bool at_once)
{
    char url[URL_BYTES];
    natsOptions *options = NULL;
    (void)snprintf(url, sizeof url, "nats://127.0.0.1:%u", port);
    natsStatus status = natsOptions_Create(&options);
    status = status != NATS_OK ? status : natsOptions_SetURL(options, url);
    status = status != NATS_OK ? status : natsOptions_SetAllowReconnect(options, false);
    status = status != NATS_OK ? status : natsOptions_SetSendAsap(options, at_once);
    status = status != NATS_OK ? status : natsConnection_Connect(connection, options);
    natsOptions_Destroy(options);
    return status;
}

static bool prepare_nats(uint16_t port)
{
    const char *subjects[] = {"bets.*"};
    natsConnection *connection = NULL;
    jsCtx *jetstream = NULL;
    jsStreamConfig stream;
    jsErrCode code = 0;
    natsStatus status = open_connection(&connection, port, true);
    status = status != NATS_OK ? status : natsConnection_JetStream(&jetstream, connection, NULL);
    status = status != NATS_OK ? status : jsStreamConfig_Init(&stream);
    if (status == NATS_OK) {
        stream.Name = "BETS";
        stream.Subjects = subjects;
        stream.SubjectsLen = 1;
        stream.Storage = js_FileStorage;
        stream.Replicas = 1;
        status = js_AddStream(NULL, jetstream, &stream, NULL, &code);
    }
    jsCtx_Destroy(jetstream);
    natsConnection_Destroy(connection);
    return !failed("add the stream", status);
}

static void close_nats(void *self)
{
    struct nats_peer *peer = self;
    natsSubscription_Destroy(peer->answers);
    natsConnection_Destroy(peer->connection);
    free(peer);
}

static natsStatus subscribe_to_answers(struct nats_peer *peer)
{
    natsInbox *inbox = NULL;
    natsStatus status = natsInbox_Create(&inbox);
    if (status == NATS_OK) {
        char all[SUBJECT_BYTES];
        (void)snprintf(all, sizeof all, "%s.*", inbox);
        for (unsigned slot = 0; slot < PEER_WINDOW_MAX; slot++) {
            (void)snprintf(peer->inboxes[slot], SUBJECT_BYTES, "%s.%u", inbox, slot);
        }
        status = natsConnection_SubscribeSync(&peer->answers, peer->connection, all);
    }
    natsInbox_Destroy(inbox);
    return status;
}

static void *open_nats(const struct peer_plan *plan)
{
    struct nats_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        (void)fputs("lottery-peers: nats: no memory\n", stderr);
        return NULL;
    }
    peer->batches = plan->batches;
    (void)snprintf(peer->subject, sizeof peer->subject, "bets.%u", plan->agency);
    natsStatus status = open_connection(&peer->connection, plan->port, plan->window == 1);
    status = status != NATS_OK ? status : subscribe_to_answers(peer);
    if (failed("connect", status)) {
        close_nats(peer);
        return NULL;
    }
    return peer;
}

static bool send_nats(void *self, unsigned slot, size_t batch)
{
    struct nats_peer *peer = self;
    const size_t *offsets = peer->batches->offsets;
    return !failed("publish", natsConnection_PublishRequest(
                                  peer->connection, peer->subject, peer->inboxes[slot],
                                  peer->batches->bytes + offsets[batch],
                                  (int)(offsets[batch + 1] - offsets[batch])));
}

/* {"stream":"BETS","seq":1} acknowledges; an error, or no one who listens, does not. */
static bool is_acknowledged(const natsMsg *answer)
{
    const char *text = natsMsg_GetData(answer);
    bool acknowledged = natsMsg_GetDataLength(answer) > 0 && strstr(text, "\"seq\":") != NULL &&
                        strstr(text, "\"error\"") == NULL;
    if (!acknowledged) {
        (void)fprintf(stderr, "lottery-peers: nats: not stored: %s\n",
                      natsMsg_GetDataLength(answer) > 0 ? text : "nobody answers");
    }
    return acknowledged;
}

static int take_nats(void *self, unsigned slots[PEER_WINDOW_MAX])
{
    struct nats_peer *peer = self;
    natsMsg *answer = NULL;
    int taken = 0;
    natsStatus status = natsSubscription_NextMsg(&answer, peer->answers, PEER_ANSWER_TIMEOUT_MS);
    if (failed("await an acknowledgement", status)) {
        return -1;
    }
    while (status == NATS_OK) {
        bool acknowledged = is_acknowledged(answer);
        const char *slot = strrchr(natsMsg_GetSubject(answer), '.') + 1;
        slots[taken++] = (unsigned)strtoul(slot, NULL, 10);
        natsMsg_Destroy(answer);
        if (!acknowledged) {
            return -1;
        }
        status = taken < PEER_WINDOW_MAX ? natsSubscription_NextMsg(&answer, peer->answers, 0)
                                         : NATS_TIMEOUT;
    }
    return status == NATS_TIMEOUT || !failed("take an acknowledgement", status) ? taken : -1;
}

const struct peer peer_nats = {.name = "nats",
                               .prepare = prepare_nats,
                               .open = open_nats,
                               .send = send_nats,
                               .take = take_nats,
                               .close = close_nats};
