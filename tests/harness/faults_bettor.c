/*
 * faults_bettor.c - see faults_bettor.h.
 */
#include "tests/harness/faults_bettor.h"

#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ROW_BYTES_MAX = 96,
    ROUND_BATCHES = 3,
    WINS_EVERY = 10,
    WINS_AT = 3,
    OTHER_NUMBERS = 7000,
    ANSWER_BYTES_MAX = 65536,
    DECIMAL = 10
};

/* ------------------------------------------------------------------ rows ---- */

/* Row `row` of the agency, with its LF. */
static size_t write_row(uint32_t id, size_t row, char out[ROW_BYTES_MAX])
{
    size_t number = row % WINS_EVERY == WINS_AT ? LOTTERY_WINNING_NUMBER : row % OTHER_NUMBERS;
    return (size_t)snprintf(out, ROW_BYTES_MAX,
                            "Lola %zu,de la Agencia %u,%u%07zu,1984-02-29,%zu\n", row, id, id, row,
                            number);
}

static char *write_rows(struct stage *stage, uint32_t id, size_t first, size_t count, size_t *bytes)
{
    char *text = stage_allocate(stage, (count + 1) * ROW_BYTES_MAX);
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        *bytes += write_row(id, first + i, text + *bytes);
    }
    return text;
}

struct bettor *bettor_open(struct lottery *lottery, uint32_t id, size_t rows)
{
    struct stage *stage = lottery->stage;
    struct bettor *bettor = stage_allocate(stage, sizeof *bettor);
    const char *path = stage_path(stage, "bettor-%u.csv", id);
    size_t bytes = 0;
    const char *text = write_rows(stage, id, 0, rows, &bytes);
    files_write_bytes(path, text, bytes);
    *bettor = (struct bettor){.lottery = lottery, .agency = {.id = id, .bets = path}, .rows = rows};
    return bettor;
}

/* ----------------------------------------------------------- connections ---- */

void bettor_hang_up(struct bettor *bettor)
{
    if (bettor->peer != NULL) {
        peer_close(bettor->peer);
    }
    bettor->peer = NULL;
    bettor->unanswered = 0;
}

static _Noreturn void fail(const struct bettor *bettor, const char *expected, const char *came)
{
    program_show(bettor->lottery->server->program);
    stage_fail_at(__FILE__, __LINE__,
                  "agency %u: expected %s, came: %s (sent %zu, acknowledged %zu)",
                  bettor->agency.id, expected, came, bettor->sent, bettor->acknowledged);
}

/* The next byte; -1 when the connection is lost. */
static int receive_byte(struct bettor *bettor, struct deadline deadline)
{
    struct pollfd ready = {.fd = bettor->peer->socket, .events = POLLIN};
    if (poll(&ready, 1, deadline_left_ms(deadline)) == 0) {
        fail(bettor, "an answer", "nothing");
    }
    unsigned char byte = 0;
    return recv(bettor->peer->socket, &byte, 1, 0) == 1 ? byte : -1;
}

const char *bettor_receive(struct bettor *bettor)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char *text = stage_allocate(bettor->lottery->stage, ANSWER_BYTES_MAX);
    size_t used = 0;
    while (used < 2 || text[used - 2] != '\r' || text[used - 1] != '\n') {
        int byte = bettor->peer == NULL ? -1 : receive_byte(bettor, deadline);
        if (byte < 0) {
            bettor_hang_up(bettor);
            return NULL;
        }
        if (used == ANSWER_BYTES_MAX - 1) {
            fail(bettor, "a shorter answer", text);
        }
        text[used++] = (char)byte;
    }
    return text;
}

void bettor_say(struct bettor *bettor, const char *type)
{
    if (bettor->peer != NULL) {
        peer_send(bettor->peer,
                  stage_text(bettor->lottery->stage, "%u:%s\r\n", bettor->agency.id, type));
    }
}

/* The checksum in "server:8:120,open,0123456789abcdef,..." is that of the rows in bets.csv. */
static void expect_checksum(const struct bettor *bettor, const char *state, size_t stored)
{
    enum { HEXADECIMAL = 16 };
    const struct lottery *lottery = bettor->lottery;
    size_t found = 0;
    const char *phase = strchr(state, ',');
    const char *checksum = phase == NULL ? NULL : strchr(phase + 1, ',');
    uint64_t expected = reckoning_checksum(lottery->stage, server_file(lottery->server, "bets.csv"),
                                           UINT64_MAX, bettor->agency.id, stored, &found);
    if (checksum == NULL || found != stored ||
        strtoull(checksum + 1, NULL, HEXADECIMAL) != expected) {
        fail(bettor, stage_text(lottery->stage, "checksum %016llx", (unsigned long long)expected),
             state);
    }
}

