/*
 * peers_main.c - lottery-peers: the load of lottery-bench, for other systems that store rows.
 *
 * Agencies are processes, their rows are in memory, and one batch of each is acknowledged before the
 * clock starts; all start together, and the last acknowledgement ends the time, as with
 * lottery-bench. Prints the same line of figures. Used by tests/bench/peers.py alone; it ends when
 * its parent does.
 */
#include "lib/clock.h"
#include "tests/bench/histogram.h"
#include "tests/bench/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_PER_SECOND 1e9
#define NS_PER_MS     UINT64_C(1000000)

enum {
    BATCHES_BYTES = 8 * 1024 * 1024, /* of all agencies together, as lottery-bench has them */
    MS_PER_SECOND = 1000,
    DURATION_MS = 2000
};

static const char usage[] =
    "usage: lottery-peers -k KIND -p PORT [-n AGENCIES] [-b BETS] [-w WINDOW] [-s SECONDS]\n"
    "  -k KIND       postgres-copy, postgres-insert, redis, redis-rows or nats\n"
    "  -p PORT       of the system, on 127.0.0.1\n"
    "  -n AGENCIES   processes (5)\n"
    "  -b BETS       a batch (150)\n"
    "  -w WINDOW     unacknowledged batches of an agency at most, up to 64 (1)\n"
    "  -s SECONDS    how long to send (2)\n";

static const struct peer *const peers[] = {
    &peer_postgres_copy, &peer_postgres_insert, &peer_redis, &peer_redis_rows, &peer_nats, NULL};

/* What one agency measured; in memory shared with the process that reports. */
struct result {
    uint64_t batches, bytes; /* acknowledged */
    uint64_t errors;
    uint64_t ended_ns; /* when its last answer had come, clock_monotonic_ns */
    struct histogram latency;
};

struct options {
    const struct peer *peer;
    uint16_t port;
    unsigned agencies, bets, window;
    uint64_t duration_ms;
};

/* Pipes on which the agencies say that they are ready, and are told to start. */
struct barrier {
    int ready[2], start[2];
};

static const struct peer *find_peer(const char *name)
{
    const struct peer *const *peer = peers;
    while (*peer != NULL && strcmp((*peer)->name, name) != 0) {
        peer++;
    }
    return *peer;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    int option = 0;
    while ((option = getopt(argc, argv, "k:p:n:b:w:s:")) != -1) {
        const char *argument = optarg == NULL ? "" : optarg;
        unsigned long number = strtoul(argument, NULL, 10);
        switch (option) {
        case 'k':
            options->peer = find_peer(argument);
            break;
        case 'p':
            options->port = (uint16_t)number;
            break;
        case 'n':
            options->agencies = (unsigned)number;
            break;
        case 'b':
            options->bets = (unsigned)number;
            break;
        case 'w':
            options->window = (unsigned)number;
            break;
        case 's':
            options->duration_ms = (uint64_t)(strtod(argument, NULL) * MS_PER_SECOND);
            break;
        default:
            return false;
        }
    }
    return optind == argc && options->peer != NULL && options->port != 0 && options->agencies > 0 &&
           options->bets > 0 && options->window > 0 && options->window <= PEER_WINDOW_MAX;
}

/* --------------------------------------------------------------- an agency ---- */

/* Which batches are in flight, by slot. */
struct flight {
    const struct peer *peer;
    void *connection;
    size_t batches, next;                       /* how many there are, the next one to send */
    unsigned free_slots[PEER_WINDOW_MAX], free; /* a stack */
    unsigned window;
    uint64_t sent_ns[PEER_WINDOW_MAX];
};

static bool fill_window(struct flight *flight)
{
    while (flight->free > 0) {
        unsigned slot = flight->free_slots[--flight->free];
        flight->sent_ns[slot] = (uint64_t)clock_monotonic_ns();
        if (!flight->peer->send(flight->connection, slot, flight->next)) {
            return false;
        }
        flight->next = (flight->next + 1) % flight->batches;
    }
    return true;
}

static bool take_answers(struct flight *flight, struct result *result)
{
    unsigned slots[PEER_WINDOW_MAX];
    int taken = flight->peer->take(flight->connection, slots);
    uint64_t now = (uint64_t)clock_monotonic_ns();
    for (int i = 0; i < taken; i++) {
        histogram_add(&result->latency, now - flight->sent_ns[slots[i]], 1);
        flight->free_slots[flight->free++] = slots[i];
        result->batches++;
    }
    return taken > 0;
}

