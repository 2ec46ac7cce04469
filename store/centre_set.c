/*
 * centre_set.c - see centre_set.h.
 */
#include "store/centre_set.h"

#include "lib/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

bool centre_set_is_name(const char *name)
{
    return text_is_name(name, strlen(name), CENTRE_NAME_BYTES - 1, "-") && strcmp(name, "-") != 0;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(left, right);
}

int centre_set_find(const struct centre_set *set, const char *name)
{
    const char(*found)[CENTRE_NAME_BYTES] =
        bsearch(name, set->names, set->count, sizeof set->names[0], compare_names);
    return found == NULL ? -1 : (int)(found - set->names);
}

/* Adds the `bytes` bytes at `from` in `text`. The set is sorted once all names are in it. */
static bool add(struct centre_set *set, const char *from, size_t bytes, const char *text,
                const char *place, struct failure *failure)
{
    if (set->count == CENTRES_MAX) {
        return failure_set(failure, "%s: more than %d centres", place, CENTRES_MAX);
    }
    char *name = set->names[set->count];
    (void)snprintf(name, CENTRE_NAME_BYTES, "%.*s",
                   (int)(bytes < CENTRE_NAME_BYTES ? bytes : CENTRE_NAME_BYTES - 1), from);
    if (bytes >= CENTRE_NAME_BYTES || !centre_set_is_name(name)) {
        return failure_set(failure,
                           "%s: \"%.100s\" is not like A,B,C: \"%.*s\" is no centre's name: 1 to "
                           "%d letters, digits and \"-\"",
                           place, text, (int)bytes, from, CENTRE_NAME_BYTES - 1);
    }
    set->count++;
    return true;
}

static bool has_no_name_twice(const struct centre_set *set, const char *place,
                              struct failure *failure)
{
    for (uint32_t i = 1; i < set->count; i++) {
        if (strcmp(set->names[i - 1], set->names[i]) == 0) {
            return failure_set(failure, "%s: centre %s is named twice", place, set->names[i]);
        }
    }
    return true;
}

bool centre_set_parse(const char *text, const char *place, struct centre_set *set,
                      struct failure *failure)
{
    const char *at = text + strspn(text, BLANKS);
    *set = (struct centre_set){.count = 0};
    if (*at == '\0') {
        return true;
    }
    for (;;) {
        size_t bytes = strcspn(at, "," BLANKS);
        if (!add(set, at, bytes, text, place, failure)) {
            return false;
        }
        at += bytes;
        at += strspn(at, BLANKS);
        if (*at != ',') {
            break;
        }
        at++;
        at += strspn(at, BLANKS);
    }
    if (*at != '\0') {
        return failure_set(failure, "%s: \"%.100s\" is not like A,B,C", place, text);
    }
    qsort(set->names, set->count, sizeof set->names[0], compare_names);
    return has_no_name_twice(set, place, failure);
}

void centre_set_write(const struct centre_set *set, char text[CONFIG_TEXT_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < set->count && used < CONFIG_TEXT_BYTES; i++) {
        used += (size_t)snprintf(text + used, CONFIG_TEXT_BYTES - used, "%s%s", i == 0 ? "" : ",",
                                 set->names[i]);
    }
}

bool centre_set_is_text(const char *text)
{
    struct centre_set set;
    struct failure ignored;
    char again[CONFIG_TEXT_BYTES];
    if (!centre_set_parse(text, "", &set, &ignored)) {
        return false;
    }
    centre_set_write(&set, again);
    return strcmp(again, text) == 0;
}
