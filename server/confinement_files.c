/*
 * confinement_files.c - see confinement_files.h. glibc has no functions for Landlock, and the
 * headers of Debian 12 know its first version alone, so the kernel's structs and bits stand here
 * (include/uapi/linux/landlock.h).
 */
#include "server/confinement_files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <link.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Which version of Landlock has what. */
enum {
    VERSION_REFER = 2,
    VERSION_TRUNCATE = 3,
    VERSION_NETWORK = 4,
    VERSION_DEVICES = 5,
    VERSION_SCOPES = 6
};

#define RIGHTS_FIRST   ((UINT64_C(1) << 13) - 1) /* all of version 1 */
#define RIGHT_REFER    (UINT64_C(1) << 13)
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)
#define RIGHT_DEVICES  (UINT64_C(1) << 15)
#define NETWORK_TCP    UINT64_C(3) /* bind and connect */
#define NETWORK_BIND   UINT64_C(1) /* bind alone */
#define SCOPE_SOCKETS  UINT64_C(1)
#define SCOPE_SIGNALS  UINT64_C(2)

/* struct landlock_ruleset_attr, all of it. */
struct set_attributes {
    uint64_t files, network, scopes;
};

int confinement_files_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return version < VERSION_REFER ? 0 : (int)version;
}

/* Each version knows a longer struct, and refuses one with bits that it does not know. */
static size_t attributes_bytes(int version)
{
    return version >= VERSION_SCOPES    ? sizeof(struct set_attributes)
           : version >= VERSION_NETWORK ? offsetof(struct set_attributes, scopes)
                                        : offsetof(struct set_attributes, network);
}

static uint64_t known_rights(int version)
{
    return RIGHTS_FIRST | (version >= VERSION_REFER ? RIGHT_REFER : 0) |
           (version >= VERSION_TRUNCATE ? RIGHT_TRUNCATE : 0) |
           (version >= VERSION_DEVICES ? RIGHT_DEVICES : 0);
}

static uint64_t rights_of(unsigned files)
{
    uint64_t rights = 0;
    rights |=
        (files & FILES_READ) != 0 ? LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR : 0;
    rights |= (files & FILES_REMOVE) != 0 ? LANDLOCK_ACCESS_FS_REMOVE_FILE : 0;
    rights |= (files & FILES_WRITE) != 0
                  ? LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                        LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_TRUNCATE
                  : 0;
    rights |= (files & FILES_ARRANGE) != 0
                  ? LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                        LANDLOCK_ACCESS_FS_MAKE_SOCK | RIGHT_REFER
                  : 0;
    return rights;
}

/* Allows these rights below a directory; none is no rule. */
static bool allow_below(int set, int directory, uint64_t rights)
{
    const struct landlock_path_beneath_attr beneath = {.allowed_access = rights,
                                                       .parent_fd = directory};
    return rights == 0 ||
           syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
}

/* The same, of a directory by its name. One that is not there can't be reached in any case. */
static bool allow_below_path(int set, const char *path, uint64_t rights)
{
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return errno == ENOENT;
    }
    bool allowed = allow_below(set, directory, rights);
    int error = errno;
    close(directory);
    errno = error;
    return allowed;
}

/*
 * The same, of the directory that a file stands in, so that the file may be replaced. Where it is a
 * link, another directory has the file, and the next one, as certbot's `live` and `archive`.
 */
static bool allow_beside(int set, const char *file, uint64_t rights)
{
    char path[PATH_MAX];
    if (file == NULL || file[0] == '\0' || rights == 0) {
        return true;
    }
    snprintf(path, sizeof path, "%s", file);
    return allow_below_path(set, dirname(path), rights) &&
           (realpath(file, path) == NULL || allow_below_path(set, dirname(path), rights));
}

static bool allow_file(int set, const char *path, uint64_t rights);

/*
 * The same, of the configuration. Where it stands in the root directory, as in a container, it is the
 * file alone: what is below would be everything.
 */
