/*
 * test_data_access.c - who may reach what the server keeps, and the commands that mend it.
 */
#include "store/data_access.h"

#include "lib/log.h"
#include "store/data_directory.h"
#include "tests/harness/processes.h"
#include "tests/harness/stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h> /* after what it needs */

enum { PATH_BYTES = 128, PERMISSIONS = 0777, SOME_GROUP = 4711 };

struct fixture {
    struct scratch scratch;
    struct processes processes;
    struct data_directory directory; /* the scratch directory, as if it were the data's */
};

/* ------------------------------------------------- a file that is replaced ---- */

/*
 * Another process that replaces files in the worst moment: after a file was opened or found, and
 * before its status is read. The calls of this program are these, and not libc's.
 */
static struct {
    const struct scratch *scratch; /* where it happens */
    const char *name;              /* the file that is replaced */
    bool is_removed;               /* it is removed, and nothing stands there then */
    bool at_look;                  /* after fstatat found it, or else after it was opened */
    int times;                     /* that it will happen */
} replacer;

static void replace_file(void)
{
    if (!replacer.is_removed) {
        scratch_write(replacer.scratch, "other.tmp", "new", 3);
    }
    assert_int_equal(replacer.is_removed ? unlinkat(replacer.scratch->descriptor, replacer.name, 0)
                                         : renameat(replacer.scratch->descriptor, "other.tmp",
                                                    replacer.scratch->descriptor, replacer.name),
                     0);
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */

int fstat(int file, struct stat *status)
{
    if (replacer.times > 0 && !replacer.at_look) {
        replacer.times--;
        replace_file();
    }
    return (int)syscall(SYS_fstat, file, status);
}

/* The kernel finds the file first, and counts its names after that. */
int fstatat(int directory, const char *name, struct stat *status, int flags)
{
    if (replacer.times > 0 && replacer.at_look && strcmp(name, replacer.name) == 0) {
        replacer.times--;
        int found = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        replace_file();
        int result = (int)syscall(SYS_newfstatat, found, "", status, AT_EMPTY_PATH);
        (void)close(found);
        return result;
    }
    return (int)syscall(SYS_newfstatat, directory, name, status, flags);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.scratch = {.descriptor = -1}};
    *state = &fixture;
    log_set_threshold(LOG_LEVEL_ERROR);
    scratch_open(&fixture.scratch);
    processes_open(&fixture.processes);
    processes_release(&fixture.processes);
    fixture.directory.path = fixture.scratch.path;
    fixture.directory.descriptor = fixture.scratch.descriptor;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    replacer.times = 0;
    processes_close(&fixture->processes);
    scratch_close(&fixture->scratch);
    return 0;
}

static const char *path_of(const struct fixture *fixture, const char *name)
{
    static char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", fixture->scratch.path, name);
    return path;
}

static mode_t mode_of(const struct fixture *fixture, const char *name)
{
    struct stat status;
    assert_int_equal(stat(path_of(fixture, name), &status), 0);
    return status.st_mode & PERMISSIONS;
}

static void expect_words(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", text, words);
    }
}

/* It can't be opened, the reason has these words, and its bytes are still those. */
static void expect_refusal(const struct fixture *fixture, const char *name, int flags,
                           const char *words)
{
    struct failure failure = {.text = ""};
    int file = data_directory_open_file(&fixture->directory, name, flags, &failure);
    assert_int_equal(file, -1);
    expect_words(failure.text, path_of(fixture, name));
    expect_words(failure.text, words);
}

static int open_file(const struct fixture *fixture, const char *name, int flags)
{
    struct failure failure = {.text = ""};
    int file = data_directory_open_file(&fixture->directory, name, flags, &failure);
    if (file < 0) {
        fail_msg("%s", failure.text);
    }
    return file;
}

/* ---------------------------------------------------------------- making ---- */

static void what_is_made_has_its_mode_whatever_the_umask_is(void **state)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        for (int for_group = 0; for_group < 2; for_group++) {
            fixture->directory.access =
                (struct data_access){.has_group = for_group != 0, .group = getegid()};
            mode_t before = umask(umasks[i]);
            int file = open_file(fixture, "bets.csv", O_RDWR | O_CREAT);
            (void)umask(before);
            assert_int_equal(close(file), 0);
            assert_int_equal(mode_of(fixture, "bets.csv"), for_group != 0 ? 0640 : 0600);
            assert_int_equal(data_directory_file_mode(&fixture->directory),
                             for_group != 0 ? 0640 : 0600);
            assert_int_equal(unlink(path_of(fixture, "bets.csv")), 0);
        }
    }
}

