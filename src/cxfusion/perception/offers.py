"""Who was offered the survey? Agents who pick their customers show up: those they ask were expected to be satisfied.

The score that operations and case mix lead to expect is compared between the contacts that an agent asked about and all
of that agent's contacts, beyond the rule that the whole centre's offers follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pandas as pd

from cxfusion.errors import ConvergenceError, NothingToEstimateError, UnknownNameError, require_number, told_nearest
from cxfusion.estimators.choosing import Choosing, expected_values, fit_choosing
from cxfusion.estimators.distributions import NORMAL_95, false_discovery_control
from cxfusion.estimators.rows import Indicators
from cxfusion.pairing.result import require_pairing
from cxfusion.perception.askable import FEWEST, askable
from cxfusion.perception.asked import asked_about
from cxfusion.perception.figures import TOO_FEW
from cxfusion.perception.measure import readings_for
from cxfusion.results.base import Result
from cxfusion.results.formats import percent

if TYPE_CHECKING:
    from collections.abc import Callable

    import altair as alt
    from numpy.typing import NDArray

    from cxfusion.pairing import Pairing
    from cxfusion.perception.askable import Codes

__all__ = ["OfferCheck", "check_offers"]

Flags: TypeAlias = "tuple[NDArray[np.bool_], NDArray[np.float64]]"
"""Who is flagged, and q-values."""

COLUMNS: Final = (
    "n", "n_asked", "asked_rate", "expected_of_all", "expected_of_asked", "estimate", "std_error", "conf_low",
    "conf_high", "p_value", "q_value", "unit", "is_flagged", "status", "reason",
)  # fmt: skip
FEWEST_ANSWERS: Final = 100
FALSE_DISCOVERY_RATE: Final = 0.05
FLAGGED_ABOVE: Final = 0.05
"""Excess in standard deviations of what is expected of an agent's contacts; less than that hardly bends a figure."""
FIRED_BELOW: Final = 0.01
FIRED_ABOVE: Final = 0.05
"""Root mean square, over agents, of the excess that chance does not explain, in the same measure."""
MAX_CONTACTS: Final = 300_000
MOST_ROUNDS: Final = 3


@dataclass(frozen=True, eq=False, repr=False)
class OfferCheck(Result):
    """Whether agents ask those of whom a good answer is expected.

    ``.table`` has one row per agent, the largest excess first: the agent, ``n`` (contacts), ``n_asked``,
    ``asked_rate``, ``expected_of_all, expected_of_asked`` (mean score expected from operations), ``estimate`` (how much
    more is expected of those asked than the centre's rule, at the agent's own rate, would give; positive is towards the
    better end of the scale), ``std_error, conf_low, conf_high``, ``p_value`` (one-sided), ``q_value`` (Benjamini &
    Hochberg), ``unit``, ``is_flagged``, ``status, reason``.

    Attributes
    ----------
    score, by : str
    basis : {"asked", "answered"}
        Whether ``n_asked`` counts those asked or, where that is not known, those who answered.
    agents : pandas.DataFrame
        The same as ``.table``.
    common : float or None
        How much more is expected of those asked than of all in the whole centre, within agents: its own rule.
    p_value : float or None
        Of the test that all agents follow one rule.
    n_tested, n_flagged : int
    flagged_share : float or None
        Share of all answers that flagged agents brought.
    status : {"passed", "failed", "not_applicable"}
        ``failed`` where agents differ beyond chance (p below 0.01), their excess beyond chance is more than 0.05
        standard deviations of what is expected of their contacts (root mean square), and any of them is flagged.
    reason : str or None
        Why it is not applicable.
    note : str or None
        What could not be told.
    """

    score: str
    by: str
    basis: str
    agents: pd.DataFrame
    common: float | None
    p_value: float | None
    n_tested: int
    n_flagged: int
    flagged_share: float | None
    status: str
    reason: str | None
    note: str | None

    @property
    def _frame(self) -> pd.DataFrame:
        return self.agents

    @property
    def sentence(self) -> str:
        """What was found, naming nobody."""
        if self.reason is not None or self.flagged_share is None:
            return f"Whether agents pick whom to ask could not be checked: {self.reason}."
        ask, get = ("ask", "get") if self.n_flagged != 1 else ("asks", "gets")
        done = f"{ask} customers" if self.basis == "asked" else f"{get} answers from customers"
        if not self.n_flagged:
            return f"None of the {self.n_tested:,} agents tested is seen to {done} of whom a better score was expected."
        found = (
            f"{self.n_flagged:,} of the {self.n_tested:,} agents tested {done} of whom a better score was expected than"
            f" of their other contacts; they brought {percent(self.flagged_share)} of the answers."
        )
        if self.status != "failed":
            return f"{found} Agents as a whole do not differ enough for this to bend the figures."
        return (
            f"{found} Scores are then too good and effects too small, and no weighting mends it: offer the survey by"
            " system, not by agent."
        )

    def _lines(self) -> list[str]:
        return [f"Who was offered the survey? {self.sentence}", *([self.note] if self.note else [])]

    def plot(self, *, width: int = 720) -> alt.TopLevelMixin:
        """Agents' excess with intervals, the largest first.

        Raises
        ------
        NothingToEstimateError
            Nothing could be compared.
        """
        from cxfusion.results.rankings import excess_chart

        if not self.n_tested:
            raise NothingToEstimateError(f"There is no picture of offers by {self.by}: {self.reason}.")
        return excess_chart(self.agents[self.agents["status"] == "ok"], self.by, width=width)


