/*
 * flush.pml - the storer's threads, whose syncs overlap, and the kernel that they trust.
 *
 * The steps are those of server/storer/flush.c (flush_write, flush_sync, flush_settle,
 * flush_appended, sync_written), of crew.c there (crew_serve, work, sync_as_follower, crew_flush),
 * of disk.c (disk_sync, disk_distrust), of storer.c (take_over, has_work, store, drain,
 * serve_round, store_lottery), of shm/ring.c (ring_report_durable), of shm/waiting.c (wake_storer,
 * wait_for_work) and of server/supervisor/ (keeper_bury; tally.c and witnesses.c of a start). One
 * step here is one access to shared memory there, or one byte of a pwrite. Whether an overlap pays
 * (overlap.c) is left open each time. The handlers that wait are those of waiting.pml: here one
 * appender appends byte after byte as long as there is space, asks to be done, and the server is
 * stopped by SIGTERM when all of that is safe, or at any time before (not with FAITHFUL).
 *
 * The kernel writes dirty bytes back when it likes, in any order. CRASHES times the storer's process
 * is killed, with all its threads. CUTS times all processes are killed, or the power is cut, or a
 * server that has stopped is started again. FAILS (0 or 1) write-backs fail, of one byte or of two
 * that share a page. What has failed counts as clean (LOST) and errseq_t tells it: once by each open
 * file description, and by those opened later only if it has been told by none.
 *
 * fdatasync is taken for less than it is. It waits until the bytes below the `written` that was
 * read before it are written back, by whomever, and makes these bytes stay; others may be lost.
 *
 * Shown: what is below durable is on the disk, so that no power loss takes it, and no start that
 * reads past the page cache finds it missing; durable never goes back; durable <= written <= head
 * <= written + ring, and [durable, written) is no more than a ring; what a start cuts off is no
 * more than that, either; two threads never write at once; after a failed sync no storer goes on;
 * a DONE is told after its bets are durable; a server has drained only if nothing has failed. There
 * are no ends but a server that has drained, with all that was appended durable, and one that has
 * stopped for a sync that failed. There are no cycles (`-DNP`), so every run gets to such an end; but
 * a leader goes round and round while another thread has noted its failure in the segment and not
 * yet in struct disk, which is two instructions later (NOTE_IN_ONE_STEP leaves that out).
 *
 * A process that is killed inside fdatasync still takes the error, and can't note it. That is
 * KILLED_IN_SYNC; without it a kill comes before the error is told, or after it was noted.
 */

#ifndef THREADS
#define THREADS 2
#endif
#ifndef BYTES
#define BYTES 3
#endif
#ifndef RING_BYTES
#define RING_BYTES 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 0
#endif
#ifndef FAILS
#define FAILS 1
#endif

/* what the kernel and the disk have of each byte of bets.csv */
#define ABSENT       0
#define DIRTY        1 /* in the page cache, and not written back */
#define WRITTEN_BACK 2 /* the disk was given it, and may still lose it */
#define ON_DISK      3 /* for good */
#define LOST         4 /* its write-back failed: it counts as clean */
byte bytes[BYTES];
byte size; /* of the file */

/* errseq_t: the file's, and what each description has told. OF_STORAGE is storage->bets. */
#define NO_ERROR   0
#define UNSEEN     1
#define SEEN       2
#define OF_STORAGE THREADS
byte error;
bool told[THREADS + 1];
byte fails_left = FAILS;

#if defined(SHARED_DESCRIPTOR)
#define DESCRIPTION_OF(t) OF_STORAGE
#elif defined(FIRST_SHARES)
#define DESCRIPTION_OF(t) ((t) == 0 -> OF_STORAGE : (t))
#else
#define DESCRIPTION_OF(t) (t)
#endif

/* the segment */
byte head, written, durable;
bool sync_failed, sleeping, token, done_pending;
bool asked, done_told; /* the agency */

