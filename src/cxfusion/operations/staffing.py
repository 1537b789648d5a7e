"""What staffing would it take? Erlang C, or Erlang A where customers lose patience, forwards and backwards.

One row per scenario; a scenario that has no steady state is a row with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, UsageError, number_problems, require_number, share_problems
from cxfusion.operations.erlang import Queue, erlang_a, erlang_c, fewest_between
from cxfusion.results.base import Result
from cxfusion.results.formats import duration_short, figure, plain
from cxfusion.results.grouping import TEXT

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Staffing", "required_agents", "staffing"]

Floats: TypeAlias = "NDArray[np.float64]"
Flags: TypeAlias = "NDArray[np.bool_]"
MOST_AGENTS: Final = 100_000
FIGURES: Final = tuple(part.name for part in fields(Queue))


@dataclass(frozen=True, eq=False, repr=False)
class Staffing(Result):
    """What waiting so many agents give, or how many agents it takes.

    ``.table`` has one row per scenario: ``arrivals`` (per interval), ``aht_seconds``, ``patience_seconds`` (null:
    nobody hangs up), ``agents`` (on the phone), ``scheduled_agents`` (with shrinkage), ``load_erlangs``,
    ``wait_probability``, ``asa_seconds`` (of answered contacts), ``wait_seconds`` (of all), ``service_level``,
    ``service_level_of_offered``, ``abandonment_rate``, ``occupancy``, ``status, reason``.

    Attributes
    ----------
    scenarios : pandas.DataFrame
    interval_seconds, target_seconds, shrinkage : float
        As they were asked for.
    """

    scenarios: pd.DataFrame
    interval_seconds: float
    target_seconds: float
    shrinkage: float

    @property
    def _frame(self) -> pd.DataFrame:
        return self.scenarios

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Waiting, service level, occupancy and abandonment over the number of agents.

        Raises
        ------
        NothingToEstimateError
            Not one amount of work with several numbers of agents.
        """
        from cxfusion.results.staffing_charts import by_agents

        known = self.scenarios[self.scenarios["status"] == "ok"]
        is_one = len(known[["arrivals", "aht_seconds", "patience_seconds"]].drop_duplicates()) == 1
        if not is_one or known["agents"].duplicated().any() or len(known) < 2:
            raise NothingToEstimateError(
                "There is no picture of these scenarios. Expected one amount of work and several numbers of agents that"
                " can do it, such as agents=[11, 12, 13]."
            )
        return by_agents(known, width=width)

    def _lines(self) -> list[str]:
        rows = self.scenarios
        head = (
            f"Staffing of {len(rows):,} scenario{'s' if len(rows) != 1 else ''}, arrivals per"
            f" {duration_short(self.interval_seconds)}, target {plain(self.target_seconds)} s"
        )
        shown = [self._line(row) for row in rows.head(12).itertuples()]
        more = [f"  … and {len(rows) - 12:,} more in the table"] if len(rows) > 12 else []
        return [head, *shown, *more]

    def _line(self, row: Any) -> str:
        work = f"{plain(row.arrivals)} contacts of {duration_short(row.aht_seconds)}"
        if row.status != "ok":
            return f"  {work}: not applicable, {row.reason}"
        lost = "" if pd.isna(row.patience_seconds) else f", abandoned {figure(row.abandonment_rate, 'share')}"
        scheduled = f" ({row.scheduled_agents:,.0f} scheduled)" if self.shrinkage else ""
        return (
            f"  {work}, {row.agents:,.0f} agents{scheduled}: ASA {duration_short(row.asa_seconds)}, service level"
            f" {figure(row.service_level, 'share')}{lost}, occupancy {figure(row.occupancy, 'share')}"
        )


