"""Another process on the same database: reads `[name, arguments]` a line, writes the result.

Stands for whatever is not the web server under test: an approver whose page another server shows,
a worker, a member of staff.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import close_old_connections, connection  # noqa: E402
from django.db.backends.base.base import BaseDatabaseWrapper  # noqa: E402
from django.db.models import F  # noqa: E402

from approvals import forms, grants, sending  # noqa: E402
from approvals.models import Answer, Approver, Ask, Grant, MonthOfAsks, Notification, Seat  # noqa: E402
from approvals.opening import NewAsk  # noqa: E402
from approvals.sweeps import drain  # noqa: E402
from approvals.tasks import sweep_overdue  # noqa: E402
from approvals.transitions import (  # noqa: E402
    Evidence,
    answer_ask,
    cancel_ask,
    open_ask,
)
from config.mailbox.models import Message  # noqa: E402
from tracks.actors import Actor  # noqa: E402
from tracks.clock import database_now  # noqa: E402
from tracks.ids import parse_public_id  # noqa: E402
from tracks.models import ApiKey, Dispatch, Event, Track, Workspace  # noqa: E402
from tracks.models.workspace import KeyParts  # noqa: E402
from tracks.serializers import track_url  # noqa: E402
from tracks.tasks import sweep_dispatches  # noqa: E402
from tracks.transitions import NewTrack, create_track, log_action  # noqa: E402

OUTSIDER = Actor("staff", "outsider")
CSRF = "c" * 32
CONFIG = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "summary": {"Previous rate": "$2,400", "New rate": "$2,592"},
}


def issue_key(*, workspace: str = "Acme", scopes: list[str] | None = None) -> dict[str, str]:
    """Issue an API key of a workspace, which is created if need be."""
    owner, _ = Workspace.objects.get_or_create(name=workspace)
    key, text = ApiKey.issue(workspace=owner, name="Agent", scopes=scopes)
    return {"key": text, "id": str(key.pk)}


def use_plan(*, workspace: str, plan: str, asks: int) -> None:
    """Put a workspace on a plan of which so many asks are used this month."""
    Workspace.objects.filter(name=workspace).update(plan=plan)
    owner, month = Workspace.objects.get(name=workspace), f"{database_now():%Y-%m}"
    MonthOfAsks.objects.update_or_create(workspace=owner, month=month, defaults={"asks": asks})


def unissued_key() -> str:
    """Return a key that is well formed and was never issued."""
    return KeyParts.generate().text


def revoke_key(*, id: str) -> None:
    """Revoke an API key."""
    ApiKey.objects.filter(pk=id).update(revoked_at=database_now())


def open_asks(*, count: int, workspace: str = "Acme", prompt: str = "Go on?") -> list[str]:
    """Open asks, each on a track of its own, and return their ids."""
    owner = Workspace.objects.get(name=workspace)
    return [_open(owner, prompt).public_id for _ in range(count)]


def _open(owner: Workspace, prompt: str) -> Ask:
    new_track = NewTrack(title="Vendor invoice batch", customer_email="cfo@acme.com")
    track, _ = create_track(workspace_id=owner.pk, new=new_track, actor=OUTSIDER)
    new = NewAsk(kind="confirm", prompt=prompt, config=CONFIG, notify=False)
    ask, _ = open_ask(
        track_id=track.pk, workspace_id=owner.pk, new=new, actor=OUTSIDER, asked_by_key="outsider"
    )
    return ask


def browser(*, ask: str) -> dict[str, Any]:
    """Verify a browser for an ask; return its cookies and the form that its page would send."""
    found = _ask(ask)
    approver = _approver(found)
    now = database_now()
    token = grants.grant(
        track=found.track,
        token=None,
        kind=Grant.Kind.VERIFIED,
        method=Grant.Method.CODE,
        approver=approver,
        client=grants.Client(ip="127.0.0.1", user_agent="outsider"),
        now=now,
    )
    granted = Grant.objects.get(browser__token_hash=grants.hash_of(token))
    return {
        "grant": granted.pk,
        "path": f"/t/{found.track.slug}/asks/{found.public_id}/answer",
        "cookies": {settings.VIEWER_COOKIE_NAME: token, settings.CSRF_COOKIE_NAME: CSRF},
        "form": {
            "csrfmiddlewaretoken": CSRF,
            "display_digest": found.display_digest,
            "form_nonce": forms.new_nonce(found, granted),
            "confirmed": "1",
        },
    }


def queue_browser(*, address: str) -> dict[str, str]:
    """Sign a browser in to the queue of an address; return its cookies."""
    token = grants.grant(
        track=None,
        token=None,
        kind=Grant.Kind.QUEUE,
        method=Grant.Method.CODE,
        approver=None,
        canonical=address,
        client=grants.Client(ip="127.0.0.1", user_agent="outsider"),
        now=database_now(),
    )
    return {settings.VIEWER_COOKIE_NAME: token}


def nonces(*, ask: str, count: int) -> list[str]:
    """Return the marks of forms in as many tabs of the browser that was verified last."""
    found = _ask(ask)
    granted = Grant.objects.filter(track=found.track).latest("granted_at")
    return [forms.new_nonce(found, granted) for _ in range(count)]


def answer(*, ask: str, value: bool | str = True, nonce: str = "nonce") -> float:
    """Answer an ask at its first seat, and return when that was committed."""
    found = _ask(ask)
    evidence = Evidence(
        approver=_approver(found),
        verified_by="email_link",
        verified_at=database_now(),
        ip="127.0.0.1",
        user_agent="outsider",
    )
    answer_ask(
        ask_id=found.pk,
        track_id=found.track_id,
        evidence=evidence,
        value=value,
        comment=None,
        display_digest=found.display_digest,
        form_nonce=nonce,
    )
    return time.time()


def cancel(*, ask: str) -> float:
    """Cancel an ask, and return when that was committed."""
    found = _ask(ask)
    cancel_ask(ask_id=found.pk, workspace_id=found.workspace_id, reason=None, actor=OUTSIDER)
    return time.time()


def act(*, track: str, text: str = "Something happened.") -> float:
    """Log an action on a track, and return when that was committed."""
    found = _track(track)
    log_action(
        track_id=found.pk, workspace_id=found.workspace_id, text=text, step=None, actor=OUTSIDER
    )
    return time.time()


def events(*, track: str) -> list[str]:
    """Return the types of a track's events in order."""
    return list(Event.objects.filter(track=_track(track)).values_list("type", flat=True))


