/*
 * key_channel.c - see key_channel.h. If a handler dies while it waits, the kernel closes its pair
 * of sockets, and the keyholder finds that nobody waits any more.
 */
#include "server/key_channel.h"

#include "lib/clock.h"
#include "lib/descriptor_message.h"
#include "lib/log.h"
#include "lib/plain_file.h"
#include "server/signals.h"
#include "tls/tls_certificate.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRIES_MAX = 3,     /* keyholders that may die over one request */
    CROWDED_MS = 10,   /* before the next try, when the kernel carries too many descriptors */
    OTHERS_BITS = 037, /* of a mode: all but what the owner may do, and reading by the group */
    GROUP_READ_BIT = 040,
    PERMISSION_BITS = 07777
};

/* ------------------------------------------------------------- channel ---- */

static bool make_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0;
}

bool key_channel_open(struct key_channel *channel, struct failure *failure)
{
    int ends[2];
    if (!make_pair(ends)) {
        return failure_set_errno(failure, "make the sockets between handlers and keyholder");
    }
    *channel = (struct key_channel){.is_open = true, .ask = ends[0], .take = ends[1]};
    return true;
}

bool key_channel_renew(struct key_channel *channel, struct failure *failure)
{
    struct key_channel old = *channel;
    if (!key_channel_open(channel, failure)) {
        return false;
    }
    key_channel_close(&old);
    return true;
}

void key_channel_close(struct key_channel *channel)
{
    if (channel->is_open) {
        close(channel->ask);
        close(channel->take);
    }
    *channel = (struct key_channel){.is_open = false};
}

/* -------------------------------------------------------------- asking ---- */

enum asking {
    ASKED,
    ANSWERED,
    ASKING_LOST, /* the keyholder died over it, or has dropped it */
    ASKING_LATE,
    ASKING_STOPPED, /* this process is to end */
    ASKING_BROKEN   /* errno says how */
};

/* Waits for `events`. ASKED when they came, or may have come. */
static enum asking wait_for(int descriptor, short events, int64_t deadline_ms, int64_t at_most_ms)
{
    struct pollfd poll = {.fd = descriptor, .events = events};
    int64_t left_ms = deadline_ms - clock_monotonic_ms();
    if (left_ms <= 0) {
        return ASKING_LATE;
    }
    struct timespec timeout = clock_interval(left_ms < at_most_ms ? left_ms : at_most_ms);
    int result = ppoll(&poll, descriptor < 0 ? 0 : 1, &timeout, signals_sleep_mask());
    if (signals_terminate_requested()) {
        return ASKING_STOPPED;
    }
    return result >= 0 || errno == EINTR ? ASKED : ASKING_BROKEN;
}

/* Sends the request and the descriptor for its answer. Waits while the channel is full. */
static enum asking hand_over(int ask, const struct key_request *request, int answer_to,
                             int64_t deadline_ms)
{
    const size_t bytes = offsetof(struct key_request, input) + request->input_bytes;
    enum asking asking = ASKED;
    while (asking == ASKED) {
        if (descriptor_message_send(ask, request, bytes, answer_to) >= 0) {
            return ASKED;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            asking = wait_for(ask, POLLOUT, deadline_ms, KEY_CHANNEL_PATIENCE_MS);
        } else if (errno == ETOOMANYREFS || errno == ENOBUFS || errno == ENOMEM) {
            asking = wait_for(-1, 0, deadline_ms, CROWDED_MS);
        } else if (errno != EINTR) {
            return ASKING_BROKEN;
        }
    }
    return asking;
}

static enum asking await_answer(int descriptor, struct key_answer *answer, int64_t deadline_ms)
{
    enum asking asking = ASKED;
    while (asking == ASKED) {
        ssize_t got = recv(descriptor, answer, sizeof *answer, MSG_DONTWAIT);
        if (got > 0) {
            bool is_whole =
                got >= (ssize_t)offsetof(struct key_answer, signature) &&
                (size_t)got == offsetof(struct key_answer, signature) + answer->signature_bytes;
            return is_whole ? ANSWERED : ASKING_LOST;
        }
        if (got == 0 || errno == ECONNRESET) {
            return ASKING_LOST;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            asking = wait_for(descriptor, POLLIN, deadline_ms, KEY_CHANNEL_PATIENCE_MS);
        } else if (errno != EINTR) {
            return ASKING_BROKEN;
        }
    }
    return asking;
}

static enum asking ask_once(const struct key_channel *channel, const struct key_request *request,
                            struct key_answer *answer, int64_t deadline_ms)
{
    int ends[2];
    if (!make_pair(ends)) {
        return ASKING_BROKEN;
    }
    enum asking asking = hand_over(channel->ask, request, ends[1], deadline_ms);
    close(ends[1]);
    if (asking == ASKED) {
        asking = await_answer(ends[0], answer, deadline_ms);
    }
    int error = errno;
    close(ends[0]);
    errno = error;
    return asking;
}

