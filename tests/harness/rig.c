/*
 * rig.c - see rig.h.
 */
#include "tests/harness/rig.h"

#include "tests/harness/deadline.h"
#include "tests/harness/rig_tls.h"

#include "lib/checksum.h"
#include "lib/program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    SOON_MS = 10000,    /* nothing takes longer, or the test fails */
    PROMPTLY_MS = 1000, /* how long an agency may take to stop */
    RECEIVED_BYTES = 1 << 16,
    OUTPUT_BYTES = 1 << 18,
    BATCH_ROWS_MAX = 16
};

uint64_t rig_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

void rig_await_readable(int fd, const char *what)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    if (poll(&watched, 1, SOON_MS) != 1) {
        fail_msg("waited for %s in vain", what);
    }
}

bool rig_is_readable_within(int fd, int ms)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, ms) == 1;
}

bool rig_is_readable(int fd)
{
    return rig_is_readable_within(fd, 0);
}

/* ------------------------------------------------------- the test's stage ---- */

void rig_listen(struct rig *rig)
{
    assert_int_equal(listen(rig->listener, SOMAXCONN), 0);
}

/* A port of our own at which nobody listens yet. */
void rig_bind(struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    rig->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(rig->listener >= 0);
    assert_int_equal(bind(rig->listener, (const struct sockaddr *)&address, bytes), 0);
    assert_int_equal(getsockname(rig->listener, (struct sockaddr *)&address, &bytes), 0);
    (void)snprintf(rig->address, sizeof rig->address, "127.0.0.1:%d", ntohs(address.sin_port));
}

int rig_set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->printed = calloc(1, OUTPUT_BYTES);
    rig->received = malloc(RECEIVED_BYTES);
    assert_non_null(rig->printed);
    assert_non_null(rig->received);
    rig->connection = -1;
    rig->output = -1;
    scratch_open(&rig->scratch);
    (void)snprintf(rig->bets, sizeof rig->bets, "%s/bets.csv", rig->scratch.path);
    (void)snprintf(rig->winners, sizeof rig->winners, "%s/winners.csv", rig->scratch.path);
    rig_bind(rig);
    *state = rig;
    return 0;
}

/* Also after a test that failed half-way: no child and no file may stay behind. */
int rig_tear_down(void **state)
{
    struct rig *rig = *state;
    if (rig->agency > 0) {
        (void)kill(rig->agency, SIGKILL);
        (void)waitpid(rig->agency, NULL, 0);
        print_message("%s", rig->printed);
    }
    (void)close(rig->connection);
    (void)close(rig->output);
    (void)close(rig->listener);
    (void)unlink(rig->bets);
    (void)unlink(rig->winners);
    int removed = rmdir(rig->scratch.path); /* fails where the agency left something behind */
    scratch_close(&rig->scratch);
    free(rig->printed);
    free(rig->received);
    free(rig);
    return removed;
}

/* Row `number`, counted from 1, without its end. */
void rig_write_row(char *row, unsigned number)
{
    (void)snprintf(row, RIG_ROW_BYTES, "Ana,Núñez %u,2000%04u,1990-01-01,%u", number, number,
                   number);
}

/* A file of `rows` good rows; row `bad`, where not 0, has no birthdate. */
void rig_write_bets(const struct rig *rig, unsigned rows, unsigned bad)
{
    FILE *file = fopen(rig->bets, "we");
    assert_non_null(file);
    for (unsigned number = 1; number <= rows; number++) {
        char row[RIG_ROW_BYTES];
        rig_write_row(row, number);
        (void)fprintf(file, "%s\r\n", number == bad ? "Ana,Sosa,20000000,1990-02-30,1" : row);
    }
    assert_int_equal(fclose(file), 0);
}

void rig_write_text(const struct rig *rig, const char *text)
{
    FILE *file = fopen(rig->bets, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* ----------------------------------------------------- the agency's process ---- */

/* "NAME=value" */
static void set_variable(const char *setting)
{
    char name[RIG_ROW_BYTES];
    const char *equals = strchr(setting, '=');
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - setting), setting);
    (void)setenv(name, equals + 1, 1);
}

