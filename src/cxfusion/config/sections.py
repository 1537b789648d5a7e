"""The sections of a study beside its map, each a frozen model: how to pair, what to ask, where to run and to write."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from cxfusion.engine import Session
from cxfusion.engine.addresses import database_of, workplace_of
from cxfusion.engine.session import require_servers_own
from cxfusion.pairing.plan import Eligible, Key, PairingPlan
from cxfusion.results.grouping import INTERVALS
from cxfusion.tables.column_map import Words, as_list
from cxfusion.tables.mapping import Place  # noqa: TC001  pydantic reads it at run time
from cxfusion.tables.pseudonyms import PERSONS, Pseudonyms

if TYPE_CHECKING:
    from pathlib import Path

    from cxfusion.engine.addresses import Address

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
    "StudySection",
    "TrackerSection",
]


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


def _workplace(url: str) -> str:
    workplace_of(url)
    return url


LocalTime: TypeAlias = Annotated[datetime, BeforeValidator(_local_time)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


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

    by: Annotated[tuple[Key, ...], BeforeValidator(as_list)] | None = None
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
    by: Words | None = None
    interval: Annotated[str, AfterValidator(_interval)] | None = None
    since: LocalTime | None = None
    until: LocalTime | None = None
    title: str | None = None
    subtitle: str | None = None
    case_mix: Words | None = None
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


class EvaluationsSection(_Section):
    """``[evaluations]``: what evaluators heard in contacts, whose items become levers.

    Attributes
    ----------
    path : str
        A table with ``contact_id, item, score``.
    """

    path: str


class TrackerSection(_Section):
    """``[trackers.NAME]``: whatever else is known, such as a brand tracker; the page lists it among the sources.

    Attributes
    ----------
    path : str
        A table with a column of dates, and ``contact_id`` or ``customer_id`` where it has them.
    date : str
        The column of dates.
    """

    path: str
    date: str = "date"


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
    within: Words = ()
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

    cost_per_hour: float | None = Field(default=None, ge=0)
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
    database : str, optional
        URL of a PostgreSQL database that does the work, such as ``postgres://kim@db.example/sales``; by default it is
        done in this process. Its password is in no manifest and no message.
    threads : int, optional
        All cores by default.
    memory_limit : str, optional
        Such as ``"4GB"``. Not beside ``database``, whose server has its own.
    temp_dir : str, optional
        Where work that does not fit is spilled; by default beside the output directory. Not beside ``database``.
    """

    database: Annotated[Place, AfterValidator(_workplace)] | None = Field(default=None, repr=False)
    threads: int | None = Field(default=None, ge=1)
    memory_limit: str | None = None
    temp_dir: str | None = None

    @model_validator(mode="after")
    def _settings_fit(self) -> EngineSection:
        if self.database is not None:
            require_servers_own(self.memory_limit, self.temp_dir)
        return self

    def session(self, spill: Path | None = None) -> Session:
        """A session of its own; one that is not in a database spills where the study says, else to ``spill``."""
        if self.database is not None:
            return Session(self.database, threads=self.threads)
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
        What is pseudonymised; not without a key.
    """

    key_file: str | None = None
    key_variable: str | None = None
    columns: Words = PERSONS

    @model_validator(mode="after")
    def _has_one_key(self) -> PrivacySection:
        if self.key_file is not None and self.key_variable is not None:
            raise ValueError("`key_file` and `key_variable` both name a key; expected one of them")
        if "columns" in self.model_fields_set and self.key_file is None and self.key_variable is None:
            raise ValueError(
                "`columns` says what to hide, but no key is named, so that nothing would be hidden; name one with"
                " `key_file` or `key_variable`, or on the command line with --pseudonymise-key-file"
            )
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
