/*
 * draws.pml - the life of a draw, from opening to archive, with all that can be cut off in between.
 *
 * The steps are those of server/storer/ (sales.c: the end of sales; sealing.c; holding.c;
 * order_desk.c; storage_open and storage_note_* of storage.c; take_over of storer.c), of
 * store/whole_file.c and store/control.c (what is renamed into place), of
 * server/supervisor/operator.c (operator_open_next) with turnover.c (turnover_run), of
 * store/archive.c (archive_prepare, archive_complete), of server/supervisor/recovery.c
 * (recovery_run), witnesses.c and ending.c, and of shm/orders.c. One step here is one system call
 * there, or one access to shared memory. Appending is one step (append.pml), and who waits goes on
 * when it may (waiting.pml).
 *
 * Two draws follow each other. Somebody bets and is done, at any moment; sales are closed by that,
 * or by command. The operator closes, draws and opens; what it asked for is forgotten when the
 * server ends, and it asks again, maybe with another number. It may give up the first draw
 * (open --abandon). The number is known from the opening, or comes by command.
 *
 * The storer can be killed before each step, and is replaced. CUTS times everything can be killed
 * at once, or the machine lose its power, in the middle of a recovery, too.
 *
 * Each name in the data directory has two versions: what processes see, and what the last sync of
 * the directory has made durable. A power loss keeps the one or the other, of each name by itself,
 * whatever the order of the renames was. A rename from one directory to another happens whole or
 * not at all, and is durable when both have been synced. Of bets.csv and done.csv, whatever was not
 * synced may be missing. When all is only killed, nothing of this is lost, and nothing durable
 * that was not.
 *
 * Shown: what was acknowledged stands in its draw's files for ever, in the archive, too; when
 * control says that sales are closed, bets.csv and done.csv are whole and nothing is added; a seal
 * and winners that were told are never others; winners are never made of a second number; a start
 * refuses nothing that crashes have left; after each recovery one draw is the current one, the one
 * before it is whole and durable in its archive, and no file is taken for one of another draw; every
 * run ends with the second draw drawn.
 */

#ifndef CRASHES
#define CRASHES 1 /* of the storer alone */
#endif
#ifndef CUTS
#define CUTS 1 /* of the machine's power, or of all processes at once */
#endif
#ifndef BETS_1
#define BETS_1 2 /* at most, in the first draw */
#endif
#ifndef BETS_2
#define BETS_2 1
#endif

/* enum control_state */
#define NEW       1
#define OPEN      2
#define CLOSED    3
#define SEALED    4
#define DRAWN     5
#define ABANDONED 6

/* ------------------------------------------------------------------------- files ---- */

/* The files of a draw, in the order in which archive_complete moves them. */
#define BETS    0
#define DONE    1
#define SEAL    2
#define REPORT  3 /* draw.json */
#define WINNERS 4
#define FILES   5

/* What stands under a name: 0 nothing; else whose it is, and which version. */
#define FILE(draw, version) ((draw) * 16 + (version))
#define DRAW_OF(file)       ((file) / 16)
#define TORN                255

/* The data directory, as every process sees it, and what is durable of it. */
byte here[FILES], here_synced[FILES];
byte not_synced; /* 1 + the file whose bytes were not synced before it was renamed (a mutation) */

/* draws/1/. A file that was moved there is durable there once both directories were synced. */
byte there[FILES];
bool there_unsynced[FILES], here_unsynced[FILES];
byte there_made; /* the directory: 1 made, 2 durable */

typedef control_file {
    byte draw, state, bets, done, number, seal, report;
    bool by_command, archiving
};
control_file control, control_synced;
control_file archived, archived_synced; /* draws/1/control; state 0: there is none */

/* bets.csv and done.csv of each draw, wherever they stand: rows and lines */
byte written[3], bets_synced[3];
byte lines[3], lines_synced[3];

/* seal.json and draw.json say when they were made, so none is made twice */
byte seals, reports;

/* ----------------------------------------------------------------------- segment ---- */

/* enum agency_phase */
#define BETTING    0
#define ASKED      1
#define IS_DONE    2
#define CLOSED_OUT 3

bool serving; /* connections and orders are taken */
byte head, durable;
bool sales_closed; /* shared.append.draw_closed */
byte phase, shown; /* shown: shared.storer.draw_state */

#define NO_ORDER    0
#define ORDER_CLOSE 1
#define ORDER_DRAW  2
byte order, order_number, order_seal;
bool answered, carried_out;

