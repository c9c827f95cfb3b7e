"""The home of the admin and its webhooks in a real browser: tasks by role, accessible, in words."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import Open, follow
from tests.browser.staff_pages import RECEIVER, busy, sign_in, with_deliveries
from tests.browser.test_states import RULES, violations
from tests.conftest import Clock
from tests.factories import WorkspaceFactory
from tracks.models import Entry, Workspace
from webhooks.models import Delivery, Endpoint, SigningKey

PICTURES = os.environ.get("SAYSO_PICTURES")
# unfold's frame has no landmarks, which is best practice and no rule of WCAG's.
WCAG = [rule for rule in RULES if rule != "best-practice"]
WHY = "Their receiver was down."


@pytest.fixture
def acme(transactional_db: None, clock: Clock) -> Workspace:
    workspace: Workspace = WorkspaceFactory(name="Acme Finance")
    return workspace


@pytest.fixture
def integrator(acme: Workspace, site: str, new_browser: Open) -> Any:
    page = new_browser()
    sign_in(page, site, "Integrator", acme)
    return page


def act(page: Any, endpoint: Endpoint, button: str) -> None:
    """Open an endpoint from the list, and press one of its buttons."""
    page.goto("/admin/webhooks/endpoint/")
    follow(page.get_by_role("link", name=endpoint.url).first)
    follow(page.get_by_role("link", name=button, exact=True).first)


def say_why(page: Any, button: str) -> None:
    page.get_by_label("Reason").fill(WHY)
    follow(page.get_by_role("button", name=button, exact=True))


SCENES = {
    "home": "/admin/",
    "endpoints": "/admin/webhooks/endpoint/",
    "endpoint": "/admin/webhooks/endpoint/{endpoint}/change/",
    "add-endpoint": "/admin/webhooks/endpoint/add/",
    "rotate": "/admin/webhooks/endpoint/{endpoint}/rotate_secret/",
    "recover": "/admin/webhooks/endpoint/{endpoint}/recover_since/",
    "deliveries": "/admin/webhooks/delivery/",
    "delivery": "/admin/webhooks/delivery/{delivery}/change/",
}


@pytest.mark.parametrize("name", SCENES)
def test_a_page_of_staff_is_accessible_in_light_and_dark(
    name: str, acme: Workspace, clock: Clock, integrator: Any
) -> None:
    endpoint = busy(acme, clock)
    delivery = Delivery.objects.filter(status="exhausted").get()
    integrator.goto(SCENES[name].format(endpoint=endpoint.pk, delivery=delivery.pk))
    for scheme in ("light", "dark"):
        integrator.emulate_media(color_scheme=scheme)
        integrator.reload()
        integrator.wait_for_timeout(400)  # unfold fades from one to the other
        is_dark = integrator.evaluate("document.documentElement.classList.contains('dark')")
        assert is_dark is (scheme == "dark")
        assert violations(integrator, WCAG) == [], scheme
        for width in (1280, 768) if PICTURES else ():
            integrator.set_viewport_size({"width": width, "height": 900})
            path = Path(PICTURES or "") / f"staff-{name}-{width}-{scheme}.png"
            integrator.screenshot(path=path, full_page=True)


def test_a_number_leads_to_the_rows_that_it_counts(
    acme: Workspace, clock: Clock, integrator: Any
) -> None:
    busy(acme, clock)
    integrator.goto("/admin/")
    follow(integrator.get_by_role("link", name="2 Failed webhooks"))
    integrator.get_by_text("2 deliverys").or_(integrator.get_by_text("2 results")).first.wait_for()
    assert integrator.locator("#result_list tbody tr").count() == 2


def test_an_integrator_adds_an_endpoint_and_sees_its_secret_once(
    acme: Workspace, integrator: Any
) -> None:
    integrator.goto("/admin/webhooks/endpoint/add/")
    integrator.get_by_label("Workspace").select_option("Acme Finance")
    integrator.get_by_label("URL").fill(RECEIVER)
    integrator.get_by_label("input_request.answered").check()
    follow(integrator.get_by_role("button", name="Save", exact=True))
    integrator.get_by_text("it is shown this once").wait_for()
    key = SigningKey.objects.get().key
    assert integrator.get_by_text(key).is_visible()
    follow(integrator.get_by_role("link", name="I have kept it"))
    assert key not in integrator.content()
    assert Endpoint.objects.get().event_types == ["input_request.answered"]


def test_an_integrator_pauses_and_resumes(acme: Workspace, clock: Clock, integrator: Any) -> None:
    endpoint = with_deliveries(acme, clock)
    act(integrator, endpoint, "Pause")
    say_why(integrator, "Pause")
    integrator.get_by_text("Paused. What happens meanwhile is kept").wait_for()
    act(integrator, endpoint, "Resume")
    say_why(integrator, "Resume")
    integrator.get_by_text("Resumed.").first.wait_for()
    assert Endpoint.objects.get().enabled


def test_an_integrator_recovers_since(acme: Workspace, clock: Clock, integrator: Any) -> None:
    endpoint = with_deliveries(acme, clock)
    act(integrator, endpoint, "Recover since")
    integrator.get_by_label("Since (UTC)").fill("2026-11-22T09:00:00")
    say_why(integrator, "Recover since")
    integrator.get_by_text("3 deliveries are sent again.").wait_for()
    assert Entry.objects.get(type="deliveries.recovered").data["reason"] == WHY


def test_an_integrator_sends_one_again(acme: Workspace, clock: Clock, integrator: Any) -> None:
    endpoint = with_deliveries(acme, clock)
    delivery = Delivery.objects.get(status="exhausted")
    integrator.goto(f"/admin/webhooks/endpoint/{endpoint.pk}/change/")
    follow(integrator.locator(f"a[href*='{delivery.pk}']"))
    follow(integrator.get_by_role("link", name="Send again").first)
    say_why(integrator, "Send again")
    integrator.get_by_text("is sent again.").wait_for()
    delivery.refresh_from_db()
    assert delivery.status == "pending"


def test_an_integrator_rotates_the_secret(acme: Workspace, clock: Clock, integrator: Any) -> None:
    endpoint = with_deliveries(acme, clock)
    act(integrator, endpoint, "Rotate the secret")
    integrator.get_by_label("How long the secret before signs, too").select_option("an hour")
    say_why(integrator, "Rotate the secret")
    integrator.get_by_text(SigningKey.objects.get(expires_at=None).key).wait_for()


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_who_only_looks_has_no_buttons_and_a_post_of_theirs_is_refused(
    role: str, acme: Workspace, clock: Clock, site: str, new_browser: Open
) -> None:
    endpoint = with_deliveries(acme, clock)
    page = new_browser()
    sign_in(page, site, role, acme)
    page.goto(f"/admin/webhooks/endpoint/{endpoint.pk}/change/")
    for name in ("Pause", "Rotate the secret", "Send a test", "Recover since"):
        assert page.get_by_role("link", name=name, exact=True).count() == 0
    token = next(c["value"] for c in page.context.cookies() if c["name"].endswith("csrf"))
    answer = page.request.post(
        f"/admin/webhooks/endpoint/{endpoint.pk}/pause/",
        form={"reason": WHY, "csrfmiddlewaretoken": token},
        headers={"Referer": f"{site}/admin/", "Origin": site},
    )
    assert answer.status == 403
    assert Endpoint.objects.get().enabled
