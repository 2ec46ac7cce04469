/*
 * bettor.c - see bettor.h.
 */
#include "tests/faults/shim/bettor.h"

#include "tests/faults/shim/journal.h"
#include "tests/harness/bets.h"
#include "tests/harness/reckoning.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BETTORS_MAX = 16, MESSAGE_BYTES = 64, LOOK_AT_SERVER_MS = 20, DECIMAL = 10 };

#define ACK     "server:0\r\n"
#define WAIT    "server:2\r\n"
#define WINNERS "server:3:"
#define STATE   "server:8:"

static bool release_bettor(void *thing)
{
    struct bettor *bettor = thing;
    bettors_hang_up(&bettor, 1);
    return true;
}

struct bettor *bettor_new(struct stage *stage, uint32_t agency, unsigned total, unsigned batch,
                          unsigned window)
{
    struct bettor *bettor = stage_allocate(stage, sizeof *bettor);
    bettor->stage = stage;
    bettor->agency = agency;
    bettor->total = total;
    bettor->batch = batch;
    bettor->window = window;
    bettor->journal = -1;
    bettor->socket = -1;
    stage_own(stage, bettor, release_bettor);
    return bettor;
}

static unsigned first_bet(const struct bettor *bettor)
{
    return bettor->agency * BETTOR_FIRST_FACTOR + bettor->draw * BETTOR_DRAW_BETS;
}

const char *bettor_winners(const struct bettor *bettor)
{
    char *text = stage_allocate(bettor->stage, BETTOR_ANSWER_BYTES);
    (void)snprintf(text, BETTOR_ANSWER_BYTES, WINNERS "%u,%s\n\r\n", bettor->agency,
                   bets_row(bettor->stage, first_bet(bettor) + BETTOR_WINNER));
    return text;
}

static _Noreturn void fail(const struct bettor *bettor, const char *what)
{
    stage_fail_at(__FILE__, __LINE__,
                  "agency %u, connection %u, step %d: %s; promised: %u of %u bets%s%s; the server "
                  "says: \"%.*s\"",
                  bettor->agency, bettor->connections, (int)bettor->step, what,
                  bettor->acknowledged, bettor->total, bettor->done ? ", done" : "",
                  bettor->told != NULL ? ", told" : "", (int)bettor->in_bytes, bettor->in);
}

/* ------------------------------------------------------------- promises ---- */

bool bettors_note(int journal, const char *text)
{
    size_t bytes = strlen(text);
    struct journal_record record = {
        .magic = JOURNAL_MAGIC, .kind = JOURNAL_NOTE, .payload_bytes = (uint32_t)bytes};
    struct iovec parts[] = {{.iov_base = &record, .iov_len = sizeof record}, {.iov_len = bytes}};
    memcpy(&parts[1].iov_base, &text, sizeof text); /* writev writes no iovec, but says so */
    return writev(journal, parts, 2) == (ssize_t)(sizeof record + bytes);
}

static void note(const struct bettor *bettor, const char *what)
{
    char text[MESSAGE_BYTES];
    (void)snprintf(text, sizeof text, "%u/%u %s %u", bettor->agency, bettor->draw, what,
                   bettor->acknowledged);
    if (bettor->journal >= 0 && !bettors_note(bettor->journal, text)) {
        fail(bettor, "its promise could not be noted");
    }
}

bool bettor_remember(struct bettor *bettor, const char *note_text, size_t bytes)
{
    char text[BETTOR_ANSWER_BYTES];
    char *at = text;
    (void)snprintf(text, sizeof text, "%.*s", (int)bytes, note_text);
    if (strtoul(text, &at, DECIMAL) != bettor->agency || *at != '/' ||
        strtoul(at + 1, &at, DECIMAL) != bettor->draw || *at != ' ') {
        return false;
    }
    const char *what = at + 1;
    bettor->acknowledged = (unsigned)strtoul(what + strcspn(what, " "), NULL, DECIMAL);
    bettor->done = bettor->done || strncmp(what, "ack ", strlen("ack ")) != 0;
    if (strncmp(what, "told ", strlen("told ")) == 0) {
        bettor->told = bettor_winners(bettor);
    }
    return true;
}

/* -------------------------------------------------------------- sending ---- */

static void say(struct bettor *bettor, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t sent = send(bettor->socket, text, left, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            return; /* it has closed: what is received next will show */
        }
        text += sent > 0 ? sent : 0;
        left -= sent > 0 ? (size_t)sent : 0;
    }
}

