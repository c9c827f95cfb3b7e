"""The lists of asks and tracks: what is found, by filters and by what people read to each other."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from approvals.models import Ask, Notification
from approvals.overriding import override_ask
from approvals.staff import finding
from approvals.transitions import cancel_ask
from mirroring.models import Connection, Record
from tests.approvals.proving import OFFICE
from tests.conftest import Clock
from tests.factories import (
    AGENT,
    CFO,
    KEY_ID,
    AskFactory,
    TrackFactory,
    WorkspaceFactory,
    answer,
    config_of,
    issue_key,
)
from tests.staff.conftest import Hire
from tests.staff_actor import DANA
from tracks.models import Track, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(clock: Clock, hire: Hire, workspace: Workspace) -> Client:
    return hire("Viewer", workspace)


def ask_on(workspace: Workspace, *, external_id: str | None = None, **fields: Any) -> Ask:
    track = TrackFactory(
        workspace=workspace,
        external_id=external_id,
        customer_email=fields.pop("customer", CFO),
    )
    ask: Ask = AskFactory(track=track, **{"timeout_seconds": 30 * 86_400} | fields)
    return ask


def listed(client: Client, query: str, path: str = "approvals/ask") -> list[Any]:
    response = client.get(f"/admin/{path}/?{query}")
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def with_risk(level: str) -> dict[str, Any]:
    return config_of("confirm") | {"risk": level}


def test_what_others_have_of_a_name_hides_nothing(
    viewer: Client, workspace: Workspace, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search cuts off among the rows of its reader, and not among everybody's."""
    monkeypatch.setattr(finding, "MOST", 1)
    other = WorkspaceFactory(name="Umbrella")
    theirs: list[Ask] = []
    for place in (other, workspace):
        named, mirrored = ask_on(place, external_id="PO-8"), ask_on(place)
        _record_of(mirrored, "PO-8", clock)
        theirs = [mirrored, named]
    assert listed(viewer, "q=PO-8") == theirs
    assert listed(viewer, "q=PO-8", "tracks/track") == [each.track for each in theirs]


def _record_of(ask: Ask, external_id: str, clock: Clock) -> Record:
    connection, _ = Connection.objects.get_or_create(
        workspace=ask.track.workspace, name="ERP", defaults={"created_at": clock.now}
    )
    return Record.objects.create(
        connection=connection,
        external_id=external_id,
        track=ask.track,
        ask=ask,
        created_at=clock.now,
        last_seen_at=clock.now,
    )


def test_statuses_are_those_that_everybody_sees(
    viewer: Client, workspace: Workspace, clock: Clock
) -> None:
    over = ask_on(workspace, timeout_seconds=60)
    late = ask_on(workspace, due_at=clock.now + timedelta(minutes=1))
    answered, by_staff, cancelled = (ask_on(workspace) for _ in range(3))
    answer(answered)
    override_ask(
        ask_id=by_staff.pk,
        track_id=by_staff.track_id,
        value=True,
        reason="x",
        actor=DANA,
        client=OFFICE,
    )
    cancel_ask(ask_id=cancelled.pk, workspace_id=workspace.pk, reason=None, actor=AGENT)
    clock.move(minutes=2)
    fresh = ask_on(workspace)
    assert listed(viewer, "status=open") == [fresh, late]
    assert listed(viewer, "status=overdue") == [late]
    assert listed(viewer, "status=answered") == [by_staff, answered]
    assert listed(viewer, "status=overridden") == [by_staff]
    assert listed(viewer, "status=timeout") == [over]
    assert listed(viewer, "status=cancelled") == [cancelled]
    page = viewer.get("/admin/approvals/ask/").content.decode()
    for words in ("Timed out", "Open, overdue", "Decided by staff", "Withdrawn"):
        assert words in page


