#!/usr/bin/env python3
"""Runs the commands of README.md and LEEME.md, and holds what they show against what is printed.

    commands.py compare            both name the same commands, and each of them has its place in PLAN
    commands.py native             the native ones, in order, in the current directory: a fresh copy
                                   of the tree, whose bin/ has the programs
    commands.py docker             those that need a server in containers, which is at work
    commands.py docker-suite FILE  the others of Docker's, which FILE (tests/docker/run.sh) goes through

A command is what stands in `quotes` or in a fenced block of `sh` or `console`, and begins with one of
PROGRAMS; the name of a program alone is a name. In a block of `console` a line after "$ " is a
command, and the lines below it are what it prints: "…" stands for any text, and a line of it for any
lines. A quoted `action: ...` has to stand in a log of the native run. Prints what is wrong, and ends
with status 1.
"""
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

PAGES = ('README.md', 'LEEME.md')
PROGRAMS = re.compile(r'^([A-Z_]+=\S* )*(make|bash|python3|docker|docker-compose|ipcs|nc|man|git|'
                      r'(bin/)?lottery-\w+)( |$)')
NAME_ALONE = re.compile(r'^(docker compose|docker-compose|ipcs|nc|lottery-\w+)$')
PATIENCE_S = 60 * int(os.environ.get('LOTTERY_TEST_PATIENCE', '1'))
ANY = '…'

# ---- what becomes of each command ------------------------------------------------------------

# native: it is run; docker: run where a server is at work; suite: tests/docker/run.sh has it; left
# out: it is not run here, and why.
NATIVE, DOCKER, SUITE, LEFT_OUT = 'native', 'docker', 'suite', 'left out'

PLAN = {
    'make help': (NATIVE,),
    'make build': (NATIVE,),
    'make run': (NATIVE,),
    'make lint': (LEFT_OUT, 'it is a suite of its own; .ci/run runs it'),
    'bin/lottery-verify build/run/data': (NATIVE,),
    'bin/lottery-server': (NATIVE,),
    'bin/lottery-stat': (NATIVE,),
    'make ipcs': (NATIVE,),
    'ipcs -s -i ID': (NATIVE,),
    'DATA_DIRECTORY=data bin/lottery-web': (NATIVE,),
    'nc -C 127.0.0.1 12345': (NATIVE,),
    'lottery-admin status': (NATIVE,),
    'lottery-admin check data': (NATIVE,),
    'lottery-server -t -c FILE': (NATIVE,),
    'lottery-agency --id 3 --server HOST:PORT --bets FILE --winners FILE': (NATIVE,),
    'lottery-admin close --without 17,42': (NATIVE,),
    'lottery-admin draw --number 7574 --seal HASH': (NATIVE,),
    'lottery-admin open 2026-W48': (NATIVE,),
    'lottery-admin list': (NATIVE,),
    'lottery-verify data': (NATIVE,),
    'python3 verify/lottery-verify.py data': (NATIVE,),
    'lottery-admin pki init central.example': (NATIVE,),
    'lottery-admin pki agency 17': (NATIVE,),

    'bash netcat_test.sh': (DOCKER,),
    'bash validar-echo-server.sh': (DOCKER,),
    'make docker-compose-ipcs': (DOCKER,),
    'make docker-compose-up': (SUITE,),
    'make docker-compose-up TLS=1': (SUITE,),
    'make docker-compose-logs': (SUITE,),
    'make docker-compose-down': (SUITE,),
    'python3 multiple_clients_compose.py N': (SUITE, 'python3 multiple_clients_compose.py 2'),
    'bash generar-compose.sh FILE N': (SUITE, 'bash generar-compose.sh docker-compose-dev.yaml 3'),
    'python3 multiple_clients_compose.py --example-bet 5': (
        SUITE, 'bash generar-compose.sh docker-compose-dev.yaml 1 --example-bet'),
    # The suite types what these are for whichever Compose there is.
    'docker compose -p tp0 -f docker-compose-dev.yaml down': (SUITE, 'bash scripts/compose.sh down -t 1'),
    'docker compose -p tp0 -f docker-compose-dev.yaml down -v': (
        SUITE, 'bash scripts/compose.sh down -t 1 -v'),

    'make test': (LEFT_OUT, 'it runs this test'),
    'LOTTERY_TEST_PATIENCE=10 make test': (LEFT_OUT, 'it runs this test'),
    'make setup': (LEFT_OUT, 'it installs packages; test_run_script tells which'),
    'make install': (LEFT_OUT, 'test_pages installs and removes'),
    'man lottery-server': (LEFT_OUT, 'test_pages reads the pages, and man may not be there'),
    'make demo': (LEFT_OUT, 'test_demo leads it on a terminal'),
    'make demo DEMO_LANG=es': (LEFT_OUT, 'test_demo leads it on a terminal'),
    'make demo RATE=500': (LEFT_OUT, 'test_demo leads it on a terminal'),
    'make demo DEMO_VIEW=terminal': (LEFT_OUT, 'test_demo leads it on a terminal'),
    'make demo-watch': (LEFT_OUT, 'test_demo looks from outside'),
    'make screenshots': (LEFT_OUT, 'it writes docs/pictures, and needs Chromium'),
    'make bench': (LEFT_OUT, 'minutes of measuring'),
    'make bench-cluster': (LEFT_OUT, 'minutes of measuring, with nats-server'),
    'make cluster': (LEFT_OUT, 'it needs nats-server; make test-cluster goes through it'),
    'make test-cluster': (LEFT_OUT, 'it needs nats-server; .ci/run runs it'),
    'make docker-cluster-up': (LEFT_OUT, 'nine containers for minutes; make cluster shows the same'),
}

