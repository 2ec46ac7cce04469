/*
 * lottery.pml - files, DONE, the draw and the gate, with storers killed and machines cut off.
 *
 * The steps are those of server/storer.c (flush, store_done, store_round, mark_done, set_gate,
 * hold_draw_if_due, take_over, sync_inherited, adopt_draw), of server/draw.c (put_into_place,
 * draw_adopt), of shm/agencies.c (agencies_set_done, agencies_recount_done,
 * agencies_close_for_draw) and of server/recovery.c (recovery_run). One step here is one access to
 * shared memory or one system call there. Appending is one step (append.pml), and whoever waits for
 * something goes on when it is there (waiting.pml).
 *
 * Two agencies bet once, are done, and ask for the winners; both are expected. A third one, which
 * may speak but is not expected, bets when it likes and is never done. The storer can be killed
 * before each step, a handler (with its connection) while it waits; the agency comes back and
 * resumes by STATUS. Once in a run everything can be killed at once, or the machine lose
 * its power: then what was written and not synced is there or not, as it happens.
 *
 * Shown: what was acknowledged stays, and stands there once; a DONE is never durable before the
 * agency's bets, a draw never before the last expected DONE; the gate opens only when winners.csv is in place, and every look-up is answered
 * then; all look-ups are told the same draw; nothing is appended behind a draw that was held.
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 1 /* of the machine's power, or of all processes at once */
#endif

#define EXPECTED 2
#define AGENCIES 3
#define LATE     2 /* the agency that is not expected */
#define BETS_MAX 3
#define BETS_OF(a) 1

#define OPEN    0 /* enum agency_phase */
#define ASKED   1
#define IS_DONE 2

/* the ring: a bet is one byte, and stays where it is */
byte log[BETS_MAX]; /* whose bet: agency + 1 */
byte head, written, durable;
bool draw_closed;

/* struct agency, struct shared_storer, the gate */
byte phase[AGENCIES];
byte agencies_done;
bool done_pending, drawn;
byte gate;

/* the files, as every process sees them, and as a power loss leaves them */
byte bets_synced; /* bets.csv reaches up to `written`, and on the disk at least up to here */
bool done_csv[AGENCIES], done_synced[AGENCIES];
bool winners_csv, winners_synced;
byte winners_of; /* how many bets the draw was held over */

byte generation; /* of the server: grows when all of it goes down */
bool server_up;
byte crashes_left, cuts_left;

/* what the agencies know */
byte acknowledged[AGENCIES]; /* bets */
bool done_acknowledged[AGENCIES];
bool told;
byte told_of;
bool satisfied[AGENCIES];

#define DOWN     (generation != mine)
#define MAY_DIE  :: crashes_left > 0 && !DOWN -> crashes_left--; goto died
#define WRITE(statement) \
    atomic { \
        if \
        :: !DOWN \
        :: DOWN -> goto died \
        MAY_DIE \
        fi; \
        statement \
    }
#define WAIT(condition) \
    if \
    :: !DOWN && (condition) \
    :: atomic { DOWN -> goto died } \
    :: atomic { crashes_left > 0 && !DOWN -> crashes_left--; goto died } \
    fi

/* An agency's bets among the first `end` ones. */
inline count_bets(a, end)
{
    count = 0;
    i = 0;
    do
    :: i < end ->
        count = count + (log[i] == a + 1 -> 1 : 0);
        i++
    :: else -> break
    od;
    i = 0
}

/* ------------------------------------------------------ agencies and their handlers ---- */

inline append_bet(a)
{
    atomic {
        if
        :: DOWN -> goto died
        :: !DOWN && (draw_closed || phase[a] != OPEN) -> goto refused
        :: else ->
            assert(!winners_csv); /* nothing behind a draw that was held */
            log[head] = a + 1;
            head++;
            target = head
        fi
    }
}

/* REQUEST: the look at `drawn`, or the wait at the gate, then winners.csv is read. */
inline look_up(a)
{
    WAIT(drawn || gate == 0);
    WRITE(
        assert(winners_csv);
        assert(!told || told_of == winners_of);
        told = true;
        told_of = winners_of;
        satisfied[a] = true
    )
}

