/*
 * tls_stream.c - see tls_stream.h.
 */
#include "tls/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

/* RFC 1035, section 2.3.4, as text. */
enum { LABEL_BYTES_MAX = 63, NAME_BYTES_MAX = 253 };

/* -------------------------------------------------------------- opening ---- */

static bool open_stream(struct tls_stream *stream, const struct tls_context *context, int socket,
                        struct failure *failure)
{
    ERR_clear_error();
    *stream = (struct tls_stream){.ssl = SSL_new(context->ssl)};
    if (stream->ssl == NULL || SSL_set_fd(stream->ssl, socket) != 1) {
        (void)failure_set(failure, "open a TLS connection: %s", tls_error_text());
        tls_stream_close(stream);
        return false;
    }
    return true;
}

bool tls_stream_open_server(struct tls_stream *stream, const struct tls_context *context,
                            int socket, struct failure *failure)
{
    if (!open_stream(stream, context, socket, failure)) {
        return false;
    }
    SSL_set_accept_state(stream->ssl);
    if (SSL_set_app_data(stream->ssl, &stream->key_updates) != 1) {
        tls_stream_close(stream);
        return failure_set(failure, "open a TLS connection: no memory");
    }
    return true;
}

/* True where the text is an address and not a name. */
static bool is_address(const char *text)
{
    unsigned char binary[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, text, binary) == 1 || inet_pton(AF_INET6, text, binary) == 1;
}

bool tls_is_server_name(const char *name)
{
    static const char in_labels[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t label = strspn(name, in_labels);
    if (is_address(name)) {
        return true;
    }
    if (strlen(name) > NAME_BYTES_MAX) {
        return false;
    }
    while (label > 0 && label <= LABEL_BYTES_MAX && name[label] == '.') {
        name += label + 1;
        label = strspn(name, in_labels);
    }
    return label > 0 && label <= LABEL_BYTES_MAX && name[label] == '\0';
}

/* An address is never told to the server: RFC 6066, section 3, knows names alone. */
static bool expect_name(SSL *ssl, const char *name)
{
    if (is_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    }
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

bool tls_stream_open_client(struct tls_stream *stream, const struct tls_context *context,
                            int socket, const char *server_name, struct failure *failure)
{
    if (!open_stream(stream, context, socket, failure)) {
        return false;
    }
    SSL_set_connect_state(stream->ssl);
    if (!expect_name(stream->ssl, server_name)) {
        (void)failure_set(failure, "\"%.100s\" is no name that a certificate can have: %s",
                          server_name, tls_error_text());
        tls_stream_close(stream);
        return false;
    }
    return true;
}

void tls_stream_offer(struct tls_stream *stream, SSL_SESSION *session)
{
    (void)SSL_set_session(stream->ssl, session); /* without it the handshake is a whole one */
    ERR_clear_error();
}

SSL_SESSION *tls_stream_session(const struct tls_stream *stream)
{
    const SSL_SESSION *session = SSL_get0_session(stream->ssl);
    SSL_SESSION *copy =
        session != NULL && SSL_SESSION_is_resumable(session) == 1 ? SSL_SESSION_dup(session) : NULL;
    ERR_clear_error();
    return copy;
}

void tls_stream_close(struct tls_stream *stream)
{
    SSL_free(stream->ssl);
    *stream = (struct tls_stream){.ssl = NULL};
}

/* -------------------------------------------------------------- failures ---- */

/* What OpenSSL calls by a word of its own, in ours, and whether another try may do better. */
struct explanation {
    int reason;
    enum tls_fault fault;
    const char *text;
};

static const char no_tls[] = "what came is no TLS: the peer speaks plain text, or something else";
static const char no_version[] = "the two ends have no version of TLS in common (tls.minimum)";
static const char not_accepted[] = "the peer does not accept our certificate";

static const struct explanation explanations[] = {
    {SSL_R_WRONG_VERSION_NUMBER, TLS_FAULT_NO_TLS, no_tls},
    {SSL_R_HTTP_REQUEST, TLS_FAULT_NO_TLS, no_tls},
    {SSL_R_RECORD_LENGTH_MISMATCH, TLS_FAULT_NO_TLS, no_tls},
    {SSL_R_PACKET_LENGTH_TOO_LONG, TLS_FAULT_NO_TLS, no_tls},
    {SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAULT_REFUSED, no_version},
    {SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAULT_REFUSED, no_version},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAULT_REFUSED,
     "the peer has shown no certificate"},
    {SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_FAULT_REFUSED,
     "the peer wants a certificate, and none was shown (tls.certificate, tls.key)"},
    {SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_FAULT_REFUSED,
     "the peer does not know the CA of our certificate"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_FAULT_REFUSED,
     "the peer says that our certificate has expired"},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, TLS_FAULT_REFUSED,
     "the peer says that our certificate has been revoked"},
    {SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_FAULT_REFUSED, not_accepted},
    {SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_FAULT_REFUSED, not_accepted},
    {SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TLS_FAULT_REFUSED, not_accepted},
    {SSL_R_TLSV1_ALERT_ACCESS_DENIED, TLS_FAULT_REFUSED, "the peer denies us access"},
    {SSL_R_TLSV1_UNRECOGNIZED_NAME, TLS_FAULT_REFUSED,
     "the peer has no certificate for the name that it was asked for (tls.server_name)"},
    {SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TLS_FAULT_REFUSED,
     "the peer finds nothing in common with us"},
};

