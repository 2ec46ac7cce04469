/*
 * test_keyholder.c - a server with TLS has a process for its private key, and nobody else has it.
 *
 * Where a test plays a handler it takes the handlers' end of the channel from the supervisor
 * (pidfd_getfd(2)). Where the kernel does not let it, or it is not root and has to be, it is
 * skipped.
 */
#include "lib/program.h"
#include "tests/harness/asker.h"
#include "tests/harness/certificates.h"
#include "tests/harness/files.h"
#include "tests/harness/peer.h"
#include "tests/harness/proc.h"
#include "tests/harness/tls_peer.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum {
    KEY_MODE = 0600,
    DESCRIPTORS_MAX = 64,
    SCALAR_BYTES = 32,
    CHUNK_BYTES = 1024 * 1024,
    NEEDLES = 3
};

#if defined(__SANITIZE_ADDRESS__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

/* A server with TLS, and the key that it has. */
struct scene {
    struct stage *stage;
    EVP_PKEY *key;
    const char *certificate_path, *key_path, *ca_path;
    struct server *server;
};

static bool free_key(void *key)
{
    EVP_PKEY_free(key);
    return true;
}

static EVP_PKEY *make_key(struct stage *stage)
{
    EVP_PKEY *key = self_signed_key("P-256");
    stage_own(stage, key, free_key);
    return key;
}

/* The settings of a server that has these files. */
static const char *const *settings(const struct scene *scene)
{
    const char **environment = stage_allocate(scene->stage, 6 * sizeof *environment);
    environment[0] = "TLS_MODE=optional";
    environment[1] = stage_text(scene->stage, "TLS_CERTIFICATE=%s", scene->certificate_path);
    environment[2] = stage_text(scene->stage, "TLS_KEY=%s", scene->key_path);
    environment[3] = "RING_BYTES=256k";
    environment[4] = stage_text(scene->stage, "TLS_CA=%s", scene->ca_path);
    return environment;
}

static struct scene prepare(struct stage *stage)
{
    struct scene scene = {.stage = stage,
                          .key = make_key(stage),
                          .certificate_path = stage_path(stage, "cert.pem"),
                          .key_path = stage_path(stage, "key.pem")};
    scene.ca_path = scene.certificate_path;
    self_signed_write_certificate(scene.key, scene.certificate_path);
    self_signed_write_key(scene.key, scene.key_path, KEY_MODE, NULL);
    return scene;
}

static struct scene open_scene(struct stage *stage)
{
    struct scene scene = prepare(stage);
    scene.server = server_start(stage, settings(&scene));
    return scene;
}

/* Kills the keyholder; returns the next one, which is ready. */
static pid_t replace_keyholder(const struct server *server)
{
    size_t starts = server_count_log(server, "action: keyholder_start | result: success");
    assert_int_equal(kill(server_keyholder_pid(server), SIGKILL), 0);
    (void)server_await_log(server, starts + 1, "action: keyholder_start | result: success");
    return server_keyholder_pid(server);
}

static struct shared_keyholder *figures_of(const struct segment *segment)
{
    return &segment->shared->keyholder;
}

static void open_asker(struct asker *asker, const struct scene *scene)
{
    if (!asker_open(asker, scene->server, scene->certificate_path, scene->key_path)) {
        print_message("pidfd_getfd is not allowed here\n");
        skip();
    }
}

/* ------------------------------------------------------------------- life ---- */

static void it_lives_as_long_as_the_server(void **state)
{
    struct scene scene = open_scene(*state);
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    pid_t pid = server_keyholder_pid(scene.server);
    assert_int_equal(proc_children(scene.server->program->pid, NULL, NULL, 0), 3);
    server_stop_well(scene.server);
    assert_int_equal(proc_parent(pid, NULL), 0);
    (void)server_await_log(scene.server, 1, "action: reap | result: success | role: keyholder*");
    stage_expect_nothing_left(scene.stage);
}

static void without_tls_there_is_none(void **state)
{
    struct server *server = server_start(*state, NULL);
    assert_int_equal(proc_children(server->program->pid, "lottery-key", NULL, 0), 0);
    assert_int_equal(proc_children(server->program->pid, NULL, NULL, 0), 1);
    server_stop_well(server);
}

