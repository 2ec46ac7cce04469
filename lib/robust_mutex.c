/*
 * robust_mutex.c - see robust_mutex.h. Asks, and keeps nothing.
 */
#include "lib/robust_mutex.h"

#include <linux/futex.h> /* struct robust_list_head: glibc has neither it nor the call */
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

bool robust_mutex_works(void)
{
    struct robust_list_head *head = NULL;
    size_t head_bytes = 0;
    const int this_thread = 0;
    return syscall(SYS_get_robust_list, this_thread, &head, &head_bytes) == 0 && head != NULL;
}
