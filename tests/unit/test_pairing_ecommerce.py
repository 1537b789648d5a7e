"""The real support centre: every answer names its contact; a survey date without a time stands for its whole day."""

from __future__ import annotations

from pathlib import Path

import cxfusion as cx

MAP = Path(__file__).parents[2] / "examples" / "maps" / "ecommerce_support.toml"


def test_every_answer_of_the_real_centre_finds_its_contact(ecommerce):
    with cx.Session(threads=1) as session:
        contacts = cx.read_contacts(ecommerce / "contacts.csv", map=MAP, session=session)
        surveys = cx.read_surveys(ecommerce / "surveys.csv", map=MAP, session=session)
        paired = cx.pair(contacts, surveys)
        assert [tuple(row) for row in paired.audit.itertuples(index=False)] == [
            ("contacts", "paired_contact_id", 17_182),
            ("responses", "paired_contact_id", 17_182),
            ("contact_cells", "negative_duration", 635),
        ]
