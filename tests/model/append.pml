/*
 * append.pml - the append lock, its repair, and what changes under it.
 *
 * The steps are those of shm/append_lock.c (append_lock, repair, append_note_intent,
 * append_finish_intent, append_unlock), of shm/ring.c (try_append, check_admission, append_bytes,
 * ring_take_pending), of shm/agencies.c (agencies_claim, agencies_ask_done,
 * agencies_close_for_draw) and of server/storer/flush.c (flush_appended). One step here is one access to shared
 * memory there; a batch of two bytes is copied, and written to the file, byte by byte.
 *
 * Two handlers serve two connections of the same agency, the second one made while the first
 * may still have work that it has received: what fencing is for. They can be killed before each of
 * their writes, inside the lock or outside, and are not replaced; a third process of the same kind
 * comes last, is not killed, and finishes the agency's work, so that there is always an end.
 * Another agency has one bet stored among theirs, by a handler that can be killed, too (not with
 * WITHOUT_OTHER). The storer can be killed as well, and is replaced.
 *
 * Shown: the lock is never held by two; whenever it is free, and whenever a dead owner's lock has
 * been repaired, each agency's count and checksum are those of exactly its bets below head; so a
 * claim is told the truth, whoever died before; the file holds each bet once, in order, and nothing
 * else; nothing is appended once the draw has closed the ring or the agency is done.
 */

#ifndef CRASHES
#define CRASHES 2
#endif

#ifndef BETS
#define BETS 3 /* of the agency; a bet is a batch of two bytes */
#endif
#define BET_BYTES    2
#define RING_BYTES   3
#define FILE_BYTES   ((BETS + 3) * BET_BYTES) /* room for what must not happen */
#define HANDLERS     3 /* of the agency */
#define LAST         2 /* the handler that is never killed */
#define OTHER        3 /* the handler of the other agency */

#define STORER_OWNER 5
#define NOBODY       0

#define AGENCY       0
#define OTHER_AGENCY 1
#define AGENCIES     2
#define AGENCY_OF(handler) (handler == OTHER -> OTHER_AGENCY : AGENCY)

/*
 * Bet n of an agency is the bytes FIRST_BYTE(n) and the one behind it, and its checksum is n + 1.
 * Two checksums are joined by shifting the first one, so that up to four bets in any order, or
 * one of them twice, have a checksum of their own.
 */
#define OTHER_BET            BETS /* the number of the other agency's bet */
#define FIRST_BYTE(bet)      (2 * (bet) + 1)
#define JOIN(checksum, bet)  ((checksum) * (BETS + 2) + (bet) + 1)

/* struct shared_append, shared_positions */
byte owner; /* NOBODY, handler + 1, STORER_OWNER */
bool owner_died;
byte intent_agency, intent_head_after, intent_bets_after;
short intent_checksum_after;
bool draw_closed;
byte head, written, durable;
byte data[RING_BYTES];

/* struct agency; only the first one is claimed, and says that it is done */
byte epoch, bets[AGENCIES], end_position[AGENCIES];
short checksum[AGENCIES];
bool done_asked;

/* bets.csv */
byte file[FILE_BYTES];

byte crashes_left; /* chosen first, so that runs with fewer of them come to their end, too */
bool draw_due;     /* other agencies make the draw due, at some time, or nobody does */
byte ended; /* handlers of the agency that are gone */
bool other_ended;

/* what really happened, for the assertions: which bet came at which place */
byte true_bets[AGENCIES];
short true_checksum[AGENCIES];
bool true_closed;
#define COUNTS_ARE_TRUE \
    (bets[AGENCY] == true_bets[AGENCY] && checksum[AGENCY] == true_checksum[AGENCY] && \
     bets[OTHER_AGENCY] == true_bets[OTHER_AGENCY] && \
     checksum[OTHER_AGENCY] == true_checksum[OTHER_AGENCY])

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
    WRITE(bets[intent_agency] = bets[intent_agency] + 1);
#else
    WRITE(bets[intent_agency] = intent_bets_after);
#endif
#ifdef RELATIVE_CHECKSUM
    WRITE(checksum[intent_agency] = JOIN(checksum[intent_agency], intent_checksum_after));
#else
    WRITE(checksum[intent_agency] = intent_checksum_after);
