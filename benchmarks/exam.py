"""The exam: centres whose truth is known, many draws of each, and what every method would have said of their levers.

``python benchmarks/exam.py --seeds 20 --contacts 200000 --out exam.jsonl`` appends one line per draw to the file, goes
on where an earlier run stopped, and prints how cxfusion did in each world and how driver charts did on the same draws.
``--docs`` writes the same tables into the documentation. Truths come from the simulator, never from an estimator.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import numpy as np
import pandas as pd
from scipy.stats import norm, spearmanr

import cxfusion as cx
from cxfusion.errors import CxfusionError, NothingToEstimateError
from cxfusion.estimators.shares import association_shares
from cxfusion.evidence.catalogue import DEFAULT_LEVERS, Lever
from cxfusion.operations.episodes import with_history
from cxfusion.simulation import WORLDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MENU: Final = Lever("ivr_seconds", "before", -30)
EARLIER: Final = "n_prior_contacts"
OUTCOME: Final = "csat"
SMALLEST_EFFECT: Final = 0.05
NOTHING: Final = 0.1 * SMALLEST_EFFECT
"""Effects below are none: a wait that does nothing but lengthen talk a little is no lever."""
SIGNIFICANT: Final = 0.05
CHART_SHARE: Final = 0.10
"""Share of what all drivers explain from which a driver chart would name one."""
RIVALS: Final = ("correlation", "ols", "shapley", "johnson")
PAGE: Final = Path(__file__).parents[1] / "docs" / "explanation" / "exam.md"


def sit(world: str, seed: int, n_contacts: int) -> dict[str, Any]:
    """One draw: the truth of each lever, what cxfusion says of it, and what the others would have."""
    began = time.perf_counter()
    found: dict[str, Any] = {"world": world, "seed": seed, "n_contacts": n_contacts}
    with cx.Session(threads=1) as session:
        centre = cx.simulate(WORLDS[world].contacts(n_contacts), own_seed(world, seed), world=world, session=session)
        pairing = cx.pair(centre.contacts, centre.surveys)
        try:
            weights, offers = weights_of(pairing), cx.check_offers(pairing, OUTCOME)
            levers = (*DEFAULT_LEVERS, MENU)
            evidence = cx.fit_levers(pairing, OUTCOME, levers=levers, weights=weights, offers=offers)
        except CxfusionError as error:
            return {**found, "stopped": error.message, "levers": [], "n_answers": 0}
        truth, rows = centre.truth.set_index("lever"), evidence.table.set_index("lever")
        names = [name for name in rows.index if name in truth.index]
        claims = claims_of_others(pairs_of(pairing, names), names, rows["step"])
    judged = [{**lever_row(name, truth.loc[name], rows.loc[name]), **claims[name]} for name in names]
    told = {"n_answers": int(evidence.n), "offers": offers.status}
    return {**found, **told, "seconds": time.perf_counter() - began, "levers": judged}


def own_seed(world: str, seed: int) -> int:
    """Worlds differ in their luck too: with one seed for all, a coincidence would be counted in each."""
    return 1_000_000 * seed + crc32(world.encode()) % 1_000_000


def weights_of(pairing: cx.Pairing) -> cx.ResponseWeights | None:
    """Weights where there are any, as a whole study takes them."""
    try:
        return cx.weigh(pairing, OUTCOME)
    except NothingToEstimateError:
        return None


def lever_row(name: str, truth: pd.Series, row: pd.Series) -> dict[str, Any]:
    """One lever: its true effect at the step that the evidence used, and the evidence."""
    has_step = truth["step"] != 0 and pd.notna(row["step"])
    figures = ("estimate", "std_error", "corrected_estimate", "conf_low", "conf_high", "raw_estimate",
               "adjusted_estimate")  # fmt: skip
    return {
        "lever": name,
        "truth": float(truth[f"{OUTCOME}_effect"] * (row["step"] / truth["step"] if has_step else 1.0)),
        "is_identified": bool(truth["is_identified"]),
        "verdict": row["verdict"],
        "grade": row["grade"],
        "control": row["control"],
        **{figure: None if pd.isna(row[figure]) else float(row[figure]) for figure in figures},
    }


def pairs_of(pairing: cx.Pairing, levers: Sequence[str]) -> pd.DataFrame:
    """Scored pairs with their levers, as an analyst would load them."""
    log = (with_history(pairing.contacts) if EARLIER in levers else pairing.contacts).rows
    rows = pairing.pairs.select("contact_id", OUTCOME).inner_join(log.select("contact_id", *levers), "contact_id")
    frame = pairing.session.collect(rows.order_by("contact_id").drop("contact_id")).to_pandas()
    return frame.astype(float).dropna()


def claims_of_others(frame: pd.DataFrame, levers: Sequence[str], steps: pd.Series) -> dict[str, dict[str, Any]]:
    """What correlation, a regression on all levers, Shapley and Johnson shares make of each lever.

    Each has a ``size`` to rank by and says whether the lever would be ``claimed``: by p < .05 of the correlation or of
    the standardised coefficient; by a tenth of what all levers explain.
    """
    varying = [name for name in levers if np.ptp(frame[name]) > 0]
    z = (frame - frame.mean()) / frame.std(ddof=0).replace(0, 1)
    covariance = (z[[OUTCOME, *varying]].T @ z[[OUTCOME, *varying]]).to_numpy() / len(z)
    correlation, inverse = covariance[0, 1:], np.linalg.inv(covariance[1:, 1:])
    slope = inverse @ correlation
    error = np.sqrt((1 - correlation @ slope) * np.diag(inverse) / (len(z) - len(varying) - 1))
    shares = association_shares(covariance)
    benefit = np.sign(steps[varying].to_numpy(float))  # of the step asked about, not of more of it
    judged = {
        "correlation": (benefit * correlation, _is_significant(correlation * math.sqrt(len(z)))),
        "ols": (benefit * slope, _is_significant(slope / error)),
        "shapley": (shares.lmg, shares.lmg >= CHART_SHARE * shares.r_squared),
        "johnson": (shares.johnson, shares.johnson >= CHART_SHARE * shares.r_squared),
    }
    nothing = {rival: {"size": 0.0, "claimed": False} for rival in RIVALS}
    return dict.fromkeys(levers, nothing) | {
        name: {
            rival: {"size": float(size[i]), "claimed": bool(claimed[i])} for rival, (size, claimed) in judged.items()
        }
        for i, name in enumerate(varying)
    }


def _is_significant(z: np.ndarray) -> np.ndarray:
    return 2 * norm.sf(np.abs(z)) < SIGNIFICANT


def flat(draws: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """One row per draw and lever, with what is to be counted."""
    rows = []
    for draw in draws:
        for lever in draw["levers"]:
            one = {key: value for key, value in lever.items() if key not in RIVALS}
            rows.append(
                {
                    "world": draw["world"], "seed": draw["seed"], **one,
                    **{rival: lever[rival]["claimed"] for rival in RIVALS},
                    **{f"{rival}_size": lever[rival]["size"] for rival in RIVALS},
                }
            )  # fmt: skip
    if not rows:
        raise SystemExit("None of the draws gave an estimate: there is nothing to count. Draw more contacts.")
    frame = pd.DataFrame(rows).astype(dict.fromkeys(("estimate", "corrected_estimate", "conf_low", "conf_high"), float))
    truth, best = frame["truth"], frame["corrected_estimate"].fillna(frame["estimate"])
    return frame.assign(
        is_null=truth.abs() < NOTHING,
        is_worth_finding=truth.abs() >= SMALLEST_EFFECT,
        moves=frame["verdict"] == "moves",
        wrong_sign=(frame["verdict"] == "moves") & (np.sign(best) != np.sign(truth)) & (truth.abs() >= NOTHING),
        covered=(frame["conf_low"] <= truth) & (truth <= frame["conf_high"]),
        has_interval=frame["conf_low"].notna(),
        width=frame["conf_high"] - frame["conf_low"],
        cxfusion_size=best,
    )


def summary_of(rows: pd.DataFrame) -> dict[str, Any]:
    """Counts over identified levers; those that no method can tell are counted apart."""
    known, unknown = rows[rows["is_identified"]], rows[~rows["is_identified"]]
    null, real = known[known["is_null"]], known[known["is_worth_finding"]]
    told, movers = known[known["has_interval"]], known[known["moves"]]
    return {
        "draws": rows[["world", "seed"]].drop_duplicates().shape[0],
        "false": (int(null["moves"].sum()), len(null)),
        "found": (int(real["moves"].sum()), len(real)),
        "wrong_sign": int(known["wrong_sign"].sum()),
        "covered_movers": (int(movers["covered"].sum()), len(movers)),
        "covered": (int(told["covered"].sum()), len(told)),
        "width": float(told["width"].mean()) if len(told) else math.nan,
        "rank": rank_agreement(rows, "cxfusion"),
        "unknown_moves": (int(unknown["moves"].sum()), len(unknown)),
        "unknown_false": int((unknown["moves"] & unknown["is_null"]).sum()),
    }


def rank_agreement(rows: pd.DataFrame, method: str) -> float:
    """Mean over draws of Spearman's correlation between a method's order of levers and the true one."""
    found = []
    for _, draw in rows[rows["cxfusion_size"].notna()].groupby(["world", "seed"]):
        size, truth = draw[f"{method}_size"], draw["truth"].where(~draw["is_null"], 0.0)
        if np.ptp(truth) > 0 and np.ptp(size) > 0:
            found.append(spearmanr(size, truth).statistic)
    return float(np.mean(found)) if found else math.nan


HEADS: Final = (
    "World", "Draws", "Nulls called movers", "Found", "Wrong signs", "Covered, movers", "Covered, all", "Width", "Rank",
    "Cannot be told, called movers",
)  # fmt: skip


def table_of_worlds(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """How cxfusion did, world by world and in all."""
    parts = [(world, part) for world, part in rows.groupby("world", sort=False)]
    return [HEADS, *(_cells(name, summary_of(part)) for name, part in [*parts, ("all", rows)])]


def _cells(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    return (
        name, str(found["draws"]), _of(found["false"]), _of(found["found"]), str(found["wrong_sign"]),
        _share(found["covered_movers"]), _share(found["covered"]), _number(found["width"], 3),
        _number(found["rank"], 2), _untold(found),
    )  # fmt: skip


def table_of_rivals(rows: pd.DataFrame) -> list[tuple[str, ...]]:
    """What each method would have said, over all worlds, levers that cannot be told included among the null ones."""
    null, real = rows[rows["is_null"]], rows[rows["is_worth_finding"]]
    methods = {
        "correlation": "Correlation",
        "ols": "OLS drivers",
        "shapley": "Shapley shares",
        "johnson": "Johnson shares",
    }
    table = [("Method", "Null levers claimed", "Real levers claimed", "Rank")]
    for column, name in {"moves": "cxfusion", **methods}.items():
        size = "cxfusion" if column == "moves" else column
        table.append(
            (
                name, _share((int(null[column].sum()), len(null))), _share((int(real[column].sum()), len(real))),
                _number(rank_agreement(rows, size), 2),
            )
        )  # fmt: skip
    return table


def _untold(found: dict[str, Any]) -> str:
    """Movers among what cannot be told, and how many of these do nothing at all."""
    return f"{_of(found['unknown_moves'])} ({found['unknown_false']} null)" if found["unknown_moves"][1] else "–"


def _of(counts: tuple[int, int]) -> str:
    return f"{counts[0]} of {counts[1]}" if counts[1] else "–"


def _share(counts: tuple[int, int]) -> str:
    return f"{counts[0] / counts[1]:.0%} ({counts[1]})" if counts[1] else "–"


def _number(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def markdown(table: Sequence[Sequence[str]]) -> str:
    head, *rows = table
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def printed(table: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)


def write_docs(page: Path, draws: Sequence[dict[str, Any]]) -> None:
    """Put the tables and what they were made from between the marks of the page."""
    rows = flat(draws)
    said = f"*{conditions(draws)}*"
    parts = "\n\n".join([said, markdown(table_of_worlds(rows)), markdown(table_of_rivals(rows))])
    head, _, rest = page.read_text(encoding="utf-8").partition("<!-- exam -->")
    _, _, tail = rest.partition("<!-- /exam -->")
    page.write_text(f"{head}<!-- exam -->\n\n{parts}\n\n<!-- /exam -->{tail}", encoding="utf-8")


def conditions(draws: Sequence[dict[str, Any]]) -> str:
    """Sizes and seeds of the draws, in a sentence."""
    sizes = sorted({draw["n_contacts"] for draw in draws})
    seeds = sorted({draw["seed"] for draw in draws})
    answers = np.median([draw["n_answers"] for draw in draws])
    stopped = sum(not draw["levers"] for draw in draws)
    without = f"; {stopped} draws gave no estimate" if stopped else ""
    return (
        f"{len(draws)} draws of {len({draw['world'] for draw in draws})} worlds:"
        f" {' and '.join(f'{n:,}' for n in sizes)} contacts each (fewer in a world that is small by nature),"
        f" {answers:,.0f} answers in the middle draw, seeds {seeds[0]} to {seeds[-1]}; outcome CSAT{without}."
    )


def draws_in(path: Path, worlds: Sequence[str], n_contacts: int | None = None) -> list[dict[str, Any]]:
    """Draws that a file holds, world by world; those of another size are left out where one is given."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    draws = [json.loads(line) for line in lines]
    kept = [draw for draw in draws if draw["world"] in worlds and n_contacts in (None, draw["n_contacts"])]
    return sorted(kept, key=lambda draw: (worlds.index(draw["world"]), draw["seed"]))


