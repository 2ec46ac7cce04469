/*
 * web_options.h - the command line of lottery-web.
 *
 * Why it exists: main acts on one struct of options that were checked. Called by lottery-web alone.
 */
#ifndef WEB_WEB_OPTIONS_H
#define WEB_WEB_OPTIONS_H

#include "lib/program.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEB_PORT_DEFAULT = 12380 };

struct web_options {
    const char *file;    /* the server's configuration; NULL: the default */
    const char *address; /* where to listen; never NULL */
    uint32_t port;       /* 0: chosen by the kernel */
    const char *names;   /* that it is asked by, with commas between; never NULL */
    bool only_check;     /* check the configuration and stop */
};

/* The name, the options and the exit statuses of lottery-web. Constant. */
extern const struct program_manual web_manual;

/*
 * Reads the command line into *options. For every answer but PROGRAM_GO_ON its text has been
 * printed. Called by main.
 */
enum program_reading web_options_read(int argc, char **argv, struct web_options *options);

#endif
