"""Events outside anyone's control (an outage, a strike, a price change), joined to contacts by time.

Each kind becomes a column of the log that says whether it was going on when the contact started, and a control.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import ibis
import pandas as pd
import pyarrow as pa

from cxfusion.errors import InputError, nearest_names
from cxfusion.tables.cells import digits
from cxfusion.tables.headings import part_of_name
from cxfusion.tables.opening import open_source
from cxfusion.tables.relation import require_contacts
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.tables.opening import Data
    from cxfusion.tables.relation import Contacts

__all__ = ["PREFIX", "add_context"]

PREFIX: Final = "context_"
NEEDED: Final = ("start", "end", "kind")
MOST_NAMED: Final = 10
OPEN_END: Final = pd.Timestamp("2200-01-01")


def add_context(contacts: Contacts, events: Data) -> Contacts:
    """The same contacts, marked by the events that were going on when they started.

    Parameters
    ----------
    contacts : Contacts
    events : path, frame or list of dict
        One row per event: ``start``, ``end`` (empty for one that still goes on; the end itself lies outside), ``kind``
        and, if it touches one queue only, ``queue``. Times are written as ISO 8601 has it (``2026-03-01 08:30``);
        without an offset they are meant on the site's clock.

    Returns
    -------
    Contacts
        With one more column per kind, ``context_outage`` and the like, true or false, all of which are controls of
        :func:`fit_levers`.

    Raises
    ------
    InputError
        A column is missing, a time cannot be read, an event ends before it starts, or names a queue that the log has
        not; ``problems`` lists them all.

    Examples
    --------
    >>> import cxfusion as cx
    >>> calls = [{"contact_id": "a", "started_at": "2026-01-05 09:00"}, {"contact_id": "b", "started_at": "2026-01-06"}]
    >>> strike = [{"start": "2026-01-05", "end": "2026-01-06", "kind": "strike"}]
    >>> cx.add_context(cx.read_contacts(calls), strike).to_pandas()["context_strike"].tolist()
    [True, False]
    """
    require_contacts(contacts)
    session = contacts.session
    told = session.read(open_source(events))
    if "queue" in told.columns:  # as the log has it: a number keeps its digits beside events of all queues
        told = told.mutate(queue=digits(told["queue"]).cast("string"))
    table = _checked(session.collect(told).to_pandas(), contacts)
    rows = contacts.rows
    for name in sorted(set(table["column"])):
        rows = compute(session, _marked(rows, table[table["column"] == name], name, session))
    names = tuple(sorted({*contacts.context, *table["column"]}))
    note = f"{len(table):,} events of {table['column'].nunique()} kinds are controls."
    return replace(contacts, rows=rows, context=names, notes=(*contacts.notes, note))


def _marked(rows: ir.Table, events: pd.DataFrame, name: str, session: Session) -> ir.Table:
    """Rows with a flag: whether any of these events was going on."""
    columns = events[["from", "to", "queue"]].rename(columns={"queue": "at"})
    known = ibis.memtable(pa.Table.from_pandas(columns, preserve_index=False))
    queue = rows["queue"] if "queue" in rows.columns else ibis.null("string")
    started = rows.select("contact_id", began=rows["started_at"].epoch_seconds(), at_queue=queue.cast("string"))
    started = session.materialize(started)
    is_there = [
        started["began"] >= known["from"],
        started["began"] < known["to"],
        (known["at"] == "") | (started["at_queue"] == known["at"]).fill_null(False),
    ]
    hit = session.materialize(started.inner_join(known, is_there).select("contact_id").distinct())
    return rows.mutate(**{name: rows["contact_id"].isin(hit["contact_id"])})


def _checked(events: pd.DataFrame, contacts: Contacts) -> pd.DataFrame:
    """``from, to`` in seconds since 1970, ``queue`` ("" for all) and ``column`` of each event; all problems at once."""
    missing = [name for name in NEEDED if name not in events.columns]
    if missing:
        raise InputError(
            f"The context has no {' and no '.join(missing)}. Expected one row per event with {', '.join(NEEDED)} and,"
            f" if wanted, queue; it has: {', '.join(map(str, events.columns))}."
        )
    found = pd.DataFrame(
        {
            "from": _seconds(events["start"], contacts.timezone),
            "to": _seconds([OPEN_END if _is_empty(end) else end for end in events["end"]], contacts.timezone),
            "queue": events["queue"].fillna("").astype(str).str.strip() if "queue" in events.columns else "",
            "column": [_column(kind) for kind in events["kind"]],
        }
    )
    problems = [*_problems(found, events), *_unknown_queues(found, contacts)]
    if problems:
        more = [f"and {len(problems) - MOST_NAMED} more"] if len(problems) > MOST_NAMED else []
        raise InputError(
            "Some events of the context cannot be used. Expected times that can be read, ends after starts, a kind for"
            " each, and queues of the log.",
            problems[:MOST_NAMED] + more,
        )
    return found.astype({"from": "int64", "to": "int64"})


def _problems(found: pd.DataFrame, events: pd.DataFrame) -> list[str]:
    """What is wrong with single events, by row."""
    wrong = {
        "start cannot be read": found["from"].isna(),
        "end cannot be read": found["to"].isna(),
        "it ends before it starts": found["to"] <= found["from"],
        "it has no kind": found["column"] == PREFIX,
    }
    return [
        f"row {row + 1} ({events['kind'].iloc[row]}, {events['start'].iloc[row]} to {events['end'].iloc[row]}): {what}"
        for what, is_wrong in wrong.items()
        for row in is_wrong.to_numpy().nonzero()[0].tolist()
    ]


def _unknown_queues(found: pd.DataFrame, contacts: Contacts) -> list[str]:
    named = sorted(set(found["queue"]) - {""})
    if not named:
        return []
    if not contacts.has("queue"):
        return [f"the log has no queue, but an event is one of {', '.join(named)}"]
    there = contacts.session.collect(contacts.rows.select("queue").distinct())["queue"].to_pylist()
    known = sorted(str(queue) for queue in there if queue is not None)
    return [
        f"there is no queue {name!r}; nearest: {', '.join(nearest_names(name, known)) or '-'}"
        for name in named
        if name not in known
    ]


def _is_empty(cell: Any) -> bool:
    return bool(pd.isna(cell)) or str(cell).strip() == ""


def _seconds(times: Iterable[Any], zone: str) -> pd.Series[Any]:
    """Seconds since 1970 UTC; missing where a time cannot be read."""
    return pd.Series([None if _is_empty(time) else _instant(time, zone) for time in times], dtype="float64")


def _instant(time: Any, zone: str) -> float | None:
    """A time as ISO 8601 writes it, so that no day is taken for a month.

    An hour that the site's clock shows twice, or skips, is read as those of contacts are.
    """
    if isinstance(time, Real):  # pandas would count nanoseconds since 1970
        return None
    try:
        told = pd.Timestamp(datetime.fromisoformat(time.strip()) if isinstance(time, str) else time)
        moment = told.to_pydatetime(warn=False)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone), fold=0)
    except (ValueError, TypeError):
        return None
    return float(moment.timestamp() // 1)


def _column(kind: Any) -> str:
    """Column of a kind of event: ``Price change`` is ``context_price_change``."""
    return PREFIX + part_of_name("" if pd.isna(kind) else str(kind))
