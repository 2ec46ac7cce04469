/*
 * waiting.pml - how handlers, the storer and the shipper sleep, and how they wake each other.
 *
 * The steps are those of shm/waiting.c (wait_until, wake_storer, wake_waiters, wake_for_space,
 * wake_slot, wake_everybody, wait_for_work, wait_set_up_storer), of shm/slots.c (slot_set_up,
 * slot_release), of shm/ring.c (stand_in_line, ring_append), of shm/agencies.c (agencies_ask_done,
 * agencies_take_done_news, agencies_next_asked), of server/storer/ (flush_appended, done_round_store_asked, take_over) and
 * of server/supervisor/children.c, accepting.c and keeper.c (bury_handler, start_handler, fork_storer). One step here is one access to shared memory there.
 * What the lock guards is one step: append.pml takes it apart.
 *
 * With SHIPPER, acknowledgements wait for what the engine has (ack_after: replicated): the storer then
 * wakes the shipper alone, and the shipper (shipper/shipper.c, shm/replica.c) wakes the handlers.
 *
 * Handlers, the storer and the shipper can be killed before each of their writes and while they
 * sleep. (To die before a read is to die before the next write: nobody can tell the difference.)
 *
 * Shown: whoever waits is answered as long as storers are replaced. There are no ends but those
 * where everybody has been answered and everything is durable (`init` below), and there are no
 * cycles at all (`-DNP`), so every run gets to such an end without any assumption of fairness.
 * wait_until's look around after a second (LOOK_AROUND_MS) is left out: nobody needs it.
 */

#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef BETS_0
#define BETS_0 1 /* of the agency in slot 0 */
#endif
#ifndef BETS_1
#define BETS_1 1
#endif

#define SLOTS       2
#define RING_BYTES  1 /* of one byte a bet: the second appender waits for space */
#define TOKENS_MAX  6
#define BETS_OF(s)  ((s) == 0 -> BETS_0 : BETS_1)

#define SPACE       0 /* enum wait_kind */
#define COMMIT      1
#define DONE        2
#define BIT(kind, s) bits[(kind) * SLOTS + (s)]

#define OPEN        0 /* enum agency_phase; the agency of slot s has number s */
#define ASKED       1
#define IS_DONE     2
#define EVERY_POSITION 255

/* struct shared_positions, shared_storer, shared_waiters */
byte head, written, durable;
#ifdef SHIPPER
byte replicated;
bool ship_sleeping, ship_token; /* struct shared_shipper */
#define SAFE replicated /* what acknowledgements wait for: heritage_safe_position */
#else
#define SAFE durable
#endif
bool done_pending;
bool sleeping;
bool storer_token; /* the storer drains before each sem_wait: to it any number of them is one */
bool bits[6];
bool space_is_scarce;

/* struct slot */
byte awaited[SLOTS];
bool slot_pid[SLOTS];
byte tokens[SLOTS];

/* struct agency, and its line in done.csv */
byte phase[SLOTS];
byte appended[SLOTS];
byte end_position[SLOTS];
bool in_done_csv[SLOTS];

/* the append mutex */
byte owner; /* 0: free; slot + 1 */
bool owner_died;

/* what fork, SIGKILL and waitpid do */
#define NOBODY  0
#define RUNNING 1
#define DEAD    2
byte handler_life[SLOTS];
byte storer_life;
#ifdef SHIPPER
byte shipper_life;
bool shipper_works;
#endif
bool storer_ready, storer_works;
byte follower_end; /* of what another thread of the storer syncs; 0: none does */
byte crashes_left; /* chosen first, so that runs with fewer of them come to their end, too */

/* what the agencies know */
bool answered[SLOTS]; /* it has its ACK for DONE, and before that for every bet */
bool gone[SLOTS];     /* it went away with its connection and never comes back */

/* A write, or instead of it the end of this process. */
#define MAY_DIE  :: crashes_left > 0 -> crashes_left--; goto died
#define WRITE(statement) \
    atomic { \
        if \
        :: true \
        MAY_DIE \
        fi; \
        statement \
    }
