/*
 * signing_desk.c - see signing_desk.h.
 */
#include "server/keyholder/signing_desk.h"

#include "lib/descriptor_message.h"
#include "lib/fault_point.h"
#include "server/keyholder/private_key.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOBODY_WAITS_EVENTS = POLLHUP | POLLERR | POLLNVAL };

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* -------------------------------------------------------------- judging ---- */

static bool is_pkcs1(uint16_t scheme)
{
    return scheme == SIGNING_RSA_PKCS1_SHA256 || scheme == SIGNING_RSA_PKCS1_SHA384 ||
           scheme == SIGNING_RSA_PKCS1_SHA512;
}

/* What a TLS server signs, in a way that its version of TLS has. */
static bool is_handshake(const struct signing_desk *desk, const struct key_request *request)
{
    if (handshake_input_is_tls13(request->input, request->input_bytes)) {
        return !is_pkcs1(request->scheme);
    }
    return desk->allows_tls12 && handshake_input_is_tls12(request->input, request->input_bytes);
}

/* True when `bytes` bytes are a whole request, no more and no less. */
static bool is_whole(const struct key_request *request, ssize_t bytes)
{
    return bytes >= (ssize_t)offsetof(struct key_request, input) &&
           request->input_bytes <= sizeof request->input &&
           (size_t)bytes == offsetof(struct key_request, input) + request->input_bytes;
}

/* --------------------------------------------------------------- taking ---- */

/* An empty message and the end read alike. */
static bool is_shut(int take)
{
    struct pollfd poll_end = {.fd = take, .events = POLLRDHUP};
    return poll(&poll_end, 1, 0) > 0 && (poll_end.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ------------------------------------------------------------ answering ---- */

static bool nobody_waits(int descriptor)
{
    struct pollfd other_end = {.fd = descriptor, .events = 0};
    return poll(&other_end, 1, 0) > 0 && (other_end.revents & NOBODY_WAITS_EVENTS) != 0;
}

/* Closes a descriptor that may be anything. One that lingers for its peer must not make us wait. */
static void put_away(int descriptor)
{
    const struct linger not_at_all = {.l_onoff = 0};
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &not_at_all, sizeof not_at_all);
    (void)close(descriptor);
}

/* Who does not take the answer, whose descriptor is full or no socket, goes without. */
static void answer(const struct signing_desk *desk, const struct key_request *request,
                   int descriptor)
{
    struct key_answer answer = {.verdict = KEY_REFUSED};
    if (is_handshake(desk, request)) {
        private_key_sign(desk->key, request, &answer);
    }
    count(answer.verdict == KEY_SIGNED ? &desk->figures->signatures : &desk->figures->refused);
    (void)send(descriptor, &answer, offsetof(struct key_answer, signature) + answer.signature_bytes,
               MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum desk_round signing_desk_serve(const struct signing_desk *desk)
{
    struct key_request request;
    int descriptor = DESCRIPTOR_MESSAGE_NONE;
    int flags = 0;
    ssize_t bytes =
        descriptor_message_receive(desk->take, &request, sizeof request, &descriptor, &flags);
    if (bytes < 0) {
        bool is_empty = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        return is_empty ? DESK_EMPTY : DESK_SHUT;
    }
    if (bytes == 0 && descriptor == DESCRIPTOR_MESSAGE_NONE && is_shut(desk->take)) {
        return DESK_SHUT;
    }
    fault_point("keyholder.taken");
    if (descriptor == DESCRIPTOR_MESSAGE_NONE || (flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        !is_whole(&request, bytes)) {
        count(&desk->figures->malformed);
    } else if (nobody_waits(descriptor)) {
        count(&desk->figures->abandoned);
    } else {
        answer(desk, &request, descriptor);
    }
    if (descriptor != DESCRIPTOR_MESSAGE_NONE) {
        put_away(descriptor);
    }
    return DESK_SERVED;
}
