#!/usr/bin/env python3
"""Checks that the documentation says what the sources say.

The pages name log actions, keys of the configuration, counters, disasters, fault points, rooms,
files and functions. Each list has one home in the sources, and this program compares the pages
with it. It prints each difference, and ends with status 1 if there is any.

    scripts/docs.py    checks the project in the current directory
"""
import collections
import glob
import os
import re
import subprocess
import sys

OPERATIONS = 'docs/operations.md'
RELIABILITY = 'docs/reliability.md'
SECURITY = 'docs/security.md'
READING = 'docs/reading.md'
ARCHITECTURE = 'docs/architecture.md'
ROOMS = ('lib', 'bet', 'shm', 'store', 'shipper', 'tls', 'pki', 'server', 'client', 'generate',
         'stat', 'web', 'admin')

# Whose actions and keys a table holds, under which heading of OPERATIONS.
ACTIONS = {"The server's actions": ('lib', 'shm', 'store', 'tls', 'server', 'shipper'),
           "The agency's actions": ('lib', 'tls', 'client'),
           "lottery-web's actions": ('web',)}
KEYS = {"The server's keys": ('server/server_keys.c', 'server/config.yaml'),
        "The agency's keys": ('client/client_config.c', 'client/config.yaml')}
COUNTERS_HEADING = 'Monitoring'
THREATS_HEADING = 'Threats'
DISASTER_HEADINGS = ('Who may die, and what shows it', 'What hands do')
# A disaster of these numbers has no test in the gallery: its row names one elsewhere.
OUTSIDE_THE_GALLERY = range(101, 201)
COLUMNS_MAX = 120

LOG_MESSAGES = 'lib/log_messages.inc'
MESSAGE = re.compile(r'^MESSAGE\((\d+), ([A-Z_]+), "([a-z_]+)"', re.MULTILINE)
NAME_OF_MESSAGE = re.compile(r'\bLOG_([A-Z_]+)\b')
LEVEL = re.compile(r'\blog_(debug|info|warning|error|critical)\(|\bLOG_LEVEL_([A-Z]+)')
# Functions that have the level in their name or their nature.
LEVEL_OF_FUNCTION = {'put_warning': 'WARNING', 'log_last_words': 'CRITICAL',
                     'question_misses': 'ERROR'}

found = []


def complain(where, text, *values):
    found.append('%s: %s' % (where, text % values if values else text))


def read(path):
    with open(path, encoding='utf-8') as text:
        return text.read()


def sources(*rooms, ending='.c'):
    return sorted(path for room in rooms
                  for path in glob.glob(room + '/**/*' + ending, recursive=True))


def pages():
    return ['README.md'] + sorted(glob.glob('docs/*.md') +
                                  glob.glob('tests/**/*.md', recursive=True))


def line_of(text, position):
    return text.count('\n', 0, position) + 1


def section(page, heading):
    """The text below a heading, up to the next heading of the same or a higher rank."""
    match = re.search(r'^(#+) %s\n(.*?)(?=^\1 |^#{1,2} |\Z)' % re.escape(heading), read(page),
                      re.MULTILINE | re.DOTALL)
    if match is None:
        complain(page, 'has no section "%s"', heading)
        return ''
    return match.group(2)


def rows(page, heading):
    """The rows of the tables of a section, as lists of cells, without the heads."""
    table = [line for line in section(page, heading).splitlines() if line.startswith('|')]
    cells = [[cell.strip() for cell in re.split(r'(?<!\\)\|', line)[1:-1]] for line in table]
    rules = [index for index, row in enumerate(cells) if row[0] and set(row[0]) <= set('-')]
    return [row for index, row in enumerate(cells) if index not in rules and index + 1 not in rules]


def quoted(cell):
    return re.findall(r'`([^`]+)`', cell)


# ------------------------------------------------------------------ the log ----

