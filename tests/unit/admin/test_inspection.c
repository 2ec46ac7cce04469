/*
 * test_inspection.c - a change of any byte of a sealed draw's files is found, and nothing is
 * changed by looking.
 */
#include "admin/inspection.h"

#include "admin/place.h"
#include "tests/harness/files.h"
#include "tests/harness/sealed_draw.h"
#include "tests/harness/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

static const char *make_draw(struct stage *stage, struct sealed_draw_plan plan)
{
    const char *path = stage_path(stage, "data");
    assert_int_equal(mkdir(path, 0700), 0);
    sealed_draw_make(path, &plan);
    return path;
}

/* How many problems there are; `words`, where wanted, has to be in the first one. */
static size_t count_problems(const char *path, bool full, bool is_archive, const char *words)
{
    struct data_directory directory;
    struct failure failure;
    struct inspection inspection = {
        .place = {.directory = &directory}, .full = full, .is_archive = is_archive};
    if (!place_open(path, &directory, &failure) ||
        place_read_control(&directory, &inspection.control, &failure) != CONTROL_READ) {
        fail_msg("%s", failure.text);
    }
    inspection_make(&inspection);
    if (words != NULL && strstr(inspection.problems.texts[0], words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, inspection.problems.texts[0]);
    }
    size_t count = inspection.problems.count;
    inspection_close(&inspection);
    place_close(&directory);
    return count;
}

static void a_draw_is_well_in_every_state(void **state)
{
    static const enum control_state states[] = {CONTROL_OPEN, CONTROL_CLOSED, CONTROL_SEALED,
                                                CONTROL_DRAWN};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        const char *path = make_draw(stage, (struct sealed_draw_plan){.state = states[i]});
        assert_int_equal(count_problems(path, false, false, NULL), 0);
        assert_int_equal(count_problems(path, true, false, NULL), 0);
        files_remove_tree(path);
    }
}

/* Of a file that is compared by one hash, a byte here and there is as good as each. */
static void any_byte_that_is_changed_is_found(void **state)
{
    static const struct {
        const char *name;
        size_t step;
    } files[] = {
        {"bets.csv", 1}, {"done.csv", 1}, {"seal.json", 13}, {"draw.json", 13}, {"winners.csv", 1}};
    struct stage *stage = *state;
    const char *path = make_draw(stage, (struct sealed_draw_plan){.state = CONTROL_DRAWN});
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *file = stage_text(stage, "%s/%s", path, files[i].name);
        size_t bytes = 0;
        char *text = files_read(stage, file, &bytes);
        assert_true(bytes > 0);
        for (size_t at = 0; at < bytes; at += files[i].step) {
            text[at] ^= 1;
            files_write_bytes(file, text, bytes);
            text[at] ^= 1;
            if (count_problems(path, true, false, NULL) == 0) {
                fail_msg("byte %zu of %s was changed, and all is well", at, files[i].name);
            }
        }
        files_write_bytes(file, text, bytes - 1);
        assert_true(count_problems(path, false, false, NULL) > 0);
        files_write_bytes(file, text, bytes);
    }
    assert_int_equal(count_problems(path, true, false, NULL), 0);
}

static void missing_files_are_found(void **state)
{
    static const char *const names[] = {"bets.csv", "done.csv", "seal.json", "draw.json"};
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = make_draw(stage, (struct sealed_draw_plan){.state = CONTROL_DRAWN});
        assert_int_equal(unlink(stage_text(stage, "%s/%s", path, names[i])), 0);
        assert_true(count_problems(path, false, false, names[i]) > 0);
        files_remove_tree(path);
    }
    const char *path = make_draw(stage, (struct sealed_draw_plan){.state = CONTROL_DRAWN});
    assert_int_equal(unlink(stage_text(stage, "%s/winners.csv", path)), 0);
    assert_int_equal(count_problems(path, true, false, NULL), 0); /* a start makes it again */
    assert_int_equal(count_problems(path, true, true, "winners.csv"), 1);
}

/* A crash leaves a torn end; what was durable must be there. */
static void a_torn_end_is_no_problem_and_a_lost_one_is(void **state)
{
    struct stage *stage = *state;
    const char *path = make_draw(stage, (struct sealed_draw_plan){.state = CONTROL_OPEN});
    const char *file = stage_text(stage, "%s/bets.csv", path);
    size_t bytes = 0;
    const char *text = files_read(stage, file, &bytes);
    files_write(file, stage_text(stage, "%s5,Leo,Pa", text));
    assert_int_equal(count_problems(path, true, false, NULL), 0);
    files_write_bytes(file, text, bytes - 2);
    assert_true(count_problems(path, true, false, "were durable") > 0);
    files_write_bytes(file, text, bytes);
    assert_int_equal(unlink(stage_text(stage, "%s/checkpoint", path)), 0);
    assert_int_equal(count_problems(path, false, false, NULL), 0);
    files_write_bytes(file, text, bytes - 2);
    assert_true(count_problems(path, false, false, "were durable") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_draw_is_well_in_every_state),
        STAGE_TEST(any_byte_that_is_changed_is_found),
        STAGE_TEST(missing_files_are_found),
        STAGE_TEST(a_torn_end_is_no_problem_and_a_lost_one_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
