/*
 * version.c - the commit of a test, in the place of lib/version.c.
 *
 * Why it exists: with the true one, every commit would link every test anew. tests/scripts/
 * test_reproducible.sh looks at that of the programs.
 */
#include "lib/version.h"

const char *version_commit(void)
{
    return "of-a-test";
}
