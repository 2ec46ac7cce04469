#!/usr/bin/env python3
"""tampering.py - gives lottery-verify.py the changes that lottery-verify has judged (test_verify.c).

    tampering.py DIRECTORY KEY JUDGED

JUDGED has a line for each change of one file of the directory: `NAME CHANGE AT VERDICTS`, where
CHANGE is flip (the byte at AT, xor 1), cut (the last byte), grow (a byte more) or delete, and
VERDICTS is a letter for each check. Every change is made, judged, compared and undone. Prints
how many there were, and ends with status 1 at the first one that is judged otherwise.
"""
import importlib.util
import os
import sys


def load_verifier():
    path = os.path.join(os.path.dirname(__file__), '..', '..', 'verify', 'lottery-verify.py')
    spec = importlib.util.spec_from_file_location('lottery_verify', path)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def write(path, data):
    with open(path, 'wb') as file:
        file.write(data)


def change(path, data, how, at):
    if how == 'flip':
        write(path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1:])
    elif how == 'cut':
        write(path, data[:-1])
    elif how == 'grow':
        write(path, data + b'x')
    else:
        os.unlink(path)


def main(directory, key, judged):
    verifier = load_verifier()
    count = 0
    with open(judged, encoding='ascii') as lines:
        for line in lines:
            name, how, at, verdicts = line.split()
            path = os.path.join(directory, name)
            with open(path, 'rb') as file:
                data = file.read()
            change(path, data, how, int(at))
            draw = verifier.Draw(directory, key)
            draw.check()
            write(path, data)
            found = ''.join(draw.lines[check][0][0] for check in verifier.CHECKS)
            if found != verdicts or draw.status() != verifier.EXIT_FAIL:
                draw.print(False)
                print('%s %s %s: lottery-verify has %s, and lottery-verify.py %s'
                      % (name, how, at, verdicts, found))
                return 1
            count += 1
    print('%d changes, all found by both' % count)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
