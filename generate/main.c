/*
 * generate_main.c - lottery-generate: files of bets with winners known beforehand.
 *
 * Nothing but options; generate.h says what is written.
 */
#include "generate/generate.h"
#include "generate/people.h"
#include "lib/file_size_limit.h"
#include "lib/standard_streams.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PROGRAM_NAME "lottery-generate"

enum { EXIT_USAGE = 2, DECIMAL = 10 };

static const char usage[] =
    "usage: " PROGRAM_NAME " [-n BETS] [-a AGENCIES] [-s SEED] [-w NUMBER] -d DIRECTORY\n"
    "Writes DIRECTORY/agency-1.csv and so on; the same arguments give the same files.\n"
    "  -n BETS       of all agencies together; 78697\n"
    "  -a AGENCIES   5\n"
    "  -s SEED       any number; 0\n"
    "  -w NUMBER     the winning number, 0 to 9999; 7574\n"
    "  -d DIRECTORY  where the files go; it has to be there\n"
    "  -h            print this and stop\n";

/* Reads a decimal within [minimum, maximum], or complains. */
static bool read_number(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *number)
{
    char *end = NULL;
    errno = 0;
    *number = strtoull(text, &end, DECIMAL);
    if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' ||
        *number < minimum || *number > maximum) {
        (void)fprintf(stderr, PROGRAM_NAME ": %s: not a number from %" PRIu64 " to %" PRIu64 "\n",
                      text, minimum, maximum);
        return false;
    }
    return true;
}

/* One option that takes a number. */
static bool read_option(int option, const char *text, struct generate_plan *plan)
{
    uint64_t number = 0;
    switch (option) {
    case 'n':
        return read_number(text, 1, GENERATE_BETS_MAX, &plan->bets);
    case 's':
        return read_number(text, 0, UINT64_MAX, &plan->seed);
    case 'a':
        if (!read_number(text, 1, GENERATE_AGENCIES_MAX, &number)) {
            return false;
        }
        plan->agencies = (uint32_t)number;
        return true;
    case 'w':
        if (!read_number(text, 0, GENERATE_NUMBERS - 1, &number)) {
            return false;
        }
        plan->winning_number = (uint32_t)number;
        return true;
    default:
        (void)fputs(usage, stderr);
        return false;
    }
}

enum options_end { OPTIONS_GO_ON, OPTIONS_ENOUGH, OPTIONS_WRONG };

static enum options_end read_options(int argc, char **argv, struct generate_plan *plan)
{
    int option = 0;
    while ((option = getopt(argc, argv, "n:a:s:w:d:h")) != -1) {
        if (option == 'h') {
            (void)fputs(usage, stdout);
            return OPTIONS_ENOUGH;
        }
        if (option == 'd') {
            plan->directory = optarg;
        } else if (!read_option(option, optarg, plan)) {
            return OPTIONS_WRONG;
        }
    }
    if (optind != argc || plan->directory == NULL) {
        (void)fputs(usage, stderr);
        return OPTIONS_WRONG;
    }
    return OPTIONS_GO_ON;
}

static int complain(const struct failure *failure)
{
    (void)fprintf(stderr, PROGRAM_NAME ": %s\n", failure->text);
    return EXIT_FAILURE;
}

static int write_files(const struct generate_plan *plan)
{
    for (uint32_t agency = 1; agency <= plan->agencies; agency++) {
        struct generate_file file;
        struct failure failure;
        if (!generate_write(plan, agency, &file, &failure)) {
            return complain(&failure);
        }
        (void)printf("%s rows: %" PRIu64 " winners: %" PRIu32 "\n", file.path, file.rows,
                     file.winners);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct generate_plan plan = {.bets = GENERATE_BETS_DEFAULT,
                                 .agencies = GENERATE_AGENCIES_DEFAULT,
                                 .winning_number = GENERATE_WINNING_NUMBER_DEFAULT};
    struct failure failure;
    file_size_limit_as_error();
    if (!standard_streams_open(&failure)) {
        return complain(&failure);
    }
    switch (read_options(argc, argv, &plan)) {
    case OPTIONS_ENOUGH:
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return EXIT_USAGE;
    case OPTIONS_GO_ON:
        break;
    }
    return write_files(&plan);
}
