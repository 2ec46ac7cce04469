/*
 * issued.h - what an authority has issued: its own certificate, and those in issued/.
 *
 * There is no index beside the certificates. Each one is written to issued/SERIAL.pem before
 * anybody gets it, so all that are valid can be listed and revoked. Who they are for, and until
 * when, is read from them; whether they are revoked, from the revocation list.
 *
 * Called by pki/ and by lottery-admin's commands.
 */
#ifndef PKI_ISSUED_H
#define PKI_ISSUED_H

#include "bet/agency_set.h"
#include "lib/failure.h"
#include "pki/certificate.h"
#include "store/data_directory.h"
#include "tls/tls_certificate.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ISSUED_WHO_BYTES = 640 };

struct issued {
    X509 *certificate; /* owned */
    char serial[TLS_SERIAL_BYTES];
    enum certificate_kind kind;
    char who[ISSUED_WHO_BYTES]; /* "agency 17", "server localhost 127.0.0.1"; may be cut */
    struct agency_set agencies; /* of an agency's; else empty */
    int64_t from_s, until_s;    /* seconds since 1970 */
    bool is_revoked;
};

struct issued_list {
    struct issued *entries; /* owned; those that end first come first */
    size_t count, capacity;
    size_t unread; /* files that are no certificate of this authority */
    struct failure first_unread;
};

/*
 * Reads the authority's own certificate, and all of `directory`, which is issued/. Files that can't
 * be read, or that another authority has signed, are counted, and the first one is described.
 * Returns false with the failure when the directory can't be read. The caller calls issued_close in
 * any case.
 */
bool issued_read(const struct data_directory *directory, X509 *authority, X509_CRL *revoked,
                 struct issued_list *list, struct failure *failure);

void issued_close(struct issued_list *list);

/* Writes the certificate to SERIAL.pem, durably. Returns false with the failure. */
bool issued_write(const struct data_directory *directory, X509 *certificate,
                  struct failure *failure);

/* The certificate with this serial, in any case of letters, with or without colons; or NULL. */
const struct issued *issued_find(const struct issued_list *list, const char *serial);

#endif