/* the storer's process: struct crew, struct disk */
#define FREE 255
byte leader = FREE; /* who has the mutex */
#define GOES_ON 0
#define DRAINED 1
#define FAILED  2
byte work;
bool trusted;
byte unnoted;  /* syncs that have failed, and whose thread has not noted it in the segment */
byte writers;  /* threads between pwrite's first byte and its last one */

/* processes and threads */
#define RUNNING 1
#define DEAD    2
#define EXITED  3
byte life;
bool exists[THREADS];
bool down;      /* no process of the server is left */
bool terminate; /* SIGTERM */
bool stopped;   /* and is not started again */
byte crashes_left = CRASHES, cuts_left = CUTS;

/* ------------------------------------------------------------------- the kernel ---- */

#define IS_CLEAN(b, end) ((b) >= (end) || bytes[b] != DIRTY)
#if BYTES == 2
#define ARE_CLEAN(end) (IS_CLEAN(0, end) && IS_CLEAN(1, end))
#elif BYTES == 3
#define ARE_CLEAN(end) (IS_CLEAN(0, end) && IS_CLEAN(1, end) && IS_CLEAN(2, end))
#else
#define ARE_CLEAN(end) \
    (IS_CLEAN(0, end) && IS_CLEAN(1, end) && IS_CLEAN(2, end) && IS_CLEAN(3, end))
#endif

inline write_back(b)
{
    if
    :: bytes[b] = WRITTEN_BACK
    :: fails_left > 0 ->
        fails_left--;
        bytes[b] = LOST;
        error = UNSEEN;
        if
        :: b + 1 < BYTES && bytes[(b + 1) % BYTES] == DIRTY -> bytes[(b + 1) % BYTES] = LOST
        :: true
        fi
    fi
}

proctype kernel()
{
end_all_is_clean:
    do
    :: atomic { !down && bytes[0] == DIRTY -> write_back(0) }
    :: atomic { !down && bytes[1] == DIRTY -> write_back(1) }
#if BYTES > 2
    :: atomic { !down && bytes[2] == DIRTY -> write_back(2) }
#endif
#if BYTES > 3
    :: atomic { !down && bytes[3] == DIRTY -> write_back(3) }
#endif
    od
}

/* open(2): errseq_sample */
#define OPEN(d) told[d] = (error == SEEN)

/* What fdatasync tells in the end: errseq_check_and_advance. */
inline take_error(d, success)
{
    success = (error == NO_ERROR || told[d]);
    if
    :: !success -> told[d] = true; error = SEEN
    :: else
    fi
}

/* ------------------------------------------------------------- shm/, both sides ---- */

inline wake_storer()
{
    if
    :: sleeping -> token = true
    :: else
    fi
}

inline wait_for_work()
{
    token = false; /* drain */
    sleeping = true;
    if /* has_work; a look after the other, and none of them is taken back but by the leader */
    :: head != written
    :: else ->
        if
        :: done_pending
        :: else ->
#ifndef DEAF_TO_FAILURE
            if
            :: sync_failed
            :: else ->
#endif
                if
                :: terminate
                :: else -> atomic { token -> token = false }
                fi
#ifndef DEAF_TO_FAILURE
            fi
#endif
        fi
    fi;
    sleeping = false
}

inline check_durable()
{
    at = 0;
    do
    :: at < durable -> assert(bytes[at] == ON_DISK); at++
    :: else -> break
    od;
    at = 0
}

inline report_durable(position)
{
    d_step {
#ifdef DURABLE_GOES_BACK
        assert(position >= durable);
        durable = position;
#else
        durable = (position > durable -> position : durable);
#endif
        assert(durable <= written);
        check_durable()
    }
}

/* ------------------------------------------------------------------- the lead, a mutex ---- */

inline lead(me)
{
    atomic { leader == FREE -> leader = me }
}

inline follow()
{
    leader = FREE
}

/* -------------------------------------------------------- server/storer/disk.c, flush.c ---- */

inline disk_distrust()
{
#ifdef NOTE_IN_ONE_STEP
    atomic { sync_failed = true; trusted = false; unnoted-- }
#else
    atomic { sync_failed = true; unnoted-- };
    trusted = false
#endif
}