def staffing(
    arrivals: ArrayLike,
    aht_seconds: ArrayLike,
    agents: ArrayLike,
    *,
    patience_seconds: ArrayLike | None = None,
    interval_seconds: float = 3600,
    target_seconds: float = 20,
    shrinkage: float = 0.0,
) -> Staffing:
    """What waiting would so many agents give?

    Parameters
    ----------
    arrivals : number or sequence
        Contacts per interval.
    aht_seconds : number or sequence
        Mean handle time: talk, hold and wrap.
    agents : number or sequence
        Agents on the phone, whole numbers.
    patience_seconds : number or sequence, optional
        Mean time after which a waiting customer hangs up (Erlang A). Without it nobody hangs up (Erlang C).
    interval_seconds : float, default 3600
    target_seconds : float, default 20
        Of the service level.
    shrinkage : float, default 0
        Share of paid time in which agents are not on the phone: breaks, training, absence.

    Returns
    -------
    Staffing
        One row per scenario; numbers and sequences are combined element by element.

    Raises
    ------
    UsageError
        Sequences of different lengths, a number below zero, patience or handle time of zero, agents that are no whole
        number.

    Notes
    -----
    A scenario without contacts, without agents, or (Erlang C) with as much work as agents or more, is not applicable:
    its row says why. Steady state within each interval is assumed, and that agents do nothing else.

    Examples
    --------
    >>> import cxfusion as cx
    >>> print(cx.staffing(arrivals=200, aht_seconds=180, agents=[10, 12, 14]).summary())
    Staffing of 3 scenarios, arrivals per 1 h 00 min, target 20 s
      200 contacts of 3 min 00 s: not applicable, 10 erlangs of work are too much for 10 agents: the queue would grow \
for ever
      200 contacts of 3 min 00 s, 12 agents: ASA 40 s, service level 64.0 %, occupancy 83.3 %
      200 contacts of 3 min 00 s, 14 agents: ASA 7.8 s, service level 88.8 %, occupancy 71.4 %
    """
    asked = _Asked.of(arrivals, aht_seconds, patience_seconds, interval_seconds, target_seconds, agents)
    _refuse(_agents_problems(asked.agents))
    return _answer(asked, {}, shrinkage)


def required_agents(  # noqa: PLR0913  four targets may be asked for
    arrivals: ArrayLike,
    aht_seconds: ArrayLike,
    *,
    service_level: float | None = None,
    asa_seconds: float | None = None,
    abandonment_rate: float | None = None,
    occupancy: float | None = None,
    patience_seconds: ArrayLike | None = None,
    interval_seconds: float = 3600,
    target_seconds: float = 20,
    shrinkage: float = 0.0,
) -> Staffing:
    """How many agents does it take?

    Parameters
    ----------
    arrivals, aht_seconds, patience_seconds, interval_seconds, target_seconds, shrinkage
        As of :func:`staffing`.
    service_level : float, optional
        At least this share; 0.8 where no target is given at all.
    asa_seconds : float, optional
        At most this mean wait of answered contacts.
    abandonment_rate : float, optional
        At most this share; takes ``patience_seconds``.
    occupancy : float, optional
        At most this share of the agents' time.

    Returns
    -------
    Staffing
        The fewest agents that meet every target, and what they give.

    Raises
    ------
    UsageError
        As of :func:`staffing`, or a target that cannot be met by any number of agents.

    Examples
    --------
    >>> import cxfusion as cx
    >>> needed = cx.required_agents([100, 200, 0], 180, service_level=0.8, shrinkage=0.3)
    >>> needed.table[["agents", "scheduled_agents", "status"]].values.tolist()
    [[8.0, 12.0, 'ok'], [14.0, 20.0, 'ok'], [nan, nan, 'not_applicable']]
    """
    asked = _Asked.of(arrivals, aht_seconds, patience_seconds, interval_seconds, target_seconds)
    limits = {
        "service_level": service_level, "asa_seconds": asa_seconds, "abandonment_rate": abandonment_rate,
        "occupancy": occupancy,
    }  # fmt: skip
    given = {name: value for name, value in limits.items() if value is not None}
    _refuse(number_problems(given, "a number, or nothing"))
    targets = {name: float(value) for name, value in given.items()} or {"service_level": 0.8}
    _refuse(_target_problems(targets, has_patience=patience_seconds is not None))
    works = asked.not_applicable() == ""
    is_too_much = ~np.isfinite(asked.patience) & (asked.load >= MOST_AGENTS)
    agents = np.where(is_too_much, float(MOST_AGENTS), np.nan)
    works &= ~is_too_much
    agents[works] = _fewest(asked.only(works), targets)
    return _answer(replace(asked, agents=agents), targets, shrinkage)


