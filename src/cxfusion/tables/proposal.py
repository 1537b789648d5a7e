"""A first map for a file: what its headings and cells say by themselves, and what only its owner can decide."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, get_args

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import CxfusionError, redacted
from cxfusion.tables.canonical import SCORE_SCALES
from cxfusion.tables.guesses import answers_of, date_and_time, units_of, vendor_of
from cxfusion.tables.headings import canonical_columns
from cxfusion.tables.mapping import Map, Section
from cxfusion.tables.opening import open_source
from cxfusion.tables.read import read_surveys
from cxfusion.tables.recognition import match_headings, near_headings
from cxfusion.tables.staging import start_reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cxfusion.engine import Session
    from cxfusion.tables.binding import Binding
    from cxfusion.tables.guesses import Guess
    from cxfusion.tables.reading import Reading

__all__ = ["MapProposal", "propose_map"]

SECTIONS: Final[tuple[Section, ...]] = get_args(Section)


@dataclass(frozen=True)
class MapProposal:
    """A map to be checked by whoever knows the file.

    Attributes
    ----------
    toml : str
        The map, with what is doubtful or missing as comments; :func:`load_map` accepts it as it is.
    to_decide : tuple of str
        What keeps the file from being read with this map.
    """

    toml: str
    to_decide: tuple[str, ...]


@dataclass(frozen=True)
class _Recognised:
    """What the headings found say: canonical name to source column, those a few letters away apart.

    ``moment`` is a column of dates and one of times of day that tell the start together.
    """

    section: Section
    found: tuple[str, ...]
    exact: dict[str, str]
    near: dict[str, str]
    moment: tuple[str, str] | None = None

    @property
    def lines(self) -> dict[str, str]:
        """Line of the map by canonical name."""
        lines = {name: f"{name} = {_quoted(source)}" for name, source in self.columns.items()}
        if self.moment is not None:
            date, time = map(_quoted, self.moment)
            lines["started_at"] = f"started_at = {{ date = {date}, time = {time} }}"
        return lines

    @property
    def columns(self) -> dict[str, str]:
        both = {**self.exact, **self.near}
        return {column.name: both[column.name] for column in canonical_columns(self.section) if column.name in both}


def propose_map(path: str, session: Session, section: Section | None = None) -> MapProposal:
    """Propose a map for a file.

    Parameters
    ----------
    path : str
        As of :func:`read_contacts`.
    session : Session
    section : {"contacts", "surveys"}, optional
        What the file holds; by default what its headings say, which may be both.

    Raises
    ------
    InputError, UsageError
        The file cannot be opened as a table.
    """
    rows = session.read(open_source(path))
    found = [name for name in rows.columns if name not in (SOURCE_FILE, SOURCE_ROW)]
    moment = date_and_time(session, lambda narrow: narrow(rows), found)
    recognised = [_recognise(name, found, moment if name == "contacts" else None) for name in SECTIONS]
    parts = [_propose(path, session, one) for one in recognised if one.section in _sections(section, recognised)]
    head = [
        f"# Proposed for {_quoted(redacted(path))} from its headings and cells. Check every line before you use it."
    ]
    text = "\n".join([*head, *(line for part in parts for line in ("", *part.toml.splitlines()))])
    return MapProposal(text + "\n", tuple(told for part in parts for told in part.to_decide))


def _recognise(section: Section, found: Sequence[str], moment: tuple[str, str] | None) -> _Recognised:
    names = {column.name for column in canonical_columns(section)}
    free = [name for name in found if name not in (moment or ())]
    exact, _ = match_headings(section, free, names)  # what collides is left open, and told when the map is tried
    if "started_at" in exact:
        moment = None
        exact, _ = match_headings(section, found, names)
    return _Recognised(section, tuple(found), exact, near_headings(section, free, names - set(exact), exact), moment)


def _sections(asked: Section | None, recognised: Sequence[_Recognised]) -> tuple[Section, ...]:
    """A file with durations is a log, one with a score or of a survey vendor a survey; one with both is both."""
    if asked is not None:
        return (asked,)
    contacts, surveys = recognised
    has_score = not set(SCORE_SCALES).isdisjoint(surveys.columns)
    has_durations = any(name.endswith("_seconds") for name in contacts.columns)
    if not has_score:
        is_survey = vendor_of("surveys", surveys.found) and not vendor_of("contacts", contacts.found)
        return ("surveys",) if is_survey else ("contacts",)
    return ("contacts", "surveys") if has_durations else ("surveys",)


def _propose(path: str, session: Session, recognised: _Recognised) -> MapProposal:
    section = recognised.section
    plain = recognised.lines
    vendor = vendor_of(section, recognised.found)
    known = f'source = "{vendor}" knows the columns of such exports' if vendor else ""
    try:
        given = _as_map(section, plain.values())
        if section == "surveys":
            read_surveys(path, map=given, session=session)
        reading = start_reading(section, path, given, None, session)
    except CxfusionError as error:
        told = error.problems or (error.message,)
        used = {*recognised.columns.values(), *(recognised.moment or ())}
        left = ", ".join(_quoted(name) for name in recognised.found if name not in used)
        return MapProposal(_text(path, recognised, plain, told, [("Not recognised:", left), ("Perhaps:", known)]), told)
    guesses, problems = answers_of(reading)
    guesses |= units_of(reading)
    lines = {
        binding.name: _line(binding, reading, guesses.get(binding.name)) or plain[binding.name]
        for binding in reading.bindings.columns
        if binding.name in plain
    }
    kept = ", ".join(f"{_quoted(source)} as {name}" for name, source in reading.bindings.attributes.items())
    remarks = [*(("Doubtful:", f"{name}: {guess.why}") for name, guess in guesses.items())]
    remarks += [("Perhaps:", known), ("Kept as they are:", kept)]
    if reading.look.years is not None:
        remarks.append(
            ("Times have no offset and are read as UTC, unless", f'[{section}] says, say, timezone = "Europe/Berlin"')
        )
    return MapProposal(_text(path, recognised, lines, problems, remarks), tuple(problems))


def _as_map(section: Section, lines: Iterable[str]) -> Map:
    return Map.model_validate(tomllib.loads("\n".join([f"[{section}.columns]", *lines])))


def _line(binding: Binding, reading: Reading, guess: Guess | None) -> str:
    """A column with the unit and the way of writing times that were found; nothing of one that several make."""
    source = binding.how.column or ""
    if source not in reading.bindings.found:
        return ""
    form = reading.look.forms.get((source, ()))
    words = guess.words if guess else {}
    scale = list(binding.how.scale) if binding.how.scale and "scale" not in words else None
    details = {"unit": binding.how.unit, "scale": scale, "format": list(form.patterns) if form else None}
    told = [f"{key} = {json.dumps(value)}" for key, value in details.items() if value]
    told += [f"{key} = {value}" for key, value in words.items()]
    if not told:
        return f"{binding.name} = {_quoted(source)}"
    return f"{binding.name} = {{ {', '.join([f'column = {_quoted(source)}', *told])} }}"


def _text(
    path: str,
    recognised: _Recognised,
    lines: dict[str, str],
    to_decide: Sequence[str],
    remarks: Sequence[tuple[str, str]],
) -> str:
    section = recognised.section
    absent = ", ".join(column.name for column in canonical_columns(section) if column.name not in lines)
    doubtful = [
        ("Doubtful:", f"{_quoted(source)} was taken for {name}, because the spelling is that near")
        for name, source in recognised.near.items()
    ]
    if recognised.moment is not None:
        doubtful.append(("Doubtful:", f"{' and '.join(map(_quoted, recognised.moment))} were taken for the start"))
    head = [f"[{section}]", f"path = {_quoted(redacted(path))}", "", f"[{section}.columns]", *lines.values()]
    told = [*(("To decide:", problem) for problem in to_decide), *doubtful, *remarks, ("Not found:", absent)]
    return "\n".join([*head, *(_comment(label, text) for label, text in told if text)])


def _comment(label: str, text: str) -> str:
    """One line of comment; whatever a comment must not hold becomes a blank."""
    return "# " + " ".join("".join(letter if letter.isprintable() else " " for letter in f"{label} {text}").split())


def _quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