/* the supervisor's: opens_next */
#define FOLLOW  1
#define ABANDON 2
byte opens_next;

/* ------------------------------------------------------ what people have been told ---- */

byte crashes_left, cuts_left;
bool may_abandon, was_refused;
byte acknowledged[3], told_seal[3], told_number[3], told_winners[3];
bool told_done[3], told_next;
byte drawn_with[3]; /* the number of which winners were made, told or not */

#define D       control.draw
#define ON_SALE (control.state < CLOSED)
#define KNOWN   (control.number != 0)

#define COPY(to, from) \
    to.draw = from.draw; \
    to.state = from.state; \
    to.bets = from.bets; \
    to.done = from.done; \
    to.number = from.number; \
    to.seal = from.seal; \
    to.report = from.report; \
    to.by_command = from.by_command; \
    to.archiving = from.archiving

/* What is killed alone, and what is killed only with everything. */
#define STEP(statement) \
    atomic { \
        if \
        :: true \
        :: crashes_left > 0 -> crashes_left--; goto died \
        :: cuts_left > 0 -> cuts_left--; goto cut \
        fi; \
        statement \
    }
#define SUPERVISOR_STEP(statement) \
    atomic { \
        if \
        :: true \
        :: cuts_left > 0 -> cuts_left--; goto cut \
        fi; \
        statement \
    }

/* fsync of the data directory. */
inline sync_here()
{
    i = 0;
    do
    :: i < FILES ->
        here_synced[i] = here[i];
        here_unsynced[i] = false;
        i++
    :: else -> break
    od;
    i = 0;
    COPY(control_synced, control)
}

/* fsync of draws/1/. */
inline sync_there()
{
    i = 0;
    do
    :: i < FILES -> there_unsynced[i] = false; i++
    :: else -> break
    od;
    i = 0;
    COPY(archived_synced, archived)
}

/* -------------------------------------------------------- agencies, and who looks up ---- */

#define BETS_MAX (D == 1 -> BETS_1 : BETS_2)

#ifdef BETS_AFTER_CLOSING
#define TAKES_BETS true
#else
#define TAKES_BETS (!sales_closed)
#endif

proctype agencies()
{
end_of_all:
    do
    :: atomic { /* ring_append */
            serving && opens_next == 0 && phase == BETTING && TAKES_BETS && head < BETS_MAX ->
            assert(control.state < CLOSED);
            head++
        }
    :: atomic { /* agencies_ask_done */
            serving && opens_next == 0 && phase == BETTING -> phase = ASKED
        }
    od
}

/* What can be told is told at once. */
inline tell_bets()
{
    assert(bets_synced[D] >= durable && (durable == 0 || control_synced.state >= OPEN));
    assert(control.state < CLOSED || durable <= control.bets);
    acknowledged[D] = durable
}

inline tell_done()
{
    assert(lines_synced[D] > 0 && control_synced.done > 0);
    told_done[D] = true
}

/* STATE, REQUEST and `status`. */
inline tell_state()
{
    if
    :: shown >= SEALED ->
        assert(told_seal[D] == 0 || told_seal[D] == control.seal);
        assert(control_synced.seal == control.seal);
        told_seal[D] = control.seal
    :: else
    fi;
    if
    :: shown == DRAWN ->
        assert(told_winners[D] == 0 || told_winners[D] == here[WINNERS]);
        assert(control_synced.state == DRAWN && here[WINNERS] == FILE(D, control_synced.number));
        told_winners[D] = here[WINNERS]
    :: else
    fi
}

/* ---------------------------------------------------------- the operator, and its door ---- */

#define IDLE (serving && order == NO_ORDER && opens_next == 0)

inline post(kind)
{
    order = kind;
    answered = false;
    carried_out = false
}

proctype operator()
{
end_of_all:
    do
    :: atomic { IDLE && shown < SEALED && shown != 0 -> post(ORDER_CLOSE) }
    :: atomic {
            IDLE && shown == SEALED && control.by_command ->
            post(ORDER_DRAW);
            order_seal = control.seal;
            if
            :: order_number = 1
            :: !was_refused -> order_number = 2
            fi;
            order_number = (was_refused -> control.number : order_number);
            was_refused = false
        }
    :: atomic { IDLE && D == 1 && shown == DRAWN -> opens_next = FOLLOW }
    :: atomic { IDLE && D == 1 && shown != DRAWN && shown != 0 && may_abandon -> opens_next = ABANDON }
    :: atomic { /* orders_take_answer */
            serving && order != NO_ORDER && answered ->
            if
            :: order == ORDER_CLOSE && carried_out -> assert(told_seal[D] != 0)
            :: order == ORDER_DRAW && carried_out ->
                assert(told_number[D] == 0 || told_number[D] == order_number);
                assert(drawn_with[D] == order_number && control_synced.state == DRAWN);
                told_number[D] = order_number
            :: else -> was_refused = (control.number != 0)
            fi;
            order = NO_ORDER;
            order_number = 0;
            order_seal = 0;
            answered = false;
            carried_out = false
        }
    od
}

