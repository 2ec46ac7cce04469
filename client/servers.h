/*
 * servers.h - the servers that an agency may talk to, and the one that it talks to.
 *
 * Where a machine can be lost, another one takes its place at another address: one of the list
 * serves, the others refuse, are away, or say nothing. The list says whose turn it is. A connection
 * that brought something is tried again at the same server, which may only have replaced a process;
 * one that brought nothing, or ended in silence, is followed by one to the next (job.c). dial.c goes
 * round the list within one attempt.
 *
 * No system calls, no clock; a part of the job of the agency's one process.
 */
#ifndef CLIENT_SERVERS_H
#define CLIENT_SERVERS_H

#include "client/resolver.h"
#include "lib/config.h"
#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SERVERS_MAX = 8 };

struct server_place {
    char text[CONFIG_TEXT_BYTES]; /* as the list has it, for messages */
    struct resolver_name name;
};

struct servers {
    size_t count;   /* 1 .. SERVERS_MAX */
    size_t current; /* whose turn it is; while there is a connection, the one that it is to */
    struct server_place places[SERVERS_MAX];
};

/*
 * Reads "a:12345" or "a:12345,b:12345,[::1]:12345"; spaces may follow a comma. Returns false where
 * one is no address (resolver_split), stands there twice, or there are more than SERVERS_MAX: the
 * failure begins with `place`, and *servers is undefined.
 */
bool servers_parse(const char *list, const char *place, struct servers *servers,
                   struct failure *failure);

/* True where there is another one to go to. */
bool servers_are_several(const struct servers *servers);

/*
 * How long an agency goes on without progress, by loop.lapse. Where there are several servers, three
 * times as long: a standby has to notice that its primary is gone, to win against it in the engine,
 * where an election may go on at the same time, and to read what it has (docs/past-one-machine.md).
 */
int64_t servers_lapse_ms(const struct servers *servers, int64_t loop_lapse_ms);

/*
 * How long a server may take and say nothing before the connection counts as lost. Where there is
 * another one, half of loop.lapse: a machine that is gone does not say so, and an election in the
 * engine, in which nothing is acknowledged, takes less (10 s by default, against 4 to 9).
 */
int64_t servers_silence_ms(const struct servers *servers, int64_t loop_lapse_ms);

/* The one whose turn it is. */
const struct server_place *servers_current(const struct servers *servers);

/* It is the next one's turn; after the last one comes the first. */
void servers_turn(struct servers *servers);

#endif
