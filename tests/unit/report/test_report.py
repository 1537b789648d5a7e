"""The page: it answers first, fetches nothing, escapes everything, and its tables hold the numbers of the frames."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from importlib.resources import files
from itertools import pairwise
from types import SimpleNamespace

import pandas as pd
import pytest

from cxfusion.perception.offers import OfferCheck
from cxfusion.report import render_report
from cxfusion.report.answer import answer, by_verdict
from cxfusion.report.method import method
from cxfusion.report.tables import (
    MAX_ROWS,
    audit_tables,
    numbers_table,
    operations_tables,
    perception_tables,
    rungs_table,
)
from cxfusion.results.language import speaking
from cxfusion.results.themes import THEMES
from invented_study import HOSTILE_NAME, segments_in_detail

VOID = {"meta", "link", "img", "br", "hr"}


class Page(HTMLParser):
    """Elements of a page with their attributes, and its text; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += f"{data.strip()} " if data.strip() else ""

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(content) -> str:
    return render_report(content)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_nothing_on_the_page_runs_or_is_fetched(html, page):
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "embed", "form", "base"})
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            if name in {"src", "href"}:
                assert value.startswith(("data:", "#")), value
    assert "url(" not in html
    assert "@import" not in html
    policy = next(attrs for attrs in page.attributes("meta") if attrs.get("http-equiv"))
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_what_comes_from_the_data_is_text(html, page):
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "{{7*7}}" in page.text
    assert "<script>alert(1)</script>" in page.text
    for attrs in page.attributes("img"):
        assert set(attrs) == {"class", "src", "width", "height", "alt"}


def test_pictures_are_whole_svgs_without_anything_that_runs(page):
    images = page.attributes("img")
    assert sorted(image["class"] for image in images) == sorted(
        2 * ["wide light", "wide dark", "narrow light", "narrow dark"]
    )
    for image in images:
        svg = ET.fromstring(b64decode(image["src"].removeprefix("data:image/svg+xml;base64,")))
        tags = {element.tag.rpartition("}")[2] for element in svg.iter()}
        assert tags.isdisjoint({"script", "image", "foreignObject", "a", "use", "style"})
        assert image["alt"]


def test_the_page_is_small_and_the_same_on_every_run(html, content):
    assert len(html.encode()) < 1_000_000
    assert render_report(content) == html


def test_the_answer_comes_first_and_the_sections_in_order(page):
    sections = ["answer", "levers", "verdicts", "what_if", "perception", "operations"]
    sections += ["pairing", "method", "manifest"]
    assert [attrs["id"] for attrs in page.attributes("section")] == sections
    links = [attrs["href"] for attrs in page.attributes("a")]
    assert links == [f"#{section}" for section in sections]
    assert page.text.index("What moves satisfaction") < page.text.index("Lever by lever")


def test_headings_tables_and_links_can_be_followed_without_seeing(page):
    assert all(attrs.get("scope") in {"col", "row", "rowgroup"} for attrs in page.attributes("th"))
    assert len(page.attributes("caption")) == len(page.attributes("table"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    skip = page.attributes("a")[0]
    assert skip["class"] == "skip"
    assert skip["href"].removeprefix("#") in ids
    assert page.attributes("html")[0]["lang"] == "en"


def test_the_answer_is_written_from_the_verdicts(content):
    assert answer(content) == [
        "What moves satisfaction (CSAT): waiting time (30 seconds less waiting: +0.08 score points, +0.05 to +0.11).",
        "Only a mark of something else: time on hold.",
        "Contested, for what is known does not settle it: transfers. The table says what would settle it.",
    ]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("moves", 1),
        ("proxy", 2),
        ("no_effect", 2),
        ("contested", 2),
        ("unclear", 2),
    ],
)
def test_the_answer_says_no_more_than_the_verdicts(content, verdict, expected):
    told = answer(replace(content, levers=content.levers.assign(verdict=verdict)))
    assert len(told) == expected
    assert told[0].startswith("What moves" if verdict == "moves" else "No lever can yet be said to move")


