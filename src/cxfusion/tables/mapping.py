"""Column maps: what a source's columns mean, written once as TOML or a dict and checked as a whole.

A map is checked without data; everything wrong with it is told at once, each with its place and nearest name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from cxfusion.errors import ConfigError, nearest_names
from cxfusion.tables.canonical import Kind  # noqa: TC001  pydantic reads it at run time
from cxfusion.tables.times import require_zone

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = ["ColumnMap", "LeverMap", "Map", "MapLike", "Section", "TableMap", "Unit", "load_map", "table_map"]

M = TypeVar("M", bound=BaseModel)
Unit: TypeAlias = Literal["s", "ms", "min", "h", "hh:mm:ss"]
Section: TypeAlias = Literal["contacts", "surveys"]

DIRECTIVES: Final = frozenset("aAbBcdDfgHIjmMnpSTxXyYzZ-%")
"""What may follow ``%`` in a ``datetime_format``."""


def _strptime_format(text: str) -> str:
    unknown = [code for code in re.findall(r"%(.)", text) if code not in DIRECTIVES]
    if "%" not in text or unknown:
        told = f"%{unknown[0]} is not known" if unknown else "it holds no %"
        raise ValueError(f"{text!r} is not a datetime format: {told}. Expected one such as '%d/%m/%Y %H:%M'")
    return text


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        return require_zone(name)
    except ConfigError as error:
        raise ValueError(error.message) from None


Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
Formats: TypeAlias = Annotated[tuple[Annotated[str, AfterValidator(_strptime_format)], ...], BeforeValidator(_as_list)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)


class ColumnMap(_Model):
    """Where one canonical or own column comes from, and how its cells are read.

    Attributes
    ----------
    column : str, optional
        The source column.
    from_, to : str, optional
        Instead of ``column``: two time columns whose difference ``to − from``, in seconds, is the value
        (``from`` in TOML).
    unit : {"s", "ms", "min", "h", "hh:mm:ss"}, optional
        Of a duration. Without it plain numbers are seconds, and clock forms (``01:02:03``) are read as such.
    scale : (float, float), optional
        Lowest and highest value a score can take.
    higher_is_better : bool
        False for a score where a high number means a worse experience.
    format : tuple of str
        How times are written (strptime), tried before the table's ``datetime_format``.
    true, false : tuple of str
        What a flag's cells say, instead of yes/no, true/false, 1/0.
    kind : Kind, optional
        Of an own column, where its name does not promise it.
    null : tuple of str, optional
        Cells that mean "missing", instead of the usual ones; an empty cell always does.
    """

    column: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    unit: Unit | None = None
    scale: tuple[float, float] | None = None
    higher_is_better: bool = True
    format: Formats = ()
    true: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    false: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    kind: Kind | None = None
    null: Annotated[tuple[str, ...], BeforeValidator(_as_list)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ColumnMap:
        ends = [end is not None for end in (self.from_, self.to)]
        if any(ends) != all(ends) or any(ends) == (self.column is not None):
            raise ValueError("expected either `column`, or `from` and `to` together")
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale = {list(self.scale)} must go from low to high; say higher_is_better = false apart")
        if bool(self.true) != bool(self.false):
            raise ValueError("`true` and `false` belong together: list the cells that mean either")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns it names."""
        return tuple(name for name in (self.column, self.from_, self.to) if name is not None)


class TableMap(_Model):
    """How one table is read: ``[contacts]`` or ``[surveys]`` of a map.

    Attributes
    ----------
    path : str, optional
        Where the table is, for jobs that take their sources from the map.
    timezone : str, optional
        IANA name of the zone in which times without an offset are meant.
    datetime_format : tuple of str
        How times are written (strptime); tried first, column by column.
    columns : mapping of str to ColumnMap
        By canonical name, or by the name of an own column.
    attributes : "all" or tuple of str
        Which unmapped source columns are kept.
    """

    path: str | None = None
    timezone: Zone | None = None
    datetime_format: Formats = ()
    columns: dict[str, Annotated[ColumnMap, BeforeValidator(_as_column)]] = Field(default_factory=dict)
    attributes: Literal["all"] | tuple[str, ...] = "all"


