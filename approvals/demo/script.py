"""A demo as it is written down: who takes part, and what happens when. Pure: JSON in, story out."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

NAMES = ("finance", "legal", "recruiting", "sales")
TYPED = "typed"  # the way behind an answer in somebody's own words
# Where the page's script puts what the visitor writes.
COMMENT, TYPED_WORDS = "(your comment)", "(your answer)"
_SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that happens: milliseconds after the start, a verb of the stage, its arguments."""

    at: int
    verb: str
    arguments: dict[str, Any]


Operations = tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """What follows an answer that the visitor gives, timed from the answer."""

    value: str
    behind: str
    operations: Operations


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One demo, whole."""

    name: str
    tab: str
    heading: str
    lead: str
    device: str  # "window", or "phone": narrow and dark
    telling: int  # the moment to take a picture of
    workspace: str
    time_zone: str
    agent: str
    approver: str
    began: datetime
    title: str
    steps: tuple[str, ...]
    story: Operations
    ways: dict[str, Way]

    @property
    def chosen(self) -> str:
        """Return the answer that the story gives."""
        value: str = next(each for each in self.story if each.verb == "answer").arguments["value"]
        return value

    @property
    def waiting(self) -> Operations:
        """Return what happens until the question waits for its answer."""
        verbs = [each.verb for each in self.story]
        return self.story[: verbs.index("answer")]

    def way_to(
        self, value: str, *, typed: str = TYPED_WORDS, comment: str | None = COMMENT
    ) -> tuple[Operations, Operations]:
        """Return what leads to the question that a value answers, and what comes from there on."""
        way = self.ways[value]
        behind = way.behind and self.way_to(way.behind, typed=typed, comment=comment)
        lead = sum(behind, ()) if behind else self.waiting
        at = lead[-1].at
        said = {"value": typed if value == TYPED else value, "comment": comment}
        answer = Operation(at, "answer", said)
        then = tuple(replace(each, at=at + each.at) for each in way.operations)
        return lead, (answer, *then)


@cache
def script_named(name: str) -> Script:
    """Return one of the demos; KeyError when there is none of this name."""
    if name not in NAMES:
        raise KeyError(name)
    content = json.loads((_SCRIPTS / f"{name}.json").read_text(encoding="utf-8"))
    return Script(
        name=name,
        **content
        | {
            "began": datetime.fromisoformat(content["began"]),
            "steps": tuple(content["steps"]),
            "story": _operations(content["story"]),
            "ways": {value: _way(value, each) for value, each in content["ways"].items()},
        },
    )


def _way(value: str, content: dict[str, Any]) -> Way:
    return Way(value, content.get("behind", ""), _operations(content["then"]))


def _operations(rows: list[list[Any]]) -> Operations:
    return tuple(Operation(at, verb, *(rest or [{}])) for at, verb, *rest in rows)
