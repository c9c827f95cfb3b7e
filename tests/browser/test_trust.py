"""What people rely on: what is seen is what is recorded, and nobody else clicks for them."""

import hashlib
from typing import Any

import pytest
import rfc8785

from approvals.models import Ask, Decision
from approvals.opening import display_of
from tests.browser.conftest import SETTLED, Open, press
from tests.browser.scenes import CONFIRM, LONG_OPTIONS, OPTIONS, ask, page_of, verified
from tests.factories import CFO

STRANGE = (
    "  Zahle 5 €?\n\n\tjetzt „sofort“ — 你好 مرحبا می\u200cخواهم 👩‍👩‍👧 ﬁ <b>&amp;</b>\n\n  Ende  "
)
# Reads the card as a person sees it: innerText alone, but for the ids, which are not for reading.
READ_CARD = """() => {
  const one = (name) => document.querySelector(`[data-shown="${name}"]`)?.innerText ?? null;
  const rows = [...document.querySelectorAll('[data-shown="summary"] > div')];
  const choices = [...document.querySelectorAll(
    '[data-shown="choices"] > .answer, [data-shown="choices"] > .option')];
  const label = (each) => each.querySelector('button bdi, span > bdi').innerText;
  const value = (each) => each.querySelector('.recorded bdi')?.innerText ?? label(each);
  const card = document.querySelector('[data-ask]');
  const confirms = card.dataset.kind === 'confirm';
  return {
    ask_id: card.dataset.ask,
    kind: card.dataset.kind,
    workspace: one('workspace'),
    asked_by: one('asked_by'),
    approvers: [one('approvers')],
    prompt: one('prompt'),
    description: one('description'),
    summary: rows.length ? rows.map((row) => [...row.children].map((it) => it.innerText)) : null,
    details: one('details'),
    risk: document.querySelector('.badge')?.innerText.match(/(\\w+) risk/)[1].toLowerCase() ?? null,
    options: confirms || !choices.length ? null : choices.map((each) => [value(each), label(each)]),
    accept_label: confirms ? label(choices[0]) : null,
    reject_label: confirms ? label(choices[1]) : null,
    if_accepted: one('if_accepted'),
    if_rejected: one('if_rejected'),
    expires_at: card.querySelector('.card-top time').dateTime,
  };
}"""


def sign_in(page: Any, asked: Ask, site: str) -> None:
    cookies = verified(asked).items()
    page.context.add_cookies([{"name": n, "value": v, "url": site} for n, v in cookies])
    page.goto(page_of(asked))


@pytest.mark.parametrize(
    ("kind", "prompt", "config"),
    [
        ("confirm", "Approve?", {}),
        (
            "confirm",
            STRANGE,
            {
                "description": STRANGE,
                "details": STRANGE,
                "summary": [["  a ", " b  c "], ["مرحبا", "<i>x</i>"]],
                "accept_label": " Ja,  sofort ",
                "if_accepted": " Zwei  Räume ",
                "risk": "high",
            },
        ),
        ("choice", "Which?", {"options": OPTIONS, "risk": "low"}),
        ("choice", STRANGE, {"options": LONG_OPTIONS}),
        ("text", STRANGE, {"validate": "long", "description": STRANGE}),
    ],
)
def test_ai_03_what_is_seen_hashes_to_the_display_digest(
    page: Any, site: str, kind: str, prompt: str, config: dict[str, Any]
) -> None:
    asked = ask(kind=kind, prompt=prompt, config=config)
    sign_in(page, asked, site)
    for details in page.locator("details.more").all():
        details.locator("summary").click()
    seen = page.evaluate(READ_CARD) | {"v": 1, "track_id": asked.track.public_id}
    assert seen == display_of(asked, [CFO]).canonical()  # names what differs, if anything does
    digest = "sha256:" + hashlib.sha256(rfc8785.dumps(seen)).hexdigest()
    assert digest == asked.display_digest
    assert page.locator("[name=display_digest]").input_value() == digest