/* The books against the server's word: "server:8:120,open,0123456789abcdef,...". */
static void settle(struct bettor *bettor, const char *state)
{
    static const char start[] = "server:8:";
    if (strncmp(state, start, sizeof start - 1) != 0) {
        fail(bettor, "STATE", state);
    }
    size_t stored = strtoul(state + sizeof start - 1, NULL, DECIMAL);
    if (stored < bettor->acknowledged || stored > bettor->sent_at_most) {
        fail(bettor, "all that was acknowledged, no more than was sent", state);
    }
    expect_checksum(bettor, state, stored);
    bettor->sent = stored;
    bettor->acknowledged = stored;
    lottery_expect_stored(bettor->lottery, &bettor->agency, stored);
}

void bettor_resume(struct bettor *bettor)
{
    const char *state = NULL;
    while (state == NULL) {
        bettor_hang_up(bettor);
        bettor->peer = peer_connect(bettor->lottery->server);
        bettor->connections++;
        bettor_say(bettor, "7");
        state = bettor_receive(bettor);
    }
    settle(bettor, state);
}

pid_t bettor_handler(const struct bettor *bettor)
{
    return server_handler_pid(bettor->lottery->server, bettor->peer->port);
}

/* --------------------------------------------------------------- betting ---- */

/* The row behind the batch that begins at this one. */
static size_t batch_end(const struct bettor *bettor, size_t first)
{
    size_t rows_left = bettor->rows - first;
    return first + (rows_left < BETTOR_BATCH_ROWS ? rows_left : BETTOR_BATCH_ROWS);
}

static void send_batch(struct bettor *bettor)
{
    struct stage *stage = bettor->lottery->stage;
    size_t end = batch_end(bettor, bettor->sent);
    size_t bytes = 0;
    const char *rows =
        write_rows(stage, bettor->agency.id, bettor->sent, end - bettor->sent, &bytes);
    peer_send(bettor->peer, stage_text(stage, "%u:4:%s\r\n", bettor->agency.id, rows));
    bettor->sent = end;
    bettor->unanswered++;
    if (bettor->sent > bettor->sent_at_most) {
        bettor->sent_at_most = bettor->sent;
    }
}

void bettor_send(struct bettor *bettor, size_t batches)
{
    for (; batches > 0 && bettor->peer != NULL && bettor->sent < bettor->rows; batches--) {
        send_batch(bettor);
    }
}

bool bettor_take_answers(struct bettor *bettor)
{
    while (bettor->unanswered > 0) {
        const char *answer = bettor_receive(bettor);
        if (answer == NULL) {
            return false;
        }
        if (strcmp(answer, "server:0\r\n") != 0) {
            fail(bettor, "ACK", answer);
        }
        bettor->unanswered--;
        bettor->acknowledged = batch_end(bettor, bettor->acknowledged);
    }
    return bettor->peer != NULL;
}

void bettor_send_all(struct bettor *bettor)
{
    while (bettor->acknowledged < bettor->rows) {
        bettor_send(bettor, ROUND_BATCHES);
        if (!bettor_take_answers(bettor)) {
            bettor_resume(bettor);
        }
    }
}

/* Asks, and asks again on a new connection when one is lost. */
static const char *ask(struct bettor *bettor, const char *type)
{
    const char *answer = NULL;
    while (answer == NULL) {
        if (bettor->peer == NULL) {
            bettor_resume(bettor);
        }
        bettor_say(bettor, type);
        answer = bettor_receive(bettor);
    }
    return answer;
}

void bettor_say_done(struct bettor *bettor)
{
    const char *answer = ask(bettor, "5");
    if (strcmp(answer, "server:0\r\n") != 0) {
        fail(bettor, "ACK of DONE", answer);
    }
}

bool bettor_is_told_to_wait(struct bettor *bettor)
{
    bettor_say(bettor, "6");
    const char *answer = bettor_receive(bettor);
    if (answer != NULL && strcmp(answer, "server:2\r\n") != 0) {
        fail(bettor, "WAIT", answer);
    }
    return answer != NULL;
}

/* "server:3:1,first,...,7574 LF 1,first,... LF CRLF" to the rows that the agency sent. */
static void write_winners(struct bettor *bettor, const char *answer)
{
    struct stage *stage = bettor->lottery->stage;
    char *rows = stage_allocate(stage, strlen(answer) + 1);
    size_t used = 0;
    for (const char *line = answer + strlen("server:3:"); *line != '\r' && *line != '\0';) {
        const char *row = strchr(line, ',') + 1;
        size_t bytes = strcspn(row, "\n") + 1;
        memcpy(rows + used, row, bytes);
        used += bytes;
        line = row + bytes;
    }
    bettor->agency.winners = stage_path(stage, "bettor-winners-%u.csv", bettor->agency.id);
    files_write_bytes(bettor->agency.winners, rows, used);
}

void bettor_take_winners(struct bettor *bettor)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    const char *answer = ask(bettor, "6");
    while (strcmp(answer, "server:2\r\n") == 0 && deadline_left_ms(deadline) > 0) {
        answer = ask(bettor, "6");
    }
    if (strncmp(answer, "server:3:", strlen("server:3:")) != 0) {
        fail(bettor, "WINNERS", answer);
    }
    write_winners(bettor, answer);
}
