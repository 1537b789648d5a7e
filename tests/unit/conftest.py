"""What the tests of vendors' contact logs share: the samples, and short ways to look at what became of a log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cxfusion.engine import Session
from cxfusion.tables.read import read_contacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cxfusion.tables.relation import Contacts, Legs


@pytest.fixture(scope="session")
def log_session() -> Iterator[Session]:
    with Session(threads=1) as session:
        yield session


@pytest.fixture(scope="session")
def read_log(log_session: Session) -> Callable[..., Contacts]:
    """Read a vendor's log; whatever it is, its legs end in a contact or are set aside."""

    def read(data: Any, source: str, **options: Any) -> Contacts:
        contacts = read_contacts(data, source=source, session=log_session, **options)
        legs = contacts.legs
        aside = log_session.collect(legs.set_aside).to_pylist()
        assert legs.count() + sum(row["column"] is None for row in aside) == legs.n_read
        kept = {row["contact_id"] for row in legs.to_arrow().to_pylist()}
        assert len(kept) == contacts.n_read
        return contacts

    return read


@pytest.fixture(scope="session")
def by_id() -> Callable[[Contacts | Legs], dict[str, dict[str, Any]]]:
    """Rows by their id; a column that the table lacks is missing in them too."""

    def rows(table: Contacts | Legs) -> dict[str, dict[str, Any]]:
        found = table.to_arrow().to_pylist()
        key = "leg_id" if "leg_id" in table.columns else "contact_id"
        return {row[key]: row for row in found}

    return rows


@pytest.fixture(scope="session")
def set_aside(log_session: Session) -> Callable[[Contacts | Legs], list[tuple[Any, ...]]]:
    """``source_row, column, reason`` of what a reading set aside."""

    def rows(table: Contacts | Legs) -> list[tuple[Any, ...]]:
        found = log_session.collect(table.set_aside).to_pylist()
        return [(row["source_row"], row["column"], row["reason"]) for row in found]

    return rows
