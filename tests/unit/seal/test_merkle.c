/*
 * test_merkle.c - the tree against RFC 6962's text, read word by word: recursively.
 */
#include "seal/merkle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* after what it needs */

enum { LEAVES_MAX = 20, MANY_LEAVES = 1000, ROW_BYTES = 16 };

static struct sha256 sha256;

static int open_sha256(void **state)
{
    (void)state;
    return sha256_open(&sha256) ? 0 : -1;
}

static int close_sha256(void **state)
{
    (void)state;
    sha256_close(&sha256);
    return 0;
}

/* Row number `index`; returns its bytes. */
static size_t write_row(char row[ROW_BYTES], uint64_t index)
{
    return (size_t)snprintf(row, ROW_BYTES, "row %u\r\n", (unsigned)index);
}

/* ------------------------------------------------------------- reckoning ---- */

static uint64_t split_of(uint64_t leaves)
{
    uint64_t split = 1;
    while (2 * split < leaves) {
        split *= 2;
    }
    return split;
}

static struct sha256_digest hash_of(unsigned char prefix, const void *one, size_t one_bytes,
                                    const void *other, size_t other_bytes)
{
    struct sha256_digest digest;
    sha256_begin(&sha256);
    sha256_extend(&sha256, &prefix, 1);
    sha256_extend(&sha256, one, one_bytes);
    sha256_extend(&sha256, other, other_bytes);
    sha256_end(&sha256, &digest);
    return digest;
}

/* MTH(D[first:first + leaves]), section 2.1. */
static struct sha256_digest reckon_root(uint64_t first, uint64_t leaves)
{
    struct sha256_digest digest;
    if (leaves == 0) {
        assert_true(sha256_of("", 0, &digest));
        return digest;
    }
    if (leaves == 1) {
        char row[ROW_BYTES];
        size_t bytes = write_row(row, first);
        return hash_of(0, row, bytes, "", 0);
    }
    uint64_t split = split_of(leaves);
    const struct sha256_digest left = reckon_root(first, split);
    const struct sha256_digest right = reckon_root(first + split, leaves - split);
    return hash_of(1, left.bytes, SHA256_BYTES, right.bytes, SHA256_BYTES);
}

/* PATH(leaf, D[first:first + leaves]), section 2.1.1. */
static void reckon_path(uint64_t leaf, uint64_t first, uint64_t leaves, struct merkle_path *path)
{
    if (leaves == 1) {
        return;
    }
    uint64_t split = split_of(leaves);
    if (leaf < split) {
        reckon_path(leaf, first, split, path);
        path->siblings[path->count++] = reckon_root(first + split, leaves - split);
    } else {
        reckon_path(leaf - split, first + split, leaves - split, path);
        path->siblings[path->count++] = reckon_root(first, split);
    }
}

static void add_rows(struct merkle_chain *chain, uint64_t rows)
{
    for (uint64_t i = 0; i < rows; i++) {
        char row[ROW_BYTES];
        size_t bytes = write_row(row, chain->next);
        merkle_add_row(chain, row, bytes);
    }
}

static void expect_equal(const struct sha256_digest *one, const struct sha256_digest *other)
{
    assert_memory_equal(one->bytes, other->bytes, SHA256_BYTES);
}

/* ----------------------------------------------------------------- tests ---- */

/* The log of certificate-transparency-go's tests (merkle/rfc6962), which are those of the C++ CT. */
static void the_known_roots_come_out(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
    } leaves[] = {{"", 0},
                  {"\x00", 1},
                  {"\x10", 1},
                  {"\x20\x21", 2},
                  {"\x30\x31", 2},
                  {"\x40\x41\x42\x43", 4},
                  {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
                  {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16}};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    (void)state;
    for (size_t count = 0; count <= sizeof leaves / sizeof leaves[0]; count++) {
        struct merkle_chain chain;
        char text[SHA256_DIGITS + 1];
        merkle_begin(&chain, &sha256, 0, NULL);
        for (size_t i = 0; i < count; i++) {
            merkle_add_row(&chain, leaves[i].bytes, leaves[i].count);
        }
        const struct sha256_digest root = merkle_root(&chain);
        assert_string_equal(sha256_write(text, &root), roots[count]);
    }
}

static void every_number_of_leaves_has_the_root_of_the_text(void **state)
{
    (void)state;
    for (uint64_t leaves = 0; leaves <= LEAVES_MAX; leaves++) {
        struct merkle_chain chain;
        merkle_begin(&chain, &sha256, 0, NULL);
        add_rows(&chain, leaves);
        const struct sha256_digest root = merkle_root(&chain);
        const struct sha256_digest expected = reckon_root(0, leaves);
        expect_equal(&root, &expected);
    }
}

