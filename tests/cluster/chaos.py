#!/usr/bin/env python3
"""
chaos.py - kills, stops and cuts off everything past one machine, until enough has been survived.

    make cluster-chaos [KILLS=...] [SECONDS=...] [SEED=...] [ROUND=...] [KEEP=1]

A round is a fresh lottery: three nodes of the engine, two servers, five agencies that have both addresses.
The seed and the round's number decide what happens. A lottery has one draw, two or three: the next one is
opened when the one before it was held, or in the middle of its sales, which are then abandoned. Its agencies
are others, with other bets. Whoever dies is started again after a while: a server
mostly as a standby, sometimes as the primary that it may not be; where it ends because it is fenced, it is
started again to follow. When the round has had its faults, everything is healed, the agencies get their
winners, and chaos_judge.py judges.

Goes on until KILLS kills, or SECONDS seconds, and ends its round. ROUND does only that one. KEEP=1 keeps
each round's files in build/cluster-chaos/. Where the machine gives no network namespaces, nothing is cut,
and the last line says that it was skipped.
"""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import chaos_judge
from chaos_machines import Machines

AGENCIES = 5
NODES = ("node-1", "node-2")
ENGINES = ("engine-1", "engine-2", "engine-3")
RUN = pathlib.Path(os.environ.get("CHAOS_DIRECTORY") or "build/cluster-chaos")
BETS_A_SECOND = 250   # of an agency, so that there is something to lose all the time
ENGINE_PAUSE_S = 0.5  # nodes of nats-server 2.10.27 that start at the same moment may stay without a leader
MEETING_S = 15        # for them to make a stream; a node that the leader has not heard of then is started again
SETTLE_S = 150        # for a round to end once it is left in peace
ORDER_S = 10          # an operator waits for so long
ORDER_AGAIN_S = 2     # and orders an opening that did not come about once more
CENTRE = "A"
DRAWS = ("1", "second", "third")
ABANDONED = 4         # an agency's status where its draw ended without all of its bets

KINDS = {  # how often each is taken, and whether it kills
    "kill a shipper": (6, True), "kill a storer": (2, True), "kill a server": (5, True),
    "kill a supervisor": (2, True), "kill an engine node": (5, True), "kill all engine nodes": (1, True),
    "kill an agency": (2, True), "kill both servers": (1, True),
    "stop a shipper": (3, False), "stop a server": (4, False), "stop an engine node": (3, False),
    "cut a server from the engine": (4, False), "cut an engine node from the others": (4, False),
    "cut an engine node from all": (3, False), "cut a server from all": (3, False), "promote": (1, False),
    "abandon the draw": (2, False),
}
CUTS = [kind for kind in KINDS if kind.startswith("cut")]


