/*
 * assumptions.c - what all rooms take for granted about the machine and the C library.
 *
 * Nothing runs here: the build for another kind of machine ends with the reason.
 * 32-bit machines are refused: files above 2 GiB are mapped whole, and the checksum
 * multiplies in 128 bits, which compilers have on 64-bit machines only.
 */
#include <limits.h>
#include <sys/types.h>
#include <time.h>

_Static_assert(sizeof(void *) == 8, "only 64-bit machines: files above 2 GiB are mapped, and the "
                                    "checksum needs __int128");
_Static_assert(sizeof(off_t) == 8 && sizeof(time_t) == 8,
               "positions in files and seconds since 1970 need 64 bits");
_Static_assert(CHAR_BIT == 8, "a byte of a message has 8 bits");
