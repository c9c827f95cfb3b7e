"""Several people in real browsers: two of three, passing on, and "this isn't for me"."""

from typing import Any

import pytest

from approvals.models import Answer, Decision, Decline, Holder
from tests.approvals.person import code_in, mails
from tests.browser.conftest import Open, follow, press
from tests.browser.people_scenes import CFO, KIM, SAM, several, verified_as
from tests.browser.scenes import ask, page_of

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with JS", "without JS"])


def heading(page: Any) -> str:
    return str(page.locator("h1").inner_text())


def enter(page: Any, site: str, asked: Any, address: str) -> None:
    cookies = verified_as(asked, address).items()
    page.context.add_cookies([{"name": n, "value": v, "url": site} for n, v in cookies])
    page.goto(page_of(asked))


@SCRIPTS
def test_two_of_three_approve(new_browser: Open, site: str, scripts: bool) -> None:
    asked = several()
    first = new_browser(java_script_enabled=scripts)
    first.goto(page_of(asked))
    first.get_by_text("k•••@acme.com").last.click()
    follow(first.get_by_role("button", name="E-mail me a sign-in link"))
    first.get_by_text("We mailed a link and a code to").wait_for()
    first.get_by_text("k•••@acme.com").last.click()
    first.get_by_label("Code from the mail").fill(code_in(mails()[-1]))
    press(first, "Continue")
    press(first, "Approve: Approve the new rate")
    first.get_by_text("The request waits for the others who are asked.").wait_for()
    assert not Answer.objects.exists()
    second = new_browser(java_script_enabled=scripts)
    enter(second, site, asked, CFO)
    assert second.locator(".table .done").inner_text() == "✓ Approved"
    second.mouse.move(20, 20)
    press(second, "Approve: Approve the new rate")
    assert heading(second) == "Recorded: approved"
    if not scripts:
        first.reload()
    first.get_by_role("heading", name="Settled: approved").wait_for()
    assert [each.approver.address for each in Decision.objects.order_by("at", "pk")] == [KIM, CFO]


@SCRIPTS
def test_a_request_is_sent_on_and_answered_for_the_giver(
    new_browser: Open, site: str, scripts: bool
) -> None:
    asked = ask()
    giver, taker = (new_browser(java_script_enabled=scripts) for _ in range(2))
    enter(giver, site, asked, CFO)
    giver.locator("summary", has_text="Send to someone else").click()
    giver.get_by_label("Their e-mail address").fill(SAM)
    giver.get_by_label("Why", exact=True).fill("Sam negotiated this.")
    follow(giver.get_by_role("button", name="Send it to them"))
    giver.get_by_text("You sent this to s•••@acme.com.").wait_for()
    assert Holder.objects.get(kind="handed_over").approver.address == SAM
    enter(taker, site, asked, SAM)
    assert "Sam negotiated this." in taker.locator(".came-by").inner_text()
    taker.mouse.move(20, 20)
    press(taker, "Approve: Approve the new rate")
    assert "by sam@acme.com for cfo@acme.com on" in taker.locator(".seal p").inner_text()
    if not scripts:
        giver.reload()
    giver.get_by_role("heading", name="Already answered").wait_for()


@SCRIPTS
def test_somebody_says_that_it_is_not_for_them(new_browser: Open, site: str, scripts: bool) -> None:
    asked = ask()
    page = new_browser(java_script_enabled=scripts)
    enter(page, site, asked, CFO)
    page.locator("summary", has_text="This isn’t for me").click()
    page.get_by_label("Why optional").fill("I left procurement.")
    follow(page.get_by_role("button", name="Tell Acme Finance"))
    page.get_by_text("You said that this is not for you.").wait_for()
    assert Decline.objects.get().reason == "I left procurement."


def test_ai_16_enter_in_a_field_of_the_ways_out_answers_nothing(page: Any, site: str) -> None:
    asked = ask()
    enter(page, site, asked, CFO)
    page.locator("summary", has_text="Send to someone else").click()
    page.get_by_label("Their e-mail address").fill("sam")
    page.get_by_label("Their e-mail address").press("Enter")
    page.locator("#to-error").wait_for()
    assert page.locator(":focus").inner_text().startswith("There is a problem")
    assert page.get_by_label("Their e-mail address").input_value() == "sam"
    assert not Decision.objects.exists()
