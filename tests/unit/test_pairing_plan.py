from __future__ import annotations

import re
from datetime import timedelta

import pytest

from cxfusion.errors import ConfigError
from cxfusion.pairing import PairingPlan


@pytest.mark.parametrize(
    ("within", "length"),
    [
        ("72h", timedelta(hours=72)),
        ("3d", timedelta(hours=72)),
        ("90m", timedelta(minutes=90)),
        ("30min", timedelta(minutes=30)),
        ("45s", timedelta(seconds=45)),
        (" 1.5 h ", timedelta(minutes=90)),
        (timedelta(days=2), timedelta(days=2)),
    ],
)
def test_a_window_is_a_number_with_its_unit(within, length):
    assert PairingPlan(within=within).window == length


@pytest.mark.parametrize(
    "within",
    [
        "",
        "72",
        "h",
        "3 weeks",
        "-3h",
        "0h",
        "1e3h",
        "99999d",
        "9" * 400 + "d",
        timedelta(0),
        timedelta(days=-1),
        72,
        None,
    ],
)
def test_a_window_that_is_none_is_refused_with_the_forms_accepted(within):
    with pytest.raises(ConfigError, match="'72h', '3d', '90m', '30min'"):
        PairingPlan(within=within)


def test_every_problem_of_a_plan_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        PairingPlan(by="phone", within="soon", eligible="nobody", exposure="ever")
    assert [problem.split("=")[0] for problem in caught.value.problems] == ["by", "eligible", "within", "exposure"]
    assert "'leg_id', 'contact_id', 'case_id', 'customer_id'" in caught.value.problems[0]


def test_keys_are_tried_in_order_unless_one_is_named():
    assert PairingPlan().keys == ("leg_id", "contact_id", "case_id", "customer_id")
    assert PairingPlan(by=["case_id", "leg_id"]).keys == ("case_id", "leg_id")
    assert PairingPlan(by="customer_id").keys == ("customer_id",)


@pytest.mark.parametrize(
    ("by", "problem"),
    [
        ((), "expected one of"),
        (("contact_id", "phone"), "by='phone'"),
        (("contact_id", "contact_id"), "names 'contact_id' twice"),
        (("contact_id", 7), "by=7"),
    ],
)
def test_an_order_of_keys_that_is_none_is_refused(by, problem):
    with pytest.raises(ConfigError, match=re.escape(problem)):
        PairingPlan(by=by)


def test_a_plan_can_be_compared_and_kept():
    assert PairingPlan(by=["contact_id", "customer_id"]) == PairingPlan(by=("contact_id", "customer_id"))
    assert hash(PairingPlan(by=["contact_id"])) == hash(PairingPlan(by=("contact_id",)))