static void chains_of_any_pieces_make_the_same_root_and_stay_short(void **state)
{
    (void)state;
    const struct sha256_digest expected = reckon_root(0, MANY_LEAVES);
    unsigned random = 1;
    for (int round = 0; round < 50; round++) {
        struct merkle_chain whole;
        merkle_begin(&whole, &sha256, 0, NULL);
        while (whole.next < MANY_LEAVES) {
            struct merkle_chain piece;
            random = random * 1103515245U + 12345U;
            uint64_t rows = (random >> 16) % 100;
            uint64_t left = MANY_LEAVES - whole.next;
            merkle_begin(&piece, &sha256, whole.next, NULL);
            add_rows(&piece, rows < left ? rows : left);
            assert_true(piece.count <= 13); /* 2 log2(100) */
            merkle_add_chain(&whole, &piece);
            assert_true(whole.count <= 10); /* log2(1000) */
        }
        const struct sha256_digest root = merkle_root(&whole);
        expect_equal(&root, &expected);
    }
}

static void every_leaf_of_every_tree_has_the_path_of_the_text(void **state)
{
    (void)state;
    for (uint64_t leaves = 1; leaves <= LEAVES_MAX; leaves++) {
        for (uint64_t leaf = 0; leaf < leaves; leaf++) {
            struct merkle_chain chain;
            struct merkle_path path = {.leaf = leaf};
            struct merkle_path expected = {.leaf = leaf};
            merkle_begin(&chain, &sha256, 0, &path);
            add_rows(&chain, leaves);
            const struct sha256_digest root = merkle_root(&chain);
            reckon_path(leaf, 0, leaves, &expected);
            assert_int_equal(path.count, expected.count);
            for (size_t i = 0; i < path.count; i++) {
                expect_equal(&path.siblings[i], &expected.siblings[i]);
            }
            char row[ROW_BYTES];
            size_t bytes = write_row(row, leaf);
            const struct sha256_digest hash = merkle_leaf(&sha256, row, bytes);
            struct sha256_digest by_path;
            assert_true(merkle_root_by_path(&sha256, &hash, &path, leaves, &by_path));
            expect_equal(&by_path, &root);
        }
    }
}

/* True when the path leads from this row to this root. */
static bool proves(const char *row, size_t bytes, const struct merkle_path *path, uint64_t leaves,
                   const struct sha256_digest *root)
{
    struct sha256_digest found;
    const struct sha256_digest leaf = merkle_leaf(&sha256, row, bytes);
    return merkle_root_by_path(&sha256, &leaf, path, leaves, &found) && sha256_equal(&found, root);
}

static void a_path_proves_no_other_row_place_or_size(void **state)
{
    enum { LEAVES = 13 };
    (void)state;
    for (uint64_t leaf = 0; leaf < LEAVES; leaf++) {
        struct merkle_chain chain;
        struct merkle_path path = {.leaf = leaf};
        char row[ROW_BYTES];
        merkle_begin(&chain, &sha256, 0, &path);
        add_rows(&chain, LEAVES);
        const struct sha256_digest root = merkle_root(&chain);
        size_t bytes = write_row(row, leaf);
        assert_true(proves(row, bytes, &path, LEAVES, &root));
        assert_false(proves(row, bytes - 1, &path, LEAVES, &root));
        for (size_t i = 0; i < path.count; i++) {
            path.siblings[i].bytes[i] ^= 1;
            assert_false(proves(row, bytes, &path, LEAVES, &root));
            path.siblings[i].bytes[i] ^= 1;
        }
        for (uint64_t other = 0; other < LEAVES + 3; other++) {
            struct merkle_path moved = path;
            moved.leaf = other;
            assert_int_equal(proves(row, bytes, &moved, LEAVES, &root), other == leaf);
        }
        struct merkle_path shorter = path;
        shorter.count--;
        assert_false(proves(row, bytes, &shorter, LEAVES, &root));
        struct merkle_path longer = path;
        longer.siblings[longer.count++] = root;
        assert_false(proves(row, bytes, &longer, LEAVES, &root));
        assert_false(proves(row, bytes, &path, UINT64_C(4) * LEAVES, &root));
        assert_false(proves(row, bytes, &path, leaf, &root)); /* beyond the tree */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_roots_come_out),
        cmocka_unit_test(every_number_of_leaves_has_the_root_of_the_text),
        cmocka_unit_test(chains_of_any_pieces_make_the_same_root_and_stay_short),
        cmocka_unit_test(every_leaf_of_every_tree_has_the_path_of_the_text),
        cmocka_unit_test(a_path_proves_no_other_row_place_or_size),
    };
    return cmocka_run_group_tests(tests, open_sha256, close_sha256);
}
