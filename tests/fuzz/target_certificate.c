/*
 * target_certificate.c - agency_names_of and its neighbours, on any bytes.
 *
 * Promises: a certificate that names agencies names them by the prefix, by digits, `-` and `,`
 * alone, and never `any`; its agencies written and read again are the same; a certificate that is
 * refused names nobody, and a reason is told; a serial number is written as tls_context_has_revoked
 * reads it.
 *
 * The input is a certificate in DER. One that begins with 'U' is no certificate but a URI of one,
 * so that names are reached without a certificate around them.
 */
#include "tests/fuzz/fuzz.h"
#include "tls/agency_names.h"
#include "tls/tls_context.h"

enum { URI_TAG = 'U' };

/* The agencies, written and read again, are the same. */
static void check_agencies(const struct agency_set *agencies)
{
    char text[2 * AGENCY_NAMES_BYTES];
    char again[2 * AGENCY_NAMES_BYTES];
    struct agency_set second;
    struct failure failure;
    FUZZ_EXPECT(!agencies->any && agencies->count > 0);
    FUZZ_EXPECT(agency_set_write(agencies, text, sizeof text) < sizeof text);
    FUZZ_EXPECT(strspn(text, "0123456789-,") == strlen(text));
    FUZZ_EXPECT(agency_set_parse(text, "", &second, &failure));
    FUZZ_EXPECT(agency_set_write(&second, again, sizeof again) < sizeof again);
    FUZZ_EXPECT(strcmp(text, again) == 0);
}

static void check_uri(const char *uri, size_t bytes)
{
    char lists[AGENCY_NAMES_BYTES] = "";
    bool is_ours = false;
    struct failure failure = {.text = ""};
    struct agency_set agencies;
    const size_t prefix_bytes = strlen(AGENCY_NAME_PREFIX);
    bool taken = agency_names_take_uri(uri, bytes, lists, &is_ours, &failure);
    FUZZ_EXPECT(taken == (failure.text[0] == '\0'));
    FUZZ_EXPECT(is_ours ==
                (bytes >= prefix_bytes && memcmp(uri, AGENCY_NAME_PREFIX, prefix_bytes) == 0));
    FUZZ_EXPECT(taken || lists[0] == '\0');
    if (taken && is_ours) {
        FUZZ_EXPECT(strlen(lists) == bytes - prefix_bytes);
        if (agency_set_parse(lists, "", &agencies, &failure)) {
            check_agencies(&agencies);
        }
    }
}

static void check_certificate(X509 *certificate)
{
    struct agency_set agencies;
    struct failure failure = {.text = ""};
    char serial[TLS_SERIAL_BYTES];
    bool named = agency_names_of(certificate, &agencies, &failure);
    FUZZ_EXPECT(named == (failure.text[0] == '\0'));
    if (named) {
        check_agencies(&agencies);
    } else {
        FUZZ_EXPECT(agencies.count == 0 && !agencies.any);
    }
    tls_write_serial(certificate, serial);
    FUZZ_EXPECT(strspn(serial, "-0123456789ABCDEF") == strlen(serial));
    (void)tls_time_s(X509_get0_notAfter(certificate));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes > 0 && data[0] == URI_TAG) {
        char *uri = fuzz_copy(data + 1, bytes - 1);
        check_uri(uri, bytes - 1);
        free(uri);
        return 0;
    }
    const unsigned char *at = data;
    X509 *certificate = d2i_X509(NULL, &at, (long)bytes);
    if (certificate != NULL) {
        check_certificate(certificate);
        X509_free(certificate);
    }
    (void)tls_error_text();
    return 0;
}