#endif
    WRITE(end_position[intent_agency] = intent_head_after);
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
        WRITE(assert(COUNTS_ARE_TRUE); owner_died = false) /* pthread_mutex_consistent */
    :: else
    fi
}

inline append_unlock(owner_id)
{
    WRITE(assert(owner == owner_id && COUNTS_ARE_TRUE); owner = NOBODY)
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

#ifdef RELATIVE_CHECKSUM
#define CHECKSUM_AFTER next
#else
#define CHECKSUM_AFTER JOIN(checksum[AGENCY_OF(me)], next)
#endif

inline append_note_intent(head_after)
{
    WRITE(intent_agency = AGENCY_OF(me));
    WRITE(intent_bets_after = bets[AGENCY_OF(me)] + 1);
    WRITE(intent_checksum_after = CHECKSUM_AFTER);
    WRITE(intent_head_after = head_after)
}

inline move_head()
{
    WRITE(
        assert(me == OTHER || !true_closed);
        assert(me == OTHER || next == true_bets[AGENCY]);
        head = head + BET_BYTES;
        true_bets[AGENCY_OF(me)]++;
        true_checksum[AGENCY_OF(me)] = JOIN(true_checksum[AGENCY_OF(me)], next)
    )
}

/* Byte p of the file stands at p mod RING_BYTES. */
inline append_bytes()
{
    WRITE(data[head % RING_BYTES] = FIRST_BYTE(next));
    WRITE(data[(head + 1) % RING_BYTES] = FIRST_BYTE(next) + 1);
#ifdef HEAD_BEFORE_INTENT
    move_head();
    append_note_intent(head);
#else
    append_note_intent(head + BET_BYTES);
    move_head();
#endif
    append_finish_intent()
}

/* Sets `result`: whether it was appended, refused, or has to wait for space. */
inline try_append()
{
    append_lock(me + 1);
    if
#ifndef NO_FENCE
    :: me != OTHER && my_epoch != epoch -> result = FENCED
#endif
    :: draw_closed -> result = REFUSED
    :: me != OTHER && done_asked -> result = REFUSED
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
        next = bets[AGENCY];
        target = end_position[AGENCY];
        told_checksum = checksum[AGENCY];
        assert(next == true_bets[AGENCY] && target <= head);
        assert(told_checksum == true_checksum[AGENCY]);
        told_checksum = 0
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
    short told_checksum;

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

/* The other agency never resumes, and says nothing but its bet. */
proctype other_handler(byte me)
{
    byte my_epoch, next, result;

    next = OTHER_BET;
    do
    :: result != APPENDED && result != REFUSED ->
        try_append();
        if
        :: result == NO_SPACE ->
            if
            :: written + RING_BYTES >= head + BET_BYTES
            :: atomic { crashes_left > 0 -> crashes_left--; goto died }
            fi
        :: else
        fi
    :: else -> break
    od;
died:
    atomic { leave_lock(me + 1); next = 0; result = 0; other_ended = true }
}

/* -------------------------------------------------------------- server/storer/flush.c ---- */

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

/* The agency's bets in their order, the other's bet where it happened to come. */
inline check_file()
{
    do
    :: at < head ->
        next = next + (file[at] == FIRST_BYTE(OTHER_BET) -> 0 : 1);
        assert(file[at] == FIRST_BYTE(OTHER_BET) || file[at] == FIRST_BYTE(next - 1));
        assert(file[at + 1] == file[at] + 1);
        at = at + BET_BYTES
    :: else -> break
    od;
    assert(next == true_bets[AGENCY])
}

init
{
    byte at, next;
    atomic {
        select (crashes_left : 0 .. CRASHES);
        if
        :: draw_due = true
        :: true
        fi;
        run storer();
        run handler(0);
        run handler(1);
        run handler(LAST);
#ifdef WITHOUT_OTHER
        other_ended = true
#else
        run other_handler(OTHER)
#endif
    };
    timeout ->
    d_step {
        assert(ended == HANDLERS && other_ended && owner == NOBODY);
        assert(durable == head);
        assert(head == BET_BYTES * (true_bets[AGENCY] + true_bets[OTHER_AGENCY]));
        assert(true_bets[AGENCY] == BETS || draw_due);
        assert(true_bets[OTHER_AGENCY] <= 1);
        check_file()
    }
}
