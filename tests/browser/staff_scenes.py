"""A member of staff at work: signed in to the admin, with something to look after."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from approvals import notify, sending
from approvals.models import Ask, Notification
from approvals.viewing import record_first_view
from tests.approvals.table import KIM, LEE, at
from tests.factories import CFO, AskFactory, TrackFactory, evidence_of, say, someone
from tracks.clock import database_now
from tracks.models import Event, Membership, Workspace

CONFIG = {
    "accept_label": "Approve the new rate",
    "reject_label": "Hold for negotiation",
    "description": "The supplier raised its rate by 8 %.",
    "summary": [["Previous rate", "$2,400"], ["New rate", "$2,592 (+8 %)"]],
    "details": "Line 1\nLine 2 of the contract",
    "if_accepted": "47 payments are scheduled for Friday.",
    "risk": "high",
}


def workspace() -> Workspace:
    return Workspace.objects.get_or_create(name="Acme Finance")[0]


def waiting_ask(**fields: Any) -> Ask:
    """An open ask to three people with mails, a first view and a verified browser."""
    track = TrackFactory(
        workspace=workspace(), title="Vendor invoice batch", steps=["Fetch", "Approve"]
    )
    say(track, "Pulled 47 invoices from Bill.com")
    fields = {
        "prompt": "Acme Office Supplies is 8 % above contract. Approve the new rate?",
        "config": CONFIG,
        "approvers": [CFO, KIM, LEE],
        "needed": 2,
        "timeout_seconds": 3 * 86_400,
        "due_at": database_now() + timedelta(hours=20),
    } | fields
    ask: Ask = AskFactory(track=track, **fields)
    notify.on_events([Event.objects.get(track=track, type="input_request.created")])
    for row in Notification.objects.filter(ask=ask, kind="ask"):
        sending.send(row.pk)
    at(ask, CFO)
    record_first_view(ask_id=ask.pk, evidence=evidence_of(someone(track.workspace, CFO)))
    return ask


def hire(role: str, *, name: str = "") -> Client:
    """Sign somebody with a role in, and return the browser that holds the session."""
    name = name or f"{role.lower()}@sayso.example"
    user = get_user_model().objects.create_user(name, email=name, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    Membership.objects.create(user=user, workspace=workspace())
    client = Client()
    client.force_login(user)
    return client


def sit_down(page: Any, site: str, client: Client) -> None:
    """Give a browser the session of somebody who has signed in."""
    name = settings.SESSION_COOKIE_NAME
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": site}])
