/*
 * claim.pml - who may write a centre's log: claims, fences, takeovers, and what is acknowledged.
 *
 * The steps are those of shipper/shipper.c (the life of a primary's shipper), shipper/shipment.c
 * (one append, what is read back, the fence), shipper/follow.c and mirror.c (the log into the files of
 * a standby) and shipper/takeover.c (silence, claim). One step here is one message to the engine, one
 * answer of it, one write to a file, or one store to shared memory.
 *
 * Two nodes have a disk each. One starts as the primary and the other one follows; later, whoever
 * starts again may do so as either. Two agencies bet with whoever listens, also with both, and
 * resume by what is stored there. A row is one byte of bets.csv here, and one record of the log.
 *
 * The engine stores a message where the last one has the sequence that it expects. A message may be
 * late: it arrives after its sender has given up, has sent it again, or is dead. An answer may be
 * lost. What is read may be old: "nothing there" can be said at any time. An append is never old.
 *
 * OPENINGS times an operator has whoever serves open the next draw (server/supervisor/supervisor.c:
 * turn_over, begin_in_log; shipment_begin_next): nobody bets, all of this draw is shipped, and a
 * claim of the next one is appended; then the node's control names that draw, and the files of the one
 * before are archived. That is one step here, which draws.pml takes apart. Nobody opens a third draw.
 *
 * CRASHES times a shipper, all processes of a node, or a node's power end, before any step. There
 * are no clocks: any process may stand still for as long as it likes and go on, and silence may be
 * found whenever nobody serves on the other node, and NEEDLESS times while somebody does.
 *
 * Shown: what was acknowledged is synced on the disk of whoever said so, and is in the log once,
 * after its writer's claim and before any other one; whoever has claimed has all of it; nothing
 * acknowledged is cut; the log is a right one to each of its readers, and has each draw once, one
 * after the other; and every run ends with one node serving, each bet of its draw stored once and
 * acknowledged, two files that are equal, and two archives that are what the log has of that draw.
 */

#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef LATE
#define LATE 1 /* appends whose answer does not come in time */
#endif
#ifndef NEEDLESS
#define NEEDLESS 1 /* takeovers while the primary is well */
#endif
#ifndef OPENINGS
#define OPENINGS 0 /* orders to open the next draw */
#endif
#ifndef BETS_X
#define BETS_X 1
#endif
#ifndef BETS_Y
#define BETS_Y 1
#endif
#ifndef BETS_Z
#define BETS_Z 1 /* of the next draw */
#endif

#define NODES   2
#define OTHER(n) (1 - (n))
#define ROWS    (BETS_X + BETS_Y) /* of the first draw */
#define ROWS_OF_A_FILE (ROWS) /* and the next draw has no more */
#define LOG_MAX (14 + 4 * OPENINGS)
#define NOBODY  2

#define X 1 /* a row is its agency's name: the agency resumes by their number */
#define Y 2
#define Z 3

#define FIRST_DRAW 0 /* a draw's identity; each order to open the next one has its own */

/* ---------------------------------------------------------------------- the engine ---- */

#define RECORD 1
#define CLAIM  2

#define STORED  1
#define REFUSED 2
#define UNKNOWN 3

/* A message: of this node and, in the place of a nonce, of this life of its shipper. */
typedef message {
    byte kind, node, life, epoch, draw, row,
        offset /* of a claim, where the log's bets end */
}
message stored[LOG_MAX];
byte log_end;

/* Appends on their way, two of each node: one may be late. */
typedef flight {
    byte kind, life, epoch, draw, offset, row, expected, answer;
    bool awaited
}
flight wire[4];
#define FIRST(n)  (2 * (n))
#define SECOND(n) (2 * (n) + 1)

#ifdef MESSAGE_IDS
byte refused_epoch[NODES], refused_offset[NODES]; /* 255: none */
#endif

/* ----------------------------------------------------------------------- the nodes ---- */

