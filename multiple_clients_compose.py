#!/usr/bin/env python3
"""Writes docker-compose-dev.yaml for a server and as many clients as asked for.

    python3 multiple_clients_compose.py <number_of_clients>
    python3 multiple_clients_compose.py --bets

The server expects that many agencies; client N is agency N and sends
.data/agency-N.csv. A file that is not there is taken out of .data/dataset.zip
where that has it, and is written otherwise: made-up people, always the same
ones, with a known number of winners. `--bets` provides the files of the
clients that docker-compose-dev.yaml has, and leaves that as it is.

The same number gives the same bytes. Files appear whole or not at all.
"""

import os
import re
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
COMPOSE_FILE = ROOT / "docker-compose-dev.yaml"
BETS_DIRECTORY = ROOT / ".data"
DATASET = BETS_DIRECTORY / "dataset.zip"

MOST_CLIENTS = 1000  # a Docker network of the usual size has no addresses for many more
USAGE = f"""\
usage: python3 multiple_clients_compose.py <number_of_clients>   (0 to {MOST_CLIENTS})"""

# ---- the compose file --------------------------------------------------------

HEAD = """\
# Written by multiple_clients_compose.py {clients}. Change that script, not this file.
#
# Neither server nor clients need an init: both handle SIGTERM as process 1, and
# the server reaps its children itself.

x-common: &common
  networks: [testing_net]
  read_only: true
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]

services:
  server:
    <<: *common
    container_name: server
    image: server:latest
    environment:
      SERVER_ADDRESS: "0.0.0.0"
{expected}\
    labels:
      config.digest: "${{SERVER_CONFIG_DIGEST:-}}"
    # The ring stands in /dev/shm; ring.bytes has to fit.
    shm_size: 256m
    volumes:
      - ./server/config.yaml:/config.yaml:ro
      - bets:/data
"""

EXPECTED = """\
      NUMBER_OF_AGENCIES: "{clients}"
"""

CLIENT = """
  client{agency}:
    <<: *common
    container_name: client{agency}
    image: client:latest
    environment:
      CLI_ID: "{agency}"
    labels:
      config.digest: "${{CLIENT_CONFIG_DIGEST:-}}"
    volumes:
      - ./client/config.yaml:/config.yaml:ro
      - ./.data:/.data:ro
    depends_on:
      server:
        condition: service_healthy
"""

TAIL = """
networks:
  testing_net:

volumes:
  bets:
"""


def compose_text(clients):
    # A server alone expects what its config.yaml says: a draw needs an agency.
    expected = EXPECTED.format(clients=clients) if clients else ""
    agencies = (CLIENT.format(agency=agency) for agency in range(1, clients + 1))
    return HEAD.format(clients=clients, expected=expected) + "".join(agencies) + TAIL


def clients_in(text):
    return len(re.findall(r"^  client[0-9]+:$", text, re.MULTILINE))


# ---- the agencies' files -------------------------------------------------------

WINNING_NUMBER = 7574
NUMBERS = 10000  # bets are on 0 to 9999

# Rows and winners of the first five agencies, as in the course's own files, and of any other.
SHAPES = {1: (26936, 2), 2: (25518, 3), 3: (16014, 3), 4: (9238, 2), 5: (991, 0)}
OTHER_SHAPE = (1000, 1)

FIRST_NAMES = (
    "Agustín Benjamín Camila Ciro Emanuel Felipe Íñigo Joaquín Julieta Lautaro Lucía Malena "
    "María Martina Nicolás Santiago Sofía Tiago Valentina Zoé"
).split()
SECOND_NAMES = "Abril Ángel Belén Gabriel Inés José Leonel Pilar Raúl Valentín".split()
LAST_NAMES = (
    "Acuña Álvarez Borges Cáceres Díaz Forner Giménez Huarte Ibáñez Leiva Lorca Mamani Mejía "
    "Muñoz Núñez Rivera Saldaña Soto Vera Zambrano"
).split()


def scramble(value):
    """A number below 2**32 that looks random and depends on the value alone."""
    value = (value ^ (value >> 16)) * 0x45D9F3B & 0xFFFFFFFF
    value = (value ^ (value >> 16)) * 0x45D9F3B & 0xFFFFFFFF
    return value ^ (value >> 16)


def bet_row(agency, row, wins):
    dice = scramble(agency * 1_000_003 + row)
    names = scramble(dice + 1)
    day = scramble(dice + 2)
    first = FIRST_NAMES[names % len(FIRST_NAMES)]
    second = SECOND_NAMES[names // 32 % len(SECOND_NAMES)]
    last = LAST_NAMES[names // 1024 % len(LAST_NAMES)]
    document = 20_000_000 + agency * 30_000 % 20_000_000 + row
    birthdate = f"{1950 + day % 56}-{1 + day // 64 % 12:02}-{1 + day // 1024 % 28:02}"
    number = dice % (NUMBERS - 1)
    number = WINNING_NUMBER if wins else number + (number >= WINNING_NUMBER)
    return f"{first} {second},{last},{document},{birthdate},{number}\r\n"


def generated_bets(agency):
    rows, winners = SHAPES.get(agency, OTHER_SHAPE)
    winning_rows = {rows * (index + 1) // (winners + 1) for index in range(winners)}
    return "".join(bet_row(agency, row, row in winning_rows) for row in range(rows)).encode()


def dataset_bets(agency):
    """The agency's file out of the dataset, or None."""
    if not DATASET.is_file():
        return None
    with zipfile.ZipFile(DATASET) as archive:
        for name in archive.namelist():
            if Path(name).name == f"agency-{agency}.csv":
                return archive.read(name)
    return None


def make_bets_directory():
    """Open for all, whatever the umask: the containers' user has to enter it."""
    try:
        BETS_DIRECTORY.mkdir()
    except FileExistsError:
        return
    BETS_DIRECTORY.chmod(0o755)


def provide_bets(clients):
    make_bets_directory()
    for agency in range(1, clients + 1):
        path = BETS_DIRECTORY / f"agency-{agency}.csv"
        if not path.exists():
            bets = dataset_bets(agency)
            write_whole(path, generated_bets(agency) if bets is None else bets)


# ---- both ----------------------------------------------------------------------


def write_whole(path, content):
    """Replaces the file at once; readable for all, the containers' user among them."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def number_of_clients(arguments):
    """The number asked for, or None if that is not what the arguments are."""
    if len(arguments) != 1 or not re.fullmatch(r"0|[1-9][0-9]{0,3}", arguments[0]):
        return None
    clients = int(arguments[0])
    return clients if clients <= MOST_CLIENTS else None


def main(arguments):
    if arguments == ["--bets"]:
        provide_bets(clients_in(COMPOSE_FILE.read_text()))
        return 0
    clients = number_of_clients(arguments)
    if clients is None:
        print(USAGE, file=sys.stderr)
        return 1
    provide_bets(clients)
    write_whole(COMPOSE_FILE, compose_text(clients).encode())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, zipfile.BadZipFile) as error:
        sys.exit(f"multiple_clients_compose.py: {error}")