/* ------------------------------------------------------------------- server/storer/ ---- */

/* control_write; what is renamed comes first. */
inline sync_control()
{
    STEP(sync_here());
    STEP(shown = control.state; tell_state())
}

inline flush()
{
    STEP(written[D] = head);           /* pwrite */
    STEP(bets_synced[D] = written[D]); /* fdatasync */
    if
    :: control.state == NEW ->
        STEP(control.state = OPEN; control.bets = written[D]); /* storage_note_begun */
        sync_control()
    :: else
    fi;
    STEP(durable = written[D]; tell_bets())
}

inline flush_appended()
{
    if
    :: head != durable -> flush()
    :: else
    fi
}

/* done_round_store_asked */
inline store_done()
{
    flush_appended();
    STEP(lines[D] = 1); /* pwrite */
    STEP(lines_synced[D] = lines[D]); /* fdatasync */
    STEP(
        control.state = (control.state == NEW -> OPEN : control.state);
        control.bets = durable;
        control.done = lines[D]
    );
    sync_control();
    STEP(phase = IS_DONE; tell_done())
}

inline store_done_if_asked()
{
    if
    :: phase == ASKED -> store_done()
    :: else
    fi
}

/* server/storer/sales.c */
inline close_sales()
{
    STEP(sales_closed = true); /* agencies_close_for_draw */
#ifndef CLOSED_BEFORE_FLUSH
    flush_appended();
#endif
#ifndef CLOSED_BEFORE_DONES
    store_done_if_asked();
#endif
    STEP(
        control.state = CLOSED;
        control.bets = head;
        control.done = lines[D]
    );
    sync_control();
#ifdef CLOSED_BEFORE_FLUSH
    flush_appended();
#endif
#ifdef CLOSED_BEFORE_DONES
    store_done_if_asked()
#endif
}

/* whole_file_write; what is renamed has been synced. */
inline write_whole(file, version)
{
    STEP(here[file] = FILE(D, version));
    STEP(sync_here())
}

/* seal.json, then control with its hash. */
inline make_seal()
{
    STEP(seals++; assert(bets_synced[D] == control.bets && written[D] == control.bets));
#ifdef TOLD_BEFORE_SEALED
    STEP(told_seal[D] = FILE(D, seals));
#endif
#ifdef SEALED_BEFORE_SEAL
    STEP(control.state = SEALED; control.seal = FILE(D, seals));
    sync_control();
#endif
#ifdef SEAL_NOT_SYNCED
    STEP(not_synced = SEAL + 1; here[SEAL] = FILE(D, seals));
    STEP(sync_here());
#else
#ifdef SEAL_NAME_NOT_SYNCED
    STEP(here[SEAL] = FILE(D, seals));
#else
    write_whole(SEAL, seals);
#endif
#endif
    STEP(control.state = SEALED; control.seal = FILE(D, seals));
    sync_control()
}

/* The number is durable, or was from the opening on. */
inline hold_draw()
{
    STEP(
        assert(here[SEAL] == control.seal && written[D] == control.bets);
        assert(drawn_with[D] == 0 || drawn_with[D] == control.number);
        drawn_with[D] = control.number
    );
    write_whole(WINNERS, control.number);
    STEP(reports++);
#ifndef DRAWN_BEFORE_REPORT
#ifdef REPORT_NAME_NOT_SYNCED
    STEP(here[REPORT] = FILE(D, reports));
#else
    write_whole(REPORT, reports);
#endif
#endif
    STEP(control.state = DRAWN; control.report = FILE(D, reports));
    sync_control()
#ifdef DRAWN_BEFORE_REPORT
    ;
    write_whole(REPORT, reports)
#endif
}

inline answer(yes)
{
    STEP(carried_out = yes; answered = true)
}

