"""What leaders believe moves customers, ranked beside the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxfusion.errors import ConfigError, NothingToEstimateError, require_kind, told_nearest
from cxfusion.estimators.joint_draws import drawn_errors, rank_ends
from cxfusion.evidence.fit import LeverEvidence, require_evidence
from cxfusion.results.base import Result
from cxfusion.results.formats import change, plain
from cxfusion.results.labels import lever_label, standing_label, verdict_label
from cxfusion.results.readable import best_estimates

if TYPE_CHECKING:
    import altair as alt
    from numpy.typing import NDArray

__all__ = ["BeliefComparison", "compare_beliefs"]

COLUMNS: Final = (
    "lever", "n_leaders", "believed_rank", "believed_place", "evidence_place", "place_low", "place_high", "estimate",
    "outcome_unit", "verdict", "belief",
)  # fmt: skip
LEADER_COLUMNS: Final = ("leader", "n_levers", "agreement", "conf_low", "conf_high", "status", "reason")
EVERYONE: Final = "all leaders"
FEWEST: Final = 3


@dataclass(frozen=True, eq=False, repr=False)
class BeliefComparison(Result):
    """Beliefs beside the evidence.

    Attributes
    ----------
    levers : pandas.DataFrame
        The same as :attr:`table`, one row per lever that was both believed in and estimated, the most believed in
        first: ``lever, n_leaders, believed_rank`` (mean over leaders), ``believed_place`` (1 for the most believed in),
        ``evidence_place`` (1 for the largest effect), ``place_low, place_high`` (interval of the latter), ``estimate,
        outcome_unit, verdict``, and ``belief``: ``overrated`` (placed before the whole interval), ``underrated``
        (behind it), ``as_believed``.
    leaders : pandas.DataFrame
        One row per leader, and one for their mean ranks: ``leader, n_levers, agreement, conf_low, conf_high, status,
        reason``. Agreement is Kendall's τ-b of the two orders, from −1 (turned round) to 1 (the same); the interval is
        that of the evidence's order, at the evidence's level of confidence.
    unknown : tuple of str
        Levers that were believed in, but have no estimate.
    """

    levers: pd.DataFrame
    leaders: pd.DataFrame
    unknown: tuple[str, ...]

    @property
    def _frame(self) -> pd.DataFrame:
        return self.levers

    def _lines(self) -> list[str]:
        return [
            f"What leaders believe beside the evidence: {_agreement_words(self.leaders.iloc[-1])}",
            *(f"  {_line(row)}" for row in self.levers.itertuples()),
            *([f"  No estimate: {', '.join(map(lever_label, self.unknown))}."] if self.unknown else []),
        ]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Each lever's believed place and its place by the evidence, with the interval.

        Parameters
        ----------
        width : int
            Whole width in pixels, about.
        """
        from cxfusion.results.belief_charts import belief_chart

        return belief_chart(self.levers, width=width)


def _agreement_words(row: Any) -> str:
    if row.status != "ok":
        return str(row.reason)
    agreement, low, high = map(change, (row.agreement, row.conf_low, row.conf_high))
    return f"the orders agree by {agreement} ({low} to {high}; 1: the same order)"


def _line(row: Any) -> str:
    return (
        f"{lever_label(row.lever)}: believed place {plain(row.believed_place)}, by the evidence place"
        f" {row.evidence_place} ({row.place_low} to {row.place_high}), {verdict_label(row.verdict).lower()};"
        f" {standing_label(row.belief).lower()}"
    )


def compare_beliefs(evidence: LeverEvidence, beliefs: pd.DataFrame | Mapping[str, Any]) -> BeliefComparison:
    """Lay what leaders believe moves customers beside what the evidence says.

    Parameters
    ----------
    evidence : LeverEvidence
    beliefs : pandas.DataFrame or mapping
        A table with ``lever``, either ``rank`` (1 is believed the strongest) or ``strength`` (more is stronger) and, if
        wanted, ``leader``; or a mapping of lever to rank, or of leader to such a mapping.

    Returns
    -------
    BeliefComparison

    Raises
    ------
    ConfigError
        The table has no such columns, a lever twice for one leader, or no number.
    NothingToEstimateError
        None of the levers has an estimate.

    Notes
    -----
    Levers are placed by the size of the corrected effect, where there is one, else of the one within agent, hour and
    day, for the step asked about. Errors of all levers are drawn together. Each leader's ranks are counted among the
    levers that have an estimate.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys))
    >>> found = cx.compare_beliefs(evidence, {"talk_seconds": 1, "hold_seconds": 2, "wait_seconds": 3})
    >>> found.table[["lever", "believed_place"]].head(2).values.tolist()
    [['talk_seconds', 1], ['hold_seconds', 2]]
    """
    table = _tidy(beliefs)
    require_evidence(evidence)
    known = [name for name in evidence.errors.columns if name in set(table["lever"])]
    unknown = tuple(dict.fromkeys(name for name in table["lever"] if name not in known))
    if not known:
        near = told_nearest(unknown, evidence.levers["lever"])
        raise NothingToEstimateError("None of the levers that leaders believe in has an estimate.", near)
    wide = table[table["lever"].isin(known)].pivot(index="lever", columns="leader", values="rank").loc[known]
    wide = wide.rank()  # among the levers that have an estimate
    sizes = _drawn_sizes(evidence, known)
    mean = wide.mean(axis=1)
    leaders = [_agreement(str(leader), wide[leader], sizes, evidence.spec.conf_level) for leader in wide.columns]
    everyone = [_agreement(EVERYONE, mean, sizes, evidence.spec.conf_level)] if len(leaders) > 1 else []
    return BeliefComparison(
        levers=_levers(evidence, wide, mean, sizes),
        leaders=pd.DataFrame([*leaders, *everyone], columns=list(LEADER_COLUMNS)),
        unknown=unknown,
    )


