/*
 * test_agency.c - the real lottery-agency against a server that plays a part.
 *
 * Each test is the server: it accepts the agency's connections, reads what the
 * agency asks and answers what the part wants. The agency runs as a child whose
 * output comes through a pipe; nothing is waited for but these descriptors,
 * each time with a limit.
 */
#include "lib/message.h"
#include "tests/harness/deadline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    SOON_MS = 10000,    /* nothing takes longer, or the test fails */
    PROMPTLY_MS = 1000, /* how long an agency may take to stop */
    RECEIVED_BYTES = 1 << 16,
    OUTPUT_BYTES = 1 << 18,
    ROW_BYTES = 64,
    SETTINGS_MAX = 16
};

/* One test's agency, and the server that it talks to. */
struct rig {
    char directory[PATH_MAX];
    char bets[PATH_MAX];
    char winners[PATH_MAX];
    char address[ROW_BYTES];
    int listener;
    int connection; /* -1: none */
    pid_t agency;   /* 0: none */
    int output;     /* what the agency prints */
    bool no_log;    /* it is started with standard input and output closed */
    char *printed;  /* OUTPUT_BYTES, always terminated */
    size_t printed_bytes;
    char *received; /* RECEIVED_BYTES */
    size_t received_bytes;
    size_t taken; /* of them, the message that expect_message returned last */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

static void await_readable(int fd, const char *what)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    if (poll(&watched, 1, deadline_left_ms(deadline_in(SOON_MS))) != 1) {
        fail_msg("waited for %s in vain", what);
    }
}

static bool is_readable_within(int fd, int ms)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    return poll(&watched, 1, ms) == 1;
}

static bool is_readable(int fd)
{
    return is_readable_within(fd, 0);
}

/* ------------------------------------------------------- the test's stage ---- */

static void set_listening(struct rig *rig)
{
    assert_int_equal(listen(rig->listener, SOMAXCONN), 0);
}

/* A port of our own at which nobody listens yet. */
static void bind_listener(struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    rig->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(rig->listener >= 0);
    assert_int_equal(bind(rig->listener, (const struct sockaddr *)&address, bytes), 0);
    assert_int_equal(getsockname(rig->listener, (struct sockaddr *)&address, &bytes), 0);
    (void)snprintf(rig->address, sizeof rig->address, "127.0.0.1:%d", ntohs(address.sin_port));
}

static int set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->printed = calloc(1, OUTPUT_BYTES);
    rig->received = malloc(RECEIVED_BYTES);
    assert_non_null(rig->printed);
    assert_non_null(rig->received);
    rig->connection = -1;
    rig->output = -1;
    (void)snprintf(rig->directory, sizeof rig->directory, "/tmp/test_agency_XXXXXX");
    assert_non_null(mkdtemp(rig->directory));
    (void)snprintf(rig->bets, sizeof rig->bets, "%.64s/bets.csv", rig->directory);
    (void)snprintf(rig->winners, sizeof rig->winners, "%.64s/winners.csv", rig->directory);
    bind_listener(rig);
    *state = rig;
    return 0;
}

/* Also after a test that failed half-way: no child and no file may stay behind. */
static int tear_down(void **state)
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
    int removed = rmdir(rig->directory);
    free(rig->printed);
    free(rig->received);
    free(rig);
    return removed;
}

/* Row `number`, counted from 1, without its end. */
static void write_row(char *row, unsigned number)
{
    (void)snprintf(row, ROW_BYTES, "Ana,Núñez %u,2000%04u,1990-01-01,%u", number, number, number);
}

/* A file of `rows` good rows; row `bad`, where not 0, has no birthdate. */
static void write_bets(const struct rig *rig, unsigned rows, unsigned bad)
{
    FILE *file = fopen(rig->bets, "we");
    assert_non_null(file);
    for (unsigned number = 1; number <= rows; number++) {
        char row[ROW_BYTES];
        write_row(row, number);
        (void)fprintf(file, "%s\r\n", number == bad ? "Ana,Sosa,20000000,1990-02-30,1" : row);
    }
    assert_int_equal(fclose(file), 0);
}

/* ----------------------------------------------------- the agency's process ---- */

/* "NAME=value" */
static void set_variable(const char *setting)
{
    char name[ROW_BYTES];
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
    if (chdir(rig->directory) == 0 && dup2(output, STDOUT_FILENO) >= 0 &&
        dup2(output, STDERR_FILENO) >= 0 &&
        (!rig->no_log || close_range(STDIN_FILENO, STDOUT_FILENO, 0) == 0)) {
        (void)execv(program, arguments);
    }
    _exit(127);
}

