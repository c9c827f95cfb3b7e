"""The commonest tasks of staff: who may, where they begin, what is typed, and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from approvals.models import Ask, Holder, Notification, Override
from mirroring import operating, transitions
from mirroring.models import Connection, Identity, Poll
from tests.approvals.table import SAM
from tests.browser.staff_pages import with_deliveries
from tests.browser.staff_scenes import waiting_ask, workspace
from tests.conftest import Clock
from tests.factories import CFO, someone
from tests.mirroring.connectors.definitions import SECRET
from tests.staff_actor import DANA
from tracks.models import ApiKey, Entry, Event
from tracks.staff.roles import INTEGRATOR, OPERATOR, OWNER
from webhooks.models import Delivery

WHY = "Their system was down."
BO, EVE = "bo@acme.com", "eve@acme.com"


@dataclass(frozen=True, kw_only=True)
class Task:
    """`page`, `posts_to` and the values of `form` name rows in braces: see `set_out`."""

    lowest: str  # the first of the roles that may
    page: str  # where it begins
    button: str  # what is pressed there
    posts_to: str
    form: dict[str, Any]
    submit: str  # what is pressed last
    reads: str = ""  # what the page says then; nothing: there is a file
    line: str  # the type of its event or entry
    is_done: Callable[[dict[str, str]], bool]


def set_out(clock: Clock) -> dict[str, str]:
    """Make what the tasks are about, and return it by name."""
    ask = waiting_ask()
    other = waiting_ask(prompt="Another question?")
    acme = workspace()
    endpoint = with_deliveries(acme, clock)
    erp, old = connected("ERP"), connected("Old ERP")
    operating.pause(old, actor=DANA, reason="It is being moved.")
    bo = Identity.objects.create(connection=erp, external_id="bo", first_seen_at=clock.now)
    return {
        "ask": str(ask.pk),
        "cfo": str(someone(acme, CFO).pk),
        "seat": str(ask.seats.get(position=0).pk),
        "other": str(other.pk),
        "endpoint": str(endpoint.pk),
        "delivery": str(Delivery.objects.get(status="exhausted").pk),
        "erp": str(erp.pk),
        "old": str(old.pk),
        "bo": str(bo.pk),
        "workspace": str(acme.pk),
        "viewer": str(Group.objects.get(name="Viewer").pk),
    }


def connected(name: str) -> Connection:
    """Return a connection that nobody polls in these tests."""
    return transitions.create_connection(
        workspace_id=workspace().pk,
        name=name,
        kind="request_tracker",
        config={"base_url": "https://rt.acme.com"},
        secrets={"token": SECRET},
    )[0]


def is_recorded(task: Task, who: str) -> bool:
    """Tell whether an event or an entry names who did it, and why if that was asked."""
    said = {"type": task.line, "actor_type": "staff", "actor_name": who}
    rows = [*Event.objects.filter(**said), *Entry.objects.filter(**said)]
    why = WHY if "reason" in task.form else ""
    return any(why in str(row.data) for row in rows)


def _mails(kind: str, count: int) -> Callable[[dict[str, str]], bool]:
    return lambda row: (
        Notification.objects.filter(ask=row["ask"], kind=kind, approver=row["cfo"]).count() == count
    )


ASK, OTHER = "/admin/approvals/ask/{ask}/", "/admin/approvals/ask/{other}/"
ENDPOINT, DELIVERY = "/admin/webhooks/endpoint/{endpoint}/", "/admin/webhooks/delivery/{delivery}/"
ERP, OLD = "/admin/mirroring/connection/{erp}/", "/admin/mirroring/connection/{old}/"
TASKS: dict[str, Task] = {
    "nudge": Task(
        lowest=OPERATOR,
        page=f"{ASK}change/",
        button="Nudge",
        posts_to=f"{ASK}nudge/",
        form={"approver": "{cfo}", "reason": WHY},
        submit="Nudge",
        reads="A reminder is on its way.",
        line="ask.nudged",
        is_done=_mails("nudge", 1),
    ),
    "resend": Task(
        lowest=OPERATOR,
        page=f"{ASK}change/",
        button="Resend",
        posts_to=f"{ASK}resend/",
        form={"approver": "{cfo}", "reason": WHY},
        submit="Resend",
        reads="The notice is on its way again.",
        line="ask.resent",
        is_done=_mails("ask", 2),
    ),
    "reassign": Task(
        lowest=OPERATOR,
        page=f"{ASK}change/",
        button="Reassign",
        posts_to=f"{ASK}reassign/",
        form={"seat_id": "{seat}", "to": SAM, "reason": WHY},
        submit="Reassign",
        reads=f"{SAM} is asked now.",
        line="ask.handed_over",
        is_done=lambda row: (
            Holder.objects.acting().filter(seat=row["seat"], approver__address=SAM).exists()
        ),
    ),
    "withdraw": Task(
        lowest=OPERATOR,
        page=f"{OTHER}change/",
        button="Withdraw",
        posts_to=f"{OTHER}withdraw/",
        form={"reason": WHY},
        submit="Withdraw",
        reads="The request is withdrawn.",
        line="input_request.cancelled",
        is_done=lambda row: Ask.objects.filter(pk=row["other"], cancel_reason=WHY).exists(),
    ),
    "override": Task(
        lowest=OWNER,
        page=f"{ASK}change/",
        button="Override",
        posts_to=f"{ASK}override/",
        form={"value": "false", "reason": WHY},
        submit="Override",
        reads="Everybody sees that it was by staff.",
        line="input_request.answered",
        is_done=lambda row: Override.objects.filter(ask=row["ask"], value=False).exists(),
    ),
    "export the log": Task(
        lowest=OPERATOR,
        page="/admin/tracks/event/",
        button="Export what this list shows, all pages of it",
        posts_to="/admin/tracks/event/export/",
        form={"format": "csv", "reason": WHY},
        submit="Export",
        line="events.exported",
        is_done=lambda row: Entry.objects.filter(type="events.exported").exists(),
    ),
    "make an API key": Task(
        lowest=INTEGRATOR,
        page="/admin/tracks/apikey/",
        button="add",
        posts_to="/admin/tracks/apikey/add/",
        form={"workspace": "{workspace}", "name": "Bookkeeper", "scopes": "asks:read"},
        submit="Save",
        reads="The key of Bookkeeper",
        line="key.created",
        is_done=lambda row: ApiKey.objects.filter(name="Bookkeeper", scopes=["asks:read"]).exists(),
    ),
    "test a webhook": Task(
        lowest=INTEGRATOR,
        page=f"{ENDPOINT}change/",
        button="Send a test",
        posts_to=f"{ENDPOINT}test/",
        form={"reason": WHY},
        submit="Send a test",
        reads="A webhook.test is on its way",
        line="delivery.test",
        is_done=lambda row: Delivery.objects.filter(type="webhook.test").exists(),
    ),
    "send a delivery again": Task(
        lowest=INTEGRATOR,
        page=f"{DELIVERY}change/",
        button="Send again",
        posts_to=f"{DELIVERY}send_again/",
        form={"reason": WHY},
        submit="Send again",
        reads="is sent again.",
        line="delivery.replayed",
        is_done=lambda row: Delivery.objects.filter(pk=row["delivery"], status="pending").exists(),
    ),
    "pause a connection": Task(
        lowest=INTEGRATOR,
        page=f"{ERP}change/",
        button="Pause",
        posts_to=f"{ERP}pause/",
        form={"reason": WHY},
        submit="Pause",
        reads="Now: paused",
        line="connection.paused",
        is_done=lambda row: Poll.objects.filter(pk=row["erp"], pause_reason=WHY).exists(),
    ),
    "resume a connection": Task(
        lowest=INTEGRATOR,
        page=f"{OLD}change/",
        button="Resume",
        posts_to=f"{OLD}resume/",
        form={"reason": WHY},
        submit="Resume",
        reads="It is polled again.",
        line="connection.resumed",
        is_done=lambda row: Poll.objects.filter(pk=row["old"], paused_at=None).exists(),
    ),
    "name a person": Task(
        lowest=INTEGRATOR,
        page="/admin/mirroring/identity/{bo}/change/",
        button="Type the address",
        posts_to="/admin/mirroring/identity/{bo}/name_address/",
        form={"address": BO, "reason": WHY},
        submit="Type the address",
        reads=BO,
        line="connection.person_named",
        is_done=lambda row: Identity.objects.filter(pk=row["bo"], address=BO).exists(),
    ),
    "add a person": Task(
        lowest=OWNER,
        page="/admin/auth/user/",
        button="add",
        posts_to="/admin/auth/user/add/",
        form={"email": EVE, "roles": "{viewer}", "workspaces": "{workspace}"},
        submit="Save",
        reads=f"The password of {EVE}",
        line="person.added",
        is_done=lambda row: (
            get_user_model().objects.filter(username=EVE, groups__name="Viewer").exists()
        ),
    ),
}
