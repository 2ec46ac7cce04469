/*
 * server_tls.c - see server_tls.h.
 */
#include "server/server_tls.h"

#include "lib/log.h"
#include "tls/tls_warm_up.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { SECONDS_A_DAY = 24 * 60 * 60 };

/* --------------------------------------------------------------- opening ---- */

bool server_tls_open(struct server_tls *tls, const struct server_config *config, EVP_PKEY *key,
                     struct failure *failure)
{
    struct failure reason = {.text = ""};
    const struct tls_files files = {.certificate = config->tls_certificate,
                                    .ca = config->tls_ca,
                                    .crl = config->tls_crl,
                                    .minimum = (enum tls_minimum)config->tls_minimum};
    *tls = (struct server_tls){.is_on = config->tls_mode != TLS_OFF};
    if (!tls->is_on) {
        return true;
    }
    bool opened =
        tls_warm_up(&reason) && tls_server_context_open(&tls->context, &files, key,
                                                        config->tls_mode == TLS_REQUIRED, &reason);
    return opened || failure_set(failure, "tls: %s", reason.text);
}

void server_tls_close(struct server_tls *tls)
{
    tls_context_close(&tls->context);
    *tls = (struct server_tls){.is_on = false};
}

void server_tls_warm_up(const struct server_tls *tls)
{
    if (tls->is_on) {
        tls_warm_up_process(&tls->context);
    }
}

/* --------------------------------------------------------------- telling ---- */

void server_tls_publish(const struct server_tls *tls, const struct segment *segment)
{
    struct shared_tls *shared = &segment->shared->tls;
    atomic_store(&shared->certificate_expires_at_s, tls->context.expiry.certificate_s);
    atomic_store(&shared->ca_expires_at_s, tls->context.expiry.ca_s);
    atomic_store(&shared->crl_expires_at_s, tls->context.expiry.crl_s);
    atomic_store(&shared->is_on, tls->is_on);
    atomic_store(&shared->renewals, tls->renewals);
}

bool server_tls_is_behind(const struct server_tls *tls, const struct segment *segment)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load(&segment->shared->tls.renewals) != tls->renewals;
}

/* What has ended is an ERROR, because agencies are refused by now. */
static void warn_of(const char *what, const char *path, int64_t expires_s)
{
    int64_t left_s = expires_s - (int64_t)time(NULL);
    if (expires_s == TLS_NEVER || left_s > (int64_t)TLS_ENDS_SOON_DAYS * SECONDS_A_DAY) {
        return;
    }
    log_write(left_s > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
              left_s > 0 ? LOG_TLS_CERTIFICATE_ENDS : LOG_TLS_CERTIFICATE_ENDED,
              "result: %s | file: %s | days_left: %" PRId64
              " | reason: %s %s; put a new one there, and send SIGHUP",
              left_s > 0 ? "in_progress" : "fail", path, left_s / SECONDS_A_DAY, what,
              left_s > 0 ? "ends soon" : "has ended, and who needs it is refused");
}

/* The first address on which other machines can connect, or NULL. */
static const char *find_exposed(const struct listeners *listeners, struct listener_peer *bound)
{
    for (size_t i = 0; i < listeners->count; i++) {
        unsigned port = 0;
        if (listener_describe(listeners->descriptors[i], bound, &port) &&
            strncmp(bound->host, "127.", sizeof "127." - 1) != 0 &&
            strcmp(bound->host, "::1") != 0) {
            return bound->host;
        }
    }
    return NULL;
}

void server_tls_warn(const struct server_tls *tls, const struct server_config *config,
                     const struct listeners *listeners)
{
    struct listener_peer bound;
    const char *exposed = find_exposed(listeners, &bound);
    if (config->tls_mode != TLS_REQUIRED && exposed != NULL) {
        log_warning(LOG_TLS_NOT_REQUIRED,
                    "result: in_progress | address: %s | tls.mode: %s | reason: whoever reaches "
                    "this address may bet for any agency and read its winners, and "
                    "whoever is on the way reads all of it: set tls.mode to required",
                    exposed, tls->is_on ? "optional" : "off");
    }
    if (tls->is_on) {
        warn_of("the server's certificate", config->tls_certificate,
                tls->context.expiry.certificate_s);
        warn_of("a CA", config->tls_ca, tls->context.expiry.ca_s);
        warn_of("the revocation list", config->tls_crl, tls->context.expiry.crl_s);
    }
}

bool server_tls_has_revoked(const struct server_tls *tls, const char *serial)
{
    return tls->is_on && tls_context_has_revoked(&tls->context, serial);
}
