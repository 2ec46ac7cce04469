/*
 * control.c - see control.h.
 *
 * A control has exactly one text, of the lines of one table (value_line.h). The reader writes what it
 * has read again in memory, and refuses the file unless both texts are the same.
 */
#include "store/control.h"

#include "bet/bet.h"
#include "bet/message.h"
#include "lib/clock.h"
#include "lib/text.h"
#include "store/centre_set.h"
#include "store/data_directory.h"
#include "store/file_io.h"
#include "store/value_line.h"
#include "store/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    CONTROL_BYTES_MAX = 4096,
    CONTROL_VERSION_OLDEST = 2, /* what it lacks is filled in: take_over_older */
    CONTROL_VERSION_OF_CENTRES = 4,
    DECIMAL = 10
};

#define FIRST_LINE "lottery data "

/* ----------------------------------------------------------------- words ---- */

static const char *const state_names[] = {
    [CONTROL_NEW] = "new",       [CONTROL_OPEN] = "open",   [CONTROL_CLOSED] = "closed",
    [CONTROL_SEALED] = "sealed", [CONTROL_DRAWN] = "drawn", [CONTROL_ABANDONED] = "abandoned"};
static const char *const number_source_names[] = {[NUMBER_BY_CONFIGURATION] = "configuration",
                                                  [NUMBER_BY_OPENING] = "opening",
                                                  [NUMBER_BY_COMMAND] = "command"};
static const char *const terms_source_names[] = {
    [TERMS_BY_CONFIGURATION] = "configuration", [TERMS_BY_COMMAND] = "command"};
static const char *const closed_by_names[] = {[CLOSED_BY_NOBODY] = VALUE_LINE_NOTHING,
                                              [CLOSED_BY_AGENCIES] = "agencies",
                                              [CLOSED_BY_COMMAND] = "command",
                                              [CLOSED_BY_TIME] = "time"};

const char *control_state_name(enum control_state state)
{
    return state_names[state];
}

const char *control_number_source_name(enum number_source by)
{
    return number_source_names[by];
}

const char *control_terms_source_name(enum terms_source by)
{
    return terms_source_names[by];
}

const char *control_closed_by_name(enum closed_by by)
{
    return closed_by_names[by];
}

/* ----------------------------------------------------------------- lines ---- */

/* Lines of one version keep their order in the next one. */
#define FIELD(field)      offsetof(struct control, field)
#define TEXT_FIELD(field) offsetof(struct control, field), sizeof((struct control *)NULL)->field

