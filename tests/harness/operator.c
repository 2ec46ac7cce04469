/*
 * operator.c - see operator.h.
 */
#include "tests/harness/operator.h"

#include "store/control.h"
#include "tests/harness/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

struct program *operator_start(const struct server *server, const char *const *arguments)
{
    const struct program_plan plan = {.name = "lottery-admin",
                                      .arguments = arguments,
                                      .environment = ENVIRONMENT(stage_text(
                                          server->stage, "DATA_DIRECTORY=%s", server->directory))};
    return program_start(server->stage, &plan);
}

struct program *operator_run_at(const struct server *server, const char *name,
                                const char *const *arguments, int status, const char *file,
                                int line)
{
    const struct program_plan plan = {.name = name,
                                      .arguments = arguments,
                                      .environment = ENVIRONMENT(stage_text(
                                          server->stage, "DATA_DIRECTORY=%s", server->directory))};
    struct program_end end;
    struct program *program = program_run(server->stage, &plan, &end);
    if (end.status != status) {
        program_show(program);
        program_show(server->program);
        stage_fail_at(file, line, "%s ended with %d instead of %d: %s", name, end.status, status,
                      program_errors(program));
    }
    return program;
}

void operator_administer_at(const struct server *server, const char *const *arguments, int status,
                            const char *words, const char *file, int line)
{
    struct program *admin = operator_run_at(server, "lottery-admin", arguments, status, file, line);
    const char *said = status == 0 ? program_log(admin) : program_errors(admin);
    if (strstr(said, words) == NULL) {
        program_show(server->program);
        stage_fail_at(file, line, "lottery-admin said \"%s\" instead of \"%s\"", said, words);
    }
}

/* The hash that stands after `label` in a file of the directory. */
static const char *read_sha256(const struct server *server, const char *name, const char *label)
{
    const char *text = files_read(server->stage, server_file(server, name), NULL);
    const char *found = strstr(text, label);
    assert_non_null(found);
    return stage_text(server->stage, "%.*s", CONTROL_SHA256_DIGITS, found + strlen(label));
}

const char *operator_read_seal(const struct server *server)
{
    return read_sha256(server, "control", "\nseal_sha256 ");
}

const char *operator_read_drawing(const struct server *server)
{
    return read_sha256(server, "draw.json", "\"national_sha256\":\"");
}
