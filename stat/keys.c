/*
 * keys.c - see keys.h.
 */
#include "stat/keys.h"

#include <ctype.h>
#include <string.h>

#define ESCAPE '\x1b'

/* What follows ESC. Terminals send `O` for `[` in their application mode. */
static const struct {
    const char *text;
    enum key key;
} sequences[] = {
    {"[A", KEY_UP},       {"OA", KEY_UP},         {"[B", KEY_DOWN}, {"OB", KEY_DOWN},
    {"[5~", KEY_PAGE_UP}, {"[6~", KEY_PAGE_DOWN}, {"[H", KEY_HOME}, {"OH", KEY_HOME},
    {"[1~", KEY_HOME},    {"[F", KEY_END},        {"OF", KEY_END},  {"[4~", KEY_END},
};

static enum key find(const char *sequence, size_t bytes)
{
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        if (strlen(sequences[i].text) == bytes && memcmp(sequences[i].text, sequence, bytes) == 0) {
            return sequences[i].key;
        }
    }
    return KEY_UNKNOWN;
}

/* A sequence ends at its first byte of '@' to '~' after "ESC [", or with the byte after "ESC O". */
static bool is_whole(const struct keys *keys, char byte)
{
    return keys->used > 2 && ((byte >= '@' && byte <= '~') || keys->used == KEYS_SEQUENCE_BYTES);
}

bool keys_take(struct keys *keys, char byte, int *key)
{
    bool follows_escape = keys->used == 1;
    if (byte == ESCAPE) {
        keys->sequence[0] = byte; /* whatever had begun has been given up */
        keys->used = 1;
        return false;
    }
    if (keys->used == 0 || (follows_escape && byte != '[' && byte != 'O')) {
        keys->used = 0;
        *key = tolower((unsigned char)byte);
        return true;
    }
    keys->sequence[keys->used++] = byte;
    if (!is_whole(keys, byte)) {
        return false;
    }
    *key = (int)find(keys->sequence + 1, keys->used - 1);
    keys->used = 0;
    return true;
}

bool keys_are_open(const struct keys *keys)
{
    return keys->used == 1;
}

void keys_give_up(struct keys *keys)
{
    keys->used = 0;
}
