/*
 * lottery.pml - files, DONE, the draw and the gate, with storers killed and machines cut off.
 *
 * The steps are those of server/storer/ (flush_appended and flush_settle; storage_open and
 * storage_note_begun, _done and _draw; done_round_store_asked and done_round_adopt;
 * quorum_set_gate; holding_hold_draw and holding_adopt_draw; take_over), of store/draw.c
 * (put_into_place, draw_check), of store/control.c (control_write), of store/done_file.c, of
 * shm/agencies.c (agencies_set_done, agencies_recount_done, agencies_close_for_draw) and of
 * server/supervisor/recovery.c (recovery_run; that winners.csv is the one that control names is
 * looked at here, too, and in draw_check there). One step here is one access to
 * shared memory or one system call there. Appending is one step (append.pml), and whoever waits for
 * something goes on when it is there (waiting.pml).
 *
 * Two agencies bet once, are done, and ask for the winners; both are expected. A third one, which
 * may speak but is not expected, bets when it likes and is never done (not with WITHOUT_LATE). The
 * storer can be killed before each step, a handler (with its connection) while it waits; the agency
 * comes back and resumes by STATUS (with CARELESS the second one does not: it goes on with DONE).
 * CUTS times everything can be killed at once, or the machine lose its power, in the middle of a
 * recovery, too: then what was written and not synced is there or not, as it happens. HANDS times,
 * while no server runs, a hand takes something out of the data directory, or changes a row.
 *
 * Shown: what was acknowledged stays, and stands there once; nothing is told before what it follows
 * from is durable; a DONE is never durable before the agency's bets, a draw never before the last
 * expected DONE; the gate opens only when winners.csv is in place, and every look-up is answered
 * then; all look-ups are told the same draw; nothing is appended behind a draw that was told; a
 * start refuses only what a hand has changed, and it does refuse what was proven: the bets of an
 * agency that is done, a DONE that was told, a draw, and that there were bets at all.
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef CUTS
#define CUTS 1 /* of the machine's power, or of all processes at once */
#endif

#ifndef HANDS
#define HANDS 0 /* laid on the data directory */
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

typedef done_line { byte whose, bets, position };
done_line done_csv[EXPECTED];
byte done_lines, done_synced; /* lines of done.csv; on the disk at least so many */
bool done_torn;               /* and a part of another one behind them */

/* entries of the directory: what a rename has put there, and what fsync has made durable */
#define MISSING_FILE 0
#define TORN_FILE    255
byte winners_csv, winners_synced; /* 1 + how many bets the draw was held over */
bool winners_in_cache;            /* the file itself was not synced (a mutation) */

typedef control_file { bool open; byte bets, done, drawn }; /* drawn: as in winners_csv; 0 before */
control_file control, control_synced;
control_file start_control; /* as recovery wrote it (a mutation) */

byte generation; /* of the server: grows when all of it goes down */
bool recovered, server_up;
byte crashes_left, cuts_left, hands_left;
bool hand_was_here, start_refused;

/* what the agencies know */
byte acknowledged[AGENCIES]; /* bets */
bool done_acknowledged[AGENCIES];
bool told_bets;
byte told_of; /* the draw: as in winners_csv; 0: nobody has been told yet */
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
/* What is not killed alone: an answer that is sent, and recovery, which is the supervisor's. */
#define UNLESS_DOWN(statement) \
    atomic { \
        if \
        :: !DOWN \
        :: DOWN -> goto died \
        fi; \
        statement \
    }
#define WAIT(condition) \
    if \
    :: !DOWN && (condition) \
    :: atomic { DOWN -> goto died } \
    :: atomic { crashes_left > 0 && !DOWN -> crashes_left--; goto died } \
    fi

/* On the disk stands the agency's line, and that it has to be there. */
#define LINE_PROVEN(a, line) \
    (done_csv[line].whose == a + 1 && done_synced > line && control_synced.done > line)
#define DONE_PROVEN(a) (LINE_PROVEN(a, 0) || LINE_PROVEN(a, 1))

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
            assert(told_of == 0); /* nothing behind a draw that was told */
            log[head] = a + 1;
            head++;
            target = head
        fi
    }
}

/* An answer that says how many bets are stored; `a` has `count` of them. */
inline tell_bets(a)
{
    assert(count == 0 || control_synced.open);
    told_bets = told_bets || count > 0;
    acknowledged[a] = count
}

/* REQUEST: the look at `drawn`, or the wait at the gate, then winners.csv is read. */
inline look_up(a)
{
    WAIT(drawn || gate == 0);
    WRITE(
        assert(winners_csv == control_synced.drawn && winners_csv != MISSING_FILE);
        assert(told_of == 0 || told_of == winners_csv);
        told_of = winners_csv;
        satisfied[a] = true
    )
}