static void what_is_made_gets_the_group(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    STRANGER_NEEDED(); /* only root gives away to any group */
    fixture->directory.access = (struct data_access){.has_group = true, .group = SOME_GROUP};
    assert_int_equal(close(open_file(fixture, "bets.csv", O_RDWR | O_CREAT)), 0);
    assert_int_equal(stat(path_of(fixture, "bets.csv"), &status), 0);
    assert_int_equal(status.st_gid, SOME_GROUP);
}

static void flags_work_as_those_of_open(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct stat status;
    assert_int_equal(data_directory_open_file(&fixture->directory, "a", O_RDONLY, &failure), -1);
    assert_int_equal(errno, ENOENT);
    scratch_write(&fixture->scratch, "a", "abc", 3);
    int file = open_file(fixture, "a", O_RDWR | O_CREAT);
    assert_int_equal(fstat(file, &status), 0);
    assert_int_equal(status.st_size, 3);
    assert_int_equal(fcntl(file, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(close(file), 0);
    assert_int_equal(
        data_directory_open_file(&fixture->directory, "a", O_RDWR | O_CREAT | O_EXCL, &failure),
        -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(close(open_file(fixture, "a", O_WRONLY | O_CREAT | O_TRUNC)), 0);
    assert_int_equal(stat(path_of(fixture, "a"), &status), 0);
    assert_int_equal(status.st_size, 0);
}

/* -------------------------------------------------------------- checking ---- */

static void a_wider_mode_is_refused_with_the_chmod_that_mends_it(void **state)
{
    static const mode_t modes[] = {0644, 0640, 0606, 0601, 0660, 0777};
    struct fixture *fixture = *state;
    char command[PATH_BYTES + 32];
    scratch_write(&fixture->scratch, "bets.csv", "row", 3);
    (void)snprintf(command, sizeof command, "chmod 600 %s", path_of(fixture, "bets.csv"));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(path_of(fixture, "bets.csv"), modes[i]), 0);
        expect_refusal(fixture, "bets.csv", O_RDWR | O_CREAT | O_TRUNC, command);
        assert_int_equal(mode_of(fixture, "bets.csv"), modes[i]);
    }
    struct stat status;
    assert_int_equal(stat(path_of(fixture, "bets.csv"), &status), 0);
    assert_int_equal(status.st_size, 3); /* nothing was cut before it was checked */
    assert_int_equal(chmod(path_of(fixture, "bets.csv"), 0400), 0);
    assert_int_equal(close(open_file(fixture, "bets.csv", O_RDONLY)), 0); /* narrower is fine */
}

static void the_group_of_data_group_may_read_and_no_other(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "bets.csv", "row", 3);
    assert_int_equal(chmod(path_of(fixture, "bets.csv"), 0640), 0);
    fixture->directory.access = (struct data_access){.has_group = true, .group = getegid()};
    assert_int_equal(close(open_file(fixture, "bets.csv", O_RDWR)), 0);
    fixture->directory.access.group = SOME_GROUP;
    expect_refusal(fixture, "bets.csv", O_RDWR, "chgrp 4711 ");
    assert_int_equal(chmod(path_of(fixture, "bets.csv"), 0600), 0);
    assert_int_equal(close(open_file(fixture, "bets.csv", O_RDWR)), 0);
    assert_int_equal(chmod(path_of(fixture, "bets.csv"), 0660), 0);
    expect_refusal(fixture, "bets.csv", O_RDWR, "chmod 640 ");
}

static void links_and_what_is_no_file_are_refused_and_named(void **state)
{
    struct fixture *fixture = *state;
    scratch_write(&fixture->scratch, "elsewhere", "text", 4);
    assert_int_equal(symlink("elsewhere", path_of(fixture, "done.csv")), 0);
    expect_refusal(fixture, "done.csv", O_RDWR | O_CREAT | O_TRUNC, "a symbolic link");
    assert_int_equal(symlink("nowhere", path_of(fixture, "control")), 0);
    expect_refusal(fixture, "control", O_RDWR | O_CREAT, "a symbolic link");
    assert_false(scratch_has(&fixture->scratch, "nowhere"));
    assert_int_equal(linkat(fixture->scratch.descriptor, "elsewhere", fixture->scratch.descriptor,
                            "bets.csv", 0),
                     0);
    expect_refusal(fixture, "bets.csv", O_RDWR | O_TRUNC, "has 2 names (hard links)");
    assert_int_equal(mkfifoat(fixture->scratch.descriptor, "checkpoint", 0600), 0);
    expect_refusal(fixture, "checkpoint", O_RDONLY, "a named pipe"); /* and it does not block */
    assert_int_equal(mkdirat(fixture->scratch.descriptor, "winners.csv", 0700), 0);
    expect_refusal(fixture, "winners.csv", O_RDONLY, "a directory");
    size_t count = 0;
    free(scratch_read(&fixture->scratch, "elsewhere", &count));
    assert_int_equal(count, 4);
}

