/*
 * publication.c - see publication.h.
 */
#include "server/storer/publication.h"

#include "lib/log.h"
#include "seal/signature.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool sign(const struct disk *disk, const char *text, size_t bytes,
                 struct signature *signature)
{
    struct failure failure;
    if (signature_make(disk->heritage->config.seal_key, text, bytes, signature, &failure)) {
        return true;
    }
    log_critical(LOG_SIGNATURE_FAILED,
                 "result: fail | error: %s | reason: seal.key is set, so nothing is sealed or "
                 "drawn without a signature: mend the key, or take it out of the "
                 "configuration, and start the server again",
                 failure.text);
    return false;
}

bool publication_can_sign(const struct disk *disk)
{
    struct signature ignored;
    return disk->heritage->config.seal_key[0] == '\0' || sign(disk, "", 0, &ignored);
}

/* Without a key there is none, also where a server that had one died over it. */
static bool put_signature(struct disk *disk, const struct publication *publication)
{
    const struct data_directory *directory = &disk->heritage->directory;
    struct signature signature;
    if (disk->heritage->config.seal_key[0] != '\0') {
        return sign(disk, publication->text, publication->bytes, &signature) &&
               disk_write_whole(disk, publication->signature_name, signature.bytes,
                                sizeof signature.bytes);
    }
    if (unlinkat(directory->descriptor, publication->signature_name, 0) != 0 && errno != ENOENT) {
        log_critical(LOG_STORE_SIGNATURE_KEPT, "result: fail | error: remove %s/%s: %s",
                     directory->path, publication->signature_name, strerror(errno));
        return false;
    }
    return true;
}

bool publication_make(struct disk *disk, const struct publication *publication,
                      char sha256[SHA256_DIGITS + 1])
{
    struct sha256_digest digest;
    if (!sha256_of(publication->text, publication->bytes, &digest)) {
        log_critical(LOG_STORE_NO_MEMORY, "result: fail | error: no memory to hash %s",
                     publication->name);
        return false;
    }
    (void)sha256_write(sha256, &digest);
    return put_signature(disk, publication) &&
           disk_write_whole(disk, publication->name, publication->text, publication->bytes);
}
