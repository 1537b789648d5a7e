"""What may be asked of the evidence; no data needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cxfusion.config import StudyConfig
from cxfusion.errors import BadControlError, ConfigError, UnknownNameError
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever, lever_from
from cxfusion.evidence.spec import OUTCOMES, LeverSpec
from cxfusion.tables.relation import Scale


def test_catalogue_is_that_of_the_methods():
    by_name = {lever.name: (lever.moment, lever.role, lever.step) for lever in DEFAULT_LEVERS}
    assert by_name == {
        "wait_seconds": ("before", "lever", -30),
        "hold_seconds": ("during", "lever", -30),
        "talk_seconds": ("during", "lever", -60),
        "n_transfers": ("during", "lever", -1),
        "n_prior_contacts": ("before", "lever", -1),
        "wrap_seconds": ("after", "placebo", -30),
    }


def test_all_problems_of_a_lever_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Lever("wait_seconds", "sometimes", 0, role="boss", shape="wavy", smallest_effect=-1)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 5
    assert "before, during, after" in str(caught.value)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_step_that_is_no_number_is_refused(number):
    with pytest.raises(ConfigError, match="step is"):
        Lever("wait_seconds", "before", number)


def test_a_smallest_effect_that_is_no_number_is_refused():
    with pytest.raises(ConfigError, match="smallest_effect must be positive"):
        Lever("wait_seconds", "before", -30, smallest_effect=float("nan"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"contradiction_level": 0}, "contradiction_level is 0; expected a share"),
        ({"max_triad_ratio": 0.5}, "max_triad_ratio is 0.5; expected at least 1"),
        ({"conf_level": 95}, "conf_level is 95; expected a share"),
        ({"false_discovery_rate": 1}, "false_discovery_rate is 1; expected a share"),  # every p is at most 1
        ({"max_missing_share": 20}, "max_missing_share is 20"),
        ({"min_clusters": 1}, "min_clusters is 1; expected at least 2"),
        ({"min_effective_f": float("nan")}, "min_effective_f is nan"),
    ],
)
def test_thresholds_out_of_range_are_refused(changes, told):
    with pytest.raises(ConfigError, match=told):
        LeverSpec(**changes)


def test_a_control_that_comes_after_a_lever_is_refused():
    with pytest.raises(BadControlError, match="talk_seconds happens during the contact"):
        LeverSpec(case_mix=("reason", "talk_seconds"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("wait_seconds", "is itself asked about"),
        ("tenure_days", "is a given, which is held equal anyway"),
        ("is_resolved", "an outcome"),
        ("contact_id", "nothing to compare"),
    ],
)
def test_a_case_mix_that_hides_an_effect_is_refused(name, told):
    with pytest.raises(BadControlError, match=told):
        LeverSpec(levers=(*DEFAULT_LEVERS, Lever("tenure_days", "before", 1, role="given")), case_mix=("reason", name))


@pytest.mark.parametrize("name", ["score", "weight", "y", "agent", "control_plan"])
def test_a_name_that_the_models_use_is_refused(name):
    with pytest.raises(ConfigError, match=f'own_{name} = "{name}"'):
        LeverSpec(levers=(*DEFAULT_LEVERS, Lever(name, "during", 1)))
    with pytest.raises(ConfigError, match="names that the models use"):
        LeverSpec(case_mix=("reason", name))


def test_handle_time_beside_its_parts_is_refused():
    with pytest.raises(BadControlError, match="sum of its parts"):
        LeverSpec(levers=(*DEFAULT_LEVERS, Lever("handle_seconds", "during", -60)))
    LeverSpec(levers=(Lever("handle_seconds", "during", -60),))  # alone it may be asked about


def test_unknown_outcome_names_those_there_are():
    with pytest.raises(UnknownNameError, match="csat, nps, ces"):
        LeverSpec(outcome="happiness")


def test_a_lever_given_twice_is_refused():
    with pytest.raises(ConfigError, match="wait_seconds"):
        LeverSpec(levers=(DEFAULT_LEVERS[0], DEFAULT_LEVERS[0]))


def test_smallest_effect_stretches_with_the_scale():
    csat, nps = OUTCOMES["csat"], OUTCOMES["nps"]
    assert csat.smallest_effect_on(Scale(1, 5)) == pytest.approx(0.05)
    assert csat.smallest_effect_on(Scale(1, 10)) == pytest.approx(0.05 * 9 / 4)
    assert nps.smallest_effect_on(Scale(0, 10)) == 1.0


def test_lever_of_a_map_takes_what_is_left_out_from_its_name():
    assert lever_from("response_seconds", "before", -600.0, shape="log1p", smallest_effect=None).shape == "log1p"
    assert lever_from("is_callback", "before", None).step == -1.0
    assert lever_from("is_callback", "before", None).unit == "share"
    assert lever_from("prior_wait_seconds").moment == "before"


@pytest.mark.parametrize("usual", DEFAULT_LEVERS, ids=lambda lever: lever.name)
def test_a_map_that_only_names_a_lever_of_the_catalogue_leaves_it_what_it_is(usual):
    named = StudyConfig.model_validate({"levers": {usual.name: {"label": "Ours"}}}).spec().levers
    assert named == tuple(replace(one, label="Ours") if one == usual else one for one in DEFAULT_LEVERS)


@pytest.mark.parametrize("name", ["n_callbacks", "is_script_new"])
def test_a_count_that_a_map_names_is_compared_level_by_level(name):
    levers = StudyConfig.model_validate({"levers": {name: {"moment": "before"}}}).spec().levers
    (own,) = (one for one in levers if one.name == name)
    assert (own.shape, own.moment, own.step, own.role) == ("count", "before", -1.0, "lever")
