/*
 * claims.pml - what a connection may say for an agency: claims, and what breaks them.
 *
 * The steps are those of server/handler/dialogue.c (dialogue_take, take_status, take_done) and of
 * server/handler/pipeline.c (pipeline_add, pipeline_append, pipeline_refuse), with the
 * admission of shm/ring.c and shm/agencies.c. Appending is one step (append.pml), and what has been
 * appended is safe at once (lottery.pml).
 *
 * An agency sends its bets without waiting for answers, then DONE, and resumes by STATUS after an
 * ERROR, on the same connection or on a new one, and after a loss, on a new one. A handler can be
 * killed with its connection; or the agency believes its connection lost while the handler goes on
 * with what it has received. ODD times the agency's frame is not what it should be: malformed,
 * for a foreign agency that somebody else has claimed, or preceded by a STATUS of that agency. A
 * stranger, on a connection of its own, sends what it likes but a STATUS of the agency.
 *
 * Every STATUS here is about the current draw. One that names another draw claims nothing, and its
 * connection gets ERROR for bets and DONE until the next STATUS, as after a MALFORMED.
 *
 * Shown: what is stored of an agency that has been claimed is always a prefix of what it sends; it
 * is done only when all of it is stored; an agency that resumes has each bet stored once, and is
 * done, however often it is interrupted; after an ERROR nothing that needs the claim is
 * acknowledged until the next STATUS.
 */

#ifndef LOSSES
#define LOSSES 1 /* handlers killed, connections believed lost */
#endif
#ifndef ODD
#define ODD 2 /* frames that are not what they should be */
#endif
#ifndef STRANGE
#define STRANGE 2 /* frames of the stranger */
#endif
#ifndef BETS
#define BETS 3
#endif

#define CONNECTIONS (LOSSES + 2)
#define STRANGERS   (LOSSES + 1) /* the last connection */
#define WIRE_FRAMES 3
#define ANSWERS     12

#define FILE_AGENCY    0
#define FOREIGN_AGENCY 1
#define AGENCIES       2
#define NOBODY         2

#define UNFENCED  0 /* EPOCH_UNFENCED */
#define ANYTHING  255
#define STRANGERS_BET 99

mtype = { BET, DONE, STATUS, MALFORMED, ACK, ERROR, STATE };

chan wire[CONNECTIONS] = [WIRE_FRAMES] of { mtype, byte, byte };    /* type, agency, bet */
chan answers[CONNECTIONS] = [ANSWERS] of { mtype, byte, byte };     /* type, agency, count */
bool gone[CONNECTIONS]; /* nobody sends or reads there any more */
bool dead[CONNECTIONS]; /* its handler was killed */

/* struct agency */
byte epoch[AGENCIES];
byte stored; /* bets of FILE_AGENCY */
bool done;

byte losses_left, odd_left;
bool finished;

/* ------------------------------------------------ shm/ring.c, shm/agencies.c ---- */

#ifdef UNFENCED_IS_ADMITTED
#define ADMITTED(agency, with) (with == UNFENCED || with == epoch[agency])
#else
#define ADMITTED(agency, with) (with == epoch[agency] || with == ANYTHING)
#endif

/* check_admission and append_bytes, for a turn. */
inline ring_append()
{
    if
    :: !ADMITTED(turn_agency, turn_epoch) || (turn_agency == FILE_AGENCY && done) ->
        verdict = ERROR
    :: else ->
        verdict = ACK;
        i = 0;
        do
        :: i < turn_bets && turn_agency == FILE_AGENCY ->
            assert(turn[i] == stored); /* the next one, and no other */
            stored++;
            i++
        :: else -> break
        od;
        i = 0
    fi
}

/* ----------------------------------------------------------- server/handler/pipeline.c ---- */

/* Any ERROR breaks whatever claim the connection holds, and until its next STATUS. */
inline answer(kind, about)
{
    if
    :: kind == ERROR -> after_error = (claim_agency != NOBODY)
    :: kind == STATE -> after_error = false
    :: else -> assert(about != claim_agency || !after_error)
    fi;
    if
    :: !gone[me] -> answers[me]!kind,about,stored
    :: else
    fi
}

