"""Amounts, times and digests: nothing guessed, nothing rounded."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from mirroring.connectors.base import APPROVE, Actor, statement
from mirroring.connectors.values import digest_of, read_amount, read_time, redacted


@pytest.mark.parametrize(
    ("value", "amount", "currency"),
    [
        (Decimal("750.50"), Decimal("750.50"), None),
        (7, Decimal(7), None),
        ("750.50", Decimal("750.50"), None),
        ("18400 EUR", Decimal(18400), "EUR"),
        (" EUR 0.10 ", Decimal("0.10"), "EUR"),
        ("EUR;18400.5", Decimal("18400.5"), "EUR"),
        ("-3", Decimal(-3), None),
        ("1,234.00", None, None),
        ("1.234,00", None, None),
        ("about 7", None, None),
        ("1e9", None, None),
        ("NaN", None, None),
        ("", None, None),
        (None, None, None),
        (True, None, None),
        ([7], None, None),
        (Decimal("1e9999999"), None, None),
        (Decimal("-1e-9999999"), None, None),
        (Decimal("NaN"), None, None),
        (Decimal("Infinity"), None, None),
        (10**31, None, None),
        (Decimal("0." + "1" * 41), None, None),
        (Decimal("18400.000000000002"), Decimal("18400.000000000002"), None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(
    value: Any, amount: Decimal | None, currency: str | None
) -> None:
    assert read_amount(value) == (amount, currency)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("2026-11-22T10:00:00Z", None),
        ("2026-11-22T11:00:00+01:00", None),
        ("2026-11-22 10:00:00", None),
        ("22.11.2026 10:00", "%d.%m.%Y %H:%M"),
        (1795341600, None),
        (Decimal("1795341600.0"), None),
    ],
)
def test_a_time_is_utc_unless_it_says_otherwise(value: Any, pattern: str | None) -> None:
    assert read_time(value, pattern) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", "1970-01-01T00:00:00Z", 0])
def test_what_was_never_set_is_no_time(value: Any) -> None:
    assert read_time(value) is None


ODD_TIMES = ["yesterday", "2026-13-01", True, [], 10**30, Decimal("1e9999999")]
NOWHERE_IN_UTC = ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00"]


@pytest.mark.parametrize("value", [*ODD_TIMES, *NOWHERE_IN_UTC])
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a time"):
        read_time(value)


def test_the_same_amount_written_otherwise_has_the_same_digest() -> None:
    assert digest_of({"a": Decimal("1.50")}) == digest_of({"a": Decimal("1.5")})
    assert digest_of({"a": Decimal("1.50")}) != digest_of({"a": Decimal("1.51")})
    assert digest_of({"a": "x", "b": None}) == digest_of({"b": None, "a": "x"})


@pytest.mark.parametrize("number", ["1e9999999", "1e-9999999", "NaN"])
def test_a_number_that_nobody_can_mean_has_no_digest(number: str) -> None:
    with pytest.raises(ValueError, match="out of all bounds"):
        digest_of({"a": Decimal(number)})


def test_what_looks_secret_is_not_kept() -> None:
    said = {"Api-Key": "x", "user": {"password": "x", "name": "Al"}, "rows": [{"token": "x"}]}
    assert redacted({**said, "amount": Decimal("1.50"), "secret": None}) == {
        "Api-Key": "[redacted]",
        "user": {"password": "[redacted]", "name": "Al"},
        "rows": [{"token": "[redacted]"}],
        "amount": "1.50",
        "secret": None,
    }


def test_a_statement_names_the_person_the_time_and_the_receipt() -> None:
    moment = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    actor = Actor(email="al@corp.example", name="Al", decided_at=moment, receipt="rcp_1")
    assert statement(option=APPROVE, actor=actor, comment="Fine.", key="sayso-1") == (
        "Approve: decided by Al <al@corp.example> at 2026-11-22 10:30 UTC through Sayso "
        "(receipt rcp_1).\n\nFine.\n\n[sayso-1]"
    )
