/*
 * main.c - lottery-admin: what an operator does with a lottery's data directory.
 *
 * The program runs one command and ends. The table of commands says what each is called with. If
 * the program dies, the command's own file (command_NAME.c) says what remains.
 */
#include "admin/command.h"
#include "lib/log.h"
#include "lib/similar.h"
#include "shm/layout.h"
#include "store/checkpoint.h"
#include "store/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
    {.name = "status",
     .meaning = "tell the current draw's state, which agencies are missing, and what would happen "
                "next; the server may run or not",
     .is_configured = true,
     .options = {OPTION_JSON},
     .run = command_status},
    {.name = "close",
     .meaning = "end the sales of the current draw, and seal it; prints the seal's hash. Agencies "
                "that are not done are closed out by name only",
     .is_configured = true,
     .options = {OPTION_WITHOUT, OPTION_REASON, OPTION_JSON},
     .run = command_close},
    {.name = "close-centre",
     .operand = "CENTRE",
     .meaning = "close out another centre of a draw that several centres hold together "
                "(centres.expected): the draw is held without it and its bets. For good, also if "
                "it comes back; needs --reason",
     .is_configured = true,
     .options = {OPTION_REASON, OPTION_JSON},
     .run = command_close_centre},
    {.name = "draw",
     .meaning = "hold a sealed draw whose number is drawn elsewhere (lottery.draw: command). The "
                "seal's hash shows that the number came after the seal. Once: no second number",
     .is_configured = true,
     .options = {OPTION_NUMBER, OPTION_SEAL, OPTION_JSON},
     .run = command_draw},
    {.name = "open",
     .operand = "NAME",
     .meaning = "open the next draw, once the current one has been held; connections are closed "
                "and come back. What is not said is as in the draw before; without --number the "
                "number comes by `draw`",
     .is_configured = true,
     .options = {OPTION_AGENCIES, OPTION_CENTRES, OPTION_CLOSES, OPTION_NUMBER, OPTION_ABANDON,
                 OPTION_REASON, OPTION_JSON},
     .run = command_open},
    {.name = "promote",
     .meaning = "have the standby of this directory (lottery-server --follow) take over from its "
                "primary, which is fenced: it acknowledges nothing more, and ends",
     .is_configured = true,
     .options = {OPTION_JSON},
     .run = command_promote},
    {.name = "list",
     .meaning = "list all draws, the archived ones first: dates, bets, number, winners, seal",
     .is_configured = true,
     .options = {OPTION_JSON},
     .run = command_list},
    {.name = "show",
     .operand = "NAME",
     .meaning = "show one draw, the current one or an archived one",
     .is_configured = true,
     .options = {OPTION_JSON},
     .run = command_show},
    {.name = "check",
     .operand = "[DIR]",
     .operands = OPERANDS_ONE_OR_NONE,
     .meaning = "say what a data directory holds, what a start would do with it, and whether all "
                "is well; any directory, running or not, and without DIR the configuration's "
                "data.directory. Nothing is changed",
     .is_configured = true,
     .options = {OPTION_FULL, OPTION_JSON},
     .run = command_check},
    {.name = "key",
     .operand = "PATH",
     .meaning = "make a key that signs seals and draws (seal.key): PATH, for the server alone, and "
                "PATH.pub, for auditors; neither may be there",
     .run = command_key},
    {.name = "backup",
     .operand = "DEST",
     .meaning = "copy the data directory to DEST, which must not be there; the server may run. To "
                "restore: stop the server, put a copy of DEST in the place of data.directory",
     .is_configured = true,
     .options = {OPTION_JSON},
     .run = command_backup},
    {.name = "pki init",
     .operand = "[NAME...]",
     .operands = OPERANDS_ANY,
     .meaning = "make a certificate authority in a directory of its own, and the server's first "
                "certificate, for these names; without names for localhost, its addresses and "
                "this host's name. An authority that is there is never replaced",
     .options = {OPTION_DIRECTORY},
     .run = command_pki_init},
    {.name = "pki server",
     .operand = "NAME...",
     .operands = OPERANDS_SOME,
     .meaning = "make a new key and certificate for the server, server.key and server.pem. The "
                "names are those that agencies call it by: DNS names and addresses",
     .options = {OPTION_DIRECTORY},
     .run = command_pki_server},
    {.name = "pki agency",
     .operand = "AGENCY...",
     .operands = OPERANDS_SOME,
     .meaning = "make a new key and certificate for each operand: of 17 agency-17.key and "
                "agency-17.pem. A list is one certificate, for a gateway that speaks for all of "
                "them: 1-5 is one, and 1 2 3 4 5 are five. The same again renews: the certificate "
                "before stays valid until it ends or is revoked",
     .options = {OPTION_DIRECTORY},
     .run = command_pki_agency},
    {.name = "pki revoke",
     .operand = "[AGENCY...]",
     .operands = OPERANDS_ANY,
     .meaning = "end the validity of all certificates of an agency, or of a gateway (its list), or "
                "of the one with --serial, by a new crl.pem. A gateway's certificate that names "
                "the agency among others is told of, and needs --serial",
     .options = {OPTION_SERIAL, OPTION_DIRECTORY},
     .run = command_pki_revoke},
    {.name = "pki list",
     .meaning = "list all certificates ever issued, those that end first come first: serial, for "
                "whom, until when, and whether it is valid, expires soon, has expired or is "
                "revoked",
     .options = {OPTION_DIRECTORY, OPTION_JSON},
     .run = command_pki_list},
};