#define SEM_WAIT(semaphore) \
    if \
    :: atomic { semaphore > 0 -> semaphore-- } \
    :: atomic { crashes_left > 0 -> crashes_left--; goto died } \
    fi

inline post(semaphore)
{
    semaphore++;
    assert(semaphore < TOKENS_MAX)
}

/* ------------------------------------------------------------ shm/waiting.c, handlers ---- */

inline wake_storer()
{
    if
    :: sleeping -> WRITE(storer_token = true)
    :: else
    fi
}

inline wake_shipper()
{
#ifdef SHIPPER
    if
    :: ship_sleeping -> WRITE(ship_token = true)
    :: else
    fi
#else
    skip
#endif
}

inline remind_shipper()
{
#ifdef SHIPPER
    if
    :: durable > replicated -> wake_shipper()
    :: else
    fi
#else
    skip
#endif
}

inline wait_until(s, kind, position, target)
{
    if
    :: position >= target
    :: else ->
#ifndef DRAIN_AFTER_BIT
        WRITE(tokens[s] = 0); /* drain takes effect at its last, failing sem_trywait */
#endif
        WRITE(awaited[s] = target);
        WRITE(BIT(kind, s) = true);
#ifdef DRAIN_AFTER_BIT
        WRITE(tokens[s] = 0);
#endif
#ifdef LOOK_BEFORE_BIT
        WRITE(BIT(kind, s) = false);
#endif
        do
        :: position >= target -> break
        :: else ->
#ifdef LOOK_BEFORE_BIT
            WRITE(BIT(kind, s) = true);
#endif
            wake_storer();
#if defined(SHIPPER) && !defined(NO_POKE_OF_SHIPPER)
            remind_shipper();
#endif
            SEM_WAIT(tokens[s]);
#ifndef BIT_ONCE
            WRITE(BIT(kind, s) = true)
#endif
        od;
        WRITE(BIT(kind, s) = false)
    fi
}

/* ---------------------------------------------- shm/append_lock.c, as far as waiting goes ---- */

/*
 * Only a DONE that is marked and not announced is of interest here, so the lock is taken apart for
 * that one alone. LOCKED starts with what the next owner does: repair.
 */
#define LOCKED \
    owner == 0; \
    if \
    :: owner_died -> done_pending = true; owner_died = false \
    :: else \
    fi

/* --------------------------------------------------------------------- shm/ring.c ---- */

/* The flag is a hint, so it may be older or newer than what is looked at after it. */
inline stand_in_line(s, target)
{
    if
    :: space_is_scarce ->
        target = written + 1;
#ifndef WAITS_AT_AN_EMPTY_RING
        if
        :: head == target - 1
        :: else -> wait_until(s, SPACE, written, target)
        fi
#else
        wait_until(s, SPACE, written, target)
#endif
    :: else
    fi
}

inline ring_append(s, space_at)
{
    stand_in_line(s, space_at);
    do
    :: atomic { /* try_append */
           if
           :: true
           MAY_DIE
           fi;
           LOCKED;
           if
           :: head + 1 <= written + RING_BYTES ->
               head++;
               appended[s]++;
               end_position[s] = head;
               space_at = 0
           :: else -> space_at = head + 1 - RING_BYTES
           fi
       };
        if
        :: space_at == 0 -> break
        :: else -> wait_until(s, SPACE, written, space_at)
        fi
    od;
    wake_storer()
}

/* ----------------------------------------------------------------- shm/agencies.c ---- */

inline agencies_claim(s, position)
{
    atomic { LOCKED; position = end_position[s] }
}

inline agencies_ask_done(s)
{
    atomic {
        LOCKED;
        if
        :: phase[s] == OPEN -> phase[s] = ASKED /* a compare and exchange */
        :: else
        fi;
        owner = s + 1
    };
    WRITE(done_pending = true; owner = 0); /* fault point "done.marked" */
    wake_storer()
}

/* -------------------------------------------------- server/handler/handler.c, one connection ---- */