static void say_type(struct bettor *bettor, enum bettor_step step, int type)
{
    char text[MESSAGE_BYTES];
    bettor->step = step;
    (void)snprintf(text, sizeof text, "%u:%d\r\n", bettor->agency, type);
    say(bettor, text);
}

static void ask_status(struct bettor *bettor)
{
    enum { STATUS = 7 };
    say_type(bettor, BETTOR_ASKS, STATUS);
}

static void look_up(struct bettor *bettor)
{
    enum { REQUEST = 6 };
    say_type(bettor, BETTOR_LOOKS_UP, REQUEST);
}

/* Fills the window; when everything is acknowledged, says so. */
static void go_on_betting(struct bettor *bettor)
{
    enum { DONE = 5 };
    bettor->step = BETTOR_BETS;
    if (bettor->acknowledged == bettor->total) {
        say_type(bettor, BETTOR_ENDS, DONE);
        return;
    }
    while (bettor->sent < bettor->total &&
           bettor->sent - bettor->acknowledged < bettor->window * bettor->batch) {
        unsigned left = bettor->total - bettor->sent;
        unsigned count = left < bettor->batch ? left : bettor->batch;
        say(bettor,
            bets_batch(bettor->stage, bettor->agency, first_bet(bettor) + bettor->sent, count));
        bettor->sent += count;
    }
}

/* ------------------------------------------------------------- answers ---- */

/* Its first `stored` bets, as they stand in bets.csv, have this checksum. */
static void expect_checksum(const struct bettor *bettor, unsigned long stored, uint64_t checksum)
{
    char row[BETTOR_ANSWER_BYTES];
    uint64_t expected = 0;
    for (unsigned n = 0; n < stored; n++) {
        int bytes = snprintf(row, sizeof row, "%u,%s\r\n", bettor->agency,
                             bets_row(bettor->stage, first_bet(bettor) + n));
        expected = reckoning_sum(expected, row, (size_t)bytes);
    }
    if (checksum != expected) {
        fail(bettor, "the checksum is not that of what it has sent");
    }
}

static void take_state(struct bettor *bettor, const char *body)
{
    enum { HEXADECIMAL = 16 };
    char *comma = NULL;
    unsigned long stored = strtoul(body, &comma, DECIMAL);
    const char *checksum = *comma == ',' ? strchr(comma + 1, ',') : NULL;
    bool is_open = strncmp(comma, ",open,", strlen(",open,")) == 0;
    bool is_drawn = strncmp(comma, ",drawn,", strlen(",drawn,")) == 0;
    if (checksum == NULL) {
        fail(bettor, "STATE has no checksum");
    }
    if (stored < bettor->acknowledged || stored > bettor->total) {
        fail(bettor, "STATE is not what was promised");
    }
    if ((is_open && bettor->done) || (!is_drawn && bettor->told != NULL)) {
        fail(bettor, "what was done is no longer done");
    }
    expect_checksum(bettor, stored, strtoull(checksum + 1, NULL, HEXADECIMAL));
    bettor->acknowledged = (unsigned)stored;
    bettor->sent = (unsigned)stored;
    note(bettor, is_open ? "ack" : "done");
    if (is_open) {
        go_on_betting(bettor);
        return;
    }
    if (stored != bettor->total) {
        fail(bettor, "it is done, but bets are missing");
    }
    bettor->done = true;
    look_up(bettor);
}

static void take_ack(struct bettor *bettor)
{
    if (bettor->step == BETTOR_ENDS) {
        bettor->done = true;
        note(bettor, "done");
        look_up(bettor);
        return;
    }
    unsigned left = bettor->total - bettor->acknowledged;
    bettor->acknowledged += left < bettor->batch ? left : bettor->batch;
    note(bettor, "ack");
    go_on_betting(bettor);
}

static void take_winners(struct bettor *bettor)
{
    if (strcmp(bettor->in, bettor_winners(bettor)) != 0) {
        fail(bettor, "these are not its winners");
    }
    bettor->told = bettor_winners(bettor);
    bettor->step = BETTOR_FINISHED;
    note(bettor, "told");
}

/* One whole message stands at the start of `in`, terminated. */
static void take_answer(struct bettor *bettor)
{
    enum bettor_step step = bettor->step;
    if (step == BETTOR_ASKS && strncmp(bettor->in, STATE, sizeof STATE - 1) == 0) {
        take_state(bettor, bettor->in + sizeof STATE - 1);
    } else if ((step == BETTOR_BETS || step == BETTOR_ENDS) && strcmp(bettor->in, ACK) == 0) {
        take_ack(bettor);
    } else if (step == BETTOR_LOOKS_UP && strcmp(bettor->in, WAIT) == 0) {
        look_up(bettor);
    } else if (step == BETTOR_LOOKS_UP && strncmp(bettor->in, WINNERS, sizeof WINNERS - 1) == 0) {
        take_winners(bettor);
    } else {
        fail(bettor, "that is no answer");
    }
}

