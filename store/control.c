/*
 * control.c - see control.h.
 *
 * A control has exactly one text. One table has its lines, in order; writing and reading go through
 * it. The reader parses leniently, writes the result again in memory, and refuses the file unless
 * both texts are the same.
 */
#include "store/control.h"

#include "bet/bet.h"
#include "bet/message.h"
#include "lib/checksum.h"
#include "lib/clock.h"
#include "lib/fault_point.h"
#include "lib/text.h"
#include "lib/timestamp.h"
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

enum {
    CONTROL_BYTES_MAX = 4096,
    CONTROL_VERSION_OLDEST = 2, /* what it lacks is filled in: take_over_older */
    HEXADECIMAL = 16,
    DECIMAL = 10
};

#define FIRST_LINE    "lottery data "
#define CHECKSUM_LINE "checksum "
#define NOTHING       "-" /* how an empty value is written */

/* ----------------------------------------------------------------- words ---- */

/* The names of an enum's values. */
struct words {
    const char *const *names;
    int count;
};

static const char *const state_names[] = {
    [CONTROL_NEW] = "new",       [CONTROL_OPEN] = "open",   [CONTROL_CLOSED] = "closed",
    [CONTROL_SEALED] = "sealed", [CONTROL_DRAWN] = "drawn", [CONTROL_ABANDONED] = "abandoned"};
static const char *const number_source_names[] = {[NUMBER_BY_CONFIGURATION] = "configuration",
                                                  [NUMBER_BY_OPENING] = "opening",
                                                  [NUMBER_BY_COMMAND] = "command"};
static const char *const terms_source_names[] = {
    [TERMS_BY_CONFIGURATION] = "configuration", [TERMS_BY_COMMAND] = "command"};
static const char *const closed_by_names[] = {[CLOSED_BY_NOBODY] = NOTHING,
                                              [CLOSED_BY_AGENCIES] = "agencies",
                                              [CLOSED_BY_COMMAND] = "command",
                                              [CLOSED_BY_TIME] = "time"};

#define WORDS(names)                                                                               \
    {                                                                                              \
        (names), (int)(sizeof(names) / sizeof(names)[0])                                           \
    }

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

/* How a value is written. */
enum kind {
    KIND_TEXT,     /* char[room]; empty: NOTHING */
    KIND_UINT32,   /* uint32_t */
    KIND_KEY,      /* uint32_t, 8 hexadecimal digits */
    KIND_UINT64,   /* uint64_t */
    KIND_CHECKSUM, /* uint64_t, CHECKSUM_FORMAT */
    KIND_MOMENT,   /* int64_t, ms since 1970; 0: NOTHING */
    KIND_WORD,     /* an enum of `words` */
    KIND_NUMBER    /* the winning number of struct lottery_terms; NOTHING while it is not known */
};

/* A line: its name, a space, the value. Lines of one version keep their order in the next one. */
struct line {
    const char *name;
    enum kind kind;
    size_t offset; /* of the value in struct control */
    size_t room;   /* of KIND_TEXT: bytes, with the NUL */
    struct words words;
    int since; /* the version that has brought it */
};

#define FIELD(field)      offsetof(struct control, field)
#define TEXT_FIELD(field) offsetof(struct control, field), sizeof((struct control *)NULL)->field

