"""What an output directory holds: the files of a study, of a diagnosis, and of a job that came to nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ibis

from cxfusion.delivery.csv_copies import write_csv_copies
from cxfusion.delivery.directory import MANIFEST
from cxfusion.delivery.manifest import bare_manifest, log_manifest, study_manifest
from cxfusion.delivery.plain_json import to_json
from cxfusion.errors import BooksError
from cxfusion.results.schemas import (
    DECISIONS,
    EVIDENCE,
    LEVERS,
    OPERATIONS,
    PAIRS,
    PERCEPTION,
    SCHEMA_VERSION,
    SET_ASIDE,
    as_arrow,
)
from cxfusion.tables.books import count_listed, log_books, set_aside_rows
from cxfusion.tables.relation import Contacts
from cxfusion.tables.steps import compute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa

    from cxfusion.checks.feed import FeedCheck
    from cxfusion.config import StudyConfig
    from cxfusion.engine import Session
    from cxfusion.errors import CxfusionError
    from cxfusion.operations.diagnose import Diagnosis
    from cxfusion.pairing.result import Pairing
    from cxfusion.study import Study
    from cxfusion.tables.books import Books
    from cxfusion.tables.pseudonyms import Pseudonyms

__all__ = ["asked_for", "write_diagnosis", "write_manifest", "write_rejection", "write_study"]

COMPRESSION: Final = "snappy"  # every reader knows it
SLICE_ROWS: Final = 1 << 18
"""Pairs, or rows set aside, that are in memory at a time: some 40 MB."""
Told = TypeVar("Told")


def write_study(folder: Path, config: StudyConfig, pairing: Pairing, study: Study, *, with_report: bool) -> None:
    """Every file that a study has, as docs/reference/files.md lists them."""
    _write_books(folder, pairing)
    _write_pairs(folder / "pairs.parquet", pairing)
    tables: dict[str, tuple[pd.DataFrame, pa.Schema]] = {
        "operations": (study.operations_rows(), OPERATIONS),
        "perception": (study.perception_rows(), PERCEPTION),
        "evidence": (study.evidence.rungs, EVIDENCE),
        "levers": (study.evidence.levers, LEVERS),
        "decisions": (study.decisions.as_rows(), DECISIONS),
    }
    for name, (table, schema) in tables.items():
        _write_parquet(folder / f"{name}.parquet", table, schema)
    if config.output.csv:
        write_csv_copies(folder)
    if with_report:
        study.report(folder / "report.html", **config.page())
    write_manifest(folder, {**study.manifest, **asked_for(config)})


def write_diagnosis(
    folder: Path,
    config: StudyConfig,
    contacts: Contacts,
    books: Books,
    feed: FeedCheck,
    before: Mapping[str, Any],
    diagnosis: Diagnosis,
    clock: Mapping[str, float],
) -> None:
    """The operations half alone."""
    _write_parquet(folder / "operations.parquet", diagnosis.as_rows(), OPERATIONS)
    _write_log_books(folder, contacts, books)
    if config.output.csv:
        write_csv_copies(folder)
    compared = {"before": dict(before)} if before else {}
    write_manifest(folder, {**log_manifest(contacts, books, feed, clock), **compared, **asked_for(config)})


def write_rejection(
    folder: Path,
    config: StudyConfig,
    known: Contacts | Pairing | None,
    feed: FeedCheck | None,
    error: CxfusionError,
    clock: Mapping[str, float],
) -> None:
    """What one needs to learn why a job came to nothing: the books of what was read by then, and the error."""
    if known is None:
        manifest = bare_manifest()
    elif isinstance(known, Contacts):
        books = log_books(known)
        _write_log_books(folder, known, books)
        manifest = log_manifest(known, books, feed, clock)
    else:
        _write_books(folder, known)
        manifest = study_manifest(known, feed, clock, None)
    told = {"type": type(error).__name__, "message": error.message, "problems": list(error.problems)}
    write_manifest(folder, {**manifest, **asked_for(config), "error": told})


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """The manifest, last: it lists the files that are ours, so that a replacement wipes nothing else."""
    files = sorted([*(path.name for path in folder.iterdir()), MANIFEST])
    whole = {**manifest, "tables": _tables(folder), "files": files}
    (folder / MANIFEST).write_text(to_json(whole) + "\n", encoding="utf-8")


def _tables(folder: Path) -> dict[str, dict[str, str | int]]:
    """Rows and version of every table that declares its columns."""
    import pyarrow.parquet as pq

    found = {path.stem: pq.read_metadata(path) for path in sorted(folder.glob("*.parquet"))}
    return {
        name: {"schema_version": told.metadata[SCHEMA_VERSION].decode(), "rows": told.num_rows}
        for name, told in found.items()
        if told.metadata and SCHEMA_VERSION in told.metadata
    }


def asked_for(config: StudyConfig) -> dict[str, Any]:
    """What a job was asked: its inputs and its configuration."""
    words = config.words()
    if (hidden_by := config.privacy.pseudonyms()) is not None:
        words |= {name: _hidden(words[name], hidden_by) for name in ("contacts", "surveys") if words.get(name)}
    inputs = {name: words[name].get("path") for name in ("contacts", "surveys") if words.get(name) is not None}
    return {"inputs": inputs, "config": words}


def _hidden(table: dict[str, Any], hidden_by: Pseudonyms) -> dict[str, Any]:
    """What was said of a table, with pseudonyms of the cells that it names: persons may be among them."""
    told = dict(table)
    if "leave_out" in table:
        told["leave_out"] = {name: [hidden_by.of(cell) for cell in cells] for name, cells in table["leave_out"].items()}
    if "columns" in table:
        told["columns"] = {
            name: {**how, "null": [hidden_by.of(cell) for cell in how["null"]]}
            if name in hidden_by.columns and isinstance(how, dict) and how.get("null")
            else how
            for name, how in table["columns"].items()
        }
    return told


def _write_books(folder: Path, pairing: Pairing) -> None:
    pairing.audit.to_csv(folder / "pairing_audit.csv", index=False)
    _write_set_aside(folder, pairing.session, pairing.set_aside, pairing.books)


def _write_log_books(folder: Path, contacts: Contacts, books: Books) -> None:
    books.audit.to_csv(folder / "contacts_audit.csv", index=False)
    _write_set_aside(folder, contacts.session, set_aside_rows(contacts), books)


def _write_pairs(path: Path, pairing: Pairing) -> None:
    """The pairs, if they are as many as the books say."""
    slices = _slices(pairing.session, pairing.pairs, PAIRS, ("response_file", "response_row"), pairing.n_pairs)
    n = sum(_write_slices(path, slices, PAIRS, len))
    if n != pairing.n_pairs:
        raise BooksError(
            f"{n:,} pairs were to be written, but the books count {pairing.n_pairs:,}. This is a fault of"
            " cxfusion, not of the data; please report it."
        )


def _write_set_aside(folder: Path, session: Session, set_aside: ir.Table, books: Books) -> None:
    order = ("stage", "source_file", "source_row", "column")
    slices = _slices(session, set_aside, SET_ASIDE, order, session.count(set_aside))
    found = _write_slices(folder / "set_aside.parquet", slices, SET_ASIDE, count_listed)
    books.require_listed(sum(found, start=Counter()))


def _slices(session: Session, rows: ir.Table, schema: pa.Schema, order: Sequence[str], n: int) -> Iterator[pa.Table]:
    """Columns of so many rows in order, some rows at a time, since there may be millions; at least one slice."""
    shown = (name for name in schema.names if name in rows.columns)
    placed = rows.select(*shown, place=ibis.row_number().over(order_by=list(order)))
    if n > SLICE_ROWS:
        placed = compute(session, placed)
    for start in range(0, max(n, 1), SLICE_ROWS):
        some = placed.filter(placed["place"].between(start, start + SLICE_ROWS - 1))
        yield session.collect(some.order_by("place"))


def _write_slices(
    path: Path, slices: Iterable[pa.Table], schema: pa.Schema, told_of: Callable[[pa.Table], Told]
) -> list[Told]:
    """Write a table, and what is told of each of its slices."""
    import pyarrow.parquet as pq

    told = []
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as file:
        for some in slices:
            file.write_table(as_arrow(some, schema))
            told.append(told_of(some))
    return told


def _write_parquet(path: Path, table: pd.DataFrame, schema: pa.Schema) -> None:
    import pyarrow.parquet as pq

    pq.write_table(as_arrow(table, schema), path, compression=COMPRESSION)