static const struct value_line lines[] = {
    {"identity", VALUE_TEXT, TEXT_FIELD(identity), {0}, 2},
    {"draw", VALUE_TEXT, TEXT_FIELD(terms.draw), {0}, 3},
    {"ipc_key", VALUE_KEY, FIELD(ipc_key), 0, {0}, 2},
    {"ring_bytes", VALUE_UINT64, FIELD(ring_bytes), 0, {0}, 2},
    {"agencies_expected", VALUE_UINT32, FIELD(terms.agencies_expected), 0, {0}, 2},
    {"agencies_allowed", VALUE_TEXT, TEXT_FIELD(terms.agencies_allowed), {0}, 2},
    {"centres_expected", VALUE_TEXT, TEXT_FIELD(terms.centres_expected), {0}, 4},
    {"terms_by", VALUE_WORD, FIELD(terms_by), 0, VALUE_WORDS(terms_source_names), 3},
    {"number_by", VALUE_WORD, FIELD(terms.number_by), 0, VALUE_WORDS(number_source_names), 3},
    {"winning_number", VALUE_OTHER, FIELD(terms), 0, {0}, 2},
    {"opened_at", VALUE_MOMENT, FIELD(opened_at_ms), 0, {0}, 3},
    {"closes_at", VALUE_MOMENT, FIELD(terms.closes_at_ms), 0, {0}, 3},
    {"state", VALUE_WORD, FIELD(state), 0, VALUE_WORDS(state_names), 2},
    {"archiving", VALUE_TEXT, TEXT_FIELD(archiving), {0}, 3},
    {"bets_bytes", VALUE_UINT64, FIELD(bets_bytes), 0, {0}, 2},
    {"done_bytes", VALUE_UINT64, FIELD(done_bytes), 0, {0}, 2},
    {"closed_at", VALUE_MOMENT, FIELD(closing.at_ms), 0, {0}, 3},
    {"closed_by", VALUE_WORD, FIELD(closing.by), 0, VALUE_WORDS(closed_by_names), 3},
    {"closed_without", VALUE_TEXT, TEXT_FIELD(closing.without), {0}, 3},
    {"closed_reason", VALUE_TEXT, TEXT_FIELD(closing.reason), {0}, 3},
    {"sealed_at", VALUE_MOMENT, FIELD(sealed_at_ms), 0, {0}, 3},
    {"seal_sha256", VALUE_TEXT, TEXT_FIELD(seal_sha256), {0}, 3},
    {"drawn_at", VALUE_MOMENT, FIELD(drawn_at_ms), 0, {0}, 3},
    {"draw_sha256", VALUE_TEXT, TEXT_FIELD(draw_sha256), {0}, 3},
    {"abandoned_at", VALUE_MOMENT, FIELD(abandoned_at_ms), 0, {0}, 3},
    {"abandoned_reason", VALUE_TEXT, TEXT_FIELD(abandoned_reason), {0}, 3},
    {"drawn_bets", VALUE_UINT64, FIELD(draw.bets), 0, {0}, 2},
    {"drawn_bytes", VALUE_UINT64, FIELD(draw.bytes), 0, {0}, 2},
    {"drawn_checksum", VALUE_CHECKSUM, FIELD(draw.checksum), 0, {0}, 2},
    {"winners", VALUE_UINT64, FIELD(draw.winners), 0, {0}, 2},
    {"winners_bytes", VALUE_UINT64, FIELD(draw.winners_bytes), 0, {0}, 2},
    {"winners_checksum", VALUE_CHECKSUM, FIELD(draw.winners_file_checksum), 0, {0}, 2},
};

enum { LINES = sizeof lines / sizeof lines[0] };

/* ----------------------------------------------------------------- terms ---- */

bool control_has_number(const struct lottery_terms *terms)
{
    return terms->number_by != NUMBER_BY_COMMAND || terms->number_given;
}

bool control_says_centres(const struct lottery_terms *terms)
{
    return strcmp(terms->centres_expected, CONTROL_CENTRES_UNSAID) != 0;
}

static bool same_centres(const struct lottery_terms *one, const struct lottery_terms *other)
{
    return strcmp(one->centres_expected, other->centres_expected) == 0 ||
           !control_says_centres(one) || !control_says_centres(other);
}

bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other)
{
    return strcmp(one->draw, other->draw) == 0 &&
           one->agencies_expected == other->agencies_expected &&
           strcmp(one->agencies_allowed, other->agencies_allowed) == 0 &&
           same_centres(one, other) && one->number_by == other->number_by &&
           one->closes_at_ms == other->closes_at_ms &&
           (one->number_by == NUMBER_BY_COMMAND || one->winning_number == other->winning_number);
}

_Static_assert(CONTROL_DRAW_BYTES == MESSAGE_DRAW_NAME_BYTES_MAX + 1, "the wire's names fit");

bool control_is_draw_name(const char *name)
{
    return message_is_draw_name(name, strlen(name));
}

bool control_make(struct control *control, struct failure *failure)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return failure_set_errno(failure, "get 16 random bytes for the draw's identity");
    }
    *control = (struct control){.state = CONTROL_NEW, .opened_at_ms = clock_wall_ms()};
    (void)snprintf(control->identity, sizeof control->identity, "%016" PRIx64 "%016" PRIx64,
                   random[0], random[1]);
    return true;
}

