/*
 * asking.c - see asking.h.
 */
#include "admin/asking.h"

#include "admin/place.h"
#include "bet/bet.h"
#include "lib/text.h"
#include "server/admin_socket.h"
#include "stat/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --------------------------------------------------------------- options ---- */

bool asking_take_text(const struct invocation *invocation, enum command_option option,
                      const char *name, char *text, size_t capacity)
{
    const char *given = command_option(invocation, option);
    if (given == NULL) {
        text[0] = '\0';
        return true;
    }
    size_t bytes = strlen(given);
    if (bytes == 0 || bytes >= capacity || !text_is_clean(given, bytes)) {
        program_complain(invocation->manual, PROGRAM_EXIT_USAGE,
                         "--%s: 1 to %zu bytes of text are needed", name, capacity - 1);
        return false;
    }
    (void)snprintf(text, capacity, "%s", given);
    return true;
}

bool asking_take_number(const struct invocation *invocation, struct admin_request *request)
{
    const char *given = command_option(invocation, OPTION_NUMBER);
    if (given == NULL) {
        return true;
    }
    request->has_number = bet_parse_uint32(given, strlen(given), &request->number);
    if (!request->has_number) {
        program_complain(invocation->manual, PROGRAM_EXIT_USAGE,
                         "--number: \"%.60s\" is no number from 0 to 4294967295", given);
    }
    return request->has_number;
}

/* ------------------------------------------------------------------ asking ---- */

static int connect_to_server(const char *path, struct failure *failure)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        (void)place_explain_unopened(path, failure);
        return -1;
    }
    int server = admin_socket_connect(directory);
    int error = errno;
    close(directory);
    if (server >= 0) {
        return server;
    }
    errno = error;
    if (error == ENOENT || error == ECONNREFUSED) {
        (void)failure_set(failure,
                          "no server listens at %s/" ADMIN_SOCKET_FILE ": start it first; if it is "
                          "running, its log says why it has no socket there",
                          path);
    } else if (error == EACCES) {
        (void)failure_set(failure,
                          "%s/" ADMIN_SOCKET_FILE " is open to the server's user and root alone: "
                          "run lottery-admin as one of them",
                          path);
    } else {
        (void)failure_set_errno(failure, "connect to %s/" ADMIN_SOCKET_FILE, path);
    }
    return -1;
}

static bool send_request(int server, const struct admin_request *request, struct failure *failure)
{
    char text[ADMIN_REQUEST_BYTES_MAX];
    size_t bytes = admin_request_write(request, text);
    for (size_t sent = 0; sent < bytes;) {
        ssize_t now = send(server, text + sent, bytes - sent, MSG_NOSIGNAL);
        if (now < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return true; /* the server has answered already, and closed */
        }
        if (now < 0 && errno != EINTR) {
            return failure_set_errno(failure, "send the request to the server");
        }
        sent += now > 0 ? (size_t)now : 0;
    }
    return true;
}

/* Reads to the end of the stream; it ends by a reset where the server has not read all of it. */
static bool receive_answer(int server, char answer[ADMIN_ANSWER_BYTES_MAX], struct failure *failure)
{
    size_t bytes = 0;
    for (;;) {
        ssize_t got = recv(server, answer + bytes, ADMIN_ANSWER_BYTES_MAX - 1 - bytes, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got == 0 || (got < 0 && errno == ECONNRESET)) {
            break;
        }
        if (got < 0) {
            return failure_set_errno(failure, "receive the server's answer");
        }
        bytes += (size_t)got;
    }
    if (bytes == 0 || answer[bytes - 1] != '\n') {
        return failure_set(failure, "the server ended before it answered: see its log, and "
                                    "lottery-admin status for what has become of it");
    }
    answer[bytes - 1] = '\0';
    return true;
}

/* Takes the line "claimed EPOCH", which a standby tells before the answer. True where there is one. */
static bool take_claimed(char answer[ADMIN_ANSWER_BYTES_MAX])
{
    static const char word[] = "claimed ";
    if (strncmp(answer, word, sizeof word - 1) != 0) {
        return false;
    }
    const char *end = strchr(answer, '\n');
    const char *rest = end == NULL ? "fail the log is this node's, and its server ended before it "
                                     "served: see its log"
                                   : end + 1;
    memmove(answer, rest, strlen(rest) + 1); /* a literal is shorter than the array */
    return true;
}

static int print_answer(const struct invocation *invocation, const struct admin_request *request,
                        const char *answer)
{
    bool carried_out = strncmp(answer, "ok ", 3) == 0;
    const char *text = strchr(answer, ' ');
    text = text == NULL ? "" : text + 1;
    if (command_option(invocation, OPTION_JSON) != NULL) {
        printf("{\"ok\": %s, \"command\": \"%s\", \"answer\": ", carried_out ? "true" : "false",
               admin_command_name(request->command));
        json_print_string(stdout, text);
        puts("}");
    } else if (carried_out) {
        puts(text);
    } else {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", text);
    }
    int status = program_finish_output(invocation->manual);
    return carried_out ? status : EXIT_FAILURE;
}

int asking_carry_out(const struct invocation *invocation, const struct server_config *config,
                     const struct admin_request *request)
{
    char answer[ADMIN_ANSWER_BYTES_MAX];
    struct failure failure;
    int server = connect_to_server(config->data_directory, &failure);
    bool answered = server >= 0 && send_request(server, request, &failure) &&
                    receive_answer(server, answer, &failure);
    if (server >= 0) {
        close(server);
    }
    if (!answered) {
        return program_complain(invocation->manual, EXIT_FAILURE, "%s", failure.text);
    }
    bool has_claimed = false;
    while (take_claimed(answer)) { /* once more, where a shipper died behind its claim */
        has_claimed = true;
    }
    int status = print_answer(invocation, request, answer);
    return has_claimed && status != EXIT_SUCCESS ? EXIT_CLAIMED : status;
}
