#!/usr/bin/env python3
"""The page of lottery-web in a real browser: it loads, moves, and says when the server is gone.

    python3 tests/web/test_page.py    LOTTERY_BIN (bin) has the programs

Exit status: 0 when all passed, 1 when anything failed, 77 where there is no Chromium.
"""
import os
import signal
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser, find  # noqa: E402
from stand import Stand  # noqa: E402

LEFT_OUT = 77
HAS_FIGURES = "document.querySelector('#f-bets').textContent !== '–'"
TURNED = "document.querySelector('.hand.head').getAttribute('transform')"
VERDICT = "document.querySelector('#verdict').textContent"


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def saying(words):
    return '%s.includes(%r)' % (VERDICT, words)


def it_loads_and_asks_nobody_else(stand, browser):
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    browser.wait(saying('The server is running'))
    asked = browser.value("performance.getEntriesByType('resource').map((e) => e.name)")
    strange = [name for name in asked if not name.startswith((stand.url, 'data:'))]
    check(not strange, 'it has asked %s' % strange)


def it_moves(stand, browser):
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    bets = browser.text('#f-bets')
    turned = browser.value(TURNED)
    browser.wait("document.querySelector('#f-bets').textContent !== %r" % bets, 'bets grow')
    browser.wait('%s !== %r' % (TURNED, turned), 'the ring turns')
    browser.wait("document.querySelectorAll('#strip .bar').length > 3", 'syncs are drawn')
    browser.wait("document.querySelector('#throughput .curve').getAttribute('d').includes('L')")
    browser.wait("document.querySelectorAll('.dot').length === %d"
                 % len(stand.state()['handlers']), 'each handler has a dot')
    check(browser.value("document.querySelectorAll('#agency-rows tr').length") == stand.expected,
          'each agency has a row')


def it_tells_of_a_dead_storer_and_the_next_one(stand, browser):
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    os.kill(stand.state()['storer']['pid'], signal.SIGKILL)
    events = "document.querySelector('#events').textContent"
    browser.wait(events + ".includes('the storer died')")
    browser.wait(events + ".includes('another storer goes on')")
    browser.wait("document.querySelector('#f-deaths').textContent !== '0'")
    look = "document.querySelector('#look').textContent"
    browser.wait(look + ".includes('LT-3009warningstorers that died: ')")
    browser.open(stand.url + '?lang=es')
    browser.wait(look + ".includes('LT-3009avisostorers que murieron: 1 en ')")
    browser.wait(look + ".includes(' → buscar el motivo en el log')")


def it_survives_a_restart_and_says_when_the_server_is_gone(stand, browser):
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    check(stand.stop(stand.server) == 0, 'the server stops well')
    browser.wait(saying('The server is gone'))
    browser.wait("document.body.classList.contains('gone')")
    check('since' in browser.text('#verdict'), 'it says since when')
    check(browser.text('#f-bets') != '–', 'the last figures stay')
    browser.wait("document.title.includes('The server is gone')")
    stand.start_server()
    browser.wait(saying('The server is running'))
    browser.wait("!document.body.classList.contains('gone')")
    browser.wait("document.querySelector('#which').textContent.includes('pid %d')"
                 % stand.server.pid)


def it_says_why_in_spanish_too(stand, browser):
    browser.open(stand.url + '?lang=es')
    browser.wait(HAS_FIGURES)
    check(stand.stop(stand.server) == 0, 'the server stops well')
    browser.wait(saying('Nadie tiene tomado el lock'))
    check('nobody holds' not in browser.text('#verdict'), 'the program\'s English is there')
    told = browser.value("['absent', 'starting', 'standby', 'other_version'].map((answer) => t('w_' + answer, 'ENGLISH'))")
    check(not any('ENGLISH' in why or why.startswith('w_') for why in told), 'not told in Spanish: %s' % told)
    stand.start_server()
    browser.wait(saying('El servidor está en marcha'))


def it_says_when_lottery_web_is_gone_and_finds_it_again(stand, browser):
    web = stand.programs[stand.web]
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    port = int(stand.url.rstrip('/').rsplit(':', 1)[1])
    check(stand.stop(web) == 0, 'lottery-web stops well')
    browser.wait(saying('lottery-web does not answer'))
    stand.web = len(stand.programs)
    stand.start_web(port)
    browser.wait(saying('The server is running'))


