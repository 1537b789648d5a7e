"""Each verdict by its rule and in its words, from rungs made by hand; the control on worlds with one factor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import cxfusion as cx
from cxfusion.estimators.left_out import jackknife_error
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever
from cxfusion.evidence.inquiry import inquire
from cxfusion.evidence.ladder import RungEstimate, Shift
from cxfusion.evidence.spec import LeverSpec
from cxfusion.evidence.verdict import Finding, control_of, judge
from cxfusion.evidence.witness import Witness
from cxfusion.results.language import Untranslated, said, speaking

WAIT, HOLD = DEFAULT_LEVERS[0], DEFAULT_LEVERS[1]


def rung(name, estimate, se, lever=HOLD):
    low, high = estimate - 1.96 * se, estimate + 1.96 * se
    p = float(2 * norm.sf(abs(estimate) / se))
    return RungEstimate(lever, name, None, -30.0, estimate, se, low, high, p, estimate, estimate, 5000, 100)


def finding(raw, within, corrected=None, *, lever=HOLD, **changes):
    rungs = {"raw": rung("raw", *raw), "adjusted": rung("adjusted", *raw), "within": rung("within", *within)}
    if corrected is not None:
        rungs["corrected"] = rung("corrected", *corrected)
    shift = None if corrected is None else Shift(within[0] - corrected[0], 0.004)
    control = control_of(shift, 0.05, corrected is not None, has_witness=True)
    given = {
        "lever": lever, "rungs": rungs, "shift": shift, "control": control, "control_reason": None, "is_tied": True,
        "by_triads": True, "smallest_effect": 0.05, "unit": "CSAT points", "score_sd": 1.2,
    }  # fmt: skip
    return Finding(**{**given, **changes})


def verdict(one, *others):
    return judge([one, *others], 0.01)[0]


@pytest.mark.parametrize(
    ("one", "word", "grade", "told"),
    [
        (
            finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011)),
            "moves",
            "adjusted and control passed",
            "+0.10 CSAT points",
        ),
        (finding((0.12, 0.01), (0.10, 0.01), (0.07, 0.012)), "moves", "adjusted", "+0.07 CSAT points"),
        (
            finding((-0.12, 0.01), (-0.10, 0.01), (-0.099, 0.011)),
            "moves",
            "adjusted and control passed",
            "−0.10 CSAT points",
        ),
        (
            finding((0.12, 0.01), (0.03, 0.005), (0.002, 0.006)),
            "proxy",
            "adjusted",
            "mostly the agent, the hour and the day",
        ),
        (finding((0.06, 0.01), (0.04, 0.004), (-0.02, 0.006)), "proxy", "adjusted", "mostly how hard the case was"),
        (
            finding((0.02, 0.01), (0.01, 0.01), (0.008, 0.01)),
            "no_effect",
            "adjusted and control passed",
            "too little to matter",
        ),
        (
            finding((0.12, 0.01), (0.09, 0.01), (0.01, 0.02)),
            "contested",
            "adjusted",
            "A pilot with about 2,800 answered",
        ),
        (
            finding((0.12, 0.05), (0.05, 0.05), (0.04, 0.06)),
            "unclear",
            "adjusted and control passed",
            "more answers would tell",
        ),
    ],
)
def test_rules_in_order(one, word, grade, told):
    found = verdict(one)
    assert (found.verdict, found.grade) == (word, grade)
    assert told in found.because


@pytest.mark.parametrize(("who", "same"), [(None, "hour and day"), ("team", "team, hour and day")])
@pytest.mark.parametrize(
    "one",
    [
        finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011)),
        finding((0.12, 0.01), (0.03, 0.005), (0.002, 0.006)),
        finding((0.02, 0.01), (0.01, 0.01), (0.008, 0.01)),
        finding((0.12, 0.01), (0.09, 0.01), (0.01, 0.02)),
        finding((0.12, 0.01), (0.10, 0.01), control="none", control_reason="the log has no after-call work"),
    ],
)
def test_who_is_not_held_equal_is_not_named(one, who, same):
    because = verdict(replace(one, who=who)).because
    assert f"within the same {same}" in because
    assert "agent" not in because
    with speaking("es"):
        told = said(because)
    assert not isinstance(told, Untranslated)
    assert " within " not in told
    assert "agente" not in told


@pytest.mark.parametrize(
    ("later", "word"),
    [
        ((0.08, 0.02), "contested"),  # surely there, and what it leaves of 0.10 may be nothing
        ((0.03, 0.01), "moves"),  # surely there, but most of the effect is left
        ((0.05, 0.04), "moves"),  # may be nothing
        ((0.08, 0.05), "moves"),  # large, but may be nothing as well
        ((0.08, 0.03), "contested"),  # sure by a little
        ((0.08, 0.003), "contested"),  # it is known well; what it leaves is not
        ((0.17, 0.01), "contested"),  # more than the effect, so that what is left goes the other way
        ((-0.08, 0.02), "moves"),  # the other way, so that it hides some of the effect
    ],
)
@pytest.mark.parametrize("way", [1, -1])
def test_what_a_later_contact_shows_may_be_all_of_an_effect(later, word, way):
    later = (way * later[0], later[1])
    raw, within, corrected = (way * 0.12, 0.01), (way * 0.10, 0.01), (way * 0.099, 0.011)
    one = finding(raw, within, corrected, later=rung("later_contact", *later))
    found = verdict(one)
    assert found.verdict == word
    told = f"goes with {'−' if later[0] < 0 else '+'}{abs(later[0]):.2f} CSAT points, which it cannot have caused"
    assert (told in found.because) == (word == "contested")
    halved = replace(one, later=replace(one.later, step=-60.0, estimate=2 * later[0], std_error=2 * later[1]))
    assert verdict(halved).verdict == word  # per step
    tried = replace(one, rungs={**one.rungs, "experiment": rung("experiment", way * 0.09, 0.02)})
    assert verdict(tried).verdict == "moves"


def test_how_far_apart_a_contradiction_lies_is_for_the_spec_to_say():
    crowded = rung("congestion", 0.02, 0.02, WAIT)  # 0.08 below, 3.5 standard errors of the difference
    one = finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011), lever=WAIT)
    one = replace(one, rungs={**one.rungs, "congestion": crowded})
    assert verdict(one).verdict == "contested"
    assert verdict(replace(one, contradiction_level=0.0002)).verdict == "moves"


def test_a_design_contradicts_only_what_lies_far_from_both_estimates():
    # 0.10 below within, but 0.04 below the corrected one, and as far above
    for way in (1, -1):
        one = finding((0.2, 0.01), (0.16 * way, 0.01), (0.10 * way, 0.012), lever=WAIT)
        found = verdict(replace(one, rungs={**one.rungs, "congestion": rung("congestion", 0.06 * way, 0.01, WAIT)}))
        assert (found.verdict, found.grade) == ("moves", "quasi-random")
        far = replace(one, rungs={**one.rungs, "congestion": rung("congestion", 0.02 * way, 0.01, WAIT)})
        assert verdict(far).verdict == "contested"


def test_a_rung_that_does_not_apply_and_a_design_that_tells_nothing_change_nothing():
    weak = RungEstimate(WAIT, "congestion", "too few contacts came at once", -30.0)
    one = finding((0.12, 0.01), (0.10, 0.01), lever=WAIT, is_tied=False)
    without = verdict(one)
    assert (without.verdict, verdict(replace(one, rungs={**one.rungs, "congestion": weak}))) == ("moves", without)
    assert verdict(replace(one, rungs={**one.rungs, "corrected": replace(weak, rung="corrected")})) == without
    unclear = finding((0.12, 0.05), (0.05, 0.05), (0.04, 0.06), lever=WAIT)
    wide = replace(unclear, rungs={**unclear.rungs, "congestion": rung("congestion", 0.05, 0.06, WAIT)})
    assert (verdict(wide).verdict, verdict(wide).grade) == ("unclear", verdict(unclear).grade)


def test_an_uncertain_raw_figure_tempts_nobody():
    assert verdict(finding((0.06, 0.02), (0.01, 0.01), (0.008, 0.01))).verdict == "proxy"
    assert verdict(finding((0.06, 0.04), (0.01, 0.01), (0.008, 0.01))).verdict == "no_effect"


def test_answers_that_do_not_stand_for_all_are_one_grade_less_and_one_grade_alone():
    one = finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011))
    assert verdict(replace(one, is_unrepresentative=True)).grade == "adjusted"
    assert verdict(tried(replace(one, is_unrepresentative=True), 0.09, 0.02)).grade == "quasi-random"
    least = finding((0.2, 0.01), (0.15, 0.01), lever=WAIT, control="none", control_reason="…")
    assert verdict(replace(least, is_unrepresentative=True)).grade == "correlational"


def test_a_step_that_takes_all_there_is_says_so():
    few = finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011))
    cut = {name: replace(one, step=-18.0) for name, one in few.rungs.items()}
    assert verdict(few).because.startswith("30 seconds less time on hold: +0.10")
    because = verdict(replace(few, rungs=cut)).because
    assert because.startswith("18 seconds less time on hold, all there is: +0.10")
    with speaking("es"):
        told = said(because)
    assert not isinstance(told, Untranslated)
    assert "todo lo que hay" in told


def test_pilot_size_has_the_power_it_promises():
    # two arms of that many answers, an effect as large as the within estimate: found in about 80 % of pilots
    told = verdict(finding((0.12, 0.01), (0.09, 0.01), (0.01, 0.02))).because
    n = int(told.split("about ")[1].split(" answered")[0].replace(",", ""))
    rng = np.random.default_rng(0)
    arms = rng.normal(0, 1.2 / np.sqrt(n), (2, 20_000)) + np.array([[0.09], [0.0]])
    z = (arms[0] - arms[1]) / (1.2 * np.sqrt(2 / n))
    assert (np.abs(z) > 1.96).mean() == pytest.approx(0.80, abs=0.02)


def test_signs_that_differ_never_move():
    assert verdict(finding((0.3, 0.01), (0.2, 0.01), (-0.2, 0.01))).verdict == "contested"


def test_many_levers_raise_the_bar():
    edge = finding((0.2, 0.05), (0.13, 0.05), (0.13, 0.05))  # p = .0093: enough alone, not among twenty nulls
    assert verdict(edge).verdict == "moves"
    nulls = [finding((0.0, 0.05), (0.01, 0.05), (0.01, 0.05)) for _ in range(20)]
    assert verdict(edge, *nulls).verdict != "moves"


def test_what_only_many_levers_forbid_is_unclear_and_not_contested():
    edge = finding((0.2, 0.05), (0.13, 0.05), (0.13, 0.05))  # both centres say the same; it is the bar that is higher
    nulls = [finding((0.0, 0.05), (0.01, 0.05), (0.01, 0.05)) for _ in range(20)]
    assert verdict(edge, *nulls).verdict == "unclear"
    taken = finding((0.2, 0.02), (0.13, 0.02), (0.03, 0.03))  # here it is the correction that takes it away
    assert verdict(taken, *nulls).verdict == "contested"


@pytest.mark.parametrize(
    ("unassigned", "word"), [(None, "contested"), (0.10, "contested"), (0.16, "moves"), (0.04, "contested")]
)
def test_a_design_contradicts_on_one_curve_only(unassigned, word):
    # within 0.10, crowding 0.20; on the curve of the crowding, adjustment alone gives as much as that, or less
    one = finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011), lever=WAIT)
    design = replace(rung("congestion", 0.20, 0.02, WAIT), unassigned=unassigned)
    found = verdict(finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011), rungs={**one.rungs, "congestion": design}))
    assert found.verdict == word
    if word == "contested":
        assert ("by adjustment alone" in found.because) == (unassigned is not None)


def test_one_triad_that_nothing_checks_is_one_grade_less():
    assert verdict(finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011), by_triads=False)).grade == "adjusted"


def test_a_useless_control_clears_nobody():
    blind = {"control": "unusable", "control_reason": "the marks disagree"}
    one = finding((0.2, 0.01), (0.15, 0.01), **blind)
    assert verdict(one).verdict == "contested"
    assert "the marks disagree" in verdict(one).because
    untied = finding((0.2, 0.01), (0.15, 0.01), is_tied=False, **blind)  # nothing goes with what sees nothing
    assert (verdict(untied).verdict, verdict(untied).grade) == ("contested", "correlational")
    before = finding((0.2, 0.01), (0.15, 0.01), lever=WAIT, is_tied=False, **blind)
    assert (verdict(before).verdict, verdict(before).grade) == ("moves", "correlational")
    assert verdict(finding((0.2, 0.01), (0.15, 0.01), lever=WAIT, **blind)).verdict == "contested"


def test_what_customers_do_themselves_is_contested_until_a_trial_tells():
    for own in (
        Lever("n_prior_contacts", "before", -1, shape="count"),
        Lever("is_prepared", "before", 1, role="influenceable", shape="count"),
    ):
        one = finding((0.2, 0.01), (0.15, 0.01), (0.149, 0.011), lever=own)
        assert verdict(one).verdict == "contested"
        assert "the customers' own doing" in verdict(one).because
        null = finding((0.01, 0.01), (0.005, 0.01), (0.005, 0.011), lever=own)
        assert verdict(null).verdict == "no_effect"
        rungs = {**one.rungs, "experiment": rung("experiment", 0.14, 0.03, own)}
        tried = finding((0.2, 0.01), (0.15, 0.01), (0.149, 0.011), lever=own, rungs=rungs)
        assert (verdict(tried).verdict, verdict(tried).grade) == ("moves", "experiment")


def tried(one, estimate, se):
    return replace(one, rungs={**one.rungs, "experiment": rung("experiment", estimate, se, one.lever)})


def test_a_trial_that_shows_nothing_lends_its_grade_to_no_mover():
    # 0.055 within, 0.00 in the trial: too near for a contradiction, and no support either
    one = finding((0.12, 0.01), (0.055, 0.011), (0.055, 0.012))
    assert (verdict(one).verdict, verdict(one).grade) == ("moves", "adjusted and control passed")
    found = verdict(tried(one, 0.0, 0.02))
    assert (found.verdict, found.grade) == ("moves", "adjusted and control passed")
    prepared = Lever("is_prepared", "before", 1, role="influenceable", shape="count")
    own = finding((0.12, 0.01), (0.055, 0.011), (0.055, 0.012), lever=prepared)
    assert verdict(tried(own, 0.0, 0.02)).verdict == "contested"
    assert "the customers' own doing" in verdict(tried(own, 0.0, 0.02)).because
    assert verdict(tried(own, 0.055, 0.02)).verdict == "moves"
    later = finding((0.12, 0.01), (0.055, 0.011), (0.055, 0.012), later=rung("later_contact", 0.05, 0.01))
    assert verdict(tried(later, 0.0, 0.02)).verdict == "contested"


def test_only_a_trial_that_shows_too_little_supports_that_it_is_too_little():
    null = finding((0.02, 0.01), (0.01, 0.01), (0.008, 0.01))
    assert verdict(tried(null, 0.0, 0.02)).grade == "experiment"
    assert verdict(tried(null, 0.05, 0.02)).grade == "adjusted and control passed"  # it may be twice what matters


def test_a_trial_stands_in_for_the_control_that_a_log_has_not():
    # chance gave the arms, so no arm has the harder cases: nobody needs after-call work to know that
    none = {"control": "none", "control_reason": "the log has no after-call work"}
    one, null = finding((0.2, 0.01), (0.15, 0.01), **none), finding((0.02, 0.01), (0.01, 0.01), **none)
    for untold in (one, null, tried(one, 0.10, 0.06), tried(null, 0.02, 0.02)):
        assert verdict(untold).verdict == "contested"
        assert "nothing tells it from the mark of a hard case" in verdict(untold).because
    assert (verdict(tried(one, 0.14, 0.03)).verdict, verdict(tried(one, 0.14, 0.03)).grade) == ("moves", "experiment")
    assert verdict(tried(null, 0.0, 0.02)).verdict == "no_effect"
    assert verdict(tried(null, 0.04, 0.015)).verdict == "contested"
    picked = replace(tried(one, 0.14, 0.03), is_picked=True)
    assert "agents pick whom to ask" in verdict(picked).because


@pytest.mark.parametrize("control", ["none", "unusable"])
def test_a_trial_vouches_for_a_lever_and_not_for_the_size_of_its_estimate(control):
    """Hidden difficulty may have made the within estimate too large; what the trial allows is possible, too."""
    one = tried(finding((0.3, 0.01), (0.25, 0.01), control=control, control_reason="…"), 0.16, 0.05)
    assert one.hull == pytest.approx((0.16 - 1.96 * 0.05, 0.25 + 1.96 * 0.01))
    because = verdict(one).because
    assert because == (
        "30 seconds less time on hold: +0.25 CSAT points (+0.06 to +0.27), within the same agent, hour and day, and in"
        " the trial."
    )
    with speaking("es"):
        assert said(because).endswith("con el mismo agente, a la misma hora y en el mismo día, y en el ensayo.")
    silent = tried(finding((0.3, 0.01), (0.25, 0.01), control=control, control_reason="…"), 0.16, 0.1)
    assert silent.hull == pytest.approx((0.25 - 1.96 * 0.01, 0.25 + 1.96 * 0.01))  # a trial that does not say the same
    guarded = tried(finding((0.3, 0.01), (0.25, 0.01), (0.25, 0.01)), 0.16, 0.05)
    assert guarded.hull == pytest.approx((0.25 - 1.96 * 0.01, 0.25 + 1.96 * 0.01))


def test_what_the_corrections_of_others_do_to_the_bar_contests_nothing():
    # alone p = .009: among four levers that all move, .009; among three that do not when corrected, .036
    edge = finding((0.2, 0.05), (0.1306, 0.05), lever=WAIT, control="none", control_reason="…")
    taken = [finding((0.3, 0.01), (0.2, 0.01), (0.01, 0.1)) for _ in range(3)]
    assert verdict(edge).verdict == "moves"
    found = verdict(edge, *taken)
    assert found.verdict == "unclear"
    assert "corrected" not in found.because
    assert [one.verdict for one in judge([edge, *taken], 0.01)[1:]] == ["contested"] * 3


def test_where_agents_pick_whom_to_ask_nothing_is_settled():
    for one in (
        finding((0.12, 0.01), (0.10, 0.01), (0.099, 0.011), is_picked=True),
        finding((0.02, 0.01), (0.01, 0.01), (0.008, 0.01), is_picked=True),
    ):
        assert (verdict(one).verdict, verdict(one).grade) == ("contested", "adjusted")
        assert "agents pick whom to ask" in verdict(one).because


def test_without_after_call_work_only_what_came_before_can_move():
    during = finding((0.2, 0.01), (0.15, 0.01), control="none", control_reason="the log has no after-call work")
    assert verdict(during).verdict == "contested"
    before = finding((0.2, 0.01), (0.15, 0.01), lever=WAIT, control="none", control_reason="…")
    assert (verdict(before).verdict, verdict(before).grade) == ("moves", "correlational")


@pytest.mark.parametrize(
    ("shift", "state"),
    [(Shift(0.002, 0.005), "passed"), (Shift(0.05, 0.01), "failed"), (Shift(0.03, 0.02), "silent")],
)
def test_control_states(shift, state):
    assert control_of(shift, 0.05, True, True) == state
    assert control_of(shift, 0.05, False, True) == "unusable"
    assert control_of(None, 0.05, False, False) == "none"


def one_factor_centre(seed=0, n=30_000, wrap_loading=1.0, marks=True, shared=0.0, moved=False):
    """Hidden difficulty lengthens hold, talk and wrap and sours the customer; nothing else has an effect."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(size=n)
    agent = rng.integers(0, 60, n)
    slow = np.random.default_rng(seed + 100).normal(size=n)
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02") + pd.to_timedelta(rng.integers(0, 28 * 86_400, n), "s"),
            "agent_id": [f"a{i}" for i in agent],
            "queue": "q",
            "wait_seconds": rng.exponential(60, n),
            "wrap_seconds": np.expm1(
                3.5 + 0.4 * wrap_loading * hard + rng.normal(0, 0.4, n) + 0.1 * (agent % 7) + shared * slow
            ),
            "hold_seconds": np.expm1(3.0 + 0.5 * hard + rng.normal(0, 0.5, n)),
        }
    )
    if marks:
        log["talk_seconds"] = np.expm1(5.0 + 0.3 * hard + rng.normal(0, 0.3, n) + shared * slow)
    if moved:
        log["n_transfers"] = (rng.random(n) < 0.1 + 0.1 * norm.cdf(hard)).astype(int)
    answers = log[["contact_id"]].assign(
        csat=np.digitize(1.0 - 0.6 * hard + rng.normal(0, 1, n), [-1, 0, 0.7, 1.5]) + 1
    )
    durations = [name for name in log if name.endswith("_seconds")]
    log[durations] = log[durations].clip(lower=0.0)
    return cx.pair(cx.read_contacts(log), cx.read_surveys(answers))


