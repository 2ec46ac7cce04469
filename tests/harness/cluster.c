/*
 * cluster.c - see cluster.h.
 */
#include "tests/harness/cluster.h"

#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    ANSWER_BYTES = 256 * 1024,
    ANSWER_SECONDS = 2,
    PATTERN_BYTES = 192,
    MEETING_MS = 10000,
    BEGINNINGS = 4
};

/* -------------------------------------------------------------- monitoring ---- */

static int connect_to(unsigned port)
{
    const struct timeval timeout = {.tv_sec = ANSWER_SECONDS};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int node = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (node >= 0 && (setsockopt(node, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
                      connect(node, (const struct sockaddr *)&address, sizeof address) != 0)) {
        (void)close(node);
        node = -1;
    }
    return node;
}

/* Asks a node's monitor for a path. False when there is no answer, or not "200 OK". */
static bool ask(const struct cluster_node *node, const char *path, char *answer)
{
    char question[PATTERN_BYTES];
    size_t bytes = 0;
    const int monitor = node->program == NULL ? -1 : connect_to(node->monitor_port);
    if (monitor < 0) {
        return false;
    }
    const int length = snprintf(question, sizeof question, "GET %s HTTP/1.0\r\n\r\n", path);
    if (send(monitor, question, (size_t)length, MSG_NOSIGNAL) == length) {
        for (ssize_t count = 1; count > 0 && bytes < ANSWER_BYTES - 1;) {
            count = recv(monitor, answer + bytes, ANSWER_BYTES - 1 - bytes, 0);
            bytes += count > 0 ? (size_t)count : 0;
        }
    }
    (void)close(monitor);
    answer[bytes] = '\0';
    return strstr(answer, " 200 OK\r\n") != NULL;
}

static void show(struct cluster *cluster)
{
    for (unsigned node = 0; node < cluster->count; node++) {
        if (cluster->nodes[node].program != NULL) {
            program_show(cluster->nodes[node].program);
        }
    }
}

/* Awaits that a node answers "200 OK" to this path. */
static void await_health(struct cluster *cluster, unsigned node, const char *path)
{
    char *answer = stage_allocate(cluster->stage, ANSWER_BYTES);
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!ask(&cluster->nodes[node], path, answer)) {
        if (!deadline_pause(deadline) || program_has_ended(cluster->nodes[node].program)) {
            show(cluster);
            stage_fail_at(__FILE__, __LINE__, "nats-server %u is not ready: %s", node, answer);
        }
    }
}

void cluster_await_ready(struct cluster *cluster)
{
    for (unsigned node = 0; node < cluster->count; node++) {
        if (cluster->nodes[node].program != NULL) {
            await_health(cluster, node, "/healthz");
        }
    }
}

/* Whom this node takes for the stream's leader; count: nobody, or no node that runs. */
static unsigned leader_by(const struct cluster *cluster, unsigned node, const char *stream,
                          char *answer)
{
    char name[PATTERN_BYTES];
    (void)snprintf(name, sizeof name, "\"name\": \"%s\"", stream);
    if (!ask(&cluster->nodes[node], "/jsz?streams=true", answer)) {
        return cluster->count;
    }
    const char *at = strstr(answer, name);
    at = at == NULL ? NULL : strstr(at, "\"leader\": \"node-");
    const unsigned leader = at == NULL
                                ? cluster->count
                                : (unsigned)strtoul(at + strlen("\"leader\": \"node-"), NULL, 10);
    return leader < cluster->count && cluster->nodes[leader].program != NULL ? leader
                                                                             : cluster->count;
}

unsigned cluster_leader_of(struct cluster *cluster, const char *stream)
{
    char *answer = stage_allocate(cluster->stage, ANSWER_BYTES);
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    do {
        for (unsigned node = 0; node < cluster->count; node++) {
            const unsigned leader = leader_by(cluster, node, stream, answer);
            if (leader < cluster->count && leader == leader_by(cluster, leader, stream, answer)) {
                return leader;
            }
        }
    } while (deadline_pause(deadline));
    stage_fail_at(__FILE__, __LINE__, "nobody leads the stream %s", stream);
}

/* ---------------------------------------------------------------- starting ---- */

static const char *write_routes(struct cluster *cluster)
{
    const char *routes = "";
    for (unsigned node = 0; node < cluster->count; node++) {
        routes = stage_text(cluster->stage, "%s\"nats://127.0.0.1:%u\", ", routes,
                            cluster->nodes[node].route_port);
    }
    return routes;
}

