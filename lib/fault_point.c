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

/* Looks for name:arrivals:SIGNAL among the space-separated faults; 0 where it is not meant. */
static int wanted_signal(const char *faults, const char *name, long arrivals)
{
    size_t name_bytes = strlen(name);
    for (const char *at = faults; *at != '\0'; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        if (strncmp(at, name, name_bytes) != 0 || at[name_bytes] != ':') {
            continue;
        }
        char *end = NULL;
        if (strtol(at + name_bytes + 1, &end, 10) == arrivals && *end == ':') {
            return strncmp(end + 1, "STOP", strlen("STOP")) == 0 ? SIGSTOP : SIGKILL;
        }
    }
    return 0;
}

void fault_point(const char *name)
{
    const char *faults = getenv("LOTTERY_FAULT");
    const char *token = getenv("LOTTERY_FAULT_TOKEN");
    if (faults == NULL || token == NULL) {
        return;
    }
    int signal_number = wanted_signal(faults, name, count_arrival(name));
    if (signal_number != 0 && unlink(token) == 0) {
        kill(getpid(), signal_number);
    }
}

#else

/* ISO C wants a declaration in every file. */
typedef int fault_point_is_compiled_out;

#endif
