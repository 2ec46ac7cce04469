/*
 * confinement_rules.c - see confinement_rules.h.
 *
 * A list was found by running all tests with it, and by reading what glibc does: each function may
 * use another system call in another version, and on another machine. `confinement: log` tells what
 * is missing on a new platform.
 */
#include "server/confinement_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>

#define ALWAYS(call)                                                                               \
    {                                                                                              \
        .name = (call)                                                                             \
    }
#define WHERE(call, index, bits, equal)                                                            \
    {                                                                                              \
        .name = (call), .conditions = { {(index), (bits), (equal)} }                               \
    }
#define WHERE_BOTH(call, index, equal, other_index, other_equal)                                   \
    {                                                                                              \
        .name = (call), .conditions = {                                                            \
            {(index), ALL_BITS, (equal)},                                                          \
            {(other_index), ALL_BITS, (other_equal)}                                               \
        }                                                                                          \
    }
#define REFUSED(call, number)                                                                      \
    {                                                                                              \
        .name = (call), .error = (number)                                                          \
    }
#define LIST(list) .calls = (list), .call_count = sizeof(list) / sizeof((list)[0])

#define ALL_BITS UINT32_MAX /* of an int, which is what the kernel looks at */
/* A command of semctl; on some machines glibc adds 0x100, IPC_64, to each. */
#define SEMCTL_BITS (ALL_BITS & ~UINT32_C(0x100))
/* A file that is opened without any of these bits is only read, and is not made. O_TMPFILE has
 * O_DIRECTORY in it, which says nothing of writing. */
#define WRITING_BITS (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
/* fork(2) makes neither a thread nor a namespace. */
#define FORK_BITS                                                                                  \
    (CLONE_VM | CLONE_THREAD | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |         \
     CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)
#define THREAD_BITS (CLONE_VM | CLONE_THREAD | CLONE_NEWUSER)

enum { MIB = 1024 * 1024 };

/* ---------------------------------------------------------------- common ---- */

const struct confinement_call confinement_common[] = {
    /* memory: nothing that could be executed */
    ALWAYS("brk"),
    ALWAYS("munmap"),
    ALWAYS("mremap"),
    WHERE("mmap", 2, PROT_EXEC, 0),
    /* the log; write_to_shared has the timer. With log.format: journald each process has a socket of
     * datagrams, by which it could reach others that have a name (docs/security.md) */
    ALWAYS("write"),
    ALWAYS("writev"),
    ALWAYS("sendto"),
    ALWAYS("setitimer"),
    ALWAYS("poll"),
    ALWAYS("ppoll"),
    ALWAYS("close"),
    ALWAYS("fstat"),
    ALWAYS("newfstatat"),
    ALWAYS("fstatat64"),
    ALWAYS("fstat64"),
    REFUSED("ioctl", ENOTTY),
    /* semaphores and the append lock */
    ALWAYS("futex"),
    ALWAYS("futex_time64"),
    WHERE("semctl", 2, SEMCTL_BITS, GETVAL),
    WHERE("semctl", 2, SEMCTL_BITS, GETNCNT),
    WHERE("semctl", 2, SEMCTL_BITS, GETZCNT),
    WHERE("semctl", 2, SEMCTL_BITS, GETALL),
    /* signals and the clock, where the kernel's page with it can't be used */
    ALWAYS("rt_sigprocmask"),
    ALWAYS("rt_sigaction"),
    ALWAYS("rt_sigreturn"),
    ALWAYS("restart_syscall"),
    ALWAYS("clock_gettime"),
    ALWAYS("clock_gettime64"),
    ALWAYS("gettimeofday"),
    ALWAYS("time"),
    /* the end: exit, abort(3) */
    ALWAYS("exit_group"),
    ALWAYS("getpid"),
    ALWAYS("gettid"),
    ALWAYS("getppid"),
    ALWAYS("geteuid"),
    WHERE_BOTH("tgkill", 0, CONFINEMENT_OWN_PID, 2, SIGABRT),
};

const size_t confinement_common_count = sizeof confinement_common / sizeof confinement_common[0];

/* --------------------------------------------------------------- handler ---- */