static const struct program_option program_options[] = {
    {.id = OPTION_CONFIG,
     .name = "config",
     .argument = "FILE",
     .meaning = "the server's configuration; without it ./config.yaml where there is one"},
    {.id = OPTION_WITHOUT,
     .name = "without",
     .argument = "17,42",
     .meaning =
         "agencies to be closed out although they are not done; their stored bets take part"},
    {.id = OPTION_REASON,
     .name = "reason",
     .argument = "TEXT",
     .meaning = "why, for the record, at most 127 bytes"},
    {.id = OPTION_NUMBER, .name = "number", .argument = "N", .meaning = "the number that wins"},
    {.id = OPTION_SEAL,
     .name = "seal",
     .argument = "HASH",
     .meaning = "SHA-256 of seal.json, as `close` and `status` print it"},
    {.id = OPTION_AGENCIES,
     .name = "agencies",
     .argument = "1-60",
     .meaning = "agencies that may bet, all of which are expected"},
    {.id = OPTION_CENTRES,
     .name = "centres",
     .argument = "A,B,C",
     .meaning = "centres that hold the draw together, this one among them; -: this one alone"},
    {.id = OPTION_CLOSES,
     .name = "closes",
     .argument = "TIME",
     .meaning = "when sales end at the latest, as 2026-11-28T20:00:00Z"},
    {.id = OPTION_ABANDON,
     .name = "abandon",
     .meaning = "give the current draw up, for good, although it has not been held"},
    {.id = OPTION_FULL,
     .name = "full",
     .meaning = "read every row, and hold the files against their seal"},
    {.id = OPTION_DIRECTORY,
     .name = "directory",
     .argument = "DIR",
     .meaning = "the authority's directory; without it ./pki"},
    {.id = OPTION_SERIAL,
     .name = "serial",
     .argument = "HEX",
     .meaning = "one certificate, by its serial as `pki list` prints it"},
    {.id = OPTION_JSON, .name = "json", .meaning = "print one JSON object, for programs"},
};

enum {
    COMMANDS = sizeof commands / sizeof commands[0],
    OPTIONS = sizeof program_options / sizeof program_options[0]
};

/* --------------------------------------------------------------- the manual ---- */

static const struct program_option *find_option(enum command_option id)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (program_options[i].id == (int)id) {
            return &program_options[i];
        }
    }
    return NULL;
}

