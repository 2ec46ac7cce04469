/*
 * checksum.h - one checksum for everything that is stored: 64 bits, and two of them can be joined.
 *
 * The checksum of some bytes is the number that they are, read as one big-endian
 * integer, modulo 2^64 - 59, the largest prime below 2^64. So anybody can compute it
 * without this program; in Python: int.from_bytes(data, "big") % (2**64 - 59).
 *
 * It finds every change of a single byte and every burst of up to 63 bits, and anything
 * else but for one case in 2^64. It does not see zero bytes put in front of the first one;
 * nothing that we store begins with a zero byte. It protects against accidents and
 * clumsy hands, not against somebody who computes it anew.
 *
 * Pure functions; any process may call them.
 */
#ifndef LIB_CHECKSUM_H
#define LIB_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_MODULUS UINT64_C(0xffffffffffffffc5) /* 2^64 - 59 */

/* The checksum of no bytes. */
#define CHECKSUM_EMPTY UINT64_C(0)

/* How a checksum is written wherever it is text: 16 lower-case hexadecimal digits. */
#define CHECKSUM_FORMAT "%016" PRIx64
enum { CHECKSUM_DIGITS = 16 };

/* The checksum of the bytes that `checksum` is of, followed by `count` more bytes. */
uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count);

/*
 * The factor by which `count` bytes shift what stands before them: 256^count modulo
 * CHECKSUM_MODULUS. Takes some dozens of multiplications, so it is computed outside locks.
 */
uint64_t checksum_factor(uint64_t count);

/*
 * The checksum of two pieces, one after the other, of which only the checksums are known;
 * `second_factor` is checksum_factor of the second one's length. One multiplication.
 */
uint64_t checksum_join(uint64_t first, uint64_t second, uint64_t second_factor);

#endif
