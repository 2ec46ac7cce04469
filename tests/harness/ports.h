/*
 * ports.h - ports of 127.0.0.1 that stay a test's own while nobody listens on them.
 *
 * For servers that are killed and started again: none of the ports that connect(2) takes by itself
 * (ip_local_port_range), which somebody else could get meanwhile. An agency that dials a port of that
 * range can even end up connected to itself.
 *
 * Called by the test's process.
 */
#ifndef HARNESS_PORTS_H
#define HARNESS_PORTS_H

/* A port on which nobody listens now, another one at each call; fails the test when there is none. */
unsigned ports_choose(void);

#endif
