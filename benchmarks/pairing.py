"""Pairing by customer and window: cxfusion beside pandas, Polars and plain DuckDB SQL, each in a process of its own.

``python benchmarks/pairing.py --contacts 5000000 --out pairing.json`` draws a simulated centre, hides contact ids of
its answers, and lets everyone look for the last contact of the customer that had ended by the answer and had begun at
most 72 hours before. Everyone reads Parquet with text keys; the first run is not counted. All must find the same pairs,
but for customers with two contacts that ended in the same instant.

pandas and Polars are timed twice: with the reading of their columns, and, as ``… in memory``, without. cxfusion is
timed as ``bare`` (the pairing alone, from Parquet) and as ``cx.pair`` on tables that are read, which also counts where
every row went, looks for duplicates and says why a response found nothing.
"""

from __future__ import annotations

import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import contest
from contest import Contestant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WINDOW: Final = timedelta(hours=72)
CONTACT_COLUMNS: Final = ["contact_id", "customer_id", "started_at", "ended_at"]
SURVEY_COLUMNS: Final = ["response_id", "customer_id", "invited_at"]


def draw(folder: Path, n_contacts: int) -> None:
    """A simulated centre whose answers name the customer alone."""
    import duckdb

    from cxfusion.simulation.simulate import write_centre

    write_centre(folder, n_contacts, seed=7)
    hidden = f"SELECT * EXCLUDE (contact_id) FROM '{folder}/surveys.parquet'"
    duckdb.sql(f"COPY ({hidden}) TO '{folder}/answers.parquet'")


def with_pandas(folder: Path) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Reading, and ``merge_asof`` on what was read: both sides sorted, as it wants them."""
    import pandas as pd

    def read() -> Any:
        contacts = pd.read_parquet(folder / "contacts.parquet", columns=CONTACT_COLUMNS)
        return contacts, pd.read_parquet(folder / "answers.parquet", columns=SURVEY_COLUMNS)

    def pair(frames: Any) -> Any:
        contacts, answers = frames
        left = answers.sort_values("invited_at")
        right = contacts.sort_values("ended_at")
        met = pd.merge_asof(left, right, left_on="invited_at", right_on="ended_at", by="customer_id")
        met = met[met["started_at"] >= met["invited_at"] - WINDOW]
        return met[["response_id", "contact_id"]]

    return read, pair


def with_polars(folder: Path) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Reading, and ``join_asof`` on what was read."""
    import polars as pl

    def read() -> Any:
        contacts = pl.read_parquet(folder / "contacts.parquet", columns=CONTACT_COLUMNS)
        return contacts, pl.read_parquet(folder / "answers.parquet", columns=SURVEY_COLUMNS)

    def pair(frames: Any) -> Any:
        contacts, answers = frames
        left, right = answers.lazy().sort("invited_at"), contacts.lazy().sort("ended_at")
        met = left.join_asof(right, left_on="invited_at", right_on="ended_at", by="customer_id", check_sortedness=False)
        found = met.filter(pl.col("started_at") >= pl.col("invited_at") - WINDOW)
        return found.select("response_id", "contact_id").collect()

    return read, pair


ASOF: Final = """CREATE OR REPLACE TABLE pairs AS SELECT response_id, contact_id
    FROM '{folder}/answers.parquet' AS answers ASOF JOIN '{folder}/contacts.parquet' AS contacts
    ON answers.customer_id = contacts.customer_id AND answers.invited_at >= contacts.ended_at
    WHERE contacts.started_at >= answers.invited_at - INTERVAL 72 HOUR"""


def with_sql(folder: Path) -> Callable[[], Any]:
    """DuckDB's own ``ASOF JOIN``, from Parquet to a table."""
    import duckdb

    connection = duckdb.connect()

    def pair() -> Any:
        connection.execute(ASOF.format(folder=folder))
        return connection.execute("FROM pairs").to_arrow_table()

    return pair


def bare(folder: Path) -> Callable[[], Any]:
    """What cxfusion does between reading and bookkeeping, from Parquet."""
    import ibis

    import cxfusion as cx
    from cxfusion.engine import FileSource
    from cxfusion.pairing.choice import last_contacts
    from cxfusion.tables.formats import instant

    session = cx.Session()

    def pair() -> Any:
        log = session.read(FileSource((f"{folder}/contacts.parquet",), "parquet"))
        answers = session.read(FileSource((f"{folder}/answers.parquet",), "parquet"))
        until, times = instant(answers["invited_at"]), {name: instant(log[name]) for name in ("started_at", "ended_at")}
        asking = answers.select(
            "response_id",
            "customer_id",
            earliest=until - ibis.interval(WINDOW),
            until=until,
        )
        log = log.select("contact_id", "customer_id", **times, is_eligible=ibis.literal(True))
        return session.collect(last_contacts(asking, log, WINDOW).select("response_id", "contact_id"))

    return pair


