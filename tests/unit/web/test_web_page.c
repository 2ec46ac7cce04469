/*
 * test_web_page.c - the page asks for nothing of anybody else, and its policy names what is in it.
 */
#include "web/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

static bool has(const struct page *page, const char *part)
{
    return memmem(page->text, page->bytes, part, strlen(part)) != NULL;
}

static void the_policy_has_the_hashes_of_style_and_script(void **state)
{
    (void)state;
    /* printf abc | openssl dgst -sha256 -binary | base64; and of the empty text. */
    static const char text[] = "<style>abc</style><p></p><script></script>";
    struct page page;
    struct failure failure;
    assert_true(page_make(text, sizeof text - 1, &page, &failure));
    assert_non_null(strstr(
        page.policy, "style-src 'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='; script-src "
                     "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; connect-src 'self'"));
    assert_non_null(strstr(page.policy, "default-src 'none'"));
    assert_null(strstr(page.policy, "unsafe"));
}

static void a_page_with_another_script_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "<style></style>", "<style></style><script>",
                                        "<script></script>",
                                        "<style></style><script></script><script></script>"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct page page;
        struct failure failure;
        assert_false(page_make(texts[i], strlen(texts[i]), &page, &failure));
        assert_non_null(strstr(failure.text, "the page does not have one <"));
    }
}

static void the_page_in_the_program_needs_nobody_else(void **state)
{
    (void)state;
    static const char *const foreign[] = {
        "https://", "src=",     "@import", "url(",           "innerHTML", "insertAdjacentHTML",
        "eval(",    "onclick=", " style=", "document.write", "//cdn",     "new Function"};
    struct page page;
    struct failure failure;
    assert_true(page_open(&page, &failure));
    assert_true(page.bytes > 1000);
    assert_memory_equal(page.text, "<!doctype html>", 15);
    assert_memory_equal(page.text + page.bytes - 8, "</html>\n", 8);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_false(has(&page, foreign[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_has_the_hashes_of_style_and_script),
        cmocka_unit_test(a_page_with_another_script_is_refused),
        cmocka_unit_test(the_page_in_the_program_needs_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
