/*
 * control.c - see control.h.
 *
 * A control has exactly one text. The reader parses leniently, writes the result again in
 * memory, and refuses the file unless both texts are the same.
 */
#include "store/control.h"

#include "bet/bet.h"
#include "lib/checksum.h"
#include "lib/fault_point.h"
#include "store/data_directory.h"
#include "store/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { CONTROL_BYTES_MAX = 2048, CONTROL_VERSION = 2, HEXADECIMAL = 16, DECIMAL = 10 };

#define FIRST_LINE    "lottery data "
#define CHECKSUM_LINE "checksum "

static const char *const state_names[] = {
    [CONTROL_NEW] = "new", [CONTROL_OPEN] = "open", [CONTROL_DRAWN] = "drawn"};

enum { STATES = sizeof state_names / sizeof state_names[0] };

const char *control_state_name(enum control_state state)
{
    return state_names[state];
}

bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other)
{
    return one->agencies_expected == other->agencies_expected &&
           one->winning_number == other->winning_number &&
           strcmp(one->agencies_allowed, other->agencies_allowed) == 0;
}

bool control_make(struct control *control, struct failure *failure)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return failure_set_errno(failure, "get 16 random bytes for the lottery's identity");
    }
    *control = (struct control){.state = CONTROL_NEW};
    snprintf(control->identity, sizeof control->identity, "%016" PRIx64 "%016" PRIx64, random[0],
             random[1]);
    return true;
}

/* --------------------------------------------------------------- writing ---- */

/* Returns the bytes of the text; it always fits. */
static size_t write_text(const struct control *control, char text[CONTROL_BYTES_MAX])
{
    const struct lottery_terms *terms = &control->terms;
    const struct draw_record *draw = &control->draw;
    int used = snprintf(text, CONTROL_BYTES_MAX,
                        FIRST_LINE "%d\n"
                                   "identity %s\n"
                                   "ipc_key %08" PRIx32 "\n"
                                   "ring_bytes %" PRIu64 "\n"
                                   "agencies_expected %" PRIu32 "\n"
                                   "agencies_allowed %s\n"
                                   "winning_number %" PRIu32 "\n"
                                   "state %s\n"
                                   "bets_bytes %" PRIu64 "\n"
                                   "done_bytes %" PRIu64 "\n"
                                   "drawn_bets %" PRIu64 "\n"
                                   "drawn_bytes %" PRIu64 "\n"
                                   "drawn_checksum " CHECKSUM_FORMAT "\n"
                                   "winners %" PRIu64 "\n"
                                   "winners_bytes %" PRIu64 "\n"
                                   "winners_checksum " CHECKSUM_FORMAT "\n",
                        CONTROL_VERSION, control->identity, control->ipc_key, control->ring_bytes,
                        terms->agencies_expected, terms->agencies_allowed, terms->winning_number,
                        state_names[control->state], control->bets_bytes, control->done_bytes,
                        draw->bets, draw->bytes, draw->checksum, draw->winners, draw->winners_bytes,
                        draw->winners_file_checksum);
    uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, text, (size_t)used);
    used += snprintf(text + used, CONTROL_BYTES_MAX - (size_t)used,
                     CHECKSUM_LINE CHECKSUM_FORMAT "\n", checksum);
    return (size_t)used;
}

static bool put_into_place(const struct data_directory *directory, int file, const char *text,
                           size_t bytes, bool *synced, struct failure *failure)
{
    if (!file_write_all(file, text, bytes, 0)) {
        return failure_set_errno(failure, "write %s/" DATA_CONTROL_UNFINISHED_FILE,
                                 directory->path);
    }
    *synced = file_sync(file);
    if (!*synced) {
        return failure_set_errno(failure, "sync %s/" DATA_CONTROL_UNFINISHED_FILE, directory->path);
    }
    fault_point("control.synced");
    if (renameat(directory->descriptor, DATA_CONTROL_UNFINISHED_FILE, directory->descriptor,
                 DATA_CONTROL_FILE) != 0) {
        return failure_set_errno(failure, "rename %s/" DATA_CONTROL_UNFINISHED_FILE,
                                 directory->path);
    }
    fault_point("control.renamed");
    *synced = file_sync_directory(directory->descriptor, directory->path);
    return *synced || failure_set_errno(failure, "sync %s", directory->path);
}

bool control_write(const struct data_directory *directory, const struct control *control,
                   bool *synced, struct failure *failure)
{
    char text[CONTROL_BYTES_MAX];
    size_t bytes = write_text(control, text);
    *synced = true;
    int file = data_directory_open_file(directory, DATA_CONTROL_UNFINISHED_FILE,
                                        O_WRONLY | O_CREAT | O_TRUNC, failure);
    if (file < 0) {
        return false;
    }
    bool written = put_into_place(directory, file, text, bytes, synced, failure);
    int saved_errno = errno;
    close(file);
    errno = saved_errno;
    return written;
}

/* --------------------------------------------------------------- reading ---- */

/* The rest of the text that is being read. */
struct reading {
    const char *at;
    bool failed;
};

