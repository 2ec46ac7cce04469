/*
 * members.h - writes the JSON objects that lottery-admin prints.
 *
 * A writer knows only whether a comma is due. Strings are escaped as in lottery-stat (stat/json.h).
 * Called by lottery-admin's commands.
 */
#ifndef ADMIN_MEMBERS_H
#define ADMIN_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct members {
    FILE *file; /* the caller's; errors stay in it */
    bool comma; /* something was written before on this level */
};

/* Begin an object or an array: as the member `name`, or as an element where `name` is NULL. */
void members_begin_object(struct members *members, const char *name);
void members_begin_array(struct members *members, const char *name);

/* End the latest one. */
void members_end_object(struct members *members);
void members_end_array(struct members *members);

/* Write a member, or an element where `name` is NULL. */
void members_add_text(struct members *members, const char *name, const char *text);
void members_add_number(struct members *members, const char *name, uint64_t number);
void members_add_flag(struct members *members, const char *name, bool flag);
void members_add_null(struct members *members, const char *name);

/* As text, or null where it is empty. */
void members_add_known_text(struct members *members, const char *name, const char *text);

/* As RFC 3339 text (lib/timestamp.h), or null where it is 0. */
void members_add_moment(struct members *members, const char *name, int64_t moment_ms);

#endif