/* Starts the agency with these "NAME=value", which end with NULL, and arguments. */
static void start_with(struct rig *rig, const char *const *settings, const char *argument)
{
    char program[PATH_MAX];
    char path[PATH_MAX];
    char option[ROW_BYTES];
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

static void start(struct rig *rig, const char *const *settings)
{
    start_with(rig, settings, NULL);
}

/* Takes what the agency has printed; false when it has ended. */
static bool read_output(struct rig *rig)
{
    await_readable(rig->output, "the agency to print or end");
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

static void await_output(struct rig *rig, const char *text)
{
    while (!has_printed(rig, text)) {
        if (!read_output(rig)) {
            fail_msg("the agency ended without printing \"%s\"", text);
        }
    }
}

static void expect_printed(const struct rig *rig, const char *text)
{
    if (!has_printed(rig, text)) {
        fail_msg("the agency did not print \"%s\", but:\n%s", text, rig->printed);
    }
}

static unsigned count_printed(const struct rig *rig, const char *text)
{
    unsigned count = 0;
    for (const char *at = strstr(rig->printed, text); at != NULL; at = strstr(at + 1, text)) {
        count++;
    }
    return count;
}

/* The agency ends by itself, with this exit status. */
static void expect_exit(struct rig *rig, int exit_status)
{
    int status = 0;
    while (read_output(rig)) {
        /* until its end of the pipe is closed */
    }
    assert_int_equal(waitpid(rig->agency, &status, 0), rig->agency);
    rig->agency = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != exit_status) {
        fail_msg("wait status %d instead of exit status %d; printed:\n%s", status, exit_status,
                 rig->printed);
    }
}

/* SIGTERM ends it with 0, promptly, and the log says so. */
static void expect_graceful_stop(struct rig *rig)
{
    uint64_t asked_ms = now_ms();
    assert_int_equal(kill(rig->agency, SIGTERM), 0);
    expect_exit(rig, EXIT_SUCCESS);
    assert_in_range(now_ms() - asked_ms, 0, PROMPTLY_MS * deadline_patience());
    expect_printed(rig, "action: shutdown | result: in_progress | signal: SIGTERM");
    expect_printed(rig, "action: exit | result: success");
}

/* ------------------------------------------------------- the server's part ---- */

static void accept_agency(struct rig *rig)
{
    await_readable(rig->listener, "the agency to connect");
    (void)close(rig->connection);
    rig->connection = accept4(rig->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(rig->connection >= 0);
    rig->received_bytes = 0;
    rig->taken = 0;
}

static void hang_up(struct rig *rig)
{
    (void)close(rig->connection);
    rig->connection = -1;
}

static void receive_more(struct rig *rig)
{
    await_readable(rig->connection, "the agency to say something");
    ssize_t got = recv(rig->connection, rig->received + rig->received_bytes,
                       RECEIVED_BYTES - rig->received_bytes, 0);
    if (got <= 0) {
        fail_msg("the agency closed the connection; printed:\n%s", rig->printed);
    }
    rig->received_bytes += (size_t)got;
}

/* The next message; it stays until the next call. */
static struct message expect_message(struct rig *rig, enum message_type type)
{
    struct message message;
    size_t scanned = 0;
    rig->received_bytes -= rig->taken;
    memmove(rig->received, rig->received + rig->taken, rig->received_bytes);
    while (message_parse(rig->received, rig->received_bytes, false, &scanned, &message) !=
           MESSAGE_WHOLE) {
        receive_more(rig);
    }
    rig->taken = message.bytes;
    assert_int_equal(message.type, type);
    assert_false(message.from_server);
    assert_int_equal(message.sender, 2);
    assert_in_range(message.bytes, 1, 8192);
    return message;
}

/* A batch of exactly these rows of the file. */
static void expect_batch(struct rig *rig, unsigned first, unsigned last)
{
    struct message batch = expect_message(rig, MESSAGE_BET);
    char rows[ROW_BYTES * SETTINGS_MAX] = "";
    for (unsigned number = first; number <= last; number++) {
        char row[ROW_BYTES];
        write_row(row, number);
        size_t used = strlen(rows);
        (void)snprintf(rows + used, sizeof rows - used, "%s\n", row);
    }
    assert_int_equal(batch.body_bytes, strlen(rows));
    assert_memory_equal(batch.body, rows, batch.body_bytes);
}

static void answer(const struct rig *rig, const char *text)
{
    size_t bytes = strlen(text);
    assert_int_equal(send(rig->connection, text, bytes, MSG_NOSIGNAL), bytes);
}

#define ACK "server:0\r\n"

/* Connects and gets this state. */
static void accept_and_tell(struct rig *rig, const char *state)
{
    accept_agency(rig);
    (void)expect_message(rig, MESSAGE_STATUS);
    answer(rig, state);
}

/* Everything but the winners: "done" is acknowledged, the look-up has come. */
static void acknowledge_done(struct rig *rig)
{
    (void)expect_message(rig, MESSAGE_DONE);
    answer(rig, ACK);
    (void)expect_message(rig, MESSAGE_REQUEST);
}

static void end_without_winners(struct rig *rig)
{
    acknowledge_done(rig);
    answer(rig, "server:3:\r\n");
    expect_exit(rig, EXIT_SUCCESS);
    expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 0");
}

/* The agency says nothing more and closes. */
static void expect_closed(struct rig *rig)
{
    char byte = 0;
    assert_int_equal(rig->received_bytes, rig->taken);
    await_readable(rig->connection, "the agency to close");
    assert_true(recv(rig->connection, &byte, 1, 0) <= 0);
}

/* ---------------------------------------------------------------- betting ---- */

static void a_file_is_sent_in_order_with_many_batches_on_their_way(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 9, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    expect_batch(rig, 3, 4);
    expect_batch(rig, 5, 6);
    assert_int_equal(rig->received_bytes, rig->taken); /* three on their way, not four */
    assert_false(is_readable(rig->connection));
    answer(rig, ACK);
    expect_batch(rig, 7, 8);
    answer(rig, ACK ACK);
    expect_batch(rig, 9, 9);
    answer(rig, ACK ACK);
    end_without_winners(rig);
    expect_printed(rig, "action: config | result: success");
    expect_printed(rig, "DEBUG    action: apuesta_enviada | result: success | cantidad: 1\n");
    expect_printed(rig, "INFO     action: apuesta_enviada | result: success | cantidad: 9");
    expect_printed(rig, "action: exit | result: success");
}

static void winners_are_asked_for_until_the_draw_and_written(void **state)
{
    struct rig *rig = *state;
    char setting[PATH_MAX + ROW_BYTES];
    const char *const settings[] = {setting, NULL};
    char content[256];
    static const char rows[] = "Ana,Núñez,20000000,1990-01-01,7\nLuis,Vega,20000001,1991-01-01,7\n";
    (void)snprintf(setting, sizeof setting, "CLI_WINNERS_FILE=%s", rig->winners);
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 1);
    answer(rig, ACK);
    acknowledge_done(rig);
    answer(rig, "server:2\r\n");
    (void)expect_message(rig, MESSAGE_REQUEST);
    answer(rig, "server:2\r\n");
    (void)expect_message(rig, MESSAGE_REQUEST);
    answer(rig, "server:3:2,Ana,Núñez,20000000,1990-01-01,7\n2,Luis,Vega,20000001,1991-01-01,7\n"
                "\r\n");
    expect_exit(rig, EXIT_SUCCESS);
    expect_printed(rig, "action: consulta_ganadores | result: success | cant_ganadores: 2");
    FILE *file = fopen(rig->winners, "re");
    assert_non_null(file);
    size_t bytes = fread(content, 1, sizeof content, file);
    (void)fclose(file);
    assert_int_equal(bytes, strlen(rows));
    assert_memory_equal(content, rows, bytes);
}

static void winners_that_cannot_be_written_are_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_WINNERS_FILE=winners.csv", NULL};
    char obstacle[PATH_MAX];
    (void)snprintf(obstacle, sizeof obstacle, "%.64s/winners.csv.partial", rig->directory);
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, "server:8:1,done\r\n");
    acknowledge_done(rig);
    assert_int_equal(mkdir(obstacle, 0700), 0);
    answer(rig, "server:3:\r\n");
    expect_exit(rig, EXIT_FAILURE);
    assert_int_equal(rmdir(obstacle), 0);
    expect_printed(rig, "action: ganadores_guardados | result: fail");
    expect_printed(rig, "action: exit | result: fail");
}

