/*
 * confinement_identity.c - see confinement_identity.h.
 *
 * Capabilities are set by the raw system call (capset(2), capabilities(7)), which is all that
 * libcap would do here.
 */
#include "server/confinement_identity.h"

#include "store/data_access.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROOT = 0, GROUPS_MAX = NGROUPS_MAX, CAPABILITY_BITS = 32 };

bool confinement_is_root(void)
{
    return geteuid() == ROOT;
}

/* ---------------------------------------------------------- capabilities ---- */

/* Sets permitted and effective capabilities to those of a mask, and the inheritable ones to none. */
static bool set_capabilities(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].permitted = data[i].effective = (uint32_t)(mask >> (i * CAPABILITY_BITS));
    }
    return syscall(SYS_capset, &header, data) == 0;
}

uint64_t confinement_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uint64_t mask = 0;
    if (syscall(SYS_capget, &header, data) != 0) {
        return UINT64_MAX;
    }
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        mask |= (uint64_t)data[i].permitted << (i * CAPABILITY_BITS);
    }
    return mask;
}

/*
 * Empties the bounding and the ambient set. Only a process with CAP_SETPCAP may do the first, and
 * one that has no capabilities gets none from it once it may gain no privileges.
 */
static void empty_sets(void)
{
    for (unsigned long capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
         capability++) {
        (void)prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* ----------------------------------------------------------------- users ---- */

static const struct passwd *find_user(const char *name, struct failure *failure)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL) {
        failure_set(failure,
                    "server.user: there is no user '%s' here: make it (useradd --system %s), or "
                    "leave server.user empty",
                    name, name);
        return NULL;
    }
    if (user->pw_uid == ROOT) {
        failure_set(failure, "server.user: %s is root: name a user that may do less", name);
        return NULL;
    }
    return user;
}

/* Adds a group to a list that has room for one more, unless it is there. */
static int add_group(gid_t *groups, int count, const struct data_access *access)
{
    for (int i = 0; i < count; i++) {
        if (groups[i] == access->group) {
            return count;
        }
    }
    if (access->has_group) {
        groups[count++] = access->group;
    }
    return count;
}

/*
 * A user that is no member of data.group could not give files to it. Root could: it has the group
 * for the time when it has no capabilities.
 */
static bool set_groups(const struct passwd *user, const struct data_access *access,
                       struct failure *failure)
{
    static gid_t groups[GROUPS_MAX + 1];
    int count = GROUPS_MAX;
    if (user != NULL) {
        count = getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0 ? -1 : count;
    } else {
        count = getgroups(GROUPS_MAX, groups);
    }
    if (count < 0) {
        return failure_set_errno(failure, "list the groups of server.user");
    }
    count = add_group(groups, count, access);
    return setgroups((size_t)count, groups) == 0 ||
           failure_set_errno(failure, "set the groups of server.user");
}

/*
 * Changes all user and group IDs, and keeps the one right that the start still needs. The signal
 * that tells of the parent's death would be forgotten with the old user.
 */
static bool change_user(const struct passwd *user, struct failure *failure)
{
    int death_signal = 0;
    (void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
        setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0) {
        return failure_set_errno(failure, "become server.user %s", user->pw_name);
    }
    uint64_t kept = UINT64_C(1) << CAP_NET_BIND_SERVICE & confinement_capabilities();
    return (set_capabilities(kept) && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0 &&
            prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) == 0) ||
           failure_set_errno(failure, "give up the capabilities of root");
}

/* ------------------------------------------------------------------ life ---- */

bool confinement_become(const char *user, const char *data_group, struct failure *failure)
{
    struct data_access access;
    const struct passwd *entry = NULL;
    if (user[0] != '\0' && (entry = find_user(user, failure)) == NULL) {
        return false;
    }
    if (!confinement_is_root()) {
        char ours[DATA_ACCESS_USER_BYTES];
        data_access_describe_user(geteuid(), ours);
        return entry == NULL || entry->pw_uid == geteuid() ||
               failure_set(failure,
                           "server.user: only root can become %s, and the server was started as "
                           "%s: start it as root or as %s, or leave server.user empty",
                           user, ours, user);
    }
    if (!data_access_resolve(data_group, &access, failure)) {
        return false;
    }
    if (entry == NULL) {
        return !access.has_group || set_groups(NULL, &access, failure);
    }
    empty_sets();
    return set_groups(entry, &access, failure) && change_user(entry, failure);
}

/* Root that was given up can be had by no call that sets an ID. */
static bool check_no_way_back(struct failure *failure)
{
    if (confinement_capabilities() != 0) {
        return failure_set(failure, "capabilities are left after all were given up");
    }
    bool is_back = !confinement_is_root() &&
                   (setuid(ROOT) == 0 || seteuid(ROOT) == 0 || setresuid(ROOT, ROOT, ROOT) == 0);
    return !is_back || failure_set(failure, "root was given up, and could be got back");
}

bool confinement_give_up_root(struct failure *failure)
{
    empty_sets();
    if (!set_capabilities(0)) {
        return failure_set_errno(failure, "give up the capabilities of root");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return failure_set_errno(failure, "give up new privileges");
    }
    return check_no_way_back(failure);
}
