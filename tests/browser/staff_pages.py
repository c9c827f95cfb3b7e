"""Members of staff at their browsers, and what the home of the admin and webhooks show them."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client

from approvals.models import FirstView, Notification
from tests.conftest import Clock
from tests.factories import AGENT, AskFactory, TrackFactory, answer, approver_of, config_of
from tracks.ids import new_id
from tracks.models import Dispatch, Heartbeat, Membership, Workspace
from webhooks import transitions
from webhooks.models import Attempt, Delivery, Endpoint

RECEIVER = "https://hooks.acme.com/sayso"


def sign_in(page: Any, site: str, role: str, *workspaces: Workspace) -> None:
    """Give a browser the session of somebody with a role in some workspaces."""
    name = f"{role.lower()}@acme.com"
    user, is_new = get_user_model().objects.get_or_create(
        username=name, defaults={"email": name, "is_staff": True}
    )
    if is_new:
        user.groups.add(Group.objects.get(name=role))
        for each in workspaces:
            Membership.objects.create(user=user, workspace=each)
    client = Client()
    client.force_login(user)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": site}])


def busy(workspace: Workspace, clock: Clock) -> Endpoint:
    """Fill a workspace with a month of requests, and deliveries of which some have failed."""
    began = clock.now
    for number in range(18):
        clock.move_to(began - timedelta(days=20 - number, hours=number))
        kind = "text" if number % 6 == 5 else "confirm"
        made = AskFactory(
            track=TrackFactory(workspace=workspace),
            kind=kind,
            config=config_of(kind),
            timeout_seconds=2_592_000,
            due_at=clock.now + timedelta(days=3),
        )
        if number % 3 < 2:
            who, seen = approver_of(made), clock.move(minutes=7 + number)
            FirstView.objects.create(ask=made, approver=who, at=seen, ip="192.0.2.7")
            clock.move(hours=1)
            answer(made, "Go on." if kind == "text" else number % 4 > 0)
    clock.move_to(began)
    for each in (timedelta(hours=1), timedelta(days=3)):
        soon = clock.now + each
        AskFactory(track=TrackFactory(workspace=workspace), due_at=soon, timeout_seconds=2_592_000)
    lost = AskFactory(track=TrackFactory(workspace=workspace))
    Notification.objects.filter(ask=lost).update(failed_at=clock.now)
    Dispatch.objects.all().delete()
    Heartbeat.objects.create(name="beat", kind="beat", seen_at=clock.now)
    Heartbeat.objects.create(name="celery@one", kind="worker", seen_at=clock.now)
    return with_deliveries(workspace, clock)


def with_deliveries(workspace: Workspace, clock: Clock) -> Endpoint:
    """Add an endpoint with a delivery in each state, and attempts that say why."""
    fields = {"url": RECEIVER, "event_types": ["input_request.answered"], "description": "Ledger"}
    endpoint, _ = transitions.create_endpoint(workspace_id=workspace.pk, fields=fields, actor=AGENT)
    for status in Delivery.Status.values:
        delivery = Delivery.objects.create(
            endpoint=endpoint,
            message_id=new_id(),
            type="input_request.answered",
            body="{}",
            status=status,
            attempts=1,
            created_at=clock.now,
            last_error="The receiver answered 503." if status in ("failed", "exhausted") else "",
        )
        Attempt.objects.create(
            delivery=delivery,
            number=1,
            trigger="event",
            at=clock.now,
            status_code=200 if status == "delivered" else 503,
            latency_ms=87,
            excerpt="<h1>Service unavailable</h1>",
            url=RECEIVER,
            peer="192.0.2.9",
        )
    return endpoint
