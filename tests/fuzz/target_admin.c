/*
 * target_admin.c - any bytes, in any pieces, at the socket for the operator.
 *
 * Promises: the door never waits, whatever comes and however it is cut; what is taken for a request
 * is exactly what lottery-admin would write for it; whoever stays and asks for something else, or
 * for too much, gets one line that begins with "fail "; and the door is free afterwards, for the
 * next one.
 *
 * The input: a byte that says how many bytes come at once (0: all of them), a byte whose first bit
 * says that the client stops sending at the end; the rest is what it sends.
 */
#include "lib/log.h"
#include "server/admin_door.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scratch.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { HEADER_BYTES = 2, STOPS_SENDING_BIT = 1 };

static const char ok_answer[] = "ok it is done\n";

/* The door of this process; opened at the first call. */
static struct admin_door *open_door(void)
{
    static struct admin_door door;
    static bool is_open;
    struct failure failure;
    if (!is_open) {
        log_set_threshold(LOG_LEVEL_CRITICAL);
        scratch_open();
        const struct data_directory directory = {
            .path = scratch_path, .descriptor = scratch_directory, .lock = -1};
        FUZZ_EXPECT(admin_door_open(&door, &directory, &failure));
        is_open = true;
    }
    return &door;
}

static int knock(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/" ADMIN_SOCKET_FILE,
                   scratch_path);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    FUZZ_EXPECT(client >= 0 &&
                connect(client, (const struct sockaddr *)&address, sizeof address) == 0);
    return client;
}

/* What was taken for a request is the beginning of what was sent, and the only text for it. */
static void check_request(struct admin_door *door, const struct admin_request *request,
                          const char *sent, size_t bytes)
{
    char text[ADMIN_REQUEST_BYTES_MAX];
    size_t written = admin_request_write(request, text);
    FUZZ_EXPECT(written <= bytes && memcmp(text, sent, written) == 0);
    FUZZ_EXPECT(admin_request_is_whole(text, written));
    FUZZ_EXPECT(request->command != ADMIN_OPEN || control_is_draw_name(request->draw));
    FUZZ_EXPECT(request->command != ADMIN_DRAW || request->has_number);
    admin_door_answer(door, true, "it is done");
}

/* Goes on until the door waits for something; true when a request has been taken and answered. */
static bool go_on(struct admin_door *door, const char *sent, size_t bytes)
{
    struct admin_request request;
    struct pollfd poll_one;
    bool taken = false;
    do {
        if (admin_door_go_on(door, &request)) {
            check_request(door, &request, sent, bytes);
            taken = true;
        }
        admin_door_watch(door, &poll_one);
        FUZZ_EXPECT(poll_one.fd >= 0);
    } while (poll(&poll_one, 1, 0) > 0);
    return taken;
}

/* Sends all of it, in pieces; true when a request has been taken. */
static bool send_in_pieces(struct admin_door *door, int client, const char *text, size_t bytes,
                           size_t piece)
{
    bool taken = false;
    for (size_t sent = 0; sent < bytes && !taken;) {
        size_t part = bytes - sent < piece || piece == 0 ? bytes - sent : piece;
        ssize_t now = send(client, text + sent, part, MSG_NOSIGNAL);
        if (now < 0) { /* the door has refused it already */
            FUZZ_EXPECT(errno == EPIPE || errno == ECONNRESET);
            break;
        }
        sent += (size_t)now;
        taken = go_on(door, text, sent);
    }
    return taken;
}

/* Returns the bytes of the answer; the stream has ended, or there is none yet. */
static size_t hear(int client, char answer[ADMIN_ANSWER_BYTES_MAX])
{
    size_t used = 0;
    for (ssize_t got = 1; got > 0; used += got > 0 ? (size_t)got : 0) {
        got = recv(client, answer + used, ADMIN_ANSWER_BYTES_MAX - 1 - used, 0);
    }
    answer[used] = '\0';
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char answer[ADMIN_ANSWER_BYTES_MAX];
    if (bytes < HEADER_BYTES) {
        return 0;
    }
    char *text = fuzz_copy(data + HEADER_BYTES, bytes - HEADER_BYTES);
    bytes -= HEADER_BYTES;
    struct admin_door *door = open_door();
    FUZZ_EXPECT(door->state == ADMIN_DOOR_FREE);
    int client = knock();
    (void)go_on(door, text, 0);
    bool taken = send_in_pieces(door, client, text, bytes, data[0]);
    if ((data[1] & STOPS_SENDING_BIT) != 0) {
        (void)shutdown(client, SHUT_WR);
        FUZZ_EXPECT(!go_on(door, text, bytes));
        FUZZ_EXPECT(door->state == ADMIN_DOOR_FREE);
    }
    size_t heard = hear(client, answer);
    FUZZ_EXPECT(!taken || strcmp(answer, ok_answer) == 0);
    FUZZ_EXPECT(taken || heard == 0 ||
                (strncmp(answer, "fail ", strlen("fail ")) == 0 &&
                 strchr(answer, '\n') == answer + heard - 1));
    bool is_whole = admin_request_is_whole(text, bytes) || bytes >= ADMIN_REQUEST_BYTES_MAX;
    FUZZ_EXPECT(!is_whole || heard > 0);
    (void)close(client);
    (void)go_on(door, text, 0);
    free(text);
    return 0;
}
