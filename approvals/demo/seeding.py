"""The demos' stories as real tracks, one for each state that a track can be in."""

from collections.abc import Iterator
from typing import Any

from approvals import transitions
from approvals.demo.script import NAMES, Operation, Operations, Script, script_named
from approvals.demo.stage import IP, METHOD, USER_AGENTS
from approvals.models import Ask
from approvals.opening import NewAsk, approver_at
from approvals.transitions import Evidence
from tracks import transitions as track_transitions
from tracks.actors import Actor
from tracks.clock import database_now
from tracks.models import Step, Track, Workspace
from tracks.transitions import NewTrack

TYPED_ANSWER = "Tuesday, any time after two"
NO_KEY = "demo"  # these questions came in with no API key


class Seeder:
    """Does what a script says, through the verbs that agents and approvers go through."""

    notifies = False  # the addresses belong to nobody

    def __init__(self, script: Script, *, state: str) -> None:
        self.script = script
        self.agent = Actor("agent", script.agent)
        self.workspace, _ = Workspace.objects.get_or_create(
            name=f"{script.workspace} (demo)", defaults={"time_zone": script.time_zone}
        )
        new = NewTrack(
            title=script.title,
            steps=list(script.steps),
            customer_email=script.approver,
            external_id=f"demo-{script.name}-{state}",
        )
        self.track, self.is_new = track_transitions.create_track(
            workspace_id=self.workspace.pk, new=new, actor=self.agent
        )

    def play(self, operations: Operations) -> None:
        """Let a script's operations happen, one straight after the other."""
        for each in operations:
            self.do(each)

    def do(self, operation: Operation) -> None:
        """Let one thing happen; what only concerns the picture is passed over."""
        match operation.verb:
            case "start_step":
                self._step(Step.Status.ACTIVE, **operation.arguments)
            case "complete_step":
                self._step(Step.Status.COMPLETED, **operation.arguments)
            case "action":
                track_transitions.log_action(**self._where, **operation.arguments, step=None)
            case "open_ask":
                self.open_ask(**operation.arguments)
            case "answer":
                self.answer(**operation.arguments)
            case "complete":
                track_transitions.complete_track(**self._where, **operation.arguments)
            case "fail":
                track_transitions.fail_track(**self._where, **operation.arguments, retryable=False)

    def open_ask(self, **fields: Any) -> Ask:
        """Ask the script's approver."""
        new = NewAsk(**fields, notify=self.notifies)
        return transitions.open_ask(**self._where, new=new, asked_by_key=NO_KEY)[0]

    def answer(self, value: str, comment: str | None = None) -> None:
        """Answer what is open as its approver would on the page."""
        ask = self.ask
        approver = approver_at(self.workspace.pk, self.script.approver)
        transitions.answer_ask(
            ask_id=ask.pk,
            track_id=self.track.pk,
            evidence=Evidence(
                approver=approver,
                verified_by=str(METHOD),
                verified_at=database_now(),
                ip=IP,
                user_agent=USER_AGENTS[self.script.device],
            ),
            value=value == "true" if ask.kind == Ask.Kind.CONFIRM else value,
            comment=comment,
            display_digest=ask.display_digest,
            form_nonce="",
        )

    @property
    def ask(self) -> Ask:
        return Ask.objects.get(track=self.track, status=Ask.Status.OPEN)

    def cancel(self) -> None:
        """Withdraw what is open."""
        transitions.cancel_ask(
            ask_id=self.ask.pk,
            workspace_id=self.workspace.pk,
            reason="It was settled by phone.",
            actor=self.agent,
        )

    @property
    def _where(self) -> dict[str, Any]:
        return {
            "track_id": self.track.pk,
            "workspace_id": self.workspace.pk,
            "actor": self.agent,
        }

    def _step(self, to: Step.Status, index: int, detail: str | None = None) -> None:
        track_transitions.change_step(**self._where, index=index, to=to, detail=detail)


def seed() -> Iterator[tuple[str, Track]]:
    """Bring every demo into every state, and name each track with its state.

    What an earlier run has made is left as it is.
    """
    for name in NAMES:
        yield from _seed(script_named(name))


def _seed(script: Script) -> Iterator[tuple[str, Track]]:
    for state, operations in states_of(script).items():
        seeder = Seeder(script, state=state)
        if seeder.is_new:
            seeder.play(operations)
            if state == "cancelled":
                seeder.cancel()
            if state == "timeout":
                transitions.record_timeout(track_id=seeder.track.pk)
        yield state, seeder.track


def states_of(script: Script) -> dict[str, Operations]:
    """Return what leads to each state; the answers that the story does not give come last."""
    asked = [each.verb for each in script.waiting].index("open_ask")
    question = script.story[asked]
    overdue = Operation(question.at, "open_ask", question.arguments | {"timeout_seconds": 0})
    answer = script.story[len(script.waiting)]
    states = {
        "working": script.story[:asked],
        "open": script.waiting,
        "timeout": (*script.story[:asked], overdue),
        "cancelled": script.waiting,
        "answered": (*script.waiting, answer),
        "finished": script.story,
    }
    others = [value for value in script.ways if value != script.chosen]
    for number, value in enumerate(others, start=1):
        lead, then = script.way_to(value, typed=TYPED_ANSWER, comment=None)
        states[f"otherwise-{number}"] = (*lead, *then)
    return states
