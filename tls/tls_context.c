/*
 * tls_context.c - see tls_context.h.
 */
#include "tls/tls_context.h"

#include "tls/tls_credential.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    OTHERS_BITS = 077,
    NAME_BYTES = 128,            /* of an authority, in a message */
    KEY_UPDATES_MAX = 1000,      /* of a peer, on one connection */
    SESSION_S = 2 * 60 * 60,     /* how long a ticket is good for */
    READ_AHEAD_BYTES = 64 * 1024 /* of records, in one recv; freed while the connection is idle */
};

/* Sessions of another program are not ours. */
static const unsigned char session_context[] = "lottery";

const char *tls_error_text(void)
{
    unsigned long error = ERR_get_error();
    const char *reason = ERR_reason_error_string(error);
    ERR_clear_error();
    return reason != NULL ? reason
           : error != 0   ? "an error that OpenSSL has no text for"
                          : "OpenSSL does not say why";
}

/* The earlier of two moments, of which either may be none. */
static int64_t earlier(int64_t one_s, int64_t other_s)
{
    if (one_s == TLS_NEVER || (other_s != TLS_NEVER && other_s < one_s)) {
        return other_s;
    }
    return one_s;
}

/* ---------------------------------------------------------------- files ---- */

/* Opens a PEM file. OpenSSL's own functions don't tell a missing file from a wrong one. */
static BIO *open_pem(const char *what, const char *path, struct failure *failure)
{
    struct failure reason;
    FILE *file = tls_file_open(path, &reason);
    BIO *bio = file == NULL ? NULL : BIO_new_fp(file, BIO_CLOSE);
    if (file == NULL) {
        (void)failure_set(failure, "%s %s: %s", what, path, reason.text);
    } else if (bio == NULL) {
        (void)failure_set(failure, "%s %s: %s", what, path, tls_error_text());
        (void)fclose(file);
    }
    ERR_clear_error();
    return bio;
}

/*
 * True where the file has been read to its end. False with the failure where a block of it is cut
 * short or spoilt, as of a file that is being written.
 */
static bool is_read_to_its_end(const char *what, const char *path, int blocks,
                               struct failure *failure)
{
    unsigned long error = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    if (!ended) {
        return failure_set(failure, "%s %s: what comes after block %d can't be read: %s", what,
                           path, blocks, tls_error_text());
    }
    ERR_clear_error();
    return true;
}

/* Reads our certificate. */
static bool read_own(const struct tls_context *context, BIO *bio, const char *path,
                     struct failure *failure)
{
    X509 *own = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    bool used = own != NULL && SSL_CTX_use_certificate(context->ssl, own) == 1;
    X509_free(own);
    return used || failure_set(failure, "certificate %s: %s", path, tls_error_text());
}

/* Reads those of authorities, which come after it in the file. */
static bool read_chain(const struct tls_context *context, BIO *bio, const char *path,
                       struct failure *failure)
{
    int count = 1;
    for (X509 *next = NULL; (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL; count++) {
        if (SSL_CTX_add0_chain_cert(context->ssl, next) != 1) {
            X509_free(next);
            return failure_set(failure, "certificate %s: block %d: %s", path, count + 1,
                               tls_error_text());
        }
    }
    return is_read_to_its_end("certificate", path, count, failure);
}

/* Our certificate, and those that come after it in the file. */
static bool use_certificate(struct tls_context *context, const char *path, struct failure *failure)
{
    BIO *bio = open_pem("certificate", path, failure);
    if (bio == NULL) {
        return false;
    }
    bool used = read_own(context, bio, path, failure) && read_chain(context, bio, path, failure);
    BIO_free(bio);
    if (used) {
        context->expiry.certificate_s =
            tls_time_s(X509_get0_notAfter(SSL_CTX_get0_certificate(context->ssl)));
    }
    return used;
}

/* The authorities. A server tells their names to its peers, so that those choose a certificate. */
static bool trust(struct tls_context *context, const char *path, struct failure *failure)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    BIO *bio = open_pem("CA", path, failure);
    if (bio == NULL) {
        return false;
    }
    int count = 0;
    bool added = true;
    for (X509 *ca = NULL; added && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL;
         count++) {
        int64_t expires_s = tls_time_s(X509_get0_notAfter(ca));
        context->expiry.ca_s = earlier(context->expiry.ca_s, expires_s);
        added = X509_check_ca(ca) != 0 && X509_STORE_add_cert(store, ca) == 1 &&
                SSL_CTX_add_client_CA(context->ssl, ca) == 1;
        X509_free(ca);
    }
    BIO_free(bio);
    if (!added) {
        return failure_set(failure, "CA %s: its certificate %d is not that of an authority", path,
                           count);
    }
    return is_read_to_its_end("CA", path, count, failure) &&
           (count > 0 || failure_set(failure, "CA %s: there is no certificate in it", path));
}