static const char *const single_bet[] = {
    "CLI_NOMBRE=Santiago Lionel", "CLI_APELLIDO=Lorca", "CLI_DOCUMENTO=30904465",
    "CLI_NACIMIENTO=1999-03-17",  "CLI_NUMERO=7574",    NULL};

static void expect_single_bet(struct rig *rig)
{
    static const char row[] = "Santiago Lionel,Lorca,30904465,1999-03-17,7574\n";
    start(rig, single_bet);
    accept_and_tell(rig, "server:8:0,open\r\n");
    struct message batch = expect_message(rig, MESSAGE_BET);
    assert_int_equal(batch.body_bytes, strlen(row));
    assert_memory_equal(batch.body, row, batch.body_bytes);
    answer(rig, ACK);
}

static void closed_standard_streams_do_not_put_the_log_into_the_bets(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    rig->no_log = true;
    expect_single_bet(rig);
    acknowledge_done(rig);
    answer(rig, "server:3:\r\n");
    expect_exit(rig, EXIT_SUCCESS);
}

static void the_one_bet_of_the_environment_is_sent_and_logged(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    expect_single_bet(rig);
    end_without_winners(rig);
    expect_printed(
        rig, "INFO     action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574");
}

/* The server holds a bet already that is not from this run. */
static void play_bet_that_is_not_sent(struct rig *rig, const char *status, const char *reason)
{
    start(rig, single_bet);
    accept_and_tell(rig, status);
    end_without_winners(rig);
    expect_printed(rig, reason);
    assert_int_equal(count_printed(rig, "action: apuesta_enviada | result: success"), 0);
    (void)close(rig->output);
    rig->output = -1;
    rig->printed_bytes = 0;
}

