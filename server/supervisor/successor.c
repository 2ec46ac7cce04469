/*
 * successor.c - see successor.h.
 */
#include "server/supervisor/successor.h"

#include "lib/clock.h"
#include "lib/descriptor_message.h"
#include "lib/log.h"
#include "server/predecessor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STOPS = 4, STOP_SLACK_MS = 8000, ANSWER_BYTES = 64 };

/* No stop takes longer: handlers, keyholder, storer and shipper have their time, one after the other. */
static uint64_t stop_bound_ms(const struct server_config *config)
{
    return STOPS * config->timeout_shutdown_ms + STOP_SLACK_MS;
}

/* Sends what it is to know, and each socket beside a byte of its own. */
static bool send_sockets(int connection, const struct heritage *heritage)
{
    char text[ANSWER_BYTES];
    const struct listeners *listeners = &heritage->listeners;
    const char mark = PREDECESSOR_SOCKET;
    size_t bytes = (size_t)snprintf(text, sizeof text, PREDECESSOR_ANSWER "\n",
                                    stop_bound_ms(&heritage->config), (unsigned)listeners->count);
    if (send(connection, text, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes) {
        return false;
    }
    for (size_t i = 0; i < listeners->count; i++) {
        if (descriptor_message_send(connection, &mark, 1, listeners->descriptors[i]) != 1) {
            return false;
        }
    }
    return true;
}

void successor_dismiss(struct successor *successor)
{
    if (successor->heritage->successor != HERITAGE_NO_END) {
        (void)close(successor->heritage->successor);
    }
    successor->heritage->successor = HERITAGE_NO_END;
    successor->state = SUCCESSOR_NONE;
}

void successor_welcome(struct successor *successor)
{
    struct heritage *heritage = successor->heritage;
    if (successor->state != SUCCESSOR_NONE) {
        admin_door_answer(&heritage->door, false,
                          "another process is about to replace this server: see its log");
        return;
    }
    heritage->successor = admin_door_give_away(&heritage->door, &successor->pid);
    successor->state = SUCCESSOR_TESTS;
    successor->deadline_ms = clock_monotonic_ms() + PREDECESSOR_TEST_MS;
    if (!send_sockets(heritage->successor, heritage)) {
        log_warning(LOG_REPLACE_GIVEN_UP,
                    "result: fail | pid: %d | error: send the listening sockets: %s | reason: the "
                    "server goes on",
                    (int)successor->pid, strerror(errno));
        successor_dismiss(successor);
        return;
    }
    log_info(LOG_REPLACE_ASKED,
             "result: in_progress | pid: %d | sockets: %zu | reason: it has the listening sockets, "
             "and finds out whether it can go on; the server serves meanwhile",
             (int)successor->pid, heritage->listeners.count);
}

void successor_watch(const struct successor *successor, struct pollfd *poll)
{
    *poll = (struct pollfd){
        .fd = successor->state == SUCCESSOR_TESTS ? successor->heritage->successor : -1,
        .events = POLLIN};
}

int64_t successor_patience_ms(const struct successor *successor)
{
    if (successor->state != SUCCESSOR_TESTS) {
        return -1;
    }
    int64_t left_ms = successor->deadline_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

void successor_attend(struct successor *successor, bool is_ready)
{
    char word = 0;
    if (successor->state != SUCCESSOR_TESTS) {
        return;
    }
    if (is_ready) {
        ssize_t got = recv(successor->heritage->successor, &word, 1, MSG_DONTWAIT);
        if (got == 1 && word == PREDECESSOR_GO) {
            successor->state = SUCCESSOR_GOES;
            return;
        }
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
    } else if (successor_patience_ms(successor) > 0) {
        return;
    }
    log_warning(LOG_REPLACE_GIVEN_UP,
                "result: fail | pid: %d | reason: it %s before it had said that it can go on; the "
                "server goes on",
                (int)successor->pid, is_ready ? "has gone" : "took too long");
    successor_dismiss(successor);
}

bool successor_has_gone(const struct successor *successor)
{
    char byte = 0;
    ssize_t got = recv(successor->heritage->successor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}
