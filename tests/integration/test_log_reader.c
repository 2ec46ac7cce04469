/*
 * test_log_reader.c - the reader of a log stops, or goes: nobody stands still because of it.
 *
 * The test is the reader: it reads as far as `listen`, and no further.
 */
#include "lib/log_journal.h"
#include "lib/program.h"
#include "tests/harness/agency.h"
#include "tests/harness/deadline.h"
#include "tests/harness/outlet.h"
#include "tests/harness/peer.h"
#include "tests/harness/reckoning.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { BETS = 60000, DECIMAL = 10 };

static const char listening[] = "action: listen | result: success";
static const char told[] = "WARNING  action: log | result: fail | lost_lines: ";

static bool release_outlet(void *thing)
{
    outlet_close(thing);
    return true;
}

static struct outlet *open_outlet(struct stage *stage, enum outlet_kind kind)
{
    struct outlet *outlet = stage_allocate(stage, sizeof *outlet);
    outlet_open(outlet, kind, stage->directory);
    stage_own(stage, outlet, release_outlet);
    return outlet;
}

/* The port that stands behind these words, in the line that has `marker`. */
static unsigned port_after(const char *text, const char *marker, const char *words)
{
    const char *port = strstr(strstr(text, marker), words) + strlen(words);
    return (unsigned)strtoul(port, NULL, DECIMAL);
}

/* A server that logs there, as far as `listen`: from then on nobody reads. */
static struct server *start_unheard(struct stage *stage, struct outlet *outlet)
{
    struct server *server =
        server_launch(stage, outlet->writer, ENVIRONMENT("NUMBER_OF_AGENCIES=1"));
    outlet_close_writer(outlet);
    outlet_await(outlet, listening);
    server->port = port_after(outlet->text, listening, "port: ");
    return server;
}

/* Until the last handler is buried: a quiet server logs nothing. */
static void await_quiet(const struct server *server)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    struct segment segment = server_attach(server);
    while (atomic_load(&segment.shared->supervisor.connections_open) > 0) {
        assert_true(deadline_pause(deadline));
    }
    segment_unmap(&segment);
}

/* An agency whose batches make far more lines than the outlet takes. It hears of all of its bets. */
static void bet(struct server *server)
{
    agency_generate(server->stage, 1, BETS);
    struct program *agency = agency_start(server, 1, agency_bets_file(server->stage, 1),
                                          ENVIRONMENT("CLI_BATCH_MAXAMOUNT=20"));
    agency_expect_success(agency);
    await_quiet(server);
}

static uint64_t lines_lost(const struct server *server)
{
    struct segment segment = server_attach(server);
    uint64_t lines = atomic_load(&segment.shared->log.lines);
    segment_unmap(&segment);
    return lines;
}

/* What lottery-stat shows of the lost lines. */
static void expect_shown(const struct server *server, uint64_t lines)
{
    const char *expected[] = {
        stage_text(server->stage, "\"log_lines_lost\": %llu,", (unsigned long long)lines),
        stage_text(server->stage, "lottery_log_lines_lost_total %llu\n", (unsigned long long)lines),
        "log lost",
    };
    static const char *const options[] = {"--json", "--prometheus", NULL};
    const char *data = stage_text(server->stage, "DATA_DIRECTORY=%s", server->directory);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const struct program_plan plan = {.name = "lottery-stat",
                                          .arguments =
                                              options[i] == NULL ? NULL : ARGUMENTS(options[i]),
                                          .environment = ENVIRONMENT(data)};
        struct program_end end;
        struct program *stat = program_run(server->stage, &plan, &end);
        assert_int_equal(end.status, 0);
        if (strstr(program_log(stat), expected[i]) == NULL) {
            fail_msg("\"%s\" is not in:\n%s", expected[i], program_log(stat));
        }
    }
}

static void expect_all_stored(const struct server *server)
{
    struct stage *stage = server->stage;
    const struct reckoning *stored = reckoning_read(stage, server_file(server, "bets.csv"));
    assert_int_equal(stored->count, BETS);
    reckoning_expect_file(stage, stored, 1, agency_bets_file(stage, 1), SIZE_MAX);
}

/* ------------------------------------------------------------------ server ---- */

/* Nobody reads the server's log any more. Everything that it promises holds, and it stops well. */
static void expect_all_promises(struct stage *stage, struct server *server)
{
    bet(server);
    uint64_t lost = lines_lost(server);
    assert_true(lost > 0);
    expect_shown(server, lost);
    server_stop_well(server);
    stage_expect_nothing_left(stage);
    expect_all_stored(server);
    assert_non_null(strstr(program_errors(server->program), " lines of the log were lost: "));
}

