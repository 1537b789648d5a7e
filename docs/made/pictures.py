"""The pictures of the README and the documentation, drawn from the simulated centre of the demo."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vl_convert

import cxfusion as cx
from cxfusion.results.themes import THEMES

if TYPE_CHECKING:
    import altair as alt

IMAGES: Final = Path(__file__).parents[1] / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Draw ``ladder.png``, and ``report.png`` where a browser can take its picture."""
    centre = cx.simulate(n_contacts=200_000, seed=7)
    study = cx.fuse(centre.contacts, centre.surveys)
    (IMAGES / "ladder.png").write_bytes(drawn(study.evidence.plot()))
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"report.png stays as it is: none of {', '.join(BROWSERS)} is installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        take_picture(browser, study.report(Path(folder) / "report.html"), IMAGES / "report.png", Path(folder))


def drawn(chart: alt.TopLevelMixin) -> bytes:
    """A chart in the colours of the report, on white, so that it can be read on a dark page too."""
    spec = chart.to_dict() | {"padding": 16}
    config = THEMES["light"] | {"background": "white"}
    return bytes(vl_convert.vegalite_to_png(spec, config=config, scale=1.5, allowed_base_urls=[]))


def take_picture(browser: str, page: Path, picture: Path, folder: Path) -> None:
    """The top of a page as a picture."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
    flags += [f"--user-data-dir={folder / 'profile'}", "--window-size=1100,1500", f"--screenshot={picture}"]
    subprocess.run(  # noqa: S603  a browser on our own page
        [browser, *flags, page.as_uri()], check=True, capture_output=True
    )


if __name__ == "__main__":
    main()
