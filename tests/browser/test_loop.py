"""The whole loop in a real browser: the mail's link, the proof, the answer, the result."""

from typing import Any

import pytest

from approvals.models import Answer, Ask, Decision
from tests.approvals.person import code_in, mails, token_in
from tests.browser.conftest import SETTLED, Open, follow, links_in, press
from tests.browser.scenes import CONFIRM, LONG_OPTIONS, OPTIONS, ask, page_of, track_with_steps

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with JS", "without JS"])


def arrive(page: Any) -> None:
    """Open the notice's link and show whose mailbox this is by the code in the same mail."""
    notice = mails()[-1]
    page.goto(links_in(notice)[0])
    page.get_by_label("Code from the mail").fill(code_in(notice).lower().replace("-", " "))
    press(page, "Continue")


def heading(page: Any) -> str:
    return str(page.locator("h1").inner_text())


@SCRIPTS
@pytest.mark.parametrize(
    ("button", "value", "said"),
    [
        ("Approve: Approve the new rate", True, "Recorded: approved"),
        ("Reject: Hold for negotiation", False, "Recorded: rejected"),
    ],
)
def test_a_confirm_is_answered(
    new_browser: Open, scripts: bool, button: str, value: bool, said: str
) -> None:
    asked = ask()
    page = new_browser(java_script_enabled=scripts)
    arrive(page)
    page.get_by_label("Comment").fill("As agreed with Dana.")
    press(page, button)
    assert heading(page) == said
    assert page.url.endswith(page_of(asked))
    decision = Decision.objects.get()
    assert (decision.value, decision.comment) == (value, "As agreed with Dana.")


@SCRIPTS
def test_high_risk_is_confirmed_on_a_second_page(new_browser: Open, scripts: bool) -> None:
    ask(config={"risk": "high"})
    page = new_browser(java_script_enabled=scripts)
    arrive(page)
    page.get_by_label("Comment").fill("As agreed\nwith Dana.")
    press(page, "Approve: Approve the new rate")
    assert heading(page) == "To be recorded: approved"
    assert not Decision.objects.exists()
    press(page, "Go back and change it")
    assert page.get_by_label("Comment").input_value() == "As agreed\nwith Dana."
    press(page, "Approve: Approve the new rate")
    press(page, "Yes, record: approved")
    assert heading(page) == "Recorded: approved"
    assert Decision.objects.get().comment == "As agreed\nwith Dana."


@SCRIPTS
def test_a_choice_on_buttons_is_answered(new_browser: Open, scripts: bool) -> None:
    ask(kind="choice", config={"options": OPTIONS})
    page = new_browser(java_script_enabled=scripts)
    arrive(page)
    press(page, "Counter at $750k")
    assert heading(page) == "Your answer is recorded"
    assert Answer.objects.get().value == "counter_750k"


@SCRIPTS
def test_a_choice_on_radios_is_answered(new_browser: Open, scripts: bool) -> None:
    ask(kind="choice", config={"options": LONG_OPTIONS})
    page = new_browser(java_script_enabled=scripts)
    arrive(page)
    assert page.locator("input:checked").count() == 0
    page.get_by_label("Send the clause to outside counsel").check()
    press(page, "Record this answer")
    assert heading(page) == "Your answer is recorded"
    assert Answer.objects.get().value == "counsel"


@SCRIPTS
@pytest.mark.parametrize(
    ("validate", "wrong", "typed"),
    [
        ("short", "", "Room 4, at noon"),
        ("long", "", "One.\n\nTwo."),
        ("email", "dana at acme", "dana@acme.com"),
        ("url", "ftp://acme.com", "https://acme.com/nda"),
    ],
)
def test_a_typed_answer_is_checked_by_the_browser_and_recorded(
    new_browser: Open, scripts: bool, validate: str, wrong: str, typed: str
) -> None:
    ask(kind="text", config={"validate": validate})
    page = new_browser(java_script_enabled=scripts)
    arrive(page)
    answer = page.get_by_role("textbox", name="Your answer")
    answer.fill(wrong)
    page.wait_for_function(SETTLED)
    page.get_by_role("button", name="Record this answer").click()
    assert page.locator("#value:invalid").count() == 1  # the browser itself held it back
    assert not Answer.objects.exists()
    answer.fill(typed)
    press(page, "Record this answer")
    assert heading(page) == "Your answer is recorded"
    assert Answer.objects.get().value == typed


@SCRIPTS
def test_a_protected_request_is_unlocked_proven_and_answered(
    new_browser: Open, scripts: bool
) -> None:
    ask(track=track_with_steps(password="correct horse battery"))
    notice = mails()[-1]
    page = new_browser(java_script_enabled=scripts)
    page.goto(links_in(notice)[0])
    assert heading(page) == "Protected request from Acme Finance"
    page.get_by_label("Password").fill("wrong")
    press(page, "Open")
    assert page.get_by_text("This is not the password.").is_visible()
    page.get_by_label("Password").fill("correct horse battery")
    press(page, "Open")
    page.get_by_label("Code from the mail").fill(code_in(notice))
    press(page, "Continue")
    press(page, "Approve: Approve the new rate")
    assert heading(page) == "Recorded: approved"
    assert Decision.objects.get().verified_by == "email_code+password"


def ask_for_link(page: Any, asked: Ask) -> Any:
    page.goto(page_of(asked))
    press(page, "E-mail me a sign-in link")
    assert page.get_by_text("We mailed a link and a code to c•••@acme.com").is_visible()
    return mails()[-1]


@SCRIPTS
def test_the_link_works_in_the_browser_that_asked(new_browser: Open, scripts: bool) -> None:
    asked = ask()
    page = new_browser(java_script_enabled=scripts)
    message = ask_for_link(page, asked)
    tab = page.context.new_page()
    tab.goto(links_in(message)[0])
    assert tab.url.endswith("/v/")
    press(tab, "Continue as c•••@acme.com")
    press(tab, "Approve: Approve the new rate")
    assert heading(tab) == "Recorded: approved"
    assert Decision.objects.get().verified_by == "email_link"


@SCRIPTS
def test_ml_11_in_another_browser_the_code_works_and_the_link_does_not(
    new_browser: Open, scripts: bool
) -> None:
    asked = ask()
    first = new_browser(java_script_enabled=scripts)
    message = ask_for_link(first, asked)
    phone = new_browser(java_script_enabled=scripts)
    phone.goto(links_in(message)[0])
    assert token_in(message) not in phone.url
    assert heading(phone) == "Go back to where you asked"
    assert phone.locator("button").count() == 0
    follow(phone.get_by_role("link", name="Open the request here"))
    phone.get_by_label("Code from the mail").fill(code_in(message))
    press(phone, "Continue")
    press(phone, "Approve: Approve the new rate")
    assert heading(phone) == "Recorded: approved"
    assert Decision.objects.get().verified_by == "email_code"


def test_the_receipt_is_read_downloaded_and_printed_on_one_page(
    new_browser: Open, tmp_path: Any
) -> None:
    asked = ask(config=CONFIRM)
    page = new_browser(java_script_enabled=True)
    arrive(page)
    press(page, "Approve: Approve the new rate")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download (JSON)").click()
    assert download.value.suggested_filename == f"receipt-{asked.reference}.json"
    follow(page.get_by_role("link", name="Receipt", exact=True))
    assert heading(page) == f"Receipt {asked.reference}"
    assert page.get_by_role("button", name="Print").is_visible()
    printed = page.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") == 1
