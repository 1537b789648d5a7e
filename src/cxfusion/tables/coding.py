"""Categories as integer codes, by a join with their (small) list of levels: no text ever reaches an estimator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from cxfusion.errors import UsageError
from cxfusion.tables.cells import FALSE, TRUE, is_number
from cxfusion.tables.times import day_of, to_local, years_asked, years_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.relation import Contacts

__all__ = [
    "HOUR_OF_WEEK",
    "MISSING",
    "answered",
    "codes_of",
    "group_codes",
    "is_value",
    "level_codes",
    "local_time",
    "never_reached",
    "number_of",
    "one_place",
    "started_on_site",
    "text",
    "with_codes",
]

MISSING: Final = "(missing)"
HALF_A_NUMBER: Final = 2**31
SALT: Final = "again "
HOUR_OF_WEEK: Final = "hour_of_week"


def answered(contacts: Contacts) -> ir.Table:
    """The contacts that were not abandoned: those whom a survey about the service can ask."""
    return contacts.rows.filter(~contacts.value("is_abandoned").fill_null(False))


def never_reached(contacts: Contacts) -> ir.BooleanValue:
    """Whether a contact is marked abandoned and nobody talked: its customer met no agent."""
    return contacts.value("is_abandoned").fill_null(False) & ~(contacts.value("talk_seconds") > 0).fill_null(False)


def text(contacts: Contacts, name: str) -> ir.StringValue:
    """A column as text; missing values form their own level."""
    return contacts.value(name).cast("string").fill_null(MISSING)


def local_time(contacts: Contacts) -> dict[str, ir.Value]:
    """When contacts started, by the site's clock: ``hour_of_week`` (0 is Monday's first hour), ``date`` as a number."""
    local = started_on_site(contacts.session, contacts.rows, contacts.timezone)
    hour = (local.day_of_week.index() * 24 + local.hour()).cast("int64")
    return {HOUR_OF_WEEK: hour, "date": day_of(local)}


def started_on_site(session: Session, rows: ir.Table, zone: str) -> ir.TimestampValue:
    """When rows started, as a site's clock showed it; one look at the first and the last of them."""
    started = rows["started_at"]
    found = session.collect(rows.aggregate(**years_asked(started))).to_pylist()[0]
    return to_local(started, zone, years_told(found))


def level_codes(
    session: Session, rows: ir.Table, name: str, rare_below: int, counted: ir.BooleanValue | None = None
) -> pd.DataFrame:
    """Codes of a column's levels: the most frequent is the reference (−1); rare ones share one code.

    Parameters
    ----------
    session : Session
    rows : ibis.Table
        With a ``score`` column, a level whose answers are all alike counts as rare: it has no finite coefficient.
    name : str
    rare_below : int
        Fewest rows of a level of its own.
    counted : boolean column, optional
        Only such rows count; all by default.

    Returns
    -------
    pandas.DataFrame
        The column's levels and ``code``.
    """
    score = {} if "score" not in rows.columns else {"low": rows["score"].min(), "high": rows["score"].max()}
    n = rows.count() if counted is None else counted.sum()
    return codes_of(session.collect(rows.group_by(name).aggregate(n=n, **score)).to_pandas(), name, rare_below)


def codes_of(counted: pd.DataFrame, name: str, rare_below: int) -> pd.DataFrame:
    """The same, of levels that are counted: a column's levels, ``n`` and, if there are scores, ``low, high``."""
    levels = counted.sort_values(["n", name], ascending=[False, True], ignore_index=True)
    is_rare = levels["n"] < rare_below
    if "low" in levels:
        is_rare |= levels["low"] == levels["high"]
    own = levels.index[~is_rare]
    code = pd.Series(-1, index=levels.index, dtype="int64")
    code[own] = np.arange(len(own)) - 1
    if levels.loc[is_rare, "n"].sum() >= rare_below:
        code[is_rare] = max(len(own) - 1, 0)
    return levels[[name]].assign(code=code)


def group_codes(session: Session, rows: ir.Table, keys: tuple[str, ...]) -> pd.DataFrame:
    """Codes from 0 of the groups that some columns form together."""
    levels = session.collect(rows.select(*keys).distinct()).to_pandas().sort_values(list(keys), ignore_index=True)
    return levels.assign(code=np.arange(len(levels), dtype="int64"))


def is_value(column: ir.Value, value: Any) -> ir.BooleanValue:
    """Whether a cell is what a call names: a number or flag however it is written; else text, as ids are.

    Raises
    ------
    UsageError
        The column holds numbers or flags, and the value is none.
    """
    kind, word = column.type(), str(value).strip().lower()
    if kind.is_boolean():
        if word not in (*TRUE, *FALSE):
            raise UsageError(f"{column.get_name()} is never {value!r}: it is true or false. Expected one of these.")
        return column == (word in TRUE)
    if not is_number(kind):
        return column.cast("string") == str(value)
    word = {"true": "1", "false": "0"}.get(word, word)
    for read in (int, float):  # whole numbers first: a float would lose the last digits of long ones
        try:
            return column == read(word)
        except ValueError:
            continue
    raise UsageError(f"{column.get_name()} is never {value!r}: it holds numbers. Expected one of them.")


def one_place(file: ir.IntegerColumn, row: ir.IntegerColumn) -> ir.IntegerColumn:
    """Where a row stands among all files, as one number: engines sort by one number twice as fast as by two keys.

    Parameters
    ----------
    file : ibis column
        Code of the file, as of :func:`group_codes`; text would be slow to sort by.
    row : ibis column
        Row within the file, below 2^40.
    """
    return file.cast("int64") * 2**40 + row


def with_codes(rows: ir.Table, lists: Mapping[str, pd.DataFrame]) -> ir.Table:
    """Rows with one code column per list of levels, named as the list."""
    for name, levels in lists.items():
        keys = [column for column in levels.columns if column != "code"]
        coded = pa.Table.from_pandas(levels.rename(columns={"code": name}), preserve_index=False)
        rows = rows.inner_join(ibis.memtable(coded), keys)
    return rows


def number_of(key: ir.StringValue) -> ir.IntegerValue:
    """A number above 0 for each text, by which rows of it are brought together; every engine has numbers of its own.

    Of two hashes, since Spark's have 32 bits: of ten million customers some would then be taken for one.
    """
    one, other = (text.hash().cast("int64") & (HALF_A_NUMBER - 1) for text in (key, SALT + key))
    return one * HALF_A_NUMBER + other + 1
