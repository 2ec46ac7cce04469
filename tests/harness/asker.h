/*
 * asker.h - a test that plays a handler towards the keyholder of a real server.
 *
 * It takes the handlers' end of the channel from the supervisor (pidfd_getfd(2)). Called by the
 * test's process.
 */
#ifndef TESTS_HARNESS_ASKER_H
#define TESTS_HARNESS_ASKER_H

#include "server/key_channel.h"
#include "tests/harness/server.h"

#include <openssl/x509.h>
#include <stdbool.h>

struct asker {
    struct key_channel channel;
    struct held_key held;
    X509 *certificate;
};

/*
 * Opens what a handler has: its end of the channel, and a key that signs over it. False when the
 * kernel does not let the test take the end. Fails the test when anything else is wrong.
 */
bool asker_open(struct asker *asker, const struct server *server, const char *certificate_path,
                const char *key_path);
void asker_close(struct asker *asker);

/* True when the keyholder signs a handshake of TLS 1.3, and a client of libssl verifies that. */
bool asker_is_answered(const struct asker *asker);

#endif
