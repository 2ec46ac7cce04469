/*
 * tls_credential.c - see tls_credential.h.
 */
#include "tls/tls_credential.h"

#include "tls/agency_names.h"

#include <string.h>
#include <time.h>

/* In a ticket, which only a process with the same context can open; cut after the agencies' end. */
struct note {
    int64_t ends_at_s; /* the session: after its time, or with the certificate */
    int64_t expires_at_s;
    char serial[TLS_SERIAL_BYTES];
    char agencies[AGENCY_NAMES_BYTES];
};

/* -------------------------------------------------------------- reading ---- */

static bool read_certificate(const X509 *certificate, struct tls_credential *credential,
                             struct failure *failure)
{
    struct failure reason;
    *credential = (struct tls_credential){
        .is_shown = true, .expires_at_s = tls_time_s(X509_get0_notAfter(certificate))};
    tls_write_serial(certificate, credential->serial);
    return agency_names_of(certificate, &credential->agencies, &reason) ||
           failure_set(failure, "the certificate %s speaks for no agency: %s", credential->serial,
                       reason.text);
}

static bool read_note(const void *bytes, size_t count, struct tls_credential *credential,
                      struct failure *failure)
{
    struct note note = {.expires_at_s = TLS_NEVER};
    *credential = (struct tls_credential){.is_shown = true};
    if (count > sizeof note) {
        return failure_set(failure, "the ticket's note has %zu bytes", count);
    }
    memcpy(&note, bytes, count);
    credential->expires_at_s = note.expires_at_s;
    memcpy(credential->serial, note.serial, sizeof note.serial);
    return agency_set_parse(note.agencies, "the ticket's note", &credential->agencies, failure);
}

bool tls_credential_has_ended(SSL_SESSION *session)
{
    const X509 *certificate = SSL_SESSION_get0_peer(session);
    struct note note = {.ends_at_s = TLS_NEVER};
    void *bytes = NULL;
    size_t count = 0;
    if (certificate != NULL) {
        return tls_time_s(X509_get0_notAfter(certificate)) <= (int64_t)time(NULL);
    }
    if (SSL_SESSION_get0_ticket_appdata(session, &bytes, &count) != 1 || count == 0) {
        return false; /* the peer has shown no certificate */
    }
    memcpy(&note, bytes, count < sizeof note ? count : sizeof note);
    return note.ends_at_s <= (int64_t)time(NULL);
}

bool tls_credential_of(const SSL *ssl, struct tls_credential *credential, struct failure *failure)
{
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    void *bytes = NULL;
    size_t count = 0;
    *credential = (struct tls_credential){.is_shown = false};
    if (certificate != NULL) {
        return read_certificate(certificate, credential, failure);
    }
    return SSL_SESSION_get0_ticket_appdata(SSL_get0_session(ssl), &bytes, &count) != 1 ||
           count == 0 || read_note(bytes, count, credential, failure);
}

/* -------------------------------------------------------------- writing ---- */

/* A session ends with its certificate, if not before. */
static int64_t end_s(const SSL_SESSION *session, const struct tls_credential *credential)
{
    int64_t usual_s = (int64_t)time(NULL) + SSL_SESSION_get_timeout(session);
    return credential->expires_at_s < usual_s ? credential->expires_at_s : usual_s;
}

/* Gives `bare` all that TLS 1.3 needs of a session, and the note. */
static bool fill(SSL_SESSION *bare, const SSL_SESSION *session,
                 const struct tls_credential *credential)
{
    struct note note = {.ends_at_s = end_s(session, credential),
                        .expires_at_s = credential->expires_at_s};
    unsigned char secret[SSL_MAX_MASTER_KEY_LENGTH];
    unsigned context_bytes = 0;
    const unsigned char *context = SSL_SESSION_get0_id_context(session, &context_bytes);
    size_t secret_bytes = SSL_SESSION_get_master_key(session, secret, sizeof secret);
    memcpy(note.serial, credential->serial, sizeof note.serial);
    size_t agencies_bytes =
        agency_set_write(&credential->agencies, note.agencies, sizeof note.agencies);
    bool filled =
        SSL_SESSION_set1_master_key(bare, secret, secret_bytes) == 1 &&
        SSL_SESSION_set_cipher(bare, SSL_SESSION_get0_cipher(session)) == 1 &&
        SSL_SESSION_set_protocol_version(bare, SSL_SESSION_get_protocol_version(session)) == 1 &&
        SSL_SESSION_set1_id_context(bare, context, context_bytes) == 1 &&
        SSL_SESSION_set_timeout(bare, SSL_SESSION_get_timeout(session)) == 1 &&
        SSL_SESSION_set1_ticket_appdata(bare, &note,
                                        offsetof(struct note, agencies) + agencies_bytes + 1) == 1;
    OPENSSL_cleanse(secret, sizeof secret);
    return filled;
}

/*
 * Makes `session` equal to `bare`. It is the connection's own, which can't be exchanged in the
 * middle of a handshake; a session that is decoded into another one replaces all that it has.
 */
static bool become(SSL_SESSION *session, const SSL_SESSION *bare)
{
    unsigned char *encoded = NULL;
    int bytes = i2d_SSL_SESSION(bare, &encoded);
    const unsigned char *at = encoded;
    bool became = bytes > 0 && d2i_SSL_SESSION(&session, &at, bytes) != NULL;
    OPENSSL_clear_free(encoded, bytes > 0 ? (size_t)bytes : 0);
    return became;
}

bool tls_credential_shorten(SSL *ssl)
{
    struct tls_credential credential;
    struct failure ignored;
    SSL_SESSION *session = SSL_get0_session(ssl);
    if (SSL_version(ssl) != TLS1_3_VERSION || /* a session of 1.2 has more than can be set */
        SSL_get0_peer_certificate(ssl) == NULL ||
        SSL_SESSION_get_max_fragment_length(session) != TLSEXT_max_fragment_length_DISABLED ||
        !tls_credential_of(ssl, &credential, &ignored)) {
        return true;
    }
    SSL_SESSION *bare = SSL_SESSION_new();
    bool shortened = bare != NULL && fill(bare, session, &credential) && become(session, bare);
    SSL_SESSION_free(bare);
    return shortened;
}
