/*
 * replication.c - see replication.h.
 *
 * A state has exactly one text. The reader parses leniently, writes the result again in memory, and
 * refuses the file unless both texts are the same (as control.c does).
 */
#include "store/replication.h"

#include "lib/checksum.h"
#include "lib/text.h"
#include "lib/timestamp.h"
#include "store/file_io.h"
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

enum { TEXT_BYTES_MAX = 4096, VALUE_BYTES = 160, HOST_BYTES = 65, DECIMAL = 10 };

#define FIRST_LINE    "lottery replication 1\n"
#define TAKEOVER_LINE "takeover "
#define CHECKSUM_LINE "checksum "
#define NOTHING       "-" /* how an empty value is written */

static const char *const role_names[] = {
    [REPLICATION_PRIMARY] = "primary", [REPLICATION_STANDBY] = "standby"};

/* ----------------------------------------------------------------- lines ---- */

enum kind { KIND_TEXT, KIND_ROLE, KIND_NUMBER, KIND_FLAG, KIND_MOMENT };

struct line {
    const char *name;
    enum kind kind;
    size_t offset; /* of the value in struct replication_state */
    size_t room;   /* of KIND_TEXT: bytes, with the NUL */
};

#define LINE(name, kind, field)                                                                    \
    {                                                                                              \
        name, kind, offsetof(struct replication_state, field),                                     \
            sizeof((struct replication_state *)NULL)->field                                        \
    }

static const struct line lines[] = {
    LINE("id", KIND_TEXT, id),
    LINE("role", KIND_ROLE, role),
    LINE("identity", KIND_TEXT, identity),
    LINE("writer", KIND_TEXT, writer),
    LINE("epoch", KIND_NUMBER, epoch),
    LINE("sequence", KIND_NUMBER, sequence),
    LINE("bets_end", KIND_NUMBER, bets_end),
    LINE("done_end", KIND_NUMBER, done_end),
    LINE("connected", KIND_FLAG, connected),
    LINE("told_bets_end", KIND_NUMBER, told_bets_end),
    LINE("heard_at", KIND_MOMENT, heard_at_ms),
    LINE("written_at", KIND_MOMENT, written_at_ms),
    LINE("why", KIND_TEXT, why),
};

enum { LINES = sizeof lines / sizeof lines[0] };

/* --------------------------------------------------------------- writing ---- */

static void write_value(const struct line *line, const void *from, char value[VALUE_BYTES])
{
    value[0] = '\0';
    switch (line->kind) {
    case KIND_TEXT:
        (void)snprintf(value, VALUE_BYTES, "%s", (const char *)from);
        break;
    case KIND_ROLE:
        (void)snprintf(value, VALUE_BYTES, "%s", role_names[*(const enum replication_role *)from]);
        break;
    case KIND_NUMBER:
        (void)snprintf(value, VALUE_BYTES, "%" PRIu64, *(const uint64_t *)from);
        break;
    case KIND_FLAG:
        (void)snprintf(value, VALUE_BYTES, "%s", *(const bool *)from ? "yes" : "no");
        break;
    case KIND_MOMENT:
        if (*(const int64_t *)from != 0) {
            timestamp_write(*(const int64_t *)from, value);
        }
        break;
    }
    if (value[0] == '\0') {
        (void)snprintf(value, VALUE_BYTES, NOTHING);
    }
}

/* Returns the bytes of the text; it always fits. */
static size_t write_text(const struct replication_state *state, char text[TEXT_BYTES_MAX])
{
    size_t used = (size_t)snprintf(text, TEXT_BYTES_MAX, FIRST_LINE);
    for (int i = 0; i < LINES; i++) {
        char value[VALUE_BYTES];
        write_value(&lines[i], (const char *)state + lines[i].offset, value);
        used +=
            (size_t)snprintf(text + used, TEXT_BYTES_MAX - used, "%s %s\n", lines[i].name, value);
    }
    for (size_t i = 0; i < state->takeover_count; i++) {
        const struct replication_takeover *takeover = &state->takeovers[i];
        char at[TIMESTAMP_BYTES];
        timestamp_write(takeover->at_ms, at);
        used += (size_t)snprintf(text + used, TEXT_BYTES_MAX - used,
                                 TAKEOVER_LINE "%" PRIu64 " %s %s\n", takeover->epoch, at,
                                 takeover->node);
    }
    uint64_t checksum = checksum_extend(CHECKSUM_EMPTY, text, used);
    used += (size_t)snprintf(text + used, TEXT_BYTES_MAX - used, CHECKSUM_LINE CHECKSUM_FORMAT "\n",
                             checksum);
    return used;
}

_Static_assert((int)TEXT_BYTES_MAX > LINES * VALUE_BYTES + REPLICATION_TAKEOVERS * 140 - 1024,
               "a state fits");

bool replication_write(const struct data_directory *directory,
                       const struct replication_state *state, bool *synced, struct failure *failure)
{
    char text[TEXT_BYTES_MAX];
    size_t bytes = write_text(state, text);
    return whole_file_write(directory, DATA_REPLICATION_FILE, text, bytes, synced, failure);
}

/* --------------------------------------------------------------- reading ---- */

/* Copies the rest of the line at *text after `name` and a space; moves *text to the next line. */
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

