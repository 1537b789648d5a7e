"""The live what-if: in the page as in Python, by keyboard and screen reader, in two languages, with hostile names."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

import cxfusion as cx
from cxfusion.decisions.steps import in_steps
from cxfusion.report import render_report
from cxfusion.results.formats import change, interval
from invented_study import EMOJI, HOSTILE, RIGHT_TO_LEFT, invented_content

PHONE = {"width": 360, "height": 780}
SETTINGS = (
    {"wait_seconds": -50},
    {"wait_seconds": 50, "n_transfers": 50},
    {"hold_seconds": -100, "talk_seconds": -100},
    {"wait_seconds": -35, "hold_seconds": 25, "talk_seconds": -10, "n_transfers": -80},
)
BY_HAND = Path(__file__).parents[2] / "docs" / "reference" / "what-if-form.md"


@pytest.fixture(scope="module")
def study() -> cx.Study:
    """A centre whose queues, reasons and agents have hostile names."""
    centre = cx.simulate(n_contacts=20_000, seed=7)
    contacts = centre.contacts.to_pandas().drop(columns=["source_file", "source_row"])
    for column, name in (("queue", HOSTILE), ("reason", EMOJI), ("agent_id", RIGHT_TO_LEFT)):
        contacts[column] = name + contacts[column].astype("string")
    with cx.Session() as session:
        read = cx.read_contacts(contacts, session=session)
        surveys = cx.read_surveys(
            centre.surveys.to_pandas().drop(columns=["source_file", "source_row"]), session=session
        )
        return cx.fuse(read, surveys, outcome="csat")


@pytest.fixture(scope="module")
def html(study, tmp_path_factory) -> str:
    return study.report(tmp_path_factory.mktemp("study") / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def seen(opened, html):
    return opened(html)


def set_sliders(page, study, setting: dict[str, int]) -> dict:
    """Move the sliders as a hand would, and read what the page computed."""
    levers = [form.lever.name for form in study.evidence.population.levers]
    for name in levers:
        slider = page.locator(f"#what-if-lever-{levers.index(name)}")
        slider.evaluate(
            "(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", str(setting.get(name, 0))
        )
    return json.loads(page.locator("#what-if").get_attribute("data-result"))


@pytest.mark.parametrize("setting", SETTINGS, ids="+".join)
def test_the_page_gives_pythons_numbers(seen, study, setting):
    require_pythons_numbers(seen.page, study, setting)


def test_the_page_gives_pythons_numbers_of_nps_too(opened, study, tmp_path):
    centre = cx.simulate(n_contacts=20_000, seed=7)
    evidence = cx.fit_levers(cx.pair(centre.contacts, centre.surveys), outcome="nps")
    path = replace(study, evidence=evidence).report(tmp_path / "nps.html")
    page = opened(path.read_text(encoding="utf-8")).page
    require_pythons_numbers(page, replace(study, evidence=evidence), SETTINGS[-1])


def require_pythons_numbers(page, study, setting):
    found = set_sliders(page, study, setting)
    asked = {name: f"{percent} %" for name, percent in setting.items()}
    expected = cx.what_if(study.evidence, asked)
    rows = expected.table[expected.table["term"] == "together"]
    assert [one["name"] for one in found["readings"]] == rows["metric"].tolist()
    for one, row in zip(found["readings"], rows.itertuples(), strict=True):
        assert one["estimate"] == pytest.approx(row.estimate, abs=1e-9)
        assert (one["low"], one["high"]) == pytest.approx((row.conf_low, row.conf_high), abs=1e-9)
        assert one["corrected"] == pytest.approx(row.corrected_estimate, abs=1e-9, nan_ok=True)
    made = dict(zip(expected.changes["lever"], expected.changes["made"], strict=True))
    assert found["made"] == pytest.approx(made, abs=1e-9)


def test_the_page_and_a_recomputation_point_by_point_agree(seen, study):
    names: dict = {}
    exec(re.search(r"```python\n(.*?)```", BY_HAND.read_text(encoding="utf-8"), re.DOTALL).group(1), names)
    form = json.loads(seen.page.locator("#what-if-form").text_content())["form"]
    means = {lever["name"]: lever["mean"] for lever in form["levers"]}
    changes = {"wait_seconds": -0.35 * means["wait_seconds"], "n_transfers": -0.8 * means["n_transfers"]}
    expected = names["what_if"](form, changes)
    found = set_sliders(seen.page, study, {"wait_seconds": -35, "n_transfers": -80})
    for one in found["readings"]:
        assert (one["estimate"], one["low"], one["high"]) == pytest.approx(expected[one["name"]], abs=1e-6)


def test_a_share_that_grows_leaves_alone_who_has_it_twice(opened, study, tmp_path):
    """Transfers as if most had none or one: a few have two."""
    population = study.evidence.population
    forms = tuple(replace(form, high=1.0) if form.lever.name == "n_transfers" else form for form in population.levers)
    assert (population.points.level[:, population.place("n_transfers")] > 1).any()
    evidence = replace(study.evidence, population=replace(population, levers=forms))
    path = replace(study, evidence=evidence).report(tmp_path / "share.html")
    page = opened(path.read_text(encoding="utf-8")).page
    require_pythons_numbers(page, replace(study, evidence=evidence), {"n_transfers": 50, "wait_seconds": -50})


@pytest.mark.parametrize("percent", [-50, -30, -5])
def test_what_is_shown_is_what_was_computed(seen, study, percent):
    found = set_sliders(seen.page, study, {"wait_seconds": percent})
    first = found["readings"][0]
    unit = "CSAT points"
    figure = f"{change(first['corrected'], unit)} {unit}"
    ends = f"95 % interval: {interval(first['low'], first['high'], unit, signed=True)}"
    assert seen.page.locator("#what-if-reading-0 .figure").inner_text() == figure
    assert seen.page.locator("#what-if-reading-0 .detail").inner_text() == ends
    seen.page.get_by_role("button", name="Back to how it is").click()
    assert seen.page.locator("#what-if-reading-0 .figure").inner_text().startswith("0.0")
    assert seen.page.locator("#what-if-verdict").inner_text() == "Nothing is changed yet."


def test_sliders_are_moved_by_the_keyboard_and_say_where_they_are(seen):
    slider = seen.page.get_by_role("slider", name="Waiting time")
    slider.focus()
    for _ in range(4):
        seen.page.keyboard.press("ArrowLeft")
    assert slider.input_value() == "-20"
    assert re.fullmatch(r"\d+ seconds on average \(−20 %\)", slider.get_attribute("aria-valuetext"))
    assert seen.page.locator("#what-if-lever-0-now").inner_text() == slider.get_attribute("aria-valuetext")
    assert re.fullmatch(r"as it is: 0\.\d\d per contact", seen.page.locator("#what-if-lever-3-now").inner_text())
    assert "{" not in seen.page.locator("#what-if").inner_text()
    assert seen.page.get_by_role("status").count() == 1
    assert seen.page.get_by_role("slider").count() == 4


@pytest.mark.parametrize(
    ("language", "single", "many"), [("en", "1 minute on", "1.5 minutes on"), ("es", "1 minuto de", "1,5 minutos de")]
)
def test_one_minute_is_one_minute(opened, study, tmp_path, language, single, many):
    population = study.evidence.population
    names = [form.lever.name for form in population.levers]
    forms = tuple(replace(one, mean=120.0) if one.lever.name == "talk_seconds" else one for one in population.levers)
    evidence = replace(study.evidence, population=replace(population, levers=forms))
    path = replace(study, evidence=evidence).report(tmp_path / "minutes.html", language=language)
    page = opened(path.read_text(encoding="utf-8")).page
    now = f"#what-if-lever-{names.index('talk_seconds')}-now"
    for percent, expected in ((-50, single), (-25, many)):
        set_sliders(page, study, {"talk_seconds": percent})
        assert page.locator(now).inner_text().startswith(expected)


def test_nothing_is_said_or_asked_for_and_names_stay_text(seen):
    assert seen.said == []
    assert len([url for url in seen.requests if not url.startswith("data:")]) == 1
    text = seen.page.inner_text("main")
    assert "<script>alert(1)</script>" in text
    assert "\u202e" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sliders_fit_a_phone_and_stand_out(opened, html, scheme):
    phone = opened(html, PHONE, scheme)
    assert phone.fits()
    assert [one for one in phone.run("contrast.js") if one["ratio"] < one["least"]] == []
    for slider in phone.page.get_by_role("slider").all():
        assert slider.bounding_box()["height"] >= 24  # WCAG 2.2, target size


def test_the_page_stays_small(html):
    assert len(html.encode()) < 3_000_000


def test_paper_has_the_steps_in_the_place_of_the_sliders(opened, html):
    page = opened(html).page
    page.emulate_media(media="print")
    assert not page.get_by_role("slider").first.is_visible()
    assert page.get_by_role("table", name="What less of each lever would bring").is_visible()


def test_in_another_language_numbers_and_words_change(opened, study, tmp_path):
    labels = {"hold_seconds": f"Retención {HOSTILE}"}
    path = study.report(tmp_path / "informe.html", language="es", labels=labels)
    page = opened(path.read_text(encoding="utf-8")).page
    set_sliders(page, study, {"wait_seconds": -50})
    assert re.search(r"^\+0,\d\d puntos|^\+\d,\d puntos", page.locator("#what-if-reading-0 .figure").inner_text())
    assert "segundos de media (−50 %)" in page.locator("#what-if-lever-0-now").inner_text()
    assert page.get_by_role("slider", name="Retención <script>").count() == 1


def test_steps_are_what_python_says(study):
    steps = in_steps(study.evidence).set_index(["lever", "share", "metric"])
    movers = study.evidence.levers.query("verdict == 'moves'")["lever"].tolist()
    together = [(dict.fromkeys(movers, "-20 %"), "")] if len(movers) > 1 else []
    for changes, lever in (({"wait_seconds": "-20 %"}, "wait_seconds"), *together):
        found = cx.what_if(study.evidence, changes).table
        for row in found[found["term"] == "together"].itertuples():
            own = steps.loc[(lever, -0.2, row.metric)]
            assert own["estimate"] == pytest.approx(row.corrected_estimate)
            assert (own["conf_low"], own["conf_high"]) == pytest.approx((row.conf_low, row.conf_high))


def test_where_nothing_can_be_tried_or_nothing_moves_the_page_says_so(opened, study, html, tmp_path):
    untestable = render_report(invented_content())
    assert opened(untestable).said == []
    assert "there is nothing to try out here" in untestable
    assert "<script" not in untestable
    levers = study.evidence.levers.assign(verdict="unclear")
    unclear = replace(study, evidence=replace(study.evidence, levers=levers))
    text = unclear.report(tmp_path / "unclear.html").read_text(encoding="utf-8")
    note = "No lever is known to move the score."
    assert note in text
    assert note not in html
    page = opened(text).page
    set_sliders(page, study, {"wait_seconds": -50})
    assert "Waiting time, says the evidence: not yet clear." in page.locator("#what-if-doubts").inner_text()
