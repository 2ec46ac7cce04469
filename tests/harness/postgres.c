/*
 * postgres.c - see postgres.h.
 */
#include "tests/harness/postgres.h"

#include "tests/harness/deadline.h"
#include "tests/harness/ports.h"

#include <glob.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { ARGUMENTS_MAX = 32, ENTERABLE = 0711 };

/* The newest version's directory; NULL: there is none. */
static const char *find_programs(struct stage *stage)
{
    glob_t found;
    const char *programs = NULL;
    if (glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0) {
        const char *path = found.gl_pathv[found.gl_pathc - 1];
        programs = stage_text(stage, "%.*s", (int)(strrchr(path, '/') - path), path);
        globfree(&found);
    }
    return programs;
}

bool postgres_is_here(void)
{
    glob_t found;
    bool here = glob("/usr/lib/postgresql/*/bin/postgres", 0, NULL, &found) == 0;
    if (here) {
        globfree(&found);
    }
    return here;
}

/* Starts one of its programs, as the user that PostgreSQL runs as. */
static struct program *start(const struct postgres *postgres, const char *name,
                             const char *const *arguments)
{
    const char *all[ARGUMENTS_MAX] = {
        "--reuid=postgres", "--regid=postgres", "--clear-groups",
        stage_text(postgres->stage, "%s/%s", postgres->programs, name)};
    size_t count = 4;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(count + 1 < ARGUMENTS_MAX);
        all[count++] = arguments[i];
    }
    const bool root = geteuid() == 0;
    const struct program_plan plan = {.name = root ? "setpriv" : "env",
                                      .arguments = root ? all : all + 3,
                                      .last_signal = SIGQUIT};
    return program_start(postgres->stage, &plan);
}

void postgres_restart(struct postgres *postgres)
{
    struct stage *stage = postgres->stage;
    postgres->program = start(
        postgres, "postgres",
        ARGUMENTS("-D", postgres->directory, "-c", "listen_addresses=127.0.0.1", "-c",
                  "unix_socket_directories=", "-c", stage_text(stage, "port=%u", postgres->port)));
}

void postgres_await_ready(const struct postgres *postgres)
{
    struct stage *stage = postgres->stage;
    const struct program_plan plan = {
        .name = "pg_isready",
        .arguments =
            ARGUMENTS("-q", "-h", "127.0.0.1", "-p", stage_text(stage, "%u", postgres->port))};
    const struct deadline deadline = deadline_in(DEADLINE_MS);
    struct program_end end = {.status = 1};
    (void)program_run(stage, &plan, &end);
    while (end.status != 0 && deadline_pause(deadline)) {
        (void)program_run(stage, &plan, &end);
    }
    if (end.status != 0) {
        program_show(postgres->program);
        fail_msg("PostgreSQL takes no connections");
    }
}

/* The stage's directory can be entered by that user, and what he stores is his. */
static void make_directory(const struct postgres *postgres)
{
    assert_int_equal(mkdir(postgres->directory, 0700), 0);
    if (geteuid() == 0) {
        const struct passwd *user = getpwnam("postgres");
        assert_non_null(user);
        assert_int_equal(chmod(postgres->stage->directory, ENTERABLE), 0);
        assert_int_equal(chown(postgres->directory, user->pw_uid, user->pw_gid), 0);
    }
}

struct postgres *postgres_start(struct stage *stage)
{
    struct postgres *postgres = stage_allocate(stage, sizeof *postgres);
    postgres->stage = stage;
    postgres->programs = find_programs(stage);
    postgres->directory = stage_path(stage, "postgres");
    postgres->port = ports_choose();
    postgres->dsn =
        stage_text(stage, "host=127.0.0.1 port=%u user=lottery dbname=postgres", postgres->port);
    make_directory(postgres);
    struct program *made = start(postgres, "initdb",
                                 ARGUMENTS("-D", postgres->directory, "-U", "lottery", "-A",
                                           "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"));
    if (program_await_end(made).status != 0) {
        program_show(made);
        fail_msg("initdb failed");
    }
    postgres_restart(postgres);
    postgres_await_ready(postgres);
    return postgres;
}

void postgres_crash(struct postgres *postgres)
{
    (void)program_stop(postgres->program, SIGQUIT); /* "immediate shutdown": recovery follows */
    postgres->program = NULL;
}

const char *postgres_ask(const struct postgres *postgres, const char *query)
{
    const struct program_plan plan = {
        .name = "psql", .arguments = ARGUMENTS("-XAt", "-d", postgres->dsn, "-c", query)};
    struct program_end end;
    struct program *asked = program_run(postgres->stage, &plan, &end);
    if (end.status != 0) {
        program_show(asked);
        fail_msg("psql ended with %d", end.status);
    }
    return program_log(asked);
}
