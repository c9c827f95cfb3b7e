"""A process on an installation's database that makes deliveries due and children that carry them.

Reads `[name, arguments]` a line and writes the result, as tests.outsider does. A child is forked
for each carrying, so that it can be killed two hundred times without starting Python as often.
"""

import json
import os
import sys
import traceback
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from tracks.actors import Actor  # noqa: E402
from tracks.clock import database_now  # noqa: E402
from tracks.models import Track, Workspace  # noqa: E402
from tracks.transitions import NewTrack, create_track, log_action  # noqa: E402
from tracks.work import poke  # noqa: E402
from webhooks import transitions  # noqa: E402
from webhooks.courier import Courier  # noqa: E402
from webhooks.models import Delivery  # noqa: E402

ONESHOT = Actor("staff", "oneshot")


def set_up(*, url: str) -> None:
    """Make a workspace with an endpoint and a track."""
    workspace = Workspace.objects.create(name="Acme")
    create_track(workspace_id=workspace.pk, new=NewTrack(title="Batch"), actor=ONESHOT)
    transitions.create_endpoint(workspace_id=workspace.pk, fields={"url": url}, actor=ONESHOT)


def act(*, is_rolled_back: bool = False) -> str:
    """Let something happen, or almost; return the event's id."""
    track = Track.objects.get()
    with transaction.atomic():
        event = log_action(
            track_id=track.pk,
            workspace_id=track.workspace_id,
            text="Pulled 47 invoices.",
            step=None,
            actor=ONESHOT,
        )
        transaction.set_rollback(is_rolled_back)
    return event.public_id


def carry() -> int:
    """Carry what is due in a child, and return its pid at once."""
    connection.close()
    pid = os.fork()
    if pid == 0:
        Courier().carry()
        os._exit(0)
    return pid


def wait(*, pid: int) -> int:
    """Wait for a child; return the signal that ended it, 0 if it came to its end."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def lapse() -> int:
    """Let the leases of the dead be over; return how many deliveries are due."""
    due = Delivery.objects.filter(next_attempt_at__isnull=False)
    return due.update(next_attempt_at=database_now())


def poke_worker() -> None:
    """Ask a worker to carry."""
    poke(transitions.DELIVER)


def states() -> dict[str, str]:
    """Return the status of each delivery by its event's id."""
    return {row.webhook_id: row.status for row in Delivery.objects.all()}


DOES = {each.__name__: each for each in (set_up, act, carry, wait, lapse, poke_worker, states)}


def main() -> None:
    """Do what each line says until there are no more."""
    for line in sys.stdin:
        name, arguments = json.loads(line)
        reply: dict[str, Any]
        try:
            reply = {"result": DOES[name](**arguments)}
        except Exception:
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