/* "check [DIR] [--full] [--json]", and what it means. */
static bool describe_command(size_t index, struct program_operand *operand)
{
    if (index >= COMMANDS) {
        return false;
    }
    const struct command *command = &commands[index];
    int used = snprintf(operand->call, sizeof operand->call, "%s%s%s", command->name,
                        command->operand != NULL ? " " : "",
                        command->operand != NULL ? command->operand : "");
    for (size_t i = 0; i < COMMAND_OPTIONS && command->options[i] != 0; i++) {
        const struct program_option *option = find_option(command->options[i]);
        used += snprintf(operand->call + used, sizeof operand->call - (size_t)used, " [--%s%s%s]",
                         option->name, option->argument != NULL ? " " : "",
                         option->argument != NULL ? option->argument : "");
        invariant((size_t)used < sizeof operand->call, "%s takes %d bytes", command->name, used);
    }
    operand->word = command->name;
    operand->meaning = command->meaning;
    return true;
}

static const struct program_manual manual = {
    .name = "lottery-admin",
    .purpose = "Administers the data directory of a lottery-server.",
    .options = program_options,
    .option_count = OPTIONS,
    .operands = "COMMAND",
    .operand_at = describe_command,
    .statuses =
        {
            {EXIT_FAILURE, "something failed, or a directory that was checked is not well"},
            {EXIT_UNREAD, "a directory that was to be checked can't be read"},
            {EXIT_CLAIMED, "promote: the log is this node's, and it does not serve (yet)"},
            {PROGRAM_EXIT_CONFIG, "the server's configuration is wrong"},
        },
    .formats = {{"control", CONTROL_VERSION},
                {"checkpoint", CHECKPOINT_VERSION},
                {"segment", SHARED_LAYOUT_VERSION}},
    .description =
        {"Runs one command and ends. Commands that change a draw (close, draw, open) ask the "
         "server, over a socket in its data directory; the others read the files.",
         "It is called as the server's user, or as root."},
    .examples = {{"lottery-admin -c server.yaml status", "who is missing, and what is waited for"},
                 {"lottery-admin -c server.yaml close --without 17,42",
                  "end the sales although agencies 17 and 42 are not done"},
                 {"lottery-admin check --full /srv/lottery/data", "read every row of a directory"},
                 {"lottery-admin -c server.yaml backup /srv/backup/2026-W48",
                  "copy the directory of a server that may run"}},
};

/* --------------------------------------------------------- the command line ---- */

static enum program_reading take_option(int id, const char *argument, void *context)
{
    struct invocation *invocation = context;
    if (id == OPTION_CONFIG) {
        invocation->config_file = argument;
    } else {
        invocation->options[id - COMMAND_OPTION_FIRST] = argument != NULL ? argument : "";
    }
    return PROGRAM_GO_ON;
}

/* Finds the command by its first words, and says how many they are; NULL: there is none. */
static const struct command *find_command(const char *const *words, size_t count, size_t *used)
{
    for (size_t i = 0; i < COMMANDS && count > 0; i++) {
        const char *name = commands[i].name;
        const char *second = strchr(name, ' ');
        size_t bytes = second == NULL ? strlen(name) : (size_t)(second - name);
        if (strlen(words[0]) == bytes && strncmp(words[0], name, bytes) == 0 &&
            (second == NULL || (count > 1 && strcmp(words[1], second + 1) == 0))) {
            *used = second == NULL ? 1 : 2;
            return &commands[i];
        }
    }
    return NULL;
}

