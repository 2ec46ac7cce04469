#!/usr/bin/env python3
"""Checks that the documentation says what the sources say.

The pages name log messages, keys of the configuration, counters, disasters, fault points, rooms,
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
RUNBOOK = 'docs/runbook.md'
READING = 'docs/reading.md'
ARCHITECTURE = 'docs/architecture.md'
ROOMS = ('lib', 'bet', 'shm', 'store', 'shipper', 'tls', 'pki', 'server', 'client', 'generate',
         'stat', 'web', 'admin')

# Whose keys a table holds, under which heading of OPERATIONS.
KEYS = {"The server's keys": ('server/server_keys.c', 'server/config.yaml'),
        "The agency's keys": ('client/client_config.c', 'client/config.yaml')}
LOGGING_ROOMS = ('lib', 'bet', 'shm', 'store', 'engine', 'seal', 'tls', 'server', 'shipper', 'client',
                 'web')
THREATS_HEADING = 'Threats'
DISASTER_HEADINGS = ('Who may die, and what shows it', 'What hands do')
# A disaster of these numbers has no test in the gallery: its row names one elsewhere.
OUTSIDE_THE_GALLERY = range(101, 201)
COLUMNS_MAX = 120

LOG_MESSAGES = 'lib/log_messages.inc'
MESSAGE = re.compile(r'^MESSAGE\((\d+), ([A-Z_]+), "([a-z_]+)",\s*(?:NULL|"([^"]*)")\)', re.MULTILINE)
RETIRED = re.compile(r'^RETIRED\((\d+)\)', re.MULTILINE)
HINT_BYTES_MAX = 120
CALL = re.compile(r'\b(?:log_(?:debug|info|warning|error|critical|write|write_in_signal|last_words)|'
                  r'put_warning|peer_log_limited|question_misses)\(')
# Functions that have the level in their name or their nature.
LEVEL_OF_FUNCTION = {'put_warning': 'WARNING', 'log_last_words': 'CRITICAL',
                     'question_misses': 'ERROR'}
# What lib/log_fields.c reads; `%-s` is a text of the program itself.
CONVERSION = re.compile(r'%(?:-?s|\.\*s|\.\d+s|c|%|0?\d*(?:hh|h|ll|l|z|j)?[diuxX])')

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
    return ['README.md', 'LEEME.md'] + sorted(glob.glob('docs/**/*.md', recursive=True) +
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

def end_of_call(text, begin):
    """Where the parenthesis ends that begins there."""
    depth, at = 0, begin
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[()]', text[begin:]):
        depth += {'(': 1, ')': -1}.get(match.group(0), 0)
        at = begin + match.end()
        if depth == 0:
            break
    return at


def log_calls(*rooms):
    """Each call that logs: its place, function and arguments."""
    for path in sources(*rooms):
        text = read(path)
        for match in CALL.finditer(text):
            declares = re.search(r'\b(?:void|bool|job_step) $', text[:match.start()])
            if not declares:
                arguments = text[match.end():end_of_call(text, match.end() - 1) - 1]
                yield '%s:%d' % (path, line_of(text, match.start())), match.group(0), arguments


def levels_of(function, arguments):
    """The levels of a call, in the function's name or among its arguments."""
    named = re.findall(r'\bLOG_LEVEL_([A-Z]+)', arguments)
    in_name = re.match(r'log_(debug|info|warning|error|critical)\(', function)
    return set(named or ([in_name.group(1).upper()] if in_name else
                         [LEVEL_OF_FUNCTION.get(function[:-1], '?')]))


def check_format(place, arguments):
    """The action is the table's, every field has a name, and log_fields.c knows what is in it."""
    literals = re.search(r'(?:\bLOG_(?!LEVEL)[A-Z_]+|\bmissed),\s*((?:"(?:[^"\\]|\\.)*"|\s|\b[A-Z]\w+\b)+)',
                         arguments)
    if literals is None or '"' not in literals.group(1):
        return
    text = literals.group(1)
    text = re.sub(r'\bPRI([diux])\w+', r'"\1"', text)
    text = re.sub(r'\b[A-Z]\w+\b', '"x"', text)
    form = ''.join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))
    if 'action: ' in form:
        complain(place, 'the action stands in %s, and nowhere else', LOG_MESSAGES)
    rest = CONVERSION.sub('', form)
    if '%' in rest:
        complain(place, 'lib/log_fields.c does not know what is in "%s"', form)
    for field in form.split(' | '):
        if field and not re.match(r'(?:[a-z][a-z0-9_.]*|%s): ', field):
            complain(place, 'the field "%s" has no name', field)


