"""Weights for who did not answer: cxfusion beside balance, each in a process of its own.

``python benchmarks/weights.py --contacts 1000000 --out weights.json`` draws a simulated centre and lets everyone weight
its answers to the contacts by wait, talk, hold, transfers, reason, channel, queue and hour. cxfusion starts from its
pairing and cuts the attributes into levels itself; balance is handed a frame with the levels ready, and neither is
timed for reading. What counts is told beside the time: the largest standardised difference between weighted answers and
contacts, and the weighted score, which must agree to a hundredth of a point.

balance does not install beside cxfusion, since it wants NumPy 1: ``--peer-python`` names an interpreter of its own
(``python -m venv peer; peer/bin/pip install balance fastparquet``). Its logistic propensity is measured up to
``--ipw-most`` contacts, without a penalty, which spares it a search; its raking at any size.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from contest import Contestant, contest, lines_of, options, tell_of, took_part, write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FIFTHS: Final = ("wait_seconds", "talk_seconds", "hold_seconds")
AS_THEY_ARE: Final = ("queue", "reason", "channel", "n_transfers")
SAME: Final = 0.01
RAREST: Final = 30  # answers of a level of its own


def draw(folder: Path, n_contacts: int) -> None:
    """A simulated centre, and who answered what beside the levels of everyone's attributes."""
    import pandas as pd

    import cxfusion as cx
    from cxfusion.simulation import write_centre

    if not (folder / "contacts.parquet").exists():
        write_centre(folder, n_contacts, 7)
    with cx.Session() as session:
        contacts = cx.read_contacts(folder / "contacts.parquet", session=session)
        pairing = cx.pair(contacts, cx.read_surveys(folder / "surveys.parquet", session=session))
        log = contacts.to_pandas(limit=None)
        scores = session.collect(pairing.pairs.select("contact_id", "csat")).to_pandas().dropna()
    log = log[~log["is_abandoned"]].merge(scores, on="contact_id", how="left")
    started = log["started_at"].dt
    levels = {name: pd.qcut(log[name], 5, labels=False, duplicates="drop") for name in FIFTHS}
    levels |= {name: log[name] for name in AS_THEY_ARE}
    levels["hour_of_week"] = started.day_of_week * 24 + started.hour
    table = pd.DataFrame({name: values.astype(str) for name, values in levels.items()}).assign(csat=log["csat"])
    for name in levels:
        answers = table.loc[table["csat"].notna(), name].value_counts()
        is_rare = ~table[name].isin(answers.index[answers >= RAREST])
        table[name] = table[name].mask(is_rare, answers.index[0])
    table.assign(id=range(len(table))).to_parquet(folder / "levels.parquet")


def ours(folder: Path) -> Callable[[], dict[str, float]]:
    """``cx.weigh``, from the pairing."""
    import cxfusion as cx

    session = cx.Session()
    contacts = cx.read_contacts(folder / "contacts.parquet", session=session)
    pairing = cx.pair(contacts, cx.read_surveys(folder / "surveys.parquet", session=session))

    def weigh() -> dict[str, float]:
        weights = cx.weigh(pairing, "csat")
        rows = weights.rows.join(pairing.pairs, "contact_id")
        mean = (rows["weight"] * rows["csat"]).sum() / rows["weight"].sum()
        score = session.collect(rows.aggregate(score=mean))["score"][0].as_py()
        return {"largest_difference": weights.largest_difference[1], "score": float(score)}

    return weigh


def _with_balance(folder: Path, **method: Any) -> Callable[[], dict[str, float]]:
    import logging

    import numpy as np
    import pandas as pd
    from balance import Sample

    logging.disable(logging.CRITICAL)
    everybody = pd.read_parquet(folder / "levels.parquet")
    answers = everybody[everybody["csat"].notna()]
    covariates = [name for name in everybody if name not in ("csat", "id")]

    def weigh() -> dict[str, float]:
        sample = Sample.from_frame(answers.drop(columns="csat"), id_column="id")
        target = Sample.from_frame(everybody.drop(columns="csat"), id_column="id")
        found = sample.set_target(target).adjust(transformations=None, **method).df
        weight = found.set_index("id")["weight"].rename(index=int).reindex(answers["id"]).to_numpy(float)
        apart = []
        for name in covariates:
            here = everybody[name].value_counts(normalize=True).sort_index()
            there = pd.Series(weight).groupby(answers[name].to_numpy()).sum().reindex(here.index).fillna(0)
            spread = np.sqrt(here * (1 - here)).where(here < 1, 1.0)
            apart.append(float(((there / weight.sum() - here) / spread).abs().max()))
        return {"largest_difference": max(apart), "score": float(np.average(answers["csat"], weights=weight))}

    return weigh


def rake(folder: Path) -> Callable[[], dict[str, float]]:
    """Raking alone: the margins, in turn."""
    return _with_balance(folder, method="rake")


def propensity(folder: Path) -> Callable[[], dict[str, float]]:
    """A logistic propensity alone, which leaves the margins where they come to lie."""
    from sklearn.linear_model import LogisticRegression

    return _with_balance(folder, method="ipw", model=LogisticRegression(C=1e6, max_iter=500))


def contestants(peer: str = sys.executable) -> dict[str, Contestant]:
    """Everyone, the peer with an interpreter of its own."""
    return {
        "cxfusion": Contestant(ours),
        "balance, rake": Contestant(rake, "balance", peer),
        "balance, propensity": Contestant(propensity, "balance", peer),
    }


def require_same(found: dict[str, Any]) -> None:
    """Stop where weighted scores differ."""
    told = {name: found["contestants"][name]["found"]["score"] for name in took_part(found)}
    if max(told.values()) - min(told.values()) > SAME:
        raise AssertionError(f"The weighted scores differ: {told}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of it, or with ``--only`` one contestant."""
    parser = options(__doc__, contestants(), "weights.json")
    parser.add_argument("--contacts", "--responses", type=int, default=1_000_000, help="the log; a ninth is answered")
    parser.add_argument("--ipw-most", type=int, default=200_000, help="largest log whose propensity balance is given")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has balance")
    given = parser.parse_args(arguments)
    if given.only:
        tell_of(contestants()[given.only], given)
        return
    asked = contestants(given.peer_python)
    if given.contacts > given.ipw_most:
        del asked["balance, propensity"]
    found = contest(__file__, asked, given, lambda folder: draw(folder, given.contacts), "levels.parquet")
    require_same(found)
    write(given.out, {"benchmark": "weights for non-response", "n_contacts": given.contacts, **found})
    print(f"{given.contacts:,} contacts, {found['cores']} cores")
    print("\n".join(lines_of(found, ["cxfusion"])))
    for name in took_part(found):
        told = found["contestants"][name]["found"]
        apart = f"largest difference left {told['largest_difference']:.4f} standard deviations"
        print(f"{name:<28}{apart}, weighted CSAT {told['score']:.4f}")


if __name__ == "__main__":
    main()
