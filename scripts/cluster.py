#!/usr/bin/env python3
"""
cluster.py - loses a machine on purpose: three nodes of the engine, a primary, a standby, five agencies,
and a SIGKILL in the middle. `make cluster` calls it.

    scripts/cluster.py [--kill-at PERCENT] [--bets N]

Everything runs on this machine, on ports that are free, and stands in build/cluster/, anew for each run:

    engine-N/             nats-server: its configuration and its part of the log
    node-1/, node-2/      the data directories of the two servers; node-1 starts as the primary
    bets/agency-N.csv     what the agencies send: out of .data/ as for `make run`, else generated
    winners/agency-N.csv  what each agency won
    *.log                 what each program said

The primary is killed with all of its processes when its bets.csv has PERCENT (50) of the bets. The standby
claims the log, starts, and the agencies go on there. In the end the killed one is started again, as a
standby. What is checked: every bet stored once, the winners those of the bets, and both nodes' files equal.

Ends with 0 only if everything was so. Whatever happens, each process that it has started is ended, by its
pid, before it ends itself.
"""
import argparse
import collections
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

AGENCIES = 5
ENGINE_NODES = 3
RUN = pathlib.Path("build/cluster")
PATIENCE_S = 60
MEETING_S = 8  # the engine's nodes know each other sooner, or not at all
MEETINGS = 4
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "TERM", "TZ", "CONFINEMENT")  # the last one for debuggers
ACKNOWLEDGED = r"DEBUG .*action: apuesta_enviada \| result: success \| cantidad: (\d+)"
EQUAL_FILES = ("bets.csv", "done.csv", "seal.json", "draw.json")


class Trouble(Exception):
    pass


