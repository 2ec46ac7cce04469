/*
 * test_key_keeper.c - a keyholder is kept alive, and changes its key.
 *
 * The supervisor of each test is a child of the harness's, because a keyholder has to find it as its
 * parent. It says what it found by its exit status: the line of the first thing that was wrong.
 */
#include "server/supervisor/key_keeper.h"

#include "lib/log.h"
#include "server/signals.h"
#include "tests/harness/certificates.h"
#include "tests/harness/handshakes.h"
#include "tests/harness/heritages.h"

#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { RING_BYTES = 4096, MODE = 0600, PATH_BYTES = 128, KEYS = 2 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct heritage heritage;
    X509 *certificates[KEYS];
    char certificate_paths[KEYS][PATH_BYTES], key_paths[KEYS][PATH_BYTES];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.heritage = {.gate_id = -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVELS); /* nothing: the failures are wanted */
    heritages_open(&fixture.scratch, &fixture.processes, &fixture.heritage,
                   (struct segment_plan){.ring_bytes = RING_BYTES});
    for (int i = 0; i < KEYS; i++) {
        EVP_PKEY *key = self_signed_key("P-256");
        (void)snprintf(fixture.certificate_paths[i], PATH_BYTES, "%s/%d.cert", fixture.scratch.path,
                       i);
        (void)snprintf(fixture.key_paths[i], PATH_BYTES, "%s/%d.key", fixture.scratch.path, i);
        self_signed_write_key(key, fixture.key_paths[i], MODE, NULL);
        self_signed_write_certificate(key, fixture.certificate_paths[i]);
        fixture.certificates[i] = self_signed_certificate(key);
        EVP_PKEY_free(key);
    }
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < KEYS; i++) {
        X509_free(fixture->certificates[i]);
    }
    heritages_close(&fixture->scratch, &fixture->processes, &fixture->heritage);
    log_set_threshold(LOG_LEVEL_INFO);
    return 0;
}

/* ----------------------------------------------------------- a supervisor ---- */

/* In a supervisor: ends it, by the line, where the condition does not hold. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "line %d: " #condition "\n", __LINE__);                          \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static struct key_keeper begin(struct fixture *fixture)
{
    struct heritage *heritage = &fixture->heritage;
    struct failure failure = {.text = ""};
    struct key_keeper keeper = {.heritage = heritage};
    signals_prepare_supervisor();
    heritage->supervisor_pid = getpid();
    EXPECT(key_channel_open(&heritage->key_channel, &failure));
    EXPECT(held_key_open(&heritage->held_key, &heritage->key_channel, fixture->certificate_paths[0],
                         fixture->key_paths[0], &failure));
    EXPECT(key_keeper_start(&keeper, &failure));
    return keeper;
}

static bool is_signed(const struct fixture *fixture, int key)
{
    return handshakes_verify(fixture->certificates[key], fixture->heritage.held_key.remote.key,
                             TLS1_3_VERSION, NULL);
}

/* Waits for the end of a keyholder, and buries it. */
static void bury(struct key_keeper *keeper, pid_t pid)
{
    int status = 0;
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(key_keeper_has(keeper, pid));
    key_keeper_bury(keeper, pid, status);
}

static int end(struct key_keeper *keeper)
{
    key_keeper_expect_end(keeper);
    key_keeper_signal(keeper, SIGTERM);
    bury(keeper, keeper->keyholder);
    EXPECT(!key_keeper_has_keyholder(keeper));
    EXPECT(key_keeper_patience_ms(keeper) < 0);
    key_keeper_replace(keeper); /* does nothing */
    EXPECT(!key_keeper_has_keyholder(keeper));
    return 0;
}

static int change_the_key(void *context)
{
    struct fixture *fixture = context;
    struct heritage *heritage = &fixture->heritage;
    struct failure failure = {.text = ""};
    struct key_keeper keeper = begin(fixture);
    struct held_key fresh;
    pid_t before = keeper.keyholder;
    EXPECT(is_signed(fixture, 0));
    EXPECT(held_key_open(&fresh, &heritage->key_channel, fixture->certificate_paths[1],
                         fixture->key_paths[1], &failure));
    EXPECT(key_keeper_change_key(&keeper, &fresh, &failure));
    held_key_close(&fresh); /* it is the one before */
    EXPECT(keeper.keyholder != before && keeper.retired == before);
    bury(&keeper, before);
    EXPECT(keeper.retired == 0 && keeper.keyholder != 0);
    EXPECT(is_signed(fixture, 1));
    EXPECT(atomic_load(&heritage->segment.shared->keyholder.deaths) == 0);
    EXPECT(atomic_load(&heritage->segment.shared->keyholder.pid) == keeper.keyholder);
    return end(&keeper);
}