static void one_bet_that_is_not_sent_because_one_is_stored_is_a_warning(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    play_bet_that_is_not_sent(
        rig, "server:8:1,open\r\n",
        "WARNING  action: apuesta_enviada | result: fail | dni: 30904465 | numero: 7574 | reason: "
        "the server holds a bet of agency 2 already, this one was not sent\n");
    play_bet_that_is_not_sent(rig, "server:8:1,done\r\n", "holds a bet of agency 2 already");
    play_bet_that_is_not_sent(rig, "server:8:1,drawn\r\n", "holds a bet of agency 2 already");
}

/* DONE would close an agency of which this is not the bet. */
static void one_bet_of_an_agency_that_has_more_is_an_error(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    start(rig, single_bet);
    accept_and_tell(rig, "server:8:3,open\r\n");
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "reason: the file holds fewer rows than the server");
}

static void one_bet_whose_answer_was_lost_has_been_sent(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    start(rig, single_bet);
    accept_and_tell(rig, "server:8:0,open\r\n");
    (void)expect_message(rig, MESSAGE_BET);
    hang_up(rig);
    accept_and_tell(rig, "server:8:1,open\r\n");
    end_without_winners(rig);
    expect_printed(
        rig, "INFO     action: apuesta_enviada | result: success | dni: 30904465 | numero: 7574");
}

static void answers_may_come_byte_by_byte(void **state)
{
    struct rig *rig = *state;
    static const char text[] = "server:8:1,drawn\r\n";
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_agency(rig);
    (void)expect_message(rig, MESSAGE_STATUS);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        assert_int_equal(send(rig->connection, text + i, 1, MSG_NOSIGNAL), 1);
    }
    end_without_winners(rig);
}

/* ---------------------------------------------------------------- resuming ---- */

static void a_file_is_resumed_behind_the_stored_rows(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:3,open\r\n");
    expect_batch(rig, 4, 5);
    expect_batch(rig, 6, 6);
    answer(rig, ACK ACK);
    end_without_winners(rig);
    expect_printed(rig, "action: reanudar | result: success | guardadas: 3");
    expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 3 | guardadas: 6");
}

static void a_long_file_is_resumed_behind_any_row(void **state)
{
    enum { ROWS = 10000 };
    struct rig *rig = *state;
    write_bets(rig, ROWS, 0);
    set_listening(rig);
    for (unsigned stored = ROWS - 2; stored > 0; stored /= 2) {
        char status[ROW_BYTES];
        (void)snprintf(status, sizeof status, "server:8:%u,open\r\n", stored);
        start(rig, NULL);
        accept_and_tell(rig, status);
        expect_batch(rig, stored + 1, stored + 2);
        expect_graceful_stop(rig);
        (void)close(rig->output);
        rig->output = -1;
        rig->printed_bytes = 0;
    }
}

static void a_file_shorter_than_what_is_stored_is_an_error(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:7,open\r\n");
    expect_closed(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "action: reanudar | result: fail | guardadas: 7");
}

