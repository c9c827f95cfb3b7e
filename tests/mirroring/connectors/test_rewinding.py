"""A pass begins again at a time, and leaves out nothing that was still to be read."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mirroring.connectors import CONNECTORS, connect
from mirroring.connectors.base import CursorKind
from mirroring.connectors.keyset import Position
from mirroring.connectors.rewinding import NO_TIMES, back_to, is_from_start
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import BY_TIME, rest

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
# Nine in the morning there is eight in UTC.
MOMENT = datetime(2026, 11, 20, 9, tzinfo=ZoneInfo("Europe/Berlin"))
RESTED = Position(since=NOW - timedelta(minutes=5), is_first=False).write()

LOGIN = {"username": "sayso", "password": "pa55word"}
CLIENT = {"client_id": "sayso", "client_secret": "s3cr3t"}
KEYSET: dict[str, tuple[dict[str, str], str, Any, str, str]] = {
    "request_tracker": (
        {"token": "1-2-3"},
        "/tickets",
        {"items": []},
        "query",
        "Type = 'approval' AND LastUpdated >= '2026-11-20 08:00:00 +0000'",
    ),
    "servicenow": (
        LOGIN,
        "/api/now/table/sysapproval_approver",
        {"result": []},
        "sysparm_query",
        "sys_updated_on>=2026-11-20 08:00:00^ORDERBYsys_updated_on^ORDERBYsys_id",
    ),
    "coupa": (CLIENT, "/api/approvals", [], "updated_at[gt_or_eq]", "2026-11-20T08:00:00+00:00"),
    "task_provider": (
        LOGIN,
        "/tasks",
        {"tasks": [], "more": False},
        "modifiedAfter",
        "2026-11-20T08:00:00.000000Z",
    ),
}


@pytest.mark.parametrize("name", KEYSET)
def test_a_system_is_asked_for_what_has_changed_since_then(api: Api, name: str) -> None:
    config, path, said, field, value = KEYSET[name]
    api.on("POST /oauth2/token", {"access_token": "t", "expires_in": 3600})
    api.on(f"GET {path}", said)
    connect(name, {"base_url": api.url, **config}).list(back_to(MOMENT, RESTED), 10)
    (query,) = api.queries(f"GET {path}")
    assert query[field] == value
    assert not {"state", "status"} & query.keys()


def test_a_declared_system_is_asked_for_the_same(api: Api) -> None:
    api.on("GET /approvals", {"rows": []})
    rest(api.url, **BY_TIME).list(back_to(MOMENT, RESTED), 10)
    assert api.queries("GET /approvals") == [{"since": "2026-11-20T08:00:00Z"}]


def test_every_system_that_knows_times_is_among_these(api: Api) -> None:
    others = {"airflow": LOGIN, "github": {"token": "t", "repositories": "acme/app"}}
    configs = {name: config for name, (config, *_) in KEYSET.items()} | others
    assert {*configs, "rest"} == set(CONNECTORS)
    by_time = [
        name
        for name, config in configs.items()
        if connect(name, {"base_url": api.url, **config}).capabilities().cursor == CursorKind.KEYSET
    ]
    assert by_time == list(KEYSET)
    assert {*NO_TIMES, CursorKind.KEYSET} == set(CursorKind)


@pytest.mark.parametrize(
    ("at", "minutes_ago"),
    [
        # Between two passes, the later one of which begins an hour ago.
        (Position(since=NOW - timedelta(hours=1), is_first=False), 60),
        # Within a pass: what was committed late while it went on is still looked for.
        (
            Position(since=NOW, high=NOW, started=NOW - timedelta(minutes=30), is_first=False),
            30 + 5 + 5 / 60,
        ),
        # Pages were numbered from an hour ago on, and the rest of them was not read.
        (
            Position(
                since=NOW - timedelta(minutes=50),
                low=NOW - timedelta(minutes=60),
                high=NOW - timedelta(minutes=1),
                started=NOW,
                page=3,
                is_first=False,
            ),
            60,
        ),
    ],
)
def test_what_was_still_to_be_read_is_not_left_out(at: Position, minutes_ago: float) -> None:
    begin = Position.read(back_to(NOW - timedelta(seconds=10), at.write()))
    assert begin == Position(since=NOW - timedelta(minutes=minutes_ago), is_first=False)
    earlier = Position.read(back_to(MOMENT, at.write()))
    assert earlier == Position(since=MOMENT.astimezone(UTC), is_first=False)


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        Position(since=NOW, started=NOW, high=NOW).write(),
        "somebody else's",
    ],
)
def test_a_pass_from_the_start_begins_there_again(cursor: str | None) -> None:
    """Its end would be the first that anybody hears of what has waited longer than that."""
    assert is_from_start(cursor)
    assert back_to(MOMENT, cursor) is None
    assert not is_from_start(RESTED)