def check_offers(
    pairing: Pairing, score: str = "csat", *, by: str = "agent_id", max_contacts: int = MAX_CONTACTS
) -> OfferCheck:
    """Do agents pick whom to ask?

    Parameters
    ----------
    pairing : Pairing
        Who was asked is known where the log has a flag ``is_invited`` or the survey file also lists surveys without an
        answer; otherwise the same is asked of those who answered.
    score : {"csat", "nps", "ces"}
    by : str, default "agent_id"
        Whose offers are compared: agents, teams, sites.
    max_contacts : int, default 300,000
        Of a larger log a sample is used.

    Returns
    -------
    OfferCheck

    Raises
    ------
    UnknownNameError, NoScoreError
        The log has no such column, the survey no such score.

    Notes
    -----
    The expected score is the least-squares prediction of the scores given, within agents, from wait, talk, hold and
    transfers by fifths, reason, channel, queue, hour of the week and date. The centre's rule is how many times as
    likely a contact is to be asked about by the same, whoever asks: offers that go by queue or hour, or break down on a
    day, accuse nobody. It is learned from all agents, then from those not flagged, at most three times. Errors allow
    for customers, and days of an agent, that were asked together. Agents with fewer than 30 contacts asked about, or
    not, are not tested. An agent is flagged at a false-discovery rate of 5 %, if the excess is more than 0.05 standard
    deviations of what is expected of the agent's contacts. Where all agents pick alike there is no rule to compare
    with: the check then sees nothing. Where only answers are known, an excess may also come from customers, who answer
    one agent for other reasons than another. Larger logs are thinned by an MD5 of the contact id; where that would
    leave fewer than 250 contacts of an agent on average, by one of the agent too, and the note says so.

    References
    ----------
    Benjamini & Hochberg (1995), JRSS B 57, 289–300. Learning the rule anew without those flagged is the purification
    of Lord (1980), *Applications of Item Response Theory*, chapter 14.

    Examples
    --------
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7, world="picked_customers")
    >>> found = cx.check_offers(cx.pair(centre.contacts, centre.surveys))
    >>> found.basis, found.status
    ('asked', 'failed')
    """
    require_pairing(pairing)
    require_number("max_contacts", max_contacts, "a number of contacts, at least 1", lambda number: number >= 1)
    contacts = pairing.contacts
    readings_for(pairing, score, None)  # refuses a score that is not there
    if by not in contacts.columns:
        if by == "agent_id":
            return _nothing(score, by, "asked", "the log names no agents")
        raise UnknownNameError(
            f"The log has no column {by!r}. Expected a column of the contact log.", told_nearest([by], contacts.columns)
        )
    sent = asked_about(pairing)
    basis, note = ("asked", None) if sent.reason is None else ("answered", _not_known(sent.reason))
    contacts_asked = askable(pairing, score, by, sent.rows, max_contacts)
    note = " ".join(one for one in (note, contacts_asked.note) if one) or None
    direction = _direction(pairing, score)
    try:
        found = contacts_asked.made(partial(_found, direction=direction))
    except ConvergenceError as error:
        return _nothing(score, by, basis, error.message.rstrip("."), note)
    return _told(found, contacts_asked.names, direction, _nothing(score, by, basis, None, note))


