/*
 * key_pair.c - see key_pair.h.
 */
#include "pki/key_pair.h"

#include "pki/pem_file.h"
#include "store/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNFINISHED_SUFFIX ".tmp"

/* The names of one file of a pair: unfinished, and in place. */
struct file_names {
    char unfinished[NAME_MAX + 1], finished[NAME_MAX + 1];
};

static bool name_files(const char *name, const char *suffix, struct file_names *names,
                       struct failure *failure)
{
    int bytes = snprintf(names->unfinished, sizeof names->unfinished, "%s%s" UNFINISHED_SUFFIX,
                         name, suffix);
    if (bytes < 0 || (size_t)bytes >= sizeof names->unfinished) {
        return failure_set(failure, "%s%s is too long for a file's name", name, suffix);
    }
    (void)snprintf(names->finished, sizeof names->finished, "%s%s", name, suffix);
    return true;
}

/* --------------------------------------------------------------- writing ---- */

static bool write_unfinished(const struct data_directory *directory, const char *name,
                             const struct pem_text *text, struct failure *failure)
{
    int file = data_directory_open_file(directory, name, O_WRONLY | O_CREAT | O_TRUNC, failure);
    if (file < 0) {
        return false;
    }
    bool written = (file_write_all(file, text->bytes, text->count, 0) && file_sync(file)) ||
                   failure_set_errno(failure, "write %s/%s", directory->path, name);
    (void)close(file);
    return written;
}

static bool put_into_place(const struct data_directory *directory, const struct file_names *names,
                           struct failure *failure)
{
    if (renameat(directory->descriptor, names->unfinished, directory->descriptor,
                 names->finished) != 0) {
        return failure_set_errno(failure, "rename %s/%s to %s", directory->path, names->unfinished,
                                 names->finished);
    }
    return file_sync_directory(directory->descriptor, directory->path) ||
           failure_set_errno(failure, "sync %s", directory->path);
}

static bool write_key(const struct data_directory *directory, const char *name, EVP_PKEY *key,
                      struct failure *failure)
{
    struct pem_text text;
    if (!pem_text_of_key(key, &text, failure)) {
        return false;
    }
    bool written = write_unfinished(directory, name, &text, failure);
    pem_text_free(&text);
    return written;
}

static bool write_certificate(const struct data_directory *directory, const char *name,
                              X509 *certificate, struct failure *failure)
{
    struct pem_text text;
    if (!pem_text_of_certificate(certificate, &text, failure)) {
        return false;
    }
    bool written = write_unfinished(directory, name, &text, failure);
    pem_text_free(&text);
    return written;
}

/* After a failure the unfinished key goes: nobody will use it. */
bool key_pair_write(const struct data_directory *directory, const char *name, EVP_PKEY *key,
                    X509 *certificate, struct failure *failure)
{
    struct file_names key_names;
    struct file_names certificate_names;
    if (!name_files(name, KEY_SUFFIX, &key_names, failure) ||
        !name_files(name, CERTIFICATE_SUFFIX, &certificate_names, failure)) {
        return false;
    }
    if (!write_key(directory, key_names.unfinished, key, failure) ||
        !write_certificate(directory, certificate_names.unfinished, certificate, failure) ||
        !put_into_place(directory, &key_names, failure)) {
        (void)unlinkat(directory->descriptor, key_names.unfinished, 0);
        return false;
    }
    return put_into_place(directory, &certificate_names, failure);
}

/* --------------------------------------------------------------- mending ---- */

/* True when both files are there and whole, and belong together. */
static bool belong_together(const struct data_directory *directory, const char *key_name,
                            const char *certificate_name)
{
    struct failure ignored;
    EVP_PKEY *key = pem_file_read_key(directory, key_name, &ignored);
    X509 *certificate =
        key == NULL ? NULL : pem_file_read_certificate(directory, certificate_name, &ignored);
    bool belong = certificate != NULL && X509_check_private_key(certificate, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return belong;
}

/* Mends the pair whose unfinished certificate has this name; any other name is let alone. */
static bool mend_pair(const struct data_directory *directory, const char *unfinished,
                      struct failure *failure)
{
    static const char ending[] = CERTIFICATE_SUFFIX UNFINISHED_SUFFIX;
    char name[NAME_MAX + 1];
    struct file_names key_names;
    struct file_names certificate_names;
    size_t bytes = strlen(unfinished);
    if (bytes < sizeof ending || strcmp(unfinished + bytes - (sizeof ending - 1), ending) != 0) {
        return true;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(bytes - (sizeof ending - 1)), unfinished);
    if (!name_files(name, KEY_SUFFIX, &key_names, failure) ||
        !name_files(name, CERTIFICATE_SUFFIX, &certificate_names, failure)) {
        return false;
    }
    return !belong_together(directory, key_names.finished, certificate_names.unfinished) ||
           put_into_place(directory, &certificate_names, failure);
}

bool key_pair_mend(const struct data_directory *directory, struct failure *failure)
{
    int descriptor = openat(directory->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (entries == NULL) {
        failure_set_errno(failure, "read directory %s", directory->path);
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        return false;
    }
    bool mended = true;
    const struct dirent *entry = NULL;
    while (mended && (entry = readdir(entries)) != NULL) {
        mended = mend_pair(directory, entry->d_name, failure);
    }
    (void)closedir(entries);
    return mended;
}
