"""cxfusion: which operational levers actually move customer perception.

Public names are loaded on first use, so that ``import cxfusion`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cxfusion.checks.feed import FeedCheck as FeedCheck
    from cxfusion.checks.feed import check_feed as check_feed
    from cxfusion.decisions.decide import Decisions as Decisions
    from cxfusion.decisions.decide import decide as decide
    from cxfusion.decisions.pilots import PilotDesign as PilotDesign
    from cxfusion.decisions.pilots import design_pilot as design_pilot
    from cxfusion.decisions.read_out import ReadOut as ReadOut
    from cxfusion.decisions.read_out import read_out as read_out
    from cxfusion.decisions.what_if import WhatIf as WhatIf
    from cxfusion.decisions.what_if import what_if as what_if
    from cxfusion.decisions.worth import Worth as Worth
    from cxfusion.decisions.worth import worth as worth
    from cxfusion.engine.session import Session as Session
    from cxfusion.errors import CxfusionError as CxfusionError
    from cxfusion.evidence.behaviours import behaviour_levers as behaviour_levers
    from cxfusion.evidence.beliefs import BeliefComparison as BeliefComparison
    from cxfusion.evidence.beliefs import compare_beliefs as compare_beliefs
    from cxfusion.evidence.catalogue import DEFAULT_LEVERS as DEFAULT_LEVERS
    from cxfusion.evidence.catalogue import Lever as Lever
    from cxfusion.evidence.corroboration import Corroboration as Corroboration
    from cxfusion.evidence.corroboration import corroborate as corroborate
    from cxfusion.evidence.dose import DoseResponse as DoseResponse
    from cxfusion.evidence.dose import dose_response as dose_response
    from cxfusion.evidence.fit import LeverEvidence as LeverEvidence
    from cxfusion.evidence.fit import fit_levers as fit_levers
    from cxfusion.evidence.mediation import Mediation as Mediation
    from cxfusion.evidence.mediation import mediate as mediate
    from cxfusion.evidence.nonresponse import NonresponseEffects as NonresponseEffects
    from cxfusion.evidence.nonresponse import nonresponse_effects as nonresponse_effects
    from cxfusion.evidence.recontact import WeightsCheck as WeightsCheck
    from cxfusion.evidence.recontact import check_weights as check_weights
    from cxfusion.evidence.relationship import LevelComparison as LevelComparison
    from cxfusion.evidence.relationship import compare_levels as compare_levels
    from cxfusion.evidence.segments import SegmentEffects as SegmentEffects
    from cxfusion.evidence.segments import segment_effects as segment_effects
    from cxfusion.evidence.spec import Experiment as Experiment
    from cxfusion.evidence.spec import LeverSpec as LeverSpec
    from cxfusion.fusion import fuse as fuse
    from cxfusion.operations.change import Change as Change
    from cxfusion.operations.change import what_changed as what_changed
    from cxfusion.operations.control_chart import ControlChart as ControlChart
    from cxfusion.operations.control_chart import control_chart as control_chart
    from cxfusion.operations.diagnose import Diagnosis as Diagnosis
    from cxfusion.operations.diagnose import diagnose as diagnose
    from cxfusion.operations.episodes import EpisodePlan as EpisodePlan
    from cxfusion.operations.episodes import with_history as with_history
    from cxfusion.operations.follow import FollowUps as FollowUps
    from cxfusion.operations.follow import follow as follow
    from cxfusion.operations.legs import per_leg as per_leg
    from cxfusion.operations.occupancy import Occupancy as Occupancy
    from cxfusion.operations.occupancy import occupancy as occupancy
    from cxfusion.operations.ranking import Ranking as Ranking
    from cxfusion.operations.ranking import rank_groups as rank_groups
    from cxfusion.operations.staffing import Staffing as Staffing
    from cxfusion.operations.staffing import required_agents as required_agents
    from cxfusion.operations.staffing import staffing as staffing
    from cxfusion.pairing.exposure import pair_relationship as pair_relationship
    from cxfusion.pairing.leg_level import pair_legs as pair_legs
    from cxfusion.pairing.pair import pair as pair
    from cxfusion.pairing.plan import PairingPlan as PairingPlan
    from cxfusion.pairing.result import Pairing as Pairing
    from cxfusion.perception.compare import Comparison as Comparison
    from cxfusion.perception.compare import compare as compare
    from cxfusion.perception.measure import Measurement as Measurement
    from cxfusion.perception.measure import measure as measure
    from cxfusion.perception.nonresponse import NonresponseCurve as NonresponseCurve
    from cxfusion.perception.nonresponse import nonresponse_curve as nonresponse_curve
    from cxfusion.perception.offers import OfferCheck as OfferCheck
    from cxfusion.perception.offers import check_offers as check_offers
    from cxfusion.perception.ratings.catalogue import load_catalogue as load_catalogue
    from cxfusion.perception.ratings.expectations import Expectations as Expectations
    from cxfusion.perception.ratings.expectations import expectations as expectations
    from cxfusion.perception.ratings.gaps import PerceptionGaps as PerceptionGaps
    from cxfusion.perception.ratings.gaps import perception_gaps as perception_gaps
    from cxfusion.perception.ratings.priorities import Priorities as Priorities
    from cxfusion.perception.ratings.priorities import priorities as priorities
    from cxfusion.perception.ratings.read import Ratings as Ratings
    from cxfusion.perception.ratings.read import read_ratings as read_ratings
    from cxfusion.perception.resolution import Resolution as Resolution
    from cxfusion.perception.resolution import resolution as resolution
    from cxfusion.perception.response import ResponseAnalysis as ResponseAnalysis
    from cxfusion.perception.response import response_analysis as response_analysis
    from cxfusion.perception.sources import SourceAudit as SourceAudit
    from cxfusion.perception.sources import audit_sources as audit_sources
    from cxfusion.perception.weights import ResponseWeights as ResponseWeights
    from cxfusion.perception.weights import weigh as weigh
    from cxfusion.simulation.centre import Centre as Centre
    from cxfusion.simulation.simulate import SimulatedCentre as SimulatedCentre
    from cxfusion.simulation.simulate import simulate as simulate
    from cxfusion.study import Study as Study
    from cxfusion.tables.context import add_context as add_context
    from cxfusion.tables.evaluations import add_evaluations as add_evaluations
    from cxfusion.tables.mapping import load_map as load_map
    from cxfusion.tables.pseudonyms import Pseudonyms as Pseudonyms
    from cxfusion.tables.read import read_contacts as read_contacts
    from cxfusion.tables.read import read_surveys as read_surveys
    from cxfusion.tables.relation import Contacts as Contacts
    from cxfusion.tables.relation import Surveys as Surveys

__version__ = "0.1.0"

_PLACES = {
    "BeliefComparison": "evidence.beliefs",
    "Centre": "simulation.centre",
    "Change": "operations.change",
    "Comparison": "perception.compare",
    "Contacts": "tables.relation",
    "ControlChart": "operations.control_chart",
    "Corroboration": "evidence.corroboration",
    "CxfusionError": "errors",
    "DEFAULT_LEVERS": "evidence.catalogue",
    "Decisions": "decisions.decide",
    "Diagnosis": "operations.diagnose",
    "DoseResponse": "evidence.dose",
    "EpisodePlan": "operations.episodes",
    "Expectations": "perception.ratings.expectations",
    "Experiment": "evidence.spec",
    "FeedCheck": "checks.feed",
    "FollowUps": "operations.follow",
    "LevelComparison": "evidence.relationship",
    "Lever": "evidence.catalogue",
    "LeverEvidence": "evidence.fit",
    "LeverSpec": "evidence.spec",
    "Measurement": "perception.measure",
    "Mediation": "evidence.mediation",
    "NonresponseCurve": "perception.nonresponse",
    "NonresponseEffects": "evidence.nonresponse",
    "Occupancy": "operations.occupancy",
    "OfferCheck": "perception.offers",
    "Pairing": "pairing.result",
    "PairingPlan": "pairing.plan",
    "PerceptionGaps": "perception.ratings.gaps",
    "PilotDesign": "decisions.pilots",
    "Priorities": "perception.ratings.priorities",
    "Pseudonyms": "tables.pseudonyms",
    "Ranking": "operations.ranking",
    "Ratings": "perception.ratings.read",
    "ReadOut": "decisions.read_out",
    "Resolution": "perception.resolution",
    "ResponseAnalysis": "perception.response",
    "ResponseWeights": "perception.weights",
    "SegmentEffects": "evidence.segments",
    "Session": "engine.session",
    "SimulatedCentre": "simulation.simulate",
    "SourceAudit": "perception.sources",
    "Staffing": "operations.staffing",
    "Study": "study",
    "Surveys": "tables.relation",
    "WeightsCheck": "evidence.recontact",
    "WhatIf": "decisions.what_if",
    "Worth": "decisions.worth",
    "add_context": "tables.context",
    "add_evaluations": "tables.evaluations",
    "audit_sources": "perception.sources",
    "behaviour_levers": "evidence.behaviours",
    "check_feed": "checks.feed",
    "check_offers": "perception.offers",
    "check_weights": "evidence.recontact",
    "compare": "perception.compare",
    "compare_beliefs": "evidence.beliefs",
    "compare_levels": "evidence.relationship",
    "control_chart": "operations.control_chart",
    "corroborate": "evidence.corroboration",
    "decide": "decisions.decide",
    "design_pilot": "decisions.pilots",
    "diagnose": "operations.diagnose",
    "dose_response": "evidence.dose",
    "expectations": "perception.ratings.expectations",
    "fit_levers": "evidence.fit",
    "follow": "operations.follow",
    "fuse": "fusion",
    "load_catalogue": "perception.ratings.catalogue",
    "load_map": "tables.mapping",
    "measure": "perception.measure",
    "mediate": "evidence.mediation",
    "nonresponse_curve": "perception.nonresponse",
    "nonresponse_effects": "evidence.nonresponse",
    "occupancy": "operations.occupancy",
    "pair": "pairing.pair",
    "pair_legs": "pairing.leg_level",
    "pair_relationship": "pairing.exposure",
    "per_leg": "operations.legs",
    "perception_gaps": "perception.ratings.gaps",
    "priorities": "perception.ratings.priorities",
    "rank_groups": "operations.ranking",
    "read_contacts": "tables.read",
    "read_out": "decisions.read_out",
    "read_ratings": "perception.ratings.read",
    "read_surveys": "tables.read",
    "required_agents": "operations.staffing",
    "resolution": "perception.resolution",
    "response_analysis": "perception.response",
    "segment_effects": "evidence.segments",
    "simulate": "simulation.simulate",
    "staffing": "operations.staffing",
    "weigh": "perception.weights",
    "what_changed": "operations.change",
    "what_if": "decisions.what_if",
    "with_history": "operations.episodes",
    "worth": "decisions.worth",
}

__all__ = ["__version__", *_PLACES]  # noqa: PLE0604 (names only, checked by a test)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        from cxfusion.errors import nearest_names

        near = ", ".join(nearest_names(name, _PLACES)) or ", ".join(sorted(_PLACES))
        raise AttributeError(f"cxfusion has no {name!r}; nearest: {near}")
    return getattr(import_module(f"cxfusion.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
