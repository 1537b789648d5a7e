"""STUDY.toml as one frozen model: a map with its paths, how to pair, what to study, and where to run.

The options of the command line become the same model, so that a job has one description either way.
"""

from __future__ import annotations

from cxfusion.config.model import StudyConfig, StudyMap
from cxfusion.config.reading import load_study, study_of_options
from cxfusion.config.sections import (
    ContextSection,
    DecisionsSection,
    EngineSection,
    EvaluationsSection,
    ExperimentSection,
    OutputSection,
    PairingSection,
    PrivacySection,
    ReportSection,
    StudySection,
    TrackerSection,
)

__all__ = [
    "ContextSection",
    "DecisionsSection",
    "EngineSection",
    "EvaluationsSection",
    "ExperimentSection",
    "OutputSection",
    "PairingSection",
    "PrivacySection",
    "ReportSection",
    "StudyConfig",
    "StudyMap",
    "StudySection",
    "TrackerSection",
    "load_study",
    "study_of_options",
]