def _not_known(reason: str) -> str:
    return (
        f"Here asked means answered: {reason}. Whether an agent chose, or customers answered for other reasons, cannot"
        " be told; with invitations in the survey file, or a flag is_invited in the log, it can."
    )


def _no_agents(by: str) -> pd.DataFrame:
    return pd.DataFrame(columns=[by, *COLUMNS])


def _nothing(score: str, by: str, basis: str, reason: str | None, note: str | None = None) -> OfferCheck:
    return OfferCheck(score, by, basis, _no_agents(by), None, None, 0, 0, None, "not_applicable", reason, note)


def _direction(pairing: Pairing, score: str) -> float:
    return 1.0 if pairing.surveys.scales[score].higher_is_better else -1.0


@dataclass(frozen=True)
class _Found:
    """What the contacts tell: numbers by agent, in the order of their places, none by contact.

    Attributes
    ----------
    agent, n, n_asked, n_scored : int array, shape (agents,)
        Contacts of each, those asked about, and those with a score.
    is_tested : bool array, shape (agents,)
    first, last : Choosing or None
        Of the agents that asked anybody; None where too little is known.
    flags : Flags
        Of the same agents.
    """

    agent: NDArray[np.int64]
    n: NDArray[np.int64]
    n_asked: NDArray[np.int64]
    n_scored: NDArray[np.int64]
    is_tested: NDArray[np.bool_]
    first: Choosing | None
    last: Choosing | None
    flags: Flags

    @property
    def reason(self) -> str | None:
        """Why agents cannot be compared."""
        if self.n_scored.sum() < FEWEST_ANSWERS:
            return f"fewer than {FEWEST_ANSWERS} scores"
        if self.is_tested.sum() >= 2:
            return None
        if (self.n_asked == self.n).all():
            return "every contact was asked about, so that none was picked"
        return f"fewer than two agents have {FEWEST} contacts asked about and {FEWEST} others"


def _found(rows: pd.DataFrame, codes: Codes, direction: float) -> _Found:
    by_agent = rows.groupby("agent")
    sizes = by_agent["is_asked"].agg(n="size", n_asked="sum").assign(n_scored=by_agent["score"].count())
    n, n_asked, n_scored = sizes.to_numpy(np.int64).T
    is_tested = (n_asked >= FEWEST) & (n - n_asked >= FEWEST)
    agent = sizes.index.to_numpy(np.int64)
    found = _Found(agent, n, n_asked, n_scored, is_tested, None, None, (np.empty(0, bool), np.empty(0)))
    if found.reason is not None:
        return found
    first, last, flags = _rounds(rows, codes, direction, agent[n_asked > 0], is_tested[n_asked > 0])
    return replace(found, first=first, last=last, flags=flags)


def _told(found: _Found, names: NDArray[np.object_], direction: float, empty: OfferCheck) -> OfferCheck:
    sizes = pd.DataFrame({"agent": names[found.agent], "n": found.n, "n_asked": found.n_asked})
    untested = _untested(sizes, found.is_tested, empty)
    if found.first is None or found.last is None:
        return replace(empty, agents=untested, reason=found.reason)
    asking = found.n_asked > 0
    tested = _table(sizes.loc[asking, "agent"], found.last, found.flags, direction, empty)[found.is_tested[asking]]
    ordered = tested.sort_values(["estimate", empty.by], ascending=[False, True], ignore_index=True)
    is_flagged = found.flags[0]
    has_fired = (
        found.first.p_value_all < FIRED_BELOW and found.last.beyond_chance > FIRED_ABOVE and bool(is_flagged.any())
    )
    return replace(
        empty,
        agents=pd.concat([ordered, untested], ignore_index=True) if len(untested) else ordered,
        common=found.last.common,
        p_value=found.first.p_value_all,
        n_tested=len(tested),
        n_flagged=int(is_flagged.sum()),
        flagged_share=float(found.n_scored[asking][is_flagged].sum() / found.n_scored.sum()),
        status="failed" if has_fired else "passed",
    )


