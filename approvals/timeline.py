"""What has happened on a track, as the page shows it to whoever has the link."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from approvals.display_time import Clock, Moment
from approvals.receipts import meaning_of
from tracks.addresses import masked
from tracks.models import Event, Step, Track

# What everybody with the link may see (contract §5); who was told and who looked is not for them.
VISIBLE = Q(type="action.logged")
for _family in ("track.", "step.", "input_request."):
    VISIBLE |= Q(type__startswith=_family)

MOST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline: the agent's own words, or what Sayso says happened."""

    at: Moment
    text: str
    is_agents: bool


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step with what happened in it."""

    title: str
    status: str
    word: str
    at: Moment | None
    detail: str
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps in order, and the lines that belong to none of them."""

    steps: list[StepRow]
    loose: list[Entry]
    hidden: int

    @property
    def is_empty(self) -> bool:
        return not self.steps and not self.loose

    @property
    def done(self) -> int:
        return sum(step.status == Step.Status.COMPLETED for step in self.steps)


def visible_events(track: Track) -> tuple[list[Event], int]:
    """Return the latest events that everybody may see, oldest first, and how many came before."""
    events = Event.objects.filter(VISIBLE, track=track).select_related("content")
    latest = list(events.order_by("-seq")[:MOST_ENTRIES])
    hidden = events.count() - len(latest) if len(latest) == MOST_ENTRIES else 0
    return latest[::-1], hidden


def progress(
    steps: Sequence[Step],
    events: Iterable[Event],
    *,
    clock: Clock,
    hidden: int = 0,
    waiting: str = "",
    shows_addresses: bool = False,
    elsewhere: Mapping[str, str] | None = None,
) -> Progress:
    """Put each event under the step it belongs to.

    `waiting` says what an open ask waits for; `elsewhere`, by ask, how its system decided it.
    """
    rows = [_row(step, clock=clock, waiting=waiting) for step in steps]
    loose: list[Entry] = []
    running: list[int] = []
    for event in events:
        data = event.data or {}
        _follow(running, event.type, data)
        text, is_agents = _words(event.type, data, shows_addresses=shows_addresses)
        if event.type == "input_request.cancelled":
            text = (elsewhere or {}).get(data.get("ask_id", ""), text)
        if text:
            index = _step_of(data, running)
            entries = rows[index].entries if index is not None and index < len(rows) else loose
            entries.append(Entry(clock.moment(event.at), text, is_agents))
    return Progress(rows, loose, hidden)


def _row(step: Step, *, clock: Clock, waiting: str) -> StepRow:
    word = {
        Step.Status.PENDING: "not started",
        Step.Status.ACTIVE: waiting or "in progress",
        Step.Status.COMPLETED: "done",
        Step.Status.FAILED: "failed",
    }[Step.Status(step.status)]
    at = step.ended_at or step.started_at
    return StepRow(
        title=step.title,
        status=step.status,
        word=word,
        at=clock.moment(at) if at else None,
        detail=step.detail or "",
    )


def _follow(running: list[int], type: str, data: dict[str, Any]) -> None:
    """Keep which step was started last: an action that names none happened in that one."""
    index = data.get("index")
    if type == "step.started" and isinstance(index, int):
        running[:] = [index]


def _step_of(data: dict[str, Any], running: list[int]) -> int | None:
    named = data.get("step")
    if isinstance(named, int):
        return named
    return running[-1] if running else None


def _words(type: str, data: dict[str, Any], *, shows_addresses: bool) -> tuple[str, bool]:
    """Return the line for an event and whether its words are the agent's; "" for none."""
    if type == "action.logged":
        return data.get("text", ""), True
    if type == "input_request.answered":
        return _answered(data, shows_addresses=shows_addresses), False
    if type == "input_request.timeout" and data.get("escalated_to"):
        return "Nobody answered in time; somebody else is asked", False
    return {
        "input_request.created": "Asked a question",
        "input_request.timeout": "The deadline passed without an answer",
        "input_request.cancelled": "The question was withdrawn",
        "track.completed": "Completed",
        "track.failed": "Stopped",
    }.get(type, ""), False


def _answered(data: dict[str, Any], *, shows_addresses: bool) -> str:
    if data.get("overridden"):
        return f"{meaning_of(data.get('kind'), data.get('value'))} by the people who run Sayso"
    named = [data.get("answered_by"), data.get("on_behalf_of")]
    people = [each if shows_addresses else masked(each) for each in named if each]
    verdict = meaning_of(data.get("kind"), data.get("value"))
    return f"{verdict} by {' for '.join(people)}" if people else "Answered"
