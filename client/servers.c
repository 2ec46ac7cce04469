/*
 * servers.c - see servers.h.
 */
#include "client/servers.h"

#include <stdio.h>
#include <string.h>

enum { TAKEOVER_LAPSES = 3, SILENCES_IN_A_LAPSE = 2 };

/* Adds the address of so many bytes. */
static bool add(struct servers *servers, const char *text, size_t bytes, const char *place,
                struct failure *failure)
{
    if (servers->count == SERVERS_MAX) {
        return failure_set(failure, "%s: names more than %d servers", place, SERVERS_MAX);
    }
    struct server_place *added = &servers->places[servers->count];
    snprintf(added->text, sizeof added->text, "%.*s", (int)bytes, text);
    for (size_t i = 0; i < servers->count; i++) {
        if (strcmp(servers->places[i].text, added->text) == 0) {
            return failure_set(failure, "%s: \"%.60s\" is named twice", place, added->text);
        }
    }
    servers->count++;
    return resolver_split(added->text, place, &added->name, failure);
}

bool servers_parse(const char *list, const char *place, struct servers *servers,
                   struct failure *failure)
{
    const char *text = list;
    servers->count = 0;
    servers->current = 0;
    while (true) {
        size_t bytes = strcspn(text, ",");
        if (!add(servers, text, bytes, place, failure)) {
            return false;
        }
        if (text[bytes] == '\0') {
            return true;
        }
        text += bytes + 1;
        text += strspn(text, " ");
    }
}

bool servers_are_several(const struct servers *servers)
{
    return servers->count > 1;
}

int64_t servers_lapse_ms(const struct servers *servers, int64_t loop_lapse_ms)
{
    return servers_are_several(servers) ? TAKEOVER_LAPSES * loop_lapse_ms : loop_lapse_ms;
}

int64_t servers_silence_ms(const struct servers *servers, int64_t loop_lapse_ms)
{
    return servers_are_several(servers) ? (loop_lapse_ms + 1) / SILENCES_IN_A_LAPSE
                                        : servers_lapse_ms(servers, loop_lapse_ms);
}

const struct server_place *servers_current(const struct servers *servers)
{
    return &servers->places[servers->current];
}

void servers_turn(struct servers *servers)
{
    servers->current = (servers->current + 1) % servers->count;
}