@dataclass(frozen=True)
class _Asked:
    """Scenarios, one element each; ``patience`` is infinite where nobody hangs up."""

    arrivals: Floats
    aht: Floats
    patience: Floats
    agents: Floats
    interval_seconds: float
    target_seconds: float
    load: Floats = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "load", self.arrivals / self.interval_seconds * self.aht)

    @classmethod
    def of(
        cls,
        arrivals: ArrayLike,
        aht_seconds: ArrayLike,
        patience_seconds: ArrayLike | None,
        interval_seconds: float,
        target_seconds: float,
        agents: ArrayLike | None = None,
    ) -> _Asked:
        given = {
            "arrivals": arrivals,
            "aht_seconds": aht_seconds,
            "patience_seconds": np.inf if patience_seconds is None else patience_seconds,
            "agents": np.nan if agents is None else agents,
        }
        named = {name: _numbers(name, values) for name, values in given.items()}
        lengths = {name: len(values) for name, values in named.items() if len(values) > 1}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise UsageError(f"The sequences have different lengths: {told}. Expected one element per scenario.")
        _refuse(_number_problems(named, interval_seconds, target_seconds))
        arrived, aht, patience, on_phone = (np.array(values) for values in np.broadcast_arrays(*named.values()))
        return cls(arrived, aht, patience, on_phone, interval_seconds, target_seconds)

    def only(self, rows: Flags) -> _Asked:
        """Only these scenarios."""
        return _Asked(
            self.arrivals[rows], self.aht[rows], self.patience[rows], self.agents[rows],
            self.interval_seconds, self.target_seconds,
        )  # fmt: skip

    def not_applicable(self) -> NDArray[np.str_]:
        """Why a scenario has no answer, whatever the agents; empty where it has one."""
        unknown = np.isnan(self.arrivals) | np.isnan(self.aht) | np.isnan(self.patience)
        return np.where(unknown, "a number is missing", np.where(self.arrivals == 0, "no contacts arrive", ""))

    def queue(self) -> Queue:
        """The queues, by Erlang C where nobody hangs up, else by Erlang A."""
        given = (self.load, self.agents, self.aht, np.full(len(self.load), float(self.target_seconds)))
        hangs_up = np.isfinite(self.patience)
        found = {name: np.full(len(self.load), np.nan) for name in FIGURES}
        for rows, model, more in ((~hangs_up, erlang_c, ()), (hangs_up, erlang_a, (self.patience,))):
            if rows.any():
                here: Any = model
                part = here(*(values[rows] for values in (*given, *more)))
                for name in FIGURES:
                    found[name][rows] = getattr(part, name)
        return Queue(**found)


def _number_problems(named: dict[str, Floats], interval_seconds: float, target_seconds: float) -> list[str]:
    problems = [
        f"{name} is {named[name].min():g}; expected more than 0"
        for name in ("aht_seconds", "patience_seconds")
        if (named[name] <= 0).any()
    ]
    problems += [
        f"{name} is inf; expected a number" for name in ("arrivals", "aht_seconds") if np.isinf(named[name]).any()
    ]
    if (named["arrivals"] < 0).any():
        problems.append(f"arrivals is {named['arrivals'].min():g}; expected 0 or more")
    problems += number_problems({"interval_seconds": interval_seconds}, "more than 0", lambda seconds: seconds > 0)
    return problems + number_problems({"target_seconds": target_seconds}, "0 or more", lambda seconds: seconds >= 0)


def _numbers(name: str, values: ArrayLike) -> Floats:
    """One number or a sequence of them, missing ones as NaN."""
    try:
        found = np.atleast_1d(np.asarray(values))
        if found.dtype.kind not in "USbmM" and found.ndim == 1 and len(found):
            return found.astype(float)
    except (TypeError, ValueError):
        pass
    raise UsageError(f"{name} is {values!r}. Expected a number, or a sequence of numbers, one per scenario.")


