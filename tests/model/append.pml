/*
 * append.pml - the append lock, its repair, and what changes under it.
 *
 * The steps are those of shm/append_lock.c (append_lock, repair, append_note_intent,
 * append_finish_intent, append_unlock), of shm/ring.c (try_append, check_admission, append_bytes,
 * ring_take_pending), of shm/agencies.c (agencies_claim, agencies_ask_done,
 * agencies_close_for_draw) and of server/storer.c (flush). One step here is one access to shared
 * memory there; a batch of two bytes is copied, and written to the file, byte by byte.
 *
 * Two handlers serve two connections of the same agency, the second one made while the first
 * may still have work that it has received: what fencing is for. They can be killed before each of
 * their writes, inside the lock or outside, and are not replaced; a third process of the same kind
 * comes last, is not killed, and finishes the agency's work, so that there is always an end.
 * The storer can be killed as well, and is replaced.
 *
 * Shown: the lock is never held by two; a claim is told the truth, whoever died before (no bet
 * lost, none doubled, the count right); the file holds each bet once, in order, and nothing else;
 * nothing is appended once the draw has closed the ring or the agency is done.
 */

#ifndef CRASHES
#define CRASHES 2
#endif

#ifndef BETS
#define BETS 3 /* of the agency; a bet is a batch of two bytes */
#endif
#define BET_BYTES    2
#define RING_BYTES   3
#define FILE_BYTES   ((BETS + 2) * BET_BYTES) /* room for what must not happen */
#define HANDLERS     3
#define LAST         2 /* the handler that is never killed */

#define STORER_OWNER 4
#define NOBODY       0

/* struct shared_append, shared_positions */
byte owner; /* NOBODY, handler + 1, STORER_OWNER */
bool owner_died;
byte intent_head_after, intent_bets_after;
bool draw_closed;
byte head, written, durable;
byte data[RING_BYTES];

/* struct agency */
byte epoch, bets, end_position;
bool done_asked;

/* bets.csv */
byte file[FILE_BYTES];

byte crashes_left; /* chosen first, so that runs with fewer of them come to their end, too */
bool draw_due;     /* other agencies make the draw due, at some time, or nobody does */
byte ended; /* handlers that are gone */

/* what really happened, for the assertions: which bet came at which place */
byte true_bets;
bool true_closed;

/* what try_append says */
#define APPENDED 1
#define FENCED   2
#define REFUSED  3
#define NO_SPACE 4

#define MAY_DIE  :: me != LAST && crashes_left > 0 -> crashes_left--; goto died
#define WRITE(statement) \
    atomic { \
        if \
        :: true \
        MAY_DIE \
        fi; \
        statement \
    }

/* ------------------------------------------------------------- shm/append_lock.c ---- */

inline append_finish_intent()
{
#ifdef RELATIVE_COUNT
    WRITE(bets = bets + 1);
#else
    WRITE(bets = intent_bets_after);
#endif
    WRITE(end_position = intent_head_after);
    WRITE(intent_head_after = 0)
}

inline repair()
{
#ifndef FORGET_THE_INTENT
    if
    :: intent_head_after == head && head != 0 -> append_finish_intent()
    :: else
    fi;
#endif
    WRITE(intent_head_after = 0)
}

inline append_lock(owner_id)
{
    atomic { owner == NOBODY -> owner = owner_id };
    if
    :: owner_died ->
        repair();
        WRITE(owner_died = false) /* pthread_mutex_consistent */
    :: else
    fi
}

inline append_unlock(owner_id)
{
    WRITE(assert(owner == owner_id); owner = NOBODY)
}

/* A process that ends with the lock leaves it to the next one, with the news. */
inline leave_lock(owner_id)
{
    if
    :: owner == owner_id -> owner = NOBODY; owner_died = true
    :: else
    fi
}

/* ------------------------------------------------------------------ shm/ring.c ---- */

/* Byte p of the file stands at p mod RING_BYTES; bet n is the bytes 2n+1 and 2n+2 of no other. */
inline append_bytes()
{
    WRITE(data[head % RING_BYTES] = 2 * next + 1);
    WRITE(data[(head + 1) % RING_BYTES] = 2 * next + 2);
#ifdef HEAD_BEFORE_INTENT
    WRITE(head = head + BET_BYTES; true_bets++);
    WRITE(intent_bets_after = bets + 1);
    WRITE(intent_head_after = head);
#else
    WRITE(intent_bets_after = bets + 1); /* append_note_intent */
    WRITE(intent_head_after = head + BET_BYTES);
    WRITE(assert(!true_closed); head = head + BET_BYTES; true_bets++);
#endif
    append_finish_intent()
}

