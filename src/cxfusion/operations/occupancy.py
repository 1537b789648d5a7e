"""Occupancy: how much of the time in which agents are there for customers they handle contacts.

A contact log cannot tell: it does not know who was there and waited. A table of the agents' states can.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.engine.session import session_for
from cxfusion.errors import MissingColumnError, UsageError, require_kind, told_nearest
from cxfusion.operations.slots import Slots
from cxfusion.results.base import Result
from cxfusion.results.formats import duration_short, percent
from cxfusion.results.grouping import START, TEXT, as_columns, grouping_by
from cxfusion.tables.opening import open_source
from cxfusion.tables.read import read_contacts
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt
    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.results.grouping import Grouping
    from cxfusion.tables.opening import Data
    from cxfusion.tables.relation import Contacts

__all__ = ["AVAILABLE", "HANDLING", "Occupancy", "occupancy"]

HANDLING: Final = (
    "handling", "on contact", "on call", "oncall", "talk", "talking", "in call", "interacting", "connected", "busy",
    "hold", "on hold", "wrap", "wrap up", "acw", "after call work", "after contact work",
)  # fmt: skip
"""States in which an agent handles a contact, small letters, blanks for "_" and "-"."""
AVAILABLE: Final = ("available", "idle", "ready", "waiting", "not responding")
"""States in which an agent could take one."""
FIELDS: Final = ("agent_id", "state", "started_at", "ended_at")
PARTS: Final = ("handling", "available", "other")
KIND, SECONDS, FROM, UNTIL = "cx:kind", "cx:seconds", "cx:from", "cx:until"
AT, IS_STATE, NEXT, PLACE = "cx:at", "cx:is_state", "cx:next", "cx:place"
"""What is made of a state; the table's own columns may have any name."""
COLUMNS: Final = ("estimate", "unit", *(f"{part}_seconds" for part in PARTS), "status", "reason")


@dataclass(frozen=True, eq=False, repr=False)
class Occupancy(Result):
    """Share of their time that agents handle contacts.

    ``.table`` has one row per group (one for the whole, where none were asked for): the grouping columns,
    ``interval_start``, ``estimate`` (handling over handling and available), ``unit``, ``handling_seconds,
    available_seconds, other_seconds`` (breaks, training), ``status, reason``.

    Attributes
    ----------
    overall, groups : pandas.DataFrame
        The whole, and the groups.
    grouping : Grouping
    states : pandas.DataFrame
        ``state, counts_as, seconds``: what every state was taken for.
    n_without_length : int
        Rows that end before they start, or never, or name no agent; they count nowhere.
    """

    overall: pd.DataFrame
    groups: pd.DataFrame
    grouping: Grouping
    states: pd.DataFrame
    n_without_length: int

    @property
    def _frame(self) -> pd.DataFrame:
        return self.groups if self.grouping.names else self.overall

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """A heat map by day and time of day, or by group and time of day; asks for an interval."""
        from cxfusion.results.time_charts import heat_map

        cells = self.groups.assign(
            metric="occupancy", n=self.groups["handling_seconds"] + self.groups["available_seconds"]
        )
        return heat_map(cells, self.grouping, "occupancy", width=width)

    def _lines(self) -> list[str]:
        row = self.overall.iloc[0]
        if row["status"] != "ok":
            return [f"Occupancy: not applicable, {row['reason']}"]
        head = (
            f"Occupancy {percent(row['estimate'])}: {duration_short(row['handling_seconds'])} handling,"
            f" {duration_short(row['available_seconds'])} available, {duration_short(row['other_seconds'])} neither"
        )
        told = zip(self.states["state"], self.states["counts_as"], self.states["seconds"], strict=True)
        lines = [f"  {state} counts as {kind}: {duration_short(seconds)}" for state, kind, seconds in told]
        left = [f"  {self.n_without_length:,} rows without an agent or a length left out"] * (self.n_without_length > 0)
        return [head, *lines, *left]


