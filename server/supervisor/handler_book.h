/*
 * handler_book.h - which handlers are alive, and whether there may be another one.
 *
 * Why it exists: children write the shared memory, and can write nonsense there. The supervisor
 * decides by this book, which only it can write.
 *
 * Called by the supervisor alone. If it dies, the book dies with it.
 */
#ifndef SERVER_SUPERVISOR_HANDLER_BOOK_H
#define SERVER_SUPERVISOR_HANDLER_BOOK_H

#include "server/listener.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct handler_entry {
    pid_t pid; /* 0: the slot is free */
    char host[LISTENER_HOST_BYTES];
};

struct handler_book {
    struct handler_entry *slots; /* owned: one a connection */
    uint32_t *free_slots;        /* owned: a stack */
    uint32_t capacity, free_count;
    uint32_t per_host_max; /* 0: no limit */
};

/* Opens a book for `capacity` handlers. False, with nothing to close, if there is no memory. */
bool handler_book_open(struct handler_book *book, uint32_t capacity, uint32_t per_host_max);
void handler_book_close(struct handler_book *book);

/* How many slots are taken. */
uint32_t handler_book_alive(const struct handler_book *book);

/* True when one more connection can be served. */
bool handler_book_has_room(const struct handler_book *book);

/* True when this host may have one more connection. The host "" counts for nobody. */
bool handler_book_admit(const struct handler_book *book, const char *host);

/* Takes a free slot; the caller has seen that there is one. handler_book_give_back undoes it. */
uint32_t handler_book_take_slot(struct handler_book *book);
void handler_book_give_back(struct handler_book *book, uint32_t slot_index);

/* Notes which process serves the slot, and for which host. */
void handler_book_note(struct handler_book *book, uint32_t slot_index, pid_t pid, const char *host);

/* Finds a handler's slot by its pid; false when it is no handler of this server. */
bool handler_book_find(const struct handler_book *book, pid_t pid, uint32_t *slot_index);

/* The pid of the handler that serves the slot; 0: the slot is free. */
pid_t handler_book_pid(const struct handler_book *book, uint32_t slot_index);

/* Sends a signal to every handler that is alive. */
void handler_book_signal(const struct handler_book *book, int signal_number);

#endif