/* Copies the text between `name`, a space, and the end of the line; moves to the next line. */
static void take_text(struct reading *reading, const char *name, char *value, size_t capacity)
{
    size_t name_bytes = strlen(name);
    const char *line_feed = strchr(reading->at, '\n');
    value[0] = '\0';
    if (reading->failed || line_feed == NULL || strncmp(reading->at, name, name_bytes) != 0 ||
        reading->at[name_bytes] != ' ') {
        reading->failed = true;
        return;
    }
    const char *from = reading->at + name_bytes + 1;
    if (from > line_feed || (size_t)(line_feed - from) >= capacity) {
        reading->failed = true;
        return;
    }
    memcpy(value, from, (size_t)(line_feed - from));
    value[line_feed - from] = '\0';
    reading->at = line_feed + 1;
}

static uint64_t take_number(struct reading *reading, const char *name, int base)
{
    char value[CONFIG_TEXT_BYTES];
    take_text(reading, name, value, sizeof value);
    return strtoull(value, NULL, base); /* another spelling of it is found out at the end */
}

static enum control_state take_state(struct reading *reading)
{
    char value[CONFIG_TEXT_BYTES];
    take_text(reading, "state", value, sizeof value);
    for (int state = 0; state < STATES; state++) {
        if (strcmp(value, state_names[state]) == 0) {
            return (enum control_state)state;
        }
    }
    reading->failed = true;
    return CONTROL_NEW;
}

/* Fills control from the lines between the first and the last. False when they are not those. */
static bool read_lines(const char *text, struct control *control)
{
    struct reading reading = {.at = text};
    struct lottery_terms *terms = &control->terms;
    struct draw_record *draw = &control->draw;
    take_number(&reading, "lottery data", DECIMAL);
    take_text(&reading, "identity", control->identity, sizeof control->identity);
    control->ipc_key = (uint32_t)take_number(&reading, "ipc_key", HEXADECIMAL);
    control->ring_bytes = take_number(&reading, "ring_bytes", DECIMAL);
    terms->agencies_expected = (uint32_t)take_number(&reading, "agencies_expected", DECIMAL);
    take_text(&reading, "agencies_allowed", terms->agencies_allowed,
              sizeof terms->agencies_allowed);
    terms->winning_number = (uint32_t)take_number(&reading, "winning_number", DECIMAL);
    control->state = take_state(&reading);
    control->bets_bytes = take_number(&reading, "bets_bytes", DECIMAL);
    control->done_bytes = take_number(&reading, "done_bytes", DECIMAL);
    draw->bets = take_number(&reading, "drawn_bets", DECIMAL);
    draw->bytes = take_number(&reading, "drawn_bytes", DECIMAL);
    draw->checksum = take_number(&reading, "drawn_checksum", HEXADECIMAL);
    draw->winners = take_number(&reading, "winners", DECIMAL);
    draw->winners_bytes = take_number(&reading, "winners_bytes", DECIMAL);
    draw->winners_file_checksum = take_number(&reading, "winners_checksum", HEXADECIMAL);
    return !reading.failed;
}

/* True when write_text makes the same text of what was read. */
static bool parse(const char *text, size_t bytes, struct control *control)
{
    char again[CONTROL_BYTES_MAX];
    return strlen(text) == bytes && read_lines(text, control) &&
           strspn(control->identity, "0123456789abcdef") == CONTROL_IDENTITY_DIGITS &&
           control->identity[CONTROL_IDENTITY_DIGITS] == '\0' && control->ring_bytes > 0 &&
           control->ring_bytes <= CONTROL_RING_BYTES_MAX && control->terms.agencies_expected > 0 &&
           write_text(control, again) == bytes && memcmp(again, text, bytes) == 0;
}

static enum control_answer judge(const char *path, const char *text, size_t bytes,
                                 struct control *control, struct failure *failure)
{
    if (parse(text, bytes, control)) {
        return CONTROL_READ;
    }
    uint32_t version = 0; /* where the first line is not that of a control file */
    size_t name_bytes = sizeof FIRST_LINE - 1;
    if (strncmp(text, FIRST_LINE, name_bytes) == 0) {
        (void)bet_parse_uint32(text + name_bytes, strcspn(text + name_bytes, "\n"), &version);
    }
    if (version != 0 && version != CONTROL_VERSION) {
        failure_set(failure,
                    "%s: the directory has version %" PRIu32 ", this server knows version "
                    "%d: nothing was touched; use the server that wrote it",
                    path, version, CONTROL_VERSION);
    } else {
        failure_set(failure,
                    "%s is damaged (its checksum does not agree with its text): nothing was "
                    "touched; it is never edited by hand, restore it together with the "
                    "other files from one backup",
                    path);
    }
    return CONTROL_REFUSED;
}

enum control_answer control_read_file(int file, const char *path, struct control *control,
                                      struct failure *failure)
{
    char text[CONTROL_BYTES_MAX + 1];
    *control = (struct control){.state = CONTROL_NEW};
    ssize_t got = file_read_up_to(file, text, CONTROL_BYTES_MAX, 0);
    if (got < 0) {
        failure_set_errno(failure, "read %s", path);
        return CONTROL_REFUSED;
    }
    text[got] = '\0';
    return judge(path, text, (size_t)got, control, failure);
}

enum control_answer control_read(const struct data_directory *directory, struct control *control,
                                 struct failure *failure)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/" DATA_CONTROL_FILE, directory->path);
    *control = (struct control){.state = CONTROL_NEW};
    int file = data_directory_open_file(directory, DATA_CONTROL_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT ? CONTROL_ABSENT : CONTROL_REFUSED;
    }
    enum control_answer answer = control_read_file(file, path, control, failure);
    close(file);
    return answer;
}