/* sync_written, by description d */
inline sync_written(d)
{
    atomic {
#ifdef OPEN_FOR_EACH_SYNC
        OPEN(d);
#endif
        end = written;
        syncing = true
    };
#ifdef REPORT_BEFORE_SYNC
    report_durable(end);
#endif
    atomic {
        ARE_CLEAN(end) ->
        d_step {
            at = 0;
            do
            :: at < end && bytes[at] == WRITTEN_BACK -> bytes[at] = ON_DISK; at++
            :: at < end && bytes[at] != WRITTEN_BACK -> at++
            :: else -> break
            od;
            at = 0
        };
        take_error(d, ok);
        syncing = false;
        unnoted = unnoted + !ok
    };
    if
    :: !ok ->
#ifdef NOTE_AT_THE_END
        atomic { trusted = false; unnoted-- }
#else
        disk_distrust()
#endif
    :: else ->
#ifdef END_AFTER_SYNC
        end = written;
#endif
#ifndef NO_TRUST_CHECK
        ok = trusted
#else
        skip
#endif
    fi
}

inline flush_sync(d)
{
    sync_written(d);
    if
    :: ok -> report_durable(end)
    :: else
    fi;
    end = 0
}

inline flush_settle()
{
    if
    :: durable == written
    :: else -> flush_sync(OF_STORAGE)
    fi
}

inline flush_write(me)
{
    to = head; /* ring_take_pending */
    assert(written <= head && head <= written + RING_BYTES);
    if
    :: to == written
    :: else ->
#ifndef NO_RING_BOUND
        if
        :: to > durable + RING_BYTES -> flush_settle()
        :: else
        fi;
#endif
        if
        :: ok ->
            atomic { assert(writers == 0); writers++; at = written };
            do
            :: at < to ->
                d_step {
                    bytes[at] = (bytes[at] == ON_DISK -> ON_DISK : DIRTY);
                    at++;
                    size = (at > size -> at : size)
                }
            :: else -> break
            od;
            atomic { writers--; at = 0 };
#ifdef LEAD_BEFORE_WRITTEN
            follow();
#endif
            d_step { /* report_written */
                assert(to >= written);
                written = to;
                assert(written <= durable + RING_BYTES)
            }
#ifdef LEAD_BEFORE_WRITTEN
            ;
            lead(me)
#endif
        :: else
        fi
    fi;
    to = 0
}

inline flush_appended(me)
{
    flush_write(me);
    if
    :: ok -> flush_settle()
    :: else
    fi
}

/* ---------------------------------------------------------------- server/storer/crew.c ---- */

inline sync_as_follower(me)
{
#ifndef WRITE_WITHOUT_LEAD
    follow();
#endif
    flush_sync(DESCRIPTION_OF(me));
#ifndef NO_WAKE_ON_FAILURE
    if
    :: !ok -> wake_storer()
    :: else
    fi;
#endif
    lead(me);
    ok = ok && work == GOES_ON
}

inline crew_flush(me)
{
#ifdef WRITE_WITHOUT_LEAD
    follow();
#endif
    flush_write(me);
#ifdef WRITE_WITHOUT_LEAD
    if
    :: ok -> sync_as_follower(me)
    :: else -> lead(me)
    fi
#else
    if
    :: ok -> sync_as_follower(me)      /* an overlap pays */
    :: ok -> flush_sync(DESCRIPTION_OF(me)) /* in the lead */
    :: else
    fi
#endif
}

/* -------------------------------------------------------------- server/storer/storer.c ---- */

/* done_round_store_asked; what is stored of it is lottery.pml's */
inline store_asked(me)
{
    if
    :: atomic { done_pending -> done_pending = false };
        if
        :: asked && !done_told ->
            flush_appended(me);
            if
            :: ok -> atomic { assert(durable == BYTES); done_told = true }
            :: else
            fi
        :: else
        fi
    :: else
    fi
}