/* More often than a storer would be: connections go on, and the server does not give up. */
static void it_is_replaced_as_often_as_it_is_killed(void **state)
{
    enum { KILLS = 8 };
    struct scene scene = open_scene(*state);
    struct peer *peer = peer_connect(scene.server);
    struct segment segment = server_attach(scene.server);
    for (int i = 0; i < KILLS; i++) {
        pid_t before = server_keyholder_pid(scene.server);
        pid_t after = replace_keyholder(scene.server);
        assert_int_not_equal(before, after);
        peer_ask(peer, "1:5\r\n", "server:0\r\n");
    }
    assert_int_equal(atomic_load(&figures_of(&segment)->deaths), KILLS);
    assert_int_equal(atomic_load(&figures_of(&segment)->starts), KILLS + 1);
    assert_int_equal(atomic_load(&figures_of(&segment)->pid), server_keyholder_pid(scene.server));
    segment_unmap(&segment);
    server_stop_well(scene.server);
    stage_expect_nothing_left(scene.stage);
}

static void it_ends_when_the_supervisor_is_killed(void **state)
{
    struct scene scene = open_scene(*state);
    pid_t pid = server_keyholder_pid(scene.server);
    server_kill_supervisor(scene.server);
    server_await_orphans(scene.server);
    assert_int_equal(proc_parent(pid, NULL), 0);
    stage_expect_nothing_left(scene.stage);
}

static void open_next_draw(const struct scene *scene)
{
    const char *directory = stage_text(scene->stage, "DATA_DIRECTORY=%s", scene->server->directory);
    const struct program_plan plan = {.name = "lottery-admin",
                                      .arguments =
                                          ARGUMENTS("open", "next", "--number", "1", "--abandon"),
                                      .environment = ENVIRONMENT(directory)};
    struct program_end end;
    (void)program_run(scene->stage, &plan, &end);
    assert_int_equal(end.status, 0);
}

/* All children end when the next draw is opened, and it has others. */
static void the_next_draw_has_another_one(void **state)
{
    struct scene scene = open_scene(*state);
    pid_t before = server_keyholder_pid(scene.server);
    open_next_draw(&scene);
    (void)server_await_log(scene.server, 2, "action: keyholder_start | result: success");
    assert_int_not_equal(server_keyholder_pid(scene.server), before);
    struct asker asker;
    open_asker(&asker, &scene);
    assert_true(asker_is_answered(&asker));
    asker_close(&asker);
    server_stop_well(scene.server);
    assert_int_equal(server_count_log(scene.server, "action: reap | result: fail"), 0);
    stage_expect_nothing_left(scene.stage);
}

/* The next key was written into the same file, and SIGHUP has not come yet. */
static void the_next_draw_opens_without_one(void **state)
{
    struct scene scene = open_scene(*state);
    const char *before = files_read(scene.stage, scene.key_path, NULL);
    self_signed_write_key(make_key(scene.stage), scene.key_path, KEY_MODE, NULL);
    open_next_draw(&scene);
    (void)server_await_log(scene.server, 1, "ERROR *nobody new can speak TLS until it can be read");
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    files_write(scene.key_path, before);
    (void)server_await_log(scene.server, 2, "action: keyholder_start | result: success");
    struct asker asker;
    open_asker(&asker, &scene);
    assert_true(asker_is_answered(&asker));
    asker_close(&asker);
    server_stop_well(scene.server);
    stage_expect_nothing_left(scene.stage);
}

/* ----------------------------------------------------------------- a start ---- */

static void expect_refusal(const struct scene *scene, int status, const char *reason)
{
    struct program_end end;
    struct program *program = server_start_in_vain(scene->stage, NULL, NULL, settings(scene), &end);
    const char *errors = program_errors(program);
    const char *line_feed = strchr(errors, '\n');
    if (end.status != status || strstr(errors, reason) == NULL || line_feed == NULL ||
        line_feed[1] != '\0') {
        fail_msg("status %d; \"%s\" is not the one line: %s", end.status, reason, errors);
    }
    stage_expect_nothing_left(scene->stage);
}

static void a_wrong_key_is_told_at_the_start(void **state)
{
    struct scene scene = prepare(*state);
    self_signed_write_key(make_key(scene.stage), scene.key_path, KEY_MODE, NULL);
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "key.pem is not the key of tls.certificate");
    self_signed_write_key(scene.key, scene.key_path, KEY_MODE, "password");
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "key.pem is encrypted");
    self_signed_write_key(scene.key, scene.key_path, 0644, NULL);
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "key.pem is open to others (mode 0644)");
    assert_int_equal(unlink(scene.key_path), 0);
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "key.pem: No such file");
    assert_int_equal(mkdir(scene.key_path, 0700), 0);
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "key.pem: it is a directory, and no regular");
}

static void a_wrong_certificate_is_told_at_the_start(void **state)
{
    struct scene scene = prepare(*state);
    files_write(scene.certificate_path, "no certificate\n");
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "cert.pem has no certificate");
    scene.certificate_path = "";
    expect_refusal(&scene, PROGRAM_EXIT_CONFIG, "but tls.certificate is not set");
}