byte file[NODES * ROWS_OF_A_FILE]; /* bets.csv */
#define ROW(n, i) file[(n) * ROWS_OF_A_FILE + (i)]
byte end[NODES], durable[NODES], replicated[NODES];
byte current[NODES];      /* the draw that control names; the three above, and bets.csv, are its */
byte archived[NODES];     /* how many rows the first draw had */
byte archive[NODES * ROWS_OF_A_FILE];
#define ARCHIVED(n, i) archive[(n) * ROWS_OF_A_FILE + (i)]
byte place[NODES]; /* the state file: up to this sequence, bets.csv has what the log has */
bool serving[NODES]; /* connections are taken */
bool leads[NODES];   /* it serves, or is about to: then a takeover is a needless one */
byte life[NODES];

/* Whether the log has begun the next draw, in the segment; 0: nobody wants that. */
#define UNTRIED 1
#define TRIED   2
#define BEGUN   3
byte opening[NODES], next[NODES]; /* next: that draw's identity */

byte crashes_left, late_left, needless_left; /* chosen first, so that runs with fewer end, too */
byte openings_left;

/* What a node has told agencies: the rows of the first draw, or the next, below this are safe. */
byte told[2 * NODES];
#define TOLD(n, draw)   told[2 * (n) + ((draw) != FIRST_DRAW)]
#define TOLD_MOST(draw) (TOLD(0, draw) > TOLD(1, draw) -> TOLD(0, draw) : TOLD(1, draw))

hidden byte i, j, copies, last_epoch, x, y, z;

#define MAY_DIE :: crashes_left > 0 -> crashes_left--; goto died

/* ---------------------------------------------------------------------- the engine ---- */

#if defined(CLAIM_WITHOUT_EXPECTATION)
#define FITS(f) (wire[f].expected == log_end || wire[f].kind == CLAIM)
#elif defined(OPENING_WITHOUT_EXPECTATION)
#define IS_OPENING(f) \
    (wire[f].kind == CLAIM && wire[f].draw != FIRST_DRAW && stored[log_end - 1].draw == FIRST_DRAW)
#define FITS(f) (wire[f].expected == log_end || IS_OPENING(f))
#else
#define FITS(f) (wire[f].expected == log_end)
#endif

inline keep(f)
{
    assert(log_end < LOG_MAX);
    stored[log_end].kind = wire[f].kind;
    stored[log_end].node = (f) / 2;
    stored[log_end].life = wire[f].life;
    stored[log_end].epoch = wire[f].epoch;
    stored[log_end].draw = wire[f].draw;
    stored[log_end].offset = wire[f].offset;
    stored[log_end].row = wire[f].row;
    assert(wire[f].kind != CLAIM || wire[f].offset >= TOLD_MOST(wire[f].draw)); /* it has all that */
    leads[(f) / 2] = leads[(f) / 2] || (wire[f].kind == CLAIM && wire[f].life == life[(f) / 2]);
    log_end++
}

inline arrives(f)
{
    d_step { wire[f].kind != 0 ->
        if
#ifdef MESSAGE_IDS
        :: wire[f].kind == RECORD && refused_epoch[(f) / 2] == wire[f].epoch &&
            refused_offset[(f) / 2] == wire[f].offset ->
            wire[f].answer = STORED /* "duplicate", and nothing is stored */
#endif
        :: FITS(f) -> keep(f); wire[f].answer = STORED
        :: else ->
            wire[f].answer = REFUSED;
#ifdef MESSAGE_IDS
            if
            :: wire[f].kind == RECORD ->
                refused_epoch[(f) / 2] = wire[f].epoch;
                refused_offset[(f) / 2] = wire[f].offset
            :: else
            fi
#endif
        fi;
        if
        :: wire[f].awaited
        :: else -> wire[f].answer = 0
        fi;
        wire[f].kind = 0;
        wire[f].life = 0;
        wire[f].epoch = 0;
        wire[f].draw = 0;
        wire[f].offset = 0;
        wire[f].row = 0;
        wire[f].expected = 0
    }
}

active proctype engine()
{
end_nothing_on_its_way:
    do
    :: arrives(0)
    :: arrives(1)
    :: arrives(2)
    :: arrives(3)
    od
}

/* --------------------------------------------------------- shipper/shipment.c: one append ---- */

