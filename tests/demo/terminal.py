#!/usr/bin/env python3
"""Leads the demonstration (scripts/demo.sh) on a terminal of its own, as a teacher does.

    python3 terminal.py END STEP...

A step is "CHOICE=PATTERN": the line CHOICE is typed when the menu is there, and what follows has to
match PATTERN (a regular expression; its lines are searched) before the menu is there again. "w" is
left by typing q. Then a second terminal looks at it (--watch). END is how it is ended: quit (q), interrupt (Ctrl-C), or close (the terminal goes
away). Then nothing may be left: no process, no shared memory, no semaphores, no build/demo. Prints
what went wrong, and ends with status 1. Runs in the tree whose demonstration it leads.
"""
import glob
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

PATIENCE_S = 40 * int(os.environ.get('LOTTERY_TEST_PATIENCE', '1'))
PROMPT, FRAME = '> ', 'lottery-stat  '
INTERRUPTED = 130


class Terminal:
    def __init__(self, *arguments):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvp('bash', ['bash', 'scripts/demo.sh', *arguments])
        self.text = ''

    def await_text(self, wanted):
        """What is written until the text ends so; the text begins anew after it."""
        until = time.monotonic() + PATIENCE_S
        while not wanted(self.text):
            if time.monotonic() > until:
                raise AssertionError('nothing more comes after: %s' % self.text[-2000:])
            if select.select([self.descriptor], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.descriptor, 1 << 16)
                except OSError:
                    piece = b''
                if not piece:
                    raise AssertionError('it ended: %s' % self.text[-2000:])
                self.text += piece.decode('utf-8', 'replace').replace('\r', '')
        text, self.text = self.text, ''
        return text

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def at_menu(self):
        return self.await_text(lambda text: text.endswith(PROMPT))

    def end(self, how):
        """Ends it, and returns its exit status."""
        if how == 'close':
            os.close(self.descriptor)
        else:
            self.type('q\n' if how == 'quit' else '\x03')
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            if how != 'close' and select.select([self.descriptor], [], [], 0.05)[0]:
                try:
                    os.read(self.descriptor, 1 << 16)  # else it could wait for us to read
                except OSError:
                    pass
            time.sleep(0.02)
        raise AssertionError('it does not end')


def look_from_outside():
    """As `make demo-watch` does, in another terminal."""
    other = Terminal('--watch')
    other.await_text(lambda text: re.search(r'phase +ready', text))
    other.type('q')
    if os.waitstatus_to_exitcode(os.waitpid(other.pid, 0)[1]) != 0:
        raise AssertionError('--watch does not end well')
    os.close(other.descriptor)


def processes_here():
    """Pids of all that were started in this tree, but for us and who called us."""
    here, found = os.getcwd(), {}
    ours = {os.getpid(), os.getppid()}
    for path in glob.glob('/proc/[0-9]*'):
        try:
            with open(path + '/cmdline') as file:
                command = file.read().replace('\0', ' ')
            if os.readlink(path + '/cwd') == here and 'terminal.py' not in command:
                found[int(path[6:])] = command
        except OSError:
            continue
    return {pid: command for pid, command in found.items()
            if pid not in ours and ('lottery-' in command or 'demo' in command)}


def segments():
    """Names of the shared memory that servers of this tree have mapped."""
    names = set()
    for pid in processes_here():
        try:
            with open('/proc/%d/maps' % pid) as file:
                names |= set(re.findall(r'/dev/shm/(lottery-[0-9a-f]+)', file.read()))
        except OSError:
            continue
    return names


def expect_nothing_left(names):
    left = ['process %d: %s' % item for item in processes_here().items()]
    left += [name for name in names if os.path.exists('/dev/shm/' + name)]
    sets = subprocess.run(['ipcs', '-s'], stdout=subprocess.PIPE, check=True,
                          universal_newlines=True).stdout
    left += [name for name in names if '0x' + name.partition('-')[2] in sets]
    left += glob.glob('build/demo')
    if left:
        raise AssertionError('left behind: %s' % left)


def main():
    end, steps = sys.argv[1], [step.partition('=')[::2] for step in sys.argv[2:]]
    terminal = Terminal('--rate', '500')
    try:
        print(terminal.at_menu())
        for choice, pattern in steps:
            terminal.type(choice + '\n')
            if choice == 'w':
                terminal.await_text(lambda text: FRAME in text)
                terminal.type('q')
            said = terminal.at_menu()
            print(said)
            if not re.search(pattern, said, re.MULTILINE):
                raise AssertionError('%s: no "%s" in: %s' % (choice, pattern, said))
        look_from_outside()
        names = segments()
        if not names:
            raise AssertionError('no server is at work')
        status = terminal.end(end)
        if status != (0 if end == 'quit' else INTERRUPTED):
            raise AssertionError('%s: it ended with status %d' % (end, status))
        expect_nothing_left(names)
    except AssertionError as error:
        print(error, file=sys.stderr)
        try:
            os.kill(terminal.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
