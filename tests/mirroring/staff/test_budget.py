"""Staff see how much of a budget is used, by all processes, and what the system says of its own."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from mirroring.models import Connection, RequestCount
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tests.mirroring.connections.declared import LIST, poll
from tests.mirroring.connectors.api import Api
from tests.mirroring.connectors.definitions import row
from tests.mirroring.staff.test_operations import page, press
from tests.staff.conftest import Hire

pytestmark = pytest.mark.django_db

MINUTE, HOUR = "Budget used in the last minute", "Budget used in the last hour"
LEFT, PAUSE = "Left of the system&#x27;s own limit", "The system asked for a pause"


def facts(client: Client, connection: Connection) -> dict[str, str]:
    """Return what the top of a connection's page says, by its label."""
    shown = client.get(page(connection)).content.decode().replace("system's", "system&#x27;s")
    return dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", shown))


def another_machine_sent(connection: Connection, count: int, clock: Clock, **said: Any) -> None:
    RequestCount.objects.create(connection=connection, at=clock.now, sent=count, **said)


def test_what_was_sent_stands_against_the_budget(
    integrator: Client, erp: Connection, api: Api, clock: Clock
) -> None:
    assert facts(integrator, erp)[MINUTE] == "0 of 120 requests"
    poll(erp)
    sent = len(api.asked())
    clock.move(seconds=10)
    another_machine_sent(erp, 100, clock)
    found = facts(integrator, erp)
    assert sent == 2
    assert (found[MINUTE], found[HOUR]) == ("102 of 120 requests", "102 of 7,200 requests")
    clock.move(minutes=5)
    found = facts(integrator, erp)
    assert (found[MINUTE], found[HOUR]) == ("0 of 120 requests", "102 of 7,200 requests")
    assert {LEFT, PAUSE}.isdisjoint(found)


def test_what_the_system_says_of_its_limit_is_shown(
    integrator: Client, erp: Connection, api: Api, clock: Clock
) -> None:
    said = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4321", "X-RateLimit-Reset": "60"}
    api.on(LIST, {"rows": [row(1)]}, **said)
    poll(erp)
    told = facts(integrator, erp)[LEFT]
    at = r"\d\d:\d\d:\d\d"
    assert re.fullmatch(rf"4,321 of 5,000, it said at {at}; anew at {at} UTC", told)


def test_a_pause_that_the_system_asked_for_is_shown(
    integrator: Client, erp: Connection, api: Api, clock: Clock
) -> None:
    api.on(LIST, {}, status=429, **{"Retry-After": "3600"})
    poll(erp)
    assert re.fullmatch(r"until 2026-11-22 1[01]:\d\d:\d\d UTC", facts(integrator, erp)[PAUSE])
    clock.move(hours=1, seconds=1)
    assert PAUSE not in facts(integrator, erp)


def test_a_test_counts(integrator: Client, erp: Connection, api: Api) -> None:
    press(integrator, erp, "test")
    assert facts(integrator, erp)[MINUTE] == f"{len(api.asked())} of 120 requests"


def test_what_another_connection_sends_counts_for_that_one(
    integrator: Client, erp: Connection, clock: Clock
) -> None:
    other = Connection.objects.create(
        workspace=erp.workspace, name="Posted", created_at=clock.now - timedelta(days=1)
    )
    another_machine_sent(other, 100, clock)
    assert facts(integrator, erp)[HOUR] == "0 of 7,200 requests"
    assert MINUTE not in facts(integrator, other)


@pytest.mark.parametrize("role", ["Viewer", "Owner"])
def test_everybody_of_the_workspace_sees_it_and_nobody_else(
    hire: Hire, erp: Connection, role: str
) -> None:
    assert MINUTE in facts(hire(role, erp.workspace), erp)
    stranger = hire("Owner", WorkspaceFactory(name="Umbrella"), name="stranger@acme.com")
    assert MINUTE not in facts(stranger, erp)
