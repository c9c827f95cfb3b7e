"""The front page and its demos in a browser: what plays, who may take over, what never moves."""

from typing import Any

import pytest

from approvals.demo.film import film_named
from approvals.demo.script import NAMES, script_named
from approvals.models import Ask
from tests.browser.conftest import Open, follow
from tests.browser.test_states import RULES, SMALL, violations
from tracks.models import Event, Track

PATHS = ["/", *(f"/demo/{name}" for name in NAMES)]
TICK = 100
SHIFTS = """() => { window.shifts = [];
  new PerformanceObserver((list) => { for (const each of list.getEntries())
    window.shifts.push([each.value, each.sources.map((it) => it.node?.outerHTML?.slice(0, 80))]);
  }).observe({ type: 'layout-shift', buffered: true }); }"""


def name_of(path: str) -> str:
    return path.rpartition("/")[2] or NAMES[0]


def open_demo(page: Any, path: str) -> Any:
    """Open a demo with the clock in our hands, and return its screen once the film has begun."""
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(path)
    stage = page.locator("[data-stage]")
    stage.evaluate("stage => stage.scrollIntoView({ block: 'center' })")
    if page.evaluate("matchMedia('(prefers-reduced-motion: no-preference)').matches"):
        page.get_by_role("button", name="Pause").wait_for()
    return stage


def frame_of(stage: Any) -> str:
    return str(stage.get_attribute("data-frame"))


def play(page: Any, stage: Any, *, until: int) -> list[tuple[int, str, str]]:
    """Let time pass, and return when which frame came with which heading."""
    seen = [(0, frame_of(stage), heading(stage))]
    for now in range(TICK, until + TICK, TICK):
        page.clock.run_for(TICK)
        if frame_of(stage) != seen[-1][1]:
            seen.append((now, frame_of(stage), heading(stage)))
    return seen


def heading(stage: Any) -> str:
    return str(stage.locator("h1").first.inner_text())


