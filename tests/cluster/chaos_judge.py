"""
chaos_judge.py - is a round over what its agencies were told?

Reads files alone: what each agency said, both data directories, and the log as lottery-feed exports it. It
shares no code with the programs.

    nothing lost      an agency that comes back is never told a smaller number than was acknowledged to it;
                      but by a node that another one has replaced and that does not know it yet: it tells
                      what it had, and acknowledges nothing
    each once         a draw's bets.csv has each agency's rows of that draw, in order, and nothing else:
                      all of them, or in an abandoned draw as many as were acknowledged, and more
    one log           the records' bytes are each draw's bets.csv and done.csv, one after the other, each
                      of the epoch and the node that had claimed the log; a draw begins by a claim, once
    one writer        a bet that a node acknowledged was appended by that node
    equal files       of both nodes
"""
import base64
import collections
import json
import re

ENDPOINT = re.compile(r"action: connect \| result: success \| server: ([0-9.]+:\d+)")
STATE = re.compile(r"action: reanudar \| result: success \| guardadas: (\d+)")
TOLD = re.compile(r"action: apuesta_enviada \| result: success \| cantidad: (\d+)\b")
EQUAL_FILES = ("bets.csv", "done.csv", "seal.json", "draw.json")
Play = collections.namedtuple("Play", "draw files logs whole")
Play.__doc__ = """A draw's name; agency -> what it was to send, and what it said; who has got winners."""


class Wrong(Exception):
    pass


def expect(is_so, text):
    if not is_so:
        raise Wrong(text)


class Testimony:
    """What one agency was told, run after run."""

    def __init__(self, agency, log):
        self.agency = agency
        self.acknowledged = 0  # rows, as far as any answer has said
        self.by_node = []      # (endpoint, from row, to row): acknowledged there, and not only counted
        self.outdated = []     # the same: acknowledged by then, and not known there
        endpoint, stored = None, 0
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if "action: config " in line:
                stored = 0  # a new run; it asks first
            elif match := ENDPOINT.search(line):
                endpoint, stored = match.group(1), 0
            elif match := STATE.search(line):
                stored = int(match.group(1))
                if stored < self.acknowledged:
                    self.outdated.append((endpoint, stored, self.acknowledged))
                self.acknowledged = max(self.acknowledged, stored)
            elif "DEBUG" in line and (match := TOLD.search(line)):
                expect(stored >= self.acknowledged,
                       f"agency {agency}: {self.acknowledged} bets were acknowledged, and {endpoint} takes them again")
                self.by_node.append((endpoint, stored, stored + int(match.group(1))))
                stored += int(match.group(1))
                self.acknowledged = max(self.acknowledged, stored)


class LoggedDraw:
    """What the log has of one draw."""

    def __init__(self, identity):
        self.identity = identity
        self.bets, self.done = bytearray(), bytearray()
        self.bets_by = []  # (end in bets.csv, node)


class Log:
    """The stream of a centre."""

    def __init__(self, lines):
        self.draws = []    # in their order
        self.claims = []   # (epoch, node)
        epoch, node = 0, None
        for number, line in enumerate(lines, 1):
            message = json.loads(line)
            headers = message["headers"]
            kind = message["subject"].rsplit(".", 1)[1]
            expect(message["sequence"] == number, f"the log has no record {number}")
            its_epoch, its_node = int(headers["Lottery-Epoch"]), headers["Lottery-Node"]
            if kind == "claim":
                expect(its_epoch > epoch, f"record {number}: claim {its_epoch} after {epoch}")
                epoch, node = its_epoch, its_node
                self.claims.append((epoch, node))
                self.note_draw(number, headers)
                continue
            expect((its_epoch, its_node) == (epoch, node),
                   f"record {number} is of {its_node} in epoch {its_epoch}, and {node} has epoch {epoch}")
            draw = self.draws[-1]
            expect(headers["Lottery-Identity"] == draw.identity, f"record {number} is of another draw than the claim")
            if kind in ("bets", "done"):
                whole = draw.bets if kind == "bets" else draw.done
                expect(int(headers["Lottery-Offset"]) == len(whole), f"record {number}: a gap, or an overlap")
                whole += message["text"].encode() if "text" in message else base64.b64decode(message["base64"])
                if kind == "bets":
                    draw.bets_by.append((len(whole), node))

    def note_draw(self, number, headers):
        """A claim is of the current draw, or begins the next one."""
        identity = headers["Lottery-Identity"]
        if not self.draws or self.draws[-1].identity != identity:
            expect(all(draw.identity != identity for draw in self.draws), f"record {number} begins a draw again")
            self.draws.append(LoggedDraw(identity))
        expect(int(headers["Lottery-Bets-End"]) == len(self.draws[-1].bets), f"record {number}: a claim of other bets")


