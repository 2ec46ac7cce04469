#!/usr/bin/env python3
"""Writes docker-compose-dev.yaml for a server and as many clients as asked for.

    python3 multiple_clients_compose.py [OPTION...] <number_of_clients>
    python3 multiple_clients_compose.py --bets
    python3 multiple_clients_compose.py --extract DIRECTORY AGENCY...
    python3 multiple_clients_compose.py --tls

The server expects that many agencies; client N is agency N and sends
.data/agency-N.csv. A file that is not there is taken out of .data/dataset.zip
where there is one; a dataset.zip that does not give it is an error. Without a
dataset.zip it is written: made-up people, always the same ones, with a known
number of winners. A line says where the bets come from.

    --file FILE     writes FILE instead; its paths are relative to where it stands
    --generate      makes bets up for agencies that a good dataset.zip does not have
    --example-bet   each client sends the bet of exercise 5, out of its environment

`--bets` provides the files of the clients that docker-compose-dev.yaml has, and
leaves that as it is. `--extract` takes agencies' files out of the dataset, for
scripts/run.sh. `--tls` writes .tls/docker-compose.yaml, which Compose reads after
docker-compose-dev.yaml: it gives the server and each client the certificates that
scripts/tls.sh has made.

The same arguments give the same bytes. Files appear whole or not at all.
"""

import hashlib
import os
import re
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent
COMPOSE_FILE = ROOT / "docker-compose-dev.yaml"
BETS_DIRECTORY = ROOT / ".data"
DATASET_NAME = "dataset.zip"
TLS_DIRECTORY = ROOT / ".tls"
TLS_COMPOSE_FILE = TLS_DIRECTORY / "docker-compose.yaml"

MOST_CLIENTS = 1000  # a Docker network of the usual size has no addresses for many more
USAGE = f"""\
usage: python3 multiple_clients_compose.py [--file FILE] [--generate] [--example-bet]
           <number_of_clients>   (0 to {MOST_CLIENTS})
       python3 multiple_clients_compose.py --bets
       python3 multiple_clients_compose.py --extract DIRECTORY AGENCY...
       python3 multiple_clients_compose.py --tls"""


class Refusal(Exception):
    """What was asked for can't be done; the message says why and what to do."""


# ---- the compose file --------------------------------------------------------

HEAD = """\
# Written by multiple_clients_compose.py {arguments}. Change that script, not this file.
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
{bet}\
    labels:
      config.digest: "${{CLIENT_CONFIG_DIGEST:-}}"
    volumes:
      - ./client/config.yaml:/config.yaml:ro
      - ./.data:/.data:ro
    depends_on:
      server:
        condition: service_healthy
"""

EXAMPLE_OPTION = "--example-bet"
EXAMPLE_BET = """\
      NOMBRE: "Santiago Lionel"
      APELLIDO: "Lorca"
      DOCUMENTO: "30904465"
      NACIMIENTO: "1999-03-17"
      NUMERO: "7574"
"""

TAIL = """
networks:
  testing_net:

volumes:
  bets:
"""


def compose_text(clients, example_bet):
    # A server alone expects what its config.yaml says: a draw needs an agency.
    expected = EXPECTED.format(clients=clients) if clients else ""
    bet = EXAMPLE_BET if example_bet else ""
    agencies = (CLIENT.format(agency=agency, bet=bet) for agency in range(1, clients + 1))
    arguments = f"{EXAMPLE_OPTION} {clients}" if example_bet else clients
    return HEAD.format(arguments=arguments, expected=expected) + "".join(agencies) + TAIL


def clients_in(text):
    """How many clients send a file."""
    if EXAMPLE_OPTION in text.partition("\n")[0]:
        return 0
    return len(re.findall(r"^  client[0-9]+:$", text, re.MULTILINE))


# ---- certificates ----------------------------------------------------------------

TLS_HEAD = """\
# Written by multiple_clients_compose.py --tls, for `make docker-compose-up TLS=1`. Compose reads it
# after docker-compose-dev.yaml, where its paths begin, too.

services:
"""

