"""A headless Chromium for tests and pictures of the page of lottery-web.

It is Debian's, driven by the Chrome DevTools Protocol over a pair of pipes
(--remote-debugging-pipe), so that nothing has to be installed but the browser, and no port is open.
Its profile is a temporary directory. The browser is ended by its pid, and takes its own
processes with it.
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE_S = 30 * int(os.environ.get('LOTTERY_TEST_PATIENCE', '1'))
PROGRAMS = ('chromium', 'chromium-browser', 'google-chrome')


def find():
    """The browser's path; None where there is none."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Browser:
    """A browser with one tab."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix='lottery-web-')
        to_browser, self.output = os.pipe()
        self.input, from_browser = os.pipe()
        command = [find(), '--headless=new', '--remote-debugging-pipe', '--disable-gpu',
                   '--no-first-run', '--disable-extensions', '--disable-background-networking',
                   '--disable-component-update', '--hide-scrollbars', '--force-color-profile=srgb',
                   '--disable-dev-shm-usage', '--user-data-dir=' + self.profile]
        if os.geteuid() == 0:
            command.append('--no-sandbox')  # it has none for root

        def arrange():
            # The numbers may be each other's: both go out of the way first.
            reading, writing = os.dup(to_browser), os.dup(from_browser)
            high = [os.dup(x) for x in (reading, writing)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        self.process = subprocess.Popen(command, preexec_fn=arrange, close_fds=False,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.number, self.buffer, self.session = 0, b'', None
        self.complaints = []  # of the page: exceptions, what its policy has refused
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log'):
            self.call(domain + '.enable')

    def close(self):
        try:
            self.call('Browser.close')
        except (OSError, RuntimeError):
            pass
        os.close(self.output)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.input)
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- the protocol ----

    def read(self, until):
        """The next message; None when there is none by then."""
        while b'\0' not in self.buffer:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.input], [], [], left)[0]:
                return None
            piece = os.read(self.input, 1 << 16)
            if not piece:
                raise RuntimeError('the browser has ended')
            self.buffer += piece
        line, self.buffer = self.buffer.split(b'\0', 1)
        return json.loads(line)

    def note(self, message):
        what, about = message.get('method'), message.get('params', {})
        if what == 'Runtime.exceptionThrown':
            details = about['exceptionDetails']
            self.complaints.append(details.get('exception', {}).get('description', details['text']))
        elif what == 'Log.entryAdded' and about['entry']['source'] == 'security':
            self.complaints.append(about['entry']['text'])

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session:
            message['sessionId'] = self.session
        os.write(self.output, json.dumps(message).encode() + b'\0')
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self.read(until)
            if answer is None:
                raise RuntimeError('%s: no answer within %d s' % (method, PATIENCE_S))
            if answer.get('id') == self.number:
                if 'error' in answer:
                    raise RuntimeError('%s: %s' % (method, answer['error']['message']))
                return answer['result']
            self.note(answer)

    # ---- what one does with it ----

    def open(self, url):
        self.value('window.isBefore = true')
        self.call('Page.navigate', url=url)
        self.wait("!window.isBefore && document.readyState === 'complete'", url + ' loads')

    def resize(self, width, height, scale=1, phone=False):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height,
                  deviceScaleFactor=scale, mobile=phone)

    def prefer(self, **features):
        """prefer(prefers_reduced_motion='reduce')"""
        self.call('Emulation.setEmulatedMedia', features=[
            {'name': name.replace('_', '-'), 'value': value} for name, value in features.items()])

    def press(self, key, code=0):
        for kind in ('keyDown', 'keyUp'):
            self.call('Input.dispatchKeyEvent', type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code)

    def value(self, expression):
        result = self.call('Runtime.evaluate', expression=expression, returnByValue=True,
                           awaitPromise=True)
        if 'exceptionDetails' in result:
            raise RuntimeError('%s: %s' % (expression, result['exceptionDetails']['text']))
        return result['result'].get('value')

    def text(self, selector):
        return self.value('document.querySelector(%s)?.textContent ?? ""' % json.dumps(selector))

    def wait(self, expression, what=None):
        """Awaits that an expression is true, and returns its value."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            value = self.value(expression)
            if value:
                return value
            self.read(time.monotonic() + 0.05)
        raise AssertionError('not within %d s: %s' % (PATIENCE_S, what or expression))

    def names(self):
        """Role and name of everything that a screen reader is told of."""
        nodes = self.call('Accessibility.getFullAXTree')['nodes']
        return [(node['role']['value'], node.get('name', {}).get('value', ''))
                for node in nodes if not node.get('ignored') and 'role' in node]

    def picture(self, path, kind='png', quality=None, whole=False):
        options = {'format': kind, 'captureBeyondViewport': whole}
        if quality:
            options['quality'] = quality
        if whole:
            size = self.call('Page.getLayoutMetrics')['cssContentSize']
            options['clip'] = dict(x=0, y=0, width=size['width'], height=size['height'], scale=1)
        data = self.call('Page.captureScreenshot', **options)['data']
        with open(path, 'wb') as file:
            file.write(base64.b64decode(data))