def run(worlds: Sequence[str], seeds: Sequence[int], n_contacts: int, jobs: int, path: Path) -> None:
    """Draw what the file does not hold yet, seed by seed over all worlds, and append each draw when it is done."""
    done = {(draw["world"], draw["seed"]) for draw in draws_in(path, worlds, n_contacts)}
    todo = [(world, seed) for seed in seeds for world in worlds if (world, seed) not in done]
    work = partial(_sit, n_contacts=n_contacts)
    with path.open("a", encoding="utf-8") as file:
        if jobs == 1:
            for draw in map(work, todo):
                _append(file, draw)
        else:
            with ProcessPoolExecutor(jobs) as pool:
                for draw in pool.map(work, todo):
                    _append(file, draw)


def _sit(task: tuple[str, int], n_contacts: int) -> dict[str, Any]:
    return sit(*task, n_contacts)


def _append(file: Any, draw: dict[str, Any]) -> None:
    file.write(json.dumps(draw, ensure_ascii=False) + "\n")
    file.flush()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="how many, counted from 1")
    parser.add_argument("--contacts", type=int, default=200_000)
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS), metavar="WORLD")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=Path("exam.jsonl"), help="file of draws, continued where it exists")
    parser.add_argument("--docs", action="store_true", help="write the tables into the documentation too")
    options = parser.parse_args(arguments)
    run(options.worlds, range(1, options.seeds + 1), options.contacts, options.jobs, options.out)
    draws = draws_in(options.out, options.worlds, options.contacts)
    rows = flat(draws)
    print(conditions(draws), printed(table_of_worlds(rows)), printed(table_of_rivals(rows)), sep="\n\n")
    if options.docs:
        write_docs(PAGE, draws)


if __name__ == "__main__":
    main()