static bool has_list_of(const STACK_OF(X509_OBJECT) * objects, X509 *authority)
{
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        if (list != NULL && X509_CRL_verify(list, X509_get0_pubkey(authority)) == 1) {
            return true;
        }
    }
    return false;
}

/* An authority without a list would have all its certificates refused. */
static bool has_lists_of_all(X509_STORE *store, const char *path, struct failure *failure)
{
    const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (authority != NULL && !has_list_of(objects, authority)) {
            char name[NAME_BYTES] = "";
            (void)X509_NAME_oneline(X509_get_subject_name(authority), name, sizeof name);
            ERR_clear_error();
            return failure_set(failure,
                               "revocation list %s: there is none in it of the authority %s, "
                               "which is in tls.ca",
                               path, name);
        }
    }
    ERR_clear_error();
    return true;
}

/*
 * The lists of what the authorities have revoked. With them, each certificate of a chain has to be
 * found absent from its authority's: a list is needed of each authority that has signed one.
 */
static bool heed_revocations(struct tls_context *context, const char *path, struct failure *failure)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context->ssl);
    BIO *bio = open_pem("revocation list", path, failure);
    if (bio == NULL) {
        return false;
    }
    int count = 0;
    bool added = true;
    for (X509_CRL *crl = NULL;
         added && (crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != NULL; count++) {
        int64_t next_s = tls_time_s(X509_CRL_get0_nextUpdate(crl));
        context->expiry.crl_s = earlier(context->expiry.crl_s, next_s);
        added = X509_STORE_add_crl(store, crl) == 1;
        X509_CRL_free(crl);
    }
    BIO_free(bio);
    if (!added) {
        return failure_set(failure, "revocation list %s: list %d: %s", path, count,
                           tls_error_text());
    }
    if (!is_read_to_its_end("revocation list", path, count, failure)) {
        return false;
    }
    if (count == 0) {
        return failure_set(failure, "revocation list %s: there is no list in it", path);
    }
    if (!has_lists_of_all(store, path, failure)) {
        return false;
    }
    return X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) == 1 ||
           failure_set(failure, "revocation list %s: %s", path, tls_error_text());
}

/* Our own key, which nobody else may read. Without a terminal, nobody is asked for a password. */
static bool use_key_file(const struct tls_context *context, const char *path,
                         struct failure *failure)
{
    struct stat status;
    char no_password[] = "";
    if (stat(path, &status) != 0) {
        return failure_set_errno(failure, "key %s", path);
    }
    if (S_ISREG(status.st_mode) && (status.st_mode & OTHERS_BITS) != 0) {
        return failure_set(failure,
                           "key %s: its mode is %04o, so that others may read it: chmod 600", path,
                           (unsigned)(status.st_mode & ~(mode_t)S_IFMT));
    }
    BIO *bio = open_pem("key", path, failure);
    if (bio == NULL) {
        return false;
    }
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
    BIO_free(bio);
    if (key == NULL) {
        return failure_set(failure, "key %s: %s (one with a password can't be used)", path,
                           tls_error_text());
    }
    int used = SSL_CTX_use_PrivateKey(context->ssl, key);
    EVP_PKEY_free(key);
    return used == 1 || failure_set(failure, "key %s: it does not belong to the certificate: %s",
                                    path, tls_error_text());
}

/* -------------------------------------------------------------- contexts ---- */

/* What both ends have in common. */
static bool open_context(struct tls_context *context, const SSL_METHOD *method,
                         enum tls_minimum minimum, struct failure *failure)
{
    *context = (struct tls_context){.ssl = SSL_CTX_new(method)};
    if (context->ssl == NULL ||
        SSL_CTX_set_min_proto_version(
            context->ssl, minimum == TLS_MINIMUM_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) != 1) {
        return failure_set(failure, "open a TLS context: %s", tls_error_text());
    }
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_ENABLE_KTLS | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context->ssl, 1);
    SSL_CTX_set_default_read_buffer_len(context->ssl, READ_AHEAD_BYTES);
    return true;
}

/* Called before each ticket is made. */
static int make_ticket(SSL *ssl, void *context)
{
    (void)context;
    return tls_credential_shorten(ssl) ? 1 : 0;
}

/*
 * A session that is resumed goes on with the ticket that it has: making another one for each
 * connection would cost more than it brings. So a session ends SESSION_S after its certificate was
 * verified. A client may use a ticket more than once (RFC 8446, appendix C.4); it shows by that
 * who it is, which it does in its first message anyway.
 */