inline serve_round(me)
{
    if
    :: head != written -> crew_flush(me)
    :: else
    fi;
    ok = ok && trusted;
    if
    :: ok -> store_asked(me)
    :: else
    fi;
    if
    :: !ok -> work = (work == GOES_ON -> FAILED : work)
    :: else ->
        if
        :: terminate -> /* drain */
#ifdef DRAINED_BY_WRITTEN
            if
            :: head == written -> work = DRAINED
#else
            flush_settle();
            if
            :: !ok -> work = FAILED
            :: ok && head == durable -> work = DRAINED
#endif
            :: else
            fi
        :: else -> wait_for_work()
        fi
    fi
}

inline serve(me)
{
    lead(me);
    do
    :: work == GOES_ON -> serve_round(me)
    :: else -> break
    od;
    follow()
}

inline take_over()
{
    OPEN(OF_STORAGE); /* storage_open_bets, then flush_inherited */
#ifdef INHERIT_WITHOUT_SYNC
    report_durable(written);
#else
#ifndef INHERIT_WITHOUT_REWRITE /* rewrite_inherited */
    d_step {
        at = durable;
        do
        :: at < written -> bytes[at] = (bytes[at] == ON_DISK -> ON_DISK : DIRTY); at++
        :: else -> break
        od;
        at = 0
    };
#endif
    flush_settle();
#endif
    done_pending = true /* agencies_announce_done */
}

/* Thread 0 opens the descriptions of all, and starts the others: engage_all. */
inline engage_all()
{
    d_step {
        at = 0;
        do
        :: at < THREADS -> OPEN(at); exists[at] = true; at++
        :: else -> break
        od;
        at = 0
    }
}

#if THREADS == 2
#define OTHERS_EXIST (exists[1])
#define NOBODY       (!exists[0] && !exists[1])
#else
#define OTHERS_EXIST (exists[1] || exists[2])
#define NOBODY       (!exists[0] && !exists[1] && !exists[2])
#endif

/* store_lottery */
inline be_storer()
{
    if
#ifndef GO_ON_AFTER_FAILURE
    :: sync_failed -> trusted = false; work = FAILED
#endif
    :: else ->
        take_over();
        if
        :: ok -> engage_all(); serve(0); !OTHERS_EXIST /* release_all */
        :: else -> work = FAILED
        fi
    fi;
    atomic {
#ifdef NOTE_AT_THE_END
        sync_failed = sync_failed || !trusted;
#endif
        life = EXITED
    }
}

proctype thread(byte me)
{
    byte end; /* of what the sync is for */
    byte to;  /* of what is written */
    byte at;
    bool ok = true, syncing;
end_no_storer:
    do
    :: exists[me] ->
        {
            if
            :: me == 0 -> be_storer()
            :: else -> serve(me)
            fi
        } unless {
            life == DEAD
        };
#ifdef KILLED_IN_SYNC
        if
        :: syncing && !down -> atomic { /* the system call goes on to its end */
            ARE_CLEAN(end) || down -> take_error(DESCRIPTION_OF(me), ok) }
        :: else
        fi;
#endif
        d_step {
            end = 0;
            to = 0;
            at = 0;
            ok = true;
            syncing = false;
            exists[me] = false
        }
    od
}

/* ------------------------------------------------------------------------- the rest ---- */

#define MAY_ASK (!down && !terminate)
#ifdef FAITHFUL
#define GOES_AWAY false
#else
#define GOES_AWAY true /* whatever it waits for */
#endif

proctype appender()
{
end_nothing_to_do:
    do
    :: atomic { MAY_ASK && head < BYTES && head < written + RING_BYTES -> head++ };
        wake_storer();
        if
        :: true /* the next batch is sent at once */
        :: true ->
end_waits_for_ack:
            durable >= head || down || terminate
        fi
    :: atomic { MAY_ASK && head == BYTES && !asked -> asked = true; done_pending = true };
        wake_storer()
    :: atomic { MAY_ASK && (durable == BYTES && done_told || GOES_AWAY) ->
            terminate = true; token = true } /* signals_post_on_terminate */
    od
}

