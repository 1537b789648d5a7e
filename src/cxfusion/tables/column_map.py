"""What a map says of one column: its source columns, how they make one cell, and how that cell is read."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cxfusion.tables.canonical import Kind  # noqa: TC001  pydantic reads it at run time

__all__ = ["ColumnMap", "Formats", "Model", "Unit", "Words", "as_list"]

Unit: TypeAlias = Literal["s", "ms", "min", "h", "hh:mm:ss"]

DIRECTIVES: Final = frozenset("aAbBcdDfgHIjmMnpSTxXyYzZ-%")
"""What may follow ``%`` in a ``datetime_format``."""


def _strptime_format(text: str) -> str:
    unknown = [code for code in re.findall(r"%(.)", text) if code not in DIRECTIVES]
    if "%" not in text or unknown:
        told = f"%{unknown[0]} is not known" if unknown else "it holds no %"
        raise ValueError(f"{text!r} is not a datetime format: {told}. Expected one such as '%d/%m/%Y %H:%M'")
    return text


def as_list(value: Any) -> Any:
    """One word where a list of them may stand."""
    return [value] if isinstance(value, str) else value


Words: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(as_list)]
Formats: TypeAlias = Annotated[tuple[Annotated[str, AfterValidator(_strptime_format)], ...], BeforeValidator(as_list)]


class Model(BaseModel):
    """A frozen part of a map that knows every key it may hold."""

    # TOML has nan and inf, which would make nan of whatever is worked out with them
    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True, allow_inf_nan=False
    )


class ColumnMap(Model):
    """Where one canonical or own column comes from, and how its cells are read.

    Exactly one of ``column``, ``from`` with ``to``, ``join``, and ``date`` with ``time`` says where.

    Attributes
    ----------
    column : str, optional
        The source column.
    from_, to : str, optional
        Two time columns whose difference ``to − from``, in seconds, is the value (``from`` in TOML).
    join : tuple of str
        Source columns whose texts make one, in this order; missing where any of them is. For identifiers that are
        unique only together: ``contact_id = { join = ["line", "call"], sep = "-" }``.
    sep : str
        What stands between the joined texts.
    date, time : str, tuple of str, optional
        A column of dates, and one of times of day; of several the first that is not missing. They are read as one text
        with a blank between, by ``format`` too: ``{ date = "day", time = "begun", format = "%y%m%d %H:%M" }``.
    after : str, optional
        Beside ``date`` and ``time``: a time column of this map that this one cannot precede; what would, lies past
        midnight and belongs to the next day.
    unit : {"s", "ms", "min", "h", "hh:mm:ss"}, optional
        Of a duration. Without it, it is the one that the heading names, as in ``Wrap (min)``; else plain numbers are
        seconds, and clock forms (``01:02:03``) are read as such.
    scale : (float, float), optional
        Lowest and highest value a score can take.
    higher_is_better : bool
        False for a score where a high number means a worse experience.
    answers : mapping of str to float
        Of a score or number that is written in words: what each word counts, letter case aside, as in
        ``answers = { "Very satisfied" = 5, "Satisfied" = 4 }``. Cells that are numbers stay what they are.
    format : tuple of str
        How times are written (strptime), tried before the table's ``datetime_format``.
    true, false : tuple of str
        What a flag's cells say, instead of yes/no, true/false, 1/0. Where only ``true`` is given, every other cell
        that is not missing is false.
    kind : Kind, optional
        Of an own column, where its name does not promise it.
    null : tuple of str, optional
        Cells that mean "missing", instead of the usual ones; an empty cell always does. They are counted, under the
        reason ``missing_by_map``. Where several columns make one cell, it is said of each of them.
    """

    column: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    join: Words = ()
    sep: str = ""
    date: str | None = None
    time: Words = ()
    after: str | None = None
    unit: Unit | None = None
    scale: tuple[float, float] | None = None
    higher_is_better: bool = True
    answers: dict[str, float] = Field(default_factory=dict)
    format: Formats = ()
    true: Words = ()
    false: Words = ()
    kind: Kind | None = None
    null: Words | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ColumnMap:
        ways = {
            "column": (self.column is not None,),
            "from and to": (self.from_ is not None, self.to is not None),
            "join": (bool(self.join),),
            "date and time": (self.date is not None, bool(self.time)),
        }
        if [all(keys) for keys in ways.values()].count(True) != 1 or any(any(k) != all(k) for k in ways.values()):
            raise ValueError(
                "expected either `column`, `from` and `to` together, `join`, or `date` and `time` together"
            )
        if self.sep and not self.join:
            raise ValueError("`sep` belongs to `join`: list the columns to join")
        if self.after is not None and self.date is None:
            raise ValueError("`after` belongs to `date` and `time`: it tells which times of day lie past midnight")
        return self

    @model_validator(mode="after")
    def _no_contradiction(self) -> ColumnMap:
        if self.scale is not None and not self.scale[0] < self.scale[1]:
            raise ValueError(f"scale = {list(self.scale)} must go from low to high; say higher_is_better = false apart")
        words = [word.strip().lower() for word in self.answers]
        if len(set(words)) < len(words):
            raise ValueError("`answers` holds a word twice, letter case aside")
        if self.false and not self.true:
            raise ValueError("`false` needs `true` beside it: list the cells that mean either")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """The source columns it names."""
        single = (self.column, self.from_, self.to, self.date)
        return (*(name for name in single if name is not None), *self.join, *self.time)

    @property
    def is_made(self) -> bool:
        """Whether several source columns make its text."""
        return bool(self.join or self.date)

    @property
    def words(self) -> str:
        """Where it comes from, in words."""
        if self.join:
            return f"{', '.join(self.join)}, joined"
        if self.date is not None:
            return f"{self.date} and {' or '.join(self.time)}"
        where = self.column or f"from {self.from_} to {self.to}"
        return f"{where}, in {self.unit}" if self.unit else where

    def spelled(self, actual: dict[str, str]) -> ColumnMap:
        """The same with its source columns spelled as in the source."""
        single = {key: actual[name] for key in ("column", "from_", "to", "date") if (name := getattr(self, key))}
        several = {key: tuple(actual[name] for name in getattr(self, key)) for key in ("join", "time")}
        return self.model_copy(update={**single, **several})
