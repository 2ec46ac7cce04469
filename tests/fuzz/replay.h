/*
 * replay.h - gives a fuzz target its seeds and its past finds. Included by the
 * test_replay_*.c, each of which is one program with one target in it.
 *
 * Runs from the project's root. A target that finds something aborts, so the
 * name of the file that did it is printed before.
 */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#include "tests/fuzz/fuzz.h"

/* cmocka.h wants these to stand before it. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <dirent.h>

enum { REPLAY_PATH_BYTES = 512, REPLAY_INPUT_BYTES_MAX = 1024 * 1024 };

static inline void replay_file(const char *path)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *input = malloc(REPLAY_INPUT_BYTES_MAX);
    assert_non_null(input);
    size_t bytes = fread(input, 1, REPLAY_INPUT_BYTES_MAX, file);
    assert_int_equal(ferror(file), 0);
    (void)fclose(file);
    (void)fprintf(stderr, "replay %s\n", path);
    char *exact = fuzz_copy(input, bytes);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)exact, bytes);
    free(exact);
    free(input);
}

/* Returns the number of files in the directory, all of them replayed; a missing one has none. */
static inline size_t replay_directory(const char *path)
{
    size_t replayed = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry = NULL; directory != NULL && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char file[REPLAY_PATH_BYTES];
        assert_in_range(snprintf(file, sizeof file, "%s/%s", path, entry->d_name), 1,
                        sizeof file - 1);
        replay_file(file);
        replayed++;
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return replayed;
}

/* Also the empty input, which no file can be relied on to hold. */
static inline void replay_target(const char *name)
{
    char path[REPLAY_PATH_BYTES];
    char nothing = '\0';
    (void)LLVMFuzzerTestOneInput((const uint8_t *)&nothing, 0);
    (void)snprintf(path, sizeof path, "tests/fuzz/corpus/%s", name);
    assert_true(replay_directory(path) > 0);
    (void)snprintf(path, sizeof path, "tests/fuzz/findings/%s", name);
    (void)replay_directory(path);
}

#endif
