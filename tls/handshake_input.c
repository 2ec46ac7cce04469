/*
 * handshake_input.c - see handshake_input.h.
 */
#include "tls/handshake_input.h"

#include <string.h>

enum {
    BLANKS = 64,
    HASH_BYTES_SHA256 = 32,
    HASH_BYTES_SHA384 = 48,
    RANDOMS_BYTES = 64,
    PARAMETERS_BYTES = 4, /* kind of curve, its number in two bytes, length of the point */
    NAMED_CURVE = 3,
    BYTE_BITS = 8
};

static const char context[] = "TLS 1.3, server CertificateVerify"; /* with the zero byte after it */

struct named_curve {
    unsigned number; /* RFC 8446, 4.2.7 */
    size_t point_bytes;
};

static const struct named_curve named_curves[] = {
    {23, 65}, {24, 97}, {25, 133}, {29, 32}, {30, 56},
};

bool handshake_input_is_tls13(const unsigned char *input, size_t bytes)
{
    const size_t before_hash = BLANKS + sizeof context;
    if (bytes != before_hash + HASH_BYTES_SHA256 && bytes != before_hash + HASH_BYTES_SHA384) {
        return false;
    }
    for (size_t i = 0; i < BLANKS; i++) {
        if (input[i] != ' ') {
            return false;
        }
    }
    return memcmp(input + BLANKS, context, sizeof context) == 0;
}

bool handshake_input_is_tls12(const unsigned char *input, size_t bytes)
{
    if (bytes < RANDOMS_BYTES + PARAMETERS_BYTES || input[RANDOMS_BYTES] != NAMED_CURVE) {
        return false;
    }
    const unsigned char *parameters = input + RANDOMS_BYTES;
    unsigned number = (unsigned)parameters[1] << BYTE_BITS | parameters[2];
    size_t point_bytes = parameters[3];
    for (size_t i = 0; i < sizeof named_curves / sizeof named_curves[0]; i++) {
        if (named_curves[i].number == number) {
            return named_curves[i].point_bytes == point_bytes &&
                   bytes == RANDOMS_BYTES + PARAMETERS_BYTES + point_bytes;
        }
    }
    return false;
}