def check_calls(messages):
    """The levels and one place of each message that a call names."""
    levels, places = collections.defaultdict(set), {}
    for place, function, arguments in log_calls(*LOGGING_ROOMS):
        named = [name for name in re.findall(r'\bLOG_([A-Z_]+)\b', arguments)
                 if not name.startswith('LEVEL_') and name in messages]
        chosen = levels_of(function, arguments)
        ordered = re.findall(r'\bLOG_LEVEL_([A-Z]+)', arguments)
        for index, name in enumerate(named):
            # `well ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, well ? LOG_ENDED : LOG_DIED`
            both = len(named) == len(ordered) == 2
            levels[name] |= {ordered[index]} if both else chosen
            places.setdefault(name, place)
        check_format(place, arguments)
    return levels, places


def check_numbers(text):
    """Each number is given once, and none that is retired is given again."""
    seen = set()
    numbers = [match[0] for match in MESSAGE.findall(text)]
    for number in numbers + RETIRED.findall(text):
        if number in seen:
            complain(LOG_MESSAGES, 'the number %s is given twice, or after it was retired', number)
        seen.add(number)
    if len(re.findall(r'^(?:MESSAGE|RETIRED)\(', text, re.MULTILINE)) != \
            len(numbers) + len(RETIRED.findall(text)):
        complain(LOG_MESSAGES, 'has a line that is none of MESSAGE(number, NAME, "action", hint)')


def check_section(title, body, message, levels):
    """One section of the runbook says what the table and the calls say."""
    number, name, action, hint = message
    wanted = 'LT-%04d: %s' % (int(number), name.lower().replace('_', ' '))
    body = ' '.join(body.split())
    if title != wanted:
        complain(RUNBOOK, 'the section "%s" should be "%s"', title, wanted)
    if not body.startswith('`%s`, %s. ' % (action, ', '.join(sorted(levels)))):
        complain(RUNBOOK, '%s: begins with another action than `%s`, or other levels than %s', title,
                 action, ', '.join(sorted(levels)))
    if not re.search(r'Wakes: \*\*(?:nobody|in the morning|now)\*\*\.', body):
        complain(RUNBOOK, '%s: does not say whom it wakes', title)
    first = re.search(r'\*\*First:\*\* (.*?)\.(?= - \*\*| ?$)', body)
    if (first.group(1).replace('`', '') if first else '') != hint.replace('`', ''):
        complain(RUNBOOK, '%s: its first step is not the hint "%s"', title, hint)
    if hint and '**Over when:**' not in body:
        complain(RUNBOOK, '%s: does not say when it is over', title)
    if len(hint.encode()) > HINT_BYTES_MAX:
        complain(LOG_MESSAGES, 'the hint of %s is longer than %d bytes', name, HINT_BYTES_MAX)


def check_verdict(title, body, message, users):
    """The same of a verdict of lottery-stat, which no call of the log names, or of an alarm alone."""
    if 'LOG_' + message[1] not in users and 'LT-%04d' % int(message[0]) not in users:
        complain(LOG_MESSAGES, 'neither stat/ nor monitoring/ names %s: retire it', message[1])
    for item in ('Means', 'Wakes', 'Type', 'Over'):
        if '- **%s**: ' % item not in body:
            complain(RUNBOOK, '%s: has no "%s"', title, item)


def check_translations(messages):
    """The page has a title and a first step in Spanish for each verdict that it may show."""
    shown, page = ''.join(read(path) for path in sources('stat')), read('web/page.html')
    for number, name, action, _ in messages:
        if action == 'verdict' and 'LOG_' + name in shown and page.count("'LT-%s': '" % number) != 2:
            complain('web/page.html', 'LT-%s has no title or no hint in Spanish', number)


def check_messages():
    """The table of messages, the calls that name them, and the runbook."""
    text = read(LOG_MESSAGES)
    check_numbers(text)
    messages = {message[1]: message for message in MESSAGE.findall(text)}
    levels, places = check_calls(messages)
    check_translations(messages.values())
    sections = {}
    for title, body in re.findall(r'^## (LT-\d+[^\n]*)\n(.*?)(?=^##? |\Z)', read(RUNBOOK),
                                  re.MULTILINE | re.DOTALL):
        number = title[3:7]
        if number in sections:
            complain(RUNBOOK, 'LT-%s has two sections', number)
        sections[number] = (title, body)
    users = ''.join(read(path) for path in sources('stat') + glob.glob('monitoring/*.yml'))
    for name, message in messages.items():
        number = '%04d' % int(message[0])
        if message[2] == 'verdict' and number in sections:
            check_verdict(*sections.pop(number), message, users)
            continue
        if name not in places:
            complain(LOG_MESSAGES, 'no call names LOG_%s: retire it', name)
        if number not in sections:
            complain(places.get(name, LOG_MESSAGES), 'LT-%s has no section in %s', number, RUNBOOK)
        else:
            check_section(*sections.pop(number), message, levels[name])
    for number in sections:
        complain(RUNBOOK, 'there is no message LT-%s', number)


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
    for page, heading in (('README.md', 'Configuration'), ('LEEME.md', 'Configuración')):
        for row in rows(page, heading):
            if not any(keys_of(path).get((quoted(row[0]) or ['?'])[0], [None])[:1]
                       == quoted(row[1])[:1] for path, _ in KEYS.values()):
                complain(page, '"%s": there is no key %s that %s sets', heading, row[0], row[1])


