/*
 * page.h - the page, which is in the program, and what it may do.
 *
 * The page is web/page.html, one file with its style and its script, which the build puts into the
 * program. Its policy (Content-Security-Policy, level 3) names the hashes of exactly these two
 * texts, so that no other style or script runs in it, and lets it speak to where it came from and
 * to nobody else.
 *
 * Called by lottery-web alone, at its start. Constant afterwards.
 */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "lib/failure.h"

#include <stdbool.h>
#include <stddef.h>

enum { PAGE_POLICY_BYTES = 512 };

struct page {
    const char *text; /* the program's, not terminated */
    size_t bytes;
    char policy[PAGE_POLICY_BYTES];
};

/*
 * Makes the page out of a text, which stays the caller's. False with the failure where it does not
 * have one <style> and one <script>, or they can't be hashed.
 */
bool page_make(const char *text, size_t bytes, struct page *page, struct failure *failure);

/* The same, of the text that is in the program. */
bool page_open(struct page *page, struct failure *failure);

#endif