# A container is made anew when the certificates in its folder have changed.
TLS_SERVICE = """\
  {service}:
    environment:
      {prefix}TLS_MODE: "required"
      {prefix}TLS_CERTIFICATE: "/tls/{name}.pem"
      {prefix}TLS_KEY: "/tls/{name}.key"
      {prefix}TLS_CA: "/tls/ca.pem"
{more}\
    labels:
      tls.digest: "{digest}"
    volumes:
      - ./.tls/{service}:/tls:ro
"""

TLS_LIST = """\
      TLS_CRL: "/tls/crl.pem"
"""


def tls_digest(service):
    """Of what is no secret: the keys are not ours to read."""
    digest = hashlib.sha256()
    for path in sorted((TLS_DIRECTORY / service).glob("*.pem")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def tls_text(services):
    return TLS_HEAD + "".join(
        TLS_SERVICE.format(
            service=service,
            prefix="" if service == "server" else "CLI_",
            name="server" if service == "server" else "agency",
            more=TLS_LIST if service == "server" else "",
            digest=tls_digest(service),
        )
        for service in services
    )


def write_tls():
    services = re.findall(r"^  (server|client[0-9]+):$", COMPOSE_FILE.read_text(), re.MULTILINE)
    write_whole(TLS_COMPOSE_FILE, tls_text(services).encode())


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


def same_name(name, wanted):
    """Windows and macOS don't tell cases apart; whoever packs there writes as they like."""
    return name.lower() == wanted


def find_named(wanted):
    """What stands in .data under this name, in any case; None if nothing does."""
    exact = BETS_DIRECTORY / wanted
    if os.path.lexists(exact):
        return exact
    names = sorted(os.listdir(BETS_DIRECTORY)) if BETS_DIRECTORY.is_dir() else []
    return next((BETS_DIRECTORY / name for name in names if same_name(name, wanted)), None)


def shown(path):
    """A path as the user of the checkout writes it."""
    return path.relative_to(ROOT)


def member_name(info):
    """Packers of Windows separate directories by backslashes."""
    return info.filename.replace("\\", "/").rpartition("/")[2]


class Dataset:
    """The course's dataset.zip: agencies' files, in whatever directories."""

    REMEDY = "get it anew; or take it away, to have bets made up"

    def __init__(self, path):
        self.name = shown(path)
        try:
            self.archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise Refusal(
                f"{self.name} is no whole zip file ({error}): {self.REMEDY}"
            ) from error
        except OSError as error:
            raise Refusal(f"{self.name}: {error.strerror}: {self.REMEDY}") from error

    def members(self, agency):
        wanted = f"agency-{agency}.csv"
        return [info for info in self.archive.infolist() if same_name(member_name(info), wanted)]

    def has(self, agency):
        return bool(self.members(agency))

    def has_any(self):
        return any(
            re.fullmatch(r"agency-[0-9]+\.csv", member_name(info), re.IGNORECASE)
            for info in self.archive.infolist()
        )

    def refuse_missing(self, agency):
        if not self.has_any():
            return Refusal(f"{self.name} has no agency's file (agency-N.csv): {self.REMEDY}")
        return Refusal(
            f"{self.name} has no agency-{agency}.csv: put that file into .data/, or have bets made "
            f"up for agencies without one (--generate)"
        )

    def read(self, agency):
        members = self.members(agency)
        if not members:
            raise self.refuse_missing(agency)
        if len(members) > 1:
            names = " and ".join(info.filename for info in members)
            raise Refusal(f"{self.name} has agency-{agency}.csv twice: {names}")
        return self.read_member(members[0])

    def read_member(self, info):
        if info.flag_bits & 1:
            raise Refusal(
                f"{self.name}: {info.filename} is encrypted: unpack it, with its password, "
                f"into .data/"
            )
        try:
            return self.archive.read(info)
        except NotImplementedError as error:
            raise Refusal(
                f"{self.name}: {info.filename}: {error}: unpack it into .data/ with the program "
                f"that packed it"
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise Refusal(
                f"{self.name}: {info.filename} is damaged ({error}): {self.REMEDY}"
            ) from error


def open_dataset():
    """The dataset, or None where there is none."""
    path = find_named(DATASET_NAME)
    return None if path is None else Dataset(path)


def make_bets_directory():
    """Open for all, whatever the umask: the containers' user has to enter it."""
    try:
        BETS_DIRECTORY.mkdir()
    except FileExistsError:
        return
    BETS_DIRECTORY.chmod(0o755)


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3, 7"."""
    parts = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in parts)


class Sources:
    """Where each agency's bets come from, and what of them has to be written."""

    THERE = ".data/agency-N.csv"
    GENERATED = "generated"

    def __init__(self, generate):
        self.generate = generate
        self.dataset = None
        self.dataset_is_open = False
        self.agencies = {}  # by source

    def find_dataset(self):
        if not self.dataset_is_open:
            self.dataset = open_dataset()
            self.dataset_is_open = True
        return self.dataset

    def note(self, source, agency):
        self.agencies.setdefault(source, []).append(agency)

    def bets(self, agency):
        """The bytes to write, or None where the file is there."""
        name = f"agency-{agency}.csv"
        there = find_named(name)
        if there is not None:
            self.note(self.THERE, agency)
            return None if there.name == name else there.read_bytes()
        dataset = self.find_dataset()
        if dataset is None or (self.generate and dataset.has_any() and not dataset.has(agency)):
            self.note(self.GENERATED, agency)
            return generated_bets(agency)
        self.note(f".data/{DATASET_NAME}", agency)
        return dataset.read(agency)

    def tell(self):
        for source, agencies in self.agencies.items():
            print(f"bets: {source} (agencies {ranges(agencies)})")


def provide_bets(clients, generate):
    """Nothing is written before all of it can be had."""
    sources = Sources(generate)
    wanted = {agency: sources.bets(agency) for agency in range(1, clients + 1)}
    make_bets_directory()
    for agency, bets in wanted.items():
        if bets is not None:
            write_whole(BETS_DIRECTORY / f"agency-{agency}.csv", bets)
    sources.tell()


def extract(directory, agencies):
    dataset = open_dataset()
    if dataset is None:
        raise Refusal(f"there is no .data/{DATASET_NAME}")
    for agency, bets in [(agency, dataset.read(agency)) for agency in agencies]:
        write_whole(Path(directory) / f"agency-{agency}.csv", bets)


# ---- both ----------------------------------------------------------------------


def write_whole(path, content):
    """Replaces the file at once; readable for all, the containers' user among them."""
    if path.exists() and not path.is_file():
        # Root would take /dev/stdout away from all programs.
        raise Refusal(f"{path} is no regular file, and would be replaced by one: name a file")
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def number(text):
    """A plain whole number, or None."""
    return int(text) if re.fullmatch(r"0|[1-9][0-9]{0,3}", text) else None


class Arguments:
    """--file FILE, --generate, --example-bet and a number of clients."""

    def __init__(self, words):
        self.file, self.generate, self.example_bet, self.clients = COMPOSE_FILE, False, False, None
        words = list(words)
        while len(words) > 1:
            word = words.pop(0)
            if word == "--file" and len(words) > 1:
                self.file = Path(words.pop(0))
            elif word == "--generate":
                self.generate = True
            elif word == EXAMPLE_OPTION:
                self.example_bet = True
            else:
                return
        clients = number(words[0]) if words else None
        self.clients = clients if clients is not None and clients <= MOST_CLIENTS else None


def refuse_usage():
    print(USAGE, file=sys.stderr)
    return 1


def main(words):
    if words == ["--bets"]:
        provide_bets(clients_in(COMPOSE_FILE.read_text()), generate=False)
        return 0
    if words == ["--tls"]:
        write_tls()
        return 0
    if words[:1] == ["--extract"]:
        agencies = [number(word) for word in words[2:]]
        if not agencies or None in agencies:
            return refuse_usage()
        extract(words[1], agencies)
        return 0
    arguments = Arguments(words)
    if arguments.clients is None:
        return refuse_usage()
    provide_bets(0 if arguments.example_bet else arguments.clients, arguments.generate)
    text = compose_text(arguments.clients, arguments.example_bet)
    write_whole(arguments.file, text.encode())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, Refusal) as error:
        sys.exit(f"multiple_clients_compose.py: {error}")
