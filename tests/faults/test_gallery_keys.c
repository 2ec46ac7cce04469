/*
 * test_gallery_keys.c - the gallery of disasters, seventh room: the process with the private key.
 *
 * A handshake that is asked for at the keyholder's death is signed by the next keyholder; the
 * agencies' connections don't notice.
 */
#include "tests/harness/asker.h"
#include "tests/harness/certificates.h"
#include "tests/harness/faults.h"
#include "tests/harness/faults_bettor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { ROWS = 60, KEY_MODE = 0600 };

struct scene {
    struct lottery *lottery;
    const char *certificate_path, *key_path;
    struct bettor *bettor;
};

/* A lottery with TLS, whose keyholder dies at this place, and an agency in the middle of its bets. */
static struct scene begin(struct stage *stage, const char *fault)
{
    struct scene scene = {.certificate_path = stage_path(stage, "cert.pem"),
                          .key_path = stage_path(stage, "key.pem")};
    const char **settings = stage_allocate(stage, LOTTERY_SETTINGS_MAX * sizeof *settings);
    EVP_PKEY *key = self_signed_key("P-256");
    self_signed_write_certificate(key, scene.certificate_path);
    self_signed_write_key(key, scene.key_path, KEY_MODE, NULL);
    EVP_PKEY_free(key);
    settings[0] = "NUMBER_OF_AGENCIES=1";
    settings[1] = "TLS_MODE=optional";
    settings[2] = stage_text(stage, "TLS_CERTIFICATE=%s", scene.certificate_path);
    settings[3] = stage_text(stage, "TLS_KEY=%s", scene.key_path);
    settings[4] = stage_text(stage, "TLS_CA=%s", scene.certificate_path);
    scene.lottery = lottery_open(stage, settings);
    lottery_start(scene.lottery, fault);
    scene.bettor = bettor_open(scene.lottery, 1, ROWS);
    bettor_resume(scene.bettor);
    bettor_send(scene.bettor, 2);
    assert_true(bettor_take_answers(scene.bettor));
    return scene;
}

/* One keyholder has died, no handler and no storer; the agency goes on, on its connection. */
static void expect_one_death(struct scene *scene)
{
    const struct lottery *lottery = scene->lottery;
    (void)server_await_log(lottery->server, 1, "action: reap | result: fail | role: keyholder*");
    (void)server_await_log(lottery->server, 2, "action: keyholder_start | result: success");
    assert_int_equal(atomic_load(&lottery->segment.shared->keyholder.deaths), 1);
    lottery_expect_deaths(lottery, (struct lottery_deaths){.storers = 0});
    bettor_send_all(scene->bettor);
    assert_int_equal(scene->bettor->connections, 1);
    bettor_say_done(scene->bettor);
    bettor_take_winners(scene->bettor);
    lottery_expect_exactly_once(lottery, &scene->bettor->agency, 1);
    lottery_close(scene->lottery);
}

static void disaster_222_the_keyholder_is_killed(void **state)
{
    struct scene scene = begin(*state, NULL);
    assert_int_equal(kill(server_keyholder_pid(scene.lottery->server), SIGKILL), 0);
    expect_one_death(&scene);
}

static void disaster_223_the_keyholder_dies_with_a_request_taken(void **state)
{
    struct scene scene = begin(*state, "keyholder.taken:1:KILL");
    struct asker asker;
    if (!asker_open(&asker, scene.lottery->server, scene.certificate_path, scene.key_path)) {
        print_message("pidfd_getfd is not allowed here\n");
        skip();
    }
    lottery_arm(scene.lottery);
    assert_true(asker_is_answered(&asker)); /* by the next one */
    assert_true(lottery_fault_struck(scene.lottery));
    asker_close(&asker);
    expect_one_death(&scene);
}

/* The one before it was killed; the one that was to replace it dies, too, and is replaced. */
static void disaster_224_a_keyholder_dies_as_it_is_born(void **state)
{
    struct scene scene = begin(*state, "keyholder.born:1:KILL");
    struct server *server = scene.lottery->server;
    lottery_arm(scene.lottery);
    assert_int_equal(kill(server_keyholder_pid(server), SIGKILL), 0);
    (void)server_await_log(server, 2, "action: reap | result: fail | role: keyholder*");
    (void)server_await_log(server, 2, "action: keyholder_start | result: success");
    assert_true(lottery_fault_struck(scene.lottery));
    assert_int_equal(atomic_load(&scene.lottery->segment.shared->keyholder.deaths), 2);
    bettor_send_all(scene.bettor);
    assert_int_equal(scene.bettor->connections, 1);
    lottery_expect_deaths(scene.lottery, (struct lottery_deaths){.storers = 0});
    lottery_close(scene.lottery);
}

static const struct CMUnitTest tests[] = {
    STAGE_TEST(disaster_222_the_keyholder_is_killed),
    STAGE_TEST(disaster_223_the_keyholder_dies_with_a_request_taken),
    STAGE_TEST(disaster_224_a_keyholder_dies_as_it_is_born),
};

int main(void)
{
    faults_use_programs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
