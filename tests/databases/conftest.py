"""A database of its own for each test of databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from postgres_server import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def password() -> str:
    return PASSWORD


@pytest.fixture
def database(server: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database that is empty."""
    from adbc_driver_postgresql import dbapi

    name = f"cx_{abs(hash(request.node.nodeid)):x}"
    with dbapi.connect(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        yield server.rpartition("/")[0] + f"/{name}"
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
