#!/usr/bin/env python3
"""Measures what a copy on the log's engine costs: three nodes of nats-server, which sync each write.

Each scenario has its sides in turn, several rounds; medians of the rounds' ratios count:

    waiting, window16, window64    `ack_after: replicated` against a floor that only frames, copies, and
                  appends the same messages to the same nodes, with nothing else (lottery-floor -e)
    beside_...    `ack_after: synced` with a shipper beside it, and without one. The nodes write to
                  memory, and have what others leave of the processors: they stand for other machines
    catch_up      a standby in an empty directory from its first byte on, against reading the log and
                  nothing else

Else the nodes share this machine's processors and disk with everything.
"""
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run  # noqa: E402

NODES = 3
READY_SECONDS = 50
CATCH_UP_SECONDS = 60
LAG_BYTES = '64G'
SAMPLE_BYTES = 1 << 20
FIGURES = ('bets_per_s', 'mb_per_s', 'p50_us', 'p99_us', 'p999_us')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Cluster:
    """The nodes, in a directory of their own, which goes with them."""

    def __init__(self, directory):
        self.directory = os.path.abspath(directory)
        self.ports = [(free_port(), free_port(), free_port()) for _ in range(NODES)]
        self.servers = ','.join('nats://127.0.0.1:%d' % client for client, _, _ in self.ports)
        self.nodes = [self.start(number) for number in range(NODES)]

    def start(self, number):
        client, route, monitor = self.ports[number]
        path = os.path.join(self.directory, 'node-%d.conf' % number)
        with open(path, 'w') as text:
            text.write('server_name: node-%d\nlisten: "127.0.0.1:%d"\nhttp: "127.0.0.1:%d"\n'
                       'jetstream { store_dir: "%s/node-%d", sync_interval: always }\n'
                       'cluster { name: "%s", listen: "127.0.0.1:%d", routes: [%s] }\n' % (
                           number, client, monitor, self.directory, number, self.directory, route,
                           ', '.join('"nats://127.0.0.1:%d"' % port for _, port, _ in self.ports)))
        with open(os.path.join(self.directory, 'node-%d.log' % number), 'w') as log:
            return subprocess.Popen(['nats-server', '--config', path], stderr=log)

    def await_ready(self):
        deadline = time.monotonic() + READY_SECONDS
        for _, _, monitor in self.ports:
            while not is_healthy(monitor):
                if time.monotonic() > deadline:
                    sys.exit('bench-cluster: nats-server is not ready, see ' + self.directory)
                time.sleep(0.05)

    def yield_processors(self):
        """As if the nodes were other machines, as far as that goes on this one (SCHED_IDLE)."""
        for node in self.nodes:
            for thread in os.listdir('/proc/%d/task' % node.pid):
                os.sched_setscheduler(int(thread), os.SCHED_IDLE, os.sched_param(0))

    def stop(self):
        for node in self.nodes:
            node.kill()
            node.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def is_healthy(monitor):
    try:
        with urllib.request.urlopen('http://127.0.0.1:%d/healthz' % monitor, timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


class Replicated(run.Side):
    """A server whose bets are copied; each start is another lottery, and so another centre."""

    starts = 0

    def __init__(self, options, cluster, ack_after):
        super().__init__(options, 'lottery', environment={'ACK_AFTER': ack_after})
        self.servers = cluster.servers

    def start(self):
        Replicated.starts += 1
        self.centre = 'bench-%d' % Replicated.starts
        self.environment.update(REPLICATION_SERVERS=self.servers, REPLICATION_CENTRE=self.centre)
        port = super().start()
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_shipping():
            if time.monotonic() > deadline:
                sys.exit('bench-cluster: the shipper does not ship, see server.log')
            time.sleep(0.05)
        return port

    def stop(self):
        with open(self.directory + '/bets.csv', 'rb') as bets:
            rows = bets.read(SAMPLE_BYTES).splitlines(keepends=True)[:-1]
        self.bytes_a_bet = sum(map(len, rows)) / len(rows)
        return super().stop()

    def is_shipping(self):
        said = subprocess.run([self.bin + '/lottery-stat', '--json'], env=self.variables,
                              capture_output=True, text=True).stdout
        return '"shipping"' in said


def against_floor(options, report, cluster, name, load):
    scenario = 'replicated-' + name
    print('%s: lottery-bench %s' % (scenario, load))
    server = Replicated(options, cluster, 'replicated')
    results = run.compare(options, server,
                          run.Side(options, 'floor', ['-e', cluster.servers]), load)
    report.note(scenario, 'lottery', results[0], FIGURES)
    report.note(scenario, 'floor', results[1], FIGURES)
    bets = run.median_ratio(results, 'bets_per_s')
    came = statistics.median(side['mb_per_s'] / side['bets_per_s'] * 1e6 for side in results[1])
    longer = server.bytes_a_bet / came
    report.ratio(scenario, 'bets_per_s', bets, '(the floor appends them as they came)')
    report.ratio(scenario, 'bytes a bet that are appended', longer, '(a row of bets.csv is longer)')
    report.ratio(scenario, 'bytes appended per s', bets * longer, '>= 0.9')
    report.ratio(scenario, 'p99', run.median_ratio(results, 'p99_us'), '<= 1.25')


def waiting(options, report, cluster):
    """Agencies that wait for each answer."""
    against_floor(options, report, cluster, 'waiting', '-w 1 -s 3')


def window16(options, report, cluster):
    against_floor(options, report, cluster, 'window16', '-w 16 -s 3')


def window64(options, report, cluster):
    against_floor(options, report, cluster, 'window64', '-w 64 -s 3')


def with_a_shipper(options, report, name, load):
    """The engine may lag as far as it likes, and takes neither this disk nor processors from others."""
    scenario = 'beside-' + name
    print('%s: lottery-bench %s' % (scenario, load))
    cluster = Cluster(tempfile.mkdtemp(dir='/dev/shm'))
    try:
        cluster.await_ready()
        cluster.yield_processors()
        shipping = Replicated(options, cluster, 'synced')
        shipping.environment['REPLICATION_LAG_BYTES'] = LAG_BYTES
        results = run.compare(options, shipping, run.Side(options, 'lottery'), load)
    finally:
        cluster.stop()
    report.note(scenario, 'shipping', results[0], FIGURES)
    report.note(scenario, 'alone', results[1], FIGURES)
    report.ratio(scenario, 'bets_per_s', run.median_ratio(results, 'bets_per_s'), '>= 0.9')


def beside_waiting(options, report, _):
    with_a_shipper(options, report, 'waiting', '-w 1 -s 3')


def beside_window16(options, report, _):
    with_a_shipper(options, report, 'window16', '-w 16 -s 3')


def fill_log(options, cluster):
    """Ships some bets; returns the centre and the bytes of its bets.csv."""
    side = Replicated(options, cluster, 'replicated')
    port = side.start()
    subprocess.run([options.tools + '/lottery-bench', '-p', str(port), '-w', '64', '-s', '10'],
                   check=True, capture_output=True)
    size = os.path.getsize(side.directory + '/bets.csv')
    side.process.send_signal(signal.SIGTERM)
    side.process.wait()
    shutil.rmtree(side.directory)
    return side.centre, size


def seconds_to_read(options, cluster, centre):
    said = subprocess.run([options.tools + '/lottery-log-reader', cluster.servers,
                           'BETS_' + centre], check=True, capture_output=True, text=True).stdout
    return float(re.search(r'seconds=([0-9.]+)', said).group(1))


def await_size(standby, path, size):
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while not os.path.exists(path) or os.path.getsize(path) < size:
        if standby.poll() is not None or time.monotonic() > deadline:
            sys.exit('bench-cluster: the standby does not catch up, see standby.log')
        time.sleep(0.002)  # only the file's size tells


def seconds_to_follow(options, cluster, centre, size):
    directory = os.path.join(options.data, 'bench-standby')
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory, mode=0o700)
    path = directory + '/bets.csv'
    variables = dict(os.environ, DATA_DIRECTORY=directory, SERVER_PORT=str(free_port()),
                     SERVER_ADDRESS='127.0.0.1', AGENCIES_ALLOWED='any',
                     REPLICATION_SERVERS=cluster.servers, REPLICATION_CENTRE=centre,
                     REPLICATION_NODE='standby', REPLICATION_TAKEOVER_AFTER='1m')
    with open(os.path.join(options.out, 'standby.log'), 'w') as log:
        standby = subprocess.Popen([options.bin + '/lottery-server', '--follow'], env=variables,
                                   stdout=log)
    await_size(standby, path, 1)
    began = time.monotonic()
    await_size(standby, path, size)
    seconds = time.monotonic() - began
    standby.send_signal(signal.SIGTERM)
    standby.wait()
    shutil.rmtree(directory)
    return seconds


