"""Contact and relationship: which levers move the answer about a contact, but not what customers think of us."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from cxfusion.errors import NoScoreError
from cxfusion.evidence.catalogue import Lever
from cxfusion.evidence.fit import LeverEvidence, fit_levers, require_evidence
from cxfusion.evidence.spec import AGENT, CASE_MIX, OUTCOMES
from cxfusion.pairing.exposure import pair_relationship, total_of
from cxfusion.pairing.result import require_pairing
from cxfusion.results.base import Result
from cxfusion.results.labels import lever_label, levers_in_words, outcome_label, verdict_label

if TYPE_CHECKING:
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.pairing.result import Pairing

__all__ = ["LevelComparison", "compare_levels"]

SETTLED: Final = {"moves": True, "no_effect": False, "proxy": False}
"""Verdicts that say whether a lever moves a score; the others leave it open."""
COLUMNS: Final = (
    "lever", "contact_step", "contact_estimate", "contact_verdict", "relationship_lever", "relationship_step",
    "relationship_estimate", "relationship_conf_low", "relationship_conf_high", "relationship_verdict", "moves",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class LevelComparison(Result):
    """Levers beside what they add up to over all that a customer lived.

    Attributes
    ----------
    levels : pandas.DataFrame
        One row per lever: its step, effect and verdict on the answer about the contact; the sum over the exposure
        (``relationship_lever``) with the same on the answer about the relationship; and ``moves``: ``both``,
        ``contact_only``, ``relationship_only``, ``neither``, or ``open`` where one of the two is not settled.
    contact, relationship : LeverEvidence
    """

    levels: pd.DataFrame
    contact: LeverEvidence
    relationship: LeverEvidence

    @property
    def _frame(self) -> pd.DataFrame:
        return self.levels

    @property
    def sentence(self) -> str:
        """What moves the contact but not the relationship, in one sentence."""
        score = f"{outcome_label(self.relationship.spec.outcome)} of the relationship"
        only, both = (
            self.levels.loc[self.levels["moves"] == word, "lever"].to_list() for word in ("contact_only", "both")
        )
        said = []
        if only:
            said.append(f"What moves the answer about a contact, but not {score}: {levers_in_words(only)}.")
        if both:
            said.append(f"What moves both the answer about a contact and {score}: {levers_in_words(both)}.")
        return (
            " ".join(said) or f"No lever is yet known to move the answer about a contact and to leave {score} as it is."
        )

    def _lines(self) -> list[str]:
        head = f"{len(self.levels)} levers, on {self.contact.n:,} contacts and on {self.relationship.n:,} relationships"
        return [head, *(_line(row) for row in self.levels.itertuples()), self.sentence]


def _line(row: Any) -> str:
    contact, relationship = verdict_label(row.contact_verdict).lower(), verdict_label(row.relationship_verdict).lower()
    return f"  {lever_label(row.lever)}: contact, {contact}; relationship, {relationship}"


def compare_levels(evidence: LeverEvidence, pairing: Pairing, outcome: str | None = None) -> LevelComparison:
    """Fit the levers of the relationship, and compare them with those of the contact.

    Each lever of the contact is added up over all of its customer's contacts before the survey; the number of these
    contacts is a lever too. All of them come before the answer, so they are adjusted for each other. There is no
    negative control here, so no grade is better than "correlational".

    Parameters
    ----------
    evidence : LeverEvidence
        Of the contacts.
    pairing : Pairing
        With surveys about the relationship.
    outcome : {"csat", "nps", "ces"}, optional
        Of the relationship; by default that of the evidence, if such surveys ask it, else the first they ask.

    Returns
    -------
    LevelComparison

    Raises
    ------
    NothingPairedError
        There is no survey about the relationship.
    NoScoreError
        These surveys do not ask the score.
    TooFewResponsesError, NothingToEstimateError
        As of :func:`cxfusion.fit_levers`.

    Examples
    --------
    >>> import pandas as pd
    >>> import cxfusion as cx
    >>> centre = cx.simulate(n_contacts=20_000, seed=7)
    >>> answers = centre.surveys.to_pandas()
    >>> asked = answers[["customer_id", "answered_at", "nps"]].assign(survey_level="relationship")
    >>> of_contacts = answers[["contact_id", "customer_id", "answered_at", "csat"]]
    >>> pairing = cx.pair(centre.contacts, cx.read_surveys(pd.concat([of_contacts, asked])))
    >>> levels = cx.compare_levels(cx.fit_levers(pairing, "csat"), pairing)
    >>> levels.table["lever"].tolist()
    ['wait_seconds', 'hold_seconds', 'talk_seconds', 'n_transfers']
    """
    require_evidence(evidence)
    require_pairing(pairing)
    lived = pair_relationship(pairing)
    outcome = _outcome_of(lived, evidence.spec.outcome, outcome)
    of_contact = [lever for lever in evidence.spec.levers if lever.name in set(evidence.levers["lever"])]
    added = {lever.name: _added_up(lever) for lever in of_contact if lived.contacts.has(total_of(lever.name))}
    levers = (*added.values(), Lever("n_contacts", "before", -1, shape="count"))
    relationship = fit_levers(lived, spec=_spec_of(evidence.spec, lived, outcome, levers))
    names = {lever: total.name for lever, total in added.items()}
    return LevelComparison(_levels(evidence.levers, relationship.levers, names), evidence, relationship)


def _spec_of(spec: LeverSpec, lived: Pairing, outcome: str, levers: tuple[Lever, ...]) -> LeverSpec:
    """The same questions of all that was lived: of single contacts it has the usual columns of the last one alone.

    A trial gave contacts an arm, and customers live contacts of both.
    """
    has = lived.contacts.has
    return replace(
        spec,
        outcome=outcome,
        levers=levers,
        case_mix=tuple(name for name in spec.case_mix if has(name) or name in CASE_MIX),
        cluster=spec.cluster if has(spec.cluster) else AGENT,
        experiments=(),
        with_links=False,
    )


def _outcome_of(lived: Pairing, usual: str, asked: str | None) -> str:
    """The score of the relationship: what was asked for, else that of the contact, else the first that was answered."""
    pairs = lived.pairs
    scores = list(lived.surveys.scales)
    counts = lived.session.collect(pairs.aggregate(**{name: pairs[name].count() for name in scores})).to_pylist()[0]
    answered = [name for name, outcome in OUTCOMES.items() if counts.get(outcome.score)]
    wanted = asked or (usual if usual in answered else next(iter(answered), usual))
    if wanted not in answered:
        raise NoScoreError(
            f"No survey about the relationship has a {wanted} score. They have: {', '.join(answered) or 'none'}."
        )
    return wanted


def _added_up(lever: Lever) -> Lever:
    """The lever over an exposure: before the answer, whatever its moment in the contact."""
    shape = "count" if lever.name.startswith("is_") else lever.shape
    return Lever(total_of(lever.name), "before", lever.step, lever.role, shape, lever.smallest_effect)


def _levels(contact: pd.DataFrame, relationship: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    found = relationship.set_index("lever")
    rows = []
    for one in contact.to_dict("records"):
        if one["lever"] not in names:
            continue
        name = names[str(one["lever"])]
        other = found.loc[name]
        rows.append(
            {
                "lever": one["lever"], "contact_step": one["step"], "contact_estimate": one["estimate"],
                "contact_verdict": one["verdict"], "relationship_lever": name, "relationship_step": other["step"],
                "relationship_estimate": other["estimate"], "relationship_conf_low": other["conf_low"],
                "relationship_conf_high": other["conf_high"], "relationship_verdict": other["verdict"],
                "moves": _moves(str(one["verdict"]), str(other["verdict"])),
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _moves(contact: str, relationship: str) -> str:
    if contact not in SETTLED or relationship not in SETTLED:
        return "open"
    by_both = {(True, True): "both", (True, False): "contact_only", (False, True): "relationship_only"}
    return by_both.get((SETTLED[contact], SETTLED[relationship]), "neither")
