/*
 * verify.c - see verify.h.
 */
#include "verify/verify.h"

#include "verify/checks.h"

bool verify_draw(const char *path, const char *archived_as, const char *key,
                 struct verify_report *report, struct failure *failure)
{
    struct draw_files files;
    *report = (struct verify_report){.stage = VERIFY_EXIT_NOT_SEALED};
    bool read = draw_files_open(path, &files, failure);
    files.archived_as = archived_as;
    read = read && checks_of_store(&files, report, failure);
    if (read) {
        checks_of_seal(&files, key, report);
        checks_of_draw(&files, key, report);
        read = checks_of_winners(&files, report, failure);
    }
    draw_files_close(&files);
    return read;
}
