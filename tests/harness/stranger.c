/*
 * stranger.c - see stranger.h.
 */
#include "tests/harness/stranger.h"

#include <grp.h>
#include <stddef.h>
#include <unistd.h>

bool stranger_is_possible(void)
{
    return geteuid() == 0;
}

bool stranger_become(void)
{
    return setgroups(0, NULL) == 0 && setresgid(STRANGER_GID, STRANGER_GID, STRANGER_GID) == 0 &&
           setresuid(STRANGER_UID, STRANGER_UID, STRANGER_UID) == 0;
}
