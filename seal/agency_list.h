/*
 * agency_list.h - agencies as text, "1-3,7" or "any": as control and seal.json name them.
 *
 * Pure; any process may call.
 */
#ifndef SEAL_AGENCY_LIST_H
#define SEAL_AGENCY_LIST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True when the list has the agency. "any" has all of them; an empty list, and what stands after
 * the first thing that is no number or range, has none.
 */
bool agency_list_has(const char *list, uint32_t agency);

#endif