static void an_agency_that_is_done_only_asks_for_its_winners(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:6,done\r\n");
    end_without_winners(rig);
    expect_printed(rig, "action: reanudar | result: success | guardadas: 6 | estado: done");
}

static void play_rows_too_late(struct rig *rig, const char *status, const char *words,
                               const char *reason)
{
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, status);
    expect_closed(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, words);
    expect_printed(rig, reason);
}

static void rows_that_come_after_done_are_an_error(void **state)
{
    play_rows_too_late(*state, "server:8:5,done\r\n",
                       "action: reanudar | result: fail | guardadas: 5 | estado: done",
                       "reason: the agency is done, but its file holds more rows");
}

static void rows_that_come_after_the_draw_are_an_error(void **state)
{
    play_rows_too_late(*state, "server:8:0,drawn\r\n",
                       "action: reanudar | result: fail | guardadas: 0 | estado: drawn",
                       "reason: the draw has been held, but the file holds more rows");
}

static void a_server_that_comes_late_is_waited_for(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 2, 0);
    start(rig, NULL);
    await_output(rig, "action: connect | result: fail");
    set_listening(rig);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    answer(rig, ACK);
    end_without_winners(rig);
}

static void after_a_lost_connection_the_agency_goes_on_where_the_server_says(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    answer(rig, ACK);
    expect_batch(rig, 3, 4);
    hang_up(rig); /* rows 3 and 4 are stored, their answer is lost */
    accept_and_tell(rig, "server:8:4,open\r\n");
    expect_batch(rig, 5, 6);
    answer(rig, ACK);
    end_without_winners(rig);
    expect_printed(rig, "action: connection_lost | result: fail");
    expect_printed(rig, "action: reanudar | result: success | guardadas: 4");
    expect_printed(rig, "action: apuesta_enviada | result: success | cantidad: 6");
}

static void a_connection_lost_while_waiting_for_the_draw_is_taken_up_again(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 2, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    answer(rig, ACK);
    acknowledge_done(rig);
    answer(rig, "server:2\r\n");
    hang_up(rig);
    accept_and_tell(rig, "server:8:2,done\r\n");
    end_without_winners(rig);
}

/* ------------------------------------------------------- waiting for the draw ---- */

/* One connection of an agency that is done already: up to its look-up. */
static void accept_look_up(struct rig *rig)
{
    accept_and_tell(rig, "server:8:1,done\r\n");
    acknowledge_done(rig);
}

static void a_server_that_closes_during_the_pauses_is_asked_beyond_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", "CLI_LOOP_PERIOD=1h", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    for (uint64_t until_ms = now_ms() + 1500; now_ms() < until_ms;) {
        accept_look_up(rig);
        answer(rig, "server:2\r\n");
        hang_up(rig);
    }
    accept_and_tell(rig, "server:8:1,drawn\r\n");
    end_without_winners(rig);
}

static void a_pause_may_be_longer_than_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", "CLI_LOOP_PERIOD=1h", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_look_up(rig);
    answer(rig, "server:2\r\n");
    assert_false(is_readable_within(rig->connection, 1000));
    hang_up(rig);
    accept_and_tell(rig, "server:8:1,drawn\r\n");
    end_without_winners(rig);
}

static void a_look_up_may_be_held_for_longer_than_the_lapse(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_look_up(rig);
    accept_look_up(rig);
    accept_look_up(rig);
    answer(rig, "server:3:\r\n");
    expect_exit(rig, EXIT_SUCCESS);
}

static void a_server_that_falls_silent_while_it_holds_a_look_up_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=500ms", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_look_up(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "the server does not answer");
}

/* ---------------------------------------------------------------- refusals ---- */

static void a_refused_batch_is_read_again_to_name_the_line(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 4);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    (void)expect_message(rig, MESSAGE_BET);
    expect_batch(rig, 5, 6);
    answer(rig, ACK "server:1\r\nserver:1\r\n");
    expect_closed(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "action: apuesta_enviada | result: fail | file: ");
    expect_printed(rig, "bets.csv | line: 4 | reason: ");
    expect_printed(rig, "action: exit | result: fail");
}

static void where_no_row_looks_wrong_they_are_sent_once_more_and_then_named(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 6, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    expect_batch(rig, 3, 4);
    answer(rig, ACK "server:1\r\n");
    accept_and_tell(rig, "server:8:2,open\r\n");
    expect_batch(rig, 3, 4);
    answer(rig, "server:1\r\n");
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "the server refused rows 3 to 4");
}