static void take_answers(struct bettor *bettor)
{
    char *end = NULL;
    while ((end = memmem(bettor->in, bettor->in_bytes, "\r\n", 2)) != NULL) {
        size_t bytes = (size_t)(end + 2 - bettor->in);
        size_t whole = bettor->in_bytes;
        char after = bettor->in[bytes];
        bettor->in[bytes] = '\0';
        bettor->in_bytes = bytes;
        take_answer(bettor);
        bettor->in[bytes] = after;
        bettor->in_bytes = whole - bytes;
        memmove(bettor->in, bettor->in + bytes, bettor->in_bytes);
    }
}

/* ---------------------------------------------------------- connections ---- */

static void hang_up(struct bettor *bettor)
{
    if (bettor->socket >= 0) {
        (void)close(bettor->socket);
        bettor->socket = -1;
    }
}

static void dial(struct bettor *bettor, unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const int on = 1;
    bettor->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bettor->socket < 0) {
        fail(bettor, strerror(errno));
    }
    bettor->connections++;
    bettor->in_bytes = 0;
    if (connect(bettor->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
        hang_up(bettor);
        return;
    }
    (void)setsockopt(bettor->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ask_status(bettor);
}

static void listen_to_server(struct bettor *bettor)
{
    size_t room = sizeof bettor->in - 1 - bettor->in_bytes;
    ssize_t got = recv(bettor->socket, bettor->in + bettor->in_bytes, room, MSG_DONTWAIT);
    if (got > 0) {
        bettor->in_bytes += (size_t)got;
        take_answers(bettor);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        hang_up(bettor);
    }
    if (bettor->step == BETTOR_FINISHED) {
        hang_up(bettor);
    }
}

/* One look at all of them. Returns how many are not finished. */
static size_t serve_once(struct bettor *const *bettors, size_t count, unsigned port)
{
    struct pollfd polls[BETTORS_MAX];
    size_t unfinished = 0;
    for (size_t i = 0; i < count; i++) {
        if (bettors[i]->step != BETTOR_FINISHED) {
            unfinished++;
            if (bettors[i]->socket < 0 && !bettors[i]->stays_away) {
                dial(bettors[i], port);
            }
        }
        polls[i] = (struct pollfd){.fd = bettors[i]->socket, .events = POLLIN};
    }
    if (unfinished > 0 && poll(polls, count, LOOK_AT_SERVER_MS) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (bettors[i]->socket >= 0 && polls[i].revents != 0) {
                listen_to_server(bettors[i]);
            }
        }
    }
    return unfinished;
}

enum bettors_end bettors_run(struct bettor *const *bettors, size_t count, struct program *server,
                             unsigned port, struct deadline deadline)
{
    while (serve_once(bettors, count, port) > 0) {
        if (program_has_ended(server)) {
            bettors_hang_up(bettors, count);
            return BETTORS_LEFT_ALONE;
        }
        if (deadline_left_ms(deadline) == 0) {
            return BETTORS_OUT_OF_TIME;
        }
    }
    return BETTORS_FINISHED;
}

void bettors_hang_up(struct bettor *const *bettors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        hang_up(bettors[i]);
        if (bettors[i]->step != BETTOR_FINISHED) {
            bettors[i]->step = BETTOR_ASKS;
        }
    }
}

/* ------------------------------------------------------------ reckoning ---- */

void bettors_expect_promised(struct bettor *const *bettors, size_t count,
                             const struct server *server)
{
    const struct reckoning *stored = reckoning_read(server->stage, server_file(server, "bets.csv"));
    for (size_t i = 0; i < count; i++) {
        unsigned rows = (unsigned)reckoning_count(stored, bettors[i]->agency);
        if (rows < bettors[i]->acknowledged) {
            stage_fail_at(__FILE__, __LINE__, "agency %u: %u bets were acknowledged, %u are there",
                          bettors[i]->agency, bettors[i]->acknowledged, rows);
        }
        bets_expect_stored(server, bettors[i]->agency, first_bet(bettors[i]), rows);
    }
}

void bettors_expect_stored(struct bettor *const *bettors, size_t count, const struct server *server)
{
    for (size_t i = 0; i < count; i++) {
        bets_expect_stored(server, bettors[i]->agency, first_bet(bettors[i]), bettors[i]->total);
    }
}