#ifdef SECOND_NUMBER
#define IS_OTHER_NUMBER false
#else
#define IS_OTHER_NUMBER (KNOWN && control.number != order_number)
#endif

inline carry_out_draw()
{
    if
    :: control.state == DRAWN && order_number == control.number && order_seal == control.seal ->
        answer(true)
    :: control.state == SEALED && !IS_OTHER_NUMBER && order_seal == control.seal ->
        STEP(control.number = order_number); /* storage_note_number */
#ifndef NUMBER_NOT_SYNCED
        STEP(sync_here());
#endif
        hold_draw();
        answer(true)
    :: else -> answer(false)
    fi
}

/* storage_open, flush_settle, done_round_adopt, sales_take_over */
inline take_over()
{
#ifdef DONE_NAME_NOT_SYNCED
    STEP(sync_here());
#endif
    STEP(here[DONE] = FILE(D, 1)); /* done_file_open makes it */
#if !defined(TRUST_NAMES) && !defined(DONE_NAME_NOT_SYNCED)
    STEP(sync_here());
#endif
    STEP(lines_synced[D] = lines[D]);
#ifdef ADOPT_WITHOUT_CLOSING
    STEP(sales_closed = false);
#else
    STEP(sales_closed = !ON_SALE);
#endif
    if
    :: written[D] != durable ->
        STEP(bets_synced[D] = written[D]);
        if
        :: control.state == NEW ->
            STEP(control.state = OPEN; control.bets = written[D]);
            sync_control()
        :: else
        fi;
        STEP(durable = written[D])
    :: else
    fi;
    if
    :: lines[D] > control.done ->
        STEP(
            control.state = (control.state == NEW -> OPEN : control.state);
            control.bets = durable;
            control.done = lines[D]
        );
        sync_control()
    :: else
    fi;
    STEP(
        if
        :: lines[D] > 0 -> phase = IS_DONE; tell_done()
        :: else
        fi
    )
}

#define TO_STORE (head != durable)

/* --------------------------------------------- the next draw: operator.c, archive.c ---- */

inline prepare_archive()
{
    SUPERVISOR_STEP(there_made = (there_made == 0 -> 1 : there_made));
    SUPERVISOR_STEP(there_made = 2);
    SUPERVISOR_STEP(
        COPY(archived, control);
        archived.state = (control.state == DRAWN -> DRAWN : ABANDONED);
        archived.bets = durable
    );
#ifndef ARCHIVED_NOT_SYNCED
    SUPERVISOR_STEP(sync_there())
#endif
}

#ifdef NEXT_WITHOUT_ARCHIVING
#define IS_ARCHIVING false
#else
#define IS_ARCHIVING true
#endif

inline commit_next()
{
    SUPERVISOR_STEP(
        control.draw = 2;
        control.state = NEW;
        control.bets = 0;
        control.done = 0;
        control.seal = 0;
        control.report = 0;
        control.archiving = IS_ARCHIVING;
        if
        :: control.by_command = true; control.number = 0
        :: control.by_command = false; control.number = 1
        fi
    );
    SUPERVISOR_STEP(sync_here())
}

/* Moves the file, if it has not been moved. One in both places is refused: no crash leaves that. */
inline move_file(file)
{
    SUPERVISOR_STEP(
        if
        :: here[file] != 0 ->
            assert(there[file] == 0);
            there[file] = here[file];
            here[file] = 0;
            there_unsynced[file] = true;
            here_unsynced[file] = true
        :: else
        fi
    )
}

inline move_files()
{
    move_file(BETS);
    move_file(DONE);
    move_file(SEAL);
    move_file(REPORT);
    move_file(WINNERS)
}

inline clear_archiving()
{
    SUPERVISOR_STEP(control.archiving = false);
    SUPERVISOR_STEP(sync_here())
}

inline complete_archive()
{
#ifdef CLEARED_BEFORE_MOVES
    clear_archiving();
#endif
    move_files();
#ifndef MOVES_NOT_SYNCED
#ifndef ARCHIVE_NOT_SYNCED
    SUPERVISOR_STEP(sync_there());
#endif
    SUPERVISOR_STEP(sync_here());
#endif
    clear_archiving()
}

/* All children have ended, and all is stored. */
inline turn_over()
{
    prepare_archive();
#ifdef MOVES_BEFORE_NEXT
    move_files();
    SUPERVISOR_STEP(sync_there());
    SUPERVISOR_STEP(sync_here());
#endif
    commit_next();
    SUPERVISOR_STEP(forget_segment())
}

