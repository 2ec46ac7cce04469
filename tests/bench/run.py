#!/usr/bin/env python3
"""Benchmarks the lottery's server against its floor, in turn, in the same run.

The floor (floor_main.c) is a plain server of the same shape that only frames,
copies, syncs together and answers. Every scenario runs the two sides one after the
other, several rounds, and reports medians with minimum and maximum, and the median of
the rounds' ratios: the figure that counts, because machines are noisy.

A virtual machine that gave free memory back to its host pays several times
for its next touch, so memory is touched and freed before each run, on both
sides.

Writes results.csv and pictures (SVG) to the output directory.
"""
import argparse
import csv
import hashlib
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chart  # noqa: E402

TOUCH_MEGABYTES = 1024
MANY_TOUCH_MEGABYTES = 3072  # for longer runs, and what is in flight in sockets
START_SECONDS = 60


class Side:
    """One of the two servers that are compared: how it is started, and what it costs."""

    def __init__(self, options, name, arguments=(), environment=None, programs=None):
        self.options = options
        self.name = name
        self.bin = programs or options.bin
        self.arguments = list(arguments)
        self.environment = environment or {}

    def start(self):
        self.directory = os.path.join(self.options.data, 'bench-data')
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory, mode=0o700)
        return self.start_floor() if self.name == 'floor' else self.start_server()

    def start_floor(self):
        self.process = subprocess.Popen(
            [self.options.tools + '/lottery-floor', self.directory + '/bets'] + self.arguments,
            env=dict(os.environ, **self.environment), stdout=subprocess.PIPE, text=True)
        return int(self.process.stdout.readline().split('=')[1])

    def start_server(self):
        with socket.socket() as probe:
            probe.bind(('127.0.0.1', 0))
            port = probe.getsockname()[1]
        self.variables = dict(
            os.environ, SERVER_PORT=str(port), SERVER_ADDRESS='127.0.0.1',
            DATA_DIRECTORY=self.directory, LOGGING_LEVEL='WARNING', AGENCIES_ALLOWED='any',
            LIMITS_MAX_CONNECTIONS='4096', LIMITS_UNIDENTIFIED_CONNECTIONS='4095')
        self.variables.update(self.environment)
        with open(os.path.join(self.options.out, 'server.log'), 'w') as log:
            self.process = subprocess.Popen([self.bin + '/lottery-server'],
                                            env=self.variables, stdout=log)
        self.await_ready()
        return port

    def await_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([self.bin + '/lottery-stat', '--ready'], env=self.variables,
                             stderr=subprocess.DEVNULL).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit('bench: the server did not start, see server.log')

    def stop(self):
        """Stops the server; returns the CPU seconds that it and all its children took."""
        self.process.send_signal(signal.SIGTERM)
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        if self.process.stdout:
            self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        return usage.ru_utime + usage.ru_stime


def handlers_of(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid)) as children:
        return [int(child) for child in children.read().split()]


def proportional_kib(pids):
    """The mean proportional memory of these processes."""
    sizes = []
    for pid in pids:
        with open('/proc/%d/smaps_rollup' % pid) as smaps:
            sizes.append(int(re.search(r'^Pss:\s+(\d+)', smaps.read(), re.M).group(1)))
    return statistics.mean(sizes)


def run_load(options, side, load, histogram=None, touch_megabytes=TOUCH_MEGABYTES):
    """One run of one side; returns its figures."""
    subprocess.run([options.tools + '/lottery-bench', '-T', str(touch_megabytes)], check=True)
    port = side.start()
    arguments = [options.tools + '/lottery-bench', '-p', str(port)] + load.split()
    if histogram:
        arguments += ['-H', histogram]
    done = subprocess.run(arguments, capture_output=True, text=True)
    flushes = count_flushes(options, side)
    cpu = side.stop()
    if done.returncode != 0:
        sys.exit('bench: %s: %s%s' % (side.name, done.stdout, done.stderr))
    figures = {name: float(value) for name, value in
               (figure.split('=') for figure in done.stdout.split())}
    figures['cpu_s_per_million'] = cpu / figures['bets'] * 1e6
    figures['bets_per_flush'] = figures['bets'] / flushes if flushes else 0
    return figures


