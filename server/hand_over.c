/*
 * hand_over.c - see hand_over.h.
 */
#include "server/hand_over.h"

#include "lib/descriptor_message.h"
#include "lib/log.h"
#include "server/signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The message, beside the socket. */
struct words {
    uint32_t slot_index;
    uint32_t from_balancer; /* 0 or 1 */
    uint32_t may_return;    /* the same */
};

bool hand_over_open(struct hand_over_pair *pair, struct failure *failure)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return failure_set_errno(failure, "make the sockets between supervisor and handler");
    }
    *pair = (struct hand_over_pair){.give = ends[0], .take = ends[1]};
    return true;
}

bool hand_over_give(int give, const struct hand_over *what)
{
    const struct words words = {.slot_index = what->slot_index,
                                .from_balancer = what->from_balancer,
                                .may_return = what->may_return};
    ssize_t sent = 0;
    do {
        sent = descriptor_message_send(give, &words, sizeof words, what->socket);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)sizeof words;
}

/*
 * Takes what has come, without waiting. Returns recvmsg's result; *socket is -1 where not just one
 * socket came with it.
 */
static ssize_t receive(int take, struct words *words, int *socket)
{
    int flags = 0;
    ssize_t got = descriptor_message_receive(take, words, sizeof *words, socket, &flags);
    if (*socket >= 0 && (flags & MSG_CTRUNC) != 0) {
        close(*socket);
        *socket = DESCRIPTOR_MESSAGE_NONE;
    }
    return got;
}

static bool complain(const char *what)
{
    log_error(LOG_HAND_OVER_FAILED, "result: fail | error: %s", what);
    return false;
}

/* Sleeps until something comes, or a signal. False where it can't. */
static bool await(int take)
{
    struct pollfd poll = {.fd = take, .events = POLLIN};
    return ppoll(&poll, 1, NULL, signals_sleep_mask()) >= 0 || errno == EINTR ||
           complain(strerror(errno));
}

bool hand_over_take(int take, struct hand_over *what)
{
    struct words words;
    for (;;) {
        ssize_t got = receive(take, &words, &what->socket);
        if (got == (ssize_t)sizeof words && what->socket >= 0) {
            what->slot_index = words.slot_index;
            what->from_balancer = words.from_balancer != 0;
            what->may_return = words.may_return != 0;
            return true;
        }
        if (got > 0) {
            return complain("no socket came with a connection: are too many files open?");
        }
        if (got == 0) {
            return false; /* the supervisor has no use for this handler any more, or has died */
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            return complain(strerror(errno));
        }
        /* What had come before SIGTERM has been looked for, so that it is served. */
        if (signals_terminate_requested() || !await(take)) {
            return false;
        }
    }
}

/* ---------------------------------------------------------------- return ---- */

bool hand_over_return(int take)
{
    const char word = 0;
    return send(take, &word, sizeof word, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof word;
}

enum hand_over_news hand_over_look(int give)
{
    char word = 0;
    ssize_t got = recv(give, &word, sizeof word, MSG_DONTWAIT);
    if (got == (ssize_t)sizeof word) {
        return HAND_OVER_RETURNED;
    }
    bool is_nothing = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    return is_nothing ? HAND_OVER_NOTHING : HAND_OVER_CLOSED;
}