static void a_refused_done_is_said_once_more_by_a_new_connection(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 2, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    answer(rig, ACK);
    (void)expect_message(rig, MESSAGE_DONE);
    answer(rig, "server:1\r\n");
    accept_and_tell(rig, "server:8:2,open\r\n");
    end_without_winners(rig);
    expect_printed(rig, "action: connection_lost | result: fail");
}

static void a_done_that_is_refused_twice_is_a_failure(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 2, 0);
    set_listening(rig);
    start(rig, NULL);
    for (int i = 0; i < 2; i++) {
        accept_and_tell(rig, "server:8:2,open\r\n");
        (void)expect_message(rig, MESSAGE_DONE);
        answer(rig, "server:1\r\n");
    }
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "ERROR    action: apuestas_terminadas | result: fail | reason: "
                        "the server refused agency 2's DONE\n");
}

static void an_agency_that_is_not_welcome_says_so(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:1\r\n");
    expect_closed(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "the server refused agency 2's STATUS");
}

static void a_missing_file_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    start(rig, NULL);
    expect_exit(rig, EXIT_FAILURE);
    assert_int_equal(strncmp(rig->printed, "lottery-agency: ", 16), 0);
    assert_int_equal(count_printed(rig, "\n"), 1);
    assert_false(is_readable(rig->listener));
}

/* A place for the winners that the agency does not start with, and what it says. */
static void expect_no_start(struct rig *rig, const char *setting, const char *text)
{
    const char *const settings[] = {setting, NULL};
    start(rig, settings);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, text);
    assert_int_equal(strncmp(rig->printed, "lottery-agency: ", 16), 0);
    assert_int_equal(count_printed(rig, "\n"), 1);
    assert_false(is_readable(rig->listener));
    (void)close(rig->output);
    rig->output = -1;
    rig->printed_bytes = 0;
}

static void a_place_where_winners_cannot_be_kept_is_one_line_and_no_connection(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 1, 0);
    set_listening(rig);
    expect_no_start(rig, "CLI_WINNERS_FILE=./bets.csv",
                    "winners.file: ./bets.csv is the file of bets");
    expect_no_start(rig, "CLI_WINNERS_FILE=nowhere/winners.csv",
                    "directory of nowhere/winners.csv: No such file or directory");
    FILE *bets = fopen(rig->bets, "re");
    assert_non_null(bets);
    assert_int_equal(fgetc(bets), 'A');
    (void)fclose(bets);
}

static void checking_the_configuration_connects_to_nobody(void **state)
{
    struct rig *rig = *state;
    set_listening(rig);
    start_with(rig, NULL, "-t");
    expect_exit(rig, EXIT_SUCCESS);
    expect_printed(rig, "configuration ok");
    assert_false(is_readable(rig->listener));
}

/* ---------------------------------------------------------- strange servers ---- */

static void a_server_that_never_answers_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_agency(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "the server does not answer");
    assert_int_equal(count_printed(rig, " ERROR "), 1);
}

static void a_server_that_is_never_there_is_given_up(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    write_bets(rig, 1, 0);
    start(rig, settings);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "ERROR    action: connect | result: fail");
    expect_printed(rig, "Connection refused");
    assert_int_equal(count_printed(rig, " ERROR "), 1);
}

/* Says `text` in answer to STATUS, and is then gone. */
static void play_stranger(struct rig *rig, const char *text)
{
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    write_bets(rig, 4, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, text);
    (void)close(rig->listener);
    rig->listener = -1;
    await_output(rig, "action: connection_lost | result: fail");
    expect_exit(rig, EXIT_FAILURE);
}

static void what_is_no_answer_is_a_lost_connection(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "server:0\r\n",
        "server:8:many,open\r\n",
        "server:8:0,open\r\nserver:0\r\n",
        "2:5\r\n",
        "\r\n",
        "server:99\r\n",
        "server:3:garbage\r\n",
        "\n",
        "server:8:0,open\r\nserver:2\r\n",
        "server:8:0,open\r\n\xff\xfe\r\n",
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        play_stranger(rig, texts[i]);
        hang_up(rig);
        (void)close(rig->output);
        rig->printed_bytes = 0;
        bind_listener(rig);
    }
}

static void an_answer_without_end_is_a_lost_connection(void **state)
{
    struct rig *rig = *state;
    static char noise[2 * 8192];
    memset(noise, 'x', sizeof noise - 1);
    play_stranger(rig, noise);
    expect_printed(rig, "an answer of more than");
}

