"""`make pictures`: the pictures of README and docs, taken from the real pages.

No test, so its name hides it from pytest. The stories are those of the demos, seeded as real
tracks; the clock stands still, so that a picture changes only when a page does.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from approvals import grants
from approvals.demo.script import script_named
from approvals.demo.seeding import Seeder, states_of
from approvals.models import Grant
from approvals.opening import approver_at
from tests.browser.conftest import SETTLED, Open, follow
from tests.browser.png import shrunk
from tests.conftest import Clock
from tracks.clock import database_now

PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "pictures"


def save(page: Any, name: str, **options: Any) -> None:
    """Write a picture of what a browser shows."""
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.png").write_bytes(shrunk(page.screenshot(**options)))


def test_the_front_page_at_its_most_telling_moment(new_browser: Open) -> None:
    page = new_browser(viewport={"width": 1280, "height": 1240})
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto("/")
    page.get_by_role("button", name="Pause").wait_for()
    page.clock.run_for(script_named("finance").telling)
    save(page, "landing")


@pytest.mark.parametrize(
    ("picture", "name", "state", "width", "scheme"),
    [
        ("question", "finance", "open", 760, "light"),
        ("question-phone", "recruiting", "open", 360, "dark"),
    ],
)
def test_the_page_of_a_track(
    picture: str, name: str, state: str, width: int, scheme: str, new_browser: Open, clock: Clock
) -> None:
    page = at_home(new_browser, name, width, scheme)
    seeder = seeded(name, state, clock)
    page.clock.set_fixed_time(clock.now)
    show(page, seeder, f"/t/{seeder.track.slug}")
    save(page, picture, full_page=True)


def test_the_receipt(new_browser: Open, clock: Clock) -> None:
    page = at_home(new_browser, "finance", 760, "light")
    seeder = seeded("finance", "finished", clock)
    show(page, seeder, f"/t/{seeder.track.slug}")
    follow(page.get_by_role("link", name="Receipt"))
    page.get_by_role("button", name="Print").wait_for()
    save(page, "receipt", full_page=True)


def at_home(new_browser: Open, name: str, width: int, scheme: str) -> Any:
    """Return a browser whose clock is that of whoever is asked."""
    return new_browser(
        viewport={"width": width, "height": 600},
        color_scheme=scheme,
        timezone_id=script_named(name).time_zone,
        reduced_motion="reduce",
    )


def seeded(name: str, state: str, clock: Clock) -> Seeder:
    """Bring a demo into a state, at the times of its story."""
    script = script_named(name)
    clock.move_to(script.began)
    seeder = Seeder(script, state=state)
    for operation in states_of(script)[state]:
        clock.move_to(script.began + timedelta(milliseconds=operation.at))
        seeder.do(operation)
    return seeder


def show(page: Any, seeder: Seeder, path: str) -> None:
    """Open a page in the browser of whoever was asked."""
    token = grants.grant(
        track=seeder.track,
        token=None,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=approver_at(seeder.workspace.pk, seeder.script.approver),
        client=grants.Client(ip="192.0.2.7", user_agent="Firefox"),
        now=database_now(),
    )
    page.goto("/healthz")
    url = page.url.removesuffix("/healthz")
    cookie = {"name": settings.VIEWER_COOKIE_NAME, "value": token, "url": url}
    page.context.add_cookies([cookie])
    page.goto(path)
    page.wait_for_function(SETTLED)
