#!/usr/bin/env python3
"""Five lottery-agency at once: the window that they find, against fixed ones.

In each round every window has its turn on a new server: `auto`, which is the agency's default, and
fixed numbers of batches. What is measured is the time from the first start until the last agency
says that all its bets are stored, of which the bets a second follow. It prints medians, and the
medians of the rounds' ratios to the fixed window that is best over all rounds.

With --delay, a relay holds all bytes for so long, half of it each way, as a long line does.

The files are generated (--bets), or those of --files, agency-1.csv and so on.
"""
import glob
import os
import queue
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile  # noqa: E402
import run  # noqa: E402

AUTO = 'auto'
FIXED = '1 4 16 32 64 128 256'
GOAL = 0.9
RELAY_BYTES = 1 << 18
STORED = b'action: apuesta_enviada | result: success'


def generate(options):
    """Files of generated bets; returns their directory."""
    directory = os.path.join(options.data, 'bench-window')
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    subprocess.run([options.bin + '/lottery-generate', '-n', str(options.bets), '-a',
                    str(options.agencies), '-d', directory], check=True, stdout=subprocess.DEVNULL)
    return directory


def count_rows(files):
    rows = 0
    for name in files:
        with open(name, 'rb') as bets:
            rows += sum(block.count(b'\n') for block in iter(lambda: bets.read(1 << 20), b''))
    return rows


def hold(origin, target, delay_s):
    """Moves bytes from one socket to the other, each after the delay, until the first ends."""
    held = queue.SimpleQueue()

    def deliver():
        for due_s, data in iter(held.get, None):
            time.sleep(max(0, due_s - time.monotonic()))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=deliver)
    thread.start()
    for data in iter(lambda: origin.recv(RELAY_BYTES), b''):
        held.put((time.monotonic() + delay_s, data))
    held.put(None)
    thread.join()


class Relay:
    """Listens on a port of its own, and holds what goes to the server's port and back."""

    def __init__(self, port, delay_s):
        self.port, self.delay_s = port, delay_s
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            agency, _ = self.listener.accept()
            if not self.port:
                return agency.close()
            server = socket.create_connection(('127.0.0.1', self.port))
            for origin, target in ((agency, server), (server, agency)):
                target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.threads.append(threading.Thread(
                    target=hold, args=(origin, target, self.delay_s / 2)))
                self.threads[-1].start()

    def close(self):
        self.port = None
        socket.create_connection(self.listener.getsockname()).close()  # ends the accepting thread
        for thread in self.threads:
            thread.join()
        self.listener.close()


def start_agency(options, port, number, name, window):
    variables = dict(os.environ, CLI_ID=str(number), CLI_SERVER_ADDRESS='127.0.0.1:%d' % port,
                     CLI_BETS_FILE=name, CLI_LOOP_PERIOD='50ms', **options.tls_variables)
    program = options.bin
    if window != AUTO:
        program = options.fixed or program
        variables.update(CLI_BATCH_INFLIGHT=window, CLI_BATCH_WINDOW='fixed')
    return subprocess.Popen([program + '/lottery-agency'], env=variables, bufsize=0,
                            stdout=subprocess.PIPE)


def await_stored(agencies):
    """Reads the agencies' logs until each has said that its bets are stored."""
    with selectors.DefaultSelector() as selector:
        for agency in agencies:
            selector.register(agency.stdout, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.fileobj.readline()
                if not line or STORED in line:
                    selector.unregister(key.fileobj)


def seconds_of(options, files, window):
    """One run of all agencies on a new server."""
    subprocess.run([options.tools + '/lottery-bench', '-T', str(run.TOUCH_MEGABYTES)], check=True)
    side = run.Side(options, 'lottery', environment=dict(
        options.server_variables, WINNERS_WAIT='50ms', NUMBER_OF_AGENCIES=str(len(files))))
    port = side.start()
    relay = Relay(port, options.delay / 1000) if options.delay else None
    port = relay.listener.getsockname()[1] if relay else port
    began = time.monotonic()
    agencies = [start_agency(options, port, number + 1, name, window)
                for number, name in enumerate(files)]
    await_stored(agencies)
    took_s = time.monotonic() - began
    statuses = [agency.communicate() and agency.returncode for agency in agencies]
    side.stop()
    if relay:
        relay.close()
    if any(statuses):
        sys.exit('agency_window: window %s: exit statuses %s' % (window, statuses))
    return took_s


def report(times, rows, windows):
    """Prints the table. Returns the ratio of auto to the best fixed window."""
    fixed = [window for window in windows if window != AUTO]
    best = min(fixed, key=lambda window: statistics.median(times[window]))
    print('%-8s %10s %10s  %s' % ('window', 'seconds', 'M bets/s', 'of the best fixed one'))
    for window in windows:
        ratio = statistics.median(other / own for other, own in zip(times[best], times[window]))
        middle = statistics.median(times[window])
        print('%-8s %10.3f %10.2f  %.2f [%.2f..%.2f s]%s' % (
            window, middle, rows / middle / 1e6, ratio, min(times[window]), max(times[window]),
            '  best' if window == best else ''))
        if window == AUTO:
            reached = ratio
    return reached


def tls_variables(options):
    """The environment of the agencies, who share a gateway's certificate, and of the server."""
    if not options.tls:
        return {}, {}
    pki = hostile.make_certificates(options)
    names = {'TLS_MODE': 'required', 'TLS_CA': pki + '/ca.pem'}
    return (dict(names, TLS_CERTIFICATE=pki + '/agency-1-5.pem', TLS_KEY=pki + '/agency-1-5.key'),
            dict(names, TLS_CERTIFICATE=pki + '/server.pem', TLS_KEY=pki + '/server.key'))


def main():
    os.umask(0o077)  # the server refuses a directory that is open to others
    parser = run.parser_of(__doc__, 5)
    parser.add_argument('--bets', type=int, default=5000000, help='generated, of all agencies')
    parser.add_argument('--agencies', type=int, default=5)
    parser.add_argument('--files', default='', help='a directory of files, in place of generated ones')
    parser.add_argument('--windows', default=FIXED, help='the fixed ones, in batches')
    parser.add_argument('--delay', type=float, default=0, help='of a relay, ms there and back')
    parser.add_argument('--tls', action='store_true', help='by TLS')
    parser.add_argument('--fixed', default='', help='programs whose agency has the fixed windows')
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    options.tls_variables, options.server_variables = tls_variables(options)
    directory = options.files or generate(options)
    files = sorted(glob.glob(os.path.join(os.path.abspath(directory), 'agency-*.csv')))
    windows = [AUTO] + options.windows.split()
    times = {window: [] for window in windows}
    for _ in range(options.rounds):
        for window in windows:
            times[window].append(seconds_of(options, files, window))
    reached = report(times, count_rows(files), windows)
    if not options.files:
        shutil.rmtree(directory)
    print('auto is %.2f of the best fixed window (goal: >= %.1f)' % (reached, GOAL))


if __name__ == '__main__':
    main()
