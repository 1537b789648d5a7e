"""The estimation sample: answered contacts with a scored response, made numeric once so that folds can sweep it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import ibis
import numpy as np
import pandas as pd

from cxfusion.errors import NothingToEstimateError, TooFewResponsesError
from cxfusion.evidence.catalogue import WITNESS_LEVER
from cxfusion.evidence.coding import AGENT_DAYS, Coding, answered_contacts, coded
from cxfusion.evidence.lever_facts import learn_facts
from cxfusion.evidence.spec import outcome_named
from cxfusion.evidence.surroundings import (
    AGENT_LOAD,
    CROWD,
    SLOT,
    mean_of,
    moment_and_agent,
    with_surroundings,
)
from cxfusion.evidence.trials import trial_codes, trial_values
from cxfusion.perception.answers import scored_pairs
from cxfusion.perception.scores import why_not
from cxfusion.perception.weights import require_weights
from cxfusion.tables.books import CELLS_OF
from cxfusion.tables.coding import group_codes
from cxfusion.tables.sampling import in_sample, thinned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import ibis.expr.types as ir

    from cxfusion.engine import Session
    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.lever_facts import LeverFacts
    from cxfusion.evidence.spec import LeverSpec, Outcome
    from cxfusion.pairing.result import Pairing
    from cxfusion.perception.weights import ResponseWeights
    from cxfusion.tables.relation import Contacts, Scale

__all__ = ["IS_PART", "KEPT", "Sample", "draw_sample", "made_numeric", "order_of"]

MAX_CATEGORIES: Final = 21
MAX_PART: Final = 200_000
IS_PART: Final = "cx:part"
"""Of more than ``MAX_PART`` responses: whether one is of the part that stands for all of them in what is no estimate:
the points of a what-if, the checks of a model's form, what silence may do, what a driver chart would have said."""
KEPT: Final = "kept_"
"""Before the name of a column that is carried along as it is."""


@dataclass(frozen=True)
class Sample:
    """A numeric relation, one row per response, and what was learned while making it.

    The relation has ``y`` (category from 0), ``weight``, one column per lever, the code columns of ``coding``, those of
    :func:`order_of`, and what the rest of the log says: ``slot``, ``crowd_wait_seconds``, ``agent_load_seconds``,
    ``mean_…`` of each lever.

    Attributes
    ----------
    session : Session
    rows : ibis.Table
    outcome : Outcome
    smallest_effect : float
        δ of the outcome, on the scale that was offered.
    values : tuple of float
        What each category counts in the mean.
    score_sd : float
        Standard deviation of what an answer counts.
    n : int
    n_part : int
        Responses of the part that stands for all of them where nothing is estimated; all, unless they are many.
    coding : Coding
    facts : mapping of str to LeverFacts
    n_slots : int
        Queues × quarters of an hour in which there are responses.
    notes : tuple of str
    drawn : ibis.Table
        The same responses before they were made numeric; of more than ``MAX_PART`` those of the part.
    """

    session: Session = field(repr=False)
    rows: ir.Table = field(repr=False)
    outcome: Outcome
    smallest_effect: float
    values: tuple[float, ...]
    score_sd: float
    n: int
    n_part: int
    coding: Coding
    facts: Mapping[str, LeverFacts]
    n_slots: int
    notes: tuple[str, ...]
    drawn: ir.Table = field(repr=False)

    def smallest_for(self, lever: Lever) -> float:
        """δ of a lever: its own, else the outcome's."""
        return lever.smallest_effect or self.smallest_effect

    def gaps(self, levers: Collection[str]) -> tuple[str, ...]:
        """Those of some columns that are missing for some responses."""
        return tuple(name for name in sorted(levers) if name not in self.facts or self.facts[name].n_known < self.n)

    def part_of(self, rows: ir.Table) -> ir.Table:
        """Those of some rows that are of the part which stands for all; all of them where there is no such part."""
        return rows if self.n_part == self.n else rows.filter(rows[IS_PART])

    def rows_that_tell(self, levers: Collection[str]) -> ir.Table:
        """Rows whose contact has a value of all of these levers: all of them, where none is missing."""
        gaps = self.gaps(levers)
        return self.rows.filter(*(self.rows[name].notnull() for name in gaps)) if gaps else self.rows

    def counted(self, rows: ir.Table) -> ir.FloatingValue:
        """What the answer of each of some rows counts in the mean."""
        return rows["y"].cases(*enumerate(float(value) for value in self.values), else_=ibis.null("float64"))

    def with_own_marks(
        self, rows: ir.Table, values: tuple[float, ...] | None = None
    ) -> tuple[ir.Table, tuple[float, ...]]:
        """Some of the rows, only the marks that they gave as categories from 0, and what each of these counts.

        A mark that only other rows hold is no category of theirs: nothing tells where it would begin and end.
        ``values`` are those of the categories that the rows have so far; by default the sample's.
        """
        known = self.values if values is None else values
        if rows is self.rows:
            return rows, known
        marks = np.sort(self.session.collect(rows.select("y").distinct())["y"].to_numpy()).tolist()
        if not marks or len(marks) == len(known):
            return rows, known
        code = rows["y"].cases(*((mark, place) for place, mark in enumerate(marks)), else_=None)
        return rows.mutate(y=code.cast("int64")), tuple(known[mark] for mark in marks)