def _agents_problems(agents: Floats) -> list[str]:
    wrong = agents[~np.isnan(agents) & ((agents < 0) | (agents != np.floor(agents)) | (agents > MOST_AGENTS))]
    if not len(wrong):
        return []
    return [f"agents is {wrong[0]:g}; expected a whole number from 0 to {MOST_AGENTS:,}"]


def _target_problems(targets: dict[str, float], *, has_patience: bool) -> list[str]:
    problems = share_problems({name: value for name, value in targets.items() if name != "asa_seconds"})
    if "asa_seconds" in targets and not targets["asa_seconds"] > 0:
        problems.append(f"asa_seconds is {targets['asa_seconds']:g}; expected more than 0: some always wait")
    if "abandonment_rate" in targets and not has_patience:
        problems.append("abandonment_rate is a target, and nobody hangs up; expected patience_seconds as well")
    return problems


def _refuse(problems: list[str]) -> None:
    if problems:
        raise UsageError("This staffing question cannot be answered.", problems)


def _meets(queue: Queue, targets: dict[str, float]) -> Flags:
    met = np.ones(len(queue.occupancy), dtype=bool)
    for name, target in targets.items():
        value = getattr(queue, name)
        met &= value >= target if name == "service_level" else value <= target
    return met


def _fewest(asked: _Asked, targets: dict[str, float]) -> Floats:
    """Fewest agents that meet the targets, by bisection: more agents never serve worse."""

    def meets(agents: Floats) -> Flags:
        return _meets(replace(asked, agents=agents).queue(), targets)

    least = np.where(np.isfinite(asked.patience), 0.0, np.floor(asked.load))  # one too few
    room = np.maximum(4.0, 4 * np.sqrt(asked.load))
    enough = np.minimum(np.floor(asked.load + room) + 1, MOST_AGENTS)
    while (short := ~meets(enough) & (enough < MOST_AGENTS)).any():
        least, room = np.where(short, enough, least), 2 * room
        enough = np.where(short, np.minimum(np.floor(asked.load + room) + 1, MOST_AGENTS), enough)
    return fewest_between(least, enough, meets)


def _answer(asked: _Asked, targets: dict[str, float], shrinkage: float) -> Staffing:
    require_number("shrinkage", shrinkage, "a share from 0 to below 1, such as 0.3", lambda share: 0 <= share < 1)
    reason = asked.not_applicable().astype(object)
    for i in np.flatnonzero(reason == ""):
        reason[i] = _overload(asked.load[i], asked.agents[i], hangs_up=bool(np.isfinite(asked.patience[i])))
    works = np.array([text == "" for text in reason], dtype=bool)
    found = {name: np.full(len(works), np.nan) for name in FIGURES}
    if works.any():
        queue = asked.only(works).queue()
        for name in FIGURES:
            found[name][works] = getattr(queue, name)
        if targets and not (met := _meets(queue, targets)).all():
            reason[np.flatnonzero(works)[~met]] = f"not even {MOST_AGENTS:,} agents meet the targets"
    works = np.array([text == "" for text in reason], dtype=bool)
    for values in found.values():
        values[~works] = np.nan
    patience = np.where(np.isfinite(asked.patience), asked.patience, np.nan)
    table = pd.DataFrame(
        {
            "arrivals": asked.arrivals,
            "aht_seconds": asked.aht,
            "patience_seconds": patience,
            "agents": asked.agents,
            "scheduled_agents": np.ceil(np.round(asked.agents / (1 - shrinkage), 9)),
            "load_erlangs": asked.load,
            **found,
            "status": np.where(works, "ok", "not_applicable"),
            "reason": pd.Series([text or None for text in reason], dtype=TEXT),
        }
    )
    return Staffing(table, asked.interval_seconds, asked.target_seconds, shrinkage)


def _overload(load: float, agents: float, *, hangs_up: bool) -> str:
    if np.isnan(agents):
        return "a number is missing"
    if agents == 0:
        return "without agents nobody is ever answered"
    if not hangs_up and load >= agents:
        return f"{plain(load)} erlangs of work are too much for {plain(agents)} agents: the queue would grow for ever"
    return ""