inline answer_times(kind, about, times)
{
    i = 0;
    do
    :: i < times -> answer(kind, about); i++
    :: else -> break
    od;
    i = 0
}

inline pipeline_append()
{
    if
    :: turn_bets > 0 ->
        ring_append();
#ifdef FOREIGN_ERROR_KEEPS_CLAIM
        claim_broken = claim_broken || (verdict == ERROR && turn_agency == claim_agency);
#else
        claim_broken = claim_broken || verdict == ERROR;
#endif
        answer_times(verdict, turn_agency, turn_bets);
        do
        :: turn_bets > 0 -> turn_bets--; turn[turn_bets] = 0
        :: else -> break
        od;
        turn_agency = NOBODY;
        turn_epoch = 0;
        verdict = 0
    :: else
    fi;
    answer_times(ERROR, NOBODY, refused); /* those that came behind the turn's */
    refused = 0
}

inline pipeline_refuse()
{
    refused++;
    claim_broken = true
}

#define BROKEN (claim_agency == agency && claim_broken)
#ifdef FORGOTTEN_IS_ADMITTED
#define EPOCH_OF(agency) \
    (claim_agency == agency -> claim_epoch : (forgotten == agency -> ANYTHING : UNFENCED))
#else
#define EPOCH_OF(agency) (claim_agency == agency -> claim_epoch : UNFENCED)
#endif

/* A turn is of one agency, and ends when the next batch may not fit. */
inline pipeline_add()
{
    if
    :: BROKEN -> pipeline_refuse()
    :: else ->
        if
        :: turn_bets > 0 -> pipeline_append()
        :: turn_bets == 0 || turn_agency == agency
        fi;
        if
#ifndef LOOK_BEFORE_COMMIT
        :: BROKEN -> pipeline_refuse() /* what was just committed may have been refused */
        :: !BROKEN ->
#else
        :: true ->
#endif
            turn_agency = agency;
            turn_epoch = EPOCH_OF(agency);
            turn[turn_bets] = bet;
            turn_bets++
        fi
    fi
}

/* ---------------------------------------------------------- server/handler/dialogue.c ---- */

inline take_done()
{
    pipeline_append();
    if
#ifndef DONE_IN_SPITE_OF_ERROR
    :: BROKEN -> answer(ERROR, agency); claim_broken = true
#endif
    :: !ADMITTED(agency, EPOCH_OF(agency)) -> answer(ERROR, agency); claim_broken = true
    :: else ->
        if
        :: agency == FILE_AGENCY -> assert(stored == BETS); done = true
        :: else
        fi;
        answer(ACK, agency)
    fi
}

inline take_status()
{
    pipeline_append();
#ifdef FORGOTTEN_IS_ADMITTED
    forgotten = (claim_agency != agency -> claim_agency : forgotten);
#endif
    epoch[agency]++;
    claim_agency = agency;
    claim_epoch = epoch[agency];
    claim_broken = false;
    answer(STATE, agency)
}

inline dialogue_take()
{
    if
    :: type == BET -> pipeline_add()
    :: type == DONE -> take_done()
    :: type == STATUS -> take_status()
    :: type == MALFORMED ->
#ifdef MALFORMED_KEEPS_CLAIM
        refused++
#else
        pipeline_refuse()
#endif
    fi;
    type = 0;
    agency = 0;
    bet = 0
}

proctype handler(byte me)
{
    byte turn[BETS + ODD], turn_bets, turn_agency = NOBODY, turn_epoch;
    byte claim_agency = NOBODY, claim_epoch, forgotten = NOBODY;
    byte refused, agency, bet, i;
    bool claim_broken, after_error;
    mtype type, verdict;

end_nothing_received:
    do
    :: atomic { wire[me]?type,agency,bet -> dialogue_take() }
    :: atomic { turn_bets > 0 || refused > 0 -> pipeline_append() } /* what one recv has brought */
    :: atomic { gone[me] && empty(wire[me]) && turn_bets == 0 && refused == 0 -> break }
    :: atomic { losses_left > 0 && me != STRANGERS && !gone[me] ->
            losses_left--;
            dead[me] = true;
            break
        }
    od
}

