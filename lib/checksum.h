/*
 * checksum.h - the checksum of everything that is stored: 64 bits; two of them can be joined.
 *
 * The checksum of some bytes is the number that they are, read as one big-endian
 * integer, modulo 2^64 - 59, the largest prime below 2^64. So anybody can compute it
 * without this program; in Python: int.from_bytes(data, "big") % (2**64 - 59).
 *
 * It finds every change of a single byte and every burst of up to 63 bits. Of all other
 * changes it misses one in 2^64. It does not see zero bytes put in front of the first one;
 * nothing that we store begins with a zero byte. It protects against accidents, not
 * against somebody who changes the data and computes a new checksum.
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

/*
 * Returns the checksum of some bytes followed by the `count` bytes at `bytes`. `checksum` is
 * that of the former; CHECKSUM_EMPTY where there are none.
 */
uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count);

/* The same, as processors without AVX2 compute it, for tests on those that have it. */
uint64_t checksum_extend_portable(uint64_t checksum, const void *bytes, size_t count);

/*
 * Returns the factor by which `count` bytes shift what stands before them: 256^count modulo
 * CHECKSUM_MODULUS. It takes some dozens of multiplications: call it outside locks.
 */
uint64_t checksum_factor(uint64_t count);

/*
 * Returns the checksum of two pieces, one after the other, of which only the checksums are
 * known. `second_factor` is checksum_factor of the second one's length. It takes one
 * multiplication.
 */
uint64_t checksum_join(uint64_t first, uint64_t second, uint64_t second_factor);

#endif