/* An agency that resumes: STATUS, the bets that are missing, DONE. */
inline live(s, target)
{
    agencies_claim(s, target);
    wait_until(s, COMMIT, SAFE, target);
    do
    :: appended[s] < BETS_OF(s) ->
        ring_append(s, target);
        target = end_position[s];
        wait_until(s, COMMIT, SAFE, target) /* batches_wait_for_oldest */
    :: else -> break
    od;
#ifndef WITHOUT_DONE
#ifdef TRUST_STATE
    /* an agency that takes STATE's "done" for an ACK, and goes on to wait for the draw */
    if
    :: phase[s] != OPEN -> phase[s] == IS_DONE
    :: else -> agencies_ask_done(s); wait_until(s, DONE, phase[s], IS_DONE)
    fi;
#else
    agencies_ask_done(s);
    wait_until(s, DONE, phase[s], IS_DONE);
#endif
    assert(in_done_csv[s]);
#endif
    atomic { assert(durable >= end_position[s] && SAFE >= end_position[s]); answered[s] = true }
}

proctype handler(byte s)
{
    byte target;
end_no_connection:
    do
    :: handler_life[s] == RUNNING ->
        live(s, target);
died:
        atomic {
            target = 0;
            handler_life[s] = DEAD;
            if
            :: owner == s + 1 -> owner = 0; owner_died = true
            :: else
            fi
        }
    od
}

/* ------------------------------------------------------------- shm/waiting.c, storer ---- */

inline wake_slot(kind, s, reached)
{
    if
    :: awaited[s] > reached
    :: else ->
#ifdef POST_BEFORE_CLEAR
        WRITE(post(tokens[s]));
        WRITE(BIT(kind, s) = false)
#else
        WRITE(BIT(kind, s) = false);
        WRITE(post(tokens[s]))
#endif
    fi
}

inline wake_waiters(kind, reached)
{
    atomic { left_0 = BIT(kind, 0); left_1 = BIT(kind, 1) };
    if
    :: left_0 -> wake_slot(kind, 0, reached)
    :: else
    fi;
    if
    :: left_1 -> wake_slot(kind, 1, reached)
    :: else
    fi;
    left_0 = false;
    left_1 = false
}

/*
 * In turn, as far as there is space that is not promised: with whom a round begins and ends can be
 * anybody, so promised_head is left out. The flag says whether anybody was left.
 */
inline wake_for_space(reached)
{
    atomic { left_0 = BIT(SPACE, 0); left_1 = BIT(SPACE, 1) };
    if
    :: left_0 -> wake_slot(SPACE, 0, reached)
    :: true
    fi;
    if
    :: left_1 -> wake_slot(SPACE, 1, reached)
    :: true
    fi;
    left_0 = false;
    left_1 = false;
    WRITE(space_is_scarce = BIT(SPACE, 0) || BIT(SPACE, 1))
}

inline wake_if_there(s)
{
    if
    :: slot_pid[s] -> WRITE(post(tokens[s]))
    :: else
    fi
}

inline wait_for_work()
{
    WRITE(storer_token = false); /* drain */
#ifndef LOOK_BEFORE_SLEEPING
    WRITE(sleeping = true);
#endif
    if /* has_unstored: two looks */
    :: head != written
    :: else ->
        if
        :: done_pending
        :: else ->
#ifdef LOOK_BEFORE_SLEEPING
            WRITE(sleeping = true);
#endif
end_asleep:
            SEM_WAIT(storer_token)
        fi
    fi;
    WRITE(sleeping = false)
}

/* ----------------------------------------------------------------------- server/storer/ ---- */

inline report_durable()
{
    WRITE(durable = (end > durable -> end : durable));
#ifndef NO_SECOND_ROUND
    if /* nobody has used the space: no other flush is to come */
    :: head == written -> wake_waiters(SPACE, end)
    :: else
    fi;
#endif
#ifdef SHIPPER
    wake_shipper();
#else
    wake_waiters(COMMIT, end);
#endif
    end = 0
}