def it_speaks_two_languages_and_has_two_themes(stand, browser):
    browser.open(stand.url + '?lang=es&theme=dark')
    browser.wait(saying('El servidor está en marcha'))
    check(browser.value('document.documentElement.lang') == 'es', 'its language is said')
    check(browser.text('#h-ring') == 'El anillo', 'headings are Spanish')
    browser.open(stand.url + '?lang=en&theme=dark')
    browser.wait(HAS_FIGURES)
    ground = 'getComputedStyle(document.body).backgroundColor'
    dark = browser.value(ground)
    browser.value("document.querySelector('#theme').click()")
    browser.value("document.querySelector('#theme').click()")
    check(browser.value(ground) != dark, 'the light theme is another one')
    missing = browser.value('Object.keys(words.en).filter((key) => !(key in words.es))'
                            '.concat(Object.keys(words.es).filter((key) => !(key in words.en)))')
    check(missing == [], 'said in one language only: %s' % missing)


def a_keyboard_and_a_screen_reader_reach_everything(stand, browser):
    browser.open(stand.url + '?lang=en')
    browser.wait(HAS_FIGURES)
    names = browser.names()
    for role, name in (('heading', 'The ring'), ('heading', 'Handlers'), ('log', 'What has happened'),
                       ('button', 'Pause'), ('main', ''), ('region', 'The gate')):
        check((role, name) in names, '%s "%s" is not told of' % (role, name))
    check(any(role == 'image' and name.startswith('The ring') and 'of the ring is in use' in name
              for role, name in names), 'the ring says what it shows')
    check(not [name for role, name in names if role in ('button', 'link') and not name],
          'every control has a name')
    reached = set()
    for _ in range(20):
        browser.press('Tab', 9)
        reached.add(browser.value('document.activeElement.id || document.activeElement.tagName'))
    for wanted in ('pause', 'theme', 'language', 'SUMMARY', 'throughput', 'latency', 'events'):
        check(wanted in reached, 'Tab does not reach %s: %s' % (wanted, sorted(reached)))
    browser.value("document.querySelector('#throughput').focus()")
    browser.press('ArrowLeft', 37)
    browser.wait("document.querySelector('#throughput .cursor') !== null")
    browser.value("document.querySelector('#pause').focus()")
    browser.press(' ', 32)
    browser.value("document.querySelector('#pause').click()")
    check(browser.value("document.querySelector('#pause').getAttribute('aria-pressed')")
          in ('true', 'false'), 'the button tells its state')


def it_stands_still_where_motion_is_not_wanted(stand, browser):
    browser.prefer(prefers_reduced_motion='reduce')
    try:
        browser.open(stand.url + '?lang=en')
        browser.wait(HAS_FIGURES)
        check(browser.value("getComputedStyle(document.querySelector('.pulse')).animationName")
              == 'none', 'nothing is animated')
        check(browser.value('still()'), 'the ring does not turn smoothly')
        bets = browser.text('#f-bets')
        browser.wait("document.querySelector('#f-bets').textContent !== %r" % bets)
    finally:
        browser.prefer(prefers_reduced_motion='no-preference')


def it_fits_a_phone(stand, browser):
    browser.resize(360, 740, 2, phone=True)
    try:
        browser.open(stand.url + '?lang=es')
        browser.wait(HAS_FIGURES)
        wide = browser.value('document.documentElement.scrollWidth')
        check(wide <= 360, 'it is %s wide' % wide)
    finally:
        browser.resize(1280, 800)


TESTS = (it_loads_and_asks_nobody_else, it_moves, it_tells_of_a_dead_storer_and_the_next_one,
         it_survives_a_restart_and_says_when_the_server_is_gone,
         it_says_why_in_spanish_too, it_says_when_lottery_web_is_gone_and_finds_it_again,
         it_speaks_two_languages_and_has_two_themes,
         a_keyboard_and_a_screen_reader_reach_everything,
         it_stands_still_where_motion_is_not_wanted, it_fits_a_phone)


def main():
    if find() is None:
        print('left out: there is no Chromium')
        return LEFT_OUT
    failed = 0
    with Stand(limits_bets_per_second=1500) as stand, Browser() as browser:
        browser.resize(1280, 800)
        stand.start_server()
        stand.web = len(stand.programs)
        stand.start_web()
        for number in range(1, 13):
            stand.start_agency(number)
        for test in TESTS:
            browser.complaints.clear()
            try:
                test(stand, browser)
                check(not browser.complaints, 'the browser complains: %s' % browser.complaints)
                print('ok      %s' % test.__name__)
            except (AssertionError, RuntimeError, OSError):
                failed += 1
                print('FAILED  %s' % test.__name__)
                traceback.print_exc()
    print('%d passed, %d failed' % (len(TESTS) - failed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
