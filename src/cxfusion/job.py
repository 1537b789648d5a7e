"""The main job from files to a directory: read, fuse, and deliver the output as a whole or not at all.

What cannot be used or estimated leaves the last good directory untouched and explains itself in ``DIR.rejected``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cxfusion.delivery import MANIFEST, PRODUCT, deliver, rejected_directory, require_ours
from cxfusion.engine import Session
from cxfusion.errors import CxfusionError
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever, lever_from
from cxfusion.evidence.spec import LeverSpec
from cxfusion.pairing.pair import pair
from cxfusion.pairing.plan import PairingPlan
from cxfusion.results.schemas import EVIDENCE, LEVERS, OPERATIONS, PAIRS, PERCEPTION, SET_ASIDE, as_arrow
from cxfusion.study import manifest_of, stage_clock, study_of
from cxfusion.tables.mapping import Map, load_map
from cxfusion.tables.read import read_contacts, read_surveys

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from cxfusion.pairing.result import Pairing
    from cxfusion.study import OnStage, Study

__all__ = ["Job", "check", "run"]

EXPLAINED_EXIT_CODES = (3, 4)


@dataclass(frozen=True)
class Job:
    """The main job, in the words of the command line.

    Attributes
    ----------
    contacts, surveys : str
        Paths, globs or folders.
    pair_by : {"contact_id", "customer_id"}, optional
    within : str
        Window of the customer key.
    outcome : {"csat", "nps", "ces"}, optional
    map_path : str, optional
        TOML with ``[contacts]``, ``[surveys]`` and ``[levers.*]``.
    with_report : bool
    memory_limit, threads
        Of the session.
    """

    contacts: str
    surveys: str
    pair_by: str | None = None
    within: str = "72h"
    outcome: str | None = None
    map_path: str | None = None
    with_report: bool = True
    memory_limit: str | None = None
    threads: int | None = None

    def plan(self) -> PairingPlan:
        """How responses find their contacts."""
        return PairingPlan(by=self.pair_by, within=self.within)  # type: ignore[arg-type]


def run(job: Job, out: str | Path, on_stage: OnStage | None = None) -> Study:
    """Read, fuse, and replace ``out`` with the new output as a whole.

    Raises
    ------
    OutputDirectoryError
        ``out`` cannot be written or holds something that is not ours; nothing was read.
    CxfusionError
        The data cannot be used (``out`` is untouched, ``out.rejected`` says why), or the call is wrong.
    """
    directory = Path(out)
    require_ours(directory)
    clock: dict[str, float] = {}
    pairing: Pairing | None = None
    with Session(memory_limit=job.memory_limit, threads=job.threads) as session:
        try:
            column_map = _map_of(job)
            pairing = _read_and_pair(job, column_map, session, clock, on_stage)
            study = study_of(pairing, spec=_spec(job, column_map), outcome=job.outcome, on_stage=on_stage, clock=clock)
        except CxfusionError as error:
            if error.exit_code in EXPLAINED_EXIT_CODES:
                _explain(job, directory, pairing, error, clock)
            raise
        with stage_clock(clock, on_stage, "write", pairing.n_pairs):
            deliver(directory, lambda folder: _write(folder, job, pairing, study))
    return study


def check(job: Job, on_stage: OnStage | None = None) -> Pairing:
    """Read, check and pair only. The pairing's books stay valid after its session is closed."""
    with Session(memory_limit=job.memory_limit, threads=job.threads) as session:
        return _read_and_pair(job, _map_of(job), session, {}, on_stage)


def _map_of(job: Job) -> Map | None:
    return None if job.map_path is None else load_map(job.map_path)


def _read_and_pair(
    job: Job, column_map: Map | None, session: Session, clock: dict[str, float], on_stage: OnStage | None
) -> Pairing:
    plan = job.plan()
    with stage_clock(clock, on_stage, "read contacts"):
        contacts = read_contacts(job.contacts, map=column_map, session=session)
    with stage_clock(clock, on_stage, "read surveys"):
        surveys = read_surveys(job.surveys, map=column_map, session=session)
    with stage_clock(clock, on_stage, "pair", surveys.n_read):
        return pair(contacts, surveys, plan)


def _spec(job: Job, column_map: Map | None) -> LeverSpec:
    """The catalogue's levers, with those of the map in their place or beside them."""
    own = {} if column_map is None else {name: _lever(name, words) for name, words in column_map.levers.items()}
    kept = [own.pop(lever.name, lever) for lever in DEFAULT_LEVERS]
    return LeverSpec(levers=(*kept, *own.values()))


def _lever(name: str, words: Any) -> Lever:
    return lever_from(name, words.moment, words.step, **words.model_dump(exclude={"moment", "step"}))


def _write(folder: Path, job: Job, pairing: Pairing, study: Study) -> None:
    """Every file of DESIGN's list that a study has."""
    _write_books(folder, pairing)
    tables = {
        "pairs": as_arrow(pairing.session.collect(pairing.pairs), PAIRS),
        "operations": as_arrow(study.diagnosis.as_rows(), OPERATIONS),
        "perception": as_arrow(study.perception_rows(), PERCEPTION),
        "evidence": as_arrow(study.evidence.rungs, EVIDENCE),
        "levers": as_arrow(study.evidence.levers, LEVERS),
    }
    for name, table in tables.items():
        _write_parquet(folder / f"{name}.parquet", table)
    if job.with_report:
        study.report(folder / "report.html")
    _write_manifest(folder, {**study.manifest, "inputs": _inputs(job)})


def _write_books(folder: Path, pairing: Pairing) -> None:
    pairing.audit.to_csv(folder / "pairing_audit.csv", index=False)
    set_aside = pairing.set_aside.order_by("stage", "source_file", "source_row", "column")
    _write_parquet(folder / "set_aside.parquet", as_arrow(pairing.session.collect(set_aside), SET_ASIDE))


def _explain(
    job: Job, directory: Path, pairing: Pairing | None, error: CxfusionError, clock: Mapping[str, float]
) -> None:
    """Leave in ``DIR.rejected`` what one needs to learn why."""
    manifest = {"product": PRODUCT, "manifest_version": 1} if pairing is None else manifest_of(
        pairing, clock, evidence=None
    )  # fmt: skip
    told = {"type": type(error).__name__, "message": error.message, "problems": list(error.problems)}

    def write(folder: Path) -> None:
        if pairing is not None:
            _write_books(folder, pairing)
        _write_manifest(folder, {**manifest, "inputs": _inputs(job), "error": told})

    deliver(rejected_directory(directory), write)


def _write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def _write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """The manifest comes last: it lists the files that are ours, so that a replacement wipes nothing else."""
    files = sorted([*(path.name for path in folder.iterdir()), MANIFEST])
    text = json.dumps({**manifest, "files": files}, indent=2, ensure_ascii=False, default=str)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _inputs(job: Job) -> dict[str, Any]:
    return {"contacts": job.contacts, "surveys": job.surveys, "map": job.map_path}
