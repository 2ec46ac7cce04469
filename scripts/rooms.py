#!/usr/bin/env python3
"""Checks who includes whom: the walls between the rooms of the house.

A room is a folder with one subject. It may include its own headers and those of the
rooms named here, and nothing else of the project. A test may include everything; a unit
test starts no program. Prints each violation, and ends with status 1 if there is any.

    scripts/rooms.py            checks the sources in the current directory
    scripts/rooms.py --table    prints the table, for docs/architecture.md
"""
import os
import re
import sys

# Room: (its subject, the rooms that it may know). A process of the server knows what the server's
# processes share, in server/ itself, and never another process.
ROOMS = {
    'lib': ('what every program needs: configuration, log, failure, clock, text, numbers', ()),
    'bet': ('what a bet and a message are: rows, CSV, rules, wire format', ('lib',)),
    'shm': ('what processes share: segment, ring, lock, agencies, slots, waiting, gate', ('lib',)),
    'store': ('what stands on the disk: control, bets, done, winners, draw, checkpoint',
              ('lib', 'bet')),
    'engine': ('the replicated log: NATS or memory, its records, what they add up to', ('lib',)),
    'feed': ('a centre\'s bets from its log: checked, printed, exported', ('lib', 'bet', 'engine')),
    'postgres': ('the same bets into PostgreSQL, each once', ('lib', 'bet', 'engine', 'feed')),
    'seal': ('what is proven of a draw: SHA-256, Merkle tree, seal.json, draw.json, signatures',
             ('lib', 'bet', 'store')),
    'shipper': ('lottery-shipper: what a primary copies to the engine, and a standby from it',
                ('lib', 'bet', 'shm', 'store', 'engine', 'seal')),
    'tls': ('encrypted connections: contexts, streams, the agencies that a certificate names',
            ('lib', 'bet')),
    'pki': ('a small certificate authority: keys, certificates, what was issued and revoked',
            ('lib', 'bet', 'store', 'tls')),
    'verify': ('the auditor\'s checks', ('lib', 'bet', 'store', 'seal', 'engine')),
    'server': ('what the server\'s processes have in common: heritage, table of processes, signals, '
               'configuration', ('lib', 'bet', 'shm', 'store', 'tls')),
    'server/supervisor': ('the process that outlives the others',
                          ('lib', 'bet', 'shm', 'store', 'seal', 'tls', 'server')),
    'server/handler': ('the process of a connection',
                       ('lib', 'bet', 'shm', 'store', 'tls', 'server')),
    'server/keyholder': ('the process with the private key',
                         ('lib', 'shm', 'store', 'tls', 'server')),
    'server/storer': ('the process that writes', ('lib', 'bet', 'shm', 'store', 'seal', 'server')),
    'client': ('the agency', ('lib', 'bet', 'tls')),
    'generate': ('the generator of bets', ('lib', 'bet')),
    'stat': ('the inspector', ('lib', 'bet', 'shm', 'store', 'server')),
    'web': ('the page to look at, and what it is told', ('lib', 'bet', 'shm', 'store', 'server', 'stat')),
    # `lottery-admin status` asks a running server as lottery-stat does.
    'admin': ('the operator\'s commands',
              ('lib', 'bet', 'shm', 'store', 'server', 'seal', 'tls', 'pki', 'stat')),
}

# The one place that knows all processes by their entries; main, which starts the first one; and what
# looks at the keys before that.
EXCEPTIONS = {
    'server/processes.c': ('server/supervisor', 'server/handler', 'server/keyholder',
                           'server/storer'),
    'server/file_trial.c': ('seal', 'server/keyholder'),
    'server/main.c': ('server/supervisor',),
}

# Unit tests run where an image or a package is built, which has a compiler and libraries alone.
UNIT_TESTS = 'tests/unit'
STARTS_PROGRAMS = 'tests/harness/program.h'

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def room_of(path):
    folder = os.path.dirname(path)
    while folder and folder not in ROOMS:
        folder = os.path.dirname(folder)
    return folder


def sources():
    for room in ROOMS:
        for name in sorted(os.listdir(room)):
            path = os.path.join(room, name)
            if name.endswith(('.c', '.h')):
                yield path


def includes(path):
    with open(path, encoding='utf-8') as text:
        return INCLUDE.findall(text.read())


def violations(path):
    room = room_of(path)
    allowed = {room, *ROOMS[room][1], *EXCEPTIONS.get(path, ())}
    for include in includes(path):
        if not os.path.exists(include):
            yield '%s: includes "%s", which is not there' % (path, include)
        elif room_of(include) not in allowed:
            yield '%s: %s may not know %s ("%s")' % (path, room, room_of(include) or 'tests', include)


def unit_test_violations():
    for folder, _, names in sorted(os.walk(UNIT_TESTS)):
        for path in (os.path.join(folder, name) for name in sorted(names)):
            if STARTS_PROGRAMS in includes(path):
                yield '%s: a unit test starts no program ("%s")' % (path, STARTS_PROGRAMS)


def print_table():
    print('| room | subject | may include |\n| --- | --- | --- |')
    for room, (subject, known) in ROOMS.items():
        print('| `%s/` | %s | %s |' % (room, subject, ', '.join(known) or 'nothing else'))


def main():
    if sys.argv[1:] == ['--table']:
        print_table()
        return 0
    found = [violation for path in sources() for violation in violations(path)]
    found += unit_test_violations()
    print('\n'.join(found), file=sys.stderr, end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
