#!/usr/bin/env python3
"""Types the commands of a sheet of docs/lab into one shell, and holds what they print against what it shows.

    lab.py SHEET [COMMAND=INSTEAD]...   in the current directory: a copy of the tree, with bin/

All commands of the sheet's blocks of `console` go into one bash, in their order, as a student types them:
variables, functions and background jobs stay. A line after "$ " is a command, and so are the lines after
"> "; the others are what it prints ("…" stands for any text, and a line of it for any lines). INSTEAD is
run where a sheet has COMMAND. The port of the sheets, 12345, becomes a free one. Whatever happens, all
that the shell has started is ended. Prints what is wrong, and ends with status 1.
"""
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from commands import PATIENCE_S, shows

PORT = '12345'
END_S = 5


class Step:
    """A command, the line that it stands in, and what the sheet shows below it."""

    def __init__(self, line, command):
        self.line, self.command, self.wanted = line, command, []


def read_sheet(path):
    steps, in_block = [], False
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file.read().splitlines(), 1):
            if line.startswith('```'):
                in_block = line == '```console'
            elif in_block and line.startswith('$ '):
                steps.append(Step(number, line[2:]))
            elif in_block and line.startswith('> '):
                steps[-1].command += '\n' + line[2:]
            elif in_block:
                steps[-1].wanted.append(line)
    return steps


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return str(listener.getsockname()[1])


def script_of(steps, instead, directory):
    """Each command's output goes to a file of its own; `set -m` is what a shell with a person has."""
    port = free_port()
    lines = ['set -m', 'exec </dev/null']
    for index, step in enumerate(steps):
        command = instead.get(step.command, step.command).replace(PORT, port)
        lines += ['{ %s\n} >%s/%d 2>&1' % (command, directory, index), 'echo $? >%s/%d.status' % (directory, index)]
    return '\n'.join(lines + ['kill -TERM $(jobs -p) 2>/dev/null', 'wait']) + '\n'


def run(script):
    """Runs it in a session of its own; True when it has ended by itself."""
    shell = subprocess.Popen(['bash', '-c', script], start_new_session=True)
    try:
        shell.wait(PATIENCE_S)
        return True
    except subprocess.TimeoutExpired:
        # Who is asked to end leaves no shared memory behind; one who was stopped has to go on for that.
        for signals, pause_s in (((signal.SIGTERM, signal.SIGCONT), END_S), ((signal.SIGKILL,), 0)):
            for pid in children_of_session(shell.pid):
                for number in signals:
                    send(pid, number)
            time.sleep(pause_s)
        shell.wait()
        return False


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def children_of_session(session):
    listed = subprocess.run(['ps', '-o', 'pid=', '-s', str(session)], stdout=subprocess.PIPE, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def main():
    sheet, instead = sys.argv[1], dict(argument.split('=', 1) for argument in sys.argv[2:])
    steps, problems = read_sheet(sheet), []
    with tempfile.TemporaryDirectory() as directory:
        ended = run(script_of(steps, instead, directory))
        for index, step in enumerate(steps):
            if not os.path.exists('%s/%d.status' % (directory, index)):
                problems.append('%s:%d: `%s` did not end' % (sheet, step.line, step.command))
                break
            with open('%s/%d' % (directory, index), encoding='utf-8', errors='replace') as file:
                # A shell on a terminal tells of its jobs; here it may do so, too.
                printed = re.sub(r'^\[\d+\].*\n', '', file.read(), flags=re.MULTILINE)
            if not shows(step.wanted, printed):
                problems.append('%s:%d: `%s` prints something else than shown:\n%s'
                                % (sheet, step.line, step.command, printed[-3000:]))
    if not steps or not ended:
        problems.append('%s: %s' % (sheet, 'it did not end in time' if steps else 'it has no command'))
    print('\n'.join(problems), file=sys.stderr, end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
