/*
 * fault_point.c - see fault_point.h. Empty but in VARIANT=faults.
 */
#include "lib/fault_point.h"

#ifdef LOTTERY_FAULT_POINTS

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FAULT_POINTS_MAX = 64 };

/* How often this process has arrived at each point; names are string literals. */
static struct {
    const char *name;
    long arrivals;
} seen[FAULT_POINTS_MAX];

static long count_arrival(const char *name)
{
    for (int i = 0; i < FAULT_POINTS_MAX; i++) {
        if (seen[i].name == NULL) {
            seen[i].name = name;
        }
        if (strcmp(seen[i].name, name) == 0) {
            return ++seen[i].arrivals;
        }
    }
    return 0;
}

/* What a process does at a point. */
enum deed { DEED_NONE, DEED_KILL, DEED_STOP, DEED_CALL };

static enum deed read_deed(const char *text)
{
    return strncmp(text, "STOP", strlen("STOP")) == 0   ? DEED_STOP
           : strncmp(text, "CALL", strlen("CALL")) == 0 ? DEED_CALL
                                                        : DEED_KILL;
}

/* Looks for name:arrivals:DEED among the space-separated faults. */
static enum deed wanted_deed(const char *faults, const char *name, long arrivals)
{
    size_t name_bytes = strlen(name);
    for (const char *at = faults; *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strncmp(at, name, name_bytes) != 0 || at[name_bytes] != ':') {
            continue;
        }
        char *end = NULL;
        if (strtol(at + name_bytes + 1, &end, 10) == arrivals && *end == ':') {
            return read_deed(end + 1);
        }
    }
    return DEED_NONE;
}

const char *fault_point_token(void)
{
    return getenv("LOTTERY_FAULT_TOKEN");
}

void fault_point(const char *name)
{
    const char *faults = getenv("LOTTERY_FAULT");
    const char *token = getenv("LOTTERY_FAULT_TOKEN");
    if (faults == NULL || token == NULL) {
        return;
    }
    enum deed deed = wanted_deed(faults, name, count_arrival(name));
    if (deed == DEED_NONE || unlink(token) != 0) {
        return;
    }
    if (deed == DEED_CALL) {
        char *const nothing[] = {NULL};
        (void)execve("/bin/true", nothing, nothing); /* which no process of the server may do */
    } else {
        kill(getpid(), deed == DEED_STOP ? SIGSTOP : SIGKILL);
    }
}

#else

/* ISO C wants a declaration in every file. */
typedef int fault_point_is_compiled_out;

#endif