/* Becomes the agency; only the child calls it. */
static void become_agency(const struct rig *rig, const char *program, int output,
                          const char *const *settings, char *const *arguments)
{
    static const char *const ordinary[] = {
        "CLI_ID=2",           "CLI_LOG_LEVEL=DEBUG",  "CLI_LOOP_PERIOD=20ms",
        "CLI_LOOP_LAPSE=20s", "CLI_BATCH_INFLIGHT=3", "CLI_BATCH_MAXAMOUNT=2"};
    for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++) {
        set_variable(ordinary[i]);
    }
    (void)setenv("CLI_SERVER_ADDRESS", rig->address, 1);
    (void)setenv("CLI_BETS_FILE", rig->bets, 1);
    for (; settings != NULL && *settings != NULL; settings++) {
        set_variable(*settings);
    }
    if (chdir(rig->scratch.path) == 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 &&
        (!rig->no_log || close_range(STDIN_FILENO, STDOUT_FILENO, 0) == 0)) {
        (void)execv(program, arguments);
    }
    _exit(127);
}

/* Starts the agency with these "NAME=value", which end with NULL, and arguments. */
void rig_start_with(struct rig *rig, const char *const *settings, const char *argument)
{
    char program[PATH_MAX];
    char path[PATH_MAX];
    char option[RIG_ROW_BYTES];
    int ends[2];
    const char *bin = getenv("LOTTERY_BIN");
    (void)snprintf(option, sizeof option, "%s", argument == NULL ? "" : argument);
    (void)snprintf(path, sizeof path, "%s/lottery-agency", bin == NULL ? "bin" : bin);
    if (realpath(path, program) == NULL) {
        fail_msg("%s: %s", path, strerror(errno));
    }
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    rig->agency = fork();
    assert_true(rig->agency >= 0);
    if (rig->agency == 0) {
        char name[] = "lottery-agency";
        char *arguments[] = {name, argument == NULL ? NULL : option, NULL};
        become_agency(rig, program, ends[1], settings, arguments);
    }
    (void)close(ends[1]);
    rig->output = ends[0];
}

void rig_start(struct rig *rig, const char *const *settings)
{
    rig_start_with(rig, settings, NULL);
}

void rig_begin(struct rig *rig, unsigned rows, const char *const *settings)
{
    rig_write_bets(rig, rows, 0);
    rig_listen(rig);
    rig_start(rig, settings);
}

/* Takes what the agency has printed; false when it has ended. */
bool rig_read_output(struct rig *rig)
{
    rig_await_readable(rig->output, "the agency to print or end");
    size_t room = OUTPUT_BYTES - 1 - rig->printed_bytes;
    assert_true(room > 0);
    ssize_t got = read(rig->output, rig->printed + rig->printed_bytes, room);
    assert_true(got >= 0);
    rig->printed_bytes += (size_t)got;
    rig->printed[rig->printed_bytes] = '\0';
    return got > 0;
}

static bool has_printed(const struct rig *rig, const char *text)
{
    return strstr(rig->printed, text) != NULL;
}

void rig_await_output(struct rig *rig, const char *text)
{
    while (!has_printed(rig, text)) {
        if (!rig_read_output(rig)) {
            fail_msg("the agency ended without printing \"%s\"", text);
        }
    }
}

void rig_expect_printed(const struct rig *rig, const char *text)
{
    if (!has_printed(rig, text)) {
        fail_msg("the agency did not print \"%s\", but:\n%s", text, rig->printed);
    }
}