inline send(f, what, its_epoch, its_draw, its_offset, its_row, expects)
{
    wire[f].kind = what;
    wire[f].life = life[n];
    wire[f].epoch = its_epoch;
    wire[f].draw = its_draw;
    wire[f].offset = its_offset;
    wire[f].row = its_row;
    wire[f].expected = expects;
    wire[f].answer = 0;
    wire[f].awaited = true
}

/* An older one that is still on its way keeps its place; of two, one is lost. */
inline pick_flight()
{
    flight_of = (wire[FIRST(n)].kind == 0 -> FIRST(n) : SECOND(n))
}

inline forget_answer(f)
{
    wire[f].awaited = false;
    wire[f].answer = 0
}

inline append(what, its_epoch, its_draw, its_offset, its_row)
{
    atomic {
        if
        :: true
        MAY_DIE
        fi;
        pick_flight();
        send(flight_of, what, its_epoch, its_draw, its_offset, its_row, known)
    };
    if
    :: atomic { wire[flight_of].answer != 0 ->
            answer = wire[flight_of].answer;
            forget_answer(flight_of)
        }
    :: atomic { late_left > 0 -> late_left--; answer = UNKNOWN; forget_answer(flight_of) }
    :: atomic { crashes_left > 0 -> crashes_left--; goto died }
    fi;
    flight_of = 0
}

/* -------------------------------------------------- engine/log_state.c: the log as it is read ---- */

#define NEXT stored[known]
#define IS_OWN (NEXT.node == n && NEXT.life == life[n])

/* Refuses a gap, an overlap, and a record of another epoch or draw than the last claim's. */
inline fold_next()
{
    if
    :: NEXT.kind == CLAIM ->
        assert(NEXT.draw == draw || draw == FIRST_DRAW); /* no draw is begun a second time */
        bets = (NEXT.draw == draw -> bets : 0);
        last_row = (NEXT.draw == draw -> last_row : 0);
        assert(NEXT.offset == bets);
        assert(NEXT.epoch > epoch);
        owner = NEXT.node;
        epoch = NEXT.epoch;
        draw = NEXT.draw
    :: NEXT.kind == RECORD ->
        assert(NEXT.offset == bets);
        assert(NEXT.epoch == epoch && NEXT.node == owner && NEXT.draw == draw);
        last_row = NEXT.row;
        bets++
    fi;
    known++
}

inline fold_up_to(sequence)
{
    d_step {
        known = 0;
        bets = 0;
        epoch = 0;
        owner = NOBODY;
        draw = FIRST_DRAW;
        last_row = 0;
        do
        :: known < sequence -> fold_next()
        :: else -> break
        od
    }
}

/* ------------------------------------------------ shipper/follow.c: the log into the files ---- */

/*
 * What this node took and nobody shipped is moved away: when a claim of another node says so, or
 * when the log has another row in its place. The second happens to a standby that was started as a
 * primary and took bets until it found itself fenced: no claim comes after those.
 */
inline cut(from)
{
    assert(from >= TOLD(n, current[n])); /* nothing acknowledged is cut */
    do
    :: end[n] > from -> end[n]--; ROW(n, end[n]) = 0
    :: else -> break
    od;
    durable[n] = end[n]
}

/* store/archive.c: the next draw is the current one, and has no bets. */
inline archive_draw(begun_draw)
{
    archived[n] = end[n];
    i = 0;
    do
    :: i < end[n] -> ARCHIVED(n, i) = ROW(n, i); ROW(n, i) = 0; i++
    :: else -> break
    od;
    i = 0;
    end[n] = 0;
    durable[n] = 0;
    replicated[n] = 0;
    current[n] = begun_draw
}

#define NEWEST stored[known - 1] /* has just been folded */

/* What is of a draw that stands in the archive is there already. */
#define IS_OF_DRAW (NEWEST.draw == current[n])
#define BEGINS     (NEWEST.kind == CLAIM && current[n] == FIRST_DRAW && NEWEST.draw != FIRST_DRAW)

/* A claim begins the next draw: here, too. `j` is where the log's bets of the one before it end. */
inline follow_opening()
{
#ifndef KEEPS_BETS_AT_OPENING
    if
    :: end[n] > j -> cut(j)
    :: else
    fi;
#endif
#ifdef OPENING_AT_OLD_OFFSETS
    current[n] = NEWEST.draw
#else
    archive_draw(NEWEST.draw)
#endif
}