def witness_with(gap, error, parts=50, explained=0.2):
    """ρ² above R² by so much, and as uncertain as that."""
    offsets = np.linspace(-1, 1, parts)
    offsets *= error / jackknife_error(offsets)
    covariance = np.array([[1.0, np.sqrt(explained)], [np.sqrt(explained), 1.0]])
    reliability = explained + gap
    return Witness(
        "triads", reliability, (reliability,) * 3, 100_000, None, covariance, {"hold_seconds": slice(1, 2)},
        reliability + offsets, np.broadcast_to(covariance, (parts, 2, 2)),
    )  # fmt: skip


def test_the_correction_carries_the_error_of_its_own_factor():
    kappa = witness_with(0.3, 0.01).kappa(["hold_seconds"])
    assert kappa.value == pytest.approx(0.8 / 0.3)
    assert kappa.std_error == pytest.approx(0.8 / 0.3**2 * 0.01, rel=0.02)  # delta method, by hand
    assert witness_with(0.03, 0.009).kappa(["hold_seconds"]) is not None
    assert witness_with(0.03, 0.010).kappa(["hold_seconds"]) is None  # not clearly above: F below 10
    assert witness_with(-0.03, 0.001).kappa(["hold_seconds"]) is None


@pytest.mark.parametrize(("width", "critical"), [(1, 10.828), (2, 13.816), (4, 18.467)])
def test_a_tie_is_judged_by_as_many_degrees_as_the_lever_has_columns(width, critical):
    # upper 0.1 % points of χ², from the tables
    def is_tied(statistic, n=10_000):
        covariance = np.eye(1 + width)
        covariance[0, 1:] = covariance[1:, 0] = np.sqrt(statistic / n / width)
        columns = {"wait_seconds": slice(1, 1 + width)}
        none = np.zeros(0), np.zeros((0, 1 + width, 1 + width))
        return Witness("triads", 0.5, (0.5,) * 3, n, None, covariance, columns, *none).is_tied_to("wait_seconds")

    assert is_tied(critical + 0.01)
    assert not is_tied(critical - 0.01)


