"""The command line: thin commands over the job; every error of the tree becomes its exit code and its own words."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from cxfusion import __version__
from cxfusion.cli.ending import Command, heard_or_not, open_streams, tidy_up_undisturbed
from cxfusion.cli.options import (
    Against,
    AnyFile,
    AsCsv,
    AsJson,
    By,
    ContactLog,
    ContactsSource,
    CostPerHour,
    Currency,
    Debug,
    EngineUrl,
    FileFormatName,
    Interval,
    KeyFile,
    Kind,
    LittleMemory,
    MapFile,
    Memory,
    NContacts,
    NoReport,
    OneCore,
    Out,
    Outcome,
    PairBy,
    Quiet,
    Seed,
    Since,
    StudyFile,
    SurveyFile,
    SurveysSource,
    Threads,
    Timezone,
    To,
    Until,
    Within,
    WorldName,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from cxfusion.config import StudyConfig
    from cxfusion.study import Study

__all__ = ["app", "main"]

KEPT_BEFORE_A_LOOK: Final = 10_000
"""New objects after which Python looks for circles of them that nobody holds; by default 700, while imports and queries
make hundreds of thousands that stay."""

app = typer.Typer(
    name="cxfusion",
    help="Pairs contact-centre diagnostics with customer research, contact by contact, and shows which levers move"
    " customer perception.",
    epilog="Exit codes: 0 done; 1 internal error; 2 bad usage or configuration, an output that cannot be written, or"
    " memory, disk or a server that gave out; 3 bad input data; 4 nothing could be paired or estimated; 130"
    " interrupted. After any but 0 the output directory is as it was, unless only the answer could not be"
    " printed; after 3 or 4 DIR.rejected says why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.command(cls=Command)
def demo(
    out: Out = Path("demo"), n_contacts: NContacts = 200_000, seed: Seed = 7,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Draw a simulated centre whose truth is known, and do the whole job on it."""
    import tempfile

    from cxfusion.cli.progress import StageLines
    from cxfusion.config import study_of_options
    from cxfusion.delivery.directory import require_ours
    from cxfusion.job import run
    from cxfusion.simulation.simulate import write_centre

    require_ours(out)
    with tempfile.TemporaryDirectory() as folder, StageLines(quiet=quiet) as on_stage:
        on_stage("simulate", n_contacts)
        files = write_centre(folder, n_contacts, seed)
        config = study_of_options(
            None,
            contacts={"path": str(files.contacts)},
            surveys={"path": str(files.surveys)},
            engine=_place(engine, threads, memory),
        )
        study = run(config, out, on_stage=on_stage)
    _tell_study(study, out, with_report=True, as_json=as_json)