/* ---------------------------------------------------------------- signing ---- */

static void a_handshake_is_signed_by_the_keyholder(void **state)
{
    struct scene scene = open_scene(*state);
    struct asker asker;
    open_asker(&asker, &scene);
    assert_true(asker_is_answered(&asker));
    struct segment segment = server_attach(scene.server);
    assert_int_equal(atomic_load(&figures_of(&segment)->signatures), 1);
    segment_unmap(&segment);
    (void)replace_keyholder(scene.server);
    assert_true(asker_is_answered(&asker));
    pid_t pid = server_keyholder_pid(scene.server); /* it takes nothing, and dies so */
    assert_int_equal(kill(pid, SIGSTOP), 0);
    pid_t handler = fork();
    if (handler == 0) {
        _exit(asker_is_answered(&asker) ? 0 : 1);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(handler, &status, 0), handler);
    assert_int_equal(status, 0);
    asker_close(&asker);
    server_stop_well(scene.server);
    stage_expect_nothing_left(scene.stage);
}

static void a_channel_that_is_shut_is_made_anew(void **state)
{
    struct scene scene = open_scene(*state);
    struct asker asker;
    open_asker(&asker, &scene);
    assert_int_equal(shutdown(asker.channel.ask, SHUT_RDWR), 0);
    (void)server_await_log(scene.server, 1, "action: keyholder_stop | result: fail*shut down*");
    (void)server_await_log(scene.server, 2, "action: keyholder_start | result: success");
    assert_false(asker_is_answered(&asker)); /* handlers of before keep the old one */
    asker_close(&asker);
    open_asker(&asker, &scene);
    assert_true(asker_is_answered(&asker));
    asker_close(&asker);
    server_stop_well(scene.server);
    stage_expect_nothing_left(scene.stage);
}

/* ----------------------------------------------------------------- memory ---- */

struct needle {
    unsigned char bytes[SCALAR_BYTES];
};

/* The private scalar as DER has it and as OpenSSL's numbers have it, and a part of its PEM. */
static void make_needles(const struct scene *scene, struct needle needles[NEEDLES])
{
    BIGNUM *scalar = NULL;
    assert_int_equal(EVP_PKEY_get_bn_param(scene->key, OSSL_PKEY_PARAM_PRIV_KEY, &scalar), 1);
    assert_int_equal(BN_bn2binpad(scalar, needles[0].bytes, SCALAR_BYTES), SCALAR_BYTES);
    assert_int_equal(BN_bn2lebinpad(scalar, needles[1].bytes, SCALAR_BYTES), SCALAR_BYTES);
    BN_free(scalar);
    size_t bytes = 0;
    const char *pem = files_read(scene->stage, scene->key_path, &bytes);
    const char *end_of_line = strchr(strchr(pem, '\n') + 1, '\n'); /* of the first one of base64 */
    memcpy(needles[2].bytes, end_of_line - SCALAR_BYTES, SCALAR_BYTES);
}

/* Looks for the needles in a range of a process's memory, chunk by chunk; counts what it finds. */
static unsigned search_range(int memory, uint64_t begin, uint64_t end, unsigned char *chunk,
                             const struct needle needles[NEEDLES], uint64_t *searched)
{
    unsigned found = 0;
    while (begin < end) {
        uint64_t left = end - begin;
        size_t wanted = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
        ssize_t got = pread(memory, chunk, wanted, (off_t)begin);
        if (got <= 0) {
            break; /* a hole: beyond a file's end, or the kernel's own pages */
        }
        *searched += (uint64_t)got;
        for (int i = 0; i < NEEDLES; i++) {
            found += memmem(chunk, (size_t)got, needles[i].bytes, SCALAR_BYTES) != NULL;
        }
        /* the next chunk begins before this one's end: a needle may stand across it */
        bool is_last = (uint64_t)got == left || got <= SCALAR_BYTES;
        begin += is_last ? (uint64_t)got : (uint64_t)got - SCALAR_BYTES;
    }
    return found;
}

/* How many of the needles, and where else, stand in the process's memory; all of it is read. */
static unsigned search_memory(const struct scene *scene, pid_t pid)
{
    struct needle needles[NEEDLES];
    char line[PROC_LINE_BYTES];
    unsigned found = 0;
    uint64_t searched = 0;
    make_needles(scene, needles);
    unsigned char *chunk = stage_allocate(scene->stage, CHUNK_BYTES);
    FILE *maps = fopen(stage_text(scene->stage, "/proc/%d/maps", (int)pid), "re");
    int memory = open(stage_text(scene->stage, "/proc/%d/mem", (int)pid), O_RDONLY | O_CLOEXEC);
    assert_true(maps != NULL && memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *rest = NULL;
        uint64_t begin = strtoull(line, &rest, 16);
        uint64_t end = strtoull(rest + 1, &rest, 16);
        if (rest[1] == 'r' && end <= INT64_MAX) {
            found += search_range(memory, begin, end, chunk, needles, &searched);
        }
    }
    (void)fclose(maps);
    (void)close(memory);
    assert_true(searched > CHUNK_BYTES); /* else nothing was looked at */
    return found;
}

