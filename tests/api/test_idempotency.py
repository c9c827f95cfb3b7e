"""The Idempotency-Key header (API-09 to API-13)."""

from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from approvals.models import Ask, Notification
from tests.api.agent import Agent
from tests.api.calls import POSTS, Call
from tests.api.refused import code_of, nothing_written
from tests.conftest import Clock
from tests.factories import AskFactory, TrackFactory, answer, issue_key
from tracks import tasks
from tracks.models import Event, IdempotencyKey, Track, Workspace

REPLAYED = "Idempotency-Replayed"


@pytest.fixture
def ask(workspace: Workspace, clock: Clock) -> Ask:
    """An open ask on a track with a step."""
    return AskFactory(track=TrackFactory(workspace=workspace, steps=["x"]))


def make(call: Call, agent: Agent, ask: Ask, **headers: str) -> Any:
    """Make a call for a track and its ask; a question needs a track where none is open."""
    if call.name == "open_ask":
        track = TrackFactory._meta.model.objects.exclude(pk=ask.track_id).first()
        track = track or TrackFactory(workspace=ask.workspace)
        return call.make(agent, track=track.public_id, **headers)
    return call.make(agent, track=ask.track.public_id, ask=ask.public_id, **headers)


@pytest.mark.parametrize("call", POSTS, ids=str)
def test_the_first_response_comes_again_and_nothing_happens_twice(
    agent: Agent, ask: Ask, call: Call, clock: Clock
) -> None:
    """API-09."""
    first = make(call, agent, ask, Idempotency_Key="k")
    assert first.status_code in (200, 201)
    assert REPLAYED not in first.headers
    clock.move(days=6)
    with nothing_written():
        second = make(call, agent, ask, Idempotency_Key="k")
    assert second.headers[REPLAYED] == "true"
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["Content-Type"] == first.headers["Content-Type"]


@pytest.mark.parametrize("call", POSTS, ids=str)
def test_the_first_response_comes_again_though_it_would_be_refused_by_now(
    agent: Agent, ask: Ask, call: Call
) -> None:
    first = make(call, agent, ask, Idempotency_Key="k")
    agent.post(f"/tracks/{ask.track.public_id}/complete")
    assert make(call, agent, ask, Idempotency_Key="k").content == first.content


def test_names_keep_their_order_in_a_replay(agent: Agent) -> None:
    body = {"title": "A", "metadata": {"z": 1, "a": 2, "m": {"y": 1, "b": 2}}}
    first = agent.post("/tracks", body, Idempotency_Key="k")
    assert agent.post("/tracks", body, Idempotency_Key="k").content == first.content


@pytest.mark.django_db(transaction=True)
def test_a_replay_sends_no_second_notice(agent: Agent, track: Track) -> None:
    """API-09."""
    body = {"kind": "confirm", "prompt": "Approve?"}
    for _ in range(2):
        agent.post(f"/tracks/{track.public_id}/asks", body, Idempotency_Key="k")
    assert Notification.objects.filter(kind="ask").count() == 1
    assert Event.objects.filter(type="input_request.created").count() == 1


BODY = {"title": "A", "metadata": {"a": 1, "b": [1, 2]}}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tracks", {"title": "B"}),
        ("/tracks", BODY | {"steps": []}),
        ("/tracks", BODY | {"metadata": {"a": True, "b": [1, 2]}}),
        ("/tracks", BODY | {"metadata": {"a": 1, "b": [2, 1]}}),
        ("/tracks", {}),
        ("/tracks", BODY | {"unknown": 1}),
        ("{track}/actions", BODY),
        ("{track}/complete", BODY),
    ],
)
def test_another_body_or_path_under_a_used_key_is_refused(
    agent: Agent, track: Track, path: str, body: Any
) -> None:
    """API-10."""
    agent.post("/tracks", BODY, Idempotency_Key="k")
    with nothing_written():
        path = path.format(track=f"/tracks/{track.public_id}")
        response = agent.post(path, body, Idempotency_Key="k")
    assert code_of(response) == (422, "idempotency_mismatch")