static bool allow_configuration(int set, const char *file, uint64_t rights)
{
    char path[PATH_MAX];
    if (file == NULL || rights == 0) {
        return true;
    }
    bool is_in_root = realpath(file, path) != NULL && strcmp(dirname(path), "/") == 0;
    return is_in_root ? allow_file(set, file, rights & ~LANDLOCK_ACCESS_FS_READ_DIR)
                      : allow_beside(set, file, rights);
}

/* The same, of the directories that TLS is read from. */
static bool allow_tls(int set, const struct confinement_places *places, uint64_t rights)
{
    for (size_t i = 0; i < CONFINEMENT_TLS_FILES; i++) {
        if (!allow_beside(set, places->tls_files[i], rights)) {
            return false;
        }
    }
    return true;
}

/* The same, of one file; one that is not there can't be reached. */
static bool allow_file(int set, const char *path, uint64_t rights)
{
    int file = open(path, O_PATH | O_CLOEXEC);
    if (file < 0) {
        return errno == ENOENT || errno == ENOTDIR;
    }
    bool allowed = allow_below(set, file, rights);
    int error = errno;
    close(file);
    errno = error;
    return allowed;
}

/* Finds the loader that this program names: the one that it executes was linked by the same. */
static int find_loader(struct dl_phdr_info *object, size_t size, void *context)
{
    const char **loader = context;
    (void)size;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type == PT_INTERP) {
            /* NOLINTNEXTLINE(performance-no-int-to-ptr): the loader gives addresses as numbers */
            *loader = (const char *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
        }
    }
    return 1; /* the first object is the program */
}

/*
 * What executing the program takes, and what a program needs that speaks with servers by their names:
 * libraries, and what is in /etc of names, addresses and authorities.
 */
static bool allow_program(int set, const struct confinement_places *places)
{
    static const char *const read_below[] = {"/lib",
                                             "/lib64",
                                             "/usr/lib",
                                             "/usr/lib64",
                                             "/usr/local/lib",
                                             "/etc",
                                             "/usr/share/zoneinfo",
                                             "/usr/share/ca-certificates"};
    const uint64_t reading = rights_of(FILES_READ);
    const uint64_t executing = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_EXECUTE;
    const char *loader = NULL;
    (void)dl_iterate_phdr(find_loader, &loader);
    if (!allow_file(set, places->program, executing) ||
        (loader != NULL && !allow_file(set, loader, executing))) {
        return false;
    }
    for (size_t i = 0; i < sizeof read_below / sizeof read_below[0]; i++) {
        if (!allow_below_path(set, read_below[i], reading)) {
            return false;
        }
    }
    for (size_t i = 0; i < CONFINEMENT_ENGINE_FILES; i++) {
        if (!allow_beside(set, places->engine_files[i], reading)) {
            return false;
        }
    }
    return true;
}

int confinement_files_make(const struct confinement_rule *rule,
                           const struct confinement_places *places, int version, bool signals,
                           struct failure *failure)
{
    const uint64_t known = known_rights(version);
    const bool executes = rule->executes && places->program[0] != '\0';
    const struct set_attributes attributes = {
        .files = known,
        .network = executes ? NETWORK_BIND : NETWORK_TCP,
        .scopes = SCOPE_SOCKETS | (signals ? 0 : SCOPE_SIGNALS),
    };
    int set = (int)syscall(SYS_landlock_create_ruleset, &attributes, attributes_bytes(version), 0);
    bool made =
        set >= 0 && allow_below(set, places->data_directory, rights_of(rule->data_files) & known) &&
        allow_below_path(set, "/dev/shm", rights_of(rule->shared_files) & known) &&
        allow_beside(set, places->key_file, rights_of(rule->key_files) & known) &&
        allow_tls(set, places, rights_of(rule->tls_files) & known) &&
        allow_configuration(set, places->config_file, rights_of(rule->config_files) & known) &&
        (!executes || allow_program(set, places)) &&
        allow_beside(set, places->token, rights_of(FILES_REMOVE) & known);
    if (made) {
        return set;
    }
    failure_set_errno(failure, "make the Landlock rules of the %s", rule->name);
    if (set >= 0) {
        close(set);
    }
    return -1;
}

bool confinement_files_enter(int set)
{
    return syscall(SYS_landlock_restrict_self, set, 0) == 0;
}
