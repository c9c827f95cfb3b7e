"""Staff at work in a browser: the commonest tasks by role, and pages that everybody can use."""

from typing import Any

import pytest

from approvals.models import Ask, Notification, Override
from tests.approvals.table import SAM
from tests.browser.conftest import Open, follow
from tests.browser.staff_scenes import hire, sit_down, waiting_ask
from tests.browser.test_states import violations
from tests.factories import CFO, say
from tests.staff.test_dossier import HOSTILE

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WHY = "The CFO is in hospital."
PAGES = ("", "override/", "reassign/", "revoke_browsers/")


def at_work(new_browser: Open, site: str, role: str, **options: Any) -> Any:
    page = new_browser(viewport={"width": 1280, "height": 900}, **options)
    sit_down(page, site, hire(role))
    return page


def test_an_operator_finds_a_request_and_nudges(new_browser: Open, site: str) -> None:
    ask = waiting_ask()
    waiting_ask(prompt="Another question?")
    page = at_work(new_browser, site, "Operator")
    page.goto("/admin/approvals/ask/")
    page.get_by_role("searchbox").or_(page.locator("#searchbar")).first.fill(ask.reference)
    page.keyboard.press("Enter")
    page.wait_for_url("**q=**")
    assert page.get_by_text("Another question?").count() == 0
    follow(page.get_by_role("link", name=ask.reference))
    follow(page.get_by_role("link", name="Nudge"))
    page.get_by_label("Approver").select_option(label=CFO)
    page.get_by_label("Reason").fill(WHY)
    follow(page.get_by_role("button", name="Nudge"))
    page.get_by_text("A reminder is on its way.").wait_for()
    page.get_by_text(f"{CFO} nudged").wait_for()
    assert Notification.objects.get(kind="nudge").approver.address == CFO


def test_an_operator_reassigns(new_browser: Open, site: str) -> None:
    ask = waiting_ask()
    page = at_work(new_browser, site, "Operator")
    page.goto(f"/admin/approvals/ask/{ask.pk}/change/")
    follow(page.get_by_role("link", name="Reassign"))
    page.get_by_label("In place of").select_option(label=CFO)
    page.get_by_label("E-mail address").fill(SAM)
    page.get_by_label("Reason").fill(WHY)
    follow(page.get_by_role("button", name="Reassign"))
    page.get_by_text(f"is asked instead of {CFO}, by staff").wait_for()


def test_an_operator_revokes_a_browser_from_its_line(new_browser: Open, site: str) -> None:
    ask = waiting_ask()
    page = at_work(new_browser, site, "Operator")
    page.goto(f"/admin/approvals/ask/{ask.pk}/change/")
    follow(page.get_by_role("link", name=f"Revoke the browsers of {CFO}"))
    assert page.get_by_label("Approver").evaluate("it => it.selectedOptions[0].text") == CFO
    page.get_by_label("Reason").fill(WHY)
    follow(page.get_by_role("button", name="Revoke browsers"))
    page.get_by_text("Revoked: 1 verified browser.").wait_for()


def test_an_owner_overrides_and_the_approver_reads_it(
    new_browser: Open, site: str, page: Any
) -> None:
    ask = waiting_ask()
    staff = at_work(new_browser, site, "Owner")
    staff.goto(f"/admin/approvals/ask/{ask.pk}/change/")
    follow(staff.get_by_role("link", name="Override"))
    staff.get_by_label("Hold for negotiation").check()
    staff.get_by_label("Reason").fill(WHY)
    follow(staff.get_by_role("button", name="Override"))
    staff.get_by_text("Rejected by staff, in place of the approvers").wait_for()
    assert Override.objects.get().by == "owner@sayso.example"
    page.goto(f"/t/{ask.track.slug}")
    page.get_by_role("heading", name="Decided by the people who run Sayso: rejected").wait_for()


def test_a_viewer_looks_and_has_nothing_to_press(new_browser: Open, site: str) -> None:
    ask = waiting_ask()
    page = at_work(new_browser, site, "Viewer")
    page.goto(f"/admin/approvals/ask/{ask.pk}/change/")
    page.get_by_text("What was shown").wait_for()
    assert page.get_by_role("navigation", name="What you may do").count() == 0
    answered = page.goto(f"/admin/approvals/ask/{ask.pk}/override/")
    assert answered.status == 403
    assert Ask.objects.get().status == Ask.Status.OPEN


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(new_browser: Open, site: str, scheme: str) -> None:
    ask = waiting_ask()
    page = at_work(new_browser, site, "Owner", color_scheme=scheme, reduced_motion="reduce")
    paths = [f"/admin/approvals/ask/{ask.pk}/{each or 'change/'}" for each in PAGES]
    paths.append(f"/admin/tracks/track/{ask.track_id}/change/")
    for path in paths:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert violations(page, RULES) == [], path
        for width in (1280, 768):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_long_words_push_no_column_off_the_lists(new_browser: Open, site: str) -> None:
    ask = waiting_ask(prompt="W" * 180)
    ask.track.title = "W" * 180
    ask.track.save()
    page = at_work(new_browser, site, "Owner")
    for path in ("/admin/approvals/ask/", "/admin/tracks/track/"):
        page.goto(path)
        box = page.locator("#result_list .field-status_shown").bounding_box()
        assert box["x"] + box["width"] <= 1280, path


def test_hostile_texts_are_inert(new_browser: Open, site: str) -> None:
    """AI-01: nothing runs, nothing is fetched, nothing is a link."""
    page = at_work(new_browser, site, "Owner")
    alarms: list[str] = []
    page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: alarms.append(request.url) if "evil" in request.url else 0)
    for hostile in HOSTILE:
        ask = waiting_ask(prompt=hostile)
        say(ask.track, hostile)
        for path in (
            "/admin/approvals/ask/",
            f"/admin/approvals/ask/{ask.pk}/change/",
            f"/admin/approvals/ask/{ask.pk}/override/",
            f"/admin/tracks/track/{ask.track_id}/change/",
        ):
            page.goto(path)
            assert page.locator('a[href*="evil"], a[href^="javascript"]').count() == 0
        shown = page.locator(".dossier .quoted").filter(has_text=hostile[:20])
        assert shown.first.inner_text() == hostile
    assert alarms == []
