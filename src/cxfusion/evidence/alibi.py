"""Whether after-call work has its alibi: of answers given before it ended it cannot be the cause.

Where answers come at once, in the same call or by a message, the agent is often still writing. What after-call work
says of these answers is difficulty and nothing else; if it says the same of all, the correction that rests on it is no
work of the wrap's own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from cxfusion.errors import NothingToEstimateError
from cxfusion.estimators.distributions import student_t
from cxfusion.estimators.joint_tests import JointTest
from cxfusion.evidence.catalogue import WITNESS_LEVER
from cxfusion.evidence.checks import REJECTED_BELOW, Check
from cxfusion.evidence.rungs import climb
from cxfusion.evidence.sample import made_numeric
from cxfusion.evidence.testable import untestable_because
from cxfusion.pairing.candidates import log_of
from cxfusion.pairing.responses import asked
from cxfusion.results.formats import change
from cxfusion.results.labels import lever_label
from cxfusion.tables.sampling import thinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import ibis.expr.types as ir

    from cxfusion.evidence.catalogue import Lever
    from cxfusion.evidence.ladder import Ladder, Shift
    from cxfusion.evidence.sample import Sample
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.evidence.witness import Witness
    from cxfusion.pairing.result import Pairing

__all__ = ["BEFORE_WRAP", "answered_before_wrap", "notes_on_alibi"]

BEFORE_WRAP: Final = "answered_before_wrap"
MOST_RESPONSES: Final = 100_000
"""Among which those are looked for that were given before after-call work ended."""
NEARLY_ALL: Final = 0.9


def answered_before_wrap(
    pairing: Pairing, spec: LeverSpec, sample: Sample, tested: Sequence[Lever], witness: Witness, ladder: Ladder
) -> list[Check]:
    """What the correction of each lever would be, were it made by answers given before after-call work ended.

    Parameters
    ----------
    pairing : Pairing
    spec : LeverSpec
    sample : Sample
    tested : sequence of Lever
    witness : Witness
        With its reliability, which is the log's: it needs no answers.
    ladder : Ladder
        With what the control moved each lever by.

    Returns
    -------
    list of Check
        One for each lever that was corrected; ``shift`` is by how much its correction differs, and the test that it
        does not. Of more than 100,000 answers a sample is looked at.

    Notes
    -----
    These answers are some of all, so that the variance of the difference is that of theirs times the share of
    the others.
    """
    corrected = [lever for lever in tested if lever.name in ladder.shifts]
    if not corrected:
        return []
    session = sample.session
    looked = thinned(sample.drawn, sample.n, MOST_RESPONSES)
    early = session.materialize(_given_early(pairing, looked))
    n = session.count(early)
    if n > NEARLY_ALL * session.count(looked):
        return [_none(lever, "nearly all answers were given before after-call work ended") for lever in corrected]
    if n < spec.min_responses:
        few = f"only {n:,} answers were given before after-call work ended; at least {spec.min_responses} are needed"
        return [_none(lever, few) for lever in corrected]
    spec = replace(spec, experiments=())
    try:
        there = made_numeric(pairing, spec, tuple(tested), early, sample.coding)
    except NothingToEstimateError:
        return [_none(lever, "all answers given before after-call work ended are alike") for lever in corrected]
    usable = [lever for lever in tested if untestable_because(lever, there, spec) is None]
    shifts = climb(there, spec, usable, witness).shifts
    share = there.n / sample.n
    return [_compared(lever, ladder, shifts.get(lever.name), share) for lever in corrected]


def notes_on_alibi(checks: Iterable[Check], unit: str) -> Iterator[str]:
    """A sentence, where after-call work says something else of answers that it cannot have caused."""
    made = [check for check in checks if check.check == BEFORE_WRAP and check.test is not None]
    apart = [check for check in made if check.test is not None and check.test.p_value < REJECTED_BELOW / len(made)]
    if apart:
        most = max(apart, key=lambda check: abs(check.shift or 0.0))
        yield (
            "After-call work says something else of answers that were given before it ended, which it cannot have"
            f" caused: by these alone the correction of {lever_label(most.lever.name)} would differ by"
            f" {change(most.shift or 0.0, unit)} {unit}. What is corrected may be its own doing."
        )


def _none(lever: Lever, reason: str) -> Check:
    return Check(lever, BEFORE_WRAP, None, reason=reason)


def _given_early(pairing: Pairing, drawn: ir.Table) -> ir.Table:
    """Those of some answers that are known to have been given before the after-call work of their contact ended."""
    surveys = pairing.surveys
    told = asked(surveys)
    told = told.filter(told["answered_at"].notnull(), ~told["told_is_day"])
    given = told.select("response_file", "response_row", given_at=told["told_until"])
    log = log_of(pairing.contacts, pairing.plan)
    ends = log.select("contact_id", left_at=log["ended_at"])
    rows = drawn.inner_join(given, ["response_file", "response_row"]).inner_join(ends, "contact_id")
    lasted = rows["given_at"].delta(rows["left_at"], unit="microsecond") / 1e6
    return rows.filter(lasted < rows[WITNESS_LEVER.name]).select(*drawn.columns)


def _compared(lever: Lever, ladder: Ladder, there: Shift | None, share: float) -> Check:
    if there is None:
        return _none(lever, "too little of it is known from answers that were given before after-call work ended")
    shift = there.estimate - ladder.shifts[lever.name].estimate
    error = there.std_error * float(np.sqrt(1 - share))
    if not error > 0:
        return _none(lever, "the control moves it by nothing")
    degrees = ladder.of(lever)["corrected"].degrees or 1.0
    test = JointTest((shift / error) ** 2, 1, int(degrees), float(student_t.p_value(shift / error, degrees)))
    return Check(lever, BEFORE_WRAP, test, shift)