def state(*, ask: str) -> dict[str, Any]:
    """Return what there is of an answer."""
    found = _ask(ask)
    return {
        "status": found.status,
        "decisions": found.decisions.count(),
        "answers": Answer.objects.filter(ask=found).count(),
        "final_events": Event.objects.filter(
            track=found.track_id, type="input_request.answered"
        ).count(),
    }


def answer_and_die(*, ask: str, statement: int) -> bool:
    """Answer in a child process that is killed before its n-th statement; tell whether it was."""
    connection.close()
    child = os.fork()
    if not child:
        _die_before(statement)
        answer(ask=ask, nonce="form")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def _die_before(statement: int) -> None:
    """Count statements, and commits before and after, and end this process before the n-th."""
    left = iter(range(statement - 1, -1, -1))

    def count() -> None:
        if not next(left, 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def execute(execute: Any, *arguments: Any) -> Any:
        count()
        return execute(*arguments)

    def commit() -> None:
        count()
        BaseDatabaseWrapper._commit(connection)
        count()

    connection.execute_wrappers.append(execute)
    connection._commit = commit


def mails(*, track: str) -> list[dict[str, Any]]:
    """Return the mails that were sent about a track, oldest first."""
    url = track_url(_track(track))
    sent = Message.objects.filter(text__contains=url).order_by("pk")
    return [{"text": mail.text, "headers": mail.headers} for mail in sent]


def sweep(*, hours_later: float) -> None:
    """Do what the periodic tasks would do after so many hours."""
    passed = timedelta(hours=hours_later)
    # Reminders keep their hour: whether it is a working hour depends on when the tests run.
    notices = Notification.objects.exclude(kind=Notification.Kind.REMINDER)
    for rows in (Dispatch.objects.all(), notices):
        due = rows.filter(next_attempt_at__isnull=False)
        due.update(next_attempt_at=F("next_attempt_at") - passed)
    sweep_dispatches()
    drain(Notification, sending.send)


def _approver(ask: Ask) -> Approver:
    return Seat.objects.select_related("approver").get(ask=ask, position=0).approver


def _ask(text: str) -> Ask:
    return Ask.objects.get(pk=parse_public_id("ask", text))


def _track(text: str) -> Track:
    return Track.objects.get(pk=parse_public_id("trk", text))


DOES: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        issue_key,
        unissued_key,
        revoke_key,
        queue_browser,
        use_plan,
        open_asks,
        browser,
        nonces,
        answer,
        cancel,
        act,
        events,
        state,
        answer_and_die,
        mails,
        sweep,
        sweep_overdue,
    )
}


def main() -> None:
    """Do what each line says until there are no more."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        close_old_connections()
        try:
            reply = {"result": DOES[name](**arguments)}
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