/* --------------------------------------------------------------------- recovery.c ---- */

/* Nothing but crashes has been at work: what is refused here would be refused for nothing. */
inline judge()
{
    /* bets.csv and done.csv reach as far as control says, and end there once sales are closed */
    assert(written[D] >= control.bets && lines[D] >= control.done);
    assert(control.bets == 0 || here[BETS] == FILE(D, 1));
    assert(control.done == 0 || here[DONE] == FILE(D, 1));
    assert(ON_SALE || (written[D] == control.bets && lines[D] == control.done));
    /* ending_is_due, ending_agrees */
    assert(!ON_SALE || here[SEAL] == 0);
    assert(control.state < SEALED || here[SEAL] == control.seal);
    assert(here[WINNERS] == 0 ||
           (control.state >= SEALED && here[WINNERS] == FILE(D, control.number)));
    assert(here[REPORT] == 0 || here[WINNERS] != 0);
    assert(control.state != DRAWN || (here[REPORT] == control.report && here[WINNERS] != 0));
}

/* A draw's files, one after the other: what its agencies and its operator know stands there. */
inline is_kept(whose, bets_csv, done_csv, seal_json, winners_csv)
{
    assert(acknowledged[whose] == 0 || bets_csv == FILE(whose, 1));
    assert(acknowledged[whose] <= written[whose]);
    assert(!told_done[whose] || (done_csv == FILE(whose, 1) && lines[whose] > 0));
    assert(told_seal[whose] == 0 || seal_json == told_seal[whose]);
    assert(told_winners[whose] == 0 || winners_csv == told_winners[whose])
}

inline is_current()
{
    i = 0;
    do
    :: i < FILES ->
        assert(here[i] == 0 || DRAW_OF(here[i]) == D); /* of no other draw */
        assert(there[i] == 0 || (D == 2 && DRAW_OF(there[i]) == 1));
        i++
    :: else -> break
    od;
    i = 0;
    assert(!control.archiving && !control_synced.archiving && control_synced.draw == D);
    assert(!told_next || D == 2);
    is_kept(D, here[BETS], here[DONE], here[SEAL], here[WINNERS])
}

/* The archive of the first draw: durable, whole, and as its control says. */
inline is_archived()
{
    assert(there_made == 2);
    i = 0;
    do
    :: i < FILES -> assert(!there_unsynced[i] && !here_unsynced[i]); i++
    :: else -> break
    od;
    i = 0;
    assert(archived_synced.draw == 1 && archived_synced.state >= DRAWN);
    assert(there[BETS] == FILE(1, 1) && bets_synced[1] == written[1]);
    assert(archived_synced.state != DRAWN ||
           (written[1] == archived_synced.bets && lines[1] == archived_synced.done &&
            there[SEAL] == archived_synced.seal && there[REPORT] == archived_synced.report &&
            there[WINNERS] == FILE(1, archived_synced.number)));
    assert(told_number[1] == 0 || archived_synced.number == told_number[1]);
    assert(written[1] >= archived_synced.bets && lines[1] >= archived_synced.done);
    is_kept(1, there[BETS], there[DONE], there[SEAL], there[WINNERS])
}

/*
 * The server before this one may have died between a rename and the sync of the directory. Nothing
 * is moved or made by what is not durable.
 */
inline recover()
{
#ifndef TRUST_CONTROL_AT_START
    SUPERVISOR_STEP(sync_here());
#endif
#ifndef NOT_COMPLETED
    if
    :: control.archiving -> complete_archive()
    :: else
    fi;
#endif
    SUPERVISOR_STEP( /* done_file_open, tally_count, witnesses_agree */
        lines_synced[D] = lines[D];
        bets_synced[D] = written[D];
        judge()
    );
    SUPERVISOR_STEP(here[BETS] = (here[BETS] == 0 -> FILE(D, 1) : here[BETS])); /* cut_bets */
    SUPERVISOR_STEP(
        if
        :: control.state == NEW && (written[D] > 0 || lines[D] > 0) -> control.state = OPEN
        :: else
        fi;
        control.bets = (control.state == NEW -> 0 : written[D]);
        control.done = (control.state == NEW -> 0 : lines[D])
    );
    SUPERVISOR_STEP(sync_here());
    SUPERVISOR_STEP(
        is_current();
        if
        :: D == 2 -> is_archived()
        :: else
        fi;
        head = written[D];
        durable = written[D];
        phase = (lines[D] > 0 -> IS_DONE : BETTING)
    )
}

