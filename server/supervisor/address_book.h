/*
 * address_book.h - what the supervisor remembers of each address that connects.
 *
 * Why it exists: limits per address need counts and buckets of that address, and the place of a
 * stranger is taken from the address that has most of them. Addresses are those of
 * listener_peer.origin, so one that is chosen at will has no more than its network.
 *
 * What it promises: every call takes the same time, however many addresses there are. The memory is
 * of a fixed size. An address with connections keeps its entry. Of the others, the one that has
 * been gone longest gives its entry up when a new address needs one, and its buckets are forgotten:
 * who has thousands of addresses has as many buckets.
 *
 * It stands in the supervisor's private memory, which no child can write. Called by the supervisor
 * alone. If it dies, the book dies with it.
 */
#ifndef SERVER_SUPERVISOR_ADDRESS_BOOK_H
#define SERVER_SUPERVISOR_ADDRESS_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_NONE UINT32_MAX /* no address, and no slot */

/* One address. The counts are changed by the functions below, the buckets by their owners. */
struct address_entry {
    uint64_t origin;
    uint32_t connections;       /* open, of any kind */
    uint32_t strangers;         /* of these, those that have not said who they are */
    uint32_t talkers;           /* of these, those that have said something; handler_book counts */
    uint64_t connection_bucket; /* limits.connections_per_second */
    uint64_t stranger_bucket;   /* limits.strangers_per_second */
    bool is_balancer;           /* server.proxy_from names it; by admission, at each connection */
    uint32_t next_of_hash;      /* the chain of its hash, or of free entries */
    uint32_t previous, next;    /* its list: of as many strangers; of idle ones, longest first */
    uint32_t oldest, newest;    /* the list of its strangers, for handler_book */
};

struct address_book {
    struct address_entry *entries; /* owned */
    uint32_t *chains;              /* owned: first entry of each hash */
    uint32_t *by_strangers;        /* owned: an entry with so many strangers; [0] is not used */
    uint32_t connections;          /* at most */
    uint32_t capacity, chain_count;
    uint32_t first_free;
    uint32_t idle_oldest, idle_newest; /* without connections */
    uint32_t busiest;                  /* how many strangers the address with most of them has */
};

/*
 * Opens a book for at most `connections` connections. False, with nothing to close, if there is no
 * memory.
 */
bool address_book_open(struct address_book *book, uint32_t connections);
void address_book_close(struct address_book *book);

/* Returns the address's entry, and makes it where there is none. The index stays valid as above. */
uint32_t address_book_find(struct address_book *book, uint64_t origin);

/* Counts a connection, which is a stranger, of this address; one that has ended, of any kind. */
void address_book_add_connection(struct address_book *book, uint32_t index);
void address_book_remove_connection(struct address_book *book, uint32_t index);

/* Counts a stranger that is none any more: it has said who it is, or has to leave. */
void address_book_remove_stranger(struct address_book *book, uint32_t index);

/* Returns an address that has as many strangers as any other, or ADDRESS_NONE without strangers. */
uint32_t address_book_busiest(const struct address_book *book);

#endif