class LeverMap(_Model):
    """What a map says of one lever: ``[levers.NAME]``.

    Attributes
    ----------
    role : {"lever", "influenceable", "given", "placebo"}
    moment : {"before", "during", "after"}
    step : float, optional
        The change whose effect is told, in the lever's unit.
    shape : {"spline", "log1p", "linear", "count"}
    smallest_effect : float, optional
        Smallest effect of one step that matters, in score points.
    label : str, optional
    """

    role: Literal["lever", "influenceable", "given", "placebo"] = "lever"
    moment: Literal["before", "during", "after"] = "during"
    step: float | None = None
    shape: Literal["spline", "log1p", "linear", "count"] = "spline"
    smallest_effect: float | None = Field(default=None, gt=0)
    label: str | None = None


class Map(_Model):
    """A whole column map.

    Attributes
    ----------
    contacts, surveys : TableMap, optional
    levers : mapping of str to LeverMap
    """

    contacts: TableMap | None = None
    surveys: TableMap | None = None
    levers: dict[str, LeverMap] = Field(default_factory=dict)

    def table(self, section: Section) -> TableMap:
        """What is said of one table; an empty map where nothing is."""
        return getattr(self, section) or TableMap()


MapLike: TypeAlias = str | Path | Map | Mapping[str, Any]


def load_map(path: str | Path) -> Map:
    """Map of a TOML file with ``[contacts]``, ``[surveys]`` and ``[levers.*]``.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or cannot be used; ``problems`` lists everything wrong with it.
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"The map {path} could not be read: {error.strerror or error}. Expected a TOML file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The map {path} is not TOML: {error}. Mend that line.") from error
    return _checked(Map, content, f"The map {path}", ())


def table_map(given: MapLike | None, section: Section) -> Map:
    """What was given as ``map=``, as a whole map.

    Parameters
    ----------
    given : None, path, Map or mapping
        A mapping may be a whole map, the content of one section, or just ``{canonical: source column}``.
    section : {"contacts", "surveys"}
        The table at hand.

    Raises
    ------
    ConfigError
        As of :func:`load_map`.
    """
    if given is None:
        return Map()
    if isinstance(given, Map):
        return given
    if isinstance(given, str | Path):
        return load_map(given)
    if not isinstance(given, Mapping):
        raise ConfigError(
            f"map= was given {type(given).__name__}; expected a path to a TOML file, a Map, or a dict such as"
            ' {"contact_id": "Call ID"}.'
        )
    content = dict(given)
    if any(isinstance(content.get(key), Mapping) for key in Map.model_fields):
        return _checked(Map, content, "The map", ())
    if not set(content) & set(TableMap.model_fields):
        content = {"columns": content}
    table = _checked(TableMap, content, "The map", (section,))
    return Map(contacts=table) if section == "contacts" else Map(surveys=table)


def _checked(model: type[M], content: Mapping[str, Any], what: str, place: tuple[str, ...]) -> M:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [_problem((*place, *map(str, told["loc"])), told) for told in error.errors()]
    raise ConfigError(f"{what} cannot be used as it is. Mend what is listed below.", problems)


def _problem(place: tuple[str, ...], told: ErrorDetails) -> str:
    where, given = ".".join(place), told["input"]
    if told["type"] == "extra_forbidden":
        return f"{where} is not known; {_nearest(place[-1], _keys_beside(place))}"
    if told["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", told["ctx"]["expected"])
        return f"{where} = {given!r} is not one of the choices; {_nearest(str(given), choices)}"
    message = told["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if told["type"] == "value_error" else f"{where} = {given!r}: {message}"


def _keys_beside(place: tuple[str, ...]) -> list[str]:
    """Keys that are allowed where an unknown one was found."""
    model: type[BaseModel] = Map
    if len(place) == 2:
        model = TableMap
    if len(place) > 2:
        model = LeverMap if place[0] == "levers" else ColumnMap
    return [field.alias or name for name, field in model.model_fields.items()]


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = nearest_names(name, names)
    return f"nearest: {', '.join(near)}" if near else f"expected one of: {', '.join(names)}"
