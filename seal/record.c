/*
 * record.c - see record.h.
 */
#include "seal/record.h"

#include "seal/canonical.h"
#include "seal/draw_report.h"
#include "seal/sha256.h"
#include "seal/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A record's text. */
struct text {
    char path[PATH_MAX];
    char *bytes; /* owned; terminated */
    size_t count;
};

static enum seal_end read_text(const struct data_directory *directory, const char *name,
                               struct text *text, struct failure *failure)
{
    (void)snprintf(text->path, sizeof text->path, "%s/%s", directory->path, name);
    int file = data_directory_open_file(directory, name, O_RDONLY, failure);
    if (file < 0) {
        if (errno != ENOENT) {
            return SEAL_FAILED;
        }
        failure_set(failure,
                    "%s is missing, and " DATA_CONTROL_FILE
                    " says that the draw has it: nothing was touched; restore all files from one "
                    "backup",
                    text->path);
        return SEAL_DAMAGED;
    }
    text->bytes = canonical_read_file(file, text->path, &text->count, failure);
    int saved_errno = errno;
    (void)close(file);
    errno = saved_errno;
    return text->bytes == NULL ? SEAL_FAILED : SEAL_GOOD;
}

/* SEAL_GOOD when the text is the one whose SHA-256 control has. */
static enum seal_end expect_sha256(const struct text *text, const char *expected,
                                   struct failure *failure)
{
    struct sha256_digest digest;
    char found[SHA256_DIGITS + 1];
    if (!sha256_of(text->bytes, text->count, &digest)) {
        failure_set(failure, "there is no memory to hash %s", text->path);
        return SEAL_FAILED;
    }
    if (strcmp(sha256_write(found, &digest), expected) == 0) {
        return SEAL_GOOD;
    }
    failure_set(failure,
                "%s was changed: its SHA-256 is %s, and " DATA_CONTROL_FILE
                " has %s: nothing was touched; restore all files from one backup",
                text->path, found, expected);
    return SEAL_DAMAGED;
}

/* Reads the record and looks whether control has its hash. The caller frees text->bytes always. */
static enum seal_end read_record(const struct data_directory *directory, const char *name,
                                 const char *sha256, struct text *text, struct failure *failure)
{
    *text = (struct text){.count = 0};
    enum seal_end end = read_text(directory, name, text, failure);
    return end == SEAL_GOOD ? expect_sha256(text, sha256, failure) : end;
}

enum seal_end record_read_seal(const struct data_directory *directory,
                               const struct control *control, struct seal *seal,
                               struct failure *failure)
{
    struct text text;
    *seal = (struct seal){.agencies = NULL};
    enum seal_end end =
        read_record(directory, DATA_SEAL_FILE, control->seal_sha256, &text, failure);
    if (end == SEAL_GOOD && !seal_parse(text.bytes, text.count, text.path, seal, failure)) {
        end = SEAL_DAMAGED;
    }
    int saved_errno = errno;
    free(text.bytes);
    errno = saved_errno;
    return end;
}

enum seal_end record_check_draw(const struct data_directory *directory,
                                const struct control *control, struct failure *failure)
{
    struct text text;
    struct draw_report report = {.agencies = NULL};
    enum seal_end end =
        read_record(directory, DATA_DRAW_FILE, control->draw_sha256, &text, failure);
    if (end == SEAL_GOOD &&
        !draw_report_parse(text.bytes, text.count, text.path, &report, failure)) {
        end = SEAL_DAMAGED;
    }
    int saved_errno = errno;
    draw_report_close(&report);
    free(text.bytes);
    errno = saved_errno;
    return end;
}

/* ------------------------------------------------------------------- key ---- */

/* Ed25519 makes the same signature of the same text each time. */
static bool is_signature_of(const struct text *seal, const struct text *made, const char *key,
                            struct failure *failure)
{
    struct signature signature;
    return signature_make(key, seal->bytes, seal->count, &signature, failure) &&
           ((made->count == sizeof signature.bytes &&
             memcmp(made->bytes, signature.bytes, sizeof signature.bytes) == 0) ||
            failure_set(failure,
                        "%s was not made of " DATA_SEAL_FILE " with the key of seal.key (%s): put "
                        "the one that signed the seal there again; or start the server without "
                        "seal.key, and the draw is not signed",
                        made->path, key));
}

bool record_agrees_with_key(const struct data_directory *directory, const char *key,
                            struct failure *failure)
{
    struct text seal = {.count = 0};
    struct text made = {.count = 0};
    if (key[0] == '\0') {
        return true;
    }
    bool agrees = false;
    if (read_text(directory, DATA_SEAL_SIGNATURE_FILE, &made, failure) != SEAL_GOOD) {
        agrees = errno == ENOENT; /* it was sealed without a key */
    } else if (read_text(directory, DATA_SEAL_FILE, &seal, failure) == SEAL_GOOD) {
        agrees = is_signature_of(&seal, &made, key, failure);
    }
    free(seal.bytes);
    free(made.bytes);
    return agrees;
}

/* ---------------------------------------------------------- not yet named ---- */

static bool is_same_closing(const struct closing *one, const struct closing *other)
{
    return one->at_ms == other->at_ms && one->by == other->by &&
           strcmp(one->without, other->without) == 0 && strcmp(one->reason, other->reason) == 0;
}

int64_t record_sealed_at_ms(const struct data_directory *directory, const struct control *control)
{
    struct text text = {.count = 0};
    struct failure ignored;
    struct seal seal;
    int64_t sealed_at_ms = 0;
    if (read_text(directory, DATA_SEAL_FILE, &text, &ignored) == SEAL_GOOD &&
        seal_parse(text.bytes, text.count, text.path, &seal, &ignored)) {
        bool is_ours = strcmp(seal.identity, control->identity) == 0 &&
                       is_same_closing(&seal.closing, &control->closing);
        sealed_at_ms = is_ours ? seal.sealed_at_ms : 0;
        seal_close(&seal);
    }
    free(text.bytes);
    return sealed_at_ms;
}

int64_t record_drawn_at_ms(const struct data_directory *directory, const struct control *control)
{
    struct text text = {.count = 0};
    struct failure ignored;
    struct draw_report report;
    int64_t drawn_at_ms = 0;
    if (read_text(directory, DATA_DRAW_FILE, &text, &ignored) == SEAL_GOOD &&
        draw_report_parse(text.bytes, text.count, text.path, &report, &ignored)) {
        char seal_sha256[SHA256_DIGITS + 1];
        bool is_ours =
            strcmp(sha256_write(seal_sha256, &report.seal_sha256), control->seal_sha256) == 0 &&
            report.winning_number == control->terms.winning_number;
        drawn_at_ms = is_ours ? report.drawn_at_ms : 0;
        draw_report_close(&report);
    }
    free(text.bytes);
    return drawn_at_ms;
}
