/*
 * address_book.c - see address_book.h.
 *
 * Addresses with the same number of strangers are in one list. A count changes by one, so an address
 * moves to a neighbouring list, and the highest list that is not empty is found without searching.
 */
#include "server/supervisor/address_book.h"

#include "lib/log.h"
#include "lib/own_memory.h"

enum { REMEMBERED = 4096 /* addresses without connections */ };

/* ---------------------------------------------------------------- opening ---- */

bool address_book_open(struct address_book *book, uint32_t connections)
{
    *book = (struct address_book){
        .connections = connections,
        .capacity = connections + REMEMBERED,
        .chain_count = 1,
        .idle_oldest = ADDRESS_NONE,
        .idle_newest = ADDRESS_NONE,
    };
    while (book->chain_count < book->capacity) {
        book->chain_count *= 2;
    }
    book->entries = own_memory_open(book->capacity, sizeof *book->entries);
    book->chains = own_memory_open(book->chain_count, sizeof *book->chains);
    book->by_strangers = own_memory_open((size_t)connections + 1, sizeof *book->by_strangers);
    if (book->entries == NULL || book->chains == NULL || book->by_strangers == NULL) {
        address_book_close(book);
        return false;
    }
    for (uint32_t i = 0; i < book->capacity; i++) {
        book->entries[i].next_of_hash = i + 1 < book->capacity ? i + 1 : ADDRESS_NONE;
    }
    for (uint32_t i = 0; i < book->chain_count; i++) {
        book->chains[i] = ADDRESS_NONE;
    }
    for (uint32_t i = 0; i <= connections; i++) {
        book->by_strangers[i] = ADDRESS_NONE;
    }
    return true;
}

void address_book_close(struct address_book *book)
{
    own_memory_close(book->by_strangers, (size_t)book->connections + 1, sizeof *book->by_strangers);
    own_memory_close(book->chains, book->chain_count, sizeof *book->chains);
    own_memory_close(book->entries, book->capacity, sizeof *book->entries);
    *book = (struct address_book){0};
}

/* ------------------------------------------------------------------ lists ---- */

/* Takes an entry out of a list that has its ends at `first` and, where not NULL, `last`. */
static void unlink_entry(struct address_book *book, uint32_t index, uint32_t *first, uint32_t *last)
{
    const struct address_entry *entry = &book->entries[index];
    if (entry->previous == ADDRESS_NONE) {
        *first = entry->next;
    } else {
        book->entries[entry->previous].next = entry->next;
    }
    if (entry->next != ADDRESS_NONE) {
        book->entries[entry->next].previous = entry->previous;
    } else if (last != NULL) {
        *last = entry->previous;
    }
}

static void add_to_idle(struct address_book *book, uint32_t index)
{
    struct address_entry *entry = &book->entries[index];
    entry->previous = book->idle_newest;
    entry->next = ADDRESS_NONE;
    if (book->idle_newest == ADDRESS_NONE) {
        book->idle_oldest = index;
    } else {
        book->entries[book->idle_newest].next = index;
    }
    book->idle_newest = index;
}

static void remove_from_idle(struct address_book *book, uint32_t index)
{
    unlink_entry(book, index, &book->idle_oldest, &book->idle_newest);
}

/* Moves an address to the list of those that have `strangers`; 0: to none. */
static void set_strangers(struct address_book *book, uint32_t index, uint32_t strangers)
{
    struct address_entry *entry = &book->entries[index];
    if (entry->strangers > 0) {
        unlink_entry(book, index, &book->by_strangers[entry->strangers], NULL);
    }
    entry->strangers = strangers;
    if (strangers > 0) {
        uint32_t *first = &book->by_strangers[strangers];
        entry->previous = ADDRESS_NONE;
        entry->next = *first;
        if (*first != ADDRESS_NONE) {
            book->entries[*first].previous = index;
        }
        *first = index;
    }
    if (strangers > book->busiest) {
        book->busiest = strangers;
    }
    while (book->busiest > 0 && book->by_strangers[book->busiest] == ADDRESS_NONE) {
        book->busiest--;
    }
}

/* ------------------------------------------------------------------- hash ---- */

/* The finaliser of MurmurHash3 (public domain). */
static uint32_t *chain_of(const struct address_book *book, uint64_t origin)
{
    uint64_t mixed = (origin ^ origin >> 33) * UINT64_C(0xff51afd7ed558ccd);
    mixed = (mixed ^ mixed >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return &book->chains[(mixed ^ mixed >> 33) & (book->chain_count - 1)];
}

/* Forgets the address that has been gone longest. There is one: not all entries have connections. */
static void forget_one(struct address_book *book)
{
    uint32_t index = book->idle_oldest;
    invariant(index != ADDRESS_NONE, "%u addresses have connections", book->capacity);
    uint32_t *link = chain_of(book, book->entries[index].origin);
    remove_from_idle(book, index);
    while (*link != index) {
        link = &book->entries[*link].next_of_hash;
    }
    *link = book->entries[index].next_of_hash;
    book->entries[index].next_of_hash = book->first_free;
    book->first_free = index;
}

uint32_t address_book_find(struct address_book *book, uint64_t origin)
{
    uint32_t *chain = chain_of(book, origin);
    for (uint32_t i = *chain; i != ADDRESS_NONE; i = book->entries[i].next_of_hash) {
        if (book->entries[i].origin == origin) {
            return i;
        }
    }
    if (book->first_free == ADDRESS_NONE) {
        forget_one(book);
    }
    uint32_t index = book->first_free;
    book->first_free = book->entries[index].next_of_hash;
    book->entries[index] = (struct address_entry){
        .origin = origin, .next_of_hash = *chain, .oldest = ADDRESS_NONE, .newest = ADDRESS_NONE};
    *chain = index;
    add_to_idle(book, index);
    return index;
}

/* ------------------------------------------------------------ connections ---- */

void address_book_add_connection(struct address_book *book, uint32_t index)
{
    struct address_entry *entry = &book->entries[index];
    if (entry->connections++ == 0) {
        remove_from_idle(book, index);
    }
    set_strangers(book, index, entry->strangers + 1);
}

void address_book_remove_stranger(struct address_book *book, uint32_t index)
{
    set_strangers(book, index, book->entries[index].strangers - 1);
}

void address_book_remove_connection(struct address_book *book, uint32_t index)
{
    if (--book->entries[index].connections == 0) {
        add_to_idle(book, index);
    }
}

uint32_t address_book_busiest(const struct address_book *book)
{
    return book->busiest == 0 ? ADDRESS_NONE : book->by_strangers[book->busiest];
}
