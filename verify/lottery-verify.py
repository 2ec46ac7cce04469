#!/usr/bin/env python3
"""lottery-verify.py - the second opinion: the checks of lottery-verify, written independently.

    lottery-verify.py [--draw NAME | --all] [--key PUB] [--json] [-q] DIRECTORY
    lottery-verify.py --log EXPORT... [--draw NAME] [--key PUB] [--json] [-q] DIRECTORY...
    lottery-verify.py --prove AGENCY:ROW [--draw NAME] DIRECTORY
    lottery-verify.py --proof FILE --seal FILE [--key PUB]

It shares no code with lottery-verify, so a bug of one of them does not hide from the other. It needs
Python 3.7 and its standard library; signatures are checked by the `openssl` command, without
which --key is refused. Names, verdicts and exit statuses are those of lottery-verify;
docs/draws.md explains them. Nothing is written but temporary files for openssl.

It reads bets.csv in pieces, and an export message by message. Its memory grows with the number of
winners, and with --prove with the number of bets.
"""
import argparse
import base64
import calendar
import datetime
import functools
import hashlib
import io
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

VERSION = '1.0'
OK, FAIL, SKIPPED = 'ok', 'FAIL', 'skipped'
CHECKS = ('control', 'state', 'files', 'rows', 'agencies', 'bets', 'done', 'checkpoint', 'seal',
          'seal-hash', 'seal-terms', 'seal-bets', 'seal-agencies', 'seal-tree', 'seal-done',
          'seal-signature', 'draw', 'draw-hash', 'draw-terms', 'draw-signature', 'number', 'times',
          'winners', 'draw-winners')
EXIT_FAIL, EXIT_USAGE, EXIT_UNREADABLE = 1, 2, 3
EXIT_NOT_SEALED, EXIT_NOT_DRAWN, EXIT_ABANDONED = 4, 5, 6
STAGES = {0: 'drawn, all is well', EXIT_NOT_SEALED: 'not sealed, so far all is well',
          EXIT_NOT_DRAWN: 'sealed and not drawn, so far all is well',
          EXIT_ABANDONED: 'abandoned, what there is is well'}
MODULUS = 2**64 - 59
UINT32_MAX, UINT64_MAX, JSON_INTEGER_MAX = 2**32 - 1, 2**64 - 1, 2**53 - 1
CENTRES_UNSAID, CENTRES_MAX = '?', 32  # control of before said none
AGENCIES_MAX = 32767
TEXT_BYTES_MAX = 8 * 1024 * 1024
PIECE_BYTES = 4 * 1024 * 1024
CONTROL_MISSING = 'control is not whole'


class Unreadable(Exception):
    """A directory or file that is there can't be read."""


class Refused(Exception):
    """A text is not what it should be; says why."""


# ------------------------------------------------------------------ numbers ----

def checksum(data, before=0):
    """lib/checksum.h: the bytes as one number, modulo the largest prime below 2^64."""
    return (before * pow(256, len(data), MODULUS) + int.from_bytes(data, 'big')) % MODULUS


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Tree:
    """RFC 6962, section 2.1: complete subtrees from left to right, each larger than the next."""

    def __init__(self):
        self.count, self.nodes = 0, []

    def add(self, row):
        node, number = hashlib.sha256(b'\0' + row).digest(), self.count
        nodes = self.nodes
        while number & 1:
            node = hashlib.sha256(b'\1' + nodes.pop() + node).digest()
            number >>= 1
        nodes.append(node)
        self.count += 1

    def root(self):
        if not self.nodes:
            return sha256(b'')
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = hashlib.sha256(b'\1' + left + node).digest()
        return node.hex()


def path_to(leaf, hashes):
    """RFC 6962, section 2.1.1, level by level; a last node without a neighbour goes up as it is."""
    path = []
    while len(hashes) > 1:
        if leaf ^ 1 < len(hashes):
            path.append(hashes[leaf ^ 1])
        above = [hashlib.sha256(b'\1' + hashes[i] + hashes[i + 1]).digest()
                 for i in range(0, len(hashes) - 1, 2)]
        if len(hashes) % 2:
            above.append(hashes[-1])
        leaf, hashes = leaf // 2, above
    return path


def root_by_path(leaf, count, node, path):
    """RFC 9162, section 2.1.3.2. None when the path has not the right length."""
    if leaf >= count:
        return None
    last, path = count - 1, list(path)
    while last:
        if leaf & 1 or leaf < last:
            if not path:
                return None
            sibling = path.pop(0)
            node = hashlib.sha256(b'\1' + (sibling + node if leaf & 1 else node + sibling)).digest()
        leaf, last = leaf >> 1, last >> 1
    return None if path else node.hex()


# -------------------------------------------------------------------- texts ----

MOMENT = re.compile(r'(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z', re.ASCII)


def parse_moment(text):
    """Milliseconds since 1970; 0 for "-"."""
    if text == '-':
        return 0
    match = MOMENT.fullmatch(text)
    try:
        parts = [int(part) for part in match.groups()]
        moment = calendar.timegm(datetime.datetime(*parts[:6]).timetuple()) * 1000 + parts[6]
    except (AttributeError, ValueError):
        raise Refused('no moment: %s' % text) from None
    if moment <= 0:
        raise Refused('no moment: %s' % text)
    return moment


def is_clean(text):
    return not any(ord(c) < 0x20 or 0x7f <= ord(c) < 0xa0 for c in text)


def is_draw_name(text):
    return re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]{0,31}', text) is not None


class AgencySet:
    """ "1-3,7", or "any". """

    def __init__(self, text):
        self.any, self.ranges = text.lower() == 'any', []
        for part in [] if self.any else text.split(','):
            match = re.fullmatch(r' *([0-9]+)(?:-([0-9]+))? *', part)
            if match is None:
                raise Refused('"%s" is not like 1-5, or 1-3,7, or any' % text)
            first, last = int(match.group(1)), int(match.group(2) or match.group(1))
            if first > last or last > UINT32_MAX or len(self.ranges) == 64 or any(
                    first <= other_last and other <= last for other, other_last in self.ranges):
                raise Refused('"%s" is not like 1-5, or 1-3,7, or any' % text)
            self.ranges.append((first, last))

    def __len__(self):
        return sum(last - first + 1 for first, last in self.ranges)

    def __contains__(self, agency):
        return self.any or any(first <= agency <= last for first, last in self.ranges)


# ------------------------------------------------------------------ control ----

def text_of(room):
    def parse(value):
        if value == '' or len(value.encode()) >= room:
            raise Refused('its text is too long, or empty')
        return '' if value == '-' else value
    return parse


def decimal_to(maximum):
    def parse(value):
        if re.fullmatch('0|[1-9][0-9]*', value) is None or len(value) > 20 or int(value) > maximum:
            raise Refused('no number: %s' % value)
        return int(value)
    return parse


def hexadecimal(digits):
    def parse(value):
        if re.fullmatch('[0-9a-f]{%d}' % digits, value) is None:
            raise Refused('no hexadecimal number: %s' % value)
        return int(value, 16)
    return parse


def one_of(*words):
    def parse(value):
        if value not in words:
            raise Refused('no word of ours: %s' % value)
        return value
    return parse


def number_or_none(value):
    return None if value == '-' else decimal_to(UINT32_MAX)(value)


def digest_or_none(value):
    if value != '-':
        hexadecimal(64)(value)
    return '' if value == '-' else value


def is_list_of_centres(value):
    names = value.split(',')
    return (len(value) < 256 and len(names) <= CENTRES_MAX and
            names == sorted(set(names)) and
            all(name != '-' and re.fullmatch('[0-9A-Za-z-]{1,32}', name) for name in names))


def centres_or_unsaid(value):
    if value not in ('-', CENTRES_UNSAID) and not is_list_of_centres(value):
        raise Refused('control has no list of centres, but %s' % value)
    return '' if value == '-' else value


NUMBER_BY = one_of('configuration', 'opening', 'command')
CONTROL_LINES = (  # name, how it is read, the version that has brought it
    ('identity', text_of(33), 2), ('draw', text_of(33), 3), ('ipc_key', hexadecimal(8), 2),
    ('ring_bytes', decimal_to(1024**3), 2), ('agencies_expected', decimal_to(UINT32_MAX), 2),
    ('agencies_allowed', text_of(256), 2), ('centres_expected', centres_or_unsaid, 4), ('terms_by', one_of('configuration', 'command'), 3),
    ('number_by', NUMBER_BY, 3), ('winning_number', number_or_none, 2),
    ('opened_at', parse_moment, 3), ('closes_at', parse_moment, 3),
    ('state', one_of('new', 'open', 'closed', 'sealed', 'drawn', 'abandoned'), 2),
    ('archiving', text_of(33), 3), ('bets_bytes', decimal_to(UINT64_MAX), 2),
    ('done_bytes', decimal_to(UINT64_MAX), 2), ('closed_at', parse_moment, 3),
    ('closed_by', one_of('-', 'agencies', 'command', 'time'), 3),
    ('closed_without', text_of(256), 3), ('closed_reason', text_of(128), 3),
    ('sealed_at', parse_moment, 3), ('seal_sha256', digest_or_none, 3),
    ('drawn_at', parse_moment, 3), ('draw_sha256', digest_or_none, 3),
    ('abandoned_at', parse_moment, 3), ('abandoned_reason', text_of(128), 3),
    ('drawn_bets', decimal_to(UINT64_MAX), 2), ('drawn_bytes', decimal_to(UINT64_MAX), 2),
    ('drawn_checksum', hexadecimal(16), 2), ('winners', decimal_to(UINT64_MAX), 2),
    ('winners_bytes', decimal_to(UINT64_MAX), 2), ('winners_checksum', hexadecimal(16), 2))


