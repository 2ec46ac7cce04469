"""A server, a lottery-web and agencies for the tests of the page, and for its pictures.

Everything stands in a temporary directory. Programs are started from LOTTERY_BIN (bin), with
nothing in their environment but what they need, and ended by their pids.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from browser import PATIENCE_S

BIN = os.path.abspath(os.environ.get('LOTTERY_BIN', 'bin'))


class Stand:
    def __init__(self, agencies=12, expected=14, bets=4000000, **settings):
        self.directory = tempfile.mkdtemp(prefix='lottery-stand-')
        self.settings = {key.upper(): str(value) for key, value in settings.items()}
        self.expected, self.programs, self.server, self.port, self.url = expected, [], None, 0, ''
        os.mkdir(self.path('bets'))
        if agencies:
            subprocess.run([BIN + '/lottery-generate', '-d', self.path('bets'), '-a', str(agencies),
                            '-n', str(bets)], check=True, stdout=subprocess.DEVNULL)

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, name, *arguments, log=None, **environment):
        kept = {key: os.environ[key] for key in ('PATH', 'ASAN_OPTIONS', 'CONFINEMENT')
                if key in os.environ}
        output = open(self.path((log or name) + '.log'), 'a')
        with output:
            program = subprocess.Popen(['%s/lottery-%s' % (BIN, name), *arguments],
                                       cwd=self.directory, stdout=output, stderr=output,
                                       stdin=subprocess.DEVNULL, env={**kept, **environment})
        self.programs.append(program)
        return program

    def await_log(self, name, pattern):
        """The first match in the newest lines of a log."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with open(self.path(name + '.log')) as log:
                found = re.findall(pattern, log.read())
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError('%s.log never says %s' % (name, pattern))

    def start_server(self):
        log = 'server-%d' % len(self.programs)
        self.server = self.start('server', log=log, SERVER_ADDRESS='127.0.0.1',
                                 SERVER_PORT=str(self.port), DATA_DIRECTORY=self.path('data'),
                                 LIMITS_HANDLERS_AHEAD='0', NUMBER_OF_AGENCIES=str(self.expected),
                                 **self.settings)
        self.port = int(self.await_log(log, r'action: listen .*success.*port: (\d+)'))

    def start_web(self, port=0):
        log = 'web-%d' % len(self.programs)
        web = self.start('web', '--address', '127.0.0.1', '--port', str(port), log=log,
                         DATA_DIRECTORY=self.path('data'))
        self.url = self.await_log(log, r'url: (http://\S+)')
        return web

    def start_agency(self, number):
        return self.start('agency', log='agency-%d' % number, CLI_ID=str(number),
                          CLI_SERVER_ADDRESS='127.0.0.1:%d' % self.port,
                          CLI_BETS_FILE=self.path('bets/agency-%d.csv' % number),
                          CLI_WINNERS_FILE=self.path('winners-%d.csv' % number))

    def state(self):
        with urllib.request.urlopen(self.url + 'state.json', timeout=PATIENCE_S) as answer:
            return json.load(answer)

    @staticmethod
    def stop(program, number=signal.SIGTERM):
        """Ends it, and returns its exit status."""
        program.send_signal(number)
        return program.wait(PATIENCE_S)

    def close(self):
        for program in reversed(self.programs):
            if program.poll() is None:
                program.terminate()
                try:
                    program.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    program.kill()
                    program.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
