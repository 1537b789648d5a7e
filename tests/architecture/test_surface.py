"""The public surface is a tested list, loads lazily, and every name of it is documented."""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import cxfusion as cx

PUBLIC = {
    "BeliefComparison",
    "Centre",
    "Change",
    "Comparison",
    "Contacts",
    "ControlChart",
    "Corroboration",
    "CxfusionError",
    "DEFAULT_LEVERS",
    "Decisions",
    "Diagnosis",
    "DoseResponse",
    "EpisodePlan",
    "Expectations",
    "Experiment",
    "FeedCheck",
    "FollowUps",
    "LevelComparison",
    "Lever",
    "LeverEvidence",
    "LeverSpec",
    "Measurement",
    "Mediation",
    "NonresponseCurve",
    "NonresponseEffects",
    "Occupancy",
    "OfferCheck",
    "Pairing",
    "PairingPlan",
    "PerceptionGaps",
    "PilotDesign",
    "Priorities",
    "Pseudonyms",
    "Ranking",
    "Ratings",
    "ReadOut",
    "Resolution",
    "ResponseAnalysis",
    "ResponseWeights",
    "SegmentEffects",
    "Session",
    "SimulatedCentre",
    "SourceAudit",
    "Staffing",
    "Study",
    "Surveys",
    "WeightsCheck",
    "WhatIf",
    "Worth",
    "__version__",
    "compare_beliefs",
    "compare_levels",
    "add_context",
    "add_evaluations",
    "behaviour_levers",
    "audit_sources",
    "check_feed",
    "compare",
    "control_chart",
    "corroborate",
    "check_offers",
    "check_weights",
    "decide",
    "design_pilot",
    "diagnose",
    "dose_response",
    "expectations",
    "fit_levers",
    "follow",
    "fuse",
    "load_catalogue",
    "load_map",
    "measure",
    "mediate",
    "nonresponse_curve",
    "nonresponse_effects",
    "occupancy",
    "pair",
    "pair_legs",
    "pair_relationship",
    "per_leg",
    "perception_gaps",
    "priorities",
    "rank_groups",
    "read_contacts",
    "read_out",
    "read_ratings",
    "read_surveys",
    "required_agents",
    "resolution",
    "response_analysis",
    "segment_effects",
    "simulate",
    "staffing",
    "weigh",
    "what_changed",
    "what_if",
    "with_history",
    "worth",
}


def test_the_public_names_are_these():
    assert set(cx.__all__) == PUBLIC
    assert set(dir(cx)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__", "DEFAULT_LEVERS"}))
def test_every_public_name_is_documented(name):
    assert len(inspect.getdoc(getattr(cx, name)) or "") > 40


def test_a_wrong_name_says_the_nearest():
    with pytest.raises(AttributeError, match="read_contacts"):
        _ = cx.read_contact


def test_import_loads_no_third_party_module_and_is_quick():
    program = (
        "import sys, time; before = set(sys.modules); began = time.process_time(); import cxfusion;"
        " print(time.process_time() - began);"
        " print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    runs = [
        subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True).stdout.split(
            "\n"
        )
        for _ in range(3)
    ]
    assert {run[1] for run in runs} == {"cxfusion"}
    assert min(float(run[0]) for run in runs) < 0.1


def test_public_errors_pickle_and_keep_their_words():
    import pickle

    from cxfusion import errors

    for name in errors.__all__:
        error_type = getattr(errors, name)
        if isinstance(error_type, type):
            error = pickle.loads(pickle.dumps(error_type("what happened", ["one", "two"])))
            assert str(error) == "what happened\n  - one\n  - two"
            assert isinstance(error, error_type)
            assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("package", ["estimators", "evidence", "operations", "perception", "tables"])
def test_a_package_of_many_modules_says_where_each_of_them_belongs(package):
    there = {path.stem for path in (Path(cx.__file__).parent / package).glob("[!_]*")}
    named = set(re.findall(r"``(\w+)``", importlib.import_module(f"cxfusion.{package}").__doc__))
    assert there == named


def test_what_a_module_takes_of_another_is_listed_there():
    root = Path(cx.__file__).parents[1]
    texts = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in root.glob("cxfusion/**/*.py")
    }
    listed = {
        module: _words(re.findall(r"^__all__ = [\[(](.*?)[\])]", text, re.M | re.S)) for module, text in texts.items()
    }
    imports = re.findall(r"^ *from (cxfusion[\w.]*) import (\(.*?\)|[^\n]*)", "\n".join(texts.values()), re.M | re.S)
    taken = {(module, name) for module, names in imports if module in listed for name in _words([names])}
    assert len(taken) > 1000
    assert {(module, name) for module, name in taken if name not in listed[module]} == set()


def _words(lists: list[str]) -> set[str]:
    """Names, without comments, and without the other names that they are given."""
    return set(re.findall(r"\w+", re.sub(r"#.*| as \w+", "", "\n".join(lists))))