inline follow_next()
{
    d_step {
        j = bets;
        fold_next();
        last_row = 0;
        if
        :: BEGINS -> follow_opening()
        :: NEWEST.kind == CLAIM && IS_OF_DRAW && NEWEST.node != n && end[n] > NEWEST.offset ->
            cut(NEWEST.offset)
#ifndef CUT_AT_CLAIMS_ONLY
        :: NEWEST.kind == RECORD && IS_OF_DRAW && NEWEST.offset < end[n] &&
            ROW(n, NEWEST.offset) != NEWEST.row ->
            cut(NEWEST.offset)
#endif
        :: else
        fi;
        j = 0;
        assert(IS_OF_DRAW || NEWEST.draw == FIRST_DRAW); /* no draw that the log has not begun */
        if
        :: NEWEST.kind == RECORD && IS_OF_DRAW && NEWEST.offset < end[n] ->
            assert(ROW(n, NEWEST.offset) == NEWEST.row)
        :: NEWEST.kind == RECORD && IS_OF_DRAW && NEWEST.offset >= end[n] ->
            assert(NEWEST.offset == end[n]);
            ROW(n, end[n]) = NEWEST.row;
            end[n]++
        :: else
        fi
    }
}

/* ------------------------------------------------------------------------- shipper ---- */

#ifdef PIPELINED
#define ANSWERED(f) (!wire[f].awaited || wire[f].answer != 0)

inline ship()
{
    atomic {
        send(FIRST(n), RECORD, epoch, draw, replicated[n], ROW(n, replicated[n]), known);
        if
        :: replicated[n] + 1 < durable[n] ->
            send(SECOND(n), RECORD, epoch, draw, replicated[n] + 1, ROW(n, replicated[n] + 1), known + 1)
        :: else
        fi
    };
    atomic { ANSWERED(FIRST(n)) && ANSWERED(SECOND(n)) ->
        answer = STORED;
        if
        :: wire[SECOND(n)].answer == STORED -> known = known + 2; replicated[n] = replicated[n] + 2
        :: wire[SECOND(n)].answer != STORED && wire[FIRST(n)].answer == STORED ->
            known++;
            replicated[n]++
        :: else -> answer = REFUSED
        fi;
        bets = replicated[n];
        forget_answer(FIRST(n));
        forget_answer(SECOND(n))
    }
}
#else
inline ship()
{
    append(RECORD, epoch, draw, replicated[n], ROW(n, replicated[n]));
    if
    :: answer == STORED ->
        atomic {
            if
            :: true
            MAY_DIE
            fi;
            known++;
            bets++;
            replicated[n] = bets
        }
    :: else
    fi
}
#endif

#ifdef SHIP_BEYOND_DURABLE
#define SHIPPABLE(n) end[n]
#else
#define SHIPPABLE(n) durable[n]
#endif

/* A standby claims what it has on its disk. */
#ifdef CLAIM_BEFORE_SYNC
#define SYNCED(n) true
#else
#define SYNCED(n) (durable[n] == end[n])
#endif

/* Is the draw that the log has begun the one that was ordered? */
#ifdef KNOWS_OPENING_BY_NODE
#define IS_BEGUN (opening[n] != 0)
#else
#define IS_BEGUN (opening[n] != 0 && draw == next[n])
#endif

/* Has the log all that the archive will have? */
#ifdef OPENS_BEFORE_REPLICATED
#define HAS_ALL(n) true
#else
#define HAS_ALL(n) (replicated[n] == durable[n])
#endif

/* Is the log's last record what stands in the file? */
#ifdef NO_COMPARISON
#define DIFFERS false
#else
#define DIFFERS (last_row != 0 && ROW(n, bets - 1) != last_row)
#endif

