"""Words and numbers as people read them; every expected text was written by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cxfusion.evidence import beliefs, corroboration, fit, mediation
from cxfusion.results import display, formats, labels


@pytest.mark.parametrize(
    ("lever", "step", "unit", "expected"),
    [
        ("wait_seconds", -30, "seconds", "30 seconds less waiting"),
        ("wait_seconds", 30, "seconds", "30 seconds more waiting"),
        ("talk_seconds", -60, "seconds", "60 seconds less talking"),
        ("response_seconds", -600, "seconds", "10 minutes less response time"),
        ("hold_seconds", -22.37, "seconds", "22.4 seconds less time on hold"),
        ("n_transfers", -0.4, "count", "0.4 fewer transfers per contact"),
        ("n_transfers", -1.0, "count", "1 fewer transfer per contact"),
        ("n_transfers", -0.004, "count", "0.004 fewer transfers per contact"),
        ("n_transfers", -1e-17, "count", "0 fewer transfers per contact"),
        ("n_escalations", 2, "count", "2 more escalations per contact"),
        ("is_repeat", -0.2, "share", "20 in 100 fewer contacts marked “repeat contact”"),
        ("quality_score", -5, "points", "5 points less quality score"),
        ("quality_score", 1, "units", "1 more quality score"),
        ("wait_seconds", None, "seconds", ""),
        ("wait_seconds", np.nan, "seconds", ""),
    ],
)
def test_a_step_is_said_in_words(lever, step, unit, expected):
    assert labels.step_in_words(lever, step, unit) == expected


@pytest.mark.parametrize(
    ("label", "name", "expected"),
    [
        (labels.lever_label, "wait_seconds", "Waiting time"),
        (labels.lever_label, "first_response_seconds", "First response time"),
        (labels.lever_label, "handling_time_seconds", "Handling time"),
        (labels.rung_label, "within", "Same agent, hour and day"),
        (labels.verdict_label, "no_effect", "Too small to matter"),
        (labels.outcome_label, "csat", "satisfaction (CSAT)"),
        (labels.metric_label, "aht_seconds", "Average handle time"),
        (labels.metric_label, "occupancy_rate", "Occupancy rate"),
        (labels.column_label, "queue × agent_id", "Queue × Agent"),
        (labels.reason_label, "unknown_contact", "The contact named in the answer is not in the log"),
        (labels.reason_label, "late_import", "Late import"),
        (labels.reason_label, "the log has no wrap_seconds", "The log has no wrap_seconds"),
        (labels.reason_label, None, ""),
    ],
)
def test_names_become_words(label, name, expected):
    assert label(name) == expected


@pytest.mark.parametrize(
    "code",
    [
        *("paired_contact_id", "paired_window", "no_response", "no_key", "no_anchor", "unknown_contact"),
        *("unknown_customer", "outside_window", "answered_before_contact", "duplicate_response", "not_eligible"),
        *("score_missing", "score_out_of_scale", "contact_id_missing", "started_at_missing", "duplicate_contact"),
        *("negative_duration", "negative_count", "not_a_number", "not_finite", "out_of_range", "not_a_flag"),
        *("unreadable_time", "empty_row", "paired_leg_id", "paired_case_id", "paired_exposure", "doubtful_link"),
        *("unknown_leg", "unknown_case"),
    ],
)
def test_every_known_reason_is_a_sentence_of_its_own(code):
    sentence = labels.reason_label(code)
    assert sentence.lower() != labels.words(code)
    assert "_" not in sentence
    assert len(sentence.split()) >= 4


def test_display_names_are_printable_short_and_stay_different():
    hostile = "a\x00b\u202ec\nd"
    assert display.display_name(hostile) == "a�b�c�d"
    assert display.display_name("क्\u200dष") == "क्\u200dष"  # the joiner belongs to the script
    assert display.display_name("x" * 200, limit=10) == "x" * 9 + "…"
    assert display.display_name(pd.NA) == "(missing)"
    assert display.display_name("  ") == "(blank)"
    long = ["Claims in the north", "Claims in the south", "Claims in the north"]
    assert display.display_names(long, 12) == ["Claims in t…", "Claims in t… (2)", "Claims in t…"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (formats.number(1234567), "1,234,567"),
        (formats.number(-3.14159), "−3.142"),
        (formats.number(0.00042), "0.00042"),
        (formats.number(0), "0.000"),
        (formats.count(17182), "17,182"),
        (formats.percent(0.963), "96.3 %"),
        (formats.change(0.0812, "score points"), "+0.08"),
        (formats.change(-1.26, "NPS points"), "−1.3"),
        (formats.change(-0.001, "score points"), "0.00"),
        (formats.duration_short(0), "0.0 s"),
        (formats.duration_short(59.7), "1 min 00 s"),
        (formats.duration_short(312), "5 min 12 s"),
        (formats.duration_short(3599.6), "1 h 00 min"),
        (formats.duration_short(11100), "3 h 05 min"),
        (formats.duration_short(-45), "−45 s"),
        (formats.duration_in_words(1), "1 second"),
        (formats.duration_in_words(119), "119 seconds"),
        (formats.duration_in_words(600), "10 minutes"),
        (formats.duration_in_words(7200), "2 hours"),
        (formats.figure(0.041, "share"), "4.1 %"),
        (formats.figure(31.26, "NPS points"), "31.3"),
        (formats.figure(4.517, "score points"), "4.52"),
        (formats.figure(17182.0, "contacts"), "17,182"),
        (formats.interval(-0.02, 0.03, signed=True), "−0.02 to +0.03"),
        (formats.interval(0.003, 0.11, signed=True), "+0.003 to +0.110"),  # sure to be above none
        (formats.interval(-0.6, -0.02, "NPS points", signed=True), "−0.60 to −0.02"),
        (formats.interval(-0.003, 0.11, signed=True), "0.00 to +0.11"),
        (formats.interval(0.61, 0.64, "share"), "61.0 to 64.0 %"),
        (formats.interval(None, 1.0), "–"),
    ],
)
def test_numbers_read_as_people_write_them(text, expected):
    assert text == expected


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_a_missing_number_is_a_dash_never_nan(missing):
    formatters = (formats.number, formats.count, formats.percent, formats.change, formats.duration_short)
    assert {formatter(missing) for formatter in formatters} == {"–"}
    assert formats.figure(missing, "seconds") == formats.interval(missing, missing) == "–"


ENDS = {"conf_low": -0.051, "conf_high": -0.009}
OF_LEVER = {"lever": "talk_seconds", "verdict": "contested", "agreement": "open", "status": "ok", "basis": "within"}


@pytest.mark.parametrize(
    ("line", "row", "expected"),
    [
        (
            fit._line,
            {**OF_LEVER, **ENDS, "step": -60.0, "best_estimate": -0.0104, "outcome_unit": "CSAT points"},
            "  Talking time: 60 seconds less talking → −0.010 CSAT points (−0.051 to −0.009), contested",
        ),
        (
            mediation._line,
            {**OF_LEVER, **ENDS, "term": "total", "estimate": -0.0104, "unit": "CSAT points"},
            "Total, within: −0.010 CSAT points (−0.051 to −0.009)",
        ),
        (
            beliefs._agreement_words,
            {"status": "ok", "agreement": -0.333, "conf_low": -0.667, "conf_high": 0.0},
            "the orders agree by −0.33 (−0.67 to 0.00; 1: the same order)",
        ),
        (
            corroboration._line,
            {**OF_LEVER, "recontact_estimate": -0.5, "recontact_conf_low": -0.9, "recontact_conf_high": -0.1}
            | {"recontact_verdict": "unclear"},
            "  Talking time: one of the two is not settled. What they say: contested; contact again: −0.50 percentage"
            " points (−0.90 to −0.10), not yet clear",
        ),
    ],
)
def test_what_is_below_zero_has_a_true_minus_sign_in_every_summary(line, row, expected):
    assert line(SimpleNamespace(**row)) == expected
