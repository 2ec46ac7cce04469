/*
 * bench_main.c - lottery-bench: a load for the lottery's server, or for anything that
 * frames its messages in the same way.
 *
 * Each agency is a process of its own; rows are in memory, and its connection is
 * being served (one message is answered), before the clock starts; all start
 * together. Prints one line of figures, `name=value ...`.
 */
#include "tests/bench/load.h"
#include "tests/bench/tls_option.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1e9

enum {
    MESSAGES_BYTES = 8 * 1024 * 1024, /* of all agencies together: more than the caches hold */
    MESSAGES_BYTES_MIN = 64 * 1024,
    MS_PER_SECOND = 1000,
    DURATION_MS = 2000
};

static const char usage[] =
    "usage: lottery-bench -p PORT [-n AGENCIES] [-b BETS] [-w WINDOW] [-s SECONDS] [-i IDLE] [-x] "
    "[-H FILE]\n"
    "                     [-t CERTIFICATE,KEY,CA [-f]]\n"
    "       lottery-bench -T MEGABYTES\n"
    "  -p PORT       of the server, on 127.0.0.1\n"
    "  -n AGENCIES   processes, one connection each (5)\n"
    "  -b BETS       a message (150)\n"
    "  -w WINDOW     unanswered messages at most (1)\n"
    "  -s SECONDS    how long to send (2)\n"
    "  -i IDLE       connections beside them that say nothing (0)\n"
    "  -x            a connection for each message\n"
    "  -H FILE       write the latencies there: a line a bucket, `ns count`\n"
    "  -t CERTIFICATE,KEY,CA  by TLS, with these PEM files\n"
    "  -f            no connection resumes a session of TLS\n"
    "  -T MEGABYTES  only touch and free so much memory\n";

struct options {
    struct load_plan plan;
    const char *histogram_file;
    size_t touch_megabytes;
    char *tls_files[TLS_OPTION_FILES]; /* certificate, key, CA; NULL: plain text */
};

static bool read_options(int argc, char **argv, struct options *options)
{
    struct load_plan *plan = &options->plan;
    int option = 0;
    while ((option = getopt(argc, argv, "p:n:b:w:s:i:xH:t:fT:")) != -1) {
        const char *argument = optarg == NULL ? "" : optarg;
        unsigned long number = strtoul(argument, NULL, 10);
        switch (option) {
        case 'p':
            plan->server.sin_port = htons((uint16_t)number);
            break;
        case 'n':
            plan->agencies = (unsigned)number;
            break;
        case 'b':
            plan->batch_bets = (unsigned)number;
            break;
        case 'w':
            plan->window = (unsigned)number;
            break;
        case 's':
            plan->duration_ms = (uint64_t)(strtod(argument, NULL) * MS_PER_SECOND);
            break;
        case 'i':
            plan->idle = (unsigned)number;
            break;
        case 'x':
            plan->churn = true;
            break;
        case 'H':
            options->histogram_file = optarg;
            break;
        case 't':
            if (!tls_option_read(optarg, options->tls_files)) {
                return false;
            }
            break;
        case 'f':
            plan->whole_handshakes = true;
            break;
        case 'T':
            options->touch_megabytes = number;
            break;
        default:
            return false;
        }
    }
    return optind == argc && (plan->server.sin_port != 0 || options->touch_megabytes != 0);
}

/* A virtual machine that gave memory back to its host pays for its next touch: pay it here. */
static int touch_memory(size_t megabytes)
{
    size_t bytes = megabytes << 20;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        perror("lottery-bench: touch memory");
        return EXIT_FAILURE;
    }
    memset(memory, 1, bytes);
    (void)munmap(memory, bytes);
    return EXIT_SUCCESS;
}

/* ------------------------------------------------------------- processes ---- */

/* Pipes on which the agencies say that they are ready, and are told to start. */
struct barrier {
    int ready[2], start[2];
};