def catch_up(options, report, cluster):
    centre, size = fill_log(options, cluster)
    print('catch-up: %.0f MB of bets.csv' % (size / 1e6))
    results = [], []
    for _ in range(options.rounds):
        for index, seconds in ((0, seconds_to_follow(options, cluster, centre, size)),
                               (1, seconds_to_read(options, cluster, centre))):
            results[index].append({'seconds': seconds, 'mb_per_s': size / seconds / 1e6})
    report.note('catch-up', 'standby', results[0], ('seconds', 'mb_per_s'))
    report.note('catch-up', 'reading', results[1], ('seconds', 'mb_per_s'))
    report.ratio('catch-up', 'mb_per_s', run.median_ratio(results, 'mb_per_s'), '>= 0.5')


SCENARIOS = (waiting, window16, window64, beside_waiting, beside_window16, catch_up)


def main():
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the nodes are stopped then, too
    parser = run.parser_of(__doc__, 3)
    parser.add_argument('--only', default='', help='scenarios, separated by spaces')
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    report = run.Report(options)
    wanted = options.only.split()
    cluster = Cluster(tempfile.mkdtemp(dir=options.data))
    try:
        cluster.await_ready()
        for scenario in SCENARIOS:
            if not wanted or scenario.__name__ in wanted:
                scenario(options, report, cluster)
    finally:
        cluster.stop()


if __name__ == '__main__':
    main()
