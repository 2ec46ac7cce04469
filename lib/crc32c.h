/*
 * crc32c.h - CRC-32C (Castagnoli, RFC 3720 B.4), the checksum that other systems compute as well.
 *
 * What leaves this machine has it, so that whoever reads a record in another language can check it
 * by a library; what stays has the checksum of checksum.h. It finds accidents, not forgeries.
 *
 * Pure functions; any process may call them.
 */
#ifndef LIB_CRC32C_H
#define LIB_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of no bytes. */
#define CRC32C_EMPTY UINT32_C(0)

/* How it is written wherever it is text: 8 lower-case hexadecimal digits. */
#define CRC32C_FORMAT "%08" PRIx32
enum { CRC32C_DIGITS = 8 };

/*
 * Returns the CRC of some bytes followed by the `count` bytes at `bytes`. `crc` is that of the former;
 * CRC32C_EMPTY where there are none.
 */
uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t count);

/* The same, as processors without SSE 4.2 compute it, for tests on those that have it. */
uint32_t crc32c_extend_portable(uint32_t crc, const void *bytes, size_t count);

#endif
