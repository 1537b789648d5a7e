"""What is asked of the evidence: outcome, levers, controls, groups to compare within, thresholds. Needs no data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cxfusion.errors import ConfigError, UnknownNameError, require_kind, require_kind_or_none, told_nearest
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever
from cxfusion.evidence.refusals import (
    refuse_bad_controls,
    refuse_idle_trials,
    refuse_single,
    refuse_taken_names,
    refuse_thresholds,
    require_levers,
    require_numbers,
)
from cxfusion.tables.canonical import SCORE_SCALES

if TYPE_CHECKING:
    from cxfusion.tables.relation import Contacts, Scale

__all__ = [
    "AGENT",
    "CASE_MIX",
    "OUTCOMES",
    "RECONTACT",
    "Experiment",
    "LeverSpec",
    "Outcome",
    "outcome_named",
    "usable_levers",
]


CASE_MIX: Final = ("reason", "channel", "queue")
AGENT: Final = "agent_id"


@dataclass(frozen=True)
class Outcome:
    """What is to be moved.

    Attributes
    ----------
    name : str
    score : str
        Score column of the responses.
    unit : str
        Of the effects.
    smallest_effect : float
        Default δ, on the default scale; stretched with the scale.
    cuts : tuple of float, optional
        Scores at which a new category begins; None keeps every score its own category.
    values : tuple of float, optional
        What each category counts, with ``cuts``; else its score.
    is_top_two : bool
        The share, in percent, of answers on the two best marks of the scale.
    """

    name: str
    score: str
    unit: str
    smallest_effect: float
    cuts: tuple[float, ...] | None = None
    values: tuple[float, ...] | None = None
    is_top_two: bool = False

    def on(self, scale: Scale) -> Outcome:
        """The same outcome on the scale that was offered."""
        if not self.is_top_two:
            return self
        if scale.higher_is_better:
            return replace(self, cuts=(scale.high - 1,), values=(0.0, 100.0))
        return replace(self, cuts=(math.nextafter(scale.low + 1, math.inf),), values=(100.0, 0.0))

    def is_better_above(self, scale: Scale) -> bool:
        """Whether more of it is a better experience; a share of best marks is, whichever end they are at."""
        return self.is_top_two or scale.higher_is_better

    def smallest_effect_on(self, scale: Scale) -> float:
        """δ on a scale of another length: 0.05 on 1–5 is 0.1125 on 1–10."""
        if self.values is not None or self.is_top_two:
            return self.smallest_effect
        low, high = SCORE_SCALES[self.score]
        return self.smallest_effect * (scale.high - scale.low) / (high - low)


RECONTACT: Final = Outcome("recontact", "is_recontacted", "percentage points", 1.0, cuts=(0.5,), values=(0.0, 100.0))
"""Whether the customer was in touch again within a week: no survey asks it, the log tells it of everyone."""
OUTCOMES: Final = {
    "csat": Outcome("csat", "csat", "CSAT points", 0.05),
    "nps": Outcome("nps", "nps", "NPS points", 1.0, cuts=(7.0, 9.0), values=(-100.0, 0.0, 100.0)),
    "ces": Outcome("ces", "ces", "CES points", 0.075),
    "csat_top2box": Outcome("csat_top2box", "csat", "percentage points", 1.0, is_top_two=True),
}
"""What surveys ask."""


def outcome_named(name: str) -> Outcome:
    """An outcome by its name, of surveys or of the log.

    Raises
    ------
    UnknownNameError
        There is none of that name.
    """
    if name == RECONTACT.name:
        return RECONTACT
    if not isinstance(name, str) or name not in OUTCOMES:
        raise UnknownNameError(f"There is no outcome {name!r}. Expected one of: {', '.join(OUTCOMES)}.")
    return OUTCOMES[name]


@dataclass(frozen=True)
class Experiment:
    """A trial that the log marks: contacts were given an arm by chance, and the arm changed a lever.

    Parameters
    ----------
    column : str
        Column of the contact log that holds the arm; empty for contacts outside the trial.
    lever : str
        Column of the lever that the arms changed; nothing else about the contact may differ between them.
    within : tuple of str
        Columns within whose levels chance decided, such as ``("queue",)``; by default it decided among all. Days, or
        weeks, are held equal besides.
    unit : str, optional
        Column of what was given an arm as a whole, such as ``"agent_id"``: answers of one unit err together. By default
        whole queues, days of the site or days of a queue, the first that have one arm each, else the agents; a queue
        that changed once and for all is one unit, and arms that come and go by weeks make its weeks units.

    Raises
    ------
    UsageError
        What names no column.
    ConfigError
        A lever that is its own arm, or one name where several may stand.
    """

    column: str
    lever: str
    within: tuple[str, ...] = ()
    unit: str | None = None

    def __post_init__(self) -> None:
        refuse_single(within=self.within)
        advice = "the name of a column of the log."
        require_kind(self.column, str, "column", advice)
        require_kind(self.lever, str, "lever", advice)
        require_kind_or_none(self.unit, str, "unit", advice)
        for name in self.within:
            require_kind(name, str, "a column of within", advice)
        if self.column == self.lever:
            raise ConfigError(
                f"The trial in {self.column!r} is said to have changed {self.lever!r} itself. Expected the column of"
                " the arms, and the lever that they changed."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the log that it names, its lever aside."""
        return (self.column, *self.within, *([] if self.unit is None else [self.unit]))


