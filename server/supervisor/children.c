/*
 * children.c - see children.h.
 */
#include "server/supervisor/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

bool children_open(struct children *children, uint32_t capacity, uint32_t per_host_max)
{
    *children = (struct children){.capacity = capacity, .per_host_max = per_host_max};
    children->slots = calloc(capacity, sizeof *children->slots);
    children->free_slots = calloc(capacity, sizeof *children->free_slots);
    if (children->slots == NULL || children->free_slots == NULL) {
        children_close(children);
        return false;
    }
    while (children->free_count < capacity) {
        /* the lowest slot on top: few connections use few slots */
        children->free_slots[children->free_count] = capacity - 1 - children->free_count;
        children->free_count++;
    }
    return true;
}

void children_close(struct children *children)
{
    free(children->free_slots);
    free(children->slots);
    *children = (struct children){0};
}

uint32_t children_alive(const struct children *children)
{
    return children->capacity - children->free_count;
}

bool children_have_room(const struct children *children)
{
    return children->free_count > 0;
}

bool children_admit(const struct children *children, const char *host)
{
    if (children->per_host_max == 0) {
        return true;
    }
    uint32_t same = 0;
    for (uint32_t i = 0; i < children->capacity; i++) {
        if (children->slots[i].pid != 0 && strcmp(children->slots[i].host, host) == 0) {
            same++;
        }
    }
    return same < children->per_host_max;
}

uint32_t children_take_slot(struct children *children)
{
    return children->free_slots[--children->free_count];
}

void children_give_back(struct children *children, uint32_t slot_index)
{
    children->slots[slot_index].pid = 0;
    children->free_slots[children->free_count++] = slot_index;
}

void children_note(struct children *children, uint32_t slot_index, pid_t pid, const char *host)
{
    struct child *child = &children->slots[slot_index];
    child->pid = pid;
    (void)snprintf(child->host, sizeof child->host, "%s", host);
}

bool children_find(const struct children *children, pid_t pid, uint32_t *slot_index)
{
    for (uint32_t i = 0; i < children->capacity; i++) {
        if (children->slots[i].pid == pid) {
            *slot_index = i;
            return true;
        }
    }
    return false;
}

void children_describe_end(int wait_status, char text[CHILDREN_END_BYTES])
{
    if (WIFSIGNALED(wait_status)) {
        (void)snprintf(text, CHILDREN_END_BYTES, "signal %d (%s)", WTERMSIG(wait_status),
                       strsignal(WTERMSIG(wait_status)));
    } else {
        (void)snprintf(text, CHILDREN_END_BYTES, "status %d", WEXITSTATUS(wait_status));
    }
}

void children_signal(const struct children *children, int signal_number)
{
    for (uint32_t i = 0; i < children->capacity; i++) {
        if (children->slots[i].pid != 0) {
            (void)kill(children->slots[i].pid, signal_number);
        }
    }
}

const char *children_explain_fork(int error)
{
    if (error == EAGAIN) {
        return ": no more processes may be started here (pids_limit of the container, TasksMax of "
               "the service, ulimit -u of the user), and each connection is one: raise that, or "
               "set a smaller limits.max_connections";
    }
    if (error == ENOMEM) {
        return ": there is no memory for another process (mem_limit of the container, MemoryMax "
               "of the service): raise that, or set a smaller limits.max_connections";
    }
    return "";
}