/* Lets `name` be replaced, or removed, this often from now on. */
static void let_replace(const struct fixture *fixture, const char *name, bool at_look, int times)
{
    scratch_write(&fixture->scratch, name, "old", 3);
    replacer.scratch = &fixture->scratch;
    replacer.name = name;
    replacer.is_removed = false;
    replacer.at_look = at_look;
    replacer.times = times;
}

static void expect_bytes(int file, const char *bytes)
{
    char found[8] = "";
    ssize_t count = pread(file, found, sizeof found - 1, 0);
    (void)close(file);
    assert_true(count >= 0);
    assert_string_equal(found, bytes);
}

static void a_file_that_is_replaced_while_it_is_opened_is_opened_again(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {DATA_CONTROL_FILE,    DATA_DONE_FILE, DATA_SEAL_FILE,
                                        DATA_CHECKPOINT_FILE, DATA_DRAW_FILE, DATA_WINNERS_FILE,
                                        DATA_REPLICATION_FILE};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        let_replace(fixture, names[i], false, 3);
        expect_bytes(open_file(fixture, names[i], O_RDONLY), "new");
        assert_int_equal(replacer.times, 0);
        let_replace(fixture, names[i], true, 3);
        expect_bytes(open_file(fixture, names[i], O_RDONLY), "new");
        assert_int_equal(replacer.times, 0);
    }
}

static void a_file_that_is_removed_while_it_is_opened_is_missing_or_made(void **state)
{
    struct fixture *fixture = *state;
    let_replace(fixture, "control", false, 1);
    replacer.is_removed = true;
    expect_refusal(fixture, "control", O_RDONLY, "No such file or directory");
    assert_int_equal(errno, ENOENT);
    let_replace(fixture, "control", false, 1);
    replacer.is_removed = true;
    expect_bytes(open_file(fixture, "control", O_RDWR | O_CREAT), "");
    assert_int_equal(mode_of(fixture, "control"), 0600);
}

static void a_file_that_is_replaced_for_ever_is_given_up(void **state)
{
    enum { FOR_EVER = 1000 };
    struct fixture *fixture = *state;
    let_replace(fixture, "control", false, FOR_EVER);
    expect_refusal(fixture, "control", O_RDONLY, "replaced while it was opened: try again");
    assert_int_equal(errno, ESTALE);
    assert_true(replacer.times > 0);
    let_replace(fixture, "control", true, FOR_EVER);
    expect_refusal(fixture, "control", O_RDONLY, "replaced while it was opened: try again");
    assert_true(replacer.times > 0);
}

static int open_as_stranger(void *context)
{
    const struct fixture *fixture = context;
    struct failure failure = {.text = ""};
    return stranger_become() &&
                   data_directory_open_file(&fixture->directory, "bets.csv", O_RDONLY, &failure) ==
                       -1 &&
                   strstr(failure.text, "belongs to root (uid 0)") != NULL &&
                   strstr(failure.text, "chown ") != NULL
               ? 0
               : 1;
}

static void what_is_another_users_is_refused_with_the_chown_that_mends_it(void **state)
{
    struct fixture *fixture = *state;
    STRANGER_NEEDED();
    scratch_write(&fixture->scratch, "bets.csv", "row", 3);
    assert_int_equal(fchmod(fixture->scratch.descriptor, 0755), 0);
    pid_t pid = processes_start(&fixture->processes, open_as_stranger, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
    assert_int_equal(chown(path_of(fixture, "bets.csv"), STRANGER_UID, STRANGER_GID), 0);
    expect_refusal(fixture, "bets.csv", O_RDWR | O_TRUNC, "chown root ");
}

/* ------------------------------------------------------------- directory ---- */

static void expect_no_opening(const char *path, const char *group, const char *words)
{
    struct data_directory other;
    struct failure failure = {.text = ""};
    assert_false(data_directory_open(path, group, 0, &other, &failure));
    expect_words(failure.text, words);
}

static void a_directory_that_is_made_is_closed_to_others(void **state)
{
    static const mode_t umasks[] = {0, 022, 077};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof umasks / sizeof umasks[0]; i++) {
        struct data_directory made;
        struct failure failure = {.text = ""};
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof path, "%s", path_of(fixture, "data"));
        mode_t before = umask(umasks[i]);
        bool opened = data_directory_open(path, "", 0, &made, &failure);
        (void)umask(before);
        assert_true(opened);
        assert_int_equal(mode_of(fixture, "data"), 0700);
        assert_int_equal(mode_of(fixture, "data/lock"), 0600);
        data_directory_discard(&made);
    }
}

