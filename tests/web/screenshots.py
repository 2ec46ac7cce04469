#!/usr/bin/env python3
"""Pictures of the page for the README, by the page itself: `make screenshots`.

    python3 tests/web/screenshots.py DIRECTORY

A server takes bets of twelve agencies; a storer and a handler are killed on the way. Each picture
is what a browser shows then. Exit status 77 where there is no Chromium.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, find  # noqa: E402
from stand import Stand  # noqa: E402

LEFT_OUT = 77
FILLS_IN_S, AFTER_DEATHS_S = 14, 9  # until the charts have something to show
QUALITY, BYTES_MAX = 82, 200 * 1000


def picture(browser, directory, name, whole=False):
    path = os.path.join(directory, name + '.webp')
    browser.picture(path, kind='webp', quality=QUALITY, whole=whole)
    size = os.path.getsize(path)
    print('%s: %d bytes' % (path, size))
    assert size < BYTES_MAX, path


def main():
    directory = sys.argv[1]
    if find() is None:
        print('left out: there is no Chromium')
        return LEFT_OUT
    with Stand(bets=4000000, limits_bets_per_second=8000, ring_bytes='1M') as stand, \
            Browser() as browser:
        stand.start_server()
        stand.start_web()
        browser.resize(1360, 1000)
        browser.open(stand.url + '?lang=en&theme=dark')
        for number in range(1, 13):
            stand.start_agency(number)
        time.sleep(FILLS_IN_S)
        os.kill(stand.state()['storer']['pid'], signal.SIGKILL)
        os.kill(stand.state()['handlers'][0]['pid'], signal.SIGKILL)
        time.sleep(AFTER_DEATHS_S)
        picture(browser, directory, 'web-dark', whole=True)
        for name, size, phone, wanted in (('web-light', (1360, 760), False, 'lang=es&theme=light'),
                                          ('web-phone', (390, 844), True, 'lang=en&theme=dark')):
            browser.resize(*size, 2 if phone else 1, phone)
            browser.open(stand.url + '?' + wanted)
            browser.wait("document.querySelector('#f-bets').textContent !== '–'")
            time.sleep(2)
            picture(browser, directory, name)
        browser.resize(1360, 560)
        browser.open(stand.url + '?lang=en&theme=dark')
        browser.wait("document.querySelector('#f-bets').textContent !== '–'")
        stand.stop(stand.server)
        browser.wait("document.body.classList.contains('gone')")
        time.sleep(1)
        picture(browser, directory, 'web-gone')
    return 0


if __name__ == '__main__':
    sys.exit(main())
