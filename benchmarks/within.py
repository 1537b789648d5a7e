"""A linear model within agents and days: cxfusion beside pyfixest, each in a process of its own.

``python benchmarks/within.py --responses 5000000 --out within.json`` draws answers about contacts whose agents work on
some days only, and lets everyone regress the score on four levers with agents and days absorbed, standard errors by
agent. Coefficients and standard errors must agree to 1e-6 of a standard error before any time is told. Everyone reads
Parquet; pyfixest is timed on a frame in memory too, with alternating projections (its default) and with LSMR.
``--peer-python`` names an interpreter that has pyfixest, where that of cxfusion has not. ``--contacts`` is another name
for ``--responses``: here every contact is answered about.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from contest import Contestant, contest, lines_of, options, tell_of, took_part, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from cxfusion.estimators.moments import LinearRows

LEVERS: Final = ("wait_seconds", "hold_seconds", "talk_seconds", "n_transfers")
GROUPS: Final = ("agent_id", "day")
AGENTS: Final = 2_000
DAYS: Final = 1_000
SAME: Final = 1e-6
BATCH: Final = 1_000_000


def draw(path: Path, n: int, n_agents: int = AGENTS, n_days: int = DAYS) -> None:
    """Answers, agents with their own quarter of the days, ids with gaps between them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    skill, mood = rng.normal(size=n_agents), rng.normal(size=n_days)
    writer = None
    for start in range(0, n, BATCH):
        size = min(BATCH, n - start)
        agent = rng.integers(0, n_agents, size)
        day = (agent * 7 + (rng.random(size) ** 2 * n_days / 4).astype(np.int64)) % n_days
        waited = rng.exponential(60 + 20 * mood[day] ** 2)
        held, talked = rng.exponential(30 + 5 * skill[agent] ** 2), rng.gamma(2.0, 150 + 10 * skill[agent] ** 2)
        moved = rng.poisson(0.3, size)
        score = 4 + 0.5 * skill[agent] + 0.3 * mood[day] - waited / 200 - held / 100 - 0.4 * moved
        marks = np.clip(np.round(score + rng.normal(size=size)), 1, 5)
        columns = [agent * 13 + 100_003, day * 3 + 20_000, waited, held, talked, moved.astype(float), marks]
        table = pa.table(dict(zip([*GROUPS, *LEVERS, "csat"], columns, strict=True)))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def ours(folder: Path) -> Callable[[], dict[str, list[float]]]:
    """From Parquet: codes of the groups, one sweep for the moments, one for the variance."""
    import numpy as np

    import cxfusion as cx
    from cxfusion.engine import FileSource
    from cxfusion.estimators.least_squares import fit_least_squares, robust_covariance
    from cxfusion.estimators.moments import gather_moments
    from cxfusion.estimators.within import within_groups
    from cxfusion.tables.coding import group_codes, with_codes

    session = cx.Session()

    def fit() -> dict[str, list[float]]:
        answers = session.read(FileSource((str(folder / "answers.parquet"),), "parquet"))
        lists = {name: group_codes(session, answers, (name,)) for name in GROUPS}
        widths = tuple(len(listed) for listed in lists.values())
        coded = with_codes(answers, {f"code_{name}": listed for name, listed in lists.items()})
        sweep = session.sweep(coded.select("csat", *LEVERS, *(f"code_{name}" for name in GROUPS)))
        make = _Maker(widths)
        fitted = fit_least_squares(within_groups(gather_moments(sweep, make)), 0, range(1, 1 + len(LEVERS)))
        covariance = robust_covariance(sweep, make, fitted, widths[0])
        return {
            "coefficients": fitted.coefficients.tolist(),
            "std_errors": np.sqrt(np.diag(covariance)).tolist(),
        }

    return fit


class _Maker:
    """From a batch to rows of the model."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        self._widths = widths

    def __call__(self, batch: pa.RecordBatch) -> LinearRows:
        import numpy as np

        from cxfusion.estimators.moments import LinearRows
        from cxfusion.estimators.rows import Indicators

        columns = np.column_stack([batch.column(name).to_numpy() for name in ("csat", *LEVERS)])
        codes = np.column_stack([batch.column(f"code_{name}").to_numpy() for name in GROUPS])
        return LinearRows(columns, Indicators(codes, self._widths), np.ones(len(batch)), codes[:, 0])


def _read(folder: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(folder / "answers.parquet")


def _with_pyfixest(frame: Any, *, is_lsmr: bool = False) -> dict[str, list[float]]:
    import pyfixest as pf
    from pyfixest.demeaners import LsmrDemeaner

    fitted = pf.feols(
        f"csat ~ {' + '.join(LEVERS)} | {' + '.join(GROUPS)}",
        frame,
        vcov={"CRV1": GROUPS[0]},
        ssc=pf.ssc(k_fixef="full"),
        fixef_rm="none",
        copy_data=False,
        store_data=False,
        lean=True,
        demeaner=LsmrDemeaner() if is_lsmr else None,
    )
    return {
        "coefficients": fitted.coef()[list(LEVERS)].tolist(),
        "std_errors": fitted.se()[list(LEVERS)].tolist(),
    }


def pyfixest(folder: Path) -> Callable[[], dict[str, list[float]]]:
    """Reading, and ``feols`` with the least that it can keep."""
    return lambda: _with_pyfixest(_read(folder))


def pyfixest_in_memory(folder: Path, *, is_lsmr: bool = False) -> Callable[[], dict[str, list[float]]]:
    """``feols`` alone."""
    frame = _read(folder)
    return lambda: _with_pyfixest(frame, is_lsmr=is_lsmr)


def contestants(peer: str = sys.executable) -> dict[str, Contestant]:
    """Everyone, the peer with an interpreter of its own."""
    return {
        "cxfusion": Contestant(ours),
        "pyfixest": Contestant(pyfixest, "pyfixest", peer),
        "pyfixest, in memory": Contestant(pyfixest_in_memory, "pyfixest", peer),
        "pyfixest, LSMR, in memory": Contestant(partial(pyfixest_in_memory, is_lsmr=True), "pyfixest", peer),
    }


def require_same(found: dict[str, Any]) -> None:
    """Stop where coefficients or standard errors differ."""
    import numpy as np

    first = found["contestants"]["cxfusion"]["found"]
    for name in took_part(found):
        told = found["contestants"][name]["found"]
        apart = np.subtract(told["coefficients"], first["coefficients"]) / np.array(first["std_errors"])
        if np.abs(apart).max() > SAME or not np.allclose(told["std_errors"], first["std_errors"], rtol=SAME):
            raise AssertionError(f"{name} finds {told}, cxfusion {first}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of it, or with ``--only`` one contestant."""
    parser = options(__doc__, contestants(), "within.json")
    parser.add_argument("--responses", "--contacts", type=int, default=5_000_000)
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has pyfixest")
    given = parser.parse_args(arguments)
    if given.only:
        tell_of(contestants()[given.only], given)
        return

    def draw_answers(folder: Path) -> None:
        draw(folder / "answers.parquet", given.responses, given.agents, given.days)

    found = contest(__file__, contestants(given.peer_python), given, draw_answers, "answers.parquet")
    require_same(found)
    write(given.out, {"benchmark": "within agents and days", "n_responses": given.responses, **found})
    print(f"{given.responses:,} answers, {given.agents:,} agents, {given.days:,} days, {found['cores']} cores")
    print("\n".join(lines_of(found, ["cxfusion"])))


if __name__ == "__main__":
    main()