inline flush_write()
{
    end = head; /* ring_take_pending; written is the leader's own */
    if
    :: end == written
    :: else ->
        WRITE(written = end); /* pwrite has returned */
        wake_for_space(end)
    fi;
    end = 0
}

inline flush_settle()
{
    atomic {
        if
        :: durable == written -> end = 0
        :: else -> end = written
        fi
    };
    if
    :: end == 0
    :: else -> report_durable() /* fdatasync has returned */
    fi
}

inline flush_appended()
{
    flush_write();
    flush_settle()
}

/* crew_flush. Who leads on, and who has the sync, is open until it has returned. */
inline flush()
{
    if
    :: head == written
    :: else ->
        flush_write();
        end = written;
        if
        :: report_durable()
#ifdef FOLLOWER
        :: atomic { follower_end == 0 -> follower_end = end; end = 0 }
#endif
        fi
    fi
}

inline mark_done(s, in_round)
{
    if
    :: in_round -> WRITE(phase[s] = IS_DONE)
    :: else
    fi
}

inline store_done()
{
    WRITE(news = done_pending; done_pending = false);
    if
    :: !news
    :: else ->
        do
        :: round_0 = (phase[0] == ASKED); /* gather_asked */
            round_1 = (phase[1] == ASKED);
            if
            :: !round_0 && !round_1 -> break
            :: else ->
                flush_appended(); /* as done_round_store_asked does before it stores a line */
                WRITE(in_done_csv[0] = in_done_csv[0] || round_0; /* one write, one fdatasync */
                      in_done_csv[1] = in_done_csv[1] || round_1);
                mark_done(0, round_0);
                mark_done(1, round_1);
                round_0 = false;
                round_1 = false;
                wake_waiters(DONE, EVERY_POSITION)
            fi
        od
    fi;
    news = false
}

inline take_over()
{
#if defined(SHIPPER) && !defined(NO_COUNT_AT_START)
    wake_shipper(); /* storage_open: replica_note_file, of control */
#endif
    flush_settle();
    mark_done(0, in_done_csv[0]); /* done_file_open calls note_stored_done */
    mark_done(1, in_done_csv[1]);
#ifndef NO_DONE_NEWS
    WRITE(done_pending = true);
#endif
#ifndef NO_WAKE_EVERYBODY
    wake_if_there(0);
    wake_if_there(1);
#endif
    WRITE(storer_ready = true)
}

/* The threads of a process die together. */
#ifdef FOLLOWER
#define UNLESS_DEAD unless { storer_life == DEAD }
#else
#define UNLESS_DEAD
#endif

proctype storer()
{
    byte end;
    bool left_0, left_1, round_0, round_1, news;
end_no_storer:
    do
    :: storer_life == RUNNING ->
        storer_works = true;
        {
            take_over();
            do
            :: flush(); store_done(); wait_for_work()
            od
        } UNLESS_DEAD;
died:
        atomic {
            storer_life = DEAD;
            storer_works = false;
            end = 0;
            left_0 = false;
            left_1 = false;
            round_0 = false;
            round_1 = false;
            news = false
        }
    od
}

#ifdef FOLLOWER
/* Another thread of the storer, whose sync has returned. */
proctype follower()
{
    byte end;
    bool left_0, left_1;
end_no_sync:
    do
    :: follower_end != 0 ->
        {
            end = follower_end;
            report_durable();
            follower_end = 0;
            goto done
        } unless { storer_life == DEAD };
died:
        atomic { storer_life = DEAD; end = 0; left_0 = false; left_1 = false; follower_end = 0 };
done:
        skip
    od
}
#endif

#ifdef SHIPPER
/* ------------------------------------------------------- shipper/shipper.c, shm/replica.c ---- */

/* It has the log's answer when it tells: what it had told before it died, the next one tells again. */
inline replica_report_bets()
{
    if
    :: replicated >= end
    :: else ->
        WRITE(replicated = end);
        wake_waiters(COMMIT, end);
        if /* a storer may wait for the copy to be complete */
        :: end == head -> wake_storer()
        :: else
        fi
    fi
}

