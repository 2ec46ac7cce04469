/*
 * sha256.h - SHA-256 (FIPS 180-4) by OpenSSL's libcrypto.
 *
 * The tree over the rows takes two digests a row. So a context is made once and used again for
 * any number of digests; beginning one allocates nothing. libcrypto's calls fail only where
 * there is no memory for a context, or a context is misused: opening one can fail, and any
 * later failure is a broken invariant.
 *
 * A context belongs to one thread at a time. Any process may call.
 */
#ifndef SEAL_SHA256_H
#define SEAL_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_DIGITS = 64 };

struct sha256_digest {
    unsigned char bytes[SHA256_BYTES];
};

/* libcrypto's EVP_MD_CTX, so that no header of ours needs its headers. */
struct sha256 {
    struct evp_md_ctx_st *context; /* owned; NULL: not open */
};

/* Makes a context and begins a digest. False when there is no memory. */
bool sha256_open(struct sha256 *sha256);

/* Frees the context. One that is not open (zeroed) stays so. */
void sha256_close(struct sha256 *sha256);

/* Begins another digest, whatever became of the last one. */
void sha256_begin(struct sha256 *sha256);

/* Adds bytes to the digest that was begun. */
void sha256_extend(struct sha256 *sha256, const void *bytes, size_t count);

/* Ends the digest. The next call has to be sha256_begin or sha256_close. */
void sha256_end(struct sha256 *sha256, struct sha256_digest *digest);

/* The digest of these bytes. False when there is no memory for a context. */
bool sha256_of(const void *bytes, size_t count, struct sha256_digest *digest);

bool sha256_equal(const struct sha256_digest *one, const struct sha256_digest *other);

/* Writes the digest as 64 lower-case hexadecimal digits, terminated. Returns `text`. */
const char *sha256_write(char text[SHA256_DIGITS + 1], const struct sha256_digest *digest);

/* Reads what sha256_write writes, and nothing else; `text` is terminated. */
bool sha256_parse(const char *text, struct sha256_digest *digest);

#endif