@dataclass(frozen=True)
class LeverSpec:
    """What is asked of the evidence.

    Parameters
    ----------
    outcome : {"csat", "nps", "ces", "csat_top2box"}
        The last is the share of answers on the two best marks of CSAT.
    levers : tuple of Lever
        By default the catalogue's, as far as the log has them.
    case_mix : tuple of str
        Columns that say what kind of case it was; of the usual ones, those the log has not are left out and noted.
    experiments : tuple of Experiment
        Trials that the log marks.
    cluster : str
        Column whose groups may err together. Whatever it is, contacts are compared within the same agent; within its
        own groups only where the log names no agents.
    conf_level : float
        Of the intervals that are shown. Verdicts and their sentences rest on 95 % intervals whatever it is, as the
        negative control does; whether a trial or crowding supports one is read off the interval that is shown.
    min_responses : int
        With fewer, nothing is estimated, nor within the same agent, hour and day where these leave fewer: each of
        them takes one answer.
    min_clusters : int
        With fewer, nothing is testable.
    min_level_responses : int
        Rarer levels of a control are pooled.
    max_missing_share : float
        A lever missing in more of the pairs is untestable and leaves the other models.
    false_discovery_rate : float
        Of the levers called ``moves`` (Benjamini–Hochberg).
    contradiction_level : float
        Chance by which a design may lie as far from the estimates as it does, below which it contradicts them, if it
        lies farther than the smallest effect that matters, too.
    min_effective_f : float
        A design whose first stage is weaker is not applicable (effective F, Montiel Olea & Pflueger).
    max_triad_ratio : float
        Readings of how reliable after-call work is that differ more leave the negative control unusable.
    with_links : bool, optional
        Whether to refit on pairs that leave no choice of contact, and corrected for wrong links. By default where any
        pair leaves a choice.
    link_probabilities : tuple of float
        The chances that the chosen contact is the right one, to be assumed where the data do not tell.

    Raises
    ------
    UnknownNameError
        No such outcome.
    ConfigError
        A lever twice, a name that the models need for themselves, or thresholds out of range.
    BadControlError
        A control that comes after a lever, is itself a lever, an outcome or an identifier, or handle time beside its
        own parts.
    """

    outcome: str = "csat"
    levers: tuple[Lever, ...] = DEFAULT_LEVERS
    case_mix: tuple[str, ...] = CASE_MIX
    experiments: tuple[Experiment, ...] = ()
    cluster: str = AGENT
    conf_level: float = 0.95
    min_responses: int = 50
    min_clusters: int = 10
    min_level_responses: int = 30
    max_missing_share: float = 0.2
    false_discovery_rate: float = 0.01
    contradiction_level: float = 0.01
    min_effective_f: float = 10.0
    max_triad_ratio: float = 2.0
    with_links: bool | None = None
    link_probabilities: tuple[float, ...] = (0.9, 0.8, 0.7)

    @property
    def labels(self) -> dict[str, str]:
        """What levers are called, where they say so."""
        return {lever.name: lever.label for lever in self.levers if lever.label}

    @property
    def score(self) -> str:
        """Score column of the responses."""
        return outcome_named(self.outcome).score

    def __post_init__(self) -> None:
        outcome_named(self.outcome)
        refuse_single(case_mix=self.case_mix, levers=self.levers, experiments=self.experiments)
        for column in self.case_mix:
            require_kind(column, str, "a column of case_mix", "its name.")
        require_kind(self.cluster, str, "cluster", "the name of a column of the log, such as 'agent_id'.")
        for trial in self.experiments:
            require_kind(trial, Experiment, "a trial of experiments", "cx.Experiment(column, lever).")
        require_levers(self.levers)
        names = [lever.name for lever in self.levers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(f"These levers are given twice: {', '.join(twice)}. Expected each once.")
        refuse_thresholds(self)
        refuse_taken_names(names, self.case_mix)
        refuse_bad_controls(self.levers, self.case_mix)
        refuse_idle_trials(self.experiments, names)


def usable_levers(spec: LeverSpec, contacts: Contacts) -> tuple[Lever, ...]:
    """The spec's levers that the log has.

    Raises
    ------
    UnknownNameError
        A lever that was asked for by name is not a column of the log, or none of the catalogue's is.
    ConfigError
        One of them holds no numbers.
    """
    _require_trials(spec, contacts)
    _require_controls(spec, contacts)
    asked = [lever for lever in spec.levers if lever not in DEFAULT_LEVERS]
    unknown = [lever.name for lever in asked if not contacts.has(lever.name)]
    if unknown:
        raise UnknownNameError(
            f"These levers are no columns of the contact log: {', '.join(unknown)}. Expected canonical names, or"
            " columns that the map defines.",
            told_nearest(unknown, contacts.columns),
        )
    present = tuple(lever for lever in spec.levers if contacts.has(lever.name))
    if not any(lever.role in ("lever", "influenceable") for lever in present):
        can_move = [lever.name for lever in (*spec.levers, *DEFAULT_LEVERS) if lever.role in ("lever", "influenceable")]
        raise UnknownNameError(
            "The contact log has none of the levers asked about, givens and placebos aside: those get no verdict."
            f" Expected at least one of: {', '.join(dict.fromkeys(can_move))}. Map a column to one of them, or define"
            " your own lever: under [levers] in the map of a job; Python takes none from there, but"
            " spec=cx.LeverSpec(levers=[cx.Lever(…)])."
        )
    require_numbers(contacts, present)
    return present


def _require_trials(spec: LeverSpec, contacts: Contacts) -> None:
    """Refuse trials whose columns the log has not."""
    missing = [name for trial in spec.experiments for name in trial.columns if not contacts.has(name)]
    if missing:
        raise UnknownNameError(
            f"These columns of a trial are not in the contact log: {', '.join(missing)}. Expected columns that the log"
            " has, or that the map defines.",
            told_nearest(missing, contacts.columns),
        )


def _require_controls(spec: LeverSpec, contacts: Contacts) -> None:
    """Refuse a case mix or cluster of one's own that the log has not: what is misspelt would not be held equal."""
    own = [name for name in spec.case_mix if name not in CASE_MIX]
    own += [] if spec.cluster == AGENT else [spec.cluster]
    missing = [name for name in own if not contacts.has(name)]
    if missing:
        raise UnknownNameError(
            f"These columns of the case mix or cluster are not in the log: {', '.join(missing)}. Expected columns"
            " that the log has, or that the map defines.",
            told_nearest(missing, contacts.columns),
        )