def count_flushes(options, side):
    if side.name == 'floor':
        return 0
    text = subprocess.run([side.bin + '/lottery-stat', '--json'], env=side.variables,
                          capture_output=True, text=True).stdout
    found = re.search(r'"flushes":\s*(\d+)', text)
    return int(found.group(1)) if found else 0


def compare(options, ours, other, load, other_load=None, histograms=False):
    """Both sides in turn, round after round; returns a list of figures for each."""
    results = ([], [])
    for number in range(options.rounds):
        for index, side in enumerate((ours, other)):
            path = None
            if histograms:
                path = os.path.join(options.out, 'latency-%d-%s.txt' % (index, number))
            figures = run_load(options, side, (other_load or load) if index else load, path)
            results[index].append(figures)
    return results


def median_ratio(results, figure):
    return statistics.median(a[figure] / b[figure] for a, b in zip(*results) if b[figure])


class Report:
    """What has been measured, on the terminal and in results.csv."""

    def __init__(self, options):
        self.file = open(os.path.join(options.out, 'results.csv'), 'w', newline='')
        self.rows = csv.writer(self.file)
        self.rows.writerow(['scenario', 'side', 'figure', 'median', 'minimum', 'maximum'])

    def note(self, scenario, side, results, figures):
        parts = []
        for figure in figures:
            values = [result[figure] for result in results]
            middle = statistics.median(values)
            self.rows.writerow([scenario, side, figure, middle, min(values), max(values)])
            parts.append('%s %s [%s..%s]' % (figure, *(short(value) for value in
                                                       (middle, min(values), max(values)))))
        print('  %-9s %s' % (side, '  '.join(parts)))
        self.file.flush()

    def ratio(self, scenario, what, value, goal):
        self.rows.writerow([scenario, 'ratio', what, value, goal, ''])
        print('  ratio     %s %.2f (goal: %s)' % (what, value, goal))
        self.file.flush()


def short(value):
    for unit, size in (('G', 1e9), ('M', 1e6), ('k', 1e3)):
        if value >= size:
            return '%.2f%s' % (value / size, unit)
    return '%.3g' % value


FAIRNESS = ('longest_ms', 'longest_over_p50', 'median_p50_ms', 'worst_p50_ms', 'median_p99_ms',
            'worst_p99_ms', 'least_batches', 'most_batches', 'load_cpu')
FIGURES = ('bets_per_s', 'mb_per_s', 'cpu_s_per_million', 'p50_us', 'p99_us', 'p999_us')


def against_floor(options, report, scenario, load, goal, floor_arguments=(), ours=None):
    print('%s: lottery-bench %s' % (scenario, load))
    sides = ours or Side(options, 'lottery'), Side(options, 'floor', floor_arguments)
    results = compare(options, *sides, load, histograms=scenario == 'window16')
    report.note(scenario, 'lottery', results[0], FIGURES + ('bets_per_flush',))
    report.note(scenario, 'floor', results[1], FIGURES)
    report.ratio(scenario, 'bets_per_s', median_ratio(results, 'bets_per_s'), goal)
    report.ratio(scenario, 'cpu', median_ratio(results, 'cpu_s_per_million'), '<= 2')
    report.ratio(scenario, 'p99', median_ratio(results, 'p99_us'), '<= 1.25')


def against_itself(options, report, scenario, loads, goal, environment=None):
    print('%s: lottery-bench %s, and %s' % (scenario, *loads))
    results = compare(options, Side(options, 'lottery', environment=environment),
                      Side(options, 'lottery'), *loads)
    report.note(scenario, 'changed', results[0], FIGURES)
    report.note(scenario, 'plain', results[1], FIGURES)
    report.ratio(scenario, 'bets_per_s', median_ratio(results, 'bets_per_s'), goal)


def window16(options, report):
    against_floor(options, report, 'window16', '-w 16 -s 2', '>= 1.4')


def window64(options, report):
    against_floor(options, report, 'window64', '-w 64 -s 2', '>= 1.2')


def window16_allocating(options, report):
    against_floor(options, report, 'window16-allocating-floor', '-w 16 -s 2', '(for honesty)',
                  ['-a'])