/* ------------------------------------------------------------------- agencies ---- */

inline send(type, agency, bet)
{
    wire[me]!type,agency,bet;
    asked++
}

/* One frame in the place of a bet's or of DONE. */
inline send_odd()
{
    odd_left--;
    if
    :: send(MALFORMED, 0, 0)
    :: send(BET, FOREIGN_AGENCY, next)
    fi
}

proctype client()
{
    byte me, next, asked, about, count;
    bool done_sent, failed;
    mtype type;

connect:
    atomic { dead[me] || nfull(wire[me]) ->
        next = 0;
        asked = 0;
        done_sent = false;
        failed = false;
        if
        :: dead[me] -> goto lost
        :: else -> wire[me]!STATUS,FILE_AGENCY,0
        fi
    };
    do /* answers to what was sent before this STATUS are of no interest */
    :: atomic { answers[me]?type,about,count ->
            if
            :: type == STATE && about == FILE_AGENCY -> next = count; break
            :: else
            fi
        }
    :: atomic { dead[me] && empty(answers[me]) -> goto lost }
    od;
    do
    :: atomic { next < BETS && !failed && nfull(wire[me]) ->
            if
            :: send(BET, FILE_AGENCY, next)
            :: odd_left > 0 -> send_odd()
            fi;
            next++
        }
    :: atomic { odd_left > 0 && !failed && !done_sent && nfull(wire[me]) ->
            odd_left--;
            send(STATUS, FOREIGN_AGENCY, 0)
        }
    :: atomic { next == BETS && !done_sent && !failed && nfull(wire[me]) ->
            send(DONE, FILE_AGENCY, 0);
            done_sent = true
        }
    :: atomic { answers[me]?type,about,count ->
            asked--;
            failed = failed || type == ERROR;
            type = 0;
            about = 0;
            count = 0
        }
    :: atomic { failed -> goto connect }            /* on the same connection */
    :: atomic { failed && losses_left > 0 -> losses_left--; goto lost } /* or on another one */
    :: atomic { done_sent && asked == 0 && !failed -> break }
    :: atomic { dead[me] && empty(answers[me]) -> goto lost }
    :: atomic { losses_left > 0 && !dead[me] -> losses_left--; goto lost }
    od;
    atomic { finished = true; gone[me] = true; goto end_finished };
lost:
    atomic {
        gone[me] = true;
        do
        :: nempty(answers[me]) -> answers[me]?type,about,count
        :: dead[me] && nempty(wire[me]) -> wire[me]?type,about,count
        :: empty(answers[me]) && (!dead[me] || empty(wire[me])) -> break
        od;
        type = 0;
        about = 0;
        count = 0;
        me++;
        goto connect
    };
end_finished:
    skip
}

/* It speaks once the agency has been claimed: before that, an unclaimed connection is heard. */
proctype stranger()
{
    byte frames;

    epoch[FILE_AGENCY] > 0;
    do
    :: atomic { frames < STRANGE && nfull(wire[STRANGERS]) ->
            frames++;
            if
            :: wire[STRANGERS]!BET,FILE_AGENCY,STRANGERS_BET
            :: wire[STRANGERS]!DONE,FILE_AGENCY,0
            :: wire[STRANGERS]!STATUS,FOREIGN_AGENCY,0
            :: wire[STRANGERS]!MALFORMED,0,0
            fi
        }
    :: atomic { nempty(answers[STRANGERS]) -> answers[STRANGERS]?_,_,_ }
    :: atomic { empty(answers[STRANGERS]) -> gone[STRANGERS] = true; break }
    od
}

init
{
    byte i;
    atomic {
        select (losses_left : 0 .. LOSSES);
        select (odd_left : 0 .. ODD);
        epoch[FOREIGN_AGENCY] = 1; /* somebody else's, who says nothing here */
        run client();
        run stranger();
        do
        :: i < CONNECTIONS -> run handler(i); i++
        :: else -> break
        od
    };
    timeout ->
    assert(finished && done && stored == BETS)
}
