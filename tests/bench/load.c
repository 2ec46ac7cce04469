/*
 * load.c - see load.h.
 */
#include "tests/bench/load.h"

#include "tests/bench/agency.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGES_BYTES = 512 * 1024, /* of all agencies together: they fit into the cache */
    EVENTS_MAX = 256,
    OPENING_MAX = 64, /* connections that have no answer yet: below the servers' backlog */
    TRIES_MAX = 1000, /* of an agency to connect and be served, as lottery-agency would try */
    RETRY_MS = 20,
    ANSWER_TIMEOUT_MS = 30000
};

#define NS_PER_SECOND 1e9
#define NS_PER_MS     UINT64_C(1000000)

struct load {
    const struct load_plan *plan;
    struct agency_setting setting;
    struct messages messages;
    struct agency *agencies;
    uint64_t *sent_ns; /* the agencies' rings */
    uint64_t errors;   /* connections that failed */
    int epoll;
};

static bool say_why(const char *what)
{
    (void)fprintf(stderr, "lottery-bench: %s: %s\n", what, strerror(errno));
    return false;
}

/* ----------------------------------------------------------- connections ---- */

/* Begins an agency's connection, and does what can be done of it at once. False when it failed. */
static bool begin(struct load *load, struct agency *agency)
{
    struct epoll_event watched = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = agency};
    return agency_connect(agency, &load->setting) &&
           epoll_ctl(load->epoll, EPOLL_CTL_ADD, agency->socket, &watched) == 0 &&
           agency_go_on(agency, &load->setting);
}

/* Waits for edges, and lets their agencies go on. Those that failed are closed. False at an error. */
static bool serve_events(struct load *load, int timeout_ms, bool *anything)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(load->epoll, events, EVENTS_MAX, timeout_ms);
    if (count < 0 && errno != EINTR) {
        return say_why("epoll_wait");
    }
    *anything = count > 0;
    for (int i = 0; i < count; i++) {
        struct agency *agency = events[i].data.ptr;
        if (agency->stage != AGENCY_AWAY && !agency_go_on(agency, &load->setting)) {
            load->errors++;
            agency_close(agency);
        }
    }
    return true;
}

/* -------------------------------------------------------- being served ---- */

/*
 * Connects the agencies that have no connection, as many as may be without an answer. Returns how
 * many have been served one message.
 */
static unsigned connect_more(struct load *load)
{
    unsigned served = 0;
    unsigned opening = 0;
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        served += agency_is_done(&load->agencies[i]) ? 1 : 0;
        opening += load->agencies[i].stage != AGENCY_AWAY ? 1 : 0;
    }
    opening -= served;
    for (unsigned i = 0; i < load->plan->agencies && opening < OPENING_MAX; i++) {
        struct agency *agency = &load->agencies[i];
        if (agency->stage == AGENCY_AWAY) {
            opening++;
            if (!begin(load, agency)) {
                agency_close(agency);
            }
        }
    }
    return served;
}

/* Lets each agency connect and be served one message, as often as lottery-agency would try. */
static bool await_served(struct load *load)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * (long)NS_PER_MS};
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        load->agencies[i].send_to = 1;
    }
    for (int failures = 0; connect_more(load) < load->plan->agencies;) {
        bool anything = false;
        load->errors = 0;
        if (!serve_events(load, RETRY_MS, &anything)) {
            return false;
        }
        if (load->errors > 0 || !anything) {
            (void)nanosleep(&pause, NULL);
            if (++failures > TRIES_MAX) {
                (void)fputs("lottery-bench: an agency was not served\n", stderr);
                return false;
            }
        }
    }
    load->errors = 0;
    return true;
}

/* ---------------------------------------------------------------- betting ---- */

static void begin_betting(struct load *load)
{
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        struct agency *agency = &load->agencies[i];
        agency->sent = 0;
        agency->answered = 0;
        agency->send_to = UINT64_MAX;
        agency->longest_ns = 0;
        agency->latency = (struct histogram){0};
    }
}

static bool is_over(const struct load *load)
{
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        const struct agency *agency = &load->agencies[i];
        if (agency->stage != AGENCY_AWAY && !agency_is_done(agency)) {
            return false;
        }
    }
    return true;
}

/* Sends until the time is up, and waits for the last answers. */
static bool bet(struct load *load)
{
    uint64_t deadline_ns = agency_clock_ns() + load->plan->duration_ms * NS_PER_MS;
    bool is_stopped = false;
    bool anything = true;
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        if (!agency_go_on(&load->agencies[i], &load->setting)) {
            load->errors++;
            agency_close(&load->agencies[i]);
        }
    }
    while (!is_stopped || !is_over(load)) {
        if (!serve_events(load, ANSWER_TIMEOUT_MS, &anything)) {
            return false;
        }
        if (!anything) {
            load->errors++;
            return true;
        }
        for (unsigned i = 0; !is_stopped && agency_clock_ns() >= deadline_ns; i++) {
            is_stopped = i + 1 == load->plan->agencies;
            agency_stop(&load->agencies[i], &load->setting);
        }
    }
    return true;
}

/* Lets an agency whose message was answered close, and connect for the next one. */
static void churn_agency(struct load *load, struct agency *agency, bool goes_on)
{
    if (agency->stage != AGENCY_AWAY && agency_is_done(agency)) {
        agency_close(agency);
        if (load->plan->whole_handshakes) {
            SSL_SESSION_free(agency->session);
            agency->session = NULL;
        }
    }
    if (agency->stage == AGENCY_AWAY && goes_on) {
        agency->send_to = agency->sent + 1;
        if (!begin(load, agency)) {
            load->errors++;
            agency_close(agency);
        }
    }
}