#ifdef CARELESS
#define RESUMES(a) (a != 1)
#else
#define RESUMES(a) true
#endif

proctype agency(byte a)
{
    byte mine, target, count, i;
    bool has_bet;

connect:
end_not_served:
    atomic { server_up -> mine = generation };
    if
    :: !RESUMES(a) && has_bet -> goto refused
    :: !RESUMES(a) && !has_bet -> goto bet
    :: RESUMES(a)
    fi;
    atomic { /* agencies_claim */
        if
        :: DOWN -> goto died
        :: else -> target = head
        fi
    };
    WAIT(durable >= target);
    UNLESS_DOWN(
        count_bets(a, head);
        assert(count >= acknowledged[a] || hand_was_here); /* none is lost */
        assert(!done_acknowledged[a] || (phase[a] == IS_DONE && count >= acknowledged[a]));
        tell_bets(a);
        target = 0
    );
bet:
    do
    :: atomic { count < BETS_OF(a) && phase[a] == OPEN -> append_bet(a); has_bet = true };
        WAIT(durable >= target);
        UNLESS_DOWN(
            count++;
            assert(bets_synced >= target);
            tell_bets(a);
            target = 0
        )
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
    WRITE(done_acknowledged[a] = true; assert(DONE_PROVEN(a)));
    look_up(a);
    goto end_satisfied;
died:
    atomic { target = 0; count = 0; mine = 0 };
    goto connect;
end_satisfied:
    skip
}

/* ------------------------------------------------------------------- server/storer/ ---- */

/*
 * control_write. The new version is written and synced under another name: nobody sees that. Then
 * it is renamed, and the directory synced, which makes whatever was renamed before durable, too.
 */
inline sync_directory()
{
    winners_synced = winners_csv;
    control_synced.open = control.open;
    control_synced.bets = control.bets;
    control_synced.done = control.done;
    control_synced.drawn = control.drawn
}

inline control_write(lines, drawn_over)
{
    WRITE(
        control.open = true;
        control.bets = bets_synced;
        control.done = lines;
        control.drawn = drawn_over
    );
    WRITE(sync_directory())
}

/* The storer writes control anew from what it knows of it. */
#ifdef STALE_CONTROL
#define KNOWN_CONTROL start_control
#else
#define KNOWN_CONTROL control
#endif

/* The first bet ever is told only when control says that there are some. */
inline open_control_if_new()
{
    if
    :: !control.open -> control_write(KNOWN_CONTROL.done, KNOWN_CONTROL.drawn)
    :: else
    fi
}

inline flush()
{
    end = head; /* ring_take_pending */
    if
    :: end == durable
    :: else ->
        WRITE(written = end);     /* pwrite, ring_report_written */
#ifdef OPEN_BEFORE_SYNC
        if
        :: !control.open ->
            WRITE(control.open = true; control.bets = end);
            WRITE(sync_directory())
        :: else
        fi;
#endif
        WRITE(bets_synced = end); /* fdatasync */
#ifdef DURABLE_BEFORE_OPEN
        WRITE(durable = end);
        open_control_if_new()
#else
        open_control_if_new();    /* note_stored */
        WRITE(durable = end)      /* ring_report_durable */
#endif
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

/* The lines of a round, in one pwrite. */
inline add_line(a, in_round)
{
    if
    :: in_round ->
        assert_bets_first(a);
        assert(done_lines < EXPECTED); /* each is there once */
        count_bets(a, head);
        done_csv[done_lines].whose = a + 1;
        done_csv[done_lines].bets = count;
        find_position(a);
        done_csv[done_lines].position = target;
        done_lines++;
        target = 0;
        count = 0
    :: else
    fi
}

/* agency->end_position */
inline find_position(a)
{
    i = 0;
    target = 0;
    do
    :: i < head ->
        target = (log[i] == a + 1 -> i + 1 : target);
        i++
    :: else -> break
    od;
    i = 0
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
#ifndef DONE_WITHOUT_FLUSH
        flush();
#endif
        WRITE(done_torn = true); /* one pwrite, of which a part may be there */
        WRITE(done_torn = false; add_line(0, round_0); add_line(1, round_1));
#ifdef CONTROL_BEFORE_DONE_SYNC
        control_write(done_lines, KNOWN_CONTROL.drawn);
#endif
        WRITE(done_synced = done_lines); /* fdatasync */
#if !defined(DONE_BEFORE_CONTROL) && !defined(CONTROL_BEFORE_DONE_SYNC)
        control_write(done_lines, KNOWN_CONTROL.drawn);
#endif
        if
        :: round_0 -> agencies_set_done(0)
        :: else
        fi;
        if
        :: round_1 -> agencies_set_done(1)
        :: else
        fi;
#ifdef DONE_BEFORE_CONTROL
        control_write(done_lines, KNOWN_CONTROL.drawn);
#endif
        set_gate();
        round_0 = false;
        round_1 = false
    :: else -> break
    od;
    news = false
}

/* What whoever is done was told to be stored takes part. */
inline assert_all_take_part()
{
    count_bets(0, bets_of_draw);
    assert(!done_acknowledged[0] || count >= acknowledged[0]);
    count_bets(1, bets_of_draw);
    assert(!done_acknowledged[1] || count >= acknowledged[1]);
    count = 0
}

inline put_into_place(bets)
{
#ifdef RENAME_BEFORE_SYNC
    WRITE(winners_csv = bets + 1; winners_in_cache = true); /* rename */
#else
    WRITE(winners_csv = bets + 1); /* rename, of a file that has been synced */
#endif
    WRITE(sync_directory())
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
            assert(DONE_PROVEN(0) && DONE_PROVEN(1));
            draw_closed = true;
            bets_of_draw = head
        );
#endif
        flush();
        WRITE(assert_all_take_part());
#ifdef GATE_BEFORE_WINNERS
        WRITE(drawn = true);
        set_gate();
#endif
        put_into_place(bets_of_draw);
#ifdef DRAWN_BEFORE_CONTROL
        WRITE(drawn = true);
#endif
#ifdef GATE_BEFORE_CONTROL
        WRITE(gate = 0);
#endif
        control_write(KNOWN_CONTROL.done, bets_of_draw + 1);
#ifdef RENAME_BEFORE_SYNC
        WRITE(winners_in_cache = false); /* fsync of winners.csv */
#endif
        WRITE(drawn = true);
        set_gate();
        bets_of_draw = 0
    fi
}

