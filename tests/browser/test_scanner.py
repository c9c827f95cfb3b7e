"""A mail scanner: a real browser without our cookies, with JavaScript, that presses everything."""

from typing import Any

from approvals.models import Challenge, Decision, Grant, WrongCode
from tests.approvals.person import mails
from tests.browser.conftest import Open, links_in, press
from tests.browser.scenes import ask, page_of
from tests.factories import kinds

PRESSABLE = "button:visible, input[type=submit]:visible, summary:visible, a:not(.skip):visible"


def scan(new_browser: Open, link: str) -> None:
    """Press each thing on a link's page and send each form, from a fresh look each time."""
    scanner = new_browser(java_script_enabled=True)
    for index in range(count(scanner, link, PRESSABLE)):
        # The guard of the answers (SE-08) must not be what saves us.
        scanner.wait_for_timeout(750)
        scanner.locator(PRESSABLE).nth(index).click()
        scanner.wait_for_load_state("networkidle")
        scanner.goto(link)
    for index in range(count(scanner, link, "form")):
        with scanner.expect_navigation():
            scanner.locator("form").nth(index).evaluate("form => form.submit()")
        scanner.goto(link)


def count(scanner: Any, link: str, what: str) -> int:
    scanner.goto(link)
    found: int = scanner.locator(what).count()
    return found


def test_ml_01_ml_02_a_scanner_changes_nothing_and_uses_nothing_up(
    page: Any, new_browser: Open
) -> None:
    asked = ask()
    page.goto(page_of(asked))
    press(page, "E-mail me a sign-in link")
    notice, sign_in = mails()
    before = list(Challenge.objects.order_by("pk").values())
    events = kinds(asked.track)
    for message in (notice, sign_in):
        for link in links_in(message):
            scan(new_browser, link)
    asked.refresh_from_db()
    assert asked.status == "open"
    assert kinds(asked.track) == events
    assert not Grant.objects.exists()
    assert not Decision.objects.exists()
    assert not WrongCode.objects.exists()
    ours = Challenge.objects.filter(pk__in=[each["id"] for each in before])
    assert list(ours.order_by("pk").values()) == before
    page.goto(links_in(sign_in)[0])
    press(page, "Continue as c•••@acme.com")
    press(page, "Approve: Approve the new rate")
    assert page.locator("h1").inner_text() == "Recorded: approved"
