"""Tracks that mirror an approval of a system of record, and steps that are done from the start."""

import hashlib
import hmac
import json

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.errors import Invalid
from tests.api.agent import Agent
from tests.api.refused import nothing_written
from tests.conftest import Clock
from tests.factories import AGENT, TrackFactory, kinds
from tracks.fingerprints import is_fingerprint_of
from tracks.models import Event, Step, Track, Workspace
from tracks.sources import Source, is_web_address
from tracks.transitions import ExternalIdTaken, NewTrack, create_track, update_track

RT = Source(name="Request Tracker", url="https://rt.example.com/Ticket/Display.html?id=17")


def create(workspace: Workspace, **fields: object) -> Track:
    new = NewTrack(title="A", external_id="rec-1", **fields)  # type: ignore[arg-type]
    return create_track(workspace_id=workspace.pk, new=new, actor=AGENT)[0]


@pytest.mark.parametrize(
    "text",
    [
        "https://rt.example.com/Ticket/Display.html?id=17#txn-3",
        "http://rt:8080/",
        "http://127.0.0.1/x",
        "https://[::1]:8443/a",
        "https://xn--bcher-kva.example/",
    ],
)
def test_a_web_address_is_known(text: str) -> None:
    assert is_web_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rt.example.com",
        "//rt.example.com/",
        "javascript:alert(1)",
        "data:text/html,x",
        "https:///x",
        "https://rt.example.com@evil.example/",
        "https://rt.example.com:pass@evil.example/",
        "https://bücher.example/",
        "https://rt.example.com/a b",
        "https://rt.example.com\\@evil.example/",
        'https://rt.example.com/"onmouseover="x',
        "https://rt.example.com/\n",
        "https://rt.example.com:99999/",
        "https://[::1/",
        "https://rt.example.com/" + "x" * 2048,
    ],
)
def test_what_leads_elsewhere_or_nowhere_is_none(text: str) -> None:
    assert not is_web_address(text)


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (Source(name="RT", url="javascript:alert(1)"), "source.url"),
        (Source(name=" "), "source.name"),
        (Source(name="R" * 121), "source.name"),
        (Source(name="R\u202eT"), "source.name"),
    ],
)
def test_what_no_page_could_show_is_refused(
    workspace: Workspace, source: Source, field: str
) -> None:
    with nothing_written(), pytest.raises(Invalid) as refused:
        create(workspace, source=source)
    assert [each["field"] for each in refused.value.errors or []] == [field]


def test_its_json_says_where_it_comes_from(agent: Agent, workspace: Workspace) -> None:
    track = create(workspace, source=RT)
    there = {"name": "Request Tracker", "url": "https://rt.example.com/Ticket/Display.html?id=17"}
    assert agent.get(f"/tracks/{track.public_id}").json()["source"] == there
    other = TrackFactory(workspace=workspace, source=Source(name="Paper", decides_there=True))
    assert agent.get(f"/tracks/{other.public_id}").json()["source"] == {
        "name": "Paper",
        "url": None,
    }


def test_no_agent_can_claim_a_source(agent: Agent) -> None:
    response = agent.post("/tracks", {"title": "A", "source": {"name": "RT", "url": None}})
    assert response.status_code == 422


def test_a_track_without_one_keeps_the_fingerprint_it_always_had(workspace: Workspace) -> None:
    track = create(workspace)
    before = {
        "title": "A",
        "steps": [],
        "customer_email": None,
        "password": None,
        "external_id": "rec-1",
        "requester": None,
        "metadata": {},
    }
    canonical = json.dumps(before, sort_keys=True, separators=(",", ":"))
    key = b"sayso.fingerprint" + settings.SECRET_KEY.encode()
    assert track.creation_digest == hmac.digest(key, canonical.encode(), hashlib.sha256).hex()
    assert is_fingerprint_of(track.creation_digest, before)


def test_the_same_again_is_the_same_track_and_another_source_is_another(
    workspace: Workspace,
) -> None:
    track = create(workspace, source=RT)
    assert create(workspace, source=RT) == track
    for other in ({}, {"source": Source(name="Paper")}):
        with pytest.raises(ExternalIdTaken):
            create(workspace, **other)


def test_a_source_can_change_and_the_same_is_no_change(workspace: Workspace) -> None:
    track = create(workspace, source=RT)

    def change(to: Source | None) -> Track:
        return update_track(
            track_id=track.pk,
            workspace_id=workspace.pk,
            changes={"source": to},
            actor=AGENT,
        )

    with nothing_written():
        change(RT)
    moved = Source(name="Request Tracker", url="https://new.example.com/17", decides_there=True)
    assert change(moved).comes_from == moved
    assert Track.objects.get().comes_from == moved
    assert change(None).comes_from is None
    events = Event.objects.filter(type="track.updated").order_by("seq")
    assert [event.data for event in events] == [{"changed": ["source"]}] * 2
    with nothing_written(), pytest.raises(Invalid):
        change(Source(name="RT", url="ftp://rt.example.com/"))


def test_steps_that_are_done_from_the_start_are_on_record(
    workspace: Workspace, clock: Clock
) -> None:
    steps = ["Received", "Checked", "Decision", "Written back"]
    track = create(workspace, steps=steps, steps_done=2)
    rows = Step.objects.filter(track=track).values_list("status", "started_at", "ended_at")
    assert list(rows) == [
        ("completed", None, clock.now),
        ("completed", None, clock.now),
        ("active", clock.now, None),
        ("pending", None, None),
    ]
    assert kinds(track) == ["track.created", "step.completed", "step.completed", "step.started"]
    assert [event.data for event in Event.objects.filter(type__startswith="step.")] == [
        {"index": index, "title": steps[index], "detail": None} for index in (0, 1, 2)
    ]


def test_all_of_them_may_be_done_but_not_more(workspace: Workspace) -> None:
    track = create(workspace, steps=["One"], steps_done=1)
    assert kinds(track) == ["track.created", "step.completed"]
    for count in (-1, 2):
        with nothing_written(), pytest.raises(Invalid):
            create(workspace, steps=["One"], steps_done=count)


def test_they_cost_no_lock_and_no_second_look_at_their_rows(
    workspace: Workspace, clock: Clock
) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        create(workspace, steps=["Received", "Decision"], steps_done=1)
    statements = [each["sql"] for each in asked]
    steps = [sql for sql in statements if '"tracks_step"' in sql]
    assert [sql.split()[0] for sql in steps] == ["INSERT"]
    assert not any("FOR UPDATE" in sql for sql in statements)