/* Connects and is served one message, as often as lottery-agency would try. False: in vain. */
static bool connect_and_say_hello(const struct load_plan *plan,
                                  const struct load_messages *messages,
                                  struct load_connection *connection, SSL_SESSION **session)
{
    enum { TRIES = 1000, PAUSE_NS = 20 * 1000 * 1000 };
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    for (int i = 0; i < TRIES; i++) {
        if (load_open(connection, plan, session) && load_say_hello(connection, messages)) {
            return true;
        }
        load_close(connection, session);
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

static int run_agency(const struct load_plan *plan, unsigned index, const struct barrier *barrier,
                      struct load_result *result)
{
    struct load_messages messages = {0};
    size_t bytes = MESSAGES_BYTES / plan->agencies;
    if (!load_make_messages(&messages, index + 1, plan->batch_bets,
                            bytes > MESSAGES_BYTES_MIN ? bytes : MESSAGES_BYTES_MIN)) {
        return EXIT_FAILURE;
    }
    SSL_SESSION *session = NULL;
    struct load_connection connection = {.socket = -1};
    bool served = !plan->churn && connect_and_say_hello(plan, &messages, &connection, &session);
    char byte = 0;
    (void)close(barrier->start[1]);
    bool started = write(barrier->ready[1], "", 1) == 1 && read(barrier->start[0], &byte, 1) == 0;
    if (started && plan->churn) {
        load_churn(plan, &messages, result);
    } else if (started && served) {
        load_bet(&connection, plan, &messages, result);
    } else {
        result->errors++;
    }
    result->ended_ns = load_clock_ns();
    load_close(&connection, &session);
    SSL_SESSION_free(session);
    load_free_messages(&messages);
    return EXIT_SUCCESS;
}

/* Opens the silent connections; the server's limit of descriptors is not ours. */
static bool open_idle(const struct load_plan *plan)
{
    for (unsigned i = 0; i < plan->idle; i++) {
        if (load_connect(&plan->server) < 0) {
            perror("lottery-bench: idle connection");
            return false;
        }
    }
    return true;
}

static bool await_ready(const struct barrier *barrier, unsigned agencies)
{
    char byte = 0;
    for (unsigned i = 0; i < agencies; i++) {
        if (read(barrier->ready[0], &byte, 1) != 1) {
            return false;
        }
    }
    return true;
}

static void print_figures(const struct options *options, const struct load_result *sum,
                          double seconds)
{
    double bets = (double)sum->batches * options->plan.batch_bets;
    printf("bets=%.0f seconds=%.4f bets_per_s=%.0f mb_per_s=%.2f p50_us=%.1f p99_us=%.1f "
           "p999_us=%.1f batches=%llu errors=%llu\n",
           bets, seconds, bets / seconds, (double)sum->bytes / seconds / 1e6,
           (double)histogram_quantile(&sum->latency, 0.5) / 1e3,
           (double)histogram_quantile(&sum->latency, 0.99) / 1e3,
           (double)histogram_quantile(&sum->latency, 0.999) / 1e3, (unsigned long long)sum->batches,
           (unsigned long long)sum->errors);
}

static void write_histogram(const char *path, const struct histogram *histogram)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        perror(path);
        return;
    }
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->counts[i] > 0) {
            (void)fprintf(file, "%llu %llu\n", (unsigned long long)histogram_bucket_value(i),
                          (unsigned long long)histogram->counts[i]);
        }
    }
    (void)fclose(file);
}

/* The last agency's last answer ends the time, not its process's end. */
static int report(const struct options *options, const struct load_result *results,
                  uint64_t began_ns)
{
    struct load_result sum = {.ended_ns = began_ns};
    for (unsigned i = 0; i < options->plan.agencies; i++) {
        sum.ended_ns = results[i].ended_ns > sum.ended_ns ? results[i].ended_ns : sum.ended_ns;
        sum.batches += results[i].batches;
        sum.bytes += results[i].bytes;
        sum.errors += results[i].errors;
        histogram_merge(&sum.latency, &results[i].latency);
    }
    print_figures(options, &sum, (double)(sum.ended_ns - began_ns) / NS_PER_SECOND);
    if (options->histogram_file != NULL) {
        write_histogram(options->histogram_file, &sum.latency);
    }
    return sum.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run(const struct options *options)
{
    const struct load_plan *plan = &options->plan;
    struct load_result *results = mmap(NULL, plan->agencies * sizeof *results,
                                       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct barrier barrier;
    if (results == MAP_FAILED || pipe(barrier.ready) != 0 || pipe(barrier.start) != 0 ||
        !open_idle(plan)) {
        perror("lottery-bench");
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; i < plan->agencies; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            return run_agency(plan, i, &barrier, &results[i]);
        }
        if (pid < 0) {
            perror("lottery-bench: fork");
            return EXIT_FAILURE;
        }
    }
    (void)close(barrier.start[0]);
    (void)close(barrier.ready[1]);
    if (!await_ready(&barrier, plan->agencies)) {
        (void)fputs("lottery-bench: an agency did not start\n", stderr);
        return EXIT_FAILURE;
    }
    uint64_t began_ns = load_clock_ns();
    (void)close(barrier.start[1]);
    while (wait(NULL) > 0) {
    }
    return report(options, results, began_ns);
}

static int run_by_tls(struct options *options)
{
    const struct tls_files files = {.certificate = options->tls_files[0],
                                    .key = options->tls_files[1],
                                    .ca = options->tls_files[2],
                                    .crl = ""};
    struct tls_context context;
    struct failure failure;
    (void)signal(SIGPIPE, SIG_IGN); /* libssl writes without MSG_NOSIGNAL */
    if (!tls_client_context_open(&context, &files, &failure)) {
        (void)fprintf(stderr, "lottery-bench: %s\n", failure.text);
        return EXIT_FAILURE;
    }
    options->plan.tls = &context;
    int status = run(options);
    options->plan.tls = NULL;
    tls_context_close(&context);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {
        .plan = {.agencies = 5, .batch_bets = 150, .window = 1, .duration_ms = DURATION_MS}};
    options.plan.server.sin_family = AF_INET;
    options.plan.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!read_options(argc, argv, &options)) {
        (void)fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    if (options.touch_megabytes > 0) {
        return touch_memory(options.touch_megabytes);
    }
    return options.tls_files[0] != NULL ? run_by_tls(&options) : run(&options);
}
