/*
 * admin_socket.h - where the server's Unix socket for operators stands, and how one connects to it.
 *
 * The path leads through /proc to the directory, which is open, however long its name is: a socket's path
 * may have 107 bytes.
 *
 * Called by the server's door (admin_door.h), by a server that replaces another one (predecessor.h), and
 * by lottery-admin. Without state; what is opened is the caller's.
 */
#ifndef SERVER_ADMIN_SOCKET_H
#define SERVER_ADMIN_SOCKET_H

#include <sys/un.h>

/* The address in the data directory that this descriptor has open; it holds while that stays open. */
void admin_socket_write_address(int directory, struct sockaddr_un *address);

/* Connects to the server of that directory. Returns the connection, or -1 with errno. */
int admin_socket_connect(int directory);

#endif
