"""A request of another system in a real browser, from its mail to the system's own word for it."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from mirroring.models import Connection, Record
from tests.approvals.person import code_in, mails
from tests.browser.conftest import links_in, press
from tests.factories import WorkspaceFactory
from tests.mirroring.conftest import connect_to
from tests.mirroring.emulators.servicenow import ServiceNow
from tests.mirroring.mirror import consume, poll, push_due, record_of


@pytest.fixture
def snow(settings: Any) -> Iterator[ServiceNow]:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    with contextlib.closing(ServiceNow()) as system:
        yield system


@pytest.fixture
def connection(snow: ServiceNow, site: str) -> Connection:
    """A connection whose first load is over."""
    made = connect_to(snow, WorkspaceFactory(name="Acme Finance"))
    poll(made)
    return made


def open_page(page: Any, connection: Connection, ref: str) -> Record:
    """Bring an approval here, and open it from its mail as the one who is asked."""
    poll(connection)
    consume()
    notice = mails()[-1]
    page.goto(links_in(notice)[0])
    page.get_by_label("Code from the mail").fill(code_in(notice))
    press(page, "Continue")
    return record_of(connection, ref)


def test_a_decision_is_seen_to_be_confirmed_without_a_reload(
    page: Any, connection: Connection, snow: ServiceNow
) -> None:
    ref = snow.open("12 laptops", price="18400.00")
    record = open_page(page, connection, ref)
    press(page, "Approve")
    told = page.locator("[data-standing]")
    assert told.inner_text() == "Recorded. Sayso writes it to ServiceNow now."
    consume()
    push_due()
    page.locator("[data-standing=confirmed]").wait_for(timeout=20_000)
    assert told.inner_text().startswith("Confirmed in ServiceNow on ")
    assert told.get_by_role("link").get_attribute("href") == record.url
    assert page.locator("h1").inner_text() == "Recorded: approved"
    assert [each.state for each in snow.decisions[ref]] == ["approved"]


def test_what_is_decided_there_is_seen_without_a_reload(
    page: Any, connection: Connection, snow: ServiceNow
) -> None:
    ref = snow.open("12 laptops", price="18400.00")
    open_page(page, connection, ref)
    snow.decide(ref, "rejected", by="bob")
    poll(connection)
    page.get_by_role("heading", name="This request is already resolved").wait_for(timeout=20_000)
    assert "Denied in ServiceNow by bob on " in page.inner_text("main")
    assert page.get_by_role("button", name="Approve").count() == 0