# ---- the pages -------------------------------------------------------------------------------

problems = []


def complain(text, *values):
    problems.append(text % values if values else text)


def without_comment(command):
    return re.sub(r'\s+#.*$', '', command).strip()


class Page:
    """The commands of a page in their order, what it shows of their output, the log lines it names."""

    def __init__(self, path):
        self.path, self.commands, self.shown, self.actions = path, [], [], []
        with open(path, encoding='utf-8') as file:
            text = file.read()
        for part in re.split(r'^(```\w*\n.*?^```$)', text, flags=re.MULTILINE | re.DOTALL):
            block = re.match(r'```(\w*)\n(.*)```$', part, re.DOTALL)
            if block is None:
                self.read_prose(part)
            elif block.group(1):
                self.read_block(block.group(1), block.group(2).splitlines())

    def read_prose(self, text):
        for quoted in re.findall(r'`([^`]+)`', text):
            quoted = ' '.join(quoted.split()).replace('\\|', '|')
            if quoted.startswith('action: '):
                self.actions.append(quoted)
            elif PROGRAMS.match(quoted) and not NAME_ALONE.match(quoted):
                self.commands.append(quoted)

    def read_block(self, language, lines):
        if language not in ('sh', 'console'):
            complain('%s: a block of %s: say sh or console, or nothing', self.path, language)
        for line in lines:
            if language == 'sh' or line.startswith('$ '):
                command = without_comment(line[2:] if language == 'console' else line)
                self.commands.append(command)
                self.shown.append((command, []))
            elif not self.shown:
                complain('%s: a block shows what no command prints', self.path)
            else:
                self.shown[-1][1].append(line)


def compare(pages):
    first, second = (set(page.commands) for page in pages)
    for page, missing in ((pages[0], second - first), (pages[1], first - second)):
        for command in sorted(missing):
            complain('%s does not have `%s`, which the other one has', page.path, command)
    for command in sorted((first | second) - set(PLAN)):
        complain('`%s` is neither run nor left out for a reason: see tests/documents/commands.py', command)
    for command in sorted(set(PLAN) - first - second):
        complain('`%s` is planned, and stands in no page', command)


def pattern_of(line):
    return '.*'.join(re.escape(' '.join(part.split())) for part in line.split(ANY))


def shows(wanted, printed):
    """Whether the wanted lines are what was printed, from its first line to its last one."""
    parts = ['(?:.*\n)*' if line == ANY else pattern_of(line) + '\n' for line in wanted]
    text = ''.join(' '.join(line.split()) + '\n' for line in printed.splitlines())
    return re.match(''.join(parts) + r'\Z', text) is not None


def hold_against(pages, command, printed):
    for page in pages:
        for shown, lines in page.shown:
            if shown == command and lines and not shows(lines, printed):
                complain('%s: `%s` prints something else than shown:\n%s', page.path, command, printed)


# ---- running ---------------------------------------------------------------------------------