@pytest.mark.parametrize(("language", "never"), [("en", "disagree"), ("es", "no coinciden")])
def test_of_a_contested_lever_nothing_is_said_that_only_some_of_them_are(content, language, never):
    """Comparisons disagree in two of the five kinds; the others lack a witness, a free choice or honest offers."""
    levers = content.levers.assign(verdict="contested", because="It is the customers' own doing.")
    assert never not in Page(render_report(replace(content, levers=levers, language=language))).text


LONGEST_WHY = (
    "30 in 100 fewer contacts marked “repeat contact” looks like +0.09 CSAT points, within the same agent, hour and"
    " day, and corrected for how hard the case was, but the same at a contact that the customer had a week or more"
    " later goes with +0.05 CSAT points, which it cannot have caused: something about the customer that the log does"
    " not record may go with both. A pilot with about 8,300 answered surveys in each arm would settle it."
)


@pytest.mark.parametrize(
    ("language", "ends"),
    [
        ("en", "A pilot with about 8,300 answered surveys in each arm would settle it."),
        ("es", "Un piloto con unas 8.300 encuestas respondidas en cada grupo lo resolvería."),
    ],
)
def test_why_a_lever_is_contested_is_told_to_its_end(content, language, ends):
    levers = content.levers.assign(verdict="contested", because=LONGEST_WHY)
    assert ends in Page(render_report(replace(content, levers=levers, language=language))).text


@pytest.mark.parametrize(
    ("who", "language", "label", "told"),
    [
        ("agent", "en", "Same agent, hour and day", "An agent’s contacts are compared with the same agent’s others"),
        (None, "en", "Same hour and day", "The log names no agents, so that what differs between them stays in."),
        ("team", "en", "Same team, hour and day", "Contacts are compared with others of the same team"),
        (None, "es", "Misma hora y día", "El registro no nombra agentes"),
        ("team", "es", "Igual team, hora y día", "Los contactos se comparan con otros de igual team"),
    ],
)
def test_what_is_not_held_equal_is_nowhere_said_to_be(content, who, language, label, told):
    page = Page(render_report(replace(content, who=who, language=language)))
    drawn = [b64decode(image["src"].partition(",")[2]).decode() for image in page.attributes("img")]
    assert label in page.text
    assert told in page.text
    assert any(label in svg for svg in drawn)
    for others in ("ame agent", "mismo agente", "Mismo agente"):
        assert (others in page.text) == (who == "agent" and others == "ame agent")
        assert who == "agent" or not any(others in svg for svg in drawn)


def test_only_comparisons_of_the_page_are_explained_and_all_of_them(content):
    few = content.rungs[content.rungs["rung"] != "corrected"]
    more = [content.rungs.head(1).assign(rung=rung) for rung in ("between", "congestion", "experiment")]
    explained = {
        "a_few": [term for term, _ in method(replace(content, rungs=few))["comparisons"]],
        "all": [term for term, _ in method(replace(content, rungs=pd.concat([content.rungs, *more])))["comparisons"]],
    }
    fair = ["Alone", "Same kind of case", "Same agent, hour and day"]
    beside = ["Agents compared with agents", "Busy against quiet minutes", "Planned or natural trial"]
    assert explained == {"a_few": fair, "all": [*fair, "Corrected for hard cases", *beside]}


@pytest.mark.parametrize(("level", "language", "told"), [(0.9, "en", "90 %"), (0.975, "es", "97,5 %")])
def test_intervals_of_levers_are_called_what_they_are(content, level, language, told):
    page = Page(render_report(replace(content, conf_level=level, language=language)))
    words = {"en": ("Each bar is a {} interval, the range", "{} interval", "with {} intervals")}
    words["es"] = ("Cada barra es un intervalo del {}, el margen", "Intervalo del {}", "con intervalos del {}")
    caption, head, picture = (text.format(told) for text in words[language])
    assert caption in page.text
    assert head in page.text
    assert picture in page.attributes("img")[0]["alt"]


