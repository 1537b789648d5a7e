"""The reference notebook: what a competent analyst writes with pandas and statsmodels to get the tables that we give.

``python benchmarks/notebook.py LOG --out DIR`` reads ``contacts*.parquet`` and ``surveys*.parquet`` of a folder and
writes ``pairs``, ``operations``, ``perception``, ``evidence`` and ``levers`` as Parquet. It pairs by contact id, then
by customer within 72 hours, weights for non-response, and climbs the ladder with ``OrderedModel``: each lever raw,
adjusted for case mix and hour, within agent, and with after-call work beside it. It takes the shortest way at every
step: no books, no checks of cells, no doubtful links, no variance of the weights, one straight line per lever.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.discrete.discrete_model import Logit
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.proportion import proportion_confint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEVERS: Final = {"wait_seconds": -30.0, "hold_seconds": -30.0, "talk_seconds": -60.0, "n_transfers": -1.0}
DURING: Final = ("hold_seconds", "talk_seconds", "n_transfers")
CASE_MIX: Final = ("reason", "channel", "queue")
WITNESS: Final = "wrap_seconds"
SAMPLE: Final = 300_000  # contacts that the propensity model is fitted on


def read(log: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both tables."""
    contacts = pd.concat([pd.read_parquet(path) for path in sorted(log.glob("contacts*.parquet"))], ignore_index=True)
    surveys = pd.concat([pd.read_parquet(path) for path in sorted(log.glob("surveys*.parquet"))], ignore_index=True)
    contacts["hour_of_week"] = contacts["started_at"].dt.day_of_week * 24 + contacts["started_at"].dt.hour
    return contacts, surveys


def pair(contacts: pd.DataFrame, surveys: pd.DataFrame) -> pd.DataFrame:
    """By contact id, else the customer's last contact within 72 hours; the first answer of each contact."""
    known = surveys["contact_id"].isin(contacts["contact_id"])
    rest = surveys[~known].drop(columns="contact_id").sort_values("invited_at")
    log = contacts[["contact_id", "customer_id", "started_at", "ended_at"]].sort_values("ended_at")
    met = pd.merge_asof(rest, log, left_on="invited_at", right_on="ended_at", by="customer_id")
    met = met[met["started_at"] >= met["invited_at"] - pd.Timedelta("72h")]
    both = pd.concat([surveys[known], met[surveys.columns]], ignore_index=True)
    both = both.sort_values("invited_at").drop_duplicates("contact_id").drop(columns="customer_id")
    return both.merge(contacts, on="contact_id")


def operations(contacts: pd.DataFrame) -> pd.DataFrame:
    """KPIs by queue."""
    handled = contacts[~contacts["is_abandoned"]]
    parts = handled[["talk_seconds", "hold_seconds", "wrap_seconds"]]
    by = handled.assign(aht_seconds=parts.sum(axis=1), in_time=handled["wait_seconds"] <= 20).groupby("queue")
    means = by[["aht_seconds", "wait_seconds", "in_time", "n_transfers"]].mean()
    everyone = contacts.groupby("queue")["is_abandoned"].agg(["size", "mean"])
    return means.join(everyone.set_axis(["volume", "abandonment_rate"], axis=1)).reset_index()


def weigh(contacts: pd.DataFrame, pairs: pd.DataFrame) -> NDArray[np.float64]:
    """Inverse response propensities, stabilised, trimmed, and raked to the log's margins."""
    handled = contacts[~contacts["is_abandoned"]]
    handled = handled.assign(answered=handled["contact_id"].isin(pairs["contact_id"]))
    edges = handled["wait_seconds"].quantile([0.2, 0.4, 0.6, 0.8]).to_numpy()

    def bins(frame: pd.DataFrame) -> pd.DataFrame:
        waited = pd.Series(np.searchsorted(edges, frame["wait_seconds"]), frame.index).astype(str)
        return frame[[*CASE_MIX]].assign(waited=waited, hour=frame["started_at"].dt.hour.astype(str))

    drawn = handled.sample(min(SAMPLE, len(handled)), random_state=0)
    columns = pd.get_dummies(bins(drawn), drop_first=True, dtype=float).assign(one=1.0)
    fit = Logit(drawn["answered"].to_numpy(float), columns).fit(disp=0)
    own = pd.get_dummies(bins(pairs), dtype=float).reindex(columns=columns.columns, fill_value=0.0).assign(one=1.0)
    weight = np.minimum(handled["answered"].mean() / fit.predict(own).to_numpy(), 10.0)
    margins = {name: values.value_counts(normalize=True) for name, values in bins(handled).items()}
    for _ in range(20):
        for name, values in bins(pairs).items():
            share = pd.Series(weight).groupby(values.to_numpy()).sum() / weight.sum()
            weight = weight * values.map(margins[name] / share).to_numpy()
    return weight / weight.mean()