static void serve_and_stop_unheard(struct stage *stage, enum outlet_kind kind)
{
    struct outlet *outlet = open_outlet(stage, kind);
    expect_all_promises(stage, start_unheard(stage, outlet));
}

static void a_server_serves_and_stops_with_a_fifo_that_nobody_reads(void **state)
{
    serve_and_stop_unheard(*state, OUTLET_FIFO);
}

static void a_server_serves_and_stops_with_a_terminal_that_nobody_reads(void **state)
{
    serve_and_stop_unheard(*state, OUTLET_TERMINAL);
}

static void a_server_serves_and_stops_with_a_socket_that_nobody_reads(void **state)
{
    serve_and_stop_unheard(*state, OUTLET_SOCKETS);
}

static void a_server_serves_and_stops_with_a_log_of_json_that_nobody_reads(void **state)
{
    static const char listens[] = "\"action\":\"listen\",\"result\":\"success\"";
    struct stage *stage = *state;
    struct outlet *outlet = open_outlet(stage, OUTLET_PIPE);
    struct server *server = server_launch(stage, outlet->writer,
                                          ENVIRONMENT("NUMBER_OF_AGENCIES=1", "LOG_FORMAT=json"));
    outlet_close_writer(outlet);
    outlet_await(outlet, listens);
    server->port = port_after(outlet->text, listens, "\"port\":");
    expect_all_promises(stage, server);
}

/* All that is told as lost. */
static uint64_t sum_told(const struct outlet *outlet)
{
    uint64_t sum = 0;
    for (const char *at = outlet->text; (at = strstr(at, told)) != NULL;) {
        at += sizeof told - 1;
        sum += strtoull(at, NULL, DECIMAL);
    }
    return sum;
}

static void what_was_lost_is_told_when_the_log_flows_again(struct stage *stage,
                                                           enum outlet_kind kind)
{
    struct outlet *outlet = open_outlet(stage, kind);
    struct server *server = start_unheard(stage, outlet);
    bet(server);
    outlet_drain(outlet);
    struct peer *peer = peer_connect(server);
    outlet_await(outlet, told);
    peer_ask(peer, "here\n", "here\n");
    uint64_t lost = lines_lost(server);
    server_stop_well(server);
    outlet_drain(outlet);
    assert_non_null(strstr(outlet->text, "action: server_exit | result: success"));
    assert_int_equal(sum_told(outlet), lost);
    assert_string_equal(program_errors(server->program), "");
}

static void a_fifo_that_is_read_again_is_told_what_was_lost(void **state)
{
    what_was_lost_is_told_when_the_log_flows_again(*state, OUTLET_FIFO);
}

static void a_terminal_that_is_read_again_is_told_what_was_lost(void **state)
{
    what_was_lost_is_told_when_the_log_flows_again(*state, OUTLET_TERMINAL);
}

static void a_socket_that_is_read_again_is_told_what_was_lost(void **state)
{
    what_was_lost_is_told_when_the_log_flows_again(*state, OUTLET_SOCKETS);
}

static void a_pipe_gets_whole_lines_before_and_after_a_loss(void **state)
{
    static const char example[] = "2026-11-23 10:00:00.123-03:00 WARNING  ";
    struct stage *stage = *state;
    struct outlet *outlet = open_outlet(stage, OUTLET_PIPE);
    struct server *server = start_unheard(stage, outlet);
    bet(server);
    outlet_drain(outlet);
    server_stop_well(server);
    outlet_drain(outlet);
    assert_true(sum_told(outlet) > 0);
    for (const char *line = outlet->text, *end = NULL; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        assert_non_null(end);
        assert_true((size_t)(end - line) > sizeof example);
        assert_memory_equal(line + sizeof example - 1, "action: ", strlen("action: "));
    }
}

static void a_server_whose_logs_reader_has_gone_serves_and_stops(void **state)
{
    static const enum outlet_kind kinds[] = {OUTLET_PIPE, OUTLET_SOCKETS};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct outlet *outlet = open_outlet(stage, kinds[i]);
        struct server *server = start_unheard(stage, outlet);
        outlet_close(outlet);
        struct peer *peer = peer_connect(server);
        peer_ask(peer, "here\n", "here\n");
        assert_true(lines_lost(server) > 0);
        server_stop_well(server);
        peer_expect_close(peer);
        assert_non_null(strstr(program_errors(server->program), "Broken pipe"));
    }
}

