/*
 * proof.c - see proof.h.
 */
#include "seal/proof.h"

#include "bet/bet.h"
#include "seal/canonical.h"
#include "store/csv_reader.h"
#include "store/data_directory.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ROW_END "\r\n"

enum {
    ROW_END_BYTES = sizeof ROW_END - 1,
    PATH_BYTES = MERKLE_PATH_MAX * SHA256_BYTES,
    BASE64_UNIT = 3, /* bytes, written as four characters */
    BASE64_CHARACTERS = 4,
    BASE64_BYTES = (PATH_BYTES / BASE64_UNIT + 1) * BASE64_CHARACTERS + 1
};

void proof_close(struct proof *proof)
{
    free(proof->row);
    *proof = (struct proof){0};
}

/* ---------------------------------------------------------------- making ---- */

/* A pass over bets.csv, up to the row and beyond. */
struct search {
    uint32_t agency;
    uint64_t left;  /* rows of the agency, up to the one that is wanted */
    uint64_t index; /* of the row, once it is found */
    char *row;      /* owned; NULL: not found yet */
};

/* Calls `each` for each row; it answers whether to go on. False with errno. */
static bool for_each_row(int bets_file, bool (*each)(void *context, const char *row, size_t bytes),
                         void *context)
{
    struct csv_reader reader;
    const char *rows = NULL;
    size_t bytes = 0;
    enum csv_read read = CSV_FAILED;
    bool goes_on = csv_reader_open(&reader, bets_file, 0);
    while (goes_on && (read = csv_reader_next(&reader, &rows, &bytes)) == CSV_ROWS) {
        for (const char *at = rows; goes_on && at < rows + bytes;) {
            const char *line_feed = memchr(at, '\n', (size_t)(rows + bytes - at));
            goes_on = each(context, at, (size_t)(line_feed + 1 - at));
            at = line_feed + 1;
        }
    }
    csv_reader_close(&reader);
    return read != CSV_FAILED;
}

static bool is_of_agency(const char *row, size_t bytes, uint32_t agency)
{
    const char *comma = memchr(row, ',', bytes);
    uint32_t found = 0;
    return comma != NULL && bet_parse_uint32(row, (size_t)(comma - row), &found) && found == agency;
}

/* False once the row has been found. */
static bool look_at_row(void *context, const char *row, size_t bytes)
{
    struct search *search = context;
    if (is_of_agency(row, bytes, search->agency) && --search->left == 0) {
        search->row = strndup(row, bytes >= ROW_END_BYTES ? bytes - ROW_END_BYTES : 0);
        return false;
    }
    search->index++;
    return true;
}

static bool add_row(void *context, const char *row, size_t bytes)
{
    merkle_add_row(context, row, bytes);
    return true;
}

/* The root of the whole file, and the path of proof->path.leaf. False with errno. */
static bool take_path(int bets_file, struct proof *proof, struct sha256_digest *root)
{
    struct sha256 sha256;
    struct merkle_chain chain;
    if (!sha256_open(&sha256)) {
        return false;
    }
    merkle_begin(&chain, &sha256, 0, &proof->path);
    bool read = for_each_row(bets_file, add_row, &chain);
    proof->rows = chain.next;
    *root = merkle_root(&chain);
    sha256_close(&sha256);
    return read;
}

static enum proof_end find_row(int bets_file, uint32_t agency, uint64_t number, struct proof *proof,
                               struct failure *failure)
{
    struct search search = {.agency = agency, .left = number};
    bool read = for_each_row(bets_file, look_at_row, &search);
    proof->row = search.row;
    proof->path.leaf = search.index;
    if (!read || (search.left == 0 && search.row == NULL)) {
        failure_set_errno(failure, "read " DATA_BETS_FILE);
        return PROOF_FAILED;
    }
    if (search.row == NULL) {
        failure_set(failure, "agency %" PRIu32 " has %" PRIu64 " rows, and no row %" PRIu64, agency,
                    number - search.left, number);
        return PROOF_NO_ROW;
    }
    return PROOF_MADE;
}

static enum proof_end make(int bets_file, const struct seal *seal, uint32_t agency, uint64_t number,
                           struct proof *proof, struct failure *failure)
{
    struct sha256_digest root;
    enum proof_end end = find_row(bets_file, agency, number, proof, failure);
    if (end != PROOF_MADE) {
        return end;
    }
    if (!take_path(bets_file, proof, &root)) {
        failure_set_errno(failure, "read " DATA_BETS_FILE);
        return PROOF_FAILED;
    }
    if (proof->rows != seal->bets_rows || !sha256_equal(&root, &seal->merkle_root)) {
        failure_set(failure, DATA_BETS_FILE " is not what was sealed: nothing can be proven by it");
        return PROOF_CHANGED;
    }
    return PROOF_MADE;
}

enum proof_end proof_make(int bets_file, const struct seal *seal,
                          const struct sha256_digest *seal_sha256, uint32_t agency, uint64_t number,
                          struct proof *proof, struct failure *failure)
{
    *proof = (struct proof){.seal_sha256 = *seal_sha256};
    memcpy(proof->identity, seal->identity, sizeof proof->identity);
    memcpy(proof->draw, seal->terms.draw, sizeof proof->draw);
    enum proof_end end = make(bets_file, seal, agency, number, proof, failure);
    if (end != PROOF_MADE) {
        proof_close(proof);
    }
    return end;
}

/* -------------------------------------------------------------- checking ---- */

static bool hash_row(struct sha256 *sha256, const struct proof *proof, struct sha256_digest *leaf)
{
    size_t bytes = strlen(proof->row);
    char *row = malloc(bytes + ROW_END_BYTES);
    if (row == NULL) {
        return false;
    }
    memcpy(row, proof->row, bytes);
    memcpy(row + bytes, ROW_END, ROW_END_BYTES);
    *leaf = merkle_leaf(sha256, row, bytes + ROW_END_BYTES);
    free(row);
    return true;
}