def test_the_other_filters(viewer: Client, workspace: Workspace, clock: Clock) -> None:
    risky = ask_on(workspace, config=with_risk("high"))
    soon = ask_on(workspace, due_at=clock.now + timedelta(hours=23))
    week = ask_on(workspace, timeout_seconds=6 * 86_400)
    issue_key(workspace)
    clock.move(days=1)
    commented = ask_on(workspace, approvers=["Kim@acme.com"])
    answer(commented, comment="Fine.")
    Notification.objects.create(
        kind="ask",
        ask=soon,
        track=soon.track,
        approver=soon.asked[0],
        created_at=clock.now,
        bounced_at=clock.now,
    )
    assert listed(viewer, "risk__exact=high") == [risky]
    assert listed(viewer, "due=overdue") == [soon]
    assert listed(viewer, "due=week") == [week, soon]
    assert listed(viewer, "due=day") == [soon]
    assert listed(viewer, "approver=KIM@acme.com") == [commented]
    assert listed(viewer, "approver=nonsense") == []
    assert listed(viewer, "comment=yes") == [commented]
    assert listed(viewer, "delivery=failed") == [soon]
    assert listed(viewer, f"agent={KEY_ID}") == [commented, week, soon, risky]
    assert listed(viewer, "agent=another") == []
    assert listed(viewer, "source=Coupa") == []
    day = "created_at_from=2026-11-23&created_at_to=2026-11-23"
    assert listed(viewer, day) == [commented]
    assert listed(viewer, "created_at_to=2026-11-22") == [week, soon, risky]
    assert listed(viewer, "created_at_from=nonsense") == []


def test_what_people_read_to_each_other_is_found(
    viewer: Client, workspace: Workspace, clock: Clock
) -> None:
    first = ask_on(workspace, external_id="PO-7", approvers=["Kim@acme.com"])
    second = ask_on(workspace, customer="boss@acme.com")
    connection = Connection.objects.create(workspace=workspace, name="Coupa", created_at=clock.now)
    Record.objects.create(
        connection=connection,
        external_id="4711",
        revision="1",
        track=second.track,
        ask=second,
        created_at=clock.now,
        last_seen_at=clock.now,
    )
    found = {
        first.reference: [first],
        first.reference.lower().replace("-", ""): [first],
        first.public_id: [first],
        f" {first.track.public_id} ": [first],
        f"https://sayso.example/t/{first.track.slug}": [first],
        "KIM@acme.com": [first],
        "PO-7": [first],
        "4711": [second],
        "po-8": [],
        "0000-0000": [],
        "kim@": [],
        "x" * 300: [],
        "\u202e": [],
    }
    for term, asks in found.items():
        assert listed(viewer, f"q={term}") == asks, term
        tracks = [each.track for each in asks]
        assert listed(viewer, f"q={term}", "tracks/track") == tracks, term
    assert listed(viewer, "q=BOSS@acme.com", "tracks/track") == [second.track]


def test_nothing_of_another_workspace_is_found(viewer: Client, clock: Clock) -> None:
    theirs = ask_on(WorkspaceFactory(), external_id="PO-9")
    for term in (theirs.reference, theirs.public_id, theirs.track.slug, CFO, "PO-9"):
        assert listed(viewer, f"q={term}") == []
        assert listed(viewer, f"q=/t/{term}", "tracks/track") == []


def test_tracks_by_status_and_days(viewer: Client, workspace: Workspace, clock: Clock) -> None:
    active = TrackFactory(workspace=workspace)
    failed = TrackFactory(workspace=workspace)
    Track.objects.filter(pk=failed.pk).update(status="failed")
    assert listed(viewer, "status=active", "tracks/track") == [active]
    assert listed(viewer, "status=failed", "tracks/track") == [failed]
    assert listed(viewer, "updated_at_from=2026-11-23", "tracks/track") == []
    assert listed(viewer, "updated_at_to=2026-11-22", "tracks/track") == [failed, active]


@pytest.mark.parametrize("size", [1, 12])
def test_the_number_of_queries_does_not_depend_on_the_size(
    viewer: Client,
    workspace: Workspace,
    django_assert_num_queries: DjangoAssertNumQueries,
    size: int,
) -> None:
    for _ in range(size):
        ask_on(workspace)
    viewer.get("/admin/approvals/ask/")
    with django_assert_num_queries(11):
        viewer.get("/admin/approvals/ask/")
    with django_assert_num_queries(9):
        viewer.get("/admin/tracks/track/")
