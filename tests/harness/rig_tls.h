/*
 * rig_tls.h - the rig's server by TLS: the same parts as in plain text (rig.h), and what goes wrong
 * with certificates.
 *
 * A cmocka fixture of its own, in place of the rig's: RIG_TLS_TEST. It has a stage for the
 * certificates, an authority that signs those of both ends, and a context with a good certificate
 * of the server, for 127.0.0.1 and localhost.
 */
#ifndef TESTS_HARNESS_RIG_TLS_H
#define TESTS_HARNESS_RIG_TLS_H

#include "tests/harness/certificates.h"
#include "tests/harness/rig.h"
#include "tls/tls_stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct rig_tls {
    struct stage *stage;
    struct issuer *authority;
    struct tls_context context;
    struct identity server;   /* the context's */
    struct identity agency;   /* for agency 2, which the rig runs */
    struct tls_stream stream; /* of the rig's connection */
    struct failure failure;   /* of the last handshake or transfer that failed */
    size_t record_bytes;      /* the longest record that is sent; 0: as long as they come */
    bool only_tls_1_2;
};

int rig_tls_set_up(void **state);
int rig_tls_tear_down(void **state);

#define RIG_TLS_TEST(name) cmocka_unit_test_setup_teardown(name, rig_tls_set_up, rig_tls_tear_down)

/* The server's certificate from now on, and the list of revoked ones, or "". */
void rig_tls_be(struct rig_tls *tls, const struct identity *server, const char *crl);

/*
 * Settings of an agency by TLS: the CA, and the certificate of `identity` (NULL: none); after them
 * `more`, which ends with NULL (or NULL for none). The list is the stage's.
 */
const char *const *rig_tls_settings(const struct rig_tls *tls, const struct identity *identity,
                                    const char *const *more);

/* Begins on the accepted connection, and shakes hands, which succeeds at this end. */
void rig_tls_greet(struct rig_tls *tls, int connection);

/* The same, where it fails, at this end or at the other one: tls->failure says how. */
void rig_tls_greet_in_vain(struct rig_tls *tls, int connection);

/* The bytes received, 0 at the end, -1 after a failure. */
ssize_t rig_tls_receive(struct rig_tls *tls, char *bytes, size_t capacity);

void rig_tls_send(struct rig_tls *tls, const char *bytes, size_t count);

/* Says that nothing more comes. */
void rig_tls_end(struct rig_tls *tls);

#endif
