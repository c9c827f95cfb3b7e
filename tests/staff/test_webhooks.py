"""Webhooks in the admin: endpoints, deliveries, and what staff do to them (ux.md §4.3, WH-*)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from tests.api.refused import UNSAFE, nothing_written
from tests.conftest import Clock
from tests.factories import AGENT, WorkspaceFactory
from tests.staff.conftest import Hire
from tracks.event_types import EVENT_TYPES
from tracks.ids import new_id
from tracks.models import Entry, Workspace
from webhooks import transitions
from webhooks.models import Attempt, Delivery, Endpoint, SigningKey

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.com/sayso"
WHY = "Their receiver was down."
LIST = "/admin/webhooks/endpoint/"


@pytest.fixture
def endpoint(workspace: Workspace, clock: Clock) -> Endpoint:
    return add(workspace)


@pytest.fixture
def integrator(hire: Hire, workspace: Workspace) -> Client:
    return hire("Integrator", workspace)


def add(workspace: Workspace, **fields: Any) -> Endpoint:
    made, _ = transitions.create_endpoint(
        workspace_id=workspace.pk, fields={"url": URL} | fields, actor=AGENT
    )
    return made


def deliver(endpoint: Endpoint, status: str, **fields: Any) -> Delivery:
    at = fields.pop("at", endpoint.created_at)
    return Delivery.objects.create(
        endpoint=endpoint,
        message_id=new_id(),
        type="input_request.answered",
        body='{"type":"input_request.answered","secret":"of the body"}',
        status=status,
        created_at=at,
        **fields,
    )


def page_of(row: Endpoint | Delivery, action: str = "change") -> str:
    return f"/admin/webhooks/{row._meta.model_name}/{row.pk}/{action}/"


def entries() -> list[tuple[str, str]]:
    """Return what staff did, and why."""
    rows = Entry.objects.filter(actor_type="staff").order_by("id")
    return [(each.type, each.data.get("reason", "")) for each in rows]


# -- looking ---------------------------------------------------------------------------------------


def test_the_list_tells_how_each_endpoint_fares(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    day = clock.now - timedelta(hours=24)
    for status in ("delivered", "delivered", "failed", "exhausted", "skipped", "pending"):
        deliver(endpoint, status, at=day, last_error="The receiver answered 500.")
    deliver(endpoint, "delivered", at=day - timedelta(milliseconds=1))
    deliver(endpoint, "exhausted", at=day - timedelta(milliseconds=1), last_error="The very last.")
    shown = integrator.get(LIST).content.decode()
    assert URL in shown
    assert "2 arrived, 2 failed" in shown
    assert "The very last." in shown  # of the newest that failed
    assert "The receiver answered 500." not in shown


def test_a_list_takes_the_same_queries_for_one_as_for_many(
    integrator: Client, workspace: Workspace, endpoint: Endpoint
) -> None:
    from django.db import connection

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert integrator.get(LIST).status_code == 200
        return len(captured)

    few = queries()
    for number in range(20):
        deliver(add(workspace, url=f"{URL}/{number}"), "failed")
    assert queries() == few <= 12


def test_a_page_shows_settings_subscriptions_and_the_newest_deliveries(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    key = SigningKey.objects.get().key
    for number in range(30):
        deliver(endpoint, "exhausted", last_error=f"error-{number}.")
    last = Delivery.objects.first()
    assert last is not None
    Attempt.objects.create(
        delivery=last, number=1, trigger="event", at=clock.now, status_code=503, latency_ms=1234
    )
    page = integrator.get(page_of(endpoint))
    shown = page.content.decode()
    assert len(page.context["deliveries"]) == 25
    assert page_of(last) in shown
    assert "503" in shown
    assert "1,234 ms" in shown
    assert all(each in shown for each in EVENT_TYPES)
    assert "signs since 2026-11-22 10:00 UTC" in shown
    assert key not in shown
    everything = integrator.get(f"/admin/webhooks/delivery/?endpoint__id__exact={endpoint.pk}")
    assert everything.context["cl"].result_count == 30


def test_wh_23_attempts_are_shown_without_secret_signature_or_body(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    delivery = deliver(endpoint, "failed", attempts=1, last_error="The receiver answered 500.")
    Attempt.objects.create(
        delivery=delivery,
        number=1,
        trigger="event",
        at=clock.now,
        status_code=500,
        latency_ms=87,
        excerpt="<script>alert('receiver')</script>",
        url=URL,
        peer="192.0.2.9",
    )
    shown = integrator.get(page_of(delivery)).content.decode()
    for words in ("500", "87 ms", "192.0.2.9", "&lt;script&gt;alert(&#x27;receiver&#x27;)"):
        assert words in shown
    assert "alert('receiver')" not in shown
    assert "of the body" not in shown
    assert SigningKey.objects.get().key not in shown
    assert delivery.webhook_id in shown


def test_a_delivery_is_found_by_its_id_or_its_event_s(
    integrator: Client, endpoint: Endpoint
) -> None:
    first, second = deliver(endpoint, "delivered"), deliver(endpoint, "failed")

    def found(term: str) -> list[Delivery]:
        page = integrator.get("/admin/webhooks/delivery/", {"q": term})
        return list(page.context["cl"].result_list)

    assert found(first.public_id) == [first]
    assert found(f" {second.webhook_id} ") == [second]
    assert found("nonsense") == []
    assert found("") == [second, first]


# -- making and changing ---------------------------------------------------------------------------


def filled(workspace: Workspace, **fields: Any) -> dict[str, Any]:
    return {"workspace": workspace.pk, "url": URL, "description": "", "scheme": "v1"} | fields


def test_a_new_endpoint_s_secret_is_shown_this_once(
    integrator: Client, workspace: Workspace
) -> None:
    done = integrator.post(
        f"{LIST}add/", filled(workspace, event_types=["input_request.answered"], description="x")
    )
    made = Endpoint.objects.get()
    key = SigningKey.objects.get().key
    assert done.status_code == 200
    assert key in done.content.decode()
    assert (made.url, made.event_types, made.description) == (URL, ["input_request.answered"], "x")
    assert entries() == [("endpoint.created", "")]
    assert key not in integrator.get(page_of(made)).content.decode()


def test_a_private_key_is_never_shown(integrator: Client, workspace: Workspace) -> None:
    done = integrator.post(f"{LIST}add/", filled(workspace, scheme="v1a"), follow=True)
    assert "whpk_" in done.content.decode()
    assert "whsk_" not in done.content.decode()
    shown = integrator.get(page_of(Endpoint.objects.get())).content.decode()
    assert "whpk_" in shown
    assert "whsk_" not in shown


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "http://hooks.example.com/"}, "https"),
        ({"url": "https://127.0.0.1/"}, "127.0.0.1"),
        ({"url": "https://user:pass@hooks.example.com/"}, "user"),
        ({"url": ""}, "This field is required."),
        ({"url": f"https://hooks.example.com/{'x' * 2048}"}, "at most 2048"),
        ({"event_types": ["nonsense"]}, "not one of the available choices"),
        ({"description": f"a{UNSAFE}"}, "cannot be taken"),
        ({"scheme": "v2"}, "not one of the available choices"),
    ],
)
def test_what_the_api_refuses_is_refused_here_too(
    integrator: Client, workspace: Workspace, fields: dict[str, Any], words: str
) -> None:
    with nothing_written():
        shown = integrator.post(f"{LIST}add/", filled(workspace, **fields))
    assert shown.status_code == 200
    assert words in shown.content.decode()


def test_wh_26_the_fifty_first_is_refused_with_a_message(
    integrator: Client, workspace: Workspace
) -> None:
    for number in range(50):
        add(workspace, url=f"{URL}/{number}")
    done = integrator.post(f"{LIST}add/", filled(workspace), follow=True)
    assert "as many webhook endpoints as it may have" in done.content.decode()
    assert Endpoint.objects.count() == 50


def test_settings_are_changed_and_on_record(integrator: Client, endpoint: Endpoint) -> None:
    changes = {"url": f"{URL}/new", "description": "Ledger", "event_types": ["track.failed"]}
    assert integrator.post(page_of(endpoint), changes).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.event_types) == (f"{URL}/new", ["track.failed"])
    assert endpoint.enabled
    (entry,) = Entry.objects.filter(actor_type="staff")
    assert entry.type == "endpoint.updated"
    assert entry.data["was"] == {"url": URL, "event_types": [], "description": ""}


def test_workspace_and_scheme_stay(integrator: Client, endpoint: Endpoint) -> None:
    elsewhere = WorkspaceFactory()
    integrator.post(page_of(endpoint), filled(elsewhere, scheme="v1a", description="new"))
    was = endpoint.workspace_id
    endpoint.refresh_from_db()
    assert (endpoint.workspace_id, endpoint.scheme, endpoint.description) == (was, "v1", "new")


# -- acting ----------------------------------------------------------------------------------------


def test_a_test_event_is_sent(integrator: Client, endpoint: Endpoint) -> None:
    assert integrator.post(page_of(endpoint, "test"), {"reason": WHY}).status_code == 302
    delivery = Delivery.objects.get()
    assert (delivery.type, delivery.trigger, delivery.status) == ("webhook.test", "test", "pending")
    assert entries() == [("delivery.test", WHY)]


def test_pausing_and_resuming_loses_nothing(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    under_way = deliver(endpoint, "failed", next_attempt_at=clock.now)
    clock.move(hours=1)
    integrator.post(page_of(endpoint, "pause"), {"reason": WHY})
    endpoint.refresh_from_db()
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "requested")
    clock.move(hours=1)
    meanwhile = deliver(endpoint, "skipped", at=clock.now, settled_at=clock.now)
    given_up = deliver(endpoint, "exhausted", at=endpoint.created_at - timedelta(days=1))
    done = integrator.post(
        page_of(endpoint, "resume"), {"reason": "Back.", "recover": "on"}, follow=True
    )
    assert "2 deliveries are sent again." in done.content.decode()
    statuses = dict(Delivery.objects.values_list("pk", "status"))
    assert statuses == {under_way.pk: "pending", meanwhile.pk: "pending", given_up.pk: "exhausted"}
    assert entries() == [
        ("endpoint.updated", WHY),
        ("endpoint.updated", "Back."),
        ("deliveries.recovered", "Back."),
    ]


def test_resuming_can_leave_what_was_held_back(integrator: Client, endpoint: Endpoint) -> None:
    integrator.post(page_of(endpoint, "pause"), {"reason": WHY})
    held = deliver(endpoint, "skipped")
    integrator.post(page_of(endpoint, "resume"), {"reason": WHY})
    endpoint.refresh_from_db()
    held.refresh_from_db()
    assert (endpoint.enabled, held.status) == (True, "skipped")


def test_what_did_not_arrive_since_a_moment_is_sent_again(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    since = clock.now
    before = deliver(endpoint, "exhausted", at=since - timedelta(milliseconds=1))
    missed = deliver(endpoint, "exhausted", at=since)
    arrived = deliver(endpoint, "delivered", at=since)
    clock.move(hours=1)
    form = {"reason": WHY, "since": "2026-11-22T10:00:00"}
    done = integrator.post(page_of(endpoint, "recover_since"), form, follow=True)
    assert "1 delivery is sent again." in done.content.decode()
    statuses = dict(Delivery.objects.values_list("pk", "status"))
    assert statuses == {before.pk: "exhausted", missed.pk: "pending", arrived.pk: "delivered"}
    assert entries() == [("deliveries.recovered", WHY)]


@pytest.mark.parametrize("since", ["", "yesterday", "2026-11-22T10:00:01"])
def test_a_moment_that_makes_no_sense_is_refused(
    integrator: Client, endpoint: Endpoint, since: str
) -> None:
    with nothing_written():
        shown = integrator.post(page_of(endpoint, "recover_since"), {"reason": WHY, "since": since})
    assert shown.status_code == 200


def test_wh_22_one_message_is_sent_again_under_its_own_id(
    integrator: Client, endpoint: Endpoint
) -> None:
    delivery = deliver(endpoint, "delivered", attempts=1)
    was = delivery.webhook_id
    done = integrator.post(page_of(delivery, "send_again"), {"reason": WHY})
    assert done.status_code == 302
    delivery.refresh_from_db()
    assert (delivery.status, delivery.trigger) == ("pending", "manual")
    assert delivery.webhook_id == was
    assert entries() == [("delivery.replayed", WHY)]


def test_a_secret_is_rotated_and_shown_this_once(
    integrator: Client, endpoint: Endpoint, clock: Clock
) -> None:
    old = SigningKey.objects.get()
    form = {"reason": WHY, "overlap": "3600"}
    done = integrator.post(page_of(endpoint, "rotate_secret"), form)
    new = SigningKey.objects.get(expires_at=None)
    old.refresh_from_db()
    assert done.status_code == 200
    assert new.key in done.content.decode()
    assert old.expires_at == clock.now + timedelta(hours=1)
    entry = Entry.objects.get(type="endpoint.key_rotated")
    assert entry.data == {"overlap_seconds": 3600, "force": False, "reason": WHY}


def test_wh_04_a_second_rotation_in_an_overlap_is_refused_unless_forced(
    integrator: Client, endpoint: Endpoint
) -> None:
    form = {"reason": WHY, "overlap": "3600"}
    integrator.post(page_of(endpoint, "rotate_secret"), form)
    with nothing_written():
        refused = integrator.post(page_of(endpoint, "rotate_secret"), form)
    assert refused.status_code == 409
    assert "still in use" in refused.content.decode()
    forced = integrator.post(page_of(endpoint, "rotate_secret"), form | {"force": "on"})
    assert forced.status_code == 200
    assert SigningKey.objects.count() == 3


@pytest.mark.parametrize("action", ["test", "recover_since"])
def test_a_paused_endpoint_refuses_in_words(
    integrator: Client, endpoint: Endpoint, action: str
) -> None:
    integrator.post(page_of(endpoint, "pause"), {"reason": WHY})
    form = {"reason": WHY, "since": "2026-11-22T09:00:00"}
    with nothing_written():
        refused = integrator.post(page_of(endpoint, action), form)
    assert refused.status_code == 422
    assert "switched off" in refused.content.decode()


# -- who may ---------------------------------------------------------------------------------------

ACTIONS = ("test", "recover_since", "rotate_secret", "pause", "resume")


@pytest.fixture
def targets(endpoint: Endpoint) -> list[str]:
    """The pages that act on an endpoint or on a delivery."""
    delivery = deliver(endpoint, "exhausted")
    pages = [page_of(endpoint, each) for each in ACTIONS]
    return [*pages, page_of(delivery, "send_again")]


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_without_the_permission_nothing_is_offered_and_every_post_refused(
    hire: Hire, workspace: Workspace, endpoint: Endpoint, targets: list[str], role: str
) -> None:
    client = hire(role, workspace)
    shown = client.get(page_of(endpoint)).content.decode()
    form = {"reason": WHY, "since": "2026-11-22T09:00:00", "overlap": "0", "force": "on"}
    with nothing_written():
        for target in targets:
            assert target not in shown
            assert client.get(target).status_code == 403
            assert client.post(target, form).status_code == 403
        assert client.post(page_of(endpoint), {"url": URL, "description": "x"}).status_code == 403
        assert client.post(f"{LIST}add/", filled(workspace)).status_code == 403


@pytest.mark.parametrize("role", ["Integrator", "Owner"])
def test_another_workspace_is_out_of_reach(
    hire: Hire, endpoint: Endpoint, targets: list[str], role: str
) -> None:
    elsewhere = WorkspaceFactory(name="Elsewhere")
    client = hire(role, elsewhere, name="far")
    form = {"reason": WHY, "since": "2026-11-22T09:00:00", "overlap": "0", "force": "on"}
    with nothing_written():
        for target in targets:
            assert client.get(target).status_code == 404
            assert client.post(target, form).status_code == 404
        assert client.get(page_of(endpoint)).status_code == 302
        assert client.post(f"{LIST}add/", filled(endpoint.workspace)).status_code == 200
    assert URL not in client.get(LIST).content.decode()


def test_looking_at_the_pages_of_actions_changes_nothing(
    integrator: Client, targets: list[str], endpoint: Endpoint
) -> None:
    with nothing_written():
        for target in [*targets, page_of(endpoint), LIST, f"{LIST}add/"]:
            assert integrator.get(target).status_code == 200


def test_nobody_deletes_or_touches_a_delivery(
    hire: Hire, workspace: Workspace, endpoint: Endpoint
) -> None:
    owner = hire("Owner", workspace)
    delivery = deliver(endpoint, "failed")
    with nothing_written():
        for row in (endpoint, delivery):
            assert owner.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
        assert owner.post(page_of(delivery), {"status": "delivered"}).status_code == 403


def test_a_network_that_the_operator_admits_is_admitted_here_too(
    integrator: Client, workspace: Workspace, settings: Settings
) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    integrator.post(f"{LIST}add/", filled(workspace, url="http://127.0.0.1:9000/"))
    assert Endpoint.objects.get().url == "http://127.0.0.1:9000/"
