/*
 * target_done.c - a done.csv of any bytes.
 *
 * Promises: what is kept is the longest start of the file that is lines as the server writes
 * them, each with its own checksum; the lines are told in their order; a file
 * that is good for less than what is proven is refused and stays as it is; the rest is cut
 * off; and opening what was kept changes nothing and tells the same.
 *
 * The input: a byte that says how much is proven, in quarters of the file; a byte that says
 * which lines have their checksum put right, so that good ones are met; the rest is done.csv.
 */
#include "lib/checksum.h"
#include "lib/log.h"
#include "store/done_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <ctype.h>
#include <inttypes.h>

enum { LINES_TOLD_MAX = 4096, HEADER_BYTES = 2, QUARTERS = 4, FIELDS = 4, LINES_BY_BIT = 8 };

struct told {
    struct done_line lines[LINES_TOLD_MAX];
    size_t count;
};

/* -------------------------------------------------------- slow reckoning ---- */

/* A decimal below `limit` without needless zeros, up to `end`; true when there is one. */
static bool reference_decimal(const char *from, const char *end, uint64_t limit, uint64_t *number)
{
    *number = 0;
    for (const char *at = from; at < end; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (!isdigit((unsigned char)*at) || *number > (limit - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
    }
    return end > from && (*from != '0' || end == from + 1);
}

static bool reference_checksum(const char *from, const char *end, uint64_t *checksum)
{
    *checksum = 0;
    for (const char *at = from; at < end; at++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, *at, sizeof digits - 1);
        if (digit == NULL) {
            return false;
        }
        *checksum = *checksum << 4 | (uint64_t)(digit - digits);
    }
    return end - from == CHECKSUM_DIGITS;
}

/* The number that the bytes are, modulo 2^64 - 59, by 32 bits at a time. */
static uint64_t reference_sum(const char *from, const char *end)
{
    uint64_t sum = 0;
    for (const char *at = from; at < end; at++) {
        for (int bit = 7; bit >= 0; bit--) { /* doubled and added, bit by bit */
            uint64_t carry = sum >> 63;
            sum = sum * 2 + ((unsigned)(unsigned char)*at >> bit & 1U);
            sum += carry != 0 ? 59 : 0;
            sum -= sum >= CHECKSUM_MODULUS ? CHECKSUM_MODULUS : 0;
        }
    }
    return sum;
}

/* True where the text up to `end`, an LF behind it, is a line. */
static bool reference_line(const char *text, const char *end, struct done_line *line)
{
    const char *commas[FIELDS];
    const char *at = text;
    for (int i = 0; i < FIELDS; i++) {
        commas[i] = memchr(at, ',', (size_t)(end - at));
        if (commas[i] == NULL) {
            return false;
        }
        at = commas[i] + 1;
    }
    uint64_t agency = 0;
    uint64_t sum = 0;
    bool good = reference_decimal(text, commas[0], UINT32_MAX, &agency) &&
                reference_decimal(commas[0] + 1, commas[1], UINT64_MAX, &line->bets) &&
                reference_decimal(commas[1] + 1, commas[2], UINT64_MAX, &line->position) &&
                reference_checksum(commas[2] + 1, commas[3], &line->checksum) &&
                reference_checksum(at, end, &sum) && sum == reference_sum(text, at);
    line->agency = (uint32_t)agency;
    return good;
}

static size_t reference_read(const char *text, size_t bytes, struct told *told)
{
    size_t kept = 0;
    told->count = 0;
    while (kept < bytes) {
        const char *line_feed = memchr(text + kept, '\n', bytes - kept);
        if (line_feed == NULL ||
            !reference_line(text + kept, line_feed, &told->lines[told->count])) {
            break;
        }
        told->count++;
        kept = (size_t)(line_feed + 1 - text);
    }
    return kept;
}

/* ---------------------------------------------------------------- checks ---- */

static bool same_line(const struct done_line *one, const struct done_line *other)
{
    return one->agency == other->agency && one->bets == other->bets &&
           one->position == other->position && one->checksum == other->checksum;
}

static void check_open(const char *text, size_t bytes, size_t kept, uint64_t proven,
                       const struct told *expected)
{
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    struct done_file file;
    struct failure failure = {.text = ""};
    enum done_open opened = done_file_open(&directory, false, proven, &file, &failure);
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, text, bytes)); /* opening changes nothing */
    if (kept < proven) {
        FUZZ_EXPECT(opened == DONE_DAMAGED && file.descriptor == -1 && failure.text[0] != '\0');
        return;
    }
    FUZZ_EXPECT(opened == DONE_OPEN && file.bytes == kept && file.torn_bytes == bytes - kept);
    FUZZ_EXPECT(file.count == expected->count);
    for (size_t i = 0; i < expected->count; i++) {
        FUZZ_EXPECT(same_line(&file.lines[i], &expected->lines[i]));
    }
    FUZZ_EXPECT(done_file_cut(&directory, &file, &failure) == DONE_OPEN);
    FUZZ_EXPECT(scratch_holds(DATA_DONE_FILE, text, kept));
    done_file_close(&file);
}

/* Puts the checksums of some lines right, where they have room for one: by the bits of `which`. */
static void put_right(char *text, size_t bytes, uint8_t which)
{
    size_t line = 0;
    for (char *at = text; at < text + bytes; line++) {
        char *line_feed = memchr(at, '\n', (size_t)(text + bytes - at));
        if (line_feed == NULL) {
            return;
        }
        if (((unsigned)which >> (line % LINES_BY_BIT) & 1U) != 0 &&
            line_feed - at > CHECKSUM_DIGITS) {
            char digits[CHECKSUM_DIGITS + 1];
            (void)snprintf(digits, sizeof digits, CHECKSUM_FORMAT,
                           reference_sum(at, line_feed - CHECKSUM_DIGITS));
            memcpy(line_feed - CHECKSUM_DIGITS, digits, CHECKSUM_DIGITS);
        }
        at = line_feed + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct told expected;
    if (bytes < HEADER_BYTES || bytes - HEADER_BYTES > LINES_TOLD_MAX) {
        return 0;
    }
    char *text = fuzz_copy(data + HEADER_BYTES, bytes - HEADER_BYTES);
    bytes -= HEADER_BYTES;
    log_set_threshold(LOG_LEVELS);
    put_right(text, bytes, data[1]);
    scratch_open();
    scratch_write(DATA_DONE_FILE, text, bytes);
    uint64_t proven = (uint64_t)bytes * (data[0] % (QUARTERS + 1)) / QUARTERS;
    size_t kept = reference_read(text, bytes, &expected);
    check_open(text, bytes, kept, proven, &expected);
    check_open(text, kept < proven ? bytes : kept, kept, proven, &expected);
    free(text);
    return 0;
}
