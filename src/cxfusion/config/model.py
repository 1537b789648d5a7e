"""STUDY.toml as one frozen model: a map with its paths, and a section for everything else that a job is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from cxfusion.checks.catalogue import CheckPlan
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
from cxfusion.errors import ConfigError
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever, lever_from
from cxfusion.evidence.spec import Experiment, LeverSpec
from cxfusion.tables.mapping import LeverMap, Map

if TYPE_CHECKING:
    from cxfusion.tables.mapping import Section

__all__ = ["StudyConfig", "StudyMap"]


def _levers(levers: dict[str, LeverMap]) -> dict[str, LeverMap]:
    """The same levers, if each of them can be one."""
    problems = []
    for name, words in levers.items():
        try:
            _lever(name, words)
        except ConfigError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError("Some levers cannot be used.", problems)
    return levers


def _lever(name: str, words: LeverMap) -> Lever:
    return lever_from(name, words.moment, words.step, **words.model_dump(exclude={"moment", "step"}))


class StudyMap(Map):
    """A map as files hold it.

    Attributes
    ----------
    levers : mapping of str to LeverMap
        Each of which can be one.
    """

    levers: Annotated[dict[str, LeverMap], AfterValidator(_levers)] = Field(default_factory=dict)


class StudyConfig(StudyMap):
    """A whole job: what ``cxfusion run`` reads, and what the options of the other commands become.

    Attributes
    ----------
    contacts, surveys : TableMap, optional
    levers : mapping of str to LeverMap
    context : ContextSection, optional
    evaluations : EvaluationsSection, optional
    experiments : mapping of str to ExperimentSection
        By the column that holds the arms.
    beliefs : mapping of str to (mapping of str to float)
        By leader: what they believe moves customers, lever by lever; 1 is the strongest.
    trackers : mapping of str to TrackerSection
        By a name, as the page shows it.
    pairing : PairingSection
    study : StudySection
    decisions : DecisionsSection
    engine : EngineSection
    output : OutputSection
    report : ReportSection
    checks : CheckPlan
    privacy : PrivacySection
    """

    pairing: PairingSection = PairingSection()
    study: StudySection = StudySection()
    context: ContextSection | None = None
    evaluations: EvaluationsSection | None = None
    experiments: dict[str, ExperimentSection] = Field(default_factory=dict)
    beliefs: dict[str, dict[str, float]] = Field(default_factory=dict)
    trackers: dict[str, TrackerSection] = Field(default_factory=dict)
    decisions: DecisionsSection = DecisionsSection()
    engine: EngineSection = EngineSection()
    output: OutputSection = OutputSection()
    report: ReportSection = ReportSection()
    checks: CheckPlan = CheckPlan()
    privacy: PrivacySection = PrivacySection()

    @model_validator(mode="after")
    def _is_a_spec(self) -> StudyConfig:
        self.spec()
        return self

    def path(self, section: Section) -> str:
        """Where a table is.

        Raises
        ------
        ConfigError
            The study does not say.
        """
        path = self.table(section).path
        if path is None:
            raise ConfigError(f"The study does not say where the {section} are. Expected a path in [{section}].")
        return path

    def spec(self) -> LeverSpec:
        """The catalogue's levers, with those of the study in their place or beside them."""
        own = {name: _lever(name, words) for name, words in self.levers.items()}
        kept = [own.pop(lever.name, lever) for lever in DEFAULT_LEVERS]
        spec = LeverSpec(levers=(*kept, *own.values()))
        trials = [Experiment(column, **words.model_dump()) for column, words in self.experiments.items()]
        spec = replace(spec, experiments=tuple(trials))
        spec = replace(spec, with_links=self.study.with_links)
        return spec if self.study.case_mix is None else replace(spec, case_mix=self.study.case_mix)

    def page(self) -> dict[str, Any]:
        """How the page is to be made: as :meth:`Study.report` takes it."""
        return {**self.study.headings(), **self.report.model_dump(exclude_unset=True)}

    def words(self) -> dict[str, Any]:
        """What was said, in plain values: for a manifest."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