proctype agency(byte a)
{
    byte mine, target, count, i;

connect:
    atomic { server_up -> mine = generation };
    atomic { /* agencies_claim */
        if
        :: DOWN -> goto died
        :: else -> target = head
        fi
    };
    WAIT(durable >= target);
    atomic {
        count_bets(a, head);
        assert(count >= acknowledged[a]); /* none is lost */
        assert(!done_acknowledged[a] || phase[a] == IS_DONE);
        target = 0
    };
    do
    :: atomic { count < BETS_OF(a) && phase[a] == OPEN -> append_bet(a) };
        WAIT(durable >= target);
        atomic {
            count++;
            acknowledged[a] = count;
            assert(bets_synced >= target);
            target = 0
        }
    :: else -> break
    od;
refused:
    atomic {
        count = 0;
        target = 0;
        if
        :: a == LATE -> goto end_satisfied
        :: else
        fi
    };
    /* agencies_ask_done: append.pml, waiting.pml. The storer sets DONE without the lock. */
#ifdef ASK_IN_TWO_STEPS
    WRITE(target = (phase[a] != IS_DONE));
    WRITE(
        if
        :: target -> phase[a] = ASKED; done_pending = true
        :: else
        fi;
        target = 0
    );
#else
    WRITE(
        if
        :: phase[a] == OPEN -> phase[a] = ASKED /* a compare and exchange */
        :: else
        fi;
        done_pending = true
    );
#endif
    WAIT(phase[a] == IS_DONE);
    WRITE(done_acknowledged[a] = true; assert(done_synced[a]));
    look_up(a);
    goto end_satisfied;
died:
    atomic { target = 0; count = 0; mine = 0 };
    goto connect;
end_satisfied:
    skip
}

/* ------------------------------------------------------------- server/storer.c ---- */

inline flush()
{
    end = head; /* ring_take_pending */
    if
    :: end == durable
    :: else ->
        WRITE(written = end);     /* pwrite, ring_report_written */
        WRITE(bets_synced = end); /* fdatasync */
        WRITE(durable = end)      /* ring_report_durable */
    fi;
    end = 0
}

#define MISSING (agencies_done >= EXPECTED -> 0 : EXPECTED - agencies_done)

inline set_gate()
{
    WRITE(gate = (drawn -> 0 : (MISSING == 0 -> 1 : MISSING)))
}

inline agencies_set_done(a)
{
#ifdef COUNT_BEFORE_PHASE
    WRITE(agencies_done++);
    WRITE(phase[a] = IS_DONE)
#else
    WRITE(phase[a] = IS_DONE);
    WRITE(agencies_done++)
#endif
}

/* The bets of whoever is done are on the disk; else a power loss now would lose them. */
inline assert_bets_first(a)
{
    count_bets(a, head);
    target = count;
    count_bets(a, bets_synced);
    assert(count == target);
    count = 0;
    target = 0
}

inline write_done(a, in_round)
{
    WRITE(
        if
        :: in_round -> assert_bets_first(a); done_csv[a] = true
        :: else
        fi
    )
}

inline store_done()
{
    WRITE(news = done_pending; done_pending = false);
    do
    :: news ->
        round_0 = (phase[0] == ASKED); /* gather_asked */
        round_1 = (phase[1] == ASKED);
        if
        :: !round_0 && !round_1 -> break
        :: else
        fi;
        flush();
        write_done(0, round_0); /* one pwrite, of which a part may be there */
        write_done(1, round_1);
        WRITE(done_synced[0] = done_csv[0]; done_synced[1] = done_csv[1]); /* fdatasync */
        if
        :: round_0 -> agencies_set_done(0)
        :: else
        fi;
        if
        :: round_1 -> agencies_set_done(1)
        :: else
        fi;
        set_gate();
        round_0 = false;
        round_1 = false
    :: else -> break
    od;
    news = false
}

