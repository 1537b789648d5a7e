"""Where every canonical and own column of a table comes from: the map first, then the headings themselves.

Nothing is chosen between two columns that could both be meant; the error shows the line of the map that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cxfusion.engine.contract import SOURCE_FILE, SOURCE_ROW
from cxfusion.errors import ConfigError, InputError, MissingColumnError, NoScoreError, nearest_names
from cxfusion.tables.canonical import SCORE_SCALES, SURVEY_KEYS, Kind, kind_of_name
from cxfusion.tables.headings import (
    canonical_columns,
    letters_apart,
    may_differ_by,
    read_heading,
    resembling,
    snake_case,
    usual_names,
)
from cxfusion.tables.mapping import ColumnMap
from cxfusion.tables.recognition import match_headings, near_headings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cxfusion.tables.mapping import Map, Section, TableMap, Unit

__all__ = ["Binding", "Bindings", "bind"]

SHORTEST_SLIP: Final = 5  # letters of a name below which another a letter away is as likely meant as it is
RESERVED: Final = (SOURCE_FILE, SOURCE_ROW, "score_status")


@dataclass(frozen=True)
class Binding:
    """Where one column comes from.

    Attributes
    ----------
    name : str
        Canonical or own.
    kind : Kind
    how : ColumnMap
        Its source columns spelled as in the source, its unit filled in from the heading.
    """

    name: str
    kind: Kind
    how: ColumnMap

    @property
    def words(self) -> str:
        """Where it comes from, in words."""
        return self.how.words


@dataclass(frozen=True)
class Bindings:
    """Where all columns of a table come from.

    Attributes
    ----------
    columns : tuple of Binding
        Canonical ones in canonical order, then own ones.
    attributes : mapping of str to str
        Name to source column of what is kept as it is.
    found : tuple of str
        All columns of the source.
    leave_out : mapping of str to tuple of str
        Source column to cells that leave a row out.
    notes : tuple of str
    """

    columns: tuple[Binding, ...]
    attributes: Mapping[str, str]
    found: tuple[str, ...]
    leave_out: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of the source that anything is read from, in its order."""
        named = {name for binding in self.columns for name in binding.how.sources}
        named |= {*self.attributes.values(), *self.leave_out}
        return tuple(name for name in self.found if name in named)

    def of_kind(self, *kinds: Kind) -> tuple[Binding, ...]:
        """The columns of some kinds."""
        return tuple(binding for binding in self.columns if binding.kind in kinds)


def bind(section: Section, found: Sequence[str], given: Map, *, needs_key: bool = True) -> Bindings:
    """Bind a table's columns.

    Parameters
    ----------
    section : {"contacts", "surveys"}
    found : sequence of str
        The source's columns.
    given : Map
    needs_key : bool
        Whether surveys are to be paired.

    Raises
    ------
    ConfigError
        Two source columns for one canonical column, or a map entry that does not suit its column's kind.
    MissingColumnError
        A required column, or one that the map names, is not there.
    NoScoreError
        A survey without any score, all else being there.
    """
    found = [name for name in found if name not in (SOURCE_FILE, SOURCE_ROW)]
    _require_free_names(found)
    table = given.table(section)
    known = {column.name: column.kind for column in canonical_columns(section)}
    mapped, missing = _mapped(table, found, known, set(given.levers))
    leave_out, unknown = _left_out(table, found)
    free = [name for name in found if name not in {m.how.column for m in mapped.values()}]
    matched, collisions = match_headings(section, free, set(known) - set(mapped))
    near = near_headings(section, free, set(known) - set(mapped) - set(matched), matched)
    problems = [*_misfits(list(mapped.values()), known), *collisions]
    if problems:
        raise ConfigError(f"The columns of the {section} cannot be told apart, or do not suit the map.", problems)
    by_heading = {**matched, **near}
    chosen = mapped | {name: _heading_binding(name, known[name], source) for name, source in by_heading.items()}
    _require(section, found, chosen, [*missing, *unknown], needs_key=needs_key)
    order = [*known, *(name for name in mapped if name not in known)]
    columns = tuple(chosen[name] for name in order if name in chosen)
    attributes, own = _attributes(table, found, columns, set(given.levers))
    notes = tuple(_notes(section, near, mapped, known))
    return Bindings((*columns, *own), attributes, tuple(found), leave_out, notes)


def _require_free_names(found: Sequence[str]) -> None:
    """Raise where a file has a column under a name of ours: the engine then numbers its own."""
    taken = [name for name in (SOURCE_FILE, SOURCE_ROW) if f"{name}_1" in found]
    if taken:
        raise InputError(f"The source has a column {' and '.join(taken)}, a name that cxfusion adds itself. Rename it.")


