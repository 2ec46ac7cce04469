#!/usr/bin/env python3
"""page.py - pages of docs/ as a page of the manual, in the macros of man(7).

    scripts/page.py NAME SECTION PURPOSE SOURCE...

Prints it. A SOURCE is a file, or FILE#HEADING: what stands below this heading of the second level.
Knows what the pages of docs/ use: headings, paragraphs, lists, tables, code, links.
"""
import itertools
import re
import sys

NEIGHBOURS = (('lottery-agency', 1), ('lottery-server', 1), ('lottery-server.yaml', 5),
              ('lottery-files', 5), ('lottery-protocol', 7))


def text_of(text):
    """A piece of a line: fonts for `code` and *words*, links without their targets."""
    text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', text)
    pieces = []
    for number, piece in enumerate(re.split(r'`([^`]*)`', text)):
        is_code = number % 2 == 1
        if is_code:
            piece = piece.rstrip()
        else:
            piece = piece.replace('**', '').replace('\\|', '|')
        for plain, escape in (('\\', '\\e'), ('-', '\\-'), ('~', '\\(ti'), ('^', '\\(ha'),
                              ("'", '\\(aq'), ('`', '\\(ga')):
            piece = piece.replace(plain, escape)
        if not is_code:
            piece = re.sub(r'(?<!\w)\*(\w[^*]*\w)\*(?!\w)', r'\\fI\1\\fR', piece)
        piece = re.sub(r'[^\x00-\x7f]', lambda found: '\\[u%04X]' % ord(found.group(0)), piece)
        pieces.append('\\fB%s\\fR' % piece if is_code and piece else piece)
    return ''.join(pieces)


def guard(line):
    return '\\&' + line if line[:1] in ".'" else line


def cells_of(line):
    return [cell.strip() for cell in re.split(r'(?<!\\)\|', line.strip().strip('|'))]


def put_table(rows):
    """Each row is a paragraph: the first cell is its tag, the others follow by their headings."""
    headings = rows[0]
    for row in rows[2:]:
        print('.TP')
        print(guard(text_of(row[0]) or '\\ '))
        said = ['%s: %s' % (text_of(heading), text_of(cell)) if heading else text_of(cell)
                for heading, cell in zip(headings[1:], row[1:]) if cell]
        print(guard('; '.join(said) + '.') if said else '\\ ')


def convert(lines):
    paragraph, table, in_code = False, [], False
    for line in lines:
        if table and not line.startswith('|'):
            put_table(table)
            table = []
            paragraph = False
        if line.startswith('```'):
            in_code = not in_code
            print('.PP\n.nf\n.RS 2' if in_code else '.RE\n.fi')
            paragraph = False
        elif in_code:
            print(guard(text_of('`%s`' % line) if '`' not in line else text_of(line)) or '\\&')
        elif line.startswith('|'):
            table.append(cells_of(line))
        elif line.startswith('#'):
            heading = line.lstrip('#').strip()
            print('.%s %s' % ('SH' if line.startswith('## ') else 'SS',
                              text_of(heading.upper() if line.startswith('## ') else heading)))
            paragraph = True
        elif not line.strip():
            paragraph = False
        elif not paragraph and line.startswith('    '):
            sys.exit('%s: code stands between ```' % line)
        else:
            item = re.match(r'\s*(?:[-*]|\d+\.) (.*)', line)
            if item:
                print('.IP \\(bu 3')
            elif not paragraph and not line.startswith('  '):
                print('.PP')
            paragraph = True
            print(guard(text_of(item.group(1) if item else line.strip())))
    if table:
        put_table(table)


def lines_of(source):
    """What a source says, without the heading of the whole file."""
    path, _, heading = source.partition('#')
    with open(path, encoding='utf-8') as file:
        lines = file.read().splitlines()
    if not heading:
        return lines[1:]
    if '## ' + heading not in lines:
        sys.exit('%s: no heading "## %s"' % (path, heading))
    below = lines[lines.index('## ' + heading) + 1:]
    return list(itertools.takewhile(lambda line: not line.startswith('## '), below))


def main():
    name, section, purpose, *sources = sys.argv[1:]
    print('.TH %s %s "" "lottery" "The national lottery"' % (text_of(name.upper()), section))
    print('.\\" Made of %s by scripts/pages.sh; changes here are lost.' % ', '.join(sources))
    print('.SH NAME\n%s \\- %s' % (text_of(name), text_of(purpose)))
    # Names of programs and keys are copied: none is cut at a line's end, or spread.
    print('.nh\n.ad l')
    print('.SH DESCRIPTION')
    for number, source in enumerate(sources):
        if number > 0:
            print('.SH ' + text_of(source.partition('#')[2].upper()))
        convert(lines_of(source))
    print('.SH SEE ALSO')
    print(',\n'.join('\\fB%s\\fR(%s)' % (text_of(other), where) for other, where in NEIGHBOURS
                     if other != name))


if __name__ == '__main__':
    main()
