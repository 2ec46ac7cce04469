/*
 * stage.h - what one test sets up, and how all of it goes away again.
 *
 * Why it exists: a failed assertion leaves a test by a jump, past everything
 * that the test would have tidied up. So whatever the harness starts, opens
 * or allocates belongs to the test's stage, and cmocka's teardown takes the
 * stage down: connections, programs, shared memory and files, the newest first.
 *
 *     static void a_sentence(void **state)
 *     {
 *         struct stage *stage = *state;
 *         struct server *server = server_start(stage, ENVIRONMENT("WINNERS_WAIT=10s"));
 *         struct peer *peer = peer_connect(server);
 *         peer_send(peer, "1:5\r\n");
 *         peer_expect(peer, "server:0\r\n");
 *     }
 *
 *     const struct CMUnitTest tests[] = {STAGE_TEST(a_sentence)};
 *
 * If the test's process is killed: the kernel sends the programs SIGTERM, and
 * the temporary directory stays.
 */
#ifndef HARNESS_STAGE_H
#define HARNESS_STAGE_H

#include "tests/harness/machine.h"

#include <stdbool.h>
#include <stddef.h>

enum { STAGE_PATH_BYTES = 256 };

/* Takes one thing down. Returns false, having said why, when it went down badly. */
typedef bool stage_release(void *thing);

struct stage_thing;

struct stage {
    char directory[STAGE_PATH_BYTES]; /* temporary, by mkdtemp; removed with all that is in it */
    struct machine before;            /* as it was when the stage was set up */
    const void *given;                /* of STAGE_TEST_GIVEN; else NULL */
    struct stage_thing *newest;
};

/* A cmocka test that has a stage. */
#define STAGE_TEST(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)

/* One of several cmocka tests with a stage that are the same function, each given something else. */
#define STAGE_TEST_GIVEN(sentence, function, what)                                                 \
    {                                                                                              \
        .name = #sentence, .test_func = (function), .setup_func = stage_set_up,                    \
        .teardown_func = stage_tear_down, .initial_state = (what)                                  \
    }

/* Setup and teardown for cmocka; *state is what the test is given, or NULL, and then the stage. */
int stage_set_up(void **state);
int stage_tear_down(void **state);

/* Has `release` called with `thing` when the stage is taken down. */
void stage_own(struct stage *stage, void *thing, stage_release *release);

/* Zeroed memory that is freed when the stage is taken down; never NULL. */
void *stage_allocate(struct stage *stage, size_t bytes);

/* Hands memory of malloc over to the stage. Returns it. */
void *stage_keep(struct stage *stage, void *memory);

/* Text, printf-like; the stage's. */
const char *stage_text(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "DIRECTORY/name", printf-like; the text is the stage's. */
const char *stage_path(struct stage *stage, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Fails the test when there is, of what `ipcs -s` and /dev/shm show, anything
 * that was not there when the stage was set up.
 */
#define stage_expect_nothing_left(stage) stage_expect_nothing_left_at(stage, __FILE__, __LINE__)
void stage_expect_nothing_left_at(const struct stage *stage, const char *file, int line);

/* Fails the test at a place of the caller's, printf-like. */
_Noreturn void stage_fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
