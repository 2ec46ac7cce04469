/*
 * target_done.c - a done.csv of any bytes.
 *
 * Promises: what is kept is the longest start of the file that is lines of
 * numbers below 2^32, the numbers are told in their order, the rest is cut off,
 * and opening what was kept changes nothing and tells the same.
 */
#include "lib/log.h"
#include "server/done_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <ctype.h>

enum { AGENCIES_TOLD_MAX = 4096 };

struct told {
    uint32_t agencies[AGENCIES_TOLD_MAX];
    size_t count;
};

static void note(void *context, uint32_t agency)
{
    struct told *told = context;
    FUZZ_EXPECT(told->count < AGENCIES_TOLD_MAX);
    told->agencies[told->count++] = agency;
}

/* Bytes of the line at `at` with its LF, and its number; 0 when it is not good. */
static size_t reference_line(const char *text, size_t at, size_t bytes, uint64_t *number)
{
    size_t end = at;
    *number = 0;
    while (end < bytes && isdigit((unsigned char)text[end])) {
        *number = *number > UINT32_MAX ? *number : *number * 10 + (uint64_t)(text[end] - '0');
        end++;
    }
    bool good = end > at && end < bytes && text[end] == '\n' && *number <= UINT32_MAX;
    return good ? end + 1 - at : 0;
}

static size_t reference_read(const char *text, size_t bytes, struct told *told)
{
    uint64_t number = 0;
    size_t at = 0;
    for (size_t line = 0; (line = reference_line(text, at, bytes, &number)) > 0; at += line) {
        note(told, (uint32_t)number);
    }
    return at;
}

static void check_open(const char *text, size_t kept, const struct told *expected)
{
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    static struct told told;
    struct done_file file;
    struct failure failure;
    told.count = 0;
    FUZZ_EXPECT(done_file_open(&directory, &file, note, &told, &failure) == DONE_OPEN);
    FUZZ_EXPECT(file.bytes == kept && scratch_holds(DATA_DONE_FILE, text, kept));
    FUZZ_EXPECT(told.count == expected->count);
    FUZZ_EXPECT(memcmp(told.agencies, expected->agencies,
                       expected->count * sizeof expected->agencies[0]) == 0);
    done_file_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct told expected;
    if (bytes > AGENCIES_TOLD_MAX) {
        return 0;
    }
    log_set_threshold(LOG_LEVELS);
    scratch_open();
    scratch_write(DATA_DONE_FILE, data, bytes);
    expected.count = 0;
    size_t kept = reference_read((const char *)data, bytes, &expected);
    check_open((const char *)data, kept, &expected);
    check_open((const char *)data, kept, &expected);
    return 0;
}