/* Other libraries of OpenSSL number their reasons in their own way. */
static bool is_ssl_reason(unsigned long error, int reason)
{
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == reason;
}

/* NULL: there is none. */
static const struct explanation *find_explanation(unsigned long error)
{
    for (size_t i = 0; i < sizeof explanations / sizeof explanations[0]; i++) {
        if (is_ssl_reason(error, explanations[i].reason)) {
            return &explanations[i];
        }
    }
    return NULL;
}

/* Why the peer's certificate is not accepted. */
static void explain_verification(const SSL *ssl, struct failure *failure)
{
    long result = SSL_get_verify_result(ssl);
    const char *whose = SSL_is_server(ssl) ? "the peer's" : "the server's";
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        (void)failure_set(failure, "%s certificate, or that of its CA, has expired", whose);
        break;
    case X509_V_ERR_CERT_REVOKED:
        (void)failure_set(failure, "%s certificate has been revoked", whose);
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        (void)failure_set(failure,
                          "%s certificate is for another name than the one it was looked for by "
                          "(tls.server_name)",
                          whose);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        (void)failure_set(
            failure, "%s certificate was not signed by an authority that is known here (tls.ca)",
            whose);
        break;
    case X509_V_ERR_CRL_HAS_EXPIRED:
        (void)failure_set(failure, "the revocation list has expired: make a new one (tls.crl)");
        break;
    default:
        (void)failure_set(failure, "%s certificate is not accepted: %s", whose,
                          X509_verify_cert_error_string(result));
    }
}

/* `error` is errno of the call that failed. */
static void explain(struct tls_stream *stream, int error, struct failure *failure)
{
    unsigned long first = ERR_peek_error();
    const struct explanation *ours = find_explanation(first);
    stream->fault = TLS_FAULT_CONNECTION;
    if (first == 0) {
        (void)failure_set(failure, "%s",
                          error != 0 ? strerror(error) : "the peer has closed the connection");
    } else if (is_ssl_reason(first, SSL_R_CERTIFICATE_VERIFY_FAILED)) {
        stream->fault = TLS_FAULT_REFUSED;
        explain_verification(stream->ssl, failure);
    } else if (ours != NULL) {
        stream->fault = ours->fault;
        (void)failure_set(failure, "%s", ours->text);
    } else {
        (void)failure_set(failure, "%s", tls_error_text());
    }
    ERR_clear_error();
}

/* What a call of OpenSSL that returned `result` means. */
static enum tls_result judge(struct tls_stream *stream, int result, struct failure *failure)
{
    int error = errno;
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_NONE:
        return TLS_DONE;
    case SSL_ERROR_WANT_READ:
        return TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_ENDED;
    default:
        explain(stream, error, failure);
        return TLS_FAILED;
    }
}

/* -------------------------------------------------------------- transfer ---- */

enum tls_result tls_stream_handshake(struct tls_stream *stream, struct failure *failure)
{
    ERR_clear_error();
    errno = 0;
    enum tls_result result = judge(stream, SSL_do_handshake(stream->ssl), failure);
    if (result == TLS_ENDED) {
        (void)failure_set(failure, "the peer has closed the connection");
        return TLS_FAILED;
    }
    return result;
}

enum tls_result tls_stream_read(struct tls_stream *stream, char *bytes, size_t capacity,
                                size_t *got, struct failure *failure)
{
    ERR_clear_error();
    errno = 0;
    return judge(stream, SSL_read_ex(stream->ssl, bytes, capacity, got), failure);
}

enum tls_result tls_stream_peek(struct tls_stream *stream, struct failure *failure)
{
    char byte = 0;
    size_t got = 0;
    ERR_clear_error();
    errno = 0;
    return judge(stream, SSL_peek_ex(stream->ssl, &byte, sizeof byte, &got), failure);
}

bool tls_stream_has_pending(const struct tls_stream *stream)
{
    return SSL_has_pending(stream->ssl) == 1;
}

enum tls_result tls_stream_write(struct tls_stream *stream, const char *bytes, size_t count,
                                 size_t *written, struct failure *failure)
{
    ERR_clear_error();
    errno = 0;
    return judge(stream, SSL_write_ex(stream->ssl, bytes, count, written), failure);
}

void tls_stream_end(struct tls_stream *stream)
{
    if (SSL_is_init_finished(stream->ssl)) {
        (void)SSL_shutdown(stream->ssl); /* the peer may be gone; it is the last thing said to it */
    }
    ERR_clear_error();
}

X509 *tls_stream_peer_certificate(const struct tls_stream *stream)
{
    return SSL_get0_peer_certificate(stream->ssl);
}

bool tls_stream_is_resumed(const struct tls_stream *stream)
{
    return SSL_session_reused(stream->ssl) == 1;
}

bool tls_stream_uses_kernel(const struct tls_stream *stream)
{
    return BIO_get_ktls_send(SSL_get_wbio(stream->ssl)) != 0;
}
