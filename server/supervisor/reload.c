/*
 * reload.c - see reload.h.
 */
#include "server/supervisor/reload.h"

#include "lib/log.h"
#include "seal/signature.h"
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
            log_warning(
                LOG_TLS_CERTIFICATE_REVOKED,
                "result: success | pid: %d | ip: %s | connection: %" PRIu64
                " | certificate: %s | reason: the certificate is revoked: the connection is closed",
                (int)pid, slot->peer, atomic_load(&slot->connection), serial);
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

/* ----------------------------------------------------------------- values ---- */

/*
 * What can't be signed any more would be found at the draw. A key of another place needs a restart, and
 * a process that is confined might not even read it.
 */
static bool can_sign(const struct config_reload *reload, struct failure *failure)
{
    struct signature ignored;
    struct failure reason;
    const char *key = reload->wanted.seal_key;
    return key[0] == '\0' || strcmp(key, reload->started.seal_key) != 0 ||
           signature_make(key, "", 0, &ignored, &reason) ||
           failure_set(failure, "seal.key: %s", reason.text);
}

/* Has the changed values count: here, for later children, and for those that live where they follow. */
static void take_over(struct heritage *heritage, struct admission *admission)
{
    const struct server_config *config = &heritage->config;
    struct shared *shared = heritage->segment.shared;
    atomic_store(&shared->supervisor.log_level, (uint32_t)config->log_level);
    atomic_store(&shared->identity.connection_limit, config->limit_connections);
    confinement_renew_limits(&heritage->confinement, config);
    admission_renew(admission, config);
    heritage->issue++; /* handlers that wait have what was before */
}

void reload_run(struct heritage *heritage, struct admission *admission,
                struct key_keeper *key_keeper, struct config_reload *reload)
{
    struct failure failure;
    const struct server_config before = heritage->config;
    if (!config_reload_read(reload)) {
        return;
    }
    if (!can_sign(reload, &failure)) {
        config_reload_refuse(failure.text);
        return;
    }
    config_reload_lay_over(reload, &heritage->config);
    if (heritage->tls.is_on && !renew(heritage, key_keeper, &failure)) {
        heritage->config = before;
        config_reload_refuse(failure.text);
        return;
    }
    unsigned ended = 0;
    const char *reason = "it was read again";
    if (heritage->tls.is_on) {
        reason = "certificates, key, CA and revocation list were read again, too";
        server_tls_publish(&heritage->tls, &heritage->segment); /* before the look at the slots */
        server_tls_warn(&heritage->tls, &heritage->config, &heritage->listeners);
        ended = end_revoked(heritage, &admission->handlers);
    }
    const enum log_level level = (enum log_level)heritage->config.log_level;
    if (!log_enabled(level)) {
        log_set_threshold(
            level); /* what is told of this is seen by the old level, or by the new one */
    }
    struct config_changes changes = config_reload_commit(reload);
    if (changes.taken_over > 0) {
        take_over(heritage, admission);
    }
    log_info(LOG_RELOADED,
             "result: success | configuration: %s | keys_changed: %u | keys_that_need_a_restart: "
             "%u | revoked_connections: %u | reason: %s",
             changes.taken_over + changes.waiting == 0 ? "unchanged" : "changed",
             changes.taken_over, changes.waiting, ended, reason);
    log_set_threshold(level);
}
