/*
 * authority.c - see authority.h.
 */
#include "pki/authority.h"

#include "pki/key_pair.h"
#include "pki/pem_file.h"
#include "pki/revocation.h"
#include "store/file_io.h"
#include "store/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define AUTHORITY_PAIR_NAME "ca"
#define AUTHORITY_KEY_FILE  AUTHORITY_PAIR_NAME KEY_SUFFIX
#define ISSUED_DIRECTORY    "issued"
#define AGENCY_PAIR_NAME    "agency-"

enum { DIRECTORY_MODE = 0700, LIST_BYTES_MAX = 200 /* of NAME_MAX, with what stands around it */ };

/* ----------------------------------------------------------- the directory ---- */

static void close_directory(struct data_directory *directory)
{
    if (directory->descriptor >= 0) {
        (void)close(directory->descriptor);
        directory->descriptor = -1;
    }
}

/* Opens and checks one of our two directories; no link. `parent` may be AT_FDCWD. */
static bool open_directory(int parent, const char *name, const char *path,
                           struct data_directory *directory, struct failure *failure)
{
    struct stat status;
    *directory = (struct data_directory){.path = path, .lock = -1};
    directory->descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory->descriptor < 0 || fstat(directory->descriptor, &status) != 0) {
        failure_set_errno(failure, "open directory %s (a link is none)", path);
        close_directory(directory);
        return false;
    }
    if (!data_access_check(&status, &directory->access, true, path, failure)) {
        close_directory(directory);
        return false;
    }
    return true;
}

/* Makes it if it is missing, durably, and opens it. */
static bool make_directory(int parent, const char *name, const char *path,
                           struct data_directory *directory, struct failure *failure)
{
    bool made = mkdirat(parent, name, DIRECTORY_MODE) == 0;
    if (!made && errno != EEXIST) {
        return failure_set_errno(failure, "make directory %s", path);
    }
    if (!open_directory(parent, name, path, directory, failure)) {
        return false;
    }
    if (made && !file_sync_parent(directory->descriptor, path)) {
        failure_set_errno(failure, "sync the parent of %s", path);
        close_directory(directory);
        return false;
    }
    return true;
}

static bool lock(const struct data_directory *directory, struct failure *failure)
{
    return flock(directory->descriptor, LOCK_EX) == 0 ||
           failure_set_errno(failure, "lock directory %s", directory->path);
}

/* Zeroed, with its paths. False when a path is too long. */
static bool begin(const char *path, struct authority *authority, struct failure *failure)
{
    *authority = (struct authority){.directory = {.descriptor = -1}, .issued = {.descriptor = -1}};
    int bytes = snprintf(authority->issued_path, sizeof authority->issued_path,
                         "%s/" ISSUED_DIRECTORY, path);
    return (bytes > 0 && (size_t)bytes < sizeof authority->issued_path) ||
           failure_set(failure, "%s is too long for a path", path);
}

void authority_close(struct authority *authority)
{
    X509_CRL_free(authority->revoked);
    X509_free(authority->certificate);
    close_directory(&authority->issued);
    close_directory(&authority->directory); /* the lock goes with it */
}

/* ----------------------------------------------------------------- making ---- */

