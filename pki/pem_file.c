/*
 * pem_file.c - see pem_file.h.
 */
#include "pki/pem_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <unistd.h>

/* --------------------------------------------------------------- writing ---- */

/* Ends what a function below has begun: `written` says whether libcrypto wrote. */
static bool finish(struct pem_text *text, bool written, struct failure *failure)
{
    char *bytes = NULL;
    long count = written ? BIO_get_mem_data(text->memory, &bytes) : 0;
    if (count <= 0) {
        pem_text_free(text);
        return failure_set(failure, "libcrypto writes no PEM");
    }
    text->bytes = bytes;
    text->count = (size_t)count;
    return true;
}

bool pem_text_of_key(EVP_PKEY *key, struct pem_text *text, struct failure *failure)
{
    *text = (struct pem_text){.memory = BIO_new(BIO_s_secmem())};
    return finish(text,
                  text->memory != NULL && PEM_write_bio_PKCS8PrivateKey(text->memory, key, NULL,
                                                                        NULL, 0, NULL, NULL) == 1,
                  failure);
}

bool pem_text_of_certificate(X509 *certificate, struct pem_text *text, struct failure *failure)
{
    *text = (struct pem_text){.memory = BIO_new(BIO_s_mem())};
    return finish(text, text->memory != NULL && PEM_write_bio_X509(text->memory, certificate) == 1,
                  failure);
}

bool pem_text_of_list(X509_CRL *list, struct pem_text *text, struct failure *failure)
{
    *text = (struct pem_text){.memory = BIO_new(BIO_s_mem())};
    return finish(text, text->memory != NULL && PEM_write_bio_X509_CRL(text->memory, list) == 1,
                  failure);
}

void pem_text_free(struct pem_text *text)
{
    BIO_free(text->memory);
    *text = (struct pem_text){.memory = NULL};
}

/* --------------------------------------------------------------- reading ---- */

static FILE *open_file(const struct data_directory *directory, const char *name,
                       struct failure *failure)
{
    int descriptor = data_directory_open_file(directory, name, O_RDONLY, failure);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "r");
    if (file == NULL && descriptor >= 0) {
        failure_set_errno(failure, "open %s/%s", directory->path, name);
        (void)close(descriptor);
    }
    return file;
}

/* Closes the file, and complains where nothing was read from it. */
static void finish_reading(FILE *file, const void *object, const struct data_directory *directory,
                           const char *name, const char *kind, struct failure *failure)
{
    (void)fclose(file);
    if (object == NULL) {
        errno = EINVAL;
        failure_set(failure, "%s/%s holds no %s in PEM", directory->path, name, kind);
    }
}

EVP_PKEY *pem_file_read_key(const struct data_directory *directory, const char *name,
                            struct failure *failure)
{
    char no_passphrase[] = "";
    FILE *file = open_file(directory, name, failure);
    if (file == NULL) {
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, no_passphrase);
    finish_reading(file, key, directory, name, "private key without a passphrase", failure);
    return key;
}

X509 *pem_file_read_certificate(const struct data_directory *directory, const char *name,
                                struct failure *failure)
{
    char no_passphrase[] = "";
    FILE *file = open_file(directory, name, failure);
    if (file == NULL) {
        return NULL;
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, no_passphrase);
    finish_reading(file, certificate, directory, name, "certificate", failure);
    return certificate;
}

X509_CRL *pem_file_read_list(const struct data_directory *directory, const char *name,
                             struct failure *failure)
{
    char no_passphrase[] = "";
    FILE *file = open_file(directory, name, failure);
    if (file == NULL) {
        return NULL;
    }
    X509_CRL *list = PEM_read_X509_CRL(file, NULL, NULL, no_passphrase);
    finish_reading(file, list, directory, name, "revocation list", failure);
    return list;
}
