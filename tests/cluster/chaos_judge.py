"""
chaos_judge.py - is a round over what its agencies were told?

Reads files alone: what each agency said, both data directories, and the log as lottery-feed exports it. It
shares no code with the programs.

    nothing lost      an agency that comes back is never told a smaller number than was acknowledged to it
    each once         bets.csv has each agency's rows, all of them, in order, and nothing else
    one log           the records' bytes are bets.csv and done.csv, one after the other, each of the
                      epoch and the node that had claimed the log
    one writer        a bet that a node acknowledged was appended by that node
    equal files       of both nodes
"""
import base64
import collections
import json
import re

ENDPOINT = re.compile(r"action: connect \| result: success \| server: ([0-9.]+:\d+)")
STATE = re.compile(r"action: reanudar \| result: success \| guardadas: (\d+)")
TOLD = re.compile(r"action: apuesta_enviada \| result: success \| cantidad: (\d+)$")
EQUAL_FILES = ("bets.csv", "done.csv", "seal.json", "draw.json")


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
        endpoint, stored = None, 0
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if "action: config " in line:
                stored = 0  # a new run; it asks first
            elif match := ENDPOINT.search(line):
                endpoint, stored = match.group(1), 0
            elif match := STATE.search(line):
                stored = int(match.group(1))
                expect(stored >= self.acknowledged,
                       f"agency {agency}: {self.acknowledged} bets were acknowledged, and {endpoint} has {stored}")
                self.acknowledged = stored
            elif "DEBUG" in line and (match := TOLD.search(line)):
                expect(stored >= self.acknowledged,
                       f"agency {agency}: {self.acknowledged} bets were acknowledged, and {endpoint} takes them again")
                self.by_node.append((endpoint, stored, stored + int(match.group(1))))
                stored += int(match.group(1))
                self.acknowledged = max(self.acknowledged, stored)


class Log:
    """The stream of a centre."""

    def __init__(self, lines):
        self.bets, self.done = bytearray(), bytearray()
        self.bets_by = []  # (end in bets.csv, node)
        self.claims = []   # (epoch, node, end in bets.csv)
        epoch, node = 0, None
        for number, line in enumerate(lines, 1):
            message = json.loads(line)
            headers = message["headers"]
            kind = message["subject"].rsplit(".", 1)[1]
            expect(message["sequence"] == number, f"the log has no record {number}")
            its_epoch, its_node = int(headers["Lottery-Epoch"]), headers["Lottery-Node"]
            if kind == "claim":
                expect(its_epoch > epoch, f"record {number}: claim {its_epoch} after {epoch}")
                expect(int(headers["Lottery-Bets-End"]) == len(self.bets), f"record {number}: a claim of other bets")
                epoch, node = its_epoch, its_node
                self.claims.append((epoch, node, len(self.bets)))
                continue
            expect((its_epoch, its_node) == (epoch, node),
                   f"record {number} is of {its_node} in epoch {its_epoch}, and {node} has epoch {epoch}")
            if kind in ("bets", "done"):
                whole = self.bets if kind == "bets" else self.done
                expect(int(headers["Lottery-Offset"]) == len(whole), f"record {number}: a gap, or an overlap")
                whole += message["text"].encode() if "text" in message else base64.b64decode(message["base64"])
                if kind == "bets":
                    self.bets_by.append((len(whole), node))


def expect_rows(stored, agency, file):
    rows = file.read_text(encoding="utf-8").splitlines()
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
                       f"agency {testimony.agency}: row {row} was acknowledged by {node_of[endpoint]} and written by {writer}")


def judge(files, logs, nodes, export, node_of):
    """
    files: agency -> what it was to send; logs: agency -> what it said; nodes: two data directories; export: the
    lines of lottery-feed --export; node_of: endpoint -> node. Returns figures; raises Wrong.
    """
    testimonies = [Testimony(agency, log) for agency, log in sorted(logs.items())]
    bets = (nodes[0] / "bets.csv").read_bytes()
    stored = collections.defaultdict(list)
    for row in bets.decode().splitlines():
        agency, rest = row.split(",", 1)
        stored[int(agency)].append(rest)
    for agency, file in files.items():
        expect_rows(stored[agency], agency, file)
    expect(set(stored) <= set(files), "bets.csv has an agency that nobody knows")
    for name in EQUAL_FILES:
        expect((nodes[0] / name).read_bytes() == (nodes[1] / name).read_bytes(), f"the nodes' {name} differ")
    log = Log(export)
    expect(bytes(log.bets) == bets, "the log's bets are not those of bets.csv")
    expect(bytes(log.done) == (nodes[0] / "done.csv").read_bytes(), "the log's DONEs are not those of done.csv")
    expect_one_writer(log, testimonies, node_of)
    takeovers = sum(one[1] != other[1] for one, other in zip(log.claims, log.claims[1:]))
    return {"bets": bets.count(b"\n"), "claims": len(log.claims), "takeovers": takeovers,
            "acknowledged": sum(end - begin for t in testimonies for _, begin, end in t.by_node)}
