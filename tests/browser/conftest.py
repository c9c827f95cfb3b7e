"""Chromium against a live server: the pages as people meet them."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives

# Playwright's synchronous calls run an event loop, in whose thread Django would refuse its ORM.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

# The same browser without its windows where it is there: its pages open in half the time.
HEADLESS, WHOLE = Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")
CHROMIUM = Path(os.environ.get("CHROMIUM", HEADLESS if HEADLESS.exists() else WHOLE))
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTLED = "() => !document.querySelector('[data-guarded] button[aria-disabled]')"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the suite: its tests need a browser and a server that sees what they write."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One Chromium for all tests; each test has contexts of its own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="wants Chromium: no playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"wants Chromium: {CHROMIUM} is missing (CHROMIUM names another path)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(live_server: Any, settings: Any) -> str:
    """The address under which pages and mails name this server."""
    settings.PUBLIC_BASE_URL = live_server.url
    return str(live_server.url)


Open = Callable[..., Any]


@pytest.fixture
def new_browser(chromium: Any, site: str) -> Iterator[Open]:
    """Open another person's browser: nothing is shared with the first."""
    contexts: list[Any] = []

    def open_one(**options: Any) -> Any:
        context = chromium.new_context(base_url=site, **options)
        context.set_default_timeout(8000)
        contexts.append(context)
        return context.new_page()

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_browser: Open) -> Any:
    """A fresh browser of the approver."""
    return new_browser()


def links_in(message: EmailMultiAlternatives) -> list[str]:
    """Return the addresses to which a mail links."""
    html = str(message.alternatives[0][0])
    return list(dict.fromkeys(re.findall(r'href="(http[^"]+)"', html)))


def follow(target: Any) -> None:
    """Click what leads to a page, and wait for it: a click by itself may return on the old one."""
    with target.page.expect_navigation():
        target.click()


def press(page: Any, name: str) -> None:
    """Press a button the way a person does, once the page lets itself be answered."""
    page.wait_for_function(SETTLED)
    follow(page.get_by_role("button", name=name))