/* The one of the change before is stopped, and SIGTERM does not reach it. */
static int change_the_key_twice(void *context)
{
    struct fixture *fixture = context;
    struct heritage *heritage = &fixture->heritage;
    struct failure failure = {.text = ""};
    struct key_keeper keeper = begin(fixture);
    pid_t first = keeper.keyholder;
    EXPECT(kill(first, SIGSTOP) == 0);
    for (int key = 1; key >= 0; key--) {
        struct held_key fresh;
        EXPECT(held_key_open(&fresh, &heritage->key_channel, fixture->certificate_paths[key],
                             fixture->key_paths[key], &failure));
        EXPECT(key_keeper_change_key(&keeper, &fresh, &failure));
        held_key_close(&fresh);
    }
    EXPECT(keeper.retired != first && !key_keeper_has(&keeper, first));
    bury(&keeper, keeper.retired); /* it may sign what is asked for until it has ended */
    EXPECT(is_signed(fixture, 0));
    return end(&keeper);
}

static int keep_the_key(void *context)
{
    struct fixture *fixture = context;
    struct heritage *heritage = &fixture->heritage;
    struct failure failure = {.text = ""};
    struct key_keeper keeper = begin(fixture);
    struct held_key fresh;
    pid_t before = keeper.keyholder;
    EXPECT(held_key_open(&fresh, &heritage->key_channel, fixture->certificate_paths[1],
                         fixture->key_paths[0], &failure)); /* another one's key */
    EXPECT(!key_keeper_change_key(&keeper, &fresh, &failure));
    EXPECT(strstr(failure.text, "is not the key of tls.certificate") != NULL);
    held_key_close(&fresh);
    EXPECT(keeper.keyholder == before && keeper.retired != 0);
    bury(&keeper, keeper.retired);
    EXPECT(atomic_load(&heritage->segment.shared->keyholder.pid) == before);
    EXPECT(is_signed(fixture, 0));
    return end(&keeper);
}

static int replace(void *context)
{
    enum { AT_ONCE = 5 };
    struct fixture *fixture = context;
    struct key_keeper keeper = begin(fixture);
    for (int i = 0; i < AT_ONCE; i++) {
        (void)kill(keeper.keyholder, SIGKILL);
        bury(&keeper, keeper.keyholder);
        EXPECT(key_keeper_patience_ms(&keeper) == 0);
        key_keeper_replace(&keeper);
        EXPECT(key_keeper_patience_ms(&keeper) == -1);
        EXPECT(is_signed(fixture, 0));
    }
    (void)kill(keeper.keyholder, SIGKILL);
    bury(&keeper, keeper.keyholder);
    EXPECT(key_keeper_patience_ms(&keeper) > 0); /* the sixth death in a row: a pause */
    key_keeper_replace(&keeper);
    EXPECT(!key_keeper_has_keyholder(&keeper));
    keeper.replace_at_ms = 0;
    key_keeper_replace(&keeper);
    EXPECT(is_signed(fixture, 0));
    return end(&keeper);
}

static void expect_well(struct fixture *fixture, int (*supervise)(void *context))
{
    processes_release(&fixture->processes);
    pid_t pid = processes_start(&fixture->processes, supervise, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
}

/* ------------------------------------------------------------------ tests ---- */

static void a_key_is_changed_while_the_server_runs(void **state)
{
    expect_well(*state, change_the_key);
}

static void a_key_is_changed_again_at_once(void **state)
{
    expect_well(*state, change_the_key_twice);
}

static void a_key_that_can_not_be_read_changes_nothing(void **state)
{
    expect_well(*state, keep_the_key);
}

static void a_keyholder_that_dies_is_replaced_after_a_while_with_pauses(void **state)
{
    expect_well(*state, replace);
}

#define KEEPER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEEPER_TEST(a_key_is_changed_while_the_server_runs),
        KEEPER_TEST(a_key_is_changed_again_at_once),
        KEEPER_TEST(a_key_that_can_not_be_read_changes_nothing),
        KEEPER_TEST(a_keyholder_that_dies_is_replaced_after_a_while_with_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