def draw_sample(
    pairing: Pairing,
    spec: LeverSpec,
    levers: tuple[Lever, ...],
    weights: ResponseWeights | None,
    kept: tuple[str, ...] = (),
    blend: Callable[[ir.Table], ir.Table] | None = None,
    is_alone: bool = False,
    like: Coding | None = None,
) -> Sample:
    """Join responses to their contacts and make the table numeric.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    levers : tuple of Lever
    weights : ResponseWeights or None
    kept : tuple of str
        Columns of the log that are carried along as they are.
    blend : callable, optional
        What becomes of the levers where a response may speak about other contacts than the one it is paired with:
        from rows with ``response_id`` and a column per lever to the same rows.
    is_alone : bool
        Nothing is asked of the rest of the log: others' waits, agents' load and means stay unknown.
    like : Coding, optional
        Of another sample, whose contacts are compared within the same.

    Raises
    ------
    TooFewResponsesError
        Fewer scored responses of answered contacts than ``spec.min_responses``.
    NothingToEstimateError
        Everyone gave the same score, the score is no rating scale, or its scale does not have the outcome.
    """
    session, contacts = pairing.session, pairing.contacts
    names = [lever.name for lever in _with_witness(contacts, levers)]
    own = moment_and_agent(contacts) | trial_values(contacts, spec)
    own |= {f"{KEPT}{name}": contacts.value(name) for name in kept}
    log = answered_contacts(contacts, spec, names, own).drop("source_file", "source_row")
    scored = scored_pairs(pairing, spec.score).select(
        "response_file", "response_row", "response_id", "contact_id", score=spec.score
    )
    if weights is not None:
        require_weights(weights, pairing, spec.score)
    rows = _weighted(scored.inner_join(log, "contact_id"), weights)
    between = tuple(lever.name for lever in levers if lever.role != "placebo" and lever.moment != "after")
    drawn = with_surroundings(rows, contacts, spec, between, is_alone)
    if blend is not None:
        drawn = session.materialize(blend(drawn))
    return made_numeric(pairing, spec, levers, drawn, like)


def _remedy(pairing: Pairing, score: str, n_lacking: int) -> str:
    """What to do where so many responses with a score are lacking: no longer period makes numbers of words."""
    cells = pairing.books.cells
    no_numbers = cells["stage"].eq(CELLS_OF["surveys"]) & cells["column"].eq(score) & cells["reason"].eq("not_a_number")
    n = int(cells.loc[no_numbers, "n"].sum())
    if n < n_lacking:
        return "Read a longer period, or widen the pairing window."
    return (
        f"{n:,} values of {score} are no numbers: say in the map what each answer counts, with a line such as"
        f' {score} = {{ column = "…", answers = {{ "good" = 4, "bad" = 2 }} }}; `cxfusion map` lists them.'
    )


def made_numeric(
    pairing: Pairing, spec: LeverSpec, levers: tuple[Lever, ...], drawn: ir.Table, like: Coding | None = None
) -> Sample:
    """A sample of responses that were drawn before: all that is learned from a sample is learned from these.

    Parameters
    ----------
    pairing, spec, levers
        As of :func:`draw_sample`, by which they were drawn.
    drawn : ibis.Table
        Rows of :attr:`Sample.drawn`, materialised.
    like : Coding, optional
        Of another sample, whose contacts are compared within the same.

    Raises
    ------
    TooFewResponsesError, NothingToEstimateError
        As of :func:`draw_sample`.
    """
    session, contacts = pairing.session, pairing.contacts
    scale = pairing.surveys.scales[spec.score]
    outcome = _readable(spec.outcome, scale)
    levers = _with_witness(contacts, levers)
    answered = session.materialize(drawn.mutate(**trial_codes(drawn, spec))) if spec.experiments else drawn
    facts, n, n_slots = learn_facts(session, answered, levers)
    if n < spec.min_responses:
        raise TooFewResponsesError(
            f"{n:,} responses with a {spec.score} score could be paired with an answered contact; expected at least"
            f" {spec.min_responses}. {_remedy(pairing, spec.score, spec.min_responses - n)}"
        )
    categories = _categories(session, answered, outcome)
    codes = {"y": categories.frame, "file": group_codes(session, answered, ("response_file",))}
    numeric, coding = coded(session, answered, contacts, spec, codes, like or n)
    columns = [*_columns(answered, levers, coding), *trial_values(contacts, spec)]
    columns += ["date"] if spec.experiments else []
    if n > MAX_PART:
        numeric = numeric.mutate(**{IS_PART: in_sample(numeric["contact_id"], MAX_PART / n)})
        columns.append(IS_PART)
    rows = session.materialize(numeric.order_by(*order_of(coding)).select(*dict.fromkeys(columns)))
    n_part = session.count(rows.filter(rows[IS_PART])) if n > MAX_PART else n
    if n > MAX_PART:  # nobody asks for more of them as they are, and they would fill the memory once more
        drawn = session.materialize(thinned(drawn, n, MAX_PART))
    return Sample(
        session=session,
        rows=rows,
        outcome=outcome,
        smallest_effect=outcome.smallest_effect_on(scale),
        values=categories.values,
        score_sd=categories.sd,
        n=n,
        n_part=n_part,
        coding=coding,
        facts=facts,
        n_slots=n_slots,
        notes=_notes(pairing, spec),
        drawn=drawn,
    )