inline start_storer()
{
    d_step {
        leader = FREE;
        work = GOES_ON;
        trusted = true;
        unnoted = 0;
        writers = 0;
        sleeping = false;
        token = false;
        down = false;
        exists[0] = true;
        life = RUNNING
    }
}

/* A power loss takes of what was not synced what it likes. The next kernel knows of no error. */
inline lose(b)
{
    if
    :: bytes[b] == DIRTY || bytes[b] == WRITTEN_BACK -> bytes[b] = ABSENT
    :: bytes[b] == DIRTY || bytes[b] == WRITTEN_BACK -> bytes[b] = ON_DISK
    :: bytes[b] == LOST -> bytes[b] = ABSENT
    :: else
    fi
}

inline cut_power()
{
    lose(0);
    lose(1);
#if BYTES > 2
    lose(2);
#endif
#if BYTES > 3
    lose(3);
#endif
    error = NO_ERROR;
    do /* the file may end where its last byte does */
    :: size > 0 && bytes[size - 1] == ABSENT -> size--
    :: else -> break
    od
}

/*
 * tally_count syncs, has the kernel forget the end, and counts; witnesses_agree judges what is to be
 * cut off; ring_start_at. A start whose own sync fails refuses: here it is one that had no failure.
 */
inline recover()
{
    d_step {
        at = 0;
        do
        :: at < BYTES ->
            if
            :: bytes[at] == DIRTY || bytes[at] == WRITTEN_BACK -> bytes[at] = ON_DISK
#ifndef TRUST_PAGE_CACHE
            :: bytes[at] == LOST -> bytes[at] = ABSENT
#endif
            :: else
            fi;
            at++
        :: else -> break
        od;
        error = (error == NO_ERROR -> NO_ERROR : SEEN);
        at = 0;
        do
        :: at < size && bytes[at] != ABSENT -> at++
        :: else -> break
        od;
        assert(size <= at + RING_BYTES); /* else the start refuses: a crash can't have left it */
        assert(at >= durable);           /* what was acknowledged is there */
        head = at;
        written = at;
        durable = at;
        size = at;
        do
        :: at < BYTES -> bytes[at] = ABSENT; at++
        :: else -> break
        od;
        check_durable();
        sync_failed = false;
        done_pending = false;
        terminate = false;
        asked = done_told
    }
}

proctype supervisor()
{
    byte at;
    start_storer();
    do
    :: life == DEAD && NOBODY ->
        if
        :: down -> recover()
        :: else
        fi;
        start_storer()
    :: life == EXITED && NOBODY ->
        if
        :: work == DRAINED -> atomic {
            assert(durable == head && !sync_failed);
#ifdef FAITHFUL
            assert(durable == BYTES && done_told);
#endif
            stopped = true;
            break }
        :: else -> /* STORER_EXIT_DISK_DISTRUSTED */
            assert(sync_failed);
            if
            :: atomic { cuts_left > 0 -> cuts_left--; down = true }; recover(); start_storer()
            :: atomic { stopped = true; down = true; break }
            fi
        fi
    od
}

#ifdef KILLED_IN_SYNC
#define MAY_BE_KILLED (life == RUNNING)
#else
#define MAY_BE_KILLED (life == RUNNING && unnoted == 0)
#endif

proctype killer()
{
    do
    :: atomic { crashes_left > 0 && MAY_BE_KILLED -> crashes_left--; life = DEAD }
    :: atomic { cuts_left > 0 && life == RUNNING ->
            cuts_left--;
            life = DEAD;
            down = true;
            if
            :: cut_power()
            :: true /* all processes are killed */
            fi }
    :: stopped -> break
    od
}

init
{
    atomic {
        run kernel();
        run supervisor();
        run appender();
        run killer();
        run thread(0);
        run thread(1);
#if THREADS > 2
        run thread(2);
#endif
    };
    stopped
}
