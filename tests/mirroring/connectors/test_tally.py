"""What systems say of their limits, each in headers of its own."""

from datetime import UTC, datetime

import pytest

from mirroring.connectors.base import ConnectorError
from mirroring.connectors.http import Session
from mirroring.connectors.tally import Limit, read_limit
from tests.mirroring.connectors.api import Api

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
IN_A_MINUTE = str(int(NOW.timestamp()) + 60)


@pytest.mark.parametrize(
    ("headers", "remaining", "most", "resets_in"),
    [
        # GitHub
        (
            {
                "x-ratelimit-limit": "5000",
                "x-ratelimit-remaining": "4987",
                "x-ratelimit-reset": IN_A_MINUTE,
            },
            4987,
            5000,
            60.0,
        ),
        # Okta
        ({"x-rate-limit-limit": "600", "x-rate-limit-remaining": "0"}, 0, 600, None),
        # IETF drafts up to the sixth, the seventh, and those after it
        (
            {
                "ratelimit-limit": "100, 100;w=60",
                "ratelimit-remaining": "50",
                "ratelimit-reset": "30",
            },
            50,
            100,
            30.0,
        ),
        ({"ratelimit": "limit=100, remaining=50, reset=30"}, 50, 100, 30.0),
        (
            {
                "ratelimit": '"hour";r=50;t=30, "day";r=7;t=3600',
                "ratelimit-policy": '"hour";q=100;w=60, "day";q=1000;w=86400',
            },
            50,
            100,
            30.0,
        ),
        ({"x-ratelimit-remaining": "12.0", "x-ratelimit-reset": "soon"}, 12, None, None),
        # A time that has been, one a century ahead, and more than a column holds
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1700000000"}, 1, None, 0.0),
        ({"x-ratelimit-remaining": "1", "x-ratelimit-reset": "4900000000"}, 1, None, 86_400.0),
        ({"x-ratelimit-remaining": "99999999999"}, 2_147_483_647, None, None),
    ],
)
def test_a_limit_is_read(
    headers: dict[str, str], remaining: int, most: int | None, resets_in: float | None
) -> None:
    said = Limit(remaining=remaining, most=most, resets_in=resets_in)
    assert read_limit(headers, now=NOW) == said


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-limit": "1000"},
        {"x-ratelimit-remaining": "-1"},
        {"x-ratelimit-remaining": "many"},
        {"ratelimit": "?1"},
        {"ratelimit-policy": '"hour";q=100;w=60'},
    ],
)
def test_what_names_nothing_that_is_left_is_no_limit(headers: dict[str, str]) -> None:
    assert read_limit(headers, now=NOW) is None


def test_a_session_keeps_what_it_sent_and_what_it_was_told(api: Api) -> None:
    told = {"X-RateLimit-Remaining": "7", "Retry-After": "90"}
    api.on("GET /items", {}, status=429, **told)
    api.on("GET /others", {})
    session = Session(api.url)
    with pytest.raises(ConnectorError):
        session.read("/items", purpose="get")
    session.read("/others", purpose="get")
    assert len(session.tally.sent) == 2
    assert (session.tally.limit, session.tally.pause) == (Limit(remaining=7), 90.0)


def test_a_request_that_the_budget_refuses_is_not_sent(api: Api) -> None:
    session = Session(api.url, per_minute=1)
    api.on("GET /items", {})
    session.read("/items", purpose="decide")
    with pytest.raises(ConnectorError):
        session.read("/items", purpose="decide")
    assert len(session.tally.sent) == 1
