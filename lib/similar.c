/*
 * similar.c - see similar.h.
 *
 * The distance is the optimal string alignment distance (L. Boytsov, "Indexing methods for
 * approximate dictionary searching", 2011, section 2.1): Levenshtein's with transpositions of
 * neighbours.
 */
#include "lib/similar.h"

#include <ctype.h>
#include <stdbool.h>

enum { LETTERS_A_CHANGE = 3 };

static bool is_same(char one, char other)
{
    return tolower((unsigned char)one) == tolower((unsigned char)other);
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* How many changes make one name the other. Both have at most SIMILAR_BYTES_MAX bytes. */
static size_t count_changes(const char *one, size_t one_bytes, const char *other,
                            size_t other_bytes)
{
    size_t rows[3][SIMILAR_BYTES_MAX + 1]; /* of the table: two before, before, current */
    for (size_t j = 0; j <= other_bytes; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= one_bytes; i++) {
        size_t *row = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *two_before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= other_bytes; j++) {
            bool same = is_same(one[i - 1], other[j - 1]);
            row[j] = least(before[j - 1] + (same ? 0 : 1), least(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same(one[i - 1], other[j - 2]) &&
                is_same(one[i - 2], other[j - 1])) {
                row[j] = least(row[j], two_before[j - 2] + 1);
            }
        }
    }
    return rows[one_bytes % 3][other_bytes];
}

void similar_begin(struct similar *similar, const char *name, size_t bytes)
{
    *similar = (struct similar){.name = name, .bytes = bytes};
    similar->changes = bytes / LETTERS_A_CHANGE + 1; /* one more than is allowed */
    if (bytes > 1 && similar->changes < 2) {
        similar->changes = 2;
    }
}

void similar_offer(struct similar *similar, const char *known, size_t bytes)
{
    if (similar->bytes > SIMILAR_BYTES_MAX || bytes > SIMILAR_BYTES_MAX) {
        return;
    }
    size_t changes = count_changes(similar->name, similar->bytes, known, bytes);
    if (changes < similar->changes) {
        similar->best = known;
        similar->best_bytes = bytes;
        similar->changes = changes;
    }
}
