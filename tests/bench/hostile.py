#!/usr/bin/env python3
"""Five agencies at work, alone and while somebody means the server no good.

Each scene (hostile_main.c) has a server of its own. The five, at 16 batches in flight, are measured
alone, then during the scene, in which they connect, too, several rounds; what counts is the median
of the rounds' ratios. The
hostile peers come from 127.0.0.2, and with the scene's name after a `+` from 127.0.0.1, as the
agencies do. At the end bets.csv has to hold each bet that was acknowledged, and nothing else.

With --tls, tls.mode is required. The five show a gateway's certificate. Where the hostile peer
sends messages, it shows one as well: of agency 6, which sends bets of agency 1 (foreign), and of
agency 77, which is not allowed (outlaw). The others send bytes of handshakes.

The machine's processors are shared by the server, the five and the hostile peer.
"""
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import run  # noqa: E402

AGENCIES, BATCH_BETS = 5, 150
SCENES = ('silent', 'silent+', 'drip', 'drip+', 'endless', 'probes', 'probes+', 'rubbish',
          'rubbish+', 'deaf', 'foreign', 'foreign+')
TLS_SCENES = SCENES + ('hellos', 'hellos+', 'outlaw')
RATIO_GOAL, P99_GOAL = 0.8, 3
SAMPLED = 32  # handlers of which the memory is looked at; it is the same for all of a kind
BEGIN_SECONDS = 1  # of the scene, before the five are measured


def make_certificates(options):
    """An authority, and certificates of the server, the five, and the hostile."""
    directory = os.path.abspath(os.path.join(options.out, 'hostile-pki'))
    shutil.rmtree(directory, ignore_errors=True)
    for command in ('init 127.0.0.1', 'agency 1-5', 'agency 6 77'):
        subprocess.run([options.bin + '/lottery-admin', 'pki'] + command.split() +
                       ['--directory', directory], check=True, stdout=subprocess.DEVNULL)
    return directory


def certificate(options, agency):
    """Arguments of both tools: none in plain text."""
    names = ('agency-%s.pem' % agency, 'agency-%s.key' % agency, 'ca.pem')
    return ['-t', ','.join('%s/%s' % (options.pki, name) for name in names)] if options.pki else []


def load(options, port, seconds):
    """The five at work; returns their figures."""
    done = subprocess.run(
        [options.tools + '/lottery-bench', '-p', str(port), '-n', str(AGENCIES), '-b',
         str(BATCH_BETS), '-w', '16', '-s', str(seconds)] + certificate(options, '1-5'),
        capture_output=True, text=True)
    figures = {name: float(value) for name, value in
               (figure.split('=') for figure in done.stdout.split())}
    if done.returncode != 0 or not figures:
        print('hostile: the five were not served: %s%s' % (done.stdout, done.stderr))
        figures.setdefault('errors', 1)
    return figures


def memory_mib(supervisor):
    """All processes of the server, shared pages counted once."""
    pids = run.handlers_of(supervisor)
    sample = pids if len(pids) <= SAMPLED else random.sample(pids, SAMPLED)
    sizes = []
    for pid in sample + [supervisor]:
        try:
            sizes.append(run.proportional_kib([pid]))
        except (OSError, AttributeError):
            pass  # it has ended meanwhile
    return statistics.mean(sizes) * (len(pids) + 1) / 1024 if sizes else 0


def refusals(options, side):
    text = subprocess.run([side.bin + '/lottery-stat', '--json'], env=side.variables,
                          capture_output=True, text=True).stdout
    return {row['reason']: row['total'] for row in json.loads(text)['refused'] if row['total']}


def stored(side):
    """Rows of bets.csv by agency."""
    text = subprocess.run(['awk', '-F,', '{n[$1]++} END {for (a in n) print a, n[a]}',
                           side.directory + '/bets.csv'], capture_output=True, text=True).stdout
    return {int(agency): int(rows) for agency, rows in
            (line.split() for line in text.splitlines())}