def _tidy(beliefs: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
    """``leader, lever, rank``, whatever form the beliefs came in."""
    if isinstance(beliefs, Mapping):
        nested = {name: ranks for name, ranks in beliefs.items() if isinstance(ranks, Mapping)}
        nested = nested or {EVERYONE: beliefs}
        rows = [(leader, lever, rank) for leader, ranks in nested.items() for lever, rank in ranks.items()]
        beliefs = pd.DataFrame(rows, columns=["leader", "lever", "rank"])
    require_kind(beliefs, pd.DataFrame, "beliefs", "or ranks by lever, such as {'wait_seconds': 1, 'hold_seconds': 2}.")
    problems = []
    measure = next((name for name in ("rank", "strength") if name in beliefs.columns), None)
    if "lever" not in beliefs.columns or measure is None:
        raise ConfigError(
            "The table of beliefs cannot be read. Expected the columns lever, and rank or strength; it has"
            f" {', '.join(map(str, beliefs.columns)) or 'none'}."
        )
    leader = beliefs["leader"].astype(str) if "leader" in beliefs.columns else EVERYONE
    number = pd.to_numeric(beliefs[measure], errors="coerce").astype(float)
    table = pd.DataFrame({"lever": beliefs["lever"].astype(str), "rank": number * (1 if measure == "rank" else -1)})
    table.insert(0, "leader", leader)
    blank = table[~np.isfinite(table["rank"])]
    problems += [f"{row.leader}, {row.lever}: the {measure} is no number" for row in blank.itertuples()]
    twice = table[table.duplicated(["leader", "lever"])]
    problems += [f"{row.leader} names {row.lever} more than once" for row in twice.itertuples()]
    if problems:
        raise ConfigError("Some beliefs cannot be used. Expected one number per leader and lever.", problems)
    return table


def _drawn_sizes(evidence: LeverEvidence, levers: list[str]) -> NDArray[np.float64]:
    """Sizes of effects: as estimated first, then in draws about them, shape (1 + draws, levers)."""
    rows = evidence.levers.set_index("lever").loc[levers]
    best = best_estimates(rows).to_numpy()
    errors = drawn_errors(evidence.errors.loc[levers, levers].to_numpy(float))
    return np.asarray(np.abs(np.vstack([np.zeros(len(levers)), errors]) + best))


def _agreement(leader: str, ranks: pd.Series[float], sizes: NDArray[np.float64], conf_level: float) -> dict[str, Any]:
    """Kendall's τ-b of one order with the evidence's, and its interval."""
    named = ranks.notna().to_numpy()
    row: dict[str, Any] = {"leader": leader, "n_levers": int(named.sum()), "status": "not_applicable"}
    believed = -ranks.to_numpy(float)[named]
    pairs = list(combinations(range(len(believed)), 2))
    signs = np.array([np.sign(believed[a] - believed[b]) for a, b in pairs])
    if len(believed) < FEWEST or not signs.any():
        return {**row, "reason": f"an order takes at least {FEWEST} levers with an estimate, not all of one rank"}
    own = sizes[:, named]
    apart = np.column_stack([np.sign(own[:, a] - own[:, b]) for a, b in pairs])
    tau = apart @ signs / np.sqrt(np.abs(signs).sum() * np.maximum(np.abs(apart).sum(axis=1), 1))
    low, high = np.quantile(tau[1:], [(1 - conf_level) / 2, (1 + conf_level) / 2])
    return {**row, "agreement": float(tau[0]), "conf_low": float(low), "conf_high": float(high), "status": "ok"}


def _levers(
    evidence: LeverEvidence, wide: pd.DataFrame, mean: pd.Series[float], sizes: NDArray[np.float64]
) -> pd.DataFrame:
    places = 1 + (sizes[:, :, None] < sizes[:, None, :]).sum(axis=2)
    low, high = rank_ends(places[1:], evidence.spec.conf_level)
    believed = mean.rank(method="min").astype(int)
    said = evidence.levers.set_index("lever").loc[wide.index]
    rows = [
        {
            "lever": name, "n_leaders": int(wide.loc[name].notna().sum()), "believed_rank": float(mean[name]),
            "believed_place": int(believed[name]), "evidence_place": int(places[0, i]), "place_low": int(low[i]),
            "place_high": int(high[i]), "estimate": said["estimate"].iloc[i],
            "outcome_unit": said["outcome_unit"].iloc[i], "verdict": said["verdict"].iloc[i],
            "belief": _belief(int(believed[name]), int(low[i]), int(high[i])),
        }
        for i, name in enumerate(wide.index)
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["believed_place", "evidence_place"], kind="stable", ignore_index=True)


def _belief(place: int, low: int, high: int) -> str:
    return "overrated" if place < low else "underrated" if place > high else "as_believed"
