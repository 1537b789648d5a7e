"""STUDY.toml as one frozen model: a map with its paths, how to pair, what to study, and where to run.

The options of the command line become the same model, so that a job has one description either way.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cxfusion.checks.catalogue import CheckPlan
from cxfusion.engine import Session
from cxfusion.engine.addresses import database_of, is_url, started_at_folder
from cxfusion.errors import ConfigError
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever, lever_from
from cxfusion.evidence.spec import Experiment, LeverSpec
from cxfusion.pairing.plan import Eligible, Key, PairingPlan
from cxfusion.results.grouping import INTERVALS
from cxfusion.tables.mapping import LeverMap, Map, Place, Section
from cxfusion.tables.places import place_table
from cxfusion.tables.pseudonyms import PERSONS, Pseudonyms
from cxfusion.tables.validation import validated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cxfusion.engine.addresses import Address

__all__ = [
    "DecisionsSection",
    "EngineSection",
    "OutputSection",
    "PairingSection",
    "PrivacySection",
    "StudyConfig",
    "StudyMap",
    "StudySection",
    "load_study",
    "study_of_options",
]

SECTIONS: Final[tuple[Section, ...]] = get_args(Section)


def _local_time(value: Any) -> Any:
    """A date or time of the site's clock; a date stands for its first moment."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime) or moment.tzinfo is not None:
        raise ValueError(
            f"{value!s} is no date or time of the site's clock; expected one such as 2026-03-01 or 2026-03-01T08:30,"
            " without an offset"
        )
    return moment


def _interval(name: str) -> str:
    if name not in INTERVALS:
        raise ValueError(f"There is no interval {name!r}. Expected one of: {', '.join(INTERVALS)}.")
    return name


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


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