def test_no_lever_or_none_that_could_be_tested(content):
    none = replace(content, levers=content.levers.assign(verdict="untestable"))
    assert answer(none) == ["None of the 4 levers could be tested; the table below says why for each."]
    assert answer(replace(none, levers=none.levers.head(1))) == [
        "The only lever could not be tested; the table below says why."
    ]
    assert answer(replace(content, levers=content.levers.head(0))) == [
        "The contact log holds no column that could be judged as a lever."
    ]


def test_levers_stand_in_the_order_of_their_verdicts(content):
    order = by_verdict(content.levers)["verdict"].tolist()
    assert order == ["moves", "proxy", "contested", "untestable"]


def test_the_books_show_their_sums(content):
    by_caption = {table.caption: table for table in audit_tables(content.audit)}
    assert list(by_caption) == [
        "Survey answers: where each of the 16,953 rows read ended",
        "Contacts: where each of the 200,000 rows read ended",
    ]
    for table in by_caption.values():
        parts = sum(int(row[1].text.replace(",", "")) for row in table.rows)
        assert parts == int(table.total[1].text.replace(",", ""))
    assert "16,547 of 16,953 survey answers (97.6 %)" in render_report(content)


def test_scores_stand_with_their_intervals_and_few_answers_are_marked(content):
    (table,) = perception_tables(content.perception)
    by_name = {row[0].text: row for row in table.rows}
    assert table.rows[0][0].text == "Everyone"
    assert [cell.text for cell in by_name["Everyone"][1:]] == ["16,547", "4.20", "78.0 %", "31.0"]
    assert by_name["Everyone"][2].detail == "4.18 to 4.22"
    assert by_name["Tiny"][1].detail == "few"
    assert [cell.text for cell in by_name["Nano"][1:]] == ["3", "–", "–", "–"]


def test_kpis_stand_by_group_and_say_what_is_missing(content):
    (table,) = operations_tables(content.operations)
    assert table.heads == ("Queue", "Contacts", "Average handle time", "Abandoned", "Average time on hold")
    assert [cell.text for cell in table.rows[0]] == ["All contacts", "200,000", "8 min 32 s", "4.1 %", "–"]
    assert [round(row[1].bar, 2) for row in table.rows[1:]] == [1.0, 0.75, 0.5, 0.25]
    assert set(table.notes) == {
        "Average handle time. Without wrap: the log has none.",
        "Average time on hold. The log has no hold_seconds.",
    }


def test_a_small_group_has_its_volume_and_a_word_why_nothing_else_is_shown(content):
    rows = content.operations[content.operations["group"] == "Billing"].assign(group="Tiny")
    figures = rows["metric"] != "volume"
    rows.loc[figures, ["estimate", "status"]] = [float("nan"), "suppressed"]
    (table,) = operations_tables(pd.concat([content.operations, rows.assign(n=3)], ignore_index=True))
    tiny = next(row for row in table.rows if row[0].text == "Tiny")
    assert [cell.detail for cell in tiny[2:4]] == ["too few customers to show"] * 2
    assert tiny[1].detail == ""


def test_a_reason_that_groups_share_with_the_whole_is_told_once_with_the_figures_of_the_whole(content):
    handled = content.operations[content.operations["metric"] == "aht_seconds"].reset_index(drop=True)
    told = [f"known for {n} of 9" for n in range(len(handled))]
    told[-1] = "the log of this queue has none"
    handled = handled.assign(status=["ok"] * (len(handled) - 1) + ["not_applicable"], reason=told)
    (table,) = operations_tables(handled)
    whole = int(handled.index[handled["grouping"] == "all"][0])
    assert set(table.notes) == {
        f"Average handle time. Known for {whole} of 9.",
        "Average handle time. The log of this queue has none.",
    }