def actions_of(rooms):
    """Each action in a log call, with its levels and one place."""
    levels, places = collections.defaultdict(set), {}
    actions = {name: action for _, name, action in MESSAGE.findall(read(LOG_MESSAGES))}
    for path in sources(*rooms):
        text = read(path)
        for match in NAME_OF_MESSAGE.finditer(text):
            name = actions.get(match.group(1))
            if name is None:
                continue
            begin = max(text.rfind(end, 0, match.start()) for end in ';{}')
            call = text[begin:match.end()]
            places.setdefault(name, '%s:%d' % (path, line_of(text, match.start())))
            for small, large in LEVEL.findall(call):
                levels[name].add((small or large).upper())
            for function, level in LEVEL_OF_FUNCTION.items():
                if re.search(r'\b%s\(' % function, call):
                    levels[name].add(level)
    return levels, places


def check_actions():
    for heading, rooms in ACTIONS.items():
        levels, places = actions_of(rooms)
        documented = {}
        for row in rows(OPERATIONS, heading):
            name = (quoted(row[0]) or ['?'])[0]
            documented[name] = row
            if len(row) != 4 or not row[2] or not row[3]:
                complain(OPERATIONS, '"%s": %s needs level, meaning and what to do', heading, name)
                continue
            if name not in places:
                complain(OPERATIONS, '"%s": no log call has the action %s', heading, name)
            elif set(re.findall('[A-Z]+', row[1])) != levels[name]:
                complain(OPERATIONS, '"%s": %s has the levels %s in the sources, not %s', heading,
                         name, ', '.join(sorted(levels[name])), row[1])
        for name in sorted(set(places) - set(documented)):
            complain(places[name], 'action %s is not in "%s" of %s', name, heading, OPERATIONS)


# ------------------------------------------------------------ configuration ----

def keys_of(path):
    """Key, as its first path: its environment variables, in their order."""
    text = read(path)
    named = dict(re.findall(r'const char (\w+)\[\] = "([A-Z_]+)"', text))
    keys = {}
    for match in re.finditer(r'\.path = \{\s*"([^"]+)"[^}]*\},\s*'
                             r'\.environment = \{([^}]*)\}', text):
        names = [item.strip() for item in match.group(2).split(',') if item.strip() != 'NULL']
        keys[match.group(1)] = [item.strip('"') if item.startswith('"') else named.get(item, item)
                                for item in names]
    return keys


def keys_of_yaml(path):
    keys, room = set(), ''
    for line in read(path).splitlines():
        match = re.match(r'(?:# )?( *)(\w+):( |$)', line)
        if match is None or line.startswith('# ') and match.group(2) != 'id':
            continue
        if match.group(1):
            keys.add(room + '.' + match.group(2))
        elif re.match(r'\w+: *(#|$)', line):
            room = match.group(2)
        else:
            keys.add(match.group(2))
    return keys


def check_keys():
    for heading, (path, delivered) in KEYS.items():
        keys = keys_of(path)
        if not keys:
            complain(path, 'no table of keys is found')
        documented = {}
        for row in rows(OPERATIONS, heading):
            name = (quoted(row[0]) or ['?'])[0]
            documented[name] = row
            if name not in keys:
                complain(OPERATIONS, '"%s": there is no key %s', heading, name)
            elif len(row) != 3 or not row[2]:
                complain(OPERATIONS, '"%s": %s is not explained', heading, name)
            elif quoted(row[1]) != keys[name]:
                complain(OPERATIONS, '"%s": %s is set by %s, not by %s', heading, name,
                         ', '.join(keys[name]), ', '.join(quoted(row[1])))
        yaml, yaml_keys = read(delivered), keys_of_yaml(delivered)
        for name, environment in keys.items():
            if name not in documented:
                complain(path, 'key %s is not in "%s" of %s', name, heading, OPERATIONS)
            if name not in yaml_keys:
                complain(path, 'key %s is not in %s', name, delivered)
            for variable in environment:
                if not re.search(r'#.*\b%s\b' % variable, yaml):
                    complain(delivered, 'does not name %s, which sets %s', variable, name)
        for name in sorted(yaml_keys - set(keys)):
            complain(delivered, '%s is no key', name)
    for row in rows('README.md', 'Configuration'):
        if not any(keys_of(path).get((quoted(row[0]) or ['?'])[0], [None])[:1] == quoted(row[1])[:1]
                   for path, _ in KEYS.values()):
            complain('README.md', '"Configuration": there is no key %s that %s sets', row[0],
                     row[1])


