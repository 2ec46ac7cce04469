/*
 * replication.c - see replication.h.
 *
 * A state has exactly one text, of the lines of one table (value_line.h) and one for each takeover. The
 * reader writes what it has read again in memory, and refuses the file unless both texts are the same.
 */
#include "store/replication.h"

#include "lib/timestamp.h"
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
    TEXT_BYTES_MAX = 4096,
    HOST_BYTES = 65,
    NAME_BYTES_MAX =
        REPLICATION_NODE_BYTES - 1 - REPLICATION_ID_BYTES, /* of a node, before its id */
    DECIMAL = 10
};

#define FIRST_LINE    "lottery replication 1\n"
#define TAKEOVER_NAME "takeover"

static const char *const role_names[] = {
    [REPLICATION_PRIMARY] = "primary", [REPLICATION_STANDBY] = "standby"};

/* ----------------------------------------------------------------- lines ---- */

#define LINE(name, kind, field)                                                                    \
    {                                                                                              \
        name, kind, offsetof(struct replication_state, field),                                     \
            sizeof((struct replication_state *)NULL)->field, {0}, 1                                \
    }

static const struct value_line lines[] = {
    LINE("id", VALUE_TEXT, id),
    {"role", VALUE_WORD, offsetof(struct replication_state, role), 0, VALUE_WORDS(role_names), 1},
    LINE("identity", VALUE_TEXT, identity),
    LINE("writer", VALUE_TEXT, writer),
    LINE("epoch", VALUE_UINT64, epoch),
    LINE("sequence", VALUE_UINT64, sequence),
    LINE("bets_end", VALUE_UINT64, bets_end),
    LINE("done_end", VALUE_UINT64, done_end),
    LINE("connected", VALUE_FLAG, connected),
    LINE("told_bets_end", VALUE_UINT64, told_bets_end),
    LINE("heard_at", VALUE_MOMENT, heard_at_ms),
    LINE("written_at", VALUE_MOMENT, written_at_ms),
    LINE("why", VALUE_TEXT, why),
};

enum { LINES = sizeof lines / sizeof lines[0] };

/* --------------------------------------------------------------- writing ---- */

/* Returns the bytes of the text; it always fits. */
static size_t write_text(const struct replication_state *state, char text[TEXT_BYTES_MAX])
{
    size_t used = (size_t)snprintf(text, TEXT_BYTES_MAX, FIRST_LINE);
    for (int i = 0; i < LINES; i++) {
        used += value_line_write(&lines[i], state, text + used, TEXT_BYTES_MAX - used);
    }
    for (size_t i = 0; i < state->takeover_count; i++) {
        const struct replication_takeover *takeover = &state->takeovers[i];
        char at[TIMESTAMP_BYTES];
        timestamp_write(takeover->at_ms, at);
        used += (size_t)snprintf(text + used, TEXT_BYTES_MAX - used,
                                 TAKEOVER_NAME " %" PRIu64 " %s %s\n", takeover->epoch, at,
                                 takeover->node);
    }
    return used + value_line_write_checksum(text, used, TEXT_BYTES_MAX);
}

enum {
    LINE_BYTES = 48,      /* of a name and a value that is no text */
    TAKEOVER_BYTES = 140, /* of a takeover's line, and of the first and the last line */
    TEXTS_BYTES = REPLICATION_ID_BYTES + sizeof((struct replication_state *)NULL)->identity +
                  REPLICATION_NODE_BYTES + REPLICATION_WHY_BYTES
};
_Static_assert((int)TEXT_BYTES_MAX >
                   LINES * LINE_BYTES + TEXTS_BYTES + (REPLICATION_TAKEOVERS + 2) * TAKEOVER_BYTES,
               "a state fits");

bool replication_write(const struct data_directory *directory,
                       const struct replication_state *state, bool *synced, struct failure *failure)
{
    char text[TEXT_BYTES_MAX];
    size_t bytes = write_text(state, text);
    return whole_file_write(directory, DATA_REPLICATION_FILE, text, bytes, synced, failure);
}

/* --------------------------------------------------------------- reading ---- */

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
    char value[VALUE_LINE_BYTES];
    const char *at = text + sizeof FIRST_LINE - 1;
    for (int i = 0; i < LINES; i++) {
        if (!value_line_read(&lines[i], &at, state)) {
            return false;
        }
    }
    while (value_line_take(&at, TAKEOVER_NAME, value)) {
        if (state->takeover_count == REPLICATION_TAKEOVERS ||
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
        "%s is damaged (its checksum does not agree with its text): nothing was touched; it is "
        "never edited by hand. Move it away: the next start with --follow then compares "
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
    const bool is_known = gethostname(host, sizeof host - 1) == 0 && host[0] != '\0';
    const char *name = configured[0] != '\0' ? configured : is_known ? host : "node";
    (void)snprintf(node, REPLICATION_NODE_BYTES, "%.*s-%s", NAME_BYTES_MAX, name, state->id);
}
