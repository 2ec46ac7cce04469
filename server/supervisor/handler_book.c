/*
 * handler_book.c - see handler_book.h.
 */
#include "server/supervisor/handler_book.h"

#include "lib/own_memory.h"
#include "shm/slots.h"

#include <signal.h>

bool handler_book_open(struct handler_book *book, uint32_t capacity)
{
    *book = (struct handler_book){.capacity = capacity, .chain_count = 1};
    while (book->chain_count < capacity) {
        book->chain_count *= 2;
    }
    book->slots = own_memory_open(capacity, sizeof *book->slots);
    book->free_slots = own_memory_open(capacity, sizeof *book->free_slots);
    book->chains = own_memory_open(book->chain_count, sizeof *book->chains);
    bool opened = address_book_open(&book->addresses, capacity);
    if (!opened || book->slots == NULL || book->free_slots == NULL || book->chains == NULL) {
        handler_book_close(book);
        return false;
    }
    for (uint32_t i = 0; i < book->chain_count; i++) {
        book->chains[i] = ADDRESS_NONE;
    }
    while (book->free_count < capacity) {
        /* the lowest slot is on top, so that few connections use few slots */
        book->free_slots[book->free_count] = capacity - 1 - book->free_count;
        book->free_count++;
    }
    return true;
}

void handler_book_close(struct handler_book *book)
{
    address_book_close(&book->addresses);
    own_memory_close(book->chains, book->chain_count, sizeof *book->chains);
    own_memory_close(book->free_slots, book->capacity, sizeof *book->free_slots);
    own_memory_close(book->slots, book->capacity, sizeof *book->slots);
    *book = (struct handler_book){0};
}

uint32_t handler_book_alive(const struct handler_book *book)
{
    return book->capacity - book->free_count;
}

uint32_t handler_book_staying(const struct handler_book *book)
{
    return handler_book_alive(book) - book->leaving;
}

uint32_t handler_book_take_slot(struct handler_book *book)
{
    return book->free_slots[--book->free_count];
}

/* -------------------------------------------------------------- strangers ---- */

/* Adds a stranger as the newest one of its address. */
static void add_stranger(struct handler_book *book, uint32_t slot_index)
{
    struct handler_entry *entry = &book->slots[slot_index];
    struct address_entry *address = &book->addresses.entries[entry->address];
    entry->older = address->newest;
    entry->newer = ADDRESS_NONE;
    if (address->newest == ADDRESS_NONE) {
        address->oldest = slot_index;
    } else {
        book->slots[address->newest].newer = slot_index;
    }
    address->newest = slot_index;
    book->strangers++;
}

static void remove_stranger(struct handler_book *book, uint32_t slot_index)
{
    const struct handler_entry *entry = &book->slots[slot_index];
    struct address_entry *address = &book->addresses.entries[entry->address];
    if (entry->older == ADDRESS_NONE) {
        address->oldest = entry->newer;
    } else {
        book->slots[entry->older].newer = entry->newer;
    }
    if (entry->newer == ADDRESS_NONE) {
        address->newest = entry->older;
    } else {
        book->slots[entry->newer].older = entry->older;
    }
    book->strangers--;
    address->talkers -= entry->talks ? 1 : 0;
    address_book_remove_stranger(&book->addresses, entry->address);
}

void handler_book_settle(struct handler_book *book, uint32_t slot_index,
                         enum handler_standing standing)
{
    remove_stranger(book, slot_index);
    book->slots[slot_index].standing = standing;
    book->leaving += standing == HANDLER_LEAVING ? 1 : 0;
}

static void look_at(struct handler_book *book, uint32_t slot_index, const struct slot *slot)
{
    struct handler_entry *entry = &book->slots[slot_index];
    if (slot_is_identified(slot)) {
        handler_book_settle(book, slot_index, HANDLER_IDENTIFIED);
    } else if (!entry->talks && slot_has_heard(slot)) {
        entry->talks = true;
        book->addresses.entries[entry->address].talkers++;
    }
}

void handler_book_look(struct handler_book *book, const struct slot *slots)
{
    for (uint32_t i = 0; i < book->capacity; i++) {
        const struct handler_entry *entry = &book->slots[i];
        if (entry->pid != 0 && entry->standing == HANDLER_STRANGER) {
            look_at(book, i, &slots[i]);
        }
    }
}

uint32_t handler_book_oldest_stranger(const struct handler_book *book, uint32_t address)
{
    return book->addresses.entries[address].oldest;
}

/* ------------------------------------------------------------------- pids ---- */

/* Pids are given out in turn, so their low bits are spread well. */
static uint32_t *chain_of(const struct handler_book *book, pid_t pid)
{
    return &book->chains[(uint32_t)pid & (book->chain_count - 1)];
}

void handler_book_note(struct handler_book *book, uint32_t slot_index, pid_t pid, uint32_t address)
{
    uint32_t *chain = chain_of(book, pid);
    book->slots[slot_index] = (struct handler_entry){
        .pid = pid, .standing = HANDLER_STRANGER, .address = address, .next_of_hash = *chain};
    *chain = slot_index;
    add_stranger(book, slot_index);
    address_book_add_connection(&book->addresses, address);
}

bool handler_book_find(const struct handler_book *book, pid_t pid, uint32_t *slot_index)
{
    for (uint32_t i = *chain_of(book, pid); i != ADDRESS_NONE; i = book->slots[i].next_of_hash) {
        if (book->slots[i].pid == pid) {
            *slot_index = i;
            return true;
        }
    }
    return false;
}

pid_t handler_book_pid(const struct handler_book *book, uint32_t slot_index)
{
    return book->slots[slot_index].pid;
}

/* Undoes handler_book_note. */
static void forget(struct handler_book *book, uint32_t slot_index)
{
    struct handler_entry *entry = &book->slots[slot_index];
    uint32_t *link = chain_of(book, entry->pid);
    while (*link != slot_index) {
        link = &book->slots[*link].next_of_hash;
    }
    *link = entry->next_of_hash;
    if (entry->standing == HANDLER_STRANGER) {
        remove_stranger(book, slot_index);
    }
    book->leaving -= entry->standing == HANDLER_LEAVING ? 1 : 0;
    address_book_remove_connection(&book->addresses, entry->address);
    entry->pid = 0;
}

void handler_book_give_back(struct handler_book *book, uint32_t slot_index)
{
    if (book->slots[slot_index].pid != 0) {
        forget(book, slot_index);
    }
    book->free_slots[book->free_count++] = slot_index;
}

void handler_book_signal(const struct handler_book *book, int signal_number)
{
    for (uint32_t i = 0; i < book->capacity; i++) {
        if (book->slots[i].pid != 0) {
            kill(book->slots[i].pid, signal_number);
        }
    }
}