class Program:
    """A program with a process group of its own, whose lines are kept with the time they came at."""

    def __init__(self, name, words, settings=None):
        self.name = name
        self.lines = []
        self.news = threading.Condition()
        kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        self.process = subprocess.Popen(words, env={**kept, **(settings or {})}, text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, errors="replace",
                                        start_new_session=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with open(RUN / f"{self.name}.log", "a", encoding="utf-8") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                with self.news:
                    self.lines.append((time.monotonic(), line.rstrip()))
                    self.news.notify_all()

    def await_line(self, pattern, seconds=PATIENCE_S):
        """The time and the match of the first line that has the pattern."""
        deadline, seen = time.monotonic() + seconds, 0
        while True:
            with self.news:
                for at, line in self.lines[seen:]:
                    match = re.search(pattern, line)
                    if match:
                        return at, match
                seen = len(self.lines)
                if time.monotonic() > deadline or not self.reader.is_alive():
                    raise Trouble(f'{self.name} does not say "{pattern}"')
                self.news.wait(0.1)

    def await_end(self, seconds=PATIENCE_S):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{self.name} does not end") from None
        self.reader.join()
        if status != 0:
            raise Trouble(f"{self.name} ended with status {status}")

    def signal(self, number):
        """To all of its processes."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        self.signal(signal.SIGKILL)
        self.process.wait()


def engine_members(monitors):
    """The leader of the engine's nodes and those that it knows; nobody, where none leads."""
    for port in monitors:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/jsz", timeout=2) as answer:
                meta = json.load(answer).get("meta_cluster", {})
        except (OSError, ValueError):
            continue
        if "replicas" in meta:  # the leader alone has them
            return {meta["leader"], *(replica["name"] for replica in meta["replicas"])}
    return set()


def await_engine_members(monitors):
    """Those that are there once all are, or in the end."""
    deadline = time.monotonic() + MEETING_S
    while len(members := engine_members(monitors)) < len(monitors) and time.monotonic() < deadline:
        time.sleep(0.05)
    return members


class Cluster:
    def __init__(self, options):
        self.options = options
        self.programs = []
        self.began = time.monotonic()
        self.events = []
        self.agency_files = {}

    # ---- what happens ----

    def note(self, text, at=None):
        at = time.monotonic() if at is None else at
        self.events.append((at, text))
        print(f"{at - self.began:7.2f} s  {text}", flush=True)

    def start(self, name, words, settings=None):
        program = Program(name, words, settings)
        self.programs.append(program)
        return program

    # ---- bets ----

    def provide_bets(self):
        """Those that are in .data, as for `make run`; else generated ones."""
        (RUN / "bets").mkdir()
        missing = []
        for agency in range(1, AGENCIES + 1):
            there = sorted(file for file in pathlib.Path(".data").glob("*")
                           if file.name.lower() == f"agency-{agency}.csv")
            if there and self.options.bets is None:
                self.agency_files[agency] = there[-1]
            else:
                missing.append(agency)
        if missing and self.options.bets is None and list(pathlib.Path(".data").glob("[Dd]ataset.zip")):
            subprocess.run(["python3", "multiple_clients_compose.py", "--extract", RUN / "bets",
                            *map(str, missing)], check=True, stdout=subprocess.DEVNULL)
        elif missing:
            number = [] if self.options.bets is None else ["-n", str(self.options.bets)]
            subprocess.run(["bin/lottery-generate", "-d", RUN / "bets", "-a", str(AGENCIES), *number],
                           check=True, stdout=subprocess.DEVNULL)
        for agency in missing:
            self.agency_files[agency] = RUN / "bets" / f"agency-{agency}.csv"

    def expected_rows(self):
        """The rows that bets.csv has to have, each with how often."""
        rows = collections.Counter()
        for agency, file in self.agency_files.items():
            for row in file.read_text(encoding="utf-8").splitlines():
                rows[f"{agency},{row}"] += 1
        return rows

    # ---- programs ----

    def start_engine(self):
        clients, routes, monitors = free_ports(ENGINE_NODES), free_ports(ENGINE_NODES), free_ports(ENGINE_NODES)
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        for node in range(ENGINE_NODES):
            directory = RUN / f"engine-{node + 1}"
            directory.mkdir()
            (directory / "nats.conf").write_text(
                f'server_name: engine-{node + 1}\n'
                f'listen: "127.0.0.1:{clients[node]}"\n'
                f'http: "127.0.0.1:{monitors[node]}"\n'
                f'jetstream {{ store_dir: "{directory}/jetstream", sync_interval: always }}\n'
                f'cluster {{ name: lottery, listen: "127.0.0.1:{routes[node]}", routes: [{others}] }}\n',
                encoding="utf-8")
        engines = {f"engine-{node + 1}": None for node in range(ENGINE_NODES)}
        members = set()
        for _ in range(MEETINGS):
            for name in sorted(engines.keys() - members):
                self.start_engine_node(engines, name)
            members = await_engine_members(monitors)
            if members == engines.keys():
                break
        else:
            raise Trouble(f"the engine's nodes do not find each other: {RUN}/engine-*.log")
        self.engine = ",".join(f"nats://127.0.0.1:{port}" for port in clients)
        self.note(f"engine: three nodes of NATS on ports {', '.join(map(str, clients))}")

    def start_engine_node(self, engines, name):
        """Also one that runs: the leader may never hear of a new node, which says that it is well."""
        if engines[name] is not None:
            engines[name].end()
        engines[name] = self.start(name, ["nats-server", "--config", RUN / name / "nats.conf"])
        engines[name].await_line("Server is ready")  # at the same moment they may not find each other

    def start_server(self, node, follows, suffix=""):
        words = ["bin/lottery-server", "-c", "server/config.yaml"] + (["--follow"] if follows else [])
        return self.start(f"node-{node}{suffix}", words, {
            "LOGGING_LEVEL": "INFO", "SERVER_ADDRESS": "127.0.0.1",
            "SERVER_PORT": str(self.ports[node]), "DATA_DIRECTORY": str(RUN / f"node-{node}"),
            "NUMBER_OF_AGENCIES": str(AGENCIES), "ACK_AFTER": "replicated",
            "REPLICATION_SERVERS": self.engine, "REPLICATION_CENTRE": "A",
            "REPLICATION_NODE": f"node-{node}"})

    def start_agencies(self):
        servers = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        (RUN / "winners").mkdir()
        return [self.start(f"agency-{agency}", ["bin/lottery-agency", "-c", "client/config.yaml"], {
            "CLI_ID": str(agency), "CLI_LOG_LEVEL": "DEBUG", "CLI_SERVER_ADDRESS": servers, "CLI_BETS_FILE": str(file),
            "CLI_WINNERS_FILE": str(self.winners_file(agency))})
            for agency, file in sorted(self.agency_files.items())]

    def winners_file(self, agency):
        return RUN / "winners" / f"agency-{agency}.csv"

    # ---- the run ----

    def lose_the_primary(self, primary, bytes_of_all):
        bets = RUN / "node-1" / "bets.csv"
        deadline = time.monotonic() + PATIENCE_S
        while size_of(bets) < bytes_of_all * self.options.kill_at / 100:
            if time.monotonic() > deadline:
                raise Trouble("the primary does not store bets")
            time.sleep(0.001)
        primary.signal(signal.SIGKILL)
        primary.process.wait()
        killed = time.monotonic()
        self.note(f"node-1: killed, all of its processes; it has stored {lines_of(bets):,} bets", killed)
        return killed

    def await_takeover(self, standby, killed):
        at, match = standby.await_line(r"action: takeover \| result: success.* epoch: (\d+).*\| bytes: (\d+)")
        taken_over = int(match.group(2))
        self.note(f"node-2: has claimed the log, epoch {match.group(1)}: nobody else appends to it", at)
        at, _ = standby.await_line(r"action: listen .*result: success")
        self.note("node-2: listens", at)
        return taken_over, at

    def await_agencies(self, killed, listens):
        for agency in self.agencies:
            agency.await_end()
        again, _ = self.acknowledged(listens, float("inf"))
        if again is None:
            raise Trouble("node-2 has acknowledged nothing: everything was sent before the loss")
        self.note(f"agencies: the first acknowledgement of node-2, {again - killed:.2f} s after the loss", again)
        self.note("agencies: all have their winners")
        return again - killed

    def acknowledged(self, since, until):
        """What agencies were told in that time: when for the first time, and how many bets."""
        told = [(at, int(match.group(1))) for agency in self.agencies for at, line in list(agency.lines)
                if since <= at < until and (match := re.search(ACKNOWLEDGED, line))]
        return min((at for at, _ in told), default=None), sum(bets for _, bets in told)

    def bring_back(self):
        """The killed node, as a standby; until its files are those of the other one."""
        returned = self.start_server(1, follows=True, suffix="-returned")
        at, _ = returned.await_line(r"action: follow \| result: success")
        self.note("node-1: is back, and follows", at)
        deadline = time.monotonic() + PATIENCE_S
        while different_files():
            if time.monotonic() > deadline or returned.process.poll() is not None:
                raise Trouble(f"the nodes' files differ: {', '.join(different_files())}")
            time.sleep(0.05)
        self.note(f"node-1: {', '.join(EQUAL_FILES)} are those of node-2, byte for byte")
        return returned

    def run(self):
        self.ports = dict(zip((1, 2), free_ports(2)))
        self.provide_bets()
        expected = self.expected_rows()
        print("A primary and its standby on this machine, and an engine of three nodes that keeps the log between\n"
              f"them. The primary is killed when it has {self.options.kill_at:g} % of the bets; nobody is told.\n",
              flush=True)
        self.start_engine()
        primary = self.start_server(1, follows=False)
        at, _ = primary.await_line(r"action: listen .*result: success")
        self.note(f"node-1: listens on port {self.ports[1]}, the primary", at)
        at, _ = primary.await_line(r"action: replica \| result: success \| claimed")
        self.note("node-1: has claimed the log, epoch 1, once the engine had elected its leader", at)
        standby = self.start_server(2, follows=True)
        at, _ = standby.await_line(r"action: follow \| result: success")
        self.note("node-2: follows", at)
        self.agencies = self.start_agencies()
        self.note(f"agencies: {AGENCIES} send {sum(expected.values()):,} bets")
        killed = self.lose_the_primary(primary, sum((len(row.encode()) + 1) * times
                                                    for row, times in expected.items()))
        taken_over, listens = self.await_takeover(standby, killed)
        pause = self.await_agencies(killed, listens)
        returned = self.bring_back()
        for program in (returned, standby):
            program.process.send_signal(signal.SIGTERM)
            program.await_end()
        self.note("both nodes: stopped")
        check_bets(expected)
        check_winners(self.winners_file)
        _, told_before = self.acknowledged(0, listens)
        self.show_result(taken_over, pause, told_before)

    def show_result(self, taken_over, pause, told_before):
        bets = (RUN / "node-2" / "bets.csv").read_bytes()
        before = bets[:taken_over].count(b"\n")
        if told_before > before:
            raise Trouble(f"{told_before} bets were acknowledged, and node-2 took over with {before}")
        moved = sum(lines_of(file) for file in (RUN / "node-1").glob("bets.csv.unacknowledged.*"))
        rows = [("from the loss to the first acknowledgement", f"{pause:.2f} s"),
                ("bets acknowledged before the loss", f"{told_before:,}"),
                ("bets in the log when node-2 claimed it, all of those among them", f"{before:,}"),
                ("bets that node-2 took", f"{bets.count(10) - before:,}"),
                ("bets stored in the end, each once", f"{bets.count(10):,}"),
                ("bets that node-1 had and nobody acknowledged, put aside", f"{moved:,}")]
        print()
        for agency in sorted(self.agency_files):
            winners = self.winners_file(agency).read_text(encoding="utf-8").splitlines()
            print(f"agency {agency}: bets: {lines_of(self.agency_files[agency]):,} | winners: {len(winners)}")
        print()
        for text, value in rows:
            print(f"{text:64} {value:>9}")
        print("\nEvery bet is stored once, the agencies have all winners, and both nodes have the same files.")
        print(f"The files: {RUN}/node-2/bets.csv, {RUN}/winners/; what each program said: {RUN}/*.log.")

    def end(self):
        for program in reversed(self.programs):
            program.end()
        for node in (1, 2):
            remove_shared_memory(RUN / f"node-{node}" / "control")


# ---- files and ports ----


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def size_of(file):
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def lines_of(file):
    return file.read_bytes().count(b"\n")


def bytes_of(node, name):
    try:
        return (RUN / f"node-{node}" / name).read_bytes()
    except FileNotFoundError:
        return None


def different_files():
    return [name for name in EQUAL_FILES if bytes_of(1, name) != bytes_of(2, name)]


def remove_shared_memory(control):
    """What a server that was killed, and was not started again, has left."""
    match = re.search(r"^ipc_key ([0-9a-f]{8})$", control.read_text(encoding="utf-8"), re.M) \
        if control.exists() else None
    if match and int(match.group(1), 16) != 0:
        pathlib.Path(f"/dev/shm/lottery-{match.group(1)}").unlink(missing_ok=True)
        subprocess.run(["ipcrm", "-S", f"0x{match.group(1)}"], stderr=subprocess.DEVNULL, check=False)


def check_bets(expected):
    stored = collections.Counter((RUN / "node-2" / "bets.csv").read_text(encoding="utf-8").splitlines())
    lost, more = sum((expected - stored).values()), sum((stored - expected).values())
    if lost or more:
        raise Trouble(f"bets.csv lacks {lost} bets and has {more} too many")


def check_winners(winners_file):
    winners = [line.split(",", 1) for line in
               (RUN / "node-2" / "winners.csv").read_text(encoding="utf-8").splitlines()]
    told = sum(len(winners_file(agency).read_text(encoding="utf-8").splitlines())
               for agency in range(1, AGENCIES + 1))
    if len(winners) != told:
        raise Trouble(f"winners.csv has {len(winners)} winners, and the agencies were told {told}")


def read_options():
    parser = argparse.ArgumentParser(description="Loses a machine on purpose, and shows what becomes of it.")
    parser.add_argument("--kill-at", type=float, default=50, metavar="PERCENT",
                        help="of the bets, when the primary is killed")
    parser.add_argument("--bets", type=int, metavar="N", help="so many generated ones")
    return parser.parse_args()


def interrupt(number, _frame):
    raise Trouble(f"interrupted by {signal.Signals(number).name}")


def main():
    options = read_options()
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    RUN.parent.mkdir(exist_ok=True)
    with open("build/cluster.lock", "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"cluster: another run is using {RUN}", file=sys.stderr)
            return 1
        shutil.rmtree(RUN, ignore_errors=True)
        RUN.mkdir()
        cluster = Cluster(options)
        try:
            cluster.run()
            return 0
        except (Trouble, OSError, subprocess.CalledProcessError) as trouble:
            print(f"\ncluster: {trouble}; see {RUN}/*.log", file=sys.stderr)
            return 1
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            cluster.end()


if __name__ == "__main__":
    sys.exit(main())