# ----------------------------------------------------------------- counters ----

def check_counters():
    text = read('stat/counters.c')
    names = set(re.findall(r'\.name = "(\w+)"', text))
    metrics = {'lottery_' + name for name in re.findall(r'GAUGE\("(\w+)"\)', text)}
    metrics |= set(re.findall(r'# TYPE (lottery_\w+) ', read('web/observer.c')))
    metrics |= set(re.findall(r'"(lottery_standby_\w+)"', read('stat/following.c')))
    metrics |= {'lottery_' + name + '_total' for name in re.findall(r'COUNTER\("(\w+)"\)', text)}
    if not names or not metrics:
        complain('stat/counters.c', 'no counters are found')
    tables = set(re.findall(r'CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (lottery_\w+)',
                            read('postgres/postgres_sink.c')))
    for page in pages():
        for metric in re.findall(r'\blottery_[a-z_]+\b', read(page)):
            if metric not in metrics | tables:
                complain(page, '%s is no counter of stat/counters.c, and no table', metric)
    for row in rows(OPERATIONS, COUNTERS_HEADING):
        for name in quoted(row[0]):
            if name not in names | metrics:
                complain(OPERATIONS, '"%s": %s is no counter of stat/counters.c', COUNTERS_HEADING,
                         name)


# ---------------------------------------------------------------- disasters ----

def numbers_in(cell):
    numbers = set()
    for first, last in re.findall(r'\b(\d+)(?: to (\d+))?\b', re.sub('`[^`]*`', '', cell)):
        numbers |= set(range(int(first), int(last or first) + 1))
    return numbers


def check_test_name(where, name):
    """`test_x`, or `test_x: function`, of any room of tests."""
    program, _, function = name.partition(': ')
    files = [path for ending in ('.c', '.sh')
             for path in glob.glob('tests/**/' + program + ending, recursive=True)]
    if not files:
        complain(where, 'there is no test program %s', program)
    elif function and not any(re.search(r'\b%s\(' % function, read(path)) for path in files):
        complain(where, '%s has no test %s', ' or '.join(files), function)


def check_disasters():
    disasters = collections.defaultdict(set)
    for path in glob.glob('tests/faults/test_gallery_*.c'):
        for number, name in re.findall(r'\bdisaster_(\d+)_(\w+)', read(path)):
            disasters[int(number)].add((path, name))
    for number, names in sorted(disasters.items()):
        if len(names) > 1:
            complain(' and '.join(sorted({path for path, _ in names})),
                     'disaster %d is there twice: %s', number,
                     ', '.join(sorted(name for _, name in names)))
    documented = set()
    for heading in DISASTER_HEADINGS:
        for row in rows(RELIABILITY, heading):
            numbers = numbers_in(row[-1]) if heading == DISASTER_HEADINGS[0] else numbers_in(row[0])
            for name in quoted(row[-1]):
                if name.startswith('test_'):
                    check_test_name(RELIABILITY, name)
            if any(number in OUTSIDE_THE_GALLERY for number in numbers) and not quoted(row[-1]):
                complain(RELIABILITY, 'disaster %s names no test', row[0])
            for number in numbers & documented if heading == DISASTER_HEADINGS[1] else ():
                complain(RELIABILITY, 'disaster %d is there twice', number)
            documented |= numbers
    for number in sorted(set(disasters) - documented):
        complain(RELIABILITY, 'disaster %d (%s) is in no table', number,
                 sorted(disasters[number])[0][1])
    for number in sorted(documented - set(disasters)):
        if number not in OUTSIDE_THE_GALLERY:
            complain(RELIABILITY, 'there is no disaster %d in tests/faults', number)


