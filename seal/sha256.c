/*
 * sha256.c - see sha256.h.
 */
#include "seal/sha256.h"

#include "lib/log.h"

#include <openssl/evp.h>
#include <string.h>

enum { NIBBLE_BITS = 4, NIBBLE_MAX = 15 };

bool sha256_open(struct sha256 *sha256)
{
    sha256->context = EVP_MD_CTX_new();
    if (sha256->context == NULL || EVP_DigestInit_ex(sha256->context, EVP_sha256(), NULL) != 1) {
        sha256_close(sha256);
        return false;
    }
    return true;
}

void sha256_close(struct sha256 *sha256)
{
    EVP_MD_CTX_free(sha256->context);
    sha256->context = NULL;
}

/* Without a digest's name, libcrypto takes the context's last one and looks nothing up. */
void sha256_begin(struct sha256 *sha256)
{
    int begun = EVP_DigestInit_ex(sha256->context, NULL, NULL);
    invariant(begun == 1, "EVP_DigestInit_ex returned %d", begun);
}

void sha256_extend(struct sha256 *sha256, const void *bytes, size_t count)
{
    int extended = EVP_DigestUpdate(sha256->context, bytes, count);
    invariant(extended == 1, "EVP_DigestUpdate of %zu bytes returned %d", count, extended);
}

void sha256_end(struct sha256 *sha256, struct sha256_digest *digest)
{
    int ended = EVP_DigestFinal_ex(sha256->context, digest->bytes, NULL);
    invariant(ended == 1, "EVP_DigestFinal_ex returned %d", ended);
}

bool sha256_of(const void *bytes, size_t count, struct sha256_digest *digest)
{
    struct sha256 sha256;
    if (!sha256_open(&sha256)) {
        return false;
    }
    sha256_extend(&sha256, bytes, count);
    sha256_end(&sha256, digest);
    sha256_close(&sha256);
    return true;
}

bool sha256_equal(const struct sha256_digest *one, const struct sha256_digest *other)
{
    return memcmp(one->bytes, other->bytes, SHA256_BYTES) == 0;
}

/* ------------------------------------------------------------------ text ---- */

static const char digits[] = "0123456789abcdef";

const char *sha256_write(char text[SHA256_DIGITS + 1], const struct sha256_digest *digest)
{
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        text[2 * i] = digits[digest->bytes[i] >> NIBBLE_BITS];
        text[2 * i + 1] = digits[digest->bytes[i] & NIBBLE_MAX];
    }
    text[SHA256_DIGITS] = '\0';
    return text;
}

bool sha256_parse(const char *text, struct sha256_digest *digest)
{
    if (strspn(text, digits) != SHA256_DIGITS || text[SHA256_DIGITS] != '\0') {
        return false;
    }
    for (size_t i = 0; i < SHA256_BYTES; i++) {
        ptrdiff_t high = strchr(digits, text[2 * i]) - digits;
        ptrdiff_t low = strchr(digits, text[2 * i + 1]) - digits;
        digest->bytes[i] = (unsigned char)(high << NIBBLE_BITS | low);
    }
    return true;
}
