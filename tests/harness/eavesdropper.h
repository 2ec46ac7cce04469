/*
 * eavesdropper.h - somebody on the way between an agency and the server, who writes down all bytes.
 *
 * A process that listens on a port of its own, passes on to the server what comes, and back what
 * the server says, one connection after the other. It has no key. Called by the test's process;
 * ended when the stage is taken down, if not before.
 */
#ifndef HARNESS_EAVESDROPPER_H
#define HARNESS_EAVESDROPPER_H

#include "tests/harness/server.h"

#include <stdbool.h>
#include <stddef.h>

struct recording;

struct eavesdropper {
    unsigned port; /* that the agency connects to, on 127.0.0.1 */
    pid_t pid;     /* 0: it has been stopped */
    int listener;
    struct recording *recording; /* shared with the process */
    size_t bytes;                /* heard, once it has been stopped */
};

struct eavesdropper *eavesdropper_start(const struct server *server);

void eavesdropper_stop(struct eavesdropper *eavesdropper);

/* True where this text was on the wire, in either direction, also cut up by packets. */
bool eavesdropper_has_heard(const struct eavesdropper *eavesdropper, const char *text);

#endif
