"""Keys, people, the log and the second factor in Chromium: accessible, in light and in dark."""

import os
from base64 import b32decode
from pathlib import Path
from typing import Any

import pytest
from django_otp.oath import TOTP

from tests.browser.conftest import Open, follow
from tests.browser.office_scenes import OFFICE_SCENES, office, sign_in
from tests.browser.test_states import RULES, violations
from tests.factories import issue_key
from tracks.models import ApiKey, Authenticator, Workspace

PICTURES = os.environ.get("SAYSO_PICTURES")
WIDTHS = (768, 1280)
# unfold's frame has no landmarks, which is best practice and no rule of WCAG's.
WCAG = [rule for rule in RULES if rule != "best-practice"]


@pytest.fixture
def acme(transactional_db: None) -> Workspace:
    return office()


@pytest.fixture
def browser(acme: Workspace, site: str, new_browser: Open) -> Any:
    """The browser of the owner, who is signed in."""
    browser = new_browser(reduced_motion="reduce")
    sign_in(browser, site)
    return browser


@pytest.mark.parametrize("name", OFFICE_SCENES)
def test_a_page_is_accessible_and_fits(name: str, site: str, browser: Any) -> None:
    errors: list[str] = []
    requests: list[Any] = []
    browser.on("pageerror", lambda error: errors.append(str(error)))
    browser.on("request", lambda each: requests.append(each.url))
    path = OFFICE_SCENES[name]()
    for scheme in ("light", "dark"):
        browser.emulate_media(color_scheme=scheme)
        browser.goto(path)
        browser.wait_for_timeout(400)  # unfold fades from one to the other
        assert violations(browser, WCAG) == [], scheme
        for width in WIDTHS:
            browser.set_viewport_size({"width": width, "height": 900})
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            if PICTURES:
                picture = Path(PICTURES) / f"office-{name}-{width}-{scheme}.png"
                browser.screenshot(path=picture, full_page=True)
    assert errors == []
    assert [url for url in requests if not url.startswith((site, "data:"))] == []


def test_the_filters_of_the_log_can_be_used_with_the_keyboard(browser: Any) -> None:
    browser.goto("/admin/tracks/event/")
    browser.get_by_text("Filters").first.click()
    browser.get_by_label("By type").select_option("action.logged")
    follow(browser.get_by_role("button", name="Apply Filters"))
    browser.wait_for_url("**type=action.logged**")
    assert browser.locator("#result_list tbody tr").count() == 1
    follow(browser.get_by_role("link", name="Export what this list shows"))
    browser.get_by_label("Reason").fill("The audit")
    with browser.expect_download() as download:
        browser.get_by_role("button", name="Export").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == 2
    assert "Pulled 47 invoices" in lines[1]


def test_an_owner_replaces_a_key_and_sees_the_new_one_once(acme: Workspace, browser: Any) -> None:
    browser.goto("/admin/tracks/apikey/")
    follow(browser.get_by_role("link", name="Bookkeeper"))
    follow(browser.get_by_role("link", name="Replace", exact=True))
    browser.get_by_label("Reason").fill("Every quarter")
    follow(browser.get_by_role("button", name="Replace", exact=True))
    shown = browser.locator("code").inner_text()
    assert shown.startswith(ApiKey.objects.exclude(replaces=None).get().public_id)
    follow(browser.get_by_role("link", name="I have kept it"))
    browser.wait_for_url("**/change/")
    assert shown not in browser.content()
    assert ApiKey.objects.count() == 2
    issue_key(acme)


def test_a_second_factor_from_the_first_sight_of_it_to_its_use(
    acme: Workspace, browser: Any, site: str, new_browser: Open
) -> None:
    Workspace.objects.update(requires_totp=True)
    browser.goto("/admin/tracks/apikey/")
    key = b32decode(browser.locator("code").inner_text())
    browser.locator("#id_code").fill(f"{TOTP(key).token():06}")
    follow(browser.get_by_role("button", name="Turn it on"))
    codes = browser.locator("li code").all_inner_texts()
    assert len(codes) == 10
    if PICTURES:
        browser.screenshot(path=Path(PICTURES) / "office-codes-1280-light.png", full_page=True)
    assert violations(browser, WCAG) == []
    follow(browser.get_by_role("link", name="I have kept them"))
    browser.wait_for_url("**/admin/tracks/apikey/")
    other = new_browser()
    sign_in(other, site)
    other.goto("/admin/tracks/apikey/")
    other.locator("#id_code").fill("000000")
    follow(other.get_by_role("button", name="Continue"))
    assert other.get_by_text("This code was not taken.").is_visible()
    Authenticator.objects.update(throttling_failure_count=0)
    other.locator("#id_code").fill(codes[0])
    follow(other.get_by_role("button", name="Continue"))
    other.wait_for_url("**/admin/tracks/apikey/")
