/*
 * service_manager.c - see service_manager.h.
 */
#include "server/service_manager.h"

#include "lib/clock.h"
#include "lib/decimal.h"
#include "lib/descriptor_message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char socket_variable[] = "NOTIFY_SOCKET";
static const char watchdog_variable[] = "WATCHDOG_USEC";
static const char watchdog_pid_variable[] = "WATCHDOG_PID";

enum { MESSAGE_BYTES = SERVICE_MANAGER_STATUS_BYTES + 64, NUMBER_BYTES = 24 };

#define RESTING_US UINT64_C(86400000000) /* a day: longer than any work that is not going round */

_Static_assert(SERVICE_MANAGER_ADDRESS_BYTES == sizeof(((struct sockaddr_un *)NULL)->sun_path),
               "an address of unix(7)");

/* --------------------------------------------------------------- opening ---- */

/* A variable's number; 0 where it is not set, or is no number. */
static uint64_t read_number(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t number = 0;
    return text != NULL && decimal_parse(text, strlen(text), &number) ? number : 0;
}

/* The interval is for one process: who has it from its parent is not meant (sd_watchdog_enabled(3)). */
static uint64_t read_watchdog(void)
{
    const bool is_for_us = getenv(watchdog_pid_variable) == NULL ||
                           read_number(watchdog_pid_variable) == (uint64_t)getpid();
    return is_for_us ? read_number(watchdog_variable) : 0;
}

/* "/path", or "@name" of an abstract socket, whose address begins with a zero and has no end. */
static bool read_address(const char *text, struct sockaddr_un *address, socklen_t *bytes)
{
    const size_t length = strlen(text);
    if ((text[0] != '/' && text[0] != '@') || length < 2 || length >= sizeof address->sun_path) {
        return false;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, text, length);
    if (text[0] == '@') {
        address->sun_path[0] = '\0';
    }
    *bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (text[0] == '/'));
    return true;
}

static bool connect_to(struct service_manager *manager, struct failure *failure)
{
    struct sockaddr_un address;
    socklen_t bytes = 0;
    const struct timeval patience = {.tv_usec = SERVICE_MANAGER_PATIENCE_MS * 1000L};
    if (!read_address(manager->address, &address, &bytes)) {
        return failure_set(failure, "%s: \"%s\" is neither a path nor @ and a name",
                           socket_variable, manager->address);
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        return failure_set_errno(failure, "%s: make a socket", socket_variable);
    }
    if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(descriptor, (const struct sockaddr *)&address, bytes) != 0) {
        (void)failure_set_errno(failure, "%s: connect to %s", socket_variable, manager->address);
        (void)close(descriptor);
        return false;
    }
    manager->socket = descriptor;
    manager->listens = true;
    return true;
}

bool service_manager_open(struct service_manager *manager, struct failure *failure)
{
    const char *address = getenv(socket_variable);
    *manager = (struct service_manager){.watchdog_us = read_watchdog()};
    const int length =
        snprintf(manager->address, sizeof manager->address, "%s", address == NULL ? "" : address);
    (void)unsetenv(socket_variable);
    (void)unsetenv(watchdog_variable);
    (void)unsetenv(watchdog_pid_variable);
    if (length >= (int)sizeof manager->address) {
        return failure_set(failure, "%s: the name of a socket has at most %zu bytes",
                           socket_variable, sizeof manager->address - 1);
    }
    return manager->address[0] == '\0' || connect_to(manager, failure);
}

void service_manager_close(struct service_manager *manager)
{
    if (manager->listens) {
        (void)close(manager->socket);
    }
    manager->listens = false;
}

bool service_manager_bequeath(const struct service_manager *manager)
{
    char interval[NUMBER_BYTES];
    char pid[NUMBER_BYTES];
    (void)snprintf(interval, sizeof interval, "%" PRIu64, manager->watchdog_us);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    return !manager->listens || (setenv(socket_variable, manager->address, 1) == 0 &&
                                 setenv(watchdog_variable, interval, 1) == 0 &&
                                 setenv(watchdog_pid_variable, pid, 1) == 0);
}

/* --------------------------------------------------------------- telling ---- */

/* What can't be told is left: the server serves no worse, and the next beat comes. */
static void tell(const struct service_manager *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void tell(const struct service_manager *manager, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list arguments;
    if (!manager->listens) {
        return;
    }
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length > 0 && length < (int)sizeof message) {
        (void)send(manager->socket, message, (size_t)length, MSG_NOSIGNAL);
    }
}

/* The clock that the manager compares RELOADING=1 with. */
static uint64_t monotonic_us(void)
{
    enum { US_A_SECOND = 1000000, NS_A_US = 1000 };
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_A_SECOND + (uint64_t)now.tv_nsec / NS_A_US;
}

void service_manager_ready(struct service_manager *manager)
{
    if (manager->watchdog_us > 0) {
        tell(manager, "WATCHDOG_USEC=%" PRIu64 "\nWATCHDOG=1", manager->watchdog_us);
    }
    tell(manager, "READY=1");
}

void service_manager_reloading(struct service_manager *manager)
{
    tell(manager, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, monotonic_us());
}

void service_manager_stopping(struct service_manager *manager)
{
    tell(manager, "STOPPING=1");
}

void service_manager_status(struct service_manager *manager, const char *format, ...)
{
    char status[SERVICE_MANAGER_STATUS_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(status, sizeof status, format, arguments);
    va_end(arguments);
    if (strcmp(status, manager->status) != 0) {
        memcpy(manager->status, status, sizeof status);
        tell(manager, "STATUS=%s", status);
    }
}

void service_manager_main_pid(struct service_manager *manager, pid_t pid)
{
    tell(manager, "MAINPID=%d", (int)pid);
}

void service_manager_forget(struct service_manager *manager, const char *name)
{
    tell(manager, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    manager->keeps = false;
}

bool service_manager_keep(struct service_manager *manager, const char *name,
                          const int descriptors[], size_t count)
{
    char message[MESSAGE_BYTES];
    if (!manager->listens) {
        return true;
    }
    service_manager_forget(manager, name);
    const size_t bytes = (size_t)snprintf(message, sizeof message, "FDSTORE=1\nFDNAME=%.64s", name);
    for (size_t i = 0; i < count; i++) {
        if (descriptor_message_send(manager->socket, message, bytes, descriptors[i]) < 0) {
            return false;
        }
    }
    manager->keeps = true;
    return true;
}

void service_manager_watchdog(struct service_manager *manager)
{
    enum { US_A_MS = 1000, BEATS = 2 }; /* in an interval */
    const int64_t now_ms = clock_monotonic_ms();
    if (manager->watchdog_us > 0 && now_ms >= manager->beat_at_ms) {
        manager->beat_at_ms = now_ms + (int64_t)(manager->watchdog_us / US_A_MS / BEATS);
        tell(manager, "WATCHDOG=1");
    }
}

int64_t service_manager_patience_ms(const struct service_manager *manager)
{
    if (manager->watchdog_us == 0 || !manager->listens) {
        return -1;
    }
    const int64_t left_ms = manager->beat_at_ms - clock_monotonic_ms();
    return left_ms > 0 ? left_ms : 0;
}

void service_manager_rests_watchdog(struct service_manager *manager)
{
    if (manager->watchdog_us > 0) {
        tell(manager, "WATCHDOG_USEC=%" PRIu64, RESTING_US);
    }
}
