"""What cells say that headings do not: a unit by its size, words that stand for numbers, a day and its time apart.

Guesses are for a proposed map alone, each with its reason beside it; no reading ever rests on one, but for a start that
is told by a column of dates and a column of times of day: their headings and every cell of the head say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import ibis

from cxfusion.tables.headings import read_heading
from cxfusion.tables.sources import SOURCES
from cxfusion.tables.sources.leg_export import DERIVED
from cxfusion.tables.steps import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.engine.contract import Narrow
    from cxfusion.tables.mapping import Section
    from cxfusion.tables.reading import Reading

__all__ = ["Guess", "RowsOf", "answers_of", "date_and_time", "units_of", "vendor_of"]

RowsOf: TypeAlias = "Callable[[Narrow], ir.Table]"
"""What is to be made of a source, where it lives, to the rows of it."""

LARGE, SMALL = 10_000, 10  # half of all talks as long as 2 h 46 min, or shorter than 10 s: not in seconds
MOST_WORDS: Final = 12
HEAD_ROWS: Final = 200
CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[ap]m)?", re.IGNORECASE)
DATES: Final = ("date", "calldate", "contactdate", "startdate", "interactiondate", "dateofcall", "day")
TIMES: Final = ("time", "calltime", "contacttime", "starttime", "interactiontime", "timeofcall", "timeofday")
MIDDLE: Final = ("neutral", "ok", "okay", "average", "neither", "neither satisfied nor dissatisfied",
                 "neither agree nor disagree", "neither easy nor difficult")  # fmt: skip
LADDERS: Final = tuple(
    tuple(words.split(", "))
    for words in (
        "very dissatisfied, dissatisfied, neutral, satisfied, very satisfied",
        "very unsatisfied, unsatisfied, neutral, satisfied, very satisfied",
        "very unhappy, unhappy, neutral, happy, very happy",
        "very bad, bad, neutral, good, very good",
        "very poor, poor, fair, good, excellent",
        "poor, fair, good, very good, excellent",
        "very difficult, difficult, neutral, easy, very easy",
        "strongly disagree, disagree, neutral, agree, strongly agree",
    )
)
"""Words of the usual questions, from the worst to the best."""
FEWEST_FIELDS, FIELD_SHARE = 4, 0.6  # of a vendor's own names, to take a file for its export


@dataclass(frozen=True)
class Guess:
    """What a column of a map could say besides.

    Attributes
    ----------
    words : mapping of str to str
        Key of the column's map to its value in TOML.
    why : str
    """

    words: Mapping[str, str]
    why: str


def units_of(reading: Reading) -> dict[str, Guess]:
    """Units of durations whose heading names none and whose size is not that of seconds."""
    open_ones = [b for b in reading.bindings.of_kind("duration") if b.how.column and b.how.unit is None]
    facts: dict[str, ir.Value] = {}
    for binding in open_ones:
        value = reading.get(binding.name)
        facts[binding.name] = ibis.struct({
            "n": (value > 0).sum(), "large": (value >= LARGE).sum(), "small": ((value > 0) & (value < SMALL)).sum(),
        })  # fmt: skip
    found = ask(reading.session, reading.staged, facts) if facts else {}
    guesses = {}
    for name, seen in found.items():
        if seen["n"] and seen["large"] * 2 >= seen["n"]:
            guesses[name] = Guess({"unit": '"ms"'}, f"half of {name} or more would be {LARGE:,} s or longer")
        elif name == "talk_seconds" and seen["n"] and seen["small"] * 2 > seen["n"]:
            why = f"half of {name} or more would be shorter than {SMALL} s; are other durations minutes too?"
            guesses[name] = Guess({"unit": '"min"'}, why)
    return guesses


def answers_of(reading: Reading) -> tuple[dict[str, Guess], list[str]]:
    """What the words of scores could count, and what is to be decided of scores whose words are not the usual ones."""
    guesses: dict[str, Guess] = {}
    problems = []
    for binding in reading.bindings.of_kind("score"):
        words = _words_in(reading, binding.name)
        if not words:
            continue
        ladder = next((ladder for ladder in LADDERS if all(_rank(word, ladder) for word in words)), None)
        if ladder is None:
            listed = ", ".join(f'"{word}" = …' for word in words)
            problems.append(
                f"{binding.how.column!r} holds words; say what each counts, with"
                f' {binding.name} = {{ column = "{binding.how.column}", answers = {{ {listed} }} }}'
            )
            continue
        ranked = sorted(words, key=lambda word: -_rank(word, ladder))
        answers = ", ".join(f'"{word}" = {_rank(word, ladder)}' for word in ranked)
        told = {"answers": f"{{ {answers} }}", "scale": f"[1, {len(ladder)}]"}
        guesses[binding.name] = Guess(told, "which word counts what is a guess")
    return guesses, problems


def _words_in(reading: Reading, name: str) -> list[str]:
    """Cells of a score that are no numbers; none where there are too many different ones to be answers."""
    bad = reading.staged.filter(reading.get(name, "reason") == "not_a_number")
    few = bad.select(word=reading.get(name, "original").cast("string").strip()).distinct().limit(MOST_WORDS + 1)
    words = sorted(str(word) for word in reading.session.collect(few)["word"].to_pylist())
    is_plain = all('"' not in word and "\\" not in word and word.isprintable() for word in words)
    return words if len(words) <= MOST_WORDS and is_plain else []


def _rank(word: str, ladder: Sequence[str]) -> int:
    """Place of a word on a ladder, from 1; 0 where it is not on it."""
    plain = " ".join(word.lower().split())
    if plain in ladder:
        return ladder.index(plain) + 1
    return ladder.index("neutral") + 1 if plain in MIDDLE and "neutral" in ladder else 0


def date_and_time(session: Session, rows_of: RowsOf, found: Sequence[str]) -> tuple[str, str] | None:
    """A column of dates and one of times of day that together tell when a contact began, where there is one of each.

    Rows are asked for where the headings alone do not say that there is none.
    """
    keys = {name: read_heading(name).key for name in found}
    dates = [name for name in found if keys[name] in DATES]
    times = [name for name in found if keys[name] in TIMES]
    if len(dates) != 1 or not times:
        return None
    head = rows_of(lambda table: table.select(*times).limit(HEAD_ROWS)).select(*times)
    cells = session.collect(head).to_pydict()
    clocks = [name for name in times if _all_clocks(cells[name])]
    return (dates[0], clocks[0]) if len(clocks) == 1 else None


def _all_clocks(cells: Sequence[object]) -> bool:
    told = [str(cell).strip() for cell in cells if cell is not None and str(cell).strip()]
    return bool(told) and all(CLOCK.fullmatch(cell) for cell in told)


def vendor_of(section: Section, found: Sequence[str]) -> str | None:
    """The source whose own names a file's columns bear; of several the one that most of them do."""
    there = {name.lower() for name in found}
    shares = {}
    for source in SOURCES:
        legs = source.legs.columns.values() if source.legs else ()
        named = {name for how in legs for name in how.sources if not name.startswith(DERIVED)}
        named |= {field.source for field in source.fields}
        hits = len({name.lower() for name in named} & there)
        if section in source.reads and hits >= FEWEST_FIELDS and hits >= FIELD_SHARE * len(named):
            shares[source.name] = hits / len(named)
    return max(shares, key=lambda name: shares[name]) if shares else None
