"""Broken studies, maps and command lines: an answer, or a typed error with its exit code; never a traceback."""

from __future__ import annotations

import json
import random
import tomllib
from typing import TYPE_CHECKING, Any, Final

from typer.testing import CliRunner

from cxfusion.cli import app
from cxfusion.config import load_study
from cxfusion.errors import CxfusionError
from fuzz.changes import case_of
from fuzz.judge import LEAKS
from fuzz.poison import CELLS
from fuzz.readers import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["CAMPAIGNS"]

STUDY: Final = """[contacts]
path = "calls.csv"
timezone = "Europe/Berlin"
datetime_format = "%Y-%m-%d %H:%M"
attributes = ["queue"]
[contacts.columns]
contact_id = "Call ID"
started_at = "Start Time"
talk_seconds = { column = "Talk Time", unit = "s" }
[contacts.leave_out]
"Queue Name" = ["test"]
[surveys]
path = "answers.csv"
[surveys.columns]
csat = { column = "CSAT", scale = [1, 5] }
[pairing]
by = ["contact_id", "customer_id"]
within = "48h"
[study]
outcome = "csat"
by = ["queue"]
interval = "1h"
since = 2026-03-01
until = 2026-04-01T12:00:00
[levers.wait_seconds]
moment = "before"
step = -30
shape = "log1p"
[experiments.arm]
lever = "wait_seconds"
[engine]
threads = 1
memory_limit = "1GB"
[output]
schema = "nightly"
database = "duckdb://results.duckdb"
[checks]
future_seconds = 60
[checks.levels]
volume_changed = "stop"
[privacy]
key_variable = "NO_SUCH_KEY"
"""
VALUES: Final = (
    "", '""', "-1", "0", "1e309", "nan", "inf", "true", "[]", "{}", '"x"', '[["a"]]', "1979-05-27", '"\\u0000"',
    '"../no such place"', '{ column = "A", unit = "ms", scale = [5, 1] }', "99999999999999999999",
    '"' + "x" * 10_000 + '"', "[1, 2, 3]",
    '"SELEC 1"', '"%"', '"=cmd()"', '"🦄"', '"10 years"', '"/proc/self/mem"', '"/dev/null"', '{ from = "a", to = 3 }',
)  # fmt: skip
LOG: Final = "Call ID,Start Time,Talk Time,Queue Name,Customer ID\n" + "".join(
    f"c{i},2026-03-0{1 + i % 9} 1{i % 10}:30,{30 + i},{'ab'[i % 2]},k{i % 20}\n" for i in range(60)
)
ANSWERS: Final = "Call ID,CSAT,Survey Date\n" + "".join(f"c{i},{1 + i % 5},2026-03-12 10:00\n" for i in range(40))
WORDS: Final = (
    "calls.csv", "answers.csv", "STUDY.toml", "no-such-file.csv", ".", "", "-", "--", "--help", "--json", "--map",
    "--by", "queue", "--interval", "1h", "--since", "2026-03-01", "soon", "--until", "1999-01-01", "--outcome",
    "nps", "csat", "--within", "3 weeks", "72h", "--pair-by", "customer_id", "--threads", "0", "1", "--memory",
    "10MB", "--timezone", "Mars/Base", "UTC", "--contacts-source", "five9_call_log", "--surveys-source",
    "qualtrics", "--against", "nowhere", "--section", "surveys", "--no-report", "--quiet",
    "postgres://x:secret@localhost:1/db/t", "duckdb://a.duckdb/t", "*.csv", "calls.csv\0", "-9", "--out", "here",
    "calls.csv/inside", "~", "--key-file", "--to", "--contacts", "--seed", "x" * 5000,
)  # fmt: skip
COMMANDS: Final = ("check", "map", "diagnose", "fuse", "run", "sources", "version", "simulate", "check", "map")
CODES: Final = (0, 2, 3, 4)


def of_studies(number: int, folder: Path) -> Iterator[str]:
    """What is wrong with the way one broken STUDY.toml is loaded."""
    rng = random.Random(f"study/{number}")
    text = STUDY
    for _ in range(rng.choice([1, 1, 2, 5])):
        text = rng.choice(CHANGES)(text, rng)
    path = folder / "STUDY.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    try:
        json.dumps(load_study(path).words())
    except CxfusionError as error:
        yield from _told_badly(str(error), error.exit_code)