def test_ai_04_agent_text_is_never_cut(page: Any, site: str) -> None:
    details = "\n".join(f"line {number}" for number in range(190))
    asked = ask(config={"details": details})
    sign_in(page, asked, site)
    page.locator("details.more summary").click()
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.agent-text')].filter((each) =>
        each.scrollHeight > each.clientHeight + 2 && getComputedStyle(each).overflow !== 'visible')
        .length"""
    )
    assert cut == 0


def test_se_06_a_form_goes_through_under_our_own_headers(page: Any, site: str) -> None:
    asked = ask()
    sign_in(page, asked, site)
    with page.expect_request(lambda request: request.method == "POST") as sent:
        press(page, "Approve: Approve the new rate")
    headers = sent.value.all_headers()
    assert (headers["origin"], headers["sec-fetch-site"]) == (site, "same-origin")
    assert sent.value.response().status == 303
    assert Decision.objects.get().value is True


@pytest.mark.parametrize("parent", ["{site}/framing", "http://evil.example/framing"])
def test_se_07_no_page_lets_itself_be_framed(page: Any, site: str, parent: str) -> None:
    asked = ask()
    address = parent.format(site=site)
    html = f'<title>trap</title><iframe src="{site}{page_of(asked)}"></iframe>'
    page.route(address, lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(address)
    page.wait_for_load_state("networkidle")
    framed = page.frames[1]
    assert framed.url.startswith("chrome-error://")
    assert "Approve" not in framed.content()


def test_se_08_a_click_meant_for_another_window_does_not_answer(page: Any, site: str) -> None:
    asked = ask()
    sign_in(page, asked, site)
    button = page.get_by_role("button", name="Approve: Approve the new rate")
    assert button.get_attribute("aria-disabled") == "true"
    button.click(force=True)  # at once: this document was not in sight long enough
    page.wait_for_function(SETTLED)
    assert not Decision.objects.exists()
    page.reload()
    page.wait_for_function(SETTLED)
    button.evaluate("button => button.click()")  # the press happened in another document
    page.wait_for_timeout(200)
    assert not Decision.objects.exists()
    press(page, "Approve: Approve the new rate")
    assert Decision.objects.get().value is True


@pytest.mark.parametrize("scripts", [True, False], ids=["with JS", "without JS"])
@pytest.mark.parametrize(
    ("fields", "focused"),
    [
        ({"kind": "text", "config": {"validate": "short"}}, "#value"),
        ({"kind": "choice", "config": {"options": LONG_OPTIONS}}, "input[value=counter]"),
    ],
)
def test_ai_16_enter_records_nothing(
    new_browser: Open, site: str, scripts: bool, fields: dict[str, Any], focused: str
) -> None:
    asked = ask(**fields)
    page = new_browser(java_script_enabled=scripts)
    sign_in(page, asked, site)
    page.wait_for_timeout(800)
    control = page.locator(focused)
    if fields["kind"] == "text":
        control.fill("something")
    else:
        control.check()
    control.press("Enter")
    page.get_by_role("heading", name="Check your answer").wait_for()
    assert not Decision.objects.exists()


def test_no_answer_is_focused_and_the_two_weigh_the_same(page: Any, site: str) -> None:
    asked = ask(config=CONFIRM)
    sign_in(page, asked, site)
    page.wait_for_function(SETTLED)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    look = """button => { const is = getComputedStyle(button);
      return [is.backgroundColor, is.color, is.border, is.font, button.offsetHeight]; }"""
    buttons = page.locator(".answer button")
    assert buttons.count() == 2
    assert buttons.nth(0).evaluate(look) == buttons.nth(1).evaluate(look)


def test_a_draft_outlives_a_reload_in_its_tab_alone(page: Any, site: str) -> None:
    asked = ask()
    sign_in(page, asked, site)
    page.get_by_label("Comment").fill("half a thought")
    page.reload()
    assert page.get_by_label("Comment").input_value() == "half a thought"
    other = page.context.new_page()
    other.goto(page_of(asked))
    assert other.get_by_label("Comment").input_value() == ""
