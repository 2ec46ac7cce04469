/*
 * stage.c - see stage.h.
 */
#include "tests/harness/stage.h"

#include "tests/harness/deadline.h"
#include "tests/harness/files.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <cmocka.h> /* after what it needs */

enum { MESSAGE_BYTES = 2048 };

struct stage_thing {
    void *thing;
    stage_release *release;
    struct stage_thing *older;
};

/* What can't even be set up ends the test program: there is nothing to be tested. */
static void require(bool condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

int stage_set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    const char *base = getenv("TMPDIR");
    require(stage != NULL, "calloc");
    (void)snprintf(stage->directory, sizeof stage->directory, "%s/lottery-test-XXXXXX",
                   base == NULL || base[0] == '\0' ? "/tmp" : base);
    require(mkdtemp(stage->directory) != NULL, stage->directory);
    /* Whoever loses its parent becomes our child, so that we can wait for it. */
    require(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "prctl PR_SET_CHILD_SUBREAPER");
    require(signal(SIGPIPE, SIG_IGN) != SIG_ERR, "signal SIGPIPE");
    machine_look(&stage->before);
    stage->given = *state;
    *state = stage;
    return 0;
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;
    bool well = true;
    while (stage->newest != NULL) {
        struct stage_thing *thing = stage->newest;
        stage->newest = thing->older;
        well = thing->release(thing->thing) && well;
        free(thing);
    }
    files_remove_tree(stage->directory);
    free(stage);
    return well ? 0 : -1;
}

void stage_own(struct stage *stage, void *thing, stage_release *release)
{
    struct stage_thing *newest = malloc(sizeof *newest);
    require(newest != NULL, "malloc");
    *newest = (struct stage_thing){.thing = thing, .release = release, .older = stage->newest};
    stage->newest = newest;
}

static bool release_memory(void *memory)
{
    free(memory);
    return true;
}

void *stage_keep(struct stage *stage, void *memory)
{
    require(memory != NULL, "malloc");
    stage_own(stage, memory, release_memory);
    return memory;
}

void *stage_allocate(struct stage *stage, size_t bytes)
{
    return stage_keep(stage, calloc(1, bytes));
}

/* Prints into memory of the right size. */
static char *print_text(const char *format, va_list arguments)
{
    char *text = NULL;
    require(vasprintf(&text, format, arguments) >= 0, "vasprintf");
    return text;
}

const char *stage_text(struct stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = print_text(format, arguments);
    va_end(arguments);
    return stage_keep(stage, text);
}

const char *stage_path(struct stage *stage, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *name = print_text(format, arguments);
    va_end(arguments);
    const char *path = stage_text(stage, "%s/%s", stage->directory, name);
    free(name);
    return path;
}

void stage_expect_nothing_left_at(const struct stage *stage, const char *file, int line)
{
    struct deadline deadline = deadline_in(DEADLINE_MS);
    char what[MACHINE_NAME_BYTES];
    while (machine_finds_new(&stage->before, stage->directory, what)) {
        if (!deadline_pause(deadline)) {
            stage_fail_at(file, line, "%s was left behind", what);
        }
    }
}

_Noreturn void stage_fail_at(const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    print_error("ERROR: %s\n", message);
    _fail(file, line);
    abort(); /* not reached: _fail leaves the test */
}