static const struct confinement_call handler_calls[] = {
    /* its connection */
    ALWAYS("recvfrom"),
    ALWAYS("shutdown"),
    /* winners, bets.csv for PREFIX, earlier draws: to be read alone */
    WHERE("openat", 2, WRITING_BITS, 0),
    ALWAYS("pread64"),
    /* waits for its turn among connections that a balancer forwards for one host */
    ALWAYS("nanosleep"),
    ALWAYS("clock_nanosleep"),
    ALWAYS("clock_nanosleep_time64"),
    /* the gate; whether the supervisor and the storer live */
    ALWAYS("semop"),
    ALWAYS("semtimedop"),
    ALWAYS("semtimedop_time64"),
    ALWAYS("pidfd_open"),
    WHERE("kill", 1, ALL_BITS, 0),
    /* TLS: OpenSSL reads the socket and the kernel's random numbers; the keyholder is asked over a
     * pair of sockets (key_channel.h). One of datagrams could send to any socket of the machine
     * that has a name, such as the system's log. */
    ALWAYS("read"),
    ALWAYS("getrandom"),
    WHERE("fcntl", 1, ALL_BITS, F_GETFL),
    WHERE("fcntl", 1, ALL_BITS, F_SETFL),
    WHERE_BOTH("socketpair", 0, AF_UNIX, 1, SOCK_SEQPACKET | SOCK_CLOEXEC),
    ALWAYS("sendmsg"),
    ALWAYS("recvmsg"),
    /* whether the kernel has TLS, and the keys for it */
    WHERE_BOTH("setsockopt", 1, SOL_TCP, 2, TCP_ULP),
    WHERE("setsockopt", 1, ALL_BITS, SOL_TLS),
};

const struct confinement_rule confinement_of_handler = {
    .name = "handler",
    LIST(handler_calls),
    .data_files = FILES_READ,
    .memory_bytes = 64 * (uint64_t)MIB,
    .memory_a_message_byte = 64,
    .descriptors = 16,
};

/* ------------------------------------------------------------- keyholder ---- */

static const struct confinement_call keyholder_calls[] = {
    /* not dumpable, also where nothing else is confined */
    WHERE("prctl", 0, ALL_BITS, PR_SET_DUMPABLE),
    /* its key, from a descriptor that it has */
    ALWAYS("read"),
    ALWAYS("pread64"),
    ALWAYS("lseek"),
    /* requests and answers */
    WHERE("setsockopt", 2, ALL_BITS, SO_LINGER),
    ALWAYS("recvmsg"),
    ALWAYS("sendmsg"),
    ALWAYS("getrandom"),
};

const struct confinement_rule confinement_of_keyholder = {
    .name = "keyholder",
    LIST(keyholder_calls),
    .memory_bytes = 64 * (uint64_t)MIB,
    .descriptors = 16,
};

/* ---------------------------------------------------------------- storer ---- */

static const struct confinement_call storer_calls[] = {
    /* its files */
    ALWAYS("openat"),
    ALWAYS("read"),
    ALWAYS("pread64"),
    ALWAYS("pwrite64"),
    ALWAYS("lseek"),
    ALWAYS("fdatasync"),
    ALWAYS("fsync"),
    ALWAYS("ftruncate"),
    ALWAYS("fallocate"),
    ALWAYS("sysinfo"),
    ALWAYS("fadvise64"),
    ALWAYS("renameat"),
    ALWAYS("renameat2"),
    ALWAYS("unlinkat"),
    ALWAYS("fchmod"),
    ALWAYS("fchown"),
    WHERE("fcntl", 1, ALL_BITS, F_GETFL),
    /* the gate, which it sets, and removes in the place of a supervisor that has died */
    WHERE("semctl", 2, SEMCTL_BITS, SETVAL),
    WHERE("semctl", 2, SEMCTL_BITS, IPC_RMID),
    ALWAYS("unlink"),
    /* threads, for the tree of a seal; glibc tries clone3, whose flags no filter can see */
    WHERE("clone", 0, THREAD_BITS, CLONE_VM | CLONE_THREAD),
    REFUSED("clone3", ENOSYS),
    ALWAYS("set_robust_list"),
    ALWAYS("exit"),
    ALWAYS("madvise"),
    WHERE("mprotect", 2, PROT_EXEC, 0),
    ALWAYS("rseq"),
    ALWAYS("sched_getaffinity"),
    ALWAYS("getrandom"),
};

const struct confinement_rule confinement_of_storer = {
    .name = "storer",
    LIST(storer_calls),
    .data_files = FILES_READ | FILES_WRITE,
    .shared_files = FILES_REMOVE,
    .key_files = FILES_READ,
    .memory_bytes = 1024 * (uint64_t)MIB,
    .descriptors = 64,
    .makes_processes = true,
    .writes_files = true,
};

/* --------------------------------------------------------------- shipper ---- */