def test_jackknife_error_of_a_mean_is_the_textbook_one():
    numbers = np.random.default_rng(0).normal(size=40)
    without = (numbers.sum() - numbers) / 39
    assert jackknife_error(without) == pytest.approx(numbers.std(ddof=1) / np.sqrt(40), rel=1e-12)


def test_reliability_by_triads_is_that_of_the_world():
    evidence = cx.fit_levers(one_factor_centre(wrap_loading=1.0))
    assert evidence.table["reliability"].iloc[0] == pytest.approx(0.5, abs=0.03)  # 0.4² / (0.4² + 0.4²)
    less = cx.fit_levers(one_factor_centre(seed=1, wrap_loading=0.7))
    assert less.table["reliability"].iloc[0] == pytest.approx(0.28 / 0.4 * 0.28 / 0.4 / (0.49 + 1), abs=0.03)


@pytest.mark.parametrize("by_reason", [0.0, 0.3])
def test_reliability_by_case_mix_is_what_it_explains_beyond_chance(by_reason):
    rng, n = np.random.default_rng(2), 600
    agent, reason, week = rng.integers(0, 12, n), rng.integers(0, 10, n), rng.integers(0, 3, n)
    wrap = 3.5 + 0.1 * agent + by_reason * (reason % 2) + rng.normal(0, 0.5, n)
    log = pd.DataFrame(
        {
            "contact_id": [f"c{i}" for i in range(n)],
            "started_at": pd.Timestamp("2026-03-02 09:00")
            + pd.to_timedelta(week * 7 * 86_400 + rng.integers(0, 3_000, n), "s"),
            "agent_id": [f"a{i}" for i in agent],
            "reason": [f"r{i}" for i in reason],
            "hold_seconds": rng.exponential(60, n),
            "wrap_seconds": np.expm1(wrap),
        }
    )
    answers = log[["contact_id"]].assign(csat=rng.integers(1, 6, n))
    pairing = cx.pair(cx.read_contacts(log), cx.read_surveys(answers))
    witness = inquire(pairing, LeverSpec(levers=(HOLD,)), None).witness

    def variance_left(*codes):
        columns = np.hstack([pd.get_dummies(pd.Series(code)).to_numpy(float) for code in codes])
        residual = wrap - columns @ np.linalg.lstsq(columns, wrap, rcond=None)[0]
        return residual @ residual / (n - np.linalg.matrix_rank(columns))

    adjusted = 1 - variance_left(agent, week, reason) / variance_left(agent, week)
    assert witness.source == "case mix"
    assert witness.reliability == pytest.approx(max(adjusted, 0.0), abs=1e-9)