static void winners_of_another_agency_are_not_taken(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_LAPSE=200ms", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, "server:8:1,drawn\r\n");
    acknowledge_done(rig);
    answer(rig, "server:3:1,Ana,Sosa,20000000,1990-01-01,7\n\r\n");
    await_output(rig, "winner 1 is agency 1's, not ours");
    (void)close(rig->listener);
    rig->listener = -1;
    expect_exit(rig, EXIT_FAILURE);
}

/* -------------------------------------------------------- asked to stop ---- */

static void it_stops_while_nobody_listens(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 1, 0);
    start(rig, NULL);
    await_output(rig, "action: connect | result: fail");
    expect_graceful_stop(rig);
}

static void it_stops_while_the_name_is_unknown(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_SERVER_ADDRESS=no-such-host.invalid:1", NULL};
    write_bets(rig, 1, 0);
    start(rig, settings);
    await_output(rig, "action: config");
    expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_first_answer(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_agency(rig);
    (void)expect_message(rig, MESSAGE_STATUS);
    expect_graceful_stop(rig);
    expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_with_batches_on_their_way(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 9, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 2);
    expect_graceful_stop(rig);
    expect_printed(rig, "action: socket_closed | result: success");
}

static void it_stops_while_the_server_does_not_read(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_BATCH_INFLIGHT=1024", "CLI_BATCH_MAXAMOUNT=150", NULL};
    write_bets(rig, 200000, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, "server:8:0,open\r\n");
    await_readable(rig->connection, "the first batch");
    expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_draw(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_PERIOD=1h", NULL};
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    accept_and_tell(rig, "server:8:1,done\r\n");
    acknowledge_done(rig);
    answer(rig, "server:2\r\n");
    expect_graceful_stop(rig);
}

static void it_stops_while_it_waits_for_the_winners(void **state)
{
    struct rig *rig = *state;
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, NULL);
    accept_and_tell(rig, "server:8:1,done\r\n");
    acknowledge_done(rig);
    expect_graceful_stop(rig);
}

/* The agency is kept where it reads its configuration: from a pipe that nobody has filled. */
static void it_stops_when_the_signal_came_before_it_had_read_its_configuration(void **state)
{
    struct rig *rig = *state;
    char config[PATH_MAX];
    (void)snprintf(config, sizeof config, "%.64s/config.yaml", rig->directory);
    write_bets(rig, 1, 0);
    set_listening(rig);
    assert_int_equal(mkfifo(config, 0600), 0);
    start(rig, NULL);
    int pipe = open(config, O_WRONLY | O_CLOEXEC); /* returns once the agency has opened it */
    int removed = unlink(config);
    assert_true(pipe >= 0 && removed == 0);
    assert_int_equal(kill(rig->agency, SIGTERM), 0);
    (void)close(pipe);
    expect_exit(rig, EXIT_SUCCESS);
    expect_printed(rig, "action: shutdown | result: in_progress | signal: SIGTERM");
    expect_printed(rig, "action: exit | result: success");
    assert_false(is_readable(rig->listener));
}

/* --------------------------------------------------------------- probes ---- */

/* Accepts a probe and reads its line, which has to be number `number`. */
static void expect_probe(struct rig *rig, unsigned number, char line[ROW_BYTES])
{
    accept_agency(rig);
    (void)snprintf(line, ROW_BYTES, "[CLIENT 2] Message N°%u\n", number);
    while (rig->received_bytes < strlen(line)) {
        receive_more(rig);
    }
    assert_int_equal(rig->received_bytes, strlen(line));
    assert_memory_equal(rig->received, line, rig->received_bytes);
}

static void probes_come_back_one_connection_each_before_the_bets(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    for (unsigned number = 1; number <= 3; number++) {
        expect_probe(rig, number, line);
        answer(rig, line);
    }
    accept_and_tell(rig, "server:8:0,open\r\n");
    expect_batch(rig, 1, 1);
    answer(rig, ACK);
    end_without_winners(rig);
    expect_printed(rig, "action: receive_message | result: success | client_id: 2 | "
                        "msg: [CLIENT 2] Message N°3");
    expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void only_probes_need_no_file_where_none_was_named(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=1", "CLI_BETS_FILE=", NULL};
    char line[ROW_BYTES];
    set_listening(rig);
    start(rig, settings);
    expect_probe(rig, 1, line);
    answer(rig, line);
    expect_exit(rig, EXIT_SUCCESS);
    expect_printed(rig, "action: loop_finished | result: success | client_id: 2");
}

static void a_probe_that_comes_back_changed_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    expect_probe(rig, 1, line);
    answer(rig, "[CLIENT 1] Message N°1\n");
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "action: receive_message | result: fail | client_id: 2");
}