def _value(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if "=" in line]
    if not places:
        return text
    at = rng.choice(places)
    lines[at] = f"{lines[at].split('=')[0]}= {rng.choice(VALUES)}"
    return "\n".join(lines)


def _key(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    at = rng.randrange(len(lines)) if lines else 0
    old = lines[at] if lines else ""
    new = rng.choice(
        [old.upper(), old[:-1], old + "x", old.replace("_", "-"), "x" + old, old + "\n" + old, "", "[[a]]"]
    )
    return "\n".join([*lines[:at], new, *lines[at + 1 :]])


def _cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _noise(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["\0", "\udcff", "\r", '"""', "[", "{", "\\", "é", "=", "\ufeff"]) + text[at:]


def _moved(text: str, rng: random.Random) -> str:
    lines = text.splitlines()
    rng.shuffle(lines)
    return "\n".join(lines)


CHANGES: Final[tuple[Callable[[str, random.Random], str], ...]] = (_value, _value, _key, _cut, _noise, _moved)


def of_maps(number: int, folder: Path) -> Iterator[str]:
    """What is wrong with the map that is proposed for one broken file."""
    reader = FILES[number % len(FILES)]
    case = case_of(reader, number, random.Random(f"map/{number}"))
    if not isinstance(case.data, bytes):
        return
    path = folder / f"input{case.suffix}"
    path.write_bytes(case.data)
    result = CliRunner().invoke(app, ["map", str(path)])
    yield from _ended_badly(result)
    if result.exit_code == 0:
        try:
            tomllib.loads(result.stdout)
        except tomllib.TOMLDecodeError as error:
            yield f"the proposed map is no TOML: {error}"


FILES: Final = tuple(reader for reader in READERS if isinstance(reader.form.write(reader.records[:1]), bytes))


def of_commands(number: int, folder: Path) -> Iterator[str]:
    """What is wrong with the way one odd command line ends."""
    rng = random.Random(f"command/{number}")
    files = {"calls.csv": LOG, "answers.csv": ANSWERS, "STUDY.toml": STUDY.replace("NO_SUCH_KEY", "HOME")}
    for name, content in files.items():
        (folder / name).write_text(content)
    places = {*files, "here", "no-such-file.csv", "*.csv"}
    command = rng.choice(COMMANDS)
    usual = {"check": ["calls.csv", "answers.csv"], "fuse": ["calls.csv", "answers.csv", "--out", "here"],
             "map": ["calls.csv"], "diagnose": ["calls.csv", "--out", "here"], "run": ["STUDY.toml", "--out", "here"],
             "simulate": ["--out", "here", "--contacts", "300"]}.get(command, [])  # fmt: skip
    words = [*usual, *(rng.choice([*WORDS, *map(str, CELLS)]) for _ in range(rng.choice([0, 1, 1, 2, 4])))]
    if rng.random() < 0.3:
        rng.shuffle(words)
    if command == "simulate" and "--contacts" not in words:
        words += ["--contacts", "300"]
    placed = [str(folder / word) if word in places else word for word in words]
    result = CliRunner().invoke(app, [command, *placed])
    yield from (f"{' '.join([command, *words])[:200]}: {told}" for told in _ended_badly(result))


def _ended_badly(result: Any) -> Iterator[str]:
    if result.exit_code not in CODES:
        yield f"exit code {result.exit_code}: {result.exception!r}"[:300]
    elif result.exception is not None and not isinstance(result.exception, SystemExit):
        yield f"ended with {result.exception!r}"[:300]
    if result.exit_code:
        yield from _told_badly(result.stderr, result.exit_code)


def _told_badly(text: str, code: int) -> Iterator[str]:
    if code not in CODES:
        yield f"exit code {code}"
    if not text.strip():
        yield "an error without a word"
    if leak := LEAKS.search(text):
        yield f"the words of another program: {leak.group()!r} in {text[:200]!r}"
    if "secret" in text and "unexpected extra argument" not in text:  # which repeats the command line as it was typed
        yield "a password"


CAMPAIGNS: Final = {"studies": of_studies, "maps": of_maps, "commands": of_commands}
"""By name: from the number of a case, and a folder for it, to what is wrong."""