def test_the_order_of_names_does_not_make_another_body(agent: Agent) -> None:
    first = agent.post("/tracks", {"title": "A", "steps": ["x"]}, Idempotency_Key="k")
    again = agent.post("/tracks", {"steps": ["x"], "title": "A"}, Idempotency_Key="k")
    assert again.json() == first.json()


def test_no_body_and_an_empty_object_are_the_same_body(agent: Agent, track: Track) -> None:
    path = f"/tracks/{track.public_id}/complete"
    first = agent.post(path, None, Idempotency_Key="k")
    assert agent.post(path, {}, Idempotency_Key="k").content == first.content


@pytest.mark.parametrize(
    "key", ["k", "x" * 255, '"k"', '"' + "x" * 255 + '"', "a b", "~!@#$%^&*()", '"', 'a"b', "'k'"]
)
def test_any_printable_ascii_is_a_key(agent: Agent, key: str) -> None:
    first = agent.post("/tracks", BODY, Idempotency_Key=key)
    again = agent.post("/tracks", BODY, Idempotency_Key=key)
    assert (first.status_code, again.headers[REPLAYED]) == (201, "true")


def test_a_key_in_quotes_is_the_same_as_without(agent: Agent) -> None:
    """API-10."""
    first = agent.post("/tracks", BODY, Idempotency_Key="k-1")
    again = agent.post("/tracks", BODY, Idempotency_Key='"k-1"')
    assert again.json() == first.json()
    assert [row.key for row in IdempotencyKey.objects.all()] == ["k-1"]


@pytest.mark.parametrize(
    "key",
    ["", '""', "x" * 256, '"' + "x" * 256 + '"', "a\tb", "a\x00b", "a\x7fb", "a\nb", "ü", "a\x85b"],
)
@pytest.mark.parametrize("call", POSTS[:1], ids=str)
def test_anything_else_is_malformed(agent: Agent, call: Call, key: str) -> None:
    """API-10."""
    with nothing_written():
        response = call.make(agent, Idempotency_Key=key)
    assert code_of(response) == (400, "malformed")


@pytest.mark.django_db(transaction=True)
def test_a_refusal_leaves_the_key_unused(agent: Agent, track: Track) -> None:
    """API-11."""
    path = f"/tracks/{track.public_id}/actions"
    refused = [
        agent.post(path, {"text": ""}, Idempotency_Key="k"),
        agent.post(path, {"text": "x", "step": 3}, Idempotency_Key="k"),
        agent.call("POST", path, raw=b"{", headers={"Idempotency-Key": "k"}),
        agent.call("POST", path, raw=b"[]", headers={"Idempotency-Key": "k"}),
        agent.post("/tracks/trk_x/actions", {"text": "x"}, Idempotency_Key="k"),
    ]
    assert [each.status_code for each in refused] == [422, 422, 400, 422, 404]
    assert not IdempotencyKey.objects.exists()
    assert agent.post(path, {"text": "x"}, Idempotency_Key="k").status_code == 201


def test_a_refused_state_leaves_the_key_unused_too(agent: Agent, ask: Ask) -> None:
    path = f"/tracks/{ask.track.public_id}/asks"
    body = {"kind": "confirm", "prompt": "And this?"}
    assert code_of(agent.post(path, body, Idempotency_Key="k")) == (409, "already_awaiting")
    answer(ask, True)
    response = agent.post(path, body, Idempotency_Key="k")
    assert (response.status_code, REPLAYED in response.headers) == (201, False)


