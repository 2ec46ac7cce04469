/*
 * rig.h - the real lottery-agency against a server that plays a part.
 *
 * Each test is the server: it accepts the agency's connections, reads what the
 * agency asks and answers what the part wants. The agency, number 2, runs as a child whose
 * output comes through a pipe; nothing is waited for but these descriptors,
 * each time with a limit.
 *
 * A cmocka fixture: rig_set_up and rig_tear_down. Every function fails the test that calls
 * it where something else happens than it says.
 */
#ifndef TESTS_HARNESS_RIG_H
#define TESTS_HARNESS_RIG_H

#include "bet/message.h"
#include "tests/harness/processes.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { RIG_ROW_BYTES = 64, RIG_STATE_BYTES = 128 };

struct rig_tls;

/* One test's agency, and the server that it talks to. */
struct rig {
    struct scratch scratch; /* the directory that the agency runs in */
    char bets[PATH_MAX];
    char winners[PATH_MAX];
    char address[RIG_ROW_BYTES];
    int listener;
    int connection;      /* -1: none */
    struct rig_tls *tls; /* the server's end speaks TLS (rig_tls.h); NULL: plain text */
    pid_t agency;        /* 0: none */
    int output;          /* what the agency prints */
    bool no_log;         /* it is started with standard input and output closed */
    char *printed;       /* always terminated */
    size_t printed_bytes;
    long most_memory; /* of the agency that ended last, kB */
    char *received;
    size_t received_bytes;
    size_t taken; /* of them, the message that rig_expect_message returned last */
};

int rig_set_up(void **state);

/* Also after a test that failed half-way: no child and no file stays behind. */
int rig_tear_down(void **state);

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

uint64_t rig_now_ms(void);

/* ------------------------------------------------------------------ bets ---- */

/* Row `number`, counted from 1, without its end. */
void rig_write_row(char *row, unsigned number);

/* A file of `rows` good rows; row `bad`, where not 0, has no birthdate. */
void rig_write_bets(const struct rig *rig, unsigned rows, unsigned bad);

/* A file with this text. */
void rig_write_text(const struct rig *rig, const char *text);

/* ------------------------------------------------------------ the agency ---- */

/* Starts the agency with these "NAME=value", which end with NULL (or NULL for none). */
void rig_start(struct rig *rig, const char *const *settings);

/* Writes `rows` good rows, listens, and starts the agency. */
void rig_begin(struct rig *rig, unsigned rows, const char *const *settings);

/* Starts it with a command-line argument as well. */
void rig_start_with(struct rig *rig, const char *const *settings, const char *argument);

/* Takes what the agency has printed; false when it has ended. */
bool rig_read_output(struct rig *rig);

void rig_await_output(struct rig *rig, const char *text);

void rig_expect_printed(const struct rig *rig, const char *text);

unsigned rig_count_printed(const struct rig *rig, const char *text);

/* The agency ends by itself, with this exit status. */
void rig_expect_exit(struct rig *rig, int exit_status);

/* SIGTERM ends it with PROGRAM_EXIT_STOPPED, promptly, and the log says so. */
void rig_expect_graceful_stop(struct rig *rig);

/* After an agency has ended: the next one begins with nothing printed. */
void rig_forget(struct rig *rig);

/* ------------------------------------------------------------ the server ---- */

/* A port of our own at which nobody listens yet; rig_set_up has called it. */
void rig_bind(struct rig *rig);

void rig_listen(struct rig *rig);

void rig_accept(struct rig *rig);

void rig_hang_up(struct rig *rig);

/* Something can be read, or a connection accepted: at once, within `ms`, within the limit. */
bool rig_is_readable(int fd);
bool rig_is_readable_within(int fd, int ms);
void rig_await_readable(int fd, const char *what);

void rig_receive_more(struct rig *rig);

/* The next message; it stays until the next call. */
struct message rig_expect_message(struct rig *rig, enum message_type type);

/* STATUS with this body. */
void rig_expect_status(struct rig *rig, const char *body);

/* A batch of exactly these rows of the file. */
void rig_expect_batch(struct rig *rig, unsigned first, unsigned last);

/* The agency says nothing more and closes. */
void rig_expect_closed(struct rig *rig);

void rig_answer(const struct rig *rig, const char *text);

#define RIG_ACK "server:0\r\n"

/* Connects, is asked STATUS and answers this. */
void rig_accept_and_tell(struct rig *rig, const char *state);

/* Everything but the winners: "done" is acknowledged, the look-up has come. */
void rig_acknowledge_done(struct rig *rig);

void rig_end_without_winners(struct rig *rig);

/* ------------------------------------------------------ what is stored ---- */

#define RIG_IDENTITY       "00112233445566778899aabbccddeeff"
#define RIG_OTHER_IDENTITY "ffeeddccbbaa99887766554433221100"

/*
 * A server's stored bets: the first `rows` rows of rig_write_bets, but row number `other`
 * (0: none) is another one.
 */
struct rig_stored {
    unsigned rows;
    unsigned other;
};

/* STATE of the first `rows` of them. */
const char *rig_state(char state[RIG_STATE_BYTES], const struct rig_stored *stored, unsigned rows,
                      const char *phase, const char *identity);

/* Connects, is asked STATUS and answers with what is stored. */
void rig_accept_and_tell_stored(struct rig *rig, const struct rig_stored *stored,
                                const char *phase);

/* Answers PREFIX until the agency closes; returns how often it was asked. */
unsigned rig_answer_prefixes(struct rig *rig, const struct rig_stored *stored);

#endif
