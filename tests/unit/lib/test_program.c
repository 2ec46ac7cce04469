/*
 * test_program.c - the command line that all programs have in common.
 */
#include "lib/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ARGUMENTS_MAX = 8, EXIT_OWN = 3, OPTION_LOUD = PROGRAM_LONG_ONLY, TEXT_BYTES = 8192 };

static const struct program_option options[] = {
    {.id = 'c', .name = "config", .argument = "FILE", .meaning = "the configuration"},
    {.id = 'd', .name = "depth", .argument = "METRES", .meaning = "how deep", .required = true},
    {.id = OPTION_LOUD,
     .name = "loud",
     .meaning = "say everything twice, once for those who listen and once more for all those who "
                "do not, so that this explanation needs several lines"},
};

static const struct program_manual manual = {
    .name = "lottery-trial",
    .purpose = "Tries what all programs do.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .statuses = {{EXIT_FAILURE, "its own failure"}, {EXIT_OWN, "its own reason"}},
    .formats = {{"record", 4}},
    .description = {"Does what -h does not say.", ".And more."},
    .examples = {{"lottery-trial -d 3", "three metres"}},
};

static bool describe_dance(size_t index, struct program_operand *operand)
{
    static const char *const words[] = {"dance", "pause long", "pause short"};
    if (index >= sizeof words / sizeof words[0]) {
        return false;
    }
    *operand = (struct program_operand){.word = words[index], .meaning = "what it says"};
    (void)snprintf(operand->call, sizeof operand->call, "%s [WHERE]", words[index]);
    return true;
}

static const struct program_manual manual_of_commands = {
    .name = "lottery-trial",
    .purpose = "Takes commands.",
    .operands = "COMMAND",
    .operand_at = describe_dance,
};

/* What the options of a command line were, in order: "c=FILE loud ". */
struct taken {
    char text[TEXT_BYTES];
};

static enum program_reading take(int id, const char *argument, void *context)
{
    struct taken *taken = context;
    size_t used = strlen(taken->text);
    if (id == OPTION_LOUD) {
        (void)snprintf(taken->text + used, sizeof taken->text - used, "loud ");
        return PROGRAM_GO_ON;
    }
    (void)snprintf(taken->text + used, sizeof taken->text - used, "%c=%s ", id, argument);
    return strcmp(argument, "refused") == 0 ? program_misused(&manual, "%s, it is", argument)
                                            : PROGRAM_GO_ON;
}

/* Where a stream of the process goes meanwhile. */
struct capture {
    FILE *stream;
    FILE *file;
    int before;
};

static void capture_begin(struct capture *capture, FILE *stream)
{
    capture->stream = stream;
    capture->file = tmpfile();
    assert_non_null(capture->file);
    assert_int_equal(fflush(stream), 0);
    capture->before = dup(fileno(stream));
    assert_true(capture->before >= 0);
    assert_true(dup2(fileno(capture->file), fileno(stream)) >= 0);
}

static void capture_end(struct capture *capture, char text[TEXT_BYTES])
{
    assert_int_equal(fflush(capture->stream), 0);
    assert_true(dup2(capture->before, fileno(capture->stream)) >= 0);
    assert_int_equal(close(capture->before), 0);
    rewind(capture->file);
    text[fread(text, 1, TEXT_BYTES - 1, capture->file)] = '\0';
    assert_int_equal(fclose(capture->file), 0);
}

static enum program_reading read_line(const struct program_manual *of, char *const *words,
                                      struct taken *taken, char said[TEXT_BYTES],
                                      char complained[TEXT_BYTES])
{
    char name[] = "anything";
    char *arguments[ARGUMENTS_MAX] = {name};
    int count = 1;
    for (; words[count - 1] != NULL; count++) {
        arguments[count] = words[count - 1];
    }
    struct capture output;
    struct capture errors;
    taken->text[0] = '\0';
    capture_begin(&output, stdout);
    capture_begin(&errors, stderr);
    enum program_reading reading = program_read_options(of, count, arguments, take, taken);
    capture_end(&errors, complained);
    capture_end(&output, said);
    return reading;
}

#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static void options_are_taken_in_their_order(void **state)
{
    (void)state;
    struct taken taken;
    char said[TEXT_BYTES];
    char complained[TEXT_BYTES];
    assert_int_equal(read_line(&manual, WORDS("--loud", "-c", "a.yaml", "--depth=3", "-d4"), &taken,
                               said, complained),
                     PROGRAM_GO_ON);
    assert_string_equal(taken.text, "loud c=a.yaml d=3 d=4 ");
    assert_string_equal(said, "");
    assert_string_equal(complained, "");
}

