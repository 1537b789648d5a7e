"""The jobs from files to a directory: read, fuse or diagnose, and deliver the output as a whole or not at all.

What cannot be used or estimated leaves the last good directory untouched and explains itself in ``DIR.rejected``.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cxfusion.checks.feed import check_feed
from cxfusion.delivery.database import write_database
from cxfusion.delivery.directory import (
    deliver,
    manifest_of,
    rejected_directory,
    require_apart,
    require_ours,
    spill_directory,
)
from cxfusion.delivery.manifest import bare_manifest
from cxfusion.delivery.outputs import asked_for, write_diagnosis, write_rejection, write_study
from cxfusion.delivery.previous import handed_on, required_manifest
from cxfusion.engine.addresses import is_url
from cxfusion.engine.replacing import require_database
from cxfusion.errors import CxfusionError, UnknownNameError, UnreadableFileError, told_nearest
from cxfusion.evidence.behaviours import behaviour_levers
from cxfusion.fusion import Questions, first_score, study_of
from cxfusion.operations.diagnose import diagnose
from cxfusion.operations.episodes import EpisodePlan
from cxfusion.pairing.pair import pair
from cxfusion.stages import LOGGER, Stages
from cxfusion.tables.books import log_books
from cxfusion.tables.canonical import CONTACT_COLUMNS, LEG_COLUMNS, SURVEY_COLUMNS
from cxfusion.tables.cells import clean_id
from cxfusion.tables.context import add_context
from cxfusion.tables.evaluations import add_evaluations
from cxfusion.tables.opening import open_source
from cxfusion.tables.places import unreadable
from cxfusion.tables.read import read_contacts, read_surveys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import ibis.expr.types as ir

    from cxfusion.checks.feed import FeedCheck
    from cxfusion.config import StudyConfig
    from cxfusion.engine import Session
    from cxfusion.evidence.spec import LeverSpec
    from cxfusion.operations.diagnose import Diagnosis
    from cxfusion.pairing.result import Pairing
    from cxfusion.stages import OnStage
    from cxfusion.study import Study
    from cxfusion.tables.books import Books
    from cxfusion.tables.mapping import Section
    from cxfusion.tables.pseudonyms import Pseudonyms
    from cxfusion.tables.relation import Contacts, Surveys

__all__ = ["check", "diagnose_log", "run"]

EXPLAINED_EXIT_CODES = (3, 4)
CANONICAL: Final = tuple(column.name for column in (*CONTACT_COLUMNS, *LEG_COLUMNS, *SURVEY_COLUMNS))
LOUDNESS: Final = {"stop": logging.ERROR, "warn": logging.WARNING, "set_aside": logging.INFO, "note": logging.INFO}


def run(config: StudyConfig, out: str | Path, *, with_report: bool = True, on_stage: OnStage | None = None) -> Study:
    """Read, fuse, and replace ``out`` with the new output as a whole.

    Parameters
    ----------
    config : StudyConfig
    out : path
        Directory to write.
    with_report : bool
        Whether ``report.html`` is among the files.
    on_stage : callable, optional
        Told each stage as it begins.

    Raises
    ------
    OutputDirectoryError
        ``out`` cannot be written, or holds something that is not ours or that the job is to read; nothing was read.
    OutputDatabaseError
        The same of the study's output database; where it cannot be reached, nothing was read.
    CxfusionError
        The data cannot be used (``out`` is untouched, ``out.rejected`` says why), or the call is wrong.
    """
    _require_outputs(config, out)
    stage = Stages(on_stage)
    with _explained(config, Path(out), stage):
        _require_readable(config, "contacts", "surveys")
    with _session(config, out) as session:
        with _explained(config, Path(out), stage):
            contacts = _read_contacts(config, session, stage)
        with _explained(config, Path(out), stage, contacts):
            pairing = _pair_with(contacts, config, stage)
        with stage("check", pairing.contacts.n_read):
            checked = _checked(config, pairing, pairing.books, out)
        feed = checked.feed
        with _explained(config, Path(out), stage, pairing, feed):
            feed.require_usable()
            study = study_of(pairing, _questions(config, pairing), feed=feed, before=checked.before, stage=stage)
            study = _unless_a_rerun(study, checked, out)
            study = study.with_beliefs(config.beliefs) if config.beliefs else study
        with stage("write", pairing.n_pairs):
            write = partial(write_study, config=config, pairing=pairing, study=study, with_report=with_report)
            deliver(out, write, publish=partial(_to_database, config))
    LOGGER.info("%s is new: %s of %s responses paired", out, f"{pairing.n_pairs:,}", f"{pairing.surveys.n_read:,}")
    return study


def _questions(config: StudyConfig, pairing: Pairing) -> Questions:
    """What the study is asked."""
    asked = config.study
    return Questions(
        spec=_spec(config, pairing.contacts),
        outcome=asked.outcome or first_score(pairing.surveys),
        by=asked.by,
        interval=asked.interval,
        costs=config.decisions.words(),
        other_sources=_trackers(config, pairing.session),
        dates={name: tracker.date for name, tracker in config.trackers.items()},
    )


def check(
    config: StudyConfig, against: Path | None = None, on_stage: OnStage | None = None
) -> tuple[Pairing, FeedCheck]:
    """Read, pair and check only. The pairing's books stay valid after its session is closed.

    Parameters
    ----------
    config : StudyConfig
    against : path, optional
        The output directory of an earlier run, to compare with.
    on_stage : callable, optional

    Raises
    ------
    UsageError
        ``against`` is no such directory.
    CxfusionError
        The data cannot be used.
    """
    before = None if against is None else required_manifest(against)
    _require_readable(config, "contacts", "surveys")
    stage = Stages(on_stage)
    with config.engine.session() as session:
        pairing = _pair_with(_read_contacts(config, session, stage), config, stage)
        with stage("check", pairing.contacts.n_read):
            return pairing, check_feed(pairing, against=before, plan=config.checks)


def diagnose_log(config: StudyConfig, out: str | Path, on_stage: OnStage | None = None) -> tuple[Diagnosis, Books]:
    """The operations half alone: read the contacts, diagnose them, and replace ``out`` as a whole.

    Returns
    -------
    Diagnosis
    Books
        Where every row of the log went.

    Raises
    ------
    CxfusionError
        As of :func:`run`.
    """
    _require_outputs(config, out)
    stage = Stages(on_stage)
    with _session(config, out) as session:
        with _explained(config, Path(out), stage):
            contacts = _read_contacts(config, session, stage)
            books = log_books(contacts)
        with stage("check", contacts.n_read):
            checked = _checked(config, contacts, books, out)
        with _explained(config, Path(out), stage, contacts, checked.feed):
            checked.feed.require_usable()
        with stage("diagnose", contacts.n_read):
            asked = config.study
            diagnosis = diagnose(contacts, by=asked.by, interval=asked.interval, episodes=EpisodePlan())
        with stage("write"):
            write = partial(
                write_diagnosis,
                config=config,
                contacts=contacts,
                books=books,
                feed=checked.feed,
                before=checked.before,
                diagnosis=diagnosis,
                clock=stage.seconds,
            )
            deliver(out, write, publish=partial(_to_database, config))
    LOGGER.info("%s is new", out)
    return diagnosis, books


@contextmanager
def _session(config: StudyConfig, out: str | Path) -> Iterator[Session]:
    """A session that spills beside the output unless the study says where: what a killed run leaves can be cleared."""
    with spill_directory(out) as spill, config.engine.session(spill) as session:
        yield session


def _given(config: StudyConfig) -> list[str]:
    """The files, folders and patterns that the study reads."""
    tables = (config.contacts, config.surveys, config.context, config.evaluations, *config.trackers.values())
    return [one.path for one in tables if one is not None and one.path is not None and not is_url(one.path)]


def _require_readable(config: StudyConfig, *sections: Section) -> None:
    """Raise where tables cannot be read, before the first of them is: a long log would be read for nothing."""
    wanted = [(section, config.path(section), config.table(section).source) for section in sections]
    errors = [error for error in (unreadable(*one) for one in wanted) if error is not None]
    if len(errors) > 1 and {error.exit_code for error in errors} == {UnreadableFileError.exit_code}:
        told = f"Neither the {' nor the '.join(sections)} can be read."
        raise UnreadableFileError(told, [error.message for error in errors])
    if errors:
        raise min(errors, key=lambda error: error.exit_code)  # the call is mended first


def _require_outputs(config: StudyConfig, out: str | Path) -> None:
    """Raise where nothing could be written, before anything is read."""
    require_ours(out)
    require_apart(out, _given(config))
    address = config.output.address()
    if address is not None:
        require_database(address)


def _to_database(config: StudyConfig, folder: Path) -> None:
    """The tables of the files in the database that the study names, if it names one."""
    address = config.output.address()
    if address is not None:
        write_database(folder, address)


@contextmanager
def _explained(
    config: StudyConfig,
    out: Path,
    stage: Stages,
    known: Contacts | Pairing | None = None,
    feed: FeedCheck | None = None,
) -> Iterator[None]:
    """Leave in ``out.rejected`` why the data cannot be used or answer nothing, and the books of what was read."""
    try:
        yield
    except CxfusionError as error:
        if error.exit_code in EXPLAINED_EXIT_CODES:
            write = partial(write_rejection, config=config, known=known, feed=feed, error=error, clock=stage.seconds)
            _reject(out, write, error)
        raise


def _reject(out: Path, write: Callable[[Path], None], error: CxfusionError) -> None:
    """Deliver what explains an error; should that fail too, the error itself still is what the run ends with."""
    rejected = rejected_directory(out)
    try:
        deliver(rejected, write, no_wider_than=out)  # it holds what cells said
    except CxfusionError as further:
        told = f"{rejected} could not say why: {further.message}"
        LOGGER.error("%s stays as it was: %s %s", out, error.message, told)
        error.add_note(told)
    else:
        LOGGER.error("%s stays as it was; %s says why: %s", out, rejected, error.message)


class _Checked(NamedTuple):
    """The checks of a feed alone, the same against the run before, what that handed on, and what this one will."""

    alone: FeedCheck
    feed: FeedCheck
    before: dict[str, Any]
    told: dict[str, Any]


def _checked(config: StudyConfig, feed: Contacts | Pairing, books: Books, out: str | Path) -> _Checked:
    alone = check_feed(feed, plan=config.checks)
    told = {"audit": books.audit.to_dict("records"), "feed": alone.profile, **bare_manifest(), **asked_for(config)}
    before = handed_on(manifest_of(Path(out)), told)
    compared = alone.compared_with(before)
    for one in compared.findings:
        LOGGER.log(LOUDNESS[one.level], "%s, %s: %s", one.check, one.table, one.told)
    return _Checked(alone, compared, before, told)


def _unless_a_rerun(study: Study, checked: _Checked, out: str | Path) -> Study:
    """The study beside the run before, also where only its results tell the two apart: scores that were corrected."""
    before = handed_on(manifest_of(Path(out)), {**checked.told, "results": study.manifest["results"]})
    if before == checked.before:
        return study
    feed = checked.alone.compared_with(before)
    manifest = {**study.manifest, "checks": feed.table.to_dict(orient="records"), "before": before}
    return replace(study, feed=feed, manifest=manifest)


def _pair_with(contacts: Contacts, config: StudyConfig, stage: Stages) -> Pairing:
    """Read the surveys, and pair them with the contacts."""
    with stage("read surveys") as tell:
        hidden_by = config.privacy.pseudonyms()
        surveys = read_surveys(config.path("surveys"), map=config, pseudonyms=hidden_by, session=contacts.session)
        tell(surveys.n_read)
    if hidden_by is not None:
        _require_there(hidden_by, config, contacts, surveys)
    with stage("pair", surveys.n_read):
        return pair(contacts, surveys, config.pairing.plan())


def _require_there(hidden_by: Pseudonyms, config: StudyConfig, contacts: Contacts, surveys: Surveys) -> None:
    """Raise where a column that is to be hidden is in no table: what its name was meant for would stay in clear."""
    tables = (contacts, surveys) if contacts.legs is None else (contacts, surveys, contacts.legs)
    known = {*CANONICAL, *(name for table in tables for name in table.columns)}
    if hidden_by.columns <= known:
        return
    for tracker in config.trackers.values():
        known.update(contacts.session.read(open_source(tracker.path)).columns)
    if unknown := sorted(hidden_by.columns - known):
        raise UnknownNameError(
            f"The study hides columns that no table has: {', '.join(unknown)}. Expected columns of the contacts, the"
            " surveys or a tracker by the names that they have once they are read, such as team_lead for `Team Lead`."
            " Mend `columns` of [privacy], or leave them out there.",
            told_nearest(unknown, sorted(known)),
        )


def _trackers(config: StudyConfig, session: Session) -> dict[str, ir.Table]:
    """What else the study names, by its name; persons are hidden as those of the log are, so that they still meet."""
    hidden_by = config.privacy.pseudonyms()
    found = {}
    for name, tracker in config.trackers.items():
        rows = session.read(open_source(tracker.path)).drop("source_file", "source_row")
        private = () if hidden_by is None else hidden_by.columns.intersection(rows.columns)
        if hidden_by is not None and private:
            rows = rows.mutate(**{column: hidden_by.hashed(clean_id(rows[column])) for column in sorted(private)})
        found[name] = rows
    return found


def _read_contacts(config: StudyConfig, session: Session, stage: Stages) -> Contacts:
    with stage("read contacts") as tell:
        contacts = read_contacts(
            config.path("contacts"),
            map=config,
            pseudonyms=config.privacy.pseudonyms(),
            session=session,
            **config.study.period(),
        )
        tell(contacts.n_read)
    if config.context is not None:
        contacts = add_context(contacts, config.context.path)
    if config.evaluations is None:
        return contacts
    return add_evaluations(contacts, config.evaluations.path, pseudonyms=config.privacy.pseudonyms())


def _spec(config: StudyConfig, contacts: Contacts) -> LeverSpec:
    """What is asked, the behaviours that were evaluated included; the study may say more about one under its name."""
    spec = config.spec()
    if not contacts.behaviours:
        return spec
    own = [lever for lever in behaviour_levers(contacts) if lever.name not in config.levers]
    return replace(spec, levers=(*spec.levers, *own))
