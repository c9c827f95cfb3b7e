"""Every page of the admin, whichever those are, is accessible in light and in dark."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from approvals.models import MonthOfAsks, SlackChannel
from mirroring.connection_form import titles
from mirroring.models import Connection, InboundHook
from tests.browser.conftest import Open, follow
from tests.browser.staff_pages import with_deliveries
from tests.browser.staff_scenes import sit_down, waiting_ask, workspace
from tests.browser.test_staff import RULES
from tests.browser.test_states import violations
from tests.conftest import Clock
from tests.factories import answer, issue_key
from tests.mirroring.connections.declared import LIST, connect, poll
from tests.mirroring.connectors.api import Api, serving
from tests.mirroring.connectors.definitions import BY_TIME, row
from tests.staff_actor import DANA
from tests.webhooks.conftest import run_consumers
from tracks.entries import note
from tracks.models import Dispatch
from tracks.people import keep_authenticator
from webhooks.models import OwnerNotice

PICTURES = os.environ.get("SAYSO_PICTURES")
# Nothing is deleted here, and the log is the history.
UNUSED = ("_history", "_delete")


@pytest.fixture
def boss(transactional_db: None, clock: Clock) -> Client:
    """A superuser, to whom every page is open; the newest of the people is another."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("boss"))
    person = get_user_model().objects.create_user("dana@acme.com", is_staff=True)
    keep_authenticator(person, key="00" * 20, step=1, actor=DANA)
    return client


@pytest.fixture
def api() -> Iterator[Api]:
    """A system that answers."""
    with serving() as serves:
        yield serves


@pytest.fixture
def erp(boss: Client, clock: Clock, settings: Settings, api: Api) -> Connection:
    """One of everything that has a page."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    ask, acme, now = waiting_ask(), workspace(), clock.now
    endpoint = with_deliveries(acme, clock)
    OwnerNotice.objects.create(endpoint=endpoint, kind="failing", created_at=now)
    issue_key(acme)
    SlackChannel.objects.create(workspace=acme, webhook_url="https://hooks.slack.com/services/x")
    MonthOfAsks.objects.get_or_create(workspace=acme, month="2026-11")
    note(acme.pk, "key.revoked", subject="sk_live_x", actor=DANA, at=now)
    erp = mirrored(api, clock)
    Dispatch.objects.get_or_create(
        event=ask.track.events.earliest("seq"), defaults={"next_attempt_at": now}
    )
    return erp


def mirrored(api: Api, clock: Clock) -> Connection:
    """Return a connection with a decision on its way, and somebody without an address."""
    rows = [row(1), row(2, deciders=[{"login": "bo"}]), {"key": 3}]
    limit = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4321", "Retry-After": "30"}
    api.on(LIST, {"rows": rows}, **limit)
    erp = connect(workspace(), api)
    poll(erp)
    decided = erp.records.get(external_id="1")
    assert decided.ask is not None
    answer(decided.ask)
    run_consumers()
    InboundHook.objects.create(
        connection=erp,
        proof="signature",
        webhook_id="msg_1",
        body="{}",
        body_digest="0" * 64,
        received_at=clock.now,
    )
    return erp


@pytest.fixture
def page(new_browser: Open, site: str, boss: Client) -> Any:
    options = {"viewport": {"width": 1280, "height": 900}, "bypass_csp": True}
    at_work = new_browser(reduced_motion="reduce", **options)
    sit_down(at_work, site, boss)
    return at_work


def models() -> list[type[Model]]:
    """Return every model that has pages, whichever app it is of."""
    return sorted(admin.site._registry, key=lambda model: model._meta.label)


def pages_of(model: type[Model]) -> list[str]:
    """Return the names of all pages of a model: list, form, one row, and each action."""
    names = [each.name for each in admin.site._registry[model].get_urls() if each.name]
    return [name for name in names if not name.endswith(UNUSED)]


@pytest.mark.parametrize("model", models(), ids=lambda model: model._meta.label_lower)
def test_the_pages_of_a_model(page: Any, erp: Connection, model: type[Model]) -> None:
    row = model._default_manager.latest("pk")
    opened = 0
    for name in pages_of(model):
        is_of_all = name.endswith(("_changelist", "_add", "_export"))
        path = reverse(f"admin:{name}", args=() if is_of_all else (row.pk,))
        # Most rows are made by no form: nobody may.
        opened += is_accessible(page, path, name)
    assert opened >= len(pages_of(model)) - 1


@pytest.mark.parametrize("kind", titles())
def test_the_form_of_each_system(page: Any, erp: Connection, kind: str) -> None:
    assert is_accessible(page, f"/admin/mirroring/connection/add/?kind={kind}", kind)


@pytest.mark.parametrize("verb", ["test", "dry_run"])
def test_what_a_trial_has_found(page: Any, erp: Connection, verb: str) -> None:
    page.goto(f"/admin/mirroring/connection/{erp.pk}/{verb}/")
    follow(page.locator(".mirror form button"))
    page.get_by_role("status").first.wait_for()
    examine(page, f"found_{verb}")


def test_what_a_test_before_saving_has_found(page: Any, erp: Connection) -> None:
    page.goto(f"/admin/mirroring/connection/{erp.pk}/change/")
    follow(page.get_by_role("button", name="Test these settings"))
    page.get_by_role("heading", name="It works").wait_for()
    examine(page, "found_unsaved")


def test_a_rewind_to_a_time(page: Any, erp: Connection, api: Api) -> None:
    api.on(LIST, {"rows": [row(1, at="2026-11-22T09:00:00Z")]})
    ledger = connect(workspace(), api, name="Ledger", definition=BY_TIME)
    poll(ledger)
    page.goto(f"/admin/mirroring/connection/{ledger.pk}/rewind/")
    examine(page, "rewind_to_a_time")
    page.get_by_label("To a date and time").check()
    page.get_by_label("Date and time (UTC)").fill("2036-11-20T09:00:00")
    follow(page.get_by_role("button", name="Rewind"))
    page.get_by_text("This is still to come.").wait_for()
    examine(page, "rewind_refused")


@pytest.mark.parametrize("path", ["/admin/", "/admin/second-factor/set-up/"])
def test_the_pages_of_no_model(page: Any, erp: Connection, path: str) -> None:
    assert is_accessible(page, path, path.replace("/", "_"))


def is_accessible(page: Any, path: str, name: str) -> bool:
    """Examine a page, or tell that nobody is let in."""
    status = page.goto(path).status
    if status == 403:
        assert name.endswith("_add")
        return False
    assert (status, page.url.endswith(path)) == (200, True), path
    assert " object (" not in page.title()  # a row without a name
    examine(page, name)
    return True


def examine(page: Any, name: str) -> None:
    """Find nothing wrong with the page that is open, in light and in dark."""
    page.add_style_tag(content="* { transition: none !important }")
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        page.evaluate(
            "is => document.documentElement.classList.toggle('dark', is)", scheme == "dark"
        )
        # So high that the bar with the buttons covers nothing.
        height = page.evaluate("document.documentElement.scrollHeight") + 100
        page.set_viewport_size({"width": 1280, "height": height})
        assert violations(page, rules) == [], (name, scheme)
        for width in (768, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            if PICTURES:
                file = Path(PICTURES) / f"admin-{name}-{width}-{scheme}.png"
                page.screenshot(path=file, full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