/* Once it is started it gives up execve, and memory that can be executed (shipper/main.c). */
static const struct confinement_call shipper_calls[] = {
    /* becomes the program: the loader */
    ALWAYS("close_range"),
    ALWAYS("execve"),
    ALWAYS("mmap"),
    ALWAYS("mprotect"),
    ALWAYS("access"),
    ALWAYS("faccessat"),
    ALWAYS("faccessat2"),
    ALWAYS("arch_prctl"),
    ALWAYS("set_tid_address"),
    ALWAYS("set_robust_list"),
    ALWAYS("rseq"),
    ALWAYS("prlimit64"),
    ALWAYS("getrlimit"),
    ALWAYS("ugetrlimit"),
    ALWAYS("statx"),
    ALWAYS("readlink"),
    ALWAYS("readlinkat"),
    ALWAYS("getrandom"),
    ALWAYS("prctl"),
    ALWAYS("seccomp"),
    /* its files */
    ALWAYS("openat"),
    ALWAYS("read"),
    ALWAYS("pread64"),
    ALWAYS("pwrite64"),
    ALWAYS("lseek"),
    ALWAYS("fdatasync"),
    ALWAYS("fsync"),
    ALWAYS("ftruncate"),
    ALWAYS("renameat"),
    ALWAYS("renameat2"),
    ALWAYS("unlinkat"),
    ALWAYS("fchmod"),
    ALWAYS("fchown"),
    ALWAYS("getdents64"),
    ALWAYS("fcntl"),
    ALWAYS("fcntl64"),
    /* the engine, and who it is by name */
    ALWAYS("socket"),
    ALWAYS("connect"),
    ALWAYS("getsockname"),
    ALWAYS("getpeername"),
    ALWAYS("getsockopt"),
    ALWAYS("setsockopt"),
    ALWAYS("sendmsg"),
    ALWAYS("sendmmsg"),
    ALWAYS("recvfrom"),
    ALWAYS("recvmsg"),
    ALWAYS("shutdown"),
    ALWAYS("select"),
    ALWAYS("pselect6"),
    ALWAYS("bind"), /* netlink, where names are looked up; TCP ports are Landlock's */
    ALWAYS("uname"),
    ALWAYS("sysinfo"),
    ALWAYS("getuid"),
    ALWAYS("getgid"),
    ALWAYS("getegid"),
    /* threads; glibc tries clone3, whose flags no filter can see */
    WHERE("clone", 0, THREAD_BITS, CLONE_VM | CLONE_THREAD),
    REFUSED("clone3", ENOSYS),
    ALWAYS("exit"),
    ALWAYS("madvise"),
    ALWAYS("sched_yield"),
    ALWAYS("sched_getaffinity"),
    ALWAYS("clock_getres"),
    ALWAYS("clock_nanosleep"),
    ALWAYS("nanosleep"),
    ALWAYS("sigaltstack"),
    /* whether the storer lives */
    WHERE("kill", 1, ALL_BITS, 0),
};

const struct confinement_rule confinement_of_shipper = {
    .name = "shipper",
    LIST(shipper_calls),
    .data_files = FILES_READ | FILES_WRITE,
    .shared_files = FILES_READ | FILES_WRITE,
    .memory_bytes = 512 * (uint64_t)MIB,
    .descriptors = 64,
    .makes_processes = true,
    .executes = true,
    .writes_files = true,
};

/* ------------------------------------------------------------ supervisor ---- */

static const struct confinement_call supervisor_calls[] = {
    /* children: fork, reap, end, confine */
    WHERE("clone", 0, FORK_BITS, 0),
    REFUSED("clone3", ENOSYS),
    ALWAYS("set_robust_list"),
    ALWAYS("wait4"),
    ALWAYS("waitid"),
    ALWAYS("kill"),
    WHERE("tgkill", 2, ALL_BITS, SIGABRT), /* its filter is its children's, too */
    WHERE("prctl", 0, ALL_BITS, PR_SET_NAME),
    WHERE("prctl", 0, ALL_BITS, PR_SET_PDEATHSIG),
    WHERE("prctl", 0, ALL_BITS, PR_SET_SECCOMP),
    WHERE("prlimit64", 0, ALL_BITS, 0), /* its own limits */
    ALWAYS("landlock_restrict_self"),
    ALWAYS("pipe"),
    ALWAYS("pipe2"),
    ALWAYS("clock_nanosleep"),
    ALWAYS("nanosleep"),
    /* connections and the operator's door */
    ALWAYS("accept4"),
    ALWAYS("listen"), /* a backlog, after a server was replaced */
    ALWAYS("getsockname"),
    ALWAYS("setsockopt"),
    ALWAYS("getsockopt"),
    /* the shared memory and the gate of the next draw */
    ALWAYS("semget"),
    ALWAYS("semctl"),
    ALWAYS("flock"),
    ALWAYS("getrandom"),
    ALWAYS("geteuid"),
    /* earlier draws */
    ALWAYS("mkdirat"),
    ALWAYS("getdents64"),
};

const struct confinement_rule confinement_of_supervisor = {
    .name = "supervisor",
    LIST(supervisor_calls),
    .data_files = FILES_READ | FILES_WRITE | FILES_ARRANGE,
    .shared_files = FILES_READ | FILES_WRITE,
    .key_files = FILES_READ,
    .tls_files = FILES_READ,
    .config_files = FILES_READ,
    .makes_processes = true,
    .executes = true,
    .writes_files = true,
};