/* `error` is errno of what could not be done. */
static const char *explain(enum asking asking, uint16_t verdict, int error)
{
    switch (asking) {
    case ANSWERED:
        return verdict == KEY_REFUSED ? "the keyholder signs nothing but a TLS server's handshakes"
                                      : "the keyholder's OpenSSL did not sign in this way";
    case ASKING_LOST:
        return "the keyholder has dropped the request, or keyholders die over it";
    case ASKING_LATE:
        return "the keyholder did not answer in time";
    case ASKING_STOPPED:
        return "this process is to end";
    case ASKED:
    case ASKING_BROKEN:
        break;
    }
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN
               ? "the channel to the keyholder has been shut down"
               : strerror(error);
}

/*
 * Has the request signed: a remote_key_sign, whose context is the struct key_channel. False when it
 * was refused, when nobody has answered in time, or when this process is to end; the log says why.
 * libssl calls it, in a handler.
 */
static bool sign(void *channel, const struct signing_request *request, unsigned char *signature,
                 size_t *signature_bytes)
{
    int64_t deadline_ms = clock_monotonic_ms() + KEY_CHANNEL_PATIENCE_MS;
    struct key_request message = {.scheme = (uint16_t)request->scheme};
    struct key_answer answer = {.verdict = KEY_REFUSED};
    enum asking asking = ANSWERED;
    if (request->input_bytes <= sizeof message.input) {
        message.input_bytes = (uint16_t)request->input_bytes;
        memcpy(message.input, request->input, request->input_bytes);
        asking = ASKING_LOST;
    }
    for (int i = 0; i < TRIES_MAX && asking == ASKING_LOST; i++) {
        asking = ask_once(channel, &message, &answer, deadline_ms);
    }
    int error = errno;
    if (asking != ANSWERED || answer.verdict != KEY_SIGNED) {
        log_warning(LOG_SIGN_FAILED, "result: fail | reason: %s",
                    explain(asking, answer.verdict, error));
        return false;
    }
    memcpy(signature, answer.signature, answer.signature_bytes);
    *signature_bytes = answer.signature_bytes;
    return true;
}

/* ------------------------------------------------------------- the key ---- */

/*
 * Whoever can read the key can be the server. A group may read it where root owns the file, as a
 * group is the one way then to let the server's user read it.
 */
static bool is_private(int file, const char *path, struct failure *failure)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return failure_set_errno(failure, "tls.key: stat %s", path);
    }
    bool group_reads = (status.st_mode & GROUP_READ_BIT) != 0;
    if ((status.st_mode & OTHERS_BITS) != 0 || (group_reads && status.st_uid != 0)) {
        return failure_set(failure,
                           "tls.key: %s is open to others (mode %04o): whoever reads it can pose "
                           "as this server; `chmod 600 %s`, or 640 where root owns it",
                           path, (unsigned)status.st_mode & PERMISSION_BITS, path);
    }
    return true;
}

static bool open_file(struct held_key *key, struct failure *failure)
{
    struct failure reason;
    key->file = plain_file_open(key->path, KEY_FILE_BYTES_MAX, &reason);
    if (key->file < 0) {
        return failure_set(failure, "tls.key: open %s: %s", key->path, reason.text);
    }
    if (!is_private(key->file, key->path, failure)) {
        close(key->file);
        return false;
    }
    return true;
}

bool held_key_open(struct held_key *key, struct key_channel *channel, const char *certificate_path,
                   const char *key_path, struct failure *failure)
{
    const struct remote_signer signer = {.sign = sign, .context = channel};
    struct failure reason;
    *key = (struct held_key){.path = key_path};
    key->public_key = tls_public_key_of_file(certificate_path, &reason);
    if (key->public_key == NULL) {
        return failure_set(failure, "tls.certificate: %s", reason.text);
    }
    if (!open_file(key, failure)) {
        EVP_PKEY_free(key->public_key);
        return false;
    }
    if (!remote_key_open(&key->remote, key->public_key, &signer, &reason)) {
        close(key->file);
        EVP_PKEY_free(key->public_key);
        return failure_set(failure, "tls.certificate: %s: %s", certificate_path, reason.text);
    }
    key->is_open = true;
    return true;
}

void held_key_close(struct held_key *key)
{
    if (key->is_open) {
        remote_key_close(&key->remote);
        EVP_PKEY_free(key->public_key);
        close(key->file);
    }
    *key = (struct held_key){.is_open = false};
}
