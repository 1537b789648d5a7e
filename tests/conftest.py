"""What many tests share: a session of their own, and one small simulated centre."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def ecommerce() -> Path:
    """Folder of a real support centre's files; not part of the project."""
    folder = SHARED / "data" / "ecommerce_support"
    if not folder.exists():
        pytest.skip("the data folder ecommerce_support is not here")
    return folder


@pytest.fixture(scope="session")
def centre() -> Iterator[cx.SimulatedCentre]:
    """A simulated centre of 30,000 contacts, about 3,400 of them answered about."""
    with cx.Session(threads=2) as session:
        yield cx.simulate(n_contacts=30_000, seed=3, session=session)


@pytest.fixture(scope="session")
def pairing(centre: cx.SimulatedCentre) -> cx.Pairing:
    return cx.pair(centre.contacts, centre.surveys)