def stop_and_wait(options, report):
    against_floor(options, report, 'stop-and-wait', '-w 1 -s 2', '>= 1.1')


def single_bets(options, report):
    against_floor(options, report, 'single-bets', '-w 1 -b 1 -s 2', '>= 0.9')


def many_agencies(options, report, agencies, seconds, goal):
    """So many agencies in turn with five, with the floor, and with a floor that only answers."""
    scenario = 'agencies%d' % agencies
    load = '-w 16 -n %d -s %d' % (agencies, seconds)
    print('%s: lottery-bench %s' % (scenario, load))
    sides = (('lottery', Side(options, 'lottery'), load),
             ('with-five', Side(options, 'lottery'), '-w 16 -s 2'),
             ('floor', Side(options, 'floor'), load),
             ('load', Side(options, 'floor', ['-x']), load))
    results = {name: [] for name, _, _ in sides}
    for _ in range(options.rounds):
        for name, side, side_load in sides:
            results[name].append(run_load(options, side, side_load,
                                          touch_megabytes=MANY_TOUCH_MEGABYTES))
    for name, _, _ in sides:
        report.note(scenario, name, results[name], FIGURES + FAIRNESS)
    for other, what, limit in (('with-five', 'bets_per_s', goal),
                               ('floor', 'bets_per_s', '(the floor has as many)'),
                               ('load', 'bets_per_s', '<= 0.5: the load is not the limit')):
        report.ratio(scenario, '%s of %s' % (what, other),
                     median_ratio((results['lottery'], results[other]), what), limit)
    report.ratio(scenario, 'longest wait of the median wait', statistics.median(
        result['longest_over_p50'] for result in results['lottery']), '<= 5')


def agencies500(options, report):
    many_agencies(options, report, 500, 2, '>= 0.7')


def agencies2000(options, report):
    many_agencies(options, report, 2000, 3, '>= 0.5')


def idle2000(options, report):
    against_itself(options, report, 'idle2000', ('-w 16 -i 2000 -s 2', '-w 16 -s 2'), '>= 0.9')
    memory_of_idle(options, report)


def memory_of_idle(options, report):
    side = Side(options, 'lottery', environment={'LIMITS_HANDLERS_AHEAD': '0'})
    port = side.start()
    sockets = [socket.create_connection(('127.0.0.1', port)) for _ in range(500)]
    while len(handlers_of(side.process.pid)) < 500:
        time.sleep(0.05)  # only the process table tells
    report.ratio('idle-memory', 'KiB a connection',
                 proportional_kib(handlers_of(side.process.pid)), '<= 150')
    for idle in sockets:
        idle.close()
    side.stop()


def churn(options, report):
    against_floor(options, report, 'churn', '-x -n 32 -b 1 -s 2', '>= 0.95', ['-x'])


def slow_disk(options, report):
    """Both sides on a disk whose syncs take one to three times so much longer (tests/faults/shim)."""
    for slower_us in (500, 2000):
        environment = {'LD_PRELOAD': os.path.abspath(options.shim),
                       'LOTTERY_SHIM': 'slow:%d' % slower_us, 'CONFINEMENT': 'off'}
        for load in ('-w 1 -s 1', '-w 16 -s 1', '-w 64 -s 1'):
            scenario = 'slow-disk-%d-us%s' % (slower_us, load[:5].replace(' ', ''))
            print('%s: lottery-bench %s' % (scenario, load))
            sides = (Side(options, 'lottery', environment=environment),
                     Side(options, 'floor', environment=environment))
            results = compare(options, *sides, load)
            report.note(scenario, 'lottery', results[0], FIGURES + ('bets_per_flush',))
            report.note(scenario, 'floor', results[1], FIGURES)
            report.ratio(scenario, 'bets_per_s', median_ratio(results, 'bets_per_s'), '>= 1.4')
            report.ratio(scenario, 'p99', median_ratio(results, 'p99_us'), '<= 1')