proctype shipper(byte n)
{
    byte known, bets, epoch, draw, owner = NOBODY; /* the log as far as this life has read it */
    byte answer, flight_of, last_row;
    bool follows = (n == 1);

start:
    atomic {
        life[n]++;
        answer = 0;
        flight_of = 0;
        leads[n] = !follows;
        if
        :: follows -> goto follow
        :: else -> goto claim
        fi
    };

    /*
     * shipper.c: a primary's shipper claims at each start. The server listens meanwhile, but for one
     * that opens the next draw.
     */
claim:
    atomic {
        serving[n] = opening[n] == 0;
        durable[n] = end[n]; /* recovery */
        fold_up_to(0)
    };
    goto claim_read;
claim_reads_on:
    atomic { known < log_end -> fold_next() };
claim_read:
    do
    :: atomic { known < log_end -> fold_next() }
#ifdef TRUST_AN_OLD_END
    :: break
#else
    :: known >= place[n] -> break /* nothing there, it is said; but what was there before is */
#endif
    od;
    atomic {
        if
        :: owner == OTHER(n) -> goto fenced
#ifndef DEAF_TO_THE_DRAW
        :: owner != OTHER(n) && draw != current[n] && draw != FIRST_DRAW ->
            if
            :: IS_BEGUN -> last_row = 0; goto begun /* look_for_opened: by the shipper before this one */
            :: goto fenced /* "behind": this node died over the opening */
            fi
        :: owner != OTHER(n) && draw != current[n] && draw == FIRST_DRAW ->
            if
            :: bets == archived[n] -> last_row = 0; bets = 0 /* it would begin the draw, by may_begin */
            :: else -> goto claim_reads_on /* what it has read is old: refused, and started again */
            fi
#endif
        :: owner != OTHER(n) && draw == current[n] && bets > durable[n] -> goto fenced /* "behind" */
        :: owner != OTHER(n) && draw == current[n] && bets <= durable[n] && DIFFERS -> goto fenced
        :: else -> last_row = 0
        fi
    };
claim_append:
    append(CLAIM, epoch + 1, current[n], bets, 0);
    if
    :: answer == STORED
    :: else -> /* what has come in the place? */
        if
        :: atomic { known < log_end ->
                if
                :: IS_OWN -> skip
                :: else -> bets = (draw == current[n] -> bets : archived[n]); fold_next(); goto claim_read
                fi
            }
        :: goto claim_append /* nothing there: the same append again */
        fi
    fi;
    atomic {
        known++;
        epoch++;
        owner = n;
        draw = current[n];
        assert(end[n] >= bets);
        place[n] = known;
        replicated[n] = bets;
        answer = 0
    };

    /* shipment.c */
end_shipping:
    do
    :: replicated[n] < SHIPPABLE(n) ->
ship_again:
        ship();
        if
        :: atomic { answer == STORED -> answer = 0 }
        :: else ->
#ifdef NO_READ_BACK
            /* not stored, so it thinks: it goes on from what is last now */
            atomic { known = log_end; answer = 0 }
#else
            if
            :: atomic { known < log_end ->
                    if
                    :: IS_OWN -> fold_next(); last_row = 0; replicated[n] = bets; answer = 0
                    :: else -> assert(NEXT.kind == CLAIM && NEXT.node != n); goto fenced
                    fi
                }
            :: answer = 0; goto ship_again
            fi
#endif
        fi
    :: atomic { known < log_end -> /* looks into the log while there is nothing to ship */
            if
            :: NEXT.kind == CLAIM && NEXT.node != n -> goto fenced
            :: else -> assert(false)
            fi
        }
    :: atomic { opening[n] != 0 && HAS_ALL(n) ->
            opening[n] = TRIED
#ifdef COMMITS_BEFORE_BEGUN
            ;
            archive_draw(next[n])
#endif
        };
open_again:
        append(CLAIM, epoch + 1, next[n], 0, 0);
        if
        :: atomic { answer == STORED -> goto begun }
        :: else ->
            if
            :: atomic { known < log_end ->
                    if
                    :: IS_OWN -> goto begun
                    :: else -> assert(NEXT.kind == CLAIM && NEXT.node != n); goto fenced
                    fi
                }
            :: answer = 0; goto open_again
            :: answer = 0; goto not_opened
            fi
        fi
    :: atomic { opening[n] != 0 -> goto not_opened }
    :: atomic { crashes_left > 0 -> crashes_left--; goto died }
    od;

    /* turn_over: the log has begun the next draw, and this shipper ends. */
begun:
    atomic {
        if
        :: true
        MAY_DIE
        fi;
        answer = 0;
        opening[n] = BEGUN
    };
    atomic {
        if
        :: true
        MAY_DIE
        fi;
#ifndef COMMITS_BEFORE_BEGUN
        archive_draw(next[n]);
#endif
        opening[n] = 0;
        next[n] = 0;
        goto start /* as any primary does */
    };

    /* It was not begun in time, as far as is known: the current draw goes on. */
not_opened:
    atomic {
        forget_answer(FIRST(n));
        forget_answer(SECOND(n));
        opening[n] = 0;
        next[n] = 0;
        goto start
    };

    /* The server ends with a status of its own and is started again to follow. */
fenced:
    atomic {
        serving[n] = false;
        leads[n] = false;
        opening[n] = 0;
        next[n] = 0;
        answer = 0;
        follows = true;
        goto start
    };

follow:
    fold_up_to(place[n]);
#ifdef CUT_BEFORE_CLAIM
    do /* takes what is behind the end that it is told for unacknowledged */
    :: atomic { known < log_end -> follow_next() }
    :: break
    od;
    atomic {
        if
        :: end[n] > bets -> cut(bets)
        :: else
        fi
    };
#endif
end_following:
    do
    :: atomic { known < log_end -> follow_next() }
    :: atomic { durable[n] < end[n] -> durable[n] = end[n] }
    :: atomic { durable[n] == end[n] && place[n] < known -> place[n] = known }
    :: atomic { SYNCED(n) && !leads[OTHER(n)] -> break }
    :: atomic { SYNCED(n) && leads[OTHER(n)] && needless_left > 0 -> needless_left--; break }
    :: atomic { crashes_left > 0 -> crashes_left--; goto died }
    od;

    /* takeover.c */
#ifdef CLOCK_DECIDES
    atomic {
        leads[n] = true;
        serving[n] = true;
        durable[n] = end[n];
        replicated[n] = bets;
        owner = n;
        epoch++;
        goto end_shipping
    };
#endif
take_over:
    append(CLAIM, epoch + 1, draw, bets, 0);
    if
    :: answer == STORED
    :: else ->
        if
        :: atomic { known < log_end ->
                if
                :: IS_OWN -> skip
                :: else -> answer = 0; goto end_following /* somebody else was first, or it lives */
                fi
            }
        :: goto take_over
        fi
    fi;
    atomic {
        known++;
        epoch++;
        owner = n;
        assert(end[n] >= bets);
        durable[n] = end[n];
        place[n] = known;
        follows = false;
        leads[n] = true;
        goto start /* the server starts as any primary does */
    };

died:
    atomic {
        forget_answer(FIRST(n));
        forget_answer(SECOND(n));
        if
        :: follows = !serving[n] && opening[n] == 0 /* the shipper alone: it is replaced */
        :: serving[n] = false; /* all processes of the node */
            opening[n] = 0;
            next[n] = 0;
            if
            :: follows = true
            :: follows = false
            fi
        :: serving[n] = false; /* the power: of what was not synced, something is left */
            opening[n] = 0;
            next[n] = 0;
            do
            :: end[n] > durable[n] -> end[n]--; ROW(n, end[n]) = 0
            :: break
            od;
            if
            :: follows = true
            :: follows = false
            fi
        fi;
        goto start
    }
}