def test_a_refusal_keeps_what_time_has_decided(agent: Agent, track: Track, clock: Clock) -> None:
    """The timeout of an overdue ask is recorded though the request that noticed it is refused."""
    ask = AskFactory(track=track, timeout_seconds=1)
    clock.move(seconds=1)
    response = agent.post(f"/asks/{ask.public_id}/cancel", Idempotency_Key="k")
    assert code_of(response) == (409, "ask_not_open")
    ask.refresh_from_db()
    assert ask.status == "timeout"
    assert not IdempotencyKey.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_key_and_its_effect_commit_together_or_not_at_all(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API-12."""

    def dies(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(IdempotencyKey.objects, "create", dies)
        with pytest.raises(RuntimeError, match="killed"):
            agent.post("/tracks", BODY, Idempotency_Key="k")
    assert (Track.objects.count(), Event.objects.count()) == (0, 0)
    assert agent.post("/tracks", BODY, Idempotency_Key="k").status_code == 201


def test_workspaces_do_not_share_keys(agent: Agent, stranger: Agent) -> None:
    """API-13."""
    ours = agent.post("/tracks", BODY, Idempotency_Key="k")
    theirs = stranger.post("/tracks", {"title": "B"}, Idempotency_Key="k")
    assert (ours.status_code, theirs.status_code) == (201, 201)


def test_the_scope_is_checked_before_a_replay(agent: Agent, workspace: Workspace) -> None:
    agent.post("/tracks", BODY, Idempotency_Key="k")
    reader = Agent(issue_key(workspace, scopes=["tracks:read"]))
    assert code_of(reader.post("/tracks", BODY, Idempotency_Key="k")) == (403, "missing_scope")


def test_keys_are_kept_for_seven_days(agent: Agent, clock: Clock) -> None:
    """API-13."""
    first = agent.post("/tracks", BODY, Idempotency_Key="k").json()
    clock.move(days=7)
    assert tasks.purge() == 0
    assert agent.post("/tracks", BODY, Idempotency_Key="k").json() == first
    clock.move(milliseconds=1)
    assert tasks.purge() == 1
    assert agent.post("/tracks", BODY, Idempotency_Key="k").json()["id"] != first["id"]


def test_what_was_sent_is_not_kept(agent: Agent) -> None:
    """The body may hold a password: a keyed digest of it is enough to compare."""
    agent.post("/tracks", {"title": "A", "password": "correct horse"}, Idempotency_Key="k")
    kept = IdempotencyKey.objects.get()
    assert "correct horse" not in str([kept.fingerprint, kept.body])
    assert len(kept.fingerprint) == 64


def test_a_patch_has_no_idempotency_key(agent: Agent, track: Track) -> None:
    path = f"/tracks/{track.public_id}"
    for title in ("B", "C"):
        response = agent.call(
            "PATCH", path, body={"title": title}, headers={"Idempotency-Key": "k"}
        )
        assert response.json()["title"] == title


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_the_second_of_two_at_once_is_told_that_the_first_still_runs(
    agent: Agent, workspace: Workspace
) -> None:
    """API-10: another connection holds the key's lock, as a running request does."""
    from django.db import connections

    from tracks import idempotency

    other = connections["default"].copy()
    try:
        with transaction.atomic(), other.cursor() as cursor:
            cursor.execute("BEGIN")
            original = idempotency.connection
            idempotency.connection = other
            try:
                idempotency._lock(workspace.pk, "k")
            finally:
                idempotency.connection = original
        response = agent.post("/tracks", BODY, Idempotency_Key="k")
        assert code_of(response) == (409, "idempotency_in_flight")
        assert response.headers["Retry-After"] == "1"
        with other.cursor() as cursor:
            cursor.execute("ROLLBACK")
        assert agent.post("/tracks", BODY, Idempotency_Key="k").status_code == 201
    finally:
        other.close()


def test_waking_and_notices_happen_once_for_a_keyed_request(
    agent: Agent, track: Track, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    body = {"kind": "confirm", "prompt": "Approve?"}
    with django_capture_on_commit_callbacks() as first:
        agent.post(f"/tracks/{track.public_id}/asks", body, Idempotency_Key="k")
    with django_capture_on_commit_callbacks() as second:
        agent.post(f"/tracks/{track.public_id}/asks", body, Idempotency_Key="k")
    assert (len(first), len(second)) == (2, 0)
