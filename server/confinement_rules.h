/*
 * confinement_rules.h - what each process of the server may do at most.
 *
 * Why it exists: a handler reads what strangers send. If one of them finds a way to make it do
 * something else than it was written for, that is to be worth nothing.
 *
 * Constant data, and the only list of it. The process table (processes.c) names the rule of each
 * kind of process. docs/security.md explains them.
 */
#ifndef SERVER_CONFINEMENT_RULES_H
#define SERVER_CONFINEMENT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As a value: the pid of the process that loads the filter. No process has this one. */
#define CONFINEMENT_OWN_PID UINT32_C(0x7ffffff1)

/* Holds where that argument & mask == value. Without a mask there is none. */
struct confinement_condition {
    unsigned argument; /* its index, 0 to 5; two conditions are about two arguments */
    uint64_t mask, value;
};

enum { CONFINEMENT_CONDITIONS = 2 };

/*
 * One system call that is allowed, where all conditions hold. Several rows of one name are
 * alternatives. With an error, the call is refused with that error, and the process goes on: for
 * calls that the C library tries before another one.
 */
struct confinement_call {
    const char *name; /* as libseccomp knows it; skipped where this machine has no such call */
    struct confinement_condition conditions[CONFINEMENT_CONDITIONS]; /* none after the first one */
    int error;
};

/* What may be done with files below a directory. */
enum confinement_files {
    FILES_READ = 1,   /* open files and directories for reading */
    FILES_REMOVE = 2, /* remove a file */
    FILES_WRITE = 4,  /* open for writing, make, rename within a directory, remove */
    FILES_ARRANGE = 8 /* make and remove directories and sockets, rename between directories */
};

struct confinement_rule {
    const char *name; /* "handler" */
    const struct confinement_call *calls;
    size_t call_count;
    unsigned data_files;   /* enum confinement_files, below the data directory */
    unsigned shared_files; /* the same, below /dev/shm */
    unsigned key_files;    /* the same, in the directory of seal.key */
    unsigned tls_files;    /* the same, in those of tls.certificate, tls.key, tls.ca, tls.crl */
    unsigned config_files; /* beside the configuration, which SIGHUP reads again */
    /* Private memory: so many bytes, and so many for each byte of limits.message_bytes. 0: any. */
    uint64_t memory_bytes, memory_a_message_byte;
    unsigned descriptors; /* open at the same time, besides those that the server has; 0: any */
    bool makes_processes; /* or threads; else its user's limit of them is 0 */
    bool executes;        /* where there is a program for it, that one, and connects by TCP */
    bool writes_files; /* else files that it has open don't grow, unless the log is one of them */
};

/* What every process does, whatever it is for. */
extern const struct confinement_call confinement_common[];
extern const size_t confinement_common_count;

/*
 * Filters stack: a program that a child executes is kept to the child's and to the supervisor's. So the
 * rights of the shipper, which is a program of its own, are the supervisor's, too, but only where there is
 * one. The supervisor may do what its children may, because a process can't have more rights than its
 * parent, and what confines them.
 */
extern const struct confinement_rule confinement_of_supervisor;
extern const struct confinement_rule confinement_of_storer;
extern const struct confinement_rule confinement_of_handler;
extern const struct confinement_rule confinement_of_keyholder;
extern const struct confinement_rule confinement_of_shipper;

#endif
