/*
 * issued.c - see issued.h.
 */
#include "pki/issued.h"

#include "pki/key_pair.h"
#include "pki/pem_file.h"
#include "pki/revocation.h"
#include "store/whole_file.h"
#include "tls/agency_names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 16, IPV4_BYTES = 4, IPV6_BYTES = 16 };

/* ------------------------------------------------- what a certificate says ---- */

/* Appends, and cuts what does not fit. */
static void append(char who[ISSUED_WHO_BYTES], const char *text, int bytes)
{
    size_t used = strlen(who);
    (void)snprintf(who + used, ISSUED_WHO_BYTES - used, "%s%.*s", used == 0 ? "" : " ", bytes,
                   text);
}

static void append_name(char who[ISSUED_WHO_BYTES], const GENERAL_NAME *name)
{
    char address[INET6_ADDRSTRLEN] = "?";
    if (name->type == GEN_DNS) {
        append(who, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
               ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
        const int bytes = ASN1_STRING_length(name->d.iPAddress);
        const unsigned char *digits = ASN1_STRING_get0_data(name->d.iPAddress);
        if (bytes == IPV4_BYTES || bytes == IPV6_BYTES) {
            (void)inet_ntop(bytes == IPV4_BYTES ? AF_INET : AF_INET6, digits, address,
                            sizeof address);
        }
        append(who, address, sizeof address);
    }
}

static void describe_server(X509 *certificate, char who[ISSUED_WHO_BYTES])
{
    (void)snprintf(who, ISSUED_WHO_BYTES, "server");
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) { /* -1 of NULL */
        append_name(who, sk_GENERAL_NAME_value(names, i));
    }
    GENERAL_NAMES_free(names);
}

static void describe_agency(const struct agency_set *agencies, char who[ISSUED_WHO_BYTES])
{
    char text[AGENCY_NAMES_BYTES];
    (void)agency_set_write(agencies, text, sizeof text);
    (void)snprintf(who, ISSUED_WHO_BYTES, "%s %s",
                   agency_set_size(agencies) == 1 ? "agency" : "gateway", text);
}

/* Fills in all but `is_revoked`. Returns false with the failure where it speaks for nobody. */
static bool describe(X509 *certificate, struct issued *issued, struct failure *failure)
{
    *issued =
        (struct issued){.certificate = certificate,
                        .kind = X509_check_ca(certificate) != 0 ? CERTIFICATE_AUTHORITY
                                : (X509_get_extended_key_usage(certificate) & XKU_SSL_CLIENT) != 0
                                    ? CERTIFICATE_AGENCY
                                    : CERTIFICATE_SERVER,
                        .from_s = tls_time_s(X509_get0_notBefore(certificate)),
                        .until_s = tls_time_s(X509_get0_notAfter(certificate))};
    tls_write_serial(certificate, issued->serial);
    switch (issued->kind) {
    case CERTIFICATE_AUTHORITY:
        (void)snprintf(issued->who, ISSUED_WHO_BYTES, "authority");
        break;
    case CERTIFICATE_SERVER:
        describe_server(certificate, issued->who);
        break;
    case CERTIFICATE_AGENCY:
        if (!agency_names_of(certificate, &issued->agencies, failure)) {
            return false;
        }
        describe_agency(&issued->agencies, issued->who);
        break;
    }
    return true;
}

/* --------------------------------------------------------------- reading ---- */

/* Takes the certificate over. False with the failure when there is no memory, or it is nobody's. */
static bool add(struct issued_list *list, X509 *certificate, X509_CRL *revoked,
                struct failure *failure)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? FIRST_CAPACITY : 2 * list->capacity;
        struct issued *entries = realloc(list->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            X509_free(certificate);
            return failure_set_errno(failure, "list %zu certificates", capacity);
        }
        list->entries = entries;
        list->capacity = capacity;
    }
    struct issued *issued = &list->entries[list->count];
    if (!describe(certificate, issued, failure)) {
        X509_free(certificate);
        return false;
    }
    issued->is_revoked = revocation_has(revoked, certificate);
    list->count++;
    return true;
}

static X509 *read_own(const struct data_directory *directory, const char *name, X509 *authority,
                      struct failure *failure)
{
    X509 *certificate = pem_file_read_certificate(directory, name, failure);
    if (certificate != NULL && X509_verify(certificate, X509_get0_pubkey(authority)) != 1) {
        failure_set(failure, "%s/%s was signed by another authority", directory->path, name);
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Reads one file of issued/; a name of another kind, as of an unfinished file, is none. */
static void read_file(const struct data_directory *directory, const char *name, X509 *authority,
                      X509_CRL *revoked, struct issued_list *list)
{
    struct failure failure;
    const char *suffix = strrchr(name, '.');
    if (name[0] == '.' || suffix == NULL || strcmp(suffix, CERTIFICATE_SUFFIX) != 0) {
        return;
    }
    X509 *certificate = read_own(directory, name, authority, &failure);
    if (certificate == NULL || !add(list, certificate, revoked, &failure)) {
        list->first_unread = list->unread == 0 ? failure : list->first_unread;
        list->unread++;
    }
}

static int compare_ends(const void *left, const void *right)
{
    const struct issued *first = left;
    const struct issued *second = right;
    return first->until_s != second->until_s ? (first->until_s > second->until_s ? 1 : -1)
                                             : strcmp(first->serial, second->serial);
}

bool issued_read(const struct data_directory *directory, X509 *authority, X509_CRL *revoked,
                 struct issued_list *list, struct failure *failure)
{
    *list = (struct issued_list){.entries = NULL};
    if (X509_up_ref(authority) != 1 || !add(list, authority, revoked, failure)) {
        return false;
    }
    int descriptor = openat(directory->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (files == NULL) {
        failure_set_errno(failure, "read directory %s", directory->path);
        if (descriptor >= 0) {
            (void)close(descriptor);
        }
        return false;
    }
    const struct dirent *entry = NULL;
    while ((entry = readdir(files)) != NULL) {
        read_file(directory, entry->d_name, authority, revoked, list);
    }
    (void)closedir(files);
    qsort(list->entries, list->count, sizeof *list->entries, compare_ends);
    return true;
}

void issued_close(struct issued_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        X509_free(list->entries[i].certificate);
    }
    free(list->entries);
    *list = (struct issued_list){.entries = NULL};
}

/* --------------------------------------------------------- writing, finding ---- */

bool issued_write(const struct data_directory *directory, X509 *certificate,
                  struct failure *failure)
{
    char serial[TLS_SERIAL_BYTES];
    char name[sizeof serial + sizeof CERTIFICATE_SUFFIX];
    struct pem_text text;
    bool synced = false;
    tls_write_serial(certificate, serial);
    (void)snprintf(name, sizeof name, "%s" CERTIFICATE_SUFFIX, serial);
    if (!pem_text_of_certificate(certificate, &text, failure)) {
        return false;
    }
    bool written = whole_file_write(directory, name, text.bytes, text.count, &synced, failure);
    pem_text_free(&text);
    return written;
}

static bool is_same_serial(const char *serial, const char *wanted)
{
    for (; *serial != '\0'; serial++, wanted++) {
        wanted += strspn(wanted, ":");
        if (toupper((unsigned char)*wanted) != *serial) {
            return false;
        }
    }
    return *wanted == '\0';
}

const struct issued *issued_find(const struct issued_list *list, const char *serial)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_same_serial(list->entries[i].serial, serial)) {
            return &list->entries[i];
        }
    }
    return NULL;
}