def test_a_mark_that_shares_noise_with_wrap_is_not_believed():
    # wrap and talk also share slow systems: pairs with talk grant wrap more than it knows, hold and transfers do not
    pairing = one_factor_centre(seed=5, shared=0.3, moved=True)
    found = inquire(pairing, LeverSpec(), None).witness
    honest = 0.16 / (0.16 + 0.16 + 0.09)
    assert max(found.triads) > honest + 0.1
    assert found.reliability == pytest.approx(honest, abs=0.04)
    assert found.reliability == pytest.approx(min(found.triads), abs=0.02)


def test_a_proxy_is_corrected_to_nothing_and_a_real_null_is_left_alone():
    evidence = cx.fit_levers(
        one_factor_centre(), levers=[lever for lever in DEFAULT_LEVERS if lever.name != "talk_seconds"]
    )
    table = evidence.table.set_index("lever")
    hold, wait = table.loc["hold_seconds"], table.loc["wait_seconds"]
    assert hold["within_estimate"] > 0.1
    assert abs(hold["corrected_estimate"]) < 0.04
    assert hold["verdict"] in ("proxy", "contested")
    assert wait["verdict"] == "no_effect"
    assert wait["corrected_estimate"] == pytest.approx(wait["within_estimate"], abs=0.01)


def test_a_blind_witness_contests_what_is_tied_to_it():
    table = cx.fit_levers(one_factor_centre(wrap_loading=0.02, seed=3)).table.set_index("lever")
    assert table.loc["hold_seconds", "verdict"] in ("contested", "unclear")
    assert table.loc["talk_seconds", "verdict"] in ("contested", "unclear")


def test_a_simulated_centre_gives_its_truth_back():
    centre = cx.simulate(n_contacts=120_000, seed=11)
    evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), "csat")
    truth = centre.truth.set_index("lever")["csat_effect"]
    table = evidence.table.set_index("lever")
    assert table.loc["wait_seconds", "verdict"] == "moves"
    assert table.loc["n_transfers", "verdict"] == "moves"
    assert table.loc["hold_seconds", "verdict"] in ("proxy", "contested")
    assert table.loc["talk_seconds", "verdict"] in ("proxy", "contested")
    for lever, row in table.iterrows():
        assert row["conf_low"] <= truth[lever] <= row["conf_high"], lever
