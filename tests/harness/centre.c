/*
 * centre.c - see centre.h.
 */
#include "tests/harness/centre.h"

#include "tests/harness/bets.h"
#include "tests/harness/deadline.h"
#include "tests/harness/files.h"
#include "tests/harness/ports.h"
#include "tests/harness/proc.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

struct centre *centre_open(struct stage *stage, const char *agencies)
{
    struct centre *centre = stage_allocate(stage, sizeof *centre);
    centre->stage = stage;
    centre->engine = cluster_start(stage, 1, "");
    centre->name = "north";
    centre->agencies = agencies;
    centre->token = stage_path(stage, "fault-token");
    for (unsigned i = 0; i < CENTRE_NODES_MAX; i++) {
        centre->directories[i] = stage_path(stage, "node-%u", i);
        centre->ports[i] = ports_choose();
    }
    return centre;
}

const char *const *centre_environment(const struct centre *centre, unsigned node,
                                      const char *patience)
{
    struct stage *stage = centre->stage;
    const char *const values[] = {
        stage_text(stage, "REPLICATION_SERVERS=%s", centre->engine->servers),
        stage_text(stage, "REPLICATION_CENTRE=%s", centre->name),
        "REPLICATION_REPLICAS=1",
        "REPLICATION_NODE=one", /* of all nodes: a directory's id tells them apart */
        "ACK_AFTER=replicated",
        stage_text(stage, "REPLICATION_TAKEOVER_AFTER=%s", patience),
        stage_text(stage, "NUMBER_OF_AGENCIES=%s", centre->agencies),
        stage_text(stage, "SERVER_PORT=%u", centre->ports[node]),
        stage_text(stage, "LOTTERY_FAULT_TOKEN=%s", centre->token),
        centre->fault == NULL ? NULL : stage_text(stage, "LOTTERY_FAULT=%s", centre->fault),
        NULL};
    const char **environment = stage_allocate(stage, sizeof values);
    memcpy((void *)environment, (const void *)values, sizeof values);
    return environment;
}

struct server *centre_start_primary(const struct centre *centre, unsigned node)
{
    struct server *server = server_start_with(centre->stage, centre->directories[node], NULL,
                                              centre_environment(centre, node, "5s"));
    (void)server_await_log(server, 1, "action: replica | result: success | claimed: epoch*");
    return server;
}

struct server *centre_start_standby(const struct centre *centre, unsigned node,
                                    const char *patience)
{
    struct server *server = server_follow(centre->stage, centre->directories[node],
                                          centre_environment(centre, node, patience));
    server->port = centre->ports[node];
    return server;
}

static bool is_same(const struct server *one, const struct server *other, const char *name)
{
    size_t count = 0;
    size_t other_count = 0;
    char *bytes = files_load(server_file(one, name), &count);
    char *other_bytes = files_load(server_file(other, name), &other_count);
    bool same = bytes != NULL && other_bytes != NULL && count == other_count &&
                memcmp(bytes, other_bytes, count) == 0;
    free(bytes);
    free(other_bytes);
    return same;
}

void centre_await_same(const struct server *one, const struct server *other, const char *name)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (!is_same(one, other, name)) {
        if (!deadline_pause(deadline)) {
            program_show(one->program);
            program_show(other->program);
            fail_msg("%s is not the same in %s and %s", name, one->directory, other->directory);
        }
    }
}

void centre_await_all_same(const struct server *one, const struct server *other, bool drawn)
{
    static const char *const names[] = {"bets.csv", "done.csv", "seal.json", "draw.json",
                                        "winners.csv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0] && (drawn || i < 2); i++) {
        centre_await_same(one, other, names[i]);
    }
}

struct peer *centre_sell(const struct server *primary, const struct server *standby, unsigned count)
{
    struct peer *peer = peer_connect(primary);
    peer_ask(peer, bets_batch(primary->stage, 1, 0, count), "server:0\r\n");
    centre_await_same(primary, standby, "bets.csv");
    return peer;
}

pid_t centre_signal_shipper(const struct server *server, int signal_number)
{
    pid_t shipper = 0;
    assert_int_equal(proc_children(server->program->pid, "lottery-shipper", &shipper, 1), 1);
    assert_int_equal(kill(shipper, signal_number), 0);
    return shipper;
}

void centre_await_takeover(struct server *server)
{
    (void)server_await_log(server, 1, "action: takeover | result: success | epoch*node*");
    server_await_port(server);
}

struct server *centre_take_over_from_one_with_more(const struct centre *centre,
                                                   unsigned acknowledged, unsigned more)
{
    struct server *primary = centre_start_primary(centre, 0);
    struct server *standby = centre_start_standby(centre, 1, "1s");
    struct peer *peer = centre_sell(primary, standby, acknowledged);
    const uint64_t bytes = files_size(server_file(primary, "bets.csv"));
    (void)centre_signal_shipper(primary, SIGSTOP);
    peer_send(peer, bets_batch(centre->stage, 1, acknowledged, more));
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (files_size(server_file(primary, "bets.csv")) == bytes) {
        assert_true(deadline_pause(deadline));
    }
    assert_false(peer_has_news(peer, 0));
    server_kill_everything(primary);
    centre_await_takeover(standby);
    return standby;
}

void centre_arm(struct centre *centre, const char *fault)
{
    centre->fault = fault;
    files_write(centre->token, "");
}

void centre_await_fault(struct centre *centre)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    while (files_exist(centre->token)) {
        if (!deadline_pause(deadline)) {
            fail_msg("nobody has come to %s", centre->fault);
        }
    }
    centre->fault = NULL;
}
