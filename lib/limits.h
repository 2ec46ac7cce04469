/*
 * limits.h - limits that the operating system sets for several rooms.
 *
 * Constants only: any process of any program may use them.
 */
#ifndef LIB_LIMITS_H
#define LIB_LIMITS_H

/*
 * Agencies in a lottery, at most. The gate (shm/gate.h) starts at the number of agencies
 * that the draw waits for, and a System V semaphore holds at most SEMVMX, which Linux
 * defines as 32767 (include/uapi/linux/sem.h; semctl(2), ERANGE).
 */
enum { LIMITS_AGENCIES_MAX = 32767 };

#endif
