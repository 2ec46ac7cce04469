#!/usr/bin/env python3
"""Measures PostgreSQL, Redis and NATS JetStream beside the lottery's server and its floor.

All of them store the same rows, 150 bets a batch, of five agencies, and sync before they
acknowledge. They run one after the other, round after round, in one run; what counts is the median
of the rounds' ratios to the server.

What an acknowledgement means is checked, apart from the timed runs: strace counts the syncs of an
agency that awaits each acknowledgement, and delays each of them, so that an acknowledgement that
did not wait for a sync is found out.

A peer runs as an unprivileged user in a directory of its own, which is removed with all of its
processes, however the run ends.
"""
import csv
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chart  # noqa: E402
import run  # noqa: E402

USER = 'nobody'  # PostgreSQL refuses to run as root
STOP_SECONDS = 30
LOAD_SECONDS = 60
ATTACH_SECONDS = 10
SYNC_CALLS = 'fsync,fdatasync,sync_file_range,msync,sync,syncfs'
DELAY_US = 20000
HISTOGRAM_SHARE = 15 / 16  # a bucket of histogram.h has the name of its least value
BATCH_BETS = 150
CLOCK_TICKS = os.sysconf('SC_CLK_TCK')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def as_user():
    """What to put before a command that must not run as root. It ends when we do."""
    drop = ['--reuid', USER, '--regid', str(pwd.getpwnam(USER).pw_gid), '--clear-groups']
    return ['setpriv', '--pdeathsig', 'KILL'] + (drop if os.geteuid() == 0 else [])


def tree_of(pid):
    """The process and all that descend from it."""
    pids = [pid]
    for parent in pids:
        try:
            for thread in os.listdir('/proc/%d/task' % parent):
                with open('/proc/%d/task/%s/children' % (parent, thread)) as children:
                    pids += map(int, children.read().split())
        except FileNotFoundError:
            continue  # it has ended meanwhile
    return pids