class Run:
    """Runs commands, and ends what it has started."""

    def __init__(self, pages):
        self.pages, self.left, self.background, self.logs = pages, [], [], ''

    def take(self, command):
        if command in self.left:
            self.left.remove(command)

    def run(self, command, instead=None, where='.', status=0, **environment):
        """Runs it, or what stands for its placeholders, and returns what it prints."""
        self.take(command)
        try:
            done = subprocess.run(['bash', '-c', instead or command], cwd=where, timeout=PATIENCE_S,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, universal_newlines=True,
                                  env={**os.environ, **environment})
        except subprocess.TimeoutExpired:
            complain('`%s` does not end within %d s', command, PATIENCE_S)
            return ''
        if done.returncode != status:
            complain('`%s` ended with status %d: %s%s', command, done.returncode, done.stdout[-1500:],
                     done.stderr[-1500:])
        hold_against(self.pages, command, done.stdout)
        return done.stdout

    def start(self, command, pattern, instead=None, **environment):
        """Starts it, awaits that its output has the pattern, and returns (program, first group)."""
        self.take(command)
        path = 'background-%d.log' % len(self.background)
        with open(path, 'w', encoding='utf-8') as log:
            program = subprocess.Popen(['bash', '-c', 'exec env ' + (instead or command)], stdout=log,
                                       stderr=log, stdin=subprocess.DEVNULL,
                                       env={**os.environ, **environment})
        self.background.append((program, path))
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with open(path, encoding='utf-8') as log:
                found = re.search(pattern, log.read())
            if found:
                return program, found.group(found.lastindex or 0)
            time.sleep(0.02)
        raise RuntimeError('`%s`: no "%s" in its output' % (command, pattern))

    def stop(self, program):
        if program.poll() is None:
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()

    def close(self):
        for program, _ in reversed(self.background):
            self.stop(program)

    def speak(self, command, port):
        """A person types; here the same lines go over a socket, and the same answers are awaited."""
        self.take(command)
        lines = next(lines for shown, lines in self.pages[0].shown if shown == command)
        said = []
        with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as connection, \
                connection.makefile('rw', newline='\r\n') as stream:
            for line in lines:
                if not line.startswith('server:'):
                    stream.write(line + '\n')
                    stream.flush()
                    said += [line, stream.readline().strip()]
        hold_against(self.pages, command, '\n'.join(said) + '\n')


LISTENS = r'action: listen \| result: success.* port: (\d+)'


def check_actions(pages):
    """Each log line that a page names is in a log of this run."""
    text = ''
    for path in glob.glob('build/run/*.log') + glob.glob('*.log'):
        with open(path, encoding='utf-8') as log:
            text += log.read()
    # What a block shows is held against what its command prints.
    held = {line for page in pages for _, lines in page.shown for line in lines}
    for page in pages:
        for action in set(page.actions) - held:
            # The fields in their order; others may stand between them.
            fields = ' .*'.join(re.escape(field.strip()) for field in action.split('|'))
            if not re.search(fields.replace(re.escape(ANY), '.*'), text):
                complain('%s: no log has "%s"', page.path, action)


def run_draw(run):
    """A draw that a person leads, of agencies 3, 17 and 42, and the one after it."""
    led = {'LOTTERY_DRAW': 'command', 'AGENCIES_ALLOWED': '3,17,42', 'NUMBER_OF_AGENCIES': '3',
           'SERVER_PORT': '0', 'DATA_DIRECTORY': 'data-led'}
    server, port = run.start('bin/lottery-server', LISTENS, **led)
    with open('bets-3.csv', 'w', encoding='utf-8') as bets:
        bets.write('Ana,Paz,30904465,1999-03-17,7574\n')
    agency = 'lottery-agency --id 3 --server HOST:PORT --bets FILE --winners FILE'
    program, _ = run.start(agency, 'action: apuesta_enviada', instead='lottery-agency --id 3 --server '
                           '127.0.0.1:%s --bets bets-3.csv --winners won-3.csv' % port)
    said = run.run('lottery-admin close --without 17,42', **led)
    seal = re.search('[0-9a-f]{64}', said)
    run.run('lottery-admin draw --number 7574 --seal HASH', instead='lottery-admin draw --number 7574 '
            '--seal ' + (seal.group(0) if seal else 'missing'), **led)
    if program.wait(PATIENCE_S) != 0 or not os.path.getsize('won-3.csv'):
        complain('`%s` has not got its winner', agency)
    run.run('lottery-admin open 2026-W48', **led)
    said = run.run('lottery-admin list', **led)
    if not re.search(r'^2026-W48 .*\bnew\b', said, re.MULTILINE) or ' 7574 ' not in said:
        complain('`lottery-admin list` does not show two draws: %s', said)
    run.stop(server)


