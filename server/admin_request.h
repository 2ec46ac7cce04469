/*
 * admin_request.h - what an operator's command says, as it crosses the server's Unix socket.
 *
 * The socket stands in the data directory (ADMIN_SOCKET_FILE). A request is lines, each a word, or
 * a word, a space and its value, each ended by LF; an empty line ends the request:
 *
 *     close                     draw                      open 2026-W49
 *     without 17,42             number 7574               agencies 1-60
 *     reason no line            seal 9f86d081884c7d65...  centres A,B
 *                                                         closes 2026-12-05T20:00:00.000Z
 *                                                         number 7574
 *     close-centre                                        abandon
 *     reason flooded
 *     centre B
 *
 * `promote` has its word alone; a standby takes it, and no server. `replace` has it, too: another
 * lottery-server asks, and predecessor.h says how the two go on.
 *
 * The answer is "ok" or "fail", a space, one line of text, LF; then the server closes. Lines of
 * the first kind are in the order of the struct below, each at most once.
 *
 * lottery-admin writes requests, the supervisor and a standby read them. Pure functions, without state.
 */
#ifndef SERVER_ADMIN_REQUEST_H
#define SERVER_ADMIN_REQUEST_H

#include "lib/config.h"
#include "lib/failure.h"
#include "store/centre_set.h"
#include "store/control.h"
#include "store/data_directory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMIN_SOCKET_FILE DATA_ADMIN_SOCKET
#define ADMIN_NO_CENTRES  "-" /* of `centres`: this one draws alone */

enum {
    ADMIN_REQUEST_BYTES_MAX = 1280, /* of a request with all of its lines, and a NUL */
    ADMIN_ANSWER_BYTES_MAX = 1024
};

enum admin_command {
    ADMIN_CLOSE,
    ADMIN_DRAW,
    ADMIN_OPEN,
    ADMIN_CLOSE_CENTRE,
    ADMIN_PROMOTE,
    ADMIN_REPLACE
};

/* A text is empty, and a moment 0, where the line is not there. */
struct admin_request {
    enum admin_command command;
    char draw[CONTROL_DRAW_BYTES];    /* ADMIN_OPEN: the next draw's name */
    char agencies[CONFIG_TEXT_BYTES]; /* ADMIN_OPEN: those that may bet, and are expected */
    char centres[CONFIG_TEXT_BYTES]; /* ADMIN_OPEN: those that draw together, or ADMIN_NO_CENTRES */
    int64_t closes_at_ms;            /* ADMIN_OPEN */
    bool has_number;                 /* ADMIN_OPEN, ADMIN_DRAW */
    uint32_t number;                 /* where has_number */
    bool abandon;                    /* ADMIN_OPEN: also if the draw before has not been held */
    char without[CONFIG_TEXT_BYTES]; /* ADMIN_CLOSE: agencies to be closed out */
    /* ADMIN_CLOSE, ADMIN_CLOSE_CENTRE, ADMIN_OPEN with abandon */
    char reason[CONTROL_REASON_BYTES];
    char seal[CONTROL_SHA256_DIGITS + 1]; /* ADMIN_DRAW */
    char centre[CENTRE_NAME_BYTES];       /* ADMIN_CLOSE_CENTRE: to be closed out */
};

/* Returns "close", "draw", "open", "close-centre", "promote" or "replace". */
const char *admin_command_name(enum admin_command command);

/* Writes the request, with its last empty line and a NUL. Returns its bytes without the NUL. */
size_t admin_request_write(const struct admin_request *request, char text[ADMIN_REQUEST_BYTES_MAX]);

/* True when the bytes hold a whole request: up to an empty line. */
bool admin_request_is_whole(const char *text, size_t bytes);

/*
 * Reads a whole request. Returns false with the failure when it is not exactly what
 * admin_request_write makes of *request, or misses what its command needs: a name (open), a
 * number and a seal (draw), a centre and a reason (close-centre). Lists of
 * agencies and centres, and whether the command is possible now, are for the caller to judge.
 */
bool admin_request_parse(const char *text, size_t bytes, struct admin_request *request,
                         struct failure *failure);

#endif