/* ------------------------------------------------------------ a node's storer and handlers ---- */

#ifdef ACK_BEFORE_REPLICATED
#define SAFE(n) durable[n]
#else
#define SAFE(n) replicated[n]
#endif

inline count_rows(n)
{
    x = 0;
    y = 0;
    z = 0;
    i = 0;
    do
    :: i < end[n] ->
        x = x + (ROW(n, i) == X);
        y = y + (ROW(n, i) == Y);
        z = z + (ROW(n, i) == Z);
        i++
    :: else -> break
    od;
    i = 0
}

inline bet(row)
{
    ROW(n, end[n]) = row;
    end[n]++
}

#define FILED(n, its_draw, i) (its_draw == current[n] -> ROW(n, i) : ARCHIVED(n, i))

/* Each row below `position` is in the log once, as in the file, and after its own writer's claim. */
inline expect_in_log(n, its_draw, position)
{
    i = 0;
    do
    :: i < position ->
        j = 0;
        copies = 0;
        last_epoch = 0;
        do
        :: j < log_end ->
            if
            :: stored[j].kind == CLAIM -> last_epoch = stored[j].epoch
            :: stored[j].kind == RECORD && stored[j].draw == its_draw && stored[j].offset == i ->
                copies++;
                assert(stored[j].row == FILED(n, its_draw, i));
                assert(stored[j].epoch == last_epoch)
            :: else
            fi;
            j++
        :: else -> break
        od;
        assert(copies == 1);
        i++
    :: else -> break
    od;
    i = 0;
    j = 0;
    copies = 0;
    last_epoch = 0
}