def _mapped(
    table: TableMap, found: Sequence[str], known: Mapping[str, Kind], levers: set[str]
) -> tuple[dict[str, Binding], list[str]]:
    mapped: dict[str, Binding] = {}
    missing: list[str] = []
    for name, how in table.columns.items():
        there = _spelled(how.sources, found)
        missing += [
            f"{name} = {source!r} of the map: no such column{_nearest(source, found)}"
            for source in how.sources
            if source not in there
        ]
        exact = how.spelled({source: there.get(source, source) for source in how.sources})
        kind = _kind(name, exact, known, levers)
        if how.column and how.unit is None and kind == "duration":
            exact = exact.model_copy(update={"unit": _unit(how.column, name)})
        if how.column and how.scale is None and kind == "score" and not how.answers:
            exact = exact.model_copy(update={"scale": _scale(how.column)})
        mapped[name] = Binding(name, kind, exact)
    return mapped, missing


def _left_out(table: TableMap, found: Sequence[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    there = _spelled(table.leave_out, found)
    missing = [
        f"leave_out = {source!r} of the map: no such column{_nearest(source, found)}"
        for source in table.leave_out
        if source not in there
    ]
    return {there[source]: cells for source, cells in table.leave_out.items() if source in there}, missing


def _spelled(named: Iterable[str], found: Sequence[str]) -> dict[str, str]:
    """The source's own spelling of columns that a map names, of those that are there."""
    by_lower = {name.strip().lower(): name for name in found}
    actual = {name: name if name in found else by_lower.get(name.strip().lower()) for name in named}
    return {name: there for name, there in actual.items() if there is not None}


def _kind(name: str, how: ColumnMap, known: Mapping[str, Kind], levers: set[str]) -> Kind:
    if name in known:
        return known[name]
    if how.kind is not None:
        return how.kind
    if how.from_ is not None:
        return "duration"
    if how.date is not None:
        return "time"
    if how.scale is not None:
        return "score"
    promised = kind_of_name(name)
    return "number" if promised == "text" and name in levers else promised


def _heading_binding(name: str, kind: Kind, source: str) -> Binding:
    unit = _unit(source, name) if kind == "duration" else None
    return Binding(name, kind, ColumnMap(column=source, unit=unit, scale=_scale(source) if kind == "score" else None))


def _scale(source: str) -> tuple[float, float] | None:
    """Scale that a heading names."""
    return read_heading(source).scale


def _unit(source: str, name: str) -> Unit | None:
    """Unit that a heading names; one that is the name itself promises seconds, as ever, in figures or on a clock."""
    unit = read_heading(source).unit
    return None if source == name and unit == "s" else unit


def _misfits(bindings: Sequence[Binding], known: Iterable[str]) -> list[str]:
    """What in the map does not suit its column; engines do not tell names apart by letter case, nor may a map."""
    lower = {name.lower() for name in known}
    own = [binding.name.lower() for binding in bindings if binding.name not in known]
    taken = [
        name for name in own if name in lower or name in RESERVED or name.endswith("_is_day") or own.count(name) > 1
    ]
    times = [binding.name for binding in bindings if binding.kind == "time"]
    later = {binding.name: binding.how.after for binding in bindings if binding.how.after is not None}
    adrift = {name: after for name, after in later.items() if after not in times or after == name}
    return [
        *(f"{name} is a name that is taken, letter case aside; call the column something else" for name in taken),
        *(f"{name}: after = {after!r} is no other time column of the map" for name, after in adrift.items()),
        *(problem for binding in bindings for problem in _misfit(binding)),
    ]


def _misfit(binding: Binding) -> list[str]:
    name, kind, how = binding.name, binding.kind, binding.how
    is_number = kind in ("duration", "number")
    wrong = {
        "kind": how.kind not in (None, kind),
        "unit": how.unit is not None and not is_number,
        "scale": how.scale is not None and kind != "score",
        "answers": bool(how.answers) and kind not in ("score", "number", "count"),
        "higher_is_better": not how.higher_is_better and kind != "score",
        "format": bool(how.format) and kind != "time" and how.from_ is None,
        "true": bool(how.true) and kind != "flag",
        "from": how.from_ is not None and not is_number,
        "join": bool(how.join) and kind not in ("id", "text"),
        "date": how.date is not None and kind != "time",
    }
    told = [
        f"{name} is a column of kind {kind!r}; `{key}` does not apply to it" for key, is_so in wrong.items() if is_so
    ]
    if kind == "score" and how.scale is None and name not in SCORE_SCALES:
        line = f'{name} = {{ column = "{how.column}", scale = [1, 5] }}'
        told.append(f"{name} is a score of no usual scale; give it, as in  {line}")
    return told


def _require(
    section: Section, found: Sequence[str], chosen: Mapping[str, Binding], missing: Sequence[str], *, needs_key: bool
) -> None:
    """Raise once for all that a table cannot do without: columns the map names, required ones, a key, a score."""
    problems = [
        *missing,
        *(
            f"{column.name} was not found; {_line(section, column.name, found)}"
            for column in canonical_columns(section)
            if column.required and column.name not in chosen
        ),
    ]
    if section == "surveys" and needs_key and not set(SURVEY_KEYS) & set(chosen):
        told = (
            f"no key was found: one of {', '.join(SURVEY_KEYS)} says which contact is meant (where there is no contact"
            " log, read_surveys(…, alone=True) asks for none)"
        )
        problems.append(f"{told}; {_line(section, 'contact_id', found)}")
    is_complete = not problems
    if section == "surveys" and all(binding.kind != "score" for binding in chosen.values()):
        scores = ", ".join(SCORE_SCALES)
        problems.append(f"no score was found: expected one of {scores}; {_line(section, 'csat', found)}")
    if problems and section == "contacts" and (answers := _scores_among(found)):
        problems.append(
            f"scores were found ({', '.join(answers)}): is this the survey, and are the two in each other's place?"
        )
    if problems:
        kind: type[InputError] = NoScoreError if is_complete else MissingColumnError
        told = f"The {section} lack what they cannot do without; name it in the map, or export it too."
        raise kind(f"{told} Columns found: {', '.join(found)}.", problems)


def _scores_among(found: Sequence[str]) -> list[str]:
    """Headings that are those of scores."""
    usual = usual_names("surveys")
    keys = {key for name in SCORE_SCALES for key in (name, *usual[name])}
    return [heading for heading in found if read_heading(heading).stem in keys]


def _line(section: Section, name: str, found: Sequence[str]) -> str:
    near = resembling(section, name, found) or ["…"]
    seen = f"nearest: {', '.join(near)}; " if near != ["…"] else ""
    return f'{seen}name it in the map, under [{section}.columns], with a line such as  {name} = "{near[0]}"'


def _nearest(name: str, found: Sequence[str]) -> str:
    near = nearest_names(name, found)
    return f", nearest: {', '.join(near)}" if near else ""


def _attributes(
    table: TableMap, found: Sequence[str], columns: Sequence[Binding], levers: set[str]
) -> tuple[dict[str, str], tuple[Binding, ...]]:
    """Unmapped columns under free snake_case names; one that is a lever by name becomes a number of its own."""
    if table.attributes != "all":
        unknown = [name for name in table.attributes if name not in found]
        if unknown:
            raise MissingColumnError(
                f"The map's attributes name columns that are not there. Columns found: {', '.join(found)}.",
                [f"{name!r} was not found{_nearest(name, found)}" for name in unknown],
            )
    wanted = found if table.attributes == "all" else table.attributes
    used = {source for binding in columns for source in binding.how.sources}
    taken = {*RESERVED, *(binding.name for binding in columns)}
    taken |= {f"{binding.name}_is_day" for binding in columns if binding.kind == "time"}  # beside each, of surveys
    names: dict[str, str] = {}
    for source in wanted:
        if source in used:
            continue
        stem = name = snake_case(source)
        n = 1
        while name in taken or name in names:
            n += 1
            name = f"{stem}_{n}"
        names[name] = source
    own = tuple(
        Binding(name, _kind(name, ColumnMap(column=source), {}, levers), ColumnMap(column=source))
        for name, source in names.items()
        if name in levers
    )
    return {name: source for name, source in names.items() if name not in levers}, own


def _notes(
    section: Section, near: Mapping[str, str], mapped: Mapping[str, Binding], known: Mapping[str, Kind]
) -> list[str]:
    slips = {name: meant for name in mapped if name not in known and (meant := _slip_of(name, known))}
    return [
        *(f"{source!r} was taken for {name}: the spelling is that near" for name, source in near.items()),
        *(
            f"the map's column {name!r} was read as one of its own: nearest of the {section} is {meant}"
            for name, meant in slips.items()
        ),
    ]


def _slip_of(name: str, known: Iterable[str]) -> str | None:
    """The canonical name that a map's own name can be a slip of the pen of."""
    near = nearest_names(name, known, limit=1)
    if not near or len(near[0]) < SHORTEST_SLIP:
        return None
    n_apart = letters_apart(read_heading(name).key, read_heading(near[0]).key)
    return near[0] if n_apart <= may_differ_by(near[0]) else None