/* True of a word that begins the names of commands: "pki". */
static bool is_family(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t bytes = strcspn(commands[i].name, " ");
        if (commands[i].name[bytes] != '\0' && strlen(word) == bytes &&
            strncmp(word, commands[i].name, bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void refuse_command(const char *const *words, size_t count)
{
    if (count == 0) {
        (void)program_misused(&manual, "there is no command");
    } else if (count > 1 && is_family(words[0])) {
        (void)program_misused(&manual, "there is no command %s %s", words[0], words[1]);
    } else if (is_family(words[0])) {
        (void)program_misused(&manual, "%s needs one more word, that says what to do", words[0]);
    } else {
        struct similar meant;
        similar_begin(&meant, words[0], strlen(words[0]));
        for (size_t i = 0; i < COMMANDS; i++) {
            similar_offer(&meant, commands[i].name, strcspn(commands[i].name, " "));
        }
        (void)program_misused(&manual, "there is no command %s%s%.*s%s", words[0],
                              meant.best != NULL ? "; did you mean " : "", (int)meant.best_bytes,
                              meant.best != NULL ? meant.best : "", meant.best != NULL ? "?" : "");
    }
}

static bool takes_operands(const struct command *command, size_t count)
{
    if (command->operand == NULL) {
        return count == 0;
    }
    switch (command->operands) {
    case OPERANDS_ANY:
        return true;
    case OPERANDS_SOME:
        return count > 0;
    case OPERANDS_ONE_OR_NONE:
        return count <= 1;
    case OPERANDS_ONE:
        break;
    }
    return count == 1;
}

/* True where the command is about the directory of the configuration, which has to be read. */
static bool needs_config(const struct command *command, const struct invocation *invocation)
{
    return command->is_configured &&
           (command->operands != OPERANDS_ONE_OR_NONE || invocation->operand == NULL);
}

static bool takes(const struct command *command, int option)
{
    for (size_t i = 0; i < COMMAND_OPTIONS; i++) {
        if (command->options[i] == (enum command_option)option) {
            return true;
        }
    }
    return false;
}

/* True, with *wrong set, when an option was given that the command does not take. */
static bool has_wrong_option(const struct command *command, const struct invocation *invocation,
                             const char **wrong)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        int id = program_options[i].id;
        if (id >= COMMAND_OPTION_FIRST && !takes(command, id) &&
            command_option(invocation, (enum command_option)id) != NULL) {
            *wrong = program_options[i].name;
            return true;
        }
    }
    return false;
}

/*
 * Finds the command among the operands that follow the options, and checks what it was given. NULL
 * after a complaint.
 */
static const struct command *read_command(const char *const *words, size_t count,
                                          struct invocation *invocation)
{
    const char *wrong = NULL;
    size_t used = 0;
    const struct command *found = find_command(words, count, &used);
    if (found == NULL) {
        refuse_command(words, count);
    } else if (!takes_operands(found, count - used)) {
        (void)program_misused(&manual, "the command is %s%s%s", found->name,
                              found->operand != NULL ? " " : "",
                              found->operand != NULL ? found->operand : ", without operands");
    } else if (has_wrong_option(found, invocation, &wrong)) {
        (void)program_misused(&manual, "%s takes no option --%s", found->name, wrong);
    } else {
        invocation->operands = words + used;
        invocation->operand_count = count - used;
        invocation->operand = words[used];
        return found;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct program_complaints complaints = {.manual = &manual};
    struct invocation invocation = {.manual = &manual};
    struct server_config config;
    struct failure failure;
    if (!program_begin(&manual)) {
        return EXIT_FAILURE;
    }
    /* What functions of store/ log for a server's operator, a command tells in its own output. */
    log_set_threshold(LOG_LEVEL_CRITICAL);
    enum program_reading reading =
        program_read_options(&manual, argc, argv, take_option, &invocation);
    if (reading != PROGRAM_GO_ON) {
        return program_exit_status(&manual, reading);
    }
    const struct command *command =
        read_command((const char *const *)argv + optind, (size_t)(argc - optind), &invocation);
    if (command == NULL) {
        return PROGRAM_EXIT_USAGE;
    }
    const struct config_request request = {
        .file = invocation.config_file, .tell = program_complain_of, .context = &complaints};
    bool is_configured = needs_config(command, &invocation);
    if (is_configured && !server_config_load(&request, &config, &failure)) {
        return PROGRAM_EXIT_CONFIG;
    }
    return command->run(&invocation, is_configured ? &config : NULL);
}