int64_t control_step_ms(const struct control *control)
{
    const int64_t steps_ms[] = {control->opened_at_ms, control->closing.at_ms,
                                control->sealed_at_ms, control->drawn_at_ms};
    int64_t now_ms = clock_wall_ms();
    for (size_t i = 0; i < sizeof steps_ms / sizeof steps_ms[0]; i++) {
        now_ms = steps_ms[i] > now_ms ? steps_ms[i] : now_ms;
    }
    return now_ms;
}

/* What `other` names, `own` names otherwise, or not at all. */
static bool lacks(const char *own, const char *other)
{
    return other[0] != '\0' && strcmp(own, other) != 0;
}

static bool lacks_number(const struct lottery_terms *own, const struct lottery_terms *other)
{
    return other->number_given &&
           (!own->number_given || own->winning_number != other->winning_number);
}

bool control_is_older(const struct control *own, const struct control *other)
{
    return strcmp(own->identity, other->identity) == 0 &&
           (other->state > own->state || lacks_number(&own->terms, &other->terms) ||
            lacks(own->seal_sha256, other->seal_sha256) ||
            lacks(own->draw_sha256, other->draw_sha256));
}

/* --------------------------------------------------------------- writing ---- */

/* The winning number is of VALUE_OTHER: nothing is written while it is not known. */
static size_t write_line(const struct value_line *line, const struct control *control, char *text,
                         size_t size)
{
    char number[sizeof "4294967295"] = "";
    if (line->kind != VALUE_OTHER) {
        return value_line_write(line, control, text, size);
    }
    if (control_has_number(&control->terms)) {
        (void)snprintf(number, sizeof number, "%" PRIu32, control->terms.winning_number);
    }
    return value_line_write_text(line->name, number, text, size);
}

/* Writes the text of this version. Returns its bytes; it always fits. */
static size_t write_text(const struct control *control, int version, char text[CONTROL_BYTES_MAX])
{
    size_t used = (size_t)snprintf(text, CONTROL_BYTES_MAX, FIRST_LINE "%d\n", version);
    for (int i = 0; i < LINES; i++) {
        if (lines[i].since <= version) {
            used += write_line(&lines[i], control, text + used, CONTROL_BYTES_MAX - used);
        }
    }
    return used + value_line_write_checksum(text, used, CONTROL_BYTES_MAX);
}

bool control_write(const struct data_directory *directory, const struct control *control,
                   bool *synced, struct failure *failure)
{
    char text[CONTROL_BYTES_MAX];
    size_t bytes = write_text(control, CONTROL_VERSION, text);
    return whole_file_write(directory, DATA_CONTROL_FILE, text, bytes, synced, failure);
}

bool control_write_opening(const struct data_directory *directory, const struct control *control,
                           struct failure *failure)
{
    char text[CONTROL_BYTES_MAX];
    bool synced = true;
    size_t bytes = write_text(control, CONTROL_VERSION, text);
    return whole_file_write(directory, DATA_OPENING_FILE, text, bytes, &synced, failure);
}

/* --------------------------------------------------------------- reading ---- */

static bool read_line(const struct value_line *line, const char **text, struct control *control)
{
    char value[VALUE_LINE_BYTES];
    struct lottery_terms *terms = &control->terms;
    if (line->kind != VALUE_OTHER) {
        return value_line_read(line, text, control);
    }
    if (!value_line_take(text, line->name, value)) {
        return false;
    }
    const bool nothing = strcmp(value, VALUE_LINE_NOTHING) == 0;
    terms->number_given = terms->number_by == NUMBER_BY_COMMAND && !nothing;
    terms->winning_number = nothing ? 0 : (uint32_t)strtoull(value, NULL, DECIMAL);
    return true;
}

/* Fills control from the lines of this version. False when they are not those. */
static bool read_lines(const char *text, int version, struct control *control)
{
    const char *at = text + strcspn(text, "\n"); /* behind the first line, if there is one */
    at += *at == '\n' ? 1 : 0;
    for (int i = 0; i < LINES; i++) {
        if (lines[i].since <= version && !read_line(&lines[i], &at, control)) {
            return false;
        }
    }
    return true;
}