def _readable(asked: str, scale: Scale) -> Outcome:
    """The outcome as it is read off the answers' scale."""
    reason = why_not(asked, scale)
    if reason is not None:
        raise NothingToEstimateError(
            f"{asked} cannot be read off these answers: {reason}. Expected a scale that has it; name in the map"
            " the one that was offered, or ask for another outcome."
        )
    return outcome_named(asked).on(scale)


def _columns(answered: ir.Table, levers: Sequence[Lever], coding: Coding) -> list[str]:
    """What a sample keeps of each answer."""
    names = [lever.name for lever in levers]
    around = [name for name in (CROWD, AGENT_LOAD, *map(mean_of, names)) if name in answered.columns]
    kept = [name for name in answered.columns if name.startswith(KEPT)]
    days = [AGENT_DAYS] if coding.agent_days else []
    return [
        "y", "weight", *names, *coding.controls, "cluster", *coding.groups, SLOT, *around, *days, *kept,
        *order_of(coding),
    ]  # fmt: skip


def order_of(coding: Coding) -> tuple[str, ...]:
    """Columns by which the rows of a sample are ordered, so that alike cases stand together; no two rows share them."""
    return (*coding.controls, "file", "response_row")


def _with_witness(contacts: Contacts, levers: tuple[Lever, ...]) -> tuple[Lever, ...]:
    extra = (WITNESS_LEVER,) if contacts.has(WITNESS_LEVER.name) else ()
    return tuple({lever.name: lever for lever in (*extra, *levers)}.values())


def _weighted(rows: ir.Table, weights: ResponseWeights | None) -> ir.Table:
    """With a weight for each response; all of them count alike where there are none."""
    if weights is None:
        return rows.mutate(weight=ibis.literal(1.0))
    return rows.inner_join(weights.rows.select("contact_id", "weight"), "contact_id")


@dataclass(frozen=True)
class _Categories:
    frame: pd.DataFrame  # score, code
    values: tuple[float, ...]
    sd: float


def _categories(session: Session, rows: ir.Table, outcome: Outcome) -> _Categories:
    """The categories that were answered, from 0, and what each counts."""
    found = session.collect(rows.group_by("score").aggregate(n=rows.count())).to_pandas()
    scores = np.sort(found["score"].to_numpy(float))
    if outcome.cuts is not None and outcome.values is not None:
        category = np.searchsorted(outcome.cuts, scores, side="right")
        value = np.asarray(outcome.values)[category]
    else:
        value = scores
    values, code = np.unique(value, return_inverse=True)
    if not 2 <= len(values) <= MAX_CATEGORIES:
        what, why = (
            ("one answer", "Without differences between answers nothing can be said to move them.")
            if len(values) == 1
            else (f"{len(values)} different answers", "Round them to fewer marks, such as tenths of the scale.")
        )
        raise NothingToEstimateError(
            f"The {outcome.name} scores hold {what}; expected a rating scale with 2 to {MAX_CATEGORIES} marks in use."
            f" {why}"
        )
    n = found.sort_values("score")["n"].to_numpy(float)
    sd = float(np.sqrt(np.average((value - np.average(value, weights=n)) ** 2, weights=n)))
    return _Categories(pd.DataFrame({"score": scores, "code": code.astype("int64")}), tuple(values.tolist()), sd)


def _notes(pairing: Pairing, spec: LeverSpec) -> tuple[str, ...]:
    notes = []
    absent = [name for name in spec.case_mix if not pairing.contacts.has(name)]
    if absent:
        notes.append(f"The log has no {' and no '.join(absent)}: cases are compared without it.")
    if not pairing.contacts.has(spec.cluster):
        notes.append(
            f"The log has no {spec.cluster}: every response counts as independent, and nothing is compared within"
            " agents."
        )
    if not pairing.contacts.has("queue"):
        notes.append("The log has no queue: hours and days are compared within the whole site.")
    return tuple(notes)