def is_at_draw(directory, name):
    """Does its control name this draw?"""
    try:
        return f"\ndraw {name}\n" in (directory / "control").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def expect_rows(stored, agency, file, acknowledged, is_whole):
    """All of the file's rows; of an abandoned draw those that were acknowledged, at least."""
    rows = file.read_text(encoding="utf-8").splitlines()
    rows = rows if is_whole else rows[:max(acknowledged, len(stored))]
    expect(stored == rows, f"agency {agency}: {len(stored)} rows are stored and {len(rows)} were to be sent, "
                           f"the first difference is row {first_difference(stored, rows)}")


def first_difference(some, others):
    return next((i for i, (one, other) in enumerate(zip(some, others)) if one != other), min(len(some), len(others)))


def expect_one_writer(log, testimonies, node_of):
    """Every bet that a node acknowledged is one that this node appended."""
    writers, rows, at, place = collections.defaultdict(list), log.bets.decode().splitlines(keepends=True), 0, 0
    for row in rows:
        place += len(row.encode())
        while log.bets_by[at][0] < place:
            at += 1
        writers[int(row.split(",", 1)[0])].append(log.bets_by[at][1])
    for testimony in testimonies:
        for endpoint, begin, end in testimony.by_node:
            for row in range(begin, end):
                writer = writers[testimony.agency][row].rsplit("-", 1)[0]  # without its directory's id
                expect(writer == node_of[endpoint],
                       f"agency {testimony.agency}: row {row} was acknowledged by {node_of[endpoint]}, "
                       f"and written by {writer}")
        for endpoint, begin, end in testimony.outdated:
            for row in range(begin, end):
                writer = writers[testimony.agency][row].rsplit("-", 1)[0]
                expect(writer != node_of[endpoint],
                       f"agency {testimony.agency}: row {row} was acknowledged, and {endpoint}, which wrote it, "
                       "does not know it")


def judge_draw(play, logged, directories, node_of):
    """One draw, whose files stand in these two directories. Returns its figures."""
    testimonies = {agency: Testimony(agency, log) for agency, log in sorted(play.logs.items())}
    bets = (directories[0] / "bets.csv").read_bytes()
    stored = collections.defaultdict(list)
    for row in bets.decode().splitlines():
        agency, rest = row.split(",", 1)
        stored[int(agency)].append(rest)
    for agency, file in play.files.items():
        expect_rows(stored[agency], agency, file, testimonies[agency].acknowledged, agency in play.whole)
    expect(set(stored) <= set(play.files), "bets.csv has an agency that nobody knows")
    for name in EQUAL_FILES:
        one, other = ((each / name).read_bytes() if (each / name).exists() else None for each in directories)
        expect(one == other, f"the nodes' {name} differ")
    expect(bytes(logged.bets) == bets, "the log's bets are not those of bets.csv")
    done = directories[0] / "done.csv"
    expect(bytes(logged.done) == (done.read_bytes() if done.exists() else b""),
           "the log's DONEs are not those of done.csv")
    expect_one_writer(logged, testimonies.values(), node_of)
    return {"bets": bets.count(b"\n"), "outdated": sum(len(t.outdated) for t in testimonies.values()),
            "acknowledged": sum(end - begin for t in testimonies.values() for _, begin, end in t.by_node)}


def judge(plays, nodes, export, node_of):
    """
    plays: of each draw, in their order; nodes: two data directories; export: the lines of lottery-feed
    --export; node_of: endpoint -> node. Returns figures; raises Wrong.
    """
    log = Log(export)
    expect(len(log.draws) == len(plays), f"the log has {len(log.draws)} draws, and {len(plays)} were held")
    figures = collections.Counter()
    for number, (play, logged) in enumerate(zip(plays, log.draws), 1):
        is_last = number == len(plays)
        try:
            figures.update(judge_draw(
                play, logged, [node if is_last else node / "draws" / play.draw for node in nodes], node_of))
        except Wrong as wrong:
            raise Wrong(f"draw {play.draw}: {wrong}") from wrong
    expect(figures["acknowledged"] > 0, "no agency tells of an acknowledgement: nothing was judged")
    takeovers = sum(one[1] != other[1] for one, other in zip(log.claims, log.claims[1:]))
    return {**figures, "claims": len(log.claims), "takeovers": takeovers, "openings": len(plays) - 1}