/* A server whose certificate an authority has issued, so that an encrypted peer can connect. */
static struct scene open_issued(struct stage *stage, struct issuer *authority)
{
    const struct certificate_wish wish = {.names = "IP:127.0.0.1"};
    struct identity identity = issuer_issue(authority, "server", &wish);
    struct scene scene = {
        .stage = stage, .certificate_path = identity.certificate, .key_path = identity.key};
    FILE *file = fopen(identity.key, "re");
    assert_non_null(file);
    scene.key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    assert_non_null(scene.key);
    (void)fclose(file);
    stage_own(stage, scene.key, free_key);
    scene.ca_path = authority->path;
    scene.server = server_start(stage, settings(&scene));
    return scene;
}

/* An encrypted connection, whose handshake the keyholder has signed, is served. */
static const struct peer *connect_encrypted(const struct scene *scene,
                                            const struct issuer *authority)
{
    const struct tls_peer_wish wish = {.identity = NULL};
    struct tls_peer *peer = tls_peer_connect(scene->server, authority, &wish);
    assert_true(peer->is_open);
    tls_peer_ask(peer, "1:5\r\n", "server:0\r\n");
    return peer->peer;
}

static void expect_nowhere_else(const struct scene *scene, const struct peer *peer)
{
    const struct server *server = scene->server;
    assert_int_equal(search_memory(scene, server->program->pid), 0);
    assert_int_equal(search_memory(scene, server_storer_pid(server)), 0);
    assert_int_equal(search_memory(scene, server_handler_pid(server, peer->port)), 0);
    assert_true(search_memory(scene, server_keyholder_pid(server)) > 0);
}

static void the_private_key_is_in_the_keyholder_alone(void **state)
{
    if (geteuid() != 0) {
        print_message("only root can look into the keyholder\n");
        skip();
    }
    if (is_sanitized) { /* its shadow memory has terabytes */
        skip();
    }
    struct issuer *authority = issuer_open(*state, "test");
    struct scene scene = open_issued(*state, authority);
    expect_nowhere_else(&scene, connect_encrypted(&scene, authority));
    (void)replace_keyholder(scene.server);
    expect_nowhere_else(&scene, connect_encrypted(&scene, authority));
    server_stop_well(scene.server);
    issuer_close(authority);
}

/* True when the process has this file open. */
static bool has_open(struct stage *stage, pid_t pid, const char *path)
{
    char target[STAGE_PATH_BYTES];
    for (int number = 0; number < DESCRIPTORS_MAX; number++) {
        const char *link = stage_text(stage, "/proc/%d/fd/%d", (int)pid, number);
        ssize_t bytes = readlink(link, target, sizeof target - 1);
        if (bytes > 0 && (size_t)bytes == strlen(path) &&
            memcmp(target, path, (size_t)bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void nobody_else_can_read_its_file(void **state)
{
    struct scene scene = open_scene(*state);
    struct peer *peer = peer_connect(scene.server);
    peer_ask(peer, "1:5\r\n", "server:0\r\n");
    pid_t handler = server_handler_pid(scene.server, peer->port);
    assert_true(has_open(scene.stage, scene.server->program->pid, scene.key_path));
    assert_false(has_open(scene.stage, handler, scene.key_path));
    assert_false(has_open(scene.stage, server_storer_pid(scene.server), scene.key_path));
    server_stop_well(scene.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(it_lives_as_long_as_the_server),
        STAGE_TEST(without_tls_there_is_none),
        STAGE_TEST(it_is_replaced_as_often_as_it_is_killed),
        STAGE_TEST(it_ends_when_the_supervisor_is_killed),
        STAGE_TEST(the_next_draw_has_another_one),
        STAGE_TEST(the_next_draw_opens_without_one),
        STAGE_TEST(a_wrong_key_is_told_at_the_start),
        STAGE_TEST(a_wrong_certificate_is_told_at_the_start),
        STAGE_TEST(a_handshake_is_signed_by_the_keyholder),
        STAGE_TEST(a_channel_that_is_shut_is_made_anew),
        STAGE_TEST(the_private_key_is_in_the_keyholder_alone),
        STAGE_TEST(nobody_else_can_read_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