static bool read_value(const struct line *line, const char *value, void *to)
{
    bool nothing = strcmp(value, NOTHING) == 0;
    switch (line->kind) {
    case KIND_TEXT:
        return strlen(value) < line->room &&
               snprintf(to, line->room, "%s", nothing ? "" : value) >= 0;
    case KIND_ROLE:
        *(enum replication_role *)to = strcmp(value, role_names[REPLICATION_STANDBY]) == 0
                                           ? REPLICATION_STANDBY
                                           : REPLICATION_PRIMARY;
        return true;
    case KIND_NUMBER:
        *(uint64_t *)to = strtoull(value, NULL, DECIMAL);
        return true;
    case KIND_FLAG:
        *(bool *)to = strcmp(value, "yes") == 0;
        return true;
    case KIND_MOMENT:
        return nothing || timestamp_parse(value, to);
    }
    return false;
}

/* Reads "EPOCH TIME NODE". */
static bool read_takeover(char *value, struct replication_takeover *takeover)
{
    char *rest = NULL;
    takeover->epoch = strtoull(value, &rest, DECIMAL);
    char *at = *rest == ' ' ? rest + 1 : rest;
    char *node = strchr(at, ' ');
    if (node == NULL) {
        return false;
    }
    *node++ = '\0';
    return timestamp_parse(at, &takeover->at_ms) && strlen(node) < sizeof takeover->node &&
           snprintf(takeover->node, sizeof takeover->node, "%s", node) >= 0;
}

static bool read_lines(const char *text, struct replication_state *state)
{
    char value[VALUE_BYTES];
    const char *at = text + sizeof FIRST_LINE - 1;
    for (int i = 0; i < LINES; i++) {
        if (!take_line(&at, lines[i].name, value) ||
            !read_value(&lines[i], value, (char *)state + lines[i].offset)) {
            return false;
        }
    }
    while (strncmp(at, TAKEOVER_LINE, sizeof TAKEOVER_LINE - 1) == 0) {
        if (state->takeover_count == REPLICATION_TAKEOVERS || !take_line(&at, "takeover", value) ||
            !read_takeover(value, &state->takeovers[state->takeover_count++])) {
            return false;
        }
    }
    return true;
}

/* True when write_text makes the same text of what was read. */
static bool parse(const char *text, size_t bytes, struct replication_state *state)
{
    char again[TEXT_BYTES_MAX];
    return strlen(text) == bytes && strncmp(text, FIRST_LINE, sizeof FIRST_LINE - 1) == 0 &&
           read_lines(text, state) && write_text(state, again) == bytes &&
           memcmp(again, text, bytes) == 0;
}

enum replication_answer replication_read_file(int file, const char *path,
                                              struct replication_state *state,
                                              struct failure *failure)
{
    char text[TEXT_BYTES_MAX + 1];
    *state = (struct replication_state){.role = REPLICATION_PRIMARY};
    ssize_t got = file_read_up_to(file, text, TEXT_BYTES_MAX, 0);
    if (got < 0) {
        failure_set_errno(failure, "read %s", path);
        return REPLICATION_REFUSED;
    }
    text[got] = '\0';
    if (parse(text, (size_t)got, state)) {
        return REPLICATION_READ;
    }
    failure_set(
        failure,
        "%s is damaged (its checksum does not agree with its text): nothing was touched; it "
        "is never edited by hand. Move it away: the next start with --follow then compares "
        "all files with the log",
        path);
    return REPLICATION_REFUSED;
}

enum replication_answer replication_read(const struct data_directory *directory,
                                         struct replication_state *state, struct failure *failure)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/" DATA_REPLICATION_FILE, directory->path);
    *state = (struct replication_state){.role = REPLICATION_PRIMARY};
    int file = data_directory_open_file(directory, DATA_REPLICATION_FILE, O_RDONLY, failure);
    if (file < 0) {
        return errno == ENOENT ? REPLICATION_ABSENT : REPLICATION_REFUSED;
    }
    enum replication_answer answer = replication_read_file(file, path, state, failure);
    (void)close(file);
    return answer;
}

/* A new directory's: a random id, a primary, nothing read. False with the failure. */
static bool make(struct replication_state *state, struct failure *failure)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        return failure_set_errno(failure, "get 4 random bytes for the node's id");
    }
    *state = (struct replication_state){.role = REPLICATION_PRIMARY};
    (void)snprintf(state->id, sizeof state->id, "%08" PRIx32, random);
    return true;
}

bool replication_settle(const struct data_directory *directory, struct replication_state *state,
                        struct failure *failure)
{
    bool synced = true;
    switch (replication_read(directory, state, failure)) {
    case REPLICATION_READ:
        return true;
    case REPLICATION_ABSENT:
        return make(state, failure) && replication_write(directory, state, &synced, failure);
    case REPLICATION_REFUSED:
        break;
    }
    return false;
}

/* ------------------------------------------------------------------ other ---- */

void replication_note_takeover(struct replication_state *state, uint64_t epoch, int64_t at_ms,
                               const char *node)
{
    if (state->takeover_count == REPLICATION_TAKEOVERS) {
        memmove(&state->takeovers[0], &state->takeovers[1],
                (REPLICATION_TAKEOVERS - 1) * sizeof state->takeovers[0]);
        state->takeover_count--;
    }
    struct replication_takeover *takeover = &state->takeovers[state->takeover_count++];
    *takeover = (struct replication_takeover){.epoch = epoch, .at_ms = at_ms};
    (void)snprintf(takeover->node, sizeof takeover->node, "%s", node);
}

void replication_name_node(const struct replication_state *state, const char *configured,
                           char node[REPLICATION_NODE_BYTES])
{
    char host[HOST_BYTES] = "";
    if (configured[0] != '\0') {
        (void)snprintf(node, REPLICATION_NODE_BYTES, "%.80s", configured);
        return;
    }
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
        (void)snprintf(host, sizeof host, "node");
    }
    (void)snprintf(node, REPLICATION_NODE_BYTES, "%s-%s", host, state->id);
}
