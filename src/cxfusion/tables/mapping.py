"""Column maps: what a source's columns mean, written once as TOML or a dict and checked as a whole.

A map is checked without data; everything wrong with it is told at once, each with its place and nearest name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainSerializer

from cxfusion.errors import ConfigError, UnknownNameError, redacted
from cxfusion.tables.column_map import ColumnMap, Formats, Model, Unit, Words
from cxfusion.tables.sources import require_source
from cxfusion.tables.times import require_zone
from cxfusion.tables.validation import validated

__all__ = ["ColumnMap", "LeverMap", "Map", "MapLike", "Place", "Section", "TableMap", "Unit", "load_map", "table_map"]

M = TypeVar("M", bound=BaseModel)
Section: TypeAlias = Literal["contacts", "surveys"]


def _as_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


def _zone(name: str) -> str:
    try:
        return require_zone(name)
    except ConfigError as error:
        raise ValueError(error.message) from None


def _source(name: str) -> str:
    try:
        return require_source(name).name
    except UnknownNameError as error:
        raise ValueError(error.message) from None


Place: TypeAlias = Annotated[str, PlainSerializer(redacted, when_used="json")]
"""A path or URL; as JSON, which manifests hold, it has no password."""
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]


class TableMap(Model):
    """How one table is read: ``[contacts]`` or ``[surveys]`` of a map.

    Attributes
    ----------
    path : str, optional
        Where the table is, for jobs that take their sources from the map: also the URL of a table in a database, whose
        password is in no manifest and no message.
    source : str
        Kind of source, as ``cxfusion sources`` lists them; what it knows of its columns holds where this map is silent.
    sheet : str, optional
        Of an Excel workbook; the first one otherwise.
    timezone : str, optional
        IANA name of the zone in which times without an offset are meant.
    datetime_format : tuple of str
        How times are written (strptime); tried first, column by column.
    columns : mapping of str to ColumnMap
        By canonical name, or by the name of an own column.
    attributes : "all" or tuple of str
        Which unmapped source columns are kept; with an empty list only mapped columns are read at all.
    leave_out : mapping of str to tuple of str
        Source column to the cells that tell a row which is no contact, or no response: a test call, a preview. Such
        rows are set aside with the reason ``left_out``.
    """

    path: Place | None = Field(default=None, repr=False)
    source: Annotated[str, AfterValidator(_source)] = "generic"
    sheet: str | None = None
    timezone: Zone | None = None
    datetime_format: Formats = ()
    columns: dict[str, Annotated[ColumnMap, BeforeValidator(_as_column)]] = Field(default_factory=dict)
    attributes: Literal["all"] | tuple[str, ...] = "all"
    leave_out: dict[str, Words] = Field(default_factory=dict)

    def over(self, base: TableMap) -> TableMap:
        """The same map, and another's words where it is silent; columns one by one."""
        said = {key: getattr(self, key) for key in self.model_fields_set}
        return base.model_copy(update={**said, "columns": {**base.columns, **self.columns}})


class LeverMap(Model):
    """What a map says of one lever: ``[levers.NAME]``; what it leaves out, the catalogue or the name says.

    Attributes
    ----------
    role : {"lever", "influenceable", "given", "placebo"}, optional
    moment : {"before", "during", "after"}, optional
    step : float, optional
        The change whose effect is told, in the lever's unit.
    shape : {"spline", "log1p", "linear", "count"}, optional
    smallest_effect : float, optional
        Smallest effect of one step that matters, in score points.
    label : str, optional
    """

    role: Literal["lever", "influenceable", "given", "placebo"] | None = None
    moment: Literal["before", "during", "after"] | None = None
    step: float | None = None
    shape: Literal["spline", "log1p", "linear", "count"] | None = None
    smallest_effect: float | None = Field(default=None, gt=0)
    label: str | None = None


class Map(Model):
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

    Parameters
    ----------
    path : path

    Returns
    -------
    Map
        As ``map=`` of the readers takes it.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or cannot be used; ``problems`` lists everything wrong with it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "my.toml")
    ...     _ = file.write_text('contacts = { columns = { contact_id = "Ref" } }')
    ...     load_map(file).contacts.columns["contact_id"].column
    'Ref'
    """
    if not isinstance(path, str | Path):
        raise ConfigError(f"A map is read from a file, and {path!r} was given. Expected its path, such as 'my.toml'.")
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"The map {path} could not be read: {error.strerror or error}. Expected a TOML file."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The map {path} is not TOML: {error}. Mend that line.") from error
    return validated(Map, content, f"The map {path}")


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
        return validated(Map, content, "The map")
    if not set(content) & set(TableMap.model_fields):
        content = {"columns": content}
    return validated(Map, {section: content}, "The map")
