/*
 * test_program_pages.c - manual pages and completion of a manual.
 */
#include "lib/program_pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static const struct config_key keys[] = {
    {.path = {"server.port", "port"},
     .environment = {"TRIAL_PORT"},
     .kind = CONFIG_UINT32,
     .default_value = "12345",
     .minimum = 1,
     .maximum = 65535,
     .meaning = "where it listens"},
    {.path = {"id"}, .kind = CONFIG_UINT32, .maximum = 9, .meaning = "who it is"},
    {.environment = {"TRIAL_NAME"}, .kind = CONFIG_TEXT, .default_value = "", .meaning = "a name"},
};
static const struct config_table table = {.keys = keys, .count = sizeof keys / sizeof keys[0]};

static const struct program_option options[] = {
    {.id = 'c', .name = "config", .argument = "FILE", .meaning = "the configuration"},
    {.id = PROGRAM_LONG_ONLY, .name = "wait", .argument = "TIME", .meaning = "it's so \\ long"},
    {.id = PROGRAM_LONG_ONLY + 1, .name = "as", .argument = "csv|json", .meaning = "the form"},
    {.id = PROGRAM_LONG_ONLY + 2, .name = "to", .argument = "DIR", .meaning = "where to"},
};

static bool describe(size_t index, struct program_operand *operand)
{
    static const char *const words[] = {"status", "pki init", "pki list", "close"};
    if (index >= sizeof words / sizeof words[0]) {
        return false;
    }
    *operand = (struct program_operand){.word = words[index], .meaning = "does that"};
    (void)snprintf(operand->call, sizeof operand->call, "%s [--wait TIME]", words[index]);
    return true;
}

static const struct program_manual manual = {
    .name = "lottery-trial",
    .purpose = "Tries pages.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .operands = "COMMAND",
    .operand_at = describe,
    .keys = &table,
    .keys_page = "lottery-trial.yaml",
    .statuses = {{7, "its own reason"}},
    .description = {"First.", ".second begins with a full stop"},
    .examples = {{"lottery-trial -c trial.yaml close", "an example"}},
};

static char *print(const struct program_manual *of, const char *word, bool known)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    assert_non_null(file);
    assert_int_equal(program_pages_print(of, word, file), known);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void assert_has_all(char *text, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strstr(text, wanted[i]) == NULL) {
            fail_msg("no %s in %s", wanted[i], text);
        }
    }
    free(text);
}

static void the_page_has_every_part_of_the_manual(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        ".TH LOTTERY\\-TRIAL 1 ",
        "\nlottery\\-trial \\- Tries pages.\n",
        "\n[\\fB\\-c\\fR \\fIFILE\\fR]\n[\\fB\\-\\-wait\\fR \\fITIME\\fR]\n",
        ".SH DESCRIPTION\nFirst.\n.PP\n\\&.second begins",
        ".TP\n\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR\nthe configuration\n",
        "it\\(aqs so \\e long\n",
        ".SH OPERANDS\n.TP\n\\fBstatus [\\-\\-wait TIME]\\fR\ndoes that\n",
        "\\fBlottery\\-trial.yaml\\fR(5).\n",
        ".TP\n\\fB2\\fR\nit was called wrongly\n.TP\n\\fB7\\fR\nits own reason\n",
        ".SH EXAMPLES\n.TP\n\\fBlottery\\-trial \\-c trial.yaml close\\fR\nan example\n",
    };
    assert_has_all(print(&manual, "--print-page", true), wanted, sizeof wanted / sizeof wanted[0]);
}

static void the_page_of_keys_has_names_variables_bounds_and_defaults(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        ".TH LOTTERY\\-TRIAL.YAML 5 ",
        ".TP\n\\fBserver.port\\fR, \\fBport\\fR (\\fITRIAL_PORT\\fR)\nwhere it listens.\n"
        "A whole number from 1 to 65535; default: \\fB12345\\fR.\n",
        ".TP\n\\fBid\\fR\nwho it is.\nA whole number from 0 to 9;\nhas to be set.\n",
        ".TP\n\\fITRIAL_NAME\\fR\na name.\nA text; default: \\fBempty\\fR.\n",
    };
    assert_has_all(print(&manual, "--print-keys-page", true), wanted,
                   sizeof wanted / sizeof wanted[0]);
}

static void the_completion_knows_files_options_and_commands(void **state)
{
    (void)state;
    static const char directories[] = "    --to)\n        compopt -o filenames 2>/dev/null\n"
                                      "        mapfile -t COMPREPLY < <(compgen -d";
    static const char *const wanted[] = {
        "_lottery_trial() {\n",
        "    -c | --config)\n        compopt -o filenames",
        directories,
        "    --as) words='csv json' ;;\n",
        "    --wait) return ;;\n",
        "        -c | --config | --wait | --as | --to)\n            index=",
        "    pki) words=' init list' ;;\n",
        "        words=' --config --wait --as --to --help --version'\n",
        "        words=' status pki close'\n",
        "complete -o default -F _lottery_trial lottery-trial\n",
    };
    assert_has_all(print(&manual, "--print-completion", true), wanted,
                   sizeof wanted / sizeof wanted[0]);
}

static void other_words_print_nothing(void **state)
{
    (void)state;
    struct program_manual plain = manual;
    plain.keys = NULL;
    static const char *const words[] = {"--print", "--help", "-c", "--print-keys-page"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char *text = print(&plain, words[i], false);
        assert_string_equal(text, "");
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_every_part_of_the_manual),
        cmocka_unit_test(the_page_of_keys_has_names_variables_bounds_and_defaults),
        cmocka_unit_test(the_completion_knows_files_options_and_commands),
        cmocka_unit_test(other_words_print_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