def issue(directory, name, names):
    """A certificate of the benchmark's authority, for these names."""
    base = os.path.join(directory, name)
    with open(base + '.ext', 'w') as extensions:
        extensions.write('subjectAltName=%s\n' % names)
    for command in (
            'req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -keyout %s.key '
            '-out %s.csr' % (name, base, base),
            'x509 -req -days 2 -in %s.csr -CA %s/ca.pem -CAkey %s/ca.key -CAcreateserial '
            '-extfile %s.ext -out %s.pem' % (base, directory, directory, base, base)):
        subprocess.run(['openssl'] + command.split(), check=True, stderr=subprocess.DEVNULL)


def make_certificates(options):
    """An authority, the server's certificate and one for all agencies of the load."""
    directory = os.path.abspath(os.path.join(options.out, 'tls'))
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    subprocess.run(('openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 '
                    '-subj /CN=bench -addext basicConstraints=critical,CA:TRUE -keyout %s/ca.key '
                    '-out %s/ca.pem' % (directory, directory)).split(),
                   check=True, stderr=subprocess.DEVNULL)
    issue(directory, 'server', 'IP:127.0.0.1')
    issue(directory, 'agency', 'URI:urn:lottery:agency:1-1000')
    return directory


def print_openssl_speed():
    """What the same machine does of the same work, outside any connection."""
    for what in ('-evp aes-128-gcm -bytes 16384', '-evp aes-256-gcm -bytes 16384', 'ecdsap256',
                 'ecdhx25519'):
        text = subprocess.run(['openssl', 'speed', '-seconds', '1'] + what.split(),
                              capture_output=True, text=True, check=True).stdout
        print('  openssl speed %s: %s' % (what, text.strip().splitlines()[-1]))


def tls(options, report):
    """TLS against plain text, in turn, with the same server. Only when it is asked for."""
    if not options.tls:
        return
    directory = make_certificates(options)
    environment = {'TLS_MODE': 'required', 'TLS_CERTIFICATE': directory + '/server.pem',
                   'TLS_KEY': directory + '/server.key', 'TLS_CA': directory + '/ca.pem'}
    by_tls = ' -t %s/agency.pem,%s/agency.key,%s/ca.pem' % (directory, directory, directory)
    print_openssl_speed()
    for scenario, load, more, goal in (
            ('tls-window16', '-w 16 -s 2', '', '>= 0.6'),
            ('tls-stop-and-wait', '-w 1 -s 2', '', '>= 0.6'),
            ('tls-churn-resumed', '-x -n 32 -b 1 -s 2', '', '>= 0.5'),
            ('tls-churn-whole', '-x -n 32 -b 1 -s 2', ' -f', '(for honesty)')):
        print('%s: lottery-bench %s%s by TLS, and in plain text' % (scenario, load, more))
        results = compare(options, Side(options, 'lottery', environment=environment),
                          Side(options, 'lottery'), load + by_tls + more, load)
        report.note(scenario, 'tls', results[0], FIGURES)
        report.note(scenario, 'plain', results[1], FIGURES)
        report.ratio(scenario, 'bets_per_s', median_ratio(results, 'bets_per_s'), goal)
        report.ratio(scenario, 'cpu', median_ratio(results, 'cpu_s_per_million'), '<= 2')


def info_logging(options, report):
    against_itself(options, report, 'info-logging', ('-w 16 -s 2', '-w 16 -s 2'), '>= 0.9',
                   {'LOGGING_LEVEL': 'INFO'})


def against_build(options, report):
    """The same loads on another build's server: what a change costs, in one run."""
    if not options.against:
        return
    for scenario, load in (('window16', '-w 16 -s 2'), ('stop-and-wait', '-w 1 -s 2'),
                           ('single-bets', '-w 1 -b 1 -s 2'), ('churn', '-x -n 32 -b 1 -s 2')):
        print('%s against %s: lottery-bench %s' % (scenario, options.against, load))
        results = compare(options, Side(options, 'lottery'),
                          Side(options, 'other', programs=options.against), load)
        report.note(scenario, 'lottery', results[0], FIGURES)
        report.note(scenario, 'other', results[1], FIGURES)
        report.ratio(scenario, 'bets_per_s', median_ratio(results, 'bets_per_s'), '>= 0.97')
        report.ratio(scenario, 'cpu', median_ratio(results, 'cpu_s_per_million'), '')
        report.ratio(scenario, 'p99', median_ratio(results, 'p99_us'), '')


