/*
 * fuzz.h - what the fuzz targets share.
 *
 * A target is a file target_NAME.c that defines LLVMFuzzerTestOneInput: it
 * takes any bytes, and aborts when what it tests breaks a promise. clang links
 * it with libFuzzer (fuzz.mk), test_replay_NAME.c includes it and gives it
 * every seed of corpus/NAME and every past find of findings/NAME, without
 * clang.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Aborts with the place when a promise does not hold. */
#define FUZZ_EXPECT(condition) ((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition))

_Noreturn static inline void fuzz_fail(const char *file, int line, const char *condition)
{
    (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

/* A block of exactly this size, so that a sanitizer sees every byte too far; freed by the caller. */
static inline char *fuzz_copy(const void *data, size_t bytes)
{
    char *copy = calloc(bytes > 0 ? bytes : 1, 1);
    FUZZ_EXPECT(copy != NULL);
    if (bytes > 0) {
        memcpy(copy, data, bytes);
    }
    return copy;
}

#endif
