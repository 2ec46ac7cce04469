/*
 * version.c - see version.h. The Makefile defines LOTTERY_COMMIT for this file alone.
 */
#include "lib/version.h"

const char *version_commit(void)
{
    return LOTTERY_COMMIT;
}