inline note_stored_done(a)
{
    if
    :: phase[a] != IS_DONE && ((done_lines > 0 && done_csv[0].whose == a + 1) ||
                               (done_lines > 1 && done_csv[1].whose == a + 1)) ->
        agencies_set_done(a)
    :: else
    fi
}

/* done_file_open, done_file_cut: what control does not vouch for, and is no line, goes. */
inline take_done_file()
{
    done_synced = done_lines;
    assert(done_lines >= control.done);
    done_torn = false
}

/*
 * control_read, done_file_open, done_file_cut. The last storer may have renamed control, and not
 * have lived to sync the directory: nothing is told that only such a control says.
 */
inline open_files()
{
#ifndef TRUST_CONTROL
    WRITE(sync_directory());
#endif
    WRITE(take_done_file())
}

/* What the last storer has written, and did not live to sync or to have proven. */
inline sync_inherited()
{
    if
    :: durable == written
    :: else ->
#ifndef INHERIT_WITHOUT_SYNC
        WRITE(bets_synced = written);
#endif
#ifndef INHERIT_WITHOUT_CONTROL
        open_control_if_new();
#endif
        WRITE(durable = written)
    fi
}

inline adopt_done()
{
#ifndef INHERIT_WITHOUT_CONTROL
    if
    :: done_lines > control.done -> control_write(done_lines, KNOWN_CONTROL.drawn)
    :: else
    fi;
#endif
    note_stored_done(0);
    note_stored_done(1)
}

/* Only control says whether a draw has been held; winners.csv can be made again from the bets. */
#ifdef WINNERS_SAY_DRAWN
#define IS_DRAWN (winners_csv != MISSING_FILE)
#else
#define IS_DRAWN (control.drawn != 0)
#endif

inline adopt_draw_if_held()
{
    if
    :: IS_DRAWN ->
#ifndef ADOPT_WITHOUT_CLOSING
        WRITE(draw_closed = true); /* agencies_close_for_draw: a new segment does not know of it */
#endif
        if
        :: winners_csv == MISSING_FILE -> put_into_place(written)
        :: else
        fi;
        WRITE(drawn = true)
    :: else
    fi
}

inline take_over()
{
    open_files();
#ifndef NO_RECOUNT
    WRITE(agencies_done = (phase[0] == IS_DONE) + (phase[1] == IS_DONE));
#endif
    sync_inherited();
    adopt_done();
    adopt_draw_if_held();
    WRITE(done_pending = true);
    set_gate()
}

/* ------------------------------------------ server/supervisor/recovery.c and witnesses.c ---- */

/* An agency that is done has exactly the bets that it was done with. */
inline disagrees_with_line(line)
{
    if
    :: line < done_lines ->
        count_bets(done_csv[line].whose - 1, written);
#ifndef DEAF_TO_LINES
        start_refused = start_refused || done_csv[line].position > written ||
                        count != done_csv[line].bets;
#endif
        count = 0
    :: else
    fi
}

#ifdef DEAF_TO_CONTROL
#define PROVEN_BETS 0
#else
#define PROVEN_BETS control.bets
#endif

