/*
 * key_channel.h - how a handler has a handshake signed by the process that has the private key.
 *
 * Why it exists: a handler parses a stranger's bytes, and the private key must not be in its
 * memory. The keyholder (keyholder/keyholder.h) has the key and nothing else to do.
 *
 * The channel is a pair of sockets that keep messages apart. The supervisor makes it before there
 * are children, and keeps both ends: so what waits in it survives a keyholder's death, and the next
 * one finds it. A handler sends one message, and with it one end of a pair of sockets of its own,
 * where it awaits the answer. So no answer can reach another handler, and a handler that died
 * leaves nothing. A keyholder that dies over a request closes that end, and the handler asks
 * again.
 *
 * What it promises: a handler waits at most KEY_CHANNEL_PATIENCE_MS, and SIGTERM ends its waiting.
 *
 * Children close what is not theirs: handlers and the storer the key's file and the keyholder's
 * end, the keyholder the handlers' end (processes.c).
 */
#ifndef SERVER_KEY_CHANNEL_H
#define SERVER_KEY_CHANNEL_H

#include "lib/failure.h"
#include "tls/handshake_input.h"
#include "tls/remote_key.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>

enum { KEY_CHANNEL_PATIENCE_MS = 5000, KEY_FILE_BYTES_MAX = 64 * 1024 };

/* ------------------------------------------------------------ messages ---- */

/* From a handler: as long as its input is. */
struct key_request {
    uint16_t scheme; /* enum signing_scheme */
    uint16_t input_bytes;
    unsigned char input[HANDSHAKE_INPUT_BYTES_MAX];
};

enum key_verdict {
    KEY_SIGNED,
    KEY_REFUSED, /* this is nothing that a TLS server signs */
    KEY_FAILED   /* OpenSSL did not sign, with this key in this way */
};

/* To the handler: as long as its signature is. */
struct key_answer {
    uint16_t verdict; /* enum key_verdict */
    uint16_t signature_bytes;
    unsigned char signature[REMOTE_KEY_SIGNATURE_BYTES];
};

/* ------------------------------------------------------------- channel ---- */

/* Zeroed: there is none. */
struct key_channel {
    bool is_open;
    int ask;  /* handlers send here */
    int take; /* the keyholder receives here */
};

/* Makes the pair of sockets. False with the failure. Called by the supervisor. */
bool key_channel_open(struct key_channel *channel, struct failure *failure);

/*
 * Makes another one in its place, when the old one was shut down: whoever has an end of it can do
 * that to all. Handlers that are alive keep the old one, which does not work. False with the
 * failure, and the old one is left. Called by the supervisor.
 */
bool key_channel_renew(struct key_channel *channel, struct failure *failure);

void key_channel_close(struct key_channel *channel);

/* ------------------------------------------------------------- the key ---- */

/* The key as all but the keyholder know it: its file, unread, and the public part. Zeroed: none. */
struct held_key {
    bool is_open;
    int file;                 /* open for reading; the keyholder alone reads it */
    bool allows_tls12;        /* handshakes of TLS 1.2 are signed, too */
    const char *path;         /* the configuration's: tls.key */
    EVP_PKEY *public_key;     /* owned: the certificate's */
    struct remote_key remote; /* `remote.key` is for SSL_CTX_use_PrivateKey */
};

/*
 * Opens the key of the certificate in this file: `remote.key` signs over the channel, in whatever
 * process. The key's file is opened and not read. `channel` and `key_path` outlive the key;
 * without a channel (NULL) the key can be looked at, and signs nothing. Returns false with the
 * failure, and with nothing to close: the certificate can't be read, the key's file can't be
 * opened, is no file, or is open to others. That the key belongs to the certificate, the keyholder
 * says. Called by the supervisor.
 */
bool held_key_open(struct held_key *key, struct key_channel *channel, const char *certificate_path,
                   const char *key_path, struct failure *failure);

/* Called by the supervisor, when no SSL_CTX has the key any more. */
void held_key_close(struct held_key *key);

#endif
