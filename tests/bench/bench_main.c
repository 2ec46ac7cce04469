/*
 * bench_main.c - lottery-bench: a load for the lottery's server, or for anything that
 * frames its messages in the same way.
 *
 * All agencies are in this one process. Their rows are in memory, and each connection is being
 * served (one message is answered), before the clock starts. Prints one line of figures,
 * `name=value ...`; load_cpu is the share of a processor that the load itself took.
 */
#include "tests/bench/load.h"
#include "tests/bench/tls_option.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NS_PER_US          1e3
#define NS_PER_MS          1e6
#define BYTES_PER_MEGABYTE 1e6

enum { MS_PER_SECOND = 1000, DURATION_MS = 2000 };

static const char usage[] =
    "usage: lottery-bench -p PORT [-n AGENCIES] [-b BETS] [-w WINDOW] [-s SECONDS] [-i IDLE] [-x] "
    "[-H FILE]\n"
    "                     [-t CERTIFICATE,KEY,CA [-f]]\n"
    "       lottery-bench -T MEGABYTES\n"
    "  -p PORT       of the server, on 127.0.0.1\n"
    "  -n AGENCIES   a connection each (5)\n"
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
    bool is_load = plan->server.sin_port != 0 && plan->agencies > 0 && plan->batch_bets > 0 &&
                   plan->window > 0;
    return optind == argc && (is_load || options->touch_megabytes != 0);
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

/* --------------------------------------------------------------- figures ---- */

static double ms(uint64_t ns)
{
    return (double)ns / NS_PER_MS;
}

static void print_figures(const struct options *options, const struct load_result *result)
{
    const struct load_fairness *fairness = &result->fairness;
    const struct histogram *latency = &result->latency;
    double bets = (double)result->batches * options->plan.batch_bets;
    printf("bets=%.0f seconds=%.4f bets_per_s=%.0f mb_per_s=%.2f p50_us=%.1f p99_us=%.1f "
           "p999_us=%.1f batches=%llu errors=%llu",
           bets, result->seconds, bets / result->seconds,
           (double)result->bytes / result->seconds / BYTES_PER_MEGABYTE,
           (double)histogram_quantile(latency, 0.5) / NS_PER_US,
           (double)histogram_quantile(latency, 0.99) / NS_PER_US,
           (double)histogram_quantile(latency, 0.999) / NS_PER_US,
           (unsigned long long)result->batches, (unsigned long long)result->errors);
    printf(" longest_ms=%.2f longest_over_p50=%.2f worst_p50_ms=%.2f median_p50_ms=%.2f "
           "worst_p99_ms=%.2f median_p99_ms=%.2f least_batches=%llu most_batches=%llu "
           "load_cpu=%.3f\n",
           ms(fairness->longest_ns),
           (double)fairness->longest_ns / (double)(histogram_quantile(latency, 0.5) + 1),
           ms(fairness->worst_p50_ns), ms(fairness->median_p50_ns), ms(fairness->worst_p99_ns),
           ms(fairness->median_p99_ns), (unsigned long long)fairness->least_batches,
           (unsigned long long)fairness->most_batches, result->cpu_seconds / result->seconds);
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

static int run(const struct options *options)
{
    struct load_result result;
    if (!load_run(&options->plan, &result)) {
        return EXIT_FAILURE;
    }
    print_figures(options, &result);
    if (options->histogram_file != NULL) {
        write_histogram(options->histogram_file, &result.latency);
    }
    return result.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
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
