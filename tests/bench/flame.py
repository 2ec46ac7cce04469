#!/usr/bin/env python3
"""Records the server with 16 batches in flight by perf, and draws where its time goes.

A flame graph: each box is a function, as wide as the share of the samples in which it was on the
stack; what it called stands on it; at the bottom are the processes. Writes flame.svg to the output
directory. The programs have to keep frame pointers (`make flame-graph` builds such).
"""
import argparse
import collections
import os
import re
import subprocess
import sys
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import chart  # noqa: E402
import peers  # noqa: E402

SAMPLES_A_SECOND = 999
WIDTH, ROW, TOP, LETTER, LEAST = 1200, 17, 40, 6.6, 0.4
COLOURS = ('#e8a33d', '#e58f4a', '#ecb45a', '#df7f45')
KERNEL_COLOURS = ('#7aa6c2', '#6b98b8', '#8ab3cc')


class Box:
    """A function in its place: how many samples it and what it called have."""

    def __init__(self):
        self.samples, self.called = 0, collections.defaultdict(Box)

    def add(self, stack):
        self.samples += 1
        if stack:
            self.called[stack[0]].add(stack[1:])

    def depth(self):
        return 1 + max((box.depth() for box in self.called.values()), default=0)


def record(options, path):
    """perf on all of the server's processes, and those that they fork, during one load."""
    server = peers.Lottery(options, 'lottery')
    try:
        server.start()
        pids = ','.join(map(str, peers.tree_of(server.process.pid)))
        perf = subprocess.Popen(['perf', 'record', '-q', '-F', str(SAMPLES_A_SECOND), '-g', '-o', path,
                                 '-p', pids], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            server.measure('-w 16 -s %g' % options.seconds)
        finally:
            peers.end(perf, peers.signal.SIGINT)
        if not os.path.exists(path):
            sys.exit('flame-graph: perf: ' + perf.stderr.read().decode())
        perf.stderr.close()
    finally:
        server.stop()


def stacks(path):
    """Each sample of the recording, from the process to the innermost function."""
    text = subprocess.run(['perf', 'script', '-i', path, '-F', 'comm,ip,sym,dso'],
                          capture_output=True, text=True, check=True).stdout
    for sample in text.split('\n\n'):
        lines = sample.strip('\n').splitlines()
        if not lines:
            continue
        frames = [re.sub(r'^\s*[0-9a-f]+ ', '', line) for line in lines[1:]]
        yield [lines[0].strip()] + [name_of(frame) for frame in reversed(frames)]


def name_of(frame):
    """A function's name, marked where it is the kernel's; a library's where it has none."""
    symbol, _, place = frame.rpartition(' (')
    place = place.rstrip(')')
    kernel = place.startswith('[') and place != '[unknown]'
    if symbol == '[unknown]':
        symbol = '[%s]' % os.path.basename(place).strip('[]')
    return symbol + ('_[k]' if kernel else '')


def draw(box, name, x, y, scale, total, parts):
    width = box.samples * scale
    if width < LEAST:
        return
    words = name.replace('_[k]', '')
    colours = KERNEL_COLOURS if name.endswith('_[k]') else COLOURS
    share = 100 * box.samples / total
    parts.append('<g><title>%s, %.1f %%</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" '
                 'stroke="white" stroke-width="0.4"/>' % (escape(words), share, x, y, width, ROW - 1,
                                                          colours[sum(map(ord, words)) % len(colours)]))
    letters = int((width - 4) / LETTER)
    if letters > 2:
        parts.append(chart.text(x + 3, y + 12, words[:letters], 'start', 11))
    parts.append('</g>')
    for called, inner in sorted(box.called.items()):
        draw(inner, called, x, y - ROW, scale, total, parts)
        x += inner.samples * scale


def write_graph(root, path):
    height = TOP + ROW * (root.depth() + 1)
    parts = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif">' % (
        WIDTH, height), '<rect width="100%" height="100%" fill="white"/>',
        chart.text(WIDTH / 2, 24, 'The server, 16 in flight: %d samples; blue: the kernel' % root.samples,
                   size=16)]
    draw(root, 'all', 0, height - ROW - 4, WIDTH / root.samples, root.samples, parts)
    chart.write(path, parts)


def print_shares(all_stacks):
    """In how many of the samples a function is on the stack, each sample counted once."""
    counts = collections.Counter(name for stack in all_stacks for name in set(stack))
    for name, count in counts.most_common(60):
        print('  %5.1f %%  %s' % (100 * count / len(all_stacks), name))


def main():
    os.umask(0o077)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--bin', default='build/flame/bin')
    parser.add_argument('--tools', default='build/bench')
    parser.add_argument('--out', default='build/bench')
    parser.add_argument('--data', default='build/bench')
    parser.add_argument('--seconds', type=float, default=3)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for number in (peers.signal.SIGINT, peers.signal.SIGTERM):
        peers.signal.signal(number, peers.interrupt)
    path = os.path.join(options.out, 'perf.data')
    record(options, path)
    root, all_stacks = Box(), list(stacks(path))
    for stack in all_stacks:
        root.add(stack)
    if not all_stacks:
        sys.exit('flame-graph: perf has no samples in ' + path)
    write_graph(root, os.path.join(options.out, 'flame.svg'))
    print_shares(all_stacks)
    print('the picture is %s/flame.svg' % options.out)


if __name__ == '__main__':
    main()