proctype server(byte n)
{
end_nothing_to_do:
    do
    :: d_step { serving[n] && current[n] == FIRST_DRAW && end[n] < ROWS ->
            count_rows(n);
            if
            :: x < BETS_X -> bet(X)
            :: else
            fi
        }
    :: d_step { serving[n] && current[n] == FIRST_DRAW && end[n] < ROWS ->
            count_rows(n);
            if
            :: y < BETS_Y -> bet(Y)
            :: else
            fi
        }
    :: d_step { serving[n] && current[n] != FIRST_DRAW && end[n] < BETS_Z ->
            count_rows(n);
            if
            :: z < BETS_Z -> bet(Z)
            :: else
            fi
        }
    :: atomic { serving[n] && durable[n] < end[n] -> durable[n] = end[n] }
    :: d_step { serving[n] && TOLD(n, current[n]) < SAFE(n) -> /* ACK, or STATE */
            TOLD(n, current[n]) = SAFE(n);
            assert(durable[n] >= SAFE(n));
            expect_in_log(n, current[n], SAFE(n))
        }
    :: d_step { serving[n] && current[n] == FIRST_DRAW && openings_left > 0 -> /* an order; turn_over */
            next[n] = openings_left;
            openings_left--;
            serving[n] = false;
            durable[n] = end[n]; /* the storer has drained */
            opening[n] = UNTRIED
        }
    od
}

inline expect_same_rows(its_draw, count)
{
    i = 0;
    do
    :: i < count -> assert(FILED(0, its_draw, i) == FILED(1, its_draw, i)); i++
    :: else -> break
    od;
    i = 0
}

/* The archives are what the log has of the first draw, no less and no more. */
inline expect_archives()
{
    assert(archived[0] == archived[1] && archived[0] >= TOLD_MOST(FIRST_DRAW));
    expect_same_rows(FIRST_DRAW, archived[0]);
    expect_in_log(0, FIRST_DRAW, archived[0]);
    j = 0;
    do
    :: j < log_end ->
        assert(stored[j].kind != RECORD || stored[j].draw != FIRST_DRAW || stored[j].offset < archived[0]);
        j++
    :: else -> break
    od;
    j = 0
}

#define WHOLE_DRAW (current[0] == FIRST_DRAW -> ROWS : BETS_Z)

init
{
    atomic {
        select (crashes_left : 0 .. CRASHES);
        select (late_left : 0 .. LATE);
        select (needless_left : 0 .. NEEDLESS);
        select (openings_left : 0 .. OPENINGS);
        leads[0] = true;
#ifdef MESSAGE_IDS
        refused_epoch[0] = 255;
        refused_epoch[1] = 255;
#endif
        run shipper(0);
        run shipper(1);
        run server(0);
        run server(1)
    };
    timeout ->
    d_step { /* hidden variables are no part of a state: a loop of steps over them would be cut short */
        x = WHOLE_DRAW;
        assert(serving[0] != serving[1]);
        assert(current[0] == current[1]);
        assert(end[0] == x && end[1] == x);
        assert(TOLD_MOST(current[0]) == x);
        expect_in_log(0, current[0], x);
        expect_same_rows(current[0], x);
        if
        :: current[0] != FIRST_DRAW -> expect_archives()
        :: else
        fi
    }
}