static void a_probe_that_is_not_answered_is_a_failure(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", NULL};
    char line[ROW_BYTES];
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    expect_probe(rig, 1, line);
    hang_up(rig);
    expect_exit(rig, EXIT_FAILURE);
    expect_printed(rig, "the server closed the connection");
}

static void it_stops_between_two_probes(void **state)
{
    struct rig *rig = *state;
    const char *const settings[] = {"CLI_LOOP_AMOUNT=3", "CLI_LOOP_PERIOD=1h", NULL};
    char line[ROW_BYTES];
    write_bets(rig, 1, 0);
    set_listening(rig);
    start(rig, settings);
    expect_probe(rig, 1, line);
    answer(rig, line);
    await_output(rig, "action: socket_closed");
    expect_graceful_stop(rig);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_sent_in_order_with_many_batches_on_their_way),
        TEST(winners_are_asked_for_until_the_draw_and_written),
        TEST(winners_that_cannot_be_written_are_a_failure),
        TEST(the_one_bet_of_the_environment_is_sent_and_logged),
        TEST(closed_standard_streams_do_not_put_the_log_into_the_bets),
        TEST(one_bet_that_is_not_sent_because_one_is_stored_is_a_warning),
        TEST(one_bet_of_an_agency_that_has_more_is_an_error),
        TEST(one_bet_whose_answer_was_lost_has_been_sent),
        TEST(answers_may_come_byte_by_byte),
        TEST(a_file_is_resumed_behind_the_stored_rows),
        TEST(a_long_file_is_resumed_behind_any_row),
        TEST(a_file_shorter_than_what_is_stored_is_an_error),
        TEST(an_agency_that_is_done_only_asks_for_its_winners),
        TEST(rows_that_come_after_done_are_an_error),
        TEST(rows_that_come_after_the_draw_are_an_error),
        TEST(a_server_that_comes_late_is_waited_for),
        TEST(after_a_lost_connection_the_agency_goes_on_where_the_server_says),
        TEST(a_connection_lost_while_waiting_for_the_draw_is_taken_up_again),
        TEST(a_server_that_closes_during_the_pauses_is_asked_beyond_the_lapse),
        TEST(a_pause_may_be_longer_than_the_lapse),
        TEST(a_look_up_may_be_held_for_longer_than_the_lapse),
        TEST(a_server_that_falls_silent_while_it_holds_a_look_up_is_given_up),
        TEST(a_refused_batch_is_read_again_to_name_the_line),
        TEST(where_no_row_looks_wrong_they_are_sent_once_more_and_then_named),
        TEST(a_refused_done_is_said_once_more_by_a_new_connection),
        TEST(a_done_that_is_refused_twice_is_a_failure),
        TEST(an_agency_that_is_not_welcome_says_so),
        TEST(a_missing_file_is_one_line_and_no_connection),
        TEST(a_place_where_winners_cannot_be_kept_is_one_line_and_no_connection),
        TEST(checking_the_configuration_connects_to_nobody),
        TEST(a_server_that_never_answers_is_given_up),
        TEST(a_server_that_is_never_there_is_given_up),
        TEST(what_is_no_answer_is_a_lost_connection),
        TEST(an_answer_without_end_is_a_lost_connection),
        TEST(winners_of_another_agency_are_not_taken),
        TEST(it_stops_while_nobody_listens),
        TEST(it_stops_while_the_name_is_unknown),
        TEST(it_stops_while_it_waits_for_the_first_answer),
        TEST(it_stops_with_batches_on_their_way),
        TEST(it_stops_while_the_server_does_not_read),
        TEST(it_stops_while_it_waits_for_the_draw),
        TEST(it_stops_while_it_waits_for_the_winners),
        TEST(it_stops_when_the_signal_came_before_it_had_read_its_configuration),
        TEST(probes_come_back_one_connection_each_before_the_bets),
        TEST(only_probes_need_no_file_where_none_was_named),
        TEST(a_probe_that_comes_back_changed_is_a_failure),
        TEST(a_probe_that_is_not_answered_is_a_failure),
        TEST(it_stops_between_two_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
