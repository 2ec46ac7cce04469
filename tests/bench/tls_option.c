/*
 * tls_option.c - see tls_option.h.
 */
#include "tests/bench/tls_option.h"

#include <string.h>

bool tls_option_read(char *argument, char *files[TLS_OPTION_FILES])
{
    char *rest = argument;
    for (int i = 0; i < TLS_OPTION_FILES; i++) {
        files[i] = strsep(&rest, ",");
        if (files[i] == NULL || files[i][0] == '\0') {
            return false;
        }
    }
    return rest == NULL;
}