def check_threats():
    """Each threat is held against something that shows it: tests, a target of make, disasters."""
    for row in rows(SECURITY, THREATS_HEADING):
        names = quoted(row[2]) if len(row) == 4 else []
        if not names and not re.search(r'\bdisasters? \d', row[2] if len(row) == 4 else ''):
            complain(SECURITY, '"%s" names nothing that shows it', row[0])
        for name in names:
            if name.startswith('test_'):
                check_test_name(SECURITY, name)


def check_fault_points():
    points = {}
    for path in sources(*ROOMS):
        text = read(path)
        names = re.findall(r'\bfault_point\("([a-z_.]+)"', text)
        for array in re.findall(r'fault_points\[\w*\] = \{(.*?)\};', text, re.DOTALL):
            names += re.findall(r'"([a-z_.]+)"', array)
        points.update((name, path) for name in names)
    tests = ''.join(read(path) for path in sources('tests'))
    for name, path in sorted(points.items()):
        if not re.search(r'"(?:[^"\n]* )?%s[":]' % re.escape(name), tests):
            complain(path, 'fault point %s is used by no test', name)
    armed = set(re.findall(r'\b([a-z_]+\.[a-z_]+):\d+:(?:KILL|STOP)\b', tests))
    for name in sorted(armed - set(points)):
        complain('tests', 'there is no fault point %s', name)


# ---------------------------------------------------- rooms, files, functions ----

def check_rooms():
    table = subprocess.run([sys.executable, 'scripts/rooms.py', '--table'], stdout=subprocess.PIPE,
                           check=True, universal_newlines=True).stdout
    if table not in read(ARCHITECTURE):
        complain(ARCHITECTURE, 'its table of rooms is not what `scripts/rooms.py --table` prints')
    listed = section('README.md', 'Rooms')
    for room in re.findall(r'^\| `([\w/]+/)`', table, re.MULTILINE):
        if not re.search(r'(^|\s)%s(\s|$)' % re.escape(room), listed, re.MULTILINE):
            complain('README.md', '"Rooms" does not list %s', room)


def check_reading():
    """`path: function`, the steps of the path through the program."""
    steps = re.findall(r'`([\w/]+\.[ch]): (\w+)`', read(READING))
    if not steps:
        complain(READING, 'names no step')
    for path, function in steps:
        if not os.path.exists(path):
            complain(READING, 'there is no file %s', path)
        elif not re.search(r'^(?:[\w*][\w* ]*[ *]%s\(|(?:struct|enum) %s \{|#define %s\b)'
                           % (function, function, function), read(path), re.MULTILINE):
            complain(READING, '%s has no %s', path, function)


PATH = re.compile(r'^(?:%s|tests|docs|scripts)/[\w./*-]*$' % '|'.join(ROOMS))


def anchors_of(page):
    for heading in re.findall(r'^#+ (.*)$', read(page), re.MULTILINE):
        yield re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def check_pages():
    for page in pages():
        text = read(page)
        prose = re.sub(r'^```.*?^```', lambda block: '\n' * block.group(0).count('\n'), text,
                       flags=re.MULTILINE | re.DOTALL)
        for name in re.findall(r'`([^`\n]+)`', prose):
            path = name.partition(': ')[0] if page != READING else name
            if PATH.match(path) and not glob.glob(path):
                complain(page, 'there is no %s', path)
        for target in re.findall(r'\]\(([^)#\s]*(?:#[^)\s]*)?)\)', prose):
            path, _, anchor = target.partition('#')
            if re.match(r'\w+:', path):
                continue
            linked = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(linked):
                complain(page, 'the link to %s is dead', target)
            elif anchor and anchor not in anchors_of(linked):
                complain(page, 'the link to %s is dead: no such heading', target)
        for number, line in enumerate(prose.splitlines(), 1):
            if len(line) > COLUMNS_MAX and not line.startswith('|'):
                complain('%s:%d' % (page, number), 'is longer than %d columns', COLUMNS_MAX)


def main():
    for check in (check_actions, check_keys, check_counters, check_disasters, check_threats,
                  check_fault_points, check_rooms, check_reading, check_pages):
        check()
    print('\n'.join(found), file=sys.stderr, end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