static const struct line lines[] = {
    {"identity", KIND_TEXT, TEXT_FIELD(identity), {0}, 2},
    {"draw", KIND_TEXT, TEXT_FIELD(terms.draw), {0}, 3},
    {"ipc_key", KIND_KEY, FIELD(ipc_key), 0, {0}, 2},
    {"ring_bytes", KIND_UINT64, FIELD(ring_bytes), 0, {0}, 2},
    {"agencies_expected", KIND_UINT32, FIELD(terms.agencies_expected), 0, {0}, 2},
    {"agencies_allowed", KIND_TEXT, TEXT_FIELD(terms.agencies_allowed), {0}, 2},
    {"terms_by", KIND_WORD, FIELD(terms_by), 0, WORDS(terms_source_names), 3},
    {"number_by", KIND_WORD, FIELD(terms.number_by), 0, WORDS(number_source_names), 3},
    {"winning_number", KIND_NUMBER, FIELD(terms), 0, {0}, 2},
    {"opened_at", KIND_MOMENT, FIELD(opened_at_ms), 0, {0}, 3},
    {"closes_at", KIND_MOMENT, FIELD(terms.closes_at_ms), 0, {0}, 3},
    {"state", KIND_WORD, FIELD(state), 0, WORDS(state_names), 2},
    {"archiving", KIND_TEXT, TEXT_FIELD(archiving), {0}, 3},
    {"bets_bytes", KIND_UINT64, FIELD(bets_bytes), 0, {0}, 2},
    {"done_bytes", KIND_UINT64, FIELD(done_bytes), 0, {0}, 2},
    {"closed_at", KIND_MOMENT, FIELD(closing.at_ms), 0, {0}, 3},
    {"closed_by", KIND_WORD, FIELD(closing.by), 0, WORDS(closed_by_names), 3},
    {"closed_without", KIND_TEXT, TEXT_FIELD(closing.without), {0}, 3},
    {"closed_reason", KIND_TEXT, TEXT_FIELD(closing.reason), {0}, 3},
    {"sealed_at", KIND_MOMENT, FIELD(sealed_at_ms), 0, {0}, 3},
    {"seal_sha256", KIND_TEXT, TEXT_FIELD(seal_sha256), {0}, 3},
    {"drawn_at", KIND_MOMENT, FIELD(drawn_at_ms), 0, {0}, 3},
    {"draw_sha256", KIND_TEXT, TEXT_FIELD(draw_sha256), {0}, 3},
    {"abandoned_at", KIND_MOMENT, FIELD(abandoned_at_ms), 0, {0}, 3},
    {"abandoned_reason", KIND_TEXT, TEXT_FIELD(abandoned_reason), {0}, 3},
    {"drawn_bets", KIND_UINT64, FIELD(draw.bets), 0, {0}, 2},
    {"drawn_bytes", KIND_UINT64, FIELD(draw.bytes), 0, {0}, 2},
    {"drawn_checksum", KIND_CHECKSUM, FIELD(draw.checksum), 0, {0}, 2},
    {"winners", KIND_UINT64, FIELD(draw.winners), 0, {0}, 2},
    {"winners_bytes", KIND_UINT64, FIELD(draw.winners_bytes), 0, {0}, 2},
    {"winners_checksum", KIND_CHECKSUM, FIELD(draw.winners_file_checksum), 0, {0}, 2},
};

enum { LINES = sizeof lines / sizeof lines[0] };

/* ----------------------------------------------------------------- terms ---- */

bool control_has_number(const struct lottery_terms *terms)
{
    return terms->number_by != NUMBER_BY_COMMAND || terms->number_given;
}