static SSL_TICKET_RETURN use_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *key_name,
                                    size_t key_name_bytes, SSL_TICKET_STATUS status, void *context)
{
    (void)key_name;
    (void)key_name_bytes;
    (void)context;
    if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
        tls_credential_has_ended(session)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    (void)SSL_set_num_tickets(ssl, 0);
    return SSL_TICKET_RETURN_USE;
}

/*
 * SSL_read goes on inside as long as messages come that are no data, and takes no notice of signals
 * and times. So a peer that sends nothing but KeyUpdate would keep its process from ever ending. It
 * is taken for gone after KEY_UPDATES_MAX, which nobody needs: a key is good for many gigabytes.
 */
static void count_key_updates(int is_sent, int version, int content_type, const void *bytes,
                              size_t count, SSL *ssl, void *context)
{
    unsigned *key_updates = SSL_get_app_data(ssl);
    (void)version;
    (void)context;
    if (is_sent == 0 && content_type == SSL3_RT_HANDSHAKE && count > 0 &&
        *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE && key_updates != NULL &&
        ++*key_updates > KEY_UPDATES_MAX) {
        SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    }
}

/* Keeps no session of its own: all that a session needs stands in its ticket. */
static bool set_up_server(const struct tls_context *context, EVP_PKEY *key,
                          bool demands_certificate, struct failure *failure)
{
    SSL_CTX_set_verify(
        context->ssl, SSL_VERIFY_PEER | (demands_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        NULL);
    SSL_CTX_set_msg_callback(context->ssl, count_key_updates);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(context->ssl, SESSION_S);
    if (SSL_CTX_set_num_tickets(context->ssl, 1) != 1 ||
        SSL_CTX_set_session_ticket_cb(context->ssl, make_ticket, use_ticket, NULL) != 1 ||
        SSL_CTX_set_session_id_context(context->ssl, session_context, sizeof session_context - 1) !=
            1) {
        return failure_set(failure, "set up a TLS context: %s", tls_error_text());
    }
    return SSL_CTX_use_PrivateKey(context->ssl, key) == 1 ||
           failure_set(failure, "the server's key does not belong to its certificate: %s",
                       tls_error_text());
}

bool tls_server_context_open(struct tls_context *context, const struct tls_files *files,
                             EVP_PKEY *key, bool demands_certificate, struct failure *failure)
{
    if (open_context(context, TLS_server_method(), files->minimum, failure) &&
        use_certificate(context, files->certificate, failure) &&
        trust(context, files->ca, failure) &&
        (files->crl[0] == '\0' || heed_revocations(context, files->crl, failure)) &&
        set_up_server(context, key, demands_certificate, failure)) {
        return true;
    }
    tls_context_close(context);
    return false;
}

bool tls_client_context_open(struct tls_context *context, const struct tls_files *files,
                             struct failure *failure)
{
    bool has_certificate = files->certificate[0] != '\0';
    if (open_context(context, TLS_client_method(), files->minimum, failure) &&
        (!has_certificate || (use_certificate(context, files->certificate, failure) &&
                              use_key_file(context, files->key, failure))) &&
        trust(context, files->ca, failure) &&
        (files->crl[0] == '\0' || heed_revocations(context, files->crl, failure))) {
        SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
        return true;
    }
    tls_context_close(context);
    return false;
}

void tls_context_close(struct tls_context *context)
{
    SSL_CTX_free(context->ssl);
    *context = (struct tls_context){.ssl = NULL};
}

/* ------------------------------------------------------------ revocation ---- */

/* True where this list has revoked the serial number. */
static bool revokes(X509_CRL *crl, const ASN1_INTEGER *serial)
{
    X509_REVOKED *entry = NULL;
    return X509_CRL_get0_by_serial(crl, &entry, serial) == 1;
}

bool tls_context_has_revoked(const struct tls_context *context, const char *serial)
{
    BIGNUM *number = NULL;
    if (serial[0] == '\0' || BN_hex2bn(&number, serial) != (int)strlen(serial)) {
        BN_free(number);
        return false;
    }
    ASN1_INTEGER *wanted = BN_to_ASN1_INTEGER(number, NULL);
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context->ssl));
    bool found = false;
    for (int i = 0; i < sk_X509_OBJECT_num(objects) && wanted != NULL && !found; i++) {
        X509_CRL *crl = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
        found = crl != NULL && revokes(crl, wanted);
    }
    ASN1_INTEGER_free(wanted);
    BN_free(number);
    return found;
}
