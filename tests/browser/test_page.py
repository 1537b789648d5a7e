"""The report in a browser: it says nothing, asks for nothing, fits, prints, and can be read by anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from cxfusion.report import ReportContent, render_report
from invented_study import (
    EMOJI,
    ENDLESS,
    HOSTILE,
    SPOILED,
    invented_content,
    operations,
    perception,
    segments_in_detail,
)

PHONE = {"width": 360, "height": 780}
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def spoiled() -> ReportContent:
    """A study whose every name is hostile."""
    content = invented_content()
    names = {"n_transfers": f"mood {EMOJI}", "hold_seconds": HOSTILE, f"mood {HOSTILE}": f"is_{ENDLESS}"}
    return replace(
        content,
        title=SPOILED[4],
        perception=perception(SPOILED).replace({"grouping": {"queue": "agent_id"}}),
        operations=operations(SPOILED).replace({"grouping": {"queue": "reason"}}),
        levers=content.levers.replace({"lever": names}),
        rungs=content.rungs.replace({"lever": names}),
        notes=SPOILED,
        manifest={"counts": {name: {name: [name]} for name in SPOILED}, "plan": list(SPOILED)},
    )


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(invented_content())


@pytest.fixture(scope="module")
def spoiled_html() -> str:
    return render_report(spoiled())


@pytest.fixture(scope="module")
def desk(opened, html):
    return opened(html)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_hostile_names_stay_text_and_break_nothing(opened, spoiled_html, scheme, width):
    seen = opened(spoiled_html, {"width": width, "height": 900}, scheme)
    seen.page.evaluate(OPEN_ALL)
    assert seen.said == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in seen.requests if url.startswith("file:")]) == 1
    assert seen.fits()
    text = seen.page.inner_text("body")
    for name in ("<script>alert(1)</script>", "📞👩🏽‍💻 VIP 🇮🇳", "--></style></title></textarea>", "{% raw %}${1}`"):
        assert name in text
    assert "\u202e" not in text  # nothing from the data turns the direction of the page around
    assert seen.page.locator("body script:not([type='application/json']), iframe, object, embed").count() == 0
    assert len(spoiled_html.encode()) < 3_000_000


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_width_needs_sideways_scrolling(opened, html, width):
    seen = opened(html, {"width": width, "height": 800})
    seen.page.evaluate(OPEN_ALL)
    assert seen.fits()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_behind_it(opened, html, scheme):
    seen = opened(html, scheme=scheme)
    seen.page.evaluate(OPEN_ALL)
    texts = seen.run("contrast.js")
    assert len(texts) > 100
    assert [one for one in texts if one["ratio"] < one["least"]] == []
    ground = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", ground)))
    assert brightness > 700 if scheme == "light" else brightness < 100


def test_one_drawing_of_each_picture_is_shown_and_has_words(opened, html):
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")):
        page = opened(html, {"width": width, "height": 900}, scheme).page
        page.evaluate(OPEN_ALL)
        for figure in page.locator("figure").all():
            shown = [image for image in figure.locator("img").all() if image.is_visible()]
            assert len(shown) == 1
            assert len(shown[0].get_attribute("alt")) > 20
            assert shown[0].evaluate("(image) => image.complete && image.naturalWidth > 0")
            assert ("dark" in shown[0].get_attribute("class")) == (scheme == "dark")


def test_the_keyboard_goes_through_the_page_in_its_order_and_is_seen(desk):
    page = desk.page
    page.evaluate("document.activeElement.blur()")
    places = []
    for _ in range(desk.run("focus.js")["count"]):
        page.keyboard.press("Tab")
        focus = desk.run("focus.js")
        assert focus["shows"], focus
        assert focus["inside"], focus
        places.append(focus["place"])
    assert places == list(range(len(places)))


def test_the_first_key_leads_past_the_head_to_the_answer(opened, html):
    page = opened(html).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#answer"


def test_what_is_folded_opens_by_the_keyboard(opened, html):
    page = opened(html).page
    folded = page.locator("details").first
    assert not folded.locator("table").first.is_visible()
    folded.locator("summary").focus()
    page.keyboard.press("Enter")
    assert folded.locator("table").first.is_visible()


@pytest.mark.parametrize("size", [None, PHONE])
def test_a_screen_reader_finds_headings_regions_and_tables(opened, html, size):
    page = opened(html, size).page
    page.evaluate(OPEN_ALL)
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.get_by_role("main").count() == 1
    sections = page.locator("main > section")
    for section in sections.all():
        assert page.locator(f"#{section.get_attribute('aria-labelledby')}").inner_text()
    levers = page.get_by_role("table", name="Every lever")
    assert levers.get_by_role("columnheader").count() == 4
    assert levers.get_by_role("rowheader").count() == 4 + 4  # each verdict heads its levers
    assert page.get_by_role("table").count() == page.locator("table").count()


TOO_WIDE = """[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)
    .map((one) => one.getAttribute('aria-label'))"""


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_table_is_wider_than_the_paper_or_hides_a_sentence(opened, language):
    day, sentence = pd.Timestamp("2026-01-05"), "how those felt who answered, by all that the log records of them; "
    known = {"source": "csat", "kind": "survey", "n": 1200, "first_day": day, "last_day": day, "linked_share": 0.5}
    sources = pd.DataFrame([{**known, "can": sentence * 3, "cannot": sentence * 3}])
    html = render_report(replace(invented_content(), sources=sources, language=language))
    seen = opened(html)
    told = seen.page.locator("#pairing .scroll").first
    assert told.evaluate("one => one.scrollWidth <= one.clientWidth")
    seen.page.emulate_media(media="print")
    seen.page.set_viewport_size({"width": 673, "height": 1000})  # A4 between its margins
    assert seen.page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_numbers_behind_a_picture_fit_the_page(opened, language):
    html = render_report(replace(invented_content(), details=(segments_in_detail(),), language=language))
    seen = opened(html)
    seen.page.evaluate(OPEN_ALL)
    told = seen.page.locator("#details .scroll")
    assert told.count() == 1
    assert told.evaluate("one => one.scrollWidth <= one.clientWidth")
    seen.page.set_viewport_size(PHONE)
    assert seen.fits()


def test_it_prints_light_and_whole_whatever_the_screen(opened, html):
    seen = opened(html, {"width": 720, "height": 1000}, "dark")
    seen.page.emulate_media(media="print")
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert seen.fits()
    assert [one for one in seen.run("contrast.js") if one["ratio"] < one["least"]] == []
    for image in seen.page.locator("figure img").all():
        if image.is_visible():
            assert image.get_attribute("class") == "wide light"
    printed = seen.page.pdf(format="A4", print_background=True)
    assert printed.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 14