bool control_terms_equal(const struct lottery_terms *one, const struct lottery_terms *other)
{
    return strcmp(one->draw, other->draw) == 0 &&
           one->agencies_expected == other->agencies_expected &&
           strcmp(one->agencies_allowed, other->agencies_allowed) == 0 &&
           one->number_by == other->number_by && one->closes_at_ms == other->closes_at_ms &&
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

bool control_is_older(const struct control *own, const struct control *other)
{
    return strcmp(own->identity, other->identity) == 0 &&
           (other->state > own->state || (other->terms.number_given && !own->terms.number_given) ||
            lacks(own->seal_sha256, other->seal_sha256) ||
            lacks(own->draw_sha256, other->draw_sha256));
}

/* --------------------------------------------------------------- writing ---- */

enum { VALUE_BYTES = CONFIG_TEXT_BYTES };

static void write_value(const struct line *line, const void *from, char value[VALUE_BYTES])
{
    const struct lottery_terms *terms = from; /* of KIND_NUMBER */
    value[0] = '\0';
    switch (line->kind) {
    case KIND_TEXT:
        (void)snprintf(value, VALUE_BYTES, "%s", (const char *)from);
        break;
    case KIND_UINT32:
        (void)snprintf(value, VALUE_BYTES, "%" PRIu32, *(const uint32_t *)from);
        break;
    case KIND_KEY:
        (void)snprintf(value, VALUE_BYTES, "%08" PRIx32, *(const uint32_t *)from);
        break;
    case KIND_UINT64:
        (void)snprintf(value, VALUE_BYTES, "%" PRIu64, *(const uint64_t *)from);
        break;
    case KIND_CHECKSUM:
        (void)snprintf(value, VALUE_BYTES, CHECKSUM_FORMAT, *(const uint64_t *)from);
        break;
    case KIND_MOMENT:
        if (*(const int64_t *)from != 0) {
            timestamp_write(*(const int64_t *)from, value);
        }
        break;
    case KIND_WORD:
        (void)snprintf(value, VALUE_BYTES, "%s", line->words.names[*(const unsigned *)from]);
        break;
    case KIND_NUMBER:
        if (control_has_number(terms)) {
            (void)snprintf(value, VALUE_BYTES, "%" PRIu32, terms->winning_number);
        }
        break;
    }
    if (value[0] == '\0') {
        (void)snprintf(value, VALUE_BYTES, NOTHING);
    }
}

/* Writes the text of this version. Returns its bytes; it always fits. */
static size_t write_text(const struct control *control, int version, char text[CONTROL_BYTES_MAX])
{
    int used = snprintf(text, CONTROL_BYTES_MAX, FIRST_LINE "%d\n", version);
    for (int i = 0; i < LINES; i++) {
        if (lines[i].since <= version) {
            char value[VALUE_BYTES];
            write_value(&lines[i], (const char *)control + lines[i].offset, value);
            used += snprintf(text + used, CONTROL_BYTES_MAX - (size_t)used, "%s %s\n",
                             lines[i].name, value);
        }
    }
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
    size_t bytes = write_text(control, CONTROL_VERSION, text);
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

/*
 * Copies the text between `name`, a space, and the end of the line at *text; moves *text to the
 * next line. False when it is another line, or its value is too long.
 */
static bool take_line(const char **text, const char *name, char value[VALUE_BYTES])
{
    size_t name_bytes = strlen(name);
    const char *line_feed = strchr(*text, '\n');
    if (line_feed == NULL || strncmp(*text, name, name_bytes) != 0 || (*text)[name_bytes] != ' ') {
        return false;
    }
    const char *from = *text + name_bytes + 1;
    if (from > line_feed || line_feed - from >= VALUE_BYTES) {
        return false;
    }
    memcpy(value, from, (size_t)(line_feed - from));
    value[line_feed - from] = '\0';
    *text = line_feed + 1;
    return true;
}

static bool read_word(const struct words *words, const char *value, unsigned *word)
{
    for (int i = 0; i < words->count; i++) {
        if (strcmp(value, words->names[i]) == 0) {
            *word = (unsigned)i;
            return true;
        }
    }
    return false;
}

/* Another spelling of a value is found out when it is written again. */
static bool read_value(const struct line *line, const char *value, void *to)
{
    struct lottery_terms *terms = to; /* of KIND_NUMBER */
    bool nothing = strcmp(value, NOTHING) == 0;
    switch (line->kind) {
    case KIND_TEXT:
        return strlen(value) < line->room &&
               snprintf(to, line->room, "%s", nothing ? "" : value) >= 0;
    case KIND_UINT32:
        *(uint32_t *)to = (uint32_t)strtoull(value, NULL, DECIMAL);
        return true;
    case KIND_KEY:
        *(uint32_t *)to = (uint32_t)strtoull(value, NULL, HEXADECIMAL);
        return true;
    case KIND_UINT64:
        *(uint64_t *)to = strtoull(value, NULL, DECIMAL);
        return true;
    case KIND_CHECKSUM:
        *(uint64_t *)to = strtoull(value, NULL, HEXADECIMAL);
        return true;
    case KIND_MOMENT:
        return nothing || timestamp_parse(value, to);
    case KIND_WORD:
        return read_word(&line->words, value, to);
    case KIND_NUMBER:
        terms->number_given = terms->number_by == NUMBER_BY_COMMAND && !nothing;
        terms->winning_number = nothing ? 0 : (uint32_t)strtoull(value, NULL, DECIMAL);
        return true;
    }
    return false;
}

/* Fills control from the lines of this version. False when they are not those. */
static bool read_lines(const char *text, int version, struct control *control)
{
    char value[VALUE_BYTES];
    const char *at = text + strcspn(text, "\n"); /* behind the first line, if there is one */
    at += *at == '\n' ? 1 : 0;
    for (int i = 0; i < LINES; i++) {
        if (lines[i].since <= version &&
            (!take_line(&at, lines[i].name, value) ||
             !read_value(&lines[i], value, (char *)control + lines[i].offset))) {
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
           (control->archiving[0] == '\0' || control_is_draw_name(control->archiving)) &&
           text_is_clean(control->closing.reason, strlen(control->closing.reason)) &&
           text_is_clean(control->abandoned_reason, strlen(control->abandoned_reason)) &&
           (control->seal_sha256[0] == '\0' ||
            is_hexadecimal(control->seal_sha256, CONTROL_SHA256_DIGITS)) &&
           (control->draw_sha256[0] == '\0' ||
            is_hexadecimal(control->draw_sha256, CONTROL_SHA256_DIGITS));
}

/* A server of version 1.0 knew one lottery a directory. */
static void take_over_older(int version, struct control *control)
{
    if (version == CONTROL_VERSION_OLDEST) {
        (void)snprintf(control->terms.draw, sizeof control->terms.draw, CONTROL_FIRST_DRAW);
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
                    "%s: the directory has version %" PRIu32 ", this server knows versions "
                    "%d and %d: nothing was touched; use the server that wrote it",
                    path, version, CONTROL_VERSION_OLDEST, CONTROL_VERSION);
    } else {
        failure_set(failure,
                    "%s is damaged (its checksum does not agree with its text): nothing was "
                    "touched; it is never edited by hand, restore it together with the "
                    "other files from one backup",
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
