"""The pictures of the README and the documentation, drawn from the simulated centre of the demo."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import vl_convert

import cxfusion as cx
from cxfusion.results.themes import THEMES

if TYPE_CHECKING:
    import altair as alt

IMAGES: Final = Path(__file__).parents[1] / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
DESK: Final = {"width": 1000, "height": 1180}
PHONE: Final = {"width": 390, "height": 844}
PAPER: Final = {"width": 720, "height": 1018}
MOVED: Final = "(slider) => { slider.value = -40; slider.dispatchEvent(new Event('input')); }"


def main() -> None:
    """Draw ``ladder.png``, and the pictures of the report where a browser can take them."""
    centre = cx.simulate(n_contacts=200_000, seed=7)
    study = cx.fuse(centre.contacts, centre.surveys, costs={"cost_per_hour": 32, "currency": "EUR"})
    (IMAGES / "ladder.png").write_bytes(drawn(study.evidence.plot()))
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"The report's pictures stay as they are: none of {', '.join(BROWSERS)} is installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        take_pictures(browser, study.report(Path(folder) / "report.html"))


def drawn(chart: alt.TopLevelMixin) -> bytes:
    """A chart in the colours of the report, on white, so that it can be read on a dark page too."""
    spec = chart.to_dict() | {"padding": 16}
    config = THEMES["light"] | {"background": "white"}
    return bytes(vl_convert.vegalite_to_png(spec, config=config, scale=1.5, allowed_base_urls=[]))


def take_pictures(program: str, page: Path) -> None:
    """The report on a desk, on a phone by night and on paper, and its what-if with one lever moved."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        desk = opened(browser, page, DESK)
        desk.screenshot(path=IMAGES / "report.png")
        desk.locator("#what-if-lever-0").evaluate(MOVED)
        desk.locator("#what-if").screenshot(path=IMAGES / "report-what-if.png")
        opened(browser, page, PHONE, "dark").screenshot(path=IMAGES / "report-phone.png")
        paper = opened(browser, page, PAPER)
        paper.emulate_media(media="print")
        paper.screenshot(path=IMAGES / "report-paper.png")
        browser.close()


def opened(browser: Any, page: Path, size: dict[str, int], scheme: str = "light") -> Any:
    """The page in a window of a size."""
    window = browser.new_page(viewport=size, color_scheme=scheme)
    window.goto(page.as_uri())
    return window


if __name__ == "__main__":
    main()