def parse_control(data):
    damaged = 'control is damaged (its checksum does not agree with its text)'
    match = re.fullmatch(rb'(lottery data ([0-9]+)\n.*\n)checksum ([0-9a-f]{16})\n', data, re.DOTALL)
    if match is None or b'\0' in data or int(match.group(3), 16) != checksum(match.group(1)):
        raise Refused(damaged)
    version = match.group(2).decode()
    if version not in ('2', '3', '4'):
        raise Refused('control has version %s, which is not known here' % version)
    lines = [line for line in CONTROL_LINES if line[2] <= int(version)]
    try:
        texts = match.group(1).decode().split('\n')[1:-1]
    except UnicodeDecodeError:
        raise Refused(damaged) from None
    if len(texts) != len(lines):
        raise Refused(damaged)
    control = {'draw': '1', 'number_by': 'configuration', 'opened_at': 0, 'closes_at': 0,
               'centres_expected': CENTRES_UNSAID, 'archiving': '', 'closed_at': 0, 'closed_by': '-', 'closed_without': '',
               'closed_reason': '', 'sealed_at': 0, 'seal_sha256': '', 'drawn_at': 0,
               'draw_sha256': '', 'abandoned_at': 0, 'abandoned_reason': ''}
    for text, (name, parse, _) in zip(texts, lines):
        found, _, value = text.partition(' ')
        if found != name:
            raise Refused(damaged)
        control[name] = parse(value)
    judge_control(control)
    return control


def judge_control(control):
    number_needed = control['number_by'] != 'command'
    if (re.fullmatch('[0-9a-f]{32}', control['identity']) is None or
            not is_draw_name(control['draw']) or control['ring_bytes'] == 0 or
            control['agencies_expected'] == 0 or
            (number_needed and control['winning_number'] is None) or
            (control['archiving'] and not is_draw_name(control['archiving'])) or
            not is_clean(control['closed_reason'] + control['abandoned_reason'])):
        raise Refused('control has values that can\'t stand there')


def inconsistency(control):
    """What the state must not lack, and must not have; None: it is consistent."""
    closed, sealed, drawn = (control[name] != 0 for name in ('closed_at', 'sealed_at', 'drawn_at'))
    state = control['state']
    if (closed != (control['closed_by'] != '-') or sealed != (control['seal_sha256'] != '') or
            drawn != (control['draw_sha256'] != '')):
        return 'a moment stands without what happened then, or the other way round'
    if (sealed and not closed) or (drawn and not sealed):
        return 'it is sealed without being closed, or drawn without being sealed'
    if (state == 'abandoned') != (control['abandoned_at'] != 0):
        return 'it is abandoned at no time, or not abandoned at one'
    if state in ('new', 'open') and closed:
        return 'it is open, and was closed'
    if state == 'closed' and (not closed or sealed):
        return 'it is not closed, or is sealed already'
    if state == 'sealed' and (not sealed or drawn):
        return 'it is not sealed, or is drawn already'
    if state == 'drawn' and (control['winning_number'] is None or
                             (closed and not drawn)):  # 1.0 neither closed nor sealed
        return 'it is drawn without number, seal or time'
    if state == 'abandoned' and drawn:
        return 'it is abandoned, and was drawn'
    return None


# --------------------------------------------------------------------- JSON ----

