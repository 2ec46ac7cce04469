/*
 * confine.h - what lottery-shipper gives up once it is started.
 *
 * The supervisor keeps it to its rule before it is executed (server/confinement_rules.c). That rule has
 * to allow the execution itself, and memory for code, which the loader needs. From here on this process
 * executes nothing any more, and no memory becomes code; and nobody may look into it, since it has read
 * the engine's credentials.
 */
#ifndef SHIPPER_CONFINE_H
#define SHIPPER_CONFINE_H

#include "lib/failure.h"

#include <stdbool.h>

/* Gives it up, for good, and for the threads that are started later. False with the failure. */
bool confine(struct failure *failure);

#endif