static void a_wrong_call_is_complained_of_in_few_lines(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second, *complaint;
    } cases[] = {
        {"--foo", NULL, "there is no option --foo"},
        {"--foo=bar", NULL, "there is no option --foo"},
        {"--confg=bar", NULL, "there is no option --confg; did you mean --config?"},
        {"-x", NULL, "there is no option -x"},
        {"-c", NULL, "option -c, --config needs an argument: FILE"},
        {"--depth", NULL, "option -d, --depth needs an argument: METRES"},
        {"--loud=yes", NULL, "option --loud takes no argument"},
        {"--", "more", "there are only options, no arguments like more"},
        {"-d", "refused", "refused, it is"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct taken taken;
        char said[TEXT_BYTES];
        char complained[TEXT_BYTES];
        char wanted[TEXT_BYTES];
        assert_int_equal(read_line(&manual, WORDS((char *)cases[i].first, (char *)cases[i].second),
                                   &taken, said, complained),
                         PROGRAM_WRONG);
        (void)snprintf(wanted, sizeof wanted,
                       "lottery-trial: %s\nusage: lottery-trial [-c FILE] -d METRES [--loud] [-h] "
                       "[-V]\nlottery-trial --help explains how it is called\n",
                       cases[i].complaint);
        assert_string_equal(complained, wanted);
        assert_string_equal(said, "");
    }
    assert_int_equal(program_exit_status(&manual, PROGRAM_WRONG), PROGRAM_EXIT_USAGE);
}

static void help_names_options_and_exit_statuses_within_its_columns(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        "usage: lottery-trial [-c FILE] -d METRES [--loud] [-h] [-V]\nTries what all programs do.",
        "\n  -c, --config FILE   the configuration\n",
        "\n      --loud          say everything twice",
        "\n  -h, --help          print",
        "\n  -V, --version       print",
        "\nExit status:\n   0  ",
        "\n   1  its own failure\n",
        "\n   2  it was called wrongly\n",
        "\n   3  its own reason\n",
        "\nExamples:\n  lottery-trial -d 3\n      three metres\n"};
    char *calls[] = {"-h", "--help"};
    for (size_t call = 0; call < sizeof calls / sizeof calls[0]; call++) {
        struct taken taken;
        char said[TEXT_BYTES];
        char complained[TEXT_BYTES];
        assert_int_equal(read_line(&manual, WORDS(calls[call]), &taken, said, complained),
                         PROGRAM_ENOUGH);
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            assert_non_null(strstr(said, wanted[i]));
        }
        assert_null(strstr(said, "\n   4  "));
        for (char *line = strtok(said, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            assert_in_range(strlen(line), 0, CONFIG_HELP_COLUMNS);
        }
        assert_string_equal(complained, "");
    }
    assert_int_equal(program_exit_status(&manual, PROGRAM_ENOUGH), EXIT_SUCCESS);
}

static void the_version_names_commit_and_formats(void **state)
{
    (void)state;
    char *calls[] = {"-V", "--version"};
    for (size_t call = 0; call < sizeof calls / sizeof calls[0]; call++) {
        struct taken taken;
        char said[TEXT_BYTES];
        char complained[TEXT_BYTES];
        assert_int_equal(read_line(&manual, WORDS(calls[call]), &taken, said, complained),
                         PROGRAM_ENOUGH);
        assert_string_equal(said,
                            "lottery-trial " PROGRAM_VERSION "\ncommit: of-a-test\nrecord: 4\n");
    }
}

static void operands_are_left_to_who_allows_them(void **state)
{
    (void)state;
    struct taken taken;
    char said[TEXT_BYTES];
    char complained[TEXT_BYTES];
    assert_int_equal(
        read_line(&manual_of_commands, WORDS("dance", "slowly"), &taken, said, complained),
        PROGRAM_GO_ON);
    assert_int_equal(optind, 1);
    assert_int_equal(read_line(&manual_of_commands, WORDS("-h"), &taken, said, complained),
                     PROGRAM_ENOUGH);
    assert_non_null(strstr(said, "usage: lottery-trial [-h] [-V] COMMAND\n"));
    assert_non_null(strstr(said, "\nCOMMAND:\n  dance [WHERE]\n      what it says\n"));
    assert_int_equal(read_line(&manual_of_commands, WORDS("-x"), &taken, said, complained),
                     PROGRAM_WRONG);
    assert_string_equal(complained, "lottery-trial: there is no option -x\n"
                                    "lottery-trial --help explains how it is called\n");
}

static void a_complaint_has_the_programs_name_and_returns_its_status(void **state)
{
    (void)state;
    struct capture errors;
    char complained[TEXT_BYTES];
    capture_begin(&errors, stderr);
    int status = program_complain(&manual, EXIT_OWN, "it is %d too deep", 7);
    capture_end(&errors, complained);
    assert_int_equal(status, EXIT_OWN);
    assert_string_equal(complained, "lottery-trial: it is 7 too deep\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_in_their_order),
        cmocka_unit_test(a_wrong_call_is_complained_of_in_few_lines),
        cmocka_unit_test(help_names_options_and_exit_statuses_within_its_columns),
        cmocka_unit_test(the_version_names_commit_and_formats),
        cmocka_unit_test(operands_are_left_to_who_allows_them),
        cmocka_unit_test(a_complaint_has_the_programs_name_and_returns_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