def whole(folder: Path) -> Callable[[], Any]:
    """``cx.pair`` on tables that are read: books, duplicates and reasons too."""
    import cxfusion as cx

    session = cx.Session()
    contacts = cx.read_contacts(folder / "contacts.parquet", session=session)
    answers = cx.read_surveys(folder / "answers.parquet", session=session)
    plan = cx.PairingPlan(eligible="all")

    def pair() -> Any:
        return session.collect(cx.pair(contacts, answers, plan).pairs.select("response_id", "contact_id"))

    return pair


def _with_reading(parts: tuple[Callable[[], Any], Callable[[Any], Any]]) -> Callable[[], Any]:
    return lambda: parts[1](parts[0]())


def _in_memory(parts: tuple[Callable[[], Any], Callable[[Any], Any]]) -> Callable[[], Any]:
    frames = parts[0]()
    return lambda: parts[1](frames)


CONTESTANTS: Final = {
    "cxfusion, bare": Contestant(bare),
    "cx.pair": Contestant(whole),
    "plain SQL": Contestant(with_sql),
    "pandas": Contestant(lambda folder: _with_reading(with_pandas(folder))),
    "pandas, in memory": Contestant(lambda folder: _in_memory(with_pandas(folder))),
    "Polars": Contestant(lambda folder: _with_reading(with_polars(folder)), "polars"),
    "Polars, in memory": Contestant(lambda folder: _in_memory(with_polars(folder)), "polars"),
}


def take_part(name: str, folder: Path, repeats: int) -> dict[str, Any]:
    """What one contestant needs, and how many pairs it finds, which it leaves in the folder."""
    import pandas as pd

    took, found = contest.take_part(CONTESTANTS[name].prepare, folder, repeats)
    frame = found if isinstance(found, pd.DataFrame) else pd.DataFrame(found.to_pandas())
    frame.to_parquet(folder / f"{name}.pairs")
    return {**took, "found": {"n_pairs": len(frame)}}


def require_same(folder: Path, names: Sequence[str]) -> float:
    """Stop where pairs differ in more than one in ten thousand; the largest share that does.

    Of several answers about one contact ``cx.pair`` keeps the first: these are not compared with its own.
    """
    import pandas as pd

    found = {name: pd.read_parquet(folder / f"{name}.pairs").set_index("response_id")["contact_id"] for name in names}
    beside = pd.concat({name: pairs.astype(str) for name, pairs in found.items()}, axis=1)
    first = beside[names[0]]
    is_compared = {name: ~first.duplicated(keep=False) if name == "cx.pair" else first.notna() for name in names[1:]}
    shares = {name: float((first != beside[name])[is_compared[name]].mean()) for name in names[1:]}
    if max(shares.values(), default=0.0) > 1e-4:
        raise AssertionError(f"Pairs differ from those of {names[0]}: {shares}")
    return max(shares.values(), default=0.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of it, or with ``--only`` one contestant."""
    parser = contest.options(__doc__, CONTESTANTS, "pairing.json")
    parser.add_argument("--contacts", type=int, default=5_000_000)
    given = parser.parse_args(arguments)
    if given.only:
        print(json.dumps(take_part(given.only, given.folder, given.repeats)))
        return
    with tempfile.TemporaryDirectory() as passing:
        folder = given.folder or Path(passing)
        if not (folder / "answers.parquet").exists():
            draw(folder, given.contacts)
        found = contest.everyone(__file__, CONTESTANTS, folder, given.repeats)
        share = require_same(folder, contest.took_part(found))
    about = {"benchmark": "pairing by customer and window", "n_contacts": given.contacts, "share_that_differs": share}
    contest.write(given.out, {**about, **found})
    n_pairs = found["contestants"]["cx.pair"]["found"]["n_pairs"]
    print(f"{given.contacts:,} contacts, {n_pairs:,} pairs, {found['cores']} cores")
    print("\n".join(contest.lines_of(found, ["cxfusion, bare", "cx.pair"])))


if __name__ == "__main__":
    main()