def test_a_long_list_of_groups_is_cut_and_says_so():
    rows = pd.DataFrame({
        "grouping": "agent_id", "group": [f"a{i}" for i in range(200)], "metric": "volume", "estimate": 10.0,
        "unit": "contacts", "n": range(200), "status": "ok", "reason": None,
    })  # fmt: skip
    (table,) = operations_tables(rows)
    assert len(table.rows) == MAX_ROWS + 1
    assert table.rows[0][0].text == "a199"
    assert table.notes == (f"The {MAX_ROWS} largest groups are shown; 159 more are in operations.parquet.",)
    (table,) = operations_tables(rows.tail(MAX_ROWS + 2))
    assert table.notes == (f"The {MAX_ROWS} largest groups are shown; one more is in operations.parquet.",)


def test_a_study_with_hardly_anything_still_makes_a_page(content):
    bare = replace(
        content, levers=content.levers.iloc[:0], rungs=content.rungs.iloc[:0], audit=content.audit.iloc[:0],
        cells=content.cells.iloc[:0], perception=content.perception.iloc[:0],
        operations=content.operations.iloc[:0], notes=(), manifest={},
    )  # fmt: skip
    page = Page(render_report(bare))
    assert "holds no column that could be judged as a lever" in page.text
    assert page.attributes("img") == []
    assert "nan" not in page.text.lower().split()


@pytest.mark.parametrize("verdict", ["moves", "proxy", "no_effect", "contested", "unclear", "untestable"])
def test_a_verdict_is_a_word_and_a_colour(content, verdict):
    html = render_report(replace(content, levers=content.levers.assign(verdict=verdict)))
    assert f'<span class="verdict {verdict}">' in html
    words = {"moves": "Moves the score", "proxy": "Only a mark of something else", "no_effect": "Too small to matter"}
    words |= {"contested": "Contested", "unclear": "Not yet clear", "untestable": "Cannot be tested"}
    assert words[verdict] in Page(html).text


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_from_its_ground_in_both_themes():
    css = files("cxfusion.report").joinpath("page.css").read_text(encoding="utf-8")
    themes = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)]
    assert len(themes) == 2
    for colours in themes:
        for text in ("ink", "quiet", "accent"):
            assert contrast(colours[text], colours["paper"]) >= 4.5
        for mood in ("good", "warn", "calm"):
            assert contrast(colours[mood], colours[f"{mood}-wash"]) >= 4.5


def test_marks_stand_out_from_the_page_in_both_themes():
    for theme, paper in (("light", "#ffffff"), ("dark", "#12171d")):
        config = THEMES[theme]
        assert all(contrast(colour, paper) >= 3 for colour in config["range"]["category"])
        assert contrast(config["axis"]["titleColor"], paper) >= 4.5


def test_results_are_shown_in_detail_with_words_and_picture(content, page):
    shown = Page(render_report(replace(content, details=(segments_in_detail(),))))
    assert "In detail" not in page.text
    assert "Waiting time by queue: 30 seconds less waiting (800 responses)" in shown.text
    assert "Segments differ (p 0.010)." in shown.text
    assert len(shown.attributes("img")) == len(page.attributes("img")) + 4
    assert not shown.attributes("script")
    assert HOSTILE_NAME in shown.text  # as text, not as a tag
    assert len(shown.attributes("table")) == len(page.attributes("table")) + 1
    numbers = numbers_table(segments_in_detail())
    assert numbers.heads == (
        "Queue", "Change", "95 % interval", "With what the others show", "Mean level", "Answers used",
    )  # fmt: skip
    assert [cell.text for cell in numbers.rows[0]] == [
        "call", "+0.12", "+0.07 to +0.17", "+0.12 (+0.08 to +0.16)", "1 min 00 s", "400",
    ]  # fmt: skip


def test_a_comparison_that_could_not_be_made_names_no_step(content):
    rungs = content.rungs.assign(step=-1.0)
    rungs.loc[rungs.index[0], ["estimate", "status", "reason"]] = [float("nan"), "not_applicable", "too few agents"]
    first, second = (row[0] for row in rungs_table(rungs).rows[:2])
    assert (first.text, first.detail) == (second.text, "")
    assert second.detail


