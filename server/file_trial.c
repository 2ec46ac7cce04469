/*
 * file_trial.c - see file_trial.h.
 */
#include "server/file_trial.h"

#include "seal/signature.h"
#include "server/key_channel.h"
#include "server/keyholder/key_trial.h"
#include "server/server_keys.h"
#include "server/server_tls.h"
#include "tls/tls_certificate.h"

#include <stdio.h>

/* What can't be signed now could not be after weeks of sales either. */
static bool can_sign(const struct server_config *config, struct failure *failure)
{
    struct signature ignored;
    struct failure reason;
    return config->seal_key[0] == '\0' ||
           signature_make(config->seal_key, "", 0, &ignored, &reason) ||
           failure_set(failure, "seal.key: %s", reason.text);
}

/* What can't be shown to agencies now would refuse all of them. */
static bool can_encrypt(const struct server_config *config, struct failure *failure)
{
    struct server_tls tls;
    struct held_key key;
    if (!held_key_open(&key, NULL, config->tls_certificate, config->tls_key, failure)) {
        return false;
    }
    bool opened =
        key_trial_run(&key, failure) && server_tls_open(&tls, config, key.remote.key, failure);
    if (opened) {
        server_tls_close(&tls);
    }
    held_key_close(&key);
    return opened;
}

/* Tells of each file of TLS that can't be opened at all. */
static bool are_there(const struct server_config *config, file_trial_tell *tell, void *context)
{
    const struct {
        const char *key, *path;
    } files[] = {{"tls.certificate", config->tls_certificate},
                 {"tls.key", config->tls_key},
                 {"tls.ca", config->tls_ca},
                 {"tls.crl", config->tls_crl}};
    bool all = true;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct failure reason;
        struct failure failure;
        FILE *file = files[i].path[0] == '\0' ? NULL : tls_file_open(files[i].path, &reason);
        if (file != NULL) {
            (void)fclose(file);
        } else if (files[i].path[0] != '\0') {
            all =
                failure_set(&failure, "%s: open %s: %s", files[i].key, files[i].path, reason.text);
            tell(failure.text, context);
        }
    }
    return all;
}

static void try_tls(const struct server_config *config, file_trial_tell *tell, void *context)
{
    struct failure failure;
    if (config->tls_mode != TLS_OFF && are_there(config, tell, context) &&
        !can_encrypt(config, &failure)) {
        tell(failure.text, context);
    }
}

void file_trial_run(const struct server_config *config, const struct config_origin *origins,
                    file_trial_tell *tell, void *context)
{
    static const enum server_key of_seal[] = {KEY_SEAL_KEY};
    static const enum server_key of_tls[] = {KEY_TLS_MODE, KEY_TLS_CERTIFICATE, KEY_TLS_KEY,
                                             KEY_TLS_CA,   KEY_TLS_CRL,         KEY_TLS_MINIMUM};
    struct failure failure;
    if (server_keys_are_sure(origins, of_seal, sizeof of_seal / sizeof of_seal[0]) &&
        !can_sign(config, &failure)) {
        tell(failure.text, context);
    }
    if (server_keys_are_sure(origins, of_tls, sizeof of_tls / sizeof of_tls[0])) {
        try_tls(config, tell, context);
    }
}