def occupancy(
    states: Data,
    by: str | Sequence[str] | None = None,
    interval: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    handling: Collection[str] = HANDLING,
    available: Collection[str] = AVAILABLE,
    timezone: str | None = None,
    session: Session | None = None,
) -> Occupancy:
    """How busy are agents while they are there for customers?

    Parameters
    ----------
    states : path, frame or relation
        One row per agent and state, whatever :func:`read_contacts` reads: ``agent_id, state, started_at, ended_at``.
    by : str or sequence of str, optional
        Columns of that table: the agent, a team.
    interval : {"15min", "30min", "1h", "1d"}, optional
        Of the site's clock; a state that reaches over its end counts in each interval for the part that lies in it.
    columns : mapping of str to str, optional
        Where the four columns are called otherwise: ``{"agent_id": "User", "started_at": "From"}``.
    handling, available : collection of str, optional
        The states that count as such; letter case, "_" and "-" do not matter. Every other state is neither.
    timezone : str, optional
        The site's (IANA name), for times without an offset.
    session : Session, optional

    Returns
    -------
    Occupancy

    Raises
    ------
    MissingColumnError
        One of the four columns is not there.
    UnknownNameError
        A column to group by, or an interval, that does not exist.

    Notes
    -----
    The clock on the wall counts: two contacts at once (chats) count once, and whoever handles one is not available,
    also where presence stays "available" meanwhile. So no minute of an agent counts twice in the whole.
    Occupancy = handling / (handling + available); source: Amazon Connect.

    Examples
    --------
    >>> import cxfusion as cx
    >>> rows = [
    ...     {"agent_id": "kim", "state": "Available", "started_at": "2026-01-05 09:00", "ended_at": "2026-01-05 09:15"},
    ...     {"agent_id": "kim", "state": "On call", "started_at": "2026-01-05 09:15", "ended_at": "2026-01-05 10:00"},
    ... ]
    >>> float(cx.occupancy(rows, timezone="UTC").table["estimate"][0])
    0.75
    """
    session = session_for(session)
    wanted = as_columns(by)
    log = _read(states, columns or {}, wanted, timezone, session)
    grouping = grouping_by(wanted, interval, log.columns, COLUMNS)
    pieces, n_left_out = _pieces(log, _spoken(handling), _spoken(available))
    whole = _sums(session, pieces, [KIND, "state"])
    groups = _by_group(log, pieces, grouping) if grouping.names else None
    listed = whole.rename(columns={KIND: "counts_as", SECONDS: "seconds"})[["state", "counts_as", "seconds"]]
    overall = _shares(whole.assign(all="all"), ["all"]).drop(columns="all")
    return Occupancy(
        overall=overall if len(overall) else _nothing(),
        groups=overall.iloc[:0] if groups is None else _shares(groups, list(grouping.names)),
        grouping=grouping,
        states=listed.sort_values(["seconds", "state"], ascending=[False, True], ignore_index=True),
        n_without_length=n_left_out,
    )


def _read(
    states: Data, columns: Mapping[str, str], by: Sequence[str], timezone: str | None, session: Session
) -> Contacts:
    """The table of states, its times and ids read as those of a contact log are."""
    require_kind(columns, Mapping, "columns", "names of columns, such as {'state': 'Status'}.")
    rows = session.read(open_source(states))
    named = {name: columns.get(name, name) for name in FIELDS}
    missing = [source for source in named.values() if source not in rows.columns]
    if missing:
        raise MissingColumnError(
            f"The table of states has no column {', '.join(map(repr, missing))}. Expected {', '.join(FIELDS)}, or"
            " columns= that says what they are called.",
            told_nearest(missing, rows.columns),
        )
    own = {f"by_{i}": name for i, name in enumerate(by) if name in rows.columns and name not in FIELDS}
    kept = {column: rows[source] for column, source in {**own, **named}.items()}
    place = rows["source_file"] + ":" + rows["source_row"].cast("string")  # rows are numbered anew in each file
    table = session.materialize(rows.select(contact_id=place, **kept))
    log = read_contacts(table, timezone=timezone, session=session)  # takes none of these for a heading that it knows
    others = log.rows.drop(*(name for name in log.columns if name in own.values()))
    return replace(log, rows=others.rename({name: column for column, name in own.items()}))


def _spoken(words: Collection[str]) -> list[str]:
    if isinstance(words, str) or not isinstance(words, Collection) or not all(isinstance(one, str) for one in words):
        raise UsageError(f"{words!r} was given for states. Expected their words, such as ['available', 'idle'].")
    return [word.lower().replace("_", " ").replace("-", " ").strip() for word in words]


def _pieces(log: Contacts, handling: list[str], available: list[str]) -> tuple[ir.Table, int]:
    """States in seconds since 1970, no time of an agent twice in a kind, or handling and available; rows left out."""
    session, rows = log.session, log.rows
    word = log.value("state").cast("string").lower().re_replace("[_-]", " ").strip()
    kind = ibis.cases((word.isin(handling), "handling"), (word.isin(available), "available"), else_="other")
    epoch = ibis.literal(pd.Timestamp(0).to_pydatetime())
    start, stop = (rows[name].delta(epoch, unit="microsecond") / 1e6 for name in ("started_at", "ended_at"))
    timed = compute(session, rows.mutate(**{KIND: kind.fill_null("other"), FROM: start, UNTIL: stop}))
    has_length = (timed[UNTIL] > timed[FROM]) & timed["agent_id"].notnull()
    counts = session.collect(timed.aggregate(n=timed.count(), kept=has_length.fill_null(False).sum())).to_pylist()[0]
    kept = timed.filter(has_length.fill_null(False))
    before = ibis.window(
        group_by=["agent_id", KIND], order_by=[FROM, "contact_id"], preceding=(None, 1), following=None
    )
    reached = kept[UNTIL].max().over(before)
    begun = ibis.greatest(kept[FROM], reached.coalesce(kept[FROM]))
    cut = compute(session, kept.mutate(**{FROM: begun}))
    alone = _free_of_handling(session, cut.filter(cut[UNTIL] > cut[FROM]))
    return alone, int(counts["n"] - (counts["kept"] or 0)) + log.n_read - log.count()


