/*
 * children.h - which handlers are alive, and whether there may be another one.
 *
 * The supervisor's private book: it decides by it, and never by the shared
 * memory that its children write.
 */
#ifndef SERVER_SUPERVISOR_CHILDREN_H
#define SERVER_SUPERVISOR_CHILDREN_H

#include "server/listener.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: the slot is free */
    char host[LISTENER_HOST_BYTES];
};

struct children {
    struct child *slots;  /* owned: one a connection */
    uint32_t *free_slots; /* owned: a stack */
    uint32_t capacity, free_count;
    uint32_t per_host_max; /* 0: no limit */
};

/* False when there is no memory. */
bool children_open(struct children *children, uint32_t capacity, uint32_t per_host_max);
void children_close(struct children *children);

uint32_t children_alive(const struct children *children);

/* True when one more connection can be served. */
bool children_have_room(const struct children *children);

/* True when this host may have one more connection. */
bool children_admit(const struct children *children, const char *host);

/* Takes a free slot; there must be one. children_give_back undoes it. */
uint32_t children_take_slot(struct children *children);
void children_give_back(struct children *children, uint32_t slot_index);

/* Notes who serves the slot. */
void children_note(struct children *children, uint32_t slot_index, pid_t pid, const char *host);

/* Finds a handler's slot by its pid; false when it is none of ours. */
bool children_find(const struct children *children, pid_t pid, uint32_t *slot_index);

enum { CHILDREN_END_BYTES = 64 };

/* How a child has ended, for its obituary: "status 1", "signal 9 (Killed)". Of waitpid's status. */
void children_describe_end(int wait_status, char text[CHILDREN_END_BYTES]);

/* Sends a signal to every handler that is alive. */
void children_signal(const struct children *children, int signal_number);

/*
 * What fork's errno means to people, and which setting mends it: ": ..." to be put behind
 * its text, or "" where the text says enough.
 */
const char *children_explain_fork(int error);

#endif