LocalTime: TypeAlias = Annotated[datetime, BeforeValidator(_local_time)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StudyMap(Map):
    """A map as files hold it.

    Attributes
    ----------
    levers : mapping of str to LeverMap
        Each of which can be one.
    """

    levers: Annotated[dict[str, LeverMap], AfterValidator(_levers)] = Field(default_factory=dict)


class PairingSection(_Section):
    """``[pairing]``: the words of :class:`PairingPlan`.

    Attributes
    ----------
    by : tuple of {"leg_id", "contact_id", "case_id", "customer_id"}, optional
        One key, or several in the order in which to try them.
    within : str
    one_per_contact : bool
    eligible : {"answered", "all"}
    exposure : str
    """

    by: Annotated[tuple[Key, ...], BeforeValidator(_as_list)] | None = None
    within: str = "72h"
    one_per_contact: bool = True
    eligible: Eligible = "answered"
    exposure: str = "90d"

    @model_validator(mode="after")
    def _is_a_plan(self) -> PairingSection:
        self.plan()
        return self

    def plan(self) -> PairingPlan:
        """How responses find their contacts."""
        return PairingPlan(**self.model_dump())


class StudySection(_Section):
    """``[study]``: what is asked.

    Attributes
    ----------
    outcome : {"csat", "nps", "ces", "csat_top2box"}, optional
        The score to be moved; by default the first there is.
    by : tuple of str, optional
        Columns of the contact log by which both halves are grouped.
    interval : {"15min", "30min", "1h", "1d"}, optional
        The operations figures also by this interval of the site's clock.
    since, until : datetime, optional
        Contacts that started from ``since`` on and before ``until``, on the site's clock.
    title, subtitle : str, optional
        Of the page.
    case_mix : tuple of str, optional
        Columns that say what kind of case it was.
    with_links : bool, optional
        Whether to weigh what wrong links do to the evidence; by default where any pair leaves a choice.
    """

    outcome: Literal["csat", "nps", "ces", "csat_top2box"] | None = None
    by: Names | None = None
    interval: Annotated[str, AfterValidator(_interval)] | None = None
    since: LocalTime | None = None
    until: LocalTime | None = None
    title: str | None = None
    subtitle: str | None = None
    case_mix: Names | None = None
    with_links: bool | None = None

    def headings(self) -> dict[str, Any]:
        """Title and subtitle of the page, as far as they are given."""
        given = {"title": self.title, "subtitle": self.subtitle}
        return {name: text for name, text in given.items() if text is not None}

    def period(self) -> dict[str, Any]:
        """``since`` and ``until``, as far as they are given."""
        given = {"since": self.since, "until": self.until}
        return {name: moment for name, moment in given.items() if moment is not None}

    @model_validator(mode="after")
    def _is_a_period(self) -> StudySection:
        if self.since and self.until and self.since >= self.until:
            raise ValueError(
                f"since = {self.since.isoformat()} is not before until = {self.until.isoformat()}, so that no contact"
                " could lie between them"
            )
        return self


class ContextSection(_Section):
    """``[context]``: events outside anyone's control, which become controls.

    Attributes
    ----------
    path : str
        A table of events: ``start, end, kind`` and, if wanted, ``queue``.
    """

    path: str


class ExperimentSection(_Section):
    """``[experiments.COLUMN]``: a trial whose arms stand in that column of the contact log.

    Attributes
    ----------
    lever : str
        Column of the lever that the arms changed.
    within : tuple of str
        Columns within whose levels chance decided.
    unit : str, optional
        Column of what was given an arm as a whole.
    """

    lever: str
    within: Names = ()
    unit: str | None = None


class DecisionsSection(_Section):
    """``[decisions]``: what things cost, and how long a pilot may last; the words of :func:`cxfusion.decide`.

    Attributes
    ----------
    cost_per_hour : float, optional
        Of one paid hour of an agent.
    currency : str
    shrinkage : float
        Share of paid time in which agents are not on the phone.
    measures : mapping of str to float
        By lever: what making its step happen costs in a year besides agents.
    handle_seconds : mapping of str to float
        By lever: agents' seconds that one unit of it takes.
    pilot_weeks : float
    power : float
    """

    cost_per_hour: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: str = ""
    shrinkage: float = Field(default=0.0, ge=0, lt=1)
    measures: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    handle_seconds: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    pilot_weeks: float = Field(default=8, gt=0)
    power: float = Field(default=0.8, gt=0, lt=1)

    def words(self) -> dict[str, Any]:
        """What :func:`cxfusion.decide` is told."""
        return self.model_dump()


class EngineSection(_Section):
    """``[engine]``: where the work runs.

    Attributes
    ----------
    threads : int, optional
        All cores by default.
    memory_limit : str, optional
        Such as ``"4GB"``.
    temp_dir : str, optional
        Where work that does not fit is spilled; by default beside the output directory.
    """

    threads: int | None = Field(default=None, ge=1)
    memory_limit: str | None = None
    temp_dir: str | None = None

    def session(self, spill: Path | None = None) -> Session:
        """A session of its own, which spills where the study says, else to ``spill``."""
        temp_dir = self.temp_dir if self.temp_dir is not None or spill is None else str(spill)
        return Session(memory_limit=self.memory_limit, threads=self.threads, temp_dir=temp_dir)


class OutputSection(_Section):
    """``[output]``: where, and in which other form, the output tables are written besides Parquet in the directory.

    Attributes
    ----------
    database : str, optional
        URL of a database, such as ``postgres://kim@db.example/sales`` or ``duckdb://results.duckdb``; its password is
        in no manifest and no message.
    schema : str, optional
        Of that database, made if need be; else that of the URL, else the one its user begins in.
    csv : bool
        Every table as a CSV file too.
    """

    database: Place | None = Field(default=None, repr=False)
    schema_: str | None = Field(default=None, alias="schema", min_length=1)
    csv: bool = False

    @model_validator(mode="after")
    def _can_be_written(self) -> OutputSection:
        self.address()
        if self.schema_ is not None and self.database is None:
            raise ValueError("`schema` belongs to `database`: say where that is")
        return self

    def address(self) -> Address | None:
        """Where the tables are written; None where nowhere."""
        return None if self.database is None else database_of(self.database, self.schema_)


class ReportSection(_Section):
    """``[report]``: how the page speaks.

    Attributes
    ----------
    language : {"en", "es"}
    period : str, optional
        The time that the log covers, in words; by default its first and last day.
    labels : mapping of str to str
        The user's own words, by machine name or by English phrase.
    """

    language: Literal["en", "es"] = "en"
    period: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class PrivacySection(_Section):
    """``[privacy]``: persons become keyed hashes on the way in, where a key is named.

    Attributes
    ----------
    key_file : str, optional
        File that holds the key.
    key_variable : str, optional
        Variable of the environment that holds it.
    columns : tuple of str
        What is pseudonymised.
    """

    key_file: str | None = None
    key_variable: str | None = None
    columns: Names = PERSONS

    @model_validator(mode="after")
    def _one_key(self) -> PrivacySection:
        if self.key_file is not None and self.key_variable is not None:
            raise ValueError("`key_file` and `key_variable` both name a key; expected one of them")
        return self

    def pseudonyms(self) -> Pseudonyms | None:
        """What hides persons; None where no key is named.

        Raises
        ------
        ConfigError
            The key is not there, or too short.
        """
        if self.key_file is not None:
            return Pseudonyms.from_file(self.key_file, self.columns)
        if self.key_variable is not None:
            return Pseudonyms.from_environment(self.key_variable, self.columns)
        return None


class StudyConfig(StudyMap):
    """A whole job: what ``cxfusion run`` reads, and what the options of the other commands become.

    Attributes
    ----------
    contacts, surveys : TableMap, optional
    levers : mapping of str to LeverMap
    context : ContextSection, optional
    experiments : mapping of str to ExperimentSection
        By the column that holds the arms.
    beliefs : mapping of str to (mapping of str to float)
        By leader: what he believes moves customers, lever by lever; 1 is the strongest.
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
    experiments: dict[str, ExperimentSection] = Field(default_factory=dict)
    beliefs: dict[str, dict[str, float]] = Field(default_factory=dict)
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


def load_study(path: str | Path, **options: Mapping[str, Any]) -> StudyConfig:
    """The study of a STUDY.toml; its relative paths start where the file is.

    Parameters
    ----------
    path : path
    **options
        As of :func:`study_of_options`: they go before what the file says.

    Raises
    ------
    ConfigError
        The file is missing or not TOML, or cannot be used; ``problems`` lists everything wrong with it, tables that
        cannot be read included.
    """
    what = f"The study {path}"
    content = {key: _copy(value) for key, value in _toml(path, what).items()}
    problems = []
    for section in SECTIONS:
        table = content.setdefault(section, {})
        if isinstance(table, dict):
            problems += place_table(section, table, Path(path).parent)
    for part, key in (("engine", "temp_dir"), ("privacy", "key_file"), ("context", "path")):
        words = content.get(part)
        if isinstance(words, dict) and isinstance(words.get(key), str):
            words[key] = str(Path(path).parent / words[key])
    output = content.get("output")
    if isinstance(output, dict) and is_url(output.get("database")):
        output["database"] = started_at_folder(output["database"], Path(path).parent)
    return validated(StudyConfig, _with_options(content, options), what, problems)


def study_of_options(map_file: str | Path | None, **sections: Mapping[str, Any]) -> StudyConfig:
    """The study that the options of a command line describe.

    Parameters
    ----------
    map_file : path, optional
        A map; what an option says goes before it.
    **sections
        Of :class:`StudyConfig`, by name; an option that was not given is None.

    Raises
    ------
    ConfigError
        The map cannot be used, or an option.
    """
    content = {} if map_file is None else _toml(map_file, f"The map {map_file}")
    if map_file is not None:
        validated(StudyMap, content, f"The map {map_file}")
    return validated(StudyConfig, _with_options(content, sections), "The command line")


def _with_options(content: dict[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content, and the options that were given in the place of what it says."""
    for name, options in sections.items():
        given = {key: value for key, value in options.items() if value is not None}
        if given and isinstance(content.get(name, {}), dict):
            content = {**content, name: {**content.get(name, {}), **given}}
    return content


def _toml(path: str | Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{what} could not be read: {error.strerror or error}. Expected a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{what} is not TOML: {error}. Mend that line.") from error


def _copy(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value
