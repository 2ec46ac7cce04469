/*
 * admin_socket.c - see admin_socket.h.
 */
#include "server/admin_socket.h"

#include "server/admin_request.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

void admin_socket_write_address(int directory, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(address->sun_path, sizeof address->sun_path,
                   "/proc/self/fd/%d/" ADMIN_SOCKET_FILE, directory);
}

int admin_socket_connect(int directory)
{
    struct sockaddr_un address;
    admin_socket_write_address(directory, &address);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&address, sizeof address) == 0) {
        return server;
    }
    int error = errno;
    (void)close(server);
    errno = error;
    return -1;
}