/* Connects, sends one message, awaits its answer and closes, again and again. */
static bool churn(struct load *load)
{
    uint64_t deadline_ns = agency_clock_ns() + load->plan->duration_ms * NS_PER_MS;
    bool goes_on = true;
    bool anything = true;
    do {
        goes_on = agency_clock_ns() < deadline_ns;
        for (unsigned i = 0; i < load->plan->agencies; i++) {
            churn_agency(load, &load->agencies[i], goes_on);
        }
        if (!is_over(load) && !serve_events(load, ANSWER_TIMEOUT_MS, &anything)) {
            return false;
        }
        if (!anything) {
            load->errors++;
            return true;
        }
    } while (goes_on || !is_over(load));
    return true;
}

/* ---------------------------------------------------------------- figures ---- */

static int compare_values(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

/* The middle one and the largest of the agencies' own quantiles. False without memory. */
static bool spread(const struct load *load, double share, uint64_t *median, uint64_t *worst)
{
    size_t count = load->plan->agencies;
    uint64_t *values = malloc((count + 1) * sizeof *values);
    if (values == NULL) {
        return say_why("memory for figures");
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = histogram_quantile(&load->agencies[i].latency, share);
    }
    qsort(values, count, sizeof *values, compare_values);
    *median = values[count / 2];
    *worst = values[count - 1];
    free(values);
    return true;
}

static bool sum_up(const struct load *load, struct load_result *result)
{
    struct load_fairness *fairness = &result->fairness;
    result->errors = load->errors;
    fairness->least_batches = UINT64_MAX;
    for (unsigned i = 0; i < load->plan->agencies; i++) {
        const struct agency *agency = &load->agencies[i];
        result->batches += agency->answered;
        result->bytes += agency->answered * messages_mean_bytes(&load->messages, &agency->header);
        result->errors += agency->errors;
        histogram_merge(&result->latency, &agency->latency);
        if (agency->longest_ns > fairness->longest_ns) {
            fairness->longest_ns = agency->longest_ns;
        }
        if (agency->answered > fairness->most_batches) {
            fairness->most_batches = agency->answered;
        }
        if (agency->answered < fairness->least_batches) {
            fairness->least_batches = agency->answered;
        }
    }
    return spread(load, 0.5, &fairness->median_p50_ns, &fairness->worst_p50_ns) &&
           spread(load, 0.99, &fairness->median_p99_ns, &fairness->worst_p99_ns);
}

/* ------------------------------------------------------------------- life ---- */

/* Opens the silent connections; the server's limit of descriptors is not ours. */
static bool open_idle(const struct load_plan *plan)
{
    for (unsigned i = 0; i < plan->idle; i++) {
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (descriptor < 0 ||
            connect(descriptor, (const struct sockaddr *)&plan->server, sizeof plan->server) != 0) {
            return say_why("idle connection");
        }
    }
    return true;
}

static bool open_load(struct load *load, const struct load_plan *plan)
{
    *load = (struct load){.plan = plan,
                          .agencies = calloc(plan->agencies, sizeof *load->agencies),
                          .sent_ns =
                              calloc((size_t)plan->agencies * plan->window, sizeof *load->sent_ns),
                          .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (load->agencies == NULL || load->sent_ns == NULL || load->epoll < 0 ||
        !messages_make(&load->messages, plan->batch_bets, MESSAGES_BYTES)) {
        return say_why("set up");
    }
    load->setting = (struct agency_setting){.server = plan->server,
                                            .messages = &load->messages,
                                            .tls = plan->tls,
                                            .window = plan->window,
                                            .counts_connecting = plan->churn};
    for (unsigned i = 0; i < plan->agencies; i++) {
        struct agency *agency = &load->agencies[i];
        agency->header = messages_header_of(i + 1);
        agency->socket = -1;
        agency->cursor.next = i % load->messages.count;
        agency->sent_ns = load->sent_ns + (size_t)i * plan->window;
    }
    return true;
}

static void close_load(struct load *load)
{
    for (unsigned i = 0; load->agencies != NULL && i < load->plan->agencies; i++) {
        agency_close(&load->agencies[i]);
        SSL_SESSION_free(load->agencies[i].session);
    }
    free(load->agencies);
    free(load->sent_ns);
    messages_free(&load->messages);
    if (load->epoll >= 0) {
        (void)close(load->epoll);
    }
}

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

bool load_run(const struct load_plan *plan, struct load_result *result)
{
    struct load load;
    *result = (struct load_result){0};
    bool is_open = open_load(&load, plan) && open_idle(plan);
    bool is_served = is_open && (plan->churn || await_served(&load));
    bool has_run = false;
    if (is_served) {
        begin_betting(&load);
        double cpu_began = cpu_seconds();
        uint64_t began_ns = agency_clock_ns();
        has_run = plan->churn ? churn(&load) : bet(&load);
        result->seconds = (double)(agency_clock_ns() - began_ns) / NS_PER_SECOND;
        result->cpu_seconds = cpu_seconds() - cpu_began;
        has_run = has_run && sum_up(&load, result);
    }
    close_load(&load);
    return has_run;
}
