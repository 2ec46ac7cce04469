/*
 * asking.h - asks the running server for something, over the socket in its data directory.
 *
 * server/admin_request.h says what a request and its answer are. The server may take its time: a
 * seal over millions of bets takes minutes, so there is no time limit; Ctrl-C ends the waiting,
 * and not what was asked for. Called by lottery-admin's commands.
 */
#ifndef ADMIN_ASKING_H
#define ADMIN_ASKING_H

#include "admin/command.h"
#include "server/admin_request.h"

/*
 * Asks the server of config->data_directory and prints its answer (`--json`: as an object with
 * `ok`, `command` and `answer`). Returns the exit status: 0 when it was carried out; 1, after a
 * complaint, when it was not, or when there is no server to ask; EXIT_CLAIMED when a standby has claimed
 * the log, which stays, and does not serve.
 */
int asking_carry_out(const struct invocation *invocation, const struct server_config *config,
                     const struct admin_request *request);

/*
 * Copies an option's argument to `text`. Returns false after a complaint when it has `capacity` or
 * more bytes, or bytes that are no text. An option that was not given is the empty text.
 */
bool asking_take_text(const struct invocation *invocation, enum command_option option,
                      const char *name, char *text, size_t capacity);

/*
 * Reads --number, if it was given. Returns false after a complaint when it is none of 0 to
 * 4294967295.
 */
bool asking_take_number(const struct invocation *invocation, struct admin_request *request);

#endif
