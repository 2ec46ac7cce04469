/*
 * target_checkpoint.c - a checkpoint of any bytes, against a bets.csv.
 *
 * Promises: a start never breaks on it. What is restored agrees with bets.csv: every byte of it
 * up to the position, where all is read, and its end in any case. What is refused says
 * why, and gives nothing; so does one that is none.
 *
 * The input: a byte of flags (see below), a byte with the number of rows of bets.csv in
 * fours, and the checkpoint, whose own checksum is put right where a flag says so.
 */
#include "lib/checksum.h"
#include "lib/log.h"
#include "store/checkpoint.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <stddef.h>

enum {
    AGENCIES = 4, /* of bets.csv */
    HEADER_BYTES = 2,
    ROWS_BY_UNIT = 4,
    ROW_BYTES_MAX = 32,
    ROWS_MAX = 256 * ROWS_BY_UNIT,
    PROOF_BYTES = 4096,
    FLAG_PUT_RIGHT = 1,   /* magic, identity, count and the checksum over all of it */
    FLAG_AGREES = 2,      /* and what it says of bets.csv */
    FLAG_VERIFY_END = 4,  /* only the end of bets.csv is read */
    FLAG_NO_BETS_FILE = 8 /* there is none */
};

/* As the file is laid out (checkpoint.c), by 64-bit words; agencies follow. */
struct image {
    uint64_t magic, checksum;
    char identity[CONTROL_IDENTITY_DIGITS];
    uint64_t position, bets_checksum, proof, count;
};

enum { AGENCY_BYTES = 4 * 8 };

#define IMAGE_MAGIC UINT64_C(0x32544b504352544c)

static const char identity[] = "00112233445566778899aabbccddeeff";

static size_t make_bets(char *bets, size_t rows)
{
    size_t used = 0;
    for (size_t i = 0; i < rows; i++) {
        used += (size_t)snprintf(bets + used, ROW_BYTES_MAX, "%zu,a,b,%zu,2000-01-01,7\r\n",
                                 1 + i % AGENCIES, i);
    }
    return used;
}

static void put_right(char *text, size_t bytes, uint8_t flags, const char *bets, size_t bets_bytes)
{
    struct image image;
    if (bytes < sizeof image || (flags & FLAG_PUT_RIGHT) == 0) {
        return;
    }
    memcpy(&image, text, sizeof image);
    image.magic = IMAGE_MAGIC;
    memcpy(image.identity, identity, sizeof image.identity);
    image.count = (bytes - sizeof image) / AGENCY_BYTES;
    if ((flags & FLAG_AGREES) != 0) {
        image.position %= bets_bytes + 1;
        size_t proof = image.position < PROOF_BYTES ? (size_t)image.position : PROOF_BYTES;
        image.bets_checksum = checksum_extend(CHECKSUM_EMPTY, bets, (size_t)image.position);
        image.proof = checksum_extend(CHECKSUM_EMPTY, bets + image.position - proof, proof);
    }
    memcpy(text, &image, sizeof image);
    size_t skipped = offsetof(struct image, identity);
    size_t whole = sizeof image + (size_t)image.count * AGENCY_BYTES;
    image.checksum = checksum_extend(CHECKSUM_EMPTY, text + skipped, whole - skipped);
    memcpy(text, &image, sizeof image);
}

static void check_restored(const char *text, size_t bytes, uint8_t flags, const char *bets,
                           size_t bets_bytes, const struct checkpoint *counted)
{
    struct image image;
    FUZZ_EXPECT(bytes >= sizeof image);
    memcpy(&image, text, sizeof image);
    size_t skipped = offsetof(struct image, identity);
    FUZZ_EXPECT(image.magic == IMAGE_MAGIC &&
                memcmp(image.identity, identity, sizeof image.identity) == 0);
    FUZZ_EXPECT(image.checksum == checksum_extend(CHECKSUM_EMPTY, text + skipped, bytes - skipped));
    FUZZ_EXPECT(bytes == sizeof image + image.count * AGENCY_BYTES);
    FUZZ_EXPECT(counted->position == image.position && image.position <= bets_bytes);
    size_t proof = image.position < PROOF_BYTES ? (size_t)image.position : PROOF_BYTES;
    if ((flags & FLAG_VERIFY_END) != 0) {
        FUZZ_EXPECT(image.proof ==
                    checksum_extend(CHECKSUM_EMPTY, bets + image.position - proof, proof));
    } else {
        FUZZ_EXPECT(counted->checksum ==
                    checksum_extend(CHECKSUM_EMPTY, bets, (size_t)image.position));
    }
    FUZZ_EXPECT(counted->count == image.count);
}

static void check(const char *text, size_t bytes, uint8_t flags, const char *bets,
                  size_t bets_bytes)
{
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    struct checkpoint counted;
    struct failure failure = {.text = ""};
    int file = openat(scratch_directory, DATA_BETS_FILE, O_RDONLY | O_CLOEXEC);
    FUZZ_EXPECT((file < 0) == ((flags & FLAG_NO_BETS_FILE) != 0));
    enum checkpoint_answer answer = checkpoint_read(
        &directory, identity, file,
        (flags & FLAG_VERIFY_END) != 0 ? CHECKPOINT_VERIFY_END : CHECKPOINT_VERIFY_ALL, &counted,
        &failure);
    if (file >= 0) {
        (void)close(file);
    }
    FUZZ_EXPECT(scratch_holds(DATA_CHECKPOINT_FILE, text, bytes));
    if (answer == CHECKPOINT_READ) {
        check_restored(text, bytes, flags, bets, bets_bytes, &counted);
        checkpoint_close(&counted);
        return;
    }
    FUZZ_EXPECT(answer == CHECKPOINT_NONE || failure.text[0] != '\0');
    FUZZ_EXPECT(counted.agencies == NULL && counted.position == 0 && counted.checksum == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static char bets[ROWS_MAX * ROW_BYTES_MAX];
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    char *text = fuzz_copy(data + HEADER_BYTES, bytes - HEADER_BYTES);
    bytes -= HEADER_BYTES;
    size_t bets_bytes = make_bets(bets, (size_t)data[1] * ROWS_BY_UNIT);
    bets_bytes = (data[0] & FLAG_NO_BETS_FILE) != 0 ? 0 : bets_bytes;
    log_set_threshold(LOG_LEVELS);
    put_right(text, bytes, data[0], bets, bets_bytes);
    scratch_open();
    scratch_write(DATA_CHECKPOINT_FILE, text, bytes);
    if ((data[0] & FLAG_NO_BETS_FILE) == 0) {
        scratch_write(DATA_BETS_FILE, bets, bets_bytes);
    }
    check(text, bytes, data[0], bets, bets_bytes);
    free(text);
    return 0;
}
