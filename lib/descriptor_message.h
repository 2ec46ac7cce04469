/*
 * descriptor_message.h - a message over a Unix socket that carries one descriptor beside its bytes.
 *
 * unix(7) has SCM_RIGHTS. Neither call waits. If a process dies before it has taken the message, the
 * kernel closes the descriptor that was on its way.
 *
 * Any process may call.
 */
#ifndef LIB_DESCRIPTOR_MESSAGE_H
#define LIB_DESCRIPTOR_MESSAGE_H

#include <stddef.h>
#include <sys/types.h>

enum { DESCRIPTOR_MESSAGE_NONE = -1 };

/* Sends `count` bytes and a copy of the descriptor. Returns what sendmsg(2) does, -1 with errno. */
ssize_t descriptor_message_send(int socket, const void *bytes, size_t count, int descriptor);

/*
 * Takes a message of `count` bytes at most. Returns what recvmsg(2) does, -1 with errno. *descriptor
 * is the caller's, or DESCRIPTOR_MESSAGE_NONE where none came; *flags is msg_flags, with MSG_CTRUNC
 * where more than one was sent, or none could be had. There is room for one: others are not taken.
 */
ssize_t descriptor_message_receive(int socket, void *bytes, size_t count, int *descriptor,
                                   int *flags);

#endif
