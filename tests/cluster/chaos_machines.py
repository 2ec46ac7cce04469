"""
chaos_machines.py - the machines of a chaos run: where each has a network of its own, or all share one.

With the rights for it, each machine is a network namespace, joined by a bridge in one more: a Docker
engine's rules for bridges would reach one in the namespace of the machine itself. A link is cut by a
route that leads nowhere, one direction at a time. Without the rights all machines are 127.0.0.1, and
nothing can be cut: `can_cut` says so.

Every program has a session, and so a process group, of its own; its lines go to a file. All that was made
is removed by `close`, by its name or pid.
"""
import os
import pathlib
import signal
import socket
import subprocess

KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "TZ", "CONFINEMENT", "LD_PRELOAD")


def call(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True)


class Program:
    def __init__(self, words, settings, log):
        kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        self.log = log
        with open(log, "ab") as output:
            self.process = subprocess.Popen(words, env={**kept, **settings}, stdin=subprocess.DEVNULL,
                                            stdout=output, stderr=output, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def status(self):
        """None while it lives."""
        return self.process.poll()

    def signal_all(self, number):
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        self.signal_all(signal.SIGKILL)
        self.process.wait()

    def parts(self, name):
        """The pids of those of its processes that have this name."""
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = entry.read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            comm, rest = text[text.index("(") + 1:text.rindex(")")], text[text.rindex(")") + 2:].split()
            if comm == name and int(rest[2]) == self.pid and rest[0] != "Z":
                found.append(int(entry.parent.name))
        return sorted(found)


class Machines:
    """Named machines, each with an address."""

    def __init__(self, names):
        self.prefix = f"lot{os.getpid()}"
        self.names = list(names)
        self.made = []
        self.cuts = set()
        self.can_cut = self.make_network()

    def make_network(self):
        if os.geteuid() != 0:
            return False
        try:
            self.add_namespace("net")
            self.inside("net", "ip", "link", "add", "bridge", "type", "bridge")
            self.inside("net", "ip", "link", "set", "bridge", "up")
            for number, name in enumerate(self.names):
                self.join(name, number)
        except (subprocess.CalledProcessError, FileNotFoundError):
            self.close()
            return False
        return True

    def add_namespace(self, name):
        call("ip", "netns", "add", self.namespace(name))
        self.made.append(name)
        call("ip", "-n", self.namespace(name), "link", "set", "lo", "up")

    def join(self, name, number):
        self.add_namespace(name)
        space, net = self.namespace(name), self.namespace("net")
        call("ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{number}",
             "netns", net)
        call("ip", "-n", net, "link", "set", f"port{number}", "master", "bridge", "up")
        call("ip", "-n", space, "address", "add", f"{self.address_of_number(number)}/24", "dev", "eth0")
        call("ip", "-n", space, "link", "set", "eth0", "up")

    @staticmethod
    def address_of_number(number):
        return f"10.77.0.{number + 1}"

    def namespace(self, name):
        return f"{self.prefix}-{name}"

    def inside(self, name, *words):
        return call("ip", "netns", "exec", self.namespace(name), *words)

    def address(self, name):
        return self.address_of_number(self.names.index(name)) if self.can_cut else "127.0.0.1"

    def port(self, usual):
        if self.can_cut:
            return usual
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    def words(self, name, words):
        """What runs these words on that machine."""
        return ["ip", "netns", "exec", self.namespace(name), *words] if self.can_cut else list(words)

    def start(self, name, words, settings, log):
        return Program(self.words(name, words), settings, log)

    def cut(self, sender, receiver):
        """Nothing that `sender` sends reaches `receiver` any more."""
        if (sender, receiver) not in self.cuts:
            call("ip", "-n", self.namespace(sender), "route", "add", "blackhole", f"{self.address(receiver)}/32")
            self.cuts.add((sender, receiver))

    def heal(self, sender, receiver):
        if (sender, receiver) in self.cuts:
            call("ip", "-n", self.namespace(sender), "route", "del", "blackhole", f"{self.address(receiver)}/32")
            self.cuts.discard((sender, receiver))

    def heal_all(self):
        for sender, receiver in list(self.cuts):
            self.heal(sender, receiver)

    def close(self):
        for name in reversed(self.made):
            call("ip", "netns", "del", self.namespace(name), check=False)
        self.made = []