static bool is_there(const struct data_directory *directory, const char *name)
{
    struct stat status;
    return fstatat(directory->descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A directory that can't be read counts as one that holds something. */
static bool is_empty(const struct data_directory *directory)
{
    int descriptor = openat(directory->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (entries == NULL) {
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        return false;
    }
    const struct dirent *entry = NULL;
    do {
        entry = readdir(entries);
    } while (entry != NULL && entry->d_name[0] == '.');
    (void)closedir(entries);
    return entry == NULL;
}

static bool refuse_existing(const struct authority *authority, struct failure *failure)
{
    static const char *const files[] = {AUTHORITY_CERTIFICATE_FILE, AUTHORITY_KEY_FILE};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (is_there(&authority->directory, files[i])) {
            return failure_set(failure,
                               "%s/%s is there: there is an authority already, and a new one would "
                               "make all of its certificates worthless. `pki server NAME...` makes "
                               "a server's certificate; another authority needs another "
                               "--directory",
                               authority->directory.path, files[i]);
        }
    }
    return is_empty(&authority->issued) ||
           failure_set(failure,
                       "%s holds certificates of an authority that is not there any more: restore "
                       "its " AUTHORITY_CERTIFICATE_FILE " and " AUTHORITY_KEY_FILE
                       ", or name another --directory",
                       authority->issued_path);
}

static bool write_list(const struct data_directory *directory, X509_CRL *list,
                       struct failure *failure)
{
    struct pem_text text;
    bool synced = false;
    if (!pem_text_of_list(list, &text, failure)) {
        return false;
    }
    bool written =
        whole_file_write(directory, AUTHORITY_LIST_FILE, text.bytes, text.count, &synced, failure);
    pem_text_free(&text);
    return written;
}

/* The revocation list comes first: where there is an authority, a missing list is a lost one. */
static bool write_authority(struct authority *authority, EVP_PKEY *key, int64_t now_s,
                            struct failure *failure)
{
    const struct certificate_order order = {.kind = CERTIFICATE_AUTHORITY, .now_s = now_s};
    const struct certificate_issuer itself = {.certificate = NULL};
    authority->certificate = certificate_make(&order, key, &itself, failure);
    if (authority->certificate == NULL) {
        return false;
    }
    const struct certificate_issuer issuer = {.certificate = authority->certificate, .key = key};
    authority->revoked = revocation_make(&issuer, NULL, NULL, now_s, failure);
    return authority->revoked != NULL &&
           write_list(&authority->directory, authority->revoked, failure) &&
           key_pair_write(&authority->directory, AUTHORITY_PAIR_NAME, key, authority->certificate,
                          failure);
}

static bool make_files(struct authority *authority, int64_t now_s, struct failure *failure)
{
    if (!lock(&authority->directory, failure) || !key_pair_mend(&authority->directory, failure) ||
        !make_directory(authority->directory.descriptor, ISSUED_DIRECTORY, authority->issued_path,
                        &authority->issued, failure) ||
        !refuse_existing(authority, failure)) {
        return false;
    }
    EVP_PKEY *key = certificate_make_key(failure);
    bool written = key != NULL && write_authority(authority, key, now_s, failure);
    EVP_PKEY_free(key);
    return written;
}

bool authority_make(const char *path, int64_t now_s, struct failure *failure)
{
    struct authority authority;
    if (!begin(path, &authority, failure)) {
        return false;
    }
    bool made = make_directory(AT_FDCWD, path, path, &authority.directory, failure) &&
                make_files(&authority, now_s, failure);
    authority_close(&authority);
    return made;
}

/* ---------------------------------------------------------------- opening ---- */

static bool read_certificate(struct authority *authority, struct failure *failure)
{
    authority->certificate =
        pem_file_read_certificate(&authority->directory, AUTHORITY_CERTIFICATE_FILE, failure);
    if (authority->certificate == NULL && errno == ENOENT) {
        failure_set(failure,
                    "%s holds no authority: there is no " AUTHORITY_CERTIFICATE_FILE
                    "; `lottery-admin pki init` makes one",
                    authority->directory.path);
    }
    return authority->certificate != NULL;
}

/* Without it nobody knows what was revoked: a new, empty one would let all of that in again. */
static bool read_list(struct authority *authority, struct failure *failure)
{
    authority->revoked = pem_file_read_list(&authority->directory, AUTHORITY_LIST_FILE, failure);
    if (authority->revoked == NULL) {
        return errno != ENOENT ? false
                               : failure_set(failure,
                                             "there is no %s/" AUTHORITY_LIST_FILE
                                             ", which says what was revoked: copy it back from "
                                             "where the server reads it (tls.crl)",
                                             authority->directory.path);
    }
    return X509_CRL_verify(authority->revoked, X509_get0_pubkey(authority->certificate)) == 1 ||
           failure_set(failure, "%s/" AUTHORITY_LIST_FILE " was signed by another authority",
                       authority->directory.path);
}

static bool open_files(struct authority *authority, struct failure *failure)
{
    return lock(&authority->directory, failure) && key_pair_mend(&authority->directory, failure) &&
           read_certificate(authority, failure) &&
           open_directory(authority->directory.descriptor, ISSUED_DIRECTORY, authority->issued_path,
                          &authority->issued, failure) &&
           read_list(authority, failure);
}

bool authority_open(const char *path, struct authority *authority, struct failure *failure)
{
    struct stat status;
    if (!begin(path, authority, failure)) {
        return false;
    }
    if (lstat(path, &status) != 0 && errno == ENOENT) {
        return failure_set(failure,
                           "there is no directory %s: `lottery-admin pki init` makes an authority "
                           "there; where it is another one, name it (--directory DIR)",
                           path);
    }
    bool opened = open_directory(AT_FDCWD, path, path, &authority->directory, failure) &&
                  open_files(authority, failure);
    if (!opened) {
        authority_close(authority);
    }
    return opened;
}

/* ---------------------------------------------------------------- signing ---- */

/* Reads the authority's key; the caller frees it. NULL with the failure. */
static EVP_PKEY *read_key(const struct authority *authority, struct failure *failure)
{
    EVP_PKEY *key = pem_file_read_key(&authority->directory, AUTHORITY_KEY_FILE, failure);
    if (key != NULL && X509_check_private_key(authority->certificate, key) != 1) {
        failure_set(failure,
                    "%s/" AUTHORITY_KEY_FILE " is not the key of " AUTHORITY_CERTIFICATE_FILE
                    ": restore both from one copy",
                    authority->directory.path);
        EVP_PKEY_free(key);
        return NULL;
    }
    return key;
}

bool authority_name_pair(const struct certificate_order *order, char name[NAME_MAX + 1],
                         struct failure *failure)
{
    char agencies[LIST_BYTES_MAX + 1];
    if (order->kind != CERTIFICATE_AGENCY) {
        (void)snprintf(name, NAME_MAX + 1, "%s", AUTHORITY_SERVER_NAME);
        return true;
    }
    size_t bytes = agency_set_write(order->agencies, agencies, sizeof agencies);
    if (bytes > LIST_BYTES_MAX) {
        return failure_set(failure,
                           "a list of agencies with %zu bytes is too long for the name of its "
                           "files; %d are not: name fewer ranges",
                           bytes, LIST_BYTES_MAX);
    }
    (void)snprintf(name, NAME_MAX + 1, AGENCY_PAIR_NAME "%s", agencies);
    return true;
}

/* Writes the certificate, first where it can be revoked from, then for whom it is made. */
static bool hand_out(struct authority *authority, const struct certificate_order *order,
                     EVP_PKEY *key, X509 *certificate, struct issued *issued,
                     struct failure *failure)
{
    char name[NAME_MAX + 1];
    tls_write_serial(certificate, issued->serial);
    issued->kind = order->kind;
    issued->from_s = tls_time_s(X509_get0_notBefore(certificate));
    issued->until_s = tls_time_s(X509_get0_notAfter(certificate));
    return authority_name_pair(order, name, failure) &&
           issued_write(&authority->issued, certificate, failure) &&
           key_pair_write(&authority->directory, name, key, certificate, failure);
}

bool authority_issue(struct authority *authority, const struct certificate_order *order,
                     struct issued *issued, struct failure *failure)
{
    *issued = (struct issued){.certificate = NULL};
    const struct certificate_issuer issuer = {.certificate = authority->certificate,
                                              .key = read_key(authority, failure)};
    EVP_PKEY *key = issuer.key == NULL ? NULL : certificate_make_key(failure);
    X509 *certificate = key == NULL ? NULL : certificate_make(order, key, &issuer, failure);
    bool done =
        certificate != NULL && hand_out(authority, order, key, certificate, issued, failure);
    X509_free(certificate);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer.key);
    return done;
}

bool authority_revoke(struct authority *authority, const STACK_OF(X509) * certificates,
                      int64_t now_s, struct failure *failure)
{
    const struct certificate_issuer issuer = {.certificate = authority->certificate,
                                              .key = read_key(authority, failure)};
    X509_CRL *list = issuer.key == NULL ? NULL
                                        : revocation_make(&issuer, authority->revoked, certificates,
                                                          now_s, failure);
    EVP_PKEY_free(issuer.key);
    if (list == NULL || !write_list(&authority->directory, list, failure)) {
        X509_CRL_free(list);
        return false;
    }
    X509_CRL_free(authority->revoked);
    authority->revoked = list;
    return true;
}
