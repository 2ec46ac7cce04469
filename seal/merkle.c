/*
 * merkle.c - see merkle.h.
 */
#include "seal/merkle.h"

#include "lib/log.h"

#include <string.h>

enum { LEAF_PREFIX = 0, NODE_PREFIX = 1 };

struct sha256_digest merkle_leaf(struct sha256 *sha256, const char *row, size_t bytes)
{
    static const unsigned char prefix = LEAF_PREFIX;
    struct sha256_digest hash;
    sha256_begin(sha256);
    sha256_extend(sha256, &prefix, sizeof prefix);
    sha256_extend(sha256, row, bytes);
    sha256_end(sha256, &hash);
    return hash;
}

static struct sha256_digest join(struct sha256 *sha256, const struct sha256_digest *left,
                                 const struct sha256_digest *right)
{
    unsigned char text[1 + 2 * SHA256_BYTES] = {NODE_PREFIX};
    struct sha256_digest hash;
    memcpy(text + 1, left->bytes, SHA256_BYTES);
    memcpy(text + 1 + SHA256_BYTES, right->bytes, SHA256_BYTES);
    sha256_begin(sha256);
    sha256_extend(sha256, text, sizeof text);
    sha256_end(sha256, &hash);
    return hash;
}

void merkle_begin(struct merkle_chain *chain, struct sha256 *sha256, uint64_t first,
                  struct merkle_path *path)
{
    chain->sha256 = sha256;
    chain->first = first;
    chain->next = first;
    chain->count = 0;
    chain->path = path;
    if (path != NULL) {
        path->count = 0;
    }
}

/* Notes a sibling where one of two nodes that are joined has the path's leaf below it. */
static void note_sibling(struct merkle_path *path, uint64_t left_first, uint64_t right_first,
                         uint64_t end, const struct sha256_digest *left,
                         const struct sha256_digest *right)
{
    if (path == NULL || path->leaf < left_first || path->leaf >= end) {
        return;
    }
    invariant(path->count < MERKLE_PATH_MAX, "a path of %zu siblings", path->count);
    path->siblings[path->count++] = path->leaf < right_first ? *right : *left;
}

static void push(struct merkle_chain *chain, const struct merkle_node *node)
{
    invariant(chain->count < MERKLE_CHAIN_MAX, "a chain of %zu nodes", chain->count);
    chain->nodes[chain->count++] = *node;
    chain->next += UINT64_C(1) << node->level;
}

/* True when the last two nodes are the halves of one. */
static bool can_join(const struct merkle_chain *chain)
{
    if (chain->count < 2) {
        return false;
    }
    const struct merkle_node *left = &chain->nodes[chain->count - 2];
    uint64_t whole = UINT64_C(2) << left->level;
    return left[0].level == left[1].level && chain->next % whole == 0;
}

static void add_node(struct merkle_chain *chain, const struct merkle_node *node)
{
    push(chain, node);
    while (can_join(chain)) {
        struct merkle_node *left = &chain->nodes[chain->count - 2];
        uint64_t half = UINT64_C(1) << left->level;
        note_sibling(chain->path, chain->next - 2 * half, chain->next - half, chain->next,
                     &left[0].hash, &left[1].hash);
        left->hash = join(chain->sha256, &left[0].hash, &left[1].hash);
        left->level++;
        chain->count--;
    }
}

void merkle_add_row(struct merkle_chain *chain, const char *row, size_t bytes)
{
    const struct merkle_node leaf = {.hash = merkle_leaf(chain->sha256, row, bytes), .level = 0};
    add_node(chain, &leaf);
}

void merkle_add_chain(struct merkle_chain *chain, const struct merkle_chain *more)
{
    invariant(more->first == chain->next, "a chain from leaf %llu on after leaf %llu",
              (unsigned long long)more->first, (unsigned long long)chain->next);
    for (size_t i = 0; i < more->count; i++) {
        add_node(chain, &more->nodes[i]);
    }
}

struct sha256_digest merkle_root(struct merkle_chain *chain)
{
    struct sha256_digest root;
    if (chain->count == 0) {
        sha256_begin(chain->sha256);
        sha256_end(chain->sha256, &root);
        return root;
    }
    uint64_t right_first = chain->next;
    for (size_t i = chain->count; i > 0; i--) {
        const struct merkle_node *left = &chain->nodes[i - 1];
        uint64_t left_first = right_first - (UINT64_C(1) << left->level);
        if (i == chain->count) {
            root = left->hash;
        } else {
            note_sibling(chain->path, left_first, right_first, chain->next, &left->hash, &root);
            root = join(chain->sha256, &left->hash, &root);
        }
        right_first = left_first;
    }
    return root;
}

/*
 * `at` is the node's place in its level and `last` that of the level's last node. A last node
 * without a sibling is taken up as it is.
 */
bool merkle_root_by_path(struct sha256 *sha256, const struct sha256_digest *leaf,
                         const struct merkle_path *path, uint64_t leaves,
                         struct sha256_digest *root)
{
    if (path->leaf >= leaves) {
        return false;
    }
    uint64_t at = path->leaf;
    uint64_t last = leaves - 1;
    size_t used = 0;
    *root = *leaf;
    for (; last > 0; at /= 2, last /= 2) {
        if (at % 2 == 0 && at == last) {
            continue;
        }
        if (used == path->count) {
            return false;
        }
        const struct sha256_digest *sibling = &path->siblings[used++];
        *root = at % 2 == 1 ? join(sha256, sibling, root) : join(sha256, root, sibling);
    }
    return used == path->count;
}
