"""The states of the pages of a request that comes from a system of record."""

from collections.abc import Callable
from typing import Any

from django.db import transaction

from approvals.models import Ask
from approvals.transitions import cancel_ask
from tests.browser.people_scenes import acme, signed_in
from tests.browser.scenes import Scene, page_of, verified
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer
from tracks.actors import Actor
from tracks.events import record
from tracks.sources import Source
from tracks.transitions import lock_track

URL = "https://rt.acme-finance.example.com/Approvals/Display.html?id=4711"
RT = Source(name="Request Tracker", url=URL)
THERE = Source(name="Jira Service Management", url=URL, decides_there=True)
CONNECTION = Actor("connection", "Request Tracker")
AT = "2026-11-22T10:01:00.000Z"
CONFIG: dict[str, Any] = {
    "accept_label": "Approve",
    "reject_label": "Deny",
    "description": "Client dinner and travel for the Q3 sales meeting.",
    "summary": [["Amount", "$750.50"], ["Requested by", "Jane Doe"], ["Queue", "___Approvals"]],
    "risk": "low",
}


def mirrored(source: Source = RT, **fields: Any) -> Ask:
    """Return an open question of a system, as a poll brings it."""
    track = fields.pop("track", None) or TrackFactory(
        workspace=acme(),
        title="Expense report EXP-2025-09-15-001",
        steps=["Received", "Decision", "Written back"],
        steps_done=1,
        source=source,
    )
    content = {"prompt": "Expense report from Jane Doe", "config": CONFIG} | fields
    return AskFactory(track=track, timeout_seconds=172_900, **content)


def news(ask: Ask, type: str, **data: Any) -> None:
    """Let the layer above say what became of it."""
    with transaction.atomic():
        track, now = lock_track(ask.track_id)
        record(track, type, actor=CONNECTION, at=now, data={"ask_id": ask.public_id} | data)


def from_a_system(clock: Clock) -> Scene:
    ask = mirrored()
    return Scene(page_of(ask), verified(ask))


def decided_there(clock: Clock) -> Scene:
    ask = mirrored(THERE)
    return Scene(page_of(ask), verified(ask))


def answered(*told: tuple[str, dict[str, Any]]) -> Callable[[Clock], Scene]:
    def scene(clock: Clock) -> Scene:
        ask = mirrored()
        answer(ask)
        for type, data in told:
            news(ask, type, **data)
        return Scene(page_of(ask), verified(ask))

    return scene


def resolved_elsewhere(clock: Clock) -> Scene:
    ask = mirrored()
    cancel_ask(
        ask_id=ask.pk, workspace_id=ask.workspace_id, reason="Resolved there.", actor=CONNECTION
    )
    news(ask, "record.resolved_elsewhere", status="approved", by="Dana Lee", at=AT)
    return Scene(page_of(ask), verified(ask))


def changed_since(clock: Clock) -> Scene:
    ask = mirrored()
    answer(ask)
    summary = [["Amount", "$1,750.50 (was $750.50)"], ["Requested by", "Jane Doe"]]
    mirrored(track=ask.track, config=CONFIG | {"summary": summary})
    return Scene(page_of(ask), verified(ask))


def receipt_of_a_system(clock: Clock) -> Scene:
    scene = answered(("record.confirmed", {"status": "approved", "at": AT, "url": URL}))(clock)
    ask = Ask.objects.get()
    return Scene(f"{scene.path}/asks/{ask.public_id}/receipt", scene.cookies)


def queue_of_systems(clock: Clock) -> Scene:
    for _ in range(2):
        mirrored()
    mirrored(THERE, prompt="Access to the finance share for Sam Ortiz")
    return Scene("/queue/", signed_in())


CONFLICT = "Rejected there by Dana Lee on Sun 22 Nov 2026, 10:59 CET."
SOURCE_SCENES: dict[str, Callable[[Clock], Scene]] = {
    "source-open": from_a_system,
    "source-decides-there": decided_there,
    "source-being-written": answered(),
    "source-sent": answered(("record.pushed", {})),
    "source-confirmed": answered(("record.confirmed", {"at": AT, "url": URL})),
    "source-conflict": answered(("record.push_conflict", {"words": CONFLICT})),
    "source-needs-human": answered(("record.pushed", {"status": "needs_human"})),
    "source-resolved-elsewhere": resolved_elsewhere,
    "source-changed": changed_since,
    "source-receipt": receipt_of_a_system,
    "source-queue": queue_of_systems,
}