unsigned rig_count_printed(const struct rig *rig, const char *text)
{
    unsigned count = 0;
    for (const char *at = strstr(rig->printed, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

/* The agency ends by itself, with this exit status. */
void rig_expect_exit(struct rig *rig, int exit_status)
{
    int status = 0;
    while (rig_read_output(rig)) {
        /* until its end of the pipe is closed */
    }
    struct rusage usage;
    assert_int_equal(wait4(rig->agency, &status, 0, &usage), rig->agency);
    rig->most_memory = usage.ru_maxrss;
    rig->agency = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != exit_status) {
        fail_msg("wait status %d instead of exit status %d; printed:\n%s", status, exit_status,
                 rig->printed);
    }
}

/* SIGTERM ends it with 0, promptly, and the log says so. */
void rig_expect_graceful_stop(struct rig *rig)
{
    uint64_t asked_ms = rig_now_ms();
    assert_int_equal(kill(rig->agency, SIGTERM), 0);
    rig_expect_exit(rig, PROGRAM_EXIT_STOPPED);
    assert_in_range(rig_now_ms() - asked_ms, 0, PROMPTLY_MS * deadline_patience());
    rig_expect_printed(rig, "action: shutdown | result: in_progress | signal: SIGTERM");
    rig_expect_printed(rig, "action: agency_exit | result: success");
}

void rig_forget(struct rig *rig)
{
    (void)close(rig->output);
    rig->output = -1;
    rig->printed_bytes = 0;
    rig->printed[0] = '\0';
}

/* ------------------------------------------------------- the server's part ---- */

void rig_accept(struct rig *rig)
{
    rig_await_readable(rig->listener, "the agency to connect");
    (void)close(rig->connection);
    rig->connection = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(rig->connection >= 0);
    rig->received_bytes = 0;
    rig->taken = 0;
    if (rig->tls != NULL) {
        rig_tls_greet(rig->tls, rig->connection);
    }
}

void rig_hang_up(struct rig *rig)
{
    if (rig->tls != NULL) {
        rig_tls_end(rig->tls);
    }
    (void)close(rig->connection);
    rig->connection = -1;
}

void rig_receive_more(struct rig *rig)
{
    char *room = rig->received + rig->received_bytes;
    size_t room_bytes = RECEIVED_BYTES - rig->received_bytes;
    ssize_t got = 0;
    if (rig->tls != NULL) {
        got = rig_tls_receive(rig->tls, room, room_bytes);
    } else {
        rig_await_readable(rig->connection, "the agency to say something");
        got = recv(rig->connection, room, room_bytes, 0);
    }
    if (got <= 0) {
        fail_msg("the agency closed the connection; printed:\n%s", rig->printed);
    }
    rig->received_bytes += (size_t)got;
}

/* The next message; it stays until the next call. */
struct message rig_expect_message(struct rig *rig, enum message_type type)
{
    struct message message;
    size_t scanned = 0;
    rig->received_bytes -= rig->taken;
    memmove(rig->received, rig->received + rig->taken, rig->received_bytes);
    while (message_parse(rig->received, rig->received_bytes, false, &scanned, &message) !=
           MESSAGE_WHOLE) {
        rig_receive_more(rig);
    }
    rig->taken = message.bytes;
    assert_int_equal(message.type, type);
    assert_false(message.from_server);
    assert_int_equal(message.sender, 2);
    assert_in_range(message.bytes, 1, 8192);
    return message;
}

void rig_expect_status(struct rig *rig, const char *body)
{
    struct message status = rig_expect_message(rig, MESSAGE_STATUS);
    assert_int_equal(status.body_bytes, strlen(body));
    assert_memory_equal(status.body, body, status.body_bytes);
}

/* A batch of exactly these rows of the file. */
void rig_expect_batch(struct rig *rig, unsigned first, unsigned last)
{
    struct message batch = rig_expect_message(rig, MESSAGE_BET);
    char rows[RIG_ROW_BYTES * BATCH_ROWS_MAX] = "";
    for (unsigned number = first; number <= last; number++) {
        char row[RIG_ROW_BYTES];
        rig_write_row(row, number);
        size_t used = strlen(rows);
        (void)snprintf(rows + used, sizeof rows - used, "%s\n", row);
    }
    assert_int_equal(batch.body_bytes, strlen(rows));
    assert_memory_equal(batch.body, rows, batch.body_bytes);
}

void rig_answer(const struct rig *rig, const char *text)
{
    size_t bytes = strlen(text);
    if (rig->tls != NULL) {
        rig_tls_send(rig->tls, text, bytes);
        return;
    }
    assert_int_equal(send(rig->connection, text, bytes, MSG_NOSIGNAL), bytes);
}

/* Connects and gets this state. */
void rig_accept_and_tell(struct rig *rig, const char *state)
{
    rig_accept(rig);
    (void)rig_expect_message(rig, MESSAGE_STATUS);
    rig_answer(rig, state);
}

/* Everything but the winners: "done" is acknowledged, the look-up has come. */
void rig_acknowledge_done(struct rig *rig)
{
    (void)rig_expect_message(rig, MESSAGE_DONE);
    rig_answer(rig, RIG_ACK);
    (void)rig_expect_message(rig, MESSAGE_REQUEST);
}

void rig_end_without_winners(struct rig *rig)
{
    rig_acknowledge_done(rig);
    rig_answer(rig, "server:3:\r\n");
    rig_expect_exit(rig, EXIT_SUCCESS);
    rig_expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 0");
}

/* The agency says nothing more and closes. */
void rig_expect_closed(struct rig *rig)
{
    char byte = 0;
    assert_int_equal(rig->received_bytes, rig->taken);
    if (rig->tls != NULL) {
        assert_int_equal(rig_tls_receive(rig->tls, &byte, 1), 0);
        return;
    }
    rig_await_readable(rig->connection, "the agency to close");
    assert_true(recv(rig->connection, &byte, 1, 0) <= 0);
}

/* ------------------------------------------------------ what is stored ---- */

/* The checksum of the first `rows` stored rows as they stand in bets.csv. */
static uint64_t stored_checksum(const struct rig_stored *stored, unsigned rows)
{
    uint64_t checksum = CHECKSUM_EMPTY;
    for (unsigned number = 1; number <= rows; number++) {
        char row[RIG_ROW_BYTES];
        char csv[2 * RIG_ROW_BYTES];
        rig_write_row(row, number);
        int bytes =
            snprintf(csv, sizeof csv, "2,%s%s\r\n", number == stored->other ? "Otra " : "", row);
        checksum = checksum_extend(checksum, csv, (size_t)bytes);
    }
    return checksum;
}

const char *rig_state(char state[RIG_STATE_BYTES], const struct rig_stored *stored, unsigned rows,
                      const char *phase, const char *identity)
{
    (void)snprintf(state, RIG_STATE_BYTES, "server:8:%u,%s," CHECKSUM_FORMAT ",%s\r\n", rows, phase,
                   stored_checksum(stored, rows), identity);
    return state;
}

void rig_accept_and_tell_stored(struct rig *rig, const struct rig_stored *stored, const char *phase)
{
    char state[RIG_STATE_BYTES];
    rig_accept_and_tell(rig, rig_state(state, stored, stored->rows, phase, RIG_IDENTITY));
}

/* Waits until the agency says something or closes. */
static bool is_closed(const struct rig *rig)
{
    char byte = 0;
    rig_await_readable(rig->connection, "the agency to ask or close");
    return recv(rig->connection, &byte, 1, MSG_PEEK) <= 0;
}

unsigned rig_answer_prefixes(struct rig *rig, const struct rig_stored *stored)
{
    unsigned asked = 0;
    for (; !is_closed(rig); asked++) {
        char body[RIG_ROW_BYTES];
        char state[RIG_STATE_BYTES];
        struct message prefix = rig_expect_message(rig, MESSAGE_PREFIX);
        (void)snprintf(body, sizeof body, "%.*s", (int)prefix.body_bytes, prefix.body);
        unsigned rows = (unsigned)strtoul(body, NULL, 10);
        assert_in_range(rows, 1, stored->rows);
        rig_answer(rig, rig_state(state, stored, rows, "open", RIG_IDENTITY));
    }
    return asked;
}