def cpu_seconds(pid):
    """Of the process, its living descendants, and those that they have reaped."""
    ticks = 0
    for process in tree_of(pid):
        try:
            with open('/proc/%d/stat' % process) as stat:
                ticks += sum(map(int, stat.read().rpartition(')')[2].split()[11:15]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return ticks / CLOCK_TICKS


def figures_of(name, done):
    if done.returncode != 0:
        sys.exit('bench-peers: %s: %s%s' % (name, done.stdout, done.stderr))
    return {figure: float(value) for figure, value in
            (word.split('=') for word in done.stdout.split())}


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit('bench-peers: %s; `bash scripts/setup.sh peers` installs what is missing' % error)


def end(process, number):
    """By the signal, and by force where it is not heeded."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for pid in tree_of(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.wait()


class Peer:
    """A system that is measured: how it is started, and stopped whatever happens."""
    name = ''                    # of lottery-peers -k
    stop_signal = signal.SIGINT  # PostgreSQL's fast shutdown
    process = None
    directory = None

    def __init__(self, options):
        self.options = options

    def version(self):
        raise NotImplementedError

    def command(self, port):
        """Writes its configuration into its directory; returns the command."""
        raise NotImplementedError

    def start(self):
        self.directory = tempfile.mkdtemp(prefix='peer-', dir=os.path.abspath(self.options.data))
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER, pwd.getpwnam(USER).pw_gid)
        if subprocess.run(as_user() + ['test', '-w', self.directory]).returncode != 0:
            sys.exit('bench-peers: the user %s can\'t enter %s: choose another place by --data'
                     % (USER, self.directory))
        self.port = free_port()
        self.log = os.path.join(self.options.out, self.name + '.log')
        with open(self.log, 'w') as log:
            command = self.command(self.port)
            self.process = subprocess.Popen(as_user() + command, stdout=log,
                                            stderr=log, cwd=self.directory)
        self.await_ready()

    def await_ready(self):
        deadline = time.monotonic() + run.START_SECONDS
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit('bench-peers: %s did not start, see %s' % (self.name, self.log))
            time.sleep(0.01)  # nothing tells that somebody listens

    def is_ready(self):
        with socket.socket() as probe:
            return probe.connect_ex(('127.0.0.1', self.port)) == 0

    def stop(self):
        """Ends all its processes and removes its directory; may be called twice."""
        try:
            if self.process:
                end(self.process, self.stop_signal)
        finally:
            if self.directory:
                shutil.rmtree(self.directory, ignore_errors=True)
            self.process = self.directory = None

    def measure(self, load):
        done = subprocess.run([self.options.tools + '/lottery-peers', '-k', self.name,
                               '-p', str(self.port)] + load.split(),
                              capture_output=True, text=True, timeout=LOAD_SECONDS)
        return figures_of(self.name, done)


class Lottery(Peer):
    """The lottery's server or its floor, started as `make bench` does it."""
    stop_signal = signal.SIGTERM

    def __init__(self, options, name):
        super().__init__(options)
        self.name = name
        self.side = run.Side(options, name)

    def version(self):
        return 'of this checkout'

    def start(self):
        try:
            self.port = self.side.start()
        finally:  # what has come about is ours to end
            self.process = getattr(self.side, 'process', None)
            self.directory = os.path.abspath(self.side.directory)

    def stop(self):
        super().stop()
        self.side.process = None

    def measure(self, load):
        done = subprocess.run([self.options.tools + '/lottery-bench', '-p', str(self.port)]
                              + load.split(), capture_output=True, text=True, timeout=LOAD_SECONDS)
        return figures_of(self.name, done)


class Postgres(Peer):
    """Its own configuration, but room: no checkpoint falls into a run."""

    def __init__(self, options, name):
        super().__init__(options)
        self.name = name
        found = glob.glob('/usr/lib/postgresql/*/bin')
        found.sort(key=lambda path: int(path.split('/')[-2]))
        self.programs = found[-1] + '/' if found else ''

    def version(self):
        return output_of(self.programs + 'postgres', '--version')

    def is_ready(self):
        return subprocess.run([self.programs + 'pg_isready', '-q', '-h', '127.0.0.1', '-p',
                               str(self.port)]).returncode == 0

    def command(self, port):
        data = os.path.join(self.directory, 'data')
        subprocess.run(as_user() + [self.programs + 'initdb', '-D', data, '-U', 'lottery', '-A', 'trust',
                                    '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
                       cwd=self.directory, stdout=subprocess.DEVNULL, check=True)
        settings = {'port': port, 'listen_addresses': '127.0.0.1', 'unix_socket_directories': '',
                    'synchronous_commit': 'on', 'fsync': 'on', 'full_page_writes': 'on',
                    'max_connections': 400, 'shared_buffers': '1GB', 'max_wal_size': '16GB'}
        return ([self.programs + 'postgres', '-D', data] +
                [word for name, value in settings.items() for word in ('-c', '%s=%s' % (name, value))])


class Redis(Peer):
    """An append-only file that is synced before the answers leave; never rewritten, no snapshots."""

    def __init__(self, options, name):
        super().__init__(options)
        self.name = name

    def version(self):
        return output_of('redis-server', '--version')

    def command(self, port):
        settings = {'port': port, 'bind': '127.0.0.1', 'dir': self.directory, 'appendonly': 'yes',
                    'appendfsync': 'always', 'auto-aof-rewrite-percentage': 0, 'daemonize': 'no'}
        return (['redis-server', '--save', ''] +
                [word for name, value in settings.items() for word in ('--' + name, str(value))])


class Nats(Peer):
    name = 'nats'

    def version(self):
        version = output_of('nats-server', '--version')
        output_of('bash', 'scripts/nats-version.sh', version)
        return version

    def command(self, port):
        path = os.path.join(self.directory, 'nats.conf')
        with open(path, 'w') as configuration:
            configuration.write('listen: "127.0.0.1:%d"\njetstream {\n  store_dir: "%s"\n'
                                '  sync_interval: always\n  max_file: 20G\n}\n'
                                % (port, self.directory))
        os.chmod(path, 0o644)
        return ['nats-server', '--config', path]


def run_once(options, peer, load):
    """One timed run, from an empty directory."""
    subprocess.run([options.tools + '/lottery-bench', '-T', str(run.TOUCH_MEGABYTES)], check=True)
    try:
        peer.start()
        before = cpu_seconds(peer.process.pid)
        figures = peer.measure(load)
        figures['cpu_s_per_million'] = (cpu_seconds(peer.process.pid) - before) / figures['bets'] * 1e6
    finally:
        peer.stop()
    return figures


# ------------------------------------------------- what an acknowledgement means ----

def synchronous_files(peer):
    """Files of its directory that are open with O_DSYNC or O_SYNC: each write to them is a sync."""
    found = set()
    for pid in tree_of(peer.process.pid):
        for path in glob.glob('/proc/%d/fd/*' % pid):
            try:
                target = os.readlink(path)
                with open(path.replace('/fd/', '/fdinfo/')) as info:
                    flags = int(re.search(r'^flags:\s*(\d+)', info.read(), re.M).group(1), 8)
            except OSError:
                continue
            if flags & os.O_DSYNC and target.startswith(peer.directory):
                found.add(target)
    return found


def is_traced(pid):
    try:
        with open('/proc/%d/status' % pid) as status:
            return not re.search(r'^State:\s*[^Z].*^TracerPid:\s*0$', status.read(), re.M | re.S)
    except (FileNotFoundError, ProcessLookupError):
        return True  # it has ended, and syncs nothing


class Tracer:
    """strace on all of a peer's processes, for its sync calls alone."""

    def __init__(self, peer, delay_us):
        self.peer, self.process = peer, None
        self.path = os.path.join(peer.options.out, peer.name + '.strace')
        self.command = ['strace', '-f', '-y', '-ttt', '-o', self.path, '-e', 'trace=' + SYNC_CALLS]
        if delay_us:
            self.command += ['-e', 'inject=%s:delay_exit=%d' % (SYNC_CALLS, delay_us)]

    def start(self):
        """Again and again until nobody is left out who was forked while strace came."""
        deadline = time.monotonic() + ATTACH_SECONDS
        while True:
            pids = tree_of(self.peer.process.pid)
            self.process = subprocess.Popen(
                self.command + [word for pid in pids for word in ('-p', str(pid))],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not all(map(is_traced, pids)):
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit('bench-peers: strace can\'t trace %s: it takes root' % self.peer.name)
                time.sleep(0.01)  # only /proc tells
            if all(map(is_traced, tree_of(self.peer.process.pid))):
                return
            self.stop()

    def stop(self):
        if self.process:
            end(self.process, signal.SIGINT)

    def syncs_between(self, began, ended):
        """How often each call was made on a file of the peer's directory."""
        calls = {}
        with open(self.path, errors='replace') as lines:
            for line in lines:
                match = re.match(r'\d+ +([\d.]+) (\w+)\((.*)', line)
                if (match and began <= float(match.group(1)) <= ended and
                        (self.peer.directory in match.group(3) or match.group(2) == 'sync')):
                    calls[match.group(2)] = calls.get(match.group(2), 0) + 1
        return calls


def trace(options, peer, load, delay_us=0):
    """An untimed run under strace: its figures, its sync calls, its synchronous files."""
    try:
        peer.start()
        tracer = Tracer(peer, delay_us)
        try:
            tracer.start()
            began = time.time()
            figures = peer.measure(load)
            ended = time.time()
            files = synchronous_files(peer)
        finally:
            tracer.stop()
        return figures, tracer.syncs_between(began, ended), files
    finally:
        peer.stop()


def check_acknowledgements(options, peer):
    """One row of the table of what was synced."""
    alone, calls, files = trace(options, peer, '-n 1 -w 1 -s 1')
    delayed, _, _ = trace(options, peer, '-n 1 -w 1 -s 1', DELAY_US)
    together, calls_together, _ = trace(options, peer, '-n 5 -w 16 -s 1')
    syncs, many = sum(calls.values()), sum(calls_together.values())
    a_batch = syncs / alone['batches']
    waited = delayed['p50_us'] >= DELAY_US * HISTOGRAM_SHARE
    verdict = 'synced before it is sent'
    if files:
        verdict = 'not judged: writes to %s sync by themselves' % ', '.join(sorted(files))
    elif a_batch < 1 or not waited:
        verdict = 'NOT SYNCED: %.0f acknowledgements for %d syncs, %.1f ms where a sync takes %.0f' % (
            alone['batches'], syncs, delayed['p50_us'] / 1e3, DELAY_US / 1e3)
    return [peer.name, '+'.join(sorted(calls)) or 'none', '%.2f' % a_batch,
            '%.0f' % (alone['bets'] / syncs) if syncs else '-',
            '%.0f' % (together['bets'] / many) if many else '-',
            '%.1f ms' % (delayed['p50_us'] / 1e3), verdict]


# ---------------------------------------------------------------------- the report ----

def print_table(head, rows):
    print('\n| %s |\n|%s' % (' | '.join(head), ' --- |' * len(head)))
    for row in rows:
        print('| %s |' % ' | '.join(row), flush=True)


def spread(results, figure, scale=1.0, unit=''):
    values = [result[figure] * scale for result in results]
    return '%.2f%s [%.2f..%.2f]' % (statistics.median(values), unit, min(values), max(values))


def ratio(results, other, figure):
    return statistics.median(ours[figure] / theirs[figure] for ours, theirs in zip(results, other))


def compare(options, peers, window):
    """All peers in turn, round after round; prints the table, draws the picture, keeps the figures."""
    results = {peer.name: [] for peer in peers}
    for _ in range(options.rounds):
        for peer in peers:
            results[peer.name].append(run_once(options, peer, '-n 5 -b %d -w %d -s %g' % (
                BATCH_BETS, window, options.seconds)))
    lottery = results['lottery']
    print('\n%d in flight, %d rounds in turn:' % (window, options.rounds))
    print_table(['', 'bets a second', 'of the server', 'CPU s a million bets', 'of the server',
                 'p50 ms', 'p99 ms'],
                [[name, spread(figures, 'bets_per_s', 1e-6, ' M'),
                  '%.2f' % ratio(figures, lottery, 'bets_per_s'),
                  spread(figures, 'cpu_s_per_million'),
                  '%.1f' % ratio(figures, lottery, 'cpu_s_per_million'),
                  '%.2f' % (statistics.median(f['p50_us'] for f in figures) / 1e3),
                  '%.2f' % (statistics.median(f['p99_us'] for f in figures) / 1e3)]
                 for name, figures in results.items()])
    write_csv(os.path.join(options.out, 'peers-%d.csv' % window), results)
    chart.write_bars(os.path.join(options.out, 'peers-%d.svg' % window),
                     'Bets a second, synced, five agencies, %d batches in flight' % window,
                     {name: [f['bets_per_s'] for f in figures] for name, figures in results.items()})


def write_csv(path, results):
    with open(path, 'w', newline='') as file:
        rows = csv.writer(file)
        rows.writerow(['round', 'system', 'figure', 'value'])
        for name, rounds in results.items():
            for number, figures in enumerate(rounds, 1):
                rows.writerows([number, name, figure, value] for figure, value in figures.items())


def interrupt(number, frame):
    """Once: what follows is the cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit('bench-peers: interrupted')


def main():
    os.umask(0o077)  # the server refuses a directory that is open to others
    parser = run.parser_of(__doc__, 3)
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--windows', default='1 16', help='batches in flight; empty: nothing is timed')
    parser.add_argument('--only', default='', help='peers, separated by spaces')
    parser.add_argument('--no-check', action='store_true', help='no run under strace')
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    peers = [Postgres(options, 'postgres-copy'), Postgres(options, 'postgres-insert'),
             Redis(options, 'redis'), Redis(options, 'redis-rows'), Nats(options)]
    wanted = options.only.split()
    peers = [Lottery(options, 'lottery'), Lottery(options, 'floor')] + [
        peer for peer in peers if not wanted or {peer.name, peer.name.split('-')[0]} & set(wanted)]
    for peer in peers:
        print('%s: %s' % (peer.name, peer.version()))
    for window in map(int, options.windows.split()):
        compare(options, peers, window)
    if not options.no_check:
        print('\nwhat was synced, by strace:')
        print_table(['', 'calls', 'syncs a batch, one agency', 'bets a sync', 'five agencies, 16 in flight',
                     'acknowledged after, each sync delayed by %d ms' % (DELAY_US / 1000), 'so it is'],
                    (check_acknowledgements(options, peer) for peer in peers))


if __name__ == '__main__':
    main()
