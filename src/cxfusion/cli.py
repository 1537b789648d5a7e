"""The command line: thin commands over the job; every error of the tree becomes its exit code and its own words."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console

from cxfusion import __version__
from cxfusion.errors import CxfusionError

if TYPE_CHECKING:
    from cxfusion.job import Job
    from cxfusion.study import OnStage

__all__ = ["app", "main"]

app = typer.Typer(
    name="cxfusion",
    help="Pairs contact-centre diagnostics with customer research, contact by contact, and shows which levers move"
    " customer perception.\n\nExit codes: 0 done; 1 internal error; 2 bad usage or configuration; 3 bad input data;"
    " 4 nothing could be paired or estimated.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Contacts = Annotated[str, typer.Argument(help="The contact log: a CSV or Parquet file, a glob, or a folder.")]
SurveyFile = Annotated[str, typer.Argument(metavar="SURVEYS", help="The survey answers: a CSV or Parquet file.")]
Out = Annotated[Path, typer.Option("--out", help="Directory to write; replaced as a whole or not at all.")]
PairBy = Annotated[
    Literal["contact_id", "customer_id"] | None,
    typer.Option(help="Key to pair by; by default the contact id where an answer has one, else the customer."),
]
Within = Annotated[str, typer.Option(help="Pairing by customer: how long before the answer a contact may lie.")]
Outcome = Annotated[
    Literal["csat", "nps", "ces"] | None, typer.Option(help="The score to be moved; by default the first there is.")
]
MapFile = Annotated[str | None, typer.Option("--map", metavar="FILE.toml", help="What the columns mean.")]
Threads = Annotated[int | None, typer.Option(help="Cores to use; by default all.")]
Memory = Annotated[str | None, typer.Option(help="Memory limit, such as 4GB; what does not fit is spilled to disk.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.command()
def fuse(
    contacts: Contacts, surveys: SurveyFile, out: Out, pair_by: PairBy = None, within: Within = "72h",
    outcome: Outcome = None, map_file: MapFile = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave out report.html.")] = False,
    threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Pair, diagnose, measure, find the levers, and write tables and a report."""
    from cxfusion.job import Job

    job = Job(contacts, surveys, pair_by, within, outcome, map_file, not no_report, memory, threads)
    _run(job, out, as_json)


@app.command()
def check(
    contacts: Contacts, surveys: SurveyFile, pair_by: PairBy = None, within: Within = "72h", map_file: MapFile = None,
    threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Read, check and pair only: where every row ended."""
    from cxfusion.job import Job, check

    with _stages() as on_stage:
        pairing = check(Job(contacts, surveys, pair_by, within, None, map_file, False, memory, threads), on_stage)
    if as_json:
        _print_json({"audit": pairing.audit.to_dict("records"), "cells": pairing.cells.to_dict("records")})
        return
    typer.echo(pairing.summary())
    for row in pairing.cells.itertuples():
        typer.echo(f"  {row.n:,} cells of {row.column} were made missing: {row.reason}")


@app.command()
def demo(
    out: Out = Path("demo"),
    n_contacts: Annotated[int, typer.Option("--contacts", help="Contacts to draw.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Same seed, same centre.")] = 7,
    threads: Threads = None, memory: Memory = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Draw a simulated centre whose truth is known and do the whole job on it."""
    import tempfile

    from cxfusion.delivery import require_ours
    from cxfusion.job import Job
    from cxfusion.simulation.simulate import write_centre

    require_ours(out)
    with tempfile.TemporaryDirectory() as folder:
        with _stages() as on_stage:
            on_stage("simulate", n_contacts)
            files = write_centre(Path(folder), n_contacts, seed)
        _run(Job(str(files.contacts), str(files.surveys), threads=threads, memory_limit=memory), out, as_json)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    if as_json:
        _print_json({"version": __version__})
    else:
        typer.echo(__version__)


def _run(job: Job, out: Path, as_json: bool) -> None:
    from cxfusion.job import run

    with _stages() as on_stage:
        study = run(job, out, on_stage)
    if as_json:
        _print_json({"out": str(out), "counts": study.manifest["counts"], "levers": study.table.to_dict("records")})
        return
    typer.echo(study.summary())
    typer.echo(f"\nWritten to {out}" + (f"; open {out / 'report.html'}" if job.with_report else ""))


def _print_json(answer: Any) -> None:
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))


@contextmanager
def _stages() -> Iterator[OnStage]:
    """Stages on standard error: a spinner on a terminal, plain lines elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda name, n: console.print(_stage_line(name, n), highlight=False)
        return
    with console.status("") as status:
        yield lambda name, n: status.update(_stage_line(name, n))


def _stage_line(name: str, n: int | None) -> str:
    return name if n is None else f"{name} ({n:,} rows)"


def main() -> None:
    """Run the command line; the process ends with the exit codes of the documentation."""
    try:
        app()
    except CxfusionError as error:
        Console(stderr=True).print(
            str(error), style="red" if sys.stderr.isatty() else None, markup=False, soft_wrap=True
        )
        raise SystemExit(error.exit_code) from None