def test_numbers_behind_a_picture_say_why_one_is_missing_and_speak_the_pages_language():
    found = segments_in_detail()
    figures = ["estimate", "conf_low", "conf_high", "pooled_estimate", "pooled_low", "pooled_high"]
    found.segments.loc[1, figures] = float("nan")
    found.segments.loc[1, ["status", "reason"]] = ["not_applicable", "too few answers or agents to stand alone"]
    with speaking("es", {}):
        heads, (_, last) = (told := numbers_table(found)).heads, told.rows
    assert heads == (
        "Cola", "Cambio", "Intervalo del 95 %", "Con lo que muestran los demás", "Nivel medio", "Respuestas usadas",
    )  # fmt: skip
    assert last[0].detail == "Muy pocas respuestas o agentes para ir por separado"
    assert [cell.text for cell in last[1:4]] == ["–"] * 3
    curve = pd.DataFrame({"outcome": "csat", "lever": "wait_seconds", "unit": "seconds", "level": [5.0, 65.0]})
    curve = curve.assign(estimate=[3.9, 3.4], std_error=0.05, conf_low=[3.8, 3.3], conf_high=[4.0, 3.5], n=2222)
    told = numbers_table(SimpleNamespace(table=curve))
    assert told.heads == ("Waiting time", "Estimate", "95 % interval", "Answers used")
    assert [cell.text for cell in told.rows[1]] == ["1 min 05 s", "3.40", "3.30 to 3.50", "2,222"]


def test_results_in_detail_stay_english_on_another_page_and_are_marked(content):
    shown = replace(content, details=(segments_in_detail(),), language="es", labels={"queue": "Cola"})
    html = render_report(shown)
    title = "Waiting time by cola: 30 seconds less waiting (800 responses)"
    assert html.count(f'<span lang="en">{title}</span>') == 2  # heading, and caption of the picture
    assert '<span lang="en">Segments differ (p 0.010).</span>' in html
    (words,) = {image["alt"] for image in Page(html).attributes("img") if image.get("lang") == "en"}
    assert words.startswith(title)
    assert "+0.12" in words


@pytest.mark.parametrize(("status", "n_pictures"), [("failed", 1), ("passed", 0), (None, 0)])
def test_who_was_offered_the_survey_is_told_and_drawn_where_agents_pick(content, status, n_pictures):
    agents = pd.DataFrame(
        {"agent_id": ["ann", "bo"], "estimate": [0.2, 0.0], "conf_low": [0.1, -0.1], "conf_high": [0.3, 0.1],
         "is_flagged": [True, False], "status": "ok"}
    )  # fmt: skip
    found = OfferCheck("csat", "agent_id", "asked", agents, 0.0, 1e-9, 2, 1, 0.4, status or "passed", None, None)
    page = render_report(replace(content, offers=found if status else None))
    before = render_report(content)
    assert ("Who was offered the survey?" in page) == (status is not None)
    assert ("1 of the 2 agents tested" in page) == (status is not None)
    assert (page.count("data:image") > before.count("data:image")) == bool(n_pictures)
    assert ">ann<" not in page


def test_what_is_already_known_is_a_table_and_speaks_the_pages_language(content):
    sources = pd.DataFrame(
        {"source": ["Contact log", f"tracker {HOSTILE_NAME}"], "kind": ["log", "tracker"], "n": [1000, 5],
         "first_day": [date(2026, 1, 1), None], "last_day": [date(2026, 3, 1), None], "linked_share": [1.0, None],
         "can": ["what happened on every contact, whether or not anybody answered about it",
                 "how groups of people see the items, and where they differ"],
         "cannot": ["how it felt; the 12 days without rows after 2026-01-20",
                    "what any contact did to any customer: it names neither"]}
    )  # fmt: skip
    page = Page(render_report(replace(content, sources=sources)))
    assert "What is already known, and what is not" in page.text
    assert "How it felt. The 12 days without rows after 2026-01-20." in page.text
    assert "1 January 2026 to 1 March 2026" in page.text
    spanish = Page(render_report(replace(content, sources=sources, language="es")))
    assert "Qué se sintió. Los 12 días sin filas después del 2026-01-20." in spanish.text
    assert "Registro de contactos" in spanish.text