static void a_directory_that_is_open_to_others_is_refused_with_its_chmod(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_BYTES];
    char command[PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s", path_of(fixture, "data"));
    (void)snprintf(command, sizeof command, "chmod 700 %s ", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0755), 0);
    expect_no_opening(path, NULL, command);
    assert_false(scratch_has(&fixture->scratch, "data/lock"));
    (void)snprintf(command, sizeof command, "chmod -R u=rwX,go= %s", path);
    expect_no_opening(path, NULL, command);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(symlink("/etc/passwd", path_of(fixture, "data/bets.csv")), 0);
    expect_no_opening(path, NULL, "bets.csv is a symbolic link");
}

static void data_group_is_a_name_or_a_number_that_exists(void **state)
{
    struct data_access access;
    struct failure failure;
    (void)state;
    assert_true(data_access_resolve("", &access, &failure));
    assert_false(access.has_group);
    assert_true(data_access_resolve("root", &access, &failure));
    assert_true(access.has_group && access.group == 0);
    assert_true(data_access_resolve("4711", &access, &failure));
    assert_true(access.has_group && access.group == SOME_GROUP);
    static const char *const wrong[] = {"no-such-group", "-1", "4294967295", "12x", " "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(data_access_resolve(wrong[i], &access, &failure));
        expect_words(failure.text, "data.group: there is no group");
    }
}

static int give_to_a_group_of_others(void *context)
{
    const struct fixture *fixture = context;
    const struct data_access access = {.has_group = true, .group = SOME_GROUP};
    struct failure failure = {.text = ""};
    if (!stranger_become()) {
        return 1;
    }
    int file = openat(fixture->scratch.descriptor, "theirs", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return file >= 0 && !data_access_set(file, 0640, &access, "theirs", &failure) &&
                   errno == EPERM && strstr(failure.text, "usermod -aG 4711 ") != NULL
               ? 0
               : 1;
}

static void who_is_no_member_of_the_group_is_told_how_to_become_one(void **state)
{
    struct fixture *fixture = *state;
    STRANGER_NEEDED();
    assert_int_equal(fchmod(fixture->scratch.descriptor, 0777), 0);
    pid_t pid = processes_start(&fixture->processes, give_to_a_group_of_others, fixture);
    processes_expect_exit(&fixture->processes, pid, 0);
}

/* ------------------------------------------------------------------ locks ---- */

static void removing_the_lock_file_lets_nobody_in(void **state)
{
    struct fixture *fixture = *state;
    struct data_directory first;
    struct failure failure = {.text = ""};
    char path[PATH_BYTES];
    char pid[32];
    (void)snprintf(path, sizeof path, "%s", path_of(fixture, "data"));
    assert_true(data_directory_open(path, NULL, 0, &first, &failure));
    assert_int_equal(unlink(path_of(fixture, "data/lock")), 0);
    (void)snprintf(pid, sizeof pid, "lock held by pid %d)", (int)getpid());
    expect_no_opening(path, NULL, pid);
    assert_false(scratch_has(&fixture->scratch, "data/lock"));
    data_directory_close(&first);
    assert_true(data_directory_open(path, NULL, 0, &first, &failure));
    data_directory_close(&first);
}

#define ACCESS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ACCESS_TEST(what_is_made_has_its_mode_whatever_the_umask_is),
        ACCESS_TEST(what_is_made_gets_the_group),
        ACCESS_TEST(flags_work_as_those_of_open),
        ACCESS_TEST(a_wider_mode_is_refused_with_the_chmod_that_mends_it),
        ACCESS_TEST(the_group_of_data_group_may_read_and_no_other),
        ACCESS_TEST(links_and_what_is_no_file_are_refused_and_named),
        ACCESS_TEST(a_file_that_is_replaced_while_it_is_opened_is_opened_again),
        ACCESS_TEST(a_file_that_is_removed_while_it_is_opened_is_missing_or_made),
        ACCESS_TEST(a_file_that_is_replaced_for_ever_is_given_up),
        ACCESS_TEST(what_is_another_users_is_refused_with_the_chown_that_mends_it),
        ACCESS_TEST(a_directory_that_is_made_is_closed_to_others),
        ACCESS_TEST(a_directory_that_is_open_to_others_is_refused_with_its_chmod),
        ACCESS_TEST(data_group_is_a_name_or_a_number_that_exists),
        ACCESS_TEST(who_is_no_member_of_the_group_is_told_how_to_become_one),
        ACCESS_TEST(removing_the_lock_file_lets_nobody_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