/* ------------------------------------------------------------------ agency ---- */

static void an_agency_whose_log_nobody_reads_does_its_job(void **state)
{
    static const enum outlet_kind kinds[] = {OUTLET_PIPE, OUTLET_TERMINAL, OUTLET_SOCKETS};
    struct stage *stage = *state;
    struct server *server = server_start(stage, ENVIRONMENT("NUMBER_OF_AGENCIES=4"));
    agency_generate(stage, 3, (uint64_t)3 * BETS);
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct outlet *outlet = open_outlet(stage, kinds[i]);
        const struct program_plan plan = {
            .name = "lottery-agency",
            .output = outlet->writer,
            .environment =
                ENVIRONMENT(stage_text(stage, "CLI_ID=%u", i + 1),
                            stage_text(stage, "CLI_SERVER_ADDRESS=127.0.0.1:%u", server->port),
                            stage_text(stage, "CLI_BETS_FILE=%s", agency_bets_file(stage, i + 1)),
                            "CLI_LOG_LEVEL=DEBUG", "CLI_BATCH_MAXAMOUNT=20", "CLI_LOOP_LAPSE=1m"),
        };
        struct program *agency = program_start(stage, &plan);
        (void)server_await_log(server, i + 1, "action: agencia_terminada | result: success");
        assert_int_equal(program_stop(agency, SIGTERM).status, PROGRAM_EXIT_STOPPED);
        assert_non_null(strstr(program_errors(agency), "lottery-agency: "));
        assert_non_null(strstr(program_errors(agency), " lines of the log were lost: "));
    }
}

/* ----------------------------------------------------------------- journal ---- */

/*
 * Binds the journal's socket, in a mount namespace of our own, where nothing of the machine is touched.
 * Returns -1 where that is not permitted. The namespace goes with this process.
 */
static int open_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LOG_JOURNAL_PATH};
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/run/systemd", "tmpfs", 0, NULL) != 0) {
        return -1;
    }
    assert_int_equal(mkdir("/run/systemd/journal", 0755), 0);
    int journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(journal >= 0);
    assert_int_equal(bind(journal, (struct sockaddr *)&address, sizeof address), 0);
    return journal;
}

/* Reads as far as `listen`, which has the port. */
static unsigned await_listen(int journal)
{
    char entry[OUTLET_TEXT_BYTES / 16];
    const struct timeval patience = {.tv_sec = DEADLINE_MS / 1000};
    assert_int_equal(setsockopt(journal, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    do {
        ssize_t bytes = recv(journal, entry, sizeof entry - 1, 0);
        assert_true(bytes > 0);
        entry[bytes] = '\0';
    } while (strstr(entry, "action: listen | result: success") == NULL);
    return port_after(entry, "action: listen", "port: ");
}

static void a_server_serves_and_stops_with_a_journal_that_nobody_reads(void **state)
{
    struct stage *stage = *state;
    int journal = open_journal();
    if (journal < 0) {
        skip();
    }
    struct server *server = server_launch(
        stage, STDOUT_FILENO, ENVIRONMENT("NUMBER_OF_AGENCIES=1", "LOG_FORMAT=journald"));
    server->port = await_listen(journal);
    expect_all_promises(stage, server);
    (void)close(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_server_serves_and_stops_with_a_fifo_that_nobody_reads),
        STAGE_TEST(a_server_serves_and_stops_with_a_terminal_that_nobody_reads),
        STAGE_TEST(a_server_serves_and_stops_with_a_socket_that_nobody_reads),
        STAGE_TEST(a_server_serves_and_stops_with_a_log_of_json_that_nobody_reads),
        STAGE_TEST(a_fifo_that_is_read_again_is_told_what_was_lost),
        STAGE_TEST(a_terminal_that_is_read_again_is_told_what_was_lost),
        STAGE_TEST(a_socket_that_is_read_again_is_told_what_was_lost),
        STAGE_TEST(a_pipe_gets_whole_lines_before_and_after_a_loss),
        STAGE_TEST(a_server_whose_logs_reader_has_gone_serves_and_stops),
        STAGE_TEST(an_agency_whose_log_nobody_reads_does_its_job),
        STAGE_TEST(a_server_serves_and_stops_with_a_journal_that_nobody_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
