/*
 * file_io.h - reads, writes and syncs of files, with short counts, EINTR and errors dealt with.
 *
 * Any process of the server may call, and so may lottery-admin. The only state is whether
 * file_sync_directory has warned already.
 */
#ifndef STORE_FILE_IO_H
#define STORE_FILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Writes all of the bytes at `position`, with as many calls as that takes. Returns false with
 * errno after any error but EINTR; a part may be written then. The storer's writes, which
 * wait for room, are in disk.h.
 */
bool file_write_all(int file, const void *bytes, size_t count, uint64_t position);

/*
 * True for the errors of a write, a rename or an open that mean "no room": the file system is full
 * (ENOSPC), or its user's quota is used up (EDQUOT). Trying again later may succeed.
 */
bool file_is_disk_full(int error);

/*
 * Reads up to `count` bytes at `position`, fewer only when the file ends before that.
 * Returns the bytes read, or -1 with errno.
 */
ssize_t file_read_up_to(int file, void *bytes, size_t count, uint64_t position);

/*
 * Computes the checksum (lib/checksum.h) of up to `count` bytes from the file's beginning.
 * Returns how many there were, or -1 with errno. Reads all of them, in small memory.
 */
int64_t file_checksum(int file, uint64_t count, uint64_t *checksum);

/*
 * fsync(2) and fdatasync(2), called again after EINTR. Return false with errno after any other
 * error. The caller must not try again then: the next call would succeed without the pages
 * that failed (see file_sync_and_forget).
 */
bool file_sync(int file);
bool file_sync_data(int file);

/*
 * Makes the names in a directory durable, after a file was made, renamed or removed there.
 * Some file systems (shared folders of virtual machines, old network file systems) can't sync
 * directories and answer EINVAL, EOPNOTSUPP or ENOSYS. Then this returns true, and logs once a
 * process a WARNING that names `path` and says what is not promised. Any other error is final,
 * as of file_sync: false with errno.
 */
bool file_sync_directory(int directory, const char *path);

/*
 * The same for the parent of a directory that was made or renamed. `path` names the directory
 * itself.
 */
bool file_sync_parent(int directory, const char *path);

/*
 * Makes all of the file durable, and makes the kernel drop its cached pages from the byte
 * `from` on, so that the next read comes from the disk. False with errno when the sync fails.
 *
 * A file system that could not write a page marks it clean and keeps it in memory (ext4,
 * XFS), and reports the error once. The next fsync succeeds, and the page still reads as if
 * it had been stored. So only a read past the page cache tells what is stored. Dropping is
 * advice to the kernel (posix_fadvise(2), POSIX_FADV_DONTNEED): a page that is mapped or in
 * use stays, and tmpfs, which has no disk, drops nothing.
 */
bool file_sync_and_forget(int file, uint64_t from);

#endif
