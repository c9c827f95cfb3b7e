"""A demo as its page holds it: every frame rendered, with its time, and the answers' own ways."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import Any

from approvals.demo.screen import Screen
from approvals.demo.script import COMMENT, TYPED, TYPED_WORDS, Operations, Script, script_named


@dataclass(frozen=True, slots=True)
class Frame:
    """What the screen shows from a moment on; without HTML the picture stays as it is."""

    at: int
    html: str
    caption: str
    is_ready: bool  # the answers are there to be pressed
    hints: dict[str, Any] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """Return the moment as a clock of seconds shows it: `0:07`."""
        return f"{self.at // 60_000}:{self.at // 1000 % 60:02}"


@dataclass(frozen=True, slots=True)
class Reel:
    """Frames in order: the story, or what follows an answer of the visitor's."""

    name: str
    frames: list[Frame]


@dataclass(frozen=True, slots=True)
class Still:
    """A picture a visitor may come to: the second step of an answer, or its receipt."""

    kind: str
    value: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A whole demo, rendered."""

    script: Script
    story: Reel
    ways: list[Reel]
    stills: list[Still]
    finished: str

    @property
    def reels(self) -> list[Reel]:
        return [self.story, *self.ways]

    @property
    def chapters(self) -> list[tuple[int, Frame]]:
        """Return the frames that say something new, with their numbers."""
        said = ""
        chapters = []
        for number, frame in enumerate(self.story.frames):
            if frame.caption != said:
                chapters.append((number, frame))
                said = frame.caption
        return chapters


@cache
def film_named(name: str) -> Film:
    """Return a demo; it is the same each time, so each process makes it once."""
    script = script_named(name)
    return Film(
        script=script,
        story=_reel("story", script, (), script.story),
        ways=[_reel(value, script, *script.way_to(value)) for value in script.ways],
        stills=list(_stills(script)),
        finished=finished(script).track_html(),
    )


def finished(script: Script) -> Screen:
    """Return the approver's screen at the end of the story."""
    story = (each for each in script.story if each.verb != "someone_else")
    return Screen(script).play(story)


def _reel(name: str, script: Script, lead: Operations, operations: Operations) -> Reel:
    screen = Screen(script).play(lead)
    frames: list[Frame] = []
    shown = ""
    for at, together in groupby(operations, key=lambda each: each.at):
        screen.hints = {"look": screen.hints.get("look", "")}
        screen.play(together)
        html = screen.html()
        picture = "" if html == shown else html
        frames.append(Frame(at, picture, screen.caption, screen.is_answerable, screen.hints))
        shown = html
    return Reel(name, frames)


def _stills(script: Script) -> Iterator[Still]:
    for value in script.ways:
        lead, (answer, *_) = script.way_to(value)
        asked = Screen(script).play(lead)
        sent = TYPED_WORDS if value == TYPED else value
        yield Still("review", value, asked.review_html(sent, COMMENT))
        yield Still("receipt", value, asked.play([answer]).receipt_html())
