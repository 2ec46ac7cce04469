/*
 * checksum.c - see checksum.h.
 *
 * 2^64 is 59 more than the modulus, so a word that moves one place to the left is
 * multiplied by 59. A block of eight words is the sum of its words times small powers of
 * 59, and most of these products can be computed in parallel. Nothing overflows 128 bits,
 * because 59^8 is below 2^48.
 *
 * Of many bytes, several parts are summed at once, because a sum that waits for the one before it
 * leaves the processor idle: two halves in plain C, and four quarters with AVX2, where one
 * instruction multiplies four halves of words.
 */
#include "lib/checksum.h"

#include <endian.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum {
    WORD_BITS = 64,
    BYTE_VALUES = 256,
    /* Of fewer bytes, joining the parts takes longer than it saves. */
    HALVES_BYTES_MIN = 8192,
    QUARTERS_BYTES_MIN = 1024
};

#define WORD_BYTES  sizeof(uint64_t)
#define BLOCK_BYTES (8 * WORD_BYTES)

/* 2^64 modulo CHECKSUM_MODULUS, and its powers. */
#define OVERFLOW UINT64_C(59)

static const uint64_t overflow_2 = OVERFLOW * OVERFLOW;
static const uint64_t overflow_3 = OVERFLOW * OVERFLOW * OVERFLOW;
static const uint64_t overflow_4 = OVERFLOW * OVERFLOW * OVERFLOW * OVERFLOW;

/* Returns a number below 2^64 that is congruent to `value`; it may exceed the modulus. */
static inline uint64_t fold(wide value)
{
    value = (wide)(uint64_t)value + (wide)(uint64_t)(value >> WORD_BITS) * OVERFLOW;
    value = (wide)(uint64_t)value + (wide)(uint64_t)(value >> WORD_BITS) * OVERFLOW;
    uint64_t low = (uint64_t)value;
    return (uint64_t)(value >> WORD_BITS) != 0 ? low + OVERFLOW : low;
}

static inline uint64_t reduce(uint64_t value)
{
    return value >= CHECKSUM_MODULUS ? value - CHECKSUM_MODULUS : value;
}

/* The word number `index` from here on. */
static inline wide word_at(const char *bytes, size_t index)
{
    uint64_t word = 0;
    memcpy(&word, bytes + index * WORD_BYTES, sizeof word);
    return be64toh(word);
}

/* Four words, one after the other. The result is below 2^64 * (59^3 + 59^2 + 59 + 1). */
static inline wide four_words_at(const char *bytes, size_t index)
{
    return word_at(bytes, index) * overflow_3 + word_at(bytes, index + 1) * overflow_2 +
           word_at(bytes, index + 2) * OVERFLOW + word_at(bytes, index + 3);
}

/* The sum of some bytes followed by a block, below 2^64. `sum` waits for one multiplication only. */
static inline uint64_t add_block(uint64_t sum, const char *block)
{
    const wide words = four_words_at(block, 0) * overflow_4 + four_words_at(block, 4);
    const uint64_t overflow_8 = overflow_4 * overflow_4;
    return fold((wide)sum * overflow_8 + words);
}

/* Two halves at once. The bytes are an even number of blocks. */
static uint64_t add_halves(uint64_t sum, const char *bytes, size_t count)
{
    const size_t half = count / 2;
    uint64_t second = CHECKSUM_EMPTY;
    for (size_t at = 0; at < half; at += BLOCK_BYTES) {
        sum = add_block(sum, bytes + at);
        second = add_block(second, bytes + half + at);
    }
    return checksum_join(sum, second, checksum_factor(half));
}

/* One block after the other, and then words and bytes. */
static uint64_t add_rest(uint64_t sum, const char *at, size_t count)
{
    for (; count >= BLOCK_BYTES; count -= BLOCK_BYTES) {
        sum = add_block(sum, at);
        at += BLOCK_BYTES;
    }
    for (; count >= WORD_BYTES; count -= WORD_BYTES) {
        sum = fold((wide)sum * OVERFLOW + word_at(at, 0));
        at += WORD_BYTES;
    }
    for (; count > 0; count--) {
        sum = fold((wide)sum * BYTE_VALUES + (unsigned char)*at++);
    }
    return reduce(sum);
}

uint64_t checksum_extend_portable(uint64_t checksum, const void *bytes, size_t count)
{
    const char *at = bytes;
    const size_t halves = count < HALVES_BYTES_MIN ? 0 : count - count % (2 * BLOCK_BYTES);
    const uint64_t sum = halves == 0 ? checksum : add_halves(checksum, at, halves);
    return add_rest(sum, at + halves, count - halves);
}

#ifdef __x86_64__

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum { HALF_BITS = 32, QUARTERS = 4, STEP_BYTES = 4 * WORD_BYTES /* of each quarter */ };

/*
 * The sums of two quarters, each in half of the vector: two numbers of 64 bits, of which the second
 * one counts 2^32 times.
 */