/* Its name is the stage's: clusters of other tests don't join it, whatever port they dial. */
static void write_configuration(struct cluster *cluster, unsigned node, const char *settings)
{
    struct stage *stage = cluster->stage;
    struct cluster_node *self = &cluster->nodes[node];
    const char *directory = stage_path(stage, "engine-%u", node);
    const char *routes =
        cluster->count == 1
            ? ""
            : stage_text(stage,
                         "cluster { name: \"%s\", listen: \"127.0.0.1:%u\", routes: [%s] }\n",
                         stage->directory, self->route_port, write_routes(cluster));
    self->configuration = stage_path(stage, "engine-%u.conf", node);
    files_write(self->configuration,
                stage_text(stage,
                           "server_name: node-%u\n"
                           "listen: \"127.0.0.1:%u\"\n"
                           "http: \"127.0.0.1:%u\"\n"
                           "jetstream { store_dir: \"%s\", sync_interval: always }\n"
                           "%s%s\n",
                           node, self->port, self->monitor_port, directory, routes, settings));
}

void cluster_start_node(struct cluster *cluster, unsigned node)
{
    struct cluster_node *self = &cluster->nodes[node];
    const struct program_plan plan = {.name = "nats-server",
                                      .arguments = ARGUMENTS("--config", self->configuration)};
    self->program = program_start(cluster->stage, &plan);
}

/* One node after the other: of three that begin within milliseconds, more stay apart. */
static void start_nodes(struct cluster *cluster)
{
    for (unsigned node = 0; node < cluster->count; node++) {
        cluster_start_node(cluster, node);
        await_health(cluster, node, "/healthz?js-enabled-only=true");
    }
}

/*
 * Does the leader know all others, so that a stream can have a copy on each node? The leader's /jsz names
 * them, and no other node's. /healthz does not tell: a node that the leader does not know says that it is well.
 */
static bool leader_knows_all(const struct cluster *cluster, char *answer)
{
    static const char peer[] = "\"name\": \"node-";
    for (unsigned node = 0; node < cluster->count; node++) {
        unsigned peers = 0;
        const char *at = ask(&cluster->nodes[node], "/jsz", answer) ? strstr(answer, peer) : NULL;
        for (; at != NULL; at = strstr(at + 1, peer)) {
            peers++;
        }
        if (peers + 1 >= cluster->count) {
            return true;
        }
    }
    return false;
}

/* All nodes know their leader soon, and he knows them. */
static bool have_met(struct cluster *cluster)
{
    char *answer = stage_allocate(cluster->stage, ANSWER_BYTES);
    const struct deadline deadline = deadline_in(MEETING_MS);
    for (unsigned node = 0; node < cluster->count; node++) {
        while (!ask(&cluster->nodes[node], "/healthz", answer)) {
            if (!deadline_pause(deadline)) {
                return false;
            }
        }
    }
    while (!leader_knows_all(cluster, answer)) {
        if (!deadline_pause(deadline)) {
            return false;
        }
    }
    return true;
}

/* As if they had never been. */
static void end_nodes(struct cluster *cluster)
{
    for (unsigned node = 0; node < cluster->count; node++) {
        cluster_kill_node(cluster, node);
        files_remove_tree(stage_path(cluster->stage, "engine-%u", node));
    }
}

/*
 * Of some twenty new clusters of nats-server 2.10.27 one has a node that the leader never hears of, though
 * they are connected; then no stream of three copies can be made ("no suitable peers for placement"). Nothing
 * is in it yet, so it begins anew.
 */
struct cluster *cluster_start(struct stage *stage, unsigned nodes, const char *settings)
{
    struct cluster *cluster = stage_allocate(stage, sizeof *cluster);
    cluster->stage = stage;
    cluster->count = nodes;
    cluster->servers = "";
    for (unsigned node = 0; node < nodes; node++) {
        struct cluster_node *self = &cluster->nodes[node];
        self->port = ports_choose();
        self->route_port = ports_choose();
        self->monitor_port = ports_choose();
        cluster->servers = stage_text(stage, "%s%snats://127.0.0.1:%u", cluster->servers,
                                      node == 0 ? "" : ",", self->port);
    }
    for (unsigned node = 0; node < nodes; node++) {
        write_configuration(cluster, node, settings);
    }
    start_nodes(cluster);
    for (unsigned beginning = 1; beginning < BEGINNINGS && !have_met(cluster); beginning++) {
        print_message("the nodes of nats-server do not meet: once more\n");
        end_nodes(cluster);
        start_nodes(cluster);
    }
    cluster_await_ready(cluster);
    return cluster;
}

/* ------------------------------------------------------------------ faults ---- */

void cluster_kill_node(struct cluster *cluster, unsigned node)
{
    (void)program_stop(cluster->nodes[node].program, SIGKILL);
    cluster->nodes[node].program = NULL;
}

void cluster_pause_node(struct cluster *cluster, unsigned node)
{
    (void)kill(cluster->nodes[node].program->pid, SIGSTOP);
}

void cluster_resume_node(struct cluster *cluster, unsigned node)
{
    (void)kill(cluster->nodes[node].program->pid, SIGCONT);
}
