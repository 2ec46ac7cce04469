/*
 * chaos_judge.c - see chaos_judge.h.
 */
#include "tests/faults/chaos_judge.h"

#include "tests/harness/files.h"
#include "tests/harness/reckoning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A draw that is being judged. */
struct trial {
    struct stage *stage;
    const struct chaos_case *draw;
    const char *control;
    struct reckoning *stored;
    bool drawn;
};

static const char *path_of(const struct trial *trial, const char *name)
{
    return stage_text(trial->stage, "%s/%s", trial->draw->directory, name);
}

static bool control_says(const struct trial *trial, const char *name, const char *value)
{
    return strstr(trial->control, stage_text(trial->stage, "\n%s %s\n", name, value)) != NULL;
}

static void expect_control(const struct trial *trial, const char *name, const char *value)
{
    if (!control_says(trial, name, value)) {
        stage_fail_at(__FILE__, __LINE__, "draw %s: '%s %s' was told, and control is\n%s",
                      trial->draw->name, name, value, trial->control);
    }
}

/* What the operator was told is so for ever. */
static void expect_told(const struct trial *trial)
{
    const struct chaos_case *draw = trial->draw;
    expect_control(trial, "draw", draw->name);
    if (draw->seal[0] != '\0') {
        expect_control(trial, "seal_sha256", draw->seal);
    }
    if (draw->was_drawn) {
        expect_control(trial, "state", "drawn");
    }
    if (trial->drawn) {
        expect_control(trial, "winning_number", stage_text(trial->stage, "%u", draw->number));
    }
}

/* The agency's bets of the draw's number among these, a line for each. */
static const char *list_winners(const struct trial *trial, const struct reckoning *rows,
                                uint32_t agency)
{
    const char *winners = "";
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->rows[i].agency == agency && rows->rows[i].number == trial->draw->number) {
            winners = stage_text(trial->stage, "%s%s\n", winners, rows->rows[i].bet);
        }
    }
    return winners;
}

/* winners.csv has each agency's winners in order, and nothing else. */
static void expect_winners(const struct trial *trial)
{
    const struct chaos_case *draw = trial->draw;
    struct reckoning *drawn = reckoning_read(trial->stage, path_of(trial, "winners.csv"));
    size_t winners = 0;
    for (uint32_t i = 0; i < draw->witness_count; i++) {
        uint32_t agency = draw->witnesses[i].id;
        const char *expected = list_winners(trial, trial->stored, agency);
        const char *found = list_winners(trial, drawn, agency);
        winners += reckoning_count_number(trial->stored, agency, draw->number);
        if (strcmp(expected, found) != 0) {
            stage_fail_at(__FILE__, __LINE__, "draw %s: agency %u's winners are\n%snot\n%s",
                          draw->name, agency, found, expected);
        }
    }
    if (winners != drawn->count) {
        stage_fail_at(__FILE__, __LINE__, "draw %s: %zu winners were drawn, %zu are reckoned",
                      draw->name, drawn->count, winners);
    }
}

/* It got its winners, or its draw was over without it, and both for a reason. */
static void expect_right_end(const struct trial *trial, const struct chaos_witness *agency,
                             size_t stored)
{
    size_t bytes = 0;
    size_t rows = 0;
    const char *bets = files_read(trial->stage, agency->bets, &bytes);
    for (size_t i = 0; i < bytes; i++) {
        rows += bets[i] == '\n';
    }
    bool right = false;
    if (agency->status == EXIT_SUCCESS) {
        const char *told = files_read(trial->stage, agency->winners, NULL);
        right = trial->drawn && stored == rows &&
                strcmp(told, list_winners(trial, trial->stored, agency->id)) == 0;
    } else if (agency->status == CHAOS_OTHER_DRAW) {
        right = stored < rows || control_says(trial, "state", "abandoned");
    }
    if (!right) {
        stage_fail_at(__FILE__, __LINE__,
                      "draw %s: agency %u ended with %d, %zu of its %zu bets are stored, winners:\n"
                      "%s",
                      trial->draw->name, agency->id, agency->status, stored, rows,
                      list_winners(trial, trial->stored, agency->id));
    }
}

/* Returns how many of the agency's bets are stored. */
static size_t expect_bets(const struct trial *trial, const struct chaos_witness *agency)
{
    size_t stored = reckoning_count(trial->stored, agency->id);
    reckoning_expect_file(trial->stage, trial->stored, agency->id, agency->bets, stored);
    if (stored < agency->acknowledged) {
        stage_fail_at(
            __FILE__, __LINE__, "draw %s: agency %u had %llu bets acknowledged, %zu are stored",
            trial->draw->name, agency->id, (unsigned long long)agency->acknowledged, stored);
    }
    if (agency->has_ended) {
        expect_right_end(trial, agency, stored);
    }
    return stored;
}

static enum chaos_ending find_ending(const struct trial *trial)
{
    if (control_says(trial, "state", "abandoned")) {
        return CHAOS_BY_ABANDONING;
    }
    for (enum chaos_ending ending = 0; ending < CHAOS_ENDINGS; ending++) {
        if (control_says(trial, "closed_by", chaos_ending_name(ending))) {
            return ending;
        }
    }
    stage_fail_at(__FILE__, __LINE__, "draw %s was ended by nobody:\n%s", trial->draw->name,
                  trial->control);
}

struct chaos_verdict chaos_judge(struct stage *stage, const struct chaos_case *draw)
{
    struct trial trial = {.stage = stage, .draw = draw};
    struct chaos_verdict verdict = {.bets = 0};
    trial.control = files_read(stage, path_of(&trial, "control"), NULL);
    trial.stored = reckoning_read(stage, path_of(&trial, "bets.csv"));
    trial.drawn = control_says(&trial, "state", "drawn");
    expect_told(&trial);
    for (uint32_t i = 0; i < draw->witness_count; i++) {
        verdict.bets += expect_bets(&trial, &draw->witnesses[i]);
        verdict.too_late +=
            draw->witnesses[i].has_ended && draw->witnesses[i].status == CHAOS_OTHER_DRAW;
    }
    if (verdict.bets != trial.stored->count) {
        stage_fail_at(__FILE__, __LINE__, "draw %s: %zu rows are stored, %llu of its agencies",
                      draw->name, trial.stored->count, (unsigned long long)verdict.bets);
    }
    if (trial.drawn) {
        expect_winners(&trial);
    }
    verdict.ending = find_ending(&trial);
    return verdict;
}
