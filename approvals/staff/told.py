"""Each event in one line of ours. What others wrote stands beside it, marked as theirs."""

from collections.abc import Callable
from typing import Any

from approvals.receipts import meaning_of

Data = dict[str, Any]


def line_of(type: str, data: Data | None) -> str:
    """Return what happened, in words; for a type without words its name."""
    if data is None:
        return f"{type} (erased)"
    words = _WORDS.get(type)
    return words(data) if words else type


def quoted_of(data: Data | None) -> str:
    """Return what somebody else wrote into an event: a reason, a comment, a line of narration."""
    said = data or {}
    names = ("text", "reason", "comment", "summary", "detail", "error")
    return next((str(said[name]) for name in names if said.get(name)), "")


def _get(data: Data, name: str) -> str:
    return str(data.get(name) or "–")


def _answered(data: Data) -> str:
    verdict = meaning_of(data.get("kind"), data.get("value"))
    if data.get("overridden"):
        return f"{verdict} by staff, in place of the approvers"
    return f"{verdict} by {_by(data)}"


def _decided(data: Data) -> str:
    value = data.get("value")
    said = {True: "yes", False: "no"}.get(value, "an answer") if isinstance(value, bool) else ""
    return f"{_by(data)} said {said or 'an answer'}; others are still asked"


def _by(data: Data) -> str:
    asked = data.get("on_behalf_of")
    return f"{_get(data, 'approver')} for {asked}" if asked else _get(data, "approver")


def _handed_over(data: Data) -> str:
    verb = {
        "handed_over": "was sent this by",
        "stand_in": "stands in for",
        "reassigned": "is asked instead of",
    }.get(_get(data, "kind"), "acts for")
    return f"{_get(data, 'to')} {verb} {_get(data, 'from')}"


def _timeout(data: Data) -> str:
    return "Timed out; somebody else is asked" if data.get("escalated_to") else "Timed out"


def _updated(data: Data) -> str:
    return f"Track changed: {', '.join(data.get('changed') or [])}"


def _about(words: str, name: str) -> Callable[[Data], str]:
    return lambda data: words.format(_get(data, name))


def _of_step(happened: str) -> Callable[[Data], str]:
    # People count from one, and so does the list of steps.
    return lambda data: f"Step {data.get('index', 0) + 1} {happened}"


_WORDS: dict[str, Callable[[Data], str]] = {
    "track.created": lambda data: "Track opened",
    "track.updated": _updated,
    "track.completed": lambda data: "Track completed",
    "track.failed": lambda data: "Track failed",
    "step.started": _of_step("started"),
    "step.completed": _of_step("completed"),
    "step.failed": _of_step("failed"),
    "action.logged": lambda data: "The agent said",
    "input_request.created": lambda data: f"Asked {', '.join(data.get('approvers') or [])}",
    "input_request.answered": _answered,
    "input_request.cancelled": lambda data: "Withdrawn",
    "input_request.timeout": _timeout,
    "approver.notified": _about("Notice handed to the mail server for {}", "approver"),
    "approver.verified": _about("{} has proven the mailbox", "approver"),
    "approver.viewed": _about("{} saw the question for the first time", "approver"),
    "approver.undeliverable": _about("{} could not be told", "approver"),
    "approver.revoked": _about("Verified browsers of {} revoked", "approver"),
    "ask.decided": _decided,
    "ask.reminded": _about("Reminder handed to the mail server for {}", "approver"),
    "ask.reminders_stopped": _about("{} wants no more reminders of this", "approver"),
    "ask.escalated": lambda data: f"Asked next: {', '.join(data.get('to') or [])}",
    "ask.handed_over": _handed_over,
    "ask.declined": _about("{} said that this is not for them", "approver"),
    "ask.resent": _about("Notice to {} sent again", "approver"),
    "ask.nudged": _about("{} nudged", "approver"),
    "record.seen": _about("Record {} seen at its source", "external_id"),
    "record.changed": _about("Record {} changed at its source", "external_id"),
    "record.resolved_elsewhere": _about("Record {} was decided at its source", "external_id"),
    "record.pushed": _about("Decision written back to record {}", "external_id"),
    "record.confirmed": _about("Record {} confirms the decision", "external_id"),
    "record.push_conflict": _about("Record {} says otherwise", "external_id"),
}