static bool leads_to_root(const struct proof *proof, const struct seal *seal,
                          struct failure *failure)
{
    struct sha256 sha256;
    struct sha256_digest leaf;
    struct sha256_digest root;
    if (!sha256_open(&sha256)) {
        return failure_set(failure, "there is no memory for a hash");
    }
    bool leads = hash_row(&sha256, proof, &leaf) &&
                 merkle_root_by_path(&sha256, &leaf, &proof->path, proof->rows, &root) &&
                 sha256_equal(&root, &seal->merkle_root);
    sha256_close(&sha256);
    return leads || failure_set(failure, "the row and its path do not lead to the seal's root");
}

bool proof_check(const struct proof *proof, const struct seal *seal,
                 const struct sha256_digest *seal_sha256, struct failure *failure)
{
    uint32_t agency = 0;
    if (!sha256_equal(&proof->seal_sha256, seal_sha256) ||
        strcmp(proof->identity, seal->identity) != 0 ||
        strcmp(proof->draw, seal->terms.draw) != 0 || proof->rows != seal->bets_rows) {
        return failure_set(failure, "the proof belongs to another seal");
    }
    if (bet_csv_parse(proof->row, strlen(proof->row), &agency) != BET_VALID) {
        return failure_set(failure, "the proof's row is no bet");
    }
    return leads_to_root(proof, seal, failure);
}

/* ------------------------------------------------------------------ text ---- */

static const char *format_word(unsigned index)
{
    (void)index;
    return "lottery proof 1";
}

#define FIELD(field)      offsetof(struct proof, field), 0
#define TEXT_FIELD(field) offsetof(struct proof, field), sizeof((struct proof *)NULL)->field

static const struct canonical_member proof_members[] = {
    {"draw", CANONICAL_TEXT, TEXT_FIELD(draw), NULL},
    {"format", CANONICAL_CONSTANT, 0, 0, format_word},
    {"identity", CANONICAL_TEXT, TEXT_FIELD(identity), NULL},
    {"leaf", CANONICAL_UINT64, FIELD(path.leaf), NULL},
    {"path", CANONICAL_OTHER, 0, 0, NULL},
    {"row", CANONICAL_OTHER, 0, 0, NULL},
    {"rows", CANONICAL_UINT64, FIELD(rows), NULL},
    {"seal_sha256", CANONICAL_DIGEST, FIELD(seal_sha256), NULL},
};

static const struct canonical_table proof_table = {proof_members,
                                                   sizeof proof_members / sizeof proof_members[0]};

char *proof_write_text(const struct proof *proof, size_t *bytes)
{
    char path[BASE64_BYTES];
    unsigned char siblings[PATH_BYTES];
    for (size_t i = 0; i < proof->path.count; i++) {
        memcpy(siblings + i * SHA256_BYTES, proof->path.siblings[i].bytes, SHA256_BYTES);
    }
    (void)EVP_EncodeBlock((unsigned char *)path, siblings, (int)proof->path.count * SHA256_BYTES);
    json_t *object = canonical_make(&proof_table, proof);
    if (json_object_set_new(object, "path", json_string(path)) != 0 ||
        json_object_set_new(object, "row", json_string(proof->row)) != 0) {
        json_decref(object);
        object = NULL;
    }
    return canonical_write(object, bytes);
}

/* True when the text is the base64 of whole digests, spelled in the one way. */
static bool take_siblings(const char *text, struct merkle_path *path)
{
    unsigned char siblings[BASE64_BYTES];
    char again[BASE64_BYTES];
    size_t characters = strlen(text);
    size_t padding = characters - strcspn(text, "=");
    if (characters >= BASE64_BYTES || characters % BASE64_CHARACTERS != 0) {
        return false;
    }
    int decoded = EVP_DecodeBlock(siblings, (const unsigned char *)text, (int)characters);
    size_t bytes = decoded < 0 || padding > (size_t)decoded ? 0 : (size_t)decoded - padding;
    if (decoded < 0 || bytes % SHA256_BYTES != 0 || bytes > PATH_BYTES) {
        return false;
    }
    (void)EVP_EncodeBlock((unsigned char *)again, siblings, (int)bytes);
    path->count = bytes / SHA256_BYTES;
    for (size_t i = 0; i < path->count; i++) {
        memcpy(path->siblings[i].bytes, siblings + i * SHA256_BYTES, SHA256_BYTES);
    }
    return strcmp(again, text) == 0;
}

static bool take(json_t *object, const char *path, struct proof *proof, struct failure *failure)
{
    if (!canonical_take(object, &proof_table, path, proof, failure)) {
        return false;
    }
    const char *siblings = json_string_value(json_object_get(object, "path"));
    const char *row = json_string_value(json_object_get(object, "row"));
    if (siblings == NULL || !take_siblings(siblings, &proof->path)) {
        return failure_set(failure, "%s has in \"path\" what can't stand there", path);
    }
    if (row == NULL) {
        return failure_set(failure, "%s has in \"row\" what can't stand there", path);
    }
    proof->row = strdup(row);
    return proof->row != NULL || failure_set_errno(failure, "read %s", path);
}

bool proof_parse(const char *text, size_t bytes, const char *path, struct proof *proof,
                 struct failure *failure)
{
    *proof = (struct proof){0};
    json_t *object = canonical_parse(text, bytes, path, failure);
    bool taken = object != NULL && take(object, path, proof, failure);
    json_decref(object);
    if (!taken) {
        proof_close(proof);
    }
    return taken;
}