def perception(pairs: pd.DataFrame, weight: NDArray[np.float64]) -> pd.DataFrame:
    """CSAT by queue, as it is and weighted, with the share of the two best marks and its interval."""
    rows = []
    for queue, part in pairs.assign(weight=weight).groupby("queue"):
        top = int((part["csat"] >= 4).sum())
        low, high = proportion_confint(top, len(part), method="wilson")
        weighted = np.average(part["csat"], weights=part["weight"])
        rows.append((queue, len(part), part["csat"].mean(), weighted, top / len(part), low, high))
    names = ["queue", "n", "csat", "csat_weighted", "top2box", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=names)


def effect(pairs: pd.DataFrame, lever: str, others: pd.DataFrame) -> dict[str, float]:
    """What a step of a lever does to the mean score, taken in proportion to the lever, by an ordered logit."""
    level = pairs[lever].to_numpy(float)
    design = np.column_stack([level / (level.std() or 1.0), others.to_numpy(float)])
    model = OrderedModel(pairs["csat"].to_numpy(), design, distr="logit")
    fit = model.fit(method="bfgs", disp=False, maxiter=300)
    scores = np.sort(pairs["csat"].unique()).astype(float)

    def moved(parameters: NDArray[np.float64]) -> float:
        slope = parameters[0] / (level.std() or 1.0)
        cuts = model.transform_threshold_params(parameters)[1:-1]
        eta = design @ parameters[: design.shape[1]]
        density = sum(step * stats.logistic.pdf(cut - eta) for cut, step in zip(cuts, np.diff(scores), strict=True))
        return LEVERS[lever] * float(np.average(slope * density, weights=np.maximum(level, 1e-12)))

    estimate = moved(fit.params)
    gradient = np.zeros(len(fit.params))
    for i in (0, *range(design.shape[1], len(fit.params))):  # of the slope and the cuts; the rest hardly matters
        shift = np.zeros(len(fit.params))
        shift[i] = 1e-4
        gradient[i] = (moved(fit.params + shift) - estimate) / 1e-4
    error = float(np.sqrt(gradient @ fit.cov_params() @ gradient))
    return {"estimate": estimate, "std_error": error, "n": len(pairs)}


def evidence(pairs: pd.DataFrame) -> pd.DataFrame:
    """The ladder."""
    whole = pairs.dropna(subset=[*LEVERS, WITNESS, "csat"]).reset_index(drop=True)
    mix = pd.get_dummies(whole[[*CASE_MIX]], drop_first=True, dtype=float)
    hour = whole["hour_of_week"]
    mix = mix.assign(evening=(hour % 24 >= 17).astype(float), weekend=(hour >= 120).astype(float))
    rows = []
    for lever in LEVERS:
        beside = [name for name in DURING if name != lever] if lever in DURING else []
        scaled = whole[[*beside]] / whole[[*beside]].std()
        adjusted = mix.join(scaled)
        means = whole.groupby("agent_id")[[lever]].transform("mean").add_suffix("_of_agent")
        within = adjusted.join(means / means.std())
        witness = np.log1p(whole[[WITNESS]])
        for rung, others in {
            "raw": mix.iloc[:, :0], "adjusted": adjusted, "within": within, "with_wrap": within.join(witness),
        }.items():  # fmt: skip
            rows.append({"lever": lever, "rung": rung, **effect(whole, lever, others)})
    return pd.DataFrame(rows)


def levers(rungs: pd.DataFrame) -> pd.DataFrame:
    """One row per lever: the within estimate, less what after-call work still explains."""
    wide = rungs.pivot(index="lever", columns="rung", values="estimate")
    error = rungs[rungs["rung"] == "within"].set_index("lever")["std_error"]
    low, high = wide["within"] - 1.96 * error, wide["within"] + 1.96 * error
    verdict = np.where((low > 0) | (high < 0), "moves", np.where((low > -0.05) & (high < 0.05), "no_effect", "unclear"))
    found = wide.assign(conf_low=low, conf_high=high, verdict=verdict)
    return found.sort_values("within", ascending=False).reset_index()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    contacts, surveys = read(given.log)
    pairs = pair(contacts, surveys)
    pairs = pairs[~pairs["is_abandoned"]].reset_index(drop=True)
    rungs = evidence(pairs)
    tables = {
        "pairs": pairs, "operations": operations(contacts), "perception": perception(pairs, weigh(contacts, pairs)),
        "evidence": rungs, "levers": levers(rungs),
    }  # fmt: skip
    for name, table in tables.items():
        table.to_parquet(given.out / f"{name}.parquet")


if __name__ == "__main__":
    main()
