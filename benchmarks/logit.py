"""The cumulative logit beside statsmodels' OrderedModel and R's ordinal::clm, and beside what BLAS alone would take.

``python benchmarks/logit.py --responses 200000 --columns 16`` prints a table and writes JSON. Everyone fits the same
answers in five categories; optima are compared to 1e-6 before any time is told. The limit is one weighted
cross-product of the design per Newton step. A peer fits the first ``--peer-responses`` rows only, and its ratio is to
cxfusion on the same rows; one that is not installed is left out, with the reason. Times are the processor's.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxfusion.estimators.cumulative_logit import fit_cumulative_logit
from cxfusion.estimators.held import PART_ROWS
from cxfusion.estimators.rows import Indicators, Rows
from cxfusion.fold import fold_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

CUTS: Final = (-2.0, -1.0, 0.0, 1.5)
SAME: Final = 1e-6
CLM: Final = """
if (!requireNamespace("ordinal", quietly = TRUE)) quit(status = 3)
sample <- read.csv("{path}")
sample$y <- factor(sample$y, ordered = TRUE)
took <- system.time(fit <- ordinal::clm(y ~ ., data = sample))
cat(sprintf("%.17g\\n", c(took[["user.self"]] + took[["sys.self"]], fit$beta)))
"""


def draw(n: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A design, each column in one piece as every table has them, and answers from 0 to 4."""
    rng = np.random.default_rng(1)
    x = np.asfortranarray(rng.standard_normal((n, columns)))
    latent = x @ (rng.standard_normal(columns) * 0.2) + rng.logistic(size=n)
    return x, np.searchsorted(CUTS, latent).astype(np.int64)


def parts_of(x: NDArray[np.float64], y: NDArray[np.int64]) -> list[Rows]:
    """The same as rows of a model, in parts as the evidence sweeps over them; the columns stay where they are."""

    def part(at: slice) -> Rows:
        n = len(y[at])
        none = Indicators(np.empty((n, 0), dtype=np.int64), ())
        return Rows(x[at], none, y[at], np.ones(n), np.zeros(n, dtype=np.int64))

    return [part(slice(start, start + PART_ROWS)) for start in range(0, len(y), PART_ROWS)]


def seconds_of(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Least seconds of the processor of some runs, and what the last one gave."""
    least, found = np.inf, None
    for _ in range(repeats):
        began = time.process_time()
        found = work()
        least = min(least, time.process_time() - began)
    return least, found


def ours(x: NDArray[np.float64], y: NDArray[np.int64]) -> Any:
    """The fit, with all that making parts of the rows takes."""
    sweep = partial(fold_batches, batches=parts_of(x, y), threads=os.cpu_count() or 1)
    return fit_cumulative_logit(sweep, lambda part: part, len(CUTS) + 1)


def limit(x: NDArray[np.float64], n_steps: int) -> None:
    """One weighted cross-product per step."""
    weight, right = np.ones(len(x)), np.empty_like(x)
    for _ in range(n_steps):
        np.multiply(x, weight[:, None], out=right)
        right.T @ x


def peers(x: NDArray[np.float64], y: NDArray[np.int64]) -> Iterator[tuple[str, float, NDArray[np.float64] | str]]:
    """Name, seconds and coefficients of every peer, or why it is left out."""
    yield "statsmodels", *_with_statsmodels(x, y)
    yield "ordinal::clm", *_with_clm(x, y)


def _with_statsmodels(x: NDArray[np.float64], y: NDArray[np.int64]) -> tuple[float, NDArray[np.float64] | str]:
    try:
        from statsmodels.miscmodels.ordinal_model import OrderedModel
    except ImportError:
        return 0.0, "statsmodels is not installed"
    model = OrderedModel(y, x, distr="logit")
    took, fit = seconds_of(lambda: model.fit(method="bfgs", maxiter=500, gtol=1e-7, disp=False), 1)
    return took, np.asarray(fit.params[: x.shape[1]])


def _with_clm(x: NDArray[np.float64], y: NDArray[np.int64]) -> tuple[float, NDArray[np.float64] | str]:
    program = shutil.which("Rscript")
    if program is None:
        return 0.0, "R is not installed"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.csv"
        header = ",".join(["y", *(f"x{j}" for j in range(x.shape[1]))])
        np.savetxt(path, np.column_stack([y, x]), delimiter=",", fmt="%.17g", header=header, comments="")
        found = subprocess.run([program, "-e", CLM.format(path=path)], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        return 0.0, "R has no package ordinal" if found.returncode == 3 else found.stderr.strip()[-200:]
    took, *coefficients = map(float, found.stdout.split())
    return took, np.array(coefficients)


def run(n: int, columns: int, peer_n: int, repeats: int) -> dict[str, Any]:
    """Times of everyone and their ratios."""
    x, y = draw(n, columns)
    took, fit = seconds_of(lambda: ours(x, y), repeats)
    least, _ = seconds_of(lambda: limit(x, fit.n_steps), repeats)
    few, answers = x[:peer_n], y[:peer_n]
    took_few, fit_few = seconds_of(lambda: ours(few, answers), repeats)
    times: dict[str, dict[str, Any]] = {
        "cxfusion": {"rows": n, "seconds": took, "ratio": 1.0},
        "BLAS": {"rows": n, "seconds": least, "ratio": least / took},
    }
    for name, seconds, coefficients in peers(few, answers):
        if isinstance(coefficients, str):
            times[name] = {"left_out": coefficients}
            continue
        np.testing.assert_allclose(coefficients, fit_few.coefficients, atol=SAME, err_msg=name)
        times[name] = {"rows": len(few), "seconds": seconds, "ratio": seconds / took_few}
    return {
        "benchmark": "cumulative logit", "n_responses": n, "columns": columns, "newton_steps": fit.n_steps,
        "cores": os.cpu_count(), "python": platform.python_version(), "numpy": np.__version__, "contestants": times,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=16)
    parser.add_argument("--peer-responses", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path("logit.json"), help="JSON file to write")
    options = parser.parse_args(arguments)
    found = run(options.responses, options.columns, options.peer_responses, options.repeats)
    options.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"{options.responses:,} answers × {options.columns} columns, {found['newton_steps']} Newton steps")
    print(f"{'':<16}{'rows':>12}{'seconds':>10}{'× cxfusion':>12}")
    for name, told in found["contestants"].items():
        if "left_out" in told:
            print(f"{name:<16}{told['left_out']:>34}")
        else:
            print(f"{name:<16}{told['rows']:>12,}{told['seconds']:>10.3f}{told['ratio']:>12.2f}")


if __name__ == "__main__":
    main()
