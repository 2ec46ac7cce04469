/*
 * agency_list.c - see agency_list.h.
 */
#include "seal/agency_list.h"

#include "bet/bet.h"

#include <stddef.h>
#include <string.h>

/* Reads the digits at *text and moves past them. */
static bool take_number(const char **text, uint32_t *number)
{
    size_t digits = strspn(*text, "0123456789");
    bool taken = digits > 0 && bet_parse_uint32(*text, digits, number);
    *text += digits;
    return taken;
}

bool agency_list_has(const char *list, uint32_t agency)
{
    uint32_t first = 0;
    if (strcmp(list, "any") == 0) {
        return true;
    }
    while (take_number(&list, &first)) {
        uint32_t last = first;
        if (*list == '-') {
            list++;
            if (!take_number(&list, &last)) {
                return false;
            }
        }
        if (agency >= first && agency <= last) {
            return true;
        }
        list += *list == ',' ? 1 : 0;
    }
    return false;
}
