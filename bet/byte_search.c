/*
 * byte_search.c - see byte_search.h.
 *
 * Compares three of the needle's bytes - the first, one in the middle, the
 * last - with a block of places at once, and looks closer only where all of them
 * agree. Counts in many counters of a byte each, added up before any can
 * overflow. The loops stand in byte_search_lanes.h, once for every width of
 * vectors: sixteen bytes, which every processor can do, and thirty-two where
 * an x86 processor says that it has AVX2. Pure; any process may call.
 */
#include "bet/byte_search.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 128, COUNTER_MAX = 255 };

#define LANES       16
#define LANED(name) name##_16
#define TARGET
#include "bet/byte_search_lanes.h"

const char *byte_search_portable(const char *text, size_t bytes, const char *needle,
                                 size_t needle_bytes)
{
    return search_16(text, bytes, needle, needle_bytes);
}

size_t byte_count_portable(const char *text, size_t bytes, char byte)
{
    return count_16(text, bytes, byte);
}

#ifdef __x86_64__

#define LANES       32
#define LANED(name) name##_32
#define TARGET      __attribute__((target("avx2")))
#include "bet/byte_search_lanes.h"

const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes)
{
    return __builtin_cpu_supports("avx2") ? search_32(text, bytes, needle, needle_bytes)
                                          : search_16(text, bytes, needle, needle_bytes);
}

size_t byte_count(const char *text, size_t bytes, char byte)
{
    return __builtin_cpu_supports("avx2") ? count_32(text, bytes, byte)
                                          : count_16(text, bytes, byte);
}

#else

const char *byte_search(const char *text, size_t bytes, const char *needle, size_t needle_bytes)
{
    return byte_search_portable(text, bytes, needle, needle_bytes);
}

size_t byte_count(const char *text, size_t bytes, char byte)
{
    return byte_count_portable(text, bytes, byte);
}

#endif
