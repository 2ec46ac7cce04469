/*
 * handler_book.c - see handler_book.h.
 */
#include "server/supervisor/handler_book.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool handler_book_open(struct handler_book *book, uint32_t capacity, uint32_t per_host_max)
{
    *book = (struct handler_book){.capacity = capacity, .per_host_max = per_host_max};
    book->slots = calloc(capacity, sizeof *book->slots);
    book->free_slots = calloc(capacity, sizeof *book->free_slots);
    if (book->slots == NULL || book->free_slots == NULL) {
        handler_book_close(book);
        return false;
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
    free(book->free_slots);
    free(book->slots);
    *book = (struct handler_book){0};
}

uint32_t handler_book_alive(const struct handler_book *book)
{
    return book->capacity - book->free_count;
}

bool handler_book_has_room(const struct handler_book *book)
{
    return book->free_count > 0;
}

bool handler_book_admit(const struct handler_book *book, const char *host)
{
    if (book->per_host_max == 0 || host[0] == '\0') {
        return true;
    }
    uint32_t same = 0;
    for (uint32_t i = 0; i < book->capacity; i++) {
        if (book->slots[i].pid != 0 && strcmp(book->slots[i].host, host) == 0) {
            same++;
        }
    }
    return same < book->per_host_max;
}

uint32_t handler_book_take_slot(struct handler_book *book)
{
    return book->free_slots[--book->free_count];
}

void handler_book_give_back(struct handler_book *book, uint32_t slot_index)
{
    book->slots[slot_index].pid = 0;
    book->free_slots[book->free_count++] = slot_index;
}

void handler_book_note(struct handler_book *book, uint32_t slot_index, pid_t pid, const char *host)
{
    struct handler_entry *entry = &book->slots[slot_index];
    entry->pid = pid;
    snprintf(entry->host, sizeof entry->host, "%s", host);
}

bool handler_book_find(const struct handler_book *book, pid_t pid, uint32_t *slot_index)
{
    for (uint32_t i = 0; i < book->capacity; i++) {
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

void handler_book_signal(const struct handler_book *book, int signal_number)
{
    for (uint32_t i = 0; i < book->capacity; i++) {
        if (book->slots[i].pid != 0) {
            kill(book->slots[i].pid, signal_number);
        }
    }
}