def run_environment(run):
    """The bet of exercise 5, whose log lines the pages name; and a batch that is refused."""
    server, port = run.start('bin/lottery-server', LISTENS, SERVER_PORT='0', NUMBER_OF_AGENCIES='1',
                             DATA_DIRECTORY='data-five')
    with socket.create_connection(('127.0.0.1', int(port)), PATIENCE_S) as connection:
        connection.sendall(b'1:4:Ana,Paz,no-digits,2000-01-01,1\n\r\n')
        connection.recv(100)
    run.run('an agency', instead='lottery-agency --id 1 --server 127.0.0.1:%s >five.log 2>&1' % port,
            NOMBRE='Santiago Lionel', APELLIDO='Lorca', DOCUMENTO='30904465', NACIMIENTO='1999-03-17',
            NUMERO='7574')
    run.stop(server)


def run_native(run):
    for target in ('test', 'run', 'demo', 'docker-compose-up'):
        if 'make %s ' % target not in run.run('make help'):
            complain('`make help` does not have %s', target)
    run.run('make build')
    run.run('make run')
    run.run('bin/lottery-verify build/run/data')
    # data/ is what `make run` has made, too: who reads on has a drawn lottery at hand.
    for command in ('lottery-verify data', 'python3 verify/lottery-verify.py data'):
        run.run(command, instead=command.replace(' data', ' build/run/data'))
    run.run('lottery-server -t -c FILE', instead='lottery-server -t -c server/config.yaml', SERVER_PORT='0')
    server, port = run.start('bin/lottery-server', LISTENS, SERVER_PORT='0')
    run.run('bin/lottery-stat')
    said = run.run('make ipcs')
    gate = re.search(r'Semaphore Array semid=(\d+)', said)
    if gate is None or not re.search(r'lottery-[0-9a-f]{8}', said):
        complain('`make ipcs` shows no gate, or no ring: %s', said)
    run.run('ipcs -s -i ID', instead='ipcs -s -i ' + (gate.group(1) if gate else '0'))
    run.start('DATA_DIRECTORY=data bin/lottery-web', 'url: (http://127[^ ]*)',
              instead='DATA_DIRECTORY=data bin/lottery-web --port 0')
    for command in ('lottery-admin status', 'lottery-admin check data'):
        run.run(command)
    run.speak('nc -C 127.0.0.1 12345', int(port))
    run.stop(server)
    run_draw(run)
    run_environment(run)
    os.mkdir('elsewhere')
    for command in ('lottery-admin pki init central.example', 'lottery-admin pki agency 17'):
        run.run(command, where='elsewhere')


def run_docker(run):
    for command in ('bash netcat_test.sh', 'bash validar-echo-server.sh', 'make docker-compose-ipcs'):
        run.run(command)


def of_kind(kind):
    return [command for command, plan in PLAN.items() if plan[0] == kind]


def check_suite(path):
    with open(path, encoding='utf-8') as file:
        text = file.read()
    for command in of_kind(SUITE):
        typed = PLAN[command][-1] if len(PLAN[command]) > 1 else command
        if not re.search(re.escape(typed) + r'\b', text):
            complain('`%s`: %s does not type `%s`', command, path, typed)


def go_through(pages, kind, steps):
    run = Run(pages)
    run.left = of_kind(kind)
    os.environ['PATH'] = os.path.abspath('bin') + ':' + os.environ['PATH']
    try:
        steps(run)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        complain('%s', error)
    finally:
        run.close()
    for command in run.left:
        complain('`%s` was to be run, and was not', command)


def main():
    pages = [Page(path) for path in PAGES]
    mode = sys.argv[1]
    if mode == 'compare':
        compare(pages)
    elif mode == 'native':
        go_through(pages, NATIVE, run_native)
        check_actions(pages)
    elif mode == 'docker':
        go_through(pages, DOCKER, run_docker)
    else:
        check_suite(sys.argv[2])
    print('\n'.join(problems), file=sys.stderr, end='\n' if problems else '')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