SECTION_FILES = ('crl', 'crt', 'csv', 'json', 'log', 'pem', 'sig', 'toml', 'yaml', 'yml')


def check_key_names():
    """`section.key`, in an operator's page or in a hint, is a key; a file may be called so, too."""
    keys = set().union(*(re.findall(r'"((?:\w+\.)?\w+)"', names) for path, _ in KEYS.values()
                         for names in re.findall(r'\.path = \{([^}]*)\}', read(path))))
    files = {os.path.basename(path) for path in glob.glob('**/*', recursive=True)}
    texts = [(page, re.findall(r'`(\w+\.\w+)(?:`|:)', read(page))) for page in
             (OPERATIONS, RUNBOOK, 'README.md', 'LEEME.md')]
    texts.append((LOG_MESSAGES, [name for message in MESSAGE.findall(read(LOG_MESSAGES))
                                 for name in re.findall(r'\b[a-z]+\.\w+\b', message[3])]))
    sections = {key.partition('.')[0] for key in keys if '.' in key}
    for where, names in texts:
        for name in names:
            section_of, _, rest = name.partition('.')
            if section_of in sections and name not in keys | files and rest not in SECTION_FILES:
                complain(where, 'there is no key %s', name)


def check_commands():
    """`lottery-admin WORD`, in a page or in a hint of the log, is one of its commands."""
    names = re.findall(r'\{\.name = "([a-z -]+)",\s*(?:\.operand|\.meaning)', read('admin/main.c'))
    words = {name.partition(' ')[0] for name in names}
    if 'status' not in words:
        complain('admin/main.c', 'no table of commands is found')
    hints = ' '.join('`%s`' % message[3] for message in MESSAGE.findall(read(LOG_MESSAGES)))
    for where, text in [(page, read(page)) for page in pages()] + [(LOG_MESSAGES, hints)]:
        for name in re.findall(r'\blottery-admin(?: -c \S+)?\s+([a-z][a-z-]*)\b(?=[^`\n]*`)', text):
            if name not in words:
                complain(where, 'lottery-admin has no command %s', name)


# ----------------------------------------------------------------- counters ----

def check_counters():
    text = read('stat/counters.c')
    metrics = {'lottery_' + name for name in re.findall(r'GAUGE\("(\w+)"\)', text)}
    metrics |= set(re.findall(r'"(lottery_\w+)", ', read('stat/prometheus.c')))
    metrics |= set(re.findall(r'"(lottery_standby_\w+)"', read('stat/following.c')))
    metrics |= {'lottery_' + name + '_total' for name in re.findall(r'COUNTER\("(\w+)"\)', text)}
    if not metrics:
        complain('stat/counters.c', 'no counters are found')
    tables = set(re.findall(r'CREATE (?:TABLE IF NOT EXISTS|OR REPLACE VIEW) (lottery_\w+)',
                            read('postgres/postgres_sink.c')))
    for page in pages():
        for metric in re.findall(r'\blottery_[a-z_]+\b', read(page)):
            if metric not in metrics | tables:
                complain(page, '%s is no counter of stat/counters.c, and no table', metric)


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
        names = []
        for argument in re.findall(r'\bfault_point\(([^;]*)\);', text):
            names += re.findall(r'"([a-z_.]+)"', argument)
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


def check_alarms():
    """An alarm's runbook, and the section that it links to."""
    for path in glob.glob('monitoring/*.yml'):
        text = read(path)
        for number, target, anchor in re.findall(
                r'^ *runbook: (LT-\d+)\n *runbook_url: (\S+)#(\S+)$', text, re.MULTILINE):
            if not os.path.exists(target) or anchor not in anchors_of(target):
                complain(path, 'the link to %s#%s is dead', target, anchor)
            elif not anchor.startswith(number.lower() + '-'):
                complain(path, '%s links to %s, which is another section', number, anchor)
        if len(re.findall(r'runbook: LT-\d+\n *runbook_url: \S+#\S+\n', text)) != text.count('runbook_url'):
            complain(path, 'a runbook_url has no runbook above it, or no section')


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
    for check in (check_messages, check_keys, check_key_names, check_commands, check_counters, check_disasters, check_threats,
                  check_fault_points, check_rooms, check_reading, check_alarms, check_pages):
        check()
    print('\n'.join(found), file=sys.stderr, end='\n' if found else '')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
