/*
 * page.c - see page.h.
 *
 * The text is put in by the assembler, because C17 has no #embed. The Makefile says that this file
 * depends on it.
 */
#include "web/page.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

__asm__(".pushsection .rodata\n"
        ".global web_page_begin\n"
        ".global web_page_bytes\n"
        "web_page_begin:\n"
        ".incbin \"web/page.html\"\n"
        "web_page_end:\n"
        ".balign 8\n"
        "web_page_bytes:\n"
        ".quad web_page_end - web_page_begin\n"
        ".popsection\n");

extern const char web_page_begin[];
extern const uint64_t web_page_bytes;

enum { HASH_BYTES = 32, HASH_BASE64_BYTES = 4 * ((HASH_BYTES + 2) / 3) + 1 };

/* Finds what stands between two tags, which have to be there once. */
static const char *find_element(const char *text, size_t bytes, const char *begin, const char *end,
                                size_t *found_bytes)
{
    const char *first = memmem(text, bytes, begin, strlen(begin));
    if (first == NULL) {
        return NULL;
    }
    first += strlen(begin);
    size_t left = bytes - (size_t)(first - text);
    const char *last = memmem(first, left, end, strlen(end));
    if (last == NULL || memmem(first, left, begin, strlen(begin)) != NULL) {
        return NULL;
    }
    *found_bytes = (size_t)(last - first);
    return first;
}

/* Writes the hash of an element as a policy has it, without "sha256-". */
static bool hash_element(const struct page *page, const char *begin, const char *end,
                         char hash[HASH_BASE64_BYTES], struct failure *failure)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_bytes = 0;
    size_t bytes = 0;
    const char *element = find_element(page->text, page->bytes, begin, end, &bytes);
    if (element == NULL) {
        return failure_set(failure, "the page does not have one %s", begin);
    }
    if (EVP_Digest(element, bytes, digest, &digest_bytes, EVP_sha256(), NULL) != 1 ||
        digest_bytes != HASH_BYTES) {
        return failure_set(failure, "hash the page's %s: OpenSSL has no SHA-256 here", begin);
    }
    (void)EVP_EncodeBlock((unsigned char *)hash, digest, HASH_BYTES);
    return true;
}

bool page_make(const char *text, size_t bytes, struct page *page, struct failure *failure)
{
    char style[HASH_BASE64_BYTES];
    char script[HASH_BASE64_BYTES];
    *page = (struct page){.text = text, .bytes = bytes};
    if (!hash_element(page, "<style>", "</style>", style, failure) ||
        !hash_element(page, "<script>", "</script>", script, failure)) {
        return false;
    }
    (void)snprintf(page->policy, sizeof page->policy,
                   "default-src 'none'; style-src 'sha256-%s'; script-src 'sha256-%s'; "
                   "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                   "frame-ancestors 'none'",
                   style, script);
    return true;
}

bool page_open(struct page *page, struct failure *failure)
{
    return page_make(web_page_begin, web_page_bytes, page, failure);
}
