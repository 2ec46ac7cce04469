/*
 * target_control.c - a control file of any bytes.
 *
 * Promises: what is read is written again as the very same bytes, but for the versions before, of
 * which the same control is written; everything else is refused, and says why; the file stays as it is;
 * and a text whose last line is the right checksum is refused all the same unless every field of it is
 * spelled as the server spells it.
 *
 * The input: a byte whose first bit says that the last line's checksum is put right; the rest
 * is control.
 */
#include "lib/checksum.h"
#include "store/control.h"
#include "store/data_directory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <inttypes.h>

enum { HEADER_BYTES = 1, PUT_RIGHT_BIT = 1 };

#define CHECKSUM_LINE  "checksum "
#define OLDER_VERSIONS "lottery data 2\n", "lottery data 3\n"

/* A last line "checksum " with room for one gets the one that fits what stands before it. */
static void put_right(char *text, size_t bytes)
{
    enum { LINE_BYTES = sizeof CHECKSUM_LINE - 1 + CHECKSUM_DIGITS + 1 };
    char line[LINE_BYTES + 1];
    if (bytes < LINE_BYTES) {
        return;
    }
    size_t before = bytes - LINE_BYTES;
    (void)snprintf(line, sizeof line, CHECKSUM_LINE CHECKSUM_FORMAT "\n",
                   checksum_extend(CHECKSUM_EMPTY, text, before));
    memcpy(text + before, line, LINE_BYTES);
}

static bool is_older(const char *text)
{
    static const char *const versions[] = {OLDER_VERSIONS};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (strncmp(text, versions[i], strlen(versions[i])) == 0) {
            return true;
        }
    }
    return false;
}

static void check_read(const struct data_directory *directory, const struct control *control,
                       const char *text, size_t bytes)
{
    struct failure failure;
    struct control again;
    bool synced = false;
    FUZZ_EXPECT(strspn(control->identity, "0123456789abcdef") == CONTROL_IDENTITY_DIGITS);
    FUZZ_EXPECT(control->ring_bytes > 0 && control->ring_bytes <= CONTROL_RING_BYTES_MAX);
    FUZZ_EXPECT(control->terms.agencies_expected > 0);
    FUZZ_EXPECT(control_is_draw_name(control->terms.draw));
    FUZZ_EXPECT(control_write(directory, control, &synced, &failure) && synced);
    FUZZ_EXPECT(is_older(text) || scratch_holds(DATA_CONTROL_FILE, text, bytes));
    FUZZ_EXPECT(control_read(directory, &again, &failure) == CONTROL_READ);
    FUZZ_EXPECT(strcmp(control_state_name(again.state), control_state_name(control->state)) == 0);
    FUZZ_EXPECT(control_terms_equal(&again.terms, &control->terms));
    FUZZ_EXPECT(memcmp(&again.draw, &control->draw, sizeof again.draw) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    char *text = fuzz_copy(data + HEADER_BYTES, bytes - HEADER_BYTES);
    bytes -= HEADER_BYTES;
    if ((data[0] & PUT_RIGHT_BIT) != 0) {
        put_right(text, bytes);
    }
    scratch_open();
    scratch_write(DATA_CONTROL_FILE, text, bytes);
    const struct data_directory directory = {
        .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
    struct control control;
    struct failure failure = {.text = ""};
    enum control_answer answer = control_read(&directory, &control, &failure);
    FUZZ_EXPECT(scratch_holds(DATA_CONTROL_FILE, text, bytes));
    FUZZ_EXPECT(answer == CONTROL_READ || answer == CONTROL_REFUSED);
    if (answer == CONTROL_READ) {
        check_read(&directory, &control, text, bytes);
    } else {
        FUZZ_EXPECT(strstr(failure.text, DATA_CONTROL_FILE) != NULL);
    }
    free(text);
    return 0;
}
