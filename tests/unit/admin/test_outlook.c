/*
 * test_outlook.c - what lottery-admin says will happen next.
 */
#include "admin/outlook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static void fill(struct snapshot_agency *agency, uint64_t id, enum snapshot_standing standing)
{
    *agency = (struct snapshot_agency){.id = id, .seen_at_ms = SNAPSHOT_UNKNOWN};
    (void)snprintf(agency->phase, sizeof agency->phase, "%s", snapshot_standing_name(standing));
}

/* A draw of which agency 1 is done and agency 3 betting. */
static void expect_next(struct control control, const char *next)
{
    struct snapshot_agency stored[2];
    struct snapshot snapshot;
    struct failure failure;
    char text[OUTLOOK_BYTES];
    fill(&stored[0], 1, STANDING_DONE);
    fill(&stored[1], 3, STANDING_OPEN);
    assert_true(snapshot_of_files(&control, stored, 2, &snapshot, &failure));
    outlook_write(&control, &snapshot, text);
    assert_string_equal(text, next);
    snapshot_free(&snapshot);
}

static struct control open_draw(uint32_t expected, const char *allowed)
{
    struct control control = {.state = CONTROL_OPEN,
                              .terms = {.draw = "w1", .agencies_expected = expected}};
    (void)snprintf(control.terms.agencies_allowed, sizeof control.terms.agencies_allowed, "%s",
                   allowed);
    return control;
}

static void an_open_draw_names_whom_it_waits_for(void **state)
{
    (void)state;
    expect_next(open_draw(2, "1,3"), "closes when agency 3 is done");
    expect_next(open_draw(5, "1-5"), "closes when agencies 2-5 are done");
    expect_next(open_draw(3, "1-5"), "closes when 2 of agencies 2-5 are done");
    expect_next(open_draw(1, "1-5"), "closes now: all expected agencies are done");
    expect_next(open_draw(4, "any"), "closes when agency 3 and 2 not known by name are done");
    struct control timed = open_draw(2, "1,3");
    timed.terms.closes_at_ms = 1795784654123;
    expect_next(timed, "closes when agency 3 is done, or at 2026-11-27T13:04:14.123Z");
}

static void later_states_say_what_they_wait_for(void **state)
{
    (void)state;
    struct control control = open_draw(2, "1,3");
    char text[OUTLOOK_BYTES];
    control.state = CONTROL_SEALED;
    control.terms.winning_number = 7574;
    expect_next(control, "the draw is held with the number 7574");
    outlook_write_start(&control, text);
    assert_string_equal(text, "hold draw w1");
    control.terms.number_by = NUMBER_BY_COMMAND;
    (void)snprintf(control.seal_sha256, sizeof control.seal_sha256, "%064d", 7);
    outlook_write_start(&control, text);
    assert_non_null(strstr(text, "`lottery-admin draw --number N --seal 0000"));
    control.state = CONTROL_DRAWN;
    expect_next(control, "agencies are told their winners, until `lottery-admin open NAME`");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_draw_names_whom_it_waits_for),
        cmocka_unit_test(later_states_say_what_they_wait_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
