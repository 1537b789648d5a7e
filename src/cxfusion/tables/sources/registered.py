"""Sources that other packages bring, found through their entry points; none is imported before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, get_args

from cxfusion.errors import UsageError
from cxfusion.tables.canonical import LEG_COLUMNS
from cxfusion.tables.sources.source import Reads, Source

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["GROUP", "Registered", "load_source", "registered_names", "registered_sources"]

GROUP: Final = "cxfusion.sources"
"""Entry points of this group name a :class:`Source` each, under the source's own name."""


@dataclass(frozen=True)
class Registered:
    """A source that another package brings.

    Attributes
    ----------
    source : Source
    origin : str
        The package and its version.
    """

    source: Source
    origin: str


def registered_names() -> list[str]:
    """Names that other packages have registered; nothing of theirs is imported for it."""
    return sorted({point.name for point in _points()})


def load_source(name: str) -> Registered | None:
    """The source that another package registered by a name; None where none did.

    Raises
    ------
    UsageError
        Several packages registered it, or what one registered cannot be loaded or is no source.
    """
    points = [point for point in _points() if point.name == name]
    if not points:
        return None
    if len(points) > 1:
        packages = ", ".join(sorted(map(_origin, points)))
        raise UsageError(f"Several packages bring a source {name!r}: {packages}. Uninstall all but one of them.")
    return Registered(_loaded(points[0]), _origin(points[0]))


def registered_sources(taken: Collection[str]) -> tuple[list[Registered], list[str]]:
    """All sources of other packages that can be used, and what is to be told of those that cannot.

    Parameters
    ----------
    taken : collection of str
        Names of our own sources, which go before any other.
    """
    found, notes = [], []
    for name in registered_names():
        if name in taken:
            packages = ", ".join(sorted(_origin(point) for point in _points() if point.name == name))
            notes.append(f"The source {name!r} of {packages} is not used: cxfusion has one of its own by that name.")
            continue
        try:
            source = load_source(name)
        except UsageError as error:
            notes.append(str(error))
        else:
            found += [source] if source else []
    return found, notes


def _points() -> list[EntryPoint]:
    """Entry points of all packages; one that is installed twice, as an editable one often seems to be, counts once."""
    return list({(point.name, point.value, _origin(point)): point for point in entry_points(group=GROUP)}.values())


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"


def _loaded(point: EntryPoint) -> Source:
    try:
        source = point.load()
    except Exception as error:
        said = ": ".join([type(error).__name__, *str(error).splitlines()[:1]])
        raise UsageError(
            f"The source {point.name!r} of {_origin(point)} could not be loaded from {point.value} ({said})."
            " Mend or uninstall that package."
        ) from error
    problems = _problems(point.name, source)
    if problems:
        raise UsageError(
            f"What {_origin(point)} registers as the source {point.name!r}, {point.value}, cannot be used. Mend or"
            " uninstall that package.",
            problems,
        )
    assert isinstance(source, Source)  # noqa: S101  else there were problems
    return source


def _problems(name: str, source: object) -> list[str]:
    """What keeps an object from being the source that it is registered as."""
    if not isinstance(source, Source):
        return [f"it is of type {type(source).__name__}; expected a Source of cxfusion.tables.sources"]
    sections = get_args(Reads)
    legs = source.legs.columns if source.legs else {}
    unknown = sorted(set(legs) - {column.name for column in LEG_COLUMNS})
    lacking = sorted({"leg_id", "contact_id", "is_handled"} - set(legs)) if source.legs else []
    is_start = not source.legs or bool({"started_at", "closed_at"} & set(legs))
    checks = {
        f"its own name is {source.name!r}": source.name == name,
        f"it reads {source.reads!r}; expected some of {sections!r}": bool(source.reads)
        and set(source.reads) <= set(sections),
        "it has no description": bool(source.description),
        "it has legs but gives no contacts": not source.legs or "contacts" in source.reads,
        "it has neither an export, nor legs, nor a map": bool(source.export or source.legs or source.map),
        f"its legs have columns that no leg has: {', '.join(unknown)}": not unknown,
        f"its legs lack {', '.join(lacking)}": not lacking,
        "its legs tell neither started_at nor closed_at": is_start,
    }
    return [told for told, is_fine in checks.items() if not is_fine]
