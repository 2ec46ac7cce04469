/*
 * agency_names.c - see agency_names.h.
 */
#include "tls/agency_names.h"

#include <openssl/x509v3.h>
#include <string.h>

static const char digits_and_signs[] = "0123456789-,";

bool agency_names_take_uri(const char *uri, size_t bytes, char lists[AGENCY_NAMES_BYTES],
                           bool *is_ours, struct failure *failure)
{
    const size_t prefix_bytes = sizeof AGENCY_NAME_PREFIX - 1;
    *is_ours = bytes >= prefix_bytes && memcmp(uri, AGENCY_NAME_PREFIX, prefix_bytes) == 0;
    if (!*is_ours) {
        return true;
    }
    const char *list = uri + prefix_bytes;
    size_t list_bytes = bytes - prefix_bytes;
    for (size_t i = 0; i < list_bytes; i++) { /* a NUL, too, is none of these */
        if (list[i] == '\0' || strchr(digits_and_signs, list[i]) == NULL) {
            return failure_set(failure,
                               "the name " AGENCY_NAME_PREFIX "... is no list of agencies");
        }
    }
    size_t used = strlen(lists);
    if (used + 1 + list_bytes >= AGENCY_NAMES_BYTES) {
        return failure_set(failure, "its lists of agencies have more than %d bytes",
                           AGENCY_NAMES_BYTES - 1);
    }
    if (used > 0) {
        lists[used++] = ',';
    }
    memcpy(lists + used, list, list_bytes);
    lists[used + list_bytes] = '\0';
    return true;
}

/* Gathers the lists of all URIs that are ours; *named says whether there is one. */
static bool gather(const GENERAL_NAMES *names, char lists[AGENCY_NAMES_BYTES], bool *named,
                   struct failure *failure)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        bool is_ours = false;
        if (name->type != GEN_URI) {
            continue;
        }
        const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
        if (!agency_names_take_uri((const char *)ASN1_STRING_get0_data(uri),
                                   (size_t)ASN1_STRING_length(uri), lists, &is_ours, failure)) {
            return false;
        }
        *named |= is_ours;
    }
    return true;
}

bool agency_names_of(const X509 *certificate, struct agency_set *agencies, struct failure *failure)
{
    char lists[AGENCY_NAMES_BYTES] = "";
    bool named = false;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    bool gathered = names == NULL || gather(names, lists, &named, failure);
    GENERAL_NAMES_free(names);
    *agencies = (struct agency_set){.count = 0};
    if (!gathered) {
        return false;
    }
    if (!named) {
        return failure_set(failure, "it names no agency (URI " AGENCY_NAME_PREFIX "N)");
    }
    if (!agency_set_parse(lists, AGENCY_NAME_PREFIX, agencies, failure)) {
        *agencies = (struct agency_set){.count = 0};
        return false;
    }
    return true;
}
