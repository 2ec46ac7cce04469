/*
 * handler_book.h - which handlers are alive, of which address, and who has said who it is.
 *
 * Why it exists: children write the shared memory, and can write nonsense there. The supervisor
 * decides by this book, which only it can write. What it hears of a slot are two bits: whether the
 * connection has said anything, and whether it has been identified.
 *
 * A handler is a stranger at first. It is identified once its slot says so (handler_book_look), or
 * is leaving once it was evicted. Those that are leaving have slots of their own, so that the
 * newcomer does not have to wait for them.
 *
 * Every call takes the same time, however many handlers there are, but for handler_book_look and
 * handler_book_signal. Called by the supervisor alone. If it dies, the book dies with it.
 */
#ifndef SERVER_SUPERVISOR_HANDLER_BOOK_H
#define SERVER_SUPERVISOR_HANDLER_BOOK_H

#include "server/supervisor/address_book.h"
#include "shm/layout.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum handler_standing { HANDLER_STRANGER, HANDLER_IDENTIFIED, HANDLER_LEAVING };

struct handler_entry {
    pid_t pid; /* 0: the slot is free */
    enum handler_standing standing;
    bool talks;            /* a stranger that has said something, when it was last looked at */
    uint32_t address;      /* in the address book */
    uint32_t next_of_hash; /* the chain of its pid */
    uint32_t older, newer; /* the strangers of its address */
};

struct handler_book {
    struct address_book addresses;
    struct handler_entry *slots; /* owned: one a handler */
    uint32_t *free_slots;        /* owned: a stack */
    uint32_t *chains;            /* owned: first slot of each hash of a pid */
    uint32_t capacity, chain_count, free_count;
    uint32_t strangers, leaving; /* the others of those that are alive are identified */
};

/* Opens a book for `capacity` handlers. False, with nothing to close, if there is no memory. */
bool handler_book_open(struct handler_book *book, uint32_t capacity);
void handler_book_close(struct handler_book *book);

/* How many slots are taken; and without those of handlers that are leaving. */
uint32_t handler_book_alive(const struct handler_book *book);
uint32_t handler_book_staying(const struct handler_book *book);

/* Takes a free slot; the caller has seen that there is one. handler_book_give_back undoes it. */
uint32_t handler_book_take_slot(struct handler_book *book);
void handler_book_give_back(struct handler_book *book, uint32_t slot_index);

/* Notes which process serves the slot, a stranger, and of which address (address_book_find). */
void handler_book_note(struct handler_book *book, uint32_t slot_index, pid_t pid, uint32_t address);

/* Finds a handler's slot by its pid; false when it is no handler of this server. */
bool handler_book_find(const struct handler_book *book, pid_t pid, uint32_t *slot_index);

/* The pid of the handler that serves the slot; 0: the slot is free. */
pid_t handler_book_pid(const struct handler_book *book, uint32_t slot_index);

/* Notes of each stranger, as its slot says, that it is identified, or that it has said something. */
void handler_book_look(struct handler_book *book, const struct slot *slots);

/*
 * Returns the stranger of this address that came first, or ADDRESS_NONE. handler_book_settle notes
 * what has become of a stranger: HANDLER_IDENTIFIED or HANDLER_LEAVING.
 */
uint32_t handler_book_oldest_stranger(const struct handler_book *book, uint32_t address);
void handler_book_settle(struct handler_book *book, uint32_t slot_index,
                         enum handler_standing standing);

/* Sends a signal to every handler that is alive. */
void handler_book_signal(const struct handler_book *book, int signal_number);

#endif
