/*
 * byte_search.c - see byte_search.h.
 *
 * A search compares three bytes of the needle (the first, a middle one, the last)
 * with a block of places at once, and compares all of them only where these three
 * agree. A count uses many counters of one byte each, which are added up before any
 * can overflow. byte_search_lanes.h holds the loops. They are compiled for vectors of
 * sixteen bytes, which every processor has, and of thirty-two for AVX2.
 */
#include "lib/byte_search.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 128, COUNTER_MAX = 255 };

#define LANES       16
#define LANED(name) name##_16
#define TARGET
#include "lib/byte_search_lanes.h"

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
#include "lib/byte_search_lanes.h"

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