inline hold_draw_if_due()
{
    if
    :: drawn || MISSING > 0
    :: else ->
#ifdef DRAW_WITHOUT_CLOSING
        WRITE(bets_of_draw = head);
#else
        WRITE( /* agencies_close_for_draw */
            assert(done_synced[0] && done_synced[1]);
            draw_closed = true;
            bets_of_draw = head
        );
#endif
        flush();
#ifdef GATE_BEFORE_WINNERS
        WRITE(drawn = true);
        set_gate();
#endif
        WRITE(winners_csv = true; winners_of = bets_of_draw); /* rename */
        WRITE(winners_synced = true);                         /* fsync of the directory */
        WRITE(drawn = true);
        set_gate();
        bets_of_draw = 0
    fi
}

inline note_stored_done(a)
{
    if
    :: done_csv[a] && phase[a] != IS_DONE -> agencies_set_done(a)
    :: else
    fi
}

inline take_over()
{
    WRITE(done_synced[0] = done_csv[0]; done_synced[1] = done_csv[1]); /* done_file_open */
    note_stored_done(0);
    note_stored_done(1);
#ifndef NO_RECOUNT
    WRITE(agencies_done = (phase[0] == IS_DONE) + (phase[1] == IS_DONE));
#endif
    if /* sync_inherited */
    :: durable != written ->
        WRITE(bets_synced = written);
        WRITE(durable = written)
    :: else
    fi;
    if /* adopt_draw_if_held */
    :: winners_csv ->
#ifndef ADOPT_WITHOUT_SYNC
        WRITE(winners_synced = true);
#endif
#ifndef ADOPT_WITHOUT_CLOSING
        WRITE(draw_closed = true); /* agencies_close_for_draw: a new segment does not know of it */
#endif
        WRITE(drawn = true)
    :: else
    fi;
    WRITE(done_pending = true);
    set_gate()
}

proctype storer()
{
    byte mine, end, bets_of_draw, count, i, target;
    bool news, round_0, round_1;

    do
    :: mine = generation;
        take_over();
        server_up = true; /* the first one of a server is awaited before connections are */
        do
        :: flush();
            store_done();
            hold_draw_if_due();
end_asleep:
            WAIT(head != durable || done_pending)
        od;
died:
        atomic {
            end = 0;
            bets_of_draw = 0;
            news = false;
            round_0 = false;
            round_1 = false
        }
    od
}

/* ------------------------------------------- the end of a server, and server/recovery.c ---- */

inline maybe_lost(file, synced)
{
    if
    :: power_lost && !synced -> file = false
    :: true
    fi
}

/* All at once; what the next start finds is in the files alone. */
proctype cutter()
{
    byte i;
    bool power_lost;
end_no_cut:
    atomic {
        cuts_left > 0 ->
            cuts_left--;
            server_up = false;
            if
            :: power_lost = true
            :: true
            fi;
            if /* bytes that were not synced: any number of them */
            :: power_lost -> select (i : bets_synced .. written); written = i
            :: else
            fi;
            maybe_lost(done_csv[0], done_synced[0]);
            maybe_lost(done_csv[1], done_synced[1]);
            maybe_lost(winners_csv, winners_synced);
            head = written; /* recovery_run: what it reads it has synced */
            durable = written;
            bets_synced = written;
            i = written;
            do
            :: i < BETS_MAX -> log[i] = 0; i++
            :: else -> break
            od;
            i = 0;
            done_synced[0] = done_csv[0];
            done_synced[1] = done_csv[1];
            winners_synced = winners_csv;
            phase[0] = (done_csv[0] -> IS_DONE : OPEN);
            phase[1] = (done_csv[1] -> IS_DONE : OPEN);
            agencies_done = done_csv[0] + done_csv[1];
            draw_closed = false; /* a new segment */
            done_pending = false;
            drawn = false;
            gate = EXPECTED;
            power_lost = false;
            generation++
    }
}

init
{
    byte i;
    atomic {
        gate = EXPECTED;
        select (crashes_left : 0 .. CRASHES);
        select (i : 0 .. CUTS);
        cuts_left = i;
        i = 0;
        run storer();
        run agency(0);
        run agency(1);
        run agency(LATE);
        run cutter()
    };
    timeout ->
    assert(satisfied[0] && satisfied[1]);
    assert(drawn && gate == 0 && durable == head);
    assert(done_synced[0] && done_synced[1] && winners_synced);
    assert(winners_of <= head)
}