@app.command(cls=Command)
def fuse(
    contacts: ContactLog, surveys: SurveyFile, out: Out, pair_by: PairBy = None, within: Within = "72h",
    outcome: Outcome = None, map_file: MapFile = None, contacts_source: ContactsSource = None,
    surveys_source: SurveysSource = None, timezone: Timezone = None, since: Since = None, until: Until = None,
    cost_per_hour: CostPerHour = None, currency: Currency = None, to: To = None, csv: AsCsv = False,
    no_report: NoReport = False, key_file: KeyFile = None,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Pair, diagnose, measure, find the levers, and write tables and a report."""
    from cxfusion.config import study_of_options

    config = study_of_options(
        map_file,
        contacts={"path": contacts, "source": contacts_source, "timezone": timezone},
        surveys={"path": surveys, "source": surveys_source, "timezone": timezone},
        pairing={"by": _names([pair_by or ""]) or None, "within": within},
        study={"outcome": outcome, "since": since, "until": until},
        decisions={"cost_per_hour": cost_per_hour, "currency": currency},
        engine=_place(engine, threads, memory),
        privacy=_privacy(key_file),
        output={"database": to, "csv": csv or None},
    )
    _run(config, out, with_report=not no_report, as_json=as_json, quiet=quiet)


@app.command(cls=Command, name="run")
def run_study(
    study_file: StudyFile, out: Out, to: To = None, csv: AsCsv = False, no_report: NoReport = False,
    key_file: KeyFile = None,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Do the job of `fuse` as a STUDY.toml describes it: for jobs that run every night."""
    from cxfusion.config import load_study

    config = load_study(
        study_file,
        engine=_place(engine, threads, memory),
        output={"database": to, "csv": csv or None},
        privacy=_privacy(key_file),
    )
    _run(config, out, with_report=not no_report, as_json=as_json, quiet=quiet)


@app.command(cls=Command)
def check(
    contacts: ContactLog, surveys: SurveyFile, pair_by: PairBy = None, within: Within = "72h",
    map_file: MapFile = None, contacts_source: ContactsSource = None, surveys_source: SurveysSource = None,
    timezone: Timezone = None, since: Since = None, until: Until = None, against: Against = None,
    key_file: KeyFile = None,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Read, pair and check only: where every row ended, and what looks wrong. Writes nothing."""
    from cxfusion.cli.progress import StageLines
    from cxfusion.config import study_of_options
    from cxfusion.fusion import require_pairs
    from cxfusion.job import check as check_only

    config = study_of_options(
        map_file,
        contacts={"path": contacts, "source": contacts_source, "timezone": timezone},
        surveys={"path": surveys, "source": surveys_source, "timezone": timezone},
        pairing={"by": _names([pair_by or ""]) or None, "within": within},
        study={"since": since, "until": until},
        engine=_place(engine, threads, memory),
        privacy=_privacy(key_file),
    )
    with StageLines(quiet=quiet) as on_stage:
        pairing, feed = check_only(config, against, on_stage)
    notes = [f"contacts: {note}" for note in pairing.contacts.notes]
    notes += [f"surveys: {note}" for note in pairing.surveys.notes]
    if as_json:
        books = {"audit": pairing.audit.to_dict("records"), "cells": pairing.cells.to_dict("records")}
        _print_json({**books, "checks": feed.table.to_dict("records"), "notes": notes})
    else:
        _say(pairing.summary())
        _tell_cells(pairing.cells)
        _say("\n  ".join([f"{feed.summary()}\nHow the tables were read:", *(notes or ["as they are"])]))
    feed.require_usable()
    require_pairs(pairing)


@app.command(cls=Command)
def diagnose(
    contacts: ContactLog, out: Out, by: By = None, interval: Interval = None, map_file: MapFile = None,
    contacts_source: ContactsSource = None, timezone: Timezone = None, since: Since = None, until: Until = None,
    to: To = None, csv: AsCsv = False, key_file: KeyFile = None,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """The operations half alone: volume, AHT, ASA, abandonment and the like of a contact log."""
    from cxfusion.cli.progress import StageLines
    from cxfusion.config import study_of_options
    from cxfusion.job import diagnose_log

    columns = _names(by or ())
    config = study_of_options(
        map_file,
        contacts={"path": contacts, "source": contacts_source, "timezone": timezone},
        study={"by": columns or None, "interval": interval, "since": since, "until": until},
        engine=_place(engine, threads, memory),
        privacy=_privacy(key_file),
        output={"database": to, "csv": csv or None},
    )
    with StageLines(quiet=quiet) as on_stage:
        diagnosis, books = diagnose_log(config, out, on_stage)
    if as_json:
        overall = diagnosis.overall.to_dict("records")
        _print_json({"out": str(out), "audit": books.audit.to_dict("records"), "overall": overall})
        return
    _say(diagnosis.summary())
    _say("contacts:")
    for row in books.audit[books.audit["stage"] == "contacts"].itertuples():
        _say(f"  {row.reason:<24}{row.n:>14,}")
    _tell_cells(books.cells)
    _say(f"\nWritten to {out}")


@app.command(cls=Command, name="map")
def propose(
    file: AnyFile, kind: Kind = None,
    engine: EngineUrl = None, threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Propose a map for a file: what was recognised, what is doubtful, what is missing."""
    from cxfusion.config import study_of_options
    from cxfusion.tables.proposal import propose_map

    config = study_of_options(None, engine=_place(engine, threads, memory))
    with config.engine.session() as session:
        proposal = propose_map(file, session, kind)
    if as_json:
        _print_json({"map": proposal.toml, "to_decide": proposal.to_decide})
    else:
        _say(proposal.toml, nl=False)


@app.command(cls=Command)
def simulate(
    out: Out, n_contacts: NContacts = 200_000, seed: Seed = 7, world: WorldName = None,
    file_format: FileFormatName = "parquet",
    threads: OneCore = None, memory: LittleMemory = None, as_json: AsJson = False, quiet: Quiet = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Draw a simulated centre: its contacts, its surveys, and truth.csv, which no real centre has."""
    from cxfusion.cli.progress import StageLines
    from cxfusion.delivery.directory import deliver
    from cxfusion.delivery.manifest import bare_manifest
    from cxfusion.delivery.outputs import write_manifest
    from cxfusion.simulation.simulate import write_centre
    from cxfusion.simulation.worlds import DEFAULT_WORLD, find_world

    drawn = find_world(world or DEFAULT_WORLD)

    names: list[str] = []

    def write(folder: Path) -> None:
        write_centre(folder, n_contacts, seed, drawn.centre, file_format=file_format)
        names.extend(sorted(path.name for path in folder.iterdir()))
        asked = {"world": drawn.name, "n_contacts": n_contacts, "seed": seed}
        write_manifest(folder, {**bare_manifest(), "simulated": asked})

    with StageLines(quiet=quiet) as on_stage:
        on_stage("simulate", n_contacts)
        deliver(out, write)
    files = {name: str(out / name) for name in names}
    if as_json:
        _print_json({"out": str(out), "files": files})
    else:
        _say("\n".join(["Written:", *(f"  {path}" for path in files.values())]))


@app.command(cls=Command)
def sources(
    threads: OneCore = None, memory: LittleMemory = None, as_json: AsJson = False, debug: Debug = False
) -> None:  # fmt: skip
    """List the kinds of source and the formats that can be read."""
    from cxfusion.tables.opening import ACCEPTED
    from cxfusion.tables.sources import SOURCES
    from cxfusion.tables.sources.registered import registered_sources

    others, notes = registered_sources({source.name for source in SOURCES})
    kinds = [(source, "cxfusion") for source in SOURCES] + [(other.source, other.origin) for other in others]
    if as_json:
        told = [
            {"name": kind.name, "reads": kind.reads, "description": kind.description, "origin": origin}
            for kind, origin in kinds
        ]
        _print_json({"sources": told, "notes": notes, "accepted": ACCEPTED})
        return
    for kind, origin in kinds:
        brought = "" if origin == "cxfusion" else f", of {origin}"
        _say(f"{kind.name} ({' and '.join(kind.reads)}{brought})\n  {kind.description}")
    for note in notes:
        _say(f"\n{note}")
    _say(f"\nA source may be {ACCEPTED}; on the command line, files and URLs only.")


@app.command(cls=Command)
def version(
    threads: OneCore = None, memory: LittleMemory = None, as_json: AsJson = False, debug: Debug = False
) -> None:  # fmt: skip
    """Print the version."""
    if as_json:
        _print_json({"version": __version__})
    else:
        _say(__version__)


def _run(config: StudyConfig, out: Path, *, with_report: bool, as_json: bool, quiet: bool) -> None:
    from cxfusion.cli.progress import StageLines
    from cxfusion.job import run
    from cxfusion.tables.quiet import QUIET

    with StageLines(quiet=quiet) as on_stage:
        study = run(config, out, with_report=with_report, on_stage=on_stage)
    for one in study.manifest["checks"]:
        if one["check"] == QUIET:  # which nobody would look for in an answer that looks whole
            with heard_or_not(sys.stderr):
                typer.echo(f"{one['table']}: {one['told']} ({one['examples']})", err=True)
    _tell_study(study, out, with_report=with_report, as_json=as_json)


def _tell_study(study: Study, out: Path, *, with_report: bool, as_json: bool) -> None:
    if as_json:
        _print_json({"out": str(out), "counts": study.manifest["counts"], "levers": study.table.to_dict("records")})
        return
    _say(study.summary())
    _say(f"\nWritten to {out}" + (f"; open {out / 'report.html'}" if with_report else ""))


def _tell_cells(cells: pd.DataFrame) -> None:
    for row in cells.itertuples():
        told, were = ("1 cell", "was") if row.n == 1 else (f"{row.n:,} cells", "were")
        _say(f"  {told} of {row.column} {were} made missing: {row.reason}")


def _say(text: str, *, nl: bool = True) -> None:
    """Print a part of the answer, for whoever listens."""
    with heard_or_not(sys.stdout):
        typer.echo(text, nl=nl)


def _print_json(answer: Any) -> None:
    from cxfusion.delivery.plain_json import to_json

    _say(to_json(answer))


def _place(engine: str | None, threads: int | None, memory: str | None) -> dict[str, str | int | None]:
    """Where the work runs, as the section of a study."""
    return {"database": engine, "threads": threads, "memory_limit": memory}


def _privacy(key_file: Path | None) -> dict[str, str | None]:
    return {"key_file": None if key_file is None else str(key_file)}


def _names(given: Iterable[str]) -> list[str]:
    """Names that were given one by one, or several at once separated by commas."""
    return [name.strip() for words in given for name in words.split(",") if name.strip()]


def main() -> None:
    """Run the command line; the process ends with the exit codes of the documentation."""
    gc.set_threshold(KEPT_BEFORE_A_LOOK)
    open_streams()
    try:
        app(prog_name="cxfusion")
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # whoever read the help has had enough: no error
            raise SystemExit(0) from None
        raise
    finally:
        tidy_up_undisturbed()
