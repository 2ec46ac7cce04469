/*
 * command_pki.h - what the commands `pki ...` of lottery-admin have in common.
 *
 * Called by command_pki.c, command_pki_revoke.c and command_pki_list.c alone.
 */
#ifndef ADMIN_COMMAND_PKI_H
#define ADMIN_COMMAND_PKI_H

#include "admin/command.h"
#include "lib/timestamp.h"
#include "pki/authority.h"

#include <stdbool.h>
#include <stdint.h>

enum { COMMAND_PKI_MS_A_SECOND = 1000 };

/* --directory, or its default. */
const char *command_pki_directory(const struct invocation *invocation);

/* The wall clock, in seconds since 1970. */
int64_t command_pki_now_s(void);

/* Writes a moment in seconds since 1970. */
void command_pki_write_moment(int64_t moment_s, char text[TIMESTAMP_BYTES]);

/* Complains of files in issued/ that are no certificates; true where there are any. */
bool command_pki_tell_unread(const struct invocation *invocation, const struct issued_list *list);

/* True while it is neither revoked nor expired. */
bool command_pki_is_alive(const struct issued *issued);

bool command_pki_are_equal(const struct agency_set *first, const struct agency_set *second);

/*
 * Reads the operands, lists of agencies, into as many sets. Returns false after a complaint
 * (program_misused).
 */
bool command_pki_take_agencies(const struct invocation *invocation, struct agency_set *sets);

#endif