/* Everything is judged before anything is touched; only a hand can have left what is refused. */
inline witnesses_agree()
{
    start_refused = done_lines < control.done || PROVEN_BETS > written ||
              (control.drawn != 0 && written + 1 != control.drawn) ||
              (control.drawn != 0 && winners_csv != MISSING_FILE && winners_csv != control.drawn);
    disagrees_with_line(0);
    disagrees_with_line(1);
    if
    :: start_refused -> assert(hand_was_here); server_up = false; goto end_refused
    :: else -> assert(!told_bets || written > 0)
    fi
}

inline recovery_run()
{
    UNLESS_DOWN(bets_synced = written); /* what is counted is on the disk */
    UNLESS_DOWN(done_synced = done_lines);
    UNLESS_DOWN(witnesses_agree());
    UNLESS_DOWN(take_done_file());
    UNLESS_DOWN( /* control_write */
        control.open = control.open || written > 0 || done_lines > 0;
        control.bets = written;
        control.done = done_lines
    );
    UNLESS_DOWN(sync_directory());
    UNLESS_DOWN( /* mark_done, ring_start_at */
        head = written;
        durable = written;
        note_phase(0);
        note_phase(1);
#ifdef STALE_CONTROL
        start_control.done = control.done;
        start_control.drawn = control.drawn;
#endif
        recovered = true
    )
}

inline note_phase(line)
{
    if
    :: line < done_lines -> phase[done_csv[line].whose - 1] = IS_DONE; agencies_done++
    :: else
    fi
}

proctype storer()
{
    byte mine, end, bets_of_draw, count, i, target;
    bool news, round_0, round_1;

    do
    :: mine = generation;
        if
        :: !recovered -> recovery_run()
        :: else
        fi;
        take_over();
        UNLESS_DOWN(server_up = true); /* the first one of a server is awaited before connections */
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
            count = 0;
            i = 0;
            target = 0;
            round_0 = false;
            round_1 = false
        }
    od;
end_refused:
    skip
}

/* ------------------------------------------------------------- the end of a server ---- */

/* What was renamed and not synced: the old entry, or the new one. */
inline lose_power()
{
    select (i : bets_synced .. written);
    written = i;
    select (i : done_synced .. done_lines);
    done_torn = done_torn || i < done_lines;
    done_lines = i;
    if
    :: winners_csv = winners_synced
    :: true
    fi;
    if
    :: winners_in_cache && winners_csv != MISSING_FILE -> winners_csv = TORN_FILE
    :: true
    fi;
    if
    :: control.open = control_synced.open;
        control.bets = control_synced.bets;
        control.done = control_synced.done;
        control.drawn = control_synced.drawn
    :: true
    fi;
    if
    :: done_torn = false
    :: true
    fi
}

/* A file is gone, or its last row, as if it had never been there; or a row is another agency's. */
inline lay_hand_on()
{
    if
    :: written > 0 -> written--
    :: written > 0 -> log[0] = LATE + 1
    :: written > 0 -> written = 0
    :: done_lines > 0 -> done_lines--
    :: winners_csv = MISSING_FILE
    fi;
    bets_synced = written;
    done_synced = done_lines;
    winners_synced = winners_csv
}

/* What the next start finds is in the files alone. */
inline forget_all_but_files()
{
    i = written;
    do
    :: i < BETS_MAX -> log[i] = 0; i++
    :: else -> break
    od;
    i = done_lines;
    do
    :: i < EXPECTED ->
        done_csv[i].whose = 0;
        done_csv[i].bets = 0;
        done_csv[i].position = 0;
        i++
    :: else -> break
    od;
    i = 0;
    bets_synced = (bets_synced < written -> bets_synced : written);
    head = written;
    durable = 0;
    phase[0] = OPEN;
    phase[1] = OPEN;
    agencies_done = 0;
    winners_in_cache = false;
    draw_closed = false;
    done_pending = false;
    drawn = false;
    gate = EXPECTED
}

/* All at once. */
proctype cutter()
{
    byte i;
end_no_cut:
    do
    :: atomic {
            cuts_left > 0 && !start_refused ->
                cuts_left--;
                server_up = false;
                recovered = false;
                if
                :: lose_power()
                :: true
                fi;
                if
                :: hands_left > 0 -> hands_left--; hand_was_here = true; lay_hand_on()
                :: true
                fi;
                forget_all_but_files();
                generation++
        }
    od
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
        hands_left = HANDS;
        run storer();
        run agency(0);
        run agency(1);
#ifndef WITHOUT_LATE
        run agency(LATE);
#endif
        run cutter()
    };
    timeout ->
    if
    :: start_refused
    :: else ->
        assert(satisfied[0] && satisfied[1]);
        assert(drawn && gate == 0 && durable == head);
        assert(DONE_PROVEN(0) && DONE_PROVEN(1));
        assert(winners_csv == winners_synced && winners_csv == control_synced.drawn);
        assert(winners_csv == head + 1)
    fi
}