class Server:
    """The server of one scene, and what was measured on it."""

    def __init__(self, options, name):
        self.options, self.scene, self.same = options, name.rstrip('+'), name.endswith('+')
        environment = {'AGENCIES_ALLOWED': '1-6', 'LOGGING_LEVEL': 'INFO',
                       'LIMITS_UNIDENTIFIED_CONNECTIONS': '0'}
        if options.pki:
            environment.update(
                TLS_MODE='required', TLS_CERTIFICATE=options.pki + '/server.pem',
                TLS_KEY=options.pki + '/server.key', TLS_CA=options.pki + '/ca.pem')
        self.side = run.Side(options, 'lottery', environment=environment)
        self.port = self.side.start()
        self.alone, self.during, self.memory, self.handlers, self.cpu_s = [], [], 0, 0, 0

    def measure(self):
        """A round: the five alone, then among the hostile."""
        options = self.options
        self.alone.append(load(options, self.port, options.seconds))
        arguments = [options.tools + '/lottery-hostile', '-p', str(self.port), '-c', self.scene,
                     '-a', '127.0.0.1' if self.same else '127.0.0.2', '-s',
                     str(BEGIN_SECONDS + options.seconds + 1)]
        arguments += certificate(options, '77' if self.scene == 'outlaw' else '6')
        hostile = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        time.sleep(BEGIN_SECONDS)
        self.during.append(load(options, self.port, options.seconds))
        supervisor = self.side.process.pid
        self.handlers = max(self.handlers, len(run.handlers_of(supervisor)) - 1)
        self.memory = max(self.memory, memory_mib(supervisor))
        self.cpu_s += float(re.search(r'cpu_s=([0-9.]+)', hostile.communicate()[0]).group(1))

    def ratio(self, figure):
        return statistics.median(during.get(figure, 0) / alone[figure]
                                 for alone, during in zip(self.alone, self.during))

    def check_stored(self):
        """What is wrong with bets.csv."""
        rows = stored(self.side)
        runs = self.alone + self.during
        sent = sum(figures.get('batches', 0) for figures in runs)
        expected = int(sent + len(runs) * AGENCIES) * BATCH_BETS  # each greets with one batch
        if set(rows) - set(range(1, AGENCIES + 1)):
            yield 'strangers have bets: %s' % rows
        if sum(rows.values()) != expected:
            yield '%d rows are stored, %d were acknowledged' % (sum(rows.values()), expected)
        if any(figures.get('errors') for figures in runs):
            yield 'one of the five was not served'


def median(runs, figure):
    return statistics.median(figures.get(figure, 0) for figures in runs)


def play(options, name):
    """One scene: prints its row of the table, and returns what was wrong."""
    server = Server(options, name)
    for _ in range(options.rounds):
        server.measure()
    counts = refusals(options, server.side)
    wrong = list(server.check_stored())
    server.side.stop()
    ratio, p99 = server.ratio('bets_per_s'), server.ratio('p99_us')
    print('%-10s %6.2fM %6.2fM %6.2f %8.0f %8.0f %6.2f %7.0f %8d %7.2f  %s' % (
        name, median(server.alone, 'bets_per_s') / 1e6, median(server.during, 'bets_per_s') / 1e6,
        ratio, median(server.alone, 'p99_us'), median(server.during, 'p99_us'), p99,
        server.memory, server.handlers, server.cpu_s,
        ' '.join('%s=%d' % pair for pair in counts.items())), flush=True)
    if options.goals and ratio < RATIO_GOAL:
        wrong.append('throughput is %.2f of that alone, less than %.1f' % (ratio, RATIO_GOAL))
    if options.goals and p99 > P99_GOAL:
        wrong.append('p99 is %.1f times that alone, more than %d' % (p99, P99_GOAL))
    return ['%s: %s' % (name, text) for text in wrong]


def main():
    os.umask(0o077)  # the server refuses a directory that is open to others
    parser = run.parser_of(__doc__, 3)
    parser.add_argument('--seconds', type=float, default=1.5, help='of each measurement')
    parser.add_argument('--tls', action='store_true', help='by TLS')
    parser.add_argument('--goals', action='store_true', help='missing them is a failure')
    parser.add_argument('--only', default='', help='scenes, separated by spaces')
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    options.pki = make_certificates(options) if options.tls else None
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print('%-10s %7s %7s %6s %8s %8s %6s %7s %8s %7s  %s' % (
        'scene', 'alone/s', 'during', 'ratio', 'p99 us', 'during', 'ratio', 'MiB', 'handlers',
        'its CPU', 'refused'))
    wrong = []
    for name in options.only.split() or (TLS_SCENES if options.tls else SCENES):
        wrong += play(options, name)
    for text in wrong:
        print('hostile: ' + text)
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
