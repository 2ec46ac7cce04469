/*
 * process_title.c - see process_title.h. The place is global state, as the arguments are.
 */
#include "lib/process_title.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Where the kernel put arguments and environment, one string after the other. */
static struct {
    char *start; /* NULL: not found */
    size_t bytes;
} place;

/*
 * A copy of the environment for good: getenv goes on working. It is one allocation, which stays in
 * reach whatever unsetenv takes out. False when there is no memory.
 */
static bool copy_environment(void)
{
    size_t count = 0, text_bytes = 0;
    for (; environ[count] != NULL; count++) {
        text_bytes += strlen(environ[count]) + 1;
    }
    char **copies = malloc((count + 1) * sizeof *copies + text_bytes);
    if (copies == NULL) {
        return false;
    }
    char *text = (char *)(copies + count + 1);
    for (size_t i = 0; i < count; i++) {
        copies[i] = text;
        text = stpcpy(text, environ[i]) + 1;
    }
    copies[count] = NULL;
    environ = copies;
    return true;
}

void process_title_open(int argc, char **argv)
{
    if (argc == 0) {
        return;
    }
    char *end = argv[0]; /* of the strings that stand one after the other */
    for (int i = 0; i < argc && argv[i] == end; i++) {
        end += strlen(end) + 1;
    }
    for (char **variable = environ; *variable != NULL && *variable == end; variable++) {
        end += strlen(end) + 1;
    }
    if (copy_environment()) {
        place.start = argv[0];
        place.bytes = (size_t)(end - argv[0]);
    }
}

void process_title_set(const char *title)
{
    prctl(PR_SET_NAME, title);
    if (place.start == NULL) {
        return;
    }
    size_t bytes = strlen(title);
    bytes = bytes < place.bytes ? bytes : place.bytes - 1;
    memset(place.start, 0, place.bytes);
    memcpy(place.start, title, bytes);
}
