/*
 * signing_desk.h - takes the handlers' requests one at a time, judges, signs and answers them.
 *
 * Why it exists: the process with the private key speaks with processes that strangers may have
 * taken over. This is all that they can say to it.
 *
 * What it promises: it signs nothing but what a TLS server signs in a handshake
 * (tls/handshake_input.h). No message, however malformed, stops it or makes it wait: every length is
 * judged, answers never block, and memory does not grow. Whoever asks is answered or closed in the
 * order of asking.
 *
 * What it does not promise: a handler that was taken over can have handshakes signed, as it could
 * before it was taken over, and can keep the desk busy.
 *
 * Called by the keyholder alone. If it dies, what it has not taken waits for the next one.
 */
#ifndef SERVER_KEYHOLDER_SIGNING_DESK_H
#define SERVER_KEYHOLDER_SIGNING_DESK_H

#include "server/key_channel.h"
#include "shm/layout.h"

#include <openssl/evp.h>
#include <stdbool.h>

struct signing_desk {
    int take;                         /* the keyholder's end of the channel */
    bool allows_tls12;                /* handshakes of TLS 1.2 are signed, too */
    EVP_PKEY *key;                    /* the private key; the caller's */
    struct shared_keyholder *figures; /* the desk counts there what it has done */
};

enum desk_round {
    DESK_SERVED, /* a message was taken: there may be more */
    DESK_EMPTY,  /* nobody asks now */
    DESK_SHUT    /* nobody can ask any more: the channel is shut down, or reading it has failed */
};

/* Takes one message, if there is one, and deals with it. Does not wait. */
enum desk_round signing_desk_serve(const struct signing_desk *desk);

#endif
