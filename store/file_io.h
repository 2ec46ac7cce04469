/*
 * file_io.h - what the kernel's calls on files leave to their caller.
 *
 * Any process of the server may call them. They keep nothing but what they have warned of.
 */
#ifndef STORE_FILE_IO_H
#define STORE_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes all of the bytes at `position`: the rest of a short write, and again after a
 * signal. False with errno when the kernel refuses for another reason; a part may be
 * written then. The storer's writes, which wait for room, are in disk.h.
 */
bool file_write_all(int file, const void *bytes, size_t count, uint64_t position);

/*
 * Reads up to `count` bytes at `position`, fewer only where the file ends before that.
 * Returns the bytes read, or -1 with errno.
 */
ssize_t file_read_up_to(int file, void *bytes, size_t count, uint64_t position);

/*
 * Computes the checksum (lib/checksum.h) of up to `count` bytes from the file's beginning.
 * Returns how many there were, or -1 with errno. Reads all of them, in small memory.
 */
int64_t file_checksum(int file, uint64_t count, uint64_t *checksum);

/*
 * fsync(2) and fdatasync(2). One that a signal interrupts (EINTR) has not failed, and is
 * called again; any other failure is final, and must not be tried again (see below).
 * False with errno then.
 */
bool file_sync(int file);
bool file_sync_data(int file);

/*
 * Makes the names in a directory durable: after a file was made, renamed or removed there.
 * Some file systems, the shared folders of virtual machines and old network ones, have no
 * such call for directories (EINVAL, EOPNOTSUPP, ENOSYS): that is no failure of the
 * disk. A process says once, as a WARNING that names `path`, what is not promised then,
 * and goes on. Any other error is final, as of file_sync: false with errno.
 */
bool file_sync_directory(int directory, const char *path);

/*
 * Makes all of the file durable, and has the kernel forget what it keeps in memory
 * of the bytes from `from` on: what is read next comes from the disk. False with
 * errno when the sync fails.
 *
 * A file system that could not write a page marks it clean and keeps it (ext4, XFS),
 * and tells the error once: the next fsync succeeds, and the page still reads as
 * if it had been stored. So whoever wants to know what is stored has to read it
 * past the page cache. Forgetting is advice (posix_fadvise(2), POSIX_FADV_DONTNEED):
 * a page that somebody has mapped or is just using stays, and tmpfs, which has no
 * disk, forgets nothing.
 */
bool file_sync_and_forget(int file, uint64_t from);

#endif
