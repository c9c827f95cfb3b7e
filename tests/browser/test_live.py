"""The page while it is open: it follows the agent, politely, and never moves the focus."""

import json
import urllib.request
from typing import Any

from tests.browser.conftest import SETTLED, Open, follow
from tests.browser.scenes import act, ask, page_of, verified
from tests.browser.source_scenes import AT, URL, mirrored, news
from tests.factories import answer
from tests.server import installed


def watch(page: Any, path: str) -> None:
    """Open a page whose clock is ours. Here is no /live, so the page asks every so often."""
    page.clock.install()
    page.goto(path)
    page.wait_for_load_state("networkidle")


def let_it_ask(page: Any, seconds: int = 4) -> None:
    """Let the page look whether there is news, and wait until it has said what it found."""
    said = page.locator("[data-live]").text_content()
    page.clock.run_for(seconds * 1000)
    heard = "said => document.querySelector('[data-live]').textContent !== said"
    page.wait_for_function(heard, arg=said)


def sign_in(page: Any, asked: Any, site: str) -> None:
    cookies = verified(asked).items()
    page.context.add_cookies([{"name": n, "value": v, "url": site} for n, v in cookies])
    watch(page, page_of(asked))


def test_progress_follows_the_agent(page: Any) -> None:
    asked = ask()
    watch(page, page_of(asked))
    act(asked.track, "Called the vendor back")
    let_it_ask(page)
    assert page.get_by_text("Called the vendor back").is_visible()
    assert page.get_by_role("status").inner_text() == "Something new has happened."


def test_the_card_follows_the_answer_given_elsewhere(page: Any, site: str) -> None:
    asked = ask()
    sign_in(page, asked, site)
    answer(asked, True)
    let_it_ask(page)
    assert page.locator("h1").inner_text() == "Recorded: approved"
    assert page.get_by_role("status").inner_text() == "Updated: Recorded: approved"
    assert page.evaluate("document.activeElement.tagName") == "BODY"


def test_the_card_follows_what_the_system_says_of_the_answer(page: Any, site: str) -> None:
    asked = mirrored()
    answer(asked, True)
    sign_in(page, asked, site)
    told = page.locator("[data-standing]")
    assert told.get_attribute("data-standing") == "waiting"
    news(asked, "record.confirmed", at=AT, url=URL)
    let_it_ask(page)
    assert told.inner_text().startswith("Confirmed in Request Tracker on Sun 22 Nov 2026")
    assert page.locator("h1").inner_text() == "Recorded: approved"


def test_who_is_typing_is_told_and_not_disturbed(page: Any, site: str) -> None:
    asked = ask()
    sign_in(page, asked, site)
    page.get_by_label("Comment").fill("I am not sure that")
    answer(asked, True)
    let_it_ask(page)
    assert page.get_by_label("Comment").input_value() == "I am not sure that"
    assert page.evaluate("document.activeElement.id") == "comment"
    words = "This request has changed. Reload the page to see it as it is now."
    assert page.get_by_role("status").inner_text() == words


def test_a_new_question_is_as_inert_as_a_new_page(page: Any, site: str) -> None:
    first = ask()
    sign_in(page, first, site)
    page.mouse.move(10, 10)
    page.clock.run_for(1000)
    answer(first, True)
    second = ask(track=first.track, prompt="And this one?")
    let_it_ask(page, seconds=3)
    button = page.get_by_role("button", name="Approve: Approve the new rate")
    assert page.locator("h1").inner_text() == second.prompt
    assert button.get_attribute("aria-disabled") == "true"
    page.clock.run_for(1000)
    page.wait_for_function(SETTLED)


def test_without_scripts_there_is_a_link_to_look_again(new_browser: Open) -> None:
    asked = ask()
    page = new_browser(java_script_enabled=False)
    page.goto(page_of(asked))
    act(asked.track, "Called the vendor back")
    follow(page.get_by_role("link", name="Refresh"))
    assert page.get_by_text("Called the vendor back").is_visible()


def test_a_stream_tells_the_page_at_once(chromium: Any) -> None:
    """Against the real server, whose router streams; nothing is asked for in between."""
    with installed() as place:
        web, outsider = place.web(), place.outsider()
        key = outsider.call("issue_key")["key"]
        [asked] = outsider.call("open_asks", count=1)
        page = chromium.new_page(base_url=web.base_url)
        with page.expect_response("**/live") as stream:
            page.goto(url_of(asked, key, web.base_url))
        assert stream.value.headers["content-type"].startswith("text/event-stream")
        assert page.evaluate("getComputedStyle(document.body).margin") == "0px"  # the stylesheet
        fetched: list[str] = []
        page.on("request", lambda each: fetched.append(each.resource_type))
        outsider.call("answer", ask=asked)
        page.get_by_role("heading", name="Already answered").wait_for(timeout=5000)
        assert fetched.count("fetch") == 1
        page.close()


def url_of(asked: str, key: str, base_url: str) -> str:
    """Return the address of an ask's page, as the API names it."""
    request = urllib.request.Request(
        f"{base_url}/api/v1/asks/{asked}", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return str(json.load(response)["url"])