/* Sets `result`: whether it was appended, refused, or has to wait for space. */
inline try_append()
{
    append_lock(me + 1);
    if
#ifndef NO_FENCE
    :: my_epoch != epoch -> result = FENCED
#endif
    :: draw_closed -> result = REFUSED
    :: done_asked -> result = REFUSED
    :: else ->
        if
#ifdef NO_SPACE_CHECK
        :: true
#else
        :: head + BET_BYTES > written + RING_BYTES -> result = NO_SPACE
        :: head + BET_BYTES <= written + RING_BYTES
#endif
            -> append_bytes(); result = APPENDED
        fi
    fi;
    append_unlock(me + 1)
}

/* --------------------------------------------------------------- shm/agencies.c ---- */

inline agencies_claim()
{
    append_lock(me + 1);
    atomic {
        my_epoch = epoch + 1;
        next = bets;
        target = end_position;
        assert(next == true_bets && target == head)
    };
    WRITE(epoch = my_epoch);
    append_unlock(me + 1)
}

inline agencies_ask_done()
{
    append_lock(me + 1);
    WRITE(done_asked = true; true_closed = true);
    append_unlock(me + 1)
}

/* ------------------------------------------------------------- a connection ---- */

/*
 * STATUS, then the bets that are missing, one after the other; only the last connection
 * says DONE, when all of them are acknowledged. waiting.pml shows that a wait for a position ends
 * once it is reached: here it is just waited for.
 */
proctype handler(byte me)
{
    byte my_epoch, next, target, result;

    me != LAST || ended == HANDLERS - 1;
    agencies_claim();
    if
    :: durable >= target
    :: atomic { me != LAST && crashes_left > 0 -> crashes_left--; goto died }
    fi;
    do
    :: next < BETS ->
        try_append();
        if
        :: result == APPENDED -> next++; result = 0
        :: result == FENCED || result == REFUSED -> assert(me != LAST || draw_closed); break
        :: result == NO_SPACE ->
            result = 0;
            if
            :: written + RING_BYTES >= head + BET_BYTES
            :: atomic { me != LAST && crashes_left > 0 -> crashes_left--; goto died }
            fi
        fi
    :: next == BETS -> break
    od;
    if
    :: me == LAST -> agencies_ask_done()
    :: else
    fi;
died:
    atomic { leave_lock(me + 1); my_epoch = 0; next = 0; target = 0; result = 0; ended++ }
}

/* ------------------------------------------------------------- server/storer.c ---- */

/* Its place in the file is the storer's own; a successor begins again at `written`. */
proctype storer()
{
    byte end, at;
    byte me = STORER_OWNER; /* which can die like the others */
end_nothing_to_store:
    do
    :: head != durable ->
        end = head; /* ring_take_pending */
        at = written;
#ifdef WRITTEN_BEFORE_WRITE
        WRITE(written = end);
#endif
        do
        :: at < end -> WRITE(file[at] = data[at % RING_BYTES]); at++
        :: else -> break
        od;
#ifndef WRITTEN_BEFORE_WRITE
        WRITE(written = end); /* ring_report_written */
#endif
        WRITE(durable = end); /* fdatasync, ring_report_durable */
        end = 0;
        at = 0
    :: draw_due && !draw_closed ->
        append_lock(STORER_OWNER); /* agencies_close_for_draw */
        WRITE(draw_closed = true; true_closed = true);
        append_unlock(STORER_OWNER)
    od;
died:
    atomic { leave_lock(STORER_OWNER); end = 0; at = 0 };
    goto end_nothing_to_store
}

init
{
    byte i;
    atomic {
        select (crashes_left : 0 .. CRASHES);
        if
        :: draw_due = true
        :: true
        fi;
        run storer();
        run handler(0);
        run handler(1);
        run handler(2)
    };
    timeout ->
    d_step {
        assert(ended == HANDLERS && owner == NOBODY);
        assert(durable == head && head == BET_BYTES * true_bets);
        assert(true_bets == BETS || draw_due);
        do
        :: i < head -> assert(file[i] == i + 1); i++
        :: else -> break
        od
    }
}
