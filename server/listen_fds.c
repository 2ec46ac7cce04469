/*
 * listen_fds.c - see listen_fds.h.
 */
#include "server/listen_fds.h"

#include "lib/decimal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char pid_variable[] = "LISTEN_PID";
static const char count_variable[] = "LISTEN_FDS";
static const char names_variable[] = "LISTEN_FDNAMES";

/* ------------------------------------------------------------- variables ---- */

/* True where the variables are for this process, and not for the one that it has them from. */
static bool is_for_us(void)
{
    const char *text = getenv(pid_variable);
    uint64_t pid = 0;
    return text != NULL && decimal_parse(text, strlen(text), &pid) && pid == (uint64_t)getpid();
}

static bool read_count(size_t *count, struct failure *failure)
{
    const char *text = getenv(count_variable);
    uint64_t number = 0;
    *count = 0;
    if (text == NULL || !is_for_us()) {
        return true;
    }
    if (!decimal_parse(text, strlen(text), &number)) {
        return failure_set(failure, "%s: \"%s\" is no number of descriptors", count_variable, text);
    }
    if (number > LISTENERS_MAX) {
        return failure_set(failure,
                           "%s: the service manager gives %s sockets, and the server takes %d: "
                           "name fewer in the unit of the sockets",
                           count_variable, text, LISTENERS_MAX);
    }
    *count = (size_t)number;
    return true;
}

/* The names stand between colons; a manager may give fewer than descriptors. */
static void read_names(size_t count, char names[][LISTEN_FDS_NAME_BYTES])
{
    const char *rest = getenv(names_variable);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = rest == NULL ? 0 : strcspn(rest, ":");
        (void)snprintf(names[i], LISTEN_FDS_NAME_BYTES, "%.*s", (int)bytes,
                       rest == NULL ? "" : rest);
        if (names[i][0] == '\0') {
            (void)snprintf(names[i], LISTEN_FDS_NAME_BYTES, "unnamed");
        }
        rest = rest == NULL || rest[bytes] == '\0' ? NULL : rest + bytes + 1;
    }
}

/* --------------------------------------------------------------- sockets ---- */

static bool has_option(int descriptor, int option, int wanted)
{
    int value = 0;
    socklen_t bytes = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, option, &value, &bytes) == 0 && value == wanted;
}

/* What is wrong with it; NULL: nothing, it is a socket of TCP that listens. */
static const char *find_fault(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        return "is not open";
    }
    if (!S_ISSOCK(status.st_mode)) {
        return "is no socket";
    }
    if (!has_option(descriptor, SO_DOMAIN, AF_INET) &&
        !has_option(descriptor, SO_DOMAIN, AF_INET6)) {
        return "is no socket of IPv4 or IPv6";
    }
    if (!has_option(descriptor, SO_TYPE, SOCK_STREAM)) {
        return "is no socket of TCP: ListenStream= makes one";
    }
    if (!has_option(descriptor, SO_ACCEPTCONN, 1)) {
        return "does not listen: the unit of the sockets needs Accept=no";
    }
    return NULL;
}

static bool prepare(int descriptor)
{
    const int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
}

/* The manager gives a unit's socket, and the same one again where the server has given it away. */
static bool is_repeated(const struct listeners *sockets, int descriptor)
{
    struct stat status;
    struct stat other;
    for (size_t i = 0; i < sockets->count; i++) {
        if (fstat(descriptor, &status) == 0 && fstat(sockets->descriptors[i], &other) == 0 &&
            status.st_dev == other.st_dev && status.st_ino == other.st_ino) {
            return true;
        }
    }
    return false;
}

/* Takes the one of this name, or says what is wrong with it. */
static bool take(struct listen_fds *fds, int descriptor, const char name[LISTEN_FDS_NAME_BYTES],
                 struct failure *failure)
{
    struct listeners *sockets = &fds->sockets;
    const char *fault = find_fault(descriptor);
    if (fault != NULL) {
        return failure_set(failure, "descriptor %d, which the service manager gives as \"%s\", %s",
                           descriptor, name, fault);
    }
    if (is_repeated(sockets, descriptor)) {
        (void)close(descriptor);
        return true;
    }
    if (!prepare(descriptor)) {
        return failure_set_errno(failure, "set the flags of descriptor %d (\"%s\")", descriptor,
                                 name);
    }
    memcpy(fds->names[sockets->count], name, LISTEN_FDS_NAME_BYTES);
    sockets->descriptors[sockets->count++] = descriptor;
    return true;
}

bool listen_fds_take(struct listen_fds *fds, struct failure *failure)
{
    char names[LISTENERS_MAX][LISTEN_FDS_NAME_BYTES];
    size_t count = 0;
    *fds = (struct listen_fds){0};
    bool is_right = read_count(&count, failure);
    read_names(count, names);
    (void)unsetenv(pid_variable);
    (void)unsetenv(count_variable);
    (void)unsetenv(names_variable);
    for (size_t i = 0; i < count; i++) {
        const int descriptor = LISTEN_FDS_FIRST + (int)i;
        if (!is_right) {
            (void)close(descriptor);
        } else {
            is_right = take(fds, descriptor, names[i], failure);
        }
    }
    if (!is_right) {
        listeners_close(&fds->sockets);
    }
    return is_right;
}

/* ------------------------------------------------------------------- use ---- */

static bool is_kept(const struct listen_fds *fds, size_t index)
{
    return strcmp(fds->names[index], LISTEN_FDS_KEPT_NAME) == 0;
}

static bool has(const struct listeners *listeners, int descriptor)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->descriptors[i] == descriptor) {
            return true;
        }
    }
    return false;
}

bool listen_fds_open(struct listen_fds *fds, const struct server_config *config,
                     struct listeners *listeners, struct failure *failure)
{
    const struct listeners all = fds->sockets;
    struct listener_peer bound[LISTENERS_MAX] = {{.text = ""}};
    unsigned port = 0;
    *listeners = (struct listeners){0};
    if (all.count == 0) {
        return true;
    }
    for (size_t i = 0; i < all.count; i++) {
        (void)listener_describe(all.descriptors[i], &bound[i], &port);
    }
    if (!listeners_open_beside(config, &fds->sockets, listeners, failure)) {
        return false;
    }
    for (size_t i = 0; i < all.count; i++) {
        if (!is_kept(fds, i) && !has(listeners, all.descriptors[i])) {
            listeners_close(listeners);
            return failure_set(failure,
                               "the unit %s listens at %s, which server.address and server.port "
                               "do not name: make both say the same (IPv6 beside IPv4 needs "
                               "BindIPv6Only=ipv6-only)",
                               fds->names[i], bound[i].text);
        }
    }
    return true;
}

bool listen_fds_decline(struct listen_fds *fds, struct failure *failure)
{
    const size_t count = fds->sockets.count;
    listeners_close(&fds->sockets);
    for (size_t i = 0; i < count; i++) {
        if (!is_kept(fds, i)) {
            return failure_set(failure,
                               "the unit %s listens for a standby, which serves nobody: agencies "
                               "would wait there, and not ask the primary. Stop and disable it",
                               fds->names[i]);
        }
    }
    return true;
}