def sweep(options, report, name, flag, values, load):
    """One picture: bets a second over one thing that varies, both sides."""
    lines = {'lottery': [], 'floor': []}
    print('%s: %s %s' % (name, load, flag))
    for value in values:
        for kind in lines:
            figures = run_load(options, Side(options, kind), '%s %s %d' % (load, flag, value))
            lines[kind].append((value, figures['bets_per_s']))
            report.rows.writerow(['sweep-' + name, kind, value, figures['bets_per_s'], '', ''])
    chart.write_lines(os.path.join(options.out, 'throughput-%s.svg' % name),
                      'Bets a second over ' + name, name, 'bets/s', lines)


def sweeps(options, report):
    sweep(options, report, 'agencies', '-n', (1, 2, 5, 10, 20, 50), '-w 16 -s 1')
    sweep(options, report, 'window', '-w', (1, 2, 4, 8, 16, 32, 64), '-s 1')
    sweep(options, report, 'batch', '-b', (1, 5, 20, 50, 150, 500), '-w 16 -s 1')
    latency_picture(options)


def latency_picture(options):
    """How many acknowledgements took at most how long, from window16's last round."""
    lines = {}
    for index, name in enumerate(('lottery', 'floor')):
        path = os.path.join(options.out, 'latency-%d-%d.txt' % (index, options.rounds - 1))
        if not os.path.exists(path):
            return
        with open(path) as rows:
            counts = [tuple(map(int, row.split())) for row in rows]
        total = sum(count for _, count in counts)
        seen, lines[name] = 0, []
        for nanoseconds, count in counts:
            seen += count
            lines[name].append((nanoseconds / 1e3, 100 * seen / total))
    chart.write_lines(os.path.join(options.out, 'latency.svg'),
                      'Acknowledged within, 16 in flight', 'microseconds', '% of batches', lines)