/* ------------------------------------------------------------------------- server ---- */

inline forget_segment()
{
    serving = false;
    head = 0;
    durable = 0;
    sales_closed = false;
    phase = BETTING;
    shown = 0;
    order = NO_ORDER;
    order_number = 0;
    order_seal = 0;
    answered = false;
    carried_out = false;
    was_refused = false;
    opens_next = 0
}

/* A file that is there no more has no rows. */
inline forget_lost(d)
{
    if
    :: here[BETS] != FILE(d, 1) && there[BETS] != FILE(d, 1) -> written[d] = 0; bets_synced[d] = 0
    :: else
    fi;
    if
    :: here[DONE] != FILE(d, 1) && there[DONE] != FILE(d, 1) -> lines[d] = 0; lines_synced[d] = 0
    :: else
    fi
}

inline lose_power()
{
    if
    :: there_made == 1 -> there_made = 0; archived.state = 0
    :: there_made == 1 -> there_made = 2
    :: else
    fi;
    if
    :: archived.state != 0 -> COPY(archived, archived_synced)
    :: true
    fi;
    if
    :: COPY(control, control_synced)
    :: true
    fi;
    i = 0;
    do
    :: i < FILES ->
        if
        :: there_unsynced[i] || here_unsynced[i] -> here[i] = there[i]; there[i] = 0 /* not moved */
        :: there_unsynced[i] || here_unsynced[i] -> here[i] = 0 /* moved, and nothing after that */
        :: !there_unsynced[i] && !here_unsynced[i] -> here[i] = here_synced[i]
        :: true
        fi;
        if
        :: not_synced == i + 1 && here[i] != 0 -> here[i] = TORN
        :: true
        fi;
        here_synced[i] = here[i];
        there_unsynced[i] = false;
        here_unsynced[i] = false;
        i++
    :: else -> break
    od;
    not_synced = 0;
    COPY(control_synced, control);
    COPY(archived_synced, archived);
    forget_lost(1);
    forget_lost(2);
    select (i : bets_synced[D] .. written[D]);
    written[D] = i;
    bets_synced[D] = i;
    select (i : lines_synced[D] .. lines[D]);
    lines[D] = i;
    lines_synced[D] = i;
    i = 0
}

proctype server()
{
    byte i;

start:
    recover();
storer:
    take_over();
    STEP(
        shown = control.state;
        serving = true;
        told_next = (D == 2);
        tell_bets();
        tell_state()
    );
end_asleep:
    do
    :: TO_STORE -> flush()
    :: phase == ASKED && ON_SALE && opens_next == 0 -> store_done()
    :: phase == ASKED && !ON_SALE && opens_next == 0 -> STEP(phase = CLOSED_OUT)
    :: ON_SALE && (phase == IS_DONE || (order == ORDER_CLOSE && !answered)) && opens_next == 0 ->
        close_sales()
    :: control.state == CLOSED && opens_next == 0 -> make_seal()
    :: order == ORDER_CLOSE && !answered && control.state >= SEALED -> answer(true)
    :: order == ORDER_DRAW && !answered -> carry_out_draw()
    :: control.state == SEALED && KNOWN && opens_next == 0 -> hold_draw()
    :: atomic { opens_next != 0 && !TO_STORE -> serving = false; break }
    :: atomic { crashes_left > 0 -> crashes_left--; goto died }
    :: atomic { cuts_left > 0 -> cuts_left--; goto cut }
    od;
    turn_over();
    goto start;
died:
    atomic { i = 0; goto storer };
cut:
    atomic {
        i = 0;
        if
        :: lose_power()
        :: true
        fi;
        forget_segment();
        goto start
    }
}

init
{
    byte i;
    atomic {
        select (i : 0 .. CRASHES);
        crashes_left = i;
        select (i : 0 .. CUTS);
        cuts_left = i;
        i = 0;
        control.draw = 1;
        control.state = NEW;
        if
        :: control.by_command = true
        :: control.by_command = false; control.number = 1
        fi;
        COPY(control_synced, control);
        if
        :: may_abandon = true
        :: true
        fi;
        run server();
        run agencies();
        run operator()
    };
    timeout ->
    atomic {
        assert(D == 2 && control.state == DRAWN && shown == DRAWN && control_synced.state == DRAWN);
        assert(head == durable && phase != ASKED && order == NO_ORDER);
        assert(told_winners[2] != 0);
        is_current();
        is_archived()
    }
}