class Server:
    """One of the two nodes, and the service manager that starts it again."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.port = world.machines.port(12345)
        self.directory = world.run / name
        self.program = None
        self.again_at = 0.0
        self.as_primary = False
        self.failures = []

    def endpoint(self):
        return f"{self.world.machines.address(self.name)}:{self.port}"

    def start(self):
        world = self.world
        words = [world.program("lottery-server"), "-c", "server/config.yaml"]
        self.program = world.machines.start(self.name, words + ([] if self.as_primary else ["--follow"]), {
            "LOGGING_LEVEL": "INFO", "SERVER_ADDRESS": world.machines.address(self.name),
            "SERVER_PORT": str(self.port), "DATA_DIRECTORY": str(self.directory),
            "NUMBER_OF_AGENCIES": str(AGENCIES), "ACK_AFTER": "replicated",
            "LIMITS_BETS_PER_SECOND": str(BETS_A_SECOND), "RING_BYTES": "512k", "WINNERS_WAIT": "300ms",
            "REPLICATION_SERVERS": world.engine_urls, "REPLICATION_CENTRE": CENTRE,
            "REPLICATION_NODE": self.name, "REPLICATION_TAKEOVER_AFTER": f"{world.takeover_ms}ms"},
            world.run / f"{self.name}.log")
        self.as_primary = False

    def tend(self, now):
        """Starts it again where it has ended."""
        if self.program is not None:
            status = self.program.status()
            if status is None:
                return
            self.program.signal_all(signal.SIGKILL)
            if status > 0 and status != 4:
                self.failures.append(status)
            self.program, self.again_at = None, max(self.again_at, now + 0.3)
        if now >= self.again_at:
            self.start()

    def kill(self, again_at, as_primary):
        if self.program is not None:
            self.program.kill()
            self.program = None
        self.again_at, self.as_primary = again_at, as_primary

    def parts(self, name):
        return self.program.parts(name) if self.program is not None and self.program.status() is None else []


class World:
    """A round's programs and files."""

    def __init__(self, number, seed):
        self.random = random.Random(f"{seed}/{number}")
        self.run = RUN / f"round-{number}"
        shutil.rmtree(self.run, ignore_errors=True)
        self.run.mkdir(parents=True)
        self.machines = Machines([*ENGINES, *NODES, "agencies"])
        self.takeover_ms = self.random.choice((1000, 1000, 2000, 5000))
        self.draws = DRAWS[:self.random.choice((1, 2, 2, 3))]
        self.draw = 0           # the place of the current one among them
        self.ordered_at = 0.0   # the opening of the next one; 0: nobody has
        self.bets = self.random.choice((12000, 20000, 30000)) // len(self.draws)
        self.ends = []  # (when, what is called): faults that pass
        self.said = []
        self.began = time.monotonic()
        self.engines = {name: None for name in ENGINES}
        self.engine_again_at = {}
        self.agencies = {}      # (draw's place, number) -> program

    @staticmethod
    def program(name):
        return str(pathlib.Path(os.environ.get("LOTTERY_BIN", "bin")) / name)

    def say(self, text):
        line = f"{time.monotonic() - self.began:7.2f} {text}"
        self.said.append(line)
        if os.environ.get("V"):
            print(f"  {line}", flush=True)

    # ---- starting ----

    def set_up(self):
        for draw in self.draws:
            (self.run / f"bets-{draw}").mkdir()
            subprocess.run([self.program("lottery-generate"), "-d", self.run / f"bets-{draw}", "-a", str(AGENCIES),
                            "-n", str(self.bets), "-s", str(self.random.randrange(1 << 30))], check=True,
                           stdout=subprocess.DEVNULL)
        clients = {name: self.machines.port(4222) for name in ENGINES}
        routes = {name: self.machines.port(6222) for name in ENGINES}
        address = self.machines.address
        self.engine_urls = ",".join(f"nats://{address(name)}:{clients[name]}" for name in ENGINES)
        others = ", ".join(f'"nats://{address(name)}:{routes[name]}"' for name in ENGINES)
        for name in ENGINES:
            (self.run / f"{name}.conf").write_text(
                f'server_name: {name}\nlisten: "{address(name)}:{clients[name]}"\n'
                f'jetstream {{ store_dir: "{self.run}/{name}", sync_interval: always }}\n'
                f'cluster {{ name: chaos, listen: "{address(name)}:{routes[name]}", routes: [{others}] }}\n',
                encoding="utf-8")
            self.start_engine(name)
            time.sleep(ENGINE_PAUSE_S)
        self.servers = [Server(self, name) for name in NODES]
        self.servers[0].as_primary = True
        for server in self.servers:
            server.start()
        self.start_agencies()
        self.await_first_claim()

    def await_first_claim(self):
        """Before that there is no log: two nodes that begin at once would have a lottery each.

        It is not claimed as long as the engine's leader has not heard of a new node (scripts/cluster.py).
        """
        began = time.monotonic()
        again = [(began + (turn + 1) * MEETING_S, name) for turn, name in enumerate(ENGINES)]
        while "claimed: epoch 1 " not in (self.run / "node-1.log").read_text(encoding="utf-8", errors="replace"):
            if time.monotonic() > began + SETTLE_S:
                raise chaos_judge.Wrong("node-1 has never claimed the log")
            if again and time.monotonic() > again[0][0]:
                _, name = again.pop(0)
                self.say(f"{name}: started again, for there is no claim yet")
                self.engines[name].kill()
                self.start_engine(name)
            time.sleep(0.05)

    def start_engine(self, name):
        self.engines[name] = self.machines.start(name, ["nats-server", "--config", str(self.run / f"{name}.conf")],
                                                 {}, self.run / f"{name}.log")

    def start_agencies(self):
        for agency in range(1, AGENCIES + 1):
            self.start_agency(self.draw, agency)

    def start_agency(self, draw, agency):
        name = self.draws[draw]
        self.agencies[draw, agency] = self.machines.start(
            "agencies", [self.program("lottery-agency"), "-c", "client/config.yaml"],
            {"CLI_ID": str(agency), "CLI_LOG_LEVEL": "DEBUG", "CLI_LOOP_LAPSE": "8s", "CLI_LOOP_PERIOD": "200ms",
             "CLI_BATCH_MAXAMOUNT": "20", "CLI_SERVER_ADDRESS": ",".join(s.endpoint() for s in self.servers),
             "CLI_LOTTERY_NAME": name, "CLI_BETS_FILE": str(self.bets_of(name, agency)),
             "CLI_WINNERS_FILE": str(self.run / f"winners-{name}-{agency}.csv")}, self.log_of(name, agency))

    def bets_of(self, draw, agency):
        return self.run / f"bets-{draw}" / f"agency-{agency}.csv"

    def log_of(self, draw, agency):
        return self.run / f"agency-{draw}-{agency}.log"

    # ---- looking after ----

    def tend(self):
        """Ends faults whose time has come, and starts again who has ended."""
        now = time.monotonic()
        for end in [end for end in self.ends if end[0] <= now]:
            self.ends.remove(end)
            end[1]()
        for server in self.servers:
            server.tend(now)
        for name, program in self.engines.items():
            if program is None and now >= self.engine_again_at[name]:
                self.start_engine(name)
            elif program is not None and program.status() is not None:
                raise chaos_judge.Wrong(f"{name} ended by itself, with status {program.status()}")
        for (draw, agency), program in self.agencies.items():
            if program.status() not in (None, 0, ABANDONED if draw < self.draw else 0):
                self.start_agency(draw, agency)
        self.tend_opening(now)

    def tend_opening(self, now):
        """The next draw is open once a node's control names it; it is ordered where the current one is over."""
        if self.draw + 1 == len(self.draws):
            return
        name = self.draws[self.draw + 1]
        if any(chaos_judge.is_at_draw(server.directory, name) for server in self.servers):
            self.say(f"draw {name} is open")
            self.draw, self.ordered_at = self.draw + 1, 0.0
            self.start_agencies()
        elif self.has_winners() and now >= self.ordered_at + ORDER_AGAIN_S:
            self.order_opening(self.random.choice(self.servers), [])

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(0.02)

    def after(self, seconds, what):
        self.ends.append((time.monotonic() + seconds, what))

    def has_winners(self):
        """The current draw's agencies have them."""
        return all(program.status() == 0 for (draw, _), program in self.agencies.items() if draw == self.draw)

    def is_over(self):
        return self.draw + 1 == len(self.draws) and all(p.status() is not None for p in self.agencies.values()) and (
            self.has_winners())

    # ---- faults ----

    def some_time(self, most):
        return round(self.random.uniform(0.2, most), 2)

    def cut_off(self, name, others, seconds):
        """One way or both; for so long."""
        ways = self.random.choice(("to", "from", "both", "both"))
        pairs = [(name, other) for other in others] if ways != "from" else []
        pairs += [(other, name) for other in others] if ways != "to" else []
        for pair in pairs:
            self.machines.cut(*pair)
        self.after(seconds, lambda: [self.machines.heal(*pair) for pair in pairs])
        return f"{name} {ways} {len(others)} for {seconds} s"

    def stop_for(self, signal_to, seconds):
        signal_to(signal.SIGSTOP)
        self.after(seconds, lambda: signal_to(signal.SIGCONT))

    def kill_server(self, server):
        as_primary = self.random.random() < 0.2
        pause = self.some_time(8)
        server.kill(time.monotonic() + pause, as_primary)
        return f"{server.name}, back {'as a primary ' if as_primary else ''}after {pause} s"

    def kill_engine(self, name, pause):
        if self.engines[name] is not None:
            self.engines[name].kill()
            self.engines[name] = None
            self.engine_again_at[name] = time.monotonic() + pause
        return f"{name}, back after {pause} s"

    def kill_part(self, server, name):
        for pid in server.parts(name):
            os.kill(pid, signal.SIGKILL)
            return f"{server.name}'s {name}"
        return None

    def strike(self, kind):
        """Does it; what it hit, or None where there was nobody."""
        server, engine = self.random.choice(self.servers), self.random.choice(ENGINES)
        others = [name for name in ENGINES if name != engine]
        agency = self.random.randint(1, AGENCIES)
        if kind == "kill a shipper":
            return self.kill_part(server, "lottery-shipper")
        if kind == "kill a storer":
            return self.kill_part(server, "lottery-storer")
        if kind == "kill a supervisor":
            return self.kill_part(server, "lottery-server")
        if kind == "kill a server":
            return self.kill_server(server)
        if kind == "kill both servers":
            return "; ".join(self.kill_server(each) for each in self.servers)
        if kind == "kill an engine node":
            return self.kill_engine(engine, self.some_time(4))
        if kind == "kill all engine nodes":
            return "; ".join(self.kill_engine(each, self.some_time(2)) for each in ENGINES)
        if kind == "kill an agency":
            self.agencies[self.draw, agency].signal_all(signal.SIGKILL)
            return f"agency {agency}"
        if kind == "abandon the draw":
            return self.abandon(server)
        if kind == "stop a shipper":
            return self.stop_shipper(server)
        if kind == "stop a server":
            return self.stop_program(server.name, server.program, self.some_time(15))
        if kind == "stop an engine node":
            return self.stop_program(engine, self.engines[engine], self.some_time(10))
        if kind == "cut a server from the engine":
            return self.cut_off(server.name, ENGINES, self.some_time(15))
        if kind == "cut a server from all":
            return self.cut_off(server.name, [*ENGINES, "agencies"], self.some_time(15))
        if kind == "cut an engine node from the others":
            return self.cut_off(engine, others, self.some_time(self.random.choice((12, 12, 45))))
        if kind == "cut an engine node from all":
            return self.cut_off(engine, [*others, *NODES], self.some_time(12))
        return self.promote(server)

    def stop_program(self, name, program, seconds):
        if program is None:
            return None
        self.stop_for(program.signal_all, seconds)
        return f"{name} for {seconds} s"

    def stop_shipper(self, server):
        for pid in server.parts("lottery-shipper"):
            seconds = self.some_time(10)
            self.stop_for(lambda number: signal_if_there(pid, "lottery-shipper", number), seconds)
            return f"{server.name}'s for {seconds} s"
        return None

    def order(self, server, words):
        """An operator's, who goes away where it takes too long."""
        with open(self.run / "orders.log", "ab") as log:
            asking = subprocess.Popen([self.program("lottery-admin"), *words], stdout=log, stderr=log,
                                      env={"DATA_DIRECTORY": str(server.directory)}, start_new_session=True)
        self.after(ORDER_S, lambda: (asking.kill(), asking.wait()))
        return server.name

    def promote(self, server):
        return self.order(server, ["promote"])

    def order_opening(self, server, options):
        self.ordered_at = time.monotonic()
        return self.order(server, ["open", self.draws[self.draw + 1], "--number", "7574", *options])

    def abandon(self, server):
        if self.draw + 1 == len(self.draws):
            return None
        return self.order_opening(server, ["--abandon", "--reason", "chaos"])

    # ---- the end ----

    def heal(self):
        """All faults pass at once."""
        self.machines.heal_all()
        for _, end in self.ends:
            end()
        self.ends = []
        for server in self.servers:
            server.again_at = 0
        self.engine_again_at = dict.fromkeys(ENGINES, 0)

    def settle(self):
        """Until the agencies have their winners and both nodes the same files."""
        self.heal()
        deadline = time.monotonic() + SETTLE_S
        while not self.is_over() or not self.same_files():
            if time.monotonic() > deadline:
                raise chaos_judge.Wrong(f"left in peace for {SETTLE_S} s, and not over: "
                                        f"{'the files differ' if self.is_over() else 'agencies wait'}")
            self.tend()
            time.sleep(0.05)

    def same_files(self):
        def content(server, name):
            try:
                return (server.directory / name).read_bytes()
            except FileNotFoundError:
                return None
        return all(content(self.servers[0], name) == content(self.servers[1], name) is not None
                   for name in chaos_judge.EQUAL_FILES) and all(
            content(self.servers[0], f"draws/{draw}/bets.csv") == content(self.servers[1], f"draws/{draw}/bets.csv")
            is not None for draw in self.draws[:-1])

    def export(self):
        words = [self.program("lottery-feed"), "--servers", self.engine_urls, "--centre", CENTRE, "--export"]
        done = subprocess.run(self.machines.words("agencies", words), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise chaos_judge.Wrong(f"lottery-feed --export: {done.stderr}")
        (self.run / "export.jsonl").write_text(done.stdout, encoding="utf-8")
        return done.stdout.splitlines()

    def judge(self):
        export = self.export()
        for server in self.servers:
            server.program.process.terminate()
            if server.program.process.wait(30) != 0:
                raise chaos_judge.Wrong(f"{server.name} ended with {server.program.status()} when it was asked to")
        agencies = range(1, AGENCIES + 1)
        plays = [chaos_judge.Play(name, {agency: self.bets_of(name, agency) for agency in agencies},
                                  {agency: self.log_of(name, agency) for agency in agencies},
                                  {agency for agency in agencies if self.agencies[draw, agency].status() == 0})
                 for draw, name in enumerate(self.draws)]
        return chaos_judge.judge(plays, [server.directory for server in self.servers], export,
                                 {server.endpoint(): server.name for server in self.servers})

    def close(self):
        programs = [*self.agencies.values(), *(server.program for server in getattr(self, "servers", [])),
                    *self.engines.values()]
        for program in programs:
            if program is not None:
                program.kill()
        for _, end in self.ends:
            end()
        self.machines.close()
        for server in getattr(self, "servers", []):
            remove_shared_memory(server.directory / "control")


def signal_if_there(pid, name, number):
    """A pid may be another's by now."""
    try:
        if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == name:
            os.kill(pid, number)
    except (FileNotFoundError, ProcessLookupError):
        pass


def remove_shared_memory(control):
    """What a server that was killed last has left."""
    match = re.search(r"^ipc_key ([0-9a-f]{8})$", control.read_text(encoding="utf-8"), re.M) if control.exists() else None
    if match and int(match.group(1), 16) != 0:
        pathlib.Path(f"/dev/shm/lottery-{match.group(1)}").unlink(missing_ok=True)
        subprocess.run(["ipcrm", "-S", f"0x{match.group(1)}"], stderr=subprocess.DEVNULL, check=False)


def temper_of(kind, tempers):
    """What is of the engine is so alone: a server that is cut from it is a server's matter."""
    return next((temper for of, temper in tempers.items() if of in kind), 1)


def run_round(number, seed, totals):
    world = World(number, seed)
    faults = world.random.randint(12, 40)
    kinds = [kind for kind in KINDS if world.machines.can_cut or kind not in CUTS]
    tempers = {of: world.random.choice((0.2, 1, 1, 3)) for of in ("server", "shipper", "engine")}
    weights = [KINDS[kind][0] * temper_of(kind, tempers) for kind in kinds]
    print(f"SEED={seed} ROUND={number}: {len(world.draws)} x {world.bets} bets, {faults} faults, takeover after "
          f"{world.takeover_ms} ms", flush=True)
    try:
        world.set_up()
        world.wait(world.some_time(6))
        while faults > 0 and not world.is_over():
            kind = world.random.choices(kinds, weights)[0]
            hit = world.strike(kind)
            if hit is not None:
                faults -= 1
                totals["kinds"][kind] = totals["kinds"].get(kind, 0) + 1
                totals["kills"] += KINDS[kind][1]
                world.say(f"{kind}: {hit}")
            world.wait(world.some_time(3))
        world.settle()
        figures = world.judge()
    except BaseException:
        world.close()
        (world.run / "faults.txt").write_text("\n".join(world.said) + "\n", encoding="utf-8")
        raise
    world.close()
    for name, value in figures.items():
        totals[name] = totals.get(name, 0) + value
    totals["rounds"] += 1
    totals["cut"] = world.machines.can_cut
    print(f"  survived in {time.monotonic() - world.began:.0f} s: {figures['bets']} bets, {figures['takeovers']} "
          f"takeovers, {figures['claims']} claims, {figures['openings']} openings", flush=True)
    if not os.environ.get("KEEP"):
        shutil.rmtree(world.run, ignore_errors=True)


def read_number(name, otherwise):
    return int(os.environ.get(name) or otherwise)


def interrupt(number, _frame):
    raise SystemExit(128 + number)


def main():
    os.chdir(pathlib.Path(__file__).resolve().parent.parent.parent)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    seed, kills, only = read_number("SEED", 1184), read_number("KILLS", 0), read_number("ROUND", -1)
    seconds = read_number("SECONDS", 0 if kills else 60)
    totals = {"kills": 0, "rounds": 0, "kinds": {}}
    began, number = time.monotonic(), max(only, 0)
    try:
        while True:
            run_round(number, seed, totals)
            number += 1
            enough = (kills and totals["kills"] >= kills) or (seconds and time.monotonic() - began >= seconds)
            if only >= 0 or enough:
                break
    except chaos_judge.Wrong as wrong:
        print(f"chaos: SEED={seed} ROUND={number}: {wrong}\n  see {RUN}/round-{number}/", file=sys.stderr)
        return 1
    kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(totals["kinds"].items()))
    print(f"chaos: SEED={seed}: {totals['kills']} kills survived in {totals['rounds']} rounds ({kinds}); "
          f"{totals['takeovers']} takeovers, {totals['claims']} claims, {totals['openings']} "
          f"openings of a next draw; {totals['acknowledged']} bets acknowledged, none lost, none doubled, none by two, "
          f"each in its draw; {totals['outdated']} answers to STATUS by a node that did not know yet "
          f"that it was replaced; both nodes' files equal")
    if not totals["cut"]:
        print("skipped: partitions: this machine gives no network namespaces (root, or CAP_NET_ADMIN)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
