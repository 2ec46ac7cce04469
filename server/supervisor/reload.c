/*
 * reload.c - see reload.h.
 */
#include "server/supervisor/reload.h"

#include "lib/log.h"
#include "server/server_tls.h"
#include "shm/slots.h"

#include <signal.h>
#include <string.h>

/* Asks the handlers whose peers' certificates are revoked to end. Returns how many. */
static unsigned end_revoked(const struct heritage *heritage, const struct handler_book *handlers)
{
    unsigned ended = 0;
    atomic_thread_fence(memory_order_seq_cst); /* as in server_tls_is_behind */
    for (uint32_t i = 0; i < handlers->capacity; i++) {
        const struct slot *slot = &heritage->segment.slots[i];
        char serial[SHARED_SERIAL_BYTES];
        pid_t pid = handler_book_pid(handlers, i);
        if (pid == 0 ||
            atomic_load_explicit(&slot->security, memory_order_acquire) != SLOT_CERTIFIED) {
            continue;
        }
        slot_copy_text(slot->certificate, sizeof slot->certificate, serial);
        if (server_tls_has_revoked(&heritage->tls, serial)) {
            log_warning(LOG_TLS_CERTIFICATE_REVOKED,
                        "result: success | pid: %d | ip: %s | certificate: %s | "
                        "reason: the certificate is revoked: the connection is closed",
                        (int)pid, slot->peer, serial);
            kill(pid, SIGTERM);
            ended++;
        }
    }
    return ended;
}

/* Reads everything again. False with the failure, and then all is as it was. */
static bool renew(struct heritage *heritage, struct key_keeper *key_keeper, struct failure *failure)
{
    struct server_tls renewed;
    struct held_key key;
    if (!heritage_open_key(heritage, &key, failure)) {
        return false;
    }
    if (!server_tls_open(&renewed, &heritage->config, key.remote.key, failure)) {
        held_key_close(&key);
        return false;
    }
    bool changed = key_keeper_change_key(key_keeper, &key, failure);
    if (changed) {
        struct server_tls before = heritage->tls;
        renewed.renewals = before.renewals + 1;
        heritage->tls = renewed;
        heritage->issue++; /* handlers that wait have the one before */
        renewed = before;
    }
    server_tls_close(&renewed); /* the one that is not used, and the key that goes with it */
    held_key_close(&key);
    return changed;
}

void reload_run(struct heritage *heritage, const struct handler_book *handlers,
                struct key_keeper *key_keeper)
{
    struct failure failure;
    if (!heritage->tls.is_on) {
        log_info(LOG_RELOAD_HAS_NOTHING,
                 "result: success | reason: SIGHUP does not stop the server; there "
                 "is nothing to read again, because tls.mode is off. The configuration is read at "
                 "the start alone: for another one, stop and start it");
        return;
    }
    if (!renew(heritage, key_keeper, &failure)) {
        log_error(LOG_RELOAD_FAILED,
                  "result: fail | error: %s | reason: the server goes on with what "
                  "it has read before",
                  failure.text);
        return;
    }
    server_tls_publish(&heritage->tls, &heritage->segment); /* before the look at the slots */
    server_tls_warn(&heritage->tls, &heritage->config, &heritage->listeners);
    unsigned ended = end_revoked(heritage, handlers);
    log_info(LOG_RELOADED,
             "result: success | revoked_connections: %u | reason: certificates, "
             "key, CA and revocation list were read again; the configuration is read at the start "
             "alone",
             ended);
}
