"""Every state of the pages: its status, accessible in light and dark, and whole at 320 pixels."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import SETTLED, Open
from tests.browser.people_scenes import PEOPLE_SCENES
from tests.browser.scenes import SCENES, Scene
from tests.browser.source_scenes import SOURCE_SCENES
from tests.conftest import Clock

EVERY_SCENE = SCENES | PEOPLE_SCENES | SOURCE_SCENES
PICTURES = os.environ.get("SAYSO_PICTURES")
WIDTHS = (320, 768, 1280)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What is pressed alone is at least 44 pixels high; a link within a sentence is as high as its line.
SMALL = """() => [...document.querySelectorAll(
    'button, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), textarea, select, '
    + 'summary, .option, .tick, .links a, .queue-nav a, .go'
)].filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 44)
  .map((each) => each.outerHTML)"""


def enter(scene: Scene, browser: Any, site: str) -> None:
    """Bring a browser into a state."""
    cookies = [{"name": name, "value": value, "url": site} for name, value in scene.cookies.items()]
    browser.context.add_cookies(cookies)
    documents: list[Any] = []
    browser.on(
        "response", lambda each: each.request.is_navigation_request() and documents.append(each)
    )
    browser.goto(scene.path)
    if scene.act is not None:
        scene.act(browser)
    browser.wait_for_function(SETTLED)
    assert documents[-1].status == scene.status


@pytest.mark.parametrize("name", EVERY_SCENE)
def test_a_state_is_accessible_and_fits(
    name: str, clock: Clock, site: str, new_browser: Open
) -> None:
    browser = new_browser(reduced_motion="reduce")
    browser.clock.set_fixed_time(clock.now)
    enter(EVERY_SCENE[name](clock), browser, site)
    # Only colours differ in the dark, so the other rules need not be asked twice.
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        browser.emulate_media(color_scheme=scheme)
        assert violations(browser, rules) == [], scheme
        for width in WIDTHS if PICTURES else WIDTHS[:1]:
            browser.set_viewport_size({"width": width, "height": 900})
            if PICTURES:
                path = Path(PICTURES) / f"{name}-{width}-{scheme}.png"
                browser.screenshot(path=path, full_page=True)
    browser.set_viewport_size({"width": 320, "height": 900})
    assert browser.evaluate("document.documentElement.scrollWidth") == 320
    assert browser.evaluate(SMALL) == []


def violations(browser: Any, rules: list[str]) -> list[str]:
    """Return what axe finds wrong with a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="wants axe")
    found = axe.Axe().run(browser, options={"runOnly": rules, "resultTypes": ["violations"]})
    return [
        f"{each['id']}: {node['html']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]
