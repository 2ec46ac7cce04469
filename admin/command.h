/*
 * command.h - what every command of lottery-admin is given, and what it gives back.
 *
 * Why it exists: main.c reads the command line and the configuration once, by a table with a row
 * for each command. A command is one function in its own file, command_NAME.c, and knows neither
 * the table nor the other commands.
 *
 * Called by lottery-admin alone, one command in a process. If the process dies, the command's
 * file says what remains.
 */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include "lib/program.h"
#include "server/server_config.h"

#include <stdbool.h>

/* The options. Those from COMMAND_OPTION_FIRST on belong to the commands whose rows name them. */
enum command_option {
    OPTION_CONFIG = 'c',
    COMMAND_OPTION_FIRST = PROGRAM_LONG_ONLY,
    OPTION_JSON = COMMAND_OPTION_FIRST,
    OPTION_WITHOUT,
    OPTION_REASON,
    OPTION_NUMBER,
    OPTION_SEAL,
    OPTION_AGENCIES,
    OPTION_CENTRES,
    OPTION_CLOSES,
    OPTION_ABANDON,
    OPTION_FULL,
    OPTION_DIRECTORY,
    OPTION_SERIAL,
    COMMAND_OPTION_END
};

enum { COMMAND_OPTIONS = COMMAND_OPTION_END - COMMAND_OPTION_FIRST };

/* How the program was called. All texts are those of argv. */
struct invocation {
    const struct program_manual *manual; /* for complaints */
    const char *config_file;             /* NULL: the default (config_load) */
    const char *operand;                 /* what follows the command's name; NULL: nothing */
    const char *const *operands;         /* all that follow; the first one is `operand` */
    size_t operand_count;
    const char *options[COMMAND_OPTIONS]; /* NULL: not given; "": given, and takes no argument */
};

/* How many operands a command takes that takes any. */
enum command_operands {
    OPERANDS_ONE,
    OPERANDS_ONE_OR_NONE,
    OPERANDS_SOME, /* at least one */
    OPERANDS_ANY
};

/* A row of the table. All texts are constant. */
struct command {
    const char *name;    /* one word, or two: "pki init" */
    const char *operand; /* what -h calls its operand, "DEST", "[NAME...]"; NULL: it takes none */
    enum command_operands operands;
    const char *meaning; /* for people, without line ends; -h wraps it */
    bool is_configured;  /* it is about the directory that the server's configuration names, unless
                            it takes one operand or none, and got one */
    enum command_option options[COMMAND_OPTIONS]; /* that it takes, and then zeros */
    /* Carries the command out; `config` is NULL unless it is configured. Returns the exit status,
     * after a complaint where it is not 0 and nothing else says what is wrong. */
    int (*run)(const struct invocation *invocation, const struct server_config *config);
};

/* Returns the option's argument, "" where it takes none, and NULL where it was not given. */
const char *command_option(const struct invocation *invocation, enum command_option option);

/* Exit statuses of lottery-admin, beside those of lib/program.h. -h lists all of them. */
enum { EXIT_UNREAD = 3, EXIT_CLAIMED = 4 };

/* The commands. command_NAME.c says what each does. */
int command_status(const struct invocation *invocation, const struct server_config *config);
int command_list(const struct invocation *invocation, const struct server_config *config);
int command_show(const struct invocation *invocation, const struct server_config *config);
int command_check(const struct invocation *invocation, const struct server_config *config);
int command_close(const struct invocation *invocation, const struct server_config *config);
int command_close_centre(const struct invocation *invocation, const struct server_config *config);
int command_draw(const struct invocation *invocation, const struct server_config *config);
int command_key(const struct invocation *invocation, const struct server_config *config);
int command_open(const struct invocation *invocation, const struct server_config *config);
int command_backup(const struct invocation *invocation, const struct server_config *config);
int command_promote(const struct invocation *invocation, const struct server_config *config);

/* Those of command_pki.c, command_pki_revoke.c and command_pki_list.c. */
int command_pki_init(const struct invocation *invocation, const struct server_config *config);
int command_pki_server(const struct invocation *invocation, const struct server_config *config);
int command_pki_agency(const struct invocation *invocation, const struct server_config *config);
int command_pki_revoke(const struct invocation *invocation, const struct server_config *config);
int command_pki_list(const struct invocation *invocation, const struct server_config *config);

#endif
