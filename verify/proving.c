/*
 * proving.c - see proving.h.
 */
#include "verify/proving.h"

#include "seal/canonical.h"
#include "seal/proof.h"
#include "seal/signature.h"
#include "store/data_directory.h"
#include "verify/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEAL_ENDING      ".json"
#define SIGNATURE_ENDING ".sig"

/* Returns the bytes, which the caller frees, or NULL with the failure. */
static char *read_path(const char *path, size_t *bytes, struct failure *failure)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        failure_set_errno(failure, "open %s", path);
        return NULL;
    }
    char *text = canonical_read_file(file, path, bytes, failure);
    close(file);
    return text;
}

/* A seal with the text that it was read from. */
struct sealed {
    char *text; /* owned */
    size_t bytes;
    struct sha256_digest sha256;
    struct seal seal;
};

/* Returns 0, or an exit status with the failure. The caller closes *sealed in any case. */
static int read_seal(const char *path, struct sealed *sealed, struct failure *failure)
{
    *sealed = (struct sealed){.bytes = 0};
    sealed->text = read_path(path, &sealed->bytes, failure);
    if (sealed->text == NULL || !sha256_of(sealed->text, sealed->bytes, &sealed->sha256)) {
        return VERIFY_EXIT_UNREADABLE;
    }
    return seal_parse(sealed->text, sealed->bytes, path, &sealed->seal, failure) ? 0
                                                                                 : VERIFY_EXIT_FAIL;
}

static void close_sealed(struct sealed *sealed)
{
    free(sealed->text);
    seal_close(&sealed->seal);
}

/* --------------------------------------------------------------- proving ---- */

static int print_proof(const struct proof *proof, struct failure *failure)
{
    size_t bytes = 0;
    char *text = proof_write_text(proof, &bytes);
    if (text == NULL) {
        failure_set(failure, "there is no memory for the proof");
        return VERIFY_EXIT_UNREADABLE;
    }
    fwrite(text, 1, bytes, stdout);
    free(text);
    return 0;
}

static int prove(const char *path, const struct sealed *sealed, uint32_t agency, uint64_t row,
                 struct failure *failure)
{
    struct proof proof;
    int status = VERIFY_EXIT_UNREADABLE;
    int bets = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (bets < 0) {
        failure_set_errno(failure, "open %s", path);
        return status;
    }
    enum proof_end end =
        proof_make(bets, &sealed->seal, &sealed->sha256, agency, row, &proof, failure);
    close(bets);
    if (end == PROOF_MADE) {
        status = print_proof(&proof, failure);
        proof_close(&proof);
    } else if (end != PROOF_FAILED) {
        status = VERIFY_EXIT_FAIL;
    }
    return status;
}

int proving_print(const char *path, uint32_t agency, uint64_t row, struct failure *failure)
{
    char seal_path[PATH_MAX];
    char bets_path[PATH_MAX];
    struct sealed sealed;
    (void)snprintf(seal_path, sizeof seal_path, "%s/" DATA_SEAL_FILE, path);
    (void)snprintf(bets_path, sizeof bets_path, "%s/" DATA_BETS_FILE, path);
    int status = read_seal(seal_path, &sealed, failure);
    if (status == 0) {
        status = prove(bets_path, &sealed, agency, row, failure);
    }
    close_sealed(&sealed);
    return status;
}

/* -------------------------------------------------------------- checking ---- */

static void print_line(enum verify_verdict verdict, const char *name, const char *text)
{
    printf("%-8s%-15s %s\n", verify_verdict_name(verdict), name, text);
}

/* Reads DIRECTORY/seal.sig beside DIRECTORY/seal.json. Returns 0, or a status with the failure. */
static int check_seal_signature(const char *seal_path, const struct sealed *sealed, const char *key,
                                struct failure *failure)
{
    char path[PATH_MAX];
    struct signature signature;
    size_t bytes = 0;
    size_t stem = strlen(seal_path);
    size_t ending = sizeof SEAL_ENDING - 1;
    if (stem > ending && strcmp(seal_path + stem - ending, SEAL_ENDING) == 0) {
        stem -= ending;
    }
    (void)snprintf(path, sizeof path, "%.*s" SIGNATURE_ENDING, (int)stem, seal_path);
    char *text = read_path(path, &bytes, failure);
    if (text == NULL) {
        return VERIFY_EXIT_UNREADABLE;
    }
    bool whole = bytes == sizeof signature.bytes;
    memcpy(signature.bytes, text, whole ? bytes : 0);
    free(text);
    bool good = whole && signature_check(key, sealed->text, sealed->bytes, &signature, failure) ==
                             SIGNATURE_GOOD;
    print_line(good ? VERDICT_OK : VERDICT_FAIL, verify_check_name(CHECK_SEAL_SIGNATURE),
               good ? "the seal was signed with this key"
                    : "the seal was not signed with this key");
    return good ? 0 : VERIFY_EXIT_FAIL;
}

static int check_proof(const char *path, const struct sealed *sealed, struct failure *failure)
{
    struct proof proof;
    size_t bytes = 0;
    char *text = read_path(path, &bytes, failure);
    if (text == NULL) {
        return VERIFY_EXIT_UNREADABLE;
    }
    bool holds = proof_parse(text, bytes, path, &proof, failure) &&
                 proof_check(&proof, &sealed->seal, &sealed->sha256, failure);
    free(text);
    if (!holds) {
        print_line(VERDICT_FAIL, "proof", failure->text);
    } else {
        char line[VERIFY_TEXT_BYTES];
        (void)snprintf(line, sizeof line, "row %" PRIu64 " of %" PRIu64 " of draw %s is: %s",
                       proof.path.leaf + 1, proof.rows, proof.draw, proof.row);
        print_line(VERDICT_OK, "proof", line);
    }
    proof_close(&proof);
    return holds ? 0 : VERIFY_EXIT_FAIL;
}

int proving_check(const char *proof_path, const char *seal_path, const char *key,
                  struct failure *failure)
{
    struct sealed sealed;
    int status = read_seal(seal_path, &sealed, failure);
    if (status == VERIFY_EXIT_FAIL) {
        print_line(VERDICT_FAIL, verify_check_name(CHECK_SEAL), failure->text);
    } else if (status == 0) {
        char digits[SHA256_DIGITS + 1];
        print_line(VERDICT_OK, verify_check_name(CHECK_SEAL), sha256_write(digits, &sealed.sha256));
        status = key == NULL ? 0 : check_seal_signature(seal_path, &sealed, key, failure);
        int proof_status =
            status == VERIFY_EXIT_UNREADABLE ? status : check_proof(proof_path, &sealed, failure);
        status = proof_status > status ? proof_status : status;
    }
    close_sealed(&sealed);
    return status;
}