/* True when the digits are all there and hexadecimal. */
static bool is_hexadecimal(const char *text, size_t digits)
{
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

/* True when the values are possible, each by itself. */
static bool are_values_possible(const struct control *control)
{
    const struct lottery_terms *terms = &control->terms;
    return is_hexadecimal(control->identity, CONTROL_IDENTITY_DIGITS) && control->ring_bytes > 0 &&
           control->ring_bytes <= CONTROL_RING_BYTES_MAX && terms->agencies_expected > 0 &&
           control_is_draw_name(terms->draw) &&
           (!control_says_centres(terms) || centre_set_is_text(terms->centres_expected)) &&
           (control->archiving[0] == '\0' || control_is_draw_name(control->archiving)) &&
           text_is_clean(control->closing.reason, strlen(control->closing.reason)) &&
           text_is_clean(control->abandoned_reason, strlen(control->abandoned_reason)) &&
           (control->seal_sha256[0] == '\0' ||
            is_hexadecimal(control->seal_sha256, CONTROL_SHA256_DIGITS)) &&
           (control->draw_sha256[0] == '\0' ||
            is_hexadecimal(control->draw_sha256, CONTROL_SHA256_DIGITS));
}

/* A server of version 1.0 knew one lottery a directory; the next ones had no list of centres in it. */
static void take_over_older(int version, struct control *control)
{
    if (version == CONTROL_VERSION_OLDEST) {
        (void)snprintf(control->terms.draw, sizeof control->terms.draw, CONTROL_FIRST_DRAW);
    }
    if (version < CONTROL_VERSION_OF_CENTRES) {
        (void)snprintf(control->terms.centres_expected, sizeof control->terms.centres_expected,
                       CONTROL_CENTRES_UNSAID);
    }
}

/* True when write_text makes the same text of what was read. */
static bool parse(const char *text, size_t bytes, int version, struct control *control)
{
    char again[CONTROL_BYTES_MAX];
    if (strlen(text) != bytes || !read_lines(text, version, control)) {
        return false;
    }
    bool same = write_text(control, version, again) == bytes && memcmp(again, text, bytes) == 0;
    take_over_older(version, control);
    return same && are_values_possible(control);
}

/* The version that the first line names; 0 when it is not the first line of a control file. */
static uint32_t version_of(const char *text)
{
    uint32_t version = 0;
    size_t name_bytes = sizeof FIRST_LINE - 1;
    if (strncmp(text, FIRST_LINE, name_bytes) == 0) {
        (void)bet_parse_uint32(text + name_bytes, strcspn(text + name_bytes, "\n"), &version);
    }
    return version;
}

static enum control_answer judge(const char *path, const char *text, size_t bytes,
                                 struct control *control, struct failure *failure)
{
    uint32_t version = version_of(text);
    bool known = version >= CONTROL_VERSION_OLDEST && version <= CONTROL_VERSION;
    if (known && parse(text, bytes, (int)version, control)) {
        return CONTROL_READ;
    }
    if (version != 0 && !known) {
        failure_set(failure,
                    "%s: the directory has version %" PRIu32
                    ", this server knows versions %d to %d: nothing was touched; use the server "
                    "that wrote it",
                    path, version, CONTROL_VERSION_OLDEST, CONTROL_VERSION);
    } else {
        failure_set(failure,
                    "%s is damaged (its checksum does not agree with its text): nothing was "
                    "touched; it is never edited by hand, restore it together with the other files "
                    "from one backup",
                    path);
    }
    return CONTROL_REFUSED;
}

enum control_answer control_read_text(const char *text, size_t bytes, const char *path,
                                      struct control *control, struct failure *failure)
{
    char copy[CONTROL_BYTES_MAX + 1];
    const size_t taken = bytes < CONTROL_BYTES_MAX ? bytes : CONTROL_BYTES_MAX;
    *control = (struct control){.state = CONTROL_NEW};
    memcpy(copy, text, taken);
    copy[taken] = '\0';
    return judge(path, copy, taken, control, failure);
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