def seconds_to_read(path):
    began = time.monotonic()
    subprocess.run(['cat', path], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - began


def make_bets_file(options, directory):
    """bets.csv as the server would have written it for generated agencies."""
    files = os.path.join(directory, 'files')
    os.makedirs(files)
    subprocess.run([options.bin + '/lottery-generate', '-n', str(options.big), '-d', files],
                   check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(directory, 'bets.csv'), 'wb') as bets:
        for agency in range(1, 6):
            path = os.path.join(files, 'agency-%d.csv' % agency)
            subprocess.run(['sed', 's/^/%d,/' % agency, path], stdout=bets, check=True)
    shutil.rmtree(files)


def time_log(log, began, action):
    """Seconds from `began` until the server's log holds the action."""
    while True:
        with open(log) as text:
            if action in text.read():
                return time.monotonic() - began
        time.sleep(0.005)  # the log is a file: nothing tells of its growth


def start_on(options, directory, log):
    variables = dict(os.environ, SERVER_PORT='0', SERVER_ADDRESS='127.0.0.1',
                     DATA_DIRECTORY=directory)
    with open(log, 'w') as output:
        return subprocess.Popen([options.bin + '/lottery-server'], env=variables, stdout=output)


def say_done(log):
    """All five agencies are done: the draw is held."""
    with open(log) as text:
        port = int(re.search(r'action: listen .*port: (\d+)', text.read()).group(1))
    with socket.create_connection(('127.0.0.1', port)) as agency:
        agency.sendall(b''.join(b'%d:5\r\n' % number for number in range(1, 6)))
        answers = b''
        while answers.count(b'\n') < 5:
            answers += agency.recv(4096)


def open_control(directory):
    """Control says that bets have been stored, as it would after so many of them."""
    path = os.path.join(directory, 'control')
    with open(path, 'rb') as control:
        lines = control.read().replace(b'state new', b'state open').splitlines(True)[:-1]
    text = b''.join(lines)
    checksum = int.from_bytes(text, 'big') % (2**64 - 59)
    with open(path, 'wb') as control:
        control.write(text + b'checksum %016x\n' % checksum)


def make_data_directory(options, directory, log):
    """One in which a server has been: without its control it would not take the bets."""
    began = time.monotonic()
    server = start_on(options, directory, log)
    time_log(log, began, 'action: listen')
    server.send_signal(signal.SIGTERM)
    server.wait()
    open_control(directory)
    os.remove(os.path.join(directory, 'checkpoint'))


def seconds_to_hash(path):
    """One SHA-256 of the file, by one core."""
    began = time.monotonic()
    digest = hashlib.sha256()
    with open(path, 'rb') as data:
        while piece := data.read(256 * 1024):
            digest.update(piece)
    return time.monotonic() - began


def time_start(options, report, directory, scenario, goal):
    """A start, as a ratio to reading bets.csv once."""
    log = os.path.join(options.out, 'big.log')
    read_s = seconds_to_read(os.path.join(directory, 'bets.csv'))
    began = time.monotonic()
    server = start_on(options, directory, log)
    took_s = time_log(log, began, 'action: listen')
    server.send_signal(signal.SIGTERM)
    server.wait()
    print('  %s: %.2f s, cat %.2f s' % (scenario, took_s, read_s))
    report.ratio(scenario, 'seconds over cat', took_s / read_s, goal)


def time_ending(options, report, directory):
    """The seal, and then the comparison with it and the draw, as ratios to one SHA-256.

    The seal hashes each byte for the file and for its agency, and three blocks a row for the tree.
    """
    log = os.path.join(options.out, 'big.log')
    hash_s = seconds_to_hash(os.path.join(directory, 'bets.csv'))
    server = start_on(options, directory, log)
    time_log(log, time.monotonic(), 'action: listen')
    began = time.monotonic()
    say_done(log)
    seal_s = time_log(log, began, 'action: sello')
    draw_s = time_log(log, began, 'action: sorteo') - seal_s
    server.send_signal(signal.SIGTERM)
    server.wait()
    for scenario, took_s, goal in (('seal', seal_s, '<= 6'),
                                   ('compare-and-draw', draw_s, '<= 1.3')):
        print('  %s: %.2f s, one SHA-256 %.2f s' % (scenario, took_s, hash_s))
        report.ratio(scenario, 'seconds over one SHA-256', took_s / hash_s, goal)


def big_file(options, report):
    """Start and ending on a large bets.csv in the page cache."""
    if not options.big:
        return
    print('big file: %d bets' % options.big)
    directory = os.path.join(options.data, 'bench-big')
    shutil.rmtree(directory, ignore_errors=True)
    make_data_directory(options, directory, os.path.join(options.out, 'big.log'))
    make_bets_file(options, directory)
    path = os.path.join(directory, 'bets.csv')
    os.chmod(path, 0o600)
    seconds_to_read(path)
    time_start(options, report, directory, 'start-counting-everything', '<= 3')
    time_start(options, report, directory, 'start-from-checkpoint', '<= 2')
    time_ending(options, report, directory)
    shutil.rmtree(directory)


SCENARIOS = (against_build, window16, window16_allocating, window64, stop_and_wait, slow_disk,
             single_bets, agencies500, agencies2000, idle2000, churn, info_logging, tls, sweeps, big_file)


def parser_of(description, rounds):
    """The options that all of the benchmark's scripts have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument('--bin', default='bin')
    parser.add_argument('--tools', default='build/bench')
    parser.add_argument('--out', default='build/bench')
    parser.add_argument('--data', default='build/bench', help='where the disk is, for all sides')
    parser.add_argument('--rounds', type=int, default=rounds)
    return parser


def main():
    os.umask(0o077)  # the server refuses a directory that is open to others
    parser = parser_of(__doc__, 5)
    parser.add_argument('--big', type=int, default=0, help='bets of the big file; 0: left out')
    parser.add_argument('--against', default='', help='the programs of another build')
    parser.add_argument('--tls', action='store_true', help='TLS against plain text as well')
    parser.add_argument('--shim', default='build/plain/tests/faults/shim.so')
    parser.add_argument('--only', default='', help='scenarios, separated by spaces')
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = Report(options)
    wanted = options.only.split()
    for scenario in SCENARIOS:
        if not wanted or scenario.__name__ in wanted:
            scenario(options, report)
    print('figures and pictures are in ' + options.out)


if __name__ == '__main__':
    main()