typedef __m256i sums_of_two;

/*
 * Two words of each of two quarters. In each half of the result stand the lower 32 bits of the first
 * word and of the second one, and then their higher 32 bits.
 */
AVX2 static inline __m256i two_words_of_two(const char *first, const char *second)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(7, 6, 5, 4, 15, 14, 13, 12, 3, 2, 1, 0, 11, 10, 9, 8));
    __m128i words[2];
    memcpy(&words[0], first, sizeof words[0]);
    memcpy(&words[1], second, sizeof words[1]);
    return _mm256_shuffle_epi8(_mm256_set_m128i(words[1], words[0]), order);
}

/* The first of the two words times `factor`, which is below 2^32. */
AVX2 static inline sums_of_two first_word_times(__m256i words, uint64_t factor)
{
    return _mm256_mul_epu32(words, _mm256_set1_epi64x((int64_t)factor));
}

/* The second of them, from where a multiplication takes it. */
AVX2 static inline __m256i second_word(__m256i words)
{
    return _mm256_srli_epi64(words, HALF_BITS);
}

/*
 * The sums times 59^4. The upper half of a sum's second number counts 2^64 times, which is 59; so
 * its factor is 59^5, the largest power below 2^32. The results are below 1.02 * 2^32 * 59^5, with
 * room for four words in 64 bits.
 */
AVX2 static inline sums_of_two shift_four_words(sums_of_two sums)
{
    const uint64_t overflow_5 = overflow_4 * OVERFLOW;
    const __m256i factors = _mm256_set_epi64x((int64_t)overflow_4, (int64_t)overflow_5,
                                              (int64_t)overflow_4, (int64_t)overflow_5);
    const __m256i upper_halves = _mm256_shuffle_epi32(sums, _MM_SHUFFLE(1, 1, 3, 3)); /* crossed */
    return _mm256_add_epi64(first_word_times(sums, overflow_4),
                            _mm256_mul_epu32(upper_halves, factors));
}

/* The sums of two quarters followed by four words of each. */
AVX2 static inline sums_of_two add_four_words(sums_of_two sums, const char *first,
                                              const char *second)
{
    const size_t next = 2 * WORD_BYTES;
    const __m256i words = two_words_of_two(first, second);
    const __m256i more = two_words_of_two(first + next, second + next);
    const __m256i upper = _mm256_add_epi64(first_word_times(words, overflow_3),
                                           first_word_times(second_word(words), overflow_2));
    const __m256i lower = _mm256_add_epi64(first_word_times(more, OVERFLOW), second_word(more));
    return _mm256_add_epi64(shift_four_words(sums), _mm256_add_epi64(upper, lower));
}

/* Four quarters at once. The bytes are a multiple of QUARTERS * STEP_BYTES. */
AVX2 static uint64_t add_quarters(uint64_t sum, const char *bytes, size_t count)
{
    const size_t quarter = count / QUARTERS;
    const uint64_t factor = checksum_factor(quarter);
    const char *third = bytes + 2 * quarter;
    sums_of_two sums[QUARTERS / 2] = {
        _mm256_set_epi64x(0, 0, (int64_t)(sum >> HALF_BITS), (int64_t)(uint32_t)sum),
        _mm256_setzero_si256()};
    uint64_t numbers[2 * QUARTERS];
    for (size_t at = 0; at < quarter; at += STEP_BYTES) {
        sums[0] = add_four_words(sums[0], bytes + at, bytes + quarter + at);
        sums[1] = add_four_words(sums[1], third + at, third + quarter + at);
    }
    memcpy(numbers, sums, sizeof numbers);
    sum = CHECKSUM_EMPTY;
    for (size_t i = 0; i < (size_t)2 * QUARTERS; i += 2) {
        sum = checksum_join(sum, fold(numbers[i] + ((wide)numbers[i + 1] << HALF_BITS)), factor);
    }
    return sum;
}

uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count)
{
    if (count < QUARTERS_BYTES_MIN || !__builtin_cpu_supports("avx2")) {
        return checksum_extend_portable(checksum, bytes, count);
    }
    const char *at = bytes;
    const size_t quarters = count - count % ((size_t)QUARTERS * STEP_BYTES);
    return add_rest(add_quarters(checksum, at, quarters), at + quarters, count - quarters);
}

#else

uint64_t checksum_extend(uint64_t checksum, const void *bytes, size_t count)
{
    return checksum_extend_portable(checksum, bytes, count);
}

#endif

uint64_t checksum_factor(uint64_t count)
{
    uint64_t factor = 1;
    for (uint64_t power = BYTE_VALUES; count > 0; count >>= 1) {
        if (count & 1) {
            factor = fold((wide)factor * power);
        }
        power = fold((wide)power * power);
    }
    return reduce(factor);
}

uint64_t checksum_join(uint64_t first, uint64_t second, uint64_t second_factor)
{
    return reduce(fold((wide)first * second_factor + second));
}
