"""The engine of the demos: what a script has brought about so far, as rows that nobody saves."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Self, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from django.db.models import Model

from approvals.demo.script import Operation, Script
from approvals.models import Answer, Approver, Ask, Decision, Grant, Holder, Seat
from approvals.opening import display_of
from tracks.actors import Actor
from tracks.addresses import canonical_address
from tracks.events import next_event
from tracks.models import Event, Step, Track, Workspace

Row = TypeVar("Row", bound=Model)

METHOD = Grant.Method.CODE
IP = "192.0.2.7"  # belongs to nobody (RFC 5737)
USER_AGENTS = {"window": "Firefox on a laptop", "phone": "Firefox on a phone"}


def changed(row: Row, **fields: Any) -> Row:
    """Return another row like this one. Rows of the stage are replaced, never written."""
    names = [field.name for field in row._meta.concrete_fields]
    return type(row)(**{name: getattr(row, name) for name in names} | fields)


def fill(row: Model, relation: str, others: Sequence[Model]) -> None:
    """Give a row what else only a query would find."""
    vars(row).setdefault("_prefetched_objects_cache", {})[relation] = others


class Stage:
    """One track and everything on it. Each verb of a script is a method of this name."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.now = script.began
        self.workspace = Workspace(
            id=self._id("workspace"), name=script.workspace, time_zone=script.time_zone
        )
        self.approver = Approver(
            id=self._id("approver"),
            workspace=self.workspace,
            address=script.approver,
            canonical=canonical_address(script.approver),
        )
        self.agent = Actor("agent", script.agent)
        self.track = Track(
            id=self._id("track"),
            workspace=self.workspace,
            slug=script.name,
            title=script.title,
            customer_email=script.approver,
            created_at=self.now,
            updated_at=self.now,
        )
        self.steps = [
            Step(track=self.track, index=index, title=title)
            for index, title in enumerate(script.steps)
        ]
        self.asks: list[Ask] = []
        self.events: list[Event] = []
        self.grants: list[Grant] = []
        self._record("track.created", self.agent, {"title": script.title})

    def play(self, operations: Iterable[Operation]) -> Self:
        """Let things happen, and return the stage as it is then."""
        for each in operations:
            self.now = self.script.began + timedelta(milliseconds=each.at)
            getattr(self, each.verb)(**each.arguments)
        return self

    @property
    def ask(self) -> Ask | None:
        return self.asks[-1] if self.asks else None

    # -- verbs: what the agent does ----------------------------------------------------------------

    def start_step(self, index: int) -> None:
        self._step(index, status=Step.Status.ACTIVE, started_at=self.now)
        self._record("step.started", self.agent, {"index": index})

    def complete_step(self, index: int, detail: str | None = None) -> None:
        self._step(index, status=Step.Status.COMPLETED, detail=detail, ended_at=self.now)
        self._record("step.completed", self.agent, {"index": index})

    def action(self, text: str) -> None:
        self._record("action.logged", self.agent, {"text": text, "step": None})

    def open_ask(
        self, kind: str, prompt: str, config: dict[str, Any], timeout_seconds: int
    ) -> None:
        ask = Ask(
            id=self._id(f"ask {len(self.asks)}"),
            workspace=self.workspace,
            track=self.track,
            kind=kind,
            prompt=prompt,
            config=config,
            risk=config.get("risk"),
            asked_by=self.script.agent,
            asked_by_key="demo",
            timeout_seconds=timeout_seconds,
            created_at=self.now,
            expires_at=self.now + timedelta(seconds=timeout_seconds),
            ends_at=self.now + timedelta(seconds=timeout_seconds),
        )
        self._sit_down(ask, Seat(ask=ask, position=0, approver=self.approver))
        ask.display_digest = display_of(ask, [self.approver.address]).digest()
        self.asks.append(ask)
        self._record("input_request.created", self.agent, {"ask_id": ask.public_id})
        self._record("approver.notified", Actor("system", "sayso"), {"ask_id": ask.public_id})

    def complete(self, summary: str) -> None:
        self._close(status=Track.Status.COMPLETED, summary=summary)
        self._record("track.completed", self.agent, {"summary": summary})

    def fail(self, reason: str) -> None:
        self._close(status=Track.Status.FAILED, failure_reason=reason)
        self._record("track.failed", self.agent, {"reason": reason})

    # -- verbs: what the approver does -------------------------------------------------------------

    def prove(self) -> None:
        """Let the browser show that it belongs to the approver."""
        self.grants = [
            Grant(
                id=1,
                kind=Grant.Kind.VERIFIED,
                method=METHOD,
                track=self.track,
                approver=self.approver,
                granted_at=self.now,
            )
        ]
        for ask in self.asks[-1:]:
            self._record("approver.viewed", self._person, {"ask_id": ask.public_id})

    def answer(self, value: str, comment: str | None = None) -> None:
        """Record what the form sends."""
        ask = self.asks[-1]
        said: bool | str = value == "true" if ask.kind == Ask.Kind.CONFIRM else value
        answered = changed(ask, status=Ask.Status.ANSWERED, closed_at=self.now)
        seat = Seat(id=len(self.asks), ask=answered, position=0, approver=self.approver)
        decision = Decision(
            id=len(self.asks),
            ask=answered,
            seat=seat,
            approver=self.approver,
            value=said,
            comment=comment,
            at=self.now,
            verified_by=str(METHOD),
            verified_at=self.grants[0].granted_at,
            form_nonce="",
            ip=IP,
            user_agent=USER_AGENTS[self.script.device],
        )
        Answer(ask=answered, decision=decision, value=said)  # becomes answered.answer
        self._sit_down(answered, seat)
        self.asks[-1] = answered
        data = {
            "ask_id": ask.public_id,
            "kind": ask.kind,
            "value": said,
            "answered_by": self.approver.address,
        }
        self._record("input_request.answered", self._person, data)

    def someone_else(self) -> None:
        """Let another browser open the same page."""
        self.grants = []

    # -- rows --------------------------------------------------------------------------------------

    def rows(self) -> tuple[Track, list[Ask]]:
        """Return the track and its asks as the page would fetch them, the latest first."""
        fill(self.track, "steps", self.steps)
        for ask in self.asks:
            ask.track = self.track
            ask.seen_at, ask.successor_id = self.now, None
        return self.track, self.asks[::-1]

    def _sit_down(self, ask: Ask, seat: Seat) -> None:
        ask.table = [Holder(ask=ask, seat=seat, approver=self.approver, at=self.now)]

    @property
    def _person(self) -> Actor:
        return Actor("approver", self.approver.address)

    def _id(self, what: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"demo:{self.script.name}:{what}")

    def _step(self, index: int, **fields: Any) -> None:
        self.steps[index] = changed(self.steps[index], **fields)

    def _close(self, **fields: Any) -> None:
        self.track = changed(self.track, **fields)

    def _record(self, type: str, actor: Actor, data: dict[str, Any]) -> None:
        salt = self._id(f"event {len(self.events)}").hex
        event = next_event(self.track, type, actor=actor, at=self.now, data=data, salt=salt)
        self.events.append(event)