/* Sends until the time is up, and waits for the last answers. */
static bool bet(struct flight *flight, uint64_t duration_ms, struct result *result)
{
    uint64_t deadline_ns = (uint64_t)clock_monotonic_ns() + duration_ms * NS_PER_MS;
    bool alive = true;
    while (alive && (uint64_t)clock_monotonic_ns() < deadline_ns) {
        alive = fill_window(flight) && take_answers(flight, result);
    }
    while (alive && flight->free < flight->window) {
        alive = take_answers(flight, result);
    }
    return alive;
}

static bool say_hello(const struct peer *peer, void *connection)
{
    unsigned slots[PEER_WINDOW_MAX];
    return peer->send(connection, 0, 0) && peer->take(connection, slots) == 1;
}

static int run_agency(const struct options *options, unsigned agency, const struct barrier *barrier,
                      struct result *result)
{
    struct peer_batches batches = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!peer_batches_make(&batches, agency, options->bets, BATCHES_BYTES / options->agencies)) {
        return EXIT_FAILURE;
    }
    const struct peer_plan plan = {
        .batches = &batches, .port = options->port, .agency = agency, .window = options->window};
    struct flight flight = {.peer = options->peer,
                            .connection = options->peer->open(&plan),
                            .batches = batches.count,
                            .window = options->window};
    while (flight.free < flight.window) {
        flight.free_slots[flight.free] = flight.free;
        flight.free++;
    }
    bool served = flight.connection != NULL && say_hello(options->peer, flight.connection);
    char byte = 0;
    (void)close(barrier->start[1]);
    bool started = write(barrier->ready[1], "", 1) == 1 && read(barrier->start[0], &byte, 1) == 0;
    if (!started || !served || !bet(&flight, options->duration_ms, result)) {
        result->errors++;
    }
    result->ended_ns = (uint64_t)clock_monotonic_ns();
    if (flight.connection != NULL) {
        options->peer->close(flight.connection);
    }
    result->bytes = result->batches * (batches.offsets[batches.count] / batches.count);
    peer_batches_free(&batches);
    return EXIT_SUCCESS;
}

/* ---------------------------------------------------------------- the run ---- */

/* In a process of its own, since a library may start threads, and the agencies are forked. */
static bool prepare(const struct options *options)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(options->peer->prepare(options->port) ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static void print_figures(const struct options *options, const struct result *sum, double seconds)
{
    double bets = (double)sum->batches * options->bets;
    printf("bets=%.0f seconds=%.4f bets_per_s=%.0f mb_per_s=%.2f p50_us=%.1f p99_us=%.1f "
           "p999_us=%.1f batches=%llu errors=%llu\n",
           bets, seconds, bets / seconds, (double)sum->bytes / seconds / 1e6,
           (double)histogram_quantile(&sum->latency, 0.5) / 1e3,
           (double)histogram_quantile(&sum->latency, 0.99) / 1e3,
           (double)histogram_quantile(&sum->latency, 0.999) / 1e3, (unsigned long long)sum->batches,
           (unsigned long long)sum->errors);
}

static int report(const struct options *options, const struct result *results, uint64_t began_ns)
{
    struct result sum = {.ended_ns = began_ns};
    for (unsigned i = 0; i < options->agencies; i++) {
        sum.ended_ns = results[i].ended_ns > sum.ended_ns ? results[i].ended_ns : sum.ended_ns;
        sum.batches += results[i].batches;
        sum.bytes += results[i].bytes;
        sum.errors += results[i].errors;
        histogram_merge(&sum.latency, &results[i].latency);
    }
    print_figures(options, &sum, (double)(sum.ended_ns - began_ns) / NS_PER_SECOND);
    return sum.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct options *options)
{
    struct result *results = mmap(NULL, options->agencies * sizeof *results, PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct barrier barrier;
    if (results == MAP_FAILED || pipe(barrier.ready) != 0 || pipe(barrier.start) != 0) {
        perror("lottery-peers");
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < options->agencies; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            exit(run_agency(options, i + 1, &barrier, &results[i]));
        }
        if (pid < 0) {
            perror("lottery-peers: fork");
            return EXIT_FAILURE;
        }
    }
    (void)close(barrier.start[0]);
    (void)close(barrier.ready[1]);
    for (unsigned i = 0; i < options->agencies; i++) {
        char byte = 0;
        if (read(barrier.ready[0], &byte, 1) != 1) {
            (void)fputs("lottery-peers: an agency did not start\n", stderr);
            return EXIT_FAILURE;
        }
    }
    uint64_t began_ns = (uint64_t)clock_monotonic_ns();
    (void)close(barrier.start[1]);
    while (wait(NULL) > 0) {
    }
    return report(options, results, began_ns);
}

int main(int argc, char **argv)
{
    struct options options = {.agencies = 5, .bets = 150, .window = 1, .duration_ms = DURATION_MS};
    if (!read_options(argc, argv, &options)) {
        (void)fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    return prepare(&options) ? run(&options) : EXIT_FAILURE;
}