inline wait_for_shipment()
{
    WRITE(ship_token = false); /* drain */
#ifndef SHIPPER_LOOKS_FIRST
    WRITE(ship_sleeping = true);
#endif
    if
    :: durable > replicated
    :: else ->
#ifdef SHIPPER_LOOKS_FIRST
        WRITE(ship_sleeping = true);
#endif
end_ship_asleep:
        SEM_WAIT(ship_token) /* without its timeout, LOOK_MS */
    fi;
    WRITE(ship_sleeping = false)
}

proctype shipper()
{
    byte end;
    bool left_0, left_1;
end_no_shipper:
    do
    :: shipper_life == RUNNING ->
        shipper_works = true;
#ifndef SHIPPER_WAKES_NOBODY
        wake_if_there(0); /* wake_everybody */
        wake_if_there(1);
#endif
        do
        :: end = durable; replica_report_bets(); end = 0; wait_for_shipment()
        od;
died:
        atomic {
            shipper_life = DEAD;
            shipper_works = false;
            end = 0;
            left_0 = false;
            left_1 = false
        }
    od
}
#endif

/* ------------------------------------------ server/supervisor/children.c, accepting.c, keeper.c ---- */

/* Nobody kills the supervisor here: docs/reliability.md, section 7 of the design, has that case. */
inline bury_handler(s)
{
    slot_pid[s] = false; /* slot_release */
#ifndef NO_WAKE_FOR_THE_DEAD
    if
    :: !answered[s] && sleeping -> storer_token = true /* wake_storer */
    :: else
    fi;
#endif
    atomic {
        handler_life[s] = NOBODY;
        if
        :: !answered[s] -> gone[s] = true
        :: true
        fi
    }
}

inline start_handler(s)
{
    d_step { /* slot_set_up: a post that comes in between might as well have come after it */
        BIT(SPACE, s) = false;
        BIT(COMMIT, s) = false;
        BIT(DONE, s) = false;
        tokens[s] = 0;
        awaited[s] = 0
    };
    handler_life[s] = RUNNING; /* fork */
    slot_pid[s] = true
}

inline start_storer()
{
    d_step { storer_ready = false; sleeping = false };
    storer_token = false; /* wait_set_up_storer */
    storer_life = RUNNING;
    if /* await_ready */
    :: storer_ready
    :: storer_life == DEAD
    fi
}

#ifdef SHIPPER
inline start_shipper()
{
    ship_sleeping = false;
    ship_token = false; /* wait_set_up_shipper */
    shipper_life = RUNNING
}
#endif

#define IS_AWAY(s)  (handler_life[s] == NOBODY && !answered[s] && !gone[s])

proctype supervisor()
{
    start_storer();
#ifdef SHIPPER
    start_shipper();
#endif
end_nothing_to_do:
    do
    :: handler_life[0] == DEAD -> bury_handler(0)
    :: handler_life[1] == DEAD -> bury_handler(1)
    :: IS_AWAY(0) -> start_handler(0)
    :: IS_AWAY(1) -> start_handler(1)
    :: storer_life == DEAD && !storer_works && follower_end == 0 -> start_storer()
#ifdef SHIPPER
    :: shipper_life == DEAD && !shipper_works -> start_shipper()
#endif
    od
}

init
{
    atomic {
        select (crashes_left : 0 .. CRASHES);
        run storer();
#ifdef SHIPPER
        run shipper();
#endif
#ifdef FOLLOWER
        run follower();
#endif
        run handler(0);
#ifdef WITHOUT_OTHER
        gone[1] = true;
#else
        run handler(1);
#endif
        run supervisor()
    };
    timeout ->
    assert(answered[0] || gone[0]);
    assert(answered[1] || gone[1]);
    assert(gone[0] || appended[0] == BETS_0);
    assert(gone[1] || appended[1] == BETS_1);
    assert(durable == head && SAFE == head)
}
