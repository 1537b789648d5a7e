"""A small share of the campaign in ``benchmarks/fuzz_words.py``."""

from __future__ import annotations

import pytest

from fuzz.words import CAMPAIGNS

CASES = {"studies": 120, "maps": 6, "commands": 8}


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_what_is_broken_ends_in_an_answer_or_in_words(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [told for number in range(CASES[name]) for told in CAMPAIGNS[name](number, tmp_path)] == []
