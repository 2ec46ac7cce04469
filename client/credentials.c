/*
 * credentials.c - see credentials.h.
 */
#include "client/credentials.h"

#include "lib/log.h"
#include "tls/agency_names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 24 * 60 * 60, DATE_BYTES = sizeof "2026-11-27 16:39:32 UTC" };

/* The moment of an ASN.1 time, for people. */
static const char *write_date(int64_t moment_s, char text[DATE_BYTES])
{
    time_t moment = (time_t)moment_s;
    struct tm broken_down;
    gmtime_r(&moment, &broken_down);
    strftime(text, DATE_BYTES, "%Y-%m-%d %H:%M:%S UTC", &broken_down);
    return text;
}

/* The certificate is valid now. */
static bool check_dates(const X509 *certificate, const char *path, struct failure *failure)
{
    char date[DATE_BYTES];
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
        return failure_set(failure,
                           "tls.certificate: %s has expired, at %s: ask the operator of the "
                           "lottery for another one",
                           path, write_date(tls_time_s(X509_get0_notAfter(certificate)), date));
    }
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
        return failure_set(failure,
                           "tls.certificate: %s is not valid before %s: is this machine's clock "
                           "right?",
                           path, write_date(tls_time_s(X509_get0_notBefore(certificate)), date));
    }
    return true;
}

/* The certificate is this agency's, or names none, about which there is a warning. */
static bool check_agency(const X509 *certificate, const struct client_config *config,
                         struct failure *failure)
{
    struct agency_set agencies;
    struct failure names_none;
    char names[AGENCY_NAMES_BYTES];
    if (!agency_names_of(certificate, &agencies, &names_none) ||
        agency_set_has(&agencies, config->id)) {
        return true;
    }
    (void)agency_set_write(&agencies, names, sizeof names);
    return failure_set(failure,
                       "tls.certificate: %s is that of agency %.100s, and this is agency %" PRIu32
                       " (id): the server would refuse each message; use this agency's certificate "
                       "and key",
                       config->tls_certificate, names, config->id);
}

static bool open_context(struct credentials *credentials, const struct client_config *config,
                         struct failure *failure)
{
    struct failure reason;
    const struct tls_files files = {.certificate = config->tls_certificate,
                                    .key = config->tls_key,
                                    .ca = config->tls_ca,
                                    .crl = config->tls_crl,
                                    .minimum = (enum tls_minimum)config->tls_minimum};
    return tls_client_context_open(&credentials->context, &files, &reason) ||
           failure_set(failure, "tls.mode is required: %s", reason.text);
}

bool credentials_open(struct credentials *credentials, const struct client_config *config,
                      struct failure *failure)
{
    *credentials = (struct credentials){.is_on = config->tls_mode == CLIENT_TLS_REQUIRED,
                                        .fixed_name = config->tls_server_name};
    if (!credentials->is_on) {
        return true;
    }
    if (!open_context(credentials, config, failure)) {
        return false;
    }
    const X509 *certificate = SSL_CTX_get0_certificate(credentials->context.ssl);
    if (certificate == NULL || (check_dates(certificate, config->tls_certificate, failure) &&
                                check_agency(certificate, config, failure))) {
        return true;
    }
    credentials_close(credentials);
    return false;
}

/* The host of the server's address, where no other name is set. An interface is no part of a name. */
void credentials_turn_to(struct credentials *credentials, const struct server_place *server)
{
    if (credentials->server != server) {
        SSL_SESSION_free(credentials->session);
        credentials->session = NULL;
    }
    credentials->server = server;
    const char *host = server->name.host;
    if (credentials->fixed_name != NULL && credentials->fixed_name[0] != '\0') {
        snprintf(credentials->server_name, sizeof credentials->server_name, "%s",
                 credentials->fixed_name);
    } else {
        snprintf(credentials->server_name, sizeof credentials->server_name, "%.*s",
                 (int)strcspn(host, "%"), host);
    }
}

void credentials_close(struct credentials *credentials)
{
    SSL_SESSION_free(credentials->session);
    tls_context_close(&credentials->context);
    *credentials = (struct credentials){.is_on = false};
}

/* ------------------------------------------------------------- warnings ---- */

static void warn(const char *path, const char *reason)
{
    log_warning(LOG_AGENCY_CERTIFICATE_DOUBTFUL, "result: in_progress | file: %s | reason: %s",
                path, reason);
}

void credentials_warn(const struct credentials *credentials, const struct client_config *config)
{
    struct agency_set agencies;
    struct failure reason;
    if (!credentials->is_on) {
        if (config->tls_certificate[0] != '\0') {
            warn(config->tls_certificate, "it is not used, and the bets cross the network in the "
                                          "clear: tls.mode is off");
        }
        return;
    }
    const X509 *certificate = SSL_CTX_get0_certificate(credentials->context.ssl);
    if (certificate == NULL) {
        return;
    }
    if (!agency_names_of(certificate, &agencies, &reason)) {
        warn(config->tls_certificate, reason.text);
    }
    int64_t left_s = credentials->context.expiry.certificate_s - (int64_t)time(NULL);
    if (left_s < (int64_t)TLS_ENDS_SOON_DAYS * DAY_S) {
        char date[DATE_BYTES];
        failure_set(&reason, "it expires at %s, in %" PRId64 " days: ask for the next one",
                    write_date(credentials->context.expiry.certificate_s, date), left_s / DAY_S);
        warn(config->tls_certificate, reason.text);
    }
}
