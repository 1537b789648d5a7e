"""What many tests share: a session of their own, and one small simulated centre."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import cxfusion as cx
from cxfusion.cli.commands import KEPT_BEFORE_A_LOOK
from cxfusion.delivery import outputs
from cxfusion.delivery.manifest import manifest_schema
from postgres_server import find_binaries, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHARED = Path(__file__).parents[2] / "shared"


def pytest_collection_finish() -> None:
    """What was imported stays: it need not be looked through for garbage, and what queries make not so often."""
    gc.set_threshold(KEPT_BEFORE_A_LOOK)
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _every_manifest_keeps_to_its_schema() -> Iterator[None]:
    """Whatever test writes a manifest, of a study, a diagnosis, a rejection or a simulation, validates it."""
    validator = jsonschema.Draft202012Validator(manifest_schema())
    write = outputs.write_manifest

    def write_and_validate(folder: Path, manifest: Mapping[str, Any]) -> None:
        write(folder, manifest)
        validator.validate(json.loads((folder / "manifest.json").read_text(encoding="utf-8")))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outputs, "write_manifest", write_and_validate)
        yield


def real(name: str) -> Path:
    """Data of real centres and vendors, which are no part of the project."""
    path = SHARED / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    return path


@pytest.fixture(scope="session")
def ecommerce() -> Path:
    """Folder of a support centre's files."""
    return real("ecommerce_support")


@pytest.fixture(scope="session")
def bank() -> Path:
    """One month of a bank's call centre."""
    return real("anonymous_bank/calls_1999_02.tsv")


@pytest.fixture(scope="session")
def vendor() -> Path:
    """Folder of the vendors' samples."""
    return real("vendor")


@pytest.fixture(scope="session")
def centre() -> Iterator[cx.SimulatedCentre]:
    """A simulated centre of 30,000 contacts, about 3,400 of them answered about."""
    with cx.Session(threads=2) as session:
        yield cx.simulate(n_contacts=30_000, seed=3, session=session)


@pytest.fixture(scope="session")
def pairing(centre: cx.SimulatedCentre) -> cx.Pairing:
    return cx.pair(centre.contacts, centre.surveys)


@pytest.fixture(scope="session")
def evidence(pairing: cx.Pairing) -> cx.LeverEvidence:
    """What moves the satisfaction of that centre's customers, without weights."""
    return cx.fit_levers(pairing, "csat")


@pytest.fixture(scope="session")
def study(centre: cx.SimulatedCentre) -> cx.Study:
    """The whole job of that centre, as it is when nothing is asked for."""
    return cx.fuse(centre.contacts, centre.surveys)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a database of a PostgreSQL server, password and all."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: no initdb and pg_ctl (Debian's package postgresql has them)")
    with running_server(binaries) as url:
        yield url
