/*
 * members.c - see members.h.
 */
#include "admin/members.h"

#include "lib/timestamp.h"
#include "stat/json.h"

#include <inttypes.h>

static void begin(struct members *members, const char *name)
{
    fputs(members->comma ? ", " : "", members->file);
    if (name != NULL) {
        json_print_string(members->file, name);
        fputs(": ", members->file);
    }
    members->comma = true;
}

void members_begin_object(struct members *members, const char *name)
{
    begin(members, name);
    fputc('{', members->file);
    members->comma = false;
}

void members_begin_array(struct members *members, const char *name)
{
    begin(members, name);
    fputc('[', members->file);
    members->comma = false;
}

void members_end_object(struct members *members)
{
    fputc('}', members->file);
    members->comma = true;
}

void members_end_array(struct members *members)
{
    fputc(']', members->file);
    members->comma = true;
}

void members_add_text(struct members *members, const char *name, const char *text)
{
    begin(members, name);
    json_print_string(members->file, text);
}

void members_add_number(struct members *members, const char *name, uint64_t number)
{
    begin(members, name);
    fprintf(members->file, "%" PRIu64, number);
}

void members_add_flag(struct members *members, const char *name, bool flag)
{
    begin(members, name);
    fputs(flag ? "true" : "false", members->file);
}

void members_add_null(struct members *members, const char *name)
{
    begin(members, name);
    fputs("null", members->file);
}

void members_add_known_text(struct members *members, const char *name, const char *text)
{
    if (text[0] == '\0') {
        members_add_null(members, name);
    } else {
        members_add_text(members, name, text);
    }
}

void members_add_moment(struct members *members, const char *name, int64_t moment_ms)
{
    char text[TIMESTAMP_BYTES] = "";
    if (moment_ms != 0) {
        timestamp_write(moment_ms, text);
    }
    members_add_known_text(members, name, text);
}
