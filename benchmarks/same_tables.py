"""The tables of the reference notebook and no others, by cxfusion: what of the whole job compares with the notebook.

``python benchmarks/same_tables.py LOG --out DIR`` reads what ``benchmarks/notebook.py`` reads and writes its tables,
under the same names: pairs, KPIs by queue, CSAT by queue with its weights, the ladder of every lever, and the levers
with their verdicts. The page, curves, segments, prices and follow-ups of the whole job are left out. What is inside of
a call stays there: every row is checked and booked, and a verdict asks the negative control and all the checks of
``cx.fit_levers``, none of which the notebook has.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

import cxfusion as cx

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Read, pair, diagnose, weigh, measure, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--memory", default="4GB", help="memory limit of the engine")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with cx.Session(memory_limit=given.memory) as session:
        contacts = cx.read_contacts(str(given.log / "contacts*.parquet"), session=session)
        pairing = cx.pair(contacts, cx.read_surveys(str(given.log / "surveys*.parquet"), session=session))
        weights = cx.weigh(pairing, "csat")
        evidence = cx.fit_levers(pairing, outcome="csat")
        tables = {
            "pairs": session.collect(pairing.pairs),
            "operations": cx.diagnose(contacts, by="queue").to_arrow(),
            "perception": cx.measure(pairing, "csat", by="queue", weights=weights).to_arrow(),
            "evidence": pa.Table.from_pandas(evidence.rungs, preserve_index=False),
            "levers": evidence.to_arrow(),
        }
    for name, table in tables.items():
        pq.write_table(table, given.out / f"{name}.parquet")


if __name__ == "__main__":
    main()
