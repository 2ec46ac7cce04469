/*
 * signature.c - see signature.h.
 */
#include "seal/signature.h"

#include "lib/plain_file.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRIVATE_MODE = 0600, PUBLIC_MODE = 0644, OTHERS_BITS = 077, PERMISSION_BITS = 07777 };

enum { PRIVATE_BYTES_MAX = 64 * 1024 };

#define PUBLIC_SUFFIX ".pub"

/* ---------------------------------------------------------------- making ---- */

/* Writes a new file with what `write` makes of the key. */
static bool write_key(const char *path, mode_t mode, EVP_PKEY *key,
                      int (*write)(FILE *file, EVP_PKEY *key), struct failure *failure)
{
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, PRIVATE_MODE);
    if (descriptor < 0) {
        return failure_set_errno(failure, "make %s", path);
    }
    FILE *file = fdopen(descriptor, "w");
    bool written = file != NULL && fchmod(descriptor, mode) == 0 && write(file, key) == 1 &&
                   fflush(file) == 0 && file_sync(descriptor);
    if (!written) {
        failure_set_errno(failure, "write %s", path);
        unlink(path);
    }
    if (file == NULL) {
        close(descriptor);
    } else {
        fclose(file);
    }
    return written;
}

static int write_private(FILE *file, EVP_PKEY *key)
{
    return PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
}

static int write_public(FILE *file, EVP_PKEY *key)
{
    return PEM_write_PUBKEY(file, key);
}

/* Makes the names of both keys durable. */
static bool sync_directory_of(const char *path, struct failure *failure)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    const char *directory = dirname(copy);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = descriptor >= 0 && file_sync_directory(descriptor, directory);
    if (!synced) {
        failure_set_errno(failure, "sync %s", directory);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return synced;
}

static bool write_keys(const char *path, const char *public_path, EVP_PKEY *key,
                       struct failure *failure)
{
    if (!write_key(path, PRIVATE_MODE, key, write_private, failure)) {
        return false;
    }
    if (!write_key(public_path, PUBLIC_MODE, key, write_public, failure)) {
        unlink(path);
        return false;
    }
    if (!sync_directory_of(path, failure)) {
        unlink(public_path);
        unlink(path);
        return false;
    }
    return true;
}

bool signature_make_key(const char *path, struct failure *failure)
{
    char public_path[PATH_MAX];
    int bytes = snprintf(public_path, sizeof public_path, "%s" PUBLIC_SUFFIX, path);
    if (bytes < 0 || (size_t)bytes >= sizeof public_path) {
        return failure_set(failure, "%s" PUBLIC_SUFFIX " is too long for a path", path);
    }
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL) {
        return failure_set(failure, "libcrypto makes no Ed25519 key");
    }
    bool written = write_keys(path, public_path, key, failure);
    EVP_PKEY_free(key);
    return written;
}

/* --------------------------------------------------------------- reading ---- */

static bool is_private(int descriptor, const char *path, struct failure *failure)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return failure_set_errno(failure, "stat %s", path);
    }
    if (status.st_uid != geteuid() || (status.st_mode & OTHERS_BITS) != 0) {
        return failure_set(failure,
                           "%s is a private key, and belongs to uid %u with mode %04o: whoever "
                           "can read it can sign; `chown %u %s && chmod 0600 %s`",
                           path, (unsigned)status.st_uid,
                           (unsigned)(status.st_mode & PERMISSION_BITS), (unsigned)geteuid(), path,
                           path);
    }
    return true;
}

/* Nobody is there to type a passphrase, so a key that is protected by one is refused. */
static EVP_PKEY *read_private(FILE *file)
{
    char no_passphrase[] = "";
    return PEM_read_PrivateKey(file, NULL, NULL, no_passphrase);
}

/*
 * Opens a key's file. A private one is waited for by nobody; a public one may come by a pipe, to
 * lottery-verify.
 */
static int open_key(const char *path, bool secret, struct failure *failure)
{
    struct failure reason;
    int descriptor = secret ? plain_file_open(path, PRIVATE_BYTES_MAX, &reason)
                            : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0 && secret) {
        (void)failure_set(failure, "open %s: %s", path, reason.text);
    } else if (descriptor < 0) {
        (void)failure_set_errno(failure, "open %s", path);
    }
    return descriptor;
}

/* Returns the key, which is the caller's, or NULL with the failure. */
static EVP_PKEY *read_key(const char *path, bool secret, struct failure *failure)
{
    int descriptor = open_key(path, secret, failure);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
    if (file == NULL) {
        if (descriptor >= 0) {
            (void)failure_set_errno(failure, "open %s", path);
            close(descriptor);
        }
        return NULL;
    }
    EVP_PKEY *key = NULL;
    if (!secret || is_private(descriptor, path, failure)) {
        key = secret ? read_private(file) : PEM_read_PUBKEY(file, NULL, NULL, NULL);
        if (key == NULL || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519) {
            failure_set(failure, "%s holds no %s Ed25519 key in PEM", path,
                        secret ? "private" : "public");
            EVP_PKEY_free(key);
            key = NULL;
        }
    }
    fclose(file);
    return key;
}

/* --------------------------------------------------------------- signing ---- */

static bool sign(EVP_PKEY *key, const void *bytes, size_t count, struct signature *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t made = sizeof signature->bytes;
    bool signs = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                 EVP_DigestSign(context, signature->bytes, &made, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    return signs && made == sizeof signature->bytes;
}

bool signature_make(const char *path, const void *bytes, size_t count, struct signature *signature,
                    struct failure *failure)
{
    EVP_PKEY *key = read_key(path, true, failure);
    if (key == NULL) {
        return false;
    }
    bool signs = sign(key, bytes, count, signature) ||
                 failure_set(failure, "libcrypto does not sign with %s", path);
    EVP_PKEY_free(key);
    return signs;
}

enum signature_answer signature_check(const char *path, const void *bytes, size_t count,
                                      const struct signature *signature, struct failure *failure)
{
    EVP_PKEY *key = read_key(path, false, failure);
    if (key == NULL) {
        return SIGNATURE_NO_KEY;
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context != NULL && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
        EVP_DigestVerify(context, signature->bytes, sizeof signature->bytes, bytes, count) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good ? SIGNATURE_GOOD : SIGNATURE_WRONG;
}
