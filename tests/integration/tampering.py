#!/usr/bin/env python3
"""tampering.py - gives lottery-verify.py the changes that lottery-verify has judged (test_verify.c).

    tampering.py DIRECTORY KEY JUDGED

JUDGED has a line for each change of one file of the directory: `NAME CHANGE AT VERDICTS`, where
CHANGE is flip (the byte at AT, xor 1), cut (the last byte), grow (a byte more) or delete, and
VERDICTS is a letter for each check. Every change is made, judged, compared and undone. Prints
how many there were, and ends with status 1 at the first one that is judged otherwise.

A start of openssl takes longer than all other checks. So it is asked about the good signatures and
about each change of a signature; a changed file with its old signature counts as wrongly signed.
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


def put(path, at, data, size):
    """In place: a file that is written anew is flushed to the disk by ext4 each time."""
    with open(path, 'r+b' if os.path.exists(path) else 'wb') as file:
        file.seek(at)
        file.write(data)
        file.truncate(size)


def change(path, data, how, at):
    if how == 'flip':
        put(path, at, bytes([data[at] ^ 1]), len(data))
    elif how == 'cut':
        put(path, 0, b'', len(data) - 1)
    elif how == 'grow':
        put(path, len(data), b'x', len(data) + 1)
    else:
        os.unlink(path)


def read(directory, name):
    with open(os.path.join(directory, name), 'rb') as file:
        return file.read()


def spare_openssl(verifier, directory):
    """Has openssl asked only about the data of the good files."""
    signed = [read(directory, name) for name in ('seal.json', 'draw.json')]
    ask = verifier.is_signed
    verifier.is_signed = lambda key, data, signature: data in signed and ask(key, data, signature)


def main(directory, key, judged):
    verifier = load_verifier()
    spare_openssl(verifier, directory)
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
            put(path, 0, data, len(data))
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
