/*
 * authority.h - a small certificate authority, in one directory.
 *
 *     ca.pem, ca.key           the authority; ca.pem is tls.ca of servers and of agencies
 *     crl.pem                  what it has revoked; tls.crl of servers
 *     server.pem, server.key   the server's latest certificate
 *     agency-17.pem, .key      an agency's, or agency-1-5 a gateway's; the latest
 *     issued/SERIAL.pem        every certificate it has ever issued (issued.h)
 *
 * The directory is open to its owner alone (0700), and so are all files (0600). They are written
 * whole, and are durable. No link in it is followed. One process at a time works on it: it holds a
 * lock (flock) on the directory while it has it open.
 *
 * If the process dies, the next one goes on from any step: a certificate is in issued/ before it is
 * a pair's, pairs are mended (key_pair.h), a revocation is one rename, and an authority exists from
 * the moment that ca.pem does, which is written last.
 *
 * Called by lottery-admin's commands.
 */
#ifndef PKI_AUTHORITY_H
#define PKI_AUTHORITY_H

#include "lib/failure.h"
#include "pki/certificate.h"
#include "pki/issued.h"
#include "store/data_directory.h"

#include <limits.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTHORITY_CERTIFICATE_FILE "ca.pem"
#define AUTHORITY_LIST_FILE        "crl.pem"
#define AUTHORITY_SERVER_NAME      "server" /* of the pair of server.pem and server.key */

struct authority {
    struct data_directory directory, issued;
    char issued_path[PATH_MAX];
    X509 *certificate; /* owned */
    X509_CRL *revoked; /* owned */
};

/*
 * Makes a new authority in the directory `path`, and the directory itself where it is missing.
 * Refuses one that holds an authority, or what is left of one. Returns false with the failure.
 */
bool authority_make(const char *path, int64_t now_s, struct failure *failure);

/*
 * Opens it, waits for its lock, and mends what a process that died has left. `path` stays the
 * caller's. Returns false with the failure, and nothing open.
 */
bool authority_open(const char *path, struct authority *authority, struct failure *failure);

void authority_close(struct authority *authority);

/*
 * Names the pair of an order: "server", "agency-17". Returns false with the failure when a list of
 * agencies is too long for a file's name.
 */
bool authority_name_pair(const struct certificate_order *order, char name[NAME_MAX + 1],
                         struct failure *failure);

/*
 * Issues a certificate of a server or an agency with a new key, and puts both into place. Those
 * that were there are replaced: the certificate stays in issued/ and valid. Fills in `issued`, in
 * which there is no certificate then. Returns false with the failure.
 */
bool authority_issue(struct authority *authority, const struct certificate_order *order,
                     struct issued *issued, struct failure *failure);

/*
 * Revokes certificates of this authority, by one new revocation list. Those that are revoked
 * already stay so. Returns false with the failure; then none is revoked.
 */
bool authority_revoke(struct authority *authority, const STACK_OF(X509) * certificates,
                      int64_t now_s, struct failure *failure);

#endif
