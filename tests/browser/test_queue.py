"""The queue in a real browser: signing in, narrowing, answering one after the other, together."""

from datetime import timedelta
from typing import Any

import pytest

from approvals.models import Absence, Ask, Decision, Grant, QueueMail, WrongQueueCode
from tests.approvals.person import code_in, token_in
from tests.approvals.queue_person import queue_mails
from tests.browser.conftest import Open, follow, links_in, press
from tests.browser.people_scenes import LOW, SAM, acme, fill_queue, signed_in
from tests.browser.scenes import ask
from tests.browser.test_scanner import scan
from tests.conftest import Clock
from tests.factories import CFO, AskFactory, TrackFactory

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with JS", "without JS"])


def heading(page: Any) -> str:
    return str(page.locator("h1").inner_text())


def arrive(page: Any, site: str) -> None:
    """Come in with the cookie of somebody who is signed in."""
    cookies = signed_in().items()
    page.context.add_cookies([{"name": n, "value": v, "url": site} for n, v in cookies])
    page.goto("/queue/")


def three_low(**fields: Any) -> list[Ask]:
    workspace = acme()
    return [
        AskFactory(
            track=TrackFactory(workspace=workspace, title=f"Invoice {number}"),
            prompt=f"Pay invoice {number}?",
            config=LOW,
        )
        for number in (1, 2, 3)
    ]


@SCRIPTS
def test_somebody_signs_in_by_the_code(new_browser: Open, scripts: bool) -> None:
    ask()
    page = new_browser(java_script_enabled=scripts)
    page.goto("/queue/")
    page.get_by_label("Your e-mail address").fill("CFO@acme.com")
    press(page, "E-mail me a sign-in link")
    page.get_by_label("Code from the mail").fill(code_in(queue_mails()[-1]).lower())
    press(page, "Continue")
    assert heading(page) == "1 waiting for you"
    press(page, "Sign out")
    assert heading(page) == "Everything that waits for you"


@SCRIPTS
def test_somebody_signs_in_by_the_link(new_browser: Open, scripts: bool) -> None:
    ask()
    page = new_browser(java_script_enabled=scripts)
    page.goto("/queue/")
    page.get_by_label("Your e-mail address").fill(CFO)
    press(page, "E-mail me a sign-in link")
    page.goto(links_in(queue_mails()[-1])[0])
    assert page.url.endswith("/v/")  # ML-16: the token has left the address bar
    press(page, "Continue as c•••@acme.com")
    assert heading(page) == "1 waiting for you"


def test_ml_01_ml_02_a_scanner_changes_nothing_and_uses_nothing_up(
    page: Any, new_browser: Open
) -> None:
    ask()
    page.goto("/queue/")
    page.get_by_label("Your e-mail address").fill(CFO)
    press(page, "E-mail me a sign-in link")
    message = queue_mails()[-1]
    before = QueueMail.objects.values().get()
    for link in links_in(message):
        scan(new_browser, link)
    assert not Grant.objects.exists()
    assert not WrongQueueCode.objects.exists()
    assert QueueMail.objects.values().get() == before
    page.goto(f"/v/{token_in(message)}")
    press(page, "Continue as c•••@acme.com")
    assert heading(page) == "1 waiting for you"


@SCRIPTS
def test_one_answer_leads_to_the_next(new_browser: Open, site: str, scripts: bool) -> None:
    three_low()
    page = new_browser(java_script_enabled=scripts)
    arrive(page, site)
    follow(page.get_by_role("link", name="Pay invoice 1?"))
    for number, left in ((1, 2), (2, 1)):
        assert heading(page) == f"Pay invoice {number}?"
        page.mouse.move(20, 20)
        press(page, "Approve: Pay it")
        assert heading(page) == "Recorded: approved"
        follow(page.get_by_role("link", name=f"Next: Pay invoice {number + 1}? ({left} left)"))
    press(page, "Reject: Hold it")
    follow(page.get_by_role("link", name="Your queue"))
    assert heading(page) == "Nothing waiting"
    assert [each.value for each in Decision.objects.order_by("at", "pk")] == [True, True, False]


@SCRIPTS
def test_low_risk_ones_are_answered_together(new_browser: Open, site: str, scripts: bool) -> None:
    three_low()
    page = new_browser(java_script_enabled=scripts)
    arrive(page, site)
    for number in (1, 3):
        page.get_by_label(f"Tick: Pay invoice {number}?").check()
    press(page, "Review the ticked ones")
    assert heading(page) == "Check 2 before they are recorded"
    assert not Decision.objects.exists()
    page.mouse.move(20, 20)
    press(page, "Approve all of them")
    assert heading(page) == "2 of 2 recorded: approved"
    assert [each.ask.prompt for each in Decision.objects.order_by("pk")] == [
        "Pay invoice 1?",
        "Pay invoice 3?",
    ]
    follow(page.get_by_role("link", name="Back to everything that waits"))
    assert heading(page) == "1 waiting for you"


@SCRIPTS
def test_the_queue_is_narrowed(clock: Clock, new_browser: Open, site: str, scripts: bool) -> None:
    fill_queue(clock)
    page = new_browser(java_script_enabled=scripts)
    arrive(page, site)
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Workspace").select_option("Northwind")
    page.get_by_label("Kind").select_option("Choice")
    press(page, "Show")
    assert "workspace=Northwind" in page.url
    assert page.locator(".items .what").all_inner_texts() == [
        "They want a $1M liability cap. What should we send back?"
    ]
    follow(page.get_by_role("link", name="Show everything"))
    assert page.locator(".items .what").count() == 7


@SCRIPTS
def test_a_stand_in_is_named_and_taken_back(new_browser: Open, site: str, scripts: bool) -> None:
    three_low()
    page = new_browser(java_script_enabled=scripts)
    arrive(page, site)
    today = Ask.objects.get(prompt="Pay invoice 1?").created_at
    tomorrow = today + timedelta(days=1)  # in the workspace's zone today may be over
    follow(page.get_by_role("link", name="Away"))
    page.get_by_label("Their e-mail address").fill(SAM)
    page.get_by_label("First day").fill(f"{today:%Y-%m-%d}")
    page.get_by_label("Last day").fill(f"{tomorrow:%Y-%m-%d}")
    press(page, "Name this stand-in")
    assert page.locator(".absences .address").inner_text() == SAM
    follow(page.locator(".absences button"))
    page.get_by_text("Nobody stands in for you.").wait_for()
    assert Absence.objects.get().ended_at is not None