def _free_of_handling(session: Session, pieces: ir.Table) -> ir.Table:
    """The pieces, of those available only what lies between the agent's contacts.

    Such a time begins where a state does or where handling ends, and ends where the state or the next handling says so.
    One pass in order of time: to join each state with all of its agent's contacts would take the square of a long log.
    """
    states = pieces.filter(pieces[KIND] == "available")
    number = ibis.row_number().over(group_by="agent_id", order_by=FROM)
    states = states.mutate(**{PLACE: number.cast("int64")})
    contacts = pieces.filter(pieces[KIND] == "handling")
    no_contact = ibis.null("float64")
    begins = states.select("agent_id", **{AT: states[FROM], IS_STATE: ibis.literal(1), NEXT: no_contact}).union(
        contacts.select("agent_id", **{AT: contacts[UNTIL], IS_STATE: ibis.literal(0), NEXT: contacts[FROM]})
    )
    in_order = partial(ibis.window, group_by="agent_id", order_by=[AT, IS_STATE])
    latest = begins[IS_STATE].sum().over(in_order(preceding=None, following=0)) - 1  # of the agent's states, from 0
    later = begins[NEXT].min().over(in_order(preceding=None, following=(1, None)))
    timed = compute(session, begins.mutate(**{PLACE: latest.cast("int64"), NEXT: later}))
    found = states.drop(FROM).inner_join(timed, ["agent_id", PLACE])
    until = ibis.least(found[UNTIL], found[NEXT].coalesce(found[UNTIL]))
    free = compute(session, found.mutate(**{FROM: found[AT], UNTIL: until}).select(*pieces.columns))
    rest = pieces.filter(pieces[KIND] != "available")
    return compute(session, rest.union(free.filter(free[UNTIL] > free[FROM])))


def _sums(session: Session, pieces: ir.Table, keys: list[str]) -> pd.DataFrame:
    asked = pieces.group_by(keys).aggregate(**{SECONDS: (pieces[UNTIL] - pieces[FROM]).sum()})
    return session.collect(asked.order_by(keys)).to_pandas()


def _by_group(log: Contacts, pieces: ir.Table, grouping: Grouping) -> pd.DataFrame:
    """Kind and seconds by group, in the names of the result's frame."""
    renamed = pieces.mutate(**{f"key_{i}": pieces[name] for i, name in enumerate(grouping.columns)})
    keys = [f"key_{i}" for i in range(len(grouping.columns))]
    names = dict(zip(keys, grouping.names, strict=False))
    if grouping.interval is None:
        return _sums(log.session, renamed, [*keys, KIND]).rename(columns=names)
    ends = log.session.collect(pieces.aggregate(first=pieces[FROM].min(), last=pieces[UNTIL].max())).to_pylist()[0]
    years = tuple(pd.Timestamp(ends[end] or 0, unit="s").year for end in ("first", "last"))
    slots = Slots(log.timezone, grouping.interval, (years[0], years[1]))
    size, before = slots.size
    first, last = ((renamed[end] + before) / size for end in (FROM, UNTIL))
    numbers = ibis.range(first.floor().cast("int64"), last.ceil().cast("int64"))
    split = compute(log.session, renamed.select(*keys, KIND, FROM, UNTIL, slot=numbers.unnest()))
    begins = split["slot"] * size - before
    cut = split.mutate(
        **{
            FROM: ibis.greatest(split[FROM], begins.cast("float64")),
            UNTIL: ibis.least(split[UNTIL], (begins + size).cast("float64")),
        }
    )
    found = _sums(log.session, compute(log.session, cut), [*keys, KIND, "slot"])
    found[START] = slots.starts(found.pop("slot"))
    added = found.groupby([*keys, START, KIND], dropna=False, as_index=False).agg({SECONDS: "sum"})
    return added.rename(columns=names)


def _shares(sums: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per group that occurs, its seconds side by side; a pivot table would make all combinations of keys."""
    beside = {f"{part}_seconds": sums[SECONDS].where(sums[KIND] == part, 0.0) for part in PARTS}
    wide = sums[keys].assign(**beside).groupby(keys, dropna=False, as_index=False).sum()
    wide = wide[wide[list(beside)].sum(axis=1) > 0].reset_index(drop=True)
    there = (wide["handling_seconds"] + wide["available_seconds"]).to_numpy(float)
    share = np.divide(wide["handling_seconds"].to_numpy(float), there, out=np.full(len(wide), np.nan), where=there > 0)
    reason: list[Any] = [None if known else "nobody was handling or available" for known in there > 0]
    return wide.assign(
        estimate=share,
        unit="share",
        status=np.where(there > 0, "ok", "not_applicable"),
        reason=pd.Series(reason, wide.index, dtype=TEXT),
    )[[*keys, *COLUMNS]]


def _nothing() -> pd.DataFrame:
    row = {"estimate": np.nan, "unit": "share", **{f"{part}_seconds": 0.0 for part in PARTS}}
    return pd.DataFrame([{**row, "status": "not_applicable", "reason": "no state has a length"}])[list(COLUMNS)]