def no_duplicates(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError('a member is there twice')
    return members


def no_fraction(text):
    raise ValueError('%s is no integer' % text)


def load_canonical(data, name):
    try:
        value = json.loads(data.decode(), object_pairs_hook=no_duplicates, parse_float=no_fraction,
                           parse_constant=no_fraction)
        again = json.dumps(value, sort_keys=True, separators=(',', ':'), ensure_ascii=False)
        canonical = again.encode() == data
    except (ValueError, RecursionError) as error:
        raise Refused('%s is no JSON of ours: %s' % (name, error)) from None
    if not canonical:
        raise Refused('%s is not canonical JSON (RFC 8785: sorted keys, no white space, no line end)'
                      % name)
    return value


def is_integer(maximum):
    return lambda value: type(value) is int and 0 <= value <= maximum


def is_string(value):
    return isinstance(value, str) and value != '' and is_clean(value)


def is_digest(value):
    return isinstance(value, str) and re.fullmatch('[0-9a-f]{64}', value) is not None


def is_identity(value):
    return isinstance(value, str) and re.fullmatch('[0-9a-f]{32}', value) is not None


def is_moment(value):
    try:
        return isinstance(value, str) and parse_moment(value) >= 0
    except Refused:
        return False


def is_known_moment(value):
    return is_moment(value) and value != '-'


def shorter_than(room):
    return lambda value: is_string(value) and len(value.encode()) < room


def is_in(*words):
    return lambda value: isinstance(value, str) and value in words


def is_name(value):
    return isinstance(value, str) and is_draw_name(value)


def is_any(_):
    return True


COUNT, SMALL = is_integer(JSON_INTEGER_MAX), is_integer(UINT32_MAX)
NUMBER_SOURCE = is_in('configuration', 'opening', 'command')
SEAL = {'agencies': is_any, 'bets': is_any, 'closed': is_any, 'done': is_any, 'draw': is_name,
        'format': is_in('lottery seal 1'), 'identity': is_identity, 'opened_at': is_moment,
        'program': shorter_than(64), 'sealed_at': is_known_moment, 'terms': is_any}
SEAL_PARTS = {
    'bets': {'bytes': COUNT, 'merkle_root': is_digest, 'rows': COUNT, 'sha256': is_digest},
    'closed': {'at': is_known_moment, 'by': is_in('agencies', 'command', 'time'),
               'reason': shorter_than(128), 'without': shorter_than(256)},
    'done': {'bytes': COUNT, 'sha256': is_digest},
    'terms': {'agencies_allowed': shorter_than(256), 'agencies_expected': SMALL,
              'closes_at': is_moment, 'number_by': NUMBER_SOURCE,
              'winning_number': lambda value: value is None or SMALL(value)}}
NATIONAL_TERMS = dict(SEAL_PARTS['terms'],
                      centres_expected=lambda value: isinstance(value, str) and is_list_of_centres(value))
SEAL_AGENCY = {'agency': SMALL, 'closed_out': lambda value: isinstance(value, bool), 'rows': COUNT,
               'sha256': is_digest}
DRAW = {'agencies': is_any, 'draw': is_name, 'drawn_at': is_known_moment,
        'format': is_in('lottery draw 1'), 'identity': is_identity, 'number_by': NUMBER_SOURCE,
        'program': shorter_than(64), 'seal_sha256': is_digest, 'winners': is_any,
        'winning_number': SMALL}
NATIONAL_DRAW = dict(DRAW, national_sha256=is_digest)
DRAW_WINNERS = {'bytes': COUNT, 'rows': COUNT, 'sha256': is_digest}
DRAW_AGENCY = {'agency': SMALL, 'winners': COUNT}
PROOF = {'draw': is_name, 'format': is_in('lottery proof 1'), 'identity': is_identity,
         'leaf': COUNT, 'path': lambda value: isinstance(value, str),
         'row': lambda value: isinstance(value, str), 'rows': COUNT, 'seal_sha256': is_digest}


def expect_members(value, members, where):
    if not isinstance(value, dict):
        raise Refused('%s is no object' % where)
    for key, is_possible in members.items():
        if key not in value:
            raise Refused('%s has no member "%s"' % (where, key))
        if not is_possible(value[key]):
            raise Refused('%s has in "%s" what can\'t stand there' % (where, key))
    for key in value:
        if key not in members:
            raise Refused('%s has a member "%s", which is unknown' % (where, key))


def expect_agencies(value, members, where):
    if not isinstance(value, list) or len(value) > AGENCIES_MAX:
        raise Refused('%s: "agencies" is no array of up to %d' % (where, AGENCIES_MAX))
    for entry in value:
        expect_members(entry, members, where)
    numbers = [entry['agency'] for entry in value]
    if any(one >= other for one, other in zip(numbers, numbers[1:])):
        raise Refused('%s: the agencies are not in ascending order' % where)


def parse_seal(data, name):
    seal = load_canonical(data, name)
    expect_members(seal, SEAL, name)
    for key, members in SEAL_PARTS.items():
        if key == 'terms' and isinstance(seal[key], dict) and 'centres_expected' in seal[key]:
            members = NATIONAL_TERMS
        expect_members(seal[key], members, '%s: "%s"' % (name, key))
    expect_agencies(seal['agencies'], SEAL_AGENCY, name)
    terms = seal['terms']
    if (terms['number_by'] == 'command') != (terms['winning_number'] is None):
        raise Refused('%s: "winning_number" has to be null where it comes by command, and only there'
                      % name)
    if sum(entry['rows'] for entry in seal['agencies']) != seal['bets']['rows']:
        raise Refused('%s: the agencies\' rows are not those of the bets' % name)
    if terms['agencies_expected'] == 0:
        raise Refused('%s: it expects no agencies' % name)
    return seal


def parse_draw(data, name):
    draw = load_canonical(data, name)
    national = isinstance(draw, dict) and 'national_sha256' in draw
    expect_members(draw, NATIONAL_DRAW if national else DRAW, name)
    expect_members(draw['winners'], DRAW_WINNERS, '%s: "winners"' % name)
    expect_agencies(draw['agencies'], DRAW_AGENCY, name)
    if sum(entry['winners'] for entry in draw['agencies']) != draw['winners']['rows']:
        raise Refused('%s: the agencies\' winners are not the rows of winners.csv' % name)
    return draw


# --------------------------------------------------------------------- rows ----

NAME = rb'(?:[^",\x00-\x1f\x7f]+|"(?:[^",\x00-\x1f\x7f]|"")*""(?:[^",\x00-\x1f\x7f]|"")*")'
ROW = re.compile(rb'(0|[1-9][0-9]{0,9}),' + NAME + rb',' + NAME +
                 rb',[0-9]+,([0-9]{4}-[0-9]{2}-[0-9]{2}),0*([0-9]*)\r\n')
C1_CONTROL = re.compile(rb'\xc2[\x80-\x9f]')


@functools.lru_cache(maxsize=65536)
def is_date(text):
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    return year >= 1 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(
        max(year, 1), month)[1]


def read_row(row):
    """The row's agency and its number's digits, without leading zeros; None: it is no bet."""
    match = ROW.fullmatch(row)
    if match is None:
        return None
    agency, number = int(match.group(1)), match.group(3)
    if agency > UINT32_MAX or len(number) > 10 or (len(number) == 10 and
                                                   int(number) > UINT32_MAX):
        return None
    if row[-3:-2] == b',' or not is_date(match.group(2)):
        return None
    if not row.isascii():
        try:
            row.decode()
        except UnicodeDecodeError:
            return None
        if C1_CONTROL.search(row):
            return None
    return agency, number


DONE_LINE = re.compile(rb'((0|[1-9][0-9]*),(0|[1-9][0-9]*),(0|[1-9][0-9]*),([0-9a-f]{16}),)'
                       rb'([0-9a-f]{16})')


def parse_done_line(line):
    """Agency, rows, position and the rows' checksum; None: the line is damaged."""
    match = DONE_LINE.fullmatch(line)
    if match is None or len(line) >= 95 or checksum(match.group(1)) != int(match.group(6), 16):
        return None
    return (*(int(match.group(i)) for i in (2, 3, 4)), int(match.group(5), 16))


class Agency:
    def __init__(self):
        self.rows, self.bytes, self.checksum, self.sha256 = 0, 0, 0, hashlib.sha256()

    def add(self, rows):
        data = b''.join(rows)
        self.rows += len(rows)
        self.bytes += len(data)
        self.checksum = checksum(data, self.checksum)
        self.sha256.update(data)


def rows_of(file, limit):
    """Lists of rows, each with its LF; the file's last one may lack it."""
    rest = b''
    while True:
        piece = file.read(min(PIECE_BYTES, limit))
        limit -= len(piece)
        rows = (rest + piece).split(b'\n')
        rest = rows.pop()
        if rows:
            yield [row + b'\n' for row in rows]
        if not piece:
            break
    if rest:
        yield [rest]


class Bets:
    """All that is told of the first `limit` bytes of bets.csv, in one pass."""

    def __init__(self, file, limit=2**63, number=None, with_tree=True):
        self.bytes = self.rows = self.checksum = self.bad_rows = self.first_bad = 0
        self.agencies, self.winners, self.tree = {}, {}, Tree()
        self.unfinished = False
        whole = hashlib.sha256()
        wanted = None if number is None else (b'%d' % number).lstrip(b'0')
        for rows in rows_of(file, limit):
            data = b''.join(rows)
            whole.update(data)
            self.checksum = checksum(data, self.checksum)
            self.take(rows, wanted, with_tree)
        self.sha256 = whole.hexdigest()

    def take(self, rows, wanted, with_tree):
        by_agency = {}
        for row in rows:
            if with_tree:
                self.tree.add(row)
            found = read_row(row)
            if found is None:
                self.first_bad = self.first_bad if self.bad_rows else self.bytes
                self.bad_rows += 1
            else:
                agency, number = found
                by_agency.setdefault(agency, []).append(row)
                if number == wanted:
                    self.winners.setdefault(agency, []).append(row)
            self.bytes += len(row)
            self.unfinished = row[-1:] != b'\n'
        self.rows += len(rows)
        for agency, own in by_agency.items():
            self.agencies.setdefault(agency, Agency()).add(own)


# ------------------------------------------------------------------- a draw ----

class Draw:
    """The files of one draw, read, and the report of the checks."""

    def __init__(self, path, key, archived_as=None):
        self.path, self.key, self.archived_as = path, key, archived_as
        self.lines, self.stage = {}, EXIT_NOT_SEALED
        if not os.path.isdir(path):
            raise Unreadable('open the directory %s: there is none' % path)
        self.control_data = self.read('control')
        self.done = self.read('done.csv')
        self.seal_data, self.seal_signature = self.read('seal.json'), self.read('seal.sig')
        self.draw_data, self.draw_signature = self.read('draw.json'), self.read('draw.sig')
        self.checkpoint, self.winners = self.read('checkpoint'), self.read('winners.csv', None)
        self.control, self.control_fault = self.parse(self.control_data, parse_control)
        self.seal, self.seal_fault = self.parse(self.seal_data, parse_seal, 'seal.json')
        self.draw, self.draw_fault = self.parse(self.draw_data, parse_draw, 'draw.json')
        self.number = self.find_number()
        self.bets = self.read_bets(2**63, self.number)
        control = self.control
        self.closed = control is not None and (control['closed_by'] != '-' or
                                               control['state'] == 'drawn')
        self.sealed = (control['seal_sha256'] != '' if control else self.seal_data is not None)
        self.drawn = (control['draw_sha256'] != '' if control else self.draw_data is not None)

    def open(self, name):
        """The file, or None where there is none; links and anything but files are refused."""
        try:
            descriptor = os.open(os.path.join(self.path, name),
                                 os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable('open %s/%s: %s' % (self.path, name, error.strerror)) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Unreadable('%s/%s is no regular file' % (self.path, name))
        return os.fdopen(descriptor, 'rb')

    def read(self, name, limit=TEXT_BYTES_MAX):
        file = self.open(name)
        if file is None:
            return None
        with file:
            try:
                data = file.read()
            except OSError as error:
                raise Unreadable('read %s/%s: %s' % (self.path, name, error.strerror)) from None
        if limit is not None and len(data) > limit:
            raise Unreadable('%s/%s is too long' % (self.path, name))
        return data

    def read_bets(self, limit, number=None, with_tree=True):
        file = self.open('bets.csv')
        if file is None:
            return None
        with file:
            try:
                return Bets(file, limit, number, with_tree)
            except OSError as error:
                raise Unreadable('read %s/bets.csv: %s' % (self.path, error.strerror)) from None

    @staticmethod
    def parse(data, parse, *name):
        if data is None:
            return None, ''
        try:
            return parse(data, *name), ''
        except Refused as fault:
            return None, str(fault)

    def find_number(self):
        if self.control is not None and self.control['winning_number'] is not None:
            return self.control['winning_number']
        return self.draw['winning_number'] if self.draw is not None else None

    # ---- the report ----

    def set(self, check, verdict, text, *values):
        self.lines[check] = (verdict, text % values if values else text)

    def skips(self, check, *whys):
        """Skips the check for the first reason that there is."""
        for why in whys:
            if why:
                self.set(check, SKIPPED, '%s', why)
                return True
        return False

    def failed(self):
        return sum(verdict == FAIL for verdict, _ in self.lines.values())

    def status(self):
        return EXIT_FAIL if self.failed() else self.stage

    def print(self, quiet):
        for check in CHECKS:
            verdict, text = self.lines[check]
            if not quiet or verdict == FAIL:
                print('%-8s%-15s %s' % (verdict, check, text))
        name = self.control['draw'] if self.control else '?'
        if self.failed():
            print('draw %s: %d of %d checks FAIL' % (name, self.failed(), len(CHECKS)))
        elif not quiet:
            print('draw %s: %s' % (name, STAGES[self.stage]))

    def json(self):
        control = self.control or {'draw': '', 'identity': '', 'state': ''}
        return {'draw': control['draw'], 'identity': control['identity'],
                'state': control['state'], 'status': self.status(),
                'checks': [{'name': check, 'verdict': self.lines[check][0],
                            'text': self.lines[check][1]} for check in CHECKS]}

    # ---- reasons to skip ----

    def no_control(self):
        return '' if self.control else CONTROL_MISSING

    def no_bets(self):
        return '' if self.bets else 'there is no bets.csv'

    def no_seal(self):
        if not self.sealed:
            return 'the draw is not sealed yet'
        if self.seal_data is None:
            return 'there is no seal.json'
        return '' if self.seal else 'seal.json can\'t be read'

    def no_draw(self):
        if not self.drawn:
            return 'the draw has not been held yet'
        if self.draw_data is None:
            return 'there is no draw.json'
        return '' if self.draw else 'draw.json can\'t be read'

    # ---- the checks ----

    def check(self):
        for check in (self.check_control, self.check_state, self.check_files, self.check_rows,
                      self.check_agencies, self.check_bets, self.check_done,
                      self.check_checkpoint, self.check_times, self.check_seal,
                      self.check_seal_terms, self.check_seal_bets, self.check_signatures,
                      self.check_draw, self.check_number, self.check_winners):
            check()

    def check_control(self):
        if self.control:
            self.set('control', OK, 'whole: its checksum agrees')
        else:
            self.set('control', FAIL, '%s', self.control_fault or 'there is no control')

    def check_state(self):
        if self.skips('state', self.no_control()):
            return
        control, state = self.control, self.control['state']
        if state == 'abandoned':
            self.stage = EXIT_ABANDONED
        elif control['draw_sha256']:
            self.stage = 0
        else:
            self.stage = EXIT_NOT_DRAWN if control['seal_sha256'] else EXIT_NOT_SEALED
        fault = inconsistency(control)
        if self.archived_as is not None and (control['draw'] != self.archived_as or
                                             state not in ('drawn', 'abandoned')):
            self.set('state', FAIL, 'control stands in the archive as %s, and is draw %s, %s',
                     self.archived_as, control['draw'], state)
        elif control['archiving']:
            self.set('state', FAIL, 'the files of draw %s are still being moved away: start the '
                     'server', control['archiving'])
        elif fault:
            self.set('state', FAIL, '%s: %s', state, fault)
        else:
            self.set('state', OK, '%s', state)

    def check_files(self):
        if self.skips('files', self.no_control()):
            return
        control = self.control
        has_winners = self.drawn or control['state'] == 'drawn'
        required = {'bets.csv': self.closed or control['bets_bytes'] > 0,
                    'done.csv': self.closed or control['done_bytes'] > 0,
                    'checkpoint': self.closed and control['bets_bytes'] > 0,
                    'seal.json': self.sealed, 'draw.json': self.drawn, 'winners.csv': has_winners}
        possible = {'control', 'lock', 'admin.sock', 'replication', 'draws', 'bets.csv', 'done.csv',
                    'checkpoint'}
        possible |= {'seal.json', 'seal.sig'} if self.sealed else set()
        possible |= {'draw.json', 'draw.sig'} if self.drawn else set()
        possible |= {'winners.csv'} if has_winners else set()
        try:
            there = sorted(os.listdir(self.path), key=os.fsencode)
        except OSError as error:
            raise Unreadable('list %s: %s' % (self.path, error.strerror)) from None
        missing = ', '.join(name for name in required if required[name] and name not in there)
        unknown = ''
        for name in there:
            longer = unknown + (', ' if unknown else '') + name
            if name not in possible and len(os.fsencode(longer)) < 256:
                unknown = longer
        also = '; not known here: ' + unknown if unknown else ''
        if missing:
            self.set('files', FAIL, 'missing: %s%s', missing, also)
        else:
            self.set('files', OK, 'all are there%s', also)

    def check_rows(self):
        if self.skips('rows', self.no_bets()):
            return
        bets = self.bets
        may_be_unfinished = (self.control and not self.closed and
                             bets.first_bad >= self.control['bets_bytes'])
        bad = bets.bad_rows - (1 if bets.unfinished and may_be_unfinished else 0)
        if bad:
            self.set('rows', FAIL, '%d of %d rows are no bets, the first at byte %d', bad,
                     bets.rows, bets.first_bad)
        else:
            self.set('rows', OK, '%d rows are valid', bets.rows)

    def check_agencies(self):
        if self.skips('agencies', self.no_bets(), self.no_control()):
            return
        text = self.control['agencies_allowed']
        try:
            allowed = AgencySet(text)
        except Refused as fault:
            self.set('agencies', FAIL, 'agencies_allowed: %s', fault)
            return
        strangers = sorted(agency for agency in self.bets.agencies if agency not in allowed)
        if strangers:
            self.set('agencies', FAIL, 'agency %d has rows and is not among %s', strangers[0], text)
        else:
            self.set('agencies', OK, '%d agencies have rows, all of %s', len(self.bets.agencies),
                     text)

    def check_bets(self):
        if self.skips('bets', self.no_bets(), self.no_control()):
            return
        bets, control = self.bets, self.control
        expected = control['bets_bytes']
        if bets.bytes != expected if self.closed else bets.bytes < expected:
            self.set('bets', FAIL, '%d bytes are there, and control says %d', bets.bytes, expected)
        elif control['state'] == 'drawn' and (bets.rows, bets.bytes, bets.checksum) != (
                control['drawn_bets'], control['drawn_bytes'], control['drawn_checksum']):
            self.set('bets', FAIL, 'it is not the file that control says the draw was held on')
        else:
            self.set('bets', OK, '%d bytes, checksum %016x', bets.bytes, bets.checksum)

    def find_done_fault(self):
        """What is wrong with done.csv, or None; and how many lines it has."""
        lines = self.done.split(b'\n')
        seen, size = set(), len(self.done)
        unfinished = lines.pop()
        if unfinished and self.closed:
            return 'the last line is not finished', 0
        for number, line in enumerate(lines, 1):
            parsed = parse_done_line(line)
            if parsed is None:
                return 'line %d is damaged' % number, 0
            agency, rows, position, rows_checksum = parsed
            found = self.bets.agencies.get(agency, Agency())
            if (found.rows, found.checksum) != (rows, rows_checksum) or position > self.bets.bytes:
                return ('agency %d was done with %d bets, and bets.csv has %d, or other ones'
                        % (agency, rows, found.rows)), 0
            if agency in seen:
                return 'agency %d has two lines' % agency, 0
            seen.add(agency)
        expected = self.control['done_bytes']
        if self.closed and size != expected:
            return '%d bytes are there, and control says %d' % (size, expected), 0
        size -= len(unfinished)
        if size < expected:
            return ('%d bytes are there in whole lines, and control says %d' % (size, expected)), 0
        without = self.control['closed_without']
        try:
            closed_out = AgencySet(without) if without else ()
        except Refused:
            closed_out = ()
        without_line = sorted(agency for agency in set(self.bets.agencies) - seen
                              if agency not in closed_out)
        if self.control['closed_by'] != '-' and without_line:
            return 'agency %d has rows and no line' % without_line[0], 0
        return None, len(lines)

    def check_done(self):
        if self.skips('done', 'there is no done.csv' if self.done is None else '', self.no_bets(),
                      self.no_control()):
            return
        fault, lines = self.find_done_fault()
        if fault:
            self.set('done', FAIL, '%s', fault)
        else:
            self.set('done', OK, '%d agencies, as bets.csv has them', lines)

    def find_checkpoint_fault(self):
        """What is wrong with the checkpoint, and its position."""
        header = struct.Struct('<8sQ32sQQQQ')
        data, broken = self.checkpoint, 'it is not whole: its checksum does not agree'
        if len(data) < header.size:
            return broken, 0
        magic, own, identity, position, before, proof, count = header.unpack_from(data)
        if magic != b'LTRCPKT2' or count > AGENCIES_MAX or \
                len(data) != header.size + 32 * count or checksum(data[16:]) != own:
            return broken, 0
        if identity != self.control['identity'].encode():
            return 'it belongs to another draw', 0
        if position > self.bets.bytes:
            return 'its position is after the end of bets.csv', 0
        bets = self.bets if position == self.bets.bytes else self.read_bets(position, None, False)
        if bets.bytes != position or bets.checksum != before:
            return 'the bytes before its position are not those of bets.csv', 0
        with self.open('bets.csv') as file:
            file.seek(position - min(position, 4096))
            if checksum(file.read(min(position, 4096))) != proof:
                return 'the last bytes before its position are not those of bets.csv', 0
        with_bets = 0
        for noted, rows, size, rows_checksum in struct.iter_unpack('<QQQQ', data[header.size:]):
            agency = noted & ~(1 << 32)
            found = bets.agencies.get(agency, Agency())
            if agency > UINT32_MAX or (found.rows, found.bytes, found.checksum) != (
                    rows, size, rows_checksum):
                return 'its agencies are not those of bets.csv', 0
            with_bets += rows > 0
        if with_bets != len(bets.agencies):
            return 'it lacks an agency of bets.csv', 0
        return None, position

    def check_checkpoint(self):
        if self.skips('checkpoint', 'there is no checkpoint' if self.checkpoint is None else '',
                      self.no_bets(), self.no_control()):
            return
        fault, position = self.find_checkpoint_fault()
        if fault:
            self.set('checkpoint', FAIL, '%s', fault)
        else:
            self.set('checkpoint', OK, 'agrees with the first %d bytes', position)

    def check_times(self):
        if self.skips('times', self.no_control()):
            return
        control = self.control
        known = [(name, control[name + '_at']) for name in
                 ('opened', 'closed', 'sealed', 'drawn', 'abandoned') if control[name + '_at']]
        for (before, before_at), (name, at) in zip(known, known[1:]):
            if at < before_at:
                self.set('times', FAIL, '%s before it was %s', name, before)
                return
        if control['closed_by'] == 'time' and control['closed_at'] < control['closes_at']:
            self.set('times', FAIL, 'closed by time before that time')
        else:
            self.set('times', OK, '%s', ', '.join(name for name, _ in known) or 'none is known')

    def check_seal(self):
        pending = self.no_seal() if not self.sealed or self.seal_data is None else ''
        if not self.skips('seal', pending):
            if self.seal:
                self.set('seal', OK, 'canonical, by %s', self.seal['program'])
            else:
                self.set('seal', FAIL, '%s', self.seal_fault)
        if self.skips('seal-hash', pending, '' if self.control or self.draw else
                      'nothing that can be read has it'):
            return
        digest = sha256(self.seal_data)
        if self.control and digest != self.control['seal_sha256']:
            self.set('seal-hash', FAIL, 'control has another one: %s', self.control['seal_sha256'])
        elif self.draw and digest != self.draw['seal_sha256']:
            self.set('seal-hash', FAIL, 'draw.json was made after another seal')
        else:
            self.set('seal-hash', OK, digest)

    def check_seal_terms(self):
        if self.skips('seal-terms', self.no_seal(), self.no_control()):
            return
        seal, control, terms = self.seal, self.control, self.seal['terms']
        by_command = control['number_by'] == 'command'
        closed = seal['closed']
        if seal['identity'] != control['identity']:
            self.set('seal-terms', FAIL, 'it seals another draw')
        elif (seal['draw'], terms['agencies_expected'], terms['agencies_allowed'],
              terms['number_by'], parse_moment(terms['closes_at']),
              None if by_command else terms['winning_number']) != (
                  control['draw'], control['agencies_expected'], control['agencies_allowed'],
                  control['number_by'], control['closes_at'],
                  None if by_command else control['winning_number']):
            self.set('seal-terms', FAIL, 'control has other terms')
        elif control['centres_expected'] not in (CENTRES_UNSAID, terms.get('centres_expected', '')):
            self.set('seal-terms', FAIL, 'control has other terms')
        elif (parse_moment(seal['opened_at']), parse_moment(seal['sealed_at']),
              parse_moment(closed['at']), closed['by'], closed['reason'], closed['without']) != (
                  control['opened_at'], control['sealed_at'], control['closed_at'],
                  control['closed_by'], control['closed_reason'] or '-',
                  control['closed_without'] or '-'):
            self.set('seal-terms', FAIL, 'control was opened, closed or sealed otherwise')
        else:
            self.set('seal-terms', OK, 'as control has them')

    def check_seal_bets(self):
        if not self.skips('seal-bets', self.no_seal(), self.no_bets()):
            sealed, bets = self.seal['bets'], self.bets
            if (sealed['rows'], sealed['bytes']) != (bets.rows, bets.bytes):
                self.set('seal-bets', FAIL, '%d rows in %d bytes were sealed, and %d in %d are '
                         'there', sealed['rows'], sealed['bytes'], bets.rows, bets.bytes)
            elif sealed['sha256'] != bets.sha256:
                self.set('seal-bets', FAIL, 'its SHA-256 is %s', bets.sha256)
            else:
                self.set('seal-bets', OK, bets.sha256)
        if not self.skips('seal-agencies', self.no_seal(), self.no_bets()):
            self.check_seal_agencies()
        if not self.skips('seal-tree', self.no_seal(), self.no_bets()):
            root = self.bets.tree.root()
            good = root == self.seal['bets']['merkle_root']
            self.set('seal-tree', OK if good else FAIL, '%s%s', '' if good else 'its root is ', root)
        if not self.skips('seal-done', self.no_seal(),
                          'there is no done.csv' if self.done is None else ''):
            digest, sealed = sha256(self.done), self.seal['done']
            good = (len(self.done), digest) == (sealed['bytes'], sealed['sha256'])
            self.set('seal-done', OK if good else FAIL, '%s%s',
                     '' if good else 'its SHA-256 is ', digest)

    def check_seal_agencies(self):
        sealed = {entry['agency']: entry for entry in self.seal['agencies']}
        others = [agency for agency, entry in sealed.items()
                  if (entry['rows'], entry['sha256']) != (
                      self.bets.agencies.get(agency, Agency()).rows,
                      self.bets.agencies.get(agency, Agency()).sha256.hexdigest())]
        others += sorted(set(self.bets.agencies) - set(sealed))
        if others:
            self.set('seal-agencies', FAIL, 'other rows of agency %d were sealed', others[0])
        elif not self.closed_out_is_named(sealed):
            self.set('seal-agencies', FAIL, 'those that are closed out are not those of "without"')
        elif not self.closed_out_is_not_done(sealed):
            self.set('seal-agencies', FAIL,
                     'those that are not closed out are not those of done.csv')
        else:
            self.set('seal-agencies', OK, 'rows and hash of %d agencies', len(sealed))

    def closed_out_is_named(self, sealed):
        """"any" stands where they were too many to be named, and says nothing of a single one."""
        text = self.seal['closed']['without']
        named = {agency for agency, entry in sealed.items() if entry['closed_out']}
        if text == '-':
            return not named
        try:
            without = AgencySet(text)
        except Refused:
            return False
        return without.any or (all(agency in without for agency in named) and
                               len(named) == len(without))

    def closed_out_is_not_done(self, sealed):
        """Of another done.csv than the sealed one nothing is said: seal-done finds it."""
        if self.done is None or sha256(self.done) != self.seal['done']['sha256']:
            return True
        not_out = {agency for agency, entry in sealed.items() if not entry['closed_out']}
        lines = [parse_done_line(line) for line in self.done.split(b'\n')]
        lines = lines[:-1] if self.done.endswith(b'\n') or not self.done else lines
        return len(lines) == len(not_out) and all(line and line[0] in not_out for line in lines)

    def check_signatures(self):
        for check, name, pending, data, signature in (
                ('seal-signature', 'seal', '' if self.sealed else 'the draw is not sealed yet',
                 self.seal_data, self.seal_signature),
                ('draw-signature', 'draw', '' if self.drawn else 'the draw has not been held yet',
                 self.draw_data, self.draw_signature)):
            if self.skips(check, pending, 'there is no %s.json' % name if data is None else ''):
                continue
            if signature is None:
                self.set(check, FAIL if self.key else SKIPPED, 'there is no %s.sig', name)
            elif len(signature) != 64:
                self.set(check, FAIL, '%s.sig has not 64 bytes', name)
            elif self.key is None:
                self.set(check, SKIPPED, 'no key was given')
            elif is_signed(self.key, data, signature):
                self.set(check, OK, '%s.json was signed with this key', name)
            else:
                self.set(check, FAIL, '%s.json was not signed with this key', name)

    def check_draw(self):
        pending = self.no_draw() if not self.drawn or self.draw_data is None else ''
        draw, control, seal = self.draw, self.control, self.seal
        if not self.skips('draw', pending):
            if draw:
                self.set('draw', OK, 'canonical, by %s', draw['program'])
            else:
                self.set('draw', FAIL, '%s', self.draw_fault)
        if not self.skips('draw-hash', pending, self.no_control()):
            digest = sha256(self.draw_data)
            if digest != control['draw_sha256']:
                self.set('draw-hash', FAIL, 'control has another one: %s', control['draw_sha256'])
            else:
                self.set('draw-hash', OK, digest)
        if self.skips('draw-terms', self.no_draw()):
            return
        if control and (draw['identity'], draw['draw'], draw['number_by'], draw['winning_number'],
                        parse_moment(draw['drawn_at'])) != (
                            control['identity'], control['draw'], control['number_by'],
                            control['winning_number'], control['drawn_at']):
            self.set('draw-terms', FAIL, 'control has another identity, number or time')
        elif seal and (draw['identity'], draw['draw'], draw['number_by'],
                       [entry['agency'] for entry in draw['agencies']]) != (
                           seal['identity'], seal['draw'], seal['terms']['number_by'],
                           [entry['agency'] for entry in seal['agencies']]):
            self.set('draw-terms', FAIL, 'the seal has another identity, or other agencies')
        elif seal and 'centres_expected' in seal['terms'] and 'national_sha256' not in draw:
            self.set('draw-terms', FAIL, 'it names no drawing of the centres that the seal has')
        elif ('national_sha256' in draw and not (seal and 'centres_expected' in seal['terms']) and
              control and control['centres_expected'] != CENTRES_UNSAID):
            self.set('draw-terms', FAIL,
                     'it names a drawing of several centres, and control and seal none')
        else:
            self.set('draw-terms', OK, 'as control and seal have them')

    def check_number(self):
        if self.skips('number', self.no_draw(),
                      '' if self.seal else 'there is no seal to compare with'):
            return
        draw, terms, number = self.draw, self.seal['terms'], self.draw['winning_number']
        if draw['number_by'] != terms['number_by']:
            self.set('number', FAIL, 'the seal has it come otherwise')
        elif draw['number_by'] != 'command':
            good = number == terms['winning_number']
            self.set('number', OK if good else FAIL, '%d, known since the opening' if good else
                     '%d, and another one was sealed', number)
        else:
            good = parse_moment(draw['drawn_at']) >= parse_moment(self.seal['sealed_at'])
            self.set('number', OK if good else FAIL, '%d, by command after the seal' if good else
                     '%d, before the seal', number)

    def check_winners(self):
        drawn = self.drawn or (self.control is not None and self.control['state'] == 'drawn')
        whys = ('' if drawn else 'the draw has not been held yet', self.no_bets(),
                'there is no winners.csv' if self.winners is None else '',
                'the number is not known' if self.number is None else '')
        if self.skips('winners', *whys):
            self.skips('draw-winners', *whys)
            return
        winners = {agency: rows for agency, rows in sorted(self.bets.winners.items())}
        expected = b''.join(row for rows in winners.values() for row in rows)
        count = sum(len(rows) for rows in winners.values())
        if expected != self.winners:
            self.set('winners', FAIL, 'winners.csv is not the %d winning rows of bets.csv by agency',
                     count)
        else:
            self.set('winners', OK, '%d rows with %d, found again', count, self.number)
        control = self.control
        if control and control['state'] == 'drawn' and (
                control['winners'], control['winners_bytes'], control['winners_checksum']) != (
                    count, len(self.winners), checksum(self.winners)):
            self.set('draw-winners', FAIL, 'control has other figures')
        elif not self.skips('draw-winners', self.no_draw() if self.drawn else ''):
            counted = {agency: len(rows) for agency, rows in winners.items()}
            if self.draw and (
                    (self.draw['winners']['bytes'], self.draw['winners']['sha256']) != (
                        len(self.winners), sha256(self.winners)) or
                    {entry['agency']: entry['winners'] for entry in self.draw['agencies']
                     if entry['winners']} != counted):
                self.set('draw-winners', FAIL, 'draw.json has other figures')
            else:
                self.set('draw-winners', OK, 'their hash and counts agree')


# ----------------------------------------------------------- the engine's log ----

def make_crc32c_table():
    """What each 16 bits that leave the register do to it (RFC 3720, B.4: reflected 0x1EDC6F41)."""
    of_byte = []
    for value in range(1 << 8):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        of_byte.append(value)
    return [of_byte[low] >> 8 ^ of_byte[(of_byte[low] ^ high) & 0xff]
            for high in range(1 << 8) for low in range(1 << 8)]


CRC32C_TABLE = []


def crc32c(data):
    """Two bytes a step; the table is made by the first call."""
    if not CRC32C_TABLE:
        CRC32C_TABLE.extend(make_crc32c_table())
    table, register = CRC32C_TABLE, UINT32_MAX
    for (pair,) in struct.iter_unpack('<H', data[:len(data) & ~1]):
        register = register >> 16 ^ table[(register ^ pair) & 0xffff]
    if len(data) & 1:
        register ^= data[-1]
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ UINT32_MAX


LOG_CHECKS = ('log', 'log-bets', 'log-done', 'log-files', 'national')
LOG_FILES = ('seal.json', 'seal.sig', 'draw.json', 'draw.sig')
LOGS_MAX, LOG_DIRECTORIES_MAX = 16, 32
NATIONAL_STREAM = 'DRAW'
EPOCH_MAX, EPOCH_STEP_MAX = UINT64_MAX // 2, 1000000
HEADERS_MAX, ENGINE_TEXT_BYTES = 16, 128


def header_text(pattern):
    return lambda value: value if re.fullmatch(pattern, value) else None


def header_number(value):
    return int(value) if re.fullmatch('[0-9]{1,19}', value) else None


OF_LINES, OF_FILE, OF_CLAIM = ('bets', 'done'), ('file',), ('claim',)
OF_ALL = OF_LINES + OF_FILE + OF_CLAIM
RECORD_HEADERS = (  # name, the kinds that have it, how it is read
    ('Identity', OF_ALL, header_text('[0-9a-f]{32}')), ('Epoch', OF_ALL, header_number),
    ('Node', OF_ALL, header_text('[!-~]{1,80}')), ('Nonce', OF_ALL, header_text('[0-9a-f]{32}')),
    ('Length', OF_ALL, header_number), ('Crc32c', OF_ALL, header_text('[0-9a-f]{8}')),
    ('Offset', OF_LINES, header_number), ('Rows', OF_LINES, header_number),
    ('Name', OF_FILE, header_text('[0-9A-Za-z_-][0-9A-Za-z._-]{0,31}')),
    ('Bets-End', OF_CLAIM, header_number), ('Done-End', OF_CLAIM, header_number))


class Message:
    """A line of an export."""

    def __init__(self, line):
        try:
            value = json.loads(line.decode(), object_pairs_hook=no_duplicates)
        except (ValueError, RecursionError) as error:
            raise Refused('it is no JSON: %s' % error) from None
        try:
            self.sequence, self.stream, self.subject = (
                value[name] for name in ('sequence', 'stream', 'subject'))
            self.headers = value['headers']
            has_text = isinstance(value.get('text'), str)
            good = (is_integer(2**63 - 1)(self.sequence) and self.sequence > 0 and
                    type(value['stored_at_ms']) is int and
                    has_text != isinstance(value.get('base64'), str) and
                    isinstance(self.headers, dict) and len(self.headers) <= HEADERS_MAX and
                    all(isinstance(text, str) and len(text.encode()) < ENGINE_TEXT_BYTES and
                        '\0' not in text
                        for text in (self.stream, self.subject, *self.headers.values())))
            self.bytes = (value['text'].encode() if has_text else
                          base64.b64decode(value['base64'], validate=True))
        except (KeyError, TypeError, AttributeError, ValueError):
            good = False
        if not good:
            raise Refused('it is no line of `lottery-feed --export`')


class Record:
    """A message of a centre's stream: engine/record.h."""

    def __init__(self, message):
        try:
            self.read(message)
        except Refused as fault:
            raise Refused('message %d of %s is no right record: %s'
                          % (message.sequence, message.subject, fault)) from None

    def read(self, message):
        self.sequence, self.bytes = message.sequence, message.bytes
        self.kind = message.subject.rpartition('.')[2] if '.' in message.subject else ''
        if self.kind not in OF_ALL:
            raise Refused('its subject is that of no record')
        found = {}
        for name, kinds, parse in RECORD_HEADERS:
            if self.kind in kinds:
                value = message.headers.get('Lottery-' + name)
                if value is None:
                    raise Refused('it has no header Lottery-%s' % name)
                found[name] = parse(value)
                if found[name] is None:
                    raise Refused('its header Lottery-%s can\'t be "%.80s"' % (name, value))
        self.identity, self.epoch, self.node = found['Identity'], found['Epoch'], found['Node']
        self.offset, self.name = found.get('Offset', 0), found.get('Name', '')
        self.bets_end, self.done_end = found.get('Bets-End', 0), found.get('Done-End', 0)
        if not 1 <= self.epoch <= EPOCH_MAX:
            raise Refused('nobody has written in epoch %d' % self.epoch)
        self.judge_bytes(found['Length'], found['Crc32c'], found.get('Rows'))

    def judge_bytes(self, length, crc, rows):
        if length != len(self.bytes):
            raise Refused('it has %d bytes and tells of %d' % (len(self.bytes), length))
        own = '%08x' % crc32c(self.bytes)
        if own != crc:
            raise Refused('its bytes have the CRC %s, and it tells %s' % (own, crc))
        if self.kind == 'claim' and self.bytes and (self.bets_end or self.done_end):
            raise Refused('it is a claim that begins no draw, and has bytes')
        if self.kind in OF_LINES and not self.bytes.endswith(b'\n'):
            raise Refused('its bytes are no whole lines')
        if self.kind in OF_LINES and self.bytes.count(b'\n') != rows:
            raise Refused('it has %d lines and tells of %d' % (self.bytes.count(b'\n'), rows))


class CentreLog:
    """What a centre's stream says up to one of its records: engine/log_state.h."""

    def __init__(self):
        self.sequence = self.epoch = self.claimed_at = 0
        self.node = self.identity = ''
        self.ends = {'bets': 0, 'done': 0}

    def fold(self, record):
        try:
            if record.sequence != self.sequence + 1:
                raise Refused('the one before it was %d' % self.sequence)
            if record.kind == 'claim':
                self.claim(record)
            else:
                self.write(record)
        except Refused as fault:
            raise Refused('record %d of the log can\'t come next: %s'
                          % (record.sequence, fault)) from None
        self.sequence = record.sequence

    def claim(self, record):
        same_draw = record.identity == self.identity
        ends = self.ends if same_draw else {'bets': 0, 'done': 0}
        if record.epoch <= self.epoch:
            raise Refused('it claims epoch %d, and %s has claimed %d'
                          % (record.epoch, self.node, self.epoch))
        if record.epoch - self.epoch > EPOCH_STEP_MAX:
            raise Refused('it claims epoch %d, and the one before it was %d: no server of the '
                          'lottery goes on so' % (record.epoch, self.epoch))
        if (record.bets_end, record.done_end) != (ends['bets'], ends['done']):
            raise Refused('it claims a log with %d bytes of bets.csv and %d of done.csv, and there '
                          'are %d and %d' % (record.bets_end, record.done_end, ends['bets'],
                                             ends['done']))
        if same_draw and record.bytes:
            raise Refused('it begins the draw %s a second time' % record.identity)
        self.epoch, self.claimed_at, self.node = record.epoch, record.sequence, record.node
        self.identity, self.ends = record.identity, ends

    def write(self, record):
        if self.epoch == 0:
            raise Refused('nobody has claimed the log before it')
        if (record.epoch, record.node) != (self.epoch, self.node):
            raise Refused('%s wrote it in epoch %d, and %s has claimed %d at %d: the engine has not '
                          'kept the old writer out' % (record.node, record.epoch, self.node,
                                                       self.epoch, self.claimed_at))
        if record.identity != self.identity:
            raise Refused('it is of the draw %s, and %s was claimed'
                          % (record.identity, self.identity))
        if record.kind in OF_LINES:
            end = self.ends[record.kind]
            if record.offset != end:
                raise Refused('%s: its bytes begin at %d, and the log ends at %d'
                              % ('gap' if record.offset > end else 'overlap', record.offset, end))
            self.ends[record.kind] = end + len(record.bytes)


class LoggedRows:
    """A file of rows beside the log's bytes of it."""

    def __init__(self, draw, name):
        self.name, self.file, self.log_end, self.fault = name, draw.open(name), 0, ''
        self.bytes = 0 if self.file is None else os.fstat(self.file.fileno()).st_size

    def compare(self, record):
        if self.fault:
            return
        own = b''
        if self.file is not None:
            self.file.seek(record.offset)
            own = self.file.read(len(record.bytes))
        if own == record.bytes:
            return
        same = next((at for at, (one, other) in enumerate(zip(own, record.bytes)) if one != other),
                    None)
        if same is None:
            self.fault = ('%s ends at byte %d, and the log has more (record %d)'
                          % (self.name, record.offset + len(own), record.sequence))
        else:
            self.fault = ('%s differs from the log from byte %d on (record %d, epoch %d of %s)'
                          % (self.name, record.offset + same, record.sequence, record.epoch,
                             record.node))


class LoggedDraw:
    """What the exports have of the draw of one directory, and the lines about it."""

    def __init__(self, draw):
        self.draw, self.control, self.lines = draw, draw.control, {}
        self.identity = draw.control['identity'] if draw.control else None
        self.rows = {'bets': LoggedRows(draw, 'bets.csv'), 'done': LoggedRows(draw, 'done.csv')}
        self.files, self.files_fault, self.fault = {}, '', ''
        self.records = self.first_epoch = self.last_epoch = 0

    def note(self, fault):
        self.fault = self.fault or fault

    def take(self, log, record):
        self.first_epoch = self.first_epoch or record.epoch
        self.last_epoch = record.epoch
        self.records += 1
        for kind, rows in self.rows.items():
            rows.log_end = log.ends[kind]
        if record.kind in OF_LINES:
            self.rows[record.kind].compare(record)
        elif record.kind == 'file' and record.name in LOG_FILES:
            before = self.files.get(record.name)
            if before and record.name.endswith('.json') and before[0] != record.bytes:
                self.files_fault = self.files_fault or (
                    'the log has two of %s: record %d, and another one, record %d'
                    % (record.name, before[1], record.sequence))
            self.files[record.name] = (record.bytes, record.sequence)

    def set(self, check, verdict, text, *values):
        self.lines[check] = (verdict, text % values if values else text)

    def failed(self):
        return sum(verdict == FAIL for verdict, _ in self.lines.values())

    def print(self, quiet):
        for check in LOG_CHECKS:
            verdict, text = self.lines[check]
            if not quiet or verdict == FAIL:
                print('%-8s%-15s %s' % (verdict, check, text))
        name = self.control['draw'] if self.control else '?'
        if self.failed():
            print('draw %s: %d of %d checks against the log FAIL'
                  % (name, self.failed(), len(LOG_CHECKS)))
        elif not quiet:
            print('draw %s: the log agrees' % name)

    def json(self):
        return [{'name': check, 'verdict': self.lines[check][0], 'text': self.lines[check][1]}
                for check in LOG_CHECKS]

    # ---- the centre's stream ----

    def judge_log(self, stray_fault):
        if self.control is None:
            self.set('log', FAIL, 'without control it is not known which draw it is')
        elif self.fault:
            self.set('log', FAIL, '%s', self.fault)
        elif not self.records:
            self.set('log', FAIL, 'no export has the lottery %s%s', self.identity,
                     '; ' + stray_fault if stray_fault else '')
        else:
            self.set('log', OK, '%d records of the epochs %d to %d: each whole, in its place, by who '
                     'had claimed the log', self.records, self.first_epoch, self.last_epoch)
        self.judge_rows('log-bets', self.rows['bets'])
        self.judge_rows('log-done', self.rows['done'])
        self.judge_files()

    def judge_rows(self, check, rows):
        left = rows.bytes - rows.log_end
        if not self.records:
            self.set(check, SKIPPED, 'no export has this draw')
        elif rows.fault:
            self.set(check, FAIL, '%s', rows.fault)
        elif self.fault:
            self.set(check, SKIPPED, 'the same up to byte %d; what the log has behind that can\'t '
                     'be judged', rows.log_end)
        elif left > 0 and self.draw.closed:
            self.set(check, FAIL, '%s has %d bytes, and the log ends at byte %d of it', rows.name,
                     rows.bytes, rows.log_end)
        elif left > 0:
            self.set(check, OK, 'the same up to byte %d; sales are open, and %d bytes are not in the '
                     'log', rows.log_end, left)
        else:
            self.set(check, OK, 'all %d bytes are the log\'s', rows.bytes)

    def judge_files(self):
        own = dict(zip(LOG_FILES, (self.draw.seal_data, self.draw.seal_signature,
                                   self.draw.draw_data, self.draw.draw_signature)))
        if not self.records or self.fault:
            self.set('log-files', SKIPPED, 'the log does not have all of this draw')
            return
        fault, count = self.files_fault, 0
        for name in LOG_FILES:
            logged, sequence = self.files.get(name, (None, 0))
            if own[name] == logged:
                count += logged is not None
            elif own[name] is None:
                fault = fault or 'there is no %s, and the log has one' % name
            elif logged is None:
                fault = fault or 'there is a %s, and the log has none' % name
            else:
                fault = fault or '%s is not the one of the log (record %d)' % (name, sequence)
        self.set('log-files', FAIL if fault else OK, '%s',
                 fault or '%d of seal, draw and signatures, all the log\'s' % count)

    # ---- the draw of several centres ----

    def number(self):
        """The number that the directory has drawn with; None: it has not."""
        return self.control['winning_number'] if self.control and self.control['drawn_at'] else None

    def judge_nation(self, logs):
        if not logs.has_national or self.control is None:
            self.compare_directories(logs)
            return
        try:
            verdict, text = logs.national.judge(self)
        except Refused as fault:
            verdict, text = FAIL, fault
        self.set('national', verdict, '%s', text)

    def compare_directories(self, logs):
        """Without the stream: directories of one draw's name have one number."""
        others = [other for other in logs.draws
                  if other is not self and other.number() is not None and
                  self.number() is not None and other.control['draw'] == self.control['draw']]
        for other in others:
            if other.number() != self.number():
                self.set('national', FAIL, 'number %d here, and %d in %s', self.number(),
                         other.number(), other.draw.path)
                return
        if others:
            self.set('national', OK, '%d other directories have the same number %d; no export of '
                     'DRAW says more', len(others), self.number())
        else:
            self.set('national', SKIPPED, 'there is no export of DRAW, and no other directory of '
                     'this draw')


# What centres say of a draw: docs/draws.md.

def is_centre(value):
    return isinstance(value, str) and value != '-' and re.fullmatch('[0-9A-Za-z-]{1,32}', value)


def is_expected(value):
    return isinstance(value, str) and (value == '-' or is_list_of_centres(value))


def is_digest_or_none(value):
    return value == '-' or is_digest(value)


CLOSER = is_in('centre', 'operator')
CLOSED = {'agencies': COUNT, 'bets': COUNT, 'bytes': COUNT, 'centre': is_centre,
          'closed_by': CLOSER, 'draw': is_name, 'epoch': COUNT, 'expected': is_expected,
          'format': is_in('lottery closed 1'),
          'identity': lambda value: value == '-' or is_identity(value),
          'node': shorter_than(128), 'reason': shorter_than(128),
          'seal_sha256': is_digest_or_none, 'terms': is_any}
SHARE = {'agencies': COUNT, 'bets': COUNT, 'bytes': COUNT, 'centre': is_centre,
         'closed_by': CLOSER, 'closed_sha256': is_digest, 'seal_sha256': is_digest_or_none}
DRAWN = {'bets': COUNT, 'bytes': COUNT, 'centre': is_centre, 'centres': is_any, 'draw': is_name,
         'epoch': COUNT, 'format': is_in('lottery drawn 1'), 'node': shorter_than(128),
         'winning_number': SMALL}


def closed_consistently(said):
    """A centre that closed by itself has a seal; one that was closed out has nothing."""
    if said['closed_by'] == 'centre':
        return said['seal_sha256'] != '-' and said.get('identity') != '-'
    return (said['seal_sha256'] == '-' and said.get('identity', '-') == '-' and
            said['agencies'] == said['bets'] == said['bytes'] == 0)


def parse_closed(data, place):
    closed = load_canonical(data, place)
    expect_members(closed, CLOSED, place)
    terms = closed['terms']
    expect_members(terms, SEAL_PARTS['terms'], place)
    if (terms['number_by'] == 'command') != (terms['winning_number'] is None):
        raise Refused('%s: "winning_number" has to be null where it comes by command, and a number '
                      'where it does not' % place)
    if not closed_consistently(closed):
        raise Refused('%s: it does not say which centre closed which draw with what' % place)
    return closed


def parse_drawn(data, place):
    drawn = load_canonical(data, place)
    expect_members(drawn, DRAWN, place)
    shares = drawn['centres']
    if not isinstance(shares, list) or not 1 <= len(shares) <= CENTRES_MAX:
        raise Refused('%s: "centres" is no array of 1 to %d' % (place, CENTRES_MAX))
    for share in shares:
        expect_members(share, SHARE, place)
    names = [share['centre'] for share in shares]
    if names != sorted(set(names)) or not all(map(closed_consistently, shares)):
        raise Refused('%s: the centres are not in order, or not what they can be' % place)
    if any(drawn[what] != sum(share[what] for share in shares) for what in ('bets', 'bytes')):
        raise Refused('%s: the centres\' bets are not those of the draw' % place)
    return drawn


class NationalLog:
    """The stream DRAW."""

    def __init__(self):
        self.last, self.fault = 0, ''
        self.closed, self.drawn = [], []  # (sequence, SHA-256, what was said), in their order

    def take(self, message):
        """False where nothing behind the message can be judged."""
        fault = None
        if message.sequence != self.last + 1:
            self.fault = self.fault or (
                'message %d of DRAW follows message %d: some are missing'
                % (message.sequence, self.last))
            return False
        self.last = message.sequence
        try:
            fault = self.take_drawn(message) if message.subject.endswith('.drawn') else \
                self.take_closed(message)
        except Refused as refused:
            fault = 'message %d: %s' % (message.sequence, refused)
        self.fault = self.fault or fault or ''
        return True

    def take_closed(self, message):
        closed = parse_closed(message.bytes, message.subject)
        subject = 'lottery.draw.%s.closed.%s' % (closed['draw'].replace('.', '='), closed['centre'])
        if subject != message.subject:
            return ('message %d of %s is what centre %s says of draw %s: it stands elsewhere'
                    % (message.sequence, message.subject, closed['centre'], closed['draw']))
        self.closed.append((message.sequence, sha256(message.bytes), closed))
        return None

    def take_drawn(self, message):
        drawn = parse_drawn(message.bytes, message.subject)
        if message.subject != 'lottery.draw.%s.drawn' % drawn['draw'].replace('.', '='):
            return ('message %d of %s is the drawing of %s: it stands elsewhere'
                    % (message.sequence, message.subject, drawn['draw']))
        first = self.find_drawn(drawn['draw'])
        self.drawn.append((message.sequence, sha256(message.bytes), drawn))
        return first and ('draw %s is drawn twice, by the messages %d and %d'
                          % (drawn['draw'], first[0], message.sequence))

    def find_drawn(self, name):
        return next((one for one in self.drawn if one[2]['draw'] == name), None)

    def judge(self, logged):
        """The verdict of a directory and its text; where it FAILs, it may be raised."""
        control, drawn = logged.control, self.find_drawn(logged.control['draw'])
        own = [one for one in self.closed if one[2]['identity'] == logged.identity]
        if self.fault:
            return FAIL, self.fault
        if not own:
            return (FAIL if control['seal_sha256'] else SKIPPED,
                    'no centre has closed with the lottery %s' % logged.identity)
        sequence, _, closed = own[-1]
        self.judge_closed(logged, sequence, closed)
        if drawn:
            return OK, self.judge_drawn(logged, closed, *drawn)
        if logged.number() is not None:
            return FAIL, 'this centre has drawn, and DRAW has no drawing of %s' % control['draw']
        return OK, ('centre %s has closed with this seal; the draw waits for others'
                    % closed['centre'])

    @staticmethod
    def judge_closed(logged, sequence, closed):
        control, seal, bets = logged.control, logged.draw.seal, logged.rows['bets'].bytes
        if closed['draw'] != control['draw']:
            raise Refused('centre %s said that this lottery is draw %s, and it is %s'
                          % (closed['centre'], closed['draw'], control['draw']))
        said = '' if closed['expected'] == '-' else closed['expected']
        if control['centres_expected'] not in (CENTRES_UNSAID, said):
            raise Refused('centre %s closed with the centres %.100s, and here %.100s draw together'
                          % (closed['centre'], said, control['centres_expected'] or 'none'))
        if closed['seal_sha256'] != (control['seal_sha256'] or '-'):
            raise Refused('centre %s closed with another seal than this one (message %d)'
                          % (closed['centre'], sequence))
        if closed['bytes'] != bets:
            raise Refused('centre %s closed with %d bytes of bets, and here are %d'
                          % (closed['centre'], closed['bytes'], bets))
        if seal and (closed['bets'], closed['agencies']) != (seal['bets']['rows'],
                                                             len(seal['agencies'])):
            raise Refused('centre %s closed with %d bets of %d agencies, and %d of %d were sealed'
                          % (closed['centre'], closed['bets'], closed['agencies'],
                             seal['bets']['rows'], len(seal['agencies'])))

    def judge_drawn(self, logged, own, sequence, digest, drawn):
        number = logged.number()
        if number is not None and number != drawn['winning_number']:
            raise Refused('this centre drew with number %d, and the draw has %d (message %d)'
                          % (number, drawn['winning_number'], sequence))
        for share in drawn['centres']:
            self.judge_share(share, drawn, sequence)
        counted = ','.join(share['centre'] for share in drawn['centres'])
        if counted != own['expected']:
            raise Refused('the draw counts the centres %.100s, and centre %s expected %.100s'
                          % (counted, own['centre'], own['expected']))
        draw = logged.draw.draw
        if draw and draw.get('national_sha256', digest) != digest:
            raise Refused('draw.json names another drawing than message %d' % sequence)
        return ('centre %s of %d: number %d, %d of %d bets%s'
                % (own['centre'], len(drawn['centres']), drawn['winning_number'], own['bets'],
                   drawn['bets'], '; not drawn here yet' if number is None else ''))

    def judge_share(self, share, drawn, sequence):
        """It is what its centre said last before the draw."""
        said = [one for one in self.closed if one[0] < sequence and
                (one[2]['draw'], one[2]['centre']) == (drawn['draw'], share['centre'])]
        if not said:
            raise Refused('the draw counts centre %s, which had not closed before it'
                          % share['centre'])
        at, digest, closed = said[-1]
        expected = {name: closed[name] for name in SHARE if name != 'closed_sha256'}
        if share != dict(expected, closed_sha256=digest):
            raise Refused('the draw counts %d bets of centre %s by another word than that centre\'s '
                          '(message %d: %d bets)' % (share['bets'], share['centre'], at,
                                                     closed['bets']))


class Logs:
    """Exports, held against the directories of draws."""

    def __init__(self, draws):
        self.draws = [LoggedDraw(draw) for draw in draws]
        self.national, self.has_national, self.stray_fault = NationalLog(), False, ''

    def read(self, path):
        stream, log, draw = None, CentreLog(), None
        self.national.last = 0
        try:
            with open(path, 'rb') as file:
                for number, line in enumerate(file, 1):
                    message = self.read_line(path, number, line, stream)
                    stream = message.stream
                    if stream == NATIONAL_STREAM:
                        self.has_national = True
                        if not self.national.take(message):
                            return
                        continue
                    try:
                        record = Record(message)
                        log.fold(record)
                    except Refused as fault:
                        self.end_stream(path, draw, str(fault))
                        return
                    draw = self.take_record(log, record, draw)
        except OSError as error:
            raise Unreadable('read the export %s: %s' % (path, error.strerror)) from None
        if stream is None:
            raise Unreadable('the export %s is empty' % path)

    @staticmethod
    def read_line(path, number, line, stream):
        try:
            message = Message(line)
        except Refused as fault:
            raise Unreadable('%s, line %d: %s' % (path, number, fault)) from None
        if stream not in (None, message.stream):
            raise Unreadable('%s, line %d: is of the stream %s, and those before of %s'
                             % (path, number, message.stream, stream))
        return message

    def end_stream(self, path, draw, fault):
        """What comes behind a fault can't be judged."""
        self.stray_fault = self.stray_fault or '%.200s: %.200s' % (path, fault)
        if draw is not None:
            draw.note(fault)

    def take_record(self, log, record, draw):
        """Returns the draw whose records come now; None: none that is here."""
        if record.kind == 'claim':
            draw = next((one for one in self.draws if one.identity == record.identity), None)
            if draw and draw.records and record.bets_end == 0 and draw.rows['bets'].log_end > 0:
                draw.note('the log begins the draw a second time, at record %d' % record.sequence)
        if draw is not None:
            draw.take(log, record)
        return draw

    def judge(self):
        for draw in self.draws:
            draw.judge_log(self.stray_fault)
            draw.judge_nation(self)


# --------------------------------------------------------------- signatures ----

def openssl(*arguments):
    return subprocess.run(('openssl',) + arguments, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)


@functools.lru_cache(maxsize=64)
def is_signed(key, data, signature):
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (('data', data), ('signature', signature)):
            with open(os.path.join(folder, name), 'wb') as file:
                file.write(content)
        return openssl('pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in',
                       os.path.join(folder, 'data'), '-sigfile',
                       os.path.join(folder, 'signature')).returncode == 0


def expect_key(key):
    if not os.path.isfile(key):
        raise Unreadable('open %s: there is no such file' % key)
    if shutil.which('openssl') is None:
        raise Unreadable('there is no openssl command, so no signature can be checked: install it, '
                         'or leave out --key')
    found = openssl('pkey', '-pubin', '-in', key, '-noout', '-text')
    if found.returncode != 0 or b'ED25519' not in found.stdout.upper():
        raise Unreadable('%s holds no public Ed25519 key in PEM' % key)


# ------------------------------------------------------------------- proofs ----

def read_file(path):
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError as error:
        raise Unreadable('open %s: %s' % (path, error.strerror)) from None


def prove(path, agency, wanted):
    seal_data = read_file(os.path.join(path, 'seal.json'))
    seal = parse_seal(seal_data, os.path.join(path, 'seal.json'))
    hashes, leaf, found = [], None, 0
    for row in io.BytesIO(read_file(os.path.join(path, 'bets.csv'))):
        if row.startswith(b'%d,' % agency):
            found += 1
            if found == wanted:
                leaf, text = len(hashes), row
        hashes.append(hashlib.sha256(b'\0' + row).digest())
    if leaf is None:
        raise Refused('agency %d has %d rows, and no row %d' % (agency, found, wanted))
    path_hashes = path_to(leaf, hashes)
    if len(hashes) != seal['bets']['rows'] or root_by_path(
            leaf, len(hashes), hashes[leaf], path_hashes) != seal['bets']['merkle_root']:
        raise Refused('bets.csv is not what was sealed: nothing can be proven by it')
    proof = {'draw': seal['draw'], 'format': 'lottery proof 1', 'identity': seal['identity'],
             'leaf': leaf, 'path': base64.b64encode(b''.join(path_hashes)).decode(),
             'row': text[:-2].decode(), 'rows': len(hashes), 'seal_sha256': sha256(seal_data)}
    sys.stdout.write(json.dumps(proof, sort_keys=True, separators=(',', ':'), ensure_ascii=False))
    return 0


def judge_proof(proof_path, seal, seal_data):
    proof = load_canonical(read_file(proof_path), proof_path)
    expect_members(proof, PROOF, proof_path)
    try:
        path = base64.b64decode(proof['path'], validate=True)
    except ValueError:
        path = b'?'
    if len(path) % 32 or base64.b64encode(path).decode() != proof['path'] or len(path) > 63 * 32:
        raise Refused('%s has in "path" what can\'t stand there' % proof_path)
    if (proof['seal_sha256'], proof['identity'], proof['draw'], proof['rows']) != (
            sha256(seal_data), seal['identity'], seal['draw'], seal['bets']['rows']):
        raise Refused('the proof belongs to another seal')
    row = proof['row'].encode() + b'\r\n'
    if read_row(row) is None:
        raise Refused('the proof\'s row is no bet')
    siblings = [path[i:i + 32] for i in range(0, len(path), 32)]
    if root_by_path(proof['leaf'], proof['rows'], hashlib.sha256(b'\0' + row).digest(),
                    siblings) != seal['bets']['merkle_root']:
        raise Refused('the row and its path do not lead to the seal\'s root')
    return 'row %d of %d of draw %s is: %s' % (proof['leaf'] + 1, proof['rows'], proof['draw'],
                                               proof['row'])


def check_proof(proof_path, seal_path, key):
    def tell(verdict, name, text):
        print('%-8s%-15s %s' % (verdict, name, text))
        return EXIT_FAIL if verdict == FAIL else 0
    seal_data = read_file(seal_path)
    try:
        seal = parse_seal(seal_data, seal_path)
    except Refused as fault:
        return tell(FAIL, 'seal', fault)
    status = tell(OK, 'seal', sha256(seal_data))
    if key is not None:
        signature = read_file(re.sub(r'\.json$', '', seal_path) + '.sig')
        if len(signature) == 64 and is_signed(key, seal_data, signature):
            tell(OK, 'seal-signature', 'the seal was signed with this key')
        else:
            status = tell(FAIL, 'seal-signature', 'the seal was not signed with this key')
    try:
        return max(status, tell(OK, 'proof', judge_proof(proof_path, seal, seal_data)))
    except Refused as fault:
        return tell(FAIL, 'proof', fault)


# --------------------------------------------------------------------- main ----

def complain(text, status):
    print('lottery-verify.py: %s' % text, file=sys.stderr)
    return status


def current_draw(directory):
    """The name of the draw that stands in the directory itself; None where nothing says it."""
    try:
        with open(os.path.join(directory, 'control'), 'rb') as file:
            return parse_control(file.read())['draw']
    except (OSError, Refused):
        return None


def find_draw(directory, name):
    """The directory of a draw, and the name that it has as an archive; None: it is current."""
    if name is None or name == current_draw(directory):
        return directory, None
    return os.path.join(directory, 'draws', name), name


def all_draws(directory):
    """An opening that did not end has prepared draws/CURRENT, which is no draw yet: left out."""
    archive = os.path.join(directory, 'draws')
    names = sorted(filter(is_draw_name, os.listdir(archive))) if os.path.isdir(archive) else []
    current = current_draw(directory)
    return [(os.path.join(archive, name), name) for name in names
            if name != current] + [(directory, None)]


def worse(status, found):
    return next((bad for bad in (EXIT_UNREADABLE, EXIT_FAIL) if bad in (status, found)), found)


def print_json(draws, status):
    print(json.dumps({'draws': draws, 'status': status}, sort_keys=True, separators=(',', ':'),
                     ensure_ascii=False))


def check(options):
    paths = all_draws(options.directory) if options.all else [
        find_draw(options.directory, options.draw)]
    status, draws = 0, []
    for path, archived_as in paths:
        try:
            draw = Draw(path, options.key, archived_as)
            draw.check()
            found = draw.status()
            if options.json:
                draws.append(draw.json())
            else:
                draw.print(options.quiet)
        except Unreadable as fault:
            found = complain(fault, EXIT_UNREADABLE)
        status = worse(status, found)
    if options.json:
        print_json(draws, status)
    return status


def check_beside_log(options):
    """Each directory, and then what the exports say of it."""
    status, objects, logs = 0, [], Logs([])
    try:
        draws = [Draw(path, options.key, archived_as) for path, archived_as in
                 (find_draw(directory, options.draw) for directory in options.directories)]
        logs = Logs(draws)
        for export in options.log:
            logs.read(export)
        logs.judge()
    except Unreadable as fault:
        status, logs = complain(fault, EXIT_UNREADABLE), Logs([])
    for logged in logs.draws:
        logged.draw.check()
        status = worse(status, EXIT_FAIL if logged.failed() else logged.draw.status())
        objects.append(dict(logged.draw.json(), log=logged.json()))
        if not options.json:
            logged.draw.print(options.quiet)
            logged.print(options.quiet)
    if options.json:
        print_json(objects, status)
    return status


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(prog='lottery-verify.py', description=__doc__.split('\n')[0])
    parser.add_argument('directories', nargs='*', metavar='DIRECTORY')
    parser.add_argument('--log', action='append', default=[], metavar='EXPORT')
    for name, metavar in (('draw', 'NAME'), ('key', 'PUB'), ('prove', 'AGENCY:ROW'),
                          ('proof', 'FILE'), ('seal', 'FILE')):
        parser.add_argument('--' + name, metavar=metavar)
    parser.add_argument('--all', action='store_true')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('-q', '--quiet', action='store_true')
    parser.add_argument('-V', '--version', action='version', version='lottery-verify.py ' + VERSION)
    options = parser.parse_args(arguments)
    if options.proof or options.seal:
        if not (options.proof and options.seal) or options.directories or options.draw or \
                options.all or options.prove or options.json or options.log:
            parser.error('--proof FILE and --seal FILE go together, and with --key alone')
    elif options.log:
        if options.all or options.prove or len(options.log) > LOGS_MAX or \
                not 1 <= len(options.directories) <= LOG_DIRECTORIES_MAX:
            parser.error('--log EXPORT, up to %d times, takes 1 to %d DIRECTORY, and neither --all '
                         'nor --prove' % (LOGS_MAX, LOG_DIRECTORIES_MAX))
    elif len(options.directories) != 1:
        parser.error('there has to be one DIRECTORY')
    options.directory = options.directories[0] if options.directories else None
    if options.draw is not None and (options.all or not is_draw_name(options.draw)):
        parser.error('--draw %s: is no draw\'s name, or goes with --all' % options.draw)
    if options.prove is not None:
        match = re.fullmatch(r'([0-9]{1,10}):([0-9]{1,19})', options.prove)
        if match is None or int(match.group(1)) > UINT32_MAX or \
                int(match.group(2)) == 0 or options.all or options.json:
            parser.error('--prove %s: it takes AGENCY:ROW' % options.prove)
        options.prove = (int(match.group(1)), int(match.group(2)))
    return options


def main(arguments):
    options = parse_arguments(arguments)
    try:
        if options.key is not None:
            expect_key(options.key)
        if options.proof:
            return check_proof(options.proof, options.seal, options.key)
        if options.prove:
            return prove(find_draw(options.directory, options.draw)[0], *options.prove)
        return check_beside_log(options) if options.log else check(options)
    except Unreadable as fault:
        return complain(fault, EXIT_UNREADABLE)
    except Refused as fault:
        return complain(fault, EXIT_FAIL)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
