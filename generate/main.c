/*
 * main.c - lottery-generate: files of bets with winners known beforehand.
 *
 * Reads the options; generate.h says what is written.
 */
#include "generate/generate.h"
#include "generate/people.h"
#include "lib/program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { DECIMAL = 10 };

static const struct program_option program_options[] = {
    {.id = 'n',
     .name = "bets",
     .argument = "BETS",
     .meaning = "of all agencies together; 78697 without it"},
    {.id = 'a', .name = "agencies", .argument = "AGENCIES", .meaning = "5 without it"},
    {.id = 's', .name = "seed", .argument = "SEED", .meaning = "any number; 0 without it"},
    {.id = 'w',
     .name = "winning-number",
     .argument = "NUMBER",
     .meaning = "from 0 to 9999; 7574 without it"},
    {.id = 'd',
     .name = "directory",
     .argument = "DIRECTORY",
     .meaning = "where the files go; it has to be there",
     .required = true},
};

static const struct program_manual manual = {
    .name = "lottery-generate",
    .purpose = "Writes DIRECTORY/agency-1.csv and so on; the same arguments give the same files.",
    .options = program_options,
    .option_count = sizeof program_options / sizeof program_options[0],
    .description = {"Makes up bettors and their bets, for trials and measurements, and prints how "
                    "many of each file's bets win."},
    .examples = {{"lottery-generate -n 1000000 -a 5 -d .data", "a million bets of five agencies"}},
};

/* Reads a decimal within [minimum, maximum], or complains. */
static bool read_number(int id, const char *text, uint64_t minimum, uint64_t maximum,
                        uint64_t *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoull(text, &end, DECIMAL);
    if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' ||
        *number < minimum || *number > maximum) {
        program_misused(&manual, "-%c %s: not a number from %" PRIu64 " to %" PRIu64, id, text,
                        minimum, maximum);
        return false;
    }
    return true;
}

static bool read_uint32(int id, const char *text, uint32_t minimum, uint32_t maximum,
                        uint32_t *number)
{
    uint64_t wide = 0;
    if (!read_number(id, text, minimum, maximum, &wide)) {
        return false;
    }
    *number = (uint32_t)wide;
    return true;
}

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct generate_plan *plan = context;
    bool taken = true;
    switch (id) {
    case 'n':
        taken = read_number(id, argument, 1, GENERATE_BETS_MAX, &plan->bets);
        break;
    case 'a':
        taken = read_uint32(id, argument, 1, GENERATE_AGENCIES_MAX, &plan->agencies);
        break;
    case 's':
        taken = read_number(id, argument, 0, UINT64_MAX, &plan->seed);
        break;
    case 'w':
        taken = read_uint32(id, argument, 0, GENERATE_NUMBERS - 1, &plan->winning_number);
        break;
    default:
        plan->directory = argument;
        break;
    }
    return taken ? PROGRAM_GO_ON : PROGRAM_WRONG;
}

static int write_files(const struct generate_plan *plan)
{
    for (uint32_t agency = 1; agency <= plan->agencies; agency++) {
        struct generate_file file;
        struct failure failure;
        if (!generate_write(plan, agency, &file, &failure)) {
            return program_complain(&manual, EXIT_FAILURE, "%s", failure.text);
        }
        printf("%s rows: %" PRIu64 " winners: %" PRIu32 "\n", file.path, file.rows, file.winners);
    }
    return program_finish_output(&manual);
}

int main(int argc, char **argv)
{
    struct generate_plan plan = {.bets = GENERATE_BETS_DEFAULT,
                                 .agencies = GENERATE_AGENCIES_DEFAULT,
                                 .winning_number = GENERATE_WINNING_NUMBER_DEFAULT};
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    enum program_reading reading = program_read_options(&manual, argc, argv, take_option, &plan);
    if (reading == PROGRAM_GO_ON && plan.directory == NULL) {
        reading = program_misused(&manual, "-d DIRECTORY is missing: where do the files go?");
    }
    return reading == PROGRAM_GO_ON ? write_files(&plan) : program_exit_status(&manual, reading);
}