def _rounds(
    rows: pd.DataFrame, codes: Codes, direction: float, agents: NDArray[np.int64], is_tested: NDArray[np.bool_]
) -> tuple[Choosing, Choosing, Flags]:
    """The fit with everyone as the reference, that with those not flagged, and who is flagged by it, with q-values."""
    fit = _fitter(rows[rows["agent"].isin(agents)], codes, direction, is_tested)
    reference = np.ones(len(agents), bool)
    first = last = fit(reference)
    flags = _flags(first, is_tested)
    for _ in range(MOST_ROUNDS):
        others = ~flags[0]
        if (others == reference).all() or 2 * others.sum() < len(others):
            break
        reference = others
        last = fit(reference)
        flags = _flags(last, is_tested)
    return first, last, flags


def _flags(fit: Choosing, is_tested: NDArray[np.bool_]) -> Flags:
    q_value = np.full(len(is_tested), np.nan)
    q_value[is_tested] = false_discovery_control(fit.p_value[is_tested])
    is_large = fit.excess > FLAGGED_ABOVE * fit.spread
    return is_tested & is_large & (np.nan_to_num(q_value, nan=1.0) <= FALSE_DISCOVERY_RATE), q_value


def _fitter(
    kept: pd.DataFrame, codes: Codes, direction: float, is_tested: NDArray[np.bool_]
) -> Callable[[NDArray[np.bool_]], Choosing]:
    """The fit by its reference."""
    levels = Indicators.named(codes, lambda name: kept[name].to_numpy(), len(kept))
    member = pd.factorize(kept["agent"], sort=True)[0].astype(np.int64)
    expected = expected_values(levels, member, direction * kept["score"].to_numpy(np.float64))
    clusters = [_numbers(kept["date"])]
    if kept["customer_known"].any():
        alone = np.arange(len(kept)) + int(kept["customer"].max()) + 1
        clusters.append(_numbers(pd.Series(np.where(kept["customer_known"], kept["customer"], alone))))
    picked = kept["is_asked"].to_numpy(bool)
    return lambda reference: fit_choosing(levels, member, picked, expected, clusters, is_tested, reference)


def _numbers(values: pd.Series[Any]) -> NDArray[np.int64]:
    return np.asarray(pd.factorize(values)[0], dtype=np.int64)


def _table(agents: pd.Series[str], fit: Choosing, flags: Flags, direction: float, empty: OfferCheck) -> pd.DataFrame:
    reach = NORMAL_95 * fit.std_error
    return pd.DataFrame(
        {
            empty.by: agents.to_numpy(), "n": fit.n, "n_asked": fit.n_picked, "asked_rate": fit.n_picked / fit.n,
            "expected_of_all": direction * fit.of_all, "expected_of_asked": direction * fit.of_picked,
            "estimate": fit.excess, "std_error": fit.std_error,
            "conf_low": fit.excess - reach, "conf_high": fit.excess + reach, "p_value": fit.p_value,
            "q_value": flags[1], "unit": "score points", "is_flagged": flags[0], "status": "ok", "reason": None,
        }
    )  # fmt: skip


def _untested(sizes: pd.DataFrame, is_tested: NDArray[np.bool_], empty: OfferCheck) -> pd.DataFrame:
    """Agents with too few contacts asked about, or too few others; of very few not even the rate is shown."""
    found = sizes[~is_tested].sort_values("agent", ignore_index=True)
    is_hidden = found["n"] < TOO_FEW
    n_asked = found["n_asked"].astype("Int64").mask(is_hidden)
    word = "asked about" if empty.basis == "asked" else "answered about"
    few = np.where(found["n_asked"] < FEWEST, f"fewer than {FEWEST} contacts {word}", f"fewer than {FEWEST} not {word}")
    table = pd.DataFrame(
        {
            empty.by: found["agent"], "n": found["n"], "n_asked": n_asked,
            "asked_rate": n_asked.astype("float64") / found["n"],
            "unit": "score points", "is_flagged": False,
            "status": np.where(is_hidden, "suppressed", "not_applicable"),
            "reason": np.where(is_hidden, f"fewer than {TOO_FEW} contacts: not shown", few),
        }
    )  # fmt: skip
    return table.reindex(columns=[empty.by, *COLUMNS])