def button(page: Any, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def says(page: Any) -> str:
    return str(page.locator("[data-says]").inner_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_plays_to_its_end_alike_in_two_runs(new_browser: Open, name: str) -> None:
    runs = []
    for _ in range(2):
        page = new_browser()
        stage = open_demo(page, f"/demo/{name}")
        runs.append(play(page, stage, until=21_000))
        assert button(page, "Play").is_visible()
    frames = film_named(name).story.frames
    assert [(at, frame) for at, frame, _ in runs[0]] == [
        (frame.at, f"story.{number}") for number, frame in enumerate(frames)
    ]
    assert runs[1] == runs[0]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_moves_and_nothing_is_fetched_but_our_files(
    new_browser: Open, site: str, path: str
) -> None:
    page = new_browser(viewport={"width": 412, "height": 823})
    asked: list[tuple[str, str]] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.add_init_script(f"({SHIFTS})()")
    stage = open_demo(page, path)
    play(page, stage, until=21_000)
    button(page, "Step").click()
    button(page, "Replay").click()
    page.wait_for_timeout(600)  # for the last entries of the observer
    assert page.evaluate("window.shifts") == []
    assert errors == []
    files = {"favicon.svg", "sayso.css", "landing.css", "demo.js", "guilloche.svg"}
    assert set(asked) - {("GET", f"{site}{path}")} <= {
        ("GET", f"{site}/static/{file}") for file in files
    }
    assert not Track.objects.exists()
    assert not Event.objects.exists()
    assert page.context.cookies() == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("moment", ["finished", "telling"])
def test_a_demo_is_accessible_and_fits(new_browser: Open, path: str, moment: str) -> None:
    page = new_browser(reduced_motion="reduce" if moment == "finished" else "no-preference")
    stage = open_demo(page, path)
    if moment == "telling":
        page.clock.run_for(script_named(name_of(path)).telling)
        button(page, "Pause").click()
    page.clock.resume()  # axe waits for timers of its own
    for scheme, rules in (("light", RULES), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=scheme)
        for top in (0, 10_000):
            stage.evaluate("(stage, top) => stage.scrollTo(0, top)", top)
            assert violations(page, rules) == [], scheme
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert stage.evaluate("stage => stage.scrollWidth - stage.clientWidth") == 0
    assert page.evaluate(SMALL) == []


# -- playback --------------------------------------------------------------------------------------


def test_pause_holds_the_film_and_play_goes_on_where_it_was(page: Any) -> None:
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(1700)
    button(page, "Pause").click()
    page.clock.run_for(60_000)
    assert frame_of(stage) == "story.2"  # at 1.5 s; the next one comes at 2 s
    button(page, "Play").click()
    page.clock.run_for(299)
    assert frame_of(stage) == "story.2"
    page.clock.run_for(1)
    assert frame_of(stage) == "story.3"


def test_with_reduced_motion_nothing_starts_and_steps_go_through(new_browser: Open) -> None:
    page = new_browser(reduced_motion="reduce")
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(60_000)
    assert (frame_of(stage), heading(stage)) == ("finished", "Recorded: approved")
    frames = film_named("finance").story.frames
    for number, frame in enumerate(frames):
        button(page, "Step").click()
        assert frame_of(stage) == f"story.{number}"
        assert says(page) == frame.caption
    page.clock.run_for(60_000)
    assert frame_of(stage) == f"story.{len(frames) - 1}"
    button(page, "Back").click()
    assert frame_of(stage) == f"story.{len(frames) - 2}"


def test_the_chapter_that_plays_is_marked(page: Any) -> None:
    open_demo(page, "/demo/finance")
    current = page.locator("[aria-current=step]")
    assert current.inner_text().startswith("0:00")
    page.clock.run_for(5000)
    assert current.inner_text().startswith("0:05")


def test_without_javascript_the_story_is_there(new_browser: Open) -> None:
    page = new_browser(java_script_enabled=False)
    page.goto("/demo/finance")
    assert page.get_by_role("heading", name="Recorded: approved").is_visible()
    assert page.get_by_text("47 payments scheduled for Friday").is_visible()
    assert page.get_by_text("At high risk the choice is repeated once").is_visible()
    assert not page.get_by_role("button", name="Play").is_visible()
    stage = page.locator("[data-stage]")
    assert stage.evaluate("stage => stage.scrollHeight - stage.clientHeight") == 0
    follow(page.get_by_role("link", name="Receipt", exact=True))
    assert page.get_by_role("heading", name="Receipt").first.is_visible()
    back = page.get_by_role("link", name="Back to the demo")
    follow(page.get_by_role("link", name="Contract").or_(back))
    assert page.url.endswith("/demo/finance")


# -- the visitor takes over ------------------------------------------------------------------------


def test_the_visitor_answers_otherwise(page: Any) -> None:
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(9000)
    stage.get_by_label("Comment").fill("Dana is on it.")
    assert button(page, "Play").is_visible()  # typing has stopped the film
    stage.get_by_role("button", name="Hold for negotiation").click()
    assert heading(stage) == "To be recorded: rejected"
    assert stage.locator("dd.said").inner_text() == "Dana is on it."
    stage.get_by_role("button", name="Go back and change it").click()
    stage.get_by_label("Comment").fill("<b>Call them.</b>")
    stage.get_by_role("button", name="Hold for negotiation").click()
    stage.get_by_role("button", name="Yes, record: rejected").click()
    assert heading(stage) == "Recorded: rejected"
    page.clock.run_for(5000)
    assert stage.get_by_role("heading", name="Stopped before it was done").is_visible()
    assert stage.locator("dd.said").inner_text() == "<b>Call them.</b>"
    assert says(page).endswith("Nothing was recorded or sent.")
    stage.get_by_role("link", name="Receipt").click()
    assert "Rejected by cfo@acme.example" in stage.inner_text()
    assert "<b>Call them.</b>" in stage.inner_text()
    stage.get_by_role("link", name="Back to the request").click()
    assert heading(stage) == "Recorded: rejected"
    assert not Ask.objects.exists()


def test_without_a_comment_none_is_shown(page: Any) -> None:
    stage = open_demo(page, "/demo/recruiting")
    button(page, "Answer it yourself").click()
    stage.get_by_role("button", name="Fri 27 Nov, 11:30").click()
    assert heading(stage) == "Your answer is recorded"
    assert "comment" not in stage.inner_text()
    page.clock.run_for(5000)
    assert "Booked Friday 11:30 in 4 calendars" in stage.inner_text()


def test_an_answer_may_lead_to_another_question(page: Any) -> None:
    stage = open_demo(page, "/demo/recruiting")
    button(page, "Answer it yourself").click()
    stage.get_by_role("button", name="None of these").click()
    page.clock.run_for(5000)
    assert heading(stage) == "When suits you?"
    stage.get_by_role("textbox", name="Your answer").fill("Monday at four")
    stage.get_by_role("button", name="Record this answer").click()
    assert "Monday at four" in stage.inner_text()
    page.clock.run_for(5000)
    assert "Ines proposes a new time" in stage.inner_text()


def test_whoever_has_only_the_link_proves_the_mailbox_first(page: Any) -> None:
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(5500)
    stage.get_by_role("button", name="E-mail me a sign-in link").click()
    assert says(page) == "A mail would go out now. In the demo any code will do."
    stage.get_by_label("Code from the mail").fill("ABCD-EFGH")
    stage.get_by_role("button", name="Continue").click()
    assert stage.get_by_role("button", name="Approve: Approve the new rate").is_visible()


def test_replay_gives_the_film_back(page: Any) -> None:
    stage = open_demo(page, "/demo/sales")
    button(page, "Answer it yourself").click()
    stage.get_by_role("button", name="Hold all").click()
    button(page, "Replay").click()
    assert frame_of(stage) == "story.0"
    page.clock.run_for(20_000)
    assert heading(stage) == "Already answered"


def test_a_demo_is_answered_with_the_keyboard_alone(page: Any) -> None:
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(2000)
    page.evaluate("document.querySelector('[data-do=take]').focus()")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.hasAttribute('data-stage')")
    press_on(page, "Approve: Approve the new rate")
    assert heading(stage) == "To be recorded: approved"
    press_on(page, "Yes, record: approved")
    assert heading(stage) == "Recorded: approved"
    assert page.evaluate("document.activeElement.hasAttribute('data-stage')")
    page.keyboard.press("Shift+Tab")  # back out of the screen, to the controls
    assert page.evaluate("document.activeElement.dataset.do") == "take"


def press_on(page: Any, name: str) -> None:
    """Go forward from one control to the next until the one of this name has the focus."""
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText.replace(/\\s+/g, ' ').trim()") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} cannot be reached")


def test_whoever_comes_by_with_the_keyboard_is_not_swept_away(page: Any) -> None:
    stage = open_demo(page, "/demo/finance")
    page.clock.run_for(2000)
    stage.focus()
    page.clock.run_for(60_000)
    assert frame_of(stage) == "story.3"
    assert says(page) == "Yours now: the story waits. Play goes on with it."
    button(page, "Play").click()
    page.clock.run_for(3000)
    assert frame_of(stage) == "story.6"
    assert says(page) == film_named("finance").story.frames[6].caption
